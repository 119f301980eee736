//! What a word of the command line leads to: a domain, or servers.

use std::net::IpAddr;

use anyhow::Result;

use super::facts::{Protocol, Role, Service, Start};
use crate::base::location::{Location, Server, SmtpEndpoint, SmtpScheme, SmtpUrl};
use crate::config::{Account, Config};
use crate::net;
use crate::net::tls::Mode;
use crate::ui::Failure;

/// What is to be examined.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A domain, in ASCII: its records, and the servers that its MX names.
    Domain(String),
    /// These servers.
    Servers(Vec<Target>),
}

/// How far a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// What any client does.
    Safe,
    /// What may be taken for an attempt: relaying, VRFY, injection, speaking too early.
    Active,
    /// What may change something: smuggled ends of messages.
    Intrusive,
}

/// A server to speak with.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name in the report.
    pub url: String,
    /// Where it listens.
    pub endpoint: net::Endpoint,
    /// The server of the URL, where there is one.
    pub server: Option<Server>,
    /// What is spoken.
    pub protocol: Protocol,
    /// What for.
    pub role: Role,
    /// When TLS begins, by the URL.
    pub mode: Mode,
    /// The account that it belongs to.
    pub account: Option<Account>,
    /// The domain that led to it; `None`: it was named itself.
    pub domain: Option<String>,
    /// It is only guessed that there is something: nobody has told of it.
    pub is_guess: bool,
}

/// Ports that say what is spoken (IANA's registry, RFC 8314 section 7).
pub const PORTS: &[(u16, &str)] = &[
    (24, "lmtp"),
    (25, "smtp"),
    (110, "pop3"),
    (143, "imap"),
    (465, "submissions"),
    (587, "submission"),
    (993, "imaps"),
    (995, "pop3s"),
];

impl Subject {
    /// Reads a word: a URL, an address (its domain counts), an IP address, HOST:PORT, an
    /// account, or a domain or host.
    ///
    /// # Errors
    /// [`Failure`] for what is none of these; mistakes in URLs and in the configuration.
    pub fn of(word: &str, config: &Config) -> Result<Self> {
        if word.contains("://") {
            let location = Location::parse(word)?;
            let account = config.account_of(&location)?.cloned();
            return Ok(Self::Servers(vec![Target::of(&location, account)?]));
        }
        if let Some((_, domain)) = word.rsplit_once('@') {
            return Ok(Self::Domain(ascii(domain)?));
        }
        if let Ok(address) = word.parse::<IpAddr>() {
            return Ok(Self::Servers(vec![Target::exchanger(&address.to_string())]));
        }
        let name = word.strip_suffix(':').unwrap_or(word);
        if !name.contains('.')
            && let Ok(account) = config.account(name)
        {
            return Ok(Self::Servers(of_account(account)?));
        }
        match word.rsplit_once(':') {
            Some((host, port)) => Ok(Self::Servers(vec![by_port(word, host, port)?])),
            None => Ok(Self::Domain(ascii(word)?)),
        }
    }
}

impl Target {
    /// The SMTP server of an MX record, by name or address.
    pub fn exchanger(host: &str) -> Self {
        let endpoint = net::Endpoint::tcp(host, SmtpScheme::Smtp.default_port());
        Self {
            url: format!("smtp://{endpoint}"),
            endpoint,
            server: None,
            protocol: Protocol::Smtp,
            role: Role::Mx,
            mode: Mode::Starttls,
            account: None,
            domain: None,
            is_guess: false,
        }
    }

    /// A server of a URL's scheme at a host and port that a domain led to.
    ///
    /// # Errors
    /// Hosts that no URL can have.
    pub fn found(
        scheme: &str,
        host: &str,
        port: u16,
        domain: &str,
        is_guess: bool,
    ) -> Result<Self> {
        let host = match host.contains(':') {
            true => format!("[{host}]"),
            false => host.to_owned(),
        };
        let target = Self::of(&Location::parse(&format!("{scheme}://{host}:{port}"))?, None)?;
        Ok(Self { domain: Some(domain.to_owned()), is_guess, ..target })
    }

    /// The server of a location.
    ///
    /// # Errors
    /// [`Failure`] for a location that is no such server.
    pub fn of(location: &Location, account: Option<Account>) -> Result<Self> {
        let begin = |implicit| if implicit { Mode::Implicit } else { Mode::Starttls };
        let (scheme, endpoint, server, protocol, role, mode) = match location {
            Location::Smtp(url) => return Ok(Self::smtp(url, account)),
            Location::Imap(url) => {
                let scheme = if url.implicit_tls { "imaps" } else { "imap" };
                let endpoint = net::Endpoint::tcp(url.server.host.clone(), url.port());
                let mode = begin(url.implicit_tls);
                (scheme, endpoint, url.server.clone(), Protocol::Imap, Role::Access, mode)
            }
            Location::Pop(url) => {
                let scheme = if url.implicit_tls { "pop3s" } else { "pop3" };
                let endpoint = net::Endpoint::tcp(url.server.host.clone(), url.port());
                let mode = begin(url.implicit_tls);
                (scheme, endpoint, url.server.clone(), Protocol::Pop3, Role::Access, mode)
            }
            other => {
                return Err(Failure::usage(format!("{other} is no server that can be probed"))
                    .hint("give a domain, or an smtp, submission, imap, pop3 or lmtp URL")
                    .into());
            }
        };
        let url = format!("{scheme}://{endpoint}");
        Ok(Self {
            url,
            endpoint,
            server: Some(server),
            protocol,
            role,
            mode,
            account,
            domain: None,
            is_guess: false,
        })
    }

