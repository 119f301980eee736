//! `~/.netrc`: logins and passwords by host, in the format of ftp(1), with quoted tokens as
//! curl and GNU inetutils have them. Macros are skipped.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Place;
use crate::base::secret::Secret;

/// What is wrong with a netrc. The user erred; nothing of the file is repeated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why; [`std::io::ErrorKind::InvalidData`] when it is not UTF-8.
        source: std::io::Error,
    },
    /// A word that does not fit.
    #[error("{place}: expected {expected}")]
    Syntax {
        /// Where.
        place: Place,
        /// What should stand there.
        expected: &'static str,
    },
    /// It holds the password that is wanted, but others can read it or write to it.
    #[error("{} can be read or changed by others, so its passwords are not used", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
}

/// The entries of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Netrc {
    path: PathBuf,
    /// Others have some right to the file.
    is_exposed: bool,
    entries: Vec<Entry>,
}

/// What is said of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Entry {
    /// `None`: `default`.
    host: Option<String>,
    login: Option<String>,
    password: Option<Secret>,
}

impl Netrc {
    /// Reads a file; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Syntax`].
    pub fn load(path: &Path) -> Result<Option<Self>, Error> {
        let failed = |source| Error::Read { path: path.to_owned(), source };
        let mut file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source)),
        };
        let mode = file.metadata().map_err(failed)?.mode();
        let mut text = zeroize::Zeroizing::new(String::new());
        std::io::Read::read_to_string(&mut file, &mut text).map_err(failed)?;
        let mut netrc = Self::parse(path, &text)?;
        netrc.is_exposed = mode & 0o077 != 0;
        Ok(Some(netrc))
    }

    /// Reads the text of a file that is nobody else's; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Syntax`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut tokens = Tokens { path, text, at: 0 };
        while let Some(token) = tokens.next()? {
            let entry = entries.last_mut();
            let expected = match (token.as_str(), entry) {
                ("machine", _) => {
                    let host = Some(tokens.value("a host behind machine")?);
                    entries.push(Entry { host, ..Entry::default() });
                    continue;
                }
                ("default", _) => {
                    entries.push(Entry::default());
                    continue;
                }
                ("macdef", _) => {
                    tokens.skip_macro()?;
                    continue;
                }
                ("login", Some(entry)) => {
                    entry.login = Some(tokens.value("a name behind login")?);
                    continue;
                }
                ("password", Some(entry)) => {
                    let password = tokens.value("a password behind password")?;
                    entry.password = Some(Secret::new(password));
                    continue;
                }
                ("account", Some(_)) => {
                    tokens.value("a word behind account")?;
                    continue;
                }
                (_, None) => "machine or default",
                (_, Some(_)) => "machine, default, login, password, account or macdef",
            };
            return Err(tokens.error(expected));
        }
        Ok(Self { path: path.to_owned(), is_exposed: false, entries })
    }

    /// The password of a user at a host; `None` where the file has none. An entry without a
    /// login is every user's.
    ///
    /// # Errors
    /// [`Error::Exposed`] where it has one that others could have read or changed.
    pub fn password(&self, host: &str, user: &str) -> Result<Option<Secret>, Error> {
        match self.entry(host, user).and_then(|entry| entry.password.clone()) {
            Some(_) if self.is_exposed => Err(Error::Exposed { path: self.path.clone() }),
            password => Ok(password),
        }
    }

    /// The first entry of the host that fits the user, else the default one.
    fn entry(&self, host: &str, user: &str) -> Option<&Entry> {
        let is_users =
            |entry: &&Entry| entry.login.as_ref().is_none_or(|login| login.as_str() == user);
        let is_hosts =
            |entry: &&Entry| entry.host.as_ref().is_some_and(|h| h.eq_ignore_ascii_case(host));
        let mut of_host = self.entries.iter().filter(is_hosts).filter(is_users);
        let mut default = self.entries.iter().filter(|entry| entry.host.is_none());
        of_host.next().or_else(|| default.find(is_users))
    }
}

/// The words of a file.
struct Tokens<'a> {
    path: &'a Path,
    text: &'a str,
    /// Behind the last word that was taken.
    at: usize,
}

