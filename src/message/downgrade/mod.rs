//! A message made fit for a narrower way: parts with octets above 127, with lines over 998
//! octets or with binary content get quoted-printable or base64, each part for itself
//! (RFC 6152 section 3, RFC 2045 section 6, RFC 5321 section 4.5.3.1.6); long header lines are
//! folded, raw UTF-8 in header fields becomes encoded words (RFC 2047).
//!
//! Two passes over the octets, neither of which holds more than a header block: a [`Survey`]
//! tells which part needs what, a [`Rewriter`] writes. A line is never split. What is sealed (a
//! part below multipart/signed or multipart/encrypted) is never touched, and a message with a
//! DKIM or ARC signature neither: such a message is refused. Nothing is read or sent here.

mod header;
mod transfer;
mod walk;

pub use header::{ascii, fold};

use super::headers;
use transfer::{Decoder, Encoder};
use walk::{Kind, Part, Piece, Walker};

/// The longest line that may be sent, without its CRLF (RFC 5321 section 4.5.3.1.6).
pub const LINE_OCTETS: u64 = 998;

/// Parts of a message that are looked at.
const PARTS: usize = 10_000;

/// What the next hop takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// Octets above 127 in bodies (8BITMIME).
    pub eight_bit: bool,
    /// Anything in bodies, line ends left alone (BINARYMIME by BDAT).
    pub binary: bool,
}

/// Why a message cannot be made fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is signed, and a change would break the signature.
    #[error("the message is signed ({by}), and sending it here would need a change: {need}")]
    Signed {
        /// The field or type that signs.
        by: &'static str,
        /// What would have to change.
        need: &'static str,
    },
    /// A part may not get another transfer encoding.
    #[error("part {part} of the message ({kind}) {need}, and may not be encoded")]
    Part {
        /// The part, counted from 1 in the order of the message.
        part: usize,
        /// Its media type.
        kind: String,
        /// What is wrong with it.
        need: &'static str,
    },
    /// Text outside all parts, or the header of a part, cannot be encoded.
    #[error("{place} of the message {need}, which has no encoding there")]
    Place {
        /// Where.
        place: &'static str,
        /// What is wrong.
        need: &'static str,
    },
    /// A header line is too long and has no blank to fold it at.
    #[error("the {0} field has a line of more than 998 octets that cannot be folded")]
    LongField(String),
    /// A field with raw UTF-8 that has no encoding.
    #[error("the {0} field has octets above 127 that cannot be encoded")]
    RawField(String),
    /// More parts, deeper, or longer header blocks than are looked at.
    #[error("the structure of the message is too large: {0}")]
    TooLarge(&'static str),
}

/// The encoding that a part gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encode {
    QuotedPrintable,
    Base64,
}

/// What is seen of one part.
#[derive(Debug)]
struct Seen {
    part: Part,
    above: u64,
    octets: u64,
    longest: u64,
    line: u64,
    has_nul: bool,
    is_utf8: Utf8,
    header_above: bool,
    header_long: bool,
}

/// Whether octets that come in pieces are UTF-8.
#[derive(Debug, Clone, Default)]
struct Utf8 {
    pending: Vec<u8>,
    is_broken: bool,
}

impl Utf8 {
    fn feed(&mut self, octets: &[u8]) {
        if self.is_broken || self.pending.is_empty() && octets.is_ascii() {
            return;
        }
        self.pending.extend_from_slice(octets);
        match std::str::from_utf8(&self.pending) {
            Ok(_) => self.pending.clear(),
            Err(error) if error.error_len().is_none() => {
                self.pending.drain(..error.valid_up_to());
            }
            Err(_) => self.is_broken = true,
        }
    }

    fn holds(&self) -> bool {
        !self.is_broken && self.pending.is_empty()
    }
}

/// The first pass.
#[derive(Debug)]
pub struct Survey {
    walker: Walker,
    seen: Looked,
}

#[derive(Debug, Default)]
struct Looked {
    parts: Vec<Seen>,
    between_above: bool,
    between_long: u64,
    between_line: u64,
    signed_by: Option<&'static str>,
}

