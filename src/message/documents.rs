//! The text inside PDF, DOCX and ODT parts, for search (ISO 32000, ECMA-376, OASIS ODF).
//!
//! Other people's readers do the work, so each document is read on a thread of its own:
//! a panic in there, or more time than ten seconds, costs that document's text and nothing
//! else. Sizes are bounded. Pictures of text are no text.

use std::io::{Cursor, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use lopdf::{Document, LoadOptions};
use quick_xml::Reader;
use quick_xml::events::Event;
use zip::ZipArchive;

use super::structure::Part;

/// Largest document that is read, in octets.
const DOCUMENT_OCTETS: usize = 64 * 1024 * 1024;

/// Most octets that one stream of a document may decompress to.
const STREAM_OCTETS: usize = 32 * 1024 * 1024;

/// Most octets of text that one document gives.
const TEXT_OCTETS: usize = 32 * 1024 * 1024;

/// Longest that the reading of one document may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Readers that took too long and go on by themselves: with so many, no further document is
/// read.
const RUNAWAYS: usize = 4;

/// Stack of a reader, in octets: documents nest.
const STACK_OCTETS: usize = 16 * 1024 * 1024;

static RUNNING_AWAY: AtomicUsize = AtomicUsize::new(0);

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// PDF.
    Pdf,
    /// Office Open XML text.
    Docx,
    /// OpenDocument text.
    Odt,
}

/// Formats by media type and by the end of the file name.
const KINDS: [(Kind, &str, &str); 3] = [
    (Kind::Pdf, "application/pdf", ".pdf"),
    (
        Kind::Docx,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ".docx",
    ),
    (Kind::Odt, "application/vnd.oasis.opendocument.text", ".odt"),
];

/// The format of a part, by its type or else by its file name; `None`: none of these.
pub fn kind_of(part: &Part) -> Option<Kind> {
    kind(&part.content_type.essence(), || part.file_name())
}

/// The same, of a part that is described by its type in lower case and its file name.
pub fn kind(essence: &str, file_name: impl FnOnce() -> Option<String>) -> Option<Kind> {
    if let Some((kind, ..)) = KINDS.iter().find(|(_, media_type, _)| *media_type == essence) {
        return Some(*kind);
    }
    if essence.starts_with("image/") || essence.starts_with("multipart/") {
        return None;
    }
    let name = file_name()?.to_lowercase();
    KINDS.iter().find(|(.., end)| name.ends_with(end)).map(|(kind, ..)| *kind)
}

/// The text of a document; empty where it cannot be read.
pub fn text(kind: Kind, octets: &[u8]) -> String {
    if octets.len() > DOCUMENT_OCTETS || RUNNING_AWAY.load(Ordering::Relaxed) >= RUNAWAYS {
        return String::new();
    }
    let octets = octets.to_vec();
    let (sender, receiver) = mpsc::sync_channel(1);
    let reading = std::thread::Builder::new()
        .name(QUIET.to_owned())
        .stack_size(STACK_OCTETS)
        .spawn(move || {
            let read = || match kind {
                Kind::Pdf => of_pdf(&octets),
                Kind::Docx => of_archive(&octets, "word/document.xml"),
                Kind::Odt => of_archive(&octets, "content.xml"),
            };
            let text = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
            let text = text.ok().flatten().unwrap_or_default();
            // Nobody waits any more: it has run away, and comes back.
            if sender.send(text).is_err() {
                RUNNING_AWAY.fetch_sub(1, Ordering::Relaxed);
            }
        });
    if reading.is_err() {
        return String::new();
    }
    match receiver.recv_timeout(PATIENCE) {
        Ok(text) => text,
        Err(_) => {
            RUNNING_AWAY.fetch_add(1, Ordering::Relaxed);
            String::new()
        }
    }
}

/// Name of the threads on which documents are read: their panics are told to nobody.
pub const QUIET: &str = "document";

fn of_pdf(octets: &[u8]) -> Option<String> {
    let options =
        LoadOptions { max_decompressed_size: Some(STREAM_OCTETS), ..LoadOptions::default() };
    let document = Document::load_mem_with_options(octets, options).ok()?;
    let mut text = String::new();
    for page in document.get_pages().keys() {
        for chunk in document.extract_text_chunks_with_limit(&[*page], STREAM_OCTETS).into_iter() {
            // A page that cannot be read hides no other.
            text.push_str(&chunk.unwrap_or_default());
        }
        text.push('\n');
        if text.len() > TEXT_OCTETS {
            break;
        }
    }
    Some(text)
}

fn of_archive(octets: &[u8], name: &str) -> Option<String> {
    let mut archive = ZipArchive::new(Cursor::new(octets)).ok()?;
    let file = archive.by_name(name).ok()?;
    let mut xml = Vec::new();
    file.take(STREAM_OCTETS as u64).read_to_end(&mut xml).ok()?;
    Some(of_xml(&String::from_utf8_lossy(&xml)))
}

