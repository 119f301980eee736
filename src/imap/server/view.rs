//! The selected mailbox as its client knows it: message sequence numbers are places in this
//! view, which changes only by what the client has been told (RFC 9051 sections 5.2, 7.4.1
//! and 7.5.1).
//!
//! The store may be ahead of the view: what happened meanwhile is told by
//! [`Selected::update`], and expunges wait for a command that allows them.

use std::collections::BTreeSet;

use super::context::Context;
use super::flags;
use super::notify::OfSelected;
use super::outcome::{Outcome, Voice};
use crate::imap::syntax::code::Code;
use crate::imap::syntax::fetch::Fetch;
use crate::imap::syntax::response::Data;
use crate::imap::syntax::set::SequenceSet;
use crate::imap::syntax::{ModSeq, SeqNum, Uid};
use crate::store::Flag;
use crate::store::memory::{MailboxId, Message, Shared, Watch};

/// A message that the client knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// Its UID.
    pub uid: u32,
    /// Whether this session is the one that shows it as `\Recent`.
    pub recent: bool,
    /// Mod-sequence of the flags that the client was last told, or never asked for.
    pub modseq: u64,
}

/// An open mailbox.
#[derive(Debug)]
pub(super) struct Selected {
    /// Which one.
    pub id: MailboxId,
    /// Whether EXAMINE opened it.
    pub read_only: bool,
    /// The messages, by ascending UID; the place is the sequence number less one.
    pub view: Vec<Known>,
    /// UIDs that SEARCH RETURN (SAVE) kept (RFC 5182), ascending.
    pub saved: Vec<u32>,
    /// Searches whose results are kept up to date.
    pub contexts: Vec<Context>,
    /// Keywords that FLAGS has told.
    pub(super) keywords: BTreeSet<Flag>,
    /// First UID that has never been in the view.
    pub(super) next_uid: u32,
    /// The mailbox's version at the last update.
    pub(super) version: u64,
    /// Whether the view holds messages that are gone.
    pub(super) behind: bool,
    /// Keeps messages within reach that are gone, until the view no longer holds them.
    pub(super) watch: Option<Watch>,
}

/// A sorted set of numbers as ranges that do not touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    /// Puts the ranges of a set in order, `*` being `max`.
    pub fn new(set: &SequenceSet, max: u32) -> Self {
        let mut ranges: Vec<(u32, u32)> =
            set.ranges().unwrap_or_default().iter().map(|range| range.resolve(max)).collect();
        ranges.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match joined.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last);
                }
                _ => joined.push((first, last)),
            }
        }
        Self(joined)
    }

    /// Single numbers, ascending.
    pub fn of(numbers: &[u32]) -> Self {
        Self(numbers.iter().map(|number| (*number, *number)).collect())
    }

    /// Whether a number is among them.
    pub fn contains(&self, number: u32) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < number);
        self.0.get(at).is_some_and(|(first, _)| *first <= number)
    }

    /// The largest number.
    pub fn max(&self) -> Option<u32> {
        self.0.last().map(|(_, last)| *last)
    }

    /// The ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        self.0.iter().copied()
    }
}

impl Selected {
    /// The number of messages that the client knows of.
    pub fn exists(&self) -> u32 {
        u32::try_from(self.view.len()).unwrap_or(u32::MAX)
    }

    /// The number of those that are shown as `\Recent`.
    pub fn recent(&self) -> u32 {
        let recent = self.view.iter().filter(|known| known.recent).count();
        u32::try_from(recent).unwrap_or(u32::MAX)
    }

    /// The largest UID that the client knows of; 0 where there is no message.
    pub fn max_uid(&self) -> u32 {
        self.view.last().map_or(0, |known| known.uid)
    }

    /// The sequence number of a place in the view.
    pub fn number(index: usize) -> SeqNum {
        SeqNum(u32::try_from(index + 1).unwrap_or(u32::MAX))
    }

    /// Where a UID stands in the view.
    pub fn index_of(&self, uid: u32) -> Option<usize> {
        self.view.binary_search_by_key(&uid, |known| known.uid).ok()
    }

    /// The places in the view that a set names, ascending, each once. UIDs that are not
    /// there are passed over (RFC 9051 section 6.4.9).
    ///
    /// # Errors
    /// BAD for a sequence number that no message has, `*` in an empty mailbox included
    /// (RFC 9051 section 9, `seq-number`).
    pub fn resolve(&self, set: &SequenceSet, uid: bool) -> Result<Vec<usize>, Outcome> {
        if *set == SequenceSet::Saved {
            return Ok(self.saved.iter().filter_map(|uid| self.index_of(*uid)).collect());
        }
        if !uid {
            let exists = self.exists();
            let ranges = Ranges::new(set, exists);
            if exists == 0 || ranges.max().is_none_or(|max| max > exists) {
                return Err(Outcome::bad("there is no message with such a number"));
            }
            let places = |(first, last): (u32, u32)| first as usize - 1..last as usize;
            return Ok(ranges.iter().flat_map(places).collect());
        }
        let ranges = Ranges::new(set, self.max_uid());
        let mut places = Vec::new();
        for (first, last) in ranges.iter() {
            let from = self.view.partition_point(|known| known.uid < first);
            let to = self.view.partition_point(|known| known.uid <= last);
            places.extend(from..to);
        }
        Ok(places)
    }

