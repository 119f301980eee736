//! A throwaway certificate authority, and a server certificate from it that is as good or as
//! bad as a preset says.

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::net::tls::{Acceptor, Version};

mod revocation;

/// How good the server's certificate is, and what TLS it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Preset {
    /// From the throwaway authority, for localhost, in its time.
    #[default]
    Valid,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYet,
    /// For another name.
    WrongHost,
    /// From nobody.
    SelfSigned,
    /// An RSA key of 1024 bits.
    WeakKey,
    /// A stapled OCSP response says that it was revoked.
    RevokedStaple,
    /// TLS 1.0 and nothing else is spoken.
    #[value(name = "tls1.0")]
    Tls10,
    /// TLS 1.1 and nothing else is spoken.
    #[value(name = "tls1.1")]
    Tls11,
    /// TLS 1.3 is not spoken.
    #[value(name = "tls1.2-only")]
    Tls12Only,
    /// TLS 1.2 is not spoken.
    #[value(name = "tls1.3-only")]
    Tls13Only,
    /// SSL 3.0 is what a ServerHello agrees to, and nothing follows it.
    Ssl3,
    /// STARTTLS and STLS are not offered.
    NoStarttls,
    /// STARTTLS and STLS are offered, and what follows is no TLS.
    StarttlsGarbage,
}

/// What the listeners and the wrapped command need.
pub struct Certificates {
    /// The authority, PEM.
    pub authority_pem: String,
    /// The server's side of TLS from the first octet.
    pub implicit: Acceptor,
    /// The server's side behind STARTTLS and STLS; `None`: they are not offered.
    pub starttls: Option<Acceptor>,
}

/// The server's key: of rcgen's own, or one that rcgen only signs.
enum Key {
    Strong(KeyPair),
    /// An RSAPublicKey (RFC 8017 appendix A.1.1), and PKCS#8.
    #[cfg(feature = "native")]
    Weak {
        public: Vec<u8>,
        private: Vec<u8>,
    },
}

