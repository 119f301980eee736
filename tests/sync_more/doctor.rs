//! `sync doctor`: trees that the real mbsync and OfflineIMAP have made, states that are damaged,
//! messages that are there twice.

use super::support::{Home, PATIENCE, args, needs, wait_for};
use super::{Pair, copied, letters, nothing, put, result, subjects};

/// What Dovecot has counted of a session that has ended: message bodies that were fetched.
#[track_caller]
fn bodies(log: &str) -> u64 {
    log.lines()
        .filter_map(|line| line.split_once("body_count="))
        .filter_map(|(_, rest)| rest.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Changes both sides after the other program's last run: what a run of ours then has to find.
fn change(pair: &Pair, inbox: &std::path::Path) {
    let gone = super::mail::maildir_files(inbox)
        .into_iter()
        .find(|path| std::fs::read_to_string(path).unwrap_or_default().contains("Subject: i 0\n"))
        .expect("it is there");
    std::fs::remove_file(gone).expect("deleted near");
    let mut other = pair.other();
    other.select("INBOX");
    other.command("UID STORE 2 +FLAGS (\\Flagged)");
    other.append("INBOX", "", b"Subject: new\r\n\r\nx\r\n");
}

/// After the adoption: one deletion, one flag, one new message, and nothing that was there before.
#[track_caller]
fn carried(pair: &Pair, near: &str, options: &[&str]) {
    let before = bodies(&pair.dovecot.log());
    let url = pair.dovecot.url("imaps", "alice");
    let sync = || {
        let mut words = vec![url.as_str(), near, "--json"];
        words.extend_from_slice(options);
        pair.command(&words).run().success()
    };
    let run = sync();
    let done = result(&run);
    assert_eq!(copied(&run), (1, 0), "{run}");
    assert_eq!(
        (&done["far"]["deleted"], &done["near"]["flagged"]),
        (&1.into(), &1.into()),
        "{run}"
    );
    nothing(&sync());
    wait_for("the end of the session in the log", PATIENCE, || {
        (bodies(&pair.dovecot.log()) == before + 1).then_some(())
    });
}

#[test]
fn a_tree_of_mbsync_is_taken_over_without_fetching_anything() {
    let test = "a_tree_of_mbsync_is_taken_over_without_fetching_anything";
    if !needs(test, &["mbsync"]) {
        return;
    }
    let Some(pair) = Pair::start(test) else { return };
    put(&pair.dovecot, "alice", "INBOX", &letters("i", 12));
    put(&pair.dovecot, "alice", "Lists.rust", &letters("l", 7));
    let root = pair.home.path().join("theirs");
    let configuration = format!(
        "SyncState *\nIMAPAccount a\nHost localhost\nPort {}\nUser alice\nPassCmd \"echo secret\"\n\
         SSLType IMAPS\nCertificateFile {}\n\nIMAPStore far\nAccount a\n\n\
         MaildirStore near\nPath {root}/\nInbox {root}/INBOX\nSubFolders Verbatim\n\n\
         Channel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\n",
        pair.dovecot.imaps,
        pair.dovecot.ca().display(),
        root = root.display()
    );
    let path = pair.home.write("mbsyncrc", configuration);
    std::fs::create_dir(&root).expect("a folder can be made");
    pair.home.command("mbsync", args!["-q", "-c", path, "-a"]).run().success();
    let theirs = |folder: &str| subjects(&root.join(folder)).len();
    assert_eq!((theirs("INBOX"), theirs("Lists/rust")), (12, 7));
    change(&pair, &root.join("INBOX"));

    let before = bodies(&pair.dovecot.log());
    let url = pair.dovecot.url("imaps", "alice");
    let words = ["doctor", "--adopt", "mbsync", &url, "./theirs", "--json"];
    let run = pair.command(&words).run().success();
    let mut adopted: Vec<(String, u64)> = run
        .json_lines()
        .iter()
        .map(|line| {
            let name = line["folder"].as_str().unwrap_or_default().to_owned();
            (name, line["messages"].as_u64().unwrap_or_default())
        })
        .collect();
    adopted.sort();
    assert_eq!(adopted, [("INBOX".to_owned(), 12), ("Lists/rust".to_owned(), 7)], "{run}");
    assert_eq!(bodies(&pair.dovecot.log()), before, "a body was fetched\n{run}");
    carried(&pair, "./theirs", &[]);
    assert_eq!((theirs("INBOX"), theirs("Lists/rust")), (12, 7));
    pair.command(&words).run().expect(65).says(&["has been synchronised before"]);
}

#[test]
fn a_tree_of_offlineimap_is_taken_over_without_fetching_anything() {
    let test = "a_tree_of_offlineimap_is_taken_over_without_fetching_anything";
    if !needs(test, &["offlineimap"]) {
        return;
    }
    let Some(pair) = Pair::start(test) else { return };
    put(&pair.dovecot, "alice", "INBOX", &letters("i", 12));
    put(&pair.dovecot, "alice", "Lists.rust", &letters("l", 7));
    let root = pair.home.path().join("theirs");
    let configuration = format!(
        "[general]\naccounts = a\n[Account a]\nlocalrepository = here\nremoterepository = there\n\
         [Repository here]\ntype = Maildir\nlocalfolders = {}\n\
         [Repository there]\ntype = IMAP\nremotehost = localhost\nremoteport = {}\n\
         remoteuser = alice\nremotepass = secret\nssl = yes\nsslcacertfile = {}\n",
        root.display(),
        pair.dovecot.imaps,
        pair.dovecot.ca().display(),
    );
    let path = pair.home.write("offlineimaprc", configuration);
    pair.home.command("offlineimap", args!["-o", "-u", "quiet", "-c", path]).run().success();
    let theirs = |folder: &str| subjects(&root.join(folder)).len();
    assert_eq!((theirs("INBOX"), theirs("Lists.rust")), (12, 7));
    change(&pair, &root.join("INBOX"));

    let before = bodies(&pair.dovecot.log());
    let url = pair.dovecot.url("imaps", "alice");
    // Its folders have dots between their levels, so far ones get them, too.
    let words = ["doctor", "--adopt", "offlineimap", &url, "./theirs", "--json", "--rename", "/=."];
    let run = pair.command(&words).run().success();
    let count: u64 = run.json_lines().iter().filter_map(|line| line["messages"].as_u64()).sum();
    assert_eq!(count, 19, "{run}");
    assert_eq!(bodies(&pair.dovecot.log()), before, "a body was fetched\n{run}");
    carried(&pair, "./theirs", &["--rename", "/=."]);
    assert_eq!((theirs("INBOX"), theirs("Lists.rust")), (12, 7));
}

#[test]
fn a_damaged_state_is_put_aside_and_made_anew() {
    let Some(pair) = Pair::start("a_damaged_state_is_put_aside_and_made_anew") else { return };
    put(&pair.dovecot, "alice", "INBOX", &letters("a", 9));
    let state = pair.home.path().join("state.db");
    let words = ["--state", "state.db"];
    pair.sync(&words).run().success();
    let url = pair.dovecot.url("imaps", "alice");
    let doctor = || {
        let words = ["doctor", &url, "maildir:near", "--state", "state.db"];
        pair.command(&words).run().success()
    };
    let run = doctor();
    assert!(run.text().contains("the state is sound"), "{run}");
    for side in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(pair.home.path().join(format!("state.db{side}")));
    }
    std::fs::write(&state, b"nothing that SQLite would know".repeat(300)).expect("damaged");
    pair.sync(&words).run().expect(65);
    let before = bodies(&pair.dovecot.log());
    let run = doctor();
    assert!(run.text().contains("put aside as"), "{run}");
    assert!(run.text().contains("INBOX: 9 messages bound to each other"), "{run}");
    nothing(&pair.sync(&words).run().success());
    assert_eq!(subjects(&pair.near("INBOX")).len(), 9);
    // Nothing is left that says what belongs together: each body is compared, once.
    assert_eq!(bodies(&pair.dovecot.log()), before + 9, "{run}");
    assert!(pair.home.path().join("state.db.broken-1").exists());
    // Another pair's state is not damaged, and not ours.
    let home = Home::new();
    let words = ["sync", "doctor", &url, "maildir:other", "--state"];
    home.pillarbox(&words)
        .arg(&state)
        .arg("--ca-file")
        .arg(pair.dovecot.ca())
        .password("secret")
        .run()
        .expect(65);
    assert!(state.exists());
}

#[test]
fn what_is_there_twice_is_listed_and_then_deleted() {
    let Some(pair) = Pair::start("what_is_there_twice_is_listed_and_then_deleted") else { return };
    let mut all = letters("a", 4);
    all.push(all[1].clone());
    all.push(all[1].clone());
    put(&pair.dovecot, "alice", "INBOX", &all);
    pair.sync(&[]).run().success();
    let mut other = pair.other();
    other.select("INBOX");
    other.command("UID STORE 6 +FLAGS (\\Flagged)");
    let url = pair.dovecot.url("imaps", "alice");
    let doctor = |more: &[&str]| {
        let mut words = vec!["doctor", "--dedupe", &url, "maildir:near", "--json"];
        words.extend_from_slice(more);
        pair.command(&words).run().success()
    };
    let run = doctor(&[]);
    let lines = run.json_lines();
    assert_eq!(lines.len(), 4, "{run}");
    assert!(lines.iter().all(|line| line["deleted"] == false), "{run}");
    let far: Vec<_> = lines.iter().filter(|line| line["side"] == "far").collect();
    assert_eq!((&far[0]["message"], &far[0]["of"]), (&"5".into(), &"2".into()), "{run}");
    assert_eq!(pair.dovecot.messages("alice", "INBOX").len(), 6, "dry by default");
    let run = doctor(&["--force"]);
    assert_eq!(run.json_lines().len(), 4, "{run}");
    assert_eq!(pair.dovecot.messages("alice", "INBOX").len(), 4, "{run}");
    other.command("NOOP");
    assert_eq!(other.search("UID 2 FLAGGED"), [2], "the flags of all are kept");
    let run = pair.sync(&[]).run().success();
    assert_eq!(result(&run)["far"]["deleted"], 0, "{run}");
    assert_eq!(subjects(&pair.near("INBOX")).len(), 4);
    assert!(doctor(&[]).text().is_empty());
    pair.sync(&["--dedupe"]).run().expect(64).says(&["sync doctor"]);
}
