//! The client of POP3: one session with one maildrop.
//!
//! RFC 1939, RFC 2449, RFC 2595, RFC 5034, RFC 6856. [`open`] leads from the greeting to the
//! transaction state; [`retrieve`] lists, reads and deletes, many messages in one flight. What
//! messages are for, and which were seen before, is decided elsewhere.

pub mod open;
pub mod retrieve;

use std::time::Duration;

use crate::base::backoff::Busy;
use crate::base::decode::{Decoded, Malformed};
use crate::net::tls::Connector;
use crate::net::{self, Wire, deadline};
use crate::pop::syntax::Unencodable;
use crate::pop::syntax::capability::Capabilities;
use crate::pop::syntax::command::Command;
use crate::pop::syntax::reply::{Reply, Text};
use crate::sasl;
use crate::store::PeerError;

pub use retrieve::Wanted;

/// How far a session had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Waiting for the greeting.
    Greeting,
    /// CAPA.
    Capabilities,
    /// STLS and the handshake.
    StartTls,
    /// USER and PASS, APOP, AUTH.
    Login,
    /// STAT, LIST, UIDL.
    List,
    /// RETR, TOP.
    Retrieve,
    /// DELE, RSET.
    Delete,
    /// QUIT.
    Quit,
    /// NOOP, LANG and the like.
    Other,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Greeting => "greeting",
            Self::Capabilities => "capa",
            Self::StartTls => "stls",
            Self::Login => "login",
            Self::List => "list",
            Self::Retrieve => "retr",
            Self::Delete => "dele",
            Self::Quit => "quit",
            Self::Other => "session",
        })
    }
}

/// When to use STLS.
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

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// AUTH by this mechanism.
    Sasl(sasl::Mechanism),
    /// APOP: MD5 of the greeting and the password.
    Apop,
    /// USER and PASS.
    User,
}

impl Method {
    /// Its name, without the command.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sasl(mechanism) => mechanism.name(),
            Self::Apop => "APOP",
            Self::User => "USER",
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sasl(mechanism) => write!(f, "AUTH {mechanism}"),
            Self::Apop => f.write_str("APOP"),
            Self::User => f.write_str("USER and PASS"),
        }
    }
}

/// Who logs in, and how.
pub struct Login<'a> {
    /// User and proof.
    pub credential: &'a sasl::Credential,
    /// Only this way; `None`: the strongest that both have.
    pub method: Option<Method>,
    /// A password or token may cross an unencrypted connection.
    pub allow_cleartext: bool,
    /// The server's name, as it was dialled.
    pub host: &'a str,
    /// The server's port.
    pub port: u16,
}

/// Whether commands are sent before the answers to those before them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pipelining {
    /// When the server offers it.
    #[default]
    IfOffered,
    /// Though the server does not say that it can.
    Always,
    /// Never.
    Never,
}

/// How to open a session.
#[derive(Default)]
pub struct Options<'a> {
    /// TLS begun in the session.
    pub starttls: StartTls<'a>,
    /// `None`: the session stays in the authorization state.
    pub login: Option<Login<'a>>,
    /// Ask for UTF8 mode where it is offered (RFC 6856): messages then come as they are, with
    /// UTF-8 in their headers. A user name that is not ASCII asks for it anyway.
    pub utf8: bool,
    /// Commands ahead of answers.
    pub pipelining: Pipelining,
    /// Cap on every deadline of the table.
    pub timeout: Option<Duration>,
}

/// One session. Not cancel-safe: drop it when one of its futures was dropped unfinished.
pub struct Client {
    wire: Wire,
    greeting: Text,
    capabilities: Capabilities,
    pipelining: Pipelining,
    /// How somebody has logged in.
    method: Option<Method>,
    /// DELE has been sent: only the answer to QUIT says what became of it.
    has_deleted: bool,
    is_broken: bool,
}

