//! CREATE with special uses (RFC 6154), DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 9051
//! sections 6.3.4 to 6.3.8).

use std::borrow::Cow;

use super::outcome::Outcome;
use super::rights;
use crate::imap::syntax::code::{Code, Word};
use crate::store::memory::Shared;

/// Special uses that a mailbox can be made for; `\All` and `\Flagged` would have to be
/// views of other mailboxes.
const SPECIAL_USES: [&str; 6] =
    ["\\Archive", "\\Drafts", "\\Important", "\\Junk", "\\Sent", "\\Trash"];

/// CREATE; `uses` with their backslash.
///
/// # Errors
/// What to answer where nothing was made.
pub(super) fn create(
    account: &Shared,
    user: &str,
    name: &str,
    uses: &[Cow<'_, [u8]>],
) -> Result<Outcome, Outcome> {
    let special_use = special_uses(uses.iter().map(|wanted| &**wanted))?;
    rights::need_create(&account.borrow(), name, user)?;
    let id = account.borrow_mut().create(name, &special_use)?;
    let id = id.to_string().into_bytes();
    Ok(Outcome::ok("created").with(Code::MailboxId(id.into())))
}

/// Special uses as they are kept.
///
/// # Errors
/// USEATTR for one that a mailbox cannot be made for.
pub(super) fn special_uses<'u>(
    wanted: impl Iterator<Item = &'u [u8]>,
) -> Result<Vec<String>, Outcome> {
    let refused = || Outcome::no("no mailbox can be made for that use").word(Word::UseAttr);
    let known = |wanted: &[u8]| {
        let is = |known: &&&str| known.as_bytes().eq_ignore_ascii_case(wanted);
        SPECIAL_USES.iter().find(is).map(|known| (*known).to_owned()).ok_or_else(refused)
    };
    wanted.map(known).collect()
}

/// DELETE.
///
/// # Errors
/// What to answer where it stays.
pub(super) fn delete(account: &Shared, user: &str, name: &str) -> Result<Outcome, Outcome> {
    rights::need_named(&account.borrow(), name, user, 'x')?;
    account.borrow_mut().delete(name)?;
    Ok(Outcome::ok("deleted"))
}

/// RENAME.
///
/// # Errors
/// What to answer where it keeps its name.
pub(super) fn rename(
    account: &Shared,
    user: &str,
    from: &str,
    to: &str,
) -> Result<Outcome, Outcome> {
    rights::need_named(&account.borrow(), from, user, 'x')?;
    rights::need_create(&account.borrow(), to, user)?;
    account.borrow_mut().rename(from, to)?;
    Ok(Outcome::ok("renamed"))
}

/// SUBSCRIBE or UNSUBSCRIBE. The name need not be that of a mailbox (RFC 9051 section
/// 6.3.7), but it has to be one that LSUB can say.
pub(super) fn subscribe(account: &Shared, name: &str, subscribed: bool) -> Outcome {
    if subscribed && (name.is_empty() || name.chars().any(char::is_control)) {
        return Outcome::no("that cannot be a mailbox name").word(Word::Cannot);
    }
    if let Err(refused) = account.borrow_mut().set_subscribed(name, subscribed) {
        return refused.into();
    }
    Outcome::ok(if subscribed { "subscribed" } else { "unsubscribed" })
}
