//! Octets of a named charset to text, never refusing: what is wrong becomes U+FFFD.
//!
//! The tables are those of mail-parser and encoding_rs. It guesses only where a message
//! says nothing or says US-ASCII and has 8-bit octets all the same: UTF-8 when it is
//! valid, windows-1252 when it is not.

use mail_parser::decoders::charsets::map::charset_decoder;

/// Decodes octets. `charset` is a name as messages write it, of any case, perhaps with the
/// language suffix of RFC 2231 section 5 (`utf-8*en`); empty when none is given. An unknown
/// name counts as none.
pub fn decode(charset: &[u8], octets: &[u8]) -> String {
    let charset =
        super::headers::trim(charset.split(|&octet| octet == b'*').next().unwrap_or(charset));
    if charset.eq_ignore_ascii_case(b"utf-8") || charset.eq_ignore_ascii_case(b"utf8") {
        // The check alone is faster than reading it leniently, and most text passes.
        return match std::str::from_utf8(octets) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(octets).into_owned(),
        };
    }
    if charset.is_empty()
        || charset.eq_ignore_ascii_case(b"us-ascii")
        || charset.eq_ignore_ascii_case(b"ascii")
    {
        return unlabelled(octets);
    }
    match charset_decoder(charset) {
        Some(decoder) if is_one_octet_each(charset) => by_lines(octets, decoder),
        Some(decoder) => decoder(octets),
        None => unlabelled(octets),
    }
}

/// Whether the charset has one octet for each character, and ASCII as it is.
fn is_one_octet_each(charset: &[u8]) -> bool {
    let families: [&[u8]; 4] = [b"iso-8859-", b"windows-125", b"cp125", b"koi8-"];
    families.iter().any(|family| {
        charset.get(..family.len()).is_some_and(|start| start.eq_ignore_ascii_case(family))
    })
}

/// Lines of ASCII, which are most of them, need no table.
fn by_lines(octets: &[u8], decoder: fn(&[u8]) -> String) -> String {
    let mut out = String::with_capacity(octets.len() + octets.len() / 8);
    let mut at = 0;
    while at < octets.len() {
        let end = memchr::memchr(b'\n', &octets[at..]).map_or(octets.len(), |found| at + found + 1);
        let line = &octets[at..end];
        match std::str::from_utf8(line) {
            Ok(text) if line.is_ascii() => out.push_str(text),
            _ => out.push_str(&decoder(line)),
        }
        at = end;
    }
    out
}

/// Octets of which nobody said what they are: UTF-8 when valid, else windows-1252.
pub fn unlabelled(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(octets).0.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_their_absence() {
        assert_eq!(decode(b"ISO-8859-1", b"caf\xe9"), "café");
        assert_eq!(decode(b"utf-8*de", "grün".as_bytes()), "grün");
        assert_eq!(decode(b"ISO-8859-15", b"one\r\ntwo \xa4\nthree"), "one\r\ntwo €\nthree");
        assert_eq!(decode(b"KOI8-R", b"\xf0\n\xf0"), "П\nП");
        assert_eq!(decode(b"", "grün".as_bytes()), "grün");
        assert_eq!(decode(b"us-ascii", b"gr\xfcn"), "grün");
        assert_eq!(decode(b"no-such-charset", b"gr\xfcn"), "grün");
        assert_eq!(decode(b"shift_jis", b"\x83n\x83\x8d"), "ハロ");
        assert_eq!(decode(b"iso-2022-jp", b"\x1b$B%O%m\x1b(B"), "ハロ");
        assert_eq!(decode(b"utf-8", b"a\xffb"), "a\u{fffd}b");
    }
}
