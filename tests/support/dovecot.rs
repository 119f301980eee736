//! A private Dovecot: IMAP, POP3 and LMTP on loopback ports of its own, Maildirs in a
//! temporary folder.

use std::ffi::OsStr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use super::guarded::{Guarded, Stop};
use super::{
    Authority, Leaf, MAIL_UID, Scratch, USERS, fill_template, find_program, free_ports, needs,
    needs_root,
};

/// What can be asked for beyond the ordinary.
#[derive(Clone, Debug)]
pub struct Options {
    /// Between the levels of a mailbox name, as clients see it.
    pub separator: char,
    /// The kind of certificate that it shows.
    pub certificate: Leaf,
    /// Whether PLAIN, LOGIN and USER/PASS are refused without TLS.
    pub refuse_cleartext: bool,
    /// Lines added to the end of the configuration; `{ROOT}` in them is the server's folder.
    pub extra: String,
    /// Files below that folder, with their content; `{ROOT}` as in `extra`.
    pub files: Vec<(&'static str, String)>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            separator: '/',
            certificate: Leaf::Good,
            refuse_cleartext: false,
            extra: String::new(),
            files: Vec::new(),
        }
    }
}

/// A message to be put into a mailbox behind Dovecot's back, before clients look.
#[derive(Clone, Debug)]
pub struct Stored<'a> {
    /// The file as it will be, line ends included.
    pub octets: &'a [u8],
    /// Maildir's letters: `S` seen, `F` flagged, `R` answered, `T` deleted, `D` draft.
    pub flags: &'a str,
    /// INTERNALDATE: seconds since 1970.
    pub received: u64,
}

/// A running Dovecot, ended on drop. Users: [`USERS`].
#[derive(Debug)]
pub struct Dovecot {
    pub imap: u16,
    pub imaps: u16,
    pub pop3: u16,
    pub pop3s: u16,
    pub lmtp: u16,
    pub authority: Authority,
    separator: char,
    // Before the folder, so that the server ends before its files go.
    process: Guarded,
    scratch: Scratch,
}

impl Dovecot {
    /// Starts one. `None`: it cannot be here, and the skip of `test` has been printed.
    pub fn start(test: &str) -> Option<Dovecot> {
        Dovecot::with(test, &Options::default())
    }

    /// As [`Dovecot::start`], with options.
    ///
    /// # Panics
    /// When Dovecot is there and does not start; its log is in the message.
    pub fn with(test: &str, options: &Options) -> Option<Dovecot> {
        if !needs(test, &["dovecot", "openssl"]) || !needs_root(test) {
            return None;
        }
        let program = find_program("dovecot")?;
        let mut last = String::new();
        // Another process can take a port between our looking and Dovecot's binding.
        for _ in 0..3 {
            match Dovecot::attempt(&program, options) {
                Ok(dovecot) => return Some(dovecot),
                Err(log) => last = log,
            }
        }
        panic!("dovecot does not start:\n{last}");
    }

