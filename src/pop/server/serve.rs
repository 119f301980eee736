//! Moves octets between a wire and a [`Session`]: lines, bodies, TLS, deadlines.
//!
//! RFC 1939 section 3, RFC 2449 section 6.6: commands that came together are answered together.

use std::borrow::Cow;
use std::rc::Rc;

use async_trait::async_trait;
use tokio::time::Instant;

use super::session::{Answer, Then};
use super::{Maildrops, Session, Settings};
use crate::base::decode::{Decoded, Malformed};
use crate::base::dot::{Encoder, LineEnds};
use crate::message::{downgrade, headers};
use crate::net::hook::{Hook, Verdict};
use crate::net::tls::Acceptor;
use crate::net::{Error, Wire};
use crate::pop::syntax::command::{AuthResponse, Command};
use crate::pop::syntax::reply::Reply;
use crate::sasl;
use crate::store::{self, Meta, Sink, What};

/// Octets of a header that are held back to be made ASCII; a longer one goes as it is.
const HEADER_OCTETS: usize = 256 * 1024;

/// What one connection needs.
pub struct Service {
    /// How the listener behaves.
    pub settings: Rc<Settings>,
    /// What stands behind it.
    pub maildrops: Rc<dyn Maildrops>,
    /// For STLS; without it, STLS should not be offered.
    pub acceptor: Option<Acceptor>,
}

/// Serves one connection to its end. TLS that begins before the first word has begun already.
///
/// # Errors
/// What ended the connection, when it was neither QUIT nor the client's going. Without QUIT
/// nothing is deleted.
pub async fn serve(
    wire: Wire,
    service: &Service,
    hook: Option<Box<dyn Hook>>,
) -> Result<(), Error> {
    let session = Session::new(service.settings.clone(), service.maildrops.clone());
    let output = Output { wire, hook, line: Vec::new(), is_over: false };
    let mut connection = Connection { output, session, service };
    connection.output.wire.set_timeout(service.settings.idle);
    connection.learn_tls();
    // RFC 1939 section 3: a client that was silent for too long is left without a word.
    let ended = match connection.run().await {
        Err(error) if error.is_closed() => Ok(()),
        // RFC 3206 section 4: what a client may hear of a server that goes.
        Err(error @ Error::Stopped(_)) => {
            connection.output.wire.set_patient(true);
            let reply = Reply::err("[SYS/TEMP] the server ends now");
            let _ = connection.output.say(&reply).await;
            let _ = connection.output.wire.flush().await;
            Err(error)
        }
        ended => ended,
    };
    // A client that is gone already is no loss.
    let _ = connection.output.wire.shutdown().await;
    ended
}

struct Connection<'a> {
    output: Output,
    session: Session,
    service: &'a Service,
}

/// The wire, and the one place where an answer passes on its way to it.
struct Output {
    wire: Wire,
    hook: Option<Box<dyn Hook>>,
    /// The command that is being answered, without its line end; kept for the hook only.
    line: Vec<u8>,
    /// The hook has ended the connection.
    is_over: bool,
}

impl Output {
    async fn write(&mut self, octets: &mut Vec<u8>, is_body: bool) -> Result<(), Error> {
        let verdict = match &mut self.hook {
            Some(hook) => hook.before_write(&self.line, octets).await,
            None => Verdict::Send,
        };
        match (self.hook.as_ref().and_then(|hook| hook.pace()), is_body) {
            (Some(pace), _) => self.wire.trickle(octets, is_body, pace).await?,
            (None, true) => self.wire.queue_body(octets),
            (None, false) => self.wire.queue(octets),
        }
        octets.clear();
        match verdict {
            Verdict::Send => self.wire.ease().await,
            Verdict::Close => {
                self.is_over = true;
                self.wire.flush().await
            }
        }
    }

    async fn say(&mut self, reply: &Reply) -> Result<(), Error> {
        let mut octets = Vec::with_capacity(64);
        if reply.encode(&mut octets).is_err() {
            octets.extend_from_slice(if reply.is_ok() { b"+OK\r\n" } else { b"-ERR\r\n" });
        }
        self.write(&mut octets, false).await
    }

    async fn instead(&mut self) -> Option<Vec<u8>> {
        match &mut self.hook {
            Some(hook) => hook.instead(&self.line).await,
            None => None,
        }
    }
}

