//! Who said what: the formats in which dialogues are printed.
//!
//! Marked lines: swaks (`->`, `<-`, `<**`, `~>`, `<~`), curl -v (`>`, `<`), `C:` and `S:` (ours
//! under -v, and RFCs), our --trace (JSON Lines). Where nothing is marked (telnet, s_client),
//! each line is told by its form: a server's begins with a reply code, `* `, `+ `, `+OK`, `-ERR`,
//! or the tag of a command.

use serde_json::Value;

/// Which side said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// SMTP, submission, LMTP.
    Smtp,
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A line, without its line end.
    Line(Side, String),
    /// A secret that the transcript leaves out.
    Secret(Side),
    /// The content of a message that the transcript leaves out.
    Content(Side),
    /// TLS began.
    Tls,
}

/// A transcript as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// What printed it, in a word.
    pub format: &'static str,
    /// What is spoken; `None` where that cannot be told.
    pub spoken: Option<Spoken>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Lines that ended with a bare CR or LF, and which side sent them; `None` where the format
    /// does not show line ends.
    pub bare: Option<Vec<(Side, String)>>,
}

/// Reads a transcript of any format.
pub fn transcript(text: &str) -> Transcript {
    let mut read = traced(text).unwrap_or_else(|| marked(text).unwrap_or_else(|| unmarked(text)));
    read.spoken = spoken(&read.events);
    read
}

/// By the first words of the server, or of the client.
fn spoken(events: &[Event]) -> Option<Spoken> {
    let lines = |side: Side| {
        events.iter().filter_map(move |event| match event {
            Event::Line(of, line) if *of == side => Some(line.as_str()),
            _ => None,
        })
    };
    let server = lines(Side::Server).find_map(by_form);
    server.or_else(|| {
        lines(Side::Client).find_map(|line| match word(line).as_str() {
            "EHLO" | "HELO" | "LHLO" => Some(Spoken::Smtp),
            "USER" | "CAPA" | "APOP" => Some(Spoken::Pop3),
            _ => None,
        })
    })
}

/// What a line of a server shows to be spoken.
fn by_form(line: &str) -> Option<Spoken> {
    if is_reply(line) {
        return Some(Spoken::Smtp);
    }
    if line.starts_with("* ") {
        return Some(Spoken::Imap);
    }
    (is_word(line, "+OK") || is_word(line, "-ERR")).then_some(Spoken::Pop3)
}

/// The first word, in upper case.
pub fn word(line: &str) -> String {
    line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase()
}

/// Whether a line has the form of an SMTP reply.
pub fn is_reply(line: &str) -> bool {
    let octets = line.as_bytes();
    octets.len() >= 3
        && octets[..3].iter().all(u8::is_ascii_digit)
        && (b'2'..=b'5').contains(&octets[0])
        && matches!(octets.get(3), None | Some(b' ' | b'-'))
}

fn is_word(line: &str, word: &str) -> bool {
    line.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Our own --trace.
fn traced(text: &str) -> Option<Transcript> {
    let objects: Vec<Value> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .ok()?;
    let first = objects.iter().find(|object| object["event"] == "octets")?;
    let connection = &first["connection"];
    let mut events = Vec::new();
    let mut bare = Vec::new();
    let (mut sent, mut received) = (String::new(), String::new());
    for object in objects.iter().filter(|object| object["connection"] == *connection) {
        let side = match object["direction"].as_str() {
            Some("sent") => Side::Client,
            _ => Side::Server,
        };
        match object["event"].as_str() {
            Some("octets") => {
                let held = if side == Side::Client { &mut sent } else { &mut received };
                held.push_str(object["text"].as_str().unwrap_or_default());
                while let Some(at) = held.find('\n') {
                    let line: String = held.drain(..=at).collect();
                    let inner = line.strip_suffix("\r\n").unwrap_or(&line);
                    if !line.ends_with("\r\n") || inner.contains('\r') {
                        bare.push((side, inner.trim_end().to_owned()));
                    }
                    events.push(Event::Line(side, inner.trim_end().to_owned()));
                }
            }
            Some("secret") => events.push(Event::Secret(side)),
            Some("body") if object["octets"] != 0 => events.push(Event::Content(side)),
            Some("encrypted") => events.push(Event::Tls),
            _ => {}
        }
    }
    Some(Transcript { format: "pillarbox --trace", spoken: None, events, bare: Some(bare) })
}

/// What stands before a line, and who says what stands behind it.
type Marks = &'static [(&'static str, Side)];

