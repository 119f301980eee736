//! The name that an address points back to, whether that name leads to the address again, and
//! whether it is the one that the server gives itself (RFC 1912 section 2.1, RFC 8601 section
//! 3: iprev; RFC 5321 section 4.1.4).

use std::net::IpAddr;

use crate::net::dns::{Answer, Resolver};
use crate::verbs::probe::endpoint::Manner;
use crate::verbs::probe::facts::{Endpoint, Outcome, Protocol, Trial, Tried};

/// Asks for the names of each address that answered. An SMTP server's only, since clients of
/// other protocols do not look; not those of loopback addresses, which no DNS has (RFC 6761
/// section 6.1).
pub async fn reverse(endpoint: &Endpoint, manner: &Manner<'_>) -> Vec<Tried> {
    if endpoint.service.protocol != Protocol::Smtp {
        return Vec::new();
    }
    let addresses: Vec<IpAddr> = endpoint
        .addresses
        .iter()
        .filter(|address| matches!(address.outcome, Outcome::Connected { .. }))
        .filter_map(|address| address.ip)
        .filter(|ip| !ip.is_loopback())
        .collect();
    let mut tried = Vec::new();
    if addresses.is_empty() {
        return tried;
    }
    let resolver = match manner.names.resolver().await {
        Ok(resolver) => resolver,
        Err(why) => return vec![Tried::unknown(Trial::ReverseName, why)],
    };
    for address in addresses {
        of_address(address, endpoint, resolver, &mut tried).await;
    }
    worst_of_each(tried)
}

async fn of_address(
    address: IpAddr,
    endpoint: &Endpoint,
    resolver: &Resolver,
    tried: &mut Vec<Tried>,
) {
    let names = match resolver.reverse(address).await {
        Answer::Found(names) if !names.is_empty() => names,
        Answer::Unknown(why) => {
            tried.push(Tried::unknown(Trial::ReverseName, format!("{address}: {why}")));
            return;
        }
        Answer::Found(_) | Answer::NoName | Answer::NoRecord => {
            tried.push(Tried::no(Trial::ReverseName, format!("{address} has no PTR record")));
            return;
        }
    };
    let bare: Vec<String> =
        names.iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect();
    let listed = bare.join(", ");
    tried.push(Tried::yes(Trial::ReverseName, format!("{address} is {listed}")));

    let mut confirmed = None;
    let mut unknown = None;
    for name in &bare {
        match resolver.vouched_addresses(name).await.answer {
            Answer::Found(list) if list.contains(&address) => confirmed = Some(name.clone()),
            Answer::Unknown(why) => unknown = Some(format!("{name}: {why}")),
            Answer::Found(_) | Answer::NoName | Answer::NoRecord => {}
        }
    }
    tried.push(match (&confirmed, unknown) {
        (Some(name), _) => Tried::yes(Trial::ReverseConfirmed, format!("{name} is {address}")),
        (None, Some(why)) => Tried::unknown(Trial::ReverseConfirmed, why),
        (None, None) => Tried::no(
            Trial::ReverseConfirmed,
            format!("{address} is {listed}, which is not {address}"),
        ),
    });

    let own = own_names(endpoint);
    if !own.is_empty() {
        let is_same = own.iter().all(|name| bare.contains(name));
        let shown = own.join(" and ");
        let detail = format!("it calls itself {shown}, and {address} is {listed}");
        tried.push(match is_same {
            true => Tried::yes(Trial::ReverseGreeted, detail),
            false => Tried::no(Trial::ReverseGreeted, detail),
        });
    }
}

/// What the server calls itself, in its greeting and in its answer to EHLO.
fn own_names(endpoint: &Endpoint) -> Vec<String> {
    let session = &endpoint.session;
    let greeting = session
        .greeting
        .as_deref()
        .and_then(|line| line.split(['\r', '\n']).next())
        .and_then(|line| line.split_ascii_whitespace().nth(1));
    let hello = session.offer().and_then(|offer| offer.name.as_deref());
    let mut names: Vec<String> = greeting
        .into_iter()
        .chain(hello)
        .map(|name| name.trim_end_matches('.').to_ascii_lowercase())
        .collect();
    names.dedup();
    names
}

/// One answer to each question: of several addresses that of the worst.
fn worst_of_each(tried: Vec<Tried>) -> Vec<Tried> {
    use crate::verbs::probe::facts::Taken;
    let rank = |taken: &Taken| match taken {
        Taken::No { .. } => 0,
        Taken::Unknown { .. } => 1,
        Taken::Yes { .. } => 2,
    };
    let mut kept: Vec<Tried> = Vec::new();
    for one in tried {
        match kept.iter_mut().find(|other| other.trial == one.trial) {
            Some(other) if rank(&one.taken) < rank(&other.taken) => *other = one,
            Some(_) => {}
            None => kept.push(one),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_addresses_the_worst_counts() {
        let kept = worst_of_each(vec![
            Tried::yes(Trial::ReverseName, "a"),
            Tried::yes(Trial::ReverseConfirmed, "a"),
            Tried::unknown(Trial::ReverseName, "b"),
            Tried::no(Trial::ReverseName, "c"),
        ]);
        assert_eq!(
            kept,
            [Tried::no(Trial::ReverseName, "c"), Tried::yes(Trial::ReverseConfirmed, "a")]
        );
    }
}
