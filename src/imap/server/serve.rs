//! A session on a [`Wire`]: commands framed and decoded, literals taken in, responses sent,
//! STARTTLS, COMPRESS, IDLE and limits.
//!
//! RFC 9051 sections 2.2, 4.3, 5.4, 6.2.1 and 6.3.13, RFC 7888, RFC 4978. Commands may be
//! pipelined: they are answered one after the other, and the answers leave together.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::Server;
use super::capability::LITERAL_MINUS_OCTETS;
use super::outcome::Outcome;
use super::replies::{Outlet, Piece, Replies};
use super::session::{Next, Session};
use super::spool::Spool;
use crate::base::decode::Decoded;
use crate::base::limits::{IMAP_FRAME_OCTETS, LINE_OCTETS};
use crate::imap::syntax::code::Word as CodeWord;
use crate::imap::syntax::command;
use crate::imap::syntax::frame::{Framer, Step};
use crate::net::deflate::Deflate;
use crate::net::hook::{Hook, Verdict};
use crate::net::{self, Wire};
use crate::sasl::{Channel, Secrets};

/// Octets of a message that are queued before the writer waits for a slow peer.
const CHUNK_OCTETS: usize = 128 * 1024;

/// Octets of a refused literal that are read and thrown away; a client that sends more
/// without asking is one to hang up on.
const DISCARD_OCTETS: u64 = 1024 * 1024 * 1024;

/// Octets of an overlong command in which its tag is looked for.
const TAG_OCTETS: usize = 256;

/// How long a client may take to hear a goodbye.
const FAREWELL: Duration = Duration::from_secs(10);

