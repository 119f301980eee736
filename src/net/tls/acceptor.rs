//! A server's side of TLS: as it should be, as it was long ago, and as it never was.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Session, Version, rustls};
use crate::net::wire::Stream;

/// A server's side of TLS.
#[derive(Clone)]
pub struct Acceptor(Side);

#[derive(Clone)]
enum Side {
    Rustls(rustls::Server),
    #[cfg(feature = "native")]
    OpenSsl(super::openssl::Server),
    Canned(Arc<[u8]>),
}

impl Acceptor {
    /// Takes a chain (DER, leaf first) and its key (PKCS#8 DER). With `client_roots`, a
    /// client's certificate from one of these authorities is asked for and optional.
    ///
    /// # Errors
    /// In words, when rustls does not take them.
    pub fn new(
        chain: Vec<Vec<u8>>,
        key: Vec<u8>,
        min: Version,
        client_roots: &[Vec<u8>],
    ) -> Result<Self, String> {
        let offer =
            rustls::Offer { oldest: min, newest: Version::Tls13, client_roots, staple: &[] };
        rustls::Server::new(chain, key, &offer).map(|server| Self(Side::Rustls(server)))
    }

    /// As [`Acceptor::new`], with no version above `newest` (at least TLS 1.2), and with a DER
    /// OCSP response for the leaf where `staple` is not empty (RFC 6066 section 8).
    ///
    /// # Errors
    /// As [`Acceptor::new`].
    pub fn stapled(
        chain: Vec<Vec<u8>>,
        key: Vec<u8>,
        newest: Version,
        staple: &[u8],
        client_roots: &[Vec<u8>],
    ) -> Result<Self, String> {
        let offer = rustls::Offer { oldest: Version::Tls12, newest, client_roots, staple };
        rustls::Server::new(chain, key, &offer).map(|server| Self(Side::Rustls(server)))
    }

    /// Versions and keys that nobody should accept any more, by OpenSSL at security level 0.
    ///
    /// # Errors
    /// In words, when OpenSSL does not take them, or is not in this build.
    #[cfg_attr(not(feature = "native"), expect(unused_variables))]
    pub fn legacy(
        chain: &[Vec<u8>],
        key: &[u8],
        oldest: Version,
        newest: Version,
    ) -> Result<Self, String> {
        #[cfg(feature = "native")]
        return super::openssl::Server::new(chain, key, oldest, newest)
            .map(|server| Self(Side::OpenSsl(server)));
        #[cfg(not(feature = "native"))]
        Err("this build has only rustls: this needs the feature `native`".to_owned())
    }

    /// Says these octets to whatever the client begins with, and hangs up.
    pub fn canned(octets: &[u8]) -> Self {
        Self(Side::Canned(octets.into()))
    }

    /// Does the handshake over `stream`.
    ///
    /// # Errors
    /// [`super::super::Error`]; a client that went away is [`super::super::Error::Closed`].
    pub async fn accept(
        &self,
        stream: Box<dyn Stream>,
    ) -> Result<(Box<dyn Stream>, Session), super::super::Error> {
        match &self.0 {
            Side::Rustls(server) => server.accept(stream).await,
            #[cfg(feature = "native")]
            Side::OpenSsl(server) => server.accept(stream).await,
            Side::Canned(octets) => Err(hang_up(octets, stream).await),
        }
    }
}

/// Reads once, answers, and waits until the client has seen that it is over.
async fn hang_up(octets: &[u8], mut stream: Box<dyn Stream>) -> super::super::Error {
    let mut heard = [0; 16 * 1024];
    let said = async {
        // Whatever and however much it is.
        let _ = stream.read(&mut heard).await?;
        stream.write_all(octets).await?;
        stream.shutdown().await?;
        // What is closed with octets unread is reset, and the answer would be lost with it.
        while stream.read(&mut heard).await? > 0 {}
        std::io::Result::Ok(())
    };
    match said.await {
        Ok(()) => super::super::Error::Closed,
        Err(error) => super::super::Error::Io(error),
    }
}
