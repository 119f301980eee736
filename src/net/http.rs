//! A small HTTP/1.1 client over [`Wire`](super::Wire), for what mail needs of the web: the policies of
//! MTA-STS, OAuth, autoconfig, a webhook.
//!
//! RFC 9110 and RFC 9112. One request a connection; GET and POST; an answer has a limit in
//! octets and a deadline. Connections come from [`net::connect`](crate::net::connect()), so
//! `--connect-to`, `--resolver`, trust, deadlines and the transcript hold here too; bodies are
//! only counted in a transcript. No cookies, caches, compression, authentication schemes or
//! connections kept; redirects only where they are asked for, and never from TLS to none.

use std::time::Duration;

use super::tls::{self, Connector};
use super::{Endpoint, Options, deadline};
use crate::base::secret::Secret;

mod answer;
mod url;

use answer::{Head, field, read_body, read_head};
pub use url::Url;

/// Octets of an answer's body, unless the request says otherwise.
const BODY_OCTETS: usize = 1024 * 1024;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection.
    #[error(transparent)]
    Network(#[from] super::Error),
    /// The whole of it took too long.
    #[error("no whole answer within {} s", after.as_secs_f64())]
    Deadline {
        /// The deadline that passed.
        after: Duration,
    },
    /// No URL of http or https.
    #[error("{url:?} is no HTTP URL: {what}")]
    Url {
        /// As given.
        url: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A header field of ours that cannot be written.
    #[error("the header field {0} has a control character in it")]
    Field(String),
    /// The server sent what is no answer.
    #[error("the server broke HTTP: {0}")]
    Protocol(String),
    /// The answer is larger than wanted.
    #[error("the answer has more than {limit} octets")]
    TooLarge {
        /// Octets that would have been taken.
        limit: usize,
    },
    /// A redirect that is not followed.
    #[error("the server redirects to {location:?}, which is not followed: {why}")]
    Redirect {
        /// Where to.
        location: String,
        /// Why not.
        why: &'static str,
    },
}

impl Error {
    /// Worth trying again later, unchanged.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Network(error) => error.is_transient(),
            Self::Deadline { .. } => true,
            _ => false,
        }
    }

    /// TLS is missing, broken or not verified.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Network(error) if error.is_tls())
    }

    /// What the user can do about it, in one line.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Network(error) => error.hint(),
            _ => None,
        }
    }
}

/// The result of every request.
pub type Result<T> = std::result::Result<T, Error>;

/// A request about to be made.
#[derive(Debug, Clone)]
pub struct Request {
    url: Url,
    fields: Vec<(String, Value)>,
    /// `Some`: a POST.
    body: Option<Vec<u8>>,
    limit: usize,
    within: Duration,
    redirects: usize,
}

#[derive(Debug, Clone)]
enum Value {
    Open(String),
    Hidden(Secret),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Its status, 200 to 599.
    pub status: u16,
    /// Its body, whole.
    pub body: Vec<u8>,
    /// Where it came from in the end.
    pub url: Url,
    fields: Vec<(String, String)>,
}

