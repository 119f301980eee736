//! Looks at one folder on both sides, and says what has to be done in it. Nothing is changed
//! here, neither in a store nor in the state.

use std::collections::{HashMap, HashSet};

use super::diff::{Action, Both, Mode, Outcome, Picture, Row, Side, diff};
use super::find;
use super::pair::Pair;
use super::state::{Intent, Keyword, KnownFolder, Opening, State};
use crate::store::{Flag, Flags, Folder, Id, Since, Status};

/// A folder to look at.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name in the state.
    pub name: String,
    /// Its name on each side.
    pub names: Both<String>,
    /// What each side's listing says; `None`: it is not there.
    pub listed: Both<Option<Folder>>,
    /// What is known of it.
    pub known: Option<KnownFolder>,
}

/// What has to be done in one folder.
#[derive(Debug)]
pub struct FolderPlan {
    /// Its name in the state.
    pub name: String,
    /// Its name on each side.
    pub names: Both<String>,
    /// What is known of it.
    pub known: Option<KnownFolder>,
    /// How each side stands; `None`: it has to be created, or stays away.
    pub status: Both<Option<Status>>,
    /// What was known, of which the actions speak by place.
    pub rows: Vec<Row>,
    /// What has to be written before anything is changed.
    pub opening: Opening,
    /// What to do.
    pub outcome: Outcome,
    /// Sizes as announced, where they were.
    pub sizes: Both<HashMap<Id, u64>>,
    /// Messages on each side.
    pub messages: Both<usize>,
    /// Known messages that are gone from each side.
    pub missing: Both<usize>,
    /// Copies that were made but cannot be found, by their ids at the source.
    pub lost: Vec<(Side, Id)>,
    /// Messages of which no row knew.
    pub unknown: Both<Vec<Id>>,
    /// Messages that the run has put there.
    pub taken: Both<Vec<Id>>,
    /// Places of rows whose messages leave the near side, and stay far.
    pub expired: Vec<usize>,
}

/// What was seen of one side.
#[derive(Default)]
struct Seen {
    status: Option<Status>,
    picture: Picture,
    sizes: HashMap<Id, u64>,
    /// The ids are of another generation than those known.
    is_new_generation: bool,
    /// The messages that the store spoke of; `None`: all. Of the others it is only known
    /// that nothing has changed.
    told: Option<HashSet<Id>>,
    /// The store has a history (mod-sequences), and what it says of deletions is no guess.
    has_history: bool,
}

impl Seen {
    fn was_told_of(&self, id: &Id) -> bool {
        self.told.as_ref().is_none_or(|told| told.contains(id))
    }
}

