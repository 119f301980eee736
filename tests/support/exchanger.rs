//! A mail exchanger with a behaviour; see `tests/peers/exchanger.py`.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use super::guarded::{Guarded, Stop};
use super::{Identity, needs, peer_file};

/// The server.
#[derive(Debug)]
pub struct Exchanger {
    pub port: u16,
    process: Guarded,
    said: Arc<Mutex<Vec<String>>>,
}

impl Exchanger {
    /// Starts one; with STARTTLS where it has an identity. `None`: skipped, and said so.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(test: &str, behaviour: &str, identity: Option<&Identity>) -> Option<Exchanger> {
        if !needs(test, &["python3"]) {
            return None;
        }
        let mut arguments: Vec<OsString> = vec![peer_file("exchanger.py").into(), behaviour.into()];
        if let Some(identity) = identity {
            arguments.push(identity.certificate.clone().into());
            arguments.push(identity.key.clone().into());
        }
        let mut process =
            Guarded::spawn(OsStr::new("python3"), &arguments, &[], Stop::KillGroup, Stdio::piped());
        let mut stdout = BufReader::new(process.stdout().expect("it was asked for"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the server says its port");
        let port =
            line.trim().parse().unwrap_or_else(|_| panic!("no port from exchanger.py: {line:?}"));
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line);
            }
        });
        Some(Exchanger { port, process, said })
    }

    /// How many connections it had so far.
    pub fn connections(&self) -> usize {
        self.said().iter().filter(|line| *line == "open").count()
    }

    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// What it took so far, in order: `took RECIPIENTS tls|clear SNI`. A message is there before
    /// its 250 is.
    pub fn took(&self) -> Vec<String> {
        self.said().into_iter().filter(|line| line.starts_with("took ")).collect()
    }
}
