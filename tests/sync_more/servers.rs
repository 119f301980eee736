//! Servers that can do less, or other things, than Dovecot as it comes; mail in other formats
//! and layouts; and two servers without any Maildir between them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::support::{
    Courier, Cyrus, Dovecot, Home, OtherClient, Run, ServeTest, args, dovecot::Options, mail,
};
use super::{copied, letters, nothing, put, result};

/// Two Maildirs of different people, who meet at one server: what one does comes to the other
/// through it.
struct Meeting {
    home: Home,
    /// The server's URL and what is needed to speak to it.
    words: Vec<OsString>,
}

impl Meeting {
    fn at(url: &str, options: &[OsString]) -> Meeting {
        let mut words = vec![OsString::from(url)];
        words.extend_from_slice(options);
        Meeting { home: Home::new(), words }
    }

    fn place(&self, who: &str, folder: &str) -> PathBuf {
        let root = self.home.path().join(who);
        if folder == "INBOX" { root } else { root.join(format!(".{folder}")) }
    }

    fn sync(&self, who: &str) -> Run {
        self.run(who).success()
    }

    fn run(&self, who: &str) -> Run {
        self.home
            .pillarbox(&["sync"])
            .arg(&self.words[0])
            .arg(format!("maildir:{who}"))
            .args(&self.words[1..])
            .arg("--json")
            .password("secret")
            .run()
    }

    fn deliver(&self, who: &str, folder: &str, messages: &[Vec<u8>]) {
        let place = self.place(who, folder);
        for part in ["tmp", "new", "cur"] {
            std::fs::create_dir_all(place.join(part)).expect("a Maildir");
        }
        if folder != "INBOX" {
            std::fs::write(place.join("maildirfolder"), "").expect("a marker");
        }
        for message in messages {
            let number = mail::maildir_files(&place).len();
            let name = format!("1772600000.M{number}P{}.{who}", message.len());
            std::fs::write(place.join("new").join(name), message).expect("delivered");
        }
    }

    #[track_caller]
    fn file(&self, who: &str, folder: &str, subject: &str) -> PathBuf {
        let place = self.place(who, folder);
        let is_it = |path: &PathBuf| {
            std::fs::read_to_string(path)
                .is_ok_and(|text| text.contains(&format!("Subject: {subject}\n")))
        };
        let found = mail::maildir_files(&place).into_iter().find(is_it);
        found.unwrap_or_else(|| panic!("no {subject} in {}", place.display()))
    }

    fn flag(&self, who: &str, subject: &str, flags: &str) {
        let path = self.file(who, "INBOX", subject);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let unique = name.split(":2,").next().unwrap_or_default();
        let to = self.place(who, "INBOX").join("cur").join(format!("{unique}:2,{flags}"));
        std::fs::rename(path, to).expect("flagged");
    }

