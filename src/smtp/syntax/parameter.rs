//! Parameters of MAIL and RCPT.
//!
//! SIZE (RFC 1870), BODY (RFC 6152, RFC 3030), SMTPUTF8 (RFC 6531), RET, ENVID, NOTIFY and ORCPT
//! (RFC 3461, RFC 6533), AUTH (RFC 4954), REQUIRETLS (RFC 8689), HOLDFOR and HOLDUNTIL (RFC 4865),
//! MT-PRIORITY (RFC 6710), BY (RFC 2852), PRDR; any other is kept as it came. Whether the server
//! offered what a parameter belongs to is the session's business.

use super::{Cursor, Unencodable};
use crate::base::decode::Malformed;

mod xtext;

pub use xtext::encode_unicode_xtext;
use xtext::{encode_xtext, unicode_points, xtext};

type Parsed<T> = std::result::Result<T, Malformed>;
type Written = std::result::Result<(), Unencodable>;

/// What stands behind the reverse-path of MAIL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailParameters {
    /// `SIZE=`: octets of the message, CRLF line ends counted, dot-stuffing not.
    pub size: Option<u64>,
    /// `BODY=`
    pub body: Option<BodyType>,
    /// `SMTPUTF8`
    pub smtputf8: bool,
    /// `RET=`: what a report of failure returns.
    pub ret: Option<Ret>,
    /// `ENVID=`: 1 to 100 characters of printable ASCII, decoded.
    pub envid: Option<String>,
    /// `AUTH=`: who submitted the message first.
    pub auth: Option<Submitter>,
    /// `REQUIRETLS`
    pub require_tls: bool,
    /// `HOLDFOR=` or `HOLDUNTIL=`
    pub hold: Option<Hold>,
    /// `MT-PRIORITY=`: -9 to 9.
    pub priority: Option<i8>,
    /// `BY=`
    pub by: Option<DeliverBy>,
    /// `PRDR`: a reply per recipient is wanted behind the message.
    pub prdr: bool,
    /// All others, in their order.
    pub other: Vec<Parameter>,
}

/// What stands behind the forward-path of RCPT.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RcptParameters {
    /// `NOTIFY=`: when a report is wanted.
    pub notify: Option<Notify>,
    /// `ORCPT=`: the recipient that the sender wrote.
    pub orcpt: Option<OriginalRecipient>,
    /// All others, in their order.
    pub other: Vec<Parameter>,
}

/// A parameter without a field of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The keyword, upper case.
    pub keyword: String,
    /// What stands behind `=`, undecoded.
    pub value: Option<String>,
}

/// `BODY=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyType {
    /// `7BIT`
    SevenBit,
    /// `8BITMIME`
    EightBitMime,
    /// `BINARYMIME`: only with BDAT.
    BinaryMime,
}

/// `RET=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ret {
    /// The whole message.
    Full,
    /// Its header only.
    Headers,
}

/// `AUTH=` of MAIL (RFC 4954 section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitter {
    /// `<>`: not known, or not trusted.
    Unknown,
    /// The mailbox, decoded.
    Mailbox(String),
}

/// Until when a message is held back (RFC 4865).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// `HOLDFOR=` seconds, at most nine digits.
    For(u32),
    /// `HOLDUNTIL=` an RFC 3339 date-time.
    Until(jiff::Timestamp),
}

/// `BY=` (RFC 2852 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverBy {
    /// Seconds from now; negative when the time is over already. At most nine digits.
    pub seconds: i32,
    /// `R`: give it back then; else `N`: tell and go on.
    pub is_return: bool,
    /// `T`: each relay tells.
    pub trace: bool,
}

/// `NOTIFY=`; nothing set is `NEVER`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notify {
    /// `SUCCESS`
    pub success: bool,
    /// `FAILURE`
    pub failure: bool,
    /// `DELAY`
    pub delay: bool,
}

