//! Content-Transfer-Encoding undone: base64 and quoted-printable (RFC 2045 section 6).
//!
//! For reading and for search, so it never refuses: octets that do not belong are passed
//! over (base64) or kept as they stand (quoted-printable). It holds the whole body in memory
//! and encodes nothing.

use std::borrow::Cow;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 7bit, 8bit, binary, none, or a name that is not known: the body as it stands.
    Identity,
    /// Base64.
    Base64,
    /// Quoted-printable.
    QuotedPrintable,
}

impl Encoding {
    /// The encoding that the value of a Content-Transfer-Encoding field names; blanks and
    /// comments around the name do not matter, nor does its case.
    pub fn from_value(value: &[u8]) -> Encoding {
        let value = super::headers::trim(value);
        let end = value
            .iter()
            .position(|octet| !octet.is_ascii_alphanumeric() && *octet != b'-')
            .unwrap_or(value.len());
        let name = &value[..end];
        if name.eq_ignore_ascii_case(b"base64") {
            Encoding::Base64
        } else if name.eq_ignore_ascii_case(b"quoted-printable") {
            Encoding::QuotedPrintable
        } else {
            Encoding::Identity
        }
    }
}

/// The body without its transfer encoding.
pub fn decode(encoding: Encoding, body: &[u8]) -> Cow<'_, [u8]> {
    match encoding {
        Encoding::Identity => Cow::Borrowed(body),
        Encoding::Base64 => Cow::Owned(base64(body)),
        Encoding::QuotedPrintable => Cow::Owned(quoted_printable(body)),
    }
}

/// Decodes base64; octets outside its alphabet are passed over (RFC 2045 section 6.8), and
/// encodings put one after another, each with its padding, are read on.
pub fn base64(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() / 4 * 3 + 3);
    let mut bits: u32 = 0;
    let mut sextets = 0;
    for &octet in body {
        let sextet = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                finish_group(&mut out, bits, sextets);
                bits = 0;
                sextets = 0;
                continue;
            }
            _ => continue,
        };
        bits = (bits << 6) | u32::from(sextet);
        sextets += 1;
        if sextets == 4 {
            let [_, first, second, third] = bits.to_be_bytes();
            out.extend_from_slice(&[first, second, third]);
            bits = 0;
            sextets = 0;
        }
    }
    finish_group(&mut out, bits, sextets);
    out
}

/// Writes the whole octets of a group of fewer than four sextets.
fn finish_group(out: &mut Vec<u8>, bits: u32, sextets: u32) {
    if sextets >= 2 {
        let [_, first, second, _] = (bits << (6 * (4 - sextets))).to_be_bytes();
        out.push(first);
        if sextets == 3 {
            out.push(second);
        }
    }
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Appends `octets` to `out` with each `escape` and two hexadecimal digits made the octet that
/// they stand for; an `escape` without them stays.
pub(super) fn unescape(octets: &[u8], escape: u8, out: &mut Vec<u8>) {
    let mut at = 0;
    while at < octets.len() {
        let escaped = match octets[at..] {
            [first, high, low, ..] if first == escape => hex(high).zip(hex(low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                out.push((high << 4) | low);
                at += 3;
            }
            None => {
                out.push(octets[at]);
                at += 1;
            }
        }
    }
}

/// Decodes quoted-printable; an `=` that begins no escape stays (RFC 2045 section 6.7).
/// Line ends stay as they are; blanks before them go.
pub fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        let length = super::headers::line_length(rest);
        let (line, following) = rest.split_at(length);
        rest = following;
        let content = super::headers::without_line_end(line);
        let line_end = &line[content.len()..];
        let kept = content
            .iter()
            .rposition(|octet| !super::headers::is_blank(*octet))
            .map_or(0, |last| last + 1);
        let (content, soft) = match content[..kept].strip_suffix(b"=") {
            Some(content) => (content, true),
            None => (&content[..kept], false),
        };
        unescape(content, b'=', &mut out);
        if !soft {
            out.extend_from_slice(line_end);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn base64_is_read_leniently() {
        assert_eq!(base64(b"aGVs\r\nbG8="), b"hello");
        assert_eq!(base64(b"aGVsbG8"), b"hello");
        assert_eq!(base64(b"aGk=aGk="), b"hihi");
        assert_eq!(base64(b"a-G!k"), b"hi");
        assert_eq!(base64(b"===="), b"");
    }

    #[test]
    fn quoted_printable_examples() {
        // RFC 2045 section 6.7: soft line breaks and blanks at the end of lines.
        let soft = b"Now's the time =\r\nfor all folk to come=\r\n to the aid of their country.";
        let whole: &[u8] = b"Now's the time for all folk to come to the aid of their country.";
        assert_eq!(quoted_printable(soft), whole);
        assert_eq!(quoted_printable(b"caf=C3=A9  \r\nx=3d"), "café\r\nx=".as_bytes());
        assert_eq!(quoted_printable(b"a=zz b= \nc="), b"a=zz bc");
    }

    #[test]
    fn names_of_encodings() {
        assert_eq!(Encoding::from_value(b" BASE64 (really)"), Encoding::Base64);
        assert_eq!(Encoding::from_value(b"Quoted-Printable;"), Encoding::QuotedPrintable);
        assert_eq!(Encoding::from_value(b"8bit"), Encoding::Identity);
    }

    proptest! {
        #[test]
        fn base64_returns(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(&octets);
            prop_assert_eq!(super::base64(text.as_bytes()), octets);
        }

        #[test]
        fn anything_is_taken(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(quoted_printable(&octets).len() <= octets.len());
            prop_assert!(super::base64(&octets).len() <= octets.len());
        }
    }
}
