//! Mailboxes and paths: where mail comes from and where it goes.
//!
//! RFC 5321 sections 4.1.2 and 4.1.3, with the UTF-8 of RFC 6531 section 3.3. Addresses are not
//! looked up, not case-folded, and not converted between A-labels and U-labels.
//!
//! Three things more than the grammar are read: a source route, which is dropped as RFC 5321
//! section 3.6.1 wants; a local part alone, which the RFC has for `Postmaster` only but LMTP
//! clients and submitting programs send; and `_` in a domain, which names in use do have.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Cursor, Unencodable};
use crate::base::decode::{Decoded, Malformed, Result};
use crate::base::limits;

/// `Local-part "@" ( Domain / address-literal )`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    /// The local part without quotes and backslashes, UTF-8; its case is kept.
    pub local: String,
    /// Where the local part has its meaning.
    pub domain: Domain,
}

/// What stands right of the `@`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Domain {
    /// A host or domain name, A-labels or U-labels, as it was written.
    Name(String),
    /// `[192.0.2.1]`
    V4(Ipv4Addr),
    /// `[IPv6:2001:db8::1]`
    V6(Ipv6Addr),
    /// `[tag:content]`, a General-address-literal.
    General {
        /// The Standardized-tag.
        tag: String,
        /// Printable ASCII without brackets and backslash.
        content: String,
    },
}

/// `MAIL FROM:`'s argument.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: no report of a failure is wanted; reports themselves are sent so.
    Null,
    /// `<local@domain>`
    Mailbox(Mailbox),
    /// `<local>`: a local part alone, of this host.
    Local(String),
}

/// `RCPT TO:`'s argument.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<local@domain>`
    Mailbox(Mailbox),
    /// `<Postmaster>`, or another local part alone, of this host.
    Local(String),
}

impl Mailbox {
    /// Reads a whole `local@domain`, without angle brackets.
    ///
    /// # Errors
    /// [`Malformed`] with the offset of the first octet that is not part of a Mailbox.
    pub fn parse(octets: &[u8]) -> std::result::Result<Self, Malformed> {
        let mut cursor = Cursor::new(octets);
        let local = local_part(&mut cursor)?;
        cursor.expect(b'@', "\"@\"")?;
        let domain = domain(&mut cursor)?;
        if cursor.is_at_end() { Ok(Self { local, domain }) } else { cursor.error("end of mailbox") }
    }

    /// Whether it can be given only to a server with SMTPUTF8 (RFC 6531): the local part or the
    /// domain is not ASCII.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii() || matches!(&self.domain, Domain::Name(name) if !name.is_ascii())
    }

    /// Appends `local@domain`, quoting the local part only where it must be.
    ///
    /// # Errors
    /// [`Unencodable`] for control characters and for a domain outside the grammar.
    pub fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), Unencodable> {
        encode_local(&self.local, out)?;
        out.push(b'@');
        self.domain.encode(out)
    }
}

impl Domain {
    /// Reads a whole Domain or address-literal.
    ///
    /// # Errors
    /// [`Malformed`] with the offset of the first octet that does not fit.
    pub fn parse(octets: &[u8]) -> std::result::Result<Self, Malformed> {
        let mut cursor = Cursor::new(octets);
        let value = domain(&mut cursor)?;
        if cursor.is_at_end() { Ok(value) } else { cursor.error("end of domain") }
    }

    /// Appends the domain, an address literal with its brackets.
    ///
    /// # Errors
    /// [`Unencodable`] for a name or literal outside the grammar.
    pub fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), Unencodable> {
        let refused = Unencodable { what: "domain" };
        match self {
            Self::Name(name) => {
                match Self::parse(name.as_bytes()) {
                    Ok(Self::Name(_)) => {}
                    _ => return Err(refused),
                }
                out.extend_from_slice(name.as_bytes());
            }
            Self::V4(address) => out.extend_from_slice(format!("[{address}]").as_bytes()),
            Self::V6(address) => out.extend_from_slice(format!("[IPv6:{address}]").as_bytes()),
            Self::General { tag, content } => {
                let text = format!("[{tag}:{content}]");
                if Self::parse(text.as_bytes()).as_ref() != Ok(self) {
                    return Err(refused);
                }
                out.extend_from_slice(text.as_bytes());
            }
        }
        Ok(())
    }
}

