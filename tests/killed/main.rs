//! Crashes: runs killed at any moment. Nothing is half there, nothing lost, nothing twice.
//!
//! Each storm has a seed, which is printed; `PILLARBOX_SEED` repeats one, `PILLARBOX_FULL=1`
//! makes them long.

mod steps;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::mail::Random;
use support::{Dovecot, Home, Invocation, OtherClient, PATIENCE, Run, Stored, args, full, mail};

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
    let mut random = Random::of_storm(test, 2);
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
    let mut random = Random::of_storm(test, 3);
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
    let mut random = Random::of_storm(test, 1);
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
        random: Random::of_storm(test, 2),
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

/// What the server had been sent and was still storing when the run was killed is not sent once
/// more by a run that begins at once.
#[test]
fn a_push_killed_and_run_again_at_once_doubles_nothing() {
    let test = "a_push_killed_and_run_again_at_once_doubles_nothing";
    let mut random = Random::of_storm(test, 5);
    let count = 400;
    let messages: Vec<Vec<u8>> = (0..count)
        .map(|number| {
            let body = "some words of text\n".repeat(50 + number);
            format!("Subject: {number}\nMessage-ID: <{number}@push.test>\n\n{body}").into_bytes()
        })
        .collect();
    let (mut kills, mut partly) = (0, 0);
    for round in 0..if full() { 60 } else { 4 } {
        let Some(dovecot) = Dovecot::start(test) else { return };
        let home = Home::new();
        for folder in ["cur", "new", "tmp"] {
            std::fs::create_dir_all(home.path().join("mail").join(folder)).expect("made");
        }
        for (number, octets) in messages.iter().enumerate() {
            home.write(&format!("mail/cur/{number}.a:2,S"), octets);
        }
        let sync = || {
            home.pillarbox(args!["sync", dovecot.url("imaps", "alice"), "maildir:mail"])
                .arg("--ca-file")
                .arg(dovecot.ca())
                .password("secret")
        };
        for _ in 0..2 {
            let running = sync().spawn();
            let some = 1 + random.below(count);
            let (start, far) = (Instant::now(), dovecot.maildir("alice", "INBOX"));
            while mail::maildir_files(&far).len() < some && start.elapsed() < PATIENCE / 8 {}
            running.kill();
            kills += usize::from(running.wait(PATIENCE).signal.is_some());
            let there = dovecot.messages("alice", "INBOX").len();
            partly += usize::from((1..count).contains(&there));
        }
        // Dovecot may end a session that meets the wreck of another one.
        let mut run = sync().run();
        if run.code == Some(75) {
            run = sync().run();
        }
        let run = run.success();
        let far = dovecot.messages("alice", "INBOX").len();
        let near = mail::maildir_files(&home.path().join("mail")).len();
        assert_eq!((far, near), (count, count), "round {round}: {run}");
    }
    eprintln!("{test}: {kills} kills, {partly} of them with a part at the server");
    assert!(kills > 0 && partly > 0, "nothing was killed in the midst of it");
}
