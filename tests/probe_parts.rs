//! The parts of `probe`: conform, load, roundtrip, headers, session, each with servers and
//! programs of other makers.

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::{
    Cyrus, Dns, Dovecot, Home, Postfix, Run, ServeTest, Signing, SmtpSink, Stored, Zone, args,
};

/// What a run of `probe conform --json` told.
struct Scores {
    /// Verdict and evidence by the id of the case.
    cases: BTreeMap<String, (String, String)>,
    /// Passed and all, by RFC.
    rfcs: BTreeMap<String, (u64, u64)>,
    skipped: usize,
}

impl Scores {
    /// Reads them, and prints them for people.
    fn of(server: &str, run: &Run) -> Scores {
        let mut scores = Scores { cases: BTreeMap::new(), rfcs: BTreeMap::new(), skipped: 0 };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for line in run.json_lines() {
            match line["type"].as_str() {
                Some("finding") => {
                    let found = (text(&line["verdict"]), text(&line["evidence"]));
                    scores.cases.insert(text(&line["id"]), found);
                }
                Some("score") => {
                    let count = |name: &str| line[name].as_u64().unwrap_or_default();
                    scores.rfcs.insert(text(&line["rfc"]), (count("passed"), count("cases")));
                }
                Some("skipped") => scores.skipped += 1,
                Some("summary") => {}
                other => panic!("{other:?} in {run}"),
            }
        }
        let passed: u64 = scores.rfcs.values().map(|(passed, _)| passed).sum();
        println!("{server}: {passed} of {} cases, {} skipped", scores.cases.len(), scores.skipped);
        for (rfc, (passed, all)) in &scores.rfcs {
            println!("  {rfc}: {passed} of {all}");
        }
        scores
    }

    /// Compares what does not pass with what is known of the server: id and reason.
    #[track_caller]
    fn fails(&self, server: &str, known: &[(&str, &str)]) {
        let found: Vec<&String> = self
            .cases
            .iter()
            .filter(|(_, (verdict, _))| verdict != "pass")
            .map(|(id, _)| id)
            .collect();
        let wanted: Vec<&str> = known.iter().map(|(id, _)| *id).collect();
        let told: Vec<String> = found
            .iter()
            .map(|id| format!("{id} {}: {}", self.cases[*id].0, self.cases[*id].1))
            .collect();
        assert_eq!(found, wanted, "{server}:\n{}", told.join("\n"));
    }
}

fn conform(home: &Home, url: &str, ca: std::path::PathBuf, more: &[&str]) -> Run {
    let run = home
        .pillarbox(args!["probe", "conform", url, "--json", "--ca-file", ca])
        .args(more)
        .password("secret")
        .run();
    assert!(matches!(run.code, Some(0..=2)), "{run}");
    assert!(!run.errors().contains("left on the server"), "{run}");
    run
}

/// A message for maildrops that are empty.
const MESSAGE: &[u8] = b"From: ann@example.test\nTo: alice@example.test\nSubject: one\n\nHello.\n";

/// The mailboxes that there are, to see that nothing was left behind or taken away.
fn folders(home: &Home, url: &str, ca: std::path::PathBuf) -> String {
    let run = home
        .pillarbox(args!["folder", "list", url, "--ca-file", ca])
        .password("secret")
        .run()
        .success();
    run.text().to_owned()
}

