//! Standard input, awaited no longer than `--deadline` says.
//!
//! Reading it blocks the one thread there is, so that no timer of the runtime would be heard: where
//! there is a deadline, another thread reads.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Instant;

use crate::net::Stop;

/// Octets read at once.
const BLOCK_OCTETS: usize = 64 * 1024;

/// Standard input of this run. Nobody else may read it besides.
pub struct Stdin<'a> {
    stop: &'a Stop,
    /// The other thread, once something was read, where there is a deadline.
    blocks: Option<Receiver<io::Result<Vec<u8>>>>,
    block: Vec<u8>,
    at: usize,
}

impl<'a> Stdin<'a> {
    /// Reads nothing yet.
    pub fn new(stop: &'a Stop) -> Self {
        Self { stop, blocks: None, block: Vec::new(), at: 0 }
    }

    /// The next block, at least one octet but at the end.
    fn next(&mut self, until: Instant) -> io::Result<()> {
        let blocks = self.blocks.get_or_insert_with(blocks);
        self.at = 0;
        self.block = Vec::new();
        // One that is there already comes too late as well: an input without end has an end.
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.late());
        }
        match blocks.recv_timeout(left) {
            Ok(block) => self.block = block?,
            Err(RecvTimeoutError::Timeout) => return Err(self.late()),
            // Its last word was the end.
            Err(RecvTimeoutError::Disconnected) => {}
        }
        Ok(())
    }

    fn late(&self) -> io::Error {
        self.stop.give_up_input();
        io::ErrorKind::TimedOut.into()
    }
}

impl Read for Stdin<'_> {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let Some(until) = self.stop.until() else { return io::stdin().lock().read(octets) };
        if self.at == self.block.len() {
            self.next(until)?;
        }
        let count = (&self.block[self.at..]).read(octets)?;
        self.at += count;
        Ok(count)
    }
}

/// Has a thread read ahead by one block.
fn blocks() -> Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = sync_channel(1);
    // It ends with the input, with whoever waits for it, or with the process.
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut block = vec![0; BLOCK_OCTETS];
            let read = input.read(&mut block).map(|count| {
                block.truncate(count);
                block
            });
            let is_over = read.as_ref().map_or(true, Vec::is_empty);
            if sender.send(read).is_err() || is_over {
                return;
            }
        }
    });
    receiver
}
