//! DKIM and ARC signatures, checked against keys that the caller has found.
//!
//! RFC 6376 sections 3.2 to 3.7 and 6.1, RFC 8301 (what is too weak), RFC 8463 (Ed25519), RFC
//! 8617 section 5.2 (ARC). Nothing is looked up here, and nothing is signed: that is
//! [`super::dkim`]. A message has CRLF line ends.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::signature::{
    ED25519, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::headers::{self, Field};

/// Sets of ARC fields that one message may have (RFC 8617 section 4.2.1).
const ARC_SETS: u32 = 50;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The field is not what it should be.
    #[error("{0}")]
    Field(String),
    /// The key record is not what it should be.
    #[error("the key record {0}")]
    Key(String),
    /// The key was taken back: its record has an empty `p=`.
    #[error("the key was revoked")]
    Revoked,
    /// The body is not the one that was signed.
    #[error("the body was changed after signing")]
    Body,
    /// The header is not the one that was signed, or the key is another.
    #[error("the signature does not match the header")]
    Header,
    /// The time of the signature is over.
    #[error("the signature has expired")]
    Expired,
    /// A chain of ARC sets has gaps, or does not say what it should.
    #[error("{0}")]
    Chain(String),
}

/// A list of `tag=value` (RFC 6376 section 3.2), blanks around both taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Vec<(String, String)>);

impl Tags {
    /// Reads a list. Of a tag that stands twice the first counts.
    pub fn read(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let pairs = text.split(';').filter_map(|tag| {
            let (name, value) = tag.split_once('=')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        });
        Self(pairs.collect())
    }

    /// The value of a tag; `None` where there is none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn need(&self, name: &str) -> Result<&str, Flaw> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Flaw::Field(format!("the tag {name}= is missing")))
    }

    fn octets(&self, name: &str) -> Result<Vec<u8>, Flaw> {
        unbase64(self.need(name)?)
            .ok_or_else(|| Flaw::Field(format!("the tag {name}= is no base64")))
    }
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    BASE64.decode(packed).ok()
}

/// How something is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with SHA-256.
    RsaSha256,
    /// RSA with SHA-1, which RFC 8301 forbids.
    RsaSha1,
    /// Ed25519 with SHA-256.
    Ed25519,
}

impl Algorithm {
    fn read(name: &str) -> Result<Self, Flaw> {
        match name.to_ascii_lowercase().as_str() {
            "rsa-sha256" => Ok(Self::RsaSha256),
            "rsa-sha1" => Ok(Self::RsaSha1),
            "ed25519-sha256" => Ok(Self::Ed25519),
            other => Err(Flaw::Field(format!("the algorithm {other} is not known"))),
        }
    }

    /// As `a=` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::RsaSha1 => "rsa-sha1",
            Self::Ed25519 => "ed25519-sha256",
        }
    }
}

/// One DKIM-Signature or ARC-Message-Signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Who vouches (`d=`), in lower case.
    pub domain: String,
    /// Which of the domain's keys (`s=`).
    pub selector: String,
    /// How it is signed.
    pub algorithm: Algorithm,
    /// Only so many octets of the body are signed (`l=`); `None`: all.
    pub length: Option<usize>,
    /// When it ends, in seconds since 1970; `None`: never.
    pub expires: Option<i64>,
    relaxes_header: bool,
    relaxes_body: bool,
    signed: Vec<String>,
    body_hash: Vec<u8>,
    octets: Vec<u8>,
}

impl Signature {
    /// Reads the value of a field; `is_arc`: of an ARC-Message-Signature, which has no `v=`.
    ///
    /// # Errors
    /// [`Flaw::Field`].
    pub fn read(value: &[u8], is_arc: bool) -> Result<Self, Flaw> {
        let tags = Tags::read(value);
        if !is_arc && tags.need("v")? != "1" {
            return Err(Flaw::Field("the version is not 1".into()));
        }
        let algorithm = Algorithm::read(tags.need("a")?)?;
        let ways = tags.get("c").unwrap_or("simple/simple");
        let (header, body) = ways.split_once('/').unwrap_or((ways, "simple"));
        let relaxes = |way: &str| match way.trim().to_ascii_lowercase().as_str() {
            "relaxed" => Ok(true),
            "simple" => Ok(false),
            other => Err(Flaw::Field(format!("the canonicalization {other} is not known"))),
        };
        let signed: Vec<String> =
            tags.need("h")?.split(':').map(|name| name.trim().to_ascii_lowercase()).collect();
        // RFC 6376 section 5.4: without its author nothing is signed.
        if !signed.iter().any(|name| name == "from") {
            return Err(Flaw::Field("From is not among the signed fields".into()));
        }
        let number = |name: &str| match tags.get(name) {
            None => Ok(None),
            Some(text) => text
                .parse::<i64>()
                .ok()
                .filter(|number| *number >= 0)
                .map(Some)
                .ok_or_else(|| Flaw::Field(format!("the tag {name}= is no number"))),
        };
        Ok(Self {
            domain: tags.need("d")?.to_ascii_lowercase(),
            selector: tags.need("s")?.to_owned(),
            algorithm,
            length: number("l")?.map(|length| usize::try_from(length).unwrap_or(usize::MAX)),
            expires: number("x")?,
            relaxes_header: relaxes(header)?,
            relaxes_body: relaxes(body)?,
            signed,
            body_hash: tags.octets("bh")?,
            octets: tags.octets("b")?,
        })
    }

