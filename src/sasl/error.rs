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
    #[error("{mechanism}: {}", refusal_words(.reason))]
    Refused {
        /// The mechanism.
        mechanism: Mechanism,
        /// The server-error-value (RFC 5802 section 7), as the server wrote it.
        reason: String,
    },
    /// The server refused without a word about the channel bindings that were tried.
    #[error(
        "the user or the password is wrong, or the server does not take the TLS channel binding \
         {tried}"
    )]
    BindingsRefused {
        /// The mechanism.
        mechanism: Mechanism,
        /// The kinds tried, best first.
        tried: String,
    },
    /// Kerberos's library is not there.
    #[error("GSSAPI needs a Kerberos library ({words})")]
    NoKerberos {
        /// The loader's words.
        words: String,
    },
    /// Kerberos has no ticket for us.
    #[error("GSSAPI: {}", .problem.about(.service, .words))]
    Kerberos {
        /// What it is about.
        problem: Kerberos,
        /// The service we wanted a ticket for, `imap/mail.example.org`.
        service: String,
        /// The library's words.
        words: String,
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
    /// Whether this is about who we are, who the server is, and what we may do: the login cannot
    /// succeed until one of these changes.
    pub fn is_auth(&self) -> bool {
        match self {
            Error::NoCommonMechanism { .. }
            | Error::NotOffered { .. }
            | Error::WrongCredential { .. }
            | Error::NoAuthorizationIdentity { .. }
            | Error::Cleartext { .. }
            | Error::NoChannelBinding { .. }
            | Error::BindingsRefused { .. }
            | Error::Unprepared { .. }
            | Error::Unencodable { .. }
            | Error::ServerSignature { .. }
            | Error::Unproven { .. }
            | Error::Refused { .. }
            | Error::NoKerberos { .. }
            | Error::Kerberos { .. }
            | Error::Token { .. } => true,
            Error::Protocol { .. } | Error::TooManyIterations { .. } => false,
        }
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

    /// What the user can do about it, in one line.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::NoKerberos { .. } => {
                "install MIT Kerberos: libgssapi-krb5-2 on Debian and Ubuntu, krb5-libs on Fedora, \
                 krb5 on Arch and Homebrew"
                    .to_owned()
            }
            Error::Kerberos { problem, .. } => problem.hint()?.to_owned(),
            // It knows the binding that every server of TLS 1.2 knows.
            Error::BindingsRefused { tried, .. } if tried.contains("tls-unique") => return None,
            Error::BindingsRefused { mechanism, .. } | Error::NoChannelBinding { mechanism } => {
                format!(
                    "--tls-backend native has the binding tls-unique on TLS 1.2; --auth {} does \
                     without a binding, at the risk that somebody is in between",
                    mechanism.name().trim_end_matches("-PLUS")
                )
            }
            error if error.is_impostor() => {
                "somebody may be between you and the server; the password was not sent".to_owned()
            }
            _ => return None,
        })
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

fn refusal_words(reason: &str) -> &str {
    match reason {
        "server-does-support-channel-binding" => {
            "the server does offer channel binding, and its offer did not reach us"
        }
        "channel-bindings-dont-match" => "the server is at the end of another TLS connection",
        "unsupported-channel-binding-type" => "the server lacks this kind of channel binding",
        "invalid-proof" => "the password is wrong, or the user is unknown",
        reason => reason,
    }
}

fn token_words(status: &str, scope: &Option<String>) -> String {
    match scope {
        Some(scope) => format!("{status} (scope wanted: {scope})"),
        None => status.to_owned(),
    }
}

/// What a failure of Kerberos is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kerberos {
    /// No ticket cache, or nothing in it for this.
    NoTicket,
    /// The ticket's time is over.
    Expired,
    /// This machine's clock and the KDC's or server's are too far apart.
    ClockSkew,
    /// The KDC does not know the service.
    UnknownService,
    /// The ticket is not for the server that answered.
    WrongService,
    /// No KDC answers, or none is known.
    Unreachable,
    /// Anything else.
    Other,
}

impl Kerberos {
    fn about(self, service: &str, words: &str) -> String {
        match self {
            Self::NoTicket => format!("there is no Kerberos ticket to begin with ({words})"),
            Self::Expired => format!("the Kerberos ticket has expired ({words})"),
            Self::ClockSkew => format!("the clocks are too far apart for Kerberos ({words})"),
            Self::UnknownService => format!("the KDC knows no service {service} ({words})"),
            Self::WrongService => format!("the server is not {service} ({words})"),
            Self::Unreachable => format!("no KDC can be reached for {service} ({words})"),
            Self::Other => format!("Kerberos failed for {service}: {words}"),
        }
    }

    fn hint(self) -> Option<&'static str> {
        match self {
            Self::NoTicket => Some(
                "get a ticket with kinit, or name a keytab in KRB5_CLIENT_KTNAME; `klist` shows \
                 what there is",
            ),
            Self::Expired => Some("get a new ticket with kinit"),
            Self::ClockSkew => Some("set this machine's clock: five minutes are tolerated"),
            Self::UnknownService => Some(
                "connect by the name that the server has in Kerberos; --connect-to reaches \
                 another address under it",
            ),
            Self::Unreachable => Some("see the realm's kdc in /etc/krb5.conf (or KRB5_CONFIG)"),
            Self::WrongService | Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every variant once, so that a new one is put somewhere on purpose.
    #[test]
    fn an_error_is_about_the_login_or_about_the_protocol() {
        let mechanism = Mechanism::ScramSha256Plus;
        let text = String::new;
        let auth = [
            Error::NoCommonMechanism { offered: text(), credential: "" },
            Error::NotOffered { forced: mechanism, offered: text() },
            Error::WrongCredential { mechanism, needs: "", credential: "" },
            Error::NoAuthorizationIdentity { mechanism },
            Error::Cleartext { mechanism },
            Error::NoChannelBinding { mechanism },
            Error::BindingsRefused { mechanism, tried: text() },
            Error::Unprepared { mechanism, what: "" },
            Error::Unencodable { mechanism, what: "", problem: "" },
            Error::ServerSignature { mechanism },
            Error::Unproven { mechanism },
            Error::Refused { mechanism, reason: text() },
            Error::NoKerberos { words: text() },
            Error::Kerberos { problem: Kerberos::Other, service: text(), words: text() },
            Error::Token { mechanism, status: text(), scope: None, configuration: None },
        ];
        for error in auth {
            assert!(error.is_auth() && !error.is_protocol(), "{error}");
        }
        for error in [
            Error::Protocol { mechanism, expected: "" },
            Error::TooManyIterations { mechanism, asked: 1, limit: 0 },
        ] {
            assert!(error.is_protocol() && !error.is_auth(), "{error}");
        }
    }
}
