//! What `send` makes of a message and asks of a server, at servers of other makers: Postfix,
//! Exim, Dovecot, smtp-sink. What no packaged server has is spoken by scripts from the RFCs' own
//! examples. The `sendmail` persona is called by its real callers.

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use support::mail::{SMUGGLED, message, smuggling};
use support::{
    Dovecot, Exim, Home, Invocation, PATIENCE, Postfix, Scripted, ServeTest, SmtpSink, Step, args,
    closed_port, mail, needs, wait_for,
};

fn send(home: &Home, postfix: &Postfix) -> Invocation {
    home.pillarbox(args!["send", "--via", postfix.url("smtp", None), "--ca-file", postfix.ca()])
}

fn send_plain(home: &Home, url: &str) -> Invocation {
    home.pillarbox(args!["send", "--via", url, "--tls", "none"])
}

/// Postfix as it is here takes a bare LF for a line end: it is the peer that proves it.
#[test]
fn nothing_ends_a_message_but_its_end() {
    let test = "nothing_ends_a_message_but_its_end";
    let Some(postfix) = Postfix::start(test) else { return };
    let Some(dovecot) = Dovecot::start(test) else { return };
    let exim = Exim::start(test);
    let home = Home::new();
    let mut meant: Vec<Vec<u8>> = Vec::new();
    for number in 0..SMUGGLED.len() {
        let (sent, lines) = smuggling(number);
        send(&home, &postfix).arg("bob@example.test").stdin(sent.clone()).run().success();
        home.pillarbox(args!["send", "--via", format!("lmtp://localhost:{}", dovecot.lmtp)])
            .arg("--ca-file")
            .arg(dovecot.ca())
            .arg("bob@example.test")
            .stdin(sent.clone())
            .run()
            .success();
        if let Some(exim) = &exim {
            send_plain(&home, &exim.url()).arg("bob@example.test").stdin(sent).run().success();
        }
        meant.push(lines);
    }
    meant.sort();
    let count = meant.len();
    let sorted = |mut all: Vec<Vec<u8>>| {
        all.sort();
        all
    };
    assert_eq!(sorted(postfix.messages("bob", count)), meant, "Postfix");
    let stored = dovecot.messages("bob", "INBOX");
    let stored = stored.iter().map(|it| mail::without_trace(it).to_vec()).collect();
    assert_eq!(sorted(stored), meant, "Dovecot");
    if let Some(exim) = &exim {
        assert_eq!(sorted(exim.messages("bob", count)), meant, "Exim");
    }
    assert!(!postfix.log().contains("evil@example.test"), "{}", postfix.log());
}

#[test]
fn reports_come_by_dsn_at_postfix() {
    let Some(postfix) = Postfix::start("reports_come_by_dsn_at_postfix") else { return };
    let home = Home::new();
    send(&home, &postfix)
        .arg("--notify=success,failure")
        .arg("--return=headers")
        .arg("--envid=run+17 = x")
        .arg("--orcpt=boss@elsewhere.test")
        .arg("bob@example.test")
        .stdin(message(1, "hello\r\n"))
        .run()
        .success();
    let report = postfix.messages("alice", 1).remove(0);
    let text = String::from_utf8_lossy(&report);
    assert!(text.contains("Original-Envelope-Id: run+17 = x"), "{text}");
    assert!(text.contains("Original-Recipient: rfc822;boss@elsewhere.test"), "{text}");
    assert!(text.contains("Action: delivered") || text.contains("Action: relayed"), "{text}");
    assert!(text.contains("text/rfc822-headers") && !text.contains("\nhello"), "{text}");
}

#[test]
fn utf8_and_a_domain_of_labels_at_postfix() {
    let Some(postfix) = Postfix::start("utf8_and_a_domain_of_labels_at_postfix") else { return };
    let home = Home::new();
    let sent = String::from_utf8(message(1, "Gr\u{fc}\u{df}e\r\n")).expect("text");
    let sent = sent.replace("Subject: number 1", "Subject: Gr\u{fc}\u{df}e");
    let run = send(&home, &postfix)
        .arg("-v")
        .arg("j\u{fc}rgen@example.test")
        .stdin(sent.clone())
        .run()
        .success();
    let errors = run.errors();
    assert!(errors.contains("SMTPUTF8") && errors.contains("BODY=8BITMIME"), "{run}");
    assert!(errors.contains("BDAT"), "CHUNKING is offered, and not used:\n{run}");
    assert_eq!(postfix.messages("juergen", 1), [mail::to_lf(sent.as_bytes())]);
    // An IDN domain alone needs no SMTPUTF8: it is refused as one that this server has not.
    let run = send(&home, &postfix)
        .arg("-v")
        .arg("ann@b\u{fc}cher.test")
        .stdin(message(2, "plain\r\n"))
        .run()
        .expect(69);
    let errors = run.errors();
    assert!(errors.contains("RCPT TO:<ann@xn--bcher-kva.test>"), "{run}");
    assert!(!errors.lines().any(|line| line.contains("MAIL FROM") && line.contains("SMTPUTF8")));
    // Nor has it REQUIRETLS, for which RFC 8689 section 4.2.1 has a code of its own.
    let run = send(&home, &postfix)
        .args(["--json", "-v", "--require-tls", "alice@example.test"])
        .stdin(message(3, "x\r\n"))
        .run()
        .expect(69)
        .says(&["does not offer REQUIRETLS"]);
    let told = run.json_lines().remove(0);
    assert_eq!(
        (&told["state"], &told["enhanced"]),
        (&"permanent".into(), &"5.7.30".into()),
        "{run}"
    );
    assert!(!run.errors().contains("MAIL FROM"), "{run}");
}

