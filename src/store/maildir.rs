//! Maildir: one message a file, no locks; single folders and whole trees.
//!
//! Ids are the unique names of the files, which stay valid for as long as the message is
//! there, whatever happens to its flags: they are never void, so UIDVALIDITY is always 1.
//! Flags stand in the file names, keywords as Dovecot keeps them. Octets are stored with LF
//! line ends unless told otherwise, and read as they are stored. Reading never renames: a
//! message stays in `new` until it gets a flag.
//!
//! <https://cr.yp.to/proto/maildir.html>; the tree is Courier's and Dovecot's Maildir++. It
//! keeps no UIDs, no quota files and no index of its own.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use super::durable::{self, Durability, create_folder};
use super::line_ends::LineEnds;
use super::local::{CHUNK_OCTETS, push_file, received};
use super::pattern::{canonical, matches_any};
use super::{
    Changes, Deleted, Error, FlagChange, Folder as Listing, Id, Keeps, Listed, Meta, Result, Since,
    Sink, Source, Spool, Status, Store, What,
};

mod folder;
mod keywords;
pub(in crate::store) mod layout;
mod listing;
pub(in crate::store) mod name;
mod stamp;
mod subscriptions;
mod writer;

pub use folder::id_of;
use folder::{Folder, Located, create, sweep};
pub use layout::Layout;
use layout::is_maildir;
pub use listing::MessageFile;
pub use name::{is_token, size_with_crlf, token};
pub use writer::Writer;

/// The generation of the ids, which never ends.
const UID_VALIDITY: u32 = 1;

/// How often [`Store::wait`] looks at the folder.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How a tree is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// The layout; `None`: what the tree shows, and Maildir++ for a new one.
    pub layout: Option<Layout>,
    /// What a confirmed delivery survives.
    pub durability: Durability,
    /// The line ends of messages that are written.
    pub line_ends: LineEnds,
    /// Whether to make a Maildir where there is none.
    pub create: bool,
}

/// A tree of Maildirs, or a single one.
pub struct Maildir {
    root: PathBuf,
    layout: Layout,
    options: Options,
    selected: Option<(String, Folder)>,
    buffer: Vec<u8>,
}

impl Maildir {
    /// Opens the tree at `root`.
    ///
    /// # Errors
    /// [`Error::File`] with `NotFound` where there is no Maildir and none is to be made: a
    /// disk that is not mounted must not look like an empty mailbox.
    pub fn open(root: &Path, options: Options) -> Result<Self> {
        let failed = |error| Error::file(root, error);
        let detected = Layout::detect(root).map_err(failed)?;
        if detected.is_none() {
            if !options.create {
                let missing = io::Error::new(io::ErrorKind::NotFound, "no Maildir is here");
                return Err(failed(missing));
            }
            create_folder(root, options.durability).map_err(failed)?;
            if options.layout != Some(Layout::Nested) {
                create(root, options.durability)?;
            }
        }
        let layout = options.layout.or(detected).unwrap_or(Layout::MaildirPlusPlus);
        let root = root.to_owned();
        Ok(Self { root, layout, options, selected: None, buffer: Vec::new() })
    }

    /// How the folders lie on the disk.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The directory of a folder; of one that does not exist, the directory it would get.
    ///
    /// # Errors
    /// [`Error::Name`] for a name that this layout cannot hold.
    pub fn directory(&self, folder: &str) -> Result<PathBuf> {
        let usual = self.layout.directory(&self.root, folder)?;
        if is_maildir(&usual) {
            return Ok(usual);
        }
        // Another program may spell it in another way.
        let found = self.layout.folders(&self.root)?;
        let unusual = found.get(&canonical(folder)).filter(|place| place.selectable);
        Ok(unusual.map_or(usual, |place| place.path.clone()))
    }

    /// A writer of batches into a folder, which has to exist. What crashes left in its `tmp`
    /// more than 36 hours ago is swept.
    ///
    /// # Errors
    /// [`Error::NoFolder`], and the disk's.
    pub fn writer(&self, folder: &str) -> Result<Writer> {
        self.writer_with(folder, self.options.line_ends)
    }

    /// As [`Maildir::writer`], with line ends of the caller's choice.
    ///
    /// # Errors
    /// As [`Maildir::writer`].
    pub fn writer_with(&self, folder: &str, line_ends: LineEnds) -> Result<Writer> {
        let path = self.directory(folder)?;
        let mut opened = self.folder_at(folder, path)?;
        self.sweep(folder)?;
        Ok(Writer::new(opened.dirs()?, self.options.durability, line_ends))
    }

