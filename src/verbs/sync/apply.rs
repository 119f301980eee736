//! Carries a plan out: the intent is written down, then the thing is done, then its result is
//! written down, in that order. Broken off anywhere and begun again, it comes to the same end.
//!
//! - A copy is found again by its content, so it is never made twice ([`super::find`]).
//! - Flags are merged again, and what is set already changes nothing.
//! - A message that is deleted already is deleted; a folder that is gone already is gone.
//!
//! All copies of all folders come before the first deletion, and folders are removed last of
//! all: what was moved is safe in its new place before it leaves the old one.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::{BTreeMap, HashSet, VecDeque};

use anyhow::Context as _;

use super::copy::{self, copy, find_places, keywords};
use super::diff::{Action, Both, Edit, Side};
use super::moves::Move;
use super::pair::Pair;
use super::places::More;
use super::plan::{Plan, Refused};
use super::record::Counts;
use super::scan::{Fate, FolderPlan};
use super::state::{Intent, Known, Made, State};
use crate::store::{Deleted, Error, Flag, FlagChange, Flags, Id};
use crate::ui::{Exit, Failure, Progress, report};

/// Deletions, or moves, in one command and one transaction.
const BATCH: usize = 1000;

/// What all who work on a plan share.
pub struct Shop<'a> {
    state: RefCell<&'a mut State>,
    progress: RefCell<&'a mut Progress>,
    waiting: RefCell<VecDeque<(usize, FolderPlan)>>,
    finished: RefCell<Vec<(usize, FolderPlan)>>,
    done: RefCell<Both<Counts>>,
    has_failed: Cell<bool>,
    results: RefCell<Results>,
}

/// Results that are written down together: what was done and is not written down is found to be
/// so by the next run.
#[derive(Default)]
struct Results {
    made: Vec<(i64, Vec<Made>)>,
    flags: Vec<(i64, Flags)>,
    settled: Vec<(i64, Both<Known>)>,
}

impl<'a> Shop<'a> {
    fn new(state: &'a mut State, progress: &'a mut Progress) -> Self {
        Self {
            state: RefCell::new(state),
            progress: RefCell::new(progress),
            waiting: RefCell::default(),
            finished: RefCell::default(),
            done: RefCell::default(),
            has_failed: Cell::new(false),
            results: RefCell::default(),
        }
    }

    /// Keeps copies of a folder that were made to be written down with others.
    pub fn keep(&self, folder: i64, made: Vec<Made>) {
        self.results.borrow_mut().made.push((folder, made));
    }

    /// Writes down what was kept.
    fn write_down(&self) -> anyhow::Result<()> {
        let Results { made, flags, settled } = self.results.take();
        Ok(self.state().write_down(&made, &flags, &settled)?)
    }

    /// The state; never held while anything is waited for.
    pub fn state(&self) -> RefMut<'_, &'a mut State> {
        self.state.borrow_mut()
    }

    /// The progress; never held while anything is waited for.
    pub fn progress(&self) -> RefMut<'_, &'a mut Progress> {
        self.progress.borrow_mut()
    }

    fn count(&self, count: impl FnOnce(&mut Both<Counts>)) {
        count(&mut self.done.borrow_mut());
    }

    fn next(&self) -> Option<(usize, FolderPlan)> {
        if self.has_failed.get() {
            return None;
        }
        self.waiting.borrow_mut().pop_front()
    }
}

/// What is done with every folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Copies and flags.
    Bring,
    /// Deletions.
    Take,
}

/// One more connection to both sides.
enum Hand {
    /// Nobody has needed it yet.
    Idle,
    /// It is there.
    Open(Box<Pair>),
    /// There is none to be had.
    None,
}