#[test]
fn a_reply_for_each_recipient_by_prdr_at_exim() {
    let test = "a_reply_for_each_recipient_by_prdr_at_exim";
    // By BDAT, and where that is not offered behind the dot of DATA.
    let (Some(chunks), Some(dots)) = (Exim::start(test), Exim::without_chunking(test)) else {
        return;
    };
    by_prdr(&chunks, "BDAT");
    by_prdr(&dots, "DATA");
}

fn by_prdr(exim: &Exim, command: &str) {
    let home = Home::new();
    // Small enough for one BDAT ahead of all answers, and too large for that.
    for (number, body) in ["small\r\n".to_owned(), "large\r\n".repeat(40_000)].iter().enumerate() {
        let run = send_plain(&home, &exim.url())
            .args(["--prdr", "--json", "-v"])
            .args(["alice@example.test", "picky@example.test", "gone@example.test"])
            .stdin(message(number, body))
            .run()
            .expect(79);
        let told: Vec<(String, String)> = run
            .json_lines()
            .iter()
            .map(|line| {
                let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
                (text("state"), text("stage"))
            })
            .collect();
        let wanted = [("delivered", "body"), ("permanent", "body"), ("permanent", "rcpt")]
            .map(|(state, stage)| (state.to_owned(), stage.to_owned()));
        assert_eq!(told, wanted, "{run}\n{}", exim.log());
        let by_bdat = run.errors().contains("C: BDAT");
        assert_eq!(
            (by_bdat, run.errors().contains("C: DATA")),
            (command == "BDAT", !by_bdat),
            "{run}"
        );
        let lf = mail::to_lf(&message(number, body));
        assert!(exim.messages("alice", number + 1).contains(&lf), "not what was sent");
    }
    assert!(exim.messages("alice", 2).len() == 2);
}

/// What is asked for and not offered is refused before the server hears of a message.
#[test]
fn what_the_server_lacks_is_refused_first() {
    let bare = Scripted::serve(vec![
        Step::line("220 mx.example.test"),
        Step::Expect("EHLO"),
        Step::line("250 mx.example.test"),
        Step::ReadTo("QUIT"),
        Step::line("221 bye"),
    ]);
    let home = Home::new();
    for (options, name) in [
        (&["--notify", "success"][..], "DSN"),
        (&["--return", "full"], "DSN"),
        (&["--envid", "x"], "DSN"),
        (&["--orcpt", "a@example.test"], "DSN"),
        (&["--hold-for", "60"], "FUTURERELEASE"),
        (&["--hold-until", "2030-01-01T00:00:00Z"], "FUTURERELEASE"),
        (&["--priority", "-3"], "MT-PRIORITY"),
        (&["--deliver-by", "3600;R"], "DELIVERBY"),
        (&["--prdr"], "PRDR"),
        (&["--xclient", "NAME=x.example"], "XCLIENT"),
    ] {
        send_plain(&home, &bare.url("smtp"))
            .args(options)
            .arg("bob@example.test")
            .stdin(message(1, "x\r\n"))
            .run()
            .expect(69)
            .says(&[name]);
    }
    send_plain(&home, &bare.url("smtp"))
        .args(["--require-tls", "bob@example.test"])
        .stdin(message(1, "x\r\n"))
        .run()
        .expect(84);
    send_plain(&home, &bare.url("smtp"))
        .arg("j\u{fc}rgen@example.test")
        .stdin(message(1, "x\r\n"))
        .run()
        .expect(69)
        .says(&["SMTPUTF8"]);
    assert!(!bare.heard(b"MAIL"), "{:?}", bare.lines());
    assert!(!bare.heard(b"XCLIENT"), "{:?}", bare.lines());
    // A name that EHLO cannot have is refused before anybody is connected to.
    let nobody = format!("smtp://localhost:{}", closed_port());
    for name in ["", "two words", "a\r\nRSET", "m\u{fc}ller.test", &"x".repeat(256)] {
        send_plain(&home, &nobody)
            .args(["--ehlo", name, "bob@example.test"])
            .stdin(message(1, "x\r\n"))
            .run()
            .expect(64)
            .says(&["--ehlo"]);
    }
}

