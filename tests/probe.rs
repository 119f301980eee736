//! `probe` against servers of other makers and our own, with faults made on purpose: what it
//! finds, what it cannot tell, how many connections it takes, what other tools say of the same
//! servers, and what other parsers make of its reports.

mod support;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use support::probe::{Report, probe};
use support::{
    Authority, Dns, Dovecot, Exchanger, Home, Leaf, Postfix, Scratch, Scripted, ServeTest, Signing,
    Step, TlsServer, WebServer, Zone, closed_port, needs, peer_file, peers, skip,
};

/// Every preset of `serve-test --tls`, and what it is a fault of.
#[test]
fn faults_of_our_own_test_server_are_found() {
    let home = Home::new();
    let good =
        ["TLS-002 holds", "TLS-003 holds", "TLS-004 holds", "TLS-005 holds", "TLS-034 holds"];
    let table: [(&[&str], &str, &[&str]); 12] = [
        (&["--tls", "valid"], "imaps", &good),
        (&["--tls", "expired"], "imaps", &["TLS-005 fail", "TLS-034 holds"]),
        (&["--tls", "not-yet"], "imaps", &["TLS-005 fail"]),
        (&["--tls", "wrong-host"], "imaps", &["TLS-004 fail", "TLS-005 holds"]),
        (&["--tls", "self-signed"], "imaps", &["TLS-003 fail"]),
        (&["--tls", "weak-key"], "imaps", &["TLS-014 warn"]),
        (&["--tls", "revoked-staple"], "imaps", &["TLS-019 holds"]),
        (
            &["--tls", "tls1.2-only"],
            "imaps",
            &["TLS-009 warn", "TLS-008 holds", "TLS-013 not", "TLS-019 not"],
        ),
        (&["--tls", "tls1.0"], "imaps", &["TLS-008 warn", "TLS-009 warn", "TLS-002 fail"]),
        (&["--tls", "ssl3"], "imaps", &["TLS-007 fail"]),
        (&["--tls", "no-starttls"], "smtp", &["TLS-001 fail", "TLS-002 none"]),
        (&["--tls", "starttls-garbage"], "smtp", &["TLS-001 holds", "TLS-002 fail"]),
    ];
    for (options, scheme, wanted) in table {
        let server = ServeTest::with(options);
        let report = probe(&home, &server.url(scheme, None), Some(&server.ca()), &[]);
        report.expect(&options.join(" "), wanted);
    }
    // What is hidden is missing, and what is offered is done.
    let server = ServeTest::with(&["--hide", "PIPELINING,8BITMIME,SMTPUTF8,SIZE,UIDL,IMAP4rev1"]);
    let report = probe(&home, &server.url("smtp", None), Some(&server.ca()), &[]);
    report.expect("hidden", &["SMTP-004 warn", "SMTP-005 warn", "SMTP-006 not", "SMTP-007 not"]);
    let report = probe(&home, &server.url("pop3s", None), Some(&server.ca()), &[]);
    report.expect("hidden", &["POP-003 warn"]);
}

/// A good Dovecot, a user of it, and one that asks for passwords in the clear.
#[test]
fn dovecot_is_judged_as_it_is_configured() {
    let test = "dovecot_is_judged_as_it_is_configured";
    let home = Home::new();
    let Some(server) = Dovecot::start(test) else { return };
    let ca = server.ca();
    let report = probe(&home, &server.url("imap", "alice"), Some(&ca), &["--repeat", "3"]);
    report.expect(
        "a good Dovecot",
        &[
            "NET-001 holds",
            "TLS-001 holds",
            "TLS-002 holds",
            "TLS-003 holds",
            "TLS-004 holds",
            "TLS-007 holds",
            "TLS-009 holds",
            "TLS-010 holds",
            "TLS-018 holds",
            "TLS-020 holds",
            "TLS-022 holds",
            "TLS-023 holds",
            "TLS-024 holds",
            "TLS-026 holds",
            "TLS-027 holds",
            "TLS-028 holds",
            "TLS-029 holds",
            "TLS-030 holds",
            "TLS-031 holds",
            "TLS-032 holds",
            "TLS-033 holds",
            "TLS-034 holds",
            // It takes passwords in the clear from clients of its own machine.
            "AUTH-001 fail",
            "AUTH-002 holds",
            "AUTH-003 holds",
            "IMAP-001 holds",
            "IMAP-003 holds",
            "IMAP-004 holds",
            "IMAP-005 holds",
        ],
    );
    let endpoint = report.endpoint();
    let offered = endpoint["offered_to_user"].to_string();
    assert!(offered.contains("QRESYNC") && offered.contains("NAMESPACE"), "{offered}");
    let phases: Vec<&str> = endpoint["session"]["phases"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|phase| phase["phase"].as_str())
        .collect();
    assert_eq!(phases.first(), Some(&"dns"));
    assert_eq!(phases.last(), Some(&"auth"), "{phases:?}");
    assert!(endpoint["percentiles"].as_array().is_some_and(|all| all.len() >= 6));

    let run = home
        .pillarbox(&["probe", &server.url("pop3s", "alice"), "--json", "-q"])
        .args(["--ca-file", ca.to_str().expect("UTF-8")])
        .password("wrong")
        .run();
    Report::of(run)
        .expect("a wrong password", &["AUTH-003 fail", "POP-002 holds", "POP-003 holds"]);
    // A password goes nowhere that is not verified.
    let report = probe(&home, &server.url("imaps", "alice"), None, &[]);
    report.expect("an untrusted Dovecot", &["TLS-003 fail", "AUTH-003 unknown"]);
    assert_eq!(report.code, Some(2));
}

