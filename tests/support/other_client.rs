//! Somebody else at the same mailbox: an IMAP client in the clear that knows just enough to
//! change things while the program under test is at work, and nothing of its code.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// A logged-in connection.
#[derive(Debug)]
pub struct OtherClient {
    stream: BufReader<TcpStream>,
    commands: u32,
}

impl OtherClient {
    /// Logs in at an IMAP server on the loopback `port` that takes LOGIN without TLS.
    ///
    /// # Panics
    /// When it cannot, as all methods do when the server says anything but OK.
    pub fn login(port: u16, user: &str, password: &str) -> OtherClient {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a server listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout can be set");
        stream.set_nodelay(true).expect("an option can be set");
        let mut client = OtherClient { stream: BufReader::new(stream), commands: 0 };
        client.line();
        client.command(&format!("LOGIN {user} {password}"));
        client
    }

    /// Says a command; the lines before its tagged response, literals taken apart into lines.
    #[track_caller]
    pub fn command(&mut self, command: &str) -> Vec<String> {
        let tag = self.say(command);
        self.until(&tag, command)
    }

    /// Adds a message; `flags` as in `\Seen \Flagged`.
    #[track_caller]
    pub fn append(&mut self, mailbox: &str, flags: &str, message: &[u8]) {
        let command = format!("APPEND \"{mailbox}\" ({flags}) {{{}}}", message.len());
        let tag = self.say(&command);
        let go = self.line();
        assert!(go.starts_with('+'), "{command}: {go}");
        let mut writer = self.stream.get_ref();
        writer.write_all(message).and_then(|()| writer.write_all(b"\r\n")).expect("it listens");
        self.until(&tag, &command);
    }

    #[track_caller]
    pub fn select(&mut self, mailbox: &str) {
        self.command(&format!("SELECT \"{mailbox}\""));
    }

    /// The UIDs of what `UID SEARCH` finds in the selected mailbox.
    #[track_caller]
    pub fn search(&mut self, criteria: &str) -> Vec<u32> {
        let lines = self.command(&format!("UID SEARCH {criteria}"));
        lines
            .iter()
            .filter_map(|line| line.strip_prefix("* SEARCH"))
            .flat_map(|numbers| numbers.split_ascii_whitespace())
            .filter_map(|number| number.parse().ok())
            .collect()
    }

    fn say(&mut self, command: &str) -> String {
        self.commands += 1;
        let tag = format!("o{}", self.commands);
        let line = format!("{tag} {command}\r\n");
        self.stream.get_ref().write_all(line.as_bytes()).expect("it listens");
        tag
    }

    #[track_caller]
    fn until(&mut self, tag: &str, command: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            if let Some(rest) = line.strip_prefix(tag) {
                assert!(rest.starts_with(" OK"), "{command}: {line}");
                return lines;
            }
            lines.push(line);
        }
    }

    fn line(&mut self) -> String {
        let mut octets = Vec::new();
        self.stream.by_ref().read_until(b'\n', &mut octets).expect("it answers");
        assert!(!octets.is_empty(), "the server hung up");
        String::from_utf8_lossy(&octets).trim_end().to_owned()
    }
}
