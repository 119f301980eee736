//! TLS by OpenSSL itself, where that is the platform's library, and everywhere for what no other
//! library will speak (TLS below 1.2) or read (PKCS#12, encrypted keys).

use std::sync::{Arc, Mutex, PoisonError};

use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    SslAcceptor, SslConnector, SslMethod, SslOptions, SslRef, SslVerifyMode, SslVersion,
};
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags};
use openssl::x509::{X509, X509StoreContextRef};

use super::super::wire::Stream;
use super::certificate::{self, names_of};
use super::native::{WITHOUT_DANE, check_pin, failed};
use super::rustls::end_point;
use super::{Error, Fault, Identity, Session, Settings, Verify, Version, load_openssl};

/// Security level 2 is what rustls has too: no RSA below 2048 bits, no SHA-1.
const SECURITY_LEVEL: u32 = 2;

/// A client, ready for one host.
pub(super) struct Client {
    host: String,
    verify: Verify,
    connector: SslConnector,
}

/// What the library held against a certificate: its number and words, and the server's own
/// certificate.
struct Objection {
    code: i32,
    words: &'static str,
    leaf: Vec<u8>,
}

impl Client {
    pub(super) fn new(host: &str, settings: &Settings) -> Result<Self, Error> {
        let connector = connector(settings).map_err(|what| Error::setting(host, what))?;
        Ok(Self { host: host.to_owned(), verify: settings.verify.clone(), connector })
    }

    pub(super) async fn connect(
        &self,
        stream: Box<dyn Stream>,
    ) -> Result<(Box<dyn Stream>, Session), super::super::Error> {
        let words = |error: openssl::error::ErrorStack| failed(&self.host, &error.to_string());
        let mut configuration = self.connector.configure().map_err(words)?;
        let is_named = !matches!(self.verify, Verify::Nothing | Verify::Pins(_));
        let address = self.host.parse::<std::net::IpAddr>();
        configuration.set_use_server_name_indication(address.is_err());
        // The name is verified by the parameters below: what the crate sets by itself would let
        // a common name pass for a host's.
        configuration.set_verify_hostname(false);
        let objection = Arc::new(Mutex::new(None));
        if is_named {
            let heard = objection.clone();
            configuration.set_verify_callback(SslVerifyMode::PEER, move |is_good, context| {
                if !is_good {
                    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                    heard.get_or_insert_with(|| objection_of(context));
                }
                is_good
            });
            let parameters = configuration.param_mut();
            parameters.set_hostflags(
                X509CheckFlags::NO_PARTIAL_WILDCARDS | X509CheckFlags::NEVER_CHECK_SUBJECT,
            );
            match address {
                Ok(address) => parameters.set_ip(address),
                Err(_) => parameters.set_host(&self.host),
            }
            .map_err(words)?;
        }
        let ssl = configuration.into_ssl(&self.host).map_err(words)?;
        let mut tls = tokio_openssl::SslStream::new(ssl, stream).map_err(words)?;
        if let Err(error) = std::pin::Pin::new(&mut tls).connect().await {
            let objection = objection.lock().unwrap_or_else(PoisonError::into_inner).take();
            return Err(match objection {
                Some(objection) => {
                    Error { host: self.host.clone(), fault: objection.fault() }.into()
                }
                None => failed(&self.host, &error.to_string()),
            });
        }
        let session = session(tls.ssl());
        if is_named && let Some(leaf) = session.chain.first() {
            self.check_leaf(leaf)?;
        }
        check_pin(&self.host, &self.verify, session.chain.first().map(Vec::as_slice))?;
        Ok((Box::new(tls), session))
    }
}

impl Client {
    /// What webpki holds against a certificate and OpenSSL does not.
    ///
    /// # Errors
    /// [`Fault::BadCertificate`]
    fn check_leaf(&self, leaf: &Vec<u8>) -> Result<(), Error> {
        let is_given = matches!(&self.verify, Verify::Roots(roots) if roots.contains(leaf));
        if is_given || !certificate::is_authority(leaf) {
            return Ok(());
        }
        let fault = Fault::BadCertificate(certificate::AUTHORITY.into());
        Err(Error { host: self.host.clone(), fault })
    }
}

