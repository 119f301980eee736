//! What DNS and HTTPS say about a domain's mail: MX, SPF, DKIM, DMARC, MTA-STS, TLS-RPT, CAA
//! and BIMI records, DNS lists, services of users. Judges nothing; [`spf`], [`dkim`] and
//! [`tags`] read the records.
//!
//! RFC 5321 section 5.1, RFC 7505, RFC 7208, RFC 6376, RFC 7489, RFC 8461, RFC 8460, RFC 8659,
//! RFC 5782, RFC 6186. Receivers' parsers
//! pass over much that a sender should mend; these name the term that is wrong.

use std::net::IpAddr;

use self::web::Web;
use super::facts::{
    Dkim, Dmarc, DnsList, Domain, Exchanger, Exchangers, Host, HostCaa, Known, Offered, Spf,
};
use super::names::UNVALIDATED;
use super::together::together;
use crate::net;
use crate::net::dns::{Answer, Resolver};

mod autodiscover;
pub mod dkim;
pub mod sender;
pub mod spf;
pub mod tags;
pub mod web;

/// Records that one SPF record may lead to before we stop asking; receivers stop at 10.
const SPF_RECORDS: usize = 40;

/// Names that SPF's mechanisms ask for and that are looked up here.
const SPF_NAMES: usize = 40;

/// Exchangers of a name of SPF's `mx`, at most (RFC 7208 section 4.6.4).
const SPF_EXCHANGERS: usize = 10;

/// Names that are asked for a DMARC record, at most (the tree walk of RFC 7489's successor).
const DMARC_NAMES: usize = 8;

/// Services of users: RFC 6186, RFC 8314 section 5.1.
const SERVICES: [(&str, &str); 6] = [
    ("_submissions", "submissions"),
    ("_submission", "submission"),
    ("_imaps", "imaps"),
    ("_imap", "imap"),
    ("_pop3s", "pop3s"),
    ("_pop3", "pop3"),
];

/// What is asked for beside what every domain has.
pub struct Wishes<'a> {
    /// DKIM selectors; empty: those that are common.
    pub selectors: &'a [String],
    /// Zones of DNS lists.
    pub dns_lists: &'a [String],
    /// How HTTPS is asked.
    pub web: Web<'a>,
}

/// Asks for everything.
pub async fn gather(domain: &str, resolver: &Resolver, wishes: &Wishes<'_>) -> Domain {
    let (
        (mx, signed),
        spf,
        dmarc,
        mta_sts,
        tls_rpt,
        dkim,
        caa,
        bimi,
        offered,
        autoconfig,
        autodiscover,
    ) = tokio::join!(
        exchangers(domain, resolver),
        spf_of(domain, resolver),
        dmarc_of(domain, resolver),
        async { beginning(&format!("_mta-sts.{domain}"), "v=STSv1", resolver).await },
        async { beginning(&format!("_smtp._tls.{domain}"), "v=TLSRPTv1", resolver).await },
        keys(domain, wishes.selectors, resolver),
        caa_of(domain, resolver),
        async { beginning(&format!("default._bimi.{domain}"), "v=BIMI1", resolver).await },
        services(domain, resolver),
        web::autoconfig(domain, resolver, &wishes.web),
        autodiscover::autodiscover(domain, resolver, &wishes.web),
    );
    let hosts: Vec<&str> = match &mx {
        Known::Is(Exchangers::Found { hosts }) => {
            hosts.iter().map(|it| it.host.as_str()).filter(|host| !host.is_empty()).collect()
        }
        _ => vec![domain],
    };
    let has_policy = matches!(&mta_sts, Known::Is(records) if !records.is_empty());
    let (sts_policy, report_hosts, dns_lists, host_caa) = tokio::join!(
        async {
            match has_policy {
                true => Some(web::sts_policy(domain, &hosts, &wishes.web).await),
                false => None,
            }
        },
        consents(domain, &dmarc, resolver),
        listings(&mx, wishes.dns_lists, resolver),
        together(hosts.iter().filter(|host| host.parse::<IpAddr>().is_err()).map(async |host| {
            HostCaa { host: (*host).to_owned(), records: caa_of(host, resolver).await }
        }))
    );
    Domain {
        domain: domain.to_owned(),
        mx,
        spf,
        dmarc,
        mta_sts,
        tls_rpt,
        signed,
        sts_policy,
        dkim,
        report_hosts,
        caa,
        host_caa,
        bimi,
        dns_lists,
        offered,
        autoconfig,
        autodiscover,
        knocks: Vec::new(),
    }
}

