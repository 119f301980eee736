//! `fetch` from real servers: which messages, which of their octets, and what is shown of them;
//! folders, references, copies, and how much travels.

mod support;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::{Dovecot, Home, Invocation, Stored, WebServer, mail, wait_for};

/// A message of this subject and size, seen or not.
fn message(subject: &str, octets: usize) -> Vec<u8> {
    let mut text = format!(
        "From: Ann <ann@example.test>\nTo: bob@example.test\nSubject: {subject}\n\
         Message-ID: <{}@example.test>\nDate: Tue, 3 Mar 2026 10:00:00 +0000\n\n",
        subject.replace(' ', ".")
    );
    while text.len() < octets {
        text.push_str("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n");
    }
    text.into_bytes()
}

const DAY: u64 = 24 * 60 * 60;

fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A Dovecot with folders: `INBOX` has an old, a large and a seen message, `Lists/rust` one,
/// `Lists/rust/dev` one, `Other` one.
fn filled(test: &str) -> Option<Dovecot> {
    let dovecot = Dovecot::start(test)?;
    let put = |mailbox: &str, messages: &[(&str, usize, &str, u64)]| {
        let octets: Vec<Vec<u8>> =
            messages.iter().map(|(subject, size, ..)| message(subject, *size)).collect();
        let stored: Vec<Stored<'_>> = messages
            .iter()
            .zip(&octets)
            .map(|((_, _, flags, age), octets)| Stored {
                octets,
                flags,
                received: now() - age * DAY,
            })
            .collect();
        dovecot.put("alice", mailbox, &stored);
    };
    put("INBOX", &[("old", 0, "", 30), ("large", 40_000, "", 1), ("seen", 0, "S", 1)]);
    put("Lists/rust", &[("in rust", 0, "", 1)]);
    put("Lists/rust/dev", &[("in dev", 0, "", 1)]);
    put("Other", &[("in other", 0, "", 1)]);
    Some(dovecot)
}

fn at(home: &Home, dovecot: &Dovecot, words: &[&str]) -> Invocation {
    home.pillarbox(words).arg("--ca-file").arg(dovecot.ca()).password("secret")
}

/// The subjects that a command line brings, in order.
fn subjects(home: &Home, dovecot: &Dovecot, source: &str, options: &[&str]) -> Vec<String> {
    let words: Vec<&str> = ["fetch", source, "--headers", "subject", "--json"]
        .iter()
        .chain(options)
        .copied()
        .collect();
    let run = at(home, dovecot, &words).run().success();
    run.json_lines()
        .iter()
        .map(|line| line["headers"][0][1].as_str().unwrap_or_default().trim().to_owned())
        .collect()
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[test]
fn messages_are_selected_at_every_kind_of_source() {
    let Some(dovecot) = filled("messages_are_selected_at_every_kind_of_source") else { return };
    let home = Home::new();
    let imap = format!("{}INBOX", dovecot.url("imaps", "alice"));
    let pop = dovecot.url("pop3s", "alice");
    for to in ["maildir:local", "mbox:local.mbox"] {
        at(&home, &dovecot, &["fetch", &imap, "--to", to]).run().success();
    }
    let rows: [(&[&str], &[&str]); 8] = [
        (&["--unseen"], &["large", "old"]),
        (&["--since", "7d"], &["large", "seen"]),
        (&["--max-size", "10K"], &["old", "seen"]),
        (&["--query", "subject:old OR subject:seen"], &["old", "seen"]),
        (&["--query", "body:0123456789abcdef"], &["large"]),
        (&["--query", "-is:unread"], &["seen"]),
        (&["--query", "from:nobody"], &[]),
        (&["--unseen", "--since", "7d", "--max-size", "1M"], &["large"]),
    ];
    for (options, wanted) in rows {
        for source in [imap.as_str(), "maildir:local", "mbox:local.mbox"] {
            let found = sorted(subjects(&home, &dovecot, source, options));
            assert_eq!(found, wanted, "{source} {options:?}");
        }
    }
    // A maildrop has no flags: nothing has been seen; when mail came, its own words say.
    let found = sorted(subjects(&home, &dovecot, &pop, &["--unseen", "--max-size", "10K"]));
    assert_eq!(found, ["old", "seen"]);
    assert_eq!(subjects(&home, &dovecot, &pop, &["--query", "subject:large"]), ["large"]);
    assert_eq!(sorted(subjects(&home, &dovecot, &pop, &["--since", "2026-03-03"])).len(), 3);
    assert!(subjects(&home, &dovecot, &pop, &["--since", "2026-03-04"]).is_empty());
    assert_eq!(subjects(&home, &dovecot, &imap, &["--uid", "2:*"]), ["large", "seen"]);
    // `n:*` has the last message even where n is greater: we ask for none that is not there.
    assert!(subjects(&home, &dovecot, &imap, &["--uid", "99:200"]).is_empty());
    at(&home, &dovecot, &["fetch", &pop, "--uid", "1"]).run().expect(64).says(&["UIDs"]);
    assert_eq!(subjects(&home, &dovecot, &imap, &["--last", "1", "--unseen"]), ["large"]);
    // References on standard input are selected, too.
    let listed = at(&home, &dovecot, &["search", "*", &imap]).run().success();
    let run = at(&home, &dovecot, &["fetch", "-", "--unseen", "--json"])
        .stdin(listed.stdout)
        .run()
        .success();
    assert_eq!(run.json_lines().len(), 2, "{run}");
}

#[test]
fn folders_by_pattern_below_and_all() {
    let Some(dovecot) = filled("folders_by_pattern_below_and_all") else { return };
    let home = Home::new();
    let url = dovecot.url("imaps", "alice");
    home.configure(&format!("[account.work]\nemail = \"alice@example.test\"\nimap = \"{url}\"\n"));
    let found = |source: &str, options: &[&str]| sorted(subjects(&home, &dovecot, source, options));
    assert_eq!(found("work:Lists/*", &[]), ["in dev", "in rust"]);
    assert_eq!(found("work:Lists/%", &[]), ["in rust"]);
    assert_eq!(found("work:Lists/rust", &[]), ["in rust"]);
    assert_eq!(found("work:Lists/rust", &["--recursive"]), ["in dev", "in rust"]);
    let all = ["in dev", "in other", "in rust", "large", "old", "seen"];
    assert_eq!(found("work:", &[]), all);
    assert_eq!(found("work", &["--recursive"]), all);
    assert_eq!(found(&url, &["--recursive"]), all);
    assert_eq!(found("work", &[]), ["large", "old", "seen"]);
    assert_eq!(found("work:", &["--query", "folder:Lists/* subject:dev"]), ["in dev"]);
    at(&home, &dovecot, &["fetch", "work:Nope/*"]).run().expect(66).says(&["no such folder"]);
    // Each folder has its own place in the record.
    let new = ["fetch", "work:Lists/*", "--new", "--to", "maildir:box"];
    at(&home, &dovecot, &new).run().success();
    at(&home, &dovecot, &["fetch", "work:", "--new", "--to", "maildir:box"]).run().success();
    let count = mail::all_maildir_files(&home.path().join("box")).len();
    assert_eq!(count, 6, "what came from a pattern does not come again");
    // A Maildir has folders, too.
    let tree = dovecot.home().join("alice/Maildir").display().to_string();
    let local = home
        .run(&[
            "fetch",
            &format!("maildir:{tree}"),
            "--recursive",
            "--headers",
            "subject",
            "--json",
        ])
        .success();
    assert_eq!(local.json_lines().len(), 6, "{local}");
}

/// The subjects of all messages of the Maildirs in a tree, by directory.
fn tree(root: &Path) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let below = std::fs::read_dir(root).expect("a Maildir").map(|entry| entry.expect("one").path());
    let folders = below.filter(|path| path.is_dir() && !path.ends_with("tmp"));
    for folder in folders.filter(|path| !path.ends_with("cur") && !path.ends_with("new")) {
        let name = folder.strip_prefix(root).expect("below").display().to_string();
        found.push((name, in_maildir(&folder)));
    }
    found.push((String::new(), in_maildir(root)));
    found.sort();
    found
}

