//! What search and lists want to know of a message, decoded, and found only when asked for:
//! first the header, then the parts, then the text of the bodies.
//!
//! Nothing here refuses a message; what cannot be decoded is shown with replacement
//! characters. Text inside attachments that are no text (PDF, office documents) is looked for
//! where that is asked for.

use std::cell::OnceCell;
use std::ops::ControlFlow;

use jiff::Timestamp;

use super::pieces::{self, Piece};
use super::structure::{self, Kind, Part, Structure};
use super::transfer::{self, Encoding};
use super::{charset, documents, headers, html, words};
use crate::base::date::Zoned;

/// Most octets of decoded text kept of one message; text beyond it is not searched.
pub const TEXT_OCTETS: usize = 256 * 1024 * 1024;

/// The charset of text that names none (RFC 2045 section 5.2).
const DEFAULT_CHARSET: &str = "us-ascii";

/// A header block, decoded field by field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    fields: Vec<(String, String)>,
}

impl Header {
    /// Decodes every field of a message or header block. Lines that are no fields are left
    /// out.
    pub fn new(message: &[u8]) -> Header {
        let fields = headers::fields(message)
            .filter(|field| !field.name.is_empty())
            .map(|field| {
                (String::from_utf8_lossy(field.name).into_owned(), words::decode(field.value))
            })
            .collect();
        Header { fields }
    }

    /// As [`Header::new`], but only the fields of these names, in any case.
    pub fn only(message: &[u8], names: &[&str]) -> Header {
        let fields = headers::fields(message)
            .filter(|field| names.iter().any(|name| field.is(name)))
            .map(|field| {
                (String::from_utf8_lossy(field.name).into_owned(), words::decode(field.value))
            })
            .collect();
        Header { fields }
    }

    /// Each field on a line of its own, as `Name: value`.
    pub fn lines(&self) -> String {
        let lines: Vec<String> =
            self.fields().map(|(name, value)| format!("{name}: {value}")).collect();
        lines.join("\n")
    }

    /// The fields in their order: name as written, value decoded.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The decoded values of every field of this name, in any case.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The decoded value of the first field of this name; `None` when there is none.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The decoded subject; `None` when there is no such field.
    pub fn subject(&self) -> Option<&str> {
        self.value("Subject")
    }

    /// When the message says that it was sent (Date); `None` when it does not say so in a
    /// way that can be read.
    pub fn date(&self) -> Option<Timestamp> {
        self.values("Date").find_map(|value| {
            match Zoned::parse_message(value.as_bytes()) {
                Ok(date) => Timestamp::from_second(date.seconds).ok(),
                // ISO 8601 is no mail date, but it is met.
                Err(_) => value.trim().parse().ok(),
            }
        })
    }

    /// The Message-ID without angle brackets; `None` when there is none.
    pub fn message_id(&self) -> Option<String> {
        self.value("Message-ID").and_then(|value| {
            message_ids(value).into_iter().next().or_else(|| {
                let bare = value.trim();
                (!bare.is_empty()).then(|| bare.to_owned())
            })
        })
    }

    /// The ids that this message answers, oldest first: those of References, or else the
    /// first of In-Reply-To (RFC 5256, REFERENCES threading, step 1).
    pub fn references(&self) -> Vec<String> {
        let references: Vec<String> = self.values("References").flat_map(message_ids).collect();
        if !references.is_empty() {
            return references;
        }
        self.values("In-Reply-To").flat_map(message_ids).take(1).collect()
    }
}

/// The message ids in a value, without their angle brackets.
pub fn message_ids(value: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((id, following)) = after.split_once('>') else { break };
        // Folding inside an id is an obsolete form; blanks are no part of it.
        let id: String = id.chars().filter(|c| !c.is_whitespace()).collect();
        if !id.is_empty() {
            out.push(id);
        }
        rest = following;
    }
    out
}

