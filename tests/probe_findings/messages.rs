//! What messages and transcripts say: `probe headers` and `probe session`.

use super::each;
use super::support::probe::Report;
use super::support::{
    Dns, Home, ServeTest, Signing, Zone, args, closed_port, mail, needs, peer_file, skip,
};

const GOOD: &str = "Authentication-Results: mx.example.test;\r\n\
\tspf=pass smtp.mailfrom=ann@example.test; dkim=pass header.d=example.test; dmarc=pass\r\n\
Received: from a.example.test by b.example.test with ESMTPS id 1;\r\n\tTue, 3 Mar 2026 10:00:05 +0000\r\n\
Received: from c.example.test by a.example.test with ESMTPSA id 2;\r\n\tTue, 3 Mar 2026 10:00:00 +0000\r\n\
From: ann@example.test\r\nTo: bob@example.test\r\nSubject: one\r\n\
Date: Tue, 3 Mar 2026 10:00:00 +0000\r\nMessage-ID: <1@example.test>\r\n\r\nHello.\r\n";

fn headers(home: &Home, message: impl Into<Vec<u8>>, more: &[&str]) -> Report {
    let arguments = args!["probe", "headers", "--json", "-q"];
    Report::of(home.pillarbox(arguments).args(more).stdin(message).run())
}

#[test]
fn each_fault_of_a_message_is_found() {
    let home = Home::new();
    let silent = format!("127.0.0.1:{}", closed_port());
    let options = ["--timeout", "1", "--resolver", silent.as_str()];
    let long = "x".repeat(999);
    let table: [(&str, &str, &str); 16] = [
        ("Received: from a.example.test", "X: from a.example.test", "TRACE-001 holds"),
        ("10:00:05", "09:00:05", "TRACE-002 warn"),
        ("10:00:05", "10:10:05", "TRACE-003 warn"),
        ("ESMTPS id", "ESMTP id", "TRACE-004 not"),
        ("From: ann@example.test\r\n", "", "MSG-001 fail"),
        ("Date: Tue, 3 Mar 2026 10:00:00", "Date: yesterday", "MSG-002 fail"),
        ("Message-ID: <1@example.test>\r\n", "", "MSG-003 warn"),
        ("Subject: one", "Subject: one\r\nSubject: two", "MSG-004 fail"),
        ("Hello.", &long, "MSG-005 fail"),
        ("Subject: one", "Subject: \u{0}", "MSG-006 holds"),
        ("spf=pass", "spf=fail", "RES-001 warn"),
        ("dkim=pass", "dkim=fail", "RES-002 warn"),
        ("dmarc=pass", "dmarc=fail", "RES-003 fail"),
        ("ann@example.test; dkim", "ann@elsewhere.test; dkim", "RES-005 warn"),
        ("Received: from c", "X: y", "TRACE-003 holds"),
        ("Hello.", "Hello, again.", "SIG-001 warn"),
    ];
    let good = headers(&home, GOOD, &options);
    good.expect(
        "a good message",
        &[
            "TRACE-001 holds",
            "TRACE-002 holds",
            "TRACE-003 holds",
            "TRACE-004 holds",
            "MSG-001 holds",
            "MSG-002 holds",
            "MSG-003 holds",
            "MSG-004 holds",
            "MSG-005 holds",
            "MSG-006 holds",
            "RES-001 holds",
            "RES-002 holds",
            "RES-003 holds",
            "RES-005 holds",
        ],
    );
    each(&table, |(from, to, wanted)| {
        assert!(GOOD.contains(from), "{from}");
        headers(&home, GOOD.replace(from, to), &options).expect(to, &[wanted]);
    });
    headers(&home, "From: ann@example.test\r\n\r\nx\r\n", &options)
        .expect("without a way", &["TRACE-001 not"]);
    let mut octets = GOOD.as_bytes().to_vec();
    octets.splice(0..0, *b"X-Name: J\xfcrgen\r\n");
    headers(&home, octets, &options).expect("latin-1", &["MSG-006 warn"]);
}

