//! What servers of other makers are known to do, each as a transcript: `fetch`, `folder` and
//! `message` have to bring the mail all the same, or say what is wrong. And extensions that no
//! packaged server has, by the examples of their RFCs.
//!
//! These are scripts and not the servers: they say what those were seen to say.

mod support;

use support::{Home, IMAP_MESSAGE, Imap, Invocation, Run, Twist, args};

/// What a command does with this server's account.
fn at(home: &Home, words: &[&str]) -> Invocation {
    home.pillarbox(words).args(["--tls", "none", "--allow-cleartext-password"]).password("secret")
}

/// Fetches the INBOX.
fn fetch(server: &Imap, options: &[&str]) -> Run {
    let home = Home::new();
    let url = server.url("INBOX");
    let words: Vec<&str> = ["fetch", &url].iter().chain(options).copied().collect();
    at(&home, &words).run()
}

fn position(heard: &[String], command: &str) -> usize {
    let found = heard.iter().position(|line| line.starts_with(command));
    found.unwrap_or_else(|| panic!("no {command} in {heard:#?}"))
}

#[test]
fn gmail_says_that_enough_has_been_fetched_for_a_day() {
    let limit = "NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)";
    let server = Imap::with(
        "X-GM-EXT-1 UIDPLUS MOVE",
        vec![("UID FETCH 1 (UID FLAGS INTERNALDATE", Twist::Answer(String::new(), limit))],
    );
    let run = fetch(&server, &["--to", "maildir:box", "--then", "delete"]);
    run.expect(75).says(&["bandwidth limits"]);
    assert!(!server.heard().iter().any(|line| line.contains("STORE")), "nothing was deleted");
}

#[test]
fn gmail_has_one_message_under_two_labels() {
    let labels = "* LIST (\\HasNoChildren) \"/\" \"INBOX\"\r\n\
        * LIST (\\HasChildren \\Noselect) \"/\" \"[Gmail]\"\r\n\
        * LIST (\\All \\HasNoChildren) \"/\" \"[Gmail]/All Mail\"\r\n";
    let server = Imap::with("X-GM-EXT-1 SPECIAL-USE", vec![("LIST", Twist::done(labels))]);
    let home = Home::new();
    let url = server.url("");
    let all = ["fetch", &url, "--recursive", "--to", "maildir:box", "--dedupe"];
    at(&home, &all).run().success();
    let box_of = home.path().join("box");
    assert_eq!(support::mail::all_maildir_files(&box_of).len(), 1, "one copy");
    let listed = at(&home, &["fetch", &url, "--recursive", "--json"]).run().success();
    let references: Vec<String> =
        listed.json_lines().iter().map(|line| line["reference"].to_string()).collect();
    assert_eq!(references.len(), 2, "{listed}");
    assert!(references[1].contains("[Gmail]/All%20Mail") || references[1].contains("%5BGmail%5D"));
}

#[test]
fn gmail_answers_its_own_language() {
    let server = Imap::with("X-GM-EXT-1", Vec::new());
    fetch(&server, &["--query", "gm:\"has:attachment in:unread\""]).success();
    let heard = server.heard();
    let search = &heard[position(&heard, "UID SEARCH")];
    assert!(search.contains("X-GM-RAW"), "{search}");
    let other = Imap::serve(Vec::new());
    fetch(&other, &["--query", "gm:x"]).expect(64).says(&["this server is not Gmail"]);
}

#[test]
fn exchange_wants_to_be_left_alone_for_a_moment() {
    let backoff = "OK SELECT completed. Suggested Backoff Time: 299 milliseconds";
    let selected = "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n";
    let server = Imap::serve(vec![("SELECT", Twist::Answer(selected.into(), backoff))]);
    let run = fetch(&server, &[]).success();
    assert!(run.stdout == IMAP_MESSAGE.as_bytes(), "{run}");
    assert!(run.elapsed >= std::time::Duration::from_millis(299), "{:?}", run.elapsed);
}

#[test]
fn exchange_tells_wrong_sizes() {
    let wrong = IMAP_MESSAGE.len();
    let body =
        Imap::body(IMAP_MESSAGE).replace(&format!("RFC822.SIZE {wrong}"), "RFC822.SIZE 4711");
    let server = Imap::serve(vec![("UID FETCH 1 (UID FLAGS INTERNALDATE", Twist::done(body))]);
    let run = fetch(&server, &[]).success();
    assert!(run.stdout == IMAP_MESSAGE.as_bytes(), "{run}");
}

#[test]
fn exchange_finds_nothing_without_saying_so() {
    let server =
        Imap::with("ESEARCH", vec![("UID SEARCH", Twist::done("* ESEARCH (TAG \"a1\") UID\r\n"))]);
    let run = fetch(&server, &["--unseen"]).success();
    assert!(run.stdout.is_empty(), "{run}");
}

