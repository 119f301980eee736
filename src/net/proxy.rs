//! Proxies: SOCKS5 with user and password (RFC 1928, RFC 1929) and HTTP CONNECT with Basic
//! authentication (RFC 9110 section 9.3.6, RFC 7617); which connection goes by which is in
//! `rules`.
//!
//! The proxy gets the name as it stands and looks it up itself, whether the URL says `socks5`
//! or `socks5h`: nothing of what is asked for leaks to a resolver of ours. Not here: TLS to the
//! proxy itself, SOCKS4, and UDP.

mod rules;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use percent_encoding::percent_decode_str;

pub use self::rules::{Choice, Rules};
use super::wire::Wire;
use super::{Error, deadline};
use crate::base::secret::Secret;

/// Longest line of an HTTP proxy's answer, in octets.
const LINE_OCTETS: usize = 16 * 1024;

/// Lines of an HTTP proxy's answer, interim answers included.
const LINES: usize = 256;

/// How much of a proxy's own words goes into an error, in characters.
const WORDS: usize = 200;

/// Which protocol a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Socks5,
    Http,
}

/// A proxy, and who we are to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    /// Name or address (IPv6 without brackets).
    host: String,
    port: u16,
    login: Option<(String, Secret)>,
}

impl fmt::Display for Proxy {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Socks5 => "socks5",
            Kind::Http => "http",
        };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}

/// What is wrong with a proxy's URL. It repeats nothing of it: there may be a password in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a proxy: {0}; want socks5://[USER:PASSWORD@]HOST[:PORT] or http://...")]
pub struct NoProxyUrl(&'static str);

impl FromStr for Proxy {
    type Err = NoProxyUrl;

    fn from_str(text: &str) -> Result<Self, NoProxyUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(NoProxyUrl("no scheme"))?;
        let (kind, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "socks5" | "socks5h" => (Kind::Socks5, 1080),
            "http" => (Kind::Http, 80),
            "https" => return Err(NoProxyUrl("TLS to the proxy itself is not spoken")),
            _ => return Err(NoProxyUrl("another scheme")),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(NoProxyUrl("something behind the port"));
        }
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(inner) => {
                let (host, after) = inner.split_once(']').ok_or(NoProxyUrl("a [ without ]"))?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| NoProxyUrl("no IPv6 address"))?;
                (host, after.strip_prefix(':'))
            }
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        if host.is_empty() || host.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(NoProxyUrl("no host"));
        }
        let port = match port {
            None | Some("") => default_port,
            Some(digits) => digits.parse().map_err(|_| NoProxyUrl("the port is no number"))?,
        };
        let login = login.map(|login| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            let user = percent_decode_str(user).decode_utf8();
            let password: Vec<u8> = percent_decode_str(password).collect();
            user.map(|user| (user.into_owned(), Secret::new(password)))
                .map_err(|_| NoProxyUrl("the user is not UTF-8"))
        });
        let login = login.transpose()?;
        if let Some((user, password)) = &login {
            // RFC 1929 section 2: both have one octet for their length.
            if user.is_empty() || user.len() > 255 || password.expose().len() > 255 {
                return Err(NoProxyUrl("user and password have 1 to 255 octets"));
            }
            // RFC 7617 section 2.
            if user.contains(|c: char| c.is_control())
                || (kind == Kind::Http && user.contains(':'))
                || password.expose().iter().any(u8::is_ascii_control)
            {
                return Err(NoProxyUrl("a character that user or password cannot have"));
            }
        }
        Ok(Self { kind, host: host.to_owned(), port, login })
    }
}

impl Proxy {
    /// Its name or address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its password, for the redactor.
    pub fn password(&self) -> Option<&Secret> {
        self.login.as_ref().map(|(_, password)| password)
    }
}

/// Why a proxy did not connect us.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The proxy itself could not be reached, or went away.
    #[error(transparent)]
    Network(Box<Error>),
    /// It wants to know who we are, and we have nothing to say.
    #[error("it wants a user and a password")]
    LoginWanted,
    /// It does not know us.
    #[error("it refused our user and password")]
    LoginRefused,
    /// Its rules do not allow this connection.
    #[error("it does not allow this connection{}", words(.0))]
    NotAllowed(String),
    /// It could not reach the server; it may later.
    #[error("it did not reach the server: {0}")]
    Unreached(String),
    /// It will not do this, now or later.
    #[error("it refused: {0}")]
    Refused(String),
    /// It does not speak the protocol that its URL says.
    #[error("it does not speak {protocol}: {what}")]
    Protocol {
        /// Which protocol.
        protocol: &'static str,
        /// What it did.
        what: &'static str,
    },
}

