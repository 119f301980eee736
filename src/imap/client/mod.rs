//! The client of IMAP: one connection, commands in flight by tag, bodies pushed to their sink.
//!
//! RFC 9051 and RFC 3501, and the extensions of [`crate::imap::syntax`]. [`open`] leads from the
//! greeting to a logged-in session; [`fetch`], [`append`], [`search`], [`changes`], [`folders`],
//! [`messages`], [`survey`], [`idle`] and [`notify`] are what is done in it. Which folder a name
//! means to the user and what becomes of failures are decided elsewhere.

pub mod append;
pub mod changes;
pub mod context;
pub mod decide;
mod error;
pub mod fetch;
pub mod folders;
pub mod gather;
pub mod idle;
pub mod messages;
pub mod metadata;
pub mod multisearch;
pub mod notify;
pub mod open;
pub mod rights;
pub mod search;
mod sets;
mod state;
pub mod survey;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::base::backoff::Schedule;
use crate::base::decode::{Decoded, Malformed};
use crate::base::limits;
use crate::imap::syntax::command::{Command, Tagged};
use crate::imap::syntax::encode::{Encoded, Encoder, Literals};
use crate::imap::syntax::frame::{Framer, Step};
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::response::{self, Condition, Data, Response};
use crate::net::tls::Connector;
use crate::net::{self, Wire, deadline};
use crate::sasl;
use crate::store::PeerError as _;

pub use error::{Error, Reply};
pub use state::{Capabilities, Selected};

use state::State;

/// When to use STARTTLS.
#[derive(Default)]
pub enum StartTls<'a> {
    /// Never: TLS is there already, or not wanted.
    #[default]
    Never,
    /// When it is offered; a server that refuses it is spoken to in the clear.
    IfOffered(&'a Connector),
    /// Always, or nothing is sent.
    Required(&'a Connector),
}

/// Who logs in, and how.
pub struct Login<'a> {
    /// User and proof.
    pub credential: &'a sasl::Credential,
    /// Only this mechanism; `None`: the strongest that both have, else the LOGIN command.
    pub mechanism: Option<sasl::Mechanism>,
    /// A password or token may cross an unencrypted connection.
    pub allow_cleartext: bool,
    /// The server's name, as it was dialled.
    pub host: &'a str,
    /// The server's port.
    pub port: u16,
}

/// How to open a session.
#[derive(Default)]
pub struct Options<'a> {
    /// TLS begun in the session.
    pub starttls: StartTls<'a>,
    /// Whom to log in; `None`: nobody.
    pub login: Option<Login<'a>>,
    /// Enable nothing, even where it is offered.
    pub without_enable: bool,
    /// Ask for all mailboxes along with what is asked for after the login, where the answer to
    /// that decides nothing about how: [`Client::list`] has the answer then.
    pub list: bool,
    /// Select this mailbox along with what is asked for after the login, only to read where that
    /// is `true`: [`Client::select`] of the same has the answer then.
    pub select: Option<(Mailbox<'a>, bool)>,
    /// Compress the connection after the login, where it is offered (RFC 4978).
    pub compress: bool,
    /// Cap on every deadline of the table.
    pub timeout: Option<Duration>,
}

/// Longest command line without its literals that we send, in octets (RFC 2683 section
/// 3.2.1.5); a longer set of messages is cut into several commands.
const LINE_OCTETS: usize = 1000;

/// Responses that are read behind a write that failed.
const LAST_RESPONSES: usize = 1000;

/// One session. Not cancel-safe unless a method says so: drop it when one of its futures was
/// dropped unfinished.
pub struct Client {
    wire: Wire,
    framer: Framer,
    /// The start of a response from which a large literal was taken.
    held: Vec<u8>,
    /// Octets of a large literal still to be passed over.
    skip: u64,
    state: State,
    /// What is there, so that commands can be short.
    present: sets::Present,
    /// How somebody has logged in.
    method: Option<&'static str>,
    /// What was listed ahead, until somebody wants it.
    listed: Option<Vec<folders::Listing>>,
    /// The mailbox that is selected was selected ahead, and nobody has asked for that yet.
    is_selected_ahead: bool,
    timeout: Option<Duration>,
    /// The tag of an IDLE that was begun and not ended.
    idling: Option<u32>,
    /// Nothing more can be said on this connection.
    is_broken: bool,
}

/// What the framer found at the start of the buffer.
enum Framed {
    /// The whole of a response, or the rest of one that is held.
    Whole(usize),
    /// So many octets of text, and behind them a literal of so many octets.
    Literal(usize, u64),
}

