//! A dialogue of IMAP, followed (RFC 9051 sections 2.2 and 7.1).

use super::judge::Seen;
use super::read::{Event, Side};
use crate::verbs::probe::facts::Offer;

/// Commands, and the capability that brings them.
const COMMANDS: &[(&str, &str)] = &[
    ("STARTTLS", "STARTTLS"),
    ("IDLE", "IDLE"),
    ("ENABLE", "ENABLE"),
    ("MOVE", "MOVE"),
    ("UNSELECT", "UNSELECT"),
    ("NAMESPACE", "NAMESPACE"),
    ("ID", "ID"),
    ("SORT", "SORT"),
    ("THREAD", "THREAD"),
    ("COMPRESS", "COMPRESS"),
    ("GETQUOTA", "QUOTA"),
    ("GETQUOTAROOT", "QUOTA"),
    ("NOTIFY", "NOTIFY"),
];

/// What IMAP4rev2 has without saying so.
const REV2: [&str; 6] = ["IDLE", "ENABLE", "MOVE", "UNSELECT", "NAMESPACE", "STARTTLS"];

/// Follows the dialogue.
pub fn follow(events: &[Event], seen: &mut Seen) {
    let mut talk = Talk {
        waiting: Vec::new(),
        skip: [0; 2],
        goes_on: [false; 2],
        continues: false,
        hidden: 0,
        seen,
    };
    for event in events {
        match event {
            Event::Tls => {
                let is_first = talk.seen.session.greeting.is_none();
                talk.seen.encrypted(is_first);
            }
            Event::Line(Side::Client, line) => talk.client(line),
            Event::Line(Side::Server, line) => talk.server(line),
            Event::Secret(Side::Client) => talk.secret(),
            Event::Secret(Side::Server) | Event::Content(_) => {}
        }
    }
}

struct Talk<'s> {
    /// Commands without an answer so far: tag and command.
    waiting: Vec<(String, String)>,
    /// Octets of a literal that the client (0) or the server (1) is still to send.
    skip: [usize; 2],
    /// The next line goes on with what stood before a literal.
    goes_on: [bool; 2],
    /// The server asked to go on: the next line of the client is no command.
    continues: bool,
    /// Commands that the transcript leaves out, and whose tags nobody knows.
    hidden: usize,
    seen: &'s mut Seen,
}

