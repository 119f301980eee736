//! Brings the messages of a folder together with what is known of them: copies that were begun
//! and not recorded, ids that became void, messages that both sides have and of which nothing
//! is known, and keywords that a side does not keep.

use std::collections::{HashMap, HashSet};

use super::diff::{Both, Row, Side};
use super::find;
use super::pair::Pair;
use super::scan::{Looked, Seen};
use super::state::{Intent, Keyword, Opening};
use crate::store::{Flag, Flags, Id, Keeps};

/// An id that stands for none.
pub fn is_void(id: &Id) -> bool {
    id.0.is_empty()
}

/// Where a side has ids of another generation, those known mean nothing any more.
pub fn void_generations(looked: &mut Looked) {
    for (at, row) in looked.rows.iter_mut().enumerate() {
        for side in Side::BOTH {
            if looked.seen.of(side).is_new_generation {
                *row.ids.of_mut(side) = Id::new("");
            }
        }
        looked.opening.changed_rows.push(at);
    }
}

/// Takes out the rows whose ids became void and were not found again.
pub fn drop_void(looked: &mut Looked) {
    let changed: HashSet<usize> = looked.opening.changed_rows.drain(..).collect();
    let marks = std::mem::take(&mut looked.opening.marks);
    let rows = std::mem::take(&mut looked.rows);
    looked.rows.reserve(rows.len());
    for (at, row) in rows.into_iter().enumerate() {
        let void = Both { far: is_void(&row.ids.far), near: is_void(&row.ids.near) };
        if void.far || void.near {
            looked.unbound.far += usize::from(void.far);
            looked.unbound.near += usize::from(void.near);
            looked.opening.dropped_rows.extend(row.key);
            continue;
        }
        let now = looked.rows.len();
        if changed.contains(&at) {
            looked.opening.changed_rows.push(now);
        }
        if let Some(marks) = marks.get(&at) {
            looked.opening.marks.insert(now, *marks);
        }
        looked.rows.push(row);
    }
}

