//! `sync`: makes the mail of two places equal, and can be broken off anywhere.
//!
//! A pass looks at every folder of both sides (`scan`), merges what it sees with what it
//! remembers (`diff`, a pure function; `state`), stops where too much would be deleted
//! (`plan`), and then carries the plan out (`apply`): the intent written down, the thing
//! done, the result written down. A copy that was begun in a run that did not end is found
//! again by its content (`find`), never made twice.
//!
//! Around a pass: which messages are wanted (`options`, `select`, `expire`), under which names,
//! with which trash and how fast (`names`, `around`), plans that are carried out later
//! (`planfile`), passes without end (`watch`), many accounts (`fleet`, `shard`), and what looks
//! after a state (`doctor`, `adopt`).
//!
//! It knows nothing of protocols: both sides are a [`crate::store::Store`]. Folders that were
//! created, renamed or deleted are so on the other side, too (`tree`), and messages that were
//! moved are moved there (`moves`).

mod adopt;
mod apply;
mod args;
mod around;
mod bind;
mod brake;
mod copy;
mod diff;
mod digest;
mod doctor;
mod expire;
mod find;
mod fleet;
mod mbsyncrc;
mod moves;
mod names;
mod options;
mod pair;
mod pass;
mod places;
mod plan;
mod planfile;
mod record;
mod run;
mod scan;
mod select;
mod shard;
mod spool;
mod state;
#[cfg(test)]
mod tests;
mod tree;
mod verify;
mod watch;

pub use args::Args;
pub use run::run;
