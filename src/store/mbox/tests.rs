//! Whole files: what a caller of the traits sees, and what lies on the disk.

use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;
use std::slice::from_ref;

use super::super::testing::{Collected, Dir, Given, corpus, run};
use super::*;
use crate::store::Received;

fn clock() -> Clock {
    Rc::new(|| Received { seconds: 0, offset_seconds: 0 })
}

fn options() -> Options {
    Options { durability: Durability::Fast, create: true, ..Options::default() }
}

fn mbox(dir: &Dir) -> Mbox {
    Mbox::open(&dir.path().join("mbox"), options(), clock()).expect("opened")
}

fn content(dir: &Dir) -> String {
    std::fs::read_to_string(dir.path().join("mbox")).expect("there")
}

async fn ids(store: &mut Mbox) -> Vec<Id> {
    store.list().await.expect("listed").into_iter().map(|listed| listed.id).collect()
}

async fn bodies(store: &mut Mbox) -> Vec<Vec<u8>> {
    let ids = ids(store).await;
    let mut sink = Collected::default();
    store.read(&ids, &What::Whole, &mut sink).await.expect("readable");
    sink.messages.into_iter().map(|(_, body)| body).collect()
}

#[test]
fn a_missing_file_is_an_error_unless_it_may_be_made() {
    run(async {
        let dir = Dir::new();
        let path = dir.path().join("mbox");
        let refused = Mbox::open(&path, Options::default(), clock()).map(|_| ());
        assert!(matches!(refused, Err(Error::File { .. })), "{refused:?}");
        let mut store = mbox(&dir);
        assert!(store.list().await.expect("nothing yet").is_empty());
        assert!(!path.exists());
        store.append("inbox", &mut Given::new(&[b"a\n"])).await.expect("stored");
        let mode = std::fs::metadata(&path).expect("made").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!dir.path().join("mbox.lock").exists());
    });
}

#[test]
fn what_is_appended_is_read() {
    run(async {
        let dir = Dir::new();
        let mut store = mbox(&dir);
        let one = b"Subject: 1\r\n\r\nFrom me\r\n>From you\r\n";
        let mut given = Given::one(one, &["\\Seen", "$Junk"], 86_400);
        let first = store.append("INBOX", &mut given).await.expect("stored");
        let second = store.append("INBOX", &mut Given::new(&[b"x: 2\n\ny"])).await.expect("stored");
        let ids = ids(&mut store).await;
        assert_eq!(first.into_iter().chain(second).collect::<Option<Vec<Id>>>(), Some(ids.clone()));
        let mut sink = Collected::default();
        store.read(&ids, &What::Whole, &mut sink).await.expect("readable");
        assert_eq!(
            sink.bodies(),
            [&b"Subject: 1\n\nFrom me\n>From you\n"[..], &b"x: 2\n\ny\n"[..]]
        );
        let meta = &sink.messages[0].0;
        assert_eq!(meta.flags, Some(["\\Seen", "$Junk"].iter().collect()));
        assert_eq!(meta.received, Some(Received { seconds: 86_400, offset_seconds: 0 }));
        let mut sink = Collected::default();
        let what = What::HeaderFields(vec!["subject".into()]);
        store.read(&ids, &what, &mut sink).await.expect("readable");
        assert_eq!(sink.bodies(), [&b"Subject: 1\n\n"[..], &b"\n"[..]]);
        assert_eq!(store.select("INBOX", true).await.expect("there").unseen, Some(1));
    });
}

#[test]
fn a_message_follows_whatever_the_file_ends_with() {
    run(async {
        for end in ["", "\n", "\n\n", "\r\n\r\n", "\n\r\n"] {
            let dir = Dir::new();
            let before = format!("From a Thu Jan  1 00:00:00 1970\nx: 1\n\nend{end}");
            std::fs::write(dir.path().join("mbox"), &before).expect("written");
            let mut store = mbox(&dir);
            store.append("INBOX", &mut Given::new(&[b"x: 2\n"])).await.expect("stored");
            assert!(content(&dir).starts_with(&before));
            assert_eq!(ids(&mut store).await.len(), 2, "{end:?}");
            assert_eq!(bodies(&mut store).await[1], b"x: 2\n");
        }
    });
}

