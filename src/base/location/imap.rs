//! IMAP URLs (RFC 5092 with RFC 4467's URLAUTH): a server, a mailbox or a search in it, a
//! message or a part of one. `imaps://` is ours and everyone's, in no RFC.
//!
//! Relative URLs (RFC 5092 section 7) are not read here. More is accepted than written:
//! parameters in any case, `;UID=` without its slash, UTF-8 and spaces without escapes.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

use percent_encoding::{percent_encode, utf8_percent_encode};

use super::percent::{ACHAR, BCHAR, Part, SEGMENT};
use super::{Error, Server};

/// `imap://` or `imaps://`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImapUrl {
    /// `imaps`: TLS from the first octet; else STARTTLS by policy.
    pub implicit_tls: bool,
    /// The server and who logs in there.
    pub server: Server,
    /// The mailbox; `None` is the whole server.
    pub mailbox: Option<ImapMailbox>,
}

/// The mailbox of a URL, and what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImapMailbox {
    /// The server's own name for it, decoded and never empty: UTF-8, to be put into modified
    /// UTF-7 where the server wants that (RFC 5092 section 8). Other octets are a name that
    /// a server gave against the rules, to be sent back as they are.
    pub name: Vec<u8>,
    /// `;UIDVALIDITY=`; when the server's differs, the mailbox counts as missing. 0 is
    /// against the grammar but there are servers that say so.
    pub uid_validity: Option<u32>,
    /// What of the mailbox.
    pub select: ImapSelect,
}

/// What of a mailbox a URL means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImapSelect {
    /// All of it.
    All,
    /// What `SEARCH` finds: the decoded arguments, never empty. May hold CRLF, within a
    /// non-synchronizing literal; whoever sends it checks that it is one.
    Search(Vec<u8>),
    /// One message.
    Message(ImapMessage),
}

/// One message or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImapMessage {
    /// `/;UID=`.
    pub uid: NonZeroU32,
    /// `/;SECTION=`, as in `BODY.PEEK[...]`; `None`: the whole message.
    pub section: Option<String>,
    /// `/;PARTIAL=`, a range of the octets.
    pub partial: Option<Partial>,
    /// `;URLAUTH=`, which lets others read it.
    pub urlauth: Option<UrlAuth>,
}

/// A range of octets: `offset[.octets]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    /// The first octet, from 0.
    pub offset: u64,
    /// At most that many; `None`: to the end.
    pub octets: Option<NonZeroU64>,
}

/// The right to read what the URL names (RFC 5092 section 6.1, RFC 4467).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlAuth {
    /// `;EXPIRE=`, an RFC 3339 date-time as written.
    pub expire: Option<String>,
    /// Who may.
    pub access: Access,
    /// The proof; `None` in the form that GENURLAUTH completes.
    pub verifier: Option<UrlAuthVerifier>,
}

/// Who may read a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// `submit+USER`: a submission server on this user's behalf.
    Submit(String),
    /// `user+USER`.
    User(String),
    /// `authuser`: anyone who has logged in.
    AuthUser,
    /// `anonymous`: anyone.
    Anonymous,
}

/// `:mechanism:token` at the end of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlAuthVerifier {
    /// The mechanism in upper case, `INTERNAL` as a rule.
    pub mechanism: String,
    /// At least 32 hexadecimal digits, as written.
    pub token: String,
}

impl ImapUrl {
    /// The port to connect to: 143, or 993 for `imaps`, unless the URL says.
    pub fn port(&self) -> u16 {
        self.server.port.unwrap_or(if self.implicit_tls { 993 } else { 143 })
    }

    /// The message that the URL names, if it names one.
    pub fn message(&self) -> Option<&ImapMessage> {
        match &self.mailbox.as_ref()?.select {
            ImapSelect::Message(message) => Some(message),
            ImapSelect::All | ImapSelect::Search(_) => None,
        }
    }

    pub(super) fn parse_rest(implicit_tls: bool, rest: Part<'_>) -> Result<Self, Error> {
        let (authority, tail) = rest.split_authority();
        let server = Server::parse(authority)?;
        let mailbox = match tail.strip_prefix("/") {
            Some(path) if path.is_empty() => None,
            Some(path) => Some(ImapMailbox::parse(path)?),
            None if tail.is_empty() => None,
            None => {
                return Err(Error::Syntax { offset: tail.at, expected: "a / and a mailbox" });
            }
        };
        Ok(Self { implicit_tls, server, mailbox })
    }
}

