//! Tokens: atoms, strings, literals and numbers (RFC 9051 section 4), read from a buffer that
//! may end anywhere.
//!
//! A [`Cursor`] is strict for commands and liberal for responses; *loose* adds the repair of
//! quotes that a server forgot to escape. It does not know any command or response.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::base::decode::{Decoded, Malformed};
use crate::base::limits::{INLINE_LITERAL_OCTETS, NESTING};

/// The octets of a literal: held, or so large that they were streamed past the decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Octets<'a> {
    /// The octets themselves.
    Inline(Cow<'a, [u8]>),
    /// A literal above [`INLINE_LITERAL_OCTETS`], whose octets the decoder never saw.
    Streamed {
        /// How many octets it has.
        len: u64,
    },
}

impl Octets<'_> {
    /// How many octets there are.
    pub fn len(&self) -> u64 {
        match self {
            Octets::Inline(octets) => octets.len() as u64,
            Octets::Streamed { len } => *len,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The octets where they are held; `None` where they were streamed.
    pub fn inline(&self) -> Option<&[u8]> {
        match self {
            Octets::Inline(octets) => Some(octets),
            Octets::Streamed { .. } => None,
        }
    }
}

/// Why a parser stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fail {
    /// The buffer ended within something that may become valid.
    More,
    /// No continuation can be valid.
    Bad { offset: usize, expected: &'static str },
}

pub(super) type Parse<T> = std::result::Result<T, Fail>;

/// How closely the grammar is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As the RFC says it: for what clients send.
    Strict,
    /// Runs of spaces, 8-bit atoms, odd numbers: for what servers send.
    Liberal,
    /// Also a quote within a quoted string that should have been escaped.
    Loose,
}

pub(super) const ATOM: u8 = 1;
pub(super) const ASTRING: u8 = 2;
pub(super) const LIST: u8 = 4;
pub(super) const TAG: u8 = 8;
/// What a liberal reader lets through in an atom: all but what ends one in any grammar.
pub(super) const LOOSE_ATOM: u8 = 16;
/// TEXT-CHAR of RFC 9051, and 8-bit octets.
pub(super) const TEXT: u8 = 32;
/// What names of commands and items are made of: letters, digits, dots, hyphens.
const WORD: u8 = 64;

const fn classes() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut octet = 0usize;
    while octet < 256 {
        let c = octet as u8;
        let mut class = 0;
        if c != 0 && c != b'\r' && c != b'\n' {
            class |= TEXT;
        }
        if c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b'=') {
            class |= WORD;
        }
        if c > b' ' && c != 0x7f && !matches!(c, b'(' | b')' | b'"') {
            class |= LOOSE_ATOM;
        }
        if c > b' ' && c < 0x7f && !matches!(c, b'(' | b')' | b'{' | b'"' | b'\\') {
            class |= LIST;
            if c != b'%' && c != b'*' {
                class |= ASTRING;
                if c != b'+' {
                    class |= TAG;
                }
                if c != b']' {
                    class |= ATOM;
                }
            }
        }
        table[octet] = class;
        octet += 1;
    }
    table
}

static CLASSES: [u8; 256] = classes();

/// Whether every octet is of `class`, and there is at least one.
pub(super) fn all_of(octets: &[u8], class: u8) -> bool {
    !octets.is_empty() && octets.iter().all(|&c| CLASSES[c as usize] & class != 0)
}