#[test]
fn exchange_tells_where_copies_went_without_a_condition() {
    let server = Imap::with(
        "UIDPLUS MOVE",
        vec![("UID MOVE", Twist::done("* [COPYUID 8 1 42]\r\n* 1 EXPUNGE\r\n"))],
    );
    let home = Home::new();
    let (from, to) = (server.url("INBOX;UIDVALIDITY=7/;UID=1"), server.url("Old"));
    let run = at(&home, &["message", "move", &from, "--to", &to, "--json"]).run().success();
    let moved = run.json_lines();
    assert!(moved[0]["new"].as_str().is_some_and(|new| new.ends_with("UID=42")), "{run}");
}

/// Exchange takes lines of less than 10,000 octets, Yahoo of less than 1,000.
#[test]
fn lines_stay_short_for_exchange_and_yahoo() {
    let every_other: String =
        (0..4000).map(|n| format!("* {} FETCH (UID {} FLAGS ())\r\n", n + 1, 2 * n + 1)).collect();
    let server = Imap::serve(vec![
        ("SELECT", Twist::done("* 4000 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n")),
        ("UID FETCH 1:* (UID FLAGS)", Twist::done(every_other)),
        ("UID FETCH", Twist::done("")),
    ]);
    fetch(&server, &["--to", "maildir:box"]).expect(66);
    let heard = server.heard();
    let longest = heard.iter().map(String::len).max().unwrap_or_default();
    assert!(longest < 990, "{longest}");
    let fetches = heard.iter().filter(|line| line.starts_with("UID FETCH")).count();
    assert!(fetches > 15, "{fetches}");
}

#[test]
fn icloud_gives_nothing_for_rfc822_and_is_not_asked_for_it() {
    let server = Imap::serve(Vec::new());
    fetch(&server, &[]).success();
    let heard = server.heard();
    let asked = &heard[position(&heard, "UID FETCH 1 ")];
    assert!(asked.contains("BODY.PEEK[]") && !asked.contains("RFC822)"), "{asked}");
}

#[test]
fn icloud_answers_an_extended_search_with_a_plain_one() {
    let server = Imap::with("ESEARCH", vec![("UID SEARCH RETURN", Twist::done("* SEARCH 1\r\n"))]);
    let run = fetch(&server, &["--unseen"]).success();
    assert!(run.stdout == IMAP_MESSAGE.as_bytes(), "{run}");
}

#[test]
fn icloud_finds_all_larger_than_anything_and_nothing_smaller_is_believed() {
    // It finds the message whatever size is asked for.
    let server = Imap::serve(Vec::new());
    let small = fetch(&server, &["--query", "larger:1M"]).success();
    assert!(small.stdout.is_empty(), "{small}");
    let fits = fetch(&server, &["--max-size", "1K"]).success();
    assert!(fits.stdout == IMAP_MESSAGE.as_bytes(), "{fits}");
    let large = fetch(&server, &["--max-size", "10"]).success();
    assert!(large.stdout.is_empty(), "{large}");
}

#[test]
fn yahoo_waits_for_the_line_end_behind_a_message() {
    let server = Imap::serve(Vec::new());
    let home = Home::new();
    let url = server.url("INBOX");
    at(&home, &["message", "append", &url]).stdin("Subject: x\n\nno end").run().success();
    let heard = server.heard();
    let append = &heard[position(&heard, "APPEND")];
    assert!(append.ends_with("SUBJECT: X\r\n\r\nNO END"), "{append:?}");
}

#[test]
fn proton_bridge_knows_no_special_use_in_a_list() {
    let bad = "BAD [Error offset=14]: expected SP, got (";
    let plain = "* LIST (\\Unmarked) \"/\" INBOX\r\n* LIST (\\Sent) \"/\" \"Sent\"\r\n";
    let server = Imap::with(
        "LIST-EXTENDED SPECIAL-USE",
        vec![
            ("LIST \"\" \"*\" RETURN", Twist::Answer(String::new(), bad)),
            ("LIST \"\" * RETURN", Twist::Answer(String::new(), bad)),
            ("LIST", Twist::done(plain)),
        ],
    );
    let home = Home::new();
    let run = at(&home, &["folder", "list", &server.url("")]).run().success();
    assert_eq!(run.lines(), ["INBOX", "Sent"]);
}

