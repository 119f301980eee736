//! Mail of many kinds from one seed: charsets, transfer encodings, HTML, messages in messages.
//! What is in it, Python's `email` reads as RFC 2045 to 2047 want it.

use encoding_rs::Encoding;

use super::support::mail::{Random, base64};

/// Words that queries ask for, too.
pub const WORDS: [&str; 14] = [
    "budget",
    "Quarterly",
    "invoice-77",
    "strasse",
    "office",
    "kelvin",
    "meeting",
    "ann",
    "report",
    "harbour",
    "lantern",
    "ship",
    "alpha7",
    "of",
];

/// Words beyond ASCII, and charsets that have them.
pub const FOREIGN: [(&str, &[&str]); 7] = [
    ("Grüße", &["utf-8", "iso-8859-1", "windows-1252"]),
    ("Straße", &["utf-8", "iso-8859-1", "iso-8859-15"]),
    ("naïve", &["utf-8", "iso-8859-1"]),
    ("Привет", &["utf-8", "koi8-r", "windows-1251"]),
    ("会議室", &["utf-8", "shift_jis", "iso-2022-jp", "euc-jp"]),
    ("东京都", &["utf-8", "gb2312", "gbk"]),
    ("ΣΊΣΥΦΟΣ", &["utf-8", "iso-8859-7"]),
];

pub const PEOPLE: [&str; 5] = [
    "Ann Lee <ann@x.example>",
    "bob@y.example",
    "\"Cole, Eve\" <eve@z.example>",
    "Jörg Weiß <jw@x.example>",
    "Σίσυφος <s@g.example>",
];

