//! IMAP: RFC 9051, RFC 3501 and their extensions.

pub mod client;
pub mod server;
pub mod store;
pub mod syntax;
