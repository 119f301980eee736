//! What a pair remembers between runs: its folders with the point up to which all is known,
//! its messages by their two ids, and the copies that were begun.
//!
//! A copy is written down as an *intent* before it is made and becomes a row after; an intent
//! that is found at the start of a run is a copy that may or may not have been made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Transaction, params};

use super::diff::{Both, Row, Side};
use super::digest::{self, Digest};
use crate::state::{self, Database, Layout};
use crate::store::{Flags, Id, Stamp, Status};

const LAYOUT: Layout = Layout {
    name: "the state of a sync",
    application_id: 0x7062_7853,
    migrations: &[
        "
        CREATE TABLE pair (
            id   INTEGER PRIMARY KEY CHECK (id = 1),
            far  TEXT NOT NULL,
            near TEXT NOT NULL
        );
        CREATE TABLE folders (
            id                INTEGER PRIMARY KEY,
            name              TEXT NOT NULL UNIQUE,
            far_uid_validity  INTEGER NOT NULL,
            far_uid_next      INTEGER NOT NULL DEFAULT 0,
            far_messages      INTEGER NOT NULL DEFAULT 0,
            far_modseq        INTEGER,
            near_uid_validity INTEGER NOT NULL,
            near_uid_next     INTEGER NOT NULL DEFAULT 0,
            near_messages     INTEGER NOT NULL DEFAULT 0,
            near_modseq       INTEGER
        );
        CREATE TABLE messages (
            id     INTEGER PRIMARY KEY,
            folder INTEGER NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
            far    TEXT NOT NULL,
            near   TEXT NOT NULL,
            flags  TEXT NOT NULL
        );
        CREATE INDEX messages_of_folder ON messages (folder);
        CREATE TABLE intents (
            id         INTEGER PRIMARY KEY,
            folder     INTEGER NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
            target     TEXT NOT NULL CHECK (target IN ('far', 'near')),
            source     TEXT NOT NULL,
            message    INTEGER REFERENCES messages (id) ON DELETE CASCADE,
            flags      TEXT NOT NULL,
            digest     BLOB NOT NULL,
            message_id TEXT NOT NULL,
            uid_next   INTEGER NOT NULL,
            stored     INTEGER NOT NULL DEFAULT 0
        );
        CREATE INDEX intents_of_folder ON intents (folder);
        CREATE TABLE keywords (
            folder  INTEGER NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
            side    TEXT NOT NULL CHECK (side IN ('far', 'near')),
            name    TEXT NOT NULL COLLATE NOCASE,
            refused INTEGER NOT NULL,
            PRIMARY KEY (folder, side, name)
        ) WITHOUT ROWID;
    ",
        "
        CREATE TABLE leaving (
            message INTEGER PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE
        );
        CREATE TABLE choice (
            id   INTEGER PRIMARY KEY CHECK (id = 1),
            mark TEXT NOT NULL
        );
    ",
        "
        ALTER TABLE folders ADD COLUMN far_mailbox_id TEXT;
        ALTER TABLE folders ADD COLUMN near_mailbox_id TEXT;
        ALTER TABLE folders ADD COLUMN subscribed INTEGER;
        ALTER TABLE messages ADD COLUMN digest BLOB;
        ALTER TABLE messages ADD COLUMN header BLOB;
        ALTER TABLE intents ADD COLUMN header BLOB;
        ALTER TABLE intents ADD COLUMN moved INTEGER REFERENCES messages (id) ON DELETE SET NULL;
    ",
        "
        ALTER TABLE folders ADD COLUMN far_stamp BLOB;
        ALTER TABLE folders ADD COLUMN near_stamp BLOB;
    ",
        "
        CREATE TABLE near_names (
            folder TEXT PRIMARY KEY,
            near   TEXT NOT NULL
        ) WITHOUT ROWID;
    ",
    ],
};

