//! CREATE, DELETE, RENAME, LIST, LSUB, STATUS, SELECT, EXAMINE, CLOSE, and QRESYNC.

use super::super::testing::*;

#[test]
fn mailboxes_come_and_go() {
    let mut talk = Talk::ann(&server(&account()));
    assert!(talk.end("CREATE a/b/").starts_with("OK [MAILBOXID (F"));
    assert_eq!(talk.end("CREATE a/b"), "NO [ALREADYEXISTS]");
    assert_eq!(talk.end("CREATE inbox"), "NO [ALREADYEXISTS]");
    assert_eq!(talk.end("CREATE a//b"), "NO [CANNOT]");
    assert_eq!(talk.end("CREATE \"a&b\""), "NO [CANNOT]");
    assert_eq!(talk.end("CREATE x (USE (\\All))"), "NO [USEATTR]");
    assert!(talk.end("CREATE Sent (USE (\\sent))").starts_with("OK"));
    assert_eq!(talk.end("DELETE INBOX"), "NO [CANNOT]");
    assert_eq!(talk.end("DELETE none"), "NO [NONEXISTENT]");
    assert_eq!(talk.end("DELETE a"), "OK");
    assert_eq!(talk.end("SELECT a"), "NO [NONEXISTENT]");
    assert_eq!(
        talk.ask("LIST \"\" *"),
        [
            "* LIST (\\HasNoChildren) \"/\" INBOX",
            "* LIST (\\HasNoChildren \\Sent) \"/\" Sent",
            "* LIST (\\Noselect \\HasChildren) \"/\" a",
            "* LIST (\\HasNoChildren) \"/\" a/b",
        ]
    );
    assert_eq!(talk.end("RENAME a/b c/d"), "OK");
    assert_eq!(talk.end("RENAME c Sent"), "NO [ALREADYEXISTS]");
    assert_eq!(talk.ask("LIST \"c/\" %"), ["* LIST (\\HasNoChildren) \"/\" c/d"]);
    assert_eq!(talk.ask("LIST \"\" \"\""), ["* LIST (\\Noselect) \"/\" \"\""]);
    assert!(talk.ask("LIST \"\" c").len() == 1);
}

#[test]
fn renaming_inbox_moves_its_messages() {
    let account = account();
    fill(&account, "INBOX", &[("a", &[]), ("b", &[])]);
    let mut talk = Talk::ann(&server(&account));
    assert_eq!(talk.end("RENAME INBOX old"), "OK");
    assert_eq!(talk.ask("STATUS old (MESSAGES)"), ["* STATUS old (MESSAGES 2)"]);
    assert_eq!(
        talk.ask("STATUS inbox (MESSAGES UIDNEXT)"),
        ["* STATUS INBOX (MESSAGES 0 UIDNEXT 3)"]
    );
}

#[test]
fn names_beyond_ascii() {
    let mut talk = Talk::ann(&server(&account()));
    talk.ask("CREATE Entw&APw-rfe");
    assert_eq!(talk.ask("LIST \"\" E*"), ["* LIST (\\HasNoChildren) \"/\" Entw&APw-rfe"]);
    assert_eq!(talk.end("CREATE \"R&D\""), "NO [CANNOT]");
    talk.ask("ENABLE UTF8=ACCEPT");
    assert_eq!(
        talk.ask("LIST \"\" \"Entw\u{fc}*\""),
        ["* LIST (\\HasNoChildren) \"/\" \"Entw\u{fc}rfe\""]
    );
    talk.ask("SELECT \"Entw\u{fc}rfe\"");
}

