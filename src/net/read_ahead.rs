//! A stream that is read in large pieces, whatever the pieces that are asked for.
//!
//! rustls asks for 4 KiB at a time, which on a fast link is a system call for each record. What
//! is read ahead cannot be given back: this lies below a layer that reads the stream to its end.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::wire::Stream;

/// Octets of the first read; a short dialogue needs no more.
const FIRST_OCTETS: usize = 8 * 1024;

/// Octets of a read once the peer has filled smaller ones.
const MOST_OCTETS: usize = 128 * 1024;

/// The stream.
pub struct ReadAhead {
    stream: Box<dyn Stream>,
    octets: Vec<u8>,
    /// What was read and not yet taken.
    start: usize,
    end: usize,
}

impl ReadAhead {
    /// Over a stream of which nothing was read for this layer yet.
    pub fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, octets: Vec::new(), start: 0, end: 0 }
    }
}

impl AsyncRead for ReadAhead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = &mut *self;
        if this.start == this.end {
            // A read that filled all there was shows that more would have come.
            if this.end == this.octets.len() {
                let wanted = (this.octets.len() * 4).clamp(FIRST_OCTETS, MOST_OCTETS);
                this.octets.resize(wanted, 0);
            }
            (this.start, this.end) = (0, 0);
            let mut filled = ReadBuf::new(&mut this.octets);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut filled))?;
            this.end = filled.filled().len();
        }
        let count = room.remaining().min(this.end - this.start);
        room.put_slice(&this.octets[this.start..this.start + count]);
        this.start += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ReadAhead {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn everything_comes_in_its_order_whatever_the_pieces() {
        let (near, mut far) = tokio::io::duplex(300_000);
        let sent: Vec<u8> = (0..600_000u32).map(|n| (n % 251) as u8).collect();
        let expected = sent.clone();
        let writing = async move {
            far.write_all(&sent).await.expect("written");
            let mut answer = [0; 3];
            far.read_exact(&mut answer).await.expect("an answer");
            assert_eq!(&answer, b"end");
        };
        let reading = async {
            let mut stream = ReadAhead::new(Box::new(near));
            let (mut got, mut piece) = (Vec::new(), 1);
            while got.len() < expected.len() {
                let mut room = vec![0; piece];
                let read = stream.read(&mut room).await.expect("read");
                assert!(read > 0, "the end came early");
                got.extend_from_slice(&room[..read]);
                piece = piece * 7 % 4_099 + 1;
            }
            assert!(stream.octets.len() <= MOST_OCTETS);
            stream.write_all(b"end").await.expect("written");
            assert_eq!(stream.read(&mut [0; 8]).await.expect("the end"), 0);
            assert!(got == expected);
        };
        tokio::join!(writing, reading);
    }
}