    /// Where the key is: `SELECTOR._domainkey.DOMAIN`.
    pub fn key_name(&self) -> String {
        key_name(&self.selector, &self.domain)
    }

    /// Checks it: `field` is the one that it was read from, `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`Flaw`].
    pub fn verify(
        &self,
        message: &[u8],
        field: &Field<'_>,
        key: &Key,
        now: i64,
    ) -> Result<(), Flaw> {
        let body = headers::body_offset(message).map_or(&[][..], |at| &message[at..]);
        let body = canonical_body(body, self.relaxes_body);
        let body = match self.length {
            Some(length) if length > body.len() => return Err(Flaw::Body),
            Some(length) => &body[..length],
            None => &body[..],
        };
        let hash = match self.algorithm {
            Algorithm::RsaSha1 => digest(&SHA1_FOR_LEGACY_USE_ONLY, body),
            Algorithm::RsaSha256 | Algorithm::Ed25519 => digest(&SHA256, body),
        };
        if hash.as_ref() != self.body_hash {
            return Err(Flaw::Body);
        }
        let mut signed = Vec::new();
        let mut left: Vec<Field<'_>> =
            headers::fields(message).filter(|other| other.start != field.start).collect();
        for name in &self.signed {
            // Section 5.4.2: of several fields of one name the last that is left.
            if let Some(at) = left.iter().rposition(|other| other.is(name)) {
                let other = left.remove(at);
                canonical_field(message, &other, other.value, self.relaxes_header, &mut signed);
                signed.extend_from_slice(b"\r\n");
            }
        }
        let bare = without_signature(field.value);
        canonical_field(message, field, &bare, self.relaxes_header, &mut signed);
        key.verify(self.algorithm, &signed, &self.octets)?;
        match self.expires {
            Some(expires) if expires < now => Err(Flaw::Expired),
            _ => Ok(()),
        }
    }
}

fn key_name(selector: &str, domain: &str) -> String {
    format!("{selector}._domainkey.{domain}")
}

/// The public key of a record (section 3.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    is_ed25519: bool,
    takes_sha1: bool,
    takes_sha256: bool,
    octets: Vec<u8>,
    /// Bits of an RSA modulus; `None` for Ed25519, and where it cannot be told.
    pub bits: Option<usize>,
    /// The domain is only trying this (`t=y`).
    pub is_testing: bool,
}

impl Key {
    /// Reads a TXT record.
    ///
    /// # Errors
    /// [`Flaw::Key`], [`Flaw::Revoked`].
    pub fn read(record: &[u8]) -> Result<Self, Flaw> {
        let tags = Tags::read(record);
        if tags.get("v").is_some_and(|version| version != "DKIM1") {
            return Err(Flaw::Key("is not of version DKIM1".into()));
        }
        let is_ed25519 = match tags.get("k").unwrap_or("rsa").to_ascii_lowercase().as_str() {
            "rsa" => false,
            "ed25519" => true,
            other => return Err(Flaw::Key(format!("is for {other}, which is not known"))),
        };
        let takes = |name: &str| {
            tags.get("h").is_none_or(|list| {
                list.split(':').any(|hash| hash.trim().eq_ignore_ascii_case(name))
            })
        };
        let serves = tags.get("s").is_none_or(|list| {
            list.split(':').any(|service| matches!(service.trim(), "*" | "email"))
        });
        if !serves {
            return Err(Flaw::Key("is not for mail".into()));
        }
        let text = tags.get("p").ok_or_else(|| Flaw::Key("has no p=".into()))?;
        if text.is_empty() {
            return Err(Flaw::Revoked);
        }
        let octets =
            unbase64(text).ok_or_else(|| Flaw::Key("has a p= that is no base64".into()))?;
        let bits = if is_ed25519 { None } else { modulus_bits(&octets) };
        let flags = tags.get("t").unwrap_or_default();
        Ok(Self {
            is_ed25519,
            takes_sha1: takes("sha1"),
            takes_sha256: takes("sha256"),
            octets,
            bits,
            is_testing: flags.split(':').any(|flag| flag.trim() == "y"),
        })
    }

