//! FETCH: items, sections, structures, and `\Seen`.

use super::super::testing::*;
use crate::store::memory::Shared;

/// The message of RFC 9051 section 8's FETCH example, in its header fields.
const MESSAGE: &str = "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n\
From: Terry Gray <gray@cac.washington.edu>\r\n\
Subject: IMAP4rev2 WG mtg summary and minutes\r\n\
To: imap@cac.washington.edu\r\n\
cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n\
Message-Id: <B27397-0100000@cac.washington.edu>\r\n\
MIME-Version: 1.0\r\n\
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\
\r\n\
one\r\n\
two\r\n";

const MULTIPART: &str = "Subject: m\r\n\
MIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=b\r\n\
\r\n\
--b\r\n\
\r\n\
text\r\n\
--b\r\n\
Content-Type: application/octet-stream; name=x\r\n\
Content-Transfer-Encoding: base64\r\n\
Content-Disposition: attachment; filename=x\r\n\
\r\n\
aGVsbG8=\r\n\
--b\r\n\
Content-Type: message/rfc822\r\n\
\r\n\
Subject: inner\r\n\
\r\n\
deep\r\n\
--b--\r\n";

fn mail() -> Shared {
    let account = account();
    fill(&account, "INBOX", &[(MESSAGE, &[]), (MULTIPART, &["\\Seen"])]);
    account
}

#[test]
fn the_rfcs_envelope() {
    let mut talk = Talk::inbox(&server(&mail()));
    // RFC 9051 section 8.
    assert_eq!(
        talk.ask("FETCH 1 ENVELOPE"),
        [concat!(
            "* 1 FETCH (ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" ",
            "\"IMAP4rev2 WG mtg summary and minutes\" ",
            "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ",
            "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ",
            "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ",
            "((NIL NIL \"imap\" \"cac.washington.edu\")) ",
            "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")",
            "(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL ",
            "\"<B27397-0100000@cac.washington.edu>\"))"
        )]
    );
    assert_eq!(
        talk.ask("FETCH 1 BODY"),
        ["* 1 FETCH (BODY (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 10 2))"]
    );
}

#[test]
fn macros_and_metadata() {
    let mut talk = Talk::inbox(&server(&mail()));
    let fast = talk.ask("FETCH 1 FAST");
    assert_eq!(
        fast,
        [format!(
            "* 1 FETCH (FLAGS (\\Recent) INTERNALDATE \"10-Jan-2024 12:00:00 +0000\" RFC822.SIZE {})",
            MESSAGE.len()
        )]
    );
    assert!(talk.ask("FETCH 1 ALL")[0].contains(" ENVELOPE ("));
    assert!(talk.ask("FETCH 1 FULL")[0].contains(" BODY ("));
    assert_eq!(
        talk.ask("UID FETCH 2 (EMAILID THREADID SAVEDATE)"),
        [
            "* 2 FETCH (UID 2 EMAILID (M2) THREADID (T09160c07b5ac957e) SAVEDATE \"10-Jan-2024 12:00:00 +0000\")"
        ]
    );
    assert_eq!(talk.ask("FETCH 2 PREVIEW"), ["* 2 FETCH (PREVIEW \"text\")"]);
    assert_eq!(talk.end("FETCH 1 X-GM-MSGID"), "BAD");
    assert_eq!(talk.end("FETCH 3 UID"), "BAD");
    assert_eq!(talk.end("FETCH 0 UID"), "BAD");
}

#[test]
fn structures() {
    let mut talk = Talk::inbox(&server(&mail()));
    assert_eq!(
        talk.ask("FETCH 2 BODYSTRUCTURE"),
        [concat!(
            "* 2 FETCH (BODYSTRUCTURE (",
            "(\"text\" \"plain\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 4 0 NIL NIL NIL NIL)",
            "(\"application\" \"octet-stream\" (\"name\" \"x\") NIL NIL \"base64\" 8 NIL ",
            "(\"attachment\" (\"filename\" \"x\")) NIL NIL)",
            "(\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 22 ",
            "(NIL \"inner\" NIL NIL NIL NIL NIL NIL NIL NIL) ",
            "(\"text\" \"plain\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 4 0 NIL NIL NIL NIL) ",
            "2 NIL NIL NIL NIL) ",
            "\"mixed\" (\"boundary\" \"b\") NIL NIL NIL))"
        )]
    );
}

