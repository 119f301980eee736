//! Header blocks made fit: long lines folded, raw UTF-8 made encoded words.

use super::{Error, LINE_OCTETS};
use crate::message::headers::{self, Field};
use crate::message::words;
use crate::message::{address, charset};

/// Fields whose value is a list of addresses (RFC 5322 section 3.6).
const ADDRESSES: [&str; 11] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
    "Resent-Bcc",
];

/// Fields of MIME and others that have a grammar in which encoded words have no place.
const STRUCTURED: [&str; 9] = [
    "Content-Type",
    "Content-Disposition",
    "Content-Transfer-Encoding",
    "Content-ID",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Date",
    "MIME-Version",
];

/// A header block in which no line has more than 998 octets: longer ones are folded at blanks.
///
/// # Errors
/// [`Error::LongField`].
pub fn fold(block: &[u8]) -> Result<Vec<u8>, Error> {
    let limit = usize::try_from(LINE_OCTETS).unwrap_or(usize::MAX);
    let line_end = headers::line_end_of(block).as_bytes();
    let mut out = Vec::with_capacity(block.len() + 64);
    for field in headers::fields(block) {
        for line in block[field.start..field.end].split_inclusive(|octet| *octet == b'\n') {
            let content = headers::without_line_end(line);
            let mut rest = content;
            while rest.len() > limit {
                // Never right behind the field name: a line of nothing but the name is obsolete.
                let is_break = |at: &usize| {
                    headers::is_blank(rest[*at])
                        && !headers::is_blank(rest[*at - 1])
                        && rest[*at - 1] != b':'
                };
                let at = (1..=limit).rev().find(is_break).ok_or_else(|| {
                    Error::LongField(String::from_utf8_lossy(field.name).into_owned())
                })?;
                out.extend_from_slice(&rest[..at]);
                out.extend_from_slice(line_end);
                rest = &rest[at..];
            }
            out.extend_from_slice(rest);
            out.extend_from_slice(&line[content.len()..]);
        }
    }
    out.extend_from_slice(&block[headers::fields_end(block)..]);
    Ok(out)
}

/// A header block in ASCII, and the names of the fields that were changed for it: names of
/// people and unstructured text become encoded words. Octets that are not UTF-8 count as
/// windows-1252.
///
/// # Errors
/// [`Error::RawField`] for a field where they have no place, and an address that is not ASCII.
pub fn ascii(block: &[u8]) -> Result<(Vec<u8>, Vec<String>), Error> {
    let line_end = headers::line_end_of(block);
    let mut out = Vec::with_capacity(block.len() + 256);
    let mut changed = Vec::new();
    let mut end = 0;
    for field in headers::fields(block) {
        let whole = &block[field.start..field.end];
        end = field.end;
        if whole.is_ascii() {
            out.extend_from_slice(whole);
            continue;
        }
        let name = String::from_utf8_lossy(field.name).into_owned();
        let value = encoded(&field).ok_or_else(|| Error::RawField(name.clone()))?;
        let line =
            headers::encode(&name, &value, line_end).map_err(|_| Error::RawField(name.clone()))?;
        out.extend_from_slice(&line);
        changed.push(name);
    }
    out.extend_from_slice(&block[end..]);
    Ok((out, changed))
}

fn encoded(field: &Field<'_>) -> Option<String> {
    if field.name.is_empty() || STRUCTURED.iter().any(|name| field.is(name)) {
        return None;
    }
    if !ADDRESSES.iter().any(|name| field.is(name)) {
        return Some(words::encode(&words::decode(field.value)));
    }
    let mailboxes = address::mailboxes(charset::unlabelled(field.value).as_bytes()).ok()?;
    let written: Option<Vec<String>> = mailboxes
        .iter()
        .map(|mailbox| match &mailbox.name {
            _ if !mailbox.addr.is_ascii() => None,
            Some(name) if !name.is_ascii() => {
                Some(format!("{} <{}>", words::encode(name), mailbox.addr))
            }
            _ => Some(mailbox.to_string()),
        })
        .collect();
    Some(written?.join(", "))
}
