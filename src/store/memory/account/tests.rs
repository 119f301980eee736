//! What the account promises, over memory alone.

use std::rc::Rc;

use super::*;
use crate::store::Received;

fn account() -> Account {
    Account::new(7, Rc::new(|| Received { seconds: 1_000, offset_seconds: 0 }))
}

fn new(octets: &[u8], flags: &[&str]) -> NewMessage {
    NewMessage { flags: flags.iter().collect(), received: None, octets: octets.into() }
}

fn uids(account: &Account, id: MailboxId) -> Vec<u32> {
    let mailbox = account.mailbox(id).expect("exists");
    mailbox.messages().iter().map(|message| message.uid).collect()
}

#[test]
fn uids_are_never_used_again() {
    let mut account = account();
    let inbox = account.find("inbox").expect("INBOX exists");
    let first = account.append(inbox, vec![new(b"a", &[]), new(b"b", &[])]);
    assert_eq!(first, Ok(vec![1, 2]));
    assert_eq!(account.expunge(inbox, &[2, 9]), Ok(vec![2]));
    assert_eq!(account.append(inbox, vec![new(b"c", &[])]), Ok(vec![3]));
    assert_eq!(uids(&account, inbox), [1, 3]);
}

#[test]
fn modseqs_tell_what_changed_and_what_vanished() {
    let mut account = account();
    let inbox = account.find("INBOX").expect("INBOX exists");
    let batch = (0..6).map(|_| new(b"x", &[])).collect();
    account.append(inbox, batch).expect("room");
    let before = account.mailbox(inbox).expect("exists").highest_modseq();
    let seen: Flags = ["\\Seen"].iter().collect();
    let add = FlagOperation::Add;
    let stored = account.store_flags(inbox, &[2, 77], add, &seen, None).expect("exists");
    assert_eq!(stored, Stored { changed: vec![2], modified: vec![] });
    // The same again changes nothing and takes no mod-sequence.
    let again = account.store_flags(inbox, &[2], add, &seen, None).expect("exists");
    assert_eq!(again, Stored::default());
    let late = account.store_flags(inbox, &[1, 2], add, &seen, Some(before)).expect("exists");
    assert_eq!(late, Stored { changed: vec![1], modified: vec![2] });
    account.expunge(inbox, &[3, 4]).expect("exists");
    account.expunge(inbox, &[5]).expect("exists");
    let mailbox = account.mailbox(inbox).expect("exists");
    let changed: Vec<u32> = mailbox.changed_since(before).map(|m| m.uid).collect();
    assert_eq!(changed, [1, 2]);
    assert_eq!(mailbox.vanished_since(before), vec![3..=5]);
    assert_eq!(mailbox.vanished_since(mailbox.highest_modseq() - 1), vec![5..=5]);
    assert!(mailbox.vanished_since(mailbox.highest_modseq()).is_empty());
    assert_eq!(mailbox.highest_modseq(), before + 4);
}

#[test]
fn rename_keeps_uidvalidity_and_children() {
    let mut account = account();
    let id = account.create("a/b", &[]).expect("free");
    let validity = account.mailbox(id).expect("exists").uid_validity();
    account.append(id, vec![new(b"m", &[])]).expect("room");
    account.rename("a", "x/y").expect("free");
    assert_eq!(account.find("x/y/b"), Some(id));
    assert_eq!(account.name(id), Some("x/y/b"));
    assert_eq!(account.mailbox(id).expect("exists").uid_validity(), validity);
    assert_eq!(account.find("a/b"), None);
    let below = account.rename("x", "x/z");
    assert!(matches!(below, Err(Refused::Name { .. })));
    assert_eq!(account.rename("x", "INBOX"), Err(Refused::Exists("INBOX".into())));
}

#[test]
fn renaming_inbox_moves_its_messages_and_leaves_it() {
    let mut account = account();
    let inbox = account.find("INBOX").expect("INBOX exists");
    account.create("INBOX/below", &[]).expect("free");
    account.append(inbox, vec![new(b"m", &["\\Seen"])]).expect("room");
    account.rename("Inbox", "old").expect("free");
    assert!(uids(&account, inbox).is_empty());
    let old = account.find("old").expect("made");
    assert_eq!(uids(&account, old), [1]);
    assert!(account.find("INBOX/below").is_some());
}

