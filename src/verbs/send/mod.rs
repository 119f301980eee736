//! `send`: hands one message to a server and tells the fate of every recipient.
//!
//! RFC 5321 and its extensions are `smtp::client`'s; here the message is taken in, completed
//! (RFC 5322 section 3.6) and given an envelope. This module does not route to MX hosts.

mod args;
mod compose;
mod news;
mod outcome;
mod plan;
mod run;
mod spooled;

pub use args::Args;
pub use run::run;
