//! TLS by the platform's own library: native-tls, and OpenSSL itself where native-tls hides
//! too much (TLS below 1.2, PKCS#12 for rustls).

use openssl::ssl::{SslAcceptor, SslConnector, SslMethod, SslOptions, SslVerifyMode, SslVersion};

use super::super::wire::Stream;
use super::rustls::{end_point, spki_sha256};
use super::{Error, Fault, Identity, Session, Settings, Verify, Version};

/// Why DANE and this backend do not go together.
const WITHOUT_DANE: &str = "this server is vouched for by DANE, which needs --tls-backend rustls";

/// A client, ready for one host.
pub(super) struct Client {
    host: String,
    verify: Verify,
    library: Library,
}

enum Library {
    Native(tokio_native_tls::TlsConnector),
    /// Debian's OpenSSL refuses TLS 1.0 and 1.1 unless the security level is 0, which
    /// native-tls cannot set.
    OpenSsl(SslConnector),
}

/// Certificates in DER, leaf first, and the key in PKCS#8 DER.
pub(super) fn open_pkcs12(
    container: &[u8],
    password: &str,
) -> Result<(Vec<Vec<u8>>, Vec<u8>), String> {
    let words = |error: openssl::error::ErrorStack| {
        format!("PKCS#12: {error} (is the container's password right?)")
    };
    let parsed = openssl::pkcs12::Pkcs12::from_der(container)
        .and_then(|pkcs12| pkcs12.parse2(password))
        .map_err(words)?;
    let leaf = parsed.cert.ok_or("PKCS#12: no certificate in it")?;
    let key = parsed.pkey.ok_or("PKCS#12: no key in it")?;
    let mut chain = vec![leaf.to_der().map_err(words)?];
    for certificate in parsed.ca.iter().flatten() {
        chain.push(certificate.to_der().map_err(words)?);
    }
    Ok((chain, key.private_key_to_pkcs8().map_err(words)?))
}

