//! Which messages of the two sides are the same, found by their content: for a folder that
//! was never synchronised or whose ids became void, and for copies that were begun and not
//! recorded.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use async_trait::async_trait;

use super::diff::{Both, Side};
use super::digest::{Content, Digest, Digester};
use super::pair::Pair;
use super::state::Intent;
use crate::store::{Id, Meta, Result, Sink, What};

/// Keeps the digests of what passes, and nothing else.
#[derive(Default)]
struct Contents {
    open: Option<Digester>,
    found: Vec<(Id, Content)>,
}

#[async_trait(?Send)]
impl Sink for Contents {
    async fn begin(&mut self, _message: &Meta) -> Result<()> {
        self.open = Some(Digester::new());
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        if let Some(digester) = &mut self.open {
            digester.update(octets);
        }
        Ok(())
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        if let Some(digester) = self.open.take() {
            self.found.push((message.id.clone(), digester.finish()));
        }
        Ok(())
    }
}

/// The digests of messages of the selected folder, in the order of `ids`; a message that has
/// vanished is left out.
async fn contents(
    pair: &mut Pair,
    side: Side,
    ids: &[Id],
    what: &What,
) -> Result<Vec<(Id, Content)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sink = Contents::default();
    pair.store(side).read(ids, what, &mut sink).await?;
    let place: HashMap<&Id, usize> = ids.iter().enumerate().map(|(at, id)| (id, at)).collect();
    sink.found.sort_by_key(|(id, _)| place.get(id).copied());
    Ok(sink.found)
}

/// Pairs the messages of a folder that are on both sides. Headers decide where they have a
/// Message-ID and are there once on each side; else the whole message does. Both folders have
/// to be selected.
///
/// # Errors
/// The stores'.
pub async fn same(pair: &mut Pair, ids: &Both<Vec<Id>>) -> Result<Vec<Both<Id>>> {
    if ids.far.is_empty() || ids.near.is_empty() {
        return Ok(Vec::new());
    }
    let far = contents(pair, Side::Far, &ids.far, &What::Headers).await?;
    let near = contents(pair, Side::Near, &ids.near, &What::Headers).await?;
    let mut found = Vec::new();
    let mut doubtful: Both<Vec<Id>> = Both::default();
    let groups = groups(far, near, |content| (content.header, content.message_id.is_empty()));
    for ((_, is_nameless), group) in groups {
        match (group.far.as_slice(), group.near.as_slice(), is_nameless) {
            ([], _, _) | (_, [], _) => {}
            ([far], [near], false) => {
                found.push(Both { far: far.clone(), near: near.clone() });
            }
            _ => {
                doubtful.far.extend(group.far);
                doubtful.near.extend(group.near);
            }
        }
    }
    let far = contents(pair, Side::Far, &doubtful.far, &What::Whole).await?;
    let near = contents(pair, Side::Near, &doubtful.near, &What::Whole).await?;
    for (_, group) in self::groups(far, near, |content| content.whole) {
        let pairs = group.far.into_iter().zip(group.near);
        found.extend(pairs.map(|(far, near)| Both { far, near }));
    }
    Ok(found)
}

/// Messages by what they have in common, in the order in which far has them.
fn groups<K: Hash + Eq + Clone>(
    far: Vec<(Id, Content)>,
    near: Vec<(Id, Content)>,
    key: impl Fn(&Content) -> K,
) -> Vec<(K, Both<Vec<Id>>)> {
    let mut places: HashMap<K, usize> = HashMap::new();
    let mut groups: Vec<(K, Both<Vec<Id>>)> = Vec::new();
    for (side, messages) in [(Side::Far, far), (Side::Near, near)] {
        for (id, content) in messages {
            let key = key(&content);
            let at = *places.entry(key.clone()).or_insert(groups.len());
            if at == groups.len() {
                groups.push((key, Both::default()));
            }
            groups[at].1.of_mut(side).push(id);
        }
    }
    groups
}

/// Looks on one side for the copies that `intents` speak of, among `candidates`, which no
/// row names. A copy is found by its content; one that the target has confirmed also by its
/// Message-ID, as the target may have changed it. The place of the copy for each intent.
///
/// The folder has to be selected.
///
/// # Errors
/// The store's.
pub async fn copies(
    pair: &mut Pair,
    side: Side,
    intents: &[&Intent],
    candidates: &[Id],
) -> Result<Vec<Option<Id>>> {
    let mut places: Vec<Option<Id>> = vec![None; intents.len()];
    let lowest = intents.iter().map(|intent| intent.uid_next).min().unwrap_or(0);
    let possible: Vec<Id> = candidates.iter().filter(|id| !is_below(id, lowest)).cloned().collect();
    let found = contents(pair, side, &possible, &What::Whole).await?;
    let mut taken: HashSet<Id> = HashSet::new();
    let mut by_digest: HashMap<Digest, Vec<&Id>> = HashMap::new();
    for (id, content) in found.iter().rev() {
        by_digest.entry(content.whole).or_default().push(id);
    }
    for (intent, place) in intents.iter().zip(&mut places) {
        let Some(same) = by_digest.get_mut(&intent.digest) else { continue };
        let Some(at) = same.iter().rposition(|id| !is_below(id, intent.uid_next)) else { continue };
        let id = same.remove(at).clone();
        taken.insert(id.clone());
        *place = Some(id);
    }
    for (intent, place) in intents.iter().zip(&mut places) {
        if place.is_some() || !intent.stored || intent.message_id.is_empty() {
            continue;
        }
        let named = found.iter().find(|(id, content)| {
            content.message_id == intent.message_id
                && !is_below(id, intent.uid_next)
                && !taken.contains(id)
        });
        if let Some((id, _)) = named {
            taken.insert(id.clone());
            *place = Some(id.clone());
        }
    }
    Ok(places)
}

/// Whether a numeric id is below a UIDNEXT; other ids have no order.
fn is_below(id: &Id, uid_next: u32) -> bool {
    id.0.parse::<u32>().is_ok_and(|uid| uid < uid_next)
}
