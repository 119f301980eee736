//! Where a secret comes from: `--token-command`, `--password-command`, `--password-fd`, the URL,
//! the account's `token-command` and `password-command`, `PILLARBOX_PASSWORD`, `~/.netrc`, the
//! keyring, and a question on the terminal, in this order. The first that is there decides:
//! when it fails, the next is not asked, so that no wrong password is sent by accident.
//!
//! Nothing is asked for before a server wants it. Tokens that we renew ourselves are not here
//! (`oauth`).

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use zeroize::Zeroizing;

use super::netrc::{self, Netrc};
use crate::base::secret::Secret;
use crate::keyring::{self, Item, Keyring};
use crate::oauth;

/// The environment variable that may hold the password.
pub const PASSWORD_VARIABLE: &str = "PILLARBOX_PASSWORD";

/// The environment variable that may hold the password of a client certificate: of a PKCS#12
/// container, or of a key in PEM form.
pub const CONTAINER_VARIABLE: &str = "PILLARBOX_CLIENT_CERT_PASSWORD";

/// Longest secret that is read from a descriptor, in octets: an OAuth token has some 2,000.
const SECRET_OCTETS: usize = 64 * 1024;

/// How much a password command's words on stderr add to an error, in characters.
const STDERR_CHARACTERS: usize = 400;

/// Every environment variable that may hold a secret.
const SECRET_VARIABLES: [&str; 4] = [
    PASSWORD_VARIABLE,
    CONTAINER_VARIABLE,
    keyring::PASSPHRASE_VARIABLE,
    oauth::CLIENT_SECRET_VARIABLE,
];

/// Takes the passwords out of what a child process inherits. Every command that the program
/// starts for somebody goes through here.
pub fn hide_password(command: &mut Command) -> &mut Command {
    for name in SECRET_VARIABLES {
        command.env_remove(name);
    }
    command
}

/// What one login knows of its secret's whereabouts.
#[derive(Debug, Clone, Default)]
pub struct Whereabouts {
    /// `--token-command`.
    pub token_command: Option<String>,
    /// `--password-command`.
    pub command: Option<String>,
    /// `--password-fd`.
    pub descriptor: Option<i32>,
    /// The password of the URL.
    pub url: Option<Secret>,
    /// The account, and its `token-command`.
    pub account_token_command: Option<(String, String)>,
    /// The account, and its `password-command`.
    pub account_command: Option<(String, String)>,
    /// The account, and the password that msmtp's configuration has for it.
    pub account_password: Option<(String, Secret)>,
    /// Who logs in.
    pub user: String,
    /// The server's name.
    pub host: String,
}

/// What surrounds the process, so that tests can put other things there.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The value of `PILLARBOX_PASSWORD`, if it is set.
    pub password: Option<Secret>,
    /// The user's netrc, if there can be one.
    pub netrc: Option<PathBuf>,
    /// Where the user's secrets rest, if there can be such a place.
    pub keyring: Option<Keyring>,
    /// Asks on the terminal; `None`: nobody is to be asked. Gets the question.
    pub prompt: Option<fn(&str) -> io::Result<String>>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let password: Option<OsString> = std::env::var_os(PASSWORD_VARIABLE);
        Self {
            password: password.map(|value| Secret::new(value.into_vec())),
            netrc: etcetera::home_dir().ok().map(|home| home.join(".netrc")),
            keyring: Keyring::of_user().ok(),
            prompt: Some(ask),
        }
    }

    fn load_netrc(&self) -> Result<Option<Netrc>, Error> {
        match &self.netrc {
            Some(path) => Ok(Netrc::load(path)?),
            None => Ok(None),
        }
    }
}

fn ask(question: &str) -> io::Result<String> {
    rpassword::prompt_password(question)
}

/// A secret and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The secret.
    pub secret: Secret,
    /// Where it came from, to say when the server refuses it.
    pub origin: Origin,
}

