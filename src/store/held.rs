//! Messages that wait between a source and a place that wants each of them whole: small ones
//! in memory, large ones in a file without a name.

use std::fs::File;
use std::os::unix::fs::FileExt;

use async_trait::async_trait;

use super::{Body, Error, Meta, Result, Source, scratch};
use crate::base::limits::INLINE_LITERAL_OCTETS;

/// One message, written once and read any number of times.
#[derive(Debug)]
pub struct Held {
    /// What its source said of it; `size` counts what has been written.
    pub meta: Meta,
    octets: u64,
    place: Place,
    /// Where reading has come to.
    at: u64,
}

#[derive(Debug)]
enum Place {
    Memory(Vec<u8>),
    File(File),
}

impl Held {
    /// A message without octets.
    pub fn new(meta: Meta) -> Self {
        Self { meta, octets: 0, place: Place::Memory(Vec::new()), at: 0 }
    }

    /// Adds octets at its end.
    ///
    /// # Errors
    /// The disk's, for a large message.
    pub fn write(&mut self, octets: &[u8]) -> Result<()> {
        if let Place::Memory(held) = &mut self.place {
            if held.len() + octets.len() <= INLINE_LITERAL_OCTETS {
                held.extend_from_slice(octets);
                self.octets += octets.len() as u64;
                self.meta.size = Some(self.octets);
                return Ok(());
            }
            let file = scratch::nameless().map_err(Error::scratch)?;
            file.write_all_at(held, 0).map_err(Error::scratch)?;
            self.place = Place::File(file);
        }
        if let Place::File(file) = &self.place {
            file.write_all_at(octets, self.octets).map_err(Error::scratch)?;
        }
        self.octets += octets.len() as u64;
        self.meta.size = Some(self.octets);
        Ok(())
    }

    /// Its first octets, `most` at the most.
    ///
    /// # Errors
    /// The disk's.
    pub fn start(&self, most: usize) -> Result<Vec<u8>> {
        match &self.place {
            Place::Memory(held) => Ok(held[..most.min(held.len())].to_vec()),
            Place::File(file) => {
                let wanted = usize::try_from(self.octets).unwrap_or(usize::MAX).min(most);
                let mut start = vec![0; wanted];
                file.read_exact_at(&mut start, 0).map_err(Error::scratch)?;
                Ok(start)
            }
        }
    }
}

/// All octets of a message.
pub enum Octets<'h> {
    /// They were in memory.
    Memory(&'h [u8]),
    /// They are in a file, mapped.
    Map(memmap2::Mmap),
}

impl std::ops::Deref for Octets<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Memory(octets) => octets,
            Self::Map(map) => map,
        }
    }
}

impl Held {
    /// Its octets, which take no memory where there are many.
    ///
    /// # Errors
    /// The disk's.
    pub fn octets(&self) -> Result<Octets<'_>> {
        Ok(match &self.place {
            Place::Memory(held) => Octets::Memory(held),
            Place::File(file) => {
                // SAFETY: the file has no name, so nobody else can change it, and it is not
                // written to while this borrow of it lives.
                let map = unsafe { memmap2::Mmap::map(file) };
                Octets::Map(map.map_err(Error::scratch)?)
            }
        })
    }
}

#[async_trait(?Send)]
impl Body for Held {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = match &self.place {
            Place::Memory(held) => {
                let from = usize::try_from(self.at).unwrap_or(usize::MAX).min(held.len());
                let count = buffer.len().min(held.len() - from);
                buffer[..count].copy_from_slice(&held[from..from + count]);
                count
            }
            Place::File(file) => file.read_at(buffer, self.at).map_err(Error::scratch)?,
        };
        self.at += count as u64;
        Ok(count)
    }

    fn len(&self) -> u64 {
        self.octets
    }

    fn rewind(&mut self) -> Result<()> {
        self.at = 0;
        Ok(())
    }
}

/// Several messages for [`super::Store::append`].
#[derive(Debug, Default)]
pub struct HeldBatch {
    messages: Vec<Held>,
    next: usize,
    octets: u64,
    /// What `body` gives before a message was announced.
    nothing: Option<Held>,
}

impl HeldBatch {
    /// Adds a message behind the others.
    pub fn push(&mut self, message: Held) {
        self.octets += message.octets;
        self.messages.push(message);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Octets of all of them.
    pub fn octets(&self) -> u64 {
        self.octets
    }
}

#[async_trait(?Send)]
impl Source for HeldBatch {
    async fn next(&mut self) -> Result<Option<Meta>> {
        let Some(message) = self.messages.get_mut(self.next) else { return Ok(None) };
        self.next += 1;
        message.rewind()?;
        Ok(Some(message.meta.clone()))
    }

    fn body(&mut self) -> &mut dyn Body {
        match self.messages.get_mut(self.next.wrapping_sub(1)) {
            Some(message) => message,
            None => self.nothing.get_or_insert_with(|| {
                let id = super::Id::new("");
                Held::new(Meta { id, size: Some(0), flags: None, received: None })
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Id;
    use crate::store::testing::run;

    fn held(octets: &[u8]) -> Held {
        let id = Id::new("1");
        let mut held = Held::new(Meta { id, size: None, flags: None, received: None });
        for piece in octets.chunks(10_000) {
            held.write(piece).expect("written");
        }
        held
    }

    async fn all(body: &mut dyn Body) -> Vec<u8> {
        let (mut octets, mut buffer) = (Vec::new(), [0; 777]);
        loop {
            match body.read(&mut buffer).await.expect("read") {
                0 => return octets,
                count => octets.extend_from_slice(&buffer[..count]),
            }
        }
    }

    #[test]
    fn small_and_large_messages_are_read_as_written() {
        let large: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        for octets in [&b""[..], b"a\r\n", &large] {
            let mut held = held(octets);
            assert_eq!(
                (held.len(), held.meta.size.unwrap_or(0)),
                (octets.len() as u64, octets.len() as u64)
            );
            assert_eq!(held.start(5).expect("read"), octets[..5.min(octets.len())]);
            assert_eq!(&*held.octets().expect("read"), octets);
            run(async {
                assert_eq!(all(&mut held).await, octets);
                held.rewind().expect("rewound");
                assert_eq!(all(&mut held).await, octets);
            });
        }
    }

    #[test]
    fn a_batch_gives_its_messages_in_order() {
        run(async {
            let mut batch = HeldBatch::default();
            assert_eq!(all(batch.body()).await, b"");
            batch.push(held(b"one"));
            batch.push(held(b"two"));
            assert_eq!((batch.len(), batch.octets()), (2, 6));
            for wanted in ["one", "two"] {
                assert_eq!(batch.next().await.expect("next").and_then(|it| it.size), Some(3));
                assert_eq!(all(batch.body()).await, wanted.as_bytes());
            }
            assert!(batch.next().await.expect("next").is_none());
        });
    }
}