fn in_maildir(folder: &Path) -> Vec<String> {
    let files = mail::maildir_files(folder);
    let subject = |path: &std::path::PathBuf| {
        let text = String::from_utf8_lossy(&std::fs::read(path).expect("a message")).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("Subject: ").map(str::to_owned));
        line.unwrap_or_default()
    };
    sorted(files.iter().map(subject).collect())
}

/// Several folders keep their names at a target that has folders; a target that names one folder
/// is that one.
#[test]
fn each_folder_of_several_is_one_at_the_target() {
    let Some(dovecot) = filled("each_folder_of_several_is_one_at_the_target") else { return };
    let odd = message("in odd", 0);
    dovecot.put("alice", "v1 r&AOk-", &[Stored { octets: &odd, flags: "F", received: now() }]);
    let home = Home::new();
    let (url, other) = (dovecot.url("imaps", "alice"), dovecot.url("imaps", "bob"));
    let ca = dovecot.ca();
    let ca = ca.display();
    home.configure(&format!(
        "[account.work]\nemail = \"alice@example.test\"\nimap = \"{url}\"\nca-file = \"{ca}\"\n\
         [account.copy]\nemail = \"bob@example.test\"\nimap = \"{other}\"\nca-file = \"{ca}\"\n"
    ));
    let run = |words: &[&str]| home.pillarbox(words).password("secret").run().success();
    let whole = |odd: &str| {
        let of = |name: &str, all: &[&str]| {
            (name.to_owned(), all.iter().map(|&subject| subject.to_owned()).collect::<Vec<_>>())
        };
        let mut wanted = vec![
            of("", &["large", "old", "seen"]),
            of(".Lists.rust", &["in rust"]),
            of(".Lists.rust.dev", &["in dev"]),
            of(".Other", &["in other"]),
            of(odd, &["in odd"]),
        ];
        wanted.sort();
        wanted
    };
    let own = ".v1 r&AOk-";
    run(&["fetch", "work", "--recursive", "--to", "maildir:box"]);
    assert_eq!(tree(&home.path().join("box")), whole(own));
    // Once more it brings nothing, each folder knowing what it got.
    for _ in 0..2 {
        run(&["fetch", "work:", "--new", "--to", "maildir:new", "--to", "mbox:all.mbox"]);
        assert_eq!(tree(&home.path().join("new")), whole(own));
    }
    let mbox = std::fs::read_to_string(home.path().join("all.mbox")).expect("an mbox");
    assert_eq!(mbox.matches("\nSubject: ").count(), 7, "an mbox has no folders");
    run(&["fetch", "work:Lists/*", "--to", "maildir:lists"]);
    assert_eq!(tree(&home.path().join("lists"))[1..], whole(own)[1..3]);
    // One folder that is named goes where the target is.
    run(&["fetch", "work:Lists/rust", "--to", "maildir:one"]);
    assert_eq!(tree(&home.path().join("one")), [(String::new(), vec!["in rust".to_owned()])]);
    // Another account, by its name and by its URL.
    run(&["fetch", "work:", "--to", "copy:"]);
    run(&["fetch", "work:Lists/*", "--to", &format!("{other}INBOX")]);
    let at_bob = |folder: &str| sorted(subjects(&home, &dovecot, folder, &[]));
    assert_eq!(at_bob("copy:Lists/rust/dev"), ["in dev"]);
    assert_eq!(at_bob("copy:v1 ré"), ["in odd"]);
    assert_eq!(at_bob("copy"), ["in dev", "in rust", "large", "old", "seen"]);
    let flags = home
        .run(&["fetch", "maildir:box", "--recursive", "--query", "is:flagged", "--json"])
        .success();
    assert_eq!(flags.json_lines().len(), 1, "flags travel along: {flags}");
}

