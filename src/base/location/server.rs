//! The authority of a URL: `[user[:password][;AUTH=mechanism]@]host[:port]` (RFC 5092
//! section 11 `iserver`, RFC 2384 section 8 `server`, RFC 3986 section 3.2).

use std::fmt;
use std::net::Ipv6Addr;

use percent_encoding::{percent_encode, utf8_percent_encode};

use super::Error;
use super::percent::{ACHAR, Part, UNRESERVED};
use crate::base::secret::Secret;

/// Who and where: the authority of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The user, decoded; `None` where the URL names none.
    pub user: Option<String>,
    /// A password that the URL carried: it works, the caller warns, and nothing shows it.
    pub password: Option<Secret>,
    /// `;AUTH=`; `None` where the URL leaves it open, as `;AUTH=*` says outright.
    pub auth: Option<Auth>,
    /// A host name (ASCII in lower case, other characters as UTF-8), an IPv4 address, or an
    /// IPv6 address without brackets, with `%` before its zone (RFC 6874).
    pub host: String,
    /// The port; `None` means the scheme's own.
    pub port: Option<u16>,
}

/// What `;AUTH=` asks for. Names are in upper case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// `*`: whatever suits.
    Any,
    /// A SASL mechanism, by its IANA name.
    Mechanism(String),
    /// `+NAME`: not SASL; RFC 2384 has `+APOP`.
    Extension(String),
}

impl Server {
    /// A server of which only the host is known.
    pub fn new(host: impl Into<String>) -> Self {
        Self { user: None, password: None, auth: None, host: host.into(), port: None }
    }

    /// Reads an authority. A user with a bare `@` in it (`ann@example.org@host`) is
    /// understood: the last `@` divides.
    pub(super) fn parse(authority: Part<'_>) -> Result<Self, Error> {
        let (userinfo, host_port) = match authority.text.rfind('@') {
            Some(n) => (Some(authority.before(n)), authority.onward(n + 1)),
            None => (None, authority),
        };
        let (host, port) = host_port_of(host_port)?;
        let mut server = Server::new(host);
        server.port = port;
        if let Some(userinfo) = userinfo {
            server.read_userinfo(userinfo)?;
        }
        Ok(server)
    }

    /// `user[:password][;AUTH=mechanism]` and, as curl also has it,
    /// `user;AUTH=mechanism:password`.
    fn read_userinfo(&mut self, userinfo: Part<'_>) -> Result<(), Error> {
        let (login, option) = match userinfo.split_once(';') {
            Some((login, option)) => (login, Some(option)),
            None => (userinfo, None),
        };
        let (user, mut password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (login, None),
        };
        if !user.is_empty() {
            self.user = Some(user.decode_text("a user")?);
        }
        if let Some(option) = option {
            let value = option
                .strip_word("AUTH=")
                .ok_or(Error::Syntax { offset: option.at, expected: "AUTH= behind the ;" })?;
            let mechanism = match value.split_once(':') {
                Some((mechanism, behind)) if password.is_none() => {
                    password = Some(behind);
                    mechanism
                }
                _ => value,
            };
            self.auth = Some(Auth::parse(mechanism)?);
        }
        if let Some(password) = password {
            self.password = Some(Secret::new(password.decode("a password")?));
        }
        Ok(())
    }
}

impl Auth {
    fn parse(part: Part<'_>) -> Result<Self, Error> {
        let name = part.decode_word("a mechanism")?.to_ascii_uppercase();
        let fits = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        if name == "*" {
            return Ok(Auth::Any);
        }
        if fits(&name) {
            return Ok(Auth::Mechanism(name));
        }
        match name.strip_prefix('+') {
            Some(extension) if fits(extension) => Ok(Auth::Extension(extension.to_owned())),
            _ => Err(Error::Syntax { offset: part.at, expected: "a mechanism's name or *" }),
        }
    }
}

impl fmt::Display for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Auth::Any => f.write_str("*"),
            Auth::Mechanism(name) => f.write_str(name),
            Auth::Extension(name) => write!(f, "+{name}"),
        }
    }
}

