//! What is carried over, under which names, how fast; Dovecot far, a Maildir near.

use std::time::{Duration, Instant};

use super::support::{Dovecot, dovecot::Options, needs};
use super::{Pair, copied, letters, nothing, put, result, subjects};

fn names(name: &str, numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    let mut all: Vec<String> = numbers.into_iter().map(|n| format!("{name} {n}")).collect();
    all.sort();
    all
}

#[test]
fn messages_are_left_out_by_size_date_and_query_and_come_when_they_may() {
    let test = "messages_are_left_out_by_size_date_and_query_and_come_when_they_may";
    let Some(pair) = Pair::start(test) else { return };
    let mut all = letters("a", 6);
    all[2].extend(b"x".repeat(3000));
    put(&pair.dovecot, "alice", "INBOX", &all);
    let run = pair.sync(&["--max-size", "2k"]).run().success();
    assert_eq!(copied(&run), (5, 0), "{run}");
    assert_eq!(subjects(&pair.near("INBOX")), names("a", [0, 1, 3, 4, 5]));
    nothing(&pair.sync(&["--max-size", "2k"]).run().success());
    // What was left out is no deletion, and comes as soon as nothing is left out.
    nothing(&pair.sync(&["--max-size", "2k", "--mirror"]).run().success());
    let run = pair.sync(&[]).run().success();
    assert_eq!(copied(&run), (1, 0), "{run}");

    put(&pair.dovecot, "alice", "Old", &letters("b", 5));
    let run = pair.sync(&["--since", "2026-03-03"]).run().success();
    assert_eq!(copied(&run), (3, 0), "{run}");
    assert_eq!(subjects(&pair.near("Old")), names("b", [2, 3, 4]));
    let query = "subject:\"b 1\" OR body:\"text of b 0\"";
    let run = pair.sync(&["--query", query]).run().success();
    assert_eq!(copied(&run), (2, 0), "{run}");
    nothing(&pair.sync(&[]).run().success());
    // The other way, too.
    let far = pair.dovecot.messages("alice", "INBOX").len();
    std::fs::write(pair.near("INBOX").join("new/1.M1P1.x"), b"Subject: up\n\nlarge: xxxxxxxxxx\n")
        .expect("delivered");
    nothing(&pair.sync(&["--query", "subject:down"]).run().success());
    let run = pair.sync(&["--query", "subject:up"]).run().success();
    assert_eq!(copied(&run), (0, 1), "{run}");
    assert_eq!(pair.dovecot.messages("alice", "INBOX").len(), far + 1);
    pair.sync(&["--query", "(x"]).run().expect(64).says(&["--query", "^"]);
}

#[test]
fn the_last_messages_stay_near_and_all_stay_far() {
    let Some(pair) = Pair::start("the_last_messages_stay_near_and_all_stay_far") else { return };
    put(&pair.dovecot, "alice", "INBOX", &letters("a", 30));
    let keep = |count: &str| pair.sync(&["--keep-last", count]).run().success();
    let run = keep("20");
    assert_eq!(copied(&run), (20, 0), "{run}");
    assert_eq!(subjects(&pair.near("INBOX")), names("a", 10..30));
    // Fifteen leave, which no brake stops, and a new one comes.
    pair.other().append("INBOX", "", b"Subject: a 30\r\n\r\nnew\r\n");
    let run = keep("6");
    let near = result(&run)["near"].clone();
    assert_eq!((&near["expired"], &near["deleted"]), (&15.into(), &0.into()), "{run}");
    assert_eq!(subjects(&pair.near("INBOX")), names("a", 25..31));
    nothing(&keep("6"));
    assert_eq!(pair.dovecot.messages("alice", "INBOX").len(), 31, "nothing is deleted far");
    // A deletion by the user is one all the same.
    let path = super::mail::maildir_files(&pair.near("INBOX")).pop().expect("a message");
    std::fs::remove_file(path).expect("deleted");
    let run = keep("6");
    assert_eq!(result(&run)["far"]["deleted"], 1, "{run}");
    // More are wanted again.
    let run = keep("10");
    assert_eq!(subjects(&pair.near("INBOX")).len(), 10, "{run}");
    let run = pair.sync(&[]).run().success();
    assert_eq!(subjects(&pair.near("INBOX")).len(), 30, "{run}");
    pair.sync(&["--keep-last", "3", "--mirror"]).run().expect(64);
    pair.sync(&["--keep-last", "3", "--trash", "Bin"]).run().expect(64);
}

