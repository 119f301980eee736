//! The client of SMTP, submission and LMTP: one connection, many messages.
//!
//! RFC 5321, RFC 6409, RFC 2033, and the extensions of [`crate::smtp::syntax`]. [`open`] leads
//! from the greeting to a logged-in session; [`submit`] gives messages and hears their fate;
//! [`outcome`] says what that fate is. Where mail goes, when to try again, and how a message
//! becomes fit for a server are decided elsewhere.

mod content;
mod flight;
pub mod open;
pub mod outcome;
pub mod submission;
pub mod submit;

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::backoff::Busy;
use crate::base::decode::{Decoded, Malformed};
use crate::base::dot::Bare;
use crate::net::tls::Connector;
use crate::net::{self, Wire, deadline};
use crate::sasl;
use crate::smtp::syntax::Unencodable;
use crate::smtp::syntax::command::Command;
use crate::smtp::syntax::ehlo::Capabilities;
use crate::smtp::syntax::reply::Reply;
use crate::store::{PeerError, Result as StoreResult};

pub use outcome::{Fate, Outcome, RecipientOutcome};
pub use submission::{Recipient, Submission};

/// How far a session or a message had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Waiting for the 220.
    Greeting,
    /// EHLO, LHLO or HELO.
    Ehlo,
    /// STARTTLS and the handshake.
    StartTls,
    /// AUTH.
    Auth,
    /// XCLIENT.
    Xclient,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA, up to its 354.
    Data,
    /// The message itself, up to the reply behind its final dot or last chunk.
    Body,
    /// RSET, NOOP, QUIT and the like.
    Other,
}

impl Stage {
    /// In a word, as outcomes are reported.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::StartTls => "starttls",
            Self::Auth => "auth",
            Self::Xclient => "xclient",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Body => "body",
            Self::Other => "session",
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When to use STARTTLS.
#[derive(Default)]
pub enum StartTls<'a> {
    /// Never: TLS is there already, or not wanted.
    #[default]
    Never,
    /// When it is offered; a server that refuses it is spoken to in the clear.
    IfOffered(&'a Connector),
    /// Always, or nothing is sent.
    Required(&'a Connector),
}

/// Who logs in, and how.
pub struct Login<'a> {
    /// User and proof.
    pub credential: &'a sasl::Credential,
    /// Only this mechanism; `None`: the strongest that both have.
    pub mechanism: Option<sasl::Mechanism>,
    /// A password or token may cross an unencrypted connection.
    pub allow_cleartext: bool,
    /// The server's name, as it was dialled.
    pub host: &'a str,
    /// The server's port.
    pub port: u16,
}

/// How to open a session.
#[derive(Default)]
pub struct Options<'a> {
    /// The client's name or address literal for EHLO; empty: the address of our end.
    pub name: String,
    /// LHLO, and a reply per recipient.
    pub is_lmtp: bool,
    /// TLS begun in the session.
    pub starttls: StartTls<'a>,
    /// AUTH; `None`: none.
    pub login: Option<Login<'a>>,
    /// Send XCLIENT with these attributes before MAIL (Postfix).
    pub xclient: Vec<(String, String)>,
    /// No BDAT, even where it is offered.
    pub without_chunking: bool,
    /// No pipelining, even where it is offered.
    pub without_pipelining: bool,
    /// The session is led this far, and no further; `None`: until it takes mail.
    pub last: Option<Stage>,
    /// Cap on every deadline of the table.
    pub timeout: Option<Duration>,
}

/// One session. Not cancel-safe: drop it when one of its futures was dropped unfinished.
pub struct Client {
    wire: Wire,
    capabilities: Capabilities,
    /// The greeting, for people.
    banner: String,
    is_lmtp: bool,
    chunking_allowed: bool,
    pipelining_allowed: bool,
    timeout: Option<Duration>,
    /// How somebody has logged in.
    mechanism: Option<sasl::Mechanism>,
    /// Messages pushed and not yet told of, oldest first.
    flight: VecDeque<flight::Flight>,
    /// The server holds the remains of a transaction that only RSET clears.
    needs_reset: bool,
    /// No message follows those in flight: QUIT may leave behind the data of the last.
    quits: bool,
    /// It has left.
    has_quit: bool,
    /// Nothing more can be said on this connection.
    is_broken: bool,
    /// Where message data is read to and encoded in.
    scratch: flight::Scratch,
}