impl Default for Survey {
    fn default() -> Self {
        Self::new()
    }
}

impl Survey {
    /// A survey of a message that begins with its header block.
    pub fn new() -> Self {
        Self { walker: Walker::new(), seen: Looked::default() }
    }

    /// Looks at the next octets of the message.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn push(&mut self, octets: &[u8]) -> Result<(), Error> {
        let Self { walker, seen } = self;
        walker.push(octets, &mut |piece| seen.piece(piece))
    }

    /// Says what has to change for `way`; a plan that changes nothing is empty.
    ///
    /// # Errors
    /// The message cannot be made fit, or may not be changed.
    pub fn finish(mut self, way: Way) -> Result<Changes, Error> {
        let Self { walker, seen } = &mut self;
        walker.finish(&mut |piece| seen.piece(piece))?;
        self.seen.decide(way)
    }
}

impl Looked {
    fn piece(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        match piece {
            Piece::Header { block, part } => {
                if self.parts.len() == PARTS {
                    return Err(Error::TooLarge("more than 10,000 parts"));
                }
                if self.parts.is_empty() {
                    let signs = ["DKIM-Signature", "ARC-Message-Signature"];
                    self.signed_by =
                        signs.into_iter().find(|name| headers::find(block, name).is_some());
                }
                let long = block
                    .split(|octet| *octet == b'\n')
                    .any(|line| line.len() as u64 > LINE_OCTETS + 1);
                self.parts.push(Seen {
                    part: part.clone(),
                    above: 0,
                    octets: 0,
                    longest: 0,
                    line: 0,
                    has_nul: false,
                    is_utf8: Utf8::default(),
                    header_above: !block.is_ascii(),
                    header_long: long,
                });
                (self.between_long, self.between_line) =
                    (self.between_long.max(self.between_line), 0);
            }
            Piece::Body { octets, is_content: true } => {
                if let Some(seen) = self.parts.last_mut() {
                    seen.feed(octets);
                }
            }
            Piece::Body { octets, is_content: false } => {
                self.between_above |= !octets.is_ascii();
                lines(octets, &mut self.between_line, &mut self.between_long);
            }
            Piece::Delimiter(_) => {}
        }
        Ok(())
    }

    fn decide(mut self, way: Way) -> Result<Changes, Error> {
        if !way.binary && (self.between_long > LINE_OCTETS || self.between_line > LINE_OCTETS) {
            return Err(Error::Place { place: "the text between parts", need: "has a long line" });
        }
        if !way.eight_bit && self.between_above {
            let need = "has octets above 127";
            return Err(Error::Place { place: "the text between parts", need });
        }
        let mut changes = Changes::default();
        for (at, seen) in self.parts.iter_mut().enumerate() {
            seen.longest = seen.longest.max(seen.line);
            let need = seen.need(way);
            if at > 0 && !way.eight_bit && seen.header_above {
                let need = "has octets above 127";
                return Err(Error::Place { place: "the header of a part", need });
            }
            let must_fold = seen.header_long;
            if let Some(by) = self.signed_by
                && let Some(need) = need.or(must_fold.then_some("has a long header line"))
            {
                return Err(Error::Signed { by, need });
            }
            if seen.part.is_sealed && (need.is_some() || must_fold) {
                let need = need.unwrap_or("has a long header line");
                return Err(Error::Signed { by: "multipart/signed or encrypted", need });
            }
            let encode = match need {
                None => None,
                Some(need) => Some(seen.choose().ok_or_else(|| Error::Part {
                    part: at + 1,
                    kind: seen.part.essence(),
                    need,
                })?),
            };
            let is_container = matches!(seen.part.kind, Kind::Multipart | Kind::Message);
            let mut relabel = match is_container {
                true if !way.eight_bit && seen.part.is_wide => Some("7bit"),
                true if !way.binary && seen.part.is_binary => Some("8bit"),
                _ => None,
            };
            if self.signed_by.is_some() || seen.part.is_sealed {
                // Only the label is too wide: everything inside fits as it is.
                relabel = None;
            }
            changes.encoded += usize::from(encode.is_some());
            let utf8 = seen.above == 0 || seen.is_utf8.holds();
            changes.plans.push(Plan { encode, fold: must_fold, relabel, utf8 });
        }
        if changes.encoded == 0 {
            // A label that promises more than is there does no harm: such a message stays as it is.
            changes.plans.iter_mut().for_each(|plan| plan.relabel = None);
        }
        let changes_something =
            |plan: &Plan| plan.encode.is_some() || plan.fold || plan.relabel.is_some();
        changes.any = changes.plans.iter().any(changes_something);
        Ok(changes)
    }
}

