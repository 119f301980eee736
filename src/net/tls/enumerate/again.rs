//! Whether a client can ask for handshake after handshake within one session of TLS 1.2
//! (RFC 5246 section 7.4.1.2, RFC 5746 section 3.5): each costs the server far more than the
//! client.
//!
//! To ask, one handshake has to be finished: by ephemeral Diffie-Hellman on an elliptic curve
//! and AES-GCM (RFC 5288, RFC 5289, RFC 8422), which every server of TLS 1.2 should have. Nothing
//! is verified. The kind of the server's next record is the answer; of what it says under its
//! keys only alerts are read, since one that takes leave has not refused.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{
    Algorithm, ECDH_P256, ECDH_P384, EphemeralPrivateKey, UnparsedPublicKey, X25519,
    agree_ephemeral,
};
use aws_lc_rs::digest;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;

use super::holes::{ALERT, CHANGE_CIPHER_SPEC, HANDSHAKE, Hole, Next, RECORDS, next, say, words};
use super::{ClientHello, Flight, Offers, Protocol, Said};
use crate::base::decode::Decoded;
use crate::net::Error;
use crate::net::wire::Wire;

/// Suites of AES-GCM, with ECDSA and RSA.
const SUITES: [u16; 4] = [0xc02b, 0xc02f, 0xc02c, 0xc030];

/// x25519, secp256r1, secp384r1.
const GROUPS: [u16; 3] = [29, 23, 24];

const RENEGOTIATION_INFO: u16 = 0xff01;

/// Application data.
const DATA: u8 = 23;

/// The alert that only ends a session.
const CLOSE_NOTIFY: u8 = 0;

/// The octets of the hash that a suite's secrets are made by.
fn is_384(suite: u16) -> bool {
    matches!(suite, 0xc02c | 0xc030)
}

/// Finishes a handshake on a connection where TLS may begin, and asks for another. Behind the wish
/// stand a word that every mail server answers and the end of the session, so that no server is
/// waited for: what it says first is its answer.
pub async fn renegotiation(wire: &mut Wire, host: &str, random: [u8; 32]) -> Hole {
    let keys = match finished(wire, host, random).await {
        Ok(Ok(keys)) => keys,
        Ok(Err(why)) => return Hole::Unknown(why),
        Err(error) => return Hole::Unknown(error.to_string()),
    };
    let info = [&[12][..], &keys.verify_data].concat();
    let offers = Offers {
        extensions: &[(RENEGOTIATION_INFO, &info)],
        is_within_session: true,
        ..Offers::default()
    };
    let hello = ClientHello {
        version: Protocol::Tls12,
        suites: &SUITES,
        groups: &GROUPS,
        host,
        random,
        offers,
    };
    let Some(octets) = message(&hello).and_then(|hello| keys.wish(&hello)) else {
        return Hole::Unknown("the hello cannot be written".into());
    };
    // A server that refuses may be gone before it has heard all; its words are read all the same.
    if let Err(error) = say(wire, &octets).await
        && !error.is_closed()
    {
        return Hole::Unknown(error.to_string());
    }
    answer(wire, &keys).await.unwrap_or_else(|error| Hole::Unknown(error.to_string()))
}

/// The first record that is an answer. What the server says of mail is none, but shows that it
/// was there to hear the wish.
async fn answer(wire: &mut Wire, keys: &Keys) -> Result<Hole, Error> {
    let mut is_there = false;
    // Its Finished was the first under its keys.
    for number in 1..RECORDS as u64 {
        match next(wire).await? {
            Next::Record { kind: HANDSHAKE, .. } => {
                return Ok(Hole::Open("the server begins another handshake".into()));
            }
            Next::Record { kind: DATA, .. } => is_there = true,
            Next::Record { kind: ALERT, body } => {
                match keys.opened(number, ALERT, &body).as_deref() {
                    Some([_, CLOSE_NOTIFY]) => break,
                    Some(alert) => return Ok(Hole::Closed(words(alert))),
                    None => return Ok(Hole::Unknown("an alert that cannot be read".into())),
                }
            }
            Next::Record { .. } | Next::Closed => break,
        }
    }
    Ok(match is_there {
        true => Hole::Closed("the wish is passed over".into()),
        false => Hole::Unknown("the server takes leave before it has answered".into()),
    })
}

/// What a session is protected by.
struct Keys {
    key: LessSafeKey,
    iv: [u8; 4],
    their_key: LessSafeKey,
    their_iv: [u8; 4],
    verify_data: Vec<u8>,
}

