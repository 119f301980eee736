//! A private Cyrus: IMAP and POP3 on loopback ports of its own, for what only Cyrus SASL speaks
//! (SCRAM bound by tls-unique). Debian's cyrus-imapd and dovecot-imapd exclude one another, so
//! its servers are unpacked, not installed; see tests/peers/install.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::guarded::{Guarded, Stop};
use super::{
    Authority, Leaf, Scratch, USERS, find_program, free_ports, needs, needs_root, peers, skip,
};

/// Where cyrus-common has its programs.
const COMMON: &str = "/usr/lib/cyrus/bin";

/// A running Cyrus, ended on drop. Users: [`USERS`], with an INBOX each that is made at their
/// first login. TLS 1.2 alone, where tls-unique is defined.
#[derive(Debug)]
pub struct Cyrus {
    pub imap: u16,
    pub imaps: u16,
    pub pop3s: u16,
    pub authority: Authority,
    process: Guarded,
    scratch: Scratch,
}

impl Cyrus {
    /// Starts one. `None`: it cannot be here, and the skip of `test` has been printed.
    ///
    /// # Panics
    /// When it is there and does not start.
    pub fn start(test: &str) -> Option<Cyrus> {
        Self::start_with(test, false)
    }

    /// One whose mail [`Cyrus::index`] puts into an index of words (Xapian), so that it has an
    /// answer to FUZZY (RFC 6203).
    ///
    /// # Panics
    /// As [`Cyrus::start`].
    pub fn with_index(test: &str) -> Option<Cyrus> {
        Self::start_with(test, true)
    }

    fn start_with(test: &str, has_index: bool) -> Option<Cyrus> {
        if !needs(test, &["saslpasswd2", "openssl"]) || !needs_root(test) {
            return None;
        }
        let servers = peers().join("cyrus/usr/lib/cyrus/bin");
        let master = Path::new(COMMON).join("master");
        if !master.is_file() || !servers.join("imapd").is_file() {
            skip(test, "cyrus-common is not installed, or cyrus-imapd not unpacked");
            return None;
        }
        for _ in 0..3 {
            if let Some(cyrus) = Cyrus::attempt(&servers, &master, has_index) {
                return Some(cyrus);
            }
        }
        panic!("cyrus does not start");
    }

    fn attempt(servers: &Path, master: &Path, has_index: bool) -> Option<Cyrus> {
        let scratch = Scratch::new();
        let authority = Authority::new(&scratch.path().join("tls"));
        let identity = authority.issue(Leaf::Good);
        let root = scratch.path().display().to_string();
        let [imap, imaps, pop3s] = free_ports::<3>();
        for folder in ["db", "spool", "sock", "proc", "lock", "search"] {
            scratch.folder(folder);
        }
        let search = match has_index {
            true => format!(
                "conversations: yes\nsearch_engine: xapian\ndefaultsearchtier: t1\n\
                 t1searchpartition-default: {root}/search\n"
            ),
            false => String::new(),
        };
        let configuration = scratch.write(
            "imapd.conf",
            format!(
                "{search}configdirectory: {root}/db
partition-default: {root}/spool
defaultpartition: default
admins: admin
servername: localhost
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {root}/sasldb
sasl_mech_list: PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-512
tls_server_cert: {certificate}
tls_server_key: {key}
tls_versions: tls1_2
allowplaintext: no
idlesocket: {root}/sock/idle
notifysocket: {root}/sock/notify
lmtpsocket: {root}/sock/lmtp
proc_path: {root}/proc
mboxname_lockpath: {root}/lock
autocreate_quota: 0
failedloginpause: 0
imapidlepoll: 1
",
                certificate = identity.certificate.display(),
                key = identity.key.display(),
            ),
        );
        let conf = configuration.display();
        // Cyrus's own user has to reach them.
        let programs = scratch.folder("bin");
        for name in ["imapd", "pop3d", "squatter"] {
            std::fs::copy(servers.join(name), programs.join(name)).expect("a program");
        }
        let servers = programs.display();
        let services = scratch.write(
            "cyrus.conf",
            format!(
                "START {{
  recover cmd=\"{COMMON}/ctl_cyrusdb -C {conf} -r\"
}}
SERVICES {{
  imap cmd=\"{servers}/imapd -C {conf}\" listen=\"127.0.0.1:{imap}\" prefork=0
  imaps cmd=\"{servers}/imapd -C {conf} -s\" listen=\"127.0.0.1:{imaps}\" prefork=0
  pop3s cmd=\"{servers}/pop3d -C {conf} -s\" listen=\"127.0.0.1:{pop3s}\" prefork=0
}}
EVENTS {{
}}
"
            ),
        );
        for (user, password) in USERS {
            let script = format!(
                "printf %s '{password}' | '{}' -p -c -f '{root}/sasldb' -u localhost '{user}'",
                find_program("saslpasswd2")?.display()
            );
            let made = Command::new("sh").args(["-c", &script]).status().expect("sh starts");
            assert!(made.success(), "{script}");
        }
        give(scratch.path(), number("-u")?, number("-g")?);
        let mut process = Guarded::spawn(
            master.as_os_str(),
            &[
                "-C".into(),
                configuration.clone().into(),
                "-M".into(),
                services.into(),
                "-p".into(),
                scratch.path().join("master.pid").into(),
                "-D".into(),
            ],
            &[],
            Stop::KillGroup,
            Stdio::null(),
        );
        let is_up = [imap, imaps, pop3s].into_iter().all(|port| process.listens(port));
        is_up.then_some(Cyrus { imap, imaps, pop3s, authority, process, scratch })
    }

    /// How many messages lie in its mailboxes, whoever's they are.
    pub fn stored(&self) -> usize {
        fn count(folder: &Path) -> usize {
            let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
            let one = |entry: std::fs::DirEntry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                // A message is a file that is named by its UID and a dot.
                let is_message = name.strip_suffix('.').is_some_and(|uid| {
                    !uid.is_empty() && uid.bytes().all(|it| it.is_ascii_digit())
                });
                if entry.path().is_dir() { count(&entry.path()) } else { usize::from(is_message) }
            };
            entries.flatten().map(one).sum()
        }
        count(&self.scratch.path().join("spool"))
    }

    /// The certificate that clients have to trust.
    pub fn ca(&self) -> PathBuf {
        self.authority.certificate()
    }

    /// Puts the words of all mail into the index.
    ///
    /// # Panics
    /// It does not want to.
    pub fn index(&self) {
        let squatter = self.scratch.path().join("bin/squatter");
        let configuration = self.scratch.path().join("imapd.conf");
        let run = Command::new(squatter).arg("-C").arg(configuration).output().expect("squatter");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
}

/// The number of the user `cyrus`, or of its group.
fn number(which: &str) -> Option<u32> {
    let output = Command::new("id").args([which, "cyrus"]).output().ok()?;
    std::str::from_utf8(&output.stdout).ok()?.trim().parse().ok()
}

fn give(path: &Path, user: u32, group: u32) {
    chown(path, Some(user), Some(group)).expect("root may give files away");
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("an own folder") {
            give(&entry.expect("an entry").path(), user, group);
        }
    }
}
