//! The client of NNTP: one session with one news server, as a reader.
//!
//! RFC 3977, RFC 4642, RFC 4643. [`open`] leads from the greeting to a session that reads;
//! [`read`] lists groups and articles and fetches many in one flight; [`post`] hands an article
//! over. Which articles are wanted is decided elsewhere.

pub mod open;
pub mod post;
pub mod read;

use std::time::Duration;

use crate::base::decode::{Decoded, Malformed};
use crate::base::dot::Line;
use crate::base::limits;
use crate::net::tls::Connector;
use crate::net::{self, Wire, deadline};
use crate::nntp::syntax::Unencodable;
use crate::nntp::syntax::capability::Capabilities;
use crate::nntp::syntax::command::Command;
use crate::nntp::syntax::reply::Reply;
use crate::sasl;
use crate::store::PeerError;

pub use read::Wanted;

/// How far a session had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Waiting for the greeting.
    Greeting,
    /// CAPABILITIES and MODE READER.
    Capabilities,
    /// STARTTLS and the handshake.
    StartTls,
    /// AUTHINFO.
    Login,
    /// GROUP, LISTGROUP.
    Group,
    /// LIST.
    List,
    /// OVER, XOVER.
    Over,
    /// ARTICLE, HEAD.
    Article,
    /// POST.
    Post,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Greeting => "greeting",
            Self::Capabilities => "capabilities",
            Self::StartTls => "starttls",
            Self::Login => "login",
            Self::Group => "group",
            Self::List => "list",
            Self::Over => "over",
            Self::Article => "article",
            Self::Post => "post",
        })
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

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// AUTHINFO SASL by this mechanism.
    Sasl(sasl::Mechanism),
    /// AUTHINFO USER and PASS.
    User,
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sasl(mechanism) => write!(f, "AUTHINFO SASL {mechanism}"),
            Self::User => f.write_str("AUTHINFO USER and PASS"),
        }
    }
}

/// Who logs in, and how.
pub struct Login<'a> {
    /// User and proof.
    pub credential: &'a sasl::Credential,
    /// Only this mechanism; `None`: the strongest that both have, else USER and PASS.
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
    /// TLS begun in the session.
    pub starttls: StartTls<'a>,
    /// `None`: nobody logs in.
    pub login: Option<Login<'a>>,
    /// Cap on every deadline of the table.
    pub timeout: Option<Duration>,
}

/// One session. Not cancel-safe: drop it when one of its futures was dropped unfinished.
pub struct Client {
    wire: Wire,
    capabilities: Capabilities,
    /// The greeting or MODE READER said that articles are taken (200).
    may_post: bool,
    /// How somebody has logged in.
    method: Option<Method>,
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
    #[error("{stage}: the server answered {reply}")]
    Refused {
        /// To what.
        stage: Stage,
        /// What it said.
        reply: Reply,
    },
    /// There is no such group (411).
    #[error("the server has no newsgroup {name:?}")]
    NoGroup {
        /// Its name.
        name: String,
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
    /// STARTTLS was required and not offered.
    #[error("the server does not offer STARTTLS; no password was sent")]
    NoStartTls,
    /// SASL, on our side or in what the server sent for it.
    #[error(transparent)]
    Sasl(#[from] sasl::Error),
    /// The server refused the login.
    #[error("the server refused {method}: {reply}{}", detail.as_ref().map(|it| format!(" ({it})")).unwrap_or_default())]
    LoginRefused {
        /// How it was tried.
        method: Method,
        /// What it said.
        reply: Reply,
        /// What the mechanism itself was told, as the OAuth mechanisms are.
        detail: Option<sasl::Error>,
    },
    /// The secret is of a kind that the server has no use for.
    #[error("{method} is not possible: it needs a password")]
    NoPassword {
        /// How.
        method: Method,
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
    /// A name, message-id or password that cannot be written on a line.
    #[error(transparent)]
    Unencodable(#[from] Unencodable),
    /// The connection went after the article was given and before the answer came.
    #[error("the connection ended before the server had said whether it took the article")]
    Unknown,
    /// The sink or the body of the caller.
    #[error("{0}")]
    Caller(#[source] crate::store::Error),
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

    /// The server's answer, if it gave one.
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Refused { reply, .. } | Self::LoginRefused { reply, .. } => Some(reply),
            _ => None,
        }
    }

    fn has_code(&self, codes: &[u16]) -> bool {
        self.reply().is_some_and(|reply| codes.contains(&reply.code))
    }
}

impl PeerError for Error {
    fn is_transient(&self) -> bool {
        match self {
            Self::Network { source, .. } => source.is_transient(),
            // RFC 3977 section 3.2.1: 400 is temporary, 403 an internal fault, 436 of a transfer.
            _ => self.has_code(&[400, 403, 436]),
        }
    }

    fn is_auth(&self) -> bool {
        match self {
            Self::Sasl(error) => error.is_auth(),
            // 400 and 403 tell of the server, 482 of a command out of its order.
            Self::LoginRefused { .. } => !self.has_code(&[400, 403, 482]),
            Self::NoPassword { .. } | Self::Cleartext { .. } => true,
            // A greeting of 502 means that we may not use the server at all.
            Self::Refused { stage: Stage::Greeting, .. } => self.has_code(&[502]),
            Self::Refused { .. } => self.has_code(&[440, 480, 502]),
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
            // RFC 3977 section 3.2.1: a privacy facility is required.
            _ => self.has_code(&[483]),
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
                Some("port 563 may speak TLS from the start: nntps://, or --tls implicit".into())
            }
            _ if self.has_code(&[480]) => {
                Some("the server wants a login: nntp://USER@host/, or --user".into())
            }
            _ => None,
        }
    }
}

impl From<Error> for crate::store::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Caller(error) => error,
            Error::NoGroup { name } => Self::NoFolder(name),
            Error::Unknown => Self::Unknown(error.to_string()),
            error => Self::Peer(Box::new(error)),
        }
    }
}

