//! Every entry of the catalogue, produced on purpose and shown absent: each has a change that
//! breaks good facts, so that the entry does not hold, while it holds without the change.
//!
//! Real servers with these faults are in `tests/probe.rs`; here nothing can be forgotten.

use std::time::Duration;

use super::*;
use crate::verbs::probe::catalogue as c;
use crate::verbs::probe::certificate::Certificate;
use crate::verbs::probe::facts::*;
use crate::verbs::probe::policy::spf;
use crate::verbs::probe::timing::Phase;

const NOW: i64 = 1_800_000_000;

fn offer(lines: &[&str]) -> Offer {
    Offer {
        extended: true,
        name: None,
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        starttls: true,
        mechanisms: vec!["SCRAM-SHA-256".into()],
        login: Some(false),
    }
}

fn address(ip: std::net::IpAddr) -> Address {
    let outcome = Outcome::Connected { took: Duration::from_millis(1) };
    Address { address: ip.to_string(), ip: Some(ip), outcome }
}

/// A server with everything as it should be.
pub fn good(protocol: Protocol) -> Endpoint {
    let lines = ["PIPELINING", "SIZE 1", "8BITMIME", "SMTPUTF8", "IMAP4rev1", "UIDL", "STARTTLS"];
    let yes = |trial| Tried::yes(trial, "so");
    let no = |trial| Tried::no(trial, "not so");
    let version = |name: &str, is_new| Version {
        version: name.to_owned(),
        taken: match is_new {
            true => Taken::Yes { detail: "TLS_AES_128_GCM_SHA256".into() },
            false => Taken::No { detail: "alert protocol_version".into() },
        },
    };
    Endpoint {
        url: "x://mx.example".into(),
        service: Service { protocol, role: Role::Submission, tls: Start::Starttls },
        host: "mx.example".into(),
        loopback: false,
        addresses: vec![
            address([192, 0, 2, 1].into()),
            address([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()),
        ],
        session: Session {
            greeting: Some("220 mx.example ESMTP".into()),
            before: Some(offer(&lines)),
            go_ahead: Some("220 go".into()),
            tls: Some(Tls {
                version: "TLS 1.3".into(),
                cipher: "TLS_AES_128_GCM_SHA256".into(),
                group: Some("X25519MLKEM768".into()),
                chain: vec![Certificate {
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
                }],
            }),
            after: Some(offer(&lines)),
            ..Session::default()
        },
        verification: Some(Verification::Verified),
        spoken: Some(Spoken {
            versions: vec![
                version("SSL 3.0", false),
                version("TLS 1.0", false),
                version("TLS 1.1", false),
                version("TLS 1.2", true),
                version("TLS 1.3", true),
            ],
            post_quantum: Listing { found: vec!["X25519MLKEM768".into()], unknown: None },
            ..Spoken::default()
        }),
        percentiles: Vec::new(),
        failed_runs: 0,
        trials: vec![
            yes(Trial::ReverseName),
            yes(Trial::ReverseConfirmed),
            yes(Trial::ReverseGreeted),
            yes(Trial::Pipelining),
            yes(Trial::EnhancedCodes),
            yes(Trial::EightBit),
            yes(Trial::Utf8),
            yes(Trial::SizeKept),
            yes(Trial::Chunking),
            yes(Trial::RequireTls),
            no(Trial::MailBeforeTls),
            no(Trial::Injection),
            no(Trial::EarlyTalker),
            no(Trial::Verify),
            no(Trial::Expand),
            no(Trial::Relay),
            no(Trial::Smuggling),
            no(Trial::Compression),
            yes(Trial::SecureRenegotiation),
            no(Trial::ClientRenegotiation),
            yes(Trial::ServerOrder),
            yes(Trial::Nameless),
            yes(Trial::StrictAlpn),
            yes(Trial::Resumption),
            yes(Trial::Staple),
            yes(Trial::StapleGood),
            no(Trial::Heartbleed),
            no(Trial::EarlyChange),
            no(Trial::Robot),
            no(Trial::Ssl2),
            no(Trial::SmallPrime),
            yes(Trial::Backends),
            yes(Trial::Tlsa),
            yes(Trial::TlsaMatch),
            yes(Trial::Login),
            yes(Trial::Namespaces),
            yes(Trial::UidValidity),
            yes(Trial::Idle),
        ],
        offered_to_user: None,
    }
}

fn host(name: &str) -> Host {
    Host {
        host: name.into(),
        port: 993,
        alias: Known::Is(None),
        addresses: Known::Is(vec![[192, 0, 2, 1].into()]),
    }
}

/// A domain with everything as it should be.
pub fn domain() -> Domain {
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
                voids: Some(Vec::new()),
                ..spf::Reading::default()
            }),
        }),
        dmarc: Known::Is(Some(Dmarc {
            name: "_dmarc.example.org".into(),
            walk: vec!["_dmarc.example.org".into()],
            records: vec!["v=DMARC1; p=reject; adkim=s; aspf=s; rua=mailto:a@example.org".into()],
        })),
        mta_sts: Known::Is(vec!["v=STSv1; id=1".into()]),
        tls_rpt: Known::Is(vec!["v=TLSRPTv1; rua=mailto:a@example.org".into()]),
        signed: Known::Is(true),
        sts_policy: Some(Known::Is(StsPolicy {
            mode: "enforce".into(),
            max_age: 604_800,
            patterns: vec!["mx.example".into()],
            fault: None,
            unlisted: Vec::new(),
        })),
        dkim: vec![key("s1", ED25519)],
        report_hosts: Vec::new(),
        caa: Known::Is(vec!["example.org. CAA 0 issue \"ca.example\"".into()]),
        host_caa: vec![HostCaa {
            host: "mx.example".into(),
            records: Known::Is(vec!["mx.example. CAA 0 issue \"ca.example\"".into()]),
        }],
        bimi: Known::Is(vec!["v=BIMI1; l=https://example.org/l.svg".into()]),
        dns_lists: vec![DnsList {
            zone: "dnsbl.example".into(),
            address: [192, 0, 2, 1].into(),
            codes: Known::Is(Vec::new()),
        }],
        offered: vec![Offered {
            name: "_imaps._tcp.example.org".into(),
            hosts: Known::Is(vec![host("mail.example")]),
        }],
        autoconfig: Known::Is(Some(Autoconfig {
            url: "https://autoconfig.example.org/".into(),
            servers: vec!["imaps://mail.example:993".into()],
            fault: None,
        })),
        autodiscover: Known::Is(Some(Autodiscover {
            servers: vec!["imaps://mail.example:993".into()],
            ..Autodiscover::at("https://autodiscover.example.org/")
        })),
        knocks: Vec::new(),
    }
}

