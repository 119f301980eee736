//! Messages that are files: evaluated on all cores, the cheapest facts first.
//!
//! Of each file as much is found out as decides: what its name tells, then what the system
//! tells of it, then its header, then all of it. A large file is mapped into memory for the
//! last step, so that the system can drop its pages.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Result;
use jiff::Timestamp;
use memchr::memmem::Finder;
use rayon::prelude::*;
use rustix::fs::{AtFlags, Mode, OFlags, Stat};

use super::found::{Details, Found, Results};
use super::literal::{Extent, Look};
use crate::base::location::{MaildirFile, Reference};
use crate::message::facts::{Header, PartFacts};
use crate::query::{
    self, Attributes, Expr, Facts, Field, Known, Local, Need, Term, Verdict, eval, relevance,
    size_bounds,
};
use crate::store;
use crate::store::maildir::size_with_crlf;
use crate::store::part::find_header_end;

/// Files that are evaluated before the results go out: enough for all cores, few enough that
/// the first come soon.
const BATCH: usize = 1024;

/// The same for later batches, each twice as large as the last: waiting for the slowest of a
/// batch costs time.
const LARGEST_BATCH: usize = 16 * 1024;

/// Directories that each thread keeps open.
const DIRECTORIES: usize = 4;

/// Octets that the first read of a file asks for where the header may decide, until it is known
/// how long the headers here are.
const HEADER_OCTETS: usize = 4 * 1024;

/// The fewest octets of such a read, and the most.
const HEADER_READS: (usize, usize) = (1024, 16 * 1024);

/// Headers of which the longest says how long the next ones will be.
const HEADERS: usize = 64;

/// Octets that the first read asks for where the body has to be looked at: the whole of most.
const WHOLE_OCTETS: usize = 128 * 1024;

/// Octets of the reads after that, until the header has ended.
const NEXT_OCTETS: usize = 256 * 1024;

/// Above that many octets a file is mapped and not read.
const MAP_ABOVE_OCTETS: u64 = 1024 * 1024;

/// Up to that many octets all pages of a mapping are asked for at once.
const POPULATE_OCTETS: u64 = 64 * 1024 * 1024;

/// What kind of file a message is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A Maildir's: it arrived when the file was written, and its name may change.
    Maildir,
    /// One by itself: it arrived when its Date says.
    Eml,
}

/// One message and what is known of it without a call of the system.
#[derive(Debug, Clone)]
pub struct MailFile {
    /// The directory of its file, shared by those that lie in it.
    pub directory: Arc<Path>,
    /// Its file, as it was called when the directory was read.
    pub name: OsString,
    /// What kind of file that is.
    pub kind: Kind,
    /// Its folder, `/` between levels; `None` where there are none.
    pub folder: Option<Arc<str>>,
    /// Its flags; `None` where none are kept.
    pub flags: Option<Arc<[String]>>,
    /// Octets of the file, where they are known already.
    pub size: Option<u64>,
}

impl MailFile {
    /// A file of which no more is known than where it is.
    pub fn at(path: &Path, kind: Kind) -> Self {
        let directory = path.parent().unwrap_or(Path::new("")).into();
        let name = path.file_name().unwrap_or_default().to_owned();
        Self { directory, name, kind, folder: None, flags: None, size: None }
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }

    fn reference(path: &Path, kind: Kind) -> String {
        let file = match kind {
            Kind::Maildir => MaildirFile::new(path.to_owned()).map(Reference::MaildirFile),
            Kind::Eml => None,
        };
        file.unwrap_or_else(|| Reference::Eml(path.to_owned())).to_string()
    }
}

