use proptest::prelude::*;

use super::*;
use crate::message::transfer::{self as plain, Encoding};

const SEVEN: Way = Way { eight_bit: false, binary: false };
const EIGHT: Way = Way { eight_bit: true, binary: false };

fn changed(message: &[u8], way: Way, pieces: usize) -> Result<Vec<u8>, Error> {
    let mut survey = Survey::new();
    for piece in message.chunks(pieces) {
        survey.push(piece)?;
    }
    let mut rewriter = Rewriter::new(survey.finish(way)?);
    let mut out = Vec::new();
    for piece in message.chunks(pieces) {
        rewriter.push(piece, &mut out)?;
    }
    rewriter.finish(&mut out)?;
    Ok(out)
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// What mail-parser finds: type, decoded text or octets of every leaf.
fn leaves(message: &[u8]) -> Vec<Vec<u8>> {
    let parsed = mail_parser::MessageParser::new().parse(message).expect("a message");
    parsed
        .parts
        .iter()
        .filter(|part| !part.is_multipart() && part.message().is_none())
        .map(|part| part.contents().to_vec())
        .collect()
}

#[test]
fn a_plain_text_becomes_quoted_printable() {
    let message = "Subject: x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße aus dem Hafen \n.\nFrom here=\n";
    let out = changed(message.as_bytes(), SEVEN, 7).unwrap();
    let shown = text(&out);
    assert!(shown.contains("Content-Transfer-Encoding: quoted-printable\n\n"), "{shown}");
    assert!(
        shown.ends_with("\n\nGr=C3=BC=C3=9Fe aus dem Hafen=20\r\n.\r\n=46rom here=3D\r\n"),
        "{shown}"
    );
    assert_eq!(changed(message.as_bytes(), EIGHT, 7).unwrap(), message.as_bytes());
}

#[test]
fn only_the_parts_that_need_it_change() {
    let long = "x".repeat(2000);
    let message = format!(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b 1\"\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\npreamble\r\n\
         --b 1\r\n\r\nplain\r\n\
         --b 1 \r\nContent-Type: application/json\r\n\r\n{{\"\u{fc}\": \"{long}\"}}\r\n\
         --b 1\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         Subject: inner\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>\u{707f}</p>\r\n--b--\r\nend\r\n\
         --b 1--\r\nepilogue\r\n"
    );
    for pieces in [1, 3, 1000, 100_000] {
        let out = changed(message.as_bytes(), SEVEN, pieces).unwrap();
        assert!(out.is_ascii());
        let shown = text(&out);
        assert!(shown.lines().all(|line| line.len() <= 998), "{shown}");
        assert!(shown.contains("--b 1\r\n\r\nplain\r\n--b 1 \r\n"), "{shown}");
        assert!(
            shown.contains("Content-Type: application/json\r\nContent-Transfer-Encoding: base64"),
            "{shown}"
        );
        assert_eq!(shown.matches("Content-Transfer-Encoding: 7bit").count(), 2, "{shown}");
        assert!(shown.contains("\r\nend\r\n--b 1--\r\nepilogue\r\n"), "{shown}");
        assert_eq!(leaves(&out), leaves(message.as_bytes()), "{shown}");
    }
    // The line is too long for any server: only that part changes.
    let out = text(&changed(message.as_bytes(), EIGHT, 64).unwrap());
    assert!(out.contains("<p>\u{707f}</p>") && !out.contains(&long), "{out}");
}

#[test]
fn what_is_signed_is_refused() {
    for (message, by) in [
        ("DKIM-Signature: v=1\r\n\r\nGr\u{fc}n\r\n", "DKIM-Signature"),
        (
            "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nGr\u{fc}n\r\n--b--\r\n",
            "multipart/signed or encrypted",
        ),
    ] {
        match changed(message.as_bytes(), SEVEN, 10) {
            Err(Error::Signed { by: found, .. }) => assert_eq!(found, by),
            other => panic!("{other:?}"),
        }
        assert_eq!(changed(message.as_bytes(), EIGHT, 10).unwrap(), message.as_bytes());
    }
    // Beside a signed part all may change, if the whole is not signed.
    let beside = "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\n\u{fc}\r\n--a\r\n\
        Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nplain\r\n--b--\r\n--a--\r\n";
    assert!(changed(beside.as_bytes(), SEVEN, 10).unwrap().is_ascii());
}

#[test]
fn what_has_no_encoding_is_refused() {
    for message in [
        "Content-Type: message/partial; id=x\r\n\r\nGr\u{fc}n\r\n",
        "Content-Transfer-Encoding: x-uuencode\r\n\r\nGr\u{fc}n\r\n",
        "Content-Type: multipart/mixed\r\n\r\nGr\u{fc}n\r\n",
    ] {
        assert!(
            matches!(changed(message.as_bytes(), SEVEN, 9), Err(Error::Part { .. })),
            "{message}"
        );
    }
    let between =
        "Content-Type: multipart/mixed; boundary=b\r\n\r\nGr\u{fc}n\r\n--b\r\n\r\nx\r\n--b--\r\n";
    assert!(matches!(changed(between.as_bytes(), SEVEN, 9), Err(Error::Place { .. })));
    let header =
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX: \u{fc}\r\n\r\nx\r\n--b--\r\n";
    assert!(matches!(changed(header.as_bytes(), SEVEN, 9), Err(Error::Place { .. })));
}

#[test]
fn binary_content_goes_by_base64() {
    let message =
        b"Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\x89\0\r\n\n\rx";
    let out = changed(message, EIGHT, 5).unwrap();
    assert!(text(&out).ends_with("base64\r\n\r\niQANCgoNeA=="), "{}", text(&out));
    let way = Way { eight_bit: true, binary: true };
    assert_eq!(changed(message, way, 5).unwrap(), message);
}

#[test]
fn encoded_bodies_with_long_lines_are_broken_anew() {
    let octets: Vec<u8> = (0..=255).cycle().take(3000).collect();
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &octets);
    let message = format!("Content-Transfer-Encoding: base64\r\n\r\n{body}\r\n");
    let out = changed(message.as_bytes(), EIGHT, 1000).unwrap();
    let at = headers::body_offset(&out).unwrap();
    assert!(out.split(|octet| *octet == b'\n').all(|line| line.len() <= 77));
    assert_eq!(plain::decode(Encoding::Base64, &out[at..]).as_ref(), octets);
    let quoted = format!(
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n{}=C3=BC\r\n",
        "a=3D".repeat(500)
    );
    let out = changed(quoted.as_bytes(), EIGHT, 1).unwrap();
    let at = headers::body_offset(&out).unwrap();
    assert!(out.split(|octet| *octet == b'\n').all(|line| line.len() <= 77));
    let wanted = format!("{}\u{fc}\r\n", "a=".repeat(500));
    assert_eq!(plain::decode(Encoding::QuotedPrintable, &out[at..]).as_ref(), wanted.as_bytes());
}