/// The point of a folder's history up to which all was carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// Generation of the ids.
    pub uid_validity: u32,
    /// The next id then; 0 when unknown.
    pub uid_next: u32,
    /// Number of messages then.
    pub messages: u64,
    /// Mod-sequence up to which nothing was left; `None`: the whole folder has to be looked
    /// at again.
    pub modseq: Option<u64>,
    /// The same for a store without mod-sequences.
    pub stamp: Option<Stamp>,
}

impl Known {
    /// Of how a folder stands. `settled`: nothing that was seen of it is left to be done.
    pub fn new(status: &Status, settled: bool) -> Self {
        Self {
            uid_validity: status.uid_validity,
            uid_next: status.uid_next,
            messages: status.messages,
            modseq: status.highest_modseq.filter(|_| settled),
            stamp: status.stamp.filter(|_| settled),
        }
    }

    /// Knows no point of the folder's history any more.
    pub fn forget_point(&mut self) {
        (self.modseq, self.stamp) = (None, None);
    }
}

/// A folder that was synchronised before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFolder {
    /// Its key in the state.
    pub key: i64,
    /// Each side.
    pub sides: Both<Known>,
    /// Its identity on each side (MAILBOXID), where that side tells one.
    pub mailbox_ids: Both<Option<String>>,
    /// Whether it was subscribed to; `None` before that was looked at.
    pub subscribed: Option<bool>,
}

/// By what a message that is known can be told from all others; `None` where that was never
/// computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// The digest of its header block.
    pub header: Option<Digest>,
    /// The digest of the whole message.
    pub whole: Option<Digest>,
}

/// A copy that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its key in the state; `None` before it has been written there.
    pub key: Option<i64>,
    /// Where the copy goes.
    pub to: Side,
    /// The message's id on the other side.
    pub source: Id,
    /// Key of the row that it is the new copy for.
    pub row: Option<i64>,
    /// The flags that it gets.
    pub flags: Flags,
    /// Key of the row, in another folder, of the message that is moved here; `None`: it is
    /// copied.
    pub moved: Option<i64>,
    /// The digest of its content, by which it is found again.
    pub digest: Digest,
    /// The digest of its header block.
    pub header: Option<Digest>,
    /// Its Message-ID, or empty.
    pub message_id: String,
    /// The target's UIDNEXT before: the copy's id is not below it. 0 when unknown.
    pub uid_next: u32,
    /// The target has confirmed the copy, but not told where it is.
    pub stored: bool,
}

impl Intent {
    /// The word that the copy carries in its name, where the target names messages itself.
    /// Keys of intents are given again, so that the content is in it, too; `None` before the
    /// intent was written.
    pub fn token(&self) -> Option<String> {
        let key = self.key?;
        Some(format!("pb{key}.{}", digest::hex(&self.digest[..8])))
    }

    /// What is known of the content.
    pub fn marks(&self) -> Marks {
        Marks { header: self.header, whole: Some(self.digest) }
    }
}

/// What has to be known of a folder before anything in it is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opening {
    /// Rows that mean nothing any more.
    pub dropped_rows: Vec<i64>,
    /// Intents that are settled: the copy was found and is a row, or was never made.
    pub dropped_intents: Vec<i64>,
    /// Places in the list of rows that are new or have other ids.
    pub changed_rows: Vec<usize>,
    /// What was learnt of the content of rows, by their places.
    pub marks: BTreeMap<usize, Marks>,
    /// Keywords that turned out to be kept after all, or not.
    pub keywords: Vec<(Side, String, Keyword)>,
}

impl Opening {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is known of a keyword that was set on a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyword {
    /// It was set, and has not been seen since.
    Unconfirmed,
    /// It was set, and was not there afterwards.
    Refused,
    /// It was seen.
    Kept,
}

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Key of its intent.
    pub intent: i64,
    /// Key of the row that it is the new copy for.
    pub row: Option<i64>,
    /// Both ids.
    pub ids: Both<Id>,
    /// The flags that it got.
    pub flags: Flags,
    /// Its content.
    pub marks: Marks,
    /// Key of the row that is no more, as the message was moved away from there.
    pub moved: Option<i64>,
}