/// The scheme of a service's SRV name.
pub fn scheme_of(name: &str) -> Option<&'static str> {
    let label = name.split('.').next()?;
    SERVICES.iter().find(|(service, _)| *service == label).map(|(_, scheme)| *scheme)
}

/// Keys at selectors: those that were named, there or not, and of the common ones those that
/// are there; where none is, those of which nobody can tell.
async fn keys(domain: &str, named: &[String], resolver: &Resolver) -> Vec<Dkim> {
    let is_named = !named.is_empty();
    let selectors: Vec<&str> = match is_named {
        true => named.iter().map(String::as_str).collect(),
        false => dkim::SELECTORS.to_vec(),
    };
    let found = together(selectors.into_iter().map(async |selector| {
        let name = format!("{selector}._domainkey.{domain}");
        let record = match resolver.txt(&name).await {
            Answer::Found(list) => Known::Is(
                list.iter()
                    .map(|octets| String::from_utf8_lossy(octets).into_owned())
                    .find(|record| is_named || dkim::is_key(record))
                    .unwrap_or_default(),
            ),
            Answer::NoName | Answer::NoRecord => Known::Is(String::new()),
            Answer::Unknown(why) => Known::unknown(why),
        };
        Dkim { selector: selector.to_owned(), is_named, record }
    }))
    .await;
    // That a guess is not there says nothing; that nobody can tell is worth a word where none is.
    let is_there = |key: &Dkim| matches!(&key.record, Known::Is(record) if !record.is_empty());
    let is_known = |key: &Dkim| matches!(&key.record, Known::Is(_));
    let any = found.iter().any(is_there);
    let is_kept = |key: &Dkim| is_named || is_there(key) || (!any && !is_known(key));
    found.into_iter().filter(is_kept).collect()
}

/// RFC 8659 section 3: the records of the name, or of the nearest above it.
async fn caa_of(domain: &str, resolver: &Resolver) -> Known<Vec<String>> {
    let mut name = domain;
    loop {
        match resolver.caa(name).await {
            Answer::Found(list) => {
                return Known::Is(
                    list.iter()
                        .map(|caa| {
                            let flags = if caa.is_critical { 128 } else { 0 };
                            format!("{name}. CAA {flags} {} \"{}\"", caa.tag, caa.value)
                        })
                        .collect(),
                );
            }
            Answer::NoName | Answer::NoRecord => {}
            Answer::Unknown(why) => return Known::unknown(why),
        }
        match name.split_once('.') {
            Some((_, above)) if !above.is_empty() => name = above,
            _ => return Known::Is(Vec::new()),
        }
    }
}

async fn services(domain: &str, resolver: &Resolver) -> Vec<Offered> {
    together(SERVICES.map(async |(service, _)| {
        let name = format!("{service}._tcp.{domain}");
        let hosts = match resolver.srv(&name).await {
            Answer::Found(list) => {
                let named = list.into_iter().filter(|service| service.host != ".");
                Known::Is(
                    together(named.map(async |service| {
                        let host = service.host.trim_end_matches('.').to_owned();
                        let (alias, addresses) =
                            tokio::join!(alias(&host, resolver), addresses(&host, resolver));
                        Host { host, port: service.port, alias, addresses }
                    }))
                    .await,
                )
            }
            Answer::NoName | Answer::NoRecord => Known::Is(Vec::new()),
            Answer::Unknown(why) => Known::unknown(why),
        };
        Offered { name, hosts }
    }))
    .await
}

