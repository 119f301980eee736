//! A folder of `.eml` files, one message a file, and single files.
//!
//! Ids are the names of the files. Octets are kept as they come, CRLF or LF. A file's date is
//! the message's; there are no flags, and no folders in the folder. Files appear whole or
//! not at all: written under a temporary name, flushed, and renamed without replacing.

use std::fs::{File, FileTimes};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use rustix::fs::AtFlags;

use super::durable::{
    Durability, SINGLE_FLUSHES, create_folder, create_new, flush_files, flush_folder, rename_new,
};
use super::local::{push_file, received, system_time};
use super::{Deleted, Error, Id, Listed, Meta, Result, Sink, Spool, What};

/// Longest name that is made for a file, in octets, without ending and number: short enough
/// for every file system.
const NAME_OCTETS: usize = 120;

/// How many names are tried before the folder is called full of them.
const ATTEMPTS: u32 = 100_000;

/// A folder of `.eml` files, or one file.
pub struct Eml {
    path: PathBuf,
    is_file: bool,
    buffer: Vec<u8>,
}

impl Eml {
    /// The folder or the file at `path`.
    ///
    /// # Errors
    /// [`Error::File`] where there is nothing.
    pub fn open(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|error| Error::file(path, error))?;
        Ok(Self { path: path.to_owned(), is_file: !metadata.is_dir(), buffer: Vec::new() })
    }

    /// The file of a message; `None` for an id that is not the name of one.
    fn file(&self, id: &Id) -> Option<PathBuf> {
        let name = Path::new(&*id.0);
        if self.is_file {
            return (self.path.file_name() == name.file_name()).then(|| self.path.clone());
        }
        // The name must be one component: no way leads out of the folder.
        let is_plain = name.file_name().is_some_and(|plain| plain == name.as_os_str());
        (is_plain && is_eml(name)).then(|| self.path.join(name))
    }
}

fn is_eml(name: &Path) -> bool {
    let hidden = name.as_os_str().as_bytes().starts_with(b".");
    !hidden && name.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("eml"))
}

#[async_trait(?Send)]
impl Spool for Eml {
    /// In the order of the names. Files whose names are not UTF-8 cannot be named, and are
    /// an error rather than passed over.
    async fn list(&mut self) -> Result<Vec<Listed>> {
        let mut found = Vec::new();
        let mut paths = vec![self.path.clone()];
        if !self.is_file {
            let failed = |error| Error::file(&self.path, error);
            paths.clear();
            for entry in std::fs::read_dir(&self.path).map_err(failed)? {
                let path = entry.map_err(failed)?.path();
                if path.file_name().is_some_and(|name| is_eml(Path::new(name))) {
                    paths.push(path);
                }
            }
            paths.sort();
        }
        for path in paths {
            let metadata = match std::fs::metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(|error| Error::file(&path, error))?,
            };
            // In a folder: neither directories nor pipes that nobody writes to.
            if metadata.is_dir() || (!self.is_file && !metadata.is_file()) {
                continue;
            }
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                let wrong = io::Error::new(io::ErrorKind::InvalidData, "its name is not UTF-8");
                return Err(Error::file(&path, wrong));
            };
            let id = Id::new(name.to_owned());
            found.push(Listed { id, size: Some(metadata.len()), flags: None });
        }
        Ok(found)
    }

    async fn read(&mut self, ids: &[Id], what: &What, sink: &mut dyn Sink) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        for id in ids {
            let Some(path) = self.file(id) else { continue };
            let failed = |error| Error::file(&path, error);
            let mut file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(failed)?,
            };
            let received = received(&file.metadata().map_err(failed)?);
            let meta = Meta { id: id.clone(), size: None, flags: None, received: Some(received) };
            push_file(&path, &mut file, meta, what, sink, &mut buffer).await?;
        }
        self.buffer = buffer;
        Ok(())
    }

    async fn delete(&mut self, ids: &[Id]) -> Result<Deleted> {
        for path in ids.iter().filter_map(|id| self.file(id)) {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other.map_err(|error| Error::file(&path, error))?,
            }
        }
        Ok(Deleted::Gone)
    }

    async fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Writes messages into a folder, in batches.
pub struct Writer {
    path: PathBuf,
    folder: Arc<File>,
    durability: Durability,
    open: Option<Open>,
    batch: Batch,
}

struct Open {
    temporary: String,
    name: String,
    file: File,
}

/// Whole files under temporary names.
struct Batch {
    folder: Arc<File>,
    path: PathBuf,
    durability: Durability,
    /// Temporary names, and the names that are wanted.
    messages: Vec<(String, String)>,
    placed: usize,
    files: Vec<File>,
}

impl Writer {
    /// Writes into the folder at `path`, which is made where it is missing, mode 0700.
    ///
    /// # Errors
    /// The disk's.
    pub fn new(path: &Path, durability: Durability) -> Result<Self> {
        let failed = |error| Error::file(path, error);
        create_folder(path, durability).map_err(failed)?;
        let folder = Arc::new(File::open(path).map_err(failed)?);
        let batch = Batch::new(Arc::clone(&folder), path.to_owned(), durability);
        Ok(Self { path: path.to_owned(), folder, durability, open: None, batch })
    }

