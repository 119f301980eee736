//! The report as one JSON object, and as JSON Lines.
//!
//! Lines have a `type`: `domain` and `endpoint` hold the facts, `finding` one finding each,
//! and `summary` comes last. Every text is whole; JSON escapes what a terminal must not see.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::verbs::probe::facts::{Domain, Endpoint, Facts};
use crate::verbs::probe::findings::{Counts, Entry, Finding, Severity, Verdict, worst};

/// One finding.
#[derive(Debug, Serialize)]
pub struct Found<'a> {
    id: &'static str,
    verdict: Verdict,
    /// Whether it holds; `null`: nobody can tell.
    holds: Option<bool>,
    severity: Severity,
    on: &'a str,
    title: &'static str,
    evidence: &'a str,
    why: &'static str,
    rfc: &'static str,
    fix: BTreeMap<&'static str, &'static str>,
}

/// An entry of the catalogue.
#[derive(Debug, Serialize)]
pub struct Explained {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'static str,
    severity: Severity,
    title: &'static str,
    why: &'static str,
    rfc: &'static str,
    fix: BTreeMap<&'static str, &'static str>,
}

impl Explained {
    /// The entry as programs read it.
    pub fn of(entry: &Entry) -> Self {
        Self {
            kind: "entry",
            id: entry.id,
            severity: entry.severity,
            title: entry.title,
            why: entry.why,
            rfc: entry.rfc,
            fix: entry.fixes().collect(),
        }
    }
}

/// All together.
#[derive(Debug, Serialize)]
pub struct Summary<'a> {
    subject: &'a str,
    time: i64,
    result: Verdict,
    counts: Counts,
    connections: u32,
    budget: u32,
}

