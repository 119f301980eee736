//! SASL (RFC 4422): saying who we are to a server, and, for the test server, checking it.
//!
//! Each mechanism has a file with both of its sides: PLAIN (RFC 4616), LOGIN, CRAM-MD5
//! (RFC 2195), DIGEST-MD5 (RFC 2831), SCRAM (RFC 5802, RFC 7677), GSSAPI (RFC 4752),
//! OAUTHBEARER (RFC 7628) and XOAUTH2, EXTERNAL (RFC 4422 appendix A), ANONYMOUS (RFC 4505); and
//! APOP (RFC 1939 section 7), which is no SASL mechanism but a secret's business all the same.
//!
//! This room knows no protocol's framing beyond the base64 of its lines, fetches no token, and
//! negotiates no security layer: TLS is what protects a connection here. It does no I/O but
//! Kerberos's own: the library behind GSSAPI reads ticket caches and asks KDCs, which is what
//! [`Client::may_block`] is about.
//!
//! # How a client walks through an exchange
//!
//! 1. [`client`] picks a mechanism. [`Client::initial`] gives the initial response: it goes
//!    with the command where the protocol can carry it, else it answers the server's first,
//!    empty challenge. `None` means that the server speaks first.
//! 2. Every further challenge goes through [`Client::step`]; an error there means: cancel
//!    with `*` and report it.
//! 3. The server says success: [`Client::finish`] must agree. It says failure:
//!    [`Client::refusal`] may know more than the reply does, and [`Attempts`] whether to try
//!    again with another channel binding or mechanism.

mod anonymous;
mod apop;
mod attempts;
mod choice;
mod cram_md5;
mod digest_md5;
mod error;
mod external;
mod gssapi;
mod keyed_md5;
mod line;
mod login;
mod oauth;
mod plain;
mod prepare;
mod scram;
mod verify;

use std::fmt;
use std::path::PathBuf;

use crate::base::secret::Secret;

/// Octets that a line of an authentication may have whatever other lines may, its CRLF included
/// (RFC 4954 section 4, RFC 5034 section 4).
const LINE_OCTETS: usize = 12_288;

/// How long a line may be, of which `held` has come: `limit`, and enough for SASL where it is a
/// response of a client (`is_response`) or begins with the verb of an authentication.
pub fn line_limit(limit: usize, is_response: bool, held: &[u8], verb: &str) -> usize {
    let begun = held.get(..verb.len());
    let is_auth = begun.is_some_and(|begun| begun.eq_ignore_ascii_case(verb.as_bytes()));
    if is_response || is_auth { limit.max(LINE_OCTETS) } else { limit }
}

pub use apop::{apop, apop_matches, apop_proves};
pub use attempts::Attempts;
pub use choice::{client, client_with, server};
pub use error::{Error, Kerberos};
pub use gssapi::has_ticket;
pub use line::{decode, decode_initial, encode, encode_initial};
pub use scram::MAX_ITERATIONS;

/// A SASL mechanism that both of our sides speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// PLAIN, RFC 4616.
    Plain,
    /// LOGIN, never standardised; draft-murchison-sasl-login describes it.
    Login,
    /// CRAM-MD5, RFC 2195.
    CramMd5,
    /// DIGEST-MD5, RFC 2831.
    DigestMd5,
    /// SCRAM-SHA-1, RFC 5802.
    ScramSha1,
    /// SCRAM-SHA-1-PLUS: bound to the TLS channel, RFC 5802.
    ScramSha1Plus,
    /// SCRAM-SHA-256, RFC 7677.
    ScramSha256,
    /// SCRAM-SHA-256-PLUS: bound to the TLS channel, RFC 7677.
    ScramSha256Plus,
    /// SCRAM-SHA-512, draft-melnikov-scram-sha-512: RFC 7677 with another hash.
    ScramSha512,
    /// SCRAM-SHA-512-PLUS: bound to the TLS channel.
    ScramSha512Plus,
    /// GSSAPI, RFC 4752: Kerberos V5.
    Gssapi,
    /// XOAUTH2, Google's and Microsoft's forerunner of OAUTHBEARER.
    XOauth2,
    /// OAUTHBEARER, RFC 7628.
    OAuthBearer,
    /// EXTERNAL, RFC 4422 appendix A: the client certificate says who we are.
    External,
    /// ANONYMOUS, RFC 4505.
    Anonymous,
}

impl Mechanism {
    /// Every mechanism, in the order in which [`client`] prefers them.
    pub const ALL: [Mechanism; 15] = [
        Mechanism::ScramSha512Plus,
        Mechanism::ScramSha256Plus,
        Mechanism::ScramSha1Plus,
        Mechanism::ScramSha512,
        Mechanism::ScramSha256,
        Mechanism::ScramSha1,
        Mechanism::Gssapi,
        Mechanism::OAuthBearer,
        Mechanism::XOauth2,
        Mechanism::External,
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::DigestMd5,
        Mechanism::CramMd5,
        Mechanism::Anonymous,
    ];

