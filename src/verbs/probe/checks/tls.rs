//! TLS of one endpoint: the handshake, the certificate, versions, suites and groups.

use super::{told, unreached};
use crate::net::tls::enumerate::{Weakness, weakness};
use crate::verbs::probe::catalogue::{
    TLS_13, TLS_ANONYMOUS, TLS_BROKEN_SUITES, TLS_EXPIRY, TLS_HANDSHAKE, TLS_KEY_SIZE, TLS_NAME,
    TLS_NO_OLD, TLS_NO_SSL, TLS_POST_QUANTUM, TLS_SIGNATURE, TLS_SMALL_BLOCKS, TLS_TIME,
    TLS_TRUSTED,
};
use crate::verbs::probe::certificate::{Certificate, day};
use crate::verbs::probe::facts::{
    CertificateFault, Endpoint, Outcome, Role, Spoken, Start, StopKind, Taken, Verification,
};
use crate::verbs::probe::findings::{Entry, Finding, Severity};
use crate::verbs::probe::timing::Phase;

const DAY_SECONDS: i64 = 86_400;

/// Days of validity below which a certificate is warned of.
const LEFT_DAYS: i64 = 14;

/// Checks what was measured of TLS; `now` in seconds since 1970-01-01T00:00:00Z.
pub fn check(endpoint: &Endpoint, now: i64, out: &mut Vec<Finding>) {
    let is_reached = endpoint
        .addresses
        .iter()
        .any(|address| matches!(address.outcome, Outcome::Connected { .. }));
    if endpoint.service.tls == Start::Never || !is_reached {
        return;
    }
    handshake(endpoint, out);
    certificate(endpoint, now, out);
    let shown = endpoint.session.tls.as_ref().map(|tls| &tls.chain);
    let raw = endpoint.spoken.as_ref().map(|spoken| &spoken.chain);
    if let Some(certificates) = shown.or(raw) {
        chain(&endpoint.url, certificates, out);
    }
    if let Some(spoken) = &endpoint.spoken {
        versions(endpoint, spoken, out);
        suites(endpoint, spoken, out);
        post_quantum(endpoint, spoken, out);
    }
}

fn handshake(endpoint: &Endpoint, out: &mut Vec<Finding>) {
    let on = &endpoint.url;
    let session = &endpoint.session;
    // Where STARTTLS is not offered, that is the finding.
    let begins = match endpoint.service.tls {
        Start::Implicit => true,
        _ => session.before.as_ref().is_some_and(|offer| offer.starttls),
    };
    match (&session.tls, &session.stop) {
        (Some(tls), _) => {
            let words: Vec<&str> = [tls.version.as_str(), tls.cipher.as_str()]
                .into_iter()
                .chain(tls.group.as_deref())
                .filter(|word| !word.is_empty())
                .collect();
            let evidence = if words.is_empty() { "TLS".to_owned() } else { words.join(" ") };
            out.push(TLS_HANDSHAKE.pass(on, evidence));
        }
        (None, Some(stop)) if matches!(stop.phase, Phase::Starttls | Phase::Tls) => {
            out.push(match stop.kind {
                // As far as that, the handshake went; the certificate has its own finding.
                StopKind::Certificate => TLS_HANDSHAKE.pass(on, stop.detail.clone()),
                kind if kind.is_certain() => TLS_HANDSHAKE.bad(on, told(stop)),
                _ => TLS_HANDSHAKE.unknown(on, told(stop)),
            });
        }
        (None, _) if begins => unreached(&TLS_HANDSHAKE, endpoint, out),
        (None, _) => {}
    }
}

/// Between mail servers nobody verifies without MTA-STS or DANE: there it is a warning.
fn at_most(endpoint: &Endpoint) -> Severity {
    if endpoint.service.role == Role::Mx { Severity::Warn } else { Severity::Fail }
}

fn certificate(endpoint: &Endpoint, now: i64, out: &mut Vec<Finding>) {
    let on = &endpoint.url;
    let leaf = endpoint.session.tls.as_ref().and_then(|tls| tls.chain.first());
    let names = leaf.map(|leaf| format!("for {}", leaf.names.join(", ")));
    let issuer = leaf.map(|leaf| format!("issued by {}", leaf.issuer));
    let verified = || "verified".to_owned();
    let bad =
        |entry: &'static Entry, detail: &str| entry.bad_at_most(at_most(endpoint), on, detail);
    match &endpoint.verification {
        None => return,
        Some(Verification::Verified) => {
            out.push(TLS_TRUSTED.pass(on, issuer.unwrap_or_else(verified)));
            out.push(TLS_NAME.pass(on, names.unwrap_or_else(verified)));
        }
        Some(Verification::Failed { fault, detail }) => match fault {
            CertificateFault::Trust => out.push(bad(&TLS_TRUSTED, detail)),
            CertificateFault::Name => out.push(bad(&TLS_NAME, detail)),
            CertificateFault::Time => out.push(bad(&TLS_TIME, detail)),
        },
        Some(Verification::Unknown { detail }) => {
            out.push(TLS_TRUSTED.unknown(on, detail.clone()));
            out.push(TLS_NAME.unknown(on, detail.clone()));
        }
    }
    let is_told = matches!(
        endpoint.verification,
        Some(Verification::Failed { fault: CertificateFault::Time, .. })
    );
    let Some(leaf) = leaf else { return };
    let is_in_time = (leaf.not_before..=leaf.not_after).contains(&now);
    let evidence = validity(leaf, now);
    if !is_told {
        out.push(if is_in_time {
            TLS_TIME.pass(on, evidence.clone())
        } else {
            bad(&TLS_TIME, &evidence)
        });
    }
    if is_in_time {
        let is_long = leaf.not_after - now > LEFT_DAYS * DAY_SECONDS;
        out.push(TLS_EXPIRY.check(is_long, on, evidence));
    }
}