impl ImapMailbox {
    /// `enc-mailbox [uidvalidity] [ "?" enc-search / iuid [isection] [ipartial] [iurlauth] ]`
    fn parse(part: Part<'_>) -> Result<Self, Error> {
        if let Some(n) = part.text.find('#') {
            return Err(Error::Syntax { offset: part.at + n, expected: "%23 in place of #" });
        }
        let (path, query) = match part.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (part, None),
        };
        let pieces = path.split(';');
        let name = match pieces.as_slice() {
            [name] => *name,
            [name, ..] => name.without_trailing_slash(),
            [] => path,
        };
        if name.is_empty() {
            return Err(Error::Syntax { offset: name.at, expected: "a mailbox" });
        }
        let name = name.decode("a mailbox")?;
        let parameters = Parameters::parse(pieces.get(1..).unwrap_or_default())?;
        let select = match (parameters.message, query) {
            (Some(message), None) => ImapSelect::Message(message),
            (Some(_), Some(query)) => {
                let offset = query.at - 1;
                return Err(Error::Syntax { offset, expected: "no search behind ;UID=" });
            }
            (None, Some(query)) if !query.is_empty() => {
                ImapSelect::Search(query.decode_except("a search", |octet| octet == 0)?)
            }
            (None, _) => ImapSelect::All,
        };
        Ok(Self { name, uid_validity: parameters.uid_validity, select })
    }
}

/// What stands behind the `;`s of a path.
#[derive(Default)]
struct Parameters {
    uid_validity: Option<u32>,
    message: Option<ImapMessage>,
}

/// The parameters, in the only order that the grammar allows them.
const ORDER: [&str; 6] = ["UIDVALIDITY", "UID", "SECTION", "PARTIAL", "EXPIRE", "URLAUTH"];

impl Parameters {
    fn parse(pieces: &[Part<'_>]) -> Result<Self, Error> {
        let mut parameters = Parameters::default();
        let mut expire = None;
        let mut allowed = 0;
        for (n, piece) in pieces.iter().enumerate() {
            let misfit = Error::Syntax { offset: piece.at, expected: PARAMETERS };
            let Some((key, value)) = piece.split_once('=') else { return Err(misfit) };
            // The slash before the next parameter is no part of this value.
            let value = if n + 1 < pieces.len() { value.without_trailing_slash() } else { value };
            let rank = ORDER.iter().position(|known| known.eq_ignore_ascii_case(key.text));
            match rank {
                Some(rank) if rank >= allowed => allowed = rank + 1,
                _ => return Err(misfit),
            }
            match (rank, &mut parameters.message) {
                (Some(0), _) => parameters.uid_validity = Some(value.number("a UIDVALIDITY")?),
                (Some(1), message) => {
                    let uid = value.number("a UID from 1 to 4294967295")?;
                    *message =
                        Some(ImapMessage { uid, section: None, partial: None, urlauth: None });
                }
                (_, None) => {
                    return Err(Error::Syntax { offset: piece.at, expected: "UID= before this" });
                }
                (Some(2), Some(message)) => message.section = Some(section(value)?),
                (Some(3), Some(message)) => message.partial = Some(partial(value)?),
                (Some(4), Some(_)) => {
                    if n + 1 == pieces.len() {
                        let offset = value.end();
                        return Err(Error::Syntax { offset, expected: ";URLAUTH= behind this" });
                    }
                    expire = Some(value.decode_word("a time of expiry")?);
                }
                (_, Some(message)) => message.urlauth = Some(urlauth(value, expire.take())?),
            }
        }
        Ok(parameters)
    }
}

const PARAMETERS: &str =
    "one of UIDVALIDITY=, UID=, SECTION=, PARTIAL=, EXPIRE=, URLAUTH=, in this order";

fn section(value: Part<'_>) -> Result<String, Error> {
    if value.is_empty() {
        return Err(Error::Syntax { offset: value.at, expected: "a section" });
    }
    value.decode_text("a section")
}

fn partial(value: Part<'_>) -> Result<Partial, Error> {
    let (offset, octets) = match value.split_once('.') {
        Some((offset, octets)) => {
            (offset, Some(octets.number("a length in octets, greater than 0")?))
        }
        None => (value, None),
    };
    Ok(Partial { offset: offset.number("an offset in octets")?, octets })
}

/// `access [":" uauth-mechanism ":" enc-urlauth]`
fn urlauth(value: Part<'_>, expire: Option<String>) -> Result<UrlAuth, Error> {
    let (who, verifier) = match value.split_once(':') {
        Some((who, verifier)) => (who, Some(verifier)),
        None => (value, None),
    };
    let access = if let Some(user) = who.strip_word("submit+") {
        Access::Submit(user_of(user)?)
    } else if let Some(user) = who.strip_word("user+") {
        Access::User(user_of(user)?)
    } else if who.text.eq_ignore_ascii_case("authuser") {
        Access::AuthUser
    } else if who.text.eq_ignore_ascii_case("anonymous") {
        Access::Anonymous
    } else {
        return Err(Error::Syntax {
            offset: who.at,
            expected: "submit+USER, user+USER, authuser or anonymous",
        });
    };
    let verifier = match verifier {
        Some(verifier) => Some(UrlAuthVerifier::parse(verifier)?),
        None => None,
    };
    Ok(UrlAuth { expire, access, verifier })
}

fn user_of(part: Part<'_>) -> Result<String, Error> {
    if part.is_empty() {
        return Err(Error::Syntax { offset: part.at, expected: "a user" });
    }
    part.decode_text("a user")
}

impl UrlAuthVerifier {
    fn parse(part: Part<'_>) -> Result<Self, Error> {
        let (mechanism, token) = part
            .split_once(':')
            .ok_or(Error::Syntax { offset: part.end(), expected: "a : and a token" })?;
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        if mechanism.is_empty() || !mechanism.text.bytes().all(fits) {
            return Err(Error::Syntax { offset: mechanism.at, expected: "a URLAUTH mechanism" });
        }
        // enc-urlauth = 32*HEXDIG: 32 or more.
        if token.text.len() < 32 || !token.text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Error::Syntax {
                offset: token.at,
                expected: "at least 32 hexadecimal digits",
            });
        }
        Ok(Self { mechanism: mechanism.text.to_ascii_uppercase(), token: token.text.to_owned() })
    }
}

