//! State on disk: SQLite files, with their migrations.
//!
//! A file that one run at a time holds is locked for the whole run: `locking_mode=EXCLUSIVE` is
//! set before the first access, so that the write-ahead log needs no shared memory and a second
//! run is refused at once. What runs of different work share ([`Database::open_shared`]) is
//! locked for single transactions, and a [`Lock`] keeps two runs from the same work. Commits are
//! synchronous (FULL). On network file systems a rollback journal is used, as
//! <https://www.sqlite.org/wal.html> section 2 wants.
//!
//! This room knows how to keep state, not what it means: [`seen`] is what `fetch` remembers;
//! [`sent`] what `send` does; other rooms bring a [`Layout`] of their own.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

pub mod seen;
pub mod sent;

/// What can be wrong with state on disk.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another run holds the file.
    #[error("{path} is in use by another run")]
    InUse {
        /// The file.
        path: String,
    },
    /// A later version of this program has changed the layout.
    #[error("{path} was written by a newer version: its layout is {found}, this one knows {known}")]
    Newer {
        /// The file.
        path: String,
        /// Its layout.
        found: i64,
        /// The newest layout that is known here.
        known: i64,
    },
    /// The file holds something else.
    #[error("{path} does not hold {wanted}")]
    Foreign {
        /// The file.
        path: String,
        /// What was looked for.
        wanted: String,
    },
    /// The file cannot be made.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The home folder, and with it the place for state, is unknown.
    #[error("no place for state: neither XDG_STATE_HOME nor a home folder is known")]
    NoPlace,
    /// SQLite's own error.
    #[error("{path}: {source}")]
    Sqlite {
        /// The file.
        path: String,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

impl Error {
    /// Whether waiting for another run to end would help.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Error::InUse { .. })
    }
}

/// The result of every operation on state.
pub type Result<T> = std::result::Result<T, Error>;

/// What a file holds, and how it came to hold it.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// What the file is, for errors: "the state of a sync".
    pub name: &'static str,
    /// SQLite's `application_id`, by which the file is known as ours.
    pub application_id: i32,
    /// SQL of each step from an empty file to the newest layout; steps are only ever added.
    pub migrations: &'static [&'static str],
}

/// An open file of state, locked against every other run until it is dropped.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
    path: String,
}

impl Database {
    /// Opens the file, or makes it (mode 0600, its folders 0700), and brings it to the
    /// newest layout.
    ///
    /// # Errors
    /// [`Error::InUse`] when another run holds it, [`Error::Newer`], [`Error::Foreign`], and
    /// what the system and SQLite say.
    pub fn open(path: &Path, layout: &Layout) -> Result<Self> {
        create_file(path)?;
        // Without SQLITE_OPEN_URI: a path that begins with "file:" is a path all the same.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let shown = path.display().to_string();
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|source| error(&shown, layout.name, source))?;
        let mut database = Self { connection, path: shown };
        let journal = if is_on_network(path) { "DELETE" } else { "WAL" };
        database.hold()?;
        database.prepare(layout, journal)?;
        Ok(database)
    }

    /// As [`Database::open`], for a file that several runs use at a time: each holds it only
    /// while it reads or writes, and waits for the others meanwhile.
    ///
    /// # Errors
    /// [`Error::InUse`] when it is not free for [`PATIENCE`], and those of [`Database::open`].
    pub fn open_shared(path: &Path, layout: &Layout) -> Result<Self> {
        create_file(path)?;
        // One at a time makes and migrates it: SQLite does not wait for a change of its journal.
        let _opening = Lock::wait(&path.with_extension("lock"))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let shown = path.display().to_string();
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|source| error(&shown, layout.name, source))?;
        connection.busy_timeout(PATIENCE).map_err(|source| error(&shown, layout.name, source))?;
        let mut database = Self { connection, path: shown };
        let journal = if is_on_network(path) { "DELETE" } else { "WAL" };
        database.prepare(layout, journal)?;
        Ok(database)
    }

    /// State that is gone when it is dropped.
    ///
    /// # Errors
    /// SQLite's.
    pub fn in_memory(layout: &Layout) -> Result<Self> {
        let shown = "state in memory".to_owned();
        let connection =
            Connection::open_in_memory().map_err(|source| error(&shown, layout.name, source))?;
        let mut database = Self { connection, path: shown };
        database.prepare(layout, "MEMORY")?;
        Ok(database)
    }

    /// From now on a write that is done survives the end of the process, and the end of the
    /// machine only once it was synced.
    ///
    /// # Errors
    /// SQLite's.
    pub fn relax(&self) -> Result<()> {
        self.read(|db| db.execute_batch("PRAGMA synchronous = NORMAL"))
    }

    /// Where it is, for messages.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Reads.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        read(&self.connection).map_err(|source| error(&self.path, "state", source))
    }

    /// Writes in one transaction: all of it is on disk when this returns, or nothing.
    ///
    /// # Errors
    /// [`Error::Sqlite`]; then nothing was written.
    pub fn write<T>(
        &mut self,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let path = &self.path;
        let wrong = |source| error(path, "state", source);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(wrong)?;
        let value = write(&transaction).map_err(wrong)?;
        transaction.commit().map_err(wrong)?;
        Ok(value)
    }

    /// Has the next access lock the file for as long as it is open.
    fn hold(&mut self) -> Result<()> {
        let wrong = |source| error(&self.path, "state", source);
        self.connection.busy_timeout(Duration::ZERO).map_err(wrong)?;
        self.connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE").map_err(wrong)
    }

    fn prepare(&mut self, layout: &Layout, journal: &str) -> Result<()> {
        let path = self.path.clone();
        let wrong = |source| error(&path, layout.name, source);
        let number = |connection: &Connection, name: &str| {
            connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
        };
        let connection = &mut self.connection;
        let id = number(connection, "application_id").map_err(wrong)?;
        let found = number(connection, "user_version").map_err(wrong)?;
        let tables = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
            .map_err(wrong)?;
        let is_new = id == 0 && found == 0 && tables == 0;
        if !is_new && id != i64::from(layout.application_id) {
            return Err(Error::Foreign { path, wanted: layout.name.to_owned() });
        }
        let known = i64::try_from(layout.migrations.len()).unwrap_or(i64::MAX);
        if found > known {
            return Err(Error::Newer { path, found, known });
        }
        let settings = format!(
            "PRAGMA journal_mode = {journal};
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             BEGIN EXCLUSIVE;
             COMMIT;"
        );
        connection.execute_batch(&settings).map_err(wrong)?;
        let done = usize::try_from(found).unwrap_or(0);
        for (step, sql) in layout.migrations.iter().enumerate().skip(done) {
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(wrong)?;
            let marks = format!(
                "PRAGMA application_id = {}; PRAGMA user_version = {};",
                layout.application_id,
                step + 1
            );
            transaction.execute_batch(sql).map_err(wrong)?;
            transaction.execute_batch(&marks).map_err(wrong)?;
            transaction.commit().map_err(wrong)?;
        }
        Ok(())
    }
}

