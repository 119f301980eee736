//! Whether a message is one that a query asks for, by what is known of it so far.
//!
//! The answer is yes, no, or what to fetch next: of everything that could decide, the
//! cheapest. The same code serves a local scan, a server's BODYSTRUCTURE, and the test
//! server; it asks a [`Facts`] and reads nothing itself.

use jiff::Timestamp;

use super::ast::{DateKeyword, DateTerm, Expr, Field, Has, Is, Term};
use super::pattern::{Pattern, fold};
use crate::message::facts::{Header, PartFacts};

/// What is to be known before a query can be answered, the cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// What the source keeps beside the message: flags, size, date of arrival.
    Attributes,
    /// The header.
    Header,
    /// What the parts are.
    Structure,
    /// The text of the parts.
    Body,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The message is asked for.
    Yes,
    /// It is not.
    No,
    /// That depends on this.
    Needs(Need),
}

/// One attribute of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<T> {
    /// It is this.
    Is(T),
    /// The message has none, or its source keeps none: no term that asks for it is true.
    Absent,
    /// It has not been fetched.
    Unknown,
}

/// What is known of one message. Everything that is not yet known is asked for at most by
/// a [`Verdict::Needs`]; an implementation that can find everything out by itself answers
/// always.
pub trait Facts {
    /// Whether a flag is set: `\Seen` or a keyword, in any case. [`Known::Absent`] means
    /// that the source keeps no flags, and counts as not set.
    fn flag(&self, name: &str) -> Known<bool>;
    /// Whether any keyword or flag is set.
    fn any_flag(&self) -> Known<bool>;
    /// The size in octets, every line with CRLF (RFC 9051 section 2.3.4), whatever line ends
    /// it is kept with.
    fn size(&self) -> Known<u64>;
    /// Between which sizes [`Facts::size`] lies, where only the whole of the message tells it;
    /// `None`: nothing is known of it.
    fn size_bounds(&self) -> Option<(u64, u64)> {
        None
    }
    /// When it arrived.
    fn received(&self) -> Known<Timestamp>;
    /// When it was put into its folder; where no such date is kept, when it arrived (RFC 8514
    /// section 4.3).
    fn saved(&self) -> Known<Timestamp> {
        self.received()
    }
    /// Its UID.
    fn uid(&self) -> Known<u32>;
    /// The folder that it is in, `/` between levels.
    fn folder(&self) -> Known<&str>;
    /// The account that it is in.
    fn account(&self) -> Known<&str>;
    /// The id that its server gives its thread (RFC 8474 THREADID, X-GM-THRID).
    fn thread(&self) -> Known<&str>;
    /// Whether Gmail says that it matches this query in Gmail's language.
    fn gmail(&self, query: &str) -> Known<bool>;
    /// The answer to a [`Term::Extra`].
    fn extra(&self, number: u32) -> Known<bool>;
    /// Its header; `None` when that has not been fetched.
    fn header(&self) -> Option<&Header>;
    /// Its parts; `None` when they have not been fetched.
    fn parts(&self) -> Option<&[PartFacts]>;
    /// The texts in it; `None` when they have not been fetched.
    fn texts(&self) -> Option<&[String]>;
}

/// Answers a query for one message.
pub fn eval(expr: &Expr, facts: &dyn Facts) -> Verdict {
    match expr {
        Expr::All => Verdict::Yes,
        Expr::And(list) => join(list, facts, Verdict::Yes, Verdict::No),
        Expr::Or(list) => join(list, facts, Verdict::No, Verdict::Yes),
        Expr::Not(inner) => match eval(inner, facts) {
            Verdict::Yes => Verdict::No,
            Verdict::No => Verdict::Yes,
            needs => needs,
        },
        Expr::Term(term) => self::term(term, facts),
    }
}

