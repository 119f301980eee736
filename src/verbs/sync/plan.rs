//! The plan of a whole run: every folder of both sides looked at, and all that has to be done
//! known before anything is done. Here stand the rules that stop a run: a root that has gone
//! away is never a deletion, and more deletions than the brake allows are not begun.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use anyhow::Context as _;

use super::diff::{Both, Mode, Side};
use super::expire;
use super::moves::{self, Move};
use super::names::Names;
use super::pair::Pair;
use super::scan::{self, Fate, FolderPlan, Wanted};
use super::select::{self, Choice};
use super::state::{KnownFolder, State};
use super::tree::{self, Rename};
use crate::store::pattern::{canonical, matches, matches_any};
use crate::store::{Folder, Id};
use crate::ui::{Exit, Failure};

/// Which folders, and which way.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Which way changes go.
    pub mode: Mode,
    /// The folder that a location names; the other side's then has the same name unless it
    /// names one too.
    pub only: Both<Option<String>>,
    /// Patterns of names; none: all.
    pub patterns: Vec<String>,
    /// Patterns of names to leave out.
    pub exclude: Vec<String>,
    /// Which messages.
    pub choice: Choice,
    /// What folders are called near; `None`: as they are far.
    pub names: Option<Rc<Names>>,
}

impl Scope {
    /// Whether a folder of this name is wanted, where no location names one.
    pub fn has(&self, name: &str) -> bool {
        matches_any(&self.patterns, name)
            && !self.exclude.iter().any(|pattern| matches(pattern, name))
    }

    /// What a folder is called near.
    pub fn near_of(&self, far: &str) -> String {
        self.names.as_ref().map_or_else(|| far.to_owned(), |names| names.near_of(far))
    }

    /// Whether a location names one folder.
    pub fn is_one_folder(&self) -> bool {
        self.only.far.is_some() || self.only.near.is_some()
    }
}

/// A folder that was synchronised and is gone from one side: left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Its name.
    pub folder: String,
    /// Where it is gone.
    pub from: Side,
}

/// A folder that a side cannot have, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which side.
    pub side: Side,
    /// The name.
    pub folder: String,
    /// Why not, in the store's words.
    pub reason: String,
}

/// All that a run will do.
#[derive(Debug)]
pub struct Plan {
    /// Which way changes go.
    pub mode: Mode,
    /// Folders that get another name.
    pub rename: Vec<Rename>,
    /// Folders to create.
    pub create: Both<Vec<String>>,
    /// Folders to create again, with all that is in them on the other side.
    pub restore: Both<Vec<String>>,
    /// The special use that a folder gets which is created, by its name: that which it has on
    /// the other side, where no folder of this side has it.
    pub uses: Both<BTreeMap<String, String>>,
    /// Folders to remove once they are empty.
    pub remove: Both<Vec<String>>,
    /// Folders to subscribe to, or to unsubscribe from.
    pub subscribe: Both<Vec<(String, bool)>>,
    /// What is known of subscriptions from then on.
    pub subscribed: Vec<(String, bool)>,
    /// Messages that go to another folder; places are those of `folders`.
    pub moves: Vec<Move>,
    /// What to do in each folder.
    pub folders: Vec<FolderPlan>,
    /// Keys of folders that no side has any more.
    pub forgotten: Vec<i64>,
    /// Folders that are left alone.
    pub gone: Vec<Gone>,
    /// Folders that were deleted on a side, and are kept, as the other went on with them.
    pub restored: Vec<Gone>,
    /// Folders that could not be created.
    pub refused: Vec<Refused>,
    /// Messages of folders that were made anew, of which nobody can say what they are: those
    /// folders are left alone.
    pub contradictions: Vec<(String, Both<Id>)>,
    /// How many messages `--max-bytes` leaves for a later run.
    pub left: usize,
}

