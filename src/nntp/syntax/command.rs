//! Commands of NNTP, and the lines that a client sends during AUTHINFO SASL.
//!
//! RFC 3977 sections 5 to 8 and 9.2, RFC 4642, RFC 4643, RFC 8054; XOVER and XHDR by RFC 2980.
//! Which command may come when is the session's business.

use super::range::{Article, Articles, Range};
use super::reply::timestamp;
use super::wildmat::Wildmat;
use super::{Unencodable, base64, is_newsgroup, line, to_base64};
use crate::base::date::Zoned;
use crate::base::decode::{Decoded, Malformed, Result};
use crate::base::secret::Secret;

/// One command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `CAPABILITIES [keyword]`; servers pass over the keyword.
    Capabilities(Option<String>),
    /// `MODE READER`
    ModeReader,
    /// `QUIT`
    Quit,
    /// `GROUP newsgroup-name`
    Group(String),
    /// `LISTGROUP [newsgroup-name [range]]`
    ListGroup(Option<(String, Option<Range>)>),
    /// `LAST`
    Last,
    /// `NEXT`
    Next,
    /// `ARTICLE`, `HEAD`, `BODY` or `STAT [article-ref]`
    Article(Part, Article),
    /// `POST`
    Post,
    /// `DATE`
    Date,
    /// `HELP`
    Help,
    /// `NEWGROUPS date time [GMT]`
    NewGroups(Since),
    /// `NEWNEWS wildmat date time [GMT]`
    NewNews(Wildmat, Since),
    /// `LIST [keyword [argument]]`
    List(List),
    /// `OVER [range-ref]`
    Over(Articles),
    /// `XOVER [range]`, the older form, which only differs where there is nothing to tell.
    Xover(Articles),
    /// `HDR field [range-ref]`
    Hdr(String, Articles),
    /// `XHDR field [range-ref]`, which is answered with 221.
    Xhdr(String, Articles),
    /// `STARTTLS`
    StartTls,
    /// `AUTHINFO USER username`: all octets behind the blank.
    AuthInfoUser(String),
    /// `AUTHINFO PASS password`: all octets behind the blank.
    AuthInfoPass(Secret),
    /// `AUTHINFO SASL mechanism [initial-response]`
    AuthInfoSasl {
        /// The mechanism, upper case.
        mechanism: String,
        /// Decoded; `None`: the server is to speak first.
        initial: Option<Vec<u8>>,
    },
    /// `COMPRESS algorithm`, upper case.
    Compress(String),
    /// Any other keyword, upper case, and what stands behind it.
    Unknown {
        /// Printable ASCII without blank.
        keyword: String,
        /// Without the blanks between; empty where there is nothing.
        argument: String,
    },
}

/// Which part of an article.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `ARTICLE`: all of it, 220.
    Article,
    /// `HEAD`: its header without the empty line, 221.
    Head,
    /// `BODY`: what follows the empty line, 222.
    Body,
    /// `STAT`: only whether it is there, 223.
    Stat,
}

impl Part {
    /// The command's keyword.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Article => "ARTICLE",
            Self::Head => "HEAD",
            Self::Body => "BODY",
            Self::Stat => "STAT",
        }
    }

    /// The response code of success.
    pub fn code(self) -> u16 {
        match self {
            Self::Article => 220,
            Self::Head => 221,
            Self::Body => 222,
            Self::Stat => 223,
        }
    }
}

/// The point in time of NEWGROUPS and NEWNEWS, in seconds since 1970. A time without `GMT` is
/// taken for UTC too: which zone is a server's own, no client knows (RFC 3977 section 7.3.2). A
/// year of two digits is one from 1970 to 2069.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since(pub i64);

/// What LIST lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum List {
    /// `ACTIVE`: names, numbers and status of groups; also a bare `LIST`.
    Active(Option<Wildmat>),
    /// `ACTIVE.TIMES`: when groups were made, and by whom.
    ActiveTimes(Option<Wildmat>),
    /// `COUNTS`: as ACTIVE, with the number of articles (RFC 6048).
    Counts(Option<Wildmat>),
    /// `NEWSGROUPS`: what groups are about.
    Newsgroups(Option<Wildmat>),
    /// `OVERVIEW.FMT`: the fields of OVER.
    OverviewFmt,
    /// `HEADERS [MSGID|RANGE]`: the fields of HDR.
    Headers(Option<String>),
    /// Another keyword, upper case, and its argument, which may be empty.
    Other(String, String),
}

