//! The lines of a stream, with their offsets, in bounded memory.

use std::io::{self, Read};

use crate::store::local::{CHUNK_OCTETS, read_some};

/// A stream that gives its lines as ranges of one buffer.
pub(super) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    /// What is read and not yet given: `start..end` of the buffer.
    start: usize,
    end: usize,
    /// Offset in the stream of `start`.
    offset: u64,
    at_end: bool,
    /// The last line given was cut, as it was longer than the buffer.
    is_cut: bool,
}

/// A line, or a piece of one that is longer than the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    from: usize,
    to: usize,
    /// Where it stands in the stream.
    pub offset: u64,
    /// Whether a line begins with it.
    pub begins: bool,
    /// Whether a line ends with it: by LF, or by the end of the stream.
    pub ends: bool,
}

impl Line {
    /// Octets, the line end included.
    pub(super) fn len(&self) -> usize {
        self.to - self.from
    }

    /// The offset behind it.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.len() as u64
    }
}

impl<R: Read> Lines<R> {
    /// The lines of a stream whose first octet stands at `offset`.
    pub(super) fn new(input: R, offset: u64) -> Self {
        let buffer = vec![0; CHUNK_OCTETS];
        Self { input, buffer, start: 0, end: 0, offset, at_end: false, is_cut: false }
    }

    /// Offset behind the last line that was given.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line; `None` at the end. Its octets are there until the next call.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut searched = self.start;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[searched..self.end]) {
                return Ok(Some(self.give(searched + at + 1, true)));
            }
            if self.at_end {
                let rest = self.start < self.end;
                return Ok(rest.then(|| self.give(self.end, true)));
            }
            if self.start == 0 && self.end == self.buffer.len() {
                return Ok(Some(self.give(self.end, false)));
            }
            if self.end == self.buffer.len() {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            searched = self.end;
            let read = read_some(&mut self.input, &mut self.buffer[self.end..])?;
            self.at_end = read == 0;
            self.end += read;
        }
    }

    fn give(&mut self, to: usize, ends: bool) -> Line {
        let line = Line { from: self.start, to, offset: self.offset, begins: !self.is_cut, ends };
        self.is_cut = !ends;
        self.offset += line.len() as u64;
        self.start = to;
        line
    }

    /// The octets of the line that was given last.
    pub(super) fn octets(&self, line: &Line) -> &[u8] {
        &self.buffer[line.from..line.to]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one octet at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match (self.0.split_first(), buffer.first_mut()) {
                (Some((first, rest)), Some(room)) => {
                    *room = *first;
                    self.0 = rest;
                    Ok(1)
                }
                _ => Ok(0),
            }
        }
    }

    fn all(input: impl Read) -> Vec<(Vec<u8>, u64, bool, bool)> {
        let mut lines = Lines::new(input, 100);
        let mut all = Vec::new();
        while let Some(line) = lines.next().expect("memory does not fail") {
            all.push((lines.octets(&line).to_vec(), line.offset, line.begins, line.ends));
        }
        all
    }

    #[test]
    fn lines_and_their_places() {
        let expected = vec![
            (b"a\r\n".to_vec(), 100, true, true),
            (b"\n".to_vec(), 103, true, true),
            (b"end".to_vec(), 104, true, true),
        ];
        assert_eq!(all(&b"a\r\n\nend"[..]), expected);
        assert_eq!(all(Drip(b"a\r\n\nend")), expected);
        assert!(all(&b""[..]).is_empty());
    }

    #[test]
    fn a_line_longer_than_the_buffer_comes_in_pieces() {
        let mut text = b"first\n".to_vec();
        text.resize(text.len() + 2 * CHUNK_OCTETS + 10, b'x');
        text.extend_from_slice(b"\nlast");
        let all = all(&text[..]);
        let octets: Vec<u8> = all.iter().flat_map(|line| line.0.clone()).collect();
        assert_eq!(octets, text);
        let places: Vec<(bool, bool)> = all.iter().map(|line| (line.2, line.3)).collect();
        let cut = [(true, false), (false, false), (false, true)];
        assert_eq!(places, [&[(true, true)][..], &cut, &[(true, true)]].concat());
    }
}
