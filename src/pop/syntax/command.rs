//! Commands of POP3, and the lines that a client sends during AUTH.
//!
//! RFC 1939 sections 5 to 7, CAPA (RFC 2449), STLS (RFC 2595), AUTH (RFC 5034), UTF8 and LANG
//! (RFC 6856). Which command may come when is the session's business.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Unencodable, base64, line, text};
use crate::base::decode::{Decoded, Malformed, Result};
use crate::base::secret::Secret;

/// One command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `USER name`
    User(String),
    /// `PASS string`: all octets behind the first space, blanks too.
    Pass(Secret),
    /// `APOP name digest`
    Apop {
        /// The mailbox.
        user: String,
        /// MD5 of banner and secret: 32 hexadecimal digits, lower case.
        digest: String,
    },
    /// `AUTH mechanism [initial-response]`
    Auth {
        /// The mechanism, upper case.
        mechanism: String,
        /// Decoded; `None`: the server is to speak first, empty: `=`.
        initial: Option<Vec<u8>>,
    },
    /// `STAT`
    Stat,
    /// `LIST [msg]`
    List(Option<u32>),
    /// `UIDL [msg]`
    Uidl(Option<u32>),
    /// `RETR msg`
    Retr(u32),
    /// `TOP msg n`
    Top {
        /// The message-number, from 1.
        number: u32,
        /// Lines of the body wanted behind the header.
        lines: u32,
    },
    /// `DELE msg`
    Dele(u32),
    /// `NOOP`
    Noop,
    /// `RSET`
    Rset,
    /// `QUIT`
    Quit,
    /// `CAPA`
    Capa,
    /// `STLS`
    Stls,
    /// `UTF8`
    Utf8,
    /// `LANG [tag]`; without a tag: list the languages.
    Lang(Option<String>),
    /// Any other verb, upper case, and what stands behind it; a bare `AUTH`, as clients before
    /// RFC 5034 ask for the mechanisms, is one of them.
    Unknown {
        /// Printable ASCII without space.
        verb: String,
        /// Without the space between; empty where there is nothing.
        argument: String,
    },
}

/// A line of a client that answers a `+ ` line (RFC 5034 section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthResponse {
    /// `*`: the client wants no more of it.
    Cancel,
    /// Decoded octets; an empty line is an empty response.
    Data(Vec<u8>),
}

impl Command {
    /// Reads one command line. Keywords may have any case.
    ///
    /// # Errors
    /// [`Malformed`]: to be answered with `-ERR`.
    pub fn decode(octets: &[u8]) -> Result<Self> {
        let Decoded::Done { value, used } = line(octets)? else {
            return Ok(Decoded::More);
        };
        Ok(Decoded::Done { value: parse(value)?, used })
    }

