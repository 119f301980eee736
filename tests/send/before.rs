//! What is looked at before anything leaves, and what is told where a run cannot go on: the place
//! for the copy, standard input that does not come, a server that will not have us, and a message
//! that stops half way.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::support::binary::BINARY;
use super::support::{Home, PATIENCE, Scripted, Step, args, needs, wait_for};

const MESSAGE: &str = "From: ann@sender.test\nTo: bob@example.test\nSubject: a test\n\nhello\n";

#[test]
fn a_copy_that_is_not_kept_is_told_by_the_code_and_in_json() {
    let home = Home::new();
    // The place is there when it is looked at, and gone when the message is.
    let run = home
        .pillarbox(args!["send", "--pipe", "cat > taken; rm -r copies; echo > copies", "--json"])
        .args(["--sent", "maildir:copies", "bob@example.test"])
        .stdin(MESSAGE)
        .run()
        .expect(79)
        .says(&["was sent", "no copy"]);
    let lines = run.json_lines();
    assert_eq!(lines.len(), 2, "{run}");
    assert_eq!(lines[0]["state"], "delivered", "{run}");
    assert_eq!(lines[1]["copy"], "maildir:copies", "{run}");
    assert_eq!(lines[1]["kept"], false, "{run}");
    // What is no place for mail is told before.
    std::fs::remove_file(home.path().join("taken")).expect("it was taken");
    home.pillarbox(args!["send", "--pipe", "cat > taken", "--sent", "maildir:copies"])
        .arg("bob@example.test")
        .stdin(MESSAGE)
        .run()
        .says(&["copies"]);
    assert!(!home.path().join("taken").exists(), "nothing was to be sent");
    // A Maildir is made, and the copy has the recipients that nobody else saw.
    home.pillarbox(args!["send", "--pipe", "cat > taken", "--sent", "maildir:new"])
        .stdin(MESSAGE.replace("Subject", "Bcc: carol@example.test\nSubject"))
        .run()
        .success();
    let copies: Vec<_> = std::fs::read_dir(home.path().join("new/cur")).expect("made").collect();
    assert_eq!(copies.len(), 1);
    let copy = copies[0].as_ref().expect("an entry").path();
    assert!(std::fs::read_to_string(copy).expect("a copy").contains("Bcc: carol@example.test"));
}

/// Standard input stays open, and nothing comes: the deadline is kept all the same.
#[test]
fn a_deadline_is_kept_while_standard_input_is_awaited() {
    let home = Home::new();
    home.write("box/1.eml", MESSAGE);
    for (arguments, code) in [
        (&["send", "--pipe", "cat > taken", "bob@example.test"][..], 75),
        (
            &["send", "--pipe", "cat > taken", "--subject", "x", "--from", "a@b.test", "c@d.test"],
            75,
        ),
        (&["message", "append", "maildir:new"], 75),
        (&["fetch", "-"], 75),
        (&["search", "x", "-"], 2),
    ] {
        let mut child = Command::new(BINARY)
            .args(arguments)
            .args(["--deadline", "1s"])
            .current_dir(home.path())
            .env("HOME", home.home())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // Half a line is no end.
        stdin.write_all(b"From: ann").expect("it may be read");
        let status = wait_for("the end", PATIENCE, || child.try_wait().expect("it is ours"));
        let mut said = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert_eq!(status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains("standard input"), "{arguments:?}: {said}");
        drop(stdin);
    }
    assert!(!home.path().join("taken").exists(), "nothing was to be sent");
}

#[test]
fn a_deadline_ends_an_input_without_end() {
    let home = Home::new();
    let zero = std::fs::File::open("/dev/zero").expect("a device");
    let output = Command::new(BINARY)
        .args(["send", "--pipe", "cat > taken", "--deadline", "1s", "bob@example.test"])
        .current_dir(home.path())
        .env("HOME", home.home())
        .stdin(zero)
        .output()
        .expect("it runs");
    // A header without end may be told before the time is over.
    assert!(matches!(output.status.code(), Some(65 | 75)), "{output:?}");
    assert!(!home.path().join("taken").exists(), "nothing was to be sent");
}

