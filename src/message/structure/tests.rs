use super::*;
use crate::base::limits::NESTING;
use crate::message::address::Element;
use proptest::prelude::*;

/// The shape of RFC 9051 section 6.4.5's example, with what each part is in its body.
const MESSAGE: &str = "From: a@x\r\n\
Subject: top\r\n\
MIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=outer\r\n\
\r\n\
preamble\r\n\
--outer\r\n\
\r\n\
first part\r\n\
second line\r\n\
--outer\r\n\
Content-Type: application/octet-stream; name=\"x.bin\"\r\n\
Content-Transfer-Encoding: base64\r\n\
Content-ID: <id@x>\r\n\
Content-Description: some\r\n octets\r\n\
Content-MD5: abc\r\n\
Content-Language: en, de\r\n\
Content-Location: http://x/y\r\n\
Content-Disposition: attachment; filename=\"y.bin\"\r\n\
\r\n\
AAEC\r\n\
--outer\r\n\
Content-Type: message/rfc822\r\n\
\r\n\
From: b@x\r\n\
Subject: inner\r\n\
Content-Type: multipart/alternative; boundary=\"outer-inner\"\r\n\
\r\n\
--outer-inner\r\n\
\r\n\
alpha\r\n\
--outer-inner  \r\n\
Content-Type: text/html\r\n\
\r\n\
<p>beta\r\n\
--outer-inner--\r\n\
inner epilogue\r\n\
--outer--\r\n\
epilogue\r\n";

fn section(message: &[u8], path: &[u32], selection: Selection) -> Option<String> {
    let section = Section { path: path.to_vec(), selection };
    parse(message)
        .section(message, &section)
        .map(|octets| String::from_utf8_lossy(&octets).into_owned())
}

fn text(path: &[u32], selection: Selection) -> String {
    section(MESSAGE.as_bytes(), path, selection).unwrap_or_else(|| "NIL".to_owned())
}

#[test]
fn sections_are_exact_octets() {
    assert_eq!(text(&[], Selection::Whole), MESSAGE);
    assert_eq!(text(&[1], Selection::Whole), "first part\r\nsecond line");
    assert_eq!(text(&[1], Selection::Mime), "\r\n");
    assert_eq!(text(&[2], Selection::Whole), "AAEC");
    assert_eq!(text(&[3, 1], Selection::Whole), "alpha");
    assert_eq!(text(&[3, 2], Selection::Whole), "<p>beta");
    assert_eq!(text(&[3, 2], Selection::Mime), "Content-Type: text/html\r\n\r\n");
    assert_eq!(text(&[3], Selection::Mime), "Content-Type: message/rfc822\r\n\r\n");
    assert!(text(&[3], Selection::Header).starts_with("From: b@x\r\n"));
    assert!(text(&[3], Selection::Header).ends_with("inner\"\r\n\r\n"));
    assert!(text(&[3], Selection::Text).starts_with("--outer-inner\r\n"));
    assert!(text(&[3], Selection::Text).ends_with("\r\ninner epilogue"));
    assert_eq!(
        text(&[3], Selection::Whole),
        text(&[3], Selection::Header) + &text(&[3], Selection::Text)
    );
    assert_eq!(MESSAGE, text(&[], Selection::Header) + &text(&[], Selection::Text));
    assert!(text(&[], Selection::Text).starts_with("preamble\r\n"));
}

#[test]
fn chosen_header_fields() {
    let names = || vec![b"SUBJECT".to_vec(), b"from".to_vec()];
    assert_eq!(text(&[], Selection::HeaderFields(names())), "From: a@x\r\nSubject: top\r\n\r\n");
    assert_eq!(
        text(&[3], Selection::HeaderFieldsNot(names())),
        "Content-Type: multipart/alternative; boundary=\"outer-inner\"\r\n\r\n"
    );
    assert_eq!(text(&[], Selection::HeaderFields(vec![b"none".to_vec()])), "\r\n");
}

