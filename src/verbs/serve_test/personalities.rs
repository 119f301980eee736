//! `--like`: what other servers list, and what they are known to get wrong.
//!
//! A personality hides what its model does not have, and disturbs what passes: all oddities are
//! applied to commands before the session reads them, or to answers before they are written.
//! Each is there because clients met it.

use std::time::Duration;

use super::listeners::Protocol;
use crate::pop;
use crate::pop::syntax::capability::{Expire, LoginDelay};
use crate::smtp;

/// Whose habits to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Like {
    /// Labels as folders (every message is in [Gmail]/All Mail too), no QRESYNC.
    Gmail,
    /// Backoff texts, `* [COPYUID ...]`, an ESEARCH without its tag when nothing matches, sizes
    /// that are estimates, command lines of at most 10,000 octets.
    Exchange,
    /// `FETCH RFC822` is empty, ESEARCH ignores RETURN, LARGER matches all.
    Icloud,
    /// `* 0 FETCH` before a tagged OK.
    Courier,
    /// IMAP4rev1, SMTP and POP3 as they were first written down, without any extension.
    Minimal,
}

/// A folder, and its special use (RFC 6154; empty where it has none).
pub type Folder = (&'static str, &'static str);

/// The folders that every mailbox has beside its INBOX.
const FOLDERS: [Folder; 5] = [
    ("Archive", "\\Archive"),
    ("Drafts", "\\Drafts"),
    ("Junk", "\\Junk"),
    ("Sent", "\\Sent"),
    ("Trash", "\\Trash"),
];

/// The folder that holds every message of Gmail's.
pub const ALL_MAIL: &str = "[Gmail]/All Mail";

/// The longest command line that Exchange reads, in octets.
const EXCHANGE_LINE_OCTETS: usize = 10_000;

/// What Exchange's sizes are wrong by, in octets.
const EXCHANGE_SIZE_ERROR: u64 = 17;