/// Signatures of dkimpy, each with a fault of its own.
#[test]
fn each_fault_of_a_signature_is_found() {
    let test = "each_fault_of_a_signature_is_found";
    let home = Home::new();
    let python = "/usr/bin/python3";
    if home.command(python, &["-c", "import dkim, authres"]).run().code != Some(0) {
        return skip(test, "not installed: python3-dkim, python3-authres");
    }
    if !needs(test, &["openssl"]) {
        return;
    }
    let mut records = String::new();
    for (selector, bits) in [("s", "2048"), ("small", "1024")] {
        let key = format!("{selector}.pem");
        let made = ["genrsa", "-traditional", "-out", &key, bits];
        home.command("openssl", &made).run().success();
        let shown = ["rsa", "-in", &key, "-pubout", "-outform", "DER"];
        let public = home.command("openssl", &shown).run().success();
        let text = mail::base64(&public.stdout).replace(['\r', '\n'], "");
        let (first, second) = text.split_at(200);
        records.push_str(&format!(
            "{selector}._domainkey IN TXT \"v=DKIM1; k=rsa; p={first}\" \"{second}\"\n"
        ));
    }
    let zones = [
        Zone::new("example.test", Signing::Unsigned, &records),
        Zone::new("elsewhere.test", Signing::Unsigned, &records),
    ];
    let Some(dns) = Dns::start(test, &zones) else { return };
    let resolver = dns.resolver();
    let letter = &GOOD[GOOD.find("From:").expect("a From")..];
    let signed = |key: &str, more: &[&str]| {
        let script = peer_file("dkim_sign.py");
        let sign = home.command(python, args![script, key, "relaxed/relaxed"]).args(more);
        sign.stdin(letter).run().success().stdout
    };
    let table: [(&str, &[&str], &[&str]); 6] = [
        (
            "s.pem",
            &["arc"],
            &[
                "SIG-001 holds",
                "SIG-002 holds",
                "SIG-003 holds",
                "SIG-004 holds",
                "SIG-005 holds",
                "SIG-006 holds",
                "RES-004 holds",
                "ARC-001 holds",
            ],
        ),
        ("small.pem", &["selector=small"], &["SIG-004 warn", "SIG-002 holds"]),
        ("s.pem", &["domain=elsewhere.test"], &["SIG-003 warn", "SIG-002 holds"]),
        ("s.pem", &["sha1"], &["SIG-005 fail"]),
        ("s.pem", &["length"], &["SIG-006 warn", "SIG-002 holds"]),
        ("small.pem", &[], &["SIG-002 fail"]),
    ];
    each(&table, |(key, more, wanted)| {
        headers(&home, signed(key, more), &["--resolver", &resolver])
            .expect(&more.join(" "), wanted);
    });
    // Below the author's domain is good enough, unless that says otherwise.
    let below = signed("s.pem", &["domain=mail.example.test"]);
    for (record, wanted) in [
        ("v=DMARC1; p=reject", ["SIG-002 holds", "SIG-003 holds", "RES-005 holds"]),
        ("v=DMARC1; p=reject; adkim=s", ["SIG-002 holds", "SIG-003 warn", "RES-005 warn"]),
    ] {
        let more = format!(
            "{}_dmarc IN TXT \"{record}\"\n",
            records.replace("_domainkey IN", "_domainkey.mail IN")
        );
        let zones = [Zone::new("example.test", Signing::Unsigned, &more)];
        let Some(dns) = Dns::start(test, &zones) else { return };
        headers(&home, below.clone(), &["--resolver", &dns.resolver()]).expect(record, &wanted);
    }
    let text = String::from_utf8(signed("s.pem", &["arc"])).expect("ASCII");
    headers(&home, text.replace("Hello.", "Hallo."), &["--resolver", &resolver])
        .expect("changed on its way", &["SIG-002 fail", "RES-004 warn", "ARC-001 warn"]);
}