/// Postfix, asked what only the active tier asks.
#[test]
fn postfix_stands_by_what_it_offers_and_is_no_relay() {
    let test = "postfix_stands_by_what_it_offers_and_is_no_relay";
    let Some(server) = Postfix::start(test) else { return };
    let home = Home::new();
    let ca = server.ca();
    let report = probe(&home, &server.url("smtp", None), Some(&ca), &["--active"]);
    report.expect(
        "Postfix",
        &[
            "SMTP-001 holds",
            "SMTP-003 holds",
            "SMTP-004 holds",
            "SMTP-008 holds",
            "SMTP-009 holds",
            "SMTP-010 holds",
            "SMTP-011 holds",
            "SMTP-012 holds",
            "SMTP-016 holds",
            "TLS-017 holds",
            "TLS-018 holds",
            "TLS-031 holds",
            "SMTP-002 warn",
        ],
    );
    assert!(report.finding("SMTP-017").is_some() && report.finding("SMTP-015").is_some());
    // It takes mail from this machine for anywhere, and is told so; but by no path is a message
    // sent.
    assert!(!server.log().contains("queue active"), "{}", server.log());

    let report = probe(&home, &server.url("submission", None), Some(&ca), &[]);
    report.expect("submission", &["TLS-016 holds", "AUTH-001 holds", "SMTP-017 none"]);

    // A domain names no server.
    let run = home.run(&["probe", "example.test", "--active"]).expect(3);
    run.says(&["names no server", "smtp://mx.example.test"]);
}

/// The 1,024 bits of RFC 2409 section 6.2.
const SMALL_GROUP: &str = "-----BEGIN DH PARAMETERS-----
MIGHAoGBAP//////////yQ/aoiFowjTExmKLgNwc0SkCTgiKZ8x0Agu+pjsTmyJRSgh5jjQE3e+V
GbPNOkMbMCsKbfJfFDdP4TVtbVHCReSFtXZiXn7G9ExC6aY37WsL/1y29Aa37e44a/taiZ+lrp8k
EXxLH+ZJKGZR7OZTgf//////////AgEC
-----END DH PARAMETERS-----
";

/// A certificate with an RSA key for `localhost`, and its key.
fn rsa(scratch: &Scratch) -> [String; 2] {
    let [certificate, key] =
        ["rsa.crt", "rsa.key"].map(|name| scratch.path().join(name).display().to_string());
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-out", &certificate, "-keyout", &key])
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{made:?}");
    [certificate, key]
}

/// OpenSSL's own server, told to be as it should not be. It says nothing of mail: what comes
/// behind the handshake is unknown, and what raw hellos show is not.
#[test]
fn openssl_servers_with_old_ways_are_found_out() {
    let test = "openssl_servers_with_old_ways_are_found_out";
    let home = Home::new();
    let scratch = Scratch::new();
    if !needs(test, &["openssl"]) {
        return;
    }
    let [certificate, key] = rsa(&scratch);
    let group = scratch.write("group.pem", SMALL_GROUP);
    let group = group.to_str().expect("a path in UTF-8");
    let table: [(&[&str], &[&str]); 6] = [
        (
            &["-tls1_2", "-cipher", "DHE-RSA-AES128-SHA@SECLEVEL=0", "-dhparam", group],
            &["TLS-026 warn", "TLS-029 holds", "TLS-009 warn", "TLS-002 fail"],
        ),
        (
            &["-tls1_2", "-cipher", "AES128-SHA:AES256-SHA", "-no_ticket"],
            &["TLS-026 holds", "TLS-029 holds", "TLS-025 not"],
        ),
        (
            &["-tls1_2", "-cipher", "AES128-SHA:AES256-SHA", "-serverpref", "-alpn", "imap"],
            &["TLS-025 holds", "TLS-021 holds"],
        ),
        (
            &["-tls1_2", "-cipher", "eNULL:aNULL:AES128-SHA@SECLEVEL=0"],
            &["TLS-010 fail", "TLS-011 warn", "TLS-012 holds"],
        ),
        (
            &["-tls1", "-cipher", "ALL@SECLEVEL=0"],
            &["TLS-008 warn", "TLS-009 warn", "TLS-007 holds", "TLS-030 holds"],
        ),
        (&["-tls1_3"], &["TLS-009 holds", "TLS-008 holds", "TLS-023 holds", "TLS-029 holds"]),
    ];
    for (options, wanted) in table {
        let options = [&["-cert", &certificate, "-key", &key], options].concat();
        let Some(server) = TlsServer::start(test, Leaf::Good, &options) else { return };
        let url = format!("imaps://localhost:{}", server.port);
        let ca = server.authority.certificate();
        let report = probe(&home, &url, Some(&ca), &["--timeout", "3"]);
        report.expect(&options.join(" "), wanted);
    }
}

