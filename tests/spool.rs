//! The spool without a daemon: messages that wait, flushes at once and flushes that are killed, a
//! disk that is full.

mod support;

use std::collections::BTreeMap;

use support::{
    Exchanger, Home, PATIENCE, Postfix, Run, ServeTest, SmtpSink, args, needs, needs_root, skip,
    wait_for,
};

/// Message `number`, to a recipient of its own.
fn message(number: usize) -> Vec<u8> {
    format!(
        "From: ann@sender.test\nTo: u{number}@example.test\nSubject: number {number}\n\
         Date: Tue, 3 Mar 2026 10:00:00 +0100\nMessage-ID: <n{number}@sender.test>\n\n\
         .dot\nthis is {number}\n"
    )
    .into_bytes()
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

fn files(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| {
            entries.flatten().map(|it| it.file_name().to_string_lossy().into_owned()).collect()
        })
        .unwrap_or_default();
    names.sort();
    names
}

/// Changes a number in the one item of a spool: what waiting for days would do.
fn set(folder: &std::path::Path, key: &str, value: i64) {
    for name in files(folder).iter().filter(|name| name.ends_with(".json")) {
        let path = folder.join(name);
        let text = std::fs::read_to_string(&path).expect("an item");
        let mut item: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        item[key] = value.into();
        std::fs::write(&path, item.to_string()).expect("an own file");
    }
}

/// A value in the one item of a spool.
fn of_item(folder: &std::path::Path, key: &str) -> i64 {
    let name = files(folder).into_iter().find(|name| name.ends_with(".json")).expect("an item");
    let text = std::fs::read_to_string(folder.join(name)).expect("an item");
    let item: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    item[key].as_i64().expect("a number")
}

