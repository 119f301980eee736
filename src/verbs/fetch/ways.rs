//! From words to targets: what they are called in the record, and how they are opened.

use anyhow::Result;

use super::args::Args;
use super::handed::{IntoCommand, IntoServer, IntoStore, Recipients, References};
use super::memory;
use super::plan::{Errand, Wanted};
use super::targets::{
    AsJson, AsMbox, IntoEml, IntoMaildir, IntoMbox, Lacking, OutputWriter, Raw, TARGETS, Target,
    at_target,
};
use crate::base::location::{ImapUrl, Location};
use crate::open::{self, Context, Create, Mail, Outgoing};
use crate::store::line_ends::LineEnds;
use crate::store::pattern::canonical;
use crate::store::{self, Id, What, eml, mbox};
use crate::ui::{Exit, Failure, Format, Output};

/// One way that messages go.
#[derive(Debug, Clone)]
enum Way {
    Stdout,
    Command(String),
    /// The word, as `--via` of `send` takes it.
    Server(String, Recipients),
    Mail(Box<Location>),
}

/// All ways of a run.
pub struct Ways(Vec<Way>);

impl Ways {
    /// Those of a command line; standard output where it names none.
    ///
    /// # Errors
    /// [`Failure`] (64) for words that do not fit together.
    pub fn of(args: &Args, context: &Context) -> Result<Self> {
        let mut ways = Vec::new();
        for word in &args.to {
            match Location::parse(word)? {
                Location::Stdio => ways.push(Way::Stdout),
                location @ Location::Smtp(_) => ways.extend(servers(&location, word, args)?),
                location @ (Location::Pop(_) | Location::Nntp(_) | Location::News(_)) => {
                    return Err(Failure::usage(format!("{location}: is no target of fetch")).into());
                }
                location => {
                    // An account without a mailbox of its own may still send.
                    if let Location::Account { folder: None, .. } = &location
                        && let Some(account) = context.config.account_of(&location)?
                        && account.imap.is_none()
                        && account.smtp.is_some()
                    {
                        ways.extend(servers(&location, word, args)?);
                        continue;
                    }
                    ways.push(Way::Mail(Box::new(location)));
                }
            }
        }
        ways.extend(args.exec.clone().map(Way::Command));
        if ways.is_empty() {
            ways.push(Way::Stdout);
        }
        if ways.iter().filter(|way| matches!(way, Way::Stdout)).count() > 1 {
            return Err(Failure::usage("standard output can be a target once").into());
        }
        if ways.len() > TARGETS {
            return Err(Failure::usage(format!("more than {TARGETS} targets")).into());
        }
        let has_server = ways.iter().any(|way| matches!(way, Way::Server(..)));
        if !has_server && (!args.rcpt.is_empty() || args.rcpt_from_header.is_some()) {
            return Err(Failure::usage(
                "--rcpt and --rcpt-from-header are for a server that delivers",
            )
            .hint("name one: --to lmtp://HOST or --to submission://USER@HOST")
            .into());
        }
        Ok(Self(ways))
    }

    /// Checks the options against what is fetched from where.
    ///
    /// # Errors
    /// [`Failure`] (64).
    pub fn check(&self, args: &Args, errands: &[Errand]) -> Result<()> {
        let is_remote = |location: &Location| !location.is_local();
        let to_remote = self.0.iter().any(|way| match way {
            Way::Server(..) => true,
            Way::Mail(location) => is_remote(location),
            Way::Stdout | Way::Command(_) => false,
        });
        if let Some(name) = args.to_server.options.first_given()
            && !to_remote
        {
            let message = format!("--to-{name}: no target is a server");
            return Err(Failure::usage(message).into());
        }
        if let Some(name) = args.server.options.first_given()
            && to_remote
            && errands.iter().any(|errand| is_remote(&errand.location))
        {
            let hint = format!(
                "--to-{name} is for the target; the source's settings are those of its account or URL"
            );
            let message = format!("--{name} could mean the source or the target");
            return Err(Failure::usage(message).hint(hint).into());
        }
        for way in &self.0 {
            let Way::Mail(target) = way else { continue };
            if let Some(same) = errands
                .iter()
                .find(|errand| errand.wanted == Wanted::All && is_same(&errand.location, target))
            {
                let message = format!("{}: is both a source and a target", same.location);
                return Err(Failure::usage(message).into());
            }
        }
        let loses = args.delete_after.is_some()
            || matches!(args.then, Some(super::then::Then::Delete | super::then::Then::Move(_)));
        if loses && errands.iter().any(|errand| errand.what != What::Whole) {
            return Err(Failure::usage("only whole messages can be deleted or moved once fetched")
                .hint("leave out --headers, --section and --range")
                .into());
        }
        Ok(())
    }

