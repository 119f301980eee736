//! Whole Maildirs: what a caller of the traits sees, and what lies on the disk.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::slice::from_ref;
use std::time::{Duration, SystemTime};

use super::super::testing::{Collected, Dir, Given, run};
use super::*;
use crate::store::Flags;

fn options() -> Options {
    Options { durability: Durability::Fast, create: true, ..Options::default() }
}

fn maildir(dir: &Dir) -> Maildir {
    Maildir::open(dir.path(), options()).expect("made")
}

async fn deliver(store: &mut Maildir, folder: &str, body: &[u8], flags: &[&str]) -> Id {
    let ids = store.append(folder, &mut Given::one(body, flags, 1_000)).await.expect("stored");
    ids.into_iter().next().flatten().expect("one id")
}

async fn body(store: &mut Maildir, id: &Id) -> Option<Vec<u8>> {
    let mut sink = Collected::default();
    store.read(from_ref(id), &What::Whole, &mut sink).await.expect("readable");
    sink.messages.pop().map(|(_, body)| body)
}

fn change(id: &Id, add: &[&str], remove: &[&str]) -> FlagChange {
    FlagChange { ids: vec![id.clone()], add: add.iter().collect(), remove: remove.iter().collect() }
}

async fn flags(store: &mut Maildir, id: &Id) -> Flags {
    let all = store.changes(None).await.expect("listed").changed;
    let found = all.into_iter().find(|listed| listed.id == *id);
    found.and_then(|listed| listed.flags).expect("there")
}

#[test]
fn a_missing_root_is_an_error_and_not_an_empty_mailbox() {
    let dir = Dir::new();
    for path in [dir.path().join("none"), dir.path().to_owned()] {
        let refused = Maildir::open(&path, Options::default()).map(|_| ());
        let Err(Error::File { source, .. }) = &refused else { panic!("{refused:?}") };
        assert_eq!(source.kind(), io::ErrorKind::NotFound);
    }
    assert!(!dir.path().join("none").exists());
}

#[test]
fn messages_keep_their_ids_through_flags() {
    run(async {
        let dir = Dir::new();
        let mut store = maildir(&dir);
        let id = deliver(&mut store, "INBOX", b"Subject: x\r\n\r\nbody\r\n", &[]).await;
        assert!(dir.path().join("new").join(&*id.0).exists());
        let listed = store.list().await.expect("listed");
        assert_eq!(listed.len(), 1);
        assert_eq!((&listed[0].id, listed[0].size), (&id, Some(17)));
        store.flag(&[change(&id, &["\\Seen", "$Work", "$Forwarded"], &[])]).await.expect("set");
        assert!(dir.path().join(format!("cur/{id}:2,PSa")).exists());
        let expected: Flags = ["\\Seen", "$work", "$forwarded"].iter().collect();
        assert_eq!(flags(&mut store, &id).await, expected);
        store.flag(&[change(&id, &["\\Flagged"], &["$WORK", "\\Seen"])]).await.expect("set");
        assert!(dir.path().join(format!("cur/{id}:2,FP")).exists());
        assert_eq!(body(&mut store, &id).await.as_deref(), Some(&b"Subject: x\n\nbody\n"[..]));
        assert_eq!(store.delete(from_ref(&id)).await.expect("gone"), Deleted::Gone);
        store.delete(from_ref(&id)).await.expect("gone already");
        assert_eq!(body(&mut store, &id).await, None);
    });
}

#[test]
fn files_that_others_rename_are_found() {
    run(async {
        let dir = Dir::new();
        let mut store = maildir(&dir);
        let id = deliver(&mut store, "INBOX", b"x", &["\\Seen"]).await;
        store.list().await.expect("listed");
        let cur = dir.path().join("cur");
        let rename = |from: &str, to: &str| {
            std::fs::rename(cur.join(format!("{id}:2,{from}")), cur.join(format!("{id}:2,{to}")))
                .expect("renamed");
        };
        rename("S", "RSz,kept");
        assert_eq!(body(&mut store, &id).await.as_deref(), Some(&b"x"[..]));
        rename("RSz,kept", "RS,kept");
        store.flag(&[change(&id, &["\\Draft"], &["\\Seen"])]).await.expect("set");
        assert!(cur.join(format!("{id}:2,DR,kept")).exists());
        rename("DR,kept", "");
        assert!(store.file(&id).expect("readable").is_some_and(|path| path.exists()));
        store.delete(&[id]).await.expect("gone");
        assert_eq!(std::fs::read_dir(&cur).expect("there").count(), 0);
    });
}

