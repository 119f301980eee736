//! How much mail there may be: the quota of an account (RFC 9208), and the memory of all of
//! them together.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

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
/// become too many: whoever waits for [`Budget::exceeded`] makes room. Octets that stand in
/// several mailboxes, of one account or of many, count once.
#[derive(Debug)]
pub struct Budget {
    limit: u64,
    used: Cell<u64>,
    /// In how many mailboxes each of the octets stands, by their place in memory.
    holders: RefCell<HashMap<*const u8, usize>>,
    alarm: Notify,
}

impl Budget {
    /// A budget of so many octets.
    pub fn new(limit: u64) -> Rc<Self> {
        let (used, holders) = (Cell::new(0), RefCell::default());
        Rc::new(Self { limit, used, holders, alarm: Notify::new() })
    }

    /// Octets above the limit.
    pub fn excess(&self) -> u64 {
        self.used.get().saturating_sub(self.limit)
    }

    /// Waits until there are too many octets. Cancel-safe.
    pub async fn exceeded(&self) {
        while self.excess() == 0 {
            self.grown().await;
        }
    }

    /// Waits until octets have come that make, or leave, too many. Cancel-safe.
    pub async fn grown(&self) {
        self.alarm.notified().await;
    }

    /// A mailbox holds these octets from now on.
    pub(super) fn hold(&self, octets: &Arc<[u8]>) {
        let mut holders = self.holders.borrow_mut();
        let count = holders.entry(octets.as_ptr()).or_default();
        *count += 1;
        if *count == 1 {
            self.used.set(self.used.get().saturating_add(octets.len() as u64));
        }
        if self.excess() > 0 {
            self.alarm.notify_one();
        }
    }

    /// A mailbox that held these octets is about to let them go.
    pub(super) fn release(&self, octets: &Arc<[u8]>) {
        let mut holders = self.holders.borrow_mut();
        let Some(count) = holders.get_mut(&octets.as_ptr()) else { return };
        *count -= 1;
        if *count == 0 {
            holders.remove(&octets.as_ptr());
            self.used.set(self.used.get().saturating_sub(octets.len() as u64));
        }
    }
}
