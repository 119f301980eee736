//! Flags and keywords (RFC 9051 section 2.3.2, RFC 5788).
//!
//! A list of flags stays the one slice it came as, so that reading a large mailbox's flags
//! allocates nothing; [`Flags::iter`] takes it apart.

use std::borrow::Cow;

use memchr::memchr;

use super::encode::Encoder;
use super::token::{ATOM, Cursor, Fail, Parse, all_of};

/// One flag. Flags compare without case.
#[derive(Debug, Clone)]
pub enum Flag<'a> {
    /// `\Answered`
    Answered,
    /// `\Deleted`
    Deleted,
    /// `\Draft`
    Draft,
    /// `\Flagged`
    Flagged,
    /// `\Seen`
    Seen,
    /// `\Recent` (RFC 3501; obsolete)
    Recent,
    /// `\*` in PERMANENTFLAGS: new keywords can be created.
    Any,
    /// `\` and an atom that is none of the above; held without the backslash.
    Extension(Cow<'a, [u8]>),
    /// A keyword, such as `$Forwarded`.
    Keyword(Cow<'a, [u8]>),
}

impl<'a> Flag<'a> {
    /// Reads one flag from its whole text; anything without a backslash is a keyword.
    pub fn from_text(text: &'a [u8]) -> Flag<'a> {
        let Some((b'\\', name)) = text.split_first() else {
            return Flag::Keyword(Cow::Borrowed(text));
        };
        match name.len() {
            1 if name == b"*" => Flag::Any,
            4 if name.eq_ignore_ascii_case(b"Seen") => Flag::Seen,
            5 if name.eq_ignore_ascii_case(b"Draft") => Flag::Draft,
            6 if name.eq_ignore_ascii_case(b"Recent") => Flag::Recent,
            7 if name.eq_ignore_ascii_case(b"Flagged") => Flag::Flagged,
            7 if name.eq_ignore_ascii_case(b"Deleted") => Flag::Deleted,
            8 if name.eq_ignore_ascii_case(b"Answered") => Flag::Answered,
            _ => Flag::Extension(Cow::Borrowed(name)),
        }
    }

    /// Whether a backslash stands before the name, and the name itself.
    fn parts(&self) -> (bool, &[u8]) {
        match self {
            Flag::Answered => (true, b"Answered"),
            Flag::Deleted => (true, b"Deleted"),
            Flag::Draft => (true, b"Draft"),
            Flag::Flagged => (true, b"Flagged"),
            Flag::Seen => (true, b"Seen"),
            Flag::Recent => (true, b"Recent"),
            Flag::Any => (true, b"*"),
            Flag::Extension(name) => (true, name),
            Flag::Keyword(name) => (false, name),
        }
    }

    /// The flag as it goes over the wire.
    pub fn to_text(&self) -> Vec<u8> {
        let (system, name) = self.parts();
        let mut text = Vec::with_capacity(name.len() + 1);
        if system {
            text.push(b'\\');
        }
        text.extend_from_slice(name);
        text
    }

    fn is_valid(&self) -> bool {
        matches!(self, Flag::Any) || all_of(self.parts().1, ATOM)
    }
}

impl PartialEq for Flag<'_> {
    fn eq(&self, other: &Flag<'_>) -> bool {
        let ((system, name), (other_system, other_name)) = (self.parts(), other.parts());
        system == other_system && name.eq_ignore_ascii_case(other_name)
    }
}

impl Eq for Flag<'_> {}

/// A list of flags, held as the text between its parentheses.
#[derive(Clone, Default)]
pub struct Flags<'a>(Cow<'a, [u8]>);

