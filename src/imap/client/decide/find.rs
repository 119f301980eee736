//! The messages of one mailbox that a query asks for: the server's SEARCH first, and what it
//! leaves open by the facts of what it found, in as few round trips as its extensions allow
//! (ESEARCH, RFC 4731; SEARCHRES, RFC 5182).

use std::collections::{HashMap, HashSet};

use super::{Facts, Message, Unit, Wish, decide, first_needs, items};
use crate::imap::client::search::{Asking, Inquiry};
use crate::imap::client::{Client, Error};
use crate::imap::search_keys::{Asked, Manner, map};
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::search::{Key, Return};
use crate::imap::syntax::set::SequenceSet;
use crate::query::{Expr, Verdict, is_nothing};

/// Octets of a set of UIDs that is sent along with a search; a longer one is compared here.
const SET_OCTETS: usize = 600;

/// Messages that are decided at once.
const GROUP: usize = 2048;

/// Messages whose facts are kept when they come along with the answer to a search.
const ALONG: usize = 8192;

/// The set of these UIDs; `None`: it is too long to be sent along.
pub fn short_set(uids: &[u32]) -> Option<SequenceSet> {
    let set = SequenceSet::from_numbers(uids.iter().copied());
    (set.to_text().len() <= SET_OCTETS).then_some(set)
}

/// UIDs of the messages of the selected mailbox that a query asks for, ascending; of `only`,
/// which is sorted, where given. `again` is looked at here, whatever the server says. Terms about
/// folder and account are for the caller to answer before.
///
/// # Errors
/// [`Error::Refused`], and the connection's errors.
pub async fn find(
    client: &mut Client,
    expr: &Expr,
    again: &Expr,
    only: Option<&[u32]>,
    mut manner: Manner,
) -> Result<Vec<u32>, Error> {
    let Some(selected) = client.selected().filter(|selected| selected.exists > 0) else {
        return Ok(Vec::new());
    };
    if is_nothing(expr) {
        return Ok(Vec::new());
    }
    let mailbox = Mailbox(selected.mailbox.clone().into());
    let has =
        |name: &str| client.capabilities().has(name) || client.capabilities().has("IMAP4rev2");
    let (is_extended, saves) = (has("ESEARCH"), has("SEARCHRES"));
    let knows_saving = client.capabilities().has("SAVEDATE");
    let (rest, mut found, mut along) = loop {
        let mapping = map(expr, manner);
        let Asked::Keys(mut keys) = mapping.asked else { return Ok(Vec::new()) };
        let set = only.and_then(short_set);
        let is_whole = only.is_none() || set.is_some();
        keys.extend(set.map(Key::uids));
        let rest = Expr::And(vec![mapping.rest, again.clone()]);
        let needs = first_needs(&rest, Wish::Nothing);
        let items = items(&needs, &rest, Wish::Nothing, knows_saving);
        let is_along = is_extended && saves && is_whole && !items.is_empty();
        let inquiry = |question: Option<Key<'static>>, saves: bool| {
            let mut returns = if saves { vec![Return::Save] } else { Vec::new() };
            returns.extend(is_extended.then_some(Return::All));
            let keys = keys.iter().cloned().chain(question).collect();
            Inquiry { keys, returns, criteria: Vec::new() }
        };
        let questions = mapping.questions.into_iter();
        let asking = Asking {
            mailbox: None,
            searches: std::iter::once(inquiry(None, is_along))
                .chain(questions.map(|question| inquiry(Some(question), false)))
                .collect(),
            fetches: if is_along { vec![SequenceSet::Saved] } else { Vec::new() },
            items,
            threads: false,
        };
        let mut along: HashMap<u32, Facts> = HashMap::new();
        let answer = client
            .flight(std::slice::from_ref(&asking), &mut |_, uid, fetch| {
                if along.len() < ALONG || along.contains_key(&uid) {
                    along.entry(uid).or_default().take(fetch);
                }
            })
            .await?
            .pop();
        let mut asked = asking.searches.iter().flat_map(|inquiry| &inquiry.keys);
        match answer {
            Some(Err(Error::Refused { .. })) if manner.utf8 && asked.any(Key::needs_charset) => {
                manner.utf8 = false;
            }
            Some(answered) => break (rest, answered?.results, along),
            None => return Ok(Vec::new()),
        }
    };
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let mut uids = found.remove(0).uids;
    if let Some(only) = only {
        uids.retain(|uid| only.binary_search(uid).is_ok());
    }
    let answers: Vec<HashSet<u32>> =
        found.into_iter().map(|found| found.uids.into_iter().collect()).collect();
    let mut right = Vec::new();
    for some in uids.chunks(GROUP) {
        let each = some.iter().map(|uid| {
            let mut message = Message::new(*uid, &rest, &answers);
            if let Some(facts) = along.remove(uid) {
                message.learn(facts, &rest);
            }
            message
        });
        let mut messages: Vec<Message> = each.collect();
        let mut units =
            [Unit { mailbox: &mailbox, expr: &rest, rest: &rest, messages: &mut messages }];
        decide(client, &mut units, Wish::Nothing, false).await?;
        let matching = messages.iter().filter(|message| message.verdict == Verdict::Yes);
        right.extend(matching.map(|message| message.uid));
    }
    Ok(right)
}
