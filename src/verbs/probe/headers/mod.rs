//! `probe headers`: a message's way, the time of each hop, its DKIM and ARC signatures, what
//! the receiver found, and whether any of that speaks for its author.
//!
//! RFC 5321 section 4.4 (`received`), RFC 8601 (`results`), RFC 6376 and 8617 (by
//! [`crate::message::signature`], keys from DNS), RFC 7489 section 3.1 (alignment). SPF is not
//! evaluated anew: who connected is only known to the receiver.

mod check;
mod proof;
pub mod received;
pub mod results;
mod run;

pub use check::of_results;
pub use run::{Args, run, way};
