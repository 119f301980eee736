//! Mail to move about: generated messages, the real ones of the corpus, and Maildirs read
//! back.

use std::path::{Path, PathBuf};

use super::{flag, note_skip};

/// A small generator of pseudo-random numbers (xorshift64*): the same seed, the same mail.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The generator of a storm, whose seed is printed; `PILLARBOX_SEED` repeats one.
    pub fn of_storm(test: &str, usual: u64) -> Random {
        let given = std::env::var("PILLARBOX_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or(usual);
        eprintln!("{test}: PILLARBOX_SEED={seed}");
        Random::new(seed)
    }

    /// Eight of them.
    pub fn octets(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a usize fits");
        usize::try_from(self.octets() % bound).expect("below a usize")
    }

    /// One of `choices`, which is not empty.
    pub fn choose<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

const WORDS: [&str; 24] = [
    "harbour", "ledger", "north", "copper", "window", "tide", "gravel", "lantern", "orchard",
    "ferry", "static", "parcel", "meadow", "signal", "cedar", "engine", "ribbon", "quarry",
    "thimble", "velvet", "wicket", "yonder", "zephyr", "anchor",
];

/// Beyond ASCII: two octets, three octets, four octets, and text from right to left.
const FOREIGN: [&str; 4] = ["Größe über Öl", "請求書の件", "🚢 boarding", "שלום עולם"];

/// `count` messages with CRLF line ends; message `n` has the Message-ID `<n.seed@generated.test>`
/// and every fifth answers the one before it.
pub fn generate(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    (0..count).map(|number| generate_one(&mut random, seed, number)).collect()
}

fn generate_one(random: &mut Random, seed: u64, number: usize) -> Vec<u8> {
    let words = |random: &mut Random, n: usize| -> String {
        let chosen: Vec<&str> = (0..n).map(|_| *random.choose(&WORDS)).collect();
        chosen.join(" ")
    };
    let subject = if number % 7 == 3 {
        encoded_word(FOREIGN[number % FOREIGN.len()])
    } else {
        words(random, 4)
    };
    let mut message = format!(
        "Return-Path: <sender{sender}@generated.test>\r\n\
         Date: Tue, {day:02} Mar 2026 {hour:02}:{minute:02}:07 +0100\r\n\
         From: Sender {sender} <sender{sender}@generated.test>\r\n\
         To: alice@example.test,\r\n bob@example.test\r\n\
         Message-ID: <{number}.{seed}@generated.test>\r\n\
         Subject: {subject}\r\n",
        sender = random.below(9),
        day = 1 + number % 28,
        hour = number / 60 % 24,
        minute = number % 60,
    );
    if number % 5 == 4 {
        let before = number - 1;
        message.push_str(&format!("In-Reply-To: <{before}.{seed}@generated.test>\r\n"));
        message.push_str(&format!("References: <{before}.{seed}@generated.test>\r\n"));
    }
    message.push_str("MIME-Version: 1.0\r\n");
    let mut text = String::new();
    for _ in 0..=random.below(12) {
        let length = 1 + random.below(10);
        text.push_str(&words(random, length));
        text.push_str("\r\n");
    }
    match number % 6 {
        0 => {
            message.push_str("Content-Type: text/plain; charset=us-ascii\r\n\r\n");
            message.push_str(&text);
            // What dot-stuffing and mbox quoting have to survive.
            message.push_str(".\r\n..\r\n.leading dot\r\nFrom here on\r\n>From there\r\n");
        }
        1 => {
            message.push_str("Content-Type: text/plain; charset=utf-8\r\n");
            message.push_str("Content-Transfer-Encoding: 8bit\r\n\r\n");
            message.push_str(random.choose::<&str>(&FOREIGN));
            message.push_str("\r\n");
            message.push_str(&text);
        }
        2 => {
            message.push_str("Content-Type: multipart/mixed; boundary=\"=_outer\"\r\n\r\n");
            message.push_str("--=_outer\r\nContent-Type: text/plain\r\n\r\n");
            message.push_str(&text);
            message.push_str("\r\n--=_outer\r\nContent-Type: application/octet-stream\r\n");
            message.push_str("Content-Disposition: attachment; filename=\"data.bin\"\r\n");
            message.push_str("Content-Transfer-Encoding: base64\r\n\r\n");
            let length = 100 + random.below(20_000);
            let octets: Vec<u8> = (0..length).map(|_| random.octets().to_le_bytes()[3]).collect();
            for line in base64(&octets).as_bytes().chunks(76) {
                message.push_str(&String::from_utf8_lossy(line));
                message.push_str("\r\n");
            }
            message.push_str("--=_outer--\r\n");
        }
        // No end of line behind the last line.
        3 => {
            message.push_str("Content-Type: text/plain\r\n\r\n");
            message.push_str(text.trim_end());
        }
        // Headers alone.
        4 => {}
        _ => {
            message.push_str("Content-Type: text/plain\r\n\r\n\r\n\r\n");
            message.push_str(&"x".repeat(990));
            message.push_str("\r\n");
        }
    }
    message.into_bytes()
}

/// An encoded-word in base64 and UTF-8 (RFC 2047).
fn encoded_word(text: &str) -> String {
    format!("=?utf-8?B?{}?=", base64(text.as_bytes()))
}

/// Base64 without line ends; of its own, so that the tests do not trust what they test.
pub fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in octets.chunks(3) {
        let mut bits: u32 = 0;
        for index in 0..3 {
            bits = (bits << 8) | u32::from(group.get(index).copied().unwrap_or(0));
        }
        for index in 0..4_usize {
            if index <= group.len() {
                let six = (bits >> (18 - 6 * index)) & 0x3f;
                text.push(char::from(ALPHABET[six as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// The folder of real messages, where it is: `PILLARBOX_CORPUS`, or `shared/corpus` beside
/// the repository.
pub fn corpus() -> Option<PathBuf> {
    let path = match std::env::var_os("PILLARBOX_CORPUS") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"),
    };
    path.is_dir().then_some(path)
}

/// Every file of the corpus with its path below it, sorted. `None`: the corpus is not here and
/// that has been printed as a skip of `test` (never a failure: it is not ours to carry along).
pub fn corpus_messages(test: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let Some(root) = corpus() else {
        note_skip(test, "the corpus of real messages is not here (PILLARBOX_CORPUS)");
        assert!(
            !flag("PILLARBOX_NEEDS_CORPUS"),
            "{test}: the corpus is not here (PILLARBOX_NEEDS_CORPUS)"
        );
        return None;
    };
    let mut found = Vec::new();
    for folder in sorted_entries(&root).into_iter().filter(|path| path.is_dir()) {
        for path in sorted_entries(&folder).into_iter().filter(|path| path.is_file()) {
            let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
            found.push((name, std::fs::read(&path).expect("a message can be read")));
        }
    }
    assert!(!found.is_empty(), "{}: a corpus without messages", root.display());
    Some(found)
}

fn sorted_entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> =
        entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    paths
}

/// The message files of one Maildir (`new` and `cur`), sorted by name; empty when it is not
/// there.
pub fn maildir_files(maildir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        ["new", "cur"].iter().flat_map(|part| sorted_entries(&maildir.join(part))).collect();
    paths.retain(|path| path.is_file());
    paths.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    paths
}

/// The message files of all Maildirs below `root`, at any depth.
pub fn all_maildir_files(root: &Path) -> Vec<PathBuf> {
    let mut paths = maildir_files(root);
    for folder in sorted_entries(root).into_iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap_or_default();
        if name != "new" && name != "cur" && name != "tmp" {
            paths.extend(all_maildir_files(&folder));
        }
    }
    paths
}

/// Maildir's flag letters of a file name.
pub fn maildir_flags(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.rsplit_once(":2,").map_or_else(String::new, |(_, flags)| flags.to_owned())
}

/// CRLF made LF; nothing else.
pub fn to_lf(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    for (index, octet) in octets.iter().enumerate() {
        if *octet == b'\r' && octets.get(index + 1) == Some(&b'\n') {
            continue;
        }
        out.push(*octet);
    }
    out
}

/// LF without CR before it made CRLF; nothing else.
pub fn to_crlf(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 40);
    let mut before = 0;
    for octet in octets {
        if *octet == b'\n' && before != b'\r' {
            out.push(b'\r');
        }
        out.push(*octet);
        before = *octet;
    }
    out
}

/// The message behind the trace fields that the delivering server put in front of it:
/// Return-Path, X-Original-To, Delivered-To, and every Received at the very top, folded lines
/// included. Line ends may be LF or CRLF.
///
/// A message that itself begins with one of these loses it too: do not send such a one.
pub fn without_trace(message: &[u8]) -> &[u8] {
    const TRACE: [&str; 4] = ["return-path:", "x-original-to:", "delivered-to:", "received:"];
    let mut rest = message;
    loop {
        let lower: Vec<u8> = rest.iter().take(16).map(u8::to_ascii_lowercase).collect();
        if !TRACE.iter().any(|name| lower.starts_with(name.as_bytes())) {
            return rest;
        }
        loop {
            let Some(end) = rest.iter().position(|octet| *octet == b'\n') else {
                return &[];
            };
            rest = &rest[end + 1..];
            if !matches!(rest.first(), Some(b' ' | b'\t')) {
                break;
            }
        }
    }
}

/// The message without the `X-TUID:` line that mbsync puts into the header of what it copies.
pub fn without_tuid(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len());
    let mut is_removed = false;
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        if !is_removed && line.starts_with(b"X-TUID: ") {
            is_removed = true;
            continue;
        }
        out.extend_from_slice(line);
    }
    out
}

/// A message with a header that needs nothing added.
pub fn message(number: usize, body: &str) -> Vec<u8> {
    format!(
        "From: Alice <alice@example.test>\r\nTo: bob@example.test\r\nSubject: number {number}\r\n\
         Date: Tue, 3 Mar 2026 10:00:00 +0100\r\nMessage-ID: <m.{number}@example.test>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The sequences by which one message was smuggled into another: each with a MAIL behind it.
pub const SMUGGLED: [&str; 12] = [
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\r",
    "\n.\r",
    "\r.\n",
    "\r\n.\r\r\n",
    "\r\r\n.\r\r\n",
    "\n\n.\n\n",
    "\r\n.\r\n",
];

/// A message with one of them in it, and what was meant by it, with LF.
pub fn smuggling(number: usize) -> (Vec<u8>, Vec<u8>) {
    let sequence = SMUGGLED[number];
    let evil = "MAIL FROM:<evil@example.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nFrom: evil@example.test\r\n\r\nsmuggled\r\n";
    let sent = message(number, &format!("text{sequence}{evil}"));
    // What was meant: every line end is one, and nothing else has changed.
    let text = String::from_utf8(sent.clone()).expect("text");
    let meant = text.replace("\r\n", "\n").replace('\r', "\n");
    (sent, meant.into_bytes())
}
