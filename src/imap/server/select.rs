//! SELECT and EXAMINE (RFC 9051 sections 6.3.2 and 6.3.3, RFC 3501), with CONDSTORE and
//! QRESYNC (RFC 7162 section 3.2.5), and what takes messages away: EXPUNGE (RFC 9051 section
//! 6.4.3), UID EXPUNGE (RFC 4315) and CLOSE.

use super::outcome::{Outcome, Voice};
use super::view::{Known, Ranges, Selected};
use super::{flags, list, news, rights, urlauth};
use crate::imap::syntax::code::{Code, Word};
use crate::imap::syntax::command::SelectParameter;
use crate::imap::syntax::response::Data;
use crate::imap::syntax::set::SequenceSet;
use crate::imap::syntax::{ModSeq, Uid, UidValidity};
use crate::store::memory::{Mailbox, MailboxId, Shared};

/// What a client that comes back knows of the mailbox.
#[derive(Debug, Clone)]
pub(super) struct Resync<'p> {
    validity: UidValidity,
    modseq: ModSeq,
    known: Option<&'p SequenceSet>,
    matched: Option<&'p (SequenceSet, SequenceSet)>,
}

/// Opens a mailbox and tells how it stands. The caller has closed the one before.
///
/// # Errors
/// What to answer where it cannot be opened.
pub(super) fn select(
    voice: &mut Voice,
    account: &Shared,
    user: &str,
    name: &str,
    read_only: bool,
    resync: Option<Resync<'_>>,
) -> Result<(Selected, Outcome), Outcome> {
    let id = account.borrow().find(name).ok_or_else(Outcome::nonexistent)?;
    rights::need(&account.borrow(), id, user, 'r')?;
    let mut selected = open(account, id, read_only)?;
    let canonical = account.borrow().name(id).unwrap_or(name).to_owned();
    tell_standing(voice, account, user, &selected, &canonical);
    if let Some(resync) = resync {
        tell_resync(voice, account, &mut selected, &resync);
    }
    let outcome = if read_only {
        Outcome::ok("the mailbox is open for reading only").word(Word::ReadOnly)
    } else {
        Outcome::ok("the mailbox is open").word(Word::ReadWrite)
    };
    Ok((selected, outcome))
}

/// What a client asks for beside the name.
///
/// # Errors
/// BAD for what is not known, or not enabled.
pub(super) fn read_parameters<'p>(
    voice: &mut Voice,
    parameters: &'p [SelectParameter<'_>],
) -> Result<Option<Resync<'p>>, Outcome> {
    let mut resync = None;
    for parameter in parameters {
        match parameter {
            SelectParameter::CondStore => voice.enable_condstore(None),
            SelectParameter::Qresync { validity, modseq, known, matched } => {
                if !voice.enabled.qresync {
                    return Err(Outcome::bad("QRESYNC has not been enabled"));
                }
                let (known, matched) = (known.as_ref(), matched.as_ref());
                resync = Some(Resync { validity: *validity, modseq: *modseq, known, matched });
            }
            SelectParameter::Other(..) => {
                return Err(Outcome::bad("there is no such parameter of SELECT"));
            }
        }
    }
    Ok(resync)
}

/// A view of a mailbox that is not opened, for a single look.
///
/// # Errors
/// What to answer where there is nothing to see.
pub(super) fn look(account: &Shared, id: MailboxId) -> Result<Selected, Outcome> {
    open(account, id, true)
}

fn open(account: &Shared, id: MailboxId, read_only: bool) -> Result<Selected, Outcome> {
    let mut account = account.borrow_mut();
    let selectable = account.mailbox(id).is_some_and(Mailbox::is_selectable);
    if !selectable {
        return Err(Outcome::no("the mailbox cannot be selected").word(Word::NonExistent));
    }
    let recent_from = if read_only {
        account.mailbox(id).map_or(1, Mailbox::recent_from)
    } else {
        account.take_recent(id)?
    };
    let watch = account.watch(id);
    let mailbox = account.mailbox(id).ok_or_else(Outcome::nonexistent)?;
    let known = |message: &crate::store::memory::Message| Known {
        uid: message.uid,
        recent: message.uid >= recent_from,
        modseq: message.modseq,
    };
    let mut keywords = std::collections::BTreeSet::new();
    for message in mailbox.messages() {
        for flag in message.flags.iter() {
            if flags::is_keyword(flag.name()) && !keywords.contains(flag) {
                keywords.insert(flag.clone());
            }
        }
    }
    Ok(Selected {
        id,
        read_only,
        view: mailbox.messages().iter().map(known).collect(),
        saved: Vec::new(),
        keywords,
        next_uid: mailbox.uid_next(),
        version: mailbox.version(),
        behind: false,
        contexts: Vec::new(),
        watch,
    })
}

