//! A dialogue of POP3, followed (RFC 1939, RFC 2449, RFC 5034).

use std::collections::VecDeque;

use super::judge::Seen;
use super::read::{Event, Side, word};
use crate::verbs::probe::facts::Offer;

/// Whether the positive answer to a command has many lines.
pub fn wants_lines(command: &str) -> bool {
    let has_argument = command.split_whitespace().nth(1).is_some();
    match word(command).as_str() {
        "CAPA" | "RETR" | "TOP" => true,
        "LIST" | "UIDL" | "AUTH" => !has_argument,
        _ => false,
    }
}

/// Follows the dialogue.
pub fn follow(events: &[Event], seen: &mut Seen) {
    let mut talk = Talk { waiting: VecDeque::new(), lines: None, seen };
    for event in events {
        match event {
            Event::Tls => {
                let is_first = talk.seen.session.greeting.is_none();
                talk.seen.encrypted(is_first);
            }
            Event::Line(Side::Client, line) => talk.client(line),
            Event::Line(Side::Server, line) => talk.server(line),
            // PASS, or a line of a SASL exchange.
            Event::Secret(Side::Client) => {
                if talk.waiting.front().is_none_or(|first| word(first) != "AUTH") {
                    talk.client("PASS [redacted]");
                }
            }
            Event::Content(Side::Server) => {}
            Event::Secret(Side::Server) | Event::Content(Side::Client) => {}
        }
    }
}

struct Talk<'s> {
    /// Commands without an answer so far.
    waiting: VecDeque<String>,
    /// The command whose answer of many lines goes on, and these lines.
    lines: Option<(String, Vec<String>)>,
    seen: &'s mut Seen,
}

impl Talk<'_> {
    fn client(&mut self, line: &str) {
        let command = word(line);
        // The answer to a challenge of SASL has no command.
        let in_exchange = self.waiting.front().is_some_and(|first| word(first) == "AUTH");
        if command.is_empty() || in_exchange {
            return;
        }
        self.seen.began(&command, &["CAPA", "QUIT"]);
        let argument = line.split_whitespace().nth(1).unwrap_or_default().to_ascii_uppercase();
        let is_open = match command.as_str() {
            "PASS" => true,
            "AUTH" => ["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"].contains(&argument.as_str()),
            _ => false,
        };
        if matches!(command.as_str(), "PASS" | "APOP" | "AUTH") {
            self.seen.has_login = true;
        }
        if is_open && !self.seen.is_encrypted {
            self.seen.secrets.push(format!("{command} {argument} without TLS"));
        }
        if let Some(offer) = self.seen.offer().filter(|offer| offer.extended) {
            let mut notes = Vec::new();
            for (known, capability) in
                [("STLS", "STLS"), ("UIDL", "UIDL"), ("TOP", "TOP"), ("UTF8", "UTF8")]
            {
                if command == known && !offer.has(capability) {
                    notes.push(format!("{command} without {capability}"));
                }
            }
            if !self.waiting.is_empty() && !offer.has("PIPELINING") {
                notes.push(format!("{command} before an answer without PIPELINING"));
            }
            self.seen.unoffered.append(&mut notes);
        }
        self.waiting.push_back(line.to_owned());
    }

    fn server(&mut self, line: &str) {
        if let Some((command, lines)) = &mut self.lines {
            if line != "." {
                lines.push(line.to_owned());
                return;
            }
            if word(command) == "CAPA" {
                let offer = offer(lines);
                self.seen.offered(offer);
            }
            self.lines = None;
            return;
        }
        if self.seen.session.greeting.is_none() {
            self.seen.session.greeting = Some(line.to_owned());
            if !line.starts_with("+OK") && !line.starts_with("-ERR") {
                self.seen.wrong.push(format!("the greeting is {line:?}"));
            }
            return;
        }
        // A challenge of SASL.
        if line == "+" || line.starts_with("+ ") {
            return;
        }
        let Some(command) = self.waiting.pop_front() else {
            self.seen.extra.push(format!("{line:?} answers nothing"));
            return;
        };
        let name = word(&command);
        if line.starts_with("-ERR") {
            self.seen.refused.push(format!("{name}: {line}"));
        } else if !line.starts_with("+OK") {
            self.seen.wrong.push(format!("{name} was answered with {line:?}"));
        } else if name == "STLS" {
            self.seen.session.go_ahead = Some(line.to_owned());
        } else if wants_lines(&command) {
            self.lines = Some((command, Vec::new()));
        }
    }
}

fn offer(lines: &[String]) -> Offer {
    let has = |name: &str| lines.iter().any(|line| word(line) == name);
    Offer {
        extended: true,
        name: None,
        starttls: has("STLS"),
        login: Some(has("USER")),
        mechanisms: lines
            .iter()
            .filter(|line| word(line) == "SASL")
            .flat_map(|line| line.split_whitespace().skip(1))
            .map(str::to_ascii_uppercase)
            .collect(),
        lines: lines.to_vec(),
    }
}
