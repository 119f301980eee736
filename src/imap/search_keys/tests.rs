use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::imap::syntax::command::{Command, Tagged};
use crate::imap::syntax::encode::{Encoder, Literals};
use crate::imap::syntax::search::Search;
use crate::message::facts;
use crate::query::{Attributes, Context, DateKeyword, Is, Local, parse};

const OURS: Manner =
    Manner { utf8: true, bodies: true, fuzzy: false, gmail: false, saved: false, within: None };

fn context() -> Context {
    let now = "2026-03-15T12:00:00Z".parse().expect("a time");
    Context { now, zone: TimeZone::UTC }
}

fn mapped(query: &str, manner: Manner) -> Mapping {
    map(&parse(query, &context()).expect(query), manner)
}

/// The keys as they go over the wire; non-ASCII text in place of its literal.
fn asked(query: &str, manner: Manner) -> String {
    let keys = match mapped(query, manner).asked {
        Asked::Nothing => return "-".into(),
        Asked::Keys(keys) => keys,
    };
    let command = Command::Search(true, Search { returns: None, charset: None, keys });
    let mut out = Encoder::new(Literals::Server, true);
    Tagged { tag: b"a".as_slice().into(), command }.encode(&mut out);
    let line = String::from_utf8(out.finish().expect("sendable").octets).expect("text");
    line.strip_prefix("a UID SEARCH ").expect("a search").trim_end().to_owned()
}

#[test]
fn what_is_asked() {
    for (query, keys) in [
        ("", "ALL"),
        ("from:ann", "FROM ann"),
        ("from:ann subject:\"q3 report\"", "FROM ann SUBJECT q3 SUBJECT report"),
        ("from:\"Ann Lee <ann@x.org>\"", "FROM Ann FROM Lee FROM ann@x.org"),
        ("subject:message", "SUBJECT me SUBJECT age"),
        ("subject:grün", "SUBJECT gr"),
        ("from:*", "HEADER From \"\""),
        ("subject:/inv-[0-9]+/", "SUBJECT inv-"),
        ("list:/rust/", "HEADER List-Id rust"),
        ("-list:*", "NOT HEADER List-Id \"\""),
        ("-from:ann", "ALL"),
        ("id:<a@b.c>", "HEADER Message-ID a@b.c"),
        ("header:X-Spam:yes", "HEADER X-Spam yes"),
        ("is:unread", "UNSEEN"),
        ("-is:unread", "SEEN"),
        ("is:forwarded", "KEYWORD $Forwarded"),
        ("-flag:Junk", "UNKEYWORD Junk"),
        ("has:pdf", "ALL"),
        ("has:pdf is:flagged", "FLAGGED"),
        ("size:>1M", "LARGER 1048576"),
        ("on:2026-03-10", "SINCE 9-Mar-2026 BEFORE 13-Mar-2026"),
        ("-on:2026-03-10", "NOT (SINCE 12-Mar-2026 BEFORE 10-Mar-2026)"),
        ("date:2026-03-10..", "SENTSINCE 9-Mar-2026"),
        ("uid:3,7:9", "UID 3,7:9"),
        ("budget", "TEXT budget"),
        ("body:\"two words\"", "BODY \"two words\""),
        ("from:a OR from:b OR from:c", "OR FROM a OR FROM b FROM c"),
        ("from:ann OR has:pdf", "ALL"),
        ("gm:x", "-"),
        ("is:read (from:ann OR gm:x)", "SEEN FROM ann"),
        (
            "thread:<a@b>",
            "OR HEADER Message-ID a@b OR HEADER References a@b HEADER In-Reply-To a@b",
        ),
    ] {
        assert_eq!(asked(query, OURS), keys, "{query}");
    }
}

