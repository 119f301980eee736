//! DKIM signatures: made as a stream, whatever the message's size.
//!
//! RFC 6376 sections 3.4 (relaxed/relaxed), 3.5, 3.7 and 5; RFC 8301 (keys and hashes), RFC 8463
//! (Ed25519). The body is hashed as it goes by; header and signature fit into memory. Signing
//! comes last: what changes a message afterwards breaks the signature. Nothing is verified here.

use std::collections::HashMap;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

use super::headers;

/// The field itself.
const FIELD: &str = "DKIM-Signature";

/// Fields that are signed where they are there (RFC 6376 section 5.4.1, and those of lists).
const SIGNED: &[&str] = &[
    "From",
    "Sender",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "To",
    "Cc",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-ID",
    "Content-Description",
    "In-Reply-To",
    "References",
    "Resent-Date",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
    "Resent-Message-ID",
    "List-Id",
    "List-Help",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
    "Auto-Submitted",
];

/// Fields that are named once more than they are there, so that nobody can add one (RFC 6376
/// section 8.15).
const SEALED: &[&str] = &["From", "Subject", "Date", "To", "Cc", "Reply-To", "Content-Type"];

/// Width of a line of the signature, in octets.
const LINE_OCTETS: usize = 72;

/// Why there is no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key cannot be used.
    #[error("no key to sign with: {0}")]
    Key(String),
    /// A domain or selector that is none.
    #[error("{0:?} is no {1}")]
    Name(String, &'static str),
    /// A message without author cannot be signed (RFC 6376 section 5.4).
    #[error("the message has no From, which a DKIM signature has to cover")]
    NoFrom,
    /// The cryptography failed.
    #[error("the key does not sign")]
    Failed,
}