#[test]
fn subscriptions() {
    let mut talk = Talk::ann(&server(&account()));
    talk.ask("CREATE foo");
    talk.ask("SUBSCRIBE foo/bar");
    talk.ask("SUBSCRIBE INBOX");
    assert_eq!(talk.end("SUBSCRIBE \"\""), "NO [CANNOT]");
    // RFC 3501 section 6.3.9.
    assert_eq!(talk.ask("LSUB \"\" foo/*"), ["* LSUB () \"/\" foo/bar"]);
    assert_eq!(talk.ask("LSUB \"\" %"), ["* LSUB () \"/\" INBOX", "* LSUB (\\Noselect) \"/\" foo"]);
    assert_eq!(
        talk.ask("LIST (SUBSCRIBED) \"\" *"),
        [
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" INBOX",
            "* LIST (\\NonExistent \\Subscribed \\HasNoChildren) \"/\" foo/bar",
        ]
    );
    // RFC 5258 section 5, example 9.
    assert_eq!(
        talk.ask("LIST (SUBSCRIBED RECURSIVEMATCH) \"\" f%"),
        ["* LIST (\\HasNoChildren) \"/\" foo (CHILDINFO (\"SUBSCRIBED\"))"]
    );
    assert_eq!(talk.end("LIST (RECURSIVEMATCH) \"\" *"), "BAD");
    talk.ask("UNSUBSCRIBE foo/bar");
    assert_eq!(talk.ask("LSUB \"\" *"), ["* LSUB () \"/\" INBOX"]);
}

#[test]
fn rfc_5258_section_5_example_9() {
    let mut talk = Talk::ann(&server(&account()));
    let all = ["foo2/bar1", "foo2/bar2", "baz2/bar2", "baz2/bar22", "baz2/bar222", "eps2/mamba"];
    for name in all.into_iter().chain(["qux2/bar2"]) {
        talk.ask(&format!("CREATE {name}"));
        talk.ask(&format!("SUBSCRIBE {name}"));
    }
    talk.ask("SUBSCRIBE eps2");
    assert_eq!(
        talk.ask("LIST (RECURSIVEMATCH SUBSCRIBED) \"\" *2"),
        [
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" baz2/bar2",
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" baz2/bar22",
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" baz2/bar222",
            "* LIST (\\Subscribed \\HasChildren) \"/\" eps2 (CHILDINFO (\"SUBSCRIBED\"))",
            "* LIST (\\HasChildren) \"/\" foo2 (CHILDINFO (\"SUBSCRIBED\"))",
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" foo2/bar2",
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" qux2/bar2",
        ]
    );
}

#[test]
fn extended_list() {
    let account = account();
    fill(&account, "INBOX", &[("a", &["\\Seen"]), ("b", &[])]);
    let mut talk = Talk::ann(&server(&account));
    talk.ask("CREATE Drafts (USE (\\Drafts))");
    talk.ask("SUBSCRIBE Drafts");
    assert_eq!(
        talk.ask("LIST \"\" (INBOX D*) RETURN (SUBSCRIBED CHILDREN STATUS (MESSAGES UNSEEN))"),
        [
            "* LIST (\\Subscribed \\HasNoChildren \\Drafts) \"/\" Drafts",
            "* STATUS Drafts (MESSAGES 0 UNSEEN 0)",
            "* LIST (\\HasNoChildren) \"/\" INBOX",
            "* STATUS INBOX (MESSAGES 2 UNSEEN 1)",
        ]
    );
    assert_eq!(
        talk.ask("LIST (SPECIAL-USE) \"\" *"),
        ["* LIST (\\HasNoChildren \\Drafts) \"/\" Drafts"]
    );
    assert_eq!(talk.end("LIST (NONSENSE) \"\" *"), "BAD");
    assert_eq!(talk.end("LIST \"\" * RETURN (NONSENSE)"), "BAD");
}

#[test]
fn status_items() {
    let account = account();
    fill(&account, "INBOX", &[("abc", &["\\Seen", "\\Deleted"]), ("de", &[])]);
    let mut talk = Talk::ann(&server(&account));
    let all = "MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ";
    assert_eq!(
        talk.ask(&format!("STATUS INBOX ({all} MAILBOXID)")),
        [concat!(
            "* STATUS INBOX (MESSAGES 2 RECENT 2 UIDNEXT 3 UIDVALIDITY 7 UNSEEN 1 DELETED 1 ",
            "SIZE 5 HIGHESTMODSEQ 2 MAILBOXID (F1))"
        )]
    );
    assert_eq!(talk.end("STATUS none (MESSAGES)"), "NO [NONEXISTENT]");
    assert_eq!(talk.end("STATUS INBOX (NONSENSE)"), "BAD");
}

