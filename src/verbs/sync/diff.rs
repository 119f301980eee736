//! The three-way merge: what was known, what is far, what is near, and so what has to be
//! done. A pure function of its arguments.
//!
//! Flags merge one by one: one that a side has changed goes to the other, and since a flag
//! is either set or not, both sides can never have changed it differently. A deletion against
//! a changed flag keeps the message. Nothing is deleted that was not known on both sides,
//! but for `--mirror`, which makes near equal to far.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use serde::Serialize;

use crate::store::{Flag, Flags, Id};

/// One of the two locations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first one.
    Far,
    /// The second one.
    Near,
}

impl Side {
    /// Both, far first.
    pub const BOTH: [Side; 2] = [Side::Far, Side::Near];

    /// The one that this one is not.
    pub fn other(self) -> Self {
        match self {
            Side::Far => Side::Near,
            Side::Near => Side::Far,
        }
    }

    /// Its name in output and state.
    pub fn name(self) -> &'static str {
        match self {
            Side::Far => "far",
            Side::Near => "near",
        }
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that each side has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Both<T> {
    /// Of the far side.
    pub far: T,
    /// Of the near side.
    pub near: T,
}

impl<T> Both<T> {
    /// That of one side.
    pub fn of(&self, side: Side) -> &T {
        match side {
            Side::Far => &self.far,
            Side::Near => &self.near,
        }
    }

    /// That of one side, to change it.
    pub fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Far => &mut self.far,
            Side::Near => &mut self.near,
        }
    }
}

/// Which way changes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Both ways.
    #[default]
    TwoWay,
    /// What changed far is done near.
    Pull,
    /// What changed near is done far.
    Push,
    /// Near becomes equal to far.
    Mirror,
    /// Near gets what is new far, and loses nothing.
    Copy,
}

impl Mode {
    /// Whether a side is ever changed.
    pub fn changes(self, side: Side) -> bool {
        match self {
            Mode::TwoWay => true,
            Mode::Pull | Mode::Mirror | Mode::Copy => side == Side::Near,
            Mode::Push => side == Side::Far,
        }
    }
}

/// A message that both sides had when they were last made equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its key in the state; `None` before it has been written there.
    pub key: Option<i64>,
    /// Its id on each side.
    pub ids: Both<Id>,
    /// Its flags then.
    pub flags: Flags,
}

/// Places in a list of messages by their ids, in four octets or so for each: ids beside the ids
/// would double what a folder of very many messages takes.
#[derive(Debug, Clone, Default)]
struct Index {
    /// Places from 1; 0 is free. One that is taken sends to the next.
    slots: Vec<u32>,
    state: RandomState,
}

