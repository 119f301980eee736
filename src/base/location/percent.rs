//! Parts of a word that know where they stand, and strict percent-decoding (RFC 3986
//! section 2.1). Encoding is done by the `percent-encoding` crate with the sets below.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use super::Error;

/// RFC 5092's `achar`: unreserved, sub-delims without `;`. Everything else is escaped.
pub(super) const ACHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b'&')
    .remove(b'=');

/// RFC 5092's `bchar`: `achar`, `:`, `@` and `/`.
pub(super) const BCHAR: &AsciiSet = &ACHAR.remove(b':').remove(b'@').remove(b'/');

/// `bchar` without `/`: one segment of a path.
pub(super) const SEGMENT: &AsciiSet = &BCHAR.add(b'/');

/// RFC 3986's `unreserved`: what a host keeps.
pub(super) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A piece of a word with its place in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    /// The piece.
    pub(super) text: &'a str,
    /// Its offset in octets from the start of the word.
    pub(super) at: usize,
}

impl<'a> Part<'a> {
    pub(super) fn new(word: &'a str) -> Self {
        Self { text: word, at: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The offset behind its last octet.
    pub(super) fn end(self) -> usize {
        self.at + self.text.len()
    }

    /// Everything before octet `n`, which must be a character boundary.
    pub(super) fn before(self, n: usize) -> Self {
        Self { text: &self.text[..n], at: self.at }
    }

    /// Everything from octet `n` on, which must be a character boundary.
    pub(super) fn onward(self, n: usize) -> Self {
        Self { text: &self.text[n..], at: self.at + n }
    }

    pub(super) fn split_once(self, separator: char) -> Option<(Self, Self)> {
        let n = self.text.find(separator)?;
        Some((self.before(n), self.onward(n + separator.len_utf8())))
    }

    pub(super) fn split(self, separator: char) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut rest = self;
        while let Some((head, tail)) = rest.split_once(separator) {
            parts.push(head);
            rest = tail;
        }
        parts.push(rest);
        parts
    }

    pub(super) fn strip_prefix(self, prefix: &str) -> Option<Self> {
        self.text.starts_with(prefix).then(|| self.onward(prefix.len()))
    }

    /// Without `prefix`, an ASCII word in any case.
    pub(super) fn strip_word(self, prefix: &str) -> Option<Self> {
        let head = self.text.get(..prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then(|| self.onward(prefix.len()))
    }

    /// Without one `/` at its end, if there is one.
    pub(super) fn without_trailing_slash(self) -> Self {
        match self.text.strip_suffix('/') {
            Some(text) => Self { text, at: self.at },
            None => self,
        }
    }

    /// What stands behind the `//` of a URL with a server.
    pub(super) fn network(self) -> Result<Self, Error> {
        self.strip_prefix("//").ok_or(Error::Syntax { offset: self.at, expected: "//" })
    }

    /// Authority, and the rest with its leading `/`, `?` or `#`.
    pub(super) fn split_authority(self) -> (Self, Self) {
        let n = self.text.find(['/', '?', '#']).unwrap_or(self.text.len());
        (self.before(n), self.onward(n))
    }

    /// A decimal number without sign.
    pub(super) fn number<N: std::str::FromStr>(self, expected: &'static str) -> Result<N, Error> {
        let malformed = Error::Syntax { offset: self.at, expected };
        if self.text.is_empty() || !self.text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(malformed);
        }
        self.text.parse().map_err(|_| malformed)
    }

    /// Refuses a `?` or `#`, which have no meaning in this part unless they are escaped.
    pub(super) fn refuse_query(self) -> Result<Self, Error> {
        match self.text.find(['?', '#']) {
            Some(n) => Err(Error::Syntax {
                offset: self.at + n,
                expected: "the end, or %3F for ? and %23 for #",
            }),
            None => Ok(self),
        }
    }

    /// Decodes escapes; CR, LF and NUL are refused, plain or escaped.
    pub(super) fn decode(self, what: &'static str) -> Result<Vec<u8>, Error> {
        self.decode_except(what, |octet| matches!(octet, b'\r' | b'\n' | 0))
    }

    /// Decodes escapes to UTF-8 text; CR, LF and NUL are refused, plain or escaped.
    pub(super) fn decode_text(self, what: &'static str) -> Result<String, Error> {
        self.text_of(self.decode(what)?, what)
    }

    /// As [`Part::decode_text`], and refuses all controls and the space too.
    pub(super) fn decode_word(self, what: &'static str) -> Result<String, Error> {
        let octets = self.decode_except(what, |octet| octet <= b' ' || octet == 0x7F)?;
        self.text_of(octets, what)
    }

    /// Decodes escapes, and refuses each octet that `forbidden` names.
    pub(super) fn decode_except(
        self,
        what: &'static str,
        forbidden: fn(u8) -> bool,
    ) -> Result<Vec<u8>, Error> {
        let mut decoded = Vec::with_capacity(self.text.len());
        let mut n = 0;
        while let Some((octet, used)) = self.octet(n)? {
            if forbidden(octet) {
                return Err(Error::Forbidden { offset: self.at + n, octet, what });
            }
            decoded.push(octet);
            n += used;
        }
        Ok(decoded)
    }

    /// The decoded octet at `n` and how many octets it takes; `None` at the end.
    fn octet(self, n: usize) -> Result<Option<(u8, usize)>, Error> {
        let octets = self.text.as_bytes();
        let hex = |at: usize| octets.get(at).and_then(|&b| (b as char).to_digit(16));
        match octets.get(n) {
            None => Ok(None),
            Some(b'%') => match (hex(n + 1), hex(n + 2)) {
                // Two hexadecimal digits make at most 255.
                (Some(high), Some(low)) => Ok(Some(((high * 16 + low) as u8, 3))),
                _ => Err(Error::Escape { offset: self.at + n }),
            },
            Some(&octet) => Ok(Some((octet, 1))),
        }
    }

    fn text_of(self, octets: Vec<u8>, what: &'static str) -> Result<String, Error> {
        String::from_utf8(octets).map_err(|error| {
            let mut n = 0;
            for _ in 0..error.utf8_error().valid_up_to() {
                n += if self.text.as_bytes()[n] == b'%' { 3 } else { 1 };
            }
            Error::NotText { offset: self.at + n, what }
        })
    }
}

/// Refuses a NUL, which no path can hold.
pub(super) fn refuse_nul(part: Part<'_>, what: &'static str) -> Result<(), Error> {
    match part.text.bytes().position(|b| b == 0) {
        Some(n) => Err(Error::Forbidden { offset: part.at + n, octet: 0, what }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::percent_encode;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_decoded_strictly() {
        let part = Part { text: "a%20%c3%BC", at: 7 };
        assert_eq!(part.decode_text("x"), Ok("a ü".to_owned()));
        for (text, offset) in [("%", 7), ("ab%4", 9), ("%4g", 7), ("a%-1", 8), ("%%41", 7)] {
            assert_eq!(Part { text, at: 7 }.decode("x"), Err(Error::Escape { offset }), "{text}");
        }
        for (text, offset, octet) in [("a%0d", 8, 13), ("%0A", 7, 10), ("a\0", 8, 0)] {
            let error = Error::Forbidden { offset, octet, what: "x" };
            assert_eq!(Part { text, at: 7 }.decode("x"), Err(error), "{text:?}");
        }
        let error = Error::NotText { offset: 11, what: "x" };
        assert_eq!(Part { text: "%41%ff", at: 8 }.decode_text("x"), Err(error));
    }

    proptest! {
        #[test]
        fn encoding_reads_back(octets in prop::collection::vec(any::<u8>(), 0..60)) {
            for set in [ACHAR, BCHAR, SEGMENT, UNRESERVED] {
                let text = percent_encode(&octets, set).to_string();
                let decoded = Part::new(&text).decode_except("x", |_| false);
                prop_assert_eq!(decoded, Ok(octets.clone()));
            }
        }
    }
}