/// Proton Bridge counts UIDs anew after a reset, and says so by UIDVALIDITY.
#[test]
fn proton_bridge_counts_anew() {
    let home = Home::new();
    let record = |server: &Imap| {
        // The same address each time, as the record has it.
        let connect = format!("bridge.test:1143:127.0.0.1:{}", server.port);
        let url = "imap://alice@bridge.test:1143/INBOX";
        at(&home, &["fetch", url, "--new", "--to", "maildir:box", "--connect-to", &connect]).run()
    };
    let before = Imap::serve(Vec::new());
    record(&before).success();
    record(&before).success();
    let count = || support::mail::all_maildir_files(&home.path().join("box")).len();
    assert_eq!(count(), 1);
    let selected = "* 1 EXISTS\r\n* OK [UIDVALIDITY 8] v\r\n";
    let after = Imap::serve(vec![("SELECT", Twist::done(selected))]);
    record(&after).success();
    assert_eq!(count(), 2, "another generation is another message");
    let old = after.url("INBOX;UIDVALIDITY=7/;UID=1");
    at(&home, &["fetch", &old]).run().expect(65).says(&["uidvalidity is 8, not 7"]);
}

#[test]
fn courier_tells_of_message_zero() {
    let odd = format!("* 0 FETCH (FLAGS (\\Recent))\r\n{}", Imap::body(IMAP_MESSAGE));
    let server = Imap::serve(vec![("UID FETCH 1 (UID FLAGS INTERNALDATE", Twist::done(odd))]);
    let run = fetch(&server, &[]).success();
    assert!(run.stdout == IMAP_MESSAGE.as_bytes(), "{run}");
}

#[test]
fn cyrus_tells_where_thousands_of_copies_went_in_one_line() {
    let count = 20_000;
    let listed: String =
        (1..=count).map(|n| format!("* {n} FETCH (UID {n} FLAGS ())\r\n")).collect();
    let odd: Vec<String> = (1..=count).map(|n| n.to_string()).collect();
    let places: Vec<String> = (1..=count).map(|n| (3 * n).to_string()).collect();
    let told = format!("* OK [COPYUID 8 {} {}] done\r\n", odd.join(","), places.join(","));
    let server = Imap::with(
        "UIDPLUS MOVE",
        vec![
            ("SELECT", Twist::done("* 20000 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n")),
            ("UID FETCH 1:* (UID FLAGS)", Twist::done(listed)),
            ("UID MOVE", Twist::done(told)),
        ],
    );
    let home = Home::new();
    let (from, to) = (server.url("INBOX;UIDVALIDITY=7"), server.url("Old"));
    let references: String = (1..=count).map(|n| format!("{from}/;UID={n}\n")).collect();
    let run = at(&home, &["message", "move", "-", "--to", &to, "--json"])
        .stdin(references)
        .run()
        .success();
    let moved = run.json_lines();
    assert_eq!(moved.len(), count);
    let last = moved[count - 1]["new"].as_str().unwrap_or_default();
    assert!(last.ends_with("UID=60000"), "{last}");
}

#[test]
fn netease_wants_to_know_who_comes_before_a_mailbox_is_opened() {
    let server = Imap::with("ID", Vec::new());
    fetch(&server, &[]).success();
    let heard = server.heard();
    assert!(position(&heard, "LOGIN") < position(&heard, "ID "), "{heard:#?}");
    assert!(position(&heard, "ID ") < position(&heard, "SELECT"), "{heard:#?}");
}

#[test]
fn zoho_counts_changes_below_zero() {
    let selected = "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [HIGHESTMODSEQ -1] h\r\n";
    let listed = "* 1 FETCH (UID 1 MODSEQ (-1) FLAGS ())\r\n";
    let server = Imap::with(
        "CONDSTORE",
        vec![("SELECT", Twist::done(selected)), ("UID FETCH 1:* (UID FLAGS)", Twist::done(listed))],
    );
    let run = fetch(&server, &[]).success();
    assert!(run.stdout == IMAP_MESSAGE.as_bytes(), "{run}");
}

#[test]
fn mail_ru_writes_sizes_as_a_calculator() {
    let body = Imap::body(IMAP_MESSAGE)
        .replace(&format!("RFC822.SIZE {}", IMAP_MESSAGE.len()), "RFC822.SIZE 9.3e+06");
    let facts = "* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 9.3e+06 INTERNALDATE \
        \"03-Mar-2026 10:00:00 +0000\")\r\n";
    let server = Imap::serve(vec![
        ("UID FETCH 1 (UID FLAGS INTERNALDATE", Twist::done(body)),
        ("UID FETCH 1 (UID FLAGS RFC822.SIZE", Twist::done(facts)),
    ]);
    let run = fetch(&server, &[]).success();
    assert!(run.stdout == IMAP_MESSAGE.as_bytes(), "{run}");
    let large = fetch(&server, &["--query", "larger:9M"]).success();
    assert!(large.stdout.is_empty(), "{large}");
    let run = fetch(&server, &["--query", "larger:8M"]).success();
    assert!(run.stdout == IMAP_MESSAGE.as_bytes(), "{run}");
}

