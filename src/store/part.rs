//! Cuts out of a message's octets what a caller asked for: the answer to [`What`] for every
//! store that holds whole messages itself.
//!
//! RFC 9051 section 6.4.5.1 (section specifications). Line ends may be CRLF or LF: local
//! mail has both. It does not decode anything.

use std::borrow::Cow;
use std::ops::Range;

use super::{Error, Result, What};

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
        What::Section(section) => Ok(Cow::Borrowed(&message[locate(message, section)?])),
        What::Partial { section, offset, octets } => {
            let range = locate(message, section)?;
            Ok(Cow::Borrowed(window(&message[range], *offset, *octets)))
        }
    }
}

/// At most `octets` octets of `all` from `offset`; what lies behind the end is left out.
fn window(all: &[u8], offset: u64, octets: Option<u64>) -> &[u8] {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(all.len());
    let rest = all.len() - start;
    let len = octets.map_or(rest, |n| usize::try_from(n).unwrap_or(usize::MAX).min(rest));
    &all[start..start + len]
}

/// Where a section stands in the message.
fn locate(message: &[u8], section: &str) -> Result<Range<usize>> {
    match section {
        "" => Ok(0..message.len()),
        s if s.eq_ignore_ascii_case("HEADER") => Ok(0..header_end(message)),
        s if s.eq_ignore_ascii_case("TEXT") => Ok(header_end(message)..message.len()),
        _ => Err(Error::Unsupported { store: "this store", operation: "read that section" }),
    }
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