/// Senders good and bad, and what pyspf says of the same.
#[test]
fn senders_are_judged_by_spf() {
    let test = "senders_are_judged_by_spf";
    let home = Home::new();
    let python = "/usr/bin/python3";
    if home.command(python, &["-c", "import spf, dns.resolver"]).run().code != Some(0) {
        return skip(test, "not installed: python3-spf");
    }
    let many: String = (0..11).map(|n| format!("a:h{n}.example.test ")).collect();
    let hosts: String = (0..11).map(|n| format!("h{n} IN A 198.51.100.1\n")).collect();
    let records = format!(
        "a IN TXT \"v=spf1 ip4:192.0.2.0/28 -all\"\n\
         b IN TXT \"v=spf1 include:a.example.test ~all\"\n\
         c IN TXT \"v=spf1 mx ?all\"\nc IN MX 10 mx\nmx IN A 192.0.2.9\n\
         d IN TXT \"v=spf1 redirect=a.example.test\"\n\
         e IN TXT \"v=spf1 exists:%{{ir}}.%{{l1r-}}.who.%{{d2}} -all\"\n\
         9.2.0.192.ann.who IN A 127.0.0.2\n\
         f IN TXT \"v=spf1 {many}-all\"\n{hosts}\
         g IN TXT \"v=spf1 include:nowhere.example.test -all\"\n\
         h IN TXT \"v=spf1 what:ever -all\"\n\
         i IN TXT \"v=spf1 a:mx.example.test/28 ip6:2001:db8::/32 -all\"\n\
         j IN TXT \"v=spf1 -all\"\nj IN TXT \"v=spf1 +all\"\n\
         k IN TXT \"v=spf1 a:v1.example.test a:v2.example.test a:v3.example.test +all\"\n\
         l IN TXT \"v=spf1 -ip4:192.0.2.9 +all\"\n"
    );
    let Some(dns) = Dns::start(test, &[Zone::new("example.test", Signing::Unsigned, &records)])
    else {
        return;
    };
    let mut asked = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "none"] {
        for address in ["192.0.2.9", "192.0.2.77", "2001:db8::1"] {
            asked.push((address, format!("ann@{name}.example.test")));
        }
    }
    let lines: String =
        asked.iter().map(|(address, path)| format!("{address} {path} mx.example.test\n")).collect();
    let script = peer_file("spf_verdicts.py");
    let told = home.command(python, args![script, dns.port.to_string()]).stdin(lines);
    let told = told.run().success();
    let told: Vec<&str> = told.lines();
    assert_eq!(told.len(), asked.len());
    let resolver = dns.resolver();
    let pairs: Vec<_> = asked.iter().zip(told).collect();
    each(&pairs, |((address, path), theirs)| {
        let literal =
            if address.contains(':') { format!("IPv6:{address}") } else { (*address).to_owned() };
        let message = format!(
            "Return-Path: <{path}>\r\nReceived: from mx.example.test (mx.example.test [{literal}])\
             \r\n\tby here with ESMTPS; Tue, 3 Mar 2026 10:00:05 +0000\r\n{}",
            &GOOD[GOOD.find("From:").expect("a From")..]
        );
        let report = headers(&home, message, &["--resolver", &resolver]);
        let evidence = report.evidence("RES-006");
        let ours = evidence.split(": ").nth(1).and_then(|rest| rest.split(' ').next());
        assert_eq!(ours, Some(*theirs), "{address} {path}: {evidence}");
        let wanted = if *theirs == "pass" { "RES-006 holds" } else { "RES-006 warn" };
        report.expect(path, &[wanted]);
    });
}

