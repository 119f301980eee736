//! One mailbox in memory: its messages in UID order, and what was expunged from it when.
//!
//! UIDs and UIDVALIDITY by RFC 9051 section 2.3.1.1, mod-sequences by RFC 7162 section 3.1.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::MailboxId;
use super::disk::Head;
use super::gone::{Gone, Watch};
use crate::store::{Flags, Received, Status};

/// One message. Cloning is cheap: the octets are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its UID.
    pub uid: u32,
    /// Mod-sequence of its last change (RFC 7162).
    pub modseq: u64,
    /// Its flags and keywords; never `\Recent`.
    pub flags: Flags,
    /// INTERNALDATE.
    pub received: Received,
    /// When it came into this mailbox (SAVEDATE, RFC 8514), in seconds since 1970.
    pub saved: i64,
    /// EMAILID (RFC 8474): the same for every copy.
    pub email_id: String,
    /// The message as it was given.
    pub octets: Arc<[u8]>,
}

/// A message on its way into a mailbox.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Flags and keywords.
    pub flags: Flags,
    /// INTERNALDATE; `None`: now.
    pub received: Option<Received>,
    /// The message.
    pub octets: Arc<[u8]>,
}

/// What to do with the flags that a caller gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagOperation {
    /// `FLAGS`: these and no others.
    Replace,
    /// `+FLAGS`: these too.
    Add,
    /// `-FLAGS`: these no longer.
    Remove,
}

impl FlagOperation {
    /// What flags become by it.
    pub(super) fn apply(self, before: &Flags, given: &Flags) -> Flags {
        match self {
            Self::Replace => given.clone(),
            Self::Add => {
                let mut after = before.clone();
                given.iter().for_each(|flag| after.insert(flag.name()));
                after
            }
            Self::Remove => {
                let mut after = before.clone();
                given.iter().for_each(|flag| after.remove(flag.name()));
                after
            }
        }
    }
}

/// What came of a change of flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// UIDs whose flags are other than before, ascending.
    pub changed: Vec<u32>,
    /// UIDs left alone since their mod-sequence is above UNCHANGEDSINCE, ascending
    /// (RFC 7162 section 3.1.3: the MODIFIED response code).
    pub modified: Vec<u32>,
}

/// Flags that are about to change.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// UIDs and the flags that they will have.
    pub changed: BTreeMap<u32, Flags>,
    /// UIDs that are left alone, ascending.
    pub modified: Vec<u32>,
}

/// UIDs that went with one change, all of them next to each other.
#[derive(Debug, Clone)]
struct Vanished {
    modseq: u64,
    uids: RangeInclusive<u32>,
}

/// A mailbox; changed only through its [`super::Account`].
#[derive(Debug)]
pub struct Mailbox {
    pub(super) id: MailboxId,
    pub(super) uid_validity: u32,
    pub(super) special_use: Vec<String>,
    pub(super) selectable: bool,
    pub(super) version: u64,
    /// Rights that were given (RFC 4314), by identifier.
    pub(super) rights: BTreeMap<String, String>,
    /// Annotations (RFC 5464), by the name of the entry in lower case.
    pub(super) annotations: BTreeMap<String, Vec<u8>>,
    /// The account's version at the last change of the annotations.
    pub(super) annotations_version: u64,
    /// Key of the mailbox's URLs (RFC 4467); empty: none was made.
    pub(super) url_key: Vec<u8>,
    uid_next: u32,
    highest_modseq: u64,
    recent_from: u32,
    messages: Vec<Message>,
    vanished: Vec<Vanished>,
    gone: Gone,
}

impl Mailbox {
    pub(super) fn new(id: MailboxId, uid_validity: u32, version: u64) -> Self {
        Self {
            id,
            uid_validity,
            special_use: Vec::new(),
            selectable: true,
            version,
            rights: BTreeMap::new(),
            annotations: BTreeMap::new(),
            annotations_version: 0,
            url_key: Vec::new(),
            uid_next: 1,
            highest_modseq: 1,
            recent_from: 1,
            messages: Vec::new(),
            vanished: Vec::new(),
            gone: Gone::default(),
        }
    }

    /// A mailbox as an index has it, its messages still to come.
    pub(super) fn restored(id: MailboxId, uid_validity: u32, head: &Head) -> Self {
        let vanished = |(modseq, first, last): &(u64, u32, u32)| Vanished {
            modseq: *modseq,
            uids: *first..=*last,
        };
        Self {
            uid_next: head.uid_next.max(1),
            highest_modseq: head.modseq.max(1),
            recent_from: head.recent_from.max(1),
            vanished: head.vanished.iter().map(vanished).collect(),
            ..Self::new(id, uid_validity, 0)
        }
    }