impl Seen {
    fn feed(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        if !octets.is_ascii() {
            self.above += octets.iter().filter(|octet| !octet.is_ascii()).count() as u64;
        }
        self.is_utf8.feed(octets);
        self.has_nul |= memchr::memchr(0, octets).is_some();
        lines(octets, &mut self.line, &mut self.longest);
    }

    /// What is wrong with the part's body on this way; `None`: nothing.
    fn need(&self, way: Way) -> Option<&'static str> {
        if self.part.kind == Kind::Multipart || self.part.kind == Kind::Message {
            return None;
        }
        let is_binary = self.part.is_binary && !way.binary;
        if is_binary || self.has_nul && !(way.binary && self.part.is_binary) {
            return Some("has binary content");
        }
        if self.above > 0 && !way.eight_bit {
            return Some("has octets above 127");
        }
        (self.longest > LINE_OCTETS && !way.binary).then_some("has a line of more than 998 octets")
    }

    /// The encoding for it; `None` where it may not get one.
    fn choose(&self) -> Option<Encode> {
        if !self.part.is_encodable {
            return None;
        }
        let is_text = self.part.kind == Kind::Text && !self.part.is_binary && !self.has_nul;
        // Base64 makes 4 of 3; quoted-printable 3 of each octet above 127.
        let is_thin = self.above.saturating_mul(6) <= self.octets;
        match self.part.decode {
            Decoder::Base64(_) => Some(Encode::Base64),
            Decoder::QuotedPrintable(_) => Some(Encode::QuotedPrintable),
            Decoder::Identity if is_text && is_thin => Some(Encode::QuotedPrintable),
            Decoder::Identity => Some(Encode::Base64),
        }
    }
}

/// Counts on in a line; `longest` is told of each that ends.
fn lines(octets: &[u8], line: &mut u64, longest: &mut u64) {
    let mut rest = octets;
    while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
        *longest = (*longest).max(*line + end as u64);
        *line = 0;
        rest = &rest[end + 1..];
    }
    *line += rest.len() as u64;
    *longest = (*longest).max(*line);
}

/// What a survey decided.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    plans: Vec<Plan>,
    any: bool,
    encoded: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Plan {
    encode: Option<Encode>,
    fold: bool,
    /// The new label of a container that was labelled wider.
    relabel: Option<&'static str>,
    utf8: bool,
}

impl Changes {
    /// Whether nothing has to change.
    pub fn is_empty(&self) -> bool {
        !self.any
    }

    /// Parts that get another transfer encoding.
    pub fn encoded(&self) -> usize {
        self.encoded
    }
}

/// The second pass: the same octets again, changed.
#[derive(Debug)]
pub struct Rewriter {
    walker: Walker,
    writing: Writing,
}

#[derive(Debug)]
struct Writing {
    changes: Changes,
    part: usize,
    body: Option<(Decoder, Canonical, Encoder)>,
}

/// Line ends made CRLF before the encoding, except in what is binary.
#[derive(Debug)]
struct Canonical(Option<crate::base::dot::Encoder>);

impl Rewriter {
    /// For a message that `changes` was decided about.
    pub fn new(changes: Changes) -> Self {
        Self { walker: Walker::new(), writing: Writing { changes, part: 0, body: None } }
    }

