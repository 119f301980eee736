//! Where mail for a domain goes when no server was named, and how sure the way has to be.
//!
//! RFC 5321 section 5 (MX), RFC 7505 (null MX), RFC 8461 (MTA-STS), RFC 7672 (DANE), RFC 7435
//! (opportunistic otherwise). [`Router::destination`] finds a domain's exchangers,
//! [`Router::exchanger`] the addresses of one and the TLS that it has to speak. Usable DANE
//! goes before MTA-STS (RFC 8461 section 2). Nothing is connected to here but DNS servers and
//! the hosts of policies; who delivers, and what a failure means for the next exchanger, is
//! decided above.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::net::dns::{Answer, Resolver};
use crate::net::tls::{self, Verify};
use crate::net::{self, Options};

pub mod dane;
pub mod mta_sts;
pub mod mx;

use mta_sts::{Mode, Policies};
use mx::Exchangers;

/// The port of mail exchangers, RFC 5321 section 4.5.4.2.
pub const PORT: u16 = 25;

/// Why no way leads to a domain or to one of its exchangers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What stands behind the `@` is no domain.
    #[error("{domain:?} is no domain that mail can be sent to")]
    NoDomain {
        /// As given.
        domain: String,
    },
    /// A null MX (RFC 7505).
    #[error("{domain} takes no mail: it has a null MX")]
    NullMx {
        /// The domain.
        domain: String,
    },
    /// NXDOMAIN.
    #[error("the domain {domain} does not exist")]
    NoName {
        /// The domain.
        domain: String,
    },
    /// Neither MX nor address.
    #[error("{host} has no address")]
    NoAddress {
        /// The domain or exchanger.
        host: String,
    },
    /// DNS does not tell now, or what it tells is forged.
    #[error("cannot look up {name}: {detail}")]
    Lookup {
        /// What was asked for.
        name: String,
        /// The resolver's words.
        detail: String,
    },
    /// The domain's MTA-STS policy is not about this exchanger.
    #[error("{host} is no exchanger of {domain} by its MTA-STS policy, which is enforced")]
    NotInPolicy {
        /// The exchanger.
        host: String,
        /// The domain.
        domain: String,
    },
}

impl Error {
    /// Worth trying again later, unchanged.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Lookup { .. } | Self::NotInPolicy { .. })
    }

    /// The domain does not exist, as opposed to taking no mail.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NoName { .. } | Self::NoAddress { .. })
    }

    /// The enhanced status code that says it (RFC 3463, RFC 7505 section 4.2).
    pub fn enhanced(&self) -> &'static str {
        match self {
            Self::NoDomain { .. } | Self::NoName { .. } => "5.1.2",
            Self::NullMx { .. } => "5.1.10",
            Self::NoAddress { .. } => "5.4.4",
            Self::Lookup { .. } => "4.4.3",
            Self::NotInPolicy { .. } => "4.7.5",
        }
    }
}

/// The result of every question about a way.
pub type Result<T> = std::result::Result<T, Error>;

/// Where mail for one domain goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The domain in A-labels and lower case, or an address literal as it was written.
    pub domain: String,
    /// Its exchangers, in the order to try them.
    pub exchangers: Exchangers,
    /// The MTA-STS policy in force; `None`: there is none, or its mode is `none`.
    pub policy: Option<mta_sts::Policy>,
    /// What was wrong with MTA-STS on the way, for people.
    pub notes: Vec<String>,
}

/// One exchanger, ready to be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchanger {
    /// Its name, or the address of a literal.
    pub host: String,
    /// Its addresses; never empty.
    pub addresses: Vec<IpAddr>,
    /// The TLS that it has to speak.
    pub security: Security,
}

