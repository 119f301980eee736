//! What servers can do beyond SEARCH, and the same without it: THREAD, CONTEXT=SEARCH, NOTIFY,
//! MULTISEARCH, SAVEDATE, FUZZY.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::support::binary::binary_folder;
use super::support::{
    self, Dovecot, Home, Invocation, OtherClient, Scripted, ServeTest, Step, Stored,
};
use super::{FIRST, HOUR, flags, mailbox, on_server, put, round_trips};

/// Messages that answer each other, and others; the text of each without its headers' end.
fn discussion() -> Vec<Vec<u8>> {
    let message = |number: usize, subject: &str, more: &str| {
        format!(
            "From: p{number}@x.example\r\nSubject: {subject}\r\n\
             Date: Mon, 2 Mar 2026 10:{number:02}:00 +0000\r\n{more}\r\ntext {number}\r\n"
        )
        .into_bytes()
    };
    vec![
        message(0, "lunch", "Message-ID: <a@x>\r\n"),
        message(1, "other", "Message-ID: <o@x>\r\n"),
        message(2, "Re: lunch", "Message-ID: <b@x>\r\nIn-Reply-To: <a@x>\r\n"),
        message(3, "Re: lunch", "Message-ID: <c@x>\r\nReferences: <a@x> <b@x>\r\n"),
        message(4, "Re: lunch", "Message-ID: <d@x>\r\nReferences: <a@x>\r\n"),
        message(5, "from elsewhere", "Message-ID: <e@x>\r\nReferences: <gone@x>\r\n"),
        message(6, "Re: from elsewhere", "Message-ID: <f@x>\r\nReferences: <gone@x>\r\n"),
        message(7, "alone", "Message-ID: <g@x>\r\n"),
    ]
}

/// Each message of the threads that a search prints: its UID, thread, depth, and whether it is
/// what was looked for.
pub fn threads(invocation: Invocation) -> Vec<(u64, u64, u64, bool)> {
    let run = invocation.run().success();
    let number = |found: &Value, name: &str| found[name].as_u64().expect("a number");
    let row = |found: &Value| {
        let matched = found["matched"].as_bool().expect("true or false");
        (number(found, "uid"), number(found, "thread"), number(found, "depth"), matched)
    };
    run.json_lines().iter().map(row).collect()
}

#[test]
fn threads_by_the_server_or_here_are_the_same() {
    let test = "threads_by_the_server_or_here_are_the_same";
    let messages = discussion();
    let home = Home::new();
    let folder = home.path().join("seed");
    seed(&folder, &messages);
    let seed = format!("--seed-mail={}", folder.display());
    let without = ServeTest::with(&[&seed, "--hide=THREAD=REFERENCES"]);
    let queries =
        ["subject:lunch from:p3", "from:p6", "from:p1 OR from:p4", "is:read", "from:/p[27]@/"];
    let ours: Vec<_> = queries
        .iter()
        .map(|query| {
            threads(on_server(&home, without.port("imap"), query, &["--thread", "--json"]))
        })
        .collect();
    assert_eq!(ours[0], [(1, 1, 0, false), (3, 1, 1, false), (4, 1, 2, true), (5, 1, 1, false)]);
    assert_eq!(ours[1].len(), 2);
    on_server(&home, without.port("imap"), "from:nobody", &["--thread"]).run().expect(1);
    let with = ServeTest::with(&[&seed]);
    let mut servers = vec![with.port("imap")];
    let dovecot = Dovecot::start(test);
    if let Some(dovecot) = &dovecot {
        put(dovecot, &messages);
        servers.push(dovecot.imap);
    }
    for port in servers {
        for (query, ours) in queries.iter().zip(&ours) {
            let trace = home.path().join("trace");
            let _ = std::fs::remove_file(&trace);
            let path = format!("--trace={}", trace.display());
            let more = ["--thread", "--json", &path];
            assert_eq!(threads(on_server(&home, port, query, &more)), *ours, "{query}");
            let said = std::fs::read_to_string(&trace).expect("a trace");
            assert!(said.contains("UID THREAD REFERENCES UTF-8 ALL"), "{query}");
            // What is looked for and the threads in one flight, and then what is in them.
            assert!(round_trips(&trace) <= 3, "{query}: {} round trips", round_trips(&trace));
            let fetched = said.lines().filter(|line| line.contains("BODY.PEEK[HEADER.FIELDS"));
            assert!(fetched.clone().count() >= 1 && !said.contains("UID FETCH 1:8 "), "{query}");
        }
        on_server(&home, port, "from:nobody", &["--thread"]).run().expect(1);
    }
}

