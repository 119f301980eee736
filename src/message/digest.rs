//! The digest of a message's content, the same whether its lines end with CRLF or LF.
//!
//! SHA-256 over the octets with every CRLF written as LF; a bare CR stays. Two copies of a
//! message, one from a server and one from a Maildir, have the same digest. It says nothing
//! of flags or dates, and two messages that differ in a trace field differ in it.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest's octets.
    pub fn as_octets(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 hexadecimal digits of either case; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Digest> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut octets = [0; 32];
        for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = (super::transfer::hex(pair[0])?, super::transfer::hex(pair[1])?);
            *octet = (high << 4) | low;
        }
        Some(Digest(octets))
    }
}

impl fmt::Display for Digest {
    /// Lower-case hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Takes a message in pieces of any size.
#[derive(Clone)]
pub struct Digester {
    context: Context,
    /// The last piece ended with a CR that may yet turn out to belong to a CRLF.
    held_cr: bool,
}

impl Default for Digester {
    fn default() -> Self {
        Digester::new()
    }
}

impl Digester {
    /// Begins a message.
    pub fn new() -> Digester {
        Digester { context: Context::new(&SHA256), held_cr: false }
    }

    /// Takes the next octets of the message.
    pub fn update(&mut self, octets: &[u8]) {
        let Some(first) = octets.first() else {
            return;
        };
        if self.held_cr && *first != b'\n' {
            self.context.update(b"\r");
        }
        self.held_cr = false;
        let mut kept = 0;
        for at in memchr::memchr_iter(b'\r', octets) {
            match octets.get(at + 1) {
                Some(b'\n') => {
                    self.context.update(&octets[kept..at]);
                    kept = at + 1;
                }
                Some(_) => {}
                None => {
                    self.context.update(&octets[kept..at]);
                    kept = at + 1;
                    self.held_cr = true;
                }
            }
        }
        self.context.update(&octets[kept..]);
    }

    /// Ends the message.
    pub fn finish(mut self) -> Digest {
        if self.held_cr {
            self.context.update(b"\r");
        }
        let digest = self.context.finish();
        let computed: &[u8] = digest.as_ref();
        let mut octets = [0; 32];
        for (to, from) in octets.iter_mut().zip(computed) {
            *to = *from;
        }
        Digest(octets)
    }
}

/// The digest of a message that lies in memory.
pub fn digest(message: &[u8]) -> Digest {
    let mut digester = Digester::new();
    digester.update(message);
    digester.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_answers() {
        // FIPS 180-2, "abc".
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(b"abc").to_string(), abc);
        assert_eq!(Digest::from_hex(abc), Some(digest(b"abc")));
        assert_eq!(Digest::from_hex("zz"), None);
        assert_eq!(digest(b"a\r\nb\r\n"), digest(b"a\nb\n"));
        assert_ne!(digest(b"a\rb"), digest(b"a\nb"));
        assert_ne!(digest(b"a\r"), digest(b"a"));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(pieces in prop::collection::vec("[\r\na]{0,6}", 0..8)) {
            let whole = pieces.concat();
            let mut digester = Digester::new();
            for piece in &pieces {
                digester.update(piece.as_bytes());
            }
            let canonical = whole.replace("\r\n", "\n");
            let plain = aws_lc_rs::digest::digest(&SHA256, canonical.as_bytes());
            let expected: &[u8] = plain.as_ref();
            let split = digester.finish();
            prop_assert_eq!(&split.as_octets()[..], expected);
            prop_assert_eq!(split, digest(whole.as_bytes()));
        }
    }
}
