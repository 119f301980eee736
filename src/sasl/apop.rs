//! APOP (RFC 1939 section 7): MD5 over the greeting's timestamp and the shared secret.
//!
//! Not a SASL mechanism, and as weak as CRAM-MD5: an eavesdropper can try passwords, and a
//! false server that chooses its timestamps can learn parts of one (CVE-2007-1558). That is why
//! a caller takes only a timestamp that has the form of a msg-id; this file does not check it.

use super::{Mechanism, Secrets, keyed_md5, prepare, verify};
use crate::base::secret::Secret;

/// The digest that goes into the APOP command: 32 lower-case hexadecimal digits, for the
/// timestamp of the greeting with its angle brackets.
pub fn apop(timestamp: impl AsRef<[u8]>, secret: &Secret) -> String {
    keyed_md5::digest_hex(timestamp.as_ref(), secret.expose())
}

/// Whether a client's digest is the right one for our timestamp; compares in constant time, and
/// takes hexadecimal digits of either case.
pub fn apop_matches(
    timestamp: impl AsRef<[u8]>,
    secret: &Secret,
    digest: impl AsRef<[u8]>,
) -> bool {
    let digest = digest.as_ref().to_ascii_lowercase();
    verify::same(apop(timestamp, secret).as_bytes(), &digest)
}

/// The user whose password the digest of APOP proves, name and password as written and then as
/// prepared by SASLprep (RFC 6856 section 2.2); `None`: it proves nothing.
pub fn apop_proves(
    timestamp: &str,
    secrets: &dyn Secrets,
    user: &str,
    digest: &str,
) -> Option<String> {
    let (user, password) = verify::stored(Mechanism::Plain, secrets, user)?;
    let prepared = prepare::password(Mechanism::Plain, &password).ok();
    let is_proved = apop_matches(timestamp, &password, digest)
        || prepared.is_some_and(|prepared| apop_matches(timestamp, &prepared, digest));
    is_proved.then_some(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1939 section 7.
    #[test]
    fn the_example_of_rfc_1939() {
        let timestamp = "<1896.697170952@dbc.mtview.ca.us>";
        let secret = Secret::new("tanstaaf");
        let digest = apop(timestamp, &secret);
        assert_eq!(digest, "c4c9334bac560ecc979e58001b3e22fb");
        assert!(apop_matches(timestamp, &secret, &digest));
        assert!(apop_matches(timestamp, &secret, digest.to_uppercase()));
        assert!(!apop_matches(timestamp, &Secret::new("tanstaa"), &digest));
        assert!(!apop_matches("<1@other>", &secret, &digest));
        assert!(!apop_matches(timestamp, &secret, &digest[..31]));
    }
}
