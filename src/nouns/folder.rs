//! `folder`: lists, makes, renames and deletes folders, and says how they stand.
//!
//! Names are the user's, with `/` between levels, whatever the server's delimiter. A folder
//! that is not empty is deleted only when that is said.

mod rights;
mod status;

use anyhow::Result;
use serde::Serialize;

use crate::base::location::Location;
use crate::config::Account;
use crate::open::{self, Common, Context, Create, Endpoint, EndpointOptions, Mail, Opened, Own};
use crate::store::{self, Folder, Status};
use crate::ui::{Exit, Failure, Format, Output};

/// List, make, rename and delete folders, and see how they stand
///
/// A folder is ACCOUNT:FOLDER, with / between levels, or the IMAP URL of a mailbox.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true,
          subcommand_value_name = "ACTION", subcommand_help_heading = "Actions")]
pub struct Args {
    /// What is done.
    #[command(subcommand)]
    pub action: Action,
}

const EXAMPLES: &str = "\
Without a terminal, list prints one name a line; --json prints one object a folder with
`name`, `special_use`, `selectable`, `subscribed`, `messages`, `unseen` and `size` (in octets;
null where the server does not tell).

Examples:
  The folders of an account:
    pillarbox folder list alice
  Make two, with their parents:
    pillarbox folder create alice:Lists/rust alice:Lists/tokio
  Make one, call it otherwise, and delete it:
    pillarbox folder create alice:Old && pillarbox folder rename alice:Old alice:Older && \\
      pillarbox folder delete alice:Older
  How the INBOX stands:
    pillarbox folder status alice:INBOX --json

status prints one with `folder`, `messages`, `unseen`, `uidvalidity`, `uidnext`, `highestmodseq`,
`size` and `comment` (a note that a server with METADATA keeps), null where nobody tells.

quota prints an object for each resource with `folder`, `root`, `resource`, `usage` and `limit`
(STORAGE in units of 1024 octets); acl one for each entry with `folder`, `identifier` (left out
for your own) and `rights`.";

/// What is done with folders.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Action {
    /// List folders, as a tree on a terminal
    List(List),
    /// Make folders with their parents; one that is there already is no error
    Create(Named),
    /// Delete folders
    ///
    /// One that is not empty is deleted only with --force, and an INBOX never (exit code 65).
    /// All are looked at before the first is deleted. Folders below them stay.
    Delete(Delete),
    /// Rename a folder within its account
    Rename(Rename),
    /// Subscribe to folders
    Subscribe(Named),
    /// Unsubscribe from folders
    Unsubscribe(Named),
    /// Say how folders stand: messages, unseen, UIDVALIDITY, UIDNEXT and so on
    Status(Named),
    /// Say how much folders hold and may hold
    Quota(Named),
    /// Say who may do what with folders, and change that
    ///
    /// Your own rights come first; the rights of others are told to those who may administer
    /// the folder.
    Acl(rights::Acl),
}

/// What is listed.
#[derive(Debug, Clone, clap::Args)]
pub struct List {
    /// An account, a URL, a Maildir, or a folder, which is listed with those below it
    /// (default: the default account)
    #[arg(value_name = "LOCATION")]
    pub location: Option<String>,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

/// Folders by their names.
#[derive(Debug, Clone, clap::Args)]
pub struct Named {
    /// The folders
    #[arg(value_name = "ACCOUNT:FOLDER", required = true)]
    pub folders: Vec<String>,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

/// Which folders are deleted.
#[derive(Debug, Clone, clap::Args)]
pub struct Delete {
    /// Delete the messages in them too
    #[arg(long)]
    pub force: bool,

    /// The folders.
    #[command(flatten)]
    pub named: Named,
}

/// A folder's old and new name.
#[derive(Debug, Clone, clap::Args)]
pub struct Rename {
    /// The folder
    #[arg(value_name = "FROM")]
    pub from: String,

    /// Its new name, in the same account
    #[arg(value_name = "TO")]
    pub to: String,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

impl Args {
    /// The options of every verb.
    pub fn common(&self) -> &Common {
        match &self.action {
            Action::List(list) => &list.common,
            Action::Create(named)
            | Action::Subscribe(named)
            | Action::Unsubscribe(named)
            | Action::Status(named)
            | Action::Quota(named) => &named.common,
            Action::Acl(acl) => &acl.named.common,
            Action::Delete(delete) => &delete.named.common,
            Action::Rename(rename) => &rename.common,
        }
    }
}

/// Does what is asked.
///
/// # Errors
/// The first that an account has. What was confirmed before stays.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    match args.action {
        Action::List(args) => list(&args, context, out).await,
        Action::Create(args) => change(&args, Change::Create, context, out).await,
        Action::Subscribe(args) => change(&args, Change::Subscribe, context, out).await,
        Action::Unsubscribe(args) => change(&args, Change::Unsubscribe, context, out).await,
        Action::Delete(args) => {
            change(&args.named, Change::Delete { force: args.force }, context, out).await
        }
        Action::Rename(args) => rename(&args, context, out).await,
        Action::Status(args) => status::status(&args, context, out).await,
        Action::Quota(args) => rights::quota(&args, context, out).await,
        Action::Acl(args) => rights::acl(&args, context, out).await,
    }
}

/// A change to folders by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Create,
    Subscribe,
    Unsubscribe,
    Delete { force: bool },
}

