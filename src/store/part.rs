//! Cuts out of a message's octets what a caller asked for: the answer to [`What`] for every
//! store that holds whole messages itself.
//!
//! RFC 9051 section 6.4.5.1 (section specifications). Line ends may be CRLF or LF: local
//! mail has both. It does not decode anything.

use std::borrow::Cow;

use super::{Error, Result, What};
use crate::message::structure::{self, Section, Selection};

/// The octets of `message` that `what` names, borrowed wherever they stand together.
/// A section that the message does not have is empty, and so is a range behind the end.
///
/// # Errors
/// [`Error::Unsupported`] for a section that is none by the grammar.
pub fn cut<'a>(message: &'a [u8], what: &What) -> Result<Cow<'a, [u8]>> {
    match what {
        What::Whole => Ok(Cow::Borrowed(message)),
        What::Headers => Ok(Cow::Borrowed(&message[..header_end(message)])),
        What::HeaderFields(names) => Ok(Cow::Owned(header_fields(message, names))),
        What::Section(text) => section(message, text),
        What::Partial { section: text, offset, octets } => Ok(match section(message, text)? {
            Cow::Borrowed(whole) => Cow::Borrowed(window(whole, *offset, *octets)),
            Cow::Owned(whole) => Cow::Owned(window(&whole, *offset, *octets).to_vec()),
        }),
    }
}

/// At most `octets` octets of `all` from `offset`; what lies behind the end is left out.
fn window(all: &[u8], offset: u64, octets: Option<u64>) -> &[u8] {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(all.len());
    let rest = all.len() - start;
    let len = octets.map_or(rest, |n| usize::try_from(n).unwrap_or(usize::MAX).min(rest));
    &all[start..start + len]
}

/// The octets of a section.
fn section<'a>(message: &'a [u8], text: &str) -> Result<Cow<'a, [u8]>> {
    if text.is_empty() {
        return Ok(Cow::Borrowed(message));
    }
    // The two that need no MIME structure.
    if text.eq_ignore_ascii_case("HEADER") {
        return Ok(Cow::Borrowed(&message[..header_end(message)]));
    }
    if text.eq_ignore_ascii_case("TEXT") {
        return Ok(Cow::Borrowed(&message[header_end(message)..]));
    }
    let wanted = parse_section(text)
        .ok_or(Error::Unsupported { store: "a message", operation: "give a section so named" })?;
    let found = structure::parse(message).section(message, &wanted);
    Ok(found.unwrap_or(Cow::Borrowed(&[])))
}

/// Reads a section specification.
///
/// ```text
/// section = [part *("." part) ["." ("HEADER" [".FIELDS" [".NOT"] SP list] / "TEXT" / "MIME")]]
/// ```
fn parse_section(text: &str) -> Option<Section> {
    let mut path = Vec::new();
    let mut rest = text;
    while rest.starts_with(|first: char| first.is_ascii_digit()) {
        let (number, behind) = rest.split_once('.').unwrap_or((rest, ""));
        let number: u32 = number.parse().ok().filter(|number| *number > 0)?;
        path.push(number);
        let is_last = behind.is_empty();
        if is_last && rest.ends_with('.') {
            return None;
        }
        rest = behind;
        if is_last {
            return Some(Section { path, selection: Selection::Whole });
        }
    }
    let upper = rest.to_ascii_uppercase();
    let selection = match upper.as_str() {
        "HEADER" => Selection::Header,
        "TEXT" => Selection::Text,
        "MIME" if !path.is_empty() => Selection::Mime,
        other => {
            let (keyword, list) = other.split_once(' ')?;
            let names = list.strip_prefix('(')?.strip_suffix(')')?;
            let names: Vec<Vec<u8>> =
                names.split(' ').filter(|n| !n.is_empty()).map(|n| n.as_bytes().to_vec()).collect();
            match keyword {
                "HEADER.FIELDS" => Selection::HeaderFields(names),
                "HEADER.FIELDS.NOT" => Selection::HeaderFieldsNot(names),
                _ => return None,
            }
        }
    };
    Some(Section { path, selection })
}

/// The offset behind the header block and the empty line that ends it; the whole length
/// where no empty line is.
pub fn header_end(message: &[u8]) -> usize {
    find_header_end(message).unwrap_or(message.len())
}

/// The offset behind the first empty line; `None` where there is none.
pub fn find_header_end(message: &[u8]) -> Option<usize> {
    let mut start = 0;
    for newline in memchr::memchr_iter(b'\n', message) {
        if matches!(&message[start..newline], b"" | b"\r") {
            return Some(newline + 1);
        }
        start = newline + 1;
    }
    None
}

