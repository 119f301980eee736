//! The one spelling of every place where mail can be.
//!
//! A [`Location`] is a word of the command line or of the configuration: an account, a URL
//! (IMAP by RFC 5092, POP3 by RFC 2384, news by RFC 5538, SMTP and LMTP in the same manner),
//! local mail, or `-`. A [`Reference`] names one message. Both are read and written here
//! without looking at the disk or the network: what a path holds, and whether an account
//! exists, is for `open` to find out.
//!
//! How a word is read, in this order:
//!
//! 1. `SCHEME:` with a known scheme ([`SCHEMES`], in any case). These names are reserved, so
//!    no account is hidden by one. Behind a scheme, `%` begins an escape of two hexadecimal
//!    digits, also in the local schemes (`maildir:`, `mbox:`, `eml:`); a bad escape is an
//!    error, never a guess.
//! 2. `-`: standard input or output.
//! 3. `ACCOUNT:` or `ACCOUNT:FOLDER`: a legal account name ([`is_account_name`]) whose colon
//!    comes before any `/`. So `work:Lists/rust` is a folder, while `./work:Lists/rust` and
//!    `Mail/cur/1.2:2,S` are paths. `NAME://` is an unknown scheme, never a folder.
//! 4. Anything with a `/`, or that begins with `.` or `~`: a path, taken octet for octet.
//! 5. Else an account, which must have a legal name.

mod imap;
mod local;
mod news;
mod percent;
mod pop;
mod reference;
mod server;
mod smtp;

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

pub use imap::{
    Access, ImapMailbox, ImapMessage, ImapSelect, ImapUrl, Partial, UrlAuth, UrlAuthVerifier,
};
pub use local::{MboxReference, expand_home};
pub use news::{NewsUrl, NewsWhat, NntpUrl};
pub use pop::PopUrl;
pub use reference::{
    ImapReference, MaildirFile, NewsReference, NntpReference, PopReference, Reference,
};
pub use server::{Auth, Server};
pub use smtp::{SmtpEndpoint, SmtpScheme, SmtpUrl};

use percent::Part;

/// The schemes that begin a location, in lower case; reserved as account names.
pub const SCHEMES: [&str; 16] = [
    "imap",
    "imaps",
    "pop",
    "pop3",
    "pop3s",
    "smtp",
    "smtps",
    "submission",
    "submissions",
    "lmtp",
    "nntp",
    "nntps",
    "news",
    "maildir",
    "mbox",
    "eml",
];

/// Anywhere that mail can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// An account of the configuration.
    Account {
        /// Its name; whether it exists is not known here.
        account: String,
        /// One folder: UTF-8, `/` between levels, whatever the server's delimiter.
        folder: Option<String>,
        /// `work:`, the whole account, against `work`, which each verb reads by its own
        /// default (the INBOX for fetch). Never true together with a folder.
        whole: bool,
    },
    /// `imap://`, `imaps://`.
    Imap(ImapUrl),
    /// `pop://`, `pop3://`, `pop3s://`.
    Pop(PopUrl),
    /// `smtp://`, `smtps://`, `submission://`, `submissions://`, `lmtp://`.
    Smtp(SmtpUrl),
    /// `nntp://`, `nntps://`.
    Nntp(NntpUrl),
    /// `news:`.
    News(NewsUrl),
    /// `maildir:PATH`.
    Maildir(PathBuf),
    /// `mbox:PATH`.
    Mbox(PathBuf),
    /// `mbox:PATH;offset=N;digest=HEX`: one message of an mbox.
    MboxMessage(MboxReference),
    /// `eml:PATH`: one message, or a folder of them.
    Eml(PathBuf),
    /// A path, recognised by what it holds when it is opened. A leading `~` stands as
    /// written: see [`expand_home`].
    Path(PathBuf),
    /// `-`.
    Stdio,
}

