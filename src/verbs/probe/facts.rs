//! What was measured. Plain values that judge nothing; the names of their fields are those of
//! the JSON report.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::Serialize;

use super::certificate::Certificate;
use super::timing::{Percentiles, Phase, Timing, milliseconds};
use crate::net;
use crate::net::tls::Fault;

mod domain;
mod trial;

pub use domain::{
    Autoconfig, Autodiscover, Dkim, Dmarc, DnsList, Domain, Exchanger, Exchangers, Host, HostCaa,
    Knock, Offered, Spf, StsPolicy,
};
pub use trial::{Trial, Tried};

/// Something that was to be found out, and was, or was not: the two are never mixed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Known<T> {
    /// It is so.
    Is(T),
    /// Nobody can tell.
    Unknown {
        /// Why, in words.
        unknown: String,
    },
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self::unknown("it was not asked for")
    }
}

impl<T> Known<T> {
    /// Nobody can tell, because of `why`.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown { unknown: why.into() }
    }
}

/// What is spoken at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// SMTP and submission.
    Smtp,
    /// LMTP.
    Lmtp,
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
}

/// What an endpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes mail from anybody for its own domains (port 25).
    Mx,
    /// Takes mail from its own users.
    Submission,
    /// Takes mail from its own MX (LMTP).
    Delivery,
    /// Lets users read their mail.
    Access,
}

/// When TLS begins at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// At once.
    Implicit,
    /// After STARTTLS or STLS.
    Starttls,
    /// Not at all, by the user's wish or on a Unix socket.
    Never,
}

/// The kind of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Service {
    /// What is spoken.
    pub protocol: Protocol,
    /// What for.
    pub role: Role,
    /// When TLS begins.
    pub tls: Start,
}

/// Why a conversation ended before its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// In which phase.
    pub phase: Phase,
    /// What kind of end it was.
    pub kind: StopKind,
    /// The server's words, or what happened.
    pub detail: String,
}

/// The kinds of ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopKind {
    /// No such host, or nothing listens there.
    Unreachable,
    /// Silence, a lookup that did not work now.
    NoAnswer,
    /// The server ended the connection.
    HungUp,
    /// The server asks to come later: 4yz, BYE, a code that says so.
    Later,
    /// The server says no for good.
    Refused,
    /// What came is not the protocol.
    Protocol,
    /// The server's certificate.
    Certificate,
    /// The TLS handshake.
    Handshake,
    /// Our own settings, or our budget.
    Ours,
}

impl StopKind {
    /// Whether it tells something about the server that another try would find again.
    pub fn is_certain(self) -> bool {
        match self {
            Self::Unreachable
            | Self::Refused
            | Self::Protocol
            | Self::Certificate
            | Self::Handshake => true,
            Self::NoAnswer | Self::HungUp | Self::Later | Self::Ours => false,
        }
    }
}

impl Stop {
    /// As [`StopKind::is_certain`].
    pub fn is_certain(&self) -> bool {
        self.kind.is_certain()
    }

    /// What an error of the network means.
    pub fn of(phase: Phase, error: &net::Error) -> Self {
        use std::io::ErrorKind::{AddrNotAvailable, ConnectionRefused, NetworkUnreachable};
        let all = |attempts: &[(SocketAddr, std::io::Error)], kinds: &[std::io::ErrorKind]| {
            !attempts.is_empty() && attempts.iter().all(|(_, error)| kinds.contains(&error.kind()))
        };
        let kind = match error {
            net::Error::NotFound { .. } => StopKind::Unreachable,
            net::Error::Connect { attempts, .. } if all(attempts, &[ConnectionRefused]) => {
                StopKind::Unreachable
            }
            // This machine has no address of that family.
            net::Error::Connect { attempts, .. }
                if all(attempts, &[NetworkUnreachable, AddrNotAvailable]) =>
            {
                StopKind::Ours
            }
            net::Error::Unix { source, .. } if source.kind() == ConnectionRefused => {
                StopKind::Unreachable
            }
            net::Error::Unix { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                StopKind::Unreachable
            }
            net::Error::LineTooLong { .. } | net::Error::PlaintextBehindTls { .. } => {
                StopKind::Protocol
            }
            net::Error::Tls(tls) if tls.is_certificate() => StopKind::Certificate,
            net::Error::Tls(tls) => match tls.fault {
                Fault::Setting(_) | Fault::ClientCertificate(_) => StopKind::Ours,
                _ => StopKind::Handshake,
            },
            net::Error::Setting(_) => StopKind::Ours,
            // What a proxy says of the server may be about the way between the two.
            net::Error::Proxy { fault, .. } if fault.is_transient() => StopKind::NoAnswer,
            net::Error::Proxy { .. } => StopKind::Ours,
            error if error.is_closed() => StopKind::HungUp,
            net::Error::Lookup { .. }
            | net::Error::Connect { .. }
            | net::Error::Unix { .. }
            | net::Error::Timeout { .. }
            | net::Error::Closed
            | net::Error::Io(_)
            | net::Error::Stopped(_) => StopKind::NoAnswer,
        };
        Self { phase, kind, detail: error.to_string() }
    }
}

