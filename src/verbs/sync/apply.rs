//! Carries a plan out: the intent is written down, then the thing is done, then its result is
//! written down, in that order. Broken off anywhere and begun again, it comes to the same end.
//!
//! - A copy is found again by its content, so it is never made twice ([`super::find`]).
//! - Flags are merged again, and what is set already changes nothing.
//! - A message that is deleted already is deleted.
//!
//! All copies of all folders come before the first deletion: a message that was moved from
//! one folder to another is safe in the new place before it leaves the old one.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Context as _;

use super::diff::{Action, Both, Edit, Side};
use super::find;
use super::pair::Pair;
use super::plan::{Counts, Plan, Refused};
use super::scan::{FolderPlan, ids_of};
use super::spool::Batch;
use super::state::{Intent, Known, Made, State};
use crate::store::{Deleted, Error, Flag, FlagChange, Flags, Id, What};
use crate::ui::{Exit, Failure, Progress, report};

/// Messages in one batch of copies.
const BATCH_MESSAGES: usize = 256;

/// Octets in one batch of copies, by announced size; a larger message is a batch of its own.
const BATCH_OCTETS: u64 = 8 * 1024 * 1024;

/// Deletions in one command and one transaction.
const BATCH_DELETIONS: usize = 1000;

/// A message to copy.
struct Wanted {
    id: Id,
    flags: Flags,
    row: Option<usize>,
}

/// What a run works with.
struct Hands<'a> {
    pair: &'a mut Pair,
    state: &'a mut State,
    progress: &'a mut Progress,
}

/// Carries out; what was done to each side. Afterwards the plan names the copies that were
/// made but not found again, and the folders that could not be made.
///
/// # Errors
/// The first error of a store or the state; what was done until then is recorded, and a new
/// run goes on from there.
pub async fn apply(
    pair: &mut Pair,
    state: &mut State,
    plan: &mut Plan,
    progress: &mut Progress,
) -> anyhow::Result<Both<Counts>> {
    let mut hands = Hands { pair, state, progress };
    let mut done: Both<Counts> = Both::default();
    for side in Side::BOTH {
        done.of_mut(side).created = create(hands.pair, plan, side).await?;
    }
    let mut keys = Vec::with_capacity(plan.folders.len());
    for folder in &mut plan.folders {
        let name = folder.name.clone();
        let key =
            work(&mut hands, folder, &mut done).await.with_context(|| format!("folder {name}"))?;
        keys.push(key);
    }
    for (folder, key) in plan.folders.iter_mut().zip(keys) {
        let name = folder.name.clone();
        for side in Side::BOTH {
            done.of_mut(side).deleted +=
                delete(&mut hands, folder, side).await.with_context(|| format!("folder {name}"))?;
        }
        if let Some(key) = key {
            settle(hands.state, folder, key)?;
        }
    }
    Ok(done)
}

