//! URLs of servers that take mail: SMTP (RFC 5321), submission (RFC 6409, RFC 8314) and
//! LMTP (RFC 2033), over TCP or, for LMTP, over a Unix socket: `lmtp:///run/lmtp.sock`.
//! No RFC gives these URLs a grammar; they follow the others here.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use percent_encoding::percent_encode;

use super::percent::{BCHAR, Part};
use super::{Error, Server};

/// A server that takes mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpUrl {
    /// Which protocol, and whether TLS comes first.
    pub scheme: SmtpScheme,
    /// Where it listens.
    pub endpoint: SmtpEndpoint,
}

/// The scheme of a URL that takes mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpScheme {
    /// `smtp`, port 25.
    Smtp,
    /// `smtps`, TLS from the first octet, port 465.
    Smtps,
    /// `submission`, port 587.
    Submission,
    /// `submissions`, TLS from the first octet, port 465 (RFC 8314 section 3.3).
    Submissions,
    /// `lmtp`, port 24.
    Lmtp,
}

/// Where a server that takes mail listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmtpEndpoint {
    /// A host and port.
    Tcp(Server),
    /// The absolute path of a Unix socket; only with [`SmtpScheme::Lmtp`].
    Unix(PathBuf),
}

impl SmtpScheme {
    /// The scheme of this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Smtp, Self::Smtps, Self::Submission, Self::Submissions, Self::Lmtp]
            .into_iter()
            .find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }

    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Smtps => "smtps",
            Self::Submission => "submission",
            Self::Submissions => "submissions",
            Self::Lmtp => "lmtp",
        }
    }

    /// The port where the URL gives none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Smtp => 25,
            Self::Smtps | Self::Submissions => 465,
            Self::Submission => 587,
            Self::Lmtp => 24,
        }
    }

    /// Whether TLS comes before the first octet of the protocol.
    pub fn implicit_tls(self) -> bool {
        matches!(self, Self::Smtps | Self::Submissions)
    }
}

impl SmtpUrl {
    /// The server; `None` behind a Unix socket.
    pub fn server(&self) -> Option<&Server> {
        match &self.endpoint {
            SmtpEndpoint::Tcp(server) => Some(server),
            SmtpEndpoint::Unix(_) => None,
        }
    }

    /// The port to connect to; `None` behind a Unix socket.
    pub fn port(&self) -> Option<u16> {
        self.server().map(|server| server.port.unwrap_or(self.scheme.default_port()))
    }

    pub(super) fn parse_rest(scheme: SmtpScheme, rest: Part<'_>) -> Result<Self, Error> {
        let (authority, tail) = rest.split_authority();
        let path = tail.refuse_query()?;
        if scheme == SmtpScheme::Lmtp && authority.is_empty() && path.text.len() > 1 {
            let octets = path.decode_except("a path", |octet| octet == 0)?;
            let socket = PathBuf::from(OsString::from_vec(octets));
            return Ok(Self { scheme, endpoint: SmtpEndpoint::Unix(socket) });
        }
        let server = Server::parse(authority)?;
        if !matches!(path.text, "" | "/") {
            return Err(Error::Syntax { offset: path.at, expected: "the end behind the server" });
        }
        Ok(Self { scheme, endpoint: SmtpEndpoint::Tcp(server) })
    }
}

impl fmt::Display for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.name())?;
        match &self.endpoint {
            SmtpEndpoint::Tcp(server) => server.fmt(f),
            SmtpEndpoint::Unix(path) => {
                write!(f, "{}", percent_encode(path.as_os_str().as_bytes(), BCHAR))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::server::tests::any_server;
    use super::*;
    use crate::base::location::Location;
    use proptest::prelude::*;

    #[test]
    fn a_unix_socket() {
        let url = SmtpUrl {
            scheme: SmtpScheme::Lmtp,
            endpoint: SmtpEndpoint::Unix("/run/dovecot/lmtp".into()),
        };
        assert_eq!(Location::parse("lmtp:///run/dovecot/lmtp"), Ok(Location::Smtp(url.clone())));
        assert_eq!(url.to_string(), "lmtp:///run/dovecot/lmtp");
        assert_eq!(Location::Smtp(url).port(), None);
    }

    #[test]
    fn mistakes_carry_their_place() {
        for (text, offset) in [
            ("smtp:///run/x", 7),
            ("lmtp:///", 7),
            ("smtp://h/x", 8),
            ("smtp://h?x", 8),
            ("lmtp:///a%00", 9),
        ] {
            let error = Location::parse(text).expect_err(text);
            assert_eq!(error.offset(), offset, "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn reads_back(server in any_server(), scheme in prop::sample::select(vec![
            SmtpScheme::Smtp, SmtpScheme::Smtps, SmtpScheme::Submission,
            SmtpScheme::Submissions, SmtpScheme::Lmtp,
        ])) {
            let url = SmtpUrl { scheme, endpoint: SmtpEndpoint::Tcp(server) };
            prop_assert_eq!(Location::parse(&url.to_string()), Ok(Location::Smtp(url)));
        }

        #[test]
        fn sockets_read_back(octets in prop::collection::vec(1u8.., 1..30)) {
            let mut path = vec![b'/'];
            path.extend(octets);
            let path = PathBuf::from(OsString::from_vec(path));
            let url = SmtpUrl { scheme: SmtpScheme::Lmtp, endpoint: SmtpEndpoint::Unix(path) };
            prop_assert_eq!(Location::parse(&url.to_string()), Ok(Location::Smtp(url)));
        }
    }
}
