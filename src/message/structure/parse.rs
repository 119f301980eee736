//! Finds the parts: one pass over the lines, with a stack of the multiparts that are open.

use super::content::{self, ContentType};
use super::{Kind, PARTS, Part, PartId, Structure};
use crate::base::limits::NESTING;
use crate::message::headers::{self, is_blank, is_empty_line, line_length, without_line_end};

/// The longest boundary that is compared, in octets. RFC 2046 section 5.1.1 allows 70;
/// longer ones are met.
const BOUNDARY_OCTETS: usize = 1000;

/// Finds the structure of a message. Line ends are CRLF or LF.
pub fn parse(message: &[u8]) -> Structure {
    let mut parser = Parser::read(message);
    parser.count_lines();
    Structure { parts: parser.parts }
}

/// As [`parse`], but no lines are counted: each part says 0. For who only wants the places.
pub fn outline(message: &[u8]) -> Structure {
    Structure { parts: Parser::read(message).parts }
}

/// A part whose end has not come yet.
struct Open {
    id: PartId,
    /// The boundary of a multipart; `None` for other parts, and after the last boundary of
    /// a multipart, when its epilogue has begun.
    boundary: Option<Vec<u8>>,
    digest: bool,
}

struct Parser<'a> {
    message: &'a [u8],
    at: usize,
    parts: Vec<Part>,
    open: Vec<Open>,
}

/// A boundary line: which open part it belongs to, and whether it is the last one.
struct Delimiter {
    index: usize,
    last: bool,
}

impl<'a> Parser<'a> {
    fn read(message: &'a [u8]) -> Self {
        let mut parser = Parser { message, at: 0, parts: Vec::new(), open: Vec::new() };
        parser.begin(None, false);
        parser.bodies();
        parser.close_to(0, message.len());
        parser
    }

