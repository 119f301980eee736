//! The configuration: accounts, named pairs for `sync`, and what holds for all of them;
//! beside it, where secrets come from and what aliases stand for.
//!
//! Read from `/etc/pillarbox/config.toml`, then from `pillarbox/config.toml` in the user's
//! configuration folder, where each key replaces the same key of the first; or from one
//! named file alone. An unknown key is an error, since a misspelt `tls` must not mean none.
//!
//! [`discovery`] finds the servers of a new account, and [`edit`] writes it down. Not here:
//! what the values mean on a connection (`open`).
//!
//! ```toml
//! default-account = "work"
//! qualify-domain = "example.org"
//! aliases = "aliases"
//!
//! [account.work]
//! email = "ann@example.org"
//! imap = "imaps://ann@imap.example.org"
//! smtp = "submissions://ann@smtp.example.org"
//! password-command = "pass show mail/work"
//! folders = { sent = "Sent Items" }
//!
//! [sync.laptop]
//! far = "work:"
//! near = "~/Mail"
//! options = ["--exclude", "Junk"]
//! ```

pub mod aliases;
pub mod autoconfig;
pub mod credentials;
pub mod discovery;
pub mod edit;
pub mod msmtprc;
pub mod netrc;

mod accounts;
mod document;
mod error;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use toml::de::DeTable;

pub use accounts::{Account, SPECIAL_USES, TlsKeys};
pub use document::Place;
pub use error::Error;

use crate::base::location::{Location, is_account_name, is_scheme};
use crate::base::nearest::nearest;
use document::{Document, Entry};
use error::listed;

/// The file of the whole system.
pub const SYSTEM_FILE: &str = "/etc/pillarbox/config.toml";

/// The file of the user; `None` without a home folder.
pub fn user_file() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("pillarbox").join("config.toml"))
}

/// Everything that the configuration files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The domain of addresses that have none; `None`: such addresses stay as they are.
    pub qualify_domain: Option<String>,
    /// The file of aliases.
    pub aliases: Option<PathBuf>,
    /// The file that each sent message adds a line to.
    pub logfile: Option<PathBuf>,
    default_account: Option<String>,
    accounts: BTreeMap<String, Account>,
    pairs: BTreeMap<String, Pair>,
}

/// A named pair: `[sync.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// What it is called.
    pub name: String,
    /// The first location of `sync`.
    pub far: Location,
    /// The second one.
    pub near: Location,
    /// Options, spelled and read as on `sync`'s own command line.
    pub options: Vec<String>,
}

const KEYS: &[&str] =
    &["default-account", "qualify-domain", "aliases", "logfile", "account", "sync"];

const PAIR_KEYS: &[&str] = &["far", "near", "options"];

impl Config {
    /// Reads the named file alone, or else those of the system and of the user, either of
    /// which may be missing.
    ///
    /// # Errors
    /// [`Error`] with file, line and key.
    pub fn load(named: Option<&Path>) -> Result<Self, Error> {
        let strategy = etcetera::choose_base_strategy().ok();
        let mut reading = Reading {
            home: strategy.as_ref().map(|strategy| strategy.home_dir().to_owned()),
            ..Reading::default()
        };
        match named {
            Some(path) => reading.read_file(path, true)?,
            None => {
                reading.read_file(Path::new(SYSTEM_FILE), false)?;
                if let Some(strategy) = strategy {
                    let path = strategy.config_dir().join("pillarbox").join("config.toml");
                    reading.read_file(&path, false)?;
                }
            }
        }
        reading.finish()
    }

    /// Reads the text of one file. `path` is for messages and for relative paths in it, and
    /// `home` for those that begin with `~`.
    ///
    /// # Errors
    /// [`Error`] with line and key.
    pub fn parse(path: &Path, text: &str, home: Option<&Path>) -> Result<Self, Error> {
        let mut reading = Reading { home: home.map(Path::to_owned), ..Reading::default() };
        reading.read(path, text)?;
        reading.finish()
    }

    /// The account of this name.
    ///
    /// # Errors
    /// [`Error::UnknownAccount`], which lists those that there are.
    pub fn account(&self, name: &str) -> Result<&Account, Error> {
        self.accounts.get(name).ok_or_else(|| Error::UnknownAccount {
            name: name.to_owned(),
            known: self.accounts.keys().cloned().collect(),
        })
    }

