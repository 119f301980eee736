//! The ground floor: what every room may use. Pure values and grammars, no I/O.

pub mod apart;
pub mod backoff;
pub mod date;
pub mod decode;
pub mod dot;
pub mod limits;
pub mod location;
pub mod mailbox_name;
pub mod nearest;
pub mod secret;