fn objection_of(context: &mut X509StoreContextRef) -> Objection {
    let chain = context.chain().and_then(|chain| chain.get(0)?.to_der().ok());
    let current = || context.current_cert().and_then(|it| it.to_der().ok());
    let leaf = chain.or_else(current).unwrap_or_default();
    let error = context.error();
    Objection { code: error.as_raw(), words: error.error_string(), leaf }
}

impl Objection {
    /// The numbers are those of x509_vfy.h.
    fn fault(&self) -> Fault {
        let bad = |why: &str| Fault::BadCertificate(why.to_owned());
        match self.code {
            9 => Fault::NotYetValid,
            10 => Fault::Expired,
            62 | 64 if certificate::is_old(&self.leaf) => bad(certificate::OLD),
            62 | 64 => Fault::WrongName(names_of(&self.leaf)),
            2 | 7 | 18 | 19 | 20 | 21 | 27 | 28 => Fault::Untrusted,
            23 => Fault::Revoked,
            24 | 32 | 79 => bad(certificate::NO_AUTHORITY),
            25 => bad(certificate::PATH_LENGTH),
            26 if certificate::is_authority(&self.leaf) => bad(certificate::AUTHORITY),
            26 => bad(certificate::PURPOSE),
            34 => bad(certificate::CRITICAL),
            47 | 48 => bad(certificate::NAME_CONSTRAINT),
            66..=68 => bad(certificate::WEAK),
            _ => bad(self.words),
        }
    }
}

fn session(ssl: &SslRef) -> Session {
    let chain: Vec<Vec<u8>> = ssl
        .peer_cert_chain()
        .into_iter()
        .flatten()
        .filter_map(|certificate| certificate.to_der().ok())
        .collect();
    let is_1_3 = ssl.version2() == Some(SslVersion::TLS1_3);
    // RFC 9266 section 4.2, and RFC 7627 section 1 for tls-unique: without the extended master
    // secret, two connections can be made to agree on both.
    let is_bound = is_1_3 || ssl.extms_support() == Some(true);
    let mut exporter = vec![0; 32];
    let exported = is_bound
        && ssl.export_keying_material(&mut exporter, "EXPORTER-Channel-Binding", None).is_ok();
    Session {
        version: version_name(ssl.version_str()),
        cipher: ssl
            .current_cipher()
            .and_then(|cipher| cipher.standard_name())
            .unwrap_or_default()
            .to_owned(),
        exporter: exported.then_some(exporter),
        unique: (is_bound && !is_1_3).then(|| unique(ssl)).flatten(),
        end_point: chain.first().and_then(|leaf| end_point(leaf)),
        chain,
        ..Session::default()
    }
}

/// The first Finished message (RFC 5929 section 3.1): ours, or the server's where a session was
/// resumed.
fn unique(ssl: &SslRef) -> Option<Vec<u8>> {
    let mut finished = [0; 64];
    let length = match ssl.session_reused() {
        true => ssl.peer_finished(&mut finished),
        false => ssl.finished(&mut finished),
    };
    finished.get(..length).filter(|it| !it.is_empty()).map(<[u8]>::to_vec)
}

/// An alert about our certificate, hidden in the error of a read.
pub(super) fn late_alert(error: &std::io::Error) -> Option<Fault> {
    let tls = error.get_ref()?.downcast_ref::<openssl::ssl::Error>()?;
    match failed("", &tls.to_string()) {
        super::super::Error::Tls(Error { fault: Fault::ClientCertificate(why), .. }) => {
            Some(Fault::ClientCertificate(why))
        }
        _ => None,
    }
}

/// A server of versions and keys that are long out of use.
#[derive(Clone)]
pub(super) struct Server {
    acceptor: SslAcceptor,
    end_point: Option<Vec<u8>>,
}

