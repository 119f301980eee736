//! Octets for the wire: the encoder that commands and responses are written with.
//!
//! Strings become quoted where they can and literals where they must (RFC 9051 section 4.3,
//! RFC 7888). Where the sender has to pause, for a go-ahead or for octets that come from a
//! stream, the [`Encoded`] form says so; this module does not send anything.

use super::token::{ASTRING, ATOM, LIST, Octets, TEXT, all_of};

/// How literals are announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Literals {
    /// A server's: `{n}`, and the octets at once.
    Server,
    /// A client's: `{n}`, and the octets only after the server's `+` (RFC 9051 section 4.3).
    Synchronising,
    /// A client's under LITERAL+: `{n+}`, and the octets at once (RFC 7888).
    Plus,
    /// A client's under LITERAL-: as LITERAL+ up to 4096 octets, else synchronising.
    Minus,
}

/// An argument that cannot be said in IMAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} holds octets that cannot be sent")]
pub struct Refused {
    /// What was to be encoded, in the RFC's words.
    pub what: &'static str,
}

/// A place in the encoded octets where the sender pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Offset: everything before it is sent first.
    pub at: usize,
    /// Whether the server's `+` must come before anything more is sent.
    pub wait: bool,
    /// How many octets from a stream go here; zero where the literal is inline.
    pub stream: u64,
}

/// An encoded command or response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encoded {
    /// The octets, without what is streamed.
    pub octets: Vec<u8>,
    /// Where to pause, in order; empty where all can be sent at once.
    pub stops: Vec<Stop>,
}

/// Writes commands and responses; the first refused argument is remembered until
/// [`Encoder::finish`].
#[derive(Debug)]
pub struct Encoder {
    octets: Vec<u8>,
    stops: Vec<Stop>,
    refused: Option<Refused>,
    literals: Literals,
    utf8: bool,
}

impl Encoder {
    /// An empty encoder. `utf8`: quoted strings may hold UTF-8 (UTF8=ACCEPT, IMAP4rev2).
    pub fn new(literals: Literals, utf8: bool) -> Self {
        Self { octets: Vec::new(), stops: Vec::new(), refused: None, literals, utf8 }
    }

    /// What was written, and an empty encoder again.
    ///
    /// # Errors
    /// The first argument that could not be said; what was written is then gone.
    pub fn finish(&mut self) -> Result<Encoded, Refused> {
        let octets = std::mem::take(&mut self.octets);
        let stops = std::mem::take(&mut self.stops);
        match self.refused.take() {
            Some(refused) => Err(refused),
            None => Ok(Encoded { octets, stops }),
        }
    }

    /// Appends what was written to `out`, and keeps its room for what comes next: for a
    /// server that says much. The stops are offsets from where `out` ended.
    ///
    /// # Errors
    /// As [`Encoder::finish`]; `out` is then as it was.
    pub fn finish_into(&mut self, out: &mut Vec<u8>) -> Result<Vec<Stop>, Refused> {
        let stops = std::mem::take(&mut self.stops);
        let refused = self.refused.take();
        if refused.is_none() {
            out.extend_from_slice(&self.octets);
        }
        self.octets.clear();
        refused.map_or(Ok(stops), Err)
    }

    pub(super) fn refuse(&mut self, what: &'static str) {
        self.refused.get_or_insert(Refused { what });
    }

    /// Octets as they are; the caller knows them to be right.
    pub(super) fn raw(&mut self, octets: impl AsRef<[u8]>) {
        self.octets.extend_from_slice(octets.as_ref());
    }

    pub(super) fn sp(&mut self) {
        self.octets.push(b' ');
    }

    pub(super) fn crlf(&mut self) {
        self.octets.extend_from_slice(b"\r\n");
    }

    pub(super) fn number(&mut self, mut value: u64) {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.octets.extend_from_slice(&digits[at..]);
    }

    pub(super) fn atom(&mut self, octets: &[u8], what: &'static str) {
        if !all_of(octets, ATOM) {
            self.refuse(what);
        }
        self.raw(octets);
    }

    /// Octets that must stay on one line: human text, unknown values kept raw.
    pub(super) fn text(&mut self, octets: &[u8], what: &'static str) {
        if !octets.is_empty() && !all_of(octets, TEXT) {
            self.refuse(what);
        }
        self.raw(octets);
    }

