//! Clients of other makers against our servers, our client beside another on their server.
//!
//! The scripts of `tests/peers` run inside `serve-test -- CMD` with nothing but the environment
//! that it sets. The same scripts run against Dovecot and Postfix first, so that a mistake of a
//! script is not taken for one of ours.

mod support;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use support::{Dovecot, Home, Postfix, Run, Stored, mail, needs, peer_file};

/// A script may wait for queues and for IDLE.
const LONG: Duration = Duration::from_secs(180);

/// Runs a script of `tests/peers` inside `serve-test -- CMD`, which must not say a word more.
fn inside_serve_test(program: &str, script: &str) {
    let home = Home::new();
    let arguments = support::args![
        "serve-test",
        "--user",
        "alice:secret",
        "--user",
        "bob:secret",
        "--",
        program,
        peer_file(script),
    ];
    let run = home.pillarbox(arguments).env("PYTHONDONTWRITEBYTECODE", "1").within(LONG).run();
    complete(run);
}

/// The script ended well, and did not leave out all of its cases.
fn complete(run: Run) {
    let run = run.success();
    assert!(run.text().lines().any(|line| line.starts_with("ok ")), "nothing was tried:\n{run}");
}

/// Runs a script of `tests/peers` against servers that these variables name.
fn against(vars: Vec<(String, String)>, program: &str, script: &str, arguments: &[&str]) {
    let home = Home::new();
    let mut all: Vec<OsString> = vec![peer_file(script).into()];
    all.extend(arguments.iter().map(OsString::from));
    let mut invocation = home.command(program, &all).env("PYTHONDONTWRITEBYTECODE", "1");
    for (name, value) in vars {
        invocation = invocation.env(&name, value);
    }
    complete(invocation.within(LONG).run());
}

#[test]
fn smtplib_finds_a_real_server() {
    if needs("smtplib_finds_a_real_server", &["python3"]) {
        inside_serve_test("python3", "smtp_client.py");
    }
}

#[test]
fn imaplib_finds_a_real_server() {
    if needs("imaplib_finds_a_real_server", &["python3"]) {
        inside_serve_test("python3", "imap_client.py");
    }
}

#[test]
fn poplib_finds_a_real_server() {
    if needs("poplib_finds_a_real_server", &["python3"]) {
        inside_serve_test("python3", "pop_client.py");
    }
}

#[test]
fn curl_finds_real_servers() {
    if needs("curl_finds_real_servers", &["curl"]) {
        inside_serve_test("sh", "curl.sh");
    }
}

#[test]
fn swaks_finds_a_real_server() {
    if needs("swaks_finds_a_real_server", &["swaks"]) {
        inside_serve_test("sh", "swaks.sh");
    }
}

#[test]
fn mbsync_finds_a_real_server() {
    if needs("mbsync_finds_a_real_server", &["mbsync", "curl"]) {
        inside_serve_test("sh", "mbsync.sh");
    }
}

#[test]
fn the_imap_and_pop_scripts_hold_for_dovecot() {
    const TEST: &str = "the_imap_and_pop_scripts_hold_for_dovecot";
    if !needs(TEST, &["python3", "curl", "mbsync"]) {
        return;
    }
    let Some(dovecot) = Dovecot::start(TEST) else { return };
    against(dovecot.environment(), "python3", "imap_client.py", &[]);
    against(dovecot.environment(), "python3", "pop_client.py", &[]);
    against(dovecot.environment(), "sh", "curl.sh", &[]);
    against(dovecot.environment(), "sh", "mbsync.sh", &[]);
}

#[test]
fn the_smtp_scripts_hold_for_postfix() {
    const TEST: &str = "the_smtp_scripts_hold_for_postfix";
    if !needs(TEST, &["python3", "swaks"]) {
        return;
    }
    let Some(dovecot) = Dovecot::start(TEST) else { return };
    let Some(postfix) = Postfix::before(TEST, &dovecot) else { return };
    let mut vars = dovecot.environment();
    // One file with both authorities: the scripts trust a single one.
    let both = Home::new();
    let mut bundle = std::fs::read(dovecot.ca()).expect("the authority's own file");
    bundle.extend(std::fs::read(postfix.ca()).expect("the authority's own file"));
    let bundle = both.write("both.pem", bundle).display().to_string();
    for (name, value) in [("SSL_CERT_FILE", &bundle), ("CURL_CA_BUNDLE", &bundle)] {
        vars.push((name.to_owned(), value.clone()));
    }
    for (name, port) in [
        ("SMTP", postfix.smtp),
        ("SUBMISSION", postfix.submission),
        ("SUBMISSIONS", postfix.submissions),
    ] {
        vars.push((format!("{name}_HOST"), "localhost".to_owned()));
        vars.push((format!("{name}_PORT"), port.to_string()));
    }
    // Dovecot 2.3 has no SMTPUTF8 in LMTP, so Postfix returns such mail.
    against(vars.clone(), "python3", "smtp_client.py", &["!internationalised"]);
    against(vars, "sh", "swaks.sh", &[]);
}

