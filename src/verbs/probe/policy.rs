//! What DNS says about a domain's mail: MX, SPF, DMARC, MTA-STS and TLS-RPT records, as the
//! resolver gives them. Judges nothing; [`spf`] and [`tags`] read the records.
//!
//! RFC 5321 section 5.1, RFC 7505, RFC 7208, RFC 7489, RFC 8461, RFC 8460. Receivers' parsers
//! pass over much that a sender should mend; these name the term that is wrong.

use std::net::IpAddr;

use super::facts::{Dmarc, Domain, Exchanger, Exchangers, Known, Spf};
use crate::net;
use crate::net::dns::{Answer, Resolver};

pub mod spf;
pub mod tags;

/// Records that one SPF record may lead to before we stop asking; receivers stop at 10.
const SPF_RECORDS: usize = 40;

/// Names above a domain at which DMARC is looked for, at most.
const DMARC_NAMES: usize = 8;

/// Asks for everything.
pub async fn gather(domain: &str, resolver: &Resolver) -> Domain {
    Domain {
        domain: domain.to_owned(),
        mx: exchangers(domain, resolver).await,
        spf: spf_of(domain, resolver).await,
        dmarc: dmarc_of(domain, resolver).await,
        mta_sts: beginning(&format!("_mta-sts.{domain}"), "v=STSv1", resolver).await,
        tls_rpt: beginning(&format!("_smtp._tls.{domain}"), "v=TLSRPTv1", resolver).await,
    }
}

async fn exchangers(domain: &str, resolver: &Resolver) -> Known<Exchangers> {
    let list = match resolver.mx(domain).await {
        Answer::Found(list) => list,
        Answer::NoName => return Known::Is(Exchangers::NoDomain),
        Answer::NoRecord => {
            let addresses = addresses(domain, resolver).await;
            return Known::Is(Exchangers::None { addresses });
        }
        Answer::Unknown(why) => return Known::unknown(why),
    };
    let mut hosts = Vec::new();
    for (preference, name) in list {
        let host = name.trim_end_matches('.').to_owned();
        // The root is no host, and an address is none either.
        let (alias, addresses) = if host.is_empty() || host.parse::<IpAddr>().is_ok() {
            (Known::Is(None), Known::Is(Vec::new()))
        } else {
            (alias(&host, resolver).await, addresses(&host, resolver).await)
        };
        hosts.push(Exchanger { preference, host, alias, addresses });
    }
    Known::Is(Exchangers::Found { hosts })
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
    Known::Is(Spf { records, reading: Some(tree.read()) })
}

/// The DMARC record of a domain, or of the nearest name above it that has one. Receivers ask
/// the organizational domain (RFC 7489 section 6.6.3), for which there is no rule in DNS; the
/// walk upward, as the successor of that RFC has it, finds the same.
pub async fn dmarc_of(domain: &str, resolver: &Resolver) -> Known<Option<Dmarc>> {
    let mut name = domain;
    for _ in 0..DMARC_NAMES {
        let at = format!("_dmarc.{name}");
        match beginning(&at, "v=DMARC1", resolver).await {
            Known::Is(records) if records.is_empty() => {}
            Known::Is(records) => return Known::Is(Some(Dmarc { name: at, records })),
            Known::Unknown { unknown } => return Known::Unknown { unknown },
        }
        match name.split_once('.') {
            Some((_, above)) if above.contains('.') => name = above,
            _ => break,
        }
    }
    Known::Is(None)
}

#[cfg(test)]
mod tests {
    use super::*;

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
