//! STORE, COPY, MOVE, APPEND, EXPUNGE, and what other sessions hear of it.

use super::super::Settings;
use super::super::testing::*;

fn three() -> crate::store::memory::Shared {
    let account = account();
    fill(&account, "INBOX", &[("a", &[]), ("b", &["\\Seen"]), ("c", &["\\Deleted", "$X"])]);
    account
}

#[test]
fn flags_are_replaced_added_and_removed() {
    let mut talk = Talk::inbox(&server(&three()));
    assert_eq!(
        talk.ask("STORE 1:2 +FLAGS (\\Flagged)"),
        ["* 1 FETCH (FLAGS (\\Flagged \\Recent))", "* 2 FETCH (FLAGS (\\Flagged \\Seen \\Recent))",]
    );
    assert_eq!(
        talk.ask("UID STORE 2 -FLAGS \\Seen"),
        ["* 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent))"]
    );
    assert_eq!(talk.ask("STORE 2 FLAGS.SILENT (\\Draft \\Recent)"), [""; 0]);
    assert_eq!(talk.ask("FETCH 2 FLAGS"), ["* 2 FETCH (FLAGS (\\Draft \\Recent))"]);
    let said = talk.ask("STORE 1 FLAGS ($New)");
    assert_eq!(said[0], "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $New $X)");
    assert!(said[1].starts_with("* OK [PERMANENTFLAGS ("), "{said:?}");
    assert_eq!(said[2], "* 1 FETCH (FLAGS ($New \\Recent))");
    assert_eq!(talk.end("STORE 1 FLAGS (\\Nonsense)"), "BAD");
    assert_eq!(talk.end("STORE 9 FLAGS ()"), "BAD");
    assert_eq!(talk.end("UID STORE 9 FLAGS ()"), "OK");
}

#[test]
fn conditional_store() {
    let account = three();
    let server = server(&account);
    let mut talk = Talk::inbox(&server);
    let mut other = Talk::inbox(&server);
    other.ask("STORE 2 +FLAGS.SILENT (\\Answered)");
    // RFC 7162 section 3.1.3, examples 4 to 6.
    let said = talk.say("STORE 1:3 (UNCHANGEDSINCE 2) +FLAGS.SILENT (\\Draft)");
    assert!(said.starts_with("* OK [HIGHESTMODSEQ 3] "), "{said}");
    assert!(said.contains("* 1 FETCH (MODSEQ (4))\r\n* 3 FETCH (MODSEQ (4))\r\n"), "{said}");
    assert!(
        said.contains("* 2 FETCH (UID 2 FLAGS (\\Answered \\Seen \\Recent) MODSEQ (3))"),
        "{said}"
    );
    assert!(said.contains("OK [MODIFIED 2]"), "{said}");
    assert_eq!(talk.end("UID STORE 1 (UNCHANGEDSINCE 0) +FLAGS (x)"), "OK [MODIFIED 1]");
    assert_eq!(
        talk.ask("UID STORE 1 (UNCHANGEDSINCE 4) -FLAGS.SILENT (\\Draft)"),
        ["* 1 FETCH (UID 1 MODSEQ (5))"]
    );
    assert_eq!(talk.end("STORE 1 (UNCHANGEDSINCE) FLAGS ()"), "BAD");
}

#[test]
fn others_hear_of_it_at_the_right_time() {
    let account = three();
    let server = server(&account);
    let mut talk = Talk::inbox(&server);
    let mut other = Talk::inbox(&server);
    other.ask("STORE 1 +FLAGS (\\Deleted)");
    assert_eq!(other.ask("EXPUNGE"), ["* 1 EXPUNGE", "* 2 EXPUNGE"]);
    fill(&account, "INBOX", &[("d", &[])]);
    // No EXPUNGE while FETCH, STORE and SEARCH are answered, and numbers stay (RFC 3501
    // section 7.4.1).
    let said = talk.say("FETCH 1:3 UID");
    // What is gone can be read until it is told (RFC 2180 section 4.1.1).
    let there = "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\n* 4 EXISTS\r\n";
    assert!(said.starts_with(there), "{said}");
    assert!(said.contains(" OK ") && !said.contains("EXPUNGE\r\n"), "{said}");
    assert!(talk.say("FETCH 3 (FLAGS BODY.PEEK[TEXT])").contains("BODY[TEXT] "));
    assert_eq!(talk.ask("SEARCH ALL"), ["* SEARCH 1 2 3 4"]);
    assert_eq!(talk.end("STORE 3 +FLAGS (\\Seen)"), "OK");
    assert_eq!(talk.ask("FETCH 3 FLAGS"), ["* 3 FETCH (FLAGS ($X \\Deleted \\Seen \\Recent))"]);
    assert_eq!(talk.end("STORE 3 +FLAGS.SILENT (\\Seen)"), "OK");
    assert_eq!(talk.end("COPY 1:2 INBOX"), "NO [EXPUNGEISSUED]");
    let mut third = Talk::inbox(&server);
    third.ask("STORE 1 +FLAGS.SILENT (\\Answered)");
    assert_eq!(
        talk.ask("UID FETCH 4 UID"),
        ["* 2 FETCH (UID 4)", "* 1 FETCH (UID 2 FLAGS (\\Answered \\Seen \\Recent))",]
    );
}

