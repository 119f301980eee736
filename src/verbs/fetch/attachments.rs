//! `--attachments`: parts as files. Of a message on an IMAP server nothing but those parts
//! travels; the server's BODYSTRUCTURE says which.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use async_trait::async_trait;
use serde::Serialize;

use super::links::{self, Follow};
use crate::imap::part_facts::listing;
use crate::imap::syntax::fetch::Item;
use crate::message::listing::{self as message_listing, Listed};
use crate::message::structure;
use crate::message::transfer::{self, Encoding};
use crate::open::{Mail, Opened};
use crate::store::durable::{self, Durability};
use crate::store::held::Held;
use crate::store::{self, Id, Meta, Sink, What, pattern};
use crate::ui::{Exit, Failure, Format, Output};

/// Which parts are files that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All that a reader of mail shows as files.
    All,
    /// Those whose media type fits, whether they look like files or not.
    Type(String),
    /// Those whose file name fits.
    Name(String),
}

impl Which {
    /// A media type (`application/pdf`, `image/*`) or a pattern of file names (`*.pdf`), without
    /// case; empty: all.
    ///
    /// # Errors
    /// [`Failure`] (64) for a word that is neither.
    pub fn of(word: &str) -> Result<Self, Failure> {
        let word = word.to_lowercase();
        match word.as_str() {
            "" => Ok(Self::All),
            kind if kind.contains('/') => Ok(Self::Type(word)),
            name if name.contains(['*', '%', '.']) => Ok(Self::Name(word)),
            _ => Err(Failure::usage(format!(
                "--attachments {word:?}: no media type and no file name"
            ))
            .hint("write application/pdf, image/* or *.pdf; a source goes before --attachments")),
        }
    }

    fn wants(&self, part: &Listed) -> bool {
        match self {
            Self::All => part.is_file(),
            Self::Type(kind) => pattern::matches(kind, &part.content_type),
            Self::Name(name) => part
                .file_name
                .as_ref()
                .is_some_and(|own| pattern::matches(name, &own.to_lowercase())),
        }
    }
}

/// A part that has become a file.
#[derive(Serialize)]
struct Saved<'s> {
    reference: &'s str,
    section: &'s str,
    content_type: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'s Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    octets: Option<u64>,
}

/// Writes the wanted parts of these messages into `folder`; how many there were. What a message
/// only links to is told, or fetched from the web with `follow`.
///
/// # Errors
/// The source's and the disk's.
pub async fn save(
    source: &mut Opened,
    ids: &[Id],
    which: &Which,
    folder: &Path,
    follow: Option<Follow<'_>>,
    out: &mut Output,
) -> Result<usize> {
    durable::create_folder(folder, Durability::Durable).map_err(|error| {
        Failure::new(Exit::CantCreate, format!("cannot make {}: {error}", folder.display()))
    })?;
    let references: HashMap<Id, String> =
        ids.iter().filter_map(|id| Some((id.clone(), source.reference(id)?.to_string()))).collect();
    let links = Vec::new();
    let mut files = Files { folder: folder.to_owned(), references, out, count: 0, links };
    let Mail::Imap(account, _) = &mut source.mail else {
        let mut whole = WholeMessages { files: &mut files, which, held: None };
        source.spool().read(ids, &What::Whole, &mut whole).await?;
        return files.finish(follow).await;
    };
    let uids: Vec<u32> = ids.iter().filter_map(|id| id.0.parse().ok()).collect();
    // Parts of the same number are asked for together.
    let mut by_section: BTreeMap<String, HashMap<Id, Listed>> = BTreeMap::new();
    account
        .client()
        .fetch_items(&uids, &[Item::BodyStructure], &mut |uid, fetch| {
            let Some(body) = &fetch.body_structure else { return };
            for part in listing(body).into_iter().filter(|part| which.wants(part)) {
                if part.link.is_some() {
                    files.links.push((Id::new(uid.to_string()), part));
                    continue;
                }
                let messages = by_section.entry(part.section.clone()).or_default();
                messages.insert(Id::new(uid.to_string()), part);
            }
        })
        .await
        .map_err(store::Error::from)?;
    for (section, parts) in by_section {
        let ids: Vec<Id> = ids.iter().filter(|id| parts.contains_key(id)).cloned().collect();
        let mut sections = Sections { files: &mut files, parts: &parts, open: None };
        source.spool().read(&ids, &What::Section(section), &mut sections).await?;
    }
    files.finish(follow).await
}