/// `ORCPT=addr-type;xtext`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalRecipient {
    /// `rfc822`, `utf-8`, or another atom.
    pub address_type: String,
    /// The address, decoded.
    pub address: String,
}

impl MailParameters {
    /// Reads ` KEYWORD=value` groups up to the end of the line.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut all = Self::default();
        while let Some((keyword, mut value)) = next(cursor)? {
            let offset = value.at;
            match keyword.as_str() {
                "SIZE" => once(&mut all.size, twenty_digits(&mut value)?, offset)?,
                "BODY" => {
                    let body = if value.eat_word("7BIT") {
                        BodyType::SevenBit
                    } else if value.eat_word("8BITMIME") {
                        BodyType::EightBitMime
                    } else if value.eat_word("BINARYMIME") {
                        BodyType::BinaryMime
                    } else {
                        return value.error("7BIT, 8BITMIME or BINARYMIME");
                    };
                    once(&mut all.body, body, offset)?;
                }
                "SMTPUTF8" => flag(&mut all.smtputf8, offset)?,
                "REQUIRETLS" => flag(&mut all.require_tls, offset)?,
                "PRDR" => flag(&mut all.prdr, offset)?,
                "RET" => {
                    let ret = if value.eat_word("FULL") {
                        Ret::Full
                    } else if value.eat_word("HDRS") {
                        Ret::Headers
                    } else {
                        return value.error("FULL or HDRS");
                    };
                    once(&mut all.ret, ret, offset)?;
                }
                "ENVID" => {
                    let envid = xtext(&mut value)?;
                    if envid.is_empty() || envid.len() > 100 || !is_printable(&envid) {
                        return Err(Malformed {
                            offset,
                            expected: "1 to 100 printable characters",
                        });
                    }
                    once(&mut all.envid, envid, offset)?;
                }
                "AUTH" => {
                    let auth = if value.eat_word("<>") {
                        Submitter::Unknown
                    } else {
                        let mailbox = xtext(&mut value)?;
                        if mailbox.is_empty() {
                            return Err(Malformed { offset, expected: "mailbox or <>" });
                        }
                        Submitter::Mailbox(mailbox)
                    };
                    once(&mut all.auth, auth, offset)?;
                }
                "HOLDFOR" => {
                    let seconds = nine_digits(&mut value)?;
                    if seconds == 0 {
                        return Err(Malformed { offset, expected: "seconds from 1" });
                    }
                    once(&mut all.hold, Hold::For(seconds), offset)?;
                }
                "HOLDUNTIL" => {
                    let expected = "RFC 3339 date-time in UTC";
                    let text = value.text_while(|_| true, expected)?;
                    if !is_utc(text) {
                        return Err(Malformed { offset, expected });
                    }
                    let time = text.parse().map_err(|_| Malformed { offset, expected })?;
                    once(&mut all.hold, Hold::Until(time), offset)?;
                }
                "MT-PRIORITY" => {
                    // priority-value = (["-"] NZDIGIT) / "0"
                    let is_negative = value.eat(b'-');
                    let expected = "priority from -9 to 9";
                    let size = match value.take_while(|octet| octet.is_ascii_digit()) {
                        b"0" if !is_negative => 0,
                        [digit @ b'1'..=b'9'] => (digit - b'0') as i8,
                        _ => return Err(Malformed { offset, expected }),
                    };
                    once(&mut all.priority, if is_negative { -size } else { size }, offset)?;
                }
                "BY" => once(&mut all.by, deliver_by(&mut value)?, offset)?,
                _ => {
                    all.other.push(other(keyword, &mut value)?);
                }
            }
            end(&value)?;
        }
        Ok(all)
    }

    /// Appends each parameter with a space before it.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Written {
        if let Some(size) = self.size {
            number(" SIZE=", size, out);
        }
        if let Some(body) = self.body {
            out.extend_from_slice(match body {
                BodyType::SevenBit => b" BODY=7BIT",
                BodyType::EightBitMime => b" BODY=8BITMIME",
                BodyType::BinaryMime => b" BODY=BINARYMIME",
            });
        }
        if self.smtputf8 {
            out.extend_from_slice(b" SMTPUTF8");
        }
        if let Some(ret) = self.ret {
            out.extend_from_slice(match ret {
                Ret::Full => b" RET=FULL",
                Ret::Headers => b" RET=HDRS",
            });
        }
        if let Some(envid) = &self.envid {
            if envid.is_empty() || envid.len() > 100 || !is_printable(envid) {
                return Err(Unencodable { what: "ENVID" });
            }
            out.extend_from_slice(b" ENVID=");
            encode_xtext(envid, out);
        }
        match &self.auth {
            None => {}
            Some(Submitter::Unknown) => out.extend_from_slice(b" AUTH=<>"),
            Some(Submitter::Mailbox(mailbox)) => {
                if mailbox.is_empty() || mailbox.contains(['\r', '\n', '\0']) {
                    return Err(Unencodable { what: "AUTH mailbox" });
                }
                out.extend_from_slice(b" AUTH=");
                encode_xtext(mailbox, out);
            }
        }
        if self.require_tls {
            out.extend_from_slice(b" REQUIRETLS");
        }
        match self.hold {
            None => {}
            Some(Hold::For(seconds @ 1..=999_999_999)) => {
                number(" HOLDFOR=", seconds.into(), out);
            }
            Some(Hold::For(_)) => return Err(Unencodable { what: "HOLDFOR" }),
            Some(Hold::Until(time)) => {
                out.extend_from_slice(format!(" HOLDUNTIL={time}").as_bytes());
            }
        }
        match self.priority {
            None => {}
            Some(priority @ -9..=9) => {
                out.extend_from_slice(format!(" MT-PRIORITY={priority}").as_bytes());
            }
            Some(_) => return Err(Unencodable { what: "MT-PRIORITY" }),
        }
        if let Some(by) = self.by {
            if by.seconds.unsigned_abs() > 999_999_999 {
                return Err(Unencodable { what: "BY" });
            }
            let mode = if by.is_return { 'R' } else { 'N' };
            let trace = if by.trace { "T" } else { "" };
            out.extend_from_slice(format!(" BY={};{mode}{trace}", by.seconds).as_bytes());
        }
        if self.prdr {
            out.extend_from_slice(b" PRDR");
        }
        encode_other(&self.other, out)
    }
}

