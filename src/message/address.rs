//! Address lists (RFC 5322 section 3.4 and the obsolete forms of section 4.4): mailboxes and
//! groups, comments, quoted local parts, routes, domain literals, encoded words in names.
//!
//! One scanner serves two readers: [`parse`] gives pieces as they stand, for IMAP's
//! ENVELOPE, and passes over what it cannot read; [`mailboxes`] gives addresses for use in
//! an envelope and refuses what is no address. Domains are neither looked up nor turned
//! into A-labels, and a local part is never changed.

use std::borrow::Cow;
use std::fmt;

use super::words;

/// One mailbox: who, and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    /// The display name, decoded; `None` when there is none.
    pub name: Option<String>,
    /// The addr-spec, `local@domain` in UTF-8, the local part quoted where it must be. It
    /// has no `@` when only a local part was written; it is empty for `<>`.
    pub addr: String,
}

impl Mailbox {
    /// A mailbox without a name.
    pub fn from_addr(addr: impl Into<String>) -> Mailbox {
        Mailbox { name: None, addr: addr.into() }
    }

    /// The local part as written, with its quotation marks.
    pub fn local(&self) -> &str {
        self.addr.rsplit_once('@').map_or(self.addr.as_str(), |(local, _)| local)
    }

    /// The domain; `None` when the address has none.
    pub fn domain(&self) -> Option<&str> {
        self.addr.rsplit_once('@').map(|(_, domain)| domain)
    }
}

impl fmt::Display for Mailbox {
    /// `Name <addr>` in the form of RFC 5322, the name quoted where it must be. A name that
    /// is not ASCII stays UTF-8 (RFC 6532); [`crate::message::compose`] encodes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(name) = &self.name else {
            return f.write_str(&self.addr);
        };
        let plain = !name.is_empty()
            && name.split(' ').all(|word| !word.is_empty() && word.bytes().all(is_atom_octet));
        if plain {
            write!(f, "{name} <{}>", self.addr)
        } else {
            let escaped = quote(name.as_bytes());
            write!(f, "{} <{}>", String::from_utf8_lossy(&escaped), self.addr)
        }
    }
}

/// One element of an address list as it stands, in the order that IMAP's ENVELOPE wants
/// (RFC 9051 section 7.5.2: a group is a start, its mailboxes, and an end).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// A mailbox.
    Mailbox(Parts),
    /// The beginning of a group, with its name (quotation undone, encoded words kept).
    GroupStart(Vec<u8>),
    /// The end of the group.
    GroupEnd,
}

/// The pieces of a mailbox, quotation undone, encoded words not decoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// The display name, or else the comment after the address; `None` when there is neither.
    pub name: Option<Vec<u8>>,
    /// The obsolete source route, `@a,@b` without the colon.
    pub route: Option<Vec<u8>>,
    /// The local part without quotation marks; empty for `<>`.
    pub local: Vec<u8>,
    /// The domain, or a domain literal in its brackets; `None` when there is none.
    pub domain: Option<Vec<u8>>,
    /// Offset of the mailbox in the value.
    pub offset: usize,
}

impl Parts {
    /// The addr-spec in octets, the local part quoted where it must be.
    pub fn addr(&self) -> Vec<u8> {
        let mut out = quote_local(&self.local).into_owned();
        if let Some(domain) = &self.domain {
            out.push(b'@');
            out.extend_from_slice(domain);
        }
        out
    }

    /// The mailbox for people: name decoded, octets that are no UTF-8 replaced.
    pub fn to_mailbox(&self) -> Mailbox {
        Mailbox {
            name: self.name.as_deref().map(words::decode).filter(|name| !name.is_empty()),
            addr: String::from_utf8_lossy(&self.addr()).into_owned(),
        }
    }
}

/// What is no address list, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at octet {offset} of the address list")]
pub struct Error {
    /// Offset in the value.
    pub offset: usize,
    /// What the grammar wanted there.
    pub expected: &'static str,
}

/// Reads the mailboxes of an address list, groups opened, for use in an envelope. An empty
/// value and an empty group give none; `<>` gives one with an empty address; a local part
/// alone is taken, for the caller to qualify.
///
/// # Errors
/// The first place that is no address list, or an address that is not UTF-8 or has a
/// control character in it.
pub fn mailboxes(value: &[u8]) -> Result<Vec<Mailbox>, Error> {
    let (elements, error) = scan(value);
    if let Some(error) = error {
        return Err(error);
    }
    let mut out = Vec::new();
    for element in elements {
        if let Element::Mailbox(parts) = element {
            let addr = parts.addr();
            let fine =
                std::str::from_utf8(&addr).is_ok_and(|addr| !addr.chars().any(|c| c.is_control()));
            if !fine {
                return Err(Error { offset: parts.offset, expected: "an address in UTF-8" });
            }
            out.push(parts.to_mailbox());
        }
    }
    Ok(out)
}

