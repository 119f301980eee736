//! What else a domain says: signatures, DKIM keys, the details of SPF and DMARC, its MTA-STS
//! policy, CAA, BIMI, DNS lists, and the services of its users.

use crate::verbs::probe::catalogue::*;
use crate::verbs::probe::facts::{Dkim, Domain, Exchangers, Host, HostCaa, Known};
use crate::verbs::probe::findings::{Entry, Finding};
use crate::verbs::probe::policy::{dkim, spf::Reading, tags};

/// Most void lookups of an SPF record, RFC 7208 section 4.6.4.
const VOIDS_MOST: usize = 2;

/// Least bits of an RSA key of DKIM that signers shall use (RFC 8301 section 3.2).
const DKIM_BITS: usize = 2048;

/// Checks a domain that exists.
pub fn check(domain: &Domain, out: &mut Vec<Finding>) {
    let on = &domain.domain;
    match &domain.signed {
        Known::Is(true) => out.push(DNS_SIGNED.pass(on, "DNSSEC vouches for them")),
        Known::Is(false) => out.push(DNS_SIGNED.bad(on, "there is no signature")),
        // There are no MX records to be signed.
        Known::Unknown { .. } if matches!(domain.mx, Known::Is(Exchangers::None { .. })) => {}
        Known::Unknown { unknown } => out.push(DNS_SIGNED.unknown(on, unknown.clone())),
    }
    if let Known::Is(spf) = &domain.spf
        && let Some(reading) = &spf.reading
    {
        names(on, reading, out);
    }
    keys(on, &domain.dkim, out);
    if let Known::Is(Some(dmarc)) = &domain.dmarc
        && let [record] = dmarc.records.as_slice()
        && let Ok(read) = tags::dmarc(record)
    {
        let is_weaker = read.subdomains.is_some_and(|below| below < read.policy);
        out.push(DMARC_SUBDOMAINS.check(!is_weaker, on, record.clone()));
        let is_whole = read.percent.is_none_or(|percent| percent == 100) && !read.is_test;
        out.push(DMARC_PART.check(is_whole, on, record.clone()));
        out.push(alignment(on, &read));
    }
    consents(on, domain, out);
    policy(on, domain, out);
    listed(&CAA_PRESENT, on, &domain.caa, "no CAA record here or above", out);
    match &domain.mx {
        Known::Unknown { unknown } => out.push(CAA_HOSTS.unknown(on, unknown.clone())),
        Known::Is(_) => hosts_caa(on, &domain.host_caa, out),
    }
    listed(&BIMI_PRESENT, on, &domain.bimi, "no record at default._bimi", out);
    if let Known::Is(records) = &domain.bimi
        && let Some(first) = records.first()
    {
        out.push(BIMI_VALID.check(records.len() == 1 && is_bimi(first), on, records.join(" | ")));
    }
    lists(on, domain, out);
    services(on, domain, out);
    documents(on, domain, out);
}

fn names(on: &str, reading: &Reading, out: &mut Vec<Finding>) {
    match &reading.voids {
        None => out.push(SPF_VOIDS.unknown(on, "not every name could be asked for")),
        Some(voids) => {
            let evidence = match voids.as_slice() {
                [] => "every name has an answer".to_owned(),
                some => format!("without an answer: {}", some.join(", ")),
            };
            out.push(SPF_VOIDS.check(voids.len() <= VOIDS_MOST, on, evidence));
        }
    }
    let evidence = match reading.crowds.as_slice() {
        [] => "none does".to_owned(),
        some => some.join(", "),
    };
    out.push(SPF_CROWD.check(reading.crowds.is_empty(), on, evidence));
}

fn keys(on: &str, keys: &[Dkim], out: &mut Vec<Finding>) {
    let mut unknown = None;
    let mut missing = Vec::new();
    let mut found = Vec::new();
    for key in keys {
        match &key.record {
            Known::Unknown { unknown: why } => {
                unknown = Some(format!("{}: {why}", key.selector));
            }
            Known::Is(record) if record.is_empty() => missing.push(key.selector.as_str()),
            Known::Is(record) => found.push((key.selector.as_str(), record)),
        }
    }
    let listed: Vec<&str> = found.iter().map(|(selector, _)| *selector).collect();
    out.push(match unknown {
        Some(why) => DKIM_PRESENT.unknown(on, why),
        None if !missing.is_empty() => {
            DKIM_PRESENT.bad(on, format!("no key at {}", missing.join(", ")))
        }
        None if found.is_empty() => DKIM_PRESENT.bad(on, "no key at any of the common selectors"),
        None => DKIM_PRESENT.pass(on, format!("selectors {}", listed.join(", "))),
    });
    if found.is_empty() {
        return;
    }
    let (mut wrong, mut small, mut revoked, mut idle, mut sizes) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (selector, record) in &found {
        match dkim::key(record) {
            Err(why) => wrong.push(format!("{selector}: {why}")),
            Ok(key) => {
                match key.bits {
                    None => revoked.push(format!("{selector}: {record}")),
                    Some(bits) => {
                        let words = format!("{selector}: {} {bits}", key.kind);
                        if key.kind == "rsa" && bits < DKIM_BITS {
                            small.push(words.clone());
                        }
                        sizes.push(words);
                    }
                }
                if key.is_test || key.is_sha1_only {
                    idle.push(format!("{selector}: {record}"));
                }
            }
        }
    }
    let mut over = |entry: &'static Entry, faults: Vec<String>, good: String| {
        out.push(match faults.is_empty() {
            true => entry.pass(on, good),
            false => entry.bad(on, faults.join("; ")),
        });
    };
    over(&DKIM_VALID, wrong, listed.join(", "));
    let sizes = if sizes.is_empty() { "no key has a size".to_owned() } else { sizes.join(", ") };
    over(&DKIM_SIZE, small, sizes);
    over(&DKIM_REVOKED, revoked, listed.join(", "));
    over(&DKIM_TESTING, idle, listed.join(", "));
}