/// Why a word is no location or no reference. The user erred; nothing of the word that
/// could be a password is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The word is empty.
    #[error("an empty word is no location")]
    Empty,
    /// `NAME://` with a name that is no scheme of ours.
    #[error("unknown scheme {scheme} at byte 0 (one of {})", SCHEMES.join(", "))]
    UnknownScheme {
        /// The name, as written.
        scheme: String,
    },
    /// The grammar wanted something else.
    #[error("expected {expected} at byte {offset}")]
    Syntax {
        /// Where, in octets from the start of the word.
        offset: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// A `%` without two hexadecimal digits behind it.
    #[error("a % at byte {offset} without two hexadecimal digits behind it (write %25 for itself)")]
    Escape {
        /// Where the `%` stands, in octets from the start of the word.
        offset: usize,
    },
    /// CR, LF, NUL or another octet that may not stand in this part, plain or escaped.
    #[error("{what} may not contain the octet {octet:#04x} found at byte {offset}")]
    Forbidden {
        /// Where it stands, in octets from the start of the word.
        offset: usize,
        /// The octet, decoded.
        octet: u8,
        /// Which part of the location.
        what: &'static str,
    },
    /// A part that has to be text is not UTF-8 once decoded.
    #[error("{what} is not UTF-8 at byte {offset}")]
    NotText {
        /// Where the first bad octet stands, from the start of the word.
        offset: usize,
        /// Which part of the location.
        what: &'static str,
    },
    /// It would be read as an account, but no account can be called that.
    #[error("{name:?} is no account name at byte {offset} (letters, digits and . - _ @ +)")]
    AccountName {
        /// Where the first unfit character stands, from the start of the word.
        offset: usize,
        /// The name, as written.
        name: String,
    },
    /// A good location, but it does not name one message.
    #[error("{what} does not name one message")]
    NotAMessage {
        /// What it is instead, with its article.
        what: &'static str,
    },
}

impl Error {
    /// Where the word stops being right, in octets from its start.
    pub fn offset(&self) -> usize {
        match self {
            Error::Empty | Error::UnknownScheme { .. } | Error::NotAMessage { .. } => 0,
            Error::Syntax { offset, .. }
            | Error::Escape { offset }
            | Error::Forbidden { offset, .. }
            | Error::NotText { offset, .. }
            | Error::AccountName { offset, .. } => *offset,
        }
    }
}

/// Whether `name` can be the name of an account: not a scheme, letters and digits of any
/// script and `.`, `-`, `_`, `@`, `+`, beginning with a letter, a digit or `_`.
pub fn is_account_name(name: &str) -> bool {
    !is_scheme(name) && !name.is_empty() && account_name_misfit(name).is_none()
}

/// Whether `name` is one of [`SCHEMES`], in any case.
pub fn is_scheme(name: &str) -> bool {
    SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(name))
}

/// The offset of the first character that cannot stand in an account's name.
fn account_name_misfit(name: &str) -> Option<usize> {
    name.char_indices()
        .find(|&(at, c)| !(c.is_alphanumeric() || c == '_' || at > 0 && ".-@+".contains(c)))
        .map(|(at, _)| at)
}

impl Location {
    /// Reads a word, in the order that the module's text gives.
    ///
    /// # Errors
    /// [`Error`] with the octet at which the word stops being right. An account that does
    /// not exist is no error here.
    pub fn parse(word: &str) -> Result<Self, Error> {
        if word.is_empty() {
            return Err(Error::Empty);
        }
        let whole = Part::new(word);
        if let Some((scheme, rest)) = known_scheme(whole) {
            return Self::parse_scheme(&scheme, rest);
        }
        if word == "-" {
            return Ok(Location::Stdio);
        }
        if let Some((name, rest)) = account_prefix(whole) {
            return account_folder(name, rest);
        }
        if is_path(word) {
            percent::refuse_nul(whole, "a path")?;
            return Ok(Location::Path(PathBuf::from(word)));
        }
        match account_name_misfit(word) {
            Some(offset) => Err(Error::AccountName { offset, name: word.to_owned() }),
            None if is_scheme(word) => {
                Err(Error::Syntax { offset: word.len(), expected: "a colon behind the scheme" })
            }
            None => Ok(Location::Account { account: word.to_owned(), folder: None, whole: false }),
        }
    }