impl RcptParameters {
    /// Reads ` KEYWORD=value` groups up to the end of the line.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut all = Self::default();
        while let Some((keyword, mut value)) = next(cursor)? {
            let offset = value.at;
            match keyword.as_str() {
                "NOTIFY" => once(&mut all.notify, notify(&mut value)?, offset)?,
                "ORCPT" => once(&mut all.orcpt, original_recipient(&mut value)?, offset)?,
                _ => all.other.push(other(keyword, &mut value)?),
            }
            end(&value)?;
        }
        Ok(all)
    }

    /// Appends each parameter with a space before it.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Written {
        if let Some(notify) = self.notify {
            out.extend_from_slice(b" NOTIFY=");
            let words: Vec<&[u8]> = [
                (notify.success, &b"SUCCESS"[..]),
                (notify.failure, b"FAILURE"),
                (notify.delay, b"DELAY"),
            ]
            .into_iter()
            .filter_map(|(wanted, word)| wanted.then_some(word))
            .collect();
            if words.is_empty() {
                out.extend_from_slice(b"NEVER");
            }
            out.extend_from_slice(&words.join(&b','));
        }
        if let Some(orcpt) = &self.orcpt {
            let kind = &orcpt.address_type;
            let has_no_text = orcpt.address.is_empty()
                || orcpt.address.contains(char::is_control)
                || kind.is_empty();
            if has_no_text || !kind.bytes().all(is_atom) {
                return Err(Unencodable { what: "ORCPT" });
            }
            out.extend_from_slice(format!(" ORCPT={kind};").as_bytes());
            if kind.eq_ignore_ascii_case("utf-8") {
                encode_unicode_xtext(&orcpt.address, out);
            } else {
                encode_xtext(&orcpt.address, out);
            }
        }
        encode_other(&self.other, out)
    }
}

