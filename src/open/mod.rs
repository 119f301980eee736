//! The only place where configuration, credentials, TLS policy and protocol meet: a location
//! becomes a connected store, spool or transport.

mod admin;
mod again;
mod args;
mod context;
mod direct;
pub mod flags;
mod mail;
mod news;
mod outgoing;
mod peer;
pub mod references;
pub mod signals;
mod stdin;
pub mod tokens;
mod verdict;

pub use again::{busy, patience};
pub use args::{
    Common, Endpoint, EndpointOptions, Far, Near, Own, Receiving, Sending, Side, To, span,
};
pub use context::{Context, now, zone};
pub use direct::{Direct, NoMore, Reached, Tried};
pub use mail::{Ahead, Create, Mail, Opened, local_path, open_mail, open_mail_and};
pub use news::{NewsPlace, open_news};
pub use outgoing::{Dialogue, Outgoing, author, own_name, smtp_error};
pub use peer::{Peer, ProxyHeader, tls_settings};
pub use stdin::Stdin;
pub use verdict::{Verdict, stopped, verdict};
