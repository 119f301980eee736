//! A private Courier: its IMAP and POP3 servers as they are behind a login, each on a loopback
//! port of its own. Debian's courier-imap and dovecot-imapd exclude one another, so it is unpacked,
//! not installed; see tests/peers/install. Its login daemons are left out: IMAP greets with
//! PREAUTH, and what comes before `PASS` of POP3 is said by this file.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Scratch, Stored, peers, skip};

/// What Courier's own configuration says that it can do.
const CAPABILITY: &str = "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT \
    THREAD=REFERENCES SORT QUOTA IDLE ACL ACL2=UNION";

/// A running Courier with one user's mail, ended on drop.
#[derive(Debug)]
pub struct Courier {
    pub imap: u16,
    pub pop3: u16,
    is_over: Arc<AtomicBool>,
    scratch: Scratch,
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Imap,
    Pop,
}

impl Courier {
    /// Starts one. `None`: it cannot be here, and the skip of `test` has been printed.
    pub fn start(test: &str) -> Option<Courier> {
        let root = peers().join("courier");
        if !root.join("usr/bin/imapd").is_file() {
            skip(test, "not there: courier-imap (tests/run unpacks it)");
            return None;
        }
        let scratch = Scratch::new();
        for folder in ["tmp", "new", "cur"] {
            scratch.folder(&format!("Maildir/{folder}"));
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let listen = |service| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
            let port = listener.local_addr().expect("bound").port();
            let (root, home) = (root.clone(), scratch.path().to_owned());
            let over = Arc::clone(&is_over);
            std::thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                    let (root, home) = (root.clone(), home.clone());
                    std::thread::spawn(move || serve(service, stream, &root, &home));
                }
            });
            port
        };
        let (imap, pop3) = (listen(Service::Imap), listen(Service::Pop));
        Some(Courier { imap, pop3, is_over, scratch })
    }

    /// The Maildir of a folder (`INBOX`, or a name with `.` between its levels).
    pub fn maildir(&self, folder: &str) -> PathBuf {
        let inbox = self.scratch.path().join("Maildir");
        if folder == "INBOX" { inbox } else { inbox.join(format!(".{folder}")) }
    }

    /// Puts messages into a folder, as another program's delivery would.
    pub fn put(&self, folder: &str, messages: &[Stored<'_>]) {
        let maildir = self.maildir(folder);
        for part in ["tmp", "new", "cur"] {
            std::fs::create_dir_all(maildir.join(part)).expect("a Maildir");
        }
        if folder != "INBOX" {
            std::fs::write(maildir.join("maildirfolder"), "").expect("a marker");
        }
        for (number, message) in messages.iter().enumerate() {
            let name = format!("{}.M{number:06}.courier:2,{}", message.received, message.flags);
            std::fs::write(maildir.join("cur").join(name), message.octets).expect("a message");
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        for port in [self.imap, self.pop3] {
            // Wakes the accept.
            let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        }
    }
}

/// Hands a connection to a server of its own, which ends with it.
fn serve(service: Service, stream: TcpStream, root: &Path, home: &Path) {
    let _ = stream.set_nodelay(true);
    if service == Service::Pop && !logged_in(&stream) {
        return;
    }
    let program = match service {
        Service::Imap => "usr/bin/imapd",
        Service::Pop => "usr/lib/courier/courier/courierpop3d",
    };
    let mut libraries = OsString::new();
    for folder in ["usr/lib", "usr/lib/x86_64-linux-gnu", "usr/lib/courier-authlib"] {
        libraries.push(root.join(folder));
        libraries.push(":");
    }
    let Ok(input) = stream.try_clone() else { return };
    let child = Command::new(root.join(program))
        .arg("Maildir")
        .current_dir(home)
        .env_clear()
        .env("LD_LIBRARY_PATH", libraries)
        .env("AUTHENTICATED", "alice")
        .env("IMAP_CAPABILITY", CAPABILITY)
        .env("IMAP_IDLE_TIMEOUT", "1")
        .env("IMAP_ENHANCEDIDLE", "0")
        .env("IMAP_EMPTYTRASH", "")
        .stdin(Stdio::from(OwnedFd::from(input)))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return };
    if let Some(output) = child.stdout.take() {
        let _ = relay(service, output, &stream);
    }
    let _ = stream.shutdown(Shutdown::Both);
    let _ = child.wait();
}

/// Passes on what the server says. Before its greeting, imapd complains in an ALERT that it has no
/// file alteration monitor, which its login daemon keeps to itself.
fn relay(service: Service, output: ChildStdout, mut stream: &TcpStream) -> std::io::Result<()> {
    let mut output = BufReader::new(output);
    if service == Service::Imap {
        let mut line = String::new();
        while !line.starts_with("* PREAUTH") {
            line.clear();
            if output.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        stream.write_all(line.as_bytes())?;
    }
    let mut buffer = [0; 16 * 1024];
    loop {
        match output.read(&mut buffer)? {
            0 => return Ok(()),
            read => stream.write_all(&buffer[..read])?,
        }
    }
}

/// What Courier's POP3 login says up to PASS, which the server itself answers.
fn logged_in(stream: &TcpStream) -> bool {
    let mut writer = stream;
    let Ok(reader) = stream.try_clone() else { return false };
    // One octet at a time would be slow elsewhere: here no command comes before its answer.
    let mut reader = BufReader::with_capacity(512, reader);
    let mut say = |text: &str| writer.write_all(text.as_bytes()).is_ok();
    if !say("+OK Hello there.\r\n") {
        return false;
    }
    let mut line = String::new();
    loop {
        line.clear();
        if !reader.read_line(&mut line).is_ok_and(|read| read > 0) {
            return false;
        }
        let command = line.trim_end().to_uppercase();
        let answer = match command.split(' ').next().unwrap_or_default() {
            "PASS" => return true,
            "USER" => "+OK Password required.\r\n",
            "CAPA" => {
                "+OK Here's what I can do:\r\nTOP\r\nUSER\r\nLOGIN-DELAY 10\r\nPIPELINING\r\n\
                 UIDL\r\nUTF8 USER\r\nIMPLEMENTATION Courier Mail Server\r\n.\r\n"
            }
            "QUIT" => "+OK Better luck next time.\r\n",
            _ => "-ERR Invalid command.\r\n",
        };
        if !say(answer) {
            return false;
        }
    }
}
