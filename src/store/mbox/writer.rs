//! Writes messages as mboxrd to any stream.
//!
//! Each begins with a From_ line (the sender from its Return-Path, the date in UTC; RFC 4155
//! appendix A) and ends with an empty line. Every line that is `From ` behind any number of
//! `>` gets one `>` more, so that reading gives back what was written. Flags go into
//! Status, X-Status and X-Keywords fields at the top, and only where there are any.

use std::io::{self, Write};

use async_trait::async_trait;

use super::reader::STATUS;
use crate::base::date::Zoned;
use crate::message::headers;
use crate::store::line_ends::{Converter, LineEnds};
use crate::store::local::CHUNK_OCTETS;
use crate::store::part::find_header_end;
use crate::store::{Clock, Error, Flags, Meta, Received, Result, Sink};

/// How far into a message its Return-Path is looked for, in octets; delivery puts it first.
const SENDER_WITHIN_OCTETS: usize = 8 * 1024;

/// Writes messages one after the other. It does not buffer whole messages, and it is a
/// [`Sink`]: a spool can push into it.
pub struct Writer<W> {
    output: W,
    line_ends: LineEnds,
    clock: Clock,
    /// The start of a message, held until its Return-Path is known or is not there.
    opening: Option<Opening>,
    converter: Converter,
    quoter: Quoter,
    converted: Vec<u8>,
    /// Octets that are ready to be written.
    ready: Vec<u8>,
    is_open: bool,
}

struct Opening {
    octets: Vec<u8>,
    received: Option<Received>,
    flags: Flags,
}

impl<W: Write> Writer<W> {
    /// Writes to `output`; `clock` dates messages that have no date of their own.
    pub fn new(output: W, line_ends: LineEnds, clock: Clock) -> Self {
        Self {
            output,
            line_ends,
            clock,
            opening: None,
            converter: Converter::new(line_ends),
            quoter: Quoter::new(),
            converted: Vec::new(),
            ready: Vec::new(),
            is_open: false,
        }
    }

    /// Begins a message; one that is open is ended.
    ///
    /// # Errors
    /// The output's.
    pub fn start(&mut self, received: Option<Received>, flags: &Flags) -> io::Result<()> {
        self.close()?;
        self.is_open = true;
        self.opening = Some(Opening { octets: Vec::new(), received, flags: flags.clone() });
        self.converter = Converter::new(self.line_ends);
        self.quoter = Quoter::new();
        Ok(())
    }

    /// The next octets of the message. Without one that was started, nothing happens.
    ///
    /// # Errors
    /// The output's.
    pub fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.opening {
            Some(opening) => {
                opening.octets.extend_from_slice(octets);
                let held = &opening.octets;
                if held.len() >= SENDER_WITHIN_OCTETS || find_header_end(held).is_some() {
                    self.open()?;
                }
                Ok(())
            }
            None if self.is_open => self.put(octets),
            None => Ok(()),
        }
    }

    /// Ends the message: an unfinished last line gets its end, and the empty line follows.
    ///
    /// # Errors
    /// The output's.
    pub fn close(&mut self) -> io::Result<()> {
        if !self.is_open {
            return Ok(());
        }
        self.open()?;
        self.converted.clear();
        self.converter.finish(&mut self.converted);
        self.quoter.push(&self.converted, &mut self.ready);
        self.quoter.finish(&mut self.ready);
        if !self.quoter.is_at_line_start {
            self.ready.push(b'\n');
        }
        self.ready.push(b'\n');
        self.is_open = false;
        self.drain()
    }

    /// Whether a message was begun and not ended.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Has the output pass on all that was written.
    ///
    /// # Errors
    /// The output's.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// The output, with all whole messages in it; an open one is ended.
    ///
    /// # Errors
    /// The output's.
    pub fn finish(mut self) -> io::Result<W> {
        self.close()?;
        self.output.flush()?;
        Ok(self.output)
    }

    /// Writes the From_ line and the status fields, and what was held.
    fn open(&mut self) -> io::Result<()> {
        let Some(opening) = self.opening.take() else { return Ok(()) };
        let received = opening.received.unwrap_or_else(|| (self.clock)());
        let sender = sender(&opening.octets);
        let date = Zoned::utc(received.seconds).asctime();
        self.ready.extend_from_slice(format!("From {sender} {date}\n").as_bytes());
        self.ready.extend_from_slice(status(&opening.flags).as_bytes());
        self.put(&opening.octets)
    }

    fn put(&mut self, octets: &[u8]) -> io::Result<()> {
        self.converted.clear();
        self.converter.push(octets, &mut self.converted);
        self.quoter.push(&self.converted, &mut self.ready);
        if self.ready.len() >= CHUNK_OCTETS { self.drain() } else { Ok(()) }
    }

    fn drain(&mut self) -> io::Result<()> {
        self.output.write_all(&self.ready)?;
        self.ready.clear();
        Ok(())
    }
}

