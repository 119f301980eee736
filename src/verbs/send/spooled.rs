//! A message taken in once: its header block in memory, its body in memory or in an unnamed
//! temporary file, and what a scan of it showed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use async_trait::async_trait;

use crate::base::dot::LineEnds;
use crate::message::headers;
use crate::store::{self, Body, scratch};
use crate::ui::{Exit, Failure};

/// A body above this goes to a temporary file.
const MEMORY_OCTETS: usize = 256 * 1024;

/// A header block may have at most that many octets.
const HEADER_OCTETS: usize = 1024 * 1024;

/// What one pass over a message showed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scan {
    /// Octets above 127.
    pub eight_bit: bool,
    /// The longest line, without its line end.
    pub longest_line: u64,
    /// Where the first NUL is.
    pub nul: Option<u64>,
    has_crlf: bool,
    has_lf: bool,
    has_cr: bool,
    /// CRs and LFs that stand alone.
    alone: u64,
    after_cr: bool,
    line: u64,
    at: u64,
}

impl Scan {
    /// Looks at the next octets.
    pub fn feed(&mut self, octets: &[u8]) {
        self.eight_bit |= !octets.is_ascii();
        if self.nul.is_none() {
            self.nul = memchr::memchr(0, octets).map(|offset| self.at + offset as u64);
        }
        let mut rest = octets;
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            let is_lf = rest[end] == b'\n';
            let is_crlf = self.after_cr && is_lf && end == 0;
            self.has_crlf |= is_crlf;
            self.has_cr |= self.after_cr && !is_crlf;
            self.has_lf |= is_lf && !is_crlf;
            self.alone += u64::from(self.after_cr && !is_crlf) + u64::from(is_lf && !is_crlf);
            self.after_cr = !is_lf;
            self.longest_line = self.longest_line.max(self.line + end as u64);
            self.line = 0;
            rest = &rest[end + 1..];
        }
        if !rest.is_empty() {
            self.alone += u64::from(self.after_cr);
            self.has_cr |= std::mem::take(&mut self.after_cr);
        }
        self.line += rest.len() as u64;
        self.longest_line = self.longest_line.max(self.line);
        self.at += octets.len() as u64;
    }

    /// Line ends of one octet.
    fn alone(&self) -> u64 {
        self.alone + u64::from(self.after_cr)
    }

    /// Whether there are line ends of more than one kind, or a bare CR.
    pub fn has_mixed_line_ends(&self) -> bool {
        self.has_cr || self.after_cr || self.has_crlf && self.has_lf
    }
}

/// A message, ready to be read as often as needed.
#[derive(Debug)]
pub struct Spooled {
    /// The header block with the empty line behind it, as it will leave.
    pub header: Vec<u8>,
    /// What a scan of the whole message showed, as it came in.
    pub scan: Scan,
    rest: Rest,
    /// Octets of the rest.
    rest_octets: u64,
    /// Line ends of one octet in it.
    rest_alone: u64,
    read: u64,
}

#[derive(Debug)]
enum Rest {
    Memory(Vec<u8>),
    File(File),
}

impl Spooled {
    /// Takes in a whole message; memory does not grow with it.
    ///
    /// # Errors
    /// [`Failure`]: 66 for no message, 65 for a header block without end, 74 for I/O.
    pub fn take(input: &mut dyn Read) -> Result<Self, Failure> {
        let mut keeper = Keeper::default();
        let mut block = vec![0; 64 * 1024];
        loop {
            match read(input, &mut block)? {
                0 => break,
                count => keeper.push(&block[..count])?,
            }
        }
        if keeper.octets == 0 {
            return Err(Failure::new(Exit::NoInput, "no message on standard input")
                .hint("give a whole message, or --body or --subject to have one composed"));
        }
        keeper.finish()
    }

