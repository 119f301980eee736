//! The octets that BODY[...], RFC822 and BINARY[...] name (RFC 9051 section 6.4.5, RFC 3516).

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::replies::Slice;
use crate::imap::syntax::Octets;
use crate::imap::syntax::fetch::{self, SectionText};
use crate::message::facts::{self, Facts};
use crate::message::structure::{self, Section, Selection};
use crate::store::line_ends;
use crate::store::part::header_end;

/// Octets up to this size go into the text of a response; larger ones are shared with the
/// store.
const INLINE_OCTETS: usize = 4096;

/// Octets of a message.
#[derive(Debug)]
pub(super) enum Found {
    /// As they stand in it.
    Range(Range<usize>),
    /// Made from it.
    Made(Vec<u8>),
}

/// A content transfer encoding that we cannot undo (UNKNOWN-CTE).
#[derive(Debug)]
pub(super) struct UnknownEncoding;

/// The section in the words of `message::structure`.
fn section(wanted: &fetch::Section<'_>) -> Section {
    let owned = |names: &[Cow<'_, [u8]>]| names.iter().map(|name| name.to_vec()).collect();
    let selection = match &wanted.text {
        SectionText::All => Selection::Whole,
        SectionText::Header => Selection::Header,
        SectionText::HeaderFields(names) => Selection::HeaderFields(owned(names)),
        SectionText::HeaderFieldsNot(names) => Selection::HeaderFieldsNot(owned(names)),
        SectionText::Text => Selection::Text,
        SectionText::Mime => Selection::Mime,
    };
    Section { path: wanted.part.clone(), selection }
}

/// What a section names; `None` where the message has no such section. The message is taken
/// apart only where part numbers ask for it.
pub(super) fn find(facts: &Facts<'_>, wanted: &fetch::Section<'_>) -> Option<Found> {
    let message = facts.message();
    if !wanted.part.is_empty() {
        let wanted = section(wanted);
        return match wanted.selection {
            Selection::HeaderFields(_) | Selection::HeaderFieldsNot(_) => {
                let octets = facts.structure().section(message, &wanted)?;
                Some(Found::Made(octets.into_owned()))
            }
            _ => facts.structure().section_range(&wanted).map(Found::Range),
        };
    }
    match &wanted.text {
        SectionText::All => Some(Found::Range(0..message.len())),
        SectionText::Header => Some(Found::Range(0..header_end(message))),
        SectionText::Text => Some(Found::Range(header_end(message)..message.len())),
        SectionText::HeaderFields(_) | SectionText::HeaderFieldsNot(_) => {
            let header = &message[..header_end(message)];
            let octets = structure::parse(header).section(header, &section(wanted))?;
            Some(Found::Made(octets.into_owned()))
        }
        SectionText::Mime => None,
    }
}

/// What BINARY[...] names, its transfer encoding undone; `None` where there is no such part.
///
/// # Errors
/// Where the encoding is one that we do not know (RFC 3516 section 4.3).
pub(super) fn find_binary(
    facts: &Facts<'_>,
    part: &[u32],
) -> Result<Option<Found>, UnknownEncoding> {
    let message = facts.message();
    if part.is_empty() {
        return Ok(Some(Found::Range(0..message.len())));
    }
    let structure = facts.structure();
    let Some(id) = structure.find(part) else { return Ok(None) };
    let part = structure.part(id);
    let known = ["7bit", "8bit", "binary", "base64", "quoted-printable"];
    if let Some(encoding) = &part.encoding
        && !known.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(encoding))
    {
        return Err(UnknownEncoding);
    }
    let octets = facts::part_octets(message, part);
    // RFC 9051 section 7.5.2: text has the line ends of IMAP, whatever was encoded.
    if part.content_type.is_kind("text") && has_bare_lf(&octets) {
        return Ok(Some(Found::Made(line_ends::crlf(&octets))));
    }
    Ok(Some(match octets {
        Cow::Borrowed(_) => Found::Range(part.body.clone()),
        Cow::Owned(octets) => Found::Made(octets),
    }))
}

fn has_bare_lf(octets: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', octets).any(|at| at == 0 || octets[at - 1] != b'\r')
}

