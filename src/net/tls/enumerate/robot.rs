//! Bleichenbacher's oracle, known as ROBOT (CVE-2017-13099 and kin): a server that answers
//! differently to ClientKeyExchange messages whose RSA padding is wrong in different ways lets
//! others decrypt and sign with its key (RFC 5246 section 7.4.7.1).
//!
//! Only the question is here: one badly padded secret a connection, and what the server ended
//! with. Whoever asks compares the endings. The arithmetic works on public values only and need
//! not be constant-time.

use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey;

use super::holes;
use crate::net::Error;
use crate::net::wire::Wire;

/// How the secret is padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Right; only the Finished behind it is wrong.
    Right,
    /// It does not begin with 00 02.
    WrongStart,
    /// The zero octet stands where the secret is too short.
    WrongPlace,
    /// There is no zero octet.
    NoZero,
    /// The version in the secret is another.
    WrongVersion,
}

impl Padding {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Right, Self::WrongStart, Self::WrongPlace, Self::NoZero, Self::WrongVersion];
}

/// Largest modulus, in octets, that is reckoned with: 16,384 bits.
const MODULUS_OCTETS: usize = 2048;

/// Modulus and exponent of an RSA certificate, big-endian without leading zeros; `None` for
/// another kind of key, or one that is out of all measure.
pub fn key_of(certificate: &[u8]) -> Option<(Vec<u8>, u64)> {
    let (_, parsed): (_, X509Certificate<'_>) =
        x509_parser::parse_x509_certificate(certificate).ok()?;
    let Ok(PublicKey::RSA(key)) = parsed.public_key().parsed() else { return None };
    let modulus: Vec<u8> = key.modulus.iter().copied().skip_while(|octet| *octet == 0).collect();
    let exponent = key.try_exponent().ok()?;
    let is_odd = modulus.last().is_some_and(|last| last % 2 == 1);
    ((64..=MODULUS_OCTETS).contains(&modulus.len()) && is_odd).then_some((modulus, exponent))
}

/// A secret for `version`, padded so and encrypted for the key; as long as the modulus.
/// `filler` is 48 octets, none of which is used as it is where it is zero.
pub fn encrypted(
    padding: Padding,
    version: u16,
    key: &(Vec<u8>, u64),
    filler: &[u8; 48],
) -> Vec<u8> {
    let (modulus, exponent) = key;
    let length = modulus.len();
    let mut block = vec![0u8; length];
    for (index, octet) in block.iter_mut().enumerate() {
        *octet = filler[index % filler.len()] | 1;
    }
    (block[0], block[1]) = (0, 2);
    let at = length - 48;
    block[at - 1] = 0;
    block[at..at + 2].copy_from_slice(&version.to_be_bytes());
    match padding {
        Padding::Right => {}
        Padding::WrongStart => (block[0], block[1]) = (0x41, 0x17),
        Padding::WrongPlace => {
            block[at - 1] = 0x11;
            block[length - 2] = 0;
        }
        Padding::NoZero => block[at - 1] = 0x11,
        Padding::WrongVersion => block[at..at + 2].copy_from_slice(&[2, 2]),
    }
    // The version of SSL 3.0 has a zero in it.
    if padding == Padding::NoZero {
        block[at..at + 2].copy_from_slice(&[3, 3]);
    }
    power(&block, *exponent, modulus)
}

/// Sends ClientKeyExchange with `secret`, ChangeCipherSpec and a Finished that nobody can
/// decrypt, behind a server's first flight; how the server ends, in words.
///
/// # Errors
/// Those of the connection; silence is one.
pub async fn oracle_answer(wire: &mut Wire, version: u16, secret: &[u8]) -> Result<String, Error> {
    let [major, minor] = version.to_be_bytes();
    let count = |length: usize| (length as u16).to_be_bytes();
    let mut body = Vec::new();
    // SSL 3.0 has no length before the secret (RFC 5246 section 7.4.7.1).
    if version > 0x0300 {
        body.extend(count(secret.len()));
    }
    body.extend(secret);
    let message = [&[16, 0][..], &count(body.len()), &body].concat();
    let mut octets = [&[22, major, minor][..], &count(message.len()), &message].concat();
    octets.extend([20, major, minor, 0, 1, 1]);
    octets.extend([22, major, minor, 0, 64]);
    octets.extend([0x5a; 64]);
    match holes::say(wire, &octets).await {
        // A server may hang up before it has heard all.
        Err(error) if !error.is_closed() => Err(error),
        _ => holes::ending(wire).await,
    }
}

/// `base ^ exponent mod modulus`, big-endian, as long as the modulus.
fn power(base: &[u8], exponent: u64, modulus: &[u8]) -> Vec<u8> {
    let modulus_limbs = limbs(modulus);
    let base = reduced(limbs(base), &modulus_limbs);
    let mut result = vec![0; modulus_limbs.len()];
    result[0] = 1;
    for bit in (0..u64::BITS - exponent.leading_zeros()).rev() {
        result = times(&result, &result, &modulus_limbs);
        if (exponent >> bit) & 1 == 1 {
            result = times(&result, &base, &modulus_limbs);
        }
    }
    let mut octets: Vec<u8> = result.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
    octets.drain(..octets.len() - modulus.len());
    octets
}

/// The least significant first.
fn limbs(octets: &[u8]) -> Vec<u64> {
    octets
        .rchunks(8)
        .map(|chunk| chunk.iter().fold(0, |limb, octet| (limb << 8) | u64::from(*octet)))
        .collect()
}

/// A number of any size, brought below the modulus bit by bit.
fn reduced(number: Vec<u64>, modulus: &[u64]) -> Vec<u64> {
    let mut result = vec![0; modulus.len()];
    for limb in number.iter().rev() {
        for bit in (0..u64::BITS).rev() {
            double(&mut result, modulus);
            if (limb >> bit) & 1 == 1 {
                let mut one = vec![0; modulus.len()];
                one[0] = 1;
                add(&mut result, &one, modulus);
            }
        }
    }
    result
}

/// `a * b mod modulus`, both below the modulus.
fn times(a: &[u64], b: &[u64], modulus: &[u64]) -> Vec<u64> {
    let mut result = vec![0; modulus.len()];
    for limb in b.iter().rev() {
        for bit in (0..u64::BITS).rev() {
            double(&mut result, modulus);
            if (limb >> bit) & 1 == 1 {
                add(&mut result, a, modulus);
            }
        }
    }
    result
}

fn double(number: &mut [u64], modulus: &[u64]) {
    let mut carry = 0;
    for limb in number.iter_mut() {
        let next = *limb >> 63;
        *limb = (*limb << 1) | carry;
        carry = next;
    }
    if carry == 1 || !is_below(number, modulus) {
        subtract(number, modulus);
    }
}

fn add(number: &mut [u64], other: &[u64], modulus: &[u64]) {
    let mut carry = false;
    for (limb, more) in number.iter_mut().zip(other) {
        let (sum, first) = limb.overflowing_add(*more);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        *limb = sum;
        carry = first || second;
    }
    if carry || !is_below(number, modulus) {
        subtract(number, modulus);
    }
}

fn subtract(number: &mut [u64], other: &[u64]) {
    let mut borrow = false;
    for (limb, less) in number.iter_mut().zip(other) {
        let (rest, first) = limb.overflowing_sub(*less);
        let (rest, second) = rest.overflowing_sub(u64::from(borrow));
        *limb = rest;
        borrow = first || second;
    }
}

fn is_below(number: &[u64], other: &[u64]) -> bool {
    number.iter().rev().lt(other.iter().rev())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_right() {
        // 4^13 mod 497 = 445, and a modulus of two limbs.
        assert_eq!(power(&[4], 13, &[0x01, 0xf1]), [0x01, 0xbd]);
        assert_eq!(power(&[0x01, 0xf5], 1, &[0x01, 0xf1]), [0, 4]);
        // 2^64 + 13 is odd: 3^41 mod it, reckoned by hand in wider numbers.
        let modulus = (1u128 << 64) + 13;
        let want = (0..41).fold(1u128, |product, _| product * 3 % modulus);
        let got = power(&[3], 41, &modulus.to_be_bytes()[7..]);
        assert_eq!(got, want.to_be_bytes()[7..]);
    }

    #[test]
    fn an_rsa_library_decrypts_what_was_padded_right() {
        use aws_lc_rs::rsa::{KeySize, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).expect("a key");
        let der = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::PublicKeyX509Der>::as_der(
            &key.public_key(),
        )
        .expect("encodes");
        let (_, spki) =
            <x509_parser::x509::SubjectPublicKeyInfo as x509_parser::prelude::FromDer<
                x509_parser::error::X509Error,
            >>::from_der(der.as_ref())
            .expect("a key");
        let Ok(PublicKey::RSA(public)) = spki.parsed() else { panic!("RSA") };
        let modulus: Vec<u8> =
            public.modulus.iter().copied().skip_while(|octet| *octet == 0).collect();
        let public = (modulus, public.try_exponent().expect("small"));
        let private = Pkcs1PrivateDecryptingKey::new(key).expect("usable");
        let open = |padding| {
            let secret = encrypted(padding, 0x0303, &public, &[0xa6; 48]);
            let mut out = vec![0; 256];
            private.decrypt(&secret, &mut out).map(|clear| clear.to_vec())
        };
        let clear = open(Padding::Right).expect("well padded");
        assert_eq!((clear.len(), &clear[..2]), (48, &[3, 3][..]));
        assert_eq!(open(Padding::WrongVersion).expect("well padded")[..2], [2, 2]);
        assert_eq!(open(Padding::WrongPlace).expect("well padded").len(), 1);
        assert!(open(Padding::WrongStart).is_err());
        assert!(open(Padding::NoZero).is_err());
    }
}
