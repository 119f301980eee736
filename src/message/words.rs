//! Header values as people read them: folds undone, encoded words decoded (RFC 2047),
//! raw 8-bit text taken as UTF-8 or windows-1252.
//!
//! Reading never refuses; an encoded word that is none stays as it is written. Text of our own is
//! written as encoded words where it has to be.

use std::borrow::Cow;

use super::{charset, transfer};

/// The longest charset and language name looked for in an encoded word, in octets.
const CHARSET_OCTETS: usize = 80;

struct Word<'a> {
    charset: &'a [u8],
    octets: Vec<u8>,
    used: usize,
}

/// Decodes the value of a field. A fold, with the blanks around it, becomes one space, a
/// tab too; blanks at both ends go, and blanks between two encoded words (RFC 2047
/// section 6.2). A character cut between two words of the same charset is made whole.
pub fn decode(value: &[u8]) -> String {
    let value = flatten(value);
    if memchr::memmem::find(&value, b"=?").is_none() {
        return match value {
            Cow::Borrowed(value) => charset::unlabelled(value),
            Cow::Owned(value) => match String::from_utf8(value) {
                Ok(value) => value,
                Err(other) => charset::unlabelled(other.as_bytes()),
            },
        };
    }
    let mut out = String::with_capacity(value.len());
    // Octets of adjacent encoded words that share a charset.
    let mut charset: Vec<u8> = Vec::new();
    let mut pending: Vec<u8> = Vec::new();
    let mut plain = 0;
    let mut at = 0;
    let mut after_word = false;
    while let Some(found) = memchr::memmem::find(&value[at..], b"=?") {
        let start = at + found;
        let Some(word) = encoded_word(&value[start..]) else {
            at = start + 2;
            continue;
        };
        let between = &value[plain..start];
        let adjacent = after_word && between.iter().all(|octet| *octet == b' ');
        if !adjacent {
            flush(&mut out, &charset, &mut pending);
            out.push_str(&charset::unlabelled(between));
        } else if !charset.eq_ignore_ascii_case(word.charset) {
            flush(&mut out, &charset, &mut pending);
        }
        charset.clear();
        charset.extend_from_slice(word.charset);
        pending.extend_from_slice(&word.octets);
        at = start + word.used;
        plain = at;
        after_word = true;
    }
    flush(&mut out, &charset, &mut pending);
    out.push_str(&charset::unlabelled(&value[plain..]));
    out
}

fn flush(out: &mut String, charset: &[u8], pending: &mut Vec<u8>) {
    if !pending.is_empty() {
        out.push_str(&charset::decode(charset, pending));
        pending.clear();
    }
}

/// One line: line ends with the blanks around them are one space, tabs are spaces.
fn flatten(value: &[u8]) -> Cow<'_, [u8]> {
    let mut rest = super::headers::trim(value);
    let Some(mut found) = memchr::memchr2(b'\n', b'\t', rest) else { return Cow::Borrowed(rest) };
    let mut out: Vec<u8> = Vec::with_capacity(rest.len());
    loop {
        out.extend_from_slice(&rest[..found]);
        if rest[found] == b'\n' {
            while matches!(out.last(), Some(b' ' | b'\r')) {
                out.pop();
            }
            rest = super::headers::trim_start(&rest[found + 1..]);
        } else {
            rest = &rest[found + 1..];
        }
        out.push(b' ');
        match memchr::memchr2(b'\n', b'\t', rest) {
            Some(next) => found = next,
            None => {
                out.extend_from_slice(rest);
                return Cow::Owned(out);
            }
        }
    }
}

/// Reads `=?charset?encoding?text?=` at the start of `octets`.
fn encoded_word(octets: &[u8]) -> Option<Word<'_>> {
    let rest = octets.strip_prefix(b"=?")?;
    let window = &rest[..rest.len().min(CHARSET_OCTETS)];
    let end = window.iter().position(|octet| *octet == b'?')?;
    let charset = &rest[..end];
    if charset.is_empty() || charset.iter().any(|octet| *octet <= b' ' || *octet == b'=') {
        return None;
    }
    let [encoding, b'?', text @ ..] = &rest[end + 1..] else {
        return None;
    };
    // Encoded text has no "?" (RFC 2047 section 2): looking no further than the first one
    // keeps a value full of "=?" linear.
    let length = memchr::memchr(b'?', text)?;
    if text.get(length + 1) != Some(&b'=') {
        return None;
    }
    let text = &text[..length];
    let decoded = match encoding {
        b'b' | b'B' => transfer::base64(text),
        b'q' | b'Q' => q_decode(text),
        _ => return None,
    };
    Some(Word { charset, octets: decoded, used: 2 + end + 3 + length + 2 })
}

