//! Connections cut after any octet. Nothing is half there, nothing lost, nothing twice, and nobody
//! is told what is not true.
//!
//! Each storm has a seed, which is printed; `PILLARBOX_SEED` repeats one, `PILLARBOX_FULL=1` cuts
//! at every octet.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use support::cut::{Cut, Way, holds, places};
use support::mail::Random;
use support::{
    Dovecot, Exim, Home, PATIENCE, Run, ServeTest, SmtpSink, Stored, args, full, mail, wait_for,
};

fn contents(maildir: &Path) -> Vec<Vec<u8>> {
    mail::maildir_files(maildir).iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// The message that a cut is tried on: small, so that every place in it can be tried.
fn short(subject: &str) -> Vec<u8> {
    format!(
        "From: alice@example.test\r\nTo: bob@example.test\r\nSubject: {subject}\r\n\
         Date: Tue, 3 Mar 2026 10:00:00 +0100\r\nMessage-ID: <{subject}@example.test>\r\n\r\n\
         one line\r\n..and a dot\r\nthe last line\r\n"
    )
    .into_bytes()
}

/// Sends through a cut; its exit code, and what the server has taken for good.
#[track_caller]
fn send_cut(home: &Home, server: u16, way: Way, octets: usize, subject: &str) -> (Run, bool) {
    let cut = Cut::before(server, way, octets);
    let run = home
        .pillarbox(args![
            "send",
            "--via",
            format!("smtp://localhost:{}", cut.port),
            "--tls",
            "none"
        ])
        .arg("--json")
        .arg("bob@example.test")
        .stdin(short(subject))
        .run();
    let passed = cut.finish();
    // EHLO, MAIL, RCPT and the end of the message have a 250 each; only whole lines are answers.
    let answered = |octets: &[u8]| {
        let text = String::from_utf8_lossy(octets).into_owned();
        let whole = text.rsplit_once("\r\n").map_or("", |(whole, _)| whole);
        whole.lines().filter(|line| line.starts_with("250 ")).count() >= 4
    };
    let (is_taken, is_told) = (answered(&passed.server), answered(&passed.to_client));
    // The end is a dot, or the last octet of the last chunk.
    let end: &[u8] = if holds(&passed.client, b" LAST\r\n") {
        b"the last line\r\n"
    } else {
        b"the last line\r\n.\r\n"
    };
    let is_whole = holds(&passed.client, end);
    let state = run
        .json_lines()
        .first()
        .and_then(|line| line["state"].as_str().map(str::to_owned))
        .unwrap_or_else(|| "none".to_owned());
    let context = || {
        format!(
            "{way:?} cut after {octets}: {state}; dot sent {is_whole}, taken {is_taken}, \
             told {is_told}\n{run}\n--- client\n{}\n--- server\n{}",
            String::from_utf8_lossy(&passed.client),
            String::from_utf8_lossy(&passed.server)
        )
    };
    let (wanted, code) = match (is_told, is_whole) {
        (true, _) => ("delivered", 0),
        (false, true) => ("unknown", 80),
        (false, false) => ("temporary", 75),
    };
    assert_eq!((state.as_str(), run.code), (wanted, Some(code)), "{}", context());
    assert!(state != "temporary" || !is_taken, "{}", context());
    (run, is_taken)
}

#[test]
fn send_cut_off_at_any_octet() {
    let test = "send_cut_off_at_any_octet";
    let Some(sink) = SmtpSink::start(test, &[]) else { return };
    let home = Home::new();
    let mut random = Random::of_storm(test, 4);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for way in [Way::ToServer, Way::ToClient] {
        // How much goes by when nothing is cut.
        let whole = Cut::before(sink.port, way, usize::MAX);
        home.pillarbox(args!["send", "--via", format!("smtp://localhost:{}", whole.port)])
            .arg("--tls")
            .arg("none")
            .arg("bob@example.test")
            .stdin(short("whole"))
            .run()
            .success();
        let passed = whole.finish();
        let all = if way == Way::ToServer { passed.client.len() } else { passed.server.len() };
        for octets in places(&mut random, all, 18) {
            let subject = format!("cut-{way:?}-{octets}");
            let (run, is_taken) = send_cut(&home, sink.port, way, octets, &subject);
            let line = format!("Subject: {subject}\n");
            let is_there = sink
                .dumps()
                .iter()
                .any(|dump| holds(dump, line.as_bytes()) && holds(dump, b"the last line\n"));
            assert!(!is_taken || is_there, "taken, but not stored\n{run}");
            *counts.entry(format!("{way:?} exit {:?}", run.code.unwrap_or(-1))).or_default() += 1;
        }
    }
    eprintln!("{test}: {counts:?}");
    for code in [0, 75, 80] {
        assert!(counts.keys().any(|key| key.ends_with(&format!("exit {code}"))), "{counts:?}");
    }
}

/// The same at our own server, where what it stored can be asked for.
#[test]
fn what_a_cut_off_send_says_is_what_serve_test_has() {
    let test = "what_a_cut_off_send_says_is_what_serve_test_has";
    let server = ServeTest::with(&["--allow-cleartext"]);
    let home = Home::new();
    let mut random = Random::of_storm(test, 5);
    let port = server.port("smtp");
    let mut said: BTreeMap<String, Option<i32>> = BTreeMap::new();
    for way in [Way::ToServer, Way::ToClient] {
        let whole = Cut::before(port, way, usize::MAX);
        home.pillarbox(args!["send", "--via", format!("smtp://localhost:{}", whole.port)])
            .arg("--tls")
            .arg("none")
            .arg("bob@example.test")
            .stdin(short(&format!("whole-{way:?}")))
            .run()
            .success();
        let passed = whole.finish();
        said.insert(format!("whole-{way:?}"), Some(0));
        let all = if way == Way::ToServer { passed.client.len() } else { passed.server.len() };
        for octets in places(&mut random, all, 8) {
            let subject = format!("cut-{way:?}-{octets}");
            let (run, _) = send_cut(&home, port, way, octets, &subject);
            said.insert(subject, run.code);
        }
    }
    let listed = home
        .pillarbox(args!["fetch", server.url("imaps", Some("bob")), "--headers=subject", "--json"])
        .arg("--ca-file")
        .arg(server.ca())
        .password("secret")
        .run()
        .success();
    let mut stored: BTreeMap<String, usize> = BTreeMap::new();
    for line in listed.json_lines() {
        *stored
            .entry(line["headers"][0][1].as_str().unwrap_or_default().to_owned())
            .or_default() += 1;
    }
    for (subject, code) in &said {
        let times = stored.get(subject).copied().unwrap_or(0);
        let is_right = match code {
            Some(0) => times == 1,
            Some(75) => times == 0,
            _ => times <= 1,
        };
        assert!(is_right, "{subject}: exit code {code:?}, and {times} stored\n{listed}");
    }
    eprintln!("{test}: {} sent, {} stored", said.len(), stored.len());
}

#[test]
fn fetch_cut_off_at_any_octet() {
    let test = "fetch_cut_off_at_any_octet";
    let Some(dovecot) = Dovecot::start(test) else { return };
    // Numbers 2, 8, ... are long: few of them, so that the places are dense.
    let originals: Vec<Vec<u8>> = mail::generate(17, 14)
        .iter()
        .filter(|message| message.len() < 3000)
        .map(|message| mail::to_lf(message))
        .collect();
    let stored: Vec<Stored<'_>> = originals
        .iter()
        .enumerate()
        .map(|(number, octets)| Stored {
            octets,
            flags: "S",
            received: 1_772_532_000 + number as u64,
        })
        .collect();
    dovecot.put("alice", "INBOX", &stored);
    let mut random = Random::of_storm(test, 6);
    for (scheme, port) in [("imap", dovecot.imap), ("pop3", dovecot.pop3)] {
        // POP3 cannot tell whether the last line had an end.
        let known: BTreeSet<Vec<u8>> = originals
            .iter()
            .map(|message| match message.ends_with(b"\n") || scheme == "imap" {
                true => message.clone(),
                false => [message.as_slice(), b"\n"].concat(),
            })
            .collect();
        let fetch = |home: &Home, port: u16| {
            home.pillarbox(args!["fetch", format!("{scheme}://alice@localhost:{port}/")])
                .arg("--tls")
                .arg("none")
                .arg("--to")
                .arg("maildir:box")
                .password("secret")
                .run()
        };
        let whole = Cut::before(port, Way::ToClient, usize::MAX);
        fetch(&Home::new(), whole.port).success();
        let passed = whole.finish();
        let (mut failed, mut kept) = (0, 0);
        let mut places = places(&mut random, passed.server.len(), 18);
        if full() {
            places.extend((2000..passed.server.len()).step_by(17));
        }
        for octets in places {
            let home = Home::new();
            let cut = Cut::before(port, Way::ToClient, octets);
            let run = fetch(&home, cut.port);
            drop(cut);
            let files = contents(&home.path().join("box"));
            for message in &files {
                assert!(known.contains(message), "half a message, cut after {octets}\n{run}");
            }
            if run.code == Some(0) {
                assert_eq!(files.len(), known.len(), "cut after {octets}\n{run}");
            } else {
                assert!(run.code.is_some(), "cut after {octets}\n{run}");
                assert!(!run.stderr.is_empty(), "not a word, cut after {octets}\n{run}");
                failed += 1;
                kept += usize::from(!files.is_empty());
            }
        }
        eprintln!("{test}: {scheme}: {failed} failed, {kept} of them kept whole messages");
        assert!(failed > 0, "nothing was cut");
    }
}

/// LMTP has an answer for each recipient behind the dot: who has heard one knows, the others do not.
#[test]
fn lmtp_cut_off_at_any_octet() {
    let test = "lmtp_cut_off_at_any_octet";
    let Some(sink) = SmtpSink::start(test, &["-L"]) else { return };
    let home = Home::new();
    let mut random = Random::of_storm(test, 7);
    let send = |port: u16, subject: &str| {
        home.pillarbox(args!["send", "--via", format!("lmtp://localhost:{port}"), "--tls", "none"])
            .args(["--json", "bob@example.test", "carol@example.test"])
            .stdin(short(subject))
            .run()
    };
    let mut counts: BTreeMap<(Way, Vec<String>), usize> = BTreeMap::new();
    for way in [Way::ToServer, Way::ToClient] {
        let whole = Cut::before(sink.port, way, usize::MAX);
        send(whole.port, "whole").success();
        let passed = whole.finish();
        let all = if way == Way::ToServer { passed.client.len() } else { passed.server.len() };
        for octets in places(&mut random, all, 10) {
            let subject = format!("lmtp-{way:?}-{octets}");
            let cut = Cut::before(sink.port, way, octets);
            let run = send(cut.port, &subject);
            let passed = cut.finish();
            // What the client heard of the message itself.
            let heard = String::from_utf8_lossy(&passed.to_client).into_owned();
            let heard = heard.rsplit_once("\r\n").map_or("", |(lines, _)| lines);
            let answers = heard.lines().skip_while(|line| !line.starts_with("354")).skip(1);
            let told = answers.filter(|line| line.starts_with("250 ")).count();
            let is_whole = holds(&passed.client, b"the last line\r\n.\r\n");
            let wanted: Vec<String> = (0..2)
                .map(|at| match (at < told, is_whole) {
                    (true, _) => "delivered".to_owned(),
                    (false, true) => "unknown".to_owned(),
                    (false, false) => "temporary".to_owned(),
                })
                .collect();
            let states = states(&run);
            if is_whole || !states.is_empty() {
                assert_eq!(states, wanted, "{way:?} cut after {octets}\n{run}");
            }
            let code = if is_whole && told < 2 {
                80
            } else if told == 2 {
                0
            } else {
                75
            };
            assert_eq!(run.code, Some(code), "{way:?} cut after {octets}\n{run}");
            *counts.entry((way, wanted)).or_default() += 1;
        }
    }
    eprintln!("{test}: {counts:?}");
    assert!(counts.keys().any(|(_, states)| states[0] == "unknown"), "{counts:?}");
}

/// The fates that a run told, in order.
fn states(run: &Run) -> Vec<String> {
    run.json_lines()
        .iter()
        .map(|line| line["state"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Messages of one run over one connection.
const TOGETHER: usize = 3;

/// Several messages on their way at once: the next one's commands behind the end of this one's
/// data (smtp-sink), and whole messages by BDAT before anything is answered (Exim). What the cut
/// run leaves is done by a second one with the same journal; then each message is there once, and
/// only one that is said to be unknown may be missing.
#[test]
fn bulk_cut_off_at_any_octet() {
    let test = "bulk_cut_off_at_any_octet";
    if let Some(sink) = SmtpSink::start(test, &[]) {
        let mut said = bulk_cuts(test, sink.port, b"DATA\r\n", 5);
        wait_for("what was delivered, once each", PATIENCE, || {
            let dumps = sink.dumps();
            said.retain(|subject, state| {
                let line = format!("Subject: {subject}\n");
                let count = dumps.iter().filter(|dump| holds(dump, line.as_bytes())).count();
                !matches!((state.as_str(), count), ("delivered", 1) | ("unknown", 0 | 1))
            });
            said.is_empty().then_some(())
        });
    }
    if let Some(exim) = Exim::start(test) {
        let said = bulk_cuts(test, exim.port, b" LAST\r\n", 5);
        for at in 0..TOGETHER {
            let of = format!("-{at}");
            let mine = || said.iter().filter(|(subject, _)| subject.ends_with(&of));
            let least = mine().filter(|(_, state)| *state == "delivered").count();
            let stored = exim.messages(&format!("r{at}"), least);
            for (subject, state) in mine() {
                let line = format!("Subject: {subject}\n");
                let count = stored.iter().filter(|it| holds(it, line.as_bytes())).count();
                let is_right = if state == "delivered" { count == 1 } else { count <= 1 };
                assert!(is_right, "{subject}: {state}, and {count} stored\n{}", exim.log());
            }
        }
    }
}

/// Cuts runs at many places and finishes each with a second run; what each message's last word
/// was, by its subject. `mark` has to go by in a run that is not cut.
fn bulk_cuts(test: &str, server: u16, mark: &[u8], some: usize) -> BTreeMap<String, String> {
    let home = Home::new();
    let mut random = Random::of_storm(test, 8);
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mbox = |subject: &str| -> Vec<u8> {
        let one = |at: usize| {
            let text = mail::to_lf(&short(&format!("{subject}-{at}")));
            let text = String::from_utf8_lossy(&text).replace("bob@", &format!("r{at}@"));
            format!("From ann Tue Mar  3 10:00:00 2026\n{text}\n")
        };
        (0..TOGETHER).map(one).collect::<String>().into_bytes()
    };
    let send = |port: u16, subject: &str| {
        home.pillarbox(args!["send", "--via", format!("smtp://localhost:{port}"), "--tls", "none"])
            .args(["--json", "--input", "mbox:cut.mbox", "--journal"])
            .arg(format!("{subject}.db"))
            .run()
    };
    for way in [Way::ToServer, Way::ToClient] {
        let subject = format!("whole-{way:?}");
        home.write("cut.mbox", mbox(&subject));
        let whole = Cut::before(server, way, usize::MAX);
        send(whole.port, &subject).success();
        let passed = whole.finish();
        assert!(holds(&passed.client, mark), "{}", String::from_utf8_lossy(&passed.client));
        for at in 0..TOGETHER {
            said.insert(format!("{subject}-{at}"), "delivered".to_owned());
        }
        // A session that is not there yet is waited for, which has tests of its own.
        let (octets, opened): (&[u8], &[u8]) = match way {
            Way::ToServer => (&passed.client, b"MAIL FROM"),
            Way::ToClient => (&passed.server, b"\r\n250 "),
        };
        let opened = octets.windows(opened.len()).position(|it| it == opened).expect("a session");
        let opened = opened + 40;
        for place in places(&mut random, octets.len() - opened, some) {
            let subject = format!("cut-{way:?}-{place}");
            home.write("cut.mbox", mbox(&subject));
            let cut = Cut::before(server, way, opened + place);
            let first = send(cut.port, &subject);
            drop(cut);
            let second = send(server, &subject);
            let context = || format!("{way:?} cut after {}\n{first}\n{second}", opened + place);
            let mut fates: BTreeMap<String, String> = BTreeMap::new();
            for line in first.json_lines().iter().chain(&second.json_lines()) {
                let word = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
                let before = fates.insert(word("recipient"), word("state"));
                let may_follow = before.as_ref().is_none_or(|state| state == "temporary");
                assert!(may_follow, "{before:?} was not the last word: {}", context());
            }
            assert_eq!(fates.len(), TOGETHER, "{}", context());
            assert_eq!(second.code, Some(0), "{}", context());
            for (recipient, state) in fates {
                assert!(matches!(state.as_str(), "delivered" | "unknown"), "{}", context());
                let at = &recipient[1..2];
                said.insert(format!("{subject}-{at}"), state);
            }
            *counts.entry(format!("{way:?} exit {:?}", first.code)).or_default() += 1;
        }
    }
    eprintln!("{test}: {counts:?}");
    said
}