#[derive(Clone)]
pub(super) struct Cursor<'a> {
    octets: &'a [u8],
    at: usize,
    manner: Manner,
    depth: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(octets: &'a [u8], manner: Manner) -> Self {
        Self { octets, at: 0, manner, depth: 0 }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    pub fn set_at(&mut self, at: usize) {
        self.at = at;
    }

    pub fn is_strict(&self) -> bool {
        self.manner == Manner::Strict
    }

    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.octets[start..self.at]
    }

    pub fn rest(&self) -> &'a [u8] {
        &self.octets[self.at..]
    }

    pub fn bad<T>(&self, expected: &'static str) -> Parse<T> {
        Err(Fail::Bad { offset: self.at, expected })
    }

    /// Whether so few more levels are left before hostile nesting ends.
    pub fn is_deep(&self, levels: usize) -> bool {
        self.depth + levels > NESTING
    }

    /// Runs `inner` one level deeper; hostile nesting ends here.
    pub fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth >= NESTING {
            return self.bad("less nesting");
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// The next octet, which stays; the end of the buffer asks for more.
    #[inline]
    pub fn peek(&self) -> Parse<u8> {
        self.octets.get(self.at).copied().ok_or(Fail::More)
    }

    #[inline]
    pub fn bump(&mut self) {
        self.at += 1;
    }

    /// Takes `octet` if it is next.
    #[inline]
    pub fn eat(&mut self, octet: u8) -> Parse<bool> {
        let found = self.peek()? == octet;
        self.at += usize::from(found);
        Ok(found)
    }

    #[inline]
    pub fn expect(&mut self, octet: u8, expected: &'static str) -> Parse<()> {
        if self.eat(octet)? { Ok(()) } else { self.bad(expected) }
    }

    /// SP; a liberal reader takes a run of them.
    #[inline]
    pub fn sp(&mut self) -> Parse<()> {
        self.expect(b' ', "SP")?;
        if self.is_strict() { Ok(()) } else { self.skip_spaces() }
    }

    /// Spaces that should not be there, for the liberal.
    #[inline]
    pub fn skip_spaces(&mut self) -> Parse<()> {
        if !self.is_strict() {
            while self.peek()? == b' ' {
                self.at += 1;
            }
        }
        Ok(())
    }

    /// CRLF; a liberal reader takes trailing spaces and a bare LF.
    pub fn crlf(&mut self) -> Parse<()> {
        self.skip_spaces()?;
        if !self.is_strict() && self.eat(b'\n')? {
            return Ok(());
        }
        self.expect(b'\r', "CRLF")?;
        self.expect(b'\n', "CRLF")
    }

    /// The longest run of octets of `class`; at least one; the run must end in the buffer.
    #[inline]
    pub fn run(&mut self, class: u8, expected: &'static str) -> Parse<&'a [u8]> {
        let rest = &self.octets[self.at..];
        match rest.iter().position(|&c| CLASSES[c as usize] & class == 0) {
            Some(0) => self.bad(expected),
            Some(len) => {
                self.at += len;
                Ok(&rest[..len])
            }
            None => Err(Fail::More),
        }
    }

    /// `atom = 1*ATOM-CHAR`
    pub fn atom(&mut self) -> Parse<&'a [u8]> {
        self.run(ATOM, "atom")
    }

    /// The letters, digits, dots and hyphens that names of commands and items are made of.
    #[inline]
    pub fn word(&mut self) -> Parse<&'a [u8]> {
        self.run(WORD, "a name")
    }

    /// Takes `word` in any case if it is next and nothing that continues it follows.
    pub fn eat_word(&mut self, word: &'static str) -> Parse<bool> {
        let rest = self.rest();
        let n = word.len().min(rest.len());
        if !rest[..n].eq_ignore_ascii_case(&word.as_bytes()[..n]) {
            return Ok(false);
        }
        match rest.get(word.len()) {
            None => Err(Fail::More),
            Some(&next) if CLASSES[next as usize] & ASTRING != 0 => Ok(false),
            Some(_) => {
                self.at += word.len();
                Ok(true)
            }
        }
    }

    /// `number64`; a liberal reader takes `-1` (as 0) and a quoted number, too.
    #[inline]
    pub fn number(&mut self) -> Parse<u64> {
        let start = self.at;
        let mut value = 0u64;
        while let digit @ 0..=9 = self.peek()?.wrapping_sub(b'0') {
            // Nineteen digits cannot overflow.
            value = if self.at - start < 19 {
                value * 10 + u64::from(digit)
            } else {
                match value.checked_mul(10).and_then(|v| v.checked_add(u64::from(digit))) {
                    Some(value) => value,
                    None => return self.bad("a number of at most 64 bits"),
                }
            };
            self.at += 1;
        }
        if self.is_strict() {
            return if self.at == start { self.bad("number") } else { Ok(value) };
        }
        match self.peek()? {
            _ if self.at > start => Ok(value),
            b'-' => {
                // Zoho: MODSEQ -1; others: -1 where a size is not known.
                self.at += 1;
                self.number().map(|_| 0)
            }
            b'"' => {
                self.at += 1;
                let value = self.number()?;
                self.expect(b'"', "end of a quoted number")?;
                Ok(value)
            }
            _ => self.bad("number"),
        }
    }

    /// A number of octets; a liberal reader takes what mail.ru sends, `9.3e+06`.
    pub fn size(&mut self) -> Parse<u64> {
        let start = self.at;
        let whole = self.number()?;
        if self.is_strict() || !matches!(self.peek()?, b'.' | b'e' | b'E') {
            return Ok(whole);
        }
        self.at = start;
        while matches!(self.peek()?, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-') {
            self.at += 1;
        }
        let text = std::str::from_utf8(self.since(start)).ok();
        match text.and_then(|text| text.parse::<f64>().ok()) {
            Some(value) if (0.0..9e18).contains(&value) => Ok(value as u64),
            _ => Err(Fail::Bad { offset: start, expected: "number" }),
        }
    }

    /// `number` of 32 bits.
    #[inline]
    pub fn number32(&mut self) -> Parse<u32> {
        let start = self.at;
        let value = self.number()?;
        u32::try_from(value)
            .map_err(|_| Fail::Bad { offset: start, expected: "a number of at most 32 bits" })
    }

    /// `nz-number`
    pub fn nz_number(&mut self) -> Parse<u32> {
        let start = self.at;
        match self.number32()? {
            0 if self.is_strict() => Err(Fail::Bad { offset: start, expected: "nz-number" }),
            value => Ok(value),
        }
    }

    /// `quoted`, the opening quote being next.
    pub fn quoted(&mut self) -> Parse<Cow<'a, [u8]>> {
        let opening = self.at;
        self.expect(b'"', "quoted string")?;
        let start = self.at;
        let mut owned: Option<Vec<u8>> = None;
        let mut from = start;
        loop {
            let Some(i) = memchr2(b'"', b'\\', &self.octets[self.at..]) else {
                return match memchr2(b'\r', b'\n', &self.octets[start..]) {
                    Some(i) => Err(Fail::Bad { offset: start + i, expected: "closing quote" }),
                    None => Err(Fail::More),
                };
            };
            let here = self.at + i;
            let text = &self.octets[from..here];
            if self.octets[here] == b'"' && self.closes(here)? {
                if let Some(i) = text.iter().position(|&c| CLASSES[c as usize] & TEXT == 0) {
                    return Err(Fail::Bad { offset: from + i, expected: "TEXT-CHAR" });
                }
                self.at = here + 1;
                return Ok(match owned {
                    None => Cow::Borrowed(text),
                    Some(mut owned) => {
                        owned.extend_from_slice(text);
                        Cow::Owned(owned)
                    }
                });
            }
            if let Some(i) = text.iter().position(|&c| CLASSES[c as usize] & TEXT == 0) {
                return Err(Fail::Bad { offset: from + i, expected: "TEXT-CHAR" });
            }
            if self.octets[here] == b'"' {
                self.at = here + 1;
                continue;
            }
            let escaped = *self.octets.get(here + 1).ok_or(Fail::More)?;
            if CLASSES[escaped as usize] & TEXT == 0
                || (self.is_strict() && !matches!(escaped, b'"' | b'\\'))
            {
                return Err(Fail::Bad { offset: here + 1, expected: "quoted-specials" });
            }
            debug_assert!(opening < here);
            let owned = owned.get_or_insert_with(Vec::new);
            owned.extend_from_slice(text);
            if !matches!(escaped, b'"' | b'\\') {
                // A lone backslash that a server forgot to escape stands for itself.
                owned.push(b'\\');
            }
            owned.push(escaped);
            self.at = here + 2;
            from = self.at;
        }
    }

    /// Whether the quote at `here` closes its string: always, but for the loose, who look at
    /// whether a token could follow.
    fn closes(&self, here: usize) -> Parse<bool> {
        if self.manner != Manner::Loose {
            return Ok(true);
        }
        let at = |i: usize| self.octets.get(here + i).copied().ok_or(Fail::More);
        Ok(match at(1)? {
            b')' | b'\r' | b'\n' => true,
            b' ' => match at(2)? {
                b'"' | b'(' | b')' | b'{' | b'0'..=b'9' | b'\r' | b'\n' => true,
                b'N' | b'n' => {
                    at(3)?.eq_ignore_ascii_case(&b'I') && at(4)?.eq_ignore_ascii_case(&b'L')
                }
                _ => false,
            },
            _ => false,
        })
    }

    /// The head of a literal, `{` (or `~{`) being next: its length, whether the sender waits
    /// for a go-ahead, and whether it is a literal8.
    pub fn literal_head(&mut self) -> Parse<(u64, bool, bool)> {
        let binary = self.eat(b'~')?;
        self.expect(b'{', "literal")?;
        let start = self.at;
        let mut len = 0u64;
        while let c @ b'0'..=b'9' = self.peek()? {
            len = match len.checked_mul(10).and_then(|v| v.checked_add(u64::from(c - b'0'))) {
                Some(len) if len <= i64::MAX as u64 => len,
                _ => return self.bad("a literal of at most 63 bits"),
            };
            self.at += 1;
        }
        if self.at == start {
            return self.bad("length of a literal");
        }
        let synchronising = !self.eat(b'+')?;
        self.expect(b'}', "}")?;
        if !self.is_strict() && self.eat(b'\n')? {
            return Ok((len, synchronising, binary));
        }
        self.expect(b'\r', "CRLF")?;
        self.expect(b'\n', "CRLF")?;
        Ok((len, synchronising, binary))
    }

    /// A literal of any size, and whether it is a literal8.
    pub fn literal_octets(&mut self) -> Parse<(Octets<'a>, bool)> {
        let (len, _, binary) = self.literal_head()?;
        if len > INLINE_LITERAL_OCTETS as u64 {
            return Ok((Octets::Streamed { len }, binary));
        }
        let len = len as usize;
        let octets = self.rest().get(..len).ok_or(Fail::More)?;
        if !binary
            && self.is_strict()
            && let Some(i) = memchr(0, octets)
        {
            return Err(Fail::Bad { offset: self.at + i, expected: "CHAR8" });
        }
        self.at += len;
        Ok((Octets::Inline(Cow::Borrowed(octets)), binary))
    }

    /// A literal that has to be held.
    pub fn literal(&mut self) -> Parse<Cow<'a, [u8]>> {
        let start = self.at;
        match self.literal_octets()? {
            (Octets::Inline(octets), _) => Ok(octets),
            (Octets::Streamed { .. }, _) => {
                Err(Fail::Bad { offset: start, expected: "a literal small enough to hold" })
            }
        }
    }

    /// `string = quoted / literal`
    pub fn string(&mut self) -> Parse<Cow<'a, [u8]>> {
        match self.peek()? {
            b'"' => self.quoted(),
            b'{' | b'~' => self.literal(),
            _ => self.bad("string"),
        }
    }

    /// `astring = 1*ASTRING-CHAR / string`; a liberal reader lets more into the atom.
    pub fn astring(&mut self) -> Parse<Cow<'a, [u8]>> {
        self.string_or(ASTRING)
    }

    /// `list-mailbox = 1*list-char / string`
    pub fn list_mailbox(&mut self) -> Parse<Cow<'a, [u8]>> {
        self.string_or(LIST)
    }

    fn string_or(&mut self, class: u8) -> Parse<Cow<'a, [u8]>> {
        match self.peek()? {
            b'"' => self.quoted(),
            b'{' => self.literal(),
            b'~' if self.rest().get(1).ok_or(Fail::More)? == &b'{' => self.literal(),
            _ if self.is_strict() => self.run(class, "astring").map(Cow::Borrowed),
            _ => self.run(LOOSE_ATOM, "astring").map(Cow::Borrowed),
        }
    }

    /// Takes `NIL` if it is next.
    pub fn nil(&mut self) -> Parse<bool> {
        match self.peek()? {
            b'N' | b'n' => self.eat_word("NIL"),
            _ => Ok(false),
        }
    }

    /// `nstring = string / nil`; a liberal reader takes an atom, too.
    pub fn nstring(&mut self) -> Parse<Option<Cow<'a, [u8]>>> {
        match self.peek()? {
            b'"' => self.quoted().map(Some),
            b'{' | b'~' => self.literal().map(Some),
            _ if self.nil()? => Ok(None),
            _ if self.is_strict() => self.bad("nstring"),
            _ => self.run(LOOSE_ATOM, "nstring").map(|atom| Some(Cow::Borrowed(atom))),
        }
    }

    /// `"(" [item *(SP item)] ")"`
    pub fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parse<T>) -> Parse<Vec<T>> {
        self.expect(b'(', "(")?;
        self.skip_spaces()?;
        let mut items = Vec::new();
        if self.eat(b')')? {
            return Ok(items);
        }
        loop {
            items.push(self.nested(&mut item)?);
            if self.eat(b')')? {
                return Ok(items);
            }
            self.sp()?;
            if !self.is_strict() && self.eat(b')')? {
                return Ok(items);
            }
        }
    }

    /// A [`Cursor::list`] of at least one item.
    pub fn list1<T>(&mut self, item: impl FnMut(&mut Self) -> Parse<T>) -> Parse<Vec<T>> {
        let start = self.at;
        let items = self.list(item)?;
        if items.is_empty() && self.is_strict() {
            return Err(Fail::Bad { offset: start + 1, expected: "at least one item" });
        }
        Ok(items)
    }

    /// Passes over one value of any shape: atom, string, or list of them. Gives its octets,
    /// which nobody repairs: quotes in them are taken as they are.
    pub fn raw_value(&mut self) -> Parse<&'a [u8]> {
        let manner = self.manner;
        if manner == Manner::Loose {
            self.manner = Manner::Liberal;
        }
        let value = self.raw_tokens();
        self.manner = manner;
        value
    }

    fn raw_tokens(&mut self) -> Parse<&'a [u8]> {
        let start = self.at;
        let mut open = 0usize;
        loop {
            match self.peek()? {
                b'(' => {
                    open += 1;
                    self.at += 1;
                }
                b')' if open > 0 => {
                    open -= 1;
                    self.at += 1;
                }
                b' ' if open > 0 => self.at += 1,
                b'"' => {
                    self.quoted()?;
                }
                b'{' => {
                    self.literal_octets()?;
                }
                b'~' if self.rest().get(1).ok_or(Fail::More)? == &b'{' => {
                    self.literal_octets()?;
                }
                _ => {
                    self.run(LOOSE_ATOM, "value")?;
                }
            }
            if open == 0 {
                return Ok(self.since(start));
            }
        }
    }

    /// The decoder's answer to the world.
    pub fn outcome<T>(&self, parsed: Parse<T>) -> crate::base::decode::Result<T> {
        match parsed {
            Ok(value) => Ok(Decoded::Done { value, used: self.at }),
            Err(Fail::More) => Ok(Decoded::More),
            Err(Fail::Bad { offset, expected }) => Err(Malformed { offset, expected }),
        }
    }
}