/// A server that turns us away, is silent, goes away or cannot be looked up is unknown: exit
/// 3, and nothing is said to be missing.
#[test]
fn what_nobody_can_tell_is_never_absent() {
    let test = "what_nobody_can_tell_is_never_absent";
    let home = Home::new();
    let silent = Scripted::serve(vec![Step::Stall]);
    let later = Scripted::serve(vec![Step::line("421 4.7.0 too many connections")]);
    let reset = Scripted::serve(vec![
        Step::line("220 mx.example.test ESMTP"),
        Step::Expect("EHLO"),
        Step::Close,
    ]);
    let tarpit = Scripted::serve(vec![
        Step::line("220 mx.example.test ESMTP"),
        Step::Expect("EHLO"),
        Step::line("250-mx.example.test"),
        Step::Stall,
    ]);
    for (what, server) in
        [("silent", &silent), ("421", &later), ("closed", &reset), ("tarpit", &tarpit)]
    {
        let report = probe(&home, &server.url("smtp"), None, &["--timeout", "1", "--active"]);
        assert_eq!(report.code, Some(3), "{what}: {report:?}");
        for line in report.lines.iter().filter(|line| line["type"] == "finding") {
            let verdict = line["verdict"].as_str().unwrap_or_default();
            assert!(matches!(verdict, "unknown" | "pass"), "{what}: {line}");
        }
        report.expect(what, &["NET-001 holds", "TLS-001 unknown"]);
    }
    // A closed port is certain.
    let url = format!("smtp://127.0.0.1:{}", closed_port());
    let report = probe(&home, &url, None, &[]);
    report.expect("closed", &["NET-001 fail", "TLS-001 none"]);
    assert_eq!(report.code, Some(2));

    let zones =
        [Zone::new("broken.test", Signing::Broken(""), "@ IN MX 10 mx\nmx IN A 127.0.0.1\n")];
    let Some(dns) = Dns::start(test, &zones) else { return };
    let anchor = dns.trust_anchor();
    let options =
        ["--resolver", &dns.resolver(), "--trust-anchor", anchor.to_str().expect("UTF-8")];
    let report = probe(&home, "broken.test", None, &options);
    assert_eq!(report.code, Some(3));
    let unknown = ["DNS-001 unknown", "SPF-001 unknown", "DMARC-001 unknown", "DKIM-001 unknown"];
    report.expect("broken", &unknown);
    let report = probe(&home, "nowhere.test", None, &options);
    report.expect("no such name", &["DNS-001 fail", "SPF-001 none"]);
}

/// The server counts.
#[test]
fn the_budget_is_obeyed_and_what_is_left_over_is_unknown() {
    let test = "the_budget_is_obeyed_and_what_is_left_over_is_unknown";
    if !needs(test, &["openssl"]) {
        return;
    }
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let identity = authority.issue(Leaf::Good);
    let home = Home::new();
    for (budget, is_enough) in [("6", false), ("100", true)] {
        let Some(server) = Exchanger::start(test, "", Some(&identity)) else { return };
        let url = format!("smtp://localhost:{}", server.port);
        let report = probe(&home, &url, Some(&authority.certificate()), &["--budget", budget]);
        let told = report.summary()["connections"].as_u64().expect("a number");
        let counted = support::wait_for("the server's count", support::PATIENCE, || {
            let counted = server.connections() as u64;
            (counted >= told).then_some(counted)
        });
        assert_eq!(counted, told);
        assert!(told <= budget.parse().expect("a number"));
        let starved = report.lines.iter().any(|line| line.to_string().contains("used up"));
        assert_eq!(starved, !is_enough, "{told} of {budget}");
        report.expect(budget, &["TLS-001 holds", "TLS-002 holds"]);
    }
}

const DKIM_1024: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB";

