//! `serve-test replay`: a server that says again what a recording heard.
//!
//! Each connection of a protocol takes the next recorded one of it, and goes through it: what
//! the server said is said when the client has said what came before. Lines of the client are
//! compared in any case; a tag of IMAP is the client's own, a secret is any line, and message
//! content is whatever the client sends. A client that says something else is hung up on, and
//! the difference is told.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Result;
use async_trait::async_trait;
use tokio::sync::Notify;

use super::listeners::{Kind, Port, Protocol, Serve};
use super::record::{Line, What};
use crate::base::dot::Decoder;
use crate::net::tls::Acceptor;
use crate::net::transcript::REDACTED;
use crate::net::{Error, Wire};
use crate::ui::{Exit, Failure, report, sanitize};

/// Serve a recording again
///
/// Each connection takes the next recorded one of its protocol and goes through it; a tag of
/// IMAP may be another, a secret is any line, and so is message content. Exit code 1: a client
/// said something else (the difference is on standard error), or a recorded connection was
/// not made.
#[derive(Debug, Clone, clap::Args)]
pub struct Replay {
    /// What `serve-test --record` wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Listen on a port of choice, as imap=1143; repeatable (default: any free port)
    #[arg(long = "port", value_name = "PROTOCOL=PORT")]
    pub ports: Vec<Port>,

    /// Write the line of JSON to this file descriptor instead of standard output
    #[arg(long, value_name = "FD", value_parser = clap::value_parser!(i32).range(0..))]
    pub ready_fd: Option<i32>,

    /// The command to run, with its arguments; without one, until all was said or a signal comes
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// Octets of one line of a client.
const LINE_OCTETS: usize = 64 * 1024;

/// One thing that happens on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// The client says this line.
    Line(Vec<u8>),
    /// The client says a line that is not known.
    Secret,
    /// The client sends content.
    Content,
    /// The server says this.
    Say(Vec<u8>),
    /// TLS begins.
    Tls,
}

/// A connection while it is read.
struct Begun {
    connection: u32,
    protocol: String,
    steps: Vec<Step>,
    /// Octets of an IMAP literal that are still to come.
    left: usize,
}

/// What a client says, as steps: lines, and what a literal of IMAP holds as content.
fn say(octets: &[u8], is_imap: bool, steps: &mut Vec<Step>, left: &mut usize) {
    let mut rest = octets;
    while !rest.is_empty() {
        if *left > 0 {
            let count = rest.len().min(*left);
            (rest, *left) = (&rest[count..], *left - count);
            if steps.last() != Some(&Step::Content) {
                steps.push(Step::Content);
            }
            continue;
        }
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let line = rest[..end].trim_ascii_end();
        if is_imap {
            *left = literal(line).unwrap_or(0);
        }
        steps.push(Step::Line(line.to_vec()));
        rest = &rest[end..];
    }
}

/// All that was recorded.
pub struct Recording {
    connections: RefCell<VecDeque<(String, Vec<Step>)>>,
    /// Connections that are gone through at the moment.
    playing: Cell<usize>,
    /// Told when one is over.
    pub over: Notify,
    /// What went otherwise.
    pub differences: RefCell<Vec<String>>,
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// [`Failure`] with the line that cannot be read.
    pub fn read(path: &Path) -> Result<Rc<Self>> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::new(Exit::NoInput, format!("{}: {error}", path.display())))?;
        let mut all: VecDeque<Begun> = VecDeque::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let wrong = |what: String| {
                Failure::new(Exit::Data, format!("{}, line {}: {what}", path.display(), number + 1))
            };
            let line: Line =
                serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            if let What::Connected { protocol } = line.what {
                let connection = line.connection;
                all.push_back(Begun { connection, protocol, steps: Vec::new(), left: 0 });
                continue;
            }
            let of = all.iter_mut().rev().find(|begun| begun.connection == line.connection);
            let Some(Begun { protocol, steps, left, .. }) = of else {
                return Err(wrong("this connection has not begun".into()).into());
            };
            let octets = |said: &super::record::Said| {
                said.octets().ok_or_else(|| wrong("neither text nor base64 is here".into()))
            };
            match &line.what {
                What::Client(said) if said.content => {
                    *left = left.saturating_sub(octets(said)?.len());
                    if steps.last() != Some(&Step::Content) {
                        steps.push(Step::Content);
                    }
                }
                What::Client(said) => {
                    say(&octets(said)?, protocol == "imap" || protocol == "imaps", steps, left)
                }
                What::Server(said) => {
                    let octets = octets(said)?;
                    match steps.last_mut() {
                        Some(Step::Say(said)) => said.extend_from_slice(&octets),
                        _ => steps.push(Step::Say(octets)),
                    }
                }
                What::Secret => steps.push(Step::Secret),
                What::Encrypted => steps.push(Step::Tls),
                What::Closed | What::Connected { .. } => {}
            }
        }
        if all.is_empty() {
            let text = format!("{}: no connection was recorded", path.display());
            return Err(Failure::new(Exit::Data, text).into());
        }
        let connections = all.into_iter().map(|begun| (begun.protocol, begun.steps)).collect();
        Ok(Rc::new(Self {
            connections: RefCell::new(connections),
            playing: Cell::new(0),
            over: Notify::new(),
            differences: RefCell::default(),
        }))
    }

    /// Takes the next connection of a listener.
    fn next(&self, kind: &str) -> Option<Vec<Step>> {
        let mut connections = self.connections.borrow_mut();
        let place = connections.iter().position(|(protocol, _)| protocol == kind)?;
        connections.remove(place).map(|(_, steps)| steps)
    }

    /// How many connections nobody made.
    pub fn left(&self) -> usize {
        self.connections.borrow().len()
    }

    /// Whether all was gone through.
    pub fn is_over(&self) -> bool {
        self.left() == 0 && self.playing.get() == 0
    }

    /// Goes through one connection.
    async fn go_through(&self, kind: Kind, mut wire: Wire, acceptor: &Acceptor) {
        let Some(steps) = self.next(kind.name) else {
            self.differ(format!("{}: a connection that was not recorded", kind.name));
            return;
        };
        match play(kind.protocol, &mut wire, &steps, acceptor).await {
            Ok(None) => {}
            Ok(Some(difference)) => self.differ(format!("{}: {difference}", kind.name)),
            Err(Error::Closed) => self.differ(format!("{}: the client went early", kind.name)),
            Err(error) => self.differ(format!("{}: {error}", kind.name)),
        }
        // A client that is gone already is no loss.
        let _ = wire.shutdown().await;
    }

    fn differ(&self, text: String) {
        report::note(&text);
        self.differences.borrow_mut().push(text);
    }
}

