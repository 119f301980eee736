//! Searches whose results are kept up to date (CONTEXT=SEARCH and CONTEXT=SORT, RFC 5267).

use std::borrow::Cow;

use super::outcome::Voice;
use super::search::{Candidate, Program};
use super::sort;
use super::view::Selected;
use crate::imap::syntax::fetch::Item;
use crate::imap::syntax::response::Data;
use crate::imap::syntax::search::{Esearch, SortKey, Update};
use crate::imap::syntax::set::SequenceSet;
use crate::store::memory::{Account, Shared};

/// Contexts that one session can have.
pub(super) const CONTEXTS: usize = 64;

/// A search that is being watched.
#[derive(Debug)]
pub(super) struct Context {
    /// Tag of its command.
    pub tag: Vec<u8>,
    /// Whether it is told in UIDs.
    pub uid: bool,
    /// Criteria of SORT; `None`: the order is the mailbox's.
    pub criteria: Option<Vec<(bool, SortKey)>>,
    /// What is looked for.
    pub program: Program,
    /// What is told of a new message that is found (RFC 5465 section 7).
    pub items: Vec<Item<'static>>,
    /// UIDs of the result as the client knows it, in its order.
    pub result: Vec<u32>,
}

impl Context {
    /// The result as it is now.
    fn now(&self, selected: &Selected, account: &Account) -> Vec<u32> {
        let Some(mailbox) = account.mailbox(selected.id) else { return Vec::new() };
        let found = self.program.run(selected, mailbox);
        let found = match &self.criteria {
            None => found,
            // The criteria have sorted before.
            Some(criteria) => sort::sort(found, criteria).unwrap_or_default(),
        };
        found.iter().map(|candidate: &Candidate<'_>| candidate.message.uid).collect()
    }

    /// What has to be said so that `result` becomes `now`.
    fn changes(&mut self, now: Vec<u32>, number: impl Fn(u32) -> u32) -> Vec<Update> {
        let mut removed = Vec::new();
        let mut added = Vec::new();
        let stays: std::collections::BTreeSet<u32> = now.iter().copied().collect();
        let mut place = 0;
        let mut kept = Vec::with_capacity(self.result.len());
        for uid in &self.result {
            if stays.contains(uid) {
                place += 1;
                kept.push(*uid);
            } else {
                removed.push((place + 1, number(*uid)));
            }
        }
        let mut before = kept.iter().copied().peekable();
        for (place, uid) in (1_u32..).zip(&now) {
            if before.next_if_eq(uid).is_none() {
                added.push((place, number(*uid)));
            }
        }
        self.result = now;
        let told = |changes: Vec<(u32, u32)>| -> Vec<(u32, SequenceSet)> {
            match self.criteria {
                // RFC 5267 section 4.3.3: the client knows the order.
                None => {
                    let mut numbers: Vec<u32> =
                        changes.into_iter().map(|(_, number)| number).collect();
                    numbers.sort_unstable();
                    vec![(0, SequenceSet::from_numbers(numbers))]
                }
                Some(_) => {
                    let single = |(place, number)| (place, SequenceSet::from_numbers([number]));
                    changes.into_iter().map(single).collect()
                }
            }
        };
        let mut updates = Vec::new();
        if !removed.is_empty() {
            updates.push(Update::Remove(told(removed)));
        }
        if !added.is_empty() {
            updates.push(Update::Add(told(added)));
        }
        updates
    }

    fn tell(&self, voice: &mut Voice, updates: Vec<Update>) {
        if updates.is_empty() {
            return;
        }
        voice.data(Data::Esearch(Esearch {
            tag: Some(Cow::Borrowed(&self.tag)),
            uid: self.uid,
            updates,
            ..Esearch::default()
        }));
    }
}

impl Selected {
    /// Says which results lose messages that are about to be told as expunged: their numbers
    /// are still valid.
    pub(super) fn tell_leaving(&mut self, voice: &mut Voice, gone: &[u32]) {
        let mut contexts = std::mem::take(&mut self.contexts);
        for context in &mut contexts {
            let left: Vec<u32> =
                context.result.iter().copied().filter(|uid| !gone.contains(uid)).collect();
            if left.len() < context.result.len() {
                let uid_told = context.uid;
                let updates = context.changes(left, |uid| self.named(uid, uid_told));
                context.tell(voice, updates);
            }
        }
        self.contexts = contexts;
    }

    /// Says how results have changed otherwise. A message that is gone and not yet told so
    /// stays in them.
    pub(super) fn tell_contexts(&mut self, voice: &mut Voice, account: &Shared) {
        if self.contexts.is_empty() {
            return;
        }
        let account = account.borrow();
        let mut contexts = std::mem::take(&mut self.contexts);
        for context in &mut contexts {
            let mut now = context.now(self, &account);
            if let Some(mailbox) = account.mailbox(self.id) {
                // Where an expunge waits to be told, its message keeps its place.
                for (at, uid) in context.result.iter().enumerate() {
                    if mailbox.message(*uid).is_none() && !now.contains(uid) {
                        now.insert(at.min(now.len()), *uid);
                    }
                }
            }
            let uid_told = context.uid;
            let updates = context.changes(now, |uid| self.named(uid, uid_told));
            context.tell(voice, updates);
        }
        self.contexts = contexts;
    }

    fn named(&self, uid: u32, as_uid: bool) -> u32 {
        match self.index_of(uid) {
            Some(index) if !as_uid => Self::number(index).0,
            _ => uid,
        }
    }
}