    /// The UIDs of places in the view.
    pub fn uids(&self, places: &[usize]) -> Vec<u32> {
        places.iter().map(|place| self.view[*place].uid).collect()
    }

    /// Whether a message is shown as `\Recent`, which IMAP4rev2 does not know.
    pub fn shows_recent(&self, index: usize, voice: &Voice) -> bool {
        self.view[index].recent && !voice.enabled.rev2
    }

    /// Says the flags of a message, and with them what CONDSTORE wants; remembers that they
    /// were told. The UID comes along, as RFC 9051 section 7.5.2 wants it unasked.
    pub fn tell_flags(&mut self, voice: &mut Voice, index: usize, message: &Message) {
        self.tell_keywords(voice, message);
        let fetch = Fetch {
            seq: Self::number(index),
            uid: Some(Uid(message.uid)),
            flags: Some(flags::of_message(message, self.shows_recent(index, voice))),
            modseq: voice.enabled.condstore.then_some(ModSeq(message.modseq)),
            ..Fetch::default()
        };
        voice.fetch(message.uid, fetch, Vec::new());
        self.view[index].modseq = message.modseq;
    }

    /// Says FLAGS again where a message has a keyword that it did not name (RFC 9051 section
    /// 7.3.5).
    pub fn tell_keywords(&mut self, voice: &mut Voice, message: &Message) {
        let before = self.keywords.len();
        for flag in message.flags.iter() {
            if flags::is_keyword(flag.name()) && !self.keywords.contains(flag) {
                self.keywords.insert(flag.clone());
            }
        }
        if self.keywords.len() > before {
            self.say_flags(voice);
        }
    }

    /// Says FLAGS and PERMANENTFLAGS.
    pub fn say_flags(&self, voice: &mut Voice) {
        voice.data(Data::Flags(flags::defined(self.keywords.iter())));
        if self.read_only {
            let none = Code::PermanentFlags(crate::imap::syntax::flag::Flags::default());
            voice.note(none, "no flag can be changed");
        } else {
            let permanent = Code::PermanentFlags(flags::permanent(self.keywords.iter()));
            voice.note(permanent, "flags can be changed, and keywords made");
        }
    }

    /// Tells what others have done to the mailbox, and what this session has not yet been
    /// told of its own doing. Expunges are told only where `expunges` says so: never while
    /// FETCH, STORE or SEARCH without UID is answered (RFC 9051 section 7.5.1).
    pub fn update(&mut self, voice: &mut Voice, account: &Shared, expunges: bool) {
        let all = OfSelected { messages: true, flags: true, ..OfSelected::default() };
        self.update_only(voice, account, expunges, &all);
    }

    /// The same, of the events that the client wants (RFC 5465), and with what it wants to
    /// know of new messages.
    pub fn update_only(
        &mut self,
        voice: &mut Voice,
        account: &Shared,
        expunges: bool,
        wanted: &OfSelected,
    ) {
        if !wanted.messages && !wanted.flags {
            return;
        }
        {
            let account = account.borrow();
            let version = account.mailbox(self.id).map(|mailbox| mailbox.version());
            let same = version == Some(self.version) || (version.is_none() && self.version == 0);
            if same && !(self.behind && expunges) {
                return;
            }
        }
        self.find_gone(voice, account, expunges);
        let known = self.view.len();
        self.find_arrived(voice, account);
        if wanted.flags {
            self.find_flagged(voice, account);
        }
        self.tell_contexts(voice, account);
        self.tell_new(voice, account, known, &wanted.items);
        // 0 stands for a mailbox that was deleted under us: it has no messages any more.
        self.version = account.borrow().mailbox(self.id).map_or(0, |mailbox| mailbox.version());
    }

