use super::super::diff::Row;
use super::*;
use crate::state::testing::Dir;

fn pair() -> Both<String> {
    Both { far: "imaps://h".into(), near: "maildir:/m".into() }
}

fn ids(far: &str, near: &str) -> Both<Id> {
    Both { far: Id::new(far), near: Id::new(near) }
}

fn intent(source: &str) -> Intent {
    Intent {
        key: None,
        to: Side::Near,
        source: Id::new(source),
        row: None,
        flags: ["\\Seen", "work"].iter().collect(),
        moved: None,
        digest: [7; 32],
        header: Some([8; 32]),
        message_id: "<a@b>".into(),
        uid_next: 9,
        stored: false,
    }
}

#[test]
fn a_folder_remembers_all_that_it_was_told() {
    let dir = Dir::new();
    let path = dir.path().join("s.db");
    let mut state = State::open(&path, &pair()).expect("new");
    let mut rows = vec![Row { key: None, ids: ids("1", "a"), flags: Flags::new() }];
    let opening = Opening { changed_rows: vec![0], ..Opening::default() };
    let generations = Both { far: 7, near: 8 };
    let folder = state
        .open_folder("INBOX", generations, &Both::default(), &opening, &mut rows)
        .expect("written");
    let mut intents = [intent("2"), intent("3")];
    state.intend(folder, &mut intents, &[(Side::Near, "work".into())]).expect("written");
    drop(state);

    let mut state = State::open(&path, &pair()).expect("there");
    assert_eq!(state.rows(folder).expect("readable"), rows);
    assert_eq!(state.intents(folder).expect("readable"), intents);
    let (refused, unconfirmed) = state.keywords(folder).expect("readable");
    assert!(refused.near.is_empty() && unconfirmed.near.has("WORK"));
    state.stored(&[intents[1].key.expect("written")]).expect("written");
    let made = Made {
        intent: intents[0].key.expect("written"),
        row: None,
        ids: ids("2", "b"),
        flags: ["\\Seen"].iter().collect(),
        marks: Marks { header: None, whole: Some([7; 32]) },
        moved: None,
    };
    state.record(folder, &[made]).expect("written");
    assert_eq!(state.rows(folder).expect("readable").len(), 2);
    let left = state.intents(folder).expect("readable");
    assert!(left.len() == 1 && left[0].stored && &*left[0].source.0 == "3");
    let known = Both {
        far: Known {
            uid_validity: 7,
            uid_next: 4,
            messages: 2,
            modseq: Some(1 << 62),
            stamp: None,
        },
        near: Known { uid_validity: 8, stamp: Some(Stamp([7; 16])), ..Known::default() },
    };
    state.write_down(&[], &[], &[(folder, known)]).expect("written");
    assert_eq!(state.folders().expect("readable")["INBOX"].sides, known);
    let key = rows[0].key.expect("written");
    let flags: Flags = ["\\Flagged"].iter().collect();
    state.write_down(&[], &[(key, flags.clone())], &[]).expect("written");
    assert_eq!(state.rows(folder).expect("readable")[0].flags, flags);
    state.forget(&[key]).expect("written");
    assert_eq!(state.rows(folder).expect("readable").len(), 1);

    // Another generation of one side: only that side's history is void.
    let generations = Both { far: 70, near: 8 };
    state
        .open_folder("INBOX", generations, &Both::default(), &Opening::default(), &mut [])
        .expect("written");
    let sides = state.folders().expect("readable")["INBOX"].sides;
    assert_eq!(sides.far.uid_validity, 70);
    assert_eq!(sides.far.modseq, None);
    assert_eq!(sides.near.stamp, known.near.stamp);
    // So is that of a folder that was made anew with the same numbers.
    for (name, stamp) in [("a", known.near.stamp), ("b", None)] {
        let ids = Both { far: None, near: Some(name.to_owned()) };
        let opening = Opening::default();
        state.open_folder("INBOX", generations, &ids, &opening, &mut []).expect("written");
        assert_eq!(state.folders().expect("readable")["INBOX"].sides.near.stamp, stamp);
    }
}

#[test]
fn keywords_go_from_unconfirmed_to_refused_to_kept() {
    let mut state = State::in_memory(&pair()).expect("new");
    let generations = Both { far: 1, near: 1 };
    let folder = state
        .open_folder("x", generations, &Both::default(), &Opening::default(), &mut [])
        .expect("written");
    let mut say = |keyword: Keyword| {
        let keywords = vec![(Side::Far, "Work".to_owned(), keyword)];
        let opening = Opening { keywords, ..Opening::default() };
        state.open_folder("x", generations, &Both::default(), &opening, &mut []).expect("written");
        state.keywords(folder).expect("readable")
    };
    assert!(say(Keyword::Unconfirmed).1.far.has("work"));
    assert!(say(Keyword::Refused).0.far.has("work"));
    assert!(say(Keyword::Unconfirmed).0.far.has("work"), "a refusal is not forgotten");
    assert_eq!(say(Keyword::Kept), Default::default());
}

#[test]
fn the_state_of_another_pair_is_refused() {
    let dir = Dir::new();
    let path = dir.path().join("s.db");
    drop(State::open(&path, &pair()).expect("new"));
    let other = Both { far: "imaps://other".into(), ..pair() };
    assert!(matches!(State::open(&path, &other), Err(state::Error::Foreign { .. })));
    assert_ne!(
        State::usual_path(&other).expect("a home"),
        State::usual_path(&pair()).expect("a home")
    );
}
