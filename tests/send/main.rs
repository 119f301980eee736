//! `send` at servers of other makers: Postfix, its smtp-sink, and Dovecot's LMTP.

#[path = "../support/mod.rs"]
mod support;

mod before;
mod composing;
mod ended;

use std::time::Duration;

use support::{
    Dovecot, Home, Invocation, PATIENCE, Postfix, Run, ServeTest, SmtpSink, USERS, args,
    find_program, mail, needs, wait_for,
};

/// A message with what delivery likes to break: dots, From at a line's start, long lines,
/// eight bits, no line end at the end.
fn awkward(number: usize) -> Vec<u8> {
    let mut message = format!(
        "From: Alice <alice@example.test>\r\nTo: bob@example.test,\r\n\tcarol@example.test\r\n\
         Subject: awkward {number}\r\nDate: Tue, 3 Mar 2026 10:00:00 +0100\r\n\
         Message-ID: <awkward.{number}@example.test>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         .\r\n..\r\n.leading dot\r\nFrom the middle\r\n>From quoted\r\n\r\nGr\u{fc}\u{df}e \u{707f}\u{53f0}\r\n"
    )
    .into_bytes();
    message.extend(vec![b'x'; 990]);
    message.extend_from_slice(b"\r\n\r\n\r\nlast line\r\n");
    message
}

/// The outcomes that `--json` told: recipient, state, code.
fn outcomes(run: &Run) -> Vec<(String, String, Option<u64>)> {
    run.json_lines()
        .iter()
        .map(|line| {
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            (text("recipient"), text("state"), line["code"].as_u64())
        })
        .collect()
}

fn outcome(recipient: &str, state: &str, code: u64) -> (String, String, Option<u64>) {
    (recipient.to_owned(), state.to_owned(), Some(code))
}

#[test]
fn every_recipient_has_an_outcome_at_postfix() {
    let Some(postfix) = Postfix::start("every_recipient_has_an_outcome_at_postfix") else {
        return;
    };
    let home = Home::new();
    let sent = awkward(1);
    let run = home
        .pillarbox(args!["send", "--via", postfix.url("smtp", None), "--json"])
        .arg("--ca-file")
        .arg(postfix.ca())
        .arg("alice@example.test")
        .arg("gone@example.test")
        .arg("full@example.test")
        .arg("later@example.test")
        .arg("bob@example.test")
        .stdin(sent.clone())
        .run()
        .expect(79);
    assert_eq!(
        outcomes(&run),
        [
            outcome("alice@example.test", "delivered", 250),
            outcome("gone@example.test", "permanent", 550),
            outcome("full@example.test", "temporary", 452),
            outcome("later@example.test", "temporary", 450),
            outcome("bob@example.test", "delivered", 250),
        ],
        "{run}"
    );
    let lines = run.json_lines();
    assert_eq!(lines[1]["enhanced"], "5.1.1", "{run}");
    assert!(lines[1]["text"].as_str().is_some_and(|text| text.contains("no such user")), "{run}");
    // One transaction: both have the same queue id.
    assert!(lines[0]["queue_id"].is_string(), "{run}");
    assert_eq!(lines[0]["queue_id"], lines[4]["queue_id"], "{run}");
    for user in ["alice", "bob"] {
        let stored = postfix.messages(user, 1);
        assert_eq!(stored, [mail::to_lf(&sent)], "{user}:\n{}", postfix.log());
    }
}

#[test]
fn exit_codes_follow_the_outcomes_at_postfix() {
    let Some(postfix) = Postfix::start("exit_codes_follow_the_outcomes_at_postfix") else {
        return;
    };
    let home = Home::new();
    let cases: [(&[&str], i32); 8] = [
        (&["alice@example.test"], 0),
        (&["gone@example.test"], 67),
        (&["gone@example.test", "nobody@example.test"], 69),
        (&["later@example.test"], 75),
        (&["full@example.test", "later@example.test"], 75),
        (&["later@example.test", "gone@example.test"], 69),
        (&["alice@example.test", "later@example.test"], 79),
        (&["anybody@elsewhere.test"], 69),
    ];
    for (recipients, code) in cases {
        let mut send = home.pillarbox(args![
            "send",
            "--via",
            postfix.url("smtp", None),
            "--ca-file",
            postfix.ca()
        ]);
        for recipient in recipients {
            send = send.arg(recipient);
        }
        send.stdin(awkward(2)).run().expect(code);
    }
    // All or nobody: one refusal, and nobody gets it.
    home.pillarbox(args!["send", "--via", postfix.url("smtp", None), "--ca-file", postfix.ca()])
        .arg("--all-or-none")
        .arg("bob@example.test")
        .arg("gone@example.test")
        .stdin(awkward(3))
        .run()
        .expect(69);
    let run = home
        .pillarbox(args!["send", "--via", postfix.url("smtp", None), "--ca-file", postfix.ca()])
        .arg("bob@example.test")
        .stdin(awkward(4))
        .run()
        .success();
    let stored = postfix.messages("bob", 1);
    assert_eq!(stored, [mail::to_lf(&awkward(4))], "the refused one came, too:\n{run}");
}

