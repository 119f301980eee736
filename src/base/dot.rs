//! Dot-stuffing: how text travels whose end is a line with a single dot.
//!
//! RFC 5321 section 4.5.2 (SMTP), RFC 1939 section 3 (POP3), RFC 3977 section 3.1.1 (NNTP). One
//! encoder and one decoder for all three, both incremental: however the input is split, the
//! output is the same. Line ends are made CRLF *before* stuffing, in the same machine, since a
//! dot that a later change of line ends brings to the start of a line would end the message.

use crate::base::decode::{self, Decoded, Malformed};
use crate::base::limits;

/// What an [`Encoder`] does about line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnds {
    /// CRLF, bare LF and bare CR each become CRLF.
    Canonical,
    /// Only CRLF is a line end, and a bare CR or LF is an error.
    Verbatim,
    /// Only CRLF is a line end; bare CR and LF pass. A peer that takes them for line ends can be
    /// led to see the end of the text elsewhere: never for text of unknown origin.
    VerbatimUnsafe,
}

/// A CR without LF behind it, or an LF without CR before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} at octet {offset}", if *.is_cr { "a bare CR" } else { "a bare LF" })]
pub struct Bare {
    /// It is a CR.
    pub is_cr: bool,
    /// Where it stands, counted from the start of the text, dots of stuffing included.
    pub offset: u64,
}

/// Makes text ready for the wire.
#[derive(Debug, Clone)]
pub struct Encoder {
    ends: LineEnds,
    stuffing: bool,
    at_line_start: bool,
    /// The last octet was a CR: in canonical mode its CRLF has been written.
    after_cr: bool,
    offset: u64,
}

impl Encoder {
    /// For text that ends with a lone dot: dots at line starts are doubled.
    pub fn dotted(ends: LineEnds) -> Self {
        Self { ends, stuffing: true, at_line_start: true, after_cr: false, offset: 0 }
    }

    /// For text framed by its length (BDAT, IMAP literals): only line ends change.
    pub fn counted(ends: LineEnds) -> Self {
        Self { stuffing: false, ..Self::dotted(ends) }
    }

    /// Appends the next octets of the text to `out`.
    ///
    /// # Errors
    /// [`Bare`] in [`LineEnds::Verbatim`]; the text cannot be sent then.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Bare> {
        let is_canonical = self.ends == LineEnds::Canonical;
        // Everything before `start` is written; everything before `at` has been looked at.
        let (mut start, mut at) = (0, 0);
        if self.after_cr && !input.is_empty() {
            self.after_cr = false;
            if input[0] == b'\n' {
                (start, at) = (usize::from(is_canonical), 1);
                self.at_line_start = true;
            } else if !is_canonical {
                self.bare(true, self.offset - 1)?;
            }
        }
        while at < input.len() {
            if self.at_line_start {
                self.at_line_start = false;
                if self.stuffing && input[at] == b'.' {
                    out.extend_from_slice(&input[start..at]);
                    out.push(b'.');
                    start = at;
                }
            }
            let Some(found) = memchr::memchr2(b'\r', b'\n', &input[at..]) else { break };
            let end = at + found;
            at = end + 1;
            let is_cr = input[end] == b'\r';
            if is_cr && input.get(at) == Some(&b'\n') {
                at += 1;
                self.at_line_start = true;
            } else if is_canonical {
                out.extend_from_slice(&input[start..end]);
                out.extend_from_slice(b"\r\n");
                start = at;
                self.at_line_start = true;
                self.after_cr = is_cr && at == input.len();
            } else if is_cr && at == input.len() {
                self.after_cr = true;
            } else {
                self.bare(is_cr, self.offset + end as u64)?;
            }
        }
        out.extend_from_slice(&input[start..]);
        self.offset += input.len() as u64;
        Ok(())
    }

    /// Ends the text: its last line gets its CRLF if it has none, and then, unless the text is
    /// framed by its length, the line with the dot follows. Counted text that is sent verbatim
    /// stays as it is.
    ///
    /// # Errors
    /// [`Bare`] when a verbatim text ends with a CR.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), Bare> {
        let is_canonical = self.ends == LineEnds::Canonical;
        if self.after_cr && !is_canonical {
            self.bare(true, self.offset - 1)?;
        }
        if !self.at_line_start && (is_canonical || self.stuffing) {
            out.extend_from_slice(b"\r\n");
        }
        if self.stuffing {
            out.extend_from_slice(b".\r\n");
        }
        Ok(())
    }

    fn bare(&self, is_cr: bool, offset: u64) -> Result<(), Bare> {
        match self.ends {
            LineEnds::Verbatim => Err(Bare { is_cr, offset }),
            LineEnds::Canonical | LineEnds::VerbatimUnsafe => Ok(()),
        }
    }
}

