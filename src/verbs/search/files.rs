//! Messages that are files: evaluated on all cores, the cheapest facts first.
//!
//! Of each file as much is found out as decides: what its name tells, then what the system
//! tells of it, then its header, then all of it. A large file is mapped into memory for the
//! last step, so that the system can drop its pages.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use jiff::Timestamp;
use rayon::prelude::*;

use super::found::{Found, Results};
use super::literal::{Extent, Look};
use crate::base::location::{MaildirFile, Reference};
use crate::message::facts::{Header, PartFacts};
use crate::query::{Attributes, Expr, Facts, Known, Local, Need, Verdict, eval};
use crate::store;
use crate::store::part::find_header_end;

/// Files that are evaluated before the results go out: enough for all cores, few enough that
/// the first come soon.
const BATCH: usize = 1024;

/// Octets that the first read of a file asks for: the header block of nearly every message,
/// and the whole of a short one.
const FIRST_OCTETS: u64 = 16 * 1024;

/// Octets of the reads after that, until the header has ended.
const NEXT_OCTETS: u64 = 256 * 1024;

/// Above that many octets a file is mapped and not read.
const MAP_ABOVE_OCTETS: u64 = 1024 * 1024;

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
    /// Its file, as it was called when the folder was read.
    pub path: PathBuf,
    /// What kind of file that is.
    pub kind: Kind,
    /// Its folder, `/` between levels; `None` where there are none.
    pub folder: Option<Arc<str>>,
    /// Its flags; `None` where none are kept.
    pub flags: Option<Vec<String>>,
    /// Octets, where they are known already.
    pub size: Option<u64>,
}

impl MailFile {
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
pub async fn search(files: &[MailFile], expr: &Expr, results: &mut Results<'_>) -> Result<()> {
    let matcher = Matcher::new(expr, results.wants_details());
    for batch in files.chunks(BATCH) {
        if results.is_full() {
            break;
        }
        let found: Vec<store::Result<Option<Found>>> = batch
            .par_iter()
            .map_init(Vec::new, |buffer, file| matcher.test(file, buffer))
            .collect();
        for found in found {
            match found {
                Ok(Some(found)) => results.add(found)?,
                Ok(None) => {}
                Err(error) => results.fail(&error.into()),
            }
        }
        results.flush()?;
        // A deadline or a signal is looked at here.
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// The query, made ready for many files.
struct Matcher<'q> {
    expr: &'q Expr,
    with_details: bool,
    of_header: Option<Look>,
    of_whole: Option<Look>,
}

impl<'q> Matcher<'q> {
    fn new(expr: &'q Expr, with_details: bool) -> Self {
        Self {
            expr,
            with_details,
            of_header: Look::new(expr, Extent::Header),
            of_whole: Look::new(expr, Extent::Whole),
        }
    }

    /// Whether the query asks for this message; a file that has gone is not asked for.
    fn test(&self, file: &MailFile, buffer: &mut Vec<u8>) -> store::Result<Option<Found>> {
        let path = &file.path;
        let mut tested = self.test_at(file, path, buffer);
        if file.kind == Kind::Maildir && is_missing(&tested) {
            // Its flags have changed since the folder was read.
            if let Some(renamed) = find_again(path) {
                tested = self.test_at(file, &renamed, buffer);
            }
        }
        match tested {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map_err(|error| store::Error::file(path, error)),
        }
    }

    fn test_at(
        &self,
        file: &MailFile,
        path: &Path,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Option<Found>> {
        let mut seen = Seen { file, system: None, header: None };
        let mut verdict = eval(self.expr, &seen);
        if verdict == Verdict::Needs(Need::Attributes) {
            seen.system = Some(System::of(&std::fs::metadata(path)?));
            verdict = eval(self.expr, &seen);
        }
        match verdict {
            Verdict::No => return Ok(None),
            Verdict::Yes if !self.with_details => {
                return Ok(Some(seen.found(path)));
            }
            Verdict::Yes | Verdict::Needs(_) => {}
        }
        let mut opened = File::open(path)?;
        let system = System::of(&opened.metadata()?);
        let is_whole = read_header(&mut opened, buffer)?;
        let header_end = find_header_end(buffer).unwrap_or(buffer.len());
        let can_be = |look: &Option<Look>, octets: &[u8]| {
            look.as_ref().is_none_or(|look| look.may_match(octets))
        };
        if !can_be(&self.of_header, &buffer[..header_end])
            || (is_whole && !can_be(&self.of_whole, buffer))
        {
            return Ok(None);
        }
        let header = Header::new(&buffer[..header_end]);
        let seen = Seen { file, system: Some(system), header: Some(&header) };
        match eval(self.expr, &seen) {
            Verdict::Yes => return Ok(Some(seen.found(path))),
            Verdict::No => return Ok(None),
            Verdict::Needs(_) => {}
        }
        let map;
        let octets: &[u8] = if is_whole {
            buffer
        } else if system.octets > MAP_ABOVE_OCTETS {
            // SAFETY: the mapping is read only. A message file is never changed in place:
            // every program that keeps to the formats writes a new file instead, and the old
            // one lives as long as it is open here.
            map = unsafe { memmap2::Mmap::map(&opened) }?;
            &map
        } else {
            opened.read_to_end(buffer)?;
            buffer
        };
        if !is_whole && !can_be(&self.of_whole, octets) {
            return Ok(None);
        }
        let matches = Local::new(octets, seen.attributes()).matches(self.expr);
        Ok(matches.then(|| seen.found(path)))
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

/// Reads into `buffer` until the header block is there; whether that was the whole file.
fn read_header(file: &mut File, buffer: &mut Vec<u8>) -> io::Result<bool> {
    buffer.clear();
    let mut wanted = FIRST_OCTETS;
    loop {
        let before = buffer.len();
        let read = file.by_ref().take(wanted).read_to_end(buffer)? as u64;
        if read < wanted {
            return Ok(true);
        }
        // The empty line may lie across the seam; its line before it begins anywhere.
        let seam = before.saturating_sub(3);
        let ended = match before {
            0 => find_header_end(buffer).is_some(),
            _ => {
                memchr::memmem::find(&buffer[seam..], b"\n\n").is_some()
                    || memchr::memmem::find(&buffer[seam..], b"\n\r\n").is_some()
            }
        };
        if ended {
            return Ok(false);
        }
        wanted = NEXT_OCTETS;
    }
}

/// What the system tells of a file.
#[derive(Debug, Clone, Copy)]
struct System {
    octets: u64,
    written: Option<Timestamp>,
}

impl System {
    fn of(metadata: &Metadata) -> Self {
        Self { octets: metadata.len(), written: Timestamp::from_second(metadata.mtime()).ok() }
    }
}

/// A file as far as it has been looked at.
struct Seen<'f> {
    file: &'f MailFile,
    system: Option<System>,
    header: Option<&'f Header>,
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

    /// Everything, once the header is there.
    fn attributes(&self) -> Attributes {
        Attributes {
            flags: self.file.flags.clone(),
            size: self.octets(),
            received: self.arrived(),
            folder: self.file.folder.as_deref().map(str::to_owned),
            ..Attributes::default()
        }
    }

    fn found(&self, path: &Path) -> Found {
        let found = Found {
            reference: MailFile::reference(path, self.file.kind),
            flags: self.file.flags.clone(),
            size: self.octets(),
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
        self.octets().map_or(Known::Unknown, Known::Is)
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
        None
    }
}

#[cfg(test)]
mod tests;
