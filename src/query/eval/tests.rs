use super::*;
use crate::query::{Attributes, Context, Gathered, Local, parse};
use proptest::prelude::*;

const MESSAGE: &[u8] = b"From: =?utf-8?Q?J=C3=B8rn?= <jorn@x.org>\r\n\
To: Ann <ann@y.org>\r\n\
Subject: Q3 Report =?utf-8?Q?Gr=C3=B6=C3=9Fe?=\r\n\
Date: Fri, 20 Mar 2026 09:55:06 +0000\r\n\
Message-ID: <one@x.org>\r\n\
References: <zero@x.org>\r\n\
X-Spam: no\r\n\
Content-Type: multipart/mixed; boundary=b\r\n\
\r\n\
--b\r\n\
Content-Type: text/html; charset=utf-8\r\n\
\r\n\
<p>Please pay <b>IN</b>V-123456<td>now</td><td>then</td> \xe6\x9d\xb1\xe4\xba\xac\r\n\
--b\r\n\
Content-Type: application/pdf; name=\"Bill 7.PDF\"\r\n\
Content-Disposition: attachment\r\n\
\r\n\
%PDF\r\n\
--b--\r\n";

fn context() -> Context {
    Context { now: "2026-03-31T10:30:00Z".parse().unwrap(), zone: jiff::tz::TimeZone::UTC }
}

fn read(query: &str) -> Expr {
    parse(query, &context()).unwrap_or_else(|error| panic!("{}", error.render(query)))
}

fn attributes() -> Attributes {
    Attributes {
        flags: Some(vec!["\\Flagged".to_owned(), "$Forwarded".to_owned(), "work".to_owned()]),
        size: Some(MESSAGE.len() as u64),
        stored: None,
        received: Some("2026-03-21T00:00:00Z".parse().unwrap()),
        saved: Some("2026-03-25T00:00:00Z".parse().unwrap()),
        uid: Some(7),
        folder: Some("Lists/Rust".to_owned()),
        account: Some("work".to_owned()),
        thread: Some("T1".to_owned()),
        gmail: vec!["is:important".to_owned()],
    }
}

#[test]
fn queries_that_match_and_that_do_not() {
    let message = Local::new(MESSAGE, attributes());
    for query in [
        "",
        "jørn",
        "from:JORN@X",
        "from:\"jørn <jorn\"",
        "to:ann",
        "subject:\"q3 report\"",
        "subject:GRÖSSE",
        "-cc:*",
        "subject:*",
        "-bcc:x",
        "header:x-spam:NO",
        "header:X-Spam:*",
        "id:<one@x.org>",
        "id:ONE@",
        "thread:T1",
        "thread:<zero@x.org>",
        "thread:one@x.org",
        "body:inv-123456",
        "body:/inv-[0-9]{6}$|INV/",
        "\"now then\"",
        "body:東京",
        "body:*",
        "text:x-spam",
        "filename:bill",
        "filename:/\\.pdf$/",
        "type:pdf",
        "type:application/",
        "charset:UTF-8",
        "has:attachment",
        "has:pdf",
        "-has:image",
        "has:html",
        "is:unread",
        "is:flagged",
        "is:forwarded",
        "-is:answered",
        "-is:encrypted",
        "-is:signed",
        "flag:WORK",
        "flag:\\Flagged",
        "-flag:other",
        "date:2026-03-20",
        "-date:2026-03-21",
        "on:2026-03-21",
        "since:2026-03-21",
        "-before:2026-03-21",
        "before:2026-03-22",
        "saved:2026-03-25",
        "saved:2026-03-22..",
        "-saved:2026-03-21",
        "older:9d",
        "newer:11d",
        "date:2026-01..2026-03",
        "size:<1M",
        "larger:100",
        "smaller:100k",
        "uid:1:9",
        "-uid:8:*",
        "folder:lists/rust",
        "folder:Lists/*",
        "-folder:Lists",
        "account:work",
        "gm:is:important",
        "(from:nobody OR to:ann) -is:draft",
        "-(from:nobody to:ann)",
    ] {
        assert!(message.matches(&read(query)), "{query}");
        let negated = Expr::Not(Box::new(read(query)));
        assert!(!message.matches(&negated), "-({query})");
    }
}

#[test]
fn a_source_without_attributes() {
    let message = Local::new(MESSAGE, Attributes::default());
    for query in ["is:unread", "-is:read", "-flag:work", "-uid:1:*", "-since:2000", "-folder:*"] {
        assert!(message.matches(&read(query)), "{query}");
    }
}

#[test]
fn the_cheapest_is_asked_for_first() {
    let mut facts = Gathered::default();
    let query = read("body:now has:pdf from:ann is:flagged");
    assert_eq!(eval(&query, &facts), Verdict::Needs(Need::Attributes));
    facts.attributes = Some(attributes());
    assert_eq!(eval(&query, &facts), Verdict::Needs(Need::Header));
    facts.header = Some(Header::new(b"From: Ann <a@b>\n"));
    assert_eq!(eval(&query, &facts), Verdict::Needs(Need::Structure));
    facts.parts = Some(vec![PartFacts {
        content_type: "application/pdf".to_owned(),
        ..PartFacts::default()
    }]);
    assert_eq!(eval(&query, &facts), Verdict::Needs(Need::Body));
    facts.texts = Some(vec!["and now?".to_owned()]);
    assert_eq!(eval(&query, &facts), Verdict::Yes);
    // One no decides at once, whatever else is not known.
    let other = Gathered { header: facts.header.clone(), ..Gathered::default() };
    assert_eq!(eval(&read("body:now is:read from:bob"), &other), Verdict::No);
    assert_eq!(eval(&read("body:now OR from:ann"), &other), Verdict::Yes);
    assert_eq!(eval(&read("-body:now"), &other), Verdict::Needs(Need::Body));
}

