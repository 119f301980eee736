//! The parts of `probe`: conform, load, roundtrip, headers, session, each with servers and
//! programs of other makers.

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::{Cyrus, Dovecot, Home, Postfix, Run, ServeTest, Stored, args};

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
