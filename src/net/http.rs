//! A small HTTP/1.1 client over [`Wire`], for what mail needs of the web: the policies of
//! MTA-STS, OAuth, autoconfig, a webhook.
//!
//! RFC 9110 and RFC 9112. One request a connection; GET and POST; an answer has a limit in
//! octets and a deadline. Connections come from [`net::connect`](crate::net::connect()), so
//! `--connect-to`, `--resolver`, trust, deadlines and the transcript hold here too; bodies are
//! only counted in a transcript. No cookies, caches, compression, authentication schemes or
//! connections kept; redirects only where they are asked for, and never from TLS to none.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::tls::{self, Connector};
use super::{Endpoint, Options, Wire, deadline};
use crate::base::decode::{self, Decoded, Malformed};
use crate::base::limits;
use crate::base::secret::Secret;

/// Octets of an answer's body, unless the request says otherwise.
const BODY_OCTETS: usize = 1024 * 1024;

/// Octets of an answer's head: status line and header fields.
const HEAD_OCTETS: usize = limits::LINE_OCTETS;

/// Answers of the class 1yz that may come before the final one.
const INTERIM_ANSWERS: usize = 8;

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

/// An `http:` or `https:` URL, without user information and fragment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Url {
    /// It is `https`.
    pub is_tls: bool,
    /// Name or address; IPv6 without brackets.
    pub host: String,
    /// Port, the scheme's own where none was written.
    pub port: u16,
    /// Path and query, beginning with `/`.
    pub target: String,
}

impl Url {
    /// `https://HOST/TARGET`; `target` begins with `/`.
    ///
    /// # Errors
    /// [`Error::Url`] for what cannot stand in a request line.
    pub fn https(host: &str, target: &str) -> Result<Self> {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        format!("https://{host}{target}").parse()
    }

    fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        let own = if self.is_tls { 443 } else { 80 };
        if self.port == own { host } else { format!("{host}:{}", self.port) }
    }

    /// What a `Location:` of an answer from here means.
    fn join(&self, location: &str) -> Result<Self> {
        if location.contains("://") {
            return location.parse();
        }
        let scheme = if self.is_tls { "https" } else { "http" };
        if location.starts_with("//") {
            return format!("{scheme}:{location}").parse();
        }
        let path = self.target.split('?').next().unwrap_or("/");
        let target = match location.starts_with('/') {
            true => location.to_owned(),
            false => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                format!("{folder}/{location}")
            }
        };
        format!("{scheme}://{}{target}", self.authority()).parse()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.target)
    }
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |what| Error::Url { url: text.to_owned(), what };
        if text.bytes().any(|octet| octet <= b' ' || octet >= 0x7f) {
            return Err(wrong("only printable ASCII may stand in it"));
        }
        let (scheme, rest) = text.split_once("://").ok_or(wrong("it has no scheme"))?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("its scheme is neither http nor https")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err(wrong("user information does not belong into it"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (host, after) = inner.split_once(']').ok_or(wrong("a [ without its ]"))?;
                if host.parse::<std::net::Ipv6Addr>().is_err() {
                    return Err(wrong("no IPv6 address stands in the brackets"));
                }
                match after {
                    "" => (host, None),
                    _ => (host, Some(after.strip_prefix(':').ok_or(wrong("no port behind ]"))?)),
                }
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        if host.is_empty() || host.contains(['"', '<', '>', '\\', '^', '`', '{', '|', '}']) {
            return Err(wrong("it has no host"));
        }
        let port = match port {
            None | Some("") => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
            Some(digits) => digits.parse().map_err(|_| wrong("its port is no number"))?,
        };
        let target = match target.starts_with('/') {
            true => target.to_owned(),
            false => format!("/{target}"),
        };
        Ok(Self { is_tls, host: host.to_ascii_lowercase(), port, target })
    }
}

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

fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
}

/// Status line and header fields.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    status: u16,
    fields: Vec<(String, String)>,
}

