//! Whole passes over mail in memory, and what becomes of a pass that is killed at each of its
//! steps.

mod model;
mod mortal;
mod world;

pub(in crate::verbs::sync) use mortal::{Burnt, Fuse};
use mortal::{Death, Kind, PLAIN, kept};
use world::{Seen, World, begin, go_on, job, mail};

use std::collections::BTreeMap;
use std::path::Path;

use super::brake::MaxDelete;
use super::diff::{Both, Mode, Side};
use super::pair::Pair;
use super::pass::Job;
use super::state::State;
use super::{apply, plan};
use crate::state::testing::Dir;
use crate::store::Store;
use crate::store::memory::{FlagOperation, Memory};
use crate::ui::progress::Show;
use crate::ui::{Exit, Failure, Progress};

/// Runs a future to its end on a runtime of its own.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts")
        .block_on(future)
}

#[test]
fn two_ways_make_both_sides_equal_and_a_second_run_does_nothing() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    begin(&world);
    let job = job(Mode::TwoWay);
    let (exit, text) = world.sync_whole(&state, &job);
    assert_eq!(exit, Exit::Ok, "{text}");
    let (far, near) = world.both();
    assert_eq!(far, near);
    assert_eq!(far["INBOX"].len(), 7);
    let shared = far["INBOX"].iter().find(|message| message.0 == mail("shared"));
    assert_eq!(shared.expect("once").1, ["\\Flagged", "\\Seen"]);
    let before = world.version();
    world.sync_whole(&state, &job);
    assert_eq!(world.version(), before, "a second run changes nothing");

    go_on(&world);
    let (exit, text) = world.sync_whole(&state, &job);
    assert_eq!(exit, Exit::Conflicts, "{text}");
    assert_eq!(text.matches("\"type\":\"conflict\"").count(), 2, "{text}");
    let (far, near) = world.both();
    assert_eq!(far, near);
    let of = |name: &str| far["INBOX"].iter().find(|message| message.0 == mail(name));
    assert_eq!(of("two").expect("kept").1, ["\\Flagged", "\\Seen"]);
    assert_eq!(of("one").expect("kept").1, ["work"]);
    assert_eq!(of("three").expect("kept").1, ["\\Answered", "\\Seen"]);
    assert!(!far["INBOX"].iter().any(|message| message.0 == "no header at all"));
    assert_eq!(far["INBOX"].iter().filter(|message| message.0 == mail("twin")).count(), 3);
    assert_eq!(far["Drafts"].len(), 1);
    assert_eq!(far["Lists/a"][0].1, ["\\Flagged"]);
    assert_eq!(far["New"].len(), 1);
    let before = world.version();
    let (exit, text) = world.sync_whole(&state, &job);
    assert_eq!(exit, Exit::Ok, "{text}");
    assert_eq!(world.version(), before, "a second run changes nothing");
}

/// Kills a run at every step, in every way of dying, and each time lets another run go on.
fn killed_everywhere(kinds: Both<Kind>, mode: Mode, later: bool) {
    let prepare = |state: &Path| {
        let world = World::new(kinds.far, kinds.near);
        begin(&world);
        if later {
            world.sync_whole(state, &job(Mode::TwoWay));
            go_on(&world);
        }
        world
    };
    let dir = Dir::new();
    let job = Job { max_delete: Some(MaxDelete::Messages(100)), ..job(mode) };
    let whole = dir.path().join("whole.db");
    let world = prepare(&whole);
    world.sync_whole(&whole, &job);
    let wanted = world.both();
    for death in [Death::Before, Death::Halfway, Death::After] {
        let mut last = 0;
        loop {
            last += 1;
            let state = dir.path().join(format!("{death:?}-{last}.db"));
            let world = prepare(&state);
            let fuse = Fuse::new(last);
            let outcome = world.sync(&state, &job, &fuse, death);
            assert_eq!(outcome.is_err(), fuse.has_burnt(), "{death:?} at {last}");
            world.sync_whole(&state, &job);
            assert_eq!(world.both(), wanted, "{death:?} at {last}");
            let before = world.version();
            world.sync_whole(&state, &job);
            assert_eq!(world.version(), before, "{death:?} at {last}: a further run does nothing");
            if outcome.is_ok() {
                break;
            }
        }
        assert!(last > 15, "there are more steps than {last}");
    }
}

