use super::*;
use proptest::prelude::*;

fn command(line: &str) -> Command {
    let octets = format!("{line}\r\n");
    match Command::decode(octets.as_bytes()) {
        Ok(Decoded::Done { value, used }) if used == octets.len() => value,
        other => panic!("{line}: {other:?}"),
    }
}

fn wildmat(text: &str) -> Wildmat {
    Wildmat::new(text).expect("a wildmat")
}

#[test]
fn the_examples_of_the_rfcs_are_read() {
    let id = |id: &str| Article::Id(id.to_owned());
    for (line, wanted) in [
        ("CAPABILITIES", Command::Capabilities(None)),
        ("CAPABILITIES AUTOUPDATE", Command::Capabilities(Some("AUTOUPDATE".into()))),
        ("MODE READER", Command::ModeReader),
        ("GROUP misc.test", Command::Group("misc.test".into())),
        ("LISTGROUP", Command::ListGroup(None)),
        (
            "LISTGROUP misc.test 3000238-3000248",
            Command::ListGroup(Some((
                "misc.test".into(),
                Some(Range::Between(3_000_238, 3_000_248)),
            ))),
        ),
        ("ARTICLE", Command::Article(Part::Article, Article::Current)),
        ("HEAD 300256", Command::Article(Part::Head, Article::Number(300_256))),
        ("BODY <45223423@example.com>", Command::Article(Part::Body, id("<45223423@example.com>"))),
        ("stat 3000234", Command::Article(Part::Stat, Article::Number(3_000_234))),
        ("POST", Command::Post),
        ("NEWGROUPS 19990624 000000 GMT", Command::NewGroups(Since(930_182_400))),
        (
            "NEWNEWS news.*,sci.* 19990624 000000 GMT",
            Command::NewNews(wildmat("news.*,sci.*"), Since(930_182_400)),
        ),
        ("NEWGROUPS 990624 000000", Command::NewGroups(Since(930_182_400))),
        ("LIST", Command::List(List::Active(None))),
        ("LIST ACTIVE misc.*", Command::List(List::Active(Some(wildmat("misc.*"))))),
        ("LIST NEWSGROUPS", Command::List(List::Newsgroups(None))),
        ("LIST OVERVIEW.FMT", Command::List(List::OverviewFmt)),
        ("LIST HEADERS RANGE", Command::List(List::Headers(Some("RANGE".into())))),
        ("LIST COUNTS", Command::List(List::Counts(None))),
        ("LIST MOTD", Command::List(List::Other("MOTD".into(), String::new()))),
        ("OVER", Command::Over(Articles::Current)),
        (
            "OVER 3000234-3000240",
            Command::Over(Articles::Range(Range::Between(3_000_234, 3_000_240))),
        ),
        ("XOVER 3000234-", Command::Xover(Articles::Range(Range::From(3_000_234)))),
        (
            "HDR Subject 3000234-300238",
            Command::Hdr("Subject".into(), Articles::Range(Range::Between(3_000_234, 300_238))),
        ),
        ("HDR :bytes", Command::Hdr(":bytes".into(), Articles::Current)),
        ("STARTTLS", Command::StartTls),
        ("AUTHINFO USER fred flintstone", Command::AuthInfoUser("fred flintstone".into())),
        ("AUTHINFO PASS  flint", Command::AuthInfoPass(Secret::new(*b" flint"))),
        (
            "AUTHINFO SASL PLAIN AHRlc3QAMTIzNA==",
            Command::AuthInfoSasl {
                mechanism: "PLAIN".into(),
                initial: Some(b"\0test\x001234".to_vec()),
            },
        ),
        (
            "AUTHINFO SASL EXTERNAL =",
            Command::AuthInfoSasl { mechanism: "EXTERNAL".into(), initial: Some(Vec::new()) },
        ),
        (
            "AUTHINFO SASL DIGEST-MD5",
            Command::AuthInfoSasl { mechanism: "DIGEST-MD5".into(), initial: None },
        ),
        ("COMPRESS DEFLATE", Command::Compress("DEFLATE".into())),
        ("xgtitle  a.b ", Command::Unknown { keyword: "XGTITLE".into(), argument: "a.b".into() }),
    ] {
        assert_eq!(command(line), wanted, "{line}");
    }
    assert_eq!(command(" \tGROUP\t misc.test \t"), Command::Group("misc.test".into()));
}

#[test]
fn what_has_no_place_is_refused() {
    for line in [
        "",
        "GROUP",
        "GROUP a b",
        "GROUP a*",
        "LISTGROUP a x",
        "ARTICLE 1-2",
        "OVER a",
        "HDR",
        "HDR a:b 1",
        "NEWGROUPS 1 2",
        "NEWGROUPS 19990624 000000 CET",
        "NEWGROUPS 19991324 000000",
        "NEWNEWS a",
        "QUIT now",
        "POST x",
        "AUTHINFO USER",
        "AUTHINFO USER ",
        "AUTHINFO PASS",
        "AUTHINFO SASL",
        "AUTHINFO SASL PLAIN !",
        "LIST ACTIVE a b",
        "COMPRESS",
        "\u{e4}",
        "NEWGROUPS ÄÄÄÄ 000000",
    ] {
        let octets = format!("{line}\r\n");
        assert!(Command::decode(octets.as_bytes()).is_err(), "{line:?}");
    }
    for command in [
        Command::Group("a\r\nQUIT".into()),
        Command::Group(String::new()),
        Command::Article(Part::Head, Article::Id("<a@b> x".into())),
        Command::AuthInfoUser("a\r\nb".into()),
        Command::AuthInfoPass(Secret::new(*b"a\0")),
        Command::Hdr("a b".into(), Articles::Current),
        Command::Unknown { keyword: "QUIT".into(), argument: String::new() },
        Command::Unknown { keyword: "MODE".into(), argument: "reader".into() },
        Command::NewGroups(Since(-1)),
    ] {
        let mut out = Vec::new();
        assert!(command.encode(&mut out).is_err(), "{command:?}");
        assert!(out.is_empty());
    }
}

