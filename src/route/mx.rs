//! A domain's mail exchangers: MX records, the implicit MX, the null MX.
//!
//! RFC 5321 section 5.1, RFC 7505.

use std::net::IpAddr;

use super::{Error, Result};
use crate::net::dns::{Answer, Resolver};

/// Exchangers that are looked at of one domain; nobody has as many, and each costs lookups.
const MOST: usize = 64;

/// The exchangers of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchangers {
    /// Preference and name in A-labels without the last dot, in the order to try them.
    pub hosts: Vec<(u16, String)>,
    /// There is no MX record, and the domain itself is its exchanger.
    pub is_implicit: bool,
    /// DNSSEC vouches for the MX records.
    pub is_secure: bool,
    /// The name at the end of the domain's aliases, where it is another.
    pub canonical: Option<String>,
    /// The domain was an address literal: this address.
    pub address: Option<IpAddr>,
}

impl Exchangers {
    /// The one "exchanger" of an address literal.
    pub fn literal(address: IpAddr) -> Self {
        Self {
            hosts: vec![(0, address.to_string())],
            is_implicit: true,
            is_secure: false,
            canonical: None,
            address: Some(address),
        }
    }

    /// Puts exchangers of the same preference into an order that hangs on `seed` (RFC 5321
    /// section 5.1: "randomize them to spread the load").
    pub fn stir(&mut self, seed: u64) {
        // SplitMix64: enough for shuffling a handful of names.
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        let mut keyed: Vec<(u16, u64, String)> =
            self.hosts.drain(..).map(|(preference, host)| (preference, next(), host)).collect();
        keyed.sort();
        self.hosts = keyed.into_iter().map(|(preference, _, host)| (preference, host)).collect();
    }
}

/// Asks for the exchangers of a domain (A-labels, no last dot), by preference. Cancel-safe.
///
/// # Errors
/// [`Error::NullMx`], [`Error::NoName`], [`Error::Lookup`]. Whether an implicit MX has an
/// address shows when it is looked up.
pub async fn exchangers(resolver: &Resolver, domain: &str) -> Result<Exchangers> {
    let found = resolver.vouched_mx(domain).await;
    let canonical = found.canonical.as_deref().map(bare);
    match found.answer {
        Answer::Found(records) => {
            // RFC 7505 section 3: a null MX stands alone; beside others it is no exchanger.
            let mut hosts: Vec<(u16, String)> = records
                .into_iter()
                .map(|(preference, host)| (preference, bare(&host)))
                .filter(|(_, host)| !host.is_empty())
                .collect();
            if hosts.is_empty() {
                return Err(Error::NullMx { domain: domain.to_owned() });
            }
            hosts.dedup();
            hosts.truncate(MOST);
            let is_secure = found.is_secure;
            Ok(Exchangers { hosts, is_implicit: false, is_secure, canonical, address: None })
        }
        Answer::NoRecord => Ok(Exchangers {
            hosts: vec![(0, domain.to_owned())],
            is_implicit: true,
            // Its addresses tell: a denial that does not validate is no answer.
            is_secure: true,
            canonical,
            address: None,
        }),
        Answer::NoName => Err(Error::NoName { domain: domain.to_owned() }),
        Answer::Unknown(detail) => Err(Error::Lookup { name: domain.to_owned(), detail }),
    }
}

/// A name of DNS without its last dot, in lower case.
pub(super) fn bare(name: &str) -> String {
    let ascii = idna::domain_to_ascii(name.trim_end_matches('.'));
    ascii.unwrap_or_else(|_| name.trim_end_matches('.').to_owned()).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preference_goes_before_chance() {
        let hosts: Vec<(u16, String)> = [(10, "a"), (20, "b"), (20, "c"), (20, "d"), (30, "e")]
            .map(|(n, h)| (n, h.into()))
            .to_vec();
        let start =
            Exchangers { hosts, ..Exchangers::literal("127.0.0.1".parse().expect("it is")) };
        let mut firsts = std::collections::BTreeSet::new();
        for seed in 0..64 {
            let mut stirred = start.clone();
            stirred.stir(seed);
            let order: Vec<&str> = stirred.hosts.iter().map(|(_, host)| host.as_str()).collect();
            assert_eq!((order[0], order[4]), ("a", "e"), "{order:?}");
            firsts.insert(order[1].to_owned());
        }
        assert_eq!(firsts.len(), 3, "each of the middle ones is first at times: {firsts:?}");
    }
}
