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
    let mut out = vec![0; body.len() / 4 * 3 + 3 + AT_ONCE];
    let (mut at, mut len) = (0, 0);
    let (mut bits, mut sextets) = (0_u32, 0_u32);
    while at < body.len() {
        if sextets == 0 {
            // Lines are whole groups as a rule: these go two at a time.
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

/// Octets that are read and written together.
const AT_ONCE: usize = 8;

/// Marks an octet outside the alphabet in [`PLACED`]: more bits than a group has.
const NOT_PLACED: u32 = 1 << 31;

/// The sextets of [`SEXTETS`] at each of the four places of a group.
static PLACED: [[u32; 256]; 4] = {
    let mut tables = [[NOT_PLACED; 256]; 4];
    let mut octet = 0;
    while octet < 256 {
        let sextet = SEXTETS[octet];
        let mut place = 0;
        while place < 4 && sextet != NO_SEXTET {
            tables[place][octet] = (sextet as u32) << (18 - 6 * place);
            place += 1;
        }
        octet += 1;
    }
    tables
};

/// The 24 bits that four octets stand for; with [`NOT_PLACED`] where one is not of the alphabet.
#[inline]
fn group(a: u8, b: u8, c: u8, d: u8) -> u32 {
    let [first, second, third, fourth] = &PLACED;
    first[usize::from(a)] | second[usize::from(b)] | third[usize::from(c)] | fourth[usize::from(d)]
}

/// Decodes groups of four octets of the alphabet, up to the first that is none; how many octets
/// were used and written.
fn whole_groups(body: &[u8], out: &mut [u8]) -> (usize, usize) {
    let (mut at, mut len) = (0, 0);
    while let (Some(&[a, b, c, d, e, f, g, h]), Some(place)) =
        (body[at..].first_chunk::<AT_ONCE>(), out[len..].first_chunk_mut::<AT_ONCE>())
    {
        let (first, second) = (group(a, b, c, d), group(e, f, g, h));
        if (first | second) & NOT_PLACED != 0 {
            break;
        }
        *place = (u64::from(first) << 40 | u64::from(second) << 16).to_be_bytes();
        at += 8;
        len += 6;
    }
    while let (Some(&[a, b, c, d]), Some(place)) =
        (body[at..].first_chunk::<4>(), out[len..].first_chunk_mut::<3>())
    {
        let bits = group(a, b, c, d);
        if bits & NOT_PLACED != 0 {
            break;
        }
        let [_, octets @ ..] = bits.to_be_bytes();
        *place = octets;
        at += 4;
        len += 3;
    }
    (at, len)
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
    let mut out = vec![0; body.len() + AT_ONCE];
    let (mut at, mut len) = (0, 0);
    // Up to here in `out` blanks are no blanks before a line's end: they were written as
    // escapes, or stand in a line before.
    let mut fixed = 0;
    while let Some(&octet) = body.get(at) {
        if let (Some(eight), Some(place)) =
            (body[at..].first_chunk::<AT_ONCE>(), out[len..].first_chunk_mut::<AT_ONCE>())
        {
            // What is copied too much is written over.
            *place = *eight;
            let plain = before_mark(*eight);
            if plain > 0 {
                at += plain;
                len += plain;
                continue;
            }
        } else if octet != b'=' && octet != b'\n' {
            out[len] = octet;
            at += 1;
            len += 1;
            continue;
        }
        if octet == b'=' {
            let rest = &body[at + 1..];
            let digits = match rest {
                [high, low, ..] => (DIGITS[usize::from(*high)], DIGITS[usize::from(*low)]),
                _ => (NO_DIGIT, NO_DIGIT),
            };
            if digits.0 != NO_DIGIT && digits.1 != NO_DIGIT {
                out[len] = (digits.0 << 4) | digits.1;
                len += 1;
                at += 3;
            } else if let Some(after) = soft_break(rest) {
                at += 1 + after;
            } else {
                out[len] = octet;
                len += 1;
                at += 1;
            }
        } else {
            let has_cr = len > fixed && out[len - 1] == b'\r';
            len = without_blanks(&out, fixed, len - usize::from(has_cr));
            if has_cr {
                out[len] = b'\r';
                len += 1;
            }
            out[len] = b'\n';
            len += 1;
            at += 1;
        }
        fixed = len;
    }
    out.truncate(without_blanks(&out, fixed, len));
    out
}

/// How many of these octets stand before the first `=` or line feed: all of them at once, by the
/// borrow that a zero among them makes.
#[inline]
fn before_mark(octets: [u8; AT_ONCE]) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    let word = u64::from_le_bytes(octets);
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let marks = zeros(word ^ (ONES * b'=' as u64)) | zeros(word ^ (ONES * b'\n' as u64));
    marks.trailing_zeros() as usize / 8
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

/// Where the octets up to `end` end without their blanks, of which none before `fixed` counts.
fn without_blanks(octets: &[u8], fixed: usize, mut end: usize) -> usize {
    while end > fixed && super::headers::is_blank(octets[end - 1]) {
        end -= 1;
    }
    end
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
                prop::sample::select(b"QUJDQUJDQUJDabcd=\n\r -/+z\xff".to_vec()), 0..200),
        ) {
            prop_assert_eq!(super::base64(&octets), slow_base64(&octets));
        }

        #[test]
        fn quoted_printable_is_the_same_line_by_line(
            octets in prop::collection::vec(
                prop::sample::select(b"aaaaaaaabb=4 \t\r\n=0\xe4\x80".to_vec()), 0..200),
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