    /// Takes away what crashes left in a folder's `tmp` more than 36 hours ago; how many
    /// files that were.
    ///
    /// # Errors
    /// The disk's.
    pub fn sweep(&self, folder: &str) -> Result<usize> {
        sweep(&self.directory(folder)?, SystemTime::now())
    }

    /// The file that a message of the selected folder is now; `None` when it is gone.
    ///
    /// # Errors
    /// The disk's.
    pub fn file(&mut self, id: &Id) -> Result<Option<PathBuf>> {
        self.selected()?.with_file(id, |folder, located| {
            let path = folder.file_path(located);
            std::fs::symlink_metadata(&path).map(|_| path)
        })
    }

    fn folder_at(&self, name: &str, path: PathBuf) -> Result<Folder> {
        Folder::open(path).ok_or_else(|| Error::NoFolder(name.to_owned()))
    }

    fn folder(&self, name: &str) -> Result<Folder> {
        self.folder_at(name, self.directory(name)?)
    }

    /// The selected folder; INBOX when none was selected.
    fn selected(&mut self) -> Result<&mut Folder> {
        let (name, folder) = match self.selected.take() {
            Some(selected) => selected,
            None => {
                let mut inbox = self.folder("INBOX")?;
                inbox.scan()?;
                ("INBOX".to_owned(), inbox)
            }
        };
        Ok(&mut self.selected.insert((name, folder)).1)
    }

    /// Whether `folder` is the selected one.
    fn is_selected(&self, folder: &str) -> bool {
        self.selected.as_ref().is_some_and(|(name, _)| *name == canonical(folder))
    }

    async fn transfer(
        &mut self,
        ids: &[Id],
        folder: &str,
        moving: bool,
    ) -> Result<Vec<Option<Id>>> {
        let durability = self.options.durability;
        let mut target = self.folder(folder)?;
        let source = self.selected()?;
        if moving && source.path == target.path {
            source.scan()?;
            return Ok(ids.iter().map(|id| source.known(id).map(|_| id.clone())).collect());
        }
        source.transfer(ids, &mut target, moving, durability)
    }

    /// Takes away a folder's directory: what a Maildir is made of, and never a folder that
    /// lies in it.
    fn remove_directory(&self, path: &Path) -> Result<()> {
        let failed = |error| Error::file(path, error);
        // Without `cur` it is no folder any more, should we be stopped now.
        for sub in ["cur", "new", "tmp"] {
            match std::fs::remove_dir_all(path.join(sub)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other.map_err(failed)?,
            }
        }
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_type().is_ok_and(|kind| !kind.is_dir()) {
                std::fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        match std::fs::remove_dir(path) {
            // Other folders lie in it: the level stays.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            other => other.map_err(failed),
        }
    }

    /// Makes the names in a directory stable, where that was promised.
    fn flush(&self, directory: &Path) -> Result<()> {
        match self.options.durability {
            Durability::Durable => {
                durable::flush_folder_at(directory).map_err(|error| Error::file(directory, error))
            }
            Durability::Fast => Ok(()),
        }
    }

    /// Renames a folder that is not INBOX, and all below it.
    fn rename_folders(&self, from: &str, to: &str) -> Result<()> {
        let found = self.layout.folders(&self.root)?;
        if found.get(to).is_some_and(|place| place.selectable) {
            return Err(Error::Name { name: to.to_owned(), reason: "it exists already" });
        }
        if !found.contains_key(from) {
            return Err(Error::NoFolder(from.to_owned()));
        }
        let below = format!("{from}/");
        if to.starts_with(&below) {
            let reason = "it is below the folder itself";
            return Err(Error::Name { name: to.to_owned(), reason });
        }
        let moved: Vec<(PathBuf, PathBuf)> = match self.layout {
            Layout::Nested => {
                vec![(found[from].path.clone(), self.layout.directory(&self.root, to)?)]
            }
            Layout::Flat | Layout::MaildirPlusPlus => {
                let mut moved = Vec::new();
                for (name, place) in &found {
                    if place.selectable && (name == from || name.starts_with(&below)) {
                        let new = format!("{to}{}", &name[from.len()..]);
                        moved.push((place.path.clone(), self.layout.directory(&self.root, &new)?));
                    }
                }
                moved
            }
        };
        for (old, new) in moved {
            if new.exists() {
                return Err(Error::Name { name: to.to_owned(), reason: "it exists already" });
            }
            if let Some(parent) = new.parent() {
                create_folder(parent, self.options.durability)
                    .map_err(|error| Error::file(parent, error))?;
            }
            std::fs::rename(&old, &new).map_err(|error| Error::file(&old, error))?;
            for parent in [new.parent(), old.parent()].into_iter().flatten() {
                self.flush(parent)?;
            }
        }
        Ok(())
    }

    fn create_one(&self, name: &str) -> Result<()> {
        let path = self.directory(name)?;
        if is_maildir(&path) {
            return Ok(());
        }
        create(&path, self.options.durability)?;
        if self.layout == Layout::MaildirPlusPlus && path != self.root {
            // Courier's mark of a Maildir that is a folder of another.
            let mark = path.join("maildirfolder");
            let temporary = path.join("tmp/maildirfolder");
            durable::replace(&mark, &temporary, b"", self.options.durability)
                .map_err(|error| Error::file(&mark, error))?;
        }
        Ok(())
    }
}

#[async_trait(?Send)]
impl Spool for Maildir {
    async fn list(&mut self) -> Result<Vec<Listed>> {
        let folder = self.selected()?;
        folder.scan()?;
        let ids = folder.ids();
        let listed = |id: Id| {
            let located = folder.known(&id)?;
            let (size, flags) = (folder.size(located), folder.flags(located));
            Some(Listed { id, size, flags: Some(flags) })
        };
        Ok(ids.into_iter().filter_map(listed).collect())
    }

