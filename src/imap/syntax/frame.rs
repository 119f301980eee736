//! Framing: where a response or command ends (RFC 9051 sections 2.2 and 4.3).
//!
//! A frame is a line, and, where the line ends in a literal's head, that literal and the line
//! behind it, and so on. The [`Framer`] remembers how far it has looked, so that no octet is
//! looked at twice, and lets large literals stream past. It does not know what a line means,
//! except that a status response has no literals.

use memchr::memchr;

use super::token::{Cursor, Manner};
use crate::base::decode::Malformed;
use crate::base::limits::{IMAP_FRAME_OCTETS, INLINE_LITERAL_OCTETS};

/// What the framer found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The frame is not whole: read more and ask again with a longer buffer.
    More,
    /// The frame ends `len` octets into the buffer; the next one begins there.
    Complete {
        /// Octets from the start of the buffer.
        len: usize,
    },
    /// From a client only: it waits for `+` before it sends this literal, which will be part of
    /// the buffer. Said once for each such literal.
    Continue {
        /// Octets in the literal.
        len: u64,
    },
    /// A literal too large to hold begins `head` octets into the buffer. Keep those octets,
    /// take them and then `len` octets from the stream, and ask again with a buffer that
    /// begins behind them; what is then `Complete` continues the octets kept.
    Literal {
        /// Octets from the start of the buffer up to and including the literal's head.
        head: usize,
        /// Octets in the literal.
        len: u64,
        /// From a client only: it waits for `+` first.
        synchronising: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Responses,
    Commands,
}

/// Finds frames in a buffer that grows at its end.
#[derive(Debug, Clone)]
pub struct Framer {
    direction: Direction,
    /// Largest frame, in octets held.
    limit: usize,
    /// Most octets of a frame outside its literals.
    line_limit: usize,
    /// Octets outside literals on the lines of this frame before the current one.
    outside: usize,
    /// Everything before this offset has been looked at. May lie beyond the buffer: in a
    /// literal that has not arrived yet.
    scanned: usize,
    /// Where the current line begins.
    line: usize,
    /// Octets of this frame that left the buffer before a streamed literal.
    left: usize,
    /// Whether the current line is the first of its frame.
    first: bool,
    /// The largest literal that came without being asked for.
    unasked: u64,
    /// Whether the frame is passed over, however long it is.
    skipping: bool,
}

/// Octets of a line that is passed over that are kept: a literal's head may be among them.
const HEAD_OCTETS: usize = 64;

impl Framer {
    /// A framer over what a server sends.
    pub fn responses() -> Self {
        Self::new(Direction::Responses)
    }

    /// A framer over what a client sends.
    pub fn commands() -> Self {
        Self::new(Direction::Commands)
    }

    fn new(direction: Direction) -> Self {
        Self {
            direction,
            limit: IMAP_FRAME_OCTETS,
            line_limit: usize::MAX,
            outside: 0,
            scanned: 0,
            line: 0,
            left: 0,
            first: true,
            unasked: 0,
            skipping: false,
        }
    }

    /// The same with a limit of its own on the octets held for one frame.
    pub fn with_limit(mut self, octets: usize) -> Self {
        self.limit = octets;
        self
    }

    /// The same with a limit on the octets of one frame that are outside its literals, line
    /// ends included.
    pub fn with_line_limit(mut self, octets: usize) -> Self {
        self.line_limit = octets;
        self
    }

    /// Forgets the frame in progress: the next buffer begins with a new one.
    pub fn reset(&mut self) {
        *self = Self {
            direction: self.direction,
            limit: self.limit,
            line_limit: self.line_limit,
            unasked: self.unasked,
            ..Self::responses()
        };
    }

    /// After an error: the caller drops this many octets at the front of the `held` ones, and
    /// goes on with [`Framer::step`], and this again before each further read, up to
    /// [`Step::Complete`], with which the frame that was too long is over; so it is with a
    /// literal whose client waits, as the refusal is the answer to it.
    pub fn skip(&mut self, held: usize) -> usize {
        let looked_at = self.line.max(self.scanned.saturating_sub(HEAD_OCTETS));
        let dropped = looked_at.min(held);
        self.scanned -= dropped;
        self.line = self.line.saturating_sub(dropped);
        (self.left, self.outside, self.first, self.skipping) = (0, 0, false, true);
        dropped
    }

    /// Octets of the largest literal that a client sent without waiting for a go-ahead, since
    /// this was asked last; those that stream are not counted.
    pub fn take_unasked(&mut self) -> u64 {
        std::mem::take(&mut self.unasked)
    }