/// Carries out; what was done to each side. `pair` does what has an order; `more` opens what
/// shares the work on folders. Afterwards the plan names the copies that were made but not found
/// again, and the folders that could not be made.
///
/// # Errors
/// The first error of a store or the state; what was done until then is recorded, and a new
/// run goes on from there.
pub async fn apply(
    pair: &mut Pair,
    more: Option<&More<'_>>,
    state: &mut State,
    plan: &mut Plan,
    progress: &mut Progress,
) -> anyhow::Result<Both<Counts>> {
    let shop = Shop::new(state, progress);
    let mut hands = [Hand::Idle, Hand::Idle, Hand::Idle];
    rename(&shop, pair, plan).await?;
    for side in Side::BOTH {
        let names = std::mem::take(plan.create.of_mut(side));
        let created = create(pair, plan, side, names).await?;
        shop.count(|done| done.of_mut(side).created += created);
    }
    let moves = std::mem::take(&mut plan.moves);
    move_all(&shop, pair, &mut plan.folders, &moves).await?;
    for side in Side::BOTH {
        let names = std::mem::take(plan.restore.of_mut(side));
        let created = create(pair, plan, side, names).await?;
        shop.count(|done| done.of_mut(side).created += created);
    }
    for to in Side::BOTH {
        copy::gather(pair, &mut plan.folders, to).await?;
    }
    for phase in [Phase::Bring, Phase::Take] {
        let ended = run(&shop, pair, &mut hands, more, plan, phase).await;
        // What was done is written down, even where something else failed.
        ended.and(shop.write_down())?;
    }
    finish(hands).await;
    remove(&shop, pair, plan).await?;
    subscribe(&shop, pair, plan).await?;
    if !plan.forgotten.is_empty() {
        shop.state().forget_folders(&plan.forgotten)?;
    }
    Ok(shop.done.into_inner())
}

/// Ends the sessions that shared the work. What they did is confirmed, so that how they end
/// does not matter.
async fn finish(hands: [Hand; 3]) {
    let end = async |hand: Hand| {
        if let Hand::Open(mut pair) = hand {
            let _ = pair.finish().await;
        }
    };
    let [first, second, third] = hands;
    tokio::join!(end(first), end(second), end(third));
}

/// How much is to be said to servers in a folder, very roughly in commands. `remote`: which
/// sides are servers.
fn effort(folder: &FolderPlan, phase: Phase, remote: Both<bool>) -> usize {
    let is_said = |action: &&Action| match action {
        // What was read already only has to be written.
        Action::Copy { to, .. } => {
            phase == Phase::Bring && (*remote.of(*to) || folder.gathered.of(*to).is_none())
        }
        Action::Flag { edits, .. } => {
            let is_changed = |side: &Side| *remote.of(*side) && !edits.of(*side).is_empty();
            phase == Phase::Bring && Side::BOTH.iter().any(is_changed)
        }
        Action::Delete { side, .. } => phase == Phase::Take && *remote.of(*side),
        Action::Forget { .. } => false,
    };
    let actions = folder.outcome.actions.iter().filter(is_said).count();
    if actions == 0 { 0 } else { 1 + actions / 8 }
}

/// Effort from which on one more connection is worth opening, which takes some eight round
/// trips.
const WORTH: usize = 16;

/// Does a phase in all folders, by as many connections as are worth it.
async fn run(
    shop: &Shop<'_>,
    pair: &mut Pair,
    hands: &mut [Hand; 3],
    more: Option<&More<'_>>,
    plan: &mut Plan,
    phase: Phase,
) -> anyhow::Result<()> {
    let remote = more.map(More::remote).unwrap_or_default();
    let efforts = plan.folders.iter().map(|folder| effort(folder, phase, remote));
    let (mut busy, mut all) = (0, 0);
    for effort in efforts {
        busy += usize::from(effort > 0);
        all += effort;
    }
    // The first one is there already.
    let most = more.map_or(1, More::connections).min(busy).min(1 + all / WORTH);
    shop.waiting.borrow_mut().extend(plan.folders.drain(..).enumerate());
    let [second, third, fourth] = hands;
    let (first, second, third, fourth) = tokio::join!(
        worker(shop, pair, phase),
        helper(shop, second, more.filter(|_| most > 1), phase),
        helper(shop, third, more.filter(|_| most > 2), phase),
        helper(shop, fourth, more.filter(|_| most > 3), phase)
    );
    let mut finished = shop.finished.take();
    finished.extend(shop.waiting.take());
    finished.sort_by_key(|(at, _)| *at);
    plan.folders.extend(finished.into_iter().map(|(_, folder)| folder));
    first.and(second).and(third).and(fourth)
}

