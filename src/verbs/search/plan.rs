//! From the command line to what is looked for where.

use std::ffi::OsStr;

use anyhow::Result;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::args::Args;
use super::input::{self, Input, Piped};
use super::server::{Only, Place, Scope};
use crate::base::location::{ImapSelect, ImapUrl, Location};
use crate::config::Config;
use crate::imap::client::Capabilities;
use crate::query::{self, Context, Expr, Field, Pattern, Term};
use crate::store::Id;
use crate::ui::{Exit, Failure};

/// Somewhere to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An IMAP server.
    Server(Place),
    /// A place that `open` knows: local mail, a maildrop. Only these messages, or all.
    Place(Location, Option<Vec<Id>>),
    /// Files that are one message each; what kind they are, their place tells.
    Files(Vec<std::path::PathBuf>),
    /// One message, here.
    Message(Vec<u8>),
    /// An mbox that came by standard input.
    Mbox(Piped),
}

/// Everything that the command line asks for.
#[derive(Debug)]
pub struct Plan {
    /// What is looked for.
    pub expr: Expr,
    /// Where, in this order.
    pub targets: Vec<Target>,
    /// The zone in which days begin.
    pub zone: TimeZone,
    /// The present, from which spans go back.
    pub now: Timestamp,
}

impl Plan {
    /// Reads the query and the locations, and standard input where that is one of them.
    ///
    /// # Errors
    /// [`Failure`] for a query or a location that cannot be read.
    pub fn make(args: &Args, config: &Config, stdin: &mut dyn std::io::Read) -> Result<Plan> {
        if args.query.starts_with("--") {
            let message = format!("{}: there is no such option", args.query);
            return Err(Failure::new(Exit::Two, message)
                .hint("a query may begin with one -, for NOT, but not with two")
                .into());
        }
        // What a variable that is not set leaves; and what finds all may be on its way to be deleted.
        if args.query.trim().is_empty() {
            let failure = Failure::new(Exit::Two, "the query is empty");
            return Err(failure.hint("* alone is every message").into());
        }
        if args.locations.is_empty() && is_place(&args.query, config) {
            let message = format!("{}: this is a place to look, and there is no query", args.query);
            let hint = format!("the query comes first; text:{} looks for the word", args.query);
            return Err(Failure::new(Exit::Two, message).hint(hint).into());
        }
        let zone = args.timezone.clone().unwrap_or_else(crate::open::zone);
        let now = Timestamp::now();
        let context = Context { now, zone: zone.clone() };
        let expr = query::parse(&args.query, &context).map_err(|error| {
            let shown = error.render(&args.query).replace('\n', "\n  ");
            Failure::new(Exit::Two, format!("the query cannot be read\n  {shown}"))
                .hint("see pillarbox-query(7) for the language")
        })?;
        // Of which folder, no message can say.
        let is_last = |term: &&Term| match term {
            Term::Uid(set) => set.0.contains(&(u32::MAX, u32::MAX)),
            _ => false,
        };
        if expr.terms().iter().any(is_last) {
            let failure =
                Failure::new(Exit::Two, "uid:*: which UID is the last, a query cannot say");
            return Err(failure
                .hint("uid:10:* is all from 10 on; fetch --uid '*' the last")
                .into());
        }
        let mut targets = Vec::new();
        if args.locations.is_empty() {
            let Some(account) = config.default_account() else {
                return Err(Failure::new(Exit::Two, "no location given, and no default account")
                    .hint("name a place to look: an account, a URL, or a path such as ~/Mail")
                    .into());
            };
            let account = account.name.clone();
            let location = Location::Account { account, folder: None, whole: true };
            targets.push(target(location, config)?);
        }
        let mut has_read = false;
        for word in &args.locations {
            if word == OsStr::new("-") {
                if std::mem::replace(&mut has_read, true) {
                    return Err(Failure::usage("standard input can be read only once").into());
                }
                match input::read(stdin, args.common.nul)? {
                    Input::References(references) => {
                        targets.extend(input::targets(&references, config)?);
                    }
                    Input::Message(octets) => targets.push(Target::Message(octets)),
                    Input::Mbox(piped) => targets.push(Target::Mbox(piped)),
                }
                continue;
            }
            targets.push(target(Location::parse_os(word)?, config)?);
        }
        if args.uids && !is_one_folder(&targets) {
            let message = "UIDs name messages of one folder of an IMAP server";
            return Err(Failure::new(Exit::Two, message)
                .hint("name one folder, such as work:INBOX")
                .into());
        }
        // References on standard input may be none.
        if !targets.is_empty() {
            have_meaning(args, &targets)?;
        }
        Ok(Plan { expr, targets, zone, now })
    }
}