    /// Reads a word of the command line, where a path need not be UTF-8.
    ///
    /// # Errors
    /// As [`Location::parse`]; a word that is not UTF-8 and is no plain path is
    /// [`Error::NotText`] (a scheme has escapes for such octets).
    pub fn parse_os(word: &OsStr) -> Result<Self, Error> {
        use std::os::unix::ffi::OsStrExt;
        let octets = word.as_bytes();
        match std::str::from_utf8(octets) {
            Ok(text) => Self::parse(text),
            // What decides between a path and the rest is ASCII, which a lossy copy keeps.
            Err(error) => match Self::parse(&String::from_utf8_lossy(octets)) {
                Ok(Location::Path(_)) => Ok(Location::Path(PathBuf::from(word))),
                _ => Err(Error::NotText { offset: error.valid_up_to(), what: "a location" }),
            },
        }
    }

    fn parse_scheme(scheme: &str, rest: Part<'_>) -> Result<Self, Error> {
        Ok(match scheme {
            "imap" => Location::Imap(ImapUrl::parse_rest(false, rest.network()?)?),
            "imaps" => Location::Imap(ImapUrl::parse_rest(true, rest.network()?)?),
            "pop" | "pop3" => Location::Pop(PopUrl::parse_rest(false, rest.network()?)?),
            "pop3s" => Location::Pop(PopUrl::parse_rest(true, rest.network()?)?),
            "nntp" => Location::Nntp(NntpUrl::parse_rest(false, rest.network()?)?),
            "nntps" => Location::Nntp(NntpUrl::parse_rest(true, rest.network()?)?),
            "news" => Location::News(NewsUrl::parse_rest(rest)?),
            "maildir" => Location::Maildir(local::path(rest)?),
            "mbox" => match MboxReference::parse_rest(rest)? {
                Some(message) => Location::MboxMessage(message),
                None => Location::Mbox(local::path(rest)?),
            },
            "eml" => Location::Eml(local::path(rest)?),
            _ => {
                let scheme = SmtpScheme::from_name(scheme)
                    .ok_or_else(|| Error::UnknownScheme { scheme: scheme.to_owned() })?;
                Location::Smtp(SmtpUrl::parse_rest(scheme, rest.network()?)?)
            }
        })
    }

    /// The server of a URL; `None` for accounts, local mail and `news:` without one.
    pub fn server(&self) -> Option<&Server> {
        match self {
            Location::Imap(url) => Some(&url.server),
            Location::Pop(url) => Some(&url.server),
            Location::Smtp(url) => url.server(),
            Location::Nntp(url) => Some(&url.server),
            Location::News(url) => url.server.as_ref(),
            _ => None,
        }
    }

    /// Whether the word carried a password: it works, and the caller warns.
    pub fn has_password(&self) -> bool {
        self.server().is_some_and(|server| server.password.is_some())
    }

    /// The port to connect to: the URL's own, else its scheme's; `None` where there is no
    /// server.
    pub fn port(&self) -> Option<u16> {
        match self {
            Location::Imap(url) => Some(url.port()),
            Location::Pop(url) => Some(url.port()),
            Location::Smtp(url) => url.port(),
            Location::Nntp(url) => Some(url.port()),
            Location::News(url) => url.server.as_ref().map(|s| s.port.unwrap_or(119)),
            _ => None,
        }
    }

    /// Whether it lies on this machine's disk or on standard input and output.
    pub fn is_local(&self) -> bool {
        matches!(
            self,
            Location::Maildir(_)
                | Location::Mbox(_)
                | Location::MboxMessage(_)
                | Location::Eml(_)
                | Location::Path(_)
                | Location::Stdio
        )
    }
}