    /// Appends the command with its CRLF, or nothing.
    ///
    /// # Errors
    /// [`Unencodable`] for an argument outside its grammar.
    pub fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), Unencodable> {
        let start = out.len();
        let written = self.encode_line(out);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    fn encode_line(&self, out: &mut Vec<u8>) -> std::result::Result<(), Unencodable> {
        match self {
            Self::User(name) => words("USER ", name, "user name", out)?,
            Self::Pass(secret) => {
                let secret = secret.expose();
                if secret.is_empty() || has_line_end(secret) {
                    return Err(Unencodable { what: "password" });
                }
                out.extend_from_slice(b"PASS ");
                out.extend_from_slice(secret);
            }
            Self::Apop { user, digest } => {
                words("APOP ", user, "user name", out)?;
                if !is_digest(digest) || digest.bytes().any(|octet| octet.is_ascii_uppercase()) {
                    return Err(Unencodable { what: "digest" });
                }
                out.push(b' ');
                out.extend_from_slice(digest.as_bytes());
            }
            Self::Auth { mechanism, initial } => {
                if mechanism.is_empty() || !mechanism.bytes().all(is_mechanism_octet) {
                    return Err(Unencodable { what: "mechanism" });
                }
                out.extend_from_slice(b"AUTH ");
                out.extend_from_slice(mechanism.as_bytes());
                match initial.as_deref() {
                    None => {}
                    Some([]) => out.extend_from_slice(b" ="),
                    Some(octets) => {
                        out.extend_from_slice(format!(" {}", STANDARD.encode(octets)).as_bytes());
                    }
                }
            }
            Self::Stat => out.extend_from_slice(b"STAT"),
            Self::List(number) => numbers("LIST", *number, None, out),
            Self::Uidl(number) => numbers("UIDL", *number, None, out),
            Self::Retr(number) => numbers("RETR", Some(*number), None, out),
            Self::Top { number, lines } => numbers("TOP", Some(*number), Some(*lines), out),
            Self::Dele(number) => numbers("DELE", Some(*number), None, out),
            Self::Noop => out.extend_from_slice(b"NOOP"),
            Self::Rset => out.extend_from_slice(b"RSET"),
            Self::Quit => out.extend_from_slice(b"QUIT"),
            Self::Capa => out.extend_from_slice(b"CAPA"),
            Self::Stls => out.extend_from_slice(b"STLS"),
            Self::Utf8 => out.extend_from_slice(b"UTF8"),
            Self::Lang(None) => out.extend_from_slice(b"LANG"),
            Self::Lang(Some(tag)) => {
                if tag.contains(' ') {
                    return Err(Unencodable { what: "language tag" });
                }
                words("LANG ", tag, "language tag", out)?;
            }
            Self::Unknown { verb, argument } => {
                let is_known = match verb.as_str() {
                    "AUTH" => !argument.is_empty(),
                    known => KNOWN.contains(&known),
                };
                if is_known || verb.is_empty() || !verb.bytes().all(is_verb_octet) {
                    return Err(Unencodable { what: "keyword" });
                }
                out.extend_from_slice(verb.as_bytes());
                if !argument.is_empty() {
                    words(" ", argument, "argument", out)?;
                }
            }
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Whether the line carries a secret, so that a transcript hides it.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Pass(_) | Self::Apop { .. } | Self::Auth { initial: Some(_), .. })
    }
}

impl AuthResponse {
    /// Reads one line behind a `+ ` line.
    ///
    /// # Errors
    /// [`Malformed`] for what is neither `*` nor base64.
    pub fn decode(octets: &[u8]) -> Result<Self> {
        let Decoded::Done { value, used } = line(octets)? else {
            return Ok(Decoded::More);
        };
        let value = match value {
            b"*" => Self::Cancel,
            text => Self::Data(base64(text, 0)?),
        };
        Ok(Decoded::Done { value, used })
    }

    /// Appends the line with its CRLF.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Cancel => out.push(b'*'),
            Self::Data(octets) => out.extend_from_slice(STANDARD.encode(octets).as_bytes()),
        }
        out.extend_from_slice(b"\r\n");
    }
}

const KNOWN: [&str; 18] = [
    "USER", "PASS", "APOP", "AUTH", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "NOOP", "RSET",
    "QUIT", "CAPA", "STLS", "UTF8", "LANG", "",
];