/// RFC 5321 section 4.1.1.10: QUIT, whatever was answered before.
#[test]
fn a_server_that_will_not_have_us_is_told_goodbye() {
    let refusals: [(&str, Vec<Step>, &[&str], i32); 5] = [
        ("greeting", vec![Step::line("554 not you")], &["--tls", "none"], 69),
        (
            "EHLO",
            vec![
                Step::line("220 here"),
                Step::Expect("EHLO"),
                Step::line("550 no"),
                Step::Expect("HELO"),
                Step::line("550 no"),
            ],
            &["--tls", "none"],
            69,
        ),
        (
            "no STARTTLS",
            vec![Step::line("220 here"), Step::Expect("EHLO"), Step::line("250 here")],
            &[],
            84,
        ),
        (
            "STARTTLS",
            vec![
                Step::line("220 here"),
                Step::Expect("EHLO"),
                Step::line("250-here\r\n250 STARTTLS"),
                Step::Expect("STARTTLS"),
                Step::line("554 no"),
            ],
            &[],
            69,
        ),
        (
            "AUTH",
            vec![
                Step::line("220 here"),
                Step::Expect("EHLO"),
                Step::line("250-here\r\n250 AUTH PLAIN"),
                Step::Expect("AUTH PLAIN"),
                Step::line("535 5.7.8 no"),
            ],
            &["--tls", "none", "--user", "ann", "--allow-cleartext-password"],
            77,
        ),
    ];
    for (what, mut steps, options, code) in refusals {
        steps.extend([Step::Expect("QUIT"), Step::line("221 bye")]);
        let server = Scripted::serve(steps);
        let home = Home::new();
        let run = home
            .pillarbox(args!["send", "--via", server.url("smtp"), "bob@example.test"])
            .args(options)
            .password("secret")
            .stdin(MESSAGE)
            .run()
            .expect(code);
        assert_eq!(server.lines().last().map(String::as_str), Some("QUIT"), "{what}: {run}");
        server.finish();
    }
    // The first error counts, whatever becomes of the goodbye.
    let server = Scripted::serve(vec![Step::line("554 not you"), Step::Expect("QUIT")]);
    let home = Home::new();
    home.pillarbox(args!["send", "--via", server.url("smtp"), "--tls", "none"])
        .arg("bob@example.test")
        .stdin(MESSAGE)
        .run()
        .expect(69)
        .says(&["554 not you"]);
}

/// A message that had not left as a whole when the run was ended is nobody's: it is not unknown.
#[test]
fn a_message_that_stops_half_way_is_not_unknown() {
    for offer in ["250 here", "250-here\r\n250-PIPELINING\r\n250 CHUNKING"] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let url = format!("smtp://localhost:{}/", listener.local_addr().expect("bound").port());
        let home = Home::new();
        let mut message = MESSAGE.as_bytes().to_vec();
        // More than a connection of this machine holds.
        for _ in 0..16 * 1024 {
            message.extend_from_slice(&[b'x'; 990]);
            message.push(b'\n');
        }
        let path = home.write("large.eml", message);
        let mut child = Command::new(BINARY)
            .args(["send", "--via", &url, "--tls", "none", "--json", "bob@example.test"])
            .current_dir(home.path())
            .env("HOME", home.home())
            .env("XDG_CONFIG_HOME", home.home())
            .stdin(std::fs::File::open(path).expect("written"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (stream, _) = listener.accept().expect("it connects");
        let mut reader = BufReader::with_capacity(512, &stream);
        let mut writer = &stream;
        writer.write_all(b"220 here\r\n").expect("it listens");
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            let answer = match line.split([' ', '\r']).next() {
                Some("EHLO") => offer,
                Some("DATA") => "354 go on",
                Some("BDAT") => break,
                _ => "250 ok",
            };
            writer.write_all(format!("{answer}\r\n").as_bytes()).expect("it listens");
            if line.starts_with("DATA") {
                reader.read_line(&mut String::new()).expect("it has begun");
                break;
            }
        }
        // No more of it is read.
        kill_process(Pid::from_child(&child), Signal::HUP).expect("it runs");
        let status = wait_for("the end", PATIENCE, || child.try_wait().expect("it is ours"));
        let (mut told, mut said) = (String::new(), String::new());
        child.stdout.take().expect("a pipe").read_to_string(&mut told).expect("text");
        child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert_eq!(status.code(), Some(129), "{offer}: {told}{said}");
        let fate: serde_json::Value = serde_json::from_str(&told).expect("a fate");
        assert_eq!(fate["state"], "temporary", "{offer}: {told}");
        assert_eq!(fate["stage"], "body", "{offer}: {told}");
        assert!(told.contains("ended by SIGHUP"), "{offer}: {told}{said}");
    }
}