/// The copies that an earlier run began and did not record: those that are found become rows,
/// and the others have not been made. Those that were made and cannot be found are lost.
///
/// # Errors
/// The stores'.
pub async fn take_up(
    pair: &mut Pair,
    looked: &mut Looked,
    intents: &[Intent],
) -> anyhow::Result<()> {
    for side in Side::BOTH {
        let to_side: Vec<&Intent> = intents.iter().filter(|intent| intent.to == side).collect();
        if to_side.is_empty() {
            continue;
        }
        let named: HashSet<&Id> = looked.rows.iter().map(|row| row.ids.of(side)).collect();
        let seen = looked.seen.of(side);
        let ids = seen.picture.iter().map(|(id, _)| id);
        let candidates: Vec<Id> = ids.filter(|id| !named.contains(id)).cloned().collect();
        if seen.status.is_some() {
            pair.select(side, looked.wanted.names.of(side), false).await?;
        }
        let places = find::copies(pair.seat(side), &to_side, &candidates).await?;
        for (intent, place) in to_side.into_iter().zip(places) {
            match place {
                Some(place) => {
                    let at = take_up_row(&mut looked.rows, intent, place);
                    looked.opening.changed_rows.push(at);
                    looked.opening.marks.insert(at, intent.marks());
                    looked.opening.dropped_intents.extend(intent.key);
                }
                None if intent.stored => {
                    looked.lost.push((side.other(), intent.source.clone()));
                }
                // One that was made, and that somebody has deleted before this run, looks like
                // one that was never made: made again, it loses nothing.
                None => looked.opening.dropped_intents.extend(intent.key),
            }
        }
    }
    Ok(())
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

/// Pairs messages that both sides have and of which nothing is known: a copy of what is there
/// already would be one too many.
///
/// # Errors
/// The stores'.
pub async fn pair_up(pair: &mut Pair, looked: &mut Looked) -> anyhow::Result<()> {
    let mut ids: Both<Vec<Id>> = Both::default();
    let lost: HashSet<(Side, &Id)> = looked.lost.iter().map(|(side, id)| (*side, id)).collect();
    for side in Side::BOTH {
        // A row whose other id became void is looked for like a message of which nothing is
        // known.
        let known: HashSet<&Id> = looked
            .rows
            .iter()
            .filter(|row| !is_void(row.ids.of(side.other())))
            .map(|row| row.ids.of(side))
            .collect();
        let unknown = looked.seen.of(side).picture.iter().map(|(id, _)| id);
        let unknown = unknown.filter(|id| !known.contains(id) && !lost.contains(&(side, *id)));
        *ids.of_mut(side) = unknown.cloned().collect();
    }
    if ids.far.is_empty() || ids.near.is_empty() {
        return Ok(());
    }
    for side in Side::BOTH {
        pair.select(side, looked.wanted.names.of(side), false).await?;
    }
    let places: Both<HashMap<Id, usize>> = {
        let of = |side: Side| {
            let rows = looked.rows.iter().enumerate();
            rows.map(|(at, row)| (row.ids.of(side).clone(), at)).collect()
        };
        Both { far: of(Side::Far), near: of(Side::Near) }
    };
    let was_known =
        |far: &Id, near: &Id| places.far.contains_key(far) || places.near.contains_key(near);
    let same = find::same(pair, &ids, was_known).await?;
    for (same, marks) in same.pairs {
        let before = places.far.get(&same.far).or_else(|| places.near.get(&same.near)).copied();
        let at = match before {
            Some(at) => {
                looked.rows[at].ids = same;
                at
            }
            None => {
                let flags = |side: Side| {
                    let found = looked.seen.of(side).picture.flags(same.of(side));
                    found.cloned().unwrap_or_default()
                };
                // Nothing says who set what one side lacks: both get it.
                let (far, near) = (flags(Side::Far), flags(Side::Near));
                let shared: Flags =
                    far.iter().map(Flag::name).filter(|name| near.has(name)).collect();
                looked.opening.changed_rows.push(looked.rows.len());
                looked.rows.push(Row { key: None, ids: same, flags: shared });
                looked.rows.len() - 1
            }
        };
        looked.opening.marks.insert(at, marks);
    }
    looked.contradictions =
        same.contradictions.into_iter().filter(|ids| was_known(&ids.far, &ids.near)).collect();
    Ok(())
}

/// Keywords that were set on a side earlier: one that is there, or that the store names among
/// those that it keeps, is kept, and one that is missing from every message that should have it
/// is refused. All that are refused now.
///
/// Where a store does not name what it keeps, a user who clears a keyword everywhere before it
/// was seen once is taken for a store that cannot keep it: then it stays on the other side,
/// which is the safer error.
pub fn confirm(
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
        let told = seen.keeps.keeps(name);
        let is_there =
            || seen.picture.iter().any(|(id, flags)| flags.has(name) && seen.was_told_of(id));
        let is_missing = || {
            rows.iter().any(|row| {
                let id = row.ids.of(side);
                row.flags.has(name) && seen.picture.has(id) && seen.was_told_of(id)
            })
        };
        let verdict = if told == Some(true) || is_there() {
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

/// Adds to what a side refuses the flags that are about and that it says it does not keep.
pub fn add_unkept(side: Side, rows: &[Row], seen: &Both<Seen>, refused: &mut Flags) {
    let keeps = &seen.of(side).keeps;
    if !matches!(keeps, Keeps::These { .. }) {
        return;
    }
    let known = rows.iter().map(|row| &row.flags);
    let there = seen.of(side.other()).picture.iter().map(|(_, flags)| flags);
    let mut about = Flags::new();
    for flags in known.chain(there) {
        about.extend(flags);
    }
    for name in about.iter().map(Flag::name) {
        if keeps.keeps(name) == Some(false) {
            refused.insert(name);
        }
    }
}
