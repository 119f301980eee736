//! POP3 URLs (RFC 2384), with two additions that are not in it: `pop3s`, and `/;UIDL=` for
//! one message of the maildrop (RFC 1939's unique-id).

use std::fmt;

use percent_encoding::utf8_percent_encode;

use super::percent::{Part, SEGMENT};
use super::{Error, Server};

/// `pop://`, `pop3://` (the same) or `pop3s://`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PopUrl {
    /// `pop3s`: TLS from the first octet; else STLS by policy.
    pub implicit_tls: bool,
    /// The server and who logs in there.
    pub server: Server,
    /// The unique-id of one message, never empty; `None` is the whole maildrop.
    pub uidl: Option<String>,
}

impl PopUrl {
    /// The port to connect to: 110, or 995 for `pop3s`, unless the URL says.
    pub fn port(&self) -> u16 {
        self.server.port.unwrap_or(if self.implicit_tls { 995 } else { 110 })
    }

    pub(super) fn parse_rest(implicit_tls: bool, rest: Part<'_>) -> Result<Self, Error> {
        let (authority, tail) = rest.split_authority();
        let server = Server::parse(authority)?;
        let path = tail.refuse_query()?;
        let uidl = if path.is_empty() || path.text == "/" {
            None
        } else {
            let value = path.strip_word("/;UIDL=").ok_or(Error::Syntax {
                offset: path.at,
                expected: "/;UIDL= or the end (POP3 has no folders)",
            })?;
            if value.is_empty() {
                return Err(Error::Syntax { offset: value.at, expected: "a unique-id" });
            }
            Some(value.decode_text("a unique-id")?)
        };
        Ok(Self { implicit_tls, server, uidl })
    }
}

impl fmt::Display for PopUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.implicit_tls { "pop3s" } else { "pop3" };
        write!(f, "{scheme}://{}", self.server)?;
        match &self.uidl {
            Some(uidl) => write!(f, "/;UIDL={}", utf8_percent_encode(uidl, SEGMENT)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::server::tests::any_server;
    use super::*;
    use crate::base::location::{Auth, Location};
    use proptest::option;
    use proptest::prelude::*;

    fn parse(text: &str) -> PopUrl {
        match Location::parse(text) {
            Ok(Location::Pop(url)) => url,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn rfc_2384_section_7() {
        let url = parse("pop://rg@mailsrv.qualcomm.com");
        assert_eq!(url.server.user.as_deref(), Some("rg"));
        assert_eq!((url.server.host.as_str(), url.port()), ("mailsrv.qualcomm.com", 110));
        let url = parse("pop://rg;AUTH=+APOP@mail.eudora.com:8110");
        assert_eq!(url.server.auth, Some(Auth::Extension("APOP".into())));
        assert_eq!(url.port(), 8110);
        let url = parse("pop://baz;AUTH=SCRAM-MD5@foo.bar");
        assert_eq!(url.server.auth, Some(Auth::Mechanism("SCRAM-MD5".into())));
        assert_eq!(url.to_string(), "pop3://baz;AUTH=SCRAM-MD5@foo.bar");
    }

    #[test]
    fn one_message_by_its_unique_id() {
        let url = parse("pop3s://ann@h/;UIDL=whqtswO00WBw418f9t5JxYwZ");
        assert_eq!(url.uidl.as_deref(), Some("whqtswO00WBw418f9t5JxYwZ"));
        assert_eq!(url.to_string(), "pop3s://ann@h/;UIDL=whqtswO00WBw418f9t5JxYwZ");
        assert_eq!(parse("pop3://h/").uidl, None);
    }

    #[test]
    fn mistakes_carry_their_place() {
        for (text, offset) in
            [("pop3://h/INBOX", 8), ("pop3://h/;UIDL=", 15), ("pop3://h/;UIDL=a#", 16)]
        {
            let error = Location::parse(text).expect_err(text);
            assert_eq!(error.offset(), offset, "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn reads_back(
            implicit_tls: bool,
            server in any_server(),
            uidl in option::of("[^\\r\\n\\x00]{1,20}"),
        ) {
            let url = PopUrl { implicit_tls, server, uidl };
            prop_assert_eq!(Location::parse(&url.to_string()), Ok(Location::Pop(url)));
        }
    }
}