    fn verify(&self, algorithm: Algorithm, signed: &[u8], octets: &[u8]) -> Result<(), Flaw> {
        if self.is_ed25519 != (algorithm == Algorithm::Ed25519) {
            return Err(Flaw::Key(format!("is not for {}", algorithm.name())));
        }
        let takes_hash = match algorithm {
            Algorithm::RsaSha1 => self.takes_sha1,
            Algorithm::RsaSha256 | Algorithm::Ed25519 => self.takes_sha256,
        };
        if !takes_hash {
            return Err(Flaw::Key(format!("does not allow the hash of {}", algorithm.name())));
        }
        if self.bits.is_some_and(|bits| bits < 1024) {
            // RFC 8301 section 3.2.
            return Err(Flaw::Key("has a key of less than 1024 bits".into()));
        }
        let done = match algorithm {
            Algorithm::RsaSha256 => UnparsedPublicKey::new(
                &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
                &self.octets,
            )
            .verify(signed, octets),
            Algorithm::RsaSha1 => {
                UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, &self.octets)
                    .verify(signed, octets)
            }
            // RFC 8463 section 3: over the hash, not over the header itself.
            Algorithm::Ed25519 => UnparsedPublicKey::new(&ED25519, &self.octets)
                .verify(digest(&SHA256, signed).as_ref(), octets),
        };
        done.map_err(|_| Flaw::Header)
    }
}

/// Bits of the modulus of an RSA key in DER, as a SubjectPublicKeyInfo or bare.
fn modulus_bits(der: &[u8]) -> Option<usize> {
    use x509_parser::prelude::FromDer as _;
    use x509_parser::public_key::{PublicKey, RSAPublicKey};
    if let Ok((_, info)) = x509_parser::x509::SubjectPublicKeyInfo::from_der(der)
        && let Ok(PublicKey::RSA(key)) = info.parsed()
    {
        return Some(key.key_size());
    }
    RSAPublicKey::from_der(der).ok().map(|(_, key)| key.key_size())
}

/// Section 3.4.1 or 3.4.2, without the line end.
fn canonical_field(
    message: &[u8],
    field: &Field<'_>,
    value: &[u8],
    relaxes: bool,
    out: &mut Vec<u8>,
) {
    if !relaxes {
        out.extend_from_slice(&message[field.start..field.value_start]);
        out.extend_from_slice(value);
        return;
    }
    out.extend(field.name.trim_ascii().iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let start = out.len();
    for octet in value {
        match octet {
            b'\r' | b'\n' => {}
            b' ' | b'\t' => {
                if out.len() > start && out.last() != Some(&b' ') {
                    out.push(b' ');
                }
            }
            other => out.push(*other),
        }
    }
    while out.len() > start && out.last() == Some(&b' ') {
        out.pop();
    }
}

/// Section 3.4.3 or 3.4.4.
fn canonical_body(body: &[u8], relaxes: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 2);
    if relaxes {
        for line in body.split_inclusive(|octet| *octet == b'\n') {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let start = out.len();
            for octet in text {
                match octet {
                    b' ' | b'\t' if out[start..].last() == Some(&b' ') => {}
                    b' ' | b'\t' => out.push(b' '),
                    other => out.push(*other),
                }
            }
            while out.len() > start && out.last() == Some(&b' ') {
                out.pop();
            }
            out.extend_from_slice(b"\r\n");
        }
    } else {
        out.extend_from_slice(body);
        if !out.ends_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
        }
    }
    while out.ends_with(b"\r\n\r\n") {
        out.truncate(out.len() - 2);
    }
    if relaxes && out == b"\r\n" {
        out.clear();
    }
    out
}

/// The value with its `b=` emptied (section 3.7).
fn without_signature(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for (index, tag) in value.split(|octet| *octet == b';').enumerate() {
        if index > 0 {
            out.push(b';');
        }
        match tag.iter().position(|octet| *octet == b'=') {
            Some(at) if tag[..at].trim_ascii() == b"b" => out.extend_from_slice(&tag[..=at]),
            _ => out.extend_from_slice(tag),
        }
    }
    out
}

