//! The end of a run that is asked for before its work is done: by a signal, or by a deadline for
//! all of it.
//!
//! Whoever waits for a peer stops waiting with [`Error::Stopped`], as if the connection had failed
//! there: what is known of the work is then told and written down as after any other failure. What
//! a peer may have taken already is waited for a little longer (see [`Wire::set_patient`]).
//!
//! [`Wire::set_patient`]: super::Wire::set_patient

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Error;

/// So long an answer that decides the fate of what has left is waited for behind a signal. Service
/// managers give ten seconds (containers) to ninety (systemd) before they kill.
pub const GRACE: Duration = Duration::from_secs(5);

/// Why a run ends before its work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal is gone.
    HangUp,
    /// The run had so much time, and it is over.
    Deadline(Duration),
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Interrupt => f.write_str("ended by SIGINT"),
            Self::Terminate => f.write_str("ended by SIGTERM"),
            Self::HangUp => f.write_str("ended by SIGHUP"),
            Self::Deadline(limit) => write!(f, "no end within {} s", limit.as_secs_f64()),
        }
    }
}

/// Whether the run is to end: one for all of it, and cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<State>);

#[derive(Debug, Default)]
struct State {
    asked: Mutex<Option<(Cause, Instant)>>,
    /// What a signal's handler has noted: the place in [`SIGNALS`] and one more; 0: nothing.
    noted: AtomicU8,
    changed: Notify,
    /// When the whole run is to be over, and how long it had.
    until: OnceLock<(std::time::Instant, Duration)>,
    gave_up_input: AtomicBool,
}

/// The causes that signals are.
const SIGNALS: [Cause; 3] = [Cause::Interrupt, Cause::Terminate, Cause::HangUp];

impl Stop {
    /// Notes that a signal asks the run to end, by nothing but an atomic: a signal's handler may
    /// do that. Whoever looks at [`Stop::cause`] sees it; those who wait are woken by
    /// [`Stop::wake`]. A cause that is no signal changes nothing.
    pub fn note(&self, cause: Cause) {
        if let Some(at) = SIGNALS.iter().position(|signal| *signal == cause) {
            let number = at as u8 + 1;
            let noted = &self.0.noted;
            let _ = noted.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Wakes those who wait, where a signal was [noted](Stop::note).
    pub fn wake(&self) {
        if self.cause().is_some() {
            self.0.changed.notify_waiters();
        }
    }

    /// Says that the run has so much time from now on; the first word counts.
    pub fn limit(&self, limit: Duration) {
        if let Some(until) = std::time::Instant::now().checked_add(limit) {
            let _ = self.0.until.set((until, limit));
        }
    }

    /// When the run is to be over; `None`: it may take its time.
    pub fn until(&self) -> Option<std::time::Instant> {
        self.0.until.get().map(|(until, _)| *until)
    }

    /// Says that the time was over before standard input was.
    pub fn give_up_input(&self) {
        self.0.gave_up_input.store(true, Ordering::Relaxed);
    }

    /// How long the run had, where standard input did not come to its end in that time.
    pub fn input_was_late(&self) -> Option<Duration> {
        let gave_up = self.0.gave_up_input.load(Ordering::Relaxed);
        self.0.until.get().filter(|_| gave_up).map(|(_, limit)| *limit)
    }

    /// Asks the run to end; the first cause counts.
    pub fn ask(&self, cause: Cause) {
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get_or_insert_with(|| (cause, Instant::now()));
        drop(asked);
        self.0.changed.notify_waiters();
    }

    /// Why the run is to end; `None`: it is not.
    pub fn cause(&self) -> Option<Cause> {
        self.asked().map(|(cause, _)| cause)
    }

    fn asked(&self) -> Option<(Cause, Instant)> {
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_none()
            && let Some(at) = self.0.noted.load(Ordering::Relaxed).checked_sub(1)
        {
            *asked = SIGNALS.get(usize::from(at)).map(|cause| (*cause, Instant::now()));
        }
        *asked
    }

    /// Whether work may begin.
    ///
    /// # Errors
    /// [`Error::Stopped`] once the run is to end.
    pub fn check(&self) -> Result<(), Error> {
        match self.cause() {
            Some(cause) => Err(Error::Stopped(cause)),
            None => Ok(()),
        }
    }

    /// Waits until the run is to end. Cancel-safe.
    pub async fn stopped(&self) -> Cause {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(cause) = self.cause() {
                return cause;
            }
            changed.await;
        }
    }

    /// Waits until the run is to end and no answer is worth waiting for any longer. A deadline
    /// has no grace. Cancel-safe.
    pub async fn out_of_patience(&self) -> Cause {
        let cause = self.stopped().await;
        if let (Some((_, since)), true) = (self.asked(), !matches!(cause, Cause::Deadline(_))) {
            tokio::time::sleep_until(since + GRACE).await;
        }
        cause
    }

    /// What `work` comes to, unless the run is to end before; `work` is dropped then.
    ///
    /// # Errors
    /// [`Error::Stopped`], and those of `work`.
    pub async fn unless<T, E: From<Error>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.check()?;
        tokio::select! {
            biased;
            done = work => done,
            cause = self.stopped() => Err(Error::Stopped(cause).into()),
        }
    }