#[test]
fn dovecot_keeps_to_the_rfcs_as_far_as_is_known() {
    let Some(dovecot) = Dovecot::start("dovecot_keeps_to_the_rfcs_as_far_as_is_known") else {
        return;
    };
    dovecot.put("alice", "INBOX", &[Stored { octets: MESSAGE, flags: "", received: 1 }]);
    let home = Home::new();
    let url = dovecot.url("imap", "alice");
    let before = folders(&home, &url, dovecot.ca());
    let scores = Scores::of("Dovecot IMAP", &conform(&home, &url, dovecot.ca(), &[]));
    assert!(scores.cases.len() >= 60);
    scores.fails(
        "Dovecot IMAP",
        &[
            ("CIMAP-012", "it passes over what stands behind a command without arguments"),
            ("CIMAP-023", "STORE in an EXAMINEd mailbox is ignored, and answered with OK"),
        ],
    );
    assert_eq!(folders(&home, &url, dovecot.ca()), before, "nothing is left and nothing is gone");

    let url = dovecot.url("pop3", "alice");
    let scores = Scores::of("Dovecot POP3", &conform(&home, &url, dovecot.ca(), &[]));
    assert!(scores.cases.len() >= 25);
    scores.fails("Dovecot POP3", &[]);
    assert_eq!(dovecot.messages("alice", "INBOX"), [MESSAGE]);
}

#[test]
fn cyrus_keeps_to_the_rfcs_as_far_as_is_known() {
    let Some(cyrus) = Cyrus::start("cyrus_keeps_to_the_rfcs_as_far_as_is_known") else { return };
    let home = Home::new();
    let url = format!("imaps://alice@localhost:{}/", cyrus.imaps);
    let scores = Scores::of("Cyrus IMAP", &conform(&home, &url, cyrus.ca(), &["--auth", "PLAIN"]));
    assert!(scores.cases.len() >= 60);
    scores.fails(
        "Cyrus IMAP",
        &[
            ("CIMAP-008", "its NO to a wrong password has no code"),
            (
                "CIMAP-053",
                "\\Recent has changed too, and is told with the flags that were asked for",
            ),
            ("CIMAP-079", "an unknown charset is answered with BAD"),
            ("CIMAP-080", "the same, and without a code"),
        ],
    );
    let url = format!("pop3s://alice@localhost:{}/", cyrus.pop3s);
    let scores = Scores::of("Cyrus POP3", &conform(&home, &url, cyrus.ca(), &["--auth", "PLAIN"]));
    assert!(scores.cases.len() >= 25);
    scores.fails("Cyrus POP3", &[]);
}

#[test]
fn postfix_keeps_to_the_rfcs_as_far_as_is_known() {
    let Some(postfix) = Postfix::start("postfix_keeps_to_the_rfcs_as_far_as_is_known") else {
        return;
    };
    let home = Home::new();
    let url = postfix.url("smtp", None);
    let to = ["--to", "bob@example.test"];
    let scores = Scores::of("Postfix", &conform(&home, &url, postfix.ca(), &to));
    assert!(scores.cases.len() >= 40);
    scores.fails(
        "Postfix",
        &[
            ("CSMTP-041", "UTF-8 without SMTPUTF8 is taken unless strict_smtputf8 is set"),
            (
                "CSMTP-066",
                "smtpd_forbid_bare_newline is off in this configuration: it can be smuggled by",
            ),
            ("CSMTP-067", "the same"),
        ],
    );
}

#[test]
fn serve_test_keeps_to_the_rfcs() {
    let server = ServeTest::start();
    let home = Home::new();
    for (scheme, least) in [("imap", 60), ("pop3", 25), ("submission", 40)] {
        let url = server.url(scheme, Some("alice"));
        let to: &[&str] =
            if scheme == "submission" { &["--to", "alice@example.test"] } else { &[] };
        let name = format!("serve-test {scheme}");
        let scores = Scores::of(&name, &conform(&home, &url, server.ca(), to));
        assert!(scores.cases.len() >= least, "{name}");
        scores.fails(&name, &[]);
    }
}

/// Verdict and evidence by the id of the finding, the worst of each, and the exit code.
fn findings(run: &Run) -> BTreeMap<String, (String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all: BTreeMap<String, (String, String)> = BTreeMap::new();
    for line in run.json_lines().iter().filter(|line| line["type"] == "finding") {
        let found = (text(&line["verdict"]), text(&line["evidence"]));
        let known = all.entry(text(&line["id"])).or_insert_with(|| found.clone());
        if known.0 == "pass" {
            *known = found;
        }
    }
    all
}

