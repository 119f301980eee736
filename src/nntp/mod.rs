//! NNTP: the syntax, the client, the newsgroup as a spool, and the server.

pub mod client;
pub mod server;
pub mod spool;
pub mod syntax;
