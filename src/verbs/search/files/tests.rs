use super::super::testing::{Dir, expr, printed, write};
use std::io::Seek as _;

use super::*;
use crate::ui::Exit;

/// Every kind of query, for comparing one way with another.
const QUERIES: [&str; 16] = [
    "",
    "test",
    "from:com",
    "-from:com",
    "subject:re OR body:hello",
    "has:attachment",
    "has:image -has:pdf",
    "is:unread size:>2k",
    "size:<1k",
    "date:..2010",
    "since:2026-01",
    "header:MIME-Version:1",
    "type:text/html",
    "list:*",
    "body:/[a-z]+ing/ is:flagged",
    "(to:org OR cc:org) -is:flagged",
];

fn maildir_file(path: PathBuf, flags: &[&str]) -> MailFile {
    let flags = Some(flags.iter().map(|flag| (*flag).to_owned()).collect());
    MailFile { folder: Some("INBOX".into()), flags, ..MailFile::at(&path, Kind::Maildir) }
}

/// The references that are found.
fn found(files: &[MailFile], query: &str) -> (Vec<String>, Exit) {
    let expr = expr(query);
    printed(async |results| {
        search(files, &expr, Manner::default(), results).await.expect("searched")
    })
}

/// The same by decoding everything of every message.
fn by_brute_force(files: &[MailFile], query: &str) -> Vec<String> {
    let expr = expr(query);
    let mut found = Vec::new();
    for file in files {
        let octets = std::fs::read(file.path()).expect("there");
        let system = System::of(&rustix::fs::stat(file.path()).expect("there"));
        let header = Header::new(&octets);
        let seen = Seen { file, system: Some(system), header: Some(&header), lacks_text: false };
        if Local::new(&octets, seen.attributes()).matches(&expr) {
            found.push(MailFile::reference(&file.path(), file.kind));
        }
    }
    found
}

#[test]
fn a_generated_maildir_as_by_brute_force() {
    let dir = Dir::new();
    let mut files = Vec::new();
    for number in 0..1500_u32 {
        let encoded = match number % 4 {
            0 => "Content-Type: text/html\n\n<p>te<b>st</b> running</p>\n".to_owned(),
            1 => "Content-Transfer-Encoding: base64\n\naGVsbG8gdGVzdA==\n".to_owned(),
            2 => format!("\nplain {}\n", if number % 3 == 0 { "hello" } else { "nothing" }),
            _ => format!("X-Long: {}\n\n{}\n", "x".repeat(20_000), "walking ".repeat(9)),
        };
        let message = format!(
            "From: user{number}@x.{}\nTo: list@y.org\nSubject: {} {number}\nMIME-Version: 1.0\n{encoded}",
            if number % 2 == 0 { "com" } else { "net" },
            if number % 5 == 0 { "Re: it" } else { "about" },
        );
        let name = format!("cur/{number}.M1.host:2,");
        let path = write(&dir, &name, message.as_bytes());
        let flags: &[&str] = if number % 7 == 0 { &["\\Seen", "\\Flagged"] } else { &[] };
        files.push(maildir_file(path, flags));
    }
    for query in QUERIES {
        let (lines, exit) = found(&files, query);
        assert_eq!(lines, by_brute_force(&files, query), "{query}");
        assert_eq!(exit == Exit::None, lines.is_empty());
    }
}

#[test]
fn real_messages_as_by_brute_force() {
    let files: Vec<MailFile> = crate::message::corpus("files")
        .into_iter()
        .map(|(path, _)| MailFile::at(&path, Kind::Eml))
        .collect();
    for query in QUERIES {
        assert_eq!(found(&files, query).0, by_brute_force(&files, query), "{query}");
    }
}

#[test]
fn a_renamed_file_is_found_and_a_deleted_one_is_no_error() {
    let dir = Dir::new();
    write(&dir, "cur/1.M1.host:2,S", b"Subject: still here\n\n");
    let old = maildir_file(dir.path().join("new/1.M1.host"), &[]);
    let gone = maildir_file(dir.path().join("cur/2.M1.host:2,"), &[]);
    let (lines, exit) = found(&[old, gone], "subject:here");
    assert_eq!((lines.len(), exit), (1, Exit::Ok));
    assert!(lines[0].ends_with("cur/1.M1.host:2,S"), "{lines:?}");
}

#[test]
fn large_and_odd_files() {
    let dir = Dir::new();
    let mut large = b"Subject: large\n\n".to_vec();
    large.resize(3_000_000, b'x');
    large.extend_from_slice(b"\nneedle\n");
    let names: [(&str, &[u8]); 4] = [
        ("a.eml", &large[..]),
        ("b.eml", b""),
        ("c.eml", b"no header at all"),
        ("d.eml", b"\n\nneedle"),
    ];
    let files: Vec<MailFile> = names
        .iter()
        .map(|(name, octets)| MailFile::at(&write(&dir, name, octets), Kind::Eml))
        .collect();
    assert_eq!(found(&files, "needle").0.len(), 2);
    assert_eq!(found(&files, "").0.len(), 4);
    assert_eq!(found(&files, "is:unread").0.len(), 4);
    assert_eq!(found(&files, "size:0").0.len(), 1);
}

#[test]
fn the_header_is_read_to_its_end() {
    let dir = Dir::new();
    let around = |octets: usize| octets - 4..=octets + 2;
    for len in around(HEADER_OCTETS).chain(around(2 * HEADER_OCTETS)) {
        for end in ["\n\n", "\r\n\r\n"] {
            let filled = "h".repeat(len - 3);
            let message = format!("X: {filled}{end}{}", "body\n".repeat(100_000));
            let path = write(&dir, "m", message.as_bytes());
            let mut buffer = Buffer::default();
            let mut file = File::open(path).expect("there");
            for no_more in [true, false] {
                file.rewind().expect("a file");
                let (is_whole, header_end) = buffer.read_header(&mut file, no_more).expect("read");
                let right = find_header_end(buffer.octets());
                assert!(!is_whole && right == Some(header_end), "{len} {end:?}");
            }
        }
    }
}

#[test]
fn as_much_is_read_as_headers_need() {
    let dir = Dir::new();
    let mut buffer = Buffer::default();
    let mut read = |header: usize| {
        let message = format!("X: {}\n\n{}", "h".repeat(header), "body\n".repeat(100_000));
        let path = write(&dir, "m", message.as_bytes());
        let file = MailFile::at(&path, Kind::Eml);
        for _ in 0..=2 * HEADERS {
            let mut file = buffer.open(&file.directory, &file.name).expect("there");
            buffer.read_header(&mut file, true).expect("read");
        }
        buffer.len
    };
    assert_eq!([read(100), read(5000), read(5000), read(100)], [1024, 5120, 5120, 1024]);
    // A short one among long ones changes nothing, and nothing is read to its end.
    assert_eq!(read(90_000), 4096 * 32);
    assert_eq!(read(10), 1024);
}

#[test]
fn the_end_of_a_header_is_where_its_lines_end() {
    let ends = Ends::default();
    for text in [
        "",
        "\n",
        "\r\n",
        "a",
        "a\n",
        "a\n\n",
        "a\r\n\r\n",
        "a\n\r\nb\n\n",
        "a\r\nb\n\nc\n\r\n",
        "\ra\n\rb",
    ] {
        let octets = text.as_bytes();
        assert_eq!(ends.find(octets, 0), find_header_end(octets), "{text:?}");
    }
}
