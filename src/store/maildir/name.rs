//! The names of message files: `UNIQUE:2,FLAGS`.
//!
//! The unique name is what identifies a message for good; the info behind the colon changes
//! with its flags. Ours are `SECONDS.M<microseconds>P<process>Q<count>.HOST,U=TOKEN,S=SIZE`:
//! the parts behind commas are Dovecot's and mbsync's extensions, the token only where the
//! caller gave one.
//!
//! <https://cr.yp.to/proto/maildir.html>

use std::cmp::Ordering;
use std::sync::atomic::{AtomicU64, Ordering as Memory};
use std::time::{SystemTime, UNIX_EPOCH};

use super::keywords::Keywords;
use crate::store::{Flag, Flags, Id};

/// The letters of the system flags, and of `$Forwarded`, which Maildir calls "passed".
const LETTERS: [(u8, &str); 6] = [
    (b'D', "\\Draft"),
    (b'F', "\\Flagged"),
    (b'P', "$Forwarded"),
    (b'R', "\\Answered"),
    (b'S', "\\Seen"),
    (b'T', "\\Deleted"),
];

/// Counts the messages that this process has named: the maildir convention's own demand,
/// as process and time alone do not make a name unique.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Makes unique names.
#[derive(Debug, Clone)]
pub(in crate::store) struct Names {
    process: u32,
    host: String,
}

impl Names {
    /// Names of this process on this machine.
    pub(in crate::store) fn here() -> Self {
        let system = rustix::system::uname();
        Self::new(std::process::id(), &system.nodename().to_string_lossy())
    }

    fn new(process: u32, host: &str) -> Self {
        // Maildir's own escapes for `/` and `:`; the comma begins an extension.
        let mut safe = String::with_capacity(host.len());
        for character in host.chars() {
            match character {
                '/' | ':' | ',' => safe.push_str(&format!("\\{:03o}", u32::from(character))),
                other if other.is_control() || other.is_whitespace() => safe.push('_'),
                other => safe.push(other),
            }
        }
        Self { process, host: if safe.is_empty() { "localhost".to_owned() } else { safe } }
    }

    /// The next name, without size; different from every other.
    pub(in crate::store) fn next(&self, now: SystemTime, token: Option<&str>) -> String {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let count = COUNT.fetch_add(1, Memory::Relaxed);
        let (seconds, micros) = (since.as_secs(), since.subsec_micros());
        let mut name = format!("{seconds}.M{micros:06}P{}Q{count}.{}", self.process, self.host);
        if let Some(token) = token {
            name.push_str(",U=");
            name.push_str(token);
        }
        name
    }
}

/// Whether a token can stand in a file name: 1 to 64 ASCII letters, digits, `-`, `_`, `.`.
pub fn is_token(token: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    (1..=64).contains(&token.len()) && token.bytes().all(fits)
}

/// The token in a unique name (`,U=TOKEN`), where there is one.
pub fn token(id: &Id) -> Option<&str> {
    extension(&id.0, "U=")
}

/// The size that a unique name tells (`,S=OCTETS`).
pub(super) fn size(unique: &str) -> Option<u64> {
    extension(unique, "S=")?.parse().ok()
}

/// The size with CRLF line ends that the name of a file tells (`,W=OCTETS`, as Dovecot writes it).
pub fn size_with_crlf(file: &[u8]) -> Option<u64> {
    extension(std::str::from_utf8(split(file).0).ok()?, "W=")?.parse().ok()
}

fn extension<'a>(unique: &'a str, key: &str) -> Option<&'a str> {
    unique.split(',').skip(1).find_map(|field| field.strip_prefix(key))
}

/// The unique part of a file name, and its info without the colon.
pub(in crate::store) fn split(file: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b':', file) {
        Some(colon) => (&file[..colon], Some(&file[colon + 1..])),
        None => (file, None),
    }
}

/// What stands behind the colon.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::store) struct Info {
    /// Flag letters in ASCII order; those we do not know are kept.
    letters: Vec<u8>,
    /// What follows the letters, its comma included; kept as it is.
    rest: Vec<u8>,
}

impl Info {
    /// Reads an info; one of another version than `2` has no flags, and is dropped when
    /// flags are set.
    pub(in crate::store) fn parse(info: Option<&[u8]>) -> Self {
        let Some(flags) = info.and_then(|info| info.strip_prefix(b"2,")) else {
            return Self::default();
        };
        let end = memchr::memchr(b',', flags).unwrap_or(flags.len());
        let mut letters = flags[..end].to_vec();
        letters.sort_unstable();
        letters.dedup();
        Self { letters, rest: flags[end..].to_vec() }
    }

    /// Sets or clears a letter.
    pub(in crate::store) fn set(&mut self, letter: u8, on: bool) {
        match (self.letters.binary_search(&letter), on) {
            (Err(at), true) => self.letters.insert(at, letter),
            (Ok(at), false) => {
                self.letters.remove(at);
            }
            _ => {}
        }
    }

    /// Whether no letter is set.
    pub(super) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// The flags of the letters that mean the same in every folder.
    pub(in crate::store) fn system_flags(&self) -> Flags {
        let known = |(letter, _): &&(u8, &str)| self.letters.contains(letter);
        LETTERS.iter().filter(known).map(|(_, name)| *name).collect()
    }