impl<'a> Tokens<'a> {
    /// An error on the line of the last word taken.
    fn error(&self, expected: &'static str) -> Error {
        let line = 1 + self.text[..self.at].matches('\n').count();
        Error::Syntax { place: Place { path: self.path.to_owned(), line }, expected }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The next word without its quotes; `None` at the end. A line that begins with `#` is
    /// a comment; a word that does is not, since passwords may.
    fn next(&mut self) -> Result<Option<String>, Error> {
        loop {
            let blank = self.rest().len() - self.rest().trim_start().len();
            self.at += blank;
            let is_line_start = self.text[..self.at].trim_end_matches([' ', '\t']).ends_with('\n')
                || self.text[..self.at].trim_end_matches([' ', '\t']).is_empty();
            if !(is_line_start && self.rest().starts_with('#')) {
                break;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
        if self.rest().starts_with('"') {
            return self.quoted().map(Some);
        }
        let length = self.rest().find(char::is_whitespace).unwrap_or(self.rest().len());
        let token = self.rest()[..length].to_owned();
        self.at += length;
        Ok((!token.is_empty()).then_some(token))
    }

    /// `"..."`, with `\n`, `\r`, `\t` and a backslash before anything else for itself.
    fn quoted(&mut self) -> Result<String, Error> {
        let mut token = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(token);
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => token.push('\n'),
                    Some((_, 'r')) => token.push('\r'),
                    Some((_, 't')) => token.push('\t'),
                    Some((_, c)) => token.push(c),
                    None => break,
                },
                '\n' => break,
                c => token.push(c),
            }
        }
        Err(self.error("a closing quote on the same line"))
    }

    /// The word behind a keyword.
    fn value(&mut self, expected: &'static str) -> Result<String, Error> {
        self.next()?.ok_or_else(|| self.error(expected))
    }

    /// The name of a macro and its text, up to an empty line.
    fn skip_macro(&mut self) -> Result<(), Error> {
        self.value("a name behind macdef")?;
        self.at = match self.rest().find("\n\n") {
            Some(n) => self.at + n,
            None => self.text.len(),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Netrc, Error> {
        Netrc::parse(Path::new(".netrc"), text)
    }

    fn password(netrc: &Netrc, host: &str, user: &str) -> Option<String> {
        let secret = netrc.password(host, user).expect("a private file")?;
        secret.expose_str().map(str::to_owned)
    }

    #[test]
    fn entries_are_found_by_host_and_login() {
        let netrc = parse(
            "# mine\n\
             machine imap.example.org\n\tlogin ann\n\tpassword #1 # account x\n\
             machine imap.example.org login bob password \"a \\\"b\\\" \\\\c\"\n\
             macdef init\n  machine evil login ann password no\n  bye\n\n\
             machine pop.example.org password any\n\
             default login guest password guest\n",
        );
        // `#` behind a password is not a comment but a word out of place.
        assert!(netrc.is_err());
        let netrc = parse(
            "# mine\n\
             machine imap.example.org\n\tlogin ann\n  # indented\n\tpassword #1\n\
             machine imap.example.org login bob password \"a \\\"b\\\" \\\\c\"\n\
             macdef init\n  machine evil login ann password no\n  bye\n\n\
             machine pop.example.org password any account x\n\
             default login guest password guest\n",
        )
        .expect("a netrc");
        for (host, user, want) in [
            ("imap.example.org", "ann", Some("#1")),
            ("IMAP.example.org", "bob", Some("a \"b\" \\c")),
            ("imap.example.org", "eve", None),
            ("pop.example.org", "eve", Some("any")),
            ("elsewhere.example", "guest", Some("guest")),
            ("elsewhere.example", "ann", None),
            ("evil", "ann", None),
        ] {
            assert_eq!(password(&netrc, host, user).as_deref(), want, "{user} at {host}");
        }
        assert!(!format!("{netrc:?}").contains("#1"));
    }

    #[test]
    fn mistakes_name_the_line_and_no_secret() {
        for (text, line) in [
            ("login ann", 1),
            ("machine h\n\nlogin ann\npasswrd s3cret", 4),
            ("machine h login ann password", 1),
            ("machine h\npassword \"s3cret\n\"", 2),
            ("machine", 1),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.starts_with(&format!(".netrc, line {line}: ")), "{text}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_gives_no_password() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("pillarbox-netrc-{}", std::process::id()));
        assert_eq!(Netrc::load(&path).expect("no error"), None);
        std::fs::write(&path, "machine h login ann password pw\n").expect("a file");
        let load = |mode: u32| {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, permissions).expect("a mode");
            Netrc::load(&path).expect("a netrc").expect("a file")
        };
        assert_eq!(password(&load(0o600), "h", "ann").as_deref(), Some("pw"));
        for mode in [0o644, 0o640, 0o620] {
            let netrc = load(mode);
            assert!(matches!(netrc.password("h", "ann"), Err(Error::Exposed { .. })), "{mode:o}");
            assert!(matches!(netrc.password("h", "bob"), Ok(None)), "{mode:o}");
        }
        std::fs::remove_file(&path).expect("removal");
    }

    proptest! {
        #[test]
        fn quoted_passwords_read_back(secret in "[^\\r\\n\\x00]{1,20}") {
            let quoted = secret.replace('\\', "\\\\").replace('"', "\\\"");
            let text = format!("machine h login ann password \"{quoted}\"");
            let netrc = parse(&text).expect("a netrc");
            prop_assert_eq!(password(&netrc, "h", "ann"), Some(secret));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(machine |default|login |password |macdef |\"|\\\\|#|[a-z]{1,3}|[ \\n\\t]){0,20}") {
            // It must not panic, whatever it says.
            let _ = parse(&text);
        }
    }
}
