//! A plan in words and as JSON: what is done to each side, and which decisions were taken.

use serde::Serialize;

use super::diff::{Action, Mode, Side};
use super::plan::Plan;
use super::planfile::Origin;
use super::scan::FolderPlan;
use super::tree::Rename;
use crate::store::{Flag, Flags};
use crate::ui::{Format, Output};

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
    /// Folders renamed.
    #[serde(skip_serializing_if = "is_none")]
    pub renamed: usize,
    /// Folders removed.
    #[serde(skip_serializing_if = "is_none")]
    pub removed: usize,
    /// Folders whose subscription changes.
    #[serde(skip_serializing_if = "is_none")]
    pub subscribed: usize,
    /// Messages that go to another folder.
    #[serde(skip_serializing_if = "is_none")]
    pub moved: usize,
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

impl Counts {
    /// What is still to be done, in words.
    fn ahead(&self) -> String {
        self.say(
            "to ",
            [
                "rename",
                "create",
                "add",
                "move",
                "flag anew",
                "delete",
                "let go",
                "remove",
                "change",
            ],
        )
    }

    fn say(&self, before: &str, verbs: [&str; 9]) -> String {
        let counted = [
            (self.renamed, "folder"),
            (self.created, "folder"),
            (self.copied, "message"),
            (self.moved, "message"),
            (self.flagged, "message"),
            (self.deleted, "message"),
            (self.expired, "message"),
            (self.removed, "folder"),
            (self.subscribed, "subscription"),
        ];
        let parts: Vec<String> = counted
            .into_iter()
            .zip(verbs)
            .filter(|((count, _), _)| *count > 0)
            .map(|((count, noun), verb)| {
                let many = if count == 1 { "" } else { "s" };
                format!("{count} {noun}{many} {before}{verb}")
            })
            .collect();
        if parts.is_empty() { "no change".to_owned() } else { parts.join(", ") }
    }
}

/// What was done, in words.
impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.say(
            "",
            [
                "renamed",
                "created",
                "added",
                "moved",
                "flagged anew",
                "deleted",
                "let go",
                "removed",
                "changed",
            ],
        ))
    }
}