fn words(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

impl Fault {
    /// It is about who we are, or what we may do.
    pub fn is_auth(&self) -> bool {
        matches!(self, Self::LoginWanted | Self::LoginRefused | Self::NotAllowed(_))
    }

    /// Worth trying again later, unchanged.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Network(error) => error.is_transient(),
            Self::Unreached(_) => true,
            _ => false,
        }
    }

    /// It broke its protocol.
    pub fn is_protocol(&self) -> bool {
        match self {
            Self::Network(error) => error.is_protocol(),
            Self::Protocol { .. } => true,
            _ => false,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Network(error) => error.hint(),
            Self::LoginWanted => {
                Some("put them into the proxy's URL: socks5://USER:PASSWORD@HOST:PORT".into())
            }
            _ => None,
        }
    }
}

/// Asks the proxy at the other end of `wire` for a connection to `host` (a name or an address
/// without brackets). What the server says at once stays in the wire's buffer.
pub(super) async fn ask(
    proxy: &Proxy,
    wire: &mut Wire,
    host: &str,
    port: u16,
    limit: Duration,
) -> Result<(), Fault> {
    let asked = async {
        match proxy.kind {
            Kind::Socks5 => socks5(wire, host, port, proxy.login.as_ref()).await,
            Kind::Http => http(wire, host, port, proxy.login.as_ref()).await,
        }
    };
    // The wire's own deadline is for progress; a proxy that drips would never end.
    tokio::time::timeout(limit, asked)
        .await
        .unwrap_or_else(|_| Err(network(Error::Timeout { after: limit })))
}

fn network(error: Error) -> Fault {
    Fault::Network(Box::new(error))
}

/// Waits until so many octets are there.
async fn need(wire: &mut Wire, count: usize) -> Result<(), Fault> {
    while wire.buffered().len() < count {
        wire.fill().await.map_err(network)?;
    }
    Ok(())
}

/// RFC 1928 sections 3 to 6, RFC 1929.
async fn socks5(
    wire: &mut Wire,
    host: &str,
    port: u16,
    login: Option<&(String, Secret)>,
) -> Result<(), Fault> {
    let protocol = |what| Fault::Protocol { protocol: "SOCKS5", what };
    let methods: &[u8] = if login.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
    wire.queue(methods);
    need(wire, 2).await?;
    let (version, method) = (wire.buffered()[0], wire.buffered()[1]);
    wire.consume(2);
    if version != 5 {
        return Err(protocol("another version in its first answer"));
    }
    match (method, login) {
        (0, _) => {}
        (2, Some((user, password))) => {
            let mut request = vec![1, octet(user.len())];
            request.extend_from_slice(user.as_bytes());
            request.push(octet(password.expose().len()));
            request.extend_from_slice(password.expose());
            wire.queue_secret(&request);
            need(wire, 2).await?;
            let status = wire.buffered()[1];
            wire.consume(2);
            if status != 0 {
                return Err(Fault::LoginRefused);
            }
        }
        (0xff, None) => return Err(Fault::LoginWanted),
        (0xff, Some(_)) => {
            return Err(Fault::Refused("it knows no way to log in that we know".into()));
        }
        _ => return Err(protocol("it chose a method that we did not offer")),
    }

    let mut request = vec![5, 1, 0];
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            request.push(1);
            request.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(4);
            request.extend_from_slice(&address.octets());
        }
        Err(_) if host.len() <= 255 => {
            request.extend_from_slice(&[3, octet(host.len())]);
            request.extend_from_slice(host.as_bytes());
        }
        Err(_) => return Err(Fault::Refused("the name has more than 255 octets".into())),
    }
    request.extend_from_slice(&port.to_be_bytes());
    wire.queue(&request);
    // A refusal may be cut short behind its code.
    need(wire, 2).await?;
    if wire.buffered()[0] != 5 {
        return Err(protocol("another version in its reply"));
    }
    match wire.buffered()[1] {
        0 => {}
        1 => return Err(Fault::Unreached("general failure".into())),
        2 => return Err(Fault::NotAllowed(String::new())),
        3 => return Err(Fault::Unreached("network unreachable".into())),
        4 => return Err(Fault::Unreached("host unreachable".into())),
        5 => return Err(Fault::Unreached("connection refused".into())),
        6 => return Err(Fault::Unreached("the TTL ran out".into())),
        7 => return Err(Fault::Refused("it does not know CONNECT".into())),
        8 => return Err(Fault::Refused("it does not know this kind of address".into())),
        other => return Err(Fault::Refused(format!("unknown reply code {other}"))),
    }
    need(wire, 5).await?;
    let bound = match wire.buffered()[3] {
        1 => 4,
        4 => 16,
        3 => 1 + usize::from(wire.buffered()[4]),
        _ => return Err(protocol("an unknown kind of address in its reply")),
    };
    need(wire, 4 + bound + 2).await?;
    wire.consume(4 + bound + 2);
    Ok(())
}