#[test]
fn what_is_left() {
    for (query, rest) in [
        ("is:unread size:>1M body:x", ""),
        ("is:unread from:ann", "from:ann"),
        ("has:pdf budget", "has:pdf"),
        (
            "subject:\"q3 report\" is:flagged since:2026-03-01",
            "subject:\"q3 report\" since:2026-03-01",
        ),
    ] {
        let expected = parse(rest, &context()).expect(rest);
        assert_eq!(mapped(query, OURS).rest, expected, "{query}");
    }
    let mixed = mapped("is:read (subject:/x+/ OR body:budget)", OURS);
    assert_eq!(mixed.questions, [Key::Text(In::Body, owned("budget"))]);
    assert!(mixed.rest.terms().contains(&&Term::Extra(0)), "{}", mixed.rest);
}

#[test]
fn exact_bodies_and_ascii_servers() {
    let exact = Manner { bodies: false, ..OURS };
    assert_eq!(asked("body:budget is:read", exact), "SEEN");
    assert_eq!(mapped("body:budget", exact).rest, parse("body:budget", &context()).expect("read"));
    let ascii = Manner { utf8: false, ..OURS };
    assert_eq!(asked("subject:東京report", OURS), "SUBJECT \"東京report\"");
    assert_eq!(asked("subject:東京report", ascii), "SUBJECT report");
    assert_eq!(asked("東京", ascii), "ALL");
    let fuzzy = Manner { fuzzy: true, ..OURS };
    assert_eq!(asked("budget -body:x from:a", fuzzy), "FUZZY TEXT budget NOT FUZZY BODY x FROM a");
    assert_eq!(asked("budget", Manner { bodies: false, ..fuzzy }), "ALL");
    let saved = Manner { saved: true, ..OURS };
    assert_eq!(asked("saved:2026-03-01", saved), "SAVEDSINCE 28-Feb-2026 SAVEDBEFORE 4-Mar-2026");
    // RFC 8514 section 4.3: the date of arrival stands for one that is not kept.
    assert_eq!(asked("saved:2026-03-01", OURS), "SINCE 28-Feb-2026 BEFORE 4-Mar-2026");
    assert_eq!(asked("subject:/INV-[0-9]+ of/", OURS), "SUBJECT INV-");
    assert_eq!(asked("from:/(ann|bob)@x/", OURS), "OR FROM ann FROM bob");
    assert_eq!(asked("list:/[ab]+/", OURS), "HEADER List-Id \"\"");
    assert_eq!(asked("subject:/[ab]+/", OURS), "ALL");
    let gmail = Manner { gmail: true, ..OURS };
    assert_eq!(asked("gm:in:inbox", gmail), "X-GM-RAW in:inbox");
}

/// A message, and how a plain server shows it.
#[derive(Debug, Clone)]
struct Shown {
    octets: Vec<u8>,
    attributes: Attributes,
    /// Seconds that the server's zone is east of universal time.
    zone: i64,
}