/// What one part says of itself. A server's BODYSTRUCTURE gives the same facts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartFacts {
    /// The media type in lower case, `text/plain`.
    pub content_type: String,
    /// The charset parameter; of a text part without one `us-ascii` (RFC 2045 section 5.2), as
    /// servers tell it, too; `None` where there is none.
    pub charset: Option<String>,
    /// The file name, decoded; `None` when the part has none.
    pub file_name: Option<String>,
    /// Whether the disposition is `attachment`.
    pub attachment: bool,
    /// The `smime-type` parameter in lower case (RFC 8551 section 3.2.2).
    pub smime_type: Option<String>,
    /// Whether the part has parts, or a message, in it.
    pub container: bool,
}

impl PartFacts {
    /// What stands in a multipart that has no parts.
    fn nothing() -> PartFacts {
        let charset = Some(DEFAULT_CHARSET.to_owned());
        PartFacts { content_type: "text/plain".to_owned(), charset, ..PartFacts::default() }
    }

    fn of(part: &Part) -> PartFacts {
        let content_type = part.content_type.essence();
        let charset = part.content_type.parameter("charset");
        PartFacts {
            charset: charset_of(&content_type, charset),
            content_type,
            file_name: part.file_name(),
            attachment: part.is_attachment(),
            smime_type: part.content_type.parameter("smime-type").map(|kind| kind.to_lowercase()),
            container: part.kind != Kind::Leaf,
        }
    }
}

/// The charset of a part of this type: what its parameter says, else the default of text.
pub fn charset_of(content_type: &str, parameter: Option<String>) -> Option<String> {
    parameter
        .filter(|name| !name.is_empty())
        .or_else(|| content_type.starts_with("text/").then(|| DEFAULT_CHARSET.to_owned()))
}

/// A message in memory (or mapped there) and what has been found out of it so far. It is
/// for one thread.
#[derive(Debug)]
pub struct Facts<'m> {
    message: &'m [u8],
    header: OnceCell<Header>,
    structure: OnceCell<Structure>,
    parts: OnceCell<Vec<PartFacts>>,
    texts: OnceCell<Vec<String>>,
    with_documents: bool,
}

impl<'m> Facts<'m> {
    /// Knows nothing yet.
    pub fn new(message: &'m [u8]) -> Facts<'m> {
        Facts {
            message,
            header: OnceCell::new(),
            structure: OnceCell::new(),
            parts: OnceCell::new(),
            texts: OnceCell::new(),
            with_documents: false,
        }
    }

    /// The same, and the text inside PDF, DOCX and ODT parts counts as text of the bodies.
    #[must_use]
    pub fn with_documents(mut self, with_documents: bool) -> Facts<'m> {
        self.with_documents = with_documents;
        self
    }

