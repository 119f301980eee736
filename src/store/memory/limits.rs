//! How much mail there may be: the quota of an account (RFC 9208), and the memory of all of
//! them together.

use std::cell::Cell;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// Limits of an account's quota root; `None`: there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// STORAGE: all messages together, in units of 1024 octets.
    pub storage: Option<u64>,
    /// MESSAGE: how many messages.
    pub messages: Option<u64>,
    /// MAILBOX: how many mailboxes.
    pub mailboxes: Option<u64>,
}

/// What counts against [`Limits`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// All messages together, in octets.
    pub octets: u64,
    /// How many messages.
    pub messages: u64,
    /// How many mailboxes.
    pub mailboxes: u64,
}

impl Usage {
    /// STORAGE: in units of 1024 octets, rounded up.
    pub fn storage(&self) -> u64 {
        self.octets.div_ceil(1024)
    }

    /// Whether nothing is above its limit.
    pub fn fits(&self, limits: &Limits) -> bool {
        let within = |used: u64, limit: Option<u64>| limit.is_none_or(|limit| used <= limit);
        within(self.storage(), limits.storage)
            && within(self.messages, limits.messages)
            && within(self.mailboxes, limits.mailboxes)
    }
}

/// Octets of messages that several accounts hold together, and what is to happen when they
/// become too many: whoever waits for [`Budget::exceeded`] makes room.
#[derive(Debug)]
pub struct Budget {
    limit: u64,
    used: Cell<u64>,
    alarm: Notify,
}

impl Budget {
    /// A budget of so many octets.
    pub fn new(limit: u64) -> Rc<Self> {
        Rc::new(Self { limit, used: Cell::new(0), alarm: Notify::new() })
    }

    /// Octets above the limit.
    pub fn excess(&self) -> u64 {
        self.used.get().saturating_sub(self.limit)
    }

    /// Waits until there are too many octets. Cancel-safe.
    pub async fn exceeded(&self) {
        while self.excess() == 0 {
            self.alarm.notified().await;
        }
    }

    pub(super) fn take(&self, octets: u64) {
        self.used.set(self.used.get().saturating_add(octets));
        if self.excess() > 0 {
            self.alarm.notify_one();
        }
    }

    pub(super) fn give_back(&self, octets: u64) {
        self.used.set(self.used.get().saturating_sub(octets));
    }
}