#[test]
fn flags_and_deletions_rewrite_the_file() {
    run(async {
        let dir = Dir::new();
        let mut store = mbox(&dir);
        let three: [&[u8]; 3] = [b"x: 1\n\nFrom 1\n", b"x: 2\n\n2\n", b"x: 3\n\n3\n"];
        store.append("INBOX", &mut Given::new(&three)).await.expect("stored");
        let before = ids(&mut store).await;
        let change = FlagChange {
            ids: vec![before[0].clone(), before[2].clone()],
            add: ["\\Seen", "\\Answered", "work"].iter().collect(),
            remove: Flags::new(),
        };
        store.flag(&[change]).await.expect("rewritten");
        assert!(content(&dir).contains("Status: RO\nX-Status: A\nX-Keywords: work\nx: 1\n"));
        assert_eq!(bodies(&mut store).await, three);
        // The last one stands elsewhere now, and its old id still names it.
        let known = before.clone();
        let since = Since { uid_validity: 1, modseq: None, known };
        let changes = store.changes(Some(&since)).await.expect("listed");
        assert!(changes.vanished.is_empty());
        let listed: Vec<Id> = changes.changed.iter().map(|listed| listed.id.clone()).collect();
        assert_eq!(listed, before);
        assert_ne!(ids(&mut store).await, before);
        store.delete(&before[1..2]).await.expect("rewritten");
        assert_eq!(bodies(&mut store).await, [three[0], three[2]]);
        let changes = store.changes(Some(&since)).await.expect("listed");
        assert_eq!(changes.vanished, before[1..2]);
        let undo = FlagChange {
            ids: vec![before[2].clone()],
            add: Flags::new(),
            remove: ["\\seen", "\\answered", "WORK"].iter().collect(),
        };
        store.flag(from_ref(&undo)).await.expect("rewritten");
        let text = content(&dir);
        assert_eq!(text.matches("Status: RO").count(), 1);
        // The same again leaves the file alone.
        let stamp = Stamp::of(&std::fs::metadata(dir.path().join("mbox")).expect("there"));
        store.flag(&[undo]).await.expect("nothing to do");
        let after = Stamp::of(&std::fs::metadata(dir.path().join("mbox")).expect("there"));
        assert_eq!(stamp, after);
        assert_eq!(std::fs::read_dir(dir.path()).expect("there").count(), 1);
    });
}

#[test]
fn all_four_families_are_read() {
    let from = "From a Thu Jan  1 00:00:00 1970";
    for (name, file, expected) in [
        (
            "rd",
            format!("{from}\nx: 1\n\n>From q\n>>From r\n\n{from}\nx: 2\n\n"),
            "From q\n>From r\n",
        ),
        (
            "cl2",
            format!(
                "{from}\nContent-Length: 52\n\n>From q\n\n{from}\nevil: yes\n\n\n{from}\nx: 2\n"
            ),
            ">From q\n\nFrom a Thu Jan  1 00:00:00 1970\nevil: yes\n\n",
        ),
        ("cl", format!("{from}\nContent-Length: 8\n\n>From q\n\n{from}\nx: 2\n\n"), "From q\n"),
        ("wrong", format!("{from}\nContent-Length: 9999\n\n>From q\n\n{from}\nx: 2\n"), "From q\n"),
    ] {
        run(async {
            let dir = Dir::new();
            std::fs::write(dir.path().join("mbox"), &file).expect("written");
            let mut store = mbox(&dir);
            let all = bodies(&mut store).await;
            assert_eq!(all.len(), 2, "{name}");
            let first = String::from_utf8_lossy(&all[0]);
            let body = first.split_once("\n\n").expect("a header").1;
            assert_eq!(body, expected, "{name}");
            assert_eq!(all[1], b"x: 2\n", "{name}");
        });
    }
    run(async {
        let dir = Dir::new();
        let file = format!("{from}\nx: 1\n\n>From q\n>>From r\n");
        std::fs::write(dir.path().join("mbox"), file).expect("written");
        let options = Options { variety: Variety::O, ..options() };
        let mut store = Mbox::open(&dir.path().join("mbox"), options, clock()).expect("opened");
        assert_eq!(bodies(&mut store).await, [b"x: 1\n\nFrom q\n>>From r\n"]);
    });
}

