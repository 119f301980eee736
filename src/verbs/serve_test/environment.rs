//! What a wrapped command finds: variables, certificates, and a configuration with an account
//! per user.

use std::ffi::OsString;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A folder that goes when this value does.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new folder of mode 0700 in the system's place for temporary files.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Self> {
        let mut random = [0u8; 8];
        crate::sasl::system_random(&mut random);
        let name: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
        let path = std::env::temp_dir().join(format!("pillarbox-{name}"));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file of mode 0600 into it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        use std::io::Write as _;
        let path = self.0.join(name);
        std::fs::File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that cannot be removed is the system's temporary files' problem.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the servers are, as the environment tells it.
pub struct Facts<'a> {
    /// Name and port of each listener.
    pub ports: &'a [(&'static str, u16)],
    /// The address they listen on.
    pub address: std::net::IpAddr,
    /// Users and passwords.
    pub users: &'a [(String, String)],
    /// The domain of the users' addresses.
    pub domain: &'a str,
    /// LMTP on a Unix socket.
    pub lmtp: &'a Path,
    /// The Unix socket of [`super::control`].
    pub control: &'a Path,
    /// The authority alone.
    pub authority: &'a Path,
    /// The system's roots and the authority.
    pub bundle: &'a Path,
    /// The configuration for pillarbox itself.
    pub config: &'a Path,
}

impl Facts<'_> {
    /// The host to connect to: the certificate's name where it is this machine's loopback.
    fn host(&self) -> String {
        if self.address.is_loopback() || self.address.is_unspecified() {
            "localhost".into()
        } else {
            self.address.to_string()
        }
    }

    /// Every variable.
    pub fn variables(&self) -> Vec<(String, OsString)> {
        let host = self.host();
        let mut all: Vec<(String, OsString)> = Vec::new();
        for (name, port) in self.ports {
            let upper = name.to_uppercase();
            all.push((format!("{upper}_URL"), format!("{name}://{host}:{port}").into()));
            all.push((format!("{upper}_HOST"), host.clone().into()));
            all.push((format!("{upper}_PORT"), port.to_string().into()));
        }
        all.push(("LMTP_SOCKET".into(), self.lmtp.into()));
        all.push(("PILLARBOX_CONTROL".into(), self.control.into()));
        all.push(("PILLARBOX_DOMAIN".into(), self.domain.into()));
        let users: Vec<String> =
            self.users.iter().map(|(name, password)| format!("{name}:{password}")).collect();
        all.push(("PILLARBOX_USERS".into(), users.join(",").into()));
        all.push(("PILLARBOX_CA".into(), self.authority.into()));
        all.push(("PILLARBOX_CONFIG".into(), self.config.into()));
        let names =
            ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
        for name in names {
            all.push((name.into(), self.bundle.into()));
        }
        all
    }

    /// A configuration with an account per user; the first is the default.
    pub fn configuration(&self) -> String {
        let host = self.host();
        let port = |wanted: &str| {
            self.ports.iter().find(|(name, _)| *name == wanted).map_or(0, |(_, port)| *port)
        };
        let mut text = String::new();
        if let Some((first, _)) = self.users.first() {
            text.push_str(&format!("default-account = {}\n", quoted(first)));
        }
        // Each user has two accounts: the second speaks TLS from the first octet. A URL on
        // any of these ports finds its password by them.
        let schemes = [
            ("", ["imap", "pop3", "submission", "nntp"]),
            ("-tls", ["imaps", "pop3s", "submissions", "nntps"]),
        ];
        for (name, password) in self.users {
            let email =
                if name.contains('@') { name.clone() } else { format!("{name}@{}", self.domain) };
            let shell = format!("printf '%s\\n' '{}'", password.replace('\'', "'\\''"));
            for (suffix, [imap, pop, smtp, nntp]) in schemes {
                text.push_str(&format!(
                    "\n[account.{}]\nemail = {}\nuser = {}\npassword-command = {}\nca-file = {}\n",
                    quoted(&format!("{name}{suffix}")),
                    quoted(&email),
                    quoted(name),
                    quoted(&shell),
                    quoted(&self.authority.display().to_string())
                ));
                for (key, scheme) in [("imap", imap), ("pop", pop), ("smtp", smtp), ("nntp", nntp)]
                {
                    let port = port(scheme);
                    text.push_str(&format!("{key} = \"{scheme}://{host}:{port}\"\n"));
                }
            }
        }
        text
    }

    /// The line of JSON that says that all is ready.
    pub fn ready(&self) -> serde_json::Value {
        let ports: serde_json::Map<String, serde_json::Value> =
            self.ports.iter().map(|(name, port)| ((*name).to_owned(), (*port).into())).collect();
        let users: serde_json::Map<String, serde_json::Value> = self
            .users
            .iter()
            .map(|(name, password)| (name.clone(), password.clone().into()))
            .collect();
        serde_json::json!({
            "ready": true,
            "host": self.host(),
            "ports": ports,
            "lmtp_socket": self.lmtp,
            "control": self.control,
            "users": users,
            "domain": self.domain,
            "ca": self.authority,
            "config": self.config,
        })
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            other if other.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(other))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_one_that_pillarbox_reads() {
        let users =
            [("alice".to_owned(), "se'c\"r\\et".to_owned()), ("b.ob".to_owned(), "x".to_owned())];
        let facts = Facts {
            ports: &[
                ("imap", 1143),
                ("pop3", 1110),
                ("submission", 1587),
                ("imaps", 1993),
                ("pop3s", 1995),
                ("submissions", 1465),
                ("nntp", 1119),
                ("nntps", 1563),
            ],
            address: [127, 0, 0, 1].into(),
            users: &users,
            domain: "example.test",
            lmtp: Path::new("/tmp/lmtp"),
            control: Path::new("/tmp/control"),
            authority: Path::new("/tmp/ca.pem"),
            bundle: Path::new("/tmp/bundle.pem"),
            config: Path::new("/tmp/config.toml"),
        };
        let text = facts.configuration();
        let config =
            crate::config::Config::parse(Path::new("config.toml"), &text, None).expect("parses");
        let alice = config.account("alice").expect("alice");
        assert_eq!(alice.password_command.as_deref(), Some("printf '%s\\n' 'se'\\''c\"r\\et'"));
        assert_eq!(alice.imap.as_ref().map(|url| url.port()), Some(1143));
        assert_eq!(config.default_account().map(|account| account.name.as_str()), Some("alice"));
    }
}
