//! References: the name of one message, as `search` prints it and as `fetch`, `message`
//! and `send` read it back.
//!
//! A message of a Maildir, or in a file of its own, is named by its bare path where that
//! can be read back, so that other tools can use it too. A path that could be taken for
//! something else, or that does not fit on a line of text, is written behind `maildir:` or
//! `eml:` with escapes. The first line of a message is never read as a reference: a field's
//! name and colon look like an account's.

use std::ffi::OsStr;
use std::fmt;
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::imap::{ImapMailbox, ImapMessage, ImapSelect, ImapUrl, Partial, UrlAuth};
use super::local::{self, MboxReference};
use super::news::{NewsUrl, NewsWhat, NntpUrl};
use super::percent::Part;
use super::pop::PopUrl;
use super::{Error, Location, Server, is_path, is_plain_path, known_scheme};

/// One message, wherever it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `imap://u@h/INBOX;UIDVALIDITY=7/;UID=42`, with `/;SECTION=` and `/;PARTIAL=`.
    Imap(ImapReference),
    /// `pop3://u@h/;UIDL=...`.
    Pop(PopReference),
    /// `nntp://h/group/12345`.
    Nntp(NntpReference),
    /// `news:id@example.org`.
    News(NewsReference),
    /// A file of a Maildir.
    MaildirFile(MaildirFile),
    /// `mbox:PATH;offset=N;digest=HEX`.
    Mbox(MboxReference),
    /// A file that is one message.
    Eml(PathBuf),
}

/// A message on an IMAP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImapReference {
    /// `imaps`: TLS from the first octet.
    pub implicit_tls: bool,
    /// The server and who logs in there.
    pub server: Server,
    /// The server's own name of the mailbox, as in [`ImapMailbox::name`].
    pub mailbox: Vec<u8>,
    /// The mailbox's UIDVALIDITY when the reference was made; `None`: not checked.
    pub uid_validity: Option<u32>,
    /// The message, or a part of it.
    pub message: ImapMessage,
}

/// A message on a POP3 server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PopReference {
    /// `pop3s`: TLS from the first octet.
    pub implicit_tls: bool,
    /// The server and who logs in there.
    pub server: Server,
    /// Its unique-id.
    pub uidl: String,
}

/// An article by the number that one news server gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NntpReference {
    /// `nntps`: TLS from the first octet.
    pub implicit_tls: bool,
    /// The server and who logs in there.
    pub server: Server,
    /// The group.
    pub group: String,
    /// The article's number in it.
    pub article: u64,
}

/// An article by its message-ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewsReference {
    /// The server; `None`: the account's, or the one that `NNTPSERVER` names.
    pub server: Option<Server>,
    /// The message-ID, without angle brackets and with an `@`.
    pub message_id: String,
}

/// A file of a Maildir, which its flags may rename: it is found again by its unique name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaildirFile {
    path: PathBuf,
}

impl MaildirFile {
    /// `None` unless the file lies in a folder called `cur` or `new`.
    pub fn new(path: PathBuf) -> Option<Self> {
        let place = path.parent()?.file_name()?;
        path.file_name()?;
        (place == "cur" || place == "new").then_some(Self { path })
    }

    /// The path as it was when the reference was made.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's name up to the `:` of its flags: this survives a rename.
    pub fn unique(&self) -> &OsStr {
        let name = self.path.file_name().unwrap_or_default().as_bytes();
        let end = name.iter().position(|&b| b == b':').unwrap_or(name.len());
        OsStr::from_bytes(&name[..end])
    }

    /// The folder of the Maildir: what holds `cur`, `new` and `tmp`. Empty for the working
    /// directory.
    pub fn folder(&self) -> &Path {
        self.path.parent().and_then(Path::parent).unwrap_or(Path::new(""))
    }
}

impl ImapReference {
    /// The whole message `uid` of a mailbox.
    pub fn new(
        implicit_tls: bool,
        server: Server,
        mailbox: impl Into<Vec<u8>>,
        uid_validity: Option<u32>,
        uid: NonZeroU32,
    ) -> Self {
        let message = ImapMessage { uid, section: None, partial: None, urlauth: None };
        Self { implicit_tls, server, mailbox: mailbox.into(), uid_validity, message }
    }

    /// The section that is meant, as in `BODY.PEEK[...]`; `None`: the whole message.
    pub fn section(&self) -> Option<&str> {
        self.message.section.as_deref()
    }