#[test]
fn a_uidvalidity_of_zero() {
    let selected = "* 1 EXISTS\r\n* OK [UIDVALIDITY 0] v\r\n";
    let server = Imap::serve(vec![("SELECT", Twist::done(selected))]);
    let run = fetch(&server, &["--json"]).success();
    let reference = run.json_lines()[0]["reference"].as_str().unwrap_or_default().to_owned();
    assert!(reference.contains(";UIDVALIDITY=0/"), "{reference}");
    let home = Home::new();
    let again = at(&home, &["fetch", &reference]).run().success();
    assert!(again.stdout == IMAP_MESSAGE.as_bytes(), "{again}");
}

#[test]
fn quotes_in_an_envelope_that_nobody_escaped() {
    let odd = "* 1 FETCH (UID 1 ENVELOPE (\"Tue, 3 Mar 2026 10:00:00 +0000\" \
        \"the \"best\" of all\" ((\"Ann \"A.\" Lee\" NIL \"ann\" \"x.org\")) NIL NIL \
        ((NIL NIL \"bob\" \"x.org\")) NIL NIL NIL \"<1@x.org>\"))\r\n";
    let server = Imap::serve(vec![("UID FETCH 1 (UID ENVELOPE", Twist::done(odd))]);
    let run = fetch(&server, &["--envelope", "--json"]).success();
    let told = &run.json_lines()[0];
    assert_eq!(told["subject"], "the \"best\" of all", "{run}");
    assert_eq!(told["from"][0]["address"], "ann@x.org", "{run}");
    assert_eq!(told["to"][0]["address"], "bob@x.org", "{run}");
}

#[test]
fn multiparts_without_parts() {
    for odd in [
        "(NIL \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)",
        "(\"mixed\" (\"boundary\" \"b\") NIL NIL NIL)",
        "(() \"mixed\")",
        "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 2 1)(NIL \"related\") \"mixed\")",
    ] {
        let line = format!("* 1 FETCH (UID 1 BODYSTRUCTURE {odd})\r\n");
        let server = Imap::serve(vec![("UID FETCH 1 (UID BODYSTRUCTURE", Twist::done(line))]);
        let run = fetch(&server, &["--structure", "--json"]).success();
        let kind = run.json_lines()[0]["parts"][0]["content_type"].clone();
        assert_eq!(kind, "multipart/mixed", "{odd}\n{run}");
    }
}

// ---- extensions that no packaged server has, by the examples of their RFCs -------------------

/// RFC 9394 section 3.1: the first of what a search finds.
#[test]
fn partial_by_the_example_of_its_rfc() {
    let server = Imap::with(
        "ESEARCH PARTIAL",
        vec![("UID SEARCH RETURN (PARTIAL", Twist::done("* ESEARCH UID PARTIAL (1:3 1)\r\n"))],
    );
    let home = Home::new();
    let url = server.url("INBOX");
    let run = at(&home, &["search", "is:unread", &url, "--limit", "3"]).run();
    assert!(run.success().lines().len() <= 3);
    let heard = server.heard();
    assert!(heard.iter().any(|line| line.contains("PARTIAL 1:3")), "{heard:#?}");
}

/// RFC 9586 section 3.3: after ENABLE UIDONLY the server speaks of UIDs alone. We do not enable
/// it, and understand a server that says so all the same.
#[test]
fn uidonly_by_the_example_of_its_rfc() {
    let fetched = "* 25996 UIDFETCH (FLAGS (\\Seen))\r\n* 25997 UIDFETCH (FLAGS (\\Flagged))\r\n";
    let odd = format!("{fetched}{}", Imap::body(IMAP_MESSAGE));
    let server = Imap::with(
        "ENABLE UIDONLY",
        vec![("UID FETCH 1 (UID FLAGS INTERNALDATE", Twist::done(odd))],
    );
    let run = fetch(&server, &[]).success();
    assert!(run.stdout == IMAP_MESSAGE.as_bytes(), "{run}");
}

/// RFC 6855 section 3 and RFC 6532: names in UTF-8 once that is enabled.
#[test]
fn utf8_accept_by_the_example_of_its_rfc() {
    let server = Imap::with(
        "ENABLE UTF8=ACCEPT NAMESPACE",
        vec![
            ("ENABLE", Twist::done("* ENABLED UTF8=ACCEPT\r\n")),
            ("LIST", Twist::done("* LIST () \"/\" \"台北/日本語\"\r\n")),
        ],
    );
    let home = Home::new();
    let run = at(&home, &["folder", "list", &server.url("")]).run().success();
    assert_eq!(run.lines(), ["台北/日本語"]);
    let url = server.url("%E5%8F%B0%E5%8C%97/%E6%97%A5%E6%9C%AC%E8%AA%9E");
    at(&home, &["fetch", &url]).run().success();
    let heard = server.heard();
    assert!(heard.iter().any(|line| line.starts_with("SELECT \"台北/日本語\"")), "{heard:#?}");
    // Text in a search needs no charset any more.
    at(&home, &["fetch", &url, "--query", "subject:größe"]).run().success();
    let heard = server.heard();
    let search = &heard[position(&heard, "UID SEARCH")];
    assert!(!search.contains("CHARSET"), "{search}");
}