    /// Each folder's subjects with their flags.
    fn held(&self, who: &str) -> BTreeMap<String, Vec<String>> {
        let root = self.home.path().join(who);
        let mut held = BTreeMap::new();
        let mut add = |name: String, place: &Path| {
            let mut all: Vec<String> = mail::maildir_files(place)
                .iter()
                .map(|path| {
                    let text = std::fs::read_to_string(path).expect("a message");
                    let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
                    format!("{} {}", subject.unwrap_or_default(), mail::maildir_flags(path))
                })
                .collect();
            all.sort();
            held.insert(name, all);
        };
        add("INBOX".to_owned(), &root);
        for entry in std::fs::read_dir(&root).expect("a tree").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // What a server has for every user is no matter of this.
            let is_ours = name.starts_with(".Lists.");
            if is_ours && entry.path().join("cur").is_dir() {
                add(name, &entry.path());
            }
        }
        held
    }

    /// Goes through everything that one can do and the other has to see.
    fn hold(&self) {
        self.deliver("ann", "INBOX", &letters("first", 7));
        self.deliver("ann", "Lists.rust", &letters("list", 3));
        let run = self.sync("ann");
        assert_eq!(copied(&run), (0, 10), "{run}");
        let run = self.sync("bob");
        assert_eq!(copied(&run), (10, 0), "{run}");
        // A server may have made the level above a folder into one.
        self.sync("ann");
        nothing(&self.sync("bob"));
        nothing(&self.sync("ann"));

        self.flag("ann", "first 0", "FS");
        std::fs::remove_file(self.file("ann", "INBOX", "first 1")).expect("deleted");
        let moved = self.file("ann", "INBOX", "first 2");
        let to = self.place("ann", "Lists.rust").join("cur");
        std::fs::rename(&moved, to.join(moved.file_name().unwrap_or_default())).expect("moved");
        self.deliver("ann", "INBOX", &letters("of ann", 2));
        self.deliver("bob", "INBOX", &letters("of bob", 2));
        self.flag("bob", "first 3", "RS");
        self.flag("bob", "first 0", "D");
        std::fs::remove_file(self.file("bob", "INBOX", "first 4")).expect("deleted");
        self.deliver("bob", "Lists.go", &letters("go", 1));
        let run = self.sync("ann");
        assert_eq!(
            (copied(&run), result(&run)["far"]["moved"].as_u64()),
            ((0, 2), Some(1)),
            "{run}"
        );
        let run = self.sync("bob");
        assert_eq!((copied(&run).1, result(&run)["near"]["moved"].as_u64()), (3, Some(1)), "{run}");
        self.sync("ann");
        self.agree();
        let inbox = &self.held("ann")["INBOX"];
        assert_eq!(inbox.len(), 8, "{inbox:?}");
        assert!(inbox.contains(&"first 0 DFS".to_owned()), "{inbox:?}");

        // A folder goes, and another one comes.
        std::fs::remove_dir_all(self.place("bob", "Lists.go")).expect("removed");
        self.deliver("ann", "Lists.crab", &letters("crab", 2));
        self.sync("bob");
        self.sync("ann");
        self.sync("bob");
        self.agree();
        let held = self.held("bob");
        let names: Vec<&str> = held.keys().map(String::as_str).collect();
        assert_eq!(names, [".Lists.crab", ".Lists.rust", "INBOX"]);
    }

    #[track_caller]
    fn agree(&self) {
        for who in ["ann", "bob"] {
            nothing(&self.sync(who));
        }
        assert_eq!(self.held("ann"), self.held("bob"));
    }
}

#[test]
fn two_meet_at_cyrus() {
    let Some(cyrus) = Cyrus::start("two_meet_at_cyrus") else { return };
    let url = format!("imaps://alice@localhost:{}/", cyrus.imaps);
    let options = args!["--ca-file", cyrus.ca(), "--tls-backend", "native"];
    Meeting::at(&url, options).hold();
}

#[test]
fn two_meet_at_courier() {
    let Some(courier) = Courier::start("two_meet_at_courier") else { return };
    let url = format!("imap://alice@localhost:{}/", courier.imap);
    Meeting::at(&url, args!["--tls", "none", "--allow-cleartext-password"]).hold();
}

#[test]
fn two_meet_at_a_dovecot_that_offers_nothing() {
    let test = "two_meet_at_a_dovecot_that_offers_nothing";
    let options =
        Options { extra: "imap_capability = IMAP4rev1\n".to_owned(), ..Options::default() };
    let Some(dovecot) = Dovecot::with(test, &options) else { return };
    let url = dovecot.url("imaps", "alice");
    Meeting::at(&url, args!["--ca-file", dovecot.ca()]).hold();
}

#[test]
fn two_meet_at_a_server_that_tells_no_places() {
    // No real server does without UIDPLUS that can be had; its lack is what our own one hides.
    let hidden =
        "UIDPLUS,CONDSTORE,QRESYNC,MOVE,LITERAL+,MULTIAPPEND,LIST-STATUS,OBJECTID,IMAP4rev2";
    let server = ServeTest::with(&["--hide", hidden]);
    let ca = server.ca();
    Meeting::at(&server.url("imaps", Some("alice")), args!["--ca-file", ca]).hold();
}

