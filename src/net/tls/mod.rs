//! TLS by two backends that give the same verdicts in the same words: rustls with the
//! system's trust store, and the platform's own TLS (native-tls; OpenSSL on Unix).
//!
//! Channel bindings come from here too: tls-exporter (RFC 9266) and tls-server-end-point
//! (RFC 5929).

use std::fmt;

use super::wire::Stream;

mod acceptor;
mod dane;
pub mod enumerate;
mod error;
#[cfg(feature = "native")]
mod native;
mod rustls;

pub use acceptor::Acceptor;
pub use dane::{Dane, Tlsa};
pub use error::{Error, Fault};
pub use rustls::{crypto_provider, read_pem_certificates, spki_sha256};

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Before the first word (imaps, smtps, pop3s).
    Implicit,
    /// After STARTTLS or STLS, or not at all: a server without it is an error.
    Starttls,
    /// After STARTTLS where the server offers it, in the clear otherwise; not verified.
    Opportunistic,
    /// Never.
    None,
}

/// Which library speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Backend {
    /// rustls, with the operating system's trust store.
    #[default]
    Rustls,
    /// The platform's own TLS and trust store.
    Native,
}

/// A protocol version, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Version {
    /// TLS 1.0, RFC 2246; by the OpenSSL library only.
    #[value(name = "1.0")]
    Tls10,
    /// TLS 1.1, RFC 4346; by the OpenSSL library only.
    #[value(name = "1.1")]
    Tls11,
    /// TLS 1.2, RFC 5246.
    #[value(name = "1.2")]
    Tls12,
    /// TLS 1.3, RFC 8446.
    #[value(name = "1.3")]
    Tls13,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// What makes a server's certificate good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verify {
    /// A chain to the operating system's trust store, and the name.
    System,
    /// A chain to these certificates (DER) instead of the system's, and the name.
    Roots(Vec<Vec<u8>>),
    /// The SHA-256 of its SubjectPublicKeyInfo is one of these; chain and name do not count.
    Pins(Vec<[u8; 32]>),
    /// TLSA records vouch for it (RFC 7672); rustls only.
    Dane(Dane),
    /// Anything goes.
    Nothing,
}

/// A client's own certificate.
#[derive(Clone, PartialEq, Eq)]
pub enum Identity {
    /// PEM: the chain, and the unencrypted key.
    Pem {
        /// Certificates, leaf first.
        chain: Vec<u8>,
        /// PKCS#8, PKCS#1 or SEC1 key.
        key: Vec<u8>,
    },
    /// A PKCS#12 container and its password.
    Pkcs12 {
        /// DER.
        container: Vec<u8>,
        /// Empty where there is none.
        password: String,
    },
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

/// How to speak TLS with any server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which library.
    pub backend: Backend,
    /// Oldest version that will do.
    pub min: Version,
    /// What makes the certificate good.
    pub verify: Verify,
    /// Our own certificate, where the server wants one.
    pub identity: Option<Identity>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            backend: Backend::default(),
            min: Version::Tls12,
            verify: Verify::System,
            identity: None,
        }
    }
}

impl Settings {
    /// Settings that accept any certificate.
    pub fn insecure() -> Self {
        Self { verify: Verify::Nothing, ..Self::default() }
    }
}

/// What was negotiated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    /// In words (`TLS 1.3`); empty where the backend does not tell.
    pub version: String,
    /// The suite's IANA name; empty where the backend does not tell.
    pub cipher: String,
    /// Key exchange group, where the backend tells.
    pub group: Option<String>,
    /// The peer's certificates in DER, leaf first; only the leaf with the native backend.
    pub chain: Vec<Vec<u8>>,
    /// 32 octets of tls-exporter (RFC 9266), on TLS 1.3.
    pub exporter: Option<Vec<u8>>,
    /// tls-server-end-point (RFC 5929 section 4), on the client's side and the server's.
    pub end_point: Option<Vec<u8>>,
    /// Whether a client's certificate was shown and verified (server side), its subject.
    pub client_subject: Option<String>,
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.version.as_str(), self.cipher.as_str()) {
            ("", _) => f.write_str("TLS"),
            (version, "") => f.write_str(version),
            (version, cipher) => write!(f, "{version} {cipher}"),
        }
    }
}

/// A client's side of TLS, ready for one host.
pub struct Connector {
    host: String,
    inner: Inner,
}

enum Inner {
    Rustls(Box<rustls::Client>),
    #[cfg(feature = "native")]
    Native(Box<native::Client>),
}

impl Connector {
    /// Prepares TLS with `host`: the name (or address) that the certificate must have, and
    /// the SNI unless it is an address.
    ///
    /// # Errors
    /// [`Error`] with [`Fault::Setting`] for settings that the backend cannot follow.
    pub fn new(host: &str, settings: &Settings) -> Result<Self, Error> {
        let inner = match (settings.backend, settings.min) {
            #[cfg(feature = "native")]
            (Backend::Native, _) | (_, Version::Tls10 | Version::Tls11) => {
                Inner::Native(Box::new(native::Client::new(host, settings)?))
            }
            #[cfg(not(feature = "native"))]
            (Backend::Native, _) | (_, Version::Tls10 | Version::Tls11) => {
                return Err(Error::setting(
                    host,
                    "this build has only rustls: the native backend, and TLS below 1.2, need the feature `native`",
                ));
            }
            (Backend::Rustls, _) => Inner::Rustls(Box::new(rustls::Client::new(host, settings)?)),
        };
        Ok(Self { host: host.to_owned(), inner })
    }

    /// The name that is verified.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Does the handshake over `stream`.
    ///
    /// # Errors
    /// [`super::Error::Tls`] says what is wrong in the same words for both backends;
    /// [`super::Error::Closed`] when the server went.
    pub async fn connect(
        &self,
        stream: Box<dyn Stream>,
    ) -> Result<(Box<dyn Stream>, Session), super::Error> {
        match &self.inner {
            Inner::Rustls(client) => client.connect(stream).await,
            #[cfg(feature = "native")]
            Inner::Native(client) => client.connect(stream).await,
        }
    }
}
