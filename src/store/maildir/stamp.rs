//! What the system tells of a folder without its messages being listed, by which it is known
//! that nothing in it has changed.
//!
//! A message that comes, goes or gets other flags is a name that comes, goes or changes in
//! `cur` or `new`, and keywords are files that are replaced: all of that changes the times of
//! a directory or of a file, and those of the inode (ctime) cannot be set back by anybody.
//! What clocks can do to that:
//!
//! - Two changes may have one time, where the clock counts coarsely (FAT: two seconds; Linux
//!   dates by its ticks, which are 1 to 10 ms). So a folder that was changed within [`YOUNG`]
//!   or [`COARSELY_YOUNG`] before it was listed, or later than now, has no stamp: a change
//!   behind the listing could not be told from the one before it.
//! - Another machine has another clock. So only file systems have stamps that are known to be
//!   this machine's own.
//! - A message that is a link may vanish elsewhere: such folders have none either.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};

use super::keywords::{FILE, SIDECAR};
use crate::store::{Error, Result, Stamp};

/// How long another change may have the same time, on a file system of this machine that dates
/// by fractions of a second: many ticks of a slow clock.
const YOUNG: Duration = Duration::from_millis(200);

/// The same where times may be of whole seconds (ext4 with small inodes): those of FAT, the
/// coarsest, and one for a clock that is read before the next tick.
const COARSELY_YOUNG: Duration = Duration::from_secs(3);

