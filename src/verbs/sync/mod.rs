//! `sync`: makes the mail of two places equal, and can be broken off anywhere.
//!
//! A pass looks at every folder of both sides (`scan`), merges what it sees with what it
//! remembers (`diff`, a pure function; `state`), stops where too much would be deleted
//! (`plan`), and then carries the plan out (`apply`): the intent written down, the thing
//! done, the result written down. A copy that was begun in a run that did not end is found
//! again by its content (`find`), never made twice.
//!
//! It knows nothing of protocols: both sides are a [`crate::store::Store`]. It does not carry
//! over renamed or deleted folders, nor subscriptions; a message that was moved to another
//! folder is copied there and deleted where it was.

mod apply;
mod args;
mod around;
mod diff;
mod digest;
mod expire;
mod find;
mod mbsyncrc;
mod names;
mod options;
mod pair;
mod pass;
mod plan;
mod run;
mod scan;
mod select;
mod spool;
mod state;
#[cfg(test)]
mod tests;
mod verify;

pub use args::Args;
pub use run::run;