    /// All accounts, by name.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// The account to use where none is named: `default-account`, or the only one.
    pub fn default_account(&self) -> Option<&Account> {
        match &self.default_account {
            Some(name) => self.accounts.get(name),
            None if self.accounts.len() == 1 => self.accounts.values().next(),
            None => None,
        }
    }

    /// The account that writes from this address. The default account comes first where
    /// several have it.
    pub fn account_of_address(&self, address: &str) -> Option<&Account> {
        let mut candidates = self.default_account().into_iter().chain(self.accounts.values());
        candidates.find(|account| account.has_email(address))
    }

    /// The account whose credentials and TLS settings a URL uses: one with a server of the
    /// same host and port where the same user logs in.
    pub fn account_for_url(&self, user: &str, host: &str, port: u16) -> Option<&Account> {
        self.accounts.values().find(|account| {
            account.servers().any(|(server, its_port)| {
                its_port == port
                    && server.host.eq_ignore_ascii_case(host)
                    && account.user_at(server) == Some(user)
            })
        })
    }

    /// The account that a location belongs to: the one it names, or the one of its URL; a
    /// URL without a user, and local mail, belong to none.
    ///
    /// # Errors
    /// [`Error::UnknownAccount`] for a name that is not configured.
    pub fn account_of(&self, location: &Location) -> Result<Option<&Account>, Error> {
        if let Location::Account { account, .. } = location {
            return self.account(account).map(Some);
        }
        let Some((server, port)) = location.server().zip(location.port()) else {
            return Ok(None);
        };
        Ok(server.user.as_deref().and_then(|user| self.account_for_url(user, &server.host, port)))
    }

    /// The sync pair of this name.
    ///
    /// # Errors
    /// [`Error::UnknownPair`], which lists those that there are.
    pub fn pair(&self, name: &str) -> Result<&Pair, Error> {
        self.pairs.get(name).ok_or_else(|| Error::UnknownPair {
            name: name.to_owned(),
            known: self.pairs.keys().cloned().collect(),
        })
    }

    /// All sync pairs, by name.
    pub fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.values()
    }
}

/// A configuration of which not all files have been read.
#[derive(Default)]
struct Reading {
    home: Option<PathBuf>,
    config: Config,
    /// Where `default-account` stood.
    default_place: Option<Place>,
    pairs: BTreeMap<String, OpenPair>,
}

/// A pair that may still lack a side.
struct OpenPair {
    place: Place,
    far: Option<Location>,
    near: Option<Location>,
    options: Vec<String>,
}

