//! The report for people, within 80 columns: per endpoint the waterfall and what was learnt,
//! then the findings with what to do.

use std::time::Duration;

use crate::base::date::Zoned;
use crate::ui::sanitize;
use crate::verbs::probe::facts::{
    Domain, Endpoint, Exchangers, Facts, Knock, Known, Listing, Outcome, Session, Spoken, Taken,
};
use crate::verbs::probe::findings::{Counts, Entry, Finding, Severity, Verdict, worst};
use crate::verbs::probe::timing::{Percentiles, Timing};

/// Columns of a terminal that nobody has widened.
const COLUMNS: usize = 80;

/// Columns of the waterfall's bars.
const BAR_COLUMNS: usize = 50;

/// Where the text behind a label begins.
const LABEL_COLUMNS: usize = 16;

/// The report, a line each.
pub fn lines(facts: &Facts, findings: &[Finding]) -> Vec<String> {
    let mut out = Vec::new();
    wrap(&mut out, "", "  ", &format!("{}, {}", facts.subject, Zoned::utc(facts.time).message()));
    if let Some(domain) = &facts.domain {
        out.push(String::new());
        of_domain(&mut out, domain);
    }
    for endpoint in &facts.endpoints {
        out.push(String::new());
        of_endpoint(&mut out, endpoint);
    }
    of_findings(&mut out, findings);
    out.push(String::new());
    let counts = Counts::of(findings);
    let result = format!(
        "{}: {} fail, {} unknown, {} warn, {} pass; {} of {} connections",
        worst(findings).name(),
        counts.fail,
        counts.unknown,
        counts.warn,
        counts.pass,
        facts.connections,
        facts.budget
    );
    wrap(&mut out, "", "  ", &result);
    if counts.fail + counts.warn > 0 {
        out.push("Why each matters: pillarbox probe --explain ID".into());
    }
    out
}

/// All findings, each place with a line of its own before them.
pub fn of_findings(out: &mut Vec<String>, findings: &[Finding]) {
    let mut on = "";
    for finding in findings {
        if finding.on != on {
            on = &finding.on;
            out.push(String::new());
            wrap(out, "", "  ", &format!("findings on {on}"));
        }
        of_finding(out, finding);
    }
}

/// An entry of the catalogue, explained.
pub fn explanation(entry: &Entry) -> Vec<String> {
    let mut out = Vec::new();
    wrap(&mut out, &format!("{}  ", entry.id), "        ", entry.title);
    out.push(String::new());
    wrap(&mut out, "  ", "  ", entry.why);
    wrap(&mut out, "  ", "  ", entry.rfc);
    out.push(String::new());
    for (place, text) in entry.fixes() {
        labelled(&mut out, place, text);
    }
    let severity = match entry.severity {
        Severity::Info => "worth knowing, never a fault",
        Severity::Warn => "a warning (exit 1)",
        Severity::Fail => "a failure (exit 2)",
    };
    labelled(&mut out, "counts as", severity);
    out
}

fn of_domain(out: &mut Vec<String>, domain: &Domain) {
    wrap(out, "", "  ", &domain.domain);
    match &domain.mx {
        Known::Unknown { unknown } => labelled(out, "MX", &format!("unknown: {unknown}")),
        Known::Is(Exchangers::NoDomain) => labelled(out, "MX", "the domain does not exist"),
        Known::Is(Exchangers::None { .. }) => labelled(out, "MX", "none"),
        Known::Is(Exchangers::Found { hosts }) => {
            for exchanger in hosts {
                let host = if exchanger.host.is_empty() { "." } else { &exchanger.host };
                let addresses = match &exchanger.addresses {
                    Known::Is(list) => {
                        list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                    }
                    Known::Unknown { unknown } => format!("unknown: {unknown}"),
                };
                labelled(out, "MX", &format!("{} {host} ({addresses})", exchanger.preference));
            }
        }
    }
    let spf = known(&domain.spf, |spf| spf.records.join(" | "));
    labelled(out, "SPF", &spf);
    let dmarc = known(&domain.dmarc, |dmarc| {
        dmarc.as_ref().map(|dmarc| dmarc.records.join(" | ")).unwrap_or_default()
    });
    labelled(out, "DMARC", &dmarc);
    labelled(out, "MTA-STS", &known(&domain.mta_sts, |records| records.join(" | ")));
    labelled(out, "TLS-RPT", &known(&domain.tls_rpt, |records| records.join(" | ")));
    for key in &domain.dkim {
        let record = known(&key.record, Clone::clone);
        labelled(out, "DKIM", &format!("{}: {record}", key.selector));
    }
    labelled(out, "CAA", &known(&domain.caa, |records| records.join(" | ")));
    labelled(out, "BIMI", &known(&domain.bimi, |records| records.join(" | ")));
    if let Known::Is(Some(answer)) = &domain.autodiscover {
        let said = match (&answer.fault, &answer.elsewhere) {
            (Some(fault), _) => fault.clone(),
            (None, Some(elsewhere)) => format!("see {elsewhere}"),
            (None, None) if answer.wants_login => "wants a login".into(),
            (None, None) => answer.servers.join(", "),
        };
        labelled(out, "autodiscover", &format!("{}: {said}", answer.url));
    }
    for service in &domain.offered {
        let hosts = known(&service.hosts, |hosts| {
            let all: Vec<String> =
                hosts.iter().map(|host| format!("{}:{}", host.host, host.port)).collect();
            all.join(", ")
        });
        if hosts != "none" {
            labelled(out, "SRV", &format!("{}: {hosts}", service.name));
        }
    }
    if !domain.knocks.is_empty() {
        labelled(out, "other ports", &knocks(&domain.knocks));
    }
}