impl Head {
    /// `status-line *( field-line CRLF ) CRLF`, RFC 9112 sections 4 and 5; a bare LF ends a line
    /// too (section 2.2). Folded fields are refused, as section 5.2 allows.
    fn decode(octets: &[u8]) -> decode::Result<Self> {
        let malformed = |offset, expected| Err(Malformed { offset, expected });
        let mut at = 0;
        let mut head: Option<Self> = None;
        loop {
            let Some(end) = memchr::memchr(b'\n', &octets[at..]).map(|end| at + end) else {
                return Ok(Decoded::More);
            };
            let line = &octets[at..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            match &mut head {
                None => {
                    let Some(status) = status(line) else {
                        return malformed(at, "a status line of HTTP/1.0 or HTTP/1.1");
                    };
                    head = Some(Self { status, fields: Vec::new() });
                }
                Some(head) if line.is_empty() => {
                    let value = std::mem::replace(head, Self { status: 0, fields: Vec::new() });
                    return Ok(Decoded::Done { value, used: end + 1 });
                }
                Some(head) => {
                    let Some(colon) = memchr::memchr(b':', line) else {
                        return malformed(at, "a header field with its colon");
                    };
                    let (name, value) = (&line[..colon], &line[colon + 1..]);
                    if name.is_empty() || !name.iter().copied().all(is_token_octet) {
                        return malformed(at, "the name of a header field");
                    }
                    let value = value.trim_ascii();
                    if value.iter().any(|octet| octet.is_ascii_control() && *octet != b'\t') {
                        return malformed(
                            at + colon + 1,
                            "a field value without control characters",
                        );
                    }
                    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
                    head.fields.push((text(name), text(value)));
                }
            }
            at = end + 1;
        }
    }
}

fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.1 ").or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, after) = rest.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) || !(after.is_empty() || after[0] == b' ') {
        return None;
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
    (100..600).contains(&number).then_some(number)
}

fn broken(malformed: &Malformed) -> Error {
    Error::Protocol(malformed.to_string())
}

/// Reads the head of the final answer.
async fn read_head(wire: &mut Wire) -> Result<Head> {
    for _ in 0..INTERIM_ANSWERS {
        let head = loop {
            match Head::decode(wire.buffered()).map_err(|error| broken(&error))? {
                Decoded::Done { value, used } => {
                    wire.consume(used);
                    break value;
                }
                Decoded::More if wire.buffered().len() > HEAD_OCTETS => {
                    return Err(Error::TooLarge { limit: HEAD_OCTETS });
                }
                Decoded::More => {
                    wire.fill().await?;
                }
            }
        };
        if head.status >= 200 {
            return Ok(head);
        }
    }
    Err(Error::Protocol("it never comes to a final answer".into()))
}

/// How a body is framed, RFC 9112 section 6.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    /// Up to the end of the connection.
    Close,
}

fn framing(head: &Head) -> Result<Framing> {
    let all = |name: &'static str| {
        head.fields.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name))
    };
    if let Some((_, coding)) =
        all("Content-Encoding").find(|(_, value)| !value.eq_ignore_ascii_case("identity"))
    {
        return Err(Error::Protocol(format!(
            "an answer in the coding {coding:?} was not asked for"
        )));
    }
    if matches!(head.status, 204 | 304) {
        return Ok(Framing::Length(0));
    }
    let codings: Vec<&str> = all("Transfer-Encoding").map(|(_, value)| value.as_str()).collect();
    match codings[..] {
        [] => {}
        [only] if only.eq_ignore_ascii_case("chunked") => return Ok(Framing::Chunked),
        _ => return Err(Error::Protocol(format!("unknown transfer coding {codings:?}"))),
    }
    let mut lengths = all("Content-Length").map(|(_, value)| value.as_str());
    let Some(first) = lengths.next() else { return Ok(Framing::Close) };
    let is_number = !first.is_empty() && first.bytes().all(|octet| octet.is_ascii_digit());
    if !is_number || lengths.any(|other| other != first) {
        return Err(Error::Protocol(format!("no length in Content-Length {first:?}")));
    }
    // One that does not fit is too large in any case.
    Ok(Framing::Length(first.parse().unwrap_or(usize::MAX)))
}

