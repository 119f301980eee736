//! Quota (RFC 9208): one root, named by the empty string, that all mailboxes of the user
//! share. While nothing is limited its list is empty, as RFC 2087 section 3 has it: RFC 9208
//! section 7 wants one resource at least, but Ruby's Net::IMAP takes no answer without QUOTA.

use std::borrow::Cow;

use super::outcome::{Outcome, Voice};
use crate::imap::syntax::code::Word;
use crate::imap::syntax::response::Data;
use crate::store::memory::{Limits, Shared};

/// GETQUOTA.
///
/// # Errors
/// What to answer where there is no such root.
pub(super) fn get(voice: &mut Voice, account: &Shared, root: &[u8]) -> Result<Outcome, Outcome> {
    if !root.is_empty() {
        return Err(no_root());
    }
    tell(voice, account);
    Ok(Outcome::ok("that is the quota"))
}

/// GETQUOTAROOT.
///
/// # Errors
/// What to answer where there is no such mailbox.
pub(super) fn get_root(
    voice: &mut Voice,
    account: &Shared,
    name: &str,
) -> Result<Outcome, Outcome> {
    let canonical = {
        let account = account.borrow();
        let id = account.find(name).ok_or_else(Outcome::nonexistent)?;
        account.name(id).unwrap_or(name).to_owned()
    };
    let mailbox = voice.mailbox(&canonical);
    voice.data(Data::QuotaRoot { mailbox, roots: vec![Cow::Borrowed(b"")] });
    tell(voice, account);
    Ok(Outcome::ok("that is the quota root"))
}

/// SETQUOTA: resources that are not named have no limit any more.
///
/// # Errors
/// What to answer where nothing was changed.
pub(super) fn set(
    voice: &mut Voice,
    account: &Shared,
    root: &[u8],
    wanted: &[(Cow<'_, [u8]>, u64)],
) -> Result<Outcome, Outcome> {
    if !root.is_empty() {
        return Err(no_root());
    }
    let mut limits = Limits::default();
    for (name, limit) in wanted {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let place = if is("STORAGE") {
            &mut limits.storage
        } else if is("MESSAGE") {
            &mut limits.messages
        } else if is("MAILBOX") {
            &mut limits.mailboxes
        } else {
            return Err(Outcome::no("there is no such resource").word(Word::Cannot));
        };
        *place = Some(*limit);
    }
    account.borrow_mut().set_limits(limits)?;
    tell(voice, account);
    Ok(Outcome::ok("the limits are set"))
}

fn no_root() -> Outcome {
    Outcome::no("there is no such quota root").word(Word::NonExistent)
}

fn tell(voice: &mut Voice, account: &Shared) {
    let (limits, usage) = {
        let account = account.borrow();
        (account.limits(), account.usage())
    };
    let all = [
        ("STORAGE", usage.storage(), limits.storage),
        ("MESSAGE", usage.messages, limits.messages),
        ("MAILBOX", usage.mailboxes, limits.mailboxes),
    ];
    let limited = |(name, used, limit): (&'static str, u64, Option<u64>)| {
        Some((Cow::Borrowed(name.as_bytes()), used, limit?))
    };
    let resources = all.into_iter().filter_map(limited).collect();
    voice.data(Data::Quota { root: Cow::Borrowed(b""), resources });
}