/// Checks words like `TRIP-001 pass`.
#[track_caller]
fn expect(all: &BTreeMap<String, (String, String)>, wanted: &[&str]) {
    for words in wanted {
        let (id, want) = words.split_once(' ').expect("id and verdict");
        assert_eq!(verdict(all, id), want, "{id}: {all:?}");
    }
}

#[track_caller]
fn verdict<'a>(all: &'a BTreeMap<String, (String, String)>, id: &str) -> &'a str {
    all.get(id).map_or("none", |(verdict, _)| verdict.as_str())
}

fn object<'a>(lines: &'a [Value], kind: &str) -> &'a Value {
    lines.iter().find(|line| line["type"] == kind).unwrap_or_else(|| panic!("no {kind}: {lines:?}"))
}

#[test]
fn load_is_measured_and_bounded() {
    let server = ServeTest::start();
    let home = Home::new();
    let run = |url: String, more: &[&str], ca: Option<std::path::PathBuf>| {
        let mut invocation =
            home.pillarbox(args!["probe", "load", url, "--intrusive", "--json"]).args(more);
        if let Some(ca) = ca {
            invocation = invocation.arg("--ca-file").arg(ca);
        }
        let run = invocation.password("secret").run().success();
        expect(&findings(&run), &["LOAD-001 pass"]);
        object(&run.json_lines(), "load").clone()
    };
    let load = run(
        server.url("smtp", None),
        &["--to", "bob@example.test", "--count", "40", "--connections", "3"],
        Some(server.ca()),
    );
    assert_eq!(
        (&load["unit"], &load["done"], &load["connections"]),
        (&"message".into(), &40.into(), &3.into())
    );
    assert!(load["per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{load}");
    let count = home
        .pillarbox(args![
            "search",
            "subject:pillarbox",
            server.url("imaps", Some("bob")),
            "--ca-file",
            server.ca()
        ])
        .password("secret")
        .run()
        .success();
    assert_eq!(count.lines().len(), 40, "every message was delivered once");
    let load = run(server.url("imaps", Some("alice")), &["--count", "50"], Some(server.ca()));
    assert_eq!((&load["unit"], &load["done"]), (&"command".into(), &50.into()));
    let load = run(server.url("pop3", None), &["--count", "20"], Some(server.ca()));
    assert_eq!(load["done"], 20);
    let test = "load_is_measured_and_bounded";
    if let Some(sink) = SmtpSink::start(test, &[]) {
        let more = ["--to", "x@example.test", "--count", "30", "--tls", "none"];
        let load = run(sink.url(), &more, None);
        assert_eq!(load["done"], 30);
        assert_eq!(sink.dumps().len(), 30);
    }
    if let Some(dovecot) = Dovecot::start(test) {
        let load = run(dovecot.url("imaps", "alice"), &["--count", "60"], Some(dovecot.ca()));
        assert_eq!(load["done"], 60);
    }
    // The time ends what the number would not.
    let begun = std::time::Instant::now();
    let more = ["--count", "1000000", "--time", "2s", "--connections", "2"];
    let load = run(server.url("imaps", Some("alice")), &more, Some(server.ca()));
    assert!(load["done"].as_u64().is_some_and(|done| done < 1_000_000), "{load}");
    assert!(begun.elapsed() >= std::time::Duration::from_secs(2));
    // A server that is not there is a finding, and the exit code says so.
    let nobody = format!("smtp://localhost:{}", support::closed_port());
    let run =
        home.run(&["probe", "load", &nobody, "--intrusive", "--tls", "none", "--json"]).expect(2);
    expect(&findings(&run), &["LOAD-001 fail"]);
}

fn roundtrip(
    home: &Home,
    send: &str,
    receive: &str,
    ca: [std::path::PathBuf; 2],
) -> support::Invocation {
    let [sending, receiving] = ca;
    home.pillarbox(args![
        "probe",
        "roundtrip",
        "--json",
        "--send",
        send,
        "--receive",
        receive,
        "--to",
        "alice@example.test",
        "--send-ca-file",
        sending,
        "--receive-ca-file",
        receiving
    ])
    .password("secret")
}

#[test]
fn a_message_goes_round_through_postfix_and_dovecot() {
    let test = "a_message_goes_round_through_postfix_and_dovecot";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let Some(postfix) = Postfix::before(test, &dovecot) else { return };
    dovecot.put("alice", "INBOX", &[Stored { octets: MESSAGE, flags: "", received: 1 }]);
    let home = Home::new();
    let send = postfix.url("submission", Some("alice"));
    for scheme in ["imaps", "pop3s"] {
        let receive = dovecot.url(scheme, "alice");
        let ca = [postfix.ca(), dovecot.ca()];
        let run = roundtrip(&home, &send, &receive, ca).args(["--warn", "50s"]).run().success();
        let all = findings(&run);
        expect(&all, &["TRIP-001 pass", "TRIP-002 pass", "TRIP-003 pass", "TRIP-004 pass"]);
        let lines = run.json_lines();
        assert!(object(&lines, "roundtrip")["arrived_ms"].as_f64().is_some_and(|ms| ms > 0.0));
        let hops = lines.iter().filter(|line| line["type"] == "hop").count();
        assert!(hops >= 2, "Postfix and Dovecot each wrote a Received field: {run}");
        // Only its own message was removed.
        assert_eq!(dovecot.messages("alice", "INBOX"), [MESSAGE], "{scheme}");
    }
}

#[test]
fn a_message_that_is_late_or_lost_is_told() {
    let server = ServeTest::start();
    let home = Home::new();
    let ca = || [server.ca(), server.ca()];
    let (send, receive) =
        (server.url("submission", Some("bob")), server.url("imaps", Some("alice")));
    let late = roundtrip(&home, &send, &receive, ca()).args(["--warn", "0.000001"]).run().expect(1);
    expect(&findings(&late), &["TRIP-003 warn", "TRIP-004 pass"]);
    // It goes to alice, and is waited for at bob's.
    let elsewhere = server.url("imaps", Some("bob"));
    let lost = roundtrip(&home, &send, &elsewhere, ca()).args(["--fail", "1s"]).run().expect(2);
    let all = findings(&lost);
    expect(&all, &["TRIP-001 pass", "TRIP-002 fail"]);
    assert!(all["TRIP-002"].1.contains("not come after 1 s"), "{lost}");
    assert!(object(&lost.json_lines(), "roundtrip")["arrived_ms"].is_null());
    // Nobody takes it.
    let mut refused =
        home.pillarbox(args!["probe", "roundtrip", "--json", "--to", "nobody@example.test"]);
    refused = refused.args(["--send", &send, "--receive", &receive]).password("secret");
    let refused =
        refused.arg("--send-ca-file").arg(server.ca()).arg("--receive-ca-file").arg(server.ca());
    let run = refused.run().expect(2);
    expect(&findings(&run), &["TRIP-001 fail"]);
    // It comes, and stays.
    let keeps = ServeTest::with(&["--fault", "imap uid store => NO [NOPERM] not yours"]);
    let (send, receive) = (keeps.url("submission", Some("bob")), keeps.url("imaps", Some("alice")));
    let kept = roundtrip(&home, &send, &receive, [keeps.ca(), keeps.ca()]).run().expect(1);
    expect(&findings(&kept), &["TRIP-002 pass", "TRIP-004 warn"]);
}

const LETTER: &str = "Received: from a.example.test by b.example.test with ESMTPS id 1;\r\n\tTue, 3 Mar 2026 10:00:05 +0000\r\n\
From: ann@example.test\r\nTo: bob@example.test\r\nSubject: signed  twice\r\n\
Date: Tue, 3 Mar 2026 10:00:00 +0000\r\nMessage-ID: <1@example.test>\r\n\r\nHello,  world. \r\n\r\n\r\n";

#[test]
fn signatures_of_dkimpy_are_verified() {
    let test = "signatures_of_dkimpy_are_verified";
    let home = Home::new();
    let python = "/usr/bin/python3";
    if home.command(python, &["-c", "import dkim, authres"]).run().code != Some(0) {
        return support::skip(test, "not installed: python3-dkim, python3-authres");
    }
    if !support::needs(test, &["openssl"]) {
        return;
    }
    home.command("openssl", &["genrsa", "-traditional", "-out", "key.pem", "2048"]).run().success();
    let public = home
        .command("openssl", &["rsa", "-in", "key.pem", "-pubout", "-outform", "DER"])
        .run()
        .success();
    let key = support::mail::base64(&public.stdout).replace(['\r', '\n'], "");
    let (first, second) = key.split_at(200);
    let records = format!(
        "s._domainkey IN TXT \"v=DKIM1; k=rsa; p={first}\" \"{second}\"\n\
         gone._domainkey IN TXT \"v=DKIM1; p=\"\n\
         _dmarc IN TXT \"v=DMARC1; p=none\"\n"
    );
    let zones = [Zone::new("example.test", Signing::Unsigned, &records)];
    let Some(dns) = Dns::start(test, &zones) else { return };
    let judge = |message: &[u8]| {
        let arguments = args!["probe", "headers", "--json", "--resolver", dns.resolver()];
        let run = home.pillarbox(arguments).stdin(message).run();
        assert!(matches!(run.code, Some(0..=3)), "{run}");
        findings(&run)
    };
    for way in ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"] {
        let script = support::peer_file("dkim_sign.py");
        let sign = home.command(python, args![script, "key.pem", way, "arc"]).stdin(LETTER);
        let signed = sign.run().success().stdout;
        let all = judge(&signed);
        for id in
            ["SIG-001", "SIG-002", "SIG-003", "SIG-004", "SIG-005", "RES-004", "RES-005", "ARC-001"]
        {
            assert_eq!(verdict(&all, id), "pass", "{way} {id}: {all:?}");
        }
        let text = String::from_utf8(signed).expect("the message is ASCII");
        let body = judge(text.replace("Hello", "Hallo").as_bytes());
        assert_eq!(
            (verdict(&body, "SIG-002"), verdict(&body, "ARC-001")),
            ("fail", "warn"),
            "{way}"
        );
        assert!(body["SIG-002"].1.contains("body"), "{body:?}");
        assert_eq!(verdict(&body, "RES-004"), "warn", "the receiver said pass");
        let header = judge(text.replace("twice", "thrice").as_bytes());
        assert!(header["SIG-002"].1.contains("does not match"), "{way}: {header:?}");
        let results = text.replace("dkim=pass", "dkim=fail");
        assert_eq!(verdict(&judge(results.as_bytes()), "ARC-001"), "warn", "{way}");
        let other = judge(text.replace("s=s;", "s=gone;").as_bytes());
        assert_eq!(verdict(&other, "SIG-002"), "fail", "{way}: {other:?}");
    }
    // Nobody who can be asked is unknown, and never absent.
    let script = support::peer_file("dkim_sign.py");
    let sign = home.command(python, args![script, "key.pem", "relaxed/relaxed"]).stdin(LETTER);
    let signed = sign.run().success().stdout;
    let silent = format!("127.0.0.1:{}", support::closed_port());
    let arguments = args!["probe", "headers", "--json", "--timeout", "1", "--resolver", silent];
    let run = home.pillarbox(arguments).stdin(signed).run();
    assert_eq!(verdict(&findings(&run), "SIG-002"), "unknown", "{run}");
}