/// What can end a session, or keep a message from being given.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection.
    #[error("{stage}: {source}")]
    Network {
        /// How far it came.
        stage: Stage,
        /// Why it failed.
        source: net::Error,
    },
    /// The server said no.
    #[error("{stage}: the server answered {reply}")]
    Refused {
        /// To what.
        stage: Stage,
        /// All that it said.
        reply: Reply,
    },
    /// The server sent what is no reply, or a reply that has no place here.
    #[error("{stage}: the server broke the protocol: {malformed}, in {octets:?}")]
    Protocol {
        /// Where.
        stage: Stage,
        /// What was wrong.
        malformed: Malformed,
        /// The start of what came.
        octets: String,
    },
    /// STARTTLS was required and not offered.
    #[error("the server does not offer STARTTLS; no password and no message was sent")]
    NoStartTls,
    /// SASL, on our side or in what the server sent for it.
    #[error(transparent)]
    Sasl(#[from] sasl::Error),
    /// The server refused the login.
    #[error("the server refused {mechanism}: {reply}{}", detail.as_ref().map(|it| format!(" ({it})")).unwrap_or_default())]
    LoginRefused {
        /// The mechanism.
        mechanism: sasl::Mechanism,
        /// All that it said.
        reply: Reply,
        /// What the mechanism itself was told, as the OAuth mechanisms are.
        detail: Option<sasl::Error>,
    },
    /// A login was asked for and the server offers no AUTH.
    #[error("the server does not offer AUTH")]
    NoAuth,
    /// The message asks for an extension that the server lacks.
    #[error("the server does not offer {0}, which this message needs")]
    Missing(&'static str),
    /// The message is larger than the server takes.
    #[error("the message has {size} octets, and the server takes {limit}")]
    TooLarge {
        /// Octets of the message.
        size: u64,
        /// Octets it said in EHLO.
        limit: u64,
    },
    /// An address outside the grammar.
    #[error("{address:?} is no address: {malformed}")]
    Address {
        /// The address as given.
        address: String,
        /// What is wrong, and where.
        malformed: Malformed,
    },
    /// An address or argument of ours cannot be written.
    #[error(transparent)]
    Unencodable(#[from] Unencodable),
    /// A message to be sent as it is has a line end that may not be changed.
    #[error("the message has {0}, and was to be sent as it is")]
    Bare(#[from] Bare),
    /// The message could not be read.
    #[error("the message could not be read: {0}")]
    Body(#[source] crate::store::Error),
    /// The session had ended before.
    #[error("the session had ended before this message's turn")]
    Ended,
}

impl Error {
    /// The reply that it is about, if the server gave one.
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Refused { reply, .. } | Self::LoginRefused { reply, .. } => Some(reply),
            _ => None,
        }
    }

    /// Where the session was, for the errors that know.
    pub fn stage(&self) -> Option<Stage> {
        match self {
            Self::Network { stage, .. }
            | Self::Refused { stage, .. }
            | Self::Protocol { stage, .. } => Some(*stage),
            Self::NoStartTls => Some(Stage::StartTls),
            Self::Sasl(_) | Self::LoginRefused { .. } | Self::NoAuth => Some(Stage::Auth),
            _ => None,
        }
    }

    /// Whether a fresh token may help (OAuth).
    pub fn is_expired_token(&self) -> bool {
        match self {
            Self::Sasl(error) => error.is_expired_token(),
            Self::LoginRefused { detail: Some(detail), .. } => detail.is_expired_token(),
            _ => false,
        }
    }
}

impl PeerError for Error {
    fn is_transient(&self) -> bool {
        match self {
            Self::Network { source, .. } => source.is_transient(),
            Self::Refused { reply, .. } | Self::LoginRefused { reply, .. } => reply.is_transient(),
            Self::Ended => true,
            _ => false,
        }
    }

    fn busy(&self) -> Option<Busy> {
        match self {
            Self::Refused { reply, .. } | Self::LoginRefused { reply, .. } => {
                reply.is_transient().then(|| Busy::by_text(&reply.text()))
            }
            _ => None,
        }
    }

    fn is_auth(&self) -> bool {
        match self {
            Self::Sasl(error) => error.is_auth(),
            Self::LoginRefused { reply, .. } => !reply.is_transient(),
            Self::NoAuth => true,
            // RFC 4954 section 6: authentication required, too weak, or a cleartext one refused.
            Self::Refused { reply, .. } => matches!(reply.code(), 530 | 534 | 538),
            _ => false,
        }
    }

    fn is_protocol(&self) -> bool {
        match self {
            Self::Protocol { .. } => true,
            Self::Network { source, .. } => source.is_protocol(),
            Self::Sasl(error) => error.is_protocol(),
            _ => false,
        }
    }

    fn is_tls(&self) -> bool {
        match self {
            Self::NoStartTls => true,
            Self::Network { source, .. } => source.is_tls(),
            _ => false,
        }
    }

    fn network(&self) -> Option<&net::Error> {
        match self {
            Self::Network { source, .. } => Some(source),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Network { source, .. } => source.hint(),
            Self::Sasl(error) => error.hint(),
            Self::LoginRefused { detail: Some(detail), .. } => detail.hint(),
            Self::NoStartTls => {
                Some("port 465 may speak TLS from the start: --tls implicit".into())
            }
            _ => None,
        }
    }
}

impl From<Error> for crate::store::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Body(error) => error,
            error => Self::Peer(Box::new(error)),
        }
    }
}

