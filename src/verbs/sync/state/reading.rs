//! What a pair remembers, read.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, params};

use super::{Intent, Known, KnownFolder, Marks, State, flags_of, from_i64};
use crate::state;
use crate::store::{Flags, Id, Stamp};
use crate::verbs::sync::diff::{Both, Row, Side};

impl State {
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
}
