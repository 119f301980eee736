use super::*;
use crate::base::decode::Decoded;
use crate::imap::syntax::Octets;
use crate::imap::syntax::append::{AppendData, AppendKind};
use crate::imap::syntax::encode::{Encoder, Literals, Stop};
use crate::imap::syntax::flag::Flag;

#[track_caller]
fn whole(octets: &[u8]) -> Tagged<'_> {
    for end in 0..octets.len() {
        assert_eq!(decode(&octets[..end]), Ok(Decoded::More), "{}", octets[..end].escape_ascii());
    }
    match decode(octets) {
        Ok(Decoded::Done { value, used }) if used == octets.len() => value,
        other => panic!("{other:?} of {}", octets.escape_ascii()),
    }
}

#[track_caller]
fn same(octets: &[u8]) {
    let command = whole(octets);
    let mut out = Encoder::new(Literals::Plus, true);
    command.encode(&mut out);
    let encoded = out.finish().unwrap().octets;
    assert_eq!(encoded.escape_ascii().to_string(), octets.escape_ascii().to_string());
}

#[test]
fn rfc_9051_and_extension_examples_survive_unchanged() {
    for line in [
        "a1 CAPABILITY",
        "a STARTTLS",
        "A023 LOGOUT",
        "A002 IDLE",
        "a001 LOGIN SMITH SESAME",
        r#"a001 LOGIN "a b" "q\"\\""#,
        "A001 AUTHENTICATE GSSAPI",
        "C01 AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=",
        "C01 AUTHENTICATE EXTERNAL =",
        "t2 ENABLE CONDSTORE QRESYNC",
        "A142 SELECT INBOX",
        "A3 EXAMINE foo (CONDSTORE)",
        "A02 SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))",
        "A03 SELECT INBOX (QRESYNC (67890007 9 41:214 (1,3,4 29997,29999)))",
        "A004 CREATE owatagusiam/blurdybloop",
        r"t1 CREATE Everything (USE (\All \Sent))",
        "A685 DELETE foo",
        "A683 RENAME blurdybloop sarasoop",
        "A002 SUBSCRIBE #news.comp.mail.mime",
        "A002 UNSUBSCRIBE #news.comp.mail.mime",
        r#"A101 LIST "" ~/Mail/%"#,
        r#"A01 LIST "" * RETURN (CHILDREN)"#,
        r#"A07 LIST (SUBSCRIBED RECURSIVEMATCH) "" * RETURN (STATUS (MESSAGES SIZE) SPECIAL-USE)"#,
        r#"BBB LIST "" (INBOX Drafts Sent/%)"#,
        r##"A002 LSUB #news. comp.mail.*"##,
        "A001 NAMESPACE",
        "A042 STATUS blurdybloop (UIDNEXT MESSAGES HIGHESTMODSEQ)",
        "A FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
        "A654 UID FETCH 2:4,7 (UID BODY.PEEK[1.2.MIME]<0.1024> BINARY.PEEK[3] BINARY.SIZE[3])",
        "s100 UID FETCH 1:* FLAGS (CHANGEDSINCE 12345 VANISHED)",
        "a FETCH 1 (PREVIEW (LAZY) X-GM-MSGID SAVEDATE EMAILID)",
        r"A003 STORE 2:4 +FLAGS (\Deleted)",
        r"A003 UID STORE 2:4 (UNCHANGEDSINCE 320162338) -FLAGS.SILENT (\Seen $x)",
        "a UID STORE 1 +X-GM-LABELS (foo)",
        "A003 COPY 2:4 MEETING",
        "a UID MOVE 42:69 foo",
        "A003 UID EXPUNGE 3000:3002",
        "A202 EXPUNGE",
        "A282 SEARCH RETURN (MIN COUNT) FLAGGED SINCE 1-Feb-1994 NOT FROM Smith",
        "a UID SEARCH CHARSET UTF-8 OR (SUBJECT a BODY b) 1:3 UID $",
        "a SEARCH RETURN (PARTIAL -1:-100) MODSEQ \"/flags/\\\\draft\" all 620162338",
        "a SEARCH OLDER 86400 FUZZY TEXT x KEYWORD $Junk HEADER Message-ID <a@b> SAVEDON 1-Feb-1994",
        "A283 SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
        "A284 THREAD REFERENCES UTF-8 ALL",
        r#"a023 ID ("name" "sodr" "vendor" NIL)"#,
        "a COMPRESS DEFLATE",
        r#"A GETQUOTA """#,
        "a GETQUOTAROOT INBOX",
        r#"a SETQUOTA "" (STORAGE 512)"#,
        "a SETACL INBOX fred +rw",
        "a GETMETADATA (MAXSIZE 1024 DEPTH 1) INBOX (/shared/comment)",
        "a SETMETADATA INBOX (/private/comment \"My\" /x NIL)",
    ] {
        same(format!("{line}\r\n").as_bytes());
    }
}