    /// The range of octets that is meant; `None`: all of them.
    pub fn partial(&self) -> Option<Partial> {
        self.message.partial
    }

    /// The right to read it that the reference itself carries.
    pub fn urlauth(&self) -> Option<&UrlAuth> {
        self.message.urlauth.as_ref()
    }
}

impl Reference {
    /// Reads a reference: one line of a list, without its line end.
    ///
    /// # Errors
    /// [`Error::NotAMessage`] for a location that is more than one message, else as
    /// [`Location::parse`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let word = Part::new(text);
        let Some((scheme, rest)) = known_scheme(word) else {
            return Self::parse_bare(word);
        };
        match scheme.as_str() {
            "eml" => return Ok(Reference::Eml(local::path(rest)?)),
            "maildir" => {
                let file = MaildirFile::new(local::path(rest)?);
                let file = file.ok_or(Error::NotAMessage { what: "a Maildir" })?;
                return Ok(Reference::MaildirFile(file));
            }
            _ => {}
        }
        match Location::parse(text)? {
            Location::Imap(url) => ImapReference::try_from(url).map(Reference::Imap),
            Location::Pop(PopUrl { implicit_tls, server, uidl: Some(uidl) }) => {
                Ok(Reference::Pop(PopReference { implicit_tls, server, uidl }))
            }
            Location::Pop(_) => Err(Error::NotAMessage { what: "a maildrop" }),
            Location::Nntp(NntpUrl {
                implicit_tls,
                server,
                group: Some(group),
                article: Some(article),
            }) => Ok(Reference::Nntp(NntpReference { implicit_tls, server, group, article })),
            Location::Nntp(_) => Err(Error::NotAMessage { what: "a newsgroup" }),
            Location::News(NewsUrl { server, what: NewsWhat::Article(message_id) }) => {
                Ok(Reference::News(NewsReference { server, message_id }))
            }
            Location::News(_) => Err(Error::NotAMessage { what: "a newsgroup" }),
            Location::MboxMessage(message) => Ok(Reference::Mbox(message)),
            Location::Mbox(_) => Err(Error::NotAMessage { what: "an mbox" }),
            _ => Err(Error::NotAMessage { what: "a server that takes mail" }),
        }
    }

    /// Reads a reference whose path need not be UTF-8: one line of a list, without its line end.
    ///
    /// # Errors
    /// As [`Reference::parse`]; what is not UTF-8 and does not begin as a path does, with `/`,
    /// `./`, `../` or `~/`, is [`Error::NotText`]: a field of a message may have any octets, too.
    pub fn parse_octets(line: &[u8]) -> Result<Self, Error> {
        let error = match std::str::from_utf8(line) {
            Ok(text) => return Self::parse(text),
            Err(error) => error,
        };
        let begins = [&b"/"[..], b"./", b"../", b"~/"];
        if begins.iter().any(|begin| line.starts_with(begin)) && !line.ends_with(b"/") {
            if let Some(offset) = line.iter().position(|octet| *octet == 0) {
                return Err(Error::Syntax { offset, expected: "a path without NUL" });
            }
            return Ok(Self::of_path(PathBuf::from(OsStr::from_bytes(line))));
        }
        Err(Error::NotText { offset: error.valid_up_to(), what: "a reference" })
    }

    fn parse_bare(word: Part<'_>) -> Result<Self, Error> {
        if word.is_empty() {
            return Err(Error::Empty);
        }
        if !is_plain_path(word.text) {
            return Err(Error::NotAMessage {
                what: if is_path(word.text) { "a folder" } else { "a single word" },
            });
        }
        super::percent::refuse_nul(word, "a path")?;
        Ok(Self::of_path(PathBuf::from(word.text)))
    }

    /// What a bare path names: a Maildir's file if it lies where those do.
    fn of_path(path: PathBuf) -> Self {
        match MaildirFile::new(path.clone()) {
            Some(file) => Reference::MaildirFile(file),
            None => Reference::Eml(path),
        }
    }

    /// Where the message lies, to open once for many references: the same location without
    /// the message. A file that is one message is its own place.
    pub fn container(&self) -> Location {
        match self {
            Reference::Imap(reference) => {
                let mut url = ImapUrl::from(reference.clone());
                if let Some(mailbox) = &mut url.mailbox {
                    mailbox.select = ImapSelect::All;
                }
                Location::Imap(url)
            }
            Reference::Pop(PopReference { implicit_tls, server, .. }) => Location::Pop(PopUrl {
                implicit_tls: *implicit_tls,
                server: server.clone(),
                uidl: None,
            }),
            Reference::Nntp(reference) => Location::Nntp(NntpUrl {
                implicit_tls: reference.implicit_tls,
                server: reference.server.clone(),
                group: Some(reference.group.clone()),
                article: None,
            }),
            Reference::News(reference) => Location::News(NewsUrl {
                server: reference.server.clone(),
                what: NewsWhat::Groups("*".to_owned()),
            }),
            Reference::MaildirFile(file) if file.folder().as_os_str().is_empty() => {
                Location::Maildir(PathBuf::from("."))
            }
            Reference::MaildirFile(file) => Location::Maildir(file.folder().to_owned()),
            Reference::Mbox(message) => Location::Mbox(message.path.clone()),
            Reference::Eml(path) => Location::Eml(path.clone()),
        }
    }
}

