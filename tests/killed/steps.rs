//! A collection that deletes what it has brought, killed at each of its steps, from IMAP and from
//! POP3, to each kind of target. The run after it finds nothing lost, and brings nothing a second
//! time but what was under way.

use std::ffi::OsString;

use super::support::{Dovecot, Home, Invocation, Stored, args, mail, steps};

/// Messages of one collection.
const COUNT: usize = 3;

/// How many steps are looked at where not all are.
const SAMPLE: usize = 8;

const SOURCES: [(&str, &str); 2] = [("imaps", "INBOX"), ("pop3s", "")];

const TARGETS: [&str; 6] = ["maildir", "mbox", "eml", "exec", "lmtp", "imap"];

/// The mark of one message of the collection with this number.
fn mark(round: usize, number: usize) -> String {
    format!("Subject: round-{round}-{number}-")
}

/// A mailbox that is collected, and where it goes.
struct Collection<'d> {
    dovecot: &'d Dovecot,
    home: Home,
    words: Vec<OsString>,
    target: &'static str,
    round: usize,
}

impl<'d> Collection<'d> {
    fn of(
        dovecot: &'d Dovecot,
        (scheme, tail): (&str, &str),
        target: &'static str,
        round: usize,
    ) -> Self {
        let messages: Vec<Vec<u8>> = (0..COUNT)
            .map(|number| {
                let (mark, text) = (mark(round, number), "text ".repeat(200 + number));
                format!("From: a@example.test\n{mark}\nMessage-ID: <{round}.{number}@x.test>\n\n{text}\n")
            })
            .map(String::into_bytes)
            .collect();
        let stored: Vec<Stored<'_>> = messages
            .iter()
            .map(|octets| Stored { octets, flags: "", received: 1_772_532_000 })
            .collect();
        dovecot.put("alice", "INBOX", &stored);
        let home = Home::new();
        let source = format!("{}{tail}", dovecot.url(scheme, "alice"));
        let lmtp = format!("lmtp://localhost:{}", dovecot.lmtp);
        let theirs = format!("{}INBOX", dovecot.url("imaps", "bob"));
        let to: &[&str] = match target {
            "maildir" => &["--to", "maildir:box"],
            "mbox" => &["--to", "mbox:box.mbox"],
            "eml" => &["--to", "eml:files"],
            "exec" => &["--exec", "cat > part.$$ && mv part.$$ got.$$"],
            "lmtp" => &["--to", &lmtp, "--rcpt", "bob@example.test"],
            _ => &["--to", &theirs],
        };
        let mut words = args!["fetch", source, "--then", "delete"].to_vec();
        words.extend(to.iter().map(OsString::from));
        Self { dovecot, home, words, target, round }
    }

    fn with(&self, run: Invocation) -> Invocation {
        run.env("SSL_CERT_FILE", self.dovecot.ca()).password("secret")
    }

    /// What is at the target.
    fn held(&self) -> Vec<Vec<u8>> {
        let files = |folder: &str, is: &dyn Fn(&str) -> bool| -> Vec<Vec<u8>> {
            let entries = std::fs::read_dir(self.home.path().join(folder)).into_iter().flatten();
            entries
                .filter_map(Result::ok)
                .filter(|entry| is(&entry.file_name().to_string_lossy()))
                .map(|entry| std::fs::read(entry.path()).expect("a message"))
                .collect()
        };
        match self.target {
            "maildir" => super::contents(&self.home.path().join("box")),
            "mbox" => {
                let words = args!["fetch", "mbox:box.mbox", "--to", "maildir:read"];
                self.home.pillarbox(words).run().success();
                super::contents(&self.home.path().join("read"))
            }
            "eml" => files("files", &|name| name.ends_with(".eml")),
            "exec" => files("", &|name| name.starts_with("got.")),
            _ => self.dovecot.messages("bob", "INBOX"),
        }
    }