    /// Puts a message back where it was. UIDs have to come in ascending order.
    pub(super) fn restore(&mut self, message: Message) {
        self.messages.push(message);
    }

    /// What happened while nobody looked: flags that other programs have changed, and
    /// messages that they took away. All of it gets one new mod-sequence.
    pub(super) fn restore_changes(&mut self, changed: &[u32], gone: &[u32]) {
        if changed.is_empty() && gone.is_empty() {
            return;
        }
        self.highest_modseq += 1;
        for uid in changed {
            if let Some(at) = self.index(*uid) {
                self.messages[at].modseq = self.highest_modseq;
            }
        }
        let modseq = self.highest_modseq;
        self.vanished.extend(gone.iter().map(|uid| Vanished { modseq, uids: *uid..=*uid }));
    }

    /// What went and when: mod-sequence, first and last UID.
    pub(super) fn vanished(&self) -> Vec<(u64, u32, u32)> {
        let each = |gone: &Vanished| (gone.modseq, *gone.uids.start(), *gone.uids.end());
        self.vanished.iter().map(each).collect()
    }

    /// Rights that were given, by identifier (RFC 4314).
    pub fn rights(&self) -> &BTreeMap<String, String> {
        &self.rights
    }

    /// Annotations by the name of the entry, in lower case (RFC 5464).
    pub fn annotations(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.annotations
    }

    /// The account's version at the last change of the annotations; 0: there was none.
    pub fn annotations_version(&self) -> u64 {
        self.annotations_version
    }

    /// Key of the mailbox's URLs (RFC 4467); empty: none was made.
    pub fn url_key(&self) -> &[u8] {
        &self.url_key
    }

    /// Octets of all messages.
    pub fn octets(&self) -> u64 {
        self.messages.iter().map(|message| message.octets.len() as u64).sum()
    }

    /// Its identity, which a rename keeps and a deletion ends (MAILBOXID, RFC 8474).
    pub fn id(&self) -> MailboxId {
        self.id
    }

    /// Its UIDVALIDITY, never 0.
    pub fn uid_validity(&self) -> u32 {
        self.uid_validity
    }

    /// The UID that the next message will get.
    pub fn uid_next(&self) -> u32 {
        self.uid_next
    }

    /// Highest mod-sequence of any change, never 0.
    pub fn highest_modseq(&self) -> u64 {
        self.highest_modseq
    }

    /// The account's version at the time of the last change here: a session that remembers
    /// it knows at a glance whether it has to look.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Special uses (`\Sent`; RFC 6154).
    pub fn special_use(&self) -> &[String] {
        &self.special_use
    }

    /// Whether it can hold messages; `false` is `\Noselect`: only a level above others.
    pub fn is_selectable(&self) -> bool {
        self.selectable
    }

    /// All messages, by ascending UID.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Where the message with this UID stands in [`Mailbox::messages`].
    pub fn index(&self, uid: u32) -> Option<usize> {
        self.messages.binary_search_by_key(&uid, |message| message.uid).ok()
    }

    /// The message with this UID.
    pub fn message(&self, uid: u32) -> Option<&Message> {
        self.index(uid).map(|at| &self.messages[at])
    }

    /// The same, also where it is gone and a session that watches has not been told so.
    pub fn shown(&self, uid: u32) -> Option<&Message> {
        self.message(uid).or_else(|| self.gone.message(uid))
    }

