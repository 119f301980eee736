//! All that a server says before it is the client's turn, in SSL 3.0 to TLS 1.2, where none of
//! it is encrypted: ServerHello, Certificate, CertificateStatus, ServerKeyExchange,
//! CertificateRequest, ServerHelloDone (RFC 5246 section 7.4, RFC 6066 section 8).
//!
//! Of TLS 1.3 only the ServerHello or HelloRetryRequest can be read. Certificates are not
//! looked into, and no signature is verified.

use super::answer::{ALERT, Alert, HANDSHAKE, Message, RECORD_OCTETS, ServerHello};
use super::answer::{alert, server_hello};
use super::suite_name;
use crate::base::decode::{Decoded, Malformed, Result};

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It goes on.
    Flight(Box<Flight>),
    /// It does not.
    Alert(Alert),
}

/// A server's first flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flight {
    /// What it chose.
    pub hello: ServerHello,
    /// Its certificates in DER, its own first; empty for TLS 1.3 and anonymous suites.
    pub chain: Vec<Vec<u8>>,
    /// The stapled OCSP response in DER; `None`: there is none.
    pub staple: Option<Vec<u8>>,
    /// The parameters of its key exchange, as they stand; empty: it says none.
    pub key_exchange: Vec<u8>,
    /// Whether it asks for a certificate of the client.
    pub wants_certificate: bool,
}

const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;
const CERTIFICATE_STATUS: u8 = 22;

/// TLS 1.3, of which no more than the first message can be read.
const TLS13: u16 = 0x0304;

/// The most that a first flight may have; the largest seen are some twenty thousand octets.
const FLIGHT_OCTETS: usize = 1 << 18;

impl Said {
    /// Reads a flight at the start of a growing buffer.
    ///
    /// # Errors
    /// [`Malformed`] for what is no TLS record, and for messages that do not belong here.
    pub fn decode(octets: &[u8]) -> Result<Self> {
        let mut at = 0;
        let mut message = Message::default();
        loop {
            let record = &octets[at..];
            let Some(kind) = record.first() else { return Ok(Decoded::More) };
            if !matches!(*kind, ALERT | HANDSHAKE) {
                return Err(Malformed { offset: at, expected: "a TLS record" });
            }
            if record.get(1).is_some_and(|major| *major != 3) {
                return Err(Malformed { offset: at + 1, expected: "a version of TLS" });
            }
            let Some(head) = record.get(..5) else { return Ok(Decoded::More) };
            let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
            if length == 0 || length > RECORD_OCTETS {
                return Err(Malformed { offset: at + 3, expected: "the length of a record" });
            }
            let Some(fragment) = record.get(5..5 + length) else { return Ok(Decoded::More) };
            at += 5 + length;
            if *kind == ALERT {
                match alert(fragment, at - length)? {
                    Some(alert) => {
                        return Ok(Decoded::Done { value: Self::Alert(alert), used: at });
                    }
                    None => continue,
                }
            }
            message.pieces.push((message.octets.len(), at - length));
            message.octets.extend_from_slice(fragment);
            if message.octets.len() > FLIGHT_OCTETS {
                return message.error(0, "a flight of a server");
            }
            if let Some(flight) = flight(&message)? {
                let value = Self::Flight(Box::new(flight));
                return Ok(Decoded::Done { value, used: at });
            }
        }
    }
}

impl Flight {
    /// Bits of the prime of finite-field Diffie-Hellman; `None` where another key exchange was
    /// chosen.
    pub fn prime_bits(&self) -> Option<usize> {
        let name = suite_name(self.hello.suite)?;
        if !name.contains("_DHE_") && !name.contains("_DH_anon_") {
            return None;
        }
        let [a, b, rest @ ..] = self.key_exchange.as_slice() else { return None };
        let prime = rest.get(..usize::from(u16::from_be_bytes([*a, *b])))?;
        let start = prime.iter().position(|octet| *octet != 0)?;
        Some((prime.len() - start) * 8 - prime[start].leading_zeros() as usize)
    }

    /// The number of the named curve of elliptic-curve Diffie-Hellman (RFC 8422 section 5.4);
    /// `None` where another key exchange was chosen.
    pub fn curve(&self) -> Option<u16> {
        let name = suite_name(self.hello.suite)?;
        match self.key_exchange.as_slice() {
            [3, a, b, ..] if name.contains("ECDH") => Some(u16::from_be_bytes([*a, *b])),
            _ => None,
        }
    }
}

