//! TLS by two backends that give the same verdicts in the same words: rustls with the
//! system's trust store, and the platform's own TLS (OpenSSL where that is the platform's, else
//! native-tls).
//!
//! Channel bindings come from here too: tls-exporter (RFC 9266), tls-unique and
//! tls-server-end-point (RFC 5929).

use std::borrow::Cow;
use std::fmt;

use super::read_ahead::ReadAhead;
use super::wire::Stream;
use crate::sasl::{ChannelBinding, ChannelBindingKind};

mod acceptor;
mod certificate;
mod dane;
pub mod enumerate;
mod error;
#[cfg(feature = "native")]
mod native;
pub mod ocsp;
#[cfg(all(feature = "native", openssl_on_demand))]
mod on_demand;
#[cfg(feature = "native")]
mod openssl;
mod overheard;
mod rustls;

pub use acceptor::Acceptor;
pub use dane::{Dane, Tlsa};
pub use error::{Error, Fault, NO_SUITE};
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
    /// PEM: the chain, and the key.
    Pem {
        /// Certificates, leaf first.
        chain: Vec<u8>,
        /// PKCS#8, PKCS#1 or SEC1 key.
        key: Vec<u8>,
        /// The key's password; empty where it has none.
        password: String,
    },
    /// A PKCS#12 container and its password.
    Pkcs12 {
        /// DER.
        container: Vec<u8>,
        /// Empty where there is none.
        password: String,
    },
}

impl Identity {
    /// Whether reading it needs more than PEM: a container, or a password.
    fn is_locked(&self) -> bool {
        match self {
            Self::Pem { key, .. } => memchr::memmem::find(key, b"ENCRYPTED").is_some(),
            Self::Pkcs12 { .. } => true,
        }
    }
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
    /// The peer's certificates in DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// 32 octets of tls-exporter (RFC 9266), on TLS 1.3 and, with the extended master secret, on
    /// TLS 1.2.
    pub exporter: Option<Vec<u8>>,
    /// tls-unique (RFC 5929 section 3), on TLS 1.2 and below where the backend tells it.
    pub unique: Option<Vec<u8>>,
    /// tls-server-end-point (RFC 5929 section 4), on the client's side and the server's.
    pub end_point: Option<Vec<u8>>,
    /// Whether a client's certificate was shown and verified (server side), its subject.
    pub client_subject: Option<String>,
    /// The protocol that the server chose by ALPN (client side); only rustls tells.
    pub alpn: Option<Vec<u8>>,
    /// An earlier session was taken up again (client side); only rustls tells.
    pub is_resumed: bool,
    /// The stapled OCSP response in DER (client side), empty where there is none; `None`: not
    /// told, by other backends than rustls and of a session that was resumed.
    pub staple: Option<Vec<u8>>,
}

impl Session {
    /// The channel bindings that it has, best first: tls-unique is the default of RFC 5802
    /// section 6 where it exists, and tls-exporter where that is gone (RFC 9266 section 4).
    pub fn bindings(&self) -> Vec<ChannelBinding> {
        use ChannelBindingKind::{TlsExporter, TlsServerEndPoint, TlsUnique};
        [
            (TlsUnique, &self.unique),
            (TlsExporter, &self.exporter),
            (TlsServerEndPoint, &self.end_point),
        ]
        .into_iter()
        .filter_map(|(kind, data)| data.clone().map(|data| ChannelBinding { kind, data }))
        .collect()
    }
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

/// What a handshake asks beside what every one does: of servers whose answer is encrypted, so
/// that no raw hello can read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question<'a> {
    /// Protocols that the client wants to speak (ALPN, RFC 7301); empty: it does not say.
    pub alpn: &'a [&'a [u8]],
    /// The server's name is kept back (SNI, RFC 6066 section 3).
    pub is_nameless: bool,
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
    #[cfg(feature = "native")]
    OpenSsl(Box<openssl::Client>),
}

/// Whether the platform's TLS is another than OpenSSL.
#[cfg(feature = "native")]
const HAS_ITS_OWN: bool = cfg!(any(target_vendor = "apple", windows));

