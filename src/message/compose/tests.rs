use super::*;
use crate::message::facts::Facts;
use crate::message::{envelope, structure};
use proptest::prelude::*;

fn draft() -> Draft {
    let mut draft = Draft::new(
        Mailbox { name: Some("Jørn".to_owned()), addr: "j@x.org".to_owned() },
        Zoned { seconds: 1_057_049_557, offset_seconds: 7200 },
        message_id(&[7; 20], Some("x.org")),
        base32(&[1; 10]),
    );
    draft.to = vec![Mailbox::from_addr("ann@y.org")];
    draft.subject = Some("Grüße".to_owned());
    draft
}

fn shape(message: &[u8]) -> Vec<String> {
    let structure = structure::parse(message);
    structure.parts().iter().map(|part| part.content_type.essence()).collect()
}

#[test]
fn a_plain_text() {
    let mut draft = draft();
    draft.text = Some("one\ntwo".to_owned());
    draft.references = vec!["a@b".to_owned(), "c@d".to_owned()];
    draft.headers = vec![("X-Note".to_owned(), "ä".to_owned())];
    let message = compose(&draft).unwrap();
    let text = String::from_utf8(message.clone()).unwrap();
    assert!(text.starts_with("Date: Tue, 1 Jul 2003 10:52:37 +0200\r\nFrom: "), "{text}");
    assert!(text.contains("\r\nTo: <ann@y.org>\r\n"), "{text}");
    assert!(text.contains("\r\nReferences: <a@b> <c@d>\r\n"), "{text}");
    assert!(text.contains("\r\nMIME-Version: 1.0\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\none\r\ntwo\r\n"), "{text}");
    assert!(text.is_ascii() && !text.replace("\r\n", "").contains(['\r', '\n']));
    let facts = Facts::new(&message);
    assert_eq!(facts.header().subject(), Some("Grüße"));
    assert_eq!(facts.header().value("From"), Some("Jørn <j@x.org>"));
    assert_eq!(facts.header().value("X-Note"), Some("ä"));
    assert_eq!(facts.header().message_id(), Some(draft.message_id.clone()));
    assert_eq!(compose(&draft).unwrap(), message);
}

#[test]
fn everything_at_once() {
    let mut draft = draft();
    draft.text = Some("text".to_owned());
    draft.html = Some("<img src=\"cid:i@x\">hé".to_owned());
    let image = Attachment {
        file_name: String::new(),
        content_type: "image/png".to_owned(),
        octets: vec![0, 1, 2, 255],
    };
    draft.inline = vec![Inline { content_id: "i@x".to_owned(), file: image.clone() }];
    draft.attachments = vec![
        Attachment {
            file_name: "blå.csv".to_owned(),
            content_type: "text/csv; charset=utf-8".to_owned(),
            octets: b"a,b\nc,d".to_vec(),
        },
        Attachment {
            file_name: "m.eml".to_owned(),
            content_type: "message/rfc822".to_owned(),
            octets: b"Subject: in\r\n\r\nside\r\n".to_vec(),
        },
    ];
    draft.bcc = vec![Mailbox::from_addr("b@z"), Mailbox::from_addr("\"a b\"@z")];
    let message = compose(&draft).unwrap();
    assert_eq!(
        shape(&message),
        [
            "multipart/mixed",
            "multipart/alternative",
            "text/plain",
            "multipart/related",
            "text/html",
            "image/png",
            "text/csv",
            "message/rfc822",
            "text/plain"
        ]
    );
    let facts = Facts::new(&message);
    let parts = facts.structure().parts();
    assert_eq!(parts[6].file_name().as_deref(), Some("blå.csv"));
    assert_eq!(crate::message::facts::part_octets(&message, &parts[6]).as_ref(), b"a,b\nc,d");
    assert_eq!(crate::message::facts::part_octets(&message, &parts[5]).as_ref(), image.octets);
    assert_eq!(parts[5].id.as_deref(), Some(&b"<i@x>"[..]));
    assert!(facts.texts().contains(&"Subject: in".to_owned()));
    let envelope = envelope::from_header(&message, envelope::Source::Original).unwrap();
    assert_eq!(envelope.recipients, ["ann@y.org", "b@z", "\"a b\"@z"]);
}