/// X-GM-EXT-1, by Google's own examples: labels, message and thread ids pass through --raw.
#[test]
fn gmail_s_own_items_by_its_examples() {
    let told = "* 1 FETCH (X-GM-THRID 1278455344230334865 X-GM-MSGID 1278455344230334866 \
        X-GM-LABELS (\\Inbox \\Sent Important \"Muy Importante\") UID 1)\r\n";
    let server = Imap::with("X-GM-EXT-1", vec![("UID FETCH 1 (X-GM-THRID", Twist::done(told))]);
    let run = fetch(&server, &["--raw", "UID FETCH 1 (X-GM-THRID X-GM-MSGID X-GM-LABELS)"]);
    let run = run.success();
    let lines = run.lines();
    assert_eq!(lines[0].trim_end(), told.trim_end());
}

// ---- the real ones, whole ---------------------------------------------------------------------

/// A message with a part in base64.
fn of_parts(subject: &str) -> Vec<u8> {
    format!(
        "From: Ann <ann@example.test>\nSubject: {subject}\nMessage-ID: <{subject}@x.test>\n\
         Date: Tue, 3 Mar 2026 10:00:00 +0000\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n\
         the text of {subject}\n--b\nContent-Type: application/pdf; name=a.pdf\n\
         Content-Transfer-Encoding: base64\n\nJVBERi0=\n--b--\n"
    )
    .into_bytes()
}