impl<'a> Flags<'a> {
    /// A list made of single flags. One that cannot be said is refused when it is encoded.
    pub fn from_flags<'f>(flags: impl IntoIterator<Item = Flag<'f>>) -> Flags<'static> {
        let mut text = Vec::new();
        for flag in flags {
            if !text.is_empty() {
                text.push(b' ');
            }
            text.extend_from_slice(&flag.to_text());
        }
        Flags(Cow::Owned(text))
    }

    /// The flags, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = Flag<'_>> {
        self.0.split(|&c| c == b' ').filter(|text| !text.is_empty()).map(Flag::from_text)
    }

    /// Whether `flag` is in the list.
    pub fn contains(&self, flag: &Flag<'_>) -> bool {
        self.iter().any(|each| each == *flag)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The same list without the borrow.
    pub fn into_owned(self) -> Flags<'static> {
        Flags(Cow::Owned(self.0.into_owned()))
    }

    /// `flag-list = "(" [flag *(SP flag)] ")"`
    #[inline]
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Flags<'a>> {
        cursor.expect(b'(', "(")?;
        let start = cursor.at();
        let rest = cursor.rest();
        let end;
        if cursor.is_strict() {
            end = memchr(b')', rest).unwrap_or(rest.len());
            if let Some(i) = Self::first_strictly_bad(&rest[..end], end < rest.len()) {
                return Err(Fail::Bad { offset: start + i, expected: "flag" });
            }
        } else {
            // Most lists are a few octets: one loop is quicker than a search and a check.
            let odd = |&c: &u8| c < b' ' || matches!(c, b'(' | b')' | b'"' | 0x7f);
            end = rest.iter().position(odd).unwrap_or(rest.len());
            if rest.get(end).is_some_and(|&c| c != b')') {
                return Err(Fail::Bad { offset: start + end, expected: "flag" });
            }
        }
        if end == rest.len() {
            return Err(Fail::More);
        }
        cursor.set_at(start + end + 1);
        Ok(Flags(Cow::Borrowed(&rest[..end])))
    }

    fn first_strictly_bad(text: &[u8], whole: bool) -> Option<usize> {
        let mut at = 0;
        if text.is_empty() {
            return None;
        }
        for flag in text.split(|&c| c == b' ') {
            let last = at + flag.len() == text.len();
            let name = flag.strip_prefix(b"\\").unwrap_or(flag);
            let unfinished = name.is_empty() && last && !whole;
            if !unfinished && !all_of(name, ATOM) {
                return Some(at);
            }
            at += flag.len() + 1;
        }
        None
    }

    /// `flag *(SP flag)` without parentheses, as STORE allows it.
    pub(super) fn parse_bare(cursor: &mut Cursor<'a>) -> Parse<Flags<'a>> {
        let start = cursor.at();
        loop {
            if cursor.peek()? == b'\\' {
                cursor.bump();
            }
            cursor.atom()?;
            if !cursor.eat(b' ')? {
                return Ok(Flags(Cow::Borrowed(cursor.since(start))));
            }
        }
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.list(self.iter(), |out, flag| {
            if !flag.is_valid() {
                out.refuse("flag");
            }
            out.raw(flag.to_text());
        });
    }
}

impl PartialEq for Flags<'_> {
    fn eq(&self, other: &Flags<'_>) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Flags<'_> {}

impl std::fmt::Debug for Flags<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({})", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::syntax::token::Manner;

    fn parse(text: &[u8], manner: Manner) -> Parse<Flags<'_>> {
        Flags::parse(&mut Cursor::new(text, manner))
    }

    #[test]
    fn system_flags_have_no_case() {
        let flags = parse(br"(\seen \ANSWERED $Forwarded)", Manner::Strict).unwrap();
        assert!(flags.contains(&Flag::Seen) && flags.contains(&Flag::Answered));
        assert!(flags.contains(&Flag::Keyword(Cow::Borrowed(b"$forwarded"))));
        assert!(!flags.contains(&Flag::Deleted));
        assert_eq!(flags.iter().count(), 3);
    }

    #[test]
    fn strict_refuses_what_liberal_takes() {
        for text in [&br"(\Seen  \Draft)"[..], b"(a] b)", b"(\xe4)", b"( a)"] {
            assert!(matches!(parse(text, Manner::Strict), Err(Fail::Bad { .. })), "{text:?}");
            assert!(parse(text, Manner::Liberal).is_ok(), "{text:?}");
        }
        assert!(parse(b"(a\r\n", Manner::Liberal).is_err_and(|fail| fail != Fail::More));
    }

    #[test]
    fn prefixes_ask_for_more() {
        let text = br"(\Seen \* $x)";
        for end in 0..text.len() {
            assert_eq!(parse(&text[..end], Manner::Liberal).err(), Some(Fail::More), "{end}");
        }
        let text = br"(\Seen \Foo $x)";
        for end in 0..text.len() {
            assert_eq!(parse(&text[..end], Manner::Strict).err(), Some(Fail::More), "{end}");
        }
    }
}
