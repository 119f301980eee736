//! The plan of a whole run: every folder of both sides looked at, and all that has to be done
//! known before anything is done. Here stand the rules that stop a run: a root that has gone
//! away is never a deletion, and more deletions than the brake allows are not begun.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde::Serialize;

use super::diff::{Action, Both, Mode, Side};
use super::expire;
use super::pair::Pair;
use super::planfile::Origin;
use super::scan::{FolderPlan, Wanted, scan};
use super::select::{self, Choice};
use super::state::{KnownFolder, State};
use crate::store::pattern::{canonical, matches, matches_any};
use crate::store::{Flag, Flags, Folder};
use crate::ui::{Exit, Failure, Format, Output};

/// Deletions on a side that are always allowed.
const FREE_DELETIONS: usize = 10;

/// Percentage of a side's messages that may be deleted.
const FREE_PERCENT: usize = 5;

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
}

/// How many deletions are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxDelete {
    /// So many on each side.
    Messages(usize),
    /// So many of a hundred of each side's messages.
    Percent(usize),
}

impl std::fmt::Display for MaxDelete {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MaxDelete::Messages(number) => write!(f, "{number}"),
            MaxDelete::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl std::str::FromStr for MaxDelete {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "want a number of messages, or a percentage as 20%".to_owned();
        match text.strip_suffix('%') {
            Some(number) => match number.parse() {
                Ok(number @ 0..=100) => Ok(MaxDelete::Percent(number)),
                _ => Err(wrong()),
            },
            None => text.parse().map(MaxDelete::Messages).map_err(|_| wrong()),
        }
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
    /// Folders to create.
    pub create: Both<Vec<String>>,
    /// What to do in each folder.
    pub folders: Vec<FolderPlan>,
    /// Folders that are left alone.
    pub gone: Vec<Gone>,
    /// Folders that could not be created.
    pub refused: Vec<Refused>,
    /// How many messages `--max-bytes` leaves for a later run.
    pub left: usize,
}

/// What is done to one side, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Folders created.
    pub created: usize,
    /// Messages that come from the other side.
    pub copied: usize,
    /// Messages whose flags change.
    pub flagged: usize,
    /// Messages deleted.
    pub deleted: usize,
    /// Messages that left the near side, and stay far.
    #[serde(skip_serializing_if = "is_none")]
    pub expired: usize,
}