/// The answer of a list that is `empty` unless one of it is `decisive`.
fn join(list: &[Expr], facts: &dyn Facts, empty: Verdict, decisive: Verdict) -> Verdict {
    let mut cheapest: Option<Need> = None;
    for expr in list {
        match eval(expr, facts) {
            Verdict::Needs(need) => {
                cheapest = Some(cheapest.map_or(need, |other| other.min(need)));
            }
            verdict if verdict == decisive => return decisive,
            _ => {}
        }
    }
    cheapest.map_or(empty, Verdict::Needs)
}

fn yes_if(is: bool) -> Verdict {
    if is { Verdict::Yes } else { Verdict::No }
}

fn attribute<T>(known: Known<T>, test: impl FnOnce(T) -> bool) -> Verdict {
    match known {
        Known::Is(value) => yes_if(test(value)),
        Known::Absent => Verdict::No,
        Known::Unknown => Verdict::Needs(Need::Attributes),
    }
}

fn of_header(facts: &dyn Facts, test: impl FnOnce(&Header) -> bool) -> Verdict {
    facts.header().map_or(Verdict::Needs(Need::Header), |header| yes_if(test(header)))
}

fn of_parts(facts: &dyn Facts, test: impl Fn(&PartFacts) -> bool) -> Verdict {
    match facts.parts() {
        Some(parts) => yes_if(parts.iter().any(test)),
        None => Verdict::Needs(Need::Structure),
    }
}

/// Folders are compared by their whole name without regard to case; a star in the name
/// stands for anything.
fn is_folder(pattern: &Pattern, name: &str) -> bool {
    match pattern {
        Pattern::Text(wanted) => glob(&fold(wanted.as_str()), &fold(name)),
        other => other.matches(name),
    }
}

/// Whether the name is the pattern, in which `*` stands for any characters.
fn glob(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        match name.split_once(piece) {
            Some((_, after)) => name = after,
            None => return false,
        }
    }
    name.ends_with(last)
}

fn term(term: &Term, facts: &dyn Facts) -> Verdict {
    match term {
        Term::Match(field, pattern) => field_matches(*field, pattern, facts),
        Term::Header(name, pattern) => {
            of_header(facts, |header| header.values(name).any(|value| pattern.matches(value)))
        }
        Term::Has(has) => of_parts(facts, |part| has_kind(has, part)),
        Term::Is(is) => state(*is, facts),
        Term::Flag(flag) if flag == "*" => attribute(facts.any_flag(), |any| any),
        Term::Flag(flag) => attribute(facts.flag(flag), |set| set),
        Term::Date(date) => date_matches(date, facts),
        Term::Size(range) => match (facts.size(), facts.size_bounds()) {
            (Known::Unknown, Some(bounds)) => {
                range.contains_all(bounds).map_or(Verdict::Needs(Need::Body), yes_if)
            }
            (known, _) => attribute(known, |octets| range.contains(octets)),
        },
        Term::Uid(set) => attribute(facts.uid(), |uid| set.contains(uid)),
        Term::Thread(id) => in_thread(id, facts),
        Term::Gmail(query) => attribute(facts.gmail(query), |is| is),
        Term::Extra(number) => attribute(facts.extra(*number), |is| is),
    }
}

fn field_matches(field: Field, pattern: &Pattern, facts: &dyn Facts) -> Verdict {
    match field {
        Field::Folder => attribute(facts.folder(), |name| is_folder(pattern, name)),
        Field::Account => attribute(facts.account(), |name| is_folder(pattern, name)),
        Field::FileName => of_parts(facts, |part| {
            part.file_name.as_deref().is_some_and(|name| pattern.matches(name))
        }),
        Field::Type => of_parts(facts, |part| pattern.matches(&part.content_type)),
        Field::Charset => of_parts(facts, |part| {
            part.charset.as_deref().is_some_and(|name| pattern.matches(name))
        }),
        Field::Body => body(pattern, facts),
        Field::Text => {
            let in_header = of_header(facts, |header| {
                header.fields().any(|(name, value)| pattern.matches(&format!("{name}: {value}")))
            });
            if in_header == Verdict::No { body(pattern, facts) } else { in_header }
        }
        Field::Id => of_header(facts, |header| message_id(pattern, header)),
        Field::From | Field::To | Field::Cc | Field::Bcc | Field::Subject | Field::List => {
            let name = field.header_name().unwrap_or_default();
            of_header(facts, |header| header.values(name).any(|value| pattern.matches(value)))
        }
    }
}

