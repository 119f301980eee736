//! Messages that were expunged while sessions still know of them: until such a session has been
//! told, it can go on reading what its sequence numbers stand for (RFC 2180 section 4.1.1).
//!
//! It does not decide when a session is told.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use super::mailbox::{FlagOperation, Message};
use crate::store::Flags;

/// Octets of expunged messages that an account keeps for its sessions; what goes beyond them is
/// out of reach at once.
pub(super) const KEPT_OCTETS: u64 = 16 << 20;

/// What a message takes beside its text and its flags, about.
const MESSAGE_OCTETS: u64 = 1024;

/// What a flag takes beside its name, about.
const FLAG_OCTETS: usize = 48;

/// One session's place in the history of a mailbox: up to which mod-sequence it knows what went.
/// Whoever drops it watches no more.
#[derive(Debug, Clone)]
pub struct Watch(Rc<Cell<u64>>);

/// What went from one mailbox and is still known to somebody.
#[derive(Debug, Default)]
pub(super) struct Gone {
    /// By UID, with the mod-sequence of the expunge.
    messages: BTreeMap<u32, (u64, Message)>,
    watchers: Vec<Weak<Cell<u64>>>,
}

impl Gone {
    /// A new watcher, who knows all that went up to a mod-sequence.
    pub fn watch(&mut self, told: u64) -> Watch {
        let watch = Rc::new(Cell::new(told));
        self.watchers.retain(|watcher| watcher.strong_count() > 0);
        self.watchers.push(Rc::downgrade(&watch));
        Watch(watch)
    }

    /// Keeps what went with a mod-sequence as long as a watcher has not been told, and as far as
    /// there is room for `room` octets.
    pub fn keep(&mut self, modseq: u64, messages: &[Message], mut room: u64) {
        self.forget();
        if self.watchers.is_empty() {
            return;
        }
        for message in messages {
            let cost = cost(message);
            if cost <= room {
                room -= cost;
                self.messages.insert(message.uid, (modseq, message.clone()));
            }
        }
    }

    /// A watcher has been told of all that went up to a mod-sequence.
    pub fn told(&mut self, watch: &Watch, modseq: u64) {
        watch.0.set(modseq);
        self.forget();
    }

    /// Forgets what every watcher knows.
    fn forget(&mut self) {
        self.watchers.retain(|watcher| watcher.strong_count() > 0);
        let told = self.watchers.iter().filter_map(Weak::upgrade).map(|told| told.get()).min();
        let told = told.unwrap_or(u64::MAX);
        self.messages.retain(|_, (modseq, _)| *modseq > told);
    }

    /// The message that had this UID.
    pub fn message(&self, uid: u32) -> Option<&Message> {
        self.messages.get(&uid).map(|(_, message)| message)
    }

    /// Changes flags of what is gone, for those who still look at it.
    pub fn store(&mut self, uids: &[u32], operation: FlagOperation, flags: &Flags) {
        for uid in uids {
            if let Some((_, message)) = self.messages.get_mut(uid) {
                message.flags = operation.apply(&message.flags, flags);
            }
        }
    }

    /// Octets of all that is kept.
    pub fn octets(&self) -> u64 {
        self.messages.values().map(|(_, message)| cost(message)).sum()
    }
}

/// Octets that a message takes: small ones are more than their text.
fn cost(message: &Message) -> u64 {
    let flags: usize = message.flags.iter().map(|flag| flag.name().len() + FLAG_OCTETS).sum();
    (message.octets.len() + flags) as u64 + MESSAGE_OCTETS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Received;

    fn message(uid: u32, len: usize) -> Message {
        Message {
            uid,
            modseq: 1,
            flags: Flags::default(),
            received: Received { seconds: 0, offset_seconds: 0 },
            saved: 0,
            email_id: "M1".to_owned(),
            octets: vec![b'x'; len].into(),
        }
    }

    #[test]
    fn what_went_is_there_until_the_last_watcher_knows() {
        let mut gone = Gone::default();
        let room = MESSAGE_OCTETS + 100;
        gone.keep(2, &[message(1, 5)], room);
        assert!(gone.message(1).is_none(), "nobody looks");
        let (one, other) = (gone.watch(2), gone.watch(2));
        gone.keep(3, &[message(2, 5), message(3, 96)], room);
        assert!(gone.message(2).is_some());
        assert!(gone.message(3).is_none(), "there is no room for it");
        assert_eq!(gone.octets(), MESSAGE_OCTETS + 5);
        gone.told(&one, 3);
        assert!(gone.message(2).is_some());
        drop(other);
        gone.keep(4, &[], room);
        assert!(gone.message(2).is_none());
    }

    #[test]
    fn its_flags_can_still_be_changed() {
        let mut gone = Gone::default();
        let _watch = gone.watch(1);
        gone.keep(2, &[message(1, 5)], MESSAGE_OCTETS + 100);
        gone.store(&[1, 9], FlagOperation::Add, &std::iter::once("\\Seen").collect());
        assert!(gone.message(1).is_some_and(|message| message.flags.has("\\Seen")));
    }
}
