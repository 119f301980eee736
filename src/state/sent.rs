//! What `send` remembers of a run in bulk: the fate of each recipient of each message.
//!
//! A fate is written when it is known, before anybody is told of it, and a write survives the
//! end of the process at once: whatever ends a run, the next one takes up where it ended. The
//! machine's own end may cost what was written since the last [`Sent::sync`].

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use super::{Database, Layout, Result};

const LAYOUT: Layout = Layout {
    name: "the journal of a send",
    application_id: 0x7062_784a,
    migrations: &["
        CREATE TABLE fates (
            message   TEXT NOT NULL,
            recipient TEXT NOT NULL,
            state     TEXT NOT NULL,
            code      INTEGER,
            text      TEXT NOT NULL,
            told      INTEGER NOT NULL,
            PRIMARY KEY (message, recipient)
        ) WITHOUT ROWID;
    "],
};

/// One recipient's fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// The recipient, as it was given.
    pub recipient: String,
    /// `delivered`, `temporary`, `permanent` or `unknown`.
    pub state: String,
    /// The reply's code, where there was one.
    pub code: Option<u16>,
    /// The reply's text, or the reason.
    pub text: String,
}

/// The journal of one run and its continuations.
#[derive(Debug)]
pub struct Sent {
    database: Database,
    wal: std::path::PathBuf,
    has_unsynced: bool,
}

impl Sent {
    /// Opens the journal, or begins it; another run that holds it is [`super::Error::InUse`].
    ///
    /// # Errors
    /// Those of [`Database::open`].
    pub fn open(path: &Path) -> Result<Self> {
        let database = Database::open(path, &LAYOUT)?;
        database.relax()?;
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        Ok(Self { database, wal: wal.into(), has_unsynced: false })
    }

    /// What is known of a message: recipient to state.
    ///
    /// # Errors
    /// SQLite's.
    pub fn states(&self, message: &str) -> Result<BTreeMap<String, String>> {
        self.database.read(|db| {
            let mut statement =
                db.prepare_cached("SELECT recipient, state FROM fates WHERE message = ?1")?;
            let rows = statement.query_map([message], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }

    /// Writes down fates of a message, at the time `now` in seconds since 1970; later ones
    /// replace earlier ones.
    ///
    /// # Errors
    /// SQLite's; then none was written.
    pub fn record(&mut self, message: &str, fates: &[Fate], now: i64) -> Result<()> {
        self.has_unsynced = true;
        self.database.write(|db| {
            let mut statement = db.prepare_cached(
                "INSERT OR REPLACE INTO fates (message, recipient, state, code, text, told)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for fate in fates {
                statement.execute((
                    message,
                    &fate.recipient,
                    &fate.state,
                    fate.code,
                    &fate.text,
                    now,
                ))?;
            }
            Ok(())
        })
    }

    /// Makes what was written stable against the end of the machine.
    ///
    /// # Errors
    /// The disk's.
    pub fn sync(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.has_unsynced) {
            return Ok(());
        }
        // SQLite holds its locks on the database itself, never on this file: it may be opened
        // and closed (POSIX advisory locks). Where it is not, a rollback journal is used, whose
        // every commit is stable.
        match File::open(&self.wal).and_then(|file| file.sync_data()) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(super::Error::File { path: self.wal.display().to_string(), source })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Dir;
    use super::*;

    fn fate(recipient: &str, state: &str) -> Fate {
        let text = "ok".to_owned();
        Fate { recipient: recipient.into(), state: state.into(), code: Some(250), text }
    }

    #[test]
    fn fates_are_there_for_the_next_run() {
        let dir = Dir::new();
        let path = dir.path().join("run.db");
        let mut journal = Sent::open(&path).expect("new");
        journal.record("1", &[fate("a@x", "delivered"), fate("b@x", "temporary")], 7).expect("it");
        journal.record("1", &[fate("b@x", "unknown")], 8).expect("written");
        journal.sync().expect("synced");
        assert!(Sent::open(&path).expect_err("held").is_in_use());
        drop(journal);
        let journal = Sent::open(&path).expect("free again");
        let states = journal.states("1").expect("read");
        assert_eq!(states["a@x"], "delivered");
        assert_eq!(states["b@x"], "unknown");
        assert!(journal.states("2").expect("read").is_empty());
    }
}