impl Index {
    fn find(&self, id: &Id, messages: &[(Id, Flags)]) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = self.slot(id, mask);
        loop {
            let place = usize::try_from(self.slots[slot]).ok()?.checked_sub(1)?;
            if messages[place].0 == *id {
                return Some(place);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Takes the last of the messages in.
    fn add_last(&mut self, messages: &[(Id, Flags)]) {
        // At most three of four are taken, so that none is sent far.
        if messages.len() * 4 > self.slots.len() * 3 {
            self.slots = vec![0; (messages.len() * 2).next_power_of_two().max(16)];
            (0..messages.len()).for_each(|place| self.put(place, messages));
        } else {
            self.put(messages.len() - 1, messages);
        }
    }

    fn put(&mut self, place: usize, messages: &[(Id, Flags)]) {
        let mask = self.slots.len() - 1;
        let mut slot = self.slot(&messages[place].0, mask);
        while self.slots[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = u32::try_from(place + 1).expect("ids of so many fill no memory");
    }

    fn slot(&self, id: &Id, mask: usize) -> usize {
        // The lower bits are as good as any.
        self.state.hash_one(id) as usize & mask
    }
}

/// What a side of a folder holds now.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    messages: Vec<(Id, Flags)>,
    index: Index,
    /// Keywords that this side cannot keep; what it shows of them means nothing.
    pub refused: Flags,
    /// Messages that are not copied: their copy is known to be on the other side, but not
    /// where; or it is moved there.
    pub held: HashSet<Id>,
}

impl Picture {
    /// Messages in the order in which they shall travel; the later of two of one id counts.
    pub fn new(messages: impl IntoIterator<Item = (Id, Flags)>) -> Self {
        let mut picture = Self::default();
        for (id, flags) in messages {
            picture.insert(id, flags);
        }
        picture
    }

    /// Adds a message, or changes its flags.
    pub fn insert(&mut self, id: Id, flags: Flags) {
        if let Some(at) = self.index.find(&id, &self.messages) {
            self.messages[at].1 = flags;
            return;
        }
        self.messages.push((id, flags));
        self.index.add_last(&self.messages);
    }

    /// The flags of a message that is there.
    pub fn flags(&self, id: &Id) -> Option<&Flags> {
        self.index.find(id, &self.messages).map(|at| &self.messages[at].1)
    }

    /// Whether a message is there.
    pub fn has(&self, id: &Id) -> bool {
        self.index.find(id, &self.messages).is_some()
    }

    /// All messages.
    pub fn iter(&self) -> impl Iterator<Item = &(Id, Flags)> {
        self.messages.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.messages.len()
    }
}

/// Flags to set and to clear on one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// To set.
    pub add: Flags,
    /// To clear.
    pub remove: Flags,
}

impl Edit {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Copy a message to the other side.
    Copy {
        /// Where it goes.
        to: Side,
        /// Its id where it comes from.
        id: Id,
        /// The flags that it gets.
        flags: Flags,
        /// The row that it is the new copy of; `None`: it becomes a new row.
        row: Option<usize>,
    },
    /// Change flags, and know the message by new ones from then on.
    Flag {
        /// The row.
        row: usize,
        /// What to change where.
        edits: Both<Edit>,
        /// What is then known.
        flags: Flags,
    },
    /// Delete a message whose copy is gone from the other side.
    Delete {
        /// Where.
        side: Side,
        /// Its id there.
        id: Id,
        /// Its row; `None`: a message that only `--mirror` takes away.
        row: Option<usize>,
    },
    /// Know no longer of a message.
    Forget {
        /// The row.
        row: usize,
    },
}

/// A message that was deleted on one side while its flags changed on the other: it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Where it was deleted.
    pub deleted: Side,
    /// Its id on the other side.
    pub kept: Id,
    /// Whether it is put back where it was deleted.
    pub restored: bool,
}

/// What the merge comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What to do.
    pub actions: Vec<Action>,
    /// What needed a decision.
    pub conflicts: Vec<Conflict>,
    /// Whether a side has changes that this mode does not carry over; they have to be found
    /// again next time.
    pub pending: Both<bool>,
}

/// Merges. `rows` holds what was known, one row a message; those at `moved` are in another
/// folder now, and nothing is said of them here.
pub fn diff(rows: &[Row], sides: &Both<Picture>, moved: &HashSet<usize>, mode: Mode) -> Outcome {
    let mut outcome = Outcome::default();
    let mut known: Both<HashSet<&Id>> = Both::default();
    for (at, row) in rows.iter().enumerate() {
        known.far.insert(&row.ids.far);
        known.near.insert(&row.ids.near);
        match (sides.far.flags(&row.ids.far), sides.near.flags(&row.ids.near)) {
            _ if moved.contains(&at) => {}
            (Some(far), Some(near)) => {
                merge_flags(at, row, Both { far, near }, sides, mode, &mut outcome);
            }
            (None, Some(near)) => gone(at, row, Side::Far, near, sides, mode, &mut outcome),
            (Some(far), None) => gone(at, row, Side::Near, far, sides, mode, &mut outcome),
            (None, None) => outcome.actions.push(Action::Forget { row: at }),
        }
    }
    for side in Side::BOTH {
        let picture = sides.of(side);
        for (id, flags) in picture.iter() {
            if known.of(side).contains(id) || picture.held.contains(id) {
                continue;
            }
            if mode.changes(side.other()) {
                let (id, flags) = (id.clone(), flags.clone());
                outcome.actions.push(Action::Copy { to: side.other(), id, flags, row: None });
            } else if mode == Mode::Mirror {
                outcome.actions.push(Action::Delete { side, id: id.clone(), row: None });
            } else {
                *outcome.pending.of_mut(side) = true;
            }
        }
    }
    outcome
}

