//! Messages between the store that they are read from and the one that they go to: small
//! ones in memory, the rest in one unnamed file, so that memory does not grow with the size
//! of a message or a mailbox.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use async_trait::async_trait;

use super::digest::{Content, Digester};
use crate::base::limits::INLINE_LITERAL_OCTETS;
use crate::store::{Body, Error, Flags, Meta, Result, Sink, Source, scratch};

/// Octets of a batch that stay in memory; small messages beyond it go to the file too.
const MEMORY_OCTETS: usize = 8 * 1024 * 1024;

/// One message that was read whole.
pub struct Spooled {
    /// What its source said of it.
    pub meta: Meta,
    /// Its digests.
    pub content: Content,
    /// The word that its copy carries in its name.
    pub token: Option<String>,
    octets: u64,
    place: Place,
}

impl Spooled {
    /// Its octets.
    pub fn octets(&self) -> u64 {
        self.octets
    }
}

enum Place {
    Memory(Vec<u8>),
    File { offset: u64 },
}

/// The message that is coming in.
struct Open {
    digester: Digester,
    octets: u64,
    place: Place,
}

/// Messages of one batch.
#[derive(Default)]
pub struct Batch {
    messages: Vec<Spooled>,
    open: Option<Open>,
    memory_octets: usize,
    file: Option<File>,
    file_octets: u64,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("messages", &self.messages.len()).finish_non_exhaustive()
    }
}

impl Batch {
    /// The messages, in the order in which they came.
    pub fn messages(&self) -> &[Spooled] {
        &self.messages
    }

    /// Gives each message the flags that it shall have; leaves out the messages for which
    /// `flags` says `None`.
    pub fn set_flags(&mut self, mut flags: impl FnMut(&Meta) -> Option<Flags>) {
        self.messages.retain_mut(|message| {
            let flags = flags(&message.meta);
            let is_wanted = flags.is_some();
            message.meta.flags = flags;
            is_wanted
        });
    }

    /// Gives each message, in order, the word that its copy carries in its name.
    pub fn set_tokens(&mut self, tokens: impl Iterator<Item = Option<String>>) {
        for (message, token) in self.messages.iter_mut().zip(tokens) {
            message.token = token;
        }
    }

    /// The messages for [`crate::store::Store::append`], from the first.
    pub fn source(&self) -> BatchSource<'_> {
        BatchSource { batch: self, next: 0, end: self.messages.len(), position: 0 }
    }

    /// Only the message at this place.
    pub fn one(&self, at: usize) -> BatchSource<'_> {
        BatchSource { batch: self, next: at, end: at + 1, position: 0 }
    }

    /// Writes to the end of the file.
    fn spill(&mut self, octets: &[u8]) -> Result<()> {
        if self.file.is_none() {
            self.file = Some(scratch::nameless().map_err(Error::scratch)?);
        }
        if let Some(file) = &self.file {
            file.write_all_at(octets, self.file_octets).map_err(Error::scratch)?;
        }
        self.file_octets += octets.len() as u64;
        Ok(())
    }
}

#[async_trait(?Send)]
impl Sink for Batch {
    async fn begin(&mut self, _message: &Meta) -> Result<()> {
        let place = Place::Memory(Vec::new());
        self.open = Some(Open { digester: Digester::new(), octets: 0, place });
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        let Some(mut open) = self.open.take() else { return Err(disorder()) };
        open.digester.update(octets);
        open.octets += octets.len() as u64;
        if let Place::Memory(held) = &mut open.place {
            let fits = held.len() + octets.len() <= INLINE_LITERAL_OCTETS
                && self.memory_octets + held.len() + octets.len() <= MEMORY_OCTETS;
            if fits {
                held.extend_from_slice(octets);
            } else {
                let held = std::mem::take(held);
                open.place = Place::File { offset: self.file_octets };
                self.spill(&held)?;
                self.spill(octets)?;
            }
        } else {
            self.spill(octets)?;
        }
        self.open = Some(open);
        Ok(())
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        let Some(open) = self.open.take() else { return Err(disorder()) };
        if let Place::Memory(held) = &open.place {
            self.memory_octets += held.len();
        }
        let mut meta = message.clone();
        meta.size = Some(open.octets);
        let content = open.digester.finish();
        self.messages.push(Spooled {
            meta,
            content,
            token: None,
            octets: open.octets,
            place: open.place,
        });
        Ok(())
    }
}

