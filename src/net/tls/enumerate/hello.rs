//! A ClientHello in octets (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2).

use std::net::IpAddr;

use super::Protocol;

/// What a hello offers: one version, and lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The only version offered.
    pub version: Protocol,
    /// Cipher suites, best first.
    pub suites: &'a [u16],
    /// Key exchange groups, best first; not said to SSL 3.0, which has none.
    pub groups: &'a [u16],
    /// The server's name for SNI (RFC 6066 section 3); an address is not said.
    pub host: &'a str,
    /// 32 octets that nobody has to guess: no handshake is finished.
    pub random: [u8; 32],
    /// What else it says.
    pub offers: Offers<'a>,
}

/// What a hello can say beside versions, suites and groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offers<'a> {
    /// Further extensions, by number and content; not said to SSL 3.0, which has none.
    pub extensions: &'a [(u16, &'a [u8])],
    /// Compression methods before the null one.
    pub compressions: &'a [u8],
    /// The server's name is kept back.
    pub is_nameless: bool,
    /// It is another hello of a session that stands: the signal of RFC 5746 section 3.3, which
    /// has no place there (section 3.5), is left out.
    pub is_within_session: bool,
}

/// A hello that has no form on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a ClientHello cannot carry {what}")]
pub struct Unencodable {
    /// The part that was refused.
    pub what: &'static str,
}

/// TLS_EMPTY_RENEGOTIATION_INFO_SCSV, RFC 5746 section 3.3: no suite, but a signal that some
/// servers insist on.
const RENEGOTIATION_SCSV: u16 = 0x00ff;

/// What we would take a signature by: everything, since none is ever checked here.
const SIGNATURES: &[u16] = &[
    0x0403, 0x0503, 0x0603, // ecdsa_secp*_sha256 to 512
    0x0807, 0x0808, // ed25519, ed448
    0x0804, 0x0805, 0x0806, // rsa_pss_rsae_sha256 to 512
    0x0809, 0x080a, 0x080b, // rsa_pss_pss_sha256 to 512
    0x0401, 0x0501, 0x0601, // rsa_pkcs1_sha256 to 512
    0x0402, 0x0203, 0x0201, 0x0202, // dsa_sha256, and SHA-1 with ECDSA, RSA and DSA
];

/// The largest record, RFC 8446 section 5.1: a hello that is longer would need two.
const RECORD_OCTETS: usize = 1 << 14;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const EC_POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const EXTENDED_MASTER_SECRET: u16 = 23;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;

