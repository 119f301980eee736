//! What can go wrong in an exchange, and whose fault it is.
//!
//! No variant holds a secret, or a part of one: SASLprep's own errors, which quote a character
//! of the password, are not passed on.

use super::Mechanism;

/// Why a client could not authenticate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing that the server offers works with what we have.
    #[error("the server offers {offered}, and {credential} works with none of that")]
    NoCommonMechanism {
        /// The mechanisms of the server that we speak, separated by spaces.
        offered: String,
        /// What we have, in words.
        credential: &'static str,
    },
    /// The mechanism that the user insists on is not offered.
    #[error("the server does not offer {forced} (it offers {offered})")]
    NotOffered {
        /// The mechanism asked for.
        forced: Mechanism,
        /// The mechanisms of the server that we speak, separated by spaces.
        offered: String,
    },
    /// The mechanism wants another kind of secret.
    #[error("{mechanism} needs {needs}, and we have {credential}")]
    WrongCredential {
        /// The mechanism.
        mechanism: Mechanism,
        /// What it needs, in words.
        needs: &'static str,
        /// What we have, in words.
        credential: &'static str,
    },
    /// The mechanism has no place for an authorization identity.
    #[error("{mechanism} cannot carry an identity to act as")]
    NoAuthorizationIdentity {
        /// The mechanism.
        mechanism: Mechanism,
    },
    /// The secret would cross the connection for all to read.
    #[error(
        "{mechanism} would send the secret over an unencrypted connection; no password was sent \
         (--allow-cleartext-password allows it)"
    )]
    Cleartext {
        /// The mechanism.
        mechanism: Mechanism,
    },
    /// A `-PLUS` mechanism on a connection without channel binding, or with none left to try.
    #[error("{mechanism} needs a TLS channel binding, and this connection has none")]
    NoChannelBinding {
        /// The mechanism.
        mechanism: Mechanism,
    },
    /// A string that SASLprep (RFC 4013) refuses, or of which it leaves nothing.
    #[error(
        "the {what} is empty or has a character that {mechanism} forbids (RFC 4013); another \
         mechanism may carry it"
    )]
    Unprepared {
        /// The mechanism.
        mechanism: Mechanism,
        /// Which string, in words.
        what: &'static str,
    },
    /// A string that the mechanism's syntax cannot carry.
    #[error("{mechanism} cannot carry the {what}: it {problem}")]
    Unencodable {
        /// The mechanism.
        mechanism: Mechanism,
        /// Which string, in words.
        what: &'static str,
        /// What is wrong with it, in words.
        problem: &'static str,
    },
    /// The server broke the mechanism's rules.
    #[error("the server broke {mechanism}: expected {expected}")]
    Protocol {
        /// The mechanism.
        mechanism: Mechanism,
        /// What should have come, in the RFC's words.
        expected: &'static str,
    },
    /// The server wants more hashing than we are ready to do before we know who it is.
    #[error("the server asks for {asked} iterations of {mechanism}; more than {limit} is refused")]
    TooManyIterations {
        /// The mechanism.
        mechanism: Mechanism,
        /// The iteration count it sent.
        asked: u64,
        /// The most that we compute.
        limit: u32,
    },
    /// The server signature is wrong: whoever answers does not know the password.
    #[error(
        "the {mechanism} server signature is wrong: the server did not prove that it knows the \
         password"
    )]
    ServerSignature {
        /// The mechanism.
        mechanism: Mechanism,
    },
    /// The server declared success before it had proved itself.
    #[error("the server declared success without the proof that {mechanism} owes us")]
    Unproven {
        /// The mechanism.
        mechanism: Mechanism,
    },
    /// The server refused inside the exchange (SCRAM's `e=`).
    #[error("the server refused {mechanism}: {reason}")]
    Refused {
        /// The mechanism.
        mechanism: Mechanism,
        /// The server-error-value (RFC 5802 section 7), as the server wrote it.
        reason: String,
    },
    /// The server refused the token.
    #[error("the server refused the {mechanism} token: {}", token_words(.status, .scope))]
    Token {
        /// The mechanism.
        mechanism: Mechanism,
        /// The `status` of the server's JSON, or all of its words where they are not JSON.
        status: String,
        /// The scope that a token would need, where the server says it.
        scope: Option<String>,
        /// The URL of the OpenID provider configuration, where the server says it.
        configuration: Option<String>,
    },
}

impl Error {
    /// Whether this is about who we are and what we may do: everything but a server that broke
    /// the rules.
    pub fn is_auth(&self) -> bool {
        !self.is_protocol()
    }

    /// Whether the server broke the mechanism's rules.
    pub fn is_protocol(&self) -> bool {
        matches!(self, Error::Protocol { .. } | Error::TooManyIterations { .. })
    }

    /// Whether we kept a secret back because the connection is not encrypted.
    pub fn is_cleartext(&self) -> bool {
        matches!(self, Error::Cleartext { .. })
    }

    /// Whether a fresh token may help.
    ///
    /// RFC 6750 section 3.1 says `invalid_token`; XOAUTH2 servers speak in HTTP status codes,
    /// and Gmail says 400 for a token that has expired where its documentation says 401.
    pub fn is_expired_token(&self) -> bool {
        matches!(self, Error::Token { status, .. }
            if matches!(status.as_str(), "invalid_token" | "401" | "400"))
    }

    /// Whether the server lacks the channel binding that we used: the next one of
    /// `Channel::bindings`, with the same mechanism forced, may do.
    pub fn is_unsupported_binding(&self) -> bool {
        matches!(self, Error::Refused { reason, .. }
            if reason == "unsupported-channel-binding-type")
    }

    /// Whether whoever answers may not be the server that we mean.
    pub fn is_impostor(&self) -> bool {
        match self {
            Error::ServerSignature { .. } | Error::Unproven { .. } => true,
            Error::Refused { reason, .. } => matches!(
                reason.as_str(),
                "server-does-support-channel-binding" | "channel-bindings-dont-match"
            ),
            _ => false,
        }
    }
}

fn token_words(status: &str, scope: &Option<String>) -> String {
    match scope {
        Some(scope) => format!("{status} (scope wanted: {scope})"),
        None => status.to_owned(),
    }
}
