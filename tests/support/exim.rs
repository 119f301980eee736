//! A private Exim, from a package that was unpacked for the tests alone (it cannot be installed
//! beside Postfix). It offers CHUNKING and PRDR.

use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::guarded::{Guarded, Stop};
use super::{
    PATIENCE, Scratch, fill_template, free_ports, mail, needs_root, set_mode, skip, wait_for,
};

/// A running Exim, ended on drop.
///
/// It takes mail for anybody at `example.test` but `gone@` (550), and content for anybody but
/// `picky@` (550 by PRDR).
#[derive(Debug)]
pub struct Exim {
    pub port: u16,
    process: Guarded,
    scratch: Scratch,
}

impl Exim {
    /// Starts one; `None`: skipped, and said so.
    pub fn start(test: &str) -> Option<Exim> {
        Exim::with(test, "", "")
    }

    /// As [`Exim::start`], with more settings, and more lines before those that judge a
    /// recipient.
    pub fn with(test: &str, settings: &str, recipients: &str) -> Option<Exim> {
        Exim::launch(test, settings, recipients, "*")
    }

    /// As [`Exim::start`], but that it offers no CHUNKING.
    pub fn without_chunking(test: &str) -> Option<Exim> {
        Exim::launch(test, "", "", "")
    }

    fn launch(test: &str, settings: &str, recipients: &str, chunking: &str) -> Option<Exim> {
        let program = peers().join("exim/usr/sbin/exim4");
        if !program.is_file() {
            skip(test, "not installed: exim4-daemon-light");
            return None;
        }
        if !needs_root(test) {
            return None;
        }
        let Some(user) = user_number("Debian-exim") else {
            skip(test, "no user Debian-exim");
            return None;
        };
        for _ in 0..3 {
            let scratch = Scratch::new();
            for name in ["spool", "log", "mail"] {
                let folder = scratch.folder(name);
                chown(&folder, Some(user), None).expect("root may give files away");
                set_mode(&folder, 0o755);
            }
            let numbered = (0..60).map(|number| format!("r{number}"));
            for name in
                ["alice", "bob", "carol", "picky"].map(str::to_owned).into_iter().chain(numbered)
            {
                let folder = scratch.folder(&format!("mail/{name}"));
                chown(&folder, Some(user), None).expect("root may give files away");
            }
            // Exim runs itself again as another user, who may not be let into our home.
            let own = scratch.path().join("exim4");
            std::fs::copy(&program, &own).expect("a program can be copied");
            let [port] = free_ports::<1>();
            let configuration = fill_template(
                "exim.conf.in",
                &[
                    ("EXIM", own.to_str().expect("a path in UTF-8")),
                    ("ROOT", scratch.path().to_str().expect("a path in UTF-8")),
                    ("PORT", &port.to_string()),
                    ("SETTINGS", settings),
                    ("CHUNKING", chunking),
                    ("RECIPIENTS", recipients),
                ],
            );
            let path = scratch.write("exim.conf", configuration);
            let mut process = Guarded::spawn(
                own.as_os_str(),
                &["-C".into(), path.into(), "-bdf".into()],
                &[],
                Stop::KillGroup,
                Stdio::null(),
            );
            if process.listens(port) {
                return Some(Exim { port, process, scratch });
            }
        }
        panic!("exim does not start");
    }

    /// `smtp://localhost:PORT`; it has no TLS, unless settings say so.
    pub fn url(&self) -> String {
        format!("smtp://localhost:{}", self.port)
    }

    /// Waits until `count` messages are stored for `user`, and gives them as they are.
    pub fn messages(&self, user: &str, count: usize) -> Vec<Vec<u8>> {
        let maildir = self.scratch.path().join("mail").join(user);
        let what = format!("delivery of {count} messages to {user} by Exim");
        wait_for(&what, PATIENCE, || {
            let files = mail::maildir_files(&maildir);
            (files.len() >= count).then_some(files)
        })
        .into_iter()
        .map(|path| std::fs::read(path).expect("a message can be read"))
        .collect()
    }

    /// What Exim logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.path().join("log/mainlog")).unwrap_or_default()
    }
}

/// Where `tests/run` unpacks servers that cannot be installed beside others of their kind.
fn peers() -> PathBuf {
    let cache = || {
        let home = std::env::var_os("HOME").unwrap_or_default();
        std::env::var_os("XDG_CACHE_HOME")
            .map_or_else(|| PathBuf::from(home).join(".cache"), PathBuf::from)
            .join("pillarbox-tests")
    };
    std::env::var_os("PILLARBOX_PEERS").map_or_else(cache, PathBuf::from)
}

fn user_number(name: &str) -> Option<u32> {
    let output = Command::new("id").args(["-u", name]).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
