//! From facts to findings: pure functions, each of which knows some entries of the catalogue.
//!
//! A thing that could not be measured because of something certain (the port is closed) is
//! left out, since the cause has a finding of its own; one that could not be measured because
//! of something that may pass is unknown.

mod domain;
mod records;
mod server;
mod tls;
mod trials;

#[cfg(test)]
pub mod pairs;

use super::facts::{Endpoint, Exchangers, Facts, Known, Stop};
use super::findings::{Entry, Finding};

/// All findings, in the order of the facts.
pub fn all(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(domain) = &facts.domain {
        domain::check(domain, &mut findings);
        if !matches!(domain.mx, Known::Is(Exchangers::NoDomain)) {
            records::check(domain, &mut findings);
        }
        findings.sort_by_key(|finding| place(finding.entry));
    }
    for endpoint in &facts.endpoints {
        let start = findings.len();
        server::check(endpoint, &mut findings);
        tls::check(endpoint, facts.time, &mut findings);
        trials::check(endpoint, &mut findings);
        // Within an endpoint in the order of the catalogue, which is that of a reader.
        findings[start..].sort_by_key(|finding| place(finding.entry));
    }
    findings
}

fn place(entry: &Entry) -> usize {
    super::catalogue::ALL.iter().position(|known| known.id == entry.id).unwrap_or(usize::MAX)
}

/// What is to be said of an entry that the conversation did not reach: nothing when what
/// ended it was certain.
fn unreached(entry: &'static Entry, endpoint: &Endpoint, out: &mut Vec<Finding>) {
    match &endpoint.session.stop {
        Some(stop) if stop.is_certain() => {}
        Some(stop) => out.push(entry.unknown(&endpoint.url, told(stop))),
        None => {}
    }
}

