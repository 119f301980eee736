//! Commands of SMTP and LMTP, and the lines that a client sends during AUTH.
//!
//! RFC 5321 section 4.1, LHLO (RFC 2033), BDAT (RFC 3030), AUTH (RFC 4954), STARTTLS (RFC 3207),
//! XCLIENT (Postfix). Message data that follows DATA or BDAT is read by [`super::data`]. Which
//! command may come when is the session's business.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::parameter::{MailParameters, RcptParameters};
use super::path::{self, ForwardPath, ReversePath};
use super::{Cursor, Unencodable, line};
use crate::base::decode::{Decoded, Malformed, Result};

type Written = std::result::Result<(), Unencodable>;

/// One command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `EHLO name`
    Ehlo(String),
    /// `HELO name`
    Helo(String),
    /// `LHLO name`
    Lhlo(String),
    /// `MAIL FROM:<reverse-path> parameters`
    Mail(ReversePath, MailParameters),
    /// `RCPT TO:<forward-path> parameters`
    Rcpt(ForwardPath, RcptParameters),
    /// `DATA`
    Data,
    /// `BDAT octets [LAST]`: that many octets follow the line end at once.
    Bdat {
        /// Octets in this chunk.
        octets: u64,
        /// No chunk follows.
        last: bool,
    },
    /// `RSET`
    Rset,
    /// `NOOP [text]`
    Noop(Option<String>),
    /// `HELP [text]`
    Help(Option<String>),
    /// `VRFY text`
    Vrfy(String),
    /// `EXPN text`
    Expn(String),
    /// `QUIT`
    Quit,
    /// `STARTTLS`
    StartTls,
    /// `AUTH mechanism [initial-response]`
    Auth {
        /// The mechanism, upper case.
        mechanism: String,
        /// Decoded; `None`: the server is to speak first, empty: `=`.
        initial: Option<Vec<u8>>,
    },
    /// `XCLIENT name=value ...`
    Xclient(Vec<(String, String)>),
    /// Any other verb, upper case, and what stands behind it.
    Unknown {
        /// Letters, digits and hyphens.
        verb: String,
        /// Without the space between; empty where there is nothing.
        argument: String,
    },
}

/// A line of a client that answers a 334 (RFC 4954 section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthResponse {
    /// `*`: the client wants no more of it; the server answers 501.
    Cancel,
    /// Decoded octets; an empty line is an empty response.
    Data(Vec<u8>),
}

impl Command {
    /// Reads one command line. Verbs, keywords and mechanisms may have any case; blanks before
    /// the line end and behind `FROM:` and `TO:` are tolerated.
    ///
    /// # Errors
    /// [`Malformed`]: a 500 when nothing at offset 0 is a verb, else a 501.
    pub fn decode(octets: &[u8]) -> Result<Self> {
        let Decoded::Done { value, used } = line(octets)? else {
            return Ok(Decoded::More);
        };
        let end = value.iter().rposition(|octet| !matches!(octet, b' ' | b'\t'));
        let value = parse(&mut Cursor::new(&value[..end.map_or(0, |end| end + 1)]))?;
        Ok(Decoded::Done { value, used })
    }