/// Gmail's clients write system labels without quotes.
#[test]
fn labels_need_no_quotes() {
    let bare = whole(b"a STORE 1 -X-GM-LABELS (\\Inbox work \"two words\")\r\n");
    let quoted = whole(b"a STORE 1 -X-GM-LABELS (\"\\\\Inbox\" work \"two words\")\r\n");
    assert_eq!(bare.command, quoted.command);
    let Command::Store { value: StoreValue::GmLabels(labels), .. } = bare.command else {
        panic!("no labels")
    };
    assert_eq!(labels, [&b"\\Inbox"[..], b"work", b"two words"]);
}

#[test]
fn appends() {
    same(b"A003 APPEND saved-messages (\\Seen) {3+}\r\nabc\r\n");
    same(b"A APPEND x \"17-Jul-1996 02:44:25 -0700\" ~{2+}\r\na\0 (\\Draft) {0+}\r\n\r\n");
    same(b"A APPEND x UTF8 (~{3+}\r\nabc)\r\n");
    let large = whole(b"A APPEND x {70000}\r\n UTF8 (~{80000+}\r\n)\r\n");
    let Command::Append { messages, .. } = large.command else { panic!("no APPEND") };
    let streamed = Octets::Streamed { len: 70_000 };
    assert_eq!(messages[0].data, AppendData::Octets(AppendKind::Literal, streamed));
    assert!(matches!(messages[1].data, AppendData::Octets(AppendKind::Utf8, _)));
}

#[test]
fn macros_expand() {
    let Command::Fetch { items, .. } = whole(b"a FETCH 1 FULL\r\n").command else { panic!() };
    assert_eq!(items.len(), 5);
    let Command::Fetch { items, .. } = whole(b"a fetch 1 fast\r\n").command else { panic!() };
    assert_eq!(items, [Item::Flags, Item::InternalDate, Item::Size]);
}

#[test]
fn bare_flags_of_store() {
    let command = whole(b"a STORE 1 FLAGS \\Seen $x\r\n").command;
    let Command::Store { value: StoreValue::Flags(flags), .. } = command else { panic!() };
    assert!(flags.contains(&Flag::Seen) && flags.iter().count() == 2);
}

#[test]
fn commands_are_read_strictly() {
    for line in [
        "a  NOOP",
        "a NOOP ",
        "a+ NOOP",
        "a FOO",
        "a FETCH 0 FLAGS",
        "a FETCH 1 ()",
        "a LOGIN a",
        "a LOGIN \"\\a\" b",
        "a SELECT (x",
        "a UID NOOP",
        "a STATUS x ()",
        "a SEARCH",
        "a SEARCH FOO",
        "a STORE 1 FLAG (x)",
        "a APPEND x abc",
        "a COPY $1 x",
        "a SEARCH ON 31-Feb-2020",
        "a LIST \"\" a b",
        " NOOP",
        "a SELECT \u{e4}",
        "a FETCH 1 BODY[]<0.0>",
    ] {
        let octets = format!("{line}\r\n").into_bytes();
        assert!(decode(&octets).is_err(), "{line}");
    }
    assert!(decode(b"a NOOP\n").is_err());
    assert_eq!(tag(b"a1 FOO\r\n"), Some(&b"a1"[..]));
    assert_eq!(tag(b"(a FOO\r\n"), None);
    assert!(is_done(b"done\r\n") && !is_done(b"DONE x\r\n"));
}

#[test]
fn literals_wait_where_they_must() {
    let command = Tagged {
        tag: b"a"[..].into(),
        command: Command::Login {
            user: b"\xc3\xa4nn"[..].into(),
            password: Secret::new(&b"p\xff"[..]),
        },
    };
    let encode = |literals, utf8| {
        let mut out = Encoder::new(literals, utf8);
        command.encode(&mut out);
        out.finish().unwrap()
    };
    let waiting = encode(Literals::Synchronising, false);
    assert_eq!(waiting.octets, b"a LOGIN {4}\r\n\xc3\xa4nn {2}\r\np\xff\r\n");
    let stop = |at| Stop { at, wait: true, stream: 0 };
    assert_eq!(waiting.stops, [stop(13), stop(23)]);
    assert_eq!(encode(Literals::Minus, true).octets, b"a LOGIN \"\xc3\xa4nn\" {2+}\r\np\xff\r\n");
    assert!(format!("{command:?}").contains("Secret(..)"));
}

