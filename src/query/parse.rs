//! Text to syntax tree, with mistakes shown where they are.
//!
//! ```text
//! query       = [ alternatives ]
//! alternatives = conjunction *( "OR" conjunction )
//! conjunction = unary *( [ "AND" ] unary )
//! unary       = ( "NOT" / "-" ) unary / "(" alternatives ")" / term
//! term        = [ field ":" ] value
//! value       = DQUOTE text DQUOTE / "/" regex "/" / "*" / word
//! ```
//!
//! `AND`, `OR` and `NOT` are upper case. In a phrase `\"` and `\\` stand for `"` and `\`; in
//! a regular expression `\/` stands for `/`. A word ends at a blank or a parenthesis.

use std::fmt;

use super::ast::{DateKeyword, DateTerm, Expr, Field, Has, Is, SizeRange, Term, UidSet};
use super::pattern::Pattern;
use super::span::{self, Context, TimeRange};
use crate::base::limits::NESTING;
use crate::message::headers;

/// Words before a colon besides those of [`Field`] and [`DateKeyword`].
const KEYWORDS: [&str; 10] =
    ["header", "has", "is", "flag", "size", "larger", "smaller", "uid", "thread", "gm"];

/// A mistake in a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// Offset in octets of the first character that does not fit.
    pub offset: usize,
    /// How many octets from there are meant; 0 at the end of the query.
    pub length: usize,
    /// What is wrong there.
    pub mistake: Mistake,
    /// What was perhaps meant.
    pub nearest: Option<String>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// Something else should stand there.
    Expected(&'static str),
    /// The word before the colon is no field.
    UnknownField(String),
    /// The value is none of those that the field takes.
    UnknownValue(&'static str, String),
    /// The regular expression cannot be read, and why.
    Regex(String),
    /// Too many parentheses and negations inside each other.
    TooDeep,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.mistake {
            Mistake::Expected(what) => write!(f, "expected {what}")?,
            Mistake::UnknownField(name) => {
                write!(f, "there is no term {name}: (put the word in quotation marks to find it)")?;
            }
            Mistake::UnknownValue(field, value) => write!(f, "{field}: does not know {value}")?,
            Mistake::Regex(why) => write!(f, "{why}")?,
            Mistake::TooDeep => write!(f, "more than {NESTING} levels of nesting")?,
        }
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean {nearest}?"),
            None => Ok(()),
        }
    }
}

impl Error {
    /// The query on one line, a line of carets under the place, and the message.
    pub fn render(&self, query: &str) -> String {
        let line: String = query.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let chars = |text: Option<&str>| text.map_or(0, |text| text.chars().count());
        let before = chars(query.get(..self.offset));
        let marked = chars(query.get(self.offset..self.offset + self.length)).max(1);
        format!("{line}\n{}{}\n{self}", " ".repeat(before), "^".repeat(marked))
    }
}