/// Transcripts after the examples of RFC 4865, 6710 and 2852: no packaged server
/// has these extensions.
#[test]
fn extensions_by_the_examples_of_their_rfcs() {
    let home = Home::new();
    let script = |offers: &[&str], mail: &'static str, tail: Vec<Step>| {
        let mut steps = vec![Step::line("220 mx.example.test"), Step::Expect("EHLO")];
        steps.push(Step::line("250-mx.example.test"));
        steps.extend(offers.iter().map(|offer| Step::line(&format!("250-{offer}"))));
        steps.push(Step::line("250 HELP"));
        steps.push(Step::Expect(mail));
        steps.push(Step::line("250 ok"));
        steps.push(Step::Expect("RCPT TO:<bob@example.test>"));
        steps.push(Step::line("250 ok"));
        steps.extend(tail);
        Scripted::serve(steps)
    };
    let data = || {
        vec![
            Step::Expect("DATA"),
            Step::line("354 go"),
            Step::ReadTo("."),
            Step::line("250 ok"),
            Step::Expect("QUIT"),
            Step::line("221 bye"),
        ]
    };
    for (offer, options, mail) in [
        // RFC 4865 section 10.
        (
            "FUTURERELEASE 2592000 2035-10-20T14:00:00Z",
            &["--hold-for", "86400"][..],
            "MAIL FROM:<alice@example.test> HOLDFOR=86400",
        ),
        (
            "FUTURERELEASE 2592000 2035-10-20T14:00:00Z",
            &["--hold-until", "2035-10-19T14:00:00Z"],
            "MAIL FROM:<alice@example.test> HOLDUNTIL=2035-10-19T14:00:00Z",
        ),
        // RFC 6710 section 10.
        (
            "MT-PRIORITY STANAG4406",
            &["--priority", "3"],
            "MAIL FROM:<alice@example.test> MT-PRIORITY=3",
        ),
        // RFC 2852 section 6.
        ("DELIVERBY 240", &["--deliver-by", "120;N"], "MAIL FROM:<alice@example.test> BY=120;N"),
    ] {
        let server = script(&[offer], mail, data());
        send_plain(&home, &server.url("smtp"))
            .args(options)
            .arg("bob@example.test")
            .stdin(message(1, "x\r\n"))
            .run()
            .success();
        server.finish();
    }
}

/// REQUIRETLS is offered under TLS only; our own server has it.
#[test]
fn requiretls_is_asked_for_under_tls() {
    let server = ServeTest::start();
    let home = Home::new();
    let run = home
        .pillarbox(args!["send", "--via", server.url("submissions", Some("alice")), "--ca-file"])
        .arg(server.ca())
        .args(["--require-tls", "-v", "bob@example.test"])
        .password("secret")
        .stdin(message(1, "x\r\n"))
        .run()
        .success();
    let is_asked = |line: &str| line.contains("MAIL FROM") && line.contains(" REQUIRETLS");
    assert!(run.errors().lines().any(is_asked), "{run}");
}

/// RFC 9422: the recipients go in as many transactions as the server wants.
#[test]
fn recipients_are_divided_by_the_servers_limits() {
    let home = Home::new();
    let transaction = |recipients: &[&'static str]| {
        let mut steps = vec![Step::Expect("MAIL"), Step::line("250 ok")];
        for recipient in recipients {
            steps.push(Step::Expect(recipient));
            steps.push(Step::line("250 ok"));
        }
        steps.extend([
            Step::Expect("DATA"),
            Step::line("354 go"),
            Step::ReadTo("."),
            Step::line("250 ok"),
        ]);
        steps
    };
    let mut steps = vec![
        Step::line("220 mx"),
        Step::Expect("EHLO"),
        Step::line("250-mx"),
        Step::line("250 LIMITS RCPTMAX=2"),
    ];
    steps.extend(transaction(&["RCPT TO:<a@x.test>", "RCPT TO:<b@x.test>"]));
    steps.extend(transaction(&["RCPT TO:<c@x.test>"]));
    steps.extend([Step::Expect("QUIT"), Step::line("221 bye")]);
    let server = Scripted::serve(steps);
    let run = send_plain(&home, &server.url("smtp"))
        .args(["--json", "a@x.test", "b@x.test", "c@x.test"])
        .stdin(message(1, "x\r\n"))
        .run()
        .success();
    assert_eq!(run.json_lines().len(), 3, "{run}");
    server.finish();

    // 452 4.5.3 says the same after the fact (RFC 5321 section 4.5.3.1.10).
    let mut steps = vec![
        Step::line("220 mx"),
        Step::Expect("EHLO"),
        Step::line("250 mx"),
        Step::Expect("MAIL"),
        Step::line("250 ok"),
        Step::Expect("RCPT TO:<a@x.test>"),
        Step::line("250 ok"),
        Step::Expect("RCPT TO:<b@x.test>"),
        Step::line("452 4.5.3 too many recipients"),
        Step::Expect("DATA"),
        Step::line("354 go"),
        Step::ReadTo("."),
        Step::line("250 ok"),
    ];
    steps.extend([Step::Expect("QUIT"), Step::line("221 bye")]);
    let full = Scripted::serve(steps);
    // Every connection has the same dialogue here: the second recipient, alone then, stands
    // where the script has the first, so that its own session breaks off.
    let run = send_plain(&home, &full.url("smtp"))
        .args(["--json", "a@x.test", "b@x.test"])
        .stdin(message(1, "x\r\n"))
        .run();
    let lines = run.json_lines();
    assert_eq!(lines[0]["state"], "delivered", "{run}");
    assert!(full.lines().iter().filter(|line| line.starts_with("MAIL")).count() >= 2, "{run}");
}