impl Connector {
    /// Prepares TLS with `host`: the name (or address) that the certificate must have, and
    /// the SNI unless it is an address.
    ///
    /// # Errors
    /// [`Error`] with [`Fault::Setting`] for settings that the backend cannot follow.
    pub fn new(host: &str, settings: &Settings) -> Result<Self, Error> {
        let name = reference(host)?;
        let settings = &in_time(host, settings)?;
        let inner = match (settings.backend, settings.min) {
            #[cfg(feature = "native")]
            (Backend::Native, Version::Tls12 | Version::Tls13) if HAS_ITS_OWN => {
                Inner::Native(Box::new(native::Client::new(&name, settings)?))
            }
            #[cfg(feature = "native")]
            (Backend::Native, _) | (_, Version::Tls10 | Version::Tls11) => {
                Inner::OpenSsl(Box::new(openssl::Client::new(&name, settings)?))
            }
            #[cfg(not(feature = "native"))]
            (Backend::Native, _) | (_, Version::Tls10 | Version::Tls11) => {
                return Err(Error::setting(
                    host,
                    "this build has only rustls: the native backend, and TLS below 1.2, need the feature `native`",
                ));
            }
            (Backend::Rustls, _) => Inner::Rustls(Box::new(rustls::Client::new(&name, settings)?)),
        };
        Ok(Self { host: host.to_owned(), inner })
    }

    /// As [`Connector::new`], with a question of its own; by rustls, whatever the settings say,
    /// and TLS 1.2 at least.
    ///
    /// # Errors
    /// As [`Connector::new`].
    pub fn asking(host: &str, settings: &Settings, question: &Question<'_>) -> Result<Self, Error> {
        let name = reference(host)?;
        let settings = &in_time(host, settings)?;
        let client = rustls::Client::asking(&name, settings, question)?;
        Ok(Self { host: host.to_owned(), inner: Inner::Rustls(Box::new(client)) })
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
        let stream = Box::new(ReadAhead::new(stream));
        match &self.inner {
            Inner::Rustls(client) => client.connect(stream).await,
            #[cfg(feature = "native")]
            Inner::Native(client) => client.connect(stream).await,
            #[cfg(feature = "native")]
            Inner::OpenSsl(client) => client.connect(stream).await,
        }
    }
}

/// The verdict of a server on our certificate: in TLS 1.3 it comes when the handshake is long
/// over (RFC 8446 section 4.4.2.4), as an error of the next read.
pub(super) fn late_alert(error: &std::io::Error) -> Option<Error> {
    let late = rustls::late_alert(error);
    #[cfg(feature = "native")]
    let late = late.or_else(|| openssl::late_alert(error));
    late.map(|fault| Error { host: "the server".to_owned(), fault })
}

/// Has OpenSSL's library loaded, for what calls it beside a [`Connector`] or an [`Acceptor`].
///
/// # Errors
/// Why it cannot be, in the loader's words.
#[cfg(feature = "native")]
pub fn load_openssl() -> Result<(), String> {
    #[cfg(openssl_on_demand)]
    on_demand::load()?;
    Ok(())
}

/// The settings without given authorities whose time is over, or has not come: backends differ
/// in whether they look.
///
/// # Errors
/// [`Fault::Setting`] when none is left.
fn in_time<'s>(host: &str, settings: &'s Settings) -> Result<Cow<'s, Settings>, Error> {
    let Verify::Roots(roots) = &settings.verify else { return Ok(Cow::Borrowed(settings)) };
    let current: Vec<Vec<u8>> =
        roots.iter().filter(|root| certificate::is_in_time(root)).cloned().collect();
    if current.is_empty() {
        return Err(Error::setting(host, "--ca-file: no certificate in it is valid now"));
    }
    Ok(Cow::Owned(Settings { verify: Verify::Roots(current), ..settings.clone() }))
}

/// The name as a certificate has it (RFC 9525 section 6.3): in A-labels, without the trailing
/// dot; an address without brackets.
///
/// # Errors
/// [`Fault::Setting`] for what is no host name.
fn reference(host: &str) -> Result<String, Error> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<std::net::IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    let name = bare.strip_suffix('.').unwrap_or(bare);
    let name = match name.is_ascii() {
        true => name.to_ascii_lowercase(),
        false => idna::domain_to_ascii(name).unwrap_or_default(),
    };
    if name.is_empty() {
        let what = format!("{host:?} is no host name that TLS could verify");
        return Err(Error::setting(host, what));
    }
    Ok(name)
}