#[test]
fn sections_are_read_from_text() {
    let read = |text: &str| text.parse::<Section>().ok();
    let section = |path: &[u32], selection| Some(Section { path: path.to_vec(), selection });
    assert_eq!(read(""), section(&[], Selection::Whole));
    assert_eq!(read("1.2"), section(&[1, 2], Selection::Whole));
    assert_eq!(read("header"), section(&[], Selection::Header));
    assert_eq!(read("3.TEXT"), section(&[3], Selection::Text));
    assert_eq!(read("10.1.Mime"), section(&[10, 1], Selection::Mime));
    let names = || vec![b"To".to_vec(), b"X-A".to_vec()];
    assert_eq!(read("HEADER.FIELDS (To X-A)"), section(&[], Selection::HeaderFields(names())));
    assert_eq!(
        read("2.header.fields.not (\"To\" X-A)"),
        section(&[2], Selection::HeaderFieldsNot(names()))
    );
    for text in [
        "0",
        "1.",
        ".1",
        "1..2",
        "MIME",
        "1.X",
        "HEADER.FIELDS",
        "HEADER.FIELDS ()",
        "99999999999",
        "HEADER (A)",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn what_is_not_there_is_nil() {
    for path in [&[0][..], &[4], &[1, 1], &[2, 1], &[3, 3], &[3, 1, 1], &[u32::MAX]] {
        assert_eq!(text(path, Selection::Whole), "NIL", "{path:?}");
    }
    assert_eq!(text(&[1], Selection::Text), "NIL");
    assert_eq!(text(&[2], Selection::Header), "NIL");
    assert_eq!(text(&[], Selection::Mime), "NIL");
}

#[test]
fn parts_know_their_fields() {
    let structure = parse(MESSAGE.as_bytes());
    let part = structure.part(structure.find(&[2]).unwrap());
    assert!(part.content_type.is("application", "octet-stream") && part.typed);
    assert_eq!(part.content_type.raw("name"), Some(&b"x.bin"[..]));
    assert_eq!(part.encoding.as_deref(), Some(&b"base64"[..]));
    assert_eq!(part.id.as_deref(), Some(&b"<id@x>"[..]));
    assert_eq!(part.description.as_deref(), Some(&b"some octets"[..]));
    assert_eq!(part.md5.as_deref(), Some(&b"abc"[..]));
    assert_eq!(part.language, [b"en", b"de"]);
    assert_eq!(part.location.as_deref(), Some(&b"http://x/y"[..]));
    assert_eq!(part.file_name().as_deref(), Some("y.bin"));
    assert!(part.is_attachment());
    let first = structure.part(structure.find(&[1]).unwrap());
    assert_eq!((first.lines, first.octets()), (1, 23));
    assert!(first.content_type.is("text", "plain") && !first.typed);
    let envelope = structure.envelope(MESSAGE.as_bytes(), structure.find(&[3]).unwrap());
    assert_eq!(envelope.subject.as_deref(), Some(&b"inner"[..]));
    assert!(matches!(&envelope.sender[..], [Element::Mailbox(parts)] if parts.local == b"b"));
}

#[test]
fn a_message_of_one_part_has_part_one() {
    let message = b"Subject: x\n\nbody\nmore\n";
    assert_eq!(section(message, &[1], Selection::Whole).as_deref(), Some("body\nmore\n"));
    assert_eq!(section(message, &[1, 1], Selection::Whole), None);
    assert_eq!(section(message, &[], Selection::Text).as_deref(), Some("body\nmore\n"));
    assert_eq!(parse(message).root().lines, 2);
    let nested = b"Content-Type: message/rfc822\n\nSubject: y\n\ninner";
    assert_eq!(section(nested, &[1], Selection::Header).as_deref(), Some("Subject: y\n\n"));
    assert_eq!(section(nested, &[1, 1], Selection::Whole).as_deref(), Some("inner"));
    assert_eq!(section(nested, &[1, 1, 1], Selection::Whole), None);
    assert_eq!(parse(nested).path(1), [1, 1]);
}

#[test]
fn a_digest_holds_messages() {
    let message = b"Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: one\n\n1\n--d\n\nSubject: two\n\n2\n--d--\n";
    assert_eq!(section(message, &[2], Selection::Header).as_deref(), Some("Subject: two\n\n"));
    assert_eq!(section(message, &[2, 1], Selection::Whole).as_deref(), Some("2"));
}

#[test]
fn broken_messages_have_a_structure() {
    // No last boundary; an outer boundary ends what is inside.
    let open = b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--a\n\ntwo";
    assert_eq!(section(open, &[1, 1], Selection::Whole).as_deref(), Some("one"));
    assert_eq!(section(open, &[2], Selection::Whole).as_deref(), Some("two"));
    // A boundary that never comes, or none at all.
    for header in ["; boundary=zz", "", "; boundary=\"\""] {
        let message = format!("Content-Type: multipart/mixed{header}\n\nsome text\n--a\n");
        let structure = parse(message.as_bytes());
        assert_eq!(structure.root().kind, Kind::Multipart(vec![]));
        assert_eq!(
            section(message.as_bytes(), &[1], Selection::Whole).as_deref(),
            Some("some text\n--a\n")
        );
    }
    // Boundaries in a row, a boundary inside a header, a boundary with something behind it.
    let odd = b"Content-Type: multipart/mixed; boundary=a\n\n--a\n--a\nContent-Type: text/x\n--axyz\n\nlast\n--a--";
    assert_eq!(section(odd, &[1], Selection::Whole).as_deref(), Some(""));
    assert_eq!(section(odd, &[2], Selection::Mime).as_deref(), Some("Content-Type: text/x"));
    assert_eq!(section(odd, &[3], Selection::Whole).as_deref(), Some("last"));
    // After the last boundary no more parts come.
    let closed = b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--\n--a\n\ny\n";
    assert_eq!(section(closed, &[2], Selection::Whole), None);
    assert_eq!(parse(b"").parts().len(), 1);
}

#[test]
fn a_short_boundary_may_begin_a_longer_one() {
    let message = b"Content-Type: multipart/mixed; boundary=a-b\n\n--a-b\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\none\n--a--\n--a-b\n\ntwo\n--a-b--\n";
    assert_eq!(section(message, &[1, 1], Selection::Whole).as_deref(), Some("one"));
    assert_eq!(section(message, &[2], Selection::Whole).as_deref(), Some("two"));
}

#[test]
fn depth_and_number_are_bounded() {
    let mut deep = String::new();
    for level in 0..10_000 {
        deep.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=b{level}x\r\n\r\n--b{level}x\r\n"
        ));
    }
    let structure = parse(deep.as_bytes());
    assert!(structure.parts().len() <= NESTING + 1);
    let messages = "Content-Type: message/rfc822\n\n".repeat(10_000);
    assert!(parse(messages.as_bytes()).parts().len() <= NESTING + 1);
    let wide = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n".repeat(50_000));
    assert_eq!(parse(wide.as_bytes()).parts().len(), PARTS);
    let many =
        format!("Content-Type: multipart/digest; boundary=b\n\n{}", "--b\n\n\n".repeat(50_000));
    assert!(parse(many.as_bytes()).parts().len() <= PARTS);
}