/// The whole report.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    summary: Summary<'a>,
    domain: Option<&'a Domain>,
    endpoints: &'a [Endpoint],
    findings: Vec<Found<'a>>,
}

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Line<'a> {
    /// What DNS says.
    Domain(&'a Domain),
    /// What a server says.
    Endpoint(&'a Endpoint),
    /// A finding.
    Finding(Found<'a>),
    /// The end.
    Summary(Summary<'a>),
}

impl<'a> Found<'a> {
    /// The finding as programs read it.
    pub fn of(finding: &'a Finding) -> Self {
        let entry = finding.entry;
        Self {
            id: entry.id,
            verdict: finding.verdict,
            holds: finding.holds,
            severity: entry.severity,
            on: &finding.on,
            title: entry.title,
            evidence: &finding.evidence,
            why: entry.why,
            rfc: entry.rfc,
            fix: entry.fixes().collect(),
        }
    }
}

impl<'a> Summary<'a> {
    fn of(facts: &'a Facts, findings: &[Finding]) -> Self {
        Self {
            subject: &facts.subject,
            time: facts.time,
            result: worst(findings),
            counts: Counts::of(findings),
            connections: facts.connections,
            budget: facts.budget,
        }
    }
}

/// The report as one object.
pub fn report<'a>(facts: &'a Facts, findings: &'a [Finding]) -> Report<'a> {
    Report {
        summary: Summary::of(facts, findings),
        domain: facts.domain.as_ref(),
        endpoints: &facts.endpoints,
        findings: findings.iter().map(Found::of).collect(),
    }
}

/// The report as lines.
pub fn lines<'a>(facts: &'a Facts, findings: &'a [Finding]) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = facts.domain.iter().map(Line::Domain).collect();
    lines.extend(facts.endpoints.iter().map(Line::Endpoint));
    lines.extend(findings.iter().map(|finding| Line::Finding(Found::of(finding))));
    lines.push(Line::Summary(Summary::of(facts, findings)));
    lines
}

#[cfg(test)]
pub mod tests {
    use std::time::Duration;

    use super::*;
    use crate::verbs::probe::catalogue;
    use crate::verbs::probe::facts::*;
    use crate::verbs::probe::timing::{Phase, Timing};

    /// Facts of one endpoint, for the tests of every form.
    pub fn report() -> Facts {
        let ms = Duration::from_millis;
        let timing = |phase, time| Timing { phase, took: ms(time) };
        let version = |name: &str, taken| Version { version: name.into(), taken };
        Facts {
            subject: "imaps://mail.example".into(),
            time: 1_794_657_600,
            domain: None,
            endpoints: vec![Endpoint {
                url: "imaps://mail.example:993".into(),
                service: Service {
                    protocol: Protocol::Imap,
                    role: Role::Access,
                    tls: Start::Implicit,
                },
                host: "mail.example".into(),
                loopback: false,
                addresses: vec![Address {
                    address: "192.0.2.1:993".into(),
                    ip: Some([192, 0, 2, 1].into()),
                    outcome: Outcome::Connected { took: ms(10) },
                }],
                session: Session {
                    phases: vec![
                        timing(Phase::Dns, 30),
                        timing(Phase::Tcp, 10),
                        timing(Phase::Tls, 10),
                    ],
                    greeting: Some("* OK ready".into()),
                    tls: Some(Tls {
                        version: "TLS 1.3".into(),
                        cipher: "TLS_AES_128_GCM_SHA256".into(),
                        group: Some("x25519".into()),
                        chain: Vec::new(),
                    }),
                    ..Session::default()
                },
                verification: Some(Verification::Failed {
                    fault: CertificateFault::Name,
                    detail: "why".into(),
                }),
                spoken: Some(Spoken {
                    versions: vec![
                        version("SSL 3.0", Taken::No { detail: "alert protocol_version".into() }),
                        version("TLS 1.3", Taken::Yes { detail: "TLS_AES_128_GCM_SHA256".into() }),
                    ],
                    ..Spoken::default()
                }),
                percentiles: Vec::new(),
                failed_runs: 0,
                trials: vec![Tried::yes(Trial::Pipelining, "250 / 250")],
                offered_to_user: None,
            }],
            connections: 9,
            budget: 60,
        }
    }

    /// Findings of each kind.
    pub fn findings() -> Vec<Finding> {
        let on = "imaps://mail.example:993";
        vec![
            catalogue::IMAP_GREETING.pass(on, "* OK ready"),
            catalogue::TLS_NAME
                .bad(on, "the certificate is not for mail.example but for other.example"),
            catalogue::TLS_13.unknown(on, "no answer within 15 s"),
            catalogue::TLS_POST_QUANTUM.bad(on, "no such group is taken"),
        ]
    }

    #[test]
    fn lines_as_programs_read_them() {
        let (facts, findings) = (report(), findings());
        let all: Vec<String> = lines(&facts, &findings)
            .iter()
            .map(|line| serde_json::to_string(line).expect("serializes"))
            .collect();
        assert_eq!(all.len(), 6);
        let endpoint: serde_json::Value = serde_json::from_str(&all[0]).expect("JSON");
        assert_eq!(endpoint["type"], "endpoint");
        assert_eq!(endpoint["service"]["tls"], "implicit");
        assert_eq!(endpoint["session"]["phases"][0]["ms"], 30.0);
        assert_eq!(endpoint["verification"]["fault"], "name");
        assert_eq!(endpoint["spoken"]["versions"][0]["state"], "no");
        assert_eq!(endpoint["addresses"][0]["outcome"]["state"], "connected");
        assert!(
            all[2].starts_with(r#"{"type":"finding","id":"TLS-004","verdict":"fail","holds":false,"severity":"fail","on":"imaps://mail.example:993","title":""#),
            "{}",
            all[2]
        );
        let finding: serde_json::Value = serde_json::from_str(&all[2]).expect("JSON");
        assert!(finding["fix"]["DNS"].is_string());
        assert_eq!(
            all[5],
            r#"{"type":"summary","subject":"imaps://mail.example","time":1794657600,"result":"fail","counts":{"pass":2,"warn":0,"fail":1,"unknown":1},"connections":9,"budget":60}"#
        );
    }

    #[test]
    fn the_object_holds_the_same() {
        let (facts, findings) = (report(), findings());
        let report = super::report(&facts, &findings);
        let value = serde_json::to_value(&report).expect("serializes");
        assert_eq!(value["summary"]["result"], "fail");
        assert_eq!(value["findings"].as_array().map(Vec::len), Some(4));
        assert_eq!(value["endpoints"][0]["url"], "imaps://mail.example:993");
        assert!(value["domain"].is_null());
    }

    #[test]
    fn what_is_unknown_says_so() {
        let mx: Known<Exchangers> = Known::unknown("SERVFAIL");
        assert_eq!(serde_json::to_string(&mx).expect("JSON"), r#"{"unknown":"SERVFAIL"}"#);
        let none = Known::Is(Exchangers::NoDomain);
        assert_eq!(serde_json::to_string(&none).expect("JSON"), r#"{"state":"no-domain"}"#);
    }
}