impl Change {
    /// What has been done, for people.
    fn done(self) -> &'static str {
        match self {
            Change::Create => "created",
            Change::Subscribe => "subscribed",
            Change::Unsubscribe => "unsubscribed",
            Change::Delete { .. } => "deleted",
        }
    }
}

async fn list(args: &List, context: &Context, out: &mut Output) -> Result<Exit> {
    let location = match &args.location {
        Some(word) => Location::parse(word)?,
        None => default_account(context)?,
    };
    let mut opened = open::open_mail(&location, &args.server.options, Create::No, context).await?;
    let below = opened.folder_of(&location, context).await?;
    let mut folders = match &mut opened.mail {
        Mail::News(newsgroup, place) => {
            let wanted = place.wanted().map_err(|name| store::Error::NoFolder(name.to_owned()))?;
            newsgroup.groups(wanted.as_ref()).await?
        }
        _ => {
            let store = opened.store().ok_or_else(|| no_folders(&location))?;
            store.folders(&[]).await?
        }
    };
    if let Some(below) = &below {
        folders.retain(|folder| is_at_or_below(&folder.name, below));
        if folders.is_empty() {
            return Err(store::Error::NoFolder(below.clone()).into());
        }
    }
    if out.format() != Format::Lines {
        count(&mut opened, &mut folders).await?;
    }
    if let Some(account) = context.config.account_of(&location)? {
        name_special(&mut folders, account);
    }
    folders.sort_by(|a, b| order(&a.name).cmp(&order(&b.name)));
    match out.format() {
        Format::Human => {
            for line in tree(&folders) {
                out.line(&line)?;
            }
        }
        Format::Lines => {
            for folder in &folders {
                out.line(&folder.name)?;
            }
        }
        Format::Json => {
            for folder in &folders {
                out.json(&Told::of(folder))?;
            }
        }
    }
    opened.spool().finish().await?;
    Ok(Exit::Ok)
}

/// Asks a server that has told of no counts along with the list (no LIST-STATUS) for them, all
/// folders in one flight. One that may not be asked has none.
async fn count(opened: &mut Opened, folders: &mut [Folder]) -> Result<()> {
    let Mail::Imap(account, _) = &mut opened.mail else { return Ok(()) };
    let (mut unknown, mut mailboxes) = (Vec::new(), Vec::new());
    for folder in folders.iter_mut().filter(|it| it.selectable && it.status.is_none()) {
        // A name that only a server can have is listed all the same.
        if let Ok(mailbox) = account.names().to_mailbox(&folder.name) {
            mailboxes.push(mailbox);
            unknown.push(folder);
        }
    }
    let found = account.client().status(&mailboxes).await.map_err(store::Error::from)?;
    for (folder, status) in unknown.into_iter().zip(found) {
        folder.status = status;
    }
    Ok(())
}

/// What the configuration says of special folders counts for more than the server's words.
fn name_special(folders: &mut [Folder], account: &Account) {
    for folder in folders {
        folder.special_use.retain(|own| account.folder(own).is_none());
        let named = account.folders.iter().filter(|(_, name)| **name == folder.name);
        folder.special_use.extend(named.map(|(attribute, _)| (*attribute).to_owned()));
    }
}

/// One folder as JSON.
#[derive(Debug, Serialize)]
struct Told<'f> {
    name: &'f str,
    special_use: &'f [String],
    selectable: bool,
    subscribed: Option<bool>,
    messages: Option<u64>,
    unseen: Option<u64>,
    size: Option<u64>,
}

impl<'f> Told<'f> {
    fn of(folder: &'f Folder) -> Self {
        Self {
            name: &folder.name,
            special_use: &folder.special_use,
            selectable: folder.selectable,
            subscribed: folder.subscribed,
            messages: folder.status.map(|status| status.messages),
            unseen: folder.status.and_then(|status| status.unseen),
            size: folder.status.and_then(|status| status.size),
        }
    }
}

