//! Moves octets between a wire and a [`Session`]: lines, articles, TLS, deadlines.
//!
//! RFC 3977 section 3; commands that came together are answered together.

use std::rc::Rc;

use super::session::{Answer, Block, Then};
use super::{Newsroom, Session, Settings};
use crate::base::decode::{Decoded, Malformed};
use crate::base::dot::{Decoder, Encoder, LineEnds};
use crate::net::hook::{Hook, Verdict};
use crate::net::tls::Acceptor;
use crate::net::{Error, Wire};
use crate::nntp::syntax::command::{Command, SaslResponse};
use crate::nntp::syntax::reply::Reply;
use crate::sasl;

/// Octets of an article that are made ready for the wire at a time.
const CHUNK_OCTETS: usize = 64 * 1024;

/// What one connection needs.
pub struct Service {
    /// How the listener behaves.
    pub settings: Rc<Settings>,
    /// What stands behind it.
    pub newsroom: Rc<dyn Newsroom>,
    /// For STARTTLS; without it, STARTTLS should not be offered.
    pub acceptor: Option<Acceptor>,
}

/// Serves one connection to its end. TLS that begins before the first word has begun already.
///
/// # Errors
/// What ended the connection, when it was neither QUIT nor the client's going.
pub async fn serve(
    wire: Wire,
    service: &Service,
    hook: Option<Box<dyn Hook>>,
) -> Result<(), Error> {
    let session = Session::new(service.settings.clone(), service.newsroom.clone());
    let output = Output { wire, hook, line: Vec::new(), is_over: false };
    let mut connection = Connection { output, session, service };
    connection.output.wire.set_timeout(service.settings.idle);
    connection.learn_tls();
    let ended = match connection.run().await {
        Err(error) if error.is_closed() => Ok(()),
        // RFC 3977 section 3.1: a client that was silent for too long hears nothing more.
        Err(error) if error.is_timeout() => Ok(()),
        // RFC 3977 section 3.2.1: the server has to end.
        Err(error @ Error::Stopped(_)) => {
            connection.output.wire.set_patient(true);
            let _ = connection.output.say(&Reply::new(400, "the server ends now")).await;
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
        if self.is_over {
            octets.clear();
            return Ok(());
        }
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
            octets.extend_from_slice(format!("{}\r\n", reply.code).as_bytes());
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
                Then::Command | Then::SaslResponse => {
                    let is_sasl = then == Then::SaslResponse;
                    let length = self.line(is_sasl).await?;
                    self.output.wire.breathe().await;
                    let answer = match length {
                        Some(length) => self.heard(length, is_sasl).await?,
                        None => Some(self.session.line_too_long()),
                    };
                    match answer {
                        Some(answer) => self.answer(answer).await?,
                        None => Then::Command,
                    }
                }
                Then::Post => self.article().await?,
                Then::StartTls => {
                    // The wire refuses what a client sent behind STARTTLS in the clear.
                    let Some(acceptor) = &self.service.acceptor else { return Ok(()) };
                    self.output.wire.accept_tls(acceptor).await?;
                    self.learn_tls();
                    Then::Command
                }
                Then::Close => return Ok(()),
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
        loop {
            let held = wire.buffered();
            let limit = sasl::line_limit(most, is_auth, held, "AUTHINFO SASL ");
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
            wire.fill().await?;
        }
    }

    /// Takes a line off the wire and has it answered; `None`: the hook has answered.
    async fn heard(&mut self, length: usize, is_sasl: bool) -> Result<Option<Answer>, Error> {
        let output = &mut self.output;
        let line = &output.wire.buffered()[..length];
        output.line.clear();
        if output.hook.is_some() {
            output.line.extend_from_slice(line.trim_ascii_end());
        }
        if is_sasl {
            let response = whole(SaslResponse::decode(line));
            output.wire.consume_secret(length);
            if let Some(mut octets) = output.instead().await {
                // The exchange is over for the client, whatever it was told.
                self.session.sasl_response(Ok(SaslResponse::Cancel));
                self.output.write(&mut octets, false).await?;
                return Ok(None);
            }
            return Ok(Some(self.session.sasl_response(response)));
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
        Ok(Some(self.session.command(command)))
    }

    /// Writes an answer with what is behind its first line, and tells what comes next.
    async fn answer(&mut self, answer: Answer) -> Result<Then, Error> {
        let Answer { reply, block, then } = answer;
        match block {
            None => self.output.say(&reply).await?,
            Some(Block::Listing(mut listing)) => {
                let mut octets = Vec::with_capacity(listing.len() + 64);
                if reply.encode(&mut octets).is_err() {
                    octets.extend_from_slice(format!("{}\r\n", reply.code).as_bytes());
                }
                octets.append(&mut listing);
                self.output.write(&mut octets, false).await?;
            }
            Some(Block::Article { octets, from, to }) => {
                self.output.say(&reply).await?;
                let mut encoder = Encoder::dotted(LineEnds::Canonical);
                let mut scratch = Vec::with_capacity(CHUNK_OCTETS + CHUNK_OCTETS / 16);
                for chunk in octets[from..to].chunks(CHUNK_OCTETS) {
                    // Canonical encoding refuses nothing.
                    let _ = encoder.push(chunk, &mut scratch);
                    self.output.write(&mut scratch, true).await?;
                }
                let _ = encoder.finish(&mut scratch);
                self.output.write(&mut scratch, true).await?;
            }
        }
        Ok(then)
    }

    /// Reads an article up to its dot, and has it answered.
    async fn article(&mut self) -> Result<Then, Error> {
        let limit = self.service.settings.article_octets;
        let mut decoder = Decoder::new();
        let mut article = Vec::new();
        let mut is_too_large = false;
        loop {
            let wire = &mut self.output.wire;
            let pushed = decoder.push(wire.buffered(), &mut article);
            wire.consume_body(pushed.used);
            is_too_large |= article.len() > limit;
            if is_too_large {
                article.clear();
            }
            if pushed.is_done {
                break;
            }
            wire.fill().await?;
        }
        self.output.line = b".".to_vec();
        if let Some(mut octets) = self.output.instead().await {
            self.output.write(&mut octets, false).await?;
            return Ok(Then::Command);
        }
        let article = match () {
            () if is_too_large => Err("the article is too large"),
            // RFC 3977 section 3.1.1.
            () if decoder.bare().is_some() => Err("CR and LF stand together only"),
            () => Ok(article),
        };
        let answer = self.session.posted(article).await;
        self.answer(answer).await
    }
}

/// What was decoded from a line that is whole.
fn whole<T>(decoded: Result<Decoded<T>, Malformed>) -> Result<T, Malformed> {
    match decoded? {
        Decoded::Done { value, .. } => Ok(value),
        Decoded::More => Err(Malformed { offset: 0, expected: "a command" }),
    }
}