#[test]
fn real_messages_and_nonsense_are_judged_without_harm() {
    let test = "real_messages_and_nonsense_are_judged_without_harm";
    let Some(messages) = support::mail::corpus_messages(test) else { return };
    let home = Home::new();
    let silent = format!("127.0.0.1:{}", support::closed_port());
    let step = if support::full() { 1 } else { (messages.len() / 60).max(1) };
    for (name, message) in messages.iter().step_by(step).filter(|(_, message)| !message.is_empty())
    {
        for part in ["headers", "session"] {
            let arguments = args!["probe", part, "--timeout", "0.2", "--resolver", &silent];
            let run = home.pillarbox(arguments).stdin(message.clone()).run();
            assert!(matches!(run.code, Some(0..=3)), "{name}: {run}");
            assert!(!run.errors().contains("panicked"), "{name}: {run}");
        }
    }
}

/// What `probe session` makes of what a program printed.
fn session(home: &Home, transcript: Vec<u8>) -> BTreeMap<String, (String, String)> {
    let run = home.pillarbox(&["probe", "session", "--json"]).stdin(transcript).run();
    assert!(matches!(run.code, Some(0..=2)), "{run}");
    findings(&run)
}

#[test]
fn transcripts_of_swaks_and_curl_are_judged() {
    let test = "transcripts_of_swaks_and_curl_are_judged";
    if !support::needs(test, &["swaks", "curl"]) {
        return;
    }
    let server = ServeTest::start();
    let home = Home::new();
    let port = server.port("submission").to_string();
    let swaks = |more: &[&str]| {
        let to = [
            "--server",
            "127.0.0.1",
            "--port",
            &port,
            "--to",
            "bob@example.test",
            "--from",
            "alice@example.test",
        ];
        home.command("swaks", &[&to[..], more].concat()).run().stdout
    };
    let good = session(&home, swaks(&["-tls", "-a", "PLAIN", "-au", "alice", "-ap", "secret"]));
    for id in
        ["SES-001", "SES-002", "SES-003", "SES-004", "SES-005", "SES-006", "SES-007", "SES-009"]
    {
        assert_eq!(verdict(&good, id), "pass", "{id}: {good:?}");
    }
    assert_eq!(verdict(&good, "SMTP-003"), "pass", "{good:?}");
    let refused = session(&home, swaks(&["--to", "nobody@example.test", "-tls"]));
    assert_eq!(verdict(&refused, "SES-009"), "warn", "{refused:?}");

    let Some(dovecot) = Dovecot::start(test) else { return };
    let url = format!("imap://127.0.0.1:{}/INBOX", dovecot.imap);
    let curl = home
        .command("curl", &["-sv", "-u", "alice:secret", "--login-options", "AUTH=PLAIN", &url])
        .run();
    let clear = session(&home, curl.stderr);
    assert_eq!(verdict(&clear, "SES-002"), "fail", "{clear:?}");
    let url = format!("pop3://127.0.0.1:{}/", dovecot.pop3);
    let curl = home
        .command("curl", &["-sv", "-u", "alice:secret", "--login-options", "AUTH=PLAIN", &url])
        .run();
    let clear = session(&home, curl.stderr);
    assert_eq!(verdict(&clear, "SES-001"), "pass", "{clear:?}");
    assert_eq!(verdict(&clear, "SES-002"), "fail", "{clear:?}");
}

#[test]
fn our_own_transcripts_are_judged() {
    let server = ServeTest::start();
    let home = Home::new();
    for scheme in ["imap", "pop3"] {
        let url = server.url(scheme, Some("alice"));
        let trace = home.path().join(format!("{scheme}.jsonl"));
        let arguments =
            args!["probe", "load", url, "--intrusive", "--count", "3", "--connections", "1", "-v"];
        let run =
            home.pillarbox(arguments).arg("--trace").arg(&trace).arg("--ca-file").arg(server.ca());
        let run = run.password("secret").run().success();
        for transcript in [run.stderr.clone(), std::fs::read(&trace).expect("a trace")] {
            let all = session(&home, transcript);
            for id in ["SES-001", "SES-002", "SES-004", "SES-005", "SES-006", "SES-007"] {
                assert_eq!(verdict(&all, id), "pass", "{scheme} {id}: {all:?}");
            }
        }
    }
}
