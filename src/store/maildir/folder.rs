//! One Maildir: which files are its messages, their flags, and changes of them.
//!
//! Other programs rename files at any time. What is known of a file's name is therefore a
//! guess: where a file is not found under it, the folder is read again once before the
//! message counts as gone.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::AtFlags;
use rustix::io::Errno;

use super::keywords::{Extra, Keywords};
use super::layout::{is_maildir, text};
use super::name::{Info, Names, by_delivery, size, split, system_letter};
use super::stamp::Look;
use crate::store::durable::{self, Durability, create_folder, create_new, rename_new};
use crate::store::{
    Changes, Error, Flag, FlagChange, Flags, Id, Keeps, Listed, Result, Stamp, Status,
};

/// Age after which a file in `tmp` is a leftover (the Maildir convention).
const LEFTOVER: Duration = Duration::from_secs(36 * 3600);

/// Where in its Maildir a message file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sub {
    /// Delivered, and no program has looked at it.
    New,
    /// All others.
    Cur,
}

impl Sub {
    pub(super) fn name(self) -> &'static str {
        match self {
            Sub::New => "new",
            Sub::Cur => "cur",
        }
    }
}

/// The three directories, open.
#[derive(Debug)]
pub(super) struct Dirs {
    pub path: PathBuf,
    pub tmp: File,
    pub new: File,
    pub cur: File,
}

impl Dirs {
    /// Opens a Maildir for writing. An empty `new` or `tmp` that was lost (by a backup, say)
    /// is made again.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let open = |name: &str| {
            let path = path.join(name);
            let opened = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && name != "cur" => {
                    create_folder(&path, Durability::Durable).and_then(|()| File::open(&path))
                }
                other => other,
            };
            opened.map_err(|error| Error::file(&path, error))
        };
        // The `cur` first: without it this is no Maildir, and nothing is made.
        let cur = open("cur")?;
        Ok(Self { path: path.to_owned(), tmp: open("tmp")?, new: open("new")?, cur })
    }

    pub(super) fn sub(&self, sub: Sub) -> &File {
        match sub {
            Sub::New => &self.new,
            Sub::Cur => &self.cur,
        }
    }
}

/// Makes a Maildir, `cur` last: what has a `cur` is whole.
pub(super) fn create(path: &Path, durability: Durability) -> Result<()> {
    create_folder(path, durability).map_err(|error| Error::file(path, error))?;
    for name in ["tmp", "new", "cur"] {
        let path = path.join(name);
        // All three are flushed together.
        create_folder(&path, Durability::Fast).map_err(|error| Error::file(&path, error))?;
    }
    if durability == Durability::Durable {
        // The folder itself again: who made it may have been killed before it was flushed.
        for folder in [path, durable::parent(path)] {
            durable::flush_folder_at(folder).map_err(|error| Error::file(folder, error))?;
        }
    }
    Ok(())
}

/// Takes away what crashes left in `tmp`; how many files that were. Their age is that of
/// the last change to the file, not of its date, which is the message's.
pub(super) fn sweep(path: &Path, now: SystemTime) -> Result<usize> {
    let tmp = path.join("tmp");
    let entries = match std::fs::read_dir(&tmp) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries.map_err(|error| Error::file(&tmp, error))?,
    };
    let now = crate::store::local::seconds(now);
    let mut swept = 0;
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        let touched = metadata.ctime().max(metadata.atime());
        let old = now.saturating_sub(touched) > i64::try_from(LEFTOVER.as_secs()).unwrap_or(0);
        if metadata.is_file() && old && std::fs::remove_file(entry.path()).is_ok() {
            swept += 1;
        }
    }
    Ok(swept)
}

/// Where a message's file was when the folder was last read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located {
    pub sub: Sub,
    pub file: OsString,
}

/// One folder of a Maildir tree.
pub(super) struct Folder {
    pub path: PathBuf,
    pub keywords: Keywords,
    files: HashMap<Id, Located>,
    dirs: Option<Arc<Dirs>>,
    /// What the system told of it before it was last read.
    look: Option<Look>,
    /// Whether it was changed so shortly before it was read that a later change may have the
    /// same time.
    is_young: bool,
    /// Whether a message is a link to a file elsewhere, which may vanish without a trace here.
    has_links: bool,
}

