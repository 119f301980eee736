//! Crashes: runs killed at any moment, and connections cut after any octet. Nothing is half
//! there, nothing lost, nothing twice, and nobody is told what is not true.
//!
//! Each storm has a seed, which is printed; `PILLARBOX_SEED` repeats one, `PILLARBOX_FULL=1`
//! makes them long.

mod steps;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use support::mail::Random;
use support::{
    Dovecot, Home, Invocation, OtherClient, PATIENCE, Run, ServeTest, SmtpSink, Stored, args, full,
    mail,
};

/// The seed of a storm, printed.
fn seed(test: &str, usual: u64) -> Random {
    let given = std::env::var("PILLARBOX_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or(usual);
    eprintln!("{test}: PILLARBOX_SEED={seed}");
    Random::new(seed)
}

fn contents(maildir: &Path) -> Vec<Vec<u8>> {
    mail::maildir_files(maildir).iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// Sleeps a part of `most`, which the generator chooses.
fn a_while(random: &mut Random, most: Duration) -> Duration {
    most * u32::try_from(random.below(1000)).unwrap_or(0) / 1000
}

/// Killed at any moment, a collection that deletes what it has brought loses nothing; what it
/// had stored and not written down comes twice at the most.
#[test]
fn fetch_that_deletes_killed_and_run_again() {
    let test = "fetch_that_deletes_killed_and_run_again";
    let count = 120;
    let originals: Vec<Vec<u8>> =
        mail::generate(5, count)
            .iter()
            .map(|message| mail::to_lf(message))
            .map(|message| {
                if message.ends_with(b"\n") { message } else { [message, b"\n".to_vec()].concat() }
            })
            .collect();
    let mut random = seed(test, 2);
    let (mut kills, mut doubles) = (0, 0);
    for round in 0..if full() { 20 } else { 2 } {
        for (scheme, tail) in [("imaps", "INBOX"), ("pop3s", "")] {
            let Some(dovecot) = Dovecot::start(test) else { return };
            let stored: Vec<Stored<'_>> = originals
                .iter()
                .map(|octets| Stored { octets, flags: "", received: 1_772_532_000 })
                .collect();
            dovecot.put("alice", "INBOX", &stored);
            let home = Home::new();
            let source = format!("{}{tail}", dovecot.url(scheme, "alice"));
            let fetch = || {
                let to = ["maildir:box", "mbox:box.mbox"][round % 2];
                home.pillarbox(args!["fetch", &source, "--to", to, "--then", "delete"])
                    .arg("--ca-file")
                    .arg(dovecot.ca())
                    .password("secret")
            };
            for _ in 0..6 {
                let running = fetch().spawn();
                std::thread::sleep(a_while(&mut random, Duration::from_millis(150)));
                running.kill();
                kills += usize::from(running.wait(PATIENCE).signal.is_some());
            }
            let run = fetch().run().success();
            assert!(dovecot.messages("alice", "INBOX").is_empty(), "{run}");
            let held = if round % 2 == 0 {
                contents(&home.path().join("box"))
            } else {
                let fetch = args!["fetch", "mbox:box.mbox", "--to", "maildir:read"];
                home.pillarbox(fetch).run().success();
                contents(&home.path().join("read"))
            };
            for original in &originals {
                let times = held.iter().filter(|message| *message == original).count();
                assert!((1..=7).contains(&times), "{times} times after {scheme} {round}");
                doubles += times - 1;
            }
        }
    }
    eprintln!("{test}: {kills} kills, {doubles} messages brought again, none lost");
    assert!(kills > 0, "nothing was killed");
}

/// The same for the other kinds of target: files, a command, a server that delivers, a folder of
/// another account.
#[test]
fn fetch_that_deletes_killed_whatever_the_target() {
    let test = "fetch_that_deletes_killed_whatever_the_target";
    let count = 40;
    let mark = |number: usize| format!("Subject: mark-{number:03}-");
    let originals: Vec<Vec<u8>> = (0..count)
        .map(|number| {
            format!(
                "From: a@example.test\n{}\nMessage-ID: <{number}@x.test>\n\n{}\n",
                mark(number),
                "text ".repeat(200 + number)
            )
            .into_bytes()
        })
        .collect();
    let mut random = seed(test, 3);
    let (mut kills, mut doubles) = (0, 0);
    for (number, target) in ["eml", "exec", "lmtp", "imap"].iter().enumerate() {
        let schemes = [("imaps", "INBOX"), ("pop3s", "")];
        let schemes = if full() { &schemes[..] } else { &schemes[number % 2..][..1] };
        for (scheme, tail) in schemes {
            let Some(dovecot) = Dovecot::start(test) else { return };
            let stored: Vec<Stored<'_>> = originals
                .iter()
                .map(|octets| Stored { octets, flags: "", received: 1_772_532_000 })
                .collect();
            dovecot.put("alice", "INBOX", &stored);
            let home = Home::new();
            let source = format!("{}{tail}", dovecot.url(scheme, "alice"));
            let lmtp = format!("lmtp://localhost:{}", dovecot.lmtp);
            let theirs = format!("{}INBOX", dovecot.url("imaps", "bob"));
            let keep = "cat > part.$$ && mv part.$$ got.$$";
            let to: &[&str] = match *target {
                "eml" => &["--to", "eml:files"],
                "exec" => &["--exec", keep],
                "lmtp" => &["--to", &lmtp, "--rcpt", "bob@example.test"],
                _ => &["--to", &theirs],
            };
            let fetch = || {
                home.pillarbox(&["fetch", &source, "--then", "delete"])
                    .args(to)
                    .env("SSL_CERT_FILE", dovecot.ca())
                    .password("secret")
            };
            for _ in 0..4 {
                let running = fetch().spawn();
                std::thread::sleep(a_while(&mut random, Duration::from_millis(250)));
                running.kill();
                kills += usize::from(running.wait(PATIENCE).signal.is_some());
            }
            let run = fetch().run().success();
            assert!(dovecot.messages("alice", "INBOX").is_empty(), "{target}\n{run}");
            let held: Vec<String> = match *target {
                "eml" | "exec" => {
                    let folder =
                        if *target == "eml" { home.path().join("files") } else { home.path() };
                    std::fs::read_dir(folder)
                        .expect("the target")
                        .filter_map(|entry| entry.ok())
                        .filter(|entry| {
                            let name = entry.file_name().to_string_lossy().into_owned();
                            name.ends_with(".eml") || name.starts_with("got.")
                        })
                        .map(|entry| std::fs::read_to_string(entry.path()).expect("a message"))
                        .collect()
                }
                _ => dovecot
                    .messages("bob", "INBOX")
                    .iter()
                    .map(|octets| String::from_utf8_lossy(octets).into_owned())
                    .collect(),
            };
            for (number, original) in originals.iter().enumerate() {
                let mark = mark(number);
                let found: Vec<&String> =
                    held.iter().filter(|message| message.contains(&mark)).collect();
                assert!((1..=5).contains(&found.len()), "{} times {mark} by {target}", found.len());
                doubles += found.len() - 1;
                let whole = String::from_utf8_lossy(original);
                let (_, body) = whole.split_once("\n\n").expect("a body");
                for message in found {
                    let message = message.replace("\r\n", "\n");
                    assert!(message.ends_with(body), "half of {mark} by {target}");
                }
            }
        }
    }
    eprintln!("{test}: {kills} kills, {doubles} messages brought again, none lost");
    assert!(kills > 0, "nothing was killed");
}

#[test]
fn fetch_killed_and_run_again() {
    let test = "fetch_killed_and_run_again";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let count = 300;
    let originals: Vec<Vec<u8>> =
        mail::generate(3, count).iter().map(|message| mail::to_lf(message)).collect();
    let stored: Vec<Stored<'_>> = originals
        .iter()
        .enumerate()
        .map(|(number, octets)| Stored {
            octets,
            flags: if number % 2 == 0 { "S" } else { "" },
            received: 1_772_532_000 + number as u64,
        })
        .collect();
    dovecot.put("alice", "INBOX", &stored);
    let known: BTreeSet<&[u8]> = originals.iter().map(Vec::as_slice).collect();
    assert_eq!(known.len(), count, "all differ");

    let fetch = |home: &Home| -> Invocation {
        home.pillarbox(args!["fetch", dovecot.url("imaps", "alice"), "--to", "maildir:box"])
            .arg("--ca-file")
            .arg(dovecot.ca())
            .password("secret")
    };
    let usual = fetch(&Home::new()).run().success().elapsed;
    let mut random = seed(test, 1);
    let (mut kills, mut partly, mut left_in_tmp) = (0, 0, 0);
    for round in 0..if full() { 100 } else { 10 } {
        let home = Home::new();
        let maildir = home.path().join("box");
        // Every other pair of rounds remembers what was brought.
        let is_new = round % 4 >= 2;
        let fetch = |home: &Home| if is_new { fetch(home).arg("--new") } else { fetch(home) };
        let running = fetch(&home).spawn();
        if round % 2 == 0 {
            std::thread::sleep(a_while(&mut random, usual));
        } else {
            // In the middle of the renames, which are soon over.
            let some = 1 + random.below(count);
            let start = Instant::now();
            while mail::maildir_files(&maildir).len() < some && start.elapsed() < 2 * usual {}
        }
        running.kill();
        let run = running.wait(PATIENCE);
        kills += usize::from(run.signal.is_some());
        let left = contents(&maildir);
        for message in &left {
            assert!(known.contains(message.as_slice()), "half a message in round {round}");
        }
        partly += usize::from(!left.is_empty() && left.len() < count);
        let tmp = std::fs::read_dir(maildir.join("tmp")).map_or(0, Iterator::count);
        left_in_tmp += usize::from(tmp > 0);

        fetch(&home).run().success();
        let now = contents(&maildir);
        for message in &now {
            assert!(known.contains(message.as_slice()), "half a message after round {round}");
        }
        // What was stored and not yet written down comes again; rather twice than never.
        let most = left.len() + count;
        let is_right = if is_new { (count..=most).contains(&now.len()) } else { now.len() == most };
        assert!(is_right, "{} messages after {} and {count}", now.len(), left.len());
        if is_new {
            fetch(&home).run().success();
            assert_eq!(contents(&maildir).len(), now.len(), "nothing is new any more");
        }
        let distinct: BTreeSet<&[u8]> = now.iter().map(Vec::as_slice).collect();
        assert_eq!(distinct.len(), count, "a message is missing in round {round}");
        // What was left in tmp is nobody's message.
        if tmp > 0 && round < 4 {
            let arguments = args!["fetch", "maildir:box", "--headers=subject", "--json"];
            let listed = home.run(arguments).success();
            assert_eq!(listed.lines().len(), now.len(), "{listed}");
        }
    }
    eprintln!(
        "{test}: {kills} kills, {partly} of them between the first and the last rename, \
         {left_in_tmp} left files in tmp"
    );
    assert!(kills > 0, "every run was over before its kill");
}

/// An account and a Maildir that change on both sides while syncs of them are killed.
struct Storm {
    dovecot: Dovecot,
    home: Home,
    other: OtherClient,
    random: Random,
    /// Every message that came, by number.
    messages: Vec<Arrived>,
    /// So many of them have been carried over, and that has been written down.
    settled: usize,
    /// What was done to which message, for people who look for an error.
    history: Vec<String>,
    /// Messages that got \Flagged at the server; they keep it.
    flagged: BTreeSet<usize>,
    /// Messages that got \Seen in the Maildir.
    seen: BTreeSet<usize>,
    changes: BTreeMap<&'static str, usize>,
}

/// A message that came while it stormed.
struct Arrived {
    folder: &'static str,
    side: Side,
    /// Nobody has deleted it.
    is_there: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Far,
    Near,
}

const FOLDERS: [&str; 2] = ["INBOX", "Work"];

/// A header field that names a message in a way that can be searched for.
fn mark(number: usize) -> String {
    format!("={number}=")
}

impl Storm {
    fn message(&mut self, number: usize) -> Vec<u8> {
        let mut message = String::from("From: a@example.test\r\n");
        // Some have nothing but their content to be known by.
        if !number.is_multiple_of(7) {
            message.push_str(&format!("Message-ID: <{number}.storm@example.test>\r\n"));
        }
        message.push_str(&format!("X-Number: {}\r\nSubject: storm\r\n\r\n", mark(number)));
        for _ in 0..self.random.below(400) {
            message.push_str("All work and no play makes a dull mailbox, again and again.\r\n");
        }
        message.into_bytes()
    }

    fn near(&self, folder: &str) -> PathBuf {
        let root = self.home.path().join("near");
        if folder == "INBOX" { root } else { root.join(format!(".{folder}")) }
    }

    /// How many messages the Maildir and the server have.
    fn sizes(&self) -> (usize, usize) {
        let count = |maildir: PathBuf| mail::maildir_files(&maildir).len();
        let near = FOLDERS.iter().map(|folder| count(self.near(folder))).sum();
        let far = FOLDERS.iter().map(|folder| count(self.dovecot.maildir("alice", folder))).sum();
        (near, far)
    }

    fn sync(&self) -> Invocation {
        self.sync_into("maildir:near")
    }

    fn sync_into(&self, near: &str) -> Invocation {
        self.home
            .pillarbox(args!["sync", self.dovecot.url("imaps", "alice"), near, "--json"])
            .arg("--max-delete")
            .arg("1000")
            .arg("--ca-file")
            .arg(self.dovecot.ca())
            .password("secret")
    }

    fn new_number(&mut self, folder: &'static str, side: Side) -> usize {
        self.messages.push(Arrived { folder, side, is_there: true });
        self.messages.len() - 1
    }

    fn arrive_far(&mut self) {
        let folder = *self.random.choose(&FOLDERS);
        let number = self.new_number(folder, Side::Far);
        let message = self.message(number);
        self.other.append(folder, "", &message);
        self.note("arrived far", number);
    }

    fn arrive_near(&mut self) {
        let folder = *self.random.choose(&FOLDERS);
        let near = self.near(folder);
        if !near.join("cur").is_dir() {
            return;
        }
        let number = self.new_number(folder, Side::Near);
        let message = mail::to_lf(&self.message(number));
        let name = format!("{}.M{number}P1.other", 1_772_532_000 + number);
        let tmp = near.join("tmp").join(&name);
        std::fs::write(&tmp, message).expect("a message can be written");
        std::fs::rename(&tmp, near.join("new").join(&name)).expect("a message can be delivered");
        self.note("arrived near", number);
    }

    /// A message that is still there, to be flagged.
    fn next_flag(&mut self) -> Option<(usize, &'static str)> {
        let number = self.random.below(self.messages.len());
        let message = &self.messages[number];
        (message.is_there && number % 5 != 4).then_some((number, message.folder))
    }

    /// A message that is still there, to be deleted on a side. A copy that nobody has written
    /// down yet is not deleted: who finds an intent and no copy has to make it once more.
    fn next_deletion(&mut self, side: Side) -> Option<(usize, &'static str)> {
        let number = self.random.below(self.messages.len());
        let message = &self.messages[number];
        let may_go = message.side == side || number < self.settled;
        (message.is_there && number % 5 == 4 && may_go).then_some((number, message.folder))
    }

    fn flag_far(&mut self) {
        let Some((number, folder)) = self.next_flag() else { return };
        self.other.select(folder);
        for uid in self.other.search(&format!("HEADER X-Number {}", mark(number))) {
            self.other.command(&format!("UID STORE {uid} +FLAGS.SILENT (\\Flagged)"));
            self.flagged.insert(number);
            self.note("flagged far", number);
        }
    }

    fn delete_far(&mut self) {
        let Some((number, folder)) = self.next_deletion(Side::Far) else { return };
        self.other.select(folder);
        for uid in self.other.search(&format!("HEADER X-Number {}", mark(number))) {
            self.other.command(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"));
            self.other.command(&format!("UID EXPUNGE {uid}"));
            self.messages[number].is_there = false;
            self.note("deleted far", number);
        }
    }

    /// Does something with the file of a message in the Maildir; looks again where the sync
    /// has just renamed it.
    fn with_near(
        &mut self,
        chosen: Option<(usize, &'static str)>,
        act: impl Fn(&Path) -> std::io::Result<()>,
    ) -> Option<usize> {
        let (number, folder) = chosen?;
        let near = self.near(folder);
        for _ in 0..3 {
            let wanted = format!("X-Number: {}\n", mark(number)).into_bytes();
            let path = mail::maildir_files(&near).into_iter().find(|path| {
                std::fs::read(path)
                    .is_ok_and(|octets| octets.windows(wanted.len()).any(|window| window == wanted))
            })?;
            if act(&path).is_ok() {
                return Some(number);
            }
        }
        None
    }

    fn see_near(&mut self) {
        let chosen = self.next_flag();
        let done = self.with_near(chosen, |path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let (unique, flags) = name.split_once(":2,").unwrap_or((&name, ""));
            let mut letters: BTreeSet<char> = flags.chars().collect();
            letters.insert('S');
            let flags: String = letters.into_iter().collect();
            let cur = path.parent().and_then(Path::parent).unwrap_or(path).join("cur");
            std::fs::rename(path, cur.join(format!("{unique}:2,{flags}")))
        });
        if let Some(number) = done {
            self.seen.insert(number);
            self.note("seen near", number);
        }
    }

    fn delete_near(&mut self) {
        let chosen = self.next_deletion(Side::Near);
        if let Some(number) = self.with_near(chosen, |path| std::fs::remove_file(path)) {
            self.messages[number].is_there = false;
            self.note("deleted near", number);
        }
    }

    fn note(&mut self, change: &'static str, number: usize) {
        *self.changes.entry(change).or_default() += 1;
        self.history.push(format!("{number} {change}"));
    }

    /// What was done while this message was there.
    fn history(&self, numbers: &[&usize]) -> String {
        let is_about = |line: &&String| {
            let number = line.split(' ').next().and_then(|number| number.parse().ok());
            number.is_none_or(|number: usize| numbers.contains(&&number))
        };
        let lines: Vec<&str> = self.history.iter().filter(is_about).map(String::as_str).collect();
        lines.join("; ")
    }

    fn change(&mut self) {
        match self.random.below(9) {
            0..=1 => self.arrive_far(),
            2..=3 => self.arrive_near(),
            4..=5 => self.flag_far(),
            6 => self.see_near(),
            7 => self.delete_far(),
            _ => self.delete_near(),
        }
    }

    /// The messages of a Maildir by number: how often each is there, its content and flags.
    fn found(maildir: &Path) -> BTreeMap<usize, Vec<(Vec<u8>, String)>> {
        let mut found: BTreeMap<usize, Vec<(Vec<u8>, String)>> = BTreeMap::new();
        for path in mail::maildir_files(maildir) {
            let octets = std::fs::read(&path).expect("a message can be read");
            let text = String::from_utf8_lossy(&octets);
            let number = text
                .split_once("X-Number: =")
                .and_then(|(_, rest)| rest.split_once('='))
                .and_then(|(number, _)| number.parse().ok())
                .unwrap_or_else(|| panic!("half a message: {}\n{text}", path.display()));
            let flags: String = mail::maildir_flags(&path)
                .chars()
                .filter(|letter| letter.is_ascii_uppercase())
                .collect();
            found.entry(number).or_default().push((octets, flags));
        }
        found
    }

    /// That both sides have what is to be there, once, with the same flags.
    #[track_caller]
    fn check(&self, run: &Run) {
        for folder in FOLDERS {
            let far = Storm::found(&self.dovecot.maildir("alice", folder));
            let near = Storm::found(&self.near(folder));
            let wanted: BTreeSet<usize> = (0..self.messages.len())
                .filter(|number| {
                    let message = &self.messages[*number];
                    message.folder == folder && message.is_there
                })
                .collect();
            for (side, found) in [("far", &far), ("near", &near)] {
                let there: BTreeSet<usize> = found.keys().copied().collect();
                let lost: Vec<_> = wanted.difference(&there).collect();
                let undead: Vec<_> = there.difference(&wanted).collect();
                let twice: Vec<_> =
                    found.iter().filter(|(_, copies)| copies.len() > 1).map(|(n, _)| n).collect();
                assert!(
                    lost.is_empty() && undead.is_empty() && twice.is_empty(),
                    "{folder}, {side}: lost {lost:?}, undead {undead:?}, twice {twice:?}\n{}\n{run}",
                    self.history(&[lost.as_slice(), &undead, &twice].concat())
                );
            }
            for number in wanted {
                let (far, near) = (&far[&number][0], &near[&number][0]);
                assert!(mail::to_lf(&far.0) == mail::to_lf(&near.0), "{number} differs\n{run}");
                assert_eq!(far.1, near.1, "flags of {number} in {folder}\n{run}");
                assert!(!self.flagged.contains(&number) || far.1.contains('F'), "{number}");
                assert!(!self.seen.contains(&number) || far.1.contains('S'), "{number}");
            }
        }
    }
}

#[test]
fn sync_killed_while_both_sides_change() {
    let test = "sync_killed_while_both_sides_change";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let mut other = OtherClient::login(dovecot.imap, "alice", "secret");
    other.command("CREATE Work");
    let mut storm = Storm {
        dovecot,
        home: Home::new(),
        other,
        random: seed(test, 2),
        messages: Vec::new(),
        settled: 0,
        history: Vec::new(),
        flagged: BTreeSet::new(),
        seen: BTreeSet::new(),
        changes: BTreeMap::new(),
    };
    for _ in 0..40 {
        storm.arrive_far();
    }
    // How long a run takes that nobody kills, into another place.
    let mut usual = storm.sync_into("maildir:measured").run().success().elapsed;
    let wanted = if full() { 500 } else { 15 };
    let (mut kills, mut ended, mut rounds) = (0, 0, 0);
    while kills < wanted {
        rounds += 1;
        assert!(rounds < 4 * wanted, "most runs end before they are killed");
        for _ in 0..storm.random.below(6) {
            storm.change();
        }
        let (start, before) = (Instant::now(), storm.sizes());
        let running = storm.sync().spawn();
        let deadline = a_while(&mut storm.random, usual);
        match rounds % 3 {
            // At any time, while others are at work.
            0 => {
                while start.elapsed() < deadline {
                    std::thread::sleep(a_while(&mut storm.random, deadline / 3));
                    storm.change();
                }
            }
            // As soon as something has arrived in the Maildir or at the server, and nobody may
            // have written that down yet.
            kind => loop {
                let now = storm.sizes();
                let is_changed = if kind == 1 { now.0 != before.0 } else { now.1 != before.1 };
                if is_changed || start.elapsed() > usual {
                    std::thread::sleep(a_while(&mut storm.random, Duration::from_millis(3)));
                    break;
                }
            },
        }
        running.kill();
        let run = running.wait(PATIENCE);
        match run.code {
            None => {
                kills += 1;
                storm.history.push(format!("killed {rounds}"));
            }
            Some(0) => {
                ended += 1;
                usual = usual.min(run.elapsed);
                storm.history.push(format!("ended {rounds}"));
            }
            Some(_) => panic!("round {rounds}:\n{run}"),
        }
        if rounds % 8 == 0 {
            // Now and then one is let live, and does not leave anything.
            let count = storm.messages.len();
            storm.sync().run().success();
            storm.settled = count;
            storm.history.push(format!("settled {rounds}"));
        }
    }
    // A run that nobody kills while both sides change.
    let running = storm.sync().spawn();
    for _ in 0..8 {
        storm.change();
    }
    running.wait(PATIENCE).success();

    let last = storm.sync().run().success();
    storm.check(&last);
    let again = storm.sync().run().success();
    let nothing = serde_json::json!({"created": 0, "copied": 0, "flagged": 0, "deleted": 0});
    let result = again.json_lines().pop().unwrap_or_default();
    assert_eq!((&result["far"], &result["near"]), (&nothing, &nothing), "{again}");
    storm.check(&again);
    let there = storm.messages.iter().filter(|message| message.is_there).count();
    eprintln!(
        "{test}: {kills} kills, {ended} runs to the end, {} messages, {there} of them left, {:?}",
        storm.messages.len(),
        storm.changes
    );
}

/// Which way the octets go that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

/// A proxy before a server, which cuts each connection after so many octets one way.
struct Cut {
    port: u16,
    record: Arc<Record>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Record {
    is_over: AtomicBool,
    /// All that clients wrote, and what of it came to the server.
    client: Mutex<Vec<u8>>,
    /// All that the server wrote, and how much of it came to the client.
    server: Mutex<Vec<u8>>,
    to_client: Mutex<usize>,
}

impl Cut {
    fn before(server: u16, way: Way, octets: usize) -> Cut {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let record = Arc::new(Record::default());
        let shared = Arc::clone(&record);
        let thread = std::thread::spawn(move || {
            let mut all = Vec::new();
            while let Ok((client, _)) = listener.accept() {
                if shared.is_over.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&shared);
                all.push(std::thread::spawn(move || {
                    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else {
                        return;
                    };
                    relay(&client, &server, way, octets, &shared);
                }));
            }
            for one in all {
                let _ = one.join();
            }
        });
        Cut { port, record, thread: Some(thread) }
    }

    /// Waits until the server has read all that it gets and hung up, and gives what went by.
    fn finish(mut self) -> Passed {
        self.end();
        let take = |octets: &Mutex<Vec<u8>>| {
            octets.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
        };
        let (client, server) = (take(&self.record.client), take(&self.record.server));
        let came = *self.record.to_client.lock().unwrap_or_else(|broken| broken.into_inner());
        let to_client = server[..came.min(server.len())].to_vec();
        Passed { client, server, to_client }
    }

    fn end(&mut self) {
        self.record.is_over.store(true, Ordering::SeqCst);
        // Wakes the accept.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.end();
    }
}

/// What went by a proxy.
struct Passed {
    /// Written by the client, whether or not it came to the server.
    client: Vec<u8>,
    /// Written by the server, whether or not it came to the client.
    server: Vec<u8>,
    /// Of that, what came.
    to_client: Vec<u8>,
}

/// Copies both ways until the limit, then tells both that the other has gone, and goes on
/// reading so that all that was written is known.
fn relay(client: &TcpStream, server: &TcpStream, way: Way, limit: usize, record: &Record) {
    for stream in [client, server] {
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.set_nodelay(true);
    }
    let is_cut = AtomicBool::new(false);
    let cut = || {
        is_cut.store(true, Ordering::SeqCst);
        let _ = client.shutdown(Shutdown::Write);
        let _ = server.shutdown(Shutdown::Write);
    };
    let pump = |mut from: &TcpStream, mut to: &TcpStream, here: Way| {
        let mut passed = 0;
        let mut buffer = [0; 4096];
        if here == way && limit == 0 {
            cut();
        }
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let log = if here == Way::ToServer { &record.client } else { &record.server };
            let mut log = log.lock().unwrap_or_else(|broken| broken.into_inner());
            log.extend_from_slice(&buffer[..read]);
            drop(log);
            if is_cut.load(Ordering::SeqCst) {
                continue;
            }
            let may = if here == way { read.min(limit - passed) } else { read };
            let written = to.write_all(&buffer[..may]);
            passed += may;
            if here == Way::ToClient && written.is_ok() {
                *record.to_client.lock().unwrap_or_else(|broken| broken.into_inner()) += may;
            }
            if here == way && passed == limit {
                cut();
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| pump(client, server, Way::ToServer));
        pump(server, client, Way::ToClient);
    });
}

/// The places to cut at: all of them up to 2000 in the long form, else some that the
/// generator chooses and the last few, where it matters most.
fn places(random: &mut Random, all: usize, some: usize) -> Vec<usize> {
    if full() {
        return (0..=all.min(2000)).collect();
    }
    let mut chosen: BTreeSet<usize> = (0..some).map(|_| random.below(all)).collect();
    chosen.extend([0, all - 1, all]);
    chosen.into_iter().collect()
}

fn holds(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|window| window == part)
}

/// The message that a cut is tried on: small, so that every place in it can be tried.
fn short(subject: &str) -> Vec<u8> {
    format!(
        "From: alice@example.test\r\nTo: bob@example.test\r\nSubject: {subject}\r\n\
         Date: Tue, 3 Mar 2026 10:00:00 +0100\r\nMessage-ID: <{subject}@example.test>\r\n\r\n\
         one line\r\n..and a dot\r\nthe last line\r\n"
    )
    .into_bytes()
}

/// Sends through a cut; its exit code, and what the server has taken for good.
#[track_caller]
fn send_cut(home: &Home, server: u16, way: Way, octets: usize, subject: &str) -> (Run, bool) {
    let cut = Cut::before(server, way, octets);
    let run = home
        .pillarbox(args![
            "send",
            "--via",
            format!("smtp://localhost:{}", cut.port),
            "--tls",
            "none"
        ])
        .arg("--json")
        .arg("bob@example.test")
        .stdin(short(subject))
        .run();
    let passed = cut.finish();
    // EHLO, MAIL, RCPT and the end of the message have a 250 each; only whole lines are answers.
    let answered = |octets: &[u8]| {
        let text = String::from_utf8_lossy(octets).into_owned();
        let whole = text.rsplit_once("\r\n").map_or("", |(whole, _)| whole);
        whole.lines().filter(|line| line.starts_with("250 ")).count() >= 4
    };
    let (is_taken, is_told) = (answered(&passed.server), answered(&passed.to_client));
    // The end is a dot, or the last octet of the last chunk.
    let end: &[u8] = if holds(&passed.client, b" LAST\r\n") {
        b"the last line\r\n"
    } else {
        b"the last line\r\n.\r\n"
    };
    let is_whole = holds(&passed.client, end);
    let state = run
        .json_lines()
        .first()
        .and_then(|line| line["state"].as_str().map(str::to_owned))
        .unwrap_or_else(|| "none".to_owned());
    let context = || {
        format!(
            "{way:?} cut after {octets}: {state}; dot sent {is_whole}, taken {is_taken}, \
             told {is_told}\n{run}\n--- client\n{}\n--- server\n{}",
            String::from_utf8_lossy(&passed.client),
            String::from_utf8_lossy(&passed.server)
        )
    };
    let (wanted, code) = match (is_told, is_whole) {
        (true, _) => ("delivered", 0),
        (false, true) => ("unknown", 80),
        (false, false) => ("temporary", 75),
    };
    assert_eq!((state.as_str(), run.code), (wanted, Some(code)), "{}", context());
    assert!(state != "temporary" || !is_taken, "{}", context());
    (run, is_taken)
}

#[test]
fn send_cut_off_at_any_octet() {
    let test = "send_cut_off_at_any_octet";
    let Some(sink) = SmtpSink::start(test, &[]) else { return };
    let home = Home::new();
    let mut random = seed(test, 4);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for way in [Way::ToServer, Way::ToClient] {
        // How much goes by when nothing is cut.
        let whole = Cut::before(sink.port, way, usize::MAX);
        home.pillarbox(args!["send", "--via", format!("smtp://localhost:{}", whole.port)])
            .arg("--tls")
            .arg("none")
            .arg("bob@example.test")
            .stdin(short("whole"))
            .run()
            .success();
        let passed = whole.finish();
        let all = if way == Way::ToServer { passed.client.len() } else { passed.server.len() };
        for octets in places(&mut random, all, 18) {
            let subject = format!("cut-{way:?}-{octets}");
            let (run, is_taken) = send_cut(&home, sink.port, way, octets, &subject);
            let line = format!("Subject: {subject}\n");
            let is_there = sink
                .dumps()
                .iter()
                .any(|dump| holds(dump, line.as_bytes()) && holds(dump, b"the last line\n"));
            assert!(!is_taken || is_there, "taken, but not stored\n{run}");
            *counts.entry(format!("{way:?} exit {:?}", run.code.unwrap_or(-1))).or_default() += 1;
        }
    }
    eprintln!("{test}: {counts:?}");
    for code in [0, 75, 80] {
        assert!(counts.keys().any(|key| key.ends_with(&format!("exit {code}"))), "{counts:?}");
    }
}

/// The same at our own server, where what it stored can be asked for.
#[test]
fn what_a_cut_off_send_says_is_what_serve_test_has() {
    let test = "what_a_cut_off_send_says_is_what_serve_test_has";
    let server = ServeTest::with(&["--allow-cleartext"]);
    let home = Home::new();
    let mut random = seed(test, 5);
    let port = server.port("smtp");
    let mut said: BTreeMap<String, Option<i32>> = BTreeMap::new();
    for way in [Way::ToServer, Way::ToClient] {
        let whole = Cut::before(port, way, usize::MAX);
        home.pillarbox(args!["send", "--via", format!("smtp://localhost:{}", whole.port)])
            .arg("--tls")
            .arg("none")
            .arg("bob@example.test")
            .stdin(short(&format!("whole-{way:?}")))
            .run()
            .success();
        let passed = whole.finish();
        said.insert(format!("whole-{way:?}"), Some(0));
        let all = if way == Way::ToServer { passed.client.len() } else { passed.server.len() };
        for octets in places(&mut random, all, 8) {
            let subject = format!("cut-{way:?}-{octets}");
            let (run, _) = send_cut(&home, port, way, octets, &subject);
            said.insert(subject, run.code);
        }
    }
    let listed = home
        .pillarbox(args!["fetch", server.url("imaps", Some("bob")), "--headers=subject", "--json"])
        .arg("--ca-file")
        .arg(server.ca())
        .password("secret")
        .run()
        .success();
    let mut stored: BTreeMap<String, usize> = BTreeMap::new();
    for line in listed.json_lines() {
        *stored
            .entry(line["headers"][0][1].as_str().unwrap_or_default().to_owned())
            .or_default() += 1;
    }
    for (subject, code) in &said {
        let times = stored.get(subject).copied().unwrap_or(0);
        let is_right = match code {
            Some(0) => times == 1,
            Some(75) => times == 0,
            _ => times <= 1,
        };
        assert!(is_right, "{subject}: exit code {code:?}, and {times} stored\n{listed}");
    }
    eprintln!("{test}: {} sent, {} stored", said.len(), stored.len());
}

#[test]
fn fetch_cut_off_at_any_octet() {
    let test = "fetch_cut_off_at_any_octet";
    let Some(dovecot) = Dovecot::start(test) else { return };
    // Numbers 2, 8, ... are long: few of them, so that the places are dense.
    let originals: Vec<Vec<u8>> = mail::generate(17, 14)
        .iter()
        .filter(|message| message.len() < 3000)
        .map(|message| mail::to_lf(message))
        .collect();
    let stored: Vec<Stored<'_>> = originals
        .iter()
        .enumerate()
        .map(|(number, octets)| Stored {
            octets,
            flags: "S",
            received: 1_772_532_000 + number as u64,
        })
        .collect();
    dovecot.put("alice", "INBOX", &stored);
    let mut random = seed(test, 6);
    for (scheme, port) in [("imap", dovecot.imap), ("pop3", dovecot.pop3)] {
        // POP3 cannot tell whether the last line had an end.
        let known: BTreeSet<Vec<u8>> = originals
            .iter()
            .map(|message| match message.ends_with(b"\n") || scheme == "imap" {
                true => message.clone(),
                false => [message.as_slice(), b"\n"].concat(),
            })
            .collect();
        let fetch = |home: &Home, port: u16| {
            home.pillarbox(args!["fetch", format!("{scheme}://alice@localhost:{port}/")])
                .arg("--tls")
                .arg("none")
                .arg("--to")
                .arg("maildir:box")
                .password("secret")
                .run()
        };
        let whole = Cut::before(port, Way::ToClient, usize::MAX);
        fetch(&Home::new(), whole.port).success();
        let passed = whole.finish();
        let (mut failed, mut kept) = (0, 0);
        let mut places = places(&mut random, passed.server.len(), 18);
        if full() {
            places.extend((2000..passed.server.len()).step_by(17));
        }
        for octets in places {
            let home = Home::new();
            let cut = Cut::before(port, Way::ToClient, octets);
            let run = fetch(&home, cut.port);
            drop(cut);
            let files = contents(&home.path().join("box"));
            for message in &files {
                assert!(known.contains(message), "half a message, cut after {octets}\n{run}");
            }
            if run.code == Some(0) {
                assert_eq!(files.len(), known.len(), "cut after {octets}\n{run}");
            } else {
                assert!(run.code.is_some(), "cut after {octets}\n{run}");
                assert!(!run.stderr.is_empty(), "not a word, cut after {octets}\n{run}");
                failed += 1;
                kept += usize::from(!files.is_empty());
            }
        }
        eprintln!("{test}: {scheme}: {failed} failed, {kept} of them kept whole messages");
        assert!(failed > 0, "nothing was cut");
    }
}
