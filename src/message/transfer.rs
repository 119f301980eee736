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

/// Marks an octet outside the alphabet in [`SEXTETS`].
const NO_SEXTET: u8 = 0xff;

/// The six bits that each octet of the alphabet stands for (RFC 2045 section 6.8).
const SEXTETS: [u8; 256] = {
    let mut table = [NO_SEXTET; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while value < alphabet.len() {
        table[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// Decodes base64; octets outside its alphabet are passed over (RFC 2045 section 6.8), and
/// encodings put one after another, each with its padding, are read on.
pub fn base64(body: &[u8]) -> Vec<u8> {
    let mut out = vec![0; body.len() / 4 * 3 + 3];
    let (mut at, mut len) = (0, 0);
    let (mut bits, mut sextets) = (0_u32, 0_u32);
    while at < body.len() {
        if sextets == 0 {
            // Lines are whole groups as a rule: these go four octets at a time.
            let (used, written) = whole_groups(&body[at..], &mut out[len..]);
            at += used;
            len += written;
            if at >= body.len() {
                break;
            }
        }
        let octet = body[at];
        at += 1;
        let sextet = SEXTETS[usize::from(octet)];
        if octet == b'=' {
            len += finish_group(&mut out[len..], bits, sextets);
            (bits, sextets) = (0, 0);
        } else if sextet != NO_SEXTET {
            bits = (bits << 6) | u32::from(sextet);
            sextets += 1;
            if sextets == 4 {
                out[len..len + 3].copy_from_slice(&bits.to_be_bytes()[1..]);
                len += 3;
                (bits, sextets) = (0, 0);
            }
        }
    }
    len += finish_group(&mut out[len..], bits, sextets);
    out.truncate(len);
    out
}

/// Decodes groups of four octets of the alphabet, up to the first that is none; how many octets
/// were used and written.
fn whole_groups(body: &[u8], out: &mut [u8]) -> (usize, usize) {
    let mut groups = 0;
    for (group, place) in body.chunks_exact(4).zip(out.chunks_exact_mut(3)) {
        let a = u32::from(SEXTETS[usize::from(group[0])]);
        let b = u32::from(SEXTETS[usize::from(group[1])]);
        let c = u32::from(SEXTETS[usize::from(group[2])]);
        let d = u32::from(SEXTETS[usize::from(group[3])]);
        // Sextets have six bits: one of more is no sextet.
        if (a | b | c | d) > 0x3f {
            break;
        }
        let bits = a << 18 | b << 12 | c << 6 | d;
        place[0] = (bits >> 16) as u8;
        place[1] = (bits >> 8) as u8;
        place[2] = bits as u8;
        groups += 1;
    }
    (4 * groups, 3 * groups)
}

/// Writes the whole octets of a group of fewer than four sextets; how many these are.
fn finish_group(out: &mut [u8], bits: u32, sextets: u32) -> usize {
    if sextets < 2 {
        return 0;
    }
    let [_, first, second, _] = (bits << (6 * (4 - sextets))).to_be_bytes();
    out[0] = first;
    if sextets == 3 {
        out[1] = second;
        return 2;
    }
    1
}

/// Marks an octet that is no hexadecimal digit in [`DIGITS`].
const NO_DIGIT: u8 = 0xff;

/// What each hexadecimal digit stands for.
const DIGITS: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// The value of a hexadecimal digit.
pub(crate) fn hex(octet: u8) -> Option<u8> {
    Some(DIGITS[usize::from(octet)]).filter(|digit| *digit != NO_DIGIT)
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
    let mut out: Vec<u8> = Vec::with_capacity(body.len());
    // Up to here in `out` blanks are no blanks before a line's end: they were written as
    // escapes, or stand in a line before.
    let mut fixed = 0;
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'=', b'\n', &body[at..]) {
        let mark = at + found;
        if body[mark] == b'=' {
            let digits = match body[mark + 1..] {
                [high, low, ..] => (DIGITS[usize::from(high)], DIGITS[usize::from(low)]),
                _ => (NO_DIGIT, NO_DIGIT),
            };
            if digits.0 != NO_DIGIT && digits.1 != NO_DIGIT {
                out.extend_from_slice(&body[at..mark]);
                out.push((digits.0 << 4) | digits.1);
                fixed = out.len();
                at = mark + 3;
            } else if let Some(after) = soft_break(&body[mark + 1..]) {
                out.extend_from_slice(&body[at..mark]);
                fixed = out.len();
                at = mark + 1 + after;
            } else {
                out.extend_from_slice(&body[at..=mark]);
                fixed = out.len();
                at = mark + 1;
            }
            continue;
        }
        let line = &body[at..mark];
        let (line, end) = match line.strip_suffix(b"\r") {
            Some(line) => (line, &body[mark - 1..=mark]),
            None => (line, &body[mark..=mark]),
        };
        out.extend_from_slice(line);
        trim_blanks(&mut out, fixed);
        out.extend_from_slice(end);
        fixed = out.len();
        at = mark + 1;
    }
    out.extend_from_slice(&body[at..]);
    trim_blanks(&mut out, fixed);
    out
}

/// Where the next line begins, when nothing but blanks stands behind an `=`.
fn soft_break(rest: &[u8]) -> Option<usize> {
    let blanks = rest.iter().take_while(|octet| super::headers::is_blank(**octet)).count();
    match rest[blanks..] {
        [] => Some(blanks),
        [b'\n', ..] => Some(blanks + 1),
        [b'\r', b'\n', ..] => Some(blanks + 2),
        _ => None,
    }
}

/// Takes blanks off the end, but none before `fixed`.
fn trim_blanks(out: &mut Vec<u8>, fixed: usize) {
    while out.len() > fixed && out.last().is_some_and(|octet| super::headers::is_blank(*octet)) {
        out.pop();
    }
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

    /// One octet after the other.
    fn slow_base64(body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for encoding in body.split(|octet| *octet == b'=') {
            let sextets = encoding.iter().map(|octet| SEXTETS[usize::from(*octet)]);
            let sextets: Vec<u8> = sextets.filter(|sextet| *sextet != NO_SEXTET).collect();
            for group in sextets.chunks(4) {
                let bits = group.iter().fold(0_u32, |bits, sextet| bits << 6 | u32::from(*sextet));
                let [_, octets @ ..] = (bits << (6 * (4 - group.len()))).to_be_bytes();
                out.extend_from_slice(&octets[..group.len() * 6 / 8]);
            }
        }
        out
    }

    /// One line after the other.
    fn slow_quoted_printable(body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for line in body.split_inclusive(|octet| *octet == b'\n') {
            let content = crate::message::headers::without_line_end(line);
            let kept = content.iter().rposition(|octet| !matches!(octet, b' ' | b'\t'));
            let kept = &content[..kept.map_or(0, |last| last + 1)];
            let (text, end) = match kept.strip_suffix(b"=") {
                Some(text) => (text, &b""[..]),
                None => (kept, &line[content.len()..]),
            };
            unescape(text, b'=', &mut out);
            out.extend_from_slice(end);
        }
        out
    }

    proptest! {
        #[test]
        fn base64_returns(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(&octets);
            prop_assert_eq!(super::base64(text.as_bytes()), octets);
        }

        #[test]
        fn base64_is_the_same_octet_by_octet(
            octets in prop::collection::vec(
                prop::sample::select(b"QUJD=\n\r -/+z\xff".to_vec()), 0..80),
        ) {
            prop_assert_eq!(super::base64(&octets), slow_base64(&octets));
        }

        #[test]
        fn quoted_printable_is_the_same_line_by_line(
            octets in prop::collection::vec(
                prop::sample::select(b"a=4 \t\r\n=0\xe4".to_vec()), 0..60),
        ) {
            prop_assert_eq!(super::quoted_printable(&octets), slow_quoted_printable(&octets));
        }

        #[test]
        fn anything_is_taken(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(quoted_printable(&octets).len() <= octets.len());
            prop_assert!(super::base64(&octets).len() <= octets.len());
        }
    }
}
