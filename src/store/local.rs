//! What the stores on the local disk share: pushing a file's octets into a sink, and time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::part::{cut, find_header_end};
use super::{Error, Meta, Received, Result, Sink, What};

/// How much is read and pushed at once, in octets.
pub(super) const CHUNK_OCTETS: usize = 256 * 1024;

/// A larger message is mapped into memory where a part of it is wanted, so that the system
/// can drop its pages; a smaller one is read.
const MAP_ABOVE_OCTETS: u64 = 8 * 1024 * 1024;

/// Pushes `what` of a message that is a whole file. `meta` is what is known of it; its size
/// is set here. `buffer` is room for [`CHUNK_OCTETS`], to be used again.
///
/// # Errors
/// The file's and the sink's; [`Error::Format`] when the file became shorter meanwhile.
pub(super) async fn push_file(
    path: &Path,
    file: &mut File,
    mut meta: Meta,
    what: &What,
    sink: &mut dyn Sink,
    buffer: &mut Vec<u8>,
) -> Result<()> {
    let len = file.metadata().map_err(|error| Error::file(path, error))?.len();
    let (offset, count) = match what {
        What::Whole => (0, len),
        What::Partial { section, offset, octets } if section.is_empty() => {
            let start = (*offset).min(len);
            (start, octets.unwrap_or(u64::MAX).min(len - start))
        }
        What::Headers | What::HeaderFields(_) => {
            let head = read_header(file).map_err(|error| Error::file(path, error))?;
            return push_octets(&cut(&head, what)?, meta, sink).await;
        }
        What::Section(_) | What::Partial { .. } if len > MAP_ABOVE_OCTETS => {
            // SAFETY: the mapping is read only. A message file is never changed in place:
            // every program that keeps to the formats writes a new file instead, and the old
            // one lives as long as it is open here.
            let map = unsafe { memmap2::Mmap::map(&*file) };
            let map = map.map_err(|error| Error::file(path, error))?;
            return push_octets(&cut(&map, what)?, meta, sink).await;
        }
        What::Section(_) | What::Partial { .. } => {
            let mut octets = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
            file.read_to_end(&mut octets).map_err(|error| Error::file(path, error))?;
            return push_octets(&cut(&octets, what)?, meta, sink).await;
        }
    };
    if offset > 0 {
        file.seek(SeekFrom::Start(offset)).map_err(|error| Error::file(path, error))?;
    }
    meta.size = Some(count);
    buffer.resize(CHUNK_OCTETS, 0);
    sink.begin(&meta).await?;
    let mut left = count;
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = read_some(file, &mut buffer[..room]).map_err(|e| Error::file(path, e))?;
        if read == 0 {
            return Err(Error::Format {
                path: path.display().to_string(),
                offset: offset + count - left,
                reason: "the file became shorter while it was read",
            });
        }
        sink.chunk(&buffer[..read]).await?;
        left -= read as u64;
    }
    sink.end(&meta).await
}

/// Pushes octets that are in memory.
pub(super) async fn push_octets(octets: &[u8], mut meta: Meta, sink: &mut dyn Sink) -> Result<()> {
    meta.size = Some(octets.len() as u64);
    sink.begin(&meta).await?;
    for chunk in octets.chunks(CHUNK_OCTETS) {
        sink.chunk(chunk).await?;
    }
    sink.end(&meta).await
}

/// The next octets; 0 is the end.
pub(super) fn read_some(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// The start of a file, at least its header block with the empty line; the whole file where
/// there is no empty line.
fn read_header(file: &mut File) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let mut step = 16 * 1024;
    loop {
        let before = octets.len();
        file.by_ref().take(step).read_to_end(&mut octets)?;
        // The empty line's two line ends may lie on both sides of the seam.
        let seam = before.saturating_sub(3);
        let ended = if before == 0 {
            find_header_end(&octets).is_some()
        } else {
            octets[seam..].windows(2).any(|pair| pair == b"\n\n")
                || octets[seam..].windows(3).any(|three| three == b"\n\r\n")
        };
        if ended || octets.len() == before {
            return Ok(octets);
        }
        step = 256 * 1024;
    }
}

/// When a file was last written, which is when a message was received.
pub(super) fn received(metadata: &std::fs::Metadata) -> Received {
    Received { seconds: metadata.mtime(), offset_seconds: 0 }
}

/// A point in time as the system has it; `None` where it cannot be told.
pub(super) fn system_time(seconds: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

/// Seconds since 1970 of a point in time.
pub(super) fn seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| -s),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Collected, Dir, run};
    use super::super::{Flags, Id};
    use super::*;

    fn pushed(octets: &[u8], what: &What) -> Vec<u8> {
        let dir = Dir::new();
        let path = dir.path().join("m");
        std::fs::write(&path, octets).expect("written");
        let mut file = File::open(&path).expect("there");
        let meta = Meta { id: Id::new("m"), size: None, flags: Some(Flags::new()), received: None };
        let mut sink = Collected::default();
        let mut buffer = Vec::new();
        run(push_file(&path, &mut file, meta, what, &mut sink, &mut buffer)).expect("pushed");
        sink.messages.remove(0).1
    }

    #[test]
    fn large_and_small_parts() {
        let mut octets = b"Subject: x\n".to_vec();
        octets.resize(octets.len() + 40_000, b'h');
        octets.extend_from_slice(b": y\n\n");
        let header = octets.len();
        octets.resize(octets.len() + 9_000_000, b'b');
        assert_eq!(pushed(&octets, &What::Whole), octets);
        assert_eq!(pushed(&octets, &What::Headers), octets[..header]);
        assert_eq!(pushed(&octets, &What::Section("TEXT".into())), octets[header..]);
        let part = |section: &str, offset, count| {
            let octets_wanted = Some(count);
            let what = What::Partial { section: section.into(), offset, octets: octets_wanted };
            pushed(&octets, &what)
        };
        assert_eq!(part("", 8_999_990, 5), b"bbbbb");
        assert_eq!(part("", 99_999_999, 5), b"");
        assert_eq!(part("HEADER", 0, 7), b"Subject");
        assert_eq!(pushed(b"", &What::Whole), b"");
        assert_eq!(pushed(b"no end", &What::Headers), b"no end");
    }

    #[test]
    fn the_empty_line_is_found_across_the_seam() {
        for len in 16 * 1024 - 4..=16 * 1024 + 1 {
            for end in ["\n\n", "\r\n\r\n"] {
                let mut octets = vec![b'h'; len];
                octets.extend_from_slice(end.as_bytes());
                let header = octets.len();
                octets.resize(octets.len() + 600_000, b'b');
                assert_eq!(pushed(&octets, &What::Headers), octets[..header], "{len} {end:?}");
            }
        }
    }

    #[test]
    fn time_goes_both_ways() {
        for time in [0, 1, -1, 1_700_000_000, -1_000_000] {
            assert_eq!(system_time(time).map(seconds), Some(time));
        }
    }
}