/// A stop as evidence.
fn told(stop: &Stop) -> String {
    format!("{}: {}", stop.phase, stop.detail)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::verbs::probe::catalogue;
    use crate::verbs::probe::facts::*;
    use crate::verbs::probe::findings::Verdict;
    use crate::verbs::probe::policy::spf;

    fn offer(lines: &[&str]) -> Offer {
        Offer {
            extended: true,
            name: None,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            starttls: true,
            mechanisms: vec!["PLAIN".into()],
            login: Some(false),
        }
    }

    fn endpoint(protocol: Protocol, role: Role, tls: Start) -> Endpoint {
        let certificate = super::super::certificate::Certificate {
            subject: "CN=mx.example".into(),
            issuer: "CN=authority".into(),
            names: vec!["mx.example".into()],
            not_before: 0,
            not_after: 4_000_000_000,
            key: "RSA".into(),
            key_bits: Some(2048),
            signature: "SHA-256 with RSA".into(),
            self_signed: false,
            pin: None,
        };
        Endpoint {
            url: "x://mx.example".into(),
            service: Service { protocol, role, tls },
            host: "mx.example".into(),
            loopback: false,
            addresses: vec![
                Address {
                    address: "192.0.2.1:1".into(),
                    ip: Some([192, 0, 2, 1].into()),
                    outcome: Outcome::Connected { took: Duration::from_millis(1) },
                },
                Address {
                    address: "[2001:db8::1]:1".into(),
                    ip: Some([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()),
                    outcome: Outcome::Connected { took: Duration::from_millis(1) },
                },
            ],
            session: Session {
                greeting: Some("220 mx.example ESMTP".into()),
                before: (tls == Start::Starttls)
                    .then(|| offer(&["PIPELINING", "SIZE 1", "STARTTLS"])),
                go_ahead: Some("220 go".into()),
                tls: Some(Tls {
                    version: "TLS 1.3".into(),
                    cipher: "TLS_AES_128_GCM_SHA256".into(),
                    group: Some("X25519".into()),
                    chain: vec![certificate],
                }),
                after: Some(offer(&["PIPELINING", "IMAP4rev1", "UIDL", "8BITMIME"])),
                ..Session::default()
            },
            verification: Some(Verification::Verified),
            spoken: Some(Spoken {
                versions: ["SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"]
                    .iter()
                    .map(|version| Version {
                        version: (*version).to_owned(),
                        taken: if *version > "TLS 1.1" {
                            Taken::Yes { detail: "TLS_AES_128_GCM_SHA256".into() }
                        } else {
                            Taken::No { detail: "alert protocol_version".into() }
                        },
                    })
                    .collect(),
                ..Spoken::default()
            }),
            percentiles: Vec::new(),
            failed_runs: 0,
            trials: Vec::new(),
            offered_to_user: None,
        }
    }

    fn domain() -> Domain {
        Domain {
            domain: "example.org".into(),
            mx: Known::Is(Exchangers::Found {
                hosts: vec![Exchanger {
                    preference: 10,
                    host: "mx.example".into(),
                    alias: Known::Is(None),
                    addresses: Known::Is(vec![[192, 0, 2, 1].into()]),
                }],
            }),
            spf: Known::Is(Spf {
                records: vec!["v=spf1 mx -all".into()],
                reading: Some(spf::Reading {
                    lookups: 1,
                    all: Some("-all".into()),
                    ..Default::default()
                }),
            }),
            dmarc: Known::Is(Some(Dmarc {
                name: "_dmarc.example.org".into(),
                walk: Vec::new(),
                records: vec!["v=DMARC1; p=reject; rua=mailto:a@example.org".into()],
            })),
            mta_sts: Known::Is(vec!["v=STSv1; id=1".into()]),
            tls_rpt: Known::Is(vec!["v=TLSRPTv1; rua=mailto:a@example.org".into()]),
            ..Domain::default()
        }
    }

    fn facts(domain: Option<Domain>, endpoints: Vec<Endpoint>) -> Facts {
        Facts {
            subject: "x".into(),
            time: 1_800_000_000,
            domain,
            endpoints,
            connections: 1,
            budget: 9,
        }
    }

    /// The verdict on one entry; `None`: no finding of it.
    fn verdict(findings: &[Finding], entry: &Entry) -> Option<Verdict> {
        findings.iter().find(|finding| finding.entry.id == entry.id).map(|finding| finding.verdict)
    }

    fn of(endpoint: Endpoint) -> Vec<Finding> {
        all(&facts(None, vec![endpoint]))
    }

    #[test]
    fn a_closed_port_is_one_finding_and_a_silent_one_is_unknown() {
        for (kind, want) in
            [(StopKind::Unreachable, Verdict::Fail), (StopKind::NoAnswer, Verdict::Unknown)]
        {
            let mut down = endpoint(Protocol::Smtp, Role::Mx, Start::Starttls);
            let stop = Stop { phase: super::super::timing::Phase::Tcp, kind, detail: "why".into() };
            down.addresses = Vec::new();
            down.session = Session { stop: Some(stop), ..Session::default() };
            (down.verification, down.spoken) = (None, None);
            let findings = of(down);
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert_eq!(verdict(&findings, &catalogue::NET_REACHABLE), Some(want));
        }
    }

    #[test]
    fn what_is_put_off_is_unknown_and_never_absent() {
        let mut busy = endpoint(Protocol::Smtp, Role::Mx, Start::Starttls);
        busy.session = Session {
            greeting: Some("220 mx.example ESMTP".into()),
            stop: Some(Stop {
                phase: super::super::timing::Phase::Hello,
                kind: StopKind::Later,
                detail: "421 4.7.0 too many".into(),
            }),
            ..Session::default()
        };
        (busy.verification, busy.spoken) = (None, None);
        let findings = of(busy);
        for entry in
            [&catalogue::TLS_STARTTLS, &catalogue::SMTP_PIPELINING, &catalogue::AUTH_BEFORE_TLS]
        {
            assert_eq!(verdict(&findings, entry), Some(Verdict::Unknown), "{}", entry.id);
        }
        assert!(findings.iter().all(|finding| finding.verdict != Verdict::Fail));
    }

    #[test]
    fn a_family_that_only_this_machine_lacks_is_no_finding() {
        let with = |kind| {
            let mut half = endpoint(Protocol::Smtp, Role::Mx, Start::Starttls);
            half.addresses[1].outcome = Outcome::Failed { kind, detail: "why".into() };
            verdict(&of(half), &catalogue::NET_FAMILIES)
        };
        assert_eq!(with(StopKind::Unreachable), Some(Verdict::Warn));
        assert_eq!(with(StopKind::NoAnswer), Some(Verdict::Unknown));
        assert_eq!(with(StopKind::Ours), None);
    }

    #[test]
    fn certificates_are_told_apart_by_what_is_wrong_and_by_who_cares() {
        let with = |fault, role, entry| {
            let mut bad = endpoint(Protocol::Smtp, role, Start::Implicit);
            bad.verification = Some(Verification::Failed { fault, detail: "why".into() });
            verdict(&of(bad), entry)
        };
        let submission = Role::Submission;
        assert_eq!(
            with(CertificateFault::Trust, submission, &catalogue::TLS_TRUSTED),
            Some(Verdict::Fail)
        );
        assert_eq!(
            with(CertificateFault::Trust, Role::Mx, &catalogue::TLS_TRUSTED),
            Some(Verdict::Warn)
        );
        assert_eq!(with(CertificateFault::Trust, submission, &catalogue::TLS_NAME), None);
        assert_eq!(
            with(CertificateFault::Name, submission, &catalogue::TLS_NAME),
            Some(Verdict::Fail)
        );
        assert_eq!(
            with(CertificateFault::Name, submission, &catalogue::TLS_TIME),
            Some(Verdict::Pass)
        );
        assert_eq!(
            with(CertificateFault::Time, submission, &catalogue::TLS_TIME),
            Some(Verdict::Fail)
        );

        let mut expiring = endpoint(Protocol::Imap, Role::Access, Start::Implicit);
        if let Some(tls) = &mut expiring.session.tls {
            tls.chain[0].not_after = 1_800_000_000 + 13 * 86_400;
            tls.chain[0].key_bits = Some(1024);
            tls.chain[0].signature = "SHA-1 with RSA".into();
        }
        let findings = of(expiring);
        assert_eq!(verdict(&findings, &catalogue::TLS_TIME), Some(Verdict::Pass));
        assert_eq!(verdict(&findings, &catalogue::TLS_EXPIRY), Some(Verdict::Warn));
        assert_eq!(verdict(&findings, &catalogue::TLS_KEY_SIZE), Some(Verdict::Warn));
        assert_eq!(verdict(&findings, &catalogue::TLS_SIGNATURE), Some(Verdict::Fail));
    }

    #[test]
    fn raw_hellos_are_judged() {
        let with = |change: fn(&mut Spoken), entry| {
            let mut server = endpoint(Protocol::Imap, Role::Access, Start::Implicit);
            change(server.spoken.as_mut().expect("spoken"));
            verdict(&of(server), entry)
        };
        fn old(spoken: &mut Spoken) {
            spoken.versions[0].taken = Taken::Yes { detail: "RC4".into() };
            spoken.versions[2].taken = Taken::Unknown { detail: "reset".into() };
        }
        assert_eq!(with(old, &catalogue::TLS_NO_SSL), Some(Verdict::Fail));
        assert_eq!(with(old, &catalogue::TLS_NO_OLD), Some(Verdict::Unknown));
        fn weak(spoken: &mut Spoken) {
            spoken.weak.found =
                vec!["TLS_RSA_WITH_RC4_128_SHA".into(), "TLS_DH_anon_WITH_AES_128_CBC_SHA".into()];
            spoken.weak.unknown = Some("reset".into());
        }
        assert_eq!(with(weak, &catalogue::TLS_BROKEN_SUITES), Some(Verdict::Fail));
        assert_eq!(with(weak, &catalogue::TLS_ANONYMOUS), Some(Verdict::Warn));
        assert_eq!(with(weak, &catalogue::TLS_SMALL_BLOCKS), Some(Verdict::Unknown));
        fn none(_: &mut Spoken) {}
        assert_eq!(with(none, &catalogue::TLS_POST_QUANTUM), Some(Verdict::Pass));
    }

    #[test]
    fn logins_before_tls_are_found_in_each_protocol() {
        let with = |protocol, change: fn(&mut Offer)| {
            let mut server = endpoint(protocol, Role::Access, Start::Starttls);
            let before = server.session.before.as_mut().expect("before");
            before.mechanisms.clear();
            change(before);
            verdict(&of(server), &catalogue::AUTH_BEFORE_TLS)
        };
        fn nothing(_: &mut Offer) {}
        fn plain(offer: &mut Offer) {
            offer.mechanisms = vec!["PLAIN".into()];
        }
        fn scram(offer: &mut Offer) {
            offer.mechanisms = vec!["SCRAM-SHA-256".into()];
        }
        fn login(offer: &mut Offer) {
            offer.login = Some(true);
        }
        fn silent(offer: &mut Offer) {
            offer.login = None;
        }
        assert_eq!(with(Protocol::Imap, nothing), Some(Verdict::Pass));
        assert_eq!(with(Protocol::Imap, login), Some(Verdict::Fail));
        assert_eq!(with(Protocol::Smtp, plain), Some(Verdict::Fail));
        assert_eq!(with(Protocol::Smtp, scram), Some(Verdict::Pass));
        assert_eq!(with(Protocol::Pop3, silent), Some(Verdict::Unknown));
    }

    #[test]
    fn records_are_classified() {
        let with = |change: fn(&mut Domain), entry| {
            let mut domain = domain();
            change(&mut domain);
            verdict(&all(&facts(Some(domain), Vec::new())), entry)
        };
        fn exchanger(domain: &mut Domain, host: &str) {
            if let Known::Is(Exchangers::Found { hosts }) = &mut domain.mx {
                let mut other = hosts[0].clone();
                other.host = host.into();
                hosts.push(other);
            }
        }
        fn spf(domain: &mut Domain, change: fn(&mut spf::Reading)) {
            if let Known::Is(Spf { reading: Some(reading), .. }) = &mut domain.spf {
                change(reading);
            }
        }
        fn dmarc(domain: &mut Domain, records: &[&str]) {
            let records = records.iter().map(|record| (*record).to_owned()).collect();
            let name = "_dmarc.example.org".to_owned();
            domain.dmarc = Known::Is(Some(Dmarc { name, walk: Vec::new(), records }));
        }
        use Verdict::{Fail, Pass, Unknown, Warn};
        type Case = (fn(&mut Domain), &'static Entry, Option<Verdict>);
        let cases: [Case; 28] = [
            (|d| d.mx = Known::Is(Exchangers::NoDomain), &catalogue::DNS_DOMAIN, Some(Fail)),
            (|d| d.mx = Known::unknown("SERVFAIL"), &catalogue::DNS_DOMAIN, Some(Unknown)),
            (|d| d.mx = Known::Is(Exchangers::NoDomain), &catalogue::SPF_PRESENT, None),
            (
                |d| d.mx = Known::Is(Exchangers::None { addresses: Known::Is(Vec::new()) }),
                &catalogue::MX_PRESENT,
                Some(Warn),
            ),
            (|d| exchanger(d, ""), &catalogue::MX_NULL_ALONE, Some(Fail)),
            (|d| exchanger(d, "192.0.2.9"), &catalogue::MX_LITERAL, Some(Fail)),
            (|d| exchanger(d, "192.0.2.9"), &catalogue::MX_ADDRESS, Some(Pass)),
            (
                |d| {
                    if let Known::Is(Exchangers::Found { hosts }) = &mut d.mx {
                        hosts[0].alias = Known::Is(Some("other.example".into()));
                        hosts[0].addresses = Known::Is(Vec::new());
                    }
                },
                &catalogue::MX_ALIAS,
                Some(Fail),
            ),
            (
                |d| {
                    if let Known::Is(Exchangers::Found { hosts }) = &mut d.mx {
                        hosts[0].addresses = Known::Is(Vec::new());
                    }
                },
                &catalogue::MX_ADDRESS,
                Some(Fail),
            ),
            (
                |d| d.spf = Known::Is(Spf { records: Vec::new(), reading: None }),
                &catalogue::SPF_PRESENT,
                Some(Warn),
            ),
            (
                |d| {
                    let records = vec!["v=spf1 -all".into(), "v=spf1 ~all".into()];
                    d.spf = Known::Is(Spf { records, reading: None });
                },
                &catalogue::SPF_ONE,
                Some(Fail),
            ),
            (|d| d.spf = Known::unknown("timeout"), &catalogue::SPF_PRESENT, Some(Unknown)),
            (|d| spf(d, |r| r.open = Some("+all".into())), &catalogue::SPF_ALL, Some(Fail)),
            (|d| spf(d, |r| r.lookups = 10), &catalogue::SPF_LOOKUPS, Some(Pass)),
            (|d| spf(d, |r| r.lookups = 11), &catalogue::SPF_LOOKUPS, Some(Fail)),
            (|d| spf(d, |r| r.unknown = Some("x".into())), &catalogue::SPF_LOOKUPS, Some(Unknown)),
            (|d| spf(d, |r| r.fault = Some("x".into())), &catalogue::SPF_VALID, Some(Fail)),
            (|d| spf(d, |r| r.all = Some("?all".into())), &catalogue::SPF_END, Some(Warn)),
            (|d| spf(d, |r| r.all = None), &catalogue::SPF_END, Some(Warn)),
            (|d| spf(d, |r| r.ptr = true), &catalogue::SPF_PTR, Some(Warn)),
            (|d| d.dmarc = Known::Is(None), &catalogue::DMARC_PRESENT, Some(Warn)),
            (|d| dmarc(d, &["v=DMARC1; p=none"]), &catalogue::DMARC_POLICY, Some(Warn)),
            (|d| dmarc(d, &["v=DMARC1; p=x"]), &catalogue::DMARC_VALID, Some(Fail)),
            (
                |d| dmarc(d, &["v=DMARC1; p=none", "v=DMARC1; p=reject"]),
                &catalogue::DMARC_ONE,
                Some(Fail),
            ),
            (|d| d.mta_sts = Known::Is(Vec::new()), &catalogue::MTA_STS_PRESENT, Some(Pass)),
            (
                |d| d.mta_sts = Known::Is(vec!["v=STSv1; id=a b".into()]),
                &catalogue::MTA_STS_VALID,
                Some(Fail),
            ),
            (
                |d| d.tls_rpt = Known::Is(vec!["v=TLSRPTv1".into()]),
                &catalogue::TLS_RPT_VALID,
                Some(Warn),
            ),
            (|d| d.tls_rpt = Known::unknown("timeout"), &catalogue::TLS_RPT_PRESENT, Some(Unknown)),
        ];
        for (index, (change, entry, want)) in cases.into_iter().enumerate() {
            assert_eq!(with(change, entry), want, "case {index}: {}", entry.id);
        }
    }
}