/// The folder that parts go into.
struct Files<'o> {
    folder: PathBuf,
    references: HashMap<Id, String>,
    out: &'o mut Output,
    count: usize,
    /// Parts that lead elsewhere.
    links: Vec<(Id, Listed)>,
}

/// A part on its way into a file.
struct Open {
    file: File,
    folder: File,
    temporary: String,
    decoder: Decoder,
    octets: u64,
}

impl Files<'_> {
    /// Tells of links, or follows them; how many parts there were in all.
    async fn finish(mut self, follow: Option<Follow<'_>>) -> Result<usize> {
        for (id, part) in std::mem::take(&mut self.links) {
            let Some(link) = part.link.clone() else { continue };
            let Some(follow) = follow else {
                self.count += 1;
                self.tell(&id, &part, None)?;
                continue;
            };
            let content = links::get(&link, follow).await?;
            let mut open = self.begin(Encoding::Identity)?;
            self.write(&mut open, &content)?;
            let file_name = part.file_name.clone().or_else(|| links::file_name(&link));
            self.end(open, &id, &Listed { file_name, ..part })?;
        }
        Ok(self.count)
    }

    /// Says what became of a part: the path of its file and its octets, or where it is.
    fn tell(&mut self, id: &Id, part: &Listed, file: Option<(&Path, u64)>) -> store::Result<()> {
        let saved = Saved {
            reference: self.references.get(id).map_or(&*id.0, String::as_str),
            section: &part.section,
            content_type: &part.content_type,
            url: part.link.as_deref(),
            path: file.map(|(path, _)| path),
            octets: file.map(|(_, octets)| octets),
        };
        let told = match (self.out.format(), file) {
            (Format::Json, _) => self.out.json(&saved),
            (Format::Human | Format::Lines, Some((path, _))) => {
                self.out.line(&path.to_string_lossy())
            }
            (Format::Human | Format::Lines, None) => {
                self.out.line(part.link.as_deref().unwrap_or_default())
            }
        };
        told.map_err(super::targets::failed)
    }

    fn failed(&self, error: std::io::Error) -> store::Error {
        store::Error::file(&self.folder, error)
    }

    fn begin(&self, encoding: Encoding) -> store::Result<Open> {
        let mut random = [0; 8];
        crate::sasl::system_random(&mut random);
        let name: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
        let temporary = format!(".pillarbox-{name}");
        let folder = File::open(&self.folder).map_err(|error| self.failed(error))?;
        let file = durable::create_new(&folder, &temporary).map_err(|error| self.failed(error))?;
        Ok(Open { file, folder, temporary, decoder: Decoder::new(encoding), octets: 0 })
    }

    fn write(&self, open: &mut Open, octets: &[u8]) -> store::Result<()> {
        let decoded = open.decoder.take(octets);
        open.octets += decoded.len() as u64;
        open.file.write_all(&decoded).map_err(|error| self.failed(error))
    }

    /// Gives the file its name: the part's own, made safe, with a number where it is taken.
    fn end(&mut self, mut open: Open, id: &Id, part: &Listed) -> store::Result<()> {
        let rest = open.decoder.finish();
        open.octets += rest.len() as u64;
        open.file.write_all(&rest).map_err(|error| self.failed(error))?;
        open.file.sync_data().map_err(|error| self.failed(error))?;
        let name = name_of(part);
        let (stem, extension) = match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
            _ => (name.as_str(), String::new()),
        };
        let mut number = 1;
        let path = loop {
            let candidate = match number {
                1 => name.clone(),
                more => format!("{stem} ({more}){extension}"),
            };
            let from = Path::new(&open.temporary);
            let to = Path::new(&candidate);
            match durable::rename_new(&open.folder, from, &open.folder, to) {
                Ok(()) => break self.folder.join(candidate),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(self.failed(error)),
            }
        };
        durable::flush_folder(&open.folder).map_err(|error| self.failed(error))?;
        self.count += 1;
        self.tell(id, part, Some((&path, open.octets)))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // A part that did not come whole leaves no file; one that did has another name now.
        let path = Path::new(&self.temporary);
        let _ = rustix::fs::unlinkat(&self.folder, path, rustix::fs::AtFlags::empty());
    }
}