    fn line(&self) -> &'a [u8] {
        let rest = &self.message[self.at..];
        &rest[..line_length(rest)]
    }

    /// Whether a line is a boundary of an open multipart. The whole boundary at the start
    /// of the line suffices (RFC 2046 section 5.1.1), but an exact match goes before a
    /// longer line, so that one boundary may be the beginning of another; after that the
    /// longest and the innermost wins.
    fn delimiter(&self, line: &[u8]) -> Option<Delimiter> {
        let text = line.strip_prefix(b"--")?;
        let text = without_line_end(text);
        let mut best: Option<(bool, usize, Delimiter)> = None;
        for (index, open) in self.open.iter().enumerate().rev() {
            let Some(boundary) = &open.boundary else { continue };
            let Some(rest) = text.strip_prefix(boundary.as_slice()) else { continue };
            let last = rest.starts_with(b"--");
            let rest = if last { &rest[2..] } else { rest };
            let exact = rest.iter().all(|octet| is_blank(*octet) || *octet == b'\r');
            let better = match &best {
                None => true,
                Some((was_exact, length, _)) => (exact, boundary.len()) > (*was_exact, *length),
            };
            if better {
                best = Some((exact, boundary.len(), Delimiter { index, last }));
            }
        }
        best.map(|(_, _, delimiter)| delimiter)
    }

    /// Begins a part whose header is at the current offset, and the message in it when it
    /// is a message/rfc822.
    fn begin(&mut self, mut parent: Option<PartId>, mut digest: bool) {
        loop {
            let start = self.at;
            self.skip_header();
            let id = self.parts.len();
            let mut part = read_header(&self.message[start..self.at], digest);
            part.parent = parent;
            part.header = start..self.at;
            part.body = self.at..self.at;
            let deep = self.open.len() >= NESTING || self.parts.len() + 1 >= PARTS;
            let inner = !deep
                && (part.content_type.is("message", "rfc822")
                    || part.content_type.is("message", "global"));
            let mut boundary = None;
            if !deep && part.content_type.is_kind("multipart") {
                part.kind = Kind::Multipart(Vec::new());
                boundary = part
                    .content_type
                    .raw("boundary")
                    .map(<[u8]>::to_vec)
                    .or_else(|| part.content_type.parameter("boundary").map(String::into_bytes))
                    .filter(|boundary| !boundary.is_empty() && boundary.len() <= BOUNDARY_OCTETS);
            } else if inner {
                part.kind = Kind::Message(id + 1);
            }
            let digest_inside = part.content_type.is("multipart", "digest");
            self.parts.push(part);
            if let Some(parent) = parent
                && let Kind::Multipart(children) = &mut self.parts[parent].kind
            {
                children.push(id);
            }
            self.open.push(Open { id, boundary, digest: digest_inside });
            if !inner {
                return;
            }
            parent = Some(id);
            digest = false;
        }
    }

    /// Moves past a header: to after its blank line, or to a boundary that comes first.
    fn skip_header(&mut self) {
        while self.at < self.message.len() {
            let line = self.line();
            if self.delimiter(line).is_some() {
                return;
            }
            self.at += line.len();
            if is_empty_line(line) {
                return;
            }
        }
    }

    /// Reads lines up to the end, ending and beginning parts at boundaries.
    fn bodies(&mut self) {
        while self.at < self.message.len() {
            let start = self.at;
            let line = self.line();
            if line.first() == Some(&b'-')
                && let Some(Delimiter { index, last }) = self.delimiter(line)
            {
                self.close_to(index + 1, self.before_line_end(start));
                self.at = start + line.len();
                let multipart = &mut self.open[index];
                if last {
                    multipart.boundary = None;
                } else if self.parts.len() < PARTS {
                    let (id, digest) = (multipart.id, multipart.digest);
                    self.begin(Some(id), digest);
                } else {
                    multipart.boundary = None;
                }
            } else {
                self.at += line.len();
                self.skip_to_dash();
            }
        }
    }

    /// Moves to the next line that begins with a hyphen, or to the end: only such lines
    /// can be boundaries.
    fn skip_to_dash(&mut self) {
        if self.at == 0 || self.message.get(self.at) == Some(&b'-') {
            return;
        }
        let from = self.at - 1;
        if self.open.iter().all(|open| open.boundary.is_none()) {
            self.at = self.message.len();
            return;
        }
        self.at = match memchr::memmem::find(&self.message[from..], b"\n--") {
            Some(found) => from + found + 1,
            None => self.message.len(),
        };
    }

    /// The offset before the line end in front of a boundary line: that line end belongs to
    /// the boundary (RFC 2046 section 5.1.1).
    fn before_line_end(&self, start: usize) -> usize {
        let before = &self.message[..start];
        without_line_end(before).len()
    }

    /// Ends the open parts from `depth` on. A boundary right behind a header takes the
    /// header's last line end, which may be its blank line: `body-part` of RFC 2046 section
    /// 5.1.1 has none then, and the body is empty.
    fn close_to(&mut self, depth: usize, end: usize) {
        for open in self.open.drain(depth..) {
            let part = &mut self.parts[open.id];
            part.header = part.header.start.min(end)..part.header.end.min(end);
            part.body = part.body.start.min(end)..end;
        }
    }

    /// Counts the line feeds of every body, reading the message once however parts nest.
    fn count_lines(&mut self) {
        let mut places: Vec<usize> =
            self.parts.iter().flat_map(|part| [part.body.start, part.body.end]).collect();
        places.sort_unstable();
        places.dedup();
        let mut feeds = Vec::with_capacity(places.len());
        let mut at = 0;
        let mut count = 0;
        for place in &places {
            count += memchr::memchr_iter(b'\n', &self.message[at..*place]).count();
            at = *place;
            feeds.push(count);
        }
        let before = |place: usize| places.binary_search(&place).map_or(0, |found| feeds[found]);
        for part in &mut self.parts {
            part.lines = before(part.body.end) - before(part.body.start);
        }
    }
}

/// Reads the MIME fields of a header block.
fn read_header(header: &[u8], digest: bool) -> Part {
    let mut part = Part {
        parent: None,
        header: 0..0,
        body: 0..0,
        lines: 0,
        kind: Kind::Leaf,
        content_type: if digest {
            ContentType::plain(b"message", b"rfc822")
        } else {
            ContentType::plain(b"text", b"plain")
        },
        typed: false,
        disposition: None,
        id: None,
        description: None,
        encoding: None,
        md5: None,
        language: Vec::new(),
        location: None,
    };
    for field in headers::fields(header) {
        let Some(name) = field.name.get(..8) else { continue };
        if !name.eq_ignore_ascii_case(b"content-") {
            continue;
        }
        let value = || Some(field.unfolded().into_owned()).filter(|value| !value.is_empty());
        // Where a field comes twice, the first counts.
        if field.is("Content-Type") && !part.typed {
            if let Some(found) = content::content_type(field.value) {
                part.content_type = found;
                part.typed = true;
            }
        } else if field.is("Content-Disposition") && part.disposition.is_none() {
            part.disposition = content::disposition(field.value);
        } else if field.is("Content-Transfer-Encoding") && part.encoding.is_none() {
            part.encoding = content::tokens(field.value).into_iter().next();
        } else if field.is("Content-ID") && part.id.is_none() {
            part.id = value();
        } else if field.is("Content-Description") && part.description.is_none() {
            part.description = value();
        } else if field.is("Content-MD5") && part.md5.is_none() {
            part.md5 = value();
        } else if field.is("Content-Language") && part.language.is_empty() {
            part.language = content::tokens(field.value);
        } else if field.is("Content-Location") && part.location.is_none() {
            part.location = value();
        }
    }
    part
}
