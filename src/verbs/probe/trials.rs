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
pub use extensions::{Who, extensions, mail_in_the_clear};
pub use handshakes::{handshakes, of_newest, staple};
pub use login::login;
pub use reverse::reverse;

use super::endpoint::Way;
use super::facts::{Stop, Trial, Tried};

/// Asks for TLS where it was not offered: a server that takes that had its offer struck out.
pub async fn unoffered(way: &Way<'_>) -> Tried {
    let trial = Trial::Unoffered;
    match way.to_tls().await {
        Ok(_) => Tried::yes(trial, "it is not offered, and taken all the same"),
        Err(stop) if stop.is_certain() => Tried::no(trial, stop.detail),
        Err(stop) => untold(trial, &stop),
    }
}

/// An answer that did not come.
fn untold(trial: Trial, stop: &Stop) -> Tried {
    Tried::unknown(trial, format!("{}: {}", stop.phase, stop.detail))
}
