//! REPLACE and UID REPLACE (RFC 8508): a new message in the place of an old one, both or
//! neither.

use super::append::{Appending, append_uid};
use super::copy::destination;
use super::outcome::{Outcome, Voice};
use super::rights;
use super::view::Selected;
use crate::imap::syntax::append::AppendMessage;
use crate::imap::syntax::code::Code;
use crate::imap::syntax::set::SequenceSet;

/// A new message, ready to take the place of one in the selected mailbox.
pub(super) struct Replacing {
    to: crate::store::memory::MailboxId,
    message: crate::store::memory::NewMessage,
    old: u32,
}

impl Selected {
    /// Looks at everything that can be wrong before anything is changed.
    ///
    /// # Errors
    /// What to answer where nothing can be replaced.
    pub fn prepare_replace(
        &self,
        mut appending: Appending<'_>,
        uid: bool,
        set: &SequenceSet,
        name: &str,
        message: &AppendMessage<'_>,
    ) -> Result<Replacing, Outcome> {
        let single = match set {
            SequenceSet::Saved => false,
            set => set
                .ranges()
                .is_some_and(|ranges| matches!(ranges, [range] if range.first == range.last)),
        };
        if !single {
            return Err(Outcome::bad("REPLACE takes one message"));
        }
        let account = appending.account;
        let present = self.present(account, set, uid)?;
        let Some(old) = present.first().copied() else {
            return Err(Outcome::no("there is no such message"));
        };
        if self.read_only {
            return Err(Outcome::read_only());
        }
        for right in ['t', 'e'] {
            rights::need(&account.borrow(), self.id, appending.user, right)?;
        }
        let to = destination(account, appending.user, name)?;
        let message = appending.message(message)?;
        Ok(Replacing { to, message, old })
    }

    /// Stores the new message and expunges the old one. APPENDUID comes before the expunge
    /// (RFC 8508 section 4.3), which the update behind the command tells.
    ///
    /// # Errors
    /// What to answer where nothing was changed.
    pub fn replace(
        &self,
        voice: &mut Voice,
        account: &crate::store::memory::Shared,
        user: &str,
        replacing: Replacing,
    ) -> Result<Outcome, Outcome> {
        let Replacing { to, message, old } = replacing;
        let uids = account.borrow_mut().append(to, vec![message])?;
        if let Some(code) = append_uid(account, user, to, uids) {
            voice.note(code, "the new message is stored");
        }
        account.borrow_mut().expunge(self.id, &[old])?;
        let outcome = Outcome::ok("replaced");
        Ok(if voice.enabled.qresync {
            let highest = self.highest_modseq(account);
            outcome.with(Code::HighestModSeq(crate::imap::syntax::ModSeq(highest)))
        } else {
            outcome
        })
    }
}