/// A domain as it should be, one with everything wrong, and a name below the first.
fn domains(tlsa: &str) -> Vec<Zone> {
    let (front, back) = DKIM_1024.split_at(200);
    let good = format!(
        "@ IN MX 10 mx1\n@ IN MX 20 mx2\nmx1 IN A 127.0.0.1\nmx2 IN A 127.0.0.1\n\
         mail IN A 127.0.0.1\n_25._tcp.mx1 IN TLSA {tlsa}\n\
         @ IN TXT \"v=spf1 mx a:mail.good.test -all\"\n\
         _dmarc IN TXT \"v=DMARC1; p=reject; rua=mailto:a@good.test\"\n\
         s1._domainkey IN TXT \"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"\n\
         _mta-sts IN TXT \"v=STSv1; id=1\"\nmta-sts IN A 127.0.0.1\n\
         _smtp._tls IN TXT \"v=TLSRPTv1; rua=mailto:a@good.test\"\n\
         @ IN CAA 0 issue \"ca.test\"\n\
         default._bimi IN TXT \"v=BIMI1; l=https://good.test/l.svg\"\n\
         _imaps._tcp IN SRV 0 1 993 mail\n_submissions._tcp IN SRV 0 1 465 mail\n\
         _autodiscover._tcp IN SRV 0 1 443 mail\n\
         autoconfig IN A 127.0.0.1\n"
    );
    let bad = format!(
        "@ IN MX 10 alias\n@ IN MX 20 gone\n@ IN MX 30 mx\nalias IN CNAME mx\nmx IN A 127.0.0.9\n\
         @ IN TXT \"v=spf1 a:v1.bad.test a:v2.bad.test exists:v3.bad.test ptr ?all\"\n\
         _dmarc IN TXT \"v=DMARC1; p=reject; sp=none; pct=50; rua=mailto:a@other.test\"\n\
         default._domainkey IN TXT \"{front}\" \"{back}\"\n\
         s2._domainkey IN TXT \"v=DKIM1; p=AAAA\"\n\
         k1._domainkey IN TXT \"v=DKIM1; p=\"\n\
         k2._domainkey IN TXT \"v=DKIM1; t=y; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"\n\
         _mta-sts IN TXT \"v=STSv1; id=1\"\n\
         _smtp._tls IN TXT \"v=TLSRPTv1; rua=nobody\"\n\
         default._bimi IN TXT \"v=BIMI1; l=http://bad.test/l.svg\"\n\
         _imaps._tcp IN SRV 0 1 993 alias\n"
    );
    vec![
        Zone::new("good.test", Signing::Signed, &good),
        Zone::new("bad.test", Signing::Unsigned, &bad),
        Zone::new("other.test", Signing::Unsigned, ""),
        Zone::new(
            "list.test",
            Signing::Unsigned,
            "9.0.0.127 IN A 127.0.0.2\n2.0.0.127 IN A 127.0.0.2\n",
        ),
    ]
}

