//! `serve-test` as clients of other makers meet it: faults, hidden capabilities,
//! expectations, the control socket, and where messages go besides.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use support::{Dovecot, Home, Run, ServeTest, SmtpSink, Stored, args, free_ports, needs};

/// Runs a script of Python inside `serve-test` with these options.
fn python(options: &[&str], script: &str) -> Run {
    inside(options, "python3", script)
}

/// Runs a script of the shell inside `serve-test` with these options.
fn shell(options: &[&str], script: &str) -> Run {
    inside(options, "sh", script)
}

fn inside(options: &[&str], program: &str, script: &str) -> Run {
    let home = Home::new();
    let mut command = home.pillarbox(args!["serve-test"]);
    for option in options {
        command = command.arg(option);
    }
    let flag = if program == "sh" { "-euc" } else { "-c" };
    command.arg("--").arg(program).arg(flag).arg(script).run()
}

/// Sends one message by smtplib: `send(to, subject, body)`.
const SEND: &str = r#"
import os, smtplib
def send(to, subject="x", body="hello"):
    with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])) as server:
        return server.sendmail("app@example.test", to,
            "From: app@example.test\r\nTo: %s\r\nSubject: %s\r\n\r\n%s\r\n" % (to, subject, body))
"#;

#[test]
fn smtplib_meets_a_full_mailbox() {
    if !needs("smtplib_meets_a_full_mailbox", &["python3"]) {
        return;
    }
    let script = format!(
        "{SEND}
for number in range(2):
    try:
        send('bob@example.test')
        assert number == 1, 'the first was taken'
    except smtplib.SMTPRecipientsRefused as error:
        assert number == 0, 'the second was refused'
        assert error.recipients['bob@example.test'] == (452, b'4.2.2 full'), error.recipients
try:
    send('550-5.1.1@fault.test')
    raise SystemExit('nobody refused it')
except smtplib.SMTPRecipientsRefused as error:
    (code, text), = error.recipients.values()
    assert (code, text[:5]) == (550, b'5.1.1'), (code, text)
"
    );
    python(&["--fault", "smtp rcpt to:/bob/#1 => 452 4.2.2 full"], &script).success();
}

#[test]
fn swaks_meets_a_connection_that_ends() {
    if !needs("swaks_meets_a_connection_that_ends", &["swaks"]) {
        return;
    }
    let send = "swaks --server localhost --port $SMTP_PORT --to bob@example.test 2>&1";
    let dropped = shell(&["--fault", "data => close"], &format!("! {send}")).success();
    assert!(dropped.text().contains("DATA") && !dropped.text().contains("354 "), "{dropped}");
    let refused = shell(&["--fault", ". => 554 5.7.1 spam"], &format!("! {send}")).success();
    assert!(refused.text().contains("554 5.7.1 spam"), "{refused}");
}

#[test]
fn imaplib_meets_half_an_answer() {
    if !needs("imaplib_meets_half_an_answer", &["python3"]) {
        return;
    }
    let script = format!(
        "{SEND}
import imaplib, ssl
send('alice@example.test', body='x' * 2000)
server = imaplib.IMAP4_SSL(os.environ['IMAPS_HOST'], int(os.environ['IMAPS_PORT']),
    ssl_context=ssl.create_default_context(cafile=os.environ['SSL_CERT_FILE']))
server.login('alice', 'secret')
server.select('INBOX')
assert server.fetch('1', '(FLAGS)')[0] == 'OK'
try:
    server.fetch('1', '(RFC822)')
    raise SystemExit('the answer was whole')
except (imaplib.IMAP4.abort, OSError):
    pass
"
    );
    python(&["--fault", "imap fetch#2 => drop after 512"], &script).success();
}

#[test]
fn a_mistake_in_a_rule_is_shown() {
    let home = Home::new();
    home.run(args!["serve-test", "--fault", "imap fetch => 452 full", "--", "true"])
        .expect(64)
        .says(&["a reply of IMAP", "              ^"]);
    home.run(args!["serve-test", "--hide", "CONDSTOR", "--", "true"])
        .expect(125)
        .says(&["CONDSTOR"]);
}

#[test]
fn smtplib_does_not_see_what_is_hidden() {
    if !needs("smtplib_does_not_see_what_is_hidden", &["python3"]) {
        return;
    }
    let script = r#"
import os, smtplib, imaplib, poplib
with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])) as server:
    server.ehlo()
    assert not server.has_extn("pipelining") and server.has_extn("8bitmime")