impl Client {
    pub(super) fn new(host: &str, settings: &Settings) -> Result<Self, Error> {
        let setting = |what: String| Error::setting(host, what);
        let library = if settings.min < Version::Tls12 {
            Library::OpenSsl(legacy(settings).map_err(setting)?)
        } else {
            Library::Native(native(settings).map_err(setting)?.into())
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, verify: settings.verify.clone(), library })
    }

    pub(super) async fn connect(
        &self,
        stream: Box<dyn Stream>,
    ) -> Result<(Box<dyn Stream>, Session), super::super::Error> {
        match &self.library {
            Library::Native(connector) => {
                let stream = connector
                    .connect(&self.host, stream)
                    .await
                    .map_err(|error| self.failed(&error.to_string()))?;
                let session = {
                    let tls = stream.get_ref();
                    let leaf = tls
                        .peer_certificate()
                        .ok()
                        .flatten()
                        .and_then(|certificate| certificate.to_der().ok());
                    self.check_pin(leaf.as_deref())?;
                    Session {
                        end_point: leaf.as_deref().and_then(end_point),
                        chain: leaf.into_iter().collect(),
                        ..Session::default()
                    }
                };
                Ok((Box::new(stream), session))
            }
            Library::OpenSsl(connector) => {
                let ssl = connector
                    .configure()
                    .map(|mut configuration| {
                        let named = !matches!(self.verify, Verify::Nothing | Verify::Pins(_));
                        configuration.set_verify_hostname(named);
                        configuration.set_use_server_name_indication(
                            self.host.parse::<std::net::IpAddr>().is_err(),
                        );
                        configuration
                    })
                    .and_then(|configuration| configuration.into_ssl(&self.host))
                    .map_err(|error| self.failed(&error.to_string()))?;
                let mut tls = tokio_openssl::SslStream::new(ssl, stream)
                    .map_err(|error| self.failed(&error.to_string()))?;
                if let Err(error) = std::pin::Pin::new(&mut tls).connect().await {
                    let verdict = tls.ssl().verify_result();
                    return Err(self.failed(&format!("{error} ({})", verdict.error_string())));
                }
                let session = {
                    let ssl = tls.ssl();
                    let chain: Vec<Vec<u8>> = ssl
                        .peer_cert_chain()
                        .into_iter()
                        .flatten()
                        .filter_map(|certificate| certificate.to_der().ok())
                        .collect();
                    self.check_pin(chain.first().map(Vec::as_slice))?;
                    let mut exporter = [0u8; 32];
                    let exported = ssl.version2() == Some(SslVersion::TLS1_3)
                        && ssl
                            .export_keying_material(&mut exporter, "EXPORTER-Channel-Binding", None)
                            .is_ok();
                    Session {
                        version: legacy_version(ssl.version_str()),
                        cipher: ssl
                            .current_cipher()
                            .and_then(|cipher| cipher.standard_name())
                            .unwrap_or_default()
                            .to_owned(),
                        exporter: exported.then(|| exporter.to_vec()),
                        end_point: chain.first().and_then(|leaf| end_point(leaf)),
                        chain,
                        ..Session::default()
                    }
                };
                Ok((Box::new(tls), session))
            }
        }
    }

    fn check_pin(&self, leaf: Option<&[u8]>) -> Result<(), Error> {
        let Verify::Pins(pins) = &self.verify else { return Ok(()) };
        let found = leaf.and_then(spki_sha256).ok_or_else(|| Error {
            host: self.host.clone(),
            fault: Fault::BadCertificate("it cannot be read".into()),
        })?;
        if pins.contains(&found) {
            Ok(())
        } else {
            Err(Error { host: self.host.clone(), fault: Fault::PinMismatch(found) })
        }
    }

    /// OpenSSL's fixed phrases, in our words: it has no other way to tell.
    fn failed(&self, words: &str) -> super::super::Error {
        let has = |phrase: &str| words.contains(phrase);
        let fault = if has("certificate has expired") {
            Fault::Expired
        } else if has("certificate is not yet valid") {
            Fault::NotYetValid
        } else if has("hostname mismatch") || has("IP address mismatch") {
            Fault::WrongName(Vec::new())
        } else if has("self-signed certificate")
            || has("self signed certificate")
            || has("unable to get local issuer")
            || has("unable to get issuer")
            || has("unable to verify the first")
            || has("certificate signature failure")
        {
            Fault::Untrusted
        } else if has("certificate revoked") {
            Fault::Revoked
        } else if has("wrong version number")
            || has("packet length too long")
            || has("unknown protocol")
        {
            Fault::NotTls
        } else if has("unsupported protocol") || has("alert protocol version") {
            Fault::Handshake("no protocol version in common".into())
        } else if has("alert handshake failure") || has("no shared cipher") {
            Fault::Handshake("no cipher suite in common".into())
        } else if has("certificate required")
            || has("alert bad certificate")
            || has("alert unknown ca")
        {
            Fault::ClientCertificate(words.to_owned())
        } else if has("unexpected EOF")
            || has("EOF during")
            || has("unexpected eof")
            || has("Connection reset")
        {
            return super::super::Error::Closed;
        } else if has("certificate verify failed") {
            Fault::BadCertificate(words.to_owned())
        } else {
            Fault::Handshake(words.to_owned())
        };
        Error { host: self.host.clone(), fault }.into()
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
            version: legacy_version(ssl.version_str()),
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
fn legacy_version(name: &str) -> String {
    match name.strip_prefix("TLSv") {
        Some("1") => Version::Tls10.to_string(),
        Some(number) => format!("TLS {number}"),
        None => name.to_owned(),
    }
}

fn native(settings: &Settings) -> Result<native_tls::TlsConnector, String> {
    let mut builder = native_tls::TlsConnector::builder();
    builder.min_protocol_version(Some(match settings.min {
        // Newer than what native-tls can name is checked by the handshake itself.
        Version::Tls13 => native_tls::Protocol::Tlsv13,
        _ => native_tls::Protocol::Tlsv12,
    }));
    match &settings.verify {
        Verify::System => {}
        Verify::Roots(roots) => {
            builder.disable_built_in_roots(true);
            for root in roots {
                let root = native_tls::Certificate::from_der(root)
                    .map_err(|error| format!("--ca-file: {error}"))?;
                builder.add_root_certificate(root);
            }
        }
        Verify::Dane(_) => return Err(WITHOUT_DANE.into()),
        Verify::Pins(_) | Verify::Nothing => {
            builder.danger_accept_invalid_certs(true).danger_accept_invalid_hostnames(true);
        }
    }
    if let Some(identity) = &settings.identity {
        let identity = match identity {
            Identity::Pem { chain, key } => native_tls::Identity::from_pkcs8(chain, key),
            Identity::Pkcs12 { container, password } => {
                native_tls::Identity::from_pkcs12(container, password)
            }
        }
        .map_err(|error| format!("client certificate: {error}"))?;
        builder.identity(identity);
    }
    builder.build().map_err(|error| error.to_string())
}

fn legacy(settings: &Settings) -> Result<SslConnector, String> {
    let words = |error: openssl::error::ErrorStack| error.to_string();
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(words)?;
    builder.set_cipher_list("DEFAULT:@SECLEVEL=0").map_err(words)?;
    builder.set_min_proto_version(Some(openssl_version(settings.min))).map_err(words)?;
    match &settings.verify {
        Verify::System => {}
        Verify::Roots(roots) => {
            let mut store = openssl::x509::store::X509StoreBuilder::new().map_err(words)?;
            for root in roots {
                let root = openssl::x509::X509::from_der(root).map_err(words)?;
                store.add_cert(root).map_err(words)?;
            }
            builder.set_cert_store(store.build());
        }
        Verify::Dane(_) => return Err(WITHOUT_DANE.into()),
        Verify::Pins(_) | Verify::Nothing => builder.set_verify(SslVerifyMode::NONE),
    }
    if let Some(identity) = &settings.identity {
        let (chain, key) = match identity {
            Identity::Pkcs12 { container, password } => {
                let (chain, key) = open_pkcs12(container, password)?;
                let chain = chain
                    .iter()
                    .map(|der| openssl::x509::X509::from_der(der))
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(words)?;
                (chain, openssl::pkey::PKey::private_key_from_pkcs8(&key).map_err(words)?)
            }
            Identity::Pem { chain, key } => (
                openssl::x509::X509::stack_from_pem(chain).map_err(words)?,
                openssl::pkey::PKey::private_key_from_pem(key).map_err(words)?,
            ),
        };
        let mut certificates = chain.into_iter();
        let leaf = certificates.next().ok_or("client certificate: none in the file")?;
        builder.set_certificate(&leaf).map_err(words)?;
        builder.set_private_key(&key).map_err(words)?;
        for certificate in certificates {
            builder.add_extra_chain_cert(certificate).map_err(words)?;
        }
    }
    Ok(builder.build())
}