impl Client {
    /// What the server offers; nothing for one that does not know CAPABILITIES.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether the server said that it takes articles from us.
    pub fn may_post(&self) -> bool {
        self.may_post
    }

    /// The way by which somebody has logged in; `None`: nobody has.
    pub fn login_method(&self) -> Option<Method> {
        self.method
    }

    /// The connection: its TLS session and its traffic.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Waits for one response's first line.
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

    /// Waits for one response's first line, which has to have one of these codes.
    async fn expect(&mut self, stage: Stage, codes: &[u16]) -> Result<Reply, Error> {
        let reply = self.reply(stage).await?;
        if codes.contains(&reply.code) {
            return Ok(reply);
        }
        if reply.is_ok() {
            let malformed = Malformed { offset: 0, expected: "another response code" };
            self.is_broken = true;
            return Err(Error::Protocol { stage, malformed, octets: reply.to_string() });
        }
        // RFC 3977 section 3.2.1: the server closes the connection behind a 400.
        self.is_broken |= reply.code == 400;
        Err(Error::Refused { stage, reply })
    }

    /// Hands each line of a multi-line response to `each`, up to the dot.
    async fn lines(&mut self, stage: Stage, mut each: impl FnMut(&[u8])) -> Result<(), Error> {
        let mut told = 0;
        loop {
            match Line::decode(self.wire.buffered()) {
                Ok(Decoded::Done { value: Line::Text(_), .. }) if told >= limits::LISTED => {
                    let expected = "an end of the listing";
                    return Err(self.protocol(stage, Malformed { offset: 0, expected }));
                }
                Ok(Decoded::Done { value: Line::Text(line), used }) => {
                    told += 1;
                    each(line);
                    self.wire.consume(used);
                }
                Ok(Decoded::Done { value: Line::End, used }) => {
                    self.wire.consume(used);
                    return Ok(());
                }
                Ok(Decoded::More) => self.fill(stage).await?,
                Err(malformed) => return Err(self.protocol(stage, malformed)),
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

    /// Sends one command and waits for a response with one of these codes.
    async fn ask(
        &mut self,
        command: &Command,
        stage: Stage,
        codes: &[u16],
    ) -> Result<Reply, Error> {
        self.queue(command)?;
        self.expect(stage, codes).await
    }

    /// QUIT, and the end. Nothing depends on its answer, which is not waited for.
    pub async fn quit(&mut self) {
        if !std::mem::replace(&mut self.is_broken, true) && self.queue(&Command::Quit).is_ok() {
            let _ = self.wire.shutdown().await;
        }
    }

    /// Sets the deadline of the table, or the user's where that is shorter.
    fn set_deadline(&mut self, timeout: Option<Duration>) {
        let of_table = deadline::COMMAND;
        self.wire.set_timeout(timeout.map_or(of_table, |cap| cap.min(of_table)));
    }
}

#[cfg(test)]
mod tests;