/// Shares the work by a connection of its own; `more` opens it where there is none yet.
async fn helper(
    shop: &Shop<'_>,
    hand: &mut Hand,
    more: Option<&More<'_>>,
    phase: Phase,
) -> anyhow::Result<()> {
    if let (Hand::Idle, Some(more)) = (&hand, more) {
        // One that cannot be had is no mistake: the others do its work.
        *hand = match more.open().await {
            Ok(pair) => Hand::Open(Box::new(pair)),
            Err(_) => Hand::None,
        };
    }
    match hand {
        Hand::Open(pair) => worker(shop, pair, phase).await,
        Hand::Idle | Hand::None => Ok(()),
    }
}

async fn worker(shop: &Shop<'_>, pair: &mut Pair, phase: Phase) -> anyhow::Result<()> {
    while let Some((at, mut folder)) = shop.next() {
        let ended = match phase {
            Phase::Bring => bring(shop, pair, &mut folder).await,
            Phase::Take => take(shop, pair, &mut folder).await,
        };
        let ended = ended.with_context(|| format!("folder {}", folder.name));
        shop.finished.borrow_mut().push((at, folder));
        if ended.is_err() {
            shop.has_failed.set(true);
            return ended;
        }
    }
    Ok(())
}

/// Gives folders their new names. Those below a folder go with it.
async fn rename(shop: &Shop<'_>, pair: &mut Pair, plan: &mut Plan) -> anyhow::Result<()> {
    let mut gone_along: Vec<(Side, String, String)> = Vec::new();
    for rename in &plan.rename {
        let Some(side) = rename.side else { continue };
        let went = gone_along.iter().any(|(at, from, to)| {
            let rest = rename.from.strip_prefix(from.as_str());
            *at == side && rest.is_some() && rename.to.strip_prefix(to.as_str()) == rest
        });
        if !went {
            pair.seat(side).forget();
            let renamed = pair.store(side).rename(&rename.from, &rename.to).await;
            renamed.with_context(|| format!("folder {}", rename.from))?;
            gone_along.push((side, format!("{}/", rename.from), format!("{}/", rename.to)));
        }
        shop.count(|done| done.of_mut(side).renamed += 1);
        for folder in &mut plan.folders {
            if folder.name == rename.to {
                folder.names.of_mut(side).clone_from(&rename.to);
            }
        }
    }
    if !plan.rename.is_empty() {
        let names: Vec<(i64, String)> =
            plan.rename.iter().map(|rename| (rename.key, rename.to.clone())).collect();
        shop.state().rename_folders(&names)?;
    }
    Ok(())
}

/// Creates the folders that are missing on a side. One that the side cannot have by its name
/// is told and left alone.
async fn create(
    pair: &mut Pair,
    plan: &mut Plan,
    side: Side,
    names: Vec<String>,
) -> anyhow::Result<usize> {
    if names.is_empty() {
        return Ok(0);
    }
    let mut created: HashSet<String> = HashSet::new();
    let with_use = |name: &String| (name.clone(), plan.uses.of(side).get(name).cloned());
    let wanted: Vec<_> = names.iter().map(with_use).collect();
    let made = pair.store(side).create_for(&wanted).await;
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
                        let reason = error.to_string();
                        plan.refused.push(Refused { side, folder: name, reason });
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Err(error) => return Err(error.into()),
    }
    let made: Vec<&mut FolderPlan> = plan
        .folders
        .iter_mut()
        .filter(|folder| {
            folder.status.of(side).is_none() && created.contains(folder.names.of(side))
        })
        .collect();
    let asked: Vec<_> = made.iter().map(|folder| (folder.names.of(side).clone(), None)).collect();
    if !asked.is_empty() {
        pair.seat(side).forget();
        let found = pair.store(side).survey(&asked, false).await?;
        for (folder, changes) in made.into_iter().zip(found) {
            *folder.status.of_mut(side) = Some(changes.status);
        }
    }
    Ok(created.len())
}

