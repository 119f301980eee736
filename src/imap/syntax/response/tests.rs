use super::super::encode::Encoder;
use super::*;
use crate::base::decode::Decoded;
use crate::imap::syntax::code::Word;
use crate::imap::syntax::encode::Literals;
use crate::imap::syntax::fetch::{self, Extra, Section, SectionText, Which};
use crate::imap::syntax::flag::Flag;
use crate::imap::syntax::{Octets, Uid, UidValidity};

/// Decodes a whole response, after checking that every strict prefix asks for more.
#[track_caller]
fn whole(octets: &[u8]) -> Response<'_> {
    for end in 0..octets.len() {
        assert_eq!(decode(&octets[..end]), Ok(Decoded::More), "{}", octets[..end].escape_ascii());
    }
    match decode(octets) {
        Ok(Decoded::Done { value, used }) if used == octets.len() => value,
        other => panic!("{other:?} of {}", octets.escape_ascii()),
    }
}

#[track_caller]
fn data(octets: &[u8]) -> Data<'_> {
    match whole(octets) {
        Response::Untagged(data) => data,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn fetched(octets: &[u8]) -> Fetch<'_> {
    match data(octets) {
        Data::Fetch(fetch) => fetch,
        other => panic!("{other:?}"),
    }
}

/// Decodes, encodes, and expects the very same octets.
#[track_caller]
fn same(octets: &[u8]) {
    let response = whole(octets);
    let mut out = Encoder::new(Literals::Server, true);
    response.encode(&mut out);
    let encoded = out.finish().unwrap().octets;
    assert_eq!(encoded.escape_ascii().to_string(), octets.escape_ascii().to_string());
}

#[test]
fn rfc_9051_and_extension_examples_survive_unchanged() {
    for line in [
        "* OK IMAP4rev2 Service Ready",
        "* BYE Autologout; idle for too long",
        "* PREAUTH IMAP4rev2 server logged in as Smith",
        "* OK [ALERT] System shutdown in 10 minutes",
        "A222 NO COPY failed: disk is full",
        "443 BAD Syntax error",
        "* CAPABILITY STARTTLS AUTH=GSSAPI IMAP4rev2 LOGINDISABLED XPIG-LATIN",
        "* ENABLED CONDSTORE QRESYNC",
        r#"* LIST (\Noselect) "/" ~/Mail/foo"#,
        r#"* LIST (\Subscribed \NonExistent) "/" "Fruit Bowl/Peach""#,
        r#"* LIST () "/" foo2 (CHILDINFO ("SUBSCRIBED") OLDNAME ("foo"))"#,
        r#"* LSUB () "." #news.comp.mail.misc"#,
        r#"* NAMESPACE (("" "/")) (("~" "/")) NIL"#,
        r##"* NAMESPACE (("" "/")("#mh/" "/" "X-PARAM" ("FLAG1" "FLAG2"))) NIL NIL"##,
        "* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)",
        "* SEARCH 2 84 882 (MODSEQ 917162500)",
        "* SEARCH",
        r#"* ESEARCH (TAG "A282") MIN 2 COUNT 3"#,
        r#"* ESEARCH (TAG "a567") UID COUNT 17 ALL 4:18,21,28"#,
        r#"* ESEARCH (TAG "A03") UID PARTIAL (-1:-100 NIL)"#,
        r"* FLAGS (\Answered \Flagged \Deleted \Seen \Draft)",
        r"* OK [PERMANENTFLAGS (\Deleted \Seen \*)] Limited",
        "* OK [UIDVALIDITY 3857529045] UIDs valid",
        "* OK [HIGHESTMODSEQ 715194045007] Highest",
        "* OK [NOMODSEQ] Sorry, this mailbox format doesn't support modsequences",
        "* 23 EXISTS",
        "* 5 RECENT",
        "* 44 EXPUNGE",
        "* VANISHED (EARLIER) 41,43:116,118,120:211",
        "* VANISHED 405,407",
        r"* 23 FETCH (UID 442 FLAGS (\Seen))",
        r"* 1 FETCH (UID 4 FLAGS (\Seen) MODSEQ (65402))",
        r#"* 12 FETCH (INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 4286)"#,
        "* SORT 2 84 882",
        "* THREAD (2)(3 6 (4 23)(44 7 96))",
        r#"* ID ("name" "Cyrus" "version" "1.5" "os" NIL)"#,
        "* ID NIL",
        r#"* QUOTA "" (STORAGE 10 512)"#,
        r#"* QUOTAROOT INBOX """#,
        "* ACL INBOX Fred rwipsldexta test rwi",
        "* LISTRIGHTS ~/Mail/saved smith la r swicdkxte",
        "* MYRIGHTS INBOX rwiptsldaex",
        r#"* METADATA "" (/shared/comment "Shared comment" /private/x NIL)"#,
        r#"* METADATA INBOX /shared/comment /private/comment"#,
        "A003 OK [APPENDUID 38505 3955] APPEND completed",
        "A004 OK [COPYUID 38505 304,319:320 3956:3958] Done",
        "d105 OK [MODIFIED 7,9] Conditional STORE failed",
        "+ Ready for additional command text",
        "+ ",
        "* 4 FETCH (EMAILID (M6d99ac3275bb4e) THREADID NIL)",
        r#"* 9 FETCH (X-GM-MSGID 1278455344230334865 X-GM-LABELS (foo "\\Important"))"#,
        "* 2 XLATER whatever {} it says",
        "* XLIST (a \"b\") c",
    ] {
        same(format!("{line}\r\n").as_bytes());
    }
}

