//! Takes an mbox apart while it streams by.
//!
//! A message begins with a From_ line: `From `, a sender and a date, at the start of the
//! file or behind an empty line (RFC 4155 appendix A). That empty line belongs to the
//! format and not to the message before it. What became of lines of a message that look
//! like From_ lines themselves differs from family to family: see [`Variety`].

use std::io::Read;

use super::lines::{Line, Lines};
use crate::base::date::Zoned;
use crate::message::digest::Digester;
use crate::store::local::CHUNK_OCTETS;
use crate::store::{Error, Flags, Received, Result};

/// The families of mbox, by what they do to lines that begin with `From `.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Variety {
    /// mboxrd, but a message whose Content-Length leads exactly to the next From_ line or
    /// the end of the file is taken by its length. From a stream, which cannot be looked
    /// into, the same as mboxrd. Who fears that a message lies about its length, so as to
    /// hide those behind it, reads as mboxrd.
    #[default]
    Auto,
    /// `From `, `>From `, `>>From `... each got one more `>`.
    Rd,
    /// `From ` got a `>`, and what had one already was left alone.
    O,
    /// As mboxrd, and Content-Length tells where a message ends.
    Cl,
    /// Nothing was changed; only Content-Length tells where a message ends.
    Cl2,
}

/// What is taken off the octets of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Treatment {
    pub unquote: Unquote,
    /// The fields in which an mbox keeps flags are not the message's.
    pub hide_status: bool,
}

/// How quoted From_ lines are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unquote {
    /// As they stand.
    Nothing,
    /// One `>` less.
    Rd,
    /// `>From ` alone loses its `>`.
    O,
}

/// Whether a message can be believed to end at an offset that its Content-Length tells.
pub(super) enum Lengths {
    Ignored,
    Trusted,
    Checked(Box<dyn Fn(u64) -> bool>),
}

/// The From_ line of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Where the line stands in the stream.
    pub offset: u64,
    /// The sender's address as written; `MAILER-DAEMON` stands for the null one.
    pub sender: String,
    /// When the message was received; `None` where the line has no date that can be read.
    pub received: Option<Received>,
}

/// What is known of a message when it has been read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// Offset behind the From_ line.
    pub start: u64,
    /// Offset behind the last octet of the message, without the empty line that follows.
    pub end: u64,
    /// Octets that were given out.
    pub octets: u64,
    /// How many `>` were taken off.
    pub unquoted: u64,
    /// A line `From ` stood in it unquoted, where only the length told that it is none.
    pub has_bare_from: bool,
    /// Flags by Status, X-Status and X-Keywords.
    pub flags: Flags,
    /// Digest of the header but for the fields that mail programs change, in hexadecimal.
    pub digest: String,
}

/// Reads the messages of an mbox one after the other, in bounded memory.
pub struct Reader<R> {
    lines: Lines<R>,
    name: String,
    treatment: Treatment,
    lengths: Lengths,
    /// Only one message is in the stream, and no From_ line ends it.
    is_single: bool,
    place: Place,
    next_head: Option<Head>,
    message: Message,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first From_ line.
    Start,
    Header,
    Body,
    /// The message has ended; another may follow.
    Between,
    /// The stream has ended.
    End,
}

/// What is gathered about the message at hand.
#[derive(Default)]
struct Message {
    start: u64,
    end: u64,
    octets: u64,
    unquoted: u64,
    has_bare_from: bool,
    /// An empty line that is the message's own unless a From_ line follows.
    held: Option<(u64, &'static [u8])>,
    /// The offset at which the message ends by its Content-Length.
    until: Option<u64>,
    content_length: Option<u64>,
    field: Field,
    status: [Vec<u8>; 3],
    digester: Option<Digester>,
}

/// The header field that the lines at hand belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Field {
    /// One that nobody changes.
    #[default]
    Ordinary,
    /// Status, X-Status or X-Keywords, by their number in [`STATUS`].
    Status(usize),
    /// One that mail programs change.
    Changing,
}

/// The fields in which flags are kept.
pub(super) const STATUS: [&str; 3] = ["Status", "X-Status", "X-Keywords"];

/// Other fields that mail programs write and change at will.
const CHANGING: [&str; 5] = ["Content-Length", "Lines", "X-UID", "X-IMAP", "X-IMAPbase"];

