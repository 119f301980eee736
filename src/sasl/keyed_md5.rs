//! MD5, bare for APOP and DIGEST-MD5 and keyed (HMAC, RFC 2104) for CRAM-MD5.

use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

/// Octets of an MD5 block, RFC 2104 section 2.
const BLOCK: usize = 64;

fn md5(parts: [&[u8]; 2]) -> [u8; 16] {
    let mut hasher = Md5::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

fn hex(digest: [u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    digest
        .iter()
        .flat_map(|octet| [octet >> 4, octet & 0x0f])
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

/// MD5 of a string of octets.
pub(super) fn digest(octets: &[u8]) -> [u8; 16] {
    md5([octets, b""])
}

/// MD5 of two strings of octets, one after the other, as 32 lower-case hexadecimal digits.
pub(super) fn digest_hex(first: &[u8], second: &[u8]) -> String {
    hex(md5([first, second]))
}

/// HMAC-MD5 (RFC 2104 section 2) as 32 lower-case hexadecimal digits.
pub(super) fn hmac_hex(key: &[u8], data: &[u8]) -> String {
    let mut padded = Zeroizing::new([0u8; BLOCK]);
    if key.len() > BLOCK {
        padded[..16].copy_from_slice(&md5([key, b""]));
    } else {
        padded[..key.len()].copy_from_slice(key);
    }
    let inner_pad = Zeroizing::new(padded.map(|octet| octet ^ 0x36));
    let outer_pad = Zeroizing::new(padded.map(|octet| octet ^ 0x5c));
    let inner = md5([&inner_pad[..], data]);
    hex(md5([&outer_pad[..], &inner[..]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1321 appendix A.5.
    #[test]
    fn the_md5_test_suite() {
        assert_eq!(digest_hex(b"", b""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(digest_hex(b"message ", b"digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    }

    /// RFC 2104 appendix, and RFC 2202 section 2, test case 6: a key longer than a block.
    #[test]
    fn the_hmac_md5_test_vectors() {
        assert_eq!(hmac_hex(&[0x0b; 16], b"Hi There"), "9294727a3638bb1c13f48ef8158bfc9d");
        assert_eq!(
            hmac_hex(b"Jefe", b"what do ya want for nothing?"),
            "750c783e6ab0b503eaa86e310a5db738"
        );
        assert_eq!(
            hmac_hex(&[0xaa; 80], b"Test Using Larger Than Block-Size Key - Hash Key First"),
            "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"
        );
    }
}
