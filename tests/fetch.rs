//! `fetch` from servers of other makers: Dovecot by POP3 and by IMAP, octet for octet.

mod support;

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use support::{Dovecot, Home, Invocation, Run, ServeTest, Stored, USERS, args, mail, needs};

const COUNT: usize = 60;

/// Messages as files hold them, LF at the end of each line.
fn originals() -> Vec<Vec<u8>> {
    mail::generate(7, COUNT).iter().map(|message| mail::to_lf(message)).collect()
}

/// A Dovecot with [`originals`] in alice's INBOX, every third seen, every fifth flagged.
fn filled(test: &str) -> Option<Dovecot> {
    let dovecot = Dovecot::start(test)?;
    let originals = originals();
    let flags = |number: usize| match (number % 3, number % 5) {
        (0, 0) => "FS",
        (0, _) => "S",
        (_, 0) => "F",
        _ => "",
    };
    let stored: Vec<Stored<'_>> = originals
        .iter()
        .enumerate()
        .map(|(number, octets)| Stored {
            octets,
            flags: flags(number),
            received: 1_772_532_000 + number as u64,
        })
        .collect();
    dovecot.put("alice", "INBOX", &stored);
    Some(dovecot)
}

fn fetch(home: &Home, dovecot: &Dovecot, source: &str) -> Invocation {
    home.pillarbox(args!["fetch", source]).arg("--ca-file").arg(dovecot.ca()).password("secret")
}

/// What POP3 makes of a message: its last line has an end (RFC 1939 section 3).
fn ended(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    if !message.ends_with(b"\n") {
        message.push(b'\n');
    }
    message
}

fn sorted(mut messages: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    messages.sort();
    messages
}

fn maildir(home: &Home, name: &str) -> Vec<Vec<u8>> {
    let files = mail::all_maildir_files(&home.path().join(name));
    sorted(files.iter().map(|path| std::fs::read(path).expect("a message")).collect())
}

/// Says which message differs instead of printing all.
#[track_caller]
fn same(found: &[Vec<u8>], wanted: &[Vec<u8>]) {
    assert_eq!(found.len(), wanted.len(), "another number of messages");
    for (number, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!(
            found == wanted,
            "message {number} differs:\n--- found\n{}\n--- wanted\n{}",
            String::from_utf8_lossy(found),
            String::from_utf8_lossy(wanted)
        );
    }
}

/// The flags and files of alice's INBOX on the server, to see that nobody touched them.
fn on_server(dovecot: &Dovecot) -> Vec<String> {
    mail::maildir_files(&dovecot.maildir("alice", "INBOX"))
        .iter()
        .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn pop3_into_a_maildir() {
    let Some(dovecot) = filled("pop3_into_a_maildir") else { return };
    let wanted = sorted(originals().iter().map(|message| ended(message)).collect());
    for scheme in ["pop3", "pop3s"] {
        for backend in ["rustls", "native"] {
            let home = Home::new();
            fetch(&home, &dovecot, &dovecot.url(scheme, "alice"))
                .arg("--tls-backend")
                .arg(backend)
                .arg("--to")
                .arg("maildir:box")
                .run()
                .success();
            same(&maildir(&home, "box"), &wanted);
        }
    }
    assert_eq!(on_server(&dovecot).len(), COUNT, "nothing is deleted");
}

#[test]
fn imap_into_a_maildir() {
    let Some(dovecot) = filled("imap_into_a_maildir") else { return };
    let before = on_server(&dovecot);
    for scheme in ["imap", "imaps"] {
        let home = Home::new();
        fetch(&home, &dovecot, &format!("{}INBOX", dovecot.url(scheme, "alice")))
            .arg("--to")
            .arg("maildir:box")
            .run()
            .success();
        same(&maildir(&home, "box"), &sorted(originals()));
        let flags = |paths: Vec<std::path::PathBuf>| {
            let mut all: Vec<String> = paths.iter().map(|path| mail::maildir_flags(path)).collect();
            all.sort();
            all
        };
        assert_eq!(
            flags(mail::all_maildir_files(&home.path().join("box"))),
            flags(mail::maildir_files(&dovecot.maildir("alice", "INBOX"))),
            "flags are carried over"
        );
    }
    // Neither \Seen nor anything else changed.
    let names = |all: &[String]| {
        let mut names: Vec<String> = all
            .iter()
            .map(|name| {
                let (unique, flags) = name.split_once(":2,").unwrap_or((name.as_str(), ""));
                format!("{}:2,{flags}", unique.split(',').next().unwrap_or_default())
            })
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&on_server(&dovecot)), names(&before));
}

/// What the client said in one go, each time before it listened again.
fn flights(trace: &str) -> Vec<Vec<String>> {
    let mut flights: Vec<Vec<String>> = Vec::new();
    let mut is_sending = false;
    for event in trace.lines() {
        let event: serde_json::Value = serde_json::from_str(event).expect("an object");
        let sent = match event["direction"].as_str() {
            Some("sent") => true,
            Some("received") => false,
            _ => continue,
        };
        // A secret has no text.
        let text = event["text"].as_str().unwrap_or("*").trim_end();
        if sent {
            if !is_sending {
                flights.push(Vec::new());
            }
            flights.last_mut().expect("a flight").push(text.to_owned());
        }
        is_sending = sent;
    }
    flights
}

/// Its listing and its messages are one flight each, and nobody waits for the goodbye where
/// nothing was deleted.
#[test]
fn a_maildrop_takes_four_round_trips() {
    let Some(dovecot) = filled("a_maildrop_takes_four_round_trips") else { return };
    for (mechanism, answers) in [("PLAIN", 0), ("SCRAM-SHA-256", 2)] {
        let home = Home::new();
        fetch(&home, &dovecot, &dovecot.url("pop3s", "alice"))
            .args(["--auth", mechanism, "--trace", "trace", "--to", "maildir:box"])
            .run()
            .success();
        assert_eq!(maildir(&home, "box").len(), COUNT);
        let trace = std::fs::read_to_string(home.path().join("trace")).expect("a trace");
        let flights = flights(&trace);
        let said: Vec<&str> = flights.iter().flatten().map(String::as_str).collect();
        assert_eq!(flights.len(), 5 + answers, "{flights:?}");
        assert_eq!(flights[0], ["CAPA"]);
        assert_eq!(flights[2 + answers], ["LIST", "UIDL"], "{flights:?}");
        assert_eq!(flights[3 + answers].len(), COUNT, "{flights:?}");
        assert_eq!(said.last(), Some(&"QUIT"));
        assert!(!trace.contains("Logging out"), "nobody waits for the goodbye");
    }
}