impl ReversePath {
    /// Reads `<...>` at the start of a growing buffer.
    ///
    /// ```text
    /// Reverse-path   = Path / "<>"
    /// Path           = "<" [ A-d-l ":" ] Mailbox ">"
    /// A-d-l          = At-domain *( "," At-domain )
    /// ```
    ///
    /// # Errors
    /// [`Malformed`] when no continuation makes a path of it.
    pub fn decode(octets: &[u8]) -> Result<Self> {
        delimited(octets, reverse_path)
    }

    /// Appends `<...>`.
    ///
    /// # Errors
    /// [`Unencodable`] for characters that no path can hold.
    pub fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), Unencodable> {
        out.push(b'<');
        match self {
            Self::Null => {}
            Self::Mailbox(mailbox) => mailbox.encode(out)?,
            Self::Local(local) => encode_local(local, out)?,
        }
        out.push(b'>');
        Ok(())
    }

    /// Whether it can be given only to a server with SMTPUTF8.
    pub fn needs_smtputf8(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Mailbox(mailbox) => mailbox.needs_smtputf8(),
            Self::Local(local) => !local.is_ascii(),
        }
    }
}

impl ForwardPath {
    /// Reads `<...>` at the start of a growing buffer: `"<Postmaster>"` or a Path.
    ///
    /// # Errors
    /// [`Malformed`] when no continuation makes a path of it.
    pub fn decode(octets: &[u8]) -> Result<Self> {
        delimited(octets, forward_path)
    }

    /// Appends `<...>`.
    ///
    /// # Errors
    /// [`Unencodable`] for characters that no path can hold.
    pub fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), Unencodable> {
        out.push(b'<');
        match self {
            Self::Mailbox(mailbox) => mailbox.encode(out)?,
            Self::Local(local) if local.is_empty() => {
                return Err(Unencodable { what: "forward-path" });
            }
            Self::Local(local) => encode_local(local, out)?,
        }
        out.push(b'>');
        Ok(())
    }

    /// Whether it can be given only to a server with SMTPUTF8.
    pub fn needs_smtputf8(&self) -> bool {
        match self {
            Self::Mailbox(mailbox) => mailbox.needs_smtputf8(),
            Self::Local(local) => !local.is_ascii(),
        }
    }

    /// Whether it is `<Postmaster>`, whatever its case and without a domain: every server takes
    /// it (RFC 5321 section 4.1.1.3).
    pub fn is_postmaster(&self) -> bool {
        matches!(self, Self::Local(local) if local.eq_ignore_ascii_case("postmaster"))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => write!(f, "[{address}]"),
            Self::V6(address) => write!(f, "[IPv6:{address}]"),
            Self::General { tag, content } => write!(f, "[{tag}:{content}]"),
        }
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_local(&self.local, f)?;
        write!(f, "@{}", self.domain)
    }
}

/// Without angle brackets; the null path is empty.
impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Mailbox(mailbox) => mailbox.fmt(f),
            Self::Local(local) => write_local(local, f),
        }
    }
}

/// Without angle brackets.
impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(mailbox) => mailbox.fmt(f),
            Self::Local(local) => write_local(local, f),
        }
    }
}

impl From<Mailbox> for ReversePath {
    fn from(mailbox: Mailbox) -> Self {
        Self::Mailbox(mailbox)
    }
}

impl From<Mailbox> for ForwardPath {
    fn from(mailbox: Mailbox) -> Self {
        Self::Mailbox(mailbox)
    }
}

/// Reads what ends with its own `>`, once the buffer has it.
fn delimited<'a, T>(
    octets: &'a [u8],
    grammar: impl Fn(&mut Cursor<'a>) -> std::result::Result<T, Malformed>,
) -> Result<T> {
    if is_cut_short(octets) {
        return Ok(Decoded::More);
    }
    let mut cursor = Cursor::new(octets);
    grammar(&mut cursor).map(|value| Decoded::Done { value, used: cursor.at })
}

/// Whether the buffer ends inside the path: there is no `>` outside quotes and address
/// literals.
fn is_cut_short(octets: &[u8]) -> bool {
    if octets.first().is_some_and(|octet| *octet != b'<') || octets.len() > limits::LINE_OCTETS {
        return false;
    }
    let (mut quoted, mut escaped, mut literal) = (false, false, false);
    for octet in octets {
        match octet {
            b'\r' | b'\n' | 0 => return false,
            _ if literal => literal = *octet != b']',
            _ if escaped => escaped = false,
            b'[' if !quoted => literal = true,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return false,
            _ => {}
        }
    }
    true
}

