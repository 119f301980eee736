//! The header block as octets: fields in their order with their exact places, and changes
//! that touch nothing else (RFC 5322 sections 2.2, 3.6 and 4.5).
//!
//! Nothing is lost: the fields, put one after another, are the block. A line that is no
//! field (an mbox `From ` line, a line without a colon) is given too, with an empty name.
//! Line ends are CRLF or LF; a bare CR is an octet like others. Values are not decoded here:
//! see [`crate::message::words`].

use std::borrow::Cow;

/// The longest line that a header may have, without its line end (RFC 5322 section 2.1.1).
pub const LINE_OCTETS: usize = 998;

/// The length at which inserted fields are folded where they can be (RFC 5322 section 2.1.1).
const FOLD_OCTETS: usize = 78;

/// One field of a header block, as it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The field name without the blanks that obsolete syntax allows before the colon; empty
    /// for a line that is no field.
    pub name: &'a [u8],
    /// The octets after the colon, folds included, without the last line end; the whole
    /// line when it is no field.
    pub value: &'a [u8],
    /// Offset of the first octet of the field.
    pub start: usize,
    /// Offset of the first octet of the value.
    pub value_start: usize,
    /// Offset after the line end of the field.
    pub end: usize,
}

impl Field<'_> {
    /// Whether the field has this name, upper and lower case being the same.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value with its folds undone: line ends removed, blanks at both ends trimmed
    /// (RFC 5322 section 2.2.3).
    pub fn unfolded(&self) -> Cow<'_, [u8]> {
        unfold(self.value)
    }
}

/// Undoes the folding of a field value and trims blanks at both ends.
pub fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    let value = trim(value);
    if memchr::memchr(b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    for (index, line) in value.split(|&octet| octet == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // A fold that left nothing on the line before it (obs-FWS) adds no blanks twice.
        if index > 0 && out.last().is_some_and(|last| is_blank(*last)) {
            out.extend_from_slice(trim_start(line));
        } else {
            out.extend_from_slice(line);
        }
    }
    Cow::Owned(out)
}

/// Blank: space or tab.
pub(crate) fn is_blank(octet: u8) -> bool {
    octet == b' ' || octet == b'\t'
}

fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

pub(super) fn trim_start(mut value: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = value
        && is_space(*first)
    {
        value = rest;
    }
    value
}

/// The octets without blanks and line ends at either end.
pub(crate) fn trim(value: &[u8]) -> &[u8] {
    let mut value = trim_start(value);
    while let [rest @ .., last] = value
        && is_space(*last)
    {
        value = rest;
    }
    value
}

/// The length of the line at the start of `octets`, its LF included.
pub(crate) fn line_length(octets: &[u8]) -> usize {
    memchr::memchr(b'\n', octets).map_or(octets.len(), |at| at + 1)
}

/// The line without its line end.
pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    match line.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => line,
    }
}

/// Whether a line (with its line end) is the blank one that ends a header block.
pub(crate) fn is_empty_line(line: &[u8]) -> bool {
    line == b"\r\n" || line == b"\n"
}

/// ftext of RFC 5322 section 3.6.8: what a field name is made of.
fn is_name_octet(octet: u8) -> bool {
    (33..=126).contains(&octet) && octet != b':'
}

/// The name of the field that a line begins, and where its value starts.
fn name_of(line: &[u8]) -> Option<(&[u8], usize)> {
    let length = line.iter().take_while(|octet| is_name_octet(**octet)).count();
    let blanks = line[length..].iter().take_while(|octet| is_blank(**octet)).count();
    let colon = length + blanks;
    (length > 0 && line.get(colon) == Some(&b':')).then(|| (&line[..length], colon + 1))
}

/// The fields of a header block, in order. The iterator ends at the blank line or at the
/// end of the octets.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    octets: &'a [u8],
    at: usize,
}

/// Reads the fields at the start of `message`: a whole message or a header block alone.
pub fn fields(message: &[u8]) -> Fields<'_> {
    Fields { octets: message, at: 0 }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let start = self.at;
        let rest = &self.octets[start..];
        let first = &rest[..line_length(rest)];
        if first.is_empty() || is_empty_line(first) {
            return None;
        }
        let mut end = start + first.len();
        while self.octets.get(end).is_some_and(|octet| is_blank(*octet)) {
            end += line_length(&self.octets[end..]);
        }
        self.at = end;
        let whole = without_line_end(&self.octets[start..end]);
        let (name, value_at) = name_of(first).unwrap_or((&whole[..0], 0));
        Some(Field { name, value: &whole[value_at..], start, value_start: start + value_at, end })
    }
}

