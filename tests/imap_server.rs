//! Our IMAP server before clients of other makers: what the RFCs say line by line, clients
//! that mean harm, and the end of the process at any moment.
//!
//! The conformance script runs against Dovecot too, so that a mistake of the script is not
//! taken for one of ours.

mod support;

use std::ffi::OsString;
use std::time::Duration;

use support::binary::BINARY;
use support::{Dovecot, Home, Run, needs, peer_file};

/// A storm of many rounds takes its time.
const LONG: Duration = Duration::from_secs(600);

/// The script ended well, and did not leave out all of its cases.
fn complete(run: Run) {
    let run = run.success();
    assert!(run.text().lines().any(|line| line.starts_with("ok ")), "nothing was tried:\n{run}");
}

/// Runs a script of `tests/peers` inside `serve-test OPTIONS -- python3`.
fn inside_serve_test(options: &[&str], script: &str) {
    inside_serve_test_with(options, script, &[]);
}

/// The same with arguments for the script.
fn inside_serve_test_with(options: &[&str], script: &str, more: &[&str]) {
    let home = Home::new();
    let mut arguments: Vec<OsString> = vec!["serve-test".into()];
    arguments.extend(options.iter().map(OsString::from));
    for word in ["--allow-cleartext", "--user", "alice:secret", "--", "python3"] {
        arguments.push(word.into());
    }
    arguments.push(peer_file(script).into());
    arguments.extend(more.iter().map(OsString::from));
    complete(home.pillarbox(&arguments).env("PYTHONDONTWRITEBYTECODE", "1").within(LONG).run());
}

#[test]
fn the_rfcs_are_kept() {
    if needs("the_rfcs_are_kept", &["python3"]) {
        inside_serve_test(&[], "imap_conformance.py");
    }
}

#[test]
fn the_rfcs_are_kept_over_a_maildir() {
    if needs("the_rfcs_are_kept_over_a_maildir", &["python3"]) {
        let folder = Home::new();
        let store = format!("maildir:{}", folder.path().join("mail").display());
        inside_serve_test(&["--store", &store], "imap_conformance.py");
    }
}

#[test]
fn the_conformance_script_holds_for_dovecot() {
    const TEST: &str = "the_conformance_script_holds_for_dovecot";
    if !needs(TEST, &["python3"]) {
        return;
    }
    let Some(dovecot) = Dovecot::start(TEST) else { return };
    let home = Home::new();
    // Where a check differs, the script has the RFC's words. The other cases cannot be run: Dovecot
    // 2.3 hangs up behind 3 bad commands before the login and 20 behind it (RFC 3501 section 7.1.5
    // lets it), takes no literal8 and no LITERAL+ in some commands, which then wait for ever, and
    // tells no events while no command is in progress. Envelopes and nasty messages are compared
    // with it by `real_messages_are_told_as_dovecot_tells_them`.
    let script = support::args![
        peer_file("imap_conformance.py"),
        "every section",
        "every key",
        "sorted",
        "flags are",
        "copies",
        "lists are",
        "mailboxes come",
        "renaming",
        "changes since",
        "rev2 is",
        "rights",
        "results are",
        "urls let",
        "rarer"
    ];
    let mut invocation = home
        .command("python3", script)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("IMAP_IS_DOVECOT", "1");
    for (name, value) in dovecot.environment() {
        invocation = invocation.env(&name, value);
    }
    complete(invocation.within(LONG).run());
}

/// Real messages: every structure, envelope and section as Dovecot tells it, but for what the
/// script has the RFCs' words on.
#[test]
fn real_messages_are_told_as_dovecot_tells_them() {
    const TEST: &str = "real_messages_are_told_as_dovecot_tells_them";
    if !needs(TEST, &["python3"]) {
        return;
    }
    // The nasty ones of the script are compared also where the corpus is not.
    let corpus = support::mail::corpus_messages(TEST).and_then(|_| support::mail::corpus());
    let Some(dovecot) = Dovecot::start(TEST) else { return };
    let home = Home::new();
    let script = peer_file("imap_corpus.py");
    let more = ["--allow-cleartext", "--user", "alice:secret", "--", "python3"];
    let mut arguments: Vec<OsString> = vec!["serve-test".into()];
    arguments.extend(more.iter().map(OsString::from));
    arguments.push(script.into());
    arguments.extend(corpus.map(OsString::from));
    let mut invocation = home.pillarbox(&arguments).env("PYTHONDONTWRITEBYTECODE", "1");
    for (name, value) in dovecot.environment() {
        if let "IMAP_HOST" | "IMAP_PORT" | "PILLARBOX_USERS" = name.as_str() {
            let name = name.replace("PILLARBOX_", "");
            invocation = invocation.env(&format!("OTHER_{name}"), value);
        }
    }
    complete(invocation.within(LONG).run());
}

