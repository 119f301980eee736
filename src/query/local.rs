//! Facts of messages: one that lies here whole, and one of which pieces come one by one.

use std::cell::Cell;

use jiff::Timestamp;

use super::ast::Expr;
use super::eval::{Facts, Known, Need, Verdict, eval};
use crate::message::facts::{self, Header, PartFacts};

/// What a source keeps beside a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Flags as IMAP spells them; `None` where the source keeps none.
    pub flags: Option<Vec<String>>,
    /// The size in octets, every line with CRLF.
    pub size: Option<u64>,
    /// The octets that are stored, whose lines may end in LF alone; `None` where the size is
    /// known, or nothing.
    pub stored: Option<u64>,
    /// When it arrived.
    pub received: Option<Timestamp>,
    /// When it was put into its folder (RFC 8514); `None` where that is not kept.
    pub saved: Option<Timestamp>,
    /// Its UID.
    pub uid: Option<u32>,
    /// Its folder, `/` between levels.
    pub folder: Option<String>,
    /// Its account.
    pub account: Option<String>,
    /// The id that its server gives its thread.
    pub thread: Option<String>,
    /// Queries in Gmail's language that the server says it matches.
    pub gmail: Vec<String>,
}

impl Attributes {
    fn flag(&self, name: &str) -> Known<bool> {
        self.flags.as_ref().map_or(Known::Absent, |flags| {
            Known::Is(flags.iter().any(|flag| flag.eq_ignore_ascii_case(name)))
        })
    }

    fn any_flag(&self) -> Known<bool> {
        self.flags.as_ref().map_or(Known::Absent, |flags| Known::Is(!flags.is_empty()))
    }

    fn gmail(&self, query: &str) -> Known<bool> {
        Known::Is(self.gmail.iter().any(|matched| matched == query))
    }

    /// Not known yet where only the stored octets are.
    fn size(&self) -> Known<u64> {
        match (self.size, self.stored) {
            (Some(octets), _) => Known::Is(octets),
            (None, Some(_)) => Known::Unknown,
            (None, None) => Known::Absent,
        }
    }

    fn size_bounds(&self) -> Option<(u64, u64)> {
        self.stored.map(size_bounds)
    }
}

/// The size of a message of which so many octets are stored: at the most, each is an LF alone.
pub fn size_bounds(stored: u64) -> (u64, u64) {
    (stored, stored.saturating_mul(2))
}

fn known<T>(value: Option<T>) -> Known<T> {
    value.map_or(Known::Absent, Known::Is)
}

/// A message that lies here whole. It finds out only as much as the query needs: flags
/// and size first, then the header, then the parts, then their text.
#[derive(Debug)]
pub struct Local<'m> {
    attributes: Attributes,
    content: facts::Facts<'m>,
    allowed: Cell<Need>,
}

impl<'m> Local<'m> {
    /// A message and what its source keeps beside it.
    pub fn new(message: &'m [u8], attributes: Attributes) -> Local<'m> {
        Local {
            attributes,
            content: facts::Facts::new(message),
            allowed: Cell::new(Need::Attributes),
        }
    }

    /// The same, and text inside PDF, DOCX and ODT parts counts as text of the bodies.
    #[must_use]
    pub fn with_documents(mut self, with_documents: bool) -> Local<'m> {
        self.content = self.content.with_documents(with_documents);
        self
    }

    /// What is found out of the message's octets.
    pub fn content(&self) -> &facts::Facts<'m> {
        &self.content
    }

    /// What can be said about the query where no more than `most` is to be looked at, because
    /// no more of the message is there.
    pub fn answer(&self, expr: &Expr, most: Need) -> Verdict {
        loop {
            match eval(expr, self) {
                Verdict::Needs(need) if need > self.allowed.get() && need <= most => {
                    self.allowed.set(need);
                }
                verdict => return verdict,
            }
        }
    }

    /// Whether the query asks for this message.
    pub fn matches(&self, expr: &Expr) -> bool {
        loop {
            match eval(expr, self) {
                Verdict::Yes => return true,
                Verdict::No => return false,
                Verdict::Needs(need) if need > self.allowed.get() => self.allowed.set(need),
                // Everything is allowed that is asked for, and still it is not known.
                Verdict::Needs(_) => return false,
            }
        }
    }
}