#[test]
fn submission_by_starttls_and_by_implicit_tls() {
    let test = "submission_by_starttls_and_by_implicit_tls";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let Some(postfix) = Postfix::before(test, &dovecot) else { return };
    let home = Home::new();
    let mut sent = Vec::new();
    for (number, scheme) in ["submission", "submissions"].into_iter().enumerate() {
        for (more, backend) in ["rustls", "native"].into_iter().enumerate() {
            let message = awkward(10 * number + more);
            let send = args!["send", "--via", postfix.url(scheme, Some("alice")), "--ca-file"];
            home.pillarbox(send)
                .arg(postfix.ca())
                .arg("--tls-backend")
                .arg(backend)
                .arg("alice@example.test")
                .password("secret")
                .stdin(message.clone())
                .run()
                .success();
            sent.push(mail::to_lf(&message));
        }
    }
    let mut stored = wait_for("delivery of four messages", PATIENCE, || {
        let found = dovecot.messages("alice", "INBOX");
        (found.len() >= sent.len()).then_some(found)
    })
    .iter()
    .map(|message| mail::without_trace(message).to_vec())
    .collect::<Vec<_>>();
    stored.sort();
    sent.sort();
    assert_eq!(stored, sent, "{}", postfix.log());
}

#[test]
fn each_recipient_has_an_answer_of_its_own_by_lmtp() {
    let test = "each_recipient_has_an_answer_of_its_own_by_lmtp";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let home = Home::new();
    let sent = awkward(5);
    let run = home
        .pillarbox(args!["send", "--via", format!("lmtp://localhost:{}", dovecot.lmtp), "--json"])
        .arg("--ca-file")
        .arg(dovecot.ca())
        .arg("alice@example.test")
        .arg("nobody@example.test")
        .arg("bob@example.test")
        .stdin(sent.clone())
        .run()
        .expect(79);
    let states: Vec<String> = outcomes(&run).into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(states, ["delivered", "permanent", "delivered"], "{run}");
    // LMTP answers for each: the words behind the dot name the recipient.
    for (line, name) in [(0, "alice"), (2, "bob")] {
        let text = run.json_lines()[line]["text"].as_str().unwrap_or_default().to_owned();
        assert!(text.contains(name), "{run}");
    }
    for (user, _) in USERS {
        let stored = dovecot.messages(user, "INBOX");
        assert_eq!(stored.len(), 1, "{user}");
        assert_eq!(mail::without_trace(&stored[0]), mail::to_lf(&sent), "{user}");
    }
}

#[test]
fn a_sink_that_refuses_and_hangs_up() {
    let test = "a_sink_that_refuses_and_hangs_up";
    let cases: [(&[&str], i32, &str); 11] = [
        (&["-f", "RCPT"], 69, "permanent"),
        (&["-f", "DATA"], 69, "permanent"),
        (&["-f", "."], 69, "permanent"),
        (&["-r", "MAIL"], 75, "temporary"),
        (&["-r", "RCPT"], 75, "temporary"),
        (&["-r", "."], 75, "temporary"),
        (&["-q", "MAIL"], 75, "temporary"),
        (&["-q", "RCPT"], 75, "temporary"),
        (&["-q", "DATA"], 75, "temporary"),
        // The whole message was there: it may have been taken.
        (&["-q", "."], 80, "unknown"),
        (&["-Q", "."], 75, "temporary"),
    ];
    for (options, code, state) in cases {
        let Some(sink) = SmtpSink::start(test, options) else { return };
        let run = Home::new()
            .pillarbox(args!["send", "--via", sink.url(), "--tls", "none", "--json"])
            .arg("bob@example.test")
            .stdin(awkward(6))
            .run()
            .expect(code);
        let states: Vec<String> = outcomes(&run).into_iter().map(|(_, state, _)| state).collect();
        assert_eq!(states, [state], "{options:?}\n{run}");
    }
}