/// Behind the login: what else is asked along with the folder, its messages, their bodies. Nobody
/// waits for the answer to LOGOUT.
#[test]
fn a_folder_takes_three_round_trips() {
    let Some(dovecot) = filled("a_folder_takes_three_round_trips") else { return };
    let home = Home::new();
    fetch(&home, &dovecot, &dovecot.url("imaps", "alice"))
        .args(["--trace", "trace", "--to", "maildir:box"])
        .run()
        .success();
    same(&maildir(&home, "box"), &sorted(originals()));
    let trace = std::fs::read_to_string(home.path().join("trace")).expect("a trace");
    let verb = |text: String| text.split_once(' ').map_or(text.clone(), |(_, verb)| verb.into());
    let flights = flights(&trace).into_iter().map(|all| all.into_iter().map(verb).collect());
    let flights: Vec<Vec<String>> = flights.collect();
    let last = |flight: &Vec<String>| flight.last().cloned().unwrap_or_default();
    let all: Vec<String> = flights.iter().map(last).collect();
    let behind = all.iter().position(|last| last == "EXAMINE INBOX").expect("a folder");
    let wanted = [
        "EXAMINE INBOX",
        "UID FETCH 1:* (UID FLAGS)",
        "UID FETCH 1:60 (UID FLAGS INTERNALDATE BODY.PEEK[])",
        "LOGOUT",
    ];
    assert_eq!(all[behind..], wanted, "{flights:?}");
    assert!(flights[behind].len() > 1, "the folder is selected along with the rest: {flights:?}");
    assert!(!trace.contains("Logging out"), "nobody waits for the goodbye");
}

#[test]
fn line_ends_as_the_source_has_them() {
    let Some(dovecot) = filled("line_ends_as_the_source_has_them") else { return };
    let home = Home::new();
    fetch(&home, &dovecot, &dovecot.url("imaps", "alice"))
        .arg("--crlf")
        .arg("--to")
        .arg("maildir:box")
        .run()
        .success();
    let wanted = originals().iter().map(|message| mail::to_crlf(message)).collect();
    same(&maildir(&home, "box"), &sorted(wanted));
}

#[test]
fn into_an_mbox_and_out_again() {
    let Some(dovecot) = filled("into_an_mbox_and_out_again") else { return };
    for scheme in ["pop3s", "imaps"] {
        let home = Home::new();
        fetch(&home, &dovecot, &dovecot.url(scheme, "alice"))
            .arg("--to")
            .arg("mbox:all.mbox")
            .run()
            .success();
        let mbox = std::fs::read(home.path().join("all.mbox")).expect("an mbox");
        let wanted = sorted(originals().iter().map(|message| ended(message)).collect());
        same(&sorted(of_mboxrd(&mbox)), &wanted);
        // The same on stdout, where several messages are an mbox.
        let run = fetch(&home, &dovecot, &dovecot.url(scheme, "alice")).run().success();
        same(&sorted(of_mboxrd(&run.stdout)), &wanted);
        // And by our own reader.
        home.run(args!["fetch", "mbox:all.mbox", "--to", "maildir:box"]).success();
        same(&maildir(&home, "box"), &wanted);
    }
}

/// The messages of an mboxrd file: `From ` begins one, an empty line ends one, and one `>` of
/// `>From ` goes. Status lines that say what the flags were are left out.
fn of_mboxrd(octets: &[u8]) -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let mut in_header = false;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b"From ") {
            messages.push(Vec::new());
            in_header = true;
            continue;
        }
        let Some(message) = messages.last_mut() else {
            panic!("an mbox begins with From_: {:?}", String::from_utf8_lossy(line));
        };
        if line == b"\n" {
            in_header = false;
        }
        let of_mbox: [&[u8]; 3] = [b"Status: ", b"X-Status: ", b"X-Keywords: "];
        if in_header && of_mbox.iter().any(|name| line.starts_with(name)) {
            continue;
        }
        let quotes = line.iter().take_while(|octet| **octet == b'>').count();
        let is_quoted = quotes > 0 && line[quotes..].starts_with(b"From ");
        message.extend_from_slice(if is_quoted { &line[1..] } else { line });
    }
    for message in &mut messages {
        assert_eq!(message.pop(), Some(b'\n'), "a message without the empty line behind it");
    }
    messages
}

#[test]
fn one_message_on_stdout_is_exactly_its_octets() {
    let Some(dovecot) = filled("one_message_on_stdout_is_exactly_its_octets") else { return };
    let home = Home::new();
    let originals = originals();
    // Number 2 has an attachment, 3 no line end at its end.
    for number in [0, 1, 2, 3, 5] {
        let whole = mail::to_crlf(&originals[number]);
        let base = dovecot.url("imaps", "alice");
        let url = format!("{base}INBOX/;UID={}", number + 1);
        let run = fetch(&home, &dovecot, &url).run().success();
        assert!(run.stdout == whole, "message {number} differs:\n{run}");

        let end = whole.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.map_or(whole.len(), |at| at + 4);
        let run = fetch(&home, &dovecot, &format!("{url}/;SECTION=HEADER")).run().success();
        assert!(run.stdout == whole[..end], "the header of message {number} differs:\n{run}");
        let run = fetch(&home, &dovecot, &format!("{url}/;SECTION=TEXT")).run().success();
        assert!(run.stdout == whole[end..], "the text of message {number} differs:\n{run}");
        let url = format!("{url}/;PARTIAL=10.100");
        let run = fetch(&home, &dovecot, &url).run().success();
        assert!(run.stdout == whole[10..110.min(whole.len())], "partial {number}:\n{run}");
    }
}

#[test]
fn one_message_by_pop3_is_exactly_its_octets() {
    let Some(dovecot) = filled("one_message_by_pop3_is_exactly_its_octets") else { return };
    let home = Home::new();
    let listed = fetch(&home, &dovecot, &dovecot.url("pop3s", "alice")).arg("--json").run();
    let listed = listed.success().json_lines();
    assert_eq!(listed.len(), COUNT);
    let originals = originals();
    for number in [0, 2, 3] {
        let reference = listed[number]["reference"].as_str().expect("a reference");
        let run = fetch(&home, &dovecot, reference).run().success();
        let wanted = mail::to_crlf(&ended(&originals[number]));
        assert!(run.stdout == wanted, "{reference} differs:\n{run}");
        let content = listed[number]["content"].as_str().unwrap_or_default();
        assert_eq!(content, mail::base64(&wanted), "content in JSON");
    }
}

