use super::*;
use proptest::prelude::*;

fn list(value: &str) -> Vec<(Option<String>, String)> {
    mailboxes(value.as_bytes()).unwrap().into_iter().map(|m| (m.name, m.addr)).collect()
}

fn named(name: &str, addr: &str) -> (Option<String>, String) {
    (Some(name.to_owned()), addr.to_owned())
}

fn bare(addr: &str) -> (Option<String>, String) {
    (None, addr.to_owned())
}

#[test]
fn examples_of_rfc_5322() {
    // Appendix A.1.2 and A.1.3.
    assert_eq!(
        list("\"Joe Q. Public\" <john.q.public@example.com>"),
        [named("Joe Q. Public", "john.q.public@example.com")]
    );
    assert_eq!(
        list("Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>"),
        [named("Mary Smith", "mary@x.test"), bare("jdoe@example.org"), named("Who?", "one@y.test")]
    );
    assert_eq!(
        list("<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>"),
        [bare("boss@nil.test"), named("Giant; \"Big\" Box", "sysservices@example.net")]
    );
    assert_eq!(
        list("A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;"),
        [named("Ed Jones", "c@a.test"), bare("joe@where.test"), named("John", "jdoe@one.test")]
    );
    assert!(list("Undisclosed recipients:;").is_empty());
    // Appendix A.5 and A.6: comments, folds, routes, blanks around dots.
    assert_eq!(
        list("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>"),
        [named("Pete", "pete@silly.test")]
    );
    assert_eq!(
        list(
            "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)"
        ),
        [
            named("Chris Jones", "c@public.example"),
            bare("joe@example.org"),
            named("John", "jdoe@one.test")
        ]
    );
    assert_eq!(
        list("Joe Q. Public <john.q.public@example.com>"),
        [named("Joe Q. Public", "john.q.public@example.com")]
    );
    assert_eq!(
        list("Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example"),
        [named("Mary Smith", "mary@example.net"), bare("jdoe@test.example")]
    );
}

#[test]
fn other_forms() {
    assert_eq!(list("ann@x.org (Ann Lee)"), [named("Ann Lee", "ann@x.org")]);
    assert_eq!(list("ann@x.org <ann@x.org>"), [named("ann@x.org", "ann@x.org")]);
    assert_eq!(
        list("\"a b\"@x.org, \"plain\"@x.org"),
        [bare("\"a b\"@x.org"), bare("plain@x.org")]
    );
    assert_eq!(list("a@[192.0.2.1]"), [bare("a@[192.0.2.1]")]);
    assert_eq!(list("=?utf-8?Q?J=C3=B8rn?= <j@x.org>"), [named("Jørn", "j@x.org")]);
    assert_eq!(list("\"=?utf-8?Q?J=C3=B8rn?=\" <j@x.org>"), [named("Jørn", "j@x.org")]);
    assert_eq!(list("jørn@exämple.org"), [bare("jørn@exämple.org")]);
    assert_eq!(list("root, <>"), [bare("root"), bare("")]);
    assert_eq!(list("a..b.@x.org"), [bare("\"a..b.\"@x.org")]);
    assert!(list(" ").is_empty());
    assert_eq!(mailbox(b"Ann <ann@x.org>").unwrap().domain(), Some("x.org"));
    assert!(mailbox(b"a@b, c@d").is_err());
}

#[test]
fn errors_say_where() {
    let at = |value: &str| mailboxes(value.as_bytes()).unwrap_err().offset;
    assert_eq!(at("ann lee"), 4);
    assert_eq!(at("a@b, Ann <ann@x.org"), 19);
    assert_eq!(at("a@"), 2);
    assert_eq!(at("@b"), 0);
    assert_eq!(at("a@b; c@d"), 3);
    assert_eq!(at("Ann <a@b> junk, c@d"), 10);
    assert_eq!(at("\"open"), 0);
    assert_eq!(mailboxes(b"a\xff@b").unwrap_err().offset, 0);
    assert_eq!(at("x@y, \"a\u{7}b\"@c"), 5);
}

#[test]
fn lenient_reading_keeps_the_pieces() {
    let elements = parse(b"Team: Ann <@r,@s:ann@x>, junk words; bob@y (B), \"c d\"@z");
    let mailbox =
        |name: Option<&[u8]>, route: Option<&[u8]>, local: &[u8], domain: &[u8], offset| {
            Element::Mailbox(Parts {
                name: name.map(<[u8]>::to_vec),
                route: route.map(<[u8]>::to_vec),
                local: local.to_vec(),
                domain: Some(domain.to_vec()),
                offset,
            })
        };
    assert_eq!(
        elements,
        [
            Element::GroupStart(b"Team".to_vec()),
            mailbox(Some(b"Ann"), Some(b"@r,@s"), b"ann", b"x", 6),
            Element::GroupEnd,
            mailbox(Some(b"B"), None, b"bob", b"y", 37),
            mailbox(None, None, b"c d", b"z", 48),
        ]
    );
}

#[test]
fn names_are_shown_quoted_where_needed() {
    let show =
        |name: &str| Mailbox { name: Some(name.to_owned()), addr: "a@b".to_owned() }.to_string();
    assert_eq!(show("Ann Lee"), "Ann Lee <a@b>");
    assert_eq!(show("Lee, \"Ann\""), "\"Lee, \\\"Ann\\\"\" <a@b>");
    assert_eq!(Mailbox::from_addr("a@b").to_string(), "a@b");
}

proptest! {
    #[test]
    fn any_octets_are_taken(octets in prop::collection::vec(prop_oneof![
        Just(b'<'), Just(b'>'), Just(b'@'), Just(b','), Just(b':'), Just(b';'), Just(b'"'),
        Just(b'('), Just(b'\\'), Just(b'a'), any::<u8>()], 0..80)) {
        parse(&octets);
        let _ = mailboxes(&octets);
    }

    #[test]
    fn shown_mailboxes_are_read_back(name in "[ -~]{1,20}", local in "[a-z\" .]{1,10}") {
        let name = name.trim().to_owned();
        prop_assume!(!name.is_empty() && !name.contains("=?"));
        let parts = Parts { local: local.clone().into_bytes(), domain: Some(b"x.org".to_vec()), ..Parts::default() };
        let mailbox = Mailbox { name: Some(name), addr: String::from_utf8(parts.addr()).unwrap() };
        prop_assert_eq!(super::mailbox(mailbox.to_string().as_bytes()).unwrap(), mailbox);
    }
}
