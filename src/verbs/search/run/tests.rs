use super::super::testing::{Dir, expr, printed, run, write};
use super::*;
use crate::store::maildir;

#[test]
fn every_folder_of_a_tree() {
    let dir = Dir::new();
    for (name, subject) in [
        ("cur/1.a:2,S", "inbox"),
        ("new/2.b", "new"),
        (".Lists.rust/cur/3.c:2,", "rust"),
        (".Sent/cur/4.d:2,S", "sent"),
    ] {
        write(&dir, name, format!("Subject: {subject}\n\n").as_bytes());
    }
    let found = |query: &str| {
        let expr = expr(query);
        let mut maildir = Maildir::open(dir.path(), maildir::Options::default()).expect("opened");
        let (lines, _) = printed(async |results| {
            in_maildir(&mut maildir, &expr, Manner::default(), results).await.expect("searched");
        });
        let name = |line: &String| line.rsplit('/').next().map(str::to_owned);
        lines.iter().filter_map(name).collect::<Vec<_>>()
    };
    assert_eq!(found(""), ["1.a:2,S", "2.b", "3.c:2,", "4.d:2,S"]);
    assert_eq!(found("is:unread"), ["2.b", "3.c:2,"]);
    assert_eq!(found("folder:Lists/*"), ["3.c:2,"]);
    assert_eq!(found("subject:sent OR folder:INBOX"), ["1.a:2,S", "2.b", "4.d:2,S"]);
}

#[test]
fn references_are_found_again_under_their_new_names() {
    let dir = Dir::new();
    let seen = write(&dir, "cur/1.a:2,S", b"Subject: x\n\n");
    let eml = write(&dir, "x.eml", b"Subject: y\n\n");
    let paths = [dir.path().join("new/1.a"), eml.clone(), dir.path().join("cur/9.z:2,")];
    let mut list = Vec::new();
    printed(async |results| list = named(&paths, results));
    assert_eq!(list.len(), 2);
    assert_eq!((list[0].path(), list[0].kind), (seen, Kind::Maildir));
    assert_eq!(list[0].flags.as_deref(), Some(&["\\Seen".to_owned()][..]));
    assert_eq!((list[1].path(), list[1].kind), (eml, Kind::Eml));
}

#[test]
fn a_message_on_standard_input() {
    let message = b"Subject: hello\nDate: Sun, 1 Mar 2026 10:00:00 +0000\n\nbody\n";
    for (query, expected) in [
        ("subject:hello", Exit::Ok),
        ("on:2026-03-01", Exit::Ok),
        ("body:body size:<100", Exit::Ok),
        ("folder:INBOX", Exit::None),
        ("from:ann", Exit::None),
    ] {
        let expr = expr(query);
        let (lines, exit) = printed(async |results| {
            piped::message(message, &expr, Manner::default(), results).expect("searched");
        });
        assert_eq!((lines.len(), exit), (usize::from(expected == Exit::Ok), expected), "{query}");
    }
}

#[test]
fn an_mbox_and_a_folder_of_files_as_places() {
    let dir = Dir::new();
    let mbox = b"From a@x Mon Mar  2 10:00:00 2026\nSubject: one\n\nfirst\n\n\
From a@x Mon Mar  2 11:00:00 2026\nSubject: two\n\nsecond\n";
    let path = write(&dir, "old.mbox", mbox);
    write(&dir, "saved/b.eml", b"Subject: two\n\n");
    write(&dir, "saved/a.eml", b"Subject: one\n\n");
    let expr = expr("subject:two");
    let search = |location: Location| {
        let context = crate::open::Context::new(&common()).expect("a context");
        printed(async |results| {
            let options = Default::default();
            let opened = open::open_mail(&location, &options, Create::No, &context).await;
            in_place(opened.expect("opened"), &location, None, &expr, Manner::default(), results)
                .await
                .expect("searched");
        })
        .0
    };
    let lines = search(Location::Mbox(path.clone()));
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with(&format!("mbox:{};offset=", path.display())), "{lines:?}");
    let lines = search(Location::Eml(dir.path().join("saved")));
    assert_eq!(lines, [dir.path().join("saved/b.eml").display().to_string()]);
}

/// The common options of a command line without any, and no configuration.
fn common() -> open::Common {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        common: open::Common,
    }
    <Line as clap::Parser>::parse_from(["search", "--config", "/dev/null"]).common
}

#[test]
fn queries_with_mistakes_are_shown() {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }
    let words = ["search", "from:ann subjct:x", "--config", "/dev/null"];
    let line = <Line as clap::Parser>::parse_from(words);
    let context = Context::new(&line.args.common).expect("a context");
    let mut out = Output::to(Box::new(Vec::<u8>::new()), crate::ui::Format::Lines, false);
    let error = run(super::run(line.args, &context, &mut out)).expect_err("a mistake");
    let shown = error.to_string();
    assert!(shown.contains("from:ann subjct:x\n") && shown.contains("^^^^^^"), "{shown}");
    assert!(shown.contains("did you mean"), "{shown}");
}
