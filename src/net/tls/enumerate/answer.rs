//! What a server says first: a ServerHello, a HelloRetryRequest, or an alert (RFC 8446
//! sections 4.1.3, 4.1.4 and 6; RFC 5246 sections 7.2 and 7.4.1.3).

use std::fmt;

use super::names::alert_name;
use crate::base::decode::{Decoded, Malformed, Result};

/// The first thing that a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It goes on, by these parameters.
    ServerHello(ServerHello),
    /// It does not.
    Alert(Alert),
}

/// What a server chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHello {
    /// The version, from `supported_versions` where that is said.
    pub version: u16,
    /// The cipher suite.
    pub suite: u16,
    /// The key exchange group of TLS 1.3; `None` in older versions, which say it later.
    pub group: Option<u16>,
    /// Whether it is a HelloRetryRequest, which asks for a share of the group.
    pub is_retry: bool,
    /// Whether it agrees to the extended master secret of TLS 1.2 (RFC 7627).
    pub is_master_secret_extended: bool,
    /// The compression method; 0 is none.
    pub compression: u8,
    /// Every extension, by number and content.
    pub extensions: Vec<(u16, Vec<u8>)>,
}

impl ServerHello {
    /// The content of an extension; `None`: the server does not say it.
    pub fn extension(&self, kind: u16) -> Option<&[u8]> {
        self.extensions.iter().find(|(other, _)| *other == kind).map(|(_, data)| data.as_slice())
    }

    /// The protocol that the server chose by ALPN (RFC 7301 section 3.1); `None`: it chose none.
    pub fn alpn(&self) -> Option<&[u8]> {
        match self.extension(ALPN)? {
            [_, _, length, name @ ..] if name.len() == usize::from(*length) => Some(name),
            _ => None,
        }
    }
}

/// An alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    /// 1 is a warning, 2 is fatal.
    pub level: u8,
    /// What is wrong, as a number.
    pub description: u8,
}

const CLOSE_NOTIFY: u8 = 0;
const UNEXPECTED_MESSAGE: u8 = 10;
const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;
const INSUFFICIENT_SECURITY: u8 = 71;

impl Alert {
    /// Whether it is about what was offered, and no other trouble.
    pub fn is_refusal(self) -> bool {
        matches!(self.description, HANDSHAKE_FAILURE | PROTOCOL_VERSION | INSUFFICIENT_SECURITY)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match alert_name(self.description) {
            Some(name) => write!(f, "alert {name}"),
            None => write!(f, "alert {}", self.description),
        }
    }
}

pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;

const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;
const EXTENDED_MASTER_SECRET: u16 = 23;

/// The random of a HelloRetryRequest, RFC 8446 section 4.1.3: SHA-256 of its name.
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// The longest record of any version, RFC 5246 section 6.2.3.
pub(super) const RECORD_OCTETS: usize = (1 << 14) + 2048;

/// The longest ServerHello we read; real ones have some hundred octets.
const HELLO_OCTETS: usize = 1 << 16;

/// Handshake octets collected out of records, and where each piece stood.
#[derive(Default)]
pub(super) struct Message {
    pub(super) octets: Vec<u8>,
    /// Offset in the message, offset in the buffer.
    pub(super) pieces: Vec<(usize, usize)>,
}

impl Message {
    pub(super) fn error<T>(
        &self,
        at: usize,
        expected: &'static str,
    ) -> std::result::Result<T, Malformed> {
        let piece = self.pieces.iter().rev().find(|(start, _)| *start <= at);
        let offset = piece.map_or(at, |(start, offset)| offset + (at - start));
        Err(Malformed { offset, expected })
    }
}

impl Answer {
    /// Reads the answer at the start of a growing buffer. Warnings other than close_notify
    /// are passed over (unrecognized_name, RFC 6066 section 3).
    ///
    /// # Errors
    /// [`Malformed`] for what is no TLS record, or no ServerHello in it.
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
            if let Some(hello) = server_hello(&message)? {
                return Ok(Decoded::Done { value: Self::ServerHello(hello), used: at });
            }
        }
    }
}

/// `None` for a warning that changes nothing.
pub(super) fn alert(
    fragment: &[u8],
    offset: usize,
) -> std::result::Result<Option<Alert>, Malformed> {
    match *fragment {
        [level @ 1..=2, description] => {
            let passes = level == 1
                && !matches!(description, CLOSE_NOTIFY | UNEXPECTED_MESSAGE | HANDSHAKE_FAILURE);
            Ok((!passes).then_some(Alert { level, description }))
        }
        _ => Err(Malformed { offset, expected: "an alert" }),
    }
}

