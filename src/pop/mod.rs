//! POP3: the syntax, the client, the spool and the server.

pub mod syntax;
