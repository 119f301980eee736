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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, TcpListener};

    use openssl::pkey::PKey;
    use openssl::ssl::{SslAcceptor, SslMethod};
    use openssl::x509::X509;

    use super::*;

    const HOST: &str = "mail.test";

    struct Made {
        chain: Vec<u8>,
        key: Vec<u8>,
        root: Vec<u8>,
    }

    /// A certificate for [`HOST`], valid between these years, and the root above it.
    fn made(from: i32, to: i32) -> Made {
        let root_key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(rcgen::DnType::CommonName, "root");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = params.self_signed(&root_key).expect("a root");
        let issuer = rcgen::Issuer::from_params(&params, &root_key);
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(vec![HOST.to_owned()]).expect("names");
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        let leaf = params.signed_by(&key, &issuer).expect("a leaf");
        Made { chain: leaf.der().to_vec(), key: key.serialize_der(), root: root.der().to_vec() }
    }

    /// One handshake with a server of OpenSSL's, which says one line.
    fn handshake(made: &Made, host: &str, verify: Verify) -> Result<Session, Fault> {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).expect("TLS");
        builder.set_certificate(&X509::from_der(&made.chain).expect("DER")).expect("it");
        builder.set_private_key(&PKey::private_key_from_der(&made.key).expect("DER")).expect("it");
        let acceptor = builder.build();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("an address").port();
        let server = std::thread::spawn(move || {
            let Ok((stream, _)) = listener.accept() else { return };
            if let Ok(mut tls) = acceptor.accept(stream) {
                let _ = tls.write_all(b"hello\r\n");
                let _ = tls.read(&mut [0; 16]);
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let settings = Settings { verify, ..Settings::default() };
        let client = Client::new(host, &settings).expect("settings that can be followed");
        let result = runtime.expect("a runtime").block_on(async {
            let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("there");
            client.connect(Box::new(stream)).await
        });
        let result = match result {
            Ok((stream, session)) => {
                drop(stream);
                Ok(session)
            }
            Err(super::super::super::Error::Tls(error)) => Err(error.fault),
            Err(other) => panic!("no verdict: {other}"),
        };
        server.join().expect("the server ends");
        result
    }

    /// native-tls is OpenSSL where these tests run, and this is the way to it all the same.
    #[test]
    fn verdicts_are_those_of_the_other_backends() {
        let sound = made(2020, 2090);
        let roots = |made: &Made| Verify::Roots(vec![made.root.clone()]);
        let session = handshake(&sound, HOST, roots(&sound)).expect("sound");
        assert_eq!(session.chain, std::slice::from_ref(&sound.chain));
        assert!(session.end_point.is_some());
        let other = handshake(&sound, "other.test", roots(&sound));
        assert!(matches!(other, Err(Fault::WrongName(_))), "{other:?}");
        let unknown = handshake(&sound, HOST, roots(&made(2020, 2090)));
        assert!(matches!(unknown, Err(Fault::Untrusted)), "{unknown:?}");
        let system = handshake(&sound, HOST, Verify::System);
        assert!(matches!(system, Err(Fault::Untrusted)), "{system:?}");
        let (past, future) = (made(2001, 2002), made(2080, 2090));
        let expired = handshake(&past, HOST, roots(&past));
        assert!(matches!(expired, Err(Fault::Expired)), "{expired:?}");
        let early = handshake(&future, HOST, roots(&future));
        assert!(matches!(early, Err(Fault::NotYetValid)), "{early:?}");
        let pin = spki_sha256(&sound.chain).expect("a key");
        assert!(handshake(&sound, "other.test", Verify::Pins(vec![pin])).is_ok());
        let wrong = handshake(&sound, HOST, Verify::Pins(vec![[0; 32]]));
        assert!(matches!(wrong, Err(Fault::PinMismatch(found)) if found == pin), "{wrong:?}");
        assert!(handshake(&past, "other.test", Verify::Nothing).is_ok());
    }
}