/// Reads a ServerHello; `None` while it is not whole.
pub(super) fn server_hello(
    message: &Message,
) -> std::result::Result<Option<ServerHello>, Malformed> {
    let octets = &message.octets;
    if octets.first().is_some_and(|kind| *kind != SERVER_HELLO) {
        return message.error(0, "a ServerHello");
    }
    let Some(head) = octets.get(..4) else { return Ok(None) };
    let length = u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
    if length > HELLO_OCTETS {
        return message.error(1, "the length of a ServerHello");
    }
    let Some(body) = octets.get(4..4 + length) else { return Ok(None) };
    let mut reader = Reader { message, octets: body, at: 0 };
    let legacy = reader.number("server_version")?;
    let is_retry = reader.take(32, "random")? == RETRY;
    let session = reader.octet("session_id")?;
    reader.take(usize::from(session), "session_id")?;
    let mut hello = ServerHello {
        version: legacy,
        suite: reader.number("cipher_suite")?,
        group: None,
        is_retry,
        is_master_secret_extended: false,
        compression: 0,
        extensions: Vec::new(),
    };
    hello.compression = reader.octet("compression_method")?;
    if reader.is_at_end() {
        return Ok(Some(hello));
    }
    let end = usize::from(reader.number("extensions")?);
    if end != reader.rest() {
        return reader.error("the length of the extensions");
    }
    while !reader.is_at_end() {
        let kind = reader.number("extension_type")?;
        let length = usize::from(reader.number("extension_data")?);
        let start = reader.at;
        let data = reader.take(length, "extension_data")?;
        hello.extensions.push((kind, data.to_vec()));
        match (kind, data) {
            (SUPPORTED_VERSIONS, [a, b]) => hello.version = u16::from_be_bytes([*a, *b]),
            // A retry names the group; a ServerHello has its share behind it.
            (KEY_SHARE, [a, b]) if is_retry => hello.group = Some(u16::from_be_bytes([*a, *b])),
            (KEY_SHARE, [a, b, _, _, ..]) if !is_retry => {
                hello.group = Some(u16::from_be_bytes([*a, *b]));
            }
            (SUPPORTED_VERSIONS, _) => {
                return message.error(4 + start, "selected_version");
            }
            (EXTENDED_MASTER_SECRET, []) => hello.is_master_secret_extended = true,
            (KEY_SHARE, _) => return message.error(4 + start, "key_share"),
            _ => {}
        }
    }
    Ok(Some(hello))
}