/// The state of one pair, locked against every other run.
pub struct State {
    database: Database,
    /// Breaks the run off at a write, as a crash would.
    #[cfg(test)]
    pub(super) fuse: Option<std::rc::Rc<super::tests::Fuse>>,
}

impl State {
    /// Where the state of a pair lies: named by a digest of both locations.
    ///
    /// # Errors
    /// [`state::Error::NoPlace`].
    pub fn usual_path(pair: &Both<String>) -> state::Result<PathBuf> {
        let digest = digest::of_parts(&[pair.far.as_bytes(), pair.near.as_bytes()]);
        let name = format!("{}.db", digest::hex(&digest[..16]));
        Ok(state::folder()?.join("sync").join(name))
    }

    /// Opens the state of a pair, or begins it.
    ///
    /// # Errors
    /// Those of [`Database::open`], and [`state::Error::Foreign`] where the file is another
    /// pair's.
    pub fn open(path: &Path, pair: &Both<String>) -> state::Result<Self> {
        Self::of(Database::open(path, &LAYOUT)?, pair)
    }

    /// State that is gone when it is dropped.
    ///
    /// # Errors
    /// SQLite's.
    pub fn in_memory(pair: &Both<String>) -> state::Result<Self> {
        Self::of(Database::in_memory(&LAYOUT)?, pair)
    }

    fn of(mut database: Database, pair: &Both<String>) -> state::Result<Self> {
        let found = database.read(|db| {
            db.query_row("SELECT far, near FROM pair", [], |row| {
                Ok(Both { far: row.get::<_, String>(0)?, near: row.get::<_, String>(1)? })
            })
            .optional()
        })?;
        match found {
            Some(found) if found != *pair => {
                let wanted = format!(
                    "the state of {} and {}, but of {} and {}",
                    pair.far, pair.near, found.far, found.near
                );
                return Err(state::Error::Foreign { path: database.path().to_owned(), wanted });
            }
            Some(_) => {}
            None => database.write(|db| {
                db.execute(
                    "INSERT INTO pair (id, far, near) VALUES (1, ?1, ?2)",
                    params![pair.far, pair.near],
                )
                .map(drop)
            })?,
        }
        Ok(Self {
            database,
            #[cfg(test)]
            fuse: None,
        })
    }

    /// Where it is, for messages.
    pub fn path(&self) -> &str {
        self.database.path()
    }