impl Reading {
    fn read_file(&mut self, path: &Path, is_required: bool) -> Result<(), Error> {
        let octets = match std::fs::read(path) {
            Ok(octets) => octets,
            Err(error) if !is_required && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(());
            }
            Err(source) => return Err(Error::Read { path: path.to_owned(), source }),
        };
        match std::str::from_utf8(&octets) {
            Ok(text) => self.read(path, text),
            Err(error) => {
                let before = &octets[..error.valid_up_to()];
                let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
                Err(Error::NotText { place: Place { path: path.to_owned(), line } })
            }
        }
    }

    fn read(&mut self, path: &Path, text: &str) -> Result<(), Error> {
        let home = self.home.clone();
        let document = Document { path, text, home: home.as_deref() };
        let table = DeTable::parse(text).map_err(|error| document.syntax(&error))?;
        for entry in document.entries(table.get_ref()) {
            match entry.key {
                "default-account" => {
                    self.config.default_account = Some(entry.text()?);
                    self.default_place = Some(entry.place());
                }
                "qualify-domain" => {
                    let domain = entry.text()?;
                    if domain.contains(|c: char| c == '@' || c.is_whitespace()) {
                        return Err(entry.wrong("a domain such as example.org"));
                    }
                    self.config.qualify_domain = Some(domain);
                }
                "aliases" => self.config.aliases = Some(entry.path()?),
                "logfile" => self.config.logfile = Some(entry.path()?),
                "account" => {
                    for account in entry.table()? {
                        self.account(&account)?;
                    }
                }
                "sync" => {
                    for pair in entry.table()? {
                        self.pair(&pair)?;
                    }
                }
                _ => return Err(entry.unknown(KEYS)),
            }
        }
        Ok(())
    }

    fn account(&mut self, table: &Entry<'_>) -> Result<(), Error> {
        if is_scheme(table.key) {
            return Err(table.wrong("another name: this one begins URLs"));
        }
        if !is_account_name(table.key) {
            return Err(table.wrong("a name of letters, digits and . - _ @ +"));
        }
        let account = self.config.accounts.entry(table.key.to_owned()).or_default();
        account.name = table.key.to_owned();
        for entry in table.table()? {
            account.set(&entry)?;
        }
        Ok(())
    }

    fn pair(&mut self, table: &Entry<'_>) -> Result<(), Error> {
        let pair = self.pairs.entry(table.key.to_owned()).or_insert_with(|| OpenPair {
            place: table.place(),
            far: None,
            near: None,
            options: Vec::new(),
        });
        pair.place = table.place();
        for entry in table.table()? {
            match entry.key {
                "far" => pair.far = Some(accounts::location(&entry)?),
                "near" => pair.near = Some(accounts::location(&entry)?),
                "options" => pair.options = entry.texts()?,
                _ => return Err(entry.unknown(PAIR_KEYS)),
            }
        }
        Ok(())
    }

    /// Checks what one file may leave to the other.
    fn finish(mut self) -> Result<Config, Error> {
        if let (Some(name), Some(place)) = (&self.config.default_account, self.default_place)
            && !self.config.accounts.contains_key(name)
        {
            let key = "default-account".to_owned();
            return Err(Error::Value { place, key, expected: self.config.account_names(name) });
        }
        for (name, pair) in std::mem::take(&mut self.pairs) {
            let wrong = |key: &str, expected: String| Error::Value {
                place: pair.place.clone(),
                key: format!("sync.{name}{key}"),
                expected,
            };
            let (Some(far), Some(near)) = (pair.far, pair.near) else {
                return Err(wrong("", "far and near".to_owned()));
            };
            for (key, side) in [(".far", &far), (".near", &near)] {
                if let Location::Account { account, .. } = side
                    && !self.config.accounts.contains_key(account)
                {
                    return Err(wrong(key, self.config.account_names(account)));
                }
            }
            let pair = Pair { name: name.clone(), far, near, options: pair.options };
            self.config.pairs.insert(name, pair);
        }
        Ok(self.config)
    }
}