#[test]
fn literals_survive_unchanged() {
    same(b"* 12 FETCH (BODY[HEADER] {3}\r\na\r\n)\r\n");
    same(b"* 12 FETCH (BINARY[1.2]<5> ~{3}\r\na\0\n BODY[1.MIME] NIL)\r\n");
    same(b"* LIST () \"/\" {3}\r\n\xff\xfe\xfd\r\n");
    same(b"* XFOO {3}\r\na\nb tail {1}\r\nz\r\n");
}

#[test]
fn rfc_9051_envelope_example() {
    let fetch = fetched(concat!(
        r#"* 12 FETCH (FLAGS (\Seen) INTERNALDATE "14-Jul-1993 02:44:25 -0700" RFC822.SIZE 4282 "#,
        r#"ENVELOPE ("Wed, 14 Jul 1993 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" "#,
        r#"(("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) "#,
        r#"(("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) "#,
        r#"((NIL NIL "minutes" "CNRI.Reston.VA.US") ("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "#,
        r#""<B27397-0100000@cac.washington.ed>") BODYSTRUCTURE ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") "#,
        r#"NIL NIL "7BIT" 3028 92))"#, "\r\n").as_bytes());
    let envelope = fetch.envelope.unwrap();
    assert_eq!(envelope.cc.len(), 2);
    assert_eq!(envelope.from[0].name.as_deref(), Some(&b"Terry Gray"[..]));
    assert_eq!(envelope.message_id.as_deref(), Some(&b"<B27397-0100000@cac.washington.ed>"[..]));
    assert_eq!(fetch.size, Some(4282));
    assert!(fetch.body_structure.is_some());
}

#[test]
fn servers_oddities() {
    // Courier.
    assert_eq!(fetched(b"* 0 FETCH (FLAGS ())\r\n").seq, SeqNum(0));
    // Zoho.
    assert_eq!(fetched(b"* 1 FETCH (MODSEQ (-1))\r\n").modseq, Some(ModSeq(0)));
    // mail.ru.
    assert_eq!(fetched(b"* 1 FETCH (RFC822.SIZE 9.3e+06)\r\n").size, Some(9_300_000));
    // Extra spaces, also at the end.
    let fetch = fetched(b"*  1 FETCH  ( UID  7 FLAGS (\\Seen  x ) ) \r\n");
    assert_eq!(fetch.uid, Some(Uid(7)));
    assert_eq!(fetch.flags.unwrap().iter().count(), 2);
    assert_eq!(data(b"* SEARCH 1 2 \r\n"), Data::Search { numbers: vec![1, 2], modseq: None });
    // Exchange: COPYUID without a condition.
    let Data::Status(status) = data(b"* [COPYUID 1 2 3] x\r\n") else { panic!("no status") };
    assert!(matches!(status.code, Some(Code::CopyUid { .. })));
    // UIDVALIDITY 0.
    let Data::Status(status) = data(b"* OK [UIDVALIDITY 0]\r\n") else { panic!("no status") };
    assert_eq!(status.code, Some(Code::UidValidity(UidValidity(0))));
    assert_eq!(&*status.text, b"");
    // A tagged response without a text.
    assert!(matches!(whole(b"a1 OK\r\n"), Response::Tagged { .. }));
    // A date that is none.
    assert_eq!(fetched(b"* 1 FETCH (UID 3 INTERNALDATE \"soon\")\r\n").uid, Some(Uid(3)));
    assert_eq!(fetched(b"* 1 FETCH (INTERNALDATE NIL UID 3)\r\n").uid, Some(Uid(3)));
    // 8-bit octets in an atom, a backslash nobody escaped.
    let Data::List(list) = data(b"* LIST () \"\\\" Entw\xc3\xbcrfe\r\n") else { panic!("no LIST") };
    assert_eq!(list.mailbox.name(false).unwrap(), "Entwürfe");
}

#[test]
fn unescaped_quotes_in_an_envelope() {
    let fetch = fetched(
        b"* 1 FETCH (ENVELOPE (\"x\" \"say \"hello\" to them\" NIL NIL NIL NIL NIL NIL NIL \"<a>\"))\r\n",
    );
    let envelope = fetch.envelope.unwrap();
    assert_eq!(envelope.subject.as_deref(), Some(&br#"say "hello" to them"#[..]));
}

#[test]
fn unknown_items_and_codes_are_kept() {
    let fetch = fetched(b"* 1 FETCH (XNEW (a \"b\" {2}\r\n)) (c)) UID 4 X[1.2]<3> z)\r\n");
    assert_eq!(fetch.uid, Some(Uid(4)));
    assert_eq!(
        fetch.extras,
        [
            Extra::Unknown(b"XNEW"[..].into(), b"(a \"b\" {2}\r\n)) (c))"[..].into()),
            Extra::Unknown(b"X[1.2]<3>"[..].into(), b"z"[..].into()),
        ]
    );
    let Response::Tagged { status, .. } = whole(b"a OK [XCODE 1] done\r\n") else { panic!() };
    assert!(matches!(status.code, Some(Code::Unknown { .. })));
    let Response::Tagged { status, .. } = whole(b"a NO [TRYCREATE] x\r\n") else { panic!() };
    assert_eq!(status.code, Some(Code::Word(Word::TryCreate)));
}

#[test]
fn streamed_literals_are_left_out() {
    let head = b"* 8 FETCH (UID 9 FLAGS (\\Seen) BODY[]<0> {70000}\r\n";
    let found = fetch::head(head).unwrap().unwrap();
    assert_eq!(found.fetch.uid, Some(Uid(9)));
    assert_eq!(found.which, Which::Section(Section::default()));
    assert_eq!((found.origin, found.len), (Some(0), 70_000));
    // A second one behind it.
    let more = [&head[..], b" BODY[TEXT] {80000}\r\n"].concat();
    let found = fetch::head(&more).unwrap().unwrap();
    assert_eq!(found.fetch.sections.len(), 1);
    let text = Section { part: vec![], text: SectionText::Text };
    assert_eq!(found.which, Which::Section(text));
    // The whole.
    let all = [&more[..], b" MODSEQ (5))\r\n"].concat();
    let fetch = fetched(&all);
    assert_eq!(fetch.sections[1].data, Some(Octets::Streamed { len: 80_000 }));
    assert_eq!(fetch.modseq, Some(ModSeq(5)));
    // What is no section of a message.
    assert_eq!(fetch::head(b"* LIST () \"/\" {70000}\r\n"), Ok(None));
    assert_eq!(fetch::head(b"* 1 FETCH (XNEW (a {70000}\r\n"), Ok(None));
    assert!(fetch::head(b"* 1 FETCH (BODY[FOO] {70000}\r\n").is_err());
}

#[test]
fn what_no_continuation_can_save() {
    for octets in [
        &b"* 1 FETCH (FLAGS \\Seen)\r\n"[..],
        b"a1 MAYBE x\r\n",
        b"a1 BYE x\r\n",
        b"* 1 FETCH (UID x)\r\n",
        b"* LIST (\r\n",
        b"* OK a\0b\r\n",
        b"\r\n",
        b"* 99999999999 EXISTS\r\n",
    ] {
        assert!(decode(octets).is_err(), "{}", octets.escape_ascii());
    }
}

#[test]
fn hostile_nesting_ends() {
    let open = "(".repeat(50_000);
    assert!(decode(format!("* THREAD {open}").as_bytes()).is_err());
    // What lies too deep in a body is passed over; the limit of a response is the client's.
    let body = format!("* 1 FETCH (BODYSTRUCTURE {open}");
    assert_eq!(decode(body.as_bytes()), Ok(Decoded::More));
    assert!(decode(format!("{body}\r\n").as_bytes()).is_err());
    let deep = format!("* 1 FETCH (X {}{})\r\n", "(".repeat(9_999), ")".repeat(9_999));
    assert_eq!(fetched_extras(&deep), 1);
}

fn fetched_extras(text: &str) -> usize {
    match decode(text.as_bytes()) {
        Ok(Decoded::Done { value: Response::Untagged(Data::Fetch(fetch)), .. }) => {
            fetch.extras.len()
        }
        _ => 0,
    }
}

#[test]
fn encoders_refuse_line_ends() {
    let bad = [
        Data::Unknown(b"X a\0"[..].into()),
        Data::Flags(Flags::from_flags([Flag::Keyword(b"a\r\nb"[..].into())])),
        Data::MyRights { mailbox: Mailbox(b"a\nb"[..].into()), rights: b"r"[..].into() },
        Data::Capability(vec![b"A B"[..].into()]),
        Data::Status(StatusText { condition: Condition::Ok, code: None, text: b"a\n"[..].into() }),
    ];
    for data in bad {
        let mut out = Encoder::new(Literals::Server, false);
        data.encode(&mut out);
        assert!(out.finish().is_err(), "{data:?}");
    }
}