#[test]
fn extra_keys_are_answered_by_who_put_them_in() {
    let recent = Expr::Term(Term::Extra(3));
    let mut facts = Gathered::default();
    assert_eq!(eval(&recent, &facts), Verdict::Needs(Need::Attributes));
    facts.extra = vec![(3, true)];
    assert_eq!(eval(&recent, &facts), Verdict::Yes);
}

#[test]
fn stars_in_folder_names() {
    for (pattern, name, matches) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "abc", true),
        ("*c", "abc", true),
        ("a*c", "ac", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "ac", false),
        ("*", "", true),
        ("a*a", "a", false),
        ("*b*", "abc", true),
    ] {
        assert_eq!(glob(pattern, name), matches, "{pattern} {name}");
    }
}

#[test]
fn what_is_encrypted_or_signed() {
    let has = |query: &str, content_type: &str, smime_type: Option<&str>| {
        let part = PartFacts {
            content_type: content_type.to_owned(),
            smime_type: smime_type.map(str::to_owned),
            ..PartFacts::default()
        };
        let facts = Gathered { parts: Some(vec![part]), ..Gathered::default() };
        eval(&read(query), &facts) == Verdict::Yes
    };
    assert!(has("is:signed", "multipart/signed", None));
    assert!(has("is:encrypted", "multipart/encrypted", None));
    assert!(has("is:encrypted", "application/pkcs7-mime", Some("enveloped-data")));
    assert!(has("is:signed", "application/pkcs7-mime", Some("signed-data")));
    assert!(!has("is:encrypted", "application/pkcs7-mime", Some("signed-data")));
    assert!(!has("has:attachment", "application/pgp-signature", None));
    assert!(!has("has:attachment", "image/png", None));
    assert!(has("has:attachment", "application/zip", None));
}

#[test]
fn real_messages_answer_queries() {
    let queries: Vec<Expr> =
        ["the", "from:*", "has:attachment OR date:..2030", "body:/[a-z]{4}/ -subject:re"]
            .into_iter()
            .map(read)
            .collect();
    for (path, octets) in crate::message::corpus("query") {
        eprintln!("{}", path.display());
        let message = Local::new(&octets, Attributes::default());
        for query in &queries {
            let negated = Expr::Not(Box::new(query.clone()));
            assert!(message.matches(query) != message.matches(&negated));
        }
    }
}

proptest! {
    #[test]
    fn a_message_answers_as_its_pieces_do(query in "((-|NOT )?(from:j|subject:x|body:now|has:pdf|is:read|uid:7|older:1d) (OR )?){1,6}is:flagged") {
        let expr = read(&query);
        let local = Local::new(MESSAGE, attributes());
        let content = local.content();
        let whole = Gathered {
            attributes: Some(attributes()),
            header: Some(content.header().clone()),
            parts: Some(content.parts().to_vec()),
            texts: Some(content.texts().to_vec()),
            extra: Vec::new(),
        };
        let expected = if local.matches(&expr) { Verdict::Yes } else { Verdict::No };
        prop_assert_eq!(eval(&expr, &whole), expected);
    }
}

/// RFC 9051 section 2.3.4: a size counts CRLF, and two messages that differ in their line ends
/// alone are one message.
#[test]
fn sizes_are_those_of_the_wire() {
    let lf: Vec<u8> = MESSAGE.iter().copied().filter(|octet| *octet != b'\r').collect();
    let (octets, stored) = (MESSAGE.len() as u64, lf.len() as u64);
    for message in [MESSAGE, &lf] {
        let stored = Attributes { stored: Some(message.len() as u64), ..Attributes::default() };
        for attributes in [Attributes::default(), stored] {
            let local = Local::new(message, attributes);
            assert!(local.matches(&read(&format!("size:{octets}"))));
            assert!(!local.matches(&read(&format!("larger:{octets}"))));
            assert!(!local.matches(&read(&format!("size:<{octets}"))));
        }
    }
    // What the stored octets alone decide needs nothing else.
    let gathered = Gathered {
        attributes: Some(Attributes { stored: Some(stored), ..Attributes::default() }),
        ..Gathered::default()
    };
    for (query, verdict) in [
        (format!("size:>={stored}"), Verdict::Yes),
        (format!("size:<{stored}"), Verdict::No),
        (format!("size:>{}", 2 * stored), Verdict::No),
        (format!("size:<={}", 2 * stored), Verdict::Yes),
        (format!("size:{octets}"), Verdict::Needs(Need::Body)),
        (format!("size:<{octets} is:read"), Verdict::No),
    ] {
        assert_eq!(eval(&read(&query), &gathered), verdict, "{query}");
    }
    let unknown = Gathered { attributes: Some(Attributes::default()), ..Gathered::default() };
    assert_eq!(eval(&read("size:>0"), &unknown), Verdict::No);
}
