//! `--record`: every dialogue with its content, as JSON Lines that `replay` reads.
//!
//! Secrets are left out: a line that is one becomes an event of its own, and passwords that
//! are known are blotted out wherever else they stand.

use std::cell::RefCell;
use std::io::{BufWriter, Write};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::net::transcript::{Direction, Event, Transcript};
use crate::ui::report;

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The connection's number.
    pub connection: u32,
    /// Microseconds since the first connection.
    pub us: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum What {
    /// A client came.
    Connected {
        /// The listener's name, as in `--port`.
        protocol: String,
    },
    /// The client said something.
    Client(Said),
    /// The server said something.
    Server(Said),
    /// The client sent a line with a secret.
    Secret,
    /// TLS began.
    Encrypted,
    /// The connection ended.
    Closed,
}

/// Octets, and what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// They are message content: another client's may differ.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub content: bool,
    /// The octets where they are UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The octets otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Said {
    /// Octets to be written down.
    pub fn new(octets: &[u8], content: bool) -> Self {
        match std::str::from_utf8(octets) {
            Ok(text) => Self { content, text: Some(text.to_owned()), base64: None },
            Err(_) => Self { content, text: None, base64: Some(STANDARD.encode(octets)) },
        }
    }

    /// The octets; `None` when the line has none, or none that can be read.
    pub fn octets(&self) -> Option<Vec<u8>> {
        match (&self.text, &self.base64) {
            (Some(text), _) => Some(text.clone().into_bytes()),
            (None, Some(base64)) => STANDARD.decode(base64).ok(),
            (None, None) => None,
        }
    }
}

/// Writes events to a file.
pub struct Recorder {
    file: RefCell<BufWriter<std::fs::File>>,
    has_failed: std::cell::Cell<bool>,
}

impl Recorder {
    /// Writes to a file that was just made.
    pub fn new(file: std::fs::File) -> Self {
        Self { file: RefCell::new(BufWriter::new(file)), has_failed: false.into() }
    }

    fn write(&self, line: &Line) -> std::io::Result<()> {
        let mut file = self.file.borrow_mut();
        serde_json::to_writer(&mut *file, line)?;
        file.write_all(b"\n")?;
        // A connection that is over is in the file, whatever becomes of us.
        if line.what == What::Closed { file.flush() } else { Ok(()) }
    }
}

impl Transcript for Recorder {
    fn event(&self, connection: u32, since_start: Duration, event: &Event<'_>) {
        let what = match event {
            Event::Connected(whom) => {
                let protocol = whom.rsplit(' ').next().unwrap_or_default().to_owned();
                What::Connected { protocol }
            }
            Event::Octets(Direction::Received, octets) => What::Client(Said::new(octets, false)),
            Event::Octets(Direction::Sent, octets) => What::Server(Said::new(octets, false)),
            Event::Body(_, []) => return,
            Event::Body(Direction::Received, octets) => What::Client(Said::new(octets, true)),
            Event::Body(Direction::Sent, octets) => What::Server(Said::new(octets, true)),
            Event::Secret(Direction::Received) => What::Secret,
            // No server here says a secret.
            Event::Secret(Direction::Sent) => return,
            Event::Encrypted(_) => What::Encrypted,
            Event::Closed => What::Closed,
        };
        let us = u64::try_from(since_start.as_micros()).unwrap_or(u64::MAX);
        if let Err(error) = self.write(&Line { connection, us, what })
            && !self.has_failed.replace(true)
        {
            report::warning(&format!("--record: {error}; the recording is not whole"));
        }
    }

    fn wants_content(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        let all = [
            What::Connected { protocol: "imap".into() },
            What::Client(Said::new(b"a NOOP\r\n", false)),
            What::Server(Said::new(b"\xff\0", true)),
            What::Secret,
            What::Encrypted,
            What::Closed,
        ];
        for what in all {
            let line = Line { connection: 1, us: 5, what };
            let text = serde_json::to_string(&line).expect("JSON");
            assert_eq!(serde_json::from_str::<Line>(&text).expect(&text), line);
        }
        let line = r#"{"connection":1,"us":0,"event":"client","text":"NOOP\r\n"}"#;
        let line: Line = serde_json::from_str(line).expect("a line");
        let What::Client(said) = line.what else { panic!("{line:?}") };
        assert_eq!(said.octets().as_deref(), Some(&b"NOOP\r\n"[..]));
    }
}