/// At a server with a limit of its own: Exim, as it is set up here, takes twenty at once.
#[test]
fn too_many_recipients_at_exim_get_it_all_the_same() {
    let test = "too_many_recipients_at_exim_get_it_all_the_same";
    let Some(exim) = Exim::start(test) else { return };
    let home = Home::new();
    let recipients: Vec<String> = (0..45).map(|n| format!("r{n}@example.test")).collect();
    let run = send_plain(&home, &exim.url())
        .arg("--json")
        .args(&recipients)
        .stdin(message(1, "x\r\n"))
        .run()
        .success();
    let told: Vec<String> = run
        .json_lines()
        .iter()
        .map(|line| line["recipient"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(told, recipients, "{run}");
    for last in ["r0", "r19", "r20", "r44"] {
        assert_eq!(exim.messages(last, 1).len(), 1, "{last}:\n{}", exim.log());
    }
}

/// One transaction takes two round trips behind the login: the envelope with DATA, then the
/// message with QUIT.
#[test]
fn a_transaction_takes_two_round_trips() {
    let test = "a_transaction_takes_two_round_trips";
    let Some(sink) = SmtpSink::start(test, &[]) else { return };
    let home = Home::new();
    let turns = Turns::before(sink.port);
    send_plain(&home, &format!("smtp://localhost:{}", turns.port))
        .args(["a@example.test", "b@example.test", "c@example.test"])
        .stdin(message(1, &"a line of text\r\n".repeat(20_000)))
        .run()
        .success();
    let said = turns.end();
    // EHLO is the first; what follows it is the transaction.
    let after: Vec<&String> = said.iter().skip(1).collect();
    assert_eq!(after.len(), 2, "{said:#?}");
    assert!(after[0].starts_with("MAIL") && after[0].contains("DATA"), "{said:#?}");
    assert!(after[1].starts_with("From:") && after[1].ends_with(".\r\nQUIT\r\n"), "{said:#?}");
}

/// A proxy that notes what the client says before it waits for an answer.
struct Turns {
    port: u16,
    said: Arc<Mutex<Vec<String>>>,
    thread: std::thread::JoinHandle<()>,
}

impl Turns {
    fn before(server: u16) -> Turns {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("bound").port();
        let said = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&said);
        let thread = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().expect("a client");
            let mut far = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).expect("the server");
            let answers = Arc::new(Mutex::new(true));
            let (mut down, mut up) =
                (far.try_clone().expect("a clone"), client.try_clone().expect("a clone"));
            let answered = Arc::clone(&answers);
            let back = std::thread::spawn(move || {
                let mut block = [0; 65_536];
                while let Ok(count) = down.read(&mut block) {
                    if count == 0 {
                        break;
                    }
                    *answered.lock().expect("no panic") = true;
                    if up.write_all(&block[..count]).is_err() {
                        break;
                    }
                }
                let _ = up.shutdown(Shutdown::Write);
            });
            let mut block = [0; 65_536];
            while let Ok(count) = client.read(&mut block) {
                if count == 0 {
                    break;
                }
                let text = String::from_utf8_lossy(&block[..count]).into_owned();
                let mut said = shared.lock().expect("no panic");
                if std::mem::take(&mut *answers.lock().expect("no panic")) || said.is_empty() {
                    said.push(String::new());
                }
                if let Some(turn) = said.last_mut() {
                    turn.push_str(&text);
                }
                drop(said);
                if far.write_all(&block[..count]).is_err() {
                    break;
                }
            }
            let _ = far.shutdown(Shutdown::Write);
            let _ = back.join();
        });
        Turns { port, said, thread }
    }

    fn end(self) -> Vec<String> {
        self.thread.join().expect("the proxy ends with its client");
        self.said.lock().expect("no panic").clone()
    }
}

