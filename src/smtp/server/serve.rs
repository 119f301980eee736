//! Moves octets between a wire and a [`Session`]: lines, message data, TLS, deadlines.
//!
//! RFC 5321 section 4.5.3, RFC 2920 section 3.2, RFC 3030 section 2. MAIL, RCPT, RSET and BDAT that
//! came together are answered together.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::session::{Answer, Fault, Received, Then};
use super::{Delivery, Message, Peer, Session, Settings};
use crate::base::decode::{Decoded, Malformed};
use crate::base::dot::Decoder;
use crate::net::hook::{Hook, Verdict};
use crate::net::tls::Acceptor;
use crate::net::{Error, Wire, deadline};
use crate::sasl;
use crate::smtp::syntax::command::{AuthResponse, Command, chunk_behind};
use crate::smtp::syntax::reply::Reply;

/// What one connection needs.
pub struct Service {
    /// How the listener behaves.
    pub settings: Rc<Settings>,
    /// What stands behind it.
    pub delivery: Rc<dyn Delivery>,
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
    peer: Peer,
    hook: Option<Box<dyn Hook>>,
) -> Result<(), Error> {
    let session = Session::new(service.settings.clone(), service.delivery.clone(), peer);
    let mut connection =
        Connection { wire, session, hook, service, line: Vec::new(), is_prompt: false };
    connection.wire.set_timeout(service.settings.idle);
    connection.learn_tls();
    let ended = match connection.run().await {
        Err(error) if error.is_timeout() => {
            // Whether it still listens is its own affair.
            let reply = connection.session.timed_out();
            let _ = connection.say(&[reply]).await;
            Err(error)
        }
        Err(error @ Error::Stopped(_)) => {
            let reply = connection.session.ending();
            // Its last words are written, however slow the reader is at taking them.
            connection.wire.set_patient(true);
            let _ = connection.say(&[reply]).await;
            Err(error)
        }
        Err(error) if error.is_closed() => Ok(()),
        ended => ended,
    };
    // A client that is gone already is no loss.
    let _ = connection.wire.close().await;
    ended
}

struct Connection<'a> {
    wire: Wire,
    session: Session,
    hook: Option<Box<dyn Hook>>,
    service: &'a Service,
    /// The command that is being answered, without its line end; kept for the hook only.
    line: Vec<u8>,
    /// Its answer must not wait for those to commands that came along with it.
    is_prompt: bool,
}

/// Whether the connection goes on.
type Goes = Result<bool, Error>;

