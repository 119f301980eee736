//! Which messages of the two sides are the same, found by their content: for a folder that
//! was never synchronised or whose ids became void, and for copies that were begun and not
//! recorded.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use async_trait::async_trait;

use super::diff::{Both, Side};
use super::digest::{Content, Digest, Digester};
use super::pair::{Pair, Seat};
use super::state::{Intent, Marks};
use crate::store::maildir;
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
///
/// # Errors
/// The store's.
pub async fn contents(seat: &mut Seat, ids: &[Id], what: &What) -> Result<Vec<(Id, Content)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sink = Contents::default();
    seat.store().read(ids, what, &mut sink).await?;
    let place: HashMap<&Id, usize> = ids.iter().enumerate().map(|(at, id)| (id, at)).collect();
    sink.found.sort_by_key(|(id, _)| place.get(id).copied());
    Ok(sink.found)
}

/// Messages of the two sides that are the same, and those of which nobody can say it.
#[derive(Debug, Default)]
pub struct Same {
    /// Both ids of each, and what was learnt of its content.
    pub pairs: Vec<(Both<Id>, Marks)>,
    /// Those that have one Message-ID, and are not the same.
    pub contradictions: Vec<Both<Id>>,
}

/// Pairs the messages of a folder that are on both sides. Where one of the two was bound to the
/// other before (`was_known`) their headers decide, if they have a Message-ID and are there once
/// on each side; else the whole message does: a deletion follows what is bound, so that a draft
/// beside its earlier draft must not pass for the same. Both folders have to be selected.
///
/// # Errors
/// The stores'.
pub async fn same(
    pair: &mut Pair,
    ids: &Both<Vec<Id>>,
    was_known: impl Fn(&Id, &Id) -> bool,
) -> Result<Same> {
    let mut same = Same::default();
    if ids.far.is_empty() || ids.near.is_empty() {
        return Ok(same);
    }
    let (one, other) = pair.split(Side::Far);
    let (far, near) = tokio::try_join!(
        contents(one, &ids.far, &What::Headers),
        contents(other, &ids.near, &What::Headers)
    )?;
    let mut named: HashMap<String, Both<Vec<Id>>> = HashMap::new();
    let mut doubtful: Both<Vec<Id>> = Both::default();
    let mut headers: HashMap<Id, Digest> = HashMap::new();
    for (side, found) in [(Side::Far, &far), (Side::Near, &near)] {
        for (id, content) in found.iter().filter(|(_, content)| !content.message_id.is_empty()) {
            let name = content.message_id.clone();
            named.entry(name).or_default().of_mut(side).push(id.clone());
        }
    }
    let groups = groups(far, near, |content| (content.header, content.message_id.is_empty()));
    for ((header, is_nameless), group) in groups {
        match (group.far.as_slice(), group.near.as_slice(), is_nameless) {
            ([], _, _) | (_, [], _) => {}
            ([far], [near], false) if was_known(far, near) => {
                let ids = Both { far: far.clone(), near: near.clone() };
                same.pairs.push((ids, Marks { header: Some(header), whole: None }));
            }
            _ => {
                headers.extend(group.far.iter().map(|id| (id.clone(), header)));
                doubtful.far.extend(group.far);
                doubtful.near.extend(group.near);
            }
        }
    }
    let (one, other) = pair.split(Side::Far);
    let (far, near) = tokio::try_join!(
        contents(one, &doubtful.far, &What::Whole),
        contents(other, &doubtful.near, &What::Whole)
    )?;
    for (whole, group) in self::groups(far, near, |content| content.whole) {
        for (far, near) in group.far.into_iter().zip(group.near) {
            let header = headers.get(&far).copied();
            same.pairs.push((Both { far, near }, Marks { header, whole: Some(whole) }));
        }
    }
    let paired: Both<HashSet<&Id>> = Both {
        far: same.pairs.iter().map(|(ids, _)| &ids.far).collect(),
        near: same.pairs.iter().map(|(ids, _)| &ids.near).collect(),
    };
    for group in named.into_values() {
        let left =
            |side: Side| group.of(side).iter().find(|id| !paired.of(side).contains(id)).cloned();
        if let (Some(far), Some(near)) = (left(Side::Far), left(Side::Near)) {
            same.contradictions.push(Both { far, near });
        }
    }
    Ok(same)
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
/// row names. A copy is found by the token in its name, else by its content; one that the
/// target has confirmed also by its Message-ID, as the target may have changed it. The place
/// of the copy for each intent.
///
/// The folder has to be selected.
///
/// # Errors
/// The store's.
pub async fn copies(
    seat: &mut Seat,
    intents: &[&Intent],
    candidates: &[Id],
) -> Result<Vec<Option<Id>>> {
    let mut places: Vec<Option<Id>> = vec![None; intents.len()];
    let mut taken: HashSet<Id> = HashSet::new();
    let by_token: HashMap<&str, &Id> =
        candidates.iter().filter_map(|id| Some((maildir::token(id)?, id))).collect();
    for (intent, place) in intents.iter().zip(&mut places) {
        if let Some(id) = intent.token().and_then(|token| by_token.get(token.as_str()).copied()) {
            taken.insert(id.clone());
            *place = Some(id.clone());
        }
    }
    let left = intents.iter().zip(&places).filter(|(_, place)| place.is_none());
    let Some(lowest) = left.map(|(intent, _)| intent.uid_next).min() else { return Ok(places) };
    let possible: Vec<Id> = candidates
        .iter()
        .filter(|id| !is_below(id, lowest) && !taken.contains(*id))
        .cloned()
        .collect();
    let found = contents(seat, &possible, &What::Whole).await?;
    let mut by_digest: HashMap<Digest, Vec<&Id>> = HashMap::new();
    for (id, content) in found.iter().rev() {
        by_digest.entry(content.whole).or_default().push(id);
    }
    for (intent, place) in intents.iter().zip(&mut places) {
        if place.is_some() {
            continue;
        }
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
