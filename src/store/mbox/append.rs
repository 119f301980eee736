//! Adds batches of messages to the end of an mbox file: all of a batch or none of it.
//!
//! Messages gather beside the file first, so that the locks are held only while whole
//! messages are copied, and never while a network is slow. Under the locks they are
//! appended and flushed; where that does not work, the file is cut back to the length it
//! had.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::index::{Entry, Index};
use super::writer::Writer;
use super::{Options, Variety, lock};
use crate::store::durable::{Durability, flush_folder_at, parent};
use crate::store::{Clock, Error, Id, Meta, Result, Sink, scratch};

/// Up to so many octets gather in memory, what is more in a file without a name.
const MEMORY_OCTETS: usize = 8 * 1024 * 1024;

/// Gathers messages and appends them to a file in one go.
pub struct Appender {
    path: PathBuf,
    options: Options,
    clock: Clock,
    writer: Writer<Scratch>,
    pending: usize,
}

impl Appender {
    pub(super) fn new(path: PathBuf, options: Options, clock: Clock) -> Self {
        let writer = Writer::new(Scratch::default(), options.line_ends, clock.clone());
        Self { path, options, clock, writer, pending: 0 }
    }

    /// Begins a message; one that is open is ended.
    ///
    /// # Errors
    /// The disk's, for scratch files.
    pub fn start(&mut self, meta: &Meta) -> Result<()> {
        self.close()?;
        let flags = meta.flags.clone().unwrap_or_default();
        self.writer.start(meta.received, &flags).map_err(Error::scratch)
    }

    /// The next octets of the message.
    ///
    /// # Errors
    /// As [`Appender::start`].
    pub fn write(&mut self, octets: &[u8]) -> Result<()> {
        self.writer.write(octets).map_err(Error::scratch)
    }

    /// The message is whole.
    ///
    /// # Errors
    /// As [`Appender::start`].
    pub fn close(&mut self) -> Result<()> {
        if self.writer.is_open() {
            self.writer.close().map_err(Error::scratch)?;
            self.pending += 1;
        }
        Ok(())
    }

    /// How many messages wait for the commit.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Appends what has gathered; the ids in order. When it answers, the messages are there
    /// to stay.
    ///
    /// Not cancel-safe: the batch is appended all the same, and nobody learns its ids.
    ///
    /// # Errors
    /// The file's, and `WouldBlock` when another program does not let go of its lock; then
    /// the file is as it was.
    pub async fn commit(&mut self) -> Result<Vec<Id>> {
        self.close()?;
        let fresh = Writer::new(Scratch::default(), self.options.line_ends, self.clock.clone());
        let writer = std::mem::replace(&mut self.writer, fresh);
        if std::mem::take(&mut self.pending) == 0 {
            return Ok(Vec::new());
        }
        let scratch = writer.finish().map_err(Error::scratch)?;
        let (path, options) = (self.path.clone(), self.options);
        match tokio::task::spawn_blocking(move || append(&path, options, scratch)).await {
            Ok(appended) => appended,
            Err(lost) => Err(Error::Unknown(format!("delivery to the mbox: {lost}"))),
        }
    }
}

#[async_trait(?Send)]
impl Sink for Appender {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.start(message)
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.write(octets)
    }

    async fn end(&mut self, _message: &Meta) -> Result<()> {
        self.close()
    }
}

/// Appends under the locks. It blocks.
fn append(path: &Path, options: Options, mut scratch: Scratch) -> Result<Vec<Id>> {
    let failed = |error| Error::file(path, error);
    let (file, _lock) = lock::open(path, true, options.create)?;
    let before = file.metadata().map_err(failed)?.len();
    let outcome = write_behind(&file, before, options.durability, &mut scratch);
    let first = match outcome {
        Ok(first) => first,
        Err(error) => {
            // What is no file keeps nothing that could be cut off.
            if file.metadata().is_ok_and(|it| !it.is_file()) {
                return Err(failed(error));
            }
            // A part of a message must not stay: the next one would be taken for its text.
            let cut = file.set_len(before).and_then(|()| file.sync_all());
            return Err(match cut {
                Ok(()) => failed(error),
                Err(worse) => Error::Unknown(format!(
                    "{}: {error}; what was written of it could not be cut off again: {worse}",
                    path.display()
                )),
            });
        }
    };
    if before == 0 && options.durability == Durability::Durable {
        // The file may be new.
        flush_folder_at(parent(path)).map_err(failed)?;
    }
    let added = Index::read(&file, path, Variety::Rd, first)?;
    Ok(added.entries.iter().map(Entry::id).collect())
}

