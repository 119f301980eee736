//! What a search gives to other verbs, and takes by standard input.

use super::discussion;
use super::support::Home;

#[test]
fn references_go_on_to_other_verbs() {
    let home = Home::new();
    let root = discussion(&home);
    let place = root.to_str().expect("UTF-8");
    let all = home.run(&["search", "*", place, "-0"]).success();
    assert_eq!(all.text().matches('\0').count(), 4);
    // A search within what a search has found, as references and as a message.
    let run =
        home.pillarbox(&["search", "subject:re", "-", "-0"]).stdin(all.text()).run().success();
    assert_eq!(run.text().matches('\0').count(), 2);
    let message = "Subject: on stdin\n\nwords\n";
    let run = home.pillarbox(&["search", "body:words", "-"]).stdin(message).run().success();
    assert_eq!(run.text(), "-\n");
    home.pillarbox(&["search", "body:other", "-"]).stdin(message).run().expect(1);
    // As an mbox, whose messages are named by where they stand in it: in a file of the same octets
    // they are found by that.
    let mbox = home.run(&["fetch", "--recursive", place]).success();
    let run = home.pillarbox(&["search", "subject:re", "-"]).stdin(mbox.text()).run().success();
    let lines = run.lines();
    assert!(
        lines.len() == 2 && lines.iter().all(|line| line.starts_with("mbox:-;offset=")),
        "{run}"
    );
    home.write("kept.mbox", mbox.text());
    let kept = run.text().replace("mbox:-;", "mbox:kept.mbox;");
    let again = home.pillarbox(&["search", "subject:re", "-"]).stdin(kept.clone()).run().success();
    assert_eq!(again.text(), kept);
    let count = ["search", "-subject:re", "-", "--count"];
    let run = home.pillarbox(&count).stdin(mbox.text()).run().success();
    assert_eq!(run.text(), "2\n");
    let threads = home.pillarbox(&["search", "--thread", "subject:re", "-"]);
    assert_eq!(threads.stdin(mbox.text()).run().success().lines().len(), 3);
    home.pillarbox(&["search", "uid:1", "-"]).stdin(mbox.text()).run().expect(2);
    let found = home.run(&["search", "from:ann", place]).success();
    let target = home.path().join("saved");
    let to = format!("eml:{}", target.display());
    home.pillarbox(&["fetch", "-", "--to", &to]).stdin(found.text()).run().success();
    assert_eq!(std::fs::read_dir(&target).expect("made").count(), 2);
    home.run(&["search", "nothing like it", place]).expect(1);
    home.run(&["search", "subject:(", place]).expect(2);
    home.run(&["search", "x", "/no/such/place"]).expect(2);
    home.run(&["search", "x", place, "--uids"]).expect(2);
    // What is no query, and a limit that lets nothing through.
    for wrong in [&["search", "", place][..], &["search", " ", place], &["search", place]] {
        home.run(wrong).expect(2);
    }
    home.run(&["search", "x", place, "--limit", "0"]).expect(2);
    home.run(&["search", "uid:3,*", place]).expect(2).says(&["which UID is the last"]);
}

/// Names of files are octets: what is no UTF-8 goes through references, escaped, and comes by
/// `find -print0` as it is.
#[test]
fn paths_that_are_not_utf_8_go_on_to_other_verbs() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let home = Home::new();
    let folder = home.path().join(OsStr::from_bytes(b"caf\xe9"));
    let cur = folder.join("cur");
    for sub in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(folder.join(sub)).expect("made");
    }
    let names: [&[u8]; 2] = [b"1.a\xff:2,S", b"2.b\n:2,"];
    for (name, subject) in names.iter().zip(["one", "two"]) {
        let text = format!("Subject: {subject}\n\nwords\n");
        std::fs::write(cur.join(OsStr::from_bytes(name)), text).expect("written");
    }
    let place = folder.as_os_str();
    let words = [OsStr::new("search"), OsStr::new("words"), place];
    let found = home.pillarbox(&words).run().success();
    assert_eq!(found.lines().len(), 2, "{found}");
    let nul = [OsStr::new("search"), OsStr::new("words"), place, OsStr::new("-0")];
    let found_nul = home.pillarbox(&nul).run().success();
    for (input, more) in [(found.text(), &[][..]), (found_nul.text(), &["-0"])] {
        for (query, count) in [("subject:two", "1"), ("*", "2")] {
            let words = [&["search", query, "-", "--count"], more].concat();
            let run = home.pillarbox(&words).stdin(input).run().success();
            assert_eq!(run.text().trim_end_matches(['\n', '\0']), count);
        }
    }
    // As find(1) writes it.
    let raw: Vec<u8> = names
        .iter()
        .flat_map(|name| [cur.as_os_str().as_bytes(), b"/", name, b"\0"].concat())
        .collect();
    let listed = ["search", "*", "-", "-0"];
    let run = home.pillarbox(&listed).stdin(raw.clone()).run().success();
    assert_eq!(run.text(), found_nul.text());
    let flag = ["message", "mark", "-0", "-", "+flagged"];
    home.pillarbox(&flag).stdin(raw).run().success();
    let flagged = [OsStr::new("search"), OsStr::new("is:flagged"), place];
    assert_eq!(home.pillarbox(&flagged).run().success().lines().len(), 2);
    let text = found.text().to_owned();
    home.pillarbox(&["message", "delete", "-"]).stdin(text).run().success();
    home.pillarbox(&words).run().expect(1);
}
