//! Messages that somebody has moved to another folder on one side: they are moved on the other
//! side, too, and never carried over again.
//!
//! A message that is gone from one folder and one that is new in another are the same where
//! their content is: the digest that was written down when the message was copied, or else
//! that of its copy on the other side. Only where headers are the same are whole messages read.

use std::collections::HashMap;

use super::diff::{Both, Edit, Merged, Mode, Side, merge};
use super::digest::{Content, Digest};
use super::find::contents;
use super::pair::Pair;
use super::scan::{Fate, Looked};
use super::state::{Marks, State};
use crate::store::{Flag, Flags, Id, What};

/// One message to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Where it is done; on the other side it was done by somebody.
    pub side: Side,
    /// Place of the folder, in the list of folders, where the message is on this side.
    pub from: usize,
    /// Place of its row there.
    pub row: usize,
    /// Place of the folder where it goes.
    pub to: usize,
    /// Its id on the other side, in that folder.
    pub source: Id,
    /// Its id on this side, in the folder where it is.
    pub id: Id,
    /// The flags that were known.
    pub before: Flags,
    /// The flags that it has on the other side.
    pub there: Flags,
    /// Flags to change on each side.
    pub edits: Both<Edit>,
    /// The flags that are then known.
    pub flags: Flags,
    /// Its content.
    pub marks: Marks,
}

/// A message that is gone from one side of a folder.
struct Doomed {
    folder: usize,
    row: usize,
    marks: Marks,
}

/// Finds what was moved, and takes it out of what [`Looked::decide`] speaks of.
///
/// # Errors
/// The stores' and the state's.
pub async fn find(
    pair: &mut Pair,
    state: &State,
    folders: &mut [Looked],
    mode: Mode,
) -> anyhow::Result<Vec<Move>> {
    let mut moves = Vec::new();
    for side in Side::BOTH {
        // Where it was done; it is done again on the other side.
        let is_followed = match mode {
            Mode::Copy => false,
            mode => mode.changes(side.other()),
        };
        if is_followed {
            find_on(pair, state, folders, side, mode, &mut moves).await?;
        }
    }
    Ok(moves)
}

/// What was moved on `side`.
async fn find_on(
    pair: &mut Pair,
    state: &State,
    folders: &mut [Looked],
    side: Side,
    mode: Mode,
    moves: &mut Vec<Move>,
) -> anyhow::Result<()> {
    let target = side.other();
    let mut doomed = Vec::new();
    let mut fresh: Vec<(usize, Vec<Id>)> = Vec::new();
    for (at, folder) in folders.iter().enumerate() {
        for (row, known) in folder.rows.iter().enumerate() {
            let is_gone = !folder.seen.of(side).picture.has(known.ids.of(side));
            if is_gone
                && !folder.moved.contains(&row)
                && folder.seen.of(target).picture.has(known.ids.of(target))
            {
                doomed.push(Doomed { folder: at, row, marks: Marks::default() });
            }
        }
        let has_target =
            folder.seen.of(target).status.is_some() || folder.wanted.fate == Fate::Created(target);
        let is_open = has_target && folder.contradictions.is_empty();
        if is_open && folder.seen.of(side).status.is_some() {
            let ids = folder.unknown(side);
            if !ids.is_empty() {
                fresh.push((at, ids));
            }
        }
    }
    if doomed.is_empty() || fresh.is_empty() {
        return Ok(());
    }
    learn(pair, state, folders, target, &mut doomed).await?;
    let mut by_header: HashMap<Digest, Vec<usize>> = HashMap::new();
    for (at, one) in doomed.iter().enumerate() {
        if let Some(header) = one.marks.header {
            by_header.entry(header).or_default().push(at);
        }
    }
    let mut is_taken = vec![false; doomed.len()];
    for (at, ids) in fresh {
        let name = folders[at].wanted.names.of(side).clone();
        pair.select(side, &name, false).await?;
        let headers = contents(pair.seat(side), &ids, &What::Headers).await?;
        let is_like = |content: &Content| by_header.contains_key(&content.header);
        let alike: Vec<Id> =
            headers.into_iter().filter(|(_, content)| is_like(content)).map(|(id, _)| id).collect();
        let whole = contents(pair.seat(side), &alike, &What::Whole).await?;
        for (id, content) in whole {
            let candidates = by_header.get(&content.header).map_or(&[][..], Vec::as_slice);
            for &candidate in candidates {
                if is_taken[candidate] {
                    continue;
                }
                let from = doomed[candidate].folder;
                if doomed[candidate].marks.whole.is_none() {
                    let one = &doomed[candidate];
                    let id = folders[from].rows[one.row].ids.of(target).clone();
                    let name = folders[from].wanted.names.of(target).clone();
                    pair.select(target, &name, false).await?;
                    let read = contents(pair.seat(target), &[id], &What::Whole).await?;
                    doomed[candidate].marks.whole = read.first().map(|(_, content)| content.whole);
                }
                if doomed[candidate].marks.whole != Some(content.whole) {
                    continue;
                }
                is_taken[candidate] = true;
                let found = of(folders, side, mode, &doomed[candidate], at, &id);
                folders[from].moved.insert(found.row);
                folders[at].seen.of_mut(side).picture.held.insert(id);
                moves.push(found);
                break;
            }
        }
    }
    Ok(())
}