#[test]
fn select_tells_how_it_stands() {
    let account = account();
    fill(&account, "INBOX", &[("a", &["\\Seen", "$Label"]), ("b", &[])]);
    let server = server(&account);
    let mut talk = Talk::ann(&server);
    let flags = "\\Answered \\Flagged \\Deleted \\Seen \\Draft $Label";
    let expected = |permanent: &str, recent: u32| {
        [
            format!("* FLAGS ({flags})"),
            format!("* OK [PERMANENTFLAGS ({permanent})]"),
            "* 2 EXISTS".to_owned(),
            format!("* {recent} RECENT"),
            "* OK [UNSEEN 2]".to_owned(),
            "* OK [UIDVALIDITY 7]".to_owned(),
            "* OK [UIDNEXT 3]".to_owned(),
            "* OK [HIGHESTMODSEQ 2]".to_owned(),
            "* OK [MAILBOXID (F1)]".to_owned(),
            "* OK [URLMECH INTERNAL]".to_owned(),
        ]
    };
    let lines = |said: Vec<String>| -> Vec<String> {
        let line = |line: &String| match line.split_once("] ") {
            Some((code, _)) => format!("{code}]"),
            None => line.clone(),
        };
        said.iter().map(line).collect()
    };
    assert_eq!(lines(talk.ask("EXAMINE INBOX")), expected("", 2));
    assert_eq!(talk.end("STORE 1 FLAGS ()"), "NO [READ-ONLY]");
    assert_eq!(talk.end("EXPUNGE"), "NO [READ-ONLY]");
    let again = lines(talk.ask("SELECT INBOX"));
    assert_eq!(again[0], "* OK [CLOSED]");
    assert_eq!(again[1..], expected(&format!("{flags} \\*"), 2));
    let mut other = Talk::ann(&server);
    assert_eq!(lines(other.ask("SELECT INBOX")), expected(&format!("{flags} \\*"), 0));
    assert_eq!(talk.end("SELECT none"), "NO [NONEXISTENT]");
    assert_eq!(talk.end("CHECK"), "BAD");
}

#[test]
fn rev2_has_no_recent() {
    let account = account();
    fill(&account, "INBOX", &[("a", &[])]);
    let mut talk = Talk::ann(&server(&account));
    talk.ask("ENABLE IMAP4rev2");
    let said = talk.say("SELECT inbox");
    assert!(!said.contains("RECENT") && !said.contains("UNSEEN"), "{said}");
    assert!(said.contains("* LIST (\\HasNoChildren) \"/\" INBOX\r\n"), "{said}");
    fill(&account, "INBOX", &[("b", &[])]);
    assert_eq!(talk.ask("NOOP"), ["* 2 EXISTS"]);
    assert_eq!(talk.ask("FETCH 2 FLAGS"), ["* 2 FETCH (FLAGS ())"]);
    assert_eq!(talk.ask("SEARCH ALL"), ["* ESEARCH (TAG \"6\") ALL 1:2"]);
}

#[test]
fn close_and_unselect() {
    let account = account();
    fill(&account, "INBOX", &[("a", &["\\Deleted"]), ("b", &[])]);
    let server = server(&account);
    let mut talk = Talk::inbox(&server);
    assert_eq!(talk.ask("UNSELECT"), [""; 0]);
    assert_eq!(talk.end("CHECK"), "BAD");
    talk.say("EXAMINE INBOX");
    assert_eq!(talk.ask("CLOSE"), [""; 0]);
    assert_eq!(account.borrow().mailboxes().next().map(|(_, m)| m.messages().len()), Some(2));
    talk.say("SELECT INBOX");
    assert_eq!(talk.ask("CLOSE"), [""; 0]);
    assert_eq!(account.borrow().mailboxes().next().map(|(_, m)| m.messages().len()), Some(1));
}

