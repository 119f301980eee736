//! The values of MIME header fields: types, dispositions and their parameters (RFC 2045
//! section 5.1, RFC 2183), and parameters that are continued or encoded (RFC 2231).
//!
//! Reading never refuses: what is missing is given as missing. Octets stay octets until a
//! decoded parameter is asked for.

use crate::message::{charset, headers, transfer, words};

/// Parameters of one field that are looked at; the rest is passed over.
const PARAMETERS: usize = 100;

/// A parameter as it stands: name (case kept, perhaps with the `*` marks of RFC 2231) and
/// value with quotation undone.
pub type Parameter = (Vec<u8>, Vec<u8>);

/// A media type with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType {
    /// The type, case as written.
    pub kind: Vec<u8>,
    /// The subtype, case as written.
    pub subtype: Vec<u8>,
    /// The parameters in their order.
    pub parameters: Vec<Parameter>,
}

impl ContentType {
    /// A type without parameters.
    pub(crate) fn plain(kind: &[u8], subtype: &[u8]) -> ContentType {
        ContentType { kind: kind.to_vec(), subtype: subtype.to_vec(), parameters: Vec::new() }
    }

    /// Whether this is `kind/subtype`, in any case.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.is_kind(kind) && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// Whether the type before the slash is `kind`, in any case.
    pub fn is_kind(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes())
    }

    /// `type/subtype` in lower case.
    pub fn essence(&self) -> String {
        let kind = String::from_utf8_lossy(&self.kind).to_lowercase();
        format!("{kind}/{}", String::from_utf8_lossy(&self.subtype).to_lowercase())
    }

    /// A parameter as it stands; `None` when it is absent or continued.
    pub fn raw(&self, name: &str) -> Option<&[u8]> {
        self.parameters
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_slice())
    }

    /// A parameter decoded, see [`parameter`].
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameter(&self.parameters, name)
    }
}

/// Reads the value of a Content-Type field; `None` when there is no `type/subtype` in it.
/// A type without a slash is what some mail programs write for `text`; it counts as
/// `text/plain`.
pub fn content_type(value: &[u8]) -> Option<ContentType> {
    let mut scanner = Scanner { octets: value, at: 0 };
    let kind = scanner.token();
    if kind.is_empty() {
        return None;
    }
    let mut subtype = Vec::new();
    if scanner.take(b'/') {
        subtype = scanner.token();
    }
    if subtype.is_empty() {
        if !kind.eq_ignore_ascii_case(b"text") {
            return None;
        }
        subtype = b"plain".to_vec();
    }
    Some(ContentType { kind, subtype, parameters: scanner.parameters() })
}

/// Reads the value of a Content-Disposition field: the disposition and its parameters.
/// `None` when there is no token at its start.
pub fn disposition(value: &[u8]) -> Option<(Vec<u8>, Vec<Parameter>)> {
    let mut scanner = Scanner { octets: value, at: 0 };
    let kind = scanner.token();
    (!kind.is_empty()).then(|| (kind, scanner.parameters()))
}

/// Reads a value that is a list of tokens between commas (Content-Language, RFC 3282).
pub fn tokens(value: &[u8]) -> Vec<Vec<u8>> {
    let mut scanner = Scanner { octets: value, at: 0 };
    let mut out = Vec::new();
    while scanner.at < value.len() && out.len() < PARAMETERS {
        let token = scanner.token();
        if !token.is_empty() {
            out.push(token);
        }
        scanner.seek(b',');
    }
    out
}

/// A parameter decoded: continuations put together and charsets decoded (RFC 2231), and
/// encoded words too, which have no place in a parameter but are common there. `None` when
/// it is absent.
pub fn parameter(parameters: &[Parameter], name: &str) -> Option<String> {
    // Sections in their order: (number, percent-encoded, value).
    let mut sections: Vec<(u32, bool, &[u8])> = Vec::new();
    let mut plain = None;
    for (other, value) in parameters {
        let Some(start) = other.get(..name.len()) else {
            continue;
        };
        if !start.eq_ignore_ascii_case(name.as_bytes()) {
            continue;
        }
        let value = value.as_slice();
        match &other[name.len()..] {
            [] => plain = plain.or(Some(value)),
            b"*" => sections.push((0, true, value)),
            [b'*', number @ ..] => {
                let (number, encoded) = match number.strip_suffix(b"*") {
                    Some(number) => (number, true),
                    None => (number, false),
                };
                let number = std::str::from_utf8(number).ok().and_then(|n| n.parse().ok());
                if let Some(number) = number {
                    sections.push((number, encoded, value));
                }
            }
            _ => {}
        }
    }
    if sections.is_empty() {
        return plain.map(words::decode);
    }
    sections.sort_by_key(|(number, _, _)| *number);
    let mut label: &[u8] = b"";
    let mut octets = Vec::new();
    for (index, (_, encoded, value)) in sections.iter().enumerate() {
        let mut value = *value;
        if *encoded && index == 0 {
            let mut pieces = value.splitn(3, |octet| *octet == b'\'');
            if let (Some(charset), Some(_), Some(rest)) =
                (pieces.next(), pieces.next(), pieces.next())
            {
                label = charset;
                value = rest;
            }
        }
        if *encoded {
            transfer::unescape(value, b'%', &mut octets);
        } else {
            octets.extend_from_slice(value);
        }
    }
    Some(charset::decode(label, &octets))
}

