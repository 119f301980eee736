//! OAuth 2.0 access tokens for mail: how an account comes by its first, and how it stays with
//! one that is valid.
//!
//! RFC 6749 (authorization code, client credentials, refresh), RFC 7636 (PKCE), RFC 8252
//! (loopback redirect), RFC 8628 (device flow), RFC 7523 (service accounts), RFC 7009
//! (revocation), RFC 8414 (discovery), RFC 9207 (issuer of an answer).
//!
//! No client is registered by us with anybody: whose programme asks is said by the
//! configuration. Not here: what a mail server does with a token (`sasl`), and when one is
//! wanted (`open`). Refresh tokens live in the [`crate::keyring`] and nowhere else.

mod assertion;
mod browser;
mod device;
mod endpoint;
mod provider;
mod tokens;

use std::path::PathBuf;

use crate::base::secret::Secret;
use crate::net::{self, http, tls};
use crate::{keyring, state};

pub use provider::{NAMES, Provider};
pub use tokens::{Source, Token};

/// How an account comes by its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Flow {
    /// A code is typed on any other device (RFC 8628).
    Device,
    /// A browser on this machine comes back to us (RFC 8252).
    Browser,
    /// The programme itself is who logs in (RFC 6749 section 4.4).
    ClientCredentials,
    /// A key of the provider's speaks for users (RFC 7523).
    ServiceAccount,
}

impl Flow {
    /// Whether somebody has to agree, and `account login` is what asks.
    pub fn wants_person(self) -> bool {
        matches!(self, Self::Device | Self::Browser)
    }
}

/// What the configuration says about an account's tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// A name of [`NAMES`], or an issuer's URL.
    pub provider: Option<String>,
    /// Microsoft's tenant; `None`: `common`.
    pub tenant: Option<String>,
    /// Who asks; `None`: `PILLARBOX_OAUTH_CLIENT_ID` says it.
    pub client_id: Option<String>,
    /// A shell command whose first line of output is the client's secret.
    pub client_secret_command: Option<String>,
    /// `None`: what suits the provider.
    pub flow: Option<Flow>,
    /// `None`: the provider's scopes for mail.
    pub scopes: Option<Vec<String>>,
    /// The key of a service account, JSON as the provider gives it.
    pub key_file: Option<PathBuf>,
}

/// The environment variable that may hold the client's identifier.
pub const CLIENT_ID_VARIABLE: &str = "PILLARBOX_OAUTH_CLIENT_ID";

/// The environment variable that may hold the client's secret.
pub const CLIENT_SECRET_VARIABLE: &str = "PILLARBOX_OAUTH_CLIENT_SECRET";

/// Gives the client's secret when it is wanted; `None`: the client has none.
pub type ClientSecret = Box<dyn Fn() -> Result<Option<Secret>, Box<dyn std::error::Error>>>;

/// Who wants tokens, from whom, for whom.
pub struct Settings {
    /// The account's name.
    pub account: String,
    /// What the configuration says.
    pub keys: Keys,
    /// Who asks; empty only with a service account.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: ClientSecret,
    /// Whose mail it is.
    pub user: Option<String>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("account", &self.account).finish_non_exhaustive()
    }
}

/// How the provider is reached.
pub struct Web<'a> {
    /// Connections.
    pub options: &'a net::Options,
    /// TLS.
    pub tls: tls::Settings,
}

/// What can go wrong on the way to a token. No token is in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The provider was not reached, or did not speak HTTP.
    #[error("{url}: {source}")]
    Web {
        /// What was asked for.
        url: String,
        /// Why.
        source: http::Error,
    },
    /// The provider refused, in the words of RFC 6749 section 5.2.
    #[error("{url} refused: {error}{}", described(.description))]
    Refused {
        /// Who refused.
        url: String,
        /// Its `error`.
        error: String,
        /// Its `error_description`.
        description: Option<String>,
    },
    /// The provider's answer is none.
    #[error("{url}: {what}")]
    Answer {
        /// What was asked for.
        url: String,
        /// What is wrong with the answer.
        what: String,
        /// Worth trying again (5yz, 429).
        transient: bool,
    },
    /// Nobody has logged in, or the provider does not know the login any more.
    #[error("the account {account} has to log in: {why}")]
    LoginNeeded {
        /// The account.
        account: String,
        /// Why.
        why: String,
    },
    /// Whoever was asked said no, or took too long.
    #[error("not logged in: {0}")]
    NotGranted(String),
    /// The configuration cannot work.
    #[error("{0}")]
    Setting(String),
    /// The client's secret cannot be had.
    #[error("the secret of the OAuth client: {0}")]
    ClientSecret(String),
    /// Another process holds the account's tokens for too long.
    #[error("another process has been renewing the tokens of {account} for {seconds} s")]
    Busy {
        /// The account.
        account: String,
        /// How long we waited.
        seconds: u64,
    },
    /// A local file or socket.
    #[error("{what}: {source}")]
    Local {
        /// Which.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// Where tokens are kept.
    #[error(transparent)]
    Keyring(#[from] keyring::Error),
    /// The place for locks.
    #[error(transparent)]
    State(#[from] state::Error),
}

fn described(description: &Option<String>) -> String {
    description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default()
}

impl Error {
    /// It is about who we are, and a login may help.
    pub fn is_auth(&self) -> bool {
        matches!(
            self,
            Self::LoginNeeded { .. }
                | Self::NotGranted(_)
                | Self::Refused { .. }
                | Self::ClientSecret(_)
                | Self::Keyring(_)
        )
    }

    /// Worth trying again later, unchanged.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Web { source, .. } => source.is_transient(),
            Self::Answer { transient, .. } => *transient,
            Self::Busy { .. } => true,
            _ => false,
        }
    }

    /// The configuration is wrong.
    pub fn is_setting(&self) -> bool {
        matches!(self, Self::Setting(_))
    }

    /// TLS with the provider is missing, broken or not verified.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Web { source, .. } if source.is_tls())
    }

    /// The error of the connection, where it is one.
    pub fn network(&self) -> Option<&net::Error> {
        match self {
            Self::Web { source: http::Error::Network(error), .. } => Some(error),
            _ => None,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::LoginNeeded { account, .. } => {
                Some(format!("run: pillarbox account login {account}"))
            }
            Self::Web { source, .. } => source.hint(),
            Self::Setting(_) => Some("see OAUTH in pillarbox-config(5)".to_owned()),
            _ => None,
        }
    }
}

/// Octets from the system's source of randomness, in base64 as URLs have it.
fn random_text(octets: usize) -> String {
    let mut random = vec![0; octets];
    crate::sasl::system_random(&mut random);
    base64url(&random)
}

fn base64url(octets: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(octets)
}