/// The key of a folder in the state, with all written that has to be before anything is
/// changed; `None` for one that is on one side alone.
fn open(shop: &Shop<'_>, folder: &mut FolderPlan) -> anyhow::Result<Option<i64>> {
    let (Some(far), Some(near)) = (folder.status.far, folder.status.near) else {
        return Ok(None);
    };
    if folder.key.is_some() {
        return Ok(folder.key);
    }
    let generations = Both { far: far.uid_validity, near: near.uid_validity };
    if let Some(known) = &folder.known
        && folder.opening.is_empty()
        && known.sides.far.uid_validity == generations.far
        && known.sides.near.uid_validity == generations.near
        && Side::BOTH.into_iter().all(|side| {
            let now = folder.mailbox_ids.of(side);
            now.is_none() || known.mailbox_ids.of(side) == now
        })
    {
        folder.key = Some(known.key);
        return Ok(folder.key);
    }
    let opening = std::mem::take(&mut folder.opening);
    let (name, ids) = (&folder.name, &folder.mailbox_ids);
    let key = shop.state().open_folder(name, generations, ids, &opening, &mut folder.rows)?;
    folder.key = Some(key);
    Ok(folder.key)
}

/// All that is to be done in one folder but deletions.
async fn bring(shop: &Shop<'_>, pair: &mut Pair, folder: &mut FolderPlan) -> anyhow::Result<()> {
    let Some(key) = open(shop, folder)? else { return Ok(()) };
    for to in [Side::Near, Side::Far] {
        let copied = copy(shop, pair, folder, key, to).await?;
        shop.count(|done| done.of_mut(to).copied += copied);
    }
    flag(shop, pair, folder, key).await?;
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
        shop.state().forget(&forgotten)?;
    }
    Ok(())
}

/// Selects the folder that the plan speaks of: in one that was made anew since, its ids are
/// those of other messages.
///
/// # Errors
/// The store's, and a [`Failure`] for a folder that was made anew.
pub async fn select(
    pair: &mut Pair,
    folder: &FolderPlan,
    side: Side,
    writable: bool,
) -> anyhow::Result<()> {
    let found = pair.select(side, folder.names.of(side), writable).await?;
    if folder.status.of(side).is_some_and(|planned| planned.uid_validity != found.uid_validity) {
        let message = format!("it was made anew on the {side} side while the run was planned");
        let hint = "nothing was changed in it: run sync again";
        return Err(Failure::new(Exit::TempFail, message).hint(hint).into());
    }
    Ok(())
}

/// Moves messages to other folders, where somebody has moved them on the other side.
async fn move_all(
    shop: &Shop<'_>,
    pair: &mut Pair,
    folders: &mut [FolderPlan],
    moves: &[Move],
) -> anyhow::Result<()> {
    let mut groups: BTreeMap<(Side, usize, usize), Vec<&Move>> = BTreeMap::new();
    for one in moves {
        groups.entry((one.side, one.from, one.to)).or_default().push(one);
    }
    for ((side, from, to), group) in groups {
        // Rows get their keys before they are spoken of.
        open(shop, &mut folders[from])?;
        let Some(key) = open(shop, &mut folders[to])? else { continue };
        for batch in group.chunks(BATCH) {
            let name = folders[to].name.clone();
            let moved = move_batch(shop, pair, folders, side, (from, to), key, batch).await;
            let moved = moved.with_context(|| format!("folder {name}"))?;
            shop.count(|done| done.of_mut(side).moved += moved);
        }
    }
    Ok(())
}

