//! What OfflineIMAP remembers: the UID of the far message in each file's name (`,U=`), the
//! flags that both sides had in a database for each folder, and the far folder's UIDVALIDITY in
//! a file of the far repository's.
//!
//! `~/.offlineimap/Account-NAME/LocalStatus-sqlite/FOLDER` has the table `status (id, flags,
//! mtime, labels)`; `~/.offlineimap/Repository-NAME/FolderValidity/FOLDER` has a number.
//! FOLDER is the folder's name with `.` for each separator.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rusqlite::{Connection, OpenFlags};

use super::{Known, Memory, Place, flags, home, text};
use crate::store::Flags;
use crate::ui::{Exit, Failure};

/// What OfflineIMAP knows of a folder, or why that is of no use.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn memory(place: &Place<'_>) -> Result<Result<Memory, String>> {
    let nothing = || Ok(Err("OfflineIMAP has left nothing about it".to_owned()));
    let Some(root) = place.state.map(Path::to_owned).or_else(|| home(".offlineimap")) else {
        return nothing();
    };
    let mut best: Option<HashMap<u32, Flags>> = None;
    let known = |known: &HashMap<u32, Flags>| {
        known.keys().filter(|number| place.numbers.contains_key(number)).count()
    };
    // Several accounts may have a folder of this name: that of this tree knows its files.
    for path in files(&root, "Account-", "LocalStatus-sqlite", place.folder) {
        let found = statuses(&path)?;
        if best.as_ref().is_none_or(|best| known(best) < known(&found)) {
            best = Some(found);
        }
    }
    let Some(statuses) = best else { return nothing() };
    let mut generations = Vec::new();
    for path in files(&root, "Repository-", "FolderValidity", place.folder) {
        generations.extend(text(&path)?.and_then(|text| text.trim().parse::<u32>().ok()));
    }
    // The near repository has a file, too: with a number that never changes.
    let same = generations.iter().find(|generation| **generation == place.far_uid_validity);
    let Some(far_uid_validity) = same.or(generations.first()).copied() else {
        return Ok(Err("OfflineIMAP has not written down its uidvalidity".to_owned()));
    };
    let mut messages: Vec<Known> = statuses
        .into_iter()
        .map(|(number, flags)| Known { far: number, near: number, flags })
        .collect();
    messages.sort_by_key(|message| message.far);
    Ok(Ok(Memory { far_uid_validity, messages }))
}

/// Files of a folder in each folder that begins like this, in order.
fn files(root: &Path, prefix: &str, below: &str, folder: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(below).join(folder.replace('/', ".")))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found
}

/// The messages of a database with their flags.
fn statuses(path: &Path) -> Result<HashMap<u32, Flags>> {
    let read = || -> rusqlite::Result<HashMap<u32, Flags>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        let mut statement = connection.prepare("SELECT id, flags FROM status WHERE id > 0")?;
        let rows = statement.query_map([], |row| {
            let letters: Option<String> = row.get(1)?;
            Ok((row.get(0)?, self::flags(&letters.unwrap_or_default())))
        })?;
        rows.collect()
    };
    read().map_err(|error| {
        let message = format!("{}: {error}", path.display());
        Failure::new(Exit::Data, message).hint("is OfflineIMAP at work?").into()
    })
}

#[cfg(test)]
mod tests {
    use super::super::Id;
    use super::*;

    #[test]
    fn the_database_that_knows_the_files_counts() {
        let dir = crate::state::testing::Dir::new();
        let make = |account: &str, rows: &str| {
            let folder = dir.path().join(account).join("LocalStatus-sqlite");
            std::fs::create_dir_all(&folder).expect("made");
            let database = Connection::open(folder.join("Lists.rust")).expect("made");
            let sql = format!(
                "CREATE TABLE status (id INTEGER PRIMARY KEY, flags VARCHAR(50), mtime INTEGER,
                 labels VARCHAR(256)); INSERT INTO status (id, flags) VALUES {rows};"
            );
            database.execute_batch(&sql).expect("filled");
        };
        make("Account-other", "(1, ''), (2, '')");
        make("Account-own", "(7, 'FS'), (9, '')");
        for (repository, number) in [("Repository-local", "42"), ("Repository-far", "1700\n")] {
            let folder = dir.path().join(repository).join("FolderValidity");
            std::fs::create_dir_all(&folder).expect("made");
            std::fs::write(folder.join("Lists.rust"), number).expect("written");
        }
        let numbers = HashMap::from([(7, Id::new("a,U=7")), (9, Id::new("b,U=9"))]);
        let place = Place {
            folder: "Lists/rust",
            directory: dir.path(),
            numbers: &numbers,
            far_uid_validity: 1700,
            state: Some(dir.path()),
        };
        let memory = memory(&place).expect("read").expect("known");
        assert_eq!(memory.far_uid_validity, 1700);
        let brief: Vec<(u32, usize)> =
            memory.messages.iter().map(|it| (it.far, it.flags.len())).collect();
        assert_eq!(brief, [(7, 2), (9, 0)]);
        let other = Place { folder: "INBOX", ..place };
        assert!(super::memory(&other).expect("read").is_err());
    }
}
