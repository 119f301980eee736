//! POP3: the syntax, the client, the spool and the server.

pub mod client;
pub mod server;
pub mod spool;
pub mod syntax;