/// So long a run waits for others that read or write what they share.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A lock that one run at a time has, until it is dropped: a file that is empty and stays.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it, or says who is in the way: `what` is what it stands for.
    ///
    /// # Errors
    /// [`Error::InUse`], and the disk's.
    pub fn take(path: &Path, what: &str) -> Result<Self> {
        let file = Self::open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { path: what.to_owned() }),
            Err(TryLockError::Error(source)) => {
                Err(Error::File { path: path.display().to_string(), source })
            }
        }
    }

    /// Takes it once it is free: whoever has it has it for a moment.
    fn wait(path: &Path) -> Result<Self> {
        let file = Self::open(path)?;
        let locked = file.lock();
        locked.map_err(|source| Error::File { path: path.display().to_string(), source })?;
        Ok(Self { _file: file })
    }

    fn open(path: &Path) -> Result<File> {
        create_file(path)?;
        let file = OpenOptions::new().write(true).open(path);
        file.map_err(|source| Error::File { path: path.display().to_string(), source })
    }
}

/// `$XDG_STATE_HOME/pillarbox`, below which all state lives.
///
/// # Errors
/// [`Error::NoPlace`] without a home folder.
pub fn folder() -> Result<PathBuf> {
    let strategy = etcetera::choose_base_strategy().map_err(|_| Error::NoPlace)?;
    let base = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
    Ok(base.join("pillarbox"))
}

fn error(path: &str, wanted: &str, source: rusqlite::Error) -> Error {
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::InUse { path: path.to_owned() }
        }
        Some(ErrorCode::NotADatabase) => {
            Error::Foreign { path: path.to_owned(), wanted: wanted.to_owned() }
        }
        _ => Error::Sqlite { path: path.to_owned(), source },
    }
}

/// Makes an empty file of mode 0600, where there is none; SQLite gives its journals the mode
/// of the file.
fn create_file(path: &Path) -> Result<()> {
    let wrong = |path: &Path, source| Error::File { path: path.display().to_string(), source };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(parent).map_err(|source| wrong(parent, source))?;
    }
    // An existing file must not be opened and closed here: that would drop the locks which
    // this process holds on it (POSIX advisory locks).
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(wrong(path, source)),
    }
}