#[test]
fn a_first_run_killed_anywhere_is_taken_up() {
    killed_everywhere(Both { far: PLAIN, near: PLAIN }, Mode::TwoWay, false);
}

#[test]
fn a_later_run_killed_anywhere_is_taken_up() {
    let near = Kind { has_history: false, ..PLAIN };
    killed_everywhere(Both { far: PLAIN, near }, Mode::TwoWay, true);
}

#[test]
fn stores_that_tell_no_places_are_searched() {
    let silent = Kind { tells_places: false, ..PLAIN };
    killed_everywhere(Both { far: silent, near: silent }, Mode::TwoWay, false);
}

#[test]
fn a_mirror_killed_anywhere_is_taken_up() {
    killed_everywhere(Both { far: PLAIN, near: PLAIN }, Mode::Mirror, true);
}

/// A draft and the one that was kept before it, say: what only looks the same is not bound, since
/// a deletion of one would take the other away.
#[test]
fn messages_of_one_header_and_two_bodies_are_two() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    let head = "Message-ID: <d@example.org>\r\nSubject: d\r\n\r\n";
    let (a, b) = (format!("{head}A\r\n"), format!("{head}B\r\n"));
    world.add(Side::Near, "INBOX", &a, &[]);
    world.add(Side::Far, "INBOX", &b, &[]);
    let job = job(Mode::TwoWay);
    world.sync_whole(&state, &job);
    let (far, near) = world.both();
    assert_eq!((far["INBOX"].len(), &far), (2, &near));
    world.delete(Side::Near, "INBOX", &a);
    world.sync_whole(&state, &job);
    let (far, near) = world.both();
    assert_eq!((far["INBOX"].len(), &far), (1, &near));
    assert_eq!(far["INBOX"][0].0, b);
}

#[test]
fn one_way_changes_one_side() {
    for (mode, changed) in [
        (Mode::Pull, Side::Near),
        (Mode::Push, Side::Far),
        (Mode::Mirror, Side::Near),
        (Mode::Copy, Side::Near),
    ] {
        let dir = Dir::new();
        let state = dir.path().join("s.db");
        let world = World::new(PLAIN, PLAIN);
        begin(&world);
        world.sync_whole(&state, &job(Mode::TwoWay));
        go_on(&world);
        let untouched = world.seen(changed.other());
        let job = Job { max_delete: Some(MaxDelete::Messages(100)), ..job(mode) };
        world.sync_whole(&state, &job);
        assert_eq!(world.seen(changed.other()), untouched, "{mode:?}");
        let before = world.version();
        world.sync_whole(&state, &job);
        assert_eq!(world.version(), before, "{mode:?}: a second run changes nothing");
        let (far, near) = world.both();
        let has = |side: &BTreeMap<String, Vec<Seen>>, folder: &str, name: &str| {
            side.get(folder).is_some_and(|messages| messages.iter().any(|m| m.0 == mail(name)))
        };
        assert!(
            has(&far, "INBOX", "four") && has(&near, "INBOX", "five") != (mode == Mode::Mirror)
        );
        assert_eq!(has(&near, "INBOX", "four"), mode != Mode::Push);
        assert_eq!(has(&far, "INBOX", "five"), mode == Mode::Push);
        assert_eq!(has(&far, "New", "six"), mode == Mode::Push);
        if mode == Mode::Mirror {
            for (name, messages) in &far {
                assert_eq!(near.get(name), Some(messages), "{name}");
            }
        }
        // What was left is still known: a run in both directions carries it over.
        world.sync_whole(&state, &super::tests::job(Mode::TwoWay));
        let (far, near) = world.both();
        assert_eq!(far, near, "after {mode:?}");
    }
}