/// Serves one connection from the greeting to its end. With implicit TLS, `wire` has done
/// its handshake. `secrets` gives what logins are checked against, by the subject of the
/// client's certificate; `hook` may disturb what happens. Not cancel-safe: drop the wire
/// after cancelling.
///
/// # Errors
/// The network's, but not that the client went away or was silent for too long: both are
/// ends like others.
pub async fn serve(
    wire: Wire,
    server: Rc<Server>,
    secrets: &dyn Fn(Option<&str>) -> Rc<dyn Secrets>,
    hook: Option<Box<dyn Hook>>,
) -> Result<(), net::Error> {
    let channel = channel(&wire, &server);
    let session = Session::new(server.clone(), secrets(subject(&wire)), channel);
    let framer = Framer::commands().with_line_limit(server.settings.line_octets);
    let mut connection = Connection {
        line: Line { wire, hook, command: Vec::new() },
        session,
        server,
        secrets,
        framer,
        frame: Vec::new(),
        literals: Vec::new(),
    };
    let text = match connection.run().await {
        Ok(()) => None,
        Err(net::Error::Timeout { .. }) => Some("you were silent for too long"),
        Err(net::Error::LineTooLong { .. }) => Some("the line is too long"),
        // RFC 9051 section 7.1.5: the server announces that it goes.
        Err(net::Error::Stopped(_)) => {
            connection.line.wire.set_patient(true);
            Some("the server ends now")
        }
        Err(net::Error::Closed | net::Error::Io(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    let Connection { mut line, mut session, .. } = connection;
    line.wire.set_timeout(FAREWELL);
    let mut ended = Ok(());
    if let Some(text) = text {
        ended = session.bye(text, &mut line).await;
    }
    if ended.is_ok() {
        ended = line.wire.shutdown().await;
    }
    match ended {
        Err(error) if !error.is_closed() && !error.is_timeout() => Err(error),
        _ => Ok(()),
    }
}

/// The subject of the client's certificate; `None` where it showed none.
fn subject(wire: &Wire) -> Option<&str> {
    wire.tls()?.client_subject.as_deref()
}

/// What SASL has to know of the connection.
fn channel(wire: &Wire, server: &Server) -> Channel {
    net::channel(wire, "imap", &server.settings.host, server.settings.port)
}

/// The way out of a session.
struct Line {
    wire: Wire,
    hook: Option<Box<dyn Hook>>,
    /// The command that is being answered, without its line end; kept for the hook only.
    command: Vec<u8>,
}

impl Line {
    /// Remembers what is being answered.
    fn answers(&mut self, command: &[u8]) {
        self.command.clear();
        if self.hook.is_some() {
            self.command.extend_from_slice(command.trim_ascii_end());
        }
    }

    /// What the hook says in place of the session.
    async fn instead(&mut self) -> Option<Vec<u8>> {
        match &mut self.hook {
            Some(hook) => hook.instead(&self.command).await,
            None => None,
        }
    }

    /// Writes octets past the session.
    async fn write(&mut self, mut octets: Vec<u8>, is_body: bool) -> Result<(), net::Error> {
        let verdict = match &mut self.hook {
            Some(hook) => hook.before_write(&self.command, &mut octets).await,
            None => Verdict::Send,
        };
        match (self.hook.as_ref().and_then(|hook| hook.pace()), is_body) {
            (Some(pace), _) => self.wire.trickle(&octets, is_body, pace).await?,
            (None, true) => self.wire.queue_body(&octets),
            (None, false) => self.wire.queue(&octets),
        }
        match verdict {
            Verdict::Send => self.wire.ease().await,
            Verdict::Close => {
                self.wire.flush().await?;
                Err(net::Error::Closed)
            }
        }
    }
}

#[async_trait(?Send)]
impl Outlet for Line {
    /// Every response passes here, one after the other, before it is written.
    async fn send(&mut self, replies: &mut Replies) -> Result<(), net::Error> {
        for reply in replies.iter() {
            if self.hook.is_some() {
                let is_body = reply.has_body();
                self.write(reply.to_octets(), is_body).await?;
                continue;
            }
            for piece in reply.pieces() {
                match piece {
                    Piece::Text(octets) => self.wire.queue(octets),
                    Piece::Body(octets) => {
                        for chunk in octets.chunks(CHUNK_OCTETS) {
                            self.wire.queue_body(chunk);
                            self.wire.ease().await?;
                        }
                    }
                }
            }
            self.wire.ease().await?;
        }
        replies.clear();
        Ok(())
    }

    async fn breathe(&mut self) {
        tokio::task::yield_now().await;
    }
}

struct Connection<'s> {
    line: Line,
    session: Session,
    server: Rc<Server>,
    secrets: &'s dyn Fn(Option<&str>) -> Rc<dyn Secrets>,
    framer: Framer,
    /// The command that is being read, without its streamed literals.
    frame: Vec<u8>,
    literals: Vec<Spool>,
}

/// What was read.
enum Read {
    /// A whole command is in the frame.
    Command,
    /// The command was answered before it was whole.
    Answered(Next),
}

impl Connection<'_> {
    async fn run(&mut self) -> Result<(), net::Error> {
        self.set_timeout();
        self.session.greet(&mut self.line).await?;
        let mut next = Next::Command;
        loop {
            next = match next {
                Next::Command => match self.read().await? {
                    Read::Command => self.handle().await?,
                    Read::Answered(next) => next,
                },
                Next::Challenge => self.challenge().await?,
                Next::Idle => self.idle().await?,
                Next::StartTls => self.start_tls().await?,
                Next::Compress => self.compress().await?,
                Next::Close => return Ok(()),
            };
            self.set_timeout();
        }
    }

    fn set_timeout(&mut self) {
        let settings = &self.server.settings;
        let logged_in = self.session.account().is_some();
        let timeout = if logged_in { settings.idle_timeout } else { settings.login_timeout };
        self.line.wire.set_timeout(timeout);
    }

    /// Reads one command into the frame.
    async fn read(&mut self) -> Result<Read, net::Error> {
        self.frame.clear();
        self.literals.clear();
        self.line.answers(b"");
        loop {
            match self.framer.step(self.line.wire.buffered()) {
                Ok(Step::More) => self.fill().await?,
                Ok(Step::Complete { len }) => {
                    self.take(len);
                    self.line.wire.breathe().await;
                    if let Some(hook) = &mut self.line.hook {
                        hook.amend(&mut self.frame);
                    }
                    self.line.answers(&self.frame);
                    return Ok(Read::Command);
                }
                Ok(Step::Continue { .. }) => self.go_on().await?,
                Ok(Step::Literal { head, len, synchronising }) => {
                    self.take(head);
                    self.line.answers(&self.frame);
                    let refused = match self.session.refuses_literal(&self.frame, len) {
                        None if !synchronising && self.is_beyond_literal_minus(len) => {
                            self.discard(len).await?;
                            self.discard_rest().await?;
                            Some(beyond_literal_minus())
                        }
                        None => self.take_literal(len, synchronising).await?,
                        Some(outcome) if synchronising => Some(outcome),
                        Some(outcome) => {
                            self.discard(len).await?;
                            self.discard_rest().await?;
                            Some(outcome)
                        }
                    };
                    if let Some(outcome) = refused {
                        self.framer.reset();
                        let tag = command::tag(&self.frame);
                        let next = self.session.answer(tag, &outcome, &mut self.line).await?;
                        return Ok(Read::Answered(next));
                    }
                }
                Err(_) => {
                    // The tag, where it did not leave the buffer before a literal.
                    if self.frame.is_empty() {
                        let start = self.line.wire.buffered();
                        self.frame.extend_from_slice(&start[..start.len().min(TAG_OCTETS)]);
                    }
                    self.discard_command().await?;
                    let outcome = Outcome::bad("the command is too long").word(CodeWord::Limit);
                    let tag = command::tag(&self.frame);
                    let next = self.session.answer(tag, &outcome, &mut self.line).await?;
                    return Ok(Read::Answered(next));
                }
            }
        }
    }

    /// Reads more of a command. While none of it has come, events are told to a client that
    /// asked for them.
    async fn fill(&mut self) -> Result<(), net::Error> {
        let quiet = self.line.wire.buffered().is_empty() && self.frame.is_empty();
        if !quiet || !self.session.is_watching() {
            self.line.wire.fill().await?;
            return Ok(());
        }
        let mut changes = self.session.account().map(|account| account.borrow().changes());
        // What happened before that was not woken for.
        self.session.watch_update(&mut self.line).await?;
        loop {
            self.line.wire.flush().await?;
            tokio::select! {
                filled = self.line.wire.fill() => {
                    filled?;
                    return Ok(());
                }
                () = changed(&mut changes) => self.session.watch_update(&mut self.line).await?,
            }
        }
    }

    /// Whether a literal is larger than may come unasked where LITERAL- is offered.
    fn is_beyond_literal_minus(&self, len: u64) -> bool {
        let settings = &self.server.settings;
        len > LITERAL_MINUS_OCTETS && settings.hides("LITERAL+") && !settings.hides("LITERAL-")
    }

    /// Passes over a command that is too long, with the literals that come unasked, up to its
    /// end.
    async fn discard_command(&mut self) -> Result<(), net::Error> {
        let mut left = DISCARD_OCTETS;
        loop {
            let dropped = self.framer.skip(self.line.wire.buffered().len());
            self.line.wire.consume_body(dropped);
            left = left.saturating_sub(dropped as u64);
            if left == 0 {
                return Err(net::Error::LineTooLong { limit: IMAP_FRAME_OCTETS });
            }
            match self.framer.step(self.line.wire.buffered()) {
                Ok(Step::Complete { len }) => {
                    self.line.wire.consume_body(len);
                    self.framer.take_unasked();
                    return Ok(());
                }
                Ok(Step::Literal { head, len, .. }) => {
                    self.line.wire.consume_body(head);
                    left = left.saturating_sub(len);
                    self.discard(len).await?;
                }
                _ => {
                    self.line.wire.fill().await?;
                }
            }
        }
    }

    /// Asks for the literal that the client holds back.
    async fn go_on(&mut self) -> Result<(), net::Error> {
        self.session.go_on(&mut self.line).await?;
        self.line.wire.flush().await
    }

    /// Moves octets from the wire to the frame. A transcript does not see the secrets of
    /// LOGIN and AUTHENTICATE.
    fn take(&mut self, len: usize) {
        self.frame.extend_from_slice(&self.line.wire.buffered()[..len]);
        let mut words = self.frame.split(|octet| *octet == b' ');
        let name = words.nth(1).unwrap_or_default();
        let secret = name.eq_ignore_ascii_case(b"LOGIN")
            || (name.eq_ignore_ascii_case(b"AUTHENTICATE") && words.nth(1).is_some());
        if secret {
            self.line.wire.consume_secret(len);
        } else {
            self.line.wire.consume(len);
        }
    }

    /// Reads a streamed literal into a spool of its own. Where there is no room for it, the
    /// whole command is passed over, and this gives the answer to it.
    async fn take_literal(
        &mut self,
        len: u64,
        synchronising: bool,
    ) -> Result<Option<Outcome>, net::Error> {
        let held = self.literals.iter().map(Spool::held).sum();
        let mut spool = Spool::new(len, held);
        if synchronising && spool.is_ok() {
            self.go_on().await?;
        }
        if synchronising && spool.is_err() {
            return Ok(Some(no_room()));
        }
        let mut left = len;
        while left > 0 {
            let buffered = self.line.wire.buffered();
            if buffered.is_empty() {
                self.line.wire.fill().await?;
                continue;
            }
            let count = buffered.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let mut failed = None;
            if let Ok(place) = &mut spool {
                failed = place.write(&buffered[..count]).await.err();
            }
            if let Some(error) = failed {
                spool = Err(error);
            }
            self.line.wire.consume_body(count);
            left -= count as u64;
        }
        match spool {
            Ok(spool) => {
                self.literals.push(spool);
                Ok(None)
            }
            Err(_) => {
                self.discard_rest().await?;
                Ok(Some(no_room()))
            }
        }
    }

    async fn discard(&mut self, len: u64) -> Result<(), net::Error> {
        if len > DISCARD_OCTETS {
            return Err(net::Error::LineTooLong { limit: IMAP_FRAME_OCTETS });
        }
        let mut left = len;
        while left > 0 {
            let buffered = self.line.wire.buffered().len();
            if buffered == 0 {
                self.line.wire.fill().await?;
                continue;
            }
            let count = buffered.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.line.wire.consume_body(count);
            left -= count as u64;
        }
        Ok(())
    }

    /// Passes over what is left of a command whose literal did not wait to be asked for.
    async fn discard_rest(&mut self) -> Result<(), net::Error> {
        loop {
            match self.framer.step(self.line.wire.buffered()) {
                Ok(Step::More) => {
                    self.line.wire.fill().await?;
                }
                Ok(Step::Complete { len }) => {
                    self.line.wire.consume_body(len);
                    self.framer.take_unasked();
                    return Ok(());
                }
                // The answer to the command is the refusal of this literal, too.
                Ok(Step::Continue { .. }) => return Ok(()),
                Ok(Step::Literal { head, synchronising: true, .. }) => {
                    self.line.wire.consume_body(head);
                    return Ok(());
                }
                Ok(Step::Literal { head, len, synchronising: false }) => {
                    self.line.wire.consume_body(head);
                    self.discard(len).await?;
                }
                Err(_) => return Err(net::Error::LineTooLong { limit: IMAP_FRAME_OCTETS }),
            }
        }
    }

    /// Every command passes here before it is handled.
    async fn handle(&mut self) -> Result<Next, net::Error> {
        let unasked = self.framer.take_unasked();
        if let Some(octets) = self.line.instead().await {
            self.line.write(octets, false).await?;
            return Ok(Next::Command);
        }
        let mut literals: Vec<Arc<[u8]>> = Vec::with_capacity(self.literals.len());
        for spool in std::mem::take(&mut self.literals) {
            match spool.finish().await {
                Ok(octets) => literals.push(octets),
                Err(_) => {
                    let tag = command::tag(&self.frame);
                    return self.session.answer(tag, &no_room(), &mut self.line).await;
                }
            }
        }
        if self.is_beyond_literal_minus(unasked) {
            let tag = command::tag(&self.frame);
            return self.session.answer(tag, &beyond_literal_minus(), &mut self.line).await;
        }
        match command::decode(&self.frame) {
            Ok(Decoded::Done { value, .. }) => {
                self.session.command(&value, literals, &mut self.line).await
            }
            Ok(Decoded::More) => {
                let outcome = Outcome::bad("the command is not whole");
                let tag = command::tag(&self.frame);
                self.session.answer(tag, &outcome, &mut self.line).await
            }
            Err(malformed) => self.session.malformed(&self.frame, &malformed, &mut self.line).await,
        }
    }

    /// A line of AUTHENTICATE.
    async fn challenge(&mut self) -> Result<Next, net::Error> {
        self.line.wire.flush().await?;
        // What a mechanism says is no command, and as long as it has to be.
        let len = self.line.wire.line(LINE_OCTETS).await?;
        let line = self.line.wire.buffered()[..len].to_vec();
        self.line.wire.consume_secret(len);
        self.line.answers(&line);
        if let Some(octets) = self.line.instead().await {
            // The exchange is over for the client, whatever it was told.
            self.session.cancel_exchange();
            self.line.write(octets, false).await?;
            return Ok(Next::Command);
        }
        self.session.challenge_line(&line, &mut self.line).await
    }

    /// Waits for changes and for DONE.
    async fn idle(&mut self) -> Result<Next, net::Error> {
        let mut changes = self.session.account().map(|account| account.borrow().changes());
        let limit = self.server.settings.line_octets.min(LINE_OCTETS);
        self.line.answers(b"");
        // What happened before that was not woken for.
        self.session.idle_update(&mut self.line).await?;
        loop {
            self.line.wire.flush().await?;
            let changed = tokio::select! {
                line = self.line.wire.line(limit) => Woken::Line(line?),
                () = changed(&mut changes) => Woken::Changed,
            };
            match changed {
                Woken::Changed => self.session.idle_update(&mut self.line).await?,
                Woken::Line(len) => {
                    let line = self.line.wire.buffered()[..len].to_vec();
                    self.line.wire.consume(len);
                    self.line.answers(&line);
                    if let Some(octets) = self.line.instead().await {
                        self.line.write(octets, false).await?;
                        return Ok(Next::Command);
                    }
                    return self.session.idle_line(&line, &mut self.line).await;
                }
            }
        }
    }

    async fn start_tls(&mut self) -> Result<Next, net::Error> {
        let clean = self.line.wire.buffered().is_empty();
        if !self.session.start_tls(clean, &mut self.line).await? {
            return Ok(Next::Command);
        }
        if let Some(acceptor) = &self.server.acceptor {
            self.line.wire.accept_tls(acceptor).await?;
        }
        let channel = channel(&self.line.wire, &self.server);
        self.session.secured(channel, (self.secrets)(subject(&self.line.wire)));
        Ok(Next::Command)
    }

    async fn compress(&mut self) -> Result<Next, net::Error> {
        let clean = self.line.wire.buffered().is_empty();
        if self.session.compress(clean, &mut self.line).await? {
            let layer = self.line.wire.layer(|below, ahead| Box::new(Deflate::new(below, ahead)));
            layer.await?;
        }
        Ok(Next::Command)
    }
}

/// What is said to a literal that should have been asked for (RFC 7888 section 5).
fn beyond_literal_minus() -> Outcome {
    Outcome::bad("such a literal has to be asked for").word(CodeWord::TooBig)
}

/// What is said where a literal could not be kept.
fn no_room() -> Outcome {
    Outcome::no("there is no room to keep the message").word(CodeWord::Unavailable)
}

/// Why an idle connection woke up.
enum Woken {
    Line(usize),
    Changed,
}

/// Waits for a change of the account; for ever where there is none to wait for.
async fn changed(changes: &mut Option<watch::Receiver<u64>>) {
    if let Some(receiver) = changes
        && receiver.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
