//! A connection whose ServerHello is overheard: rustls does not tell whether TLS 1.2 agreed to
//! the extended master secret (RFC 7627), without which a channel binding is worth nothing.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::wire::Stream;
use super::enumerate::Answer;
use crate::base::decode::Decoded;

/// A ServerHello has some hundred octets, and stands first.
const HEARD_OCTETS: usize = 4096;

/// Which side of a connection is the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// What is read.
    Received,
    /// What is written.
    Sent,
}

/// The connection.
pub(super) struct Overheard {
    stream: Box<dyn Stream>,
    side: Side,
    /// The server's first octets; `None` once nobody listens any more.
    heard: Option<Vec<u8>>,
}

impl Overheard {
    /// Listens from now on.
    pub(super) fn new(stream: Box<dyn Stream>, side: Side) -> Self {
        Self { stream, side, heard: Some(Vec::new()) }
    }

    /// Whether the ServerHello of TLS 1.2 agreed to the extended master secret. Forgets what was
    /// heard, and listens no more.
    pub(super) fn is_master_secret_extended(&mut self) -> bool {
        match Answer::decode(&self.heard.take().unwrap_or_default()) {
            Ok(Decoded::Done { value: Answer::ServerHello(hello), .. }) => {
                hello.is_master_secret_extended
            }
            _ => false,
        }
    }

    fn hear(&mut self, side: Side, octets: &[u8]) {
        if let Some(heard) = &mut self.heard
            && self.side == side
        {
            let room = HEARD_OCTETS.saturating_sub(heard.len());
            heard.extend_from_slice(&octets[..octets.len().min(room)]);
        }
    }
}

impl AsyncRead for Overheard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = room.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, room);
        self.hear(Side::Received, &room.filled()[before..]);
        polled
    }
}

impl AsyncWrite for Overheard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, octets);
        if let Poll::Ready(Ok(count)) = polled {
            self.hear(Side::Sent, &octets[..count]);
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        if self.heard.is_none() {
            return Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        }
        let first = parts.iter().find(|part| !part.is_empty());
        self.poll_write(context, first.map_or(&[], |part| part))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
