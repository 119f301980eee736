//! An index in a Maildir, for searches that come again: which messages may have a word.
//!
//! It is a SQLite file beside `cur` and `new`, with an FTS5 table of three-letter pieces
//! (<https://www.sqlite.org/fts5.html>, trigram tokenizer), and can be thrown away at any time.
//! Before each query it is brought up to date: where the folders say that nothing came, went or
//! was renamed since, nothing is read; else they are listed, and only what is new is read. Like
//! every reader of Maildirs it relies on files not being written to once they are delivered.
//!
//! The answer is a superset, and every message in it is looked at itself: the index says where
//! to look, never what matches. Words under three letters, regular expressions that need no word,
//! and what is not text it cannot answer; then all messages are looked at, as without it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use rusqlite::{Connection, OptionalExtension, params};

use super::files::{Kind, MailFile, Manner};
use crate::base::location::MaildirFile;
use crate::message::facts::Facts;
use crate::query::{Expr, Field, Pattern, Term, fold};
use crate::state::{self, Database, Layout};
use crate::store;
use crate::store::maildir::Maildir;
use crate::ui::report;

/// The file in the folder's directory.
const FILE: &str = "pillarbox-index.sqlite3";

/// Letters of a piece.
const PIECE: usize = 3;

/// Messages that are read and written at once.
const BATCH: usize = 512;

/// Most pieces that a query asks for: more narrow it no further.
const PIECES: usize = 64;

/// A directory's time is believed only when it was so long past at the time of the look: a
/// change in the same tick of a coarse clock would not show.
const SETTLED_NANOSECONDS: i64 = 2_000_000_000;

const LAYOUT: Layout = Layout {
    name: "an index of a Maildir",
    application_id: 0x5042_4958,
    migrations: &[
        "
        CREATE TABLE message (
            id INTEGER PRIMARY KEY,
            name BLOB NOT NULL UNIQUE,
            inode INTEGER NOT NULL,
            place INTEGER NOT NULL,
            path BLOB NOT NULL,
            flags TEXT NOT NULL,
            size INTEGER
        ) STRICT;
        CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), seen TEXT NOT NULL,
            documents INTEGER NOT NULL) STRICT;
        CREATE VIRTUAL TABLE pieces USING fts5(text, content='', contentless_delete=1,
            detail=none, tokenize='trigram case_sensitive 1');
        INSERT INTO pieces(pieces, rank) VALUES ('hashsize', 67108864);
    ",
        "
        -- Text without a charset has a default one now: everything is read again.
        INSERT INTO pieces(pieces) VALUES ('delete-all');
        DELETE FROM message;
        DELETE FROM state;
    ",
    ],
};

/// The messages of one folder of a Maildir that may match, by its index, which is made where there
/// is none. Where it cannot be had that is told, and it is all of them.
///
/// # Errors
/// The folder's.
pub fn candidates(
    maildir: &Maildir,
    folder: &Arc<str>,
    expr: &Expr,
    manner: Manner,
) -> store::Result<Vec<MailFile>> {
    let directory = maildir.directory(folder)?;
    let mut listed = None;
    if let Some(question) = question(expr) {
        match asked(maildir, folder, &directory, &question, manner, &mut listed) {
            Ok(candidates) => return Ok(candidates),
            Err(Unusable::Store(error)) => return Err(error),
            Err(Unusable::Index(why)) => {
                report::warning(&format!("{why}: searching without an index"));
            }
        }
    }
    listed.map_or_else(|| list(maildir, folder), Ok)
}

/// The messages of a folder as it is now.
///
/// # Errors
/// The folder's.
pub fn list(maildir: &Maildir, folder: &Arc<str>) -> store::Result<Vec<MailFile>> {
    let files = maildir.files(folder)?.into_iter();
    Ok(files
        .map(|file| MailFile {
            directory: file.directory,
            name: file.name,
            kind: Kind::Maildir,
            folder: Some(Arc::clone(folder)),
            flags: Some(file.flags),
            size: file.size,
        })
        .collect())
}

/// Why the index is of no use.
enum Unusable {
    Store(store::Error),
    Index(state::Error),
}

