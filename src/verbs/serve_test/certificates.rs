//! A throwaway certificate authority, and a server certificate from it that is as good or as
//! bad as a preset says.

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::net::tls::{Acceptor, Version};

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
    /// TLS 1.2 is not spoken.
    #[value(name = "tls1.3-only")]
    Tls13Only,
}

/// What the listeners and the wrapped command need.
pub struct Certificates {
    /// The authority, PEM.
    pub authority_pem: String,
    /// The server's side of TLS.
    pub acceptor: Acceptor,
}

impl Certificates {
    /// Makes an authority and a server certificate.
    ///
    /// # Errors
    /// When keys cannot be made: our bug, or a machine without randomness.
    pub fn new(preset: Preset) -> Result<Self> {
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

        let key = KeyPair::generate().context("a key for the server")?;
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
        let chain = match preset {
            Preset::SelfSigned => vec![server.self_signed(&key)?.der().to_vec()],
            _ => {
                let issuer = Issuer::from_params(&authority, &authority_key);
                let leaf = server.signed_by(&key, &issuer)?;
                vec![leaf.der().to_vec()]
            }
        };
        let min = if preset == Preset::Tls13Only { Version::Tls13 } else { Version::Tls12 };
        let acceptor = Acceptor::new(chain, key.serialize_der(), min, &[])
            .map_err(|error| anyhow::anyhow!("the server's certificate: {error}"))?;
        Ok(Self { authority_pem: authority_certificate.pem(), acceptor })
    }
}

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
        let certificates = Certificates::new(preset).expect("certificates");
        let roots = read_pem_certificates(certificates.authority_pem.as_bytes()).expect("PEM");
        let other = Certificates::new(Preset::Valid).expect("certificates");
        let others = read_pem_certificates(other.authority_pem.as_bytes()).expect("PEM");
        let settings = Settings {
            verify: Verify::Roots(if trusted { roots } else { others }),
            ..Settings::default()
        };
        let (mut client, mut server) = Wire::duplex(64 * 1024);
        let connector = Connector::new("localhost", &settings).expect("connector");
        let (client, _) =
            tokio::join!(client.start_tls(&connector), server.accept_tls(&certificates.acceptor));
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