    /// The name in IANA's registry, in capitals (`SCRAM-SHA-256-PLUS`).
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::CramMd5 => "CRAM-MD5",
            Mechanism::DigestMd5 => "DIGEST-MD5",
            Mechanism::ScramSha1 => "SCRAM-SHA-1",
            Mechanism::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
            Mechanism::ScramSha512Plus => "SCRAM-SHA-512-PLUS",
            Mechanism::Gssapi => "GSSAPI",
            Mechanism::XOauth2 => "XOAUTH2",
            Mechanism::OAuthBearer => "OAUTHBEARER",
            Mechanism::External => "EXTERNAL",
            Mechanism::Anonymous => "ANONYMOUS",
        }
    }

    /// The mechanism of that name, in any case; `None` for one that we do not speak.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    /// Whether a client may speak first; LOGIN's clients may not by its draft, and do.
    pub fn takes_initial_response(self) -> bool {
        self != Mechanism::CramMd5
    }

    /// Whether the secret itself crosses the connection: such a mechanism needs encryption.
    pub fn is_cleartext(self) -> bool {
        matches!(
            self,
            Mechanism::Plain | Mechanism::Login | Mechanism::XOauth2 | Mechanism::OAuthBearer
        )
    }

    /// Whether a server has to know the password, not only to judge one that it is given.
    pub fn needs_stored_password(self) -> bool {
        let is_scram = self.name().starts_with("SCRAM-");
        is_scram || matches!(self, Self::CramMd5 | Self::DigestMd5)
    }

    /// Whether it is a `-PLUS` mechanism, bound to the TLS channel beneath it (RFC 5056).
    pub fn is_channel_bound(self) -> bool {
        matches!(
            self,
            Mechanism::ScramSha1Plus | Mechanism::ScramSha256Plus | Mechanism::ScramSha512Plus
        )
    }

    /// Whether an eavesdropper can try passwords at MD5's speed: a mechanism of another time, to
    /// be used where there is nothing better, and not without a word.
    pub fn is_weak(self) -> bool {
        matches!(self, Mechanism::CramMd5 | Mechanism::DigestMd5)
    }

    /// Whether it proves who we are without a secret that we would have to be given: by a
    /// certificate, by a Kerberos ticket, or not at all.
    pub fn is_secretless(self) -> bool {
        matches!(self, Mechanism::External | Mechanism::Gssapi | Mechanism::Anonymous)
    }

    /// Whether it can carry an authorization identity beside the authentication identity.
    pub fn carries_authorization_identity(self) -> bool {
        !matches!(self, Mechanism::Login | Mechanism::CramMd5 | Mechanism::Anonymous)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who we are, and what proves it.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The authentication identity (RFC 4422 section 2), UTF-8; may be empty for EXTERNAL and
    /// ANONYMOUS.
    pub user: String,
    /// The authorization identity: whom to act as. `None`, empty or the user itself mean the
    /// user.
    pub authorize_as: Option<String>,
    /// The proof.
    pub secret: CredentialSecret,
}

impl Credential {
    /// The authorization identity where it differs from the user.
    fn other_identity(&self) -> Option<&str> {
        self.authorize_as
            .as_deref()
            .filter(|identity| !identity.is_empty() && *identity != self.user)
    }
}

/// What proves an identity.
#[derive(Debug, Clone)]
pub enum CredentialSecret {
    /// A password, UTF-8.
    Password(Secret),
    /// An OAuth 2.0 access token (RFC 6750).
    Token(Secret),
    /// Nothing of ours: TLS has shown a client certificate, Kerberos has a ticket, or nobody
    /// asks.
    None,
}

impl CredentialSecret {
    /// What it is, in words for a message.
    fn kind(&self) -> &'static str {
        match self {
            CredentialSecret::Password(_) => "a password",
            CredentialSecret::Token(_) => "a token",
            CredentialSecret::None => "a login without a secret",
        }
    }
}

/// A kind of channel binding, by IANA's registry of channel-binding types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelBindingKind {
    /// `tls-exporter`, RFC 9266.
    TlsExporter,
    /// `tls-unique`, RFC 5929 section 3; TLS 1.2 and below only.
    TlsUnique,
    /// `tls-server-end-point`, RFC 5929 section 4.
    TlsServerEndPoint,
}

impl ChannelBindingKind {
    /// The registered name, as it stands in a gs2-cbind-flag (RFC 5802 section 7).
    pub fn name(self) -> &'static str {
        match self {
            ChannelBindingKind::TlsExporter => "tls-exporter",
            ChannelBindingKind::TlsUnique => "tls-unique",
            ChannelBindingKind::TlsServerEndPoint => "tls-server-end-point",
        }
    }
}

/// What both ends of one TLS channel know of it and nobody in between does.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelBinding {
    /// How the data was derived.
    pub kind: ChannelBindingKind,
    /// The channel-binding data, raw octets.
    pub data: Vec<u8>,
}

