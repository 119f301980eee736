//! SMTP and LMTP: the syntax, the client and the server.

pub mod client;
pub mod server;
pub mod syntax;