/// Offset after the last field: where the blank line stands, or the end of the octets.
pub fn fields_end(message: &[u8]) -> usize {
    fields(message).last().map_or(0, |field| field.end)
}

/// Offset of the first octet of the body, after the blank line; `None` when no blank line
/// ends the header.
pub fn body_offset(message: &[u8]) -> Option<usize> {
    let end = fields_end(message);
    let line = line_length(&message[end..]);
    (line > 0).then_some(end + line)
}

/// The first field of this name.
pub fn find<'a>(message: &'a [u8], name: &str) -> Option<Field<'a>> {
    fields(message).find(|field| field.is(name))
}

/// Octets of an mbox `From ` line at the start; 0 where there is none. A From field with the
/// blanks that obsolete syntax allows before its colon is none.
pub fn mbox_line(message: &[u8]) -> usize {
    let length = line_length(message);
    let is_it = message.starts_with(b"From ") && name_of(&message[..length]).is_none();
    if is_it { length } else { 0 }
}

/// Whether the octets begin with a header at all: a field, an mbox `From ` line, or the
/// blank line that ends an empty header.
pub fn begins_with_header(message: &[u8]) -> bool {
    let first = &message[..line_length(message)];
    is_empty_line(first) || name_of(first).is_some() || mbox_line(first) > 0
}

/// The octets without the fields that `drop` chooses; everything else, the body included,
/// stays as it is.
pub fn without(message: &[u8], mut drop: impl FnMut(&Field<'_>) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len());
    let mut kept = 0;
    for field in fields(message) {
        if drop(&field) {
            out.extend_from_slice(&message[kept..field.start]);
            kept = field.end;
        }
    }
    out.extend_from_slice(&message[kept..]);
    out
}

/// The octets without the fields of these names, and the names that were there, as written.
pub fn remove(message: &[u8], names: &[&str]) -> (Vec<u8>, Vec<String>) {
    let mut removed = Vec::new();
    let octets = without(message, |field| {
        let hit = names.iter().any(|name| field.is(name));
        if hit {
            removed.push(String::from_utf8_lossy(field.name).into_owned());
        }
        hit
    });
    (octets, removed)
}

/// Why a field cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name is empty or has an octet that field names cannot have.
    #[error("{name:?} is no header field name")]
    Name {
        /// The name as given.
        name: String,
    },
    /// The value holds CR, LF or NUL, which could forge other fields.
    #[error("the value of {name} has a line end or NUL at octet {offset}")]
    Value {
        /// The field.
        name: String,
        /// Offset in the value.
        offset: usize,
    },
    /// A word of the value is too long for a line and cannot be folded.
    #[error("the value of {name} has a line of more than {LINE_OCTETS} octets")]
    TooLong {
        /// The field.
        name: String,
    },
}

/// Whether this can be the name of a field (RFC 5322 section 3.6.8).
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_name_octet)
}

/// Checks that a name and a value can be written as one field.
///
/// # Errors
/// The name is no field name, or the value has CR, LF or NUL in it.
pub fn check(name: &str, value: &str) -> Result<(), Error> {
    if !is_name(name) {
        return Err(Error::Name { name: name.to_owned() });
    }
    match value.bytes().position(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
        Some(offset) => Err(Error::Value { name: name.to_owned(), offset }),
        None => Ok(()),
    }
}