/// A message with a text, a PDF in base64, a link to elsewhere and an attached message.
fn with_parts(link: &str) -> Vec<u8> {
    let pdf = mail::base64(b"%PDF-1.4\n\0\x01\x02\xff the rest\n");
    format!(
        "From: =?utf-8?Q?J=C3=B8rn?= <j@example.test>\nTo: Team: a@example.test, b@example.test;\n\
         Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\nMessage-ID: <parts@example.test>\n\
         Date: Tue, 3 Mar 2026 10:00:00 +0000\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=b\n\n\
         --b\nContent-Type: multipart/alternative; boundary=c\n\n\
         --c\nContent-Type: text/plain; charset=iso-8859-1\n\
         Content-Transfer-Encoding: quoted-printable\n\ncaf=E9 au =\nlait\n\
         --c\nContent-Type: text/html; charset=utf-8\n\n<p>caf\u{e9}</p>\n--c--\n\n\
         --b\nContent-Type: application/pdf; name=\"a.pdf\"\n\
         Content-Disposition: attachment; filename=\"a.pdf\"\n\
         Content-Transfer-Encoding: base64\n\n{pdf}\n\
         --b\nContent-Type: message/external-body; access-type=URL;\n URL=\"{link}\"\n\n\
         Content-Type: application/octet-stream\nContent-ID: <x@example.test>\n\n\
         --b--\n"
    )
    .into_bytes()
}

#[test]
fn what_is_shown_of_messages_is_the_same_from_every_source() {
    let test = "what_is_shown_of_messages_is_the_same_from_every_source";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let octets = with_parts("https://example.test/big.iso");
    dovecot.put("alice", "INBOX", &[Stored { octets: &octets, flags: "", received: now() }]);
    let home = Home::new();
    let imap = format!("{}INBOX", dovecot.url("imaps", "alice"));
    let pop = dovecot.url("pop3s", "alice");
    for to in ["maildir:local", "mbox:local.mbox", "eml:files"] {
        at(&home, &dovecot, &["fetch", &imap, "--to", to]).run().success();
    }
    let sources = [imap.as_str(), &pop, "maildir:local", "mbox:local.mbox", "eml:files"];
    for source in sources {
        let shown = |options: &[&str]| {
            let words: Vec<&str> = ["fetch", source].iter().chain(options).copied().collect();
            at(&home, &dovecot, &words).run().success()
        };
        let envelope = shown(&["--envelope", "--json"]).json_lines().remove(0);
        assert_eq!(envelope["subject"], "Grüße", "{source}");
        assert_eq!(envelope["from"][0]["name"], "Jørn", "{source}");
        assert_eq!(envelope["to"].as_array().map(Vec::len), Some(2), "{source}: {envelope}");
        let lines = shown(&["--envelope"]);
        assert!(lines.lines().contains(&"  Subject: Grüße"), "{source}\n{lines}");

        let parts = shown(&["--structure", "--json"]).json_lines().remove(0)["parts"].clone();
        let kinds: Vec<(String, String)> = parts
            .as_array()
            .expect("parts")
            .iter()
            .map(|part| {
                let text = |name: &str| part[name].as_str().unwrap_or_default().to_owned();
                (text("section"), text("content_type"))
            })
            .collect();
        let wanted = [
            ("", "multipart/mixed"),
            ("1", "multipart/alternative"),
            ("1.1", "text/plain"),
            ("1.2", "text/html"),
            ("2", "application/pdf"),
            ("3", "message/external-body"),
        ];
        let wanted = wanted.map(|(section, kind)| (section.to_owned(), kind.to_owned()));
        assert_eq!(kinds, wanted, "{source}");
        assert_eq!(parts[4]["file_name"], "a.pdf", "{source}");
        assert_eq!(parts[5]["url"], "https://example.test/big.iso", "{source}");

        let text = shown(&["--text"]);
        assert_eq!(
            text.stdout,
            "café au lait\n<https://example.test/big.iso>\n".as_bytes(),
            "{source}\n{text}"
        );
        let pdf = shown(&["--part", "2"]);
        assert!(pdf.stdout == b"%PDF-1.4\n\0\x01\x02\xff the rest\n", "{source}\n{pdf}");
        let object = shown(&["--part", "2", "--json"]).json_lines().remove(0);
        assert_eq!(object["content"], mail::base64(&pdf.stdout), "{source}");
        let words = ["fetch", source, "--part", "9"];
        at(&home, &dovecot, &words).run().expect(65).says(&["have no part 9"]);
    }
    // What the link leads to is told, and not fetched.
    let all = ["fetch", &imap, "--attachments", "-o", "out", "--json"];
    let run = at(&home, &dovecot, &all).run().success();
    let saved = run.json_lines();
    assert_eq!(saved.len(), 2, "{run}");
    let link = saved.iter().find(|line| line["url"].is_string()).expect("the link");
    assert_eq!(link["url"], "https://example.test/big.iso");
    assert!(link["path"].is_null(), "{run}");
    let whole = std::fs::read(home.path().join("out/a.pdf")).expect("the file");
    assert_eq!(whole, b"%PDF-1.4\n\0\x01\x02\xff the rest\n");
}

