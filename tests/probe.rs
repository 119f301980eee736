//! `probe` against servers of other makers and our own, with faults made on purpose: what it
//! finds, what it cannot tell, how many connections it takes, what other tools say of the same
//! servers, and what other parsers make of its reports.

mod support;

#[path = "probe/compared.rs"]
mod compared;

use serde_json::Value;
use support::probe::{Report, probe};
use support::{
    Authority, Dns, Dovecot, Exchanger, Home, Identity, Leaf, Postfix, Scratch, Scripted,
    ServeTest, Signing, Step, TlsServer, WebServer, Zone, closed_port, needs, peer_file, peers,
    self_signed, skip,
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
    let Identity { certificate, key } = self_signed(scratch.path(), "rsa", &["rsa:2048"]);
    [certificate, key].map(|path| path.display().to_string())
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

/// The server counts, in every tier.
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
    let table: [(&[&str], &str, bool); 5] = [
        (&[], "6", false),
        (&[], "250", true),
        (&["--active"], "7", false),
        (&["--intrusive"], "8", false),
        (&["--ciphers", "--repeat", "3"], "9", false),
    ];
    for (tier, budget, is_enough) in table {
        let Some(server) = Exchanger::start(test, "", Some(&identity)) else { return };
        let url = format!("smtp://localhost:{}", server.port);
        let more = [tier, &["--budget", budget]].concat();
        let report = probe(&home, &url, Some(&authority.certificate()), &more);
        let told = report.summary()["connections"].as_u64().expect("a number");
        let counted = support::wait_for("the server's count", support::PATIENCE, || {
            let counted = server.connections() as u64;
            (counted >= told).then_some(counted)
        });
        assert_eq!(counted, told, "{tier:?}");
        assert!(told <= budget.parse().expect("a number"), "{tier:?}: {told}");
        let starved = report.lines.iter().any(|line| line.to_string().contains("used up"));
        assert_eq!(starved, !is_enough, "{tier:?}: {told} of {budget}");
        report.expect(budget, &["TLS-001 holds", "TLS-002 holds"]);
    }
}

/// Active tiers go only to servers that are named, and load only where it is meant.
#[test]
fn tiers_go_only_where_they_are_told_to() {
    let home = Home::new();
    for tier in ["--active", "--intrusive"] {
        for what in ["example.test", "ann@example.test", "mx.example.test"] {
            let run = home.run(&["probe", what, tier]).expect(3);
            run.says(&["names no server", "smtp://mx."]);
        }
    }
    let server = ServeTest::start();
    let url = server.url("imaps", Some("alice"));
    let run = home.run(&["probe", "load", &url]).expect(3);
    run.says(&["--intrusive"]);
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
            // Its host has no web server.
            "CONF-004 warn",
            "CAA-002 holds",
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
