//! Runs of `probe`, what they found, and servers that are wrong on purpose.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use super::guarded::{Guarded, Stop};
use super::{Home, Identity, Run, needs, peer_file};

/// The findings of a run, by place and id: verdict, whether it holds, evidence.
#[derive(Debug)]
pub struct Report {
    pub lines: Vec<Value>,
    pub code: Option<i32>,
}

impl Report {
    #[track_caller]
    pub fn of(run: Run) -> Self {
        assert!(matches!(run.code, Some(0..=3)), "{run:?}");
        let lines = run.json_lines();
        assert!(!lines.is_empty(), "{run:?}");
        Self { lines, code: run.code }
    }

    pub fn finding(&self, id: &str) -> Option<&Value> {
        self.lines.iter().find(|line| line["type"] == "finding" && line["id"] == id)
    }

    pub fn on(&self, place: &str, id: &str) -> Option<&Value> {
        self.lines.iter().find(|line| {
            line["type"] == "finding"
                && line["id"] == id
                && line["on"].as_str().is_some_and(|on| on.contains(place))
        })
    }

    /// What was seen when a finding was made; empty where it was not.
    pub fn evidence(&self, id: &str) -> &str {
        self.finding(id).and_then(|found| found["evidence"].as_str()).unwrap_or_default()
    }

    /// Checks words like `TLS-004 fail`: the verdict of a finding, `holds` or `not` for whether
    /// it holds, or `none` for one that must not be there.
    #[track_caller]
    pub fn expect(&self, what: &str, wanted: &[&str]) {
        for words in wanted {
            let (id, want) = words.split_once(' ').expect("id and verdict");
            let found = self.finding(id);
            let got = match (found, want) {
                (None, _) => "none".to_owned(),
                (Some(line), "holds" | "not") => match line["holds"].as_bool() {
                    Some(true) => "holds".into(),
                    Some(false) => "not".into(),
                    None => "nobody knows".into(),
                },
                (Some(line), _) => line["verdict"].as_str().unwrap_or_default().to_owned(),
            };
            let evidence = match found {
                Some(line) => line["evidence"].to_string(),
                None => format!("{:#?}", self.lines),
            };
            assert_eq!(got, want, "{what}: {id}: {evidence}");
        }
    }

    pub fn endpoint(&self) -> &Value {
        self.lines.iter().find(|line| line["type"] == "endpoint").expect("an endpoint")
    }

    pub fn summary(&self) -> &Value {
        self.lines.last().expect("a summary")
    }
}

/// `probe URL`, with a password for the user that the URL may name.
#[track_caller]
pub fn probe(home: &Home, url: &str, ca: Option<&Path>, more: &[&str]) -> Report {
    let mut arguments = vec!["probe", url, "--json", "-q"];
    let ca = ca.map(|path| path.to_str().expect("a path in UTF-8"));
    if let Some(ca) = ca {
        arguments.extend(["--ca-file", ca]);
    }
    arguments.extend(more);
    Report::of(home.pillarbox(&arguments).password("secret").run())
}

/// A server that is wrong on purpose: `tests/peers/mail_faults.py` or `tests/peers/tls_holes.py`.
#[derive(Debug)]
pub struct Wrong {
    pub port: u16,
    process: Guarded,
}

impl Wrong {
    /// A mail server with these settings; with an identity it has a certificate. `None`:
    /// skipped, and said so.
    pub fn mail(test: &str, mut settings: Value, identity: Option<&Identity>) -> Option<Wrong> {
        if let Some(identity) = identity {
            settings["certificate"] = identity.certificate.to_str().expect("UTF-8").into();
            settings["key"] = identity.key.to_str().expect("UTF-8").into();
        }
        Wrong::start(test, vec![peer_file("mail_faults.py").into(), settings.to_string().into()])
    }

    /// A server with this hole in its TLS. `None`: skipped, and said so.
    pub fn tls(test: &str, hole: &str, identity: &Identity) -> Option<Wrong> {
        let Identity { certificate, key } = identity.clone();
        let script = peer_file("tls_holes.py");
        Wrong::start(test, vec![script.into(), hole.into(), certificate.into(), key.into()])
    }

    fn start(test: &str, arguments: Vec<OsString>) -> Option<Wrong> {
        if !needs(test, &["python3"]) {
            return None;
        }
        let mut process =
            Guarded::spawn(OsStr::new("python3"), &arguments, &[], Stop::KillGroup, Stdio::piped());
        let mut line = String::new();
        let stdout = process.stdout().expect("it was asked for");
        BufReader::new(stdout).read_line(&mut line).expect("the server says its port");
        let port = line.trim().parse().unwrap_or_else(|_| panic!("no port: {line:?}"));
        Some(Wrong { port, process })
    }

    /// `SCHEME://localhost:PORT`, with a user where one is named in the scheme's place, as in
    /// `imaps://alice@`.
    pub fn url(&self, start: &str) -> String {
        match start.contains("://") {
            true => format!("{start}localhost:{}", self.port),
            false => format!("{start}://localhost:{}", self.port),
        }
    }
}