/// Looks at the files in their order, and gives those that match to `results`, which hears of
/// those that cannot be read, too.
///
/// # Errors
/// The output's.
pub async fn search(
    files: &[MailFile],
    expr: &Expr,
    manner: Manner,
    results: &mut Results<'_>,
) -> Result<()> {
    let wants_size = results.wants_size();
    let matcher = Matcher { wants_size, ..Matcher::new(expr, results.details(), manner) };
    let buffers = Buffers::default();
    let (mut left, mut size) = (files, BATCH);
    while !left.is_empty() && !results.is_full() {
        let (batch, later) = left.split_at(left.len().min(size));
        (left, size) = (later, LARGEST_BATCH.min(2 * size));
        // In the order of the files; those that do not match take no room.
        let found: Vec<store::Result<Found>> = batch
            .par_iter()
            .map_init(|| buffers.borrow(), |buffer, file| matcher.test(file, &mut buffer.buffer))
            .filter_map(store::Result::transpose)
            .collect();
        for found in found {
            match found {
                Ok(found) => results.add(found)?,
                Err(store::Error::File { path, source })
                    if manner.named && source.kind() == io::ErrorKind::NotFound =>
                {
                    results.gone(path);
                }
                Err(error) => results.fail(&error.into()),
            }
        }
        results.flush()?;
        // A deadline or a signal is looked at here.
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// How files are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// Text inside PDF, DOCX and ODT parts counts as text of the bodies.
    pub documents: bool,
    /// Maildirs have an index kept in them.
    pub index: bool,
    /// Sizes that a source lists are those of a file, whose lines may end in LF alone.
    pub stored: bool,
    /// The messages were named one by one: one that is not there is told.
    pub named: bool,
}

/// The query, made ready for many files.
struct Matcher<'q> {
    expr: &'q Expr,
    details: Details,
    manner: Manner,
    /// The size with CRLF line ends is wanted of what matches.
    wants_size: bool,
    /// The header fields that are decoded; `None`: all.
    names: Option<Vec<&'q str>>,
    /// What the system tells of a file is wanted, or asked for by the query.
    wants_system: bool,
    /// The header can decide of every message.
    by_header: bool,
    of_header: Option<Look>,
    of_whole: Option<Look>,
}

impl<'q> Matcher<'q> {
    fn new(expr: &'q Expr, details: Details, manner: Manner) -> Self {
        let terms = expr.terms();
        let names = query::header_names(expr).map(|mut names| {
            names.extend(details.fields());
            names
        });
        let of_system = |term: &&Term| matches!(term, Term::Date(_) | Term::Size(_));
        let of_body = |term: &&Term| match term {
            Term::Match(field, _) => matches!(
                field,
                Field::Body | Field::Text | Field::FileName | Field::Type | Field::Charset
            ),
            Term::Has(_) => true,
            Term::Is(is) => is.flag().is_none(),
            _ => false,
        };
        Self {
            expr,
            details,
            manner,
            wants_size: false,
            names,
            wants_system: details != Details::None || terms.iter().any(of_system),
            by_header: !terms.iter().any(of_body) && details != Details::Score,
            of_header: Look::new(expr, Extent::Header, manner.documents),
            of_whole: Look::new(expr, Extent::Whole, manner.documents),
        }
    }

    /// Whether the query asks for this message; a file that has gone is not asked for.
    fn test(&self, file: &MailFile, buffer: &mut Buffer) -> store::Result<Option<Found>> {
        let mut tested = self.test_at(file, &file.directory, &file.name, buffer);
        if file.kind == Kind::Maildir && is_missing(&tested) {
            // Its flags have changed since the folder was read.
            if let Some(renamed) = find_again(&file.path()) {
                let now = MailFile::at(&renamed, file.kind);
                tested = self.test_at(file, &now.directory, &now.name, buffer);
            }
        }
        match tested {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.manner.named => Ok(None),
            other => other.map_err(|error| store::Error::file(&file.path(), error)),
        }
    }