const SWAKS: Marks = &[
    ("<** ", Side::Server),
    ("<-  ", Side::Server),
    ("<~* ", Side::Server),
    ("<~  ", Side::Server),
    (" -> ", Side::Client),
    (" ~> ", Side::Client),
];
const CURL: Marks = &[("> ", Side::Client), ("< ", Side::Server)];
const LETTERS: Marks = &[("C: ", Side::Client), ("S: ", Side::Server)];

fn marked(text: &str) -> Option<Transcript> {
    let starts = |line: &str, marks: Marks| marks.iter().any(|(mark, _)| line.starts_with(mark));
    let both = |marks: Marks| {
        [Side::Client, Side::Server].iter().all(|side| {
            text.lines()
                .any(|line| marks.iter().any(|(mark, of)| of == side && line.starts_with(mark)))
        })
    };
    let (format, marks) = if both(SWAKS) {
        ("swaks", SWAKS)
    } else if both(LETTERS) {
        ("C: and S:", LETTERS)
    } else if both(CURL) {
        ("curl -v", CURL)
    } else {
        return None;
    };
    let mut events = Vec::new();
    for line in text.lines() {
        let line = line.trim_end_matches('\r');
        // Swaks numbers nothing, curl writes times before lines when asked for them.
        if starts(line, marks) {
            let (mark, side) = marks.iter().find(|(mark, _)| line.starts_with(mark))?;
            let said = &line[mark.len()..];
            match (side, said) {
                (side, "[redacted]") => events.push(Event::Secret(*side)),
                (side, said) if said.ends_with(" octets of content]") => {
                    events.push(Event::Content(*side));
                }
                (side, said) => events.push(Event::Line(*side, said.to_owned())),
            }
        } else if is_handshake(line) && events.last() != Some(&Event::Tls) {
            events.push(Event::Tls);
        } else if format == "curl -v" && line.starts_with("} [") && is_content(&events) {
            events.push(Event::Content(Side::Client));
        }
    }
    Some(Transcript { format, spoken: None, events, bare: None })
}

/// Whether the server has just asked for a message.
fn is_content(events: &[Event]) -> bool {
    matches!(events.last(), Some(Event::Line(Side::Server, line)) if line.starts_with("354"))
}

/// A line of a program that says that TLS stands.
fn is_handshake(line: &str) -> bool {
    line.starts_with("=== TLS started")
        || line.starts_with("* SSL connection using")
        || line.starts_with("*: encrypted by")
        || line.starts_with("[TLS]")
}

