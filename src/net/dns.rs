//! Names to addresses, and the records that mail asks for.
//!
//! Addresses come from the operating system (`/etc/hosts`, nsswitch and all) unless a
//! resolver was named; every other record comes from the named resolver or the system's.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::dnssec::{Proof, TrustAnchors};
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{Resolver as Hickory, TokioResolver};

use super::tls::Tlsa;
use super::{Error, Options, Stop};

/// Asks DNS.
pub struct Resolver {
    hickory: TokioResolver,
    /// Answers are validated by DNSSEC.
    validates: bool,
    stop: Stop,
}

/// An answer, and what DNSSEC says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched<T> {
    /// The answer; one that does not validate is [`Answer::Unknown`].
    pub answer: Answer<T>,
    /// The records, and all aliases on the way to them, are signed and valid. Never without
    /// validation, and never for an answer without records.
    pub is_secure: bool,
    /// The name at the end of all aliases, where it is another.
    pub canonical: Option<String>,
}

/// What DNS said about one question. "Unknown" is never "absent".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T> {
    /// Records.
    Found(T),
    /// The name does not exist (NXDOMAIN).
    NoName,
    /// The name exists and has no such record.
    NoRecord,
    /// Nobody could be asked, or the answer was an error (SERVFAIL, timeout); in words.
    Unknown(String),
}

/// Who may issue certificates for a name, RFC 8659.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caa {
    /// Whether an authority that does not know the tag must not issue.
    pub is_critical: bool,
    /// `issue`, `issuewild`, `iodef`, ...
    pub tag: String,
    /// The value as it stands, lossy.
    pub value: String,
}

/// One server of a service, RFC 2782.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The lowest is tried first.
    pub priority: u16,
    /// Among equals, the highest is tried first.
    pub weight: u16,
    /// Its port.
    pub port: u16,
    /// Its name, with the last dot.
    pub host: String,
}

impl Resolver {
    /// Asks the server that the options name, or the system's where they name none; with
    /// trust anchors, an answer that does not validate counts as none at all.
    ///
    /// # Errors
    /// [`Error::Setting`] when the system's configuration or the anchors cannot be read.
    pub fn new(options: &Options) -> Result<Self, Error> {
        let anchors = match &options.trust_anchor {
            None => None,
            Some(path) => {
                let wrong =
                    |what: String| Error::Setting(format!("resolver: {}: {what}", path.display()));
                let anchors =
                    TrustAnchors::from_file(path).map_err(|error| wrong(error.to_string()))?;
                if anchors.is_empty() {
                    return Err(wrong("no DNSKEY record in it".into()));
                }
                Some(anchors)
            }
        };
        Self::with_anchors(options, anchors)
    }

    /// As [`Resolver::new`], but validating in any case: without trust anchors of the user's
    /// by those of the root zone that are built in, as long as the server passes signatures on.
    /// Cancel-safe.
    ///
    /// # Errors
    /// As [`Resolver::new`].
    pub async fn validating(options: &Options) -> Result<Self, Error> {
        if options.trust_anchor.is_some() {
            return Self::new(options);
        }
        let strict = Self::with_anchors(options, Some(TrustAnchors::default()))?;
        let keys = strict.vouched(".", RecordType::DNSKEY, |_| Some(())).await;
        if keys.is_secure { Ok(strict) } else { Self::with_anchors(options, None) }
    }

    /// Whether answers are validated by DNSSEC.
    pub fn validates(&self) -> bool {
        self.validates
    }

    fn with_anchors(options: &Options, anchors: Option<TrustAnchors>) -> Result<Self, Error> {
        let validates = anchors.is_some();
        let setting = |error: String| Error::Setting(format!("resolver: {error}"));
        let builder = match options.resolver {
            Some(address) => {
                let mut server = NameServerConfig::udp_and_tcp(address.ip());
                for connection in &mut server.connections {
                    connection.port = address.port();
                }
                let config = ResolverConfig::from_parts(None, vec![], vec![server]);
                Hickory::builder_with_config(config, TokioRuntimeProvider::default())
            }
            None => Hickory::builder_tokio().map_err(|error| setting(error.to_string()))?,
        };
        let mut builder = builder.with_options({
            let mut opts = ResolverOpts::default();
            opts.attempts = 2;
            opts.timeout = options.deadline(std::time::Duration::from_secs(5));
            opts.edns0 = true;
            if options.resolver.is_some() {
                // What the user named is to be asked, and not this machine's own list.
                opts.use_hosts_file = ResolveHosts::Never;
            }
            opts
        });
        if let Some(anchors) = anchors {
            builder = builder.with_trust_anchor(Arc::new(anchors));
        }
        let hickory = builder.build().map_err(|error| setting(error.to_string()))?;
        Ok(Self { hickory, validates, stop: options.stop.clone() })
    }

