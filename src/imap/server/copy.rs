//! COPY (RFC 9051 section 6.4.7) and MOVE (RFC 6851), with COPYUID (RFC 4315).

use super::outcome::{Outcome, Voice};
use super::rights;
use super::view::Selected;
use crate::imap::syntax::UidValidity;
use crate::imap::syntax::code::{Code, Word};
use crate::imap::syntax::set::SequenceSet;
use crate::store::memory::{Mailbox, MailboxId, Shared};

/// COPYUID; `None` where nothing was copied, or into a mailbox that the user cannot select
/// (RFC 4315 section 3).
pub(super) fn copy_uid(
    account: &Shared,
    user: &str,
    to: MailboxId,
    pairs: &[(u32, u32)],
) -> Option<Code<'static>> {
    let account = account.borrow();
    let mailbox = account.mailbox(to).filter(|_| !pairs.is_empty())?;
    rights::need(&account, to, user, 'r').ok()?;
    Some(Code::CopyUid {
        validity: UidValidity(mailbox.uid_validity()),
        source: SequenceSet::from_numbers(pairs.iter().map(|(old, _)| *old)),
        destination: SequenceSet::from_numbers(pairs.iter().map(|(_, new)| *new)),
    })
}

/// The mailbox to which messages shall go.
///
/// # Errors
/// TRYCREATE where there is none; NO where it cannot hold messages.
pub(super) fn destination(account: &Shared, user: &str, name: &str) -> Result<MailboxId, Outcome> {
    let account = account.borrow();
    let Some(id) = account.find(name) else {
        return Err(Outcome::no("no such mailbox").word(Word::TryCreate));
    };
    if !account.mailbox(id).is_some_and(Mailbox::is_selectable) {
        return Err(Outcome::no("the mailbox cannot hold messages").word(Word::Cannot));
    }
    rights::need(&account, id, user, 'i')?;
    Ok(id)
}

impl Selected {
    /// The UIDs that a set names and that are still there.
    ///
    /// # Errors
    /// As [`Selected::resolve`]; NO where a sequence number names a message that is gone:
    /// all or nothing (RFC 2180 section 4.4).
    pub fn present(
        &self,
        account: &Shared,
        set: &SequenceSet,
        uid: bool,
    ) -> Result<Vec<u32>, Outcome> {
        let places = self.resolve(set, uid)?;
        let account = account.borrow();
        let mailbox = account.mailbox(self.id).ok_or_else(Outcome::nonexistent)?;
        let known = self.uids(&places);
        let there: Vec<u32> =
            known.iter().copied().filter(|uid| mailbox.message(*uid).is_some()).collect();
        if there.len() < known.len() && !uid {
            return Err(Outcome::expunge_issued());
        }
        Ok(there)
    }

    /// COPY.
    ///
    /// # Errors
    /// What to answer where nothing was copied.
    pub fn copy(
        &self,
        account: &Shared,
        user: &str,
        set: &SequenceSet,
        uid: bool,
        to: &str,
    ) -> Result<Outcome, Outcome> {
        let uids = self.present(account, set, uid)?;
        let to = destination(account, user, to)?;
        let pairs = account.borrow_mut().copy(self.id, &uids, to)?;
        let outcome = Outcome::ok("copied");
        Ok(match copy_uid(account, user, to, &pairs) {
            Some(code) => outcome.with(code),
            None => outcome,
        })
    }

    /// MOVE: COPYUID comes untagged, before the expunges (RFC 6851 section 4.3), which the
    /// update behind the command tells.
    ///
    /// # Errors
    /// What to answer where nothing was moved.
    pub fn move_messages(
        &self,
        voice: &mut Voice,
        account: &Shared,
        user: &str,
        set: &SequenceSet,
        uid: bool,
        to: &str,
    ) -> Result<Outcome, Outcome> {
        let uids = self.present(account, set, uid)?;
        if self.read_only {
            return Err(Outcome::read_only());
        }
        for right in ['t', 'e'] {
            rights::need(&account.borrow(), self.id, user, right)?;
        }
        let to = destination(account, user, to)?;
        let pairs = account.borrow_mut().move_messages(self.id, &uids, to)?;
        if let Some(code) = copy_uid(account, user, to, &pairs) {
            voice.note(code, "moved");
        }
        let outcome = Outcome::ok("moved");
        Ok(if voice.enabled.qresync {
            let highest = self.highest_modseq(account);
            outcome.with(Code::HighestModSeq(crate::imap::syntax::ModSeq(highest)))
        } else {
            outcome
        })
    }
}