#[test]
fn sections_and_parts() {
    let mut talk = Talk::inbox(&server(&mail()));
    let mut body = |section: &str| talk.say(&format!("FETCH 2 {section}"));
    assert!(body("BODY.PEEK[1]").starts_with("* 2 FETCH (BODY[1] {4}\r\ntext)"));
    assert!(body("BODY.PEEK[3.HEADER]").contains("{18}\r\nSubject: inner\r\n\r\n)"));
    assert!(body("BODY.PEEK[3.1]").contains("BODY[3.1] {4}\r\ndeep)"));
    assert!(body("BODY.PEEK[2.MIME]").contains("Content-Disposition"));
    assert!(body("BODY.PEEK[9]").contains("BODY[9] NIL)"));
    assert!(body("BODY.PEEK[TEXT]<0.3>").contains("BODY[TEXT]<0> {3}\r\n--b)"));
    assert!(body("BODY.PEEK[]<9999.3>").contains("BODY[]<9999> {0}\r\n)"));
    assert!(
        body("BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
            .contains("BODY[HEADER.FIELDS (SUBJECT)] {14}\r\nSubject: m\r\n\r\n)")
    );
    assert!(body("RFC822.HEADER").contains("RFC822.HEADER {"));
    assert!(body("BINARY.PEEK[2]").contains("BINARY[2] {5}\r\nhello)"));
    assert!(body("BINARY.PEEK[2]<1.3>").contains("BINARY[2]<1> {3}\r\nell)"));
    assert!(body("BINARY.SIZE[2]").contains("BINARY.SIZE[2] 5)"));
    assert!(body("BINARY.PEEK[9]").contains("BINARY[9] NIL)"));
}

#[test]
fn an_encoding_that_nobody_knows() {
    let account = account();
    let message = "Content-Transfer-Encoding: x-uue\r\n\r\nabc";
    fill(&account, "INBOX", &[(message, &[])]);
    let mut talk = Talk::inbox(&server(&account));
    assert_eq!(talk.end("FETCH 1 BINARY[1]"), "NO [UNKNOWN-CTE]");
}

#[test]
fn reading_sets_seen_and_peeking_does_not() {
    let account = mail();
    let server = server(&account);
    let mut talk = Talk::inbox(&server);
    assert!(!talk.say("FETCH 1 (BODY.PEEK[1] RFC822.HEADER BODY)").contains("\\Seen"));
    let said = talk.say("FETCH 1:2 BODY[1]");
    assert!(
        said.starts_with("* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[1] {10}\r\none\r\ntwo\r\n)\r\n"),
        "{said}"
    );
    assert!(said.contains("* 2 FETCH (BODY[1] {4}\r\ntext)\r\n"), "{said}");
    assert_eq!(talk.ask("NOOP"), [""; 0]);
    account.borrow_mut().create("box", &[]).expect("a name");
    fill(&account, "box", &[(MESSAGE, &[])]);
    talk.say("EXAMINE box");
    assert!(!talk.say("FETCH 1 RFC822").contains("FLAGS"));
    assert_eq!(talk.ask("FETCH 1 FLAGS"), ["* 1 FETCH (FLAGS (\\Recent))"]);
}

#[test]
fn modseq_and_changedsince() {
    let account = mail();
    let server = server(&account);
    let mut talk = Talk::inbox(&server);
    let said = talk.ask("FETCH 1 MODSEQ");
    assert!(said[0].starts_with("* OK [HIGHESTMODSEQ 2] "), "{said:?}");
    assert_eq!(said[1], "* 1 FETCH (MODSEQ (2))");
    Talk::inbox(&server).ask("STORE 2 +FLAGS.SILENT (\\Flagged)");
    assert_eq!(
        talk.ask("FETCH 1:* FLAGS (CHANGEDSINCE 2)"),
        ["* 2 FETCH (FLAGS (\\Flagged \\Seen \\Recent) MODSEQ (3))"]
    );
}

#[test]
fn hostile_sets_and_names() {
    let mut talk = Talk::inbox(&server(&mail()));
    assert_eq!(talk.ask("UID FETCH 1:4294967295,1:4294967295 UID").len(), 2);
    assert_eq!(talk.end("FETCH 1:4294967295 UID"), "BAD");
    assert_eq!(talk.end("FETCH 1 BODY.PEEK[HEADER.FIELDS ({3}\r\na\r\n)]"), "BAD");
    let deep = "(".repeat(5000);
    assert_eq!(talk.end(&format!("SEARCH {deep}")), "BAD");
}

#[test]
fn ten_thousand_messages() {
    let account = account();
    let seen: &[&str] = &["\\Seen"];
    let messages = vec![(MESSAGE, seen); 10_000];
    fill(&account, "INBOX", &messages);
    let mut talk = Talk::inbox(&server(&account));
    let said = talk.say("FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])");
    assert_eq!(said.matches(" FETCH (UID ").count(), 10_000);
    let heads = said.matches(&format!("{{{}}}\r\n", MESSAGE.len())).count();
    assert_eq!(heads, 10_000);
}
