//! Providers: those known by name, and any other by the metadata it publishes (RFC 8414, or
//! OpenID Connect Discovery 1.0).

use serde_json::{Map, Value};

use super::endpoint::{fetch, text};
use super::{Error, Flow, Keys, Web};
use crate::net::http::Url;

/// The names of providers that need no discovery of ours, or have an issuer that we know.
pub const NAMES: [&str; 4] = ["fastmail", "google", "microsoft", "yahoo"];

/// Whoever gives tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// What `iss` has to be in an answer to the browser (RFC 9207); `None`: not looked at.
    pub(super) issuer: Option<String>,
    /// Whether `iss` has to be there.
    pub(super) issuer_required: bool,
    pub(super) authorization: Option<Url>,
    pub(super) token: Url,
    pub(super) device: Option<Url>,
    pub(super) revocation: Option<Url>,
    /// What to ask for.
    pub(super) scopes: Vec<String>,
    /// What to ask for where the programme itself logs in.
    pub(super) own_scopes: Vec<String>,
    /// Parameters of its own for the browser.
    pub(super) extra: &'static [(&'static str, &'static str)],
    /// The host of the redirect: what can be registered there.
    pub(super) redirect_host: &'static str,
    /// The client's secret goes into the form instead of a header (RFC 6749 section 2.3.1).
    pub(super) secret_in_form: bool,
    /// The flow where the configuration names none.
    pub(super) flow: Flow,
}

impl Provider {
    /// The provider of an account: known by name, or asked for its metadata.
    ///
    /// # Errors
    /// [`Error::Setting`], and what comes of asking.
    pub(super) async fn find(keys: &Keys, web: &Web<'_>) -> Result<Self, Error> {
        let name = keys.provider.as_deref().unwrap_or_default();
        let mut provider = match name.to_ascii_lowercase().as_str() {
            "google" => google()?,
            "microsoft" => microsoft(keys.tenant.as_deref().unwrap_or("common"))?,
            "yahoo" => yahoo()?,
            "fastmail" => {
                let scopes = ["imap", "pop", "smtp"]
                    .map(|part| format!("https://www.fastmail.com/dev/protocol-{part}"))
                    .into_iter()
                    .chain(["offline_access".to_owned()])
                    .collect();
                let found = discover("https://api.fastmail.com", web).await?;
                Self { scopes, redirect_host: "localhost", ..found }
            }
            _ if name.contains("://") => discover(name, web).await?,
            _ => {
                return Err(Error::Setting(format!(
                    "no OAuth provider is called {name:?}: want {}, or the https:// URL of an issuer",
                    NAMES.join(", ")
                )));
            }
        };
        if let Some(scopes) = &keys.scopes {
            provider.scopes.clone_from(scopes);
            provider.own_scopes.clone_from(scopes);
        }
        if let Some(flow) = keys.flow {
            provider.flow = flow;
        }
        Ok(provider)
    }
}

/// <https://developers.google.com/identity/protocols/oauth2/native-app>: the device flow gives
/// no scope for mail, and a refresh token comes only when it is asked for.
fn google() -> Result<Provider, Error> {
    let scopes = vec!["https://mail.google.com/".to_owned()];
    Ok(Provider {
        issuer: None,
        issuer_required: false,
        authorization: Some(known("https://accounts.google.com/o/oauth2/v2/auth")?),
        token: known("https://oauth2.googleapis.com/token")?,
        device: None,
        revocation: Some(known("https://oauth2.googleapis.com/revoke")?),
        own_scopes: scopes.clone(),
        scopes,
        extra: &[("access_type", "offline"), ("prompt", "consent")],
        redirect_host: "127.0.0.1",
        secret_in_form: true,
        flow: Flow::Browser,
    })
}

/// <https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth>
fn microsoft(tenant: &str) -> Result<Provider, Error> {
    let is_plain = !tenant.is_empty()
        && tenant.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-".contains(&octet));
    if !is_plain {
        return Err(Error::Setting(format!("{tenant:?} is no tenant: want a domain or an id")));
    }
    let base = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0");
    let scopes = ["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"]
        .map(|scope| format!("https://outlook.office.com/{scope}"))
        .into_iter()
        .chain(["offline_access".to_owned()])
        .collect();
    Ok(Provider {
        issuer: None,
        issuer_required: false,
        authorization: Some(known(&format!("{base}/authorize"))?),
        token: known(&format!("{base}/token"))?,
        device: Some(known(&format!("{base}/devicecode"))?),
        revocation: None,
        scopes,
        own_scopes: vec!["https://outlook.office365.com/.default".to_owned()],
        extra: &[],
        redirect_host: "localhost",
        secret_in_form: true,
        flow: Flow::Device,
    })
}

/// <https://developer.yahoo.com/oauth2/guide/flows_authcode/>
fn yahoo() -> Result<Provider, Error> {
    Ok(Provider {
        issuer: None,
        issuer_required: false,
        authorization: Some(known("https://api.login.yahoo.com/oauth2/request_auth")?),
        token: known("https://api.login.yahoo.com/oauth2/get_token")?,
        device: None,
        revocation: None,
        scopes: vec!["mail-w".to_owned()],
        own_scopes: vec!["mail-w".to_owned()],
        extra: &[],
        redirect_host: "localhost",
        secret_in_form: false,
        flow: Flow::Browser,
    })
}

