//! `message`: adds, copies, moves, marks and deletes single messages.
//!
//! Messages are named by references, as `search` prints them; all of one folder are one
//! command. Nothing is copied from one account to another here.

mod append;
mod args;

use anyhow::Result;
use serde::Serialize;

use crate::base::location::{Location, Reference};
use crate::open::references::{self, Group};
use crate::open::{self, Context, Create, EndpointOptions, Opened};
use crate::store::{Deleted, FlagChange, Id};
use crate::ui::{Exit, Failure, Format, Output, report};

pub use args::Args;
use args::{Action, Delete, Mark, Transfer};

/// Does what is asked.
///
/// # Errors
/// The first that an account has. What was confirmed before stays.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    match args.action {
        Action::Append(args) => append::run(&args, context, out).await,
        Action::Copy(args) => transfer(&args, false, context, out).await,
        Action::Move(args) => transfer(&args, true, context, out).await,
        Action::Mark(args) => mark(&args, context, out).await,
        Action::Delete(args) => delete(&args, context, out).await,
    }
}

/// What became of one message, as JSON.
#[derive(Debug, Serialize)]
struct Done<'d> {
    action: &'d str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// The reference of the new message; `None` where the store does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<String>,
}

/// Counts what was wanted and what was not there any more.
#[derive(Debug, Default)]
struct Count {
    wanted: usize,
    missing: usize,
}

impl Count {
    fn done(&self) -> usize {
        self.wanted - self.missing
    }

    /// Warns of what was missing; the exit code is that of `fetch`.
    fn exit(&self) -> Exit {
        if self.missing == 0 {
            return Exit::Ok;
        }
        report::warning(&format!(
            "{} of {} messages were not there any more",
            self.missing, self.wanted
        ));
        if self.missing == self.wanted { Exit::NoInput } else { Exit::Ok }
    }
}

fn messages(count: usize) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

/// The references on the command line and on standard input, by folder.
fn groups(words: &[String], nul: bool, context: &Context) -> Result<Vec<Group>> {
    references::grouped(words, &mut open::Stdin::new(&context.net.stop), nul)
}

/// Opens and selects a group's folder to change it; the messages of the group that are there.
async fn open_group(
    group: &Group,
    options: &EndpointOptions,
    count: &mut Count,
    context: &Context,
) -> Result<(Opened, Vec<Id>)> {
    let mut opened = open::open_mail(&group.location, options, Create::No, context).await?;
    opened.select(group.uid_validity, false).await?;
    let listed = opened.spool().list().await?;
    let there: std::collections::HashSet<Id> =
        listed.into_iter().map(|message| message.id).collect();
    let ids: Vec<Id> = group.ids.iter().filter(|id| there.contains(*id)).cloned().collect();
    count.wanted += group.ids.len();
    count.missing += group.ids.len() - ids.len();
    Ok((opened, ids))
}

/// The references of messages of the selected folder, where JSON tells of them.
fn names(opened: &mut Opened, ids: &[Id], out: &Output) -> Vec<Option<String>> {
    let mut names = Vec::with_capacity(ids.len());
    for id in ids {
        names.push(match out.format() {
            Format::Json => opened.reference(id).map(|reference| reference.to_string()),
            Format::Human | Format::Lines => None,
        });
    }
    names
}

/// The references of new messages in `folder`, where somebody reads them.
async fn new_names(
    opened: &mut Opened,
    folder: &str,
    ids: &[Option<Id>],
    out: &Output,
) -> Result<Vec<Option<String>>> {
    if out.format() == Format::Human || ids.iter().all(Option::is_none) {
        return Ok(vec![None; ids.len()]);
    }
    opened.select_folder(folder, true).await?;
    let mut names = Vec::with_capacity(ids.len());
    for id in ids {
        let reference = id.as_ref().and_then(|id| opened.reference(id));
        names.push(reference.map(|reference| reference.to_string()));
    }
    Ok(names)
}

fn no_store(location: &Location) -> Failure {
    Failure::usage(format!("{location}: its messages have no folders and no flags"))
        .hint("IMAP, Maildir and mbox have them")
}

/// The server that mail is on, and who logs in there; `None` for local mail and the like.
type At = (String, u16, Option<String>);