    /// Addresses of `host`, in the resolver's order. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a name without any, [`Error::Lookup`] when nobody can say.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Error> {
        match self.hickory.lookup_ip(host).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => {
                Err(Error::NotFound { host: host.to_owned() })
            }
            Err(error) => Err(Error::Lookup { host: host.to_owned(), detail: error.to_string() }),
        }
    }

    /// Mail exchangers with their preference, best first; the root as the only one is a null
    /// MX (RFC 7505). Cancel-safe.
    pub async fn mx(&self, domain: &str) -> Answer<Vec<(u16, String)>> {
        self.vouched_mx(domain).await.answer
    }

    /// As [`Resolver::mx`], with what DNSSEC says of it. Cancel-safe.
    pub async fn vouched_mx(&self, domain: &str) -> Vouched<Vec<(u16, String)>> {
        let mut vouched = self
            .vouched(domain, RecordType::MX, |data| match data {
                RData::MX(mx) => Some((mx.preference, mx.exchange.to_utf8())),
                _ => None,
            })
            .await;
        if let Answer::Found(list) = &mut vouched.answer {
            list.sort();
        }
        vouched
    }

    /// Addresses of both families, with what DNSSEC says of them. A family that nobody can
    /// tell of is left out as long as there is the other. Cancel-safe.
    pub async fn vouched_addresses(&self, host: &str) -> Vouched<Vec<IpAddr>> {
        let pick = |data: &RData| match data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        };
        let (six, four) = tokio::join!(
            self.vouched(host, RecordType::AAAA, pick),
            self.vouched(host, RecordType::A, pick)
        );
        match (six.answer, four.answer) {
            (Answer::Found(mut all), Answer::Found(more)) => {
                all.extend(more);
                let is_secure = six.is_secure && four.is_secure;
                Vouched { answer: Answer::Found(all), is_secure, canonical: six.canonical }
            }
            (answer @ Answer::Found(_), _) => Vouched { answer, ..six },
            (_, answer @ Answer::Found(_)) => Vouched { answer, ..four },
            (answer @ Answer::Unknown(_), _) | (_, answer) => {
                Vouched { answer, is_secure: false, canonical: None }
            }
        }
    }

    /// TLSA records (RFC 6698), with what DNSSEC says of them; `name` has its port and
    /// protocol in front: `_25._tcp.mx.example.org`. Cancel-safe.
    pub async fn tlsa(&self, name: &str) -> Vouched<Vec<Tlsa>> {
        self.vouched(name, RecordType::TLSA, |data| match data {
            RData::TLSA(tlsa) => Some(Tlsa {
                usage: tlsa.cert_usage.into(),
                selector: tlsa.selector.into(),
                matching: tlsa.matching.into(),
                data: tlsa.cert_data.clone(),
            }),
            _ => None,
        })
        .await
    }

    /// As [`Resolver::alias`], with what DNSSEC says of it. Cancel-safe.
    pub async fn vouched_alias(&self, name: &str) -> Vouched<Vec<String>> {
        self.vouched(name, RecordType::CNAME, |data| match data {
            RData::CNAME(target) => Some(target.0.to_utf8()),
            _ => None,
        })
        .await
    }

    /// TXT records, each with its strings joined (RFC 7208 section 3.3). Cancel-safe.
    pub async fn txt(&self, name: &str) -> Answer<Vec<Vec<u8>>> {
        self.records(name, RecordType::TXT, |data| match data {
            RData::TXT(txt) => Some(txt.txt_data.iter().flat_map(|part| part.to_vec()).collect()),
            _ => None,
        })
        .await
    }

    /// Servers of a service (`_imaps._tcp.example.org`), best first (RFC 2782: by priority, and
    /// by weight among equals); the root as the only one's host means that there is no such
    /// service. Cancel-safe.
    pub async fn srv(&self, name: &str) -> Answer<Vec<Service>> {
        let mut answer = self
            .records(name, RecordType::SRV, |data| match data {
                RData::SRV(srv) => Some(Service {
                    priority: srv.priority,
                    weight: srv.weight,
                    port: srv.port,
                    host: srv.target.to_utf8(),
                }),
                _ => None,
            })
            .await;
        if let Answer::Found(list) = &mut answer {
            list.sort_by_key(|found| (found.priority, std::cmp::Reverse(found.weight)));
        }
        answer
    }

    /// CAA records of this very name, none of one above. Cancel-safe.
    pub async fn caa(&self, name: &str) -> Answer<Vec<Caa>> {
        self.records(name, RecordType::CAA, |data| match data {
            RData::CAA(caa) => Some(Caa {
                is_critical: caa.issuer_critical,
                tag: caa.tag.clone(),
                value: String::from_utf8_lossy(&caa.value).into_owned(),
            }),
            _ => None,
        })
        .await
    }

    /// IPv4 addresses of a name, with what is said of none: for what stands in A records but
    /// is no host (DNS lists, and names that SPF asks for). Cancel-safe.
    pub async fn v4(&self, name: &str) -> Answer<Vec<std::net::Ipv4Addr>> {
        self.records(name, RecordType::A, |data| match data {
            RData::A(address) => Some(address.0),
            _ => None,
        })
        .await
    }

    /// What `name` is an alias of (CNAME), one step only. Cancel-safe.
    pub async fn alias(&self, name: &str) -> Answer<Vec<String>> {
        self.vouched_alias(name).await.answer
    }

    /// The names that an address points back to (PTR). Cancel-safe.
    pub async fn reverse(&self, address: IpAddr) -> Answer<Vec<String>> {
        match self.hickory.reverse_lookup(address).await {
            Ok(found) => Answer::Found(
                found
                    .answers()
                    .iter()
                    .filter_map(|record| match &record.data {
                        RData::PTR(name) => Some(name.0.to_utf8()),
                        _ => None,
                    })
                    .collect(),
            ),
            Err(error) => absent(&error),
        }
    }

    async fn records<T>(
        &self,
        name: &str,
        kind: RecordType,
        pick: impl Fn(&RData) -> Option<T>,
    ) -> Answer<Vec<T>> {
        self.vouched(name, kind, pick).await.answer
    }

    async fn vouched<T>(
        &self,
        name: &str,
        kind: RecordType,
        pick: impl Fn(&RData) -> Option<T>,
    ) -> Vouched<Vec<T>> {
        let absolute = if name.ends_with('.') { name.to_owned() } else { format!("{name}.") };
        let asked = tokio::select! {
            biased;
            asked = self.hickory.lookup(absolute.as_str(), kind) => asked,
            cause = self.stop.stopped() => {
                let answer = Answer::Unknown(cause.to_string());
                return Vouched { answer, is_secure: false, canonical: None };
            }
        };
        let found = match asked {
            Ok(found) => found,
            Err(error) => {
                return Vouched { answer: absent(&error), is_secure: false, canonical: None };
            }
        };
        // Signatures come along with what they sign.
        let records = || found.answers().iter().filter(|it| it.record_type() != RecordType::RRSIG);
        if self.validates && records().any(|record| record.proof == Proof::Indeterminate) {
            // RFC 7672 section 2.1.1: as good as no answer.
            let answer = Answer::Unknown("DNSSEC cannot tell whether it is signed".into());
            return Vouched { answer, is_secure: false, canonical: None };
        }
        let list: Vec<T> = records().filter_map(|record| pick(&record.data)).collect();
        let is_secure = self.validates
            && !list.is_empty()
            && records().all(|record| record.proof == Proof::Secure);
        let canonical = records()
            .filter(|record| record.record_type() == kind)
            .map(|record| record.name.to_utf8())
            .find(|owner| !owner.eq_ignore_ascii_case(&absolute));
        let answer = if list.is_empty() { Answer::NoRecord } else { Answer::Found(list) };
        Vouched { answer, is_secure, canonical }
    }
}

fn absent<T>(error: &hickory_resolver::net::NetError) -> Answer<T> {
    if error.is_nx_domain() {
        Answer::NoName
    } else if error.is_no_records_found() {
        Answer::NoRecord
    } else {
        Answer::Unknown(error.to_string())
    }
}