#[test]
fn parts_and_headers_are_what_python_finds() {
    let test = "parts_and_headers_are_what_python_finds";
    if !needs(test, &["python3"]) {
        return;
    }
    let Some(dovecot) = filled(test) else { return };
    let home = Home::new();
    let script = "import email, email.policy, sys\n\
                  m = email.message_from_bytes(sys.stdin.buffer.read())\n\
                  sys.stdout.buffer.write(m.get_payload(1).get_payload(decode=True))\n";
    let base64_part = format!("{}INBOX/;UID=3/;SECTION=2", dovecot.url("imaps", "alice"));
    let part = fetch(&home, &dovecot, &base64_part).run().success();
    let decoded = home.command("base64", &["-d", "-i"]).stdin(part.stdout.clone()).run().success();
    let python = home.command("python3", &["-c", script]).stdin(originals()[2].clone()).run();
    assert!(decoded.stdout == python.success().stdout, "the attachment differs:\n{part}");

    let run = fetch(&home, &dovecot, &dovecot.url("imaps", "alice"))
        .arg("--last")
        .arg("3")
        .arg("--headers=subject,message-id")
        .run()
        .success();
    let names: Vec<String> = run
        .lines()
        .iter()
        .filter(|line| !line.starts_with(' ') && !line.is_empty())
        .filter_map(|line| line.split_once(':').map(|(name, _)| name.to_lowercase()))
        .collect();
    assert_eq!(names.len(), 6, "{run}");
    assert!(names.iter().all(|name| name == "subject" || name == "message-id"), "{run}");
}

/// Two runs side by side into one Maildir, and a run killed in the middle, leave whole
/// messages only.
#[test]
fn a_killed_run_leaves_whole_messages_only() {
    let Some(dovecot) = filled("a_killed_run_leaves_whole_messages_only") else { return };
    let wanted = sorted(originals());
    for milliseconds in [0, 5, 10, 20, 40, 80] {
        let home = Home::new();
        let running = fetch(&home, &dovecot, &dovecot.url("imaps", "alice"))
            .arg("--to")
            .arg("maildir:box")
            .spawn();
        // A crash comes when it comes: each time is another place.
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        running.kill();
        running.wait(support::PATIENCE);
        for message in maildir(&home, "box") {
            assert!(wanted.binary_search(&message).is_ok(), "half a message was left");
        }
    }
}

/// Every way to log in, as loud as can be: the password is in nothing that was printed or
/// traced, neither raw nor in base64.
#[test]
fn no_secret_is_printed() {
    let password = "Zq9-open-sesame";
    let server = ServeTest::with(&["--user", &format!("carol:{password}"), "--allow-cleartext"]);
    let mechanisms = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"];
    for scheme in ["pop3", "pop3s", "imap", "imaps"] {
        for mechanism in mechanisms.into_iter().map(Some).chain([None]) {
            for given in [password, "Xw7-wrong-again"] {
                let home = Home::new();
                let url = server.url(scheme, Some("carol"));
                let mut invocation = home
                    .pillarbox(args!["fetch", url, "-vvv", "--trace", "trace.json", "--ca-file"])
                    .arg(server.ca())
                    .password(given);
                if let Some(mechanism) = mechanism {
                    invocation = invocation.arg("--auth").arg(mechanism);
                }
                let run = invocation.run().expect(if given == password { 0 } else { 77 });
                assert!(run.errors().contains("S: "), "no transcript:\n{run}");
                let trace = std::fs::read(home.path().join("trace.json")).expect("a trace");
                hides(&run, &trace, given);
            }
        }
        // In the clear: LOGIN in IMAP, USER and PASS in POP3.
        if !scheme.ends_with('s') {
            let home = Home::new();
            let url = server.url(scheme, Some("carol"));
            let run = home
                .pillarbox(args!["fetch", url, "-vvv", "--tls", "none"])
                .arg("--allow-cleartext-password")
                .password(password)
                .run()
                .success();
            hides(&run, b"", password);
        }
    }
}

/// The same against Dovecot, APOP and USER/PASS included.
#[test]
fn no_secret_is_printed_at_dovecot() {
    let Some(dovecot) = filled("no_secret_is_printed_at_dovecot") else { return };
    let (user, password) = USERS[0];
    let urls = [
        // Not by STLS: the timestamp of a greeting in the clear is forgotten with it.
        format!("pop3s://{user};AUTH=+APOP@localhost:{}", dovecot.pop3s),
        format!("pop3://{user}@localhost:{}", dovecot.pop3),
        format!("pop3s://{user};AUTH=PLAIN@localhost:{}", dovecot.pop3s),
        format!("imap://{user};AUTH=LOGIN@localhost:{}/INBOX", dovecot.imap),
        format!("imaps://{user};AUTH=SCRAM-SHA-256@localhost:{}/INBOX", dovecot.imaps),
    ];
    for url in urls {
        let home = Home::new();
        let run = fetch(&home, &dovecot, &url)
            .arg("-vvv")
            .arg("--last")
            .arg("1")
            .arg("--to")
            .arg("maildir:box")
            .run()
            .success();
        hides(&run, b"", password);
        assert_eq!(maildir(&home, "box").len(), 1, "{url}");
    }
}

#[track_caller]
fn hides(run: &Run, trace: &[u8], secret: &str) {
    let mut forms = vec![secret.to_owned(), mail::base64(secret.as_bytes())];
    for user in ["alice", "carol"] {
        forms.push(mail::base64(format!("\0{user}\0{secret}").as_bytes()));
        forms.push(mail::base64(format!("{user}\0{user}\0{secret}").as_bytes()));
    }
    for (place, octets) in
        [("stdout", run.stdout.as_slice()), ("stderr", run.stderr.as_slice()), ("trace", trace)]
    {
        let text = String::from_utf8_lossy(octets);
        for form in &forms {
            assert!(!text.contains(form.as_str()), "{place} holds {form:?}:\n{run}");
        }
    }
}