#[test]
fn octets_in_ranges_and_raw_answers() {
    let Some(dovecot) = filled("octets_in_ranges_and_raw_answers") else { return };
    let home = Home::new();
    let url = format!("{}INBOX", dovecot.url("imaps", "alice"));
    let one = format!("{url}/;UID=2");
    let whole = at(&home, &dovecot, &["fetch", &one]).run().success().stdout;
    for (range, wanted) in
        [("0-9", &whole[..10]), ("100-", &whole[100..]), ("39000-99999999", &whole[39_000..])]
    {
        let run = at(&home, &dovecot, &["fetch", &one, "--range", range]).run().success();
        assert!(run.stdout == wanted, "{range}: {} octets", run.stdout.len());
    }
    let header = whole.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or_default() + 4;
    let text = ["fetch", &one, "--section", "TEXT", "--range", "1-5"];
    let run = at(&home, &dovecot, &text).run().success();
    assert!(run.stdout == whole[header + 1..header + 6], "{run}");
    for wrong in ["5-1", "x", "1", "-5", "1-2-3"] {
        at(&home, &dovecot, &["fetch", &one, "--range", wrong]).run().expect(64);
    }

    let raw = |command: &str, options: &[&str]| {
        let words: Vec<&str> =
            ["fetch", &url, "--raw", command].iter().chain(options).copied().collect();
        at(&home, &dovecot, &words).run()
    };
    let run = raw("UID FETCH 1:9 (FLAGS)", &[]).success();
    let lines = run.lines();
    assert_eq!(lines.iter().filter(|line| line.contains(" FETCH (")).count(), 3, "{run}");
    let framed = raw("UID FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT)] UID)", &["--json"]).success();
    let first = &framed.json_lines()[0];
    assert_eq!(first["literals"][0], mail::base64(b"Subject: old\r\n\r\n"), "{framed}");
    raw("UID FROBNICATE", &[]).expect(64).says(&["refused the command"]);
    raw("NOOP\r\nLOGOUT", &[]).expect(64).says(&["one line"]);
}

/// Counts what goes through to a server, and cuts when told.
struct Relay {
    port: u16,
    down: Arc<AtomicU64>,
    connections: Arc<AtomicUsize>,
    /// So many octets pass down on the next connection before it is cut; 0: all.
    limit: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    open: Arc<std::sync::Mutex<Vec<TcpStream>>>,
}