pub(super) fn reverse_path(cursor: &mut Cursor<'_>) -> std::result::Result<ReversePath, Malformed> {
    cursor.expect(b'<', "\"<\"")?;
    if cursor.eat(b'>') {
        return Ok(ReversePath::Null);
    }
    let (local, domain) = inside_brackets(cursor)?;
    Ok(match domain {
        Some(domain) => ReversePath::Mailbox(Mailbox { local, domain }),
        None => ReversePath::Local(local),
    })
}

pub(super) fn forward_path(cursor: &mut Cursor<'_>) -> std::result::Result<ForwardPath, Malformed> {
    cursor.expect(b'<', "\"<\"")?;
    let start = cursor.at;
    let (local, domain) = inside_brackets(cursor)?;
    match domain {
        Some(domain) => Ok(ForwardPath::Mailbox(Mailbox { local, domain })),
        None if local.is_empty() => Err(Malformed { offset: start, expected: "local part" }),
        None => Ok(ForwardPath::Local(local)),
    }
}

/// `[ A-d-l ":" ] Local-part [ "@" domain ] ">"`
fn inside_brackets(
    cursor: &mut Cursor<'_>,
) -> std::result::Result<(String, Option<Domain>), Malformed> {
    if cursor.peek() == Some(b'@') {
        source_route(cursor)?;
    }
    let local = local_part(cursor)?;
    let domain = if cursor.eat(b'@') { Some(domain(cursor)?) } else { None };
    cursor.expect(b'>', "\">\"")?;
    Ok((local, domain))
}

/// `At-domain *( "," At-domain ) ":"`, read and dropped (RFC 5321 appendix C).
fn source_route(cursor: &mut Cursor<'_>) -> std::result::Result<(), Malformed> {
    loop {
        cursor.expect(b'@', "\"@\" of a source route")?;
        domain(cursor)?;
        if cursor.eat(b':') {
            return Ok(());
        }
        cursor.expect(b',', "\",\" or \":\" of a source route")?;
    }
}

/// `Dot-string / Quoted-string`, as the text it stands for.
fn local_part(cursor: &mut Cursor<'_>) -> std::result::Result<String, Malformed> {
    if cursor.peek() == Some(b'"') {
        return quoted_string(cursor);
    }
    let offset = cursor.at;
    let text = cursor.text_while(|octet| octet == b'.' || is_atext(octet), "local part")?;
    if let Some(at) = dot_fault(text) {
        return Err(Malformed { offset: offset + at, expected: "atom" });
    }
    Ok(text.to_owned())
}

/// Offset of a dot that stands first, last, or behind another.
fn dot_fault(text: &str) -> Option<usize> {
    let octets = text.as_bytes();
    (0..octets.len()).find(|at| {
        octets[*at] == b'.' && (*at == 0 || octets[at - 1] == b'.' || at + 1 == octets.len())
    })
}

/// ```text
/// Quoted-string  = DQUOTE *QcontentSMTP DQUOTE
/// QcontentSMTP   = qtextSMTP / quoted-pairSMTP
/// ```
fn quoted_string(cursor: &mut Cursor<'_>) -> std::result::Result<String, Malformed> {
    let start = cursor.at;
    cursor.expect(b'"', "DQUOTE")?;
    let mut text = Vec::new();
    loop {
        match cursor.peek() {
            Some(b'"') => {
                cursor.at += 1;
                return String::from_utf8(text)
                    .map_err(|_| Malformed { offset: start, expected: "UTF-8" });
            }
            Some(b'\\') => {
                cursor.at += 1;
                match cursor.peek() {
                    Some(octet @ 0x20..=0x7e) => text.push(octet),
                    _ => return cursor.error("printable ASCII behind a backslash"),
                }
                cursor.at += 1;
            }
            Some(octet @ (0x20..=0x7e | 0x80..)) => {
                text.push(octet);
                cursor.at += 1;
            }
            _ => return cursor.error("qtext or DQUOTE"),
        }
    }
}