/// Files of mail are for their owner alone.
#[test]
fn what_is_fetched_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(dovecot) = filled("what_is_fetched_is_private") else { return };
    let home = Home::new();
    fetch(&home, &dovecot, &dovecot.url("imaps", "alice"))
        .arg("--to")
        .arg("maildir:box")
        .arg("--to")
        .arg("mbox:all.mbox")
        .arg("--to")
        .arg("eml:files")
        .run()
        .success();
    for name in ["box", "all.mbox", "files"] {
        private(&home.path().join(name));
    }

    fn private(path: &Path) {
        let mode = path.metadata().expect("what was written").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
        if path.is_dir() {
            for entry in std::fs::read_dir(path).expect("an own folder") {
                private(&entry.expect("an own folder").path());
            }
        }
    }
}

/// `--new` brings each message once to each target, by what it remembers and not by `\Seen`.
#[test]
fn what_was_fetched_is_not_new() {
    let script = r#"
send() { pillarbox send -q --via bob --to alice@example.test --subject "$1" --body "$1"; }
count() { ls in/new | wc -l | tr -d ' '; }
pop=pop3s://alice@$POP3S_HOST:$POP3S_PORT
send one; send two
pillarbox fetch --new "$pop" --to maildir:in
test "$(count)" = 2
pillarbox fetch --new "$pop" --to maildir:in
test "$(count)" = 2
send three
pillarbox fetch --new "$pop" --to maildir:in
test "$(count)" = 3
pillarbox fetch --new "$pop" --to mbox:other
test "$(grep -c '^From ' other)" = 3
pillarbox fetch --new alice --to maildir:by-imap
pillarbox fetch --new alice --to maildir:by-imap
test "$(ls by-imap/new | wc -l | tr -d ' ')" = 3
"#;
    let home = Home::new();
    home.pillarbox(args!["serve-test", "--", "sh", "-euc", script])
        .within(support::PATIENCE * 2)
        .run()
        .success();
}

/// A message with a mark in its subject.
fn marked(mark: &str) -> Vec<u8> {
    format!(
        "Return-Path: <carol@example.test>\nDelivered-To: bob@example.test\n\
         From: carol@example.test\nTo: list@example.test\nSubject: {mark}\n\
         Date: Tue, 3 Mar 2026 10:00:00 +0100\nMessage-ID: <{mark}@example.test>\n\nHello.\n"
    )
    .into_bytes()
}

/// A Dovecot with these messages in alice's INBOX.
fn with_marks(test: &str, marks: &[&str]) -> Option<Dovecot> {
    let dovecot = Dovecot::start(test)?;
    let messages: Vec<Vec<u8>> = marks.iter().map(|mark| marked(mark)).collect();
    let stored: Vec<Stored<'_>> = messages
        .iter()
        .map(|octets| Stored { octets, flags: "F", received: 1_772_532_000 })
        .collect();
    dovecot.put("alice", "INBOX", &stored);
    Some(dovecot)
}

/// The subjects of what is in a folder on the server.
fn subjects(dovecot: &Dovecot, user: &str, mailbox: &str) -> Vec<String> {
    let mut subjects: Vec<String> = dovecot
        .messages(user, mailbox)
        .iter()
        .filter_map(|message| {
            let text = String::from_utf8_lossy(message).into_owned();
            text.lines().find_map(|line| line.strip_prefix("Subject: ").map(str::to_owned))
        })
        .collect();
    subjects.sort();
    subjects
}

/// What a command says decides what becomes of each message; only what it took leaves the
/// server.
#[test]
fn a_command_takes_keeps_and_drops_messages() {
    let test = "a_command_takes_keeps_and_drops_messages";
    for (scheme, tail) in [("imaps", "INBOX"), ("pop3s", "")] {
        let Some(dovecot) = with_marks(test, &["take", "keep", "drop", "stop"]) else { return };
        let source = format!("{}{tail}", dovecot.url(scheme, "alice"));
        let home = Home::new();
        let script = "cat > now; case $(grep ^Subject now) in *take*) cat now >> taken ;; \
                      *keep*) exit 75 ;; *drop*) exit 99 ;; *) exit 3 ;; esac";
        let run = fetch(&home, &dovecot, &source).arg("--exec").arg(script).arg("--then");
        let run = run.arg("delete").run().expect(69).says(&["ended with status 3", "UID"]);
        // The run ended before anything was changed at the source.
        assert_eq!(subjects(&dovecot, "alice", "INBOX").len(), 4, "{run}");
        let script = script.replace("*) exit 3", "*) exit 0");
        let then = |script: &str| {
            let run = fetch(&home, &dovecot, &source).arg("--exec").arg(script);
            run.arg("--then").arg("delete").run()
        };
        let run = then(&script).expect(75);
        assert_eq!(subjects(&dovecot, "alice", "INBOX"), ["keep"], "{run}");
        let taken = std::fs::read_to_string(home.path().join("taken")).expect("what it took");
        assert!(taken.contains("Subject: take") && !taken.contains("drop"), "{taken}");
        then("cat > /dev/null").success();
        assert!(subjects(&dovecot, "alice", "INBOX").is_empty());
        then("exit 3").success();
    }
}

#[test]
fn what_was_fetched_is_marked_or_moved() {
    let Some(dovecot) = with_marks("what_was_fetched_is_marked_or_moved", &["a", "b"]) else {
        return;
    };
    let source = format!("{}INBOX", dovecot.url("imaps", "alice"));
    let home = Home::new();
    let then = |action: &str| {
        let run = fetch(&home, &dovecot, &source).arg("--to").arg("maildir:box");
        run.arg("--then").arg(action).run()
    };
    then("mark:seen,$Fetched,-flagged").success();
    let mut other = support::OtherClient::login(dovecot.imap, "alice", "secret");
    other.select("INBOX");
    assert_eq!(other.search("SEEN UNFLAGGED KEYWORD $Fetched").len(), 2);
    other.command("CREATE Done");
    // What is there already is not fetched again, and its move is made up for.
    then("move:Done").success();
    assert_eq!(subjects(&dovecot, "alice", "Done"), ["a", "b"]);
    assert!(subjects(&dovecot, "alice", "INBOX").is_empty());
    assert_eq!(maildir(&home, "box").len(), 2);
    then("drop").expect(64).says(&["want delete, move:FOLDER or mark:FLAG"]);
    let pop = fetch(&home, &dovecot, &dovecot.url("pop3s", "alice"));
    pop.arg("--then").arg("mark:seen").run().expect(64).says(&["no folders and no flags"]);
    let part = fetch(&home, &dovecot, &source).arg("--headers");
    part.arg("--then").arg("delete").run().expect(64).says(&["only whole messages"]);
}