    fn attempt(program: &Path, options: &Options) -> Result<Dovecot, String> {
        let scratch = Scratch::new();
        let authority = Authority::new(&scratch.path().join("tls"));
        let identity = authority.issue(options.certificate);
        let root = text(scratch.path());
        scratch.folder("run");
        let home = scratch.folder("home");
        chown(&home, Some(MAIL_UID), Some(MAIL_UID)).expect("root may give files away");
        let users: String = USERS
            .iter()
            .map(|(name, password)| format!("{name}:{{PLAIN}}{password}::::::\n"))
            .collect();
        scratch.write("users", users);
        for (name, content) in &options.files {
            scratch.write(name, content.replace("{ROOT}", &root));
        }
        let [imap, imaps, pop3, pop3s, lmtp] = free_ports::<5>();
        let configuration = fill_template(
            "dovecot.conf.in",
            &[
                ("ROOT", &root),
                ("CERT", &text(&identity.certificate)),
                ("KEY", &text(&identity.key)),
                ("REFUSE_CLEARTEXT", if options.refuse_cleartext { "yes" } else { "no" }),
                ("UID", &MAIL_UID.to_string()),
                ("GID", &MAIL_UID.to_string()),
                ("SEPARATOR", &options.separator.to_string()),
                ("IMAP", &imap.to_string()),
                ("IMAPS", &imaps.to_string()),
                ("POP3", &pop3.to_string()),
                ("POP3S", &pop3s.to_string()),
                ("LMTP", &lmtp.to_string()),
                ("EXTRA", &options.extra.replace("{ROOT}", &root)),
            ],
        );
        let path = scratch.write("dovecot.conf", configuration);
        let mut process = Guarded::spawn(
            program.as_os_str(),
            &["-F".into(), "-c".into(), path.into()],
            &[],
            Stop::KillGroup,
            Stdio::null(),
        );
        let separator = options.separator;
        let is_up = [imap, imaps, pop3, pop3s, lmtp].into_iter().all(|port| process.listens(port));
        let dovecot =
            Dovecot { imap, imaps, pop3, pop3s, lmtp, authority, separator, process, scratch };
        if is_up { Ok(dovecot) } else { Err(dovecot.log()) }
    }

    /// Ends it and its sessions at once, and starts it again with the same mail and ports.
    ///
    /// # Panics
    /// When it does not come up again.
    pub fn restart(&mut self) {
        let program = find_program("dovecot").expect("it was there before");
        let path = self.scratch.path().join("dovecot.conf");
        let idle = Guarded::spawn(OsStr::new("true"), &[], &[], Stop::KillGroup, Stdio::null());
        drop(std::mem::replace(&mut self.process, idle));
        let mut is_up = false;
        for _ in 0..50 {
            // What was killed may hold its ports and its number for a moment longer.
            super::wait_for("the end of dovecot", super::PATIENCE, || {
                let connected = |port| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
                (!connected(self.imap) && !connected(self.imaps)).then_some(())
            });
            let _ = std::fs::remove_file(self.scratch.path().join("run/master.pid"));
            self.process = Guarded::spawn(
                program.as_os_str(),
                &["-F".into(), "-c".into(), path.as_path().into()],
                &[],
                Stop::KillGroup,
                Stdio::null(),
            );
            is_up = [self.imap, self.imaps].into_iter().all(|port| self.process.listens(port));
            if is_up {
                break;
            }
        }
        assert!(is_up, "dovecot does not start again:\n{}", self.log());
    }

    /// The certificate that clients have to trust.
    pub fn ca(&self) -> PathBuf {
        self.authority.certificate()
    }

    /// `imaps://alice@localhost:PORT/`, and so on for `imap`, `pop3`, `pop3s`, `lmtp`.
    ///
    /// # Panics
    /// For a scheme that it does not serve.
    pub fn url(&self, scheme: &str, user: &str) -> String {
        let port = match scheme {
            "imap" => self.imap,
            "imaps" => self.imaps,
            "pop3" => self.pop3,
            "pop3s" => self.pop3s,
            "lmtp" => self.lmtp,
            other => panic!("this server does not speak {other}"),
        };
        format!("{scheme}://{user}@localhost:{port}/")
    }

    /// Where the users' folders are; `home()/alice/Maildir` is alice's mail.
    pub fn home(&self) -> PathBuf {
        self.scratch.path().join("home")
    }

    /// The Unix socket at which it speaks LMTP.
    pub fn lmtp_socket(&self) -> PathBuf {
        self.scratch.path().join("run/lmtp")
    }

    /// The socket at which Postfix asks for authentication.
    pub fn sasl_socket(&self) -> PathBuf {
        self.scratch.path().join("run/sasl")
    }

    /// The Maildir of a mailbox (`INBOX`, or a name with the server's separator).
    pub fn maildir(&self, user: &str, mailbox: &str) -> PathBuf {
        let inbox = self.home().join(user).join("Maildir");
        if mailbox == "INBOX" {
            return inbox;
        }
        // Maildir++: one level of folders, `.` between the levels of the name.
        inbox.join(format!(".{}", mailbox.replace(self.separator, ".")))
    }