/// Everything that a domain says, and all of its servers, with nobody asked who is not in it.
#[test]
fn whole_domains_are_examined_and_nobody_else_is_asked() {
    let test = "whole_domains_are_examined_and_nobody_else_is_asked";
    if !needs(test, &["openssl", "strace", "python3"]) {
        return;
    }
    let home = Home::new();
    let scratch = Scratch::new();
    let authority = Authority::new(&scratch.path().join("tls"));
    let identity = authority.issue_for(&[
        "mx1.good.test",
        "mx2.good.test",
        "mail.good.test",
        "mta-sts.good.test",
        "autoconfig.good.test",
    ]);
    let Some(web) = WebServer::start(test, Some(&identity)) else { return };
    web.by_host();
    web.put(
        "mta-sts.good.test/.well-known/mta-sts.txt",
        "version: STSv1\nmode: testing\nmx: mx1.good.test\nmax_age: 604800\n",
    );
    let Some(first) = Exchanger::start(test, "", Some(&identity)) else { return };
    let Some(second) = Exchanger::start(test, "", Some(&identity)) else { return };
    let pem = std::fs::read(&identity.certificate).expect("an own file");
    let leaf = pillarbox::net::tls::read_pem_certificates(&pem).expect("a certificate").remove(0);
    let digest = pillarbox::net::tls::spki_sha256(&leaf).expect("a key");
    let hex: String = digest.iter().map(|octet| format!("{octet:02x}")).collect();
    let Some(dns) = Dns::start(test, &domains(&format!("3 1 1 {hex}"))) else { return };

    let anchor = dns.trust_anchor();
    let rules = [
        format!("mx1.good.test:25:127.0.0.1:{}", first.port),
        format!("mx2.good.test:25:127.0.0.1:{}", second.port),
        format!("mta-sts.good.test:443:127.0.0.1:{}", web.port),
        format!("autoconfig.good.test:443:127.0.0.1:{}", web.port),
    ];
    let resolver = dns.resolver();
    let ca = authority.certificate();
    let trace = scratch.path().join("calls");
    let program = support::binary::BINARY;
    let mut arguments: Vec<&str> = vec![
        "-f",
        "-e",
        "trace=connect,sendto,sendmsg",
        "-o",
        trace.to_str().expect("UTF-8"),
        program,
        "probe",
        "good.test",
        "--json",
        "-q",
        "--resolver",
        &resolver,
        "--trust-anchor",
        anchor.to_str().expect("UTF-8"),
        "--ca-file",
        ca.to_str().expect("UTF-8"),
        "--dnsbl",
        "list.test",
    ];
    for rule in &rules {
        arguments.extend(["--connect-to", rule]);
    }
    let report = Report::of(home.command("strace", &arguments).run());
    report.expect(
        "good.test",
        &[
            "DNS-001 holds",
            "DNS-002 holds",
            "MX-001 holds",
            "MX-004 holds",
            "MX-006 holds",
            "SPF-001 holds",
            "SPF-003 holds",
            "SPF-008 holds",
            "DKIM-001 holds",
            "DKIM-003 holds",
            "DMARC-001 holds",
            "DMARC-006 holds",
            "DMARC-008 holds",
            "STS-001 holds",
            "STS-003 holds",
            "STS-004 fail",
            "STS-005 not",
            "RPT-002 holds",
            "CAA-001 holds",
            "BIMI-002 holds",
            "SRV-001 holds",
            "SRV-002 holds",
            "CONF-001 not",
            "CONF-003 holds",
            "LIST-001 holds",
        ],
    );
    let of = |place: &str, id: &str| {
        let found = report.on(place, id).unwrap_or_else(|| panic!("no {id} on {place}"));
        assert!(found["holds"].is_boolean(), "{found}");
        found["holds"].clone()
    };
    assert_eq!(of("mx1.good.test", "DANE-001"), true);
    assert_eq!(of("mx1.good.test", "DANE-002"), true);
    assert_eq!(of("mx2.good.test", "DANE-001"), false);
    // Loopback addresses have no names.
    assert!(report.on("mx1.good.test", "NET-003").is_none());
    assert!(report.on("mx2.good.test", "TLS-003").is_some());
    let used = report.summary()["connections"].as_u64().expect("a number");
    assert!(used < 150, "{used}");

    // The only addresses in the calls are those of the DNS server and of the domain's hosts.
    let calls = std::fs::read_to_string(&trace).expect("strace writes");
    let mut asked = 0;
    for call in calls.lines().filter(|line| line.contains("sin_addr") || line.contains("sin6_addr"))
    {
        assert!(call.contains("127.0.0.1"), "{call}");
        asked += 1;
    }
    assert!(asked > 20, "{asked}");

    let options: Vec<&str> = vec![
        "--resolver",
        &resolver,
        "--trust-anchor",
        anchor.to_str().expect("UTF-8"),
        "--dnsbl",
        "list.test",
        "--timeout",
        "3",
    ];
    let report = probe(&home, "bad.test", Some(&ca), &options);
    report.expect(
        "bad.test",
        &[
            "DNS-002 not",
            "MX-004 fail",
            "MX-006 fail",
            "SPF-006 warn",
            "SPF-007 warn",
            "SPF-008 warn",
            "DKIM-002 fail",
            "DKIM-003 warn",
            "DKIM-004 not",
            "DKIM-005 warn",
            "DMARC-006 warn",
            "DMARC-007 warn",
            "DMARC-008 warn",
            "STS-003 fail",
            "RPT-002 warn",
            "CAA-001 not",
            "BIMI-002 warn",
            "SRV-002 warn",
            "CONF-003 not",
            "LIST-001 fail",
        ],
    );
    assert_eq!(report.code, Some(2));
    // DMARC is found above a name that has none, and its keys by a selector that is named.
    let mut options = options.clone();
    options.extend(["--selector", "nothere"]);
    let report = probe(&home, "mail.good.test", Some(&ca), &options);
    report.expect("mail.good.test", &["DMARC-001 holds", "DKIM-001 warn"]);
}

