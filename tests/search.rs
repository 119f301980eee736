//! The `search` verb: the same answer everywhere, few round trips, and what it composes with.
//!
//! The peers are Dovecot, whose Maildir is searched as local mail too, serve-test over a copy of
//! the same mail, and a model written over Python's `email` package (`tests/peers`).

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use support::binary::binary_folder;
use support::mail::{self, Random};
use support::{
    Dovecot, Home, Invocation, OtherClient, Scripted, ServeTest, Step, Stored, needs, peer_file,
};

#[path = "search/behaviour.rs"]
mod behaviour;
#[path = "search/cyrus.rs"]
mod cyrus;
#[path = "search/extensions.rs"]
mod extensions;
#[path = "search/mailbox.rs"]
mod mailbox;
#[path = "search/pipes.rs"]
mod pipes;
#[path = "search/queries.rs"]
mod queries;

use mailbox::mailbox;
use queries::{Query, Vocabulary, query};

/// 1 March 2026 in universal time, when the first message arrived; the others come in hours.
const FIRST: u64 = 1_772_323_200;

const HOUR: u64 = 3600;

/// Flags of the message with this number, as a Maildir spells them.
fn flags(number: usize) -> &'static str {
    ["", "S", "F", "FS", "RS", "D"][number % 6]
}

/// The same with keywords (see [`KEYWORDS`]) and deleted ones, for a folder that knows them.
fn all_flags(number: usize) -> &'static str {
    ["", "S", "F", "FS", "RS", "D", "Sa", "ab", "ST", "", "Sb", "DFRSTab"][number % 12]
}

/// What small letters mean among the flags of a Maildir, as Dovecot keeps them.
const KEYWORDS: [(&str, &str); 2] = [("a", "$Forwarded"), ("b", "Later")];

/// Puts messages into the INBOX of Dovecot's alice, in their order.
fn put(dovecot: &Dovecot, messages: &[Vec<u8>]) {
    put_with(dovecot, messages, flags);
}

fn put_with(dovecot: &Dovecot, messages: &[Vec<u8>], flags: fn(usize) -> &'static str) {
    let stored: Vec<Stored<'_>> = (0_u64..)
        .zip(messages)
        .map(|(number, octets)| Stored {
            octets,
            flags: flags(usize::try_from(number).expect("small")),
            received: FIRST + number * HOUR,
        })
        .collect();
    dovecot.put("alice", "INBOX", &stored);
}

/// A search on a server in the clear, all of whose options stand there.
fn on_server(home: &Home, port: u16, query: &str, more: &[&str]) -> Invocation {
    let mut arguments = vec![
        "search".to_owned(),
        query.to_owned(),
        format!("imap://alice@127.0.0.1:{port}/INBOX"),
        "--tls=none".to_owned(),
        "--allow-cleartext-password".to_owned(),
    ];
    if !more.iter().any(|word| word.starts_with("--timezone=")) {
        arguments.push("--timezone=UTC".to_owned());
    }
    arguments.extend(more.iter().map(|word| (*word).to_owned()));
    home.pillarbox(&arguments).password("secret")
}

/// The numbers, from 0, of the UIDs that a search prints.
fn by_uid(invocation: Invocation) -> BTreeSet<usize> {
    let run = invocation.run();
    assert!(matches!(run.code, Some(0 | 1)), "{run}");
    let number = |line: &&str| line.parse::<usize>().expect("a UID") - 1;
    run.lines().iter().map(number).collect()
}

/// The numbers of the files that a search prints, by their order in the Maildir.
fn by_file(invocation: Invocation, files: &[PathBuf]) -> BTreeSet<usize> {
    let run = invocation.run();
    assert!(matches!(run.code, Some(0 | 1)), "{run}");
    let number = |line: &&str| {
        let path = Path::new(line);
        files.iter().position(|file| file.file_name() == path.file_name()).expect("a known file")
    };
    run.lines().iter().map(number).collect()
}

/// What the model says of each query.
fn by_model(home: &Home, files: &[PathBuf], queries: &[Query]) -> Vec<BTreeSet<usize>> {
    let messages: Vec<Value> = files
        .iter()
        .enumerate()
        .map(|(number, path)| {
            let received = FIRST + u64::try_from(number).expect("small") * HOUR;
            json!({"path": path, "flags": mail::maildir_flags(path), "received": received})
        })
        .collect();
    let trees: Vec<&Value> = queries.iter().map(|query| &query.tree).collect();
    let keywords: BTreeMap<&str, &str> = KEYWORDS.into_iter().collect();
    let task = json!({"messages": messages, "keywords": keywords, "queries": trees}).to_string();
    let model = peer_file("query_model.py");
    let run = home.command("python3", &[model]).stdin(task).within(Duration::from_secs(600)).run();
    let run = run.success();
    let set = |line: &&str| serde_json::from_str(line).expect("a list of numbers");
    run.lines().iter().map(set).collect()
}

