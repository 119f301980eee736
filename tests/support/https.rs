//! A web server (Python's) with a folder of files, with TLS or without; see
//! `tests/peers/https.py` for what it serves besides.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use super::guarded::{Guarded, Stop};
use super::{Identity, Scratch, needs, peer_file};

/// The server.
#[derive(Debug)]
pub struct WebServer {
    pub port: u16,
    process: Guarded,
    scratch: Scratch,
}

impl WebServer {
    /// Starts one; with TLS where it has an identity. `None`: skipped, and said so.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(test: &str, identity: Option<&Identity>) -> Option<WebServer> {
        if !needs(test, &["python3"]) {
            return None;
        }
        let scratch = Scratch::new();
        let mut arguments: Vec<OsString> =
            vec![peer_file("https.py").into(), scratch.folder("served").into()];
        if let Some(identity) = identity {
            arguments.push(identity.certificate.clone().into());
            arguments.push(identity.key.clone().into());
        }
        let mut process =
            Guarded::spawn(OsStr::new("python3"), &arguments, &[], Stop::KillGroup, Stdio::piped());
        let mut line = String::new();
        if let Some(stdout) = process.stdout() {
            BufReader::new(stdout).read_line(&mut line).expect("the server says its port");
        }
        let port =
            line.trim().parse().unwrap_or_else(|_| panic!("no port from https.py: {line:?}"));
        Some(WebServer { port, process, scratch })
    }

    /// From now on, paths are below the host's name: `put("a.test/x", ...)` is
    /// `https://a.test/x`.
    pub fn by_host(&self) {
        self.scratch.write("served/by-host", "");
    }

    /// Writes a file that is served from now on.
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        self.scratch.write(&format!("served/{name}"), content)
    }

    /// Takes a file away.
    ///
    /// # Panics
    /// When there is none.
    pub fn remove(&self, name: &str) {
        let path = self.scratch.path().join("served").join(name);
        std::fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}
