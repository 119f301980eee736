use proptest::prelude::*;

use super::super::files;
use super::super::testing::{Dir, expr, printed, run, write};
use super::*;
use crate::store::maildir;

/// What a query finds, with the index and without.
fn both(dir: &Dir, query: &str) -> (Vec<String>, Vec<String>) {
    let maildir = Maildir::open(dir.path(), maildir::Options::default()).expect("opened");
    let folder: Arc<str> = "INBOX".into();
    let expr = expr(query);
    let manner = Manner { index: true, ..Manner::default() };
    let (indexed, _) = printed(async |results| {
        let list = candidates(&maildir, &folder, &expr, manner).expect("asked");
        files::search(&list, &expr, manner, results).await.expect("searched");
    });
    let (scanned, _) = printed(async |results| {
        let list = list(&maildir, &folder).expect("listed");
        files::search(&list, &expr, Manner::default(), results).await.expect("searched");
    });
    (indexed, scanned)
}

/// Puts the directories' times back, as if all had happened long ago.
fn settle(dir: &Dir) {
    let long_ago = SystemTime::now() - std::time::Duration::from_secs(60);
    for name in ["cur", "new"] {
        let folder = std::fs::File::open(dir.path().join(name)).expect("a folder");
        folder.set_modified(long_ago).expect("its time is set");
    }
}

fn is_settled(dir: &Dir) -> bool {
    let index = Database::open(&dir.path().join(FILE), &LAYOUT).expect("opened");
    let known: String = index
        .read(|connection| connection.query_row("SELECT seen FROM state", [], |row| row.get(0)))
        .expect("a row");
    Some(known) == seen(dir.path())
}

#[test]
fn questions_are_pieces_of_words() {
    for (query, expected) in [
        ("subject:Grüße", Some("(\"grü\" AND \"rüs\" AND \"üss\" AND \"sse\")")),
        ("\"q3 report\"", Some("(\"rep\" AND \"epo\" AND \"por\" AND \"ort\")")),
        ("body:会議室", Some("(\"会議室\")")),
        ("to:ab", None),
        ("-budget", None),
        ("is:unread abcd", Some("((\"abc\" AND \"bcd\"))")),
        ("abc OR is:read", None),
        ("abc OR def", Some("((\"abc\") OR (\"def\"))")),
        ("id:<a@b>", Some("(\"a@b\")")),
        ("body:/abc/", Some("(\"abc\")")),
        ("body:/(abc|defg)[0-9]/", Some("((\"abc\") OR (\"def\" AND \"efg\"))")),
        ("body:/a[bc]d/", None),
        ("\"a\\\"b\"", Some("(\"a\"\"b\")")),
    ] {
        assert_eq!(question(&expr(query)).as_deref(), expected, "{query}");
    }
}