/// Where a secret came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `--token-command`.
    TokenCommand,
    /// The `token-command` of this account.
    AccountToken(String),
    /// `--password-command`.
    Command,
    /// `--password-fd`.
    Descriptor(i32),
    /// The URL.
    Url,
    /// Another command of this account.
    AccountCommand(String),
    /// The `password-command` of this account.
    Account(String),
    /// What msmtp's configuration has for this account.
    Msmtprc(String),
    /// `PILLARBOX_PASSWORD`.
    Environment,
    /// This netrc.
    Netrc(PathBuf),
    /// The keyring, or the encrypted file in its place.
    Keyring,
    /// The terminal.
    Prompt,
}

impl Origin {
    /// Whether what comes from there is an OAuth access token.
    pub fn is_token(&self) -> bool {
        matches!(self, Origin::TokenCommand | Origin::AccountToken(_))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::TokenCommand => f.write_str("--token-command"),
            Origin::AccountToken(name) => write!(f, "the token-command of account {name}"),
            Origin::Keyring => f.write_str("the keyring"),
            Origin::Command => f.write_str("--password-command"),
            Origin::Descriptor(number) => write!(f, "--password-fd {number}"),
            Origin::Url => f.write_str("the URL"),
            Origin::AccountCommand(name) => write!(f, "a command of account {name}"),
            Origin::Account(name) => write!(f, "the password-command of account {name}"),
            Origin::Msmtprc(name) => write!(f, "the password of msmtp's account {name}"),
            Origin::Environment => f.write_str(PASSWORD_VARIABLE),
            Origin::Netrc(path) => write!(f, "{}", path.display()),
            Origin::Prompt => f.write_str("the terminal"),
        }
    }
}

/// Why there is no secret. It never holds one; what a command wrote to stderr is quoted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The shell for a password command does not start.
    #[error("{origin} does not start")]
    Start {
        /// Which command.
        origin: Origin,
        /// Why.
        source: io::Error,
    },
    /// A password command ended badly.
    #[error("{origin} ended with {status}{}", quoted(.stderr))]
    Status {
        /// Which command.
        origin: Origin,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to stderr, cut to some hundred characters.
        stderr: String,
    },
    /// A source that is there gave nothing on its first line.
    #[error("{origin} gave an empty password")]
    Empty {
        /// Which source.
        origin: Origin,
    },
    /// A descriptor cannot be read.
    #[error("cannot read {origin}")]
    Read {
        /// Which source.
        origin: Origin,
        /// Why.
        source: io::Error,
    },
    /// More octets than any secret has.
    #[error("{origin} gave a line of more than {} octets", SECRET_OCTETS)]
    TooLong {
        /// Which source.
        origin: Origin,
    },
    /// The netrc is wrong, or not private.
    #[error(transparent)]
    Netrc(#[from] netrc::Error),
    /// What is wrong with the place of secrets.
    #[error(transparent)]
    Keyring(#[from] keyring::Error),
    /// There is no source, and nobody to ask.
    #[error(
        "no password for {user} at {host}: no source has one, and there is no terminal to ask on{}",
        silent(.trouble)
    )]
    Missing {
        /// Who logs in.
        user: String,
        /// Where.
        host: String,
        /// Why the keyring did not say, where it did not.
        trouble: Option<String>,
    },
}

impl Error {
    /// Whether nobody gave a secret: no source has one, or the answer on the terminal was empty.
    pub fn is_missing(&self) -> bool {
        matches!(self, Error::Missing { .. } | Error::Empty { origin: Origin::Prompt })
    }
}

fn silent(trouble: &Option<String>) -> String {
    trouble.as_ref().map(|words| format!(" (the keyring says: {words})")).unwrap_or_default()
}

fn quoted(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}

/// The secret of one login, sought when it is first wanted and then kept.
#[derive(Debug)]
pub struct Credentials {
    whereabouts: Whereabouts,
    surroundings: Surroundings,
    found: RefCell<Option<Found>>,
}

impl Credentials {
    /// Seeks nothing yet.
    pub fn new(whereabouts: Whereabouts, surroundings: Surroundings) -> Self {
        Self { whereabouts, surroundings, found: RefCell::new(None) }
    }

    /// Who logs in.
    pub fn user(&self) -> &str {
        &self.whereabouts.user
    }

    /// The secret, where it was found before.
    pub fn known(&self) -> Option<Found> {
        self.found.borrow().clone()
    }