impl ClientHello<'_> {
    /// Appends the hello in one record, or nothing.
    ///
    /// # Errors
    /// [`Unencodable`] for a host name with other characters than host names have, an empty
    /// list of suites, or more than fits into a record.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        let host = self.sni()?;
        if self.suites.is_empty() {
            return Err(Unencodable { what: "no suite at all" });
        }
        let mut message = vec![CLIENT_HELLO];
        vector(&mut message, 3, |body| self.body(host, body));
        if message.len() > RECORD_OCTETS {
            return Err(Unencodable { what: "so many suites and groups" });
        }
        out.push(HANDSHAKE);
        // RFC 8446 section 5.1: the version of the first record says TLS 1.0, for old servers.
        put(out, self.version.code().min(Protocol::Tls10.code()));
        vector(out, 2, |record| record.extend_from_slice(&message));
        Ok(())
    }

    /// The name that SNI says; `None` for an address, and for SSL 3.0.
    fn sni(&self) -> Result<Option<&str>, Unencodable> {
        let host = self.host.trim_end_matches('.');
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let says_none = self.offers.is_nameless || self.version == Protocol::Ssl30;
        if says_none || bare.parse::<IpAddr>().is_ok() {
            return Ok(None);
        }
        let fits = !host.is_empty()
            && host.len() <= 253
            && host.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-_".contains(&octet));
        if fits { Ok(Some(host)) } else { Err(Unencodable { what: "that host name" }) }
    }

    fn body(&self, host: Option<&str>, out: &mut Vec<u8>) {
        put(out, self.version.code().min(Protocol::Tls12.code()));
        out.extend_from_slice(&self.random);
        // RFC 8446 appendix D.4: a session id makes TLS 1.3 look like a resumption to
        // middleboxes.
        let session: &[u8] = if self.version == Protocol::Tls13 { &self.random } else { &[] };
        vector(out, 1, |out| out.extend_from_slice(session));
        vector(out, 2, |out| {
            self.suites.iter().for_each(|suite| put(out, *suite));
            if self.version < Protocol::Tls13 && !self.offers.is_within_session {
                put(out, RENEGOTIATION_SCSV);
            }
        });
        vector(out, 1, |out| {
            out.extend_from_slice(self.offers.compressions);
            out.push(0);
        });
        if self.version > Protocol::Ssl30 {
            vector(out, 2, |out| self.extensions(host, out));
        }
    }

    fn extensions(&self, host: Option<&str>, out: &mut Vec<u8>) {
        if let Some(host) = host {
            extension(out, SERVER_NAME, |out| {
                vector(out, 2, |out| {
                    out.push(0);
                    vector(out, 2, |out| out.extend_from_slice(host.as_bytes()));
                });
            });
        }
        if !self.groups.is_empty() {
            extension(out, SUPPORTED_GROUPS, |out| list(out, self.groups));
        }
        if self.version >= Protocol::Tls12 {
            extension(out, SIGNATURE_ALGORITHMS, |out| list(out, SIGNATURES));
        }
        if self.version < Protocol::Tls13 {
            extension(out, EC_POINT_FORMATS, |out| vector(out, 1, |out| out.push(0)));
            extension(out, EXTENDED_MASTER_SECRET, |_| {});
        } else {
            extension(out, SUPPORTED_VERSIONS, |out| {
                vector(out, 1, |out| put(out, self.version.code()));
            });
            extension(out, KEY_SHARE, |out| vector(out, 2, |_| {}));
        }
        for (kind, data) in self.offers.extensions {
            extension(out, *kind, |out| out.extend_from_slice(data));
        }
    }
}

fn put(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(&number.to_be_bytes());
}

fn list(out: &mut Vec<u8>, numbers: &[u16]) {
    vector(out, 2, |out| numbers.iter().for_each(|number| put(out, *number)));
}

fn extension(out: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    put(out, kind);
    vector(out, 2, fill);
}

