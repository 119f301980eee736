//! How many connections a run may make, and how fast: obeyed before each is made.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::facts::{Stop, StopKind};
use super::timing::Phase;

/// Connections to one host at a time: fewer than any server's limit for one client that we
/// know of (Exim's smtp_accept_max_per_host and Courier's MAXPERIP are 4 where they are set).
const AT_A_TIME: usize = 4;

/// Time between two connections to one host, unless it is this machine.
const APART: Duration = Duration::from_millis(20);

/// Connections allowed, and made.
pub struct Budget {
    limit: u32,
    used: Cell<u32>,
    hosts: RefCell<HashMap<String, Rc<Pace>>>,
}

/// The pace of one host.
struct Pace {
    slots: Arc<Semaphore>,
    /// When the next connection may be made.
    next: Cell<Option<Instant>>,
}

/// The right to one connection, for as long as it is held.
pub struct Permit {
    _slot: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// That many.
    pub fn new(limit: u32) -> Self {
        Self { limit, used: Cell::new(0), hosts: RefCell::default() }
    }

    /// Takes one more connection to `host`, once it is its turn. Cancel-safe.
    ///
    /// # Errors
    /// [`Stop`] when there is none left: what was to be asked stays unknown.
    pub async fn take(&self, host: &str, is_loopback: bool) -> Result<Permit, Stop> {
        let pace = Rc::clone(self.hosts.borrow_mut().entry(host.to_owned()).or_insert_with(|| {
            Rc::new(Pace { slots: Arc::new(Semaphore::new(AT_A_TIME)), next: Cell::new(None) })
        }));
        // The semaphore is never closed.
        let slot = Arc::clone(&pace.slots).acquire_owned().await.ok();
        if !is_loopback {
            let now = Instant::now();
            let at = pace.next.get().map_or(now, |next| next.max(now));
            pace.next.set(Some(at + APART));
            tokio::time::sleep_until(at).await;
        }
        if self.used.get() >= self.limit {
            return Err(Stop {
                phase: Phase::Tcp,
                kind: StopKind::Ours,
                detail: format!(
                    "the budget of {} connections is used up (see --budget)",
                    self.limit
                ),
            });
        }
        self.used.set(self.used.get() + 1);
        Ok(Permit { _slot: slot })
    }

    /// How many were made.
    pub fn used(&self) -> u32 {
        self.used.get()
    }

    /// How many are allowed.
    pub fn limit(&self) -> u32 {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn it_is_obeyed() {
        let budget = Budget::new(2);
        assert!(budget.take("h", true).await.is_ok() && budget.take("i", true).await.is_ok());
        let stop = budget.take("h", true).await.err().expect("used up");
        assert!(!stop.is_certain());
        assert_eq!((budget.used(), budget.limit()), (2, 2));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_host_is_not_crowded_and_the_others_do_not_wait_for_it() {
        let budget = Budget::new(100);
        let mut held = Vec::new();
        for _ in 0..AT_A_TIME {
            held.push(budget.take("h", true).await.expect("there is one"));
        }
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, budget.take("h", true)).await.is_err());
        assert!(tokio::time::timeout(soon, budget.take("i", true)).await.is_ok());
        held.pop();
        assert!(tokio::time::timeout(soon, budget.take("h", true)).await.is_ok());
        let begun = Instant::now();
        for _ in 0..3 {
            budget.take("far", false).await.expect("there is one");
        }
        assert!(begun.elapsed() >= 2 * APART);
    }
}