    /// Messages that are new or have other flags since `modseq`, by ascending UID.
    pub fn changed_since(&self, modseq: u64) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(move |message| message.modseq > modseq)
    }

    /// UIDs expunged since `modseq`, ascending, in as few ranges as they allow (VANISHED,
    /// RFC 7162 section 3.2.10).
    pub fn vanished_since(&self, modseq: u64) -> Vec<RangeInclusive<u32>> {
        let from = self.vanished.partition_point(|gone| gone.modseq <= modseq);
        let mut ranges: Vec<(u32, u32)> = self.vanished[from..]
            .iter()
            .map(|gone| (*gone.uids.start(), *gone.uids.end()))
            .collect();
        ranges.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match joined.last_mut() {
                Some(before) if before.1.checked_add(1) == Some(first) => before.1 = last,
                _ => joined.push((first, last)),
            }
        }
        joined.into_iter().map(|(first, last)| first..=last).collect()
    }

    /// First UID that no session has been told of as `\Recent`.
    pub fn recent_from(&self) -> u32 {
        self.recent_from
    }

    /// Number of messages, unseen ones, octets, and the counters.
    pub fn status(&self) -> Status {
        Status {
            messages: self.messages.len() as u64,
            unseen: Some(self.messages.iter().filter(|m| !m.flags.has("\\Seen")).count() as u64),
            uid_validity: self.uid_validity,
            uid_next: self.uid_next,
            highest_modseq: Some(self.highest_modseq),
            size: Some(self.octets()),
            stamp: None,
        }
    }

    pub(super) fn take_recent(&mut self) -> u32 {
        std::mem::replace(&mut self.recent_from, self.uid_next)
    }

    /// Whether there are UIDs for so many more messages.
    pub(super) fn has_room(&self, count: usize) -> bool {
        u32::try_from(count).is_ok_and(|count| self.uid_next.checked_add(count).is_some())
    }

    /// Adds messages with the next UIDs, all with one new mod-sequence; `uid` and `modseq`
    /// of what is given are replaced. There has to be room.
    pub(super) fn add(&mut self, messages: Vec<Message>) -> Vec<u32> {
        if messages.is_empty() {
            return Vec::new();
        }
        self.highest_modseq += 1;
        let mut uids = Vec::with_capacity(messages.len());
        for mut message in messages {
            message.uid = self.uid_next;
            message.modseq = self.highest_modseq;
            uids.push(message.uid);
            self.uid_next += 1;
            self.messages.push(message);
        }
        uids
    }

    /// What a change of flags would do; messages that are not there are left out.
    pub(super) fn plan(
        &self,
        uids: &[u32],
        operation: FlagOperation,
        flags: &Flags,
        unchanged_since: Option<u64>,
    ) -> Plan {
        let mut plan = Plan::default();
        for uid in uids {
            let Some(at) = self.index(*uid) else { continue };
            let message = &self.messages[at];
            if unchanged_since.is_some_and(|limit| message.modseq > limit) {
                plan.modified.push(*uid);
                continue;
            }
            let after = operation.apply(&message.flags, flags);
            if after != message.flags {
                plan.changed.insert(*uid, after);
            }
        }
        plan.modified.sort_unstable();
        plan.modified.dedup();
        plan
    }

    /// Does what was planned.
    pub(super) fn apply(&mut self, plan: Plan) -> Stored {
        let modseq = self.highest_modseq + 1;
        let mut stored = Stored { changed: Vec::new(), modified: plan.modified };
        for (uid, flags) in plan.changed {
            let Some(at) = self.index(uid) else { continue };
            self.messages[at].flags = flags;
            self.messages[at].modseq = modseq;
            stored.changed.push(uid);
        }
        if !stored.changed.is_empty() {
            self.highest_modseq = modseq;
        }
        stored
    }

    /// Takes messages away for good; those that are not there are left out. What went, by
    /// ascending UID.
    pub(super) fn take(&mut self, uids: &[u32]) -> Vec<Message> {
        let mut wanted: Vec<u32> = uids.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let mut gone = Vec::new();
        let mut kept = Vec::with_capacity(self.messages.len());
        for message in std::mem::take(&mut self.messages) {
            if wanted.binary_search(&message.uid).is_ok() {
                gone.push(message);
            } else {
                kept.push(message);
            }
        }
        self.messages = kept;
        if !gone.is_empty() {
            self.highest_modseq += 1;
            self.note_vanished(&gone);
        }
        gone
    }

    /// A new watcher, who knows what the mailbox holds now.
    pub(super) fn watch(&mut self) -> Watch {
        self.gone.watch(self.highest_modseq)
    }

    /// A watcher has been told of all that is gone.
    pub(super) fn told(&mut self, watch: &Watch) {
        self.gone.told(watch, self.highest_modseq);
    }

    /// Keeps what has just gone for those who do not know yet, as far as there is room.
    pub(super) fn keep_gone(&mut self, messages: &[Message], room: u64) {
        self.gone.keep(self.highest_modseq, messages, room);
    }

    /// What is gone and kept.
    pub(super) fn gone(&self) -> &Gone {
        &self.gone
    }

    /// The same, to change its flags.
    pub(super) fn gone_mut(&mut self) -> &mut Gone {
        &mut self.gone
    }

    /// Remembers what went with the newest mod-sequence.
    fn note_vanished(&mut self, gone: &[Message]) {
        let modseq = self.highest_modseq;
        let mut run: Option<(u32, u32)> = None;
        for message in gone {
            run = match run {
                Some((first, last)) if last + 1 == message.uid => Some((first, message.uid)),
                Some((first, last)) => {
                    self.vanished.push(Vanished { modseq, uids: first..=last });
                    Some((message.uid, message.uid))
                }
                None => Some((message.uid, message.uid)),
            };
        }
        if let Some((first, last)) = run {
            self.vanished.push(Vanished { modseq, uids: first..=last });
        }
    }
}