impl Server {
    /// Takes a chain (DER, leaf first) and its key (PKCS#8 DER).
    ///
    /// # Errors
    /// In words, when OpenSSL does not take them.
    pub(super) fn new(
        chain: &[Vec<u8>],
        key: &[u8],
        oldest: Version,
        newest: Version,
    ) -> Result<Self, String> {
        load_openssl()?;
        let words = |error: openssl::error::ErrorStack| error.to_string();
        let mut builder =
            SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).map_err(words)?;
        builder.clear_options(SslOptions::NO_TLSV1 | SslOptions::NO_TLSV1_1);
        builder.set_cipher_list("ALL:@SECLEVEL=0").map_err(words)?;
        builder.set_min_proto_version(Some(openssl_version(oldest))).map_err(words)?;
        builder.set_max_proto_version(Some(openssl_version(newest))).map_err(words)?;
        let mut certificates = chain.iter();
        let leaf = certificates.next().ok_or("no certificate")?;
        let parsed = openssl::x509::X509::from_der(leaf).map_err(words)?;
        builder.set_certificate(&parsed).map_err(words)?;
        for certificate in certificates {
            let certificate = openssl::x509::X509::from_der(certificate).map_err(words)?;
            builder.add_extra_chain_cert(certificate).map_err(words)?;
        }
        let key = openssl::pkey::PKey::private_key_from_pkcs8(key).map_err(words)?;
        builder.set_private_key(&key).map_err(words)?;
        Ok(Self { acceptor: builder.build(), end_point: end_point(leaf) })
    }

    pub(super) async fn accept(
        &self,
        stream: Box<dyn Stream>,
    ) -> Result<(Box<dyn Stream>, Session), super::super::Error> {
        let failed = |words: String| -> super::super::Error {
            Error { host: "the client".to_owned(), fault: Fault::Handshake(words) }.into()
        };
        let mut tls = openssl::ssl::Ssl::new(self.acceptor.context())
            .and_then(|ssl| tokio_openssl::SslStream::new(ssl, stream))
            .map_err(|error| failed(error.to_string()))?;
        let accepted = std::pin::Pin::new(&mut tls).accept().await;
        accepted.map_err(|error| failed(error.to_string()))?;
        let ssl = tls.ssl();
        let cipher = ssl.current_cipher().and_then(|cipher| cipher.standard_name());
        let session = Session {
            version: version_name(ssl.version_str()),
            cipher: cipher.unwrap_or_default().to_owned(),
            end_point: self.end_point.clone(),
            ..Session::default()
        };
        Ok((Box::new(tls), session))
    }
}

fn openssl_version(version: Version) -> SslVersion {
    match version {
        Version::Tls10 => SslVersion::TLS1,
        Version::Tls11 => SslVersion::TLS1_1,
        Version::Tls12 => SslVersion::TLS1_2,
        Version::Tls13 => SslVersion::TLS1_3,
    }
}

/// OpenSSL says `TLSv1`, `TLSv1.1` and so on.
fn version_name(name: &str) -> String {
    match name.strip_prefix("TLSv") {
        Some("1") => Version::Tls10.to_string(),
        Some(number) => format!("TLS {number}"),
        None => name.to_owned(),
    }
}

fn connector(settings: &Settings) -> Result<SslConnector, String> {
    load_openssl()?;
    let words = |error: openssl::error::ErrorStack| error.to_string();
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(words)?;
    if settings.min < Version::Tls12 {
        // Debian's OpenSSL refuses TLS 1.0 and 1.1 unless the security level is 0.
        builder.set_cipher_list("DEFAULT:@SECLEVEL=0").map_err(words)?;
        builder.set_security_level(0);
    } else {
        builder.set_security_level(SECURITY_LEVEL);
    }
    builder.set_min_proto_version(Some(openssl_version(settings.min))).map_err(words)?;
    // A second handshake would change what tls-unique is.
    builder.set_options(SslOptions::NO_RENEGOTIATION);
    match &settings.verify {
        Verify::System => {
            // Where a vendored library looks by itself, no system has its roots. One place that
            // cannot be read does not spoil the others.
            let probed = openssl_probe::probe();
            if let Some(file) = &probed.cert_file {
                let _ = builder.load_verify_locations(Some(file), None);
            }
            for folder in &probed.cert_dir {
                let _ = builder.load_verify_locations(None, Some(folder));
            }
        }
        Verify::Roots(roots) => {
            let mut store = openssl::x509::store::X509StoreBuilder::new().map_err(words)?;
            for root in roots {
                let root = X509::from_der(root).map_err(words)?;
                store.add_cert(root).map_err(words)?;
            }
            // Whatever certificate the user gives is trusted, an intermediate one too.
            store.set_flags(X509VerifyFlags::PARTIAL_CHAIN).map_err(words)?;
            builder.set_cert_store(store.build());
        }
        Verify::Dane(_) => return Err(WITHOUT_DANE.into()),
        Verify::Pins(_) | Verify::Nothing => builder.set_verify(SslVerifyMode::NONE),
    }
    if let Some(identity) = &settings.identity {
        let (chain, key) = identity_parts(identity)?;
        let mut certificates = chain.into_iter();
        let leaf = certificates.next().ok_or("client certificate: none in the file")?;
        builder.set_certificate(&leaf).map_err(words)?;
        builder.set_private_key(&key).map_err(|_| "client certificate: the key is not its own")?;
        for certificate in certificates {
            builder.add_extra_chain_cert(certificate).map_err(words)?;
        }
    }
    Ok(builder.build())
}