impl fmt::Display for ImapUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.implicit_tls { "imaps" } else { "imap" };
        write!(f, "{scheme}://{}/", self.server)?;
        match &self.mailbox {
            Some(mailbox) => mailbox.fmt(f),
            None => Ok(()),
        }
    }
}

/// What stands behind the server's slash.
impl fmt::Display for ImapMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode_name(&self.name))?;
        if let Some(uid_validity) = self.uid_validity {
            write!(f, ";UIDVALIDITY={uid_validity}")?;
        }
        match &self.select {
            ImapSelect::All => Ok(()),
            ImapSelect::Search(program) => write!(f, "?{}", percent_encode(program, BCHAR)),
            ImapSelect::Message(message) => message.fmt(f),
        }
    }
}

/// `/;UID=` and what follows it.
impl fmt::Display for ImapMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/;UID={}", self.uid)?;
        if let Some(section) = &self.section {
            write!(f, "/;SECTION={}", utf8_percent_encode(section, SEGMENT))?;
        }
        if let Some(partial) = self.partial {
            write!(f, "/;PARTIAL={}", partial.offset)?;
            if let Some(octets) = partial.octets {
                write!(f, ".{octets}")?;
            }
        }
        match &self.urlauth {
            Some(urlauth) => urlauth.fmt(f),
            None => Ok(()),
        }
    }
}

/// `[;EXPIRE=...];URLAUTH=...`
impl fmt::Display for UrlAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(expire) = &self.expire {
            write!(f, ";EXPIRE={}", utf8_percent_encode(expire, SEGMENT))?;
        }
        f.write_str(";URLAUTH=")?;
        match &self.access {
            Access::Submit(user) => write!(f, "submit+{}", utf8_percent_encode(user, ACHAR))?,
            Access::User(user) => write!(f, "user+{}", utf8_percent_encode(user, ACHAR))?,
            Access::AuthUser => f.write_str("authuser")?,
            Access::Anonymous => f.write_str("anonymous")?,
        }
        match &self.verifier {
            Some(verifier) => write!(f, ":{}:{}", verifier.mechanism, verifier.token),
            None => Ok(()),
        }
    }
}