impl Connection<'_> {
    async fn run(&mut self) -> Result<(), Error> {
        let greeting = self.session.greeting();
        self.output.say(&greeting).await?;
        let mut then = Then::Command;
        while !self.output.is_over {
            then = match then {
                Then::Command | Then::AuthResponse => {
                    let is_auth = then == Then::AuthResponse;
                    let length = self.line(is_auth).await?;
                    self.output.wire.breathe().await;
                    let answer = match length {
                        Some(length) => self.heard(length, is_auth).await?,
                        None => Some(self.session.line_too_long()),
                    };
                    match answer {
                        Some(answer) => self.answer(answer).await?,
                        None => Then::Command,
                    }
                }
                Then::StartTls => {
                    // The wire refuses what a client sent behind STLS in the clear.
                    let Some(acceptor) = &self.service.acceptor else { return Ok(()) };
                    self.output.wire.accept_tls(acceptor).await?;
                    self.learn_tls();
                    Then::Command
                }
                Then::Body { .. } | Then::Close => return Ok(()),
            };
        }
        Ok(())
    }

    fn learn_tls(&mut self) {
        if let Some(session) = self.output.wire.tls() {
            self.session.secured(session.bindings(), session.client_subject.clone());
        }
    }

    /// Waits for a whole line and gives its length; `None`: it was too long, and was dropped.
    async fn line(&mut self, is_auth: bool) -> Result<Option<usize>, Error> {
        let most = self.service.settings.line_octets;
        let wire = &mut self.output.wire;
        let mut is_too_long = false;
        let mut begun = None;
        loop {
            let held = wire.buffered();
            let limit = sasl::line_limit(most, is_auth, held, "AUTH ");
            match memchr::memchr(b'\n', held) {
                Some(at) if is_too_long || at >= limit => {
                    wire.consume(at + 1);
                    return Ok(None);
                }
                Some(at) => return Ok(Some(at + 1)),
                None if held.len() >= limit => {
                    is_too_long = true;
                    let length = held.len();
                    wire.consume(length);
                }
                None => {}
            }
            if wire.buffered().is_empty() && !is_too_long {
                wire.fill().await?;
                continue;
            }
            // A line that has begun has one deadline, whatever comes in drops.
            let idle = self.service.settings.idle;
            let deadline = *begun.get_or_insert_with(Instant::now) + idle;
            match tokio::time::timeout_at(deadline, wire.fill()).await {
                Ok(filled) => filled.map(drop)?,
                Err(_) => return Err(Error::Timeout { after: idle }),
            }
        }
    }

    /// Takes a line off the wire and has it answered; `None`: the hook has answered.
    async fn heard(&mut self, length: usize, is_auth: bool) -> Result<Option<Answer>, Error> {
        let output = &mut self.output;
        let line = &output.wire.buffered()[..length];
        output.line.clear();
        if output.hook.is_some() {
            output.line.extend_from_slice(line.trim_ascii_end());
        }
        if is_auth {
            let response = whole(AuthResponse::decode(line));
            output.wire.consume_secret(length);
            if let Some(mut octets) = output.instead().await {
                // The exchange is over for the client, whatever it was told.
                self.session.auth_response(Ok(AuthResponse::Cancel)).await;
                self.output.write(&mut octets, false).await?;
                return Ok(None);
            }
            return Ok(Some(self.session.auth_response(response).await));
        }
        let command = whole(Command::decode(line));
        match &command {
            Ok(command) if command.is_secret() => output.wire.consume_secret(length),
            _ => output.wire.consume(length),
        }
        if let Some(mut octets) = output.instead().await {
            output.write(&mut octets, false).await?;
            return Ok(None);
        }
        Ok(Some(self.session.command(command).await))
    }

    /// Writes an answer, with its listing or body, and tells what comes next.
    async fn answer(&mut self, answer: Answer) -> Result<Then, Error> {
        let Answer { reply, listing, then } = answer;
        if let Then::Body { place, lines } = then {
            return self.body(&reply, place, lines).await;
        }
        match listing {
            None => self.output.say(&reply).await?,
            Some(mut listing) => {
                let mut octets = Vec::with_capacity(listing.len() + 64);
                if reply.encode(&mut octets).is_err() {
                    octets.extend_from_slice(b"+OK\r\n");
                }
                octets.append(&mut listing);
                self.output.write(&mut octets, false).await?;
            }
        }
        Ok(then)
    }

    /// Sends a message, or `gone` when the maildrop no longer has it.
    async fn body(
        &mut self,
        gone: &Reply,
        place: usize,
        lines: Option<u32>,
    ) -> Result<Then, Error> {
        let wants_ascii = self.session.wants_ascii();
        let Some((spool, id, octets)) =
            self.session.maildrop().and_then(|opened| opened.message(place))
        else {
            self.output.say(gone).await?;
            return Ok(Then::Command);
        };
        let mut sending = Sending {
            output: &mut self.output,
            octets,
            encoder: None,
            scratch: Vec::new(),
            top: lines.map(Top::new),
            is_converted: false,
            header: wants_ascii.then(Vec::new),
            is_refused: false,
            error: None,
        };
        let what = if lines == Some(0) { What::Headers } else { What::Whole };
        let read = spool.read(std::slice::from_ref(id), &what, &mut sending).await;
        let Sending { encoder, error, is_refused, .. } = sending;
        match (read, encoder, error) {
            (_, _, Some(error)) => Err(error),
            (_, None, None) if is_refused => {
                let text = "[UTF8] its header has no form in ASCII: UTF8 comes before the login";
                self.output.say(&Reply::err(text)).await?;
                Ok(Then::Command)
            }
            (Ok(()), Some(encoder), None) => {
                let mut octets = Vec::new();
                encoder.finish(&mut octets).map_err(|bare| Error::Setting(bare.to_string()))?;
                self.output.write(&mut octets, true).await?;
                Ok(Then::Command)
            }
            (Ok(()), None, None) => {
                self.output.say(gone).await?;
                Ok(Then::Command)
            }
            (Err(error), None, None) => {
                let text = error.to_string().replace(['\r', '\n', '\0'], " ");
                self.output.say(&Reply::err(&format!("[SYS/TEMP] {text}"))).await?;
                Ok(Then::Command)
            }
            // In the middle of a body only the end of the connection says that it is not whole.
            (Err(_), Some(_), None) => Ok(Then::Close),
        }
    }
}