/// How sure a connection has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Security {
    /// DANE: TLS, and a certificate that validated TLSA records vouch for.
    Dane {
        /// The TLSA base domain: the name to ask for by SNI.
        base: String,
        /// What vouches.
        dane: tls::Dane,
    },
    /// Validated TLSA records, none of them usable: TLS with any certificate (RFC 7672
    /// section 2.2).
    DaneUnusable,
    /// MTA-STS, enforced: TLS, and a valid certificate for the exchanger's name.
    Enforced,
    /// MTA-STS, testing: as enforced where that works, else opportunistic.
    Testing {
        /// The policy is not about this exchanger.
        is_listed: bool,
    },
    /// TLS where it is offered, with any certificate.
    Opportunistic,
}

impl Security {
    /// In a word, as outcomes are reported.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Dane { .. } => "dane",
            Self::DaneUnusable => "dane-unusable",
            Self::Enforced => "mta-sts",
            Self::Testing { .. } => "mta-sts-testing",
            Self::Opportunistic => "opportunistic",
        }
    }

    /// Whether nothing may be sent without TLS.
    pub fn requires_tls(&self) -> bool {
        matches!(self, Self::Dane { .. } | Self::DaneUnusable | Self::Enforced)
    }

    /// The name that TLS is begun for, and what makes its certificate good; `trust` is what
    /// certificates are verified by where authorities count.
    pub fn tls(&self, host: &str, trust: &tls::Settings) -> (String, tls::Settings) {
        let any = || tls::Settings { verify: Verify::Nothing, ..trust.clone() };
        match self {
            Self::Dane { base, dane } => {
                let settings =
                    tls::Settings { verify: Verify::Dane(dane.clone()), ..trust.clone() };
                (base.clone(), settings)
            }
            Self::Enforced | Self::Testing { is_listed: true } => (host.to_owned(), trust.clone()),
            Self::DaneUnusable | Self::Testing { is_listed: false } | Self::Opportunistic => {
                (host.to_owned(), any())
            }
        }
    }
}

/// Finds ways.
pub struct Router {
    resolver: Resolver,
    options: Options,
    trust: tls::Settings,
    policies: Policies,
    /// Stirs the order among exchangers of the same preference.
    seed: u64,
}

impl Router {
    /// A router that asks DNS as `options` say, and trusts as `trust` says where authorities
    /// count. Policies are kept in the folder `policies`; `seed` is any number, another in each
    /// run. Cancel-safe.
    ///
    /// # Errors
    /// [`net::Error::Setting`] when the system's resolver or the trust anchors cannot be read.
    pub async fn new(
        options: &Options,
        trust: &tls::Settings,
        policies: PathBuf,
        seed: u64,
    ) -> std::result::Result<Self, net::Error> {
        Ok(Self {
            resolver: Resolver::validating(options).await?,
            options: options.clone(),
            trust: trust.clone(),
            policies: Policies::new(policies),
            seed,
        })
    }

    /// Whether DNSSEC is validated; without, DANE is never used.
    pub fn validates(&self) -> bool {
        self.resolver.validates()
    }

    /// What certificates are verified by.
    pub fn trust(&self) -> &tls::Settings {
        &self.trust
    }