/// `Domain / address-literal`
fn domain(cursor: &mut Cursor<'_>) -> std::result::Result<Domain, Malformed> {
    if cursor.peek() == Some(b'[') {
        return address_literal(cursor);
    }
    let offset = cursor.at;
    let name = cursor.text_while(is_domain_octet, "domain")?;
    let mut at = 0;
    for label in name.split('.') {
        let expected = "sub-domain: letters and digits, with hyphens inside";
        if label.is_empty() || label.starts_with('-') {
            return Err(Malformed { offset: offset + at, expected });
        }
        if label.ends_with('-') || label.len() > 63 && label.is_ascii() {
            return Err(Malformed { offset: offset + at + label.len().min(63), expected });
        }
        at += label.len() + 1;
    }
    if name.len() > 255 {
        return Err(Malformed { offset: offset + 255, expected: "a domain of at most 255 octets" });
    }
    Ok(Domain::Name(name.to_owned()))
}

/// ```text
/// address-literal  = "[" ( IPv4-address-literal / IPv6-address-literal /
///                    General-address-literal ) "]"
/// ```
fn address_literal(cursor: &mut Cursor<'_>) -> std::result::Result<Domain, Malformed> {
    let expected = "address literal";
    let start = cursor.at;
    cursor.expect(b'[', "\"[\"")?;
    let text = cursor.text_while(|octet| matches!(octet, 0x21..=0x5a | 0x5e..=0x7e), expected)?;
    cursor.expect(b']', "\"]\"")?;
    let malformed = Malformed { offset: start, expected };
    match text.split_once(':') {
        None => text.parse().map(Domain::V4).map_err(|_| malformed),
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6") => {
            address.parse().map(Domain::V6).map_err(|_| malformed)
        }
        Some((tag, content)) => {
            let is_tag = tag.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
                && tag.ends_with(|last: char| last.is_ascii_alphanumeric());
            if is_tag && !content.is_empty() {
                Ok(Domain::General { tag: tag.to_owned(), content: content.to_owned() })
            } else {
                Err(malformed)
            }
        }
    }
}

/// RFC 5322 section 3.2.3, with RFC 6531's UTF8-non-ascii.
fn is_atext(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet >= 0x80 || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}

fn is_domain_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet >= 0x80 || matches!(octet, b'-' | b'.' | b'_')
}

fn is_dot_string(local: &str) -> bool {
    !local.is_empty()
        && local.bytes().all(|octet| octet == b'.' || is_atext(octet))
        && dot_fault(local).is_none()
}