/// The DKIM-Signature fields of a message with what was read from each, in their order.
pub fn signatures(message: &[u8]) -> Vec<(Field<'_>, Result<Signature, Flaw>)> {
    headers::fields(message)
        .filter(|field| field.is("DKIM-Signature"))
        .map(|field| (field, Signature::read(field.value, false)))
        .collect()
}

/// One set of ARC fields.
#[derive(Debug, Clone)]
pub struct ArcSet<'m> {
    /// Who vouches for it (`d=` of the seal).
    pub domain: String,
    /// What it says of the chain before it: `none`, `pass` or `fail`.
    pub verdict: String,
    /// The message signature, and the field that it was read from.
    pub signature: (Field<'m>, Signature),
    results: Field<'m>,
    seal: Field<'m>,
    algorithm: Algorithm,
    selector: String,
    octets: Vec<u8>,
}

impl ArcSet<'_> {
    /// Where the key of the seal is.
    pub fn key_name(&self) -> String {
        key_name(&self.selector, &self.domain)
    }
}

/// The ARC sets of a message, the oldest first; none where it has none.
///
/// # Errors
/// [`Flaw::Chain`] where a set is not whole or says that the chain was broken before it;
/// [`Flaw::Field`].
pub fn arc_sets(message: &[u8]) -> Result<Vec<ArcSet<'_>>, Flaw> {
    let names = ["ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"];
    let mut found: [Vec<(u32, Field<'_>)>; 3] = Default::default();
    for field in headers::fields(message) {
        if let Some(kind) = names.iter().position(|name| field.is(name)) {
            let tags = Tags::read(field.value);
            let instance = tags.get("i").and_then(|text| text.parse().ok());
            let instance = instance.filter(|number| (1..=ARC_SETS).contains(number));
            let instance =
                instance.ok_or_else(|| Flaw::Chain(format!("{} has no instance", names[kind])))?;
            found[kind].push((instance, field));
        }
    }
    let count = found.iter().map(Vec::len).max().unwrap_or_default();
    let mut sets = Vec::new();
    for instance in 1..=u32::try_from(count).unwrap_or(u32::MAX).min(ARC_SETS + 1) {
        let one = |kind: usize| -> Result<Field<'_>, Flaw> {
            let mut of: Vec<Field<'_>> = found[kind]
                .iter()
                .filter(|(number, _)| *number == instance)
                .map(|(_, field)| *field)
                .collect();
            match (of.pop(), of.is_empty()) {
                (Some(field), true) => Ok(field),
                _ => Err(Flaw::Chain(format!("set {instance} has not one {}", names[kind]))),
            }
        };
        let (results, message_signature, seal) = (one(0)?, one(1)?, one(2)?);
        let tags = Tags::read(seal.value);
        let verdict = tags.need("cv")?.to_ascii_lowercase();
        let wanted = if instance == 1 { "none" } else { "pass" };
        if verdict != wanted {
            return Err(Flaw::Chain(format!("set {instance} says cv={verdict}")));
        }
        sets.push(ArcSet {
            domain: tags.need("d")?.to_ascii_lowercase(),
            verdict,
            signature: (message_signature, Signature::read(message_signature.value, true)?),
            results,
            seal,
            algorithm: Algorithm::read(tags.need("a")?)?,
            selector: tags.need("s")?.to_owned(),
            octets: tags.octets("b")?,
        });
    }
    Ok(sets)
}