fn parse(line: &[u8]) -> std::result::Result<Command, Malformed> {
    let end = line.iter().position(|octet| *octet == b' ').unwrap_or(line.len());
    let verb = &line[..end];
    if let Some(offset) = verb.iter().position(|octet| !is_verb_octet(*octet)) {
        return Err(Malformed { offset, expected: "keyword" });
    }
    let verb = text(verb, 0)?.to_ascii_uppercase();
    let start = (end + 1).min(line.len());
    let argument = &line[start..];
    if verb == "PASS" {
        return match argument {
            [] => Err(Malformed { offset: line.len(), expected: "password" }),
            secret => Ok(Command::Pass(Secret::new(secret))),
        };
    }
    let argument = text(argument, start)?;
    let start = start + argument.len() - argument.trim_start_matches(' ').len();
    let argument = argument.trim_matches(' ');
    let missing = Malformed { offset: line.len(), expected: "argument" };
    let none = |command| match argument {
        "" => Ok(command),
        _ => Err(Malformed { offset: start, expected: "CRLF" }),
    };
    let number = |word: &str, from| {
        let number = Some(word)
            .filter(|word| !word.is_empty() && word.bytes().all(|octet| octet.is_ascii_digit()))
            .and_then(|word| word.parse().ok());
        number
            .filter(|number| *number >= from)
            .ok_or(Malformed { offset: start, expected: "number" })
    };
    match verb.as_str() {
        "USER" if argument.is_empty() => Err(missing),
        "USER" => Ok(Command::User(argument.to_owned())),
        "APOP" => {
            let (user, digest) = argument.rsplit_once(' ').ok_or(missing)?;
            if !is_digest(digest) {
                let offset = start + argument.len() - digest.len();
                return Err(Malformed { offset, expected: "32 hexadecimal digits" });
            }
            let user = user.trim_end_matches(' ').to_owned();
            Ok(Command::Apop { user, digest: digest.to_ascii_lowercase() })
        }
        "AUTH" if !argument.is_empty() => {
            let (mechanism, initial) = match argument.split_once(' ') {
                None => (argument, None),
                Some((mechanism, initial)) => (mechanism, Some(initial)),
            };
            if let Some(at) = mechanism.bytes().position(|octet| !is_mechanism_octet(octet)) {
                return Err(Malformed { offset: start + at, expected: "mechanism" });
            }
            let initial = match initial {
                None => None,
                Some("=") => Some(Vec::new()),
                Some(initial) => Some(base64(initial.as_bytes(), start + mechanism.len() + 1)?),
            };
            Ok(Command::Auth { mechanism: mechanism.to_ascii_uppercase(), initial })
        }
        "STAT" => none(Command::Stat),
        "LIST" | "UIDL" => {
            let number = match argument {
                "" => None,
                word => Some(number(word, 1)?),
            };
            Ok(if verb == "LIST" { Command::List(number) } else { Command::Uidl(number) })
        }
        "RETR" => number(argument, 1).map(Command::Retr),
        "DELE" => number(argument, 1).map(Command::Dele),
        "TOP" => {
            let (first, lines) = argument.split_once(' ').ok_or(missing)?;
            let lines = number(lines.trim_start_matches(' '), 0)?;
            Ok(Command::Top { number: number(first, 1)?, lines })
        }
        "NOOP" => none(Command::Noop),
        "RSET" => none(Command::Rset),
        "QUIT" => none(Command::Quit),
        "CAPA" => none(Command::Capa),
        "STLS" => none(Command::Stls),
        "UTF8" => none(Command::Utf8),
        "LANG" if argument.contains(' ') => Err(Malformed { offset: start, expected: "one tag" }),
        "LANG" => Ok(Command::Lang(Some(argument.to_owned()).filter(|tag| !tag.is_empty()))),
        "" => Err(Malformed { offset: 0, expected: "keyword" }),
        _ => Ok(Command::Unknown { verb, argument: argument.to_owned() }),
    }
}

fn is_verb_octet(octet: u8) -> bool {
    (0x21..0x7f).contains(&octet)
}

/// RFC 4422 section 3.1.
fn is_mechanism_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')
}

fn is_digest(digest: &str) -> bool {
    digest.len() == 32 && digest.bytes().all(|octet| octet.is_ascii_hexdigit())
}

fn has_line_end(octets: &[u8]) -> bool {
    octets.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0))
}

fn words(
    prefix: &str,
    argument: &str,
    what: &'static str,
    out: &mut Vec<u8>,
) -> std::result::Result<(), Unencodable> {
    let is_blank_at_end = argument.starts_with(' ') || argument.ends_with(' ');
    if argument.is_empty() || is_blank_at_end || has_line_end(argument.as_bytes()) {
        return Err(Unencodable { what });
    }
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(argument.as_bytes());
    Ok(())
}