/// What must hold for any octets: ranges lie in the message, in their parents and in order,
/// and sections lead back to their parts.
fn check(message: &[u8]) {
    let structure = parse(message);
    for (id, part) in structure.parts().iter().enumerate() {
        assert!(part.header.start <= part.header.end && part.header.end <= part.body.start);
        assert!(part.body.start <= part.body.end && part.body.end <= message.len());
        if let Some(parent) = part.parent {
            let around = &structure.part(parent).body;
            assert!(parent < id);
            assert!(around.start <= part.header.start && part.body.end <= around.end);
        }
        let lines = message[part.body.clone()].iter().filter(|octet| **octet == b'\n').count();
        assert_eq!(part.lines, lines);
        let path = structure.path(id);
        let found = structure.find(&path).expect("a part that has a path is found by it");
        let holder = part.parent.filter(|_| structure.is_message(id));
        assert!(found == id || Some(found) == holder, "{path:?} is {found}, not {id}");
    }
    let whole = |selection| {
        structure.section(message, &Section { path: Vec::new(), selection }).expect("the message")
    };
    let mut joined = whole(Selection::Header).into_owned();
    joined.extend_from_slice(&whole(Selection::Text));
    assert_eq!(joined, message);
}

#[test]
fn real_messages_have_sound_structures() {
    for (path, octets) in crate::message::corpus("structure") {
        eprintln!("{}", path.display());
        check(&octets);
    }
}

proptest! {
    #[test]
    fn any_octets_have_a_sound_structure(pieces in prop::collection::vec(prop_oneof![
        Just("Content-Type: multipart/mixed; boundary=a\n".to_owned()),
        Just("Content-Type: multipart/digest; boundary=b\r\n".to_owned()),
        Just("Content-Type: message/rfc822\n".to_owned()),
        Just("--a\n".to_owned()),
        Just("--a--\r\n".to_owned()),
        Just("--b\r\n".to_owned()),
        Just("--b--\n".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("text\n".to_owned()),
        "[ -~\r\n]{0,10}",
    ], 0..40)) {
        check(pieces.concat().as_bytes());
    }
}