impl From<store::Error> for Unusable {
    fn from(error: store::Error) -> Self {
        Unusable::Store(error)
    }
}

impl From<state::Error> for Unusable {
    fn from(error: state::Error) -> Self {
        Unusable::Index(error)
    }
}

/// The messages that may match; `listed` is the folder, where that had to be listed.
fn asked(
    maildir: &Maildir,
    folder: &Arc<str>,
    directory: &Path,
    question: &str,
    manner: Manner,
    listed: &mut Option<Vec<MailFile>>,
) -> std::result::Result<Vec<MailFile>, Unusable> {
    let path = directory.join(FILE);
    let mut attempt = || -> std::result::Result<Vec<MailFile>, Unusable> {
        let mut index = Database::open(&path, &LAYOUT)?;
        refresh(&mut index, maildir, folder, directory, manner, listed)?;
        Ok(index.read(|connection| found(connection, question, directory, folder))?)
    };
    match attempt() {
        Err(Unusable::Index(error)) if !error.is_in_use() && is_disposable(&error) => {
            // Broken, or of another version: it is made anew.
            for suffix in ["", "-wal", "-shm", "-journal"] {
                let mut name = path.clone().into_os_string();
                name.push(suffix);
                let _ = std::fs::remove_file(PathBuf::from(name));
            }
            attempt()
        }
        other => other,
    }
}

/// Whether making the file anew could help.
fn is_disposable(error: &state::Error) -> bool {
    matches!(
        error,
        state::Error::Newer { .. } | state::Error::Foreign { .. } | state::Error::Sqlite { .. }
    )
}