impl Relay {
    fn to(server: u16) -> Relay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("bound").port();
        let relay = Relay {
            port,
            down: Arc::default(),
            connections: Arc::default(),
            limit: Arc::default(),
            is_over: Arc::default(),
            open: Arc::default(),
        };
        let (down, limit, is_over, open, connections) = (
            Arc::clone(&relay.down),
            Arc::clone(&relay.limit),
            Arc::clone(&relay.is_over),
            Arc::clone(&relay.open),
            Arc::clone(&relay.connections),
        );
        std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else {
                    continue;
                };
                connections.fetch_add(1, Ordering::SeqCst);
                let (Ok(client2), Ok(server2)) = (client.try_clone(), server.try_clone()) else {
                    continue;
                };
                {
                    let mut open = open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    open.extend(client.try_clone());
                    open.extend(server.try_clone());
                }
                std::thread::spawn(move || pump(client2, server2, None, None));
                let (down, limit) = (Arc::clone(&down), limit.swap(0, Ordering::SeqCst));
                std::thread::spawn(move || {
                    pump(server, client, Some(&down), (limit > 0).then_some(limit));
                });
            }
        });
        relay
    }

    /// Cuts every connection that is open.
    fn cut(&self) {
        let mut open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for stream in open.drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        self.cut();
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, count: Option<&AtomicU64>, limit: Option<u64>) {
    let mut buffer = vec![0; 64 * 1024];
    let mut passed = 0;
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 {
            break;
        }
        if let Some(count) = count {
            count.fetch_add(read as u64, Ordering::SeqCst);
        }
        passed += read as u64;
        if limit.is_some_and(|limit| passed > limit) {
            let _ = from.shutdown(std::net::Shutdown::Both);
            break;
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

/// A message with a large video and a small PDF.
fn with_video(octets: usize) -> Vec<u8> {
    let mut text = b"From: ann@example.test\nSubject: video\nMIME-Version: 1.0\n\
        Content-Type: multipart/mixed; boundary=b\n\n--b\n\nsee\n--b\n\
        Content-Type: video/mp4; name=v.mp4\nContent-Transfer-Encoding: base64\n\n"
        .to_vec();
    let line = format!("{}\n", "QUJD".repeat(19));
    while text.len() < octets {
        text.extend_from_slice(line.as_bytes());
    }
    text.extend_from_slice(
        b"--b\nContent-Type: application/pdf; name=r.pdf\nContent-Transfer-Encoding: base64\n\n\
          JVBERi0=\n--b--\n",
    );
    text
}

#[test]
fn a_part_of_a_giant_moves_less_than_a_hundredth_of_it() {
    let test = "a_part_of_a_giant_moves_less_than_a_hundredth_of_it";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let size = 50 * 1024 * 1024;
    let octets = with_video(size);
    dovecot.put("alice", "INBOX", &[Stored { octets: &octets, flags: "", received: now() }]);
    let relay = Relay::to(dovecot.imaps);
    let home = Home::new();
    let url = format!("imaps://alice@localhost:{}/INBOX", relay.port);
    for options in [
        &["--attachments", "application/pdf", "-o", "out"][..],
        &["--part", "3"],
        &["--text"],
        &["--structure"],
        &["--envelope"],
    ] {
        let before = relay.down.load(Ordering::SeqCst);
        let words: Vec<&str> = ["fetch", &url].iter().chain(options).copied().collect();
        at(&home, &dovecot, &words).run().success();
        let moved = relay.down.load(Ordering::SeqCst) - before;
        assert!(moved < size as u64 / 100, "{options:?} moved {moved} octets");
    }
    assert_eq!(std::fs::read(home.path().join("out/r.pdf")).expect("the PDF"), b"%PDF-");
    // And a giant that breaks goes on: no octet of it travels twice but what was under way.
    let before = relay.down.load(Ordering::SeqCst);
    relay.limit.store(30 * 1024 * 1024, Ordering::SeqCst);
    let run = at(&home, &dovecot, &["fetch", &url]).run().success();
    assert!(run.stdout == mail::to_crlf(&octets), "{} octets", run.stdout.len());
    let moved = relay.down.load(Ordering::SeqCst) - before;
    assert!(moved < size as u64 * 115 / 100, "{moved} octets for {size}");
    run.says(&["going on where it broke"]);
}

/// A run that was killed in the middle of a giant has kept what had come: the next asks for the
/// rest alone, counted on the wire. What was kept and is not the message's is not believed.
#[test]
fn a_giant_goes_on_in_the_next_run() {
    let test = "a_giant_goes_on_in_the_next_run";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let mut octets = message("giant", 0);
    for number in 0..1_200_000 {
        octets.extend_from_slice(format!("line {number:012}\n").as_bytes());
    }
    let (size, passed) = (octets.len() as u64 + 1_200_000, 14 * 1024 * 1024);
    dovecot.put("alice", "INBOX", &[Stored { octets: &octets, flags: "S", received: now() }]);
    let home = Home::new();
    let url = format!("{}INBOX", dovecot.url("imaps", "alice"));
    let fetch = |relay: &Relay, to: &str| {
        let through = format!("localhost:{}:127.0.0.1:{}", dovecot.imaps, relay.port);
        at(&home, &dovecot, &["fetch", &url, "--to", to, "--connect-to", &through])
    };
    let come = |name: &str| -> Vec<Vec<u8>> {
        let files = mail::maildir_files(&home.path().join(name));
        files.iter().map(|path| std::fs::read(path).expect("a message")).collect()
    };

    let relay = Relay::to(dovecot.imaps);
    relay.limit.store(passed, Ordering::SeqCst);
    let running = fetch(&relay, "maildir:box").spawn();
    wait_for("a connection", support::PATIENCE, || {
        (relay.connections.load(Ordering::SeqCst) > 0).then_some(())
    });
    // The next one is refused, and so are all others.
    relay.is_over.store(true, Ordering::SeqCst);
    wait_for("the cut", support::PATIENCE, || {
        (relay.down.load(Ordering::SeqCst) > passed).then_some(())
    });
    let parts = home.state().join("pillarbox/fetch/parts");
    let part = wait_for("what has come", support::PATIENCE, || {
        let entry = std::fs::read_dir(&parts).ok()?.flatten().next()?;
        let is_enough = entry.metadata().is_ok_and(|facts| facts.len() > passed / 2);
        is_enough.then(|| entry.path())
    });
    running.kill();
    running.wait(support::PATIENCE);
    assert!(come("box").is_empty());
    let kept = std::fs::read(&part).expect("what was kept");

    let relay = Relay::to(dovecot.imaps);
    let run = fetch(&relay, "maildir:box").run().success().says(&["going on behind octet"]);
    let moved = relay.down.load(Ordering::SeqCst);
    assert!(moved < size - kept.len() as u64 + size / 20, "{moved} octets of {size}\n{run}");
    assert!(come("box") == [octets.clone()], "the message, whole\n{run}");
    assert!(!part.exists(), "what is whole is not kept");

    let mut other = kept;
    let end = other.len() - 100;
    other[end] ^= 1;
    std::fs::write(&part, &other).expect("written");
    let run = fetch(&relay, "maildir:second").run().success();
    assert!(come("second") == [octets], "the message, whole\n{run}");
    assert!(!part.exists(), "what was not the message's is not kept");
}

#[test]
fn headers_of_ten_thousand_messages_come_in_one_command() {
    let test = "headers_of_ten_thousand_messages_come_in_one_command";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let count = if support::full() { 10_000 } else { 2_000 };
    let octets: Vec<Vec<u8>> = (0..count).map(|n| message(&format!("m{n}"), 0)).collect();
    let stored: Vec<Stored<'_>> =
        octets.iter().map(|octets| Stored { octets, flags: "", received: now() }).collect();
    dovecot.put("alice", "INBOX", &stored);
    // Every third is gone: what is left stands in the thousands of gaps of a mailbox's life.
    let files = mail::maildir_files(&dovecot.maildir("alice", "INBOX"));
    let home = Home::new();
    let url = format!("{}INBOX", dovecot.url("imaps", "alice"));
    let all = at(&home, &dovecot, &["fetch", &url, "--headers", "subject", "--json"]);
    assert_eq!(all.run().success().json_lines().len(), count);
    for path in files.iter().step_by(3) {
        std::fs::remove_file(path).expect("a message can be removed");
    }
    let left = count - count.div_ceil(3);
    let words = ["fetch", &url, "--headers", "subject", "--json", "-v"];
    let run = at(&home, &dovecot, &words).run().success();
    assert_eq!(run.json_lines().len(), left);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    let commands =
        said.lines().filter(|line| line.contains("C: ") && line.contains("HEADER.FIELDS"));
    assert_eq!(commands.count(), 1, "one command for all");
    // A message that is not wanted is not asked for along with its neighbours.
    let words = ["fetch", &url, "--headers", "subject", "--last", "20", "--json", "-v"];
    let run = at(&home, &dovecot, &words).run().success();
    assert_eq!(run.json_lines().len(), 20);
}

#[test]
fn copies_are_brought_once() {
    let Some(dovecot) = filled("copies_are_brought_once") else { return };
    let copy = message("old", 0);
    dovecot.put("alice", "Other", &[Stored { octets: &copy, flags: "", received: now() }]);
    let home = Home::new();
    let url = dovecot.url("imaps", "alice");
    let inbox = format!("{url}INBOX");
    let other = format!("{url}Other");
    let count = |name: &str| mail::all_maildir_files(&home.path().join(name)).len();
    let into = |source: &str, options: &[&str]| {
        let words: Vec<&str> =
            ["fetch", source, "--dedupe"].iter().chain(options).copied().collect();
        at(&home, &dovecot, &words).run().success();
    };
    into(&inbox, &["--to", "maildir:box"]);
    into(&other, &["--to", "maildir:box"]);
    assert_eq!(count("box"), 4, "the copy of `old` did not come");
    // Another target lacks it.
    into(&other, &["--to", "maildir:box", "--to", "maildir:second"]);
    assert_eq!((count("box"), count("second")), (4, 2));
    // By POP3 the same message is the same message.
    into(&dovecot.url("pop3s", "alice"), &["--to", "maildir:box"]);
    assert_eq!(count("box"), 4);
    // What has a copy counts as brought, and may be deleted at the source.
    into(&inbox, &["--to", "maildir:box", "--then", "delete"]);
    assert!(dovecot.messages("alice", "INBOX").is_empty());
}

#[test]
fn links_are_followed_only_when_asked() {
    let test = "links_are_followed_only_when_asked";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let Some(web) = WebServer::start(test, None) else { return };
    web.put("file.bin", "the content");
    let link = format!("http://localhost:{}/file.bin?x=1", web.port);
    let octets = with_parts(&link);
    dovecot.put("alice", "INBOX", &[Stored { octets: &octets, flags: "", received: now() }]);
    let home = Home::new();
    let url = format!("{}INBOX", dovecot.url("imaps", "alice"));
    let fetch = |options: &[&str]| {
        let words = ["fetch", &url, "--attachments", "message/external-body", "-o", "out"];
        let words: Vec<&str> = words.iter().chain(options).copied().collect();
        at(&home, &dovecot, &words).run().success()
    };
    let told = fetch(&[]);
    assert_eq!(told.lines(), [link.as_str()]);
    assert!(!home.path().join("out/file.bin").exists());
    fetch(&["--follow"]);
    let content = std::fs::read(home.path().join("out/file.bin")).expect("the content");
    assert_eq!(content, b"the content");
    web.remove("file.bin");
    let words = ["fetch", &url, "--attachments", "-o", "out", "--follow"];
    at(&home, &dovecot, &words).run().expect(69).says(&["the server answers 404"]);
}

/// What `search` prints, `fetch`, `message` and curl understand.
#[test]
fn references_hold_for_everyone() {
    let test = "references_hold_for_everyone";
    if !support::needs(test, &["curl"]) {
        return;
    }
    let Some(dovecot) = Dovecot::start(test) else { return };
    // Modified UTF-7 for `Grüße & mehr`, and what a URL has to escape.
    for name in ["Gr&APwA3w-e &- mehr", "50% off? #1;x"] {
        let octets = message("odd folder", 0);
        dovecot.put("alice", name, &[Stored { octets: &octets, flags: "", received: now() }]);
    }
    let home = Home::new();
    let url = dovecot.url("imaps", "alice");
    let found = at(&home, &dovecot, &["search", "subject:odd", &url]).run().success();
    let references = found.lines();
    assert_eq!(references.len(), 2, "{found}");
    let wanted = mail::to_crlf(&message("odd folder", 0));
    for reference in references {
        let run = at(&home, &dovecot, &["fetch", reference]).run().success();
        assert!(run.stdout == wanted, "{reference}\n{run}");
        let section = format!("{reference}/;SECTION=HEADER.FIELDS%20(SUBJECT)");
        let run = at(&home, &dovecot, &["fetch", &section]).run().success();
        assert!(run.stdout == b"Subject: odd folder\r\n\r\n", "{section}\n{run}");
        let partial = format!("{reference}/;PARTIAL=3.7");
        let run = at(&home, &dovecot, &["fetch", &partial]).run().success();
        assert!(run.stdout == wanted[3..10], "{partial}\n{run}");
        let ca = dovecot.ca().display().to_string();
        let mark = ["message", "mark", "--ca-file", &ca, reference, "+flagged"];
        home.pillarbox(&mark).password("secret").run().success();
        let with_password = reference.replace("alice@", "alice:secret@");
        let words = ["-s", "--cacert", &ca, &with_password];
        // curl sends the mailbox as it stands in the URL: only ASCII names are the same to it.
        if !reference.contains("%C3") {
            let curl = home.command("curl", &words).run().success();
            assert!(curl.stdout == wanted, "{reference}\n{curl}");
        }
        let (start, rest) = reference.split_once(";UIDVALIDITY=").expect("a generation");
        let (_, uid) = rest.split_once('/').expect("a UID");
        let other = format!("{start};UIDVALIDITY=1/{uid}");
        let words = ["fetch", other.as_str()];
        at(&home, &dovecot, &words).run().expect(65).says(&["uidvalidity is", "not 1"]);
    }
}

/// Delivers a message by LMTP.
struct Lmtp {
    stream: TcpStream,
}

impl Lmtp {
    fn to(dovecot: &Dovecot) -> Lmtp {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, dovecot.lmtp)).expect("LMTP");
        stream.set_read_timeout(Some(support::PATIENCE)).expect("a timeout");
        let mut lmtp = Lmtp { stream };
        lmtp.answer();
        lmtp.say("LHLO test");
        lmtp
    }

    fn answer(&mut self) -> String {
        let (mut text, mut octet) = (String::new(), [0]);
        loop {
            let from = text.len();
            while !text.ends_with('\n') {
                self.stream.read_exact(&mut octet).expect("an answer");
                text.push(char::from(octet[0]));
                if text.len() > from + 1000 {
                    break;
                }
            }
            if text.as_bytes()[from..].get(3) != Some(&b'-') {
                return text;
            }
            text.push(' ');
        }
    }

    fn say(&mut self, line: &str) -> String {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).expect("heard");
        self.answer()
    }

    fn deliver(&mut self, to: &str, message: &[u8]) {
        self.say("MAIL FROM:<>");
        let answer = self.say(&format!("RCPT TO:<{to}>"));
        assert!(answer.starts_with('2'), "{answer}");
        self.say("DATA");
        self.stream.write_all(&mail::to_crlf(message)).expect("heard");
        let answer = self.say(".");
        assert!(answer.starts_with('2'), "{answer}");
    }
}

