//! `fetch`: brings messages, headers and parts from servers and local mail to targets.
//!
//! It asks for many messages at once and never holds a body whole unless a target needs it.
//! This module changes nothing at the source.

mod args;
mod memory;
mod plan;
mod run;
mod targets;

pub use args::Args;
pub use run::run;