/// Everything that `fetch`, `folder` and `message` do, at one account; the configuration calls it
/// `other`, and `options` let us in.
fn tour(home: &Home, options: &[&str]) {
    let run = |words: &[&str]| {
        // Flags stand behind the options.
        let (verb, rest) = words.split_at(if words[0] == "fetch" { 1 } else { 2 });
        home.pillarbox(verb).args(options).args(rest).password("secret").run()
    };
    let subjects = |source: &str, options: &[&str]| -> Vec<String> {
        let words: Vec<&str> = ["fetch", source, "--headers=subject", "--json"]
            .iter()
            .chain(options)
            .copied()
            .collect();
        let run = run(&words).success();
        let mut all: Vec<String> = run
            .json_lines()
            .iter()
            .map(|line| line["headers"][0][1].as_str().unwrap_or_default().to_owned())
            .collect();
        all.sort();
        all
    };
    // Three messages with flags, from a Maildir.
    let local = home.path().join("local");
    for part in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(local.join(part)).expect("a Maildir");
    }
    for (number, (subject, flags)) in [("one", "S"), ("two", "F"), ("three", "")].iter().enumerate()
    {
        let name = format!("177253200{number}.x:2,{flags}");
        std::fs::write(local.join("cur").join(name), of_parts(subject)).expect("a message");
    }
    run(&["folder", "create", "other:Tour/Süd", "other:Tour/b"]).success();
    let run_json = |words: &[&str]| run(words).success().json_lines();
    let appended = run_json(&["message", "append", "other:Tour/Süd", "maildir:local", "--json"]);
    assert_eq!(appended.len(), 3);
    assert!(appended[0]["reference"].as_str().is_some_and(|path| path.contains("local")));

    run(&["fetch", "other:Tour/Süd", "--to", "maildir:got"]).success();
    let files = |name: &str| -> Vec<(Vec<u8>, String)> {
        let mut all: Vec<(Vec<u8>, String)> =
            support::mail::all_maildir_files(&home.path().join(name))
                .iter()
                .map(|path| {
                    (std::fs::read(path).expect("a file"), support::mail::maildir_flags(path))
                })
                .collect();
        all.sort();
        all
    };
    assert_eq!(files("got"), files("local"), "octets and flags");

    assert_eq!(subjects("other:Tour/Süd", &["--unseen"]), ["three", "two"]);
    assert_eq!(subjects("other:Tour/Süd", &["--query", "is:flagged"]), ["two"]);
    assert_eq!(subjects("other:Tour/Süd", &["--query", "has:pdf body:\"text of one\""]), ["one"]);
    assert_eq!(subjects("other:Tour/Süd", &["--max-size", "10"]), [] as [&str; 0]);
    assert_eq!(subjects("other:Tour/Süd", &["--uid", "2:*"]).len(), 2);
    assert_eq!(subjects("other:Tour/Süd", &["--since", "2026-03-01"]).len(), 3);
    assert_eq!(subjects("other:Tour/Süd", &["--last", "1"]).len(), 1);
    assert_eq!(subjects("other:Tour/*", &[]).len(), 3);
    assert_eq!(subjects("other:Tour", &["--recursive"]).len(), 3);

    let of = |subject: &str, folder: &str| -> String {
        let query = format!("subject:{subject}");
        let run = run(&["fetch", folder, "--query", &query, "--json"]).success();
        let lines = run.json_lines();
        assert_eq!(lines.len(), 1, "{subject} in {folder}\n{run}");
        lines[0]["reference"].as_str().expect("a reference").to_owned()
    };
    let one = of("one", "other:Tour/Süd");
    assert_eq!(run(&["fetch", &one, "--part", "2"]).success().stdout, b"%PDF-");
    assert_eq!(run(&["fetch", &one, "--text"]).success().stdout, b"the text of one\n");
    assert_eq!(
        run_json(&["fetch", &one, "--structure", "--json"])[0]["parts"][2]["file_name"],
        "a.pdf"
    );
    assert_eq!(run_json(&["fetch", &one, "--envelope", "--json"])[0]["subject"], "one");
    let whole = run(&["fetch", &one]).success().stdout;
    assert_eq!(run(&["fetch", &one, "--range", "5-9"]).success().stdout, &whole[5..10]);
    let raw = run(&["fetch", "other:Tour/Süd", "--raw", "UID FETCH 1:* (FLAGS)"]).success();
    assert_eq!(raw.lines().iter().filter(|line| line.contains(" FETCH (")).count(), 3, "{raw}");

    // Copy, move, mark and delete, and only what is named: another's \Deleted stays.
    run(&["message", "copy", &one, "--to", "other:Tour/b"]).success();
    let two = of("two", "other:Tour/Süd");
    run(&["message", "mark", &two, "+deleted"]).success();
    let three = of("three", "other:Tour/Süd");
    run(&["message", "move", &three, "--to", "other:Tour/b"]).success();
    assert_eq!(subjects("other:Tour/Süd", &[]), ["one", "two"]);
    run(&["message", "delete", &one]).success();
    assert_eq!(subjects("other:Tour/Süd", &[]), ["two"], "marked by another, and still there");
    assert_eq!(subjects("other:Tour/b", &[]), ["one", "three"]);
    let flags = |folder: &str| run_json(&["fetch", folder, "--headers=subject", "--json"]);
    let copied = flags("other:Tour/b");
    let seen = copied.iter().filter(|line| line["flags"].to_string().contains("Seen")).count();
    assert_eq!(seen, 1, "flags travel along: {copied:?}");

    let listed = run_json(&["folder", "list", "other:Tour", "--json"]);
    let b = listed.iter().find(|folder| folder["name"] == "Tour/b").expect("listed");
    assert_eq!(b["messages"], 2, "{listed:?}");
    run(&["folder", "subscribe", "other:Tour/b"]).success();
    let subscribed = |name: &str| -> bool {
        let listed = run_json(&["folder", "list", "other:Tour", "--json"]);
        listed.iter().any(|folder| folder["name"] == name && folder["subscribed"] == true)
    };
    assert!(subscribed("Tour/b"));
    run(&["folder", "unsubscribe", "other:Tour/b"]).success();
    assert!(!subscribed("Tour/b"));
    let status = run_json(&["folder", "status", "other:Tour/b", "--json"]);
    assert_eq!((&status[0]["messages"], &status[0]["unseen"]), (&2.into(), &1.into()));
    run(&["folder", "delete", "other:Tour/b"]).expect(65).says(&["not empty", "--force"]);
    run(&["folder", "rename", "other:Tour/b", "other:Tour/c"]).success();
    assert_eq!(subjects("other:Tour/c", &[]).len(), 2);

    // What is brought may go, and what was brought does not come again.
    let new = ["fetch", "other:Tour/c", "--to", "maildir:moved", "--then", "delete"];
    run(&new).success();
    assert_eq!(files("moved").len(), 2);
    run(&["folder", "delete", "other:Tour/c"]).success();
    run(&["folder", "delete", "other:Tour/Süd", "--force"]).success();
}

#[test]
fn the_whole_tour_at_dovecot() {
    let Some(dovecot) = support::Dovecot::start("the_whole_tour_at_dovecot") else { return };
    let home = Home::new();
    let url = dovecot.url("imaps", "alice");
    home.configure(&format!("[account.other]\nemail = \"alice@x.test\"\nimap = \"{url}\"\n"));
    tour(&home, &["--ca-file", &dovecot.ca().display().to_string()]);
}

#[test]
fn the_whole_tour_at_cyrus() {
    let Some(cyrus) = support::Cyrus::start("the_whole_tour_at_cyrus") else { return };
    let home = Home::new();
    let url = format!("imaps://alice@localhost:{}/", cyrus.imaps);
    home.configure(&format!("[account.other]\nemail = \"alice@x.test\"\nimap = \"{url}\"\n"));
    tour(&home, &["--auth", "PLAIN", "--ca-file", &cyrus.ca().display().to_string()]);
}