impl rcgen::PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        match self {
            Self::Strong(key) => key.der_bytes(),
            #[cfg(feature = "native")]
            Self::Weak { public, .. } => public,
        }
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        match self {
            Self::Strong(key) => key.algorithm(),
            #[cfg(feature = "native")]
            Self::Weak { .. } => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

impl Key {
    fn new(preset: Preset) -> Result<Self> {
        if preset != Preset::WeakKey {
            return Ok(Self::Strong(KeyPair::generate().context("a key for the server")?));
        }
        #[cfg(feature = "native")]
        {
            crate::net::tls::load_openssl().map_err(anyhow::Error::msg)?;
            let key = openssl::rsa::Rsa::generate(1024).context("a weak key")?;
            let public = key.public_key_to_der_pkcs1()?;
            let private = openssl::pkey::PKey::from_rsa(key)?.private_key_to_pkcs8()?;
            Ok(Self::Weak { public, private })
        }
        #[cfg(not(feature = "native"))]
        anyhow::bail!("this build has only rustls: --tls weak-key needs the feature `native`")
    }

    fn pkcs8(&self) -> Vec<u8> {
        match self {
            Self::Strong(key) => key.serialize_der(),
            #[cfg(feature = "native")]
            Self::Weak { private, .. } => private.clone(),
        }
    }
}

impl Certificates {
    /// Makes an authority and a server certificate.
    ///
    /// With `client_roots` (DER), clients are asked for a certificate from one of these.
    ///
    /// # Errors
    /// When keys cannot be made: our bug, or a machine without randomness; and for presets that
    /// need OpenSSL where this build has none.
    pub fn new(preset: Preset, client_roots: &[Vec<u8>]) -> Result<Self> {
        let authority_key = KeyPair::generate().context("a key for the authority")?;
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.distinguished_name = name("pillarbox serve-test authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        (authority.not_before, authority.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(2049, 12, 31));
        let authority_certificate = authority.self_signed(&authority_key)?;

        let key = Key::new(preset)?;
        let names: Vec<String> = match preset {
            Preset::WrongHost => vec!["wrong-host.test".into()],
            _ => vec![
                "localhost".into(),
                "127.0.0.1".into(),
                "::1".into(),
                "mail.example.test".into(),
            ],
        };
        let mut server = CertificateParams::new(names.clone())?;
        server.distinguished_name = name(&names[0]);
        server.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = preset != Preset::SelfSigned;
        (server.not_before, server.not_after) = match preset {
            Preset::Expired => (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)),
            Preset::NotYet => (date_time_ymd(2048, 1, 1), date_time_ymd(2049, 1, 1)),
            _ => (date_time_ymd(2024, 1, 1), date_time_ymd(2049, 12, 31)),
        };
        let issuer = Issuer::from_params(&authority, &authority_key);
        let leaf = match (&key, preset) {
            (Key::Strong(key), Preset::SelfSigned) => server.self_signed(key)?,
            (key, _) => server.signed_by(key, &issuer)?,
        };
        let leaf = leaf.der().to_vec();
        let staple = match preset {
            Preset::RevokedStaple => {
                revocation::response(authority_certificate.der(), &leaf, &authority_key)
                    .context("an OCSP response")?
            }
            _ => Vec::new(),
        };
        let (chain, secret) = (vec![leaf], key.pkcs8());
        let words = |error: String| anyhow::anyhow!("the server's certificate: {error}");
        let legacy = |oldest, newest| Acceptor::legacy(&chain, &secret, oldest, newest);
        let strict = match preset {
            Preset::Tls10 => legacy(Version::Tls10, Version::Tls10),
            Preset::Tls11 => legacy(Version::Tls11, Version::Tls11),
            Preset::WeakKey => legacy(Version::Tls12, Version::Tls13),
            Preset::Ssl3 => Ok(Acceptor::canned(&SSL3_SERVER_HELLO)),
            Preset::Tls12Only => Acceptor::stapled(
                chain.clone(),
                secret.clone(),
                Version::Tls12,
                &staple,
                client_roots,
            ),
            Preset::Tls13Only => {
                Acceptor::new(chain.clone(), secret.clone(), Version::Tls13, client_roots)
            }
            _ => Acceptor::stapled(
                chain.clone(),
                secret.clone(),
                Version::Tls13,
                &staple,
                client_roots,
            ),
        };
        let implicit = strict.map_err(words)?;
        let starttls = match preset {
            Preset::NoStarttls => None,
            Preset::StarttlsGarbage => Some(Acceptor::canned(GARBAGE)),
            _ => Some(implicit.clone()),
        };
        Ok(Self { authority_pem: authority_certificate.pem(), implicit, starttls })
    }
}

/// What a client hears where it waits for a ServerHello.
const GARBAGE: &[u8] = b"\0\xff250 that was no TLS\r\n\x80\x01\x03garbage\r\n";

/// A ServerHello of SSL 3.0 (RFC 6101 section 5.6.1.3) in its record: a random of zeros, no
/// session, SSL_RSA_WITH_3DES_EDE_CBC_SHA, no compression; and a ServerHelloDone behind it.
const SSL3_SERVER_HELLO: [u8; 56] = {
    let mut octets = [0; 56];
    // handshake, SSL 3.0, 42 octets: server_hello of 38
    let head = [22, 3, 0, 0, 42, 2, 0, 0, 38, 3, 0];
    let mut at = 0;
    while at < head.len() {
        octets[at] = head[at];
        at += 1;
    }
    // behind the random: length of the session's id, suite, compression
    octets[45] = 0x0a;
    // handshake, SSL 3.0, 4 octets: server_hello_done
    (octets[47], octets[48], octets[51], octets[52]) = (22, 3, 4, 14);
    octets
};

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// The system's roots in PEM, empty where no known file holds them.
pub fn system_roots_pem() -> String {
    let known = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];
    let named = std::env::var_os("SSL_CERT_FILE").map(std::path::PathBuf::from);
    named
        .into_iter()
        .chain(known.iter().map(std::path::PathBuf::from))
        .find_map(|path| std::fs::read_to_string(path).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::{Connector, Fault, Settings, Verify, read_pem_certificates};
    use crate::net::{Error, Wire};

    async fn handshake(preset: Preset, trusted: bool) -> Result<(), Error> {
        let certificates = Certificates::new(preset, &[]).expect("certificates");
        let roots = read_pem_certificates(certificates.authority_pem.as_bytes()).expect("PEM");
        let other = Certificates::new(Preset::Valid, &[]).expect("certificates");
        let others = read_pem_certificates(other.authority_pem.as_bytes()).expect("PEM");
        let settings = Settings {
            verify: Verify::Roots(if trusted { roots } else { others }),
            ..Settings::default()
        };
        let (mut client, mut server) = Wire::duplex(64 * 1024);
        let connector = Connector::new("localhost", &settings).expect("connector");
        let (client, _) =
            tokio::join!(client.start_tls(&connector), server.accept_tls(&certificates.implicit));
        client
    }

    #[tokio::test(flavor = "current_thread")]
    async fn each_preset_is_as_good_or_bad_as_it_says() {
        handshake(Preset::Valid, true).await.expect("valid");
        handshake(Preset::Tls13Only, true).await.expect("valid");
        let fault = |result: Result<(), Error>| match result {
            Err(Error::Tls(error)) => error.fault,
            other => panic!("{other:?}"),
        };
        assert_eq!(fault(handshake(Preset::Expired, true).await), Fault::Expired);
        assert_eq!(fault(handshake(Preset::NotYet, true).await), Fault::NotYetValid);
        assert_eq!(
            fault(handshake(Preset::WrongHost, true).await),
            Fault::WrongName(vec!["wrong-host.test".into()])
        );
        assert_eq!(fault(handshake(Preset::SelfSigned, true).await), Fault::Untrusted);
        assert_eq!(fault(handshake(Preset::Valid, false).await), Fault::Untrusted);
    }
}
