//! Newsgroups as mailboxes, for reading only: the name space `#news.` with `.` between levels
//! (RFC 3501 section 5.1.2, RFC 2342 section 4).
//!
//! They are in an account of their own that all users share, so that nothing of theirs is kept
//! in it: no flags, no subscriptions.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::outcome::{Outcome, Voice};
use super::view::Selected;
use super::{copy, status};
use crate::imap::syntax::code::Word;
use crate::imap::syntax::command::Command;
use crate::imap::syntax::mailbox::{self, NamespaceEntry, StatusItem};
use crate::imap::syntax::response::Data;
use crate::imap::syntax::set::SequenceSet;
use crate::store::memory::{Account, Mailbox, NewMessage, Shared};
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
        Command::SetAcl(mailbox, ..) | Command::DeleteAcl(mailbox, _) => &[mailbox],
        Command::SetMetadata(mailbox, _) => &[mailbox],
        _ => &[],
    };
    let is_here = |name: &&mailbox::Mailbox<'_>| voice.name(name).is_ok_and(|it| is_news(&it));
    match names.iter().any(is_here) {
        true => Err(Outcome::no("newsgroups are for reading only").word(Word::Cannot)),
        false => Ok(()),
    }
}

/// Tells the groups that a LIST asks for by patterns of this name space, and for `%` the levels
/// between; behind each group the rights and, with `status`, how it stands.
pub(super) fn list(
    voice: &mut Voice,
    news: &Shared,
    patterns: &[String],
    rights: bool,
    status: Option<(&[StatusItem<'_>], u64)>,
) {
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
    let news = news.borrow();
    for (name, _) in news.mailboxes().filter(|(name, _)| is_news(name)) {
        for (at, _) in name.match_indices('.').skip(1) {
            names.entry(name[..at].to_owned()).or_insert(false);
        }
        names.insert(name.to_owned(), true);
    }
    for (name, is_group) in &names {
        if !wanted.iter().any(|wanted| pattern::matches(wanted, &turned(name))) {
            continue;
        }
        let mut attributes = attributes(&news, name);
        if !is_group {
            attributes.push(Cow::Borrowed(b"\\Noselect"));
        }
        tell(voice, attributes, name);
        let Some(group) = news.find(name).and_then(|id| news.mailbox(id)) else { continue };
        if let Some((items, append_limit)) = status {
            let status = status::of_mailbox(voice, name, group, items, append_limit);
            voice.data(Data::MailboxStatus(status));
        }
        if rights {
            tell_rights(voice, name);
        }
    }
}

/// The attributes of a group or of a level above groups.
pub(super) fn attributes(news: &Account, name: &str) -> Vec<Cow<'static, [u8]>> {
    let below = format!("{name}.");
    let has_children = news.mailboxes().any(|(other, _)| other.starts_with(&below));
    let level: &[u8] = if has_children { b"\\HasChildren" } else { b"\\HasNoChildren" };
    vec![Cow::Borrowed(level)]
}

/// Says a LIST response with this name space's delimiter.
pub(super) fn tell(voice: &mut Voice, attributes: Vec<Cow<'static, [u8]>>, name: &str) {
    let mailbox = voice.mailbox(name);
    let (delimiter, extended) = (Some(DELIMITER), Vec::new());
    voice.data(Data::List(mailbox::List { attributes, delimiter, mailbox, extended }));
}

fn tell_rights(voice: &mut Voice, name: &str) {
    let mailbox = voice.mailbox(name);
    voice.data(Data::MyRights { mailbox, rights: Cow::Borrowed(b"lr") });
}

/// What a command about one mailbox asks for that is the same for every group: MYRIGHTS, and
/// GETQUOTAROOT, as no quota counts articles (RFC 9208 section 4.1.2).
///
/// # Errors
/// What to answer where there is no such group.
pub(super) fn ask(
    voice: &mut Voice,
    news: &Shared,
    name: &str,
    command: &Command<'_>,
) -> Result<Outcome, Outcome> {
    news.borrow().find(name).ok_or_else(Outcome::nonexistent)?;
    if let Command::GetQuotaRoot(_) = command {
        let mailbox = voice.mailbox(name);
        voice.data(Data::QuotaRoot { mailbox, roots: Vec::new() });
        return Ok(Outcome::ok("it has no quota"));
    }
    tell_rights(voice, name);
    Ok(Outcome::ok("those are yours"))
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
    Ok(match copy::copy_uid(own, user, to, &pairs) {
        Some(code) => outcome.with(code),
        None => outcome,
    })
}
