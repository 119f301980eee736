//! A throwaway Kerberos realm: MIT's KDC on a loopback port, with a database, keytabs and ticket
//! caches in a temporary folder.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::guarded::{Guarded, Stop};
use super::{Scratch, USERS, find_program, free_ports, needs};

/// The services of `localhost` that have keys.
const SERVICES: [&str; 4] = ["imap", "pop", "smtp", "nntp"];

/// A running KDC of the realm `EXAMPLE.TEST`, ended on drop. Its users are [`USERS`].
#[derive(Debug)]
pub struct Kdc {
    process: Guarded,
    scratch: Scratch,
}

impl Kdc {
    /// Starts one. `None`: it cannot be here, and the skip of `test` has been printed.
    ///
    /// # Panics
    /// When it is there and does not start.
    pub fn start(test: &str) -> Option<Kdc> {
        if !needs(test, &["krb5kdc", "kdb5_util", "kadmin.local", "kinit"]) {
            return None;
        }
        for _ in 0..3 {
            let scratch = Scratch::new();
            let [port] = free_ports::<1>();
            configure(&scratch, port);
            run(&scratch, "kdb5_util", &["create", "-s", "-P", "master", "-r", "EXAMPLE.TEST"]);
            let keytab = scratch.path().join("keytab").display().to_string();
            let mut script = String::new();
            for (user, password) in USERS {
                script.push_str(&format!("addprinc -pw {password} {user}\n"));
            }
            for service in SERVICES {
                script.push_str(&format!("addprinc -randkey {service}/localhost\n"));
                script.push_str(&format!("ktadd -k {keytab} {service}/localhost\n"));
            }
            let client = scratch.path().join("client.keytab").display().to_string();
            script.push_str(&format!("ktadd -k {client} -norandkey alice\n"));
            feed(&scratch, "kadmin.local", &[], &script);
            // Dovecot's login processes read it as another user.
            super::set_mode(Path::new(&keytab), 0o644);
            let configuration = scratch.path().join("krb5.conf");
            let profile = scratch.path().join("kdc.conf");
            let mut process = Guarded::spawn(
                find_program("krb5kdc")?.as_os_str(),
                &["-n".into(), "-P".into(), OsString::from(scratch.path().join("pid"))],
                &[
                    ("KRB5_CONFIG", configuration.as_os_str()),
                    ("KRB5_KDC_PROFILE", profile.as_os_str()),
                ],
                Stop::KillGroup,
                Stdio::null(),
            );
            if process.listens(port) {
                return Some(Kdc { process, scratch });
            }
        }
        panic!("krb5kdc does not start");
    }

    /// `krb5.conf`, for `KRB5_CONFIG`.
    pub fn configuration(&self) -> PathBuf {
        self.scratch.path().join("krb5.conf")
    }

    /// The keys of the services.
    pub fn keytab(&self) -> PathBuf {
        self.scratch.path().join("keytab")
    }

    /// The key of alice, for `KRB5_CLIENT_KTNAME`.
    pub fn client_keytab(&self) -> PathBuf {
        self.scratch.path().join("client.keytab")
    }

    /// A new ticket of a user, for ten hours: the value of `KRB5CCNAME`.
    pub fn ticket(&self, user: &str) -> String {
        let cache = format!("FILE:{}", self.scratch.path().join(format!("cc-{user}")).display());
        let password = USERS.iter().find(|(name, _)| *name == user).expect("a user").1;
        feed(&self.scratch, "kinit", &["-l", "10h", "-c", &cache, user], &format!("{password}\n"));
        cache
    }

    /// A `krb5.conf` whose KDC does not listen.
    pub fn unreachable(&self) -> PathBuf {
        let text = std::fs::read_to_string(self.configuration()).expect("an own file");
        let closed = format!("kdc = 127.0.0.1:{}", super::closed_port());
        let lines: Vec<&str> = text
            .lines()
            .map(|line| if line.trim_start().starts_with("kdc =") { &closed } else { line })
            .collect();
        self.scratch.write("unreachable.conf", lines.join("\n"))
    }
}

fn configure(scratch: &Scratch, port: u16) {
    let root = scratch.path().display();
    scratch.write(
        "krb5.conf",
        format!(
            "[libdefaults]
 default_realm = EXAMPLE.TEST
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 EXAMPLE.TEST = {{
  kdc = 127.0.0.1:{port}
 }}
[domain_realm]
 localhost = EXAMPLE.TEST
 .example.test = EXAMPLE.TEST
"
        ),
    );
    scratch.write(
        "kdc.conf",
        format!(
            "[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 EXAMPLE.TEST = {{
  database_name = {root}/principal
  key_stash_file = {root}/stash
  acl_file = {root}/acl
  max_life = 10h
 }}
[logging]
 kdc = FILE:{root}/kdc.log
"
        ),
    );
}

fn run(scratch: &Scratch, program: &str, arguments: &[&str]) {
    feed(scratch, program, arguments, "");
}

fn feed(scratch: &Scratch, program: &str, arguments: &[&str], input: &str) {
    let path = find_program(program).expect("it was looked for");
    let mut child = Command::new(path)
        .args(arguments)
        .env("KRB5_CONFIG", scratch.path().join("krb5.conf"))
        .env("KRB5_KDC_PROFILE", scratch.path().join("kdc.conf"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {words}");
}