/// Reads a query; an empty one is every message. Relative dates are resolved now.
///
/// # Errors
/// The first mistake, with its place and what was perhaps meant.
pub fn parse(text: &str, context: &Context) -> Result<Expr, Error> {
    let mut parser = Parser { text, at: 0, depth: 0, context };
    parser.blanks();
    if parser.rest().is_empty() {
        return Ok(Expr::All);
    }
    let expr = parser.alternatives()?;
    match parser.peek() {
        None => Ok(expr),
        Some(_) => {
            Err(parser.expected(parser.at, 1, "no closing parenthesis without an opening one"))
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    context: &'a Context,
}

/// A value as it was written.
enum Value {
    Present,
    Text(String),
    Regex(String),
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn expected(&self, offset: usize, length: usize, what: &'static str) -> Error {
        Error { offset, length, mistake: Mistake::Expected(what), nearest: None }
    }

    /// Takes the keyword if it stands here as a word of its own.
    fn keyword(&mut self, keyword: &str) -> bool {
        let Some(after) = self.rest().strip_prefix(keyword) else { return false };
        let ends = after.chars().next().is_none_or(|c| c.is_whitespace() || c == '(' || c == ')');
        if ends {
            self.at += keyword.len();
        }
        ends
    }

    fn alternatives(&mut self) -> Result<Expr, Error> {
        let mut list = vec![self.conjunction()?];
        while self.keyword("OR") {
            list.push(self.conjunction()?);
        }
        Ok(one_or(list, Expr::Or))
    }

    fn conjunction(&mut self) -> Result<Expr, Error> {
        let mut list = Vec::new();
        loop {
            self.blanks();
            let before = self.at;
            if self.keyword("AND") {
                if list.is_empty() {
                    return Err(self.expected(before, 3, "a term before AND"));
                }
                self.blanks();
                list.push(self.unary()?);
                continue;
            }
            let or = self.keyword("OR");
            self.at = before;
            if or || matches!(self.peek(), None | Some(')')) {
                break;
            }
            list.push(self.unary()?);
        }
        if list.is_empty() {
            let length = if self.keyword("OR") { 2 } else { usize::from(self.peek().is_some()) };
            let offset = if length == 2 { self.at - 2 } else { self.at };
            return Err(self.expected(offset, length, "a term"));
        }
        Ok(one_or(list, Expr::And))
    }

    fn deeper(&mut self, offset: usize) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > NESTING {
            return Err(Error { offset, length: 1, mistake: Mistake::TooDeep, nearest: None });
        }
        Ok(())
    }

    fn unary(&mut self) -> Result<Expr, Error> {
        self.blanks();
        let start = self.at;
        let not = if self.keyword("NOT") {
            true
        } else if self.peek() == Some('-') {
            self.at += 1;
            if self.peek().is_none_or(char::is_whitespace) {
                return Err(self.expected(start, 1, "a term right behind the minus sign"));
            }
            true
        } else {
            false
        };
        if not {
            self.deeper(start)?;
            let inner = self.unary()?;
            self.depth -= 1;
            return Ok(Expr::Not(Box::new(inner)));
        }
        match self.peek() {
            Some('(') => {
                self.deeper(start)?;
                self.at += 1;
                let inner = self.alternatives()?;
                self.depth -= 1;
                if self.peek() != Some(')') {
                    return Err(self.expected(start, 1, "a closing parenthesis for this one"));
                }
                self.at += 1;
                Ok(inner)
            }
            None => Err(self.expected(start, 0, "a term")),
            Some(')') => Err(self.expected(start, 1, "a term")),
            Some(_) => match self.word() {
                word @ ("AND" | "OR") => Err(self.expected(start, word.len(), "a term")),
                _ => self.term(),
            },
        }
    }

    /// The word at the current place: up to a blank or a parenthesis.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || c == '(' || c == ')');
        &rest[..end.unwrap_or(rest.len())]
    }

    fn term(&mut self) -> Result<Expr, Error> {
        let start = self.at;
        let word = self.word();
        if !word.starts_with(['"', '/'])
            && let Some((name, _)) = word.split_once(':')
            && !name.is_empty()
            && name.bytes().all(|octet| octet.is_ascii_alphabetic() || octet == b'-')
        {
            self.at += name.len() + 1;
            let term = self.field(start, &name.to_ascii_lowercase())?;
            return Ok(Expr::Term(term));
        }
        Ok(match self.value("a term")? {
            Value::Present => Expr::All,
            value => Expr::Term(Term::Match(Field::Text, self.pattern(start, value)?)),
        })
    }

    /// Reads the value behind the colon of a field.
    fn field(&mut self, start: usize, name: &str) -> Result<Term, Error> {
        if let Some(field) = Field::ALL.into_iter().find(|field| field.name() == name) {
            let at = self.at;
            let mut value = self.value("a value behind the colon")?;
            // A media type's range is the beginning of all that are in it (RFC 9110, 12.5.1).
            if let (Field::Type, Value::Text(text)) = (field, &mut value)
                && text.len() > 2
                && text.ends_with("/*")
            {
                text.pop();
            }
            return Ok(Term::Match(field, self.pattern(at, value)?));
        }
        if let Some(keyword) = DateKeyword::ALL.into_iter().find(|word| word.name() == name) {
            return self.date(keyword);
        }
        match name {
            "header" => self.header(),
            "has" => {
                let (at, word) = self.plain_word("a kind of content")?;
                let names = || Has::all().iter().map(|kind| kind.name);
                Has::from_name(&word)
                    .map(Term::Has)
                    .ok_or_else(|| unknown(at, "has", &word, names()))
            }
            "is" => {
                let (at, word) = self.plain_word("a state")?;
                let found = Is::ALL.into_iter().find(|is| is.name().eq_ignore_ascii_case(&word));
                let names = || Is::ALL.into_iter().map(Is::name);
                found.map(Term::Is).ok_or_else(|| unknown(at, "is", &word, names()))
            }
            "flag" => Ok(Term::Flag(self.plain_word("a flag")?.1)),
            "thread" => Ok(Term::Thread(self.plain_word("a message id")?.1)),
            "gm" => Ok(Term::Gmail(self.plain_word("a query in Gmail's language")?.1)),
            "uid" => self.uids(),
            "size" | "larger" | "smaller" => self.size(name),
            _ => Err(Error {
                offset: start,
                length: name.len() + 1,
                mistake: Mistake::UnknownField(name.to_owned()),
                nearest: nearest(name, field_names()).map(|name| format!("{name}:")),
            }),
        }
    }

    /// `NAME ":" value` of `header:`.
    fn header(&mut self) -> Result<Term, Error> {
        let start = self.at;
        let word = self.word();
        let Some((name, _)) = word.split_once(':') else {
            let what = "a field name, a colon and a value, as in header:X-Spam:yes";
            return Err(self.expected(start, word.len(), what));
        };
        if !headers::is_name(name) {
            return Err(self.expected(start, name.len(), "the name of a header field"));
        }
        self.at += name.len() + 1;
        let at = self.at;
        let value = self.value("a value behind the colon")?;
        Ok(Term::Header(name.to_owned(), self.pattern(at, value)?))
    }

    fn date(&mut self, keyword: DateKeyword) -> Result<Term, Error> {
        const WANTED: &str =
            "a date such as 2026-03-31, 2026-03, yesterday, or a span such as 7d 2w 3m 1y";
        let (at, text) = self.plain_word(WANTED)?;
        let wrong = |what| Error {
            offset: at,
            length: self.at - at,
            mistake: Mistake::Expected(what),
            nearest: None,
        };
        let range = match keyword {
            DateKeyword::Date | DateKeyword::On | DateKeyword::Saved => {
                match span::range(&text, self.context) {
                    Some(range) => range,
                    None => {
                        let is_read = |text: &str| span::moment(text, self.context).is_some();
                        return Err(self.wrong_range(at, &text, WANTED, &is_read));
                    }
                }
            }
            _ => {
                if text.contains("..") {
                    return Err(wrong("one date: ranges are for date:, on: and saved:"));
                }
                let moment = span::moment(&text, self.context).ok_or_else(|| wrong(WANTED))?;
                match keyword {
                    DateKeyword::Since => TimeRange { from: Some(moment.start), until: None },
                    DateKeyword::Newer => TimeRange { from: Some(moment.exact), until: None },
                    DateKeyword::Older => TimeRange { from: None, until: Some(moment.exact) },
                    _ => TimeRange { from: None, until: Some(moment.start) },
                }
            }
        };
        Ok(Term::Date(DateTerm { keyword, text, range }))
    }

    /// What is wrong with `A..B`, `A..`, `..B` or `A`, where `is_read` knows what A and B may be.
    fn wrong_range(
        &self,
        at: usize,
        text: &str,
        wanted: &'static str,
        is_read: &dyn Fn(&str) -> bool,
    ) -> Error {
        let Some((first, last)) = text.split_once("..") else {
            return self.expected(at, self.at - at, wanted);
        };
        // In quotation marks the places are not those of the text.
        let is_plain = self.text.get(at..self.at) == Some(text);
        let place = |from: usize, piece: &str| match is_plain {
            true => (at + from, piece.len()),
            false => (at, self.at - at),
        };
        let ((offset, length), what) = if first.is_empty() && last.is_empty() {
            (place(0, text), "an end on one side of the dots at least")
        } else if !first.is_empty() && !is_read(first) {
            (place(0, first), wanted)
        } else if !last.is_empty() && !is_read(last) {
            (place(first.len() + 2, last), wanted)
        } else {
            (place(0, text), "a range that does not end before it begins")
        };
        self.expected(offset, length, what)
    }

    fn size(&mut self, name: &str) -> Result<Term, Error> {
        const WANTED: &str = "a size in octets such as 500k or 2M";
        let (at, text) = self.plain_word(WANTED)?;
        let wrong = || Error {
            offset: at,
            length: self.at - at,
            mistake: Mistake::Expected(WANTED),
            nearest: None,
        };
        let octets = |text: &str| span::size(text).ok_or_else(wrong);
        let above = |text: &str| octets(text)?.checked_add(1).ok_or_else(wrong);
        let below = |text: &str| octets(text)?.checked_sub(1).ok_or_else(wrong);
        let range = match name {
            "larger" => SizeRange { least: Some(above(&text)?), most: None },
            "smaller" => SizeRange { least: None, most: Some(below(&text)?) },
            _ => {
                if let Some(text) = text.strip_prefix(">=") {
                    SizeRange { least: Some(octets(text)?), most: None }
                } else if let Some(text) = text.strip_prefix("<=") {
                    SizeRange { least: None, most: Some(octets(text)?) }
                } else if let Some(text) = text.strip_prefix('>') {
                    SizeRange { least: Some(above(text)?), most: None }
                } else if let Some(text) = text.strip_prefix('<') {
                    SizeRange { least: None, most: Some(below(text)?) }
                } else {
                    let (first, last) =
                        text.split_once("..").unwrap_or((text.as_str(), text.as_str()));
                    let wrong = || {
                        let is_read = |text: &str| span::size(text).is_some();
                        self.wrong_range(at, &text, WANTED, &is_read)
                    };
                    let bound = |text: &str| match text {
                        "" => Ok(None),
                        _ => span::size(text).ok_or_else(wrong).map(Some),
                    };
                    let (least, most) = (bound(first)?, bound(last)?);
                    let open = least.is_none() && most.is_none();
                    if open || least.zip(most).is_some_and(|(least, most)| least > most) {
                        return Err(wrong());
                    }
                    SizeRange { least, most }
                }
            }
        };
        Ok(Term::Size(range))
    }

    fn uids(&mut self) -> Result<Term, Error> {
        const WANTED: &str = "UIDs such as 7, 1:9 or 3,5,10:*";
        let (at, text) = self.plain_word(WANTED)?;
        let number = |text: &str| match text {
            "*" => Some(u32::MAX),
            _ if text.bytes().all(|octet| octet.is_ascii_digit()) => {
                text.parse::<u32>().ok().filter(|number| *number > 0)
            }
            _ => None,
        };
        let mut set = Vec::new();
        for piece in text.split(',') {
            let (first, last) = piece.split_once(':').unwrap_or((piece, piece));
            match (number(first), number(last)) {
                (Some(first), Some(last)) => set.push((first.min(last), first.max(last))),
                _ => {
                    return Err(self.expected(at, self.at - at, WANTED));
                }
            }
        }
        Ok(Term::Uid(UidSet(set)))
    }

    /// A value that is a word or a phrase, and where it begins. Here a star is a star.
    fn plain_word(&mut self, what: &'static str) -> Result<(usize, String), Error> {
        let at = self.at;
        if self.peek() != Some('"') {
            let word = self.word();
            if word.is_empty() {
                return Err(self.expected(at, usize::from(self.peek().is_some()), what));
            }
            self.at += word.len();
            return Ok((at, word.to_owned()));
        }
        match self.value(what)? {
            Value::Text(text) => Ok((at, text)),
            Value::Present | Value::Regex(_) => Err(self.expected(at, self.at - at, what)),
        }
    }

    fn value(&mut self, what: &'static str) -> Result<Value, Error> {
        let start = self.at;
        let value = match self.peek() {
            Some('"') => Value::Text(self.enclosed('"')?),
            Some('/') => Value::Regex(self.enclosed('/')?),
            _ => {
                let word = self.word();
                if word.is_empty() {
                    let length = usize::from(self.peek().is_some_and(|c| !c.is_whitespace()));
                    return Err(self.expected(start, length, what));
                }
                self.at += word.len();
                return Ok(if word == "*" { Value::Present } else { Value::Text(word.to_owned()) });
            }
        };
        match self.peek() {
            None | Some('(' | ')') => Ok(value),
            Some(c) if c.is_whitespace() => Ok(value),
            Some(c) => Err(self.expected(self.at, c.len_utf8(), "a blank")),
        }
    }

    /// Reads up to the closing mark. A backslash takes the special meaning from the mark; in
    /// a phrase from itself too, in a regular expression it stays with what it escapes.
    fn enclosed(&mut self, mark: char) -> Result<String, Error> {
        let start = self.at;
        let mut out = String::new();
        let mut chars = self.text[start + 1..].char_indices();
        while let Some((offset, c)) = chars.next() {
            if c == mark {
                self.at = start + 1 + offset + 1;
                return Ok(out);
            }
            if c != '\\' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some((_, escaped)) if escaped == mark => out.push(mark),
                Some((_, '\\')) if mark == '"' => out.push('\\'),
                Some((_, other)) => out.extend(['\\', other]),
                None => out.push('\\'),
            }
        }
        let what = match mark {
            '"' => "a closing quotation mark for this one",
            _ => "a slash at the end of this regular expression",
        };
        Err(self.expected(start, 1, what))
    }

    fn pattern(&self, at: usize, value: Value) -> Result<Pattern, Error> {
        match value {
            Value::Present => Ok(Pattern::Present),
            Value::Text(text) => Ok(Pattern::text(text)),
            Value::Regex(source) => Pattern::regex(&source).map_err(|error| Error {
                offset: at,
                length: self.at - at,
                mistake: Mistake::Regex(last_line(&error.to_string())),
                nearest: None,
            }),
        }
    }
}