/// A Maildir of these messages, received as `put` has them.
pub fn seed(folder: &Path, messages: &[Vec<u8>]) {
    for sub in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(folder.join(sub)).expect("made");
    }
    for (number, octets) in messages.iter().enumerate() {
        let received = FIRST + u64::try_from(number).expect("small") * HOUR;
        let path = folder.join(format!("cur/{received}.M{number}.h:2,{}", flags(number)));
        std::fs::write(&path, octets).expect("written");
        let file = std::fs::File::options().write(true).open(&path).expect("there");
        let time = std::time::UNIX_EPOCH + Duration::from_secs(received);
        file.set_modified(time).expect("a time can be set");
    }
}

/// Runs a search that stays, with its output and its log in files; the files.
fn staying(
    home: &Home,
    name: &str,
    port: u16,
    query: &str,
    (place, more): (&str, &str),
) -> (support::Running, PathBuf, PathBuf) {
    let (out, log) = (home.path().join(name), home.path().join(format!("{name}.log")));
    // A shell gives the output a file that can be read meanwhile.
    let line = format!(
        "exec {} search '{query}' 'imap://alice@127.0.0.1:{port}{place}' --tls=none \
         --allow-cleartext-password --watch {more} -v > {} 2> {}",
        binary_folder().join("pillarbox").display(),
        out.display(),
        log.display(),
    );
    (home.command("sh", &["-c", &line]).password("secret").spawn(), out, log)
}

fn wait_for_text(path: &Path, what: &str) -> String {
    support::wait_for(what, Duration::from_secs(60), || {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.contains(what).then_some(text)
    })
}

/// The events that were printed, as `event subject`, once there are so many.
fn events(out: &Path, count: usize) -> Vec<String> {
    support::wait_for("events", Duration::from_secs(60), || {
        let text = std::fs::read_to_string(out).unwrap_or_default();
        let events: Vec<String> = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|line| {
                let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
                format!("{} {}", text("event"), text("subject"))
            })
            .collect();
        (events.len() >= count).then_some(events)
    })
}

#[test]
fn a_result_that_the_server_keeps_live_is_followed() {
    let test = "a_result_that_the_server_keeps_live_is_followed";
    let home = Home::new();
    let dovecot = Dovecot::start(test);
    let ours = ServeTest::with(&["--allow-cleartext"]);
    let servers = dovecot.iter().map(|dovecot| ("dovecot", dovecot.imap));
    for (name, port) in servers.chain([("serve-test", ours.port("imap"))]) {
        let mut other = OtherClient::login(port, "alice", "secret");
        other.append("INBOX", "", b"Subject: first\r\n\r\nx\r\n");
        other.append("INBOX", "\\Seen", b"Subject: read\r\n\r\nx\r\n");
        let (running, out, log) = staying(&home, name, port, "is:unread", ("/INBOX", "--json"));
        assert_eq!(events(&out, 1), ["found first"]);
        wait_for_text(&log, "RETURN (UPDATE ALL)");
        wait_for_text(&log, " IDLE");
        other.append("INBOX", "", b"Subject: second\r\n\r\nx\r\n");
        assert_eq!(events(&out, 2)[1], "found second");
        other.select("INBOX");
        other.command("UID STORE 1 +FLAGS.SILENT (\\Seen)");
        assert_eq!(events(&out, 3)[2], "gone first");
        other.command("UID STORE 2 -FLAGS.SILENT (\\Seen)");
        assert_eq!(events(&out, 4)[3], "found read");
        other.command("UID STORE 3 +FLAGS.SILENT (\\Deleted)");
        other.command("EXPUNGE");
        assert_eq!(events(&out, 5)[4], "gone second");
        running.terminate();
        // References alone, one a line.
        let plain = format!("{name}-plain");
        let (running, out, log) = staying(&home, &plain, port, "is:unread", ("/INBOX", ""));
        wait_for_text(&out, "UID=2");
        wait_for_text(&log, " IDLE");
        other.append("INBOX", "", b"Subject: fourth\r\n\r\nx\r\n");
        wait_for_text(&out, "UID=4");
        running.terminate();
        // Nothing was searched again for any of that.
        let log = home.path().join(format!("{name}.log"));
        let said = std::fs::read_to_string(&log).expect("a log");
        assert!(said.contains("ADDTO") && said.contains("REMOVEFROM"), "{name}: {said}");
        assert_eq!(said.matches(" EXAMINE ").count(), 1, "{name}: {said}");
    }
}