/// Whether a word is the name of an account, or a path that is there.
fn is_place(word: &str, config: &Config) -> bool {
    let is_path = word.contains('/') || word.starts_with(['.', '~']);
    let is_there = || crate::open::local_path(std::path::Path::new(word)).exists();
    config.account(word).is_ok() || (is_path && is_there())
}

fn is_one_folder(targets: &[Target]) -> bool {
    matches!(targets, [Target::Server(place)] if place.scope != Scope::All)
}

/// Whether a place can answer all terms of a query.
///
/// # Errors
/// [`Failure`] for a term that only an IMAP server can answer, at a place that is none.
pub fn can_answer(target: &Target, expr: &Expr) -> Result<()> {
    let (place, account) = match target {
        Target::Server(_) => return Ok(()),
        Target::Place(location @ Location::Account { account, .. }, _) => {
            (location.to_string(), Some(account.as_str()))
        }
        Target::Place(location, _) => (location.to_string(), None),
        Target::Files(_) | Target::Message(_) => ("a single message".to_owned(), None),
        Target::Mbox(_) => ("an mbox on standard input".to_owned(), None),
    };
    // What the query asks of other accounts alone is nothing to this one.
    let expr = query::narrowed_to_account(expr, account);
    let message = expr.terms().into_iter().find_map(|term| match term {
        Term::Gmail(_) => Some(format!("gm: is Gmail's own language, and {place} is not Gmail")),
        Term::Uid(_) => Some(format!("uid: is for IMAP servers, and {place} has no UIDs")),
        _ => None,
    });
    match message {
        Some(message) => Err(Failure::new(Exit::Two, message).into()),
        None => Ok(()),
    }
}

/// Whether a server can answer `gm:`, where a query has it.
///
/// # Errors
/// [`Failure`] for a server that is not Gmail.
pub fn is_gmail(
    expr: &Expr,
    account: Option<&str>,
    capabilities: &Capabilities,
    host: &str,
) -> Result<()> {
    let expr = query::narrowed_to_account(expr, account);
    let has_gm = expr.terms().iter().any(|term| matches!(term, Term::Gmail(_)));
    if !has_gm || capabilities.has("X-GM-EXT-1") {
        return Ok(());
    }
    let message = format!("gm: is Gmail's own language, and {host} is not Gmail");
    Err(Failure::new(Exit::Two, message).into())
}

/// Refuses options that mean nothing at any of the places.
fn have_meaning(args: &Args, targets: &[Target]) -> Result<()> {
    let has_server = targets.iter().any(|target| matches!(target, Target::Server(_)));
    let may_have_maildir = targets.iter().any(|target| match target {
        Target::Place(location, _) => matches!(location, Location::Path(_) | Location::Maildir(_)),
        _ => false,
    });
    let meaning = [
        (args.verify && !has_server, "--verify compares an IMAP server's answer"),
        (args.fuzzy && !has_server, "--fuzzy is for IMAP servers"),
        (args.index && !may_have_maildir, "--index is kept in Maildirs"),
    ];
    match meaning.iter().find(|(is_wrong, _)| *is_wrong) {
        Some((_, what)) => {
            let message = format!("{what}, and none is searched");
            Err(Failure::new(Exit::Two, message).into())
        }
        None => Ok(()),
    }
}

/// What one location means here.
fn target(location: Location, config: &Config) -> Result<Target> {
    let account = config.account_of(&location)?;
    let name = account.map(|account| account.name.clone());
    match &location {
        Location::Account { folder, .. } => {
            if account.is_none_or(|account| account.imap.is_none()) {
                return Ok(Target::Place(location, None));
            }
            let scope = folder.clone().map_or(Scope::All, Scope::Folder);
            let account = name.clone().unwrap_or_default();
            let location = Location::Account { account, folder: None, whole: true };
            Ok(Target::Server(Place { account: name, location, scope }))
        }
        Location::Imap(url) => of_url(url, name).map(Target::Server),
        Location::MboxMessage(message) => {
            let mbox = Location::Mbox(message.path.clone());
            Ok(Target::Place(mbox, Some(vec![input::mbox_id(message)])))
        }
        Location::Path(path) | Location::Maildir(path) if input::is_maildir_file(path) => {
            Ok(Target::Files(vec![crate::open::local_path(path)]))
        }
        _ => Ok(Target::Place(location, None)),
    }
}