/// The spelling that [`Location::parse`] reads back to the same value, with two exceptions:
/// a password is never shown, and a [`Location::Path`] that is not UTF-8 is shown lossily
/// (it has no other spelling; the local schemes have).
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Account { account, folder: Some(folder), .. } => {
                write!(f, "{account}:{folder}")
            }
            Location::Account { account, folder: None, whole: true } => write!(f, "{account}:"),
            Location::Account { account, folder: None, whole: false } => f.write_str(account),
            Location::Imap(url) => url.fmt(f),
            Location::Pop(url) => url.fmt(f),
            Location::Smtp(url) => url.fmt(f),
            Location::Nntp(url) => url.fmt(f),
            Location::News(url) => url.fmt(f),
            Location::Maildir(path) => write!(f, "maildir:{}", local::encode(path)),
            Location::Mbox(path) => write!(f, "mbox:{}", local::encode(path)),
            Location::MboxMessage(message) => message.fmt(f),
            Location::Eml(path) => write!(f, "eml:{}", local::encode(path)),
            Location::Path(path) => {
                let shown = path.display().to_string();
                if !is_plain_path(&shown) {
                    f.write_str("./")?;
                }
                f.write_str(&shown)
            }
            Location::Stdio => f.write_str("-"),
        }
    }
}

impl std::str::FromStr for Location {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        Self::parse(word)
    }
}

/// The scheme in lower case and what stands behind its colon.
fn known_scheme(word: Part<'_>) -> Option<(String, Part<'_>)> {
    let (name, rest) = word.split_once(':')?;
    is_scheme(name.text).then(|| (name.text.to_ascii_lowercase(), rest))
}

/// `NAME:` with a legal account name, and what stands behind the colon. A legal name has
/// no `/`, so the colon comes before any.
fn account_prefix(word: Part<'_>) -> Option<(&str, Part<'_>)> {
    let (name, rest) = word.split_once(':')?;
    is_account_name(name.text).then_some((name.text, rest))
}

fn account_folder(name: &str, rest: Part<'_>) -> Result<Location, Error> {
    if rest.text.starts_with("//") {
        return Err(Error::UnknownScheme { scheme: name.to_owned() });
    }
    if rest.text.starts_with('/') {
        return Err(Error::Syntax { offset: rest.at, expected: "a folder without a leading /" });
    }
    if let Some(n) = rest.text.bytes().position(|b| matches!(b, b'\r' | b'\n' | 0)) {
        let octet = rest.text.as_bytes()[n];
        return Err(Error::Forbidden { offset: rest.at + n, octet, what: "a folder" });
    }
    let folder = (!rest.text.is_empty()).then(|| rest.text.to_owned());
    Ok(Location::Account { account: name.to_owned(), whole: folder.is_none(), folder })
}

fn is_path(word: &str) -> bool {
    word.contains('/') || word.starts_with(['.', '~'])
}