/// Writes one field, folded at blanks where a line would pass 78 octets, ended by
/// `line_end`. The value is UTF-8 and goes out as it is: encode it first where the way
/// is not known to take UTF-8 headers.
///
/// # Errors
/// See [`check`]; also when a word without blanks makes a line longer than 998 octets.
pub fn encode(name: &str, value: &str, line_end: &str) -> Result<Vec<u8>, Error> {
    check(name, value)?;
    let mut out = Vec::with_capacity(name.len() + value.len() + 8);
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut column = name.len() + 1;
    let mut rest = value.trim();
    let mut first = true;
    while !rest.is_empty() {
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let word = rest[blanks..].find([' ', '\t']).map_or(rest.len(), |at| blanks + at);
        let piece = &rest[..word];
        if first {
            out.push(b' ');
            column += 1;
        } else if column + piece.len() > FOLD_OCTETS {
            out.extend_from_slice(line_end.as_bytes());
            column = 0;
        }
        out.extend_from_slice(piece.as_bytes());
        column += piece.len();
        if column > LINE_OCTETS {
            return Err(Error::TooLong { name: name.to_owned() });
        }
        first = false;
        rest = &rest[word..];
    }
    out.extend_from_slice(line_end.as_bytes());
    Ok(out)
}

/// Where an inserted field goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before every other field, but after an mbox `From ` line: trace and resent fields
    /// (RFC 5322 section 3.6).
    First,
    /// After the last field.
    Last,
}

/// The octets with one more field. Its line ends are those that the message has already
/// (CRLF when it has none). A message that begins with no header gets one, and a blank
/// line between it and what is then the body.
///
/// # Errors
/// See [`encode`].
pub fn insert(message: &[u8], place: Place, name: &str, value: &str) -> Result<Vec<u8>, Error> {
    let line_end = line_end_of(message);
    let field = encode(name, value, line_end)?;
    let mut out = Vec::with_capacity(message.len() + field.len() + 4);
    if !message.is_empty() && !begins_with_header(message) {
        out.extend_from_slice(&field);
        out.extend_from_slice(line_end.as_bytes());
        out.extend_from_slice(message);
        return Ok(out);
    }
    let at = match place {
        Place::First => mbox_line(message),
        Place::Last => fields_end(message),
    };
    out.extend_from_slice(&message[..at]);
    if at > 0 && !out.ends_with(b"\n") {
        out.extend_from_slice(line_end.as_bytes());
    }
    out.extend_from_slice(&field);
    out.extend_from_slice(&message[at..]);
    Ok(out)
}