/// The address of the Return-Path; the null path, and one that could not stand in a From_
/// line, are `MAILER-DAEMON`.
fn sender(start: &[u8]) -> String {
    let field = headers::find(start, "Return-Path");
    let value = field.map(|field| field.unfolded().into_owned()).unwrap_or_default();
    let path = value.trim_ascii();
    let address = path.strip_prefix(b"<").and_then(|path| path.strip_suffix(b">")).unwrap_or(path);
    match std::str::from_utf8(address) {
        Ok(address)
            if !address.is_empty()
                && !address.chars().any(|c| c.is_whitespace() || c.is_control()) =>
        {
            address.to_owned()
        }
        _ => "MAILER-DAEMON".to_owned(),
    }
}

/// The status fields for these flags; empty where there are none.
pub(super) fn status(flags: &Flags) -> String {
    let mut fields = String::new();
    let mut letters = String::new();
    let mut keywords = String::new();
    for flag in flags.iter() {
        let name = flag.name();
        match name.to_ascii_lowercase().as_str() {
            "\\seen" => fields = format!("{}: RO\n", STATUS[0]),
            "\\answered" => letters.push('A'),
            "\\flagged" => letters.push('F'),
            "\\deleted" => letters.push('D'),
            "\\draft" => letters.push('T'),
            _ if !flag.is_system() && name.bytes().all(|octet| octet.is_ascii_graphic()) => {
                keywords.push(' ');
                keywords.push_str(name);
            }
            _ => {}
        }
    }
    if !letters.is_empty() {
        fields.push_str(&format!("{}: {letters}\n", STATUS[1]));
    }
    if !keywords.is_empty() {
        fields.push_str(&format!("{}:{keywords}\n", STATUS[2]));
    }
    fields
}

/// Puts a `>` before every line that looks like a From_ line, however the octets are split.
struct Quoter {
    place: Place,
    is_at_line_start: bool,
}

#[derive(Clone, Copy)]
enum Place {
    /// At the start of a line, or behind `>` there.
    Start,
    /// So many octets of `From ` stand there; they are held back.
    From(usize),
    /// Somewhere else in a line.
    Within,
}

const FROM: &[u8; 5] = b"From ";

impl Quoter {
    fn new() -> Self {
        // An empty message counts as a line without end: it gets one.
        Self { place: Place::Start, is_at_line_start: false }
    }

    fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let Some(last) = octets.last() else { return };
        self.is_at_line_start = *last == b'\n';
        let mut rest = octets;
        while let Some(first) = rest.first() {
            match self.place {
                Place::Start if *first == b'>' => {
                    out.push(b'>');
                    rest = &rest[1..];
                }
                Place::Start => {
                    self.place = if *first == FROM[0] { Place::From(0) } else { Place::Within };
                }
                Place::From(matched) if *first == FROM[matched] => {
                    rest = &rest[1..];
                    if matched + 1 == FROM.len() {
                        out.push(b'>');
                        out.extend_from_slice(FROM);
                        self.place = Place::Within;
                    } else {
                        self.place = Place::From(matched + 1);
                    }
                }
                Place::From(matched) => {
                    out.extend_from_slice(&FROM[..matched]);
                    self.place = Place::Within;
                }
                Place::Within => {
                    let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
                    out.extend_from_slice(&rest[..end]);
                    if rest[end - 1] == b'\n' {
                        self.place = Place::Start;
                    }
                    rest = &rest[end..];
                }
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if let Place::From(matched) = self.place {
            out.extend_from_slice(&FROM[..matched]);
        }
        self.place = Place::Within;
    }
}

#[async_trait(?Send)]
impl<W: Write> Sink for Writer<W> {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        let flags = message.flags.clone().unwrap_or_default();
        self.start(message.received, &flags).map_err(output_error)
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.write(octets).map_err(output_error)
    }

    async fn end(&mut self, _message: &Meta) -> Result<()> {
        self.close().map_err(output_error)
    }
}