    /// Takes the next octets of the message and appends what they become.
    ///
    /// # Errors
    /// As [`Survey::push`]; also a header that cannot be folded.
    pub fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let Self { walker, writing } = self;
        walker.push(octets, &mut |piece| writing.piece(piece, out))
    }

    /// Ends the message.
    ///
    /// # Errors
    /// As [`Rewriter::push`].
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let Self { walker, writing } = &mut self;
        walker.finish(&mut |piece| writing.piece(piece, out))?;
        writing.end_part(out);
        Ok(())
    }
}

impl Writing {
    fn piece(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        match piece {
            Piece::Header { block, part } => {
                self.end_part(out);
                let plan = self.changes.plans.get(self.part).copied().unwrap_or_default();
                self.part += 1;
                self.body = plan.encode.map(|encode| {
                    let canonical = (!part.is_binary && !matches!(part.decode, Decoder::Base64(_)))
                        .then(|| {
                            crate::base::dot::Encoder::counted(
                                crate::base::dot::LineEnds::Canonical,
                            )
                        });
                    let encoder = match encode {
                        Encode::QuotedPrintable => Encoder::quoted_printable(),
                        Encode::Base64 => Encoder::base64(),
                    };
                    (part.decode.clone(), Canonical(canonical), encoder)
                });
                out.extend_from_slice(&rewritten(block, part, plan)?);
            }
            Piece::Body { octets, is_content } => match &mut self.body {
                Some((decoder, canonical, encoder)) if is_content => {
                    let mut plain = Vec::new();
                    decoder.push(octets, &mut plain);
                    feed(canonical, &plain, encoder, out);
                }
                _ => out.extend_from_slice(octets),
            },
            Piece::Delimiter(octets) => {
                self.end_part(out);
                out.extend_from_slice(octets);
            }
        }
        Ok(())
    }

    fn end_part(&mut self, out: &mut Vec<u8>) {
        if let Some((mut decoder, mut canonical, mut encoder)) = self.body.take() {
            let mut plain = Vec::new();
            decoder.finish(&mut plain);
            feed(&mut canonical, &plain, &mut encoder, out);
            encoder.finish(out);
        }
    }
}

fn feed(canonical: &mut Canonical, plain: &[u8], encoder: &mut Encoder, out: &mut Vec<u8>) {
    match &mut canonical.0 {
        Some(machine) => {
            let mut lines = Vec::with_capacity(plain.len() + plain.len() / 32);
            machine.push(plain, &mut lines).expect("canonical line ends take everything");
            encoder.push(&lines, out);
        }
        None => encoder.push(plain, out),
    }
}

/// The header of a part with its new encoding in it.
fn rewritten(block: &[u8], part: &Part, plan: Plan) -> Result<Vec<u8>, Error> {
    let mut block = if plan.fold { fold(block)? } else { block.to_vec() };
    let label = match plan.encode {
        Some(Encode::QuotedPrintable) => "quoted-printable",
        Some(Encode::Base64) => "base64",
        None => match plan.relabel {
            Some(label) => label,
            None => return Ok(block),
        },
    };
    (block, _) = headers::remove(&block, &["Content-Transfer-Encoding"]);
    let mut fields = Vec::new();
    if plan.encode.is_some() && part.is_unlabelled {
        // RFC 2045 section 5.2: without a type it is US-ASCII, which this is not; of an unknown
        // charset RFC 1428 section 2 says unknown-8bit.
        let charset = if plan.utf8 { "utf-8" } else { "unknown-8bit" };
        fields.push(("Content-Type", format!("text/plain; charset={charset}")));
    }
    fields.push(("Content-Transfer-Encoding", label.to_owned()));
    for (name, value) in fields {
        block = insert(&block, name, &value);
    }
    Ok(block)
}

/// Adds a field behind the last; a part's header may have none yet.
fn insert(block: &[u8], name: &str, value: &str) -> Vec<u8> {
    let at = headers::fields_end(block);
    let line_end = headers::line_end_of(block);
    let mut out = block[..at].to_vec();
    if at > 0 && !out.ends_with(b"\n") {
        out.extend_from_slice(line_end.as_bytes());
    }
    out.extend_from_slice(format!("{name}: {value}{line_end}").as_bytes());
    out.extend_from_slice(&block[at..]);
    out
}

#[cfg(test)]
mod tests;
