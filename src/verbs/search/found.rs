//! What was found: a message with its details, and the orders of many.

mod results;

use std::cmp::Reverse;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::args::Sort;
use crate::imap::client::decide::Wish;
use crate::message::facts::Header;
use crate::message::thread::base_subject;
use crate::query::fold;

pub use results::Results;

/// Fields of the header that [`Found`] is made of.
const FIELDS: [&str; 3] = ["Date", "From", "Subject"];

/// The same, where messages are put into threads.
const THREAD_FIELDS: [&str; 6] =
    ["Date", "From", "Subject", "Message-ID", "References", "In-Reply-To"];

/// What is wanted of each message beside its reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Details {
    /// Nothing.
    None,
    /// What is shown of it: date, author, subject, flags, size.
    Shown,
    /// The same, and what it answers.
    Thread,
    /// The same as is shown, and how much of what is looked for is in it.
    Score,
}

impl Details {
    /// The same, as who asks a server is told.
    pub fn wish(self) -> Wish {
        match self {
            Details::None => Wish::Nothing,
            Details::Shown | Details::Thread => Wish::Fields(self.fields()),
            Details::Score => Wish::Score,
        }
    }

    /// The header fields that they are made of.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Details::None => &[],
            Details::Shown | Details::Score => &FIELDS,
            Details::Thread => &THREAD_FIELDS,
        }
    }
}

/// One message that the query asks for. What is not known is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Found {
    /// The message's reference, in text.
    pub reference: String,
    /// When it was sent, else when it arrived.
    #[serde(serialize_with = "rfc3339")]
    pub date: Option<Timestamp>,
    /// The From field, decoded.
    pub from: Option<String>,
    /// The Subject field, decoded.
    pub subject: Option<String>,
    /// Flags as IMAP spells them.
    pub flags: Option<Vec<String>>,
    /// Octets, every line with CRLF as servers count them; `None` where nobody asks for it and it
    /// is not known.
    pub size: Option<u64>,
    /// Its folder, `/` between levels.
    pub folder: Option<String>,
    /// Its UID, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Whose meaning body: and text: had: `server` or `exact`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_by: Option<&'static str>,
    /// How much of what is looked for is in it, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Its place in a thread, where threads were asked for.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub place: Option<ThreadPlace>,
    /// What happened to it, where the result is kept live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<&'static str>,
    /// Its Message-ID without angle brackets; not shown.
    #[serde(skip)]
    pub id: Option<String>,
    /// The ids of the messages that it answers, oldest first; not shown.
    #[serde(skip)]
    pub references: Vec<String>,
}

/// Where in a thread a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ThreadPlace {
    /// The number of its thread among those found, from 1.
    pub thread: usize,
    /// How many messages stand between it and the thread's first, which has 0.
    pub depth: usize,
    /// Whether the query asks for this message, and not only for another of its thread.
    pub matched: bool,
}

impl Found {
    /// Takes what a header tells.
    #[must_use]
    pub fn with_header(mut self, header: &Header, received: Option<Timestamp>) -> Found {
        self.date = header.date().or(received);
        self.from = header.value("From").map(str::to_owned);
        self.subject = header.subject().map(str::to_owned);
        self.id = header.message_id();
        self.references = header.references();
        self
    }

    /// The name of the first author, else the address.
    fn author(&self) -> String {
        let from = self.from.as_deref().unwrap_or_default();
        let named = from.split_once('<').map(|(name, _)| name.trim().trim_matches('"').trim());
        match named {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => address_of(from).to_owned(),
        }
    }
}

/// What stands between the first angle brackets, else the whole.
fn address_of(from: &str) -> &str {
    from.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(from, |(inner, _)| inner)
}

/// Puts messages in order; equal ones stay as they are.
pub fn arrange(list: &mut [Found], sort: Sort) {
    let text = |text: &str| fold(text).into_owned();
    match sort {
        Sort::Date => list.sort_by_key(|found| found.date),
        // What has no date comes last.
        Sort::DateDescending => list.sort_by_key(|found| Reverse(found.date)),
        Sort::From => list.sort_by_cached_key(|found| text(&found.author())),
        Sort::Subject => list
            .sort_by_cached_key(|found| base_subject(found.subject.as_deref().unwrap_or_default())),
        Sort::Size => list.sort_by_key(|found| found.size),
        // The best first, and of two that are as good the newer.
        Sort::Relevance => list.sort_by(|a, b| {
            let score = |found: &Found| found.score.unwrap_or_default();
            score(b).total_cmp(&score(a)).then(b.date.cmp(&a.date))
        }),
    }
}

/// RFC 3339 in universal time.
fn rfc3339<S: Serializer>(
    date: &Option<Timestamp>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    date.map(|date| date.to_string()).serialize(serializer)
}