#[test]
fn without_contexts_each_change_is_looked_at() {
    let home = Home::new();
    let server = ServeTest::with(&["--allow-cleartext", "--hide=CONTEXT=SEARCH,CONTEXT=SORT"]);
    let mut other = OtherClient::login(server.port("imap"), "alice", "secret");
    other.append("INBOX", "", b"Subject: first\r\n\r\nx\r\n");
    let (running, out, log) =
        staying(&home, "plain", server.port("imap"), "is:unread", ("/INBOX", "--json"));
    assert_eq!(events(&out, 1), ["found first"]);
    wait_for_text(&log, " IDLE");
    other.append("INBOX", "", b"Subject: second\r\n\r\nx\r\n");
    assert_eq!(events(&out, 2)[1], "found second");
    running.terminate();
    let said = std::fs::read_to_string(&log).expect("a log");
    assert!(!said.contains("UPDATE"), "{said}");
}

/// RFC 5267 section 4.3.2: the server has no room for another live result, and says so.
#[test]
fn a_server_without_room_for_another_result_is_looked_at() {
    let examined = || {
        vec![
            Step::Expect("EXAMINE"),
            Step::line("* 1 EXISTS"),
            Step::line("* OK [UIDVALIDITY 7] valid"),
            Step::Tagged("OK [READ-ONLY] done"),
        ]
    };
    let mut steps = vec![
        Step::line("* PREAUTH [CAPABILITY IMAP4rev1 ESEARCH CONTEXT=SEARCH IDLE] hello"),
        Step::Expect("LIST"),
        Step::line("* LIST (\\Noselect) \"/\" \"\""),
        Step::Tagged("OK done"),
    ];
    steps.extend(examined());
    steps.extend([
        Step::Expect("UID SEARCH RETURN (ALL) UNSEEN"),
        Step::line("* ESEARCH UID ALL 1"),
        Step::Tagged("OK done"),
        Step::Expect("UID FETCH 1"),
        Step::line("* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 20 INTERNALDATE \"02-Mar-2026 10:00:00 +0000\" BODY[HEADER.FIELDS (Date From Subject)] {18}\r\nSubject: first\r\n\r\n)"),
        Step::Tagged("OK done"),
        Step::Expect("UID SEARCH RETURN (UPDATE ALL) UNSEEN"),
        Step::line("* OK [NOUPDATE \"a5\"] Too many contexts"),
        Step::line("* ESEARCH (TAG \"a5\") UID ALL 1"),
        Step::Tagged("OK done"),
        Step::Expect("IDLE"),
        Step::line("+ idling"),
        Step::line("* 2 EXISTS"),
        Step::Expect("DONE"),
        Step::line("a6 OK done"),
    ]);
    steps.extend(examined());
    let server = Scripted::serve(steps);
    let home = Home::new();
    let (running, out, log) =
        staying(&home, "full", server.port(), "is:unread", ("/INBOX", "--json"));
    assert_eq!(events(&out, 1), ["found first"]);
    wait_for_text(&log, "2 EXISTS");
    support::wait_for("another look", Duration::from_secs(30), || {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        (said.matches(" EXAMINE ").count() == 2).then_some(())
    });
    running.terminate();
}

#[test]
fn what_comes_into_any_folder_is_told_by_notify() {
    let test = "what_comes_into_any_folder_is_told_by_notify";
    let Some(dovecot) = Dovecot::start(test) else { return };
    for name in ["INBOX", "Lists/rust", "Lists/late"] {
        let stored = Stored { octets: b"Subject: early\r\n\r\nx\r\n", flags: "", received: FIRST };
        dovecot.put("alice", name, &[stored]);
    }
    let home = Home::new();
    let (running, out, log) = staying(&home, "all", dovecot.imap, "subject:late", ("", "--json"));
    wait_for_text(&log, "NOTIFY SET");
    support::wait_for("the search to wait", Duration::from_secs(30), || {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        (said.matches("UID SEARCH").count() >= 3 && said.matches("NOTIFY completed").count() == 1)
            .then_some(())
    });
    let mut other = OtherClient::login(dovecot.imap, "alice", "secret");
    other.append("Lists/late", "", b"Subject: latecomer\r\n\r\nx\r\n");
    assert_eq!(events(&out, 1), ["found latecomer"]);
    running.terminate();
    // The server said so by itself (RFC 5465 section 5.2), of a mailbox that nobody had selected.
    let said = std::fs::read_to_string(&log).expect("a log");
    assert!(
        said.contains("* STATUS Lists/late") || said.contains("* STATUS \"Lists/late\""),
        "{said}"
    );
}

