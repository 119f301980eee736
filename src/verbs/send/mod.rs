//! `send`: hands one message to a server and tells the fate of every recipient.
//!
//! RFC 5321 and its extensions are `smtp::client`'s; here the message is taken in or composed,
//! completed (RFC 5322 section 3.6), given an envelope, made fit for the server, signed, and handed
//! over, one by one or in bulk. Which exchangers a domain has is [`crate::route`]'s.

mod args;
mod bulk;
mod compose;
mod deliver;
mod direct;
mod esmtp;
mod fit;
mod merge;
mod news;
mod outcome;
pub mod persona;
mod pipe;
mod plan;
mod report;
mod resend;
mod run;
mod sent;
mod signing;
mod spool;
mod spooled;
mod stages;
mod stdio;
mod together;

pub use args::Args;
pub use run::run;
