//! The language of the cases: what is said, and what has to come back.
//!
//! A case is plain data. Patterns are compared without regard to case; `*` in them stands for
//! anything, and `|` parts alternatives. Words in braces are filled in: `{box}` a mailbox of
//! the case's own, `{root}` the folder that holds all of these, `{sep}` the hierarchy
//! delimiter, `{user}` who logs in, `{to}` the recipient and `{from}` the sender that were
//! named, `{name}` this machine, `{large}` one octet more than the server's SIZE, `{filler}` 505 letters.

use crate::verbs::probe::findings::{Entry, Severity};

/// Where a case begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The connection stands (under TLS where that begins at once); nothing was read.
    Greeting,
    /// The same, where TLS begins by a command that was not given.
    Clear,
    /// Under TLS, the greeting read, nobody logged in; SMTP: EHLO was not said after that.
    Secured,
    /// Logged in; SMTP: EHLO was said, and who can log in has.
    Ready,
    /// IMAP: logged in, and `{box}` holds three messages.
    Filled,
    /// IMAP: and it is selected.
    Selected,
}

/// One step.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Says a line (IMAP: behind a tag) and reads the answer to it.
    Do(&'static str),
    /// IMAP: says a line whose last argument is a literal that the server has to ask for, and
    /// reads the answer.
    Literal(&'static str, &'static str),
    /// POP3: says a line, and reads the answer with all its lines where it is positive.
    Lines(&'static str),
    /// Sends this as it is, and reads nothing.
    Raw(&'static str),
    /// Reads one reply (SMTP) or line (POP3).
    Answer,
    /// IMAP: reads up to the answer with this tag.
    Until(&'static str),
    /// IMAP: reads up to the request to go on.
    GoAhead,
    /// IMAP: reads up to a response that is like this.
    Wait(&'static str),
    /// The last line of the answer (IMAP: behind its tag) begins so, or is like this.
    Is(&'static str),
    /// A line of the answer is like this.
    Has(&'static str),
    /// No line of the answer is like this.
    Lacks(&'static str),
    /// So many lines of the answer are like this.
    Count(usize, &'static str),
    /// The server ends the connection.
    Closed,
    /// Sends what begins TLS (IMAP: tagged `s1`) with more behind it. A server that answers
    /// anything but what comes second, or ends the connection, is safe: the case holds.
    Inject(&'static str, &'static str),
    /// TLS begins.
    Tls,
    /// On another connection, logged in by the same user.
    Second(&'static [Step]),
}

/// One case.
#[derive(Debug)]
pub struct Case {
    /// What should hold, as an entry of the catalogue.
    pub entry: Entry,
    /// Where it begins.
    pub start: Start,
    /// Extensions without which it does not apply; `@starttls`, `@user`, `@to`, `@mail` and
    /// `@limit` ask for TLS by a command, a login, a recipient, a maildrop that is not empty,
    /// and a SIZE with a number.
    pub needs: &'static [&'static str],
    /// What is done.
    pub steps: &'static [Step],
}

const WHY: &str = "Clients are written by the RFC. Where a server differs, some of them fail, and each in its own way.";
const FIX: &str =
    "look for an update of the server, and tell its makers; the evidence shows the dialogue";

/// A case of something that the RFC requires.
pub const fn must(
    id: &'static str,
    rfc: &'static str,
    title: &'static str,
    start: Start,
    steps: &'static [Step],
) -> Case {
    let entry = Entry {
        id,
        severity: Severity::Fail,
        title,
        why: WHY,
        rfc,
        postfix: "",
        exim: "",
        dovecot: "",
        dns: "",
        other: FIX,
    };
    Case { entry, start, needs: &[], steps }
}

/// A case of something that the RFC recommends.
pub const fn should(
    id: &'static str,
    rfc: &'static str,
    title: &'static str,
    start: Start,
    steps: &'static [Step],
) -> Case {
    let case = must(id, rfc, title, start, steps);
    let entry = Entry { severity: Severity::Warn, ..case.entry };
    Case { entry, start, needs: &[], steps }
}

impl Case {
    /// The same, where these are offered.
    pub const fn needs(self, needs: &'static [&'static str]) -> Self {
        Self { entry: self.entry, start: self.start, needs, steps: self.steps }
    }

    /// The RFC without its section.
    pub fn rfc(&self) -> &'static str {
        let text = self.entry.rfc;
        text.split_once(" section").map_or(text, |(rfc, _)| rfc)
    }
}

/// Whether `text` is like `pattern`.
pub fn is_like(pattern: &str, text: &str) -> bool {
    pattern.split('|').any(|one| like(one.as_bytes(), text.as_bytes()))
}

/// Whether `text` begins with one of the patterns, or is like one that has a `*`.
pub fn begins(pattern: &str, text: &str) -> bool {
    pattern.split('|').any(|one| match one.contains('*') {
        true => like(one.as_bytes(), text.as_bytes()),
        false => text
            .as_bytes()
            .get(..one.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(one.as_bytes())),
    })
}

fn like(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, place));
                at += 1;
            }
            Some(octet) if octet.eq_ignore_ascii_case(&text[place]) => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((behind, from)) => {
                    at = behind;
                    place = from + 1;
                    star = Some((behind, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|octet| *octet == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(is_like("* CAPABILITY *IMAP4rev*", "* capability IMAP4rev1 IDLE"));
        assert!(is_like("a*b*c", "axxbyybzzc"));
        assert!(is_like("", "") && is_like("*", "") && is_like("x|y", "Y"));
        assert!(!is_like("a*b", "axc") && !is_like("abc", "abcd") && !is_like("abcd", "abc"));
        assert!(begins("250|251", "251 yes") && !begins("250", "25"));
        assert!(begins("OK [READ-ONLY]*", "OK [READ-ONLY] done") && !begins("OK*x", "OK y"));
    }
}
