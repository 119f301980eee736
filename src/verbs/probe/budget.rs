//! How many connections a run may make: obeyed before each is made.

use std::cell::Cell;

use super::facts::{Stop, StopKind};
use super::timing::Phase;

/// Connections allowed, and made.
pub struct Budget {
    limit: u32,
    used: Cell<u32>,
}

impl Budget {
    /// That many.
    pub fn new(limit: u32) -> Self {
        Self { limit, used: Cell::new(0) }
    }

    /// Takes one more.
    ///
    /// # Errors
    /// [`Stop`] when there is none left: what was to be asked stays unknown.
    pub fn take(&self) -> Result<(), Stop> {
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
        Ok(())
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

    #[test]
    fn it_is_obeyed() {
        let budget = Budget::new(2);
        assert!(budget.take().is_ok() && budget.take().is_ok());
        let stop = budget.take().expect_err("used up");
        assert!(!stop.is_certain());
        assert_eq!((budget.used(), budget.limit()), (2, 2));
    }
}