/// What the system tells of one file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    dev: u64,
    ino: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Part {
    fn of(metadata: &Metadata) -> Self {
        Self {
            dev: metadata.dev(),
            ino: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What the system tells of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    /// Of `cur`, `new`, and the files of keywords; `None` for what is not there.
    parts: [Option<Part>; 4],
}

impl Look {
    /// Looks now.
    ///
    /// # Errors
    /// The disk's; for `cur` also that it is not there.
    pub(super) fn at(folder: &Path) -> Result<Self> {
        let mut parts = [None; 4];
        for (part, name) in parts.iter_mut().zip(["cur", "new", FILE, SIDECAR]) {
            let path = folder.join(name);
            *part = match std::fs::metadata(&path) {
                Ok(metadata) => Some(Part::of(&metadata)),
                Err(error) if error.kind() == io::ErrorKind::NotFound && name != "cur" => None,
                Err(error) => return Err(Error::file(&path, error)),
            };
        }
        Ok(Self { parts })
    }

    /// Whether a change behind this look at `folder` may have left all of it as it is.
    pub(super) fn is_young(&self, folder: &Path, now: SystemTime) -> bool {
        let times = self.parts.iter().flatten().flat_map(|part| [part.modified, part.changed]);
        let Some(last) = times.max() else { return true };
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let Some(age) = (now.as_nanos() as i128)
            .checked_sub(i128::from(last.0) * 1_000_000_000 + i128::from(last.1))
            .filter(|age| *age >= 0)
        else {
            return true;
        };
        if age >= COARSELY_YOUNG.as_nanos() as i128 {
            return false;
        }
        let is_fine = last.1 != 0 && is_local(&folder.join("cur"));
        !is_fine || age < YOUNG.as_nanos() as i128
    }

    /// The stamp of the folder; `None` where it does not lie on a disk of this machine as a
    /// whole. Whether it is young is for the caller to know.
    pub(super) fn stamp(&self, folder: &Path) -> Option<Stamp> {
        let dev = self.parts[0]?.dev;
        let is_one = self.parts.iter().flatten().all(|part| part.dev == dev);
        (is_one && is_local(&folder.join("cur"))).then(|| self.digest())
    }

    fn digest(&self) -> Stamp {
        let mut octets = Vec::with_capacity(4 * 57);
        for part in &self.parts {
            octets.push(u8::from(part.is_some()));
            if let Some(Part { dev, ino, size, modified, changed }) = part {
                for number in [dev, ino, size] {
                    octets.extend(number.to_be_bytes());
                }
                for number in [modified.0, modified.1, changed.0, changed.1] {
                    octets.extend(number.to_be_bytes());
                }
            }
        }
        let mut stamp = [0; 16];
        stamp.copy_from_slice(&digest(&SHA256, &octets).as_ref()[..16]);
        Stamp(stamp)
    }
}

/// The stamp that a folder has now, to be compared with one that was kept; `None` where it has
/// none.
pub(super) fn now(folder: &Path) -> Option<Stamp> {
    Look::at(folder).ok()?.stamp(folder)
}

/// Whether a directory lies on a file system that is written to by this machine alone, and
/// gives each change of a directory its time. Magic numbers: statfs(2), and
/// `include/uapi/linux/magic.h`.
#[cfg(target_os = "linux")]
fn is_local(directory: &Path) -> bool {
    const LOCAL: [u64; 8] = [
        0xef53,      // ext2, ext3, ext4
        0x5846_5342, // XFS
        0x9123_683e, // Btrfs
        0x0102_1994, // tmpfs
        0x794c_7630, // overlayfs
        0x2fc1_2fc1, // ZFS
        0xf2f5_2010, // F2FS
        0xca45_1a4e, // bcachefs
    ];
    rustix::fs::statfs(directory)
        .is_ok_and(|found| LOCAL.contains(&(found.f_type as u64 & 0xffff_ffff)))
}

#[cfg(not(target_os = "linux"))]
fn is_local(_directory: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Dir;

    fn maildir() -> Dir {
        let dir = Dir::new();
        for name in ["cur", "new", "tmp"] {
            std::fs::create_dir(dir.path().join(name)).expect("made");
        }
        dir
    }

    /// Something is done to the folder after its last time is past for good.
    fn is_told(dir: &Dir, change: impl FnOnce(&Path)) -> bool {
        let before = Look::at(dir.path()).expect("looked");
        // Until the clock by which files are dated has gone on: it counts in ticks.
        let probe = dir.path().join("tmp/probe");
        loop {
            std::fs::write(&probe, "x").expect("written");
            let part = Part::of(&std::fs::metadata(&probe).expect("there"));
            if before.parts.iter().flatten().all(|other| other.changed < part.changed) {
                break;
            }
        }
        change(dir.path());
        Look::at(dir.path()).expect("looked") != before
    }

    #[test]
    fn every_change_of_messages_and_keywords_is_told() {
        let dir = maildir();
        std::fs::write(dir.path().join("tmp/1"), "a: b").expect("written");
        let rename = |from: &'static str, to: &'static str| {
            move |path: &Path| std::fs::rename(path.join(from), path.join(to)).expect("renamed")
        };
        assert!(is_told(&dir, rename("tmp/1", "new/1")), "delivered");
        assert!(is_told(&dir, rename("new/1", "cur/1:2,")), "looked at");
        assert!(is_told(&dir, rename("cur/1:2,", "cur/1:2,S")), "flagged");
        let write = |name: &'static str, text: &'static str| {
            move |path: &Path| std::fs::write(path.join(name), text).expect("written")
        };
        assert!(is_told(&dir, write(FILE, "0 a\n")), "keywords made");
        assert!(is_told(&dir, write(FILE, "0 b\n")), "keywords changed, of the same size");
        assert!(is_told(&dir, write(SIDECAR, "a\t1\n")), "keywords beside");
        let set_back = |path: &Path| {
            let file = std::fs::File::open(path.join("cur")).expect("opened");
            let before = file.metadata().expect("there").modified().expect("a time");
            std::fs::rename(path.join("cur/1:2,S"), path.join("cur/1:2,")).expect("renamed");
            file.set_modified(before).expect("set");
        };
        assert!(is_told(&dir, set_back), "a directory whose time was set back");
        let gone = |path: &Path| std::fs::remove_file(path.join("cur/1:2,")).expect("removed");
        assert!(is_told(&dir, gone), "deleted");
        let made_anew = |path: &Path| {
            std::fs::rename(path.join("cur"), path.join("old")).expect("renamed");
            std::fs::create_dir(path.join("cur")).expect("made");
        };
        assert!(is_told(&dir, made_anew), "made anew");
        let same = |path: &Path| {
            let _ = std::fs::read_dir(path.join("cur")).expect("read").count();
        };
        assert!(!is_told(&dir, same), "reading is no change");
    }

    #[test]
    fn what_was_changed_a_moment_ago_or_in_the_future_is_young() {
        let dir = maildir();
        let mut look = Look::at(dir.path()).expect("looked");
        let is_young = |look: &Look, age: f64| {
            let (seconds, nanos) = look.parts[0].expect("cur").changed;
            let last = SystemTime::UNIX_EPOCH
                + Duration::new(seconds.unsigned_abs(), u32::try_from(nanos).expect("a second"));
            let moved = Duration::from_secs_f64(age.abs());
            look.is_young(dir.path(), if age < 0.0 { last - moved } else { last + moved })
        };
        let date = |look: &mut Look, nanos: i64| {
            for part in look.parts.iter_mut().flatten() {
                (part.modified.1, part.changed.1) = (nanos, nanos);
            }
        };
        // A disk of this machine that tells fractions of a second.
        date(&mut look, 500_000_000);
        let is_fine = is_local(dir.path());
        assert!(is_young(&look, 0.0));
        assert!(is_young(&look, 0.199));
        assert_eq!(is_young(&look, 0.2), !is_fine);
        assert!(!is_young(&look, 3.0));
        assert!(is_young(&look, -0.001), "dated in the future");
        assert!(is_young(&look, -1000.0), "the clock was set back");
        // One that counts seconds.
        date(&mut look, 0);
        assert!(is_young(&look, 2.999));
        assert!(!is_young(&look, 3.0));
        assert!(Look { parts: [None; 4] }.is_young(dir.path(), SystemTime::now()));
    }
}