/// A file name for a part, whatever it calls itself.
fn name_of(part: &Listed) -> String {
    let own = part.file_name.as_deref().unwrap_or_default();
    // What a path would be made of: the name is what stands behind the last separator.
    let base = own.rsplit(['/', '\\']).next().unwrap_or_default();
    let safe: String =
        base.chars().filter(|c| !c.is_control() && !crate::ui::sanitize::is_harmful(*c)).collect();
    let safe = safe.trim().trim_start_matches(['.', '-', ' ']);
    let mut short = String::new();
    for c in safe.chars() {
        // Names have at most 255 octets; a number may come behind.
        if short.len() + c.len_utf8() > 200 {
            break;
        }
        short.push(c);
    }
    if !short.is_empty() {
        return short;
    }
    let extension = match part.content_type.as_str() {
        "message/rfc822" | "message/global" => Some("eml"),
        kind => mime_guess::get_mime_extensions_str(kind).and_then(|all| all.first()).copied(),
    };
    format!("part-{}.{}", part.section, extension.unwrap_or("bin"))
}

/// Undoes a transfer encoding as octets come.
pub(super) struct Decoder {
    encoding: Encoding,
    held: Vec<u8>,
}

/// Octets of a line of quoted-printable that are waited for; RFC 2045 allows 76.
const LINE_OCTETS: usize = 64 * 1024;

impl Decoder {
    /// Of this encoding.
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding, held: Vec::new() }
    }

    /// The next octets, decoded as far as can be.
    pub(super) fn take(&mut self, octets: &[u8]) -> Vec<u8> {
        match self.encoding {
            Encoding::Identity => octets.to_vec(),
            Encoding::Base64 => {
                let is_digit = |octet: &u8| octet.is_ascii_alphanumeric() || b"+/=".contains(octet);
                self.held.extend(octets.iter().copied().filter(|octet| is_digit(octet)));
                // Padding ends a group wherever it stands; without it, four make one.
                let whole = match self.held.iter().rposition(|octet| *octet == b'=') {
                    Some(last) => last + 1 + (self.held.len() - last - 1) / 4 * 4,
                    None => self.held.len() / 4 * 4,
                };
                let decoded = transfer::base64(&self.held[..whole]);
                self.held.drain(..whole);
                decoded
            }
            Encoding::QuotedPrintable => {
                self.held.extend_from_slice(octets);
                let lines = memchr::memrchr(b'\n', &self.held).map_or(0, |at| at + 1);
                let whole = if lines == 0 && self.held.len() > LINE_OCTETS {
                    // An escape may be cut in two by what comes next.
                    let tail = &self.held[self.held.len() - 2..];
                    let cut = tail.iter().position(|octet| *octet == b'=').unwrap_or(2);
                    self.held.len() - 2 + cut
                } else {
                    lines
                };
                let decoded = transfer::quoted_printable(&self.held[..whole]);
                self.held.drain(..whole);
                decoded
            }
        }
    }

    /// What was held back.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        transfer::decode(self.encoding, &std::mem::take(&mut self.held)).into_owned()
    }
}

/// Takes sections as the server sends them.
struct Sections<'f, 'o> {
    files: &'f mut Files<'o>,
    parts: &'f HashMap<Id, Listed>,
    open: Option<Open>,
}

#[async_trait(?Send)]
impl Sink for Sections<'_, '_> {
    async fn begin(&mut self, message: &Meta) -> store::Result<()> {
        self.open = match self.parts.get(&message.id) {
            Some(part) => Some(self.files.begin(part.encoding)?),
            None => None,
        };
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        match &mut self.open {
            Some(open) => self.files.write(open, octets),
            None => Ok(()),
        }
    }

    async fn end(&mut self, message: &Meta) -> store::Result<()> {
        match (self.open.take(), self.parts.get(&message.id)) {
            (Some(open), Some(part)) => self.files.end(open, &message.id, part),
            _ => Ok(()),
        }
    }
}

