//! An OCSP response that says that a certificate was revoked (RFC 6960 section 4.2.1), in DER.

use anyhow::{Context as _, Result};
use rcgen::{KeyPair, SigningKey as _};
use x509_parser::parse_x509_certificate;

/// id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1
const BASIC: [u8; 9] = [0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];

/// id-sha1, 1.3.14.3.2.26
const SHA1: [u8; 5] = [0x2b, 0x0e, 3, 2, 0x1a];

/// ecdsa-with-SHA256, 1.2.840.10045.4.3.2
const ECDSA_SHA256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

/// Since when it is so, and until when the response is good (GeneralizedTime).
const REVOKED: &[u8] = b"20250101000000Z";
const NEXT_UPDATE: &[u8] = b"20491231000000Z";

const SEQUENCE: u8 = 0x30;
const OCTET_STRING: u8 = 4;
const OID: u8 = 6;
const GENERALIZED_TIME: u8 = 0x18;

/// The response about `leaf` by `authority` (both DER), whose key is an ECDSA key on P-256.
///
/// # Errors
/// Certificates that cannot be read, and a key that cannot sign.
pub fn response(authority: &[u8], leaf: &[u8], key: &KeyPair) -> Result<Vec<u8>> {
    let (_, issuer) = parse_x509_certificate(authority).context("the authority")?;
    let (_, subject) = parse_x509_certificate(leaf).context("the certificate")?;
    let sha1 = |octets: &[u8]| {
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, octets);
        der(OCTET_STRING, &[digest.as_ref()])
    };
    let key_hash = sha1(&issuer.public_key().subject_public_key.data);
    let name_hash = sha1(issuer.subject().as_raw());
    let hash = der(SEQUENCE, &[&der(OID, &[&SHA1]), &[5, 0]]);
    let serial = der(2, &[subject.raw_serial()]);
    let id = der(SEQUENCE, &[&hash, &name_hash, &key_hash, &serial]);
    // [1] IMPLICIT RevokedInfo, its reason keyCompromise
    let reason = der(0xa0, &[&der(0x0a, &[&[1]])]);
    let status = der(0xa1, &[&der(GENERALIZED_TIME, &[REVOKED]), &reason]);
    let this_update = der(GENERALIZED_TIME, &[REVOKED]);
    let next_update = der(0xa0, &[&der(GENERALIZED_TIME, &[NEXT_UPDATE])]);
    let single = der(SEQUENCE, &[&id, &status, &this_update, &next_update]);
    // [2] EXPLICIT KeyHash
    let responder = der(0xa2, &[&key_hash]);
    let produced = der(GENERALIZED_TIME, &[REVOKED]);
    let data = der(SEQUENCE, &[&responder, &produced, &der(SEQUENCE, &[&single])]);
    let signature = key.sign(&data)?;
    let algorithm = der(SEQUENCE, &[&der(OID, &[&ECDSA_SHA256])]);
    let basic = der(SEQUENCE, &[&data, &algorithm, &der(3, &[&[0], &signature])]);
    let body = der(SEQUENCE, &[&der(OID, &[&BASIC]), &der(OCTET_STRING, &[&basic])]);
    // successful
    Ok(der(SEQUENCE, &[&der(0x0a, &[&[0]]), &der(0xa0, &[&body])]))
}

/// A value behind its tag and length.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    match length {
        0..=0x7f => out.push(length as u8),
        _ => {
            let octets = length.to_be_bytes();
            let octets = &octets[octets.iter().take_while(|octet| **octet == 0).count()..];
            out.push(0x80 | octets.len() as u8);
            out.extend_from_slice(octets);
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}
