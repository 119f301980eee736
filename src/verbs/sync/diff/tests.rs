use proptest::prelude::*;

use super::*;

fn id(text: impl ToString) -> Id {
    Id::new(text.to_string())
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
    let outcome = diff(&rows, &sides, &HashSet::new(), Mode::TwoWay);
    let edits = Both {
        far: Edit { add: flags(&["\\Answered"]), remove: flags(&["old"]) },
        near: Edit { add: flags(&["\\Flagged"]), remove: Flags::new() },
    };
    let after = flags(&["\\Seen", "\\Flagged", "\\Answered"]);
    assert_eq!(outcome.actions, [Action::Flag { row: 0, edits, flags: after }]);
    assert_eq!(outcome.pending, Both::default());
    // A pull carries only one half over, and does not forget the other.
    let outcome = diff(&rows, &sides, &HashSet::new(), Mode::Pull);
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
    let outcome = diff(&rows, &sides, &HashSet::new(), Mode::TwoWay);
    let delete = |name, row| Action::Delete { side: Side::Near, id: id(name), row: Some(row) };
    let copy = Action::Copy { to: Side::Far, id: id("b"), flags: flags(&["\\Seen"]), row: Some(1) };
    assert_eq!(outcome.actions, [delete("a", 0), copy, delete("c", 2)]);
    let conflict = Conflict { deleted: Side::Far, kept: id("b"), restored: true };
    assert_eq!(outcome.conflicts, [conflict]);
    let outcome = diff(&rows, &sides, &HashSet::new(), Mode::Pull);
    assert_eq!(outcome.actions, [delete("a", 0), Action::Forget { row: 1 }, delete("c", 2)]);
    assert!(!outcome.conflicts[0].restored);
    for mode in [Mode::Push, Mode::Copy] {
        let outcome = diff(&rows, &sides, &HashSet::new(), mode);
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
    let outcome = diff(&rows, &sides, &HashSet::new(), Mode::Mirror);
    let near = Edit { add: flags(&["\\Seen"]), remove: flags(&["\\Flagged"]) };
    let edits = Both { far: Edit::default(), near };
    let delete = |name, row| Action::Delete { side: Side::Near, id: id(name), row };
    let copy = |name, row| Action::Copy { to: Side::Near, id: id(name), flags: Flags::new(), row };
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
    let mut sides =
        Both { far: picture(&[("1", &["work"]), ("2", &["work"])]), near: picture(&[("a", &[])]) };
    sides.near.refused = flags(&["Work"]);
    let outcome = diff(&rows, &sides, &HashSet::new(), Mode::TwoWay);
    assert_eq!(outcome.actions, [Action::Delete { side: Side::Far, id: id("2"), row: Some(1) }]);
    sides.far = picture(&[("1", &[]), ("2", &["work"])]);
    let outcome = diff(&rows, &sides, &HashSet::new(), Mode::TwoWay);
    let known = Action::Flag { row: 0, edits: Both::default(), flags: Flags::new() };
    assert_eq!(outcome.actions[0], known);
}

#[test]
fn a_held_message_stays_where_it_is() {
    let mut sides = Both { far: picture(&[("1", &[]), ("2", &[])]), near: picture(&[]) };
    sides.far.held.insert(id("1"));
    let outcome = diff(&[], &sides, &HashSet::new(), Mode::TwoWay);
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
                    let outcome = diff(&world.rows, &world.pictures(), &HashSet::new(), Mode::TwoWay);
                    world.act(&outcome.actions);
                    let wanted: Vec<(u32, Flags)> = (1..=next_content).filter_map(|content| {
                        let far = before.of_content(Side::Far, content);
                        let near = before.of_content(Side::Near, content);
                        expected(base_of(content), far, near).map(|flags| (content, flags))
                    }).collect();
                    prop_assert_eq!(world.contents(Side::Far), wanted.clone());
                    prop_assert_eq!(world.contents(Side::Near), wanted);
                    let again = diff(&world.rows, &world.pictures(), &HashSet::new(), Mode::TwoWay);
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
        let outcome = diff(&world.rows, &world.pictures(), &HashSet::new(), Mode::Mirror);
        world.act(&outcome.actions);
        prop_assert_eq!(world.contents(Side::Near), world.contents(Side::Far));
        prop_assert_eq!(world.sides.far.len(), far.len());
        let again = diff(&world.rows, &world.pictures(), &HashSet::new(), Mode::Mirror);
        prop_assert_eq!(again, Outcome::default());
    }
}

#[test]
fn a_picture_finds_each_of_many_messages() {
    let id = |number: usize| Id::new(format!("message {number}"));
    let mut picture = Picture::default();
    assert!(!picture.has(&id(0)));
    for number in 0..5_000 {
        picture.insert(id(number), Flags::new());
        assert!(picture.has(&id(number)) && !picture.has(&id(number + 1)));
    }
    picture.insert(id(77), ["\\Seen"].iter().collect());
    assert_eq!(picture.len(), 5_000);
    let seen = |number| picture.flags(&id(number)).is_some_and(|flags| flags.has("\\Seen"));
    assert!(seen(77) && !seen(78) && !seen(5_000));
    let order: Vec<&Id> = picture.iter().map(|(id, _)| id).collect();
    assert!(order.iter().enumerate().all(|(at, found)| **found == id(at)));
}