impl Keys {
    /// The hello, the word and the end.
    fn wish(&self, hello: &[u8]) -> Option<Vec<u8>> {
        let mut octets = self.sealed(1, HANDSHAKE, hello)?;
        octets.extend(self.sealed(2, DATA, b"NOOP\r\n")?);
        octets.extend(self.sealed(3, ALERT, &[1, CLOSE_NOTIFY])?);
        Some(octets)
    }

    /// One record (RFC 5246 section 6.2.3.3, RFC 5288 section 3).
    fn sealed(&self, number: u64, kind: u8, message: &[u8]) -> Option<Vec<u8>> {
        let explicit = number.to_be_bytes();
        let bound = bound(number, kind, message.len())?;
        let mut sealed = message.to_vec();
        let nonce = nonce(self.iv, explicit);
        self.key.seal_in_place_append_tag(nonce, Aad::from(bound), &mut sealed).ok()?;
        Some(record(kind, &[&explicit[..], &sealed].concat()))
    }

    /// What is in a record of the server's; `None` where it is not protected by its keys.
    fn opened(&self, number: u64, kind: u8, body: &[u8]) -> Option<Vec<u8>> {
        let (explicit, sealed) = body.split_first_chunk::<8>()?;
        let bound = bound(number, kind, sealed.len().checked_sub(TAG_OCTETS)?)?;
        let mut octets = sealed.to_vec();
        let nonce = nonce(self.their_iv, *explicit);
        let length = self.their_key.open_in_place(nonce, Aad::from(bound), &mut octets).ok()?.len();
        octets.truncate(length);
        Some(octets)
    }
}

/// Octets of GCM's tag.
const TAG_OCTETS: usize = 16;

fn nonce(implicit: [u8; 4], explicit: [u8; 8]) -> Nonce {
    let mut octets = [0; 12];
    octets[..4].copy_from_slice(&implicit);
    octets[4..].copy_from_slice(&explicit);
    Nonce::assume_unique_for_key(octets)
}

/// What the tag is for beside the content.
fn bound(number: u64, kind: u8, octets: usize) -> Option<Vec<u8>> {
    let length = u16::try_from(octets).ok()?.to_be_bytes();
    Some([&number.to_be_bytes()[..], &[kind, 3, 3], &length].concat())
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    // Longer ones than a record can be are not written here.
    [&[kind, 3, 3][..], &(body.len() as u16).to_be_bytes(), body].concat()
}

/// A hello without its record.
fn message(hello: &ClientHello<'_>) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    hello.encode(&mut octets).ok()?;
    Some(octets.split_off(5))
}

/// A handshake up to the server's Finished. The inner error says in words why it does not come
/// so far.
async fn finished(
    wire: &mut Wire,
    host: &str,
    random: [u8; 32],
) -> Result<Result<Keys, String>, Error> {
    let offers = Offers::default();
    let hello = ClientHello {
        version: Protocol::Tls12,
        suites: &SUITES,
        groups: &GROUPS,
        host,
        random,
        offers,
    };
    let Some(said) = message(&hello) else {
        return Ok(Err("the hello cannot be written".into()));
    };
    say(wire, &record(HANDSHAKE, &said)).await?;
    let (flight, heard) = loop {
        match Said::decode(wire.buffered()) {
            Ok(Decoded::Done { value: Said::Flight(flight), used }) => {
                let heard = messages(&wire.buffered()[..used]);
                wire.consume_body(used);
                break (flight, heard);
            }
            Ok(Decoded::Done { value: Said::Alert(alert), .. }) => {
                return Ok(Err(format!("no handshake by ECDHE and AES-GCM: {alert}")));
            }
            Ok(Decoded::More) => {
                wire.fill().await?;
            }
            Err(malformed) => return Ok(Err(malformed.to_string())),
        }
    };
    let begun = Begun { random, said, heard, flight: &flight };
    let Some((octets, keys)) = begun.finish() else {
        return Ok(Err("the server chose what was not offered".into()));
    };
    say(wire, &octets).await?;
    // NewSessionTicket may come before it (RFC 5077 section 3.3).
    let mut is_changed = false;
    for _ in 0..RECORDS {
        match next(wire).await? {
            Next::Record { kind: CHANGE_CIPHER_SPEC, .. } => is_changed = true,
            Next::Record { kind: HANDSHAKE, .. } if is_changed => return Ok(Ok(keys)),
            Next::Record { kind: HANDSHAKE, .. } => {}
            Next::Record { kind: ALERT, body } => {
                return Ok(Err(format!("the handshake fails: {}", words(&body))));
            }
            Next::Record { .. } => break,
            Next::Closed => return Ok(Err("the server hangs up in the handshake".into())),
        }
    }
    Ok(Err("the handshake has no end".into()))
}