const ED25519: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const RSA_1024: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB";

fn key(selector: &str, record: &str) -> Dkim {
    Dkim { selector: selector.into(), is_named: false, record: Known::Is(record.into()) }
}

fn facts(domain: Option<Domain>, endpoints: Vec<Endpoint>) -> Facts {
    Facts { subject: "x".into(), time: NOW, domain, endpoints, connections: 1, budget: 9 }
}

type OfServer = (Protocol, &'static Entry, fn(&mut Endpoint));
type OfDomain = (&'static Entry, fn(&mut Domain));

fn turn(endpoint: &mut Endpoint, trial: Trial) {
    let tried = endpoint.trials.iter_mut().find(|tried| tried.trial == trial);
    let taken = &mut tried.expect("it is in the good facts").taken;
    let detail = "turned".to_owned();
    *taken = match taken {
        Taken::Yes { .. } => Taken::No { detail },
        _ => Taken::Yes { detail },
    };
}

fn spoken(endpoint: &mut Endpoint) -> &mut Spoken {
    endpoint.spoken.as_mut().expect("good facts")
}

fn leaf(endpoint: &mut Endpoint) -> &mut Certificate {
    &mut endpoint.session.tls.as_mut().expect("good facts").chain[0]
}

fn strike(endpoint: &mut Endpoint, keyword: &str) {
    for offer in [&mut endpoint.session.before, &mut endpoint.session.after].into_iter().flatten() {
        offer.lines.retain(|line| !line.starts_with(keyword));
    }
}

fn stopped(endpoint: &mut Endpoint, phase: Phase, kind: StopKind) {
    let keep = std::mem::take(&mut endpoint.session);
    let stop = Stop { phase, kind, detail: "why".into() };
    let session = &mut endpoint.session;
    session.stop = Some(stop);
    if phase > Phase::Banner {
        session.greeting = keep.greeting;
    }
    if phase > Phase::Hello {
        session.before = keep.before;
    }
}

fn of_server() -> Vec<OfServer> {
    use Protocol::{Imap, Pop3, Smtp};
    fn failed(endpoint: &mut Endpoint, fault: CertificateFault) {
        endpoint.verification = Some(Verification::Failed { fault, detail: "why".into() });
    }
    fn taken(endpoint: &mut Endpoint, at: usize, suite: &str) {
        spoken(endpoint).versions[at].taken = Taken::Yes { detail: suite.into() };
    }
    fn weak(endpoint: &mut Endpoint, suite: &str) {
        spoken(endpoint).weak.found.push(suite.into());
    }
    vec![
        (Smtp, &c::NET_REACHABLE, |e| {
            e.addresses.clear();
            stopped(e, Phase::Tcp, StopKind::Unreachable);
        }),
        (Smtp, &c::NET_FAMILIES, |e| {
            e.addresses[1].outcome =
                Outcome::Failed { kind: StopKind::Unreachable, detail: "why".into() };
        }),
        (Smtp, &c::NET_REVERSE, |e| turn(e, Trial::ReverseName)),
        (Smtp, &c::NET_CONFIRMED, |e| turn(e, Trial::ReverseConfirmed)),
        (Smtp, &c::NET_GREETED, |e| turn(e, Trial::ReverseGreeted)),
        (Smtp, &c::TLS_STARTTLS, |e| {
            e.session.before.as_mut().expect("good").starttls = false;
        }),
        (Smtp, &c::TLS_HANDSHAKE, |e| stopped(e, Phase::Tls, StopKind::Handshake)),
        (Smtp, &c::TLS_TRUSTED, |e| failed(e, CertificateFault::Trust)),
        (Smtp, &c::TLS_NAME, |e| failed(e, CertificateFault::Name)),
        (Smtp, &c::TLS_TIME, |e| failed(e, CertificateFault::Time)),
        (Smtp, &c::TLS_EXPIRY, |e| leaf(e).not_after = NOW + 13 * 86_400),
        (Smtp, &c::TLS_NO_SSL, |e| taken(e, 0, "TLS_RSA_WITH_RC4_128_SHA")),
        (Smtp, &c::TLS_NO_OLD, |e| taken(e, 2, "TLS_RSA_WITH_AES_128_CBC_SHA")),
        (Smtp, &c::TLS_13, |e| {
            spoken(e).versions[4].taken = Taken::No { detail: "alert".into() };
            e.session.tls.as_mut().expect("good").version = "TLS 1.2".into();
        }),
        (Smtp, &c::TLS_BROKEN_SUITES, |e| weak(e, "TLS_RSA_WITH_RC4_128_SHA")),
        (Smtp, &c::TLS_ANONYMOUS, |e| weak(e, "TLS_DH_anon_WITH_AES_128_CBC_SHA")),
        (Smtp, &c::TLS_SMALL_BLOCKS, |e| weak(e, "TLS_RSA_WITH_3DES_EDE_CBC_SHA")),
        (Smtp, &c::TLS_POST_QUANTUM, |e| {
            spoken(e).post_quantum.found.clear();
            e.session.tls.as_mut().expect("good").group = Some("X25519".into());
        }),
        (Smtp, &c::TLS_KEY_SIZE, |e| leaf(e).key_bits = Some(1024)),
        (Smtp, &c::TLS_SIGNATURE, |e| leaf(e).signature = "SHA-1 with RSA".into()),
        (Smtp, &c::TLS_REQUIRED, |e| turn(e, Trial::MailBeforeTls)),
        (Smtp, &c::TLS_INJECTION, |e| turn(e, Trial::Injection)),
        (Smtp, &c::TLS_MASKED, |e| {
            e.session.before.as_mut().expect("good").lines.push("XXXXXXXA".into());
        }),
        (Smtp, &c::TLS_STAPLE, |e| turn(e, Trial::Staple)),
        (Smtp, &c::TLS_STAPLE_GOOD, |e| turn(e, Trial::StapleGood)),
        (Smtp, &c::TLS_NAMELESS, |e| turn(e, Trial::Nameless)),
        (Smtp, &c::TLS_ALPN, |e| turn(e, Trial::StrictAlpn)),
        (Smtp, &c::TLS_RESUMPTION, |e| turn(e, Trial::Resumption)),
        (Smtp, &c::TLS_COMPRESSION, |e| turn(e, Trial::Compression)),
        (Smtp, &c::TLS_AGAIN, |e| turn(e, Trial::ClientRenegotiation)),
        (Smtp, &c::TLS_RENEGOTIATION, |e| turn(e, Trial::SecureRenegotiation)),
        (Smtp, &c::TLS_ORDER, |e| turn(e, Trial::ServerOrder)),
        (Smtp, &c::TLS_PRIME, |e| turn(e, Trial::SmallPrime)),
        (Smtp, &c::TLS_HEARTBLEED, |e| turn(e, Trial::Heartbleed)),
        (Smtp, &c::TLS_EARLY_CHANGE, |e| turn(e, Trial::EarlyChange)),
        (Smtp, &c::TLS_ROBOT, |e| turn(e, Trial::Robot)),
        (Smtp, &c::TLS_POODLE, |e| taken(e, 0, "TLS_RSA_WITH_AES_128_CBC_SHA")),
        (Smtp, &c::TLS_DROWN, |e| turn(e, Trial::Ssl2)),
        (Smtp, &c::TLS_FREAK, |e| weak(e, "TLS_RSA_EXPORT_WITH_RC4_40_MD5")),
        (Smtp, &c::TLS_LOGJAM, |e| weak(e, "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA")),
        (Smtp, &c::TLS_BACKENDS, |e| turn(e, Trial::Backends)),
        (Smtp, &c::AUTH_BEFORE_TLS, |e| {
            e.session.before.as_mut().expect("good").mechanisms.push("PLAIN".into());
        }),
        (Smtp, &c::AUTH_OFFERED, |e| {
            e.session.after.as_mut().expect("good").mechanisms.clear();
        }),
        (Smtp, &c::AUTH_LOGIN, |e| turn(e, Trial::Login)),
        (Smtp, &c::SMTP_GREETING, |e| stopped(e, Phase::Banner, StopKind::Refused)),
        (Smtp, &c::SMTP_BANNER, |e| e.session.greeting = Some("220 mx ESMTP".into())),
        (Smtp, &c::SMTP_EHLO, |e| stopped(e, Phase::Hello, StopKind::Refused)),
        (Smtp, &c::SMTP_PIPELINING, |e| strike(e, "PIPELINING")),
        (Smtp, &c::SMTP_8BITMIME, |e| strike(e, "8BITMIME")),
        (Smtp, &c::SMTP_SIZE, |e| strike(e, "SIZE")),
        (Smtp, &c::SMTP_UTF8, |e| strike(e, "SMTPUTF8")),
        (Smtp, &c::SMTP_REPLIES, |e| turn(e, Trial::Pipelining)),
        (Smtp, &c::SMTP_ENHANCED, |e| turn(e, Trial::EnhancedCodes)),
        (Smtp, &c::SMTP_8BIT_TAKEN, |e| turn(e, Trial::EightBit)),
        (Smtp, &c::SMTP_SIZE_KEPT, |e| turn(e, Trial::SizeKept)),
        (Smtp, &c::SMTP_UTF8_TAKEN, |e| turn(e, Trial::Utf8)),
        (Smtp, &c::SMTP_CHUNKING_TAKEN, |e| turn(e, Trial::Chunking)),
        (Smtp, &c::SMTP_REQUIRETLS, |e| turn(e, Trial::RequireTls)),
        (Smtp, &c::SMTP_EARLY, |e| turn(e, Trial::EarlyTalker)),
        (Smtp, &c::SMTP_VRFY, |e| turn(e, Trial::Verify)),
        (Smtp, &c::SMTP_EXPN, |e| turn(e, Trial::Expand)),
        (Smtp, &c::SMTP_RELAY, |e| turn(e, Trial::Relay)),
        (Smtp, &c::SMTP_SMUGGLING, |e| turn(e, Trial::Smuggling)),
        (Smtp, &c::DANE_PRESENT, |e| turn(e, Trial::Tlsa)),
        (Smtp, &c::DANE_MATCH, |e| turn(e, Trial::TlsaMatch)),
        (Imap, &c::IMAP_GREETING, |e| stopped(e, Phase::Banner, StopKind::Refused)),
        (Imap, &c::IMAP_REVISION, |e| strike(e, "IMAP4rev1")),
        (Imap, &c::IMAP_NAMESPACE, |e| turn(e, Trial::Namespaces)),
        (Imap, &c::IMAP_UIDVALIDITY, |e| turn(e, Trial::UidValidity)),
        (Imap, &c::IMAP_IDLE, |e| turn(e, Trial::Idle)),
        (Pop3, &c::POP_GREETING, |e| stopped(e, Phase::Banner, StopKind::Refused)),
        (Pop3, &c::POP_CAPA, |e| {
            e.session.after = Some(Offer { login: None, ..Offer::default() });
        }),
        (Pop3, &c::POP_UIDL, |e| strike(e, "UIDL")),
    ]
}

fn reading(domain: &mut Domain) -> &mut spf::Reading {
    match &mut domain.spf {
        Known::Is(Spf { reading: Some(reading), .. }) => reading,
        _ => panic!("good facts"),
    }
}

fn exchanger(domain: &mut Domain) -> &mut Exchanger {
    match &mut domain.mx {
        Known::Is(Exchangers::Found { hosts }) => &mut hosts[0],
        _ => panic!("good facts"),
    }
}

fn second(domain: &mut Domain, host: &str) {
    let other = Exchanger { host: host.into(), ..exchanger(domain).clone() };
    if let Known::Is(Exchangers::Found { hosts }) = &mut domain.mx {
        hosts.push(other);
    }
}

fn dmarc(domain: &mut Domain, records: &[&str]) {
    if let Known::Is(Some(dmarc)) = &mut domain.dmarc {
        dmarc.records = records.iter().map(|record| (*record).to_owned()).collect();
    }
}

fn policy(domain: &mut Domain) -> &mut StsPolicy {
    match &mut domain.sts_policy {
        Some(Known::Is(policy)) => policy,
        _ => panic!("good facts"),
    }
}

fn of_domain() -> Vec<OfDomain> {
    vec![
        (&c::DNS_DOMAIN, |d| d.mx = Known::Is(Exchangers::NoDomain)),
        (&c::DNS_SIGNED, |d| d.signed = Known::Is(false)),
        (&c::MX_PRESENT, |d| {
            d.mx = Known::Is(Exchangers::None { addresses: Known::Is(Vec::new()) });
        }),
        (&c::MX_NULL, |d| exchanger(d).host.clear()),
        (&c::MX_NULL_ALONE, |d| second(d, "")),
        (&c::MX_ALIAS, |d| exchanger(d).alias = Known::Is(Some("x.example".into()))),
        (&c::MX_LITERAL, |d| second(d, "192.0.2.1")),
        (&c::MX_ADDRESS, |d| exchanger(d).addresses = Known::Is(Vec::new())),
        (&c::SPF_PRESENT, |d| {
            d.spf = Known::Is(Spf { records: Vec::new(), reading: None });
        }),
        (&c::SPF_ONE, |d| {
            let records = vec!["v=spf1 -all".into(), "v=spf1 ~all".into()];
            d.spf = Known::Is(Spf { records, reading: None });
        }),
        (&c::SPF_VALID, |d| reading(d).fault = Some("x".into())),
        (&c::SPF_ALL, |d| reading(d).open = Some("+all".into())),
        (&c::SPF_LOOKUPS, |d| reading(d).lookups = 11),
        (&c::SPF_END, |d| reading(d).all = Some("?all".into())),
        (&c::SPF_PTR, |d| reading(d).ptr = true),
        (&c::SPF_VOIDS, |d| {
            reading(d).voids = Some(vec!["a".into(), "b".into(), "c".into()]);
        }),
        (&c::SPF_CROWD, |d| reading(d).crowds.push("m.example".into())),
        (&c::DKIM_PRESENT, |d| d.dkim.clear()),
        (&c::DKIM_VALID, |d| d.dkim.push(key("s2", "v=DKIM1; p=AAAA"))),
        (&c::DKIM_SIZE, |d| d.dkim.push(key("s2", RSA_1024))),
        (&c::DKIM_REVOKED, |d| d.dkim.push(key("s2", "v=DKIM1; p="))),
        (&c::DKIM_TESTING, |d| d.dkim[0] = key("s1", &format!("{ED25519}; t=y"))),
        (&c::DMARC_PRESENT, |d| d.dmarc = Known::Is(None)),
        (&c::DMARC_ONE, |d| dmarc(d, &["v=DMARC1; p=none", "v=DMARC1; p=reject"])),
        (&c::DMARC_VALID, |d| dmarc(d, &["v=DMARC1; p=x"])),
        (&c::DMARC_POLICY, |d| dmarc(d, &["v=DMARC1; p=none; rua=mailto:a@example.org"])),
        (&c::DMARC_REPORTS, |d| dmarc(d, &["v=DMARC1; p=reject"])),
        (&c::DMARC_SUBDOMAINS, |d| dmarc(d, &["v=DMARC1; p=reject; sp=none"])),
        (&c::DMARC_PART, |d| dmarc(d, &["v=DMARC1; p=reject; pct=50"])),
        (&c::DMARC_CONSENT, |d| {
            d.report_hosts = vec![("reports.example.net".into(), Known::Is(false))];
        }),
        (&c::DMARC_ALIGNED, |d| {
            dmarc(d, &["v=DMARC1; p=reject; adkim=s; rua=mailto:a@example.org"])
        }),
        (&c::MTA_STS_PRESENT, |d| d.mta_sts = Known::Is(Vec::new())),
        (&c::MTA_STS_VALID, |d| d.mta_sts = Known::Is(vec!["v=STSv1; id=a b".into()])),
        (&c::STS_POLICY, |d| policy(d).fault = Some("x".into())),
        (&c::STS_COVERS, |d| policy(d).unlisted.push("mx.example".into())),
        (&c::STS_ENFORCE, |d| policy(d).mode = "testing".into()),
        (&c::TLS_RPT_PRESENT, |d| d.tls_rpt = Known::Is(Vec::new())),
        (&c::TLS_RPT_VALID, |d| d.tls_rpt = Known::Is(vec!["v=TLSRPTv1".into()])),
        (&c::CAA_HOSTS, |d| d.host_caa[0].records = Known::Is(Vec::new())),
        (&c::CAA_PRESENT, |d| d.caa = Known::Is(Vec::new())),
        (&c::BIMI_PRESENT, |d| d.bimi = Known::Is(Vec::new())),
        (&c::BIMI_VALID, |d| d.bimi = Known::Is(vec!["v=BIMI1; l=http://x".into()])),
        (&c::LIST_CLEAR, |d| d.dns_lists[0].codes = Known::Is(vec!["127.0.0.2".into()])),
        (&c::SRV_PRESENT, |d| d.offered[0].hosts = Known::Is(Vec::new())),
        (&c::SRV_HOSTS, |d| {
            let alias = Known::Is(Some("other.example".into()));
            d.offered[0].hosts = Known::Is(vec![Host { alias, ..host("mail.example") }]);
        }),
        (&c::AUTOCONFIG, |d| d.autoconfig = Known::Is(None)),
        (&c::AUTOCONFIG_VALID, |d| {
            if let Known::Is(Some(document)) = &mut d.autoconfig {
                document.fault = Some("x".into());
            }
        }),
        (&c::AUTODISCOVER, |d| d.autodiscover = Known::Is(None)),
        (&c::AUTODISCOVER_VALID, |d| {
            if let Known::Is(Some(answer)) = &mut d.autodiscover {
                answer.fault = Some("x".into());
            }
        }),
    ]
}

fn holds(findings: &[Finding], entry: &Entry) -> Option<Option<bool>> {
    findings.iter().find(|finding| finding.entry.id == entry.id).map(|finding| finding.holds)
}

#[test]
fn each_entry_is_produced_by_its_fault_and_absent_without() {
    for (protocol, entry, fault) in of_server() {
        let before = all(&facts(None, vec![good(protocol)]));
        assert_eq!(holds(&before, entry), Some(Some(true)), "{} without its fault", entry.id);
        let mut bad = good(protocol);
        fault(&mut bad);
        let after = all(&facts(None, vec![bad]));
        assert_eq!(holds(&after, entry), Some(Some(false)), "{} with its fault", entry.id);
    }
    for (entry, fault) in of_domain() {
        let mut good = domain();
        if entry.id == c::MX_NULL_ALONE.id {
            // It is looked at only where there is a null MX.
            exchanger(&mut good).host.clear();
        }
        let before = all(&facts(Some(good), Vec::new()));
        assert_eq!(holds(&before, entry), Some(Some(true)), "{} without its fault", entry.id);
        let mut bad = domain();
        fault(&mut bad);
        let after = all(&facts(Some(bad), Vec::new()));
        assert_eq!(holds(&after, entry), Some(Some(false)), "{} with its fault", entry.id);
    }
}

#[test]
fn no_entry_of_the_catalogue_is_without_such_a_pair() {
    let of_server = of_server();
    let of_domain = of_domain();
    let ids: Vec<&str> = of_server
        .iter()
        .map(|(_, entry, _)| entry.id)
        .chain(of_domain.iter().map(|(entry, _)| entry.id))
        .collect();
    for entry in c::ALL {
        assert!(ids.contains(&entry.id), "{} has no pair", entry.id);
    }
    assert_eq!(ids.len(), c::ALL.len());
}

/// What nobody can tell is unknown, whatever it is about.
#[test]
fn a_question_without_an_answer_is_never_a_verdict() {
    for protocol in [Protocol::Smtp, Protocol::Imap, Protocol::Pop3] {
        let mut silent = good(protocol);
        for tried in &mut silent.trials {
            tried.taken = Taken::Unknown { detail: "421 later".into() };
        }
        for version in &mut spoken(&mut silent).versions {
            version.taken = Taken::Unknown { detail: "421 later".into() };
        }
        spoken(&mut silent).weak.unknown = Some("421 later".into());
        let asked: Vec<&str> = RULED.iter().map(|entry| entry.id).collect();
        for finding in all(&facts(None, vec![silent])) {
            if asked.contains(&finding.entry.id) {
                assert_eq!(finding.holds, None, "{}", finding.entry.id);
            }
        }
    }
    let nothing = Domain { domain: "example.org".into(), ..Domain::default() };
    for finding in all(&facts(Some(nothing), Vec::new())) {
        if finding.entry.id != c::DKIM_PRESENT.id {
            assert_eq!(finding.holds, None, "{}", finding.entry.id);
        }
    }
}

/// Entries that rest on one question.
const RULED: &[&Entry] = &[
    &c::NET_REVERSE,
    &c::TLS_NO_SSL,
    &c::TLS_NO_OLD,
    &c::TLS_BROKEN_SUITES,
    &c::TLS_POODLE,
    &c::TLS_FREAK,
    &c::TLS_LOGJAM,
    &c::TLS_ROBOT,
    &c::TLS_DROWN,
    &c::TLS_HEARTBLEED,
    &c::SMTP_RELAY,
    &c::SMTP_VRFY,
    &c::SMTP_SMUGGLING,
    &c::SMTP_REPLIES,
    &c::AUTH_LOGIN,
    &c::IMAP_IDLE,
    &c::DANE_MATCH,
];
