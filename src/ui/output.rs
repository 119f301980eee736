//! stdout: data only, for people, for line-reading programs, or as JSON Lines.

use std::io::{self, BufWriter, IsTerminal, Write};

use serde::Serialize;

use super::sanitize;

/// In which form data goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people, aligned and short.
    Human,
    /// One plain line an item.
    Lines,
    /// One JSON object a line.
    Json,
}

/// The data channel.
pub struct Output {
    to: BufWriter<Box<dyn Write>>,
    format: Format,
    nul: bool,
    terminal: bool,
}

/// Writing failed; a reader that went away is told apart, for it is no failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody reads any more.
    #[error("output closed")]
    Closed,
    /// The write failed.
    #[error("cannot write the output: {0}")]
    Io(#[source] io::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Closed } else { Self::Io(error) }
    }
}

/// Octets that are gathered for one write.
const BUFFER_OCTETS: usize = 64 * 1024;

/// stdout without the line buffer of the standard library, which looks for line ends in
/// everything that passes.
fn unbuffered() -> Box<dyn Write> {
    use std::os::fd::AsFd as _;
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(std::fs::File::from(descriptor)),
        Err(_) => Box::new(io::stdout()),
    }
}

/// JSON in which text does nothing to a terminal: RFC 8259 section 7 wants only the characters
/// below U+0020 escaped, and that leaves C1 controls and overrides of direction.
struct Escaping;

impl serde_json::ser::Formatter for Escaping {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        let mut plain = 0;
        for (at, harmful) in fragment.char_indices().filter(|(_, c)| sanitize::is_harmful(*c)) {
            writer.write_all(&fragment.as_bytes()[plain..at])?;
            for unit in harmful.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = at + harmful.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[plain..])
    }
}

impl Output {
    /// stdout. Without `json`, the form follows what stdout is. `nul` ends each line by NUL.
    pub fn stdout(json: bool, nul: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let format = match (json, terminal && !nul) {
            (true, _) => Format::Json,
            (false, true) => Format::Human,
            (false, false) => Format::Lines,
        };
        Self { to: BufWriter::with_capacity(BUFFER_OCTETS, unbuffered()), format, nul, terminal }
    }

    /// Any writer, for tests.
    pub fn to(writer: Box<dyn Write>, format: Format, nul: bool) -> Self {
        Self { to: BufWriter::new(writer), format, nul, terminal: false }
    }

    /// The form in force.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether a person looks at it.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes one item of text: made harmless on a terminal, ended by LF, or by NUL.
    ///
    /// # Errors
    /// [`Error`].
    pub fn line(&mut self, text: &str) -> Result<(), Error> {
        if self.terminal {
            self.to.write_all(sanitize::line(text).as_bytes())?;
        } else {
            self.to.write_all(text.as_bytes())?;
        }
        self.to.write_all(if self.nul { b"\0" } else { b"\n" })?;
        if self.terminal {
            self.to.flush()?;
        }
        Ok(())
    }

    /// Writes one object as a line of JSON: untrusted text is escaped, and whole.
    ///
    /// # Errors
    /// [`Error`].
    pub fn json(&mut self, object: &impl Serialize) -> Result<(), Error> {
        self.json_piece(object)?;
        self.to.write_all(b"\n")?;
        Ok(())
    }

    /// As [`Output::json`] without the line end: a part of a line that is written in pieces.
    ///
    /// # Errors
    /// [`Error`].
    pub fn json_piece(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let mut serializer = serde_json::Serializer::with_formatter(&mut self.to, Escaping);
        value.serialize(&mut serializer).map_err(|error| Error::from(io::Error::from(error)))
    }

    /// Writes octets as they are.
    ///
    /// # Errors
    /// [`Error`].
    pub fn octets(&mut self, octets: &[u8]) -> Result<(), Error> {
        self.to.write_all(octets)?;
        Ok(())
    }

    /// Writes message content: as it is, but on a terminal without what a terminal would obey.
    ///
    /// # Errors
    /// [`Error`].
    pub fn content(&mut self, octets: &[u8]) -> Result<(), Error> {
        if self.terminal {
            let text = String::from_utf8_lossy(octets);
            return self.octets(sanitize::text(&text).as_bytes());
        }
        self.octets(octets)
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// [`Error`].
    pub fn flush(&mut self) -> Result<(), Error> {
        self.to.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// Where an [`Output`] of these tests goes.
    #[derive(Clone, Default)]
    struct Written(Rc<RefCell<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(terminal: bool, write: impl FnOnce(&mut Output) -> Result<(), Error>) -> String {
        let text = Written::default();
        let mut out = Output::to(Box::new(text.clone()), Format::Lines, false);
        out.terminal = terminal;
        write(&mut out).expect("memory takes it");
        out.flush().expect("memory takes it");
        let octets = text.0.borrow().clone();
        String::from_utf8(octets).expect("text")
    }

    #[test]
    fn json_is_escaped_and_whole() {
        let value = ["a\x1b\u{9b}1m\u{202e}\u{e0041}ü \"\\", ""];
        let text = written(true, |out| out.json(&value));
        let escaped = r#"["a\u001b\u009b1m\u202e\udb40\udc41ü \"\\",""]"#;
        assert_eq!(text, format!("{escaped}\n"));
        assert_eq!(serde_json::from_str::<[String; 2]>(&text).expect("JSON"), value);
    }

    #[test]
    fn content_commands_no_terminal() {
        let octets = "Subject: a\x1b]0;b\x07\n\tc\u{9b}1m\u{202e}\n".as_bytes();
        assert_eq!(written(true, |out| out.content(octets)), "Subject: a]0;b\n\tc1m\n");
        assert_eq!(written(false, |out| out.content(octets)).as_bytes(), octets);
    }
}