/// What is delivered in bursts, to two folders, while the connection is cut at random, is handed
/// over once each; and at once, where nothing was cut.
#[test]
fn a_watch_loses_nothing_and_doubles_nothing() {
    let test = "a_watch_loses_nothing_and_doubles_nothing";
    for capability in ["NOTIFY", "IDLE"] {
        let extra = match capability {
            "NOTIFY" => "",
            // Without NOTIFY, each folder has a connection and IDLE.
            _ => {
                "protocol imap {\n  imap_capability = IMAP4rev1 IDLE UIDPLUS LITERAL+ LIST-EXTENDED\n}\n"
            }
        };
        let options = support::dovecot::Options { extra: extra.to_owned(), ..Default::default() };
        let Some(dovecot) = Dovecot::with(test, &options) else { return };
        let first = message("before", 0);
        dovecot.put("alice", "Second", &[Stored { octets: &first, flags: "", received: now() }]);
        let relay = Relay::to(dovecot.imaps);
        let home = Home::new();
        let url = format!("imaps://alice@localhost:{}/", relay.port);
        let running = at(
            &home,
            &dovecot,
            &["fetch", &url, "--recursive", "--watch", "--exec", "grep ^Subject: >> got"],
        )
        .spawn();
        let got = || -> Vec<String> {
            let text = std::fs::read_to_string(home.path().join("got")).unwrap_or_default();
            text.lines().map(|line| line.trim_end().to_owned()).collect()
        };
        wait_for("what was there", support::PATIENCE, || (got().len() == 1).then_some(()));
        let mut random = mail::Random::new(11);
        let mut lmtp = Lmtp::to(&dovecot);
        let (bursts, each) = if support::full() { (40, 25) } else { (5, 10) };
        let (mut late, mut whole) = (0, 0);
        for burst in 0..bursts {
            let cuts = burst % 2 == 1;
            let at_message = random.below(each);
            for number in 0..each {
                let subject = format!("m{burst}-{number}");
                lmtp.deliver("alice@example.test", &message(&subject, 0));
                if cuts && number == at_message {
                    relay.cut();
                }
            }
            let wanted = 1 + (burst + 1) * each;
            let delivered = Instant::now();
            while got().len() < wanted && delivered.elapsed() < support::PATIENCE {
                std::thread::sleep(Duration::from_millis(5));
            }
            if got().len() < wanted {
                running.terminate();
                let run = running.wait(support::PATIENCE);
                panic!("{capability}: {} of {wanted} in burst {burst}\n{run}", got().len());
            }
            if !cuts {
                whole += 1;
                late += usize::from(delivered.elapsed() > Duration::from_secs(1));
            }
        }
        running.terminate();
        let run = running.wait(support::PATIENCE);
        let mut all = got();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "{capability}: each once\n{run}");
        assert_eq!(count, 1 + bursts * each, "{capability}: all\n{run}");
        // A busy machine may be late once; a watch that polls would be late each time.
        assert!(late * 2 <= whole, "{capability}: {late} of {whole} bursts came late\n{run}");
        let connections = relay.connections.load(Ordering::SeqCst);
        assert!(connections > 1, "{capability}: nothing was cut");
    }
}

