//! The content of a message in a form that survives its travels: stores change line ends,
//! and some servers add a last one, so both are left out of the digest.

use aws_lc_rs::digest::{Context, SHA256};

use crate::base::limits::LINE_OCTETS;

/// SHA-256 of something.
pub type Digest = [u8; 32];

/// What tells two messages apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Of the whole message, without CRs and without the line feeds at its end.
    pub whole: Digest,
    /// Of its header block, in the same way.
    pub header: Digest,
    /// Its Message-ID with angle brackets; empty where it has none.
    pub message_id: String,
}

/// Takes the octets of one message, however they are split.
pub struct Digester {
    whole: Context,
    header: Option<Context>,
    header_digest: Digest,
    header_text: Vec<u8>,
    any_text: bool,
    line_feeds: u64,
}

impl Digester {
    /// At the start of a message.
    pub fn new() -> Self {
        Self {
            whole: Context::new(&SHA256),
            header: Some(Context::new(&SHA256)),
            header_digest: [0; 32],
            header_text: Vec::new(),
            any_text: false,
            line_feeds: 0,
        }
    }

    /// The next octets.
    pub fn update(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
            self.text(&rest[..at]);
            if rest[at] == b'\n' {
                self.line_feeds += 1;
            }
            rest = &rest[at + 1..];
        }
        self.text(rest);
    }

    /// The message is whole.
    pub fn finish(mut self) -> Content {
        self.end_header();
        Content {
            whole: finished(self.whole),
            header: self.header_digest,
            message_id: message_id(&self.header_text),
        }
    }

    /// Text without line ends; those before it count now that something follows them.
    fn text(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        // An empty line ends the header block, and so does one at the very start.
        if self.line_feeds > 1 || (self.line_feeds == 1 && !self.any_text) {
            self.end_header();
        }
        const FEEDS: [u8; 64] = [b'\n'; 64];
        while self.line_feeds > 0 {
            let some = usize::try_from(self.line_feeds).map_or(FEEDS.len(), |n| n.min(FEEDS.len()));
            self.add(&FEEDS[..some]);
            self.line_feeds -= some as u64;
        }
        self.add(text);
        self.any_text = true;
    }

    fn add(&mut self, octets: &[u8]) {
        self.whole.update(octets);
        if let Some(header) = &mut self.header {
            header.update(octets);
            let room = LINE_OCTETS.saturating_sub(self.header_text.len());
            self.header_text.extend_from_slice(&octets[..octets.len().min(room)]);
        }
    }

    fn end_header(&mut self) {
        if let Some(header) = self.header.take() {
            self.header_digest = finished(header);
        }
    }
}

fn finished(context: Context) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// SHA-256 of parts, each framed by its length.
pub fn of_parts(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    finished(context)
}

/// Digits of a digest, lower case.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The first `<...>` of the Message-ID field (RFC 5322 section 3.6.4) of a header block with
/// LF line ends; empty where there is none.
fn message_id(header: &[u8]) -> String {
    const NAME: &[u8] = b"message-id:";
    let mut inside = false;
    let mut value = Vec::new();
    for line in header.split(|octet| *octet == b'\n') {
        if inside && line.first().is_some_and(|first| matches!(first, b' ' | b'\t')) {
            value.extend_from_slice(line);
        } else if inside {
            break;
        } else if line.len() >= NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME) {
            inside = true;
            value.extend_from_slice(&line[NAME.len()..]);
        }
    }
    let from = value.iter().position(|octet| *octet == b'<');
    let to = value.iter().position(|octet| *octet == b'>');
    match (from, to) {
        (Some(from), Some(to)) if from < to => {
            std::str::from_utf8(&value[from..=to]).map(str::to_owned).unwrap_or_default()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(octets: &[u8]) -> Content {
        let mut digester = Digester::new();
        digester.update(octets);
        digester.finish()
    }

    const CRLF: &[u8] = b"Subject: x\r\nMessage-ID:\r\n <a@b>\r\n\r\nbody\r\n\r\nmore\r\n";

    #[test]
    fn line_ends_do_not_count() {
        let lf = b"Subject: x\nMessage-ID:\n <a@b>\n\nbody\n\nmore";
        assert_eq!(content(CRLF), content(lf));
        assert_eq!(content(CRLF).message_id, "<a@b>");
        assert_ne!(content(CRLF).whole, content(b"Subject: x\n\nbody\nmore").whole);
    }

    #[test]
    fn all_else_does() {
        assert_ne!(content(b"a: b\n\nc").whole, content(b"a: b\nc").whole);
        assert_ne!(content(b"a: b\n\nc").whole, content(b"a: b\n\nd").whole);
        assert_eq!(content(b"a: b\n\nc").header, content(b"a: b\n\nd").header);
    }

    #[test]
    fn the_header_alone_has_the_header_of_the_whole() {
        let header = content(b"Subject: x\r\nMessage-ID:\r\n <a@b>\r\n\r\n");
        assert_eq!(header.header, content(CRLF).header);
        assert_eq!(header.message_id, content(CRLF).message_id);
        assert_eq!(content(b"\r\nbody <a@b>").header, content(b"").header);
        assert_eq!(content(b"\nMessage-ID: <a@b>").message_id, "");
    }

    #[test]
    fn how_it_is_split_does_not_matter() {
        for at in 0..CRLF.len() {
            let mut digester = Digester::new();
            digester.update(&CRLF[..at]);
            digester.update(&CRLF[at..]);
            assert_eq!(digester.finish(), content(CRLF), "split at {at}");
        }
    }

    #[test]
    fn parts_are_framed() {
        assert_ne!(of_parts(&[b"ab", b"c"]), of_parts(&[b"a", b"bc"]));
        assert_eq!(hex(&[0, 0xaf]), "00af");
    }
}