    fn find_gone(&mut self, voice: &mut Voice, account: &Shared, expunges: bool) {
        let gone: Vec<usize> = {
            let account = account.borrow();
            let messages =
                account.mailbox(self.id).map(|mailbox| mailbox.messages()).unwrap_or_default();
            let mut at = 0;
            let is_gone = |known: &Known| {
                while messages.get(at).is_some_and(|message| message.uid < known.uid) {
                    at += 1;
                }
                messages.get(at).is_none_or(|message| message.uid != known.uid)
            };
            places_where(&self.view, is_gone)
        };
        self.behind = !gone.is_empty() && !expunges;
        if gone.is_empty() || !expunges {
            if gone.is_empty() {
                self.know_all(account);
            }
            return;
        }
        if !self.contexts.is_empty() {
            let uids = self.uids(&gone);
            self.tell_leaving(voice, &uids);
        }
        if voice.tells_vanished() {
            let uids = SequenceSet::from_numbers(self.uids(&gone));
            voice.data(Data::Vanished { earlier: false, uids });
        } else {
            for (told, place) in gone.iter().enumerate() {
                voice.data(Data::Expunge(Self::number(place - told)));
            }
        }
        let mut next = gone.iter().copied().peekable();
        let mut place = 0;
        self.view.retain(|_| {
            let keep = next.next_if_eq(&place).is_none();
            place += 1;
            keep
        });
        self.know_all(account);
    }

    /// The view holds no message that is gone.
    fn know_all(&self, account: &Shared) {
        if let Some(watch) = &self.watch {
            account.borrow_mut().told(self.id, watch);
        }
    }

    fn find_arrived(&mut self, voice: &mut Voice, account: &Shared) {
        let mut account = account.borrow_mut();
        let Some(mailbox) = account.mailbox(self.id) else { return };
        let messages = mailbox.messages();
        let from = messages.partition_point(|message| message.uid < self.next_uid);
        if from == messages.len() {
            return;
        }
        let arrived: Vec<(u32, u64)> =
            messages[from..].iter().map(|message| (message.uid, message.modseq)).collect();
        let next_uid = mailbox.uid_next();
        let recent_from = mailbox.recent_from();
        if !self.read_only {
            // The mailbox is there: it was just looked at.
            let _ = account.take_recent(self.id);
        }
        self.next_uid = next_uid;
        for (uid, modseq) in arrived {
            self.view.push(Known { uid, recent: uid >= recent_from, modseq });
        }
        voice.data(Data::Exists(self.exists()));
        if !voice.enabled.rev2 {
            voice.data(Data::Recent(self.recent()));
        }
        if let Some(mailbox) = account.mailbox(self.id) {
            for message in &mailbox.messages()[from..] {
                self.tell_keywords(voice, message);
            }
        }
    }

    fn find_flagged(&mut self, voice: &mut Voice, account: &Shared) {
        let account = account.borrow();
        let Some(mailbox) = account.mailbox(self.id) else { return };
        let messages = mailbox.messages();
        let mut at = 0;
        for index in 0..self.view.len() {
            let known = self.view[index];
            while messages.get(at).is_some_and(|message| message.uid < known.uid) {
                at += 1;
            }
            if let Some(message) = messages.get(at)
                && message.uid == known.uid
                && message.modseq != known.modseq
            {
                self.tell_flags(voice, index, message);
            }
        }
    }
}

/// The places at which `wanted` is true.
fn places_where(view: &[Known], mut wanted: impl FnMut(&Known) -> bool) -> Vec<usize> {
    view.iter().enumerate().filter(|(_, known)| wanted(known)).map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_put_in_order() {
        let set = SequenceSet::from_text(b"9,1:3,2:5,6,*:12").expect("a set");
        let ranges = Ranges::new(&set, 20);
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [(1, 6), (9, 9), (12, 20)]);
        assert!(ranges.contains(4) && ranges.contains(20) && !ranges.contains(10));
        let all = Ranges::new(&SequenceSet::from_text(b"1:4294967295").expect("a set"), 0);
        assert_eq!(all.max(), Some(u32::MAX));
    }

    fn selected(uids: &[u32]) -> Selected {
        let account = crate::store::memory::Account::new(
            1,
            std::rc::Rc::new(|| crate::store::Received { seconds: 0, offset_seconds: 0 }),
        );
        let id = account.find("INBOX").expect("INBOX exists");
        let known = |uid: &u32| Known { uid: *uid, recent: false, modseq: 1 };
        Selected {
            id,
            read_only: false,
            view: uids.iter().map(known).collect(),
            saved: vec![7],
            keywords: BTreeSet::new(),
            next_uid: 100,
            version: 1,
            behind: false,
            contexts: Vec::new(),
            watch: None,
        }
    }

    #[test]
    fn sets_name_places() {
        let selected = selected(&[3, 7, 9, 20]);
        let places = |text: &str, uid| {
            let set = SequenceSet::from_text(text.as_bytes()).expect("a set");
            selected.resolve(&set, uid).map_err(|outcome| outcome.condition)
        };
        assert_eq!(places("2:*,1", false), Ok(vec![0, 1, 2, 3]));
        assert_eq!(places("4:8,*", true), Ok(vec![1, 3]));
        assert_eq!(places("4294967295:*", true), Ok(vec![3]));
        assert_eq!(places("$", true), Ok(vec![1]));
        assert!(places("5", false).is_err());
        assert_eq!(places("5", true), Ok(vec![]));
    }
}