fn encode_local(local: &str, out: &mut Vec<u8>) -> std::result::Result<(), Unencodable> {
    if is_dot_string(local) {
        out.extend_from_slice(local.as_bytes());
        return Ok(());
    }
    if local.bytes().any(|octet| octet < 0x20 || octet == 0x7f) {
        return Err(Unencodable { what: "local part" });
    }
    out.push(b'"');
    for octet in local.bytes() {
        if matches!(octet, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(octet);
    }
    out.push(b'"');
    Ok(())
}

fn write_local(local: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if is_dot_string(local) {
        return f.write_str(local);
    }
    f.write_str("\"")?;
    for character in local.chars() {
        if matches!(character, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{character}")?;
    }
    f.write_str("\"")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in super::super) fn any_domain() -> impl Strategy<Value = Domain> {
        prop_oneof![
            4 => "[a-zA-Z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\\.[a-z0-9äü]{1,9}){0,3}"
                .prop_map(Domain::Name),
            1 => any::<Ipv4Addr>().prop_map(Domain::V4),
            1 => any::<Ipv6Addr>().prop_map(Domain::V6),
            1 => ("x[a-z0-9-]{0,4}[a-z0-9]", "[!-Z^-~]{1,9}")
                .prop_map(|(tag, content)| Domain::General { tag, content }),
        ]
    }

    pub(in super::super) fn any_local() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z0-9+=-]{1,12}(\\.[a-z]{1,4})?", "[ -~äßΩ漢]{1,12}"]
    }

    pub(in super::super) fn any_mailbox() -> impl Strategy<Value = Mailbox> {
        (any_local(), any_domain()).prop_map(|(local, domain)| Mailbox { local, domain })
    }

    pub(in super::super) fn any_reverse() -> impl Strategy<Value = ReversePath> {
        prop_oneof![
            1 => Just(ReversePath::Null),
            5 => any_mailbox().prop_map(ReversePath::Mailbox),
            1 => any_local().prop_map(ReversePath::Local),
        ]
    }

    pub(in super::super) fn any_forward() -> impl Strategy<Value = ForwardPath> {
        prop_oneof![
            5 => any_mailbox().prop_map(ForwardPath::Mailbox),
            1 => any_local().prop_map(ForwardPath::Local),
        ]
    }

    fn mailbox(text: &str) -> Mailbox {
        Mailbox::parse(text.as_bytes()).expect(text)
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let jones = mailbox("Jones@XYZ.COM");
        assert_eq!(
            (jones.local.as_str(), &jones.domain),
            ("Jones", &Domain::Name("XYZ.COM".into()))
        );
        assert_eq!(mailbox("\"Joe\\,Smith\"@h").local, "Joe,Smith");
        assert_eq!(mailbox("\"a b\"@h").to_string(), "\"a b\"@h");
        assert_eq!(mailbox("u@[192.0.2.1]").domain, Domain::V4(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!(mailbox("u@[IPv6:2001:DB8::1]").to_string(), "u@[IPv6:2001:db8::1]");
        assert_eq!(mailbox("\"\"@h").local, "");
        assert_eq!(mailbox("用户@例子.广告").to_string(), "用户@例子.广告");
        assert!(mailbox("用户@example.org").needs_smtputf8());
        assert!(!mailbox("user@xn--fsqu00a.example").needs_smtputf8());
    }

    #[test]
    fn a_source_route_is_read_and_dropped() {
        let read = ForwardPath::decode(b"<@hosta.int,@jkl.org:userc@d.bar.org>");
        let Ok(Decoded::Done { value, used: 37 }) = read else { panic!("{read:?}") };
        assert_eq!(value.to_string(), "userc@d.bar.org");
    }

    #[test]
    fn null_and_postmaster_have_their_places() {
        assert_eq!(
            ReversePath::decode(b"<> SIZE=1"),
            Ok(Decoded::Done { value: ReversePath::Null, used: 2 })
        );
        let Ok(Decoded::Done { value, .. }) = ForwardPath::decode(b"<postMASTER>") else {
            panic!()
        };
        assert!(value.is_postmaster());
        assert!(ForwardPath::decode(b"<>").is_err());
        assert!(ForwardPath::decode(b"<\"\">").is_err());
    }

    #[test]
    fn what_the_grammar_has_no_place_for_is_refused_where_it_stands() {
        for (text, offset) in [
            ("a..b@h", 2),
            (".a@h", 0),
            ("a.@h", 1),
            ("a b@h", 1),
            ("a@", 2),
            ("a@-h", 2),
            ("a@h..i", 4),
            ("a@h-", 4),
            ("a@[1.2.3]", 2),
            ("a@[IPv6:zz]", 2),
            ("a@[1.2.3.4", 10),
            ("\"a\r\"@h", 2),
            ("a@h i", 3),
            ("@h", 0),
            ("a@b@c", 3),
        ] {
            let malformed = Mailbox::parse(text.as_bytes()).expect_err(text);
            assert_eq!(malformed.offset, offset, "{text}: {malformed}");
        }
        assert!(Mailbox::parse(b"\xff@h").is_err());
    }

    #[test]
    fn a_line_end_never_reaches_the_wire() {
        for local in ["a\r\nRCPT TO:<b", "a\nb", "a\0b", "a\x7f"] {
            let mailbox = Mailbox { local: local.into(), domain: Domain::Name("h".into()) };
            assert!(mailbox.encode(&mut Vec::new()).is_err(), "{local:?}");
        }
        for name in ["h>\r\nDATA", "a b", "", "h>", "[1.2.3.4]"] {
            assert!(Domain::Name(name.into()).encode(&mut Vec::new()).is_err(), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(path in any_reverse(), to in any_forward()) {
            let mut wire = Vec::new();
            path.encode(&mut wire).unwrap();
            let used = wire.len();
            prop_assert_eq!(ReversePath::decode(&wire), Ok(Decoded::Done { value: path, used }));
            for end in 0..wire.len() {
                prop_assert_eq!(ReversePath::decode(&wire[..end]), Ok(Decoded::More));
            }
            let mut wire = Vec::new();
            to.encode(&mut wire).unwrap();
            let used = wire.len();
            for end in 0..wire.len() {
                prop_assert_eq!(ForwardPath::decode(&wire[..end]), Ok(Decoded::More));
            }
            prop_assert_eq!(ForwardPath::decode(&wire), Ok(Decoded::Done { value: to, used }));
        }
    }
}