    /// Appends the command with its CRLF, or nothing.
    ///
    /// # Errors
    /// [`Unencodable`] for an argument outside its grammar.
    pub fn encode(&self, out: &mut Vec<u8>) -> Written {
        let start = out.len();
        let written = self.encode_line(out);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    fn encode_line(&self, out: &mut Vec<u8>) -> Written {
        match self {
            Self::Ehlo(name) => named("EHLO ", name, out)?,
            Self::Helo(name) => named("HELO ", name, out)?,
            Self::Lhlo(name) => named("LHLO ", name, out)?,
            Self::Mail(path, parameters) => return mail(path, parameters, out),
            Self::Rcpt(path, parameters) => return rcpt(path, parameters, out),
            Self::Data => out.extend_from_slice(b"DATA"),
            Self::Bdat { octets, last } => {
                let last = if *last { " LAST" } else { "" };
                out.extend_from_slice(format!("BDAT {octets}{last}").as_bytes());
            }
            Self::Rset => out.extend_from_slice(b"RSET"),
            Self::Noop(text) => with_text("NOOP", text.as_deref(), out)?,
            Self::Help(text) => with_text("HELP", text.as_deref(), out)?,
            Self::Vrfy(text) => with_text("VRFY", Some(text), out)?,
            Self::Expn(text) => with_text("EXPN", Some(text), out)?,
            Self::Quit => out.extend_from_slice(b"QUIT"),
            Self::StartTls => out.extend_from_slice(b"STARTTLS"),
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
            Self::Xclient(attributes) => {
                if attributes.is_empty() {
                    return Err(Unencodable { what: "XCLIENT" });
                }
                out.extend_from_slice(b"XCLIENT");
                for (name, value) in attributes {
                    named(" ", name, out)?;
                    if name.contains('=') || value.is_empty() {
                        return Err(Unencodable { what: "XCLIENT attribute" });
                    }
                    out.push(b'=');
                    for octet in value.bytes() {
                        match octet {
                            b'+' | b'=' | 0..=b' ' | 0x7f.. => {
                                out.extend_from_slice(format!("+{octet:02X}").as_bytes());
                            }
                            octet => out.push(octet),
                        }
                    }
                }
            }
            Self::Unknown { verb, argument } => {
                if verb.is_empty() || !verb.bytes().all(is_verb_octet) || is_known(verb) {
                    return Err(Unencodable { what: "verb" });
                }
                with_text(verb, Some(argument.as_str()).filter(|text| !text.is_empty()), out)?;
            }
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Whether the line carries a secret, so that a transcript hides it.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Auth { initial: Some(_), .. })
    }
}

/// Appends a MAIL line without building a [`Command`]; on an error, what was appended is
/// not a line.
///
/// # Errors
/// [`Unencodable`] for an argument outside its grammar.
pub fn mail(path: &ReversePath, parameters: &MailParameters, out: &mut Vec<u8>) -> Written {
    out.extend_from_slice(b"MAIL FROM:");
    path.encode(out)?;
    parameters.encode(out)?;
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends a RCPT line without building a [`Command`]; on an error, what was appended is
/// not a line.
///
/// # Errors
/// [`Unencodable`] for an argument outside its grammar.
pub fn rcpt(path: &ForwardPath, parameters: &RcptParameters, out: &mut Vec<u8>) -> Written {
    out.extend_from_slice(b"RCPT TO:");
    path.encode(out)?;
    parameters.encode(out)?;
    out.extend_from_slice(b"\r\n");
    Ok(())
}

impl AuthResponse {
    /// Reads one line behind a 334.
    ///
    /// # Errors
    /// [`Malformed`] for what is neither `*` nor base64: a 501.
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

/// Decodes the base64 of a 334's text; blanks around it are tolerated.
///
/// # Errors
/// [`Malformed`] for what is not base64.
pub fn challenge(text: &[u8]) -> std::result::Result<Vec<u8>, Malformed> {
    base64(text.trim_ascii(), 0)
}

fn base64(text: &[u8], offset: usize) -> std::result::Result<Vec<u8>, Malformed> {
    STANDARD.decode(text).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _)
            | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            _ => text.len(),
        };
        Malformed { offset: offset + at, expected: "base64" }
    })
}

fn parse(cursor: &mut Cursor<'_>) -> std::result::Result<Command, Malformed> {
    let verb = cursor.text_while(is_verb_octet, "a command")?.to_ascii_uppercase();
    if !cursor.is_at_end() && !matches!(cursor.peek(), Some(b' ' | b'\t')) {
        return Err(Malformed { offset: 0, expected: "a command" });
    }
    let command = match verb.as_str() {
        "EHLO" => Command::Ehlo(client_name(cursor)?),
        "HELO" => Command::Helo(client_name(cursor)?),
        "LHLO" => Command::Lhlo(client_name(cursor)?),
        "MAIL" => {
            keyword(cursor, "FROM:")?;
            let path = path::reverse_path(cursor)?;
            Command::Mail(path, MailParameters::parse(cursor)?)
        }
        "RCPT" => {
            keyword(cursor, "TO:")?;
            let path = path::forward_path(cursor)?;
            Command::Rcpt(path, RcptParameters::parse(cursor)?)
        }
        "DATA" => Command::Data,
        "BDAT" => {
            cursor.skip_blanks();
            let octets = cursor.number("chunk size")?;
            let gap = cursor.at;
            cursor.skip_blanks();
            let last = cursor.at > gap && cursor.eat_word("LAST");
            Command::Bdat { octets, last }
        }
        "RSET" => Command::Rset,
        "NOOP" => Command::Noop(text(cursor)?),
        "HELP" => Command::Help(text(cursor)?),
        "VRFY" | "EXPN" => {
            let Some(text) = text(cursor)? else {
                return cursor.error("String");
            };
            if verb == "VRFY" { Command::Vrfy(text) } else { Command::Expn(text) }
        }
        "QUIT" => Command::Quit,
        "STARTTLS" => Command::StartTls,
        "AUTH" => {
            cursor.skip_blanks();
            let mechanism = cursor.text_while(is_mechanism_octet, "mechanism")?;
            let mechanism = mechanism.to_ascii_uppercase();
            let gap = cursor.at;
            cursor.skip_blanks();
            let offset = cursor.at;
            let initial = match cursor.take_while(|octet| octet > b' ') {
                b"" => None,
                _ if offset == gap => return Err(Malformed { offset, expected: "SP" }),
                b"=" => Some(Vec::new()),
                text => Some(base64(text, offset)?),
            };
            Command::Auth { mechanism, initial }
        }
        "XCLIENT" => Command::Xclient(attributes(cursor)?),
        _ => Command::Unknown { verb, argument: text(cursor)?.unwrap_or_default() },
    };
    if cursor.is_at_end() { Ok(command) } else { cursor.error("CRLF") }
}