    /// A message that is in memory already.
    pub fn of(message: Vec<u8>) -> Self {
        let mut scan = Scan::default();
        scan.feed(&message);
        let mut header = message;
        let end = headers::body_offset(&header).unwrap_or(header.len());
        let rest = header.split_off(end);
        let rest_octets = rest.len() as u64;
        let rest_alone = behind(&header, &scan);
        Self { header, scan, rest: Rest::Memory(rest), rest_octets, rest_alone, read: 0 }
    }

    /// The same with each CR that stands alone in the header taken for the line end that it will
    /// leave as: what is read in the header is then what is sent.
    ///
    /// # Errors
    /// [`Failure`]: 73 and 74 for the file of a long message.
    pub fn with_header_lines(mut self) -> Result<Self, Failure> {
        let mut lines = self.header.clone();
        let mut is_changed = false;
        for at in 0..lines.len() {
            if lines[at] == b'\r' && lines.get(at + 1) != Some(&b'\n') {
                lines[at] = b'\n';
                is_changed = true;
            }
        }
        if !is_changed {
            return Ok(self);
        }
        let end = headers::body_offset(&lines).unwrap_or(lines.len());
        let of_body = self.header.split_off(end);
        lines.truncate(end);
        self.header = lines;
        if of_body.is_empty() {
            return Ok(self);
        }
        let mut keeper = Keeper::default();
        let mut is_header = true;
        self.each(|octets| {
            keeper.push(octets)?;
            if std::mem::take(&mut is_header) { keeper.push(&of_body) } else { Ok(()) }
        })?;
        let scan = self.scan;
        let mut whole = keeper.finish()?;
        whole.scan = scan;
        Ok(whole)
    }

    /// Octets on the wire, without the dots of stuffing: with the line ends that it leaves with.
    pub fn wire_octets(&self, ends: LineEnds) -> u64 {
        if ends != LineEnds::Canonical {
            return self.len();
        }
        let mut header = Scan::default();
        header.feed(&self.header);
        // The last line gets its end where it has none.
        let end = if self.scan.line > 0 { 2 } else { 0 };
        self.len() + header.alone() + self.rest_alone + end
    }

    /// The octets from `at` on into `buffer`; 0 is the end.
    ///
    /// # Errors
    /// [`store::Error::File`].
    pub fn read_at(&self, at: u64, buffer: &mut [u8]) -> store::Result<usize> {
        use std::os::unix::fs::FileExt as _;
        let header = self.header.len() as u64;
        let (from, at) = match (at < header, &self.rest) {
            (true, _) => (&self.header, at),
            (false, Rest::Memory(rest)) => (rest, at - header),
            (false, Rest::File(file)) => {
                return file.read_at(buffer, at - header).map_err(|source| store::Error::File {
                    path: "the spooled message".into(),
                    source,
                });
            }
        };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let from = from.get(at..).unwrap_or_default();
        let count = from.len().min(buffer.len());
        buffer[..count].copy_from_slice(&from[..count]);
        Ok(count)
    }

    /// Gives all octets in pieces, the header first, and goes back to the start.
    ///
    /// # Errors
    /// Those of `take`; 74 when the octets cannot be read.
    pub fn each(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        take(&self.header)?;
        let unreadable =
            |error| Failure::new(Exit::Io, format!("cannot read the spooled message: {error}"));
        match &mut self.rest {
            Rest::Memory(rest) => take(rest)?,
            Rest::File(file) => {
                file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
                let mut block = vec![0; 64 * 1024];
                loop {
                    match read(file, &mut block)? {
                        0 => break,
                        count => take(&block[..count])?,
                    }
                }
                file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
            }
        }
        self.read = 0;
        Ok(())
    }
}

/// Takes in a message piece by piece: in memory while it is small, else in a file.
#[derive(Debug, Default)]
pub struct Keeper {
    scan: Scan,
    head: Vec<u8>,
    file: Option<File>,
    octets: u64,
}

