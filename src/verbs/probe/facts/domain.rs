//! What was found out about a domain, by DNS and HTTPS.

use std::net::IpAddr;

use serde::Serialize;

use super::Known;

/// The mail exchangers of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Exchangers {
    /// The domain does not exist.
    NoDomain,
    /// No MX record; mail goes to the domain's own addresses (RFC 5321 section 5.1).
    None {
        /// Those addresses; empty: there are none.
        addresses: Known<Vec<IpAddr>>,
    },
    /// MX records, best first.
    Found {
        /// Each.
        hosts: Vec<Exchanger>,
    },
}

/// One MX record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exchanger {
    /// Lower is better.
    pub preference: u16,
    /// The host, without the last dot; empty for a null MX (RFC 7505).
    pub host: String,
    /// What the host is an alias of; `None`: it is none.
    pub alias: Known<Option<String>>,
    /// Its addresses; empty: it has none.
    pub addresses: Known<Vec<IpAddr>>,
}

/// An SPF record and those that it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spf {
    /// Every record of the domain that begins with `v=spf1`.
    pub records: Vec<String>,
    /// The only record, read; `None` where there is not exactly one.
    pub reading: Option<crate::verbs::probe::policy::spf::Reading>,
}

/// A DMARC record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dmarc {
    /// The name at which it was found; the domain's own, or one above.
    pub name: String,
    /// Names that were asked, in their order (the tree walk of the successor of RFC 7489).
    pub walk: Vec<String>,
    /// Every record there that begins with `v=DMARC1`.
    pub records: Vec<String>,
}

/// All that was found out about a domain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Domain {
    /// Its name.
    pub domain: String,
    /// Where its mail goes.
    pub mx: Known<Exchangers>,
    /// Who may send for it.
    pub spf: Known<Spf>,
    /// What to do with mail that is not from it; `None`: no record, not above it either.
    pub dmarc: Known<Option<Dmarc>>,
    /// Records at `_mta-sts` that begin with `v=STSv1`.
    pub mta_sts: Known<Vec<String>>,
    /// Records at `_smtp._tls` that begin with `v=TLSRPTv1`.
    pub tls_rpt: Known<Vec<String>>,
    /// Whether the MX records are signed, and the signatures valid (DNSSEC).
    pub signed: Known<bool>,
    /// The MTA-STS policy; `None`: there is no record that would lead to one.
    pub sts_policy: Option<Known<StsPolicy>>,
    /// DKIM keys, one for each selector that was asked for and may be there.
    pub dkim: Vec<Dkim>,
    /// Where DMARC reports go beside the domain itself, and whether they are wanted there
    /// (RFC 7489 section 7.1).
    pub report_hosts: Vec<(String, Known<bool>)>,
    /// CAA records, of the domain or of the nearest name above it that has any.
    pub caa: Known<Vec<String>>,
    /// The same of its exchangers, for which certificates are issued.
    pub host_caa: Vec<HostCaa>,
    /// Records at `default._bimi` that begin with `v=BIMI1`.
    pub bimi: Known<Vec<String>>,
    /// What the DNS lists that were named say.
    pub dns_lists: Vec<DnsList>,
    /// Services of users, by SRV records.
    pub offered: Vec<Offered>,
    /// The autoconfig document; `None`: there is none.
    pub autoconfig: Known<Option<Autoconfig>>,
    /// What autodiscover says; `None`: it is nowhere.
    pub autodiscover: Known<Option<Autodiscover>>,
    /// Other mail ports of the domain's hosts.
    pub knocks: Vec<Knock>,
}

/// An MTA-STS policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StsPolicy {
    /// `enforce`, `testing` or `none`; empty where it cannot be read.
    pub mode: String,
    /// Seconds for which it may be kept.
    pub max_age: u64,
    /// Its `mx` patterns.
    pub patterns: Vec<String>,
    /// What is wrong with it; `None`: it can be read.
    pub fault: Option<String>,
    /// Exchangers of the domain that no pattern covers.
    pub unlisted: Vec<String>,
}

/// A selector, and the key there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dkim {
    /// The selector.
    pub selector: String,
    /// Whether it was named, and not only guessed.
    pub is_named: bool,
    /// Its record; empty: there is none.
    pub record: Known<String>,
}

/// What a DNS list says of an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DnsList {
    /// The zone of the list.
    pub zone: String,
    /// The address.
    pub address: IpAddr,
    /// Its codes (RFC 5782 section 2.1); empty: it is not listed.
    pub codes: Known<Vec<String>>,
}

/// A service that SRV records offer (RFC 6186, RFC 8314).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offered {
    /// The name of the records, such as `_imaps._tcp.example.org`.
    pub name: String,
    /// Its hosts, best first; empty: there is none, or `.`, which says that there is none.
    pub hosts: Known<Vec<Host>>,
}

/// A host of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Host {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What it is an alias of; `None`: it is none.
    pub alias: Known<Option<String>>,
    /// Its addresses; empty: it has none.
    pub addresses: Known<Vec<IpAddr>>,
}

/// An autoconfig document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Autoconfig {
    /// Where it is.
    pub url: String,
    /// Its servers, as URLs.
    pub servers: Vec<String>,
    /// What is wrong with it; `None`: it can be read.
    pub fault: Option<String>,
}

/// What autodiscover says of the domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Autodiscover {
    /// Where it is.
    pub url: String,
    /// Its servers, as URLs.
    pub servers: Vec<String>,
    /// It says nothing without a login.
    pub wants_login: bool,
    /// Where it sends its clients; `None`: nowhere.
    pub elsewhere: Option<String>,
    /// What is wrong with it; `None`: it answers.
    pub fault: Option<String>,
}

impl Autodiscover {
    /// There, and nothing else said yet.
    pub fn at(url: impl Into<String>) -> Self {
        let url = url.into();
        Self { url, servers: Vec::new(), wants_login: false, elsewhere: None, fault: None }
    }
}

/// The CAA records that count for a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostCaa {
    /// Its name.
    pub host: String,
    /// The records, of the host or of the nearest name above it that has any.
    pub records: Known<Vec<String>>,
}

/// A mail port that nobody told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Knock {
    /// Host and port.
    pub at: String,
    /// Whether something listens there; `No` is a refused connection.
    #[serde(flatten)]
    pub taken: super::Taken,
}
