//! `serve-test` as clients of other makers meet it: faults, hidden capabilities,
//! expectations, the control socket, and where messages go besides.

mod support;

use support::{Home, Run, ServeTest, args, needs};

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
