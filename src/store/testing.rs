//! What the stores' own tests share: a runtime, a source and a sink in memory, and a folder
//! that goes away with the test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use super::{Body, Flags, Id, Meta, Received, Result, Sink, Source};

/// Runs a future to its end on a runtime of its own.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts")
        .block_on(future)
}

/// Messages to append.
pub struct Given {
    messages: Vec<(Meta, Vec<u8>)>,
    next: usize,
    read: usize,
}

impl Given {
    /// Messages without flags and dates.
    pub fn new(bodies: &[&[u8]]) -> Self {
        let messages = bodies.iter().map(|body| (meta(body, None, None), body.to_vec())).collect();
        Self { messages, next: 0, read: 0 }
    }

    /// One message with flags and a date.
    pub fn one(body: &[u8], flags: &[&str], seconds: i64) -> Self {
        let flags: Flags = flags.iter().collect();
        let received = Received { seconds, offset_seconds: 0 };
        let messages = vec![(meta(body, Some(flags), Some(received)), body.to_vec())];
        Self { messages, next: 0, read: 0 }
    }
}

fn meta(body: &[u8], flags: Option<Flags>, received: Option<Received>) -> Meta {
    Meta { id: Id::new(""), size: Some(body.len() as u64), flags, received }
}

#[async_trait(?Send)]
impl Source for Given {
    async fn next(&mut self) -> Result<Option<Meta>> {
        self.read = 0;
        let next = self.messages.get(self.next).map(|(meta, _)| meta.clone());
        self.next += 1;
        Ok(next)
    }

    fn body(&mut self) -> &mut dyn Body {
        self
    }
}

#[async_trait(?Send)]
impl Body for Given {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let rest = &self.messages[self.next - 1].1[self.read..];
        let taken = rest.len().min(buffer.len()).min(1_009);
        buffer[..taken].copy_from_slice(&rest[..taken]);
        self.read += taken;
        Ok(taken)
    }

    fn len(&self) -> u64 {
        self.messages[self.next - 1].1.len() as u64
    }

    fn rewind(&mut self) -> Result<()> {
        self.read = 0;
        Ok(())
    }
}

/// Keeps all that a spool pushes.
#[derive(Default)]
pub struct Collected {
    /// Every whole message with its metadata.
    pub messages: Vec<(Meta, Vec<u8>)>,
    open: Option<Vec<u8>>,
}

impl Collected {
    /// The bodies alone.
    pub fn bodies(&self) -> Vec<&[u8]> {
        self.messages.iter().map(|(_, body)| body.as_slice()).collect()
    }
}

#[async_trait(?Send)]
impl Sink for Collected {
    async fn begin(&mut self, _message: &Meta) -> Result<()> {
        assert!(self.open.is_none(), "messages do not interleave");
        self.open = Some(Vec::new());
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.open.as_mut().expect("a message was begun").extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        let body = self.open.take().expect("a message was begun");
        if let Some(size) = message.size {
            assert_eq!(size, body.len() as u64, "the size announced is the size given");
        }
        self.messages.push((message.clone(), body));
        Ok(())
    }
}

/// A folder of its own below the system's temporary one; gone when dropped.
pub struct Dir(PathBuf);

impl Dir {
    /// A new, empty one.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pillarbox-stores-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("the temporary folder can be written");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // A leftover in the temporary folder is no reason to fail a test.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Real messages with their paths, at most 300 of at most 256 KiB: the folder named by
/// `PILLARBOX_CORPUS`, else the one beside the repository; a printed skip when there is none.
pub fn corpus(test: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let named = std::env::var_os("PILLARBOX_CORPUS").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let mut folders = vec![named.unwrap_or_else(beside)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if found.len() < 300
                && let Ok(octets) = std::fs::read(&path)
                && octets.len() <= 256 * 1024
            {
                found.push((path, octets));
            }
        }
    }
    if found.is_empty() {
        println!("skipped: no corpus for {test} (set PILLARBOX_CORPUS)");
    }
    found
}