#[test]
fn changes_are_told_or_refused() {
    let home = Home::new();
    let bare = "From: alice@example.test\nTo: bob@example.test\nBcc : blind@example.test,\n carol@example.test\nSubject: x\n\nhi\r.\r\n";
    let show = |options: &[&str], input: &str| {
        home.pillarbox(args!["send", "--via", "smtp://localhost:1", "--dry-run"])
            .args(options)
            .stdin(input)
            .run()
    };
    let run = show(&["--explain"], bare).success();
    run.clone().says(&["added Date", "added Message-ID", "removed Bcc", "line ends CRLF"]);
    let text = run.text();
    assert!(
        text.contains("RCPT TO:<blind@example.test>\n") && text.contains("RCPT TO:<carol@"),
        "{text}"
    );
    assert!(!text.contains("Bcc") && text.ends_with("\r\n\r\nhi\r\n.\r\n"), "{text:?}");
    show(&["--strict"], bare).expect(65).says(&["Bcc"]);
    let whole = String::from_utf8(message(1, "as it is\r\n")).expect("text");
    show(&["--strict"], &whole).success();
    // As it is, or not at all.
    show(&["--raw"], bare).expect(65).says(&["bare LF at octet 24"]);
    let raw = whole.replace("Subject", "Bcc: blind@example.test\r\nSubject");
    let run = show(&["--raw"], &raw).success();
    assert!(run.text().ends_with(&raw), "{run}");
    let run = show(&["--raw", "--raw-unsafe"], bare).success();
    assert!(run.text().ends_with(bare), "{run}");
    // A signed message is never made over.
    let long = format!("DKIM-Signature: v=1\r\n{}", whole.replace("as it is", &"x".repeat(2000)));
    show(&[], &long).expect(65).says(&["signed", "998"]);
    let run = show(&["--explain"], &whole.replace("as it is", &"x".repeat(2000))).success();
    run.clone().says(&["998 octets"]);
    assert!(run.text().lines().all(|line| line.len() < 998), "{run}");
}

#[test]
fn answers_copies_and_merges() {
    let test = "answers_copies_and_merges";
    let Some(postfix) = Postfix::start(test) else { return };
    let Some(dovecot) = Dovecot::start(test) else { return };
    let home = Home::new();
    let original = home.write("original.eml", message(7, "the question\r\n"));
    let reference = format!("eml:{}", original.display());
    home.configure(&format!(
        "[account.work]\nemail = \"bob@example.test\"\nimap = \"imaps://bob@localhost:{}\"\n\
         smtp = \"smtp://localhost:{}\"\nca-file = {:?}\npassword-command = \"echo secret\"\n",
        dovecot.imaps,
        postfix.smtp,
        dovecot.ca().display().to_string()
    ));
    // An answer, and its copy with the Bcc that nobody else saw.
    send(&home, &postfix)
        .args(["--from", "Bob <bob@example.test>", "--reply", &reference, "--body", "the answer"])
        .args(["--bcc", "bob@example.test", "--sent", "work:"])
        .run()
        .success();
    let answer = String::from_utf8(postfix.messages("alice", 1).remove(0)).expect("text");
    assert!(answer.contains("\nIn-Reply-To: <m.7@example.test>\n"), "{answer}");
    assert!(answer.contains("\nReferences: <m.7@example.test>\n"), "{answer}");
    assert!(
        answer.contains("Subject: Re: number 7") && answer.contains("\n> the question\n"),
        "{answer}"
    );
    assert!(!answer.contains("Bcc"), "{answer}");
    let copies = wait_for("the copy", PATIENCE, || {
        Some(dovecot.messages("bob", "INBOX")).filter(|all| !all.is_empty())
    });
    let copy = String::from_utf8_lossy(&copies[0]).replace("\r\n", "\n");
    assert!(copy.contains("\nBcc: "), "{copy}");
    let without =
        copy.replace("Bcc: <bob@example.test>\n", "").replace("Bcc: bob@example.test\n", "");
    assert_eq!(without, answer, "the copy is not what was sent");

    // Where there is no place for a copy, nothing is sent.
    send(&home, &postfix)
        .args(["--from", "bob@example.test", "--to", "alice@example.test", "--subject", "once"])
        .args(["--body", "x", "--sent", "work:No/Such"])
        .run()
        .expect(66)
        .says(&["No/Such"]);

    // Sent on: the old header stays below.
    send(&home, &postfix)
        .args(["--resend", "--from", "carol@example.test", "alice@example.test"])
        .stdin(message(8, "old\r\n"))
        .run()
        .success();
    let all = postfix.messages("alice", 2);
    let resent =
        all.iter().map(|it| String::from_utf8_lossy(it)).find(|it| it.contains("number 8"));
    let resent = resent.expect("it came").into_owned();
    assert!(
        resent.starts_with("Resent-Date: ") && resent.contains("\nFrom: Alice <alice@"),
        "{resent}"
    );

    // A table of people.
    home.write(
        "people.csv",
        "name,email\n\"Bob, the first\",bob@example.test\nAlice,alice@example.test\n",
    );
    home.write(
        "t.eml",
        "From: carol@example.test\nTo: {{name}} <{{email}}>\nSubject: for {{name}}\n\nDear {{name}}!\n",
    );
    let run = home
        .pillarbox(args!["send", "--via", postfix.url("smtp", None), "--ca-file", postfix.ca()])
        .args(["--merge", "people.csv", "--template", "t.eml", "--json"])
        .run()
        .success();
    assert_eq!(run.json_lines().len(), 2, "{run}");
    let all = postfix.messages("bob", 2);
    let text = all.iter().map(|it| String::from_utf8_lossy(it)).find(|it| it.contains("Dear"));
    let text = text.expect("it came").into_owned();
    assert!(text.contains("To: \"Bob, the first\" <bob@example.test>\n"), "{text}");
    assert!(text.ends_with("\n\nDear Bob, the first!\n"), "{text}");
    home.write("short.csv", "name\nBob\n");
    home.pillarbox(args!["send", "--via", postfix.url("smtp", None), "--ca-file", postfix.ca()])
        .args(["--merge", "short.csv", "--template", "t.eml"])
        .run()
        .expect(65)
        .says(&["short.csv, line 2", "email"]);
}