/// Files that are attached, and what they are said to be.
const ATTACHMENTS: [(&str, &str); 15] = [
    ("report.pdf", "application/pdf"),
    ("=?utf-8?q?Gr=C3=BC=C3=9Fe.pdf?=", "application/pdf"),
    ("ship.png", "image/png"),
    ("ship.JPG", "application/octet-stream"),
    ("harbour.ogg", "audio/ogg"),
    ("film.mkv", "application/octet-stream"),
    ("report.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("budget.ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("budget.csv", "text/csv"),
    ("talk.odp", "application/octet-stream"),
    ("all.tar.gz", "application/gzip"),
    ("meeting.ics", "text/calendar"),
    ("ann.vcf", "text/vcard"),
    ("fix.patch", "text/x-patch"),
    ("inner.eml", "application/octet-stream"),
];

/// Lists that send mail, by their List-Id.
const LISTS: [&str; 3] = [
    "The ship list <ship.lists.example>",
    "=?utf-8?q?Gr=C3=BC=C3=9Fe?= from\r\n here <gruss.lists.example>",
    "<bare.lists.example>",
];

/// Parts that are signed or encrypted, as far as a search can tell.
const PROTECTED: [&str; 4] = [
    "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=s\r\n\r\n\
     --s\r\n\r\nsigned ship\r\n--s\r\nContent-Type: application/pgp-signature; name=sig.asc\r\n\r\n\
     aGFyYm91cg==\r\n--s--\r\n",
    "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=e\r\n\r\n\
     --e\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--e\r\n\
     Content-Type: application/octet-stream\r\n\r\nbudget\r\n--e--\r\n",
    "Content-Type: application/pkcs7-mime; smime-type=Signed-Data; name=smime.p7m\r\n\
     Content-Transfer-Encoding: base64\r\n\r\naGFyYm91cg==\r\n",
    "Content-Type: application/x-pkcs7-mime; smime-type=enveloped-data\r\n\
     Content-Transfer-Encoding: base64\r\n\r\naGFyYm91cg==\r\n",
];

fn encoded(charset: &str, text: &str) -> Vec<u8> {
    let encoding = Encoding::for_label(charset.as_bytes()).expect("a known charset");
    encoding.encode(text).0.into_owned()
}

/// Plain and foreign words, the foreign ones in one charset.
fn words(random: &mut Random, charset: &str, count: usize) -> String {
    let fitting: Vec<&str> = FOREIGN
        .iter()
        .filter(|(_, charsets)| charsets.contains(&charset))
        .map(|(word, _)| *word)
        .collect();
    let mut out = Vec::new();
    for _ in 0..count {
        if !fitting.is_empty() && random.below(4) == 0 {
            out.push((*random.choose(&fitting)).to_owned());
        } else {
            let word = *random.choose(&WORDS);
            out.push(if random.below(5) == 0 { word.to_uppercase() } else { word.to_owned() });
        }
    }
    let mut lines = String::new();
    for (at, word) in out.iter().enumerate() {
        lines.push_str(word);
        lines.push(if at % 7 == 6 { '\n' } else { ' ' });
    }
    lines
}

/// A header value in encoded words, cut anywhere between letters.
fn encoded_words(random: &mut Random, text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let pieces = letters.chunks(1 + random.below(12));
    let words: Vec<String> = pieces
        .map(|piece| {
            let piece: String = piece.iter().collect();
            if random.below(2) == 0 {
                return format!("=?utf-8?B?{}?=", base64(piece.as_bytes()).trim());
            }
            let octets = piece.bytes().map(|octet| match octet {
                b' ' => "_".to_owned(),
                b'a'..=b'z' | b'A'..=b'Z' => char::from(octet).to_string(),
                _ => format!("={octet:02X}"),
            });
            format!("=?utf-8?q?{}?=", octets.collect::<String>())
        })
        .collect();
    words.join("\r\n ")
}

fn person(random: &mut Random) -> String {
    let person = *random.choose(&PEOPLE);
    match person.split_once(" <") {
        Some((name, _)) if !name.is_ascii() => {
            let address = &person[name.len()..];
            format!("{}{address}", encoded_words(random, name))
        }
        _ => person.to_owned(),
    }
}

fn quoted_printable(random: &mut Random, octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut width = 0;
    for octet in octets {
        let piece = match octet {
            b'\n' => {
                width = 0;
                out.extend_from_slice(b"\r\n");
                continue;
            }
            b'=' | 0x80.. | 0..=0x1f => format!("={octet:02X}"),
            _ if random.below(40) == 0 => format!("={octet:02X}"),
            _ => char::from(*octet).to_string(),
        };
        if width + piece.len() > 40 {
            out.extend_from_slice(b"=\r\n");
            width = 0;
        }
        width += piece.len();
        out.extend_from_slice(piece.as_bytes());
    }
    // A blank at the end of a line is nobody's.
    let text = String::from_utf8(out).expect("ASCII");
    text.replace(" \r\n", "=20\r\n").into_bytes()
}

/// A text part: its header fields and its body.
fn text_part(random: &mut Random, html: bool) -> (String, Vec<u8>) {
    let all: Vec<&str> =
        FOREIGN.iter().flat_map(|(_, charsets)| charsets.iter().copied()).collect();
    let charset = *random.choose(&all);
    let count = 6 + random.below(20);
    let text = words(random, charset, count);
    let text = if html { markup(random, &text) } else { text };
    let octets = encoded(charset, &text);
    let is_plain = octets.is_ascii() && charset != "iso-2022-jp";
    let (name, body) = match random.below(if is_plain { 4 } else { 3 }) {
        0 => ("base64", base64(&octets).into_bytes()),
        1 => ("quoted-printable", quoted_printable(random, &octets)),
        2 => ("8bit", to_crlf(&octets)),
        _ => ("7bit", to_crlf(&octets)),
    };
    let kind = if html { "html" } else { "plain" };
    let head = format!(
        "Content-Type: text/{kind}; charset={charset}\r\nContent-Transfer-Encoding: {name}\r\n"
    );
    (head, body)
}

fn to_crlf(octets: &[u8]) -> Vec<u8> {
    octets
        .iter()
        .flat_map(|octet| match octet {
            b'\n' => vec![b'\r', b'\n'],
            other => vec![*other],
        })
        .collect()
}

/// The words in HTML: some with tags or references inside, in paragraphs and cells.
fn markup(random: &mut Random, text: &str) -> String {
    let mut out = String::from("<html><head><title>lantern</title></head><body><p>");
    for word in text.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        let cut = letters.len() / 2;
        let (start, end): (String, String) =
            (letters[..cut].iter().collect(), letters[cut..].iter().collect());
        match random.below(9) {
            0 => out.push_str(&format!("{start}<b>{end}</b> ")),
            1 => out.push_str(&format!("{start}<!-- ship -->{end} ")),
            2 => out.push_str(&format!("<td>{start}</td><td>{end}</td>")),
            3 => out.push_str(&format!("{start}<br>{end} ")),
            4 if word.is_ascii() => {
                let first = u32::from(letters[0]);
                out.push_str(&format!("&#{first};{} ", &word[1..]));
            }
            5 => out.push_str(&format!("{word}&nbsp;&amp;&nbsp;")),
            6 => out.push_str(&format!("<a href=\"http://h.example/{cut}\">{word}</a>\n")),
            7 => out.push_str(&format!("<p>{word}</p>")),
            _ => out.push_str(&format!("{word} ")),
        }
    }
    out.push_str("</p><script>var ship = 'kelvin';</script></body></html>\n");
    out
}