/// Each form of the report, read by a parser of somebody else.
#[test]
fn reports_are_read_by_other_parsers() {
    let test = "reports_are_read_by_other_parsers";
    let python = peers().join("checks/bin/python");
    if !python.is_file() {
        return skip(test, "not installed: junitparser, pysarif, prometheus-client");
    }
    let server = ServeTest::with(&["--tls", "wrong-host"]);
    let home = Home::new();
    let url = server.url("imap", None);
    let ca = server.ca();
    let want = probe(&home, &url, Some(&ca), &[]);
    let counts = &want.summary()["counts"];
    let mut ids: Vec<&str> = want
        .lines
        .iter()
        .filter(|line| line["type"] == "finding" && line["verdict"] != "pass")
        .filter_map(|line| line["id"].as_str())
        .collect();
    ids.sort_unstable();
    let form = |form: &str| {
        let arguments = ["probe", &url, "-q", "--format", form, "--ca-file"];
        home.pillarbox(&arguments).arg(&ca).run().expect(2)
    };
    for name in ["junit", "sarif", "prometheus"] {
        let report = form(name);
        let read = home
            .command(python.to_str().expect("UTF-8"), &[peer_file("probe_reports.py")])
            .arg(name)
            .stdin(report.stdout)
            .run()
            .success();
        let read: Value = serde_json::from_str(read.text()).expect("JSON");
        assert_eq!(&read["counts"], counts, "{name}");
        assert_eq!(read["ids"], serde_json::json!(ids), "{name}");
    }
    let markdown = form("markdown");
    assert!(markdown.text().contains("| fail | TLS-004 "), "{}", markdown.text());
    // A real terminal gets the same lines, and nothing that is not to be read.
    let line = format!("{} probe {url} -q --ca-file {}", support::binary::BINARY, ca.display());
    let shown = home.command("script", &["-q", "-e", "-c", &line, "/dev/null"]).run().expect(2);
    let shown = shown.text().replace("\r\n", "\n");
    assert!(shown.contains("fail    TLS-004"), "{shown}");
    for line in shown.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    // So it is without one.
    let text = form("text");
    for line in text.text().lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

/// What was saved is compared, and only what changed is told.
#[test]
fn a_baseline_tells_what_changed() {
    let home = Home::new();
    let server = ServeTest::start();
    let (url, ca) = (server.url("smtp", None), server.ca());
    let ca = ca.to_str().expect("UTF-8");
    let base = home.path().join("base.json");
    let base = base.to_str().expect("UTF-8");
    let common = ["-q", "--ca-file", ca];
    let run = |more: &[&str]| {
        home.pillarbox(&["probe", &url]).args(common).args(more.iter().copied()).run()
    };
    run(&["--save", base, "--json"]);
    let same = run(&["--baseline", base]).expect(0);
    assert_eq!(same.text(), "nothing changed\n");
    let mut saved: Value =
        serde_json::from_slice(&std::fs::read(base).expect("it was written")).expect("JSON");
    let findings = saved["findings"].as_array_mut().expect("a list");
    findings.retain(|finding| finding["id"] != "NET-001");
    for finding in findings.iter_mut().filter(|finding| finding["id"] == "SMTP-004") {
        finding["verdict"] = "warn".into();
    }
    std::fs::write(base, saved.to_string()).expect("an own file");
    let changed = run(&["--baseline", base]).expect(0);
    let lines = changed.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("none -> pass  NET-001 "), "{lines:?}");
    assert!(lines[1].starts_with("warn -> pass  SMTP-004 "), "{lines:?}");
    std::fs::write(base, "{}").expect("an own file");
    run(&["--baseline", base]).expect(3).says(&["no saved probe"]);
    run(&["--baseline", "/nowhere/base.json"]).expect(3);
    run(&["--save", "/nowhere/base.json"]).expect(3);
}

/// sslscan's XML: versions and suites.
fn sslscan(port: u16) -> (BTreeMap<String, bool>, Vec<String>) {
    let output = Command::new("sslscan")
        .args(["--no-colour", "--xml=-", &format!("127.0.0.1:{port}")])
        .output()
        .expect("sslscan runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let attribute = |line: &str, name: &str| {
        let start = line.find(&format!("{name}=\""))? + name.len() + 2;
        Some(line[start..].split('"').next()?.to_owned())
    };
    let mut versions = BTreeMap::new();
    let mut suites = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("<protocol ") {
            let kind = attribute(line, "type").unwrap_or_default().to_uppercase();
            let number = match attribute(line, "version").unwrap_or_default().as_str() {
                "3" => "3.0".to_owned(),
                "2" => "2.0".to_owned(),
                other => other.to_owned(),
            };
            let is_on = attribute(line, "enabled").as_deref() == Some("1");
            versions.insert(format!("{kind} {number}"), is_on);
        } else if line.starts_with("<cipher ") {
            // Its names are OpenSSL's; the numbers are everybody's.
            let id = attribute(line, "id").unwrap_or_default();
            let code = u16::from_str_radix(id.trim_start_matches("0x"), 16).expect("a number");
            let name = pillarbox::net::tls::enumerate::suite_name(code)
                .map_or_else(|| format!("{code:#06x}"), str::to_owned);
            let version = attribute(line, "sslversion").unwrap_or_default();
            suites.push(format!("{} {name}", version.replace("TLSv", "TLS ")));
        }
    }
    suites.sort();
    suites.dedup();
    (versions, suites)
}

