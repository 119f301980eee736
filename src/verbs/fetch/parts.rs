//! Giants that did not come whole: what has come of them is kept, so that the next run asks for
//! the rest alone (RFC 9051 section 6.4.5, `<partial>`).
//!
//! A file for each message, named by a digest of where the message is; it goes when the message
//! is whole, and when nobody has come back for it in a week. It is of use only where a source
//! gives a message from its middle: POP3 and NNTP cannot.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;

use crate::message::digest::Digester;
use crate::state;
use crate::store::{Id, What};

/// Messages from this size are kept track of, in octets; those below come anew as fast.
const GIANT_OCTETS: u64 = 16 * 1024 * 1024;

/// How long a part waits for somebody to go on with it.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Before the octets: what this is, and how many the whole message has.
const HEAD: &[u8; 8] = b"PBPART1\n";
const HEAD_OCTETS: u64 = 16;

/// Octets at the end of a part that are asked for again, to see that they are the message's.
pub const PROOF_OCTETS: u64 = 4096;

/// The folder of parts.
pub struct Parts {
    folder: PathBuf,
    /// What the messages of this run are named with: their folder, and what is asked of them.
    place: String,
    /// There may be some of earlier runs.
    has_some: bool,
}

/// One message, as far as it has come. Locked: one run at a time goes on with it.
pub struct Part {
    file: File,
    path: PathBuf,
    /// Octets of the message.
    pub total: u64,
    /// Those that have come.
    pub come: u64,
}

impl Parts {
    /// The parts of messages of a folder that is called `source`; `None` where none can be
    /// kept: without a home, without a UIDVALIDITY, of what is not asked for by octets.
    pub fn of(source: &str, generation: u32, what: &What) -> Option<Self> {
        let folder = state::folder().ok()?.join("fetch").join("parts");
        Self::within(folder, source, generation, what)
    }

    fn within(folder: PathBuf, source: &str, generation: u32, what: &What) -> Option<Self> {
        let section = match what {
            What::Whole => "",
            What::Section(section) => section,
            What::Headers | What::HeaderFields(_) | What::Partial { .. } => return None,
        };
        if generation == 0 {
            return None;
        }
        let has_some = sweep(&folder);
        Some(Self { folder, place: format!("{source}\n{generation}\n{section}\n"), has_some })
    }

    fn path(&self, id: &Id) -> PathBuf {
        let mut digester = Digester::new();
        digester.update(self.place.as_bytes());
        digester.update(id.0.as_bytes());
        let name: String =
            digester.finish().as_octets().iter().map(|octet| format!("{octet:02x}")).collect();
        self.folder.join(name)
    }

    /// What an earlier run has got of a message, where that is worth going on with.
    pub fn take_up(&self, id: &Id) -> Option<Part> {
        if !self.has_some {
            return None;
        }
        let path = self.path(id);
        let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        let mut head = [0; HEAD_OCTETS as usize];
        let read = file.read_exact_at(&mut head, 0).and_then(|()| file.metadata());
        let (name, total) = head.split_at(HEAD.len());
        let total = total.try_into().map_or(0, u64::from_le_bytes);
        let come = read.map_or(0, |facts| facts.len().saturating_sub(HEAD_OCTETS));
        if name != HEAD || come <= PROOF_OCTETS || come >= total {
            // Whole, or nothing: it begins anew.
            let _ = std::fs::remove_file(&path);
            return None;
        }
        Some(Part { file, path, total, come })
    }

    /// Begins to keep a message of so many octets; `None` where it is no giant, where another
    /// run is at it, or where the disk has no room.
    pub fn begin(&self, id: &Id, total: Option<u64>) -> Option<Part> {
        let total = total.filter(|total| *total >= GIANT_OCTETS)?;
        let path = self.path(id);
        let made = || -> io::Result<File> {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let mut file = options.open(&path)?;
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            file.set_len(0)?;
            file.write_all(HEAD)?;
            file.write_all(&total.to_le_bytes())?;
            Ok(file)
        };
        let file = made().ok()?;
        Some(Part { file, path, total, come: 0 })
    }
}