/// Looks at both sides and plans. `writable`: the plan will be carried out.
///
/// # Errors
/// The stores' and the state's, and a [`Failure`] where a side's root has gone away.
pub async fn plan(
    pair: &mut Pair,
    state: &State,
    scope: &Scope,
    writable: bool,
) -> anyhow::Result<Plan> {
    let mut known = state.folders()?;
    if state.choice()? != scope.choice.mark {
        // What was passed over before may be wanted now.
        for folder in known.values_mut() {
            folder.sides.far.forget_point();
            folder.sides.near.forget_point();
        }
    }
    let mut plan = Plan::new(scope.mode);
    let listed = list(pair, scope).await?;
    let wanted = choose(&listed, &known, scope);
    refuse_missing_root(&listed, &known, &wanted, scope, state)?;
    refuse_other_names(&listed, &known, scope, state)?;
    let wanted = match scope.is_one_folder() {
        true => wanted,
        false => {
            let chosen: BTreeMap<String, KnownFolder> = known
                .iter()
                .filter(|(name, _)| scope.has(name))
                .map(|(name, folder)| (name.clone(), folder.clone()))
                .collect();
            plan.rename = tree::renamed(pair, state, &listed, &chosen, scope.mode).await?;
            under_new_names(&plan.rename, &listed, known, scope)
        }
    };
    let (mut wanted, gone, forgotten) = tree::decide(pair, scope, wanted).await?;
    (plan.gone, plan.forgotten) = (gone, forgotten);
    subscriptions(&mut plan, &wanted, scope);
    plan.uses = uses(&listed, &wanted);
    if scope.choice.folders_only {
        for one in wanted {
            if let Fate::Created(side) = one.fate {
                plan.create.of_mut(side).push(one.names.of(side).clone());
            }
        }
        return Ok(plan);
    }
    // One that is new on a side, and that this way does not carry over, has nothing to do.
    wanted.retain(|one| {
        let is_there = |side: Side| one.listed.of(side).is_some();
        one.fate != Fate::Stays
            || (is_there(Side::Far) && is_there(Side::Near))
            || scope.mode == Mode::Mirror
    });
    let mut looked = scan::look(pair, state, wanted, writable).await?;
    looked.retain(|folder| {
        let contradictions = &folder.contradictions;
        let name = &folder.wanted.name;
        plan.contradictions.extend(contradictions.iter().map(|ids| (name.clone(), ids.clone())));
        contradictions.is_empty()
    });
    plan.moves = moves::find(pair, state, &mut looked, scope.mode).await?;
    for mut folder in looked {
        match folder.wanted.fate {
            // Somebody went on with it on the side that still has it.
            Fate::Removed(side) if scope.mode != Mode::Mirror && folder.has_news(side) => {
                let lost = side.other();
                if scope.mode.changes(lost) {
                    folder.wanted.fate = Fate::Restored(lost);
                    plan.restored.push(Gone { folder: folder.wanted.name.clone(), from: lost });
                } else {
                    folder.wanted.fate = Fate::Stays;
                }
            }
            _ => {}
        }
        let names = &folder.wanted.names;
        match folder.wanted.fate {
            Fate::Created(side) => plan.create.of_mut(side).push(names.of(side).clone()),
            Fate::Restored(side) => plan.restore.of_mut(side).push(names.of(side).clone()),
            Fate::Removed(side) => plan.remove.of_mut(side).push(names.of(side).clone()),
            Fate::Stays => {}
        }
        let name = folder.wanted.name.clone();
        let mut folder = folder.decide(scope.mode);
        expire::take_up(state, &mut folder)?;
        let trimmed = scope.choice.trim(pair, &mut folder, scope.mode).await;
        trimmed.with_context(|| format!("folder {name}"))?;
        plan.folders.push(folder);
    }
    if let Some(most) = scope.choice.max_bytes {
        plan.left = select::cut(&mut plan.folders, most);
    }
    Ok(plan)
}