fn numbers(verb: &str, first: Option<u32>, second: Option<u32>, out: &mut Vec<u8>) {
    use std::io::Write as _;
    out.extend_from_slice(verb.as_bytes());
    for number in [first, second].into_iter().flatten() {
        write!(out, " {number}").expect("a Vec takes all that is written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_command() -> impl Strategy<Value = Command> {
        let words = || "[!-~ä]{1,9}( [!-~]{1,9})?";
        prop_oneof![
            words().prop_map(Command::User),
            "[ -~ä]{1,20}".prop_map(|secret| Command::Pass(Secret::new(secret))),
            (words(), "[0-9a-f]{32}").prop_map(|(user, digest)| Command::Apop { user, digest }),
            ("[A-Z0-9_-]{1,20}", any::<Option<Vec<u8>>>())
                .prop_map(|(mechanism, initial)| Command::Auth { mechanism, initial }),
            proptest::option::of(1..=u32::MAX).prop_map(Command::List),
            proptest::option::of(1..=u32::MAX).prop_map(Command::Uidl),
            (1..=u32::MAX).prop_map(Command::Retr),
            (1..=u32::MAX).prop_map(Command::Dele),
            (1..=u32::MAX, any::<u32>()).prop_map(|(number, lines)| Command::Top { number, lines }),
            Just(Command::Stat),
            Just(Command::Noop),
            Just(Command::Rset),
            Just(Command::Quit),
            Just(Command::Capa),
            Just(Command::Stls),
            Just(Command::Utf8),
            proptest::option::of("[a-zA-Z*-]{1,9}").prop_map(Command::Lang),
            ("X[A-Z!/-]{0,9}", proptest::option::of(words())).prop_map(|(verb, argument)| {
                Command::Unknown { verb, argument: argument.unwrap_or_default() }
            }),
        ]
    }

    fn command(line: &[u8]) -> std::result::Result<Command, Malformed> {
        match Command::decode(line)? {
            Decoded::Done { value, .. } => Ok(value),
            Decoded::More => panic!("{line:?} is a whole line"),
        }
    }

    #[test]
    fn the_examples_of_the_rfcs_are_read() {
        let digest = "c4c9334bac560ecc979e58001b3e22fb";
        assert_eq!(
            command(format!("APOP mrose {digest}\r\n").as_bytes()),
            Ok(Command::Apop { user: "mrose".into(), digest: digest.into() })
        );
        assert_eq!(command(b"list 2\r\n"), Ok(Command::List(Some(2))));
        assert_eq!(command(b"TOP 1 10\r\n"), Ok(Command::Top { number: 1, lines: 10 }));
        assert_eq!(command(b"PASS  a b \r\n"), Ok(Command::Pass(Secret::new(" a b "))));
        assert_eq!(
            command(b"AUTH PLAIN dGVzdAB0ZXN0AHRlc3Q=\r\n"),
            Ok(Command::Auth {
                mechanism: "PLAIN".into(),
                initial: Some(b"test\0test\0test".to_vec())
            })
        );
        assert_eq!(
            command(b"AUTH\n"),
            Ok(Command::Unknown { verb: "AUTH".into(), argument: String::new() })
        );
        assert_eq!(command(b"LANG MUL\r\n"), Ok(Command::Lang(Some("MUL".into()))));
        assert_eq!(format!("{:?}", command(b"PASS x\r\n")), "Ok(Pass(Secret(..)))");
    }

    #[test]
    fn faults_are_found_where_they_stand() {
        for (line, offset) in [
            (&b"\r\n"[..], 0),
            (b" STAT\r\n", 0),
            (b"USER\r\n", 4),
            (b"PASS\r\n", 4),
            (b"PASS \r\n", 5),
            (b"RETR\r\n", 4),
            (b"RETR 0\r\n", 5),
            (b"RETR -1\r\n", 5),
            (b"RETR 1 2\r\n", 5),
            (b"RETR 99999999999\r\n", 5),
            (b"TOP 1\r\n", 5),
            (b"STAT 1\r\n", 5),
            (b"APOP a b\r\n", 7),
            (b"AUTH PLAIN !\r\n", 11),
            (b"USER \xff\r\n", 5),
            (b"QUIT\r\r\n", 4),
        ] {
            let malformed = command(line).expect_err(&String::from_utf8_lossy(line));
            assert_eq!(malformed.offset, offset, "{:?}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn nothing_is_written_that_holds_a_line_end() {
        let mut out = b"before".to_vec();
        for command in [
            Command::User("a\r\nDELE 1".into()),
            Command::Pass(Secret::new("a\nb")),
            Command::Pass(Secret::new("")),
            Command::Apop { user: "a".into(), digest: "b".into() },
            Command::Auth { mechanism: "A B".into(), initial: None },
            Command::Lang(Some("a b".into())),
            Command::Unknown { verb: "STAT".into(), argument: String::new() },
        ] {
            assert!(command.encode(&mut out).is_err(), "{command:?}");
            assert_eq!(out, b"before");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in any_command()) {
            let mut wire = Vec::new();
            value.encode(&mut wire).unwrap();
            for end in 0..wire.len() {
                prop_assert_eq!(Command::decode(&wire[..end]), Ok(Decoded::More));
            }
            prop_assert_eq!(Command::decode(&wire), Ok(Decoded::Done { value, used: wire.len() }));
        }
    }
}