/// What stdout has not taken is neither deleted, marked nor remembered, however little it is.
#[test]
fn what_stdout_does_not_take_stays() {
    let Some(dovecot) = with_marks("what_stdout_does_not_take_stays", &["a", "b"]) else { return };
    let imap = format!("{}INBOX", dovecot.url("imaps", "alice"));
    let pop = dovecot.url("pop3s", "alice");
    let forms: [&[&str]; 3] = [&[], &["--last", "1"], &["--json"]];
    let actions: [(&str, &[&str]); 5] = [
        (&imap, &["--new"]),
        (&imap, &["--then", "delete"]),
        (&imap, &["--then", "mark:$Fetched"]),
        (&pop, &["--new"]),
        (&pop, &["--then", "delete"]),
    ];
    for form in forms {
        for (source, action) in actions {
            for is_closed in [false, true] {
                let case = format!("{source} {form:?} {action:?}, closed: {is_closed}");
                let home = Home::new();
                let run = fetch(&home, &dovecot, source).args(form).args(action);
                let run = if is_closed {
                    let (reader, writer) = std::io::pipe().expect("a pipe");
                    drop(reader);
                    run.stdout(writer).run().expect(0)
                } else {
                    let full = std::fs::File::create("/dev/full").expect("Linux");
                    run.stdout(full).run().expect(74)
                };
                assert_eq!(run.stderr.is_empty(), is_closed, "{case}");
                assert_eq!(subjects(&dovecot, "alice", "INBOX"), ["a", "b"], "{case}");
                if action == ["--new"] {
                    let again = fetch(&home, &dovecot, source).args(["--new", "--json"]).run();
                    let lines = again.success().stdout.split(|octet| *octet == b'\n').count() - 1;
                    assert_eq!(lines, 2, "{case}");
                }
            }
        }
    }
    let mut other = support::OtherClient::login(dovecot.imap, "alice", "secret");
    other.select("INBOX");
    assert_eq!(other.search("KEYWORD $Fetched").len(), 0);
}

/// Runs of different sources share what they remember; the same source has one run at a time.
#[test]
fn a_watch_keeps_nobody_from_another_source() {
    let Some(dovecot) = with_marks("a_watch_keeps_nobody_from_another_source", &["a"]) else {
        return;
    };
    let home = Home::new();
    home.write("in.eml", marked("b"));
    let inbox = format!("{}INBOX", dovecot.url("imaps", "alice"));
    let watch = fetch(&home, &dovecot, &inbox).args(["--watch", "--to", "maildir:box"]).spawn();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let comes_to = |name: &str| {
        let folder = std::fs::read_dir(home.path().join("box").join(name));
        folder.is_ok_and(|mut found| found.next().is_some())
    };
    while !comes_to("new") && !comes_to("cur") {
        assert!(std::time::Instant::now() < end, "nothing came");
        std::thread::yield_now();
    }
    for _ in 0..2 {
        let other = ["fetch", "eml:in.eml", "--new", "--to", "maildir:other"];
        home.pillarbox(&other).run().success();
    }
    assert_eq!(maildir(&home, "other").len(), 1);
    let same = fetch(&home, &dovecot, &inbox).args(["--new", "--to", "maildir:box"]);
    same.run().expect(75).says(&["INBOX is in use by another run"]);
    watch.terminate();
    let run = watch.wait(std::time::Duration::from_secs(60)).expect(143);
    run.says(&["ended by SIGTERM"]);
}