/// A folder that is made while all of an account, or of a Maildir, is watched, is watched too.
#[test]
fn a_watch_sees_folders_that_are_new() {
    let test = "a_watch_sees_folders_that_are_new";
    let Some(dovecot) = filled(test) else { return };
    let home = Home::new();
    let local = home.path().join("tree");
    for folder in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(local.join(folder)).expect("a Maildir");
    }
    let (url, local_url) = (dovecot.url("imaps", "alice"), format!("maildir:{}", local.display()));
    for (source, before) in [(url, 6), (local_url, 0)] {
        let got = format!("got-{before}");
        let exec = format!("grep ^Subject: >> {got}");
        let is_server = before > 0;
        if !is_server {
            std::fs::create_dir_all(local.join(".First/cur")).expect("a folder");
            std::fs::create_dir_all(local.join(".First/tmp")).expect("a folder");
            std::fs::create_dir_all(local.join(".First/new")).expect("a folder");
            std::fs::write(local.join("new/1.a.b"), message("first", 0)).expect("a message");
        }
        let words = ["fetch", &source, "--recursive", "--watch", "--exec", &exec];
        let running = match is_server {
            true => at(&home, &dovecot, &words).spawn(),
            false => home.pillarbox(&words).spawn(),
        };
        let come = || {
            let text = std::fs::read_to_string(home.path().join(&got)).unwrap_or_default();
            text.lines().count()
        };
        let before = before.max(1);
        wait_for("what was there", support::PATIENCE, || (come() == before).then_some(()));
        if is_server {
            let mut other = support::OtherClient::login(dovecot.imap, "alice", "secret");
            other.command("CREATE Later");
            other.append("Later", "", &message("in later", 0));
        } else {
            let later = local.join(".Later");
            for folder in ["cur", "tmp", "new"] {
                std::fs::create_dir_all(later.join(folder)).expect("a folder");
            }
            std::fs::write(later.join("tmp/2.a.b"), message("in later", 0)).expect("a message");
            std::fs::rename(later.join("tmp/2.a.b"), later.join("new/2.a.b")).expect("delivered");
        }
        let patience = support::PATIENCE.max(Duration::from_secs(90));
        wait_for("what is new", patience, || (come() == before + 1).then_some(()));
        running.terminate();
        running.wait(support::PATIENCE);
        let text = std::fs::read_to_string(home.path().join(&got)).expect("what came");
        assert!(text.trim_end().ends_with("Subject: in later"), "{text}");
    }
}

