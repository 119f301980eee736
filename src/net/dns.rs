//! Names to addresses, and the records that mail asks for.
//!
//! Addresses come from the operating system (`/etc/hosts`, nsswitch and all) unless a
//! resolver was named; every other record comes from the named resolver or the system's.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::dnssec::TrustAnchors;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{Resolver as Hickory, TokioResolver};

use super::{Error, Options};

/// Asks DNS.
pub struct Resolver {
    hickory: TokioResolver,
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

impl Resolver {
    /// Asks the server that the options name, or the system's where they name none; with
    /// trust anchors, an answer that does not validate counts as none at all.
    ///
    /// # Errors
    /// [`Error::Setting`] when the system's configuration or the anchors cannot be read.
    pub fn new(options: &Options) -> Result<Self, Error> {
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
            opts
        });
        if let Some(path) = &options.trust_anchor {
            let anchors = TrustAnchors::from_file(path)
                .map_err(|error| setting(format!("{}: {error}", path.display())))?;
            if anchors.is_empty() {
                return Err(setting(format!("{}: no DNSKEY record in it", path.display())));
            }
            builder = builder.with_trust_anchor(Arc::new(anchors));
        }
        let hickory = builder.build().map_err(|error| setting(error.to_string()))?;
        Ok(Self { hickory })
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
        let mut answer = self
            .records(domain, RecordType::MX, |data| match data {
                RData::MX(mx) => Some((mx.preference, mx.exchange.to_utf8())),
                _ => None,
            })
            .await;
        if let Answer::Found(list) = &mut answer {
            list.sort();
        }
        answer
    }

    /// TXT records, each with its strings joined (RFC 7208 section 3.3). Cancel-safe.
    pub async fn txt(&self, name: &str) -> Answer<Vec<Vec<u8>>> {
        self.records(name, RecordType::TXT, |data| match data {
            RData::TXT(txt) => Some(txt.txt_data.iter().flat_map(|part| part.to_vec()).collect()),
            _ => None,
        })
        .await
    }

    /// What `name` is an alias of (CNAME), one step only. Cancel-safe.
    pub async fn alias(&self, name: &str) -> Answer<Vec<String>> {
        self.records(name, RecordType::CNAME, |data| match data {
            RData::CNAME(target) => Some(target.0.to_utf8()),
            _ => None,
        })
        .await
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
        let absolute = if name.ends_with('.') { name.to_owned() } else { format!("{name}.") };
        match self.hickory.lookup(absolute, kind).await {
            Ok(found) => {
                let list: Vec<T> =
                    found.answers().iter().filter_map(|record| pick(&record.data)).collect();
                if list.is_empty() { Answer::NoRecord } else { Answer::Found(list) }
            }
            Err(error) => absent(&error),
        }
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
