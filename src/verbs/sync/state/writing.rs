//! What a pair remembers, written down: each call is one transaction.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};

use super::{Intent, Keyword, Known, Made, Marks, Opening, State, text_of, to_i64};
use crate::state;
use crate::store::{Flags, Id};
use crate::verbs::sync::diff::{Both, Row, Side};

impl State {
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

    /// Forgets copies that were not made after all.
    ///
    /// # Errors
    /// SQLite's; then nothing was written.
    pub fn not_made(&mut self, intents: &[i64]) -> state::Result<()> {
        self.write(|db| delete(db, "intents", intents))
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