/// The parser of a proxy's URL has kept both below 256 octets, and so has the caller.
fn octet(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

/// RFC 9110 section 9.3.6, RFC 9112 section 4.
async fn http(
    wire: &mut Wire,
    host: &str,
    port: u16,
    login: Option<&(String, Secret)>,
) -> Result<(), Fault> {
    let protocol = |what| Fault::Protocol { protocol: "HTTP", what };
    let authority =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some((user, password)) = login {
        let mut pair = format!("{user}:").into_bytes();
        pair.extend_from_slice(password.expose());
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        request.push_str(&format!("Proxy-Authorization: Basic {pair}\r\n"));
    }
    request.push_str("\r\n");
    wire.queue_secret(request.as_bytes());

    let mut status: Option<(u16, String)> = None;
    for _ in 0..LINES {
        let length = match wire.line(LINE_OCTETS).await {
            Ok(length) => length,
            Err(Error::LineTooLong { .. }) => return Err(protocol("a line without end")),
            Err(error) => return Err(network(error)),
        };
        let line = wire.buffered()[..length].trim_ascii_end().to_vec();
        wire.consume(length);
        match &status {
            None => {
                let read = status_line(&line);
                status = Some(read.ok_or_else(|| protocol("its answer has no status line"))?);
            }
            // What stands in the other lines is for nobody: RFC 9110 section 9.3.6 wants
            // Content-Length and Transfer-Encoding ignored.
            Some(_) if !line.is_empty() => {}
            Some((100..=199, _)) => status = None,
            Some((code, reason)) => return verdict(*code, reason, login.is_some()),
        }
    }
    Err(protocol("an answer without end"))
}

/// `HTTP/1.1 200 Connection established`.
fn status_line(line: &[u8]) -> Option<(u16, String)> {
    let rest = line.strip_prefix(b"HTTP/1.")?.get(1..)?.strip_prefix(b" ")?;
    let (digits, reason) = rest.split_at_checked(3)?;
    let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let reason = String::from_utf8_lossy(reason);
    let reason = reason.trim().chars().filter(|c| !c.is_control()).take(WORDS).collect();
    (100..=599).contains(&code).then_some((code, reason))
}

fn verdict(code: u16, reason: &str, had_login: bool) -> Result<(), Fault> {
    let words = || format!("{code} {reason}").trim_end().to_owned();
    Err(match code {
        200..=299 => return Ok(()),
        407 if had_login => Fault::LoginRefused,
        407 => Fault::LoginWanted,
        // tinyproxy says 401 where it means 407.
        401 if had_login => Fault::LoginRefused,
        401 => Fault::LoginWanted,
        403 | 405 => Fault::NotAllowed(words()),
        404 | 408 | 429 | 500..=599 => Fault::Unreached(words()),
        _ => Fault::Refused(words()),
    })
}

/// How long a proxy may take in all.
pub(super) const LIMIT: Duration = deadline::PROXY;

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str) -> Proxy {
        text.parse().expect("a proxy")
    }

    #[test]
    fn urls_are_read() {
        let full = proxy("socks5h://ann%40x:p%3Aw@[::1]:9050/");
        assert_eq!((full.host(), full.port()), ("::1", 9050));
        assert_eq!(full.login, Some(("ann@x".into(), Secret::new("p:w"))));
        assert_eq!(full.to_string(), "socks5://[::1]:9050");
        assert!(!format!("{full:?}").contains("p:w"));
        assert_eq!(proxy("socks5://h").port(), 1080);
        assert_eq!(proxy("HTTP://h").to_string(), "http://h:80");
        for wrong in [
            "h:1080",
            "ftp://h",
            "https://h",
            "socks5://",
            "socks5://h:x",
            "socks5://h/path",
            "socks5://:p@h",
            "http://a%0d%0ab:p@h",
            "http://a:p%0A@h",
            "socks5://[::1",
        ] {
            let error = wrong.parse::<Proxy>().expect_err(wrong).to_string();
            assert!(!error.contains(":p@"), "{error}");
        }
        assert_eq!("none".parse(), Ok(Choice::Direct));
    }

    /// What comes of asking a proxy that waits for each `wants` and then says `says`; and what
    /// stands in the buffer afterwards.
    fn asked(url: &str, host: &str, dialogue: &[(&[u8], &[u8])]) -> (Result<(), Fault>, Vec<u8>) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (mut near, mut far) = Wire::duplex(4096);
        let limit = Duration::from_secs(20);
        runtime.block_on(async {
            let proxy = proxy(url);
            let script = async {
                for (wants, says) in dialogue {
                    while far.buffered().len() < wants.len() {
                        far.fill().await.expect("more is to come");
                    }
                    assert_eq!(&far.buffered()[..wants.len()], *wants);
                    far.consume(wants.len());
                    // One octet at a time: no answer needs to come in one piece.
                    for octet in *says {
                        far.queue(&[*octet]);
                        far.flush().await.expect("it is read");
                    }
                }
            };
            let (outcome, ()) = tokio::join!(ask(&proxy, &mut near, host, 993, limit), script);
            (outcome, near.buffered().to_vec())
        })
    }

    #[test]
    fn socks5_gets_the_name_and_leaves_the_greeting() {
        let (outcome, rest) = asked(
            "socks5://ann:pw@h",
            "mail.test",
            &[
                (b"\x05\x02\x00\x02", b"\x05\x02"),
                (b"\x01\x03ann\x02pw", b"\x01\x00"),
                (
                    b"\x05\x01\x00\x03\x09mail.test\x03\xe1",
                    b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00* OK hi\r\n",
                ),
            ],
        );
        outcome.expect("connected");
        assert!(rest.is_empty() || b"* OK hi\r\n".starts_with(&rest), "{rest:?}");
        let (outcome, _) = asked(
            "socks5://h",
            "::1",
            &[
                (b"\x05\x01\x00", b"\x05\x00"),
                (
                    b"\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x03\xe1",
                    b"\x05\x00\x00\x03\x02ab\x00\x00",
                ),
            ],
        );
        outcome.expect("connected");
    }

    #[test]
    fn every_refusal_of_socks5_has_its_kind() {
        let (outcome, _) = asked("socks5://h", "m", &[(b"\x05\x01\x00", b"\x05\xff")]);
        assert!(matches!(outcome, Err(Fault::LoginWanted)));
        let (outcome, _) = asked(
            "socks5://a:b@h",
            "m",
            &[(b"\x05\x02\x00\x02", b"\x05\x02"), (b"\x01\x01a\x01b", b"\x01\x01")],
        );
        assert!(matches!(outcome, Err(Fault::LoginRefused)));
        let (outcome, _) = asked("socks5://h", "m", &[(b"\x05\x01\x00", b"HTTP")]);
        assert!(matches!(outcome, Err(Fault::Protocol { .. })));
        for code in 1..=9u8 {
            let reply = [5, code];
            let (outcome, _) = asked(
                "socks5://h",
                "m",
                &[(b"\x05\x01\x00", b"\x05\x00"), (b"\x05\x01\x00\x03\x01m\x03\xe1", &reply)],
            );
            let fault = outcome.expect_err("a refusal");
            assert_eq!(fault.is_transient(), matches!(code, 1 | 3..=6), "{fault}");
            assert_eq!(fault.is_auth(), code == 2, "{fault}");
        }
    }

    #[test]
    fn http_reads_its_answer_and_no_octet_more() {
        let request: &[u8] = b"CONNECT mail.test:993 HTTP/1.1\r\nHost: mail.test:993\r\n\
            Proxy-Authorization: Basic YW5uOnB3\r\n\r\n";
        let answer: &[u8] =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 Fine\r\nContent-Length: 9\r\n\r\n";
        let (outcome, rest) = asked("http://ann:pw@h", "mail.test", &[(request, answer)]);
        outcome.expect("connected");
        assert!(rest.is_empty());
        let plain: &[u8] = b"CONNECT [::1]:993 HTTP/1.1\r\nHost: [::1]:993\r\n\r\n";
        for (status, kind) in [
            ("407 Who are you", "it wants a user and a password"),
            ("403 Filtered", "it does not allow this connection: 403 Filtered"),
            ("503 Later", "it did not reach the server: 503 Later"),
            ("400 What", "it refused: 400 What"),
        ] {
            let answer = format!("HTTP/1.1 {status}\r\nServer: x\r\n\r\n<html>");
            let (outcome, _) = asked("http://h", "::1", &[(plain, answer.as_bytes())]);
            assert_eq!(outcome.expect_err("a refusal").to_string(), kind);
        }
        let (outcome, _) = asked("http://h", "::1", &[(plain, b"* OK IMAP4rev1 ready\r\n")]);
        assert!(outcome.expect_err("no HTTP").is_protocol());
    }
}
