//! What trials came to: which answer is the good one, and for whom it matters.

use crate::verbs::probe::catalogue::*;
use crate::verbs::probe::facts::{Endpoint, Listing, Spoken, Start, Taken, Trial};
use crate::verbs::probe::findings::{Entry, Finding};

/// A trial, the entry that it decides, and whether yes is the good answer.
const RULES: &[(Trial, &Entry, bool)] = &[
    (Trial::ReverseName, &NET_REVERSE, true),
    (Trial::ReverseConfirmed, &NET_CONFIRMED, true),
    (Trial::ReverseGreeted, &NET_GREETED, true),
    (Trial::Pipelining, &SMTP_REPLIES, true),
    (Trial::EnhancedCodes, &SMTP_ENHANCED, true),
    (Trial::EightBit, &SMTP_8BIT_TAKEN, true),
    (Trial::Utf8, &SMTP_UTF8_TAKEN, true),
    (Trial::SizeKept, &SMTP_SIZE_KEPT, true),
    (Trial::Chunking, &SMTP_CHUNKING_TAKEN, true),
    (Trial::RequireTls, &SMTP_REQUIRETLS, true),
    (Trial::MailBeforeTls, &TLS_REQUIRED, false),
    (Trial::Injection, &TLS_INJECTION, false),
    (Trial::EarlyTalker, &SMTP_EARLY, false),
    (Trial::Verify, &SMTP_VRFY, false),
    (Trial::Expand, &SMTP_EXPN, false),
    (Trial::Relay, &SMTP_RELAY, false),
    (Trial::Smuggling, &SMTP_SMUGGLING, false),
    (Trial::Compression, &TLS_COMPRESSION, false),
    (Trial::SecureRenegotiation, &TLS_RENEGOTIATION, true),
    (Trial::ClientRenegotiation, &TLS_AGAIN, false),
    (Trial::ServerOrder, &TLS_ORDER, true),
    (Trial::Nameless, &TLS_NAMELESS, true),
    (Trial::StrictAlpn, &TLS_ALPN, true),
    (Trial::Resumption, &TLS_RESUMPTION, true),
    (Trial::Staple, &TLS_STAPLE, true),
    (Trial::StapleGood, &TLS_STAPLE_GOOD, true),
    (Trial::Heartbleed, &TLS_HEARTBLEED, false),
    (Trial::EarlyChange, &TLS_EARLY_CHANGE, false),
    (Trial::Robot, &TLS_ROBOT, false),
    (Trial::Ssl2, &TLS_DROWN, false),
    (Trial::SmallPrime, &TLS_PRIME, false),
    (Trial::Backends, &TLS_BACKENDS, true),
    (Trial::Tlsa, &DANE_PRESENT, true),
    (Trial::TlsaMatch, &DANE_MATCH, true),
    (Trial::Login, &AUTH_LOGIN, true),
    (Trial::Namespaces, &IMAP_NAMESPACE, true),
    (Trial::UidValidity, &IMAP_UIDVALIDITY, true),
    (Trial::Idle, &IMAP_IDLE, true),
];

/// Checks what was tried of an endpoint.
pub fn check(endpoint: &Endpoint, out: &mut Vec<Finding>) {
    let on = &endpoint.url;
    for tried in &endpoint.trials {
        let Some((_, entry, wants)) = RULES.iter().find(|(trial, ..)| *trial == tried.trial) else {
            continue;
        };
        out.push(match &tried.taken {
            Taken::Yes { detail } => entry.check(*wants, on, detail.clone()),
            Taken::No { detail } => entry.check(!*wants, on, detail.clone()),
            Taken::Unknown { detail } => entry.unknown(on, detail.clone()),
        });
    }
    masked(endpoint, out);
    if let Some(spoken) = &endpoint.spoken {
        poodle(on, spoken, out);
        export(on, spoken, &TLS_FREAK, |name| name.starts_with("TLS_RSA_EXPORT"), out);
        export(on, spoken, &TLS_LOGJAM, |name| !name.starts_with("TLS_RSA_"), out);
    }
}

/// Firewalls put letters in the place of what they strike out, so that the length stays.
fn masked(endpoint: &Endpoint, out: &mut Vec<Finding>) {
    if endpoint.service.tls != Start::Starttls {
        return;
    }
    let Some(offer) = &endpoint.session.before else { return };
    let is_mask = |line: &&String| {
        let word = line.split(' ').next().unwrap_or_default();
        word.starts_with("XXXX") || (word.len() >= 4 && word.bytes().all(|octet| octet == b'*'))
    };
    let greeting = endpoint.session.greeting.as_deref().unwrap_or_default();
    let of_greeting = greeting.contains("****").then(|| greeting.to_owned());
    let unoffered = endpoint.trials.iter().find(|tried| tried.trial == Trial::Unoffered);
    let seen = offer.lines.iter().find(is_mask).cloned().or(of_greeting);
    out.push(match (seen, unoffered.map(|tried| &tried.taken)) {
        (Some(line), _) => TLS_MASKED.bad(&endpoint.url, line),
        (None, Some(Taken::Yes { detail })) => TLS_MASKED.bad(&endpoint.url, detail.clone()),
        (None, Some(Taken::Unknown { detail })) => {
            TLS_MASKED.unknown(&endpoint.url, detail.clone())
        }
        (None, Some(Taken::No { .. }) | None) => {
            TLS_MASKED.pass(&endpoint.url, "nothing is masked")
        }
    });
}

fn poodle(on: &str, spoken: &Spoken, out: &mut Vec<Finding>) {
    let Some(version) = spoken.versions.iter().find(|version| version.version == "SSL 3.0") else {
        return;
    };
    out.push(match &version.taken {
        Taken::No { detail } => TLS_POODLE.pass(on, format!("SSL 3.0: {detail}")),
        Taken::Unknown { detail } => TLS_POODLE.unknown(on, detail.clone()),
        Taken::Yes { detail } => {
            let listed = spoken.suites.iter().filter(|listing| listing.version == "SSL 3.0");
            let all: Vec<&String> =
                listed.clone().flat_map(|it| &it.suites.found).chain([detail]).collect();
            let is_whole = listed.clone().any(|it| it.suites.unknown.is_none());
            match all.iter().find(|name| name.contains("_CBC_")) {
                Some(name) => TLS_POODLE.bad(on, format!("SSL 3.0 with {name}")),
                None if is_whole => TLS_POODLE.pass(on, format!("SSL 3.0 with {detail} only")),
                None => TLS_POODLE
                    .unknown(on, "SSL 3.0 is spoken, and not all of its suites were asked for"),
            }
        }
    });
}

/// Suites of export keys, by their key exchange.
fn export(
    on: &str,
    spoken: &Spoken,
    entry: &'static Entry,
    wanted: impl Fn(&str) -> bool,
    out: &mut Vec<Finding>,
) {
    let Listing { found, unknown } = &spoken.weak;
    let listed = spoken.suites.iter().flat_map(|listing| &listing.suites.found);
    let mut names: Vec<&str> = found
        .iter()
        .chain(listed)
        .map(String::as_str)
        .filter(|name| name.contains("_EXPORT") && wanted(name))
        .collect();
    names.sort_unstable();
    names.dedup();
    out.push(match unknown {
        _ if !names.is_empty() => entry.bad(on, names.join(", ")),
        Some(why) => entry.unknown(on, why.clone()),
        None => entry.pass(on, "no suite of export keys is taken"),
    });
}
