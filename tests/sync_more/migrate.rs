//! A whole account moves from one server to another, is killed on its way, goes on, and is
//! compared in the end by programs that know nothing of ours.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::support::{
    Cyrus, Dovecot, Home, OtherClient, PATIENCE, Stored, dovecot::Options, wait_for,
};
use super::{DAY, MARCH, messages, put};

/// What a server says of a mailbox: subjects or sizes would not be enough, so for each message
/// its digest, its flags and its date.
fn told(port: u16, user: &str, mailbox: &str) -> Vec<String> {
    let mut client = OtherClient::login(port, user, "secret");
    client.command(&format!("EXAMINE \"{mailbox}\""));
    let mut all: Vec<String> = client
        .command("FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        .join("\n")
        .split("\n* ")
        .map(|text| {
            let flags = between(text, "FLAGS (", ")");
            let mut flags: Vec<&str> =
                flags.split(' ').filter(|flag| !flag.is_empty() && *flag != "\\Recent").collect();
            flags.sort_unstable();
            let id = text.lines().find(|line| line.to_lowercase().starts_with("message-id:"));
            let date = between(text, "INTERNALDATE \"", "\"").trim();
            format!("{} {} {date}", id.unwrap_or("-").to_lowercase(), flags.join(" "))
        })
        .collect();
    all.sort();
    all
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let rest = text.split_once(from).map_or("", |(_, rest)| rest);
    rest.split_once(to).map_or("", |(inner, _)| inner)
}

/// An account with folders, flags, keywords, dates and a folder for sent mail.
fn furnish(dovecot: &Dovecot) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for (seed, mailbox, count) in
        [(1, "INBOX", 60), (2, "Lists/rust", 40), (3, "Sent", 25), (4, "Entw&APw-rfe", 10)]
    {
        // A server may refuse what is no message, and the others cannot be told apart.
        let mut all = messages(seed, count * 2);
        all.retain(|message| {
            let text = String::from_utf8_lossy(message);
            text.lines().any(|line| line.to_lowercase().starts_with("message-id:"))
                && message.windows(2).any(|pair| pair == b"\n\n")
                && !message.contains(&0)
        });
        all.truncate(count);
        let stored: Vec<Stored<'_>> = all
            .iter()
            .enumerate()
            .map(|(number, octets)| Stored {
                octets,
                flags: ["", "S", "FS", "RS", "D"][number % 5],
                received: MARCH + number as u64 * DAY + 3_600,
            })
            .collect();
        dovecot.put("alice", mailbox, &stored);
        counts.insert(mailbox, all.len());
    }
    let mut client = OtherClient::login(dovecot.imap, "alice", "secret");
    client.select("INBOX");
    client.command("STORE 1:5 +FLAGS ($Important holiday)");
    counts
}

/// Runs a migration, killed several times on its way, to its end.
fn migrate(home: &Home, words: &[&str], enough: impl Fn() -> usize) {
    // Killed once each third of the mail has come.
    for part in [20, 70] {
        let running = home.pillarbox(words).password("secret").spawn();
        let begun = std::time::Instant::now();
        while enough() < part && begun.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(2));
        }
        running.kill();
        running.wait(Duration::from_secs(30));
    }
    home.pillarbox(words).password("secret").run().success();
    let run = home.pillarbox(words).password("secret").run().success();
    super::nothing(&run);
}

#[test]
fn from_one_dovecot_to_another() {
    let test = "from_one_dovecot_to_another";
    let options = Options { separator: '.', ..Options::default() };
    let (Some(old), Some(new)) = (Dovecot::start(test), Dovecot::with(test, &options)) else {
        return;
    };
    let home = Home::new();
    let counts = furnish(&old);
    let (from, to) = (old.url("imaps", "alice"), new.url("imaps", "alice"));
    let (old_ca, new_ca) = (old.ca(), new.ca());
    let (old_ca, new_ca) = (old_ca.to_str().expect("UTF-8"), new_ca.to_str().expect("UTF-8"));
    let servers = ["--far-ca-file", old_ca, "--near-ca-file", new_ca];
    let words = [&["sync", &from, &to, "--copy", "--special-use", "--json"], &servers[..]].concat();
    let arrived = || {
        ["INBOX", "Lists.rust", "Sent"]
            .iter()
            .map(|mailbox| new.messages("alice", mailbox).len())
            .sum()
    };
    migrate(&home, &words, arrived);
    for (mailbox, count) in counts {
        let there = told(old.imap, "alice", mailbox);
        let here = told(new.imap, "alice", &mailbox.replace('/', "."));
        assert_eq!(there.len(), count, "{mailbox}");
        assert_eq!(there, here, "{mailbox}");
    }
    let words = [&["sync", "verify", &from, &to, "--json"], &servers[..]].concat();
    let run = home.pillarbox(&words).password("secret").run().success();
    let last = run.json_lines().pop().unwrap_or_default();
    assert_eq!((&last["type"], &last["differences"]), (&"verified".into(), &0.into()), "{run}");
}