impl Like {
    /// The folders that every mailbox has beside its INBOX.
    pub fn folders(like: Option<Self>) -> &'static [Folder] {
        match like {
            Some(Self::Gmail) => &[
                (ALL_MAIL, "\\All"),
                ("[Gmail]/Drafts", "\\Drafts"),
                ("[Gmail]/Sent Mail", "\\Sent"),
                ("[Gmail]/Spam", "\\Junk"),
                ("[Gmail]/Starred", "\\Flagged"),
                ("[Gmail]/Trash", "\\Trash"),
            ],
            Some(Self::Exchange) => &[
                ("Archive", ""),
                ("Deleted Items", "\\Trash"),
                ("Drafts", "\\Drafts"),
                ("Junk Email", "\\Junk"),
                ("Sent Items", "\\Sent"),
            ],
            Some(Self::Icloud) => &[
                ("Archive", "\\Archive"),
                ("Deleted Messages", "\\Trash"),
                ("Drafts", "\\Drafts"),
                ("Junk", "\\Junk"),
                ("Sent Messages", "\\Sent"),
            ],
            Some(Self::Courier) => &[("Drafts", ""), ("Sent", ""), ("Trash", "")],
            Some(Self::Minimal) => &[],
            None => &FOLDERS,
        }
    }

    /// Capabilities of IMAP that the model has, in upper case; `X=` stands for all of its kind.
    fn imap(self) -> &'static [&'static str] {
        match self {
            Self::Gmail => &[
                "UNSELECT",
                "IDLE",
                "NAMESPACE",
                "QUOTA",
                "QUOTA=",
                "ID",
                "CHILDREN",
                "X-GM-EXT-1",
                "UIDPLUS",
                "COMPRESS=",
                "ENABLE",
                "MOVE",
                "CONDSTORE",
                "ESEARCH",
                "UTF8=",
                "LIST-EXTENDED",
                "LIST-STATUS",
                "LITERAL-",
                "SPECIAL-USE",
                "APPENDLIMIT=",
                "SASL-IR",
            ],
            Self::Exchange => &[
                "SASL-IR",
                "UIDPLUS",
                "MOVE",
                "ID",
                "UNSELECT",
                "CHILDREN",
                "IDLE",
                "NAMESPACE",
                "LITERAL+",
            ],
            Self::Icloud => &[
                "ID",
                "IDLE",
                "NAMESPACE",
                "UIDPLUS",
                "UNSELECT",
                "CHILDREN",
                "ENABLE",
                "CONDSTORE",
                "QRESYNC",
                "ESEARCH",
                "SASL-IR",
                "LITERAL+",
                "LIST-STATUS",
                "SPECIAL-USE",
                "SORT",
                "WITHIN",
            ],
            Self::Courier => {
                &["UIDPLUS", "CHILDREN", "NAMESPACE", "THREAD=", "SORT", "QUOTA", "IDLE", "ACL"]
            }
            Self::Minimal => &[],
        }
    }

    /// Those of `names` that the model does not tell.
    pub fn hidden(self, names: impl Iterator<Item = String>) -> Vec<String> {
        let is_kept = |name: &String| {
            let name = name.to_ascii_uppercase();
            ["IMAP4REV1", "STARTTLS", "LOGINDISABLED"].contains(&name.as_str())
                || (name.starts_with("AUTH=") && self.has_mechanism(&name[5..]))
                || self
                    .imap()
                    .iter()
                    .any(|kept| *kept == name || (kept.ends_with('=') && name.starts_with(kept)))
        };
        names.filter(|name| !is_kept(name)).collect()
    }

    fn has_mechanism(self, name: &str) -> bool {
        let has: &[&str] = match self {
            Self::Gmail => &["PLAIN", "XOAUTH2", "OAUTHBEARER", "LOGIN"],
            Self::Exchange => &["PLAIN", "XOAUTH2", "LOGIN"],
            Self::Icloud => &["PLAIN", "LOGIN", "XOAUTH2"],
            Self::Courier => &["PLAIN", "LOGIN", "CRAM-MD5"],
            // A password that goes by the protocol's own LOGIN, USER or the one mechanism that
            // submission cannot do without.
            Self::Minimal => &["PLAIN"],
        };
        has.contains(&name)
    }

    /// What EHLO tells.
    pub fn smtp(self, settings: &mut smtp::server::Settings) {
        let needs_login = settings.mode == smtp::server::Mode::Submission;
        let all = std::mem::take(&mut settings.offer);
        let offer = &mut settings.offer;
        offer.auth = all.auth.into_iter().filter(|name| self.has_mechanism(name)).collect();
        offer.starttls = all.starttls;
        if self == Self::Minimal {
            if !needs_login {
                offer.auth.clear();
                offer.starttls = false;
            }
            return;
        }
        offer.pipelining = true;
        offer.eight_bit_mime = true;
        offer.enhanced_status_codes = self != Self::Courier;
        offer.size = Some(match self {
            Self::Gmail => 35_882_577,
            Self::Exchange => 157_286_400,
            Self::Icloud => 28_311_552,
            Self::Courier | Self::Minimal => settings.message_octets,
        });
        settings.message_octets = offer.size.unwrap_or(settings.message_octets);
        offer.dsn = matches!(self, Self::Exchange | Self::Courier);
        offer.chunking = matches!(self, Self::Gmail | Self::Exchange);
        offer.binary_mime = self == Self::Exchange;
        offer.smtputf8 = matches!(self, Self::Gmail | Self::Exchange | Self::Icloud);
    }

    /// What CAPA tells.
    pub fn pop(self, settings: &mut pop::server::Settings) {
        let offer = &mut settings.offer;
        offer.sasl.retain(|name| self.has_mechanism(name));
        offer.implementation = None;
        offer.lang = false;
        settings.apop = false;
        match self {
            Self::Gmail => {
                offer.utf8 = None;
                offer.pipelining = false;
                offer.auth_resp_code = false;
                offer.expire = Some(Expire { days: Some(0), by_user: false });
                // Told, and not kept to.
                offer.login_delay = Some(LoginDelay { seconds: 300, by_user: false });
            }
            Self::Exchange | Self::Icloud => {
                offer.utf8 = None;
                offer.pipelining = false;
                offer.resp_codes = false;
                offer.auth_resp_code = false;
                offer.expire = None;
            }
            Self::Courier => {
                offer.utf8 = None;
                offer.auth_resp_code = false;
                offer.resp_codes = false;
                offer.expire = None;
                offer.login_delay = Some(LoginDelay { seconds: 10, by_user: false });
            }
            Self::Minimal => {
                *offer = pop::syntax::capability::Capabilities {
                    user: true,
                    stls: offer.stls,
                    ..Default::default()
                };
            }
        }
    }

    /// Whether a command is unknown to the model, although the server knows it; the answer.
    pub fn instead(
        self,
        protocol: Protocol,
        tag: &str,
        verb: &str,
        octets: usize,
    ) -> Option<String> {
        match (self, protocol) {
            (Self::Minimal, Protocol::Pop) if verb.eq_ignore_ascii_case("CAPA") => {
                Some("-ERR unknown command\r\n".to_owned())
            }
            (Self::Exchange, Protocol::Imap) if octets > EXCHANGE_LINE_OCTETS => {
                Some(format!("{tag} BAD Command Error. 10\r\n"))
            }
            _ => None,
        }
    }

    /// What a client hears that asks too often, and whether the connection ends with it;
    /// `rest` is how long the model wants to be left alone.
    pub fn throttled(
        like: Option<Self>,
        protocol: Protocol,
        tag: &str,
        rest: Duration,
    ) -> (String, bool) {
        let milliseconds = rest.as_millis().max(1);
        match (like, protocol) {
            (_, Protocol::Nntp) => ("400 too many commands\r\n".to_owned(), true),
            (Some(Self::Exchange), Protocol::Imap) => (
                format!(
                    "{tag} NO [UNAVAILABLE] Request is throttled. Suggested Backoff Time: \
                     {milliseconds} milliseconds\r\n"
                ),
                false,
            ),
            (Some(Self::Exchange), Protocol::Pop) => (
                format!(
                    "-ERR Request is throttled. Suggested Backoff Time: {milliseconds} \
                     milliseconds\r\n"
                ),
                false,
            ),
            (Some(Self::Gmail), Protocol::Imap) => (
                "* BYE [OVERQUOTA] Account exceeded command or bandwidth limits.\r\n".to_owned(),
                true,
            ),
            (Some(Self::Gmail), Protocol::Pop) => {
                ("-ERR [SYS/TEMP] Account exceeded bandwidth limits.\r\n".to_owned(), true)
            }
            (Some(Self::Gmail), _) => (
                "421-4.7.28 Our system has detected an unusual rate of mail\r\n\
                 421 4.7.28 coming from you. Try again later.\r\n"
                    .to_owned(),
                true,
            ),
            (_, Protocol::Imap) => ("* BYE [LIMIT] too many commands\r\n".to_owned(), true),
            (_, Protocol::Pop) => ("-ERR [SYS/TEMP] too many commands\r\n".to_owned(), true),
            (_, _) => ("421 4.7.0 too many commands\r\n".to_owned(), true),
        }
    }

    /// What the model understands when it reads this command of IMAP; `command` is whole, with
    /// its line end.
    pub fn amend(self, command: &mut Vec<u8>) {
        if self != Self::Icloud || !has_word(command, b"SEARCH") {
            return;
        }
        if let Some(at) = find(command, b"RETURN (")
            && let Some(length) = memchr::memchr(b')', &command[at..])
        {
            command.splice(at..=at + length, *b"RETURN (ALL)");
        }
        while let Some(at) = find(command, b"LARGER ") {
            let digits =
                command[at + 7..].iter().take_while(|octet| octet.is_ascii_digit()).count();
            command.splice(at..at + 7 + digits, *b"ALL");
        }
    }

    /// Makes one response of IMAP the model's. `tag` is the command's.
    pub fn disturb(self, tag: &str, command: &[u8], answer: &mut Vec<u8>) {
        match self {
            Self::Exchange => {
                if answer.starts_with(b"* OK [COPYUID ") {
                    answer.drain(2..5);
                } else if answer.starts_with(b"* ESEARCH (TAG ") && !has_data(answer) {
                    *answer = b"* ESEARCH\r\n".to_vec();
                } else if answer.starts_with(b"* ") && find(answer, b" FETCH (").is_some() {
                    grow_size(answer);
                }
            }
            Self::Icloud if has_word(command, b"RFC822") => empty_rfc822(answer),
            Self::Courier
                if answer.starts_with(format!("{tag} OK").as_bytes())
                    && (has_word(command, b"FETCH") || has_word(command, b"STORE")) =>
            {
                answer.splice(0..0, *b"* 0 FETCH (FLAGS ())\r\n");
            }
            _ => {}
        }
    }
}

