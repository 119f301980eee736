use super::*;
use proptest::prelude::*;

fn context() -> Context {
    Context { now: "2026-03-31T10:30:00Z".parse().unwrap(), zone: jiff::tz::TimeZone::UTC }
}

fn read(text: &str) -> Expr {
    parse(text, &context()).unwrap_or_else(|error| panic!("{}", error.render(text)))
}

fn word(text: &str) -> Expr {
    Expr::Term(Term::Match(Field::Text, Pattern::text(text)))
}

fn field(field: Field, text: &str) -> Expr {
    Expr::Term(Term::Match(field, Pattern::text(text)))
}

fn not(expr: Expr) -> Expr {
    Expr::Not(Box::new(expr))
}

#[test]
fn terms_stand_side_by_side() {
    assert_eq!(read(""), Expr::All);
    assert_eq!(read("  \t "), Expr::All);
    assert_eq!(read("*"), Expr::All);
    assert_eq!(read("ann"), word("ann"));
    assert_eq!(read("ann bob"), Expr::And(vec![word("ann"), word("bob")]));
    assert_eq!(read("ann AND bob"), read("ann bob"));
    assert_eq!(read("a b OR c"), Expr::Or(vec![Expr::And(vec![word("a"), word("b")]), word("c")]));
    assert_eq!(
        read("a (b OR c)"),
        Expr::And(vec![word("a"), Expr::Or(vec![word("b"), word("c")])])
    );
    assert_eq!(read("NOT a"), not(word("a")));
    assert_eq!(
        read("-a -(b c)"),
        Expr::And(vec![not(word("a")), not(Expr::And(vec![word("b"), word("c")]))])
    );
    // Lower case words are words, and so are longer ones.
    assert_eq!(read("or ORANGE"), Expr::And(vec![word("or"), word("ORANGE")]));
    assert_eq!(read("x-y 10:30"), Expr::And(vec![word("x-y"), word("10:30")]));
}

#[test]
fn stars_that_mean_more() {
    assert_eq!(read("type:image/*"), field(Field::Type, "image/"));
    assert_eq!(read("type:\"text/*\""), read("type:text/"));
    assert_eq!(read("type:*"), Expr::Term(Term::Match(Field::Type, Pattern::Present)));
    assert_eq!(read("subject:a/*"), field(Field::Subject, "a/*"));
    assert_eq!(read("uid:7:*"), read("uid:*:7"));
}

#[test]
fn the_examples_of_the_manual() {
    let date = |keyword, text: &str, from: Option<&str>, until: Option<&str>| {
        let range = TimeRange {
            from: from.map(|instant| instant.parse().unwrap()),
            until: until.map(|instant| instant.parse().unwrap()),
        };
        Expr::Term(Term::Date(DateTerm { keyword, text: text.to_owned(), range }))
    };
    let pdf = Has::from_name("pdf").unwrap();
    assert_eq!(
        read("from:ann has:pdf is:unread since:2w"),
        Expr::And(vec![
            field(Field::From, "ann"),
            Expr::Term(Term::Has(pdf)),
            Expr::Term(Term::Is(Is::Unread)),
            date(DateKeyword::Since, "2w", Some("2026-03-17T00:00:00Z"), None),
        ])
    );
    assert_eq!(
        read("subject:\"q3 report\" -list:*"),
        Expr::And(vec![
            field(Field::Subject, "q3 report"),
            not(Expr::Term(Term::Match(Field::List, Pattern::Present))),
        ])
    );
    assert_eq!(
        read("body:/INV-[0-9]{6}/"),
        Expr::Term(Term::Match(Field::Body, Pattern::regex("INV-[0-9]{6}").unwrap()))
    );
    assert_eq!(read("id:<x@y>"), field(Field::Id, "<x@y>"));
    assert_eq!(
        read("older:90d size:>1M"),
        Expr::And(vec![
            date(DateKeyword::Older, "90d", None, Some("2025-12-31T10:30:00Z")),
            Expr::Term(Term::Size(SizeRange { least: Some((1 << 20) + 1), most: None })),
        ])
    );
    assert_eq!(
        read("date:2026-01..2026-03"),
        date(
            DateKeyword::Date,
            "2026-01..2026-03",
            Some("2026-01-01T00:00:00Z"),
            Some("2026-04-01T00:00:00Z")
        )
    );
}

