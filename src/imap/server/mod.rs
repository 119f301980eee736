//! The server's side of IMAP over mail in memory: IMAP4rev1 (RFC 3501) and IMAP4rev2
//! (RFC 9051) for the test server.
//!
//! [`Session`] takes decoded commands and gives responses without any socket; [`serve()`]
//! moves both over a [`crate::net::Wire`]: framing, literals, go-aheads, STARTTLS, IDLE and
//! limits. [`capability`] lists the extensions, each of which works as its RFC says.
//!
//! Every user sees the own mailboxes only: rights that others are given (ACL) are kept and
//! told, but nobody can use them.

use std::rc::Rc;
use std::time::Duration;

use crate::base::limits::IMAP_FRAME_OCTETS;
use crate::net::deadline;
use crate::net::tls::Acceptor;
use crate::sasl::Mechanism;
use crate::store::memory::Shared;

mod append;
mod auth;
mod body;
pub mod capability;
mod commands;
mod context;
mod copy;
mod fetch;
mod filter;
mod flags;
mod identity;
mod labels;
mod list;
mod mailbox;
mod metadata;
pub mod news;
mod notify;
mod outcome;
mod quota;
mod replace;
pub mod replies;
mod results;
mod rights;
mod search;
mod searches;
mod section;
mod select;
mod serve;
pub mod session;
mod sort;
mod spool;
mod status;
mod store;
mod thread;
mod urlauth;
mod view;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use replies::{Outlet, Replies};
pub use serve::serve;
pub use session::{Next, Session};

/// Whose mail is where.
pub trait Accounts {
    /// The mail of a user who has proved to be that; `None` for one who has none here.
    fn account(&self, user: &str) -> Option<Shared>;

    /// The account of which all may read the newsgroups: its mailboxes that begin with
    /// [`news::PREFIX`]. `None`: there are none here.
    fn news(&self) -> Option<Shared> {
        None
    }
}

/// What every connection of one listener shares.
pub struct Server {
    /// The users' mail.
    pub accounts: Rc<dyn Accounts>,
    /// Does STARTTLS; `None`: it is not offered.
    pub acceptor: Option<Acceptor>,
    /// What can be set.
    pub settings: Settings,
}

/// What can be set of a server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Our own name, for the greeting and for SASL.
    pub host: String,
    /// Our port; 0 when unknown.
    pub port: u16,
    /// SASL mechanisms in the order in which they are listed. One that the connection cannot
    /// carry (channel binding without TLS, EXTERNAL without a certificate) is left out there.
    pub mechanisms: Vec<Mechanism>,
    /// Whether passwords are taken without TLS; if not, LOGINDISABLED is told until then.
    pub allow_cleartext: bool,
    /// Capabilities that are not listed, in any case. What they stand for works all the same.
    pub hidden: Vec<String>,
    /// Whether Gmail's X-GM-EXT-1 is offered: its message and thread numbers, labels, and
    /// search language.
    pub gmail: bool,
    /// Largest message that APPEND takes, in octets (APPENDLIMIT, RFC 7889).
    pub append_limit: u64,
    /// Most octets of a command outside its literals, line ends included; longer ones are BAD,
    /// and one without an end ends the connection.
    pub line_octets: usize,
    /// How many commands in a row may be bad before the connection is closed.
    pub bad_commands: u32,
    /// How many logins may fail before the connection is closed.
    pub failed_logins: u32,
    /// How long a client that has not logged in may be silent.
    pub login_timeout: Duration,
    /// How long a client that has logged in may be silent; RFC 9051 section 5.4 wants no less
    /// than 30 minutes.
    pub idle_timeout: Duration,
}

impl Settings {
    /// Whether a capability is not listed: by its own name, or by what stands before its `=`.
    pub fn hides(&self, capability: &str) -> bool {
        let start = capability.split_once('=').map(|(start, _)| start);
        self.hidden.iter().any(|hidden| {
            hidden.eq_ignore_ascii_case(capability)
                || start.is_some_and(|start| hidden.eq_ignore_ascii_case(start))
        })
    }
}

impl Default for Settings {
    fn default() -> Self {
        // Kerberos wants a keytab, and no mailbox is everybody's.
        let offered =
            |mechanism: &Mechanism| !matches!(mechanism, Mechanism::Anonymous | Mechanism::Gssapi);
        Self {
            host: "localhost".to_owned(),
            port: 0,
            mechanisms: Mechanism::ALL.into_iter().filter(offered).collect(),
            allow_cleartext: false,
            hidden: Vec::new(),
            gmail: false,
            append_limit: 64 * 1024 * 1024,
            line_octets: IMAP_FRAME_OCTETS,
            bad_commands: 500,
            failed_logins: 20,
            login_timeout: Duration::from_secs(300),
            idle_timeout: deadline::SERVER_IDLE,
        }
    }
}
