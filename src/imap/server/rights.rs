//! Access control (RFC 4314): SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS, and whether a
//! command is allowed.
//!
//! Every mailbox is its user's own: the user has all rights unless an entry says otherwise,
//! and always those to look it up and to administer it. What others are given is kept and
//! told, but there is no way by which they could come here.

use std::borrow::Cow;

use super::outcome::{Outcome, Voice};
use crate::imap::syntax::code::Word;
use crate::imap::syntax::mailbox::Mailbox as Name;
use crate::imap::syntax::response::Data;
use crate::store::memory::{Account, Mailbox, MailboxId, Shared};

/// All rights, in the order of RFC 4314 section 2.1.
const ALL: &str = "lrswipkxtea";

/// What an owner cannot lose.
const OWNERS: &str = "la";

/// The rights that a list names: `c` and `d` stand for what they were split into (RFC 4314
/// section 2.1.1). `None` where a letter is no right.
fn read(text: &[u8]) -> Option<String> {
    let mut wanted = String::new();
    for letter in text {
        match letter {
            b'c' => wanted.push_str("kx"),
            b'd' => wanted.push_str("te"),
            letter if ALL.as_bytes().contains(letter) => wanted.push(char::from(*letter)),
            _ => return None,
        }
    }
    Some(in_order(|right| wanted.contains(right)))
}

fn in_order(has: impl Fn(char) -> bool) -> String {
    ALL.chars().filter(|right| has(*right)).collect()
}

/// Rights as they are told: with `c` and `d` where any of their members is there.
fn told(rights: &str) -> Cow<'static, [u8]> {
    let mut told = rights.to_owned();
    for (old, members) in [('c', "kx"), ('d', "te")] {
        if members.chars().any(|member| rights.contains(member)) {
            told.push(old);
        }
    }
    Cow::Owned(told.into_bytes())
}

/// What the owner may do.
fn of_owner(mailbox: &Mailbox, user: &str) -> String {
    let given = mailbox.rights().get(user).map_or(ALL, String::as_str);
    let denied = mailbox.rights().get(&format!("-{user}")).map_or("", String::as_str);
    in_order(|right| OWNERS.contains(right) || (given.contains(right) && !denied.contains(right)))
}

/// Whether the user has a right on a mailbox; one that is not there denies nothing.
pub(super) fn has(account: &Account, id: MailboxId, user: &str, right: char) -> bool {
    account.mailbox(id).is_none_or(|mailbox| {
        // Nearly always nobody has touched them.
        mailbox.rights().is_empty() || of_owner(mailbox, user).contains(right)
    })
}

/// # Errors
/// NOPERM where the user lacks a right on a mailbox.
pub(super) fn need(
    account: &Account,
    id: MailboxId,
    user: &str,
    right: char,
) -> Result<(), Outcome> {
    if has(account, id, user, right) { Ok(()) } else { Err(no_permission()) }
}

/// The same by name; a mailbox that is not there is for others to miss.
///
/// # Errors
/// NOPERM where the user lacks the right.
pub(super) fn need_named(
    account: &Account,
    name: &str,
    user: &str,
    right: char,
) -> Result<(), Outcome> {
    account.find(name).map_or(Ok(()), |id| need(account, id, user, right))
}

/// The right to create mailboxes below the one that a new name stands in.
///
/// # Errors
/// NOPERM where the user lacks it.
pub(super) fn need_create(account: &Account, name: &str, user: &str) -> Result<(), Outcome> {
    let name = name.strip_suffix('/').unwrap_or(name);
    let above = name.match_indices('/').rev().map(|(at, _)| &name[..at]);
    let parent = above.into_iter().find_map(|level| account.find(level));
    parent.map_or(Ok(()), |id| need(account, id, user, 'k'))
}

pub(super) fn no_permission() -> Outcome {
    Outcome::no("the rights on the mailbox do not allow that").word(Word::NoPerm)
}

fn find(account: &Account, name: &str) -> Result<MailboxId, Outcome> {
    account.find(name).ok_or_else(Outcome::nonexistent)
}

fn identifier(text: &[u8]) -> Result<String, Outcome> {
    let text = std::str::from_utf8(text).ok().filter(|text| !text.is_empty());
    let text = text.filter(|text| !text.chars().any(char::is_control));
    text.map(str::to_owned).ok_or_else(|| Outcome::bad("that is no identifier"))
}