/// The flight, once its end is there.
fn flight(message: &Message) -> std::result::Result<Option<Flight>, Malformed> {
    let Some(hello) = server_hello(message)? else { return Ok(None) };
    let is_last = hello.version >= TLS13 || hello.is_retry;
    let mut flight = Flight {
        hello,
        chain: Vec::new(),
        staple: None,
        key_exchange: Vec::new(),
        wants_certificate: false,
    };
    if is_last {
        return Ok(Some(flight));
    }
    let octets = &message.octets;
    let mut at = 0;
    while let Some(head) = octets.get(at..at + 4) {
        let length = u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
        let body = octets.get(at + 4..at + 4 + length);
        let start = at + 4;
        match head[0] {
            SERVER_HELLO if at == 0 => {}
            CERTIFICATE | CERTIFICATE_STATUS | SERVER_KEY_EXCHANGE | CERTIFICATE_REQUEST
            | SERVER_HELLO_DONE
                if at > 0 => {}
            _ => return message.error(at, "a message of a server's first flight"),
        }
        let Some(body) = body else { return Ok(None) };
        match head[0] {
            CERTIFICATE => match certificates(body) {
                Some(chain) => flight.chain = chain,
                None => return message.error(start, "certificates"),
            },
            CERTIFICATE_STATUS => match body {
                [1, a, b, c, response @ ..]
                    if u32::from_be_bytes([0, *a, *b, *c]) as usize == response.len() =>
                {
                    flight.staple = Some(response.to_vec());
                }
                _ => return message.error(start, "an OCSP response"),
            },
            SERVER_KEY_EXCHANGE => flight.key_exchange = body.to_vec(),
            CERTIFICATE_REQUEST => flight.wants_certificate = true,
            SERVER_HELLO_DONE => return Ok(Some(flight)),
            _ => {}
        }
        at = start + length;
    }
    Ok(None)
}

/// `ASN.1Cert certificate_list<0..2^24-1>`; `None` for lengths that do not add up.
fn certificates(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut rest, after) = counted(body)?;
    let mut chain = Vec::new();
    while !rest.is_empty() {
        let (certificate, more) = counted(rest)?;
        chain.push(certificate.to_vec());
        rest = more;
    }
    after.is_empty().then_some(chain)
}

/// Octets behind their length in three octets, and what follows them.
fn counted(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = octets.split_at_checked(3)?;
    rest.split_at_checked(u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u32).to_be_bytes();
        [&[kind], &length[1..], body].concat()
    }

    fn hello(version: u16, suite: u16) -> Vec<u8> {
        let body = [
            &version.to_be_bytes()[..],
            &[7; 32],
            &[0],
            &suite.to_be_bytes(),
            &[1],
            &[0, 5, 0xff, 1, 0, 1, 0],
        ];
        message(2, &body.concat())
    }

    /// In records of at most `size` octets.
    fn records(octets: &[u8], size: usize) -> Vec<u8> {
        octets
            .chunks(size)
            .flat_map(|chunk| {
                [&[22, 3, 3][..], &(chunk.len() as u16).to_be_bytes(), chunk].concat()
            })
            .collect()
    }

    fn whole(suite: u16, key_exchange: &[u8]) -> Vec<u8> {
        [
            hello(0x0303, suite),
            message(11, &[0, 0, 9, 0, 0, 2, 1, 2, 0, 0, 1, 3]),
            message(22, &[1, 0, 0, 2, 8, 9]),
            message(12, key_exchange),
            message(13, &[1, 1, 0, 0]),
            message(14, &[]),
        ]
        .concat()
    }

    fn read(octets: &[u8]) -> Flight {
        match Said::decode(octets) {
            Ok(Decoded::Done { value: Said::Flight(flight), used }) => {
                assert_eq!(used, octets.len());
                *flight
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_flight_is_read_whatever_its_records_and_asks_for_more_before_its_end() {
        let prime = [&[0, 3, 0, 0x80, 1][..], &[0, 1, 2, 0, 1, 5]].concat();
        for size in [1, 7, 40, 4000] {
            let octets = records(&whole(0x009e, &prime), size);
            let flight = read(&octets);
            assert_eq!(flight.chain, [vec![1, 2], vec![3]]);
            assert_eq!(flight.staple.as_deref(), Some(&[8, 9][..]));
            assert_eq!((flight.prime_bits(), flight.curve()), (Some(16), None));
            assert_eq!(flight.hello.compression, 1);
            assert_eq!(flight.hello.extension(0xff01), Some(&[0][..]));
            assert!(flight.wants_certificate);
            for end in 0..octets.len() {
                assert_eq!(Said::decode(&octets[..end]), Ok(Decoded::More), "{size} {end}");
            }
        }
        let flight = read(&records(&whole(0xc02f, &[3, 0, 29, 1, 4]), 4000));
        assert_eq!((flight.prime_bits(), flight.curve()), (None, Some(29)));
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        let with = |more: Vec<u8>| records(&[hello(0x0303, 0x009e), more].concat(), 4000);
        for octets in [
            with(message(1, &[])),
            with(message(2, &[])),
            with(message(11, &[0, 0, 9, 0, 0, 2])),
            with(message(11, &[0, 0, 0, 1])),
            with(message(22, &[2, 0, 0, 0])),
            with(message(22, &[1, 0, 0, 9])),
            vec![20, 3, 3, 0, 1, 1],
            vec![22, 2],
        ] {
            assert!(Said::decode(&octets).is_err(), "{octets:?}");
        }
        let alert = Said::decode(&[21, 3, 3, 0, 2, 2, 40]).expect("an alert");
        assert!(matches!(alert, Decoded::Done { value: Said::Alert(_), used: 7 }));
    }
}