/// Takes whole messages apart, where the source cannot.
struct WholeMessages<'f, 'o> {
    files: &'f mut Files<'o>,
    which: &'f Which,
    held: Option<Held>,
}

#[async_trait(?Send)]
impl Sink for WholeMessages<'_, '_> {
    async fn begin(&mut self, message: &Meta) -> store::Result<()> {
        self.held = Some(Held::new(message.clone()));
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        match &mut self.held {
            Some(held) => held.write(octets),
            None => Ok(()),
        }
    }

    async fn end(&mut self, message: &Meta) -> store::Result<()> {
        let Some(held) = self.held.take() else { return Ok(()) };
        let octets = held.octets()?;
        let structure = structure::parse(&octets);
        for part in message_listing::parts(&structure) {
            if !self.which.wants(&part) {
                continue;
            }
            if part.link.is_some() {
                self.files.links.push((message.id.clone(), part));
                continue;
            }
            let numbers: Vec<u32> =
                part.section.split('.').filter_map(|number| number.parse().ok()).collect();
            let body = structure.find(&numbers).map(|id| structure.part(id).body.clone());
            let body = body.and_then(|body| octets.get(body)).unwrap_or_default();
            let mut open = self.files.begin(part.encoding)?;
            for piece in body.chunks(LINE_OCTETS) {
                self.files.write(&mut open, piece)?;
            }
            self.files.end(open, &message.id, &part)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(name: Option<&str>, kind: &str) -> Listed {
        Listed {
            section: "2.1".to_owned(),
            content_type: kind.to_owned(),
            file_name: name.map(str::to_owned),
            attachment: false,
            encoding: Encoding::Identity,
            octets: 0,
            link: None,
        }
    }

    #[test]
    fn names_are_safe() {
        let name = |name: &str| name_of(&part(Some(name), "application/pdf"));
        assert_eq!(name("report.pdf"), "report.pdf");
        assert_eq!(name("../../etc/passwd"), "passwd");
        assert_eq!(name("C:\\evil.exe"), "evil.exe");
        assert_eq!(name(".bashrc"), "bashrc");
        assert_eq!(name("a\u{202e}fdp.exe\n\0"), "afdp.exe");
        assert_eq!(name(".."), "part-2.1.pdf");
        assert_eq!(name(&"x".repeat(300)).len(), 200);
        assert_eq!(name_of(&part(None, "message/rfc822")), "part-2.1.eml");
        assert_eq!(name_of(&part(None, "application/x-nobody-knows")), "part-2.1.bin");
    }

    #[test]
    fn parts_are_chosen_by_type_and_by_name() {
        let (pdf, text) = (part(Some("Q3.PDF"), "application/pdf"), part(None, "text/plain"));
        let wants = |word: &str, part: &Listed| Which::of(word).expect(word).wants(part);
        assert!(wants("", &pdf) && !wants("", &text));
        assert!(wants("application/*", &pdf) && wants("text/plain", &text));
        assert!(wants("*.pdf", &pdf) && !wants("*.png", &pdf) && !wants("*", &text));
        assert!(Which::of("work").is_err());
    }

    proptest! {
        #[test]
        fn decoding_in_pieces_is_decoding_at_once(
            octets in prop::collection::vec(any::<u8>(), 0..400),
            cuts in prop::collection::vec(1usize..40, 0..30),
        ) {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(&octets);
            let quoted = b"a=3D=\r\nb=C3=A9  \r\n=".repeat(octets.len() % 7);
            for (encoding, body) in [
                (Encoding::Base64, text.as_bytes()),
                (Encoding::QuotedPrintable, quoted.as_slice()),
                (Encoding::Identity, octets.as_slice()),
            ] {
                let (mut decoder, mut rest, mut out) = (Decoder::new(encoding), body, Vec::new());
                for cut in cuts.iter().cycle().take(if cuts.is_empty() { 0 } else { 1000 }) {
                    let (piece, more) = rest.split_at((*cut).min(rest.len()));
                    out.extend(decoder.take(piece));
                    rest = more;
                }
                out.extend(decoder.take(rest));
                out.extend(decoder.finish());
                prop_assert_eq!(out, transfer::decode(encoding, body).into_owned());
            }
        }
    }
}