/// What a server says it can do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// Whether EHLO, CAPABILITY or CAPA was understood at all.
    pub extended: bool,
    /// What the server calls itself in its answer to EHLO; `None` in other protocols.
    pub name: Option<String>,
    /// Each capability as the server said it; for SMTP the lines behind the first.
    pub lines: Vec<String>,
    /// STARTTLS or STLS.
    pub starttls: bool,
    /// SASL mechanisms, upper case.
    pub mechanisms: Vec<String>,
    /// A password is taken without SASL (IMAP LOGIN, POP3 USER); `None` where the server does
    /// not say.
    pub login: Option<bool>,
}

impl Offer {
    /// Whether there is a capability of this name, in any case.
    pub fn has(&self, keyword: &str) -> bool {
        self.lines.iter().any(|line| {
            line.split([' ', '=']).next().is_some_and(|word| word.eq_ignore_ascii_case(keyword))
        })
    }

    /// The ways by which a password or token crosses as it is (RFC 4616, and kin).
    pub fn cleartext(&self) -> Vec<String> {
        const CLEARTEXT: [&str; 4] = ["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"];
        let mut ways: Vec<String> = self
            .mechanisms
            .iter()
            .filter(|name| CLEARTEXT.contains(&name.as_str()))
            .map(|name| format!("AUTH {name}"))
            .collect();
        if self.login == Some(true) {
            ways.push("the login command".into());
        }
        ways
    }
}

/// What a handshake by our own TLS came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// In words; empty where the backend does not tell.
    pub version: String,
    /// IANA's name; empty where the backend does not tell.
    pub cipher: String,
    /// The key exchange group, where the backend tells.
    pub group: Option<String>,
    /// The server's certificates, its own first; only that with the native backend.
    pub chain: Vec<Certificate>,
}

/// Whether the certificate was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Verification {
    /// It was, and is good.
    Verified,
    /// It is not good.
    Failed {
        /// Which kind of not.
        fault: CertificateFault,
        /// In the words that every verb uses.
        detail: String,
    },
    /// It was not looked at, or could not be.
    Unknown {
        /// Why.
        detail: String,
    },
}

/// What can be wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateFault {
    /// Expired, or not valid yet.
    Time,
    /// For other names.
    Name,
    /// No chain to a trusted root, revoked, unusable, or not the pinned key.
    Trust,
}

impl CertificateFault {
    /// The kind of a fault; `None` for one that is not the certificate's.
    pub fn of(fault: &Fault) -> Option<Self> {
        match fault {
            Fault::Expired | Fault::NotYetValid => Some(Self::Time),
            Fault::WrongName(_) => Some(Self::Name),
            Fault::Untrusted
            | Fault::Revoked
            | Fault::BadCertificate(_)
            | Fault::PinMismatch(_)
            | Fault::NoTlsaMatch => Some(Self::Trust),
            Fault::NotTls
            | Fault::Handshake(_)
            | Fault::ClientCertificate(_)
            | Fault::Setting(_) => None,
        }
    }
}

/// One conversation, as far as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Session {
    /// The phases it came through, in their order.
    pub phases: Vec<Timing>,
    /// The server's first words, as on the wire.
    pub greeting: Option<String>,
    /// What it offers in the clear; `None` under implicit TLS, or where it did not come so far.
    pub before: Option<Offer>,
    /// The answer to STARTTLS or STLS.
    pub go_ahead: Option<String>,
    /// The handshake.
    pub tls: Option<Tls>,
    /// What it offers under TLS.
    pub after: Option<Offer>,
    /// Why it ended early.
    pub stop: Option<Stop>,
}

impl Session {
    /// The best that is known of what the server can do.
    pub fn offer(&self) -> Option<&Offer> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

/// One address of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Address {
    /// The address and port, or a socket's path.
    pub address: String,
    /// Which family; `None` for a Unix socket.
    pub ip: Option<IpAddr>,
    /// How long it took to connect, or why it did not.
    pub outcome: Outcome,
}

/// What became of a connection attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Outcome {
    /// It stood.
    Connected {
        /// After that long.
        #[serde(rename = "ms", serialize_with = "milliseconds")]
        took: Duration,
    },
    /// It did not.
    Failed {
        /// In which way.
        kind: StopKind,
        /// Why.
        detail: String,
    },
}