#[test]
fn nothing_is_appended_before_the_commit() {
    run(async {
        let dir = Dir::new();
        let mut store = mbox(&dir);
        store.append("INBOX", &mut Given::new(&[b"x: 1\n"])).await.expect("stored");
        let before = content(&dir);
        let mut appender = store.appender();
        let meta = Meta { id: Id::new(""), size: None, flags: None, received: None };
        for _ in 0..2 {
            // The second one ends the first.
            appender.start(&meta).expect("started");
            appender.write(b"x: 2\n").expect("written");
        }
        assert_eq!(appender.pending(), 1);
        assert_eq!(content(&dir), before);
        assert_eq!(appender.commit().await.expect("stored").len(), 2);
        assert_eq!(bodies(&mut store).await, [b"x: 1\n", b"x: 2\n", b"x: 2\n"]);
    });
}

#[test]
fn a_file_that_is_no_mbox_is_refused() {
    run(async {
        let dir = Dir::new();
        std::fs::write(dir.path().join("mbox"), "Subject: x\n").expect("written");
        let refused = mbox(&dir).list().await;
        assert!(matches!(refused, Err(Error::Format { offset: 0, .. })), "{refused:?}");
    });
}

#[test]
fn parts_of_a_large_message() {
    run(async {
        let dir = Dir::new();
        let mut store = mbox(&dir);
        let mut body = b"x: 1\n\n".to_vec();
        while body.len() < 9_000_000 {
            body.extend_from_slice(b"From line to line it goes\n");
        }
        store.append("INBOX", &mut Given::new(&[&body])).await.expect("stored");
        let ids = ids(&mut store).await;
        let mut sink = Collected::default();
        store.read(&ids, &What::Whole, &mut sink).await.expect("readable");
        assert!(sink.bodies() == [body.as_slice()]);
        let what = What::Partial { section: "TEXT".into(), offset: 26, octets: Some(9) };
        let mut sink = Collected::default();
        store.read(&ids, &what, &mut sink).await.expect("readable");
        assert_eq!(sink.bodies(), [b"From line"]);
    });
}

#[test]
fn the_corpus_comes_back() {
    let corpus = corpus("mbox");
    run(async {
        let dir = Dir::new();
        let options = Options { line_ends: LineEnds::AsIs, ..options() };
        let mut store = Mbox::open(&dir.path().join("mbox"), options, clock()).expect("opened");
        let given: Vec<&[u8]> = corpus.iter().map(|(_, octets)| octets.as_slice()).collect();
        let stored = store.append("INBOX", &mut Given::new(&given)).await.expect("stored");
        assert_eq!(stored.len(), given.len());
        let all = bodies(&mut store).await;
        assert_eq!(all.len(), given.len());
        for (read, (path, octets)) in all.iter().zip(&corpus) {
            let mut expected = octets.clone();
            if !expected.ends_with(b"\n") {
                expected.push(b'\n');
            }
            // What counts as the mbox's own fields is not given back, and a Content-Length
            // that happens to be right moves the end by an empty line at most.
            let has = |name: &[u8]| {
                expected.windows(name.len()).any(|window| window.eq_ignore_ascii_case(name))
            };
            if !has(b"status:") && !has(b"x-keywords:") && !has(b"content-length:") {
                assert!(*read == expected, "{}", path.display());
            }
        }
    });
}