impl Client {
    fn new(wire: Wire, timeout: Option<Duration>) -> Self {
        Self {
            wire,
            framer: Framer::responses(),
            held: Vec::new(),
            skip: 0,
            state: State::default(),
            present: sets::Present::default(),
            method: None,
            listed: None,
            is_selected_ahead: false,
            timeout,
            idling: None,
            is_broken: false,
        }
    }

    /// What the server offers at this point of the session.
    pub fn capabilities(&self) -> &Capabilities {
        &self.state.capabilities
    }

    /// The mailbox that is selected.
    pub fn selected(&self) -> Option<&Selected> {
        self.state.selected.as_ref()
    }

    /// The text of the greeting.
    pub fn banner(&self) -> &str {
        &self.state.banner
    }

    /// What the server told about itself in answer to ID; empty where it did not.
    pub fn server_id(&self) -> &[(String, String)] {
        &self.state.server_id
    }

    /// The texts of ALERT codes since the last call: the user has to see them.
    pub fn take_alerts(&mut self) -> Vec<String> {
        std::mem::take(&mut self.state.alerts)
    }

    /// Whether mailbox names and quoted strings are UTF-8 (IMAP4rev2, UTF8=ACCEPT).
    pub fn is_utf8(&self) -> bool {
        self.state.utf8
    }

    /// Whether VANISHED tells what was expunged (RFC 7162).
    pub fn has_qresync(&self) -> bool {
        self.state.qresync
    }