impl Plan {
    /// What is done to a side.
    pub fn counts(&self, side: Side) -> Counts {
        let mut counts = Counts {
            created: self.create.of(side).len() + self.restore.of(side).len(),
            removed: self.remove.of(side).len(),
            subscribed: self.subscribe.of(side).len(),
            renamed: self.rename.iter().filter(|rename| rename.side == Some(side)).count(),
            moved: self.moves.iter().filter(|one| one.side == side).count(),
            ..Counts::default()
        };
        let edits = self.moves.iter().map(|one| one.edits.of(side));
        counts.flagged = edits.filter(|edit| !edit.is_empty()).count();
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
        let in_folder = |folder: &FolderPlan| {
            folder.outcome.conflicts.len()
                + folder.lost.len()
                + folder.oversized.len()
                + folder.refused.len()
        };
        self.gone.len()
            + self.restored.len()
            + self.refused.len()
            + self.contradictions.len()
            + self.folders.iter().map(in_folder).sum::<usize>()
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
        let ahead = |side| self.counts(side).ahead();
        format!("{way}; far: {}; near: {}", ahead(Side::Far), ahead(Side::Near))
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
        for Rename { side, from, to, .. } in &self.rename {
            records.extend(side.map(|side| Record::Rename { side, folder: from, to }));
        }
        for side in Side::BOTH {
            for folder in self.create.of(side).iter().chain(self.restore.of(side)) {
                records.push(Record::Create { side, folder });
            }
            for (folder, subscribed) in self.subscribe.of(side) {
                records.push(Record::Subscribe { side, folder, subscribed: *subscribed });
            }
        }
        for one in &self.moves {
            let (from, to) = (&self.folders[one.from].name, &self.folders[one.to].name);
            let message = &one.id.0;
            records.push(Record::Move { side: one.side, folder: from, message, to });
            for side in Side::BOTH {
                let edit = one.edits.of(side);
                if !edit.is_empty() {
                    let (folder, message) = match side == one.side {
                        true => (from, &one.id.0),
                        false => (to, &one.source.0),
                    };
                    let (add, remove) = (names(&edit.add), names(&edit.remove));
                    records.push(Record::Flag { side, folder, message, add, remove });
                }
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
        for side in Side::BOTH {
            for folder in self.remove.of(side) {
                records.push(Record::Remove { side, folder });
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
        for kept in &self.restored {
            records.push(Record::FolderKept { deleted: kept.from, folder: &kept.folder });
        }
        for (folder, ids) in &self.contradictions {
            let (far, near) = (&ids.far.0, &ids.near.0);
            records.push(Record::Contradiction { folder, far, near });
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
            for (side, id) in &plan.oversized {
                let (side, message) = (*side, &id.0);
                records.push(Record::Oversized { side, folder: &plan.name, message });
            }
            for (side, id, reason) in &plan.refused {
                let (side, message) = (*side, &id.0);
                records.push(Record::Refused { side, folder: &plan.name, message, reason });
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
    /// A message goes to another folder.
    Move { side: Side, folder: &'a str, message: &'a str, to: &'a str },
    /// A folder gets another name.
    Rename { side: Side, folder: &'a str, to: &'a str },
    /// A folder is removed, once it is empty.
    Remove { side: Side, folder: &'a str },
    /// A folder is subscribed to, or no longer.
    Subscribe { side: Side, folder: &'a str, subscribed: bool },
    /// Deleted on one side, and something was new in it on the other: it is kept.
    FolderKept { deleted: Side, folder: &'a str },
    /// In a folder that was made anew, messages of one Message-ID are not the same: the folder
    /// is left alone.
    Contradiction { folder: &'a str, far: &'a str, near: &'a str },
    /// This message of `side` is larger than what the other side takes.
    Oversized { side: Side, folder: &'a str, message: &'a str },
    /// This message of `side` is refused by the other side.
    Refused { side: Side, folder: &'a str, message: &'a str, reason: &'a str },
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
            Record::Move { side, folder, message, to } => {
                write!(f, "move {side} {folder} {message} to {to}")
            }
            Record::Rename { side, folder, to } => write!(f, "rename {side} {folder} to {to}"),
            Record::Remove { side, folder } => write!(f, "remove {side} {folder}"),
            Record::Subscribe { side, folder, subscribed: true } => {
                write!(f, "subscribe {side} {folder}")
            }
            Record::Subscribe { side, folder, subscribed: false } => {
                write!(f, "unsubscribe {side} {folder}")
            }
            Record::FolderKept { deleted, folder } => write!(
                f,
                "conflict: folder {folder} was deleted on the {deleted} side, and something in it \
                 is new on the other: it is kept"
            ),
            Record::Contradiction { folder, far, near } => write!(
                f,
                "conflict: folder {folder} was made anew, and far message {far} has the \
                 Message-ID of near message {near} but is another: the folder is left alone"
            ),
            Record::Oversized { side, folder, message } => write!(
                f,
                "conflict: message {message} of the {side} side's {folder} is larger than the \
                 other side takes: it stays where it is"
            ),
            Record::Refused { side, folder, message, reason } => write!(
                f,
                "conflict: message {message} of the {side} side's {folder} is refused by the other \
                 side ({reason}): it stays where it is, and the next run tries again"
            ),
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
    fn counts_are_said_in_words() {
        let counts = Counts { created: 1, copied: 2, deleted: 1, ..Counts::default() };
        assert_eq!(counts.to_string(), "1 folder created, 2 messages added, 1 message deleted");
        let ahead = "1 folder to create, 2 messages to add, 1 message to delete";
        assert_eq!(counts.ahead(), ahead);
        assert_eq!(Counts::default().to_string(), "no change");
        assert_eq!(Counts::default().ahead(), "no change");
    }
}
