//! CREATE with special uses (RFC 6154), DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 9051
//! sections 6.3.4 to 6.3.8).

use std::borrow::Cow;

use super::outcome::Outcome;
use crate::imap::syntax::code::{Code, Word};
use crate::store::memory::Shared;

/// Special uses that a mailbox can be made for; `\All` and `\Flagged` would have to be
/// views of other mailboxes.
const SPECIAL_USES: [&str; 6] =
    ["\\Archive", "\\Drafts", "\\Important", "\\Junk", "\\Sent", "\\Trash"];

/// CREATE; `uses` with their backslash.
pub(super) fn create(account: &Shared, name: &str, uses: &[Cow<'_, [u8]>]) -> Outcome {
    let mut special_use = Vec::new();
    for wanted in uses {
        let is = |known: &&&str| known.as_bytes().eq_ignore_ascii_case(wanted);
        match SPECIAL_USES.iter().find(is) {
            Some(known) => special_use.push((*known).to_owned()),
            None => {
                return Outcome::no("no mailbox can be made for that use").word(Word::UseAttr);
            }
        }
    }
    match account.borrow_mut().create(name, &special_use) {
        Ok(id) => {
            let id = id.to_string().into_bytes();
            Outcome::ok("created").with(Code::MailboxId(id.into()))
        }
        Err(refused) => refused.into(),
    }
}

/// DELETE.
pub(super) fn delete(account: &Shared, name: &str) -> Outcome {
    match account.borrow_mut().delete(name) {
        Ok(()) => Outcome::ok("deleted"),
        Err(refused) => refused.into(),
    }
}

/// RENAME.
pub(super) fn rename(account: &Shared, from: &str, to: &str) -> Outcome {
    match account.borrow_mut().rename(from, to) {
        Ok(()) => Outcome::ok("renamed"),
        Err(refused) => refused.into(),
    }
}

/// SUBSCRIBE or UNSUBSCRIBE. The name need not be that of a mailbox (RFC 9051 section
/// 6.3.7), but it has to be one that LSUB can say.
pub(super) fn subscribe(account: &Shared, name: &str, subscribed: bool) -> Outcome {
    if subscribed && (name.is_empty() || name.chars().any(char::is_control)) {
        return Outcome::no("that cannot be a mailbox name").word(Word::Cannot);
    }
    account.borrow_mut().set_subscribed(name, subscribed);
    Outcome::ok(if subscribed { "subscribed" } else { "unsubscribed" })
}