impl Client {
    /// What the server offers at this point of the session.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The text of the greeting.
    pub fn banner(&self) -> &str {
        &self.banner
    }

    /// The mechanism by which somebody has logged in; `None`: nobody has.
    pub fn login_mechanism(&self) -> Option<sasl::Mechanism> {
        self.mechanism
    }

    /// The connection: its TLS session and its traffic.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The connection, for another dialogue on it: nothing is in flight.
    pub fn into_wire(self) -> Wire {
        self.wire
    }

    /// Whether more can be said: the server has not ended the session, and nothing broke.
    pub fn is_open(&self) -> bool {
        !self.is_broken
    }

    fn pipelines(&self) -> bool {
        self.pipelining_allowed && (self.capabilities.pipelining || self.is_lmtp)
    }

    fn chunks(&self) -> bool {
        self.chunking_allowed && self.capabilities.chunking
    }

    /// Sets the deadline of the table, or the user's where that is shorter.
    fn deadline(&mut self, of_table: Duration) {
        self.wire.set_timeout(self.timeout.map_or(of_table, |cap| cap.min(of_table)));
    }

    /// Waits for one whole reply; a 421 ends the session.
    async fn reply(&mut self, stage: Stage) -> Result<Reply, Error> {
        loop {
            match Reply::decode(self.wire.buffered()) {
                Ok(Decoded::Done { value, used }) => {
                    self.wire.consume(used);
                    // RFC 5321 section 3.8: the server is going, whatever it was asked.
                    self.is_broken |= value.code() == 421;
                    return Ok(value);
                }
                Ok(Decoded::More) => {
                    if let Err(source) = self.wire.fill().await {
                        self.is_broken = true;
                        return Err(Error::Network { stage, source });
                    }
                }
                Err(malformed) => {
                    self.is_broken = true;
                    let start = &self.wire.buffered()[..self.wire.buffered().len().min(80)];
                    let octets = String::from_utf8_lossy(start).into_owned();
                    return Err(Error::Protocol { stage, malformed, octets });
                }
            }
        }
    }

