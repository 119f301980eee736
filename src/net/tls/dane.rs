//! DANE: a certificate that DNSSEC vouches for, by TLSA records.
//!
//! RFC 6698 section 2.1 (the record), RFC 7671 section 9 (of several digests, the strongest),
//! RFC 7672 section 3 (usages 2 and 3, names). Usages 0 and 1 are unusable here, as RFC 7672
//! section 3.1.3 allows. Where the records come from, and whether they were validated, is not
//! this module's concern.

use std::fmt;

use aws_lc_rs::digest;

use super::error::hex;

/// Usage DANE-TA, RFC 7218 section 2.1: the record names an authority.
const DANE_TA: u8 = 2;

/// Usage DANE-EE: the record names the server's own certificate or key.
const DANE_EE: u8 = 3;

/// One TLSA record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tlsa {
    /// Certificate usage.
    pub usage: u8,
    /// What is matched: 0 the certificate, 1 its SubjectPublicKeyInfo.
    pub selector: u8,
    /// How: 0 as it is, 1 by SHA-256, 2 by SHA-512.
    pub matching: u8,
    /// The octets to match.
    pub data: Vec<u8>,
}

/// What makes a certificate good under DANE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dane {
    records: Vec<Tlsa>,
    names: Vec<String>,
}

impl Tlsa {
    /// Whether a client of RFC 7672 can go by it.
    pub fn is_usable(&self) -> bool {
        let right_length = match self.matching {
            0 => !self.data.is_empty(),
            1 => self.data.len() == 32,
            2 => self.data.len() == 64,
            _ => false,
        };
        matches!(self.usage, DANE_TA | DANE_EE) && self.selector <= 1 && right_length
    }

    /// Whether a certificate (DER) is the one meant, or has the key meant.
    fn matches(&self, certificate: &[u8]) -> bool {
        let selected = match self.selector {
            0 => certificate,
            _ => match x509_parser::parse_x509_certificate(certificate) {
                Ok((_, parsed)) => parsed.tbs_certificate.subject_pki.raw,
                Err(_) => return false,
            },
        };
        let digested = |algorithm| digest::digest(algorithm, selected).as_ref() == self.data;
        match self.matching {
            0 => selected == self.data,
            1 => digested(&digest::SHA256),
            2 => digested(&digest::SHA512),
            _ => false,
        }
    }
}

impl fmt::Display for Tlsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = &self.data[..self.data.len().min(8)];
        write!(f, "{} {} {} {}", self.usage, self.selector, self.matching, hex(start))?;
        if self.data.len() > 8 { f.write_str("...") } else { Ok(()) }
    }
}

impl Dane {
    /// Takes validated records and the names that a certificate of an authority of theirs may
    /// have; `None` when no record is usable.
    pub fn new(records: &[Tlsa], names: Vec<String>) -> Option<Self> {
        let usable: Vec<&Tlsa> = records.iter().filter(|record| record.is_usable()).collect();
        // RFC 7671 section 9: a weaker digest counts only where there is no stronger one.
        let is_outdone = |record: &Tlsa| {
            record.matching == 1
                && usable.iter().any(|other| {
                    other.matching == 2
                        && (other.usage, other.selector) == (record.usage, record.selector)
                })
        };
        let records: Vec<Tlsa> =
            usable.iter().filter(|record| !is_outdone(record)).map(|it| (*it).clone()).collect();
        (!records.is_empty()).then_some(Self { records, names })
    }

    /// The names that count for usage 2.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the server's own certificate is vouched for; its names and times do not count
    /// (RFC 7672 section 3.1.1).
    pub(super) fn vouches_for(&self, leaf: &[u8]) -> bool {
        self.records.iter().any(|record| record.usage == DANE_EE && record.matches(leaf))
    }

    /// The authorities (DER) that are vouched for, out of the chain that the server shows and
    /// the records themselves.
    pub(super) fn authorities<'a>(
        &'a self,
        chain: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Vec<&'a [u8]> {
        let mut found: Vec<&[u8]> = Vec::new();
        for record in self.records.iter().filter(|record| record.usage == DANE_TA) {
            found.extend(chain.clone().filter(|certificate| record.matches(certificate)));
            if (record.selector, record.matching) == (0, 0) {
                found.push(&record.data);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlsa(usage: u8, selector: u8, matching: u8, data: &[u8]) -> Tlsa {
        Tlsa { usage, selector, matching, data: data.to_vec() }
    }

    #[test]
    fn only_what_rfc_7672_uses_is_usable() {
        for (record, usable) in [
            (tlsa(3, 1, 1, &[0; 32]), true),
            (tlsa(2, 0, 2, &[0; 64]), true),
            (tlsa(3, 0, 0, b"x"), true),
            (tlsa(3, 1, 1, &[0; 31]), false),
            (tlsa(3, 1, 2, &[0; 32]), false),
            (tlsa(3, 2, 1, &[0; 32]), false),
            (tlsa(3, 1, 3, &[0; 32]), false),
            (tlsa(0, 1, 1, &[0; 32]), false),
            (tlsa(1, 1, 1, &[0; 32]), false),
            (tlsa(3, 0, 0, b""), false),
        ] {
            assert_eq!(record.is_usable(), usable, "{record}");
        }
        assert_eq!(Dane::new(&[tlsa(1, 1, 1, &[0; 32])], Vec::new()), None);
    }

    #[test]
    fn certificates_and_keys_are_matched_whole_and_by_digest() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = rcgen::CertificateParams::new(vec!["mx.test".to_owned()])
            .expect("parameters")
            .self_signed(&key)
            .expect("a certificate");
        let der = certificate.der().to_vec();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).expect("its own");
        let spki = parsed.tbs_certificate.subject_pki.raw.to_vec();
        for (selector, octets) in [(0, &der), (1, &spki)] {
            for (matching, data) in [
                (0, octets.clone()),
                (1, digest::digest(&digest::SHA256, octets).as_ref().to_vec()),
                (2, digest::digest(&digest::SHA512, octets).as_ref().to_vec()),
            ] {
                let right = Dane::new(&[tlsa(3, selector, matching, &data)], Vec::new());
                assert!(right.expect("usable").vouches_for(&der), "{selector} {matching}");
                let mut other = data;
                other[0] ^= 1;
                let wrong = Dane::new(&[tlsa(3, selector, matching, &other)], Vec::new());
                assert!(!wrong.expect("usable").vouches_for(&der), "{selector} {matching}");
            }
        }
        let authority = Dane::new(&[tlsa(2, 0, 0, &der)], Vec::new()).expect("usable");
        assert!(!authority.vouches_for(&der));
        assert_eq!(authority.authorities([].into_iter()), [der.as_slice()]);
    }

    #[test]
    fn the_strongest_digest_counts() {
        let weak = tlsa(3, 1, 1, &[1; 32]);
        let strong = tlsa(3, 1, 2, &[2; 64]);
        let other = tlsa(3, 0, 1, &[3; 32]);
        let dane = Dane::new(&[weak, strong.clone(), other.clone()], Vec::new()).expect("usable");
        assert_eq!(dane.records, [strong, other]);
    }
}
