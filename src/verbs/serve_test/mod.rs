//! `serve-test`: SMTP, submission, LMTP, IMAP, POP3 and NNTP in one process, for tests.
//!
//! The protocols are their own modules'; here are the sockets, the users, the throwaway
//! certificates, and the command that all of it is wrapped around.

mod accepted;
mod args;
pub mod certificates;
mod client;
mod control;
mod environment;
mod expect;
mod extract;
mod faults;
mod hidden;
mod limits;
mod listeners;
mod news;
mod personalities;
mod pipes;
mod post;
mod proxy;
mod record;
mod release;
mod replay;
mod run;
mod seed;
mod service;
mod users;

pub use args::Args;
pub use run::{Ended, run};
