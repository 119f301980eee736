//! `xtext` (RFC 3461 section 4) and the forms that RFC 6533 section 3 gives to a `utf-8` address.

use super::{Cursor, Parsed};
use crate::base::decode::Malformed;

/// Decodes xtext up to the end of the value (RFC 3461 section 4).
///
/// ```text
/// xtext   = *( xchar / hexchar )
/// xchar   = any ASCII CHAR between "!" (33) and "~" (126) inclusive, except for "+" and "="
/// hexchar = ASCII "+" immediately followed by two upper case hexadecimal digits
/// ```
///
/// Octets above ASCII are those of RFC 6533's unitext.
pub(super) fn xtext(value: &mut Cursor<'_>) -> Parsed<String> {
    let start = value.at;
    let mut octets = Vec::new();
    while let Some(octet) = value.peek() {
        if octet == b'=' {
            return value.error("xtext");
        }
        value.at += 1;
        match octet {
            b'+' => {
                let pair = value.octets.get(value.at..value.at + 2);
                let digits = pair.and_then(|pair| std::str::from_utf8(pair).ok());
                match digits.map(|digits| u8::from_str_radix(digits, 16)) {
                    Some(Ok(decoded)) if digits.is_some_and(|text| !text.starts_with('+')) => {
                        octets.push(decoded);
                    }
                    _ => return value.error("two hexadecimal digits"),
                }
                value.at += 2;
            }
            octet => octets.push(octet),
        }
    }
    String::from_utf8(octets).map_err(|_| Malformed { offset: start, expected: "UTF-8" })
}

pub(super) fn encode_xtext(text: &str, out: &mut Vec<u8>) {
    for octet in text.bytes() {
        match octet {
            b'+' | b'=' | 0..=b' ' | 0x7f.. => {
                out.extend_from_slice(format!("+{octet:02X}").as_bytes());
            }
            octet => out.push(octet),
        }
    }
}

/// Replaces each `\x{HEXPOINT}` by its character (RFC 6533 section 3).
pub(super) fn unicode_points(text: &str, offset: usize) -> Parsed<String> {
    let malformed = Malformed { offset, expected: "\\x{ hexadecimal digits }" };
    let mut address = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        let point = behind.strip_prefix("x{").and_then(|text| text.split_once('}'));
        let (digits, after) = point.ok_or_else(|| malformed.clone())?;
        let character = Some(digits)
            .filter(|digits| digits.bytes().all(|octet| octet.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .and_then(char::from_u32)
            .ok_or_else(|| malformed.clone())?;
        address.push_str(before);
        address.push(character);
        rest = after;
    }
    address.push_str(rest);
    Ok(address)
}

/// `utf-8-addr-xtext` (RFC 6533 section 3): safe for a server without SMTPUTF8 too, and in a
/// message/delivery-status.
pub fn encode_unicode_xtext(text: &str, out: &mut Vec<u8>) {
    for character in text.chars() {
        match character {
            '+' | '=' | '\\' | '\0'..=' ' | '\x7f'.. => {
                out.extend_from_slice(format!("\\x{{{:02X}}}", u32::from(character)).as_bytes());
            }
            character => out.push(character as u8),
        }
    }
}