#[test]
fn deleting_a_parent_leaves_a_level() {
    let mut account = account();
    let parent = account.create("p", &[]).expect("free");
    account.create("p/c", &[]).expect("free");
    account.delete("p").expect("exists");
    assert!(account.mailbox(parent).is_none());
    let level = account.find("p").expect("stays as a level");
    assert!(!account.mailbox(level).expect("exists").is_selectable());
    let refused = account.append(level, vec![new(b"m", &[])]);
    assert_eq!(refused, Err(Refused::NotSelectable("p".into())));
    assert_eq!(account.delete("p"), Err(Refused::HasChildren("p".into())));
    let again = account.create("p", &[]).expect("a level can become a mailbox");
    assert_ne!(again, parent);
    assert_eq!(account.delete("inbox"), Err(Refused::Inbox));
}

#[test]
fn hostile_names_are_refused() {
    let mut account = account();
    for name in ["", "/", "/a", "a//b", "a\0b", "a\nb", "a/"] {
        let made = account.create(name, &[]);
        assert_eq!(made.is_ok(), name == "a/", "{name:?}: {made:?}");
    }
    assert!(account.create(&"x".repeat(2_000), &[]).is_err());
}

#[test]
fn copies_share_the_octets_and_the_email_id() {
    let mut account = account();
    let inbox = account.find("INBOX").expect("INBOX exists");
    let other = account.create("other", &[]).expect("free");
    account.append(inbox, vec![new(b"a", &["x"]), new(b"b", &[])]).expect("room");
    assert_eq!(account.copy(inbox, &[2, 1, 1, 5], other), Ok(vec![(1, 1), (2, 2)]));
    let copied = account.mailbox(other).and_then(|m| m.message(1)).expect("copied").clone();
    let original = account.mailbox(inbox).and_then(|m| m.message(1)).expect("there");
    assert_eq!(copied.email_id, original.email_id);
    assert!(copied.flags.has("X"));
    assert_eq!(account.move_messages(inbox, &[1], inbox), Ok(vec![(1, 3)]));
    assert_eq!(uids(&account, inbox), [2, 3]);
}

#[test]
fn every_change_wakes_the_watchers() {
    let mut account = account();
    let mut watcher = account.changes();
    assert!(!watcher.has_changed().expect("alive"));
    let inbox = account.find("INBOX").expect("INBOX exists");
    account.append(inbox, vec![new(b"a", &[])]).expect("room");
    assert!(watcher.has_changed().expect("alive"));
    assert_eq!(*watcher.borrow_and_update(), account.version());
    assert_eq!(account.mailbox(inbox).expect("exists").version(), account.version());
    account.expunge(inbox, &[99]).expect("exists");
    assert!(!watcher.has_changed().expect("alive"));
    account.set_subscribed("INBOX", true).expect("memory");
    assert!(watcher.has_changed().expect("alive"));
    assert_eq!(account.names_version(), account.version());
}

mod kept {
    use std::path::Path;

    use super::*;
    use crate::store::memory::Limits;
    use crate::store::testing::Dir;

    fn open(root: &Path) -> Shared {
        let clock = Rc::new(|| Received { seconds: 1_000, offset_seconds: 3_600 });
        Account::open(root, 7, clock).expect("the tree opens").0
    }

    /// All of a mailbox that a client can see.
    fn state(account: &Account, name: &str) -> (u32, u32, u64, Vec<Message>) {
        let mailbox = account.find(name).and_then(|id| account.mailbox(id)).expect(name);
        (
            mailbox.uid_validity(),
            mailbox.uid_next(),
            mailbox.highest_modseq(),
            mailbox.messages().to_vec(),
        )
    }