/// Sends a message of a spool to the wire.
struct Sending<'a> {
    output: &'a mut Output,
    /// Octets that the status line tells.
    octets: u64,
    /// `None`: the message has not begun.
    encoder: Option<Encoder>,
    scratch: Vec<u8>,
    top: Option<Top>,
    /// The header was made ASCII: how many octets come then is not what was listed.
    is_converted: bool,
    /// What has come of a header that may have to be made ASCII; `None`: it is over, or comes
    /// as it is.
    header: Option<Vec<u8>>,
    /// The header cannot be made ASCII.
    is_refused: bool,
    /// What the wire failed with.
    error: Option<Error>,
}

#[async_trait(?Send)]
impl Sink for Sending<'_> {
    async fn begin(&mut self, _: &Meta) -> store::Result<()> {
        match self.header {
            Some(_) => Ok(()),
            None => self.announce().await,
        }
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        let Some(header) = &mut self.header else { return self.pass(octets).await };
        if holds_header(header, octets) { self.pass_header().await } else { Ok(()) }
    }

    async fn end(&mut self, _: &Meta) -> store::Result<()> {
        self.pass_header().await
    }
}

impl Sending<'_> {
    /// The status line, before the first octet.
    async fn announce(&mut self) -> store::Result<()> {
        let text = match self.top {
            None if self.is_converted => "a surrogate of it (RFC 6856)".to_owned(),
            None => format!("{} octets", self.octets),
            Some(_) => "the top of it".to_owned(),
        };
        self.encoder = Some(Encoder::dotted(LineEnds::Canonical));
        let said = self.output.say(&Reply::ok(&text)).await;
        self.unless_broken(said)
    }

    /// Sends the header that was held back, in ASCII where it is UTF-8: the surrogate that RFC
    /// 6856 section 2.1 wants. What is neither goes as it is.
    async fn pass_header(&mut self) -> store::Result<()> {
        let Some(held) = self.header.take() else { return Ok(()) };
        let (header, body) = surrogate(&held);
        let Some(header) = header else {
            self.is_refused = true;
            return Err(store::Error::OutputClosed);
        };
        self.is_converted = matches!(header, Cow::Owned(_));
        self.announce().await?;
        self.pass(&header).await?;
        self.pass(body).await
    }

    async fn pass(&mut self, octets: &[u8]) -> store::Result<()> {
        let octets = match &mut self.top {
            None => octets,
            Some(top) => top.part(octets),
        };
        if let Some(encoder) = &mut self.encoder {
            // Canonical encoding refuses nothing.
            let _ = encoder.push(octets, &mut self.scratch);
        }
        let written = self.output.write(&mut self.scratch, true).await;
        self.unless_broken(written)
    }

    fn unless_broken(&mut self, done: Result<(), Error>) -> store::Result<()> {
        match done {
            Ok(()) if self.output.is_over => Err(store::Error::OutputClosed),
            Ok(()) => Ok(()),
            Err(error) => {
                self.error = Some(error);
                Err(store::Error::OutputClosed)
            }
        }
    }
}