/// Without PIPELINING, 8BITMIME and the like, and by LMTP.
#[test]
fn a_sink_of_few_words() {
    let test = "a_sink_of_few_words";
    let cases: [(&[&str], &str); 4] =
        [(&[], "smtp"), (&["-p"], "smtp"), (&["-e"], "smtp"), (&["-L"], "lmtp")];
    for (options, scheme) in cases {
        let Some(sink) = SmtpSink::start(test, options) else { return };
        let sent = awkward(7);
        Home::new()
            .pillarbox(args!["send", "--via", format!("{scheme}://localhost:{}", sink.port)])
            .arg("--tls")
            .arg("none")
            .arg("bob@example.test")
            .arg("carol@example.test")
            .stdin(sent.clone())
            .run()
            .success();
        let dumps = wait_for("a dump", PATIENCE, || {
            let dumps = sink.dumps();
            let whole = |dump: &Vec<u8>| dump.ends_with(b"last line\n\n");
            (dumps.len() == 1 && dumps.iter().all(whole)).then_some(dumps)
        });
        let dump = String::from_utf8_lossy(&dumps[0]).into_owned();
        assert!(dump.contains("X-Mail-Args: <alice@example.test>"), "{options:?}:\n{dump}");
        for recipient in ["bob", "carol"] {
            let line = format!("X-Rcpt-Args: <{recipient}@example.test>");
            assert!(dump.contains(&line), "{options:?}:\n{dump}");
        }
        let lf = mail::to_lf(&sent);
        let text = String::from_utf8_lossy(&lf);
        if options.contains(&"-e") {
            // RFC 6152 section 3: without 8BITMIME, octets above 127 must not leave.
            assert!(dump.is_ascii(), "{dump}");
            assert!(dump.contains("Content-Transfer-Encoding: quoted-printable"), "{dump}");
            assert!(dump.contains("\nGr=C3=BC=C3=9Fe =E7=81=BF=E5=8F=B0\n"), "{dump}");
        } else {
            assert!(dump.contains(&*text), "{options:?}: not what was sent:\n{dump}");
        }
    }
}

/// Every way to log in, as loud as can be: the password is in nothing that was printed or
/// traced, neither raw nor in base64.
#[test]
fn no_secret_is_printed() {
    let password = "Zq9-open-sesame";
    let server = ServeTest::with(&["--user", &format!("carol:{password}"), "--allow-cleartext"]);
    let mechanisms = [
        "PLAIN",
        "LOGIN",
        "CRAM-MD5",
        "SCRAM-SHA-1",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-256-PLUS",
    ];
    for mechanism in mechanisms {
        for given in [password, "Xw7-wrong-again"] {
            let home = Home::new();
            let url = server.url("submission", Some("carol"));
            let run = home
                .pillarbox(args!["send", "--via", url, "-vvv", "--trace", "trace.json"])
                .arg("--auth")
                .arg(mechanism)
                .arg("--ca-file")
                .arg(server.ca())
                .arg("alice@example.test")
                .password(given)
                .stdin(awkward(8))
                .run()
                .expect(if given == password { 0 } else { 77 });
            assert!(run.errors().contains("C: EHLO"), "no transcript:\n{run}");
            let trace = std::fs::read(home.path().join("trace.json")).expect("a trace");
            assert!(!trace.is_empty(), "an empty trace");
            hides(&run, &trace, "carol", given);
        }
    }
    in_the_clear(&server, password);
}

/// PLAIN without TLS, where it is allowed: still not printed.
fn in_the_clear(server: &ServeTest, password: &str) {
    let home = Home::new();
    let url = server.url("submission", Some("carol"));
    let run = home
        .pillarbox(args!["send", "--via", url, "-vvv", "--tls", "none", "--auth", "PLAIN"])
        .arg("--allow-cleartext-password")
        .arg("alice@example.test")
        .password(password)
        .stdin(awkward(9))
        .run()
        .success();
    hides(&run, b"", "carol", password);
}

/// Nothing printed or traced holds the secret in any form that travels.
#[track_caller]
fn hides(run: &Run, trace: &[u8], user: &str, secret: &str) {
    let plain = format!("\0{user}\0{secret}");
    let with_identity = format!("{user}\0{user}\0{secret}");
    let forms = [
        secret.to_owned(),
        mail::base64(secret.as_bytes()),
        mail::base64(plain.as_bytes()),
        mail::base64(with_identity.as_bytes()),
    ];
    for (place, octets) in
        [("stdout", run.stdout.as_slice()), ("stderr", run.stderr.as_slice()), ("trace", trace)]
    {
        let text = String::from_utf8_lossy(octets);
        for form in &forms {
            assert!(!text.contains(form.as_str()), "{place} holds {form:?}:\n{run}");
        }
    }
}