/// The line end of the first line: `"\r\n"` or `"\n"`; CRLF when no line ends.
pub fn line_end_of(message: &[u8]) -> &'static str {
    let line = &message[..line_length(message)];
    if line.ends_with(b"\n") && !line.ends_with(b"\r\n") { "\n" } else { "\r\n" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(message: &[u8]) -> Vec<String> {
        fields(message).map(|f| String::from_utf8_lossy(f.name).into_owned()).collect()
    }

    #[test]
    fn fields_have_names_values_and_places() {
        let message =
            b"Subject: a\r\n b\r\nBcc \t: x@y\r\nno colon here\r\nTo:z\r\n\r\nBody: no\r\n";
        let all: Vec<Field<'_>> = fields(message).collect();
        assert_eq!(names(message), ["Subject", "Bcc", "", "To"]);
        assert_eq!(all[0].value, b" a\r\n b");
        assert_eq!(all[0].unfolded().as_ref(), b"a b");
        assert_eq!(all[1].value, b" x@y");
        assert_eq!(all[2].value, b"no colon here");
        assert_eq!(all[3].value, b"z");
        assert_eq!(&message[all[3].end..], b"\r\nBody: no\r\n");
        assert_eq!(body_offset(message), Some(all[3].end + 2));
    }

    #[test]
    fn line_feeds_alone_and_odd_beginnings() {
        assert_eq!(body_offset(b"A: b\n\nbody"), Some(6));
        assert_eq!(body_offset(b"\nbody"), Some(1));
        assert_eq!(body_offset(b"\r\nbody"), Some(2));
        assert_eq!(body_offset(b"A: b\n"), None);
        assert_eq!(body_offset(b""), None);
        assert_eq!(names(b"From a@b Mon Jan  1 10:00:00 2001\nSubject: x\n\n"), ["", "Subject"]);
        assert_eq!(names(b" folded at once\nSubject: x\n\n"), ["", "Subject"]);
        // A bare CR ends no line, NUL is an octet.
        assert_eq!(names(b"A: b\rB: c\nD\0: e\nF: \0\n"), ["A", "", "F"]);
        // A line of blanks goes on with the field (obs-FWS), and does not end the header.
        assert_eq!(names(b"A: b\n \nC: d\n\n"), ["A", "C"]);
    }

    #[test]
    fn blind_copies_are_removed_however_written() {
        let message = b"To: a@x\r\nBCC : b@x,\r\n\tc@x\r\nResent-Bcc: d@x\r\nSubject: s\r\nbcc:e@x\r\n\r\nBcc: body\r\n";
        let (octets, removed) = remove(message, &["Bcc", "Resent-Bcc"]);
        assert_eq!(octets, b"To: a@x\r\nSubject: s\r\n\r\nBcc: body\r\n");
        assert_eq!(removed, ["BCC", "Resent-Bcc", "bcc"]);
    }

    #[test]
    fn insertion_keeps_everything_else() {
        let at_end = insert(b"A: b\n\nbody", Place::Last, "Date", "now").unwrap();
        assert_eq!(at_end, b"A: b\nDate: now\n\nbody");
        let at_start = insert(b"A: b\r\n\r\nbody", Place::First, "Resent-To", "x").unwrap();
        assert_eq!(at_start, b"Resent-To: x\r\nA: b\r\n\r\nbody");
        assert_eq!(insert(b"\r\nbody", Place::Last, "A", "b").unwrap(), b"A: b\r\n\r\nbody");
        assert_eq!(insert(b"only text\n", Place::Last, "A", "b").unwrap(), b"A: b\n\nonly text\n");
        assert_eq!(insert(b"A: b", Place::Last, "C", "d").unwrap(), b"A: b\r\nC: d\r\n");
        assert_eq!(insert(b"", Place::First, "C", "d").unwrap(), b"C: d\r\n");
        let mbox = insert(b"From x@y now\nA: b\n\n", Place::First, "C", "d").unwrap();
        assert_eq!(mbox, b"From x@y now\nC: d\nA: b\n\n");
        // A field of obsolete syntax (RFC 5322 section 4.5) is no mbox line.
        let field = insert(b"From : a@b\n\n", Place::First, "C", "d").unwrap();
        assert_eq!(field, b"C: d\nFrom : a@b\n\n");
    }

    #[test]
    fn forged_fields_are_refused() {
        assert!(matches!(check("Subject", "a\r\nBcc: x"), Err(Error::Value { offset: 1, .. })));
        assert!(matches!(check("Sub ject", "a"), Err(Error::Name { .. })));
        assert!(matches!(check("", "a"), Err(Error::Name { .. })));
        assert!(matches!(encode("A", "b\0", "\n"), Err(Error::Value { .. })));
        assert!(matches!(encode("A", &"x".repeat(999), "\n"), Err(Error::TooLong { .. })));
    }

    #[test]
    fn long_values_are_folded() {
        let value = ["<abcdefghij@example.org>"; 8].join(" ");
        let field = encode("References", &value, "\r\n").unwrap();
        assert!(field.split(|o| *o == b'\n').all(|line| line.len() <= 79));
        let back = fields(&field).next().unwrap();
        assert_eq!(back.unfolded().as_ref(), value.as_bytes());
    }

    #[test]
    fn real_messages_lose_nothing() {
        for (path, octets) in crate::message::corpus("headers") {
            let mut at = 0;
            for field in fields(&octets) {
                assert_eq!(field.start, at, "{}", path.display());
                at = field.end;
            }
            assert_eq!(at, fields_end(&octets), "{}", path.display());
            assert_eq!(without(&octets, |_| false), octets, "{}", path.display());
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_taken_whole(octets in prop::collection::vec(prop_oneof![
            Just(b'\n'), Just(b'\r'), Just(b' '), Just(b':'), Just(b'A'), any::<u8>()], 0..200)) {
            let mut at = 0;
            for field in fields(&octets) {
                prop_assert_eq!(field.start, at);
                prop_assert!(field.end > at);
                at = field.end;
            }
            let rest = &octets[at..];
            prop_assert!(rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n"));
        }

        #[test]
        fn an_inserted_field_is_found_again(value in "[ -~]{0,300}") {
            let field = insert(b"A: b\r\n\r\nbody", Place::Last, "X-Test", &value).unwrap();
            let back = find(&field, "X-Test").unwrap();
            let unfolded = back.unfolded();
            prop_assert_eq!(unfolded.as_ref(), value.trim().as_bytes());
            prop_assert!(field.ends_with(b"\r\n\r\nbody"));
        }
    }
}