/// The most octets of a status field that are kept; no program writes so many.
const STATUS_OCTETS: usize = 16 * 1024;

/// Octets of the digest that stand in an id.
const DIGEST_OCTETS: usize = 8;

impl<R: Read> Reader<R> {
    /// Reads a stream; `name` is for error messages.
    pub fn new(input: R, variety: Variety, name: &str) -> Self {
        let (unquote, lengths) = match variety {
            Variety::Auto | Variety::Rd => (Unquote::Rd, Lengths::Ignored),
            Variety::O => (Unquote::O, Lengths::Ignored),
            Variety::Cl => (Unquote::Rd, Lengths::Trusted),
            Variety::Cl2 => (Unquote::Nothing, Lengths::Trusted),
        };
        Self::with(input, 0, Treatment { unquote, hide_status: true }, lengths, name)
    }

    /// Reads a stream whose first octet stands at `offset`.
    pub(super) fn with(
        input: R,
        offset: u64,
        treatment: Treatment,
        lengths: Lengths,
        name: &str,
    ) -> Self {
        Self {
            lines: Lines::new(input, offset),
            name: name.to_owned(),
            treatment,
            lengths,
            is_single: false,
            place: Place::Start,
            next_head: None,
            message: Message::default(),
        }
    }

    /// Reads a stream that is one message, without a From_ line.
    pub(super) fn single(input: R, offset: u64, treatment: Treatment, name: &str) -> Self {
        let mut reader = Self::with(input, offset, treatment, Lengths::Ignored, name);
        reader.is_single = true;
        reader.begin(offset);
        reader
    }

    /// The next message; what was not read of the one before is passed over. `None` at the
    /// end, and for an empty file.
    ///
    /// # Errors
    /// [`Error::Format`] for a stream that does not begin with a From_ line; the stream's.
    pub fn next_message(&mut self) -> Result<Option<Head>> {
        let mut passed = Vec::new();
        while self.read(&mut passed)? {
            passed.clear();
        }
        if self.place == Place::Start {
            self.first_head()?;
        }
        let Some(head) = self.next_head.take() else { return Ok(None) };
        self.begin(self.lines.offset());
        Ok(Some(head))
    }

    /// Appends the next octets of the message, some 256 KiB or less, to `out`; `false` when
    /// the message has ended and nothing more was appended.
    ///
    /// # Errors
    /// The stream's.
    pub fn read(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let before = out.len();
        while matches!(self.place, Place::Header | Place::Body) && out.len() < before + CHUNK_OCTETS
        {
            self.step(out)?;
        }
        Ok(out.len() > before)
    }

    /// The flags of the message that has been read to its end.
    pub fn flags(&self) -> Flags {
        flags(&self.message.status)
    }

    /// The digest by which the message that has been read to its end is found again, in
    /// hexadecimal; given once.
    pub fn digest(&mut self) -> Option<String> {
        let digest = self.message.digester.take().map(Digester::finish);
        digest.map(|digest| {
            let octets = &digest.as_octets()[..DIGEST_OCTETS];
            octets.iter().map(|octet| format!("{octet:02x}")).collect()
        })
    }

    /// What is known of the message that has been read to its end.
    pub(super) fn facts(&mut self) -> Facts {
        let digest = self.digest();
        Facts {
            start: self.message.start,
            end: self.message.end,
            octets: self.message.octets,
            unquoted: self.message.unquoted,
            has_bare_from: self.message.has_bare_from,
            flags: self.flags(),
            digest: digest.unwrap_or_default(),
        }
    }

    fn line(&mut self) -> Result<Option<Line>> {
        self.lines.next().map_err(|source| Error::File { path: self.name.clone(), source })
    }

    /// Finds the first From_ line, behind nothing but empty lines.
    fn first_head(&mut self) -> Result<()> {
        self.place = Place::End;
        while let Some(line) = self.line()? {
            let octets = self.lines.octets(&line);
            if empty_line(octets).is_some() {
                continue;
            }
            if !octets.starts_with(b"From ") || !line.ends {
                return Err(Error::Format {
                    path: self.name.clone(),
                    offset: line.offset,
                    reason: "an mbox begins with a From_ line",
                });
            }
            self.next_head = Some(head(octets, line.offset));
            break;
        }
        Ok(())
    }

    fn begin(&mut self, start: u64) {
        let digester = Some(Digester::new());
        self.message = Message { start, digester, ..Message::default() };
        self.place = Place::Header;
    }