/// The regex crate explains itself over several lines, with the reason in the last.
fn last_line(text: &str) -> String {
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    format!("regular expression: {}", line.trim().trim_start_matches("error: "))
}

fn one_or(mut list: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    match list.pop() {
        Some(only) if list.is_empty() => only,
        Some(last) => {
            list.push(last);
            join(list)
        }
        None => join(list),
    }
}

fn field_names() -> impl Iterator<Item = &'static str> {
    let fields = Field::ALL.into_iter().map(Field::name);
    fields.chain(DateKeyword::ALL.into_iter().map(DateKeyword::name)).chain(KEYWORDS)
}

fn unknown(
    offset: usize,
    field: &'static str,
    value: &str,
    known: impl Iterator<Item = &'static str>,
) -> Error {
    Error {
        offset,
        length: value.len(),
        mistake: Mistake::UnknownValue(field, value.to_owned()),
        nearest: nearest(&value.to_lowercase(), known).map(|name| format!("{field}:{name}")),
    }
}

/// The known word that is fewest edits away, when that is not too many.
fn nearest(word: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let allowed = (word.len() / 3).clamp(1, 3);
    known
        .map(|name| (edits(word, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Insertions, deletions, replacements, and exchanges of neighbours that make one word the
/// other; words longer than any of ours are far from all.
fn edits(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() > 32 || other.len() > 32 {
        return usize::MAX;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, a) in one.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, b) in other.iter().enumerate() {
            let replaced = last[column] + usize::from(a != b);
            let mut best = replaced.min(last[column + 1] + 1).min(line[column] + 1);
            let exchanged = row > 0 && column > 0 && *a == other[column - 1] && one[row - 1] == *b;
            if exchanged {
                best = best.min(before_last[column - 1] + 1);
            }
            line.push(best);
        }
        before_last = std::mem::replace(&mut last, line);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests;