#[test]
fn more_keywords_than_letters() {
    run(async {
        let dir = Dir::new();
        let mut store = maildir(&dir);
        let names: Vec<String> = (0..30).map(|number| format!("key{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let id = deliver(&mut store, "INBOX", b"x", &names).await;
        assert_eq!(flags(&mut store, &id).await.len(), 30);
        store.flag(&[change(&id, &["key30"], &["key29", "key0"])]).await.expect("set");
        let after = flags(&mut store, &id).await;
        assert_eq!(after.len(), 29);
        assert!(after.has("key30") && after.has("key28") && !after.has("key29"));
        store.create(&["other".to_owned()]).await.expect("made");
        let moved = store.move_to(&[id], "other").await.expect("moved").remove(0);
        store.select("other", false).await.expect("there");
        assert_eq!(flags(&mut store, &moved.expect("an id")).await, after);
    });
}

#[test]
fn copies_and_moves() {
    run(async {
        let dir = Dir::new();
        let mut store = maildir(&dir);
        store.create(&["a/b".to_owned()]).await.expect("made");
        assert!(dir.path().join(".a.b/maildirfolder").exists());
        deliver(&mut store, "a/b", b"first", &["Other"]).await;
        let seen = deliver(&mut store, "INBOX", b"seen", &["\\Seen", "Mine"]).await;
        let new = deliver(&mut store, "INBOX", b"new", &[]).await;
        let gone = Id::new("1.gone");
        let asked = [seen.clone(), gone, new.clone()];
        let copied = store.copy(&asked, "a/b").await.expect("copied");
        assert_eq!(copied.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
        assert_ne!(copied[0].as_ref(), Some(&seen));
        let moved = store.move_to(&asked, "a/b").await.expect("moved");
        assert_eq!(moved, [Some(seen.clone()), None, Some(new.clone())]);
        assert!(store.list().await.expect("listed").is_empty());
        let status = store.select("A/B", false).await;
        assert!(matches!(status, Err(Error::NoFolder(_))));
        let status = store.select("a/b", false).await.expect("there");
        assert_eq!((status.messages, status.unseen), (5, Some(3)));
        // The letter of a keyword differs from folder to folder.
        let expected: Flags = ["\\Seen", "Mine"].iter().collect();
        assert_eq!(flags(&mut store, &seen).await, expected);
        assert_eq!(flags(&mut store, copied[0].as_ref().expect("copied")).await, expected);
        assert_eq!(body(&mut store, &new).await.as_deref(), Some(&b"new"[..]));
        // A copy beside itself, and a move to where it is.
        let again = store.copy(from_ref(&seen), "a/b").await.expect("copied");
        assert_ne!(again[0].as_ref(), Some(&seen));
        assert_eq!(store.move_to(from_ref(&new), "a/b").await.expect("there"), [Some(new)]);
        assert_eq!(store.list().await.expect("listed").len(), 6);
    });
}

#[test]
fn changes_tell_what_is_gone() {
    run(async {
        let dir = Dir::new();
        let mut store = maildir(&dir);
        let first = deliver(&mut store, "INBOX", b"1", &[]).await;
        let second = deliver(&mut store, "INBOX", b"2", &[]).await;
        let known = vec![first.clone(), second.clone()];
        let since = Since { uid_validity: 1, modseq: None, known };
        store.delete(from_ref(&first)).await.expect("gone");
        let changes = store.changes(Some(&since)).await.expect("listed");
        assert!(changes.complete);
        assert_eq!(changes.vanished, [first]);
        assert_eq!(changes.changed.len(), 1);
        assert_eq!(changes.changed[0].size, Some(1));
        let other = Since { uid_validity: 9, ..since };
        assert!(store.changes(Some(&other)).await.expect("listed").vanished.is_empty());
    });
}

#[test]
fn delivery_order_is_listing_order() {
    run(async {
        let dir = Dir::new();
        let mut store = maildir(&dir);
        let bodies: Vec<Vec<u8>> = (0..120u32).map(|n| n.to_string().into_bytes()).collect();
        let bodies: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
        let ids = store.append("INBOX", &mut Given::new(&bodies)).await.expect("stored");
        let listed = store.list().await.expect("listed");
        let ids: Vec<Id> = ids.into_iter().flatten().collect();
        assert_eq!(listed.into_iter().map(|l| l.id).collect::<Vec<_>>(), ids);
    });
}

#[test]
fn folders_are_made_renamed_and_removed() {
    for layout in [Layout::MaildirPlusPlus, Layout::Nested] {
        run(async {
            let dir = Dir::new();
            let options = Options { layout: Some(layout), ..options() };
            let mut store = Maildir::open(dir.path(), options).expect("made");
            let names = ["INBOX", "a/b", "../up", "a.b/cur"].map(str::to_owned);
            store.create(&names).await.expect("made");
            store.create(&names).await.expect("there already");
            deliver(&mut store, "a/b", b"x", &[]).await;
            store.subscribe(&names[1..2], true).await.expect("written");
            let all = store.folders(&[]).await.expect("listed");
            let named = |name: &str| all.iter().find(|folder| folder.name == name).cloned();
            for name in &names {
                assert!(named(name).is_some_and(|folder| folder.selectable), "{name} {all:?}");
            }
            assert!(named("a").is_some_and(|folder| !folder.selectable));
            assert_eq!(named("a/b").and_then(|folder| folder.subscribed), Some(true));
            assert_eq!(store.folders(&["a/%".into()]).await.expect("listed").len(), 1);

            store.rename("a", "x/y").await.expect("renamed");
            assert_eq!(store.select("x/y/b", true).await.expect("there").messages, 1);
            assert!(matches!(store.select("a/b", true).await, Err(Error::NoFolder(_))));
            assert!(store.rename("x", "x/z").await.is_err());
            assert!(store.rename("../up", "x/y/b").await.is_err());
            store.remove(&["x/y/b".to_owned()]).await.expect("removed");
            assert!(store.remove(&["x/y/b".to_owned()]).await.is_err());
            assert!(store.remove(&["inbox".to_owned()]).await.is_err());

            deliver(&mut store, "INBOX", b"moves", &[]).await;
            store.rename("INBOX", "old").await.expect("moved");
            assert_eq!(store.select("INBOX", true).await.expect("stays").messages, 0);
            assert_eq!(store.select("old", true).await.expect("made").messages, 1);
            // The tree tells its layout when it is opened again.
            assert_eq!(Layout::detect(dir.path()).expect("readable"), Some(layout));
        });
    }
}

#[test]
fn removing_a_nested_folder_leaves_those_in_it() {
    run(async {
        let dir = Dir::new();
        let options = Options { layout: Some(Layout::Nested), ..options() };
        let mut store = Maildir::open(dir.path(), options).expect("made");
        store.create(&["a".into(), "a/b".into()]).await.expect("made");
        store.remove(&["a".into()]).await.expect("removed");
        let all = store.folders(&[]).await.expect("listed");
        let names: Vec<(&str, bool)> =
            all.iter().map(|f| (f.name.as_str(), f.selectable)).collect();
        assert_eq!(names, [("a", false), ("a/b", true)]);
    });
}

#[test]
fn leftovers_of_a_crash_are_swept_when_they_are_old() {
    let dir = Dir::new();
    let store = maildir(&dir);
    let tmp = dir.path().join("tmp");
    std::fs::write(tmp.join("left"), b"half").expect("written");
    // The date of the file is its message's, and says nothing of its age.
    let file = File::options().write(true).open(tmp.join("left")).expect("there");
    file.set_modified(SystemTime::UNIX_EPOCH).expect("dated");
    assert_eq!(store.sweep("INBOX").expect("swept"), 0);
    let later = SystemTime::now() + Duration::from_secs(37 * 3600);
    assert_eq!(sweep(dir.path(), later).expect("swept"), 1);
    assert!(!tmp.join("left").exists());
}

#[test]
fn odd_files_do_no_harm() {
    run(async {
        let dir = Dir::new();
        let mut store = maildir(&dir);
        let cur = dir.path().join("cur");
        for name in [".hidden", "plain", "x:2,S:2,F", "y:1,exp", "z:", ":2,S"] {
            std::fs::write(cur.join(name), b"m").expect("written");
        }
        let bad = OsStr::from_bytes(b"caf\xe9:2,S");
        std::fs::write(cur.join(bad), b"latin").expect("written");
        std::fs::create_dir(cur.join("directory")).expect("made");
        let listed = store.list().await.expect("listed");
        assert_eq!(listed.len(), 6);
        let latin = Id::new("caf\\xe9");
        assert_eq!(body(&mut store, &latin).await.as_deref(), Some(&b"latin"[..]));
        store.flag(&[change(&latin, &["\\Flagged"], &[])]).await.expect("set");
        assert_eq!(flags(&mut store, &latin).await.len(), 2);
        assert_eq!(body(&mut store, &latin).await.as_deref(), Some(&b"latin"[..]));
    });
}

#[test]
fn waiting_wakes_for_what_came_since_the_listing() {
    run(async {
        let dir = Dir::new();
        let mut store = maildir(&dir);
        let mut other = maildir(&dir);
        store.list().await.expect("listed");
        assert!(!store.wait(Duration::from_millis(20)).await.expect("readable"));
        deliver(&mut other, "INBOX", b"x", &[]).await;
        assert!(store.wait(Duration::from_secs(10)).await.expect("readable"));
        store.list().await.expect("listed");
        assert!(!store.wait(Duration::from_millis(20)).await.expect("readable"));
    });
}

#[test]
fn the_corpus_comes_back_octet_for_octet() {
    let corpus = super::super::testing::corpus("maildir");
    run(async {
        let dir = Dir::new();
        let options = Options { line_ends: LineEnds::AsIs, ..options() };
        let mut store = Maildir::open(dir.path(), options).expect("made");
        let bodies: Vec<&[u8]> = corpus.iter().map(|(_, octets)| octets.as_slice()).collect();
        let ids = store.append("INBOX", &mut Given::new(&bodies)).await.expect("stored");
        let ids: Vec<Id> = ids.into_iter().flatten().collect();
        let mut sink = Collected::default();
        store.read(&ids, &What::Whole, &mut sink).await.expect("readable");
        assert_eq!(sink.bodies(), bodies);
    });
}
