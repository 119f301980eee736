//! Waiting for changes: IDLE (RFC 2177), or NOOP from time to time.

use std::time::Duration;

use tokio::time::Instant;

use super::state::State;
use super::{Client, Error};
use crate::imap::syntax::command::{Command, Word};
use crate::imap::syntax::response::Condition;
use crate::net::deadline;

/// Between two NOOPs where the server has no IDLE.
const POLL: Duration = Duration::from_secs(30);

impl Client {
    /// Waits until the server tells of a change in the selected mailbox, or `limit` has passed
    /// (`false`). A change that was told since the mailbox was selected counts at once: whoever
    /// selects, looks, and then waits misses nothing.
    ///
    /// Cancel-safe: the IDLE that may be left open is ended by whatever is asked next.
    ///
    /// # Errors
    /// [`Error::NothingSelected`], [`Error::Refused`], and the connection's errors.
    pub async fn wait_for_change(&mut self, limit: Duration) -> Result<bool, Error> {
        let end = Instant::now() + limit;
        loop {
            if self.selected().ok_or(Error::NothingSelected)?.is_stale {
                self.settle().await?;
                return Ok(true);
            }
            let now = Instant::now();
            if now >= end {
                self.settle().await?;
                return Ok(self.selected().is_some_and(|selected| selected.is_stale));
            }
            self.idle(end, &|state| {
                state.selected.as_ref().is_some_and(|selected| selected.is_stale)
            })
            .await?;
        }
    }

    /// Idles until `is_told` or the time has come, or looks once where the server has no IDLE;
    /// for a while at most.
    pub(super) async fn idle(
        &mut self,
        end: Instant,
        is_told: &dyn Fn(&State) -> bool,
    ) -> Result<(), Error> {
        let now = Instant::now();
        if self.capabilities().has("IDLE") || self.capabilities().has("IMAP4rev2") {
            self.idle_until(end.min(now + deadline::IDLE_RENEW), is_told).await
        } else {
            tokio::time::sleep_until(end.min(now + POLL)).await;
            self.noop().await
        }
    }

    async fn idle_until(
        &mut self,
        end: Instant,
        is_told: &dyn Fn(&State) -> bool,
    ) -> Result<(), Error> {
        if self.idling.is_none() {
            self.idling = Some(self.send(Command::Word(Word::Idle)).await?);
        }
        // The connection's own deadline is for a server that owes us something: here it owes
        // nothing before `end`.
        self.wire.set_timeout(deadline::IDLE_RENEW + Duration::from_secs(60));
        let told = async {
            while !is_told(&self.state) {
                self.receive(&mut |_| {}).await?;
                // A server that has no wish to idle ends the command by itself.
                if let Some(tag) = self.idling
                    && let Some((command, reply)) = self.state.take_done(tag)
                {
                    self.idling = None;
                    return match reply.condition {
                        Condition::Ok => Ok(()),
                        _ => Err(Error::Refused { command, reply }),
                    };
                }
            }
            Ok(())
        };
        if let Ok(ended) = tokio::time::timeout_at(end, told).await {
            ended?;
        }
        self.settle().await
    }

    /// Ends an IDLE that was begun, so that something else can be asked.
    pub(super) async fn settle(&mut self) -> Result<(), Error> {
        let Some(tag) = self.idling else { return Ok(()) };
        self.deadline(deadline::COMMAND);
        // DONE answers the go-ahead; a server that has not given it yet may not understand.
        while self.state.go_ahead.is_none() {
            if self.state.take_done(tag).is_some() {
                self.idling = None;
                return Ok(());
            }
            self.receive(&mut |_| {}).await?;
        }
        self.idling = None;
        self.wire.queue(b"DONE\r\n");
        match self.wait(tag, &mut |_| {}).await {
            Ok(_) | Err(Error::Refused { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
