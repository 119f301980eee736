//! TLS by rustls: what both sides share, and a client's side with whom it trusts.

mod server;

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};
use tokio_rustls::TlsConnector;

pub(super) use server::{Offer, Server};

use super::super::wire::Stream;
use super::certificate;
use super::overheard::{Overheard, Side};
use super::{Dane, Error, Fault, Identity, Question, Session, Settings, Verify, Version};

/// The cryptography of every rustls connection: aws-lc-rs, with X25519MLKEM768 first.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// All certificates of a PEM file, in DER.
///
/// # Errors
/// In words, when there is none or one is malformed.
pub fn read_pem_certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut found = Vec::new();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        match certificate {
            Ok(der) => found.push(der.to_vec()),
            Err(error) => return Err(format!("certificate {}: {error:?}", index + 1)),
        }
    }
    if found.is_empty() { Err("no certificate in PEM form in it".into()) } else { Ok(found) }
}

/// SHA-256 of a certificate's SubjectPublicKeyInfo, what `--pin` compares (RFC 7469
/// section 2.4); `None` when the certificate is malformed.
pub fn spki_sha256(certificate: &[u8]) -> Option<[u8; 32]> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        parsed.tbs_certificate.subject_pki.raw,
    );
    digest.as_ref().try_into().ok()
}

/// A client, ready for one host.
pub(super) struct Client {
    host: String,
    name: ServerName<'static>,
    connector: TlsConnector,
    staple: Staple,
}

impl Client {
    pub(super) fn new(host: &str, settings: &Settings) -> Result<Self, Error> {
        Self::asking(host, settings, &Question::default())
    }

    pub(super) fn asking(
        host: &str,
        settings: &Settings,
        question: &Question<'_>,
    ) -> Result<Self, Error> {
        let setting = |what: String| Error::setting(host, what);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| setting(format!("{host:?} is no host name that TLS could verify")))?;
        let provider = crypto_provider();
        let versions: &[&rustls::SupportedProtocolVersion] = match settings.min {
            Version::Tls13 => &[&rustls::version::TLS13],
            _ => &[&rustls::version::TLS13, &rustls::version::TLS12],
        };
        let verifier = Verifier::new(&settings.verify, provider.clone())
            .map_err(|error| setting(format!("trust store: {error}")))?;
        let staple = Arc::clone(&verifier.staple);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|error| setting(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &settings.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = identity_parts(identity).map_err(&setting)?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| setting(format!("client certificate: {error}")))?
            }
        };
        config.enable_sni = matches!(name, ServerName::DnsName(_)) && !question.is_nameless;
        config.alpn_protocols = question.alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Self { host: host.to_owned(), name, connector: Arc::new(config).into(), staple })
    }

    pub(super) async fn connect(
        &self,
        stream: Box<dyn Stream>,
    ) -> Result<(Box<dyn Stream>, Session), super::super::Error> {
        let mut stream = self
            .connector
            .connect(self.name.clone(), Overheard::new(stream, Side::Received))
            .await
            .map_err(|error| handshake_error(&self.host, error))?;
        let is_extended = stream.get_mut().0.is_master_secret_extended();
        let session = {
            let (_, connection) = stream.get_ref();
            let exporter = |out: [u8; 32]| {
                connection.export_keying_material(out, b"EXPORTER-Channel-Binding", None).ok()
            };
            let chain: Vec<Vec<u8>> = connection
                .peer_certificates()
                .unwrap_or_default()
                .iter()
                .map(|certificate| certificate.to_vec())
                .collect();
            let is_resumed = connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
            let staple = self.staple.lock().map(|mut staple| staple.take()).unwrap_or_default();
            Session {
                end_point: chain.first().and_then(|leaf| end_point(leaf)),
                chain,
                client_subject: None,
                alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
                is_resumed,
                staple: (!is_resumed).then(|| staple.unwrap_or_default()),
                ..common(connection, is_extended, exporter)
            }
        };
        Ok((Box::new(stream), session))
    }
}

fn common<Data>(
    connection: &rustls::ConnectionCommon<Data>,
    is_extended: bool,
    exporter: impl FnOnce([u8; 32]) -> Option<[u8; 32]>,
) -> Session {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => Some(Version::Tls13),
        Some(rustls::ProtocolVersion::TLSv1_2) => Some(Version::Tls12),
        _ => None,
    };
    let name = |debug: String| debug.trim_start_matches("TLS13_").to_owned();
    Session {
        version: version.map(|version| version.to_string()).unwrap_or_default(),
        cipher: connection
            .negotiated_cipher_suite()
            .map(|suite| match suite {
                rustls::SupportedCipherSuite::Tls13(_) => {
                    format!("TLS_{}", name(format!("{:?}", suite.suite())))
                }
                rustls::SupportedCipherSuite::Tls12(_) => format!("{:?}", suite.suite()),
            })
            .unwrap_or_default(),
        group: connection
            .negotiated_key_exchange_group()
            .map(|group| format!("{:?}", group.name())),
        // RFC 9266 section 4.2: on TLS 1.2 only with the extended master secret.
        exporter: (version == Some(Version::Tls13) || is_extended)
            .then(|| exporter([0; 32]).map(|octets| octets.to_vec()))
            .flatten(),
        ..Session::default()
    }
}