/// Courier has no MOVE, no LITERAL+, no extended LIST, no ESEARCH, and all below `INBOX.`.
#[test]
fn the_whole_tour_at_courier() {
    let Some(courier) = support::Courier::start("the_whole_tour_at_courier") else { return };
    let home = Home::new();
    let url = format!("imap://alice@localhost:{}/", courier.imap);
    home.configure(&format!("[account.other]\nemail = \"alice@x.test\"\nimap = \"{url}\"\n"));
    tour(&home, &["--tls", "none", "--allow-cleartext-password"]);
    // By POP3.
    let octets = of_parts("four");
    let message = support::Stored { octets: &octets, flags: "", received: 1_772_532_000 };
    courier.put("INBOX", &[message]);
    let pop = format!("pop3://alice@localhost:{}", courier.pop3);
    let words = ["fetch", &pop, "--to", "maildir:popped", "--then", "delete"];
    at(&home, &words).run().success();
    let files = support::mail::all_maildir_files(&home.path().join("popped"));
    assert_eq!(files.len(), 1);
    assert_eq!(std::fs::read(&files[0]).expect("a file"), octets);
    assert!(support::mail::maildir_files(&courier.maildir("INBOX")).is_empty(), "deleted");
}

// ---- servers that mean no good -----------------------------------------------------------------

/// Peak memory of a run in KiB, by the shell's own measure.
fn peak(home: &Home, server: &Imap, options: &[&str]) -> (Run, u64) {
    let url = server.url("INBOX");
    let script = "import resource, subprocess, sys\n\
        r = subprocess.run(sys.argv[1:])\n\
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)\n\
        sys.exit(r.returncode)\n";
    let run = home
        .command("python3", args!["-c", script, support::binary::BINARY, "fetch", url])
        .args(options)
        .args(["--tls", "none", "--allow-cleartext-password"])
        .password("secret")
        .run();
    let peak = String::from_utf8_lossy(&run.stderr)
        .lines()
        .last()
        .and_then(|line| line.trim().parse().ok())
        .unwrap_or(u64::MAX);
    (run, peak)
}

