//! A private OpenSMTPD, from a package that was unpacked for the tests alone (it cannot be
//! installed beside Postfix); see `tests/peers/opensmtpd.sh`. It has no PIPELINING.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::guarded::{Guarded, Stop};
use super::{
    PATIENCE, Scratch, free_ports, mail, needs, needs_root, peer_file, peers, skip, wait_for,
};

/// A running OpenSMTPD, ended on drop. It takes mail for alice and bob at `example.test`, and
/// refuses others (550).
#[derive(Debug)]
pub struct OpenSmtpd {
    pub port: u16,
    process: Guarded,
    scratch: Scratch,
}

impl OpenSmtpd {
    /// Starts one; `None`: skipped, and said so.
    ///
    /// # Panics
    /// When it is there and does not start.
    pub fn start(test: &str) -> Option<OpenSmtpd> {
        let tree = peers().join("opensmtpd");
        if !tree.join("usr/sbin/smtpd").is_file() {
            skip(test, "not there: opensmtpd (tests/run unpacks it)");
            return None;
        }
        if !needs(test, &["unshare"]) || !needs_root(test) {
            return None;
        }
        let can = Command::new("unshare").args(["-m", "true"]).status();
        if !can.is_ok_and(|status| status.success()) {
            skip(test, "no namespaces here (unshare -m)");
            return None;
        }
        for _ in 0..3 {
            let scratch = Scratch::new();
            let [port] = free_ports::<1>();
            let mut process = Guarded::spawn(
                OsStr::new("unshare"),
                &[
                    "-m".into(),
                    peer_file("opensmtpd.sh").into(),
                    tree.clone().into(),
                    scratch.path().into(),
                    port.to_string().into(),
                ],
                &[],
                Stop::KillGroup,
                Stdio::null(),
            );
            if process.listens(port) {
                return Some(OpenSmtpd { port, process, scratch });
            }
        }
        panic!("opensmtpd does not start");
    }

    /// `smtp://localhost:PORT`; it has no TLS.
    pub fn url(&self) -> String {
        format!("smtp://localhost:{}", self.port)
    }

    /// Waits until `count` messages are stored for `user`, and gives them without the trace
    /// headers that it put in front.
    pub fn messages(&self, user: &str, count: usize) -> Vec<Vec<u8>> {
        let folder = self.scratch.path().join("mail");
        let stored = || -> Vec<PathBuf> {
            let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            let files = files.map(|file| file.path());
            let name = |path: &PathBuf| path.file_name()?.to_str().map(str::to_owned);
            files
                .filter(|path| {
                    name(path).is_some_and(|name| {
                        name.starts_with(&format!("{user}.")) && !name.ends_with(".part")
                    })
                })
                .collect()
        };
        let what = format!("delivery of {count} messages to {user} by OpenSMTPD");
        wait_for(&what, PATIENCE, || Some(stored()).filter(|files| files.len() >= count))
            .into_iter()
            .map(|path| std::fs::read(path).expect("a message can be read"))
            .map(|message| mail::without_trace(&message).to_vec())
            .collect()
    }
}