/// Reads exactly one mailbox.
///
/// # Errors
/// As [`mailboxes`]; also when there is none or more than one.
pub fn mailbox(value: &[u8]) -> Result<Mailbox, Error> {
    let mut all = mailboxes(value)?;
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(Error { offset: 0, expected: "one address only" }),
        (None, _) => Err(Error { offset: 0, expected: "an address" }),
    }
}

/// Reads an address list leniently: what cannot be read is passed over up to the next comma.
pub fn parse(value: &[u8]) -> Vec<Element> {
    scan(value).0
}

/// A token of RFC 5322 section 3.2, comments and blanks taken out.
#[derive(Debug, Clone)]
struct Token {
    kind: Kind,
    offset: usize,
    /// Whether blanks or a comment stood before it.
    apart: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// An atom, 8-bit octets included.
    Atom(Vec<u8>),
    /// A quoted string without its quotation.
    Quoted(Vec<u8>),
    /// A domain literal in its brackets.
    Literal(Vec<u8>),
    /// A comment's content; it may name a mailbox.
    Comment(Vec<u8>),
    /// One of the specials.
    Special(u8),
}

/// atext of RFC 5322 section 3.2.3, and UTF-8 (RFC 6532 section 3.2).
fn is_atom_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet >= 0x80 || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}

/// A local part as an addr-spec wants it: a dot-atom as it is, anything else quoted.
fn quote_local(local: &[u8]) -> Cow<'_, [u8]> {
    let dot_atom = local
        .split(|octet| *octet == b'.')
        .all(|atom| !atom.is_empty() && atom.iter().all(|octet| is_atom_octet(*octet)));
    if local.is_empty() || dot_atom { Cow::Borrowed(local) } else { Cow::Owned(quote(local)) }
}

fn quote(text: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &octet in text {
        if octet == b'"' || octet == b'\\' {
            out.push(b'\\');
        }
        out.push(octet);
    }
    out.push(b'"');
    out
}

/// Splits the value into tokens. An unclosed quotation, literal or comment ends with the
/// value, and is reported.
fn tokens(value: &[u8]) -> (Vec<Token>, Option<Error>) {
    let mut out = Vec::new();
    let mut error = None;
    let mut apart = false;
    let mut at = 0;
    while at < value.len() {
        let offset = at;
        let octet = value[at];
        let kind = match octet {
            b' ' | b'\t' | b'\r' | b'\n' => {
                apart = true;
                at += 1;
                continue;
            }
            b'"' | b'[' | b'(' => {
                let (content, used, closed) = enclosed(&value[at..]);
                at += used;
                if !closed && error.is_none() {
                    let expected = match octet {
                        b'"' => "a closing quotation mark",
                        b'[' => "a closing bracket",
                        _ => "the end of the comment",
                    };
                    error = Some(Error { offset, expected });
                }
                match octet {
                    b'"' => Kind::Quoted(content),
                    b'[' => Kind::Literal([&b"["[..], &content, b"]"].concat()),
                    _ => Kind::Comment(content),
                }
            }
            _ if is_atom_octet(octet) => {
                let length = value[at..].iter().take_while(|octet| is_atom_octet(**octet)).count();
                at += length;
                Kind::Atom(value[offset..at].to_vec())
            }
            _ => {
                at += 1;
                Kind::Special(octet)
            }
        };
        out.push(Token { kind, offset, apart });
        apart = false;
    }
    (out, error)
}

/// Reads what stands between the mark at the start and the one that closes it: content with
/// quoted pairs and folds undone, octets used, and whether it was closed. Comments nest.
fn enclosed(octets: &[u8]) -> (Vec<u8>, usize, bool) {
    let open = octets[0];
    let close = match open {
        b'(' => b')',
        b'[' => b']',
        _ => b'"',
    };
    let mut content = Vec::new();
    let mut depth = 1_usize;
    let mut at = 1;
    while at < octets.len() {
        let octet = octets[at];
        at += 1;
        match octet {
            b'\\' if at < octets.len() => {
                content.push(octets[at]);
                at += 1;
                continue;
            }
            b'\r' if octets.get(at) == Some(&b'\n') => continue,
            b'\n' => continue,
            _ if octet == close => {
                depth -= 1;
                if depth == 0 {
                    return (content, at, true);
                }
            }
            b'(' if open == b'(' => depth += 1,
            _ => {}
        }
        content.push(octet);
    }
    (content, at, false)
}

