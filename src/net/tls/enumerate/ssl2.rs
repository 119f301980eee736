//! SSL 2.0's hello, which has a form of its own: whether a server speaks it at all, by which
//! secrets of newer versions can be decrypted where they share a key (DROWN, CVE-2016-0800;
//! RFC 6176 forbids it).

use super::{Answer, Support};
use crate::base::decode::{Decoded, Malformed, Result};
use crate::net::Error;
use crate::net::wire::Wire;

/// Cipher kinds and their names, from the draft of 1995.
const KINDS: [(u32, &str); 7] = [
    (0x010080, "SSL_CK_RC4_128_WITH_MD5"),
    (0x020080, "SSL_CK_RC4_128_EXPORT40_WITH_MD5"),
    (0x030080, "SSL_CK_RC2_128_CBC_WITH_MD5"),
    (0x040080, "SSL_CK_RC2_128_CBC_EXPORT40_WITH_MD5"),
    (0x050080, "SSL_CK_IDEA_128_CBC_WITH_MD5"),
    (0x060040, "SSL_CK_DES_64_CBC_WITH_MD5"),
    (0x0700c0, "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"),
];

const SERVER_HELLO: u8 = 4;

/// Asks for SSL 2.0 on a connection where TLS may begin: the names of the cipher kinds that
/// the server has, or why it does not speak it. The connection is of no further use.
///
/// # Errors
/// Those of the connection, but a server that hangs up has said no: one that speaks SSL 2.0
/// answers its hello.
pub async fn ask(
    wire: &mut Wire,
    challenge: [u8; 16],
) -> std::result::Result<std::result::Result<Vec<String>, String>, Error> {
    wire.queue_body(&hello(challenge));
    wire.flush().await?;
    loop {
        match decode(wire.buffered()) {
            Ok(Decoded::Done { value, .. }) => return Ok(value),
            Ok(Decoded::More) => match wire.fill().await {
                Ok(_) => {}
                Err(error) if error.is_closed() => return Ok(Err("the server hung up".into())),
                Err(error) => return Err(error),
            },
            Err(_) => return Ok(Err("the answer is no SSL 2.0".into())),
        }
    }
}

fn hello(challenge: [u8; 16]) -> Vec<u8> {
    let mut body = vec![1, 0, 2, 0, KINDS.len() as u8 * 3, 0, 0, 0, 16];
    for (kind, _) in KINDS {
        body.extend_from_slice(&kind.to_be_bytes()[1..]);
    }
    body.extend_from_slice(&challenge);
    [&[0x80, body.len() as u8], body.as_slice()].concat()
}

/// The answer: cipher kinds of a SERVER-HELLO, or an alert of a newer version in words.
fn decode(octets: &[u8]) -> Result<std::result::Result<Vec<String>, String>> {
    let Some(first) = octets.first() else { return Ok(Decoded::More) };
    if first & 0x80 == 0 {
        // An alert; any other record of TLS is no answer to this.
        return Ok(match Answer::decode(octets)? {
            Decoded::More => Decoded::More,
            Decoded::Done { value, used } => {
                let why = match &value {
                    Answer::Alert(alert) => alert.to_string(),
                    Answer::ServerHello(_) => match Support::of(super::Protocol::Ssl30, &value) {
                        Support::Yes(_) => "the server answered with SSL 3.0".into(),
                        Support::No(why) | Support::Unknown(why) => why,
                    },
                };
                Decoded::Done { value: Err(why), used }
            }
        });
    }
    let Some(head) = octets.get(..2) else { return Ok(Decoded::More) };
    let length = usize::from(u16::from_be_bytes([head[0] & 0x7f, head[1]]));
    let Some(body) = octets.get(2..2 + length) else { return Ok(Decoded::More) };
    let malformed = |offset: usize, expected| Err(Malformed { offset: 2 + offset, expected });
    let Some((head, rest)) = body.split_first_chunk::<11>() else {
        return malformed(0, "a SERVER-HELLO of SSL 2.0");
    };
    let [kind, _, _, major, minor, a, b, c, d, _, _] = *head;
    if (kind, major, minor) != (SERVER_HELLO, 0, 2) {
        return malformed(0, "a SERVER-HELLO of SSL 2.0");
    }
    let from = usize::from(u16::from_be_bytes([a, b]));
    let count = usize::from(u16::from_be_bytes([c, d]));
    let Some(kinds) = rest.get(from..from + count) else {
        return malformed(11, "a certificate and cipher kinds");
    };
    let names = kinds
        .chunks_exact(3)
        .map(|kind| {
            let code = u32::from_be_bytes([0, kind[0], kind[1], kind[2]]);
            KINDS
                .iter()
                .find(|(known, _)| *known == code)
                .map_or_else(|| format!("{code:#08x}"), |(_, name)| (*name).to_owned())
        })
        .collect();
    Ok(Decoded::Done { value: Ok(names), used: 2 + length })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_ssl_2_is_known_and_asks_for_more_before_its_end() {
        let body = [
            &[4, 0, 1, 0, 2, 0, 2, 0, 6, 0, 1][..],
            &[0xca, 0xfe],
            &[1, 0, 0x80, 2, 0, 0x80],
            &[9],
        ]
        .concat();
        let octets = [&[0x80, body.len() as u8], body.as_slice()].concat();
        let Ok(Decoded::Done { value: Ok(kinds), used }) = decode(&octets) else {
            panic!("a hello")
        };
        assert_eq!(used, octets.len());
        assert_eq!(kinds, ["SSL_CK_RC4_128_WITH_MD5", "SSL_CK_RC4_128_EXPORT40_WITH_MD5"]);
        for end in 0..octets.len() {
            assert_eq!(decode(&octets[..end]), Ok(Decoded::More), "{end}");
        }
        let hello = hello([7; 16]);
        assert_eq!(usize::from(hello[1]), hello.len() - 2);
    }

    #[test]
    fn newer_servers_say_no() {
        let alert = decode(&[21, 3, 1, 0, 2, 2, 70]);
        assert_eq!(
            alert,
            Ok(Decoded::Done { value: Err("alert protocol_version".into()), used: 7 })
        );
        assert!(decode(b"220 mx.example ESMTP\r\n").is_err());
        assert!(decode(&[0x80, 2, 0, 1]).is_err());
        assert!(decode(&[0x80, 11, 4, 0, 1, 0, 2, 0, 9, 0, 0, 0, 0]).is_err());
    }
}