#[test]
fn found_again_after_every_change() {
    let dir = Dir::new();
    write(&dir, "new/1.a", b"Subject: first budget\n\nbody\n");
    write(&dir, "cur/2.b:2,S", b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\nBudget\n");
    write(&dir, "cur/3.c:2,", b"Subject: none\n\nnothing\n");
    let check = |query: &str, count: usize| {
        let (indexed, scanned) = both(&dir, query);
        assert_eq!(indexed, scanned, "{query}");
        assert_eq!(indexed.len(), count, "{query}");
    };
    check("budget", 2);
    check("grüsse", 1);
    settle(&dir);
    check("budget", 2);
    assert!(is_settled(&dir), "nothing has changed, and nothing is to be read");
    check("budget is:read", 1);
    std::fs::rename(dir.path().join("new/1.a"), dir.path().join("cur/1.a:2,FS")).expect("renamed");
    check("budget is:flagged", 1);
    settle(&dir);
    write(&dir, "new/4.d", b"Subject: budget\n\n");
    check("budget", 3);
    std::fs::remove_file(dir.path().join("cur/2.b:2,S")).expect("removed");
    check("grüsse", 0);
    check("budget", 2);
    // Another file under the same name.
    let other = write(&dir, "tmp/x", b"Subject: other words\n\n");
    std::fs::rename(other, dir.path().join("cur/1.a:2,FS")).expect("renamed");
    check("budget", 1);
    check("words", 1);
}

#[test]
fn a_broken_index_is_made_anew() {
    let dir = Dir::new();
    write(&dir, "new/1.a", b"Subject: budget\n\n");
    write(&dir, "cur/.keep", b"");
    assert_eq!(both(&dir, "budget").0.len(), 1);
    for broken in [&b"no database"[..], b"SQLite format 3\0 and then nonsense", b""] {
        std::fs::write(dir.path().join(FILE), broken).expect("written");
        assert_eq!(both(&dir, "budget").0.len(), 1, "{broken:?}");
    }
    // Held by another run: then without.
    let held = Database::open(&dir.path().join(FILE), &LAYOUT).expect("opened");
    assert_eq!(both(&dir, "budget").0.len(), 1);
    drop(held);
}

#[test]
fn documents_are_indexed_where_asked_for() {
    let dir = Dir::new();
    write(&dir, "new/1.a", b"Subject: x\n\nbudget\n");
    write(&dir, "cur/.keep", b"");
    assert_eq!(both(&dir, "budget").0.len(), 1);
    let maildir = Maildir::open(dir.path(), maildir::Options::default()).expect("opened");
    let manner = Manner { index: true, documents: true, ..Manner::default() };
    let expr = expr("budget");
    let (found, _) = printed(async |results| {
        let list = candidates(&maildir, &"INBOX".into(), &expr, manner).expect("asked");
        files::search(&list, &expr, manner, results).await.expect("searched");
    });
    assert_eq!(found.len(), 1);
    run(async {});
}

/// One step in the life of a Maildir.
#[derive(Debug, Clone)]
enum Step {
    Deliver(String),
    Flag(usize, &'static str),
    Remove(usize),
    Settle,
    Break,
    Ask(String),
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "alpha",
        "beta",
        "Grüße",
        "会議室の",
        "ab",
        "x",
        "al",
        "lph",
        "eta",
        "rüß",
    ])
    .prop_map(str::to_owned)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::collection::vec(word(), 1..5).prop_map(|words| Step::Deliver(words.join(" "))),
        1 => (any::<prop::sample::Index>(), prop::sample::select(vec!["S", "FS", ""]))
            .prop_map(|(at, flags)| Step::Flag(at.index(1000), flags)),
        1 => any::<prop::sample::Index>().prop_map(|at| Step::Remove(at.index(1000))),
        1 => Just(Step::Settle),
        1 => Just(Step::Break),
        4 => (word(), prop::sample::select(vec!["", "-", "is:read ", "subject:", "body:"]))
            .prop_map(|(word, before)| Step::Ask(format!("{before}{word}"))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_index_is_always_right(steps in prop::collection::vec(step(), 1..24)) {
        let dir = Dir::new();
        write(&dir, "cur/.keep", b"");
        write(&dir, "new/.keep", b"");
        let mut number = 0;
        let mut paths: Vec<PathBuf> = Vec::new();
        for step in steps {
            match step {
                Step::Deliver(words) => {
                    number += 1;
                    let text = format!("Subject: {words}\n\n{}\n", words.to_uppercase());
                    paths.push(write(&dir, &format!("new/{number}.a"), text.as_bytes()));
                }
                Step::Flag(at, flags) if !paths.is_empty() => {
                    let at = at % paths.len();
                    let file = MaildirFile::new(paths[at].clone()).expect("a file");
                    let unique = file.unique().to_string_lossy().into_owned();
                    let renamed = dir.path().join(format!("cur/{unique}:2,{flags}"));
                    std::fs::rename(&paths[at], &renamed).expect("renamed");
                    paths[at] = renamed;
                }
                Step::Remove(at) if !paths.is_empty() => {
                    std::fs::remove_file(paths.remove(at % paths.len())).expect("removed");
                }
                Step::Settle => settle(&dir),
                Step::Break => {
                    let _ = std::fs::write(dir.path().join(FILE), b"broken");
                }
                Step::Ask(query) => {
                    let (indexed, scanned) = both(&dir, &query);
                    prop_assert_eq!(indexed, scanned, "{}", query);
                }
                Step::Flag(..) | Step::Remove(_) => {}
            }
        }
    }
}