#[test]
fn what_is_signed_is_one_message_and_passes_every_server() {
    let home = Home::new();
    let key = home.path().join("key.pem");
    if !needs("what_is_signed_is_one_message_and_passes_every_server", &["openssl"]) {
        return;
    }
    home.command("openssl", &["genpkey", "-algorithm", "ed25519", "-out", "key.pem"])
        .run()
        .success();
    let show = |message: &str| {
        home.pillarbox(args!["send", "--via", "smtp://localhost:1/", "--dry-run", "--dkim-key"])
            .arg(&key)
            .args(["--dkim-selector", "s", "--dkim-domain", "sender.test", "bob@example.test"])
            .stdin(message)
            .run()
    };
    // RFC 6376 section 3.8.
    show(&format!("From: eve@sender.test\n{MESSAGE}")).expect(65).says(&["2 From fields"]);
    // RFC 6376 section 5.3.
    let eight = MESSAGE.replace(
        "\n\nhello",
        "\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: 8bit\n\nGr\u{fc}\u{df}e",
    );
    let shown = show(&eight).success();
    assert!(shown.text().contains("Content-Transfer-Encoding: base64"), "{shown}");
    assert!(shown.text().is_ascii(), "{shown}");
    assert!(shown.text().contains("DKIM-Signature"), "{shown}");
}

#[test]
fn where_a_message_came_from_does_not_go_along() {
    let home = Home::new();
    let shown = home
        .pillarbox(args!["send", "--via", "smtp://localhost:1/", "--dry-run", "--explain"])
        .stdin(format!("Return-Path: <eve@sender.test>\n{MESSAGE}"))
        .run()
        .success()
        .says(&["removed Return-Path"]);
    assert!(!shown.text().contains("Return-Path"), "{shown}");
}

/// A new journal where the old one was meant would send everything again.
#[test]
fn a_journal_is_where_it_was_said_to_be() {
    let home = Home::new();
    home.write("box/1.eml", MESSAGE);
    for (journal, said) in [("not/there/run.db", "no folder not/there"), ("box", "is a folder")] {
        home.pillarbox(args!["send", "--via", "smtp://localhost:1/", "--input", "eml:box"])
            .args(["--journal", journal])
            .run()
            .expect(66)
            .says(&["--journal", said]);
    }
    assert!(!home.path().join("not").exists(), "no folder is made");
}

#[test]
fn times_are_spans_as_everywhere() {
    let home = Home::new();
    let show = |options: &[&str]| {
        home.pillarbox(args!["send", "--via", "smtp://localhost:1/", "--dry-run"])
            .args(options)
            .stdin(MESSAGE)
            .run()
    };
    for options in [
        &["--hold-for", "1d", "--deadline", "5m", "--timeout", "90"][..],
        &["--deliver-by", "2h;R", "--hold-for", "30"],
        &["--deliver-by", "-10;N"],
    ] {
        show(options).success();
    }
    // A day is longer than two hours.
    show(&["--deliver-by", "2h;R", "--hold-for", "1d"]).expect(64).says(&["--deliver-by"]);
    for (option, value, wanted) in [
        ("--hold-for", "soon", "want a time"),
        ("--hold-for", "1.5", "want 1 to 999999999 seconds"),
        ("--timeout", "0", "want a time"),
        ("--hold-until", "tomorrow", "2026-03-31T12:30:00Z"),
        ("--deliver-by", "later;R", "TIME;MODE"),
    ] {
        show(&[option, value]).expect(64).says(&[option, wanted]);
    }
}