/// A line of a client that answers a 383.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaslResponse {
    /// `*`: the client wants no more of it.
    Cancel,
    /// Decoded octets.
    Data(Vec<u8>),
}

impl SaslResponse {
    /// Reads one line behind a 383.
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
            Self::Data(octets) => out.extend_from_slice(to_base64(octets).as_bytes()),
        }
        out.extend_from_slice(b"\r\n");
    }
}

impl Command {
    /// Reads one command line. Keywords may have any case; blanks may be tabs and several.
    ///
    /// # Errors
    /// [`Malformed`]: to be answered with 501.
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
        match written {
            Ok(()) => out.extend_from_slice(b"\r\n"),
            Err(_) => out.truncate(start),
        }
        written
    }

    fn encode_line(&self, out: &mut Vec<u8>) -> std::result::Result<(), Unencodable> {
        let mut put = |words: &[&str]| {
            let mut words = words.iter().filter(|word| !word.is_empty());
            if let Some(first) = words.next() {
                out.extend_from_slice(first.as_bytes());
            }
            for word in words {
                out.push(b' ');
                out.extend_from_slice(word.as_bytes());
            }
        };
        match self {
            Self::Capabilities(None) => put(&["CAPABILITIES"]),
            Self::Capabilities(Some(word)) if !is_capability(word) => {
                return Err(Unencodable { what: "keyword" });
            }
            Self::Capabilities(Some(word)) => put(&["CAPABILITIES", keyword(word)?]),
            Self::ModeReader => put(&["MODE READER"]),
            Self::Quit => put(&["QUIT"]),
            Self::Group(name) => put(&["GROUP", newsgroup(name)?]),
            Self::ListGroup(None) => put(&["LISTGROUP"]),
            Self::ListGroup(Some((name, range))) => {
                let range = range.map(|range| range.to_string()).unwrap_or_default();
                put(&["LISTGROUP", newsgroup(name)?, &range]);
            }
            Self::Last => put(&["LAST"]),
            Self::Next => put(&["NEXT"]),
            Self::Article(part, article) => put(&[part.keyword(), &reference(article)?]),
            Self::Post => put(&["POST"]),
            Self::Date => put(&["DATE"]),
            Self::Help => put(&["HELP"]),
            Self::NewGroups(since) => put(&["NEWGROUPS", &since.words()?]),
            Self::NewNews(wildmat, since) => put(&["NEWNEWS", wildmat.as_str(), &since.words()?]),
            Self::List(list) => {
                let (word, argument) = list.words();
                let is_known =
                    matches!(list, List::Other(word, _) if KNOWN_LISTS.contains(&word.as_str()));
                if is_known || !argument.is_empty() && has_blank_at_end(argument) {
                    return Err(Unencodable { what: "argument" });
                }
                put(&["LIST", keyword(word)?, token(argument)?]);
            }
            Self::Over(articles) => put(&["OVER", &references(articles)?]),
            Self::Xover(articles) => put(&["XOVER", &references(articles)?]),
            Self::Hdr(field, articles) => {
                put(&["HDR", header_name(field)?, &references(articles)?]);
            }
            Self::Xhdr(field, articles) => {
                put(&["XHDR", header_name(field)?, &references(articles)?]);
            }
            Self::StartTls => put(&["STARTTLS"]),
            Self::AuthInfoUser(name) if name.is_empty() || has_line_end(name.as_bytes()) => {
                return Err(Unencodable { what: "user name" });
            }
            Self::AuthInfoUser(name) => put(&["AUTHINFO USER", name]),
            Self::AuthInfoPass(password) => {
                let password = password.expose();
                if password.is_empty() || has_line_end(password) {
                    return Err(Unencodable { what: "password" });
                }
                put(&["AUTHINFO PASS"]);
                out.push(b' ');
                out.extend_from_slice(password);
            }
            Self::AuthInfoSasl { mechanism, initial } => {
                if mechanism.is_empty() || !mechanism.bytes().all(is_mechanism_octet) {
                    return Err(Unencodable { what: "mechanism" });
                }
                let initial = initial.as_deref().map(to_base64).unwrap_or_default();
                put(&["AUTHINFO SASL", mechanism, &initial]);
            }
            Self::Compress(algorithm) => put(&["COMPRESS", keyword(algorithm)?]),
            Self::Unknown { keyword: word, argument } => {
                let is_known = KNOWN.contains(&word.as_str())
                    || matches!(word.as_str(), "MODE" | "AUTHINFO" if is_known_second(word, argument));
                if is_known || has_blank_at_end(argument) || argument.contains(['\r', '\n', '\0']) {
                    return Err(Unencodable { what: "command" });
                }
                if word.is_empty() || !word.bytes().all(|octet| (0x21..0x7f).contains(&octet)) {
                    return Err(Unencodable { what: "keyword" });
                }
                put(&[word, argument]);
            }
        }
        Ok(())
    }

    /// Whether the line carries a secret, so that a transcript hides it.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::AuthInfoPass(_) | Self::AuthInfoSasl { initial: Some(_), .. })
    }
}

