//! Which of a server's extensions a search uses: what one folder is asked, so that no more is
//! asked than that server knows, and as much is left to it as can be.

use super::args::Sort;
use super::found::Results;
use super::server::{How, Session};
use crate::imap::client::Capabilities;
use crate::imap::client::decide;
use crate::imap::client::search::{Asking, Inquiry};
use crate::imap::search_keys::{Manner, Mapping};
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::search::{Field as In, Key, Return, SortKey, Word};
use crate::imap::syntax::set::SequenceSet;
use crate::query::Expr;

/// What a server with these capabilities can be asked.
pub(super) fn manner(capabilities: &Capabilities, how: How) -> Manner {
    Manner::of(capabilities, how.exact, how.fuzzy, how.now)
}

impl Session<'_> {
    /// What one folder is asked.
    pub(super) fn asking(
        &self,
        mailbox: &Mailbox<'static>,
        mut keys: Vec<Key<'static>>,
        mapping: &Mapping,
        results: &Results<'_>,
    ) -> Asking {
        let has = |name: &str| self.capabilities.has(name);
        let is_extended = has("ESEARCH") || has("IMAP4rev2");
        if let Some(set) = self.only.uids.as_deref().and_then(decide::short_set) {
            keys.push(Key::uids(set));
        }
        let is_final = mapping.rest == Expr::All && self.only.uids.is_none() && !self.how.verify;
        let criteria = if is_final { self.criteria() } else { Vec::new() };
        let window = results.wanted().filter(|_| is_final && has_windows(&self.capabilities));
        let mut fetches = Vec::new();
        let mut items = Vec::new();
        let returns = match window {
            _ if !criteria.is_empty() => match results.limit() {
                Some(limit) if has("ESORT") && (has("PARTIAL") || has("CONTEXT=SORT")) => {
                    vec![Return::Partial(1, i64::try_from(limit.max(1)).unwrap_or(i64::MAX))]
                }
                _ => Vec::new(),
            },
            _ if !is_extended => Vec::new(),
            _ if is_final && results.is_counting() => vec![Return::Count],
            Some(wanted) => {
                vec![Return::Partial(1, i64::try_from(wanted.max(1)).unwrap_or(i64::MAX))]
            }
            None => {
                let needs = if results.wanted().is_some() || self.only.uids.is_some() {
                    Vec::new()
                } else {
                    decide::first_needs(&mapping.rest, results.details().wish())
                };
                items =
                    decide::items(&needs, &mapping.rest, results.details().wish(), has("SAVEDATE"));
                match (has("SEARCHRES") || has("IMAP4rev2"))
                    && !items.is_empty()
                    && !self.how.verify
                {
                    true => {
                        fetches.push(SequenceSet::Saved);
                        vec![Return::Save, Return::All]
                    }
                    false => vec![Return::All],
                }
            }
        };
        let returns_all = if is_extended { vec![Return::All] } else { Vec::new() };
        let questions = mapping.questions.iter().map(|question| {
            let mut keys = keys.clone();
            keys.push(question.clone());
            Inquiry { keys, returns: returns_all.clone(), criteria: Vec::new() }
        });
        let questions: Vec<Inquiry> = questions.collect();
        let mut searches = vec![Inquiry { keys, returns, criteria }];
        searches.extend(questions);
        // Which of the messages that were named are there; to verify, all that are.
        if self.how.verify || self.only.uids.is_some() {
            let keys = match &self.only.uids {
                Some(uids) if !self.how.verify => decide::short_set(uids).map(Key::uids),
                _ => None,
            };
            let keys = vec![keys.unwrap_or(Key::Word(Word::All))];
            searches.push(Inquiry { keys, returns: returns_all, criteria: Vec::new() });
        }
        let mailbox = Some(mailbox.clone());
        Asking { mailbox, searches, fetches, items, threads: self.how.threads }
    }

    /// The order that the server can put a final answer in; empty: it is put in order here.
    pub(super) fn criteria(&self) -> Vec<(bool, SortKey)> {
        let has = |name: &str| self.capabilities.has(name);
        let key = match self.how.order {
            Some(Sort::Date) => (false, SortKey::Date),
            Some(Sort::DateDescending) => (true, SortKey::Date),
            Some(Sort::Subject) => (false, SortKey::Subject),
            Some(Sort::Size) => (false, SortKey::Size),
            Some(Sort::From) if has("SORT=DISPLAY") => (false, SortKey::DisplayFrom),
            Some(Sort::From | Sort::Relevance) | None => return Vec::new(),
        };
        if has("SORT") { vec![key] } else { Vec::new() }
    }
}

/// The one command that asks all folders (MULTISEARCH, RFC 7377): its mailboxes and what it asks.
/// It does where the server knows it, all are asked the same, and nothing is to come along with
/// the answer. Text of bodies is asked for one by one: there a server may understand it otherwise
/// (section 2.3).
pub(super) fn one_command(
    capabilities: &Capabilities,
    asking: &[Asking],
) -> Option<(Vec<Mailbox<'static>>, Inquiry)> {
    if !capabilities.has("MULTISEARCH") || asking.len() < 2 {
        return None;
    }
    let only = |asking: &Asking| match asking.searches.as_slice() {
        [one] if asking.fetches.is_empty() && !asking.threads => Some(one.clone()),
        _ => None,
    };
    let inquiry = asking.first().and_then(only)?;
    let is_plain = inquiry.criteria.is_empty()
        && matches!(inquiry.returns.as_slice(), [Return::All] | [Return::Count])
        && !inquiry.keys.iter().any(is_of_text);
    if !is_plain || !asking.iter().all(|other| only(other).as_ref() == Some(&inquiry)) {
        return None;
    }
    let mailboxes: Option<Vec<Mailbox<'static>>> =
        asking.iter().map(|asking| asking.mailbox.clone()).collect();
    mailboxes.map(|mailboxes| (mailboxes, inquiry))
}

/// Whether a key looks into the text of bodies.
pub(super) fn is_of_text(key: &Key<'_>) -> bool {
    match key {
        Key::Text(In::Body | In::Text, _) | Key::Fuzzy(_) => true,
        Key::Not(key) => is_of_text(key),
        Key::Or(one, other) => is_of_text(one) || is_of_text(other),
        Key::And(keys) => keys.iter().any(is_of_text),
        _ => false,
    }
}

/// Whether a search can be asked for the first of what it finds (RFC 9394, RFC 5267).
fn has_windows(capabilities: &Capabilities) -> bool {
    capabilities.has("PARTIAL") || capabilities.has("CONTEXT=SEARCH")
}