server = imaplib.IMAP4(os.environ["IMAP_HOST"], int(os.environ["IMAP_PORT"]))
assert "IDLE" not in server.capabilities and "ENABLE" in server.capabilities
server = poplib.POP3(os.environ["POP3_HOST"], int(os.environ["POP3_PORT"]))
assert "UIDL" not in server.capa() and "TOP" in server.capa()
"#;
    python(&["--hide", "pipelining,idle", "--hide", "UIDL"], script).success();
}

#[test]
fn expectations_are_met_or_explained() {
    if !needs("expectations_are_met_or_explained", &["python3"]) {
        return;
    }
    let script = format!("{SEND}\nsend('bob@example.test', 'Welcome to it')\n");
    let met =
        ["--expect", "to:bob subject:/^Welcome/ count:1 within:5s", "--expect", "never to:al"];
    python(&met, &script).success();
    let unmet = ["--expect", "to:bob subject:goodbye", "--expect", "to:bob never"];
    python(&unmet, &script).expect(1).says(&[
        "to:bob subject:goodbye: 0 messages came, not 1 or more",
        "is not subject:goodbye",
        "to:bob never: 1 message came, not none",
        "to <bob@example.test>: Welcome to it",
    ]);
    // The command's own failure is what is told.
    python(&unmet, "raise SystemExit(7)").expect(7).says(&["no mail came at all"]);
    let home = Home::new();
    home.run(args!["serve-test", "--expect", "count:x", "--", "true"])
        .expect(64)
        .says(&["^^^^^^^"]);
}

#[test]
fn a_message_that_comes_late_is_waited_for() {
    if !needs("a_message_that_comes_late_is_waited_for", &["swaks"]) {
        return;
    }
    let late = "(sleep 1; swaks --server localhost --port $SMTP_PORT --to bob@example.test) \
                >/dev/null 2>&1 &";
    shell(&["--expect", "to:bob within:30s"], late).success();
}