    async fn flush(&mut self, stage: Stage) -> Result<(), Error> {
        match self.wire.flush().await {
            Ok(()) => Ok(()),
            // What the server said before it went is better than "broken pipe": a reply is read
            // behind every flush, and only its absence is the error.
            Err(source) if source.is_closed() => Ok(()),
            Err(source) => {
                self.is_broken = true;
                Err(Error::Network { stage, source })
            }
        }
    }

    fn queue(&mut self, command: &Command) -> Result<(), Error> {
        let mut line = Vec::new();
        command.encode(&mut line)?;
        if command.is_secret() {
            self.wire.queue_secret(&line);
        } else {
            self.wire.queue(&line);
        }
        Ok(())
    }

    /// Sends one command and waits for its reply.
    async fn ask(&mut self, command: &Command, stage: Stage) -> Result<Reply, Error> {
        self.queue(command)?;
        self.flush(stage).await?;
        self.reply(stage).await
    }

    /// NOOP: whether the session is still alive.
    ///
    /// # Errors
    /// [`Error::Network`], and [`Error::Refused`] for any answer but 2yz.
    pub async fn noop(&mut self) -> Result<(), Error> {
        self.deadline(deadline::SMTP_COMMAND);
        let reply = self.ask(&Command::Noop(None), Stage::Other).await?;
        positive(reply, Stage::Other).map(drop)
    }

    /// RSET: drops a transaction that was begun. Only while no message is in flight.
    ///
    /// # Errors
    /// As [`Client::noop`].
    pub async fn reset(&mut self) -> Result<(), Error> {
        self.deadline(deadline::SMTP_COMMAND);
        let reply = self.ask(&Command::Rset, Stage::Other).await?;
        self.needs_reset = false;
        positive(reply, Stage::Other).map(drop)
    }

    /// Any command, and its reply, for diagnosis; what it does to the session is the caller's
    /// concern.
    ///
    /// # Errors
    /// [`Error::Network`], [`Error::Protocol`], [`Error::Unencodable`].
    pub async fn command(&mut self, command: &Command) -> Result<Reply, Error> {
        self.deadline(deadline::SMTP_COMMAND);
        self.ask(command, Stage::Other).await
    }

    /// QUIT, and the end of the connection. Messages in flight are lost to the caller.
    ///
    /// # Errors
    /// None for a server that goes without its 221: nothing depends on it.
    pub async fn quit(mut self) -> Result<(), Error> {
        self.wire.set_patient(false);
        if !self.is_broken && !self.has_quit {
            self.deadline(deadline::SMTP_COMMAND);
            match self.ask(&Command::Quit, Stage::Other).await {
                Ok(_) | Err(Error::Network { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        // The messages are safe with the server; how it closes its side changes nothing.
        let _ = self.wire.shutdown().await;
        Ok(())
    }
}

fn positive(reply: Reply, stage: Stage) -> Result<Reply, Error> {
    if reply.is_positive() { Ok(reply) } else { Err(Error::Refused { stage, reply }) }
}

/// One message at a time, as `sync` and `fetch` need it; `send` uses [`Client::push`].
#[async_trait::async_trait(?Send)]
impl crate::store::Transport for Client {
    async fn deliver(
        &mut self,
        envelope: &crate::store::Envelope,
        body: &mut dyn crate::store::Body,
    ) -> StoreResult<Vec<crate::store::Delivery>> {
        let submission = Submission::plain(envelope)
            .map_err(|fault| crate::store::Error::Peer(Box::new(fault)))?;
        let outcome = self.submit(submission, body).await?;
        Ok(outcome.recipients.into_iter().map(RecipientOutcome::into_delivery).collect())
    }

    async fn finish(&mut self) -> StoreResult<()> {
        if !self.is_broken && !self.has_quit {
            self.deadline(deadline::SMTP_COMMAND);
            match self.ask(&Command::Quit, Stage::Other).await {
                Ok(_) | Err(Error::Network { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            self.is_broken = true;
        }
        let _ = self.wire.shutdown().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
