//! What a certificate says (RFC 5280), for people and for the checks. Whether it is to be
//! trusted is decided by `net::tls`.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::Serialize;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey;

use crate::base::date::Zoned;

/// One certificate of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// The subject's distinguished name.
    pub subject: String,
    /// The issuer's.
    pub issuer: String,
    /// DNS names and addresses that it is for.
    pub names: Vec<String>,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub not_before: i64,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub not_after: i64,
    /// The kind of key: `RSA`, `ECDSA`, `Ed25519`, or an object identifier.
    pub key: String,
    /// Its size in bits; `None` where the kind is not known.
    pub key_bits: Option<usize>,
    /// What it is signed with: a name, or an object identifier.
    pub signature: String,
    /// Whether it signed itself; such a signature proves nothing and need not be strong.
    pub self_signed: bool,
    /// SHA-256 of its public key in hex, what `--pin` takes.
    pub pin: Option<String>,
}

/// Object identifiers of signatures, and their names.
const SIGNATURES: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.2", "MD2 with RSA"),
    ("1.2.840.113549.1.1.4", "MD5 with RSA"),
    ("1.2.840.113549.1.1.5", "SHA-1 with RSA"),
    ("1.2.840.113549.1.1.10", "RSA-PSS"),
    ("1.2.840.113549.1.1.11", "SHA-256 with RSA"),
    ("1.2.840.113549.1.1.12", "SHA-384 with RSA"),
    ("1.2.840.113549.1.1.13", "SHA-512 with RSA"),
    ("1.2.840.10040.4.3", "SHA-1 with DSA"),
    ("1.2.840.10045.4.1", "SHA-1 with ECDSA"),
    ("1.2.840.10045.4.3.2", "SHA-256 with ECDSA"),
    ("1.2.840.10045.4.3.3", "SHA-384 with ECDSA"),
    ("1.2.840.10045.4.3.4", "SHA-512 with ECDSA"),
    ("1.3.14.3.2.29", "SHA-1 with RSA"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
];

impl Certificate {
    /// Reads a certificate; `None` for what is none.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, parsed) = x509_parser::parse_x509_certificate(der).ok()?;
        let (key, key_bits) = key(&parsed);
        let signature = parsed.signature_algorithm.algorithm.to_id_string();
        let pin = crate::net::tls::spki_sha256(der)
            .map(|hash| hash.iter().map(|octet| format!("{octet:02x}")).collect());
        Some(Self {
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            names: names(&parsed),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            key,
            key_bits,
            signature: SIGNATURES
                .iter()
                .find(|(oid, _)| *oid == signature)
                .map_or(signature, |(_, name)| (*name).to_owned()),
            self_signed: parsed.subject() == parsed.issuer(),
            pin,
        })
    }

    /// The key in a word or two: `RSA 2048`.
    pub fn key_text(&self) -> String {
        match self.key_bits {
            Some(bits) if !self.key.starts_with("Ed") => format!("{} {bits}", self.key),
            _ => self.key.clone(),
        }
    }

    /// Whether the key is shorter than RFC 9325 section 4.5 wants: 2048 bits for RSA (and for
    /// DSA, which nobody should have), 224 for elliptic curves.
    pub fn has_small_key(&self) -> bool {
        let least = match self.key.as_str() {
            "RSA" | "DSA" => 2048,
            "ECDSA" => 224,
            _ => 0,
        };
        self.key_bits.is_some_and(|bits| bits < least)
    }

    /// Whether its signature is by a hash that can be forged, and anybody relies on it.
    pub fn has_weak_signature(&self) -> bool {
        !self.self_signed
            && ["MD2", "MD5", "SHA-1"].iter().any(|hash| self.signature.starts_with(hash))
    }
}