/// tls-server-end-point, RFC 5929 section 4.1: the certificate's hash by the hash of its
/// signature algorithm, SHA-256 in place of MD5 and SHA-1. `None` where it is not defined.
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    use aws_lc_rs::digest;
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let algorithm = match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        // md5, sha1 and sha256 with RSA; ECDSA with sha1 and sha256.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => &digest::SHA256,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &digest::SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(algorithm, certificate).as_ref().to_vec())
}

fn identity_parts(
    identity: &Identity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    match identity {
        #[cfg(feature = "native")]
        identity if identity.is_locked() => {
            let (chain, key) = super::openssl::open_identity(identity)?;
            let chain = chain.into_iter().map(CertificateDer::from).collect();
            let key = PrivateKeyDer::try_from(key).map_err(|error| error.to_owned())?;
            Ok((chain, key))
        }
        #[cfg(not(feature = "native"))]
        identity if identity.is_locked() => {
            Err("this build reads neither PKCS#12 nor encrypted keys (it lacks the feature \
                 `native`): give PEM without a password instead"
                .into())
        }
        Identity::Pem { chain, key, .. } => {
            let chain = read_pem_certificates(chain)
                .map_err(|error| format!("client certificate: {error}"))?
                .into_iter()
                .map(CertificateDer::from)
                .collect();
            let key = PrivateKeyDer::from_pem_slice(key)
                .map_err(|_| "client key: no private key in PEM form in it")?;
            Ok((chain, key))
        }
        Identity::Pkcs12 { .. } => Err("client certificate: not in PEM form".into()),
    }
}

/// Verifies as [`Verify`] says.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    trust: Trust,
    /// The OCSP response that was stapled to the certificate verified last.
    staple: Staple,
}

/// Shared by a connector and its verifier.
type Staple = Arc<std::sync::Mutex<Option<Vec<u8>>>>;

#[derive(Debug)]
enum Trust {
    Chain(Arc<dyn ServerCertVerifier>),
    /// A given root may also be the server's own self-signed certificate, which webpki does
    /// not take for a leaf.
    Given(Arc<WebPkiServerVerifier>, Vec<Vec<u8>>),
    Pins(Vec<[u8; 32]>),
    Dane(Dane),
    Nothing,
}

impl Verifier {
    fn new(verify: &Verify, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let trust = match verify {
            Verify::System => Trust::Chain(Arc::new(
                rustls_platform_verifier::Verifier::new(provider.clone())
                    .map_err(|error| error.to_string())?,
            )),
            Verify::Roots(roots) => {
                let mut store = RootCertStore::empty();
                for root in roots {
                    store
                        .add(CertificateDer::from(root.clone()))
                        .map_err(|error| error.to_string())?;
                }
                let webpki =
                    WebPkiServerVerifier::builder_with_provider(store.into(), provider.clone())
                        .build()
                        .map_err(|error| error.to_string())?;
                Trust::Given(webpki, roots.clone())
            }
            Verify::Pins(pins) => Trust::Pins(pins.clone()),
            Verify::Dane(dane) => Trust::Dane(dane.clone()),
            Verify::Nothing => Trust::Nothing,
        };
        Ok(Self { provider, trust, staple: Staple::default() })
    }
}

impl Verifier {
    /// RFC 7672 section 3.1: usage 3 asks for the certificate or key alone, usage 2 for a chain
    /// to the authority and for one of the names.
    fn verify_dane(
        &self,
        dane: &Dane,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if dane.vouches_for(leaf) {
            return Ok(ServerCertVerified::assertion());
        }
        let chain = std::iter::once(leaf).chain(intermediates).map(|it| it.as_ref());
        let mut fault = rustls::Error::InvalidCertificate(CertificateError::Other(
            rustls::OtherError(Arc::new(Told(Fault::NoTlsaMatch))),
        ));
        for authority in dane.authorities(chain) {
            let mut store = RootCertStore::empty();
            if store.add(CertificateDer::from(authority.to_vec())).is_err() {
                continue;
            }
            let parsed = ParsedCertificate::try_from(leaf)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            let vouched = match authority == leaf.as_ref() {
                true => check_time(leaf, now),
                false => rustls::client::verify_server_cert_signed_by_trust_anchor(
                    &parsed,
                    &store,
                    intermediates,
                    now,
                    algorithms,
                ),
            };
            if let Err(error) = vouched {
                fault = error;
                continue;
            }
            for name in dane.names() {
                let Ok(wanted) = ServerName::try_from(name.as_str()) else { continue };
                match rustls::client::verify_server_name(&parsed, &wanted) {
                    Ok(()) => return Ok(ServerCertVerified::assertion()),
                    Err(_) if has_common_name(leaf, name) => {
                        return Ok(ServerCertVerified::assertion());
                    }
                    Err(error) => fault = error,
                }
            }
        }
        Err(fault)
    }
}