async fn read_body(wire: &mut Wire, head: &Head, limit: usize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    match framing(head)? {
        Framing::Length(length) if length > limit => return Err(Error::TooLarge { limit }),
        Framing::Length(length) => take(wire, length, &mut body).await?,
        Framing::Chunked => loop {
            let size = chunk_size(wire).await?;
            if size == 0 {
                trailer(wire).await?;
                break;
            }
            if size > limit - body.len() {
                return Err(Error::TooLarge { limit });
            }
            take(wire, size, &mut body).await?;
            let length = wire.line(2).await?;
            if !matches!(&wire.buffered()[..length], b"\r\n" | b"\n") {
                return Err(Error::Protocol("a chunk is longer than it said".into()));
            }
            wire.consume_body(length);
        },
        // Whoever cuts the connection would decide where the answer ends: RFC 9112 section 9.8.
        Framing::Close if wire.is_encrypted() => {
            return Err(Error::Protocol("the answer does not say how long it is".into()));
        }
        Framing::Close => loop {
            let held = wire.buffered().len();
            if held > limit - body.len() {
                return Err(Error::TooLarge { limit });
            }
            body.extend_from_slice(wire.buffered());
            wire.consume_body(held);
            match wire.fill().await {
                Ok(_) => {}
                Err(super::Error::Closed) => break,
                Err(error) => return Err(error.into()),
            }
        },
    }
    Ok(body)
}

async fn take(wire: &mut Wire, length: usize, body: &mut Vec<u8>) -> Result<()> {
    let mut left = length;
    while left > 0 {
        if wire.buffered().is_empty() {
            wire.fill().await?;
        }
        let count = wire.buffered().len().min(left);
        body.extend_from_slice(&wire.buffered()[..count]);
        wire.consume_body(count);
        left -= count;
    }
    Ok(())
}

/// `chunk-size [ chunk-ext ] CRLF`, RFC 9112 section 7.1.
async fn chunk_size(wire: &mut Wire) -> Result<usize> {
    let length = wire.line(limits::LINE_OCTETS).await?;
    let line = wire.buffered()[..length].trim_ascii_end();
    let digits = line.split(|octet| *octet == b';').next().unwrap_or_default().trim_ascii_end();
    // Fifteen digits fit into an usize; no server of ours has a chunk that needs more.
    let size = std::str::from_utf8(digits)
        .ok()
        .filter(|text| (1..=15).contains(&text.len()))
        .filter(|text| text.bytes().all(|octet| octet.is_ascii_hexdigit()))
        .and_then(|text| usize::from_str_radix(text, 16).ok())
        .ok_or_else(|| Error::Protocol("a chunk without its size".into()))?;
    wire.consume_body(length);
    Ok(size)
}