/// A message that is gone from one side, and has `flags` on the other.
fn gone(
    at: usize,
    row: &Row,
    deleted: Side,
    flags: &Flags,
    sides: &Both<Picture>,
    mode: Mode,
    outcome: &mut Outcome,
) {
    let kept = deleted.other();
    let id = row.ids.of(kept).clone();
    let restore = |id: Id| Action::Copy { to: deleted, id, flags: flags.clone(), row: Some(at) };
    if mode == Mode::Mirror {
        outcome.actions.push(match deleted {
            Side::Far => Action::Delete { side: kept, id, row: Some(at) },
            Side::Near => restore(id),
        });
        return;
    }
    if mode == Mode::Copy || !mode.changes(kept) {
        outcome.pending = Both { far: true, near: true };
        return;
    }
    if !is_edited(&row.flags, flags, &sides.of(kept).refused) {
        outcome.actions.push(Action::Delete { side: kept, id, row: Some(at) });
        return;
    }
    let restored = mode.changes(deleted);
    outcome.conflicts.push(Conflict { deleted, kept: id.clone(), restored });
    if restored {
        outcome.actions.push(restore(id));
    } else {
        // From now on it is a message of the kept side alone.
        outcome.actions.push(Action::Forget { row: at });
        *outcome.pending.of_mut(kept) = true;
    }
}

/// Whether flags were changed; `\Deleted` on a message that is deleted elsewhere is no
/// contradiction.
pub fn is_edited(before: &Flags, now: &Flags, refused: &Flags) -> bool {
    before.iter().chain(now.iter()).any(|flag| {
        let name = flag.name();
        let (was, is) = (before.has(name), now.has(name));
        was != is && (is || !refused.has(name)) && !(is && name.eq_ignore_ascii_case("\\Deleted"))
    })
}

/// What becomes of the flags of a message that both sides have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// What to change where.
    pub edits: Both<Edit>,
    /// What is then known.
    pub flags: Flags,
    /// Whether a side has changes that this mode does not carry over.
    pub pending: Both<bool>,
}

/// Merges the flags of one message: those known, those that each side has now, and those that
/// a side cannot keep.
pub fn merge(before: &Flags, now: Both<&Flags>, refused: Both<&Flags>, mode: Mode) -> Merged {
    let mut merged = Merged { flags: before.clone(), ..Merged::default() };
    let names: BTreeSet<&Flag> =
        before.iter().chain(now.far.iter()).chain(now.near.iter()).collect();
    for name in names.into_iter().map(Flag::name) {
        let was = before.has(name);
        let refused = Both { far: refused.far.has(name), near: refused.near.has(name) };
        let is = Both {
            // What a side cannot keep, and shows, somebody has set there; that it is missing
            // says nothing.
            far: now.far.has(name) || (refused.far && was),
            near: now.near.has(name) || (refused.near && was),
        };
        let wanted = match mode {
            Mode::Mirror => is.far,
            _ if is.far != was => is.far,
            _ => is.near,
        };
        let mut is_left = false;
        for side in Side::BOTH {
            if *is.of(side) == wanted || *refused.of(side) {
                continue;
            }
            if mode == Mode::Copy || !mode.changes(side) {
                *merged.pending.of_mut(side.other()) = true;
                is_left = true;
                continue;
            }
            let edit = merged.edits.of_mut(side);
            if wanted { edit.add.insert(name) } else { edit.remove.insert(name) }
        }
        match (is_left, wanted) {
            (true, _) => {}
            (false, true) => merged.flags.insert(name),
            (false, false) => merged.flags.remove(name),
        }
    }
    merged
}

fn merge_flags(
    at: usize,
    row: &Row,
    now: Both<&Flags>,
    sides: &Both<Picture>,
    mode: Mode,
    outcome: &mut Outcome,
) {
    if row.flags == *now.far && row.flags == *now.near {
        return;
    }
    let refused = Both { far: &sides.far.refused, near: &sides.near.refused };
    let Merged { edits, flags, pending } = merge(&row.flags, now, refused, mode);
    outcome.pending.far |= pending.far;
    outcome.pending.near |= pending.near;
    if flags != row.flags || !edits.far.is_empty() || !edits.near.is_empty() {
        outcome.actions.push(Action::Flag { row: at, edits, flags });
    }
}

#[cfg(test)]
mod tests;
