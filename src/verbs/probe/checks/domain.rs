//! MX, SPF, DMARC, MTA-STS and TLS-RPT of a domain.

use std::net::IpAddr;

use crate::verbs::probe::catalogue::{
    DMARC_ONE, DMARC_POLICY, DMARC_PRESENT, DMARC_REPORTS, DMARC_VALID, DNS_DOMAIN,
    MTA_STS_PRESENT, MTA_STS_VALID, MX_ADDRESS, MX_ALIAS, MX_LITERAL, MX_NULL, MX_NULL_ALONE,
    MX_PRESENT, SPF_ALL, SPF_END, SPF_LOOKUPS, SPF_ONE, SPF_PRESENT, SPF_PTR, SPF_VALID,
    TLS_RPT_PRESENT, TLS_RPT_VALID,
};
use crate::verbs::probe::facts::{Dmarc, Domain, Exchanger, Exchangers, Known, Spf};
use crate::verbs::probe::findings::{Entry, Finding};
use crate::verbs::probe::policy::{spf::Reading, tags};

/// Most lookups of an SPF record, RFC 7208 section 4.6.4.
const SPF_LOOKUPS_MOST: usize = 10;

/// Checks what was found out about a domain.
pub fn check(domain: &Domain, out: &mut Vec<Finding>) {
    let on = &domain.domain;
    match &domain.mx {
        Known::Unknown { unknown } => out.push(DNS_DOMAIN.unknown(on, unknown.clone())),
        Known::Is(Exchangers::NoDomain) => {
            out.push(DNS_DOMAIN.bad(on, "NXDOMAIN"));
            return;
        }
        Known::Is(Exchangers::None { addresses }) => {
            out.push(DNS_DOMAIN.pass(on, "the name exists"));
            let evidence = match addresses {
                Known::Is(list) if list.is_empty() => "no MX, and no address either".to_owned(),
                Known::Is(list) => format!("no MX; mail goes to {}", joined(list)),
                Known::Unknown { unknown } => format!("no MX; addresses: {unknown}"),
            };
            out.push(MX_PRESENT.bad(on, evidence));
        }
        Known::Is(Exchangers::Found { hosts }) => {
            out.push(DNS_DOMAIN.pass(on, "it has MX records"));
            exchangers(on, hosts, out);
        }
    }
    spf(on, &domain.spf, out);
    dmarc(on, &domain.dmarc, out);
    reports(on, domain, out);
}