/// Looks. `writable` says that the run will change something, so that folders can be
/// selected for it at once.
///
/// # Errors
/// The stores', and the state's.
pub async fn scan(
    pair: &mut Pair,
    state: &State,
    wanted: &Wanted,
    mode: Mode,
    writable: bool,
) -> anyhow::Result<FolderPlan> {
    let known = wanted.known.as_ref();
    let mut rows = known.map_or(Ok(Vec::new()), |known| state.rows(known.key))?;
    let intents = known.map_or(Ok(Vec::new()), |known| state.intents(known.key))?;
    let (refused, unconfirmed) =
        known.map_or(Ok(Default::default()), |known| state.keywords(known.key))?;
    let mut seen: Both<Seen> = Both::default();
    for side in Side::BOTH {
        let writable = writable && mode.changes(side);
        // With copies to look for, the listing's word that nothing changed is not enough.
        *seen.of_mut(side) = look(pair, wanted, side, &rows, writable, intents.is_empty()).await?;
    }
    let mut opening = Opening::default();
    let lost = if seen.far.is_new_generation || seen.near.is_new_generation {
        // The ids in intents are void too; their copies are found by content like all others.
        opening.dropped_intents = intents.iter().filter_map(|intent| intent.key).collect();
        void_generations(&mut rows, &seen, &mut opening);
        Vec::new()
    } else {
        take_up(pair, wanted, &intents, &mut rows, &seen, &mut opening).await?
    };
    if known.is_none() || seen.far.is_new_generation || seen.near.is_new_generation {
        pair_up(pair, wanted, &mut rows, &seen, &mut opening).await?;
    }
    // Rows whose ids became void and were not found again.
    let was_changed: HashSet<usize> = opening.changed_rows.drain(..).collect();
    let mut kept = Vec::with_capacity(rows.len());
    for (at, row) in rows.into_iter().enumerate() {
        if is_void(&row.ids.far) || is_void(&row.ids.near) {
            opening.dropped_rows.extend(row.key);
            continue;
        }
        if was_changed.contains(&at) {
            opening.changed_rows.push(kept.len());
        }
        kept.push(row);
    }
    let rows = kept;

    for side in Side::BOTH {
        look_again(pair, wanted, side, &rows, seen.of_mut(side)).await?;
        let (refused, unconfirmed) = (refused.of(side), unconfirmed.of(side));
        let now = confirm(side, &rows, seen.of(side), refused, unconfirmed, &mut opening);
        seen.of_mut(side).picture.refused = now;
    }
    for (side, id) in &lost {
        seen.of_mut(*side).picture.held.insert(id.clone());
    }
    let pictures = Both { far: seen.far.picture, near: seen.near.picture };
    let mut outcome = diff(&rows, &pictures, mode);
    if !lost.is_empty() {
        outcome.pending = Both { far: true, near: true };
    }
    let missing =
        |side: Side| rows.iter().filter(|row| !pictures.of(side).has(row.ids.of(side))).count();
    let unknown = |side: Side| -> Vec<Id> {
        let known: HashSet<&Id> = rows.iter().map(|row| row.ids.of(side)).collect();
        let ids = pictures.of(side).iter().map(|(id, _)| id);
        ids.filter(|id| !known.contains(id)).cloned().collect()
    };
    Ok(FolderPlan {
        name: wanted.name.clone(),
        names: wanted.names.clone(),
        known: wanted.known.clone(),
        status: Both { far: seen.far.status, near: seen.near.status },
        opening,
        outcome,
        sizes: Both { far: seen.far.sizes, near: seen.near.sizes },
        messages: Both { far: pictures.far.len(), near: pictures.near.len() },
        unknown: Both { far: unknown(Side::Far), near: unknown(Side::Near) },
        taken: Both::default(),
        expired: Vec::new(),
        missing: Both { far: missing(Side::Far), near: missing(Side::Near) },
        rows,
        lost,
    })
}

impl FolderPlan {
    /// How many messages are deleted on a side.
    pub fn deletions(&self, side: Side) -> usize {
        let on_side =
            |action: &&Action| matches!(action, Action::Delete { side: at, .. } if *at == side);
        self.outcome.actions.iter().filter(on_side).count()
    }
}

