//! SORT (RFC 5256 section 3), with display names (RFC 5957), by i;unicode-casemap (RFC 5051).

use std::cmp::Ordering;

use super::outcome::Outcome;
use super::search::Candidate;
use crate::base::date::Zoned;
use crate::imap::syntax::search::SortKey;
use crate::message::address::{Element, Parts};
use crate::message::structure::Envelope;
use crate::message::{casemap, thread, words};

/// What a message is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(i64),
    Text(String),
}

/// Puts messages in order; equal ones stay in the order of their numbers.
///
/// # Errors
/// BAD for RELEVANCY, which goes with FUZZY alone (RFC 6203).
pub(super) fn sort<'m>(
    found: Vec<Candidate<'m>>,
    criteria: &[(bool, SortKey)],
) -> Result<Vec<Candidate<'m>>, Outcome> {
    if criteria.iter().any(|(_, key)| *key == SortKey::Relevancy) {
        return Err(Outcome::bad("relevancy is not computed here"));
    }
    let needs_envelope = criteria
        .iter()
        .any(|(_, key)| !matches!(key, SortKey::Arrival | SortKey::Date | SortKey::Size));
    let mut keyed: Vec<(Vec<Value>, Candidate<'m>)> = found
        .into_iter()
        .map(|candidate| {
            let envelope = if needs_envelope {
                Envelope::from_header(candidate.facts.message())
            } else {
                Envelope::default()
            };
            let value = |(_, key): &(bool, SortKey)| value(&candidate, &envelope, *key);
            (criteria.iter().map(value).collect(), candidate)
        })
        .collect();
    keyed.sort_by(|(one, _), (other, _)| {
        let pairs = one.iter().zip(other).zip(criteria);
        pairs
            .map(|((one, other), (reverse, _))| {
                let order = one.cmp(other);
                if *reverse { order.reverse() } else { order }
            })
            .find(|order| *order != Ordering::Equal)
            .unwrap_or(Ordering::Equal)
    });
    Ok(keyed.into_iter().map(|(_, candidate)| candidate).collect())
}

fn value(candidate: &Candidate<'_>, envelope: &Envelope, key: SortKey) -> Value {
    match key {
        SortKey::Arrival => Value::Number(candidate.message.received.seconds),
        SortKey::Date => Value::Number(sent(candidate)),
        SortKey::Size => {
            Value::Number(i64::try_from(candidate.message.octets.len()).unwrap_or(i64::MAX))
        }
        SortKey::Cc => mailbox(&envelope.cc),
        SortKey::From => mailbox(&envelope.from),
        SortKey::To => mailbox(&envelope.to),
        SortKey::Subject => {
            let subject = envelope.subject.as_deref().map(words::decode).unwrap_or_default();
            Value::Text(casemap::key(&thread::base_subject(&subject)))
        }
        SortKey::DisplayFrom => display(&envelope.from),
        SortKey::DisplayTo => display(&envelope.to),
        // `sort` has refused it.
        SortKey::Relevancy => Value::Number(0),
    }
}

/// The sent date, or where there is none the internal date, in seconds since 1970 (RFC 5256
/// section 2.2).
pub(super) fn sent(candidate: &Candidate<'_>) -> i64 {
    let header = candidate.facts.header();
    let date = header.values("Date").find_map(|value| Zoned::parse_message(value.as_bytes()).ok());
    date.map_or(candidate.message.received.seconds, |date| date.seconds)
}

fn text(octets: &[u8]) -> String {
    casemap::key(&String::from_utf8_lossy(octets))
}

/// `addr-mailbox` of the first address: where a group comes first, its name.
fn mailbox(addresses: &[Element]) -> Value {
    Value::Text(match addresses.first() {
        Some(Element::Mailbox(parts)) => text(&parts.local),
        Some(Element::GroupStart(name)) => text(name),
        Some(Element::GroupEnd) | None => String::new(),
    })
}

/// The display sort value of the first address (RFC 5957 section 3).
fn display(addresses: &[Element]) -> Value {
    Value::Text(match addresses.first() {
        Some(Element::Mailbox(parts)) => {
            let name = parts.name.as_deref().map(words::decode).unwrap_or_default();
            if name.is_empty() { address(parts) } else { casemap::key(&name) }
        }
        Some(Element::GroupStart(name)) => casemap::key(&words::decode(name)),
        Some(Element::GroupEnd) | None => String::new(),
    })
}

fn address(parts: &Parts) -> String {
    match &parts.domain {
        Some(domain) => format!("{}@{}", text(&parts.local), text(domain)),
        None => text(&parts.local),
    }
}
