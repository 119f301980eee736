//! An IMAP server that knows just enough for a client to come as far as the command in question,
//! in whatever order the client asks, and there does what a test wrote down.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the server does instead of the usual when a command comes.
#[derive(Clone, Debug)]
pub enum Twist {
    /// Says this and closes.
    Break(&'static str),
    /// Says this, then `TAG text`.
    Answer(String, &'static str),
    /// Says nothing more.
    Stall,
    /// Says so many megabytes of one line.
    Flood(usize),
    /// Says this over and over, so many times, and closes.
    Repeat(String, u64),
}

impl Twist {
    /// Says this, then that the command is done.
    pub fn done(untagged: impl Into<String>) -> Twist {
        Twist::Answer(untagged.into(), "OK done")
    }
}

/// A running server: one mailbox, one message.
pub struct Imap {
    pub port: u16,
    is_over: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

/// The message.
pub const IMAP_MESSAGE: &str = "Subject: one\r\n\r\nwhole\r\n";

impl Imap {
    /// `twists`: beginning of a command in capitals (`EXAMINE` stands as `SELECT`) and what comes
    /// of it, the first that fits; the empty one is for the greeting.
    pub fn serve(twists: Vec<(&str, Twist)>) -> Imap {
        let twists: Vec<(String, Twist)> =
            twists.into_iter().map(|(command, twist)| (command.to_owned(), twist)).collect();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let is_over = Arc::new(AtomicBool::new(false));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (over, hears) = (Arc::clone(&is_over), Arc::clone(&heard));
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let (twists, hears) = (twists.clone(), Arc::clone(&hears));
                // A client that goes away is what this is about.
                std::thread::spawn(move || drop(Imap::play(&stream, &twists, &hears)));
            }
        });
        Imap { port, is_over, heard, thread: Some(thread) }
    }

    /// One that says it can do this besides IMAP4rev1.
    pub fn with(capabilities: &str, twists: Vec<(&str, Twist)>) -> Imap {
        let list = format!("* CAPABILITY IMAP4rev1 {capabilities}\r\n");
        // The greeting says nothing of them: a client asks.
        let mut all = vec![("", Twist::Answer(String::new(), "OK ready"))];
        all.extend(twists);
        all.push(("CAPABILITY", Twist::done(list)));
        Imap::serve(all)
    }

    /// Every command of every client so far, in capitals, without tags.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `imap://alice@localhost:PORT/PATH`.
    pub fn url(&self, path: &str) -> String {
        format!("imap://alice@localhost:{}/{path}", self.port)
    }

    fn play(
        stream: &TcpStream,
        twists: &[(String, Twist)],
        heard: &Mutex<Vec<String>>,
    ) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(90)))?;
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        let mut writer = stream;
        match twists.iter().find(|(command, _)| command.is_empty()) {
            Some((_, twist)) => {
                if !Imap::twist(&mut writer, &mut reader, "*", twist)? {
                    return Ok(());
                }
            }
            None => writer.write_all(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")?,
        }
        loop {
            let Some(line) = Imap::command(&mut reader, &mut writer)? else { return Ok(()) };
            let (tag, command) = line.trim_end().split_once(' ').unwrap_or_default();
            let command = command.to_uppercase().replacen("EXAMINE", "SELECT", 1);
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(command.clone());
            let twist =
                twists.iter().find(|(start, _)| !start.is_empty() && command.starts_with(start));
            if let Some((_, twist)) = twist {
                if !Imap::twist(&mut writer, &mut reader, tag, twist)? {
                    return Ok(());
                }
                continue;
            }
            let (untagged, done) = Imap::usual(&command);
            writer.write_all(format!("{untagged}{tag} {done}\r\n").as_bytes())?;
            if command.starts_with("LOGOUT") {
                return Ok(());
            }
        }
    }

    /// Reads a command with its literals; `None` when the client has gone.
    fn command(
        reader: &mut BufReader<&TcpStream>,
        writer: &mut &TcpStream,
    ) -> std::io::Result<Option<String>> {
        let mut line = Vec::new();
        loop {
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let Some((_, announced)) = text.rsplit_once('{').filter(|_| text.ends_with('}')) else {
                return Ok(Some(text));
            };
            let announced = announced.trim_end_matches('}');
            let waits = !announced.ends_with(['+', '-']);
            let Ok(octets) = announced.trim_end_matches(['+', '-']).parse::<usize>() else {
                return Ok(Some(text));
            };
            if waits {
                writer.write_all(b"+ go on\r\n")?;
            }
            let from = line.len();
            line.resize(from + octets, 0);
            reader.read_exact(&mut line[from..])?;
        }
    }

    /// Whether the dialogue goes on.
    fn twist(
        writer: &mut &TcpStream,
        reader: &mut BufReader<&TcpStream>,
        tag: &str,
        twist: &Twist,
    ) -> std::io::Result<bool> {
        match twist {
            Twist::Break(text) => {
                writer.write_all(text.as_bytes())?;
                writer.shutdown(Shutdown::Write)?;
                // Closing with unread octets would reset, and lose what was said.
                std::io::copy(reader, &mut std::io::sink())?;
                return Ok(false);
            }
            Twist::Answer(untagged, done) => {
                writer.write_all(format!("{untagged}{tag} {done}\r\n").as_bytes())?;
            }
            Twist::Stall => {
                std::io::copy(reader, &mut std::io::sink())?;
                return Ok(false);
            }
            Twist::Flood(megabytes) => {
                for _ in 0..*megabytes {
                    writer.write_all(&[b'x'; 1 << 20])?;
                }
                return Ok(false);
            }
            Twist::Repeat(text, times) => {
                for _ in 0..*times {
                    writer.write_all(text.as_bytes())?;
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn usual(command: &str) -> (String, &'static str) {
        let untagged = if command.starts_with("CAPABILITY") {
            "* CAPABILITY IMAP4rev1\r\n".to_owned()
        } else if command.starts_with("SELECT") {
            "* FLAGS (\\Seen)\r\n* 1 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 7] v\r\n\
             * OK [UIDNEXT 2] n\r\n"
                .to_owned()
        } else if command.starts_with("NAMESPACE") {
            "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n".to_owned()
        } else if command.starts_with("LIST") {
            "* LIST () \"/\" INBOX\r\n".to_owned()
        } else if command.starts_with("STATUS") {
            "* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7)\r\n".to_owned()
        } else if command.starts_with("UID SEARCH") {
            "* SEARCH 1\r\n".to_owned()
        } else if command.contains("FETCH") && command.contains("BODY.PEEK[") {
            Imap::body(IMAP_MESSAGE)
        } else if command.contains("FETCH") {
            "* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 23 INTERNALDATE \
             \"03-Mar-2026 10:00:00 +0000\")\r\n"
                .to_owned()
        } else if command.starts_with("LOGOUT") {
            "* BYE\r\n".to_owned()
        } else {
            String::new()
        };
        let done = if command.starts_with("SELECT") { "OK [READ-ONLY] done" } else { "OK done" };
        (untagged, done)
    }

    /// The response that brings a message, UID 1.
    pub fn body(message: &str) -> String {
        format!(
            "* 1 FETCH (UID 1 FLAGS () RFC822.SIZE {0} INTERNALDATE \
             \"03-Mar-2026 10:00:00 +0000\" BODY[] {{{0}}}\r\n{message})\r\n",
            message.len()
        )
    }
}

impl Drop for Imap {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the accept.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