/// Creates the folders that are missing on a side. A name that the side cannot have takes its
/// folder out of the plan.
async fn create(pair: &mut Pair, plan: &mut Plan, side: Side) -> anyhow::Result<usize> {
    let names = std::mem::take(plan.create.of_mut(side));
    if names.is_empty() {
        return Ok(0);
    }
    let mut created: HashSet<String> = HashSet::new();
    let made = pair.store(side).create(&names).await;
    match made {
        Ok(()) => created.extend(names),
        Err(Error::Name { .. }) => {
            for name in names {
                let made = pair.store(side).create(std::slice::from_ref(&name)).await;
                match made {
                    Ok(()) => {
                        created.insert(name);
                    }
                    Err(error @ Error::Name { .. }) => {
                        plan.folders.retain(|folder| *folder.names.of(side) != name);
                        plan.refused.push(Refused {
                            side,
                            folder: name,
                            reason: error.to_string(),
                        });
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Err(error) => return Err(error.into()),
    }
    for folder in &mut plan.folders {
        let name = folder.names.of(side);
        if folder.status.of(side).is_none() && created.contains(name) {
            let status = pair.select_anew(side, name, true).await?;
            *folder.status.of_mut(side) = Some(status);
        }
    }
    Ok(created.len())
}

/// All that is to be done in one folder but deletions; its key in the state, unless it is on
/// one side alone.
async fn work(
    hands: &mut Hands<'_>,
    folder: &mut FolderPlan,
    done: &mut Both<Counts>,
) -> anyhow::Result<Option<i64>> {
    let (Some(far), Some(near)) = (folder.status.far, folder.status.near) else {
        return Ok(None);
    };
    let generations = Both { far: far.uid_validity, near: near.uid_validity };
    let key = match &folder.known {
        Some(known)
            if folder.opening.is_empty()
                && known.sides.far.uid_validity == generations.far
                && known.sides.near.uid_validity == generations.near =>
        {
            known.key
        }
        _ => {
            let opening = std::mem::take(&mut folder.opening);
            hands.state.open_folder(&folder.name, generations, &opening, &mut folder.rows)?
        }
    };
    for to in [Side::Near, Side::Far] {
        done.of_mut(to).copied += copy(hands, folder, key, to).await?;
    }
    flag(hands, folder, key, done).await?;
    let forgotten: Vec<i64> = folder
        .outcome
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::Forget { row } => folder.rows[*row].key,
            _ => None,
        })
        .collect();
    if !forgotten.is_empty() {
        hands.state.forget(&forgotten)?;
    }
    Ok(Some(key))
}

/// Selects the folder that the plan speaks of: in one that was made anew since, its ids are
/// those of other messages.
async fn select(
    hands: &mut Hands<'_>,
    folder: &FolderPlan,
    side: Side,
    writable: bool,
) -> anyhow::Result<()> {
    let found = hands.pair.select(side, folder.names.of(side), writable).await?;
    if folder.status.of(side).is_some_and(|planned| planned.uid_validity != found.uid_validity) {
        let message = format!("it was made anew on the {side} side while the run was planned");
        let hint = "nothing was changed in it: run sync again";
        return Err(Failure::new(Exit::TempFail, message).hint(hint).into());
    }
    Ok(())
}

/// Copies what goes to one side; how many messages.
async fn copy(
    hands: &mut Hands<'_>,
    folder: &mut FolderPlan,
    key: i64,
    to: Side,
) -> anyhow::Result<usize> {
    let from = to.other();
    let mut wanted = Vec::new();
    for action in &folder.outcome.actions {
        if let Action::Copy { to: side, id, flags, row } = action
            && *side == to
        {
            wanted.push(Wanted { id: id.clone(), flags: flags.clone(), row: *row });
        }
    }
    let mut copied = 0;
    for wanted in batches(&wanted, folder.sizes.of(from)) {
        select(hands, folder, from, false).await?;
        let ids: Vec<Id> = wanted.iter().map(|message| message.id.clone()).collect();
        let mut batch = Batch::default();
        hands.pair.store(from).read(&ids, &What::Whole, &mut batch).await?;
        if batch.messages().len() < wanted.len() {
            // Gone meanwhile, or not given: a history up to here would never speak of it again.
            folder.outcome.pending = Both { far: true, near: true };
        }
        copied += copy_batch(hands, folder, key, to, wanted, batch).await?;
    }
    Ok(copied)
}

/// The messages in groups that are read and written at once.
fn batches<'a>(wanted: &'a [Wanted], sizes: &HashMap<Id, u64>) -> Vec<&'a [Wanted]> {
    let mut batches = Vec::new();
    let (mut from, mut octets) = (0, 0u64);
    for (at, message) in wanted.iter().enumerate() {
        let size = sizes.get(&message.id).copied().unwrap_or(0);
        let is_full = at - from >= BATCH_MESSAGES || octets.saturating_add(size) > BATCH_OCTETS;
        if is_full && at > from {
            batches.push(&wanted[from..at]);
            (from, octets) = (at, 0);
        }
        octets = octets.saturating_add(size);
    }
    if from < wanted.len() {
        batches.push(&wanted[from..]);
    }
    batches
}

