//! One connection: both buffers, TLS, compression, limits, deadlines, transcript.
//!
//! A `Wire` reads while it writes, so that a pipelined client and a pipelined server can
//! never deadlock each other. Octets that were read stay in the buffer until they are
//! consumed, so that a cancelled future loses nothing. Clients and servers use the same type.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::stop::{Cause, Stop};
use super::tls::{self, Acceptor, Connector};
use super::transcript::{Direction, Event, Redactor, Transcript};
use super::{Error, deadline};
use crate::base::limits;

/// Any transport below a `Wire`: TCP, a Unix socket, TLS, compression, memory.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin + ?Sized> Stream for T {}

/// Room that is made for one read, in octets, once a peer has shown that it fills it.
const READ_OCTETS: usize = 64 * 1024;

/// Room that is made for the first read: thousands of connections may have nothing to say, and
/// a small message comes in one piece.
const FIRST_READ_OCTETS: usize = 8 * 1024;

/// Octets that may be read ahead while we write, unless [`Wire::set_read_ahead`] says
/// otherwise. A peer that sends more without reading what we say is not listened to any further
/// until the caller has consumed some of it.
const READ_AHEAD_OCTETS: usize = 64 * 1024 * 1024;

/// Commands that are handled before others have a turn, where a peer sends many at once.
const COMMANDS_AT_ONCE: u32 = 32;

/// A connection with its buffers.
pub struct Wire {
    stream: Box<dyn Stream>,
    input: Input,
    output: Vec<u8>,
    written: usize,
    unflushed: bool,
    read_ahead: usize,
    /// Commands since others had their turn.
    commands: u32,
    /// Whether a layer such as DEFLATE lies over the stream.
    is_layered: bool,
    timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    stop: Option<Stop>,
    /// Our end, where it is known.
    own_address: Option<IpAddr>,
    is_patient: bool,
    /// Tells that the run is to end: made when the first wait begins.
    stopping: Option<Pin<Box<dyn Future<Output = Cause>>>>,
    /// What a read met behind octets that came with it: told when those have been taken.
    met: Option<Error>,
    /// What a trickle still has to wait: sleeps are no shorter than a millisecond.
    owed: Duration,
    session: Option<tls::Session>,
    tap: Option<Tap>,
    received: u64,
    sent: u64,
}

/// Where a wire's events go.
#[derive(Clone)]
pub struct Tap {
    /// Who listens.
    pub transcript: Rc<dyn Transcript>,
    /// What is blotted out before.
    pub redactor: Rc<Redactor>,
    /// The number of the connection, from 1.
    pub connection: u32,
    /// When the clock of the transcript started.
    pub start: std::time::Instant,
}

/// Octets read and not yet consumed, in one piece. `octets` is initialised throughout;
/// `start..end` is what is held.
#[derive(Default)]
struct Input {
    octets: Vec<u8>,
    start: usize,
    end: usize,
    /// Reads so far that filled all the room that they had.
    filled: u8,
}

impl Input {
    fn held(&self) -> &[u8] {
        &self.octets[self.start..self.end]
    }

    /// Makes room behind `end` by moving what is held to the front, or by growing.
    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let room = (FIRST_READ_OCTETS << (2 * self.filled)).min(READ_OCTETS);
        if self.octets.len() - self.end >= room / 4 {
            return;
        }
        let held = self.end - self.start;
        if self.start >= held && self.start > 0 {
            self.octets.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, held);
        }
        if self.octets.len() - self.end < room / 4 {
            let wanted = (self.octets.len() * 2).max(self.end + room);
            self.octets.resize(wanted, 0);
        }
    }
}