/// Brings the index up to date.
fn refresh(
    index: &mut Database,
    maildir: &Maildir,
    folder: &Arc<str>,
    directory: &Path,
    manner: Manner,
    listed: &mut Option<Vec<MailFile>>,
) -> std::result::Result<(), Unusable> {
    let known: Option<(String, bool)> = index.read(|connection| {
        let row = "SELECT seen, documents FROM state";
        connection.query_row(row, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()
    })?;
    let has_documents = known.as_ref().is_some_and(|(_, documents)| *documents);
    let seen = seen(directory);
    if let (Some(seen), Some((known, _))) = (&seen, &known)
        && seen == known
        && (has_documents || !manner.documents)
    {
        return Ok(());
    }
    let list = list(maildir, folder)?;
    let inodes = inodes(directory).map_err(|error| store::Error::file(directory, error))?;
    let with_documents = manner.documents || has_documents;
    let all_anew = manner.documents && !has_documents;
    let mut rows: HashMap<Vec<u8>, (i64, i64)> = HashMap::new();
    if !all_anew {
        index.read(|connection| {
            let mut statement = connection.prepare("SELECT name, id, inode FROM message")?;
            let mut found = statement.query([])?;
            while let Some(row) = found.next()? {
                rows.insert(row.get(0)?, (row.get(1)?, row.get(2)?));
            }
            Ok(())
        })?;
    }
    let mut new = Vec::new();
    let mut kept = Vec::new();
    for (place, file) in (0_i64..).zip(&list) {
        let Some(named) = MaildirFile::new(file.path()) else { continue };
        let name = std::os::unix::ffi::OsStrExt::as_bytes(named.unique()).to_vec();
        let inode = inodes.get(&file.name).copied().unwrap_or(0);
        match rows.remove(&name) {
            Some((id, known)) if known == inode => kept.push((id, place, file)),
            Some((id, _)) => {
                rows.insert(name.clone(), (id, -1));
                new.push((name, inode, place, file));
            }
            None => new.push((name, inode, place, file)),
        }
    }
    index.write(|transaction| {
        if all_anew {
            transaction.execute_batch("DELETE FROM message; DELETE FROM pieces;")?;
        }
        // Until all is there, what is there is not said to be all.
        transaction.execute("DELETE FROM state", [])?;
        let mut forget = transaction.prepare("DELETE FROM message WHERE id = ?1")?;
        let mut forget_pieces = transaction.prepare("DELETE FROM pieces WHERE rowid = ?1")?;
        for (id, _) in rows.values() {
            forget.execute([id])?;
            forget_pieces.execute([id])?;
        }
        let change = "UPDATE message SET place = ?2, path = ?3, flags = ?4, size = ?5 \
            WHERE id = ?1 AND (place, path, flags) IS NOT (?2, ?3, ?4)";
        let mut change = transaction.prepare(change)?;
        for (id, place, file) in kept {
            change.execute(params![id, place, below(directory, file), flags(file), size(file)])?;
        }
        Ok(())
    })?;
    for batch in new.chunks(BATCH) {
        let texts: Vec<Option<String>> =
            batch.par_iter().map(|(.., file)| words(&file.path(), with_documents)).collect();
        index.write(|transaction| {
            let insert = "INSERT INTO message(name, inode, place, path, flags, size) \
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let mut insert = transaction.prepare_cached(insert)?;
            let mut insert_pieces =
                transaction.prepare_cached("INSERT INTO pieces(rowid, text) VALUES (?1, ?2)")?;
            for ((name, inode, place, file), text) in batch.iter().zip(texts) {
                // One that has gone, or was renamed, since it was listed: the next look finds it.
                let Some(text) = text else { continue };
                let path = below(directory, file);
                insert.execute(params![name, inode, place, path, flags(file), size(file)])?;
                insert_pieces.execute(params![transaction.last_insert_rowid(), text])?;
            }
            Ok(())
        })?;
    }
    // What could not be read is looked for again.
    let is_whole = index.read(|connection| {
        connection.query_row("SELECT count(*) FROM message", [], |row| row.get::<_, i64>(0))
    })? == i64::try_from(list.len()).unwrap_or(-1);
    let seen = seen.filter(|_| is_whole).unwrap_or_default();
    index.write(|transaction| {
        let insert = "INSERT INTO state(one, seen, documents) VALUES (1, ?1, ?2)";
        transaction.execute(insert, params![seen, with_documents])
    })?;
    if !is_whole {
        // A message that moved while it was read: this time all are looked at.
        *listed = Some(list);
        return Err(Unusable::Index(state::Error::InUse {
            path: directory.join(FILE).display().to_string(),
        }));
    }
    Ok(())
}

/// What the folder's directories look like; it changes whenever a message comes, goes or is
/// renamed. `None`: that cannot be relied on now.
fn seen(directory: &Path) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let now = i64::try_from(now.as_nanos()).ok()?;
    let mut all = String::new();
    for name in ["cur", "new", "dovecot-keywords"] {
        let (modified, len) = match std::fs::metadata(directory.join(name)) {
            Ok(told) => {
                let modified = told.mtime().checked_mul(1_000_000_000)?;
                (modified.checked_add(told.mtime_nsec())?, told.len())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (0, 0),
            Err(_) => return None,
        };
        if now.checked_sub(modified)? < SETTLED_NANOSECONDS {
            return None;
        }
        all.push_str(&format!("{modified}:{len} "));
    }
    Some(all)
}

/// The inode of each file: a file of the same name that is another one shows by it.
fn inodes(directory: &Path) -> io::Result<HashMap<std::ffi::OsString, i64>> {
    let mut inodes = HashMap::new();
    for name in ["cur", "new"] {
        for entry in std::fs::read_dir(directory.join(name))? {
            let entry = entry?;
            inodes.insert(entry.file_name(), entry.ino().cast_signed());
        }
    }
    Ok(inodes)
}

fn below(directory: &Path, file: &MailFile) -> Vec<u8> {
    let path = file.path();
    let path = path.strip_prefix(directory).unwrap_or(&path);
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec()
}

fn flags(file: &MailFile) -> String {
    file.flags.as_deref().unwrap_or_default().join(" ")
}

fn size(file: &MailFile) -> Option<i64> {
    file.size.and_then(|size| i64::try_from(size).ok())
}

/// Every word in a message, once, in folded case: of its header, its texts, and what its parts
/// say of themselves. `None`: it cannot be read.
fn words(path: &Path, with_documents: bool) -> Option<String> {
    let octets = std::fs::read(path).ok()?;
    let facts = Facts::new(&octets).with_documents(with_documents);
    let header = facts.header();
    let mut pieces = vec![header.lines()];
    pieces.extend(header.message_id());
    pieces.extend(header.references());
    for part in facts.parts() {
        pieces.push(part.content_type.clone());
        pieces.extend(part.charset.clone());
        pieces.extend(part.file_name.clone());
    }
    let folded: Vec<_> = pieces.iter().chain(facts.texts()).map(|text| fold(text)).collect();
    let mut known = HashSet::new();
    let mut out = String::new();
    for word in folded.iter().flat_map(|text| text.split_whitespace()) {
        if known.insert(word) {
            out.push_str(word);
            out.push('\n');
        }
    }
    // The tokenizer ends at the first NUL.
    Some(if out.contains('\0') { out.replace('\0', "\n") } else { out })
}

/// What the index is asked: FTS5's language. `None`: it cannot say anything.
fn question(expr: &Expr) -> Option<String> {
    match expr {
        Expr::All | Expr::Not(_) => None,
        Expr::And(list) => {
            let known: Vec<String> = list.iter().filter_map(question).collect();
            (!known.is_empty()).then(|| format!("({})", known.join(" AND ")))
        }
        Expr::Or(list) => {
            let known: Option<Vec<String>> = list.iter().map(question).collect();
            known.filter(|known| !known.is_empty()).map(|known| format!("({})", known.join(" OR ")))
        }
        Expr::Term(Term::Match(Field::Folder | Field::Account, _)) => None,
        Expr::Term(Term::Match(Field::Id, Pattern::Text(value))) => {
            let value = value.as_str();
            let inner = value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
            of_text(inner.unwrap_or(value))
        }
        Expr::Term(Term::Match(_, pattern) | Term::Header(_, pattern)) => {
            let words = pattern.needed()?;
            let known: Option<Vec<String>> = words.iter().map(|word| of_text(word)).collect();
            known.filter(|known| !known.is_empty()).map(|known| match known.as_slice() {
                [one] => one.clone(),
                several => format!("({})", several.join(" OR ")),
            })
        }
        Expr::Term(Term::Thread(id)) => {
            let inner = id.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
            of_text(inner.unwrap_or(id))
        }
        Expr::Term(_) => None,
    }
}

/// All pieces of a text's words.
fn of_text(text: &str) -> Option<String> {
    let folded = fold(text);
    let mut pieces: Vec<String> = Vec::new();
    for word in folded.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for piece in letters.windows(PIECE) {
            let piece = format!("\"{}\"", piece.iter().collect::<String>().replace('"', "\"\""));
            if !piece.contains('\0') && !pieces.contains(&piece) && pieces.len() < PIECES {
                pieces.push(piece);
            }
        }
    }
    (!pieces.is_empty()).then(|| format!("({})", pieces.join(" AND ")))
}

fn found(
    connection: &Connection,
    question: &str,
    directory: &Path,
    folder: &Arc<str>,
) -> rusqlite::Result<Vec<MailFile>> {
    use std::os::unix::ffi::OsStrExt;
    let mut statement = connection.prepare(
        "SELECT path, flags, size FROM message \
         WHERE id IN (SELECT rowid FROM pieces WHERE pieces MATCH ?1) ORDER BY place",
    )?;
    let mut directories: HashMap<PathBuf, Arc<Path>> = HashMap::new();
    let rows = statement.query_map([question], |row| {
        let path: Vec<u8> = row.get(0)?;
        let flags: String = row.get(1)?;
        let size: Option<i64> = row.get(2)?;
        let path = directory.join(std::ffi::OsStr::from_bytes(&path));
        let file = MailFile::at(&path, Kind::Maildir);
        let shared = directories.entry(file.directory.to_path_buf()).or_insert(file.directory);
        Ok(MailFile {
            directory: Arc::clone(shared),
            name: file.name,
            kind: file.kind,
            folder: Some(Arc::clone(folder)),
            flags: Some(flags.split_whitespace().map(str::to_owned).collect()),
            size: size.and_then(|size| u64::try_from(size).ok()),
        })
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests;
