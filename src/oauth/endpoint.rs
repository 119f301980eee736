//! One question to a provider: a form there, a JSON object back (RFC 6749 section 5).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::{Error, Provider, Settings, Web};
use crate::base::secret::Secret;
use crate::net::http::{Request, Response, Url};

/// All but RFC 3986's unreserved characters.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How much of a provider's words goes into an error, in characters.
const WORDS: usize = 300;

/// One parameter as it stands in a form.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, FORM).to_string()
}

/// Parameters as they stand in a form or a query.
pub(super) fn form(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    pairs.join("&")
}

/// A string that is not empty.
pub(super) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A number of seconds; some providers write it as a string.
pub(super) fn seconds(object: &Map<String, Value>, name: &str) -> Option<u64> {
    match object.get(name)? {
        Value::Number(number) => {
            number.as_u64().or_else(|| number.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64))
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Who asks: in the form, and, where the client has a secret and the provider wants it there, in
/// a header.
pub(super) struct Asker {
    id: String,
    secret: Option<Secret>,
    in_form: bool,
}

impl Asker {
    /// # Errors
    /// [`Error::ClientSecret`].
    pub(super) fn new(settings: &Settings, provider: &Provider) -> Result<Self, Error> {
        let secret = (settings.client_secret)()
            .map_err(|error| Error::ClientSecret(error.to_string()))?
            .filter(|secret| !secret.is_empty());
        let in_form = provider.secret_in_form;
        Ok(Self { id: settings.client_id.clone(), secret, in_form })
    }

    /// Nobody: the form itself proves who asks.
    pub(super) fn nobody() -> Self {
        Self { id: String::new(), secret: None, in_form: true }
    }

    /// Posts a form and takes the object that comes back.
    ///
    /// # Errors
    /// [`Error::Web`], [`Error::Refused`], [`Error::Answer`].
    pub(super) async fn post(
        &self,
        url: &Url,
        parameters: &[(&str, &str)],
        web: &Web<'_>,
    ) -> Result<Map<String, Value>, Error> {
        let mut parameters = parameters.to_vec();
        let mut header = None;
        match &self.secret {
            Some(secret) => {
                web.options.redactor.learn(secret);
                let text = secret.expose_str().unwrap_or_default();
                if self.in_form {
                    parameters.extend([("client_id", self.id.as_str()), ("client_secret", text)]);
                } else {
                    use base64::Engine as _;
                    let pair = format!("{}:{}", encoded(&self.id), encoded(text));
                    let pair = base64::engine::general_purpose::STANDARD.encode(pair);
                    header = Some(Secret::new(format!("Basic {pair}")));
                }
            }
            None if self.id.is_empty() => {}
            None => parameters.push(("client_id", &self.id)),
        }
        let body = form(&parameters);
        let mut request = Request::post(url.clone(), "application/x-www-form-urlencoded", body)
            .field("Accept", "application/json");
        if let Some(header) = header {
            request = request.secret_field("Authorization", header);
        }
        let response = request
            .send(&web.tls, web.options)
            .await
            .map_err(|source| Error::Web { url: url.to_string(), source })?;
        object(url, &response)
    }
}

/// Gets an object.
///
/// # Errors
/// As [`Asker::post`].
pub(super) async fn fetch(url: &Url, web: &Web<'_>) -> Result<Map<String, Value>, Error> {
    let request = Request::get(url.clone()).field("Accept", "application/json").following(3);
    let response = request
        .send(&web.tls, web.options)
        .await
        .map_err(|source| Error::Web { url: url.to_string(), source })?;
    object(url, &response)
}

fn object(url: &Url, response: &Response) -> Result<Map<String, Value>, Error> {
    let parsed = serde_json::from_slice::<Map<String, Value>>(&response.body).ok();
    let short =
        |text: &str| -> String { text.chars().filter(|c| !c.is_control()).take(WORDS).collect() };
    // Some providers send an error with a status of 200.
    let refusal = parsed.as_ref().and_then(|object| Some((text(object, "error")?, object)));
    if let Some((error, object)) = refusal {
        return Err(Error::Refused {
            url: url.to_string(),
            error: short(error),
            description: text(object, "error_description").map(short),
        });
    }
    match parsed {
        Some(object) if response.is_success() => Ok(object),
        _ => Err(Error::Answer {
            url: url.to_string(),
            what: match response.is_success() {
                true => "its answer is no JSON object".to_owned(),
                false => format!("it answers with status {}", response.status),
            },
            transient: response.status >= 500 || response.status == 429,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_escaped() {
        assert_eq!(form(&[("a b", "x&y=z"), ("s", "ü+~")]), "a%20b=x%26y%3Dz&s=%C3%BC%2B~");
    }

    #[test]
    fn seconds_come_in_every_shape() {
        let object: Map<String, Value> =
            serde_json::from_str(r#"{"a":3599,"b":"3599","c":3599.5,"d":-1,"e":null}"#)
                .expect("an object");
        assert_eq!(seconds(&object, "a"), Some(3599));
        assert_eq!(seconds(&object, "b"), Some(3599));
        assert_eq!(seconds(&object, "c"), Some(3599));
        assert_eq!(seconds(&object, "d"), None);
        assert_eq!(seconds(&object, "e"), None);
    }
}