async fn trailer(wire: &mut Wire) -> Result<()> {
    let mut octets = 0;
    loop {
        let length = wire.line(limits::LINE_OCTETS).await?;
        let is_last = matches!(&wire.buffered()[..length], b"\r\n" | b"\n");
        wire.consume_body(length);
        octets += length;
        if is_last {
            return Ok(());
        }
        if octets > HEAD_OCTETS {
            return Err(Error::TooLarge { limit: HEAD_OCTETS });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn urls_are_read_and_written() {
        for (text, host, port, target) in [
            ("https://Example.test/a?b=c#d", "example.test", 443, "/a?b=c"),
            ("http://example.test", "example.test", 80, "/"),
            ("http://example.test?x", "example.test", 80, "/?x"),
            ("https://[::1]:8443/x", "::1", 8443, "/x"),
        ] {
            let url = url(text);
            assert_eq!((url.host.as_str(), url.port, url.target.as_str()), (host, port, target));
            assert_eq!(url.to_string().parse::<Url>().expect("its own"), url);
        }
        for wrong in [
            "example.test",
            "ftp://x/",
            "https:///x",
            "https://u@x/",
            "https://x/a b",
            "https://x/\r\nHost: y",
            "https://x:port/",
            "https://x:70000/",
            "https://[::1/",
        ] {
            assert!(wrong.parse::<Url>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn locations_are_joined() {
        let base = url("https://a.test:444/x/y?z=/q");
        for (location, joined) in [
            ("/k", "https://a.test:444/k"),
            ("k?l", "https://a.test:444/x/k?l"),
            ("//b.test/k", "https://b.test/k"),
            ("http://b.test/", "http://b.test/"),
        ] {
            assert_eq!(base.join(location).expect("joins").to_string(), joined);
        }
    }

    #[test]
    fn a_head_asks_for_more_at_every_prefix() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=x\r\nA:b\r\n\r\nbody";
        let Ok(Decoded::Done { value, used }) = Head::decode(whole) else { panic!("whole") };
        assert_eq!(&whole[used..], b"body");
        assert_eq!(value.status, 200);
        assert_eq!(field(&value.fields, "content-type"), Some("text/plain; charset=x"));
        for end in 0..used {
            assert_eq!(Head::decode(&whole[..end]), Ok(Decoded::More), "{end}");
        }
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for wrong in [
            &b"HTTP/2 200 OK\r\n"[..],
            b"220 mail.example.test ESMTP\r\n",
            b"HTTP/1.1 99 x\r\n",
            b"HTTP/1.1 2000\r\n",
            b"HTTP/1.1 200 OK\r\n folded: x\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n",
            b"HTTP/1.1 200 OK\r\nA: b\0c\r\n",
        ] {
            assert!(Head::decode(wrong).is_err(), "{:?}", String::from_utf8_lossy(wrong));
        }
    }

    fn answered(answer: &'static [u8], limit: usize) -> Result<Vec<u8>> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(async {
            let (mut near, mut far) = Wire::duplex(1 << 16);
            far.queue(answer);
            far.flush().await.expect("written");
            far.shutdown().await.expect("ended");
            let head = read_head(&mut near).await?;
            read_body(&mut near, &head, limit).await
        })
    }

    #[test]
    fn bodies_end_where_they_say() {
        for (answer, body) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef"[..], &b"abc"[..]),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x"),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: u\r\n\r\n",
                b"abc0123456789",
            ),
            (b"HTTP/1.0 200 OK\r\n\r\nup to the end", b"up to the end"),
            (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        ] {
            assert_eq!(answered(answer, 100).expect("whole"), body);
        }
    }

    #[test]
    fn bodies_that_are_cut_too_large_or_malformed_are_errors() {
        for answer in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nabc"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nabc\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n",
        ] {
            assert!(answered(answer, 50).is_err(), "{}", String::from_utf8_lossy(answer));
        }
    }

    #[test]
    fn fields_cannot_smuggle_lines() {
        let request = |name: &str, value: &str| Request::get(url("https://x/")).field(name, value);
        assert!(request("A", "b").head(&url("https://x/")).is_ok());
        assert!(request("A", "b\r\nC: d").head(&url("https://x/")).is_err());
        assert!(request("A: b\r\nC", "d").head(&url("https://x/")).is_err());
        let secret = Request::get(url("https://x/"))
            .secret_field("Authorization", Secret::new("Bearer hunter22"));
        let lines = secret.head(&url("https://x/")).expect("written");
        assert!(
            lines.iter().any(|(line, is_secret)| *is_secret && line.ends_with(b"hunter22\r\n"))
        );
        assert!(!format!("{secret:?}").contains("hunter22"));
    }
}