    /// The search for the secret, to be done on another thread: it blocks while a command runs or
    /// a person types.
    ///
    /// # Errors
    /// The search's: [`Error`] of the first source that is there.
    pub fn search(&self) -> impl FnOnce() -> Result<Found, Error> + Send + use<> {
        let fresh = Self::new(self.whereabouts.clone(), self.surroundings.clone());
        move || fresh.seek()
    }

    /// Keeps what a search has found.
    pub fn keep(&self, found: &Found) {
        *self.found.borrow_mut() = Some(found.clone());
    }

    /// The secret. Blocks while a command runs or a person types; not to be called while
    /// connections of the same thread wait for attention.
    ///
    /// # Errors
    /// [`Error`] of the first source that is there. The next call tries again.
    pub fn secret(&self) -> Result<Found, Error> {
        if let Some(found) = &*self.found.borrow() {
            return Ok(found.clone());
        }
        let found = self.seek()?;
        self.keep(&found);
        Ok(found)
    }

    /// Asks the token command once more after a server refused its token: whether it gives
    /// another one, which [`Credentials::secret`] then is. Blocks as that does.
    pub fn has_another_token(&self) -> bool {
        let known = self.found.borrow().clone();
        let Some(refused) = known.filter(|found| found.origin.is_token()) else { return false };
        match self.seek() {
            Ok(found) if found.secret != refused.secret => {
                *self.found.borrow_mut() = Some(found);
                true
            }
            // What is told is that the server refused the token there was.
            _ => false,
        }
    }

    /// Whether this login was told by an option or its URL where its secret is.
    pub fn is_told(&self) -> bool {
        let told = &self.whereabouts;
        told.token_command.is_some()
            || told.command.is_some()
            || told.descriptor.is_some()
            || told.url.is_some()
    }

    fn seek(&self) -> Result<Found, Error> {
        let Whereabouts {
            token_command,
            command,
            descriptor,
            url,
            account_token_command,
            account_command,
            account_password,
            user,
            host,
        } = &self.whereabouts;
        if let Some(command) = token_command {
            return run(command, Origin::TokenCommand);
        }
        if let Some(command) = command {
            return run(command, Origin::Command);
        }
        if let Some(number) = *descriptor {
            let path = PathBuf::from(format!("/dev/fd/{number}"));
            return read_line_of(&path, Origin::Descriptor(number));
        }
        if let Some(secret) = url {
            return Ok(Found { secret: secret.clone(), origin: Origin::Url });
        }
        if let Some((name, command)) = account_token_command {
            return run(command, Origin::AccountToken(name.clone()));
        }
        if let Some((name, command)) = account_command {
            return run(command, Origin::Account(name.clone()));
        }
        if let Some((name, secret)) = account_password {
            let origin = Origin::Msmtprc(name.clone());
            return Ok(Found { secret: secret.clone(), origin });
        }
        if let Some(secret) = &self.surroundings.password {
            let origin = Origin::Environment;
            if secret.is_empty() {
                return Err(Error::Empty { origin });
            }
            return Ok(Found { secret: secret.clone(), origin });
        }
        if let (Some(netrc), Some(path)) =
            (self.surroundings.load_netrc()?, &self.surroundings.netrc)
            && let Some(secret) = netrc.password(host, user)?
        {
            return Ok(Found { secret, origin: Origin::Netrc(path.clone()) });
        }
        let mut trouble = None;
        if let Some(keyring) = &self.surroundings.keyring {
            let item = Item::Password { user: user.clone(), host: host.clone() };
            let search = keyring.search(&item)?;
            if let Some(secret) = search.found {
                return Ok(Found { secret, origin: Origin::Keyring });
            }
            trouble = search.trouble;
        }
        let missing = || Error::Missing { user: user.clone(), host: host.clone(), trouble };
        let Some(prompt) = self.surroundings.prompt else { return Err(missing()) };
        // A user or host out of a reference may hold what a terminal would obey.
        let question = format!("Password of {} at {}: ", user.escape_debug(), host.escape_debug());
        // What fails here is opening the terminal: there is none.
        let typed = Zeroizing::new(prompt(&question).map_err(|_| missing())?);
        if typed.is_empty() {
            return Err(Error::Empty { origin: Origin::Prompt });
        }
        Ok(Found { secret: Secret::new(typed.as_bytes()), origin: Origin::Prompt })
    }
}

