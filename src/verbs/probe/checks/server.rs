//! Connections, greetings, capabilities and logins of one endpoint.

use super::{told, unreached};
use crate::verbs::probe::catalogue::{
    AUTH_BEFORE_TLS, AUTH_OFFERED, IMAP_GREETING, IMAP_REVISION, NET_FAMILIES, NET_REACHABLE,
    POP_CAPA, POP_GREETING, POP_UIDL, SMTP_8BITMIME, SMTP_BANNER, SMTP_EHLO, SMTP_GREETING,
    SMTP_PIPELINING, SMTP_SIZE, SMTP_UTF8, TLS_STARTTLS,
};
use crate::verbs::probe::facts::{Endpoint, Offer, Outcome, Protocol, Role, Start, StopKind};
use crate::verbs::probe::findings::{Entry, Finding};
use crate::verbs::probe::timing::Phase;

/// Checks what was measured of an endpoint, TLS aside.
pub fn check(endpoint: &Endpoint, out: &mut Vec<Finding>) {
    if !reachable(endpoint, out) {
        return;
    }
    families(endpoint, out);
    greeting(endpoint, out);
    starttls(endpoint, out);
    before_tls(endpoint, out);
    login(endpoint, out);
    match endpoint.service.protocol {
        Protocol::Smtp | Protocol::Lmtp => smtp(endpoint, out),
        Protocol::Imap => imap(endpoint, out),
        Protocol::Pop3 => pop(endpoint, out),
    }
}

fn reachable(endpoint: &Endpoint, out: &mut Vec<Finding>) -> bool {
    let on = &endpoint.url;
    let connected = endpoint.addresses.iter().find_map(|address| match &address.outcome {
        Outcome::Connected { took } => Some((address, took)),
        Outcome::Failed { .. } => None,
    });
    match (connected, &endpoint.session.stop) {
        (Some((address, took)), _) => {
            let evidence = format!("{} in {:.1} ms", address.address, took.as_secs_f64() * 1e3);
            out.push(NET_REACHABLE.pass(on, evidence));
            true
        }
        (None, Some(stop)) if stop.is_certain() => {
            out.push(NET_REACHABLE.bad(on, told(stop)));
            false
        }
        (None, Some(stop)) => {
            out.push(NET_REACHABLE.unknown(on, told(stop)));
            false
        }
        (None, None) => {
            out.push(NET_REACHABLE.unknown(on, "no address was tried"));
            false
        }
    }
}

/// Only where there is more than one family; `localhost` has two by the hosts file, which is
/// no promise that a server made.
fn families(endpoint: &Endpoint, out: &mut Vec<Finding>) {
    let on = &endpoint.url;
    let has = |v6: bool| {
        endpoint.addresses.iter().any(|address| address.ip.is_some_and(|ip| ip.is_ipv6() == v6))
    };
    if endpoint.loopback || !has(true) || !has(false) {
        return;
    }
    let answers = |v6: bool| {
        endpoint.addresses.iter().any(|address| {
            address.ip.is_some_and(|ip| ip.is_ipv6() == v6)
                && matches!(address.outcome, Outcome::Connected { .. })
        })
    };
    if answers(true) && answers(false) {
        let all: Vec<&str> =
            endpoint.addresses.iter().map(|address| address.address.as_str()).collect();
        out.push(NET_FAMILIES.pass(on, all.join(", ")));
        return;
    }
    let failed = endpoint.addresses.iter().find_map(|address| match &address.outcome {
        Outcome::Failed { kind, detail } if address.ip.is_some_and(|ip| !answers(ip.is_ipv6())) => {
            Some((*kind, detail))
        }
        _ => None,
    });
    match failed {
        Some((kind, detail)) if kind.is_certain() => out.push(NET_FAMILIES.bad(on, detail.clone())),
        // This machine has no address of that family: nothing was asked.
        Some((StopKind::Ours, _)) | None => {}
        Some((_, detail)) => out.push(NET_FAMILIES.unknown(on, detail.clone())),
    }
}

fn greeting(endpoint: &Endpoint, out: &mut Vec<Finding>) {
    let on = &endpoint.url;
    let entry = match endpoint.service.protocol {
        Protocol::Smtp | Protocol::Lmtp => &SMTP_GREETING,
        Protocol::Imap => &IMAP_GREETING,
        Protocol::Pop3 => &POP_GREETING,
    };
    match (&endpoint.session.greeting, &endpoint.session.stop) {
        (Some(line), _) => out.push(entry.pass(on, line.clone())),
        (None, Some(stop)) if stop.phase == Phase::Banner && stop.is_certain() => {
            out.push(entry.bad(on, stop.detail.clone()));
        }
        (None, _) => unreached(entry, endpoint, out),
    }
}

fn starttls(endpoint: &Endpoint, out: &mut Vec<Finding>) {
    let on = &endpoint.url;
    if endpoint.service.tls != Start::Starttls {
        return;
    }
    match &endpoint.session.before {
        None => unreached(&TLS_STARTTLS, endpoint, out),
        Some(offer) if offer.starttls => {
            let word = match endpoint.service.protocol {
                Protocol::Pop3 => "STLS",
                Protocol::Smtp | Protocol::Lmtp | Protocol::Imap => "STARTTLS",
            };
            out.push(TLS_STARTTLS.pass(on, word));
        }
        // Nothing leaves this machine.
        Some(_) if endpoint.service.role == Role::Delivery && endpoint.loopback => {}
        Some(offer) if !offer.extended && endpoint.service.protocol == Protocol::Pop3 => {
            out.push(TLS_STARTTLS.unknown(on, "the server does not know CAPA"));
        }
        Some(offer) => out.push(TLS_STARTTLS.bad(on, format!("offered: {}", listed(offer)))),
    }
}

