//! An OAuth provider (Authlib's, in `tests/peers/oauth_provider.py`) that every test has for
//! itself, and the browser that goes there.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;

use super::guarded::{Guarded, Stop};
use super::{PATIENCE, Scratch, peer_file, skip, wait_for};

/// The system's own Python: the one that Debian's packages belong to.
const PYTHON: &str = "/usr/bin/python3";

/// The provider. Whoever logs in is alice.
#[derive(Debug)]
pub struct Provider {
    pub port: u16,
    is_tls: bool,
    process: Guarded,
    scratch: Scratch,
}

impl Provider {
    /// Starts one. `None`: skipped, and said so.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(test: &str) -> Option<Provider> {
        Provider::with(test, None)
    }

    /// As [`Provider::start`], and asked by HTTPS where it has an identity, for localhost.
    ///
    /// # Panics
    /// As [`Provider::start`].
    pub fn with(test: &str, identity: Option<&super::Identity>) -> Option<Provider> {
        let packages = Path::new("/usr/lib/python3/dist-packages");
        if !Path::new(PYTHON).exists()
            || !["authlib", "flask"].iter().all(|package| packages.join(package).exists())
        {
            skip(test, "not installed: python3-authlib, python3-flask");
            return None;
        }
        let scratch = Scratch::new();
        let mut arguments: Vec<OsString> =
            vec![peer_file("oauth_provider.py").into(), scratch.path().into()];
        if let Some(identity) = identity {
            arguments.extend([identity.certificate.clone().into(), identity.key.clone().into()]);
        }
        let mut process =
            Guarded::spawn(OsStr::new(PYTHON), &arguments, &[], Stop::KillGroup, Stdio::piped());
        let mut line = String::new();
        if let Some(stdout) = process.stdout() {
            BufReader::new(stdout).read_line(&mut line).expect("the provider says its port");
        }
        let port =
            line.trim().parse().unwrap_or_else(|_| panic!("no port from the provider: {line:?}"));
        Some(Provider { port, is_tls: identity.is_some(), process, scratch })
    }

    /// Its issuer's URL.
    pub fn issuer(&self) -> String {
        match self.is_tls {
            true => format!("https://localhost:{}/realm", self.port),
            false => format!("http://127.0.0.1:{}/realm", self.port),
        }
    }

    /// Where a mail server asks whether a token is good (RFC 7662).
    pub fn introspection(&self) -> String {
        format!("http://127.0.0.1:{}/introspect", self.port)
    }

    /// The folder where it looks for the public key of a service account, `service.pub`.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// Changes something of its state (`{"lifetime": 1}`).
    pub fn set(&self, change: &str) {
        self.ask("POST", "/test/set", change);
    }

    /// All access tokens run out now (`access`), or all tokens are revoked (`all`).
    pub fn forget(&self, what: &str) {
        self.ask("POST", &format!("/test/forget/{what}"), "");
    }

    /// The grant types that were asked for at the token endpoint.
    pub fn log(&self) -> Vec<String> {
        let state = self.state();
        let log = state["log"].as_array().cloned().unwrap_or_default();
        log.iter().map(|grant| grant.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Waits for a device that wants in, and says `approve`, `deny` or `slow` to it.
    pub fn device(&self, word: &str) {
        let code = wait_for("a device code", PATIENCE, || {
            self.state()["codes"][0].as_str().map(str::to_owned)
        });
        self.ask("POST", &format!("/test/device/{code}/{word}"), "");
    }

    fn state(&self) -> serde_json::Value {
        serde_json::from_str(&self.ask("GET", "/test/state", "")).expect("its state is JSON")
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(head.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer with a head");
        assert!(head.contains(" 200 "), "{method} {path}: {answer}");
        body.to_owned()
    }

    /// Settings of a Dovecot that asks this provider about tokens.
    pub fn dovecot(&self) -> super::dovecot::Options {
        let path = self.scratch.write(
            "dovecot-oauth2.conf.ext",
            format!(
                "introspection_mode = post\nintrospection_url = {}\nactive_attribute = active\n\
                 active_value = true\nusername_attribute = username\n",
                self.introspection()
            ),
        );
        super::dovecot::Options {
            extra: format!(
                "auth_mechanisms = plain oauthbearer xoauth2\npassdb {{\n driver = oauth2\n \
                 mechanisms = oauthbearer xoauth2\n args = {}\n}}\n",
                path.display()
            ),
            ..super::dovecot::Options::default()
        }
    }
}
