//! IMAP's section specifications (RFC 9051 section 6.4.5): which octets `BODY[...]` means.

use std::borrow::Cow;
use std::ops::Range;

use super::{Kind, PartId, Structure};
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