    /// Looks at the octets that came since the last call; `buffer` begins where it began then,
    /// or behind what [`Step::Complete`] or [`Step::Literal`] said.
    ///
    /// # Errors
    /// A frame larger than the limit.
    #[inline]
    pub fn step(&mut self, buffer: &[u8]) -> Result<Step, Malformed> {
        loop {
            let Some(unseen) = buffer.get(self.scanned..) else {
                return self.more(self.scanned);
            };
            let Some(i) = memchr(b'\n', unseen) else {
                self.scanned = buffer.len();
                self.line_fits(self.scanned)?;
                return self.more(self.scanned);
            };
            let end = self.scanned + i + 1;
            let text = &buffer[self.line.min(end - 1)..end - 1];
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            self.line_fits(end)?;
            if text.last() == Some(&b'}')
                && let Some((len, synchronising)) = self.literal(text)
            {
                if self.skipping && synchronising {
                    self.reset();
                    return Ok(Step::Complete { len: end });
                }
                let outside = self.outside + end.saturating_sub(self.line);
                if len > INLINE_LITERAL_OCTETS as u64 {
                    self.more(end)?;
                    let (left, skipping) = (self.left + end, self.skipping);
                    self.reset();
                    self.skipping = skipping;
                    if !skipping {
                        (self.left, self.outside) = (left, outside);
                    }
                    self.first = false;
                    return Ok(Step::Literal { head: end, len, synchronising });
                }
                if synchronising {
                    self.more(end + len as usize)?;
                } else {
                    self.unasked = self.unasked.max(len);
                }
                self.outside = outside;
                self.scanned = end + len as usize;
                self.line = self.scanned;
                self.first = false;
                if synchronising {
                    return Ok(Step::Continue { len });
                }
                continue;
            }
            self.more(end)?;
            self.reset();
            return Ok(Step::Complete { len: end });
        }
    }

    /// Whether what stands outside literals, up to `end`, is within its limit.
    fn line_fits(&self, end: usize) -> Result<(), Malformed> {
        let octets = self.outside.saturating_add(end.saturating_sub(self.line));
        if octets > self.line_limit && !self.skipping {
            return Err(Malformed { offset: self.line_limit, expected: "end of an overlong line" });
        }
        Ok(())
    }

    fn more(&self, held: usize) -> Result<Step, Malformed> {
        if self.left + held > self.limit && !self.skipping {
            return Err(Malformed { offset: self.limit, expected: "end of an overlong line" });
        }
        Ok(Step::More)
    }

    /// The literal whose head ends this line, and whether its sender waits for a go-ahead.
    #[cold]
    fn literal(&self, line: &[u8]) -> Option<(u64, bool)> {
        let responses = self.direction == Direction::Responses;
        if responses && self.first && is_status(line) {
            return None;
        }
        let open = memchr::memrchr(b'{', line)?;
        let mut head = line[open..].to_vec();
        head.extend_from_slice(b"\r\n");
        let mut cursor = Cursor::new(&head, Manner::Strict);
        let (len, synchronising, _) = cursor.literal_head().ok()?;
        Some((len, synchronising && !responses))
    }
}

