//! What is wrong with a TLS connection, in words that do not depend on the backend.

/// A failed handshake, or settings that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", text(.host, .fault))]
pub struct Error {
    /// The name that was to be verified.
    pub host: String,
    /// What is wrong.
    pub fault: Fault,
}

/// The kinds of TLS trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not come.
    NotYetValid,
    /// The certificate is for other names, which are given where the backend tells them.
    WrongName(Vec<String>),
    /// No chain to a trusted root: self-signed, or from an unknown authority.
    Untrusted,
    /// The certificate was revoked.
    Revoked,
    /// The certificate itself is malformed, or weaker than the backend allows.
    BadCertificate(String),
    /// The key does not match any pin; what its hash is.
    PinMismatch([u8; 32]),
    /// No TLSA record vouches for the certificate.
    NoTlsaMatch,
    /// What the server said is no TLS at all.
    NotTls,
    /// No version or suite in common, or an alert from the server.
    Handshake(String),
    /// The server wants a certificate from us, or does not like the one it got.
    ClientCertificate(String),
    /// Our own settings.
    Setting(String),
}

/// What handshake_failure may mean: TLS 1.2 has no other alert for a client's certificate that
/// was asked for and not shown (RFC 5246 section 7.4.6).
pub const NO_SUITE: &str =
    "no cipher suite in common, or it wants a certificate from us (--client-cert)";

impl Error {
    /// A setting that the backend cannot follow.
    pub fn setting(host: &str, what: impl Into<String>) -> Self {
        Self { host: host.to_owned(), fault: Fault::Setting(what.into()) }
    }

    /// Never: a certificate does not mend itself by waiting.
    pub fn is_transient(&self) -> bool {
        false
    }

    /// Whether the trouble is the server's certificate, not the handshake.
    pub fn is_certificate(&self) -> bool {
        matches!(
            self.fault,
            Fault::Expired
                | Fault::NotYetValid
                | Fault::WrongName(_)
                | Fault::Untrusted
                | Fault::Revoked
                | Fault::BadCertificate(_)
                | Fault::PinMismatch(_)
                | Fault::NoTlsaMatch
        )
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match &self.fault {
            Fault::Expired | Fault::NotYetValid => {
                "check this machine's clock; if it is right, the server's certificate has to be renewed".into()
            }
            Fault::WrongName(_) => {
                "connect by a name that is in the certificate; --connect-to reaches another address under it".into()
            }
            Fault::Untrusted => {
                "give the authority's certificate with --ca-file, or the key's hash with --pin".into()
            }
            Fault::PinMismatch(found) => {
                format!("the key of this server is --pin sha256:{}", hex(found))
            }
            Fault::NotTls => {
                "the port may want STARTTLS, or no TLS at all: see --tls".into()
            }
            Fault::Handshake(_) => "see what the server speaks with `pillarbox probe`".into(),
            Fault::ClientCertificate(_) => {
                "give a certificate with --client-cert and --client-key".into()
            }
            Fault::Revoked | Fault::BadCertificate(_) | Fault::NoTlsaMatch | Fault::Setting(_) => {
                return None;
            }
        })
    }
}

fn text(host: &str, fault: &Fault) -> String {
    match fault {
        Fault::Expired => format!("the certificate of {host} has expired"),
        Fault::NotYetValid => format!("the certificate of {host} is not valid yet"),
        Fault::WrongName(names) if names.is_empty() => {
            format!("the certificate is not for {host}: it names no host in its subjectAltName")
        }
        Fault::WrongName(names) => {
            format!("the certificate is not for {host} but for {}", names.join(", "))
        }
        Fault::Untrusted => format!("the certificate of {host} is not from a trusted authority"),
        Fault::Revoked => format!("the certificate of {host} was revoked"),
        Fault::BadCertificate(why) => format!("the certificate of {host} is not usable: {why}"),
        Fault::PinMismatch(_) => format!("the key of {host} is not the pinned one"),
        Fault::NoTlsaMatch => format!("no TLSA record matches the certificate of {host} (DANE)"),
        Fault::NotTls => format!("{host} does not speak TLS on this port"),
        Fault::Handshake(why) => format!("no TLS with {host}: {why}"),
        Fault::ClientCertificate(why) => {
            format!("{host} does not accept our client certificate: {why}")
        }
        Fault::Setting(why) => why.clone(),
    }
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