fn output_error(source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::BrokenPipe => Error::OutputClosed,
        _ => Error::File { path: "mbox output".to_owned(), source },
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::super::reader::{Reader, Variety};
    use super::*;

    fn clock() -> Clock {
        Rc::new(|| Received { seconds: 1, offset_seconds: 0 })
    }

    fn written(pieces: &[&[u8]], flags: &Flags) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), LineEnds::AsIs, clock());
        writer.start(None, flags).expect("memory does not fail");
        for piece in pieces {
            writer.write(piece).expect("memory does not fail");
        }
        writer.finish().expect("memory does not fail")
    }

    fn read(mbox: &[u8]) -> Vec<(Vec<u8>, Flags)> {
        let mut reader = Reader::new(mbox, Variety::Auto, "test");
        let mut all = Vec::new();
        while reader.next_message().expect("an mbox").is_some() {
            let mut message = Vec::new();
            while reader.read(&mut message).expect("memory does not fail") {}
            all.push((message, reader.flags()));
        }
        all
    }

    #[test]
    fn an_mbox_as_it_should_be() {
        let body =
            b"Return-Path: <ann@example.org>\r\nSubject: x\r\n\r\nFrom me\r\n>From you\r\nend";
        let mut writer = Writer::new(Vec::new(), LineEnds::Lf, clock());
        let flags: Flags = ["\\Seen", "\\Flagged", "$Junk"].iter().collect();
        let received = Received { seconds: 86_400, offset_seconds: 3_600 };
        writer.start(Some(received), &flags).expect("memory does not fail");
        writer.write(body).expect("memory does not fail");
        writer.start(None, &Flags::new()).expect("memory does not fail");
        writer.write(b"Return-Path: <>\n").expect("memory does not fail");
        let mbox = writer.finish().expect("memory does not fail");
        let expected = "From ann@example.org Fri Jan  2 00:00:00 1970\n\
            Status: RO\nX-Status: F\nX-Keywords: $Junk\n\
            Return-Path: <ann@example.org>\nSubject: x\n\n>From me\n>>From you\nend\n\n\
            From MAILER-DAEMON Thu Jan  1 00:00:01 1970\nReturn-Path: <>\n\n";
        assert_eq!(String::from_utf8_lossy(&mbox), expected);
        let all = read(&mbox);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].1, flags);
        assert!(all[0].0.ends_with(b"\n\nFrom me\n>From you\nend\n"));
    }

    #[test]
    fn a_hostile_return_path_makes_no_line() {
        let mbox = written(&[b"Return-Path: <a b\t@c>\n\nx\n"], &Flags::new());
        assert!(mbox.starts_with(b"From MAILER-DAEMON Thu"));
    }

    fn piece() -> impl Strategy<Value = &'static [u8]> {
        prop_oneof![
            Just(&b"From "[..]),
            Just(&b"From a Thu Jan  1 00:00:00 1970"[..]),
            Just(&b">"[..]),
            Just(&b"\n"[..]),
            Just(&b"\r\n"[..]),
            Just(&b"x"[..]),
            Just(&b"Fro"[..]),
            Just(&b"Subject: y\n"[..]),
            Just(&b"Content-Length: 3\n"[..]),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            messages in proptest::collection::vec(proptest::collection::vec(piece(), 0..12), 0..4),
        ) {
            let mut writer = Writer::new(Vec::new(), LineEnds::AsIs, clock());
            let mut expected = Vec::new();
            for pieces in &messages {
                writer.start(None, &Flags::new()).expect("memory does not fail");
                for piece in pieces {
                    writer.write(piece).expect("memory does not fail");
                }
                let mut whole = pieces.concat();
                if !whole.ends_with(b"\n") {
                    whole.push(b'\n');
                }
                expected.push((whole, Flags::new()));
            }
            let mbox = writer.finish().expect("memory does not fail");
            prop_assert_eq!(read(&mbox), expected);
        }

        #[test]
        fn splitting_changes_nothing(
            pieces in proptest::collection::vec(piece(), 0..12),
            at in 0usize..200,
        ) {
            let whole = pieces.concat();
            let (left, right) = whole.split_at(at.min(whole.len()));
            let one = written(&[&whole], &Flags::new());
            prop_assert_eq!(&written(&[left, right], &Flags::new()), &one);
            let single: Vec<&[u8]> = whole.chunks(1).collect();
            prop_assert_eq!(&written(&single, &Flags::new()), &one);
        }
    }
}
