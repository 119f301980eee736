//! What `fetch` remembers: which messages of a source have reached which targets, and when.
//!
//! Messages are named by UIDL, or by UIDVALIDITY and UID; never by `\Seen`, which is the
//! user's own. A rerun goes only to targets that are not recorded here, and a message is old
//! enough to be deleted by the time of its first delivery.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rusqlite::params;

use super::{Database, Layout, Lock, Result};

const LAYOUT: Layout = Layout {
    name: "what fetch has seen",
    application_id: 0x7062_7846,
    migrations: &[
        "
        CREATE TABLE sources (
            id   INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE
        );
        CREATE TABLE deliveries (
            source     INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
            generation INTEGER NOT NULL,
            message    TEXT NOT NULL,
            target     TEXT NOT NULL,
            delivered  INTEGER NOT NULL,
            PRIMARY KEY (source, generation, message, target)
        ) WITHOUT ROWID;
    ",
        "
        CREATE TABLE contents (
            target TEXT NOT NULL,
            digest BLOB NOT NULL,
            PRIMARY KEY (target, digest)
        ) WITHOUT ROWID;
    ",
    ],
};

/// The deliveries of one message: each target with its time in seconds since 1970.
pub type Deliveries = BTreeMap<String, i64>;

/// One message that has reached one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The message's UIDL, or its UID in decimal.
    pub message: String,
    /// The target, spelled as a location.
    pub target: String,
}

/// The record of all sources of one user.
#[derive(Debug)]
pub struct Seen {
    database: Database,
    /// The folder of the locks; `None`: nobody else sees this record.
    locks: Option<PathBuf>,
    /// The sources that this run holds.
    held: BTreeMap<String, Lock>,
}

impl Seen {
    /// The usual file.
    ///
    /// # Errors
    /// [`super::Error::NoPlace`].
    pub fn usual_path() -> Result<PathBuf> {
        Ok(super::folder()?.join("fetch").join("seen.db"))
    }

    /// Opens the record, or begins it. Runs of different sources share it.
    ///
    /// # Errors
    /// Those of [`Database::open_shared`].
    pub fn open(path: &Path) -> Result<Self> {
        let locks = path.with_extension("locks");
        let database = Database::open_shared(path, &LAYOUT)?;
        Ok(Self { database, locks: Some(locks), held: BTreeMap::new() })
    }