/// What a [`Malformed`] EHLO, HELO or LHLO lacks: its answer is one without an enhanced code
/// (RFC 2034 section 4).
pub const CLIENT_NAME: &str = "the client's name";

fn client_name(cursor: &mut Cursor<'_>) -> std::result::Result<String, Malformed> {
    host_name(cursor).map_err(|malformed| Malformed { expected: CLIENT_NAME, ..malformed })
}

/// How many octets come behind a BDAT line that is not rightly written otherwise; `None`: it is
/// no such line, `Some(None)`: nobody knows how many (RFC 3030 section 2: they are read and
/// dropped).
pub fn chunk_behind(line: &[u8]) -> Option<Option<u64>> {
    let verb = line.get(..4)?;
    let rest = line[4..].trim_ascii();
    let ends = matches!(line.get(4), None | Some(b' ' | b'\t' | b'\r' | b'\n'));
    if !verb.eq_ignore_ascii_case(b"BDAT") || !ends {
        return None;
    }
    let digits = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
    Some(std::str::from_utf8(&rest[..digits]).ok().and_then(|digits| digits.parse().ok()))
}

fn is_known(verb: &str) -> bool {
    [
        "EHLO", "HELO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "HELP", "VRFY",
        "EXPN", "QUIT", "STARTTLS", "AUTH", "XCLIENT",
    ]
    .iter()
    .any(|known| known.eq_ignore_ascii_case(verb))
}

fn is_verb_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'-'
}

/// RFC 4422 section 3.1.
fn is_mechanism_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')
}

fn keyword(cursor: &mut Cursor<'_>, word: &'static str) -> std::result::Result<(), Malformed> {
    cursor.skip_blanks();
    if !cursor.eat_word(word) {
        return cursor.error(if word == "TO:" { "TO:" } else { "FROM:" });
    }
    cursor.skip_blanks();
    Ok(())
}

/// The argument of EHLO. RFC 5321 section 4.1.4 has a Domain or address literal here, and says
/// that a server must not refuse mail because it does not like it: any word is read.
fn host_name(cursor: &mut Cursor<'_>) -> std::result::Result<String, Malformed> {
    cursor.skip_blanks();
    let name = cursor.text_while(|octet| octet > b' ' && octet != 0x7f, "Domain")?;
    Ok(name.to_owned())
}

/// The rest of the line behind blanks, `None` when there is none.
fn text(cursor: &mut Cursor<'_>) -> std::result::Result<Option<String>, Malformed> {
    cursor.skip_blanks();
    if cursor.is_at_end() {
        return Ok(None);
    }
    cursor.text_while(|_| true, "text").map(|text| Some(text.to_owned()))
}

