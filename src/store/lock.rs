//! The locks that mail programs agree on: the dot lock beside a file, and the `fcntl` lock
//! on it.
//!
//! A dot lock is a file `PATH.lock`, made with `O_EXCL`, that says `PID:HOST` as Dovecot's
//! do. One whose process is gone from this host, or that nobody has touched for two minutes,
//! was left behind by a crash and is taken away. Waiting blocks the thread.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// Age after which a dot lock is a leftover; what Dovecot calls stale (`mbox_dotlock_change_timeout`).
const STALE: Duration = Duration::from_secs(120);

/// How long to wait between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// A dot lock that we hold; gone when dropped.
#[derive(Debug)]
pub struct DotLock {
    path: PathBuf,
}

impl DotLock {
    /// Takes the lock file at `path`, waiting up to `patience` for who holds it.
    ///
    /// # Errors
    /// `WouldBlock` when it is still held by another then; what the system says.
    pub fn take(path: &Path, patience: Duration) -> io::Result<Self> {
        let start = Instant::now();
        loop {
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
                Ok(mut file) => {
                    let lock = Self { path: path.to_owned() };
                    file.write_all(format!("{}:{}", std::process::id(), host()).as_bytes())?;
                    return Ok(lock);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if is_stale(path) || is_of_the_dead(path) {
                        drop(std::fs::remove_file(path));
                    } else if start.elapsed() >= patience {
                        return Err(held(path));
                    } else {
                        std::thread::sleep(PAUSE);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for DotLock {
    fn drop(&mut self) {
        // Should it fail, the lock goes stale and the next program takes it away.
        drop(std::fs::remove_file(&self.path));
    }
}

fn is_stale(path: &Path) -> bool {
    let changed = std::fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    changed.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > STALE))
}

/// This machine's name.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Whether the process that the lock names ran on this machine and is gone. Should two
/// programs find that at once, the `fcntl` lock still lets in only one of them.
fn is_of_the_dead(path: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(path) else { return false };
    let Some((pid, of_host)) = text.trim_end().split_once(':') else { return false };
    let pid = pid.parse().ok().and_then(rustix::process::Pid::from_raw);
    of_host == host()
        && pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(Errno::SRCH))
}

fn held(path: &Path) -> io::Error {
    let message = format!("{} is held by another program", path.display());
    io::Error::new(io::ErrorKind::WouldBlock, message)
}

/// Takes the `fcntl` lock on a whole file, waiting up to `patience`. It ends when *any*
/// handle of this process on that file is closed (POSIX), so keep one handle only.
///
/// # Errors
/// `WouldBlock` when another still holds it then; what the system says.
pub fn lock_file(file: &File, exclusive: bool, patience: Duration) -> io::Result<()> {
    let operation = if exclusive {
        FlockOperation::NonBlockingLockExclusive
    } else {
        FlockOperation::NonBlockingLockShared
    };
    let start = Instant::now();
    loop {
        match rustix::fs::fcntl_lock(file, operation) {
            Ok(()) => return Ok(()),
            Err(Errno::ACCESS | Errno::AGAIN) if start.elapsed() < patience => {
                std::thread::sleep(PAUSE);
            }
            Err(Errno::ACCESS | Errno::AGAIN) => return Err(held(Path::new("the mailbox"))),
            Err(other) => return Err(other.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Dir;
    use super::*;

    #[test]
    fn a_dot_lock_keeps_others_out_until_dropped() {
        let dir = Dir::new();
        let path = dir.path().join("mbox.lock");
        let lock = DotLock::take(&path, Duration::ZERO).expect("free");
        let refused = DotLock::take(&path, Duration::from_millis(30)).expect_err("held");
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(lock);
        DotLock::take(&path, Duration::ZERO).expect("free again");
        assert!(!path.exists());
    }

    #[test]
    fn a_leftover_is_taken_away() {
        let dir = Dir::new();
        let path = dir.path().join("mbox.lock");
        let file = File::create(&path).expect("written");
        let old = SystemTime::now() - Duration::from_secs(600);
        file.set_modified(old).expect("dated");
        DotLock::take(&path, Duration::ZERO).expect("stale locks do not hold");
    }

    #[test]
    fn a_lock_of_a_process_that_is_gone_does_not_hold() {
        let dir = Dir::new();
        let path = dir.path().join("mbox.lock");
        let mut child = std::process::Command::new("true").spawn().expect("started");
        let gone = child.id();
        child.wait().expect("ended");
        let take = || DotLock::take(&path, Duration::ZERO);
        std::fs::write(&path, format!("{gone}:{}", host())).expect("written");
        drop(take().expect("its process is gone"));
        std::fs::write(&path, format!("{}:{}", std::process::id(), host())).expect("written");
        take().expect_err("its process lives");
        std::fs::write(&path, format!("{gone}:elsewhere.example")).expect("written");
        take().expect_err("nobody knows of another machine's processes");
        std::fs::write(&path, gone.to_string()).expect("written");
        take().expect_err("it does not say whose process it means");
    }
}