#[test]
fn by_a_pipe_and_by_a_unix_socket() {
    let test = "by_a_pipe_and_by_a_unix_socket";
    let home = Home::new();
    let sent = message(1, "text\r\n.\r\n");
    home.pillarbox(args![
        "send",
        "--pipe",
        "echo \"$SENDER $*\" >who; cat >what",
        "a@x.test",
        "b@x.test"
    ])
    .stdin(sent.clone())
    .run()
    .success();
    let read = |name: &str| std::fs::read(home.path().join(name)).expect("the command wrote it");
    assert_eq!(read("who"), b"alice@example.test a@x.test b@x.test\n");
    assert_eq!(read("what"), mail::to_lf(&sent));
    for (command, code) in [("exit 75", 75), ("exit 67", 67), ("exit 1", 69), ("kill -9 $$", 80)] {
        home.pillarbox(args!["send", "--pipe", command, "a@x.test"])
            .stdin(sent.clone())
            .run()
            .expect(code);
    }
    let Some(dovecot) = Dovecot::start(test) else { return };
    let socket = dovecot.lmtp_socket();
    home.pillarbox(args![
        "send",
        "--via",
        format!("lmtp://{}", socket.display()),
        "bob@example.test"
    ])
    .stdin(sent.clone())
    .run()
    .success();
    let stored = dovecot.messages("bob", "INBOX");
    assert_eq!(mail::without_trace(&stored[0]), mail::to_lf(&sent));
}

#[test]
fn a_dialogue_is_taken_to_a_stage() {
    let Some(postfix) = Postfix::start("a_dialogue_is_taken_to_a_stage") else { return };
    let home = Home::new();
    let run = send(&home, &postfix)
        .args(["--quit-after", "rcpt", "-f", "alice@example.test", "--json"])
        .args(["bob@example.test", "gone@example.test"])
        .run()
        .expect(69);
    let lines = run.json_lines();
    let told: Vec<(&str, u64)> = lines
        .iter()
        .filter(|line| line["stage"] == "rcpt")
        .map(|line| {
            (line["recipient"].as_str().unwrap_or_default(), line["code"].as_u64().unwrap_or(0))
        })
        .collect();
    assert_eq!(told, [("bob@example.test", 250), ("gone@example.test", 550)], "{run}");
    assert!(lines.iter().any(|line| line["stage"] == "starttls"), "{run}");
    let run = send(&home, &postfix).args(["--quit-after", "greeting"]).run().success();
    assert_eq!(run.lines().len(), 1, "{run}");
    assert!(run.text().starts_with("greeting\t\t220\t"), "{run}");
    assert!(postfix.log().contains("disconnect"), "{}", postfix.log());
}