/// Versions and suites of probe, in the same form.
fn ours(report: &Report) -> (BTreeMap<String, bool>, Vec<String>) {
    let spoken = &report.endpoint()["spoken"];
    let versions = spoken["versions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| (it["version"].as_str().unwrap_or_default().to_owned(), it["state"] == "yes"))
        .collect();
    let mut suites: Vec<String> = spoken["suites"]
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(|listing| {
            let version = listing["version"].as_str().unwrap_or_default().to_owned();
            let found = listing["found"].as_array().cloned().unwrap_or_default();
            found.into_iter().map(move |name| format!("{version} {}", name.as_str().unwrap_or("")))
        })
        .collect();
    suites.sort();
    (versions, suites)
}

/// The verdicts of other tools on the same servers. Where they differ, the table says why.
#[test]
fn other_tools_say_the_same_of_tls() {
    let test = "other_tools_say_the_same_of_tls";
    if !needs(test, &["sslscan", "nmap", "testssl", "openssl"]) {
        return;
    }
    let home = Home::new();
    let Some(dovecot) = Dovecot::start(test) else { return };
    let scratch = Scratch::new();
    let [certificate, key] = rsa(&scratch);
    let ciphers = "aNULL:AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0";
    let options = ["-tls1_2", "-cipher", ciphers, "-cert", &certificate, "-key", &key];
    let Some(old) = TlsServer::start(test, Leaf::Good, &options) else { return };
    let servers = [
        (dovecot.imaps, dovecot.ca(), "Dovecot", true),
        (old.port, old.authority.certificate(), "OpenSSL", false),
    ];
    for (port, ca, what, is_good) in servers {
        let url = format!("imaps://localhost:{port}");
        let report = probe(&home, &url, Some(&ca), &["--ciphers", "--timeout", "5"]);
        let (versions, suites) = ours(&report);

        let (theirs, their_suites) = sslscan(port);
        for (version, is_on) in &versions {
            if let Some(other) = theirs.get(version) {
                assert_eq!(is_on, other, "{what}: {version} by sslscan");
            }
        }
        // ARIA is one of the national ones that we do not know.
        let their_suites: Vec<String> =
            their_suites.into_iter().filter(|name| !name.contains(" 0x")).collect();
        assert_eq!(suites, their_suites, "{what}: suites by sslscan");

        let output = Command::new("nmap")
            .args(["-Pn", "-n", "-p", &port.to_string(), "--script", "+ssl-enum-ciphers"])
            .arg("localhost")
            .output()
            .expect("nmap runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // nmap 7.93 knows nothing newer than TLS 1.2 of STARTTLS, and TLS 1.3 of this.
        for version in ["SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2"] {
            let theirs = text.contains(&format!(
                "{}:",
                version.replace("TLS ", "TLSv").replace("SSL ", "SSLv").replace("v3.0", "v3")
            ));
            assert_eq!(versions[version], theirs, "{what}: {version} by nmap: {text}");
        }
        for line in text.lines().filter(|line| line.contains("TLS_") && line.contains(" - ")) {
            let name =
                line.split_whitespace().find(|word| word.starts_with("TLS_")).expect("a name");
            // nmap calls the suites of TLS 1.3 TLS_AKE_WITH_...
            let name = name.replace("TLS_AKE_WITH_", "TLS_");
            if name.contains("_ARIA_") {
                continue;
            }
            assert!(suites.iter().any(|suite| suite.ends_with(&name)), "{what}: {name} by nmap");
        }

        // What OpenSSL's verification says is what ours says.
        let output = Command::new("openssl")
            .args([
                "s_client",
                "-connect",
                &format!("127.0.0.1:{port}"),
                "-verify_hostname",
                "localhost",
            ])
            .args(["-servername", "localhost", "-brief", "-verify_return_error", "-CAfile"])
            .arg(&ca)
            .stdin(std::process::Stdio::null())
            .output()
            .expect("openssl runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(told.contains("Verification: OK"), is_good, "{told}");
        assert_eq!(report.endpoint()["verification"]["state"] == "verified", is_good);
    }
    // testssl.sh takes a minute for all: one server, the sections that both have.
    let file = home.path().join("testssl.json");
    let output = Command::new("testssl")
        .args([
            "--quiet",
            "--warnings",
            "off",
            "--color",
            "0",
            "-p",
            "-H",
            "-I",
            "-Z",
            "--jsonfile",
        ])
        .arg(&file)
        .arg(format!("127.0.0.1:{}", old.port))
        .output()
        .expect("testssl runs");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let told: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stdout))
    });
    let finding = |id: &str| {
        told.iter()
            .find(|it| it["id"] == id)
            .and_then(|it| it["finding"].as_str())
            .unwrap_or_default()
    };
    let url = format!("imaps://localhost:{}", old.port);
    let report = probe(&home, &url, None, &["--timeout", "5"]);
    let (versions, _) = ours(&report);
    for (id, version) in [
        ("SSLv3", "SSL 3.0"),
        ("TLS1", "TLS 1.0"),
        ("TLS1_1", "TLS 1.1"),
        ("TLS1_2", "TLS 1.2"),
        ("TLS1_3", "TLS 1.3"),
    ] {
        let is_on = finding(id).starts_with("offered");
        assert_eq!(versions[version], is_on, "{version} by testssl.sh: {}", finding(id));
    }
    assert!(finding("SSLv2").starts_with("not offered"), "{}", finding("SSLv2"));
    assert!(finding("heartbleed").starts_with("not vulnerable"), "{}", finding("heartbleed"));
    assert!(finding("CCS").starts_with("not vulnerable"), "{}", finding("CCS"));
    report.expect("OpenSSL", &["TLS-031 holds", "TLS-027 holds", "TLS-028 holds"]);
}

