//! One connection of a case: says what a step says, reads what comes back, and compares.

use std::borrow::Cow;

use super::script::{Step, begins, is_like};
use crate::imap::syntax::frame::{self, Framer};
use crate::net::tls::Connector;
use crate::net::{self, Wire};
use crate::ui::sanitize;
use crate::verbs::probe::facts::Protocol;

/// Longest line of an answer, in octets.
const LINE_OCTETS: usize = 64 * 1024;

/// Lines of one answer that are kept; more is no answer to any case.
const ANSWER_LINES: usize = 10_000;

/// Octets of an answer that the evidence shows.
const SHOWN_OCTETS: usize = 300;

/// Why a case does not hold.
#[derive(Debug)]
pub enum Fault {
    /// The server does something else.
    Unmet(String),
    /// Nobody can tell: it went away, fell silent, or asked to come later.
    Unknown(String),
}

/// What stands for the words in braces.
#[derive(Debug, Clone, Default)]
pub struct Words(pub Vec<(&'static str, String)>);

impl Words {
    /// The text with the words filled in.
    pub fn fill<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !text.contains('{') {
            return Cow::Borrowed(text);
        }
        let mut text = text.to_owned();
        for (word, value) in &self.0 {
            text = text.replace(word, value);
        }
        Cow::Owned(text)
    }
}

/// One connection.
pub struct Talk<'a> {
    wire: Wire,
    protocol: Protocol,
    words: &'a Words,
    connector: Option<&'a Connector>,
    tags: u32,
    /// What was said last, for the evidence.
    said: String,
    /// The lines of the last answer; IMAP: its responses.
    lines: Vec<String>,
    /// The last line of the answer, without an IMAP tag.
    status: String,
    is_over: bool,
    is_injected: bool,
}

impl<'a> Talk<'a> {
    /// On this connection, as far as it is led.
    pub fn new(
        wire: Wire,
        protocol: Protocol,
        words: &'a Words,
        connector: Option<&'a Connector>,
    ) -> Self {
        Self {
            wire,
            protocol,
            words,
            connector,
            tags: 0,
            said: String::new(),
            lines: Vec::new(),
            status: String::new(),
            is_over: false,
            is_injected: false,
        }
    }

    /// The lines of the last answer.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The last line of the last answer, without an IMAP tag.
    pub fn status(&self) -> &str {
        &self.status
    }

