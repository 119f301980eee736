//! mbox: all messages of a folder in one file (RFC 4155).
//!
//! Written as mboxrd, with LF line ends unless told otherwise; read as mboxrd, mboxo, mboxcl
//! or mboxcl2, recognised by what Content-Length leads to. Ids are `offset=N;digest=HEX`: the
//! place of the From_ line, and a digest of the header by which a message is found again
//! when the file was rewritten. Flags are Status, X-Status and X-Keywords; these three
//! fields are not given out with the message.
//!
//! Files are locked with `fcntl` and a dot lock. Appending cuts the file back where it does
//! not succeed; deleting and changing flags write a new file and rename it, so it takes
//! time and room for the whole of it: change many messages with one call. The file is
//! the one folder of its store, INBOX.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::durable::{Durability, flush_folder_at, parent};
use super::line_ends::LineEnds;
use super::local::{CHUNK_OCTETS, push_file, push_octets, read_some};
use super::part::{cut, find_header_end};
use super::pattern::{canonical, matches_any};
use super::{
    Changes, Clock, Deleted, Error, FlagChange, Flags, Folder, Id, Keeps, Listed, Meta, Result,
    Since, Sink, Source, Spool, Status, Store, What, scratch,
};

mod append;
mod index;
mod lines;
mod lock;
mod reader;
mod writer;

pub use append::Appender;
use index::{Entry, Index, Stamp};
pub use reader::{Head, Reader, Variety};
use reader::{Treatment, Unquote};
pub use writer::Writer;

/// How an mbox begins (RFC 4155): with a From_ line.
pub const BEGIN: &[u8] = b"From ";

/// The generation of the ids: they carry a digest, and are never void.
const UID_VALIDITY: u32 = 1;

/// A part of a larger message is taken from a scratch file, not from memory, in octets.
const MEMORY_OCTETS: u64 = 8 * 1024 * 1024;

/// How often [`Store::wait`] looks at the file.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// How it is read.
    pub variety: Variety,
    /// What a confirmed change survives.
    pub durability: Durability,
    /// The line ends of messages that are written.
    pub line_ends: LineEnds,
    /// Whether appending makes a file where there is none.
    pub create: bool,
}

/// One mbox file.
pub struct Mbox {
    path: PathBuf,
    options: Options,
    clock: Clock,
    index: Option<Index>,
}

/// What becomes of a message when the file is rewritten.
enum Fate {
    Kept,
    Dropped,
    Flagged(Flags),
}

impl Mbox {
    /// The file at `path`; a symbolic link is followed once and for all, since rewriting
    /// would replace it. `clock` dates messages that are appended without a date.
    ///
    /// # Errors
    /// [`Error::File`] for a file that is not there, unless `options.create`.
    pub fn open(path: &Path, options: Options, clock: Clock) -> Result<Self> {
        let path = match std::fs::canonicalize(path) {
            Ok(path) => path,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && options.create => {
                path.to_owned()
            }
            Err(error) => return Err(Error::file(path, error)),
        };
        Ok(Self { path, options, clock, index: None })
    }

    /// As [`Mbox::appender`], with line ends of the caller's choice.
    pub fn appender_with(&self, line_ends: LineEnds) -> Appender {
        let options = Options { line_ends, ..self.options };
        Appender::new(self.path.clone(), options, self.clock.clone())
    }

    /// Gathers messages to be appended in one go.
    pub fn appender(&self) -> Appender {
        Appender::new(self.path.clone(), self.options, self.clock.clone())
    }

    fn failed(&self, error: std::io::Error) -> Error {
        Error::file(&self.path, error)
    }