    /// Finds where mail for a domain goes: what stands behind the last `@` of an address. `now`
    /// is in seconds since 1970. Cancel-safe but for the cache of policies, which may or may
    /// not have been written.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn destination(&self, domain: &str, now: i64) -> Result<Destination> {
        if let Some(address) = literal(domain) {
            return Ok(Destination {
                domain: domain.to_owned(),
                exchangers: Exchangers::literal(address),
                policy: None,
                notes: Vec::new(),
            });
        }
        let domain = ascii(domain)?;
        let mut exchangers = mx::exchangers(&self.resolver, &domain).await?;
        exchangers.stir(self.seed);
        let mut notes = Vec::new();
        let found = self.policies.find(&domain, &self.resolver, &self.trust, &self.options, now);
        let found = found.await;
        notes.extend(found.note);
        let policy = found.policy.filter(|policy| policy.mode != Mode::None);
        Ok(Destination { domain, exchangers, policy, notes })
    }

    /// Finds the addresses of one of a destination's exchangers, and how sure the connection
    /// has to be. Cancel-safe.
    ///
    /// # Errors
    /// [`Error`]: this exchanger cannot be used, the next may.
    pub async fn exchanger(&self, destination: &Destination, host: &str) -> Result<Exchanger> {
        if let Some(address) = destination.exchangers.address {
            let (host, security) = (address.to_string(), Security::Opportunistic);
            return Ok(Exchanger { host, addresses: vec![address], security });
        }
        let found = self.resolver.vouched_addresses(host).await;
        let addresses = match &found.answer {
            Answer::Found(addresses) => addresses.clone(),
            Answer::NoName | Answer::NoRecord => {
                return Err(Error::NoAddress { host: host.to_owned() });
            }
            Answer::Unknown(detail) => {
                return Err(Error::Lookup { name: host.to_owned(), detail: detail.clone() });
            }
        };
        let security = match dane::security(&self.resolver, destination, host, &found).await? {
            Some(security) => security,
            None => self.without_dane(destination, host)?,
        };
        Ok(Exchanger { host: host.to_owned(), addresses, security })
    }

    fn without_dane(&self, destination: &Destination, host: &str) -> Result<Security> {
        let Some(policy) = &destination.policy else { return Ok(Security::Opportunistic) };
        let is_listed = policy.lists(host);
        match policy.mode {
            Mode::Enforce if is_listed => Ok(Security::Enforced),
            Mode::Enforce => Err(Error::NotInPolicy {
                host: host.to_owned(),
                domain: destination.domain.clone(),
            }),
            Mode::Testing => Ok(Security::Testing { is_listed }),
            Mode::None => Ok(Security::Opportunistic),
        }
    }
}

/// The address of a literal (`[192.0.2.1]`, `[IPv6:2001:db8::1]`, RFC 5321 section 4.1.3).
fn literal(domain: &str) -> Option<IpAddr> {
    let inner = domain.strip_prefix('[')?.strip_suffix(']')?;
    match inner.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6:") => {
            address.parse().ok().map(IpAddr::V6)
        }
        _ => inner.parse().ok().map(IpAddr::V4),
    }
}

/// A domain in A-labels and lower case; only what DNS and file names take alike.
fn ascii(domain: &str) -> Result<String> {
    let wrong = || Error::NoDomain { domain: domain.to_owned() };
    let name = idna::domain_to_ascii(domain.strip_suffix('.').unwrap_or(domain))
        .map_err(|_| wrong())?
        .to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'))
    };
    let is_address = name.parse::<IpAddr>().is_ok();
    if name.len() > 253 || is_address || !name.split('.').all(is_label) {
        return Err(wrong());
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_domains() {
        assert_eq!(literal("[192.0.2.1]"), "192.0.2.1".parse().ok());
        assert_eq!(literal("[IPv6:2001:db8::1]"), "2001:db8::1".parse().ok());
        assert_eq!(literal("[2001:db8::1]"), None);
        assert_eq!(literal("192.0.2.1"), None);
        assert_eq!(ascii("B\u{fc}cher.Example.").expect("a domain"), "xn--bcher-kva.example");
        assert_eq!(ascii("_dmarc.a-b.test").expect("a domain"), "_dmarc.a-b.test");
        for wrong in ["", ".", "a..b", "a/b", "../x", "a b", "192.0.2.1", "[x]", "a\0b", "\u{202e}"]
        {
            assert!(ascii(wrong).is_err(), "{wrong:?}");
        }
        assert!(ascii(&"a.".repeat(200)).is_err());
    }

    #[test]
    fn what_can_mend_itself_is_transient() {
        let domain = || "a.test".to_owned();
        for (error, transient) in [
            (Error::NullMx { domain: domain() }, false),
            (Error::NoName { domain: domain() }, false),
            (Error::Lookup { name: domain(), detail: "SERVFAIL".into() }, true),
            (Error::NotInPolicy { host: domain(), domain: domain() }, true),
        ] {
            assert_eq!(error.is_transient(), transient, "{error}");
            assert_eq!(error.enhanced().starts_with('4'), transient, "{error}");
        }
    }
}
