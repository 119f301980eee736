//! The header by which a proxy tells a server whom it speaks for: HAProxy's PROXY protocol,
//! versions 1 and 2 (proxy-protocol.txt sections 2.1 and 2.2). Only the sender's side, for TCP,
//! without TLVs.

use std::net::{IpAddr, SocketAddr};

/// The version of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Version {
    /// One line of text
    V1,
    /// Binary
    V2,
}

/// What begins every header of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The header for a client at `source` that reached `destination`. Addresses of different
/// families are both written as IPv6, the IPv4 one mapped.
pub fn encode(version: Version, source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let (from, to) = match (source.ip().to_canonical(), destination.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V6(to)) => (IpAddr::V6(from.to_ipv6_mapped()), IpAddr::V6(to)),
        (IpAddr::V6(from), IpAddr::V4(to)) => (IpAddr::V6(from), IpAddr::V6(to.to_ipv6_mapped())),
        same => same,
    };
    let is_v4 = from.is_ipv4();
    match version {
        Version::V1 => {
            let family = if is_v4 { "TCP4" } else { "TCP6" };
            let (source, destination) = (source.port(), destination.port());
            format!("PROXY {family} {from} {to} {source} {destination}\r\n").into_bytes()
        }
        Version::V2 => {
            let mut addresses = Vec::with_capacity(36);
            for address in [from, to] {
                match address {
                    IpAddr::V4(address) => addresses.extend(address.octets()),
                    IpAddr::V6(address) => addresses.extend(address.octets()),
                }
            }
            addresses.extend(source.port().to_be_bytes());
            addresses.extend(destination.port().to_be_bytes());
            let mut out = SIGNATURE.to_vec();
            // Version 2, command PROXY; then the family, over a stream.
            out.extend([0x21, if is_v4 { 0x11 } else { 0x21 }]);
            let length = u16::try_from(addresses.len()).expect("12 or 36 octets");
            out.extend(length.to_be_bytes());
            out.extend(addresses);
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn lines_of_version_1() {
        let (near, far) = (address("192.168.0.1:56324"), address("192.168.0.11:443"));
        // The example of section 2.1.
        assert_eq!(
            encode(Version::V1, near, far),
            b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"
        );
        let line = encode(Version::V1, address("[2001:db8::1]:1"), far);
        assert_eq!(line, b"PROXY TCP6 2001:db8::1 ::ffff:192.168.0.11 1 443\r\n");
        assert!(line.len() <= 107, "the most that a server reads");
    }

    #[test]
    fn octets_of_version_2() {
        let octets = encode(Version::V2, address("192.0.2.1:258"), address("198.51.100.2:25"));
        let mut wanted = SIGNATURE.to_vec();
        wanted.extend([0x21, 0x11, 0, 12, 192, 0, 2, 1, 198, 51, 100, 2, 1, 2, 0, 25]);
        assert_eq!(octets, wanted);
        let octets = encode(Version::V2, address("[2001:db8::1]:258"), address("[::1]:25"));
        assert_eq!((octets[13], octets[15], octets.len()), (0x21, 36, 52));
    }
}