/// Moves messages from one folder to another; how many. Flags are merged first, where the
/// message is: until the move is recorded it is known by those that it had before.
async fn move_batch(
    shop: &Shop<'_>,
    pair: &mut Pair,
    folders: &mut [FolderPlan],
    side: Side,
    (from, to): (usize, usize),
    key: i64,
    batch: &[&Move],
) -> anyhow::Result<usize> {
    let uid_next = folders[to].status.of(side).map_or(0, |status| status.uid_next);
    let mut intents: Vec<Intent> = batch
        .iter()
        .filter_map(|one| {
            Some(Intent {
                key: None,
                to: side,
                source: one.source.clone(),
                row: None,
                flags: one.before.clone(),
                moved: folders[from].rows[one.row].key,
                digest: one.marks.whole?,
                header: one.marks.header,
                message_id: String::new(),
                uid_next,
                stored: false,
            })
        })
        .collect();
    // Whether a side keeps keywords in this folder, too, will be seen where it is not yet.
    let given = || batch.iter().flat_map(|one| [&one.before, &one.flags]);
    let mut keywords = copy::keywords(side, given());
    let unseen = |name: &str| {
        let lacks =
            |one: &&Move| !one.there.has(name) && (one.before.has(name) || one.flags.has(name));
        batch.iter().any(lacks)
    };
    keywords.extend(copy::keywords(side.other(), given()).into_iter().filter(|(_, n)| unseen(n)));
    shop.state().intend(key, &mut intents, &keywords)?;

    select(pair, &folders[from], side, true).await?;
    let here = batch.iter().map(|one| (one.id.clone(), one.edits.of(side)));
    let (changes, flagged) = grouped(here);
    if !changes.is_empty() {
        pair.store(side).flag(&changes).await?;
    }
    let ids: Vec<Id> = batch.iter().map(|one| one.id.clone()).collect();
    let name = folders[to].names.of(side).clone();
    let mut places = pair.store(side).move_to(&ids, &name).await?;
    places.resize(intents.len(), None);
    if places.iter().any(Option::is_none) {
        find_places(pair.seat(side), &folders[to], side, &intents, &mut places).await?;
    }
    let there = batch.iter().map(|one| (one.source.clone(), one.edits.of(side.other())));
    let (changes, flagged_there) = grouped(there);
    if !changes.is_empty() {
        select(pair, &folders[to], side.other(), true).await?;
        pair.store(side.other()).flag(&changes).await?;
    }
    shop.count(|done| {
        done.of_mut(side).flagged += flagged;
        done.of_mut(side.other()).flagged += flagged_there;
    });
    let mut made = Vec::with_capacity(batch.len());
    for ((one, intent), place) in batch.iter().zip(&intents).zip(places) {
        let (Some(place), Some(intent_key)) = (place, intent.key) else {
            // Deleted meanwhile: what is left of it is copied by the next run.
            for at in [from, to] {
                folders[at].outcome.pending = Both { far: true, near: true };
            }
            continue;
        };
        folders[to].taken.of_mut(side).push(place.clone());
        made.push(Made {
            intent: intent_key,
            row: None,
            ids: super::bind::ids_of(side, place, one.source.clone()),
            flags: one.flags.clone(),
            marks: one.marks,
            moved: intent.moved,
        });
    }
    shop.state().record(key, &made)?;
    Ok(made.len())
}

/// Changes flags on both sides, and knows the messages by the new ones.
async fn flag(
    shop: &Shop<'_>,
    pair: &mut Pair,
    folder: &FolderPlan,
    key: i64,
) -> anyhow::Result<()> {
    let mut edits: Vec<(usize, &Both<Edit>)> = Vec::new();
    let mut after: Vec<(i64, Flags)> = Vec::new();
    for action in &folder.outcome.actions {
        if let Action::Flag { row, edits: both, flags } = action {
            edits.push((*row, both));
            after.extend(folder.rows[*row].key.map(|key| (key, flags.clone())));
        }
    }
    for side in Side::BOTH {
        let of_side = edits.iter().map(|(row, both)| {
            let id = folder.rows[*row].ids.of(side).clone();
            (id, both.of(side))
        });
        let (changes, count) = grouped(of_side);
        if changes.is_empty() {
            continue;
        }
        let keywords = keywords(side, changes.iter().map(|change| &change.add));
        if !keywords.is_empty() {
            shop.state().set_keywords(key, &keywords)?;
        }
        select(pair, folder, side, true).await?;
        pair.store(side).flag(&changes).await?;
        shop.count(|done| done.of_mut(side).flagged += count);
    }
    shop.results.borrow_mut().flags.extend(after);
    Ok(())
}

/// Messages whose flags change in the same way, together; and how many messages in all.
fn grouped<'e>(edits: impl Iterator<Item = (Id, &'e Edit)>) -> (Vec<FlagChange>, usize) {
    let names = |flags: &Flags| -> Vec<String> {
        flags.iter().map(|flag: &Flag| flag.name().to_ascii_lowercase()).collect()
    };
    let mut groups: BTreeMap<(Vec<String>, Vec<String>), FlagChange> = BTreeMap::new();
    let mut count = 0;
    for (id, edit) in edits.filter(|(_, edit)| !edit.is_empty()) {
        count += 1;
        groups
            .entry((names(&edit.add), names(&edit.remove)))
            .or_insert_with(|| FlagChange {
                ids: Vec::new(),
                add: edit.add.clone(),
                remove: edit.remove.clone(),
            })
            .ids
            .push(id);
    }
    (groups.into_values().collect(), count)
}