/// Looks at one side.
async fn look(
    pair: &mut Pair,
    wanted: &Wanted,
    side: Side,
    rows: &[Row],
    writable: bool,
    may_trust_listing: bool,
) -> anyhow::Result<Seen> {
    let known = wanted.known.as_ref().map(|known| *known.sides.of(side));
    let Some(listed) = wanted.listed.of(side) else {
        // What will be made in its place has other ids.
        return Ok(Seen { is_new_generation: known.is_some(), ..Seen::default() });
    };
    let as_known = || rows.iter().map(move |row| (row.ids.of(side).clone(), row.flags.clone()));
    if let (Some(known), Some(status), true) = (known, listed.status, may_trust_listing)
        && known.modseq.is_some()
        && known.modseq == status.highest_modseq
        && known.uid_validity == status.uid_validity
        && known.uid_next == status.uid_next
        && known.messages == status.messages
    {
        return Ok(Seen {
            status: Some(status),
            picture: Picture::new(as_known()),
            told: Some(HashSet::new()),
            has_history: true,
            ..Seen::default()
        });
    }
    let name = wanted.names.of(side);
    let selected = pair.select_anew(side, name, writable).await?;
    let same = known.filter(|known| known.uid_validity == selected.uid_validity);
    let since = same.filter(|known| known.modseq.is_some()).map(|known| Since {
        uid_validity: known.uid_validity,
        modseq: known.modseq,
        known: rows.iter().map(|row| row.ids.of(side).clone()).collect(),
    });
    let changes = pair.store(side).changes(since.as_ref()).await?;
    let mut sizes = HashMap::new();
    let mut picture = Picture::default();
    let mut told = None;
    if !changes.complete && since.is_some() {
        let vanished: HashSet<&Id> = changes.vanished.iter().collect();
        picture = Picture::new(as_known().filter(|(id, _)| !vanished.contains(id)));
        told = Some(changes.changed.iter().map(|message| message.id.clone()).collect());
    }
    for message in changes.changed {
        if let Some(size) = message.size {
            sizes.insert(message.id.clone(), size);
        }
        picture.insert(message.id, message.flags.unwrap_or_default());
    }
    Ok(Seen {
        status: Some(changes.status),
        picture,
        sizes,
        is_new_generation: known.is_some() && same.is_none(),
        told,
        has_history: changes.status.highest_modseq.is_some(),
    })
}

/// A message that is missing from a store without a history is looked for again: a file that
/// is being renamed can be missed by one look.
async fn look_again(
    pair: &mut Pair,
    wanted: &Wanted,
    side: Side,
    rows: &[Row],
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let missing = |picture: &Picture| rows.iter().any(|row| !picture.has(row.ids.of(side)));
    if seen.has_history || seen.status.is_none() || !missing(&seen.picture) {
        return Ok(());
    }
    pair.select(side, wanted.names.of(side), false).await?;
    for message in pair.store(side).list().await? {
        if !seen.picture.has(&message.id) {
            seen.picture.insert(message.id, message.flags.unwrap_or_default());
        }
    }
    Ok(())
}

/// An id that stands for none.
fn is_void(id: &Id) -> bool {
    id.0.is_empty()
}

fn void_generations(rows: &mut [Row], seen: &Both<Seen>, opening: &mut Opening) {
    for (at, row) in rows.iter_mut().enumerate() {
        for side in Side::BOTH {
            if seen.of(side).is_new_generation {
                *row.ids.of_mut(side) = Id(String::new());
            }
        }
        opening.changed_rows.push(at);
    }
}

/// The copies that an earlier run began and did not record: those that are found become rows,
/// and the others have not been made. Those that were made and cannot be found are returned.
async fn take_up(
    pair: &mut Pair,
    wanted: &Wanted,
    intents: &[Intent],
    rows: &mut Vec<Row>,
    seen: &Both<Seen>,
    opening: &mut Opening,
) -> anyhow::Result<Vec<(Side, Id)>> {
    let mut lost = Vec::new();
    for side in Side::BOTH {
        let to_side: Vec<&Intent> = intents.iter().filter(|intent| intent.to == side).collect();
        if to_side.is_empty() {
            continue;
        }
        let named: HashSet<&Id> = rows.iter().map(|row| row.ids.of(side)).collect();
        let candidates: Vec<Id> = seen
            .of(side)
            .picture
            .iter()
            .map(|(id, _)| id)
            .filter(|id| !named.contains(id))
            .cloned()
            .collect();
        if seen.of(side).status.is_some() {
            pair.select(side, wanted.names.of(side), false).await?;
        }
        let places = find::copies(pair, side, &to_side, &candidates).await?;
        for (intent, place) in to_side.into_iter().zip(places) {
            match place {
                Some(place) => {
                    opening.changed_rows.push(take_up_row(rows, intent, place));
                    opening.dropped_intents.extend(intent.key);
                }
                None if intent.stored => lost.push((side.other(), intent.source.clone())),
                None => opening.dropped_intents.extend(intent.key),
            }
        }
    }
    Ok(lost)
}