fn server_of(location: &Location, context: &Context) -> Result<Option<At>> {
    let account = context.config.account_of(location)?;
    let url = match location {
        Location::Imap(url) => url,
        Location::Account { .. } => match account.and_then(|account| account.imap.as_ref()) {
            Some(url) => url,
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let user = account
        .and_then(|account| account.user_at(&url.server))
        .or(url.server.user.as_deref())
        .map(str::to_owned);
    Ok(Some((url.server.host.to_ascii_lowercase(), url.port(), user)))
}

/// Whether a word names a message, or stands for the references on standard input.
fn is_message(word: &str) -> bool {
    word == "-" || Reference::parse(word).is_ok()
}

async fn transfer(
    args: &Transfer,
    moves: bool,
    context: &Context,
    out: &mut Output,
) -> Result<Exit> {
    let (references, to) = match (&args.to, args.references.split_last()) {
        (Some(to), _) => (args.references.as_slice(), to),
        // A message in its place is one that is to go, and the folder has been forgotten.
        (None, Some((to, references))) if !references.is_empty() && !is_message(to) => {
            (references, to)
        }
        _ => {
            return Err(Failure::usage("the folder that they go to is missing")
                .hint("name it behind the messages, or with --to ACCOUNT:FOLDER")
                .into());
        }
    };
    if is_message(to) {
        return Err(Failure::usage(format!("{to}: a message, where a folder is wanted")).into());
    }
    let to = Location::parse(to)?;
    let target = server_of(&to, context)?;
    let groups = groups(references, args.common.nul, context)?;
    for group in &groups {
        if target.is_none() || server_of(&group.location, context)? != target {
            let message = format!("{to}: not in the same account as {}", group.location);
            return Err(Failure::usage(message)
                .hint("`pillarbox fetch REF | pillarbox message append ACCOUNT:FOLDER` copies one")
                .into());
        }
    }
    let done = if moves { "moved" } else { "copied" };
    let mut count = Count::default();
    for group in &groups {
        let options = &args.server.options;
        let (mut opened, ids) = open_group(group, options, &mut count, context).await?;
        let folder = opened.folder_of(&to, context).await?.unwrap_or_else(|| "INBOX".to_owned());
        let old = names(&mut opened, &ids, out);
        let store = opened.store().ok_or_else(|| no_store(&group.location))?;
        let places = if ids.is_empty() {
            Vec::new()
        } else if moves {
            store.move_to(&ids, &folder).await?
        } else {
            store.copy(&ids, &folder).await?
        };
        let new = new_names(&mut opened, &folder, &places, out).await?;
        for (old, new) in old.into_iter().zip(new) {
            match (out.format(), new) {
                (Format::Json, new) => {
                    out.json(&Done { action: done, file: None, reference: old, new })?;
                }
                (Format::Lines, Some(new)) => out.line(&new)?,
                (Format::Lines, None) | (Format::Human, _) => {}
            }
        }
        opened.spool().finish().await?;
    }
    if out.format() == Format::Human {
        out.line(&format!("{done} {} to {to}", messages(count.done())))?;
    }
    Ok(count.exit())
}

async fn mark(args: &Mark, context: &Context, out: &mut Output) -> Result<Exit> {
    let marks = open::flags::marks(&args.words)?;
    let mut count = Count::default();
    for group in groups(&marks.references, args.common.nul, context)? {
        let options = &args.server.options;
        let (mut opened, ids) = open_group(&group, options, &mut count, context).await?;
        let store = opened.store().ok_or_else(|| no_store(&group.location))?;
        if !ids.is_empty() {
            let (add, remove) = (marks.add.clone(), marks.remove.clone());
            store.flag(&[FlagChange { ids: ids.clone(), add, remove }]).await?;
        }
        tell("marked", names(&mut opened, &ids, out), out)?;
        opened.spool().finish().await?;
    }
    if out.format() == Format::Human {
        out.line(&format!("marked {}", messages(count.done())))?;
    }
    Ok(count.exit())
}

async fn delete(args: &Delete, context: &Context, out: &mut Output) -> Result<Exit> {
    let mut count = Count::default();
    let mut only_marked = 0;
    for group in groups(&args.references, args.common.nul, context)? {
        let options = &args.server.options;
        let (mut opened, ids) = open_group(&group, options, &mut count, context).await?;
        let names = names(&mut opened, &ids, out);
        let fate = if ids.is_empty() { Deleted::Gone } else { opened.spool().delete(&ids).await? };
        // By POP3, only now they are gone.
        opened.spool().finish().await?;
        let action = match fate {
            Deleted::Gone | Deleted::AtFinish => "deleted",
            Deleted::Marked => {
                only_marked += ids.len();
                "marked-deleted"
            }
        };
        tell(action, names, out)?;
    }
    if out.format() == Format::Human {
        out.line(&format!("deleted {}", messages(count.done() - only_marked)))?;
    }
    if only_marked > 0 {
        report::warning(&format!(
            "{} only marked \\Deleted: this server cannot expunge them without others' \
             (it has no UIDPLUS)",
            messages(only_marked)
        ));
    }
    Ok(count.exit())
}

/// Tells as JSON what has been done with each message.
fn tell(action: &str, names: Vec<Option<String>>, out: &mut Output) -> Result<()> {
    if out.format() == Format::Json {
        for reference in names {
            out.json(&Done { action, file: None, reference, new: None })?;
        }
    }
    Ok(())
}