fn joined(list: &[IpAddr]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn record(exchanger: &Exchanger) -> String {
    format!("MX {} {}.", exchanger.preference, exchanger.host)
}

fn exchangers(on: &str, hosts: &[Exchanger], out: &mut Vec<Finding>) {
    let all: Vec<String> = hosts.iter().map(record).collect();
    out.push(MX_PRESENT.pass(on, all.join(", ")));
    let has_null = hosts.iter().any(|exchanger| exchanger.host.is_empty());
    out.push(MX_NULL.check(!has_null, on, all.join(", ")));
    if has_null {
        out.push(MX_NULL_ALONE.check(hosts.len() == 1, on, all.join(", ")));
    }
    let named: Vec<&Exchanger> = hosts.iter().filter(|it| !it.host.is_empty()).collect();
    if named.is_empty() {
        return;
    }
    let is_literal = |exchanger: &Exchanger| exchanger.host.parse::<IpAddr>().is_ok();
    each(&MX_LITERAL, on, &named, out, |exchanger| {
        Known::Is(is_literal(exchanger).then(|| record(exchanger)))
    });
    each(&MX_ALIAS, on, &named, out, |exchanger| match &exchanger.alias {
        Known::Is(Some(target)) => {
            Known::Is(Some(format!("{}. IN CNAME {target}.", exchanger.host)))
        }
        Known::Is(None) => Known::Is(None),
        Known::Unknown { unknown } => Known::unknown(unknown.clone()),
    });
    each(&MX_ADDRESS, on, &named, out, |exchanger| match &exchanger.addresses {
        Known::Is(list) => {
            let is_dangling = list.is_empty() && !is_literal(exchanger);
            Known::Is(is_dangling.then(|| format!("{} has no address", record(exchanger))))
        }
        Known::Unknown { unknown } => Known::unknown(unknown.clone()),
    });
}

/// One finding over all exchangers: what `fault` says of the bad ones.
fn each(
    entry: &'static Entry,
    on: &str,
    hosts: &[&Exchanger],
    out: &mut Vec<Finding>,
    fault: impl Fn(&Exchanger) -> Known<Option<String>>,
) {
    let mut faults = Vec::new();
    let mut unknown = None;
    for exchanger in hosts {
        match fault(exchanger) {
            Known::Is(Some(why)) => faults.push(why),
            Known::Is(None) => {}
            Known::Unknown { unknown: why } => unknown = Some(format!("{}: {why}", exchanger.host)),
        }
    }
    out.push(match unknown {
        _ if !faults.is_empty() => entry.bad(on, faults.join(", ")),
        Some(why) => entry.unknown(on, why),
        None => {
            let names: Vec<&str> = hosts.iter().map(|exchanger| exchanger.host.as_str()).collect();
            entry.pass(on, names.join(", "))
        }
    });
}

fn spf(on: &str, spf: &Known<Spf>, out: &mut Vec<Finding>) {
    let spf = match spf {
        Known::Is(spf) => spf,
        Known::Unknown { unknown } => {
            out.push(SPF_PRESENT.unknown(on, unknown.clone()));
            return;
        }
    };
    let evidence = spf.records.join(" | ");
    if spf.records.is_empty() {
        out.push(SPF_PRESENT.bad(on, "no TXT record begins with v=spf1"));
        return;
    }
    out.push(SPF_PRESENT.pass(on, evidence.clone()));
    out.push(SPF_ONE.check(spf.records.len() == 1, on, evidence.clone()));
    let Some(reading) = &spf.reading else { return };
    read(on, reading, &evidence, out);
}

fn read(on: &str, reading: &Reading, evidence: &str, out: &mut Vec<Finding>) {
    let unknown = reading.unknown.as_deref();
    out.push(match (&reading.fault, unknown) {
        (Some(fault), _) => SPF_VALID.bad(on, fault.clone()),
        (None, Some(why)) => SPF_VALID.unknown(on, why),
        (None, None) => SPF_VALID.pass(on, evidence),
    });
    out.push(match (&reading.open, unknown) {
        (Some(term), _) => SPF_ALL.bad(on, term.clone()),
        (None, Some(why)) => SPF_ALL.unknown(on, why),
        (None, None) => SPF_ALL.pass(on, evidence),
    });
    let counted = match reading.leads_to.as_slice() {
        [] => format!("{} lookups", reading.lookups),
        list => format!("{} lookups, through {}", reading.lookups, list.join(", ")),
    };
    out.push(match unknown {
        _ if reading.lookups > SPF_LOOKUPS_MOST => SPF_LOOKUPS.bad(on, counted),
        Some(why) => SPF_LOOKUPS.unknown(on, why),
        None => SPF_LOOKUPS.pass(on, counted),
    });
    // What is open to everybody, or cannot be read, has said enough.
    if reading.open.is_none() && reading.fault.is_none() {
        out.push(match (reading.all.as_deref(), unknown) {
            (Some(all @ ("-all" | "~all")), _) => SPF_END.pass(on, all),
            (Some(other), _) => SPF_END.bad(on, other),
            (None, Some(why)) => SPF_END.unknown(on, why),
            (None, None) => SPF_END.bad(on, evidence),
        });
    }
    out.push(SPF_PTR.check(!reading.ptr, on, evidence));
}

fn dmarc(on: &str, dmarc: &Known<Option<Dmarc>>, out: &mut Vec<Finding>) {
    let dmarc = match dmarc {
        Known::Is(Some(dmarc)) => dmarc,
        Known::Is(None) => {
            out.push(DMARC_PRESENT.bad(on, format!("no TXT record at _dmarc.{on} or above")));
            return;
        }
        Known::Unknown { unknown } => {
            out.push(DMARC_PRESENT.unknown(on, unknown.clone()));
            return;
        }
    };
    let evidence = format!("{}: {}", dmarc.name, dmarc.records.join(" | "));
    out.push(DMARC_PRESENT.pass(on, evidence.clone()));
    out.push(DMARC_ONE.check(dmarc.records.len() == 1, on, evidence.clone()));
    let [record] = dmarc.records.as_slice() else { return };
    match tags::dmarc(record) {
        Err(why) => out.push(DMARC_VALID.bad(on, format!("{why}, in {record}"))),
        Ok(read) => {
            out.push(DMARC_VALID.pass(on, evidence.clone()));
            let acts = read.policy != tags::Policy::None;
            out.push(DMARC_POLICY.check(acts, on, evidence.clone()));
            let reports = read.reports.join(", ");
            let evidence = if reports.is_empty() { evidence } else { reports };
            out.push(DMARC_REPORTS.check(!read.reports.is_empty(), on, evidence));
        }
    }
}

fn reports(on: &str, domain: &Domain, out: &mut Vec<Finding>) {
    version(on, (&MTA_STS_PRESENT, &MTA_STS_VALID), &domain.mta_sts, out, |record| {
        tags::mta_sts(record).map(|_| ())
    });
    version(on, (&TLS_RPT_PRESENT, &TLS_RPT_VALID), &domain.tls_rpt, out, |record| {
        tags::tls_rpt(record).map(|_| ())
    });
}

/// Whether there is a record, and whether the only one can be read.
fn version(
    on: &str,
    (present, valid): (&'static Entry, &'static Entry),
    records: &Known<Vec<String>>,
    out: &mut Vec<Finding>,
    read: impl Fn(&str) -> Result<(), String>,
) {
    match records {
        Known::Unknown { unknown } => out.push(present.unknown(on, unknown.clone())),
        Known::Is(records) => match records.as_slice() {
            [] => out.push(present.bad(on, "no such record")),
            [record] => {
                out.push(present.pass(on, record.clone()));
                out.push(match read(record) {
                    Ok(()) => valid.pass(on, record.clone()),
                    Err(why) => valid.bad(on, format!("{why}, in {record}")),
                });
            }
            several => {
                out.push(present.pass(on, several.join(" | ")));
                out.push(
                    valid.bad(on, format!("{} records: {}", several.len(), several.join(" | "))),
                );
            }
        },
    }
}
