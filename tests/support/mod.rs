//! What the integration tests share: the real binary in a clean home, private servers of
//! other makers on loopback, scripted servers for bad input, and mail to move about.
//!
//! Everything here cleans up after itself: a server ends with the value that started it (and
//! with the test process, should that be killed), a folder is removed on drop. A peer that is
//! missing is a printed skip, never a silent one; see [`skip()`].

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each test file is a crate of its own and uses its part of this"
)]

use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub mod binary;
pub mod certificates;
pub mod courier;
pub mod cut;
pub mod cyrus;
pub mod dns;
pub mod dovecot;
pub mod exchanger;
pub mod exim;
#[cfg(feature = "native")]
pub mod gsasl;
pub mod guarded;
pub mod https;
pub mod imap;
pub mod inn;
pub mod kerberos;
pub mod mail;
pub mod oauth;
pub mod opensmtpd;
pub mod other_client;
pub mod postfix;
pub mod probe;
pub mod proxy;
pub mod scripted;
pub mod serve_test;
pub mod steps;
pub mod wrapped;

pub(crate) use binary::args;
pub use binary::{Home, Invocation, Run, Running};
pub use certificates::{Authority, Identity, Leaf, TlsServer, openssl, self_signed};
pub use courier::Courier;
pub use cyrus::Cyrus;
pub use dns::{Dns, Signing, Zone};
pub use dovecot::{Dovecot, Stored};
pub use exchanger::Exchanger;
pub use exim::Exim;
#[cfg(feature = "native")]
pub use gsasl::{GnuSasl, Spoken};
pub use https::WebServer;
pub use imap::{IMAP_MESSAGE, Imap, Twist};
pub use inn::Inn;
pub use kerberos::Kdc;
pub use oauth::Provider;
pub use opensmtpd::OpenSmtpd;
pub use other_client::OtherClient;
pub use postfix::{Postfix, SmtpSink};
pub use proxy::Proxy;
pub use scripted::{Scripted, Step};
pub use serve_test::ServeTest;

/// The two users of every private server, with their password. Mail domain: `example.test`.
pub const USERS: [(&str, &str); 2] = [("alice", "secret"), ("bob", "secret")];

/// Owner of the mail that private servers store: a number that needs no account.
pub const MAIL_UID: u32 = 43_210;

/// How long anything in a test may take before it counts as hung.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Says that `test` is left out and why: on stderr, and in the file that `PILLARBOX_SKIPS`
/// names, from where `tests/run` repeats it at the end.
///
/// # Panics
/// With `PILLARBOX_NO_SKIP=1`, where every peer must be there.
pub fn skip(test: &str, reason: impl Display) {
    note_skip(test, &reason.to_string());
    assert!(
        !flag("PILLARBOX_NO_SKIP"),
        "{test} may not be skipped here (PILLARBOX_NO_SKIP): {reason}"
    );
}

fn note_skip(test: &str, reason: &str) {
    let line = format!("SKIP: {test}: {reason}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("PILLARBOX_SKIPS") {
        // One write call, so that lines of tests that run side by side stay whole.
        let written = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        if let Err(error) = written {
            eprintln!("{}: {error}", Path::new(&path).display());
        }
    }
}

/// Whether the environment variable `name` is set to `1`.
pub fn flag(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| value == "1")
}

/// Whether the long form of storms and samples is asked for (`tests/run --full`).
pub fn full() -> bool {
    flag("PILLARBOX_FULL")
}

/// The folder where `tests/run` puts peers that no package can install (`tests/peers/install`).
pub fn peers() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(Path::new("target")).join("peers")
}

/// Whether all of `programs` are on the path (or in the sbin folders); if not, the skip of
/// `test` has been printed.
pub fn needs(test: &str, programs: &[&str]) -> bool {
    let missing: Vec<&str> =
        programs.iter().copied().filter(|program| find_program(program).is_none()).collect();
    if missing.is_empty() {
        return true;
    }
    skip(test, format!("not installed: {}", missing.join(", ")));
    false
}