impl Keeper {
    /// Takes the next octets.
    ///
    /// # Errors
    /// [`Failure`]: 65 for a header block without end, 73 for a file that cannot be made.
    pub fn push(&mut self, octets: &[u8]) -> Result<(), Failure> {
        self.scan.feed(octets);
        self.octets += octets.len() as u64;
        if let Some(file) = &mut self.file {
            return file.write_all(octets).map_err(unspoolable);
        }
        self.head.extend_from_slice(octets);
        if self.head.len() < HEADER_OCTETS.max(MEMORY_OCTETS) {
            return Ok(());
        }
        let end = headers::body_offset(&self.head).ok_or_else(|| {
            Failure::new(
                Exit::Data,
                format!("the header of the message does not end within {HEADER_OCTETS} octets"),
            )
        })?;
        let rest = self.head.split_off(end);
        let file = self.file.insert(scratch::nameless().map_err(unspoolable)?);
        file.write_all(&rest).map_err(unspoolable)
    }

    /// The message.
    ///
    /// # Errors
    /// [`Failure`] (73) for a file that fails.
    pub fn finish(self) -> Result<Spooled, Failure> {
        let Self { scan, head, file, octets } = self;
        match file {
            None => {
                let mut header = head;
                let end = headers::body_offset(&header).unwrap_or(header.len());
                let rest = header.split_off(end);
                let rest_octets = rest.len() as u64;
                let rest_alone = behind(&header, &scan);
                let rest = Rest::Memory(rest);
                Ok(Spooled { header, scan, rest, rest_octets, rest_alone, read: 0 })
            }
            Some(mut file) => {
                file.seek(SeekFrom::Start(0)).map_err(unspoolable)?;
                let rest_octets = octets - head.len() as u64;
                let rest_alone = behind(&head, &scan);
                let rest = Rest::File(file);
                Ok(Spooled { header: head, scan, rest, rest_octets, rest_alone, read: 0 })
            }
        }
    }
}

/// Line ends of one octet behind the header, of those that a scan of all has seen.
fn behind(header: &[u8], all: &Scan) -> u64 {
    let mut scan = Scan::default();
    scan.feed(header);
    all.alone().saturating_sub(scan.alone())
}

fn unspoolable(error: std::io::Error) -> Failure {
    Failure::new(Exit::CantCreate, format!("cannot spool the message: {error}"))
}

fn read(input: &mut dyn Read, block: &mut [u8]) -> Result<usize, Failure> {
    loop {
        match input.read(block) {
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(Failure::new(
                    Exit::Io,
                    format!("cannot read the message from standard input: {error}"),
                ));
            }
        }
    }
}

#[async_trait(?Send)]
impl Body for Spooled {
    async fn read(&mut self, buffer: &mut [u8]) -> store::Result<usize> {
        let count = self.read_at(self.read, buffer)?;
        self.read += count as u64;
        Ok(count)
    }

    fn len(&self) -> u64 {
        self.header.len() as u64 + self.rest_octets
    }

    fn rewind(&mut self) -> store::Result<()> {
        self.read = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(message: &mut Spooled) -> Vec<u8> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        runtime.block_on(async {
            let mut out = Vec::new();
            let mut block = [0; 1000];
            loop {
                match message.read(&mut block).await.expect("reads") {
                    0 => return out,
                    count => out.extend_from_slice(&block[..count]),
                }
            }
        })
    }

    #[test]
    fn small_and_large_come_out_as_they_went_in() {
        for octets in [10usize, 70_000, 2_000_000] {
            let mut message = b"Subject: x\r\n\r\n".to_vec();
            message.extend((0..octets).map(|n| if n % 70 == 69 { b'\n' } else { b'x' }));
            let mut spooled = Spooled::take(&mut message.as_slice()).expect("taken");
            assert_eq!(spooled.header, b"Subject: x\r\n\r\n");
            assert_eq!(spooled.len(), message.len() as u64);
            assert_eq!(all(&mut spooled), message);
            spooled.rewind().expect("rewinds");
            assert_eq!(all(&mut spooled), message);
        }
    }