enum Key {
    Rsa(Box<rsa::KeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// A key with the name under which its other half is published: `SELECTOR._domainkey.DOMAIN`.
pub struct Signer {
    domain: String,
    selector: String,
    key: Key,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({}._domainkey.{})", self.selector, self.domain)
    }
}

impl Signer {
    /// A signer for `domain`, which an IDN becomes A-labels in, with an RSA or Ed25519 key in
    /// PEM (PKCS#8; RSA also PKCS#1).
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Key`].
    pub fn new(domain: &str, selector: &str, pem: &[u8]) -> Result<Self, Error> {
        let ascii = |name: &str, what| {
            idna::domain_to_ascii(name)
                .ok()
                .filter(|name| is_name(name))
                .ok_or_else(|| Error::Name(name.to_owned(), what))
        };
        let (domain, selector) = (ascii(domain, "domain")?, ascii(selector, "selector")?);
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_| Error::Key("no private key in PEM form in it".into()))?;
        let rejected = |error: aws_lc_rs::error::KeyRejected| Error::Key(error.to_string());
        let key = match &key {
            PrivateKeyDer::Pkcs1(der) => {
                rsa::KeyPair::from_der(der.secret_pkcs1_der()).map(|it| Key::Rsa(Box::new(it)))
            }
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                // OpenSSL writes no public half beside an Ed25519 key.
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
                    .map(|it| Key::Ed25519(Box::new(it)))
                    .or_else(|_| rsa::KeyPair::from_pkcs8(der).map(|it| Key::Rsa(Box::new(it))))
            }
            _ => return Err(Error::Key("it is neither RSA nor Ed25519".into())),
        };
        Ok(Self { domain, selector, key: key.map_err(rejected)? })
    }

    fn algorithm(&self) -> &'static str {
        match self.key {
            Key::Rsa(_) => "rsa-sha256",
            Key::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// The whole field with its line end, to be put in front of `header`: the header block as it
    /// will leave, whose line ends are used. `body_hash` is [`BodyHash::finish`]'s, `time` in
    /// seconds since 1970.
    ///
    /// # Errors
    /// [`Error::NoFrom`], [`Error::Failed`].
    pub fn signature(&self, header: &[u8], body_hash: &[u8], time: i64) -> Result<Vec<u8>, Error> {
        let (names, mut signed) = selected(header)?;
        let end = headers::line_end_of(header);
        let mut value = format!(
            "v=1; a={}; c=relaxed/relaxed; d={};{end}\ts={}; t={time}; bh={};{end}\th=",
            self.algorithm(),
            self.domain,
            self.selector,
            STANDARD.encode(body_hash),
        );
        let mut column = 10;
        for (index, name) in names.iter().enumerate() {
            if index > 0 {
                value.push(':');
                column += 1;
            }
            if column + name.len() > LINE_OCTETS {
                value.push_str(end);
                value.push_str("\t ");
                column = 9;
            }
            value.push_str(name);
            column += name.len();
        }
        value.push_str(&format!(";{end}\tb="));
        relaxed_field(FIELD.as_bytes(), value.as_bytes(), &mut signed);
        let signature = self.sign(&signed)?;
        for (index, character) in STANDARD.encode(signature).chars().enumerate() {
            if index > 0 && index % LINE_OCTETS == 0 {
                value.push_str(end);
                value.push_str("\t ");
            }
            value.push(character);
        }
        Ok(format!("{FIELD}: {value}{end}").into_bytes())
    }

    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, Error> {
        match &self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature)
                    .map_err(|_| Error::Failed)?;
                Ok(signature)
            }
            // RFC 8463 section 3: PureEdDSA over the SHA-256 of the canonical header.
            Key::Ed25519(key) => {
                let digest = aws_lc_rs::digest::digest(&SHA256, signed);
                Ok(key.sign(digest.as_ref()).as_ref().to_vec())
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// The names for `h=`, in lower case, and the fields that they mean, canonical: of several fields
/// of one name the last comes first (RFC 6376 section 5.4.2).
fn selected(header: &[u8]) -> Result<(Vec<String>, Vec<u8>), Error> {
    let mut of_name: HashMap<String, Vec<headers::Field<'_>>> = HashMap::new();
    for field in headers::fields(header).filter(|field| !field.name.is_empty()) {
        let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
        of_name.entry(name).or_default().push(field);
    }
    let (mut names, mut signed) = (Vec::new(), Vec::new());
    for name in SIGNED {
        let lower = name.to_ascii_lowercase();
        let fields = of_name.get(&lower).map(Vec::as_slice).unwrap_or_default();
        for field in fields.iter().rev() {
            relaxed_field(field.name, field.value, &mut signed);
            signed.extend_from_slice(b"\r\n");
            names.push(lower.clone());
        }
        if *name == "From" && fields.is_empty() {
            return Err(Error::NoFrom);
        }
        if SEALED.contains(name) {
            names.push(lower);
        }
    }
    Ok((names, signed))
}

/// Section 3.4.2, without the line end.
fn relaxed_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend(name.trim_ascii().iter().map(u8::to_ascii_lowercase));
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

/// Hashes a body of CRLF lines as it goes by, by section 3.4.4. However the input is split, the
/// hash is the same.
pub struct BodyHash {
    context: Context,
    /// Line ends that count only if text comes behind them.
    line_ends: u64,
    /// Blanks that count only if text comes behind them in the line.
    has_blank: bool,
    after_cr: bool,
    any: bool,
    block: Vec<u8>,
}

impl Default for BodyHash {
    fn default() -> Self {
        Self {
            context: Context::new(&SHA256),
            line_ends: 0,
            has_blank: false,
            after_cr: false,
            any: false,
            block: Vec::new(),
        }
    }
}

impl BodyHash {
    /// Takes the next octets of the body.
    pub fn push(&mut self, octets: &[u8]) {
        self.block.clear();
        let mut rest = octets;
        while let Some(&octet) = rest.first() {
            if self.after_cr && octet != b'\n' {
                // A bare CR is text.
                self.after_cr = false;
                self.text(b"\r");
            }
            match octet {
                b'\n' => {
                    self.after_cr = false;
                    self.has_blank = false;
                    self.line_ends += 1;
                    rest = &rest[1..];
                }
                b'\r' => {
                    self.after_cr = true;
                    rest = &rest[1..];
                }
                b' ' | b'\t' => {
                    self.has_blank = true;
                    rest = &rest[1..];
                }
                _ => {
                    let end = rest
                        .iter()
                        .position(|it| matches!(it, b' ' | b'\t' | b'\r' | b'\n'))
                        .unwrap_or(rest.len());
                    self.text(&rest[..end]);
                    rest = &rest[end..];
                }
            }
        }
        self.context.update(&self.block);
    }

    fn text(&mut self, text: &[u8]) {
        for _ in 0..self.line_ends {
            self.block.extend_from_slice(b"\r\n");
            if self.block.len() > 64 * 1024 {
                self.context.update(&self.block);
                self.block.clear();
            }
        }
        self.line_ends = 0;
        if self.has_blank {
            self.block.push(b' ');
            self.has_blank = false;
        }
        self.block.extend_from_slice(text);
        self.any = true;
    }

    /// The hash. A body that has any text ends with one CRLF.
    pub fn finish(mut self) -> Vec<u8> {
        self.block.clear();
        if self.after_cr {
            self.text(b"\r");
        }
        if self.any {
            self.block.extend_from_slice(b"\r\n");
        }
        self.context.update(&self.block);
        self.context.finish().as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(body: &[u8]) -> Vec<u8> {
        let mut hash = BodyHash::default();
        hash.push(body);
        hash.finish()
    }

    fn of(canonical: &[u8]) -> Vec<u8> {
        aws_lc_rs::digest::digest(&SHA256, canonical).as_ref().to_vec()
    }

    #[test]
    fn the_rfc_s_examples() {
        // Section 3.4.4 and 3.4.5, example 1.
        assert_eq!(STANDARD.encode(hash(b"")), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(hash(b" C \r\nD \t E\r\n\r\n\r\n"), of(b" C\r\nD E\r\n"));
        let mut out = Vec::new();
        relaxed_field(b"A", b" X", &mut out);
        assert_eq!(out, b"a:X");
        out.clear();
        relaxed_field(b"B ", b" Y\t\r\n\tZ  ", &mut out);
        assert_eq!(out, b"b:Y Z");
    }

    #[test]
    fn empty_lines_and_a_missing_end() {
        assert_eq!(hash(b"\r\n\r\n"), of(b""));
        assert_eq!(hash(b"a"), of(b"a\r\n"));
        assert_eq!(hash(b"a\r\n\r\n\r\nb\r\n \t\r\n"), of(b"a\r\n\r\n\r\nb\r\n"));
    }

    #[test]
    fn every_split_has_the_same_hash() {
        let body = b"  a b\t c \r\n\r\n \r\nx\ry\r\n\t\r\nlast \r";
        let whole = hash(body);
        for at in 0..=body.len() {
            let mut split = BodyHash::default();
            split.push(&body[..at]);
            split.push(&body[at..]);
            assert_eq!(split.finish(), whole, "{at}");
        }
    }

    #[test]
    fn fields_are_named_from_the_last_and_sealed() {
        let header = b"To: a@x\r\nFrom: b@x\r\nReferences: <1@x>\r\nReceived: y\r\nTo: c@x\r\n\r\n";
        let (names, signed) = selected(header).expect("it has a From");
        assert_eq!(&names[..2], ["from", "from"]);
        assert_eq!(names.iter().filter(|name| *name == "to").count(), 3);
        assert!(!names.contains(&"received".to_owned()));
        let text = String::from_utf8(signed).expect("text");
        assert!(text.contains("to:c@x\r\nto:a@x\r\n"), "{text}");
        assert_eq!(selected(b"To: a@x\r\n\r\n").err(), Some(Error::NoFrom));
    }

    #[test]
    fn keys_and_names_that_are_none() {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
        let pem = pair.serialize_pem();
        assert!(Signer::new("example.test", "s1", pem.as_bytes()).is_ok());
        assert!(Signer::new("example.test", "s 1", pem.as_bytes()).is_err());
        assert!(Signer::new("example..test", "s1", pem.as_bytes()).is_err());
        assert!(Signer::new("example.test; x=y", "s1", pem.as_bytes()).is_err());
        let other = rcgen::KeyPair::generate().expect("a key").serialize_pem();
        assert!(matches!(Signer::new("a.test", "s", other.as_bytes()), Err(Error::Key(_))));
        assert!(matches!(Signer::new("a.test", "s", b"nothing"), Err(Error::Key(_))));
        let signer = Signer::new("example.test", "s1", pem.as_bytes()).expect("a signer");
        assert_eq!(format!("{signer:?}"), "Signer(s1._domainkey.example.test)");
    }

    #[test]
    fn a_signature_is_one_field_of_short_lines() {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
        let signer =
            Signer::new("example.test", "s1", pair.serialize_pem().as_bytes()).expect("it");
        for end in ["\n", "\r\n"] {
            let header = format!("From: b@x{end}Subject: x{end}{end}");
            let field = signer.signature(header.as_bytes(), &hash(b""), 7).expect("signed");
            let text = String::from_utf8(field).expect("text");
            assert!(text.ends_with(end) && text.lines().all(|line| line.len() <= 80), "{text}");
            let whole = format!("{text}{header}");
            assert_eq!(headers::fields(whole.as_bytes()).count(), 3, "{whole}");
        }
    }
}
