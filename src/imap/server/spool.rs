//! Literals of any size on their way in: small ones in memory, large ones in a file without
//! a name, so that a slow upload holds no memory.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// Octets of literals that one command may hold in memory before they go to a file.
const MEMORY_OCTETS: u64 = 1024 * 1024;

/// Numbers the files of this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A literal that is being read.
#[derive(Debug)]
pub(super) enum Spool {
    /// In memory.
    Memory(Vec<u8>),
    /// In a file.
    File(Box<TemporaryFile>),
}

/// A file that goes when it is dropped.
#[derive(Debug)]
pub(super) struct TemporaryFile {
    file: File,
    /// Where the file still has a name: on systems where one that is open cannot be removed.
    path: Option<PathBuf>,
    octets: u64,
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // A file that is left behind in the folder for such files harms nobody.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl TemporaryFile {
    async fn create() -> std::io::Result<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 8];
        crate::sasl::system_random(&mut random);
        let name = format!(
            "pillarbox-{}-{number}-{:016x}",
            std::process::id(),
            u64::from_be_bytes(random)
        );
        let path = std::env::temp_dir().join(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.open(&path).await?;
        let path = match tokio::fs::remove_file(&path).await {
            Ok(()) => None,
            Err(_) => Some(path),
        };
        Ok(Self { file, path, octets: 0 })
    }
}

impl Spool {
    /// A place for a literal of `octets`, of a command that holds `held` octets already.
    ///
    /// # Errors
    /// The file system's.
    pub async fn new(octets: u64, held: u64) -> std::io::Result<Self> {
        if held.saturating_add(octets) <= MEMORY_OCTETS {
            let capacity = usize::try_from(octets).unwrap_or(0);
            return Ok(Self::Memory(Vec::with_capacity(capacity)));
        }
        Ok(Self::File(Box::new(TemporaryFile::create().await?)))
    }

    /// Octets that are in memory.
    pub fn held(&self) -> u64 {
        match self {
            Self::Memory(octets) => octets.len() as u64,
            Self::File(_) => 0,
        }
    }

    /// Adds octets.
    ///
    /// # Errors
    /// The file system's.
    pub async fn write(&mut self, octets: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Memory(held) => held.extend_from_slice(octets),
            Self::File(file) => {
                file.file.write_all(octets).await?;
                file.octets += octets.len() as u64;
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
            Self::File(mut file) => {
                file.file.flush().await?;
                file.file.rewind().await?;
                let len = usize::try_from(file.octets).map_err(std::io::Error::other)?;
                let mut octets: Arc<[u8]> = std::iter::repeat_n(0, len).collect();
                if let Some(octets) = Arc::get_mut(&mut octets) {
                    file.file.read_exact(octets).await?;
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
                let mut spool = Spool::new(len as u64, 0).await.expect("a place");
                assert_eq!(matches!(spool, Spool::Memory(_)), in_memory);
                for chunk in octets.chunks(100_000) {
                    spool.write(chunk).await.expect("room");
                }
                assert_eq!(*spool.finish().await.expect("there"), *octets);
            }
            let full = Spool::new(10, MEMORY_OCTETS).await.expect("a place");
            assert!(matches!(full, Spool::File(_)));
        });
    }
}