/// `1*( SP attribute-name "=" attribute-value )`, values in xtext.
fn attributes(cursor: &mut Cursor<'_>) -> std::result::Result<Vec<(String, String)>, Malformed> {
    let mut all = Vec::new();
    loop {
        cursor.skip_blanks();
        let name = cursor.text_while(|octet| octet > b' ' && octet != b'=', "attribute name")?;
        let name = name.to_ascii_uppercase();
        cursor.expect(b'=', "\"=\"")?;
        let offset = cursor.at;
        let mut value = Vec::new();
        while let Some(octet) = cursor.peek().filter(|octet| *octet > b' ') {
            cursor.at += 1;
            if octet != b'+' {
                value.push(octet);
                continue;
            }
            let digit = |at: usize| char::from(*cursor.octets.get(at)?).to_digit(16);
            match digit(cursor.at).zip(digit(cursor.at + 1)) {
                Some((high, low)) => value.push((high * 16 + low) as u8),
                None => return cursor.error("two hexadecimal digits"),
            }
            cursor.at += 2;
        }
        match String::from_utf8(value) {
            Ok(value) if !value.is_empty() => all.push((name, value)),
            _ => return Err(Malformed { offset, expected: "attribute value" }),
        }
        if cursor.is_at_end() {
            return Ok(all);
        }
    }
}

fn named(prefix: &str, name: &str, out: &mut Vec<u8>) -> Written {
    if name.is_empty() || name.bytes().any(|octet| octet <= b' ' || octet == 0x7f) {
        return Err(Unencodable { what: "name" });
    }
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(name.as_bytes());
    Ok(())
}