impl Talk<'_> {
    /// Whether a line is of a literal; takes what it fills.
    fn is_literal(&mut self, side: usize, line: &str) -> bool {
        if std::mem::take(&mut self.goes_on[side]) {
            self.skip[side] = announced(line);
            return true;
        }
        let left = self.skip[side];
        if left == 0 {
            return false;
        }
        // The rest of a line in which a literal ends is text again.
        if line.len() >= left {
            self.skip[side] = announced(line.get(left..).unwrap_or_default());
        } else {
            self.skip[side] = left.saturating_sub(line.len() + 2);
            self.goes_on[side] = self.skip[side] == 0;
        }
        true
    }

    fn client(&mut self, line: &str) {
        if self.is_literal(0, line) {
            return;
        }
        self.skip[0] = announced(line);
        if std::mem::take(&mut self.continues) || line.eq_ignore_ascii_case("DONE") {
            return;
        }
        let mut words = line.split(' ');
        let (tag, command) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut command = command.to_ascii_uppercase();
        let argument = words.next().unwrap_or_default().to_ascii_uppercase();
        if command.is_empty() {
            return;
        }
        if command == "UID" {
            command.clone_from(&argument);
        }
        self.seen.began(&command, &["CAPABILITY", "LOGOUT"]);
        if matches!(command.as_str(), "LOGIN" | "AUTHENTICATE") {
            let what = if command == "LOGIN" { "LOGIN" } else { argument.as_str() };
            self.login(what);
        }
        self.uses(&command, &argument);
        self.waiting.push((tag.to_owned(), command));
    }

    /// What the transcript leaves out: a command that logs in, tag and all, or a line of an
    /// exchange.
    fn secret(&mut self) {
        if std::mem::take(&mut self.continues) {
            return;
        }
        self.seen.began("a login", &[]);
        self.login("LOGIN");
        self.hidden += 1;
    }

    fn login(&mut self, what: &str) {
        self.seen.has_login = true;
        let is_open = ["LOGIN", "PLAIN", "XOAUTH2", "OAUTHBEARER"].contains(&what);
        if is_open && !self.seen.is_encrypted {
            self.seen.secrets.push(format!("{what} without TLS"));
        }
    }

    fn uses(&mut self, command: &str, argument: &str) {
        let Some(offer) = self.seen.offer().filter(|offer| offer.extended) else { return };
        let has = |name: &str| offer.has(name) || (offer.has("IMAP4rev2") && REV2.contains(&name));
        let mut note = None;
        if let Some((_, extension)) = COMMANDS.iter().find(|(known, _)| *known == command)
            && !has(extension)
        {
            note = Some(format!("{command} without {extension}"));
        }
        if command == "AUTHENTICATE" && !offer.mechanisms.iter().any(|known| known == argument) {
            note = Some(format!("AUTHENTICATE {argument} without AUTH={argument}"));
        }
        if command == "LOGIN" && offer.has("LOGINDISABLED") {
            note = Some("LOGIN, with LOGINDISABLED".into());
        }
        self.seen.unoffered.extend(note);
    }

    fn server(&mut self, line: &str) {
        if self.is_literal(1, line) {
            return;
        }
        self.skip[1] = announced(line);
        if let Some(rest) = line.strip_prefix("* ") {
            if self.seen.session.greeting.is_none() {
                self.seen.session.greeting = Some(line.to_owned());
                if !["OK", "PREAUTH", "BYE"].iter().any(|word| rest.starts_with(word)) {
                    self.seen.wrong.push(format!("the greeting is {line:?}"));
                }
            }
            let list = rest.strip_prefix("CAPABILITY ").or_else(|| in_code(rest));
            if let Some(list) = list {
                self.seen.offered(offer(list));
            }
            return;
        }
        if line.starts_with('+') {
            self.continues = self.skip[0] == 0;
            return;
        }
        let mut words = line.splitn(3, ' ');
        let (tag, condition) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let Some(at) = self.waiting.iter().position(|(known, _)| known == tag) else {
            if self.hidden > 0 {
                self.hidden -= 1;
                if let Some(list) = in_code(line) {
                    self.seen.offered(offer(list));
                }
                return;
            }
            self.seen.extra.push(format!("{line:?} answers nothing"));
            return;
        };
        let (_, command) = self.waiting.remove(at);
        self.continues = false;
        match condition.to_ascii_uppercase().as_str() {
            "OK" => {}
            "NO" | "BAD" => self.seen.refused.push(format!("{command}: {line}")),
            _ => self.seen.wrong.push(format!("{command} was answered with {line:?}")),
        }
        match (command.as_str(), in_code(line.split_once(' ').map_or("", |(_, rest)| rest))) {
            ("STARTTLS", _) => self.seen.session.go_ahead = Some(line.to_owned()),
            (_, Some(list)) => self.seen.offered(offer(list)),
            _ => {}
        }
    }
}

/// The list in `OK [CAPABILITY IMAP4rev1 ...] text`.
fn in_code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("[CAPABILITY ")?;
    rest.split_once(']').map(|(list, _)| list)
}

/// Octets of the literal that a line announces at its end.
fn announced(line: &str) -> usize {
    line.strip_suffix('}')
        .and_then(|line| line.rsplit_once('{'))
        .map(|(_, number)| number.strip_suffix(['+', '-']).unwrap_or(number))
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

fn offer(list: &str) -> Offer {
    let lines: Vec<String> = list.split_whitespace().map(str::to_owned).collect();
    let has = |name: &str| lines.iter().any(|line| line.eq_ignore_ascii_case(name));
    Offer {
        extended: true,
        name: None,
        starttls: has("STARTTLS"),
        login: Some(!has("LOGINDISABLED")),
        mechanisms: lines
            .iter()
            .filter_map(|line| line.to_ascii_uppercase().strip_prefix("AUTH=").map(str::to_owned))
            .collect(),
        lines,
    }
}
