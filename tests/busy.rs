//! Servers that are there and busy: what is asked again, how often, and what is said when it
//! was in vain.

mod support;

use std::time::{Duration, Instant};

use support::{Dovecot, Home, OtherClient, PATIENCE, Scripted, Step, args, wait_for};

/// Dovecot lets one connection of a user in at a time; the one before has to go first.
#[test]
fn a_session_waits_for_dovecot_to_have_room() {
    let options = support::dovecot::Options {
        extra: "protocol imap {\n  mail_max_userip_connections = 1\n}\n".to_owned(),
        ..support::dovecot::Options::default()
    };
    let test = "a_session_waits_for_dovecot_to_have_room";
    let Some(dovecot) = Dovecot::with(test, &options) else { return };
    let other = OtherClient::login(dovecot.imap, "alice", "secret");
    let home = Home::new();
    let trace = home.path().join("trace.jsonl");
    let running = home
        .pillarbox(args!["folder", "list", dovecot.url("imaps", "alice"), "--trace", &trace])
        .arg("--ca-file")
        .arg(dovecot.ca())
        .password("secret")
        .spawn();
    wait_for("the refusal", PATIENCE, || {
        let text = std::fs::read_to_string(&trace).unwrap_or_default();
        text.contains("[LIMIT]").then_some(())
    });
    drop(other);
    running.wait(PATIENCE).success().says(&["is busy; trying again in 1 s"]);
}

/// Each connection gets the greeting; the times that a client came.
#[track_caller]
fn visits(scheme: &str, greeting: &str, verb: &[&str], code: i32, says: &[&str]) -> usize {
    let server = Scripted::serve(vec![Step::line(greeting), Step::Close]);
    let home = Home::new();
    let trace = home.path().join("trace.jsonl");
    let url = server.url(scheme);
    let url = if scheme == "smtp" { url } else { url.replace("://", "://alice@") };
    let mut run = home.pillarbox(verb);
    if verb[0] == "send" {
        run = run.arg("--via");
    }
    run = run.arg(url).arg("--tls").arg("none").arg("--trace").arg(&trace);
    run = match verb[0] {
        "send" => run.arg("bob@example.test").stdin("From: a@example.test\r\n\r\nx\r\n"),
        "sync" => run.arg("maildir:near"),
        _ => run,
    };
    run.arg("--allow-cleartext-password").password("secret").run().expect(code).says(says);
    let text = std::fs::read_to_string(&trace).expect("a trace");
    text.lines().filter(|line| line.contains("\"connected\"")).count()
}

#[test]
fn a_busy_server_is_asked_three_times() {
    for (scheme, greeting, verb) in [
        ("imap", "* BYE [UNAVAILABLE] later", &["fetch"][..]),
        ("pop3", "-ERR [SYS/TEMP] later", &["fetch"]),
        ("smtp", "421 4.3.2 later", &["send"]),
    ] {
        let begun = Instant::now();
        assert_eq!(visits(scheme, greeting, verb, 75, &["busy", "later"]), 3, "{greeting}");
        assert!(begun.elapsed() >= Duration::from_secs(3), "{greeting}");
    }
}

#[test]
fn a_time_that_the_server_names_is_obeyed() {
    let short = "* BYE [UNAVAILABLE] Suggested Backoff Time: 20 milliseconds";
    assert_eq!(visits("imap", short, &["fetch"], 75, &["in 0.02 s"]), 3);
    let long = "* BYE Throttled. Suggested Backoff Time: 300000 milliseconds";
    assert_eq!(visits("imap", long, &["fetch"], 75, &["left alone for 300 s"]), 1);
    assert_eq!(visits("imap", long, &["sync"], 83, &["left alone for 300 s"]), 1);
    assert_eq!(visits("smtp", "421 try again in 10 minutes", &["send"], 75, &["600 s"]), 1);
}

#[test]
fn a_refusal_for_good_is_not_asked_again() {
    assert_eq!(visits("imap", "* BYE we are closed", &["fetch"], 75, &["closed"]), 1);
    assert_eq!(visits("smtp", "554 no service here", &["send"], 69, &["no service"]), 1);
    assert_eq!(visits("pop3", "-ERR [SYS/PERM] no", &["fetch"], 69, &["no"]), 1);
}