/// Appends what `fill` writes behind its length in `width` octets (RFC 8446 section 3.4).
fn vector(out: &mut Vec<u8>, width: usize, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.resize(start + width, 0);
    fill(out);
    let length = out.len() - start - width;
    let octets = length.to_be_bytes();
    out[start..start + width].copy_from_slice(&octets[octets.len() - width..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(hello: &ClientHello<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        hello.encode(&mut out).expect("encodes");
        out
    }

    #[test]
    fn an_ssl_hello_has_no_extensions() {
        let hello = ClientHello {
            version: Protocol::Ssl30,
            suites: &[0x0005],
            groups: &[29],
            host: "mail.example",
            random: [0xab; 32],
            offers: Offers::default(),
        };
        let mut want = vec![22, 3, 0, 0, 47, 1, 0, 0, 43, 3, 0];
        want.extend([0xab; 32]);
        want.extend([0, 0, 4, 0x00, 0x05, 0x00, 0xff, 1, 0]);
        assert_eq!(octets(&hello), want);
    }

    #[test]
    fn a_tls_1_3_hello_asks_for_a_group_without_a_share() {
        let hello = ClientHello {
            version: Protocol::Tls13,
            suites: &[0x1301],
            groups: &[0x11ec],
            host: "mx.test.",
            random: [1; 32],
            offers: Offers::default(),
        };
        let out = octets(&hello);
        assert_eq!(&out[..3], [22, 3, 1]);
        assert_eq!(usize::from(u16::from_be_bytes([out[3], out[4]])), out.len() - 5);
        assert_eq!(out[5], 1);
        assert_eq!(usize::from(u16::from_be_bytes([out[7], out[8]])), out.len() - 9);
        assert_eq!(&out[9..11], [3, 3]);
        // The session id, the only suite without the SCSV, and no compression.
        assert_eq!(out[43], 32);
        assert_eq!(&out[76..82], [0, 2, 0x13, 0x01, 1, 0]);
        let found = extensions(&out[84..]);
        let kinds: Vec<u16> = found.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [0, 10, 13, 43, 51]);
        assert_eq!(found[0].1, b"\0\x0a\0\0\x07mx.test");
        assert_eq!(found[1].1, [0, 2, 0x11, 0xec]);
        assert_eq!(found[3].1, [2, 3, 4]);
        assert_eq!(found[4].1, [0, 0]);
    }

    #[test]
    fn a_tls_1_2_hello_has_what_old_servers_look_for() {
        let hello = ClientHello {
            version: Protocol::Tls12,
            suites: &[0xc02f],
            groups: &[29, 23],
            host: "192.0.2.1",
            random: [1; 32],
            offers: Offers::default(),
        };
        let out = octets(&hello);
        assert_eq!(&out[..3], [22, 3, 1]);
        assert_eq!(&out[9..11], [3, 3]);
        assert_eq!(&out[43..52], [0, 0, 4, 0xc0, 0x2f, 0, 0xff, 1, 0]);
        let kinds: Vec<u16> = extensions(&out[54..]).iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [10, 13, 11, 23]);
        let older = octets(&ClientHello { version: Protocol::Tls10, ..hello });
        let kinds: Vec<u16> = extensions(&older[54..]).iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [10, 11, 23]);
    }

    fn extensions(mut octets: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let mut found = Vec::new();
        while let [a, b, c, d, rest @ ..] = octets {
            let length = usize::from(u16::from_be_bytes([*c, *d]));
            found.push((u16::from_be_bytes([*a, *b]), rest[..length].to_vec()));
            octets = &rest[length..];
        }
        assert!(octets.is_empty());
        found
    }

    #[test]
    fn more_is_said_where_it_is_asked_for() {
        let plain = ClientHello {
            version: Protocol::Tls12,
            suites: &[0xc02f],
            groups: &[29],
            host: "mx.test",
            random: [1; 32],
            offers: Offers::default(),
        };
        let offers = Offers {
            extensions: &[(15, &[1])],
            compressions: &[1],
            is_nameless: true,
            is_within_session: false,
        };
        let out = octets(&ClientHello { offers, ..plain });
        assert_eq!(&out[43..53], [0, 0, 4, 0xc0, 0x2f, 0, 0xff, 2, 1, 0]);
        let found = extensions(&out[55..]);
        let kinds: Vec<u16> = found.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [10, 13, 11, 23, 15]);
        assert_eq!(found[4].1, [1]);
    }

    #[test]
    fn what_has_no_form_is_refused_and_nothing_is_written() {
        let hello = |host| ClientHello {
            version: Protocol::Tls12,
            suites: &[1],
            groups: &[],
            host,
            random: [0; 32],
            offers: Offers::default(),
        };
        let mut out = b"kept".to_vec();
        for host in ["", "a\r\nb", "a b", "m\0", "\u{fc}.example"] {
            assert!(hello(host).encode(&mut out).is_err(), "{host:?}");
        }
        assert!(ClientHello { suites: &[], ..hello("h") }.encode(&mut out).is_err());
        let many = vec![1u16; 9000];
        assert!(ClientHello { suites: &many, ..hello("h") }.encode(&mut out).is_err());
        assert_eq!(out, b"kept");
    }
}