/// The folders that are wanted, those that get another name under that one.
fn under_new_names(
    renames: &[Rename],
    listed: &Both<BTreeMap<String, Folder>>,
    mut known: BTreeMap<String, KnownFolder>,
    scope: &Scope,
) -> Vec<Wanted> {
    let mut moved = Vec::new();
    for rename in renames {
        let before = known.iter().find(|(_, folder)| folder.key == rename.key);
        if let Some(name) = before.map(|(name, _)| name.clone())
            && let Some(folder) = known.remove(&name)
        {
            moved.push((rename.to.clone(), folder));
        }
    }
    known.extend(moved);
    let mut wanted = choose(listed, &known, scope);
    for rename in renames {
        let Some(side) = rename.side else { continue };
        // Under the old name it is only there still.
        wanted.retain(|one| one.name != rename.from || one.known.is_some());
        if let Some(one) = wanted.iter_mut().find(|one| one.name == rename.to) {
            one.names.of_mut(side).clone_from(&rename.from);
            *one.listed.of_mut(side) = listed.of(side).get(&rename.from).cloned();
        }
    }
    wanted
}

/// The special uses of folders that a side does not have yet.
fn uses(
    listed: &Both<BTreeMap<String, Folder>>,
    wanted: &[Wanted],
) -> Both<BTreeMap<String, String>> {
    let mut uses: Both<BTreeMap<String, String>> = Both::default();
    for side in Side::BOTH {
        let has = |special: &str| {
            let all = listed.of(side).values().flat_map(|folder| &folder.special_use);
            all.into_iter().any(|own| own.eq_ignore_ascii_case(special))
        };
        let mut given: Vec<&str> = Vec::new();
        for one in wanted.iter().filter(|one| one.listed.of(side).is_none()) {
            let Some(there) = one.listed.of(side.other()) else { continue };
            let free = |special: &&String| !has(special) && !given.contains(&special.as_str());
            // A folder has one use to be made for; more are rare, and not all servers take them.
            let Some(special) = there.special_use.iter().find(free) else { continue };
            given.push(special);
            uses.of_mut(side).insert(one.names.of(side).clone(), special.clone());
        }
    }
    uses
}

/// Plans the subscriptions of folders that both sides will have.
fn subscriptions(plan: &mut Plan, wanted: &[Wanted], scope: &Scope) {
    for one in wanted.iter().filter(|one| !matches!(one.fate, Fate::Removed(_))) {
        let told = |side: Side| one.listed.of(side).as_ref().map(|folder| folder.subscribed);
        let now = |side: Side| match (told(side), one.fate) {
            (Some(told), _) => told,
            // One that is made now is not subscribed to yet.
            (None, Fate::Created(made)) if made == side => Some(false),
            (None, _) => None,
        };
        let known = one.known.as_ref().and_then(|known| known.subscribed);
        let now = Both { far: now(Side::Far), near: now(Side::Near) };
        // A folder of one side alone has nothing to be compared with.
        if now.far.is_none() || now.near.is_none() {
            continue;
        }
        let (change, after) = tree::subscription(known, now, scope.mode);
        for side in Side::BOTH {
            if let Some(subscribed) = change.of(side) {
                plan.subscribe.of_mut(side).push((one.name.clone(), *subscribed));
            }
        }
        if let Some(after) = after.filter(|after| known != Some(*after)) {
            plan.subscribed.push((one.name.clone(), after));
        }
    }
}

/// The folders of both sides by their names.
///
/// # Errors
/// The stores'.
pub async fn list(
    pair: &mut Pair,
    scope: &Scope,
) -> anyhow::Result<Both<BTreeMap<String, Folder>>> {
    let patterns = |side: Side| -> Vec<String> { scope.only.of(side).iter().cloned().collect() };
    let (far_patterns, near_patterns) = (patterns(Side::Far), patterns(Side::Near));
    let (far, near) = pair.split(Side::Far);
    let (far, near) =
        tokio::join!(far.store().folders(&far_patterns), near.store().folders(&near_patterns));
    let mut listed: Both<BTreeMap<String, Folder>> = Both::default();
    for (side, folders) in [(Side::Far, far), (Side::Near, near)] {
        let folders =
            folders.with_context(|| format!("cannot list the folders of the {side} side"))?;
        *listed.of_mut(side) =
            folders.into_iter().map(|folder| (canonical(&folder.name), folder)).collect();
        // Levels above other folders are no folders; one that has nothing below it is told, as
        // it may stand where a disk is not mounted.
        let all = listed.of_mut(side);
        let names: BTreeSet<String> = all.keys().cloned().collect();
        all.retain(|name, folder| {
            let below = format!("{name}/");
            let is_level =
                names.range(below.clone()..).next().is_some_and(|n| n.starts_with(&below));
            folder.selectable || !is_level
        });
    }
    Ok(listed)
}