impl Folder {
    /// The Maildir at `path`, not yet read; `None` where there is none.
    pub(super) fn open(path: PathBuf) -> Option<Self> {
        is_maildir(&path).then(|| Self {
            path,
            keywords: Keywords::default(),
            files: HashMap::new(),
            dirs: None,
            look: None,
            is_young: false,
            has_links: false,
        })
    }

    /// The directories, open for writing.
    pub(super) fn dirs(&mut self) -> Result<Arc<Dirs>> {
        if let Some(dirs) = &self.dirs {
            return Ok(Arc::clone(dirs));
        }
        let dirs = Arc::new(Dirs::open(&self.path)?);
        self.dirs = Some(Arc::clone(&dirs));
        Ok(dirs)
    }

    /// Reads the folder: its files and its keywords.
    pub(super) fn scan(&mut self) -> Result<()> {
        self.begin()?;
        (self.files, self.has_links) = self.read_files()?;
        self.keywords = Keywords::load(&self.path)?;
        Ok(())
    }

    /// Keeps what the system tells before the folder is read.
    fn begin(&mut self) -> Result<()> {
        let look = Look::at(&self.path)?;
        self.is_young = look.is_young(&self.path, SystemTime::now());
        self.look = Some(look);
        Ok(())
    }

    /// By what it is known that nothing has changed since it was last read; `None` where the
    /// system would not tell of every change.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let look = self.look.as_ref().filter(|_| !self.is_young && !self.has_links)?;
        look.stamp(&self.path)
    }

    /// Reads the folder twice, for who will believe that a message is gone: a file that is
    /// renamed while a directory is read may be missing in one reading.
    pub(super) fn scan_carefully(&mut self) -> Result<()> {
        self.scan()?;
        let first = std::mem::take(&mut self.files);
        self.scan()?;
        for (id, located) in first {
            if !self.files.contains_key(&id) && self.file_path(&located).exists() {
                self.files.insert(id, located);
            }
        }
        Ok(())
    }

    fn read_files(&self) -> Result<(HashMap<Id, Located>, bool)> {
        let mut files = HashMap::with_capacity(self.files.len());
        let has_links = self.each_file(&mut |located| {
            files.insert(id_of(&located.file), located);
        })?;
        Ok((files, has_links))
    }

    /// All messages with their flags, in the order of their delivery, by one reading that is
    /// not kept.
    pub(super) fn listed_once(&mut self) -> Result<Changes> {
        self.begin()?;
        self.keywords = Keywords::load(&self.path)?;
        let mut changed: Vec<Listed> = Vec::new();
        self.has_links = self.each_file(&mut |located| {
            let (id, flags) = (id_of(&located.file), self.flags(&located));
            changed.push(Listed { size: size(&id.0), id, flags: Some(flags) });
        })?;
        // Where one was seen twice, the later is right: the sort keeps them in order.
        changed.sort_by(|a, b| by_delivery(&a.id.0, &b.id.0));
        changed.dedup_by(|later, earlier| {
            let is_same = later.id == earlier.id;
            if is_same {
                std::mem::swap(later, earlier);
            }
            is_same
        });
        let is_seen = |listed: &Listed| listed.flags.as_ref().is_some_and(|it| it.has("\\Seen"));
        let seen = changed.iter().filter(|listed| is_seen(listed)).count();
        let status = Status {
            messages: changed.len() as u64,
            unseen: Some((changed.len() - seen) as u64),
            uid_validity: super::UID_VALIDITY,
            stamp: self.stamp(),
            ..Status::default()
        };
        let vanished = Vec::new();
        Ok(Changes { status, changed, vanished, complete: true, keeps: Keeps::All })
    }

    /// Gives each message's file as the directories have it; one that is renamed meanwhile may
    /// come twice, and then the later is right. Whether a link is among them.
    pub(super) fn each_file(&self, on: &mut dyn FnMut(Located)) -> Result<bool> {
        let mut has_links = false;
        // `new` first: what moves to `cur` meanwhile is seen twice, and not never.
        for sub in [Sub::New, Sub::Cur] {
            let path = self.path.join(sub.name());
            let entries = match std::fs::read_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && sub == Sub::New => {
                    continue;
                }
                entries => entries.map_err(|error| Error::file(&path, error))?,
            };
            for entry in entries {
                let entry = entry.map_err(|error| Error::file(&path, error))?;
                let file = entry.file_name();
                // Names that begin with a dot are no messages (the Maildir convention).
                let is_hidden = file.as_bytes().starts_with(b".");
                has_links |= !is_hidden && entry.file_type().is_ok_and(|kind| kind.is_symlink());
                if is_hidden || !is_file(&entry) {
                    continue;
                }
                on(Located { sub, file });
            }
        }
        Ok(has_links)
    }

    /// Whether the folder is other than when it was last read; costs a few calls of the system
    /// where nothing happened.
    pub(super) fn has_changed(&mut self) -> Result<bool> {
        let now = Look::at(&self.path)?;
        if self.look.as_ref() != Some(&now) {
            return Ok(true);
        }
        if self.is_young {
            let (files, _) = self.read_files()?;
            self.is_young = now.is_young(&self.path, SystemTime::now());
            return Ok(files != self.files);
        }
        Ok(false)
    }

    /// All messages as they were read, in the order of their delivery.
    pub(super) fn ids(&self) -> Vec<Id> {
        let mut ids: Vec<Id> = self.files.keys().cloned().collect();
        ids.sort_unstable_by(|a, b| by_delivery(&a.0, &b.0));
        ids
    }

    /// All messages as they were read, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Located> {
        self.files.values()
    }

    /// Where the message was when the folder was read.
    pub(super) fn known(&self, id: &Id) -> Option<&Located> {
        self.files.get(id)
    }

    /// The path of a message's file.
    pub(super) fn file_path(&self, located: &Located) -> PathBuf {
        self.path.join(located.sub.name()).join(&located.file)
    }

    /// The flags that a file's name and the keyword files tell.
    pub(super) fn flags(&self, located: &Located) -> Flags {
        let (unique, info) = split(located.file.as_bytes());
        let mut flags = Info::parse(info).flags(&self.keywords);
        self.keywords.add_extra(&text(unique), &mut flags);
        flags
    }

    /// The size that a file's name tells, else the file itself.
    pub(super) fn size(&self, located: &Located) -> Option<u64> {
        let (unique, _) = split(located.file.as_bytes());
        let told = std::str::from_utf8(unique).ok().and_then(size);
        told.or_else(|| std::fs::metadata(self.file_path(located)).ok().map(|m| m.len()))
    }

    /// Does something with a message's file, and looks for the file once more where it is
    /// not under the name that was known. `None`: the message is gone.
    pub(super) fn with_file<T>(
        &mut self,
        id: &Id,
        mut act: impl FnMut(&Self, &Located) -> io::Result<T>,
    ) -> Result<Option<T>> {
        for attempt in 0..2 {
            if let Some(located) = self.files.get(id).cloned() {
                match act(self, &located) {
                    Ok(value) => return Ok(Some(value)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(Error::file(&self.file_path(&located), error)),
                }
            }
            if attempt == 0 {
                self.scan()?;
            }
        }
        Ok(None)
    }

    /// Changes flags, which is renaming files; messages that are gone are left out.
    pub(super) fn set_flags(
        &mut self,
        changes: &[FlagChange],
        durability: Durability,
    ) -> Result<()> {
        let dirs = self.dirs()?;
        let added = changes.iter().flat_map(|change| change.add.iter());
        let wanted: Vec<&str> = added.filter(|f| is_keyword(f)).map(Flag::name).collect();
        self.keywords.allocate(&self.path, wanted.into_iter(), durability)?;
        let mut extras = Vec::new();
        let mut renamed = Vec::new();
        for change in changes {
            for id in &change.ids {
                let outcome = self.with_file(id, |folder, located| {
                    let (unique, info) = split(located.file.as_bytes());
                    let before = Info::parse(info);
                    let mut after = before.clone();
                    let mut extra = Extra { unique: text(unique), ..Extra::default() };
                    folder.apply(&mut after, &mut extra, &change.add, true);
                    folder.apply(&mut after, &mut extra, &change.remove, false);
                    let mut moved = located.clone();
                    if after != before {
                        moved.file = OsString::from_vec(after.file_name(unique));
                        moved.sub = Sub::Cur;
                        let from = dirs.sub(located.sub);
                        // Never over another file, which a copy made by hand could be.
                        let (file, name) = (Path::new(&located.file), Path::new(&moved.file));
                        rename_new(from, file, &dirs.cur, name)?;
                    }
                    Ok((moved, extra))
                })?;
                let Some((moved, extra)) = outcome else { continue };
                let unheard = !extra.remove.is_empty() && self.keywords.has_extra(&extra.unique);
                if !extra.add.is_empty() || unheard {
                    extras.push(extra);
                }
                match self.files.insert(id.clone(), moved.clone()) {
                    Some(before) if before != moved => renamed.push(before.sub),
                    _ => {}
                }
            }
        }
        let files = &self.files;
        let is_there = |unique: &str| files.contains_key(&Id::new(unique.to_owned()));
        self.keywords.change_extra(&self.path, &extras, &is_there, durability)?;
        self.flush(&dirs, !renamed.is_empty(), renamed.contains(&Sub::New), durability)
    }

    /// Sets or clears flags in an info; keywords without a letter go to `extra`.
    fn apply(&self, info: &mut Info, extra: &mut Extra, flags: &Flags, on: bool) {
        for flag in flags.iter() {
            match system_letter(flag).or_else(|| self.keywords.letter(flag.name())) {
                Some(letter) => info.set(letter, on),
                // A system flag that Maildir has no letter for cannot be kept.
                None if flag.is_system() => {}
                None if on => extra.add.push(flag.name().to_owned()),
                None => extra.remove.push(flag.name().to_owned()),
            }
        }
    }

    /// Takes messages away; those that are gone already are no error.
    pub(super) fn delete(&mut self, ids: &[Id], durability: Durability) -> Result<()> {
        let dirs = self.dirs()?;
        let (mut in_cur, mut in_new) = (false, false);
        for id in ids {
            let outcome = self.with_file(id, |_, located| {
                rustix::fs::unlinkat(dirs.sub(located.sub), &located.file, AtFlags::empty())?;
                Ok(located.sub)
            })?;
            self.files.remove(id);
            in_cur |= outcome == Some(Sub::Cur);
            in_new |= outcome == Some(Sub::New);
        }
        self.flush(&dirs, in_cur, in_new, durability)
    }

    /// Copies messages into another folder, or moves them there; the new ids in order.
    /// The same data is linked where the disk can. Moved messages keep their unique name.
    pub(super) fn transfer(
        &mut self,
        ids: &[Id],
        target: &mut Folder,
        moving: bool,
        durability: Durability,
    ) -> Result<Vec<Option<Id>>> {
        self.scan()?;
        target.scan()?;
        let (from, to) = (self.dirs()?, target.dirs()?);
        let names = Names::here();
        let all: Vec<Flags> =
            ids.iter().filter_map(|id| self.files.get(id)).map(|at| self.flags(at)).collect();
        let wanted = all.iter().flat_map(Flags::iter).filter(|f| is_keyword(f)).map(Flag::name);
        target.keywords.allocate(&target.path, wanted, durability)?;
        let mut placed = Vec::with_capacity(ids.len());
        let mut extras = Vec::new();
        for id in ids {
            let target = &*target;
            let outcome = self.with_file(id, |folder, located| {
                let (unique, _) = split(located.file.as_bytes());
                let mut extra = Extra::default();
                let mut info = Info::default();
                target.apply(&mut info, &mut extra, &folder.flags(located), true);
                let fresh = || {
                    let told = std::str::from_utf8(unique).ok().and_then(size);
                    let name = names.next(SystemTime::now(), None);
                    told.map_or(name.clone(), |octets| format!("{name},S={octets}")).into_bytes()
                };
                let mut unique = if moving { unique.to_vec() } else { fresh() };
                loop {
                    let place = place(&unique, &info, located.sub);
                    match carry(&from, located, &to, &place, moving, durability) {
                        // Somebody copied the file by hand: then the moved one gets a name.
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                            unique = fresh();
                        }
                        Err(error) => return Err(error),
                        Ok(()) => {
                            extra.unique = text(&unique);
                            return Ok((place, extra));
                        }
                    }
                }
            })?;
            if moving {
                self.files.remove(id);
            }
            placed.push(outcome.map(|(place, extra)| {
                let new = id_of(&place.file);
                if !extra.add.is_empty() {
                    extras.push(extra);
                }
                (new, place)
            }));
        }
        let mut new_ids = Vec::with_capacity(placed.len());
        for place in placed {
            new_ids.push(place.map(|(id, located)| {
                target.files.insert(id.clone(), located);
                id
            }));
        }
        let files = &target.files;
        let is_there = |unique: &str| files.contains_key(&Id::new(unique.to_owned()));
        target.keywords.change_extra(&target.path, &extras, &is_there, durability)?;
        // The new place first: after a crash a message may be in both, never in none.
        target.flush(&to, true, true, durability)?;
        self.flush(&from, moving, moving, durability)?;
        Ok(new_ids)
    }

    fn flush(&self, dirs: &Dirs, cur: bool, new: bool, durability: Durability) -> Result<()> {
        if durability == Durability::Fast {
            return Ok(());
        }
        for (wanted, folder) in [(cur, &dirs.cur), (new, &dirs.new)] {
            if wanted {
                durable::flush_folder(folder).map_err(|error| Error::file(&self.path, error))?;
            }
        }
        Ok(())
    }
}