    /// Begins a message; one that was not ended is given up. Its file will be called by
    /// `name`, made safe, with a number where that is taken, and `.eml`.
    ///
    /// # Errors
    /// The disk's.
    pub fn start(&mut self, name: &str) -> Result<()> {
        self.give_up();
        let process = std::process::id();
        let mut number = self.batch.messages.len();
        loop {
            let temporary = format!(".pillarbox-{process}-{number}.tmp");
            match create_new(&self.folder, &temporary) {
                Ok(file) => {
                    self.open = Some(Open { temporary, name: safe_name(name), file });
                    return Ok(());
                }
                // A leftover, or another writer of this process.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(Error::file(&self.path, error)),
            }
        }
    }

    /// The next octets of the message. Without one that was started, nothing happens.
    ///
    /// # Errors
    /// The disk's; then the message is given up.
    pub fn write(&mut self, octets: &[u8]) -> Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let written = open.file.write_all(octets);
        self.checked(written)
    }

    /// The message is whole, and waits for the commit.
    ///
    /// # Errors
    /// The disk's; then the message is given up.
    pub fn close(&mut self, received: Option<super::Received>) -> Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let dated = match received.and_then(|received| system_time(received.seconds)) {
            Some(time) => open.file.set_times(FileTimes::new().set_modified(time)),
            None => Ok(()),
        };
        self.checked(dated)?;
        if let Some(open) = self.open.take() {
            self.batch.messages.push((open.temporary, open.name));
            let few = self.batch.messages.len() <= SINGLE_FLUSHES;
            if few && self.durability == Durability::Durable {
                self.batch.files.push(open.file);
            } else {
                self.batch.files.clear();
            }
        }
        Ok(())
    }

    /// Gives the files their names; the ids in the order in which they were closed. When it
    /// answers, they are there to stay. A message that is still open is given up.
    ///
    /// Not cancel-safe: the batch is written all the same, and nobody learns its ids.
    ///
    /// # Errors
    /// The disk's; then some of the messages may be there, and the others are not.
    pub async fn commit(&mut self) -> Result<Vec<Id>> {
        self.give_up();
        let fresh = Batch::new(Arc::clone(&self.folder), self.path.clone(), self.durability);
        let batch = std::mem::replace(&mut self.batch, fresh);
        match tokio::task::spawn_blocking(move || batch.settle()).await {
            Ok(settled) => settled,
            Err(lost) => Err(Error::Unknown(format!("writing eml files: {lost}"))),
        }
    }

    fn checked(&mut self, outcome: io::Result<()>) -> Result<()> {
        outcome.map_err(|error| {
            self.give_up();
            Error::file(&self.path, error)
        })
    }

    fn give_up(&mut self) {
        if let Some(open) = self.open.take() {
            remove(&self.folder, &open.temporary);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.give_up();
    }
}

#[async_trait(?Send)]
impl Sink for Writer {
    /// Names the file by the message's id.
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.start(&message.id.0)
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.write(octets)
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        self.close(message.received)
    }
}

/// Takes a temporary file away; where that does not work, a hidden file stays behind.
fn remove(folder: &File, name: &str) {
    let _ = rustix::fs::unlinkat(folder, name, AtFlags::empty());
}

impl Batch {
    fn new(folder: Arc<File>, path: PathBuf, durability: Durability) -> Self {
        Self { folder, path, durability, messages: Vec::new(), placed: 0, files: Vec::new() }
    }

    /// It blocks.
    fn settle(mut self) -> Result<Vec<Id>> {
        if self.messages.is_empty() {
            return Ok(Vec::new());
        }
        let durable = self.durability == Durability::Durable;
        if durable {
            let names: Vec<&str> = self.messages.iter().map(|(name, _)| name.as_str()).collect();
            flush_files(&self.folder, &self.files, &names)
                .map_err(|error| Error::file(&self.path, error))?;
        }
        let mut ids = Vec::with_capacity(self.messages.len());
        while let Some((temporary, name)) = self.messages.get(self.placed) {
            let placed = place(&self.folder, temporary, name);
            ids.push(Id::new(placed.map_err(|error| Error::file(&self.path, error))?));
            self.placed += 1;
        }
        if durable {
            flush_folder(&self.folder).map_err(|error| Error::file(&self.path, error))?;
        }
        Ok(ids)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        for (temporary, _) in &self.messages[self.placed..] {
            remove(&self.folder, temporary);
        }
    }
}

/// Renames a file to the first free name: `name.eml`, `name-2.eml` and so on.
fn place(folder: &File, temporary: &str, name: &str) -> io::Result<String> {
    for number in 1..=ATTEMPTS {
        let target = match number {
            1 => format!("{name}.eml"),
            _ => format!("{name}-{number}.eml"),
        };
        match rename_new(folder, Path::new(temporary), folder, Path::new(&target)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other.map(|()| target),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "too many files of one name"))
}

