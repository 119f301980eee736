//! STORE and UID STORE (RFC 9051 section 6.4.6), also conditional (RFC 7162 section 3.1.3).

use super::outcome::{Outcome, Voice};
use super::view::Selected;
use super::{flags, rights};
use crate::imap::syntax::code::Code;
use crate::imap::syntax::command::{Action, StoreValue};
use crate::imap::syntax::fetch::Fetch;
use crate::imap::syntax::set::SequenceSet;
use crate::imap::syntax::{ModSeq, Uid};
use crate::store::Flags;
use crate::store::memory::{FlagOperation, Message, Shared, Stored};

/// The arguments of STORE.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'s> {
    /// Who asks.
    pub user: &'s str,
    /// Whether the set holds UIDs.
    pub uid: bool,
    /// The messages.
    pub set: &'s SequenceSet,
    /// UNCHANGEDSINCE.
    pub unchanged_since: Option<ModSeq>,
    /// Replace, add or remove.
    pub action: Action,
    /// Whether `.SILENT` was said.
    pub silent: bool,
    /// The flags.
    pub value: &'s StoreValue<'s>,
}

impl Selected {
    /// STORE.
    pub fn store(&mut self, voice: &mut Voice, account: &Shared, request: Request<'_>) -> Outcome {
        match self.try_store(voice, account, request) {
            Ok(outcome) | Err(outcome) => outcome,
        }
    }

    fn try_store(
        &mut self,
        voice: &mut Voice,
        account: &Shared,
        request: Request<'_>,
    ) -> Result<Outcome, Outcome> {
        let StoreValue::Flags(wanted) = request.value else {
            return Err(Outcome::bad("there are no labels here"));
        };
        let mut wanted = flags::given(wanted)?;
        let places = self.resolve(request.set, request.uid)?;
        if self.read_only {
            return Err(Outcome::read_only());
        }
        self.permit(account, request.user, &mut wanted)?;
        if request.unchanged_since.is_some() {
            voice.enable_condstore(Some(self.highest_modseq(account)));
        }
        let foreign = self.changed_by_others(account, &places);
        let operation = match request.action {
            Action::Replace => FlagOperation::Replace,
            Action::Add => FlagOperation::Add,
            Action::Remove => FlagOperation::Remove,
        };
        let since = request.unchanged_since.map(|modseq| modseq.0);
        let uids = self.uids(&places);
        let stored = account.borrow_mut().store_flags(self.id, &uids, operation, &wanted, since)?;
        let missing = self.tell_stored(voice, account, request, &places, &foreign, &stored);
        if !stored.modified.is_empty() {
            let numbers = self.as_asked(&stored.modified, request.uid);
            let modified = Code::Modified(SequenceSet::from_numbers(numbers));
            return Ok(Outcome::ok("some have been changed by others").with(modified));
        }
        // RFC 2180 section 4.2: with .SILENT, what is no longer there does not matter.
        if missing && !request.uid && !request.silent {
            return Ok(Outcome::expunge_issued());
        }
        Ok(Outcome::ok("stored"))
    }

    /// Leaves out flags that the user may not change (RFC 4314 section 4).
    ///
    /// # Errors
    /// NOPERM where none is left.
    fn permit(&self, account: &Shared, user: &str, wanted: &mut Flags) -> Result<(), Outcome> {
        let account = account.borrow();
        let may = |right| rights::has(&account, self.id, user, right);
        let (seen, deleted, others) = (may('s'), may('t'), may('w'));
        if seen && deleted && others {
            return Ok(());
        }
        let allowed = |flag: &str| match flag {
            flag if flag.eq_ignore_ascii_case("\\Seen") => seen,
            flag if flag.eq_ignore_ascii_case("\\Deleted") => deleted,
            _ => others,
        };
        let left: Flags =
            wanted.iter().map(|flag| flag.name().to_owned()).filter(|flag| allowed(flag)).collect();
        if left.is_empty() {
            return Err(rights::no_permission());
        }
        *wanted = left;
        Ok(())
    }

    /// UIDs whose flags are other than the client was told, ascending.
    fn changed_by_others(&self, account: &Shared, places: &[usize]) -> Vec<u32> {
        let account = account.borrow();
        let Some(mailbox) = account.mailbox(self.id) else { return Vec::new() };
        let known = places.iter().map(|place| self.view[*place]);
        let is_other = |known: &super::view::Known| {
            mailbox.message(known.uid).is_some_and(|message| message.modseq != known.modseq)
        };
        known.filter(is_other).map(|known| known.uid).collect()
    }

    /// Says what became of the flags; whether any message was no longer there.
    fn tell_stored(
        &mut self,
        voice: &mut Voice,
        account: &Shared,
        request: Request<'_>,
        places: &[usize],
        foreign: &[u32],
        stored: &Stored,
    ) -> bool {
        let account = account.borrow();
        let Some(mailbox) = account.mailbox(self.id) else { return true };
        let mut missing = false;
        for place in places {
            let uid = self.view[*place].uid;
            let Some(message) = mailbox.shown(uid) else {
                missing = true;
                continue;
            };
            if stored.modified.binary_search(&uid).is_ok() {
                // The update behind the command tells what it has become.
                continue;
            }
            // Even where .SILENT was said, what others did has to be told (RFC 9051 section
            // 6.4.6).
            let show_flags = !request.silent || foreign.binary_search(&uid).is_ok();
            let changed = stored.changed.binary_search(&uid).is_ok();
            let show_modseq = voice.enabled.condstore
                && (show_flags || changed || request.unchanged_since.is_some());
            self.tell_keywords(voice, message);
            if show_flags || show_modseq {
                let shown = Shown { uid: request.uid, flags: show_flags, modseq: show_modseq };
                self.tell_message(voice, *place, message, shown);
            }
            self.view[*place].modseq = message.modseq;
        }
        missing
    }

    fn tell_message(&self, voice: &mut Voice, place: usize, message: &Message, shown: Shown) {
        let recent = self.shows_recent(place, voice);
        let fetch = Fetch {
            seq: Self::number(place),
            uid: shown.uid.then_some(Uid(message.uid)),
            flags: shown.flags.then(|| flags::of_message(message, recent)),
            modseq: shown.modseq.then_some(ModSeq(message.modseq)),
            ..Fetch::default()
        };
        voice.fetch(message.uid, fetch, Vec::new());
    }

    /// UIDs as the command speaks of messages: as they are, or as sequence numbers.
    fn as_asked(&self, uids: &[u32], uid: bool) -> Vec<u32> {
        if uid {
            return uids.to_vec();
        }
        uids.iter().filter_map(|uid| self.index_of(*uid)).map(|at| Self::number(at).0).collect()
    }
}

/// What a FETCH response tells of a message.
#[derive(Debug, Clone, Copy)]
struct Shown {
    uid: bool,
    flags: bool,
    modseq: bool,
}