fn consents(on: &str, domain: &Domain, out: &mut Vec<Finding>) {
    if domain.report_hosts.is_empty() {
        if let Known::Is(Some(dmarc)) = &domain.dmarc
            && let Some(Ok(read)) = dmarc.records.first().map(|record| tags::dmarc(record))
            && !read.reports.is_empty()
        {
            out.push(DMARC_CONSENT.pass(on, "they stay within the domain"));
        }
        return;
    }
    let mut unwanted = Vec::new();
    let mut unknown = None;
    for (host, wanted) in &domain.report_hosts {
        match wanted {
            Known::Is(true) => {}
            Known::Is(false) => {
                unwanted.push(format!("no record at {on}._report._dmarc.{host}"));
            }
            Known::Unknown { unknown: why } => unknown = Some(format!("{host}: {why}")),
        }
    }
    out.push(match unknown {
        _ if !unwanted.is_empty() => DMARC_CONSENT.bad(on, unwanted.join(", ")),
        Some(why) => DMARC_CONSENT.unknown(on, why),
        None => {
            let hosts: Vec<&str> =
                domain.report_hosts.iter().map(|(host, _)| host.as_str()).collect();
            DMARC_CONSENT.pass(on, hosts.join(", "))
        }
    });
}

fn policy(on: &str, domain: &Domain, out: &mut Vec<Finding>) {
    match &domain.sts_policy {
        None => {}
        Some(Known::Unknown { unknown }) => out.push(STS_POLICY.unknown(on, unknown.clone())),
        Some(Known::Is(policy)) => {
            if let Some(fault) = &policy.fault {
                out.push(STS_POLICY.bad(on, fault.clone()));
                return;
            }
            let shown = format!(
                "mode {}, mx {}, max_age {}",
                policy.mode,
                policy.patterns.join(" "),
                policy.max_age
            );
            out.push(STS_POLICY.pass(on, shown.clone()));
            out.push(match (&domain.mx, policy.unlisted.as_slice()) {
                (Known::Unknown { unknown }, _) => STS_COVERS.unknown(on, unknown.clone()),
                (_, []) => STS_COVERS.pass(on, shown),
                (_, some) => STS_COVERS.bad(on, format!("{} and not {}", shown, some.join(", "))),
            });
            out.push(STS_ENFORCE.check(policy.mode == "enforce", on, policy.mode.clone()));
        }
    }
}

/// RFC 7489 section 3.1: whether names below the author's domain count as the author's.
fn alignment(on: &str, read: &tags::Dmarc) -> Finding {
    let mode = |is_strict| if is_strict { "s" } else { "r" };
    let words = format!("adkim={}, aspf={}", mode(read.is_dkim_strict), mode(read.is_spf_strict));
    DMARC_ALIGNED.check(read.is_dkim_strict && read.is_spf_strict, on, words)
}

/// Certificates are issued for the exchangers: their names' records count.
fn hosts_caa(on: &str, hosts: &[HostCaa], out: &mut Vec<Finding>) {
    if hosts.is_empty() {
        return;
    }
    let (mut shown, mut missing, mut unknown) = (Vec::new(), Vec::new(), None);
    for host in hosts {
        match &host.records {
            Known::Unknown { unknown: why } => unknown = Some(format!("{}: {why}", host.host)),
            Known::Is(records) if records.is_empty() => missing.push(host.host.as_str()),
            Known::Is(records) => shown.push(format!("{}: {}", host.host, records.join(" | "))),
        }
    }
    out.push(match unknown {
        _ if !missing.is_empty() => {
            CAA_HOSTS.bad(on, format!("no CAA record at {} or above", missing.join(", ")))
        }
        Some(why) => CAA_HOSTS.unknown(on, why),
        None => CAA_HOSTS.pass(on, shown.join("; ")),
    });
}

/// Whether there are records at all.
fn listed(
    entry: &'static Entry,
    on: &str,
    records: &Known<Vec<String>>,
    none: &str,
    out: &mut Vec<Finding>,
) {
    out.push(match records {
        Known::Unknown { unknown } => entry.unknown(on, unknown.clone()),
        Known::Is(records) if records.is_empty() => entry.bad(on, none),
        Known::Is(records) => entry.pass(on, records.join(" | ")),
    });
}