    /// Runs again, and looks that each message is there whole: once, or twice where it may have
    /// been under way; how many are there twice.
    fn again(&self, how: &str) -> usize {
        self.with(self.home.pillarbox(&self.words)).run().success();
        let left = self.dovecot.messages("alice", "INBOX");
        assert!(left.is_empty(), "{how}: {} messages are still at the source", left.len());
        let held = self.held();
        let mut doubles = 0;
        for number in 0..COUNT {
            let mark = mark(self.round, number);
            let found: Vec<String> = held
                .iter()
                .map(|octets| String::from_utf8_lossy(octets).replace("\r\n", "\n"))
                .filter(|text| text.contains(&mark))
                .collect();
            assert!((1..=2).contains(&found.len()), "{how}: {} times {mark}", found.len());
            let end = format!("\n\n{}\n", "text ".repeat(200 + number));
            assert!(found.iter().all(|text| text.ends_with(&end)), "{how}: half of {mark}");
            doubles += found.len() - 1;
        }
        // A command or a server has each message to itself: only one can have been under way.
        if matches!(self.target, "exec" | "lmtp") {
            assert!(doubles <= 1, "{how}: {doubles} messages came twice");
        }
        doubles
    }
}

#[test]
fn a_collection_that_deletes_is_killed_at_each_step() {
    let test = "a_collection_that_deletes_is_killed_at_each_step";
    if !steps::can_trace(test) {
        return;
    }
    let Some(dovecot) = Dovecot::start(test) else { return };
    let mut ways = Vec::new();
    let mut round = 0;
    for source in SOURCES {
        for target in TARGETS {
            let whole = Collection::of(&dovecot, source, target, round);
            let all = steps::steps(&whole.home, &whole.words, |run| {
                whole.with(run).run().success();
            });
            assert_eq!(whole.again("a whole run"), 0, "{target}");
            assert!(all.len() > 20, "a run has more steps than {}", all.len());
            ways.extend(all.into_iter().map(|step| (source, target, step)));
            round += 1;
        }
    }
    let count = ways.len();
    let chosen = steps::sample(test, ways, SAMPLE);
    let (mut killed, mut missed, mut doubles) = (0, 0, 0);
    for (source, target, step) in chosen {
        let collection = Collection::of(&dovecot, source, target, round);
        let run =
            collection.with(steps::killed_at(&collection.home, &collection.words, &step)).run();
        // How work falls to threads is not always the same: then it may not come to this turn.
        if run.code == Some(0) {
            missed += 1
        } else {
            killed += 1
        }
        let how = format!("{} to {target} killed at {} {}\n{run}", source.0, step.0, step.1);
        doubles += collection.again(&how);
        round += 1;
    }
    eprintln!(
        "{test}: of {count} steps killed at {killed}; {missed} were not come to; none lost, {doubles} came twice"
    );
    assert!(killed > 0, "no step was come to");
}

/// A command that was given a message and ended well has it: killed with the next one, the run
/// after it does not give it again.
#[test]
fn a_command_gets_again_only_what_it_was_killed_in() {
    let test = "a_command_gets_again_only_what_it_was_killed_in";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let count = 7;
    let messages: Vec<Vec<u8>> =
        mail::generate(9, count).iter().map(|message| mail::to_lf(message)).collect();
    let stored: Vec<Stored<'_>> = messages
        .iter()
        .map(|octets| Stored { octets, flags: "", received: 1_772_532_000 })
        .collect();
    dovecot.put("alice", "INBOX", &stored);
    let home = Home::new();
    // Every third message takes the whole run with it.
    let command = "echo $PILLARBOX_REFERENCE >> got; cat > last; \
                   test $(($(wc -l < got) % 3)) != 0 || kill -9 $PPID";
    let words = args!["fetch", dovecot.url("imaps", "alice"), "--new", "--exec", command];
    let fetch =
        || home.pillarbox(words).arg("--ca-file").arg(dovecot.ca()).password("secret").run();
    let mut kills = 0;
    while fetch().code != Some(0) {
        kills += 1;
        assert!(kills <= count, "it gets on");
    }
    let got = std::fs::read_to_string(home.path().join("got")).expect("what was given");
    let mut times = std::collections::BTreeMap::new();
    for reference in got.lines() {
        *times.entry(reference).or_insert(0) += 1;
    }
    assert_eq!(times.len(), count, "{got}");
    assert!(kills > 1, "{kills}");
    assert_eq!(got.lines().count(), count + kills, "only those it was killed in\n{got}");
}