/// The handshake messages of records in the clear.
fn messages(mut octets: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(head) = octets.get(..5) {
        let end = 5 + usize::from(u16::from_be_bytes([head[3], head[4]]));
        let Some(body) = octets.get(5..end) else { break };
        if head[0] == HANDSHAKE {
            all.extend_from_slice(body);
        }
        octets = &octets[end..];
    }
    all
}

/// A handshake in which it is the client's turn.
struct Begun<'a> {
    random: [u8; 32],
    said: Vec<u8>,
    heard: Vec<u8>,
    flight: &'a Flight,
}

impl Begun<'_> {
    /// What the client says to its end, and the keys behind it; `None` where the server chose
    /// something that was not offered.
    fn finish(self) -> Option<(Vec<u8>, Keys)> {
        let suite = self.flight.hello.suite;
        if !SUITES.contains(&suite) || self.flight.hello.version != Protocol::Tls12.code() {
            return None;
        }
        let (share, secret) = agreed(&self.flight.key_exchange)?;
        let mut own = Vec::new();
        if self.flight.wants_certificate {
            own.extend([11, 0, 0, 3, 0, 0, 0]);
        }
        let length = u8::try_from(share.len()).ok()?;
        own.extend([16, 0, 0, length.checked_add(1)?, length]);
        own.extend(&share);
        let transcript = [&self.said[..], &self.heard, &own].concat();

        let is_384 = is_384(suite);
        let hashed =
            digest::digest(if is_384 { &digest::SHA384 } else { &digest::SHA256 }, &transcript);
        // The random stands behind the message's head and version.
        let theirs = self.heard.get(6..38)?;
        let master = match self.flight.hello.is_master_secret_extended {
            true => prf(is_384, &secret, b"extended master secret", hashed.as_ref(), 48),
            false => {
                let seed = [&self.random[..], theirs].concat();
                prf(is_384, &secret, b"master secret", &seed, 48)
            }
        };
        let seed = [theirs, &self.random].concat();
        let octets = if is_384 { 32 } else { 16 };
        let block = prf(is_384, &master, b"key expansion", &seed, 2 * octets + 8);
        let algorithm = if is_384 { &AES_256_GCM } else { &AES_128_GCM };
        let verify_data = prf(is_384, &master, b"client finished", hashed.as_ref(), 12);
        let key = |at: usize| {
            let octets = block.get(at..at + octets)?;
            Some(LessSafeKey::new(UnboundKey::new(algorithm, octets).ok()?))
        };
        let iv = |at: usize| block.get(at..at + 4)?.try_into().ok();
        let keys = Keys {
            key: key(0)?,
            iv: iv(2 * octets)?,
            their_key: key(octets)?,
            their_iv: iv(2 * octets + 4)?,
            verify_data,
        };
        let last = [&[20, 0, 0, 12][..], &keys.verify_data].concat();
        let mut octets = record(HANDSHAKE, &own);
        octets.extend(record(CHANGE_CIPHER_SPEC, &[1]));
        octets.extend(keys.sealed(0, HANDSHAKE, &last)?);
        Some((octets, keys))
    }
}

/// Our share, and the secret that both sides have; of ServerKeyExchange only the curve and the
/// server's share are looked at (RFC 8422 section 5.4).
fn agreed(key_exchange: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let [3, high, low, length, rest @ ..] = key_exchange else { return None };
    let theirs = rest.get(..usize::from(*length))?;
    let algorithm: &'static Algorithm = match u16::from_be_bytes([*high, *low]) {
        29 => &X25519,
        23 => &ECDH_P256,
        24 => &ECDH_P384,
        _ => return None,
    };
    let own = EphemeralPrivateKey::generate(algorithm, &SystemRandom::new()).ok()?;
    let share = own.compute_public_key().ok()?.as_ref().to_vec();
    let theirs = UnparsedPublicKey::new(algorithm, theirs);
    let secret = agree_ephemeral(own, theirs, (), |secret| Ok(secret.to_vec())).ok()?;
    Some((share, secret))
}

