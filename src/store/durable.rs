//! Files that are whole or not there: the steps by which a batch of new files becomes
//! stable on disk, in the order that a crash cannot undo.
//!
//! The order: a file of a temporary name (made with `O_EXCL`, mode 0600) is written and
//! flushed to the disk, renamed without ever replacing another, and at last its folder is
//! flushed. Only then may anyone be told that it exists. Everything here blocks.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

/// What a store promises when it says that a message is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// It survives a crash of the machine.
    #[default]
    Durable,
    /// It survives the end of the process; the system writes it to disk in its own time.
    Fast,
}

/// Up to so many files are flushed one by one; above it, one `syncfs` flushes them all.
/// An fsync costs one wait for the disk each, a syncfs two or three whatever the number.
pub const SINGLE_FLUSHES: usize = 4;

/// A new, empty file of mode 0600 in an open folder.
///
/// # Errors
/// `AlreadyExists`, and what the system says.
pub fn create_new(folder: &File, name: &str) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let made = rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?;
    Ok(File::from(made))
}

/// Makes the data of new files stable. `files` are the first of them, still open; `names`
/// are all of them, in `folder`.
///
/// # Errors
/// The disk's. A failed flush is final: the files have to be written anew.
pub fn flush_files(folder: &File, files: &[File], names: &[&str]) -> io::Result<()> {
    if names.len() <= files.len() {
        return files.iter().try_for_each(File::sync_all);
    }
    flush_many(folder, names)
}

#[cfg(target_os = "linux")]
fn flush_many(folder: &File, _names: &[&str]) -> io::Result<()> {
    Ok(rustix::fs::syncfs(folder)?)
}

#[cfg(not(target_os = "linux"))]
fn flush_many(folder: &File, names: &[&str]) -> io::Result<()> {
    for name in names {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = File::from(rustix::fs::openat(folder, *name, flags, Mode::empty())?);
        file.sync_all()?;
    }
    Ok(())
}

/// Renames a file from one open folder to another; never over a file that exists.
///
/// # Errors
/// `AlreadyExists`, `NotFound`, and what the system says.
pub fn rename_new(from: &File, name: &Path, to: &File, target: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(from, name, to, target, flags) {
            // Some file systems (NFS among them) know no such rename.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            other => return Ok(other?),
        }
    }
    match rustix::fs::linkat(from, name, to, target, AtFlags::empty()) {
        Ok(()) => Ok(rustix::fs::unlinkat(from, name, AtFlags::empty())?),
        // A file system without hard links (FAT, some network ones): look before the rename.
        Err(Errno::PERM | Errno::NOSYS | Errno::NOTSUP) => {
            match rustix::fs::statat(to, target, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Err(Errno::EXIST.into()),
                Err(Errno::NOENT) => Ok(rustix::fs::renameat(from, name, to, target)?),
                Err(other) => Err(other.into()),
            }
        }
        Err(other) => Err(other.into()),
    }
}

/// Makes the names in an open folder stable.
///
/// # Errors
/// The disk's.
pub fn flush_folder(folder: &File) -> io::Result<()> {
    match folder.sync_all() {
        // Some file systems cannot flush a folder, and need not.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}

/// Makes the names in the folder at `path` stable.
///
/// # Errors
/// The disk's.
pub fn flush_folder_at(path: &Path) -> io::Result<()> {
    flush_folder(&File::open(path)?)
}

/// Creates a folder of mode 0700 with its parents; one that exists is no error. Where
/// durability is wanted, the names of all that were made are stable when it answers: what is
/// stored below is lost with any of them.
///
/// # Errors
/// What the system says.
pub fn create_folder(path: &Path, durability: Durability) -> io::Result<()> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    match durability {
        Durability::Durable => missing.into_iter().map(parent).try_for_each(flush_folder_at),
        Durability::Fast => Ok(()),
    }
}

/// The folder that a path lies in; for a name alone, the one that the program runs in.
pub fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Gives the file at `path` new content: a reader sees the old content or the new, never a
/// part. `temporary` is the name beside it to write to first.
///
/// # Errors
/// What the system says; then the old content stands.
pub fn replace(
    path: &Path,
    temporary: &Path,
    content: &[u8],
    durability: Durability,
) -> io::Result<()> {
    let folder = File::open(parent(path))?;
    let written = write_and_rename(path, temporary, content, durability);
    if let Err(error) = written {
        if error.kind() != io::ErrorKind::AlreadyExists {
            // What matters is the first error; a leftover is swept later.
            drop(std::fs::remove_file(temporary));
        }
        return Err(error);
    }
    match durability {
        Durability::Durable => flush_folder(&folder),
        Durability::Fast => Ok(()),
    }
}

fn write_and_rename(
    path: &Path,
    temporary: &Path,
    content: &[u8],
    durability: Durability,
) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    file.write_all(content)?;
    if durability == Durability::Durable {
        file.sync_all()?;
    }
    std::fs::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::testing::Dir;
    use super::*;

    #[test]
    fn a_new_name_never_replaces() {
        let dir = Dir::new();
        let folder = File::open(dir.path()).expect("a folder opens");
        create_new(&folder, "a").and_then(|mut file| file.write_all(b"a")).expect("written");
        create_new(&folder, "b").and_then(|mut file| file.write_all(b"b")).expect("written");
        let again = create_new(&folder, "a").expect_err("it exists");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        let over = rename_new(&folder, Path::new("a"), &folder, Path::new("b"));
        assert_eq!(over.expect_err("it exists").kind(), io::ErrorKind::AlreadyExists);
        rename_new(&folder, Path::new("a"), &folder, Path::new("c")).expect("free");
        assert_eq!(std::fs::read(dir.path().join("c")).expect("renamed"), b"a");
        assert_eq!(std::fs::read(dir.path().join("b")).expect("untouched"), b"b");
        let mode = std::fs::metadata(dir.path().join("c")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        flush_files(&folder, &[], &["b", "c"]).expect("flushed");
        flush_folder(&folder).expect("flushed");
    }

    #[test]
    fn content_is_replaced_whole() {
        let dir = Dir::new();
        let path = dir.path().join("list");
        let temporary = dir.path().join("list.new");
        replace(&path, &temporary, b"one", Durability::Durable).expect("written");
        replace(&path, &temporary, b"two", Durability::Fast).expect("written");
        assert_eq!(std::fs::read(&path).expect("there"), b"two");
        assert!(!temporary.exists());
        // Somebody else's unfinished file is not ours to take.
        std::fs::write(&temporary, b"theirs").expect("written");
        assert!(replace(&path, &temporary, b"three", Durability::Fast).is_err());
        assert_eq!(std::fs::read(&path).expect("there"), b"two");
        assert_eq!(std::fs::read(&temporary).expect("there"), b"theirs");
    }
}