/// The least that RFC 9051 asks of a server: substrings of decoded fields, no case beyond
/// ASCII, days compared as they are shown.
fn server_finds(key: &Key<'_>, shown: &Shown) -> bool {
    let header = facts::Header::new(&shown.octets);
    let holds = |name: &str, text: &[u8]| {
        let wanted = String::from_utf8_lossy(text).to_ascii_lowercase();
        header.values(name).any(|value| value.to_ascii_lowercase().contains(&wanted))
    };
    let has = |name: &str| {
        let flags = shown.attributes.flags.as_deref().unwrap_or_default();
        flags.iter().any(|flag| flag.eq_ignore_ascii_case(name))
    };
    match key {
        Key::Word(word) => match word {
            Word::All => true,
            Word::Seen => has("\\Seen"),
            Word::Unseen => !has("\\Seen"),
            Word::Flagged => has("\\Flagged"),
            Word::Unflagged => !has("\\Flagged"),
            Word::Answered => has("\\Answered"),
            Word::Unanswered => !has("\\Answered"),
            Word::Deleted => has("\\Deleted"),
            Word::Undeleted => !has("\\Deleted"),
            Word::Draft => has("\\Draft"),
            Word::Undraft => !has("\\Draft"),
            other => panic!("{other:?} is never asked"),
        },
        Key::Text(field, text) => holds(field.name(), text),
        Key::Header(name, text) => holds(std::str::from_utf8(name).expect("a name"), text),
        Key::Keyword(set, name) => has(std::str::from_utf8(name).expect("a name")) == *set,
        Key::Date(kind, day) => {
            let instant = match kind {
                Day::Since | Day::Before => shown.attributes.received,
                _ => header.date(),
            };
            let Some(instant) = instant else { return false };
            let zone = Offset::from_seconds(i32::try_from(shown.zone).expect("a zone"));
            let shown_day = zone.expect("a zone").to_datetime(instant).date();
            match kind {
                Day::Since | Day::SentSince => shown_day >= *day,
                Day::Before | Day::SentBefore => shown_day < *day,
                other => panic!("{other:?} is never asked"),
            }
        }
        Key::Number(Measure::Larger, number) => shown.attributes.size.unwrap_or(0) > *number,
        Key::Number(Measure::Smaller, number) => shown.attributes.size.unwrap_or(0) < *number,
        Key::Uid(set) => set.contains(shown.attributes.uid.unwrap_or(0), 100),
        Key::Not(inner) => !server_finds(inner, shown),
        Key::Or(one, other) => server_finds(one, shown) || server_finds(other, shown),
        Key::And(keys) => keys.iter().all(|key| server_finds(key, shown)),
        other => panic!("{other:?} is never asked"),
    }
}

/// No single `s`: half of an `ß` is not looked for.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a", "ann", "ss", "ß", "SS", "Grüße", "GRÜSSE", "ü", " ", "  ", "@x.org", "<", ">", "\"",
        "東京", "京", "report", "Re: ", ",",
    ]);
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    // A few days, so that messages lie at the ends of ranges.
    (0i64..20 * 6)
        .prop_map(|step| Timestamp::from_second(1_772_323_200 + step * 4 * 3600).expect("a time"))
}

fn any_message() -> impl Strategy<Value = Shown> {
    let flags = prop::sample::subsequence(
        vec!["\\Seen", "\\Flagged", "\\Answered", "$Forwarded", "Junk"],
        0..=5,
    );
    (
        any_text(),
        any_text(),
        prop::option::of(any_text()),
        any_time(),
        any_time(),
        flags,
        0u64..4000,
        1u32..30,
        -43_200i64..50_400,
    )
        .prop_map(|(from, subject, list, sent, received, flags, size, uid, zone)| {
            let date = crate::base::date::Zoned {
                seconds: sent.as_second(),
                offset_seconds: i32::try_from(zone / 60 * 60).expect("a zone"),
            };
            let list = list.map(|list| format!("List-Id: {list}\r\n")).unwrap_or_default();
            let octets = format!(
                "From: {from}\r\nSubject: {subject}\r\nDate: {}\r\n{list}\r\nbody\r\n",
                date.message()
            );
            let attributes = Attributes {
                flags: Some(flags.into_iter().map(str::to_owned).collect()),
                size: Some(size),
                received: Some(received),
                uid: Some(uid),
                ..Attributes::default()
            };
            Shown { octets: octets.into_bytes(), attributes, zone: zone / 60 * 60 }
        })
}