#[test]
fn every_field_is_read() {
    for name in field_names() {
        let value = match name {
            "has" => "image",
            "is" => "signed",
            "size" | "larger" | "smaller" => "10k",
            "uid" => "1:5,9,7:*",
            "header" => "X-Spam:yes",
            "date" | "since" | "before" | "on" | "older" | "newer" | "saved" => "yesterday",
            _ => "value",
        };
        let expr = read(&format!("{}:{value}", name.to_uppercase()));
        assert!(matches!(expr, Expr::Term(_)), "{name}");
        assert_eq!(read(&expr.to_string()), expr, "{expr}");
    }
    assert_eq!(
        read("uid:9,5:1,7:*"),
        Expr::Term(Term::Uid(UidSet(vec![(9, 9), (1, 5), (7, u32::MAX)])))
    );
    assert_eq!(read("flag:\\Seen"), Expr::Term(Term::Flag("\\Seen".to_owned())));
    assert_eq!(
        read("header:X-Url:\"http://x/\""),
        Expr::Term(Term::Header("X-Url".to_owned(), Pattern::text("http://x/")))
    );
    assert_eq!(
        read("gm:\"has:drive larger:5M\""),
        Expr::Term(Term::Gmail("has:drive larger:5M".to_owned()))
    );
    let size = |least, most| Expr::Term(Term::Size(SizeRange { least, most }));
    assert_eq!(read("size:1k..2k"), size(Some(1024), Some(2048)));
    assert_eq!(read("smaller:10"), size(None, Some(9)));
    assert_eq!(read("size:7"), size(Some(7), Some(7)));
}