/// The content of what is gone, from the state, else from its copy on the other side.
async fn learn(
    pair: &mut Pair,
    state: &State,
    folders: &[Looked],
    target: Side,
    doomed: &mut [Doomed],
) -> anyhow::Result<()> {
    for one in doomed.iter_mut() {
        if let Some(key) = folders[one.folder].rows[one.row].key {
            one.marks = state.marks(&[key])?.first().copied().unwrap_or_default();
        }
    }
    for (at, folder) in folders.iter().enumerate() {
        let unmarked = |one: &&mut Doomed| one.folder == at && one.marks.header.is_none();
        let mut unmarked: Vec<&mut Doomed> = doomed.iter_mut().filter(unmarked).collect();
        if unmarked.is_empty() {
            continue;
        }
        let ids: Vec<Id> =
            unmarked.iter().map(|one| folder.rows[one.row].ids.of(target).clone()).collect();
        pair.select(target, folder.wanted.names.of(target), false).await?;
        let read = contents(pair.seat(target), &ids, &What::Headers).await?;
        let read: HashMap<Id, Content> = read.into_iter().collect();
        for (one, id) in unmarked.iter_mut().zip(&ids) {
            one.marks.header = read.get(id).map(|content| content.header);
        }
    }
    Ok(())
}

/// The move of one message that was found in folder `to` of `side` as `source`.
fn of(folders: &[Looked], side: Side, mode: Mode, doomed: &Doomed, to: usize, source: &Id) -> Move {
    let target = side.other();
    let (from, into) = (&folders[doomed.folder], &folders[to]);
    let row = &from.rows[doomed.row];
    let id = row.ids.of(target).clone();
    let there = into.seen.of(side).picture.flags(source).cloned().unwrap_or_default();
    let here = from.seen.of(target).picture.flags(&id).cloned().unwrap_or_default();
    // A keyword that this side had never kept in the old folder is not one that it cleared.
    let refused = |at: Side| -> Flags {
        let lacking = |flag: &&Flag| at == side && !there.has(flag.name());
        let unsure = from.unsure.of(at).iter().filter(lacking);
        unsure.chain(into.seen.of(at).picture.refused.iter()).map(Flag::name).collect()
    };
    let refused = Both { far: &refused(Side::Far), near: &refused(Side::Near) };
    let now = match side {
        Side::Far => Both { far: &there, near: &here },
        Side::Near => Both { far: &here, near: &there },
    };
    let Merged { edits, flags, .. } = merge(&row.flags, now, refused, mode);
    Move {
        side: target,
        from: doomed.folder,
        row: doomed.row,
        to,
        source: source.clone(),
        id,
        before: row.flags.clone(),
        there,
        edits,
        flags,
        marks: doomed.marks,
    }
}