/// HAProxy's own examples of the header, in front of everything.
#[test]
fn a_proxy_header_comes_first() {
    let home = Home::new();
    let tail = || {
        vec![
            Step::line("220 mx"),
            Step::Expect("EHLO"),
            Step::line("250 mx"),
            Step::Expect("QUIT"),
            Step::line("221 bye"),
        ]
    };
    let mut steps = vec![Step::Expect("PROXY TCP4 192.0.2.7 127.0.0.1 4711 ")];
    steps.extend(tail());
    let server = Scripted::serve(steps);
    let url = server.url("smtp").replace("localhost", "127.0.0.1");
    send_plain(&home, &url)
        .args([
            "--proxy-protocol",
            "v1",
            "--proxy-client",
            "192.0.2.7:4711",
            "--quit-after",
            "ehlo",
        ])
        .run()
        .success();
    server.finish();
    let mut steps = vec![Step::ReadOctets(28)];
    steps.extend(tail());
    let server = Scripted::serve(steps);
    let url = server.url("smtp").replace("localhost", "127.0.0.1");
    send_plain(&home, &url)
        .args([
            "--proxy-protocol",
            "v2",
            "--proxy-client",
            "192.0.2.7:4711",
            "--quit-after",
            "ehlo",
        ])
        .run()
        .success();
    assert!(
        server.heard(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07"),
        "{:?}",
        server.lines()
    );
    server.finish();
}

/// A folder with `sendmail` in it, and a configuration by which it sends.
fn sendmail(home: &Home, postfix: &Postfix) -> PathBuf {
    let path = home.path().join("sendmail");
    std::os::unix::fs::symlink(support::binary::BINARY, &path).expect("a link can be made");
    home.configure(&format!(
        "default-account = \"work\"\nqualify-domain = \"example.test\"\n[account.work]\n\
         smtp = \"smtp://localhost:{}\"\nca-file = {:?}\n",
        postfix.smtp,
        postfix.ca().display().to_string()
    ));
    path
}

#[test]
fn sendmail_does_what_its_callers_mean() {
    let Some(postfix) = Postfix::start("sendmail_does_what_its_callers_mean") else { return };
    let home = Home::new();
    let program = sendmail(&home, &postfix);
    let sendmail = |arguments: &[&str]| {
        home.command(program.to_str().expect("UTF-8"), arguments).env("LOGNAME", "alice")
    };
    // cron's form: a header of its own, one recipient, no -t.
    let cron =
        "From: root (Cron Daemon)\nTo: bob\nSubject: Cron <root@host> true\n\nout\n.\nmore\n";
    sendmail(&["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "bob"]).stdin(cron).run().success();
    let stored = String::from_utf8(postfix.messages("bob", 1).remove(0)).expect("text");
    assert!(stored.ends_with("\n\nout\n.\nmore\n"), "{stored}");
    // -t: the header names them, Resent fields before all others; Bcc goes.
    let both = "Resent-To: bob@example.test\nFrom: alice@example.test\nTo: gone@example.test\nBcc: later@example.test\n\nresent\n";
    sendmail(&["-t", "-oi"]).stdin(both).run().success();
    // A text without a header is a message, and a dot ends it.
    let run = sendmail(&["-F", "A. Name", "bob@example.test"])
        .stdin("just text\n.\nnot this\n")
        .run()
        .success();
    assert!(run.stdout.is_empty() && run.stderr.is_empty(), "{run}");
    let all = postfix.messages("bob", 3);
    let plain =
        all.iter().map(|it| String::from_utf8_lossy(it)).find(|it| it.contains("just text"));
    let plain = plain.expect("it came").into_owned();
    assert!(plain.contains("From: \"A. Name\" <alice@example.test>\n"), "{plain}");
    assert!(plain.ends_with("\n\njust text\n"), "{plain}");
    // Exit codes that its callers know.
    sendmail(&["-i"]).run().expect(64);
    sendmail(&["-bd"]).run().expect(64);
    sendmail(&["gone@example.test"]).stdin("\nx\n").run().expect(67);
    sendmail(&["later@example.test"]).stdin("\nx\n").run().expect(75);
    sendmail(&["bob@example.test", "gone@example.test"])
        .stdin("\nx\n")
        .run()
        .expect(69)
        .says(&["gone@example.test"]);
    sendmail(&["-bp"]).run().success();
    sendmail(&["-q"]).run().success();
    // -bs: SMTP on stdin and stdout.
    let dialogue = "EHLO me\r\nMAIL FROM:<alice@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n\
        From: alice@example.test\r\nSubject: by stdio\r\n\r\n..dot\r\n.\r\n\
        MAIL FROM:<>\r\nRCPT TO:<gone@example.test>\r\nDATA\r\nFrom: a@example.test\r\n\r\nx\r\n.\r\nQUIT\r\n";
    let run = sendmail(&["-bs"]).stdin(dialogue).run().success();
    let codes: Vec<&str> = run
        .lines()
        .iter()
        .filter(|line| line.as_bytes()[3] == b' ')
        .map(|line| &line[..3])
        .collect();
    assert_eq!(
        codes,
        ["220", "250", "250", "250", "354", "250", "250", "250", "354", "554", "221"],
        "{run}"
    );
    let all = postfix.messages("bob", 5);
    assert!(all.iter().any(|it| it.ends_with(b"\n\n.dot\n")), "{run}");
}

/// `-N`, `-R` and `-V`: what callers ask of DSN is asked of Postfix, and it reports by it.
#[test]
fn sendmail_asks_for_reports_at_postfix() {
    let Some(postfix) = Postfix::start("sendmail_asks_for_reports_at_postfix") else { return };
    let home = Home::new();
    let program = sendmail(&home, &postfix);
    let sendmail = |arguments: &[&str]| {
        home.command(program.to_str().expect("UTF-8"), arguments)
            .arg("bob@example.test")
            .stdin("From: alice@example.test\nSubject: a report\n\nthe text itself\n")
            .run()
            .success()
    };
    // Nobody is told of this one.
    let run = sendmail(&["-v", "-f", "alice@example.test", "-N", "never", "-V", "first"]);
    run.says(&["notify=never", "envid=first"]);
    sendmail(&["-f", "alice@example.test", "-Nsuccess,failure", "-R", "hdrs", "-V", "run 17"]);
    let report = String::from_utf8_lossy(&postfix.messages("alice", 1).remove(0)).into_owned();
    assert!(report.contains("Original-Envelope-Id: run 17"), "{report}");
    assert!(report.contains("Action: delivered") || report.contains("Action: relayed"), "{report}");
    assert!(report.contains("text/rfc822-headers"), "{report}");
    assert!(
        report.contains("Subject: a report") && !report.contains("the text itself"),
        "{report}"
    );
    // Postfix returns a header with any success; that the whole was asked for is seen on the way.
    sendmail(&["-v", "-N", "success", "-R", "full", "-Vthird"])
        .says(&["ret=full", "notify=success"]);
    // A report of the first would have come by now: it was queued before the others.
    let reports = postfix.messages("alice", 2);
    assert!(reports.iter().all(|it| !String::from_utf8_lossy(it).contains("first")));
    // What has no place there is told before anything leaves.
    let wrong = |arguments: &[&str]| {
        home.command(program.to_str().expect("UTF-8"), arguments)
            .args(["bob@example.test"])
            .stdin("\nx\n")
            .run()
            .expect(64)
    };
    wrong(&["-N", "never,success"]);
    wrong(&["-R", "some"]);
}

#[test]
fn s_nail_calls_sendmail() {
    let test = "s_nail_calls_sendmail";
    if !needs(test, &["s-nail"]) {
        return;
    }
    let Some(postfix) = Postfix::start(test) else { return };
    let home = Home::new();
    let program = sendmail(&home, &postfix);
    let path = program.to_str().expect("UTF-8");
    let came = |count: usize, words: &str| {
        let all = postfix.messages("bob", count);
        let found = all
            .iter()
            .map(|it| String::from_utf8_lossy(it).into_owned())
            .find(|it| it.contains(words));
        found.unwrap_or_else(|| panic!("{words:?} did not come:\n{}", postfix.log()))
    };
    home.command(
        "s-nail",
        &[
            "-:/",
            "-S",
            &format!("mta={path}"),
            "-S",
            "sendwait",
            "-r",
            "alice@example.test",
            "-s",
            "by s-nail",
            "bob@example.test",
        ],
    )
    .stdin("text of s-nail\n")
    .run()
    .success();
    assert!(came(1, "text of s-nail").contains("Subject: by s-nail\n"));
}

/// The client that a PROXY header names is the one that Postfix speaks to.
#[test]
fn a_proxy_header_is_believed_by_postfix() {
    let Some(postfix) = Postfix::start("a_proxy_header_is_believed_by_postfix") else { return };
    let home = Home::new();
    for (number, (version, client)) in
        [("v1", "192.0.2.7"), ("v2", "192.0.2.8")].into_iter().enumerate()
    {
        let body = format!("by {version}\r\n");
        send_plain(&home, &format!("smtp://127.0.0.1:{}", postfix.proxied))
            .args(["--proxy-protocol", version, "--proxy-client", &format!("{client}:4711")])
            .arg("bob@example.test")
            .stdin(message(number, &body))
            .run()
            .success();
        let line = format!("client=unknown[{client}]");
        wait_for("a line of Postfix's log", PATIENCE, || {
            postfix.log().contains(&line).then_some(())
        });
        let stored = postfix.messages("bob", number + 1);
        assert!(stored.contains(&mail::to_lf(&message(number, &body))), "{}", postfix.log());
    }
}

#[test]
fn speaking_for_another_at_postfix() {
    let Some(postfix) = Postfix::start("speaking_for_another_at_postfix") else { return };
    let home = Home::new();
    send(&home, &postfix)
        .args(["--xclient", "NAME=client.example", "--xclient", "ADDR=192.0.2.9"])
        .args(["--quit-after", "mail", "-f", "alice@example.test"])
        .run()
        .success();
    wait_for("a line of Postfix's log", PATIENCE, || {
        postfix.log().contains("client.example[192.0.2.9]").then_some(())
    });
}