impl Part {
    /// Octets that have come behind those before.
    ///
    /// # Errors
    /// The disk's: then what is kept is no beginning of the message any more.
    pub fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.file.write_all_at(octets, HEAD_OCTETS + self.come)?;
        self.come += octets.len() as u64;
        Ok(())
    }

    /// The last octets that have come.
    ///
    /// # Errors
    /// The disk's.
    pub fn proof(&self) -> io::Result<Vec<u8>> {
        let mut octets = vec![0; PROOF_OCTETS as usize];
        let from = HEAD_OCTETS + self.come - PROOF_OCTETS;
        self.file.read_exact_at(&mut octets, from)?;
        Ok(octets)
    }

    /// What has come, from its first octet.
    ///
    /// # Errors
    /// The disk's.
    pub fn reader(&self) -> io::Result<io::Take<File>> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(HEAD_OCTETS))?;
        Ok(file.take(self.come))
    }

    /// It is not needed any more. What cannot be removed is swept some day.
    pub fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes what nobody has come back for; whether anything is left.
fn sweep(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    let mut is_left = false;
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|facts| facts.modified());
        let age = age.ok().and_then(|time| time.elapsed().ok());
        match age {
            Some(age) if age > KEPT => drop(std::fs::remove_file(entry.path())),
            _ => is_left = true,
        }
    }
    is_left
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::os::unix::fs::PermissionsExt;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_has_come_is_found_again_by_who_asks_for_the_same() {
        let dir = crate::state::testing::Dir::new();
        let folder = dir.path().join("parts");
        let parts = |source: &str, generation, what: &What| {
            Parts::within(folder.clone(), source, generation, what).expect("kept")
        };
        let id = Id::new("7");
        let total = GIANT_OCTETS;
        let first = parts("imaps://a@h/INBOX", 3, &What::Whole);
        assert!(first.take_up(&id).is_none());
        assert!(first.begin(&id, Some(total - 1)).is_none() && first.begin(&id, None).is_none());
        let mut part = first.begin(&id, Some(total)).expect("begun");
        let octets: Vec<u8> = (0..9_000u32).map(|n| (n % 253) as u8).collect();
        part.write(&octets[..5_000]).expect("written");
        part.write(&octets[5_000..]).expect("written");
        let again = parts("imaps://a@h/INBOX", 3, &What::Whole);
        assert!(again.take_up(&id).is_none(), "another run is at it");
        assert!(again.begin(&id, Some(total)).is_none());
        drop(part);
        for other in [
            parts("imaps://b@h/INBOX", 3, &What::Whole),
            parts("imaps://a@h/INBOX", 4, &What::Whole),
            parts("imaps://a@h/INBOX", 3, &What::Section("2".into())),
        ] {
            assert!(other.take_up(&id).is_none());
        }
        assert!(Parts::within(folder.clone(), "s", 0, &What::Whole).is_none());
        assert!(Parts::within(folder.clone(), "s", 1, &What::Headers).is_none());
        let mut part = again.take_up(&id).expect("found");
        assert_eq!((part.total, part.come), (total, 9_000));
        assert_eq!(part.proof().expect("read"), octets[9_000 - 4096..]);
        part.write(b"more").expect("written");
        let mut all = Vec::new();
        part.reader().and_then(|mut reader| reader.read_to_end(&mut all)).expect("read");
        assert_eq!(all, [&octets[..], b"more"].concat());
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode(&part.path) & 0o777, 0o600);
        assert_eq!(mode(&folder) & 0o777, 0o700);
        part.remove();
        assert!(again.take_up(&id).is_none());
    }

    #[test]
    fn what_is_old_or_no_part_is_not_gone_on_with() {
        let dir = crate::state::testing::Dir::new();
        let folder = dir.path().join("parts");
        let parts = || Parts::within(folder.clone(), "s", 1, &What::Whole).expect("kept");
        let id = Id::new("1");
        let mut part = parts().begin(&id, Some(GIANT_OCTETS)).expect("begun");
        part.write(&[b'x'; 5_000]).expect("written");
        let path = part.path.clone();
        let old = SystemTime::now() - KEPT - Duration::from_secs(60);
        part.file.set_times(FileTimes::new().set_modified(old)).expect("dated");
        drop(part);
        assert!(parts().take_up(&id).is_none() && !path.exists());
        for wrong in [&b"PBPART1\n"[..], b"", &[b'x'; 9_000]] {
            std::fs::write(&path, wrong).expect("written");
            assert!(parts().take_up(&id).is_none());
            assert!(!path.exists(), "what is no part goes");
        }
    }
}