/// A relay to a server that gives out some 200,000 octets a second.
fn trickle(server: u16) -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    std::thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let Ok(server) = std::net::TcpStream::connect(("127.0.0.1", server)) else { return };
            let one_more = |stream: &std::net::TcpStream| stream.try_clone().expect("one more");
            let (mut from_client, mut to_client) = (one_more(&client), client);
            let (mut from_server, mut to_server) = (one_more(&server), server);
            std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
            std::thread::spawn(move || {
                let mut octets = [0; 2000];
                while let Ok(read @ 1..) = from_server.read(&mut octets) {
                    if to_client.write_all(&octets[..read]).is_err() {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                let _ = to_client.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    port
}

/// What a Maildir has got when a signal or the deadline comes is written down, so that the next run
/// brings the rest. So little comes at a time that the end is in the midst of a batch.
#[test]
fn a_signal_brings_nothing_twice() {
    let marks: Vec<String> = (0..600).map(|number| number.to_string()).collect();
    let marks: Vec<&str> = marks.iter().map(String::as_str).collect();
    let Some(dovecot) = with_marks("a_signal_brings_nothing_twice", &marks) else { return };
    let home = Home::new();
    let count = |name: &str| mail::all_maildir_files(&home.path().join(name)).len();
    let bring = |url: &str, name: &str| {
        fetch(&home, &dovecot, url).args(args!["--new", "--to", format!("maildir:{name}")])
    };
    let imaps = format!("imaps://alice@localhost:{}/INBOX", trickle(dovecot.imaps));
    let pop3s = format!("pop3s://alice@localhost:{}/", trickle(dovecot.pop3s));
    for (name, url) in [("imap", &imaps), ("pop", &pop3s)] {
        let running = bring(url, name).spawn();
        support::wait_for("a batch", support::PATIENCE, || (count(name) >= 256).then_some(()));
        running.terminate();
        let run = running.wait(support::PATIENCE).expect(143);
        run.says(&["ended by SIGTERM"]);
        assert!(count(name) < marks.len(), "{name}: all had come");
        bring(url, name).run().success();
        assert_eq!(count(name), marks.len(), "{name}");
    }
    // Other names, so that nothing of it is remembered.
    let imaps = format!("imaps://alice@localhost:{}/INBOX", trickle(dovecot.imaps));
    bring(&imaps, "late").args(["--deadline", "1s"]).run().expect(75);
    bring(&imaps, "late").run().success();
    assert_eq!(count("late"), marks.len());
}

/// What fetch cannot do it says before it begins, and what a URL or a star means it does.
#[test]
fn odd_requests_of_a_folder() {
    let Some(dovecot) = with_marks("odd_requests_of_a_folder", &["deep", "last"]) else { return };
    let inbox = format!("{}INBOX", dovecot.url("imaps", "alice"));
    let home = Home::new();
    let run = |more: &[&str]| fetch(&home, &dovecot, &inbox).args(more).run();
    let last = run(&["--uid", "*", "--json"]).success().stdout;
    assert_eq!(last.iter().filter(|octet| **octet == b'\n').count(), 1, "the last message");
    let found = format!("{inbox}?SUBJECT%20deep");
    let found = fetch(&home, &dovecot, &found).args(["--headers", "subject"]).run().success();
    assert_eq!(found.stdout.trim_ascii(), b"Subject: deep");
    let smuggled = format!("{inbox}?SEEN%0D%0Ab%20DELETE%20INBOX");
    fetch(&home, &dovecot, &smuggled).run().expect(64).says(&["is no search program"]);
    run(&["--exec", " ", "--then", "delete"]).expect(64).says(&["--exec: no command"]);
    let nowhere = format!("{}Nowhere", dovecot.url("imaps", "alice"));
    fetch(&home, &dovecot, &nowhere).run().expect(66).says(&["Nowhere: no folder"]);
    home.write("in.eml", marked("b"));
    let twice = ["fetch", "eml:in.eml", "--to", "eml:in.eml"];
    home.pillarbox(&twice).run().expect(64).says(&["both a source and a target"]);
    assert_eq!(dovecot.messages("alice", "INBOX").len(), 2);
}

#[test]
fn old_messages_leave_the_maildrop() {
    let Some(dovecot) = with_marks("old_messages_leave_the_maildrop", &["a", "b"]) else { return };
    let source = dovecot.url("pop3s", "alice");
    let home = Home::new();
    let after = |span: &str, target: &str| {
        let run = fetch(&home, &dovecot, &source).arg("--to").arg(target);
        run.arg("--delete-after").arg(span).run()
    };
    after("14d", "maildir:box").success();
    after("14d", "maildir:box").success();
    assert_eq!(maildir(&home, "box").len(), 2, "each once");
    assert_eq!(subjects(&dovecot, "alice", "INBOX").len(), 2);
    // Another target has none of them yet: nothing is old for it.
    after("0h", "maildir:other").success();
    assert_eq!(maildir(&home, "other").len(), 2);
    after("0h", "maildir:box").success();
    assert!(subjects(&dovecot, "alice", "INBOX").is_empty());
    after("soon", "maildir:box").expect(64).says(&["--delete-after \"soon\""]);
}

/// Messages go to a server that delivers them, and to a folder of another account.
#[test]
fn servers_are_targets() {
    let Some(dovecot) = with_marks("servers_are_targets", &["a", "b"]) else { return };
    let home = Home::new();
    let source = format!("{}INBOX", dovecot.url("imaps", "alice"));
    let lmtp = format!("lmtp://localhost:{}", dovecot.lmtp);
    let run = |words: &[&str]| {
        let mut line = vec!["fetch", source.as_str(), "--to"];
        line.extend_from_slice(words);
        home.pillarbox(&line).env("SSL_CERT_FILE", dovecot.ca()).password("secret").run()
    };
    run(&[&lmtp, "--rcpt", "bob@example.test"]).success();
    assert_eq!(subjects(&dovecot, "bob", "INBOX"), ["a", "b"]);
    run(&[&lmtp, "--rcpt-from-header", "delivered-to"]).success();
    assert_eq!(subjects(&dovecot, "bob", "INBOX"), ["a", "a", "b", "b"]);
    let sender = dovecot.messages("bob", "INBOX").concat();
    let sender = String::from_utf8_lossy(&sender).into_owned();
    assert!(sender.contains("Return-Path: <carol@example.test>"), "{sender}");
    // One of two recipients is refused: the source stays, and only that one lacks them then.
    let both = [&lmtp, "--rcpt", "bob@example.test", "--rcpt", "nobody@example.test"];
    let both = [&both[..], &["--then", "delete"]].concat();
    run(&both).expect(69).says(&["<nobody@example.test>", "stays where it is"]);
    run(&both).expect(69);
    assert_eq!(subjects(&dovecot, "bob", "INBOX").len(), 6, "not again to whom it reached");
    assert_eq!(subjects(&dovecot, "alice", "INBOX").len(), 2);
    run(&[&lmtp, "--rcpt-from-header", "X-Nobody"])
        .expect(69)
        .says(&["no recipient in its X-Nobody"]);
    run(&[&lmtp]).expect(64).says(&["--rcpt ADDRESS"]);
    run(&["maildir:x", "--rcpt", "a@b"]).expect(64).says(&["for a server that delivers"]);
    // Another account's folder: flags and date travel along.
    let theirs = format!("{}INBOX", dovecot.url("imaps", "bob"));
    run(&[&theirs, "--new"]).success();
    run(&[&theirs, "--new"]).success();
    let mut other = support::OtherClient::login(dovecot.imap, "bob", "secret");
    other.select("INBOX");
    assert_eq!(other.search("FLAGGED SINCE 3-Mar-2026 BEFORE 4-Mar-2026").len(), 2);
    run(&[&theirs, "--user", "alice"]).expect(64).says(&["source or the target"]);
    run(&["maildir:x", "--to-user", "alice"]).expect(64).says(&["no target is a server"]);
}

#[test]
fn a_command_decides_by_the_header() {
    let test = "a_command_decides_by_the_header";
    for (scheme, tail) in [("imaps", "INBOX"), ("pop3s", "")] {
        let Some(dovecot) = with_marks(test, &["keep", "skip", "gone"]) else { return };
        let source = format!("{}{tail}", dovecot.url(scheme, "alice"));
        let home = Home::new();
        let script = "cat > seen; ! grep -q Hello seen || exit 5; case $(grep ^Subject seen) in \
                      *keep*) exit 0 ;; *skip*) exit 1 ;; *gone*) exit 99 ;; *) exit 4 ;; esac";
        let decide = |script: &str| {
            let run = fetch(&home, &dovecot, &source).arg("--to").arg("maildir:box");
            run.arg("--decide").arg(script).run()
        };
        decide("exit 2").expect(69).says(&["ended with status 2"]);
        let run = decide(script).success();
        let brought = maildir(&home, "box");
        assert_eq!(brought.len(), 1, "{run}");
        assert!(String::from_utf8_lossy(&brought[0]).contains("Subject: keep"), "{run}");
        assert_eq!(subjects(&dovecot, "alice", "INBOX"), ["keep", "skip"], "{run}");
    }
}

/// A message with a text, a picture, a PDF, a large video and a message inside.
fn with_parts() -> (Vec<u8>, Vec<u8>) {
    use base64::Engine as _;
    let pdf: Vec<u8> = (0..40_000_u32).flat_map(u32::to_be_bytes).collect();
    let encode = |octets: &[u8]| -> String {
        let text = base64::engine::general_purpose::STANDARD.encode(octets);
        text.as_bytes()
            .chunks(76)
            .map(|line| format!("{}\n", String::from_utf8_lossy(line)))
            .collect()
    };
    let video = encode(&vec![7; 20 * 1024 * 1024]);
    let message = format!(
        "From: a@example.test\nSubject: parts\nDate: Tue, 3 Mar 2026 10:00:00 +0100\n\
         MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n\
         Gr=C3=BC=\n=C3=9Fe\n--b\nContent-Type: video/mp4; name=long.mp4\n\
         Content-Transfer-Encoding: base64\nContent-Disposition: attachment\n\n{video}--b\n\
         Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; filename*=utf-8''..%2F..%2Fb%C3%BCro.pdf\n\n{}--b\n\
         Content-Type: message/rfc822\n\nSubject: inside\n\nHello.\n--b--\n",
        encode(&pdf)
    );
    (message.into_bytes(), pdf)
}

#[test]
fn attachments_travel_alone_and_become_files() {
    let test = "attachments_travel_alone_and_become_files";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let (message, pdf) = with_parts();
    let all = message.len();
    let stored = Stored { octets: &message, flags: "", received: 1_772_532_000 };
    dovecot.put("alice", "INBOX", &[stored]);
    let home = Home::new();
    home.write("local.eml", &message);
    let imap = format!("{}INBOX", dovecot.url("imaps", "alice"));
    for source in [&imap, &dovecot.url("pop3s", "alice"), "./local.eml"] {
        let save = |pattern: &str, to: &str| {
            let line =
                args!["fetch", source, "--attachments", pattern, "-o", to, "--trace", "trace"];
            let run = home.pillarbox(line);
            let run = match source.contains("://") {
                true => run.arg("--ca-file").arg(dovecot.ca()).password("secret"),
                false => run,
            };
            run.run().success()
        };
        let to = home.path().join("out");
        let run = save("application/pdf", "out");
        assert_eq!(run.text().trim(), "out/b\u{fc}ro.pdf", "{run}");
        assert_eq!(std::fs::read(to.join("b\u{fc}ro.pdf")).expect("the file"), pdf);
        if source.starts_with("imap") {
            let trace = std::fs::read_to_string(home.path().join("trace")).expect("a trace");
            let octets: u64 = trace
                .lines()
                .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
                .filter(|event| event["direction"] == "received")
                .map(|event| {
                    let text = event["text"].as_str().map_or(0, str::len) as u64;
                    event["octets"].as_u64().unwrap_or(0) + text
                })
                .sum();
            assert!(octets < all as u64 / 100, "{octets} of {all} octets");
        }
        // A name that is taken is not written over.
        assert_eq!(save("*.pdf", "out").text().trim(), "out/b\u{fc}ro (2).pdf");
        let run = save("", "every");
        let mut names: Vec<&str> = run.text().lines().collect();
        names.sort_unstable();
        assert_eq!(names, ["every/b\u{fc}ro.pdf", "every/long.mp4", "every/part-4.eml"], "{run}");
        let inside = std::fs::read_to_string(home.path().join("every/part-4.eml")).expect("a file");
        assert_eq!(mail::to_lf(inside.as_bytes()), b"Subject: inside\n\nHello.", "{inside:?}");
        let text = save("text/*", "text");
        let file = std::fs::read(home.path().join(text.text().trim())).expect("a file");
        assert_eq!(String::from_utf8_lossy(&file).trim_end(), "Gr\u{fc}\u{df}e", "{text}");
        let left: Vec<_> = std::fs::read_dir(&to).expect("a folder").collect();
        assert_eq!(left.len(), 2, "no temporary file is left: {left:?}");
        for folder in ["out", "every", "text"] {
            std::fs::remove_dir_all(home.path().join(folder)).expect("a folder");
        }
    }
    let run = |words: &[&str]| {
        let run = home.pillarbox(&[&["fetch", imap.as_str()], words].concat());
        run.arg("--ca-file").arg(dovecot.ca()).password("secret").run()
    };
    run(&["--attachments", "work"]).expect(64).says(&["no media type"]);
    run(&["--attachments", "image/*"]).success().says(&["no attachments"]);
    run(&["-o", "x"]).expect(64).says(&["--attachments"]);
    home.write("taken", "");
    run(&["--attachments", "-o", "taken"]).expect(73).says(&["taken"]);
}

/// What one target has taken it does not get again because another one failed.
#[test]
fn a_target_that_fails_doubles_nothing_at_the_others() {
    let serving = ServeTest::start();
    let message = "Subject: one\nMessage-ID: <one@x.test>\n\ntext\n";
    for (user, more) in [("bob", &[][..]), ("alice", &["--dedupe"])] {
        let home = Home::new();
        std::fs::write(home.path().join("in.eml"), message).expect("written");
        for _ in 0..3 {
            home.pillarbox(args!["fetch", "eml:in.eml", "--new", "--to", "maildir:box"])
                .args(["--to", &serving.url("lmtp", None), "--rcpt", &format!("{user}@x.test")])
                .args(["--exec", "exit 1"])
                .args(more)
                .env("SSL_CERT_FILE", serving.ca())
                .run()
                .expect(69);
        }
        assert_eq!(maildir(&home, "box").len(), 1, "{user}: the Maildir");
        home.pillarbox(args!["fetch", serving.url("imaps", Some(user)), "--to", "maildir:got"])
            .env("SSL_CERT_FILE", serving.ca())
            .password(USERS.iter().find(|(name, _)| *name == user).expect("a user").1)
            .run()
            .success();
        assert_eq!(maildir(&home, "got").len(), 1, "{user}: the server");
        // Once the command takes it, all is done.
        let done = home
            .pillarbox(args!["fetch", "eml:in.eml", "--new", "--exec", "cat > taken"])
            .args(more)
            .run();
        done.success();
    }
}

/// A way to a server that can be cut.
struct Relay {
    port: u16,
    streams: std::sync::Arc<std::sync::Mutex<Vec<std::net::TcpStream>>>,
}

impl Relay {
    fn to(server: u16) -> Relay {
        use std::net::{Ipv4Addr, TcpListener, TcpStream};
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let streams = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = streams.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else {
                    continue;
                };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else {
                        return;
                    };
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(std::net::Shutdown::Both);
                    });
                }
                kept.lock().expect("no panic").extend([client, server]);
            }
        });
        Relay { port, streams }
    }

    fn cut(&self) -> usize {
        let mut streams = self.streams.lock().expect("no panic");
        let count = streams.len();
        for stream in streams.drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        count
    }
}

