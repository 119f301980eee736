//! The server of SMTP, submission and LMTP.
//!
//! RFC 5321, RFC 6409, RFC 2033, and the extensions of [`crate::smtp::syntax::ehlo`]. [`session`]
//! knows what may come when, and has no sockets; [`mod@serve`] moves octets between a session and a
//! wire; [`message`] holds what a client sends, spooled to a file when it is large; [`report`]
//! writes delivery status notifications. Who may receive mail, and where it goes, is the
//! [`Delivery`]'s business.

pub mod message;
pub mod report;
pub mod serve;
pub mod session;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;

use crate::net::deadline;
use crate::sasl::Secrets;
use crate::smtp::syntax::ehlo::{Capabilities, FutureRelease, Limits};
use crate::smtp::syntax::parameter::{MailParameters, RcptParameters};
use crate::smtp::syntax::path::{ForwardPath, Mailbox, ReversePath};
use crate::smtp::syntax::reply::Reply;

pub use message::Message;
pub use serve::{Service, serve};
pub use session::Session;

/// Which protocol a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// SMTP between servers: anybody may send to whom the [`Delivery`] takes.
    Smtp,
    /// Submission (RFC 6409): MAIL only after AUTH.
    Submission,
    /// LMTP: LHLO, and a reply per recipient.
    Lmtp,
}

/// How a listener behaves; shared by its sessions.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server's name in the greeting and in EHLO.
    pub name: String,
    /// The protocol.
    pub mode: Mode,
    /// What may be offered; what a session cannot have at the moment is left out (STARTTLS
    /// under TLS, PLAIN without it, `-PLUS` without channel binding, REQUIRETLS without TLS).
    /// The greeting is put in by the session.
    pub offer: Capabilities,
    /// PLAIN and the like are offered without TLS too.
    pub allow_cleartext: bool,
    /// MAIL only under TLS.
    pub require_tls: bool,
    /// Octets of a message; more is read and refused.
    pub message_octets: u64,
    /// Recipients of one transaction, told by LIMITS where that is offered.
    pub recipients: u32,
    /// Octets of a command line, its CRLF included.
    pub line_octets: usize,
    /// Commands refused in one session before it is ended with a 421.
    pub bad_commands: u32,
    /// How long a client may be silent.
    pub idle: Duration,
}

impl Settings {
    /// Everything offered (XCLIENT to clients on this machine alone), and limits that no honest client meets. Mechanisms are those of the
    /// caller, by their IANA names.
    pub fn new(name: &str, mode: Mode, mechanisms: &[&str]) -> Self {
        let (message_octets, recipients) = (64 * 1024 * 1024, 1000);
        Self {
            name: name.to_owned(),
            mode,
            offer: Capabilities {
                size: Some(message_octets),
                pipelining: true,
                eight_bit_mime: true,
                smtputf8: true,
                chunking: true,
                binary_mime: true,
                dsn: true,
                auth: mechanisms.iter().map(|name| (*name).to_owned()).collect(),
                starttls: true,
                require_tls: true,
                enhanced_status_codes: true,
                // RFC 4865 section 4.2, item 2: on no other port.
                future_release: (mode == Mode::Submission).then_some(FutureRelease {
                    max_seconds: 30 * 86_400,
                    // Each session tells the time that this is from its own now.
                    max_time: jiff::Timestamp::UNIX_EPOCH,
                }),
                deliver_by: Some(0),
                mt_priority: Some(String::new()),
                limits: Some(Limits { rcpt_max: Some(recipients), ..Limits::default() }),
                prdr: mode != Mode::Lmtp,
                xclient: XCLIENT.map(str::to_owned).into(),
                ..Capabilities::default()
            },
            allow_cleartext: false,
            require_tls: false,
            message_octets,
            recipients,
            // RFC 4954 section 4 wants room for AUTH; every other command needs less.
            line_octets: 12_288,
            bad_commands: 500,
            idle: deadline::SMTP_COMMAND,
        }
    }
}

/// Octets of a Domain (RFC 5321 section 4.5.3.1.2).
const ECHOED_NAME: usize = 255;

/// The attributes of XCLIENT.
const XCLIENT: [&str; 8] =
    ["NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"];