/// SETACL: `rights` with `+` or `-` before them to change what is there.
///
/// # Errors
/// What to answer where nothing was changed.
pub(super) fn set(
    account: &Shared,
    user: &str,
    name: &str,
    who: &[u8],
    rights: &[u8],
) -> Result<Outcome, Outcome> {
    let mut account = account.borrow_mut();
    let id = find(&account, name)?;
    need(&account, id, user, 'a')?;
    let who = identifier(who)?;
    let (sign, rest) = match rights.first() {
        Some(sign @ (b'+' | b'-')) => (Some(*sign), &rights[1..]),
        _ => (None, rights),
    };
    let wanted = read(rest).ok_or_else(|| Outcome::bad("there is no such right"))?;
    let before = account.mailbox(id).and_then(|mailbox| mailbox.rights().get(&who));
    let before = match before {
        Some(rights) => rights.as_str(),
        None if who == user => ALL,
        None => "",
    };
    let after = match sign {
        None => wanted,
        Some(b'+') => in_order(|right| before.contains(right) || wanted.contains(right)),
        Some(_) => in_order(|right| before.contains(right) && !wanted.contains(right)),
    };
    let after = if after.is_empty() && who != user { None } else { Some(after) };
    account.set_rights(id, &who, after)?;
    Ok(Outcome::ok("the rights are set"))
}

/// DELETEACL.
///
/// # Errors
/// What to answer where nothing was changed.
pub(super) fn delete(
    account: &Shared,
    user: &str,
    name: &str,
    who: &[u8],
) -> Result<Outcome, Outcome> {
    let mut account = account.borrow_mut();
    let id = find(&account, name)?;
    need(&account, id, user, 'a')?;
    account.set_rights(id, &identifier(who)?, None)?;
    Ok(Outcome::ok("the entry is gone"))
}

/// GETACL.
///
/// # Errors
/// What to answer where there is nothing to tell.
pub(super) fn get(
    voice: &mut Voice,
    account: &Shared,
    user: &str,
    name: &str,
) -> Result<Outcome, Outcome> {
    let account = account.borrow();
    let id = find(&account, name)?;
    need(&account, id, user, 'a')?;
    let Some(mailbox) = account.mailbox(id) else { return Err(Outcome::nonexistent()) };
    let text = |text: &str| Cow::Owned(text.as_bytes().to_vec());
    let mut entries = vec![(text(user), told(&of_owner(mailbox, user)))];
    for (who, rights) in mailbox.rights().iter().filter(|(who, _)| *who != user) {
        entries.push((text(who), told(rights)));
    }
    let mailbox = shown(voice, &account, id, name);
    voice.data(Data::Acl { mailbox, entries });
    Ok(Outcome::ok("those are the rights"))
}

/// LISTRIGHTS: each right can be given on its own, and `c` and `d` stand alone for what they
/// were split into.
///
/// # Errors
/// What to answer where there is nothing to tell.
pub(super) fn list(
    voice: &mut Voice,
    account: &Shared,
    user: &str,
    name: &str,
    who: &[u8],
) -> Result<Outcome, Outcome> {
    let account = account.borrow();
    let id = find(&account, name)?;
    need(&account, id, user, 'a')?;
    let who = identifier(who)?;
    let always = if who == user { OWNERS } else { "" };
    let mut rights = vec![Cow::Borrowed(always.as_bytes())];
    let optional = format!("{ALL}cd");
    for right in optional.chars().filter(|right| !always.contains(*right)) {
        rights.push(Cow::Owned(right.to_string().into_bytes()));
    }
    let mailbox = shown(voice, &account, id, name);
    voice.data(Data::ListRights { mailbox, identifier: who.into_bytes().into(), rights });
    Ok(Outcome::ok("those can be given"))
}

/// MYRIGHTS.
///
/// # Errors
/// What to answer where there is no such mailbox.
pub(super) fn mine(
    voice: &mut Voice,
    account: &Shared,
    user: &str,
    name: &str,
) -> Result<Outcome, Outcome> {
    let account = account.borrow();
    let id = find(&account, name)?;
    tell_mine(voice, &account, id, user, name);
    Ok(Outcome::ok("those are yours"))
}

/// Says MYRIGHTS of a mailbox.
pub(super) fn tell_mine(
    voice: &mut Voice,
    account: &Account,
    id: MailboxId,
    user: &str,
    name: &str,
) {
    let Some(found) = account.mailbox(id) else { return };
    let rights = told(&of_owner(found, user));
    let mailbox = shown(voice, account, id, name);
    voice.data(Data::MyRights { mailbox, rights });
}

fn shown(voice: &Voice, account: &Account, id: MailboxId, name: &str) -> Name<'static> {
    voice.mailbox(account.name(id).unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_rights_stand_for_new_ones() {
        assert_eq!(read(b"lrswida").as_deref(), Some("lrswitea"));
        assert_eq!(read(b"cl").as_deref(), Some("lkx"));
        assert_eq!(read(b"lz"), None);
        assert_eq!(read(b"L"), None);
        assert_eq!(told("lrk"), b"lrkc".as_slice());
        assert_eq!(told("lrte"), b"lrted".as_slice());
        assert_eq!(told(""), b"".as_slice());
    }
}
