//! `send` of many messages: from folders, over several connections, at a rate, with a journal
//! that outlives a kill; and DKIM signatures, verified by dkimpy.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use support::{Exchanger, Home, PATIENCE, Run, SmtpSink, args, full, needs, skip, wait_for};

/// Message `number`, to a recipient of its own.
fn message(number: usize) -> Vec<u8> {
    format!(
        "From: ann@sender.test\nTo: u{number}@example.test\nSubject: number {number}\n\
         Date: Tue, 3 Mar 2026 10:00:00 +0100\nMessage-ID: <n{number}@sender.test>\n\n\
         .dot\nthis is {number}\n"
    )
    .into_bytes()
}

/// A Maildir with messages 0 to `count`.
fn maildir(home: &Home, name: &str, count: usize) {
    for folder in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(home.path().join(name).join(folder)).expect("an own folder");
    }
    for number in 0..count {
        home.write(
            &format!("{name}/new/{}.{number}.host", 1_700_000_000 + number),
            message(number),
        );
    }
}

fn states(run: &Run) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for line in run.json_lines() {
        *states.entry(line["state"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    states
}

/// How often each recipient's message is at the sink.
fn arrived(sink: &SmtpSink) -> BTreeMap<String, usize> {
    let mut arrived = BTreeMap::new();
    for dump in sink.dumps() {
        let text = String::from_utf8_lossy(&dump).into_owned();
        // One that is only half there has no end yet.
        if let (Some(to), true) =
            (text.lines().find_map(|line| line.strip_prefix("To: ")), text.contains("this is "))
        {
            *arrived.entry(to.to_owned()).or_default() += 1;
        }
    }
    arrived
}

#[test]
fn folders_files_and_references_are_sent() {
    let test = "folders_files_and_references_are_sent";
    let Some(sink) = SmtpSink::start(test, &[]) else { return };
    let home = Home::new();
    maildir(&home, "box", 30);
    let mbox: Vec<u8> = (30..50)
        .flat_map(|number| {
            [b"From ann Tue Mar  3 10:00:00 2026\n".to_vec(), message(number), b"\n".to_vec()]
                .concat()
        })
        .collect();
    home.write("old.mbox", mbox);
    maildir(&home, "more", 60);
    let found = home.run(&["search", "subject:\"number 55\"", "maildir:more"]).success();
    let run = home
        .pillarbox(args![
            "send",
            "--via",
            sink.url(),
            "--tls",
            "none",
            "--json",
            "--connections",
            "3"
        ])
        .arg("--input")
        .arg("maildir:box")
        .arg("--input")
        .arg("mbox:old.mbox")
        .arg("--input")
        .arg("-")
        .stdin(found.stdout.clone())
        .run()
        .success();
    assert_eq!(states(&run), BTreeMap::from([("delivered".to_owned(), 51)]), "{run}");
    run.says(&["51 messages, 51 delivered"]);
    let wanted: BTreeMap<String, usize> =
        (0..50).chain([55]).map(|number| (format!("u{number}@example.test"), 1)).collect();
    assert_eq!(arrived(&sink), wanted);
    for dump in sink.dumps() {
        let text = String::from_utf8_lossy(&dump).into_owned();
        assert!(text.contains("\n.dot\nthis is "), "{text}");
    }
    // What is no message is told, and stops no other.
    home.write("box/new/1.bad.host", "no header at all\n\nx\n");
    let run = home
        .pillarbox(args!["send", "--via", sink.url(), "--tls", "none", "--json"])
        .arg("--input")
        .arg("maildir:box")
        .run()
        .expect(79);
    assert_eq!(states(&run)["delivered"], 30, "{run}");
    run.says(&["bad", "not sent"]);
}

#[test]
fn a_run_that_was_killed_goes_on_where_it_ended() {
    let test = "a_run_that_was_killed_goes_on_where_it_ended";
    const MESSAGES: usize = 200;
    let rounds = if full() { 30 } else { 3 };
    let mut seed: u64 = 0x5eed;
    for round in 0..rounds {
        let Some(sink) = SmtpSink::start(test, &[]) else { return };
        let home = Home::new();
        maildir(&home, "box", MESSAGES);
        let send = || {
            home.pillarbox(args![
                "send",
                "--via",
                sink.url(),
                "--tls",
                "none",
                "--json",
                "--connections",
                "2",
                "--input",
                "maildir:box",
                "--journal",
                "run.db"
            ])
        };
        let mut confirmed: BTreeMap<String, usize> = BTreeMap::new();
        let mut known: BTreeSet<String> = BTreeSet::new();
        loop {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round + 1);
            let running = send().spawn();
            let mark = arrived(&sink).len()
                + 1
                + usize::try_from(seed >> 33).unwrap_or(0) % (MESSAGES / 2);
            if mark < MESSAGES {
                // Killed once so many have come, in the midst of what it does.
                wait_for("some messages", PATIENCE, || {
                    (arrived(&sink).len() >= mark).then_some(())
                });
                running.kill();
            }
            let run = running.wait(PATIENCE);
            let journal =
                rusqlite::Connection::open(home.path().join("run.db")).expect("a journal");
            let mut rows = journal
                .prepare("SELECT recipient FROM fates WHERE state = 'delivered'")
                .expect("the journal's layout");
            let found = rows.query_map([], |row| row.get::<_, String>(0)).expect("rows");
            let now: BTreeSet<String> = found.map(|row| row.expect("a name")).collect();
            assert!(now.is_superset(&known), "the journal forgot something: {run}");
            known = now;
            if mark >= MESSAGES {
                run.clone().success();
                break;
            }
            // What is confirmed by now must not come again. Copies from before are those that were
            // on their way when the run before was killed.
            let so_far = arrived(&sink);
            for recipient in &known {
                confirmed.entry(recipient.clone()).or_insert(so_far[recipient]);
            }
        }
        let arrived = arrived(&sink);
        assert_eq!(arrived.len(), MESSAGES, "each at least once");
        for (recipient, count) in &confirmed {
            assert_eq!(arrived[recipient], *count, "{recipient} was confirmed, and came again");
        }
        assert_eq!(known.len(), MESSAGES);
        // Nothing is left to do.
        let run = send().run().success();
        assert_eq!(run.text(), "", "{run}");
        run.says(&["200 known from before"]);
    }
}

#[test]
fn a_server_that_has_enough_is_connected_to_again() {
    let test = "a_server_that_has_enough_is_connected_to_again";
    let Some(shut) = Exchanger::start(test, "shut3", None) else { return };
    let home = Home::new();
    maildir(&home, "box", 10);
    let send = |port: u16, more: &[&str]| {
        let mut send = home.pillarbox(args!["send", "--via", format!("smtp://localhost:{port}")]);
        for word in ["--tls", "none", "--json", "--input", "maildir:box"].iter().chain(more) {
            send = send.arg(word);
        }
        send.run()
    };
    let run = send(shut.port, &[]).success();
    assert_eq!(states(&run), BTreeMap::from([("delivered".to_owned(), 10)]), "{run}");
    wait_for("ten messages", PATIENCE, || (shut.took().len() == 10).then_some(()));
    assert_eq!(shut.connections(), 4, "{run}");

    // So many and no more, by our own will.
    let Some(any) = Exchanger::start(test, "take", None) else { return };
    send(any.port, &["--messages-per-connection", "4"]).success();
    wait_for("ten messages", PATIENCE, || (any.took().len() == 10).then_some(()));
    assert_eq!(any.connections(), 3);

    // Lost behind the final dot: unknown, and never sent again.
    let Some(lost) = Exchanger::start(test, "lost3", None) else { return };
    let run = send(lost.port, &["--journal", "lost.db"]).expect(80);
    assert_eq!(
        states(&run),
        BTreeMap::from([("delivered".to_owned(), 9), ("unknown".to_owned(), 1)]),
        "{run}"
    );
    wait_for("ten messages", PATIENCE, || (lost.took().len() >= 10).then_some(()));
    let took: BTreeSet<String> = lost.took().into_iter().collect();
    assert_eq!((took.len(), lost.took().len()), (10, 10), "none came twice");
    let run = send(lost.port, &["--journal", "lost.db"]).success();
    assert_eq!((run.text(), lost.took().len()), ("", 10), "{run}");
    run.says(&["10 known from before"]);

    // Greylisted: for now, and tried again by the next run with the journal.
    let Some(grey) = Exchanger::start(test, "greylist", None) else { return };
    let run = send(grey.port, &["--journal", "grey.db"]).expect(75);
    assert_eq!(states(&run)["temporary"], 10, "{run}");
    let run = send(any.port, &["--journal", "grey.db"]).success();
    assert_eq!(states(&run)["delivered"], 10, "{run}");
}

#[test]
fn a_rate_is_kept() {
    let test = "a_rate_is_kept";
    let Some(any) = Exchanger::start(test, "take", None) else { return };
    let home = Home::new();
    maildir(&home, "box", 11);
    for option in ["--rate", "--rate-per-domain"] {
        let run = home
            .pillarbox(args!["send", "--via", format!("smtp://localhost:{}", any.port), "--tls"])
            .arg("none")
            .arg("--input")
            .arg("maildir:box")
            .arg("--connections")
            .arg("4")
            .arg(option)
            .arg("25/s")
            .run()
            .success();
        // Eleven messages have ten pauses of 40 ms between them.
        assert!(run.elapsed >= Duration::from_millis(390), "{option}: {run}");
    }
    wait_for("all messages", PATIENCE, || (any.took().len() == 22).then_some(()));
    home.run(&["send", "--rate", "10/s", "--via", "smtp://localhost:1", "a@b.test"]).expect(64);
    home.run(&["send", "--rate", "10", "--input", "maildir:box"]).expect(64);
}

#[test]
fn dkim_signatures_are_good_at_another_verifier() {
    let test = "dkim_signatures_are_good_at_another_verifier";
    if !needs(test, &["openssl", "python3"]) {
        return;
    }
    let python = "/usr/bin/python3";
    let home = Home::new();
    if home.command(python, &["-c", "import dkim, nacl"]).run().code != Some(0) {
        skip(test, "not installed: python3-dkim, python3-nacl");
        return;
    }
    let Some(sink) = SmtpSink::start(test, &[]) else { return };
    let Some(narrow) = SmtpSink::start(test, &["-8"]) else { return };
    let openssl = |arguments: &[&str]| home.command("openssl", arguments).run().success();
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", "ed.pem"]);
    openssl(&[
        "genpkey",
        "-algorithm",
        "rsa",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
        "-out",
        "rsa.pem",
    ]);
    openssl(&["rsa", "-in", "rsa.pem", "-traditional", "-out", "rsa1.pem"]);
    let public = |file: &str, skip: usize| {
        let der = openssl(&["pkey", "-in", file, "-pubout", "-outform", "DER"]).stdout;
        let encoded =
            home.command("openssl", &["base64", "-A"]).stdin(der[skip..].to_vec()).run().success();
        encoded.text().trim().to_owned()
    };
    // RFC 8463 section 4: the key itself, without its 12 octets of wrapping.
    let records = [
        format!("ed._domainkey.sender.test=v=DKIM1; k=ed25519; p={}", public("ed.pem", 12)),
        format!("rsa._domainkey.sender.test=v=DKIM1; k=rsa; p={}", public("rsa.pem", 0)),
    ];
    let large: Vec<u8> =
        (0..700_000u32).map(|n| if n % 70 == 69 { b'\n' } else { b'a' + (n % 26) as u8 }).collect();
    let bodies: [&[u8]; 6] = [
        b"",
        b"\n\n\n",
        b"plain\n .dot \t and  blanks \n\n\n",
        "gr\u{fc}n\n".as_bytes(),
        b"without end",
        &large,
    ];
    for (server, is_narrow) in [(&sink, false), (&narrow, true)] {
        for (number, body) in bodies.iter().enumerate() {
            let mut message = b"From: Ann <ann@sender.test>\nTo: b@example.test\nSubject:  two\n  lines\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n".to_vec();
            message.extend_from_slice(body);
            home.pillarbox(args!["send", "--via", server.url(), "--tls", "none", "b@example.test"])
                .arg("--dkim-key")
                .arg("ed.pem")
                .arg("--dkim-selector")
                .arg("ed")
                .arg("--dkim-key")
                .arg(if number % 2 == 0 { "rsa.pem" } else { "rsa1.pem" })
                .arg("--dkim-selector")
                .arg("rsa")
                .arg("--dkim-domain")
                .arg("sender.test")
                .stdin(message)
                .run()
                .success();
            let dumps = server.dumps();
            let dump = dumps.last().expect("it has come");
            // The sink puts lines of its own before the message and an empty one behind it.
            let start = dump.windows(15).position(|it| it == b"DKIM-Signature:").expect("signed");
            let mut stored = dump[start..dump.len() - 1].to_vec();
            if is_narrow && *body == "gr\u{fc}n\n".as_bytes() {
                assert!(stored.is_ascii(), "re-encoded before it was signed");
            }
            let verified = |message: Vec<u8>| {
                let mut verify = home.command(python, &[support::peer_file("dkim_verify.py")]);
                for record in &records {
                    verify = verify.arg(record);
                }
                verify.stdin(message).run().success()
            };
            let good = verified(stored.clone());
            assert_eq!(good.lines(), ["pass", "pass"], "{number}: {good}");
            // The verifier can tell: another octet, and neither is good.
            let at = stored.len() - 2;
            stored.splice(at..at, *b"changed");
            let bad = verified(stored);
            assert_eq!(bad.lines(), ["fail", "fail"], "{number}: {bad}");
        }
    }
    let send = |more: &[&str]| {
        let mut send =
            home.pillarbox(args!["send", "--via", sink.url(), "--tls", "none", "b@x.test"]);
        for word in more {
            send = send.arg(word);
        }
        send.stdin("From: a@x.test\n\nx\n").run()
    };
    send(&["--dkim-key", "ed.pem"]).expect(64);
    send(&["--dkim-key", "none.pem", "--dkim-selector", "s", "--dkim-domain", "x.test"]).expect(66);
    home.write("empty.pem", "");
    send(&["--dkim-key", "empty.pem", "--dkim-selector", "s", "--dkim-domain", "x.test"])
        .expect(65);
}
