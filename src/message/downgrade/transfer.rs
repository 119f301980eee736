//! Transfer encodings as streams (RFC 2045 sections 6.7 and 6.8): undone and done piece by
//! piece, the same however the input is split.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::message::headers::is_blank;
use crate::message::transfer;

/// Octets of one line of base64 before they are encoded: 76 characters.
const LINE_OCTETS: usize = 57;

/// Characters of a line of quoted-printable, the `=` of a soft line break included.
const LINE_CHARACTERS: usize = 76;

/// Undoes an encoding.
#[derive(Debug, Clone)]
pub(super) enum Decoder {
    /// Nothing to undo.
    Identity,
    /// Base64, and what is left of a group of four.
    Base64(Vec<u8>),
    /// Quoted-printable, and the line begun.
    QuotedPrintable(Vec<u8>),
}

impl Decoder {
    pub(super) fn base64() -> Self {
        Self::Base64(Vec::new())
    }

    pub(super) fn quoted_printable() -> Self {
        Self::QuotedPrintable(Vec::new())
    }

    pub(super) fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Identity => out.extend_from_slice(octets),
            Self::Base64(pending) => {
                let is_sextet =
                    |octet: &u8| octet.is_ascii_alphanumeric() || b"+/=".contains(octet);
                pending.extend(octets.iter().copied().filter(is_sextet));
                // Padding ends a group wherever it stands: whole groups up to the last one.
                let end = match memchr::memrchr(b'=', pending) {
                    Some(padding) => padding + 1 + (pending.len() - padding - 1) / 4 * 4,
                    None => pending.len() / 4 * 4,
                };
                out.extend_from_slice(&transfer::base64(&pending[..end]));
                pending.drain(..end);
            }
            Self::QuotedPrintable(line) => {
                line.extend_from_slice(octets);
                if let Some(end) = memchr::memrchr(b'\n', line) {
                    out.extend_from_slice(&transfer::quoted_printable(&line[..=end]));
                    line.drain(..=end);
                } else if let Some(escape) = safe_cut(line) {
                    // A line without end is not held: blanks at its end and a begun escape are.
                    out.extend_from_slice(&transfer::quoted_printable(&line[..escape]));
                    line.drain(..escape);
                }
            }
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Identity => {}
            Self::Base64(pending) => out.extend_from_slice(&transfer::base64(pending)),
            Self::QuotedPrintable(line) => {
                out.extend_from_slice(&transfer::quoted_printable(line));
            }
        }
    }
}

/// Up to where a begun line of quoted-printable can be decoded without its rest.
fn safe_cut(line: &[u8]) -> Option<usize> {
    let from = line.len().saturating_sub(3);
    let cut = memchr::memchr(b'=', &line[from..]).map_or(line.len(), |at| from + at);
    let kept = line[..cut]
        .iter()
        .rposition(|octet| !is_blank(*octet) && *octet != b'\r')
        .map_or(0, |last| last + 1);
    (kept > 4096).then_some(kept)
}

/// Does an encoding. Text comes with CRLF line ends.
#[derive(Debug)]
pub(super) enum Encoder {
    Base64 { pending: Vec<u8>, has_lines: bool },
    QuotedPrintable(QuotedPrintable),
}

#[derive(Debug, Default)]
pub(super) struct QuotedPrintable {
    column: usize,
    /// A blank that must be encoded if the line ends behind it.
    blank: Option<u8>,
    after_cr: bool,
    /// The first octets of a line, as long as they could begin `From `.
    start: Vec<u8>,
    is_past_start: bool,
}

impl Encoder {
    pub(super) fn base64() -> Self {
        Self::Base64 { pending: Vec::new(), has_lines: false }
    }

    pub(super) fn quoted_printable() -> Self {
        Self::QuotedPrintable(QuotedPrintable::default())
    }

    pub(super) fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Base64 { pending, has_lines } => {
                pending.extend_from_slice(octets);
                let whole = pending.len() / LINE_OCTETS * LINE_OCTETS;
                for line in pending[..whole].chunks(LINE_OCTETS) {
                    write_line(line, has_lines, out);
                }
                pending.drain(..whole);
            }
            Self::QuotedPrintable(machine) => {
                for &octet in octets {
                    machine.octet(octet, out);
                }
            }
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Base64 { pending, has_lines } => {
                if !pending.is_empty() {
                    write_line(pending, has_lines, out);
                }
            }
            Self::QuotedPrintable(machine) => machine.finish(out),
        }
    }
}

/// One line; line ends stand between lines, so that the last has what follows the part.
fn write_line(octets: &[u8], has_lines: &mut bool, out: &mut Vec<u8>) {
    if std::mem::replace(has_lines, true) {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(STANDARD.encode(octets).as_bytes());
}

impl QuotedPrintable {
    fn octet(&mut self, octet: u8, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.after_cr) {
            if octet == b'\n' {
                self.end_start(out);
                self.end_blank(out);
                out.extend_from_slice(b"\r\n");
                (self.column, self.is_past_start) = (0, false);
                return;
            }
            self.text(b'\r', out);
        }
        if octet == b'\r' {
            self.after_cr = true;
            return;
        }
        self.text(octet, out);
    }

    fn text(&mut self, octet: u8, out: &mut Vec<u8>) {
        const FROM: &[u8] = b"From ";
        if !self.is_past_start {
            self.start.push(octet);
            if self.start == FROM {
                // What some store would take for the start of the next message.
                self.is_past_start = true;
                self.start.clear();
                self.escaped(b'F', out);
                b"rom ".iter().for_each(|octet| self.printable(*octet, out));
            } else if !FROM.starts_with(&self.start) {
                self.end_start(out);
            }
            return;
        }
        self.printable(octet, out);
    }

    fn end_start(&mut self, out: &mut Vec<u8>) {
        self.is_past_start = true;
        for octet in std::mem::take(&mut self.start) {
            self.printable(octet, out);
        }
    }

    fn printable(&mut self, octet: u8, out: &mut Vec<u8>) {
        if let Some(blank) = self.blank.take() {
            self.room(1, out);
            out.push(blank);
            self.column += 1;
        }
        match octet {
            b' ' | b'\t' => self.blank = Some(octet),
            33..=126 if octet != b'=' => {
                self.room(1, out);
                out.push(octet);
                self.column += 1;
            }
            _ => self.escaped(octet, out),
        }
    }

    fn escaped(&mut self, octet: u8, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        self.room(3, out);
        out.extend([b'=', DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
        self.column += 3;
    }

    /// Breaks the line softly where `characters` more would leave no place for a `=`.
    fn room(&mut self, characters: usize, out: &mut Vec<u8>) {
        if self.column + characters >= LINE_CHARACTERS {
            out.extend_from_slice(b"=\r\n");
            self.column = 0;
        }
    }

    fn end_blank(&mut self, out: &mut Vec<u8>) {
        if let Some(blank) = self.blank.take() {
            self.escaped(blank, out);
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.end_start(out);
        if std::mem::take(&mut self.after_cr) {
            self.printable(b'\r', out);
        }
        self.end_blank(out);
    }
}