/// The next keyword, upper case, and a cursor that ends where its value ends (empty without `=`).
fn next<'a>(cursor: &mut Cursor<'a>) -> Parsed<Option<(String, Cursor<'a>)>> {
    if !cursor.is_at_end() && !matches!(cursor.peek(), Some(b' ' | b'\t')) {
        return cursor.error("SP");
    }
    cursor.skip_blanks();
    if cursor.is_at_end() {
        return Ok(None);
    }
    if !cursor.peek().is_some_and(|octet| octet.is_ascii_alphanumeric()) {
        return cursor.error("esmtp-keyword");
    }
    let keyword = cursor
        .text_while(|octet| octet.is_ascii_alphanumeric() || octet == b'-', "esmtp-keyword")?
        .to_ascii_uppercase();
    let has_value = cursor.eat(b'=');
    let start = cursor.at;
    if has_value {
        cursor.text_while(|octet| octet > b' ' && octet != 0x7f, "esmtp-value")?;
    } else if takes_value(&keyword) {
        return cursor.error("\"=\"");
    }
    if has_value && matches!(keyword.as_str(), "SMTPUTF8" | "REQUIRETLS" | "PRDR") {
        return Err(Malformed { offset: start - 1, expected: "SP or end of line" });
    }
    Ok(Some((keyword, Cursor { octets: &cursor.octets[..cursor.at], at: start })))
}

fn takes_value(keyword: &str) -> bool {
    matches!(
        keyword,
        "SIZE"
            | "BODY"
            | "RET"
            | "ENVID"
            | "AUTH"
            | "HOLDFOR"
            | "HOLDUNTIL"
            | "MT-PRIORITY"
            | "BY"
            | "NOTIFY"
            | "ORCPT"
    )
}

fn once<T>(place: &mut Option<T>, value: T, offset: usize) -> Parsed<()> {
    if place.replace(value).is_some() {
        return Err(Malformed { offset, expected: "each parameter at most once" });
    }
    Ok(())
}

fn flag(place: &mut bool, offset: usize) -> Parsed<()> {
    if std::mem::replace(place, true) {
        return Err(Malformed { offset, expected: "each parameter at most once" });
    }
    Ok(())
}

fn end(value: &Cursor<'_>) -> Parsed<()> {
    if value.is_at_end() { Ok(()) } else { value.error("end of the parameter") }
}

fn other(keyword: String, value: &mut Cursor<'_>) -> Parsed<Parameter> {
    let value = match value.is_at_end() {
        true => None,
        false => Some(value.text_while(|_| true, "esmtp-value")?.to_owned()),
    };
    Ok(Parameter { keyword, value })
}

fn encode_other(all: &[Parameter], out: &mut Vec<u8>) -> Written {
    for Parameter { keyword, value } in all {
        let is_keyword = !keyword.is_empty()
            && !keyword.starts_with('-')
            && keyword.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        if !is_keyword {
            return Err(Unencodable { what: "esmtp-keyword" });
        }
        out.push(b' ');
        out.extend_from_slice(keyword.as_bytes());
        if let Some(value) = value {
            if value.is_empty() || value.bytes().any(|octet| octet <= b' ' || octet == 0x7f) {
                return Err(Unencodable { what: "esmtp-value" });
            }
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
        }
    }
    Ok(())
}

fn number(prefix: &str, value: u64, out: &mut Vec<u8>) {
    use std::io::Write as _;
    write!(out, "{prefix}{value}").expect("a Vec takes all that is written");
}

