//! A server's side of TLS by rustls: its certificate, and the names of those who show it one.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::super::super::wire::Stream;
use super::super::overheard::{Overheard, Side};
use super::super::{Session, Version};
use super::{common, crypto_provider, end_point, handshake_error};

/// What a server offers beside its certificate.
pub(in crate::net::tls) struct Offer<'a> {
    /// TLS 1.2 or 1.3.
    pub(in crate::net::tls) oldest: Version,
    /// TLS 1.2 or 1.3.
    pub(in crate::net::tls) newest: Version,
    /// Whose clients' certificates are asked for; empty: none are.
    pub(in crate::net::tls) client_roots: &'a [Vec<u8>],
    /// An OCSP response for the leaf; empty: none.
    pub(in crate::net::tls) staple: &'a [u8],
}

/// A server's side of TLS.
#[derive(Clone)]
pub(in crate::net::tls) struct Server {
    acceptor: TlsAcceptor,
    end_point: Option<Vec<u8>>,
}

impl Server {
    /// Takes a chain (DER, leaf first) and its key (PKCS#8 DER).
    ///
    /// # Errors
    /// In words, when rustls does not take them.
    pub(in crate::net::tls) fn new(
        chain: Vec<Vec<u8>>,
        key: Vec<u8>,
        offer: &Offer<'_>,
    ) -> Result<Self, String> {
        let provider = crypto_provider();
        let versions: Vec<&rustls::SupportedProtocolVersion> =
            [(Version::Tls13, &rustls::version::TLS13), (Version::Tls12, &rustls::version::TLS12)]
                .into_iter()
                .filter(|(version, _)| (offer.oldest..=offer.newest).contains(version))
                .map(|(_, known)| known)
                .collect();
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions)
            .map_err(|error| error.to_string())?;
        let builder = if offer.client_roots.is_empty() {
            builder.with_no_client_auth()
        } else {
            let mut store = RootCertStore::empty();
            for root in offer.client_roots {
                store.add(CertificateDer::from(root.clone())).map_err(|error| error.to_string())?;
            }
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(store.into(), provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| error.to_string())?;
            builder.with_client_cert_verifier(verifier)
        };
        let end_point = chain.first().and_then(|leaf| end_point(leaf));
        let key = PrivateKeyDer::Pkcs8(key.into());
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let config = builder
            .with_single_cert_with_ocsp(chain, key, offer.staple.to_vec())
            .map_err(|error| error.to_string())?;
        Ok(Self { acceptor: Arc::new(config).into(), end_point })
    }

    /// Does the handshake over `stream`.
    ///
    /// # Errors
    /// [`crate::net::Error`]; a client that went away is [`crate::net::Error::Closed`].
    pub(in crate::net::tls) async fn accept(
        &self,
        stream: Box<dyn Stream>,
    ) -> Result<(Box<dyn Stream>, Session), crate::net::Error> {
        let mut stream = self
            .acceptor
            .accept(Overheard::new(stream, Side::Sent))
            .await
            .map_err(|error| handshake_error("the client", error))?;
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
            Session {
                end_point: self.end_point.clone(),
                client_subject: chain.first().and_then(|leaf| common_name(leaf)),
                chain,
                ..common(connection, is_extended, exporter)
            }
        };
        Ok((Box::new(stream), session))
    }
}

/// The name that a client's certificate gives: the first rfc822Name, else the common name.
fn common_name(certificate: &[u8]) -> Option<String> {
    use x509_parser::extensions::GeneralName;
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    if let Ok(Some(names)) = parsed.subject_alternative_name() {
        for name in &names.value.general_names {
            if let GeneralName::RFC822Name(address) = name {
                return Some((*address).to_owned());
            }
        }
    }
    parsed
        .subject()
        .iter_common_name()
        .next()
        .and_then(|name| name.as_str().ok())
        .map(str::to_owned)
}
