//! Transcripts made visible: `-v` for people, `--trace FILE` as JSON Lines.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use super::{report, sanitize};
use crate::net::transcript::{Direction, Event, Transcript};

/// Prints `C:` and `S:` lines to stderr, as the client sees it; a server that uses it has
/// the letters the other way round.
pub struct Printed {
    letters: (&'static str, &'static str),
    partial: RefCell<Vec<(u32, Direction, Vec<u8>)>>,
}

impl Printed {
    /// For a client: what we send is `C:`.
    pub fn client() -> Self {
        Self { letters: ("C", "S"), partial: RefCell::default() }
    }

    /// For a server: what we send is `S:`.
    pub fn server() -> Self {
        Self { letters: ("S", "C"), partial: RefCell::default() }
    }

    fn letter(&self, direction: Direction) -> &'static str {
        match direction {
            Direction::Sent => self.letters.0,
            Direction::Received => self.letters.1,
        }
    }

    fn say(&self, connection: u32, direction: Option<Direction>, text: &str) {
        let number = if connection > 1 { format!("{connection} ") } else { String::new() };
        let letter = direction.map_or("*", |direction| self.letter(direction));
        report::note(&format!("{number}{letter}: {text}"));
    }
}

impl Transcript for Printed {
    fn event(&self, connection: u32, _: Duration, event: &Event<'_>) {
        match event {
            Event::Connected(whom) => self.say(connection, None, &format!("connected to {whom}")),
            Event::Encrypted(how) => self.say(connection, None, &format!("encrypted by {how}")),
            Event::Closed => self.say(connection, None, "closed"),
            Event::Secret(direction) => {
                self.say(connection, Some(*direction), crate::net::transcript::REDACTED)
            }
            Event::Body(_, []) => {}
            Event::Body(direction, octets) => {
                let text = format!("[{} octets of content]", octets.len());
                self.say(connection, Some(*direction), &text);
            }
            Event::Octets(direction, octets) => {
                // Lines may come in pieces; they are printed whole.
                let mut partial = self.partial.borrow_mut();
                let at = partial
                    .iter()
                    .position(|(number, way, _)| (number, way) == (&connection, direction));
                let mut held = match at {
                    Some(at) => partial.swap_remove(at).2,
                    None => Vec::new(),
                };
                held.extend_from_slice(octets);
                let mut rest = held.as_slice();
                while let Some(end) = memchr::memchr(b'\n', rest) {
                    let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
                    self.say(connection, Some(*direction), &sanitize::octets(line));
                    rest = &rest[end + 1..];
                }
                if !rest.is_empty() {
                    partial.push((connection, *direction, rest.to_vec()));
                }
            }
        }
    }
}

/// Writes each event as a line of JSON: `us` (microseconds since the start), `connection`,
/// `event`, and `direction` (`sent`, `received`), `text` or `octets` where they apply.
pub struct Traced {
    file: RefCell<Box<dyn Write>>,
}

impl Traced {
    /// Writes to `file`.
    pub fn new(file: Box<dyn Write>) -> Self {
        Self { file: RefCell::new(file) }
    }
}

impl Transcript for Traced {
    fn event(&self, connection: u32, since_start: Duration, event: &Event<'_>) {
        use serde_json::json;
        let way = |direction: &Direction| match direction {
            Direction::Sent => "sent",
            Direction::Received => "received",
        };
        let mut object = match event {
            Event::Connected(whom) => json!({"event": "connected", "text": whom}),
            Event::Encrypted(how) => json!({"event": "encrypted", "text": how}),
            Event::Closed => json!({"event": "closed"}),
            Event::Secret(direction) => json!({"event": "secret", "direction": way(direction)}),
            Event::Body(direction, octets) => {
                json!({"event": "body", "direction": way(direction), "octets": octets.len()})
            }
            Event::Octets(direction, octets) => json!({
                "event": "octets",
                "direction": way(direction),
                "text": String::from_utf8_lossy(octets),
            }),
        };
        object["us"] = json!(u64::try_from(since_start.as_micros()).unwrap_or(u64::MAX));
        object["connection"] = json!(connection);
        // A trace that cannot be written must not stop the mail.
        let _ = writeln!(self.file.borrow_mut(), "{object}");
    }
}

/// Several listeners at once.
pub struct All(pub Vec<Rc<dyn Transcript>>);

impl Transcript for All {
    fn event(&self, connection: u32, since_start: Duration, event: &Event<'_>) {
        for transcript in &self.0 {
            transcript.event(connection, since_start, event);
        }
    }

    fn wants_content(&self) -> bool {
        self.0.iter().any(|transcript| transcript.wants_content())
    }
}

/// A new file that only its owner can read; an old one of that name is emptied.
///
/// # Errors
/// As opening a file.
pub fn private_file(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