    fn test_at(
        &self,
        file: &MailFile,
        directory: &Arc<Path>,
        name: &OsStr,
        buffer: &mut Buffer,
    ) -> io::Result<Option<Found>> {
        let path = || directory.join(name);
        let mut seen = Seen { file, system: None, header: None, lacks_text: false };
        let mut verdict = eval(self.expr, &seen);
        if verdict == Verdict::Needs(Need::Attributes) {
            seen.system = Some(System::of(&buffer.stat(directory, name)?));
            verdict = eval(self.expr, &seen);
        }
        match verdict {
            Verdict::No => return Ok(None),
            Verdict::Yes if self.details == Details::None => return Ok(Some(seen.found(&path()))),
            Verdict::Yes | Verdict::Needs(_) => {}
        }
        let mut opened = buffer.open(directory, name)?;
        let mut system = seen.system;
        if system.is_none() && self.wants_system {
            system = Some(System::of(&rustix::fs::fstat(&opened)?));
        }
        let (is_whole, header_end) = buffer.read_header(&mut opened, self.by_header)?;
        let octets = buffer.octets();
        let block = &octets[..header_end];
        if verdict != Verdict::Yes
            && self.of_header.as_ref().is_some_and(|look| !look.may_match_header(block))
        {
            return Ok(None);
        }
        let header = match &self.names {
            Some(names) => Header::only(block, names),
            None => Header::new(block),
        };
        let mut seen = Seen { file, system, header: Some(&header), lacks_text: false };
        let mut verdict = match verdict {
            Verdict::Yes => verdict,
            _ => eval(self.expr, &seen),
        };
        match verdict {
            Verdict::Yes
                if self.details != Details::Score
                    && (!self.wants_size || seen.size_in_name().is_some()) =>
            {
                return Ok(Some(seen.found(&path())));
            }
            Verdict::No => return Ok(None),
            Verdict::Yes | Verdict::Needs(_) => {}
        }
        let map;
        let len = if is_whole { 0 } else { opened.metadata()?.len() };
        let octets: &[u8] = if is_whole {
            buffer.octets()
        } else if len > MAP_ABOVE_OCTETS {
            let mut options = memmap2::MmapOptions::new();
            if len <= POPULATE_OCTETS {
                options.populate();
            }
            // SAFETY: the mapping is read only. A message file is never changed in place:
            // every program that keeps to the formats writes a new file instead, and the old
            // one lives as long as it is open here.
            map = unsafe { options.map(&opened) }?;
            &map
        } else {
            while !buffer.read_more(&mut opened, NEXT_OCTETS)? {}
            buffer.octets()
        };
        if verdict != Verdict::Yes
            && let Some(look) = &self.of_whole
        {
            if look.covers_bodies() && !look.may_match_bodies(octets) {
                seen.lacks_text = true;
                verdict = eval(self.expr, &seen);
            }
            if verdict == Verdict::No || (!seen.lacks_text && !look.may_match(octets)) {
                return Ok(None);
            }
        }
        let local = Local::new(octets, seen.attributes()).with_documents(self.manner.documents);
        Ok((verdict == Verdict::Yes || local.matches(self.expr)).then(|| {
            let score = match self.details {
                Details::Score => Some(relevance::score(self.expr, local.content())),
                Details::None | Details::Shown | Details::Thread => None,
            };
            let size = seen.size_in_name();
            let size = size.or_else(|| self.wants_size.then(|| local.content().size()));
            Found { score, size, ..seen.found(&path()) }
        }))
    }
}

/// Buffers that wait for a thread.
#[derive(Default)]
struct Buffers(Mutex<Vec<Buffer>>);

impl Buffers {
    fn borrow(&self) -> Borrowed<'_> {
        let waiting = self.0.lock().ok().and_then(|mut waiting| waiting.pop());
        Borrowed { buffer: waiting.unwrap_or_default(), owner: self }
    }
}

/// A buffer that goes back when it is done with.
struct Borrowed<'b> {
    buffer: Buffer,
    owner: &'b Buffers,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if let Ok(mut waiting) = self.owner.0.lock() {
            waiting.push(std::mem::take(&mut self.buffer));
        }
    }
}

/// Room for the start of a file, used again for the next, and the directories of the last ones.
struct Buffer {
    room: Vec<u8>,
    len: usize,
    directories: Vec<(Arc<Path>, File)>,
    ends: Ends,
    /// Octets of the next read of a header.
    first: usize,
    /// The longest header of the last ones, and how many these are.
    longest: usize,
    headers: usize,
}

impl Default for Buffer {
    fn default() -> Self {
        Self {
            room: Vec::new(),
            len: 0,
            directories: Vec::new(),
            ends: Ends::default(),
            first: HEADER_OCTETS,
            longest: 0,
            headers: 0,
        }
    }
}

impl Buffer {
    fn octets(&self) -> &[u8] {
        &self.room[..self.len]
    }

    /// Opens a file by its directory: so the system has one name to look up in place of a path.
    fn open(&mut self, directory: &Arc<Path>, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let directory = self.directory(directory)?;
        Ok(rustix::fs::openat(directory, name, flags, Mode::empty())?.into())
    }

