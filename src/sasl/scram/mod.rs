//! SCRAM-SHA-1 (RFC 5802), SCRAM-SHA-256 (RFC 7677) and SCRAM-SHA-512 (the same with a longer
//! hash, draft-melnikov-scram-sha-512), each plain and bound to the TLS channel (`-PLUS`): proof
//! of the password both ways, without the password on the wire.
//!
//! Messages are in `syntax`, the two sides in `client` and `server`; the hashing that they share
//! is here. Keys are not cached between logins.

mod client;
mod server;
mod syntax;

use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac, pbkdf2};

use super::Mechanism;
use crate::base::secret::Secret;

pub(super) use client::{Binding, ScramClient};
pub(super) use server::{Fresh, ScramServer};
pub(super) use syntax::{gs2_header, saslname};

/// The most iterations that a client computes: about a second's work. A server that is not yet
/// known to be ours must not be able to stall us (RFC 5802 section 9).
pub const MAX_ITERATIONS: u32 = 1_000_000;

/// The iterations that our server asks for: the least that RFC 5802 section 5.1 recommends.
const SERVER_ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).expect("4096 is not zero");

/// The hash function of a SCRAM mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

impl Hash {
    /// The one in the mechanism's name; SHA-1 is RFC 5802's.
    fn of(mechanism: Mechanism) -> Self {
        match mechanism {
            Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => Hash::Sha256,
            Mechanism::ScramSha512 | Mechanism::ScramSha512Plus => Hash::Sha512,
            _ => Hash::Sha1,
        }
    }

    /// `H(str)`
    fn digest(self, octets: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, octets).as_ref().to_vec()
    }

    /// `HMAC(key, str)`
    fn hmac(self, key: &[u8], octets: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha512 => hmac::HMAC_SHA512,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), octets).as_ref().to_vec()
    }

    /// `Hi(str, salt, i)`, which is PBKDF2 with one block of output.
    fn salted_password(self, password: &Secret, salt: &[u8], iterations: NonZeroU32) -> Secret {
        let (algorithm, octets) = match self {
            Hash::Sha1 => (pbkdf2::PBKDF2_HMAC_SHA1, digest::SHA1_OUTPUT_LEN),
            Hash::Sha256 => (pbkdf2::PBKDF2_HMAC_SHA256, digest::SHA256_OUTPUT_LEN),
            Hash::Sha512 => (pbkdf2::PBKDF2_HMAC_SHA512, digest::SHA512_OUTPUT_LEN),
        };
        let mut salted = vec![0; octets];
        pbkdf2::derive(algorithm, iterations, salt, password.expose(), &mut salted);
        Secret::new(salted)
    }

    /// The keys that come of a prepared password (RFC 5802 section 3).
    fn keys(self, password: &Secret, salt: &[u8], iterations: NonZeroU32) -> Keys {
        let salted = self.salted_password(password, salt, iterations);
        let client = Secret::new(self.hmac(salted.expose(), b"Client Key"));
        Keys {
            stored: Secret::new(self.digest(client.expose())),
            server: Secret::new(self.hmac(salted.expose(), b"Server Key")),
            client,
        }
    }
}

/// ClientKey, StoredKey and ServerKey of RFC 5802 section 3.
struct Keys {
    client: Secret,
    stored: Secret,
    server: Secret,
}

/// One string XOR another; as long as the shorter of the two.
fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

/// `AuthMessage` of RFC 5802 section 3.
fn auth_message(first_bare: &str, server_first: &str, final_without_proof: &str) -> String {
    format!("{first_bare},{server_first},{final_without_proof}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6070 section 2 and RFC 7914 section 11, the first vector of each.
    #[test]
    fn hi_is_pbkdf2() {
        let one = NonZeroU32::MIN;
        let salted = Hash::Sha1.salted_password(&Secret::new("password"), b"salt", one);
        assert_eq!(
            salted.expose(),
            [
                0x0cu8, 0x60, 0xc8, 0x0f, 0x96, 0x1f, 0x0e, 0x71, 0xf3, 0xa9, 0xb5, 0x24, 0xaf,
                0x60, 0x12, 0x06, 0x2f, 0xe0, 0x37, 0xa6
            ]
        );
        let salted = Hash::Sha256.salted_password(&Secret::new("passwd"), b"salt", one);
        assert_eq!(salted.expose()[..4], [0x55u8, 0xac, 0x04, 0x6e]);
    }

    #[test]
    fn xor_is_its_own_inverse() {
        let (a, b) = (b"client key".as_slice(), b"signature!".as_slice());
        assert_eq!(xor(&xor(a, b), b), a);
    }
}