/// Reads the whole list; the first error is kept and reading goes on.
fn scan(value: &[u8]) -> (Vec<Element>, Option<Error>) {
    let (tokens, error) = tokens(value);
    let mut reader = Reader {
        tokens: &tokens,
        at: 0,
        end: value.len(),
        out: Vec::new(),
        error,
        in_group: false,
    };
    while reader.at < tokens.len() {
        reader.element();
    }
    if reader.in_group {
        reader.out.push(Element::GroupEnd);
    }
    (reader.out, reader.error)
}

struct Reader<'t> {
    tokens: &'t [Token],
    at: usize,
    end: usize,
    out: Vec<Element>,
    error: Option<Error>,
    in_group: bool,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.at)
    }

    fn peek_special(&self) -> Option<u8> {
        match self.peek()?.kind {
            Kind::Special(octet) => Some(octet),
            _ => None,
        }
    }

    fn offset(&self) -> usize {
        self.peek().map_or(self.end, |token| token.offset)
    }

    fn fail(&mut self, offset: usize, expected: &'static str) {
        if self.error.is_none() {
            self.error = Some(Error { offset, expected });
        }
    }

    /// Passes over tokens up to the next comma, semicolon or end.
    fn recover(&mut self) {
        while !matches!(self.peek_special(), Some(b',' | b';')) && self.more() {
            self.at += 1;
        }
    }

    /// Reads one element with the separator after it.
    fn element(&mut self) {
        let tokens = self.tokens;
        let start = self.at;
        // A phrase or an addr-spec: up to a special that decides which.
        while let Some(token) = self.peek() {
            if matches!(token.kind, Kind::Special(b'<' | b':' | b',' | b';')) {
                break;
            }
            self.at += 1;
        }
        let words = &tokens[start..self.at];
        match self.peek_special() {
            Some(b'<') => {
                self.angle(words);
                if !matches!(self.peek_special(), None | Some(b',' | b';')) || self.stray() {
                    let offset = self.offset();
                    self.fail(offset, "a comma");
                    self.recover();
                }
                self.separator();
            }
            Some(b':') if !self.in_group && !words.is_empty() => {
                self.at += 1;
                self.in_group = true;
                self.out.push(Element::GroupStart(phrase(words).unwrap_or_default()));
            }
            Some(b':') => {
                let offset = self.offset();
                self.fail(offset, "an address");
                self.recover();
                self.separator();
            }
            _ => {
                if words.iter().any(|token| !matches!(token.kind, Kind::Comment(_))) {
                    match addr_spec(words) {
                        Ok(mut parts) => {
                            parts.name = comment(words);
                            self.out.push(Element::Mailbox(parts));
                        }
                        Err((offset, expected)) => {
                            self.fail(offset.unwrap_or(self.offset()), expected);
                        }
                    }
                }
                self.separator();
            }
        }
    }

    /// Whether something other than a special comes next.
    fn stray(&self) -> bool {
        self.peek().is_some_and(|token| !matches!(token.kind, Kind::Special(_)))
    }

    /// Takes the comma or semicolon that ends an element.
    fn separator(&mut self) {
        match self.peek_special() {
            Some(b';') => {
                if self.in_group {
                    self.in_group = false;
                    self.out.push(Element::GroupEnd);
                } else {
                    // A semicolon between addresses is what some mail programs write;
                    // lenient readers take it for a comma.
                    let offset = self.offset();
                    self.fail(offset, "a comma");
                }
                self.at += 1;
                // A comma after a group belongs to the group's end.
                if self.peek_special() == Some(b',') {
                    self.at += 1;
                }
            }
            Some(_) => self.at += 1,
            None => {}
        }
    }

    /// Reads `<route:local@domain>` after a phrase, and comments behind it.
    fn angle(&mut self, words: &[Token]) {
        let tokens = self.tokens;
        let open = self.offset();
        let offset = words.first().map_or(open, |token| token.offset);
        self.at += 1;
        let mut route = None;
        if self.peek_special() == Some(b'@') {
            let start = self.at;
            while !matches!(self.peek_special(), Some(b':' | b'>' | b'<')) && self.more() {
                self.at += 1;
            }
            route = Some(text(&tokens[start..self.at]));
            if self.peek_special() == Some(b':') {
                self.at += 1;
            } else {
                let offset = self.offset();
                self.fail(offset, "a colon after the route");
            }
        }
        let start = self.at;
        while !matches!(self.peek_special(), Some(b'>' | b'<' | b',' | b';')) && self.more() {
            self.at += 1;
        }
        let inner = &tokens[start..self.at];
        if self.peek_special() == Some(b'>') {
            self.at += 1;
        } else {
            let offset = self.offset();
            self.fail(offset, "a closing angle bracket");
        }
        let behind = self.at;
        while matches!(self.peek().map(|token| &token.kind), Some(Kind::Comment(_))) {
            self.at += 1;
        }
        let empty = inner.iter().all(|token| matches!(token.kind, Kind::Comment(_)));
        let parts = if empty { Ok(Parts::default()) } else { addr_spec(inner) };
        match parts {
            Ok(parts) => {
                let name = phrase(words)
                    .or_else(|| comment(inner))
                    .or_else(|| comment(words))
                    .or_else(|| comment(&tokens[behind..self.at]));
                self.out.push(Element::Mailbox(Parts { name, route, offset, ..parts }));
            }
            Err((offset, expected)) => {
                let offset = offset.unwrap_or(self.offset());
                self.fail(offset, expected);
            }
        }
    }

    fn more(&self) -> bool {
        self.at < self.tokens.len()
    }
}