#[test]
fn streamed_appends_stop_where_the_octets_go() {
    let message = |len| AppendMessage {
        flags: None,
        date: None,
        data: AppendData::Octets(AppendKind::Literal, Octets::Streamed { len }),
    };
    let command = Tagged {
        tag: b"a"[..].into(),
        command: Command::Append {
            mailbox: Mailbox(b"x"[..].into()),
            messages: vec![message(4096), message(4097)],
        },
    };
    let mut out = Encoder::new(Literals::Minus, false);
    command.encode(&mut out);
    let encoded = out.finish().unwrap();
    assert_eq!(encoded.octets, b"a APPEND x {4096+}\r\n {4097}\r\n\r\n");
    assert_eq!(
        encoded.stops,
        [Stop { at: 20, wait: false, stream: 4096 }, Stop { at: 29, wait: true, stream: 4097 }]
    );
}

#[test]
fn encoders_refuse_line_ends_and_emptiness() {
    let bad = [
        Command::Delete(Mailbox(b"a\r\nb"[..].into())),
        Command::Delete(Mailbox(b"a\0"[..].into())),
        Command::Login { user: b"a"[..].into(), password: Secret::new(&b"a\r\nx"[..]) },
        Command::UidExpunge(SequenceSet::from_numbers([])),
        Command::Enable(vec![b"A B"[..].into()]),
        Command::Authenticate { mechanism: b"PLAIN"[..].into(), initial: Some(Secret::new("")) },
        Command::Status(Mailbox(b"x"[..].into()), vec![]),
    ];
    for command in bad {
        let mut out = Encoder::new(Literals::Plus, false);
        Tagged { tag: b"a"[..].into(), command: command.clone() }.encode(&mut out);
        assert!(out.finish().is_err(), "{command:?}");
    }
}

#[test]
fn hostile_nesting_ends() {
    for part in ["(", "NOT ", "OR NOT "] {
        let text = format!("a SEARCH {}", part.repeat(50_000));
        assert!(decode(text.as_bytes()).is_err(), "{part}");
    }
}

#[test]
fn commands_of_rarer_extensions() {
    // RFC 5465 sections 3.1 and 7.
    same(b"a NOTIFY SET STATUS (SELECTED (MessageNew (UID FLAGS) MessageExpunge)) (SUBTREE (Lists) (MessageNew MessageExpunge FlagChange)) (PERSONAL NONE)\r\n");
    same(b"a NOTIFY NONE\r\n");
    same(
        b"a SEARCH RETURN (COUNT UPDATE (UID BODY[HEADER.FIELDS (TO FROM SUBJECT)])) FROM boss\r\n",
    );
    same(b"a CANCELUPDATE B02 B03\r\n");
    // RFC 4469 section 5.
    same(b"A003 APPEND Drafts (\\Seen \\Draft $MDNSent) CATENATE (URL /Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER TEXT {4+}\r\n\r\n--)\r\n");
    // RFC 4467 section 7.
    same(b"a775 GENURLAUTH imap://joe@example.com/INBOX/;uid=20/;section=1.2 INTERNAL\r\n");
    same(b"a775 URLFETCH imap://joe@example.com/INBOX/;uid=20;urlauth=submit+fred:internal:91\r\n");
    same(b"a RESETKEY INBOX INTERNAL\r\n");
    same(b"a RESETKEY\r\n");
    // RFC 7377 section 2.
    same(b"tag1 ESEARCH IN (MAILBOXES (folder1) SUBTREE (folder2)) UNSEEN\r\n");
    // RFC 8508 section 3.
    same(b"R01 UID REPLACE 2000 \"my drafts\" (\\Seen) {4+}\r\na\r\n\r\r\n");
    same(b"a LANGUAGE fr en\r\n");
    same(b"a LANGUAGE\r\n");
    same(b"a UNAUTHENTICATE\r\n");
    // RFC 5464 section 4.2, options behind the mailbox.
    let after = whole(b"a GETMETADATA INBOX (MAXSIZE 1024) (/shared/comment /private/comment)\r\n");
    let before =
        whole(b"a GETMETADATA (MAXSIZE 1024) INBOX (/shared/comment /private/comment)\r\n");
    assert_eq!(after, before);
    let one = whole(b"a NOTIFY SET (mailboxes misc (messageNEW messageexpunge))\r\n");
    let many = whole(b"a NOTIFY SET (MAILBOXES (misc) (MessageNew MessageExpunge))\r\n");
    assert_eq!(one, many);
}