/// Whether a flag is a keyword that wants a small letter.
pub(super) fn is_keyword(flag: &Flag) -> bool {
    !flag.is_system() && system_letter(flag).is_none()
}

/// The id of the message that a file is, by the name of the file: its unique part, with escapes
/// for what is not UTF-8.
pub fn id_of(file: &OsStr) -> Id {
    let unique = split(file.as_bytes()).0;
    match std::str::from_utf8(unique) {
        Ok(unique) => Id::new(unique),
        Err(_) => Id::new(text(unique)),
    }
}

/// Where a message with these flags goes: one without any that nobody has looked at stays
/// new.
pub(super) fn place(unique: &[u8], info: &Info, was: Sub) -> Located {
    if info.is_empty() && was == Sub::New {
        Located { sub: Sub::New, file: OsString::from_vec(unique.to_vec()) }
    } else {
        Located { sub: Sub::Cur, file: OsString::from_vec(info.file_name(unique)) }
    }
}

/// Brings one file to another folder, by a link or a rename where the disk can.
fn carry(
    from: &Dirs,
    located: &Located,
    to: &Dirs,
    place: &Located,
    moving: bool,
    durability: Durability,
) -> io::Result<()> {
    let (source, target) = (from.sub(located.sub), to.sub(place.sub));
    let (file, name) = (Path::new(&located.file), Path::new(&place.file));
    let done = if moving {
        rename_new(source, file, target, name)
    } else {
        let linked = rustix::fs::linkat(source, file, target, name, AtFlags::empty());
        linked.map_err(io::Error::from)
    };
    let code = done.as_ref().err().and_then(Errno::from_io_error);
    let apart = [Errno::XDEV, Errno::PERM, Errno::MLINK, Errno::NOTSUP, Errno::NOSYS];
    if !code.is_some_and(|code| apart.contains(&code)) {
        return done;
    }
    // The folders lie on different disks, or this one knows no links.
    let mut input = open_file(source, &located.file)?;
    let metadata = input.metadata()?;
    let temporary = Names::here().next(SystemTime::now(), None);
    let mut output = create_new(&to.tmp, &temporary)?;
    let written = io::copy(&mut input, &mut output)
        .and_then(|_| metadata.modified())
        .and_then(|time| output.set_modified(time))
        .and_then(|()| match durability {
            Durability::Durable => output.sync_all(),
            Durability::Fast => Ok(()),
        })
        .and_then(|()| rename_new(&to.tmp, Path::new(&temporary), target, name));
    if let Err(error) = written {
        // The first error counts; what stays behind is swept later.
        let _ = rustix::fs::unlinkat(&to.tmp, &temporary, AtFlags::empty());
        return Err(error);
    }
    if moving {
        if durability == Durability::Durable {
            durable::flush_folder(target)?;
        }
        rustix::fs::unlinkat(source, &located.file, AtFlags::empty())?;
    }
    Ok(())
}

fn open_file(folder: &File, name: &OsStr) -> io::Result<File> {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(folder, name, flags, rustix::fs::Mode::empty())?))
}

/// Whether a message can be read there: no directory, and no pipe that nobody writes to. What
/// the system does not tell along with the name is asked for links alone.
fn is_file(entry: &std::fs::DirEntry) -> bool {
    match entry.file_type() {
        Ok(kind) if kind.is_symlink() => {
            std::fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file())
        }
        Ok(kind) => kind.is_file(),
        // It may be gone by now, which who opens it finds out.
        Err(_) => true,
    }
}