    /// Takes one line of the message.
    fn step(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let Some(line) = self.line()? else {
            let end = self.lines.offset();
            self.finish(end, Place::End);
            return Ok(());
        };
        let octets = self.lines.octets(&line);
        let message = &mut self.message;
        let protected = message.until.is_some_and(|until| line.offset < until);
        let is_past = message.until.is_some_and(|until| line.offset >= until);
        if line.begins && !protected && !self.is_single {
            let may_begin = message.held.is_some() || is_past;
            if may_begin && line.ends && octets.starts_with(b"From ") {
                let head = head(octets, line.offset);
                if head.received.is_some() {
                    self.next_head = Some(head);
                    self.finish(line.offset, Place::Between);
                    return Ok(());
                }
            }
        }
        if let Some((_, held)) = message.held.take() {
            message.give(held, out);
        }
        let empty = if line.begins { empty_line(octets) } else { None };
        match (self.place, empty) {
            (Place::Header, Some(_)) => {
                self.place = Place::Body;
                message.until = message.length_end(line.end(), &self.lengths);
            }
            (Place::Header, None) => {
                message.header_line(&line, octets, self.treatment, out);
                return Ok(());
            }
            _ => {}
        }
        // The length may end in the middle of a line: then the line end behind it is the
        // format's.
        let kept = match message.until {
            Some(until) if protected && line.end() > until => {
                let len = usize::try_from(until - line.offset).unwrap_or(octets.len());
                &octets[..len.min(octets.len())]
            }
            _ => octets,
        };
        let is_within = message.until.is_some_and(|until| line.end() <= until);
        match empty {
            Some(own) if !self.is_single && !is_within && kept.len() == octets.len() => {
                message.held = Some((line.offset, own));
            }
            _ => message.body_line(&line, kept, protected, self.treatment.unquote, out),
        }
        Ok(())
    }

    /// Ends the message at `end`, or at the empty line before.
    fn finish(&mut self, end: u64, place: Place) {
        let end = self.message.held.take().map_or(end, |(offset, _)| offset);
        self.message.end = self.message.until.map_or(end, |until| until.min(end));
        self.place = place;
    }
}

impl Message {
    fn give(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(octets);
        self.octets += octets.len() as u64;
    }

    /// Where the message ends by its Content-Length, if that can be believed.
    fn length_end(&self, body: u64, lengths: &Lengths) -> Option<u64> {
        let end = body.checked_add(self.content_length?)?;
        match lengths {
            Lengths::Ignored => None,
            Lengths::Trusted => Some(end),
            Lengths::Checked(is_end) => is_end(end).then_some(end),
        }
    }

    fn header_line(&mut self, line: &Line, octets: &[u8], treatment: Treatment, out: &mut Vec<u8>) {
        if line.begins && !octets.starts_with(b" ") && !octets.starts_with(b"\t") {
            self.field = self.field_of(octets);
        } else if let Field::Status(number) = self.field {
            self.note_status(number, octets);
        }
        if self.field == Field::Ordinary
            && let Some(digester) = &mut self.digester
        {
            digester.update(octets);
        }
        if treatment.hide_status && matches!(self.field, Field::Status(_)) {
            return;
        }
        // Even a header may begin with what looks like a From_ line.
        self.body_line(line, octets, false, treatment.unquote, out);
    }

    /// Which field a line begins; what is needed of it is noted.
    fn field_of(&mut self, line: &[u8]) -> Field {
        let Some(colon) = memchr::memchr(b':', line) else { return Field::Ordinary };
        let name = line[..colon].trim_ascii_end();
        let is = |wanted: &&str| wanted.as_bytes().eq_ignore_ascii_case(name);
        let value = &line[colon + 1..];
        if let Some(number) = STATUS.iter().position(is) {
            self.note_status(number, value);
            return Field::Status(number);
        }
        if !CHANGING.iter().any(is) {
            return Field::Ordinary;
        }
        if name.eq_ignore_ascii_case(b"Content-Length") {
            let digits = std::str::from_utf8(value.trim_ascii()).ok();
            self.content_length = digits.and_then(|digits| digits.parse().ok());
        }
        Field::Changing
    }