/// Whether a response line is a status response or a continuation request, whose human text
/// may end in anything.
fn is_status(line: &[u8]) -> bool {
    if line.first() == Some(&b'+') {
        return true;
    }
    let Some(space) = memchr(b' ', line) else { return false };
    let rest = line[space..].trim_ascii_start();
    let word = &rest[..memchr(b' ', rest).unwrap_or(rest.len())];
    [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"]
        .iter()
        .any(|status| word.eq_ignore_ascii_case(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_and_inline_literals() {
        let text = b"* 1 FETCH (BODY[] {5}\r\na\r\nb\n FLAGS ())\r\n* OK x\r\n";
        let mut framer = Framer::responses();
        for end in 0..40 {
            assert_eq!(framer.step(&text[..end]), Ok(Step::More), "{end}");
        }
        assert_eq!(framer.step(text), Ok(Step::Complete { len: 40 }));
        assert_eq!(framer.step(&text[40..]), Ok(Step::Complete { len: 8 }));
        assert_eq!(framer.step(b""), Ok(Step::More));
    }

    #[test]
    fn lines_have_a_limit_that_literals_do_not_count_for() {
        let framer = || Framer::commands().with_line_limit(20);
        let long = [&b"a APPEND x {30+}\r\n"[..], &[b'x'; 30], b"\r\n"].concat();
        assert_eq!(framer().step(&long), Ok(Step::Complete { len: long.len() }));
        // 18 octets before the literal and 4 behind it.
        let longer = [&b"a APPEND x {30+}\r\n"[..], &[b'x'; 30], b" y\r\n"].concat();
        assert!(framer().step(&longer).is_err());
        let streamed = b"a APPEND x {70000}\r\n";
        let mut outer = framer();
        assert!(matches!(outer.step(streamed), Ok(Step::Literal { head: 20, .. })));
        assert!(outer.step(b"\r\n").is_err(), "there was no room for a line end");
        assert!(framer().step(b"a NOOP 3456789 123456").is_err(), "without an end, too");
        // What is passed over may be of any length.
        let mut framer = framer();
        assert!(framer.step(b"a NOOP 3456789 123456").is_err());
        assert_eq!(framer.skip(21), 0);
        let rest = b"a NOOP 3456789 12345678\r\nb";
        assert_eq!(framer.step(rest), Ok(Step::Complete { len: 25 }));
        assert_eq!(framer.step(&rest[25..]), Ok(Step::More));
    }

    #[test]
    fn human_text_has_no_literals() {
        for text in [&b"* OK see {5}\r\n"[..], b"a1 NO {3}\r\n", b"+ {9}\r\n"] {
            assert_eq!(
                Framer::responses().step(text),
                Ok(Step::Complete { len: text.len() }),
                "{text:?}"
            );
        }
    }

    #[test]
    fn large_literals_stream() {
        let mut framer = Framer::responses();
        let head = b"* 1 FETCH (BODY[] {70000}\r\n";
        let step = framer.step(head).unwrap();
        assert_eq!(step, Step::Literal { head: 27, len: 70_000, synchronising: false });
        // Behind the literal; another one follows.
        let rest = b" BODY[1] {65537}\r\n";
        let step = framer.step(rest).unwrap();
        assert_eq!(step, Step::Literal { head: rest.len(), len: 65_537, synchronising: false });
        assert_eq!(framer.step(b")"), Ok(Step::More));
        assert_eq!(framer.step(b")\r\n* "), Ok(Step::Complete { len: 3 }));
    }

    #[test]
    fn clients_wait_for_the_go_ahead() {
        let mut framer = Framer::commands();
        let text = b"a LOGIN {3}\r\nann {2+}\r\npw\r\n";
        assert_eq!(framer.step(&text[..13]), Ok(Step::Continue { len: 3 }));
        assert_eq!(framer.step(&text[..13]), Ok(Step::More));
        assert_eq!(framer.step(text), Ok(Step::Complete { len: text.len() }));
        let step = framer.step(b"a APPEND x ~{99999+}\r\n").unwrap();
        assert_eq!(step, Step::Literal { head: 22, len: 99_999, synchronising: false });
    }

    #[test]
    fn frames_are_bounded() {
        let mut framer = Framer::responses().with_limit(10);
        assert_eq!(framer.step(b"0123456789"), Ok(Step::More));
        assert!(framer.step(b"0123456789a").is_err());
        assert!(Framer::responses().with_limit(10).step(b"* x {9}\r\n").is_err());
    }

    /// Drops what is too long, `chunk` octets at a time; what is left behind it.
    fn skipped(text: &[u8], chunk: usize) -> Vec<u8> {
        let mut framer = Framer::commands().with_limit(30);
        let (mut buffer, mut rest) = (Vec::new(), text);
        let mut is_over = false;
        loop {
            match framer.step(&buffer) {
                Ok(Step::More) => {
                    if is_over {
                        let dropped = framer.skip(buffer.len());
                        buffer.drain(..dropped);
                    }
                    let count = chunk.min(rest.len());
                    assert!(count > 0, "it does not end");
                    buffer.extend_from_slice(&rest[..count]);
                    rest = &rest[count..];
                }
                Ok(Step::Complete { len }) if is_over => {
                    return [&buffer[len..], rest].concat();
                }
                Ok(step) => panic!("{step:?}"),
                Err(_) => {
                    assert!(!is_over, "it is passed over");
                    is_over = true;
                    let dropped = framer.skip(buffer.len());
                    buffer.drain(..dropped);
                }
            }
        }
    }

    #[test]
    fn what_is_too_long_is_passed_over_with_its_literals() {
        let many = b" TEXT {3+}\r\na\nb".repeat(20);
        let long = [b"a SEARCH", &many[..], b" ALL\r\nb NOOP\r\n"].concat();
        let waits = [b"a SEARCH", &many[..], b" TEXT {3}\r\nb NOOP\r\n"].concat();
        let line = [&b"x".repeat(500)[..], b"\r\nb NOOP\r\n"].concat();
        for chunk in [1, 2, 7, 64, 10_000] {
            for text in [&long, &waits, &line] {
                assert_eq!(skipped(text, chunk), b"b NOOP\r\n", "by {chunk}");
            }
        }
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            parts in proptest::collection::vec("[ -z]{0,9}(\\{[0-9]{1,2}\\})?\r?\n", 1..8),
            cuts in proptest::collection::vec(0usize..200, 0..12),
        ) {
            let text = parts.concat().into_bytes();
            let mut whole = Framer::responses();
            let expected = whole.step(&text);
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut framer = Framer::responses();
            for cut in cuts.into_iter().filter(|&cut| cut < text.len()) {
                let step = framer.step(&text[..cut]);
                if step != Ok(Step::More) {
                    prop_assert_eq!(step, expected);
                    return Ok(());
                }
            }
            prop_assert_eq!(framer.step(&text), expected);
        }
    }
}
