//! The device flow (RFC 8628): a code is shown here and typed on whatever has a browser.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::endpoint::{Asker, seconds, text};
use super::{Error, Provider, Web};

/// Between two questions where the provider does not say (RFC 8628 section 3.2), and what is
/// added when it says `slow_down` (section 3.5).
const INTERVAL: Duration = Duration::from_secs(5);

/// A code that is never said to run out runs out then.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// Asks for a code, tells it by `tell`, and waits until somebody has typed it.
///
/// # Errors
/// [`Error::NotGranted`] when somebody said no or nobody came, and what comes of asking.
pub(super) async fn run(
    provider: &Provider,
    asker: &Asker,
    web: &Web<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<Map<String, Value>, Error> {
    let endpoint = provider.device.as_ref().ok_or_else(|| {
        Error::Setting("this provider has no device flow: set flow = \"browser\"".to_owned())
    })?;
    let scope = provider.scopes.join(" ");
    let mut parameters = Vec::new();
    if !scope.is_empty() {
        parameters.push(("scope", scope.as_str()));
    }
    let begun = Instant::now();
    let answer = asker.post(endpoint, &parameters, web).await?;
    let missing = |name: &str| Error::Answer {
        url: endpoint.to_string(),
        what: format!("its answer has no {name}"),
        transient: false,
    };
    let device_code = text(&answer, "device_code").ok_or_else(|| missing("device_code"))?;
    let user_code = text(&answer, "user_code").ok_or_else(|| missing("user_code"))?;
    // Google's name for it is older than the RFC.
    let place = text(&answer, "verification_uri")
        .or_else(|| text(&answer, "verification_url"))
        .ok_or_else(|| missing("verification_uri"))?;
    tell(&format!("Open {place} in any browser and enter the code {user_code}"));
    if let Some(whole) = text(&answer, "verification_uri_complete") {
        tell(&format!("or open {whole}"));
    }
    let lifetime = seconds(&answer, "expires_in").map_or(LIFETIME, Duration::from_secs);
    let mut interval = seconds(&answer, "interval").map_or(INTERVAL, Duration::from_secs);
    let parameters = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", device_code),
    ];
    loop {
        tokio::time::sleep(interval.min(lifetime)).await;
        match asker.post(&provider.token, &parameters, web).await {
            Ok(tokens) => return Ok(tokens),
            Err(Error::Refused { error, description, url }) => match error.as_str() {
                "authorization_pending" => {}
                "slow_down" => interval += INTERVAL,
                "access_denied" => {
                    return Err(Error::NotGranted("it was declined in the browser".to_owned()));
                }
                "expired_token" => return Err(late()),
                _ => return Err(Error::Refused { url, error, description }),
            },
            // RFC 8628 section 3.5: a connection that fails is tried again, less often.
            Err(error) if error.is_transient() => interval += INTERVAL,
            Err(error) => return Err(error),
        }
        if begun.elapsed() > lifetime {
            return Err(late());
        }
    }
}

fn late() -> Error {
    Error::NotGranted("the code ran out before it was entered".to_owned())
}
