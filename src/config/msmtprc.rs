//! `~/.msmtprc`: the accounts of msmtp, so that `send` works where msmtp did.
//!
//! The format is that of msmtp(1), section "Configuration file": lines of a keyword and a
//! value, `account NAME : BASE`, `defaults`, comments from `#`. What pillarbox does by itself or
//! has no use for (`logfile`, `syslog`, `timeout`, `set_date_header` and such) is passed over;
//! a keyword that msmtp does not know is an error, as it is there.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Account, Error, Place, TlsKeys};
use crate::base::location::{Location, expand_home};
use crate::base::secret::Secret;
use crate::net::tls;

/// The accounts of a file.
#[derive(Debug, Clone, Default)]
pub struct Msmtprc {
    accounts: BTreeMap<String, Account>,
}

/// Keywords without a meaning here.
const PASSED_OVER: &[&str] = &[
    "add_missing_date_header",
    "add_missing_from_header",
    "allow_from_override",
    "aliases",
    "auto_from",
    "dsn_notify",
    "dsn_return",
    "domain",
    "eval",
    "keepbcc",
    "logfile",
    "logfile_time_format",
    "maildomain",
    "ntlmdomain",
    "proxy_host",
    "proxy_port",
    "remove_bcc_headers",
    "set_date_header",
    "set_from_header",
    "set_msgid_header",
    "source_ip",
    "syslog",
    "timeout",
    "connect_timeout",
    "tls_crl_file",
    "tls_force_sslv3",
    "tls_host_override",
    "tls_min_dh_prime_bits",
    "tls_nocertcheck",
    "tls_nostarttls",
    "tls_priorities",
    "undisclosed_recipients",
];

/// What an account says, before it becomes one of ours.
#[derive(Debug, Clone, Default)]
struct Settings {
    values: BTreeMap<String, (String, usize)>,
}

impl Settings {
    fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|(value, _)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn is_on(&self, key: &str) -> Option<bool> {
        self.text(key).map(|value| value != "off")
    }

    fn line(&self, key: &str) -> usize {
        self.values.get(key).map_or(1, |(_, line)| *line)
    }
}

impl Msmtprc {
    /// Reads the user's file: `~/.msmtprc`, else `msmtp/config` in the configuration folder.
    /// None of them being there is no error.
    ///
    /// # Errors
    /// [`Error`] with file and line.
    pub fn load() -> Result<Self, Error> {
        use etcetera::BaseStrategy as _;
        let Ok(strategy) = etcetera::choose_base_strategy() else { return Ok(Self::default()) };
        let home = strategy.home_dir().to_owned();
        for path in [home.join(".msmtprc"), strategy.config_dir().join("msmtp").join("config")] {
            let mut file = match std::fs::File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(source) => return Err(Error::Read { path, source }),
            };
            let failed = |source| Error::Read { path: path.clone(), source };
            let is_exposed = file.metadata().map_err(failed)?.mode() & 0o077 != 0;
            let mut text = zeroize::Zeroizing::new(String::new());
            std::io::Read::read_to_string(&mut file, &mut text).map_err(failed)?;
            return Self::parse(&path, &text, Some(&home), is_exposed);
        }
        Ok(Self::default())
    }

    /// Reads the text of a file. `path` is for messages and `home` for values that begin with
    /// `~`; a file that others can read (`is_exposed`) must hold no password.
    ///
    /// # Errors
    /// [`Error`] with the line.
    pub fn parse(
        path: &Path,
        text: &str,
        home: Option<&Path>,
        is_exposed: bool,
    ) -> Result<Self, Error> {
        let reading = Reading { path, home, is_exposed };
        let mut defaults = Settings::default();
        let mut sections: Vec<(String, Settings)> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = match line.find(|c: char| c.is_whitespace() || c == '=') {
                Some(end) => {
                    let rest = line[end..].trim_start();
                    (&line[..end], rest.strip_prefix('=').unwrap_or(rest).trim())
                }
                None => (line, ""),
            };
            let value =
                value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            match key {
                "defaults" => sections.push((String::new(), defaults.clone())),
                "account" => {
                    let (name, bases) = value.split_once(':').unwrap_or((value, ""));
                    let mut settings = defaults.clone();
                    for base in bases.split(',').map(str::trim).filter(|base| !base.is_empty()) {
                        let found = sections.iter().rev().find(|(name, _)| name == base);
                        let (_, base) = found.ok_or_else(|| {
                            reading.wrong(number, "account", "an account that stands before it")
                        })?;
                        settings.values.extend(base.values.clone());
                    }
                    sections.push((name.trim().to_owned(), settings));
                }
                _ => {
                    reading.check(key, number)?;
                    let Some((name, settings)) = sections.last_mut() else {
                        return Err(reading.wrong(
                            number,
                            key,
                            "`account` or `defaults` before it",
                        ));
                    };
                    // msmtp's forms without a value are on.
                    let value = if value.is_empty() { "on" } else { value };
                    settings.values.insert(key.to_owned(), (value.to_owned(), number));
                    if name.is_empty() {
                        defaults = settings.clone();
                    }
                }
            }
        }
        let mut accounts = BTreeMap::new();
        for (name, settings) in sections {
            if !name.is_empty()
                && let Some(account) = reading.account(&name, &settings)?
            {
                accounts.insert(name, account);
            }
        }
        Ok(Self { accounts })
    }

    /// The account of this name.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.get(name)
    }

    /// The account that writes from this address, as `msmtp --read-envelope-from` chooses it.
    pub fn account_of_address(&self, address: &str) -> Option<&Account> {
        self.accounts.values().find(|account| account.has_email(address))
    }

    /// The account called `default`.
    pub fn default_account(&self) -> Option<&Account> {
        self.account("default")
    }
}