/// Which of the ports that were only guessed are open; the others are counted.
fn knocks(knocks: &[Knock]) -> String {
    let open = knocks.iter().filter(|knock| matches!(knock.taken, Taken::Yes { .. }));
    let mut words: Vec<String> = open.map(|knock| knock.at.clone()).collect();
    let closed = knocks.iter().filter(|it| matches!(it.taken, Taken::No { .. })).count();
    let silent = knocks.iter().filter(|it| matches!(it.taken, Taken::Unknown { .. })).count();
    if closed > 0 {
        words.push(format!("{closed} closed"));
    }
    if silent > 0 {
        words.push(format!("{silent} unknown"));
    }
    words.join(", ")
}

/// A record in words; empty text is none.
fn known<T>(value: &Known<T>, text: impl FnOnce(&T) -> String) -> String {
    match value {
        Known::Is(value) => {
            Some(text(value)).filter(|text| !text.is_empty()).unwrap_or_else(|| "none".to_owned())
        }
        Known::Unknown { unknown } => format!("unknown: {unknown}"),
    }
}

fn of_endpoint(out: &mut Vec<String>, endpoint: &Endpoint) {
    wrap(out, "", "  ", &endpoint.url);
    for address in &endpoint.addresses {
        let outcome = match &address.outcome {
            Outcome::Connected { took } => format!("connected in {}", milliseconds(*took)),
            Outcome::Failed { detail, .. } => detail.clone(),
        };
        labelled(out, "address", &format!("{} {outcome}", address.address));
    }
    if endpoint.percentiles.is_empty() {
        waterfall(out, &endpoint.session.phases);
    } else {
        percentiles(out, &endpoint.percentiles, endpoint.failed_runs);
    }
    session(out, &endpoint.session);
    if let Some(capabilities) = &endpoint.offered_to_user {
        labelled(out, "after login", &capabilities.join(", "));
    }
    if let Some(spoken) = &endpoint.spoken {
        of_spoken(out, spoken);
    }
    if let Some(stop) = &endpoint.session.stop {
        labelled(out, "stopped", &format!("{}: {}", stop.phase, stop.detail));
    }
}

fn session(out: &mut Vec<String>, session: &Session) {
    if let Some(greeting) = &session.greeting {
        labelled(out, "greeting", greeting);
    }
    if let Some(offer) = &session.before {
        labelled(out, "in the clear", &offer.lines.join(", "));
    }
    if let Some(tls) = &session.tls {
        let group = tls.group.as_deref().unwrap_or_default();
        let words = [tls.version.as_str(), tls.cipher.as_str(), group];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        labelled(out, "TLS", &words.join(", "));
        for certificate in &tls.chain {
            let names = match certificate.names.as_slice() {
                [] => String::new(),
                names => format!(" for {}", names.join(", ")),
            };
            let day = |seconds| {
                let day = Zoned::utc(seconds).day();
                format!("{:04}-{:02}-{:02}", day.year(), day.month(), day.day())
            };
            let text = format!(
                "{}{names}; {}; {}; until {}; by {}",
                certificate.subject,
                certificate.key_text(),
                certificate.signature,
                day(certificate.not_after),
                certificate.issuer
            );
            labelled(out, "certificate", &text);
        }
    }
    if let Some(offer) = &session.after {
        labelled(out, "under TLS", &offer.lines.join(", "));
    }
}