/// A name without anything that a shell, a terminal or a file system might take for more
/// than a name. A final `.eml` is dropped; an empty name is `message`.
pub fn safe_name(name: &str) -> String {
    let stem = match name.len().checked_sub(4).and_then(|at| name.split_at_checked(at)) {
        Some((stem, ending)) if ending.eq_ignore_ascii_case(".eml") => stem,
        _ => name,
    };
    let mut safe = String::with_capacity(stem.len());
    for character in stem.chars() {
        let good = character.is_alphanumeric() || matches!(character, '.' | '-' | '_' | '@' | '=');
        let next = if good { character } else { '_' };
        if safe.len() + next.len_utf8() > NAME_OCTETS {
            break;
        }
        // Neither hidden nor an option.
        if safe.is_empty() && matches!(next, '.' | '-') {
            safe.push('_');
            continue;
        }
        safe.push(next);
    }
    if safe.is_empty() { "message".to_owned() } else { safe }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::testing::{Collected, Dir, run};
    use super::*;
    use crate::store::Received;

    #[test]
    fn names_are_safe() {
        for (name, safe) in [
            ("INBOX;UID=7", "INBOX_UID=7"),
            ("../../etc/passwd", "_._.._etc_passwd"),
            ("", "message"),
            ("a.EML", "a"),
            (".eml", "message"),
            ("-rf", "_rf"),
            ("a\0b\n\u{202e}c", "a_b__c"),
            ("é.eml", "é"),
        ] {
            assert_eq!(safe_name(name), safe, "{name:?}");
        }
        assert!(safe_name(&"é".repeat(500)).len() <= NAME_OCTETS);
    }

    #[test]
    fn files_appear_at_the_commit() {
        for durability in [Durability::Durable, Durability::Fast] {
            run(async {
                let dir = Dir::new();
                let path = dir.path().join("out");
                let mut writer = Writer::new(&path, durability).expect("made");
                let received = Received { seconds: 1_000, offset_seconds: 0 };
                for number in 0..7 {
                    writer.start("a/b").expect("started");
                    writer.write(format!("x: {number}\r\n").as_bytes()).expect("written");
                    writer.close(Some(received)).expect("closed");
                }
                writer.start("given up").expect("started");
                let mut store = Eml::open(&path).expect("there");
                assert!(store.list().await.expect("listed").is_empty());
                let ids = writer.commit().await.expect("written");
                assert_eq!(ids[0], Id::new("a_b.eml"));
                assert_eq!(ids[6], Id::new("a_b-7.eml"));
                assert_eq!(std::fs::read_dir(&path).expect("there").count(), 7);
                let mode = std::fs::metadata(path.join("a_b.eml")).expect("there").permissions();
                assert_eq!(mode.mode() & 0o777, 0o600);
                let listed = store.list().await.expect("listed");
                assert_eq!(listed.len(), 7);
                let mut sink = Collected::default();
                store.read(&ids[1..2], &What::Whole, &mut sink).await.expect("readable");
                assert_eq!(sink.bodies(), [b"x: 1\r\n"]);
                assert_eq!(sink.messages[0].0.received, Some(received));
                store.delete(&ids[1..]).await.expect("deleted");
                assert_eq!(store.list().await.expect("listed").len(), 1);
            });
        }
    }

    #[test]
    fn no_id_leads_out_of_the_folder() {
        run(async {
            let dir = Dir::new();
            std::fs::write(dir.path().join("secret.eml"), b"x").expect("written");
            let inside = dir.path().join("inside");
            std::fs::create_dir(&inside).expect("made");
            std::fs::write(inside.join("notes.txt"), b"x").expect("written");
            let mut store = Eml::open(&inside).expect("there");
            let ids = ["../secret.eml", "/etc/passwd", "..", "", "notes.txt", "none.eml"]
                .map(|name| Id::new(name.to_owned()));
            let mut sink = Collected::default();
            store.read(&ids, &What::Whole, &mut sink).await.expect("nothing is there");
            store.delete(&ids).await.expect("nothing is there");
            assert!(sink.messages.is_empty());
            assert!(dir.path().join("secret.eml").exists() && inside.join("notes.txt").exists());
        });
    }

    #[test]
    fn a_single_file_is_a_folder_of_one() {
        run(async {
            let dir = Dir::new();
            let path = dir.path().join("mail.txt");
            std::fs::write(&path, b"Subject: x\n\nbody\n").expect("written");
            let mut store = Eml::open(&path).expect("there");
            let ids: Vec<Id> =
                store.list().await.expect("listed").into_iter().map(|l| l.id).collect();
            assert_eq!(ids, [Id::new("mail.txt")]);
            let mut sink = Collected::default();
            store.read(&ids, &What::Headers, &mut sink).await.expect("readable");
            assert_eq!(sink.bodies(), [b"Subject: x\n\n"]);
        });
    }
}