/// Whether a count that few runs have can be left out.
pub fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Counts {
    /// Whether nothing is done.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            (self.created, "folder", "folders", "created"),
            (self.copied, "message", "messages", "added"),
            (self.flagged, "message", "messages", "flagged anew"),
            (self.deleted, "message", "messages", "deleted"),
            (self.expired, "message", "messages", "let go"),
        ];
        let mut first = true;
        for (count, one, many, what) in parts.into_iter().filter(|part| part.0 > 0) {
            let noun = if count == 1 { one } else { many };
            let comma = if first { "" } else { ", " };
            write!(f, "{comma}{count} {noun} {what}")?;
            first = false;
        }
        if first { f.write_str("no change") } else { Ok(()) }
    }
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
            (folder.sides.far.modseq, folder.sides.near.modseq) = (None, None);
        }
    }
    let listed = list(pair, scope).await?;
    let wanted = choose(&listed, &known, scope);
    refuse_missing_root(&listed, &known, &wanted, scope, state)?;
    let mut plan = Plan::new(scope.mode);
    for wanted in wanted {
        let missing = Side::BOTH.into_iter().find(|side| wanted.listed.of(*side).is_none());
        if let Some(side) = missing {
            let creates = scope.mode.changes(side);
            let is_remade = scope.mode == Mode::Mirror && side == Side::Near;
            let is_emptied = scope.mode == Mode::Mirror && side == Side::Far;
            if wanted.known.is_some() && !is_remade {
                plan.gone.push(Gone { folder: wanted.name, from: side });
                continue;
            }
            if creates {
                plan.create.of_mut(side).push(wanted.names.of(side).clone());
            } else if !is_emptied {
                continue;
            }
        }
        if scope.choice.folders_only {
            continue;
        }
        let name = wanted.name.clone();
        let mut folder = scan(pair, state, &wanted, scope.mode, writable)
            .await
            .with_context(|| format!("folder {name}"))?;
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

/// The folders of both sides by their names.
///
/// # Errors
/// The stores'.
pub async fn list(
    pair: &mut Pair,
    scope: &Scope,
) -> anyhow::Result<Both<BTreeMap<String, Folder>>> {
    let mut listed: Both<BTreeMap<String, Folder>> = Both::default();
    for side in Side::BOTH {
        let patterns: Vec<String> = scope.only.of(side).iter().cloned().collect();
        let folders = pair
            .store(side)
            .folders(&patterns)
            .await
            .with_context(|| format!("cannot list the folders of the {side} side"))?;
        *listed.of_mut(side) = folders
            .into_iter()
            .filter(|folder| folder.selectable)
            .map(|folder| (canonical(&folder.name), folder))
            .collect();
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
        .filter(|name| matches_any(&scope.patterns, name))
        .filter(|name| !scope.exclude.iter().any(|pattern| matches(pattern, name)))
        .map(|name| of(name, Both { far: name.clone(), near: name.clone() }))
        .filter(|wanted| wanted.listed.far.is_some() || wanted.listed.near.is_some())
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
            left += usize::from(listed.of(side).contains_key(name));
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

impl Plan {
    /// A plan of nothing.
    fn new(mode: Mode) -> Self {
        let (create, folders) = (Both::default(), Vec::new());
        Self { mode, create, folders, gone: Vec::new(), refused: Vec::new(), left: 0 }
    }

    /// What is done to a side.
    pub fn counts(&self, side: Side) -> Counts {
        let mut counts = Counts { created: self.create.of(side).len(), ..Counts::default() };
        for action in self.folders.iter().flat_map(|folder| &folder.outcome.actions) {
            match action {
                Action::Copy { to, .. } => counts.copied += usize::from(*to == side),
                Action::Flag { edits, .. } => {
                    counts.flagged += usize::from(!edits.of(side).is_empty());
                }
                Action::Delete { side: at, .. } => counts.deleted += usize::from(*at == side),
                Action::Forget { .. } => {}
            }
        }
        if side == Side::Near {
            counts.expired = self.folders.iter().map(|folder| folder.expired.len()).sum();
        }
        counts
    }

    /// Decisions that the user should know of.
    pub fn conflicts(&self) -> usize {
        let in_folder = |folder: &FolderPlan| folder.outcome.conflicts.len() + folder.lost.len();
        self.gone.len() + self.refused.len() + self.folders.iter().map(in_folder).sum::<usize>()
    }

    /// Stops a run that would delete too much. Without a limit by the user, a side that has
    /// lost every message that was known is not believed either.
    ///
    /// # Errors
    /// A [`Failure`] with [`Exit::Brake`].
    pub fn brake(&self, limit: Option<MaxDelete>) -> Result<(), Failure> {
        for side in Side::BOTH {
            let deletions: usize = self.folders.iter().map(|folder| folder.deletions(side)).sum();
            let of = |count: fn(&FolderPlan, Side) -> usize, side: Side| -> usize {
                self.folders.iter().map(|folder| count(folder, side)).sum()
            };
            let messages = of(|folder, side| *folder.messages.of(side), side);
            let allowed = match limit {
                Some(MaxDelete::Messages(number)) => number,
                Some(MaxDelete::Percent(percent)) => messages * percent / 100,
                None => FREE_DELETIONS.max(messages * FREE_PERCENT / 100),
            };
            if deletions > allowed {
                let message = format!(
                    "{deletions} of {messages} messages would be deleted on the {side} side, \
                     and {allowed} are allowed: nothing was changed"
                );
                let hint =
                    format!("--dry-run shows them; --max-delete {deletions} lets them be deleted");
                return Err(Failure::new(Exit::Brake, message).hint(hint));
            }
            let other = side.other();
            let rows = of(|folder, _| folder.rows.len(), other);
            let missing = of(|folder, side| *folder.missing.of(side), other);
            let left = of(|folder, side| *folder.messages.of(side), other);
            if limit.is_none() && deletions > 0 && rows > 0 && missing == rows && left == 0 {
                let message =
                    format!("the {other} side has lost every message: nothing was changed");
                let hint = format!("if that is meant, --max-delete {deletions} carries it over");
                return Err(Failure::new(Exit::Brake, message).hint(hint));
            }
        }
        Ok(())
    }

    /// The first line: in words, what will change where.
    pub fn words(&self) -> String {
        let way = match self.mode {
            Mode::TwoWay => "two-way: changes of each side go to the other",
            Mode::Pull => "pull: changes go from far to near",
            Mode::Push => "push: changes go from near to far",
            Mode::Mirror => "mirror: near becomes equal to far",
            Mode::Copy => "copy: near gets what is new far",
        };
        format!("{way}; far: {}; near: {}", self.counts(Side::Far), self.counts(Side::Near))
    }

    /// Prints the whole plan.
    ///
    /// # Errors
    /// The output's.
    pub fn print(&self, origin: &Origin, out: &mut Output) -> anyhow::Result<()> {
        let lines = self.lines();
        if out.format() == Format::Json {
            let (far, near) = (self.counts(Side::Far), self.counts(Side::Near));
            let (mode, text, lines_behind) = (self.mode, self.words(), lines.len());
            out.json(&Record::Plan { mode, text, far, near, lines: lines_behind, origin })?;
            for line in &lines {
                out.json(line)?;
            }
            return Ok(());
        }
        out.line(&self.words())?;
        for line in lines.iter().filter(|line| !matches!(line, Record::Folder { .. })) {
            out.line(&line.to_string())?;
        }
        Ok(())
    }

    /// Prints the decisions that were taken, as JSON Lines; for people they are warnings.
    ///
    /// # Errors
    /// The output's.
    pub fn print_conflicts(&self, out: &mut Output) -> anyhow::Result<()> {
        for record in self.conflict_records() {
            if out.format() == Format::Json {
                out.json(&record)?;
            } else {
                crate::ui::report::warning(&record.to_string());
            }
        }
        Ok(())
    }

    /// All lines but the first.
    pub fn lines(&self) -> Vec<Record<'_>> {
        let mut records = Vec::new();
        for side in Side::BOTH {
            for folder in self.create.of(side) {
                records.push(Record::Create { side, folder });
            }
        }
        for plan in &self.folders {
            if !plan.outcome.actions.is_empty() || !plan.expired.is_empty() {
                let of = |side: Side| Generation::of(plan, side);
                let (far, near) = (of(Side::Far), of(Side::Near));
                records.push(Record::Folder { folder: &plan.name, far, near });
            }
            for action in &plan.outcome.actions {
                record_action(plan, action, &mut records);
            }
            for row in &plan.expired {
                let message = &plan.rows[*row].ids.near.0;
                records.push(Record::Expire { side: Side::Near, folder: &plan.name, message });
            }
        }
        records.extend(self.conflict_records());
        records
    }

    fn conflict_records(&self) -> Vec<Record<'_>> {
        let mut records = Vec::new();
        for gone in &self.gone {
            records.push(Record::FolderGone { side: gone.from, folder: &gone.folder });
        }
        for refused in &self.refused {
            records.push(Record::FolderRefused {
                side: refused.side,
                folder: &refused.folder,
                reason: &refused.reason,
            });
        }
        for plan in &self.folders {
            for conflict in &plan.outcome.conflicts {
                records.push(Record::Conflict {
                    folder: &plan.name,
                    deleted: conflict.deleted,
                    kept: conflict.deleted.other(),
                    message: &conflict.kept.0,
                    restored: conflict.restored,
                });
            }
            for (side, id) in &plan.lost {
                let (side, message) = (*side, &id.0);
                records.push(Record::Unplaced { side, folder: &plan.name, message });
            }
        }
        records
    }
}

fn record_action<'a>(plan: &'a FolderPlan, action: &'a Action, records: &mut Vec<Record<'a>>) {
    let folder = plan.name.as_str();
    match action {
        Action::Copy { to, id, flags, .. } => records.push(Record::Copy {
            side: *to,
            folder,
            message: &id.0,
            flags: names(flags),
            size: plan.sizes.of(to.other()).get(id).copied(),
        }),
        Action::Flag { row, edits, .. } => {
            for side in Side::BOTH {
                let edit = edits.of(side);
                if !edit.is_empty() {
                    records.push(Record::Flag {
                        side,
                        folder,
                        message: &plan.rows[*row].ids.of(side).0,
                        add: names(&edit.add),
                        remove: names(&edit.remove),
                    });
                }
            }
        }
        Action::Delete { side, id, .. } => {
            records.push(Record::Delete { side: *side, folder, message: &id.0 });
        }
        Action::Forget { .. } => {}
    }
}