    /// The mechanism by which somebody has logged in, or `LOGIN` for the command; `None`:
    /// nobody has.
    pub fn login_method(&self) -> Option<&'static str> {
        self.method
    }

    /// The connection: its TLS session and its traffic.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The connection, for another dialogue on it: nothing is in flight.
    pub fn into_wire(self) -> Wire {
        self.wire
    }

    /// Whether more can be said: the server has not ended the session, and nothing broke.
    pub fn is_open(&self) -> bool {
        !self.is_broken && self.state.bye.is_none()
    }

    /// Sets the deadline of the table, or the user's where that is shorter.
    fn deadline(&mut self, of_table: Duration) {
        self.wire.set_timeout(self.timeout.map_or(of_table, |cap| cap.min(of_table)));
    }

    fn literals(&self) -> Literals {
        let capabilities = &self.state.capabilities;
        if capabilities.has("LITERAL+") {
            Literals::Plus
        } else if capabilities.has("LITERAL-") || capabilities.has("IMAP4rev2") {
            Literals::Minus
        } else {
            Literals::Synchronising
        }
    }

    fn encode(&mut self, command: Command<'_>) -> Result<(u32, &'static str, Encoded), Error> {
        if self.is_broken {
            return Err(Error::Ended);
        }
        let name = command.name();
        let tag = self.state.next_tag();
        let mut out = Encoder::new(self.literals(), self.state.utf8);
        let text = format!("a{tag}").into_bytes();
        Tagged { tag: text.into(), command }.encode(&mut out);
        Ok((tag, name, out.finish()?))
    }

    /// A command as it would be sent, without its tag and its last line end.
    fn written(&self, command: Command<'_>) -> Result<Vec<u8>, Error> {
        let mut out = Encoder::new(self.literals(), self.state.utf8);
        Tagged { tag: b"a".as_slice().into(), command }.encode(&mut out);
        let octets = out.finish()?.octets;
        let line = octets.strip_prefix(b"a ").unwrap_or(&octets);
        Ok(line.strip_suffix(b"\r\n").unwrap_or(line).to_vec())
    }

    /// Queues a command and gives its tag; waits only where a literal has to.
    async fn send(&mut self, command: Command<'_>) -> Result<u32, Error> {
        self.settle().await?;
        if let Some(rest) = self.state.rest.take() {
            tokio::time::sleep_until(rest.into()).await;
        }
        let is_secret = matches!(command, Command::Login { .. } | Command::Authenticate { .. });
        let (tag, name, encoded) = self.encode(command)?;
        self.state.go_ahead = None;
        self.state.pending.push_back((tag, name));
        let mut at = 0;
        for stop in &encoded.stops {
            self.queue(&encoded.octets[at..stop.at], is_secret);
            at = stop.at;
            if stop.wait {
                self.go_ahead(tag).await?;
            }
        }
        self.queue(&encoded.octets[at..], is_secret);
        Ok(tag)
    }

    fn queue(&mut self, octets: &[u8], is_secret: bool) {
        if is_secret { self.wire.queue_secret(octets) } else { self.wire.queue(octets) }
    }

    /// Waits for `+`, and gives what follows it.
    ///
    /// # Errors
    /// [`Error::Refused`] where the command ends instead.
    async fn go_ahead(&mut self, tag: u32) -> Result<Vec<u8>, Error> {
        loop {
            if let Some(text) = self.state.go_ahead.take() {
                return Ok(text);
            }
            if let Some((name, reply)) = self.state.take_done(tag) {
                return Err(Error::Refused { command: name, reply });
            }
            self.receive(&mut |_| {}).await?;
        }
    }

    /// Waits until the command has ended; what comes meanwhile goes to `on`.
    async fn wait(&mut self, tag: u32, on: &mut dyn FnMut(&Data<'_>)) -> Result<Reply, Error> {
        loop {
            if let Some((command, reply)) = self.state.take_done(tag) {
                return match reply.condition {
                    Condition::Ok => Ok(reply),
                    _ => Err(Error::Refused { command, reply }),
                };
            }
            self.receive(on).await?;
        }
    }

    /// Sends one command, and waits for its end. One that only asks is sent again to a server
    /// that says it is busy.
    async fn run(
        &mut self,
        command: Command<'_>,
        on: &mut dyn FnMut(&Data<'_>),
    ) -> Result<Reply, Error> {
        self.deadline(deadline::COMMAND);
        let again = only_asks(&command).then(|| command.clone());
        let tag = self.send(command).await?;
        let Some(again) = again else { return self.wait(tag, on).await };
        let mut told = false;
        let ended = self.wait(tag, &mut |data| (told, _) = (true, on(data))).await;
        match ended {
            Err(refused) if !told => self.insist(refused, &again, on).await,
            ended => ended,
        }
    }

    /// Repeats a command that was refused for now, as long as the server can be expected to
    /// take it; [`Error::Refused`] is that of the last attempt.
    async fn insist(
        &mut self,
        mut refused: Error,
        command: &Command<'_>,
        on: &mut dyn FnMut(&Data<'_>),
    ) -> Result<Reply, Error> {
        let mut schedule = Schedule::default();
        while let Some(wait) = refused.busy().and_then(|busy| schedule.after(busy)) {
            tokio::time::sleep(wait).await;
            self.deadline(deadline::COMMAND);
            let tag = self.send(command.clone()).await?;
            match self.wait(tag, on).await {
                Err(again @ Error::Refused { .. }) => refused = again,
                ended => return ended,
            }
        }
        Err(refused)
    }

    /// Sends commands one behind the other and waits for all; the first refusal is the error,
    /// after all have ended.
    async fn run_all<'c>(
        &mut self,
        commands: impl IntoIterator<Item = Command<'c>>,
        on: &mut dyn FnMut(&Data<'_>),
    ) -> Result<Vec<Reply>, Error> {
        let results = self.try_all(commands, on).await?;
        results.into_iter().collect()
    }

    /// As `run_all`, with the end of each command by itself.
    async fn try_all<'c>(
        &mut self,
        commands: impl IntoIterator<Item = Command<'c>>,
        on: &mut dyn FnMut(&Data<'_>),
    ) -> Result<Vec<Result<Reply, Error>>, Error> {
        self.deadline(deadline::COMMAND);
        let mut tags = Vec::new();
        for command in commands {
            let again = only_asks(&command).then(|| command.clone());
            tags.push(match self.send(command).await {
                // A literal that the server did not want: the command has ended already.
                Err(refused @ Error::Refused { .. }) => (Err(refused), again),
                sent => (Ok(sent?), again),
            });
            self.ease().await?;
        }
        let mut replies = Vec::with_capacity(tags.len());
        for (tag, again) in tags {
            let ended = match tag {
                Err(refused) => Err(refused),
                Ok(tag) => match self.wait(tag, on).await {
                    Err(refused @ Error::Refused { .. }) => Err(refused),
                    ended => Ok(ended?),
                },
            };
            replies.push((ended, again));
        }
        // What the server was too busy for, once all that is in flight has come down.
        let mut ended = Vec::with_capacity(replies.len());
        for (reply, again) in replies {
            ended.push(match (reply, again) {
                (Err(refused), Some(again)) if refused.busy().is_some() => {
                    match self.insist(refused, &again, on).await {
                        Err(refused @ Error::Refused { .. }) => Err(refused),
                        ended => Ok(ended?),
                    }
                }
                (reply, _) => reply,
            });
        }
        Ok(ended)
    }

    async fn ease(&mut self) -> Result<(), Error> {
        match self.wire.ease().await {
            Ok(()) => Ok(()),
            Err(source) => Err(self.cut_off(source).await),
        }
    }

    /// The error for a write that failed. A server that refuses and closes while octets of ours
    /// lie unread resets the connection behind its answer: what it said can still be read.
    async fn cut_off(&mut self, source: net::Error) -> Error {
        let mut said = None;
        if source.is_closed() {
            for _ in 0..LAST_RESPONSES {
                if let Err(end) = self.receive(&mut |_| {}).await {
                    said = Some(end);
                    break;
                }
            }
        }
        self.is_broken = true;
        match (self.state.take_refused(), said) {
            (Some((command, reply)), _) => Error::Refused { command, reply },
            (None, Some(bye @ Error::Bye { .. })) => bye,
            (None, _) => self.broke(source),
        }
    }

    /// Takes one response whole: the state notes it, and untagged data go to `on`. Large
    /// literals are passed over. Cancel-safe.
    async fn receive(&mut self, on: &mut dyn FnMut(&Data<'_>)) -> Result<(), Error> {
        let len = loop {
            match self.frame().await? {
                Framed::Whole(len) => break len,
                Framed::Literal(head, len) => {
                    self.hold(head);
                    self.skip = len;
                }
            }
        };
        let during = self.state.during();
        let buffered = self.wire.buffered();
        let octets = if self.held.is_empty() {
            &buffered[..len]
        } else {
            self.held.extend_from_slice(&buffered[..len]);
            &self.held
        };
        let noted = match response::decode(octets) {
            Ok(Decoded::Done { value, .. }) => {
                self.state.note(&value);
                if let Response::Untagged(data) = &value {
                    on(data);
                }
                if self.state.told > limits::LISTED {
                    let expected = "an end of what it tells";
                    Err(protocol(during, Malformed { offset: 0, expected }, octets))
                } else {
                    Ok(())
                }
            }
            Ok(Decoded::More) => {
                let malformed = Malformed { offset: octets.len(), expected: "more" };
                Err(protocol(during, malformed, octets))
            }
            Err(malformed) => Err(protocol(during, malformed, octets)),
        };
        self.held.clear();
        self.wire.consume(len);
        self.is_broken |= noted.is_err();
        noted
    }

    /// Moves the start of a response out of the buffer, up to a large literal.
    fn hold(&mut self, head: usize) {
        self.held.extend_from_slice(&self.wire.buffered()[..head]);
        self.wire.consume(head);
    }

    /// Reads until the framer has found something. Cancel-safe.
    async fn frame(&mut self) -> Result<Framed, Error> {
        if self.is_broken {
            return Err(Error::Ended);
        }
        while self.skip > 0 {
            let ready = self.ready(self.skip);
            self.wire.consume_body(ready);
            self.skip -= ready as u64;
            if self.skip > 0 {
                self.fill().await?;
            }
        }
        loop {
            match self.framer.step(self.wire.buffered()) {
                Ok(Step::Complete { len }) => return Ok(Framed::Whole(len)),
                Ok(Step::Literal { head, len, .. }) => return Ok(Framed::Literal(head, len)),
                Ok(Step::More | Step::Continue { .. }) => self.fill().await?,
                Err(malformed) => {
                    self.is_broken = true;
                    return Err(protocol(self.state.during(), malformed, self.wire.buffered()));
                }
            }
        }
    }

    /// How many of the next `wanted` octets are buffered.
    fn ready(&self, wanted: u64) -> usize {
        usize::try_from(wanted).unwrap_or(usize::MAX).min(self.wire.buffered().len())
    }

    async fn fill(&mut self) -> Result<(), Error> {
        match self.wire.fill().await {
            Ok(_) => Ok(()),
            Err(source) => Err(self.broke(source)),
        }
    }

    /// The error for a connection that failed: what the server said before counts more.
    fn broke(&mut self, source: net::Error) -> Error {
        self.is_broken = true;
        match self.state.bye.take() {
            Some(reply) if source.is_closed() => Error::Bye { reply },
            _ => Error::Network { during: self.state.during(), source },
        }
    }

    /// NOOP: whether the session is still alive; the server tells what has changed.
    ///
    /// # Errors
    /// [`Error::Network`], [`Error::Refused`].
    pub async fn noop(&mut self) -> Result<(), Error> {
        use crate::imap::syntax::command::Word;
        self.run(Command::Word(Word::Noop), &mut |_| {}).await.map(drop)
    }

    /// Sends a command as it is written, without tag and line end, and gives every response to
    /// `on` as it came, up to and with the tagged one; a large literal comes in pieces. What
    /// the responses say is noted all the same, but which mailbox is selected is not.
    ///
    /// # Errors
    /// [`Error::Unencodable`] for a command of more than one line; a refusal is no error here:
    /// it is in the answer.
    pub async fn raw(&mut self, command: &[u8], on: &mut dyn FnMut(&[u8])) -> Result<Reply, Error> {
        use crate::imap::syntax::encode::Refused;
        if command.iter().any(|c| matches!(c, b'\r' | b'\n' | 0)) {
            return Err(Error::Unencodable(Refused { what: "a raw command" }));
        }
        self.settle().await?;
        self.deadline(deadline::COMMAND);
        let tag = self.state.next_tag();
        self.state.pending.push_back((tag, "raw command"));
        self.wire.queue(format!("a{tag} ").as_bytes());
        self.wire.queue(command);
        self.wire.queue(b"\r\n");
        loop {
            if let Some((_, reply)) = self.state.take_done(tag) {
                return Ok(reply);
            }
            match self.frame().await? {
                Framed::Whole(len) => {
                    let piece = &self.wire.buffered()[..len];
                    on(piece);
                    self.held.extend_from_slice(piece);
                    if let Ok(Decoded::Done { value, .. }) = response::decode(&self.held) {
                        self.state.note(&value);
                    }
                    self.held.clear();
                    self.wire.consume(len);
                }
                Framed::Literal(head, len) => {
                    on(&self.wire.buffered()[..head]);
                    self.hold(head);
                    let mut left = len;
                    while left > 0 {
                        let ready = self.ready(left);
                        if ready == 0 {
                            self.fill().await?;
                            continue;
                        }
                        on(&self.wire.buffered()[..ready]);
                        self.wire.consume_body(ready);
                        left -= ready as u64;
                    }
                }
            }
        }
    }

    /// Compresses the connection from now on (RFC 4978).
    ///
    /// # Errors
    /// [`Error::Missing`] where the server does not offer it; [`Error::Refused`], and the
    /// connection's errors.
    pub async fn compress(&mut self) -> Result<(), Error> {
        if !self.state.capabilities.has("COMPRESS=DEFLATE") {
            return Err(Error::Missing("COMPRESS=DEFLATE"));
        }
        self.run(Command::Compress(b"DEFLATE"[..].into()), &mut |_| {}).await?;
        let over = |below, ahead| -> Box<dyn net::wire::Stream> {
            Box::new(net::deflate::Deflate::new(below, ahead))
        };
        match self.wire.layer(over).await {
            Ok(()) => Ok(()),
            Err(source) => Err(self.broke(source)),
        }
    }

    /// LOGOUT, and the end of the connection. A server that just goes is no error. Where the
    /// selected mailbox can only be read, its answer is not waited for: there is nothing that it
    /// could tell of.
    ///
    /// # Errors
    /// [`Error::Network`] where the server stays silent.
    pub async fn logout(&mut self) -> Result<(), Error> {
        use crate::imap::syntax::command::Word;
        if self.is_broken {
            return Ok(());
        }
        if self.selected().is_some_and(|selected| selected.read_only)
            && self.state.pending.is_empty()
        {
            self.deadline(deadline::COMMAND);
            let sent = self.send(Command::Word(Word::Logout)).await;
            self.is_broken = true;
            if sent.is_ok() {
                let _ = self.wire.shutdown().await;
            }
            return Ok(());
        }
        let ended = self.run(Command::Word(Word::Logout), &mut |_| {}).await;
        self.is_broken = true;
        match ended {
            Err(Error::Network { source, .. }) if !source.is_closed() => {
                Err(Error::Network { during: "LOGOUT", source })
            }
            _ => {
                // The server has said its goodbye: how it hangs up does not matter.
                let _ = self.wire.shutdown().await;
                Ok(())
            }
        }
    }
}

/// Whether a command changes nothing that doing it twice would change again.
fn only_asks(command: &Command<'_>) -> bool {
    use crate::imap::syntax::command::Word;
    matches!(
        command,
        Command::Word(Word::Noop | Word::Capability | Word::Namespace)
            | Command::List(_)
            | Command::Lsub(..)
            | Command::Status(..)
            | Command::Select { .. }
            | Command::Search(..)
            | Command::Sort(..)
            | Command::Thread(..)
            | Command::Fetch { .. }
            | Command::Store { unchanged_since: None, .. }
    )
}

fn protocol(during: &'static str, malformed: Malformed, octets: &[u8]) -> Error {
    let from = malformed.offset.saturating_sub(60).min(octets.len());
    let start = &octets[from..octets.len().min(from + 120)];
    Error::Protocol { during, malformed, octets: String::from_utf8_lossy(start).into_owned() }
}