/// The chain, leaf first, and the key.
fn identity_parts(identity: &Identity) -> Result<(Vec<X509>, PKey<Private>), String> {
    match identity {
        Identity::Pem { chain, key, password } => {
            let chain = X509::stack_from_pem(chain)
                .map_err(|error| format!("client certificate: {error}"))?;
            // With a password of its own, so that the library never asks the terminal for one.
            let key = PKey::private_key_from_pem_passphrase(key, password.as_bytes())
                .map_err(|_| key_words(key, password))?;
            Ok((chain, key))
        }
        Identity::Pkcs12 { container, password } => parse_pkcs12(container, password),
    }
}

fn key_words(key: &[u8], password: &str) -> String {
    let is_encrypted = memchr::memmem::find(key, b"ENCRYPTED").is_some();
    match (is_encrypted, password.is_empty()) {
        (true, true) => {
            "client key: it is encrypted, and PILLARBOX_CLIENT_CERT_PASSWORD is not set"
        }
        (true, false) => "client key: it does not open with PILLARBOX_CLIENT_CERT_PASSWORD",
        (false, _) => "client key: no private key in PEM form in it",
    }
    .to_owned()
}

fn parse_pkcs12(container: &[u8], password: &str) -> Result<(Vec<X509>, PKey<Private>), String> {
    let parsed = openssl::pkcs12::Pkcs12::from_der(container)
        .map_err(|_| "client certificate: neither PEM nor PKCS#12")?
        .parse2(password)
        .map_err(|_| match password.is_empty() {
            true => {
                "PKCS#12: it does not open without a password: set PILLARBOX_CLIENT_CERT_PASSWORD"
            }
            false => {
                "PKCS#12: it does not open with PILLARBOX_CLIENT_CERT_PASSWORD, or is not whole"
            }
        })?;
    let leaf = parsed.cert.ok_or("PKCS#12: no certificate in it")?;
    let key = parsed.pkey.ok_or("PKCS#12: no key in it")?;
    // Versions of the library differ in the order of the others.
    let mut others: Vec<X509> = parsed.ca.into_iter().flatten().collect();
    let mut chain = vec![leaf];
    while let Some(at) = chain.last().and_then(|last| {
        others
            .iter()
            .position(|it| last.issuer_name().to_der().ok() == it.subject_name().to_der().ok())
    }) {
        chain.push(others.remove(at));
    }
    Ok((chain, key))
}

/// Certificates in DER, leaf first, and the key in PKCS#8 DER.
///
/// # Errors
/// In words that do not hold the password.
pub(super) fn open_identity(identity: &Identity) -> Result<(Vec<Vec<u8>>, Vec<u8>), String> {
    load_openssl()?;
    let words = |error: openssl::error::ErrorStack| error.to_string();
    let (chain, key) = identity_parts(identity)?;
    let chain = chain.iter().map(|it| it.to_der().map_err(words)).collect::<Result<_, _>>()?;
    Ok((chain, key.private_key_to_pkcs8().map_err(words)?))
}