    /// What the targets are called in the record, in their order.
    pub fn names(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|way| match way {
                Way::Stdout => "-".to_owned(),
                Way::Command(command) => format!("exec:{command}"),
                Way::Server(word, Recipients::One(rcpt)) => format!("{word} {rcpt}"),
                Way::Server(word, Recipients::OfHeader(name)) => format!("{word} {name}:"),
                Way::Mail(location) => memory::name(location),
            })
            .collect()
    }

    /// Whether standard output is one of them.
    pub fn has_stdout(&self) -> bool {
        self.0.iter().any(|way| matches!(way, Way::Stdout))
    }

    /// All of them.
    pub fn all(&self) -> Lacking {
        Lacking::all(self.0.len())
    }

    /// Whether somebody is told what messages are called.
    pub fn names_messages(&self, out: &Output) -> bool {
        self.0.iter().any(|way| match way {
            Way::Stdout => out.format() == Format::Json,
            Way::Command(_) | Way::Server(..) => true,
            Way::Mail(_) => false,
        })
    }

    /// Opens them. `as_mbox`: standard output gets several whole messages. `folder`: the
    /// messages are of this one among several, and a target that has folders keeps them in one
    /// of that name.
    ///
    /// # Errors
    /// A place that cannot be made or opened.
    pub async fn open<'o>(
        &self,
        args: &Args,
        as_mbox: bool,
        folder: Option<&str>,
        references: References,
        context: &'o Context,
        out: &'o mut Output,
    ) -> Result<Vec<Box<dyn Target + 'o>>> {
        let mut all: Vec<Box<dyn Target + 'o>> = Vec::new();
        let is_headers = args.headers.is_some();
        let mut stdout = Some(out);
        for way in &self.0 {
            let references = references.clone();
            all.push(match way {
                Way::Stdout => match stdout.take() {
                    None => continue,
                    Some(out) if out.format() == Format::Json => {
                        let name = move |id: &Id| references.get(id).cloned().unwrap_or_default();
                        Box::new(AsJson::new(out, Box::new(name), is_headers))
                    }
                    Some(out) if as_mbox => {
                        let clock = store::system_clock();
                        Box::new(AsMbox(mbox::Writer::new(OutputWriter(out), LineEnds::Lf, clock)))
                    }
                    Some(out) => Box::new(Raw(out)),
                },
                Way::Command(command) => Box::new(IntoCommand::new(command, references)),
                Way::Server(word, recipients) => {
                    let route = Outgoing::new(Some(word), None, context)?;
                    let options = args.to_server.options.clone();
                    let recipients = recipients.clone();
                    Box::new(IntoServer::new(route, options, context, recipients, references))
                }
                Way::Mail(location) => mail(location, folder, args, context).await?,
            });
        }
        Ok(all)
    }
}

/// Whether two words lead to the same mail, as far as the words tell.
fn is_same(source: &Location, target: &Location) -> bool {
    let local = |location: &Location| match location {
        Location::Maildir(path)
        | Location::Mbox(path)
        | Location::Eml(path)
        | Location::Path(path) => std::fs::canonicalize(open::local_path(path)).ok(),
        _ => None,
    };
    match (source, target) {
        (
            Location::Account { account, folder, whole },
            Location::Account { account: to, folder: of, .. },
        ) => {
            let inbox = |folder: &Option<String>| folder.clone().unwrap_or_else(|| "INBOX".into());
            // All of an account goes into folders of the same names.
            account == to && (*whole && of.is_none() || !*whole && inbox(folder) == inbox(of))
        }
        (Location::Imap(source), Location::Imap(target)) => {
            let name = |url: &ImapUrl| {
                url.mailbox
                    .as_ref()
                    .map_or_else(|| b"INBOX".to_vec(), |mailbox| mailbox.name.clone())
            };
            source.server == target.server && name(source) == name(target)
        }
        _ => local(source).is_some_and(|path| local(target) == Some(path)),
    }
}

/// A server, once for each recipient that was named.
fn servers(location: &Location, word: &str, args: &Args) -> Result<Vec<Way>> {
    if let Some(name) = &args.rcpt_from_header {
        return Ok(vec![Way::Server(word.to_owned(), Recipients::OfHeader(name.clone()))]);
    }
    if args.rcpt.is_empty() {
        return Err(Failure::usage(format!("{location}: whom does it deliver to?"))
            .hint("give --rcpt ADDRESS, or --rcpt-from-header Delivered-To")
            .into());
    }
    let one = |rcpt: &String| Way::Server(word.to_owned(), Recipients::One(rcpt.clone()));
    Ok(args.rcpt.iter().map(one).collect())
}

async fn mail<'o>(
    location: &Location,
    own: Option<&str>,
    args: &Args,
    context: &Context,
) -> Result<Box<dyn Target + 'o>> {
    let options = &args.to_server.options;
    let target = |error: anyhow::Error| match error.downcast::<store::Error>() {
        Ok(error) => anyhow::Error::from(at_target(error)),
        Err(other) => other,
    };
    let opened = open::open_mail(location, options, Create::Yes, context).await;
    let mut opened = opened.map_err(target)?;
    let line_ends = if args.crlf { LineEnds::AsIs } else { LineEnds::Lf };
    // A target that names one folder is that folder, whatever the source's are called.
    let is_tree = match location {
        Location::Account { whole, .. } => *whole,
        Location::Imap(url) => url.mailbox.is_none(),
        _ => true,
    };
    let own = own.filter(|_| is_tree).map(canonical);
    if let Some(own) = &own
        && own != "INBOX"
        && matches!(opened.mail, Mail::Maildir(_) | Mail::Imap(..))
        && let Some(store) = opened.store()
    {
        let created = store.create(std::slice::from_ref(own)).await;
        created.map_err(|error| target(error.into()))?;
    }
    let folder = own.or_else(|| opened.folder.clone()).unwrap_or_else(|| "INBOX".to_owned());
    match opened.mail {
        Mail::Maildir(maildir) => {
            Ok(Box::new(IntoMaildir(maildir.writer_with(&folder, line_ends)?)))
        }
        Mail::Mbox(mbox, _) => Ok(Box::new(IntoMbox(mbox.appender_with(line_ends)))),
        Mail::Eml(_, path) => Ok(Box::new(IntoEml(eml::Writer::new(&path, Default::default())?))),
        Mail::Imap(..) => Ok(Box::new(IntoStore::new(opened, folder))),
        _ => Err(Failure::new(Exit::Usage, format!("{location}: is no target of fetch")).into()),
    }
}