#[test]
fn what_others_did_is_told_even_when_silent() {
    let account = three();
    let server = server(&account);
    let mut talk = Talk::inbox(&server);
    let mut other = Talk::inbox(&server);
    other.ask("STORE 1 +FLAGS.SILENT (\\Answered)");
    assert_eq!(
        talk.ask("STORE 1:2 +FLAGS.SILENT (\\Flagged)"),
        ["* 1 FETCH (FLAGS (\\Answered \\Flagged \\Recent))"]
    );
    assert_eq!(talk.ask("NOOP"), [""; 0]);
}

#[test]
fn copy_and_move() {
    let account = three();
    let server = server(&account);
    let mut talk = Talk::inbox(&server);
    assert_eq!(talk.end("COPY 1 box"), "NO [TRYCREATE]");
    talk.ask("CREATE box");
    assert_eq!(talk.end("COPY 1,3 box"), "OK [COPYUID 8 1,3 1:2]");
    assert_eq!(talk.end("UID COPY 99 box"), "OK");
    assert_eq!(talk.ask("STATUS box (MESSAGES DELETED)"), ["* STATUS box (MESSAGES 2 DELETED 1)"]);
    // RFC 6851 section 4.3.
    let said = talk.ask("MOVE 1:2 box");
    assert!(said[0].starts_with("* OK [COPYUID 8 1:2 3:4] "), "{said:?}");
    assert_eq!(said[1..], ["* 1 EXPUNGE", "* 1 EXPUNGE"]);
    let said = talk.ask("UID MOVE 3 INBOX");
    assert_eq!(said[1..], ["* 1 EXPUNGE", "* 1 EXISTS", "* 1 RECENT"]);
    talk.say("EXAMINE INBOX");
    assert_eq!(talk.end("MOVE 1 box"), "NO [READ-ONLY]");
}

#[test]
fn expunge_and_uid_expunge() {
    let account = three();
    let mut talk = Talk::inbox(&server(&account));
    talk.ask("STORE 1:2 +FLAGS.SILENT (\\Deleted)");
    assert_eq!(talk.ask("UID EXPUNGE 2:3"), ["* 2 EXPUNGE", "* 2 EXPUNGE"]);
    assert_eq!(talk.ask("EXPUNGE"), ["* 1 EXPUNGE"]);
    assert_eq!(talk.ask("EXPUNGE"), [""; 0]);
    talk.ask("ENABLE QRESYNC");
    fill(&account, "INBOX", &[("a", &["\\Deleted"]), ("b", &["\\Deleted"])]);
    talk.ask("NOOP");
    let said = talk.say("EXPUNGE");
    assert!(said.starts_with("* VANISHED 4:5\r\n"), "{said}");
    assert!(said.contains("OK [HIGHESTMODSEQ "), "{said}");
}

#[test]
fn append() {
    let account = account();
    let server = server(&account);
    let mut talk = Talk::inbox(&server);
    let said = talk.ask("APPEND INBOX (\\Seen $X) \"17-Jul-1996 02:44:25 -0700\" {5}\r\nhello");
    assert_eq!(said[..2], ["* 1 EXISTS", "* 1 RECENT"]);
    assert_eq!(
        talk.ask("FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)"),
        [
            "* 1 FETCH (FLAGS ($X \\Seen \\Recent) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 5)"
        ]
    );
    assert_eq!(talk.end("APPEND INBOX {1}\r\na (\\Draft) ~{3}\r\nb\0c"), "OK [APPENDUID 7 2:3]");
    assert_eq!(talk.end("APPEND none {1}\r\na"), "NO [TRYCREATE]");
    assert_eq!(talk.end("APPEND INBOX {0}\r\n"), "NO");
    assert_eq!(talk.end("APPEND INBOX UTF8 (~{1}\r\na)"), "BAD");
    assert_eq!(talk.end("APPEND INBOX (\\Nonsense) {1}\r\na"), "BAD");
    assert_eq!(talk.ask("STATUS INBOX (MESSAGES)"), ["* STATUS INBOX (MESSAGES 3)"]);
    let large = vec![b'x'; 70_000];
    let said = talk.say_with(b"APPEND INBOX {70000}\r\n", vec![large.clone().into()]);
    assert!(said.contains("OK [APPENDUID 7 4]"), "{said}");
    let said = talk.say_with(b"APPEND INBOX {70000}\r\n", vec![vec![0; 70_000].into()]);
    assert!(said.contains(" BAD "), "{said}");
    assert!(talk.say("FETCH 4 BODY.PEEK[]").contains("{70000}\r\nxxx"));
}

#[test]
fn append_has_a_limit() {
    let settings = Settings { append_limit: 4, allow_cleartext: true, ..Settings::default() };
    let mut talk = Talk::ann(&server_with(&account(), settings));
    assert!(talk.ask("CAPABILITY")[0].contains(" APPENDLIMIT=4"));
    assert_eq!(talk.ask("STATUS INBOX (APPENDLIMIT)"), ["* STATUS INBOX (APPENDLIMIT 4)"]);
    assert_eq!(talk.end("APPEND INBOX {5}\r\nhello"), "NO [TOOBIG]");
    assert_eq!(talk.end("APPEND INBOX {4}\r\nhell"), "OK [APPENDUID 7 1]");
}