/// RFC 7489 section 7.1: reports that go to another domain have to be wanted there.
async fn consents(
    domain: &str,
    dmarc: &Known<Option<Dmarc>>,
    resolver: &Resolver,
) -> Vec<(String, Known<bool>)> {
    let Known::Is(Some(Dmarc { records, .. })) = dmarc else { return Vec::new() };
    let Some(Ok(read)) = records.first().map(|record| tags::dmarc(record)) else {
        return Vec::new();
    };
    let mut hosts: Vec<String> = Vec::new();
    for uri in &read.reports {
        let Some(address) = uri.get(..7).filter(|it| it.eq_ignore_ascii_case("mailto:")) else {
            continue;
        };
        let rest = uri[address.len()..].split(['?', '!']).next().unwrap_or_default();
        let Some((_, host)) = rest.rsplit_once('@') else { continue };
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if !is_within(&host, domain) && !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    together(hosts.into_iter().map(async |host| {
        let name = format!("{domain}._report._dmarc.{host}");
        let wanted = match beginning(&name, "v=DMARC1", resolver).await {
            Known::Is(records) => Known::Is(!records.is_empty()),
            Known::Unknown { unknown } => Known::Unknown { unknown },
        };
        (host, wanted)
    }))
    .await
}

/// Whether two names are of one organization, as far as names tell: the same, or one below the
/// other.
fn is_within(one: &str, other: &str) -> bool {
    let below = |inner: &str, outer: &str| {
        inner.strip_suffix(outer).is_some_and(|front| front.is_empty() || front.ends_with('.'))
    };
    below(one, other) || below(other, one)
}

/// What DNS lists say of the exchangers' addresses (RFC 5782 sections 2.1 and 2.4).
async fn listings(mx: &Known<Exchangers>, zones: &[String], resolver: &Resolver) -> Vec<DnsList> {
    let mut addresses: Vec<IpAddr> = match mx {
        Known::Is(Exchangers::Found { hosts }) => hosts
            .iter()
            .filter_map(|host| match &host.addresses {
                Known::Is(list) => Some(list.clone()),
                Known::Unknown { .. } => None,
            })
            .flatten()
            .collect(),
        Known::Is(Exchangers::None { addresses: Known::Is(list) }) => list.clone(),
        _ => Vec::new(),
    };
    addresses.sort_unstable();
    addresses.dedup();
    let pairs = zones.iter().flat_map(|zone| addresses.iter().map(move |it| (zone, *it)));
    together(pairs.map(async |(zone, address)| {
        let name = format!("{}.{}", reversed(address), zone.trim_matches('.'));
        let codes = match resolver.v4(&name).await {
            // Lists use 127.255.255.0/24 for what is wrong with the question.
            Answer::Found(list) if list.iter().any(|it| it.octets()[..3] == [127, 255, 255]) => {
                Known::unknown(format!("{zone} does not answer us: {list:?}"))
            }
            // Anything else is no list, but a name server that answers whatever it is asked.
            Answer::Found(list) if list.iter().any(|it| it.octets()[0] != 127) => {
                Known::unknown(format!("{zone} is no DNS list: {list:?}"))
            }
            Answer::Found(list) => Known::Is(list.iter().map(ToString::to_string).collect()),
            Answer::NoName | Answer::NoRecord => Known::Is(Vec::new()),
            Answer::Unknown(why) => Known::unknown(why),
        };
        DnsList { zone: zone.clone(), address, codes }
    }))
    .await
}

/// An address as DNS lists have it in front of their zone.
fn reversed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}")
        }
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}")).collect::<Vec<_>>().join(".")
        }
    }
}

/// The exchangers, and whether DNSSEC vouches for them.
async fn exchangers(domain: &str, resolver: &Resolver) -> (Known<Exchangers>, Known<bool>) {
    let found = resolver.vouched_mx(domain).await;
    let signed = match resolver.validates() {
        true => Known::Is(found.is_secure),
        false => Known::unknown(UNVALIDATED),
    };
    let list = match found.answer {
        Answer::Found(list) => list,
        Answer::NoName => return (Known::Is(Exchangers::NoDomain), Known::default()),
        Answer::NoRecord => {
            let addresses = addresses(domain, resolver).await;
            return (Known::Is(Exchangers::None { addresses }), Known::default());
        }
        Answer::Unknown(why) => return (Known::unknown(why.clone()), Known::unknown(why)),
    };
    let hosts = together(list.into_iter().map(async |(preference, name)| {
        let host = name.trim_end_matches('.').to_owned();
        // The root is no host, and an address is none either.
        let (alias, addresses) = if host.is_empty() || host.parse::<IpAddr>().is_ok() {
            (Known::Is(None), Known::Is(Vec::new()))
        } else {
            tokio::join!(alias(&host, resolver), addresses(&host, resolver))
        };
        Exchanger { preference, host, alias, addresses }
    }))
    .await;
    (Known::Is(Exchangers::Found { hosts }), signed)
}