#[test]
fn what_is_deleted_lies_in_the_trash() {
    let Some(pair) = Pair::start("what_is_deleted_lies_in_the_trash") else { return };
    put(&pair.dovecot, "alice", "INBOX", &letters("a", 3));
    pair.sync(&["--trash", "Trash"]).run().success();
    let gone = super::mail::maildir_files(&pair.near("INBOX")).remove(0);
    std::fs::remove_file(gone).expect("deleted near");
    let run = pair.sync(&["--trash", "Trash"]).run().success();
    assert_eq!(result(&run)["far"]["deleted"], 1, "{run}");
    assert_eq!(pair.dovecot.messages("alice", "INBOX").len(), 2, "{run}");
    assert_eq!(pair.dovecot.messages("alice", "Trash").len(), 1, "{run}");
    // From the trash itself it goes for good, on both sides.
    pair.sync(&["--trash", "Trash"]).run().success();
    assert_eq!(subjects(&pair.near("Trash")).len(), 1);
    let mut other = pair.other();
    other.select("Trash");
    other.command("STORE 1:* +FLAGS (\\Deleted)");
    other.command("EXPUNGE");
    pair.sync(&["--trash", "Trash", "--max-delete", "1"]).run().success();
    assert_eq!(subjects(&pair.near("Trash")).len(), 0);
    nothing(&pair.sync(&["--trash", "Trash"]).run().success());
}

#[test]
fn one_side_decides_conflicts() {
    let Some(pair) = Pair::start("one_side_decides_conflicts") else { return };
    put(&pair.dovecot, "alice", "INBOX", &letters("a", 4));
    pair.sync(&[]).run().success();
    let conflict = |number: usize| {
        let path = super::mail::maildir_files(&pair.near("INBOX"))
            .into_iter()
            .find(|path| {
                let text = std::fs::read_to_string(path).unwrap_or_default();
                text.contains(&format!("Subject: a {number}\n"))
            })
            .expect("it is near");
        std::fs::remove_file(path).expect("deleted near");
        let mut other = pair.other();
        other.select("INBOX");
        let uid = other.search(&format!("SUBJECT \"a {number}\""))[0];
        other.command(&format!("UID STORE {uid} +FLAGS (\\Flagged)"));
    };
    conflict(0);
    let run = pair.sync(&["--prefer", "near"]).run().success();
    assert_eq!(result(&run)["far"]["deleted"], 1, "{run}");
    conflict(1);
    let run = pair.sync(&["--prefer", "far"]).run().success();
    assert_eq!((copied(&run), &result(&run)["far"]["deleted"]), ((1, 0), &0.into()), "{run}");
    // Without a word it is kept, too, and told of.
    conflict(2);
    let run = pair.sync(&[]).run().expect(81);
    assert_eq!(result(&run)["conflicts"], 1, "{run}");
    assert_eq!(subjects(&pair.near("INBOX")), names("a", [1, 2, 3]));
}

