//! `send` among the mailers of others: servers that no other test has (OpenSMTPD, Dovecot's
//! submission), programs that send the same message beside it (swaks, curl), and programs that
//! call it as `sendmail`.

mod support;

use support::dovecot::Options;
use support::mail::{SMUGGLED, message, smuggling};
use support::{
    Dovecot, Home, OpenSmtpd, PATIENCE, Postfix, Scripted, ServeTest, SmtpSink, Step, binary,
    free_ports, mail, needs, wait_for,
};

fn sorted(mut all: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    all.sort();
    all
}

#[test]
fn opensmtpd_stores_what_was_meant() {
    let Some(server) = OpenSmtpd::start("opensmtpd_stores_what_was_meant") else { return };
    let home = Home::new();
    let mut meant = Vec::new();
    for number in 0..SMUGGLED.len() {
        let (sent, lines) = smuggling(number);
        home.pillarbox(&["send", "--via", &server.url(), "--tls", "none", "bob@example.test"])
            .stdin(sent)
            .run()
            .success();
        meant.push(lines);
    }
    assert_eq!(sorted(server.messages("bob", meant.len())), sorted(meant));
    // One by one, since it has no PIPELINING: each recipient's fate in its own words.
    let run = home
        .pillarbox(&["send", "--via", &server.url(), "--tls", "none", "--json"])
        .args(["gone@example.test", "alice@example.test", "x@elsewhere.test"])
        .stdin(message(99, "..dots\r\n.\r\nand more\r\n"))
        .run()
        .expect(79);
    let told: Vec<(String, u64)> = run
        .json_lines()
        .iter()
        .map(|line| {
            let word = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            (format!("{} {}", word("recipient"), word("state")), line["code"].as_u64().unwrap_or(0))
        })
        .collect();
    assert_eq!(told[0], ("gone@example.test permanent".to_owned(), 524), "{run}");
    assert_eq!(told[1], ("alice@example.test delivered".to_owned(), 250), "{run}");
    assert_eq!(told[2], ("x@elsewhere.test permanent".to_owned(), 550), "{run}");
    let stored = server.messages("alice", 1).remove(0);
    assert_eq!(stored, mail::to_lf(&message(99, "..dots\r\n.\r\nand more\r\n")));
    // What it does not have is asked for in vain, and before the message leaves.
    home.pillarbox(&["send", "--via", &server.url(), "--tls", "none", "bob@example.test"])
        .args(["--priority", "3"])
        .stdin(message(1, "x\r\n"))
        .run()
        .expect(69)
        .says(&["MT-PRIORITY"]);
}

/// Dovecot's submission server, which hands what it gets to Postfix.
#[test]
fn dovecot_submission_passes_on_what_was_meant() {
    let test = "dovecot_submission_passes_on_what_was_meant";
    let Some(postfix) = Postfix::start(test) else { return };
    let [port] = free_ports::<1>();
    let options = Options {
        extra: format!(
            "protocols = imap pop3 lmtp submission\nsubmission_relay_host = 127.0.0.1\n\
             submission_relay_port = {}\nsubmission_relay_ssl = no\nservice submission-login {{\n \
             service_count = 0\n inet_listener submission {{\n  port = {port}\n }}\n}}\n",
            postfix.smtp
        ),
        ..Options::default()
    };
    let Some(dovecot) = Dovecot::with(test, &options) else { return };
    let home = Home::new();
    let ca = dovecot.ca().display().to_string();
    let via = format!("submission://alice@localhost:{port}");
    wait_for("Dovecot's submission", PATIENCE, || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    let mut meant = Vec::new();
    for number in 0..SMUGGLED.len() {
        let (sent, lines) = smuggling(number);
        home.pillarbox(&["send", "--via", &via, "--ca-file", &ca, "bob@example.test"])
            .password("secret")
            .stdin(sent)
            .run()
            .success();
        meant.push(lines);
    }
    assert_eq!(sorted(postfix.messages("bob", meant.len())), sorted(meant));
    assert!(!postfix.log().contains("evil@example.test"), "{}", postfix.log());
    let refused = home
        .pillarbox(&["send", "--via", &via, "--ca-file", &ca, "gone@example.test"])
        .password("secret")
        .stdin(message(1, "x\r\n"))
        .run();
    refused.expect(67);
    let wrong = home
        .pillarbox(&["send", "--via", &via, "--ca-file", &ca, "bob@example.test"])
        .password("wrong")
        .stdin(message(1, "x\r\n"))
        .run();
    wrong.expect(77).says(&["535"]);
}

/// How a program's stored message differs from the octets of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    /// Not at all but for line ends, which are LF where they were CRLF or LF.
    Same,
    /// With one more line end behind it.
    LineEndMore,
    /// Without the CR that stood alone, or with a line end in its place.
    LoneCrGone,
    /// In another way.
    Other,
}

