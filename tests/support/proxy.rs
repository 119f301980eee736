//! Proxies of other makers on loopback: microsocks and Dante speak SOCKS5, tinyproxy speaks
//! HTTP CONNECT.

use std::ffi::{OsStr, OsString};
use std::process::Stdio;

use super::guarded::{Guarded, Stop};
use super::{Scratch, find_program, free_ports, needs};

/// User and password of the proxies that want them.
pub const LOGIN: (&str, &str) = ("pat", "pr0xy-secret");

/// A running proxy, ended on drop.
#[derive(Debug)]
pub struct Proxy {
    pub port: u16,
    scheme: &'static str,
    process: Guarded,
    scratch: Scratch,
}

impl Proxy {
    /// microsocks; `login`: it wants [`LOGIN`]. `None`: skipped, and said so.
    pub fn microsocks(test: &str, login: bool) -> Option<Proxy> {
        Proxy::start(test, "microsocks", "socks5", |port, _| {
            let mut arguments: Vec<OsString> =
                vec!["-i".into(), "127.0.0.1".into(), "-p".into(), port.to_string().into()];
            if login {
                arguments.extend(["-u", LOGIN.0, "-P", LOGIN.1].map(OsString::from));
            }
            arguments
        })
    }

    /// Dante, which lets nobody through to `closed`, a port.
    pub fn dante(test: &str, closed: u16) -> Option<Proxy> {
        Proxy::start(test, "danted", "socks5", |port, scratch| {
            let configuration = format!(
                "errorlog: {log}\ninternal: 127.0.0.1 port = {port}\nexternal: 127.0.0.1\n\
                 clientmethod: none\nsocksmethod: none\nuser.privileged: root\n\
                 user.unprivileged: nobody\n\
                 client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n\
                 socks block {{ from: 0.0.0.0/0 to: 0.0.0.0/0 port = {closed} }}\n\
                 socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n",
                log = scratch.path().join("log").display(),
            );
            let path = scratch.write("danted.conf", configuration);
            let pid = scratch.path().join("pid");
            vec!["-f".into(), path.into(), "-p".into(), pid.into(), "-N".into(), "1".into()]
        })
    }

    /// tinyproxy, which wants [`LOGIN`] where `login` says so, and connects to no other ports
    /// than `open`.
    pub fn tinyproxy(test: &str, login: bool, open: &[u16]) -> Option<Proxy> {
        Proxy::start(test, "tinyproxy", "http", |port, scratch| {
            let mut configuration = format!(
                "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogLevel Error\n\
                 LogFile \"{}\"\n",
                scratch.path().join("log").display()
            );
            if login {
                configuration.push_str(&format!("BasicAuth {} {}\n", LOGIN.0, LOGIN.1));
            }
            for port in open {
                configuration.push_str(&format!("ConnectPort {port}\n"));
            }
            let path = scratch.write("tinyproxy.conf", configuration);
            vec!["-d".into(), "-c".into(), path.into()]
        })
    }

    fn start(
        test: &str,
        program: &'static str,
        scheme: &'static str,
        arguments: impl Fn(u16, &Scratch) -> Vec<OsString>,
    ) -> Option<Proxy> {
        if !needs(test, &[program]) {
            return None;
        }
        let program = find_program(program)?;
        for _ in 0..3 {
            let scratch = Scratch::new();
            let [port] = free_ports::<1>();
            let arguments = arguments(port, &scratch);
            let mut process = Guarded::spawn(
                program.as_os_str(),
                &arguments,
                &[],
                Stop::KillGroup,
                Stdio::null(),
            );
            if process.listens(port) {
                return Some(Proxy { port, scheme, process, scratch });
            }
        }
        panic!("{} does not start", program.display());
    }

    /// Its URL, without a user.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// Its URL with this user and password.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!("{}://{user}:{password}@127.0.0.1:{}", self.scheme, self.port)
    }
}