#[test]
fn folders_have_other_names_near() {
    let test = "folders_have_other_names_near";
    if !needs(test, &["dovecot"]) {
        return;
    }
    let options = Options { separator: '.', ..Options::default() };
    let (Some(pair), Some(new)) = (Pair::start(test), Dovecot::with(test, &options)) else {
        return;
    };
    put(&pair.dovecot, "alice", "INBOX", &letters("i", 2));
    put(&pair.dovecot, "alice", "Lists.rust", &letters("l", 3));
    put(&pair.dovecot, "alice", "Gesendet", &letters("s", 2));
    let rules = ["--rename", "^Lists/=list-", "--rename", "^(Ges.*)=Mail/$1"];
    let run = pair.sync(&rules).run().success();
    assert_eq!(subjects(&pair.near("list-rust")), names("l", 0..3), "{run}");
    assert_eq!(subjects(&pair.near("Mail.Gesendet")), names("s", 0..2), "{run}");
    assert!(!pair.near("Lists.rust").exists(), "{run}");
    nothing(&pair.sync(&rules).run().success());
    // Other rules, or none: what is kept near under another name is there, and not deleted.
    let other = ["--rename", "^Lists/=list-"];
    let run = pair.sync(&other).run().expect(64);
    run.says(&["the folder Gesendet is kept near as Mail/Gesendet", "look for it as Gesendet"]);
    pair.sync(&[]).run().expect(64).says(&["nothing was changed"]);
    assert_eq!(pair.dovecot.messages("alice", "Gesendet").len(), 2);
    assert_eq!(pair.dovecot.messages("alice", "Lists/rust").len(), 3);
    // What comes near goes to the folder that it is far.
    std::fs::write(pair.near("list-rust").join("new/1.M1P1.x"), b"Subject: up\n\nx\n")
        .expect("delivered");
    let run = pair.sync(&rules).run().success();
    assert_eq!(copied(&run), (0, 1), "{run}");
    assert_eq!(pair.dovecot.messages("alice", "Lists/rust").len(), 4, "{run}");
    pair.sync(&["--rename", "^(Ges|Lists/).*=Same"]).run().expect(64).says(&["would both be Same"]);

    // Between two servers: the folder for sent mail is one, whatever it is called.
    let far = pair.dovecot.url("imaps", "bob");
    put(&pair.dovecot, "bob", "Sent", &letters("s", 2));
    let near = new.url("imaps", "bob");
    let ca = new.ca();
    let ca = ca.to_str().expect("UTF-8");
    let own = pair.dovecot.ca();
    let own = own.to_str().expect("UTF-8");
    let sync = |options: &[&str]| {
        let mut words = vec!["sync", &far, &near, "--json", "--far-ca-file", own];
        words.extend_from_slice(&["--near-ca-file", ca]);
        words.extend_from_slice(options);
        pair.home.pillarbox(&words).password("secret").run()
    };
    put(&new, "bob", "Sent", &[]);
    let run = sync(&["--special-use", "--rename", "^Sent$=Old Sent", "--copy"]).success();
    assert_eq!(copied(&run), (2, 0), "{run}");
    assert_eq!(new.messages("bob", "Sent").len(), 2, "the use counts before the rules\n{run}");
}

#[test]
fn folders_alone_can_be_made() {
    let Some(pair) = Pair::start("folders_alone_can_be_made") else { return };
    put(&pair.dovecot, "alice", "INBOX", &letters("a", 2));
    put(&pair.dovecot, "alice", "Lists.rust", &letters("b", 2));
    put(&pair.dovecot, "alice", "Junk", &letters("c", 2));
    let run = pair.sync(&["--folders-only", "--folder", "Lists/*"]).run().success();
    assert_eq!(copied(&run), (0, 0), "{run}");
    assert!(pair.near("Lists.rust").join("cur").is_dir(), "{run}");
    assert!(!pair.near("Junk").exists() && subjects(&pair.near("Lists.rust")).is_empty());
    let run = pair.sync(&["--exclude", "Junk"]).run().success();
    assert_eq!(copied(&run), (4, 0), "{run}");
}

#[test]
fn a_run_is_bounded_in_octets_and_in_speed() {
    let Some(pair) = Pair::start("a_run_is_bounded_in_octets_and_in_speed") else { return };
    let large: Vec<Vec<u8>> = letters("a", 6)
        .into_iter()
        .map(|mut letter| {
            letter.extend(b"0123456789abcdef\n".repeat(600));
            letter
        })
        .collect();
    put(&pair.dovecot, "alice", "INBOX", &large);
    let mut runs = 0;
    loop {
        let run = pair.sync(&["--max-bytes", "25k"]).run();
        runs += 1;
        if run.code == Some(0) {
            break;
        }
        let run = run.expect(83).says(&["--max-bytes", "left"]);
        assert_eq!(copied(&run), (2, 0), "{run}");
        assert_eq!(result(&run)["left"], 6 - 2 * runs, "{run}");
    }
    assert_eq!((runs, subjects(&pair.near("INBOX"))), (3, names("a", 0..6)));
    // 20 kB at 40 kB a second; the first pieces go at once.
    put(&pair.dovecot, "alice", "Slow", &large[..2]);
    let started = Instant::now();
    let run = pair.sync(&["--rate", "20000"]).run().success();
    assert_eq!(copied(&run), (2, 0), "{run}");
    assert!(started.elapsed() > Duration::from_millis(450), "{:?}", started.elapsed());
}
