//! IMAP's section specifications (RFC 9051 section 6.4.5): which octets `BODY[...]` means.

use std::borrow::Cow;
use std::ops::Range;

use super::{Kind, PartId, Structure};
use crate::base::limits::NESTING;
use crate::message::headers;

/// What of a part is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Selection {
    /// The whole: the message for no part numbers, the body of the part for some.
    #[default]
    Whole,
    /// `HEADER`: the header of the message that the part is or holds.
    Header,
    /// `HEADER.FIELDS`: of that header only the fields of these names.
    HeaderFields(Vec<Vec<u8>>),
    /// `HEADER.FIELDS.NOT`: of that header all but the fields of these names.
    HeaderFieldsNot(Vec<Vec<u8>>),
    /// `TEXT`: the body of the message that the part is or holds.
    Text,
    /// `MIME`: the MIME header of the part.
    Mime,
}

/// A section: part numbers and what is wanted of that part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// The part numbers as in `1.2.3`; empty for the message itself.
    pub path: Vec<u32>,
    /// What is wanted of it.
    pub selection: Selection,
}

/// A text that is no section.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no section, such as 1.2, HEADER or 2.MIME")]
pub struct NoSection {
    /// The text.
    pub text: String,
}

impl std::str::FromStr for Section {
    type Err = NoSection;

    /// Reads what stands between the brackets of `BODY[...]`, in any case:
    /// `section-spec` of RFC 9051 section 9. Names of fields may be quoted.
    fn from_str(text: &str) -> Result<Section, NoSection> {
        let wrong = || NoSection { text: text.to_owned() };
        let mut path = Vec::new();
        let mut rest = text;
        while rest.starts_with(|c: char| c.is_ascii_digit()) {
            let (number, after) = rest.split_once('.').unwrap_or((rest, ""));
            let number =
                number.parse::<u32>().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
            path.push(number);
            rest = after;
            if path.len() > NESTING * 2 || (rest.is_empty() && text.ends_with('.')) {
                return Err(wrong());
            }
        }
        let (word, names) = match rest.split_once(' ') {
            Some((word, names)) => (word.to_ascii_uppercase(), Some(names.trim())),
            None => (rest.to_ascii_uppercase(), None),
        };
        let selection = match (word.as_str(), names) {
            ("", None) => Selection::Whole,
            ("HEADER", None) => Selection::Header,
            ("TEXT", None) => Selection::Text,
            ("MIME", None) if !path.is_empty() => Selection::Mime,
            ("HEADER.FIELDS", Some(names)) => {
                Selection::HeaderFields(field_names(names).ok_or_else(wrong)?)
            }
            ("HEADER.FIELDS.NOT", Some(names)) => {
                Selection::HeaderFieldsNot(field_names(names).ok_or_else(wrong)?)
            }
            _ => return Err(wrong()),
        };
        Ok(Section { path, selection })
    }
}

/// `"(" name *(SP name) ")"`.
fn field_names(text: &str) -> Option<Vec<Vec<u8>>> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    let mut names = Vec::new();
    for name in inner.split_ascii_whitespace() {
        let quoted = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let name = quoted.unwrap_or(name);
        if !headers::is_name(name) {
            return None;
        }
        names.push(name.as_bytes().to_vec());
    }
    (!names.is_empty()).then_some(names)
}

impl Structure {
    /// The octets of a section of the message that this structure was made of; `None` when
    /// there is no such section (IMAP answers NIL). Chosen header fields come with the
    /// blank line behind them, as IMAP wants it.
    pub fn section<'m>(&self, message: &'m [u8], section: &Section) -> Option<Cow<'m, [u8]>> {
        let (names, wanted) = match &section.selection {
            Selection::HeaderFields(names) => (names, true),
            Selection::HeaderFieldsNot(names) => (names, false),
            _ => return message.get(self.section_range(section)?).map(Cow::Borrowed),
        };
        let header = message.get(self.section_range(section)?)?;
        let mut out = Vec::new();
        for field in headers::fields(header) {
            let named = names.iter().any(|name| name.eq_ignore_ascii_case(field.name));
            if named == wanted {
                out.extend_from_slice(&header[field.start..field.end]);
            }
        }
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.extend_from_slice(headers::line_end_of(header).as_bytes());
        }
        out.extend_from_slice(headers::line_end_of(header).as_bytes());
        Some(Cow::Owned(out))
    }

    /// Where a section stands in the message; for chosen header fields, the whole header
    /// that they are chosen from.
    pub fn section_range(&self, section: &Section) -> Option<Range<usize>> {
        let id = self.find(&section.path)?;
        let part = self.part(id);
        match section.selection {
            Selection::Whole if section.path.is_empty() => Some(part.header.start..part.body.end),
            Selection::Whole => Some(part.body.clone()),
            Selection::Mime if section.path.is_empty() => None,
            Selection::Mime => Some(part.header.clone()),
            Selection::Text => Some(self.part(self.message_of(id, section)?).body.clone()),
            Selection::Header | Selection::HeaderFields(_) | Selection::HeaderFieldsNot(_) => {
                Some(self.part(self.message_of(id, section)?).header.clone())
            }
        }
    }

    /// The message that HEADER and TEXT speak of: the outermost one without part numbers,
    /// else the one that the part holds.
    fn message_of(&self, id: PartId, section: &Section) -> Option<PartId> {
        match self.part(id).kind {
            Kind::Message(inner) if !section.path.is_empty() => Some(inner),
            _ if section.path.is_empty() => Some(id),
            _ => None,
        }
    }
}