/// Whether the test runs as root; if not, the skip of `test` has been printed.
pub fn needs_root(test: &str) -> bool {
    let is_root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if !is_root {
        skip(test, "needs root, to start a server under its own users");
    }
    is_root
}

/// Where a program is, on the path or in the folders of system programs.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/lib/postfix/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// A temporary folder, removed on drop.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A new, empty folder that others may enter (mode 0755: servers run as other users).
    pub fn new() -> Scratch {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        // Short: Unix sockets live below, and their paths may have 107 octets.
        let path = std::env::temp_dir().join(format!(
            "pbt-{}-{}",
            std::process::id(),
            COUNTER.fetch_add(1, Ordering::Relaxed)
        ));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a temporary folder can be created");
        set_mode(&path, 0o755);
        Scratch { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `name` below this folder, with the folders between, and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a temporary folder can be created");
        }
        std::fs::write(&path, content).expect("a temporary file can be written");
        path
    }

    /// Creates the folder `name` below this one, with those between, and gives its path.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        std::fs::create_dir_all(&path).expect("a temporary folder can be created");
        path
    }
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() && flag("PILLARBOX_KEEP") {
            eprintln!("kept: {}", self.path.display());
            return;
        }
        // A server that was killed a moment ago may still hold a file open; twice is enough.
        if std::fs::remove_dir_all(&self.path).is_err() {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .expect("the mode of an own file can be set");
}

/// `N` loopback ports on which nobody listens, for servers that cannot choose for themselves.
///
/// They are below those that the system gives to clients and to servers that ask for any, and
/// each belongs to this process until it ends: a locked file says so to the other tests.
pub fn free_ports<const N: usize>() -> [u16; N] {
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 20_000;
    static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let user = rustix::process::geteuid().as_raw();
    let claims = std::env::temp_dir().join(format!("pillarbox-test-ports-{user}"));
    std::fs::create_dir_all(&claims).expect("a folder for the claims of ports");
    let mut held = HELD.lock().expect("nobody panics with this");
    let mut places = 0..COUNT;
    std::array::from_fn(|_| {
        places
            .find_map(|place| {
                let place = std::process::id().wrapping_mul(97).wrapping_add(place) % COUNT;
                let port = u16::try_from(FIRST + place).expect("a port");
                let claim = File::create(claims.join(port.to_string())).expect("a claim");
                claim.try_lock().ok()?;
                TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
                held.push(claim);
                Some(port)
            })
            .expect("one of thousands of loopback ports is free")
    })
}

/// A loopback port on which nobody listens.
pub fn closed_port() -> u16 {
    let [port] = free_ports::<1>();
    port
}

/// Waits until `condition` gives something, asking again every few milliseconds; for what
/// other programs do and never announce (a queue that delivers, a file that appears).
///
/// # Panics
/// When `deadline` has passed: the message says `what` was waited for.
pub fn wait_for<T>(what: &str, deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < deadline, "{what} did not happen within {deadline:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The file of `tests/peers` with this name.
pub fn peer_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}

/// Fills in the `@WORDS@` of a configuration template from `tests/peers`.
///
/// # Panics
/// When a word of the template is left unfilled.
pub fn fill_template(name: &str, words: &[(&str, &str)]) -> String {
    let mut text = std::fs::read_to_string(peer_file(name)).expect("a template of tests/peers");
    for (word, value) in words {
        text = text.replace(&format!("@{word}@"), value);
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((_, rest)) = line.split_once('@')
            && let Some((word, _)) = rest.split_once('@')
        {
            let is_word = !word.is_empty()
                && word.bytes().all(|octet| octet.is_ascii_uppercase() || octet == b'_');
            assert!(!is_word, "{name}: @{word}@ was not filled in");
        }
    }
    text
}