impl Facts for Local<'_> {
    fn flag(&self, name: &str) -> Known<bool> {
        self.attributes.flag(name)
    }

    fn any_flag(&self) -> Known<bool> {
        self.attributes.any_flag()
    }

    fn size(&self) -> Known<u64> {
        match self.attributes.size {
            Some(octets) => Known::Is(octets),
            None if self.allowed.get() >= Need::Body => Known::Is(self.content.size()),
            None => Known::Unknown,
        }
    }

    fn size_bounds(&self) -> Option<(u64, u64)> {
        Some(self.attributes.size_bounds().unwrap_or((0, u64::MAX)))
    }

    fn received(&self) -> Known<Timestamp> {
        known(self.attributes.received)
    }

    fn saved(&self) -> Known<Timestamp> {
        known(self.attributes.saved.or(self.attributes.received))
    }

    fn uid(&self) -> Known<u32> {
        known(self.attributes.uid)
    }

    fn folder(&self) -> Known<&str> {
        known(self.attributes.folder.as_deref())
    }

    fn account(&self) -> Known<&str> {
        known(self.attributes.account.as_deref())
    }

    fn thread(&self) -> Known<&str> {
        known(self.attributes.thread.as_deref())
    }

    fn gmail(&self, query: &str) -> Known<bool> {
        self.attributes.gmail(query)
    }

    fn extra(&self, _number: u32) -> Known<bool> {
        Known::Absent
    }

    fn header(&self) -> Option<&Header> {
        (self.allowed.get() >= Need::Header).then(|| self.content.header())
    }

    fn parts(&self) -> Option<&[PartFacts]> {
        (self.allowed.get() >= Need::Structure).then(|| self.content.parts())
    }

    fn texts(&self) -> Option<&[String]> {
        (self.allowed.get() >= Need::Body).then(|| self.content.texts())
    }
}

/// A message of which pieces come one by one, as from a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gathered {
    /// What the source keeps beside it; `None` until it has been fetched.
    pub attributes: Option<Attributes>,
    /// Its header, once fetched.
    pub header: Option<Header>,
    /// Its parts, once fetched.
    pub parts: Option<Vec<PartFacts>>,
    /// The texts in it, once fetched.
    pub texts: Option<Vec<String>>,
    /// The answers to [`super::Term::Extra`], by number; a missing one counts as not known.
    pub extra: Vec<(u32, bool)>,
}

impl Gathered {
    fn attribute<'a, T>(&'a self, value: impl FnOnce(&'a Attributes) -> Known<T>) -> Known<T> {
        self.attributes.as_ref().map_or(Known::Unknown, value)
    }
}

impl Facts for Gathered {
    fn flag(&self, name: &str) -> Known<bool> {
        self.attribute(|attributes| attributes.flag(name))
    }

    fn any_flag(&self) -> Known<bool> {
        self.attribute(Attributes::any_flag)
    }

    fn size(&self) -> Known<u64> {
        self.attribute(Attributes::size)
    }

    fn size_bounds(&self) -> Option<(u64, u64)> {
        self.attributes.as_ref()?.size_bounds()
    }

    fn received(&self) -> Known<Timestamp> {
        self.attribute(|attributes| known(attributes.received))
    }

    fn saved(&self) -> Known<Timestamp> {
        self.attribute(|attributes| known(attributes.saved.or(attributes.received)))
    }

    fn uid(&self) -> Known<u32> {
        self.attribute(|attributes| known(attributes.uid))
    }

    fn folder(&self) -> Known<&str> {
        self.attribute(|attributes| known(attributes.folder.as_deref()))
    }

    fn account(&self) -> Known<&str> {
        self.attribute(|attributes| known(attributes.account.as_deref()))
    }

    fn thread(&self) -> Known<&str> {
        self.attribute(|attributes| known(attributes.thread.as_deref()))
    }

    fn gmail(&self, query: &str) -> Known<bool> {
        self.attribute(|attributes| attributes.gmail(query))
    }

    fn extra(&self, number: u32) -> Known<bool> {
        let found = self.extra.iter().find(|(other, _)| *other == number);
        found.map_or(Known::Unknown, |(_, is)| Known::Is(*is))
    }

    fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    fn parts(&self) -> Option<&[PartFacts]> {
        self.parts.as_deref()
    }

    fn texts(&self) -> Option<&[String]> {
        self.texts.as_deref()
    }
}
