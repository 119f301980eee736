//! IMAP: RFC 9051, RFC 3501 and their extensions.

pub mod client;
pub mod part_facts;
pub mod search_keys;
pub mod server;
pub mod store;
pub mod syntax;
pub mod text_parts;