const DIALOGUE: &str = "S: 220 mx.example.test ESMTP\r\nC: EHLO me.example.test\r\n\
S: 250-mx.example.test\r\nS: 250-PIPELINING\r\nS: 250-ENHANCEDSTATUSCODES\r\nS: 250 STARTTLS\r\n\
C: STARTTLS\r\nS: 220 2.0.0 go\r\n[TLS] TLS 1.3\r\n\
C: EHLO me.example.test\r\nS: 250-mx.example.test\r\nS: 250-PIPELINING\r\n\
S: 250-ENHANCEDSTATUSCODES\r\nS: 250 AUTH PLAIN\r\n\
C: AUTH PLAIN AGFubgBzZWNyZXQ=\r\nS: 235 2.7.0 welcome\r\n\
C: MAIL FROM:<ann@example.test>\r\nS: 250 2.1.0 ok\r\n\
C: RCPT TO:<bob@example.test>\r\nS: 250 2.1.5 ok\r\n\
C: DATA\r\nS: 354 go on\r\nC: Subject: one\r\nC: \r\nC: x\r\nC: .\r\nS: 250 2.0.0 taken\r\n\
C: QUIT\r\nS: 221 2.0.0 bye\r\n";

#[test]
fn each_fault_of_a_transcript_is_found() {
    let home = Home::new();
    let judge = |transcript: &str| {
        let arguments = args!["probe", "session", "--json", "-q"];
        Report::of(home.pillarbox(arguments).stdin(transcript).run())
    };
    judge(DIALOGUE).expect(
        "a good dialogue",
        &[
            "SES-001 holds",
            "SES-002 holds",
            "SES-003 holds",
            "SES-004 holds",
            "SES-005 holds",
            "SES-006 holds",
            "SES-007 holds",
            "SES-009 holds",
        ],
    );
    let table: [(&str, &str, &str); 8] = [
        (DIALOGUE, "what is this\r\nand that\r\n", "SES-001 unknown"),
        (
            "C: STARTTLS\r\nS: 220 2.0.0 go\r\n[TLS] TLS 1.3\r\nC: EHLO me.example.test\r\n",
            "C: EHLO me.example.test\r\n",
            "SES-002 fail",
        ),
        ("250 2.1.0 ok", "250 ok", "SES-003 warn"),
        ("250 2.1.0 ok", "354 2.1.0 ok", "SES-004 fail"),
        ("MAIL FROM:<ann@example.test>", "MAIL FROM:<ann@example.test> SIZE=3", "SES-005 warn"),
        ("S: 250 2.1.5 ok", "S: 250 2.1.5 ok\r\nS: 250 2.1.5 ok", "SES-006 fail"),
        (
            "[TLS] TLS 1.3\r\nC: EHLO me.example.test\r\nS: 250-mx.example.test\r\n\
             S: 250-PIPELINING\r\nS: 250-ENHANCEDSTATUSCODES\r\nS: 250 AUTH PLAIN\r\n",
            "[TLS] TLS 1.3\r\n",
            "SES-007 warn",
        ),
        ("S: 250 2.1.5 ok", "S: 550 5.1.1 nobody", "SES-009 warn"),
    ];
    each(&table, |(from, to, wanted)| {
        assert!(DIALOGUE.contains(from), "{from}");
        judge(&DIALOGUE.replace(from, to)).expect(to, &[wanted]);
    });
    // Only our own --trace shows line ends.
    let server = ServeTest::start();
    let url = server.url("imap", None);
    let trace = home.path().join("trace.jsonl");
    let arguments =
        args!["probe", "load", url, "--intrusive", "--count", "2", "--connections", "1", "-q"];
    let run = home.pillarbox(arguments).arg("--ca-file").arg(server.ca());
    run.arg("--trace").arg(&trace).run().success();
    let trace = std::fs::read_to_string(&trace).expect("a trace");
    judge(&trace).expect("a trace", &["SES-008 holds"]);
    judge(&trace.replace(r"\r\n", r"\n")).expect("bare line ends", &["SES-008 fail"]);
}