impl Connection<'_> {
    async fn run(&mut self) -> Result<(), Error> {
        if !self.say(&[self.session.greeting()]).await? {
            return Ok(());
        }
        let mut then = Then::Command;
        // The chunks of a BDAT so far.
        let mut chunks = Received { message: Message::new(), fault: None };
        loop {
            let answer = match then {
                Then::Command | Then::AuthResponse => {
                    let is_auth = then == Then::AuthResponse;
                    let length = self.line(is_auth).await?;
                    self.wire.breathe().await;
                    match length {
                        Some(length) => self.heard(length, is_auth).await?,
                        None => Some(self.session.line_too_long()),
                    }
                }
                Then::Data => {
                    let received = self.data().await?;
                    if !self.message(received).await? {
                        return Ok(());
                    }
                    None
                }
                Then::Chunk { octets, first, last, refused } => {
                    if first {
                        chunks = Received { message: Message::new(), fault: None };
                    }
                    if !self.chunk(octets, last, refused, &mut chunks).await? {
                        return Ok(());
                    }
                    None
                }
                Then::StartTls => {
                    // The wire refuses what a client sent behind STARTTLS in the clear.
                    let Some(acceptor) = &self.service.acceptor else { return Ok(()) };
                    self.wire.accept_tls(acceptor).await?;
                    self.learn_tls();
                    None
                }
                Then::Close => return Ok(()),
            };
            let Some(Answer { reply, then: next }) = answer else {
                then = Then::Command;
                continue;
            };
            if let Some(reply) = reply
                && !self.say(&[reply]).await?
            {
                return Ok(());
            }
            then = next;
        }
    }

    fn learn_tls(&mut self) {
        if let Some(session) = self.wire.tls() {
            let subject = session.client_subject.clone();
            self.session.secured(session.to_string(), session.bindings(), subject);
        }
    }

    /// Waits for a whole line and gives its length; `None`: it was too long, and was dropped.
    async fn line(&mut self, is_auth: bool) -> Result<Option<usize>, Error> {
        let most = self.service.settings.line_octets;
        let mut is_too_long = false;
        let mut begun = None;
        loop {
            let held = self.wire.buffered();
            let limit = sasl::line_limit(most, is_auth, held, "AUTH ");
            match memchr::memchr(b'\n', held) {
                Some(at) if is_too_long || at >= limit => {
                    self.wire.consume(at + 1);
                    return Ok(None);
                }
                Some(at) => return Ok(Some(at + 1)),
                None if held.len() >= limit => {
                    is_too_long = true;
                    let length = held.len();
                    self.wire.consume(length);
                }
                None => {}
            }
            if self.wire.buffered().is_empty() && !is_too_long {
                self.wire.fill().await?;
            } else {
                // A line that has begun has one deadline, whatever comes in drops.
                let begun = *begun.get_or_insert_with(Instant::now);
                self.fill_by(begun + self.service.settings.idle).await?;
            }
        }
    }

    /// Reads more, until a deadline that progress does not put off.
    async fn fill_by(&mut self, deadline: Instant) -> Result<(), Error> {
        match tokio::time::timeout_at(deadline, self.wire.fill()).await {
            Ok(filled) => filled.map(drop),
            Err(_) => Err(Error::Timeout { after: self.service.settings.idle }),
        }
    }

    /// Reads more of a message, as long as its client sends it at a pace.
    async fn fill_content(&mut self, begun: Instant, octets: u64) -> Result<(), Error> {
        let earned = Duration::from_secs(octets / deadline::CONTENT_OCTETS_PER_SECOND);
        self.fill_by(begun + self.service.settings.idle + earned).await
    }

    /// Takes a line off the wire and has it answered; `None`: the hook has answered.
    async fn heard(&mut self, length: usize, is_auth: bool) -> Result<Option<Answer>, Error> {
        let line = &self.wire.buffered()[..length];
        if self.hook.is_some() {
            self.line.clear();
            self.line.extend_from_slice(line.trim_ascii_end());
        }
        if is_auth {
            let response = whole(AuthResponse::decode(line));
            self.wire.consume_secret(length);
            if let Some(octets) = self.instead().await {
                // The exchange is over for the client, whatever it was told.
                self.session.auth_response(Ok(AuthResponse::Cancel));
                return self.disturbed(octets, None).await;
            }
            return Ok(Some(self.session.auth_response(response)));
        }
        let command = whole(Command::decode(line));
        let behind = command.is_err().then(|| chunk_behind(line)).flatten();
        // RFC 2920 section 3.2, item 5 and 6.
        self.is_prompt = !matches!(
            command,
            Ok(Command::Mail(..) | Command::Rcpt(..) | Command::Rset | Command::Bdat { .. })
        );
        match &command {
            Ok(command) if command.is_secret() => self.wire.consume_secret(length),
            _ => self.wire.consume(length),
        }
        if let Some(octets) = self.instead().await {
            return self.disturbed(octets, command.ok()).await;
        }
        let answer = self.session.command(command);
        Ok(Some(match (behind, answer) {
            (Some(octets), Answer { reply, then: Then::Command }) => {
                self.session.chunk_lost();
                match octets {
                    Some(octets) => {
                        let refused = Some(reply.into_iter().collect());
                        let then = Then::Chunk { octets, first: false, last: false, refused };
                        Answer { reply: None, then }
                    }
                    // Where the chunk ends nobody knows: what follows must not be taken for
                    // commands.
                    None => Answer { reply, then: Then::Close },
                }
            }
            (_, answer) => answer,
        }))
    }

    async fn instead(&mut self) -> Option<Vec<u8>> {
        match &mut self.hook {
            Some(hook) => hook.instead(&self.line).await,
            None => None,
        }
    }

    /// Gives the hook's answer, behind the data that a BDAT brings along.
    async fn disturbed(
        &mut self,
        octets: Vec<u8>,
        command: Option<Command>,
    ) -> Result<Option<Answer>, Error> {
        if let Some(Command::Bdat { octets, .. }) = command {
            self.drop_octets(octets).await?;
            self.session.chunk_lost();
        }
        let goes_on = self.write(octets).await?;
        Ok((!goes_on).then_some(Answer { reply: None, then: Then::Close }))
    }

    /// Reads message data up to its dot.
    async fn data(&mut self) -> Result<Received, Error> {
        let limit = self.service.settings.message_octets;
        let mut decoder = Decoder::new();
        let mut message = Message::new();
        let mut fault = None;
        let (begun, mut octets) = (Instant::now(), 0);
        loop {
            let pushed = decoder.push(self.wire.buffered(), message.buffer());
            self.wire.consume_body(pushed.used);
            octets += pushed.used as u64;
            keep(&mut message, &mut fault, limit);
            if pushed.is_done {
                let fault = fault.or(decoder.bare().map(Fault::Bare));
                return Ok(Received { message, fault });
            }
            self.fill_content(begun, octets).await?;
        }
    }

    /// Reads one chunk of a BDAT and answers it.
    async fn chunk(
        &mut self,
        octets: u64,
        last: bool,
        refused: Option<Vec<Reply>>,
        chunks: &mut Received,
    ) -> Goes {
        if let Some(refused) = refused {
            self.drop_octets(octets).await?;
            return self.say(&refused).await;
        }
        let limit = self.service.settings.message_octets;
        let (begun, mut left) = (Instant::now(), octets);
        while left > 0 {
            if self.wire.buffered().is_empty() {
                self.fill_content(begun, octets - left).await?;
            }
            let held = self.wire.buffered();
            let count = held.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            chunks.message.buffer().extend_from_slice(&held[..count]);
            self.wire.consume_body(count);
            left -= count as u64;
            keep(&mut chunks.message, &mut chunks.fault, limit);
        }
        if !last {
            let reply = self.session.chunk_read(octets, chunks.fault);
            return self.say(&[reply]).await;
        }
        let whole = Received { message: Message::new(), fault: None };
        let received = std::mem::replace(chunks, whole);
        self.message(received).await
    }

    async fn drop_octets(&mut self, octets: u64) -> Result<(), Error> {
        let (begun, mut left) = (Instant::now(), octets);
        while left > 0 {
            if self.wire.buffered().is_empty() {
                self.fill_content(begun, octets - left).await?;
            }
            let held = self.wire.buffered().len();
            let count = held.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.wire.consume_body(count);
            left -= count as u64;
        }
        Ok(())
    }

    /// Has a whole message delivered and answered.
    async fn message(&mut self, mut received: Received) -> Goes {
        if self.hook.is_some() {
            self.line.clear();
            self.line.push(b'.');
        }
        if let Some(octets) = self.instead().await {
            // The session forgets the transaction as after any message.
            self.session.command(Ok(Command::Rset));
            return self.write(octets).await;
        }
        if received.fault.is_none() && received.message.finish().is_err() {
            received.fault = Some(Fault::Storage);
        }
        let replies = self.session.message(received).await;
        self.say(&replies).await
    }

    async fn say(&mut self, replies: &[Reply]) -> Goes {
        let mut octets = Vec::with_capacity(64);
        for reply in replies {
            if reply.encode(&mut octets).is_err() {
                // A delivery's own text with a line end in it: the code is what counts.
                octets.extend_from_slice(format!("{} \r\n", reply.code()).as_bytes());
            }
        }
        self.write(octets).await
    }

    /// The one place where an answer passes on its way to the wire.
    async fn write(&mut self, mut octets: Vec<u8>) -> Goes {
        let verdict = match &mut self.hook {
            Some(hook) => hook.before_write(&self.line, &mut octets).await,
            None => Verdict::Send,
        };
        match self.hook.as_ref().and_then(|hook| hook.pace()) {
            Some(pace) => self.wire.trickle(&octets, false, pace).await?,
            None => self.wire.queue(&octets),
        }
        self.line.clear();
        match verdict {
            Verdict::Send if std::mem::take(&mut self.is_prompt) => {
                self.wire.flush().await.map(|()| true)
            }
            Verdict::Send => self.wire.ease().await.map(|()| true),
            Verdict::Close => self.wire.flush().await.map(|()| false),
        }
    }
}

/// Keeps what was decoded while it is within the limit and can be kept.
fn keep(message: &mut Message, fault: &mut Option<Fault>, limit: u64) {
    if fault.is_none() {
        if message.settle().is_err() {
            *fault = Some(Fault::Storage);
        } else if message.octets() > limit {
            *fault = Some(Fault::TooLarge);
        }
    }
    if fault.is_some() {
        message.buffer().clear();
    }
}

/// What was decoded from a line that is whole.
fn whole<T>(decoded: Result<Decoded<T>, Malformed>) -> Result<T, Malformed> {
    match decoded? {
        Decoded::Done { value, .. } => Ok(value),
        Decoded::More => Err(Malformed { offset: 0, expected: "a command" }),
    }
}