    /// The letters as flags; `keywords` tells what the small ones mean in this folder.
    pub(super) fn flags(&self, keywords: &Keywords) -> Flags {
        let mut flags = Flags::new();
        for letter in &self.letters {
            match LETTERS.iter().find(|(known, _)| known == letter) {
                Some((_, name)) => flags.insert(name),
                None => {
                    if let Some(name) = keywords.name(*letter) {
                        flags.insert(name);
                    }
                }
            }
        }
        flags
    }

    /// The file name of a message with this info.
    pub(in crate::store) fn file_name(&self, unique: &[u8]) -> Vec<u8> {
        let mut name = unique.to_vec();
        name.extend_from_slice(b":2,");
        name.extend_from_slice(&self.letters);
        name.extend_from_slice(&self.rest);
        name
    }
}

/// The letter that a flag has in every folder.
pub(in crate::store) fn system_letter(flag: &Flag) -> Option<u8> {
    let known = LETTERS.iter().find(|(_, name)| name.eq_ignore_ascii_case(flag.name()));
    known.map(|(letter, _)| *letter)
}

/// The order of delivery: by the numbers in the names where they differ in numbers, so that
/// `Q10` comes after `Q9`.
pub(in crate::store) fn by_delivery(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    loop {
        match (left.first(), right.first()) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (first, second) = (digits(left), digits(right));
                let (one, two) = (significant(first), significant(second));
                let order = one.len().cmp(&two.len()).then_with(|| one.cmp(two));
                if order != Ordering::Equal {
                    return order;
                }
                (left, right) = (&left[first.len()..], &right[second.len()..]);
            }
            (Some(x), Some(y)) if x == y => (left, right) = (&left[1..], &right[1..]),
            // Numbers of equal value may be spelled with different zeros: never call two
            // names equal that are not.
            (None, None) => return a.cmp(b),
            (x, y) => return x.cmp(&y),
        }
    }
}

fn digits(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(text.len());
    &text[..end]
}

fn significant(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn names_are_unique_and_say_where_they_come_from() {
        let names = Names::new(7, "a/b:c,d");
        let now = UNIX_EPOCH + Duration::from_micros(1_000_000_042);
        let first = names.next(now, None);
        let second = names.next(now, Some("run-1.x"));
        assert_ne!(first, second);
        assert!(first.starts_with("1000.M000042P7Q"), "{first}");
        assert!(first.ends_with(".a\\057b\\072c\\054d"), "{first}");
        assert_eq!(token(&Id::new(second + ",S=12")), Some("run-1.x"));
        assert_eq!(token(&Id::new(first)), None);
        assert!(Names::here().next(now, None).starts_with("1000.M000042P"));
    }

    #[test]
    fn tokens_cannot_leave_the_name() {
        for wrong in ["", "a/b", "a,b", "a:b", "..\0", "ü", "x".repeat(65).as_str()] {
            assert!(!is_token(wrong), "{wrong:?}");
        }
        assert!(is_token("0a-Z_.9"));
    }

    #[test]
    fn names_tell_sizes() {
        assert_eq!(size_with_crlf(b"1.M2.h,S=12,W=13:2,S"), Some(13));
        assert_eq!(size("1.M2.h,S=12,W=13"), Some(12));
        for none in [&b"1.M2.h,S=12:2,S"[..], b"1.M2.h:2,W=13", b"1,W=x", b"1,W=9\xff"] {
            assert_eq!(size_with_crlf(none), None);
        }
    }

    #[test]
    fn what_a_name_tells() {
        assert_eq!(size("1.M2.h,S=123,W=130"), Some(123));
        assert_eq!(size("1.M2.h,W=130"), None);
        assert_eq!(size("S=9.h"), None);
        assert_eq!(size("1.h,S=x"), None);
        assert_eq!(split(b"u,S=1:2,FS"), (&b"u,S=1"[..], Some(&b"2,FS"[..])));
        assert_eq!(split(b"plain"), (&b"plain"[..], None));
    }

    #[test]
    fn info_keeps_what_it_does_not_know() {
        let keywords = Keywords::default();
        let mut info = Info::parse(Some(b"2,TXSa,extra"));
        assert!(info.flags(&keywords).has("\\Seen"));
        assert!(info.flags(&keywords).has("\\deleted"));
        assert_eq!(info.flags(&keywords).len(), 2);
        info.set(b'F', true);
        info.set(b'T', false);
        info.set(b'T', false);
        info.set(b'F', true);
        assert_eq!(info.file_name(b"u"), b"u:2,FSXa,extra");
        assert!(Info::parse(Some(b"1,x")).is_empty());
        assert!(Info::parse(None).is_empty());
        assert_eq!(Info::parse(Some(b"2,SSFF")).file_name(b"u"), b"u:2,FS");
    }

    #[test]
    fn all_six_letters() {
        let info = Info::parse(Some(b"2,DFPRST"));
        let flags = info.flags(&Keywords::default());
        let names: Vec<&str> = flags.iter().map(Flag::name).collect();
        let expected = ["$Forwarded", "\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen"];
        assert_eq!(names, expected);
        assert!(flags.iter().all(|flag| system_letter(flag).is_some()));
        assert_eq!(system_letter(&Flag::new("\\SEEN")), Some(b'S'));
        assert_eq!(system_letter(&Flag::new("Junk")), None);
    }

    #[test]
    fn delivery_order_counts() {
        let mut names = ["10.M1Q10.h", "9.M1Q1.h", "10.M1Q9.h", "10.M01Q9.h", "x", ""];
        names.sort_by(|a, b| by_delivery(a, b));
        assert_eq!(names, ["", "9.M1Q1.h", "10.M01Q9.h", "10.M1Q9.h", "10.M1Q10.h", "x"]);
    }
}