fn tell_standing(voice: &mut Voice, account: &Shared, user: &str, selected: &Selected, name: &str) {
    let account = account.borrow();
    let Some(mailbox) = account.mailbox(selected.id) else { return };
    selected.say_flags(voice);
    voice.data(Data::Exists(selected.exists()));
    if !voice.enabled.rev2 {
        voice.data(Data::Recent(selected.recent()));
        let unseen = mailbox.messages().iter().position(|m| !flags::has(m, "\\Seen"));
        if let Some(unseen) = unseen {
            voice.note(Code::Unseen(Selected::number(unseen)), "the first unseen message");
        }
    }
    let validity = UidValidity(mailbox.uid_validity());
    voice.note(Code::UidValidity(validity), "UIDs hold while this stays");
    voice.note(Code::UidNext(Uid(mailbox.uid_next())), "the next UID");
    let highest = ModSeq(mailbox.highest_modseq());
    voice.note(Code::HighestModSeq(highest), "the highest mod-sequence");
    let id = selected.id.to_string().into_bytes();
    voice.note(Code::MailboxId(id.into()), "the mailbox's identity");
    voice.note(urlauth::mechanisms(), "URLs can be made");
    // RFC 9051 section 6.3.2: a LIST response, which IMAP4rev1 does not expect here.
    if voice.enabled.rev2 {
        if news::is_news(name) {
            news::tell(voice, news::attributes(&account, name), name);
        } else {
            list::tell(voice, list::attributes(&account, name, user, true), name, Vec::new());
        }
    }
}

/// VANISHED (EARLIER), and FETCH for what has changed (RFC 7162 section 3.2.5).
fn tell_resync(voice: &mut Voice, account: &Shared, selected: &mut Selected, resync: &Resync<'_>) {
    let account = account.borrow();
    let Some(mailbox) = account.mailbox(selected.id) else { return };
    if resync.validity.0 != mailbox.uid_validity() {
        return;
    }
    let last = mailbox.uid_next() - 1;
    let known = resync.known.map(|known| Ranges::new(known, last));
    let is_known = |uid: u32| known.as_ref().is_none_or(|known| known.contains(uid));
    let first = resync.matched.map_or(1, |matched| first_unmatched(selected, matched));
    let gone = vanished(mailbox, resync.modseq.0, |uid| uid >= first && is_known(uid));
    if !gone.is_empty() {
        let uids = SequenceSet::from_numbers(gone);
        voice.data(Data::Vanished { earlier: true, uids });
    }
    for message in mailbox.changed_since(resync.modseq.0) {
        if let Some(index) = selected.index_of(message.uid)
            && is_known(message.uid)
        {
            selected.tell_flags(voice, index, message);
        }
    }
}

/// The UIDs that went after `modseq` and that `wanted` is true of, ascending.
pub(super) fn vanished(mailbox: &Mailbox, modseq: u64, wanted: impl Fn(u32) -> bool) -> Vec<u32> {
    mailbox.vanished_since(modseq).into_iter().flatten().filter(|uid| wanted(*uid)).collect()
}

/// The first UID behind the last pair of number and UID that still belong to each other:
/// the client knows of all expunges before it (RFC 7162 section 3.2.5.2).
fn first_unmatched(selected: &Selected, matched: &(SequenceSet, SequenceSet)) -> u32 {
    let (numbers, uids) = matched;
    let numbers = numbers.numbers(selected.exists());
    let uids = uids.numbers(selected.max_uid());
    // A set may be as large as its numbers allow; pairs beyond the mailbox cannot match.
    let pairs = numbers.zip(uids).take(selected.view.len() + 1);
    let belong = |(number, uid): &(u32, u32)| {
        let known = (*number as usize).checked_sub(1).and_then(|index| selected.view.get(index));
        known.is_some_and(|known| known.uid == *uid)
    };
    pairs.take_while(belong).last().map_or(1, |(_, uid)| uid.saturating_add(1))
}

impl Selected {
    /// The highest mod-sequence of the mailbox; 0 once it was deleted.
    pub fn highest_modseq(&self, account: &Shared) -> u64 {
        account.borrow().mailbox(self.id).map_or(0, Mailbox::highest_modseq)
    }

    /// Expunges the messages with `\Deleted`, with `set` only those with these UIDs. The
    /// update behind the command tells of it.
    pub fn expunge(
        &self,
        voice: &Voice,
        account: &Shared,
        user: &str,
        set: Option<&SequenceSet>,
    ) -> Outcome {
        if self.read_only {
            return Outcome::read_only();
        }
        if let Err(refused) = rights::need(&account.borrow(), self.id, user, 'e') {
            return refused;
        }
        let chosen = match set {
            None => None,
            Some(SequenceSet::Saved) => Some(Ranges::of(&self.saved)),
            Some(set) => Some(Ranges::new(set, self.max_uid())),
        };
        if let Err(refused) = self.take_deleted(account, chosen.as_ref()) {
            return refused;
        }
        let outcome = Outcome::ok("expunged");
        if voice.enabled.qresync {
            outcome.with(Code::HighestModSeq(ModSeq(self.highest_modseq(account))))
        } else {
            outcome
        }
    }

    /// Takes the messages with `\Deleted` away without a word, as CLOSE does.
    ///
    /// # Errors
    /// What to answer where the mailbox was deleted.
    pub fn take_deleted(&self, account: &Shared, chosen: Option<&Ranges>) -> Result<(), Outcome> {
        let mut account = account.borrow_mut();
        let mailbox = account.mailbox(self.id).ok_or_else(Outcome::nonexistent)?;
        let uids: Vec<u32> = mailbox
            .messages()
            .iter()
            .filter(|message| flags::has(message, "\\Deleted"))
            .map(|message| message.uid)
            .filter(|uid| chosen.is_none_or(|ranges| ranges.contains(*uid)))
            .collect();
        account.expunge(self.id, &uids)?;
        Ok(())
    }
}