/// Where the first new From_ line stands.
fn write_behind(
    file: &Arc<File>,
    before: u64,
    durability: Durability,
    scratch: &mut Scratch,
) -> io::Result<u64> {
    let gap = gap(file, before)?;
    let mut output = Arc::clone(file);
    output.seek(SeekFrom::Start(before))?;
    output.write_all(gap)?;
    scratch.copy_to(&mut output)?;
    if durability == Durability::Durable {
        file.sync_all()?;
    }
    Ok(before + gap.len() as u64)
}

/// What is missing before a From_ line can follow: the file may end without an empty line,
/// or in the middle of a line.
fn gap(file: &File, len: u64) -> io::Result<&'static [u8]> {
    let mut tail = [0; 4];
    let known = usize::try_from(len.min(4)).unwrap_or(4);
    file.read_exact_at(&mut tail[..known], len - known as u64)?;
    let tail = &tail[..known];
    let is_ready = tail.is_empty()
        || tail == b"\n"
        || tail == b"\r\n"
        || tail.ends_with(b"\n\n")
        || tail.ends_with(b"\n\r\n");
    Ok(match (is_ready, tail.ends_with(b"\n")) {
        (true, _) => b"",
        (false, true) => b"\n",
        (false, false) => b"\n\n",
    })
}

/// Octets that wait, in memory or in a file that has no name.
#[derive(Default)]
pub(super) struct Scratch {
    memory: Vec<u8>,
    file: Option<File>,
}

impl Scratch {
    fn copy_to(&mut self, output: &mut impl Write) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(0))?;
            let mut buffer = vec![0; crate::store::local::CHUNK_OCTETS];
            loop {
                let read = file.read(&mut buffer)?;
                if read == 0 {
                    break;
                }
                output.write_all(&buffer[..read])?;
            }
        }
        output.write_all(&self.memory)
    }
}

impl Write for Scratch {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.memory.len() + octets.len() > MEMORY_OCTETS {
            let mut file = match self.file.take() {
                Some(file) => file,
                None => scratch::nameless()?,
            };
            file.write_all(&self.memory)?;
            self.memory.clear();
            self.file = Some(file);
        }
        self.memory.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Dir;
    use super::*;

    #[test]
    fn the_file_is_cut_back_where_appending_does_not_succeed() {
        let dir = Dir::new();
        let path = dir.path().join("mbox");
        let before = "From a Thu Jan  1 00:00:00 1970\n\nno line end";
        std::fs::write(&path, before).expect("written");
        // A scratch file that cannot be read fails after the gap has been written.
        let unreadable = File::create(dir.path().join("scratch")).expect("made");
        let scratch = Scratch { memory: b"x".to_vec(), file: Some(unreadable) };
        let refused = append(&path, Options::default(), scratch);
        assert!(matches!(refused, Err(Error::File { .. })), "{refused:?}");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), before);
        assert!(!dir.path().join("mbox.lock").exists());
    }

    #[test]
    fn much_goes_through_a_file_without_a_name() {
        let mut scratch = Scratch::default();
        let piece = vec![b'x'; 1024 * 1024 + 1];
        for _ in 0..20 {
            scratch.write_all(&piece).expect("room");
            assert!(scratch.memory.len() <= MEMORY_OCTETS);
        }
        let mut all = Vec::new();
        scratch.copy_to(&mut all).expect("readable");
        assert_eq!(all.len(), 20 * piece.len());
    }
}