    fn note_status(&mut self, number: usize, value: &[u8]) {
        let kept = &mut self.status[number];
        let room = STATUS_OCTETS.saturating_sub(kept.len());
        kept.extend_from_slice(&value[..value.len().min(room)]);
        kept.push(b' ');
    }

    fn body_line(
        &mut self,
        line: &Line,
        octets: &[u8],
        protected: bool,
        unquote: Unquote,
        out: &mut Vec<u8>,
    ) {
        if line.begins {
            self.has_bare_from |= protected && octets.starts_with(b"From ");
            let quoted = match unquote {
                Unquote::Nothing => false,
                Unquote::Rd => is_quoted(octets),
                Unquote::O => octets.starts_with(b">From "),
            };
            if quoted {
                self.unquoted += 1;
                return self.give(&octets[1..], out);
            }
        }
        self.give(octets, out);
    }
}

/// Whether a line is `>From `, `>>From ` and so on.
fn is_quoted(line: &[u8]) -> bool {
    let marks = line.iter().take_while(|octet| **octet == b'>').count();
    marks > 0 && line[marks..].starts_with(b"From ")
}

/// A line's end, where the line is nothing else.
fn empty_line(line: &[u8]) -> Option<&'static [u8]> {
    match line {
        b"\n" => Some(b"\n"),
        b"\r\n" => Some(b"\r\n"),
        _ => None,
    }
}

/// Takes a From_ line apart. Sender and date are told apart by where a date can be read;
/// what some programs write behind it (`remote from`) is left out.
fn head(line: &[u8], offset: u64) -> Head {
    let rest = line.strip_prefix(b"From ").unwrap_or(line).trim_ascii_end();
    let remote = memchr::memmem::find(rest, b" remote from ");
    let rest = &rest[..remote.unwrap_or(rest.len())];
    let blanks = (0..rest.len()).filter(|at| rest[*at] == b' ').map(|at| at + 1);
    for start in std::iter::once(0).chain(blanks) {
        // Only where a word could be a day of the week is it worth reading on.
        if !rest[start..].first().is_some_and(u8::is_ascii_alphabetic) {
            continue;
        }
        if let Ok(date) = Zoned::parse_asctime(&rest[start..]) {
            let sender = String::from_utf8_lossy(rest[..start].trim_ascii()).into_owned();
            let offset_seconds = date.offset_seconds;
            let received = Some(Received { seconds: date.seconds, offset_seconds });
            return Head { offset, sender, received };
        }
    }
    Head { offset, sender: String::from_utf8_lossy(rest.trim_ascii()).into_owned(), received: None }
}

/// Whether a line begins a message: a From_ line with a date.
pub(super) fn is_from_line(line: &[u8]) -> bool {
    line.starts_with(b"From ") && head(line, 0).received.is_some()
}