#[test]
fn phrases_and_regular_expressions_escape() {
    assert_eq!(read(r#""a \"b\" \\ \n""#), word("a \"b\" \\ \\n"));
    assert_eq!(read("\"*\""), word("*"));
    let slash = Expr::Term(Term::Match(Field::Text, Pattern::regex("a/b c(d)").unwrap()));
    assert_eq!(read(r"/a\/b c(d)/"), slash);
    assert_eq!(read(&slash.to_string()), slash);
}

fn shown(query: &str) -> String {
    parse(query, &context()).expect_err(query).render(query)
}

#[test]
fn mistakes_are_shown_where_they_are() {
    assert_eq!(
        shown("from:ann sbject:x"),
        "from:ann sbject:x\n         ^^^^^^^\n\
         there is no term sbject: (put the word in quotation marks to find it); did you mean subject:?"
    );
    assert_eq!(shown("has:pfd"), "has:pfd\n    ^^^\nhas: does not know pfd; did you mean has:pdf?");
    assert_eq!(
        shown("is:unred x"),
        "is:unred x\n   ^^^^^\nis: does not know unred; did you mean is:unread?"
    );
    assert_eq!(
        shown("größe from:"),
        "größe from:\n           ^\nexpected a value behind the colon"
    );
    for (query, offset, length) in [
        ("(a b", 0, 1),
        ("a)", 1, 1),
        ("()", 1, 1),
        ("a OR", 4, 0),
        ("OR a", 0, 2),
        ("a AND", 5, 0),
        ("a AND OR b", 6, 2),
        ("AND a", 0, 3),
        ("NOT", 3, 0),
        ("- a", 0, 1),
        ("\"open", 0, 1),
        ("subject:/open", 8, 1),
        ("subject:/(/", 8, 3),
        ("\"a\"b", 3, 1),
        ("since:nonsense", 6, 8),
        ("since:2026-01..2026-02", 6, 16),
        ("date:2026-02-30", 5, 10),
        ("size:big", 5, 3),
        ("smaller:0", 8, 1),
        ("size:2k..1k", 5, 6),
        ("uid:0", 4, 1),
        ("uid:1,x", 4, 3),
        ("header:x", 7, 1),
        ("header:a b:c", 7, 1),
        ("is:", 3, 0),
        ("is:/x/", 3, 3),
        ("xyzzy:1", 0, 6),
    ] {
        let error = parse(query, &context()).expect_err(query);
        assert_eq!((error.offset, error.length), (offset, length), "{}", error.render(query));
    }
    assert_eq!(parse("xyzzy:1", &context()).unwrap_err().nearest, None);
}

#[test]
fn nesting_is_bounded() {
    for (open, close) in [("(", ")"), ("-", ""), ("NOT ", ""), ("-(", ")")] {
        let deep = format!("{}a{}", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(parse(&deep, &context()).unwrap_err().mistake, Mistake::TooDeep);
    }
    let fine = format!("{}a{}", "(".repeat(NESTING), ")".repeat(NESTING));
    assert_eq!(read(&fine), word("a"));
}

#[test]
fn edits_are_counted() {
    assert_eq!(edits("from", "form"), 1);
    assert_eq!(edits("kitten", "sitting"), 3);
    assert_eq!(edits("", "abc"), 3);
    assert_eq!(edits("same", "same"), 0);
}

fn any_pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        "\\PC{0,8}".prop_map(Pattern::text),
        "[a-z@.\"\\\\/:()* -]{0,8}".prop_map(Pattern::text),
        Just(Pattern::Present),
        prop_oneof![Just("a/b"), Just("x{2} \\\\\\/ (y|z)"), Just("^\"$"), Just("\\bword")]
            .prop_map(|source| Pattern::regex(source).unwrap()),
    ]
}

fn any_term() -> impl Strategy<Value = Term> {
    let dates = prop_oneof![
        Just("date:2026-01..2026-03"),
        Just("on:yesterday"),
        Just("since:2w"),
        Just("saved:2026-03..2026-04"),
        Just("before:\"2026-01-01T10:00\""),
        Just("older:1y"),
        Just("newer:12h"),
    ];
    prop_oneof![
        (prop::sample::select(Field::ALL.to_vec()), any_pattern())
            .prop_filter("a bare star is no term", |(field, pattern)| {
                *field != Field::Text || *pattern != Pattern::Present
            })
            .prop_map(|(field, pattern)| Term::Match(field, pattern)),
        ("[A-Za-z-]{1,8}", any_pattern()).prop_map(|(name, pattern)| Term::Header(name, pattern)),
        prop::sample::select(Has::all().iter().collect::<Vec<_>>()).prop_map(Term::Has),
        prop::sample::select(Is::ALL.to_vec()).prop_map(Term::Is),
        "\\PC{0,8}".prop_map(Term::Flag),
        "\\PC{0,8}".prop_map(Term::Thread),
        "\\PC{0,8}".prop_map(Term::Gmail),
        dates.prop_map(|text| match read(text) {
            Expr::Term(term) => term,
            other => panic!("{other}"),
        }),
        (0_u64..1 << 40, 0_u64..1 << 40).prop_map(|(one, other)| Term::Size(SizeRange {
            least: Some(one.min(other)),
            most: Some(one.max(other)),
        })),
        prop::collection::vec((1_u32.., 1_u32..), 1..4).prop_map(|pairs| {
            let ordered = pairs.into_iter().map(|(one, other)| (one.min(other), one.max(other)));
            Term::Uid(UidSet(ordered.collect()))
        }),
    ]
}

fn any_expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![9 => any_term().prop_map(Expr::Term), 1 => Just(Expr::All)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.prop_map(not),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back(expr in any_expr()) {
        let text = expr.to_string();
        prop_assert_eq!(read(&text), expr, "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![
        "\\PC{0,20}",
        "([a-z:/\"() *-]|OR |NOT |from:|date:|size:>|uid:|header:){0,12}",
    ]) {
        match parse(&text, &context()) {
            Ok(expr) => {
                let again = expr.to_string();
                prop_assert_eq!(read(&again), expr, "{} {}", text, again);
            }
            Err(error) => {
                prop_assert!(error.offset <= text.len());
                error.render(&text);
            }
        }
    }
}