/// Whether the server takes an offer of a raw hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Taken {
    /// It does: with which suite.
    Yes {
        /// The suite's name.
        detail: String,
    },
    /// It does not: how it said so.
    No {
        /// The alert, or the other version that it answered with.
        detail: String,
    },
    /// Nobody can tell.
    Unknown {
        /// Why.
        detail: String,
    },
}

/// One version of TLS at a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Its name.
    pub version: String,
    /// Whether the server speaks it.
    #[serde(flatten)]
    pub taken: Taken,
}

/// Names found one by one until the server refused the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// What the server takes, in its own order of preference where it has one.
    pub found: Vec<String>,
    /// Why there may be more than was found; `None`: the list is whole.
    pub unknown: Option<String>,
}

/// Suites of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suites {
    /// The version's name.
    pub version: String,
    /// Names of suites.
    #[serde(flatten)]
    pub suites: Listing,
}

/// What raw hellos found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Spoken {
    /// Every version, oldest first.
    pub versions: Vec<Version>,
    /// Weak suites of SSL 3.0 to TLS 1.2, one of each kind of weakness.
    pub weak: Listing,
    /// The post-quantum group that the server likes best; empty and whole where it takes none
    /// or does not speak TLS 1.3.
    pub post_quantum: Listing,
    /// All suites, where they were asked for.
    pub suites: Vec<Suites>,
    /// All key exchange groups of TLS 1.3, where they were asked for.
    pub groups: Option<Listing>,
    /// The server's certificates as TLS 1.2 and older show them in the clear, also to a client
    /// that could not finish the handshake; empty where only TLS 1.3 is spoken.
    pub chain: Vec<Certificate>,
}

/// All that was measured at one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Its URL, which names it in findings.
    pub url: String,
    /// Its kind.
    pub service: Service,
    /// The host that the certificate is to be for.
    pub host: String,
    /// Whether it is on this machine.
    pub loopback: bool,
    /// Its addresses, those that were tried.
    pub addresses: Vec<Address>,
    /// The conversation; one that never began has only its stop.
    pub session: Session,
    /// Whether the certificate is good; `None` where no TLS was spoken.
    pub verification: Option<Verification>,
    /// What raw hellos found; `None` where TLS cannot be begun.
    pub spoken: Option<Spoken>,
    /// Percentiles, with --repeat.
    pub percentiles: Vec<Percentiles>,
    /// Runs of --repeat that did not come through.
    pub failed_runs: u32,
    /// What else was tried.
    pub trials: Vec<Tried>,
    /// What is offered to a user who has logged in; `None`: nobody has.
    pub offered_to_user: Option<Vec<String>>,
}

/// All facts of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// What was to be examined, as given.
    pub subject: String,
    /// When, in seconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// The domain, where one was named.
    pub domain: Option<Domain>,
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
    /// Connections made.
    pub connections: u32,
    /// Connections allowed.
    pub budget: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_would_be_found_again_is_certain() {
        let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let silent = || std::io::Error::from(std::io::ErrorKind::TimedOut);
        let address = SocketAddr::from(([127, 0, 0, 1], 25));
        let connect = |errors: Vec<std::io::Error>| net::Error::Connect {
            host: "h".into(),
            port: 25,
            attempts: errors.into_iter().map(|error| (address, error)).collect(),
        };
        let tls = |fault| net::Error::from(net::tls::Error { host: "h".into(), fault });
        for (error, certain) in [
            (connect(vec![refused(), refused()]), true),
            (connect(vec![refused(), silent()]), false),
            (connect(vec![]), false),
            (net::Error::NotFound { host: "h".into() }, true),
            (net::Error::Lookup { host: "h".into(), detail: "SERVFAIL".into() }, false),
            (net::Error::Timeout { after: Duration::from_secs(1) }, false),
            (net::Error::Closed, false),
            (net::Error::PlaintextBehindTls { octets: 3 }, true),
            (tls(Fault::Expired), true),
            (tls(Fault::Handshake("alert".into())), true),
            (tls(Fault::ClientCertificate("alert".into())), false),
            (net::Error::Setting("no".into()), false),
        ] {
            assert_eq!(Stop::of(Phase::Tcp, &error).is_certain(), certain, "{error}");
        }
    }

    #[test]
    fn capabilities_are_found_by_their_names() {
        let offer = Offer {
            extended: true,
            lines: vec!["SIZE 1000".into(), "auth=PLAIN".into(), "Pipelining".into()],
            mechanisms: vec!["PLAIN".into(), "SCRAM-SHA-256".into()],
            login: Some(true),
            ..Offer::default()
        };
        assert!(offer.has("size") && offer.has("AUTH") && offer.has("PIPELINING"));
        assert!(!offer.has("SIZ") && !offer.has("1000"));
        assert_eq!(offer.cleartext(), ["AUTH PLAIN", "the login command"]);
        assert!(Offer::default().cleartext().is_empty());
    }
}
