//! SIGINT and SIGTERM: the first asks the run to end with all fates told, the second ends it at
//! once.

use std::io::Read as _;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::net::Stop;
use crate::net::stop::Cause;
use crate::ui::Exit;

/// Signals that come this soon behind the first one are the first one.
const ONE: Duration = Duration::from_millis(300);

/// Listens from now on: before, a signal ends the process, and nothing has left by then. A SIGINT
/// that was ignored when the process began (a shell's job in the background) stays so. Has to be
/// called on a runtime.
///
/// # Errors
/// The operating system's.
pub fn listen(stop: &Stop) -> std::io::Result<()> {
    let interrupt = match is_ignored(SignalKind::interrupt()) {
        true => None,
        false => Some(signal(SignalKind::interrupt())?),
    };
    let mut signals = Signals { interrupt, terminate: signal(SignalKind::terminate())? };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let stop = stop.clone();
    // A thread of its own: the second signal counts even where the first thread is held up by a
    // disk or a pipe.
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            stop.ask(signals.next().await);
            // timeout(1) sends its signal to the process and to its group: that is one.
            let same = tokio::time::Instant::now() + ONE;
            while tokio::time::timeout_at(same, signals.next()).await.is_ok() {}
            let exit = match signals.next().await {
                Cause::Interrupt => Exit::Interrupted,
                Cause::Terminate | Cause::Deadline(_) => Exit::Terminated,
            };
            std::process::exit(exit.code().into());
        });
    })?;
    Ok(())
}

struct Signals {
    interrupt: Option<Signal>,
    terminate: Signal,
}

impl Signals {
    async fn next(&mut self) -> Cause {
        let Self { interrupt, terminate } = self;
        let interrupted = async {
            match interrupt {
                Some(interrupt) => interrupt.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupted => Cause::Interrupt,
            _ = terminate.recv() => Cause::Terminate,
        }
    }
}

/// Whether a signal is ignored in this process, as far as Linux's /proc tells.
fn is_ignored(kind: SignalKind) -> bool {
    // At once: a file of /proc does not tell its size, and grows a text by many small reads.
    let mut octets = [0; 4096];
    let file = std::fs::File::open("/proc/self/status");
    let count = file.and_then(|mut file| file.read(&mut octets)).unwrap_or_default();
    let status = String::from_utf8_lossy(&octets[..count]);
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rust_ignores_is_seen() {
        assert!(is_ignored(SignalKind::pipe()), "the runtime of Rust ignores SIGPIPE");
        assert!(!is_ignored(SignalKind::user_defined2()));
    }
}