/// Five sessions at random on one mailbox: EXPUNGE only where it may be, nobody is told
/// anything else than the others, `\Recent` once.
#[test]
fn sessions_on_one_mailbox_are_told_the_same() {
    if !needs("sessions_on_one_mailbox_are_told_the_same", &["python3"]) {
        return;
    }
    let (storms, rounds) = if support::full() { (60, "20") } else { (4, "6") };
    let seed = std::process::id() % 100_000;
    for storm in 0..storms {
        let folder = Home::new();
        let store = format!("maildir:{}", folder.path().join("mail").display());
        let options = ["--store", &store];
        let options = if storm % 4 == 3 { &options[..] } else { &[] };
        let seed = (seed + storm).to_string();
        inside_serve_test_with(options, "imap_storm.py", &[rounds, &seed]);
    }
}

#[test]
fn hostile_clients_hurt_nobody() {
    if needs("hostile_clients_hurt_nobody", &["python3"]) {
        inside_serve_test(&[], "imap_hostile.py");
    }
}

#[test]
fn what_is_acknowledged_survives_a_kill() {
    if !needs("what_is_acknowledged_survives_a_kill", &["python3"]) {
        return;
    }
    let full = support::full();
    let rounds = if full { "200" } else { "6" };
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = since.map_or(1, |since| since.as_secs()).to_string();
    let home = Home::new();
    let script = support::args![peer_file("imap_killed.py"), BINARY, rounds, seed];
    let invocation = home.command("python3", script).env("PYTHONDONTWRITEBYTECODE", "1");
    complete(invocation.within(LONG).run());
}

#[test]
fn the_oldest_mail_makes_room() {
    if !needs("the_oldest_mail_makes_room", &["python3"]) {
        return;
    }
    const SCRIPT: &str = "\
import imaplib, os
client = imaplib.IMAP4(os.environ['IMAP_HOST'], int(os.environ['IMAP_PORT']), timeout=20)
client.login('alice', 'secret')
for n in range(40):
    assert client.append('INBOX', None, None, b'Subject: %d\\r\\n\\r\\n' % n + b'x' * 100000 + b'\\r\\n')[0] == 'OK'
client.select('INBOX')
client.noop()
uids = client.uid('SEARCH', 'ALL')[1][0].split()
assert 5 <= len(uids) <= 10 and uids[-1] == b'40', uids
# Delivered to two, and copied, with the copies' mailbox deleted: the cap holds all the same.
import smtplib
post = smtplib.SMTP(os.environ['SMTP_HOST'], int(os.environ['SMTP_PORT']), timeout=20)
for n in range(30):
    text = b'Subject: p%d\\r\\n\\r\\n' % n + (b'y' * 900 + b'\\r\\n') * 110
    post.sendmail('carol@example.test', ['alice@example.test', 'bob@example.test'], text)
    client.noop()
    client.create('copies')
    client.uid('COPY', client.uid('SEARCH', '*')[1][0], 'copies')
    client.delete('copies')
post.quit()
import time
for user in ('alice', 'bob'):
    reader = imaplib.IMAP4(os.environ['IMAP_HOST'], int(os.environ['IMAP_PORT']), timeout=20)
    reader.login(user, 'secret')
    for wait in range(100):
        count = int(reader.select('INBOX')[1][0])
        if count <= 10: break
        time.sleep(0.05)
    assert 5 <= count <= 10, (user, count)
print('ok ')
";
    let home = Home::new();
    let arguments = support::args![
        "serve-test",
        "--max-memory",
        "1M",
        "--allow-cleartext",
        "--user",
        "alice:secret",
        "--user",
        "bob:secret",
        "--",
        "python3",
        "-c",
        SCRIPT
    ];
    let run = home.pillarbox(arguments).within(LONG).run().success();
    assert!(run.errors().contains("memory is full"), "{run}");
}
