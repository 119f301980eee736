//! A browser on this machine (RFC 8252): it is sent to the provider, and comes back to a port
//! of ours with a code, which only we can use (PKCE, RFC 7636).

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;

use aws_lc_rs::digest;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::endpoint::{Asker, form};
use super::{Error, Provider, Web, base64url, random_text};

/// How long somebody may take to agree.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How long a browser may take over one request.
const REQUEST_PATIENCE: Duration = Duration::from_secs(20);

/// Largest request of a browser, in octets.
const REQUEST_OCTETS: usize = 64 * 1024;

/// Octets of randomness in a verifier: 43 characters (RFC 7636 section 4.1).
const VERIFIER_OCTETS: usize = 32;

/// The code challenge of a verifier, method S256 (RFC 7636 section 4.2).
fn challenge(verifier: &str) -> String {
    base64url(digest::digest(&digest::SHA256, verifier.as_bytes()).as_ref())
}

/// Sends a browser to the provider, waits until it comes back, and takes the tokens for the
/// code that it brings. `user`: whom to suggest.
///
/// # Errors
/// [`Error::NotGranted`], [`Error::Local`] without a port, and what comes of asking.
pub(super) async fn run(
    provider: &Provider,
    asker: &Asker,
    client_id: &str,
    user: Option<&str>,
    web: &Web<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<Map<String, Value>, Error> {
    let endpoint = provider.authorization.as_ref().ok_or_else(|| {
        Error::Setting("this provider has no login by browser: set flow = \"device\"".to_owned())
    })?;
    let local = |source| Error::Local { what: "a port on 127.0.0.1".to_owned(), source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(local)?;
    let port = listener.local_addr().map_err(local)?.port();
    let redirect = format!("http://{}:{port}/", provider.redirect_host);
    let (state, verifier) = (random_text(16), random_text(VERIFIER_OCTETS));
    let (scope, challenge) = (provider.scopes.join(" "), challenge(&verifier));
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", &redirect),
        ("state", &state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    if !scope.is_empty() {
        parameters.push(("scope", &scope));
    }
    if let Some(user) = user {
        parameters.push(("login_hint", user));
    }
    parameters.extend(provider.extra);
    let joint = if endpoint.target.contains('?') { '&' } else { '?' };
    let url = format!("{endpoint}{joint}{}", form(&parameters));
    tell(&format!("Open this page in a browser on this machine, and agree:\n{url}"));
    show(&url);

    let answer = tokio::time::timeout(PATIENCE, wait(&listener, &state))
        .await
        .map_err(|_| Error::NotGranted("nobody agreed in the browser".to_owned()))??;
    if let Some(issuer) = &provider.issuer {
        let said = answer.get("iss");
        let is_other = said.is_some_and(|said| said != issuer);
        if is_other || (said.is_none() && provider.issuer_required) {
            // RFC 9207 section 2.4: a mix-up.
            return Err(Error::NotGranted("the answer is another provider's".to_owned()));
        }
    }
    let code = match (answer.get("code"), answer.get("error")) {
        (_, Some(error)) => {
            let words = answer.get("error_description").unwrap_or(error);
            let words: String = words.chars().filter(|c| !c.is_control()).take(300).collect();
            return Err(Error::NotGranted(words));
        }
        (Some(code), None) => code,
        (None, None) => return Err(Error::NotGranted("the browser brought no code".to_owned())),
    };
    let parameters = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", &redirect),
        ("code_verifier", &verifier),
    ];
    asker.post(&provider.token, &parameters, web).await
}

/// Starts the browser where there is a desktop; whether that works is seen by whoever looks.
fn show(url: &str) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some()) {
        "xdg-open"
    } else {
        return;
    };
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PILLARBOX_") {
            command.env_remove(name);
        }
    }
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Ok(mut child) = command.spawn() {
        // Reaped whenever it ends, which may be after us.
        std::thread::spawn(move || child.wait());
    }
}

type Parameters = std::collections::HashMap<String, String>;

/// Serves whatever connects until a request brings our `state`. Browsers connect ahead of need
/// and ask for icons: each connection is a task of its own.
async fn wait(listener: &TcpListener, state: &str) -> Result<Parameters, Error> {
    let (sender, mut answers) = mpsc::channel(1);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.map_err(|source| Error::Local {
                    what: "a port on 127.0.0.1".to_owned(),
                    source,
                })?;
                let (sender, state) = (sender.clone(), state.to_owned());
                tokio::spawn(async move {
                    let served = tokio::time::timeout(REQUEST_PATIENCE, serve(stream, &state));
                    if let Ok(Some(parameters)) = served.await {
                        // Only the first answer counts.
                        let _ = sender.try_send(parameters);
                    }
                });
            }
            Some(parameters) = answers.recv() => return Ok(parameters),
        }
    }
}

/// Answers one request; its parameters where it has our `state`.
async fn serve(mut stream: TcpStream, state: &str) -> Option<Parameters> {
    let mut request = Vec::new();
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        if request.len() > REQUEST_OCTETS || stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    let parameters =
        parameters(&request).filter(|found| found.get("state").is_some_and(|s| s == state));
    let (status, words) = match &parameters {
        None => ("404 Not Found", "There is nothing here."),
        Some(found) if found.contains_key("code") => {
            ("200 OK", "pillarbox has its answer. This page can be closed.")
        }
        Some(_) => ("200 OK", "pillarbox was not let in. This page can be closed."),
    };
    let body = format!("<!doctype html><title>pillarbox</title><p>{words}</p>\n");
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // A browser that does not wait for the page has brought its answer all the same.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    parameters
}

/// The query of `GET /?QUERY HTTP/1.1`; a parameter that comes twice makes it none
/// (RFC 6749 section 3.1).
fn parameters(request: &[u8]) -> Option<Parameters> {
    let line = request.split(|&octet| octet == b'\r').next()?;
    let target = std::str::from_utf8(line).ok()?.strip_prefix("GET /?")?.split(' ').next()?;
    let mut found = Parameters::new();
    for pair in target.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            percent_decode_str(&text).decode_utf8().map(|text| text.into_owned()).ok()
        };
        if found.insert(decode(name)?, decode(value)?).is_some() {
            return None;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    #[test]
    fn the_challenge_of_the_rfc() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(random_text(VERIFIER_OCTETS).len(), 43);
    }

    #[test]
    fn requests_are_read() {
        let found = parameters(b"GET /?code=a%2Fb+c&state=x HTTP/1.1\r\nHost: y\r\n\r\n");
        let found = found.expect("parameters");
        assert_eq!(found["code"], "a/b c");
        assert_eq!(found["state"], "x");
        for wrong in [
            &b"GET /favicon.ico HTTP/1.1\r\n\r\n"[..],
            b"POST /?code=a HTTP/1.1\r\n\r\n",
            b"GET /?code=a&code=b&state=x HTTP/1.1\r\n\r\n",
            b"GET /?code=%ff HTTP/1.1\r\n\r\n",
        ] {
            assert!(parameters(wrong).is_none());
        }
    }
}
