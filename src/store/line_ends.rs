//! Makes CRLF into LF while octets stream by.
//!
//! It changes nothing else: a CR that no LF follows stays, and so does a bare LF.

/// Which line ends are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineEnds {
    /// LF, the custom of Maildir and mbox: CRLF is converted.
    #[default]
    Lf,
    /// What came is what is stored.
    AsIs,
}

/// The conversion of one message; the outcome does not depend on how the octets were split.
#[derive(Debug, Clone)]
pub struct Converter {
    ends: LineEnds,
    /// A CR has come, and whether an LF follows is not known yet.
    after_cr: bool,
}

impl Converter {
    /// At the start of a message.
    pub fn new(ends: LineEnds) -> Self {
        Self { ends, after_cr: false }
    }

    /// Appends the next octets, converted, to `out`.
    pub fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        if self.ends == LineEnds::AsIs {
            out.extend_from_slice(octets);
            return;
        }
        if octets.is_empty() {
            return;
        }
        if std::mem::take(&mut self.after_cr) && octets[0] != b'\n' {
            out.push(b'\r');
        }
        let mut rest = octets;
        while let Some(cr) = memchr::memchr(b'\r', rest) {
            out.extend_from_slice(&rest[..cr]);
            rest = &rest[cr + 1..];
            match rest.first() {
                None => self.after_cr = true,
                Some(b'\n') => {}
                Some(_) => out.push(b'\r'),
            }
        }
        out.extend_from_slice(rest);
    }

    /// The message is over: appends what was held back, and begins anew.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.after_cr) {
            out.push(b'\r');
        }
    }
}

/// The octets with CRLF at the end of every line, whatever was there.
pub fn crlf(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 32);
    let mut from = 0;
    for at in memchr::memchr_iter(b'\n', octets) {
        out.extend_from_slice(&octets[from..at]);
        if !out.ends_with(b"\r") {
            out.push(b'\r');
        }
        out.push(b'\n');
        from = at + 1;
    }
    out.extend_from_slice(&octets[from..]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn converted(pieces: &[&[u8]]) -> Vec<u8> {
        let mut converter = Converter::new(LineEnds::Lf);
        let mut out = Vec::new();
        for piece in pieces {
            converter.push(piece, &mut out);
        }
        converter.finish(&mut out);
        out
    }

    #[test]
    fn every_line_ends_in_crlf() {
        assert_eq!(crlf(b"a\nb\r\nc\rd\n\n"), b"a\r\nb\r\nc\rd\r\n\r\n");
        assert_eq!(crlf(b"\n"), b"\r\n");
        assert_eq!(crlf(b"x\r"), b"x\r");
    }

    #[test]
    fn only_crlf_changes() {
        assert_eq!(converted(&[b"a\r\nb\rc\nd\r\r\n\n\r\r"]), b"a\nb\rc\nd\r\n\n\r\r");
        assert_eq!(converted(&[b"a\r", b"", b"\nb\r", b"c"]), b"a\nb\rc");
        let mut out = Vec::new();
        Converter::new(LineEnds::AsIs).push(b"a\r\n", &mut out);
        assert_eq!(out, b"a\r\n");
    }

    proptest! {
        #[test]
        fn splitting_changes_nothing(
            octets in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'x')], 0..40),
            cuts in proptest::collection::vec(0usize..40, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(octets.len())).collect();
            cuts.push(0);
            cuts.push(octets.len());
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &octets[pair[0]..pair[1]]).collect();
            let text = String::from_utf8(octets.clone()).expect("ASCII");
            let plain = text.replace("\r\n", "\n");
            prop_assert_eq!(converted(&pieces), plain.into_bytes());
        }
    }
}