    /// The message as given.
    pub fn message(&self) -> &'m [u8] {
        self.message
    }

    /// The size in octets, every line with CRLF, whatever line ends the message has here (RFC 9051
    /// section 2.3.4).
    pub fn size(&self) -> u64 {
        let is_bare = |at: &usize| *at == 0 || self.message[*at - 1] != b'\r';
        let bare = memchr::memchr_iter(b'\n', self.message).filter(is_bare).count();
        u64::try_from(self.message.len().saturating_add(bare)).unwrap_or(u64::MAX)
    }

    /// The decoded header.
    pub fn header(&self) -> &Header {
        self.header.get_or_init(|| Header::new(self.message))
    }

    /// The MIME tree.
    pub fn structure(&self) -> &Structure {
        self.structure.get_or_init(|| structure::parse(self.message))
    }

    /// What each part says of itself, the message itself first. A multipart without parts has an
    /// empty text in it: a BODYSTRUCTURE cannot say that there is none (RFC 9051 section 9,
    /// `body-type-mpart`).
    pub fn parts(&self) -> &[PartFacts] {
        self.parts.get_or_init(|| {
            let mut found = Vec::new();
            for part in self.structure().parts() {
                found.push(PartFacts::of(part));
                if matches!(&part.kind, Kind::Multipart(inside) if inside.is_empty()) {
                    found.push(PartFacts::nothing());
                }
            }
            found
        })
    }

    /// The text of the bodies: one string for each text part, HTML reduced to its text, and
    /// one for the header of each message inside the message.
    pub fn texts(&self) -> &[String] {
        self.texts.get_or_init(|| {
            let mut texts = Texts::new(self.with_documents);
            let outline;
            let structure = match self.structure.get() {
                Some(structure) => structure,
                None => {
                    outline = structure::outline(self.message);
                    &outline
                }
            };
            let _ = pieces::walk(self.message, structure, &mut |piece| texts.take(piece));
            texts.found
        })
    }

    /// The text that a reader sees first: of the first text part that is no attachment,
    /// plain text before HTML. Empty when there is none.
    pub fn readable_text(&self) -> String {
        let structure = self.structure();
        let shown = || {
            let parts = structure.parts().iter();
            parts.filter(|part| part.kind == Kind::Leaf && !part.is_attachment())
        };
        shown()
            .find(|part| part.content_type.is("text", "plain"))
            .or_else(|| shown().find(|part| part.content_type.is_kind("text")))
            .map(|part| part_text(self.message, part))
            .unwrap_or_default()
    }
}

/// The texts of pieces, as far as there is room for them.
#[derive(Debug)]
pub(super) struct Texts {
    /// What there is so far.
    pub(super) found: Vec<String>,
    left: usize,
    with_documents: bool,
}

impl Texts {
    /// None yet.
    pub(super) fn new(with_documents: bool) -> Texts {
        Texts { found: Vec::new(), left: TEXT_OCTETS, with_documents }
    }

    /// Takes one piece; stops where there is no room for more.
    pub(super) fn take(&mut self, piece: Piece<'_>) -> ControlFlow<()> {
        let text = match piece {
            Piece::Header(block) => Header::new(block).lines(),
            Piece::Text { octets, charset, html } => decoded(octets, charset, html),
            Piece::Document { octets, kind } if self.with_documents => {
                documents::text(kind, octets)
            }
            Piece::Document { .. } => return ControlFlow::Continue(()),
        };
        self.left = self.left.saturating_sub(text.len());
        self.found.push(text);
        if self.left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The octets of a part's body without their transfer encoding.
pub fn part_octets<'m>(message: &'m [u8], part: &Part) -> std::borrow::Cow<'m, [u8]> {
    pieces::octets(message, part)
}

/// The text of a part as a reader sees it: transfer encoding and charset undone, HTML
/// reduced to its text.
pub fn part_text(message: &[u8], part: &Part) -> String {
    let label = part.content_type.parameter("charset").unwrap_or_default();
    decoded(&part_octets(message, part), &label, pieces::is_html(part))
}

/// The text of a part's body that came by itself: transfer encoding and charset undone, HTML
/// reduced to its text.
pub fn text_of(body: &[u8], encoding: Encoding, charset: &str, html: bool) -> String {
    decoded(&transfer::decode(encoding, body), charset, html)
}