/// The mailboxes, UIDs and UIDVALIDITYs of RFC 7377, section 3.
#[test]
fn many_folders_by_one_command() {
    let opening = || {
        vec![
            Step::line("* PREAUTH [CAPABILITY IMAP4rev1 ESEARCH MULTISEARCH] hello"),
            Step::Expect("LIST"),
            Step::line("* LIST (\\Noselect) \"/\" \"\""),
            Step::Tagged("OK done"),
            Step::Expect("LIST"),
            Step::line("* LIST () \"/\" INBOX"),
            Step::line("* LIST () \"/\" folder1"),
            Step::line("* LIST () \"/\" folder2/banana"),
            Step::line("* LIST () \"/\" folder2/peach"),
            Step::Tagged("OK done"),
            Step::Expect("LSUB"),
            Step::Tagged("OK done"),
            Step::Expect(
                "ESEARCH IN (MAILBOXES (INBOX folder1 folder2/banana folder2/peach)) RETURN (ALL) UNSEEN",
            ),
        ]
    };
    let closing =
        [Step::Expect("LOGOUT"), Step::line("* BYE"), Step::Tagged("OK done"), Step::Close];
    let mut steps = opening();
    steps.extend([
        Step::line("* ESEARCH (TAG \"tag1\" MAILBOX \"folder1\" UIDVALIDITY 1) UID ALL 4001,4003,4005,4007,4009"),
        Step::line("* ESEARCH (TAG \"tag1\" MAILBOX \"folder2/banana\" UIDVALIDITY 503) UID ALL 3002,4004"),
        Step::line("* ESEARCH (TAG \"tag1\" MAILBOX \"folder2/peach\" UIDVALIDITY 3) UID ALL 921691"),
        Step::Tagged("OK done"),
    ]);
    steps.extend(closing.clone());
    let server = Scripted::serve(steps);
    let home = Home::new();
    let run = everywhere(&home, server.port(), "is:unread", &[]).run().success();
    let lines = run.lines();
    assert_eq!(lines.len(), 8, "{run}");
    assert!(lines[5].ends_with("/folder2/banana;UIDVALIDITY=503/;UID=3002"), "{run}");
    server.finish();
    // Section 2.4: what is not whole is no answer, and neither is a refusal.
    for end in ["OK [LIMIT] that was too much", "NO [LIMIT] that is too much"] {
        let mut steps = opening();
        steps.extend([
            Step::line("* ESEARCH (TAG \"tag1\" MAILBOX \"folder1\" UIDVALIDITY 1) UID ALL 4001"),
            Step::Tagged(end),
        ]);
        for _ in 0..4 {
            steps.push(Step::Expect("EXAMINE"));
            steps.push(Step::line("* 9 EXISTS"));
            steps.push(Step::line("* OK [UIDVALIDITY 1] valid"));
            steps.push(Step::Tagged("OK [READ-ONLY] done"));
            steps.push(Step::Expect("UID SEARCH RETURN (ALL) UNSEEN"));
            steps.push(Step::line("* ESEARCH UID ALL 1:2"));
            steps.push(Step::Tagged("OK done"));
        }
        steps.extend(closing.clone());
        let server = Scripted::serve(steps);
        let run = everywhere(&home, server.port(), "is:unread", &[]).run().success();
        assert_eq!(run.lines().len(), 8, "{end}: {run}");
        server.finish();
    }
    // Nobody else here has it: our own server, with it and without.
    let mut answers = Vec::new();
    for hidden in ["--hide=ID", "--hide=MULTISEARCH"] {
        let server = ServeTest::with(&["--allow-cleartext", hidden]);
        let mut other = OtherClient::login(server.port("imap"), "alice", "secret");
        for (number, name) in ["INBOX", "Lists/a b", "Lists/c"].iter().enumerate() {
            if number > 0 {
                other.command(&format!("CREATE \"{name}\""));
            }
            for unread in 0..=number {
                let flags = if unread == 0 { "" } else { "\\Seen" };
                other.append(name, flags, b"Subject: x\r\nFrom: ann@x.example\r\n\r\nbudget\r\n");
            }
        }
        for (query, more) in [
            ("is:unread", &[][..]),
            ("is:read", &["--count"]),
            ("folder:Lists/* is:read", &[]),
            ("is:flagged", &[]),
            ("budget", &[]),
            ("from:ann", &[]),
        ] {
            let trace = home.path().join("trace");
            let _ = std::fs::remove_file(&trace);
            let path = format!("--trace={}", trace.display());
            let mut all = vec![path.as_str()];
            all.extend(more);
            let run = everywhere(&home, server.port("imap"), query, &all).run();
            let said = std::fs::read_to_string(&trace).expect("a trace");
            // Text is asked for one by one (section 2.3), and what needs more comes along.
            let by_one = hidden.ends_with("ID") && !["budget", "from:ann"].contains(&query);
            assert_eq!(said.contains("ESEARCH IN ("), by_one, "{query}");
            assert!(round_trips(&trace) <= 3, "{query}: {} round trips", round_trips(&trace));
            let places: Vec<String> = run.lines().iter().map(|line| after_port(line)).collect();
            answers.push((query, run.code, places));
        }
    }
    let (with, without) = answers.split_at(answers.len() / 2);
    assert_eq!(with, without);
}