/// Checks the seal of the set at `index` (from 0), which covers all sets up to it.
///
/// # Errors
/// [`Flaw`].
pub fn verify_seal(
    message: &[u8],
    sets: &[ArcSet<'_>],
    index: usize,
    key: &Key,
) -> Result<(), Flaw> {
    let Some(last) = sets.get(index) else {
        return Err(Flaw::Chain(format!("there is no set {}", index + 1)));
    };
    let mut signed = Vec::new();
    for set in &sets[..index] {
        for field in [&set.results, &set.signature.0, &set.seal] {
            canonical_field(message, field, field.value, true, &mut signed);
            signed.extend_from_slice(b"\r\n");
        }
    }
    for field in [&last.results, &last.signature.0] {
        canonical_field(message, field, field.value, true, &mut signed);
        signed.extend_from_slice(b"\r\n");
    }
    canonical_field(message, &last.seal, &without_signature(last.seal.value), true, &mut signed);
    key.verify(last.algorithm, &signed, &last.octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6376 section 3.4.5.
    #[test]
    fn canonical_forms_of_the_rfc() {
        let message = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
        let fields: Vec<Field<'_>> = headers::fields(message).collect();
        let mut relaxed = Vec::new();
        for field in &fields {
            canonical_field(message, field, field.value, true, &mut relaxed);
            relaxed.extend_from_slice(b"\r\n");
        }
        assert_eq!(relaxed, b"a:X\r\nb:Y Z\r\n");
        let mut simple = Vec::new();
        for field in &fields {
            canonical_field(message, field, field.value, false, &mut simple);
            simple.extend_from_slice(b"\r\n");
        }
        assert_eq!(simple, b"A: X\r\nB : Y\t\r\n\tZ  \r\n");
        let body = &message[headers::body_offset(message).expect("a body")..];
        assert_eq!(canonical_body(body, true), b" C\r\nD E\r\n");
        assert_eq!(canonical_body(body, false), b" C \r\nD \t E\r\n");
        assert_eq!(canonical_body(b"", true), b"");
        assert_eq!(canonical_body(b"", false), b"\r\n");
        assert_eq!(canonical_body(b"x", true), b"x\r\n");
    }

    /// RFC 8463 appendix A.
    #[test]
    fn the_example_with_ed25519() {
        let message = b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n\
\x20d=football.example.com; i=@football.example.com;\r\n\
\x20q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n\
\x20subject : date : message-id : from : subject : date;\r\n\
\x20bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n\
\x20b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n\
\x20Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n\
From: Joe SixPack <joe@football.example.com>\r\n\
To: Suzie Q <suzie@shopping.example.net>\r\n\
Subject: Is dinner ready?\r\n\
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\
\r\n\
Hi.\r\n\
\r\n\
We lost the game.  Are you hungry yet?\r\n\
\r\n\
Joe.\r\n";
        let key = Key::read(b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
            .expect("a key");
        let all = signatures(message);
        let (field, Ok(signature)) = &all[0] else { panic!("{all:?}") };
        assert_eq!(signature.key_name(), "brisbane._domainkey.football.example.com");
        assert_eq!(signature.verify(message, field, &key, 0), Ok(()));

        let changed = String::from_utf8_lossy(message).replace("lost", "won!").into_bytes();
        let (field, _) = &signatures(&changed)[0];
        assert_eq!(signature.verify(&changed, field, &key, 0), Err(Flaw::Body));
        let changed = String::from_utf8_lossy(message).replace("dinner", "supper").into_bytes();
        let (field, _) = &signatures(&changed)[0];
        assert_eq!(signature.verify(&changed, field, &key, 0), Err(Flaw::Header));
    }

    #[test]
    fn fields_and_records_with_mistakes() {
        for (value, words) in [
            ("v=1; a=rsa-sha256; d=x; s=y; h=to; bh=AA==; b=AA==", "From"),
            ("v=2; a=rsa-sha256; d=x; s=y; h=from; bh=AA==; b=AA==", "version"),
            ("v=1; a=rsa-md5; d=x; s=y; h=from; bh=AA==; b=AA==", "rsa-md5"),
            ("v=1; a=rsa-sha256; s=y; h=from; bh=AA==; b=AA==", "d="),
            ("v=1; a=rsa-sha256; d=x; s=y; h=from; bh=!; b=AA==", "base64"),
            ("v=1; a=rsa-sha256; d=x; s=y; h=from; l=-1; bh=AA==; b=AA==", "number"),
            ("", "v="),
        ] {
            let flaw = Signature::read(value.as_bytes(), false).expect_err(value);
            assert!(flaw.to_string().contains(words), "{value}: {flaw}");
        }
        assert_eq!(Key::read(b"v=DKIM1; p="), Err(Flaw::Revoked));
        for record in ["", "v=DKIM2; p=AA==", "k=dsa; p=AA==", "p=!", "s=tlsrpt; p=AA=="] {
            assert!(matches!(Key::read(record.as_bytes()), Err(Flaw::Key(_))), "{record}");
        }
    }

    #[test]
    fn chains_with_gaps() {
        assert!(arc_sets(b"From: x\r\n\r\n").is_ok_and(|sets| sets.is_empty()));
        for header in [
            "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=x; s=y; b=AA==\r\n",
            "ARC-Seal: i=x; cv=none\r\n",
            "ARC-Seal: i=51; cv=none\r\n",
        ] {
            let message = format!("{header}From: x\r\n\r\n");
            assert!(matches!(arc_sets(message.as_bytes()), Err(Flaw::Chain(_))), "{header}");
        }
    }

    #[test]
    fn the_signature_itself_is_left_out() {
        assert_eq!(without_signature(b" v=1; b=AB\r\n C; bh=x"), b" v=1; b=; bh=x");
        assert_eq!(without_signature(b" bh=x; b = A"), b" bh=x; b =");
    }
}