fn decoded(octets: &[u8], charset: &str, html: bool) -> String {
    let text = charset::decode(charset.as_bytes(), octets);
    if html { html::to_text(&text) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"From: =?utf-8?Q?J=C3=B8rn?= <j@x.org>\r\n\
To: ann@x.org\r\n\
Subject: =?iso-8859-1?Q?Gr=FC=DFe?=\r\n\
\x20 from here\r\n\
Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n\
Message-ID: <one@x.org>\r\n\
In-Reply-To: <zero@x.org> (said Ann)\r\n\
List-Id: The List <list.x.org>\r\n\
Content-Type: multipart/mixed; boundary=b\r\n\
\r\n\
--b\r\n\
Content-Type: text/plain; charset=iso-8859-1\r\n\
Content-Transfer-Encoding: quoted-printable\r\n\
\r\n\
caf=E9 au =\r\n\
lait\r\n\
--b\r\n\
Content-Type: text/html; charset=utf-8\r\n\
Content-Transfer-Encoding: base64\r\n\
\r\n\
PHA+b25lPHRkPnR3bzwvdGQ+PHRkPsO8PC90ZD4=\r\n\
--b\r\n\
Content-Type: message/rfc822\r\n\
\r\n\
Subject: inside\r\n\
\r\n\
inner text\r\n\
--b\r\n\
Content-Type: application/pdf; name=\"=?utf-8?Q?=C3=BC.pdf?=\"\r\n\
Content-Disposition: attachment\r\n\
Content-Transfer-Encoding: base64\r\n\
\r\n\
AAAA\r\n\
--b--\r\n";

    #[test]
    fn header_facts() {
        let facts = Facts::new(MESSAGE);
        let header = facts.header();
        assert_eq!(header.value("from"), Some("Jørn <j@x.org>"));
        assert_eq!(header.subject(), Some("Grüße from here"));
        assert_eq!(header.date().unwrap().to_string(), "1997-11-21T15:55:06Z");
        assert_eq!(header.message_id().as_deref(), Some("one@x.org"));
        assert_eq!(header.references(), ["zero@x.org"]);
        assert_eq!(header.value("x-none"), None);
        let iso = Header::new(b"Date: 2006-01-02T15:04:05+01:00\n");
        assert_eq!(iso.date().unwrap().to_string(), "2006-01-02T14:04:05Z");
        assert_eq!(Header::new(b"Date: yesterday\n").date(), None);
        assert_eq!(message_ids("<a@b> junk <c@\n d><> <open"), ["a@b", "c@d"]);
    }

    #[test]
    fn part_facts() {
        let facts = Facts::new(MESSAGE);
        let types: Vec<&str> = facts.parts().iter().map(|p| p.content_type.as_str()).collect();
        assert_eq!(
            types,
            [
                "multipart/mixed",
                "text/plain",
                "text/html",
                "message/rfc822",
                "text/plain",
                "application/pdf"
            ]
        );
        let pdf = &facts.parts()[5];
        assert_eq!(pdf.file_name.as_deref(), Some("ü.pdf"));
        assert!(pdf.attachment && !pdf.container && facts.parts()[0].container);
        assert_eq!(facts.parts()[1].charset.as_deref(), Some("iso-8859-1"));
    }

    #[test]
    fn body_texts() {
        let facts = Facts::new(MESSAGE);
        assert_eq!(facts.texts(), ["café au lait", "one two ü", "Subject: inside", "inner text"]);
        assert_eq!(facts.readable_text(), "café au lait");
    }

    #[test]
    fn a_message_in_base64_is_looked_into() {
        // "Subject: deep\n\nhidden words"
        let message = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogZGVlcAoKaGlkZGVuIHdvcmRz\n";
        assert_eq!(Facts::new(message).texts(), ["Subject: deep", "hidden words"]);
    }

    #[test]
    fn empty_and_headless_messages() {
        let facts = Facts::new(b"");
        assert_eq!(facts.header(), &Header::default());
        assert_eq!(facts.texts(), [""]);
        assert_eq!(Facts::new(b"\njust text").texts(), ["just text"]);
    }

    #[test]
    fn real_messages_have_facts() {
        let mut with_text = 0;
        let messages = crate::message::corpus("facts");
        for (path, octets) in &messages {
            eprintln!("{}", path.display());
            let facts = Facts::new(octets);
            facts.header().date();
            facts.header().message_id();
            facts.header().references();
            facts.parts();
            facts.readable_text();
            with_text += usize::from(facts.texts().iter().any(|text| !text.trim().is_empty()));
        }
        assert!(with_text * 2 >= messages.len(), "{with_text} of {}", messages.len());
    }
}