fn body(pattern: &Pattern, facts: &dyn Facts) -> Verdict {
    match facts.texts() {
        Some(texts) => yes_if(texts.iter().any(|text| match pattern {
            Pattern::Present => !text.trim().is_empty(),
            _ => pattern.matches(text),
        })),
        None => Verdict::Needs(Need::Body),
    }
}

/// The whole id when the value stands in angle brackets, else a part of it.
fn message_id(pattern: &Pattern, header: &Header) -> bool {
    let Some(id) = header.message_id() else { return false };
    match pattern {
        Pattern::Text(wanted) => {
            let inner = wanted.as_str().strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
            match inner {
                Some(whole) => fold(whole) == fold(&id),
                None => pattern.matches(&id),
            }
        }
        _ => pattern.matches(&id),
    }
}

fn in_thread(wanted: &str, facts: &dyn Facts) -> Verdict {
    match facts.thread() {
        Known::Is(thread) if thread == wanted => return Verdict::Yes,
        Known::Unknown => return Verdict::Needs(Need::Attributes),
        Known::Is(_) | Known::Absent => {}
    }
    let inner = wanted.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(wanted);
    of_header(facts, |header| {
        header.message_id().is_some_and(|id| id == inner)
            || header.references().iter().any(|id| id == inner)
    })
}

fn date_matches(date: &DateTerm, facts: &dyn Facts) -> Verdict {
    if date.keyword.is_sent() {
        of_header(facts, |header| header.date().is_some_and(|sent| date.range.contains(sent)))
    } else if date.keyword == DateKeyword::Saved {
        attribute(facts.saved(), |saved| date.range.contains(saved))
    } else {
        attribute(facts.received(), |received| date.range.contains(received))
    }
}

fn state(is: Is, facts: &dyn Facts) -> Verdict {
    if let Some((flag, wanted)) = is.flag() {
        return match facts.flag(flag) {
            // No flags are kept: nothing has been read.
            Known::Absent => yes_if(!wanted),
            known => attribute(known, |set| set == wanted),
        };
    }
    of_parts(facts, |part| {
        let smime = part.content_type == "application/pkcs7-mime"
            || part.content_type == "application/x-pkcs7-mime";
        let signed_smime = part.smime_type.as_deref() == Some("signed-data");
        if is == Is::Signed {
            part.content_type == "multipart/signed" || (smime && signed_smime)
        } else {
            part.content_type == "multipart/encrypted"
                || part.content_type == "application/pgp-encrypted"
                || (smime && !signed_smime)
        }
    })
}

fn has_kind(has: &Has, part: &PartFacts) -> bool {
    if has.name == "attachment" {
        return is_attachment(part);
    }
    let by_type = has.types.iter().any(|kind| {
        if kind.ends_with('/') {
            part.content_type.starts_with(*kind)
        } else {
            part.content_type == *kind
        }
    });
    by_type
        || part.file_name.as_deref().is_some_and(|name| {
            let name = name.to_lowercase();
            has.extensions.iter().any(|extension| name.ends_with(*extension))
        })
}

/// What a person would call an attachment: a part that says so or has a file name, and
/// anything that is neither text nor an image nor what signatures and multiparts are made
/// of.
fn is_attachment(part: &PartFacts) -> bool {
    let kind = part.content_type.as_str();
    let machinery = kind.starts_with("multipart/")
        || kind == "application/pgp-signature"
        || kind == "application/pgp-encrypted"
        || kind.starts_with("application/pkcs7-")
        || kind.starts_with("application/x-pkcs7-");
    if machinery {
        return false;
    }
    part.attachment
        || part.file_name.is_some()
        || !(kind.starts_with("text/") || kind.starts_with("image/"))
}

#[cfg(test)]
mod tests;