/// `1*20DIGIT` (RFC 1870 section 6): more than we can count is more than we can take.
fn twenty_digits(value: &mut Cursor<'_>) -> Parsed<u64> {
    let (offset, expected) = (value.at, "number of octets, at most twenty digits");
    let digits = value.text_while(|octet| octet.is_ascii_digit(), expected)?;
    if digits.len() > 20 {
        return Err(Malformed { offset, expected });
    }
    Ok(digits.parse().unwrap_or(u64::MAX))
}

fn nine_digits(value: &mut Cursor<'_>) -> Parsed<u32> {
    let offset = value.at;
    let seconds = value.number("seconds, at most nine digits")?;
    if seconds > 999_999_999 {
        return Err(Malformed { offset, expected: "seconds, at most nine digits" });
    }
    Ok(seconds)
}

/// ```text
/// by-value = by-time";"by-mode[by-trace]
/// by-time  = ["-" / "+"]1*9digit
/// by-mode  = "N" / "R"
/// by-trace = "T"
/// ```
fn deliver_by(value: &mut Cursor<'_>) -> Parsed<DeliverBy> {
    let is_negative = value.eat(b'-');
    if !is_negative {
        value.eat(b'+');
    }
    let size = nine_digits(value)? as i32;
    value.expect(b';', "\";\"")?;
    let is_return = value.eat_word("R");
    if !is_return && !value.eat_word("N") {
        return value.error("N or R");
    }
    let trace = value.eat_word("T");
    Ok(DeliverBy { seconds: if is_negative { -size } else { size }, is_return, trace })
}

/// `"NEVER" / 1#( "SUCCESS" / "FAILURE" / "DELAY" )`
fn notify(value: &mut Cursor<'_>) -> Parsed<Notify> {
    let mut notify = Notify::default();
    if value.eat_word("NEVER") {
        return Ok(notify);
    }
    loop {
        let place = if value.eat_word("SUCCESS") {
            &mut notify.success
        } else if value.eat_word("FAILURE") {
            &mut notify.failure
        } else if value.eat_word("DELAY") {
            &mut notify.delay
        } else {
            return value.error("NEVER, SUCCESS, FAILURE or DELAY");
        };
        flag(place, value.at)?;
        if !value.eat(b',') {
            return Ok(notify);
        }
    }
}

/// `original-recipient-address = addr-type ";" xtext`
/// `atom` of RFC 822, as RFC 3461 section 4.2 wants an address type.
fn is_atom(octet: u8) -> bool {
    octet.is_ascii_graphic() && !b"()<>@,;:\\\".[]=".contains(&octet)
}

fn original_recipient(value: &mut Cursor<'_>) -> Parsed<OriginalRecipient> {
    let address_type = value.text_while(is_atom, "address type")?.to_owned();
    value.expect(b';', "\";\"")?;
    let offset = value.at;
    let text = xtext(value)?;
    let is_unicode = address_type.eq_ignore_ascii_case("utf-8");
    // RFC 3461 section 4.2: the value need not be what the address type wants.
    let decoded = is_unicode.then(|| unicode_points(&text, offset).ok()).flatten();
    let address = decoded.unwrap_or(text);
    if address.is_empty() || address.contains(char::is_control) {
        return Err(Malformed { offset, expected: "address" });
    }
    Ok(OriginalRecipient { address_type, address })
}

/// Whether text is `YYYY-MM-DDTHH:MM:SS[.F]Z`: `Internet-style-date-time-UTC` of RFC 4865 section
/// 3.
fn is_utc(text: &str) -> bool {
    let Some(text) = text.strip_suffix(['Z', 'z']) else { return false };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let fits = |(octet, form): (u8, u8)| match form {
        b'0' => octet.is_ascii_digit(),
        form => octet.to_ascii_uppercase() == form,
    };
    let form = b"0000-00-00T00:00:00";
    let is_whole = whole.len() == form.len() && whole.bytes().zip(*form).all(fits);
    is_whole && !fraction.is_empty() && fraction.bytes().all(|octet| octet.is_ascii_digit())
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|octet| (0x20..0x7f).contains(&octet))
}

#[cfg(test)]
pub(super) mod tests;