fn default_account(context: &Context) -> Result<Location> {
    let account = context.config.default_account().ok_or_else(|| {
        Failure::usage("no location given, and no default account")
            .hint("give an account or a URL, or put `default-account` into the configuration")
    })?;
    Ok(Location::Account { account: account.name.clone(), folder: None, whole: true })
}

fn no_folders(location: &Location) -> Failure {
    Failure::usage(format!("{location}: there are no folders in it"))
        .hint("folders are in an account with `imap`, at an IMAP or NNTP URL, and in a Maildir")
}

/// The INBOX first, then level by level.
fn order(name: &str) -> (bool, Vec<&str>) {
    let levels: Vec<&str> = name.split('/').collect();
    (!levels.first().is_some_and(|first| first.eq_ignore_ascii_case("INBOX")), levels)
}

fn is_at_or_below(name: &str, folder: &str) -> bool {
    match name.strip_prefix(folder) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => name.eq_ignore_ascii_case("INBOX") && folder.eq_ignore_ascii_case("INBOX"),
    }
}

/// Folders in their order as lines, each level indented; parents that are no folders
/// themselves have a line too.
fn tree(folders: &[Folder]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut above: Vec<&str> = Vec::new();
    for folder in folders {
        let levels: Vec<&str> = folder.name.split('/').collect();
        let shared = above.iter().zip(&levels).take_while(|(one, other)| one == other).count();
        for (depth, level) in levels.iter().enumerate().skip(shared) {
            let facts = if depth + 1 == levels.len() { facts(folder) } else { String::new() };
            lines.push(format!("{}{level}{facts}", "  ".repeat(depth)));
        }
        above = levels;
    }
    lines
}

/// What stands behind a folder's name in the tree.
fn facts(folder: &Folder) -> String {
    let mut words: Vec<String> = Vec::new();
    if let Some(status) = folder.status {
        words.push(match status.unseen {
            Some(unseen) if unseen > 0 => format!("{} ({unseen} unseen)", status.messages),
            _ => status.messages.to_string(),
        });
        words.extend(status.size.map(|size| indicatif::HumanBytes(size).to_string()));
    }
    words.extend(folder.special_use.iter().cloned());
    if !folder.selectable {
        words.push("not selectable".to_owned());
    }
    if folder.subscribed == Some(false) {
        words.push("not subscribed".to_owned());
    }
    if words.is_empty() { String::new() } else { format!("  {}", words.join(", ")) }
}

/// Folders of one store.
struct Group {
    /// The store as a whole.
    store: Location,
    /// The folders in it.
    folders: Vec<Location>,
}

/// The store that a folder is in.
fn store_of(location: &Location) -> Location {
    match location {
        Location::Account { account, .. } => {
            Location::Account { account: account.clone(), folder: None, whole: true }
        }
        Location::Imap(url) => {
            let mut url = url.clone();
            url.mailbox = None;
            Location::Imap(url)
        }
        other => other.clone(),
    }
}

/// Groups folders by their store, so that each store is opened once.
fn grouped(words: &[String]) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    for word in words {
        let location = Location::parse(word)?;
        let store = store_of(&location);
        match groups.iter_mut().find(|group| group.store == store) {
            Some(group) if group.folders.contains(&location) => {}
            Some(group) => group.folders.push(location),
            None => groups.push(Group { store, folders: vec![location] }),
        }
    }
    Ok(groups)
}

/// The name of a folder that has to be named.
async fn name_of(opened: &mut Opened, location: &Location, context: &Context) -> Result<String> {
    opened.folder_of(location, context).await?.ok_or_else(|| {
        Failure::usage(format!("{location}: no folder is named"))
            .hint("write ACCOUNT:FOLDER, or the URL of a mailbox")
            .into()
    })
}

async fn open_group(
    group: &Group,
    options: &EndpointOptions,
    context: &Context,
) -> Result<(Opened, Vec<String>)> {
    if group.store.is_local() {
        return Err(Failure::usage(format!("{}: no folder is named", group.store))
            .hint("folders of local mail are files and folders of the disk")
            .into());
    }
    let mut opened = open::open_mail(&group.store, options, Create::No, context).await?;
    let mut names = Vec::with_capacity(group.folders.len());
    for location in &group.folders {
        names.push(name_of(&mut opened, location, context).await?);
    }
    Ok((opened, names))
}