    #[test]
    fn everything_is_there_again() {
        let dir = Dir::new();
        let names = ["INBOX", "Lists/rust", "Lists", "gel\u{f6}scht/\u{65e5}\u{672c}", "x.y"];
        let before: Vec<_> = {
            let shared = open(dir.path());
            let mut account = shared.borrow_mut();
            for name in &names[1..] {
                if account.find(name).is_none() {
                    account.create(name, &["\\Archive".to_owned()]).expect("free");
                }
            }
            let inbox = account.find("INBOX").expect("INBOX");
            let rust = account.find("Lists/rust").expect("made");
            let batch: Vec<NewMessage> =
                (0..5).map(|n| new(&[b'a' + n, b'\n', 0xff], &[])).collect();
            account.append(inbox, batch).expect("room");
            let flags: Flags = ["\\Seen", "$Label", "\\Deleted"].iter().collect();
            account.store_flags(inbox, &[1, 3], FlagOperation::Add, &flags, None).expect("there");
            account.store_flags(inbox, &[3], FlagOperation::Remove, &flags, None).expect("there");
            account.expunge(inbox, &[2, 5]).expect("there");
            account.copy(inbox, &[1, 4], rust).expect("room");
            account.move_messages(inbox, &[4], rust).expect("room");
            account.take_recent(inbox).expect("there");
            account.set_subscribed("nowhere", true).expect("kept");
            account.set_limits(Limits { messages: Some(9), ..Limits::default() }).expect("kept");
            account.set_rights(rust, "bob", Some("lr".to_owned())).expect("kept");
            let note = ("/private/comment".to_owned(), Some(b"a\0b".to_vec()));
            account.annotate(Some(rust), vec![note]).expect("kept");
            names.iter().map(|name| state(&account, name)).collect()
        };
        for _ in 0..2 {
            let shared = open(dir.path());
            let account = shared.borrow();
            for (name, before) in names.iter().zip(&before) {
                assert_eq!(&state(&account, name), before, "{name}");
            }
            let inbox = account.find("INBOX").and_then(|id| account.mailbox(id)).expect("INBOX");
            assert_eq!(inbox.recent_from(), inbox.uid_next());
            assert_eq!(inbox.vanished_since(0), [2..=2, 4..=5]);
            let rust =
                account.find("Lists/rust").and_then(|id| account.mailbox(id)).expect("there");
            assert_eq!(rust.rights()["bob"], "lr");
            assert_eq!(rust.annotations()["/private/comment"], b"a\0b");
            assert_eq!(rust.special_use(), ["\\Archive"]);
            assert_eq!(account.subscriptions().collect::<Vec<_>>(), ["nowhere"]);
            assert_eq!(account.limits().messages, Some(9));
        }
        // Nothing is numbered twice, even after all that was there is gone.
        let shared = open(dir.path());
        let mut account = shared.borrow_mut();
        let inbox = account.find("INBOX").expect("INBOX");
        account.expunge(inbox, &[1, 3]).expect("there");
        assert_eq!(account.append(inbox, vec![new(b"z", &[])]), Ok(vec![6]));
    }

    #[test]
    fn names_change_for_good() {
        let dir = Dir::new();
        let (uids, validity) = {
            let shared = open(dir.path());
            let mut account = shared.borrow_mut();
            let id = account.create("a/b", &[]).expect("free");
            account.append(id, vec![new(b"m", &[])]).expect("room");
            account.create("gone", &[]).expect("free");
            account.rename("a", "c/d").expect("free");
            account.delete("gone").expect("there");
            account.create("p/q", &[]).expect("free");
            account.delete("p").expect("there");
            (uids(&account, id), account.mailbox(id).expect("there").uid_validity())
        };
        let shared = open(dir.path());
        let account = shared.borrow();
        let names: Vec<&str> = account.mailboxes().map(|(name, _)| name).collect();
        assert_eq!(names, ["INBOX", "c", "c/d", "c/d/b", "p", "p/q"]);
        let id = account.find("c/d/b").expect("renamed");
        assert_eq!(super::uids(&account, id), uids);
        assert_eq!(account.mailbox(id).expect("there").uid_validity(), validity);
        let level = account.find("p").and_then(|id| account.mailbox(id)).expect("a level");
        assert!(!level.is_selectable());
    }