#[test]
fn messages_are_moved_from_server_to_server() {
    let test = "messages_are_moved_from_server_to_server";
    let (Some(far), Some(near)) = (Dovecot::start(test), Dovecot::start(test)) else { return };
    let home = Home::new();
    put(&far, "alice", "INBOX", &letters("a", 12));
    put(&far, "alice", "Work", &letters("w", 2));
    let sync = || {
        home.pillarbox(&["sync", &far.url("imaps", "alice"), &near.url("imaps", "alice"), "--json"])
            .arg("--far-ca-file")
            .arg(far.ca())
            .arg("--near-ca-file")
            .arg(near.ca())
            .password("secret")
            .run()
            .success()
    };
    assert_eq!(copied(&sync()), (14, 0));
    let mut other = OtherClient::login(far.imap, "alice", "secret");
    other.select("INBOX");
    other.command("UID MOVE 1:3 Work");
    let mut other = OtherClient::login(near.imap, "alice", "secret");
    other.select("INBOX");
    other.command("UID MOVE 7 Work");
    other.command("CREATE Later");
    other.command("UID MOVE 8 Later");
    let run = sync();
    let last = result(&run);
    assert_eq!(copied(&run), (0, 0), "{run}");
    assert_eq!((&last["near"]["moved"], &last["far"]["moved"]), (&3.into(), &2.into()), "{run}");
    nothing(&sync());
    for (mailbox, count) in [("INBOX", 7), ("Work", 6), ("Later", 1)] {
        let of = |dovecot: &Dovecot| super::subjects(&dovecot.maildir("alice", mailbox));
        assert_eq!(of(&far), of(&near), "{mailbox}");
        assert_eq!(of(&far).len(), count, "{mailbox}");
    }
}

#[test]
fn an_mbox_goes_both_ways() {
    let test = "an_mbox_goes_both_ways";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let home = Home::new();
    put(&dovecot, "alice", "INBOX", &letters("a", 6));
    let url = format!("{}INBOX", dovecot.url("imaps", "alice"));
    let sync = || {
        home.pillarbox(&["sync", &url, "mbox:near.mbox", "--json", "--ca-file"])
            .arg(dovecot.ca())
            .password("secret")
            .run()
            .success()
    };
    assert_eq!(copied(&sync()), (6, 0));
    nothing(&sync());
    // Another program delivers to it, and one deletes and flags at the server.
    let path = home.path().join("near.mbox");
    let mut text = std::fs::read(&path).expect("an mbox");
    text.extend_from_slice(b"From ann@example.test Sun Mar  1 12:00:00 2026\n");
    text.extend_from_slice(&letters("mbox", 1)[0]);
    text.extend_from_slice(b"\n");
    std::fs::write(&path, text).expect("delivered");
    let mut other = OtherClient::login(dovecot.imap, "alice", "secret");
    other.select("INBOX");
    other.command("UID STORE 1 +FLAGS (\\Flagged work)");
    other.command("UID STORE 2 +FLAGS (\\Deleted)");
    other.command("UID EXPUNGE 2");
    let run = sync();
    assert_eq!(copied(&run), (0, 1), "{run}");
    let last = result(&run);
    assert_eq!(
        (&last["near"]["flagged"], &last["near"]["deleted"]),
        (&1.into(), &1.into()),
        "{run}"
    );
    nothing(&sync());
    let text = String::from_utf8_lossy(&std::fs::read(&path).expect("an mbox")).into_owned();
    assert_eq!(text.matches("\nSubject: ").count(), 6, "{text}");
    assert!(text.contains("X-Keywords: work"), "{text}");
    let mut far = super::subjects(&dovecot.maildir("alice", "INBOX"));
    far.retain(|subject| subject.starts_with("mbox"));
    assert_eq!(far, ["mbox 0"]);
}