/// Whether the file lies where other machines may write too. Magic numbers: statfs(2), and
/// `include/uapi/linux/magic.h`.
#[cfg(target_os = "linux")]
fn is_on_network(path: &Path) -> bool {
    const NETWORK: [u64; 10] = [
        0x6969,      // NFS
        0x517b,      // SMB
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB2
        0x6573_5546, // FUSE: sshfs among others
        0x5346_414f, // OpenAFS
        0x6b41_4653, // kAFS
        0x00c3_6400, // Ceph
        0x0102_1997, // 9P
        0x0bd0_0bd0, // Lustre
    ];
    rustix::fs::statfs(path)
        .is_ok_and(|found| NETWORK.contains(&(found.f_type as u64 & 0xffff_ffff)))
}

#[cfg(not(target_os = "linux"))]
fn is_on_network(_path: &Path) -> bool {
    false
}

#[cfg(test)]
pub(crate) mod testing {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A folder of its own below the system's temporary one; gone when dropped.
    pub(crate) struct Dir(PathBuf);

    impl Dir {
        /// A new, empty one.
        pub(crate) fn new() -> Self {
            static NEXT: AtomicU64 = AtomicU64::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("pillarbox-state-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir(&path).expect("the temporary folder can be written");
            Self(path)
        }

        /// Where it is.
        pub(crate) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            // A leftover in the temporary folder is no reason to fail a test.
            drop(std::fs::remove_dir_all(&self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::testing::Dir;
    use super::*;

    const FIRST: Layout = Layout {
        name: "a test",
        application_id: 0x7062_7401,
        migrations: &["CREATE TABLE a (x INTEGER)"],
    };
    const SECOND: Layout = Layout {
        migrations: &["CREATE TABLE a (x INTEGER)", "ALTER TABLE a ADD COLUMN y INTEGER"],
        ..FIRST
    };

    fn count(database: &Database) -> i64 {
        database
            .read(|db| db.query_row("SELECT count(*) FROM a", [], |row| row.get(0)))
            .expect("readable")
    }

    #[test]
    fn a_second_run_is_refused_until_the_first_ends() {
        let dir = Dir::new();
        let path = dir.path().join("deep/er/a.db");
        let first = Database::open(&path, &FIRST).expect("new");
        let refused = Database::open(&path, &FIRST).expect_err("held");
        assert!(refused.is_in_use(), "{refused}");
        drop(first);
        Database::open(&path, &FIRST).expect("free again");
        let mode =
            |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&dir.path().join("deep")), 0o700);
    }

    #[test]
    fn settings_are_in_force() {
        let dir = Dir::new();
        let database = Database::open(&dir.path().join("a.db"), &FIRST).expect("new");
        let text = |name: &str| {
            database
                .read(|db| {
                    db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, String>(0))
                })
                .expect("readable")
        };
        let number = |name: &str| {
            database
                .read(|db| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)))
                .expect("readable")
        };
        assert_eq!(text("locking_mode"), "exclusive");
        assert_eq!(number("synchronous"), 2);
        assert_eq!(number("foreign_keys"), 1);
        if !is_on_network(dir.path()) {
            assert_eq!(text("journal_mode"), "wal");
        }
    }

    #[test]
    fn migrations_run_once_and_never_backwards() {
        let dir = Dir::new();
        let path = dir.path().join("a.db");
        let mut old = Database::open(&path, &FIRST).expect("new");
        old.write(|db| db.execute("INSERT INTO a VALUES (1)", [])).expect("written");
        drop(old);
        let mut new = Database::open(&path, &SECOND).expect("migrated");
        assert_eq!(count(&new), 1);
        new.write(|db| db.execute("INSERT INTO a VALUES (2, 3)", [])).expect("written");
        drop(new);
        let newer = Database::open(&path, &FIRST).expect_err("a newer layout");
        assert!(matches!(newer, Error::Newer { found: 2, known: 1, .. }), "{newer}");
        Database::open(&path, &SECOND).expect("as it was");
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let dir = Dir::new();
        let text = dir.path().join("text");
        std::fs::write(&text, "This is no database, but a text of some length.").expect("written");
        let refused = Database::open(&text, &FIRST).expect_err("no database");
        assert!(matches!(refused, Error::Foreign { .. }), "{refused}");
        let other = dir.path().join("other.db");
        let theirs = Connection::open(&other).expect("new");
        theirs.execute_batch("CREATE TABLE theirs (x)").expect("made");
        drop(theirs);
        let refused = Database::open(&other, &FIRST).expect_err("another program's");
        assert!(matches!(refused, Error::Foreign { .. }), "{refused}");
    }

    #[test]
    fn a_write_that_fails_leaves_nothing() {
        let mut database = Database::in_memory(&FIRST).expect("new");
        let failed = database.write(|db| {
            db.execute("INSERT INTO a VALUES (1)", [])?;
            db.execute("INSERT INTO nowhere VALUES (1)", [])
        });
        assert!(matches!(failed, Err(Error::Sqlite { .. })));
        assert_eq!(count(&database), 0);
    }
}