/// Deletes what is to be deleted in a folder, and writes down up to where all is done.
async fn take(shop: &Shop<'_>, pair: &mut Pair, folder: &mut FolderPlan) -> anyhow::Result<()> {
    for side in Side::BOTH {
        let deleted = delete(shop, pair, folder, side).await?;
        shop.count(|done| done.of_mut(side).deleted += deleted);
    }
    if let Some(key) = open(shop, folder)? {
        settle(shop, folder, key);
    }
    Ok(())
}

/// Deletes what is to be deleted on one side; how many messages.
async fn delete(
    shop: &Shop<'_>,
    pair: &mut Pair,
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
    for batch in doomed.chunks(BATCH) {
        select(pair, folder, side, true).await?;
        let ids: Vec<Id> = batch.iter().map(|(id, _)| id.clone()).collect();
        match pair.store(side).delete(&ids).await? {
            Deleted::Gone => {
                let rows: Vec<i64> = batch.iter().filter_map(|(_, row)| *row).collect();
                if !rows.is_empty() {
                    shop.state().forget(&rows)?;
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

/// Removes folders that are gone from the other side, unless something came into them since.
async fn remove(shop: &Shop<'_>, pair: &mut Pair, plan: &mut Plan) -> anyhow::Result<()> {
    // Those below a folder go before it.
    for folder in plan.folders.iter().rev() {
        let Fate::Removed(side) = folder.fate else { continue };
        let name = folder.names.of(side).clone();
        let status = pair.select_anew(side, &name, false).await;
        let is_empty = match status {
            Ok(status) => status.messages == 0,
            Err(Error::NoFolder(_)) => continue,
            Err(error) => return Err(anyhow::Error::from(error).context(format!("folder {name}"))),
        };
        if !is_empty {
            continue;
        }
        pair.seat(side).forget();
        match pair.store(side).remove(std::slice::from_ref(&name)).await {
            Ok(()) | Err(Error::NoFolder(_)) => {
                shop.count(|done| done.of_mut(side).removed += 1);
                if let Some(known) = &folder.known {
                    shop.state().forget_folders(&[known.key])?;
                }
            }
            Err(error) if error.is_refusal() => {
                let reason = error.to_string();
                plan.refused.push(Refused { side, folder: name, reason });
            }
            Err(error) => return Err(anyhow::Error::from(error).context(format!("folder {name}"))),
        }
    }
    Ok(())
}

/// Subscribes and unsubscribes. A side that refuses is told of, and nothing else waits for it.
async fn subscribe(shop: &Shop<'_>, pair: &mut Pair, plan: &mut Plan) -> anyhow::Result<()> {
    let refused: HashSet<String> =
        plan.refused.iter().map(|refused| refused.folder.clone()).collect();
    for side in Side::BOTH {
        for subscribed in [true, false] {
            let wanted = plan.subscribe.of(side).iter();
            let names: Vec<String> = wanted
                .filter(|(name, wanted)| *wanted == subscribed && !refused.contains(name))
                .map(|(name, _)| name.clone())
                .collect();
            if names.is_empty() {
                continue;
            }
            match pair.store(side).subscribe(&names, subscribed).await {
                Ok(()) => shop.count(|done| done.of_mut(side).subscribed += names.len()),
                Err(error) if error.is_refusal() => {
                    report::warning(&format!("subscriptions on the {side} side: {error}"));
                    plan.subscribed.retain(|(name, _)| !names.contains(name));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    if !plan.subscribed.is_empty() {
        let known = shop.state().folders()?;
        let keys: Vec<(i64, bool)> = plan
            .subscribed
            .iter()
            .filter_map(|(name, subscribed)| Some((known.get(name)?.key, *subscribed)))
            .collect();
        shop.state().set_subscribed(&keys)?;
    }
    Ok(())
}

/// Keeps up to where all was carried over, if that is news.
fn settle(shop: &Shop<'_>, folder: &FolderPlan, key: i64) {
    let (Some(far), Some(near)) = (&folder.status.far, &folder.status.near) else { return };
    let pending = folder.outcome.pending;
    let known = Both { far: Known::new(far, !pending.far), near: Known::new(near, !pending.near) };
    if folder.known.as_ref().is_none_or(|before| before.sides != known) {
        shop.results.borrow_mut().settled.push((key, known));
    }
}