/// Takes text off the wire up to the line with the dot.
///
/// Only CRLF `.` CRLF ends the text, and only a CRLF begins a line: a bare CR or LF is text. The
/// first one is remembered, so that a server can refuse what another server might read
/// differently ("SMTP smuggling").
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    state: State,
    offset: u64,
    bare: Option<Bare>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    LineStart,
    /// Behind the dot at the start of a line, which is not written yet.
    Dot,
    /// Behind such a dot and a CR, neither written yet.
    DotCr,
    Text,
    /// Behind a CR, which has been written.
    Cr,
}

/// What [`Decoder::push`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// Octets of the input that belong to the text, its end included.
    pub used: usize,
    /// The end was among them.
    pub is_done: bool,
}

impl Decoder {
    /// At the start of a text.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends what `input` holds of the text to `out`, with the doubled dots single again.
    /// The octets behind its end are left alone.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Pushed {
        // Everything before `start` is written or dropped.
        let (mut start, mut at) = (0, 0);
        while at < input.len() {
            match (self.state, input[at]) {
                (State::LineStart, b'.') => {
                    out.extend_from_slice(&input[start..at]);
                    at += 1;
                    start = at;
                    self.state = State::Dot;
                }
                (State::Dot, b'\r') => {
                    at += 1;
                    start = at;
                    self.state = State::DotCr;
                }
                (State::DotCr, b'\n') => {
                    self.state = State::LineStart;
                    self.offset += at as u64 + 1;
                    return Pushed { used: at + 1, is_done: true };
                }
                (State::DotCr, _) => {
                    out.push(b'\r');
                    self.note(true, (self.offset + at as u64).saturating_sub(1));
                    self.state = State::Text;
                }
                (State::Cr, b'\n') => {
                    at += 1;
                    self.state = State::LineStart;
                }
                (State::Cr, _) => {
                    self.note(true, (self.offset + at as u64).saturating_sub(1));
                    self.state = State::Text;
                }
                (State::LineStart | State::Dot | State::Text, _) => {
                    self.state = State::Text;
                    let Some(found) = memchr::memchr2(b'\r', b'\n', &input[at..]) else {
                        break;
                    };
                    at += found + 1;
                    if input[at - 1] == b'\r' {
                        self.state = State::Cr;
                    } else {
                        self.note(false, self.offset + at as u64 - 1);
                    }
                }
            }
        }
        out.extend_from_slice(&input[start..]);
        self.offset += input.len() as u64;
        Pushed { used: input.len(), is_done: false }
    }

    /// The first bare CR or LF of the text so far.
    pub fn bare(&self) -> Option<Bare> {
        self.bare
    }

    fn note(&mut self, is_cr: bool, offset: u64) {
        self.bare.get_or_insert(Bare { is_cr, offset });
    }
}

/// One line of a multi-line response of POP3 or NNTP: what comes up to a lone dot is read and
/// written line by line where it is a listing and not a body.
///
/// RFC 1939 section 3, RFC 3977 section 3.1.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line<'a> {
    /// The line without its line end and without a stuffed dot.
    Text(&'a [u8]),
    /// The lone dot.
    End,
}

/// A text that cannot be a line: it holds CR, LF or NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line of a response cannot hold CR, LF or NUL")]
pub struct NoLine;

impl<'a> Line<'a> {
    /// Reads one line at the start of a growing buffer.
    ///
    /// # Errors
    /// [`Malformed`] above [`limits::LINE_OCTETS`].
    pub fn decode(octets: &'a [u8]) -> decode::Result<Self> {
        let Some(at) = memchr::memchr(b'\n', octets) else {
            return match octets.len() {
                0..limits::LINE_OCTETS => Ok(Decoded::More),
                offset => Err(Malformed { offset, expected: "CRLF" }),
            };
        };
        let text = octets[..at].strip_suffix(b"\r").unwrap_or(&octets[..at]);
        let value = match text {
            b"." => Line::End,
            [b'.', stuffed @ ..] => Line::Text(stuffed),
            text => Line::Text(text),
        };
        Ok(Decoded::Done { value, used: at + 1 })
    }

