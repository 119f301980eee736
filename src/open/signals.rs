//! SIGINT, SIGTERM and SIGHUP: the first asks the run to end with what was done told and written
//! down, the second ends it at once.
//!
//! No thread waits for them: what a handler may do, it does there and then. It notes the first,
//! and ends the process at the second, which so counts even where the process is held up by a disk
//! or a pipe. Whoever waits for a peer is woken by the runtime, which hears of the signal too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use super::stopped;
use crate::net::Stop;
use crate::net::stop::Cause;

/// Signals that come this soon behind the first one are the first one: timeout(1) sends its to the
/// process and to its group, and a terminal that goes away is told of by several.
const ONE: Duration = Duration::from_millis(300);

/// Listens from now on: before, a signal ends the process, and nothing has left by then. A SIGINT
/// or SIGHUP that was ignored when the process began (a shell's job in the background, nohup)
/// stays so. Has to be called on a runtime.
///
/// # Errors
/// The operating system's.
pub fn listen(stop: &Stop) -> std::io::Result<()> {
    let first = Arc::new(First { begun: Instant::now(), nanoseconds: AtomicU64::new(0) });
    for (kind, cause) in [
        (SignalKind::interrupt(), Cause::Interrupt),
        (SignalKind::terminate(), Cause::Terminate),
        (SignalKind::hangup(), Cause::HangUp),
    ] {
        if cause != Cause::Terminate && is_ignored(kind) {
            continue;
        }
        let exit = i32::from(stopped(cause).code());
        let (noting, first) = (stop.clone(), first.clone());
        let heard = move || {
            if first.is_over() {
                // SAFETY: _exit(2) may be called by a signal's handler, and does not return.
                unsafe { libc::_exit(exit) };
            }
            noting.note(cause);
        };
        // SAFETY: the handler compares and stores atomics, reads the monotonic clock, and may end
        // the process; it allocates nothing, takes no lock and cannot panic.
        unsafe { signal_hook_registry::register(kind.as_raw_value(), heard) }?;
        let mut signals = signal(kind)?;
        let stop = stop.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                stop.wake();
            }
        });
    }
    Ok(())
}

/// When the first signal came.
struct First {
    begun: Instant,
    /// Since then, and at least 1; 0: none has come.
    nanoseconds: AtomicU64,
}

impl First {
    /// Whether a signal that comes now is another one than the first, which it may be itself.
    fn is_over(&self) -> bool {
        let passed = self.begun.elapsed();
        let now = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX).max(1);
        let first = self.nanoseconds.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        first.is_err_and(|first| passed > Duration::from_nanos(first).saturating_add(ONE))
    }
}

/// Whether a signal is ignored in this process.
fn is_ignored(kind: SignalKind) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action nothing changes; the old one is written to memory of its size.
    let asked =
        unsafe { libc::sigaction(kind.as_raw_value(), std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: all zeroes are a sigaction too, should nothing have been written.
    asked == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rust_ignores_is_seen() {
        assert!(is_ignored(SignalKind::pipe()), "the runtime of Rust ignores SIGPIPE");
        assert!(!is_ignored(SignalKind::user_defined2()));
    }

    #[test]
    fn the_second_signal_is_one_that_does_not_come_along_with_the_first() {
        let first = First { begun: Instant::now(), nanoseconds: AtomicU64::new(0) };
        assert!(!first.is_over(), "it is the first");
        let of = |age: Duration| First {
            begun: Instant::now().checked_sub(age).expect("the machine is older"),
            nanoseconds: AtomicU64::new(1),
        };
        assert!(of(2 * ONE).is_over());
        // As long as it takes to look at the clock.
        assert!(!of(Duration::ZERO).is_over() || first.begun.elapsed() > ONE);
    }
}