    fn smtp(url: &SmtpUrl, account: Option<Account>) -> Self {
        let endpoint = match &url.endpoint {
            SmtpEndpoint::Tcp(server) => {
                let port = server.port.unwrap_or(url.scheme.default_port());
                net::Endpoint::tcp(server.host.clone(), port)
            }
            SmtpEndpoint::Unix(path) => net::Endpoint::Unix(path.clone()),
        };
        let (protocol, role) = match url.scheme {
            SmtpScheme::Smtp => (Protocol::Smtp, Role::Mx),
            SmtpScheme::Lmtp => (Protocol::Lmtp, Role::Delivery),
            SmtpScheme::Smtps | SmtpScheme::Submission | SmtpScheme::Submissions => {
                (Protocol::Smtp, Role::Submission)
            }
        };
        let mode = match &endpoint {
            net::Endpoint::Unix(_) => Mode::None,
            net::Endpoint::Tcp { .. } if url.scheme.implicit_tls() => Mode::Implicit,
            net::Endpoint::Tcp { .. } => Mode::Starttls,
        };
        Self {
            url: format!("{}://{endpoint}", url.scheme.name()),
            endpoint,
            server: url.server().cloned(),
            protocol,
            role,
            mode,
            account,
            domain: None,
            is_guess: false,
        }
    }

    /// The kind of the endpoint, with TLS beginning by `mode`.
    pub fn service(&self, mode: Mode) -> Service {
        let tls = match mode {
            Mode::Implicit => Start::Implicit,
            Mode::Starttls | Mode::Opportunistic => Start::Starttls,
            Mode::None => Start::Never,
        };
        Service { protocol: self.protocol, role: self.role, tls }
    }
}

fn of_account(account: &Account) -> Result<Vec<Target>> {
    let locations = [
        account.smtp.clone().map(Location::Smtp),
        account.imap.clone().map(Location::Imap),
        account.pop.clone().map(Location::Pop),
    ];
    let targets = locations
        .iter()
        .flatten()
        .map(|location| Target::of(location, Some(account.clone())))
        .collect::<Result<Vec<_>>>()?;
    if targets.is_empty() {
        return Err(Failure::usage(format!(
            "the account {} has no server that can be probed",
            account.name
        ))
        .into());
    }
    Ok(targets)
}

fn by_port(word: &str, host: &str, port: &str) -> Result<Target> {
    let number: u16 =
        port.parse().map_err(|_| Failure::usage(format!("{port:?} in {word:?} is no port")))?;
    let Some((_, scheme)) = PORTS.iter().find(|(known, _)| *known == number) else {
        return Err(Failure::usage(format!("what is spoken on port {number} is not known"))
            .hint(format!("write it as a URL, such as imaps://{word}"))
            .into());
    };
    Target::of(&Location::parse(&format!("{scheme}://{host}:{port}"))?, None)
}

/// A domain as DNS has it (RFC 5891), without the last dot.
fn ascii(domain: &str) -> Result<String> {
    let bare = domain.trim_end_matches('.');
    idna::domain_to_ascii(bare)
        .ok()
        .filter(|name| {
            !name.is_empty()
                && name.len() <= 253
                && name
                    .bytes()
                    .all(|octet| octet.is_ascii_alphanumeric() || b".-_".contains(&octet))
        })
        .ok_or_else(|| Failure::usage(format!("{domain:?} is no domain")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(word: &str) -> Vec<Target> {
        match Subject::of(word, &Config::default()).expect(word) {
            Subject::Servers(targets) => targets,
            Subject::Domain(domain) => panic!("{word} led to the domain {domain}"),
        }
    }

    fn domain(word: &str) -> String {
        match Subject::of(word, &Config::default()).expect(word) {
            Subject::Domain(domain) => domain,
            Subject::Servers(targets) => panic!("{word} led to {targets:?}"),
        }
    }

    #[test]
    fn each_word_leads_somewhere() {
        for (word, url, role, mode) in [
            ("smtp://mx.example", "smtp://mx.example:25", Role::Mx, Mode::Starttls),
            ("submission://h", "submission://h:587", Role::Submission, Mode::Starttls),
            ("submissions://ann@h", "submissions://h:465", Role::Submission, Mode::Implicit),
            ("smtps://h:2465", "smtps://h:2465", Role::Submission, Mode::Implicit),
            ("lmtp://h", "lmtp://h:24", Role::Delivery, Mode::Starttls),
            ("lmtp:///run/lmtp.sock", "lmtp:///run/lmtp.sock", Role::Delivery, Mode::None),
            ("imap://h", "imap://h:143", Role::Access, Mode::Starttls),
            ("imaps://[::1]:1993", "imaps://[::1]:1993", Role::Access, Mode::Implicit),
            ("pop3s://h", "pop3s://h:995", Role::Access, Mode::Implicit),
            ("mail.example:993", "imaps://mail.example:993", Role::Access, Mode::Implicit),
            ("mail.example:110", "pop3://mail.example:110", Role::Access, Mode::Starttls),
            ("192.0.2.1", "smtp://192.0.2.1:25", Role::Mx, Mode::Starttls),
            ("2001:db8::1", "smtp://[2001:db8::1]:25", Role::Mx, Mode::Starttls),
        ] {
            let found = servers(word);
            assert_eq!(found.len(), 1, "{word}");
            assert_eq!((found[0].url.as_str(), found[0].role, found[0].mode), (url, role, mode));
        }
        assert_eq!(domain("example.org."), "example.org");
        assert_eq!(domain("ann@Example.ORG"), "example.org");
        assert_eq!(domain("b\u{fc}cher.example"), "xn--bcher-kva.example");
        assert_eq!(domain("localhost"), "localhost");
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        for word in ["maildir:///x", "news://h", "h:4711", "h:x", "a b", "ann@", "http://h"] {
            assert!(Subject::of(word, &Config::default()).is_err(), "{word}");
        }
    }
}