async fn alias(host: &str, resolver: &Resolver) -> Known<Option<String>> {
    match resolver.alias(host).await {
        Answer::Found(list) => {
            Known::Is(list.first().map(|target| target.trim_end_matches('.').to_owned()))
        }
        Answer::NoName | Answer::NoRecord => Known::Is(None),
        Answer::Unknown(why) => Known::unknown(why),
    }
}

async fn addresses(host: &str, resolver: &Resolver) -> Known<Vec<IpAddr>> {
    match resolver.addresses(&format!("{host}.")).await {
        Ok(list) => Known::Is(list),
        Err(net::Error::NotFound { .. }) => Known::Is(Vec::new()),
        Err(error) => Known::unknown(error.to_string()),
    }
}

/// TXT records of a name that begin with `version` in any case; none where the name is none.
async fn beginning(name: &str, version: &str, resolver: &Resolver) -> Known<Vec<String>> {
    match resolver.txt(name).await {
        Answer::Found(list) => Known::Is(
            list.iter()
                .map(|octets| String::from_utf8_lossy(octets).into_owned())
                .filter(|record| begins(record, version))
                .collect(),
        ),
        Answer::NoName | Answer::NoRecord => Known::Is(Vec::new()),
        Answer::Unknown(why) => Known::unknown(why),
    }
}

/// Whether a record is one of this version: `v=spf10` is none of `v=spf1`.
fn begins(record: &str, version: &str) -> bool {
    record.get(..version.len()).is_some_and(|start| start.eq_ignore_ascii_case(version))
        && !record[version.len()..].starts_with(|next: char| next.is_ascii_alphanumeric())
}

async fn spf_of(domain: &str, resolver: &Resolver) -> Known<Spf> {
    let records = match beginning(domain, "v=spf1", resolver).await {
        Known::Is(records) => records,
        Known::Unknown { unknown } => return Known::Unknown { unknown },
    };
    if records.len() != 1 {
        return Known::Is(Spf { records, reading: None });
    }
    let mut tree = spf::Tree::new(domain, records.clone());
    for _ in 0..SPF_RECORDS {
        let Some(name) = tree.wanted() else { break };
        let found = beginning(&name, "v=spf1", resolver).await;
        tree.add(&name, found);
    }
    let mut reading = tree.read();
    if reading.asks_for.len() <= SPF_NAMES {
        voids(&mut reading, resolver).await;
    }
    Known::Is(Spf { records, reading: Some(reading) })
}

/// Asks for the names of SPF's mechanisms: which have no answer, which have too many.
async fn voids(reading: &mut spf::Reading, resolver: &Resolver) {
    let asked = together(reading.asks_for.iter().map(async |(asked, name)| {
        // Whether there is nothing, and whether there is too much; `None`: nobody can tell.
        let (is_void, is_crowd) = match asked {
            spf::Asked::A => match resolver.vouched_addresses(name).await.answer {
                Answer::Found(_) => (false, false),
                Answer::NoName | Answer::NoRecord => (true, false),
                Answer::Unknown(_) => return None,
            },
            spf::Asked::Mx => match resolver.mx(name).await {
                Answer::Found(list) => (false, list.len() > SPF_EXCHANGERS),
                Answer::NoName | Answer::NoRecord => (true, false),
                Answer::Unknown(_) => return None,
            },
            spf::Asked::Exists => match resolver.v4(name).await {
                Answer::Found(_) => (false, false),
                Answer::NoName | Answer::NoRecord => (true, false),
                Answer::Unknown(_) => return None,
            },
        };
        Some((name.clone(), is_void, is_crowd))
    }))
    .await;
    let all: Option<Vec<(String, bool, bool)>> = asked.into_iter().collect();
    let of = |wanted: fn(&(String, bool, bool)) -> bool| {
        let all = all.as_ref()?.iter().filter(|it| wanted(it));
        Some(all.map(|(name, ..)| name.clone()).collect::<Vec<_>>())
    };
    let (voids, crowds) = (of(|it| it.1), of(|it| it.2));
    reading.voids = voids;
    reading.crowds = crowds.unwrap_or_default();
}