    #[test]
    fn other_programs_deliver_and_change_flags() {
        let dir = Dir::new();
        {
            let shared = open(dir.path());
            let mut account = shared.borrow_mut();
            let inbox = account.find("INBOX").expect("INBOX");
            account.append(inbox, vec![new(b"a\r\n", &["$x"]), new(b"b\r\n", &[])]).expect("room");
        }
        let cur = dir.path().join("cur");
        let mut files: Vec<_> = std::fs::read_dir(&cur)
            .expect("cur")
            .map(|entry| entry.expect("a file").path())
            .collect();
        files.sort();
        let seen = format!("{}S", files[0].display());
        std::fs::rename(&files[0], seen).expect("renamed");
        std::fs::remove_file(&files[1]).expect("removed");
        std::fs::write(dir.path().join("new/1700000000.x.host"), b"c\nd\n").expect("delivered");
        let shared = open(dir.path());
        let account = shared.borrow();
        let (_, uid_next, highest, messages) = state(&account, "INBOX");
        assert_eq!(uid_next, 4);
        assert_eq!(messages.iter().map(|m| m.uid).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(messages[0].flags, ["\\Seen", "$x"].iter().collect());
        assert_eq!(&*messages[1].octets, b"c\r\nd\r\n");
        assert!(messages[0].modseq < messages[1].modseq && messages[1].modseq == highest);
        drop(account);
        drop(shared);
        let shared = open(dir.path());
        assert_eq!(state(&shared.borrow(), "INBOX"), (7, 4, highest, messages));
    }

    #[test]
    fn what_was_interrupted_is_finished() {
        let dir = Dir::new();
        {
            let shared = open(dir.path());
            let mut account = shared.borrow_mut();
            let inbox = account.find("INBOX").expect("INBOX");
            account.append(inbox, vec![new(b"a", &["\\Seen"])]).expect("room");
        }
        // Killed between the index and the rename, and within a line of the index.
        let file = std::fs::read_dir(dir.path().join("cur")).expect("cur").next().expect("one");
        let file = file.expect("a file");
        let name = file.file_name().to_string_lossy().replace(":2,S", "");
        std::fs::rename(file.path(), dir.path().join("tmp").join(name)).expect("renamed");
        let index = dir.path().join("pillarbox-index");
        let mut content = std::fs::read(&index).expect("an index");
        content.extend_from_slice(b"{\"gone\":{\"modseq\":9,\"ui");
        std::fs::write(&index, content).expect("written");
        let shared = open(dir.path());
        let (_, uid_next, _, messages) = state(&shared.borrow(), "INBOX");
        assert_eq!(uid_next, 2);
        assert_eq!(messages[0].flags, ["\\Seen"].iter().collect());
        drop(shared);
        // A line that is whole and makes no sense is not passed over.
        std::fs::write(&index, b"{\"what\":1}\n").expect("written");
        let clock = Rc::new(|| Received { seconds: 1_000, offset_seconds: 0 });
        let error = Account::open(dir.path(), 7, clock).err().expect("refused");
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_name_never_gets_an_older_uidvalidity() {
        let mut account = account();
        let old = account.create("old", &[]).expect("free");
        account.create("new", &[]).expect("free");
        let young =
            account.mailbox(account.find("new").expect("made")).expect("there").uid_validity();
        account.delete("new").expect("there");
        account.rename("old", "new").expect("free");
        let now = account.mailbox(old).expect("there").uid_validity();
        assert!(now > young, "{now} {young}");
        account.rename("new", "back").expect("free");
        account.rename("back", "new").expect("free");
        assert_eq!(account.mailbox(old).expect("there").uid_validity(), now);
    }

    #[test]
    fn the_quota_is_kept() {
        let mut account = account();
        let inbox = account.find("INBOX").expect("INBOX");
        account.set_limits(Limits { storage: Some(1), ..Limits::default() }).expect("memory");
        account.append(inbox, vec![new(&[b'x'; 1000], &[])]).expect("room");
        let refused = account.append(inbox, vec![new(&[b'x'; 100], &[])]);
        assert_eq!(refused, Err(Refused::OverQuota));
        assert_eq!(account.copy(inbox, &[1], inbox), Err(Refused::OverQuota));
        assert_eq!(account.move_messages(inbox, &[1], inbox), Ok(vec![(1, 2)]));
    }
}

#[test]
fn what_several_mailboxes_hold_counts_once_in_the_budget() {
    let budget = Budget::new(25);
    let (mut one, mut other) = (account(), account());
    one.set_budget(budget.clone());
    other.set_budget(budget.clone());
    let inbox = one.find("INBOX").expect("INBOX exists");
    let box_of_other = other.find("INBOX").expect("INBOX exists");
    let shared: std::sync::Arc<[u8]> = b"0123456789".as_slice().into();
    let message = || NewMessage { octets: shared.clone(), ..new(b"", &[]) };
    // Delivered to two, and copied: ten octets.
    one.append(inbox, vec![message()]).expect("room");
    other.append(box_of_other, vec![message()]).expect("room");
    let copies = one.create("copies", &[]).expect("made");
    one.copy(inbox, &[1], copies).expect("copied");
    one.append(inbox, vec![new(b"another one of 16", &[])]).expect("room");
    assert_eq!(budget.excess(), 2);
    // A mailbox goes, and a message of the other user: one still holds the octets.
    one.delete("copies").expect("deleted");
    other.expunge(box_of_other, &[1]).expect("gone");
    assert_eq!(budget.excess(), 2);
    one.expunge(inbox, &[1]).expect("gone");
    assert_eq!(budget.excess(), 0);
    // What is appended, moved and renamed counts as before.
    let kept = one.create("kept", &[]).expect("made");
    one.move_messages(inbox, &[2], kept).expect("moved");
    one.rename("kept", "elsewhere").expect("renamed");
    one.append(inbox, vec![new(b"12345678", &[]), new(b"1", &[])]).expect("room");
    assert_eq!(budget.excess(), 1);
    one.delete("elsewhere").expect("deleted");
    one.append(inbox, vec![new(b"0123456789abcdef", &[])]).expect("room");
    assert_eq!(budget.excess(), 0);
}