#[test]
fn controls_in_texts_are_encoded() {
    let mut draft = draft();
    draft.text = Some("nul \0 here".to_owned());
    draft.attachments = vec![Attachment {
        file_name: "a.txt".to_owned(),
        content_type: "text/plain".to_owned(),
        octets: b"bare\rcr".to_vec(),
    }];
    let message = compose(&draft).unwrap();
    assert!(!message.contains(&0) && !has_controls(&message));
    assert_eq!(Facts::new(&message).texts(), ["nul \0 here\r\n", "bare\rcr"]);
}

#[test]
fn nothing_can_be_smuggled_in() {
    let with = |change: &dyn Fn(&mut Draft)| {
        let mut draft = draft();
        change(&mut draft);
        compose(&draft).unwrap_err()
    };
    let file = |name: &str, kind: &str| Attachment {
        file_name: name.to_owned(),
        content_type: kind.to_owned(),
        octets: vec![],
    };
    assert!(matches!(with(&|d| d.subject = Some("a\r\nBcc: x".into())), Error::Field(_)));
    assert!(matches!(
        with(&|d| d.headers = vec![("A: b\r\nC".into(), "d".into())]),
        Error::Field(_)
    ));
    assert!(matches!(with(&|d| d.from.clear()), Error::NoFrom));
    for addr in
        ["", "a b@c", "a@b>, <c@d", "a\n@b", "a@b\0", "a@b c", "a,b@c", "\"a\"b\"@c", "\"a\\\"@c"]
    {
        assert!(
            matches!(with(&|d| d.to = vec![Mailbox::from_addr(addr)]), Error::Address { .. }),
            "{addr}"
        );
    }
    assert!(matches!(with(&|d| d.message_id = "a> <b".into()), Error::Id { .. }));
    assert!(matches!(with(&|d| d.references = vec![String::new()]), Error::Id { .. }));
    assert!(matches!(
        with(&|d| d.attachments = vec![file("a\nb", "text/plain")]),
        Error::FileName { .. }
    ));
    for kind in ["", "text", "text/plain\r\nX: y", "multipart/mixed"] {
        assert!(
            matches!(with(&|d| d.attachments = vec![file("a", kind)]), Error::ContentType { .. }),
            "{kind}"
        );
    }
    assert!(matches!(with(&|d| d.boundary_seed = "a\"b".into()), Error::Seed));
}

#[test]
fn ids_come_from_randomness_and_domain() {
    assert_eq!(base32(b"\xff\xff\xff\xff\xff"), "77777777");
    // RFC 4648 section 10, without padding and in lower case.
    assert_eq!(base32(b"foobar"), "mzxw6ytboi");
    assert_eq!(base32(b"f"), "my");
    let id = message_id(&[0; 20], Some("x.org"));
    assert_eq!(id, format!("{}@x.org", "a".repeat(32)));
    assert!(message_id(&[0; 20], Some("bü.org")).ends_with("@localhost.invalid"));
    assert!(message_id(&[0; 20], None).ends_with("@localhost.invalid"));
}

proptest! {
    #[test]
    fn texts_come_back(subject in "\\PC{0,60}", text in "(\\PC|\n){0,200}") {
        let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
        prop_assume!(!subject.contains("=?") && !text.contains('\u{feff}'));
        let mut draft = draft();
        draft.subject = Some(subject.clone());
        draft.text = Some(text.clone());
        let message = compose(&draft).unwrap();
        let facts = Facts::new(&message);
        prop_assert_eq!(facts.header().subject(), Some(subject.as_str()));
        let back = facts.readable_text().replace("\r\n", "\n");
        let wanted = if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" };
        prop_assert_eq!(back, wanted);
        for line in message.split(|octet| *octet == b'\n') {
            prop_assert!(line.len() <= headers::LINE_OCTETS + 1);
        }
    }
}