/// A batch being read.
pub struct BatchSource<'a> {
    batch: &'a Batch,
    /// Number of messages that were announced; the last of them is the current one.
    next: usize,
    /// Behind the last that is given.
    end: usize,
    position: u64,
}

impl BatchSource<'_> {
    fn current(&self) -> Option<&Spooled> {
        self.batch.messages.get(self.next.checked_sub(1)?)
    }
}

#[async_trait(?Send)]
impl Source for BatchSource<'_> {
    async fn next(&mut self) -> Result<Option<Meta>> {
        let message = self.batch.messages.get(self.next).filter(|_| self.next < self.end);
        let meta = message.map(|message| message.meta.clone());
        if meta.is_some() {
            self.next += 1;
        }
        self.position = 0;
        Ok(meta)
    }

    fn body(&mut self) -> &mut dyn Body {
        self
    }

    fn token(&self) -> Option<String> {
        self.current()?.token.clone()
    }
}

#[async_trait(?Send)]
impl Body for BatchSource<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let Some(message) = self.current() else { return Ok(0) };
        let left = message.octets.saturating_sub(self.position);
        let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = match (&message.place, &self.batch.file) {
            (Place::Memory(held), _) => {
                let from = usize::try_from(self.position).unwrap_or(held.len());
                buffer[..wanted].copy_from_slice(&held[from..from + wanted]);
                wanted
            }
            (Place::File { offset }, Some(file)) => file
                .read_at(&mut buffer[..wanted], offset + self.position)
                .map_err(Error::scratch)?,
            (Place::File { .. }, None) => return Err(disorder()),
        };
        if read == 0 && wanted > 0 {
            return Err(Error::scratch(io::ErrorKind::UnexpectedEof.into()));
        }
        self.position += read as u64;
        Ok(read)
    }

    fn len(&self) -> u64 {
        self.current().map_or(0, Spooled::octets)
    }

    fn rewind(&mut self) -> Result<()> {
        self.position = 0;
        Ok(())
    }
}

/// A store that pushes octets outside of a message.
fn disorder() -> Error {
    Error::Caller("octets came that belong to no message".into())
}

#[cfg(test)]
mod tests {
    use super::super::tests::run;
    use super::*;
    use crate::store::Id;

    fn meta(name: &str) -> Meta {
        Meta { id: Id::new(name), size: None, flags: None, received: None }
    }

    async fn read_all(body: &mut dyn Body) -> Vec<u8> {
        let mut octets = Vec::new();
        let mut buffer = [0; 1000];
        loop {
            match body.read(&mut buffer).await.expect("readable") {
                0 => return octets,
                read => octets.extend_from_slice(&buffer[..read]),
            }
        }
    }

    #[test]
    fn small_and_large_come_out_as_they_went_in() {
        run(async {
            let large: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
            let bodies: [&[u8]; 4] = [b"small", &large, b"", &large[..70_000]];
            let mut batch = Batch::default();
            for (at, body) in bodies.iter().enumerate() {
                let meta = meta(&at.to_string());
                batch.begin(&meta).await.expect("begun");
                for chunk in body.chunks(999) {
                    batch.chunk(chunk).await.expect("taken");
                }
                batch.end(&meta).await.expect("ended");
            }
            assert!(matches!(batch.messages[0].place, Place::Memory(_)));
            assert!(matches!(batch.messages[1].place, Place::File { offset: 0 }));
            assert!(batch.file.is_some());
            batch.set_flags(|meta| (&*meta.id.0 != "0").then(|| ["\\Seen"].iter().collect()));
            let mut source = batch.source();
            for body in &bodies[1..] {
                let meta = source.next().await.expect("no error").expect("one more");
                assert_eq!(meta.size, Some(body.len() as u64));
                assert!(meta.flags.expect("given").has("\\Seen"));
                for _ in 0..2 {
                    source.body().rewind().expect("possible");
                    assert_eq!(source.body().len(), body.len() as u64);
                    assert_eq!(read_all(source.body()).await, *body);
                }
            }
            assert_eq!(source.next().await.expect("no error"), None);
        });
    }

    #[test]
    fn a_message_that_broke_off_is_not_there() {
        run(async {
            let mut batch = Batch::default();
            batch.begin(&meta("1")).await.expect("begun");
            batch.chunk(b"half").await.expect("taken");
            batch.begin(&meta("2")).await.expect("begun");
            batch.end(&meta("2")).await.expect("ended");
            assert_eq!(batch.messages().len(), 1);
            assert!(batch.chunk(b"stray").await.is_err());
        });
    }
}