#[test]
fn secrets_are_known_for_what_they_are() {
    assert!(command("AUTHINFO PASS x").is_secret());
    assert!(command("AUTHINFO SASL PLAIN AA==").is_secret());
    assert!(!command("AUTHINFO SASL SCRAM-SHA-256").is_secret());
}

fn any_command() -> impl Strategy<Value = Command> {
    let group = || "[a-z0-9äß+._-]{1,20}";
    let range = || {
        prop_oneof![
            any::<u64>().prop_map(Range::One),
            any::<u64>().prop_map(Range::From),
            any::<(u64, u64)>().prop_map(|(a, b)| Range::Between(a, b)),
        ]
    };
    let id = || "<[!-=?-~]{1,20}>";
    let article = prop_oneof![
        Just(Article::Current),
        any::<u64>().prop_map(Article::Number),
        id().prop_map(Article::Id),
    ];
    let articles = move || {
        prop_oneof![
            Just(Articles::Current),
            range().prop_map(Articles::Range),
            id().prop_map(Articles::Id),
        ]
    };
    let part =
        prop_oneof![Just(Part::Article), Just(Part::Head), Just(Part::Body), Just(Part::Stat)];
    let wildmat = || "[a-z.*?]{1,9}(,!?[a-z.*?]{1,9}){0,2}".prop_map(|text| wildmat(&text));
    let since = || (0i64..253_402_300_800).prop_map(Since);
    let optional = move || proptest::option::of(wildmat());
    prop_oneof![
        Just(Command::ModeReader),
        Just(Command::Quit),
        Just(Command::Post),
        Just(Command::StartTls),
        proptest::option::of("[A-Z][A-Z0-9.-]{2,9}").prop_map(Command::Capabilities),
        group().prop_map(Command::Group),
        proptest::option::of((group(), proptest::option::of(range()))).prop_map(Command::ListGroup),
        (part, article).prop_map(|(part, article)| Command::Article(part, article)),
        since().prop_map(Command::NewGroups),
        (wildmat(), since()).prop_map(|(wildmat, since)| Command::NewNews(wildmat, since)),
        prop_oneof![
            optional().prop_map(List::Active),
            optional().prop_map(List::ActiveTimes),
            optional().prop_map(List::Counts),
            optional().prop_map(List::Newsgroups),
            Just(List::OverviewFmt),
            proptest::option::of("[A-Z]{1,9}").prop_map(List::Headers),
            ("X[A-Z]{1,9}", "([!-~]{1,5}( [!-~]{1,5})?)?").prop_map(|(a, b)| List::Other(a, b)),
        ]
        .prop_map(Command::List),
        articles().prop_map(Command::Over),
        articles().prop_map(Command::Xover),
        (":?[!-9;-~]{1,9}", articles()).prop_map(|(name, which)| Command::Hdr(name, which)),
        (":?[!-9;-~]{1,9}", articles()).prop_map(|(name, which)| Command::Xhdr(name, which)),
        "[ -~ä]{1,20}".prop_map(Command::AuthInfoUser),
        "[ -~ä]{1,20}".prop_map(|text| Command::AuthInfoPass(Secret::new(text.as_bytes()))),
        ("[A-Z0-9_-]{1,20}", proptest::option::of(any::<Vec<u8>>()))
            .prop_map(|(mechanism, initial)| Command::AuthInfoSasl { mechanism, initial }),
        "[A-Z]{1,9}".prop_map(Command::Compress),
        ("X[A-Z!-9]{1,9}", "([!-~ä]{1,9}( [!-~]{1,9})?)?")
            .prop_map(|(keyword, argument)| Command::Unknown { keyword, argument }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in any_command()) {
        let mut wire = Vec::new();
        value.encode(&mut wire).unwrap();
        for end in 0..wire.len() {
            prop_assert_eq!(Command::decode(&wire[..end]), Ok(Decoded::More));
        }
        prop_assert_eq!(Command::decode(&wire), Ok(Decoded::Done { value, used: wire.len() }));
    }

    #[test]
    fn a_response_that_is_written_is_read_again(octets: Vec<u8>) {
        for value in [SaslResponse::Data(octets.clone()), SaslResponse::Cancel] {
            let mut wire = Vec::new();
            value.encode(&mut wire);
            for end in 0..wire.len() {
                prop_assert_eq!(SaslResponse::decode(&wire[..end]), Ok(Decoded::More));
            }
            let decoded = SaslResponse::decode(&wire);
            prop_assert_eq!(decoded, Ok(Decoded::Done { value, used: wire.len() }));
        }
    }

    #[test]
    fn no_line_of_anything_ends_in_panic(octets: Vec<u8>) {
        let mut wire = octets;
        wire.extend_from_slice(b"\r\n");
        if let Ok(Decoded::Done { value, .. }) = Command::decode(&wire) {
            let mut again = Vec::new();
            if value.encode(&mut again).is_ok() {
                let used = again.len();
                prop_assert_eq!(Command::decode(&again), Ok(Decoded::Done { value, used }));
            }
        }
    }
}