/// What can go wrong in a session.
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
    #[error("{stage}: the server answered -ERR {text}")]
    Refused {
        /// To what.
        stage: Stage,
        /// What it said, response code included.
        text: Text,
    },
    /// The server sent what has no place here.
    #[error("{stage}: the server broke the protocol: {malformed}, in {octets:?}")]
    Protocol {
        /// Where.
        stage: Stage,
        /// What was wrong.
        malformed: Malformed,
        /// The start of what came.
        octets: String,
    },
    /// STLS was required and not offered.
    #[error("the server does not offer STLS; no password was sent")]
    NoStartTls,
    /// SASL, on our side or in what the server sent for it.
    #[error(transparent)]
    Sasl(#[from] sasl::Error),
    /// The server refused the login.
    #[error("the server refused {method}: -ERR {text}{}", detail.as_ref().map(|it| format!(" ({it})")).unwrap_or_default())]
    LoginRefused {
        /// How it was tried.
        method: Method,
        /// What it said, response code included.
        text: Text,
        /// What the mechanism itself was told, as the OAuth mechanisms are.
        detail: Option<sasl::Error>,
    },
    /// The way to log in that was asked for cannot be gone.
    #[error("{method} is not possible: {reason}")]
    NoMethod {
        /// Which.
        method: Method,
        /// Why not.
        reason: &'static str,
    },
    /// The password would cross the connection for all to read.
    #[error(
        "{method} would send the password over an unencrypted connection; no password was sent \
         (--allow-cleartext-password allows it)"
    )]
    Cleartext {
        /// How.
        method: Method,
    },
    /// A name or password that cannot be written on a line.
    #[error(transparent)]
    Unencodable(#[from] Unencodable),
    /// QUIT was not answered with `+OK`: deletions may have happened or not.
    #[error("the session ended without the server's +OK: which messages it deleted is unknown")]
    Unknown,
    /// The sink of the caller.
    #[error("{0}")]
    Sink(#[source] crate::store::Error),
}

impl Error {
    /// Whether a fresh token may help (OAuth).
    pub fn is_expired_token(&self) -> bool {
        match self {
            Self::Sasl(error) => error.is_expired_token(),
            Self::LoginRefused { detail: Some(detail), .. } => detail.is_expired_token(),
            _ => false,
        }
    }

    /// The server's words, if it gave any.
    pub fn text(&self) -> Option<&Text> {
        match self {
            Self::Refused { text, .. } | Self::LoginRefused { text, .. } => Some(text),
            _ => None,
        }
    }
}

impl PeerError for Error {
    fn is_transient(&self) -> bool {
        match self {
            Self::Network { source, .. } => source.is_transient(),
            // RFC 2449 section 8.1, RFC 3206 section 4.
            Self::Refused { text, .. } | Self::LoginRefused { text, .. } => {
                ["IN-USE", "LOGIN-DELAY", "SYS/TEMP"].iter().any(|code| text.has_code(code))
            }
            _ => false,
        }
    }

    fn busy(&self) -> Option<Busy> {
        let (Self::Refused { text, .. } | Self::LoginRefused { text, .. }) = self else {
            return None;
        };
        // LOGIN-DELAY is a matter of minutes (RFC 2449 section 6.5), told in CAPA at best.
        let is_told = text.has_code("IN-USE") || text.has_code("SYS/TEMP");
        match Busy::by_text(&text.to_string()) {
            Busy::AWhile if !is_told => None,
            busy => Some(busy),
        }
    }

    fn is_auth(&self) -> bool {
        match self {
            Self::Sasl(error) => error.is_auth(),
            Self::LoginRefused { text, .. } => {
                !["IN-USE", "LOGIN-DELAY", "SYS"].iter().any(|code| text.has_code(code))
            }
            Self::Refused { text, .. } => text.has_code("AUTH"),
            Self::NoMethod { .. } | Self::Cleartext { .. } => true,
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
                Some("port 995 may speak TLS from the start: --tls implicit".into())
            }
            _ => None,
        }
    }
}

impl From<Error> for crate::store::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Sink(error) => error,
            Error::Unknown => Self::Unknown(error.to_string()),
            error => Self::Peer(Box::new(error)),
        }
    }
}

impl Client {
    /// What the server offers; nothing for one that does not know CAPA.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The text of the greeting.
    pub fn greeting(&self) -> &Text {
        &self.greeting
    }

    /// The way by which somebody has logged in; `None`: nobody has.
    pub fn login_method(&self) -> Option<Method> {
        self.method
    }

    /// The connection: its TLS session and its traffic.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The connection, for another dialogue on it: nothing is in flight.
    pub fn into_wire(self) -> Wire {
        self.wire
    }