    async fn read(&mut self, ids: &[Id], what: &What, sink: &mut dyn Sink) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        for id in ids {
            let opened = self.selected()?.with_file(id, |folder, located| {
                let path = folder.file_path(located);
                let file = File::open(&path)?;
                let received = received(&file.metadata()?);
                Ok((path, file, received, folder.flags(located)))
            })?;
            let Some((path, mut file, received, flags)) = opened else { continue };
            let meta =
                Meta { id: id.clone(), size: None, flags: Some(flags), received: Some(received) };
            push_file(&path, &mut file, meta, what, sink, &mut buffer).await?;
        }
        self.buffer = buffer;
        Ok(())
    }

    async fn delete(&mut self, ids: &[Id]) -> Result<Deleted> {
        let durability = self.options.durability;
        self.selected()?.delete(ids, durability)?;
        Ok(Deleted::Gone)
    }

    async fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

#[async_trait(?Send)]
impl Store for Maildir {
    async fn folders(&mut self, patterns: &[String]) -> Result<Vec<Listing>> {
        let subscribed = subscriptions::load(&self.root, self.layout)?;
        let found = self.layout.folders(&self.root)?;
        Ok(found
            .into_iter()
            .filter(|(name, _)| matches_any(patterns, name))
            .map(|(name, place)| Listing {
                special_use: Vec::new(),
                selectable: place.selectable,
                subscribed: Some(subscribed.contains(&name)),
                status: None,
                mailbox_id: place.selectable.then(|| identity(&place.path)).flatten(),
                stamp: place.selectable.then(|| stamp::now(&place.path)).flatten(),
                name,
            })
            .collect())
    }

    /// Makes Maildirs; the levels above them become directories, and no folders.
    async fn create(&mut self, folders: &[String]) -> Result<()> {
        folders.iter().try_for_each(|name| self.create_one(name))
    }

    /// Renames a folder with all below it. INBOX stays, and its messages move
    /// (RFC 3501 section 6.3.5).
    async fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (canonical(from), canonical(to));
        if from != "INBOX" {
            if self.is_selected(&from) {
                self.selected = None;
            }
            return self.rename_folders(&from, &to);
        }
        if is_maildir(&self.directory(&to)?) {
            return Err(Error::Name { name: to, reason: "it exists already" });
        }
        self.create_one(&to)?;
        let mut inbox = self.folder("INBOX")?;
        inbox.scan()?;
        let ids = inbox.ids();
        inbox.transfer(&ids, &mut self.folder(&to)?, true, self.options.durability)?;
        Ok(())
    }

    async fn remove(&mut self, folders: &[String]) -> Result<()> {
        for name in folders {
            let name = canonical(name);
            if name == "INBOX" {
                return Err(Error::Name { name, reason: "INBOX cannot be deleted" });
            }
            let folder = self.folder(&name)?;
            if self.is_selected(&name) {
                self.selected = None;
            }
            self.remove_directory(&folder.path)?;
            if let Some(parent) = folder.path.parent() {
                self.flush(parent)?;
            }
        }
        Ok(())
    }

    async fn subscribe(&mut self, folders: &[String], subscribed: bool) -> Result<()> {
        subscriptions::change(&self.root, self.layout, folders, subscribed, self.options.durability)
    }

