//! What a server speaks of TLS, found out by ClientHellos made of raw octets, so that
//! versions, suites and groups are seen which no library of today will speak.
//!
//! One hello offers one version with lists of suites and groups; the server answers with a
//! ServerHello or a HelloRetryRequest (it takes the offer) or with an alert (it does not).
//! TLS 1.3 is asked with an empty `key_share` (RFC 8446 section 4.2.8), which makes the server
//! name the group it wants, and spares us all cryptography.
//!
//! RFC 8446, RFC 5246, RFC 4346, RFC 2246, RFC 6101; RFC 6066 (server_name), RFC 8422 (groups).
//! No handshake is ever finished here, and nothing is verified: [`super::Connector`] does that.
//! SSL 2.0, whose hello has another form, has a question of its own ([`ask_ssl2`]). What a
//! server of TLS 1.2 and older says up to its ServerHelloDone is not encrypted, and is read as
//! a [`Flight`]: its certificates, its stapled response, the size of its Diffie-Hellman group.

use std::fmt;

use super::super::wire::Wire;
use super::{Error, Fault};
use crate::base::decode::Decoded;

mod again;
mod answer;
mod flight;
mod hello;
mod holes;
mod names;
mod robot;
mod ssl2;

pub use again::renegotiation;
pub use answer::{Alert, Answer, ServerHello};
pub use flight::{Flight, Said};
pub use hello::{ClientHello, Offers, Unencodable};
pub use holes::{Hole, early_change, heartbleed};
pub use names::{
    GROUPS, SUITES, Weakness, alert_name, group_name, is_post_quantum, suite_name, weakness,
};
pub use robot::{Padding, encrypted, key_of, oracle_answer};
pub use ssl2::ask as ask_ssl2;

/// A version of the protocol, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// SSL 3.0, RFC 6101; deprecated by RFC 7568.
    Ssl30,
    /// TLS 1.0, RFC 2246; deprecated by RFC 8996.
    Tls10,
    /// TLS 1.1, RFC 4346; deprecated by RFC 8996.
    Tls11,
    /// TLS 1.2, RFC 5246.
    Tls12,
    /// TLS 1.3, RFC 8446.
    Tls13,
}