    /// All folders that were synchronised before, by name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn folders(&self) -> state::Result<BTreeMap<String, KnownFolder>> {
        self.database.read(|db| {
            let mut statement = db.prepare(
                "SELECT name, id, far_uid_validity, far_uid_next, far_messages, far_modseq,
                 near_uid_validity, near_uid_next, near_messages, near_modseq,
                 far_mailbox_id, near_mailbox_id, subscribed, far_stamp, near_stamp FROM folders",
            )?;
            let mut rows = statement.query([])?;
            let mut found = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let side = |at: usize, stamp: usize| -> rusqlite::Result<Known> {
                    let modseq: Option<i64> = row.get(at + 3)?;
                    Ok(Known {
                        uid_validity: row.get(at)?,
                        uid_next: row.get(at + 1)?,
                        messages: from_i64(row.get(at + 2)?),
                        modseq: modseq.map(from_i64),
                        stamp: row.get::<_, Option<[u8; 16]>>(stamp)?.map(Stamp),
                    })
                };
                let sides = Both { far: side(2, 13)?, near: side(6, 14)? };
                let name: String = row.get(0)?;
                let mailbox_ids = Both { far: row.get(10)?, near: row.get(11)? };
                let (key, subscribed) = (row.get(1)?, row.get(12)?);
                found.insert(name, KnownFolder { key, sides, mailbox_ids, subscribed });
            }
            Ok(found)
        })
    }

    /// The messages of a folder, in the order in which they became known.
    ///
    /// # Errors
    /// SQLite's.
    pub fn rows(&self, folder: i64) -> state::Result<Vec<Row>> {
        self.database.read(|db| {
            let mut statement = db.prepare(
                "SELECT id, far, near, flags FROM messages WHERE folder = ?1 ORDER BY id",
            )?;
            let rows = statement.query_map(params![folder], |row| {
                let flags: String = row.get(3)?;
                Ok(Row {
                    key: Some(row.get(0)?),
                    ids: Both { far: Id(row.get(1)?), near: Id(row.get(2)?) },
                    flags: flags_of(&flags),
                })
            })?;
            rows.collect()
        })
    }

    /// The folders in which something was begun and not recorded: a copy, or that messages
    /// leave the near side.
    ///
    /// # Errors
    /// SQLite's.
    pub fn unsettled(&self) -> state::Result<BTreeSet<i64>> {
        self.database.read(|db| {
            let mut statement = db.prepare(
                "SELECT folder FROM intents UNION
                 SELECT folder FROM leaving JOIN messages ON messages.id = leaving.message",
            )?;
            let folders = statement.query_map([], |row| row.get(0))?;
            folders.collect()
        })
    }

    /// The copies of a folder that were begun and not recorded.
    ///
    /// # Errors
    /// SQLite's.
    pub fn intents(&self, folder: i64) -> state::Result<Vec<Intent>> {
        self.database.read(|db| {
            let mut statement = db.prepare(
                "SELECT id, target, source, message, flags, digest, message_id, uid_next, stored,
                 moved, header FROM intents WHERE folder = ?1 ORDER BY id",
            )?;
            let rows = statement.query_map(params![folder], |row| {
                let target: String = row.get(1)?;
                let flags: String = row.get(4)?;
                Ok(Intent {
                    key: Some(row.get(0)?),
                    to: if target == Side::Far.name() { Side::Far } else { Side::Near },
                    source: Id(row.get(2)?),
                    row: row.get(3)?,
                    flags: flags_of(&flags),
                    digest: row.get(5)?,
                    message_id: row.get(6)?,
                    uid_next: row.get(7)?,
                    stored: row.get(8)?,
                    moved: row.get(9)?,
                    header: row.get(10)?,
                })
            })?;
            rows.collect()
        })
    }

    /// Keywords that were set on each side of a folder: first those that it cannot keep,
    /// then those of which that is not known.
    ///
    /// # Errors
    /// SQLite's.
    pub fn keywords(&self, folder: i64) -> state::Result<(Both<Flags>, Both<Flags>)> {
        self.database.read(|db| {
            let mut statement =
                db.prepare("SELECT side, name, refused FROM keywords WHERE folder = ?1")?;
            let mut rows = statement.query(params![folder])?;
            let (mut refused, mut unconfirmed): (Both<Flags>, Both<Flags>) = Default::default();
            while let Some(row) = rows.next()? {
                let side: String = row.get(0)?;
                let side = if side == Side::Far.name() { Side::Far } else { Side::Near };
                let name: String = row.get(1)?;
                let kind = if row.get(2)? { &mut refused } else { &mut unconfirmed };
                kind.of_mut(side).insert(&name);
            }
            Ok((refused, unconfirmed))
        })
    }

    /// Messages of a folder that are to leave the near side, and stay far, by their keys.
    ///
    /// # Errors
    /// SQLite's.
    pub fn leaving(&self, folder: i64) -> state::Result<Vec<i64>> {
        self.database.read(|db| {
            let mut statement = db.prepare(
                "SELECT messages.id FROM leaving JOIN messages ON messages.id = leaving.message
                 WHERE messages.folder = ?1",
            )?;
            let keys = statement.query_map(params![folder], |row| row.get(0))?;
            keys.collect()
        })
    }

    /// Writes down that messages are about to leave the near side, and stay far.
    ///
    /// # Errors
    /// SQLite's; then nothing was written.
    pub fn let_go(&mut self, messages: &[i64]) -> state::Result<()> {
        self.write(|db| {
            let mut insert = db.prepare("INSERT OR IGNORE INTO leaving (message) VALUES (?1)")?;
            for key in messages {
                insert.execute(params![key])?;
            }
            Ok(())
        })
    }

    /// Looks whether the file is sound, and forgets of two rows for one message the later; how
    /// many those were.
    ///
    /// # Errors
    /// SQLite's; [`state::Error::Foreign`] where the file is damaged.
    pub fn check(&mut self) -> state::Result<usize> {
        let verdict: String = self
            .database
            .read(|db| db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)))?;
        if verdict != "ok" {
            let (path, wanted) = (self.database.path().to_owned(), "a sound state".to_owned());
            return Err(state::Error::Foreign { path, wanted });
        }
        self.write(|db| {
            let mut doubled = 0;
            for side in Side::BOTH {
                let side = side.name();
                doubled += db.execute(
                    &format!(
                        "DELETE FROM messages WHERE id NOT IN
                         (SELECT min(id) FROM messages GROUP BY folder, {side})"
                    ),
                    [],
                )?;
            }
            if doubled > 0 {
                forget_points(db)?;
            }
            Ok(doubled)
        })
    }

    /// What the last run's choice of messages depended on; empty where there was none.
    ///
    /// # Errors
    /// SQLite's.
    pub fn choice(&self) -> state::Result<String> {
        let mark = self
            .database
            .read(|db| db.query_row("SELECT mark FROM choice", [], |row| row.get(0)).optional())?;
        Ok(mark.unwrap_or_default())
    }

    /// Writes down what the choice of messages depends on. With another one all folders are
    /// looked at again as a whole, because what was passed over may now be wanted.
    ///
    /// # Errors
    /// SQLite's; then nothing was written.
    pub fn choose(&mut self, mark: &str) -> state::Result<()> {
        if self.choice()? == mark {
            return Ok(());
        }
        self.write(|db| {
            forget_points(db)?;
            db.execute(
                "INSERT INTO choice (id, mark) VALUES (1, ?1)
                 ON CONFLICT (id) DO UPDATE SET mark = ?1",
                params![mark],
            )
            .map(drop)
        })
    }

    /// What folders are called near where that is not what they are called far, by their names
    /// far.
    ///
    /// # Errors
    /// SQLite's.
    pub fn near_names(&self) -> state::Result<BTreeMap<String, String>> {
        self.database.read(|db| {
            let mut statement = db.prepare("SELECT folder, near FROM near_names")?;
            let names = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            names.collect()
        })
    }

    /// Writes that down anew.
    ///
    /// # Errors
    /// SQLite's; then nothing was written.
    pub fn call(&mut self, near_names: &BTreeMap<String, String>) -> state::Result<()> {
        if self.near_names()? == *near_names {
            return Ok(());
        }
        self.write(|db| {
            db.execute("DELETE FROM near_names", [])?;
            let mut insert = db.prepare("INSERT INTO near_names (folder, near) VALUES (?1, ?2)")?;
            for (folder, near) in near_names {
                insert.execute(params![folder, near])?;
            }
            Ok(())
        })
    }

    /// Begins work in a folder: its generations, and all that `opening` says. Rows that are
    /// new get their keys. The folder's key.
    ///
    /// # Errors
    /// SQLite's; then nothing was written.
    pub fn open_folder(
        &mut self,
        name: &str,
        uid_validity: Both<u32>,
        mailbox_ids: &Both<Option<String>>,
        opening: &Opening,
        rows: &mut [Row],
    ) -> state::Result<i64> {
        let mut keys = Vec::new();
        let folder = self.write(|db| {
            // Another generation has another history: what was known of the old one is void.
            db.execute(
                "INSERT INTO folders (name, far_uid_validity, near_uid_validity,
                 far_mailbox_id, near_mailbox_id)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (name) DO UPDATE SET
                 far_modseq = iif(far_uid_validity = ?2
                 AND coalesce(far_mailbox_id = ?4, 1), far_modseq, NULL),
                 near_modseq = iif(near_uid_validity = ?3
                 AND coalesce(near_mailbox_id = ?5, 1), near_modseq, NULL),
                 far_stamp = iif(far_uid_validity = ?2
                 AND coalesce(far_mailbox_id = ?4, 1), far_stamp, NULL),
                 near_stamp = iif(near_uid_validity = ?3
                 AND coalesce(near_mailbox_id = ?5, 1), near_stamp, NULL),
                 far_uid_validity = ?2, near_uid_validity = ?3,
                 far_mailbox_id = coalesce(?4, far_mailbox_id),
                 near_mailbox_id = coalesce(?5, near_mailbox_id)",
                params![
                    name,
                    uid_validity.far,
                    uid_validity.near,
                    mailbox_ids.far,
                    mailbox_ids.near
                ],
            )?;
            let folder: i64 =
                db.query_row("SELECT id FROM folders WHERE name = ?1", params![name], |row| {
                    row.get(0)
                })?;
            delete(db, "intents", &opening.dropped_intents)?;
            delete(db, "messages", &opening.dropped_rows)?;
            for at in &opening.changed_rows {
                let row = &rows[*at];
                let marks = opening.marks.get(at).copied().unwrap_or_default();
                keys.push((*at, write_row(db, folder, row.key, &row.ids, &row.flags, marks)?));
            }
            for (at, marks) in &opening.marks {
                if let Some(key) = rows[*at].key {
                    write_marks(db, key, *marks)?;
                }
            }
            for (side, name, keyword) in &opening.keywords {
                write_keyword(db, folder, *side, name, *keyword)?;
            }
            Ok(folder)
        })?;
        for (at, key) in keys {
            rows[at].key = Some(key);
        }
        Ok(folder)
    }

    /// Writes down copies that are about to be made, and the keywords that they bring.
    ///
    /// # Errors
    /// SQLite's; then nothing was written.
    pub fn intend(
        &mut self,
        folder: i64,
        intents: &mut [Intent],
        keywords: &[(Side, String)],
    ) -> state::Result<()> {
        let keys = self.write(|db| {
            let mut insert = db.prepare(
                "INSERT INTO intents
                 (folder, target, source, message, flags, digest, message_id, uid_next, moved,
                 header) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?;
            let mut keys = Vec::new();
            for intent in intents.iter() {
                keys.push(insert.insert(params![
                    folder,
                    intent.to.name(),
                    intent.source.0,
                    intent.row,
                    text_of(&intent.flags),
                    intent.digest,
                    intent.message_id,
                    intent.uid_next,
                    intent.moved,
                    intent.header,
                ])?);
            }
            for (side, name) in keywords {
                write_keyword(db, folder, *side, name, Keyword::Unconfirmed)?;
            }
            Ok(keys)
        })?;
        for (intent, key) in intents.iter_mut().zip(keys) {
            intent.key = Some(key);
        }
        Ok(())
    }

    /// Writes down that copies were made whose place is not known.
    ///
    /// # Errors
    /// SQLite's; then nothing was written.
    pub fn stored(&mut self, intents: &[i64]) -> state::Result<()> {
        self.write(|db| {
            let mut update = db.prepare("UPDATE intents SET stored = 1 WHERE id = ?1")?;
            for key in intents {
                update.execute(params![key])?;
            }
            Ok(())
        })
    }

    /// What is known of the content of messages.
    ///
    /// # Errors
    /// SQLite's.
    pub fn marks(&self, rows: &[i64]) -> state::Result<Vec<Marks>> {
        self.database.read(|db| {
            let mut statement = db.prepare("SELECT header, digest FROM messages WHERE id = ?1")?;
            let mut found = Vec::with_capacity(rows.len());
            for key in rows {
                let marks = statement.query_row(params![key], |row| {
                    Ok(Marks { header: row.get(0)?, whole: row.get(1)? })
                });
                found.push(marks.optional()?.unwrap_or_default());
            }
            Ok(found)
        })
    }

    /// Knows folders by other names from now on.
    ///
    /// # Errors
    /// SQLite's; then nothing was written.
    pub fn rename_folders(&mut self, names: &[(i64, String)]) -> state::Result<()> {
        self.write(|db| {
            // Two may change their names with each other: none is called that by anybody.
            let mut update = db.prepare("UPDATE folders SET name = ?2 WHERE id = ?1")?;
            for (key, _) in names {
                update.execute(params![key, format!("\0{key}")])?;
            }
            for (key, name) in names {
                update.execute(params![key, name])?;
            }
            Ok(())
        })
    }

    /// Knows no longer of these folders and their messages.
    ///
    /// # Errors
    /// SQLite's; then nothing was written.
    pub fn forget_folders(&mut self, folders: &[i64]) -> state::Result<()> {
        self.write(|db| delete(db, "folders", folders))
    }

    /// Writes down which folders are subscribed to.
    ///
    /// # Errors
    /// SQLite's; then nothing was written.
    pub fn set_subscribed(&mut self, folders: &[(i64, bool)]) -> state::Result<()> {
        self.write(|db| {
            let mut update = db.prepare("UPDATE folders SET subscribed = ?2 WHERE id = ?1")?;
            for (key, subscribed) in folders {
                update.execute(params![key, subscribed])?;
            }
            Ok(())
        })
    }

    /// Makes intents into rows.
    ///
    /// # Errors
    /// SQLite's; then nothing was written.
    pub fn record(&mut self, folder: i64, copies: &[Made]) -> state::Result<()> {
        self.write(|db| record(db, folder, copies))
    }

    /// Makes intents of several folders into rows, knows messages by other flags from now on,
    /// and folders up to another point.
    ///
    /// # Errors
    /// SQLite's; then nothing was written.
    pub fn write_down(
        &mut self,
        copies: &[(i64, Vec<Made>)],
        flags: &[(i64, Flags)],
        settled: &[(i64, Both<Known>)],
    ) -> state::Result<()> {
        if copies.is_empty() && flags.is_empty() && settled.is_empty() {
            return Ok(());
        }
        self.write(|db| {
            for (folder, copies) in copies {
                record(db, *folder, copies)?;
            }
            let mut update = db.prepare("UPDATE messages SET flags = ?2 WHERE id = ?1")?;
            for (key, flags) in flags {
                update.execute(params![key, text_of(flags)])?;
            }
            settled.iter().try_for_each(|(folder, known)| settle(db, *folder, known))
        })
    }

    /// Writes down keywords that are about to be set.
    ///
    /// # Errors
    /// SQLite's; then nothing was written.
    pub fn set_keywords(&mut self, folder: i64, keywords: &[(Side, String)]) -> state::Result<()> {
        self.write(|db| {
            for (side, name) in keywords {
                write_keyword(db, folder, *side, name, Keyword::Unconfirmed)?;
            }
            Ok(())
        })
    }

    /// Knows no longer of these messages.
    ///
    /// # Errors
    /// SQLite's; then nothing was written.
    pub fn forget(&mut self, rows: &[i64]) -> state::Result<()> {
        self.write(|db| delete(db, "messages", rows))
    }

    fn write<T>(
        &mut self,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> state::Result<T> {
        #[cfg(test)]
        if let Some(fuse) = &self.fuse
            && fuse.burn() != super::tests::Burnt::Not
        {
            return Err(state::Error::NoPlace);
        }
        self.database.write(write)
    }
}

/// All folders are looked at again as a whole.
fn forget_points(db: &Transaction<'_>) -> rusqlite::Result<()> {
    let update = "UPDATE folders SET far_modseq = NULL, near_modseq = NULL, far_stamp = NULL,
         near_stamp = NULL";
    db.execute(update, []).map(drop)
}

fn delete(db: &Transaction<'_>, table: &str, keys: &[i64]) -> rusqlite::Result<()> {
    let mut delete = db.prepare(&format!("DELETE FROM {table} WHERE id = ?1"))?;
    for key in keys {
        delete.execute(params![key])?;
    }
    Ok(())
}

/// Makes intents into rows.
fn record(db: &Transaction<'_>, folder: i64, copies: &[Made]) -> rusqlite::Result<()> {
    for made in copies {
        write_row(db, folder, made.row, &made.ids, &made.flags, made.marks)?;
    }
    let moved: Vec<i64> = copies.iter().filter_map(|made| made.moved).collect();
    delete(db, "messages", &moved)?;
    let intents: Vec<i64> = copies.iter().map(|made| made.intent).collect();
    delete(db, "intents", &intents)
}

/// Writes down up to which point all in a folder was carried over.
fn settle(db: &Transaction<'_>, folder: i64, known: &Both<Known>) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE folders SET
         far_uid_validity = ?2, far_uid_next = ?3, far_messages = ?4, far_modseq = ?5,
         near_uid_validity = ?6, near_uid_next = ?7, near_messages = ?8, near_modseq = ?9,
         far_stamp = ?10, near_stamp = ?11
         WHERE id = ?1",
    )?
    .execute(params![
        folder,
        known.far.uid_validity,
        known.far.uid_next,
        to_i64(known.far.messages),
        known.far.modseq.map(to_i64),
        known.near.uid_validity,
        known.near.uid_next,
        to_i64(known.near.messages),
        known.near.modseq.map(to_i64),
        known.far.stamp.map(|stamp| stamp.0),
        known.near.stamp.map(|stamp| stamp.0),
    ])
    .map(drop)
}

