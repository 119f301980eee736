//! A stream compressed both ways: raw DEFLATE (RFC 1951), as COMPRESS=DEFLATE of IMAP (RFC
//! 4978) and of NNTP (RFC 8054) have it.
//!
//! For [`super::Wire::layer`]. What is written goes out whole at each flush; nothing is
//! inflated beyond what the reader has room for, so that a bomb fills nobody's memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::wire::Stream;

/// Compressed octets read at once.
const INPUT_OCTETS: usize = 16 * 1024;

/// Compressed octets that may wait for the stream below.
const OUTPUT_OCTETS: usize = 64 * 1024;

/// The layer.
pub struct Deflate {
    below: Box<dyn Stream>,
    inflate: Decompress,
    /// Compressed octets read; `start..` is not inflated yet.
    input: Vec<u8>,
    start: usize,
    /// The inflater may hold more than it had room to give.
    is_full: bool,
    /// The other side has ended its stream.
    is_over: bool,
    deflate: Compress,
    /// Compressed octets; `written..` is not written yet.
    output: Vec<u8>,
    written: usize,
    /// Something was written since the last flush.
    is_dirty: bool,
}

impl Deflate {
    /// Compression over `below`; `ahead` was read already and is compressed.
    pub fn new(below: Box<dyn Stream>, ahead: Vec<u8>) -> Self {
        Self {
            below,
            inflate: Decompress::new(false),
            input: ahead,
            start: 0,
            is_full: false,
            is_over: false,
            deflate: Compress::new(Compression::default(), false),
            output: Vec::new(),
            written: 0,
            is_dirty: false,
        }
    }

    /// Compresses `octets`, all of them.
    fn compress(&mut self, octets: &[u8], flush: FlushCompress) -> io::Result<()> {
        let mut rest = octets;
        loop {
            self.output.reserve(OUTPUT_OCTETS / 4);
            let before = self.deflate.total_in();
            self.deflate.compress_vec(rest, &mut self.output, flush).map_err(io::Error::other)?;
            // No more than `rest.len()` was taken.
            rest = &rest[(self.deflate.total_in() - before) as usize..];
            if rest.is_empty() && self.output.len() < self.output.capacity() {
                return Ok(());
            }
        }
    }

    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.output.len() {
            let rest = &self.output[self.written..];
            match ready!(Pin::new(&mut self.below).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.output.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Deflate {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while !this.is_over && buffer.remaining() > 0 {
            if this.start < this.input.len() || this.is_full {
                let room = buffer.initialize_unfilled();
                let (before_in, before_out) = (this.inflate.total_in(), this.inflate.total_out());
                let input = &this.input[this.start..];
                let status = this
                    .inflate
                    .decompress(input, room, FlushDecompress::None)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                let given = (this.inflate.total_out() - before_out) as usize;
                this.start += (this.inflate.total_in() - before_in) as usize;
                this.is_full = given == room.len();
                this.is_over = status == Status::StreamEnd;
                buffer.advance(given);
                if given > 0 {
                    return Poll::Ready(Ok(()));
                }
                if this.start < this.input.len() && status != Status::BufError {
                    continue;
                }
            }
            if this.is_over {
                break;
            }
            this.input.drain(..this.start);
            this.start = 0;
            let held = this.input.len();
            this.input.resize(held + INPUT_OCTETS, 0);
            let mut room = ReadBuf::new(&mut this.input[held..]);
            let read = Pin::new(&mut this.below).poll_read(context, &mut room);
            let count = room.filled().len();
            this.input.truncate(held + count);
            ready!(read)?;
            if count == 0 {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Deflate {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.output.len() - self.written >= OUTPUT_OCTETS {
            ready!(self.poll_drain(context))?;
        }
        let count = octets.len().min(OUTPUT_OCTETS);
        self.compress(&octets[..count], FlushCompress::None)?;
        self.is_dirty = true;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_dirty {
            self.compress(&[], FlushCompress::Sync)?;
            self.is_dirty = false;
        }
        ready!(self.poll_drain(context))?;
        Pin::new(&mut self.below).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(context))?;
        Pin::new(&mut self.below).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Wire;

    fn run<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime")
            .block_on(future)
    }

    async fn layered(mut wire: Wire) -> Wire {
        wire.layer(|below, ahead| Box::new(Deflate::new(below, ahead))).await.expect("a layer");
        wire
    }

    #[test]
    fn both_ways_at_once_through_a_narrow_pipe() {
        run(async {
            // Text that shrinks, and noise that does not.
            let mut octets = b"* 1 FETCH (FLAGS (\\Seen))\r\n".repeat(20_000);
            let mut noise = 1u32;
            octets.extend((0..300_000).map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            }));
            let talk = async |wire: Wire| {
                let mut wire = layered(wire).await;
                wire.queue(&octets);
                wire.flush().await.expect("written");
                while wire.buffered().len() < octets.len() {
                    wire.fill().await.expect("read");
                }
                assert!(wire.buffered() == octets);
            };
            let (near, far) = Wire::duplex(1000);
            tokio::join!(talk(near), talk(far));
        });
    }

    #[test]
    fn each_flush_is_whole_and_what_was_read_ahead_counts() {
        run(async {
            let (near, mut far) = Wire::duplex(1 << 16);
            let mut near = layered(near).await;
            for _ in 0..3 {
                near.queue(b"hello\r\n");
                near.flush().await.expect("written");
            }
            // The compressed octets are read before the layer is there.
            far.fill().await.expect("read");
            let mut far = layered(far).await;
            while far.buffered().len() < 21 {
                far.fill().await.expect("read");
            }
            assert_eq!(far.buffered(), b"hello\r\nhello\r\nhello\r\n");
            drop(near);
            assert!(far.fill().await.expect_err("the end").is_closed());
        });
    }

    #[test]
    fn what_is_not_compressed_is_an_error() {
        run(async {
            let (near, mut far) = Wire::duplex(1 << 16);
            far.queue(b"\xff\xff\xff\xff plain text");
            far.flush().await.expect("written");
            assert!(layered(near).await.fill().await.is_err());
        });
    }
}