struct Reading<'a> {
    path: &'a Path,
    home: Option<&'a Path>,
    is_exposed: bool,
}

impl Reading<'_> {
    fn place(&self, line: usize) -> Place {
        Place { path: self.path.to_owned(), line }
    }

    fn wrong(&self, line: usize, key: &str, expected: impl Into<String>) -> Error {
        Error::Value { place: self.place(line), key: key.to_owned(), expected: expected.into() }
    }

    /// Whether msmtp knows the keyword.
    fn check(&self, key: &str, line: usize) -> Result<(), Error> {
        const USED: &[&str] = &[
            "auth",
            "from",
            "from_full_name",
            "host",
            "password",
            "passwordeval",
            "port",
            "protocol",
            "socket",
            "tls",
            "tls_cert_file",
            "tls_certcheck",
            "tls_fingerprint",
            "tls_key_file",
            "tls_starttls",
            "tls_trust_file",
            "user",
        ];
        if USED.contains(&key) || PASSED_OVER.contains(&key) {
            return Ok(());
        }
        let known = USED.iter().chain(PASSED_OVER).copied();
        Err(Error::UnknownKey {
            place: self.place(line),
            key: key.to_owned(),
            nearest: crate::base::nearest::nearest(key, known),
            known: USED,
        })
    }

    fn file(&self, settings: &Settings, key: &str) -> Option<PathBuf> {
        let path = settings.text(key).filter(|path| *path != "system" && *path != "off")?;
        Some(expand_home(Path::new(path), self.home))
    }

    /// One account; `None` where no host is said.
    fn account(&self, name: &str, settings: &Settings) -> Result<Option<Account>, Error> {
        let is_lmtp = settings.text("protocol") == Some("lmtp");
        let with_tls = settings.is_on("tls").unwrap_or(false);
        let with_starttls = settings.is_on("tls_starttls").unwrap_or(true);
        let scheme = match (is_lmtp, with_tls && !with_starttls) {
            (true, _) => "lmtp",
            (false, true) => "smtps",
            (false, false) => "smtp",
        };
        let url = match (settings.text("socket"), settings.text("host")) {
            (Some(socket), _) => {
                format!("lmtp://{}", expand_home(Path::new(socket), self.home).display())
            }
            (None, Some(host)) => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
                let usual = match scheme {
                    "smtps" => "465",
                    "lmtp" => "24",
                    _ => "25",
                };
                format!("{scheme}://{host}:{}", settings.text("port").unwrap_or(usual))
            }
            (None, None) => return Ok(None),
        };
        let line = settings.line(if settings.text("socket").is_some() { "socket" } else { "host" });
        let smtp = match Location::parse(&url) {
            Ok(Location::Smtp(url)) => url,
            _ => return Err(self.wrong(line, "host", "a host name, and a port from 1 to 65535")),
        };
        let method = settings.text("auth").unwrap_or("off");
        let password = settings.text("password").filter(|_| method != "off");
        if password.is_some() && self.is_exposed {
            let line = settings.line("password");
            return Err(self.wrong(line, "password", "a file that only its owner can read"));
        }
        let fingerprint = settings.text("tls_fingerprint").filter(|value| *value != "off");
        if fingerprint.is_some() {
            let line = settings.line("tls_fingerprint");
            let instead = "another way: pillarbox pins public keys, not certificates (see `pin`)";
            return Err(self.wrong(line, "tls_fingerprint", instead));
        }
        let user = settings.text("user").filter(|_| method != "off");
        Ok(Some(Account {
            name: name.to_owned(),
            emails: settings.text("from").map(str::to_owned).into_iter().collect(),
            full_name: settings.text("from_full_name").map(str::to_owned),
            smtp: Some(smtp),
            user: user.map(str::to_owned),
            auth: Some(method.to_ascii_uppercase()).filter(|name| name != "ON" && name != "OFF"),
            password: password.map(Secret::new),
            password_command: settings.text("passwordeval").map(str::to_owned),
            nobody_logs_in: method == "off",
            tls: TlsKeys {
                mode: match (with_tls, with_starttls) {
                    (false, _) => Some(tls::Mode::None),
                    (true, true) => Some(tls::Mode::Starttls),
                    (true, false) => Some(tls::Mode::Implicit),
                },
                ca_file: self.file(settings, "tls_trust_file"),
                client_cert: self.file(settings, "tls_cert_file"),
                client_key: self.file(settings, "tls_key_file"),
                insecure: (settings.is_on("tls_certcheck") == Some(false)).then_some(true),
                ..TlsKeys::default()
            },
            ..Account::default()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "/home/ann/.msmtprc";

    fn parse(text: &str) -> Result<Msmtprc, Error> {
        Msmtprc::parse(Path::new(FILE), text, Some(Path::new("/home/ann")), false)
    }

    const EXAMPLE: &str = r#"
# Set default values.
defaults
port 587
tls on
tls_trust_file ~/ca.pem

account work
host mail.example.org
from ann@example.org
auth on
user ann
password "s3cret word"

account copy : work
from = a.b@example.org

account plain
tls off
port 25
host localhost

account lmtp
protocol lmtp
socket /run/lmtp.sock

account default : work
"#;

    #[test]
    fn accounts_become_ours() {
        let rc = parse(EXAMPLE).expect("the example");
        let work = rc.account("work").expect("work");
        let url = |account: &Account| account.smtp.as_ref().map(ToString::to_string);
        assert_eq!(url(work).as_deref(), Some("smtp://mail.example.org:587"));
        assert_eq!(work.user.as_deref(), Some("ann"));
        assert_eq!(work.password, Some(Secret::new("s3cret word")));
        assert_eq!(work.tls.mode, Some(tls::Mode::Starttls));
        assert_eq!(work.tls.ca_file.as_deref(), Some(Path::new("/home/ann/ca.pem")));
        assert_eq!(work.auth, None);
        assert_eq!(rc.account_of_address("A.B@example.org").map(|a| a.name.as_str()), Some("copy"));
        let default = rc.default_account().expect("a default");
        assert_eq!((url(default), &default.emails), (url(work), &work.emails));
        let plain = rc.account("plain").expect("plain");
        assert_eq!((plain.tls.mode, plain.nobody_logs_in), (Some(tls::Mode::None), true));
        assert_eq!(url(plain).as_deref(), Some("smtp://localhost:25"));
        let lmtp = rc.account("lmtp").expect("lmtp");
        assert_eq!(url(lmtp).as_deref(), Some("lmtp:///run/lmtp.sock"));
        assert!(rc.account("other").is_none());
    }

    #[test]
    fn implicit_tls_and_forced_methods() {
        let rc = parse(
            "account a\nhost h\ntls\ntls_starttls off\nauth plain\nuser u\n\
                        passwordeval pass show x\ntls_certcheck off\n",
        )
        .expect("right");
        let account = rc.account("a").expect("a");
        assert_eq!(account.tls.mode, Some(tls::Mode::Implicit));
        assert_eq!(
            account.smtp.as_ref().map(ToString::to_string).as_deref(),
            Some("smtps://h:465")
        );
        assert_eq!(account.auth.as_deref(), Some("PLAIN"));
        assert_eq!(account.password_command.as_deref(), Some("pass show x"));
        assert_eq!(account.tls.insecure, Some(true));
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, want) in [
            ("account a\nhots h", "line 2: unknown key hots (perhaps host)"),
            ("host h", "line 1: host wants `account` or `defaults` before it"),
            ("account a : b", "line 1: account wants an account that stands before it"),
            (
                "account a\nhost h\nport x",
                "line 2: host wants a host name, and a port from 1 to 65535",
            ),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert_eq!(error, format!("{FILE}, {want}"), "{text}");
        }
        let exposed = Msmtprc::parse(Path::new(FILE), EXAMPLE, None, true).expect_err("exposed");
        assert!(exposed.to_string().contains("only its owner"), "{exposed}");
        assert!(!exposed.to_string().contains("s3cret"));
    }
}