/// The words of a phrase, one space where blanks stood; `None` when there are none.
fn phrase(tokens: &[Token]) -> Option<Vec<u8>> {
    let mut out: Vec<u8> = Vec::new();
    let mut apart = false;
    for token in tokens {
        let word: &[u8] = match &token.kind {
            Kind::Atom(word) | Kind::Quoted(word) | Kind::Literal(word) => word,
            Kind::Special(octet) => std::slice::from_ref(octet),
            Kind::Comment(_) => {
                apart = true;
                continue;
            }
        };
        if (apart || token.apart) && !out.is_empty() {
            out.push(b' ');
        }
        apart = false;
        out.extend_from_slice(word);
    }
    (!out.is_empty()).then_some(out)
}

/// The last comment that has text in it.
fn comment(tokens: &[Token]) -> Option<Vec<u8>> {
    tokens.iter().rev().find_map(|token| match &token.kind {
        Kind::Comment(content) if !super::headers::trim(content).is_empty() => {
            Some(super::headers::trim(content).to_vec())
        }
        _ => None,
    })
}

/// The tokens as they stood, blanks and comments left out.
fn text(tokens: &[Token]) -> Vec<u8> {
    let mut out = Vec::new();
    for token in tokens {
        match &token.kind {
            Kind::Atom(word) | Kind::Literal(word) => out.extend_from_slice(word),
            Kind::Quoted(word) => out.extend_from_slice(&quote(word)),
            Kind::Special(octet) => out.push(*octet),
            Kind::Comment(_) => {}
        }
    }
    out
}

/// Reads `local-part "@" domain` (RFC 5322 section 3.4.1, obsolete blanks and comments
/// between the pieces included), or a local part alone. The offset of an error is `None`
/// when something is missing at the end.
fn addr_spec(tokens: &[Token]) -> Result<Parts, (Option<usize>, &'static str)> {
    let tokens: Vec<&Token> =
        tokens.iter().filter(|token| !matches!(token.kind, Kind::Comment(_))).collect();
    let at = tokens.iter().rposition(|token| token.kind == Kind::Special(b'@'));
    let (left, right) = match at {
        Some(at) => (&tokens[..at], Some(&tokens[at + 1..])),
        None => (&tokens[..], None),
    };
    let offset = tokens.first().map_or(0, |token| token.offset);
    let first = match left.first() {
        Some(first) => first,
        None => return Err((at.map(|at| tokens[at].offset), "a local part")),
    };
    let mut local = Vec::new();
    let mut dots = true;
    for token in left {
        match &token.kind {
            Kind::Atom(word) | Kind::Quoted(word) if dots => {
                local.extend_from_slice(word);
                dots = false;
            }
            // Dots in a row or at an end are no RFC's syntax, but such addresses exist.
            Kind::Special(b'.') => {
                local.push(b'.');
                dots = true;
            }
            Kind::Atom(_) | Kind::Quoted(_) => {
                return Err((Some(token.offset), "an at sign, a dot or a comma"));
            }
            _ => return Err((Some(token.offset), "a local part")),
        }
    }
    if local.is_empty() {
        return Err((Some(first.offset), "a local part"));
    }
    let Some(right) = right else {
        return Ok(Parts { local, offset, ..Parts::default() });
    };
    let mut domain = Vec::new();
    let mut dots = true;
    for token in right {
        match &token.kind {
            Kind::Atom(word) if dots => {
                domain.extend_from_slice(word);
                dots = false;
            }
            Kind::Literal(word) if domain.is_empty() => {
                domain.extend_from_slice(word);
                dots = false;
            }
            Kind::Special(b'.') if !dots => {
                domain.push(b'.');
                dots = true;
            }
            _ => return Err((Some(token.offset), "a domain")),
        }
    }
    if domain.is_empty() {
        return Err((None, "a domain"));
    }
    Ok(Parts { local, domain: Some(domain), offset, ..Parts::default() })
}

#[cfg(test)]
mod tests;