/// The folders of either side, and those known, as far as they are wanted.
pub fn choose(
    listed: &Both<BTreeMap<String, Folder>>,
    known: &BTreeMap<String, KnownFolder>,
    scope: &Scope,
) -> Vec<Wanted> {
    let of = |name: &str, names: Both<String>| Wanted {
        name: name.to_owned(),
        listed: Both {
            far: listed.far.get(&canonical(&names.far)).cloned(),
            near: listed.near.get(&canonical(&names.near)).cloned(),
        },
        names,
        known: known.get(name).cloned(),
        fate: Fate::Stays,
    };
    let only = match (&scope.only.far, &scope.only.near) {
        (Some(far), Some(near)) => Some((far, near)),
        (Some(one), None) | (None, Some(one)) => Some((one, one)),
        (None, None) => None,
    };
    if let Some((far, near)) = only {
        let names = Both { far: canonical(far), near: canonical(near) };
        let name = names.far.clone();
        let wanted = of(&name, names);
        let exists = wanted.listed.far.is_some() || wanted.listed.near.is_some();
        return if exists || wanted.known.is_some() { vec![wanted] } else { Vec::new() };
    }
    let names: BTreeSet<&String> =
        listed.far.keys().chain(listed.near.keys()).chain(known.keys()).collect();
    names
        .into_iter()
        .filter(|name| scope.has(name))
        .map(|name| of(name, Both { far: name.clone(), near: name.clone() }))
        .collect()
}

/// An unmounted disk, a wrong path, a server that lists nothing: never a deletion.
fn refuse_missing_root(
    listed: &Both<BTreeMap<String, Folder>>,
    known: &BTreeMap<String, KnownFolder>,
    wanted: &[Wanted],
    scope: &Scope,
    state: &State,
) -> anyhow::Result<()> {
    let is_one_folder = scope.only.far.is_some() || scope.only.near.is_some();
    if is_one_folder && wanted.is_empty() {
        let name = scope.only.far.as_ref().or(scope.only.near.as_ref());
        let name = name.cloned().unwrap_or_default();
        let message = format!("neither side has a folder {name}");
        return Err(Failure::new(Exit::NoInput, message).into());
    }
    for side in Side::BOTH {
        let before = known
            .keys()
            .filter(|name| wanted.iter().any(|wanted| wanted.name == **name) || wanted.is_empty());
        let (mut count, mut left) = (0, 0);
        for name in before {
            count += 1;
            let found = listed.of(side).get(name);
            left += usize::from(found.is_some_and(|folder| folder.selectable));
        }
        let is_gone = count > 0 && left == 0 && !is_one_folder;
        let is_source = match scope.mode {
            Mode::Pull | Mode::Mirror | Mode::Copy => side == Side::Far,
            Mode::Push => side == Side::Near,
            Mode::TwoWay => false,
        };
        let has_nothing = listed.of(side).is_empty() && !is_one_folder;
        // One that was known is told of later, and left alone.
        let unfound =
            wanted.iter().find(|one| one.known.is_none() && one.listed.of(side).is_none());
        if let Some(one) = unfound.filter(|_| is_source && is_one_folder) {
            let name = one.names.of(side);
            let message = format!("the {side} side has no folder {name}: nothing was changed");
            return Err(Failure::new(Exit::NoInput, message).into());
        }
        if is_gone {
            let message = format!(
                "the {side} side has none of the {count} folders that were synchronised before: \
                 nothing was changed"
            );
            let hint = format!(
                "see whether it is mounted and the location is right; to begin anew, remove {}",
                state.path()
            );
            return Err(Failure::new(Exit::TempFail, message).hint(hint).into());
        }
        if has_nothing && is_source {
            let message = format!("the {side} side has no folders: nothing was changed");
            return Err(Failure::new(Exit::NoInput, message).into());
        }
    }
    if listed.far.is_empty() && listed.near.is_empty() && !is_one_folder {
        let message = "neither side has any folders: nothing was changed";
        return Err(Failure::new(Exit::NoInput, message).into());
    }
    Ok(())
}

