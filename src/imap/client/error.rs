//! What can go wrong between an IMAP server and us.

use crate::base::backoff::Busy;
use crate::base::decode::Malformed;
use crate::imap::syntax::code::{Code, Word};
use crate::imap::syntax::encode::Refused as Unencodable;
use crate::imap::syntax::response::Condition;
use crate::net;
use crate::sasl;
use crate::store::PeerError;

/// How a command ended, or what the server said on its own, in its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// OK, NO, BAD, BYE or PREAUTH.
    pub condition: Condition,
    /// The response code, where one was given.
    pub code: Option<Box<Code<'static>>>,
    /// The human-readable text, with the code as it stood before it.
    pub text: String,
}

impl Reply {
    /// Whether the response code is this one.
    pub fn is(&self, word: Word) -> bool {
        self.code.as_deref() == Some(&Code::Word(word))
    }

    fn is_any(&self, words: &[Word]) -> bool {
        words.iter().any(|word| self.is(*word))
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.condition.name())?;
        if self.text.is_empty() { Ok(()) } else { write!(f, " {}", self.text) }
    }
}

/// What can end a session, or keep a command from being done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection.
    #[error("{during}: {source}")]
    Network {
        /// The command that waited, or what we were about.
        during: &'static str,
        /// Why it failed.
        source: net::Error,
    },
    /// The server said no.
    #[error("the server answered {command} with {reply}")]
    Refused {
        /// The command's name: its arguments may be secret.
        command: &'static str,
        /// All that it said.
        reply: Reply,
    },
    /// The server ended the session.
    #[error("the server ended the session: {reply}")]
    Bye {
        /// All that it said.
        reply: Reply,
    },
    /// The server sent what is no response, or a response that has no place here.
    #[error("{during}: the server broke the protocol: {malformed}, in {octets:?}")]
    Protocol {
        /// The command that waited, or what we were about.
        during: &'static str,
        /// What was wrong.
        malformed: Malformed,
        /// The start of what came.
        octets: String,
    },
    /// STARTTLS was required and not offered.
    #[error("the server does not offer STARTTLS; no password was sent")]
    NoStartTls,
    /// The server greeted with PREAUTH in the clear, which leaves no place for STARTTLS
    /// (RFC 9051 section 7.1.4).
    #[error("the server greeted as logged in already, which makes STARTTLS impossible")]
    PreauthInTheClear,
    /// SASL, on our side or in what the server sent for it.
    #[error(transparent)]
    Sasl(#[from] sasl::Error),
    /// The server refused the login.
    #[error("the server refused {mechanism}: {reply}{}", detail.as_ref().map(|it| format!(" ({it})")).unwrap_or_default())]
    LoginRefused {
        /// The mechanism, or LOGIN.
        mechanism: &'static str,
        /// All that it said.
        reply: Reply,
        /// What the mechanism itself was told, as the OAuth mechanisms are.
        detail: Option<Box<sasl::Error>>,
    },
    /// The server takes no login of a kind that we have.
    #[error("the server takes no login here (LOGINDISABLED); no password was sent")]
    LoginDisabled,
    /// The server lacks an extension that is needed.
    #[error("the server does not offer {0}, which this needs")]
    Missing(&'static str),
    /// No mailbox is selected.
    #[error("no folder is selected")]
    NothingSelected,
    /// An argument of ours cannot be sent.
    #[error(transparent)]
    Unencodable(#[from] Unencodable),
    /// The sink or source that the caller gave failed.
    #[error(transparent)]
    Caller(crate::store::Error),
    /// The session had ended before.
    #[error("the session had ended before")]
    Ended,
}

impl Error {
    /// What the server said, if it is about that.
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Refused { reply, .. }
            | Self::LoginRefused { reply, .. }
            | Self::Bye { reply } => Some(reply),
            _ => None,
        }
    }

    /// Whether a fresh token may help (OAuth).
    pub fn is_expired_token(&self) -> bool {
        match self {
            Self::Sasl(error) => error.is_expired_token(),
            Self::LoginRefused { detail: Some(detail), .. } => detail.is_expired_token(),
            Self::LoginRefused { reply, .. } => reply.is(Word::Expired),
            _ => false,
        }
    }

    /// Whether the mailbox that was named does not exist.
    pub fn is_no_mailbox(&self) -> bool {
        matches!(self, Self::Refused { reply, .. }
            if reply.is_any(&[Word::NonExistent, Word::TryCreate]))
    }
}

impl PeerError for Error {
    fn is_transient(&self) -> bool {
        // RFC 5530: what may be better later.
        let later = [Word::Unavailable, Word::InUse, Word::Limit, Word::OverQuota, Word::ServerBug];
        match self {
            Self::Network { source, .. } => source.is_transient(),
            Self::Refused { reply, .. } | Self::LoginRefused { reply, .. } => reply.is_any(&later),
            Self::Bye { .. } | Self::Ended => true,
            _ => false,
        }
    }

    fn is_auth(&self) -> bool {
        match self {
            Self::Sasl(error) => error.is_auth(),
            Self::LoginRefused { .. } => !self.is_transient(),
            Self::LoginDisabled => true,
            Self::Refused { reply, .. } => reply.is_any(&[
                Word::AuthenticationFailed,
                Word::AuthorizationFailed,
                Word::Expired,
                Word::NoPerm,
                Word::PrivacyRequired,
            ]),
            _ => false,
        }
    }

    fn is_protocol(&self) -> bool {
        match self {
            Self::Protocol { .. } => true,
            Self::Network { source, .. } => source.is_protocol(),
            Self::Sasl(error) => error.is_protocol(),
            // BAD: the server did not understand us, or we it.
            Self::Refused { reply, .. } => reply.condition == Condition::Bad,
            _ => false,
        }
    }

    fn is_tls(&self) -> bool {
        match self {
            Self::NoStartTls | Self::PreauthInTheClear => true,
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

    fn busy(&self) -> Option<Busy> {
        let reply = self.reply()?;
        let is_told = reply.is_any(&[Word::Unavailable, Word::InUse])
            || (reply.is(Word::Limit) && !matches!(self, Self::Refused { .. }));
        match Busy::by_text(&reply.text) {
            Busy::AWhile if !is_told => None,
            busy => Some(busy),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Network { source, .. } => source.hint(),
            Self::Sasl(error) => error.hint(),
            Self::LoginRefused { detail: Some(detail), .. } => detail.hint(),
            Self::NoStartTls | Self::PreauthInTheClear => {
                Some("port 993 may speak TLS from the start: --tls implicit".into())
            }
            _ => None,
        }
    }
}

impl From<Error> for crate::store::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Caller(error) => error,
            error => Self::Peer(Box::new(error)),
        }
    }
}
