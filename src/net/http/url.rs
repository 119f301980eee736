//! `http:` and `https:` URLs, RFC 9110 section 4.2.

use std::fmt;
use std::str::FromStr;

use super::{Error, Result};

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

    pub(super) fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        let own = if self.is_tls { 443 } else { 80 };
        if self.port == own { host } else { format!("{host}:{}", self.port) }
    }

    /// What a `Location:` of an answer from here means.
    pub(super) fn join(&self, location: &str) -> Result<Self> {
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