/// The last second of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

impl Since {
    fn words(self) -> std::result::Result<String, Unencodable> {
        let no = Unencodable { what: "date" };
        let date = Zoned::utc(self.0);
        let day = date.day();
        if !(0..=LAST_SECOND).contains(&self.0) {
            return Err(no);
        }
        let second = self.0.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        Ok(format!(
            "{:04}{:02}{:02} {hour:02}{minute:02}{second:02} GMT",
            day.year(),
            day.month(),
            day.day()
        ))
    }

    /// Reads `date time [GMT]`.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
        let (date, time) = (words.next()?, words.next()?);
        match (words.next(), words.next()) {
            (None, _) => {}
            (Some(zone), None) if zone.eq_ignore_ascii_case("GMT") => {}
            _ => return None,
        }
        let date = match date.len() {
            8 => date.to_owned(),
            6 => {
                // RFC 3977 section 7.3.2: of this century up to the current year.
                let this_year = jiff::Zoned::now().year();
                let (century, year) = (this_year / 100, this_year % 100);
                let is_over = date.get(..2)?.parse::<i16>().ok()? <= year;
                format!("{:02}{date}", if is_over { century } else { century - 1 })
            }
            _ => return None,
        };
        // Whatever lies outside means all that there is, or nothing.
        let seconds = (time.len() == 6).then(|| timestamp(&format!("{date}{time}"))).flatten()?;
        Some(Self(seconds.clamp(0, LAST_SECOND)))
    }
}

impl List {
    /// The keyword and the argument.
    fn words(&self) -> (&str, &str) {
        fn of(wildmat: &Option<Wildmat>) -> &str {
            wildmat.as_ref().map_or("", Wildmat::as_str)
        }
        match self {
            Self::Active(wildmat) => ("ACTIVE", of(wildmat)),
            Self::ActiveTimes(wildmat) => ("ACTIVE.TIMES", of(wildmat)),
            Self::Counts(wildmat) => ("COUNTS", of(wildmat)),
            Self::Newsgroups(wildmat) => ("NEWSGROUPS", of(wildmat)),
            Self::OverviewFmt => ("OVERVIEW.FMT", ""),
            Self::Headers(form) => ("HEADERS", form.as_deref().unwrap_or_default()),
            Self::Other(word, argument) => (word, argument),
        }
    }
}

const KNOWN_LISTS: [&str; 6] =
    ["ACTIVE", "ACTIVE.TIMES", "COUNTS", "NEWSGROUPS", "OVERVIEW.FMT", "HEADERS"];

const KNOWN: [&str; 23] = [
    "CAPABILITIES",
    "QUIT",
    "GROUP",
    "LISTGROUP",
    "LAST",
    "NEXT",
    "ARTICLE",
    "HEAD",
    "BODY",
    "STAT",
    "POST",
    "DATE",
    "HELP",
    "NEWGROUPS",
    "NEWNEWS",
    "LIST",
    "OVER",
    "XOVER",
    "HDR",
    "XHDR",
    "STARTTLS",
    "COMPRESS",
    "",
];

/// Whether the second word makes it a command of its own.
fn is_known_second(keyword: &str, argument: &str) -> bool {
    let second = argument.split([' ', '\t']).next().unwrap_or_default();
    let is = |word: &str| second.eq_ignore_ascii_case(word);
    match keyword {
        "MODE" => argument.eq_ignore_ascii_case("READER"),
        _ => is("USER") || is("PASS") || is("SASL"),
    }
}

