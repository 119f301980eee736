//! Folders that nothing has happened in are not listed, and no change is missed for that:
//! Dovecot far, a Maildir near.

use std::fs::{File, rename};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::support::{mail, needs, steps, wait_for};
use super::{Pair, letters, nothing, put, result};

/// How long a folder may be taken for one that was changed a moment ago, on a busy machine.
const LONG: Duration = Duration::from_secs(120);

/// Runs until so many near folders are known by a stamp.
fn settle(pair: &Pair, options: &[&str], count: i64) {
    wait_for("stamps of all folders", LONG, || {
        pair.sync(options).run().success();
        let path = pair.home.path().join("state.db");
        let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .expect("the state of a run that has ended can be read");
        let sql = "SELECT count(near_stamp) FROM folders";
        let found: i64 = database.query_row(sql, [], |row| row.get(0)).expect("readable");
        (found == count).then_some(())
    });
}

/// The directories of messages that a run reads.
fn listed(pair: &Pair, options: &[&str]) -> Vec<String> {
    let trace = pair.home.path().join("trace");
    let url = pair.dovecot.url("imaps", "alice");
    let mut words = vec!["-f", "-qq", "-etrace=openat", "-o"];
    let (file, ca) = (trace.display().to_string(), pair.dovecot.ca().display().to_string());
    words.extend([file.as_str(), super::support::binary::BINARY, "sync", &url, "maildir:near"]);
    words.extend(["--ca-file", ca.as_str(), "--json"]);
    words.extend_from_slice(options);
    nothing(&pair.home.command("strace", &words).password("secret").run().success());
    let trace = std::fs::read_to_string(&trace).expect("strace writes its file");
    let is_listing = |line: &&str| {
        line.contains("O_DIRECTORY") && (line.contains("/cur\"") || line.contains("/new\""))
    };
    trace.lines().filter(is_listing).map(str::to_owned).collect()
}

fn one(folder: &Path) -> PathBuf {
    mail::maildir_files(folder).into_iter().next().expect("a message")
}

/// Gives a message of a folder other letters.
fn letter(folder: &Path, letters: &str) {
    let path = one(folder);
    let name = path.display().to_string();
    let unique = name.split(":2,").next().expect("a name");
    rename(&path, format!("{unique}:2,{letters}")).expect("renamed");
}

#[test]
fn a_folder_that_is_as_it_was_is_not_listed_and_no_change_is_missed() {
    let test = "a_folder_that_is_as_it_was_is_not_listed_and_no_change_is_missed";
    let Some(pair) = Pair::start(test) else { return };
    for name in ["INBOX", "Deleted", "Keyword", "New", "Far", "Link"] {
        put(&pair.dovecot, "alice", name, &letters(name, 3));
    }
    let options = ["--state", "state.db"];
    let run = || pair.sync(&options).run().success();
    run();
    let elsewhere = pair.home.path().join("elsewhere");
    std::fs::write(&elsewhere, "Subject: link\n\nlink\n").expect("written");
    let link = pair.near("Link").join("cur/link:2,S");
    std::os::unix::fs::symlink(&elsewhere, link).expect("linked");
    // The one with a link never gets any.
    settle(&pair, &options, 5);
    if needs(test, &["strace"]) && steps::can_trace(test) {
        let listed = listed(&pair, &options);
        assert!(listed.iter().all(|line| line.contains("/.Link/")), "{listed:?}");
        assert!(!listed.is_empty(), "what is not known to be unchanged is looked at");
    }

    // A flag, with the directory's time set back to what it was.
    let cur = File::open(pair.near("INBOX").join("cur")).expect("opened");
    let before = cur.metadata().expect("there").modified().expect("a time");
    letter(&pair.near("INBOX"), "FS");
    cur.set_modified(before).expect("set");
    // A keyword, by Dovecot's file and a letter; a deletion; a delivery by a link from `tmp`.
    std::fs::write(pair.near("Keyword").join("dovecot-keywords"), "0 work\n").expect("written");
    letter(&pair.near("Keyword"), "Sa");
    std::fs::remove_file(one(&pair.near("Deleted"))).expect("removed");
    let new = pair.near("New");
    std::fs::write(new.join("tmp/9.x"), "Subject: new\n\nnew\n").expect("written");
    std::fs::hard_link(new.join("tmp/9.x"), new.join("new/9.x")).expect("linked");
    std::fs::remove_file(new.join("tmp/9.x")).expect("removed");
    // What a link leads to vanishes, without a trace in the folder.
    std::fs::remove_file(&elsewhere).expect("removed");
    // And the far side changes where the near one does not.
    let mut other = pair.other();
    other.select("Far");
    other.command("UID STORE 3 +FLAGS (\\Answered)");
    let done = run();
    let (far, near) = (&result(&done)["far"], &result(&done)["near"]);
    let counts = |side: &serde_json::Value| {
        ["flagged", "copied", "deleted"].map(|what| side[what].as_u64().unwrap_or_default())
    };
    assert_eq!(counts(far), [2, 1, 2], "{done}");
    assert_eq!(counts(near), [1, 0, 0], "{done}");
    nothing(&run());
    assert_eq!(pair.dovecot.messages("alice", "Deleted").len(), 2);
    assert_eq!(pair.dovecot.messages("alice", "Link").len(), 3);
}