/// Queries drawn for a mailbox: a few by a fixed seed, many in the full run.
fn drawn(seed: u64, few: usize) -> Vec<Query> {
    drawn_of(&Vocabulary::generated(), seed, few)
}

fn drawn_of(words: &Vocabulary, seed: u64, few: usize) -> Vec<Query> {
    let mut random = Random::new(seed);
    let count = if support::full() { 600 } else { few };
    (0..count).map(|_| query(&mut random, 3, words)).collect()
}

/// Real messages that a peer reads otherwise than we do: who, which, a term and its value that
/// show it, and why.
const READ_OTHERWISE: [(&str, &str, &str, &str, &str); 30] = [
    ("dovecot", "t_data_spam_badctype1", "has", "attachment", BAD_TYPE),
    ("dovecot", "messages_missing-subtype.txt", "has", "attachment", BAD_TYPE),
    ("dovecot", "mbox_content-length-summary.txt", "type", "multipart/", JUNK_BEHIND_TYPE),
    ("dovecot", "mbox_jwz-summary.txt", "type", "multipart/", JUNK_BEHIND_TYPE),
    ("dovecot", "rfc2822_example10.eml", "to", "the end of the group", ENVELOPE),
    ("dovecot", "build_announcements_3.4.5.txt", "to", "address here", ENVELOPE),
    ("dovecot", "build_announcements_3.4.6.txt", "to", "address here", ENVELOPE),
    ("dovecot", "build_announcements_4.0.0.txt", "to", "address here", ENVELOPE),
    ("dovecot", "build_announcements_4.0.1.txt", "to", "address here", ENVELOPE),
    ("dovecot", "plain_emails_mix_caps_content_type.eml", "from", "com", ENVELOPE),
    ("dovecot", "t_data_nice_unicode1", "subject", "m", LANGUAGE),
    ("dovecot", "t_data_spam_utf16.eml", "charset", "us-ascii", UNQUOTED),
    ("dovecot", "raw_email_with_illegal_boundary.eml", "charset", "us-ascii", UNQUOTED),
    ("dovecot", "raw_email_with_binary_encoded.eml", "type", "plain", UNQUOTED),
    ("dovecot", "messages_spam_broken-ctype.eml", "text", "éõ", BAD_TYPE),
    ("dovecot", "rfc2822_example04.eml", "date", "..2026-02-25", EPOCH),
    ("model", "error_emails_bad_date_header2.eml", "date", "..2026-02-25", GUESSED),
    ("model", "trademark_character_in_subject.eml", "date", "..2026-02-25", GUESSED),
    ("model", "messages_missing-subtype.txt", "has", "attachment", PYTHON_TYPE),
    ("model", "mbox_content-length-summary.txt", "text", "33", JUNK_BEHIND_TYPE),
    ("model", "mbox_jwz-summary.txt", "text", "33", JUNK_BEHIND_TYPE),
    ("model", "t_data_spam_badmime2.txt", "text", "TRANSFER", HEADER_ENDS),
    ("model", "mbox_unmunged.mbox.txt", "subject", "*", HEADER_ENDS),
    ("model", "raw_email_incorrect_header.eml", "to", "*", HEADER_ENDS),
    ("model", "python-test_email/msg_35.txt", "body", "counter", HEADER_ENDS),
    ("model", "python-test_email/msg_47.txt", "body", "bar", HEADER_ENDS),
    ("model", "eml_malformed_022.eml", "body", "valid", HEADER_ENDS),
    ("model", "mime_emails_raw_email4.eml", "body", "0", BOUNDARY),
    ("model", "eml_thirdparty_003.eml", "body", "E2", ENCODING),
    ("model", "eml_thirdparty_012.eml", "has", "html", FOLDED),
];

/// RFC 2045 section 5.2: a Content-Type that cannot be read is text/plain, as it is here.
const BAD_TYPE: &str = "Dovecot 2.3 says application/octet-stream of it";
/// The same section; but many forget the semicolon behind the subtype, and mean the type.
const JUNK_BEHIND_TYPE: &str = "what stands behind the subtype makes it text/plain for others";
/// RFC 9051 section 6.4.4: TO is a string in the envelope's field.
const ENVELOPE: &str = "the envelope has no comments, and no address where none can be read";
/// RFC 2231 section 5.
const LANGUAGE: &str = "Dovecot 2.3 knows no languages in encoded words";
/// RFC 2045 section 5.1: a value with an equals sign in it has to be quoted; many are not, and
/// mean the whole.
const UNQUOTED: &str = "Dovecot 2.3 reads a boundary without quotation marks up to an equals sign";
/// RFC 9051 section 6.4.4: SENTBEFORE knows no first day.
const EPOCH: &str = "Dovecot 2.3 takes a Date before 1970 for none";
/// RFC 5322 section 4.3: hours go to 23, and a zone is letters, or digits behind a sign.
const GUESSED: &str = "Python guesses what a Date that cannot be may have meant";
const PYTHON_TYPE: &str = "a type without subtype is an attachment there";
/// A line without a colon, or with a name that is none. It is passed over here, as Dovecot does.
const HEADER_ENDS: &str = "for Python's parser the header ends at the first line that is no field";
/// RFC 2046 section 5.1.1: more may follow the boundary in its line.
const BOUNDARY: &str = "Python takes a boundary with one dash behind it for text";
/// RFC 2045 section 6.1: blanks behind the name of an encoding are no part of it.
const ENCODING: &str = "Python does not know the encoding, and leaves the text encoded";
/// RFC 5322 section 2.2.3: a fold in a quoted boundary is no part of it.
const FOLDED: &str = "Python looks for the boundary with the fold in it";