/// `2024-01-01 to 2026-01-01 (12 days left)`.
fn validity(leaf: &Certificate, now: i64) -> String {
    let left = (leaf.not_after - now).div_euclid(DAY_SECONDS);
    let left = match left {
        ..=-1 => "expired".to_owned(),
        0 => "less than a day left".to_owned(),
        1 => "1 day left".to_owned(),
        days => format!("{days} days left"),
    };
    format!("{} to {} ({left})", day(leaf.not_before), day(leaf.not_after))
}

fn chain(on: &str, chain: &[Certificate], out: &mut Vec<Finding>) {
    if chain.is_empty() {
        return;
    }
    let each = |of: fn(&Certificate) -> String| {
        let all: Vec<String> = chain.iter().map(of).collect();
        all.join(", ")
    };
    let keys = each(Certificate::key_text);
    out.push(TLS_KEY_SIZE.check(!chain.iter().any(Certificate::has_small_key), on, keys));
    let signatures = each(|certificate| certificate.signature.clone());
    let is_strong = !chain.iter().any(Certificate::has_weak_signature);
    out.push(TLS_SIGNATURE.check(is_strong, on, signatures));
}

fn versions(endpoint: &Endpoint, spoken: &Spoken, out: &mut Vec<Finding>) {
    let on = &endpoint.url;
    let asked = |names: &'static [&'static str]| {
        spoken.versions.iter().filter(move |version| names.contains(&version.version.as_str()))
    };
    let old: [(&'static Entry, &'static [&'static str]); 2] =
        [(&TLS_NO_SSL, &["SSL 3.0"]), (&TLS_NO_OLD, &["TLS 1.0", "TLS 1.1"])];
    for (entry, names) in old {
        let mut yes = Vec::new();
        let mut no = Vec::new();
        let mut unknown = None;
        for version in asked(names) {
            match &version.taken {
                Taken::Yes { detail } => yes.push(format!("{} with {detail}", version.version)),
                Taken::No { detail } => no.push(format!("{}: {detail}", version.version)),
                Taken::Unknown { detail } => {
                    unknown = Some(format!("{}: {detail}", version.version));
                }
            }
        }
        out.push(match unknown {
            _ if !yes.is_empty() => entry.bad(on, yes.join(", ")),
            Some(why) => entry.unknown(on, why),
            None => entry.pass(on, no.join("; ")),
        });
    }
    let negotiated = endpoint.session.tls.as_ref().is_some_and(|tls| tls.version == "TLS 1.3");
    match asked(&["TLS 1.3"]).next().map(|version| &version.taken) {
        Some(Taken::Yes { detail }) => out.push(TLS_13.pass(on, detail.clone())),
        _ if negotiated => out.push(TLS_13.pass(on, "negotiated")),
        Some(Taken::No { detail }) => out.push(TLS_13.bad(on, detail.clone())),
        Some(Taken::Unknown { detail }) => out.push(TLS_13.unknown(on, detail.clone())),
        None => out.push(TLS_13.unknown(on, "it was not asked for")),
    }
}

fn suites(endpoint: &Endpoint, spoken: &Spoken, out: &mut Vec<Finding>) {
    let on = &endpoint.url;
    let all: Vec<&String> = spoken
        .suites
        .iter()
        .flat_map(|listing| &listing.suites.found)
        .chain(&spoken.weak.found)
        .collect();
    let weak: [(&'static Entry, &[Weakness]); 3] = [
        (&TLS_BROKEN_SUITES, &[Weakness::Null, Weakness::Export, Weakness::Rc4, Weakness::Des]),
        (&TLS_ANONYMOUS, &[Weakness::Anonymous]),
        (&TLS_SMALL_BLOCKS, &[Weakness::SmallBlock]),
    ];
    for (entry, kinds) in weak {
        let mut found: Vec<&str> = all
            .iter()
            .map(|name| name.as_str())
            .filter(|name| weakness(name).is_some_and(|kind| kinds.contains(&kind)))
            .collect();
        found.sort_unstable();
        found.dedup();
        // A mail exchanger may take anonymous suites: nobody verifies it anyway.
        let is_excused = entry.id == TLS_ANONYMOUS.id && endpoint.service.role == Role::Mx;
        out.push(match &spoken.weak.unknown {
            _ if !found.is_empty() && is_excused => {
                entry.bad_at_most(Severity::Info, on, found.join(", "))
            }
            _ if !found.is_empty() => entry.bad(on, found.join(", ")),
            Some(why) => entry.unknown(on, why.clone()),
            None => {
                let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
                entry.pass(on, format!("refused: {}", kinds.join(", ")))
            }
        });
    }
}

fn post_quantum(endpoint: &Endpoint, spoken: &Spoken, out: &mut Vec<Finding>) {
    let on = &endpoint.url;
    let negotiated = endpoint
        .session
        .tls
        .as_ref()
        .and_then(|tls| tls.group.as_deref())
        .filter(|group| group.contains("MLKEM"));
    out.push(match (&spoken.post_quantum.unknown, negotiated) {
        _ if !spoken.post_quantum.found.is_empty() => {
            TLS_POST_QUANTUM.pass(on, spoken.post_quantum.found.join(", "))
        }
        (_, Some(group)) => TLS_POST_QUANTUM.pass(on, group),
        (Some(why), None) => TLS_POST_QUANTUM.unknown(on, why.clone()),
        (None, None) => TLS_POST_QUANTUM.bad(on, "no such group is taken"),
    });
}