    /// Whether the case holds without the steps that are left.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Does one step; [`Step::Second`] is the caller's.
    ///
    /// # Errors
    /// [`Fault`] where it is not met.
    pub async fn step(&mut self, step: &Step) -> Result<(), Fault> {
        match *step {
            Step::Do(line) => {
                let line = self.words.fill(line).into_owned();
                match self.protocol {
                    Protocol::Imap => {
                        let tag = self.tag();
                        self.say(format!("{tag} {line}\r\n").as_bytes()).await?;
                        self.until(&tag).await
                    }
                    Protocol::Smtp | Protocol::Lmtp | Protocol::Pop3 => {
                        self.say(format!("{line}\r\n").as_bytes()).await?;
                        self.answer().await
                    }
                }
            }
            Step::Literal(line, content) => {
                let (line, content) = (self.words.fill(line), self.words.fill(content));
                let tag = self.tag();
                self.say(format!("{tag} {line} {{{}}}\r\n", content.len()).as_bytes()).await?;
                if !self.go_ahead(&tag).await? {
                    // Refused before the literal: that is an answer, too.
                    return Ok(());
                }
                self.say(format!("{content}\r\n").as_bytes()).await?;
                self.until(&tag).await
            }
            Step::Lines(line) => {
                let line = self.words.fill(line).into_owned();
                self.say(format!("{line}\r\n").as_bytes()).await?;
                self.answer().await?;
                if !self.status.starts_with("+OK") {
                    return Ok(());
                }
                loop {
                    let line = self.line().await?;
                    if line == "." {
                        return Ok(());
                    }
                    self.keep(line)?;
                }
            }
            Step::Raw(octets) => {
                let octets = self.words.fill(octets).into_owned();
                self.lines.clear();
                self.say(octets.as_bytes()).await
            }
            Step::Answer => self.answer().await,
            Step::Until(tag) => self.until(tag).await,
            Step::GoAhead => match self.go_ahead("").await? {
                true => Ok(()),
                false => Err(self.unmet("a request to go on")),
            },
            Step::Wait(pattern) => {
                let pattern = self.words.fill(pattern).into_owned();
                loop {
                    let line = self.response().await?;
                    let is_it = is_like(&pattern, &line);
                    self.keep(line)?;
                    if is_it {
                        return Ok(());
                    }
                }
            }
            Step::Is(pattern) => {
                let pattern = self.words.fill(pattern).into_owned();
                match begins(&pattern, &self.status) {
                    true => Ok(()),
                    false if is_later(self.protocol, &self.status) => {
                        Err(Fault::Unknown(format!("{:?}: {}", self.said, shown(&self.status))))
                    }
                    false => Err(self.unmet(&pattern)),
                }
            }
            Step::Has(pattern) => {
                let pattern = self.words.fill(pattern).into_owned();
                match self.lines.iter().any(|line| is_like(&pattern, line)) {
                    true => Ok(()),
                    false => Err(self.unmet(&pattern)),
                }
            }
            Step::Lacks(pattern) => {
                let pattern = self.words.fill(pattern).into_owned();
                match self.lines.iter().find(|line| is_like(&pattern, line)) {
                    None => Ok(()),
                    Some(line) => Err(Fault::Unmet(format!(
                        "{:?} was answered with {}",
                        self.said,
                        shown(line)
                    ))),
                }
            }
            Step::Count(want, pattern) => {
                let pattern = self.words.fill(pattern).into_owned();
                let count = self.lines.iter().filter(|line| is_like(&pattern, line)).count();
                match count == want {
                    true => Ok(()),
                    false => Err(self.unmet(&format!("{want} of {pattern}"))),
                }
            }
            Step::Closed => match self.wire.fill().await {
                Err(net::Error::Closed | net::Error::Io(_)) => Ok(()),
                Err(error) => Err(Fault::Unmet(format!("the connection stays open ({error})"))),
                Ok(_) => {
                    let line = String::from_utf8_lossy(self.wire.buffered()).into_owned();
                    Err(Fault::Unmet(format!("the server goes on: {}", shown(&line))))
                }
            },
            Step::Inject(octets, positive) => {
                self.lines.clear();
                self.say(octets.as_bytes()).await?;
                let answered = match self.protocol {
                    Protocol::Imap => self.until("s1").await,
                    Protocol::Smtp | Protocol::Lmtp | Protocol::Pop3 => self.answer().await,
                };
                self.is_injected = true;
                self.is_over = answered.is_err() || !begins(positive, &self.status);
                Ok(())
            }
            Step::Tls => {
                let Some(connector) = self.connector else {
                    return Err(Fault::Unknown("there is no TLS to begin".into()));
                };
                match self.wire.start_tls(connector).await {
                    Ok(()) => Ok(()),
                    Err(error @ net::Error::PlaintextBehindTls { .. }) => {
                        Err(Fault::Unmet(error.to_string()))
                    }
                    // What was put in broke the handshake, and nothing else.
                    Err(_) if self.is_injected => {
                        self.is_over = true;
                        Ok(())
                    }
                    Err(error) => Err(self.broken(&error)),
                }
            }
            Step::Second(_) => Ok(()),
        }
    }

    /// The connection, for other words.
    pub fn into_wire(self) -> Wire {
        self.wire
    }

    /// Ends it without ceremony.
    pub async fn leave(mut self) {
        // Whatever the server makes of it, the case is over.
        let _ = self.wire.shutdown().await;
    }

    fn tag(&mut self) -> String {
        self.tags += 1;
        format!("c{}", self.tags)
    }

    async fn say(&mut self, octets: &[u8]) -> Result<(), Fault> {
        self.said = sanitize::octets(octets.trim_ascii_end());
        self.said.truncate(self.said.floor_char_boundary(SHOWN_OCTETS / 2));
        self.wire.queue(octets);
        self.wire.flush().await.map_err(|error| self.broken(&error))
    }

    fn keep(&mut self, line: String) -> Result<(), Fault> {
        if self.lines.len() >= ANSWER_LINES {
            return Err(Fault::Unmet(format!("more than {ANSWER_LINES} lines")));
        }
        self.lines.push(line);
        Ok(())
    }

