//! `search`: finds messages on servers and in local mail by one language, and prints their
//! references.
//!
//! A server answers what it can answer so that nothing is missed, and what is left is found
//! out here of as little as possible. Local mail is read on all cores, the cheapest facts
//! first, or with the help of an index that is kept in a Maildir where that is asked for.
//! Nothing else is changed anywhere.

mod args;
mod explain;
mod fields;
mod files;
mod found;
mod index;
mod input;
mod literal;
mod markup;
mod one;
mod piped;
mod plan;
mod run;
mod rungs;
mod server;
mod spooled;
#[cfg(test)]
mod testing;
mod threads;
mod watch;

pub use args::Args;
pub use run::run;