/// The "Q" encoding (RFC 2047 section 4.2).
fn q_decode(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> =
        text.iter().map(|octet| if *octet == b'_' { b' ' } else { *octet }).collect();
    let mut out = Vec::with_capacity(text.len());
    transfer::unescape(&spaced, b'=', &mut out);
    out
}

/// Octets of text in one encoded word: with charset and marks it has 72 characters, and may have
/// 75 (RFC 2047 section 2).
const WORD_OCTETS: usize = 45;

/// Text as encoded words in UTF-8 and base64, with a space between them; ASCII without anything
/// that looks like an encoded word stays as it is. Line ends are the caller's to refuse.
pub fn encode(text: &str) -> String {
    use base64::Engine as _;
    if text.is_ascii() && !text.contains("=?") {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = rest.len().min(WORD_OCTETS);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (word, behind) = rest.split_at(end);
        let encoded = base64::engine::general_purpose::STANDARD.encode(word);
        words.push(format!("=?utf-8?B?{encoded}?="));
        rest = behind;
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_of_rfc_2047() {
        let cases: [(&[u8], &str); 9] = [
            (b"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"),
            (b"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>", "Keld Jørn Simonsen <keld@dkuug.dk>"),
            (
                b"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
                "If you can read this you understand the example.",
            ),
            (b"(=?ISO-8859-1?Q?a?=)", "(a)"),
            (b"(=?ISO-8859-1?Q?a?= b)", "(a b)"),
            (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
            (b"(=?ISO-8859-1?Q?a?=  \r\n   =?ISO-8859-1?Q?b?=)", "(ab)"),
            (b"(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
            (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        ];
        for (value, text) in cases {
            assert_eq!(decode(value), text);
        }
    }

    #[test]
    fn broken_values_are_still_read() {
        assert_eq!(decode(" grün\r\n\tist  gut ".as_bytes()), "grün ist  gut");
        assert_eq!(decode(b"gr\xfcn"), "grün");
        assert_eq!(decode(b"=?utf-8?Q?a"), "=?utf-8?Q?a");
        assert_eq!(decode(b"=?utf-8?X?a?="), "=?utf-8?X?a?=");
        assert_eq!(decode(b"=??Q?a?="), "=??Q?a?=");
        assert_eq!(decode(b"x =?utf-8*en?q?=c3=bc?= y"), "x ü y");
        // A character cut between two words.
        assert_eq!(decode(b"=?utf-8?B?w7zD?= =?UTF-8?B?vA==?="), "üü");
        assert_eq!(decode(b"=?utf-8?Q?a?=\n =?utf-8?Q?b?= c"), "ab c");
        assert_eq!(decode(b""), "");
    }

    #[test]
    fn many_openings_stay_linear() {
        let value = b"=?utf-8?q?".repeat(100_000);
        assert_eq!(decode(&value).len(), value.len());
    }

    /// One octet after the other.
    fn slow_flatten(value: &[u8]) -> Vec<u8> {
        let mut out: Vec<u8> = Vec::new();
        let mut folding = false;
        for &octet in crate::message::headers::trim(value) {
            match octet {
                b'\n' => {
                    while matches!(out.last(), Some(b' ' | b'\r')) {
                        out.pop();
                    }
                    out.push(b' ');
                    folding = true;
                }
                b' ' | b'\t' | b'\r' if folding => {}
                b'\t' => out.push(b' '),
                _ => {
                    folding = false;
                    out.push(octet);
                }
            }
        }
        out
    }

    proptest! {
        #[test]
        fn folds_are_undone_as_octet_by_octet(
            octets in prop::collection::vec(prop::sample::select(b"ab \t\r\n".to_vec()), 0..40),
        ) {
            prop_assert_eq!(flatten(&octets).into_owned(), slow_flatten(&octets));
        }
        #[test]
        fn what_is_encoded_is_read_again(text in "(\\PC|=|\\?){1,60}") {
            let encoded = encode(text.trim());
            prop_assert!(encoded.is_ascii());
            prop_assert_eq!(decode(encoded.as_bytes()), text.trim());
        }

        #[test]
        fn any_octets_decode(octets in prop::collection::vec(prop_oneof![
            Just(b'='), Just(b'?'), Just(b'Q'), Just(b'\n'), any::<u8>()], 0..200)) {
            decode(&octets);
        }
    }
}