/// Nothing is marked: telnet, `openssl s_client`.
fn unmarked(text: &str) -> Transcript {
    let is_s_client = text.lines().any(|line| {
        line.starts_with("CONNECTED(")
            || line.starts_with("SSL-Session:")
            || line == "SSL handshake"
    });
    let mut events = Vec::new();
    if is_s_client {
        events.push(Event::Tls);
    }
    let mut tags: Vec<String> = Vec::new();
    let mut told = None;
    // POP3's answers of many lines have no form: up to the dot all is the server's.
    let (mut wants_lines, mut in_lines) = (false, false);
    // What s_client prints before it hands the connection over.
    let mut in_preamble = is_s_client;
    for line in text.lines() {
        let line = line.trim_end_matches('\r');
        let form = by_form(line);
        if in_preamble {
            in_preamble = form.is_none();
            if in_preamble {
                continue;
            }
        }
        if told.is_none() && form.is_none() && !is_command(line) {
            // "Trying 192.0.2.1...", "Escape character is '^]'."
            continue;
        }
        told = told.or(form);
        let is_server = match told {
            Some(Spoken::Smtp) => is_reply(line),
            Some(Spoken::Imap) => {
                let tag = line.split(' ').next().unwrap_or_default();
                let is_status =
                    line.split(' ').nth(1).is_some_and(|word| matches!(word, "OK" | "NO" | "BAD"));
                line.starts_with("* ")
                    || line.starts_with("+ ")
                    || line == "+"
                    || (is_status && tags.iter().any(|known| known == tag))
            }
            Some(Spoken::Pop3) => in_lines || form == Some(Spoken::Pop3) || line.starts_with("+ "),
            None => false,
        };
        if told == Some(Spoken::Pop3) {
            if in_lines {
                in_lines = line != ".";
            } else if is_server {
                in_lines = wants_lines && line.starts_with("+OK");
                wants_lines = false;
            } else {
                wants_lines = super::pop::wants_lines(line);
            }
        }
        let side = if is_server { Side::Server } else { Side::Client };
        if side == Side::Client {
            tags.extend(line.split(' ').next().map(str::to_owned));
        }
        events.push(Event::Line(side, line.to_owned()));
    }
    let format = if is_s_client { "openssl s_client" } else { "unmarked" };
    Transcript { format, spoken: None, events, bare: None }
}

/// A line with which a client may begin.
fn is_command(line: &str) -> bool {
    matches!(word(line).as_str(), "EHLO" | "HELO" | "LHLO" | "MAIL" | "USER" | "CAPA" | "APOP")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(read: &Transcript) -> String {
        read.events
            .iter()
            .map(|event| match event {
                Event::Line(Side::Client, _) => 'c',
                Event::Line(Side::Server, _) => 's',
                Event::Secret(_) => 'x',
                Event::Content(_) => 'm',
                Event::Tls => 't',
            })
            .collect()
    }

    #[test]
    fn each_format_is_known() {
        let cases = [
            (
                "=== Trying h:25...\n=== Connected to h.\n<-  220 h ESMTP\n -> EHLO x\n<-  250 h\n=== TLS started with cipher X\n ~> QUIT\n<~  221 bye\n=== Connection closed\n",
                "swaks",
                Spoken::Smtp,
                "scstcs",
            ),
            (
                "* Connected to h\n< * OK ready\n> A001 CAPABILITY\n< * CAPABILITY IMAP4rev1\n< A001 OK\n* SSL connection using TLSv1.3\n> A002 NOOP\n< A002 OK\n",
                "curl -v",
                Spoken::Imap,
                "scsstcs",
            ),
            ("C: USER a\nS: +OK\nC: [redacted]\nS: +OK\n", "C: and S:", Spoken::Pop3, "csxs"),
            (
                "Trying 192.0.2.1...\nConnected to h.\nEscape character is '^]'.\n+OK hi\nLIST\n+OK 1\n1 20\n.\nQUIT\n+OK\n",
                "unmarked",
                Spoken::Pop3,
                "scssscs",
            ),
            (
                "CONNECTED(00000003)\n---\nSSL handshake has read\n---\n* OK ready\na NOOP\na OK done\n",
                "openssl s_client",
                Spoken::Imap,
                "tscs",
            ),
            (
                "{\"event\":\"octets\",\"direction\":\"received\",\"text\":\"220 h\\r\\n\",\"us\":1,\"connection\":1}\n{\"event\":\"secret\",\"direction\":\"sent\",\"us\":1,\"connection\":1}\n",
                "pillarbox --trace",
                Spoken::Smtp,
                "sx",
            ),
        ];
        for (text, format, spoken, want) in cases {
            let read = transcript(text);
            assert_eq!((read.format, read.spoken), (format, Some(spoken)), "{text}");
            assert_eq!(sides(&read), want, "{text}");
        }
        assert_eq!(transcript("hello\nworld\n").spoken, None);
        assert_eq!(transcript("").spoken, None);
    }
}