/// How often each message is there: flags, then octets with LF.
type Census = BTreeMap<(String, Vec<u8>), usize>;

fn census(messages: impl IntoIterator<Item = (String, Vec<u8>)>) -> Census {
    let mut census = Census::new();
    for message in messages {
        *census.entry(message).or_default() += 1;
    }
    census
}

/// Fails with the messages that only one side has.
#[track_caller]
fn assert_same(what: &str, got: &Census, wanted: &Census) {
    let only = |a: &Census, b: &Census| -> Vec<String> {
        a.iter()
            .filter(|(message, count)| b.get(*message) != Some(*count))
            .map(|((flags, octets), count)| {
                let start = String::from_utf8_lossy(&octets[..octets.len().min(300)]).into_owned();
                format!("{count} x [{flags}] {} octets: {start:?}", octets.len())
            })
            .take(5)
            .collect()
    };
    let (surplus, missing) = (only(got, wanted), only(wanted, got));
    assert!(
        surplus.is_empty() && missing.is_empty(),
        "{what}\nonly got: {surplus:#?}\nonly wanted: {missing:#?}"
    );
}

/// A Maildir as it lies on the disk.
fn maildir_census(maildir: &Path, edit: impl Fn(Vec<u8>) -> Vec<u8>) -> Census {
    census(mail::maildir_files(maildir).into_iter().map(|path| {
        let octets = std::fs::read(&path).expect("a message can be read");
        (mail::maildir_flags(&path), edit(octets))
    }))
}

#[test]
fn mbsync_and_fetch_bring_the_same_octets() {
    const TEST: &str = "mbsync_and_fetch_bring_the_same_octets";
    if !needs(TEST, &["mbsync"]) {
        return;
    }
    let Some(dovecot) = Dovecot::start(TEST) else { return };

    // Dovecot's files have LF; a corpus message keeps the line ends that it came with.
    let mut messages: Vec<Vec<u8>> =
        mail::generate(7, 300).iter().map(|message| mail::to_lf(message)).collect();
    if let Some(corpus) = mail::corpus_messages(TEST) {
        messages.extend(corpus.into_iter().map(|(_, octets)| octets));
    }
    const FLAGS: [&str; 4] = ["", "S", "FS", "RS"];
    let stored: Vec<Stored<'_>> = messages
        .iter()
        .enumerate()
        .map(|(number, octets)| Stored {
            octets,
            flags: FLAGS[number % FLAGS.len()],
            received: 1_760_000_000 + 60 * number as u64,
        })
        .collect();
    dovecot.put("alice", "INBOX", &stored);

    let home = Home::new();
    let maildir = home.path().join("ours");
    let fetch = support::args![
        "fetch",
        format!("{}INBOX", dovecot.url("imaps", "alice")),
        "--ca-file",
        dovecot.ca(),
        "--to",
        format!("maildir:{}", maildir.display()),
    ];
    home.pillarbox(fetch).password("secret").within(LONG).run().success();
    let ours = maildir_census(&maildir, |octets| octets);

    // What is stored, as IMAP carries it: Dovecot shows NUL, which IMAP has no place for, as
    // 0x80.
    let wire = |octets: &[u8]| -> Vec<u8> {
        let nul_free: Vec<u8> =
            octets.iter().map(|octet| if *octet == 0 { 0x80 } else { *octet }).collect();
        mail::to_lf(&mail::to_crlf(&nul_free))
    };
    let wanted =
        census(stored.iter().map(|message| (message.flags.to_owned(), wire(message.octets))));
    assert_same("pillarbox fetch beside what Dovecot stores", &ours, &wanted);

    let far = home.path().join("theirs");
    std::fs::create_dir_all(&far).expect("a temporary folder can be created");
    let configuration = home.write(
        "mbsyncrc",
        format!(
            "SyncState *\n\nIMAPStore far\nHost localhost\nPort {port}\nUser alice\n\
             Pass secret\nSSLType IMAPS\nSystemCertificates no\nCertificateFile {ca}\n\n\
             MaildirStore near\nPath {path}/\nInbox {path}/INBOX\n\n\
             Channel c\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSync Pull\n",
            port = dovecot.imaps,
            ca = dovecot.ca().display(),
            path = far.display(),
        ),
    );
    let mbsync = support::args!["-q", "-c", configuration, "-a"];
    home.command("mbsync", mbsync).within(LONG).run().success();
    let theirs = maildir_census(&far.join("INBOX"), |octets| mail::without_tuid(&octets));

    // mbsync 1.4 leaves out a message whose header has no end, and drops a CR wherever it
    // stands; both are told apart here, everything else has to be the same.
    let without_its_losses = census(ours.iter().flat_map(|((flags, octets), count)| {
        let has_end = octets.starts_with(b"\n") || octets.windows(2).any(|pair| pair == b"\n\n");
        let kept: Vec<u8> = octets.iter().copied().filter(|octet| *octet != b'\r').collect();
        let times = if has_end { *count } else { 0 };
        std::iter::repeat_n((flags.clone(), kept), times)
    }));
    assert_same("mbsync beside pillarbox fetch", &theirs, &without_its_losses);
}