/// What comes in bursts while the connection is cut is handed over once each.
#[test]
fn a_watch_brings_what_comes_over_a_connection_that_breaks() {
    let test = "a_watch_brings_what_comes_over_a_connection_that_breaks";
    let Some(dovecot) = with_marks(test, &["before"]) else { return };
    let relay = Relay::to(dovecot.imaps);
    let home = Home::new();
    let url = format!("imaps://alice@localhost:{}/INBOX", relay.port);
    let watch = || {
        home.pillarbox(args!["fetch", &url, "--watch", "--exec", "grep ^Subject: >> got"])
            .args(["--trace", "trace"])
            .arg("--ca-file")
            .arg(dovecot.ca())
            .password("secret")
    };
    let got = || -> Vec<String> {
        let text = std::fs::read_to_string(home.path().join("got")).unwrap_or_default();
        text.lines().map(|line| line.trim_end().to_owned()).collect()
    };
    let running = watch().spawn();
    support::wait_for("what was there", support::PATIENCE, || (got().len() == 1).then_some(()));
    let (bursts, each) = if support::full() { (100, 10) } else { (6, 5) };
    let mut other = support::OtherClient::login(dovecot.imap, "alice", "secret");
    let mut cuts = 0;
    for burst in 0..bursts {
        for number in 0..each {
            other.append("INBOX", "", &marked(&format!("m{burst}-{number}")));
            if number == 2 && burst % 2 == 0 {
                cuts += usize::from(relay.cut() > 0);
            }
        }
        let wanted = 1 + (burst + 1) * each;
        let begun = std::time::Instant::now();
        support::wait_for("the burst", support::PATIENCE, || (got().len() >= wanted).then_some(()));
        let took = begun.elapsed();
        // Where nothing was cut, it comes at once; the bound is wide for busy machines.
        assert!(burst % 2 == 0 || took < std::time::Duration::from_secs(10), "{took:?}");
    }
    // What was handed over is written down before anything else is waited for.
    support::wait_for("the record", support::PATIENCE, || {
        let trace = std::fs::read_to_string(home.path().join("trace")).unwrap_or_default();
        (trace.rfind(" IDLE")? > trace.rfind("BODY.PEEK")?).then_some(())
    });
    running.terminate();
    running.wait(support::PATIENCE);
    let mut all = got();
    all.sort();
    let count = all.len();
    all.dedup();
    assert_eq!((all.len(), count), (1 + bursts * each, 1 + bursts * each), "each once");
    assert!(cuts > 0, "nothing was cut");
    // A later watch begins where this one ended.
    let running = watch().spawn();
    other.append("INBOX", "", &marked("later"));
    support::wait_for("one more", support::PATIENCE, || (got().len() == count + 1).then_some(()));
    running.terminate();
    running.wait(support::PATIENCE);
    assert_eq!(got().last().map(String::as_str), Some("Subject: later"));
    home.pillarbox(args!["fetch", "-", "--watch"])
        .stdin(format!("{url};UIDVALIDITY=1/;UID=1\n"))
        .run()
        .expect(64)
        .says(&["--watch wants folders"]);
}