/// The first line that a shell command prints. It gets nothing on stdin, which may be mail.
fn run(command: &str, origin: Origin) -> Result<Found, Error> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(OsStr::new(command)).stdin(Stdio::null());
    let output = match hide_password(&mut shell).output() {
        Ok(output) => output,
        Err(source) => return Err(Error::Start { origin, source }),
    };
    let stdout = Zeroizing::new(output.stdout);
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let stderr = stderr.trim().chars().take(STDERR_CHARACTERS).collect();
        return Err(Error::Status { origin, status: output.status, stderr });
    }
    let end = stdout.iter().position(|&b| b == b'\n').unwrap_or(stdout.len());
    secret_of(&stdout[..end], origin)
}

/// The first line that a shell command of an account prints, as a secret.
///
/// # Errors
/// [`Error`].
pub fn first_line(account: &str, command: &str) -> Result<Secret, Error> {
    run(command, Origin::AccountCommand(account.to_owned())).map(|found| found.secret)
}

/// The first line of a file as a secret.
fn read_line_of(path: &Path, origin: Origin) -> Result<Found, Error> {
    let mut line = Zeroizing::new(Vec::<u8>::with_capacity(256));
    match read_line(path, &mut line) {
        Err(source) => Err(Error::Read { origin, source }),
        Ok(()) if line.len() > SECRET_OCTETS => Err(Error::TooLong { origin }),
        Ok(()) => secret_of(&line, origin),
    }
}

/// Reads up to a line feed and not an octet more: what follows may be for another side.
fn read_line(path: &Path, line: &mut Vec<u8>) -> io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    let mut octet = [0];
    while line.len() <= SECRET_OCTETS && file.read(&mut octet)? == 1 && octet[0] != b'\n' {
        line.push(octet[0]);
    }
    Ok(())
}