fn key(parsed: &X509Certificate<'_>) -> (String, Option<usize>) {
    let public = parsed.public_key();
    match public.parsed() {
        Ok(PublicKey::RSA(rsa)) => ("RSA".into(), Some(bits(rsa.modulus))),
        Ok(PublicKey::DSA(key)) => ("DSA".into(), Some(bits(key))),
        // P-521 has points of 66 octets.
        Ok(PublicKey::EC(point)) => match point.key_size() {
            0 => ("ECDSA".into(), None),
            size => ("ECDSA".into(), Some(if size == 528 { 521 } else { size })),
        },
        _ => match public.algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => ("Ed25519".into(), Some(256)),
            "1.3.101.113" => ("Ed448".into(), Some(456)),
            other => (other.to_owned(), None),
        },
    }
}

/// Bits of a big-endian number.
fn bits(number: &[u8]) -> usize {
    let significant =
        number.iter().position(|octet| *octet != 0).map_or(&[][..], |at| &number[at..]);
    match significant {
        [] => 0,
        [first, rest @ ..] => rest.len() * 8 + (8 - first.leading_zeros() as usize),
    }
}

fn names(parsed: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = parsed.subject_alternative_name() else { return Vec::new() };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(octets) => {
                let v4 =
                    <[u8; 4]>::try_from(*octets).map(|octets| Ipv4Addr::from(octets).to_string());
                let v6 =
                    <[u8; 16]>::try_from(*octets).map(|octets| Ipv6Addr::from(octets).to_string());
                v4.or(v6).ok()
            }
            _ => None,
        })
        .collect()
}

/// The day of an instant, in UTC, by ISO 8601.
pub fn day(seconds: i64) -> String {
    let day = Zoned::utc(seconds).day();
    format!("{:04}-{:02}-{:02}", day.year(), day.month(), day.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_read() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let names = vec!["mail.example.test".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        let mut params = rcgen::CertificateParams::new(names.clone()).expect("parameters");
        params.not_before = rcgen::date_time_ymd(2024, 1, 1);
        params.not_after = rcgen::date_time_ymd(2049, 12, 31);
        let der = params.self_signed(&key).expect("a certificate").der().to_vec();
        let read = Certificate::read(&der).expect("reads");
        assert_eq!(read.names, names);
        assert_eq!((read.not_before, read.not_after), (1_704_067_200, 2_524_521_600));
        assert_eq!(read.key_text(), "ECDSA 256");
        assert_eq!(read.signature, "SHA-256 with ECDSA");
        assert!(read.self_signed && !read.has_small_key() && !read.has_weak_signature());
        assert_eq!(read.pin.expect("a pin").len(), 64);
        assert_eq!(Certificate::read(b"no certificate"), None);
    }

    #[test]
    fn weak_keys_and_signatures_are_known() {
        let with = |key: &str, key_bits, signature: &str, self_signed| Certificate {
            subject: String::new(),
            issuer: String::new(),
            names: Vec::new(),
            not_before: 0,
            not_after: 0,
            key: key.into(),
            key_bits,
            signature: signature.into(),
            self_signed,
            pin: None,
        };
        assert!(with("RSA", Some(1024), "SHA-1 with RSA", false).has_small_key());
        assert!(with("ECDSA", Some(192), "", false).has_small_key());
        assert!(!with("RSA", Some(2048), "", false).has_small_key());
        assert!(!with("1.2.3", None, "", false).has_small_key());
        assert!(with("RSA", Some(2048), "SHA-1 with RSA", false).has_weak_signature());
        assert!(!with("RSA", Some(2048), "SHA-1 with RSA", true).has_weak_signature());
        assert!(!with("RSA", Some(2048), "SHA-256 with RSA", false).has_weak_signature());
        assert_eq!(with("Ed25519", Some(256), "", false).key_text(), "Ed25519");
        assert_eq!(bits(&[0, 0x80, 0]), 16);
        assert_eq!(bits(&[1]), 1);
        assert_eq!(bits(&[]), 0);
    }
}