    async fn select(&mut self, folder: &str, _read_only: bool) -> Result<Status> {
        let mut opened = self.folder(folder)?;
        opened.scan()?;
        let status = status(&opened);
        self.selected = Some((canonical(folder), opened));
        Ok(status)
    }

    /// Sizes are there where the names of the files tell them.
    async fn changes(&mut self, since: Option<&Since>) -> Result<Changes> {
        let folder = self.selected()?;
        folder.scan()?;
        let since = since.filter(|since| since.uid_validity == UID_VALIDITY);
        let mut vanished = Vec::new();
        if let Some(since) = since {
            let gone = |folder: &Folder| -> Vec<Id> {
                since.known.iter().filter(|id| folder.known(id).is_none()).cloned().collect()
            };
            vanished = gone(folder);
            if !vanished.is_empty() {
                folder.scan_carefully()?;
                vanished = gone(folder);
            }
        }
        let listed = |id: Id| {
            let flags = folder.flags(folder.known(&id)?);
            Some(Listed { size: name::size(&id.0), id, flags: Some(flags) })
        };
        let changed = folder.ids().into_iter().filter_map(listed).collect();
        Ok(Changes { status: status(folder), changed, vanished, complete: true, keeps: Keeps::All })
    }

    /// Reads each folder once, and keeps nothing of it: a folder may have very many messages.
    async fn survey(
        &mut self,
        folders: &[(String, Option<Since>)],
        read_only: bool,
    ) -> Result<Vec<Changes>> {
        self.selected = None;
        let mut found = Vec::with_capacity(folders.len());
        for (name, since) in folders {
            let since = since.as_ref().filter(|since| since.uid_validity == UID_VALIDITY);
            let changes = self.folder(name)?.listed_once()?;
            let is_missing = since.is_some_and(|since| {
                let there: HashSet<&Id> = changes.changed.iter().map(|listed| &listed.id).collect();
                since.known.iter().any(|id| !there.contains(id))
            });
            found.push(match is_missing {
                false => changes,
                // That is believed after a second look.
                true => {
                    drop(changes);
                    self.select(name, read_only).await?;
                    let changes = self.changes(since).await?;
                    self.selected = None;
                    changes
                }
            });
        }
        Ok(found)
    }

    async fn append(&mut self, folder: &str, messages: &mut dyn Source) -> Result<Vec<Option<Id>>> {
        let mut writer = self.writer(folder)?;
        let mut buffer = vec![0; CHUNK_OCTETS];
        while let Some(meta) = messages.next().await? {
            writer.start(&meta, messages.token().as_deref())?;
            let body = messages.body();
            loop {
                let read = body.read(&mut buffer).await?;
                if read == 0 {
                    break;
                }
                writer.write(&buffer[..read])?;
            }
            writer.close()?;
        }
        Ok(writer.commit().await?.into_iter().map(Some).collect())
    }

    async fn flag(&mut self, changes: &[FlagChange]) -> Result<()> {
        let durability = self.options.durability;
        self.selected()?.set_flags(changes, durability)
    }

    async fn copy(&mut self, ids: &[Id], folder: &str) -> Result<Vec<Option<Id>>> {
        self.transfer(ids, folder, false).await
    }

    async fn move_to(&mut self, ids: &[Id], folder: &str) -> Result<Vec<Option<Id>>> {
        self.transfer(ids, folder, true).await
    }

    /// Looks every half second. What changed since the folder was last listed counts, so
    /// that nothing is lost between listing and waiting.
    async fn wait(&mut self, limit: Duration) -> Result<bool> {
        let folder = self.selected()?;
        let watch = async {
            loop {
                if folder.has_changed()? {
                    return Ok::<bool, Error>(true);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(limit, watch).await.unwrap_or(Ok(false))
    }
}

/// What a folder keeps when it is renamed or emptied, and what is another for one that was
/// made anew or that only stands where a disk is not mounted.
fn identity(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path.join("cur")).ok()?;
    let born = metadata.created().ok().and_then(|time| {
        let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(since.as_nanos())
    });
    Some(format!("{:x}-{:x}", metadata.ino(), born.unwrap_or(0)))
}

fn status(folder: &Folder) -> Status {
    let seen = |located: &&Located| folder.flags(located).has("\\Seen");
    let messages = folder.all().count();
    Status {
        messages: messages as u64,
        unseen: Some((messages - folder.all().filter(seen).count()) as u64),
        uid_validity: UID_VALIDITY,
        stamp: folder.stamp(),
        ..Status::default()
    }
}

#[cfg(test)]
mod tests;