fn names(flags: &Flags) -> Vec<&str> {
    flags.iter().map(Flag::name).collect()
}

/// How one side of a folder stands: its messages are named within this generation.
#[derive(Debug, Serialize)]
pub struct Generation {
    uid_validity: u32,
    messages: usize,
}

impl Generation {
    /// `None` for a folder with nothing in it, which may have to be made.
    fn of(plan: &FolderPlan, side: Side) -> Option<Self> {
        let messages = *plan.messages.of(side);
        let status = plan.status.of(side).filter(|_| messages > 0)?;
        Some(Self { uid_validity: status.uid_validity, messages })
    }
}

/// One line of the plan. `side` is where the change is made; a message is named by its id on
/// that side, but in `copy` by its id where it comes from.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Record<'a> {
    /// The whole, in words and numbers; how many lines follow, and what was asked for.
    Plan { mode: Mode, text: String, far: Counts, near: Counts, lines: usize, origin: &'a Origin },
    /// How a folder stands in which something is to be done.
    Folder { folder: &'a str, far: Option<Generation>, near: Option<Generation> },
    /// A folder is created.
    Create { side: Side, folder: &'a str },
    /// A message is copied to `side`.
    Copy { side: Side, folder: &'a str, message: &'a str, flags: Vec<&'a str>, size: Option<u64> },
    /// Flags are changed.
    Flag { side: Side, folder: &'a str, message: &'a str, add: Vec<&'a str>, remove: Vec<&'a str> },
    /// A message is deleted.
    Delete { side: Side, folder: &'a str, message: &'a str },
    /// A message leaves `side`, and stays on the other.
    Expire { side: Side, folder: &'a str, message: &'a str },
    /// Deleted on one side and changed on the other; it is kept.
    Conflict { folder: &'a str, deleted: Side, kept: Side, message: &'a str, restored: bool },
    /// A folder that was synchronised is gone; it is left alone.
    FolderGone { side: Side, folder: &'a str },
    /// A folder cannot be created there; it is left alone.
    FolderRefused { side: Side, folder: &'a str, reason: &'a str },
    /// A copy of this message of `side` was made, and is not found; it is left alone.
    Unplaced { side: Side, folder: &'a str, message: &'a str },
}

impl std::fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Record::Plan { text, .. } => f.write_str(text),
            Record::Folder { folder, .. } => write!(f, "folder {folder}"),
            Record::Create { side, folder } => write!(f, "create {side} {folder}"),
            Record::Copy { side, folder, message, flags, .. } => {
                write!(f, "copy {side} {folder} {message}")?;
                flags.iter().try_for_each(|flag| write!(f, " {flag}"))
            }
            Record::Flag { side, folder, message, add, remove } => {
                write!(f, "flag {side} {folder} {message}")?;
                add.iter().try_for_each(|flag| write!(f, " +{flag}"))?;
                remove.iter().try_for_each(|flag| write!(f, " -{flag}"))
            }
            Record::Delete { side, folder, message } => {
                write!(f, "delete {side} {folder} {message}")
            }
            Record::Expire { side, folder, message } => {
                write!(f, "expire {side} {folder} {message}")
            }
            Record::Conflict { folder, deleted, kept, message, restored } => {
                write!(
                    f,
                    "conflict: message {message} of {folder} was deleted on the {deleted} side \
                     and changed on the {kept} side: it is kept"
                )?;
                if *restored { write!(f, ", and put back") } else { Ok(()) }
            }
            Record::FolderGone { side, folder } => write!(
                f,
                "conflict: folder {folder} is gone from the {side} side: it is left alone on both"
            ),
            Record::FolderRefused { side, folder, reason } => {
                write!(f, "conflict: folder {folder} cannot be made on the {side} side: {reason}")
            }
            Record::Unplaced { side, folder, message } => write!(
                f,
                "conflict: the copy of message {message} of the {side} side's {folder} was \
                 stored, but cannot be found on the other side: both are left alone"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_a_number_or_a_percentage() {
        assert_eq!("12".parse::<MaxDelete>(), Ok(MaxDelete::Messages(12)));
        assert_eq!("0".parse::<MaxDelete>(), Ok(MaxDelete::Messages(0)));
        assert_eq!("20%".parse::<MaxDelete>(), Ok(MaxDelete::Percent(20)));
        for wrong in ["", "%", "-1", "101%", "many", "1.5%"] {
            assert!(wrong.parse::<MaxDelete>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts_are_said_in_words() {
        let counts = Counts { created: 1, copied: 2, flagged: 0, deleted: 1, expired: 0 };
        assert_eq!(counts.to_string(), "1 folder created, 2 messages added, 1 message deleted");
        assert_eq!(Counts::default().to_string(), "no change");
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
            ("Lists/b".to_owned(), KnownFolder { key: 1, sides: Both::default() }),
            ("Old".to_owned(), KnownFolder { key: 2, sides: Both::default() }),
        ]);
        let chosen = |scope: &Scope| -> Vec<String> {
            choose(&listed, &known, scope).into_iter().map(|wanted| wanted.name).collect()
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