/// A reference without its server and the UIDVALIDITY, which are others in each run.
fn after_port(line: &str) -> String {
    let path = line.splitn(4, '/').nth(3).unwrap_or(line);
    let validity = path.find(";UIDVALIDITY=").map(|at| {
        let rest = &path[at + 1..];
        let end = rest.find([';', '/']).unwrap_or(rest.len());
        format!("{}{}", &path[..at], &rest[end..])
    });
    validity.unwrap_or_else(|| path.to_owned())
}

/// A search through all folders of a server in the clear.
fn everywhere(home: &Home, port: u16, query: &str, more: &[&str]) -> Invocation {
    let mut arguments = vec![
        "search".to_owned(),
        query.to_owned(),
        format!("imap://alice@127.0.0.1:{port}"),
        "--tls=none".to_owned(),
        "--allow-cleartext-password".to_owned(),
    ];
    arguments.extend(more.iter().map(|word| (*word).to_owned()));
    home.pillarbox(&arguments).password("secret")
}

#[test]
fn the_date_of_saving_is_another_than_that_of_arrival() {
    let test = "the_date_of_saving_is_another_than_that_of_arrival";
    let Some(dovecot) = Dovecot::start(test) else { return };
    put(&dovecot, &mailbox(3, 4));
    let home = Home::new();
    let trace = home.path().join("trace");
    let path = format!("--trace={}", trace.display());
    // It arrived long ago, and was put there now.
    let now = on_server(&home, dovecot.imap, "saved:1d.. before:2026-04", &["--uids", &path]).run();
    assert_eq!(now.success().lines().len(), 4);
    let said = std::fs::read_to_string(&trace).expect("a trace");
    assert!(said.contains("SAVEDSINCE") && said.contains(" SAVEDATE"), "{said}");
    on_server(&home, dovecot.imap, "saved:..2026-04", &[]).run().expect(1);
    on_server(&home, dovecot.imap, "saved:1d..", &["--verify", "--uids"]).run().success();
    // RFC 8514 section 4.3: where no such date is kept, the date of arrival stands for it.
    let maildir = dovecot.maildir("alice", "INBOX");
    let place = maildir.to_str().expect("UTF-8");
    assert_eq!(home.run(&["search", "saved:2026-03", place]).success().lines().len(), 4);
    let seed = format!("--seed-mail={place}");
    let without = ServeTest::with(&[&seed, "--hide=SAVEDATE"]);
    let run = on_server(&home, without.port("imap"), "saved:2026-03", &["--uids"]).run();
    assert_eq!(run.success().lines().len(), 4);
}

#[test]
fn only_what_was_chosen_is_shown_and_asked_for() {
    let home = Home::new();
    let folder = home.path().join("seed");
    seed(&folder, &discussion());
    let server = ServeTest::with(&[&format!("--seed-mail={}", folder.display())]);
    let trace = home.path().join("trace");
    let path = format!("--trace={}", trace.display());
    let more = ["--json", "--fields=uid,reference", "--limit=2", &path];
    let run = on_server(&home, server.port("imap"), "*", &more).run().success();
    let first = run.lines()[0].to_owned();
    assert!(first.starts_with("{\"uid\":1,\"reference\":\"imap://"), "{first}");
    assert!(!std::fs::read_to_string(&trace).expect("a trace").contains("FETCH"));
    let place = folder.to_str().expect("UTF-8");
    let run = home.run(&["search", "from:p3", place, "--json", "--fields", "subject,flags"]);
    assert_eq!(
        run.success().text(),
        "{\"subject\":\"Re: lunch\",\"flags\":[\"\\\\Flagged\",\"\\\\Seen\"]}\n"
    );
    home.run(&["search", "x", place, "--fields", "subject"]).expect(2);
    home.run(&["search", "x", place, "--json", "--fields", "nonsense"]).expect(2);
}