fn of_spoken(out: &mut Vec<String>, spoken: &Spoken) {
    let versions: Vec<String> = spoken
        .versions
        .iter()
        .map(|version| {
            let taken = match version.taken {
                Taken::Yes { .. } => "yes",
                Taken::No { .. } => "no",
                Taken::Unknown { .. } => "unknown",
            };
            format!("{} {taken}", version.version)
        })
        .collect();
    labelled(out, "versions", &versions.join(", "));
    if !spoken.weak.found.is_empty() {
        labelled(out, "weak suites", &listing(&spoken.weak));
    }
    for suites in &spoken.suites {
        labelled(out, &suites.version, &listing(&suites.suites));
    }
    if let Some(groups) = &spoken.groups {
        labelled(out, "groups", &listing(groups));
    }
}

fn listing(listing: &Listing) -> String {
    let mut words = listing.found.clone();
    if let Some(why) = &listing.unknown {
        words.push(format!("more unknown: {why}"));
    }
    if words.is_empty() { "none".into() } else { words.join(", ") }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// One phase behind the other, as long as each took.
fn waterfall(out: &mut Vec<String>, phases: &[Timing]) {
    let total: Duration = phases.iter().map(|timing| timing.took).sum();
    if total.is_zero() {
        return;
    }
    let column = |time: Duration| {
        (time.as_secs_f64() / total.as_secs_f64() * BAR_COLUMNS as f64).round() as usize
    };
    let mut begun = Duration::ZERO;
    for timing in phases {
        let from = column(begun).min(BAR_COLUMNS - 1);
        begun += timing.took;
        let to = column(begun).clamp(from + 1, BAR_COLUMNS);
        let bar = format!("{}{}", " ".repeat(from), "#".repeat(to - from));
        out.push(format!("  {:<13}{:>10}  {bar}", timing.phase, milliseconds(timing.took)));
    }
    out.push(format!("  {:<13}{:>10}", "total", milliseconds(total)));
}

fn percentiles(out: &mut Vec<String>, phases: &[Percentiles], failed: u32) {
    let row = |name: &str, cells: [String; 5]| {
        let [runs, p50, p90, p99, max] = cells;
        format!("  {name:<13}{runs:>5}{p50:>12}{p90:>12}{p99:>12}{max:>12}")
    };
    out.push(row("phase", ["runs", "p50", "p90", "p99", "max"].map(str::to_owned)));
    for phase in phases {
        let times = [phase.p50, phase.p90, phase.p99, phase.max].map(milliseconds);
        let [p50, p90, p99, max] = times;
        out.push(row(&phase.phase.to_string(), [phase.runs.to_string(), p50, p90, p99, max]));
    }
    if failed > 0 {
        labelled(out, "failed runs", &failed.to_string());
    }
}

fn of_finding(out: &mut Vec<String>, finding: &Finding) {
    let entry = finding.entry;
    // What does not hold and is no fault must not read as if it did.
    let verdict = match (finding.verdict, finding.holds) {
        (Verdict::Pass, Some(false)) => "note",
        (verdict, _) => verdict.name(),
    };
    let start = format!("  {verdict:<8}{:<10}", entry.id);
    wrap(out, &start, &" ".repeat(20), entry.title);
    let indent = " ".repeat(20);
    if finding.verdict != Verdict::Pass || finding.holds == Some(false) {
        wrap(out, &indent, &indent, &finding.evidence);
    }
    if matches!(finding.verdict, Verdict::Fail | Verdict::Warn) {
        for (place, text) in entry.fixes() {
            wrap(out, &format!("{indent}{place}: "), &" ".repeat(22), text);
        }
    }
}

/// Text behind its label, broken at the terminal's edge.
pub fn labelled(out: &mut Vec<String>, label: &str, text: &str) {
    let start = format!("  {label:<width$}", width = LABEL_COLUMNS - 2);
    wrap(out, &start, &" ".repeat(LABEL_COLUMNS), text);
}

/// Breaks text into lines of at most [`COLUMNS`] characters, at blanks where there are any.
/// Control characters are taken out: the text may come from a server.
pub fn wrap(out: &mut Vec<String>, first: &str, indent: &str, text: &str) {
    let clean = sanitize::line(text);
    let mut line = first.to_owned();
    let mut width = first.chars().count();
    let mut is_empty = true;
    for word in clean.split(' ').filter(|word| !word.is_empty()) {
        let mut word: Vec<char> = word.chars().collect();
        if !is_empty && width + 1 + word.len() > COLUMNS {
            out.push(std::mem::replace(&mut line, indent.to_owned()));
            width = indent.chars().count();
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
            width += 1;
        }
        // A word that is longer than a line is cut.
        while width + word.len() > COLUMNS {
            let rest = word.split_off(COLUMNS.saturating_sub(width).max(1).min(word.len()));
            line.extend(&word);
            word = rest;
            out.push(std::mem::replace(&mut line, indent.to_owned()));
            width = indent.chars().count();
        }
        line.extend(&word);
        width += word.len();
        is_empty = false;
    }
    out.push(line.trim_end().to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::probe::catalogue;
    use crate::verbs::probe::render::json::tests::{findings, report};

    #[test]
    fn a_report_as_it_is_read() {
        let (facts, findings) = (report(), findings());
        let text = lines(&facts, &findings).join("\n");
        let want = "\
imaps://mail.example, Sat, 14 Nov 2026 12:00:00 +0000

imaps://mail.example:993
  address       192.0.2.1:993 connected in 10.0 ms
  DNS             30.0 ms  ##############################
  TCP             10.0 ms                                ##########
  TLS             10.0 ms                                          ##########
  total           50.0 ms
  greeting      * OK ready
  TLS           TLS 1.3, TLS_AES_128_GCM_SHA256, x25519
  versions      SSL 3.0 no, TLS 1.3 yes

findings on imaps://mail.example:993
  pass    IMAP-001  the server greets with OK or PREAUTH
  fail    TLS-004   the certificate is for the name that clients connect to
                    the certificate is not for mail.example but for
                    other.example
                    Postfix: smtpd_tls_chain_files = key.pem, fullchain.pem of a
                      certificate for every name; tls_server_sni_maps for one
                      each
                    Exim: tls_certificate = /path/$tls_in_sni.pem, or one for
                      every name
                    Dovecot: ssl_server_cert_file of a certificate for every
                      name, or local_name NAME { } for each
                    DNS: let the MX, SRV or client configuration name a host
                      that is in the certificate
                    else: issue the certificate for every name that the server
                      is reached by
  unknown TLS-009   TLS 1.3 is spoken
                    no answer within 15 s
  note    TLS-013   a post-quantum key exchange is taken
                    no such group is taken

fail: 1 fail, 1 unknown, 0 warn, 2 pass; 9 of 60 connections
Why each matters: pillarbox probe --explain ID";
        assert_eq!(text, want);
    }

    #[test]
    fn percentiles_take_the_place_of_the_waterfall() {
        let mut facts = report();
        let ms = Duration::from_millis;
        facts.endpoints[0].percentiles = vec![Percentiles {
            phase: crate::verbs::probe::timing::Phase::Tls,
            runs: 20,
            p50: ms(1),
            p90: ms(22),
            p99: ms(333),
            max: ms(4444),
        }];
        let text = lines(&facts, &[]).join("\n");
        let head = "  phase         runs         p50         p90         p99         max";
        let tls = "  TLS             20      1.0 ms     22.0 ms    333.0 ms   4444.0 ms";
        assert!(text.contains(head) && text.contains(tls), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        let mut facts = report();
        let long = format!("* OK \x1b[31m{} {}", "x".repeat(300), "word ".repeat(60));
        facts.endpoints[0].session.greeting = Some(long);
        for line in lines(&facts, &findings()) {
            assert!(line.chars().count() <= COLUMNS, "{line}");
            assert!(!line.contains('\x1b') && !line.ends_with(' '), "{line:?}");
        }
        for entry in catalogue::ALL {
            for line in explanation(entry) {
                assert!(line.chars().count() <= COLUMNS, "{line}");
            }
        }
    }

    #[test]
    fn an_entry_is_explained() {
        let text = explanation(&catalogue::MX_NULL_ALONE).join("\n");
        let want = "\
MX-003  a null MX stands alone

  A null MX beside others contradicts itself; senders differ in what they make
  of it.
  RFC 7505 section 3

  DNS           remove either the null MX (MX 0 .) or the others
  counts as     a failure (exit 2)";
        assert_eq!(text, want);
    }
}