/// The authority as [`super::Location::parse`] reads it, without any password.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{}", utf8_percent_encode(user, ACHAR))?;
        }
        if let Some(auth) = &self.auth {
            write!(f, ";AUTH={auth}")?;
        }
        if self.user.is_some() || self.auth.is_some() {
            f.write_str("@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host.replace('%', "%25"))?;
        } else {
            write!(f, "{}", percent_encode(self.host.as_bytes(), UNRESERVED))?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

fn host_port_of(part: Part<'_>) -> Result<(String, Option<u16>), Error> {
    let (host, port) = match part.strip_prefix("[") {
        Some(inside) => {
            let (address, behind) = inside
                .split_once(']')
                .ok_or(Error::Syntax { offset: part.end(), expected: "a closing ]" })?;
            let port = match behind.strip_prefix(":") {
                Some(port) => port,
                None if behind.is_empty() => behind,
                None => {
                    return Err(Error::Syntax {
                        offset: behind.at,
                        expected: "a : and a port, or the end, behind the ]",
                    });
                }
            };
            (ipv6(address)?, port)
        }
        None => {
            let (name, port) = part.split_once(':').unwrap_or((part, part.onward(part.text.len())));
            if port.text.contains(':') {
                return Err(Error::Syntax {
                    offset: part.at,
                    expected: "brackets around an IPv6 address",
                });
            }
            (host_name(name)?, port)
        }
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    match port.number::<u16>(PORT)? {
        0 => Err(Error::Syntax { offset: port.at, expected: PORT }),
        number => Ok((host, Some(number))),
    }
}

const PORT: &str = "a port from 1 to 65535";

fn host_name(part: Part<'_>) -> Result<String, Error> {
    let name = part.decode_word("a host")?;
    if name.is_empty() {
        return Err(Error::Syntax { offset: part.at, expected: "a host" });
    }
    if name.contains(|c: char| c.is_whitespace() || c.is_control() || HOST_DELIMITERS.contains(c)) {
        return Err(Error::Syntax { offset: part.at, expected: "a host name or address" });
    }
    Ok(name.to_ascii_lowercase())
}

/// What no host name holds, even escaped: it would be read otherwise where it is used next.
const HOST_DELIMITERS: &str = "/?#@[]:;%\\<>\"'`(){}|^,";

/// An IPv6 address in its shortest spelling, with its zone behind `%25` (RFC 6874).
fn ipv6(part: Part<'_>) -> Result<String, Error> {
    let malformed = Error::Syntax { offset: part.at, expected: "an IPv6 address" };
    let (address, zone) = match part.text.split_once("%25") {
        Some((address, zone)) => (address, Some(zone)),
        None => (part.text, None),
    };
    let address: Ipv6Addr = address.parse().map_err(|_| malformed.clone())?;
    match zone {
        None => Ok(address.to_string()),
        Some(zone)
            if !zone.is_empty()
                && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)) =>
        {
            Ok(format!("{address}%{zone}"))
        }
        Some(_) => Err(malformed),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::option;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Server, Error> {
        Server::parse(Part::new(text))
    }

    #[test]
    fn known_answers() {
        let server = parse("rg;AUTH=+APOP@mail.eudora.com:8110").expect("RFC 2384 section 7");
        assert_eq!(server.user.as_deref(), Some("rg"));
        assert_eq!(server.auth, Some(Auth::Extension("APOP".into())));
        assert_eq!((server.host.as_str(), server.port), ("mail.eudora.com", Some(8110)));

        let server = parse(";auth=gssapi@Minbari.Example.ORG").expect("RFC 5092 section 9");
        assert_eq!(server.user, None);
        assert_eq!(server.auth, Some(Auth::Mechanism("GSSAPI".into())));
        assert_eq!(server.host, "minbari.example.org");

        let server = parse("john;AUTH=*@[2001:DB8:0:0::1]:143").expect("an IPv6 address");
        assert_eq!(server.auth, Some(Auth::Any));
        assert_eq!(server.host, "2001:db8::1");
        assert_eq!(server.to_string(), "john;AUTH=*@[2001:db8::1]:143");

        assert_eq!(parse("[fe80::1%25eth0]").map(|s| s.host), Ok("fe80::1%eth0".to_owned()));
        assert_eq!(parse("ann@x.org@h").map(|s| s.user), Ok(Some("ann@x.org".to_owned())));
        assert_eq!(parse("h:").map(|s| s.port), Ok(None));
    }

    #[test]
    fn a_password_stands_before_or_behind_the_mechanism() {
        for text in ["ann:pw;AUTH=PLAIN@h", "ann;AUTH=PLAIN:pw@h"] {
            let server = parse(text).expect(text);
            assert_eq!(server.password, Some(Secret::new(*b"pw")), "{text}");
            assert_eq!(server.to_string(), "ann;AUTH=PLAIN@h", "{text}");
        }
    }

    #[test]
    fn mistakes_carry_their_place() {
        for (text, offset) in [
            ("", 0),
            ("ann@", 4),
            ("ann%@h", 3),
            ("ann%0D%0AX@h", 3),
            ("ann;AUHT=X@h", 4),
            ("ann;AUTH=@h", 9),
            ("h:0", 2),
            ("h:65536", 2),
            ("h:+1", 2),
            ("2001:db8::1", 0),
            ("[::1", 4),
            ("[::1]x", 5),
            ("[::g]", 1),
            ("a%20b", 1),
            ("a%2Fb", 0),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.offset(), offset, "{text}: {error}");
        }
    }

    /// Servers without passwords, which are never shown.
    pub(in crate::base::location) fn any_server() -> impl Strategy<Value = Server> {
        let host = prop_oneof![
            "[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?",
            "[äß日本]{1,4}\\.example",
            any::<u32>().prop_map(|n| std::net::Ipv4Addr::from(n).to_string()),
            any::<u128>().prop_map(|n| Ipv6Addr::from(n).to_string()),
        ];
        let user = "[^\\r\\n\\x00]{1,12}";
        let auth = prop_oneof![
            Just(Auth::Any),
            "[A-Z0-9_-]{1,12}".prop_map(Auth::Mechanism),
            "[A-Z0-9]{1,12}".prop_map(Auth::Extension),
        ];
        let port = option::of(1u16..);
        (option::of(user), option::of(auth), host, port)
            .prop_map(|(user, auth, host, port)| Server { user, password: None, auth, host, port })
    }

    proptest! {
        #[test]
        fn reads_back(server in any_server()) {
            prop_assert_eq!(parse(&server.to_string()), Ok(server));
        }
    }
}