/// RFC 5246 section 5.
fn prf(is_384: bool, secret: &[u8], label: &[u8], seed: &[u8], octets: usize) -> Vec<u8> {
    let algorithm = if is_384 { hmac::HMAC_SHA384 } else { hmac::HMAC_SHA256 };
    let key = hmac::Key::new(algorithm, secret);
    let seed = [label, seed].concat();
    let mut chained = hmac::sign(&key, &seed);
    let mut out = Vec::new();
    while out.len() < octets {
        out.extend_from_slice(hmac::sign(&key, &[chained.as_ref(), &seed].concat()).as_ref());
        chained = hmac::sign(&key, chained.as_ref());
    }
    out.truncate(octets);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::{Acceptor, Version};

    /// The test vectors of the TLS working group's list for P_SHA256 and P_SHA384
    /// (<https://mailarchive.ietf.org/arch/msg/tls/fzVCzk-z3FShgGJ6DOXqM1ydxms/>).
    #[test]
    fn secrets_are_made_as_others_make_them() {
        let hex = |text: &str| -> Vec<u8> {
            text.as_bytes()
                .chunks(2)
                .map(|pair| {
                    let pair = std::str::from_utf8(pair).expect("ASCII");
                    u8::from_str_radix(pair, 16).expect("hexadecimal")
                })
                .collect()
        };
        let secret = hex("9bbe436ba940f017b17652849a71db35");
        let seed = hex("a0ba9f936cda311827a6f796ffd5198c");
        let made = prf(false, &secret, b"test label", &seed, 100);
        assert_eq!(&made[..16], hex("e3f229ba727be17b8d122620557cd453"));
        assert_eq!(made.len(), 100);
        assert_eq!(&made[96..], hex("87347b66"));
        let secret = hex("b80b733d6ceefcdc71566ea48e5567df");
        let seed = hex("cd665cf6a8447dd6ff8b27555edb7465");
        let made = prf(true, &secret, b"test label", &seed, 148);
        assert_eq!(&made[..16], hex("7b0c18e9ced410ed1804f2cfa34a336a"));
    }

    async fn of(certificate_of: &rcgen::KeyPair) -> Hole {
        let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
            .expect("parameters")
            .self_signed(certificate_of)
            .expect("a certificate");
        let acceptor = Acceptor::new(
            vec![certificate.der().to_vec()],
            certificate_of.serialize_der(),
            Version::Tls12,
            &[],
        )
        .expect("an acceptor");
        let (mut client, mut server) = Wire::duplex(64 * 1024);
        let serve = async {
            let accepted = server.accept_tls(&acceptor).await;
            assert!(accepted.is_ok(), "{accepted:?}");
            // The wish is refused; the word behind it is heard and answered.
            server.fill().await.expect("a word");
            assert_eq!(server.buffered(), b"NOOP\r\n");
            server.queue(b"250 ok\r\n");
            let _ = server.flush().await;
            drop(server);
        };
        let ask = async {
            let hole = renegotiation(&mut client, "localhost", [7; 32]).await;
            drop(client);
            hole
        };
        tokio::join!(ask, serve).0
    }

    /// rustls finishes the handshake, and never renegotiates.
    #[tokio::test(flavor = "current_thread")]
    async fn a_handshake_is_finished_and_another_is_refused() {
        for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384] {
            let key = rcgen::KeyPair::generate_for(algorithm).expect("a key");
            let hole = of(&key).await;
            assert!(matches!(hole, Hole::Closed(_)), "{hole:?}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_does_not_come_so_far_cannot_tell() {
        let (mut client, mut server) = Wire::duplex(64 * 1024);
        server.queue_body(&[21, 3, 3, 0, 2, 2, 40]);
        server.flush().await.expect("written");
        let hole = renegotiation(&mut client, "localhost", [7; 32]).await;
        assert!(matches!(hole, Hole::Unknown(ref why) if why.contains("handshake_failure")));
    }

    #[test]
    fn what_was_not_offered_is_not_finished() {
        for odd in [&[][..], &[3, 0, 29], &[3, 0, 29, 32, 1], &[3, 0, 30, 1, 1], &[1, 0, 29, 1, 1]]
        {
            assert!(agreed(odd).is_none(), "{odd:?}");
        }
        assert!(messages(&[22, 3, 3, 0, 2, 7, 8, 22, 3, 3, 0, 9]).eq(&[7, 8]));
    }
}