    /// Keeps other runs from `source` until this one ends.
    ///
    /// # Errors
    /// [`super::Error::InUse`] where another run has it, and the disk's.
    pub fn hold(&mut self, source: &str) -> Result<()> {
        let Some(locks) = self.locks.as_ref().filter(|_| !self.held.contains_key(source)) else {
            return Ok(());
        };
        // A location may be longer than a file name, and hold what no file name can.
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, source.as_bytes());
        let name: String = digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
        let lock = Lock::take(&locks.join(name), source)?;
        self.held.insert(source.to_owned(), lock);
        Ok(())
    }

    /// A record that is gone when it is dropped.
    ///
    /// # Errors
    /// SQLite's.
    pub fn in_memory() -> Result<Self> {
        let database = Database::in_memory(&LAYOUT)?;
        Ok(Self { database, locks: None, held: BTreeMap::new() })
    }

    /// Every message of `source` that has reached a target. `source` is a folder's location
    /// without password; `generation` its UIDVALIDITY, 0 for POP3.
    ///
    /// # Errors
    /// SQLite's.
    pub fn deliveries(
        &self,
        source: &str,
        generation: u32,
    ) -> Result<BTreeMap<String, Deliveries>> {
        self.database.read(|db| {
            let mut statement = db.prepare(
                "SELECT message, target, delivered FROM deliveries
                 WHERE source = (SELECT id FROM sources WHERE name = ?1) AND generation = ?2",
            )?;
            let mut rows = statement.query(params![source, generation])?;
            let mut found: BTreeMap<String, Deliveries> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                found.entry(row.get(0)?).or_default().insert(row.get(1)?, row.get(2)?);
            }
            Ok(found)
        })
    }

    /// Records a batch that its targets have confirmed; `now` in seconds since 1970. A
    /// delivery that is recorded already keeps its time.
    ///
    /// # Errors
    /// SQLite's; then nothing of the batch is recorded.
    pub fn record(
        &mut self,
        source: &str,
        generation: u32,
        batch: &[Delivered],
        now: i64,
    ) -> Result<()> {
        self.database.write(|db| {
            db.execute("INSERT OR IGNORE INTO sources (name) VALUES (?1)", params![source])?;
            let mut insert = db.prepare(
                "INSERT OR IGNORE INTO deliveries (source, generation, message, target, delivered)
                 VALUES ((SELECT id FROM sources WHERE name = ?1), ?2, ?3, ?4, ?5)",
            )?;
            for one in batch {
                insert.execute(params![source, generation, one.message, one.target, now])?;
            }
            Ok(())
        })
    }

    /// Whether a target has got a message with this digest, in whatever run wrote that down.
    ///
    /// # Errors
    /// SQLite's.
    pub fn has_content(&self, target: &str, digest: &[u8; 32]) -> Result<bool> {
        self.database.read(|db| {
            db.prepare_cached("SELECT 1 FROM contents WHERE target = ?1 AND digest = ?2")?
                .exists(params![target, digest])
        })
    }

    /// Records the digests of what targets have got.
    ///
    /// # Errors
    /// SQLite's; then nothing of it is recorded.
    pub fn record_contents(&mut self, contents: &[(&str, &[u8])]) -> Result<()> {
        if contents.is_empty() {
            return Ok(());
        }
        self.database.write(|db| {
            let mut insert =
                db.prepare("INSERT OR IGNORE INTO contents (target, digest) VALUES (?1, ?2)")?;
            for (target, digest) in contents {
                insert.execute(params![target, digest])?;
            }
            Ok(())
        })
    }

    /// Drops what is recorded of messages that are no longer in the source, and of its other
    /// generations; to be called with a whole listing only.
    ///
    /// # Errors
    /// SQLite's.
    pub fn keep_only(
        &mut self,
        source: &str,
        generation: u32,
        present: &BTreeSet<String>,
    ) -> Result<()> {
        let recorded = self.deliveries(source, generation)?;
        self.database.write(|db| {
            db.execute(
                "DELETE FROM deliveries
                 WHERE source = (SELECT id FROM sources WHERE name = ?1) AND generation <> ?2",
                params![source, generation],
            )?;
            let mut delete = db.prepare(
                "DELETE FROM deliveries
                 WHERE source = (SELECT id FROM sources WHERE name = ?1)
                 AND generation = ?2 AND message = ?3",
            )?;
            for message in recorded.keys().filter(|message| !present.contains(*message)) {
                delete.execute(params![source, generation, message])?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Dir;
    use super::*;

    fn delivered(message: &str, target: &str) -> Delivered {
        Delivered { message: message.into(), target: target.into() }
    }

    #[test]
    fn each_target_is_remembered_for_itself_and_across_runs() {
        let dir = Dir::new();
        let path = dir.path().join("seen.db");
        let mut seen = Seen::open(&path).expect("new");
        let batch = [delivered("1", "maildir:/a"), delivered("2", "maildir:/a")];
        seen.record("imap://h/INBOX", 7, &batch, 100).expect("recorded");
        drop(seen);
        let mut seen = Seen::open(&path).expect("there");
        let more = [delivered("1", "mbox:/b"), delivered("1", "maildir:/a")];
        seen.record("imap://h/INBOX", 7, &more, 200).expect("recorded");
        let found = seen.deliveries("imap://h/INBOX", 7).expect("readable");
        assert_eq!(
            found["1"],
            Deliveries::from([("maildir:/a".to_owned(), 100), ("mbox:/b".to_owned(), 200)])
        );
        assert_eq!(found["2"], Deliveries::from([("maildir:/a".to_owned(), 100)]));
        assert!(seen.deliveries("imap://h/INBOX", 8).expect("readable").is_empty());
        assert!(seen.deliveries("pop3://h", 7).expect("readable").is_empty());
    }

    #[test]
    fn runs_of_different_sources_share_the_record() {
        let dir = Dir::new();
        let path = dir.path().join("seen.db");
        let (mut one, mut other) =
            (Seen::open(&path).expect("new"), Seen::open(&path).expect("open"));
        one.hold("imap://h/a").expect("free");
        one.hold("imap://h/a").expect("its own");
        other.hold("imap://h/b").expect("free");
        assert!(other.hold("imap://h/a").expect_err("held").is_in_use());
        one.record("imap://h/a", 1, &[delivered("1", "t")], 1).expect("recorded");
        other.record("imap://h/b", 1, &[delivered("2", "t")], 1).expect("recorded");
        assert_eq!(one.deliveries("imap://h/b", 1).expect("readable").len(), 1);
        drop(one);
        other.hold("imap://h/a").expect("free again");
        assert_eq!(other.deliveries("imap://h/a", 1).expect("readable").len(), 1);
    }

    #[test]
    fn contents_are_each_target_s_own() {
        let mut seen = Seen::in_memory().expect("new");
        let (one, two) = ([1; 32], [2; 32]);
        seen.record_contents(&[("a", &one), ("b", &two), ("a", &one)]).expect("recorded");
        let has = |target: &str, digest| seen.has_content(target, digest).expect("readable");
        assert!(has("a", &one) && has("b", &two));
        assert!(!has("a", &two) && !has("b", &one) && !has("c", &one));
    }

    #[test]
    fn what_has_left_the_source_is_forgotten() {
        let mut seen = Seen::in_memory().expect("new");
        let batch = [delivered("1", "t"), delivered("2", "t")];
        seen.record("s", 7, &batch, 100).expect("recorded");
        seen.record("s", 6, &batch, 100).expect("recorded");
        seen.record("other", 6, &batch, 100).expect("recorded");
        seen.keep_only("s", 7, &BTreeSet::from(["2".to_owned()])).expect("swept");
        assert_eq!(seen.deliveries("s", 7).expect("readable").len(), 1);
        assert!(seen.deliveries("s", 6).expect("readable").is_empty());
        assert_eq!(seen.deliveries("other", 6).expect("readable").len(), 2);
    }
}
