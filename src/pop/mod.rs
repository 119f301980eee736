//! POP3: the syntax, the client and the spool.

pub mod client;
pub mod spool;
pub mod syntax;