impl From<ImapReference> for ImapUrl {
    fn from(reference: ImapReference) -> Self {
        ImapUrl {
            implicit_tls: reference.implicit_tls,
            server: reference.server,
            mailbox: Some(ImapMailbox {
                name: reference.mailbox,
                uid_validity: reference.uid_validity,
                select: ImapSelect::Message(reference.message),
            }),
        }
    }
}

impl TryFrom<ImapUrl> for ImapReference {
    type Error = Error;

    fn try_from(url: ImapUrl) -> Result<Self, Error> {
        let Some(mailbox) = url.mailbox else {
            return Err(Error::NotAMessage { what: "an IMAP server" });
        };
        match mailbox.select {
            ImapSelect::Message(message) => Ok(ImapReference {
                implicit_tls: url.implicit_tls,
                server: url.server,
                mailbox: mailbox.name,
                uid_validity: mailbox.uid_validity,
                message,
            }),
            ImapSelect::All => Err(Error::NotAMessage { what: "a mailbox" }),
            ImapSelect::Search(_) => Err(Error::NotAMessage { what: "a search" }),
        }
    }
}

/// The spelling that [`Reference::parse`] reads back to the same value; one line of text,
/// without controls. Passwords are never shown.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Imap(reference) => ImapUrl::from(reference.clone()).fmt(f),
            Reference::Pop(reference) => PopUrl {
                implicit_tls: reference.implicit_tls,
                server: reference.server.clone(),
                uidl: Some(reference.uidl.clone()),
            }
            .fmt(f),
            Reference::Nntp(reference) => NntpUrl {
                implicit_tls: reference.implicit_tls,
                server: reference.server.clone(),
                group: Some(reference.group.clone()),
                article: Some(reference.article),
            }
            .fmt(f),
            Reference::News(reference) => NewsUrl {
                server: reference.server.clone(),
                what: NewsWhat::Article(reference.message_id.clone()),
            }
            .fmt(f),
            Reference::Mbox(message) => message.fmt(f),
            Reference::MaildirFile(file) => match bare(&file.path) {
                Some(text) => f.write_str(text),
                None => write!(f, "maildir:{}", local::encode(&file.path)),
            },
            Reference::Eml(path) => match bare(path) {
                Some(text) if MaildirFile::new(path.clone()).is_none() => f.write_str(text),
                _ => write!(f, "eml:{}", local::encode(path)),
            },
        }
    }
}

