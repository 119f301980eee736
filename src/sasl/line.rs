//! The base64 in which SMTP (RFC 4954), IMAP (RFC 9051 section 6.2.2) and POP (RFC 5034) put
//! challenges and responses on a line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A challenge or response as base64 (RFC 4648 section 4); empty for empty.
pub fn encode(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// An initial response as the argument of the command: base64, or `=` when it is empty
/// (RFC 4954 section 4, RFC 4959 section 3, RFC 5034 section 4).
pub fn encode_initial(octets: &[u8]) -> String {
    if octets.is_empty() { "=".to_owned() } else { encode(octets) }
}

/// The octets of a base64 challenge or response, line end and blanks already removed; `None`
/// when it is not base64.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// The octets of an initial response as it stood in the command, where `=` is empty; `None`
/// when it is not base64.
pub fn decode_initial(text: &[u8]) -> Option<Vec<u8>> {
    if text == b"=" { Some(Vec::new()) } else { decode(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_initial_response_is_an_equals_sign() {
        assert_eq!(encode_initial(b""), "=");
        assert_eq!(encode(b""), "");
        assert_eq!(decode_initial(b"="), Some(Vec::new()));
        assert_eq!(decode(b"="), None);
    }

    #[test]
    fn what_is_not_base64_is_none() {
        for text in [&b"*"[..], b"a", b"YQ", b"YQ==\r", b"Y Q="] {
            assert_eq!(decode(text), None, "{}", text.escape_ascii());
        }
        assert_eq!(decode(b"YQ=="), Some(b"a".to_vec()));
    }
}