fn body(random: &mut Random, depth: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let choice = random.below(if depth > 1 { 5 } else { 8 });
    match choice {
        0..=2 => part(&mut out, text_part(random, false)),
        3 | 4 => part(&mut out, text_part(random, true)),
        5 | 6 => {
            let mark = format!("=_{depth}_{}", random.below(10_000));
            let kind = if choice == 5 { "alternative" } else { "mixed" };
            out.extend_from_slice(
                format!(
                    "Content-Type: multipart/{kind}; boundary=\"{mark}\"\r\n\r\npreamble ship\r\n"
                )
                .as_bytes(),
            );
            for _ in 0..=random.below(3) {
                out.extend_from_slice(format!("--{mark}\r\n").as_bytes());
                out.extend_from_slice(&body(random, depth + 1));
                out.extend_from_slice(b"\r\n");
            }
            if choice == 6 {
                let (name, kind) = *random.choose(&ATTACHMENTS);
                let noise = base64(words(random, "utf-8", 9).as_bytes());
                out.extend_from_slice(
                    format!(
                        "--{mark}\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; \
                         filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{noise}\r\n"
                    )
                    .as_bytes(),
                );
            }
            out.extend_from_slice(format!("--{mark}--\r\n").as_bytes());
        }
        _ => {
            out.extend_from_slice(b"Content-Type: message/rfc822\r\n\r\n");
            let subject = words(random, "utf-8", 3);
            let subject = encoded_words(random, subject.trim());
            let from = person(random);
            out.extend_from_slice(format!("From: {from}\r\nSubject: {subject}\r\n").as_bytes());
            out.extend_from_slice(&body(random, depth + 1));
        }
    }
    out
}

fn part(out: &mut Vec<u8>, (head, body): (String, Vec<u8>)) {
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body);
}

/// `count` messages with CRLF line ends.
pub fn mailbox(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    (0..count).map(|number| message(&mut random, number)).collect()
}

fn message(random: &mut Random, number: usize) -> Vec<u8> {
    let from = person(random);
    let to = person(random);
    let count = 1 + random.below(6);
    let subject = words(random, "utf-8", count);
    let subject = encoded_words(random, subject.trim());
    let mut head = format!("From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\n");
    if random.below(3) == 0 {
        head.push_str(&format!("Cc: {}\r\n", person(random)));
    }
    if random.below(8) == 0 {
        head.push_str(&format!("Bcc: {}\r\n", person(random)));
    }
    if random.below(4) == 0 {
        head.push_str(&format!("List-Id: {}\r\n", random.choose(&LISTS)));
    }
    // Answers to an earlier one, or to two.
    match random.below(6) {
        0 if number > 0 => {
            let answered = random.below(number.min(40));
            head.push_str(&format!("In-Reply-To: <{answered}@generated.example> (of yours)\r\n"));
        }
        1 if number > 0 => {
            let (one, other) = (random.below(number.min(40)), random.below(number.min(40)));
            head.push_str(&format!(
                "References: <{one}@generated.example>\r\n <{other}@generated.example>\r\n\
                 In-Reply-To: <gone@generated.example>\r\n"
            ));
        }
        _ => {}
    }
    if random.below(6) == 0 {
        head.push_str(&format!(
            "X-Note: {}\r\n\t{}\r\n",
            random.choose(&WORDS),
            random.choose(&WORDS)
        ));
    }
    let (day, hour) = (1 + number % 27, number % 24);
    let zone = *random.choose(&["+0000", "+0930", "-0800"]);
    head.push_str(&format!("Date: {day:02} Feb 2026 {hour:02}:15:00 {zone}\r\n"));
    head.push_str(&format!("Message-ID: <{number}@generated.example>\r\nMIME-Version: 1.0\r\n"));
    let mut out = head.into_bytes();
    match random.below(12) {
        0 => out.extend_from_slice(random.choose(&PROTECTED).as_bytes()),
        // No word of what it is.
        1 => out.extend_from_slice(format!("\r\n{}\r\n", words(random, "", 5)).as_bytes()),
        _ => out.extend_from_slice(&body(random, 0)),
    }
    out
}
