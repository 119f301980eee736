//! Literals of any size on their way in: small ones in memory, large ones in a file without
//! a name, so that a slow upload holds no memory.

use std::sync::Arc;

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::store::scratch;

/// Octets of literals that one command may hold in memory before they go to a file.
const MEMORY_OCTETS: u64 = 1024 * 1024;

/// A literal that is being read.
#[derive(Debug)]
pub(super) enum Spool {
    /// In memory.
    Memory(Vec<u8>),
    /// In a file.
    File { file: Box<File>, octets: u64 },
}

impl Spool {
    /// A place for a literal of `octets`, of a command that holds `held` octets already.
    ///
    /// # Errors
    /// The file system's.
    pub fn new(octets: u64, held: u64) -> std::io::Result<Self> {
        if held.saturating_add(octets) <= MEMORY_OCTETS {
            let capacity = usize::try_from(octets).unwrap_or(0);
            return Ok(Self::Memory(Vec::with_capacity(capacity)));
        }
        let file = Box::new(File::from_std(scratch::nameless()?));
        Ok(Self::File { file, octets: 0 })
    }

    /// Octets that are in memory.
    pub fn held(&self) -> u64 {
        match self {
            Self::Memory(octets) => octets.len() as u64,
            Self::File { .. } => 0,
        }
    }

    /// Adds octets.
    ///
    /// # Errors
    /// The file system's.
    pub async fn write(&mut self, octets: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Memory(held) => held.extend_from_slice(octets),
            Self::File { file, octets: len } => {
                file.write_all(octets).await?;
                *len += octets.len() as u64;
            }
        }
        Ok(())
    }

    /// The whole literal.
    ///
    /// # Errors
    /// The file system's.
    pub async fn finish(self) -> std::io::Result<Arc<[u8]>> {
        match self {
            Self::Memory(octets) => Ok(octets.into()),
            Self::File { mut file, octets } => {
                file.flush().await?;
                file.rewind().await?;
                let len = usize::try_from(octets).map_err(std::io::Error::other)?;
                let mut octets: Arc<[u8]> = std::iter::repeat_n(0, len).collect();
                if let Some(octets) = Arc::get_mut(&mut octets) {
                    file.read_exact(octets).await?;
                }
                Ok(octets)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            for (len, in_memory) in [(10_usize, true), (3 * 1024 * 1024, false)] {
                let octets: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
                let mut spool = Spool::new(len as u64, 0).expect("a place");
                assert_eq!(matches!(spool, Spool::Memory(_)), in_memory);
                for chunk in octets.chunks(100_000) {
                    spool.write(chunk).await.expect("room");
                }
                assert_eq!(*spool.finish().await.expect("there"), *octets);
            }
            let full = Spool::new(10, MEMORY_OCTETS).expect("a place");
            assert!(matches!(full, Spool::File { .. }));
        });
    }
}