/// A line without its CR, if it has one, as a secret.
fn secret_of(line: &[u8], origin: Origin) -> Result<Found, Error> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(Error::Empty { origin });
    }
    Ok(Found { secret: Secret::new(line), origin })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::OpenOptionsExt;

    fn whereabouts() -> Whereabouts {
        Whereabouts { user: "ann".into(), host: "h.example".into(), ..Whereabouts::default() }
    }

    fn seek(whereabouts: Whereabouts, surroundings: Surroundings) -> Result<Found, Error> {
        Credentials::new(whereabouts, surroundings).secret()
    }

    fn found(secret: &str, origin: Origin) -> Found {
        Found { secret: Secret::new(secret), origin }
    }

    #[test]
    fn sources_are_asked_in_order() {
        let folder =
            std::env::temp_dir().join(format!("pillarbox-credentials-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let netrc = folder.join("netrc");
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&netrc).expect("it");
        io::Write::write_all(&mut file, b"machine h.example login ann password six\n").expect("it");

        let mut whereabouts = Whereabouts {
            command: Some("echo one; echo two".into()),
            url: Some(Secret::new("three")),
            account_command: Some(("work".into(), "printf 'four\\r\\n'".into())),
            ..whereabouts()
        };
        let mut surroundings = Surroundings {
            password: Some(Secret::new("five")),
            netrc: Some(netrc.clone()),
            keyring: None,
            prompt: Some(|question| {
                assert_eq!(question, "Password of ann at h.example: ");
                Ok("seven".to_owned())
            }),
        };
        let seek = |w: &Whereabouts, s: &Surroundings| seek(w.clone(), s.clone()).expect("one");
        assert_eq!(seek(&whereabouts, &surroundings), found("one", Origin::Command));
        whereabouts.command = None;
        assert_eq!(seek(&whereabouts, &surroundings), found("three", Origin::Url));
        whereabouts.url = None;
        let account = Origin::Account("work".into());
        assert_eq!(seek(&whereabouts, &surroundings), found("four", account));
        whereabouts.account_command = None;
        assert_eq!(seek(&whereabouts, &surroundings), found("five", Origin::Environment));
        surroundings.password = None;
        assert_eq!(seek(&whereabouts, &surroundings), found("six", Origin::Netrc(netrc)));
        whereabouts.user = "ann\u{1b}".into();
        whereabouts.host = "other".into();
        surroundings.prompt = Some(|question| {
            assert_eq!(question, "Password of ann\\u{1b} at other: ");
            Ok("seven".to_owned())
        });
        assert_eq!(seek(&whereabouts, &surroundings), found("seven", Origin::Prompt));
        std::fs::remove_dir_all(&folder).expect("removal");
    }

    #[test]
    fn a_descriptor_gives_its_first_line() {
        use std::os::fd::AsRawFd;
        let (reader, mut writer) = io::pipe().expect("a pipe");
        io::Write::write_all(&mut writer, b"far pw\r\nnear pw\n").expect("room in the pipe");
        drop(writer);
        let number = reader.as_raw_fd();
        let at = || Whereabouts { descriptor: Some(number), ..whereabouts() };
        let origin = Origin::Descriptor(number);
        let first = seek(at(), Surroundings::default()).expect("the first line");
        assert_eq!(first, found("far pw", origin.clone()));
        let second = seek(at(), Surroundings::default()).expect("the second line");
        assert_eq!(second, found("near pw", origin));
        assert!(matches!(seek(at(), Surroundings::default()), Err(Error::Empty { .. })));
    }

    #[test]
    fn a_failing_source_is_not_passed_over() {
        let surroundings =
            Surroundings { password: Some(Secret::new("five")), ..Surroundings::default() };
        let with = |command: &str| Whereabouts { command: Some(command.into()), ..whereabouts() };
        let failing = with("echo s3cret; echo 'no such entry' >&2; exit 3");
        let error = seek(failing, surroundings.clone()).expect_err("a failure").to_string();
        assert_eq!(error, "--password-command ended with exit status: 3: no such entry");
        let error = seek(with("true"), surroundings.clone()).expect_err("nothing").to_string();
        assert_eq!(error, "--password-command gave an empty password");
        let descriptor = Whereabouts { descriptor: Some(987_654), ..whereabouts() };
        assert!(matches!(seek(descriptor, surroundings), Err(Error::Read { .. })));
    }

    #[test]
    fn without_a_source_the_error_names_user_and_host() {
        let error = seek(whereabouts(), Surroundings::default()).expect_err("none").to_string();
        assert!(error.starts_with("no password for ann at h.example"), "{error}");
        let no_terminal = Surroundings {
            prompt: Some(|_| Err(io::Error::from(io::ErrorKind::NotFound))),
            ..Surroundings::default()
        };
        assert!(matches!(seek(whereabouts(), no_terminal), Err(Error::Missing { .. })));
    }

    #[test]
    fn a_secret_is_kept_and_a_token_asked_for_again() {
        let path = std::env::temp_dir().join(format!("pillarbox-command-{}", std::process::id()));
        let command = format!("echo x >> '{0}'; wc -l < '{0}' | tr -d ' '", path.display());
        let places = Whereabouts { token_command: Some(command), ..whereabouts() };
        let credentials = Credentials::new(places, Surroundings::default());
        let secret = || credentials.secret().expect("a number").secret;
        assert_eq!(credentials.user(), "ann");
        assert!(!credentials.has_another_token());
        assert_eq!(secret().expose(), b"1");
        assert_eq!(secret().expose(), b"1");
        assert!(credentials.has_another_token());
        assert_eq!(secret().expose(), b"2");
        let password = Whereabouts { command: Some("echo $$".into()), ..whereabouts() };
        let password = Credentials::new(password, Surroundings::default());
        assert!(password.secret().is_ok() && !password.has_another_token());
        assert!(format!("{credentials:?}").contains("secret: Secret(..)"));
        std::fs::remove_file(&path).expect("removal");
    }

    #[test]
    fn children_do_not_see_the_password() {
        let mut command = Command::new("true");
        hide_password(&mut command);
        for name in SECRET_VARIABLES {
            let hidden = (OsStr::new(name), None);
            assert!(command.get_envs().any(|variable| variable == hidden), "{name}");
        }
    }
}