/// A folder that is kept near under another name than this run would look for is there, and not
/// deleted: other options shall not make it so.
fn refuse_other_names(
    listed: &Both<BTreeMap<String, Folder>>,
    known: &BTreeMap<String, KnownFolder>,
    scope: &Scope,
    state: &State,
) -> anyhow::Result<()> {
    if scope.is_one_folder() {
        return Ok(());
    }
    let is_here = |name: &str| match &scope.names {
        Some(names) => names.is_here(name),
        None => listed.near.get(name).is_some_and(|folder| folder.selectable),
    };
    let before = state.near_names()?;
    // One that far has not any more is renamed or deleted there, whatever it was called near.
    for far in known.keys().filter(|far| listed.far.contains_key(*far)) {
        let (was, is) = (before.get(far).unwrap_or(far), scope.near_of(far));
        if *was != is && is_here(was) {
            let message = format!(
                "the folder {far} is kept near as {was}, and this run would look for it as {is}: \
                 nothing was changed"
            );
            let hint = format!(
                "give --rename and --special-use as before, or call the near folder {is} first"
            );
            return Err(Failure::usage(message).hint(hint).into());
        }
    }
    Ok(())
}

impl Plan {
    /// A plan of nothing.
    fn new(mode: Mode) -> Self {
        Self {
            mode,
            rename: Vec::new(),
            create: Both::default(),
            restore: Both::default(),
            uses: Both::default(),
            remove: Both::default(),
            subscribe: Both::default(),
            subscribed: Vec::new(),
            moves: Vec::new(),
            folders: Vec::new(),
            forgotten: Vec::new(),
            gone: Vec::new(),
            restored: Vec::new(),
            refused: Vec::new(),
            contradictions: Vec::new(),
            left: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known_folder(key: i64) -> KnownFolder {
        let (sides, mailbox_ids) = (Both::default(), Both::default());
        KnownFolder { key, sides, mailbox_ids, subscribed: None }
    }

    #[test]
    fn a_folder_that_is_known_is_chosen_as_long_as_one_side_has_it() {
        let folder = |name: &str| {
            let folder = Folder { name: name.into(), selectable: true, ..Folder::default() };
            (canonical(name), folder)
        };
        let listed = Both {
            far: [folder("inbox"), folder("Lists/a"), folder("Lists/b")].into_iter().collect(),
            near: [folder("INBOX"), folder("Drafts")].into_iter().collect(),
        };
        let known = BTreeMap::from([
            ("Lists/b".to_owned(), known_folder(1)),
            ("Old".to_owned(), known_folder(2)),
        ]);
        let chosen = |scope: &Scope| -> Vec<String> {
            let wanted = choose(&listed, &known, scope).into_iter();
            let there = |one: &Wanted| one.listed.far.is_some() || one.listed.near.is_some();
            wanted.filter(there).map(|wanted| wanted.name).collect()
        };
        assert_eq!(chosen(&Scope::default()), ["Drafts", "INBOX", "Lists/a", "Lists/b"]);
        let scope = Scope {
            patterns: vec!["Lists/*".into(), "inbox".into()],
            exclude: vec!["*/a".into()],
            ..Scope::default()
        };
        assert_eq!(chosen(&scope), ["INBOX", "Lists/b"]);
        let scope = Scope {
            only: Both { far: Some("Lists/a".into()), near: Some("Drafts".into()) },
            ..Scope::default()
        };
        let wanted = choose(&listed, &known, &scope);
        assert_eq!(wanted.len(), 1);
        assert_eq!(wanted[0].names.near, "Drafts");
        assert!(wanted[0].listed.far.is_some() && wanted[0].listed.near.is_some());
    }
}
