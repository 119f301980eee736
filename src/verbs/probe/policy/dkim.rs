//! DKIM keys: `tag=value` records at `SELECTOR._domainkey.DOMAIN` (RFC 6376 section 3.6.1,
//! RFC 8301, RFC 8463).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::tags::{loose, value};

/// Selectors that senders and providers use, and that are asked for where none is named.
pub const SELECTORS: &[&str] = &[
    "default",
    "dkim",
    "mail",
    "email",
    "smtp",
    "google",
    "selector1",
    "selector2",
    "s1",
    "s2",
    "k1",
    "k2",
    "k3",
    "key1",
    "key2",
    "fm1",
    "fm2",
    "fm3",
    "protonmail",
    "protonmail2",
    "protonmail3",
    "sig1",
    "zoho",
    "mxvault",
    "mandrill",
    "mailjet",
    "dkim1",
    "dkim2",
    "20230601",
    "2026",
];

/// What a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// `rsa` or `ed25519`.
    pub kind: String,
    /// Its size in bits; `None`: it was revoked.
    pub bits: Option<usize>,
    /// `t=y`: signatures by it count for nothing yet.
    pub is_test: bool,
    /// `h` allows nothing but SHA-1.
    pub is_sha1_only: bool,
}

/// Whether a TXT record at a selector's name is a key at all: some zones answer every name.
pub fn is_key(record: &str) -> bool {
    loose(record).is_ok_and(|tags| {
        value(&tags, "p").is_some() && value(&tags, "v").is_none_or(|version| version == "DKIM1")
    })
}

/// Reads a key.
///
/// # Errors
/// In words, what is wrong with which tag.
pub fn key(record: &str) -> Result<Key, String> {
    let tags = loose(record)?;
    if let Some((name, version)) = tags.iter().find(|(name, _)| name.eq_ignore_ascii_case("v")) {
        // RFC 6376 section 3.6.1: where it stands it stands first, and is DKIM1.
        let is_first = tags.first().is_some_and(|(first, _)| first == name);
        if !is_first || *version != "DKIM1" {
            return Err(format!("v={version} is not DKIM1, or not the first tag"));
        }
    }
    let kind = value(&tags, "k").unwrap_or("rsa").to_ascii_lowercase();
    if let Some(service) = value(&tags, "s")
        && !service.split(':').map(str::trim).any(|it| matches!(it, "*" | "email"))
    {
        return Err(format!("s={service} is not for mail"));
    }
    let hashes: Vec<&str> =
        value(&tags, "h").map(|text| text.split(':').map(str::trim).collect()).unwrap_or_default();
    let flags = value(&tags, "t").unwrap_or_default();
    let public: String = value(&tags, "p")
        .ok_or("the tag p is missing")?
        .chars()
        .filter(|letter| !letter.is_ascii_whitespace())
        .collect();
    let bits = match (public.as_str(), kind.as_str()) {
        ("", _) => None,
        (text, "rsa") => Some(rsa_bits(&decoded(text)?)?),
        (text, "ed25519") => match decoded(text)?.len() {
            32 => Some(256),
            octets => return Err(format!("p has {octets} octets, and Ed25519 keys have 32")),
        },
        (_, other) => return Err(format!("k={other} is no kind of key")),
    };
    Ok(Key {
        kind,
        bits,
        is_test: flags.split(':').any(|flag| flag.trim() == "y"),
        is_sha1_only: !hashes.is_empty() && hashes.iter().all(|hash| *hash == "sha1"),
    })
}

fn decoded(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| format!("p is no base64: {error}"))
}

/// Bits of an RSA key: a SubjectPublicKeyInfo, or a bare RSAPublicKey (RFC 6376 section 3.6.1
/// names the latter, and everybody publishes the former).
fn rsa_bits(der: &[u8]) -> Result<usize, String> {
    let modulus = |key: &PublicKey<'_>| match key {
        PublicKey::RSA(rsa) => {
            let octets: Vec<u8> =
                rsa.modulus.iter().copied().skip_while(|octet| *octet == 0).collect();
            octets.first().map(|first| octets.len() * 8 - first.leading_zeros() as usize)
        }
        _ => None,
    };
    let bits = SubjectPublicKeyInfo::from_der(der)
        .ok()
        .and_then(|(_, info)| info.parsed().ok().as_ref().and_then(modulus))
        .or_else(|| {
            let (_, key) = x509_parser::public_key::RSAPublicKey::from_der(der).ok()?;
            modulus(&PublicKey::RSA(key))
        });
    bits.ok_or_else(|| "p is no RSA key".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8463 appendix A.2, and a key of 1024 bits of RFC 6376 appendix C.
    const ED25519: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    const RSA: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ\
        DwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v\
        /RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB";

    #[test]
    fn keys_are_read_or_the_tag_is_named() {
        assert_eq!(
            key(ED25519),
            Ok(Key {
                kind: "ed25519".into(),
                bits: Some(256),
                is_test: false,
                is_sha1_only: false
            })
        );
        let read = key(RSA).expect("a key");
        assert_eq!((read.kind.as_str(), read.bits), ("rsa", Some(1024)));
        let read = key("p=; t=y:s; h=sha1").expect("revoked");
        assert_eq!((read.bits, read.is_test, read.is_sha1_only), (None, true, true));
        for (record, says) in [
            ("v=DKIM2; p=", "v=DKIM2"),
            ("p=; v=DKIM1", "first tag"),
            ("v=DKIM1", "p is missing"),
            ("v=DKIM1; p=!!!", "base64"),
            ("v=DKIM1; p=AAAA", "no RSA key"),
            ("v=DKIM1; k=ed25519; p=AAAA", "32"),
            ("v=DKIM1; k=dsa; p=AAAA", "k=dsa"),
            ("v=DKIM1; s=tlsrpt; p=", "not for mail"),
            ("v=DKIM1; p", "no ="),
        ] {
            let error = key(record).expect_err(record);
            assert!(error.contains(says), "{record}: {error}");
        }
    }

    #[test]
    fn not_every_record_is_a_key() {
        assert!(is_key(RSA) && is_key("p="));
        assert!(!is_key("v=spf1 -all") && !is_key("v=DMARC1; p=none") && !is_key("hello"));
    }
}