fn known(url: &str) -> Result<Url, Error> {
    checked(url).map_err(|what| Error::Setting(format!("{url}: {what}")))
}

/// A URL that a secret may be sent to: by TLS, or to this machine.
pub(super) fn checked(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error: crate::net::http::Error| error.to_string())?;
    let is_here = url.host == "localhost"
        || url.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if url.is_tls || is_here { Ok(url) } else { Err("a provider is asked by https only".into()) }
}

/// RFC 8414 section 3: the well-known part goes between host and path; OpenID Connect Discovery
/// appends its own.
async fn discover(issuer: &str, web: &Web<'_>) -> Result<Provider, Error> {
    let base = known(issuer)?;
    let (front, path) = match issuer.strip_suffix(&base.target) {
        Some(front) => (front, base.target.trim_end_matches('/')),
        None => (issuer, ""),
    };
    let places = [
        format!("{front}/.well-known/oauth-authorization-server{path}"),
        format!("{front}{path}/.well-known/openid-configuration"),
    ];
    let mut last = None;
    for place in places {
        match fetch(&known(&place)?, web).await {
            Ok(metadata) => return from_metadata(issuer, &place, &metadata),
            // Not at this place; the other may have it.
            Err(error @ Error::Answer { transient: false, .. }) => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| Error::Setting(format!("{issuer} publishes no metadata"))))
}

fn from_metadata(
    issuer: &str,
    place: &str,
    metadata: &Map<String, Value>,
) -> Result<Provider, Error> {
    let wrong = |what: String| Error::Answer { url: place.to_owned(), what, transient: false };
    // RFC 8414 section 3.3: otherwise somebody else speaks for it.
    let said = text(metadata, "issuer").unwrap_or_default();
    if said.trim_end_matches('/') != issuer.trim_end_matches('/') {
        return Err(wrong(format!("it is the metadata of {said:?}")));
    }
    let endpoint = |name: &str| -> Result<Option<Url>, Error> {
        let Some(url) = text(metadata, name) else { return Ok(None) };
        checked(url).map(Some).map_err(|what| wrong(format!("{name}: {what}")))
    };
    let token = endpoint("token_endpoint")?
        .ok_or_else(|| wrong("it names no token_endpoint".to_owned()))?;
    let (authorization, device) =
        (endpoint("authorization_endpoint")?, endpoint("device_authorization_endpoint")?);
    let offers = |list: &str, word: &str| {
        metadata.get(list).and_then(Value::as_array).map(|words| {
            words.iter().any(|offered| offered.as_str().is_some_and(|offered| offered == word))
        })
    };
    let basic = offers("token_endpoint_auth_methods_supported", "client_secret_basic");
    let in_form = offers("token_endpoint_auth_methods_supported", "client_secret_post");
    // Without this scope, providers after OpenID Connect give no refresh token.
    let scopes = match offers("scopes_supported", "offline_access") {
        Some(true) => vec!["offline_access".to_owned()],
        _ => Vec::new(),
    };
    Ok(Provider {
        issuer: Some(said.to_owned()),
        issuer_required: metadata.get("authorization_response_iss_parameter_supported")
            == Some(&Value::Bool(true)),
        flow: if authorization.is_none() && device.is_some() {
            Flow::Device
        } else {
            Flow::Browser
        },
        authorization,
        token,
        device,
        revocation: endpoint("revocation_endpoint")?,
        scopes,
        own_scopes: Vec::new(),
        extra: &[],
        redirect_host: "127.0.0.1",
        secret_in_form: in_form == Some(true) && basic != Some(true),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).expect("an object")
    }

    #[test]
    fn metadata_is_read() {
        let provider = from_metadata(
            "https://id.test/realm",
            "place",
            &metadata(
                r#"{"issuer":"https://id.test/realm","token_endpoint":"https://id.test/t",
                    "authorization_endpoint":"https://id.test/a","extra":[1,{}],
                    "scopes_supported":["openid","offline_access"],
                    "token_endpoint_auth_methods_supported":["client_secret_post"]}"#,
            ),
        )
        .expect("a provider");
        assert_eq!(provider.flow, Flow::Browser);
        assert_eq!(provider.scopes, ["offline_access"]);
        assert!(provider.secret_in_form && !provider.issuer_required);
    }

    #[test]
    fn metadata_of_another_or_in_the_clear_is_refused() {
        for text in [
            r#"{"issuer":"https://evil.test","token_endpoint":"https://id.test/t"}"#,
            r#"{"token_endpoint":"https://id.test/t"}"#,
            r#"{"issuer":"https://id.test"}"#,
            r#"{"issuer":"https://id.test","token_endpoint":"http://id.test/t"}"#,
            r#"{"issuer":"https://id.test","token_endpoint":"https://id.test/t",
                "device_authorization_endpoint":"file:///etc"}"#,
        ] {
            let refused = from_metadata("https://id.test", "place", &metadata(text));
            assert!(refused.is_err(), "{text}");
        }
    }

    #[test]
    fn known_providers_are_whole() {
        for provider in [google(), microsoft("common"), yahoo()] {
            let provider = provider.expect("its URLs are good");
            assert!(provider.token.is_tls && !provider.scopes.is_empty());
            assert!(provider.flow != Flow::Device || provider.device.is_some());
        }
        assert!(microsoft("../x").is_err());
    }
}