#[test]
fn headers_are_folded_and_encoded() {
    let long = format!("To: {}c@x\r\nSubject: x\r\n\r\n", "a@example.org, ".repeat(200));
    let folded = fold(long.as_bytes()).unwrap();
    assert!(folded.split(|octet| *octet == b'\n').all(|line| line.len() <= 999));
    assert_eq!(text(&folded).replace("\r\n ", " "), long);
    let solid = format!("A: b\r\nX-Long: {}\r\n\r\n", "x".repeat(1000));
    assert_eq!(fold(solid.as_bytes()), Err(Error::LongField("X-Long".into())));
    let raw = "From: J\u{f6}rg <j@x>\nTo: b@x\nSubject: Gr\u{fc}\u{df}e =?utf-8?Q?=C3=9F?=\n\n";
    let (block, changed) = ascii(raw.as_bytes()).unwrap();
    assert!(block.is_ascii());
    assert_eq!(changed, ["From", "Subject"]);
    let subject = headers::find(&block, "Subject").unwrap();
    assert_eq!(crate::message::words::decode(subject.value), "Gr\u{fc}\u{df}e \u{df}");
    let from = headers::find(&block, "From").unwrap();
    let mailbox = crate::message::address::mailbox(from.value).unwrap();
    assert_eq!(mailbox.to_string(), "J\u{f6}rg <j@x>");
    for hopeless in ["To: j\u{f6}rg@x\n\n", "Message-ID: <\u{fc}@x>\n\n"] {
        assert!(matches!(ascii(hopeless.as_bytes()), Err(Error::RawField(_))));
    }
    let (block, _) = ascii(b"To: J\xfcrg <j@x>\nSubject: gr\xfcn\n\n").unwrap();
    let subject = headers::find(&block, "Subject").unwrap();
    assert_eq!(crate::message::words::decode(subject.value), "gr\u{fc}n");
    let to = headers::find(&block, "To").unwrap();
    let mailbox = crate::message::address::mailbox(to.value).unwrap();
    assert_eq!(mailbox.to_string(), "J\u{fc}rg <j@x>");
}