#[test]
fn the_brake_stops_a_run_before_anything_is_changed() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    for at in 0..40 {
        world.add(Side::Far, "INBOX", &mail(&at.to_string()), &[]);
    }
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    for at in 0..11 {
        world.delete(Side::Far, "INBOX", &mail(&at.to_string()));
    }
    world.add(Side::Far, "INBOX", &mail("new"), &[]);
    let before = world.version();
    let failure = world.failure(&state, &usual);
    assert_eq!(failure.exit, Exit::Brake, "{failure}");
    assert_eq!(world.version(), before);
    let tighter = Job { max_delete: Some(MaxDelete::Percent(20)), ..usual.clone() };
    assert_eq!(world.failure(&state, &tighter).exit, Exit::Brake);
    let dry = Job { dry_run: true, ..usual.clone() };
    let (exit, text) = world.sync_whole(&state, &dry);
    assert_eq!(exit, Exit::Ok);
    assert_eq!(text.matches("\"type\":\"delete\"").count(), 11, "{text}");
    assert_eq!(text.matches("\"type\":\"copy\"").count(), 1, "{text}");
    assert!(text.starts_with("{\"type\":\"plan\",\"mode\":\"two-way\""), "{text}");
    assert_eq!(world.version(), before);
    let wider = Job { max_delete: Some(MaxDelete::Messages(11)), ..usual };
    world.sync_whole(&state, &wider);
    assert_eq!(world.seen(Side::Near)["INBOX"].len(), 30);
    assert_eq!(world.seen(Side::Near), world.seen(Side::Far));
}

#[test]
fn a_side_that_has_lost_everything_is_not_believed() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    world.add(Side::Far, "INBOX", &mail("one"), &[]);
    world.add(Side::Far, "INBOX", &mail("two"), &[]);
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    world.delete(Side::Near, "INBOX", &mail("one"));
    world.delete(Side::Near, "INBOX", &mail("two"));
    assert_eq!(world.failure(&state, &usual).exit, Exit::Brake);
    assert_eq!(world.seen(Side::Far)["INBOX"].len(), 2);
    let meant = Job { max_delete: Some(MaxDelete::Messages(2)), ..usual };
    world.sync_whole(&state, &meant);
    assert!(world.seen(Side::Far)["INBOX"].is_empty());
}

#[test]
fn a_new_generation_is_bound_again_and_deletes_nothing() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    for name in ["one", "two", "twin", "twin"] {
        world.add(Side::Far, "Work", &mail(name), &["\\Seen"]);
    }
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    // The far folder is made anew: other ids, one message less, one flag more.
    world.accounts.far.borrow_mut().delete("Work").expect("there");
    for name in ["twin", "one", "twin"] {
        world.add(Side::Far, "Work", &mail(name), &["\\Seen"]);
    }
    world.flag(Side::Far, "Work", &mail("one"), FlagOperation::Add, "\\Flagged");
    world.flag(Side::Near, "Work", &mail("one"), FlagOperation::Remove, "\\Seen");
    let (exit, text) = world.sync_whole(&state, &usual);
    assert_eq!(exit, Exit::Ok, "{text}");
    let (far, near) = world.both();
    assert_eq!(far, near);
    assert_eq!(far["Work"].len(), 4);
    let one = far["Work"].iter().find(|message| message.0 == mail("one")).expect("kept");
    assert_eq!(one.1, ["\\Flagged"]);
    let before = world.version();
    world.sync_whole(&state, &usual);
    assert_eq!(world.version(), before);
}

#[test]
fn a_generation_that_begins_behind_the_plan_loses_nothing() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    world.add(Side::Far, "Alpha", &mail("old"), &[]);
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    world.delete(Side::Near, "Alpha", &mail("old"));
    // The last folder that is looked at is another one.
    world.add(Side::Far, "Work", &mail("work"), &[]);
    let names = Both { far: "far".to_owned(), near: "near".to_owned() };
    let mut state = State::open(&state, &names).expect("the state");
    let store = |side: Side| -> Box<dyn Store> {
        Box::new(Memory::new(world.accounts.of(side).clone()).expect("an INBOX"))
    };
    let mut pair = Pair::new(Both { far: store(Side::Far), near: store(Side::Near) });
    let error = run(async {
        let mut plan = plan::plan(&mut pair, &state, &usual.scope, true).await.expect("a plan");
        assert_eq!(plan.counts(Side::Far).deleted, 1);
        world.accounts.far.borrow_mut().delete("Alpha").expect("there");
        world.add(Side::Far, "Alpha", &mail("new"), &[]);
        let mut progress = Progress::new(Show::None, "sync", None);
        apply::apply(&mut pair, None, &mut state, &mut plan, &mut progress).await
    })
    .expect_err("it stops");
    let failure = error.downcast::<Failure>().expect("it says how it ends");
    assert_eq!(failure.exit, Exit::TempFail);
    assert_eq!(world.seen(Side::Far)["Alpha"][0].0, mail("new"));
}