/// A mailbox with its slashes bare, but for a first or last one, and without segments that
/// a generic URL reader would take for steps up (RFC 5092 section 7).
fn encode_name(name: &[u8]) -> String {
    let segments: Vec<&[u8]> = name.split(|&b| b == b'/').collect();
    let last = segments.len() - 1;
    let mut encoded = String::new();
    for (n, segment) in segments.iter().enumerate() {
        if n > 0 {
            let outer = n == 1 && segments[0].is_empty() || n == last && segment.is_empty();
            encoded.push_str(if outer { "%2F" } else { "/" });
        }
        match *segment {
            b"." => encoded.push_str("%2E"),
            b".." => encoded.push_str("%2E%2E"),
            segment => encoded.extend(percent_encode(segment, BCHAR)),
        }
    }
    encoded
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::server::tests::any_server;
    use super::*;
    use crate::base::location::{Auth, Location};
    use proptest::option;
    use proptest::prelude::*;

    fn parse(text: &str) -> ImapUrl {
        match Location::parse(text) {
            Ok(Location::Imap(url)) => url,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn message(url: &ImapUrl) -> &ImapMessage {
        url.message().expect("one message")
    }

    #[test]
    fn rfc_5092_section_9_partial() {
        let text = "imap://minbari.example.org/gray-council;UIDVALIDITY=385759045/;\
                    UID=20/;PARTIAL=0.1024";
        let url = parse(text);
        let mailbox = url.mailbox.as_ref().expect("a mailbox");
        assert_eq!(mailbox.name, b"gray-council");
        assert_eq!(mailbox.uid_validity, Some(385_759_045));
        assert_eq!(message(&url).uid.get(), 20);
        assert_eq!(
            message(&url).partial,
            Some(Partial { offset: 0, octets: NonZeroU64::new(1024) })
        );
        assert_eq!(url.to_string(), text);
    }

    #[test]
    fn rfc_5092_section_9_utf8_mailbox() {
        let text = "imap://psicorp.example.org/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/\
                    %E5%8F%B0%E5%8C%97";
        let url = parse(text);
        let mailbox = url.mailbox.as_ref().expect("a mailbox");
        assert_eq!(mailbox.name, "~peter/日本語/台北".as_bytes());
        assert_eq!(mailbox.select, ImapSelect::All);
        assert_eq!(url.to_string(), text);
        assert_eq!(parse("imap://psicorp.example.org/~peter/日本語/台北"), url);
    }

    #[test]
    fn rfc_5092_section_9_section() {
        let url =
            parse("imap://;AUTH=GSSAPI@minbari.example.org/gray-council/;uid=20/;section=1.2");
        assert_eq!(url.server.auth, Some(Auth::Mechanism("GSSAPI".into())));
        assert_eq!(url.mailbox.as_ref().map(|m| m.name.as_slice()), Some(&b"gray-council"[..]));
        assert_eq!(message(&url).section.as_deref(), Some("1.2"));
        assert_eq!(
            url.to_string(),
            "imap://;AUTH=GSSAPI@minbari.example.org/gray-council/;UID=20/;SECTION=1.2"
        );
    }

    #[test]
    fn rfc_5092_section_9_searches() {
        let text = "imap://;AUTH=*@minbari.example.org/gray%20council?SUBJECT%20shadows";
        let url = parse(text);
        let mailbox = url.mailbox.as_ref().expect("a mailbox");
        assert_eq!(mailbox.name, b"gray council");
        assert_eq!(mailbox.select, ImapSelect::Search(b"SUBJECT shadows".to_vec()));
        assert_eq!(url.to_string(), text);

        let url = parse(
            "imap://john;AUTH=*@minbari.example.org/babylon5/personel?\
             charset%20UTF-8%20SUBJECT%20%7B14+%7D%0D%0A%D0%98%D0%B2%\
             D0%B0%D0%BD%D0%BE%D0%B2%D0%B0",
        );
        let mailbox = url.mailbox.expect("a mailbox");
        assert_eq!(mailbox.name, b"babylon5/personel");
        let want = "charset UTF-8 SUBJECT {14+}\r\nИванова".as_bytes().to_vec();
        assert_eq!(mailbox.select, ImapSelect::Search(want));
    }

    #[test]
    fn rfc_5092_section_6_urlauth() {
        let url = parse(
            "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=\
             submit+fred:internal:91354a473744909de610943775f92038",
        );
        assert_eq!(message(&url).section.as_deref(), Some("1.2"));
        let urlauth = message(&url).urlauth.as_ref().expect("URLAUTH");
        assert_eq!(urlauth.access, Access::Submit("fred".into()));
        assert_eq!(
            urlauth.verifier,
            Some(UrlAuthVerifier {
                mechanism: "INTERNAL".into(),
                token: "91354a473744909de610943775f92038".into(),
            })
        );
        let rump = parse(
            "imap://joe@example.com/INBOX/;UID=20;EXPIRE=2026-12-31T23:59:59Z;URLAUTH=anonymous",
        );
        let urlauth = message(&rump).urlauth.as_ref().expect("URLAUTH");
        assert_eq!(urlauth.expire.as_deref(), Some("2026-12-31T23:59:59Z"));
        assert_eq!(urlauth.access, Access::Anonymous);
        assert_eq!(urlauth.verifier, None);
    }

    #[test]
    fn servers_and_slashes() {
        assert_eq!(parse("imap://imap.example.com"), parse("imap://imap.example.com/"));
        assert_eq!(parse("imaps://old/").mailbox, None);
        assert_eq!(parse("imap://h/INBOX;UID=7"), parse("imap://h/INBOX/;UID=7"));
        let name = |text: &str| parse(text).mailbox.map(|m| m.name);
        assert_eq!(name("imap://h/a/b"), Some(b"a/b".to_vec()));
        assert_eq!(name("imap://h/a%3Bb%3F"), Some(b"a;b?".to_vec()));
        for tricky in ["/", "/a", "a/", "a//b", "..", "a/../b", "./.", "#x", "a;UID=7", "&AOQ-"] {
            let url = ImapUrl {
                implicit_tls: true,
                server: Server::new("h"),
                mailbox: Some(ImapMailbox {
                    name: tricky.into(),
                    uid_validity: Some(0),
                    select: ImapSelect::All,
                }),
            };
            assert_eq!(parse(&url.to_string()), url, "{url}");
        }
    }

    #[test]
    fn mistakes_carry_their_place() {
        for (text, offset) in [
            ("imap://h?ALL", 8),
            ("imap://h/#news", 9),
            ("imap://h/;UID=1", 9),
            ("imap://h/a;UID=0", 15),
            ("imap://h/a;UID=4294967296", 15),
            ("imap://h/a/;UDI=1", 12),
            ("imap://h/a/;UID", 12),
            ("imap://h/a/;UID=1;UIDVALIDITY=2", 18),
            ("imap://h/a/;SECTION=1", 12),
            ("imap://h/a/;UID=1/;PARTIAL=0.0", 29),
            ("imap://h/a/;UID=1?ALL", 17),
            ("imap://h/a/;UID=1;EXPIRE=x", 26),
            ("imap://h/a/;UID=1;URLAUTH=bob", 26),
            ("imap://h/a/;UID=1;URLAUTH=user+", 31),
            ("imap://h/a/;UID=1;URLAUTH=authuser:internal:12", 44),
            ("imap://h/a%0D%0Ab", 10),
            ("imap://h/a%", 10),
        ] {
            let error = Location::parse(text).expect_err(text);
            assert_eq!(error.offset(), offset, "{text}: {error}");
        }
    }

    fn any_urlauth() -> impl Strategy<Value = UrlAuth> {
        let user = "[^\\r\\n\\x00]{1,8}";
        let access = prop_oneof![
            user.prop_map(Access::Submit),
            user.prop_map(Access::User),
            Just(Access::AuthUser),
            Just(Access::Anonymous),
        ];
        let verifier = ("[A-Z0-9.-]{1,10}", "[0-9a-f]{32,40}")
            .prop_map(|(mechanism, token)| UrlAuthVerifier { mechanism, token });
        (option::of("[0-9TZ:.+-]{1,25}"), access, option::of(verifier))
            .prop_map(|(expire, access, verifier)| UrlAuth { expire, access, verifier })
    }

    pub(in crate::base::location) fn any_message() -> impl Strategy<Value = ImapMessage> {
        let partial = (any::<u64>(), option::of(1u64..)).prop_map(|(offset, octets)| Partial {
            offset,
            octets: octets.and_then(NonZeroU64::new),
        });
        (1u32.., option::of("[^\\r\\n\\x00]{1,12}"), option::of(partial), option::of(any_urlauth()))
            .prop_map(|(uid, section, partial, urlauth)| ImapMessage {
                uid: NonZeroU32::new(uid).unwrap_or(NonZeroU32::MIN),
                section,
                partial,
                urlauth,
            })
    }

    /// Mailbox names as servers have them, and octets that no server should have.
    pub(in crate::base::location) fn any_name() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            "[^\\r\\n\\x00]{1,20}".prop_map(String::into_bytes),
            "[a./;%?#]{1,8}".prop_map(String::into_bytes),
            prop::collection::vec(0x80u8.., 1..8),
        ]
    }

    fn any_url() -> impl Strategy<Value = ImapUrl> {
        let select = prop_oneof![
            Just(ImapSelect::All),
            prop::collection::vec(1u8.., 1..30).prop_map(ImapSelect::Search),
            any_message().prop_map(ImapSelect::Message),
        ];
        let mailbox = (any_name(), option::of(any::<u32>()), select)
            .prop_map(|(name, uid_validity, select)| ImapMailbox { name, uid_validity, select });
        (any::<bool>(), any_server(), option::of(mailbox))
            .prop_map(|(implicit_tls, server, mailbox)| ImapUrl { implicit_tls, server, mailbox })
    }

    proptest! {
        #[test]
        fn reads_back(url in any_url()) {
            prop_assert_eq!(Location::parse(&url.to_string()), Ok(Location::Imap(url)));
        }
    }
}