/// A recording, and the certificate of those who play it.
pub struct Player {
    /// What is played.
    pub recording: Rc<Recording>,
    /// TLS, where it was recorded.
    pub acceptor: Acceptor,
}

#[async_trait(?Send)]
impl Serve for Player {
    async fn serve(&self, kind: Kind, wire: Wire, _: Option<SocketAddr>) {
        let Self { recording, acceptor } = self;
        recording.playing.set(recording.playing.get() + 1);
        recording.go_through(kind, wire, acceptor).await;
        recording.playing.set(recording.playing.get() - 1);
        recording.over.notify_one();
    }
}

/// Plays the server's part; the first difference.
async fn play(
    protocol: Protocol,
    wire: &mut Wire,
    steps: &[Step],
    acceptor: &Acceptor,
) -> Result<Option<String>, Error> {
    // Tags of IMAP as they were recorded, and as this client has them.
    let mut tags: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    // The client's last command.
    let mut last = Vec::new();
    for step in steps {
        match step {
            Step::Tls => wire.accept_tls(acceptor).await?,
            Step::Say(octets) => {
                let octets = match protocol {
                    Protocol::Imap => with_tags(octets, &tags),
                    _ => octets.clone(),
                };
                wire.queue(&octets);
            }
            Step::Secret => {
                last = line(wire).await?;
                learn_tag(protocol, &last, &last, &mut tags);
            }
            Step::Line(wanted) => {
                let said = line(wire).await?;
                if !fits(protocol, wanted, &said) {
                    let shown = |octets: &[u8]| sanitize::octets(octets);
                    let text = format!("expected {:?}, got {:?}", shown(wanted), shown(&said));
                    return Ok(Some(text));
                }
                learn_tag(protocol, wanted, &said, &mut tags);
                last = said;
            }
            Step::Content => content(protocol, wire, &last).await?,
        }
    }
    wire.flush().await?;
    Ok(None)
}

/// The client's next line, without its end.
async fn line(wire: &mut Wire) -> Result<Vec<u8>, Error> {
    let length = wire.line(LINE_OCTETS).await?;
    let line = wire.buffered()[..length].trim_ascii_end().to_vec();
    wire.consume(length);
    Ok(line)
}

/// Reads content as the last line of the client announces it.
async fn content(protocol: Protocol, wire: &mut Wire, last: &[u8]) -> Result<(), Error> {
    let length = match protocol {
        Protocol::Imap => literal(last),
        _ => chunk(last),
    };
    let Some(mut left) = length else {
        let (mut decoder, mut dropped) = (Decoder::new(), Vec::new());
        loop {
            dropped.clear();
            let pushed = decoder.push(wire.buffered(), &mut dropped);
            wire.consume_body(pushed.used);
            if pushed.is_done {
                return Ok(());
            }
            wire.fill().await?;
        }
    };
    while left > 0 {
        if wire.buffered().is_empty() {
            wire.fill().await?;
        }
        let count = wire.buffered().len().min(left);
        wire.consume_body(count);
        left -= count;
    }
    Ok(())
}

/// The octets of `BDAT 12 LAST`; `None` for what ends with a dot.
fn chunk(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line).ok()?;
    let mut words = text.split_ascii_whitespace();
    words.next().filter(|verb| verb.eq_ignore_ascii_case("BDAT"))?;
    words.next()?.parse().ok()
}

