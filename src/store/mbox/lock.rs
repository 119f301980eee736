//! Opening an mbox file under its locks.
//!
//! The dot lock first, then the `fcntl` lock, the order of procmail, Dovecot and mutt. Where
//! the folder does not let us make a dot lock (a mail spool), the `fcntl` lock has to do.
//! A reader takes a shared `fcntl` lock alone.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::index::Stamp;
use crate::store::lock::{DotLock, lock_file};
use crate::store::{Error, Result};

/// How long another program may hold a lock before we give up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps others out while it lives; the `fcntl` lock ends when the file is closed.
pub(super) struct Locked {
    _dot: Option<DotLock>,
}

/// Opens and locks the file at `path`; with `create`, a missing one is made, mode 0600.
pub(super) fn open(path: &Path, writing: bool, create: bool) -> Result<(Arc<File>, Locked)> {
    let failed = |error| Error::file(path, error);
    let dot = if writing { dot_lock(path)? } else { None };
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(writing)
            .create(writing && create)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        lock_file(&file, writing, PATIENCE).map_err(failed)?;
        // While we waited, the file may have been replaced by a rewritten one: the lock
        // would then be on a file that nobody sees any more.
        let ours = Stamp::of(&file.metadata().map_err(failed)?);
        match std::fs::metadata(path) {
            Ok(there) if ours.is_same_file(&Stamp::of(&there)) => {
                return Ok((Arc::new(file), Locked { _dot: dot }));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
}

fn dot_lock(path: &Path) -> Result<Option<DotLock>> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = PathBuf::from(name);
    match DotLock::take(&lock, PATIENCE) {
        Ok(taken) => Ok(Some(taken)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(Error::file(&lock, error)),
    }
}
