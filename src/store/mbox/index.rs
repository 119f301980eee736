//! Where the messages of an mbox file stand, and what is known of them without their bodies.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use super::reader::{Head, Lengths, Reader, Treatment, Unquote, Variety, is_from_line};
use crate::store::{Error, Flags, Id, Received, Result};

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// Whether both are the same file, whatever is in it.
    pub(super) fn is_same_file(&self, other: &Stamp) -> bool {
        self.device == other.device && self.inode == other.inode
    }
}

/// One message of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where its From_ line stands.
    pub offset: u64,
    /// Where the message itself begins.
    pub start: u64,
    /// Where it ends, without the empty line behind it.
    pub end: u64,
    /// Octets as they are read: without status fields, unquoted.
    pub octets: u64,
    /// How its lines are read.
    pub unquote: Unquote,
    pub flags: Flags,
    pub received: Option<Received>,
    pub digest: String,
}

impl Entry {
    pub(super) fn id(&self) -> Id {
        Id::new(format!("offset={};digest={}", self.offset, self.digest))
    }

    pub(super) fn treatment(&self) -> Treatment {
        Treatment { unquote: self.unquote, hide_status: true }
    }
}

/// All messages of one state of a file.
#[derive(Debug, Clone)]
pub(super) struct Index {
    pub stamp: Stamp,
    pub entries: Vec<Entry>,
    by_digest: HashMap<String, Vec<usize>>,
}

impl Index {
    /// Reads the file from `from`, which is its start or a From_ line.
    pub(super) fn read(file: &Arc<File>, path: &Path, variety: Variety, from: u64) -> Result<Self> {
        let failed = |error| Error::file(path, error);
        let stamp = Stamp::of(&file.metadata().map_err(failed)?);
        let mut input = Arc::clone(file);
        input.seek(SeekFrom::Start(from)).map_err(failed)?;
        let mut reader = reader(input, path, variety, from, stamp.len);
        let mut entries = Vec::new();
        let mut by_digest: HashMap<String, Vec<usize>> = HashMap::new();
        let mut passed = Vec::new();
        while let Some(head) = reader.next_message()? {
            while reader.read(&mut passed)? {
                passed.clear();
            }
            let entry = entry(head, &mut reader, variety);
            by_digest.entry(entry.digest.clone()).or_default().push(entries.len());
            entries.push(entry);
        }
        Ok(Self { stamp, entries, by_digest })
    }

    /// The message that an id names: at its offset if its digest is there too, else the
    /// only one of its digest, which has another place since the file was rewritten.
    pub(super) fn find(&self, id: &Id) -> Option<usize> {
        let (offset, digest) = parse_id(id)?;
        let at = self.entries.binary_search_by_key(&offset, |entry| entry.offset).ok();
        let Some(digest) = digest else { return at };
        if let Some(at) = at.filter(|at| self.entries[*at].digest == digest) {
            return Some(at);
        }
        match self.by_digest.get(digest).map(Vec::as_slice) {
            Some([only]) => Some(*only),
            _ => None,
        }
    }
}

/// `offset=N;digest=HEX` or `offset=N`.
fn parse_id(id: &Id) -> Option<(u64, Option<&str>)> {
    let rest = id.0.strip_prefix("offset=")?;
    match rest.split_once(";digest=") {
        Some((offset, digest)) => Some((offset.parse().ok()?, Some(digest))),
        None => Some((rest.parse().ok()?, None)),
    }
}

fn reader(
    input: Arc<File>,
    path: &Path,
    variety: Variety,
    from: u64,
    len: u64,
) -> Reader<Arc<File>> {
    let unquote = match variety {
        Variety::Auto | Variety::Rd | Variety::Cl => Unquote::Rd,
        Variety::O => Unquote::O,
        Variety::Cl2 => Unquote::Nothing,
    };
    let lengths = match variety {
        Variety::Rd | Variety::O => Lengths::Ignored,
        Variety::Auto | Variety::Cl | Variety::Cl2 => {
            let file = Arc::clone(&input);
            Lengths::Checked(Box::new(move |end| is_end(&file, end, len)))
        }
    };
    let treatment = Treatment { unquote, hide_status: true };
    Reader::with(input, from, treatment, lengths, &path.display().to_string())
}

/// Whether a message can end at an offset: the end of the file is there or a From_ line,
/// behind an empty line or not.
fn is_end(file: &File, end: u64, len: u64) -> bool {
    if end >= len {
        return end == len;
    }
    let mut buffer = [0; 1024];
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], end + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
    let mut rest = &buffer[..filled];
    // The end of the last line, where the length does not count it, and the empty line.
    for _ in 0..2 {
        rest = rest.strip_prefix(b"\r\n").or(rest.strip_prefix(b"\n")).unwrap_or(rest);
    }
    let line = memchr::memchr(b'\n', rest).map_or(rest, |at| &rest[..=at]);
    is_from_line(line) || (rest.is_empty() && end + filled as u64 == len)
}

fn entry(head: Head, reader: &mut Reader<Arc<File>>, variety: Variety) -> Entry {
    let facts = reader.facts();
    // A bare From_ line within a length that proved right: nothing was ever quoted here.
    let is_cl2 = variety == Variety::Auto && facts.has_bare_from;
    let unquote = match variety {
        Variety::O => Unquote::O,
        Variety::Cl2 => Unquote::Nothing,
        _ if is_cl2 => Unquote::Nothing,
        _ => Unquote::Rd,
    };
    Entry {
        offset: head.offset,
        start: facts.start,
        end: facts.end,
        octets: facts.octets + if is_cl2 { facts.unquoted } else { 0 },
        unquote,
        flags: facts.flags,
        received: head.received,
        digest: facts.digest,
    }
}