    fn pipelines(&self) -> bool {
        match self.pipelining {
            Pipelining::IfOffered => self.capabilities.pipelining,
            Pipelining::Always => true,
            Pipelining::Never => false,
        }
    }

    /// Waits for one status line.
    async fn reply(&mut self, stage: Stage) -> Result<Reply, Error> {
        loop {
            match Reply::decode(self.wire.buffered()) {
                Ok(Decoded::Done { value, used }) => {
                    self.wire.consume(used);
                    return Ok(value);
                }
                Ok(Decoded::More) => self.fill(stage).await?,
                Err(malformed) => return Err(self.protocol(stage, malformed)),
            }
        }
    }

    /// Waits for one status line, which has to be `+OK`.
    async fn ok(&mut self, stage: Stage) -> Result<Text, Error> {
        match self.reply(stage).await? {
            Reply::Ok(text) => Ok(text),
            Reply::Err(text) => Err(Error::Refused { stage, text }),
            Reply::Continue(_) => {
                Err(self.protocol(stage, Malformed { offset: 0, expected: "+OK or -ERR" }))
            }
        }
    }

    /// Reads more, and writes what is queued meanwhile.
    async fn fill(&mut self, stage: Stage) -> Result<(), Error> {
        match self.wire.fill().await {
            Ok(_) => Ok(()),
            Err(source) => {
                self.is_broken = true;
                Err(Error::Network { stage, source })
            }
        }
    }

    fn protocol(&mut self, stage: Stage, malformed: Malformed) -> Error {
        self.is_broken = true;
        let start = &self.wire.buffered()[..self.wire.buffered().len().min(80)];
        Error::Protocol { stage, malformed, octets: String::from_utf8_lossy(start).into_owned() }
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

    /// Sends one command and waits for its `+OK`.
    async fn ask(&mut self, command: &Command, stage: Stage) -> Result<Text, Error> {
        self.queue(command)?;
        self.ok(stage).await
    }

    /// Any command, and its status line, for diagnosis. Lines behind it are the caller's to
    /// read with [`Client::lines`].
    ///
    /// # Errors
    /// [`Error::Network`], [`Error::Protocol`], [`Error::Unencodable`].
    pub async fn command(&mut self, command: &Command) -> Result<Reply, Error> {
        self.queue(command)?;
        self.reply(Stage::Other).await
    }

    /// NOOP: whether the session is still alive.
    ///
    /// # Errors
    /// [`Error::Network`], [`Error::Refused`].
    pub async fn noop(&mut self) -> Result<(), Error> {
        self.ask(&Command::Noop, Stage::Other).await.map(drop)
    }

    /// RSET: takes back all deletions of this session.
    ///
    /// # Errors
    /// [`Error::Network`], [`Error::Refused`].
    pub async fn reset(&mut self) -> Result<(), Error> {
        self.ask(&Command::Rset, Stage::Delete).await.map(drop)
    }

    /// QUIT: the server deletes what was marked, and says whether it could. Where nothing was
    /// marked, its answer says nothing, and nobody waits for it.
    ///
    /// # Errors
    /// [`Error::Refused`] when some messages could not be deleted; [`Error::Unknown`] when no
    /// answer came.
    pub async fn quit(&mut self) -> Result<(), Error> {
        if self.is_broken {
            return if self.has_deleted { Err(Error::Unknown) } else { Ok(()) };
        }
        self.is_broken = true;
        if !self.has_deleted {
            self.queue(&Command::Quit)?;
            // A connection that broke has ended the session as well.
            let _ = self.wire.shutdown().await;
            return Ok(());
        }
        let answer = match self.ask(&Command::Quit, Stage::Quit).await {
            Err(Error::Network { .. } | Error::Protocol { .. }) => return Err(Error::Unknown),
            answer => answer.map(drop),
        };
        // The answer has decided; how the server closes its side changes nothing.
        let _ = self.wire.shutdown().await;
        answer
    }

    /// Sets the deadline of the table, or the user's where that is shorter.
    fn set_deadline(&mut self, timeout: Option<Duration>) {
        let of_table = deadline::COMMAND;
        self.wire.set_timeout(timeout.map_or(of_table, |cap| cap.min(of_table)));
    }
}

#[cfg(test)]
mod tests;
