//! A message while it comes in: in memory while small, in a file without a name above that.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};

use async_trait::async_trait;

use crate::base::limits;
use crate::store::{self, Body, scratch};

/// The octets of one message, with CRLF line ends as they came.
#[derive(Debug, Default)]
pub struct Message {
    /// All of it while there is no file; else what is not written yet.
    memory: Vec<u8>,
    file: Option<File>,
    /// Octets in all.
    octets: u64,
    /// Where reading has come.
    at: u64,
}

impl Message {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A message that is in memory already.
    pub fn from_octets(octets: Vec<u8>) -> Self {
        Self { octets: octets.len() as u64, memory: octets, file: None, at: 0 }
    }

    /// The buffer that the next octets are decoded to; [`Message::settle`] has to follow.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.memory
    }

    /// Counts what was put into the buffer, and writes it to the file when it is much.
    ///
    /// # Errors
    /// The file's.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        let written = self.written();
        self.octets = written + self.memory.len() as u64;
        if self.memory.len() > limits::INLINE_LITERAL_OCTETS {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(scratch::nameless()?),
            };
            file.write_all(&self.memory)?;
            self.memory.clear();
            self.at = self.octets;
        }
        Ok(())
    }

    /// Octets in the file. While a message comes in, `at` counts them.
    fn written(&self) -> u64 {
        if self.file.is_some() { self.at } else { 0 }
    }

    /// Ends the coming in: all octets are in one place, and reading begins at the first.
    ///
    /// # Errors
    /// The file's.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.write_all(&self.memory)?;
            self.memory = Vec::new();
            file.rewind()?;
        }
        self.at = 0;
        Ok(())
    }

    /// Octets in all.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// The whole message where it is in memory: up to 64 KiB, and some.
    pub fn in_memory(&self) -> Option<&[u8]> {
        self.file.is_none().then_some(&self.memory)
    }

    /// The whole message, read to memory if it is not there.
    ///
    /// # Errors
    /// The file's.
    pub fn into_octets(self) -> io::Result<Vec<u8>> {
        let Some(mut file) = self.file else { return Ok(self.memory) };
        let mut octets = Vec::with_capacity(usize::try_from(self.octets).unwrap_or(0));
        file.rewind()?;
        file.read_to_end(&mut octets)?;
        Ok(octets)
    }
}

#[async_trait(?Send)]
impl Body for Message {
    async fn read(&mut self, buffer: &mut [u8]) -> store::Result<usize> {
        let count = match &mut self.file {
            Some(file) => file.read(buffer).map_err(broken)?,
            None => {
                let rest = &self.memory[usize::try_from(self.at).unwrap_or(self.memory.len())..];
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                count
            }
        };
        self.at += count as u64;
        Ok(count)
    }

    fn len(&self) -> u64 {
        self.octets
    }

    fn rewind(&mut self) -> store::Result<()> {
        self.at = 0;
        match &mut self.file {
            Some(file) => file.rewind().map_err(broken),
            None => Ok(()),
        }
    }
}

fn broken(source: io::Error) -> store::Error {
    store::Error::File { path: "spooled message".into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(message: &mut Message) -> Vec<u8> {
        let (mut all, mut buffer) = (Vec::new(), [0; 1000]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        runtime.block_on(async {
            loop {
                match message.read(&mut buffer).await.expect("reads") {
                    0 => return,
                    count => all.extend_from_slice(&buffer[..count]),
                }
            }
        });
        all
    }

    #[test]
    fn small_and_large_messages_are_read_as_they_came() {
        for pieces in [0, 1, 20, 200] {
            let mut message = Message::new();
            let mut wanted = Vec::new();
            for number in 0..pieces {
                let piece = format!("{number:0999}\n").into_bytes();
                message.buffer().extend_from_slice(&piece);
                wanted.extend_from_slice(&piece);
                message.settle().expect("settles");
                assert_eq!(message.octets(), wanted.len() as u64);
            }
            message.finish().expect("finishes");
            assert_eq!(message.in_memory().is_some(), pieces < 66);
            assert_eq!(read_all(&mut message), wanted);
            message.rewind().expect("rewinds");
            assert_eq!(read_all(&mut message), wanted);
            assert_eq!(message.len(), wanted.len() as u64);
            assert_eq!(message.into_octets().expect("reads"), wanted);
        }
    }
}