/// Whether a word is read as the path that it looks like, and as nothing before that.
fn is_plain_path(word: &str) -> bool {
    let part = Part::new(word);
    is_path(word) && known_scheme(part).is_none() && account_prefix(part).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn account(account: &str, folder: Option<&str>, whole: bool) -> Location {
        Location::Account { account: account.into(), folder: folder.map(str::to_owned), whole }
    }

    #[test]
    fn words_are_read_in_the_written_order() {
        for (word, want) in [
            ("work", account("work", None, false)),
            ("work:", account("work", None, true)),
            ("work:Lists/rust", account("work", Some("Lists/rust"), false)),
            ("work:Lists/*", account("work", Some("Lists/*"), false)),
            ("work:Entwürfe", account("work", Some("Entwürfe"), false)),
            ("ann@example.org:INBOX", account("ann@example.org", Some("INBOX"), false)),
            ("-", Location::Stdio),
            ("~/Mail", Location::Path("~/Mail".into())),
            ("~", Location::Path("~".into())),
            (".", Location::Path(".".into())),
            ("./work:Lists/rust", Location::Path("./work:Lists/rust".into())),
            ("Mail/cur/1.2:2,S", Location::Path("Mail/cur/1.2:2,S".into())),
            ("/a b/100%.mbox", Location::Path("/a b/100%.mbox".into())),
            ("maildir:~/Mail", Location::Maildir("~/Mail".into())),
            ("MBOX:old.mbox", Location::Mbox("old.mbox".into())),
            ("mbox:50%25", Location::Mbox("50%".into())),
            ("eml:a;b", Location::Eml("a;b".into())),
        ] {
            assert_eq!(Location::parse(word), Ok(want.clone()), "{word}");
            assert_eq!(Location::parse(&want.to_string()), Ok(want), "{word} shown again");
        }
    }

    #[test]
    fn mistakes_carry_their_place() {
        for (word, offset) in [
            ("", 0),
            ("http://example.org/", 0),
            ("two words", 3),
            ("-work", 0),
            ("work:/etc", 5),
            ("work:a\nb", 6),
            ("imap", 4),
            ("imap:host", 5),
            ("imap://", 7),
            ("mbox:", 5),
            ("mbox:a%2", 6),
            ("mbox:a%zz", 6),
            ("maildir:a%00b", 9),
        ] {
            let error = Location::parse(word).expect_err(word);
            assert_eq!(error.offset(), offset, "{word}: {error}");
        }
    }

    #[test]
    fn a_password_is_kept_and_never_shown() {
        let location = Location::parse("imaps://ann:s3cr%21t@h/INBOX").expect("a good URL");
        assert!(location.has_password());
        let server = location.server().expect("a server");
        assert_eq!(server.password.as_ref().map(|p| p.expose()), Some(&b"s3cr!t"[..]));
        assert_eq!(location.to_string(), "imaps://ann@h/INBOX");
        assert!(!format!("{location:?}").contains("s3cr"));
        let error = Location::parse("imaps://ann:s3cr%2@h/").expect_err("a bad escape");
        assert!(!error.to_string().contains("s3cr"), "{error}");
    }

    #[test]
    fn default_ports() {
        for (word, port) in [
            ("imap://h", 143),
            ("imaps://h", 993),
            ("pop://h", 110),
            ("pop3://h", 110),
            ("pop3s://h", 995),
            ("smtp://h", 25),
            ("smtps://h", 465),
            ("submission://h", 587),
            ("submissions://h", 465),
            ("lmtp://h", 24),
            ("nntp://h/g", 119),
            ("nntps://h/g", 563),
            ("news://h/g", 119),
            ("imap://h:1143", 1143),
        ] {
            assert_eq!(Location::parse(word).expect(word).port(), Some(port), "{word}");
        }
    }

    #[test]
    fn paths_that_are_not_utf8_come_from_the_command_line() {
        use std::os::unix::ffi::OsStrExt;
        let word = OsStr::from_bytes(b"/tmp/\xff");
        assert_eq!(Location::parse_os(word), Ok(Location::Path(word.into())));
        let word = OsStr::from_bytes(b"work:\xff");
        assert_eq!(Location::parse_os(word).map_err(|e| e.offset()), Err(5));
    }

    proptest! {
        #[test]
        fn any_word_is_refused_or_reads_back(word in "\\PC{0,40}") {
            if let Ok(location) = Location::parse(&word)
                && !location.has_password() {
                    prop_assert_eq!(Location::parse(&location.to_string()), Ok(location));
                }
        }

        #[test]
        fn any_url_like_word_is_refused_or_reads_back(
            word in "(imaps?|pop3?|smtp|lmtp|nntp|news|mbox|maildir):(//)?[a-z@:;/?%0-9A-F=.\\[\\]]{0,30}"
        ) {
            if let Ok(location) = Location::parse(&word)
                && !location.has_password() {
                    prop_assert_eq!(Location::parse(&location.to_string()), Ok(location));
                }
        }

        #[test]
        fn local_schemes_read_back(octets in prop::collection::vec(1u8.., 1..40)) {
            use std::os::unix::ffi::OsStrExt;
            let path = PathBuf::from(OsStr::from_bytes(&octets));
            for location in [
                Location::Maildir(path.clone()),
                Location::Mbox(path.clone()),
                Location::Eml(path),
            ] {
                prop_assert_eq!(Location::parse(&location.to_string()), Ok(location));
            }
        }
    }
}
