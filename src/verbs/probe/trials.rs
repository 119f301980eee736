//! Questions with yes or no for an answer, beside the conversation that is timed: extensions,
//! TLS handshakes, names of addresses, what only the active tiers ask, and logins.
//!
//! Every question leaves the server as it was: no message is sent, but for the intrusive tier,
//! whose messages go to the postmaster of the server that was named.

mod active;
mod extensions;
mod handshakes;
mod login;
mod reverse;
mod smuggling;

pub use active::active;
pub use extensions::{extensions, mail_in_the_clear};
pub use handshakes::{handshakes, staple};
pub use login::login;
pub use reverse::reverse;

use super::facts::{Stop, Trial, Tried};

/// An answer that did not come.
fn untold(trial: Trial, stop: &Stop) -> Tried {
    Tried::unknown(trial, format!("{}: {}", stop.phase, stop.detail))
}