/// The header fields with one of these names, whole and in their order, and the empty line
/// behind them (RFC 9051 section 6.4.5.1: it is always included).
pub fn header_fields(message: &[u8], names: &[String]) -> Vec<u8> {
    let header = &message[..header_end(message)];
    let mut found = Vec::new();
    let mut taking = false;
    let mut line_end: &[u8] = b"\r\n";
    for line in header.split_inclusive(|&octet| octet == b'\n') {
        if line == b"\n" || line == b"\r\n" {
            line_end = line;
            break;
        }
        if line.ends_with(b"\n") && !line.ends_with(b"\r\n") {
            line_end = b"\n";
        }
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let colon = memchr::memchr(b':', line);
            let name = colon.map_or(&line[..0], |at| line[..at].trim_ascii_end());
            taking = names.iter().any(|wanted| wanted.as_bytes().eq_ignore_ascii_case(name));
        }
        if taking {
            found.extend_from_slice(line);
        }
    }
    found.extend_from_slice(line_end);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRLF: &[u8] = b"From: a@b\r\nSubject: one\r\n two\r\nTo: c\r\n\r\nbody\r\nmore\r\n";
    const LF: &[u8] = b"From: a@b\nSubject: one\n two\nTo: c\n\nbody\nmore\n";

    fn taken(message: &[u8], what: &What) -> Vec<u8> {
        cut(message, what).expect("a valid section").into_owned()
    }

    #[test]
    fn headers_end_with_the_empty_line() {
        assert_eq!(
            taken(CRLF, &What::Headers),
            b"From: a@b\r\nSubject: one\r\n two\r\nTo: c\r\n\r\n"
        );
        assert_eq!(taken(LF, &What::Headers), b"From: a@b\nSubject: one\n two\nTo: c\n\n");
        assert_eq!(taken(b"no end", &What::Headers), b"no end");
        assert_eq!(taken(b"\nbody", &What::Headers), b"\n");
        assert_eq!(taken(b"", &What::Headers), b"");
    }

    #[test]
    fn fields_keep_their_folding_and_order() {
        let names = vec!["to".to_string(), "SUBJECT".to_string()];
        assert_eq!(
            taken(CRLF, &What::HeaderFields(names.clone())),
            b"Subject: one\r\n two\r\nTo: c\r\n\r\n"
        );
        assert_eq!(taken(LF, &What::HeaderFields(names)), b"Subject: one\n two\nTo: c\n\n");
        assert_eq!(taken(LF, &What::HeaderFields(vec!["Cc".into()])), b"\n");
    }

    #[test]
    fn sections_are_read() {
        let path = |path: &[u32], selection| Some(Section { path: path.to_vec(), selection });
        assert_eq!(parse_section("1"), path(&[1], Selection::Whole));
        assert_eq!(parse_section("1.2.mime"), path(&[1, 2], Selection::Mime));
        assert_eq!(parse_section("3.TEXT"), path(&[3], Selection::Text));
        let names = vec![b"TO".to_vec(), b"DATE".to_vec()];
        let fields = Selection::HeaderFields(names);
        assert_eq!(parse_section("2.HEADER.FIELDS (To Date)"), path(&[2], fields));
        let others = Selection::HeaderFieldsNot(vec![b"X".to_vec()]);
        assert_eq!(parse_section("HEADER.FIELDS.NOT (x)"), path(&[], others));
        for wrong in ["MIME", "0", "1.", "1..2", ".1", "1.x", "x", "99999999999", "1.HEADER.FIELDS"]
        {
            assert_eq!(parse_section(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn parts_of_a_multipart() {
        let message = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\
            Content-Type: text/html\n\ntwo\n--b--\n";
        assert_eq!(taken(message, &What::Section("1".into())), b"one");
        assert_eq!(taken(message, &What::Section("2".into())), b"two");
        assert_eq!(taken(message, &What::Section("2.MIME".into())), b"Content-Type: text/html\n\n");
        assert_eq!(taken(message, &What::Section("3".into())), b"");
        let what = What::Partial { section: "2".into(), offset: 1, octets: Some(1) };
        assert_eq!(taken(message, &what), b"w");
        assert!(cut(message, &What::Section("nonsense".into())).is_err());
    }

    #[test]
    fn sections_and_windows() {
        assert_eq!(taken(CRLF, &What::Section("TEXT".into())), b"body\r\nmore\r\n");
        assert_eq!(taken(LF, &What::Section(String::new())), LF);
        let window = |section: &str, offset, octets| {
            taken(LF, &What::Partial { section: section.into(), offset, octets })
        };
        assert_eq!(window("TEXT", 1, Some(3)), b"ody");
        assert_eq!(window("TEXT", 5, None), b"more\n");
        assert_eq!(window("", 1_000, Some(3)), b"");
        assert_eq!(window("", 0, Some(u64::MAX)), LF);
    }
}