    /// What the system tells of a file.
    fn stat(&mut self, directory: &Arc<Path>, name: &OsStr) -> io::Result<Stat> {
        Ok(rustix::fs::statat(self.directory(directory)?, name, AtFlags::empty())?)
    }

    /// A directory, which is open already as a rule.
    fn directory(&mut self, wanted: &Arc<Path>) -> io::Result<&File> {
        let is_known = |(known, _): &(Arc<Path>, File)| Arc::ptr_eq(known, wanted);
        let at = match self.directories.iter().position(is_known) {
            Some(at) => at,
            None => {
                let here = wanted.as_os_str().is_empty();
                let opened = File::open(if here { Path::new(".") } else { wanted })?;
                if self.directories.len() == DIRECTORIES {
                    self.directories.remove(0);
                }
                self.directories.push((Arc::clone(wanted), opened));
                self.directories.len() - 1
            }
        };
        Ok(&self.directories[at].1)
    }

    /// Reads from the start until the header block is there; whether that was the whole file,
    /// and where the header ends. `no_more`: no more than that is wanted, as far as is known.
    fn read_header(&mut self, file: &mut File, no_more: bool) -> io::Result<(bool, usize)> {
        self.len = 0;
        let mut wanted = if no_more { self.first } else { WHOLE_OCTETS };
        loop {
            let before = self.len;
            let is_end = match no_more {
                true => self.read_some(file, wanted)? == 0,
                false => self.read_more(file, wanted)?,
            };
            let octets = self.octets();
            // The empty line may lie across the seam; its line before it begins anywhere.
            let ended = match before {
                0 if !no_more => find_header_end(octets),
                _ => self.ends.find(octets, before.saturating_sub(2)),
            };
            if let Some(end) = ended {
                if no_more {
                    self.expect(end);
                }
                return Ok((is_end, end));
            }
            if is_end {
                return Ok((true, self.len));
            }
            wanted = self.len.clamp(HEADER_OCTETS, NEXT_OCTETS);
        }
    }

    /// The next headers will be about as long as the last ones: a second read costs more than
    /// some octets too many, and these more than nothing.
    fn expect(&mut self, octets: usize) {
        self.longest = self.longest.max(octets);
        self.headers += 1;
        if self.headers == HEADERS || octets > self.first {
            let (least, most) = HEADER_READS;
            self.first = self.longest.next_multiple_of(least / 2).clamp(least, most);
            (self.longest, self.headers) = (0, 0);
        }
    }