/// The query and the numbers of Google's own example of X-GM-RAW ("IMAP Extensions", Extension of
/// the SEARCH command), whose answer has no order; the capabilities are Gmail's.
#[test]
fn gmail_is_asked_in_its_own_language() {
    let selected = [
        Step::Expect("EXAMINE"),
        Step::line("* 9 EXISTS"),
        Step::line("* OK [UIDVALIDITY 7] valid"),
        Step::Tagged("OK [READ-ONLY] INBOX selected. (Success)"),
    ];
    let opening = |capabilities: &str| {
        let mut steps = vec![
            Step::line(&format!("* PREAUTH [CAPABILITY IMAP4rev1 {capabilities}] hello")),
            Step::Expect("LIST"),
            Step::line("* LIST (\\Noselect) \"/\" \"\""),
            Step::Tagged("OK Success"),
        ];
        steps.extend(selected.clone());
        steps
    };
    let closing =
        [Step::Expect("LOGOUT"), Step::line("* BYE"), Step::Tagged("OK done"), Step::Close];
    let home = Home::new();
    for (capabilities, asked, answer) in [
        (
            "X-GM-EXT-1",
            "UID SEARCH X-GM-RAW \"has:attachment in:unread\"",
            "* SEARCH 123 12344 5992",
        ),
        (
            "X-GM-EXT-1 ESEARCH UIDPLUS",
            "UID SEARCH RETURN (ALL) X-GM-RAW \"has:attachment in:unread\"",
            "* ESEARCH UID ALL 123,5992,12344",
        ),
    ] {
        let mut steps = opening(capabilities);
        steps.extend([
            Step::Expect(asked),
            Step::line(answer),
            Step::Tagged("OK SEARCH (Success)"),
        ]);
        steps.extend(closing.clone());
        let server = Scripted::serve(steps);
        let query = "gm:\"has:attachment in:unread\"";
        let run = on_server(&home, server.port(), query, &["--uids"]).run().success();
        assert_eq!(run.text(), "123\n5992\n12344\n", "{capabilities}");
        server.finish();
    }
    // Beside other terms, and negated: what is sent says all of it.
    let mut steps = opening("X-GM-EXT-1 ESEARCH");
    steps.extend([
        Step::Expect("UID SEARCH RETURN (ALL) UNSEEN NOT X-GM-RAW label:travel"),
        Step::line("* ESEARCH UID ALL 4"),
        Step::Tagged("OK SEARCH (Success)"),
    ]);
    steps.extend(closing.clone());
    let server = Scripted::serve(steps);
    let query = "is:unread -gm:label:travel";
    let run = on_server(&home, server.port(), query, &["--uids"]).run().success();
    assert_eq!(run.text(), "4\n");
    server.finish();
    // Our own server as Gmail, and one that is not Gmail.
    let folder = home.path().join("seed");
    seed(&folder, &discussion());
    let seed = format!("--seed-mail={}", folder.display());
    let gmail = ServeTest::with(&[&seed, "--like=gmail", "--allow-cleartext"]);
    let query = "gm:\"subject:lunch is:unread\" -from:p0";
    let run = on_server(&home, gmail.port("imap"), query, &["--uids"]).run();
    let without = ServeTest::with(&[&seed]);
    let plain = "subject:lunch is:unread -from:p0";
    let same = on_server(&home, without.port("imap"), plain, &["--uids"]).run().success();
    assert_eq!(run.success().text(), same.text());
    let run = on_server(&home, without.port("imap"), query, &["--uids"]).run();
    run.expect(2).says(&["gm: is Gmail's own", "is not Gmail"]);
}

#[test]
fn where_nothing_is_fuzzy_it_is_said() {
    let home = Home::new();
    let server = ServeTest::with(&[]);
    let run = on_server(&home, server.port("imap"), "budget", &["--fuzzy"]).run();
    run.expect(1).says(&["no fuzzy search (SEARCH=FUZZY)"]);
    let run = on_server(&home, server.port("imap"), "subject:budget", &["--fuzzy"]).run();
    assert_eq!(run.expect(1).errors(), "");
}
