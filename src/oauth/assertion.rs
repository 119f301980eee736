//! Service accounts (RFC 7523): a JWT, signed with the key that the provider gave out, is
//! exchanged for a token; RS256 (RFC 7518 section 3.3) alone.

use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::endpoint::{Asker, text};
use super::{Error, Web, base64url};
use crate::net::http::Url;

/// How long an assertion is good, in seconds: the most that Google takes.
const LIFETIME: u64 = 3600;

/// A service account's key as the provider gives it.
pub(super) struct Key {
    email: String,
    id: Option<String>,
    key: KeyPair,
    token: Url,
}

impl Key {
    /// Reads the JSON file of a key.
    ///
    /// # Errors
    /// [`Error::Local`] for a file that cannot be read, [`Error::Setting`] for one that is none.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let shown = path.display();
        let octets = std::fs::read(path)
            .map_err(|source| Error::Local { what: shown.to_string(), source })?;
        let octets = Zeroizing::new(octets);
        let wrong =
            |what: &str| Error::Setting(format!("{shown} is no key of a service account: {what}"));
        let object: Map<String, Value> =
            serde_json::from_slice(&octets).map_err(|_| wrong("it is no JSON object"))?;
        let field = |name| text(&object, name).ok_or_else(|| wrong(&format!("it has no {name}")));
        let pem = field("private_key")?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .ok()
            .and_then(|der| KeyPair::from_pkcs8(der.secret_pkcs8_der()).ok())
            .ok_or_else(|| wrong("its private_key is no RSA key in PKCS#8"))?;
        let token = super::provider::checked(field("token_uri")?)
            .map_err(|what| wrong(&format!("token_uri: {what}")))?;
        Ok(Self {
            email: field("client_email")?.to_owned(),
            id: text(&object, "private_key_id").map(str::to_owned),
            key,
            token,
        })
    }

    /// The signed assertion that the account, for `user` where there is one, wants `scope`.
    /// `now` in seconds since 1970.
    fn assertion(&self, user: Option<&str>, scope: &str, now: u64) -> Result<String, Error> {
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(id) = &self.id {
            header["kid"] = json!(id);
        }
        let mut claims = json!({
            "iss": self.email,
            "scope": scope,
            "aud": self.token.to_string(),
            "iat": now,
            "exp": now + LIFETIME,
        });
        if let Some(user) = user {
            claims["sub"] = json!(user);
        }
        let signed = format!(
            "{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(claims.to_string().as_bytes())
        );
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| Error::Setting("the key of the service account cannot sign".to_owned()))?;
        Ok(format!("{signed}.{}", base64url(&signature)))
    }

    /// Exchanges an assertion for a token.
    ///
    /// # Errors
    /// What comes of asking.
    pub(super) async fn exchange(
        &self,
        user: Option<&str>,
        scope: &str,
        now: u64,
        web: &Web<'_>,
    ) -> Result<Map<String, Value>, Error> {
        let assertion = Zeroizing::new(self.assertion(user, scope, now)?);
        let parameters = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.as_str()),
        ];
        Asker::nobody().post(&self.token, &parameters, web).await
    }
}
