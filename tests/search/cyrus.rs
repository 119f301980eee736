//! Cyrus, whose words differ from Dovecot's: the same answers, few round trips, and FUZZY.

use std::collections::BTreeSet;

use super::extensions::{seed, threads};
use super::support::{self, Cyrus, Home, Invocation, mail};
use super::{by_file, by_uid, drawn, mailbox, round_trips};

/// A search in the INBOX of Cyrus's alice.
fn on_cyrus(home: &Home, cyrus: &Cyrus, query: &str, more: &[&str]) -> Invocation {
    let mut arguments = vec![
        "search".to_owned(),
        query.to_owned(),
        format!("imaps://alice@localhost:{}/INBOX", cyrus.imaps),
        format!("--ca-file={}", cyrus.ca().display()),
        "--tls-backend=native".to_owned(),
    ];
    if !more.iter().any(|word| word.starts_with("--timezone=")) {
        arguments.push("--timezone=UTC".to_owned());
    }
    arguments.extend(more.iter().map(|word| (*word).to_owned()));
    home.pillarbox(&arguments).password("secret")
}

#[test]
fn cyrus_gives_the_same_with_few_round_trips() {
    let Some(cyrus) = Cyrus::start("cyrus_gives_the_same_with_few_round_trips") else { return };
    let home = Home::new();
    let folder = home.path().join("seed");
    // Cyrus takes no message with a NUL in it (RFC 9051 section 4.3.1).
    let messages: Vec<Vec<u8>> = mailbox(21, if support::full() { 200 } else { 60 })
        .into_iter()
        .filter(|octets| !octets.contains(&0))
        .map(|octets| mail::to_crlf(&octets))
        .collect();
    seed(&folder, &messages);
    let files = mail::maildir_files(&folder);
    let place = folder.to_str().expect("UTF-8");
    let to = format!("imaps://alice@localhost:{}/INBOX", cyrus.imaps);
    let ca = format!("--to-ca-file={}", cyrus.ca().display());
    let native = "--to-tls-backend=native";
    home.pillarbox(&["fetch", place, "--to", &to, &ca, native]).password("secret").run().success();
    let count = on_cyrus(&home, &cyrus, "*", &["--count"]).run().success();
    assert_eq!(count.text().trim(), files.len().to_string());
    let mut differing = Vec::new();
    let queries = drawn(31, 20).into_iter().filter(|query| !query.of_server);
    for (number, query) in queries.take(300).enumerate() {
        let zone = format!("--timezone={}", query.zone);
        let local = ["search", &query.text, place, &zone];
        let here = by_file(home.pillarbox(&local), &files);
        let there = by_uid(on_cyrus(&home, &cyrus, &query.text, &["--exact", "--uids", &zone]));
        if here != there {
            differing.push(format!("{}: {here:?} here, {there:?} at Cyrus", query.text));
        }
        // Only text has the server's own meaning unless --exact is said.
        let tree = query.tree.to_string();
        let asks_text = ["\"body\"", "\"text\""].iter().any(|text| tree.contains(text));
        if !asks_text && (!support::full() || number % 3 == 0) {
            let by_default = by_uid(on_cyrus(&home, &cyrus, &query.text, &["--uids", &zone]));
            if by_default != here {
                differing.push(format!("{}: {by_default:?} without --exact", query.text));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    let trace = home.path().join("trace");
    let path = format!("--trace={}", trace.display());
    for (query, more, most) in [
        ("subject:ship", &["--count"][..], 2),
        ("is:unread", &["--json"], 2),
        ("older:1d is:read", &[], 1),
        ("is:unread", &["--sort", "-date"], 1),
        ("has:html", &[], 2),
        // It keeps no result (SEARCHRES), so that BODYSTRUCTURE comes behind the search; then the
        // text, and last what cannot be taken apart.
        ("body:budget", &["--exact"], 4),
    ] {
        let _ = std::fs::remove_file(&trace);
        let mut all = vec![path.as_str()];
        all.extend(more);
        let run = on_cyrus(&home, &cyrus, query, &all).run();
        assert!(matches!(run.code, Some(0 | 1)), "{query}: {run}");
        let trips = round_trips(&trace);
        assert!(trips <= most, "{query} {more:?}: {trips} round trips, not {most}");
    }
    // What --explain says of the ladder is what the server says of itself.
    let run =
        on_cyrus(&home, &cyrus, "older:1d saved:1y.. budget", &["--explain", "--json", "--fuzzy"])
            .run()
            .success();
    let _ = std::fs::remove_file(&trace);
    on_cyrus(&home, &cyrus, "is:unread", &["--count", &path]).run().success();
    let said = std::fs::read_to_string(&trace).expect("a trace");
    let explained = run.json_lines();
    let ladder = explained[0]["ladder"].as_array().expect("a ladder");
    assert!(ladder.len() > 3, "{run}");
    for rung in ladder {
        let name = rung["extension"].as_str().expect("a name");
        let has_word = said.split_whitespace().any(|word| word.trim_end_matches(']') == name);
        assert_eq!(rung["offered"].as_bool(), Some(has_word), "{name}: {run}");
    }
    // Several folders by one search.
    let all = format!("imaps://alice@localhost:{}", cyrus.imaps);
    let own_ca = format!("--ca-file={}", cyrus.ca().display());
    for name in ["Lists/one", "Lists/two"] {
        let to = format!("{all}/{name}");
        let create = ["folder", "create", &to, &own_ca, "--tls-backend=native"];
        home.pillarbox(&create).password("secret").run().success();
        let words = ["fetch", place, "--to", &to, &ca, native];
        home.pillarbox(&words).password("secret").run().success();
    }
    let (place, ca) = (all, own_ca);
    for query in ["is:unread", "subject:ship", "folder:Lists/* has:html"] {
        let _ = std::fs::remove_file(&trace);
        let words = ["search", query, &place, &ca, "--tls-backend=native", &path];
        let all = home.pillarbox(&words).password("secret").run().success();
        let one = on_cyrus(&home, &cyrus, &query.replace("folder:Lists/* ", ""), &[]).run();
        let folders = if query.starts_with("folder:") { 2 } else { 3 };
        assert_eq!(all.lines().len(), folders * one.success().lines().len(), "{query}");
        assert!(round_trips(&trace) <= 4, "{query}: {} round trips", round_trips(&trace));
    }
    // Threads, as Cyrus and as we put them together.
    let more = ["--thread", "--json"];
    let told = threads(on_cyrus(&home, &cyrus, "budget", &more));
    assert!(told.iter().any(|(.., matched)| *matched));
    // By sense (RFC 6203) it finds what its index has, and this one has none.
    let _ = std::fs::remove_file(&trace);
    let fuzzy =
        on_cyrus(&home, &cyrus, "subject:budget OR body:budget", &["--uids", "--fuzzy", &path]);
    let fuzzy = fuzzy.run();
    let said = std::fs::read_to_string(&trace).expect("a trace");
    assert!(said.contains("FUZZY BODY budget"), "{fuzzy}");
    assert!(matches!(fuzzy.code, Some(0 | 1)) && fuzzy.errors().is_empty(), "{fuzzy}");
}

/// RFC 6203: what FUZZY means is the server's. Cyrus's index knows the stems of English words, so
/// that a word finds its other forms, which a substring does not.
#[test]
fn a_word_finds_its_other_forms_by_fuzzy() {
    let test = "a_word_finds_its_other_forms_by_fuzzy";
    let Some(cyrus) = Cyrus::with_index(test) else { return };
    let home = Home::new();
    let text = |subject: &str, body: &str| {
        format!(
            "From: ann@x.example\r\nTo: bob@x.example\r\nSubject: {subject}\r\n\
             Date: Mon, 2 Mar 2026 10:00:00 +0000\r\nMessage-ID: <{subject}@x.example>\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
        )
        .into_bytes()
    };
    let folder = home.path().join("seed");
    let messages = [
        text("one", "We were running along the harbour."),
        text("two", "She runs every morning."),
        text("three", "A walk is no sport."),
    ];
    seed(&folder, &messages);
    let to = format!("imaps://alice@localhost:{}/INBOX", cyrus.imaps);
    let ca = format!("--to-ca-file={}", cyrus.ca().display());
    let place = folder.to_str().expect("UTF-8");
    let native = "--to-tls-backend=native";
    home.pillarbox(&["fetch", place, "--to", &to, &ca, native]).password("secret").run().success();
    cyrus.index();
    let trace = home.path().join("trace");
    let path = format!("--trace={}", trace.display());
    let found = |query: &str, more: &[&str]| by_uid(on_cyrus(&home, &cyrus, query, more));
    assert_eq!(found("body:running", &["--uids"]), BTreeSet::from([0]));
    assert_eq!(found("body:running", &["--uids", "--fuzzy", &path]), BTreeSet::from([0, 1]));
    let said = std::fs::read_to_string(&trace).expect("a trace");
    assert!(said.contains("FUZZY BODY running"), "{said}");
    assert_eq!(found("running subject:two", &["--uids", "--fuzzy"]), BTreeSet::from([1]));
    assert_eq!(found("-body:running", &["--uids", "--fuzzy"]), BTreeSet::from([2]));
}