#[test]
fn from_dovecot_to_cyrus() {
    let test = "from_dovecot_to_cyrus";
    let (Some(old), Some(new)) = (Dovecot::start(test), Cyrus::start(test)) else { return };
    let home = Home::new();
    let counts = furnish(&old);
    let from = old.url("imaps", "alice");
    let to = format!("imaps://alice@localhost:{}/", new.imaps);
    let (old_ca, new_ca) = (old.ca(), new.ca());
    let (old_ca, new_ca) = (old_ca.to_str().expect("UTF-8"), new_ca.to_str().expect("UTF-8"));
    let native = ["--near-tls-backend", "native"];
    let servers = [&["--far-ca-file", old_ca, "--near-ca-file", new_ca], &native[..]].concat();
    let words = [&["sync", &from, &to, "--copy", "--json"], &servers[..]].concat();
    // The first run is killed once some of the mail has come.
    let running = home.pillarbox(&words).password("secret").spawn();
    wait_for("mail at Cyrus", PATIENCE, || (new.stored() > 0).then_some(()));
    running.kill();
    let killed = running.wait(PATIENCE);
    assert!(killed.code.is_none() || killed.code == Some(0), "{killed}");
    let run = home.pillarbox(&words).password("secret").run().success();
    let run_again = home.pillarbox(&words).password("secret").run().success();
    super::nothing(&run_again);
    let words = [&["sync", "verify", &from, &to, "--json"], &servers[..]].concat();
    let verified = home.pillarbox(&words).password("secret").run().success();
    let last: Value = verified.json_lines().pop().unwrap_or_default();
    let messages: usize = counts.values().sum();
    assert_eq!(last["differences"], 0, "{run}{verified}");
    assert_eq!(last["messages"], messages, "{run}{verified}");
    // What the folder for sent mail is for came along with it.
    let listed = home
        .pillarbox(&["folder", "list", &to, "--json", "--ca-file", new_ca])
        .args(["--tls-backend", "native"])
        .password("secret")
        .run()
        .success();
    let lines = listed.json_lines();
    let sent = lines.iter().find(|line| line["name"] == "Sent");
    let special = sent.map(|line| line["special_use"].to_string()).unwrap_or_default();
    assert!(special.contains("Sent"), "{special}\n{listed}");
}

#[test]
fn verify_tells_what_is_missing_and_what_is_changed() {
    let test = "verify_tells_what_is_missing_and_what_is_changed";
    let Some(pair) = super::Pair::start(test) else { return };
    put(&pair.dovecot, "alice", "INBOX", &super::letters("a", 5));
    pair.sync(&[]).run().success();
    let url = pair.dovecot.url("imaps", "alice");
    let verify = || pair.command(&["verify", &url, "maildir:near", "--json"]).run();
    verify().success();
    // One octet is another: the size says nothing, the digest does.
    let path = super::mail::maildir_files(&pair.near("INBOX")).remove(1);
    let text = std::fs::read_to_string(&path).expect("a message").replace("Text", "Test");
    std::fs::write(&path, text).expect("spoilt");
    let run = verify().expect(81);
    let kinds: Vec<(String, String)> = run
        .json_lines()
        .iter()
        .filter(|line| line["type"] == "only")
        .map(|line| {
            (line["side"].as_str().unwrap_or_default().to_owned(), line["folder"].to_string())
        })
        .collect();
    assert_eq!(kinds.len(), 2, "{run}");
    assert!(
        kinds.iter().any(|(side, _)| side == "far") && kinds.iter().any(|(side, _)| side == "near")
    );
}