#[test]
fn real_messages_stay_readable() {
    for (path, octets) in crate::message::corpus("downgrade") {
        let Ok(out) = changed(&octets, SEVEN, 4096) else { continue };
        let body = headers::body_offset(&out).unwrap_or(out.len());
        // Binary junk and odd line ends are the walker's to survive, not to preserve.
        let is_mail = !octets.contains(&0) && headers::begins_with_header(&octets);
        if is_mail {
            assert!(out[body..].is_ascii(), "{}", path.display());
        }
        // A part that calls itself binary is encoded whatever is in it: its line ends may mean something.
        let says_binary = text(&octets.to_ascii_lowercase()).contains("encoding: binary");
        let is_short = octets.split(|o| *o == b'\n').all(|line| line.len() < 998);
        if octets.is_ascii() && is_short && !says_binary {
            assert!(out == octets, "changed: {}", path.display());
        }
    }
}

#[test]
fn a_container_with_too_wide_a_label_alone_stays_as_it_is() {
    let message = b"Content-Transfer-Encoding: 8bit\nContent-Type: multipart/mixed; boundary=b\n\n\
        --b\nContent-Transfer-Encoding: 8bit\n\nplain\n--b--\n";
    for pieces in [1, 1000] {
        assert_eq!(text(&changed(message, SEVEN, pieces).unwrap()), text(message));
    }
}

proptest! {
    #[test]
    fn text_returns_from_both_encodings(body in "([a-zü=. \tF]|From |\r\n){0,300}", pieces in 1usize..50) {
        let body = format!("{body}\u{fc}");
        let message = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{body}");
        let out = changed(message.as_bytes(), SEVEN, pieces).unwrap();
        prop_assert!(out.is_ascii());
        prop_assert_eq!(&out, &changed(message.as_bytes(), SEVEN, 10_000).unwrap());
        let at = headers::body_offset(&out).unwrap();
        prop_assert!(out[at..].split(|octet| *octet == b'\n').all(|line| line.len() <= 77));
        let field = headers::find(&out, "Content-Transfer-Encoding").unwrap();
        let back = plain::decode(Encoding::from_value(field.value), &out[at..]);
        prop_assert_eq!(back.as_ref(), body.as_bytes());
    }

    #[test]
    fn anything_is_taken_however_split(
        octets in prop::collection::vec(prop_oneof![
            Just(b"--b".to_vec()), Just(b"\r\n".to_vec()), Just(b"\n".to_vec()), Just(b"--".to_vec()),
            Just(b"Content-Type: message/rfc822\n\n".to_vec()), Just(b"\xfc".to_vec()),
            Just(b"Content-Type: multipart/mixed; boundary=c\n\n--c\n".to_vec()), Just(vec![b'x'; 30]),
            Just(b"Content-Transfer-Encoding: base64\n".to_vec()), any::<u8>().prop_map(|octet| vec![octet])], 0..40),
        pieces in 1usize..20,
    ) {
        let mut message = b"Content-Type: multipart/mixed; boundary=b\n\n".to_vec();
        octets.iter().for_each(|piece| message.extend(piece));
        for way in [SEVEN, EIGHT, Way { eight_bit: true, binary: true }] {
            prop_assert_eq!(changed(&message, way, pieces), changed(&message, way, 100_000));
        }
        // With nothing to change, nothing changes.
        let mut survey = Survey::new();
        survey.push(&message).unwrap();
        if survey.finish(EIGHT).is_ok_and(|changes| changes.is_empty()) {
            prop_assert_eq!(changed(&message, EIGHT, pieces).unwrap(), message);
        }
    }
}