/// The names that a tree walk asks, in their order: the domain, and those above it, of which
/// the first have no more than seven labels.
fn walk(domain: &str) -> Vec<&str> {
    let labels = domain.split('.').count();
    let above = |count: usize| domain.splitn(labels - count + 1, '.').last().unwrap_or(domain);
    let longest = (labels.saturating_sub(1)).min(DMARC_NAMES - 1);
    std::iter::once(domain).chain((1..=longest).rev().map(above)).collect()
}

/// The DMARC record that counts for a domain: its own, else that of its organizational domain,
/// which is found by walking up (the successor of RFC 7489; its section 6.6.3 has the same
/// outcome, by a list of public suffixes that is not in DNS).
pub async fn dmarc_of(domain: &str, resolver: &Resolver) -> Known<Option<Dmarc>> {
    let mut asked = Vec::new();
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for name in walk(domain) {
        let at = format!("_dmarc.{name}");
        asked.push(at.clone());
        let records = match beginning(&at, "v=DMARC1", resolver).await {
            Known::Is(records) => records,
            Known::Unknown { unknown } => return Known::Unknown { unknown },
        };
        // Several at one name count as none, but for the domain itself they are a fault.
        let is_own = name == domain;
        if records.is_empty() || (records.len() > 1 && !is_own) {
            continue;
        }
        let suffix = match records.as_slice() {
            [record] => tags::dmarc(record).ok().and_then(|read| read.is_suffix),
            _ => None,
        };
        match suffix {
            // A public suffix: whose is the organization's was found below it, if anywhere.
            Some(true) if !found.is_empty() && !is_own => break,
            _ => found.push((at, records)),
        }
        if is_own || suffix.is_some() {
            break;
        }
    }
    // The organizational domain has the fewest labels.
    Known::Is(found.pop().map(|(name, records)| Dmarc { name, walk: asked, records }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_walked_upward_and_long_names_are_cut() {
        assert_eq!(
            walk("a.b.example.org"),
            ["a.b.example.org", "b.example.org", "example.org", "org"]
        );
        assert_eq!(walk("org"), ["org"]);
        let long = walk("a.b.c.d.e.f.g.h.i.example.org");
        assert_eq!(long.len(), DMARC_NAMES);
        assert_eq!(&long[..2], ["a.b.c.d.e.f.g.h.i.example.org", "e.f.g.h.i.example.org"]);
    }

    #[test]
    fn addresses_are_turned_around_for_lists() {
        assert_eq!(reversed([192, 0, 2, 99].into()), "99.2.0.192");
        let v6 = "2001:db8:1:2:3:4:567:89ab".parse::<IpAddr>().expect("an address");
        assert_eq!(reversed(v6), "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2");
    }

    #[test]
    fn names_of_one_organization_need_no_consent() {
        assert!(is_within("example.org", "example.org"));
        assert!(is_within("reports.example.org", "example.org"));
        assert!(is_within("example.org", "a.example.org"));
        assert!(!is_within("badexample.org", "example.org"));
        assert!(!is_within("example.net", "example.org"));
    }

    #[test]
    fn services_have_schemes() {
        assert_eq!(scheme_of("_imaps._tcp.example.org"), Some("imaps"));
        assert_eq!(scheme_of("_autodiscover._tcp.example.org"), None);
    }

    #[test]
    fn a_version_is_more_than_a_beginning() {
        assert!(begins("v=spf1 -all", "v=spf1"));
        assert!(begins("V=SPF1", "v=spf1"));
        assert!(!begins("v=spf10 -all", "v=spf1"));
        assert!(!begins("spf1", "v=spf1"));
        assert!(begins("v=DMARC1; p=none", "v=DMARC1"));
        assert!(!begins("v=DM\u{e4}RC1", "v=DMARC1"));
    }
}