fn write_row(
    db: &Transaction<'_>,
    folder: i64,
    key: Option<i64>,
    ids: &Both<Id>,
    flags: &Flags,
    marks: Marks,
) -> rusqlite::Result<i64> {
    if let Some(key) = key {
        let update = "UPDATE messages SET far = ?2, near = ?3, flags = ?4,
             digest = coalesce(?5, digest), header = coalesce(?6, header) WHERE id = ?1";
        let found = db.prepare_cached(update)?.execute(params![
            key,
            ids.far.0,
            ids.near.0,
            text_of(flags),
            marks.whole,
            marks.header,
        ])?;
        if found > 0 {
            return Ok(key);
        }
    }
    let insert = "INSERT INTO messages (folder, far, near, flags, digest, header)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    db.prepare_cached(insert)?.insert(params![
        folder,
        ids.far.0,
        ids.near.0,
        text_of(flags),
        marks.whole,
        marks.header,
    ])
}

fn write_marks(db: &Transaction<'_>, key: i64, marks: Marks) -> rusqlite::Result<()> {
    let update = "UPDATE messages SET digest = coalesce(?2, digest),
         header = coalesce(?3, header) WHERE id = ?1";
    db.prepare_cached(update)?.execute(params![key, marks.whole, marks.header]).map(drop)
}

fn write_keyword(
    db: &Transaction<'_>,
    folder: i64,
    side: Side,
    name: &str,
    keyword: Keyword,
) -> rusqlite::Result<()> {
    let sql = match keyword {
        // One that is known to be refused stays so.
        Keyword::Unconfirmed => "INSERT OR IGNORE INTO keywords VALUES (?1, ?2, ?3, 0)",
        Keyword::Refused => "INSERT OR REPLACE INTO keywords VALUES (?1, ?2, ?3, 1)",
        Keyword::Kept => "DELETE FROM keywords WHERE folder = ?1 AND side = ?2 AND name = ?3",
    };
    db.prepare_cached(sql)?.execute(params![folder, side.name(), name]).map(drop)
}

/// Flags in one text, by LF: no name of a flag holds one.
fn text_of(flags: &Flags) -> String {
    let names: Vec<&str> = flags.iter().map(crate::store::Flag::name).collect();
    names.join("\n")
}

fn flags_of(text: &str) -> Flags {
    text.split('\n').filter(|name| !name.is_empty()).collect()
}

/// SQLite's integers have a sign; RFC 7162 keeps mod-sequences below 2^63.
fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_i64(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests;
