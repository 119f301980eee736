//! TLS by native-tls, where the platform has a library of its own (Security.framework,
//! SChannel). Elsewhere OpenSSL is that library, and [`super::openssl`] speaks to it directly:
//! native-tls hides the chain, the version, the channel bindings and why a certificate is bad.

use super::super::wire::Stream;
use super::rustls::{end_point, spki_sha256};
use super::{Error, Fault, Identity, Session, Settings, Verify, Version};

/// Why DANE and this backend do not go together.
pub(super) const WITHOUT_DANE: &str =
    "this server is vouched for by DANE, which needs --tls-backend rustls";

/// A client, ready for one host.
pub(super) struct Client {
    host: String,
    verify: Verify,
    connector: tokio_native_tls::TlsConnector,
}

impl Client {
    pub(super) fn new(host: &str, settings: &Settings) -> Result<Self, Error> {
        let connector = native(settings).map_err(|what| Error::setting(host, what))?.into();
        Ok(Self { host: host.to_owned(), verify: settings.verify.clone(), connector })
    }

    pub(super) async fn connect(
        &self,
        stream: Box<dyn Stream>,
    ) -> Result<(Box<dyn Stream>, Session), super::super::Error> {
        let stream = self
            .connector
            .connect(&self.host, stream)
            .await
            .map_err(|error| failed(&self.host, &error.to_string()))?;
        let session = {
            let tls = stream.get_ref();
            let leaf = tls
                .peer_certificate()
                .ok()
                .flatten()
                .and_then(|certificate| certificate.to_der().ok());
            check_pin(&self.host, &self.verify, leaf.as_deref())?;
            Session {
                end_point: leaf.as_deref().and_then(end_point),
                chain: leaf.into_iter().collect(),
                ..Session::default()
            }
        };
        Ok((Box::new(stream), session))
    }
}

/// What a library gave no verdict on: the pins.
///
/// # Errors
/// [`Fault::PinMismatch`], and [`Fault::BadCertificate`] for one that cannot be read.
pub(super) fn check_pin(host: &str, verify: &Verify, leaf: Option<&[u8]>) -> Result<(), Error> {
    let Verify::Pins(pins) = verify else { return Ok(()) };
    let fault = match leaf.and_then(spki_sha256) {
        None => Fault::BadCertificate("it cannot be read".into()),
        Some(found) if pins.contains(&found) => return Ok(()),
        Some(found) => Fault::PinMismatch(found),
    };
    Err(Error { host: host.to_owned(), fault })
}

/// What a server says about a client's certificate, in OpenSSL's phrases.
const CLIENT_ALERTS: [&str; 6] = [
    "alert certificate required",
    "alert bad certificate",
    "alert unsupported certificate",
    "alert certificate expired",
    "alert certificate unknown",
    "alert unknown ca",
];

/// OpenSSL's fixed phrases, in our words: it has no other way to tell.
pub(super) fn failed(host: &str, words: &str) -> super::super::Error {
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
        Fault::Handshake(super::error::NO_SUITE.into())
    } else if let Some(alert) = CLIENT_ALERTS.into_iter().find(|alert| has(alert)) {
        Fault::ClientCertificate(alert.to_owned())
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
    Error { host: host.to_owned(), fault }.into()
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
            Identity::Pem { chain, key, .. } => native_tls::Identity::from_pkcs8(chain, key),
            Identity::Pkcs12 { container, password } => {
                native_tls::Identity::from_pkcs12(container, password)
            }
        }
        .map_err(|error| format!("client certificate: {error}"))?;
        builder.identity(identity);
    }
    builder.build().map_err(|error| error.to_string())
}