/// Where `needle`, in upper case, begins in any case.
fn find(octets: &[u8], needle: &[u8]) -> Option<usize> {
    octets.windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle))
}

/// Whether a word of the command's line is this.
fn has_word(command: &[u8], word: &[u8]) -> bool {
    command
        .split(|octet| !octet.is_ascii_alphanumeric() && *octet != b'.')
        .any(|found| found.eq_ignore_ascii_case(word))
}

/// Whether an ESEARCH response says more than whose it is.
fn has_data(answer: &[u8]) -> bool {
    let behind = memchr::memchr(b')', answer).map_or(&[][..], |at| &answer[at + 1..]);
    let behind = behind.trim_ascii();
    !behind.is_empty() && !behind.eq_ignore_ascii_case(b"UID")
}

/// Adds to the RFC822.SIZE that stands before any literal.
fn grow_size(answer: &mut Vec<u8>) {
    let end = memchr::memchr(b'{', answer).unwrap_or(answer.len());
    let Some(at) = find(&answer[..end], b"RFC822.SIZE ") else { return };
    let start = at + b"RFC822.SIZE ".len();
    let digits = answer[start..].iter().take_while(|octet| octet.is_ascii_digit()).count();
    let told = std::str::from_utf8(&answer[start..start + digits]).ok();
    if let Some(size) = told.and_then(|digits| digits.parse::<u64>().ok()) {
        let wrong = size.saturating_add(EXCHANGE_SIZE_ERROR).to_string();
        answer.splice(start..start + digits, wrong.into_bytes());
    }
}