#[test]
fn a_folder_that_was_deleted_is_deleted_unless_something_is_new_in_it() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    world.add(Side::Far, "INBOX", &mail("one"), &[]);
    for folder in ["Work", "Play", "Old"] {
        world.add(Side::Far, folder, &mail(folder), &[]);
    }
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    world.sync_whole(&state, &usual);
    for folder in ["Work", "Play", "Old"] {
        world.accounts.near.borrow_mut().delete(folder).expect("there");
    }
    world.add(Side::Far, "Work", &mail("new"), &[]);
    world.flag(Side::Far, "Play", &mail("Play"), FlagOperation::Add, "\\Flagged");
    let (exit, text) = world.sync_whole(&state, &usual);
    assert_eq!(exit, Exit::Conflicts);
    assert_eq!(text.matches("\"type\":\"folder-kept\"").count(), 2, "{text}");
    let (far, near) = world.both();
    assert_eq!(far, near);
    assert_eq!((far["Work"].len(), far["Play"].len()), (2, 1));
    assert!(!far.contains_key("Old"));
    let (exit, _) = world.sync_whole(&state, &usual);
    assert_eq!(exit, Exit::Ok);
    // A mirror makes it again.
    world.accounts.near.borrow_mut().delete("Work").expect("there");
    let (exit, _) = world.sync_whole(&state, &job(Mode::Mirror));
    assert_eq!(exit, Exit::Ok);
    assert_eq!(world.seen(Side::Near), world.seen(Side::Far));
}

#[test]
fn what_was_moved_is_moved_and_keeps_what_both_sides_did_to_it() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, Kind { has_history: false, ..PLAIN });
    for name in ["one", "two", "three"] {
        world.add(Side::Far, "INBOX", &mail(name), &["\\Seen"]);
    }
    world.add(Side::Far, "Archive", &mail("old"), &[]);
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    world.sync_whole(&state, &usual);
    world.shift(Side::Far, "INBOX", &mail("one"), "Archive");
    world.flag(Side::Far, "Archive", &mail("one"), FlagOperation::Add, "\\Flagged");
    world.flag(Side::Near, "INBOX", &mail("one"), FlagOperation::Add, "\\Answered");
    world.shift(Side::Near, "INBOX", &mail("two"), "New");
    let (exit, text) = world.sync_whole(&state, &usual);
    assert_eq!(exit, Exit::Ok, "{text}");
    let result = text.lines().last().expect("a result");
    assert_eq!(result.matches("\"moved\":1").count(), 2, "{result}");
    assert_eq!(result.matches("\"copied\":0,\"flagged\":1,\"deleted\":0").count(), 2, "{result}");
    let (far, near) = world.both();
    assert_eq!(far, near);
    assert_eq!(far["INBOX"].len(), 1);
    let one = far["Archive"].iter().find(|message| message.0 == mail("one")).expect("moved");
    assert_eq!(one.1, ["\\Answered", "\\Flagged", "\\Seen"]);
    assert_eq!(far["New"].len(), 1);
    let before = world.version();
    world.sync_whole(&state, &usual);
    assert_eq!(world.version(), before);
}

#[test]
fn folders_are_renamed_and_subscribed_to() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    for name in ["INBOX", "Work", "Work/a", "Play"] {
        world.add(Side::Far, name, &mail(name), &[]);
    }
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    world.sync_whole(&state, &usual);
    world.accounts.far.borrow_mut().rename("Work", "Labour").expect("there");
    world.add(Side::Far, "Labour/a", &mail("new"), &[]);
    world.accounts.near.borrow_mut().rename("Play", "Games").expect("there");
    world.accounts.near.borrow_mut().set_subscribed("Games", true).expect("there");
    let (exit, text) = world.sync_whole(&state, &usual);
    assert_eq!(exit, Exit::Ok, "{text}");
    let result = text.lines().last().expect("a result");
    assert!(
        result.contains(
            "\"near\":{\"created\":0,\"copied\":1,\"flagged\":0,\"deleted\":0,\"renamed\":2"
        ),
        "{result}"
    );
    assert!(result.contains("\"renamed\":1"), "{result}");
    let (far, near) = world.both();
    assert_eq!(far, near);
    assert_eq!(far.keys().collect::<Vec<_>>(), ["Games", "INBOX", "Labour", "Labour/a"]);
    assert!(world.accounts.far.borrow().is_subscribed("Games"));
    let before = world.version();
    world.sync_whole(&state, &usual);
    assert_eq!(world.version(), before);
    world.accounts.far.borrow_mut().set_subscribed("Games", false).expect("there");
    world.sync_whole(&state, &usual);
    assert!(!world.accounts.near.borrow().is_subscribed("Games"));
}