    /// Puts messages into a mailbox, as another program's delivery would; they get their UIDs
    /// in this order when a client looks.
    pub fn put(&self, user: &str, mailbox: &str, messages: &[Stored<'_>]) {
        static COUNTER: AtomicU32 = AtomicU32::new(1);
        let maildir = self.maildir(user, mailbox);
        for folder in ["tmp", "new", "cur"] {
            std::fs::create_dir_all(maildir.join(folder)).expect("a Maildir can be created");
        }
        if mailbox != "INBOX" {
            std::fs::write(maildir.join("maildirfolder"), "").expect("a marker can be written");
        }
        for message in messages {
            let name = format!(
                "{}.M{:08}P{}.pillarbox-test:2,{}",
                message.received,
                COUNTER.fetch_add(1, Ordering::Relaxed),
                std::process::id(),
                message.flags
            );
            let path = maildir.join("cur").join(name);
            std::fs::write(&path, message.octets).expect("a message can be written");
            let when = std::time::UNIX_EPOCH + std::time::Duration::from_secs(message.received);
            std::fs::File::options()
                .write(true)
                .open(&path)
                .and_then(|file| file.set_modified(when))
                .expect("the time of an own file can be set");
        }
        give_away(&self.home().join(user));
    }

    /// Every message that a mailbox holds, as its file holds it, in the order of the names.
    pub fn messages(&self, user: &str, mailbox: &str) -> Vec<Vec<u8>> {
        let read = || -> std::io::Result<Vec<Vec<u8>>> {
            let paths = super::mail::maildir_files(&self.maildir(user, mailbox));
            paths.into_iter().map(std::fs::read).collect()
        };
        // Dovecot gives a file another name when its flags change.
        let mut tries = (0..1000).map(|_| read());
        let is_whole = |read: &std::io::Result<_>| !matches!(read, Err(error) if error.kind() == std::io::ErrorKind::NotFound);
        tries.find(is_whole).expect("it stays still for a moment").expect("a message can be read")
    }

    /// What Dovecot logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.path().join("dovecot.log")).unwrap_or_default()
    }

    /// What a client script needs to know, as `serve-test -- CMD` would say it.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut vars = vec![
            ("PILLARBOX_USERS".to_owned(), users_variable()),
            ("SSL_CERT_FILE".to_owned(), text(&self.ca())),
            ("CURL_CA_BUNDLE".to_owned(), text(&self.ca())),
        ];
        for (name, port) in [
            ("IMAP", self.imap),
            ("IMAPS", self.imaps),
            ("POP3", self.pop3),
            ("POP3S", self.pop3s),
            ("LMTP", self.lmtp),
        ] {
            vars.push((format!("{name}_HOST"), "localhost".to_owned()));
            vars.push((format!("{name}_PORT"), port.to_string()));
            let scheme = name.to_lowercase();
            vars.push((format!("{name}_URL"), format!("{scheme}://localhost:{port}")));
        }
        vars
    }
}

/// [`USERS`] as `PILLARBOX_USERS` has them.
pub(crate) fn users_variable() -> String {
    let pairs: Vec<String> =
        USERS.iter().map(|(name, password)| format!("{name}:{password}")).collect();
    pairs.join(",")
}

fn give_away(path: &Path) {
    chown(path, Some(MAIL_UID), Some(MAIL_UID)).expect("root may give files away");
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("an own folder can be read") {
            // Dovecot may rename index files while we look; what has gone needs no owner.
            let Ok(entry) = entry else { continue };
            if entry.path().exists() {
                give_away(&entry.path());
            }
        }
    }
}

fn text(path: &Path) -> String {
    let text: &OsStr = path.as_os_str();
    text.to_str().expect("temporary folders have UTF-8 names").to_owned()
}
