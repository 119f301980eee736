//! Annotations of mailboxes and of the server (RFC 5464): GETMETADATA and SETMETADATA.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::outcome::{Outcome, Voice};
use super::{mailbox, rights};
use crate::imap::syntax::NilPair;
use crate::imap::syntax::code::{Code, Word};
use crate::imap::syntax::command::Depth;
use crate::imap::syntax::mailbox::Mailbox as Name;
use crate::imap::syntax::response::Data;
use crate::store::memory::{Account, MailboxId, Shared};

/// Largest value, in octets.
const VALUE_OCTETS: usize = 64 * 1024;

/// The special uses of a mailbox (RFC 6154 section 4).
const SPECIAL_USE: &str = "/private/specialuse";

/// Who administers the server; RFC 5464 section 6.2.2 has it for reading only.
const ADMIN: &str = "/shared/admin";

/// Entries that a mailbox or the server can have.
const ENTRIES: usize = 1000;

/// What GETMETADATA asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'g> {
    /// How far below the entries.
    pub depth: Option<Depth>,
    /// Largest value that is told, in octets.
    pub max_size: Option<u64>,
    /// The mailbox; empty for the server.
    pub name: &'g str,
    /// The entries.
    pub entries: &'g [Cow<'g, [u8]>],
}

/// An entry's name in lower case.
///
/// # Errors
/// BAD for what cannot be one (RFC 5464 section 3.2).
fn entry(name: &[u8]) -> Result<String, Outcome> {
    let refused = || Outcome::bad("that is no name of an entry");
    let text = std::str::from_utf8(name).map_err(|_| refused())?.to_ascii_lowercase();
    let rest = text.strip_prefix("/private").or_else(|| text.strip_prefix("/shared"));
    let is_wrong = |c: char| !c.is_ascii() || c.is_ascii_control() || c == '*' || c == '%';
    match rest {
        Some("") => Ok(text),
        Some(rest)
            if rest.starts_with('/')
                && !rest.ends_with('/')
                && !rest.contains("//")
                && !rest.contains(is_wrong) =>
        {
            Ok(text)
        }
        _ => Err(refused()),
    }
}

/// The mailbox that is meant; `None`: the server.
fn target(account: &Account, name: &str) -> Result<Option<MailboxId>, Outcome> {
    if name.is_empty() {
        return Ok(None);
    }
    account.find(name).map(Some).ok_or_else(Outcome::nonexistent)
}

/// A response code of METADATA.
fn code(words: String) -> Code<'static> {
    Code::Unknown {
        name: Cow::Borrowed(b"METADATA"),
        arguments: Some(Cow::Owned(words.into_bytes())),
    }
}

/// GETMETADATA.
///
/// # Errors
/// What to answer where there is nothing to tell.
pub(super) fn get(
    voice: &mut Voice,
    account: &Shared,
    user: &str,
    request: Request<'_>,
) -> Result<Outcome, Outcome> {
    let wanted: Vec<String> =
        request.entries.iter().map(|name| entry(name)).collect::<Result<_, _>>()?;
    let account = account.borrow();
    let id = target(&account, request.name)?;
    if let Some(id) = id {
        rights::need(&account, id, user, 'r')?;
    }
    let none = BTreeMap::new();
    let all = match id {
        None => account.annotations(),
        Some(id) => account.mailbox(id).map_or(&none, |mailbox| mailbox.annotations()),
    };
    // RFC 6154 section 4: the special uses are an entry too.
    let uses = id.and_then(|id| account.mailbox(id)).map_or(&[][..], |it| it.special_use());
    let mut with_uses;
    let all = if uses.is_empty() {
        all
    } else {
        with_uses = all.clone();
        with_uses.insert(SPECIAL_USE.to_owned(), uses.join(" ").into_bytes());
        &with_uses
    };
    let mut longest = 0;
    let mut told: Vec<NilPair<'_>> = Vec::new();
    for name in &wanted {
        let fits = |found: &str| match found.strip_prefix(name.as_str()) {
            Some("") => true,
            Some(rest) if rest.starts_with('/') => match request.depth {
                None | Some(Depth::Zero) => false,
                Some(Depth::One) => !rest[1..].contains('/'),
                Some(Depth::Infinity) => true,
            },
            _ => false,
        };
        let mut found = false;
        for (entry, value) in all.iter().filter(|(entry, _)| fits(entry)) {
            found |= entry == name;
            if request.max_size.is_some_and(|most| value.len() as u64 > most) {
                longest = longest.max(value.len());
                continue;
            }
            told.push((Cow::Borrowed(entry.as_bytes()), Some(Cow::Borrowed(value))));
        }
        if !found && matches!(request.depth, None | Some(Depth::Zero)) {
            told.push((Cow::Borrowed(name.as_bytes()), None));
        }
    }
    let mailbox = match id {
        None => Name(Cow::Borrowed(b"")),
        Some(id) => voice.mailbox(account.name(id).unwrap_or(request.name)),
    };
    if !told.is_empty() {
        voice.data(Data::Metadata { mailbox, entries: told });
    }
    let outcome = Outcome::ok("those are the values");
    Ok(match longest {
        0 => outcome,
        longest => outcome.with(code(format!("LONGENTRIES {longest}"))),
    })
}

/// A value above the limit.
pub(super) fn too_long() -> Outcome {
    Outcome::no("the value is too long").with(code(format!("MAXSIZE {VALUE_OCTETS}")))
}

/// SETMETADATA: all or none.
///
/// # Errors
/// What to answer where nothing was changed.
pub(super) fn set(
    account: &Shared,
    user: &str,
    name: &str,
    entries: &[NilPair<'_>],
) -> Result<Outcome, Outcome> {
    let mut account = account.borrow_mut();
    let id = target(&account, name)?;
    if let Some(id) = id {
        rights::need(&account, id, user, 'w')?;
    }
    let mut wanted = Vec::with_capacity(entries.len());
    let mut special_use = None;
    for (name, value) in entries {
        let name = entry(name)?;
        if name == "/private" || name == "/shared" {
            return Err(Outcome::bad("that is no name of an entry"));
        }
        if value.as_ref().is_some_and(|value| value.len() > VALUE_OCTETS) {
            return Err(too_long());
        }
        if id.is_none() && name == ADMIN {
            return Err(Outcome::no("the entry cannot be changed").word(Word::Cannot));
        }
        if id.is_some() && name == SPECIAL_USE {
            let words = value.as_deref().unwrap_or_default().split(u8::is_ascii_whitespace);
            special_use = Some(mailbox::special_uses(words.filter(|word| !word.is_empty()))?);
            continue;
        }
        wanted.push((name, value.as_ref().map(|value| value.to_vec())));
    }
    let before = match id {
        None => account.annotations().len(),
        Some(id) => account.mailbox(id).map_or(0, |mailbox| mailbox.annotations().len()),
    };
    if before + wanted.iter().filter(|(_, value)| value.is_some()).count() > ENTRIES {
        return Err(Outcome::no("there are too many entries").with(code("TOOMANY".to_owned())));
    }
    if let (Some(id), Some(special_use)) = (id, special_use) {
        account.set_special_use(id, special_use)?;
    }
    account.annotate(id, wanted)?;
    Ok(Outcome::ok("the values are set"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_entries() {
        for name in ["/private/comment", "/SHARED/Vendor/x", "/private"] {
            assert!(entry(name.as_bytes()).is_ok(), "{name}");
        }
        for name in
            ["", "comment", "/comment", "/private/", "/shared//x", "/private/a*", "/sharedx"]
        {
            assert!(entry(name.as_bytes()).is_err(), "{name}");
        }
    }
}