/// The text of a DOCX or ODT body: paragraphs, cells and line breaks each end a line.
fn of_xml(xml: &str) -> String {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    let mut text = String::new();
    while text.len() < TEXT_OCTETS {
        match reader.read_event() {
            Ok(Event::Text(piece)) => text.push_str(&piece.xml10_content()),
            Ok(Event::CData(piece)) => text.push_str(&piece.xml10_content()),
            Ok(Event::GeneralRef(reference)) => match reference.resolve_char_ref() {
                Ok(Some(c)) => text.push(c),
                _ => text.push_str(predefined(&reference)),
            },
            Ok(Event::Empty(element)) => match element.local_name().as_ref() {
                "tab" | "s" => text.push(' '),
                "br" | "cr" | "line-break" => text.push('\n'),
                "noBreakHyphen" => text.push('-'),
                _ => {}
            },
            Ok(Event::End(element)) => {
                if matches!(element.local_name().as_ref(), "p" | "h" | "tc" | "table-cell") {
                    text.push('\n');
                }
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    text
}

/// What the five names stand for that XML itself defines.
fn predefined(name: &str) -> &'static str {
    match name {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "apos" => "'",
        "quot" => "\"",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::message::facts::Facts;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn archive(name: &str, content: &str) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file(name, SimpleFileOptions::default()).expect("a file");
        writer.write_all(content.as_bytes()).expect("written");
        writer.finish().expect("an archive").into_inner()
    }

    /// A page that shows one line in Helvetica, its cross-reference table in order.
    pub(crate) fn pdf(line: &str) -> Vec<u8> {
        let content = format!("BT /F1 12 Tf 72 720 Td ({line}) Tj ET");
        let objects = [
            "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
            "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R\
             /Resources<</Font<</F1 5 0 R>>>>>>"
                .to_owned(),
            format!("<</Length {}>>stream\n{content}\nendstream", content.len()),
            "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
        ];
        let mut out = b"%PDF-1.4\n".to_vec();
        let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
        for (number, object) in (1..).zip(&objects) {
            table.push_str(&format!("{:010} 00000 n \n", out.len()));
            out.extend_from_slice(format!("{number} 0 obj\n{object}\nendobj\n").as_bytes());
        }
        let at = out.len();
        out.extend_from_slice(table.as_bytes());
        let trailer = format!("trailer<</Size 6/Root 1 0 R>>\nstartxref\n{at}\n%%EOF\n");
        out.extend_from_slice(trailer.as_bytes());
        out
    }

    #[test]
    fn each_format_gives_its_text() {
        let word = "<?xml version=\"1.0\"?><w:document xmlns:w=\"x\"><w:body>\
            <w:p><w:r><w:t>the bud</w:t></w:r><w:r><w:t>get &amp; caf&#233;</w:t></w:r></w:p>\
            <w:p><w:r><w:t>next</w:t><w:tab/><w:t>one</w:t></w:r></w:p></w:body></w:document>";
        let text_of = |kind, octets: &[u8]| super::text(kind, octets);
        let docx = archive("word/document.xml", word);
        assert_eq!(text_of(Kind::Docx, &docx).trim(), "the budget & café\nnext one");
        let odt = archive(
            "content.xml",
            "<office:text><text:h>Head</text:h><text:p>a<text:s/>b</text:p></office:text>",
        );
        assert_eq!(text_of(Kind::Odt, &odt).trim(), "Head\na b");
        let shown = text_of(Kind::Pdf, &pdf("quarterly figures"));
        assert!(shown.contains("quarterly figures"), "{shown:?}");
    }

    #[test]
    fn documents_count_only_where_asked_for() {
        use base64::Engine as _;
        let octets = base64::engine::general_purpose::STANDARD.encode(pdf("hidden words"));
        let message = format!(
            "Content-Type: application/octet-stream; name=\"Report.PDF\"\n\
             Content-Transfer-Encoding: base64\n\n{octets}\n"
        );
        let message = message.as_bytes();
        assert!(Facts::new(message).texts().is_empty());
        let facts = Facts::new(message).with_documents(true);
        assert!(facts.texts()[0].contains("hidden words"), "{:?}", facts.texts());
    }

    #[test]
    fn broken_documents_have_no_text() {
        for kind in [Kind::Pdf, Kind::Docx, Kind::Odt] {
            for octets in [&b""[..], b"%PDF-1.4", b"PK\x03\x04", &[0xff; 300]] {
                assert_eq!(text(kind, octets).trim(), "");
            }
        }
        let mut cut = pdf("whole");
        cut.truncate(cut.len() / 2);
        text(Kind::Pdf, &cut);
        // A thousand to one: only so much of it is looked at.
        let bomb = format!("<p>{}</p>", " ".repeat(40 * 1024 * 1024));
        assert!(text(Kind::Odt, &archive("content.xml", &bomb)).len() <= TEXT_OCTETS);
        let deep = "<a>".repeat(200_000);
        text(Kind::Odt, &archive("content.xml", &deep));
    }
}