/// Who is at the other end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its address; `None` on a Unix socket.
    pub address: Option<SocketAddr>,
    /// The argument of its EHLO, LHLO or HELO; empty before.
    pub name: String,
    /// It said HELO only.
    pub is_old: bool,
    /// TLS in words, while it protects the session.
    pub tls: Option<String>,
    /// Whose mail it may send, after AUTH.
    pub user: Option<String>,
    /// What XCLIENT said of the client behind it.
    pub attributes: Vec<(String, String)>,
}

/// A transaction: who sends, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The client.
    pub peer: Peer,
    /// Whether it came by LMTP.
    pub is_lmtp: bool,
    /// The reverse-path.
    pub from: ReversePath,
    /// Parameters of MAIL.
    pub parameters: MailParameters,
    /// The recipients that were accepted, with their parameters.
    pub recipients: Vec<(ForwardPath, RcptParameters)>,
}

impl Envelope {
    /// The Received field that RFC 5321 section 4.4 has a server put before a message, with its
    /// CRLF: `by` is this server, `id` names the message, `date` is an RFC 5322 date-time.
    pub fn received(&self, by: &str, id: &str, date: &str) -> String {
        let literal = self.peer.address.map(|address| match address.ip() {
            ip @ std::net::IpAddr::V6(_) => format!("[IPv6:{ip}]"),
            ip @ std::net::IpAddr::V4(_) => format!("[{ip}]"),
        });
        // Domain or address-literal, ASCII before SMTPUTF8 (RFC 6531 section 3.7.3); what else a
        // client called itself could mean anything in a header.
        let name = &self.peer.name;
        let is_name = name.len() <= ECHOED_NAME
            && (name.is_ascii() || self.parameters.smtputf8)
            && Mailbox::parse(format!("x@{name}").as_bytes()).is_ok();
        let name = match (&literal, is_name) {
            (_, true) => name.as_str(),
            (Some(literal), false) => literal.as_str(),
            (None, false) => "unknown",
        };
        let from = literal.as_ref().map_or(String::new(), |literal| format!(" ({literal})"));
        // RFC 3848 and RFC 6531 section 4.3 name the protocols.
        let utf8 = if self.parameters.smtputf8 { "UTF8" } else { "" };
        let kind = match (self.is_lmtp, self.peer.is_old) {
            (true, _) => "LMTP",
            (false, true) => "SMTP",
            (false, false) if utf8.is_empty() => "ESMTP",
            (false, false) => "SMTP",
        };
        // Neither is registered behind a SMTP that began with HELO.
        let is_extended = self.is_lmtp || !self.peer.is_old;
        let tls = if self.peer.tls.is_some() && is_extended { "S" } else { "" };
        let auth = if self.peer.user.is_some() && is_extended { "A" } else { "" };
        // RFC 6710 section 7.
        let priority = match self.parameters.priority {
            Some(priority) => format!(" PRIORITY {priority}"),
            None => String::new(),
        };
        format!(
            "Received: from {name}{from}\r\n\tby {by} with {utf8}{kind}{tls}{auth} id {id}{priority};\r\n\t{date}\r\n"
        )
    }
}

/// What stands behind the protocol: who is known here, and where mail goes.
#[async_trait(?Send)]
pub trait Delivery {
    /// Whether mail from `from` is taken; the answer to MAIL when it is not.
    ///
    /// # Errors
    /// The reply to give.
    fn sender(&self, peer: &Peer, from: &ReversePath) -> Result<(), Reply> {
        let _ = (peer, from);
        Ok(())
    }

    /// Whether mail to `to` is taken; the answer to RCPT when it is not.
    ///
    /// # Errors
    /// The reply to give.
    fn recipient(&self, peer: &Peer, to: &ForwardPath) -> Result<(), Reply>;

    /// Takes responsibility for a message, or not, for each recipient of `envelope` in order: a
    /// reply for each. Without LMTP or PRDR the client hears only one: the first that is
    /// positive, else the first; so a recipient that fails beside others that do not has to
    /// be told of by a report.
    async fn deliver(&self, envelope: Envelope, message: Message) -> Vec<Reply>;

    /// Whether VRFY may tell of `text`; `None`: neither yes nor no (252).
    fn verify(&self, text: &str) -> Option<Reply> {
        let _ = text;
        None
    }

    /// What logins are checked against, for a client whose certificate names `subject`; `None`:
    /// nobody can log in.
    fn secrets(&self, subject: Option<&str>) -> Option<Rc<dyn Secrets>>;
}

#[cfg(test)]
mod tests;