/// checkdmarc's verdicts on SPF and DMARC of a table of records.
#[test]
fn checkdmarc_says_the_same_of_records() {
    let test = "checkdmarc_says_the_same_of_records";
    let python = peers().join("checks/bin/python");
    if !python.is_file() {
        return skip(test, "not installed: checkdmarc");
    }
    let many: String = (0..11).map(|n| format!("a:h{n}.many.test ")).collect();
    let hosts: String = (0..11).map(|n| format!("h{n} IN A 127.0.0.1\n")).collect();
    let records = |spf: &str, dmarc: &str| {
        let mut text = String::from("@ IN A 127.0.0.1\n@ IN MX 0 .\n");
        for (name, record) in [("@", spf), ("_dmarc", dmarc)] {
            for one in record.split('|').filter(|one| !one.is_empty()) {
                text.push_str(&format!("{name} IN TXT \"{one}\"\n"));
            }
        }
        text
    };
    let plain = |name: &str, spf: &str, dmarc: &str| {
        Zone::new(name, Signing::Unsigned, &records(spf, dmarc))
    };
    let dmarc = "v=DMARC1; p=reject; rua=mailto:a@fine.test";
    let zones = [
        plain("fine.test", "v=spf1 a -all", "v=DMARC1; p=reject; rua=mailto:a@fine.test"),
        plain("none.test", "", ""),
        plain("two.test", "v=spf1 -all|v=spf1 ~all", "v=DMARC1; p=none|v=DMARC1; p=reject"),
        plain("odd.test", "v=spf1 foo:bar -all", "v=DMARC1; p=nothing"),
        plain("loop.test", "v=spf1 include:loop.test -all", "v=DMARC1; rua=mailto:a@loop.test"),
        plain("gone.test", "v=spf1 include:none.test -all", "v=DMARC1; p=none; pct=101"),
        Zone::new(
            "many.test",
            Signing::Unsigned,
            &format!("{}{hosts}", records(&format!("v=spf1 {many}-all"), dmarc)),
        ),
        plain("void.test", "v=spf1 a:a.void.test a:b.void.test a:c.void.test -all", dmarc),
    ];
    let Some(dns) = Dns::start(test, &zones) else { return };
    let names: Vec<&str> = vec![
        "fine.test",
        "none.test",
        "two.test",
        "odd.test",
        "loop.test",
        "gone.test",
        "many.test",
        "void.test",
    ];
    let home = Home::new();
    let port = dns.port.to_string();
    let told = home
        .command(python.to_str().expect("UTF-8"), &[peer_file("checkdmarc_verdicts.py")])
        .arg(&port)
        .args(&names)
        .run()
        .success();
    let told: Value = serde_json::from_str(told.text()).expect("JSON");
    let anchor = dns.trust_anchor();
    let resolver = dns.resolver();
    let options =
        ["--resolver", resolver.as_str(), "--trust-anchor", anchor.to_str().expect("UTF-8")];
    for name in names {
        let report = probe(&home, name, None, &options);
        // Valid in checkdmarc's sense: there is one record, it can be read and evaluated.
        let holds = |ids: &[&str]| {
            ids.iter().all(|id| report.finding(id).is_some_and(|it| it["holds"] == true))
        };
        let spf = holds(&["SPF-001", "SPF-002", "SPF-003", "SPF-005", "SPF-008"]);
        let dmarc = holds(&["DMARC-001", "DMARC-002", "DMARC-003"]);
        assert_eq!(spf, told[name]["spf"] == true, "SPF of {name}: {}", told[name]);
        // checkdmarc takes a record without p for p=none where rua can be read, as a receiver
        // has to (RFC 7489 section 6.6.3); to its owner it is a mistake (section 6.3).
        // And it passes over pct, which the successor of RFC 7489 does not have.
        let is_same = dmarc == (told[name]["dmarc"] == true);
        assert_eq!(
            is_same,
            !["loop.test", "gone.test"].contains(&name),
            "DMARC of {name}: {}",
            told[name]
        );
    }
}