/// Anybody can send a message of many levels; Dovecot tells a hundred of them.
#[test]
fn one_message_of_many_levels_hides_no_other() {
    let Some(dovecot) = Dovecot::start("one_message_of_many_levels_hides_no_other") else { return };
    let levels = 3000;
    let mut deep = b"Subject: deep\n".to_vec();
    for level in 0..levels {
        let line = format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n");
        deep.extend(line.into_bytes());
    }
    deep.extend(b"Content-Type: text/plain\n\nwithin\n");
    let (plain, _) = with_parts();
    let received = 1_772_532_000;
    let stored = |octets| Stored { octets, flags: "", received };
    dovecot.put("alice", "INBOX", &[stored(&deep), stored(&plain)]);
    let inbox = format!("{}INBOX", dovecot.url("imaps", "alice"));
    let home = Home::new();
    let run = |more: &[&str]| fetch(&home, &dovecot, &inbox).args(more).run();
    run(&["--attachments", "-o", "parts"]).success();
    let names: Vec<_> = std::fs::read_dir(home.path().join("parts")).expect("parts").collect();
    assert!(!names.is_empty());
    run(&["--structure"]).success();
    run(&["--text"]).success();
    let query = ["search", "has:pdf", &inbox, "--count", "--ca-file"];
    let found = home.pillarbox(&query).arg(dovecot.ca()).password("secret").run().success();
    assert_eq!(found.text().trim(), "1");
}

/// A folder that is listed and cannot be selected keeps nobody from the others.
#[test]
fn a_folder_that_is_closed_is_passed_over() {
    let test = "a_folder_that_is_closed_is_passed_over";
    let options = support::dovecot::Options {
        extra: "mail_plugins = acl\nprotocol imap {\n  mail_plugins = acl imap_acl\n}\n\
                plugin {\n  acl = vfile\n}\n"
            .to_owned(),
        ..support::dovecot::Options::default()
    };
    let Some(dovecot) = Dovecot::with(test, &options) else { return };
    for folder in ["INBOX", "Closed", "Open"] {
        let text = format!("Subject: {folder}\r\n\r\nx\r\n");
        let stored = Stored { octets: text.as_bytes(), flags: "", received: 1_772_532_000 };
        dovecot.put("alice", folder, &[stored]);
    }
    let closed = dovecot.maildir("alice", "Closed").join("dovecot-acl");
    std::fs::write(closed, "owner l\n").expect("written");
    let home = Home::new();
    let fetch = |source: &str, to: &str| {
        home.pillarbox(&["fetch", source, "--recursive", "--to", to, "--ca-file"])
            .arg(dovecot.ca())
            .password("secret")
            .run()
    };
    let run = fetch(&dovecot.url("imaps", "alice"), "mbox:all.mbox").expect(69);
    run.says(&["folder Closed is passed over"]);
    let count = home.run(&["search", "*", "./all.mbox", "--count"]).success();
    assert_eq!(count.text(), "2\n");
    // The one that was asked for by its name is an error.
    let named = format!("{}Closed", dovecot.url("imaps", "alice"));
    home.pillarbox(&["fetch", &named, "--to", "mbox:one.mbox", "--ca-file"])
        .arg(dovecot.ca())
        .password("secret")
        .run()
        .expect(77);
}