fn with_text(verb: &str, text: Option<&str>, out: &mut Vec<u8>) -> Written {
    out.extend_from_slice(verb.as_bytes());
    if let Some(text) = text {
        let has_blank_end =
            text.is_empty() || text.starts_with([' ', '\t']) || text.ends_with([' ', '\t']);
        if has_blank_end || text.contains(['\r', '\n', '\0']) {
            return Err(Unencodable { what: "text" });
        }
        out.push(b' ');
        out.extend_from_slice(text.as_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::parameter::tests::{any_mail, any_rcpt};
    use super::super::path::tests::{any_forward, any_reverse};
    use super::*;
    use proptest::prelude::*;

    fn any_command() -> impl Strategy<Value = Command> {
        let text = || "[!-~ä]{1,9}( [!-~]{1,9})?";
        prop_oneof![
            "[!-~ä]{1,20}".prop_map(Command::Ehlo),
            "[!-~]{1,20}".prop_map(Command::Helo),
            "[!-~]{1,20}".prop_map(Command::Lhlo),
            (any_reverse(), any_mail()).prop_map(|(path, all)| Command::Mail(path, all)),
            (any_forward(), any_rcpt()).prop_map(|(path, all)| Command::Rcpt(path, all)),
            Just(Command::Data),
            any::<(u64, bool)>().prop_map(|(octets, last)| Command::Bdat { octets, last }),
            Just(Command::Rset),
            proptest::option::of(text()).prop_map(Command::Noop),
            proptest::option::of(text()).prop_map(Command::Help),
            text().prop_map(Command::Vrfy),
            text().prop_map(Command::Expn),
            Just(Command::Quit),
            Just(Command::StartTls),
            ("[A-Z0-9_-]{1,20}", any::<Option<Vec<u8>>>())
                .prop_map(|(mechanism, initial)| Command::Auth { mechanism, initial }),
            proptest::collection::vec(("[A-Z]{1,5}", "[ -~ä]{1,9}"), 1..3)
                .prop_map(Command::Xclient),
            ("X[A-Z0-9-]{1,9}", proptest::option::of(text())).prop_map(|(verb, argument)| {
                Command::Unknown { verb, argument: argument.unwrap_or_default() }
            }),
        ]
    }

    fn command(line: &str) -> std::result::Result<Command, Malformed> {
        match Command::decode(line.as_bytes())? {
            Decoded::Done { value, .. } => Ok(value),
            Decoded::More => panic!("{line:?} is a whole line"),
        }
    }

    #[test]
    fn the_examples_of_the_rfcs_are_read() {
        let read = command("MAIL FROM:<userx@y.foo.org>\r\n").unwrap();
        assert!(matches!(read, Command::Mail(ReversePath::Mailbox(_), _)));
        let read = command("rcpt to:<@hosta.int,@jkl.org:userc@d.bar.org>\r\n").unwrap();
        assert!(matches!(read, Command::Rcpt(path, _) if path.to_string() == "userc@d.bar.org"));
        let read = command("MAIL FROM:<ned@ymir.example> BODY=BINARYMIME\r\n").unwrap();
        assert!(matches!(read, Command::Mail(_, all) if all.body.is_some()));
        assert_eq!(command("BDAT 324 LAST\r\n"), Ok(Command::Bdat { octets: 324, last: true }));
        assert_eq!(command("bdat 0\n"), Ok(Command::Bdat { octets: 0, last: false }));
        assert_eq!(
            command("AUTH PLAIN dGVzdAB0ZXN0ADEyMzQ=\r\n"),
            Ok(Command::Auth {
                mechanism: "PLAIN".into(),
                initial: Some(b"test\0test\x001234".to_vec())
            })
        );
        assert_eq!(
            command("AUTH external =\r\n"),
            Ok(Command::Auth { mechanism: "EXTERNAL".into(), initial: Some(Vec::new()) })
        );
        assert_eq!(
            command("XCLIENT NAME=spike.porcupine.org ADDR=168.100.189.2\r\n"),
            Ok(Command::Xclient(vec![
                ("NAME".into(), "spike.porcupine.org".into()),
                ("ADDR".into(), "168.100.189.2".into())
            ]))
        );
        assert_eq!(command("QUIT \t\r\n"), Ok(Command::Quit));
        assert!(command("MAIL FROM: <a@b>\r\n").is_ok());
    }

    #[test]
    fn faults_are_found_where_they_stand() {
        for (line, offset) in [
            ("\r\n", 0),
            ("MAIL\r\n", 4),
            ("MAIL FROM:a@b\r\n", 10),
            ("MAIL FROM:<a@b\r\n", 14),
            ("MAIL FROM:<a@b>SIZE=1\r\n", 15),
            ("RCPT FROM:<a@b>\r\n", 5),
            ("DATA now\r\n", 4),
            ("BDAT x\r\n", 5),
            ("BDAT 1LAST\r\n", 6),
            ("BDAT 99999999999999999999\r\n", 5),
            ("AUTH\r\n", 4),
            ("AUTH PLAIN d!\r\n", 12),
            ("VRFY\r\n", 4),
            ("EHLO\r\n", 4),
            ("EHLO a b\r\n", 6),
            ("GET/ HTTP\r\n", 0),
            ("\x16\x03\x01\r\n", 0),
            ("QUIT\r\r\n", 4),
        ] {
            let malformed = command(line).expect_err(line);
            assert_eq!(malformed.offset, offset, "{line:?}: {malformed}");
        }
    }

    #[test]
    fn nothing_is_written_that_holds_a_line_end() {
        let mut out = b"before".to_vec();
        for command in [
            Command::Ehlo("a\r\nMAIL".into()),
            Command::Ehlo(String::new()),
            Command::Vrfy("a\nb".into()),
            Command::Noop(Some("a\0".into())),
            Command::Auth { mechanism: "PLAIN\r\n".into(), initial: None },
            Command::Mail(ReversePath::Local("\n".into()), MailParameters::default()),
            Command::Xclient(vec![("A B".into(), "c".into())]),
            Command::Unknown { verb: "quit".into(), argument: String::new() },
        ] {
            assert!(command.encode(&mut out).is_err(), "{command:?}");
            assert_eq!(out, b"before");
        }
    }

    #[test]
    fn a_line_in_an_authentication_is_data_or_a_cancel() {
        let read = |line: &[u8]| match AuthResponse::decode(line) {
            Ok(Decoded::Done { value, .. }) => Ok(value),
            other => Err(other),
        };
        assert_eq!(read(b"*\r\n"), Ok(AuthResponse::Cancel));
        assert_eq!(read(b"\r\n"), Ok(AuthResponse::Data(Vec::new())));
        assert_eq!(read(b"AQ==\r\n"), Ok(AuthResponse::Data(vec![1])));
        assert!(read(b"=\r\n").is_err());
        assert!(read(b"AQ\r\n").is_err());
        assert_eq!(challenge(b" VXNlcm5hbWU6 "), Ok(b"Username:".to_vec()));
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

        #[test]
        fn what_is_read_is_written_to_the_same(line in "(MAIL FROM:|RCPT TO:|AUTH |)[ -~ä]{0,30}\r\n") {
            if let Ok(Decoded::Done { value, .. }) = Command::decode(line.as_bytes()) {
                let mut wire = Vec::new();
                if value.encode(&mut wire).is_ok() {
                    let used = wire.len();
                    prop_assert_eq!(Command::decode(&wire), Ok(Decoded::Done { value, used }));
                }
            }
        }
    }
}