impl std::str::FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// The path as text, where a bare path on a line of its own is read back as one.
fn bare(path: &Path) -> Option<&str> {
    let text = path.to_str()?;
    (is_plain_path(text) && !text.contains(|c: char| c.is_control())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::super::imap::tests::{any_message, any_name};
    use super::super::server::tests::any_server;
    use super::*;
    use proptest::option;
    use proptest::prelude::*;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn known_answers() {
        let text = "imaps://ann@host:993/INBOX;UIDVALIDITY=7/;UID=42/;SECTION=1.2/;PARTIAL=0.1024";
        let Ok(Reference::Imap(reference)) = Reference::parse(text) else { panic!("{text}") };
        assert_eq!(reference.mailbox, b"INBOX");
        assert_eq!((reference.uid_validity, reference.message.uid.get()), (Some(7), 42));
        assert_eq!(reference.section(), Some("1.2"));
        assert_eq!(reference.partial().map(|p| p.offset), Some(0));
        assert_eq!(reference.urlauth(), None);
        assert_eq!(Reference::Imap(reference).to_string(), text);

        let text = "/home/ann/Mail/.Sent/cur/1700.M1P2.host:2,S";
        let Ok(Reference::MaildirFile(file)) = Reference::parse(text) else { panic!("{text}") };
        assert_eq!(file.unique(), "1700.M1P2.host");
        assert_eq!(file.folder(), Path::new("/home/ann/Mail/.Sent"));
        assert_eq!(Reference::MaildirFile(file).to_string(), text);

        for text in [
            "pop3s://ann@h/;UIDL=a%2Fb",
            "nntp://h/comp.lang.rust/12",
            "news:id@example.org",
            "mbox:/m/x%3By;offset=12;digest=ab",
            "./letter.eml",
            "eml:letter.eml",
            "maildir:cur/a:2,",
            "eml:/m/cur/a",
        ] {
            let reference = Reference::parse(text).expect(text);
            assert_eq!(reference.to_string(), text.replace("maildir:cur", "cur"), "{reference:?}");
        }
    }

    #[test]
    fn lines_that_are_no_reference() {
        for text in [
            "",
            "From ann@example.org Mon Nov 23 05:06:09 2026",
            "Received: from a (b/c) by d/e; Mon, 23 Nov 2026 05:06:09 +0000",
            "Subject: ./x",
            "Return-Path: </dev/null>",
            "work",
            "work:Lists/rust",
            "-",
            "imap://h/INBOX",
            "imap://h/INBOX?ALL",
            "pop3://h",
            "smtp://h",
            "news:comp.lang.rust",
            "nntp://h/comp.lang.rust",
            "mbox:/m/x",
            "maildir:/home/ann/Mail",
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn containers() {
        for (text, want) in [
            ("imap://u@h/a;UIDVALIDITY=7/;UID=42/;SECTION=1", "imap://u@h/a;UIDVALIDITY=7"),
            ("pop3://u@h/;UIDL=x", "pop3://u@h"),
            ("nntp://h/g/12", "nntp://h/g"),
            ("/m/cur/x:2,S", "maildir:/m"),
            ("cur/x", "maildir:."),
            ("mbox:/m/x;offset=7", "mbox:/m/x"),
            ("./x.eml", "eml:./x.eml"),
        ] {
            let container = Reference::parse(text).expect(text).container();
            assert_eq!(container.to_string(), want);
        }
    }

    proptest! {
        #[test]
        fn imap_reads_back(
            implicit_tls: bool,
            server in any_server(),
            mailbox in any_name(),
            uid_validity in option::of(any::<u32>()),
            message in any_message(),
        ) {
            let reference = Reference::Imap(ImapReference {
                implicit_tls, server, mailbox, uid_validity, message,
            });
            prop_assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
        }

        #[test]
        fn pop_and_news_read_back(
            implicit_tls: bool,
            server in any_server(),
            uidl in "[^\\r\\n\\x00]{1,20}",
            article: u64,
            message_id in "[!-;=?-~]{1,10}@[!-;=?-~]{1,10}",
        ) {
            for reference in [
                Reference::Pop(PopReference { implicit_tls, server: server.clone(), uidl }),
                Reference::Nntp(NntpReference {
                    implicit_tls, server: server.clone(), group: "a.b".into(), article,
                }),
                Reference::News(NewsReference { server: Some(server), message_id }),
            ] {
                prop_assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
            }
        }

        #[test]
        fn files_read_back_on_one_line(
            octets in prop::collection::vec(1u8.., 1..30),
            folder in prop::sample::select(vec!["", "/", "cur/", "x/new/", "~/", "work:", "./"]),
        ) {
            let mut name = folder.as_bytes().to_vec();
            name.extend(octets);
            let path = PathBuf::from(OsString::from_vec(name));
            let mut references = vec![Reference::Eml(path.clone())];
            references.extend(MaildirFile::new(path).map(Reference::MaildirFile));
            for reference in references {
                let text = reference.to_string();
                prop_assert!(!text.contains(|c: char| c.is_control()));
                prop_assert_eq!(Reference::parse(&text), Ok(reference));
            }
        }
    }
}