impl Protocol {
    /// All of them, oldest first.
    pub const ALL: [Self; 5] = [Self::Ssl30, Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    /// The number on the wire.
    pub fn code(self) -> u16 {
        match self {
            Self::Ssl30 => 0x0300,
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }

    /// The version of a number; `None` for one that is no version of ours.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.code() == code)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ssl30 => "SSL 3.0",
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// What an answer says about the offer that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Support {
    /// The server takes the version, with this suite and group of those offered.
    Yes(ServerHello),
    /// The server says no; in words.
    No(String),
    /// It said something that is neither; in words.
    Unknown(String),
}

impl Support {
    /// Reads `answer` as the answer to an offer of `version`.
    ///
    /// Only the alerts that are about what was offered count as a no (handshake_failure,
    /// protocol_version, insufficient_security: RFC 8446 section 6.2); any other may have
    /// another cause, and is unknown.
    pub fn of(version: Protocol, answer: &Answer) -> Self {
        match answer {
            Answer::ServerHello(hello) if hello.version == version.code() => {
                Self::Yes(hello.clone())
            }
            Answer::ServerHello(hello) => match Protocol::from_code(hello.version) {
                Some(other) => Self::No(format!("the server answered with {other}")),
                None => Self::Unknown(format!(
                    "the server answered with the version {:#06x}",
                    hello.version
                )),
            },
            Answer::Alert(alert) if alert.is_refusal() => Self::No(alert.to_string()),
            Answer::Alert(alert) => Self::Unknown(alert.to_string()),
        }
    }
}

/// Says one hello on a connection where TLS may begin, and waits for the answer. The
/// connection is of no further use. The transcript counts the octets. Not cancel-safe.
///
/// # Errors
/// As [`Wire::fill`]: a server that closes or is silent has said neither yes nor no.
/// [`Fault::NotTls`] for an answer that is no TLS, [`Fault::Setting`] for a host name that
/// no hello can carry.
pub async fn ask(
    wire: &mut Wire,
    hello: &ClientHello<'_>,
) -> Result<Answer, super::super::error::Error> {
    let fault = |fault: Fault| {
        super::super::error::Error::from(Error { host: hello.host.to_owned(), fault })
    };
    let mut octets = Vec::new();
    hello.encode(&mut octets).map_err(|error| fault(Fault::Setting(error.to_string())))?;
    wire.queue_body(&octets);
    wire.flush().await?;
    loop {
        match Answer::decode(wire.buffered()) {
            Ok(Decoded::Done { value, used }) => {
                wire.consume_body(used);
                return Ok(value);
            }
            Ok(Decoded::More) => {
                wire.fill().await?;
            }
            Err(_) => return Err(fault(Fault::NotTls)),
        }
    }
}

/// As [`ask`], but waits for all that the server says up to where it is the client's turn. The
/// connection may be spoken on. Not cancel-safe.
///
/// # Errors
/// As [`ask`].
pub async fn ask_flight(
    wire: &mut Wire,
    hello: &ClientHello<'_>,
) -> Result<Said, super::super::error::Error> {
    let fault = |fault: Fault| {
        super::super::error::Error::from(Error { host: hello.host.to_owned(), fault })
    };
    let mut octets = Vec::new();
    hello.encode(&mut octets).map_err(|error| fault(Fault::Setting(error.to_string())))?;
    wire.queue_body(&octets);
    wire.flush().await?;
    loop {
        match Said::decode(wire.buffered()) {
            Ok(Decoded::Done { value, used }) => {
                wire.consume_body(used);
                return Ok(value);
            }
            Ok(Decoded::More) => {
                wire.fill().await?;
            }
            Err(_) => return Err(fault(Fault::NotTls)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::{Acceptor, Version};

    fn acceptor(min: Version) -> Acceptor {
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
            .expect("parameters")
            .self_signed(&key)
            .expect("a certificate");
        Acceptor::new(vec![certificate.der().to_vec()], key.serialize_der(), min, &[])
            .expect("an acceptor")
    }

    fn hello(version: Protocol, groups: &[u16]) -> ClientHello<'_> {
        ClientHello {
            version,
            suites: &ALL_SUITES,
            groups,
            host: "localhost",
            random: [7; 32],
            offers: Offers::default(),
        }
    }

    static ALL_SUITES: std::sync::LazyLock<Vec<u16>> =
        std::sync::LazyLock::new(|| SUITES.iter().map(|(code, _)| *code).collect());

    async fn answer(acceptor: &Acceptor, hello: &ClientHello<'_>) -> Support {
        let (mut client, mut server) = Wire::duplex(64 * 1024);
        let serve = async {
            // It ends in an error by design: nobody finishes the handshake.
            let _ = server.accept_tls(acceptor).await;
            drop(server);
        };
        let talk = async {
            let answer = ask(&mut client, hello).await.expect("an answer");
            drop(client);
            Support::of(hello.version, &answer)
        };
        let (support, ()) = tokio::join!(talk, serve);
        support
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_real_server_takes_what_it_speaks_and_refuses_the_rest() {
        let every: Vec<u16> = GROUPS.iter().map(|(code, _)| *code).collect();
        let acceptor = acceptor(Version::Tls12);
        for version in [Protocol::Ssl30, Protocol::Tls10, Protocol::Tls11] {
            let support = answer(&acceptor, &hello(version, &every)).await;
            assert!(matches!(support, Support::No(_)), "{version}: {support:?}");
        }
        match answer(&acceptor, &hello(Protocol::Tls12, &every)).await {
            Support::Yes(hello) => {
                assert!(suite_name(hello.suite).is_some_and(|name| name.contains("ECDHE")));
                assert_eq!((hello.group, hello.is_retry), (None, false));
            }
            other => panic!("{other:?}"),
        }
        match answer(&acceptor, &hello(Protocol::Tls13, &every)).await {
            Support::Yes(hello) => {
                assert!(hello.is_retry);
                assert_eq!(hello.group.and_then(group_name), Some("X25519MLKEM768"));
            }
            other => panic!("{other:?}"),
        }
        // secp521r1 is no group of that server.
        let support = answer(&acceptor, &hello(Protocol::Tls13, &[25])).await;
        assert!(matches!(support, Support::No(_)), "{support:?}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_server_of_one_version_refuses_the_other() {
        let acceptor = acceptor(Version::Tls13);
        let support = answer(&acceptor, &hello(Protocol::Tls12, &[29])).await;
        assert!(matches!(support, Support::No(_)), "{support:?}");
        let support = answer(&acceptor, &hello(Protocol::Tls13, &[29])).await;
        assert!(matches!(support, Support::Yes(ref hello) if hello.group == Some(29)));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn silence_and_other_protocols_are_no_answer() {
        let (mut client, mut server) = Wire::duplex(64 * 1024);
        server.queue(b"220 mx.example ESMTP\r\n");
        server.flush().await.expect("writes");
        let error = ask(&mut client, &hello(Protocol::Tls12, &[29])).await.expect_err("no TLS");
        assert!(error.is_tls(), "{error}");

        let (mut client, server) = Wire::duplex(64 * 1024);
        drop(server);
        let error = ask(&mut client, &hello(Protocol::Tls12, &[29])).await.expect_err("closed");
        assert!(error.is_closed(), "{error}");
    }

    #[test]
    fn an_answer_is_read_against_the_offer() {
        let hello = ServerHello {
            version: 0x0303,
            suite: 0x002f,
            group: None,
            is_retry: false,
            is_master_secret_extended: false,
            compression: 0,
            extensions: Vec::new(),
        };
        let answer = Answer::ServerHello(hello.clone());
        assert_eq!(Support::of(Protocol::Tls12, &answer), Support::Yes(hello));
        assert!(matches!(Support::of(Protocol::Tls13, &answer), Support::No(_)));
        let odd = ServerHello {
            version: 0x7f1c,
            suite: 0x1301,
            group: None,
            is_retry: false,
            is_master_secret_extended: false,
            compression: 0,
            extensions: Vec::new(),
        };
        let odd = Answer::ServerHello(odd);
        assert!(matches!(Support::of(Protocol::Tls13, &odd), Support::Unknown(_)));
        let alert = |description| Answer::Alert(Alert { level: 2, description });
        assert!(matches!(Support::of(Protocol::Ssl30, &alert(70)), Support::No(_)));
        assert!(matches!(Support::of(Protocol::Ssl30, &alert(40)), Support::No(_)));
        assert!(matches!(Support::of(Protocol::Ssl30, &alert(80)), Support::Unknown(_)));
    }
}
