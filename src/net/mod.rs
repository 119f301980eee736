//! Connections: names to addresses, addresses to sockets, sockets to [`Wire`]s, TLS on top.
//!
//! Nothing here knows a mail protocol. The transcript, the limits and the deadlines of every
//! verb are kept in this one place.

pub mod connect;
pub mod deadline;
pub mod deflate;
pub mod dns;
pub mod error;
pub mod exchange;
pub mod hook;
pub mod http;
pub mod proxy;
pub mod proxy_header;
mod read_ahead;
#[cfg(test)]
pub mod script;
pub mod stop;
pub mod tls;
pub mod transcript;
pub mod wire;

pub use connect::{Endpoint, Options, connect, connect_at};
pub use error::Error;
pub use exchange::{Exchange, channel};
pub use stop::Stop;
pub use wire::Wire;