/// Adds what came next of a message to a header that is held back; whether the header is there.
pub(super) fn holds_header(header: &mut Vec<u8>, octets: &[u8]) -> bool {
    // An empty line may have begun in what came before.
    let from = header.len().saturating_sub(3);
    header.extend_from_slice(octets);
    header.len() > HEADER_OCTETS || has_empty_line(header, from)
}

/// The header as it is sent to a client that wants ASCII (RFC 6856 section 2.1), and what of the
/// body was held back with it; `None`: it is UTF-8 and has no form in ASCII. What is neither, or
/// too much to look at, goes as it is.
pub(super) fn surrogate(held: &[u8]) -> (Option<Cow<'_, [u8]>>, &[u8]) {
    let end = headers::body_offset(held).unwrap_or(held.len());
    let (header, body) = held.split_at(end);
    let is_utf8 = !header.is_ascii() && std::str::from_utf8(header).is_ok();
    let header = match is_utf8 && header.len() <= HEADER_OCTETS {
        false => Some(Cow::Borrowed(header)),
        true => downgrade::ascii(header).ok().map(|(header, _)| Cow::Owned(header)),
    };
    (header, body)
}

/// Whether a header ends behind `from`, or has no field at all.
fn has_empty_line(octets: &[u8], from: usize) -> bool {
    let is_first = octets.starts_with(b"\n") || octets.starts_with(b"\r\n");
    let rest = &octets[from..];
    is_first
        || memchr::memmem::find(rest, b"\n\r\n").is_some()
        || memchr::memmem::find(rest, b"\n\n").is_some()
}

/// Finds the end of what TOP wants: the header, the empty line, and so many lines more.
struct Top {
    /// Lines of the body that are still wanted; `None`: still in the header.
    left: Option<u32>,
    lines: u32,
    /// Nothing but CR has come since the last LF.
    is_empty_line: bool,
}

impl Top {
    fn new(lines: u32) -> Self {
        Self { left: None, lines, is_empty_line: true }
    }

    /// How much of the next octets is wanted.
    fn part<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let mut at = 0;
        while at < octets.len() && self.left != Some(0) {
            let rest = &octets[at..];
            let Some(end) = memchr::memchr(b'\n', rest) else {
                self.is_empty_line &= rest.iter().all(|octet| *octet == b'\r');
                return octets;
            };
            let is_empty = self.is_empty_line && rest[..end].iter().all(|octet| *octet == b'\r');
            self.is_empty_line = true;
            at += end + 1;
            match &mut self.left {
                Some(left) => *left -= 1,
                None if is_empty => self.left = Some(self.lines),
                None => {}
            }
        }
        &octets[..at]
    }
}

/// What was decoded from a line that is whole.
fn whole<T>(decoded: Result<Decoded<T>, Malformed>) -> Result<T, Malformed> {
    match decoded? {
        Decoded::Done { value, .. } => Ok(value),
        Decoded::More => Err(Malformed { offset: 0, expected: "a command" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_ends_at_its_line_however_it_is_split() {
        let text = b"A: 1\r\nB: 2\r\n\r\none\r\n\r\nthree\r\n";
        for (lines, wanted) in [
            (0, &b"A: 1\r\nB: 2\r\n\r\n"[..]),
            (1, b"A: 1\r\nB: 2\r\n\r\none\r\n"),
            (2, b"A: 1\r\nB: 2\r\n\r\none\r\n\r\n"),
            (9, text),
        ] {
            for split in 0..=text.len() {
                let mut top = Top::new(lines);
                let mut got = top.part(&text[..split]).to_vec();
                got.extend_from_slice(top.part(&text[split..]));
                assert_eq!(got, wanted, "{lines} at {split}");
            }
        }
        assert_eq!(Top::new(0).part(b"\nbody\n"), b"\n");
    }
}