/// What a server does, the options of the command, the twists, and the exit codes that it may have.
type Hostile = (&'static str, Vec<&'static str>, Vec<(&'static str, Twist)>, &'static [i32]);

#[test]
fn nothing_of_a_hostile_server_fills_memory() {
    if !support::needs("nothing_of_a_hostile_server_fills_memory", &["python3"]) {
        return;
    }
    let nested = |depth: usize| {
        let inner = "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 1)";
        format!(
            "* 1 FETCH (UID 1 BODYSTRUCTURE {}{inner}{})\r\n",
            "(".repeat(depth),
            " \"mixed\")".repeat(depth)
        )
    };
    let many = if support::full() { 40_000 } else { 3_000 };
    let rows: Vec<Hostile> = vec![
        ("a line without end", vec![], vec![("UID FETCH", Twist::Flood(100))], &[76]),
        (
            "flags without end",
            vec![],
            vec![("UID FETCH", Twist::Repeat("* 1 FETCH (FLAGS ())\r\n".repeat(100), many))],
            &[75, 76],
        ),
        (
            "search results without end",
            vec!["--unseen"],
            vec![(
                "UID SEARCH",
                Twist::Repeat(format!("* SEARCH {}\r\n", "1 ".repeat(1000).trim()), many / 10),
            )],
            &[75, 76],
        ),
        (
            "parts nested without end",
            vec!["--structure"],
            vec![("UID FETCH 1 (UID BODYSTRUCTURE", Twist::done(nested(100_000)))],
            // Anybody can send such mail: its depths are passed over.
            &[0],
        ),
        (
            "a literal shorter than announced",
            vec!["--to", "maildir:box"],
            vec![(
                "UID FETCH 1 (UID FLAGS INTERNALDATE",
                Twist::done("* 1 FETCH (UID 1 BODY[] {10}\r\nabc)\r\n"),
            )],
            &[76],
        ),
        (
            "a literal longer than announced",
            vec!["--to", "maildir:box"],
            vec![(
                "UID FETCH 1 (UID FLAGS INTERNALDATE",
                Twist::done("* 1 FETCH (UID 1 BODY[] {3}\r\nabcdefgh)\r\n"),
            )],
            &[76],
        ),
        (
            "a literal of more octets than there are",
            vec!["--to", "maildir:box"],
            vec![(
                "UID FETCH 1 (UID FLAGS INTERNALDATE",
                Twist::Break("* 1 FETCH (UID 1 BODY[] {18446744073709551615}\r\nabc"),
            )],
            &[75, 76],
        ),
        (
            "answers before questions",
            vec!["--to", "maildir:box"],
            vec![(
                "SELECT",
                Twist::done(format!(
                    "a4 OK early\r\na5 OK early\r\n{}* 1 EXISTS\r\n",
                    Imap::body("Subject: x\r\n\r\nx")
                )),
            )],
            &[0, 66, 76],
        ),
    ];
    for (name, options, twists, codes) in rows {
        let home = Home::new();
        let server = Imap::serve(twists);
        let (run, peak) = peak(&home, &server, &options);
        let code = run.code.unwrap_or(-1);
        assert!(codes.contains(&code), "{name}: exit code {code}\n{run}");
        assert!(peak < 128 * 1024, "{name}: {peak} KiB\n{run}");
        if code != 0 {
            let files = support::mail::all_maildir_files(&home.path().join("box"));
            assert!(files.is_empty(), "{name}: {files:?}");
            assert!(
                run.stderr.starts_with(b"pillarbox") || !run.stderr.is_empty(),
                "{name}\n{run}"
            );
        }
    }
}

/// What a server calls a folder, a part or a subject is data: neither a path nor a command to a
/// terminal.
#[test]
fn names_from_a_server_stay_names() {
    let home = Home::new();
    let listed = "* LIST () \"/\" \"../../evil\"\r\n* LIST () \"/\" \"a\x1b]0;x\x07b\"\r\n";
    let structure = "* 1 FETCH (UID 1 BODYSTRUCTURE (\"application\" \"pdf\" (\"name\" \
        \"../../../evil\x1b[31m.pdf\") NIL NIL \"7bit\" 3))\r\n";
    let part = "* 1 FETCH (UID 1 BODY[1] {3}\r\nabc)\r\n";
    let server = Imap::serve(vec![
        ("LIST", Twist::done(listed)),
        ("UID FETCH 1 (UID BODYSTRUCTURE", Twist::done(structure)),
        ("UID FETCH 1 (UID FLAGS INTERNALDATE BODY.PEEK[1]", Twist::done(part)),
    ]);
    let run = at(&home, &["folder", "list", &server.url(""), "--json"]).run().success();
    assert!(!run.stdout.contains(&0x1b), "{run}");
    let all = ["fetch", &server.url("INBOX"), "--attachments", "-o", "files"];
    let run = at(&home, &all).run().success();
    assert!(!run.stdout.contains(&0x1b), "{run}");
    assert!(home.path().join("files/evil[31m.pdf").is_file(), "{run}");
    let above = home.path().parent().map(|root| root.join("evil[31m.pdf"));
    assert!(!above.is_some_and(|path| path.exists()), "{run}");
    let into = ["fetch", &server.url(""), "--recursive", "--to", "maildir:box"];
    at(&home, &into).run().success();
    let evil = home.path().parent().map(|root| root.join("evil"));
    assert!(!evil.is_some_and(|path| path.exists()), "a folder outside");
    let own = home.path().join("box/.\\2e\\2e.\\2e\\2e.evil");
    assert_eq!(support::mail::maildir_files(&own).len(), 1, "a folder inside");
}

/// A giant that breaks comes on from where it broke, over a server that closes each time.
#[test]
fn a_giant_goes_on_where_it_broke() {
    let message: String = "Subject: giant\r\n\r\n"
        .chars()
        .chain((0..9000).flat_map(|n| format!("line {n:06}\r\n").chars().collect::<Vec<_>>()))
        .collect();
    let size = message.len();
    let half: &'static str = Box::leak(
        format!("* 1 FETCH (UID 1 FLAGS (\\Seen) BODY[] {{{size}}}\r\n{}", &message[..70_000])
            .into_boxed_str(),
    );
    let rest = format!(
        "* 1 FETCH (UID 1 FLAGS (\\Seen) BODY[]<70000> {{{}}}\r\n{})\r\n",
        size - 70_000,
        &message[70_000..]
    );
    let wanted =
        format!("UID FETCH 1 (UID FLAGS INTERNALDATE BODY.PEEK[]<70000.{}>)", size - 70_000);
    let server = Imap::serve(vec![
        (wanted.as_str(), Twist::done(rest)),
        ("UID FETCH 1 (UID FLAGS INTERNALDATE BODY.PEEK[])", Twist::Break(half)),
    ]);
    let run = fetch(&server, &[]).success();
    assert!(run.stdout == message.as_bytes(), "{} octets of {size}", run.stdout.len());
    // One that gives the whole again in place of the rest is not believed.
    let whole = format!("* 1 FETCH (UID 1 BODY[] {{{size}}}\r\n{message})\r\n");
    let server = Imap::serve(vec![
        (wanted.as_str(), Twist::done(whole)),
        ("UID FETCH 1 (UID FLAGS INTERNALDATE BODY.PEEK[])", Twist::Break(half)),
    ]);
    let home = Home::new();
    let url = server.url("INBOX");
    let run = at(&home, &["fetch", &url, "--to", "maildir:box"]).run();
    assert_ne!(run.code, Some(0), "{run}");
    assert!(support::mail::all_maildir_files(&home.path().join("box")).is_empty(), "{run}");
}