fn before_tls(endpoint: &Endpoint, out: &mut Vec<Finding>) {
    let on = &endpoint.url;
    if endpoint.service.tls == Start::Implicit || endpoint.service.role == Role::Delivery {
        return;
    }
    match &endpoint.session.before {
        None => unreached(&AUTH_BEFORE_TLS, endpoint, out),
        Some(offer) => {
            let ways = offer.cleartext();
            if !ways.is_empty() {
                let evidence = format!("in the clear: {}", ways.join(", "));
                out.push(AUTH_BEFORE_TLS.bad(on, evidence));
            } else if offer.login.is_none() {
                out.push(AUTH_BEFORE_TLS.unknown(on, "the server does not say what it takes"));
            } else {
                out.push(AUTH_BEFORE_TLS.pass(on, format!("offered: {}", listed(offer))));
            }
        }
    }
}

fn login(endpoint: &Endpoint, out: &mut Vec<Finding>) {
    let on = &endpoint.url;
    if !matches!(endpoint.service.role, Role::Submission | Role::Access)
        || endpoint.service.tls == Start::Never
    {
        return;
    }
    match &endpoint.session.after {
        None => unreached(&AUTH_OFFERED, endpoint, out),
        Some(offer) if !offer.mechanisms.is_empty() => {
            out.push(AUTH_OFFERED.pass(on, format!("AUTH {}", offer.mechanisms.join(" "))));
        }
        Some(offer) => match offer.login {
            Some(true) => out.push(AUTH_OFFERED.pass(on, "the login command")),
            Some(false) => {
                out.push(AUTH_OFFERED.bad(on, format!("offered: {}", listed(offer))));
            }
            None => out.push(AUTH_OFFERED.unknown(on, "the server does not say what it takes")),
        },
    }
}

fn smtp(endpoint: &Endpoint, out: &mut Vec<Finding>) {
    let on = &endpoint.url;
    if endpoint.service.protocol == Protocol::Smtp {
        match &endpoint.session.greeting {
            None => unreached(&SMTP_BANNER, endpoint, out),
            Some(line) => {
                let name = line.split_ascii_whitespace().nth(1).unwrap_or_default();
                out.push(SMTP_BANNER.check(is_full_name(name), on, line.clone()));
            }
        }
    }
    match (endpoint.session.offer(), &endpoint.session.stop) {
        (Some(offer), _) => {
            out.push(SMTP_EHLO.check(offer.extended, on, format!("offered: {}", listed(offer))));
        }
        (None, Some(stop)) if stop.phase == Phase::Hello && stop.is_certain() => {
            out.push(SMTP_EHLO.bad(on, stop.detail.clone()));
        }
        (None, _) => unreached(&SMTP_EHLO, endpoint, out),
    }
    offered(&SMTP_PIPELINING, "PIPELINING", endpoint, out);
    offered(&SMTP_8BITMIME, "8BITMIME", endpoint, out);
    offered(&SMTP_SIZE, "SIZE", endpoint, out);
    offered(&SMTP_UTF8, "SMTPUTF8", endpoint, out);
}

fn imap(endpoint: &Endpoint, out: &mut Vec<Finding>) {
    match endpoint.session.offer() {
        None => unreached(&IMAP_REVISION, endpoint, out),
        Some(offer) => {
            let speaks = offer.has("IMAP4rev1") || offer.has("IMAP4rev2");
            out.push(IMAP_REVISION.check(speaks, &endpoint.url, listed(offer)));
        }
    }
}

fn pop(endpoint: &Endpoint, out: &mut Vec<Finding>) {
    match endpoint.session.offer() {
        None => unreached(&POP_CAPA, endpoint, out),
        Some(offer) => {
            out.push(POP_CAPA.check(offer.extended, &endpoint.url, listed(offer)));
            if offer.extended {
                offered(&POP_UIDL, "UIDL", endpoint, out);
            }
        }
    }
}

/// Whether a capability is there, once the server said what it can do.
fn offered(entry: &'static Entry, keyword: &str, endpoint: &Endpoint, out: &mut Vec<Finding>) {
    match endpoint.session.offer() {
        None => unreached(entry, endpoint, out),
        Some(offer) => {
            let line = offer.lines.iter().find(|line| {
                line.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case(keyword))
            });
            out.push(match line {
                Some(line) => entry.pass(&endpoint.url, line.clone()),
                None => entry.bad(&endpoint.url, format!("offered: {}", listed(offer))),
            });
        }
    }
}

fn listed(offer: &Offer) -> String {
    if offer.lines.is_empty() { "nothing".into() } else { offer.lines.join(", ") }
}

/// A name with a dot in it, and nothing that no host name has.
fn is_full_name(name: &str) -> bool {
    name.trim_matches('.').contains('.')
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-'))
}