#[test]
fn a_mailbox_deleted_under_a_session_is_empty() {
    let account = account();
    let server = server(&account);
    let mut talk = Talk::ann(&server);
    talk.ask("CREATE box");
    fill(&account, "box", &[("a", &[]), ("b", &[])]);
    talk.ask("SELECT box");
    let mut other = Talk::ann(&server);
    other.ask("DELETE box");
    assert_eq!(talk.end("FETCH 1 FLAGS"), "NO [EXPUNGEISSUED]");
    assert_eq!(talk.ask("NOOP"), ["* 1 EXPUNGE", "* 1 EXPUNGE"]);
    assert_eq!(talk.ask("NOOP"), [""; 0]);
    other.ask("CREATE box");
    other.ask("SELECT box");
    let said = other.ask("DELETE box");
    assert!(said[0].starts_with("* OK [CLOSED]"), "{said:?}");
    assert_eq!(other.end("CHECK"), "BAD");
}

#[test]
fn a_client_that_comes_back() {
    let account = account();
    let none: &[&str] = &[];
    let messages = vec![("x", none); 6];
    fill(&account, "INBOX", &messages);
    let server = server(&account);
    let mut other = Talk::inbox(&server);
    let mut talk = Talk::ann(&server);
    assert_eq!(talk.end("SELECT INBOX (QRESYNC (7 2))"), "BAD");
    talk.ask("ENABLE QRESYNC");
    other.ask("STORE 2,5 +FLAGS.SILENT (\\Deleted)");
    other.ask("EXPUNGE");
    other.ask("UID STORE 3 +FLAGS.SILENT (\\Flagged)");
    let said = talk.ask("SELECT INBOX (QRESYNC (7 2))");
    assert_eq!(
        said[said.len() - 2..],
        ["* VANISHED (EARLIER) 2,5", "* 2 FETCH (UID 3 FLAGS (\\Flagged) MODSEQ (5))"]
    );
    let said = talk.ask("SELECT INBOX (QRESYNC (7 2 1:4))");
    assert!(said.contains(&"* VANISHED (EARLIER) 2".to_owned()), "{said:?}");
    let said = talk.ask("SELECT INBOX (QRESYNC (7 2 1:6 (1,2 1,3)))");
    assert!(said.contains(&"* VANISHED (EARLIER) 5".to_owned()), "{said:?}");
    let said = talk.say("SELECT INBOX (QRESYNC (8 2))");
    assert!(!said.contains("VANISHED") && !said.contains("FETCH"), "{said}");
    other.ask("STORE 1 +FLAGS.SILENT (\\Deleted)");
    other.ask("EXPUNGE");
    assert_eq!(
        talk.ask("UID FETCH 1:6 (FLAGS) (CHANGEDSINCE 4 VANISHED)"),
        ["* 2 FETCH (UID 3 FLAGS (\\Flagged) MODSEQ (5))", "* VANISHED 1"]
    );
    assert_eq!(
        talk.ask("UID FETCH 1:6 (FLAGS) (CHANGEDSINCE 4 VANISHED)"),
        ["* VANISHED (EARLIER) 1", "* 1 FETCH (UID 3 FLAGS (\\Flagged) MODSEQ (5))"]
    );
    assert_eq!(talk.end("FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)"), "BAD");
}