    /// A quoted string or literal; CR and LF go into a literal, NUL nowhere.
    pub(super) fn string(&mut self, octets: &[u8], what: &'static str) {
        if octets.contains(&0) {
            self.refuse(what);
        }
        // 1000: beyond it, a literal keeps lines short for the servers that limit them.
        let quotable = octets.len() <= 1000
            && octets.iter().all(|&c| c != b'\r' && c != b'\n' && c != 0)
            && (octets.is_ascii() || (self.utf8 && std::str::from_utf8(octets).is_ok()));
        if quotable {
            self.octets.push(b'"');
            for &c in octets {
                if matches!(c, b'"' | b'\\') {
                    self.octets.push(b'\\');
                }
                self.octets.push(c);
            }
            self.octets.push(b'"');
        } else {
            self.literal(octets, false);
        }
    }

    /// A quoted string where no literal may stand; what cannot be quoted is refused.
    pub(super) fn quoted(&mut self, octets: &[u8], what: &'static str) {
        let lines = octets.iter().any(|&c| c == b'\r' || c == b'\n');
        if octets.len() > 1000 || !octets.is_ascii() || lines {
            self.refuse(what);
        }
        self.string(octets, what);
    }

    pub(super) fn astring(&mut self, octets: &[u8], what: &'static str) {
        // An atom NIL would be an astring, but not every server thinks so.
        if all_of(octets, ASTRING) && !octets.eq_ignore_ascii_case(b"NIL") {
            self.raw(octets);
        } else {
            self.string(octets, what);
        }
    }

    /// An astring that no CR or LF may hide in, although a literal could carry it.
    pub(super) fn line_astring(&mut self, octets: &[u8], what: &'static str) {
        if octets.iter().any(|&c| c == b'\r' || c == b'\n') {
            self.refuse(what);
        }
        self.astring(octets, what);
    }

    /// A LIST pattern: wildcards stay in an atom.
    pub(super) fn pattern(&mut self, octets: &[u8]) {
        if octets.iter().any(|&c| c == b'\r' || c == b'\n') {
            self.refuse("mailbox pattern");
        }
        if all_of(octets, LIST) {
            self.raw(octets);
        } else {
            self.string(octets, "mailbox pattern");
        }
    }

    pub(super) fn nstring(&mut self, octets: Option<&[u8]>, what: &'static str) {
        match octets {
            Some(octets) => self.string(octets, what),
            None => self.raw("NIL"),
        }
    }

    fn literal_head(&mut self, len: u64, binary: bool) -> bool {
        if binary {
            self.octets.push(b'~');
        }
        self.octets.push(b'{');
        self.number(len);
        let wait = match self.literals {
            Literals::Server | Literals::Plus => false,
            Literals::Synchronising => true,
            Literals::Minus => len > 4096,
        };
        if !wait && self.literals != Literals::Server {
            self.octets.push(b'+');
        }
        self.raw("}\r\n");
        wait
    }

    pub(super) fn literal(&mut self, octets: &[u8], binary: bool) {
        let wait = self.literal_head(octets.len() as u64, binary);
        if wait {
            self.stops.push(Stop { at: self.octets.len(), wait, stream: 0 });
        }
        self.octets.extend_from_slice(octets);
    }

    /// A literal whose octets may come from a stream.
    pub(super) fn octets(&mut self, octets: &Octets<'_>, binary: bool) {
        match octets {
            Octets::Inline(octets) => self.literal(octets, binary),
            Octets::Streamed { len } => {
                let wait = self.literal_head(*len, binary);
                self.stops.push(Stop { at: self.octets.len(), wait, stream: *len });
            }
        }
    }

    /// `"(" [item *(SP item)] ")"`
    pub(super) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut item: impl FnMut(&mut Self, T),
    ) {
        self.octets.push(b'(');
        self.spaced(items, &mut item);
        self.octets.push(b')');
    }

    /// `[item *(SP item)]`
    pub(super) fn spaced<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut item: impl FnMut(&mut Self, T),
    ) {
        for (i, each) in items.into_iter().enumerate() {
            if i > 0 {
                self.sp();
            }
            item(self, each);
        }
    }
}