impl Response {
    /// The value of a header field, its first one; names have no case.
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.fields, name)
    }

    /// The media type in lower case, without parameters; empty where none was given.
    pub fn media_type(&self) -> String {
        let value = self.field("Content-Type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Whether the status is 2yz.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Request {
    /// GET.
    pub fn get(url: Url) -> Self {
        Self {
            url,
            fields: Vec::new(),
            body: None,
            limit: BODY_OCTETS,
            within: deadline::HTTP,
            redirects: 0,
        }
    }

    /// POST of a body of this media type. The body is never shown in a transcript.
    pub fn post(url: Url, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let request = Self { body: Some(body.into()), ..Self::get(url) };
        request.field("Content-Type", media_type)
    }

    /// One more header field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), Value::Open(value.to_owned())));
        self
    }

    /// One more header field, whose value is hidden from transcripts.
    #[must_use]
    pub fn secret_field(mut self, name: &str, value: Secret) -> Self {
        self.fields.push((name.to_owned(), Value::Hidden(value)));
        self
    }

    /// Take no more octets of body than that; 1 MiB unless said.
    #[must_use]
    pub fn at_most(mut self, octets: usize) -> Self {
        self.limit = octets;
        self
    }

    /// The whole of it, redirects included, takes no longer than that; 60 s unless said.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Follow so many redirects of a GET; none unless said.
    #[must_use]
    pub fn following(mut self, redirects: usize) -> Self {
        self.redirects = redirects;
        self
    }

    /// Makes the request and takes the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`Error`]; an answer of 4yz or 5yz is none.
    pub async fn send(&self, settings: &tls::Settings, options: &Options) -> Result<Response> {
        let within = options.timeout.map_or(self.within, |cap| cap.min(self.within));
        tokio::time::timeout(within, self.follow(settings, options))
            .await
            .map_err(|_| Error::Deadline { after: within })?
    }

    async fn follow(&self, settings: &tls::Settings, options: &Options) -> Result<Response> {
        let mut url = self.url.clone();
        let mut left = self.redirects;
        loop {
            let response = self.ask(&url, settings, options).await?;
            let location = match (response.status, response.field("Location")) {
                (301 | 302 | 303 | 307 | 308, Some(location)) if self.body.is_none() => location,
                _ => return Ok(response),
            };
            let refused = |why| Error::Redirect { location: location.to_owned(), why };
            if self.redirects == 0 {
                return Ok(response);
            }
            left = left.checked_sub(1).ok_or(refused("there are too many"))?;
            let next = url.join(location)?;
            if url.is_tls && !next.is_tls {
                return Err(refused("it leads from https to http"));
            }
            let leaves = next.host != url.host || next.port != url.port;
            if leaves && self.fields.iter().any(|(_, value)| matches!(value, Value::Hidden(_))) {
                return Err(refused("it leads to another server, and there is a secret to send"));
            }
            url = next;
        }
    }

    async fn ask(
        &self,
        url: &Url,
        settings: &tls::Settings,
        options: &Options,
    ) -> Result<Response> {
        let head = self.head(url)?;
        let endpoint = Endpoint::tcp(url.host.clone(), url.port);
        let connector = match url.is_tls {
            true => Some(Connector::new(&url.host, settings).map_err(super::Error::from)?),
            false => None,
        };
        let mut wire = super::connect(&endpoint, options).await?.wire;
        if let Some(connector) = &connector {
            wire.start_tls(connector).await?;
        }
        for (line, is_secret) in &head {
            match is_secret {
                true => wire.queue_secret(line),
                false => wire.queue(line),
            }
        }
        if let Some(body) = &self.body {
            wire.queue_body(body);
        }
        wire.flush().await?;
        let head = read_head(&mut wire).await?;
        let body = read_body(&mut wire, &head, self.limit).await?;
        // The answer is whole: a goodbye that fails changes nothing.
        let _ = wire.shutdown().await;
        let Head { status, fields } = head;
        Ok(Response { status, body, url: url.clone(), fields })
    }

    /// The lines of the head, and which of them are secret.
    fn head(&self, url: &Url) -> Result<Vec<(Vec<u8>, bool)>> {
        let method = if self.body.is_some() { "POST" } else { "GET" };
        let mut start = format!(
            "{method} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept-Encoding: identity\r\n\
             User-Agent: pillarbox/{}\r\n",
            url.target,
            url.authority(),
            env!("CARGO_PKG_VERSION")
        );
        if let Some(body) = &self.body {
            start.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        let mut lines = vec![(start.into_bytes(), false)];
        for (name, value) in &self.fields {
            let (octets, is_secret) = match value {
                Value::Open(text) => (text.as_bytes(), false),
                Value::Hidden(secret) => (secret.expose(), true),
            };
            let is_token = !name.is_empty() && name.bytes().all(is_token_octet);
            if !is_token || octets.iter().any(|octet| octet.is_ascii_control()) {
                return Err(Error::Field(name.clone()));
            }
            lines.push(([name.as_bytes(), b": ", octets, b"\r\n"].concat(), is_secret));
        }
        lines.push((b"\r\n".to_vec(), false));
        Ok(lines)
    }
}

/// `tchar`, RFC 9110 section 5.6.2.
fn is_token_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

#[cfg(test)]
mod tests;
