//! The ground floor: what every room may use. Pure values and grammars, no I/O.

pub mod decode;
pub mod limits;
pub mod mailbox_name;
pub mod secret;