#[test]
fn a_nested_maildir_stays_nested() {
    let test = "a_nested_maildir_stays_nested";
    let Some(pair) = super::Pair::start(test) else { return };
    let near = pair.home.path().join("near");
    let make = |folder: &str| {
        for part in ["tmp", "new", "cur"] {
            std::fs::create_dir_all(near.join(folder).join(part)).expect("a Maildir");
        }
    };
    make("INBOX");
    make("Lists/rust");
    let text = &letters("near", 1)[0];
    std::fs::write(near.join("Lists/rust/new/1772600000.M1.other"), text).expect("delivered");
    put(&pair.dovecot, "alice", "INBOX", &letters("a", 3));
    put(&pair.dovecot, "alice", "Lists/go", &letters("go", 2));
    let run = pair.sync(&[]).run().success();
    assert_eq!(copied(&run), (5, 1), "{run}");
    nothing(&pair.sync(&[]).run().success());
    assert_eq!(super::subjects(&near.join("Lists/go")), ["go 0", "go 1"], "{run}");
    assert_eq!(super::subjects(&near.join("INBOX")).len(), 3, "{run}");
    assert_eq!(super::subjects(&pair.far("Lists.rust")), ["near 0"], "{run}");
    // A folder of the server that lies below one of them, and one that goes.
    put(&pair.dovecot, "alice", "Lists/go/deep", &letters("deep", 1));
    std::fs::remove_dir_all(near.join("Lists/rust")).expect("removed");
    let run = pair.sync(&[]).run().success();
    assert_eq!(super::subjects(&near.join("Lists/go/deep")), ["deep 0"], "{run}");
    assert!(!pair.far("Lists.rust").exists(), "{run}");
    nothing(&pair.sync(&[]).run().success());
}

/// Messages that a server does not take keep no other from it: Cyrus wants no NUL (RFC 9051
/// section 4.3.1), ours nothing that is larger than it was told, without having said so.
#[test]
fn a_refused_message_keeps_no_other() {
    let long = format!("Subject: large\n\n{}", "some words\n".repeat(9000)).into_bytes();
    let nul = b"Subject: nul\n\na\0b\n".to_vec();
    let mut mixed = letters("before", 3);
    mixed.extend([long.clone(), nul.clone()]);
    mixed.extend(letters("behind", 3));
    let push = |meeting: &Meeting, refused: usize| {
        meeting.deliver("ann", "INBOX", &mixed);
        let (sent, conflicts) = ((mixed.len() - refused) as u64, Some(refused as u64));
        let run = meeting.run("ann").expect(81);
        assert_eq!(
            (copied(&run), result(&run)["conflicts"].as_u64()),
            ((0, sent), conflicts),
            "{run}"
        );
        let told = run.json_lines();
        let told = told.iter().filter(|line| line["type"] == "refused" && line["side"] == "near");
        assert_eq!(told.count(), refused, "{run}");
        // It is tried again, and nothing comes twice.
        let run = meeting.run("ann").expect(81);
        assert_eq!(
            (copied(&run), result(&run)["conflicts"].as_u64()),
            ((0, 0), conflicts),
            "{run}"
        );
        assert_eq!(copied(&meeting.sync("bob")), (sent, 0));
        // Without them there is nothing to tell of.
        for path in mail::maildir_files(&meeting.place("ann", "INBOX")) {
            let octets = std::fs::read(&path).expect("a message");
            if octets.contains(&0) || (refused == 2 && octets == long) {
                std::fs::remove_file(path).expect("removed");
            }
        }
        nothing(&meeting.sync("ann"));
    };
    for hidden in ["APPENDLIMIT", "APPENDLIMIT,MULTIAPPEND,UIDPLUS"] {
        let server = ServeTest::with(&["--hide", hidden, "--limit", "message=50000"]);
        let options = args!["--ca-file", server.ca()];
        push(&Meeting::at(&server.url("imaps", Some("alice")), options), 2);
    }
    let Some(cyrus) = Cyrus::start("a_refused_message_keeps_no_other") else { return };
    let url = format!("imaps://alice@localhost:{}/", cyrus.imaps);
    let options = args!["--ca-file", cyrus.ca(), "--tls-backend", "native"];
    push(&Meeting::at(&url, options), 1);
}