    /// Reads so many octets more, or up to the end; whether that has come.
    fn read_more(&mut self, file: &mut File, wanted: usize) -> io::Result<bool> {
        let end = self.len + wanted;
        while self.len < end {
            if self.read_some(file, end - self.len)? == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads so many octets or fewer; how many, 0 at the end.
    fn read_some(&mut self, file: &mut File, wanted: usize) -> io::Result<usize> {
        let end = self.len + wanted;
        if self.room.len() < end {
            self.room.resize(end, 0);
        }
        loop {
            match file.read(&mut self.room[self.len..end]) {
                Ok(read) => {
                    self.len += read;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Finds the empty line behind a header in a few octets faster than line by line.
struct Ends {
    lf: Finder<'static>,
    crlf: Finder<'static>,
}

impl Default for Ends {
    fn default() -> Self {
        Self { lf: Finder::new(b"\n\n"), crlf: Finder::new(b"\n\r\n") }
    }
}

impl Ends {
    /// The offset behind it, where it stands behind a line end at `from` or later, or at the
    /// start of all.
    fn find(&self, octets: &[u8], from: usize) -> Option<usize> {
        match octets {
            [b'\n', ..] if from == 0 => return Some(1),
            [b'\r', b'\n', ..] if from == 0 => return Some(2),
            _ => {}
        }
        let lf = self.lf.find(&octets[from..]).map(|at| from + at + self.lf.needle().len());
        let within = &octets[from..lf.unwrap_or(octets.len())];
        self.crlf.find(within).map(|at| from + at + self.crlf.needle().len()).or(lf)
    }
}

fn is_missing<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// The file of a Maildir's message under the name that it has now.
pub fn find_again(path: &Path) -> Option<PathBuf> {
    let known = MaildirFile::new(path.to_owned())?;
    ["cur", "new"].iter().find_map(|sub| {
        std::fs::read_dir(known.folder().join(sub)).ok()?.flatten().find_map(|entry| {
            let now = MaildirFile::new(entry.path())?;
            (now.unique() == known.unique()).then(|| entry.path())
        })
    })
}

/// What the system tells of a file.
#[derive(Debug, Clone, Copy)]
struct System {
    octets: u64,
    written: Option<Timestamp>,
}

impl System {
    fn of(told: &Stat) -> Self {
        let octets = u64::try_from(told.st_size).unwrap_or_default();
        Self { octets, written: Timestamp::from_second(told.st_mtime).ok() }
    }
}

/// A file as far as it has been looked at.
struct Seen<'f> {
    file: &'f MailFile,
    system: Option<System>,
    header: Option<&'f Header>,
    /// No text of its body can be what the query asks for: it has none, as far as that goes.
    lacks_text: bool,
}

impl Seen<'_> {
    fn octets(&self) -> Option<u64> {
        self.file.size.or(self.system.map(|system| system.octets))
    }

    fn arrived(&self) -> Option<Timestamp> {
        match self.file.kind {
            Kind::Maildir => self.system?.written,
            Kind::Eml => self.header?.date(),
        }
    }

    /// The size with CRLF line ends, where the name tells it.
    fn size_in_name(&self) -> Option<u64> {
        let is_told = self.file.kind == Kind::Maildir;
        is_told.then(|| size_with_crlf(self.file.name.as_encoded_bytes())).flatten()
    }

    /// Everything, once the header is there.
    fn attributes(&self) -> Attributes {
        Attributes {
            flags: self.file.flags.as_deref().map(<[String]>::to_vec),
            size: self.size_in_name(),
            stored: self.octets(),
            received: self.arrived(),
            folder: self.file.folder.as_deref().map(str::to_owned),
            ..Attributes::default()
        }
    }

    fn found(&self, path: &Path) -> Found {
        let found = Found {
            reference: MailFile::reference(path, self.file.kind),
            flags: self.file.flags.as_deref().map(<[String]>::to_vec),
            size: self.size_in_name(),
            folder: self.file.folder.as_deref().map(str::to_owned),
            ..Found::default()
        };
        match self.header {
            Some(header) => found.with_header(header, self.arrived()),
            None => found,
        }
    }
}

impl Facts for Seen<'_> {
    fn flag(&self, name: &str) -> Known<bool> {
        self.file.flags.as_ref().map_or(Known::Absent, |flags| {
            Known::Is(flags.iter().any(|flag| flag.eq_ignore_ascii_case(name)))
        })
    }

    fn any_flag(&self) -> Known<bool> {
        self.file.flags.as_ref().map_or(Known::Absent, |flags| Known::Is(!flags.is_empty()))
    }

    fn size(&self) -> Known<u64> {
        self.size_in_name().map_or(Known::Unknown, Known::Is)
    }

    fn size_bounds(&self) -> Option<(u64, u64)> {
        self.octets().map(size_bounds)
    }

    fn received(&self) -> Known<Timestamp> {
        let is_known = match self.file.kind {
            Kind::Maildir => self.system.is_some(),
            Kind::Eml => self.header.is_some(),
        };
        match self.arrived() {
            Some(time) => Known::Is(time),
            None if is_known => Known::Absent,
            None => Known::Unknown,
        }
    }

    fn uid(&self) -> Known<u32> {
        Known::Absent
    }

    fn folder(&self) -> Known<&str> {
        self.file.folder.as_deref().map_or(Known::Absent, Known::Is)
    }

    fn account(&self) -> Known<&str> {
        Known::Absent
    }

    fn thread(&self) -> Known<&str> {
        Known::Absent
    }

    fn gmail(&self, _query: &str) -> Known<bool> {
        Known::Is(false)
    }

    fn extra(&self, _number: u32) -> Known<bool> {
        Known::Absent
    }

    fn header(&self) -> Option<&Header> {
        self.header
    }

    fn parts(&self) -> Option<&[PartFacts]> {
        None
    }

    fn texts(&self) -> Option<&[String]> {
        self.lacks_text.then_some(&[])
    }
}

#[cfg(test)]
mod tests;