/// A place in the body of a handshake message.
struct Reader<'a> {
    message: &'a Message,
    octets: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> usize {
        self.octets.len() - self.at
    }

    fn is_at_end(&self) -> bool {
        self.rest() == 0
    }

    fn error<T>(&self, expected: &'static str) -> std::result::Result<T, Malformed> {
        self.message.error(4 + self.at, expected)
    }

    fn take(
        &mut self,
        count: usize,
        expected: &'static str,
    ) -> std::result::Result<&'a [u8], Malformed> {
        let octets: &'a [u8] = self.octets;
        match octets.get(self.at..self.at + count) {
            Some(taken) => {
                self.at += count;
                Ok(taken)
            }
            None => self.error(expected),
        }
    }

    fn octet(&mut self, expected: &'static str) -> std::result::Result<u8, Malformed> {
        Ok(self.take(1, expected)?[0])
    }

    fn number(&mut self, expected: &'static str) -> std::result::Result<u16, Malformed> {
        let octets = self.take(2, expected)?;
        Ok(u16::from_be_bytes([octets[0], octets[1]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A ServerHello in records of at most `fragment` octets.
    fn hello(
        version: u16,
        random: [u8; 32],
        suite: u16,
        extensions: &[u8],
        fragment: usize,
    ) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend(random);
        body.extend([4, 1, 2, 3, 4]);
        body.extend(suite.to_be_bytes());
        body.push(0);
        if !extensions.is_empty() {
            body.extend((extensions.len() as u16).to_be_bytes());
            body.extend(extensions);
        }
        let mut message = vec![2, 0, (body.len() >> 8) as u8, body.len() as u8];
        message.extend(body);
        let mut out = Vec::new();
        for piece in message.chunks(fragment) {
            out.extend([22, 3, 3]);
            out.extend((piece.len() as u16).to_be_bytes());
            out.extend(piece);
        }
        out
    }

    fn done(octets: &[u8]) -> Answer {
        match Answer::decode(octets) {
            Ok(Decoded::Done { mut value, used }) if used == octets.len() => {
                if let Answer::ServerHello(hello) = &mut value {
                    hello.extensions.clear();
                }
                value
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_form_is_read() {
        let want = |version, suite, group, is_retry| {
            Answer::ServerHello(ServerHello {
                version,
                suite,
                group,
                is_retry,
                is_master_secret_extended: false,
                compression: 0,
                extensions: Vec::new(),
            })
        };
        let ssl = hello(0x0300, [9; 32], 0x0005, &[], 999);
        assert_eq!(done(&ssl), want(0x0300, 0x0005, None, false));
        let tls12 = hello(0x0303, [9; 32], 0xc02f, &[0, 23, 0, 0], 999);
        let Answer::ServerHello(said) = done(&tls12) else { panic!("an alert") };
        assert!(said.is_master_secret_extended);
        let plain = ServerHello { is_master_secret_extended: false, ..said };
        assert_eq!(Answer::ServerHello(plain), want(0x0303, 0xc02f, None, false));
        let retry =
            hello(0x0303, RETRY, 0x1301, &[0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0x11, 0xec], 999);
        assert_eq!(done(&retry), want(0x0304, 0x1301, Some(0x11ec), true));
        let share = [0, 51, 0, 5, 0, 29, 0, 1, 7, 0, 43, 0, 2, 3, 4];
        let tls13 = hello(0x0303, [9; 32], 0x1302, &share, 999);
        assert_eq!(done(&tls13), want(0x0304, 0x1302, Some(29), false));
    }

    #[test]
    fn alerts_are_told_and_warnings_passed_over() {
        let fatal = [21, 3, 1, 0, 2, 2, 70];
        assert_eq!(done(&fatal), Answer::Alert(Alert { level: 2, description: 70 }));
        assert_eq!(Alert { level: 2, description: 70 }.to_string(), "alert protocol_version");
        assert_eq!(Alert { level: 2, description: 255 }.to_string(), "alert 255");
        let mut warned = vec![21, 3, 3, 0, 2, 1, 112];
        assert_eq!(Answer::decode(&warned), Ok(Decoded::More));
        warned.extend(hello(0x0303, [9; 32], 0xc02f, &[], 20));
        assert!(matches!(done(&warned), Answer::ServerHello(_)));
        let closing = [21, 3, 3, 0, 2, 1, 0];
        assert_eq!(done(&closing), Answer::Alert(Alert { level: 1, description: 0 }));
    }

    #[test]
    fn what_is_no_tls_is_refused_at_its_place() {
        let offset = |octets: &[u8]| match Answer::decode(octets) {
            Err(malformed) => malformed.offset,
            other => panic!("{other:?}"),
        };
        assert_eq!(offset(b"220 mx.example ESMTP\r\n"), 0);
        assert_eq!(offset(b"\x15\x02"), 1);
        assert_eq!(offset(b"\x16\x03\x03\xff\xff"), 3);
        assert_eq!(offset(b"\x16\x03\x03\0\0"), 3);
        assert_eq!(offset(b"\x15\x03\x03\0\x01\x02"), 5);
        // A Certificate where a ServerHello should be.
        assert_eq!(offset(b"\x16\x03\x03\0\x01\x0b"), 5);
        // The session id is longer than the message.
        let mut short = hello(0x0303, [9; 32], 0xc02f, &[], 999);
        short[43] = 200;
        assert_eq!(offset(&short), 44);
        // In a second record, the offset is one of the buffer.
        let mut split = hello(0x0303, [9; 32], 0xc02f, &[], 38);
        split[43 + 5] = 200;
        assert_eq!(offset(&split), 49);
    }

    proptest! {
        #[test]
        fn every_prefix_asks_for_more(
            version in 0x0300u16..=0x0303,
            suite: u16,
            random: [u8; 32],
            group: u16,
            fragment in 1usize..80,
        ) {
            let [a, b] = group.to_be_bytes();
            let extensions = [0, 51, 0, 5, a, b, 0, 1, 7, 0, 43, 0, 2, 3, 4, 0xff, 1, 0, 1, 0];
            let octets = hello(version, random, suite, &extensions, fragment);
            for end in 0..octets.len() {
                prop_assert_eq!(Answer::decode(&octets[..end]), Ok(Decoded::More));
            }
            let value = Answer::ServerHello(ServerHello {
                version: 0x0304,
                suite,
                group: Some(group),
                is_retry: false,
                is_master_secret_extended: false,
                compression: 0,
                extensions: vec![
                    (51, vec![a, b, 0, 1, 7]),
                    (43, vec![3, 4]),
                    (0xff01, vec![0]),
                ],
            });
            prop_assert_eq!(Answer::decode(&octets), Ok(Decoded::Done { value, used: octets.len() }));
        }

        #[test]
        fn no_octets_make_it_panic(octets: Vec<u8>) {
            let _ = Answer::decode(&octets);
            let mut framed = vec![22, 3, 3, 0, octets.len() as u8];
            framed.extend(octets.iter().take(255));
            let _ = Answer::decode(&framed);
        }
    }
}
