//! What a pair remembers between runs: its folders with the point up to which all is known,
//! its messages by their two ids, and the copies that were begun.
//!
//! A copy is written down as an *intent* before it is made and becomes a row after; an intent
//! that is found at the start of a run is a copy that may or may not have been made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Transaction, params};

use super::diff::{Both, Side};
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

mod reading;
mod writing;

#[cfg(test)]
mod tests;
