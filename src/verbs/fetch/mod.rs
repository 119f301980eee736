//! `fetch`: brings messages, headers and parts from servers and local mail to targets.
//!
//! It asks for many messages at once and never holds a body whole in memory. The order of
//! things is what keeps mail: a target's confirmation, then the record (`memory`), then what
//! `--then` and its like ask for at the source (`then`).

mod args;
mod attachments;
mod copies;
mod decide;
mod folders;
mod handed;
mod letterhead;
mod links;
mod memory;
mod parts;
mod passing;
mod plan;
mod raw;
mod resume;
mod run;
mod select;
mod show;
mod structure;
mod targets;
mod then;
mod watch;
mod ways;

pub use args::Args;
pub use run::run;