fn any_term() -> impl Strategy<Value = Term> {
    let field = prop::sample::select(vec![Field::From, Field::Subject, Field::List, Field::To]);
    let pattern = prop_oneof![
        4 => any_text().prop_map(Pattern::text),
        1 => Just(Pattern::Present),
        1 => Just(Pattern::regex("re?p").expect("an expression")),
    ];
    let keyword =
        prop::sample::select(vec![DateKeyword::Date, DateKeyword::Since, DateKeyword::Before]);
    let ends = (prop::option::of(any_time()), prop::option::of(any_time()));
    prop_oneof![
        4 => (field, pattern).prop_map(|(field, pattern)| Term::Match(field, pattern)),
        1 => any_text().prop_map(|text| Term::Header("Subject".into(), Pattern::text(text))),
        2 => prop::sample::select(Is::ALL.to_vec()).prop_map(Term::Is),
        1 => prop::sample::select(vec!["Junk", "*", "\\Odd", "two words"])
            .prop_map(|name| Term::Flag(name.into())),
        2 => (keyword, ends).prop_map(|(keyword, (from, until))| Term::Date(DateTerm {
            keyword,
            text: "then".into(),
            range: TimeRange { from, until },
        })),
        1 => (prop::option::of(0u64..4000), prop::option::of(0u64..4000))
            .prop_map(|(least, most)| Term::Size(SizeRange { least, most })),
        1 => prop::collection::vec((1u32..30, 1u32..30), 1..3).prop_map(|ranges| {
            Term::Uid(UidSet(ranges.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect()))
        }),
        1 => Just(Term::Gmail("x".into())),
    ]
}

fn any_expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![9 => any_term().prop_map(Expr::Term), 1 => Just(Expr::All)];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expr::Or),
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What the server finds, less what is then left out, is what the query asks for.
    #[test]
    fn server_and_rest_are_the_query(expr in any_expr(), message in any_message(), utf8: bool) {
        let mapping = map(&expr, Manner { utf8, ..OURS });
        let local = Local::new(&message.octets, message.attributes.clone());
        let found = match &mapping.asked {
            Asked::Nothing => false,
            Asked::Keys(keys) => keys.iter().all(|key| server_finds(key, &message)),
        };
        prop_assert!(mapping.questions.is_empty());
        let matches = local.matches(&expr);
        prop_assert!(found || !matches, "{} is missed by {:?}", expr, mapping.asked);
        let rest = Local::new(&message.octets, message.attributes.clone());
        prop_assert_eq!(found && rest.matches(&mapping.rest), matches, "{}", expr);
    }

    #[test]
    fn pieces_are_found_wherever_the_value_is(value in any_text(), before in any_text(), after in any_text()) {
        let text = format!("{before}{value}{after}");
        for variant in [text.clone(), text.to_uppercase(), text.replace("ss", "ß")] {
            if Pattern::text(value.as_str()).matches(&variant) {
                for piece in pieces(&value, true, false) {
                    let (piece, variant) = (piece.to_ascii_lowercase(), variant.to_ascii_lowercase());
                    prop_assert!(variant.contains(&piece), "{} in {}", piece, variant);
                }
            }
        }
    }
}

#[test]
fn days_at_the_ends_of_the_calendar() {
    let range = TimeRange { from: Some(Timestamp::MIN), until: Some(Timestamp::MAX) };
    let date = DateTerm { keyword: DateKeyword::Since, text: "x".into(), range };
    let found = bounds(&Expr::Term(Term::Date(date)), OURS);
    assert_eq!((found.most, found.least), (Found::Everything, Found::Nothing));
    assert_eq!(moved(Timestamp::UNIX_EPOCH, -1), Some(jiff::civil::date(1969, 12, 31)));
}

#[test]
fn many_alternatives_stay_shallow() {
    let list: Vec<Expr> =
        (1..=1000u32).map(|uid| Expr::Term(Term::Uid(UidSet(vec![(uid, uid)])))).collect();
    fn depth(key: &Key<'_>) -> usize {
        match key {
            Key::Or(one, other) => 1 + depth(one).max(depth(other)),
            _ => 0,
        }
    }
    match map(&Expr::Or(list), OURS).asked {
        Asked::Keys(keys) => assert_eq!(keys.iter().map(depth).max(), Some(10)),
        Asked::Nothing => panic!("something is asked"),
    }
}