/// Who answers queries besides our search of local mail.
const PEERS: [&str; 3] = ["dovecot", "serve-test", "model"];

/// What each of the peers says, and what local mail says; serve-test of UIDs, which files have not.
struct Answers {
    here: BTreeSet<usize>,
    peers: Vec<(&'static str, BTreeSet<usize>)>,
}

/// The same messages at Dovecot, in its Maildir, at serve-test and as files for the model.
struct Everywhere {
    dovecot: Dovecot,
    ours: ServeTest,
    home: Home,
    maildir: PathBuf,
    files: Vec<PathBuf>,
}

impl Everywhere {
    fn put(test: &str, messages: &[Vec<u8>]) -> Option<Everywhere> {
        let dovecot = Dovecot::start(test)?;
        if !needs(test, &["python3"]) {
            return None;
        }
        let maildir = dovecot.maildir("alice", "INBOX");
        std::fs::create_dir_all(&maildir).expect("made");
        let lines = KEYWORDS.iter().enumerate();
        let lines: String = lines.map(|(at, (_, name))| format!("{at} {name}\n")).collect();
        std::fs::write(maildir.join("dovecot-keywords"), lines).expect("written");
        put_with(&dovecot, messages, all_flags);
        let files = mail::maildir_files(&maildir);
        assert_eq!(files.len(), messages.len());
        // The Maildir of a server that has not been asked yet has its dates.
        let ours = ServeTest::with(&[&format!("--seed-mail={}", maildir.display())]);
        Some(Everywhere { dovecot, ours, home: Home::new(), maildir, files })
    }