/// Makes a copy that was found into a row, and gives the row's place.
fn take_up_row(rows: &mut Vec<Row>, intent: &Intent, place: Id) -> usize {
    let ids = ids_of(intent.to, place, intent.source.clone());
    let before = rows.iter().position(|row| row.key.is_some() && row.key == intent.row);
    let key = before.and_then(|at| rows[at].key);
    let row = Row { key, ids, flags: intent.flags.clone() };
    match before {
        Some(at) => {
            rows[at] = row;
            at
        }
        None => {
            rows.push(row);
            rows.len() - 1
        }
    }
}

/// The ids of a copy on side `to`.
pub fn ids_of(to: Side, copy: Id, source: Id) -> Both<Id> {
    match to {
        Side::Far => Both { far: copy, near: source },
        Side::Near => Both { far: source, near: copy },
    }
}

/// Pairs messages that both sides have and of which nothing is known.
async fn pair_up(
    pair: &mut Pair,
    wanted: &Wanted,
    rows: &mut Vec<Row>,
    seen: &Both<Seen>,
    opening: &mut Opening,
) -> anyhow::Result<()> {
    let mut ids: Both<Vec<Id>> = Both::default();
    for side in Side::BOTH {
        // A row whose other id became void is looked for like a message of which nothing is
        // known.
        let known: HashSet<&Id> = rows
            .iter()
            .filter(|row| !is_void(row.ids.of(side.other())))
            .map(|row| row.ids.of(side))
            .collect();
        let unknown = seen.of(side).picture.iter().map(|(id, _)| id);
        *ids.of_mut(side) = unknown.filter(|id| !known.contains(id)).cloned().collect();
    }
    if ids.far.is_empty() || ids.near.is_empty() {
        return Ok(());
    }
    for side in Side::BOTH {
        pair.select(side, wanted.names.of(side), false).await?;
    }
    let places: Both<HashMap<Id, usize>> = {
        let of = |side: Side| {
            rows.iter().enumerate().map(|(at, row)| (row.ids.of(side).clone(), at)).collect()
        };
        Both { far: of(Side::Far), near: of(Side::Near) }
    };
    for same in find::same(pair, &ids).await? {
        let before = places.far.get(&same.far).or_else(|| places.near.get(&same.near)).copied();
        match before {
            Some(at) => rows[at].ids = same,
            None => {
                let flags = |side: Side| {
                    let found = seen.of(side).picture.flags(same.of(side));
                    found.cloned().unwrap_or_default()
                };
                // Nothing says who set what one side lacks: both get it.
                let (far, near) = (flags(Side::Far), flags(Side::Near));
                let shared: Flags =
                    far.iter().map(Flag::name).filter(|name| near.has(name)).collect();
                opening.changed_rows.push(rows.len());
                rows.push(Row { key: None, ids: same, flags: shared });
            }
        }
    }
    Ok(())
}

/// Keywords that were set on a side earlier: one that is there is kept, and one that is
/// missing from every message that should have it is refused. All that are refused now.
///
/// A user who clears a keyword everywhere before it was seen once is taken for a store that
/// cannot keep it: then it stays on the other side, which is the safer error.
fn confirm(
    side: Side,
    rows: &[Row],
    seen: &Seen,
    refused: &Flags,
    unconfirmed: &Flags,
    opening: &mut Opening,
) -> Flags {
    let mut now = refused.clone();
    let names: Flags = refused.iter().chain(unconfirmed.iter()).map(Flag::name).collect();
    for name in names.iter().map(Flag::name) {
        let is_there =
            seen.picture.iter().any(|(id, flags)| flags.has(name) && seen.was_told_of(id));
        let is_missing = || {
            rows.iter().any(|row| {
                let id = row.ids.of(side);
                row.flags.has(name) && seen.picture.has(id) && seen.was_told_of(id)
            })
        };
        let verdict = if is_there {
            now.remove(name);
            Keyword::Kept
        } else if !refused.has(name) && is_missing() {
            now.insert(name);
            Keyword::Refused
        } else {
            continue;
        };
        opening.keywords.push((side, name.to_owned(), verdict));
    }
    now
}