/// The octets of `{12}` or `{12+}` at the end of a line.
fn literal(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line).ok()?.strip_suffix('}')?;
    let (_, digits) = text.rsplit_once('{')?;
    digits.trim_end_matches('+').parse().ok()
}

/// Whether the client's line is the recorded one, as far as it can be.
fn fits(protocol: Protocol, wanted: &[u8], said: &[u8]) -> bool {
    if protocol == Protocol::Imap {
        // A line behind a challenge or in IDLE has no tag.
        return match (command(wanted), command(said)) {
            ((_, []), (_, [])) => is_like(wanted, said),
            ((_, wanted), (_, said)) => match (literal(wanted), literal(said)) {
                (Some(_), Some(_)) => is_like(before_literal(wanted), before_literal(said)),
                _ => is_like(wanted, said),
            },
        };
    }
    match (chunk(wanted), chunk(said)) {
        (Some(_), Some(_)) => true,
        _ => is_like(without_size(wanted), without_size(said)),
    }
}

/// A tag, and what follows it.
fn command(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', line) {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, &[]),
    }
}

fn before_literal(line: &[u8]) -> &[u8] {
    &line[..memchr::memrchr(b'{', line).unwrap_or(line.len())]
}

/// MAIL without what depends on the message.
fn without_size(line: &[u8]) -> &[u8] {
    let size = line.windows(6).position(|window| window.eq_ignore_ascii_case(b" SIZE="));
    size.map_or(line, |at| &line[..at])
}

/// The same in any case, where `[redacted]` stands for anything.
fn is_like(wanted: &[u8], said: &[u8]) -> bool {
    match memchr::memmem::find(wanted, REDACTED.as_bytes()) {
        None => wanted.eq_ignore_ascii_case(said),
        Some(at) => {
            let behind = &wanted[at + REDACTED.len()..];
            said.len() >= at + behind.len()
                && wanted[..at].eq_ignore_ascii_case(&said[..at])
                && behind.eq_ignore_ascii_case(&said[said.len() - behind.len()..])
        }
    }
}

/// Remembers which tag of this client stands for which of the recorded one.
fn learn_tag(protocol: Protocol, wanted: &[u8], said: &[u8], tags: &mut Vec<(Vec<u8>, Vec<u8>)>) {
    if protocol == Protocol::Imap && memchr::memchr(b' ', wanted).is_some() {
        tags.push((command(wanted).0.to_vec(), command(said).0.to_vec()));
    }
}

/// The server's lines with the tags of this client. A secret line hides its tag: an unknown
/// tag is the last one.
fn with_tags(octets: &[u8], tags: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    let mut literal_left = 0;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        if literal_left > 0 {
            literal_left = usize::saturating_sub(literal_left, line.len());
            out.extend_from_slice(line);
            continue;
        }
        literal_left = literal(line.trim_ascii_end()).unwrap_or(0);
        let (tag, rest) = command(line);
        let is_status = [&b"OK"[..], b"NO", b"BAD"].iter().any(|word| {
            rest.len() > word.len()
                && rest[..word.len()].eq_ignore_ascii_case(word)
                && rest[word.len()] == b' '
        });
        let own = tags.iter().rev().find(|(recorded, _)| recorded == tag).or(tags.last());
        match own {
            Some((_, own)) if is_status && tag != b"*" && tag != b"+" => {
                out.extend_from_slice(own);
                out.push(b' ');
                out.extend_from_slice(rest);
            }
            _ => out.extend_from_slice(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_as_far_as_they_can() {
        for (protocol, wanted, said, does) in [
            (Protocol::Imap, "a1 SELECT INBOX", "x7 select inbox", true),
            (Protocol::Imap, "a1 SELECT INBOX", "x7 SELECT Sent", false),
            (Protocol::Imap, "a1 LOGIN alice [redacted]", "b LOGIN alice other", true),
            (Protocol::Imap, "a1 APPEND INBOX {12}", "b APPEND INBOX {99+}", true),
            (Protocol::Imap, "DONE", "DONE", true),
            (Protocol::Smtp, "MAIL FROM:<a@b> SIZE=12", "mail from:<a@b> SIZE=13", true),
            (Protocol::Smtp, "RCPT TO:<a@b>", "RCPT TO:<c@b>", false),
            (Protocol::Smtp, "BDAT 12 LAST", "BDAT 90 LAST", true),
        ] {
            assert_eq!(fits(protocol, wanted.as_bytes(), said.as_bytes()), does, "{wanted}");
        }
    }

    #[test]
    fn answers_carry_the_clients_tag() {
        let tags = [(b"a1".to_vec(), b"x7".to_vec())];
        let said = b"* 1 FETCH (BODY[] {10}\r\na1 OK abc\n)\r\na1 OK done\r\n";
        let wanted = b"* 1 FETCH (BODY[] {10}\r\na1 OK abc\n)\r\nx7 OK done\r\n";
        assert_eq!(with_tags(said, &tags), wanted);
    }
}
