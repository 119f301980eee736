//! `search`: finds messages on servers and in local mail by one language, and prints their
//! references.
//!
//! A server answers what it can answer so that nothing is missed, and what is left is found
//! out here of as little as possible. Local mail is read on all cores, the cheapest facts
//! first. This module changes nothing anywhere, and keeps no index.

mod args;
mod explain;
mod fields;
mod files;
mod found;
mod input;
mod literal;
mod plan;
mod run;
mod server;
mod spooled;
#[cfg(test)]
mod testing;

pub use args::Args;
pub use run::run;