impl fmt::Debug for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelBinding").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What a mechanism needs to know of the connection it runs over.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Whether nobody in between can read along (TLS).
    pub encrypted: bool,
    /// The channel bindings that the connection has, best first; a client uses the first.
    ///
    /// On a server, non-empty means that it offers the `-PLUS` mechanisms and that a client
    /// which believes otherwise met a downgrade (RFC 5802 section 6).
    pub bindings: Vec<ChannelBinding>,
    /// The server's host name: the one dialled for a client, its own for a server. May be empty.
    pub host: String,
    /// The server's port; 0 when unknown.
    pub port: u16,
    /// The service name of the protocol in GSSAPI and DIGEST-MD5: `smtp`, `lmtp`, `imap`, `pop`
    /// or `nntp` (RFC 4954, RFC 2033, RFC 9051, RFC 5034, RFC 4643).
    pub service: &'static str,
}

impl Channel {
    /// Forgets the bindings of a server that offers no `-PLUS` mechanism: one that was told not
    /// to is no server whose offer somebody changed.
    pub fn keep_bindings(&mut self, offered: &[String]) {
        let is_bound =
            |name: &String| Mechanism::from_name(name).is_some_and(Mechanism::is_channel_bound);
        if !offered.iter().any(is_bound) {
            self.bindings.clear();
        }
    }
}

/// The client side of one exchange.
pub trait Client: fmt::Debug + Send {
    /// The mechanism it speaks.
    fn mechanism(&self) -> Mechanism;

    /// The initial response, raw octets (not base64); `None` when the server speaks first.
    /// Called once, before any [`Client::step`].
    ///
    /// # Errors
    /// When the credential cannot be said in this mechanism.
    fn initial(&mut self) -> Result<Option<Vec<u8>>, Error>;

    /// Answers one challenge; both are raw octets (not base64), and either may be empty.
    ///
    /// # Errors
    /// When the server broke the mechanism, failed to prove itself, or said why it refuses: the
    /// caller then cancels the exchange.
    fn step(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Error>;

    /// Whether [`Client::initial`] and [`Client::step`] may wait for another machine: they
    /// belong on a thread of their own then.
    fn may_block(&self) -> bool {
        false
    }

    /// Called when the server said success.
    ///
    /// # Errors
    /// When the mechanism still expected proof from the server (RFC 5802 section 5), or had
    /// been told of a failure: the success is then not to be believed.
    fn finish(&mut self) -> Result<(), Error>;

    /// Why the server refuses, where the mechanism told us before the protocol's own failure
    /// reply came; `None` when only that reply says.
    fn refusal(&self) -> Option<Error> {
        None
    }

    /// Whether a refusal now is, or may be, about the channel binding that was used: a server
    /// that does not know its kind says so, or refuses before its first message.
    fn is_binding_refused(&self) -> bool {
        false
    }
}

/// The server side of one exchange.
pub trait Server {
    /// Takes one response of the client, raw octets; `None` when the command came without an
    /// initial response. After [`Step::Done`] or [`Step::Failed`] every further call fails.
    fn step(&mut self, response: Option<&[u8]>) -> Step;
}

/// What a server does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this challenge (raw octets, may be empty) and wait for the answer.
    Challenge(Vec<u8>),
    /// The client is who it says it is.
    Done {
        /// The authorization identity: whose mail this is.
        user: String,
        /// Data that belongs to the success. SMTP, IMAP and POP have no place for it there:
        /// they send it as one last challenge, and its answer is empty.
        additional: Option<Vec<u8>>,
    },
    /// The client is refused.
    Failed {
        /// Why, fit for the reply; says nothing about which users exist.
        reason: String,
    },
}

/// What a server checks against.
pub trait Secrets {
    /// The password of a user, UTF-8; `None` for an unknown user.
    fn password(&self, user: &str) -> Option<Secret>;
    /// Whether an access token opens the user's mail now.
    fn token_is_valid(&self, user: &str, token: &[u8]) -> bool;
    /// The identity that the client's certificate names; `None` when it showed none.
    fn external_identity(&self) -> Option<String>;
    /// The file with the keys of our services (MIT's keytab); `None`: no GSSAPI here.
    fn keytab(&self) -> Option<PathBuf> {
        None
    }
    /// Whether `user`, once authenticated, may act as `authorize_as`, another user.
    fn may_act_as(&self, user: &str, authorize_as: &str) -> bool;
    /// Whether any user with any password is welcome (PLAIN and LOGIN only: the others compute
    /// with the password itself).
    fn any(&self) -> bool {
        false
    }
}

/// Fills `octets` from the operating system's random source, the one to use outside tests.
///
/// # Panics
/// When the operating system has no random octets to give: no login could be safe then.
pub fn system_random(octets: &mut [u8]) {
    aws_lc_rs::rand::fill(octets).expect("the operating system gives random octets");
}

#[cfg(test)]
mod tests;