/// What stands behind the header of a message with LF line ends.
fn text(message: &[u8]) -> &[u8] {
    let end = message.windows(2).position(|it| it == b"\n\n");
    end.map_or(&[], |end| &message[end + 2..])
}

fn compare(stored: &[u8], sent: &[u8]) -> Stored {
    let lines = mail::to_lf(sent);
    let with_end = match lines.ends_with(b"\n") {
        true => lines.clone(),
        false => [&lines[..], b"\n"].concat(),
    };
    let text = String::from_utf8_lossy(&with_end).into_owned();
    match stored {
        it if it == with_end => Stored::Same,
        it if it == [&with_end[..], b"\n"].concat() => Stored::LineEndMore,
        it if it == text.replace('\r', "\n").as_bytes()
            || it == text.replace('\r', "").as_bytes() =>
        {
            Stored::LoneCrGone
        }
        _ => Stored::Other,
    }
}

/// The same files by us, by swaks, curl, msmtp and s-nail, to the same Postfix: where the others
/// store something else than the file, it is written down here.
#[test]
fn other_programs_beside_us() {
    use Stored::{LineEndMore, LoneCrGone, Other, Same};
    let test = "other_programs_beside_us";
    if !needs(test, &["swaks", "curl", "msmtp", "s-nail"]) {
        return;
    }
    let Some(postfix) = Postfix::start(test) else { return };
    let home = Home::new();
    // What it is, the body, and what becomes of it by us, by swaks, curl, msmtp and s-nail.
    let cases: [(&str, &str, [Stored; 5]); 8] = [
        // swaks ends its message with CRLF and a dot, whether a line end stands before it or not.
        ("plain", "one line\r\n", [Same, LineEndMore, Same, Same, Same]),
        ("dots", ".\r\n..\r\n.x\r\nx.\r\n...\r\n", [Same, LineEndMore, Same, Same, Same]),
        ("empty lines", "\r\n\r\nx\r\n\r\n", [Same, LineEndMore, Same, Same, Same]),
        // s-nail says in quoted-printable that there is none.
        ("no end", "the last line has no end", [Same, Same, Same, Same, Other]),
        // s-nail writes them in quoted-printable.
        (
            "octets above 127",
            "gr\u{fc}\u{df}e \u{706f}\r\n",
            [Same, LineEndMore, Same, Same, Other],
        ),
        ("bare LF", "a\nb\n.\nc\n", [Same, LineEndMore, Same, Same, Same]),
        // RFC 5321 section 2.3.8 forbids a CR alone: we make it a line end, s-nail writes it
        // in quoted-printable, the others send it, and Postfix makes it a blank.
        ("bare CR", "a\rb\r\n", [LoneCrGone, Other, Other, Other, Other]),
        // swaks fills in words of its own.
        ("words of swaks", "%FROM_ADDRESS%\r\n", [Same, Other, Same, Same, Same]),
    ];
    let server = format!("localhost:{}", postfix.smtp);
    let programs = ["pillarbox", "swaks", "curl", "msmtp", "s-nail"];
    let mut wanted = Vec::new();
    for (row, (name, body, becomes)) in cases.iter().enumerate() {
        for (column, program) in programs.into_iter().enumerate() {
            let number = row * programs.len() + column;
            let sent = message(number, body);
            let path = home.write(&format!("{number}.eml"), &sent).display().to_string();
            let run = match program {
                "pillarbox" => home
                    .pillarbox(&["send", "--via", &postfix.url("smtp", None), "--ca-file"])
                    .arg(postfix.ca())
                    .arg("bob@example.test")
                    .stdin(sent.clone()),
                "swaks" => home
                    .command("swaks", &["--server", &server, "--data", &format!("@{path}")])
                    .args(["--from", "alice@example.test", "--to", "bob@example.test"]),
                // It sends what it reads: line ends are for its caller to make right.
                "curl" => home
                    .command("curl", &["-sS", "--crlf", &format!("smtp://{server}")])
                    .args(["--mail-from", "alice@example.test", "--mail-rcpt"])
                    .args(["bob@example.test", "--upload-file", &path]),
                "msmtp" => home
                    .command("msmtp", &["--file=/dev/null", "--host=localhost", "--auth=off"])
                    .args([&format!("--port={}", postfix.smtp), "--tls=off"])
                    .args(["--from=alice@example.test", "bob@example.test"])
                    .stdin(sent.clone()),
                // It makes the header itself, and takes text with the line ends of this machine.
                _ => home
                    .command("s-nail", &["-:/", "-S", "v15-compat", "-S"])
                    .args([&format!("mta=smtp://{server}"), "-S", "smtp-auth=none", "-S"])
                    .args(["sendwait", "-S", "ttycharset=utf-8", "-r", "alice@example.test", "-s"])
                    .args([&format!("number {number}"), "bob@example.test"])
                    .stdin(body.replace("\r\n", "\n")),
            };
            run.run().success();
            wanted.push((number, format!("{name} by {program}"), sent, becomes[column]));
        }
    }
    let all = postfix.messages("bob", wanted.len());
    let mut differing = Vec::new();
    for (number, what, sent, becomes) in wanted {
        let subject = format!("Subject: number {number}\n");
        let stored = all.iter().find(|it| String::from_utf8_lossy(it).contains(&subject));
        let stored = stored.unwrap_or_else(|| panic!("{what} did not come"));
        let found = match what.ends_with("s-nail") {
            true => compare(text(stored), text(&mail::to_lf(&sent))),
            false => compare(stored, &sent),
        };
        if found != becomes {
            differing.push((what, found, String::from_utf8_lossy(stored).into_owned()));
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
}

/// A home with `sendmail` in it, and a configuration by which that sends to Postfix.
struct Caller<'p> {
    home: Home,
    program: String,
    postfix: &'p Postfix,
}

impl<'p> Caller<'p> {
    fn new(postfix: &'p Postfix) -> Self {
        let home = Home::new();
        let path = home.path().join("sendmail");
        std::os::unix::fs::symlink(binary::BINARY, &path).expect("a link can be made");
        home.configure(&format!(
            "default-account = \"work\"\nqualify-domain = \"example.test\"\n[account.work]\n\
             smtp = \"smtp://localhost:{}\"\nca-file = {:?}\n",
            postfix.smtp,
            postfix.ca().display().to_string()
        ));
        let program = path.display().to_string();
        Caller { home, program, postfix }
    }

    /// What came for bob with these words in it.
    fn came(&self, words: &str) -> String {
        wait_for(&format!("{words:?}"), PATIENCE, || {
            let all = self.postfix.messages("bob", 1);
            let texts = all.iter().map(|it| String::from_utf8_lossy(it).into_owned());
            texts.into_iter().find(|it| it.contains(words))
        })
    }
}

/// Who runs the tests, as the programs that call us find it out.
fn own_name() -> String {
    let output = std::process::Command::new("id").arg("-un").output().expect("id can be run");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// No caller here says who it is by LOGNAME or USER.
#[test]
fn programs_call_sendmail() {
    let test = "programs_call_sendmail";
    let Some(postfix) = Postfix::start(test) else { return };
    let caller = Caller::new(&postfix);
    let (home, program) = (&caller.home, caller.program.as_str());
    let me = own_name();

    if needs(test, &["bsd-mailx"]) {
        let rc = home.write("mailrc", format!("set sendmail={program}\nset sendwait\n"));
        home.command("bsd-mailx", &["-n", "-s", "by bsd-mailx", "bob@example.test"])
            .env("MAILRC", rc)
            .stdin("text of bsd-mailx\n.\nbehind a dot\n")
            .run()
            .success();
        let text = caller.came("text of bsd-mailx");
        assert!(text.contains("Subject: by bsd-mailx\n"), "{text}");
        assert!(text.contains(&format!("{me}@example.test")), "{text}");
    }
    // cron's own words to it, and its message.
    let cron = format!(
        "From: {me} (Cron Daemon)\nTo: bob\nSubject: Cron <{me}@host> /bin/true\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\
         X-Cron-Env: <SHELL=/bin/sh>\n\nout of cron: \u{fc}\n.\nmore\n"
    );
    home.command(program, &["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "bob"])
        .stdin(cron)
        .run()
        .success();
    let text = caller.came("out of cron");
    assert!(text.ends_with("out of cron: \u{fc}\n.\nmore\n"), "{text}");
    assert!(text.contains("X-Cron-Env: <SHELL=/bin/sh>\n"), "{text}");

    if needs(test, &["git"]) {
        let patch = "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n\
            From: Alice <alice@example.test>\nDate: Tue, 3 Mar 2026 10:00:00 +0100\n\
            Subject: [PATCH] a change\n\nWhy it is made.\n---\n x | 1 +\n\n\
            diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+.\n-- \n2.39.5\n";
        let patch = home.write("0001-a-change.patch", patch).display().to_string();
        let run = home
            .command("git", &["send-email", "--smtp-server", program, "--confirm=never"])
            .args(["--from", "Alice <alice@example.test>", "--to", "bob@example.test"])
            .args(["--suppress-cc=all", "--8bit-encoding=UTF-8", &patch])
            .env("GIT_CONFIG_NOSYSTEM", "1")
            // Where a machine has no domain git does not guess who this is.
            .env("GIT_COMMITTER_NAME", "Alice")
            .env("GIT_COMMITTER_EMAIL", "alice@example.test")
            .env("GIT_AUTHOR_NAME", "Alice")
            .env("GIT_AUTHOR_EMAIL", "alice@example.test")
            .run();
        if run.errors().contains("is not a git command") {
            support::skip(test, "not installed: git-email");
        } else {
            run.success();
            let text = caller.came("Why it is made.");
            assert!(text.contains("Subject: [PATCH] a change\n"), "{text}");
            assert!(text.contains("\n+.\n-- \n2.39.5\n"), "{text}");
            assert!(text.contains("X-Mailer: git-send-email"), "{text}");
        }
    }
    if needs(test, &["mutt"]) {
        let settings = format!(
            "set sendmail=\"{program} -oem -oi\"; set from=\"alice@example.test\"; \
             set use_from=yes; set use_envelope_from=yes; set copy=no; set charset=utf-8"
        );
        home.command("mutt", &["-n", "-F", "/dev/null", "-e", &settings])
            .args(["-s", "by mutt", "--", "bob@example.test"])
            .stdin("text of mutt\n.\nbehind a dot\n")
            .run()
            .success();
        let text = caller.came("text of mutt");
        assert!(text.contains("Subject: by mutt\n"), "{text}");
        assert!(text.contains("\n.\nbehind a dot\n"), "{text}");
    }
    if needs(test, &["php"]) {
        let code = "exit(mail('bob@example.test', 'by PHP', \"text of PHP\\n.\\nmore\", \
                    ['From' => 'alice@example.test'], '-falice@example.test') ? 0 : 1);";
        home.command("php", &["-n", "-d", &format!("sendmail_path={program} -t -i"), "-r", code])
            .run()
            .success();
        let text = caller.came("text of PHP");
        assert!(text.contains("Subject: by PHP\n"), "{text}");
        assert!(text.contains("text of PHP\n.\nmore"), "{text}");
        // What it cannot send, it is told.
        let code = "exit(mail('gone@example.test', 'x', 'x') ? 0 : 1);";
        home.command("php", &["-n", "-d", &format!("sendmail_path={program} -t -i"), "-r", code])
            .run()
            .expect(1);
    }
}

/// `-bp` and `-q` on the spool that is everybody's unless another is named.
#[test]
fn the_spool_of_sendmail_is_listed_and_flushed() {
    let test = "the_spool_of_sendmail_is_listed_and_flushed";
    let Some(postfix) = Postfix::start(test) else { return };
    let caller = Caller::new(&postfix);
    let (home, program) = (&caller.home, caller.program.as_str());
    let list = || home.command(program, &["-bp"]).run().success();
    assert_eq!(list().text(), "Mail queue is empty\n");
    let spool = home.state().join("pillarbox/spool");
    for name in ["bob@example.test", "later@example.test"] {
        home.pillarbox(&["send", "--spool"])
            .arg(&spool)
            .args(["--from", "alice@example.test", "--subject", "spooled", "--body", "waits", name])
            .run()
            .success();
    }
    let listed = list();
    for word in ["alice@example.test", "bob@example.test", "later@example.test"] {
        assert!(listed.text().contains(word), "{listed}");
    }
    // One of two: exit code 79, which callers of sendmail know as 69.
    home.command(program, &["-q"]).run().expect(69);
    assert!(caller.came("Subject: spooled").contains("waits"));
    let listed = list();
    assert!(!listed.text().contains("bob@example.test"), "{listed}");
    assert!(listed.text().contains("later@example.test"), "{listed}");
    assert!(listed.text().contains("greylisted"), "{listed}");
}

/// What smtp-sink does wrong when it is told to, in every way that it has.
#[test]
fn a_sink_with_every_fault() {
    let test = "a_sink_with_every_fault";
    // Options of the sink, options of ours, exit code, fate.
    type Case<'c> = (&'c [&'c str], &'c [&'c str], i32, &'c str);
    let cases: [Case<'_>; 14] = [
        (&["-f", "CONNECT"], &[], 69, "permanent"),
        (&["-f", "MAIL"], &[], 69, "permanent"),
        (&["-r", "CONNECT"], &[], 75, "temporary"),
        (&["-r", "DATA"], &[], 75, "temporary"),
        (&["-q", "CONNECT"], &[], 75, "temporary"),
        (&["-q", "EHLO"], &[], 75, "temporary"),
        (&["-Q", "CONNECT"], &[], 75, "temporary"),
        (&["-Q", "MAIL"], &[], 75, "temporary"),
        (&["-Q", "RCPT"], &[], 75, "temporary"),
        (&["-Q", "DATA"], &[], 75, "temporary"),
        // A server that does not answer in time: before the dot nothing is lost, behind it
        // nobody knows.
        (&["-p", "-W", "MAIL:30"], &["--timeout", "0.5"], 75, "temporary"),
        (&["-W", ".:30"], &["--timeout", "0.5"], 80, "unknown"),
        // One that refuses in the midst of the message and reads no more of it.
        (&["-A", "0"], &[], 69, "permanent"),
        // One that is slow to read, with a small window: it only takes longer.
        (&["-H", "1", "-T", "2048"], &[], 0, "delivered"),
    ];
    let lines = "a line of the large one\r\n".repeat(40_000);
    for (faults, options, code, state) in cases {
        let Some(sink) = SmtpSink::start(test, faults) else { return };
        let is_large = matches!(faults[0], "-A" | "-H");
        let body = if is_large { lines.as_str() } else { "small\r\n" };
        let run = Home::new()
            .pillarbox(&["send", "--via", &sink.url(), "--tls", "none", "--json"])
            .args(options)
            .arg("bob@example.test")
            .stdin(message(1, body))
            .run();
        assert_eq!(run.code, Some(code), "{faults:?}\n{run}");
        // Without a session there is an error for the whole run.
        let told = run.json_lines();
        let found = told.first().map_or(state, |line| line["state"].as_str().unwrap_or("none"));
        assert_eq!(found, state, "{faults:?}\n{run}");
    }
}

/// A message that is no lines: the transcript of RFC 3030 section 4.2, and then our own server,
/// since no packaged one has BINARYMIME.
#[test]
fn a_binary_message_arrives_as_it_is() {
    let mut sent = b"From: alice@example.test\r\nTo: bob@example.test\r\nSubject: binary\r\n\
        Date: Tue, 3 Mar 2026 10:00:00 +0100\r\nMessage-ID: <b.1@example.test>\r\n\
        MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n\
        Content-Transfer-Encoding: binary\r\n\r\n"
        .to_vec();
    sent.extend((0..=255_u8).rev());
    sent.extend(b"\r\n.\r\n\n.\n\r.\r \0\0 no end");
    let home = Home::new();
    let script = Scripted::serve(vec![
        Step::line("220 cnri.reston.va.us SMTP service ready"),
        Step::Expect("EHLO "),
        Step::line(
            "250-cnri.reston.va.us says hello\r\n250-PIPELINING\r\n250-BINARYMIME\r\n250 CHUNKING",
        ),
        Step::Expect("MAIL FROM:<alice@example.test> BODY=BINARYMIME"),
        Step::Expect("RCPT TO:<bob@example.test>"),
        Step::Expect("BDAT "),
        Step::ReadOctets(sent.len()),
        Step::line("250 <alice@example.test>... Sender and BINARYMIME ok"),
        Step::line("250 <bob@example.test>... Recipient ok"),
        Step::line(&format!("250 {} octets received", sent.len())),
        Step::Expect("QUIT"),
        Step::line("221 Goodbye"),
    ]);
    home.pillarbox(&["send", "--via", &script.url("smtp"), "--tls", "none", "bob@example.test"])
        .stdin(sent.clone())
        .run()
        .success();
    assert!(script.heard(&sent), "other octets");
    assert!(script.heard(format!("BDAT {} LAST", sent.len()).as_bytes()));
    script.finish();

    let server = ServeTest::with(&["--allow-cleartext"]);
    let via = format!("smtp://localhost:{}", server.port("smtp"));
    home.pillarbox(&["send", "--via", &via, "--tls", "none", "bob@example.test"])
        .stdin(sent.clone())
        .run()
        .success();
    let stored = home
        .pillarbox(&["fetch", &server.url("imaps", Some("bob")), "--ca-file"])
        .arg(server.ca())
        .password("secret")
        .run()
        .success();
    let whole = stored.stdout.windows(sent.len()).any(|window| window == sent);
    assert!(whole, "it was changed on its way: {stored}");
    // A server without it gets the same in lines.
    let plain = ServeTest::with(&["--allow-cleartext", "--hide", "BINARYMIME"]);
    let via = format!("smtp://localhost:{}", plain.port("smtp"));
    let run = home
        .pillarbox(&["send", "--via", &via, "--tls", "none", "--explain", "bob@example.test"])
        .stdin(sent)
        .run()
        .success();
    run.says(&["encoded 1 part anew: binary content"]);
}

/// A line end in anything that could come to stand in a command or a header field is refused, and
/// nothing of it leaves.
#[test]
fn no_line_end_gets_into_a_command() {
    let server = Scripted::serve(vec![Step::line("220 h"), Step::Stall]);
    let home = Home::new();
    home.write("fine.txt", "x");
    let odd = home.path().join("odd\r\nX-Evil: yes.txt");
    std::fs::write(&odd, "x").expect("a file");
    let odd = odd.display().to_string();
    let via = server.url("smtp");
    let evil = "x\r\nRCPT TO:<evil@example.test>";
    let cases: Vec<Vec<&str>> = vec![
        vec!["bob@example.test\r\nDATA"],
        vec!["bob@exam\nple.test"],
        vec!["\"bob\r\n\"@example.test"],
        vec!["bob@example.test", "-f", evil],
        vec!["bob@example.test", "--ehlo", evil],
        vec!["bob@example.test", "--envid", "7\r\nQUIT"],
        vec!["bob@example.test", "--orcpt", "a\r\nb@example.test"],
        vec!["bob@example.test", "--subject", "x", "--header", "X: y\r\nBcc: evil@example.test"],
        vec!["bob@example.test", "--subject", "x", "--header", "X\r\n: y"],
        vec!["bob@example.test", "--subject", "x", "--attach", &odd],
        vec!["bob@example.test", "--subject", "x", "--from", "a@b\r\nBcc: evil@example.test"],
        vec!["bob@example.test", "--subject", "x", "--to", "a@b\r\nBcc: evil@example.test"],
    ];
    for options in cases {
        let run = home
            .pillarbox(&["send", "--via", &via, "--tls", "none", "--timeout", "5"])
            .args(["--from", "alice@example.test"].iter().filter(|_| !options.contains(&"--from")))
            .args(&options)
            .stdin(message(1, "x\r\n"))
            .run();
        assert!(matches!(run.code, Some(64 | 65)), "{options:?}: {run}");
    }
    let hosts = ["smtp://local\r\nhost/", "smtp://local%0D%0Ahost/", "smtp://local%00host/"];
    for host in hosts {
        let run = home.pillarbox(&["send", "--via", host, "bob@example.test", "--tls", "none"]);
        let run = run.stdin(message(1, "x\r\n")).run();
        assert!(matches!(run.code, Some(64 | 65 | 68 | 78)), "{host:?}: {run}");
    }
    assert!(!server.heard(b"evil") && !server.heard(b"X-Evil"), "{:?}", server.lines());
}

/// Small writes are not held back for the server's acknowledgement.
#[test]
fn a_connection_has_no_delay() {
    let test = "a_connection_has_no_delay";
    if !needs(test, &["strace"]) {
        return;
    }
    let server = ServeTest::with(&["--allow-cleartext"]);
    let home = Home::new();
    let via = format!("smtp://127.0.0.1:{}", server.port("smtp"));
    let run = home
        .command("strace", &["-f", "-o", "trace", "-e", "trace=setsockopt", binary::BINARY, "send"])
        .args(["--via", &via, "--tls", "none", "bob@example.test"])
        .stdin(message(1, "x\r\n"))
        .run();
    let trace = std::fs::read_to_string(home.path().join("trace")).unwrap_or_default();
    if trace.is_empty() && run.code != Some(0) {
        return support::skip(test, "no tracing here (ptrace)");
    }
    run.success();
    assert!(trace.contains("TCP_NODELAY, [1]"), "{trace}");
}