#[test]
fn waiting_and_extracting() {
    if !needs("waiting_and_extracting", &["swaks"]) {
        return;
    }
    let script = "
send() { swaks --silent 3 --server localhost --port $SMTP_PORT --to $1 --header \"Subject: $2\" --body \"$3\"; }
ours() { pillarbox serve-test \"$@\"; }
(sleep 1; send bob@example.test Welcome 'Follow https://example.test/confirm?a=1&b=2. Bye') &
ours wait --to bob --within 30s --extract link
send bob@example.test 'Your code' 'Your code is 483920.'
ours wait --to bob --subject /^your/ --extract otp
ours wait --extract header:Subject
ours wait --from nobody@elsewhere.test --within 100ms || echo none: $?
ours wait --to bob --subject Welcome --extract header:X-No || echo lacks: $?
ours list --json | grep -c example.test
ours clear
ours list
pillarbox fetch bob
";
    let run = shell(&[], script).success();
    assert_eq!(
        run.lines(),
        [
            "https://example.test/confirm?a=1&b=2",
            "483920",
            "Your code",
            "none: 1",
            "lacks: 65",
            "2"
        ],
        "{run}"
    );
}

#[test]
fn the_server_stops_when_it_is_told() {
    let server = ServeTest::start();
    let control = server.ready["control"].as_str().expect("a path").to_owned();
    let home = Home::new();
    home.run(args!["serve-test", "stop", "--control", &control]).success();
    support::wait_for("the end of the server", support::PATIENCE, || {
        (!std::path::Path::new(&control).exists()).then_some(())
    });
    home.run(args!["serve-test", "list", "--control", &control]).expect(69);
    home.run(args!["serve-test", "list"]).expect(64).says(&["PILLARBOX_CONTROL"]);
    // Signalled, the command ends as by SIGTERM.
    shell(&[], "pillarbox serve-test stop; exec sleep 60").expect(128 + 15);
}

/// RFC 9051 section 7.1.5, RFC 5321 section 3.8, RFC 3206 section 4, RFC 3977 section 3.2.1.
#[test]
fn who_is_connected_hears_that_the_server_ends() {
    let server = ServeTest::with(&["--allow-cleartext"]);
    // One that has gone before leaves nothing to wait for.
    let mut gone = TcpStream::connect(("127.0.0.1", server.port("smtp"))).expect("it listens");
    gone.write_all(b"QUIT\r\n").expect("written");
    gone.read_to_string(&mut String::new()).expect("to the end");
    let connected: Vec<(&str, &str, TcpStream)> = [
        ("smtp", "", "421 4.3.2 "),
        ("submission", "EHLO x.test\r\nMAIL FROM:<a@x.test>\r\n", "421 4.3.2 "),
        ("imap", "", "* BYE "),
        ("imap", "a LOGIN alice secret\r\nb SELECT INBOX\r\nc IDLE\r\n", "* BYE "),
        ("pop3", "", "-ERR [SYS/TEMP] "),
        ("nntp", "", "400 "),
    ]
    .into_iter()
    .map(|(scheme, said, last)| {
        let mut stream =
            TcpStream::connect(("127.0.0.1", server.port(scheme))).expect("it listens");
        stream.set_read_timeout(Some(support::PATIENCE)).expect("a time");
        stream.write_all(said.as_bytes()).expect("written");
        // The greeting, and what answers the last line.
        let mut lines = BufReader::new(stream.try_clone().expect("the same")).lines();
        let until = match said.is_empty() {
            true => "",
            false if scheme == "imap" => "+ ",
            false => "530 ",
        };
        let answered = lines.any(|line| line.expect("a line").starts_with(until));
        assert!(answered, "{scheme}: {said}");
        (scheme, last, stream)
    })
    .collect();
    let control = server.ready["control"].as_str().expect("a path").to_owned();
    Home::new().run(args!["serve-test", "stop", "--control", &control]).success();
    for (scheme, last, mut stream) in connected {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).expect("to the end");
        assert!(rest.starts_with(last) && rest.lines().count() == 1, "{scheme}: {rest:?}");
    }
}

#[test]
fn messages_go_to_stdout_and_to_a_command() {
    if !needs("messages_go_to_stdout_and_to_a_command", &["python3"]) {
        return;
    }
    let script =
        format!("{SEND}\nsend('bob@example.test', 'One')\nsend('alice@example.test', 'Two')\n");
    let options = ["--emit", "--exec", "grep Subject >&2; echo \"to $PILLARBOX_TO\" >&2"];
    let run = python(&options, &script).success().says(&[
        "Subject: One",
        "to bob@example.test",
        "Subject: Two",
        "to alice@example.test",
    ]);
    let lines = run.json_lines();
    assert_eq!(lines.len(), 2, "{run}");
    assert_eq!(lines[0]["subject"], "One", "{run}");
    assert_eq!(lines[1]["to"][0], "alice@example.test", "{run}");
    assert_eq!(lines[1]["text"], "hello\r\n", "{run}");
}

/// What is said to a server, and what is asked of it: the same twice.
const DIALOGUE: &str = r#"
import os, imaplib, poplib, smtplib, ssl, sys
context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
def port(name): return int(os.environ[name.upper() + "_PORT"])
subject = sys.argv[1] if len(sys.argv) > 1 else "x"
with smtplib.SMTP("localhost", port("submission")) as server:
    server.starttls(context=context)
    server.login("alice", "secret")
    # Content is another each time.
    server.sendmail("alice@example.test", "bob@example.test", "Subject: %s\n\n.%d\n" % (subject, os.getpid()))
server = imaplib.IMAP4_SSL("localhost", port("imaps"), ssl_context=context)
server.login("bob", "secret")
assert server.select(os.environ.get("FOLDER", "INBOX"))[1] == [b"1"]
assert b"Subject: x" in server.fetch("1", "(BODY[])")[1][0][1]
assert server.append("Drafts", "", None, b"%d\r\n" % os.getpid())[0] == "OK"
server.logout()
server = poplib.POP3("localhost", port("pop3"))
server.stls(context)
server.user("bob"); server.pass_("secret")
assert server.stat()[0] == 1
server.quit()
"#;

#[test]
fn a_recording_is_a_server() {
    if !needs("a_recording_is_a_server", &["python3"]) {
        return;
    }
    let home = Home::new();
    let run = |arguments: &[&str]| {
        let line = [&["serve-test"], arguments, &["--", "python3", "-c", DIALOGUE]].concat();
        home.pillarbox(&line)
    };
    run(&["--record", "s.jsonl"]).run().success();
    let recorded = std::fs::read_to_string(home.path().join("s.jsonl")).expect("a recording");
    // Neither the password nor what carries it.
    assert!(!recorded.contains("secret\\r"), "{recorded}");
    assert!(!recorded.contains("AGFsaWNlAHNlY3JldA"), "{recorded}");
    run(&["replay", "s.jsonl"]).run().success();
    run(&["replay", "s.jsonl"]).env("FOLDER", "Sent").run().expect(1).says(&[
        "expected",
        "SELECT INBOX",
        "SELECT Sent",
    ]);
    // A connection less than was recorded.
    home.run(args!["serve-test", "replay", "s.jsonl", "--", "true"]).expect(1).says(&["3 of the"]);
    home.write("bad.jsonl", "{\"connection\":1,\"us\":0,\"event\":\"closed\"}\n");
    home.run(args!["serve-test", "replay", "bad.jsonl", "--", "true"])
        .expect(125)
        .says(&["line 1"]);
}

#[test]
fn a_real_server_is_recorded_through_us() {
    let test = "a_real_server_is_recorded_through_us";
    if !needs(test, &["python3"]) {
        return;
    }
    let Some(dovecot) = Dovecot::start(test) else { return };
    dovecot.put(
        "alice",
        "INBOX",
        &[Stored { octets: b"Subject: real\n\nx\n", flags: "", received: 1_700_000_000 }],
    );
    let script = r#"
import os, imaplib
server = imaplib.IMAP4("localhost", int(os.environ["IMAP_PORT"]))
server.login("alice", "secret")
assert server.select("INBOX")[1] == [b"1"]
assert b"Subject: real" in server.fetch("1", "(BODY.PEEK[])")[1][0][1]
server.logout()
"#;
    let home = Home::new();
    let (ca, url) = (dovecot.ca(), dovecot.url("imaps", "alice"));
    let ca = ca.to_str().expect("a path");
    let through = ["serve-test", "--record", "s.jsonl", "--proxy", &url, "--ca-file", ca];
    home.pillarbox(&[&through[..], &["--", "python3", "-c", script]].concat()).run().success();
    let recorded = std::fs::read_to_string(home.path().join("s.jsonl")).expect("a recording");
    assert!(recorded.contains("Dovecot") && !recorded.contains("alice secret"), "{recorded}");
    drop(dovecot);
    home.run(args!["serve-test", "replay", "s.jsonl", "--", "python3", "-c", script]).success();
}

#[test]
fn what_comes_behind_starttls_is_recorded_too() {
    let test = "what_comes_behind_starttls_is_recorded_too";
    if !needs(test, &["python3"]) {
        return;
    }
    let Some(dovecot) = Dovecot::start(test) else { return };
    let home = Home::new();
    let ca = dovecot.ca();
    let ca = ca.to_str().expect("a path");
    let record = |scheme: &str, script: &str| {
        let url = dovecot.url(scheme, "alice");
        let through = ["serve-test", "--record", "s.jsonl", "--proxy", &url, "--ca-file", ca];
        home.pillarbox(&[&through[..], &["--", "python3", "-c", script]].concat()).run().success();
        let recorded = std::fs::read_to_string(home.path().join("s.jsonl")).expect("a recording");
        assert!(!recorded.contains("alice secret") && !recorded.contains("PASS"), "{recorded}");
        recorded
    };
    // Their certificate is ours: Dovecot's authority is not what the client trusts.
    let imap = r#"
import imaplib, os, ssl
server = imaplib.IMAP4("localhost", int(os.environ["IMAP_PORT"]), timeout=20)
server.starttls(ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"]))
server.login("alice", "secret")
assert server.create("behind TLS".replace(" ", "-"))[0] == "OK"
server.logout()
"#;
    assert!(record("imap", imap).contains("CREATE behind-TLS"));
    let pop = r#"
import os, poplib, ssl
server = poplib.POP3("localhost", int(os.environ["POP3_PORT"]), timeout=20)
server.stls(ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"]))
server.user("alice"); server.pass_("secret")
server.stat(); server.quit()
"#;
    assert!(record("pop3", pop).contains("STAT"));
}

#[test]
fn mail_that_is_held_back_is_kept_at_the_end() {
    if !needs("mail_that_is_held_back_is_kept_at_the_end", &["python3"]) {
        return;
    }
    let script = r#"
import os, smtplib
with smtplib.SMTP("localhost", int(os.environ["SMTP_PORT"]), timeout=20) as server:
    assert server.sendmail("a@b.test", ["late-300s@fault.test"], "Subject: held\n\nx") == {}
"#;
    let home = Home::new();
    let store = ["serve-test", "--store", "maildir:kept", "--user", "alice:secret"];
    home.pillarbox(&[&store[..], &["--", "python3", "-c", script]].concat()).run().success();
    let read = r#"
import imaplib, os, ssl
server = imaplib.IMAP4_SSL("localhost", int(os.environ["IMAPS_PORT"]), timeout=20,
                           ssl_context=ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"]))
server.login("alice", "secret")
server.select("INBOX")
assert server.search(None, "SUBJECT", "held")[1] == [b"1"]
"#;
    home.pillarbox(&[&store[..], &["--", "python3", "-c", read]].concat()).run().success();
}

#[test]
fn a_real_sink_is_recorded_through_us() {
    let test = "a_real_sink_is_recorded_through_us";
    let Some(sink) = SmtpSink::start(test, &[]) else { return };
    if !needs(test, &["python3"]) {
        return;
    }
    // What looks like a command, a password or the end is content all the same.
    let script = r#"
import os, smtplib
with smtplib.SMTP("localhost", int(os.environ["SMTP_PORT"])) as server:
    for number in range(2):
        server.sendmail("a@b.test", ["c@d.test"], "Subject: %d\n\nPASS x\n.\nAUTH PLAIN x\nDATA\n" % os.getpid())
"#;
    let home = Home::new();
    let url = sink.url();
    let through = ["serve-test", "--record", "s.jsonl", "--proxy", &url];
    home.pillarbox(&[&through[..], &["--", "python3", "-c", script]].concat()).run().success();
    assert_eq!(sink.dumps().len(), 2);
    let recorded = std::fs::read_to_string(home.path().join("s.jsonl")).expect("a recording");
    let contents = recorded.lines().filter(|line| line.contains("\"content\":true")).count();
    assert!(contents >= 2 && !recorded.contains("\"secret\""), "{recorded}");
    drop(sink);
    home.run(args!["serve-test", "replay", "s.jsonl", "--", "python3", "-c", script]).success();
}

#[test]
fn messages_go_to_an_mbox_and_a_web_server() {
    if !needs("messages_go_to_an_mbox_and_a_web_server", &["python3"]) {
        return;
    }
    let [port] = free_ports::<1>();
    let script = format!(
        "{SEND}
import http.server, json, threading
got = []
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        got.append((self.path, self.headers['Content-Type'], json.loads(self.rfile.read(int(self.headers['Content-Length'])))))
        self.send_response(204); self.end_headers(); came.set()
    def log_message(self, *_): pass
came = threading.Event()
hook = http.server.HTTPServer(('127.0.0.1', {port}), Hook)
threading.Thread(target=hook.serve_forever, daemon=True).start()
send('bob@example.test', 'One', 'From here\\r\\n>From there')
assert came.wait(30)
(path, kind, message), = got
assert (path, kind, message['subject'], message['to']) == ('/hook?x=1', 'application/json', 'One', ['bob@example.test']), got
"
    );
    let url = format!("http://127.0.0.1:{port}/hook?x=1");
    let run = python(&["--emit=mbox", "--webhook", &url], &script).success();
    let text = run.text();
    assert!(text.starts_with("From app@example.test "), "{text}");
    assert!(text.contains("\n>From here\n>>From there\n") && !text.contains('\r'), "{text}");
    // Python's mailbox reads it as one message.
    let home = Home::new();
    home.write("out.mbox", text);
    let read = "import mailbox; print([m['Subject'] for m in mailbox.mbox('out.mbox')])";
    let run = home.command("python3", args!["-c", read]).run().success();
    assert_eq!(run.text().trim(), "['One']");
}

#[test]
fn a_caught_message_is_released() {
    let Some(sink) = SmtpSink::start("a_caught_message_is_released", &[]) else { return };
    if !needs("a_caught_message_is_released", &["swaks"]) {
        return;
    }
    let script = format!(
        "swaks --silent 3 --server localhost --port $SMTP_PORT --from app@example.test \
           --to bob@example.test,alice@example.test --header 'Subject: caught' --body x
         pillarbox serve-test release '#1' --via {} --tls none
         pillarbox serve-test release 2 --via {} --tls none || echo none: $?",
        sink.url(),
        sink.url()
    );
    let run = shell(&[], &script).says(&["no message #2"]);
    assert_eq!(run.lines().len(), 3, "{run}");
    assert!(run.lines()[0].starts_with("bob@example.test: delivered: 250"), "{run}");
    assert_eq!(run.lines()[2], "none: 66", "{run}");
    let dumps = sink.dumps();
    assert_eq!(dumps.len(), 1);
    let text = String::from_utf8_lossy(&dumps[0]);
    assert!(text.contains("X-Mail-Args: <app@example.test>"), "{text}");
    assert!(text.contains("X-Rcpt-Args: <alice@example.test>"), "{text}");
    assert!(text.contains("Subject: caught") && !text.contains("Return-Path"), "{text}");
}

/// Who gets mail that nobody is named for, by which ways it comes, and what a wrapped command
/// finds in its environment.
#[test]
fn recipients_and_the_environment_are_as_promised() {
    if !needs("recipients_and_the_environment_are_as_promised", &["python3"]) {
        return;
    }
    let script = r#"
import imaplib, os, smtplib, socket, ssl
host = "localhost"
def port(name): return int(os.environ[name + "_PORT"])
with smtplib.LMTP(os.environ["LMTP_SOCKET"]) as server:
    server.sendmail("carol@example.test", ["alice@example.test"], "Subject: by a socket\r\n\r\nx\r\n")
with smtplib.SMTP(host, port("SMTP"), timeout=20) as server:
    server.sendmail("carol@example.test", ["alice+tag@example.test"], "Subject: with a tag\r\n\r\nx\r\n")
    server.sendmail("carol@example.test", ["nobody@example.test"], "Subject: for nobody\r\n\r\nx\r\n")
client = imaplib.IMAP4(host, port("IMAP"), timeout=20)
client.login("alice", "secret")
client.select("INBOX")
for number, subject in enumerate([b"by a socket", b"with a tag", b"for nobody"], 1):
    got = client.fetch(str(number), "(BODY[HEADER.FIELDS (SUBJECT)])")[1][0][1]
    assert subject in got, (number, got)
# The system's roots and ours, in the one file that each of them looks for.
bundle = os.environ["SSL_CERT_FILE"]
assert open(bundle).read().count("BEGIN CERTIFICATE") > 1
assert open(os.environ["PILLARBOX_CA"]).read().strip() in open(bundle).read()
for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
    assert os.environ[name] == bundle, name
for name in ("SMTP", "SUBMISSION", "IMAP", "POP3", "NNTP", "IMAPS", "SUBMISSIONS"):
    assert os.environ[name + "_URL"] == "%s://localhost:%d" % (name.lower(), port(name)), name
# A message that would end for one server and not for the next.
raw = socket.create_connection((host, port("SMTP")), timeout=20)
said = raw.makefile("rb")
said.readline()
for line, code in [("HELO me", b"250"), ("MAIL FROM:<>", b"250"), ("RCPT TO:<alice@example.test>", b"250"), ("DATA", b"354")]:
    raw.sendall(line.encode() + b"\r\n")
    assert said.readline().startswith(code), line
raw.sendall(b"Subject: x\r\n\r\nx\n.\nMAIL FROM:<evil@example.test>\r\n.\r\n")
answer = said.readline()
assert answer.startswith(b"550 5.5.2"), answer
raw.sendall(b"QUIT\r\n")
assert said.readline().startswith(b"221")
print(os.path.dirname(bundle))
"#;
    let options = ["--user", "alice:secret", "--catch-all", "alice", "--allow-cleartext"];
    let run = python(&options, script).success();
    let folder = run.text().trim().to_owned();
    assert!(folder.starts_with('/') && !std::path::Path::new(&folder).exists(), "left: {folder}");
}

#[test]
fn anybody_may_log_in_where_that_is_wanted() {
    if !needs("anybody_may_log_in_where_that_is_wanted", &["python3"]) {
        return;
    }
    let script = format!(
        "{SEND}
import imaplib
send('zoe@example.test', 'for zoe')
client = imaplib.IMAP4('localhost', int(os.environ['IMAP_PORT']), timeout=20)
client.login('zoe', 'whatever she likes')
assert client.select('INBOX')[1] == [b'1']
"
    );
    python(&["--any-user", "--allow-cleartext"], &script).success();
    let script = format!(
        "{SEND}
try:
    send('zoe@example.test')
    raise SystemExit('nobody is zoe here')
except smtplib.SMTPRecipientsRefused as error:
    assert error.recipients['zoe@example.test'][0] == 550, error.recipients
"
    );
    python(&[], &script).success();
}

/// Where the line with the ports goes, and the word about a server that others can reach.
#[test]
fn readiness_has_a_way_of_its_own() {
    let exe = env!("CARGO_BIN_EXE_pillarbox");
    let script = format!(
        "'{exe}' serve-test --ready-fd 3 -- echo wrapped 3>ready.json >out.txt
        grep -q '\"ports\"' ready.json
        [ \"$(cat out.txt)\" = wrapped ]
        '{exe}' serve-test --listen 0.0.0.0 -- true 2>&1 | grep -q 'listens beyond this machine'
        [ -z \"$('{exe}' serve-test -- true 2>&1)\" ]"
    );
    shell(&[], &script).success();
}

/// Each form of a rule as smtplib meets it; what is left to chance comes again with its seed.
#[test]
fn rules_of_every_form_are_met() {
    if !needs("rules_of_every_form_are_met", &["python3"]) {
        return;
    }
    let script = r#"
import os, smtplib, socket, time
def client():
    return smtplib.SMTP("localhost", int(os.environ["SMTP_PORT"]), timeout=20)
# By chance, as the seed has it; and from the third on.
server = client()
print("".join(str(server.noop()[0] // 100) for _ in range(64)))
assert [server.docmd("HELP")[0] for _ in range(4)] == [214, 214, 500, 500]
# A line of any kind, which no SMTP has; octets that are others by chance.
assert server.docmd("VRFY odd") == (299, b"made up"), "reply"
code, text = server.docmd("EXPN", "x")
assert text != b"5.5.1 there are no lists here", (code, text)
server.close()
# Two effects, the answer last.
begun = time.monotonic()
server = client()
server.ehlo()
server.mail("a@example.test")
assert server.rcpt("slow@example.test") == (452, b"4.2.2 full") and time.monotonic() - begun > 0.5
# Taken once it is tried again so much later.
assert server.rcpt("bob@example.test")[0] == 451
server.quit()
while True:
    time.sleep(0.3)
    try:
        with client() as server:
            server.sendmail("a@example.test", ["bob@example.test"], "Subject: at last\r\n\r\nx\r\n")
        break
    except smtplib.SMTPRecipientsRefused as error:
        assert error.recipients["bob@example.test"][0] == 451, error.recipients
    assert time.monotonic() - begun < 30
"#;
    let drawn = |seed: &str| {
        let options = args![
            "--seed",
            seed,
            "--fault",
            "smtp noop %50 => 452 4.3.1 no",
            "--fault",
            "smtp help #3+ => 500 no help",
            "--fault",
            "smtp vrfy => reply 299 made up",
            "--fault",
            "smtp expn => garble",
            "--fault",
            "smtp rcpt to:/slow/ => delay 600ms, 452 4.2.2 full",
            "--fault",
            "smtp rcpt to:/bob/ => greylist 500ms",
            "--expect",
            "to:bob subject:last count:1",
        ];
        let options: Vec<&str> = options.iter().filter_map(|option| option.to_str()).collect();
        let run = python(&options, script).success();
        assert_eq!(run.text().trim().len(), 64, "{run}");
        run.text().trim().to_owned()
    };
    let first = drawn("7");
    assert_eq!(first, drawn("7"));
    assert_ne!(first, drawn("8"));
    let script = "
import os, smtplib
try:
    smtplib.SMTP('localhost', int(os.environ['SMTP_PORT']), timeout=20)
    raise SystemExit('it was let in')
except smtplib.SMTPConnectError as error:
    assert (error.smtp_code, error.smtp_error) == (554, b'5.3.2 closed'), error
";
    python(&["--fault", "smtp greeting => 554 5.3.2 closed"], script).success();
}

/// curl asks for the stapled answer only when it is told to, and then goes away.
#[test]
fn curl_refuses_a_certificate_that_its_staple_revokes() {
    if !needs("curl_refuses_a_certificate_that_its_staple_revokes", &["curl"]) {
        return;
    }
    let script = "
        url=imaps://localhost:$IMAPS_PORT/INBOX
        curl -s -u alice:secret \"$url\"
        code=0; curl -s --cert-status -u alice:secret \"$url\" || code=$?
        [ $code = 91 ]";
    shell(&["--tls", "revoked-staple"], script).success();
}
