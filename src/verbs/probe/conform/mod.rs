//! `probe conform`: our own scripted cases against a server, each with its RFC's section, and
//! a score per RFC.
//!
//! The cases are data (`imap`, `pop`, `smtp`, in the language of `script`); `talk` says and
//! reads them on a connection of their own each. For IMAP they run in a folder with a random
//! name that is made first and removed last; nothing outside it is changed. For POP3 nothing is
//! removed, and for SMTP nothing is delivered but to a recipient that was named.

mod imap;
mod pop;
mod run;
mod scratch;
mod script;
mod smtp;
mod talk;

pub use run::{Args, entries, run};
pub use script::Step;
pub use talk::{Fault, Talk, Words};
