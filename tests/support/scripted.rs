//! A server that says exactly what a test wrote down, however wrong: for tables of bad input.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// One step of a dialogue, from the server's side.
#[derive(Clone, Debug)]
pub enum Step {
    /// Writes these octets.
    Send(Vec<u8>),
    /// Reads one line, which has to begin with this (whatever its case; for IMAP, behind the
    /// tag).
    Expect(&'static str),
    /// Writes the tag of the IMAP command that was read last, a space, these octets, CRLF.
    Tagged(&'static str),
    /// Reads lines up to the one that is exactly this (`.` ends SMTP's DATA).
    ReadTo(&'static str),
    /// Reads this many octets: an IMAP literal.
    ReadOctets(usize),
    /// Writes these octets over and over, so many times; ends early when the client has gone.
    Repeat(Vec<u8>, u64),
    /// Says nothing until the client goes.
    Stall,
    /// Closes the connection in order; the end of every dialogue unless another is given.
    Close,
    /// Waits for the client's next octets and resets the connection without reading them, so
    /// that the client gets an error and not an end.
    Reset,
}

impl Step {
    /// [`Step::Send`] of a text, which gets its CRLF here.
    pub fn line(text: &str) -> Step {
        Step::Send(format!("{text}\r\n").into_bytes())
    }
}

/// A scripted server on a loopback port: every connection gets the same dialogue.
#[derive(Debug)]
pub struct Scripted {
    port: u16,
    record: Arc<Record>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Record {
    is_over: AtomicBool,
    lines: Mutex<Vec<Vec<u8>>>,
    surprises: Mutex<Vec<String>>,
    // Weak, so that the end of a dialogue closes its connection.
    connections: Mutex<Vec<Weak<TcpStream>>>,
}

/// How long the server waits for a client that says nothing; longer than any client in a test
/// may need.
const IDLE: Duration = Duration::from_secs(90);

impl Scripted {
    /// Starts a server that plays `steps` on every connection.
    pub fn serve(steps: Vec<Step>) -> Scripted {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let record = Arc::new(Record::default());
        let shared = Arc::clone(&record);
        let thread = std::thread::spawn(move || {
            let mut dialogues = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                if shared.is_over.load(Ordering::SeqCst) {
                    break;
                }
                let stream = Arc::new(stream);
                lock(&shared.connections).push(Arc::downgrade(&stream));
                let (steps, record) = (steps.clone(), Arc::clone(&shared));
                dialogues.push(std::thread::spawn(move || {
                    // A client that goes away is what many of these tests are about.
                    let _ = play(&stream, &steps, &record);
                }));
            }
            for dialogue in dialogues {
                let _ = dialogue.join();
            }
        });
        Scripted { port, record, thread: Some(thread) }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `SCHEME://localhost:PORT/`.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}/", self.port)
    }

    /// Whether a client is connected.
    pub fn has_connection(&self) -> bool {
        lock(&self.record.connections).iter().any(|it| it.strong_count() > 0)
    }

    /// Every line that clients sent, in the order in which it was read, without line ends.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.record.lines)
            .iter()
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect()
    }

    /// Whether any octets that clients sent contain these: a password, say.
    pub fn heard(&self, octets: &[u8]) -> bool {
        lock(&self.record.lines)
            .iter()
            .any(|line| line.windows(octets.len()).any(|window| window == octets))
    }

    /// Where the clients did not do what the script expects; empty when all went by it.
    pub fn surprises(&self) -> Vec<String> {
        lock(&self.record.surprises).clone()
    }

    /// Ends the server.
    ///
    /// # Panics
    /// When a client did not do what the script expects.
    #[track_caller]
    pub fn finish(self) {
        let surprises = self.surprises();
        assert!(surprises.is_empty(), "{surprises:#?}");
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.record.is_over.store(true, Ordering::SeqCst);
        // Wakes the accept.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        for stream in lock(&self.record.connections).iter().filter_map(Weak::upgrade) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn play(stream: &TcpStream, steps: &[Step], record: &Record) -> std::io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(IDLE))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    let mut tag = Vec::new();
    for step in steps {
        match step {
            Step::Send(octets) => writer.write_all(octets)?,
            Step::Expect(beginning) => {
                let line = read_line(&mut reader, record)?;
                let words = line.split(|octet| *octet == b' ').next().unwrap_or_default();
                tag = words.to_vec();
                let behind_tag = line.get(tag.len() + 1..).unwrap_or_default();
                if !begins(&line, beginning) && !begins(behind_tag, beginning) {
                    lock(&record.surprises).push(format!(
                        "expected {beginning:?}, got {:?}",
                        String::from_utf8_lossy(&line)
                    ));
                    return Ok(());
                }
            }
            Step::Tagged(text) => {
                let mut line = tag.clone();
                line.push(b' ');
                line.extend_from_slice(text.as_bytes());
                line.extend_from_slice(b"\r\n");
                writer.write_all(&line)?;
            }
            Step::ReadTo(last) => while read_line(&mut reader, record)? != last.as_bytes() {},
            Step::ReadOctets(count) => {
                let mut octets = vec![0; *count];
                reader.read_exact(&mut octets)?;
                lock(&record.lines).push(octets);
            }
            Step::Repeat(octets, times) => {
                for _ in 0..*times {
                    writer.write_all(octets)?;
                }
            }
            Step::Stall => {
                let mut octets = [0; 4096];
                while reader.read(&mut octets)? > 0 {}
            }
            Step::Close => {
                // The client may still be talking: closing now with its octets unread would
                // reset the connection, and it would lose what it has not read yet.
                stream.shutdown(Shutdown::Write)?;
                let mut octets = [0; 4096];
                while reader.read(&mut octets)? > 0 {}
                return Ok(());
            }
            Step::Reset => {
                // To close a socket with unread input is to reset it.
                stream.peek(&mut [0])?;
                return Ok(());
            }
        }
    }
    stream.shutdown(Shutdown::Write)?;
    let mut octets = [0; 4096];
    while reader.read(&mut octets)? > 0 {}
    Ok(())
}

fn begins(line: &[u8], beginning: &str) -> bool {
    line.get(..beginning.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
}

fn read_line(reader: &mut impl BufRead, record: &Record) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    while matches!(line.last(), Some(b'\r' | b'\n')) {
        line.pop();
    }
    lock(&record.lines).push(line.clone());
    Ok(line)
}