impl Found {
    /// How many octets there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::Made(octets) => octets.len(),
        }
    }

    /// The octets for a response: small ones themselves, and otherwise how many there are
    /// and a slice to stream. `partial` is first octet and number; what lies behind the end
    /// is left out.
    pub fn cut(
        self,
        message: &Arc<[u8]>,
        partial: Option<(u64, u64)>,
    ) -> (Octets<'static>, Option<Slice>) {
        let len = self.len();
        let limit = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let (start, end) = match partial {
            None => (0, len),
            Some((first, count)) => {
                let start = limit(first).min(len);
                (start, start + limit(count).min(len - start))
            }
        };
        if end - start <= INLINE_OCTETS {
            let octets = match &self {
                Self::Range(range) => &message[range.clone()][start..end],
                Self::Made(octets) => &octets[start..end],
            };
            return (Octets::Inline(Cow::Owned(octets.to_vec())), None);
        }
        let slice = match self {
            Self::Range(range) => {
                Slice { octets: message.clone(), range: range.start + start..range.start + end }
            }
            Self::Made(octets) => Slice { octets: octets.into(), range: start..end },
        };
        (Octets::Streamed { len: (end - start) as u64 }, Some(slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"From: a@x\r\nSubject: b\r\n c\r\nTo: d@x\r\n\r\nbody\r\n";

    fn cut(section: &fetch::Section<'_>, partial: Option<(u64, u64)>) -> Option<Vec<u8>> {
        let facts = Facts::new(MESSAGE);
        let (octets, slice) = find(&facts, section)?.cut(&MESSAGE.into(), partial);
        assert!(slice.is_none());
        octets.inline().map(<[u8]>::to_vec)
    }

    fn text(text: SectionText<'static>) -> fetch::Section<'static> {
        fetch::Section { part: Vec::new(), text }
    }

    #[test]
    fn sections_without_parts() {
        let whole = text(SectionText::All);
        assert_eq!(cut(&whole, None).as_deref(), Some(MESSAGE));
        assert_eq!(cut(&whole, Some((1, 4))).as_deref(), Some(&b"rom:"[..]));
        assert_eq!(cut(&whole, Some((999, 4))).as_deref(), Some(&b""[..]));
        assert_eq!(cut(&whole, Some((1, u64::MAX))).as_deref(), Some(&MESSAGE[1..]));
        assert_eq!(cut(&text(SectionText::Text), None).as_deref(), Some(&b"body\r\n"[..]));
        let fields =
            SectionText::HeaderFields(vec![b"SUBJECT".as_slice().into(), b"x".as_slice().into()]);
        let expected = &b"Subject: b\r\n c\r\n\r\n"[..];
        assert_eq!(cut(&text(fields), None).as_deref(), Some(expected));
        let fields = SectionText::HeaderFieldsNot(vec![b"subject".as_slice().into()]);
        let expected = &b"From: a@x\r\nTo: d@x\r\n\r\n"[..];
        assert_eq!(cut(&text(fields), None).as_deref(), Some(expected));
        assert_eq!(cut(&text(SectionText::Mime), None), None);
    }

    #[test]
    fn large_octets_are_shared() {
        let message: Arc<[u8]> = vec![b'x'; 10_000].into();
        let (octets, slice) = Found::Range(0..10_000).cut(&message, Some((10, 5000)));
        assert_eq!(octets, Octets::Streamed { len: 5000 });
        let slice = slice.expect("a slice");
        assert!(Arc::ptr_eq(&slice.octets, &message) && slice.range == (10..5010));
    }

    #[test]
    fn binary_undoes_the_encoding() {
        let message = b"Content-Transfer-Encoding: base64\r\n\r\naGk=\r\n";
        let facts = Facts::new(message);
        let found = find_binary(&facts, &[1]).expect("a known encoding").expect("part 1");
        let (octets, _) = found.cut(&message.as_slice().into(), None);
        assert_eq!(octets.inline(), Some(&b"hi"[..]));
        // Text has CRLF, other octets stay what they are.
        for (kind, expected) in [("text/plain", &b"a\r\nb\r\n"[..]), ("image/png", b"a\nb\n")] {
            let message = format!(
                "Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\nYQpiCg==\r\n"
            );
            let facts = Facts::new(message.as_bytes());
            let found = find_binary(&facts, &[1]).expect("a known encoding").expect("part 1");
            assert_eq!(found.len(), expected.len());
            let (octets, _) = found.cut(&message.as_bytes().into(), None);
            assert_eq!(octets.inline(), Some(expected));
        }
        let message = b"Content-Transfer-Encoding: x-uuencode\r\n\r\n";
        assert!(find_binary(&Facts::new(message), &[1]).is_err());
    }
}