    #[test]
    fn a_scan_sees_the_same_however_the_input_is_split() {
        let text = b"a\rbb\r\nccc\n\xc3\xa9\0dddd";
        let mut whole = Scan::default();
        whole.feed(text);
        assert!(whole.eight_bit);
        assert_eq!((whole.longest_line, whole.nul), (7, Some(12)));
        assert!(whole.has_mixed_line_ends());
        for at in 0..text.len() {
            let mut split = Scan::default();
            split.feed(&text[..at]);
            split.feed(&text[at..]);
            assert_eq!(split, whole);
        }
    }

    /// RFC 1870 section 6: the number includes the CR and LF of each line end, as they leave.
    #[test]
    fn the_size_told_is_the_size_sent() {
        use crate::base::dot::Encoder;
        let long = [&b"A: b\n\n"[..], &b"0123456789\n".repeat(200_000)].concat();
        let texts: [&[u8]; 7] = [
            b"A: b\nC: d\n\ne\nf\n",
            b"A: b\r\nC: d\r\n\r\ne\r\nf\r\n",
            b"A: b\n\ne\rf\r\r\ng\n",
            b"A: b\n\nno end",
            b"A: b\n\nCR\r",
            b"A: b\n",
            &long,
        ];
        for text in texts {
            let mut message = Spooled::take(&mut &text[..]).expect("taken");
            // What is done to the header counts too.
            message.header.splice(0..0, *b"X: y\n");
            for ends in [LineEnds::Canonical, LineEnds::VerbatimUnsafe] {
                let mut encoder = Encoder::counted(ends);
                let mut wire = Vec::new();
                encoder.push(&all(&mut message), &mut wire).expect("nothing is refused");
                encoder.finish(&mut wire).expect("nothing is refused");
                message.rewind().expect("rewinds");
                let told = message.wire_octets(ends);
                assert_eq!(told, wire.len() as u64, "{:?}", text.get(..20));
            }
        }
    }

    #[test]
    fn nothing_is_no_message() {
        assert_eq!(Spooled::take(&mut &b""[..]).expect_err("empty").exit, Exit::NoInput);
        let endless = b"X: y\r\n".repeat(400_000);
        assert_eq!(Spooled::take(&mut endless.as_slice()).expect_err("endless").exit, Exit::Data);
    }

    #[test]
    fn a_cr_alone_ends_a_header_line() {
        let read = |octets: &[u8]| {
            let mut message = Spooled::of(octets.to_vec()).with_header_lines().expect("lines");
            (message.header.clone(), all(&mut message))
        };
        // What hides behind a CR is a field for whoever reads what leaves: so it is here.
        let (header, whole) = read(b"A: b\rBcc: c\r\nD: e\r\n\r\nf\rg");
        assert_eq!(header, b"A: b\nBcc: c\r\nD: e\r\n\r\n");
        assert_eq!(whole, b"A: b\nBcc: c\r\nD: e\r\n\r\nf\rg");
        // The header may end earlier than it seemed to; the body keeps its octets.
        let (header, whole) = read(b"A: b\r\rf\rg\n\nh");
        assert_eq!(
            (header.as_slice(), whole.as_slice()),
            (&b"A: b\n\n"[..], &b"A: b\n\nf\rg\n\nh"[..])
        );
        let long = [&b"A: b\r\rx\n\n"[..], &vec![b'x'; 2_000_000]].concat();
        let mut keeper = Keeper::default();
        keeper.push(&long).expect("taken");
        let mut message = keeper.finish().expect("whole").with_header_lines().expect("lines");
        assert_eq!(message.header, b"A: b\n\n");
        assert_eq!(all(&mut message), [&b"A: b\n\nx\n\n"[..], &vec![b'x'; 2_000_000]].concat());
    }
}
