//! DANE for mail exchangers: which TLSA records count for one, and under which names.
//!
//! RFC 7672 sections 2.1.2, 2.2.2, 2.2.3 and 3.2.2. Matching certificates is
//! [`crate::net::tls::Dane`]'s. DANE is used only where the MX records themselves are signed.

use std::net::IpAddr;

use super::mx::bare;
use super::{Destination, Error, PORT, Result, Security};
use crate::net::dns::{Answer, Resolver, Vouched};
use crate::net::tls::Dane;

/// What DANE asks of the exchanger `host`, whose addresses were `found`; `None`: nothing.
///
/// # Errors
/// [`Error::Lookup`] when DNS does not tell: then the exchanger must not be used.
pub(super) async fn security(
    resolver: &Resolver,
    destination: &Destination,
    host: &str,
    found: &Vouched<Vec<IpAddr>>,
) -> Result<Option<Security>> {
    if !resolver.validates() || !destination.exchangers.is_secure {
        return Ok(None);
    }
    let mut bases = Vec::new();
    match (&found.canonical, found.is_secure) {
        (None, true) => bases.push(host.to_owned()),
        (Some(canonical), true) => bases.extend([bare(canonical), host.to_owned()]),
        (None, false) => {}
        // The alias itself may be signed where what it leads to is not.
        (Some(_), false) => {
            let alias = resolver.vouched_alias(host).await;
            if let Answer::Unknown(detail) = alias.answer {
                return Err(Error::Lookup { name: host.to_owned(), detail });
            }
            if alias.is_secure {
                bases.push(host.to_owned());
            }
        }
    }
    for base in bases {
        let name = format!("_{PORT}._tcp.{base}");
        let tlsa = resolver.tlsa(&name).await;
        match tlsa.answer {
            Answer::Found(records) if tlsa.is_secure => {
                let names = names(destination, &base);
                return Ok(Some(match Dane::new(&records, names) {
                    Some(dane) => Security::Dane { base, dane },
                    None => Security::DaneUnusable,
                }));
            }
            Answer::Found(_) | Answer::NoName | Answer::NoRecord => {}
            Answer::Unknown(detail) => return Err(Error::Lookup { name, detail }),
        }
    }
    Ok(None)
}

/// The names that a certificate may have under usage 2: the base domain, and the domain that
/// mail goes to, as written and at the end of its aliases (RFC 7672 section 3.2.2).
fn names(destination: &Destination, base: &str) -> Vec<String> {
    let mut names = vec![base.to_owned(), destination.domain.clone()];
    names.extend(destination.exchangers.canonical.clone());
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}