/// Takes the content out of a `RFC822 {n}`.
fn empty_rfc822(answer: &mut Vec<u8>) {
    let Some(at) = find(answer, b"RFC822 {") else { return };
    let start = at + b"RFC822 ".len();
    let Some(line) = memchr::memchr(b'\n', &answer[start..]) else { return };
    let digits: String = answer[start..start + line]
        .iter()
        .filter(|octet| octet.is_ascii_digit())
        .map(|octet| char::from(*octet))
        .collect();
    let Some(length) = digits.parse::<usize>().ok() else { return };
    let end = start + line + 1 + length;
    if end <= answer.len() {
        answer.splice(start..end, *b"\"\"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disturbed(like: Like, command: &str, answer: &str) -> String {
        let mut octets = answer.as_bytes().to_vec();
        like.disturb("a1", command.as_bytes(), &mut octets);
        String::from_utf8(octets).expect("text")
    }

    #[test]
    fn answers_are_as_odd_as_the_models() {
        let exchange = |command: &str, answer: &str| disturbed(Like::Exchange, command, answer);
        assert_eq!(
            exchange("a1 MOVE 1 x", "* OK [COPYUID 1 2 3] moved\r\n"),
            "* [COPYUID 1 2 3] moved\r\n"
        );
        assert_eq!(exchange("a1 SEARCH", "* ESEARCH (TAG \"a1\") UID\r\n"), "* ESEARCH\r\n");
        let found = "* ESEARCH (TAG \"a1\") UID ALL 1\r\n";
        assert_eq!(exchange("a1 SEARCH", found), found);
        assert_eq!(
            exchange("a1 FETCH", "* 1 FETCH (RFC822.SIZE 100 UID 2)\r\n"),
            "* 1 FETCH (RFC822.SIZE 117 UID 2)\r\n"
        );
        let body = "* 1 FETCH (BODY[] {17}\r\nRFC822.SIZE 1 xyz)\r\n";
        assert_eq!(exchange("a1 FETCH", body), body);
        assert_eq!(
            disturbed(
                Like::Icloud,
                "a1 FETCH 1 (UID RFC822)",
                "* 1 FETCH (UID 7 RFC822 {5}\r\nhello FLAGS ())\r\n"
            ),
            "* 1 FETCH (UID 7 RFC822 \"\" FLAGS ())\r\n"
        );
        let header = "* 1 FETCH (RFC822.HEADER {5}\r\nhello)\r\n";
        assert_eq!(disturbed(Like::Icloud, "a1 FETCH 1 RFC822.HEADER", header), header);
        assert_eq!(
            disturbed(Like::Courier, "a1 UID STORE 1 FLAGS ()", "a1 OK done\r\n"),
            "* 0 FETCH (FLAGS ())\r\na1 OK done\r\n"
        );
        assert_eq!(disturbed(Like::Courier, "a1 NOOP", "a1 OK done\r\n"), "a1 OK done\r\n");
    }

    #[test]
    fn commands_are_misread_as_the_model_does() {
        let mut command = b"a UID SEARCH return (MIN COUNT) LARGER 10 LARGER 20 SEEN\r\n".to_vec();
        Like::Icloud.amend(&mut command);
        assert_eq!(command, b"a UID SEARCH RETURN (ALL) ALL ALL SEEN\r\n");
        let mut command = b"a FETCH 1 (FLAGS)\r\n".to_vec();
        Like::Icloud.amend(&mut command);
        assert_eq!(command, b"a FETCH 1 (FLAGS)\r\n");
    }
}
