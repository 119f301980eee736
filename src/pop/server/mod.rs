//! The server of POP3.
//!
//! RFC 1939 with all its options, RFC 2449, RFC 2595, RFC 3206, RFC 5034, RFC 6856. [`session`]
//! knows what may come when, and has no sockets; [`mod@serve`] moves octets between a session and a
//! wire. Whose maildrop it is, and where it lies, is the [`Maildrops`]' business.

pub mod serve;
pub mod session;

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;

use crate::pop::syntax::capability::{Capabilities, Expire, Utf8};
use crate::sasl::Secrets;
use crate::store::Spool;

pub use serve::{Service, serve};
pub use session::Session;

/// How a listener behaves; shared by its sessions.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server's name, in the greeting's timestamp.
    pub name: String,
    /// What may be offered; what a session cannot have at the moment is left out (STLS under
    /// TLS, USER and PLAIN without it, `-PLUS` without channel binding).
    pub offer: Capabilities,
    /// The greeting has a timestamp, and APOP is understood.
    pub apop: bool,
    /// USER, PLAIN and the like are offered without TLS too.
    pub allow_cleartext: bool,
    /// Octets of a command line, its CRLF included.
    pub line_octets: usize,
    /// Commands refused in one session before it is ended.
    pub bad_commands: u32,
    /// How long a client may be silent: at least ten minutes by RFC 1939 section 3.
    pub idle: Duration,
}

impl Settings {
    /// Everything offered, and limits that no honest client meets. Mechanisms are those of the
    /// caller, by their IANA names.
    pub fn new(name: &str, mechanisms: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            offer: Capabilities {
                top: true,
                user: true,
                sasl: mechanisms.iter().map(|name| (*name).to_owned()).collect(),
                resp_codes: true,
                auth_resp_code: true,
                pipelining: true,
                expire: Some(Expire { days: None, by_user: false }),
                uidl: true,
                stls: true,
                utf8: Some(Utf8 { in_user: true }),
                lang: true,
                implementation: Some("pillarbox".to_owned()),
                ..Capabilities::default()
            },
            apop: true,
            allow_cleartext: false,
            // RFC 2449 section 4 has 255; AUTH wants room for a token (RFC 5034 section 4).
            line_octets: 12_288,
            bad_commands: 500,
            idle: Duration::from_secs(600),
        }
    }
}

/// Why a maildrop cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unavailable {
    /// Another session holds it: `[IN-USE]`.
    InUse,
    /// The last login was too short a time ago: `[LOGIN-DELAY]`.
    TooSoon,
    /// It may work later: `[SYS/TEMP]`, with a reason.
    Temporary(String),
    /// It needs somebody's hand: `[SYS/PERM]`, with a reason.
    Permanent(String),
}

/// What stands behind the protocol: who is known here, and where their mail is.
#[async_trait(?Send)]
pub trait Maildrops {
    /// Opens the maildrop of a user and locks it for as long as the value lives. Ids become
    /// unique-ids: 1 to 70 printable ASCII characters, never given to another message.
    ///
    /// # Errors
    /// [`Unavailable`], for the reply.
    async fn open(&self, user: &str) -> Result<Box<dyn Spool>, Unavailable>;

    /// What logins are checked against, for a client whose certificate names `subject`; `None`:
    /// nobody can log in.
    fn secrets(&self, subject: Option<&str>) -> Option<Rc<dyn Secrets>>;
}

#[cfg(test)]
mod tests;