#[test]
fn names_are_spelt_rightly() {
    let mut talk = Talk::ann(&server(&account()));
    // RFC 3501 section 5.1.3: printable ASCII stands for itself.
    assert_eq!(talk.end("CREATE \"&AGE-\""), "NO [CANNOT]");
    talk.ask("CREATE a");
    assert_eq!(talk.end("RENAME a \"&AGI-\""), "NO [CANNOT]");
    // RFC 3501 section 9: a quoted string has seven bits.
    assert_eq!(talk.end("SELECT \"\u{e9}\""), "BAD");
    talk.ask("ENABLE UTF8=ACCEPT");
    assert_eq!(talk.end("CREATE \"q\u{2028}b\""), "NO [CANNOT]");
    assert!(talk.say_with(b"LIST \"\" \"\xff\"", vec![]).contains(" BAD "));
    assert!(talk.say_with(b"STATUS \"\xff\" (MESSAGES)", vec![]).contains(" BAD "));
}

#[test]
fn a_select_that_is_bad_leaves_the_mailbox_open() {
    let mut talk = Talk::inbox(&server(&account()));
    assert_eq!(talk.end("SELECT INBOX (FOO)"), "BAD");
    assert_eq!(talk.end("SELECT INBOX (QRESYNC (7 2))"), "BAD");
    assert_eq!(talk.end("CHECK"), "OK");
}

#[test]
fn select_of_rev2_tells_the_attributes() {
    let mut talk = Talk::ann(&server(&account()));
    talk.ask("ENABLE IMAP4rev2");
    talk.ask("CREATE par/child (USE (\\Sent))");
    talk.ask("SUBSCRIBE par/child");
    assert!(talk.say("SELECT par").contains("* LIST (\\HasChildren) \"/\" par\r\n"));
    let said = talk.say("SELECT par/child");
    let expected = "* LIST (\\Subscribed \\HasNoChildren \\Sent) \"/\" par/child\r\n";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_mailbox_that_cannot_be_read() {
    let mut talk = Talk::ann(&server(&account()));
    talk.ask("CREATE box");
    talk.ask("SETACL box ann lai");
    // RFC 5819 section 2.
    assert_eq!(
        talk.ask("LIST \"\" box RETURN (STATUS (MESSAGES))"),
        ["* LIST (\\Noselect \\HasNoChildren) \"/\" box"]
    );
    // RFC 9051 sections 6.3.12 and 6.4.7.
    assert_eq!(talk.end("APPEND box {1}\r\nx"), "OK");
    assert!(talk.end("APPEND INBOX {1}\r\nx").starts_with("OK [APPENDUID "));
    talk.ask("SELECT INBOX");
    assert_eq!(talk.end("COPY 1 box"), "OK");
}

#[test]
fn the_special_use_is_an_annotation() {
    let mut talk = Talk::ann(&server(&account()));
    talk.ask("CREATE Sent (USE (\\Sent))");
    let get = "GETMETADATA Sent /private/specialuse";
    assert_eq!(talk.ask(get), ["* METADATA Sent (/private/specialuse \"\\\\Sent\")"]);
    assert_eq!(talk.end("SETMETADATA Sent (/private/specialuse \"\\\\All\")"), "NO [USEATTR]");
    talk.ask("SETMETADATA Sent (/private/specialuse \"\\\\junk\")");
    assert_eq!(talk.ask("LIST \"\" Sent"), ["* LIST (\\HasNoChildren \\Junk) \"/\" Sent"]);
    talk.ask("SETMETADATA Sent (/private/specialuse NIL)");
    assert_eq!(talk.ask(get), ["* METADATA Sent (/private/specialuse NIL)"]);
    assert_eq!(talk.end("SETMETADATA \"\" (/shared/admin \"x\")"), "NO [CANNOT]");
}

#[test]
fn renaming_inbox_copies_its_annotations() {
    let mut talk = Talk::ann(&server(&account()));
    talk.ask("SETMETADATA INBOX (/private/comment \"mine\")");
    talk.ask("RENAME INBOX old");
    for name in ["INBOX", "old"] {
        assert_eq!(
            talk.ask(&format!("GETMETADATA {name} /private/comment")),
            [format!("* METADATA {name} (/private/comment \"mine\")")]
        );
    }
}