fn parse(line: &[u8]) -> std::result::Result<Command, Malformed> {
    let line_end = line.len();
    let line = line.trim_ascii_start();
    let skipped = line_end - line.len();
    let (verb, rest) = split_word(line);
    let is_keyword = |octet: &u8| (0x21..0x7f).contains(octet);
    if let Some(at) = verb.iter().position(|octet| !is_keyword(octet)) {
        return Err(Malformed { offset: skipped + at, expected: "keyword" });
    }
    let keyword = String::from_utf8_lossy(verb).to_ascii_uppercase();
    let start = line_end - rest.len();
    if keyword == "AUTHINFO"
        && let Some(command) = authinfo(rest, start)?
    {
        return Ok(command);
    }
    let argument = std::str::from_utf8(rest)
        .map_err(|error| Malformed { offset: start + error.valid_up_to(), expected: "UTF-8" })?;
    let argument = argument.trim_matches([' ', '\t']);
    let wrong = |expected| Malformed { offset: start, expected };
    let none = |command| match argument {
        "" => Ok(command),
        _ => Err(wrong("CRLF")),
    };
    let group = |name: &str| match is_newsgroup(name) {
        true => Ok(name.to_owned()),
        false => Err(wrong("newsgroup name")),
    };
    let article = |part| {
        let article = Article::parse(argument).ok_or(wrong("article number or message-id"))?;
        Ok(Command::Article(part, article))
    };
    let articles = |text: &str| Articles::parse(text).ok_or(wrong("range or message-id"));
    let (first, behind) = match argument.split_once([' ', '\t']) {
        Some((first, behind)) => (first, behind.trim_start_matches([' ', '\t'])),
        None => (argument, ""),
    };
    match keyword.as_str() {
        "CAPABILITIES" if argument.is_empty() => Ok(Command::Capabilities(None)),
        "CAPABILITIES" if is_capability(argument) => {
            Ok(Command::Capabilities(Some(argument.to_ascii_uppercase())))
        }
        "CAPABILITIES" => Err(wrong("keyword")),
        "MODE" if argument.eq_ignore_ascii_case("READER") => Ok(Command::ModeReader),
        "QUIT" => none(Command::Quit),
        "GROUP" => Ok(Command::Group(group(argument)?)),
        "LISTGROUP" if argument.is_empty() => Ok(Command::ListGroup(None)),
        "LISTGROUP" => {
            let range = match behind {
                "" => None,
                text => Some(Range::parse(text).ok_or(wrong("range"))?),
            };
            Ok(Command::ListGroup(Some((group(first)?, range))))
        }
        "LAST" => none(Command::Last),
        "NEXT" => none(Command::Next),
        "ARTICLE" => article(Part::Article),
        "HEAD" => article(Part::Head),
        "BODY" => article(Part::Body),
        "STAT" => article(Part::Stat),
        "POST" => none(Command::Post),
        "DATE" => none(Command::Date),
        "HELP" => none(Command::Help),
        "NEWGROUPS" => {
            let since = Since::parse(argument).ok_or(wrong("date and time"))?;
            Ok(Command::NewGroups(since))
        }
        "NEWNEWS" => {
            let wildmat = Wildmat::new(first).ok_or(wrong("wildmat"))?;
            let since = Since::parse(behind).ok_or(wrong("date and time"))?;
            Ok(Command::NewNews(wildmat, since))
        }
        "LIST" => list(first, behind, start),
        "OVER" => Ok(Command::Over(articles(argument)?)),
        "XOVER" => Ok(Command::Xover(articles(argument)?)),
        "HDR" | "XHDR" => {
            let name = header_name(first).map_err(|_| wrong("header name"))?.to_owned();
            let articles = articles(behind)?;
            Ok(if keyword == "HDR" {
                Command::Hdr(name, articles)
            } else {
                Command::Xhdr(name, articles)
            })
        }
        "STARTTLS" => none(Command::StartTls),
        "COMPRESS" if is_word(argument) => Ok(Command::Compress(argument.to_ascii_uppercase())),
        "COMPRESS" => Err(wrong("algorithm")),
        "" => Err(Malformed { offset: 0, expected: "keyword" }),
        _ => Ok(Command::Unknown { keyword, argument: argument.to_owned() }),
    }
}