/// Other programs see the environment and the command line of a process; not the password.
#[test]
fn a_password_command_sees_no_password() {
    let home = Home::new();
    let server = ServeTest::start();
    let seen = home.path().join("seen");
    let command = format!("env >'{}'; echo secret", seen.display());
    send_by(&home, &server)
        .arg("--password-command")
        .arg(&command)
        .password("Zq9-open-sesame")
        .run()
        .success();
    let environment = std::fs::read_to_string(&seen).expect("the command ran");
    assert!(!environment.contains("PILLARBOX_PASSWORD"), "{environment}");
    assert!(!environment.contains("Zq9-open-sesame"), "{environment}");
}

fn send_by(home: &Home, server: &ServeTest) -> Invocation {
    home.pillarbox(args!["send", "--via", server.url("submissions", Some("alice"))])
        .arg("--ca-file")
        .arg(server.ca())
        .arg("bob@example.test")
        .stdin(awkward(11))
}

/// A large message goes through without being held in memory.
#[test]
fn a_large_message_streams() {
    let test = "a_large_message_streams";
    let Some(sink) = SmtpSink::start(test, &[]) else { return };
    if !needs(test, &["sh"]) || find_program("prlimit").is_none() {
        return support::skip(test, "not installed: prlimit");
    }
    let home = Home::new();
    let megabytes = if support::full() { 1024 } else { 200 };
    let script = format!(
        "{{ printf 'From: a@example.test\\nTo: b@example.test\\nSubject: large\\n\\n'; \
         head -c {megabytes}M /dev/zero | tr '\\0' x | fold -w 76; echo; }} | \
         prlimit --data=100000000 \"$PILLARBOX\" send --via {} --tls none",
        sink.url()
    );
    home.command("sh", &["-c", &script])
        .env("PILLARBOX", support::binary::BINARY)
        .within(Duration::from_secs(180))
        .run()
        .success();
}

/// What msmtp sends by its own configuration, `send` sends by the same file.
#[test]
fn the_accounts_of_msmtp_are_used() {
    const TEST: &str = "the_accounts_of_msmtp_are_used";
    if !needs(TEST, &["msmtp"]) {
        return;
    }
    let Some(dovecot) = Dovecot::start(TEST) else { return };
    let Some(postfix) = Postfix::before(TEST, &dovecot) else { return };
    let home = Home::new();
    let rc = home.home().join(".msmtprc");
    let text = format!(
        "defaults\nhost localhost\ntls on\ntls_trust_file {ca}\n\naccount work\n\
         port {submission}\nfrom alice@example.test\nauth on\nuser alice\npassword secret\n\n\
         account wrapped : work\nport {submissions}\ntls_starttls off\n\
         from alice.b@example.test\n\naccount default : work\n",
        ca = postfix.ca().display(),
        submission = postfix.submission,
        submissions = postfix.submissions,
    );
    std::fs::write(&rc, text).expect("a file can be written");
    let mode = |mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&rc, mode).expect("an own file");
    };
    mode(0o600);
    let message = |subject: &str| {
        format!(
            "From: alice@example.test\r\nTo: bob@example.test\r\nSubject: {subject}\r\n\r\nhi\r\n"
        )
    };
    home.command("msmtp", args!["-C", rc.clone(), "bob@example.test"])
        .stdin(message("theirs"))
        .run()
        .success();
    home.pillarbox(&["send"]).stdin(message("ours")).run().success();
    home.pillarbox(&["send", "--via", "wrapped"]).stdin(message("wrapped")).run().success();
    let from_bob = message("by from").replace("From: alice", "From: alice.b");
    home.pillarbox(&["send", "--from", "alice.b@example.test"]).stdin(from_bob).run().success();
    let subjects = wait_for("four messages", PATIENCE, || {
        let found = dovecot.messages("bob", "INBOX");
        (found.len() == 4).then(|| found.concat())
    });
    let subjects = String::from_utf8_lossy(&subjects).into_owned();
    for subject in ["theirs", "ours", "wrapped", "by from"] {
        assert!(subjects.contains(&format!("Subject: {subject}")), "{subject}");
    }
    home.pillarbox(&["send", "--via", "wrok"])
        .stdin(message("x"))
        .run()
        .expect(78)
        .says(&["no account is called wrok"]);
    mode(0o644);
    home.pillarbox(&["send"])
        .stdin(message("x"))
        .run()
        .expect(78)
        .says(&[".msmtprc, line", "only its owner"]);
}
