//! A session that a server was too busy for is opened again.

use std::time::Duration;

use anyhow::Result;

use super::context::Context;
use crate::base::backoff::{Busy, Schedule};
use crate::store;
use crate::ui::report;

/// Opens a session, and opens it again when the server says that it is busy: nothing was
/// asked of it yet, so repeating is harmless. `whom` is for the user's eyes.
///
/// A server that cannot be reached is not tried again: that is for who calls us to decide
/// (exit code 75).
///
/// # Errors
/// Those of the last attempt.
pub async fn patiently<T>(
    whom: impl std::fmt::Display,
    context: &Context,
    mut open: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let mut schedule = Schedule::default();
    loop {
        let error = match open().await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        let Some(wait) = busy(&error).and_then(|busy| schedule.after(busy)) else {
            return Err(error);
        };
        if !context.quiet {
            let text = format!("{whom} is busy; trying again in {}: {error:#}", seconds(wait));
            report::note(&context.redacted(&text));
        }
        let stop = &context.net.stop;
        stop.sleep(wait).await;
        if stop.cause().is_some() {
            return Err(error);
        }
    }
}

/// Whether an error is a server's wish to be left alone for a while.
pub fn busy(error: &anyhow::Error) -> Option<Busy> {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<store::Error>())
        .and_then(store::Error::busy)
}

/// What to tell a user whom a busy server keeps waiting.
pub fn patience(busy: Busy) -> String {
    match busy {
        Busy::For(time) => format!("the server asks to be left alone for {}", seconds(time)),
        Busy::AWhile => "the server is busy: try again later".to_owned(),
    }
}

/// A time as people say it.
fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds.fract() == 0.0 { format!("{seconds} s") } else { format!("{seconds:.2} s") }
}
