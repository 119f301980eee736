//! The periphery of `sync`: plans carried out later, what is chosen and under which names,
//! watching, the doctor, fleets, and the migration of whole accounts, all with real peers.

#[path = "../support/mod.rs"]
mod support;

mod broken;
mod choice;
mod doctor;
mod fleet;
mod migrate;
mod plan;
mod servers;
mod stamps;
mod steps;
mod trips;
mod watch;
mod world;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Dovecot, Home, Invocation, OtherClient, Run, Stored, mail};

/// Messages as files hold them; those of different seeds differ.
pub fn messages(seed: u64, count: usize) -> Vec<Vec<u8>> {
    mail::generate(seed, count).iter().map(|message| mail::to_lf(message)).collect()
}

/// Small messages with a subject each, one day after the other from 2026-03-01 on.
pub fn letters(name: &str, count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| {
            format!(
                "From: ann@example.test\nSubject: {name} {number}\n\
                 Message-ID: <{name}.{number}@example.test>\n\nText of {name} {number}.\n"
            )
            .into_bytes()
        })
        .collect()
}

/// Midnight of 2026-03-01, UTC.
pub const MARCH: u64 = 1_772_323_200;

/// Seconds of a day.
pub const DAY: u64 = 86_400;

/// Puts messages into a mailbox of Dovecot's, a day between one and the next.
pub fn put(dovecot: &Dovecot, user: &str, mailbox: &str, messages: &[Vec<u8>]) {
    let stored: Vec<Stored<'_>> = (0..)
        .zip(messages)
        .map(|(number, octets)| Stored { octets, flags: "S", received: MARCH + number * DAY })
        .collect();
    dovecot.put(user, mailbox, &stored);
}

/// The subjects in a Maildir, in order.
pub fn subjects(maildir: &Path) -> Vec<String> {
    let mut all: Vec<String> = mail::maildir_files(maildir)
        .iter()
        .map(|path| {
            let text =
                String::from_utf8_lossy(&std::fs::read(path).expect("a message")).into_owned();
            let line = text.lines().find_map(|line| line.strip_prefix("Subject: "));
            line.unwrap_or_default().to_owned()
        })
        .collect();
    all.sort();
    all
}

/// A Dovecot, and a Maildir beside it.
pub struct Pair {
    pub dovecot: Dovecot,
    pub home: Home,
}

impl Pair {
    pub fn start(test: &str) -> Option<Pair> {
        Some(Pair { dovecot: Dovecot::start(test)?, home: Home::new() })
    }

    pub fn near(&self, folder: &str) -> PathBuf {
        let root = self.home.path().join("near");
        if folder == "INBOX" { root } else { root.join(format!(".{folder}")) }
    }

    pub fn far(&self, folder: &str) -> PathBuf {
        self.dovecot.maildir("alice", folder)
    }

    /// `pillarbox sync`, with what the server needs.
    pub fn command(&self, words: &[&str]) -> Invocation {
        let mut all = vec!["sync"];
        all.extend_from_slice(words);
        self.home.pillarbox(&all).arg("--ca-file").arg(self.dovecot.ca()).password("secret")
    }

    pub fn sync(&self, options: &[&str]) -> Invocation {
        let url = self.dovecot.url("imaps", "alice");
        let mut words = vec![url.as_str(), "maildir:near", "--json"];
        words.extend_from_slice(options);
        self.command(&words)
    }

    pub fn other(&self) -> OtherClient {
        OtherClient::login(self.dovecot.imap, "alice", "secret")
    }
}

/// The result of a run.
#[track_caller]
pub fn result(run: &Run) -> Value {
    let last = run.json_lines().pop().unwrap_or_else(|| panic!("nothing was printed\n{run}"));
    assert_eq!(last["type"], "result", "{run}");
    last
}

/// How many messages went near, and how many far.
#[track_caller]
pub fn copied(run: &Run) -> (u64, u64) {
    let result = result(run);
    let of = |side: &str| result[side]["copied"].as_u64().unwrap_or_default();
    (of("near"), of("far"))
}

/// A run that finds nothing to do.
#[track_caller]
pub fn nothing(run: &Run) {
    let result = result(run);
    for side in ["far", "near"] {
        for count in ["created", "copied", "flagged", "deleted", "expired"] {
            assert_eq!(
                result[side][count].as_u64().unwrap_or_default(),
                0,
                "{side} {count}\n{run}"
            );
        }
    }
}

/// Every file below a folder with its content, but for Dovecot's own.
pub fn snapshot(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    let Ok(entries) = std::fs::read_dir(root) else { return all };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(snapshot(&path));
        } else if !entry.file_name().to_string_lossy().starts_with("dovecot") {
            all.push((path.clone(), std::fs::read(&path).expect("a file")));
        }
    }
    all.sort();
    all
}