struct Scanner<'a> {
    octets: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    /// Passes over blanks, line ends and comments.
    fn skip_blanks(&mut self) {
        let mut depth = 0_usize;
        while let Some(octet) = self.peek() {
            match octet {
                b'(' => depth += 1,
                b')' if depth > 0 => depth -= 1,
                b'\\' if depth > 0 => self.at += 1,
                b' ' | b'\t' | b'\r' | b'\n' => {}
                _ if depth > 0 => {}
                _ => return,
            }
            self.at += 1;
        }
        self.at = self.at.min(self.octets.len());
    }

    fn take(&mut self, octet: u8) -> bool {
        self.skip_blanks();
        let found = self.peek() == Some(octet);
        self.at += usize::from(found);
        found
    }

    /// A token (RFC 2045 section 5.1), 8-bit octets included; empty when there is none.
    fn token(&mut self) -> Vec<u8> {
        self.skip_blanks();
        let start = self.at;
        while let Some(octet) = self.peek()
            && octet > b' '
            && octet != 0x7f
            && !b"()<>@,;:\\\"/[]?=".contains(&octet)
        {
            self.at += 1;
        }
        self.octets[start..self.at].to_vec()
    }

    /// A value: a quoted string, or everything up to a semicolon or blank. Unquoted values
    /// with octets that only quoted ones may have are common.
    fn value(&mut self) -> Vec<u8> {
        self.skip_blanks();
        let mut out = Vec::new();
        if self.peek() == Some(b'"') {
            self.at += 1;
            while let Some(octet) = self.peek() {
                self.at += 1;
                match octet {
                    b'"' => break,
                    b'\r' | b'\n' => {}
                    b'\\' => {
                        if let Some(next) = self.peek() {
                            out.push(next);
                            self.at += 1;
                        }
                    }
                    _ => out.push(octet),
                }
            }
            return out;
        }
        while let Some(octet) = self.peek()
            && octet != b';'
        {
            self.at += 1;
            out.push(octet);
        }
        // "name=a b.pdf" keeps its blanks; a comment behind the value goes.
        let end = match memchr::memmem::find(&out, b" (") {
            Some(end) if out.ends_with(b")") => end,
            _ => out.len(),
        };
        headers::unfold(&out[..end]).into_owned()
    }

    /// Passes over everything up to and with this octet, quoted strings whole.
    fn seek(&mut self, wanted: u8) {
        while let Some(octet) = self.peek() {
            if octet == b'"' {
                self.value();
                continue;
            }
            self.at += 1;
            if octet == wanted {
                return;
            }
        }
    }

    fn parameters(&mut self) -> Vec<Parameter> {
        let mut out = Vec::new();
        while out.len() < PARAMETERS && self.at < self.octets.len() {
            self.seek(b';');
            let name = self.token();
            if !name.is_empty() && self.take(b'=') {
                let value = self.value();
                out.push((name, value));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn types_and_parameters() {
        let plain = content_type(b" text/plain; charset=us-ascii (Plain text)").unwrap();
        assert!(plain.is("TEXT", "Plain"));
        assert_eq!(plain.raw("Charset"), Some(&b"us-ascii"[..]));
        let mixed = content_type(b"multipart/mixed;\r\n\tboundary=\"a;\\\"b\"; x=; y").unwrap();
        assert_eq!(mixed.raw("boundary"), Some(&b"a;\"b"[..]));
        assert_eq!(mixed.raw("x"), Some(&b""[..]));
        let (kind, parameters) = disposition(b"attachment; filename=my file.pdf").unwrap();
        assert_eq!(kind, b"attachment");
        assert_eq!(parameter(&parameters, "FileName").as_deref(), Some("my file.pdf"));
        assert_eq!(content_type(b"text").unwrap().essence(), "text/plain");
        assert_eq!(content_type(b"; charset=x"), None);
        assert_eq!(tokens(b"en, de (German), fr"), [b"en", b"de", b"fr"]);
    }

    #[test]
    fn examples_of_rfc_2231() {
        let joined = content_type(b"message/external-body; access-type=URL;\r\n URL*0=\"ftp://\";\r\n URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"").unwrap();
        assert_eq!(
            joined.parameter("url").as_deref(),
            Some("ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar")
        );
        let encoded = content_type(
            b"application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
        )
        .unwrap();
        assert_eq!(encoded.parameter("title").as_deref(), Some("This is ***fun***"));
        let both = content_type(b"application/x-stuff\r\n ;title*1*=%2A%2A%2Afun%2A%2A%2A%20\r\n ;title*0*=us-ascii'en'This%20is%20even%20more%20\r\n ;title*2=\"isn't it!\"").unwrap();
        assert_eq!(
            both.parameter("title").as_deref(),
            Some("This is even more ***fun*** isn't it!")
        );
        let word = content_type(b"a/b; name=\"=?utf-8?Q?J=C3=B8rn=2Epdf?=\"").unwrap();
        assert_eq!(word.parameter("name").as_deref(), Some("Jørn.pdf"));
    }

    proptest! {
        #[test]
        fn any_octets_are_taken(octets in prop::collection::vec(prop_oneof![
            Just(b';'), Just(b'='), Just(b'"'), Just(b'('), Just(b'/'), Just(b'*'), Just(b'a'),
            any::<u8>()], 0..80)) {
            if let Some(value) = content_type(&octets) {
                value.parameter("a");
            }
            disposition(&octets);
            tokens(&octets);
        }
    }
}
