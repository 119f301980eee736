//! The three-way merge: what was known, what is far, what is near, and so what has to be
//! done. A pure function of its arguments.
//!
//! Flags merge one by one: one that a side has changed goes to the other, and since a flag
//! is either set or not, both sides can never have changed it differently. A deletion against
//! a changed flag keeps the message. Nothing is deleted that was not known on both sides,
//! but for `--mirror`, which makes near equal to far.

use std::collections::{BTreeSet, HashMap, HashSet};

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

/// What a side of a folder holds now.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    messages: Vec<(Id, Flags)>,
    index: HashMap<Id, usize>,
    /// Keywords that this side cannot keep; what it shows of them means nothing.
    pub refused: Flags,
    /// Messages whose copy is known to be on the other side, but not where.
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
        if let Some(at) = self.index.get(&id) {
            self.messages[*at].1 = flags;
            return;
        }
        self.index.insert(id.clone(), self.messages.len());
        self.messages.push((id, flags));
    }

    /// The flags of a message that is there.
    pub fn flags(&self, id: &Id) -> Option<&Flags> {
        self.index.get(id).map(|at| &self.messages[*at].1)
    }

    /// Whether a message is there.
    pub fn has(&self, id: &Id) -> bool {
        self.index.contains_key(id)
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

/// Merges. `rows` holds what was known, one row a message.
pub fn diff(rows: &[Row], sides: &Both<Picture>, mode: Mode) -> Outcome {
    let mut outcome = Outcome::default();
    let mut known: Both<HashSet<&Id>> = Both::default();
    for (at, row) in rows.iter().enumerate() {
        known.far.insert(&row.ids.far);
        known.near.insert(&row.ids.near);
        match (sides.far.flags(&row.ids.far), sides.near.flags(&row.ids.near)) {
            (Some(far), Some(near)) => merge_flags(at, row, far, near, sides, mode, &mut outcome),
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
fn is_edited(before: &Flags, now: &Flags, refused: &Flags) -> bool {
    before.iter().chain(now.iter()).any(|flag| {
        let name = flag.name();
        let (was, is) = (before.has(name), now.has(name));
        was != is && !refused.has(name) && !(is && name.eq_ignore_ascii_case("\\Deleted"))
    })
}

fn merge_flags(
    at: usize,
    row: &Row,
    far: &Flags,
    near: &Flags,
    sides: &Both<Picture>,
    mode: Mode,
    outcome: &mut Outcome,
) {
    let mut edits: Both<Edit> = Both::default();
    let mut after = row.flags.clone();
    let names: BTreeSet<&Flag> = row.flags.iter().chain(far.iter()).chain(near.iter()).collect();
    for name in names.into_iter().map(Flag::name) {
        let was = row.flags.has(name);
        let refused = Both { far: sides.far.refused.has(name), near: sides.near.refused.has(name) };
        let is = Both {
            far: if refused.far { was } else { far.has(name) },
            near: if refused.near { was } else { near.has(name) },
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
                *outcome.pending.of_mut(side.other()) = true;
                is_left = true;
                continue;
            }
            let edit = edits.of_mut(side);
            if wanted { edit.add.insert(name) } else { edit.remove.insert(name) }
        }
        match (is_left, wanted) {
            (true, _) => {}
            (false, true) => after.insert(name),
            (false, false) => after.remove(name),
        }
    }
    if after != row.flags || !edits.far.is_empty() || !edits.near.is_empty() {
        outcome.actions.push(Action::Flag { row: at, edits, flags: after });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: impl ToString) -> Id {
        Id(text.to_string())
    }

    fn flags(names: &[&str]) -> Flags {
        names.iter().collect()
    }

    fn picture(messages: &[(&str, &[&str])]) -> Picture {
        Picture::new(messages.iter().map(|(name, names)| (id(name), flags(names))))
    }

    fn row(far: &str, near: &str, names: &[&str]) -> Row {
        Row { key: Some(1), ids: Both { far: id(far), near: id(near) }, flags: flags(names) }
    }

    #[test]
    fn flags_merge_one_by_one() {
        let rows = [row("1", "a", &["\\Seen", "old"])];
        let sides = Both {
            far: picture(&[("1", &["\\Seen", "\\Flagged", "old"])]),
            near: picture(&[("a", &["\\Answered", "\\Seen"])]),
        };
        let outcome = diff(&rows, &sides, Mode::TwoWay);
        let edits = Both {
            far: Edit { add: flags(&["\\Answered"]), remove: flags(&["old"]) },
            near: Edit { add: flags(&["\\Flagged"]), remove: Flags::new() },
        };
        let after = flags(&["\\Seen", "\\Flagged", "\\Answered"]);
        assert_eq!(outcome.actions, [Action::Flag { row: 0, edits, flags: after }]);
        assert_eq!(outcome.pending, Both::default());
        // A pull carries only one half over, and does not forget the other.
        let outcome = diff(&rows, &sides, Mode::Pull);
        let edits = Both {
            far: Edit::default(),
            near: Edit { add: flags(&["\\Flagged"]), remove: Flags::new() },
        };
        let after = flags(&["\\Seen", "\\Flagged", "old"]);
        assert_eq!(outcome.actions, [Action::Flag { row: 0, edits, flags: after }]);
        assert_eq!(outcome.pending, Both { far: false, near: true });
    }

    #[test]
    fn a_deletion_is_carried_over_unless_flags_changed() {
        let rows = [row("1", "a", &[]), row("2", "b", &[]), row("3", "c", &[])];
        let sides = Both {
            far: picture(&[]),
            near: picture(&[("a", &[]), ("b", &["\\Seen"]), ("c", &["\\Deleted"])]),
        };
        let outcome = diff(&rows, &sides, Mode::TwoWay);
        let delete = |name, row| Action::Delete { side: Side::Near, id: id(name), row: Some(row) };
        let copy =
            Action::Copy { to: Side::Far, id: id("b"), flags: flags(&["\\Seen"]), row: Some(1) };
        assert_eq!(outcome.actions, [delete("a", 0), copy, delete("c", 2)]);
        let conflict = Conflict { deleted: Side::Far, kept: id("b"), restored: true };
        assert_eq!(outcome.conflicts, [conflict]);
        let outcome = diff(&rows, &sides, Mode::Pull);
        assert_eq!(outcome.actions, [delete("a", 0), Action::Forget { row: 1 }, delete("c", 2)]);
        assert!(!outcome.conflicts[0].restored);
        for mode in [Mode::Push, Mode::Copy] {
            let outcome = diff(&rows, &sides, mode);
            assert!(outcome.actions.is_empty(), "{mode:?}");
            assert_eq!(outcome.pending, Both { far: true, near: true });
        }
    }

    #[test]
    fn mirror_makes_near_equal_to_far() {
        let rows = [row("1", "a", &["\\Seen"]), row("2", "b", &[]), row("3", "c", &[])];
        let sides = Both {
            far: picture(&[("1", &["\\Seen"]), ("2", &[]), ("4", &[])]),
            near: picture(&[("a", &["\\Flagged"]), ("c", &["\\Seen"]), ("d", &[])]),
        };
        let outcome = diff(&rows, &sides, Mode::Mirror);
        let near = Edit { add: flags(&["\\Seen"]), remove: flags(&["\\Flagged"]) };
        let edits = Both { far: Edit::default(), near };
        let delete = |name, row| Action::Delete { side: Side::Near, id: id(name), row };
        let copy =
            |name, row| Action::Copy { to: Side::Near, id: id(name), flags: Flags::new(), row };
        assert_eq!(
            outcome.actions,
            [
                Action::Flag { row: 0, edits, flags: flags(&["\\Seen"]) },
                copy("2", Some(1)),
                delete("c", Some(2)),
                copy("4", None),
                delete("d", None),
            ]
        );
        assert!(outcome.conflicts.is_empty());
    }

    #[test]
    fn a_keyword_that_a_side_cannot_keep_is_not_taken_as_cleared() {
        let rows = [row("1", "a", &["work"]), row("2", "b", &["work"])];
        let mut sides = Both {
            far: picture(&[("1", &["work"]), ("2", &["work"])]),
            near: picture(&[("a", &[])]),
        };
        sides.near.refused = flags(&["Work"]);
        let outcome = diff(&rows, &sides, Mode::TwoWay);
        assert_eq!(
            outcome.actions,
            [Action::Delete { side: Side::Far, id: id("2"), row: Some(1) }]
        );
        sides.far = picture(&[("1", &[]), ("2", &["work"])]);
        let outcome = diff(&rows, &sides, Mode::TwoWay);
        let known = Action::Flag { row: 0, edits: Both::default(), flags: Flags::new() };
        assert_eq!(outcome.actions[0], known);
    }

    #[test]
    fn a_held_message_stays_where_it_is() {
        let mut sides = Both { far: picture(&[("1", &[]), ("2", &[])]), near: picture(&[]) };
        sides.far.held.insert(id("1"));
        let outcome = diff(&[], &sides, Mode::TwoWay);
        assert_eq!(outcome.actions.len(), 1);
    }

    const NAMES: [&str; 3] = ["\\Seen", "\\Flagged", "work"];

    /// Two sides whose messages are known by content, and what the last sync left.
    #[derive(Default, Clone)]
    struct World {
        sides: Both<Vec<(Id, u32, Flags)>>,
        rows: Vec<Row>,
        next: u32,
    }

    impl World {
        fn pictures(&self) -> Both<Picture> {
            let one = |side: &Vec<(Id, u32, Flags)>| {
                Picture::new(side.iter().map(|(id, _, flags)| (id.clone(), flags.clone())))
            };
            Both { far: one(&self.sides.far), near: one(&self.sides.near) }
        }

        fn fresh(&mut self) -> Id {
            self.next += 1;
            id(self.next)
        }

        fn of_content(&self, side: Side, content: u32) -> Option<&Flags> {
            self.sides.of(side).iter().find(|message| message.1 == content).map(|m| &m.2)
        }

        fn contents(&self, side: Side) -> Vec<(u32, Flags)> {
            let mut contents: Vec<_> = self
                .sides
                .of(side)
                .iter()
                .map(|(_, content, flags)| (*content, flags.clone()))
                .collect();
            contents.sort_by_key(|content| content.0);
            contents
        }

        fn act(&mut self, actions: &[Action]) {
            let mut dead = Vec::new();
            for action in actions {
                match action {
                    Action::Copy { to, id, flags, row } => {
                        let from = self.sides.of(to.other());
                        let content = from.iter().find(|m| m.0 == *id).expect("it is there").1;
                        let new = self.fresh();
                        self.sides.of_mut(*to).push((new.clone(), content, flags.clone()));
                        match row {
                            Some(row) => {
                                *self.rows[*row].ids.of_mut(*to) = new;
                                self.rows[*row].flags = flags.clone();
                            }
                            None => {
                                let ids = match to {
                                    Side::Far => Both { far: new, near: id.clone() },
                                    Side::Near => Both { far: id.clone(), near: new },
                                };
                                self.rows.push(Row { key: None, ids, flags: flags.clone() });
                            }
                        }
                    }
                    Action::Flag { row, edits, flags } => {
                        self.rows[*row].flags = flags.clone();
                        for side in Side::BOTH {
                            let id = self.rows[*row].ids.of(side).clone();
                            let messages = self.sides.of_mut(side);
                            let one = messages.iter_mut().find(|m| m.0 == id).expect("there");
                            edits.of(side).add.iter().for_each(|flag| one.2.insert(flag.name()));
                            edits.of(side).remove.iter().for_each(|flag| one.2.remove(flag.name()));
                        }
                    }
                    Action::Delete { side, id, row } => {
                        self.sides.of_mut(*side).retain(|message| message.0 != *id);
                        dead.extend(*row);
                    }
                    Action::Forget { row } => dead.push(*row),
                }
            }
            dead.sort_unstable();
            for row in dead.into_iter().rev() {
                self.rows.remove(row);
            }
        }
    }

    /// What a message should become, by content alone: `None` is gone.
    fn expected(base: Option<&Flags>, far: Option<&Flags>, near: Option<&Flags>) -> Option<Flags> {
        match (base, far, near) {
            (_, None, None) => None,
            (None, only, None) | (None, None, only) => only.cloned(),
            (Some(base), Some(one), None) | (Some(base), None, Some(one)) => {
                (base != one).then(|| one.clone())
            }
            (base, Some(far), Some(near)) => {
                let nothing = Flags::new();
                let base = base.unwrap_or(&nothing);
                let set = |name: &&&str| {
                    let was = base.has(name);
                    was ^ ((far.has(name) != was) || (near.has(name) != was))
                };
                Some(NAMES.iter().filter(set).collect())
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_nothing_doubled_and_a_second_run_is_empty(
            history in proptest::collection::vec(
                (0u8..8, any::<bool>(), any::<usize>(), 0usize..NAMES.len()), 0..60)
        ) {
            let mut world = World::default();
            let mut next_content = 0;
            for (kind, far, nth, name) in history {
                let side = if far { Side::Far } else { Side::Near };
                let count = world.sides.of(side).len();
                match kind {
                    0..=2 => {
                        next_content += 1;
                        let new = world.fresh();
                        world.sides.of_mut(side).push((new, next_content, Flags::new()));
                    }
                    3 if count > 0 => drop(world.sides.of_mut(side).remove(nth % count)),
                    4..=6 if count > 0 => {
                        let one = &mut world.sides.of_mut(side)[nth % count].2;
                        if one.has(NAMES[name]) { one.remove(NAMES[name]) } else { one.insert(NAMES[name]) }
                    }
                    7 => {
                        let before = world.clone();
                        // Row by content, found through whichever side still has it.
                        let base_of = |content: u32| {
                            let has = |row: &&Row| Side::BOTH.iter().any(|side| {
                                before.sides.of(*side).iter()
                                    .any(|m| m.1 == content && m.0 == *row.ids.of(*side))
                            });
                            before.rows.iter().find(has).map(|row| &row.flags)
                        };
                        let outcome = diff(&world.rows, &world.pictures(), Mode::TwoWay);
                        world.act(&outcome.actions);
                        let wanted: Vec<(u32, Flags)> = (1..=next_content).filter_map(|content| {
                            let far = before.of_content(Side::Far, content);
                            let near = before.of_content(Side::Near, content);
                            expected(base_of(content), far, near).map(|flags| (content, flags))
                        }).collect();
                        prop_assert_eq!(world.contents(Side::Far), wanted.clone());
                        prop_assert_eq!(world.contents(Side::Near), wanted);
                        let again = diff(&world.rows, &world.pictures(), Mode::TwoWay);
                        prop_assert_eq!(again, Outcome::default());
                    }
                    _ => {}
                }
            }
        }

        #[test]
        fn a_mirror_is_equal_whatever_happened(
            far in proptest::collection::btree_map(0u32..20, 0usize..8, 0..12),
            near in proptest::collection::btree_map(0u32..20, 0usize..8, 0..12),
        ) {
            let some = |bits: usize| -> Flags {
                NAMES.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, name)| name).collect()
            };
            let mut world = World { next: 1000, ..World::default() };
            for (content, bits) in &far {
                world.sides.far.push((id(content), *content, some(*bits)));
            }
            for (content, bits) in &near {
                world.sides.near.push((id(content), *content, some(*bits)));
                let ids = Both { far: id(content), near: id(content) };
                world.rows.push(Row { key: None, ids, flags: Flags::new() });
            }
            let outcome = diff(&world.rows, &world.pictures(), Mode::Mirror);
            world.act(&outcome.actions);
            prop_assert_eq!(world.contents(Side::Near), world.contents(Side::Far));
            prop_assert_eq!(world.sides.far.len(), far.len());
            let again = diff(&world.rows, &world.pictures(), Mode::Mirror);
            prop_assert_eq!(again, Outcome::default());
        }
    }
}
