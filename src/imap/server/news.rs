//! Newsgroups as mailboxes, for reading only: the name space `#news.` with `.` between levels
//! (RFC 3501 section 5.1.2, RFC 2342 section 4).
//!
//! They are in an account of their own that all users share, so that nothing of theirs is kept
//! in it: no flags, no subscriptions.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::copy;
use super::outcome::{Outcome, Voice};
use super::view::Selected;
use crate::imap::syntax::code::Word;
use crate::imap::syntax::command::Command;
use crate::imap::syntax::mailbox::{self, NamespaceEntry};
use crate::imap::syntax::response::Data;
use crate::imap::syntax::set::SequenceSet;
use crate::store::memory::{Mailbox, NewMessage, Shared};
use crate::store::pattern;

/// What their names begin with.
pub const PREFIX: &str = "#news.";

const DELIMITER: u8 = b'.';

/// Whether a name is in the name space.
pub(super) fn is_news(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The name space, as NAMESPACE tells it.
pub(super) fn entry() -> NamespaceEntry<'static> {
    NamespaceEntry {
        prefix: Cow::Borrowed(PREFIX.as_bytes()),
        delimiter: Some(DELIMITER),
        extensions: Vec::new(),
    }
}

/// # Errors
/// NO for a command that would change a name here.
pub(super) fn refuse_changes(voice: &Voice, command: &Command<'_>) -> Result<(), Outcome> {
    let names: &[_] = match command {
        Command::Create { mailbox, .. } => &[mailbox],
        Command::Delete(mailbox) | Command::Subscribe(mailbox) => &[mailbox],
        Command::Rename { from, to } => &[from, to],
        Command::Append { mailbox, .. } => &[mailbox],
        _ => &[],
    };
    let is_here = |name: &&mailbox::Mailbox<'_>| voice.name(name).is_ok_and(|it| is_news(&it));
    match names.iter().any(is_here) {
        true => Err(Outcome::no("newsgroups are for reading only").word(Word::Cannot)),
        false => Ok(()),
    }
}

/// Tells the groups that a LIST asks for by patterns of this name space, and for `%` the levels
/// between.
pub(super) fn list(voice: &mut Voice, news: &Shared, patterns: &[String]) {
    // The one place that knows patterns has `/` between levels.
    let turned = |text: &str| text.replace('.', "/");
    let wanted: Vec<String> = patterns
        .iter()
        .filter(|pattern| pattern.starts_with('#'))
        .map(|pattern| turned(pattern))
        .collect();
    if wanted.is_empty() {
        return;
    }
    // Each name and whether it is a group; levels above groups are names too.
    let mut names: BTreeMap<String, bool> = BTreeMap::new();
    for (name, _) in news.borrow().mailboxes().filter(|(name, _)| is_news(name)) {
        for (at, _) in name.match_indices('.').skip(1) {
            names.entry(name[..at].to_owned()).or_insert(false);
        }
        names.insert(name.to_owned(), true);
    }
    for (name, is_group) in &names {
        if !wanted.iter().any(|wanted| pattern::matches(wanted, &turned(name))) {
            continue;
        }
        let below = format!("{name}.");
        let next = names.range(below.clone()..).next();
        let has_children = next.is_some_and(|(next, _)| next.starts_with(&below));
        let level: &[u8] = if has_children { b"\\HasChildren" } else { b"\\HasNoChildren" };
        let mut attributes = vec![Cow::Borrowed(level)];
        if !is_group {
            attributes.push(Cow::Borrowed(b"\\Noselect"));
        }
        let mailbox = voice.mailbox(name);
        let delimiter = Some(DELIMITER);
        voice.data(Data::List(mailbox::List {
            attributes,
            delimiter,
            mailbox,
            extended: Vec::new(),
        }));
    }
}

/// COPY from a group into a mailbox of the user's own.
///
/// # Errors
/// What to answer where nothing was copied.
pub(super) fn copy(
    selected: &Selected,
    (news, own): (&Shared, &Shared),
    user: &str,
    (set, uid): (&SequenceSet, bool),
    to: &str,
) -> Result<Outcome, Outcome> {
    let uids = selected.present(news, set, uid)?;
    let to = copy::destination(own, user, to)?;
    let messages: Vec<NewMessage> = {
        let news = news.borrow();
        let group = news.mailbox(selected.id).ok_or_else(Outcome::nonexistent)?;
        let found = uids.iter().filter_map(|uid| Mailbox::message(group, *uid));
        found
            .map(|message| NewMessage {
                flags: message.flags.clone(),
                received: Some(message.received),
                octets: message.octets.clone(),
            })
            .collect()
    };
    let new = own.borrow_mut().append(to, messages)?;
    let pairs: Vec<(u32, u32)> = uids.into_iter().zip(new).collect();
    let outcome = Outcome::ok("copied");
    Ok(match copy::copy_uid(own, to, &pairs) {
        Some(code) => outcome.with(code),
        None => outcome,
    })
}