/// The flags that the three status fields tell.
fn flags(status: &[Vec<u8>; 3]) -> Flags {
    let mut flags = Flags::new();
    let letters = status[0].iter().chain(&status[1]);
    for letter in letters {
        match letter {
            b'R' => flags.insert("\\Seen"),
            b'A' => flags.insert("\\Answered"),
            b'F' => flags.insert("\\Flagged"),
            b'D' => flags.insert("\\Deleted"),
            b'T' => flags.insert("\\Draft"),
            _ => {}
        }
    }
    for keyword in status[2].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        if let Ok(keyword) = std::str::from_utf8(keyword) {
            flags.insert(keyword);
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(mbox: &[u8], variety: Variety) -> Vec<Vec<u8>> {
        let mut reader = Reader::new(mbox, variety, "test");
        let mut all = Vec::new();
        while reader.next_message().expect("an mbox").is_some() {
            let mut message = Vec::new();
            while reader.read(&mut message).expect("memory does not fail") {}
            all.push(message);
        }
        all
    }

    #[test]
    fn from_lines_of_many_programs() {
        for (line, sender, seconds) in [
            ("From a@b Thu Jan  1 00:00:01 1970\n", "a@b", 1),
            ("From - Thu Jan 01 00:00:01 1970\r\n", "-", 1),
            ("From MAILER-DAEMON Thu Jan  1 00:00 1970\n", "MAILER-DAEMON", 0),
            ("From a@b  Thu Jan  1 01:00:00 1970 +0100\n", "a@b", 0),
            ("From 123@xxx Thu Jan 01 00:00:02 +0000 1970\n", "123@xxx", 2),
            ("From \"a b\"@c Thu Jan  1 00:00:03 1970 remote from x\n", "\"a b\"@c", 3),
        ] {
            let head = head(line.as_bytes(), 7);
            assert_eq!(head.sender, sender, "{line:?}");
            assert_eq!(head.received.map(|r| r.seconds), Some(seconds), "{line:?}");
            assert_eq!(head.offset, 7);
        }
        for line in ["From the start\n", "From: a@b\n", "From \n", "From a@b Thu Jan 1999\n"] {
            assert!(!is_from_line(line.as_bytes()), "{line:?}");
        }
    }

    #[test]
    fn messages_end_where_the_next_begins() {
        let mbox = b"From a Thu Jan  1 00:00:00 1970\nSubject: 1\n\none\n\n\n\
            From b Thu Jan  1 00:00:00 1970\nSubject: 2\n\nFrom me to you\n\n\
            From here on, text\nbody\nFrom c Thu Jan  1 00:00:00 1970\n>From x\n>>From y\n\
            \nFrom d Thu Jan  1 00:00:00 1970\nSubject: 3\n\n";
        let all = messages(mbox, Variety::Rd);
        assert_eq!(all.len(), 3);
        assert_eq!(all[0], b"Subject: 1\n\none\n\n");
        assert_eq!(
            all[1],
            b"Subject: 2\n\nFrom me to you\n\nFrom here on, text\nbody\n\
              From c Thu Jan  1 00:00:00 1970\nFrom x\n>From y\n"
        );
        // A single empty line at the end is the format's.
        assert_eq!(all[2], b"Subject: 3\n");
        assert_eq!(messages(mbox, Variety::O)[1].windows(6).filter(|w| w == b">From ").count(), 1);
    }

    #[test]
    fn lengths_count_where_they_are_told_to() {
        let mbox = b"From a Thu Jan  1 00:00:00 1970\nContent-Length: 45\n\n\
            \nFrom b Thu Jan  1 00:00:00 1970\n>From x\nyes\n\n\
            From c Thu Jan  1 00:00:00 1970\nContent-Length: 2\n\nok\n";
        let by_length = messages(mbox, Variety::Cl2);
        assert_eq!(by_length.len(), 2);
        assert!(by_length[0].ends_with(b"1970\n>From x\nyes\n"));
        assert_eq!(by_length[1], b"Content-Length: 2\n\nok");
        assert!(messages(mbox, Variety::Cl)[0].ends_with(b"1970\nFrom x\nyes\n"));
        assert_eq!(messages(mbox, Variety::Rd).len(), 3);
    }

    #[test]
    fn status_fields_are_flags_and_no_part_of_the_message() {
        let mbox = b"From a Thu Jan  1 00:00:00 1970\nStatus: RO\nSubject: x\nX-Status: AF\n\
            X-Keywords: $Junk\n  other\nTo: y\n\nStatus: R\n";
        let mut reader = Reader::new(&mbox[..], Variety::Auto, "test");
        let head = reader.next_message().expect("an mbox").expect("one message");
        assert_eq!(head.sender, "a");
        let mut message = Vec::new();
        while reader.read(&mut message).expect("memory does not fail") {}
        assert_eq!(message, b"Subject: x\nTo: y\n\nStatus: R\n");
        let expected: Flags =
            ["\\Seen", "\\Answered", "\\Flagged", "$junk", "other"].iter().collect();
        assert_eq!(reader.flags(), expected);
        let facts = reader.facts();
        assert_eq!(facts.octets, message.len() as u64);
        assert_eq!(facts.end, mbox.len() as u64);
        assert_eq!(facts.digest.len(), 2 * DIGEST_OCTETS);
        assert!(reader.next_message().expect("an mbox").is_none());
    }

    #[test]
    fn what_is_no_mbox() {
        assert!(messages(b"", Variety::Auto).is_empty());
        assert!(messages(b"\n\n", Variety::Auto).is_empty());
        let mut reader = Reader::new(&b"\nSubject: x\n"[..], Variety::Auto, "test");
        let refused = reader.next_message().expect_err("no From_ line");
        assert!(matches!(refused, Error::Format { offset: 1, .. }), "{refused:?}");
        // The first line may do without a date.
        assert_eq!(messages(b"From here\n\nx", Variety::Auto), [b"\nx"]);
    }
}