#[test]
fn what_is_spooled_is_delivered_by_a_flush() {
    let test = "what_is_spooled_is_delivered_by_a_flush";
    let (Some(grey), Some(any), Some(no)) = (
        Exchanger::start(test, "greylist", None),
        Exchanger::start(test, "take", None),
        Exchanger::start(test, "refuse", None),
    ) else {
        return;
    };
    let home = Home::new();
    let spool = home.path().join("spool");
    let url = |server: &Exchanger| format!("smtp://localhost:{}", server.port);
    let store = |server: &Exchanger, to: &str| {
        home.pillarbox(args![
            "send",
            "--spool",
            "spool",
            "--via",
            url(server),
            "-f",
            "ann@x.test",
            to
        ])
        .stdin(message(1))
        .run()
        .success()
    };
    let flush = || {
        home.pillarbox(args!["send", "--flush", "--spool", "spool", "--tls", "none", "--json"])
            .run()
    };
    // One that is not there is a mistyped name; an empty one has nothing to deliver.
    flush().expect(66).says(&["spool: no such spool", "hint: "]);
    assert!(!spool.exists());
    std::fs::create_dir(&spool).expect("an empty spool");
    assert_eq!(flush().success().text(), "");
    let run = store(&any, "u1@y.test");
    assert_eq!(run.lines().len(), 1, "its name: {run}");
    assert_eq!(files(&spool).len(), 2, "{:?}", files(&spool));
    assert!(any.took().is_empty());
    let run = flush().success();
    assert_eq!(states(&run), BTreeMap::from([("delivered".to_owned(), 1)]), "{run}");
    wait_for("the message", PATIENCE, || (any.took().len() == 1).then_some(()));
    assert_eq!(files(&spool).len(), 0, "{run}");
    // For now: it stays, and is not due again at once.
    store(&grey, "u2@y.test");
    let now = || jiff::Timestamp::now().as_second();
    let before = now();
    assert_eq!(states(&flush().expect(75))["temporary"], 1);
    // RFC 5321 section 4.5.4.1: at least 30 minutes, and longer from try to try.
    let pause = of_item(&spool, "due") - before;
    assert!((1800..1900).contains(&pause), "{pause} s");
    assert_eq!(flush().success().text(), "", "not due yet");
    set(&spool, "due", 0);
    let before = now();
    assert_eq!(states(&flush().expect(75))["temporary"], 1);
    let pause = of_item(&spool, "due") - before;
    assert!((3600..3700).contains(&pause), "{pause} s");
    assert_eq!(files(&spool).len(), 2);
    // When its time has run out, the sender hears of it; the report goes the same way.
    set(&spool, "due", 0);
    set(&spool, "created", 1000);
    assert_eq!(states(&flush().expect(75))["temporary"], 1);
    let report = files(&spool).into_iter().find(|name| name.ends_with(".eml")).expect("a report");
    let text = std::fs::read_to_string(spool.join(report)).expect("text");
    for words in [
        "To: <ann@x.test>",
        "Auto-Submitted: auto-replied",
        "Final-Recipient: rfc822; u2@y.test",
        "Action: failed",
        "Status: 4.4.7",
        "Subject: number 1",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let item = files(&spool).into_iter().find(|name| name.ends_with(".json")).expect("its item");
    let item = std::fs::read_to_string(spool.join(item)).expect("text");
    assert!(item.contains("\"sender\":\"\"") && item.contains("ann@x.test"), "{item}");
    for name in files(&spool) {
        std::fs::remove_file(spool.join(name)).expect("an own file");
    }
    // Refused for good: at once. A report that is refused itself ends there.
    store(&no, "u3@y.test");
    assert_eq!(states(&flush().expect(67))["permanent"], 1);
    assert_eq!(files(&spool).len(), 2, "the report");
    let run = flush().expect(67);
    assert_eq!(files(&spool).len(), 0, "{run}");
    run.says(&["nobody is told"]);
}

#[test]
fn two_flushes_at_once_send_nothing_twice() {
    let test = "two_flushes_at_once_send_nothing_twice";
    let Some(sink) = SmtpSink::start(test, &[]) else { return };
    let home = Home::new();
    for number in 0..12 {
        home.pillarbox(args!["send", "--spool", "spool", "--via", sink.url(), "-q"])
            .stdin(message(number))
            .run()
            .success();
    }
    let flush = || home.pillarbox(args!["send", "--flush", "--spool", "spool", "--tls", "none"]);
    let running: Vec<_> = (0..4).map(|_| flush().spawn()).collect();
    for run in running {
        run.wait(PATIENCE).success();
    }
    let arrived = arrived(&sink);
    assert_eq!(arrived.len(), 12);
    assert!(arrived.values().all(|count| *count == 1), "{arrived:?}");
    assert_eq!(files(&home.path().join("spool")).len(), 0);
}

/// A flush that is killed takes up again where it was: nothing is lost, and only what was on its
/// way when it died can come a second time.
#[test]
fn a_flush_that_is_killed_loses_nothing() {
    let test = "a_flush_that_is_killed_loses_nothing";
    let Some(sink) = SmtpSink::start(test, &[]) else { return };
    let home = Home::new();
    let messages = if support::full() { 60 } else { 15 };
    for number in 0..messages {
        home.pillarbox(args!["send", "--spool", "spool", "--via", sink.url(), "-q"])
            .stdin(message(number))
            .run()
            .success();
    }
    let flush = || home.pillarbox(args!["send", "--flush", "--spool", "spool", "--tls", "none"]);
    let mut kills = 0;
    for mark in (1..messages).step_by(4) {
        let running = flush().spawn();
        wait_for("some messages", PATIENCE, || (arrived(&sink).len() >= mark).then_some(()));
        running.kill();
        running.wait(PATIENCE);
        kills += 1;
    }
    flush().run().success();
    let arrived = arrived(&sink);
    assert_eq!(arrived.len(), messages, "each at least once");
    let twice = arrived.values().filter(|count| **count > 1).count();
    let most = arrived.values().max().copied().unwrap_or_default();
    assert!(twice <= kills && most <= kills + 1, "{kills} kills, {arrived:?}");
    // Octets without their item are nobody's message; they go when they are old.
    let left = files(&home.path().join("spool"));
    assert!(!left.iter().any(|name| name.ends_with(".json") && !name.starts_with('.')), "{left:?}");
}

/// One that cannot be read is told of, and stops no other; a flush signs.
#[test]
fn a_flush_goes_on_behind_what_is_broken() {
    let test = "a_flush_goes_on_behind_what_is_broken";
    if !needs(test, &["openssl"]) {
        return;
    }
    let Some(sink) = SmtpSink::start(test, &[]) else { return };
    let home = Home::new();
    home.command("openssl", &["genpkey", "-algorithm", "ed25519", "-out", "ed.pem"])
        .run()
        .success();
    let spool = home.path().join("spool");
    let store = |number: usize| {
        home.pillarbox(args!["send", "--spool", "spool", "--via", sink.url()])
            .stdin(message(number))
            .run()
            .success()
    };
    let broken = store(1).text().trim().to_owned();
    std::fs::write(spool.join(format!("{broken}.json")), "{\"sender\":").expect("an own file");
    store(2);
    let run = home
        .pillarbox(args!["send", "--flush", "--spool", "spool", "--tls", "none", "--json"])
        .args(["--dkim-key", "ed.pem", "--dkim-selector", "s", "--dkim-domain", "sender.test"])
        .run()
        .expect(65)
        .says(&[&broken]);
    assert_eq!(states(&run), BTreeMap::from([("delivered".to_owned(), 1)]), "{run}");
    let dump = String::from_utf8_lossy(&sink.dumps().concat()).into_owned();
    assert!(dump.contains("\nDKIM-Signature: ") && dump.contains("number 2"), "{dump}");
    assert_eq!(files(&spool), [format!("{broken}.eml"), format!("{broken}.json")]);
}

/// What cannot be noted is not tried; what was tried is noted, though nothing more fits on the
/// disk, and the report of a failure waits for room.
#[test]
fn a_full_disk_sends_nothing_twice() {
    let test = "a_full_disk_sends_nothing_twice";
    if !needs(test, &["unshare"]) || !needs_root(test) {
        return;
    }
    let Some(postfix) = Postfix::start(test) else { return };
    let home = Home::new();
    // The report brings the header back, and so takes more than what there will be room for.
    let header = "X-Long: so long a header that its report needs a disk\n".repeat(800);
    let long = [header.as_bytes(), &message(1)].concat();
    home.write("message.eml", long);
    let disk = home.path().join("spool");
    std::fs::create_dir(&disk).expect("a folder");
    let script = "set -e
        mount -t tmpfs -o size=512k none \"$DISK\" || exit 99
        send() { \"$PILLARBOX\" send --spool spool \"$@\"; }
        flush() { send --flush --ca-file \"$CA\" --json || echo \"exit $?\"; }
        send --via \"$VIA\" -q -f alice@example.test bob@example.test later@example.test \
          gone@example.test <message.eml
        cat /dev/zero >\"$DISK/fill\" 2>/dev/null || true
        flush
        echo first
        truncate -s -20480 \"$DISK/fill\"
        flush
        echo second
        cat /dev/zero >>\"$DISK/fill\" 2>/dev/null || true
        grep -c gone@example.test \"$DISK\"/*.json
        rm \"$DISK/fill\"
        sed -i 's/\"due\":[0-9]*/\"due\":0/' \"$DISK\"/*.json
        flush
        ls \"$DISK\" | wc -l";
    let run = home
        .command("unshare", &["-m", "sh", "-c", script])
        .env("DISK", disk.display().to_string())
        .env("PILLARBOX", support::binary::BINARY)
        .env("VIA", postfix.url("smtp", None))
        .env("CA", postfix.ca().display().to_string())
        .run();
    if run.code == Some(99) || run.errors().contains("unshare") {
        return skip(test, "nothing can be mounted here");
    }
    let run = run.success();
    let told: Vec<String> = run
        .lines()
        .iter()
        .map(|line| match serde_json::from_str::<serde_json::Value>(line) {
            Ok(fate) if fate.is_object() => {
                let word = |name: &str| fate[name].as_str().unwrap_or_default().to_owned();
                format!("{} {}", word("recipient"), word("state"))
            }
            _ => (*line).to_owned(),
        })
        .collect();
    let wanted = [
        "exit 74",
        "first",
        "bob@example.test delivered",
        "later@example.test temporary",
        "gone@example.test permanent",
        "exit 79",
        "second",
        "1",
        "later@example.test temporary",
        "exit 75",
        // The message itself, and the report that there was no room for.
        "4",
    ];
    assert_eq!(told, wanted, "{run}");
    assert!(run.errors().contains("hears of it with the next flush"), "{run}");
    assert_eq!(postfix.messages("bob", 1).len(), 1, "{run}");
}

/// RFC 8689 section 5: what tells of a message that wanted TLS all the way wants it, too, and has
/// no more than its header.
#[test]
fn the_report_of_a_protected_message_is_protected() {
    let server = ServeTest::with(&["--fault", "rcpt to:/nobody/ => 550 5.1.1 nobody here"]);
    let home = Home::new();
    let via = server.url("submissions", Some("alice"));
    let with = |words: &[&str]| {
        home.pillarbox(words)
            .args(["--spool", "spool", "--ca-file"])
            .arg(server.ca())
            .password("secret")
    };
    for (more, is_protected) in [(&[][..], false), (&["--require-tls"], true)] {
        let words = ["send", "--via", &via, "-f", "ann@x.test", "--return", "full"];
        let to = ["nobody@y.test"];
        with(&[&words, more, &to].concat()).stdin(message(7)).run().success();
        let run = with(&["send", "--flush", "--json"]).run();
        assert_eq!(states(&run)["permanent"], 1, "{run}");
        let spool = home.path().join("spool");
        let of = |ending: &str| {
            let found = files(&spool).into_iter().find(|name| name.ends_with(ending));
            std::fs::read_to_string(spool.join(found.expect("a report"))).expect("text")
        };
        let (report, item) = (of(".eml"), of(".json"));
        assert!(report.contains("To: <ann@x.test>"), "{report}");
        assert_eq!(report.contains("text/rfc822-headers"), is_protected, "{report}");
        assert_eq!(item.contains("--require-tls"), is_protected, "{item}");
        std::fs::remove_dir_all(spool).expect("removed");
    }
}