/// The folder that a test needs to be of its own size: nothing of a full disk is lost.
#[test]
fn a_full_disk_leaves_the_source_as_it_is() {
    let test = "a_full_disk_leaves_the_source_as_it_is";
    if !support::needs_root(test) || !support::needs(test, &["mount", "umount"]) {
        return;
    }
    let Some(dovecot) = filled(test) else { return };
    let big = message("does not fit", 3_000_000);
    dovecot.put("alice", "INBOX", &[Stored { octets: &big, flags: "", received: now() }]);
    let home = Home::new();
    let small = home.path().join("small");
    std::fs::create_dir(&small).expect("a folder");
    let small = Mounted::tmpfs(test, &small);
    let Some(small) = small else { return };
    for (scheme, tail) in [("imaps", "INBOX"), ("pop3s", "")] {
        for to in ["maildir:small/box", "mbox:small/box.mbox", "eml:small/files"] {
            let url = format!("{}{tail}", dovecot.url(scheme, "alice"));
            let words = ["fetch", &url, "--to", to, "--then", "delete"];
            let run = at(&home, &dovecot, &words).run();
            assert!(matches!(run.code, Some(73 | 74)), "{to}\n{run}");
            let run = run.says(&["No space left"]);
            let left = dovecot.messages("alice", "INBOX").len();
            assert!(left >= 1, "{scheme} {to}: the large one stays\n{run}");
            assert!(dovecot.messages("alice", "INBOX").contains(&big), "{scheme} {to}");
        }
    }
    drop(small);
}

/// A file system of a megabyte or two, gone on drop.
struct Mounted {
    path: std::path::PathBuf,
}

impl Mounted {
    fn tmpfs(test: &str, path: &Path) -> Option<Mounted> {
        let status = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m,mode=0777", "none"])
            .arg(path)
            .stderr(std::process::Stdio::null())
            .status();
        if status.is_ok_and(|status| status.success()) {
            return Some(Mounted { path: path.to_owned() });
        }
        support::skip(test, "may not mount a small file system");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.path).status();
    }
}