async fn change(args: &Named, change: Change, context: &Context, out: &mut Output) -> Result<Exit> {
    // All stores are opened, and all folders looked at, before the first is changed.
    let mut ready = Vec::new();
    for group in grouped(&args.folders)? {
        let (mut opened, names) = open_group(&group, &args.server.options, context).await?;
        if let Change::Delete { force } = change {
            may_delete(&mut opened, &group, &names, force).await?;
        }
        ready.push((group, opened, names));
    }
    for (group, opened, names) in &mut ready {
        let store = opened.store().ok_or_else(|| no_folders(&group.store))?;
        match change {
            Change::Create => store.create(names).await?,
            Change::Subscribe => store.subscribe(names, true).await?,
            Change::Unsubscribe => store.subscribe(names, false).await?,
            Change::Delete { .. } => store.remove(names).await?,
        }
        for location in &group.folders {
            tell(change.done(), &location.to_string(), None, out)?;
        }
        opened.spool().finish().await?;
    }
    Ok(Exit::Ok)
}

/// Refuses the INBOX, what is not there, and what is not empty unless that is wanted.
async fn may_delete(
    opened: &mut Opened,
    group: &Group,
    names: &[String],
    force: bool,
) -> Result<()> {
    let store = opened.store().ok_or_else(|| no_folders(&group.store))?;
    let folders = store.folders(&[]).await?;
    for (name, location) in names.iter().zip(&group.folders) {
        if name.eq_ignore_ascii_case("INBOX") {
            let message = format!("{location}: an INBOX is never deleted");
            return Err(Failure::new(Exit::Data, message).into());
        }
        let Some(folder) = folders.iter().find(|folder| folder.name == *name) else {
            return Err(store::Error::NoFolder(name.clone()).into());
        };
        if force || !folder.selectable {
            continue;
        }
        let Status { messages, .. } = store.select(name, true).await?;
        if messages > 0 {
            let message = format!("{location}: the folder is not empty ({messages} messages)");
            return Err(Failure::new(Exit::Data, message)
                .hint("--force deletes it with its messages")
                .into());
        }
    }
    Ok(())
}

async fn rename(args: &Rename, context: &Context, out: &mut Output) -> Result<Exit> {
    let (from, to) = (Location::parse(&args.from)?, Location::parse(&args.to)?);
    if store_of(&from) != store_of(&to) {
        return Err(Failure::usage(format!("{to}: not in the same account as {from}"))
            .hint("sync copies folders from one account to another")
            .into());
    }
    let group = Group { store: store_of(&from), folders: vec![from.clone(), to.clone()] };
    let (mut opened, names) = open_group(&group, &args.server.options, context).await?;
    let store = opened.store().ok_or_else(|| no_folders(&group.store))?;
    if let [old, new] = names.as_slice() {
        store.rename(old, new).await?;
    }
    tell("renamed", &from.to_string(), Some(&to.to_string()), out)?;
    opened.spool().finish().await?;
    Ok(Exit::Ok)
}

/// Says what has been done with a folder: to people and as JSON.
fn tell(done: &str, folder: &str, to: Option<&str>, out: &mut Output) -> Result<()> {
    #[derive(Serialize)]
    struct Done<'d> {
        action: &'d str,
        folder: &'d str,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<&'d str>,
    }
    match (out.format(), to) {
        (Format::Human, Some(to)) => out.line(&format!("{done} {folder} to {to}"))?,
        (Format::Human, None) => out.line(&format!("{done} {folder}"))?,
        (Format::Lines, _) => {}
        (Format::Json, _) => out.json(&Done { action: done, folder, to })?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> Folder {
        Folder { name: name.to_owned(), selectable: true, ..Folder::default() }
    }

    #[test]
    fn a_tree_shows_parents_that_are_not_there() {
        let mut folders = vec![folder("a/b/c"), folder("Sent"), folder("inbox"), folder("a/b")];
        folders[1].special_use = vec!["\\Sent".to_owned()];
        folders[2].status = Some(Status { messages: 3, unseen: Some(1), ..Status::default() });
        folders.sort_by(|a, b| order(&a.name).cmp(&order(&b.name)));
        let wanted = ["inbox  3 (1 unseen)", "Sent  \\Sent", "a", "  b", "    c"];
        assert_eq!(tree(&folders), wanted);
    }

    #[test]
    fn a_folder_is_listed_with_those_below() {
        assert!(is_at_or_below("Lists", "Lists"));
        assert!(is_at_or_below("Lists/rust", "Lists"));
        assert!(!is_at_or_below("Listserv", "Lists"));
        assert!(is_at_or_below("INBOX", "inbox"));
    }

    #[test]
    fn folders_of_an_account_are_one_group() {
        let words = ["alice:a", "imap://u@h/a", "alice:b", "alice:a", "imap://u@h/b"];
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let groups = grouped(&words).expect("folders");
        let found: Vec<(String, usize)> =
            groups.iter().map(|group| (group.store.to_string(), group.folders.len())).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], ("alice:".to_owned(), 2));
        assert_eq!(found[1].1, 2);
    }
}