    /// The file, locked for reading, and its index up to date; `None` for a file that is
    /// yet to be made.
    fn open_to_read(&mut self) -> Result<Option<(Arc<File>, lock::Locked)>> {
        match lock::open(&self.path, false, false) {
            Ok((file, locked)) => {
                self.refresh(&file)?;
                Ok(Some((file, locked)))
            }
            Err(Error::File { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound && self.options.create =>
            {
                self.index = None;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the file anew where it is other than when it was read.
    fn refresh(&mut self, file: &Arc<File>) -> Result<()> {
        let stamp = Stamp::of(&file.metadata().map_err(|error| self.failed(error))?);
        if self.index.as_ref().is_none_or(|index| index.stamp != stamp) {
            self.index = Some(Index::read(file, &self.path, self.options.variety, 0)?);
        }
        Ok(())
    }

    fn entries(&self) -> &[Entry] {
        self.index.as_ref().map_or(&[][..], |index| index.entries.as_slice())
    }

    fn find(&self, id: &Id) -> Option<usize> {
        self.index.as_ref().and_then(|index| index.find(id))
    }

    /// The id that a message has now which was known by this one; `None`: it is not in the file as
    /// that was listed last.
    pub fn current(&self, id: &Id) -> Option<Id> {
        self.find(id).map(|at| self.entries()[at].id())
    }

    fn status(&self) -> Status {
        let entries = self.entries();
        Status {
            messages: entries.len() as u64,
            unseen: Some(entries.iter().filter(|e| !e.flags.has("\\Seen")).count() as u64),
            uid_validity: UID_VALIDITY,
            uid_next: 0,
            highest_modseq: None,
            size: Some(entries.iter().map(|entry| entry.octets).sum()),
            stamp: None,
        }
    }

    /// Pushes `what` of one message.
    async fn push(
        &self,
        file: &Arc<File>,
        entry: &Entry,
        meta: Meta,
        what: &What,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut input = Arc::clone(file);
        input.seek(SeekFrom::Start(entry.start)).map_err(|error| self.failed(error))?;
        let input = input.take(entry.end - entry.start);
        let name = self.path.display().to_string();
        let mut reader = Reader::single(input, entry.start, entry.treatment(), &name);
        let mut octets = Vec::new();
        if *what == What::Whole {
            let meta = Meta { size: Some(entry.octets), ..meta };
            sink.begin(&meta).await?;
            let mut given = 0;
            while reader.read(&mut octets)? {
                sink.chunk(&octets).await?;
                given += octets.len() as u64;
                octets.clear();
            }
            if given != entry.octets {
                // Somebody wrote without asking for the lock.
                let reason = "the file changed while it was read";
                return Err(Error::Format { path: name, offset: entry.start + given, reason });
            }
            return sink.end(&meta).await;
        }
        if entry.octets > MEMORY_OCTETS && !matches!(what, What::Headers | What::HeaderFields(_)) {
            let mut file = scratch::nameless().map_err(|error| self.failed(error))?;
            while reader.read(&mut octets)? {
                file.write_all(&octets).map_err(|error| self.failed(error))?;
                octets.clear();
            }
            file.seek(SeekFrom::Start(0)).map_err(|error| self.failed(error))?;
            return push_file(&self.path, &mut file, meta, what, sink, &mut octets).await;
        }
        let only_header = matches!(what, What::Headers | What::HeaderFields(_));
        while reader.read(&mut octets)? {
            if only_header && find_header_end(&octets).is_some() {
                break;
            }
        }
        push_octets(&cut(&octets, what)?, meta, sink).await
    }

    /// Writes the file anew with a fate for every message, under the locks.
    fn rewrite(&mut self, fate: impl Fn(&Index) -> Vec<Fate>) -> Result<()> {
        let (file, _locked) = lock::open(&self.path, true, false)?;
        self.refresh(&file)?;
        let Some(index) = self.index.take() else { return Ok(()) };
        let fates = fate(&index);
        if fates.iter().all(|fate| matches!(fate, Fate::Kept)) {
            self.index = Some(index);
            return Ok(());
        }
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = PathBuf::from(name);
        let written = self.write_anew(&file, &index, &fates, &temporary);
        let renamed = written.and_then(|()| {
            std::fs::rename(&temporary, &self.path).map_err(|error| self.failed(error))
        });
        if renamed.is_err() {
            // The first error counts; the old file stands as it was.
            drop(std::fs::remove_file(&temporary));
            return renamed;
        }
        if self.options.durability == Durability::Durable {
            flush_folder_at(parent(&self.path)).map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    fn write_anew(
        &self,
        file: &Arc<File>,
        index: &Index,
        fates: &[Fate],
        temporary: &Path,
    ) -> Result<()> {
        let failed = |error| Error::file(temporary, error);
        let metadata = file.metadata().map_err(failed)?;
        // We hold the locks: what has this name is a leftover of a process that had our number.
        drop(std::fs::remove_file(temporary));
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(temporary)
            .map_err(failed)?;
        made.set_permissions(metadata.permissions()).map_err(failed)?;
        // Only root can give a file away; for all others the owner is the same already.
        let _ = std::os::unix::fs::fchown(&made, Some(metadata.uid()), Some(metadata.gid()));
        let mut output = BufWriter::with_capacity(CHUNK_OCTETS, made);
        for (at, (entry, fate)) in index.entries.iter().zip(fates).enumerate() {
            // The empty line behind a message goes where the message goes.
            let next = index.entries.get(at + 1).map_or(metadata.len(), |next| next.offset);
            match fate {
                Fate::Dropped => {}
                Fate::Kept => self.copy(file, entry.offset, next, &mut output)?,
                Fate::Flagged(flags) => {
                    self.copy(file, entry.offset, entry.start, &mut output)?;
                    output.write_all(writer::status(flags).as_bytes()).map_err(failed)?;
                    self.copy_without_status(file, entry, &mut output)?;
                    self.copy(file, entry.end, next, &mut output)?;
                }
            }
        }
        let made = output.into_inner().map_err(|error| failed(error.into_error()))?;
        match self.options.durability {
            Durability::Durable => made.sync_all().map_err(failed),
            Durability::Fast => Ok(()),
        }
    }

    /// Copies octets of the file as they are.
    fn copy(&self, file: &Arc<File>, from: u64, to: u64, output: &mut impl Write) -> Result<()> {
        let mut input = Arc::clone(file);
        input.seek(SeekFrom::Start(from)).map_err(|error| self.failed(error))?;
        let mut input = input.take(to.saturating_sub(from));
        let mut buffer = vec![0; CHUNK_OCTETS];
        loop {
            let read = read_some(&mut input, &mut buffer).map_err(|error| self.failed(error))?;
            if read == 0 {
                return Ok(());
            }
            output.write_all(&buffer[..read]).map_err(|error| self.failed(error))?;
        }
    }

    /// Copies a message as it is but for its status fields.
    fn copy_without_status(
        &self,
        file: &Arc<File>,
        entry: &Entry,
        output: &mut impl Write,
    ) -> Result<()> {
        let mut input = Arc::clone(file);
        input.seek(SeekFrom::Start(entry.start)).map_err(|error| self.failed(error))?;
        let input = input.take(entry.end - entry.start);
        let treatment = Treatment { unquote: Unquote::Nothing, hide_status: true };
        let name = self.path.display().to_string();
        let mut reader = Reader::single(input, entry.start, treatment, &name);
        let mut octets = Vec::new();
        while reader.read(&mut octets)? {
            output.write_all(&octets).map_err(|error| self.failed(error))?;
            octets.clear();
        }
        Ok(())
    }

    fn only_inbox(&self, folder: &str) -> Result<()> {
        if canonical(folder) == "INBOX" { Ok(()) } else { Err(Error::NoFolder(folder.to_owned())) }
    }
}

fn unsupported<T>(operation: &'static str) -> Result<T> {
    Err(Error::Unsupported { store: "an mbox", operation })
}

fn listed(entry: &Entry) -> Listed {
    Listed { id: entry.id(), size: Some(entry.octets), flags: Some(entry.flags.clone()) }
}

#[async_trait(?Send)]
impl Spool for Mbox {
    async fn list(&mut self) -> Result<Vec<Listed>> {
        let _open = self.open_to_read()?;
        Ok(self.entries().iter().map(listed).collect())
    }

    /// Holds a shared lock until all is pushed: a program that would rewrite the file waits.
    async fn read(&mut self, ids: &[Id], what: &What, sink: &mut dyn Sink) -> Result<()> {
        let Some((file, _locked)) = self.open_to_read()? else { return Ok(()) };
        for id in ids {
            let Some(at) = self.find(id) else { continue };
            let entry = &self.entries()[at];
            let meta = Meta {
                id: id.clone(),
                size: None,
                flags: Some(entry.flags.clone()),
                received: entry.received,
            };
            self.push(&file, entry, meta, what, sink).await?;
        }
        Ok(())
    }

    async fn delete(&mut self, ids: &[Id]) -> Result<Deleted> {
        if !ids.is_empty() {
            self.rewrite(|index| {
                let mut fates: Vec<Fate> = index.entries.iter().map(|_| Fate::Kept).collect();
                for at in ids.iter().filter_map(|id| index.find(id)) {
                    fates[at] = Fate::Dropped;
                }
                fates
            })?;
        }
        Ok(Deleted::Gone)
    }

    async fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

#[async_trait(?Send)]
impl Store for Mbox {
    async fn folders(&mut self, patterns: &[String]) -> Result<Vec<Folder>> {
        let inbox = Folder { name: "INBOX".to_owned(), selectable: true, ..Folder::default() };
        Ok(Some(inbox).into_iter().filter(|inbox| matches_any(patterns, &inbox.name)).collect())
    }

    async fn create(&mut self, folders: &[String]) -> Result<()> {
        match folders.iter().find(|name| canonical(name) != "INBOX") {
            Some(_) => unsupported("hold more than one folder"),
            None => Ok(()),
        }
    }

    async fn rename(&mut self, _from: &str, _to: &str) -> Result<()> {
        unsupported("rename folders")
    }

    async fn remove(&mut self, _folders: &[String]) -> Result<()> {
        unsupported("remove folders")
    }

    async fn subscribe(&mut self, _folders: &[String], _subscribed: bool) -> Result<()> {
        unsupported("subscribe to folders")
    }

    async fn select(&mut self, folder: &str, _read_only: bool) -> Result<Status> {
        self.only_inbox(folder)?;
        let _open = self.open_to_read()?;
        Ok(self.status())
    }

    /// A message that was known keeps the id it was known by, even where it has moved in the
    /// file.
    async fn changes(&mut self, since: Option<&Since>) -> Result<Changes> {
        let _open = self.open_to_read()?;
        let mut changed: Vec<Listed> = self.entries().iter().map(listed).collect();
        let mut vanished = Vec::new();
        let since = since.filter(|since| since.uid_validity == UID_VALIDITY);
        let mut is_named = vec![false; changed.len()];
        for id in since.into_iter().flat_map(|since| &since.known) {
            match self.find(id) {
                Some(at) if !is_named[at] => {
                    is_named[at] = true;
                    changed[at].id = id.clone();
                }
                _ => vanished.push(id.clone()),
            }
        }
        Ok(Changes { status: self.status(), changed, vanished, complete: true, keeps: Keeps::All })
    }

    async fn append(&mut self, folder: &str, messages: &mut dyn Source) -> Result<Vec<Option<Id>>> {
        self.only_inbox(folder)?;
        let mut appender = self.appender();
        let mut buffer = vec![0; CHUNK_OCTETS];
        while let Some(meta) = messages.next().await? {
            appender.start(&meta)?;
            let body = messages.body();
            loop {
                let read = body.read(&mut buffer).await?;
                if read == 0 {
                    break;
                }
                appender.write(&buffer[..read])?;
            }
            appender.close()?;
        }
        Ok(appender.commit().await?.into_iter().map(Some).collect())
    }

    async fn flag(&mut self, changes: &[FlagChange]) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        self.rewrite(|index| {
            let mut after: Vec<Flags> = index.entries.iter().map(|e| e.flags.clone()).collect();
            for change in changes {
                for at in change.ids.iter().filter_map(|id| index.find(id)) {
                    change.add.iter().for_each(|flag| after[at].insert(flag.name()));
                    change.remove.iter().for_each(|flag| after[at].remove(flag.name()));
                }
            }
            let fates = index.entries.iter().zip(after).map(|(entry, after)| {
                if entry.flags == after { Fate::Kept } else { Fate::Flagged(after) }
            });
            fates.collect()
        })
    }

    async fn copy(&mut self, _ids: &[Id], _folder: &str) -> Result<Vec<Option<Id>>> {
        unsupported("copy to another folder")
    }

    async fn move_to(&mut self, _ids: &[Id], _folder: &str) -> Result<Vec<Option<Id>>> {
        unsupported("move to another folder")
    }

    async fn wait(&mut self, limit: Duration) -> Result<bool> {
        let known = self.index.as_ref().map(|index| index.stamp);
        let watch = async {
            loop {
                let now = std::fs::metadata(&self.path).ok();
                if now.map(|metadata| Stamp::of(&metadata)) != known {
                    return true;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        Ok(tokio::time::timeout(limit, watch).await.unwrap_or(false))
    }
}

#[cfg(test)]
mod tests;