/// Copies what was read, and records it.
async fn copy_batch(
    hands: &mut Hands<'_>,
    folder: &mut FolderPlan,
    key: i64,
    to: Side,
    wanted: &[Wanted],
    mut batch: Batch,
) -> anyhow::Result<usize> {
    let by_id: HashMap<&Id, &Wanted> =
        wanted.iter().map(|message| (&message.id, message)).collect();
    batch.set_flags(|meta| by_id.get(&meta.id).map(|message| message.flags.clone()));
    if batch.messages().is_empty() {
        return Ok(0);
    }
    let uid_next = folder.status.of(to).map_or(0, |status| status.uid_next);
    let row_of = |id: &Id| by_id.get(id).and_then(|message| message.row);
    let mut intents = Vec::with_capacity(batch.messages().len());
    for message in batch.messages() {
        intents.push(Intent {
            key: None,
            to,
            source: message.meta.id.clone(),
            row: row_of(&message.meta.id).and_then(|at| folder.rows[at].key),
            flags: message.meta.flags.clone().unwrap_or_default(),
            digest: message.content.whole,
            message_id: message.content.message_id.clone(),
            uid_next,
            stored: false,
        });
    }
    let keywords = keywords(to, intents.iter().map(|intent| &intent.flags));
    hands.state.intend(key, &mut intents, &keywords)?;

    let target = folder.names.of(to).clone();
    let mut places = hands.pair.store(to).append(&target, &mut batch.source()).await?;
    places.resize(intents.len(), None);
    if places.iter().any(Option::is_none) {
        find_places(hands, folder, to, &mut intents, &mut places).await?;
    }
    let mut made = Vec::with_capacity(intents.len());
    let mut octets = 0;
    for ((intent, place), message) in intents.iter().zip(places).zip(batch.messages()) {
        octets += message.octets();
        let at = row_of(&intent.source);
        let (Some(place), Some(intent_key)) = (place, intent.key) else {
            folder.lost.push((to.other(), intent.source.clone()));
            folder.outcome.pending = Both { far: true, near: true };
            continue;
        };
        let ids = ids_of(to, place, intent.source.clone());
        // The place is taken now: nothing else may be found there.
        match at {
            Some(at) => folder.rows[at].ids = ids.clone(),
            None => folder.taken.of_mut(to).push(ids.of(to).clone()),
        }
        let row = at.and_then(|at| folder.rows[at].key);
        made.push(Made { intent: intent_key, row, ids, flags: intent.flags.clone() });
    }
    hands.state.record(key, &made)?;
    hands.progress.advance(made.len() as u64, octets);
    Ok(made.len())
}

/// The target has taken the messages, and did not tell of some where they are: looks for them.
async fn find_places(
    hands: &mut Hands<'_>,
    folder: &FolderPlan,
    to: Side,
    intents: &mut [Intent],
    places: &mut [Option<Id>],
) -> anyhow::Result<()> {
    let mut stored = Vec::new();
    for (intent, place) in intents.iter_mut().zip(places.iter()) {
        if place.is_none() {
            intent.stored = true;
            stored.extend(intent.key);
        }
    }
    hands.state.stored(&stored)?;
    hands.pair.select_anew(to, folder.names.of(to), true).await?;
    let listed = hands.pair.store(to).list().await?;
    let taken: HashSet<&Id> = folder
        .rows
        .iter()
        .map(|row| row.ids.of(to))
        .chain(folder.taken.of(to))
        .chain(folder.unknown.of(to))
        .chain(places.iter().flatten())
        .collect();
    let candidates: Vec<Id> =
        listed.into_iter().map(|message| message.id).filter(|id| !taken.contains(id)).collect();
    let unplaced: Vec<usize> = (0..intents.len()).filter(|at| places[*at].is_none()).collect();
    let sought: Vec<&Intent> = unplaced.iter().map(|at| &intents[*at]).collect();
    let found = find::copies(hands.pair, to, &sought, &candidates).await?;
    for (at, place) in unplaced.into_iter().zip(found) {
        places[at] = place;
    }
    Ok(())
}

/// The keywords among flags that a side gets, each once.
fn keywords<'a>(side: Side, flags: impl Iterator<Item = &'a Flags>) -> Vec<(Side, String)> {
    let mut all = Flags::new();
    for flag in flags.flat_map(Flags::iter).filter(|flag| !flag.is_system()) {
        all.insert(flag.name());
    }
    all.iter().map(|flag| (side, flag.name().to_owned())).collect()
}

/// Changes flags on both sides, and knows the messages by the new ones.
async fn flag(
    hands: &mut Hands<'_>,
    folder: &FolderPlan,
    key: i64,
    done: &mut Both<Counts>,
) -> anyhow::Result<()> {
    let mut edits: Vec<(usize, &Both<Edit>)> = Vec::new();
    let mut after: Vec<(i64, &Flags)> = Vec::new();
    for action in &folder.outcome.actions {
        if let Action::Flag { row, edits: both, flags } = action {
            edits.push((*row, both));
            after.extend(folder.rows[*row].key.map(|key| (key, flags)));
        }
    }
    for side in Side::BOTH {
        let (changes, count) = grouped(folder, side, &edits);
        if changes.is_empty() {
            continue;
        }
        let keywords = keywords(side, changes.iter().map(|change| &change.add));
        if !keywords.is_empty() {
            hands.state.set_keywords(key, &keywords)?;
        }
        select(hands, folder, side, true).await?;
        hands.pair.store(side).flag(&changes).await?;
        done.of_mut(side).flagged += count;
    }
    if !after.is_empty() {
        hands.state.set_flags(&after)?;
    }
    Ok(())
}

