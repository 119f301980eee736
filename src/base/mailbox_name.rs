//! Modified UTF-7, the mailbox names of IMAP4rev1 and of Maildir++ folders.
//!
//! RFC 3501 section 5.1.3. [`decode`] is strict: what decodes also encodes to the same
//! octets, so that a name found on a disk can always be asked for again. [`decode_any`] reads
//! what servers and clients send. Nothing here knows hierarchy delimiters.

use super::decode::Malformed;

/// The modified base64 alphabet: `,` where base64 has `/`.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// The name in modified UTF-7, which is printable ASCII.
///
/// ```text
/// printable ASCII but "&"    itself
/// "&"                        "&-"
/// all else                   "&" UTF-16BE in modified base64, no padding "-"
/// ```
pub fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    let mut shifted: Vec<u8> = Vec::new();
    for character in name.chars() {
        if matches!(character, ' '..='~') {
            unshift(&mut shifted, &mut encoded);
            encoded.push(character);
            if character == '&' {
                encoded.push('-');
            }
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                shifted.extend_from_slice(&unit.to_be_bytes());
            }
        }
    }
    unshift(&mut shifted, &mut encoded);
    encoded
}

/// Writes what waits in `shifted` as one base64 run, and empties it.
fn unshift(shifted: &mut Vec<u8>, encoded: &mut String) {
    if shifted.is_empty() {
        return;
    }
    encoded.push('&');
    for group in shifted.chunks(3) {
        let mut bits = 0u32;
        for (at, octet) in group.iter().enumerate() {
            bits |= u32::from(*octet) << (16 - 8 * at);
        }
        for digit in 0..=group.len() {
            let value = (bits >> (18 - 6 * digit)) & 0x3f;
            encoded.push(char::from(ALPHABET[value as usize]));
        }
    }
    encoded.push('-');
    shifted.clear();
}

/// The name that `encoded` stands for.
///
/// # Errors
/// [`Malformed`] for an octet that is not printable ASCII, an unfinished or wrong base64
/// run, half a surrogate pair, and any spelling that [`encode`] would not have chosen
/// (RFC 3501 forbids them).
pub fn decode(encoded: &str) -> Result<String, Malformed> {
    let name = decode_any(encoded.as_bytes())?;
    let again = encode(&name);
    if again == encoded {
        Ok(name)
    } else {
        let same = again.bytes().zip(encoded.bytes()).take_while(|(a, b)| a == b).count();
        Err(Malformed { offset: same, expected: "the shortest spelling" })
    }
}

/// The name that `octets` stand for, in whatever spelling: ASCII in base64 and superfluous
/// shifts are read too.
///
/// # Errors
/// [`Malformed`] for an octet that is not printable ASCII, an unfinished or wrong base64
/// run, and half a surrogate pair.
pub fn decode_any(octets: &[u8]) -> Result<String, Malformed> {
    let mut name = String::with_capacity(octets.len());
    let mut at = 0;
    while at < octets.len() {
        match octets[at] {
            b'&' => {
                let run = &octets[at + 1..];
                let Some(len) = run.iter().position(|octet| *octet == b'-') else {
                    return Err(Malformed { offset: octets.len(), expected: "\"-\"" });
                };
                if len == 0 {
                    name.push('&');
                } else {
                    let expected = "UTF-16 in modified base64";
                    let text = unbase64(&run[..len]).ok_or(Malformed { offset: at, expected })?;
                    name.push_str(&text);
                }
                at += len + 2;
            }
            octet @ 0x20..=0x7e => {
                name.push(char::from(octet));
                at += 1;
            }
            _ => return Err(Malformed { offset: at, expected: "printable ASCII" }),
        }
    }
    Ok(name)
}

/// The text of one base64 run; bits that are left over have to be zero, and fewer than a digit.
fn unbase64(run: &[u8]) -> Option<String> {
    let mut units: Vec<u16> = Vec::with_capacity(run.len() * 3 / 8 + 1);
    let (mut bits, mut held) = (0u32, 0u32);
    for digit in run {
        let value = ALPHABET.iter().position(|letter| letter == digit)?;
        bits = (bits << 6) | value as u32;
        held += 6;
        if held >= 16 {
            held -= 16;
            units.push((bits >> held) as u16);
            bits &= (1 << held) - 1;
        }
    }
    if held >= 6 || bits != 0 {
        return None;
    }
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_rfcs_examples() {
        // RFC 3501 section 5.1.3.
        let name = "~peter/mail/台北/日本語";
        assert_eq!(encode(name), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        assert_eq!(decode("~peter/mail/&U,BTFw-/&ZeVnLIqe-").as_deref(), Ok(name));
        // The two spellings it calls wrong: a superfluous shift, and ASCII in base64.
        assert!(decode("&Jjo!").is_err());
        assert!(decode("&U,BTFw-&ZeVnLIqe-").is_err());
        assert_eq!(decode("&Jjo-!").as_deref(), Ok("☺!"));
        assert!(decode("&AGE-").is_err());
    }

    #[test]
    fn what_cannot_be_a_name() {
        for wrong in ["&", "a&b", "&A-", "&====-", "&2AA-", "é", "a\tb", "&AOn-"] {
            assert!(decode(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(decode("&-").as_deref(), Ok("&"));
        assert_eq!(decode("R&AOk-union &- co").as_deref(), Ok("Réunion & co"));
        assert_eq!(encode("\u{1f600}"), "&2D3eAA-");
        assert_eq!(encode("a\0\n"), "a&AAAACg-");
    }

    #[test]
    fn any_spelling_is_read_where_that_is_asked_for() {
        assert_eq!(decode_any(b"&U,BTFw-&ZeVnLIqe-").as_deref(), Ok("台北日本語"));
        assert_eq!(decode_any(b"&AGE-").as_deref(), Ok("a"));
        for wrong in [&b"&"[..], b"&AB", b"&A-", b"&!-", b"&2D0-", b"&AGE", b"\xc3"] {
            assert!(decode_any(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn octets_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode_any(&octets);
        }

        #[test]
        fn names_come_back(name in any::<String>()) {
            let encoded = encode(&name);
            prop_assert!(encoded.bytes().all(|octet| matches!(octet, 0x20..=0x7e)));
            prop_assert_eq!(decode(&encoded), Ok(name));
        }

        #[test]
        fn what_decodes_encodes_the_same(text in "[&A-D,+ -]{0,12}") {
            if let Ok(name) = decode(&text) {
                prop_assert_eq!(encode(&name), text);
            }
        }
    }
}