impl Config {
    /// What is wanted in place of an account that there isn't.
    fn account_names(&self, name: &str) -> String {
        match nearest(name, self.accounts.keys().map(String::as_str)) {
            Some(nearest) => format!("an account that exists (perhaps {nearest})"),
            None => {
                let known: Vec<String> = self.accounts.keys().cloned().collect();
                format!("an account that exists{}", listed(&known, "none does", "known are"))
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::net::tls;

    /// The configuration of a text, for tests of others.
    pub(crate) fn config(text: &str) -> Config {
        parse(text).expect("a configuration")
    }

    const FILE: &str = "/home/ann/.config/pillarbox/config.toml";

    fn parse(text: &str) -> Result<Config, Error> {
        Config::parse(Path::new(FILE), text, Some(Path::new("/home/ann")))
    }

    const EXAMPLE: &str = r#"
default-account = "work"
qualify-domain = "example.org"
aliases = "aliases"
logfile = "~/pillarbox.log"

[account.work]
email = ["ann@example.org", "a.b@example.org"]
name = "Ann Bär"
imap = "imaps://ann@imap.example.org"
pop = "pop3s://pop.example.org"
smtp = "submissions://ann@smtp.example.org:4650"
nntp = "nntp://news.example.org"
user = "ann.b"
auth = "SCRAM-SHA-256"
password-command = "pass show 'mail/work'"
folders = { sent = "Sent Items", trash = "Bin" }
tls = "starttls"
tls-min = "1.3"
tls-backend = "native"
ca-file = "ca.pem"
pin = "sha256:00"
insecure = false

[account."ann@home"]
email = "ann@home.example"
imap = "imap://h.example"

[sync.laptop]
far = "work:"
near = "~/Mail"
options = ["--exclude", "Junk"]
"#;

    #[test]
    fn every_key_is_read() {
        let config = parse(EXAMPLE).expect("the example");
        assert_eq!(config.aliases, Some("/home/ann/.config/pillarbox/aliases".into()));
        assert_eq!(config.logfile, Some("/home/ann/pillarbox.log".into()));
        assert_eq!(config.qualify_domain.as_deref(), Some("example.org"));
        assert_eq!(config.default_account().map(|a| a.name.as_str()), Some("work"));

        let work = config.account("work").expect("an account");
        assert_eq!(work.emails, ["ann@example.org", "a.b@example.org"]);
        assert_eq!(work.full_name.as_deref(), Some("Ann Bär"));
        assert_eq!(work.password_command.as_deref(), Some("pass show 'mail/work'"));
        assert_eq!(work.auth.as_deref(), Some("SCRAM-SHA-256"));
        assert_eq!(work.folder("\\sent"), Some("Sent Items"));
        assert_eq!(work.folder("\\Junk"), None);
        assert_eq!(
            work.tls,
            TlsKeys {
                mode: Some(tls::Mode::Starttls),
                min: Some(tls::Version::Tls13),
                backend: Some(tls::Backend::Native),
                ca_file: Some("/home/ann/.config/pillarbox/ca.pem".into()),
                client_cert: None,
                client_key: None,
                pins: vec!["sha256:00".into()],
                insecure: Some(false),
            }
        );
        let ports: Vec<u16> = work.servers().map(|(_, port)| port).collect();
        assert_eq!(ports, [993, 995, 4650, 119]);
        let imap = work.imap.as_ref().expect("a URL");
        assert_eq!(work.user_at(&imap.server), Some("ann"));
        let pop = work.pop.as_ref().expect("a URL");
        assert_eq!(work.user_at(&pop.server), Some("ann.b"));

        let pair = config.pair("laptop").expect("a pair");
        assert_eq!(pair.far.to_string(), "work:");
        assert_eq!(pair.near, Location::Path("~/Mail".into()));
        assert_eq!(pair.options, ["--exclude", "Junk"]);
        assert_eq!(config.pairs().count(), 1);
        assert_eq!(config.accounts().count(), 2);
    }

    #[test]
    fn the_example_of_the_module_is_read() {
        let source = include_str!("mod.rs");
        let text: String = source
            .lines()
            .skip_while(|line| *line != "//! ```toml")
            .skip(1)
            .take_while(|line| *line != "//! ```")
            .flat_map(|line| [line.trim_start_matches("//!"), "\n"])
            .collect();
        assert!(text.contains("[account.work]"));
        parse(&text).expect("the module's own example");
    }

    #[test]
    fn accounts_are_found_by_address_and_by_url() {
        let config = parse(EXAMPLE).expect("the example");
        let name = |account: Option<&Account>| account.map(|a| a.name.clone());
        let work = Some("work".to_owned());
        assert_eq!(name(config.account_of_address("A.B@Example.org")), work);
        assert_eq!(name(config.account_of_address("bob@example.org")), None);
        assert_eq!(name(config.account_for_url("ann", "IMAP.example.org", 993)), work);
        assert_eq!(name(config.account_for_url("ann", "imap.example.org", 143)), None);
        assert_eq!(name(config.account_for_url("bob", "imap.example.org", 993)), None);
        assert_eq!(name(config.account_for_url("ann.b", "pop.example.org", 995)), work);
        let of = |word: &str| {
            let location = Location::parse(word).expect(word);
            name(config.account_of(&location).expect(word))
        };
        assert_eq!(of("work:Lists/rust"), work);
        assert_eq!(of("imaps://ann@imap.example.org/INBOX/;UID=7"), work);
        assert_eq!(of("imaps://imap.example.org/"), None);
        let home = Some("ann@home".to_owned());
        assert_eq!(of("imap://ann%40home.example@h.example/"), home);
        assert_eq!(of("./x"), None);
        let unknown = Location::parse("wrok").expect("a location");
        let error = config.account_of(&unknown).expect_err("no such account").to_string();
        assert_eq!(error, "no account is called wrok (known are ann@home, work)");
    }

    #[test]
    fn a_later_file_replaces_key_by_key() {
        let mut reading = Reading::default();
        reading.read(Path::new("/etc/a.toml"), EXAMPLE).expect("the first file");
        let second = "default-account = 'ann@home'\n[account.work]\nuser = 'eve'\n\
                      folders.sent = 'Out'\n[sync.laptop]\nnear = 'mbox:x'\n";
        reading.read(Path::new("/home/b.toml"), second).expect("the second file");
        let config = reading.finish().expect("both");
        let work = config.account("work").expect("an account");
        assert_eq!(work.user.as_deref(), Some("eve"));
        assert_eq!(work.full_name.as_deref(), Some("Ann Bär"));
        assert_eq!((work.folder("\\Sent"), work.folder("\\Trash")), (Some("Out"), Some("Bin")));
        assert_eq!(config.default_account().map(|a| a.name.as_str()), Some("ann@home"));
        let pair = config.pair("laptop").expect("a pair");
        assert_eq!(
            (pair.far.to_string(), pair.near.to_string()),
            ("work:".into(), "mbox:x".into())
        );
    }

    #[test]
    fn mistakes_name_file_line_key_and_what_is_wanted() {
        for (text, want) in [
            ("\nlogfiel = 'x'", "line 2: unknown key logfiel (perhaps logfile)"),
            (
                "colour = 1",
                "line 1: unknown key colour (known are default-account, qualify-domain, \
                 aliases, logfile, account, sync)",
            ),
            (
                "[account.work]\n\nemial = 'a@b'",
                "line 3: unknown key account.work.emial (perhaps email)",
            ),
            (
                "[account.work]\nfolders = { snet = 'x' }",
                "line 2: unknown key account.work.folders.snet (perhaps sent)",
            ),
            (
                "[account.work]\npassword = 'secret'",
                "line 2: account.work.password: a password is not kept here, but got by \
                 password-command, or kept by `pillarbox account login`",
            ),
            ("[sync.a]\nfra = 'x'", "line 2: unknown key sync.a.fra (perhaps far)"),
            ("logfile = 7", "line 1: logfile wants a string on one line, not empty"),
            ("account = 7", "line 1: account wants a table"),
            (
                "[account.work]\ninsecure = 'no'",
                "line 2: account.work.insecure wants true or false",
            ),
            (
                "[account.work]\ntls = 'maybe'",
                "line 2: account.work.tls wants one of implicit, starttls, opportunistic, none",
            ),
            (
                "[account.work]\nimap = 'pop3://h'",
                "line 2: account.work.imap wants an imap:// or imaps:// URL",
            ),
            (
                "[account.work]\nimap = 'imaps://ann:s3cret@'",
                "line 2: account.work.imap wants a location: expected a host at byte 19",
            ),
            (
                "[account.work]\nemail = 'ann'",
                "line 2: account.work.email wants an address such as ann@example.org, or several",
            ),
            ("[account.imap]", "line 1: account.imap wants another name: this one begins URLs"),
            (
                "[account.'two words']",
                "line 1: account.two words wants a name of letters, digits and . - _ @ +",
            ),
            ("[account.work]\n\n[sync.a]\nfar = 'work:'", "line 3: sync.a wants far and near"),
            (
                "[account.work]\n[sync.a]\nfar = 'wrok:'\nnear='./x'",
                "line 2: sync.a.far wants an account that exists (perhaps work)",
            ),
            (
                "\ndefault-account = 'x'",
                "line 2: default-account wants an account that exists (none does)",
            ),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert_eq!(error, format!("{FILE}, {want}"), "{text}");
        }
        let error = parse("a = 1\nb = = 2").expect_err("not TOML").to_string();
        assert!(error.starts_with(&format!("{FILE}, line 2: ")), "{error}");
    }

    #[test]
    fn a_named_file_must_exist_and_be_text() {
        let folder = std::env::temp_dir().join(format!("pillarbox-config-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("config.toml");
        let missing = Config::load(Some(&path)).expect_err("no file");
        assert!(matches!(&missing, Error::Read { path: at, .. } if *at == path), "{missing}");
        std::fs::write(&path, b"# x\n# \xff\n").expect("a file");
        let error = Config::load(Some(&path)).expect_err("not UTF-8").to_string();
        assert_eq!(error, format!("{}, line 2: not UTF-8", path.display()));
        std::fs::write(&path, "qualify-domain = 'example.org'\n").expect("a file");
        let config = Config::load(Some(&path)).expect("a good file");
        assert_eq!(config.qualify_domain.as_deref(), Some("example.org"));
        assert!(config.default_account().is_none());
        std::fs::remove_dir_all(&folder).expect("removal");
    }
}