fn of_url(url: &ImapUrl, account: Option<String>) -> Result<Place> {
    let scope = match &url.mailbox {
        None => Scope::All,
        Some(mailbox) => {
            let uid_validity = mailbox.uid_validity;
            let uids = match &mailbox.select {
                ImapSelect::All => None,
                ImapSelect::Message(message) => Some(vec![message.uid.get()]),
                ImapSelect::Search(_) => {
                    return Err(Failure::usage(format!("{url}: a search within a search"))
                        .hint("put what the URL asks for into the query")
                        .into());
                }
            };
            Scope::Mailbox(mailbox.name.clone(), Only { uid_validity, uids })
        }
    };
    let location = Location::Imap(ImapUrl { mailbox: None, ..url.clone() });
    Ok(Place { account, location, scope })
}

/// Whose meaning `body:` and `text:` have: `server` where one answers them itself, else
/// `exact`; `None` where the query has neither.
pub fn text_by(expr: &Expr, by_server: bool) -> Option<&'static str> {
    let mut found = None;
    for term in expr.terms() {
        match term {
            Term::Match(Field::Body | Field::Text, Pattern::Text(_)) if by_server => {
                return Some("server");
            }
            Term::Match(Field::Body | Field::Text, _) => found = Some("exact"),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config() -> Config {
        let text = "default-account = \"work\"\n\
            [account.work]\nemail = \"ann@x.org\"\nimap = \"imaps://ann@mail.x.org\"\n\
            [account.old]\nemail = \"ann@y.org\"\npop = \"pop3s://ann@pop.y.org\"\n";
        Config::parse(Path::new("config.toml"), text, None).expect("a configuration")
    }

    fn targets(words: &[&str], stdin: &str) -> Result<Vec<Target>> {
        #[derive(Debug, clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let mut line = vec!["search", "is:unread"];
        line.extend_from_slice(words);
        let line = <Line as clap::Parser>::try_parse_from(line).expect("a command line");
        Ok(Plan::make(&line.args, &config(), &mut stdin.as_bytes())?.targets)
    }

    #[test]
    fn what_a_place_cannot_answer_is_refused_where_it_is_asked() {
        let mbox = Target::Place(Location::Mbox("a.mbox".into()), None);
        let can = |query: &str| {
            let context = Context { now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC };
            can_answer(&mbox, &query::parse(query, &context).expect(query)).is_ok()
        };
        assert!(can("subject:x") && can("account:work uid:1:2"));
        assert!(can("(account:work gm:in:anywhere) OR (subject:x -account:work)"));
        assert!(!can("uid:1:2") && !can("folder:Lists uid:3") && !can("-account:work gm:x"));
    }

    fn scope(words: &[&str]) -> Scope {
        match targets(words, "").expect("targets").remove(0) {
            Target::Server(place) => {
                assert_eq!(place.account.as_deref(), Some("work"));
                let location = place.location.to_string();
                assert!(["work:", "imaps://ann@mail.x.org/"].contains(&location.as_str()));
                place.scope
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn locations_and_what_they_mean_to_search() {
        assert_eq!(scope(&[]), Scope::All);
        assert_eq!(scope(&["work"]), Scope::All);
        assert_eq!(scope(&["work:Lists/rust"]), Scope::Folder("Lists/rust".into()));
        assert_eq!(scope(&["imaps://ann@mail.x.org"]), Scope::All);
        let one = Only { uid_validity: Some(7), uids: Some(vec![42]) };
        assert_eq!(
            scope(&["imaps://ann@mail.x.org/INBOX;UIDVALIDITY=7/;UID=42"]),
            Scope::Mailbox(b"INBOX".to_vec(), one)
        );
        assert!(targets(&["imaps://ann@mail.x.org/INBOX?SEEN"], "").is_err());
        assert!(targets(&["nobody"], "").is_err());
        let old = Location::Account { account: "old".into(), folder: None, whole: false };
        assert_eq!(targets(&["old"], "").expect("one"), [Target::Place(old, None)]);
        let mail = Location::Path("./Mail".into());
        assert_eq!(targets(&["./Mail"], "").expect("one"), [Target::Place(mail, None)]);
    }

    #[test]
    fn standard_input_is_read_once() {
        assert!(targets(&["-", "-"], "").is_err());
        assert!(targets(&["-"], "").expect("none").is_empty());
        let message = "Subject: x\n\nbody\n";
        assert_eq!(
            targets(&["-"], message).expect("one"),
            [Target::Message(message.as_bytes().to_vec())]
        );
    }

    #[test]
    fn whose_meaning_text_has() {
        let context = Context { now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC };
        for (query, by_server, whose) in [
            ("from:ann", true, None),
            ("budget", true, Some("server")),
            ("budget", false, Some("exact")),
            ("body:/x/", true, Some("exact")),
        ] {
            let expr = query::parse(query, &context).expect(query);
            assert_eq!(text_by(&expr, by_server), whose, "{query}");
        }
    }
}