    /// Waits for that long, or until the run is to end. Cancel-safe.
    pub async fn sleep(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            _ = self.stopped() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Wire;

    fn run<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime")
            .block_on(future)
    }

    #[test]
    fn the_first_cause_counts() {
        let stop = Stop::default();
        assert_eq!(stop.cause(), None);
        assert!(stop.check().is_ok());
        stop.ask(Cause::Terminate);
        stop.clone().ask(Cause::Interrupt);
        assert_eq!(stop.cause(), Some(Cause::Terminate));
        let error = stop.check().expect_err("it ends");
        assert_eq!(error.to_string(), "ended by SIGTERM");
    }

    #[test]
    fn a_signal_that_is_only_noted_is_seen_and_told() {
        run(async {
            let stop = Stop::default();
            stop.wake();
            assert_eq!(stop.cause(), None);
            let noting = async {
                stop.note(Cause::HangUp);
                stop.note(Cause::Terminate);
                stop.wake();
            };
            let (cause, ()) = tokio::join!(stop.stopped(), noting);
            assert_eq!((cause, stop.cause()), (Cause::HangUp, Some(Cause::HangUp)));
            // A deadline that was first stays.
            let stop = Stop::default();
            stop.ask(Cause::Deadline(GRACE));
            stop.note(Cause::Interrupt);
            assert_eq!(stop.cause(), Some(Cause::Deadline(GRACE)));
        });
    }

    #[test]
    fn whoever_waits_is_woken_and_work_that_is_done_counts() {
        run(async {
            let stop = Stop::default();
            let waiting = stop.unless(std::future::pending::<Result<(), Error>>());
            let asking = async { stop.ask(Cause::Interrupt) };
            let (waited, ()) = tokio::join!(waiting, asking);
            assert!(matches!(waited, Err(Error::Stopped(Cause::Interrupt))));
            // A minute that no test has.
            stop.sleep(Duration::from_secs(60)).await;
        });
    }

    #[test]
    fn a_wire_stops_waiting_and_hears_what_is_there() {
        run(async {
            for (cause, patient) in [
                (Cause::Interrupt, false),
                (Cause::Terminate, false),
                // A deadline has no grace.
                (Cause::Deadline(Duration::from_secs(1)), true),
            ] {
                let (mut near, mut far) = Wire::duplex(64);
                let stop = Stop::default();
                near.set_stop(stop.clone());
                near.set_patient(patient);
                let asking = async { stop.ask(cause) };
                let (filled, ()) = tokio::join!(near.fill(), asking);
                assert!(matches!(filled, Err(Error::Stopped(it)) if it == cause), "{cause}");
                far.queue(b"said");
                far.flush().await.expect("it is written");
                assert_eq!(near.fill().await.expect("it was there"), 4);
            }
        });
    }

    #[test]
    fn an_answer_within_the_grace_is_heard() {
        run(async {
            let (mut near, mut far) = Wire::duplex(64);
            let stop = Stop::default();
            near.set_stop(stop.clone());
            near.set_patient(true);
            stop.ask(Cause::Interrupt);
            let answering = async {
                // Whoever is patient waits by now.
                tokio::task::yield_now().await;
                far.queue(b"250 ok\r\n");
                far.flush().await
            };
            let (length, answered) = tokio::join!(near.line(100), answering);
            answered.expect("it is written");
            assert_eq!(length.expect("a line"), 8);
        });
    }
}
