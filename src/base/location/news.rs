//! `news` and `nntp` URLs (RFC 5538), and `nntps` with TLS from the first octet.
//! `nntp` without a group is ours: a server to post to.

use std::fmt;

use percent_encoding::utf8_percent_encode;

use super::percent::{Part, SEGMENT};
use super::{Error, Server};

/// `nntp://` or `nntps://`: a server, one of its groups, or an article by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NntpUrl {
    /// `nntps`: TLS from the first octet; else STARTTLS by policy.
    pub implicit_tls: bool,
    /// The server and who logs in there.
    pub server: Server,
    /// The group, decoded, never empty; `None` is the server as such.
    pub group: Option<String>,
    /// The server's own number of one article of the group; means nothing without one.
    pub article: Option<u64>,
}

/// `news:`: an article by its message-ID, or groups, wherever they are carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewsUrl {
    /// The server; `None`: the account's, or the one that `NNTPSERVER` names.
    pub server: Option<Server>,
    /// What is meant.
    pub what: NewsWhat,
}

/// What a `news` URL means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewsWhat {
    /// A message-ID without angle brackets; it has an `@`, which is what sets it apart.
    Article(String),
    /// A group, or a wildmat of groups (RFC 3977 section 4); `*` is all of them.
    Groups(String),
}

impl NntpUrl {
    /// The port to connect to: 119, or 563 for `nntps`, unless the URL says.
    pub fn port(&self) -> u16 {
        self.server.port.unwrap_or(if self.implicit_tls { 563 } else { 119 })
    }

    pub(super) fn parse_rest(implicit_tls: bool, rest: Part<'_>) -> Result<Self, Error> {
        let (authority, tail) = rest.split_authority();
        let server = Server::parse(authority)?;
        let tail = tail.refuse_query()?;
        let path = tail.strip_prefix("/").unwrap_or(tail);
        let (group, number) = match path.split_once('/') {
            Some((group, number)) => (group, Some(number)),
            None => (path, None),
        };
        let article = match number {
            Some(_) if group.is_empty() => {
                return Err(Error::Syntax { offset: group.at, expected: "a newsgroup" });
            }
            Some(number) if !number.is_empty() => Some(number.number("an article's number")?),
            _ => None,
        };
        let group = if group.is_empty() { None } else { Some(group.decode_word("a newsgroup")?) };
        Ok(Self { implicit_tls, server, group, article })
    }
}

impl fmt::Display for NntpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.implicit_tls { "nntps" } else { "nntp" };
        write!(f, "{scheme}://{}", self.server)?;
        if let Some(group) = &self.group {
            write!(f, "/{}", utf8_percent_encode(group, SEGMENT))?;
            if let Some(article) = self.article {
                write!(f, "/{article}")?;
            }
        }
        Ok(())
    }
}

impl NewsUrl {
    /// Reads what stands behind `news:`.
    pub(super) fn parse_rest(rest: Part<'_>) -> Result<Self, Error> {
        let (server, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, tail) = rest.split_authority();
                let server = Server::parse(authority)?;
                (Some(server), tail.strip_prefix("/").unwrap_or(tail))
            }
            None => (None, rest),
        };
        let path = path.refuse_query()?;
        let text = path.decode_word("a newsgroup or message-ID")?;
        let what = if text.is_empty() {
            NewsWhat::Groups("*".to_owned())
        } else if !text.contains('@') {
            NewsWhat::Groups(text)
        } else if text.contains(['<', '>']) {
            return Err(Error::Syntax {
                offset: path.at,
                expected: "a message-ID without angle brackets",
            });
        } else {
            NewsWhat::Article(text)
        };
        Ok(Self { server, what })
    }
}

impl fmt::Display for NewsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("news:")?;
        if let Some(server) = &self.server {
            write!(f, "//{server}/")?;
        }
        match &self.what {
            NewsWhat::Article(text) | NewsWhat::Groups(text) => {
                write!(f, "{}", utf8_percent_encode(text, SEGMENT))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::server::tests::any_server;
    use super::*;
    use crate::base::location::Location;
    use proptest::option;
    use proptest::prelude::*;

    fn news(server: Option<&str>, what: NewsWhat) -> Location {
        Location::News(NewsUrl { server: server.map(Server::new), what })
    }

    fn nntp(host: &str, group: &str, article: Option<u64>) -> Location {
        Location::Nntp(NntpUrl {
            implicit_tls: false,
            server: Server::new(host),
            group: Some(group.into()),
            article,
        })
    }

    #[test]
    fn rfc_5538_section_3() {
        for (text, want) in [
            (
                "nntp://news.server.example/example.group.this/12345",
                nntp("news.server.example", "example.group.this", Some(12345)),
            ),
            (
                "nntp://wild.server.example/example.group.n%2Fa/12345",
                nntp("wild.server.example", "example.group.n/a", Some(12345)),
            ),
            (
                "nntp://news.server.example/example.group.this",
                nntp("news.server.example", "example.group.this", None),
            ),
        ] {
            assert_eq!(Location::parse(text), Ok(want.clone()), "{text}");
            assert_eq!(want.to_string(), text);
        }
    }

    #[test]
    fn rfc_5538_section_4() {
        let groups = |text: &str| NewsWhat::Groups(text.into());
        for (text, want) in [
            ("news://news.server.example/*", news(Some("news.server.example"), groups("*"))),
            (
                "news://wild.server.example/example.group.th%3Fse",
                news(Some("wild.server.example"), groups("example.group.th?se")),
            ),
            ("news:example.group.*", news(None, groups("example.group.*"))),
            ("news:example.group.this", news(None, groups("example.group.this"))),
            (
                "news:some.id%2F1@example.org",
                news(None, NewsWhat::Article("some.id/1@example.org".into())),
            ),
        ] {
            assert_eq!(Location::parse(text), Ok(want.clone()), "{text}");
            assert_eq!(want.to_string(), text);
        }
        assert_eq!(
            Location::parse("news://news.server.example/"),
            Location::parse("news://news.server.example/*")
        );
    }

    #[test]
    fn mistakes_carry_their_place() {
        for (text, offset) in [
            ("news:a?b", 6),
            ("news:<a@b>", 5),
            ("news:a%20b", 6),
            ("nntp://h//1", 9),
            ("nntp://h/g/x", 11),
            ("news:///g", 7),
        ] {
            let error = Location::parse(text).expect_err(text);
            assert_eq!(error.offset(), offset, "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn news_reads_back(
            server in option::of(any_server()),
            text in "[^\\x00-\\x20\\x7f<>]{1,20}",
        ) {
            let what =
                if text.contains('@') { NewsWhat::Article(text) } else { NewsWhat::Groups(text) };
            let url = NewsUrl { server, what };
            prop_assert_eq!(Location::parse(&url.to_string()), Ok(Location::News(url)));
        }

        #[test]
        fn nntp_reads_back(
            implicit_tls: bool,
            server in any_server(),
            group in "[^\\x00-\\x20\\x7f]{1,20}",
            article in option::of(any::<u64>()),
        ) {
            let url = NntpUrl { implicit_tls, server, group: Some(group), article };
            prop_assert_eq!(Location::parse(&url.to_string()), Ok(Location::Nntp(url)));
        }
    }
}
