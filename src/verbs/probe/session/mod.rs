//! `probe session`: a transcript of SMTP, IMAP or POP3, as swaks, curl, telnet, `openssl
//! s_client` or this program print it, judged by the rules of every probe.
//!
//! `read` finds out who said what; `smtp`, `imap` and `pop` follow the dialogue and tell what is
//! wrong with it; what the server offered becomes the facts of an endpoint, which the checks of
//! a probe judge.

mod imap;
mod judge;
mod pop;
mod read;
mod run;
mod smtp;

pub use run::{Args, run};
