//! Plans that are written, looked at, and carried out later: those, or nothing.

use super::{Pair, copied, letters, nothing, put, result, snapshot, subjects};

#[test]
fn a_plan_is_carried_out_as_it_was_written() {
    let Some(pair) = Pair::start("a_plan_is_carried_out_as_it_was_written") else { return };
    put(&pair.dovecot, "alice", "INBOX", &letters("a", 4));
    put(&pair.dovecot, "alice", "Lists.rust", &letters("b", 3));
    put(&pair.dovecot, "alice", "Junk", &letters("c", 3));
    let dry = pair.sync(&["--dry-run", "--exclude", "Junk"]).run().success();
    let lines = dry.json_lines();
    assert_eq!(lines[0]["lines"], lines.len() - 1, "{dry}");
    let text = lines[0]["text"].as_str().expect("words");
    assert!(text.contains("near: 1 folder to create, 7 messages to add"), "{text}");
    assert!(!pair.near("INBOX").exists(), "a dry run makes nothing");
    pair.home.write("plan.jsonl", &dry.stdout);
    let run = pair.command(&["--apply", "plan.jsonl", "--json"]).run().success();
    assert_eq!(copied(&run), (7, 0), "{run}");
    assert!(!pair.near("Junk").exists(), "{run}");
    nothing(&pair.sync(&["--exclude", "Junk"]).run().success());
    // A second time it is not the plan any more.
    pair.command(&["--apply", "plan.jsonl"]).run().expect(75).says(&["the world has moved"]);

    // Deletions, flags, and copies in both directions.
    let gone = super::mail::maildir_files(&pair.near("INBOX")).remove(0);
    std::fs::remove_file(gone).expect("deleted near");
    std::fs::write(pair.near("Lists.rust").join("new/1.M1P1.x"), b"Subject: up\n\nx\n")
        .expect("delivered");
    let mut other = pair.other();
    other.select("Lists/rust");
    other.command("STORE 1 +FLAGS (\\Flagged)");
    let dry = pair.sync(&["--dry-run", "--exclude", "Junk"]).run().success();
    pair.home.write("plan.jsonl", &dry.stdout);
    let run = pair.command(&["--apply", "plan.jsonl", "--json"]).run().success();
    let result = result(&run);
    assert_eq!((copied(&run), &result["far"]["deleted"]), ((0, 1), &1.into()), "{run}");
    assert_eq!(result["near"]["flagged"], 1, "{run}");
    nothing(&pair.sync(&["--exclude", "Junk"]).run().success());
}

#[test]
fn a_plan_is_refused_when_the_world_has_moved() {
    let Some(pair) = Pair::start("a_plan_is_refused_when_the_world_has_moved") else { return };
    put(&pair.dovecot, "alice", "INBOX", &letters("a", 4));
    pair.sync(&[]).run().success();
    pair.other().append("INBOX", "", b"Subject: late\r\n\r\nx\r\n");
    let plan = || {
        let dry = pair.sync(&["--dry-run"]).run().success();
        pair.home.write("plan.jsonl", &dry.stdout);
    };
    let refused = |why: &str| {
        let before = (snapshot(&pair.near("INBOX")), snapshot(&pair.far("INBOX")));
        let run = pair.command(&["--apply", "plan.jsonl"]).run().expect(75);
        assert!(run.errors().contains("the world has moved"), "{why}\n{run}");
        assert!(run.errors().contains("hint: "), "{why}\n{run}");
        let after = (snapshot(&pair.near("INBOX")), snapshot(&pair.far("INBOX")));
        assert!(before == after, "something was changed: {why}\n{run}");
    };
    plan();
    pair.other().append("INBOX", "", b"Subject: later\r\n\r\nx\r\n");
    refused("another message has come");
    plan();
    let mut other = pair.other();
    other.select("INBOX");
    other.command("STORE 1 +FLAGS (\\Flagged)");
    refused("a flag was set");
    plan();
    other.command("STORE 5 +FLAGS (\\Deleted)");
    other.command("EXPUNGE");
    refused("a message is gone");
    plan();
    // The same numbers in a folder that was made anew are other messages.
    other.command("CREATE again");
    other.command("SELECT INBOX");
    let before = super::mail::maildir_files(&pair.near("INBOX")).len();
    std::fs::remove_file(super::mail::maildir_files(&pair.near("INBOX")).remove(0)).expect("gone");
    refused("a file is gone");
    assert_eq!(subjects(&pair.near("INBOX")).len(), before - 1);

    let words = ["--apply", "plan.jsonl", "--pull"];
    pair.command(&words).run().expect(64).says(&["the plan says already"]);
    let text = std::fs::read_to_string(pair.home.path().join("plan.jsonl")).expect("a plan");
    let half: Vec<&str> = text.lines().take(1).collect();
    pair.home.write("plan.jsonl", half.join("\n"));
    pair.command(&["--apply", "plan.jsonl"]).run().expect(65).says(&["line 1"]);
    pair.home.write("plan.jsonl", "hello\n");
    pair.command(&["--apply", "plan.jsonl"]).run().expect(65).says(&["no JSON"]);
    pair.command(&["--apply", "nothing.jsonl"]).run().expect(66);
}
