//! A dialogue of SMTP, followed.
//!
//! RFC 5321 section 4.3.2 (which answers a command can have), RFC 2034 section 4, RFC 2920.

use std::collections::VecDeque;

use super::judge::Seen;
use super::read::{Event, Side, is_reply, word};
use crate::verbs::probe::facts::Offer;

/// Answers that are not 4yz or 5yz, by command (RFC 5321 section 4.3.2, RFC 3207, 4954, 3030).
const ANSWERS: &[(&str, &[u16])] = &[
    ("EHLO", &[250]),
    ("HELO", &[250]),
    ("LHLO", &[250]),
    ("MAIL", &[250]),
    ("RCPT", &[250, 251, 252]),
    ("DATA", &[354, 250]),
    ("the message", &[250, 251]),
    ("BDAT", &[250]),
    ("RSET", &[250]),
    ("NOOP", &[250]),
    ("VRFY", &[250, 251, 252]),
    ("EXPN", &[250, 252]),
    ("HELP", &[211, 214]),
    ("QUIT", &[221]),
    ("STARTTLS", &[220]),
    ("AUTH", &[235, 334]),
];

/// Commands whose answers have an enhanced code where these are offered.
const ENHANCED: [&str; 4] = ["MAIL", "RCPT", "the message", "BDAT"];

/// Parameters of MAIL and RCPT, and the extension that brings them.
const PARAMETERS: &[(&str, &str)] = &[
    ("SIZE", "SIZE"),
    ("BODY", "8BITMIME"),
    ("SMTPUTF8", "SMTPUTF8"),
    ("RET", "DSN"),
    ("ENVID", "DSN"),
    ("NOTIFY", "DSN"),
    ("ORCPT", "DSN"),
    ("AUTH", "AUTH"),
    ("REQUIRETLS", "REQUIRETLS"),
    ("MT-PRIORITY", "MT-PRIORITY"),
    ("BY", "DELIVERBY"),
];

/// Follows the dialogue.
pub fn follow(events: &[Event], seen: &mut Seen) {
    let mut talk = Talk { waiting: VecDeque::new(), reply: Vec::new(), in_data: false, seen };
    for event in events {
        match event {
            Event::Tls => {
                let is_first = talk.seen.session.greeting.is_none();
                talk.seen.encrypted(is_first);
            }
            Event::Line(Side::Client, line) => talk.client(line),
            Event::Line(Side::Server, line) => talk.server(line),
            Event::Secret(Side::Client) => talk.secret(),
            Event::Content(Side::Client) => {
                // Only the final dot has an answer, and content comes in pieces.
                if talk.in_data || talk.waiting.back().is_none_or(|last| last != "the message") {
                    talk.in_data = false;
                    talk.waiting.push_back("the message".into());
                }
            }
            Event::Secret(Side::Server) | Event::Content(Side::Server) => {}
        }
    }
}

struct Talk<'s> {
    /// Commands without an answer so far.
    waiting: VecDeque<String>,
    /// Lines of a reply that goes on.
    reply: Vec<String>,
    /// The client sends a message.
    in_data: bool,
    seen: &'s mut Seen,
}

