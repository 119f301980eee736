//! Our own test server as a process of its own, for clients of other makers.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{ChildStdout, Stdio};

use super::USERS;
use super::binary::{BINARY, Home};
use super::guarded::{Guarded, Stop};

/// A running `pillarbox serve-test`, ended on drop. Users: [`USERS`].
#[derive(Debug)]
pub struct ServeTest {
    /// The line that it printed when it was ready.
    pub ready: serde_json::Value,
    process: Guarded,
    // Kept, because a server whose stdout is closed may take it as its end.
    stdout: BufReader<ChildStdout>,
    home: Home,
}

impl ServeTest {
    pub fn start() -> ServeTest {
        ServeTest::with(&[])
    }

    /// As [`ServeTest::start`], with options of `serve-test`.
    ///
    /// # Panics
    /// When its first line is not the JSON object that says the ports.
    pub fn with(options: &[&str]) -> ServeTest {
        let home = Home::new();
        let mut arguments: Vec<OsString> = vec!["serve-test".into()];
        for (name, password) in USERS {
            arguments.push("--user".into());
            arguments.push(format!("{name}:{password}").into());
        }
        arguments.extend(options.iter().map(OsString::from));
        let folder = home.home();
        let vars: [(&str, &OsStr); 3] = [
            ("HOME", folder.as_os_str()),
            ("XDG_CONFIG_HOME", folder.as_os_str()),
            ("XDG_STATE_HOME", folder.as_os_str()),
        ];
        let mut process =
            Guarded::spawn(OsStr::new(BINARY), &arguments, &vars, Stop::Terminate, Stdio::piped());
        let mut stdout = BufReader::new(process.stdout().expect("stdout is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("its stdout can be read");
        let ready: serde_json::Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("serve-test is not ready ({error}): {line:?}"));
        assert_eq!(ready["ready"], true, "{line}");
        ServeTest { ready, process, stdout, home }
    }

    /// The port of `smtp`, `smtps`, `submission`, `submissions`, `lmtp`, `imap`, `imaps`,
    /// `pop3` or `pop3s`.
    #[track_caller]
    pub fn port(&self, scheme: &str) -> u16 {
        let port = self.ready["ports"][scheme].as_u64().and_then(|port| u16::try_from(port).ok());
        port.unwrap_or_else(|| panic!("no port for {scheme}: {}", self.ready))
    }

    /// `imaps://alice@localhost:PORT/` and the like; without a user where it is `None`.
    #[track_caller]
    pub fn url(&self, scheme: &str, user: Option<&str>) -> String {
        let port = self.port(scheme);
        match user {
            Some(user) => format!("{scheme}://{user}@localhost:{port}/"),
            None => format!("{scheme}://localhost:{port}/"),
        }
    }

    /// The certificate that clients have to trust.
    pub fn ca(&self) -> PathBuf {
        PathBuf::from(self.ready["ca"].as_str().unwrap_or_default())
    }
}