/// AUTHINFO; `None` where its second word is none that is known.
fn authinfo(rest: &[u8], start: usize) -> std::result::Result<Option<Command>, Malformed> {
    let end = start + rest.len();
    let second_end = rest.iter().position(is_blank).unwrap_or(rest.len());
    let (second, argument) = rest.split_at(second_end);
    // One blank only: a password may begin with others (RFC 4643 section 3.1).
    let value = argument.get(1..).unwrap_or_default();
    let missing = |expected| Malformed { offset: end, expected };
    let is = |word: &str| second.eq_ignore_ascii_case(word.as_bytes());
    if is("USER") {
        let name = std::str::from_utf8(value).map_err(|_| missing("UTF-8"))?;
        return match name {
            "" => Err(missing("user name")),
            name => Ok(Some(Command::AuthInfoUser(name.to_owned()))),
        };
    }
    if is("PASS") {
        return match value {
            [] => Err(missing("password")),
            password => Ok(Some(Command::AuthInfoPass(Secret::new(password)))),
        };
    }
    if !is("SASL") {
        return Ok(None);
    }
    let value = value.trim_ascii();
    let (mechanism, initial) = split_word(value);
    if mechanism.is_empty() || !mechanism.iter().all(|octet| is_mechanism_octet(*octet)) {
        return Err(Malformed { offset: start + second_end + 1, expected: "mechanism" });
    }
    let initial = match initial {
        [] => None,
        initial => Some(base64(initial, end - initial.len())?),
    };
    let mechanism = String::from_utf8_lossy(mechanism).to_ascii_uppercase();
    Ok(Some(Command::AuthInfoSasl { mechanism, initial }))
}

fn list(first: &str, behind: &str, start: usize) -> std::result::Result<Command, Malformed> {
    let wrong = |expected| Malformed { offset: start, expected };
    let wildmat = || match behind {
        "" => Ok(None),
        text => Wildmat::new(text).map(Some).ok_or(wrong("wildmat")),
    };
    let upper = first.to_ascii_uppercase();
    Ok(Command::List(match upper.as_str() {
        "" | "ACTIVE" => List::Active(wildmat()?),
        "ACTIVE.TIMES" => List::ActiveTimes(wildmat()?),
        "COUNTS" => List::Counts(wildmat()?),
        "NEWSGROUPS" => List::Newsgroups(wildmat()?),
        "OVERVIEW.FMT" if behind.is_empty() => List::OverviewFmt,
        "HEADERS" if behind.is_empty() => List::Headers(None),
        "HEADERS" if is_word(behind) => List::Headers(Some(behind.to_ascii_uppercase())),
        "OVERVIEW.FMT" | "HEADERS" => return Err(wrong("CRLF")),
        _ if is_word(&upper) => List::Other(upper, behind.to_owned()),
        _ => return Err(wrong("keyword")),
    }))
}

/// The first word, and what follows the blanks behind it.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(is_blank).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let start = rest.iter().position(|octet| !is_blank(octet)).unwrap_or(rest.len());
    (word, &rest[start..])
}

fn is_blank(octet: &u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// `keyword = ALPHA 2*( ALPHA / DIGIT / "." / "-" )`
fn is_capability(text: &str) -> bool {
    let is_octet = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-');
    text.len() >= 3
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(is_octet)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| (0x21..0x7f).contains(&octet))
}

/// RFC 4422 section 3.1.
fn is_mechanism_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')
}

fn has_line_end(octets: &[u8]) -> bool {
    memchr::memchr3(b'\r', b'\n', 0, octets).is_some()
}

fn has_blank_at_end(text: &str) -> bool {
    text.starts_with([' ', '\t']) || text.ends_with([' ', '\t'])
}

fn keyword(word: &str) -> std::result::Result<&str, Unencodable> {
    let is_upper = !word.bytes().any(|octet| octet.is_ascii_lowercase());
    if is_word(word) && is_upper { Ok(word) } else { Err(Unencodable { what: "keyword" }) }
}

fn token(text: &str) -> std::result::Result<&str, Unencodable> {
    if has_line_end(text.as_bytes()) { Err(Unencodable { what: "argument" }) } else { Ok(text) }
}

fn newsgroup(name: &str) -> std::result::Result<&str, Unencodable> {
    if is_newsgroup(name) { Ok(name) } else { Err(Unencodable { what: "newsgroup name" }) }
}

/// A header's name, or that of metadata, which begins with a colon.
fn header_name(name: &str) -> std::result::Result<&str, Unencodable> {
    let bare = name.strip_prefix(':').unwrap_or(name);
    let is_name = is_word(bare) && !bare.contains(':');
    if is_name { Ok(name) } else { Err(Unencodable { what: "header name" }) }
}

fn reference(article: &Article) -> std::result::Result<String, Unencodable> {
    match article {
        Article::Id(id) if !super::is_message_id(id.as_bytes()) => {
            Err(Unencodable { what: "message-id" })
        }
        article => Ok(article.to_string()),
    }
}

fn references(articles: &Articles) -> std::result::Result<String, Unencodable> {
    match articles {
        Articles::Id(id) if !super::is_message_id(id.as_bytes()) => {
            Err(Unencodable { what: "message-id" })
        }
        articles => Ok(articles.to_string()),
    }
}

#[cfg(test)]
mod tests;