impl Talk<'_> {
    fn client(&mut self, line: &str) {
        if self.in_data {
            if line == "." {
                self.in_data = false;
                self.waiting.push_back("the message".into());
            }
            return;
        }
        // An answer to a challenge of SASL.
        if self.waiting.front().is_some_and(|first| first == "AUTH continued") {
            if let Some(first) = self.waiting.front_mut() {
                *first = "AUTH".into();
            }
            return;
        }
        let command = word(line);
        if command.is_empty() {
            return;
        }
        self.seen.began(&command, &["EHLO", "LHLO", "HELO", "QUIT"]);
        self.uses(&command, line);
        self.waiting.push_back(command);
    }

    /// What the transcript leaves out is part of a login.
    fn secret(&mut self) {
        match self.waiting.front_mut() {
            Some(first) if first == "AUTH continued" => *first = "AUTH".into(),
            _ => {
                self.login("AUTH PLAIN");
                self.waiting.push_back("AUTH".into());
            }
        }
    }

    fn login(&mut self, what: &str) {
        self.seen.has_login = true;
        let mechanism = what.split_whitespace().nth(1).unwrap_or_default().to_ascii_uppercase();
        let is_open = ["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"].contains(&mechanism.as_str());
        if is_open && !self.seen.is_encrypted {
            self.seen.secrets.push(format!("AUTH {mechanism} without TLS"));
        }
    }

    fn uses(&mut self, command: &str, line: &str) {
        if command == "AUTH" {
            self.login(line);
        }
        let Some(offer) = self.seen.offer() else { return };
        let mut missing = Vec::new();
        let mut need = |extension: &str, by: &str| {
            if !offer.has(extension) {
                missing.push(format!("{by} without {extension}"));
            }
        };
        match command {
            "STARTTLS" | "AUTH" => need(command, command),
            "BDAT" => need("CHUNKING", command),
            "MAIL" | "RCPT" => {
                let parameters = line.rsplit_once('>').map_or("", |(_, rest)| rest);
                for parameter in parameters.split_whitespace() {
                    let name = parameter.split('=').next().unwrap_or_default().to_ascii_uppercase();
                    if let Some((_, extension)) = PARAMETERS.iter().find(|(of, _)| *of == name) {
                        need(extension, &name);
                    }
                }
            }
            _ => {}
        }
        if !self.waiting.is_empty() {
            need("PIPELINING", &format!("{command} before an answer"));
        }
        self.seen.unoffered.append(&mut missing);
    }

    fn server(&mut self, line: &str) {
        if !is_reply(line) {
            self.seen.wrong.push(format!("{line:?} is no reply"));
            return;
        }
        self.reply.push(line.to_owned());
        if line.as_bytes().get(3) == Some(&b'-') {
            return;
        }
        let reply = std::mem::take(&mut self.reply);
        let code: u16 = line.get(..3).and_then(|code| code.parse().ok()).unwrap_or_default();
        if self.seen.session.greeting.is_none() {
            self.seen.session.greeting = Some(reply.join("\n"));
            if !matches!(code, 220 | 400..) {
                self.seen.wrong.push(format!("the greeting is {line:?}"));
            }
            return;
        }
        let Some(command) = self.waiting.pop_front() else {
            // RFC 5321 section 3.8: a server may say goodbye at any time.
            if code != 421 {
                self.seen.extra.push(format!("{line:?} answers nothing"));
            }
            return;
        };
        self.answered(&command, code, &reply, line);
    }

    fn answered(&mut self, command: &str, code: u16, reply: &[String], line: &str) {
        let allowed = ANSWERS.iter().find(|(known, _)| *known == command).map(|(_, codes)| *codes);
        if code < 400 && allowed.is_some_and(|codes| !codes.contains(&code)) {
            self.seen.wrong.push(format!("{command} was answered with {line:?}"));
        }
        if reply.iter().any(|other| other.get(..3) != line.get(..3)) {
            self.seen.wrong.push(format!("{command} was answered with more than one code"));
        }
        if code >= 400 && command != "QUIT" {
            self.seen.refused.push(format!("{command}: {line}"));
        }
        let promises = self.seen.offer().is_some_and(|offer| offer.has("ENHANCEDSTATUSCODES"));
        let wants_code = ENHANCED.contains(&command) || (code >= 400 && command != "EHLO");
        if promises {
            let notes = self.seen.unenhanced.get_or_insert_with(Vec::new);
            if wants_code && !has_enhanced(line) {
                notes.push(format!("{command}: {line}"));
            }
        }
        match (command, code) {
            ("EHLO" | "LHLO", 250) => self.seen.offered(offer(&reply[1..])),
            ("HELO", 250) => {
                self.seen.offered(Offer { login: Some(false), ..Offer::default() });
            }
            ("DATA", 354) => self.in_data = true,
            ("AUTH", 334) => self.waiting.push_front("AUTH continued".into()),
            ("STARTTLS", 220) => self.seen.session.go_ahead = Some(line.to_owned()),
            _ => {}
        }
    }
}

/// Whether the text of a reply begins with an enhanced code of its own class.
fn has_enhanced(line: &str) -> bool {
    let mut parts =
        line.get(4..).unwrap_or_default().split(' ').next().unwrap_or_default().split('.');
    let class = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    line.starts_with(class)
        && class.len() == 1
        && rest.len() == 2
        && rest
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit()))
}

fn offer(lines: &[String]) -> Offer {
    let lines: Vec<String> =
        lines.iter().filter_map(|line| line.get(4..)).map(str::to_owned).collect();
    let mechanisms = lines
        .iter()
        .filter(|line| word(line) == "AUTH")
        .flat_map(|line| line.split_whitespace().skip(1))
        .map(str::to_ascii_uppercase)
        .collect();
    Offer {
        extended: true,
        name: None,
        starttls: lines.iter().any(|line| word(line) == "STARTTLS"),
        mechanisms,
        login: Some(false),
        lines,
    }
}