/// Messages whose flags change in the same way, together; and how many messages in all.
fn grouped(
    folder: &FolderPlan,
    side: Side,
    edits: &[(usize, &Both<Edit>)],
) -> (Vec<FlagChange>, usize) {
    let names = |flags: &Flags| -> Vec<String> {
        flags.iter().map(|flag: &Flag| flag.name().to_ascii_lowercase()).collect()
    };
    let mut groups: BTreeMap<(Vec<String>, Vec<String>), FlagChange> = BTreeMap::new();
    let mut count = 0;
    for (row, both) in edits {
        let edit = both.of(side);
        if edit.is_empty() {
            continue;
        }
        count += 1;
        groups
            .entry((names(&edit.add), names(&edit.remove)))
            .or_insert_with(|| FlagChange {
                ids: Vec::new(),
                add: edit.add.clone(),
                remove: edit.remove.clone(),
            })
            .ids
            .push(folder.rows[*row].ids.of(side).clone());
    }
    (groups.into_values().collect(), count)
}

/// Deletes what is to be deleted on one side; how many messages.
async fn delete(
    hands: &mut Hands<'_>,
    folder: &mut FolderPlan,
    side: Side,
) -> anyhow::Result<usize> {
    let mut doomed: Vec<(Id, Option<i64>)> = Vec::new();
    for action in &folder.outcome.actions {
        if let Action::Delete { side: at, id, row } = action
            && *at == side
        {
            doomed.push((id.clone(), row.and_then(|row| folder.rows[row].key)));
        }
    }
    let mut deleted = 0;
    for batch in doomed.chunks(BATCH_DELETIONS) {
        select(hands, folder, side, true).await?;
        let ids: Vec<Id> = batch.iter().map(|(id, _)| id.clone()).collect();
        match hands.pair.store(side).delete(&ids).await? {
            Deleted::Gone => {
                let rows: Vec<i64> = batch.iter().filter_map(|(_, row)| *row).collect();
                if !rows.is_empty() {
                    hands.state.forget(&rows)?;
                }
                deleted += batch.len();
            }
            // The rows stay, or the messages would be taken for new ones next time.
            Deleted::Marked | Deleted::AtFinish => {
                folder.outcome.pending = Both { far: true, near: true };
                report::warning(&format!(
                    "{} messages of {} on the {side} side are marked as deleted, but could not \
                     be expunged without those of others",
                    batch.len(),
                    folder.name
                ));
            }
        }
    }
    Ok(deleted)
}

/// Writes down up to where all was carried over, if that is news.
fn settle(state: &mut State, folder: &FolderPlan, key: i64) -> anyhow::Result<()> {
    let (Some(far), Some(near)) = (&folder.status.far, &folder.status.near) else {
        return Ok(());
    };
    let pending = folder.outcome.pending;
    let known = Both { far: Known::new(far, !pending.far), near: Known::new(near, !pending.near) };
    if folder.known.as_ref().is_none_or(|before| before.sides != known) {
        state.settle(key, &known)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_by_number_and_by_size() {
        let wanted: Vec<Wanted> = (0..600)
            .map(|at| Wanted { id: Id(at.to_string()), flags: Flags::new(), row: None })
            .collect();
        let lengths = |sizes: &HashMap<Id, u64>| -> Vec<usize> {
            batches(&wanted, sizes).iter().map(|batch| batch.len()).collect()
        };
        assert_eq!(lengths(&HashMap::new()), [256, 256, 88]);
        let huge = HashMap::from([
            (Id("0".into()), u64::MAX),
            (Id("1".into()), BATCH_OCTETS - 1),
            (Id("2".into()), 1),
            (Id("3".into()), 1),
        ]);
        assert_eq!(lengths(&huge), [1, 2, 256, 256, 85]);
        assert!(batches(&[], &huge).is_empty());
    }
}