/// `l` and `a` are HTTPS, or empty: no logo, no certificate.
fn is_bimi(record: &str) -> bool {
    let tag = |wanted: &str| {
        record.split(';').skip(1).find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
        })
    };
    let is_place = |value: Option<String>| {
        value.is_none_or(|value| value.is_empty() || value.starts_with("https://"))
    };
    tag("l").is_some() && is_place(tag("l")) && is_place(tag("a"))
}

fn lists(on: &str, domain: &Domain, out: &mut Vec<Finding>) {
    if domain.dns_lists.is_empty() {
        return;
    }
    let mut bad = Vec::new();
    let mut unknown = None;
    for list in &domain.dns_lists {
        match &list.codes {
            Known::Unknown { unknown: why } => unknown = Some(why.clone()),
            Known::Is(codes) if codes.is_empty() => {}
            Known::Is(codes) => {
                bad.push(format!("{} on {}: {}", list.address, list.zone, codes.join(", ")));
            }
        }
    }
    out.push(match unknown {
        _ if !bad.is_empty() => LIST_CLEAR.bad(on, bad.join("; ")),
        Some(why) => LIST_CLEAR.unknown(on, why),
        None => {
            let mut zones: Vec<&str> =
                domain.dns_lists.iter().map(|list| list.zone.as_str()).collect();
            zones.dedup();
            LIST_CLEAR.pass(on, format!("not on {}", zones.join(", ")))
        }
    });
}

fn services(on: &str, domain: &Domain, out: &mut Vec<Finding>) {
    if domain.offered.is_empty() {
        return;
    }
    let (mut shown, mut bad, mut unknown) = (Vec::new(), Vec::new(), None);
    for service in &domain.offered {
        match &service.hosts {
            Known::Unknown { unknown: why } => unknown = Some(format!("{}: {why}", service.name)),
            Known::Is(hosts) => {
                for host in hosts {
                    let words = format!("{} SRV {}:{}", service.name, host.host, host.port);
                    match fault(host) {
                        Known::Is(None) => {}
                        Known::Is(Some(why)) => bad.push(format!("{words}, {why}")),
                        Known::Unknown { unknown: why } => {
                            unknown = Some(format!("{words}: {why}"));
                        }
                    }
                    shown.push(words);
                }
            }
        }
    }
    out.push(match (&unknown, shown.is_empty()) {
        (_, false) => SRV_PRESENT.pass(on, shown.join(", ")),
        (Some(why), true) => SRV_PRESENT.unknown(on, why.clone()),
        (None, true) => SRV_PRESENT.bad(on, "no SRV record of a mail service"),
    });
    if shown.is_empty() {
        return;
    }
    out.push(match unknown {
        _ if !bad.is_empty() => SRV_HOSTS.bad(on, bad.join("; ")),
        Some(why) => SRV_HOSTS.unknown(on, why),
        None => SRV_HOSTS.pass(on, shown.join(", ")),
    });
}

fn fault(host: &Host) -> Known<Option<String>> {
    match (&host.alias, &host.addresses) {
        (Known::Is(Some(target)), _) => Known::Is(Some(format!("an alias of {target}"))),
        (_, Known::Is(list)) if list.is_empty() => Known::Is(Some("without an address".into())),
        (Known::Unknown { unknown }, _) | (_, Known::Unknown { unknown }) => {
            Known::unknown(unknown.clone())
        }
        (Known::Is(None), Known::Is(_)) => Known::Is(None),
    }
}

fn documents(on: &str, domain: &Domain, out: &mut Vec<Finding>) {
    match &domain.autoconfig {
        Known::Unknown { unknown } => out.push(AUTOCONFIG.unknown(on, unknown.clone())),
        Known::Is(None) => out.push(AUTOCONFIG.bad(on, "no document")),
        Known::Is(Some(document)) => {
            out.push(AUTOCONFIG.pass(on, document.url.clone()));
            out.push(match &document.fault {
                Some(fault) => AUTOCONFIG_VALID.bad(on, fault.clone()),
                None if document.servers.is_empty() => {
                    AUTOCONFIG_VALID.bad(on, "it names no server with TLS")
                }
                None => AUTOCONFIG_VALID.pass(on, document.servers.join(", ")),
            });
        }
    }
    match &domain.autodiscover {
        Known::Unknown { unknown } => out.push(AUTODISCOVER.unknown(on, unknown.clone())),
        Known::Is(None) => {
            out.push(AUTODISCOVER.bad(on, "neither a SRV record nor the usual name"));
        }
        Known::Is(Some(answer)) => {
            out.push(AUTODISCOVER.pass(on, answer.url.clone()));
            out.push(match (&answer.fault, &answer.elsewhere) {
                (Some(fault), _) => AUTODISCOVER_VALID.bad(on, fault.clone()),
                (None, _) if answer.wants_login => AUTODISCOVER_VALID.pass(on, "it wants a login"),
                (None, Some(elsewhere)) => {
                    AUTODISCOVER_VALID.pass(on, format!("it leads to {elsewhere}"))
                }
                (None, None) => AUTODISCOVER_VALID.pass(on, answer.servers.join(", ")),
            });
        }
    }
}