/// Whether a certificate (DER) without any DNS name has this one as its common name, a `*` for the
/// first label included (RFC 7672 section 3.2.3: only then it counts).
fn has_common_name(certificate: &[u8], name: &str) -> bool {
    use x509_parser::extensions::GeneralName;
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else { return false };
    let is_dns = |name: &GeneralName<'_>| matches!(name, GeneralName::DNSName(_));
    let has_dns_id = match parsed.subject_alternative_name() {
        Ok(names) => names.is_some_and(|names| names.value.general_names.iter().any(is_dns)),
        // Written twice, or unreadable: nobody knows.
        Err(_) => true,
    };
    let mut common = parsed.subject().iter_common_name().filter_map(|it| it.as_str().ok());
    !has_dns_id
        && common.any(|common| match common.strip_prefix("*.") {
            Some(rest) => {
                name.split_once('.').is_some_and(|(_, behind)| behind.eq_ignore_ascii_case(rest))
            }
            None => common.eq_ignore_ascii_case(name),
        })
}

/// Carries a verdict through rustls, which has not all of our words.
#[derive(Debug)]
struct Told(Fault);

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Told {}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Ok(mut staple) = self.staple.lock() {
            *staple = Some(ocsp.to_vec());
        }
        let verdict = match &self.trust {
            Trust::Chain(verifier) => {
                verifier.verify_server_cert(leaf, intermediates, name, ocsp, now)
            }
            Trust::Given(_, roots) if roots.iter().any(|root| root == leaf.as_ref()) => {
                let parsed = ParsedCertificate::try_from(leaf)?;
                check_time(leaf, now)?;
                rustls::client::verify_server_name(&parsed, name)?;
                Ok(ServerCertVerified::assertion())
            }
            Trust::Given(verifier, _) => {
                verifier.verify_server_cert(leaf, intermediates, name, ocsp, now)
            }
            Trust::Pins(pins) => {
                let found = spki_sha256(leaf)
                    .ok_or(rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
                if pins.contains(&found) {
                    Ok(ServerCertVerified::assertion())
                } else {
                    Err(rustls::Error::InvalidCertificate(CertificateError::Other(
                        rustls::OtherError(Arc::new(Told(Fault::PinMismatch(found)))),
                    )))
                }
            }
            Trust::Dane(dane) => self.verify_dane(dane, leaf, intermediates, now),
            Trust::Nothing => Ok(ServerCertVerified::assertion()),
        };
        let other = |fault| {
            let other = rustls::OtherError(Arc::new(Told(fault)));
            rustls::Error::InvalidCertificate(CertificateError::Other(other))
        };
        let is_named = matches!(self.trust, Trust::Chain(_) | Trust::Given(..));
        match verdict {
            // webpki would only say later that a signature by such a key is bad.
            Ok(_) if is_named && certificate::is_weak(leaf) => {
                Err(other(Fault::BadCertificate(certificate::WEAK.into())))
            }
            Ok(_) if is_named && certificate::has_mute_authority(leaf, intermediates) => {
                Err(other(Fault::BadCertificate(certificate::NO_AUTHORITY.into())))
            }
            Err(rustls::Error::InvalidCertificate(bad)) => {
                let weak = || intermediates.iter().any(|it| certificate::is_weak(it));
                Err(other(match verdict_fault(&bad) {
                    Fault::BadCertificate(why)
                        if why == certificate::AUTHORITY && certificate::is_self_issued(leaf) =>
                    {
                        Fault::Untrusted
                    }
                    _ if certificate::is_old(leaf) => {
                        Fault::BadCertificate(certificate::OLD.into())
                    }
                    Fault::WrongName(_) => Fault::WrongName(certificate::names_of(leaf)),
                    Fault::Untrusted if weak() => Fault::BadCertificate(certificate::WEAK.into()),
                    fault => fault,
                }))
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn check_time(certificate: &[u8], now: UnixTime) -> Result<(), rustls::Error> {
    let bad = |kind| rustls::Error::InvalidCertificate(kind);
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
        .map_err(|_| bad(CertificateError::BadEncoding))?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < parsed.validity().not_before.timestamp() {
        Err(bad(CertificateError::NotValidYet))
    } else if now > parsed.validity().not_after.timestamp() {
        Err(bad(CertificateError::Expired))
    } else {
        Ok(())
    }
}

/// What rustls said, hidden in the I/O error of the handshake, in our words.
fn handshake_error(host: &str, error: std::io::Error) -> super::super::Error {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return match error.kind() {
            std::io::ErrorKind::UnexpectedEof
            | std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::BrokenPipe => super::super::Error::Closed,
            _ => super::super::Error::Io(error),
        };
    };
    Error { host: host.to_owned(), fault: fault(tls) }.into()
}

/// An alert about our certificate, hidden in the error of a read.
pub(super) fn late_alert(error: &std::io::Error) -> Option<Fault> {
    let tls = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(fault(tls)).filter(|fault| matches!(fault, Fault::ClientCertificate(_)))
}

/// What a certificate's verdict is in our words.
fn verdict_fault(bad: &CertificateError) -> Fault {
    use CertificateError as Bad;
    let of = |why: &str| Fault::BadCertificate(why.to_owned());
    match bad {
        Bad::Expired | Bad::ExpiredContext { .. } => Fault::Expired,
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => Fault::NotYetValid,
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Fault::WrongName(Vec::new()),
        // A signature that is not by the root of that name: another root of the same name.
        Bad::UnknownIssuer | Bad::BadSignature => Fault::Untrusted,
        Bad::Revoked => Fault::Revoked,
        Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. } => of(certificate::PURPOSE),
        Bad::UnhandledCriticalExtension => of(certificate::CRITICAL),
        Bad::UnsupportedSignatureAlgorithmContext { .. }
        | Bad::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => of(certificate::WEAK),
        Bad::Other(other) => match other.0.downcast_ref::<Told>() {
            Some(Told(fault)) => fault.clone(),
            // webpki's own words, which rustls passes on as they are.
            None => match other.to_string().as_str() {
                "CaUsedAsEndEntity" => of(certificate::AUTHORITY),
                "EndEntityUsedAsCa" => of(certificate::NO_AUTHORITY),
                "PathLenConstraintViolated" => of(certificate::PATH_LENGTH),
                "NameConstraintViolation" => of(certificate::NAME_CONSTRAINT),
                "UnsupportedCertVersion" => of(certificate::OLD),
                "UnsupportedCriticalExtension" => of(certificate::CRITICAL),
                words => of(words),
            },
        },
        other => Fault::BadCertificate(format!("{other:?}")),
    }
}

fn fault(error: &rustls::Error) -> Fault {
    match error {
        rustls::Error::InvalidCertificate(bad) => verdict_fault(bad),
        rustls::Error::InvalidMessage(
            rustls::InvalidMessage::InvalidContentType
            | rustls::InvalidMessage::UnknownProtocolVersion,
        ) => Fault::NotTls,
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA => Fault::ClientCertificate(format!("alert {alert:?}")),
            AlertDescription::ProtocolVersion => {
                Fault::Handshake("no protocol version in common".into())
            }
            AlertDescription::HandshakeFailure => Fault::Handshake(super::error::NO_SUITE.into()),
            other => Fault::Handshake(format!("it sent the alert {other:?}")),
        },
        rustls::Error::PeerIncompatible(
            rustls::PeerIncompatible::ServerDoesNotSupportTls12Or13
            | rustls::PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => Fault::Handshake("no protocol version in common".into()),
        other => Fault::Handshake(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_name_counts_where_there_is_no_other() {
        let certificate = |names: &[&str], common: &str| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let mut parameters = rcgen::CertificateParams::new(names).expect("parameters");
            parameters.distinguished_name = rcgen::DistinguishedName::new();
            parameters.distinguished_name.push(rcgen::DnType::CommonName, common);
            let key = rcgen::KeyPair::generate().expect("a key");
            parameters.self_signed(&key).expect("a certificate").der().to_vec()
        };
        for (names, common, name, has) in [
            (&[][..], "mx.a.test", "mx.a.test", true),
            (&[], "MX.a.test", "mx.a.test", true),
            (&[], "*.a.test", "mx.a.test", true),
            (&[], "*.a.test", "mx.b.a.test", false),
            (&[], "*.a.test", "a.test", false),
            (&[], "m*.a.test", "mx.a.test", false),
            (&[], "mx.a.test", "mx.b.test", false),
            (&["mx.b.test"], "mx.a.test", "mx.a.test", false),
            // An address is no DNS name.
            (&["192.0.2.1"], "mx.a.test", "mx.a.test", true),
        ] {
            assert_eq!(has_common_name(&certificate(names, common), name), has, "{common} {name}");
        }
        assert!(!has_common_name(b"no certificate", "mx.a.test"));
    }
}