    /// One reply of SMTP, one line of POP3.
    async fn answer(&mut self) -> Result<(), Fault> {
        self.lines.clear();
        if self.protocol == Protocol::Pop3 {
            self.status = self.line().await?;
            let status = self.status.clone();
            return self.keep(status);
        }
        loop {
            let line = self.line().await?;
            let octets = line.as_bytes();
            let is_reply = octets.len() >= 3
                && octets[..3].iter().all(u8::is_ascii_digit)
                && matches!(octets.get(3), None | Some(b' ' | b'-'));
            if !is_reply {
                return Err(Fault::Unmet(format!(
                    "{:?} was answered with {}, which is no reply",
                    self.said,
                    shown(&line)
                )));
            }
            let is_last = octets.get(3) != Some(&b'-');
            self.status.clone_from(&line);
            self.keep(line)?;
            if is_last {
                return Ok(());
            }
        }
    }

    async fn line(&mut self) -> Result<String, Fault> {
        match self.wire.line(LINE_OCTETS).await {
            Ok(length) => {
                let line = &self.wire.buffered()[..length];
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                let line = String::from_utf8_lossy(line).into_owned();
                self.wire.consume(length);
                Ok(line)
            }
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// One response of IMAP, literals and all.
    async fn response(&mut self) -> Result<String, Fault> {
        let mut framer = Framer::responses();
        loop {
            match framer.step(self.wire.buffered()) {
                Ok(frame::Step::Complete { len }) => {
                    let response = self.wire.buffered()[..len].trim_ascii_end();
                    let response = String::from_utf8_lossy(response).into_owned();
                    self.wire.consume(len);
                    return Ok(response);
                }
                Ok(frame::Step::More) => {
                    if let Err(error) = self.wire.fill().await {
                        return Err(self.broken(&error));
                    }
                }
                Ok(frame::Step::Literal { len, .. } | frame::Step::Continue { len }) => {
                    return Err(Fault::Unmet(format!("a literal of {len} octets")));
                }
                Err(malformed) => return Err(Fault::Unmet(malformed.to_string())),
            }
        }
    }

    async fn until(&mut self, tag: &str) -> Result<(), Fault> {
        self.lines.clear();
        loop {
            let line = self.response().await?;
            if let Some(status) = line.strip_prefix(tag).and_then(|rest| rest.strip_prefix(' ')) {
                self.status = status.to_owned();
                return Ok(());
            }
            self.keep(line)?;
        }
    }

    /// Whether the server asks to go on; not: it has answered the command of this tag.
    async fn go_ahead(&mut self, tag: &str) -> Result<bool, Fault> {
        self.lines.clear();
        loop {
            let line = self.response().await?;
            if line.starts_with('+') {
                return Ok(true);
            }
            if !line.starts_with('*') {
                let behind = line.strip_prefix(tag).and_then(|rest| rest.strip_prefix(' '));
                self.status = behind.unwrap_or(&line).to_owned();
                return Ok(false);
            }
            self.keep(line)?;
        }
    }

    fn unmet(&self, want: &str) -> Fault {
        let mut got = self.lines.join(" / ");
        if self.lines.last().is_none_or(|last| *last != self.status) {
            got = format!("{got} / {}", self.status);
        }
        let got = shown(got.trim_start_matches(" / "));
        Fault::Unmet(format!("{:?}: expected {want}, got {got}", self.said))
    }

    fn broken(&self, error: &net::Error) -> Fault {
        let said = &self.said;
        // RFC 9051 section 7.1.5: why it goes may be among what it said.
        let bye = self.lines.iter().find(|line| begins("* BYE|421", line));
        match (error, bye) {
            (_, Some(bye)) => Fault::Unknown(format!("{said:?}: {}", shown(bye))),
            (net::Error::Closed, None) => {
                Fault::Unmet(format!("{said:?}: the server ended the connection"))
            }
            (error, None) => Fault::Unknown(format!("{said:?}: {error}")),
        }
    }
}

/// Whether an answer is about now, and not about the command.
fn is_later(protocol: Protocol, status: &str) -> bool {
    match protocol {
        Protocol::Smtp | Protocol::Lmtp => begins("421|450|451", status),
        Protocol::Imap => ["[UNAVAILABLE]", "[LIMIT]", "[INUSE]", "[SERVERBUG]", "[OVERQUOTA]"]
            .iter()
            .any(|code| status.contains(code)),
        Protocol::Pop3 => {
            ["[SYS/TEMP]", "[IN-USE]", "[LOGIN-DELAY]"].iter().any(|code| status.contains(code))
        }
    }
}

/// Something of the server, short enough for a report.
fn shown(text: &str) -> String {
    let mut shown = sanitize::octets(text.as_bytes());
    if shown.len() > SHOWN_OCTETS {
        shown.truncate(shown.floor_char_boundary(SHOWN_OCTETS));
        shown.push_str("...");
    }
    format!("{shown:?}")
}