#[test]
fn a_message_that_was_not_given_is_asked_for_again() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let mut world = World::new(Kind { gives_all: false, ..PLAIN }, PLAIN);
    world.add(Side::Far, "INBOX", &mail("one"), &[]);
    world.add(Side::Far, "INBOX", &mail("two"), &[]);
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    assert_eq!(world.seen(Side::Near)["INBOX"].len(), 1);
    world.kinds.far = PLAIN;
    world.sync_whole(&state, &usual);
    assert_eq!(world.seen(Side::Near), world.seen(Side::Far));
}

#[test]
fn a_source_folder_that_is_not_there_empties_nothing() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    world.add(Side::Far, "INBOX", &mail("one"), &[]);
    world.add(Side::Near, "INBOX", &mail("two"), &[]);
    for mode in [Mode::Mirror, Mode::Pull, Mode::Copy] {
        let mut wrong = job(mode);
        wrong.scope.only = Both { far: Some("Typo".into()), near: Some("INBOX".into()) };
        assert_eq!(world.failure(&state, &wrong).exit, Exit::NoInput, "{mode:?}");
    }
    assert_eq!(world.seen(Side::Near)["INBOX"].len(), 1);
}

#[test]
fn keywords_survive_a_side_that_cannot_keep_them() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let near = Kind { keeps_keywords: false, has_history: false, ..PLAIN };
    let world = World::new(PLAIN, near);
    world.add(Side::Far, "INBOX", &mail("one"), &["work"]);
    world.add(Side::Far, "INBOX", &mail("two"), &["\\Seen"]);
    let usual = job(Mode::TwoWay);
    for _ in 0..3 {
        world.sync_whole(&state, &usual);
    }
    assert_eq!(world.seen(Side::Far)["INBOX"][0].1, ["work"]);
    world.flag(Side::Near, "INBOX", &mail("one"), FlagOperation::Add, "\\Seen");
    world.flag(Side::Far, "INBOX", &mail("two"), FlagOperation::Add, "work");
    for _ in 0..3 {
        world.sync_whole(&state, &usual);
    }
    let far = world.seen(Side::Far);
    assert_eq!(far["INBOX"][0].1, ["\\Seen", "work"]);
    assert_eq!(far["INBOX"][1].1, ["\\Seen", "work"]);
    let before = world.version();
    world.sync_whole(&state, &usual);
    assert_eq!(world.version(), before);
}

#[test]
fn an_unchanged_side_with_a_history_is_not_even_selected() {
    let stamped = Kind { has_history: false, has_stamps: true, ..PLAIN };
    for near in [PLAIN, stamped] {
        nothing_is_selected(near);
    }
}

fn nothing_is_selected(near: Kind) {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, near);
    for at in 0..20 {
        world.add(Side::Far, &format!("folder {at}"), &mail("one"), &[]);
    }
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    // One more run to see what the first has done.
    world.sync_whole(&state, &usual);
    let fuse = Fuse::never();
    world.sync(&state, &usual, &fuse, Death::Before).expect("it ends well");
    assert_eq!(fuse.steps(), 2, "two listings, whatever the number of folders");
    // A change on one side asks nothing of the other one but to take it.
    world.add(Side::Far, "folder 3", &mail("two"), &[]);
    world.sync_whole(&state, &usual);
    assert_eq!(world.seen(Side::Far), world.seen(Side::Near));
    world.delete(Side::Near, "folder 4", &mail("one"));
    world.sync_whole(&state, &usual);
    assert_eq!(world.seen(Side::Far), world.seen(Side::Near));
    assert!(world.seen(Side::Far)["folder 4"].is_empty());
}

#[test]
fn a_large_message_and_many_small_ones_arrive_whole() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    let large = mail("large") + &"0123456789abcde\r\n".repeat(20_000);
    world.add(Side::Far, "INBOX", &large, &[]);
    for at in 0..300 {
        world.add(Side::Far, "INBOX", &mail(&at.to_string()), &[]);
    }
    world.sync_whole(&state, &job(Mode::Pull));
    let (far, near) = world.both();
    assert_eq!(far, near);
}