    /// What everyone says; two queries at a time, as there are servers that wait for one.
    fn answers(&self, queries: &[Query]) -> Vec<Answers> {
        let by_model = by_model(&self.home, &self.files, queries);
        let place = self.maildir.to_str().expect("UTF-8");
        let one = |(query, model): (&Query, &BTreeSet<usize>)| {
            let zone = format!("--timezone={}", query.zone);
            let exact = ["--exact", "--uids", &zone];
            let local = ["search", &query.text, place, &zone];
            let at = |port| by_uid(on_server(&self.home, port, &query.text, &exact));
            let ours = at(self.ours.port("imap"));
            Answers {
                here: match query.of_server {
                    true => ours.clone(),
                    false => by_file(self.home.pillarbox(&local), &self.files),
                },
                peers: vec![
                    (PEERS[0], at(self.dovecot.imap)),
                    (PEERS[1], ours),
                    (PEERS[2], model.clone()),
                ],
            }
        };
        let half = queries.len() / 2;
        let all = |part: &[Query], model: &[BTreeSet<usize>]| -> Vec<Answers> {
            part.iter().zip(model).map(one).collect()
        };
        std::thread::scope(|scope| {
            let first = scope.spawn(|| all(&queries[..half], &by_model[..half]));
            let second = all(&queries[half..], &by_model[half..]);
            let mut answers = first.join().expect("no panic");
            answers.extend(second);
            answers
        })
    }
}

#[test]
fn the_same_everywhere_in_generated_mail() {
    let test = "the_same_everywhere_in_generated_mail";
    let messages = mailbox(7, if support::full() { 400 } else { 120 });
    let Some(everywhere) = Everywhere::put(test, &messages) else { return };
    let queries = drawn(11, 22);
    let mut differing = Vec::new();
    for (query, answers) in queries.iter().zip(everywhere.answers(&queries)) {
        for (who, answer) in &answers.peers {
            if *answer != answers.here {
                let less: Vec<_> = answer.difference(&answers.here).collect();
                let more: Vec<_> = answers.here.difference(answer).collect();
                differing.push(format!("{}: {who} has {less:?}, and not {more:?}", query.text));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// Real mail, much of it broken on purpose, and queries of its own words. What a peer reads
/// otherwise is in a table with the reason, and so is a query that shows it.
#[test]
fn the_same_everywhere_in_real_mail() {
    let test = "the_same_everywhere_in_real_mail";
    let Some(real) = mail::corpus_messages(test) else { return };
    let in_table = |name: &str| READ_OTHERWISE.iter().any(|(_, other, ..)| name.ends_with(other));
    let real: Vec<(String, Vec<u8>)> = real
        .into_iter()
        .filter(|(_, octets)| !octets.is_empty() && octets.len() < 200_000)
        .enumerate()
        .filter(|(at, (name, _))| support::full() || at % 5 == 0 || in_table(name))
        .map(|(_, message)| message)
        .collect();
    let (names, messages): (Vec<String>, Vec<Vec<u8>>) = real.into_iter().unzip();
    let Some(everywhere) = Everywhere::put(test, &messages) else { return };
    let words = Vocabulary::of(&messages, &mut Random::new(13));
    let queries = drawn_of(&words, 12, 12);
    let mut unexpected: BTreeMap<String, &str> = BTreeMap::new();
    for (query, answers) in queries.iter().zip(everywhere.answers(&queries)) {
        for (who, answer) in &answers.peers {
            for at in answer.symmetric_difference(&answers.here) {
                let is_row = |(peer, other, ..): &(&str, &str, &str, &str, &str)| {
                    peer == who && names[*at].ends_with(other)
                };
                if !READ_OTHERWISE.iter().any(is_row) {
                    unexpected.entry(format!("{who}: {}", names[*at])).or_insert(&query.text);
                }
            }
        }
    }
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    // Each row is true.
    let shows =
        |(_, _, field, value, _): &(&str, &str, &str, &str, &str)| Query::term(field, value);
    let queries: Vec<Query> = READ_OTHERWISE.iter().map(shows).collect();
    for ((who, name, _, _, why), answers) in READ_OTHERWISE.iter().zip(everywhere.answers(&queries))
    {
        let at = names.iter().position(|other| other.ends_with(name)).expect(name);
        let answer = answers.peers.iter().find(|(peer, _)| peer == who).expect("a peer");
        assert!(
            answer.1.contains(&at) != answers.here.contains(&at),
            "{who} reads {name} as we do; it is in the table because: {why}"
        );
    }
}

/// Round trips after the login: how often the client speaks after having listened.
fn round_trips(trace: &Path) -> usize {
    let text = std::fs::read_to_string(trace).expect("a trace");
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object"));
    let mut trips = 0;
    let mut counts = false;
    let mut is_sending = false;
    for event in events {
        let sent = match event["direction"].as_str() {
            Some("sent") => true,
            Some("received") => false,
            _ => continue,
        };
        let text = event["text"].as_str().unwrap_or_default();
        if text.contains("LOGOUT") {
            break;
        }
        let asks = ["EXAMINE", "SEARCH", "SORT", "FETCH", "LIST"];
        counts |= sent && asks.iter().any(|word| text.contains(word));
        trips += usize::from(counts && sent && !is_sending);
        is_sending = sent;
    }
    trips
}

/// Runs a search on Dovecot and gives what it printed and how many round trips that took.
fn counted(home: &Home, port: u16, query: &str, more: &[&str]) -> (Vec<String>, usize) {
    let trace = home.path().join("trace");
    let _ = std::fs::remove_file(&trace);
    let path = format!("--trace={}", trace.display());
    let mut all = vec![path.as_str()];
    all.extend(more);
    let run = on_server(home, port, query, &all).run();
    assert!(matches!(run.code, Some(0 | 1)), "{run}");
    let lines = run.lines().iter().map(|line| (*line).to_owned()).collect();
    (lines, round_trips(&trace))
}

#[test]
fn few_round_trips_on_every_rung() {
    let test = "few_round_trips_on_every_rung";
    let messages = mailbox(3, 40);
    if let Some(dovecot) = Dovecot::start(test) {
        put(&dovecot, &messages);
        let home = Home::new();
        on_server(&home, dovecot.imap, "*", &["--count"]).run().success();
        for (query, more, most) in [
            // EXAMINE and SEARCH in one flight.
            ("subject:ship", &["--count"][..], 1),
            ("is:unread", &["--count"], 1),
            ("is:unread", &[], 1),
            ("is:unread", &["--limit", "3"], 1),
            // The saved result is fetched in the same flight.
            ("is:unread", &["--json"], 1),
            ("subject:grüße", &[], 2),
            ("has:pdf", &[], 1),
            ("older:1d is:read", &[], 1),
            // In the server's order.
            ("is:unread", &["--sort", "-date"], 1),
            ("is:unread", &["--sort", "from", "--limit", "2"], 1),
            // BODYSTRUCTURE comes along with what is there, then the text, and last what cannot be
            // taken apart.
            ("body:budget", &["--exact"], 3),
        ] {
            let (_, trips) = counted(&home, dovecot.imap, query, more);
            assert!(trips <= most, "{query} {more:?}: {trips} round trips, not {most}");
        }
    }
    // The same answers without the extensions, one after the other and all together.
    let home = Home::new();
    let folder = home.path().join("seed");
    for (number, octets) in messages.iter().enumerate() {
        std::fs::create_dir_all(folder.join("cur")).expect("made");
        std::fs::create_dir_all(folder.join("new")).expect("made");
        std::fs::create_dir_all(folder.join("tmp")).expect("made");
        let name = format!("cur/{}.M{number}.h:2,{}", 1_772_323_200 + number, flags(number));
        std::fs::write(folder.join(name), octets).expect("written");
    }
    let seed = format!("--seed-mail={}", folder.display());
    let queries: [(&str, &[&str]); 8] = [
        ("subject:ship", &["--count"]),
        ("is:unread", &["--limit", "3", "--uids"]),
        ("from:ann is:read", &["--uids"]),
        ("body:budget", &["--exact", "--uids"]),
        ("newer:900d larger:500", &["--uids"]),
        ("is:unread", &["--sort", "subject", "--uids"]),
        ("is:flagged", &["--sort", "-date", "--uids", "--limit", "4"]),
        ("has:html", &["--sort", "from", "--uids"]),
    ];
    let mut first: Option<Vec<Vec<String>>> = None;
    for hidden in [
        "",
        "ESEARCH",
        "SORT",
        "WITHIN",
        "SEARCHRES",
        "PARTIAL",
        "SORT=DISPLAY",
        "ESEARCH,SORT,SORT=DISPLAY,WITHIN,SEARCHRES,PARTIAL,IMAP4rev2",
    ] {
        let hide = format!("--hide={hidden}");
        let options: Vec<&str> = match hidden {
            "" => vec![&seed],
            _ => vec![&seed, &hide],
        };
        let server = ServeTest::with(&options);
        let answers: Vec<Vec<String>> = queries
            .iter()
            .map(|(query, more)| {
                let (lines, trips) = counted(&home, server.port("imap"), query, more);
                // What decides, and what is shown of it; without extensions one more at most.
                let most = if hidden.is_empty() { 2 } else { 3 };
                // What cannot be taken apart comes behind the text of all else.
                let most = most + usize::from(query.starts_with("body:"));
                assert!(trips <= most, "{query} {more:?} without {hidden}: {trips} round trips");
                lines
            })
            .collect();
        match &first {
            None => first = Some(answers),
            Some(first) => {
                for ((query, other), right) in queries.iter().zip(answers).zip(first) {
                    assert_eq!(other, *right, "{query:?} without {hidden}");
                }
            }
        }
    }
}

#[test]
fn many_folders_in_one_flight() {
    let Some(dovecot) = Dovecot::start("many_folders_in_one_flight") else { return };
    let messages = mailbox(5, 24);
    for (number, octets) in messages.iter().enumerate() {
        let stored = Stored { octets, flags: "", received: FIRST };
        dovecot.put("alice", &format!("Lists/n{}", number % 8), &[stored]);
    }
    let home = Home::new();
    let trace = home.path().join("trace");
    let run = home
        .pillarbox(&[
            "search".to_owned(),
            "is:unread".to_owned(),
            format!("imap://alice@127.0.0.1:{}", dovecot.imap),
            "--tls=none".to_owned(),
            "--allow-cleartext-password".to_owned(),
            "--json".to_owned(),
            format!("--trace={}", trace.display()),
        ])
        .password("secret")
        .run()
        .success();
    assert_eq!(run.json_lines().len(), messages.len());
    // Where names come from, LIST, and one flight with all folders' details.
    assert!(round_trips(&trace) <= 3, "{} round trips", round_trips(&trace));
}

#[test]
fn a_lying_server_is_found_out() {
    let header = |uid: u32, from: &str| {
        let field = format!("From: {from}\r\n\r\n");
        let octets = field.len();
        Step::line(&format!(
            "* {uid} FETCH (UID {uid} BODY[HEADER.FIELDS (From)] {{{octets}}}\r\n{field})"
        ))
    };
    // Its SEARCH for Ann leaves out one of hers.
    let server = Scripted::serve(vec![
        Step::line("* PREAUTH [CAPABILITY IMAP4rev1 ESEARCH] hello"),
        Step::Expect("LIST"),
        Step::line("* LIST (\\Noselect) \"/\" \"\""),
        Step::Tagged("OK done"),
        Step::Expect("EXAMINE"),
        Step::line("* 3 EXISTS"),
        Step::line("* OK [UIDVALIDITY 7] valid"),
        Step::Tagged("OK [READ-ONLY] done"),
        Step::Expect("UID SEARCH"),
        Step::line("* ESEARCH UID ALL 1"),
        Step::Tagged("OK done"),
        Step::Expect("UID SEARCH RETURN (ALL) ALL"),
        Step::line("* ESEARCH UID ALL 1:3"),
        Step::Tagged("OK done"),
        Step::Expect("UID FETCH 1:3"),
        header(1, "ann@x.example"),
        header(2, "bob@x.example"),
        header(3, "Ann <a@x.example>"),
        Step::Tagged("OK done"),
        Step::Expect("LOGOUT"),
        Step::line("* BYE"),
        Step::Tagged("OK done"),
        Step::Close,
    ]);
    let home = Home::new();
    let run = on_server(&home, server.port(), "from:ann", &["--uids", "--verify"]).run().success();
    assert_eq!(run.text(), "1\n3\n");
    run.says(&["leaves out 1 messages: UID 3"]);
    server.finish();
    // An honest one has nothing to be said of it.
    let mbox = "From a@x Mon Mar  2 10:00:00 2026\nSubject: one\nFrom: ann@x.example\n\nfirst\n\n\
        From a@x Mon Mar  2 11:00:00 2026\nSubject: two\nFrom: bob@x.example\n\nsecond\n";
    let mbox = home.write("mail.mbox", mbox);
    let seed = format!("--seed-mail={}", mbox.display());
    let honest = ServeTest::with(&[&seed]);
    for (query, uids) in
        [("is:unread", "1\n2\n"), ("body:first", "1\n"), ("newer:90000d", "1\n2\n")]
    {
        let more = ["--uids", "--verify"];
        let run = on_server(&home, honest.port("imap"), query, &more).run().success();
        assert_eq!((run.text(), run.errors().as_str()), (uids, ""), "{query}");
    }
}

/// A Maildir of a few messages that answer each other, in two folders.
fn discussion(home: &Home) -> PathBuf {
    let root = home.path().join("mail");
    for folder in ["cur", "new", "tmp", ".Sent/cur", ".Sent/new", ".Sent/tmp"] {
        std::fs::create_dir_all(root.join(folder)).expect("made");
    }
    let put = |name: &str, head: &str| {
        let message = format!(
            "{head}Date: Mon, 2 Mar 2026 10:00:0{} +0000\n\nhello\n",
            &name[name.len() - 1..]
        );
        std::fs::write(root.join(name), message).expect("written");
    };
    put("new/1.a1", "Subject: lunch\nFrom: ann@x.example\nMessage-ID: <a@x>\n");
    put("new/2.b2", "Subject: other\nFrom: bob@x.example\nMessage-ID: <o@x>\n");
    put(
        ".Sent/new/3.c3",
        "Subject: Re: lunch\nFrom: me@x.example\nMessage-ID: <b@x>\nIn-Reply-To: <a@x>\n",
    );
    put(
        "new/4.d4",
        "Subject: Re: lunch\nFrom: ann@x.example\nMessage-ID: <c@x>\nReferences: <a@x> <b@x>\n",
    );
    root
}

#[test]
fn whole_threads_across_folders() {
    let home = Home::new();
    let root = discussion(&home);
    let place = root.to_str().expect("UTF-8");
    let run = home.run(&["search", "--thread", "from:me", place, "--json"]).success();
    let shown: Vec<(String, u64, bool)> = run
        .json_lines()
        .iter()
        .map(|found| {
            let name = found["reference"].as_str().expect("a reference").rsplit('.').next();
            (
                name.expect("a name").to_owned(),
                found["depth"].as_u64().expect("a depth"),
                found["matched"].as_bool().expect("true or false"),
            )
        })
        .collect();
    let expected = [("a1", 0, false), ("c3", 1, true), ("d4", 2, false)];
    assert_eq!(shown, expected.map(|(name, depth, is)| (name.to_owned(), depth, is)));
    home.run(&["search", "--thread", "from:nobody", place]).expect(1);
    // Whose meaning of text it was is told here, too.
    let run = home.run(&["search", "--thread", "body:hello from:me", place, "--json"]).success();
    assert!(run.json_lines().iter().all(|found| found["text_by"] == "exact"), "{run}");
    // The same on a server.
    let seed = format!("--seed-mail={place}");
    let server = ServeTest::with(&[&seed]);
    let run = on_server(&home, server.port("imap"), "subject:other OR id:<c@x>", &["--thread"]);
    assert_eq!(run.run().success().lines().len(), 3);
}

#[test]
fn an_index_gives_the_same_and_is_no_mail() {
    let home = Home::new();
    let root = discussion(&home);
    let place = root.to_str().expect("UTF-8");
    for query in ["lunch", "from:ann", "body:hello -from:bob", "is:unread", "subject:re OR other"] {
        let scanned = home.run(&["search", query, place]).success();
        for _ in 0..2 {
            let indexed = home.run(&["search", query, place, "--index"]).success();
            assert_eq!(indexed.text(), scanned.text(), "{query}");
            assert_eq!(indexed.errors(), "", "{query}");
        }
    }
    assert!(root.join("pillarbox-index.sqlite3").exists());
    let folders = home.run(&["folder", "list", place]).success();
    assert_eq!(folders.lines().len(), 2, "{folders}");
}

#[test]
fn an_index_is_right_for_who_asks_at_the_same_time() {
    let home = Home::new();
    let root = home.path().join("mail");
    for sub in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(root.join(sub)).expect("made");
    }
    let put = |number: usize, text: &str| {
        let message = format!("Subject: number {number}\n\n{text}\n");
        std::fs::write(root.join(format!("new/{number}.M1.h")), message).expect("written");
    };
    (0..300).for_each(|number| put(number, if number % 3 == 0 { "budget" } else { "harbour" }));
    let place = root.to_str().expect("UTF-8");
    let ask = || home.pillarbox(&["search", "--index", "body:budget", place]).spawn();
    // All of them find no index, and each wants to make it.
    for running in [ask(), ask(), ask()] {
        let run = running.wait(Duration::from_secs(60));
        assert_eq!(run.lines().len(), 100, "{run}");
    }
    // One is asked while a message goes, one comes, one is read and the file is broken.
    std::fs::remove_file(root.join("new/0.M1.h")).expect("removed");
    std::fs::rename(root.join("new/3.M1.h"), root.join("cur/3.M1.h:2,S")).expect("renamed");
    put(900, "budget");
    let found = home.run(&["search", "--index", "body:budget", place]).success();
    assert_eq!(found.lines().len(), 100);
    let read = home.run(&["search", "--index", "body:budget is:read", place]).success();
    assert!(read.text().trim_end().ends_with("cur/3.M1.h:2,S"), "{read}");
    std::fs::write(root.join("pillarbox-index.sqlite3"), b"no index").expect("written");
    let found = home.run(&["search", "--index", "body:budget", place]).success();
    assert_eq!((found.lines().len(), found.errors().as_str()), (100, ""));
}

#[test]
fn the_best_match_comes_first() {
    let home = Home::new();
    for (name, text) in [
        ("once", "Subject: x\n\none budget\n"),
        ("often", "Subject: budget\n\nbudget, budget\n"),
        ("none", "Subject: x\n\nnothing\n"),
    ] {
        home.write(&format!("{name}.eml"), text);
    }
    let run = home.run(&["search", "budget", ".", "--sort", "relevance"]).success();
    let names: Vec<&str> = run.lines().iter().filter_map(|line| line.rsplit('/').next()).collect();
    assert_eq!(names, ["often.eml", "once.eml"]);
}

#[test]
fn what_comes_is_printed_as_it_comes() {
    let home = Home::new();
    let root = discussion(&home);
    let place = root.to_str().expect("UTF-8");
    let out = home.path().join("out");
    // A shell gives the output a file that can be read meanwhile.
    let line = format!(
        "exec {} search subject:lunch {place} --watch --json > {}",
        binary_folder().join("pillarbox").display(),
        out.display()
    );
    let running = home.command("sh", &["-c", &line]).spawn();
    let lines = |count: usize| {
        support::wait_for("lines of output", Duration::from_secs(30), || {
            let text = std::fs::read_to_string(&out).unwrap_or_default();
            let lines: Vec<Value> =
                text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            (lines.len() >= count).then_some(lines)
        })
    };
    assert_eq!(lines(3).len(), 3);
    std::fs::write(root.join("tmp/9.z9"), "Subject: late lunch\n\n").expect("written");
    std::fs::rename(root.join("tmp/9.z9"), root.join("new/9.z9")).expect("renamed");
    let shown = lines(4);
    assert_eq!(shown[3]["event"], "found");
    assert_eq!(shown[3]["subject"], "late lunch");
    std::fs::remove_file(root.join("new/9.z9")).expect("removed");
    assert_eq!(lines(5)[4]["event"], "gone");
    running.terminate();
}

#[test]
fn what_comes_to_a_server_is_printed_too() {
    let test = "what_comes_to_a_server_is_printed_too";
    let Some(dovecot) = Dovecot::start(test) else { return };
    put(&dovecot, &mailbox(9, 3));
    let home = Home::new();
    for (number, place) in ["/INBOX", ""].iter().enumerate() {
        let out = home.path().join(format!("out{number}"));
        let line = format!(
            "exec {} search subject:latecomer{number} 'imap://alice@127.0.0.1:{}{place}' --tls=none \
             --allow-cleartext-password --watch -v > {} 2> {}.log",
            binary_folder().join("pillarbox").display(),
            dovecot.imap,
            out.display(),
            out.display(),
        );
        let running = home.command("sh", &["-c", &line]).password("secret").spawn();
        let log = home.path().join(format!("out{number}.log"));
        let waits = if number == 0 { "IDLE" } else { "NOTIFY" };
        support::wait_for("the search to wait", Duration::from_secs(30), || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            (text.contains("Search completed") && text.contains(waits)).then_some(())
        });
        let mut other = OtherClient::login(dovecot.imap, "alice", "secret");
        let message = format!("Subject: latecomer{number}\r\n\r\nx\r\n");
        other.append("INBOX", "", message.as_bytes());
        support::wait_for("the message", Duration::from_secs(60), || {
            let text = std::fs::read_to_string(&out).unwrap_or_default();
            text.contains("UID=").then_some(())
        });
        running.terminate();
    }
}

/// A pipe that nobody writes to, a link to nowhere and a folder are no messages, and nothing is
/// waited for.
#[test]
fn what_is_no_file_is_passed_over() {
    let test = "what_is_no_file_is_passed_over";
    if !support::needs(test, &["mkfifo"]) {
        return;
    }
    let home = Home::new();
    let root = discussion(&home);
    let folder = home.path().join("files");
    std::fs::create_dir_all(root.join("cur/9.folder")).expect("made");
    std::fs::create_dir_all(folder.join("folder.eml")).expect("made");
    std::fs::write(folder.join("a.eml"), "Subject: lunch\n\nhello\n").expect("written");
    let pipes = [root.join("new/8.pipe"), folder.join("pipe.eml")];
    let made = std::process::Command::new("mkfifo").args(&pipes).status().expect("mkfifo runs");
    assert!(made.success());
    for link in [root.join("new/7.nowhere"), folder.join("nowhere.eml")] {
        std::os::unix::fs::symlink("nothing/there", link).expect("linked");
    }
    std::os::unix::fs::symlink("8.pipe", root.join("new/6.to-the-pipe")).expect("linked");
    for (place, count) in [(&root, 4), (&folder, 1)] {
        for query in ["*", "body:hello", "is:unread OR subject:lunch"] {
            let place = place.to_str().expect("UTF-8");
            let run = home.run(&["search", query, place]).success();
            assert_eq!(run.lines().len(), count, "{query:?} {run}");
        }
    }
}

#[test]
fn hostile_mail_costs_no_more_than_its_size() {
    if !needs("hostile_mail_costs_no_more_than_its_size", &["prlimit"]) {
        return;
    }
    let home = Home::new();
    let mut messages: Vec<(&str, Vec<u8>)> = Vec::new();
    let nest = |depth: usize| {
        let mut out = String::from("Subject: needle nest\n");
        for level in 0..depth {
            out.push_str(&format!(
                "Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"
            ));
        }
        out + "\nneedle deep inside\n"
    };
    messages.push(("nest.eml", nest(5000).into_bytes()));
    let messages_in = "Content-Type: message/rfc822\n\n".repeat(5000) + "Subject: needle\n\nx\n";
    messages.push(("messages.eml", messages_in.into_bytes()));
    messages.push((
        "header.eml",
        format!("Subject: needle {}\n\nx\n", "y".repeat(4 << 20)).into_bytes(),
    ));
    messages
        .push(("fields.eml", ("X: y\n".repeat(400_000) + "Subject: needle\n\nx\n").into_bytes()));
    messages.push((
        "words.eml",
        format!("Subject: needle {}\n\nx\n", "=?utf-8?q?=41?= ".repeat(100_000)).into_bytes(),
    ));
    messages.push((
        "folds.eml",
        format!("Subject: needle\n{}\n\nx\n", " \n".repeat(100_000)).into_bytes(),
    ));
    messages.push((
        "parts.eml",
        ("Content-Type: multipart/mixed; boundary=b\n\n".to_owned()
            + &"--b\n\nneedle\n".repeat(200_000))
            .into_bytes(),
    ));
    messages.push((
        "html.eml",
        format!("Content-Type: text/html\n\n{}needle", "<div><a \"".repeat(200_000)).into_bytes(),
    ));
    messages.push((
        "entities.eml",
        format!("Content-Type: text/html\n\n{}needle", "&#110;&".repeat(200_000)).into_bytes(),
    ));
    messages.push((
        "parameters.eml",
        format!("Content-Type: text/plain; {}\n\nneedle", "a*0*=x; ".repeat(200_000)).into_bytes(),
    ));
    messages.push((
        "references.eml",
        format!("Subject: needle\nReferences: {}\n\nx\n", "<a@b> ".repeat(200_000)).into_bytes(),
    ));
    messages.push(("nothing.eml", vec![0; 1 << 20]));
    messages.push(("noise.eml", {
        let mut random = Random::new(4);
        (0..1 << 18).map(|_| u8::try_from(random.below(256)).expect("an octet")).collect()
    }));
    for (name, octets) in &messages {
        home.write(name, octets);
    }
    for (query, more) in [
        ("needle", &["--json"][..]),
        ("body:needle has:pdf", &[]),
        ("text:/nee+dle/ OR filename:x", &["--sort", "relevance"]),
        ("subject:needle", &["--thread"]),
        ("body:ndl", &["--attachments-text"]),
    ] {
        let program = binary_folder().join("pillarbox");
        let program = program.to_str().expect("UTF-8");
        // Beyond this much memory of its own (RLIMIT_DATA) there is none, and it would abort.
        let mut all = vec!["--data=536870912", program, "search", query, "."];
        all.extend(more);
        let run = home.command("prlimit", &all).within(Duration::from_secs(60)).run();
        assert!(matches!(run.code, Some(0 | 1)), "{query}: {run}");
        assert_eq!(run.errors(), "", "{query}");
    }
}