    /// Appends the line with its CRLF, its leading dot doubled.
    ///
    /// # Errors
    /// [`NoLine`] when the text holds CR, LF or NUL; nothing is appended then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), NoLine> {
        match self {
            Line::End => out.push(b'.'),
            Line::Text(text) => {
                if memchr::memchr3(b'\r', b'\n', 0, text).is_some() {
                    return Err(NoLine);
                }
                if text.first() == Some(&b'.') {
                    out.push(b'.');
                }
                out.extend_from_slice(text);
            }
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(mut encoder: Encoder, pieces: &[&[u8]]) -> Result<Vec<u8>, Bare> {
        let mut out = Vec::new();
        for piece in pieces {
            encoder.push(piece, &mut out)?;
        }
        encoder.finish(&mut out)?;
        Ok(out)
    }

    /// Decodes in pieces: the text, how many octets were taken, whether the end was found.
    fn decode(pieces: &[&[u8]]) -> (Vec<u8>, usize, bool, Option<Bare>) {
        let (mut decoder, mut out, mut used) = (Decoder::new(), Vec::new(), 0);
        for piece in pieces {
            let pushed = decoder.push(piece, &mut out);
            used += pushed.used;
            if pushed.is_done {
                return (out, used, true, decoder.bare());
            }
        }
        (out, used, false, decoder.bare())
    }

    /// What canonical encoding means, said a second time without any cleverness.
    fn plainly(text: &[u8]) -> Vec<u8> {
        let mut lines = vec![Vec::new()];
        let mut at = 0;
        while at < text.len() {
            match text[at] {
                b'\r' | b'\n' => {
                    at += usize::from(text[at..].starts_with(b"\r\n"));
                    lines.push(Vec::new());
                }
                octet => lines.last_mut().expect("one line").push(octet),
            }
            at += 1;
        }
        if lines.last().is_some_and(Vec::is_empty) {
            lines.pop();
        }
        let mut out = Vec::new();
        for line in lines {
            if line.first() == Some(&b'.') {
                out.push(b'.');
            }
            out.extend(line);
            out.extend(b"\r\n");
        }
        out.extend(b".\r\n");
        out
    }

    #[test]
    fn known_answers() {
        for (text, wire) in [
            (&b""[..], &b".\r\n"[..]),
            (b"a", b"a\r\n.\r\n"),
            (b"a\n", b"a\r\n.\r\n"),
            (b"a\r", b"a\r\n.\r\n"),
            (b".", b"..\r\n.\r\n"),
            (b"a\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
            (b"a\r.\rb", b"a\r\n..\r\nb\r\n.\r\n"),
            (b"a\r\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
            (b"\n\r\n\r", b"\r\n\r\n\r\n.\r\n"),
            (b"..a\r\n", b"...a\r\n.\r\n"),
        ] {
            let encoder = Encoder::dotted(LineEnds::Canonical);
            assert_eq!(encode(encoder, &[text]).as_deref(), Ok(wire), "{text:?}");
            assert_eq!(plainly(text), wire);
        }
        let counted = Encoder::counted(LineEnds::Canonical);
        assert_eq!(encode(counted, &[b".\na\r", b"\nb"]).as_deref(), Ok(&b".\r\na\r\nb\r\n"[..]));
        let counted = Encoder::counted(LineEnds::VerbatimUnsafe);
        assert_eq!(encode(counted, &[b".\na\r"]).as_deref(), Ok(&b".\na\r"[..]));
    }

    #[test]
    fn verbatim_refuses_what_it_may_not_change() {
        for (pieces, is_cr, offset) in [
            (&[&b"a\nb"[..]][..], false, 1),
            (&[b"a\rb"], true, 1),
            (&[b"a\r", b"b"], true, 1),
            (&[b"a\r"], true, 1),
            (&[b"a\r\n", b"\n"], false, 3),
        ] {
            let encoder = Encoder::dotted(LineEnds::Verbatim);
            assert_eq!(encode(encoder, pieces), Err(Bare { is_cr, offset }));
            let encoder = Encoder::dotted(LineEnds::VerbatimUnsafe);
            assert!(encode(encoder, pieces).is_ok());
        }
        let encoder = Encoder::dotted(LineEnds::Verbatim);
        assert_eq!(
            encode(encoder, &[b".a\r", b"\n.b"]).as_deref(),
            Ok(&b"..a\r\n..b\r\n.\r\n"[..])
        );
    }

    #[test]
    fn smuggled_ends_do_not_end_the_text() {
        // The sequences of the 2023 attacks, each with the true end far behind it.
        for smuggled in [
            &b"\n.\n"[..],
            b"\n.\r\n",
            b"\r\n.\n",
            b"\r.\r\n",
            b"\r.\r",
            b"\r\n.\r",
            b"\n.\r",
            b"\r\n\0.\r\n",
            b"\r\n.\0\r\n",
        ] {
            let wire = [b"a", smuggled, b"MAIL FROM:<evil@example.org>\r\n.\r\nQUIT\r\n"].concat();
            for split in 0..wire.len() {
                let (text, used, is_done, bare) = decode(&[&wire[..split], &wire[split..]]);
                assert!(is_done, "{smuggled:?}");
                assert_eq!(&wire[used..], b"QUIT\r\n", "{smuggled:?} at {split}");
                assert!(text.ends_with(b"MAIL FROM:<evil@example.org>\r\n"));
                assert_eq!(bare.is_some(), !smuggled.contains(&0), "{smuggled:?}");
                assert_eq!(bare, decode(&[&wire]).3);
            }
        }
    }

    #[test]
    fn the_first_bare_octet_is_told() {
        assert_eq!(decode(&[b"ab\ncd\r\r\n.\r\n"]).3, Some(Bare { is_cr: false, offset: 2 }));
        assert_eq!(decode(&[b"ab\r", b"c\r\n.\r\n"]).3, Some(Bare { is_cr: true, offset: 2 }));
        assert_eq!(decode(&[b".\r", b"c\r\n.\r\n"]).3, Some(Bare { is_cr: true, offset: 1 }));
        assert_eq!(decode(&[b"a\r\n.\r\n"]), (b"a\r\n".to_vec(), 6, true, None));
    }

    /// Text that is mostly line ends and dots.
    fn any_text() -> impl Strategy<Value = Vec<u8>> {
        let octet = prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a'), any::<u8>()];
        proptest::collection::vec(octet, 0..40)
    }

    proptest! {
        #[test]
        fn every_split_gives_the_same(text in any_text(), a in 0usize..40, b in 0usize..40) {
            let (a, b) = (a.min(b).min(text.len()), a.max(b).min(text.len()));
            let pieces = [&text[..a], &text[a..b], &text[b..]];
            for ends in [LineEnds::Canonical, LineEnds::Verbatim, LineEnds::VerbatimUnsafe] {
                for encoder in [Encoder::dotted(ends), Encoder::counted(ends)] {
                    prop_assert_eq!(encode(encoder.clone(), &pieces), encode(encoder, &[&text]));
                }
            }
            prop_assert_eq!(decode(&pieces), decode(&[&text]));
        }

        #[test]
        fn what_is_written_is_read_again_and_ends_once(text in any_text()) {
            let wire = encode(Encoder::dotted(LineEnds::Canonical), &[&text]).unwrap();
            prop_assert_eq!(&wire, &plainly(&text));
            let (read, used, is_done, bare) = decode(&[&wire]);
            prop_assert!(is_done && bare.is_none());
            prop_assert_eq!(used, wire.len());
            let counted = encode(Encoder::counted(LineEnds::Canonical), &[&text]).unwrap();
            prop_assert_eq!(&read, &counted);
            for end in 0..wire.len() {
                prop_assert!(!decode(&[&wire[..end]]).2, "{} is an end too", end);
            }
            let wire = encode(Encoder::dotted(LineEnds::VerbatimUnsafe), &[&text]).unwrap();
            let (read, used, is_done, _) = decode(&[&wire]);
            prop_assert!(is_done);
            prop_assert_eq!(used, wire.len());
            prop_assert_eq!(read.strip_suffix(b"\r\n").unwrap_or_default(), text.strip_suffix(b"\r\n").unwrap_or(&text));
        }
    }

    #[test]
    fn the_listing_of_rfc_1939_is_read() {
        let mut rest = &b"1 120\r\n2 200\n..x\r\n\r\n.\r\n+OK"[..];
        let mut lines = Vec::new();
        loop {
            match Line::decode(rest) {
                Ok(Decoded::Done { value: Line::Text(text), used }) => {
                    lines.push(text);
                    rest = &rest[used..];
                }
                Ok(Decoded::Done { value: Line::End, used }) => {
                    rest = &rest[used..];
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(lines, [&b"1 120"[..], b"2 200", b".x", b""]);
        assert_eq!(rest, b"+OK");
        assert!(Line::decode(&vec![b'x'; limits::LINE_OCTETS]).is_err());
        assert!(Line::Text(b"a\r\n.").encode(&mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn a_line_that_is_written_is_read_again(text in "[.a ä]{0,9}") {
            for value in [Line::Text(text.as_bytes()), Line::End] {
                let mut wire = Vec::new();
                value.encode(&mut wire).unwrap();
                for end in 0..wire.len() {
                    prop_assert_eq!(Line::decode(&wire[..end]), Ok(Decoded::More));
                }
                prop_assert_eq!(Line::decode(&wire), Ok(Decoded::Done { value, used: wire.len() }));
            }
        }
    }
}