impl Wire {
    /// A connection over any stream.
    pub fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            input: Input::default(),
            output: Vec::new(),
            written: 0,
            unflushed: false,
            read_ahead: READ_AHEAD_OCTETS,
            commands: 0,
            is_layered: false,
            timeout: deadline::COMMAND,
            timer: None,
            stop: None,
            own_address: None,
            is_patient: false,
            stopping: None,
            met: None,
            owed: Duration::ZERO,
            session: None,
            tap: None,
            received: 0,
            sent: 0,
        }
    }

    /// Two ends of a connection in memory, each direction holding `capacity` octets.
    pub fn duplex(capacity: usize) -> (Self, Self) {
        let (near, far) = tokio::io::duplex(capacity);
        (Self::new(Box::new(near)), Self::new(Box::new(far)))
    }

    /// Sends the events of this connection to a transcript from now on.
    pub fn set_tap(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }

    /// How much may be read ahead while we write, in octets: little for a server, which anybody
    /// may pour octets into without ever reading an answer.
    pub fn set_read_ahead(&mut self, octets: usize) {
        self.read_ahead = octets;
    }

    /// Counts a command, and every so often lets other connections have a turn: a peer that
    /// sends thousands at once does not make them wait. Cancel-safe.
    pub async fn breathe(&mut self) {
        self.commands += 1;
        if self.commands >= COMMANDS_AT_ONCE {
            self.commands = 0;
            tokio::task::yield_now().await;
        }
    }

    /// How long the peer may let us wait without any progress.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Ends every wait of this connection when the run is to end.
    pub fn set_stop(&mut self, stop: Stop) {
        (self.stop, self.stopping) = (Some(stop), None);
    }

    /// Whether an answer is waited for a little longer though the run is to end: it decides the
    /// fate of something that the peer may have already.
    pub fn set_patient(&mut self, is_patient: bool) {
        if self.is_patient != is_patient {
            (self.is_patient, self.stopping) = (is_patient, None);
        }
    }

    /// Whether anything may begin on this connection.
    ///
    /// # Errors
    /// [`Error::Stopped`] once the run is to end.
    pub fn check_stop(&self) -> Result<(), Error> {
        self.stop.as_ref().map_or(Ok(()), Stop::check)
    }

    /// The present deadline for progress.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What was read and not yet consumed.
    pub fn buffered(&self) -> &[u8] {
        self.input.held()
    }

    /// Takes `count` octets of the protocol off the front of the buffer.
    ///
    /// # Panics
    /// When fewer are buffered: the caller's mistake, never the peer's.
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.input.held().len(), "consumed more than was read");
        if self.tap.is_some() {
            let from = self.input.start;
            self.tell(Event::Octets(Direction::Received, &self.input.octets[from..from + count]));
        }
        self.input.start += count;
    }

    /// Takes `count` octets of message content off the front: the transcript counts them.
    ///
    /// # Panics
    /// As [`Wire::consume`].
    pub fn consume_body(&mut self, count: usize) {
        assert!(count <= self.input.held().len(), "consumed more than was read");
        let from = self.input.start;
        self.input.start += count;
        self.tell(Event::Body(Direction::Received, &self.input.octets[from..from + count]));
    }

    /// Takes `count` octets of a secret off the front: the transcript says only that.
    ///
    /// # Panics
    /// As [`Wire::consume`].
    pub fn consume_secret(&mut self, count: usize) {
        assert!(count <= self.input.held().len(), "consumed more than was read");
        self.input.start += count;
        self.tell(Event::Secret(Direction::Received));
    }

    /// Reads at least one octet more, and writes what is queued meanwhile. Gives the number
    /// of octets that were added to [`Wire::buffered`]. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Closed`] at the end of the stream, [`Error::Timeout`], [`Error::Io`].
    pub async fn fill(&mut self) -> Result<usize, Error> {
        self.arm();
        poll_fn(|context| {
            // A peer that closes its side may have said why before: a failed write does not
            // keep us from reading that.
            let wrote = self.poll_write_queued(context).unwrap_or_else(|_| {
                self.output.clear();
                (self.written, self.unflushed) = (0, false);
                false
            });
            match self.poll_read_some(context)? {
                Poll::Ready(count) => Poll::Ready(Ok(self.read_on(context, count))),
                Poll::Pending => self.poll_deadline(context, wrote),
            }
        })
        .await
    }

    /// TLS gives a record at a time: those that are there already are read along with the first.
    fn read_on(&mut self, context: &mut Context<'_>, first: usize) -> usize {
        let mut count = first;
        while self.session.is_some() && count < READ_OCTETS {
            match self.poll_read_some(context) {
                Ok(Poll::Ready(more)) => count += more,
                Ok(Poll::Pending) => break,
                Err(error) => {
                    self.met = Some(error);
                    break;
                }
            }
        }
        count
    }

    /// Makes sure that a whole line is buffered, and gives its length with its line end
    /// (CRLF or a bare LF). Cancel-safe.
    ///
    /// # Errors
    /// As [`Wire::fill`], and [`Error::LineTooLong`] once `limit` octets hold no line end.
    pub async fn line(&mut self, limit: usize) -> Result<usize, Error> {
        let mut searched = 0;
        loop {
            let held = self.input.held();
            if let Some(at) = memchr::memchr(b'\n', &held[searched..]) {
                let length = searched + at + 1;
                return if length <= limit {
                    Ok(length)
                } else {
                    Err(Error::LineTooLong { limit })
                };
            }
            searched = held.len();
            if searched >= limit {
                return Err(Error::LineTooLong { limit });
            }
            self.fill().await?;
        }
    }

    /// Appends octets of the protocol to what will be written. Sends nothing yet.
    pub fn queue(&mut self, octets: &[u8]) {
        self.tell(Event::Octets(Direction::Sent, octets));
        self.push(octets);
    }

    /// As [`Wire::queue`], for octets that hold a secret.
    pub fn queue_secret(&mut self, octets: &[u8]) {
        self.tell(Event::Secret(Direction::Sent));
        self.push(octets);
    }

    /// As [`Wire::queue`], for message content: the transcript only counts it.
    pub fn queue_body(&mut self, octets: &[u8]) {
        self.tell(Event::Body(Direction::Sent, octets));
        self.push(octets);
    }

    /// The output buffer itself, for encoders that write message content in place; the
    /// transcript is told by [`Wire::queued_body`]. What stands in it must not be removed.
    pub fn output(&mut self) -> &mut Vec<u8> {
        self.compact_output();
        &mut self.output
    }

    /// Tells the transcript that `count` octets of content were put into [`Wire::output`].
    pub fn queued_body(&mut self, count: u64) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let from = self.output.len().saturating_sub(count);
        self.tell(Event::Body(Direction::Sent, &self.output[from..]));
    }

    /// Octets queued and not yet written.
    pub fn pending(&self) -> usize {
        self.output.len() - self.written
    }

    /// Waits until no more than the high-water mark is queued, reading meanwhile.
    /// Cancel-safe.
    ///
    /// # Errors
    /// As [`Wire::flush`].
    pub async fn ease(&mut self) -> Result<(), Error> {
        if self.pending() <= limits::OUTPUT_HIGH_WATER {
            return Ok(());
        }
        self.drain_to(limits::OUTPUT_HIGH_WATER / 4).await
    }

    /// [`Wire::queue`] and [`Wire::ease`] in one. Not cancel-safe: a cancelled call may or
    /// may not have queued.
    ///
    /// # Errors
    /// As [`Wire::flush`].
    pub async fn write(&mut self, octets: &[u8]) -> Result<(), Error> {
        self.queue(octets);
        self.ease().await
    }

    /// Writes all that is queued, and then `octets` at so many a second, ten times a second at
    /// most: for a server that is slow on purpose. Message content (`is_body`) is only counted by
    /// the transcript. Not cancel-safe.
    ///
    /// # Errors
    /// As [`Wire::flush`].
    pub async fn trickle(
        &mut self,
        octets: &[u8],
        is_body: bool,
        per_second: u64,
    ) -> Result<(), Error> {
        let per_second = per_second.max(1);
        let piece = usize::try_from(per_second.div_ceil(10)).unwrap_or(usize::MAX);
        for piece in octets.chunks(piece) {
            self.flush().await?;
            let nanoseconds = (piece.len() as u64).saturating_mul(1_000_000_000) / per_second;
            self.owed += Duration::from_nanos(nanoseconds);
            if self.owed >= Duration::from_millis(1) {
                tokio::time::sleep(std::mem::take(&mut self.owed)).await;
            }
            match is_body {
                true => self.queue_body(piece),
                false => self.queue(piece),
            }
        }
        self.flush().await
    }

    /// Writes all that is queued, reading meanwhile. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Io`]. The peer's end of stream is no error here: what it
    /// said before is still to be read, and the next `fill` tells.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.drain_to(0).await
    }

    async fn drain_to(&mut self, mark: usize) -> Result<(), Error> {
        self.arm();
        let mut reading = true;
        poll_fn(|context| {
            let wrote = self.poll_write_queued(context)?;
            if self.pending() <= mark && (mark > 0 || !self.unflushed) {
                return Poll::Ready(Ok(()));
            }
            let mut read = false;
            while reading && self.input.held().len() < self.read_ahead {
                match self.poll_read_some(context) {
                    Ok(Poll::Ready(_)) => read = true,
                    Ok(Poll::Pending) => break,
                    Err(_) => reading = false,
                }
            }
            match self.poll_deadline(context, wrote || read) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(_)) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Says what address our end of the connection has.
    pub fn set_own_address(&mut self, address: IpAddr) {
        self.own_address = Some(address.to_canonical());
    }

    /// The address of our end of the connection; `None`: a socket or a pipe of this machine, or
    /// a proxy is between.
    pub fn own_address(&self) -> Option<IpAddr> {
        self.own_address
    }

    /// Whether TLS protects this connection.
    pub fn is_encrypted(&self) -> bool {
        self.session.is_some()
    }

    /// What TLS negotiated; `None` in the clear.
    pub fn tls(&self) -> Option<&tls::Session> {
        self.session.as_ref()
    }

    /// Where the next octet that is queued will stand in all that is written: once so many are
    /// [written](Wire::traffic), what is queued now has left.
    pub fn position(&self) -> u64 {
        self.sent + self.pending() as u64
    }

    /// Octets read and written since the beginning, below compression and above TLS.
    pub fn traffic(&self) -> (u64, u64) {
        (self.received, self.sent)
    }

    /// Begins TLS as a client, after the server's go-ahead or at once.
    ///
    /// # Errors
    /// [`Error::PlaintextBehindTls`] when anything unread is buffered: it was not protected
    /// and must not be taken for something that was (RFC 3207 section 6, CVE-2011-0411).
    /// Else as [`Wire::flush`], and [`Error::Tls`]. The wire is of no use after an error.
    pub async fn start_tls(&mut self, connector: &Connector) -> Result<(), Error> {
        let stream = self.give_stream().await?;
        let timeout = self.timeout.min(deadline::HANDSHAKE);
        let handshake = async {
            tokio::time::timeout(timeout, connector.connect(stream))
                .await
                .map_err(|_| Error::Timeout { after: timeout })?
        };
        let (stream, session) = match &self.stop {
            Some(stop) => stop.unless(handshake).await?,
            None => handshake.await?,
        };
        self.take_stream(stream, session);
        Ok(())
    }

    /// Begins TLS as a server.
    ///
    /// # Errors
    /// As [`Wire::start_tls`].
    pub async fn accept_tls(&mut self, acceptor: &Acceptor) -> Result<(), Error> {
        let stream = self.give_stream().await?;
        let timeout = self.timeout.min(deadline::HANDSHAKE);
        let (stream, session) = tokio::time::timeout(timeout, acceptor.accept(stream))
            .await
            .map_err(|_| Error::Timeout { after: timeout })??;
        self.take_stream(stream, session);
        Ok(())
    }

    /// Puts a layer such as COMPRESS=DEFLATE (RFC 4978) over the stream. A client's layer is
    /// given what was read behind the OK as its first input; a server refuses such octets
    /// before it comes here.
    ///
    /// # Errors
    /// As [`Wire::flush`]: what is queued goes out below the layer first.
    pub async fn layer(
        &mut self,
        over: impl FnOnce(Box<dyn Stream>, Vec<u8>) -> Box<dyn Stream>,
    ) -> Result<(), Error> {
        self.flush().await?;
        let ahead = self.input.held().to_vec();
        self.input.start = self.input.end;
        let stream = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        self.stream = over(stream, ahead);
        self.is_layered = true;
        Ok(())
    }

    /// Ends the connection once all has been written. As [`Wire::shutdown`], but that a plain
    /// stream is only closed, which says the same with a system call less.
    ///
    /// # Errors
    /// As [`Wire::flush`]. A peer that has gone already is no error.
    pub async fn close(mut self) -> Result<(), Error> {
        if self.session.is_some() || self.is_layered {
            return self.shutdown().await;
        }
        let ended = self.flush().await;
        self.tell(Event::Closed);
        ended
    }

    /// Ends our side politely: writes what is queued and says goodbye (close_notify, FIN).
    ///
    /// # Errors
    /// As [`Wire::flush`]. A peer that has gone already is no error.
    pub async fn shutdown(&mut self) -> Result<(), Error> {
        self.flush().await?;
        self.arm();
        let ended = poll_fn(|context| match Pin::new(&mut self.stream).poll_shutdown(context) {
            Poll::Ready(_) => Poll::Ready(Ok(0)),
            Poll::Pending => self.poll_deadline(context, false),
        })
        .await;
        self.tell(Event::Closed);
        ended.map(|_| ())
    }

    async fn give_stream(&mut self) -> Result<Box<dyn Stream>, Error> {
        self.flush().await?;
        let octets = self.input.held().len();
        if octets > 0 {
            return Err(Error::PlaintextBehindTls { octets });
        }
        Ok(std::mem::replace(&mut self.stream, Box::new(tokio::io::empty())))
    }

    fn take_stream(&mut self, stream: Box<dyn Stream>, session: tls::Session) {
        self.stream = stream;
        self.tell(Event::Encrypted(&session.to_string()));
        self.session = Some(session);
    }

    fn tell(&self, event: Event<'_>) {
        let Some(tap) = &self.tap else { return };
        let since = tap.start.elapsed();
        if let Event::Octets(direction, octets) = &event
            && let Some(clean) = tap.redactor.blot(octets)
        {
            tap.transcript.event(tap.connection, since, &Event::Octets(*direction, &clean));
            return;
        }
        if let Event::Body(direction, octets) = &event
            && tap.transcript.wants_content()
            && let Some(clean) = tap.redactor.blot(octets)
        {
            tap.transcript.event(tap.connection, since, &Event::Body(*direction, &clean));
            return;
        }
        tap.transcript.event(tap.connection, since, &event);
    }

    fn push(&mut self, octets: &[u8]) {
        self.compact_output();
        self.output.extend_from_slice(octets);
    }

    fn compact_output(&mut self) {
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
        } else if self.written > limits::OUTPUT_HIGH_WATER {
            self.output.drain(..self.written);
            self.written = 0;
        }
    }

    /// A new wait begins: the clock is set when the first poll finds nothing to do.
    fn arm(&mut self) {
        self.timer = None;
    }

    fn poll_deadline(
        &mut self,
        context: &mut Context<'_>,
        progress: bool,
    ) -> Poll<Result<usize, Error>> {
        let timeout = self.timeout;
        let timer = match &mut self.timer {
            Some(timer) => {
                if progress {
                    timer.as_mut().reset(Instant::now() + timeout);
                }
                timer
            }
            empty => empty.insert(Box::pin(tokio::time::sleep(timeout))),
        };
        if let Some(stop) = &self.stop {
            let is_patient = self.is_patient;
            let stopping = self.stopping.get_or_insert_with(|| {
                let stop = stop.clone();
                Box::pin(async move {
                    match is_patient {
                        true => stop.out_of_patience().await,
                        false => stop.stopped().await,
                    }
                })
            });
            if let Poll::Ready(cause) = stopping.as_mut().poll(context) {
                self.stopping = None;
                return Poll::Ready(Err(Error::Stopped(cause)));
            }
        }
        match timer.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(Error::Timeout { after: timeout })),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Writes as much as the stream takes; whether anything moved.
    fn poll_write_queued(&mut self, context: &mut Context<'_>) -> Result<bool, Error> {
        let mut moved = false;
        while self.written < self.output.len() {
            let rest = &self.output[self.written..];
            match Pin::new(&mut self.stream).poll_write(context, rest) {
                Poll::Ready(Ok(0)) => return Err(Error::Closed),
                Poll::Ready(Ok(count)) => {
                    self.written += count;
                    self.sent += count as u64;
                    self.unflushed = true;
                    moved = true;
                }
                Poll::Ready(Err(error)) => return Err(broken(error)),
                Poll::Pending => return Ok(moved),
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Ready(Ok(())) => {
                    self.unflushed = false;
                    moved = true;
                }
                Poll::Ready(Err(error)) => return Err(broken(error)),
                Poll::Pending => {}
            }
        }
        Ok(moved)
    }

    fn poll_read_some(&mut self, context: &mut Context<'_>) -> Result<Poll<usize>, Error> {
        if let Some(error) = self.met.take() {
            return Err(error);
        }
        self.input.make_room();
        let mut room = ReadBuf::new(&mut self.input.octets[self.input.end..]);
        match Pin::new(&mut self.stream).poll_read(context, &mut room) {
            Poll::Ready(Ok(())) => {
                let count = room.filled().len();
                if count == 0 {
                    return Err(Error::Closed);
                }
                self.input.end += count;
                if self.input.end == self.input.octets.len() {
                    self.input.filled = (self.input.filled + 1).min(2);
                }
                self.received += count as u64;
                Ok(Poll::Ready(count))
            }
            Poll::Ready(Err(error)) => Err(broken(error)),
            Poll::Pending => Ok(Poll::Pending),
        }
    }
}

fn broken(error: std::io::Error) -> Error {
    use std::io::ErrorKind as Kind;
    if let Some(late) = tls::late_alert(&error) {
        return late.into();
    }
    match error.kind() {
        Kind::UnexpectedEof | Kind::ConnectionReset | Kind::BrokenPipe | Kind::NotConnected => {
            Error::Closed
        }
        _ => Error::Io(error),
    }
}

#[cfg(test)]
mod tests;
