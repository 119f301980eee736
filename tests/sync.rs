//! `sync` between Dovecot and Maildirs, and between two Dovecots, with others at work on both
//! sides.

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use support::{Dovecot, Home, Invocation, OtherClient, PATIENCE, Run, Stored, args, mail, needs};

/// Messages as files hold them; those of different seeds differ.
fn messages(seed: u64, count: usize) -> Vec<Vec<u8>> {
    mail::generate(seed, count).iter().map(|message| mail::to_lf(message)).collect()
}

fn put(dovecot: &Dovecot, mailbox: &str, messages: &[Vec<u8>]) {
    let stored: Vec<Stored<'_>> = messages
        .iter()
        .enumerate()
        .map(|(number, octets)| Stored {
            octets,
            flags: ["", "S", "FS", "RS"][number % 4],
            received: 1_772_532_000 + number as u64,
        })
        .collect();
    dovecot.put("alice", mailbox, &stored);
}

/// Delivers into a Maildir, as another program would.
fn deliver(maildir: &Path, messages: &[Vec<u8>]) {
    for folder in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(maildir.join(folder)).expect("a Maildir can be created");
    }
    for (number, message) in messages.iter().enumerate() {
        let name = format!("{}.M{number}P{}.other", 1_772_600_000, message.len());
        let tmp = maildir.join("tmp").join(&name);
        std::fs::write(&tmp, message).expect("a message can be written");
        std::fs::rename(&tmp, maildir.join("new").join(&name)).expect("it can be delivered");
    }
}

/// The file of a message in a Maildir.
#[track_caller]
fn file_of(maildir: &Path, message: &[u8]) -> PathBuf {
    let wanted = mail::to_lf(message);
    mail::maildir_files(maildir)
        .into_iter()
        .find(|path| std::fs::read(path).is_ok_and(|octets| mail::to_lf(&octets) == wanted))
        .unwrap_or_else(|| panic!("not in {}", maildir.display()))
}

/// Gives a message of a Maildir these flags, as another program would.
#[track_caller]
fn set_flags(maildir: &Path, message: &[u8], flags: &str) {
    let path = file_of(maildir, message);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let unique = name.split(":2,").next().unwrap_or_default();
    let to = maildir.join("cur").join(format!("{unique}:2,{flags}"));
    std::fs::rename(&path, to).expect("an own file can be renamed");
}

/// What a Maildir holds: content with LF, system flags, and the second of arrival.
fn held(maildir: &Path) -> Vec<(Vec<u8>, String, u64)> {
    let mut all: Vec<_> = mail::maildir_files(maildir)
        .iter()
        .map(|path| {
            let octets = mail::to_lf(&std::fs::read(path).expect("a message"));
            let flags =
                mail::maildir_flags(path).chars().filter(char::is_ascii_uppercase).collect();
            let modified = path.metadata().and_then(|it| it.modified()).expect("a time");
            (octets, flags, modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
        })
        .collect();
    all.sort();
    all
}

/// Both Maildirs hold the same; each message once.
#[track_caller]
fn same(far: &Path, near: &Path, run: &Run) {
    let (far_held, near_held) = (held(far), held(near));
    let brief = |all: &[(Vec<u8>, String, u64)]| -> Vec<String> {
        all.iter()
            .map(|(octets, flags, seconds)| {
                let text = String::from_utf8_lossy(octets);
                let id = text.lines().find(|line| line.starts_with("Message-ID")).unwrap_or("-");
                format!("{id} {flags} {seconds} {}", octets.len())
            })
            .collect()
    };
    assert_eq!(
        brief(&far_held),
        brief(&near_held),
        "{} and {} differ\n{run}",
        far.display(),
        near.display()
    );
    assert!(far_held == near_held, "contents differ\n{run}");
    let mut contents: Vec<_> = far_held.iter().map(|(octets, ..)| octets).collect();
    contents.dedup();
    assert_eq!(contents.len(), far_held.len(), "a message is there twice\n{run}");
}

struct Pair {
    dovecot: Dovecot,
    home: Home,
}

impl Pair {
    fn start(test: &str) -> Option<Pair> {
        Some(Pair { dovecot: Dovecot::start(test)?, home: Home::new() })
    }

    fn near(&self, folder: &str) -> PathBuf {
        let root = self.home.path().join("near");
        if folder == "INBOX" { root } else { root.join(format!(".{folder}")) }
    }

    fn far(&self, folder: &str) -> PathBuf {
        self.dovecot.maildir("alice", folder)
    }

    fn sync(&self) -> Invocation {
        self.home
            .pillarbox(args!["sync", self.dovecot.url("imaps", "alice"), "maildir:near", "--json"])
            .arg("--ca-file")
            .arg(self.dovecot.ca())
            .password("secret")
    }

    fn other(&self) -> OtherClient {
        OtherClient::login(self.dovecot.imap, "alice", "secret")
    }

    /// A run that finds nothing to do.
    #[track_caller]
    fn settled(&self) {
        let run = self.sync().run().success();
        assert_eq!(result(&run), (counts(0, 0, 0, 0), counts(0, 0, 0, 0)), "{run}");
    }
}

/// What was done far and near, as the last line of JSON tells.
#[track_caller]
fn result(run: &Run) -> (Value, Value) {
    let last = run.json_lines().pop().unwrap_or_default();
    assert_eq!(last["type"], "result", "{run}");
    (last["far"].clone(), last["near"].clone())
}

fn counts(created: u64, copied: u64, flagged: u64, deleted: u64) -> Value {
    json!({"created": created, "copied": copied, "flagged": flagged, "deleted": deleted})
}

#[test]
fn both_ways_with_another_client_in_between() {
    let Some(pair) = Pair::start("both_ways_with_another_client_in_between") else { return };
    let far = messages(21, 12);
    put(&pair.dovecot, "INBOX", &far);
    let near = messages(22, 4);
    deliver(&pair.near("INBOX"), &near);
    let run = pair.sync().run().success();
    assert_eq!(result(&run), (counts(0, 4, 0, 0), counts(0, 12, 0, 0)), "{run}");
    // What arrived near has the time of its file there and so at the server.
    same(&pair.far("INBOX"), &pair.near("INBOX"), &run);
    pair.settled();

    let mut other = pair.other();
    other.select("INBOX");
    other.command("UID STORE 1:3 +FLAGS.SILENT (\\Answered $Junk work)");
    other.command("UID STORE 2 -FLAGS.SILENT (\\Seen)");
    other.command("UID STORE 7 +FLAGS.SILENT (\\Deleted)");
    other.command("UID EXPUNGE 7");
    other.append("INBOX", "\\Flagged", &mail::generate(23, 1)[0]);
    let inbox = pair.near("INBOX");
    set_flags(&inbox, &far[0], "F");
    set_flags(&inbox, &near[1], "DS");
    std::fs::remove_file(file_of(&inbox, &far[9])).expect("a message can be deleted");
    deliver(&inbox, &messages(24, 2));
    let run = pair.sync().run().success();
    // Of the first message, flags changed on both sides and go both ways.
    assert_eq!(result(&run), (counts(0, 2, 2, 1), counts(0, 1, 3, 1)), "{run}");
    same(&pair.far("INBOX"), &pair.near("INBOX"), &run);
    let first = mail::maildir_flags(&file_of(&inbox, &far[0]));
    assert!(first.starts_with("FR"), "flags of both sides: {first}");
    assert_eq!(first.len(), 4, "with two keywords: {first}");
    let keywords = std::fs::read_to_string(inbox.join("dovecot-keywords")).expect("keywords");
    assert!(keywords.contains("$Junk") && keywords.contains("work"), "{keywords}");
    pair.settled();

    // A keyword of the Maildir goes to the server.
    let letter = first.chars().find(char::is_ascii_lowercase).unwrap_or('a');
    set_flags(&inbox, &far[5], &format!("S{letter}"));
    let run = pair.sync().run().success();
    assert_eq!(result(&run), (counts(0, 0, 1, 0), counts(0, 0, 0, 0)), "{run}");
    let mut other = pair.other();
    other.select("INBOX");
    let (junk, work) = (other.search("KEYWORD $Junk"), other.search("KEYWORD work"));
    assert_eq!(junk.len() + work.len(), 7, "{junk:?} {work:?}");
    pair.settled();
}

/// Names that are not ASCII, with levels, spaces and characters that other encodings use.
const NAMES: [(&str, &str); 5] = [
    ("Entw\u{fc}rfe", "Entw&APw-rfe"),
    ("\u{65e5}\u{672c}/\u{8a9e}", "&ZeVnLA-/&ip4-"),
    ("Lists/rust & more", "Lists/rust &- more"),
    ("50% \"off\"", "50% \\\"off\\\""),
    ("\u{1f6a2}", "&2D3eog-"),
];

#[test]
fn names_of_folders_on_both_sides() {
    let Some(pair) = Pair::start("names_of_folders_on_both_sides") else { return };
    let mut other = pair.other();
    for (number, (_, wire)) in NAMES.iter().enumerate() {
        other.command(&format!("CREATE \"{wire}\""));
        other.append(wire, "\\Seen", &mail::generate(30 + number as u64, 1)[0]);
    }
    let run = pair.sync().run().success();
    let last = json!(NAMES.len());
    assert_eq!(result(&run).1["copied"], last, "{run}");
    pair.settled();
    // Another program of local mail finds them: Dovecot itself, on what we wrote.
    for (_, wire) in NAMES {
        let on_disk = wire.replace("\\\"", "\"").replace('/', ".");
        same(&pair.far(&on_disk), &pair.near(&on_disk), &run);
        assert_eq!(held(&pair.near(&on_disk)).len(), 1, "{on_disk}");
    }
    // A folder that begins near comes to be at the server, with its messages.
    let wire = "&AMk-t&AOk-.&iH2LiQ-";
    deliver(&pair.near(wire), &messages(40, 3));
    std::fs::write(pair.near(wire).join("maildirfolder"), "").expect("a marker");
    let run = pair.sync().run().success();
    assert_eq!(result(&run).0["copied"], 3, "{run}");
    same(&pair.far(wire), &pair.near(wire), &run);
    let listed = pair.other().command("LIST \"\" *");
    let wanted = "&AMk-t&AOk-/&iH2LiQ-";
    assert!(listed.iter().any(|line| line.contains(wanted)), "{listed:?}");
    pair.settled();
}

#[test]
fn between_two_servers_with_different_separators() {
    let test = "between_two_servers_with_different_separators";
    let Some(far) = Dovecot::start(test) else { return };
    let options = support::dovecot::Options { separator: '.', ..Default::default() };
    let Some(near) = Dovecot::with(test, &options) else { return };
    let home = Home::new();
    let (inbox, list) = (messages(51, 9), messages(52, 5));
    put(&far, "INBOX", &inbox);
    put(&far, "Lists/r&APw-st", &list);
    put(&near, "Archive.2025", &messages(53, 2));
    let sync = || {
        home.pillarbox(args!["sync", far.url("imaps", "alice"), near.url("imap", "alice")])
            .arg("--json")
            .arg("--far-ca-file")
            .arg(far.ca())
            .arg("--near-ca-file")
            .arg(near.ca())
            .password("secret")
    };
    let run = sync().run().success();
    assert_eq!(result(&run).1["copied"], 14, "{run}");
    assert_eq!(result(&run).0["copied"], 2, "{run}");
    for (there, here) in
        [("INBOX", "INBOX"), ("Lists/r&APw-st", "Lists.r&APw-st"), ("Archive/2025", "Archive.2025")]
    {
        same(&far.maildir("alice", there), &near.maildir("alice", here), &run);
    }
    let again = sync().run().success();
    assert_eq!(result(&again), (counts(0, 0, 0, 0), counts(0, 0, 0, 0)), "{again}");
    // A deletion and a flag, each on the other side.
    let mut other = OtherClient::login(near.imap, "alice", "secret");
    other.select("Lists.r&APw-st");
    other.command("UID STORE 1 +FLAGS.SILENT (\\Deleted)");
    other.command("UID EXPUNGE 1");
    let mut other = OtherClient::login(far.imap, "alice", "secret");
    other.select("Lists/r&APw-st");
    other.command("UID STORE 5 +FLAGS.SILENT (\\Draft)");
    let run = sync().run().success();
    assert_eq!(result(&run), (counts(0, 0, 0, 1), counts(0, 0, 1, 0)), "{run}");
    same(&far.maildir("alice", "Lists/r&APw-st"), &near.maildir("alice", "Lists.r&APw-st"), &run);
}

#[test]
fn the_brake_stops_before_anything_is_changed() {
    let Some(pair) = Pair::start("the_brake_stops_before_anything_is_changed") else { return };
    put(&pair.dovecot, "INBOX", &messages(61, 40));
    pair.sync().run().success();
    let before = held(&pair.near("INBOX"));
    let mut other = pair.other();
    other.select("INBOX");
    other.command("UID STORE 1:30 +FLAGS.SILENT (\\Deleted)");
    other.command("UID EXPUNGE 1:30");
    // Something else is to be done, too; it is not done either.
    deliver(&pair.near("Other"), &messages(62, 1));
    std::fs::write(pair.near("Other").join("maildirfolder"), "").expect("a marker");
    let run = pair.sync().run().expect(82).says(&["30 of 41", "--max-delete 30"]);
    assert_eq!(held(&pair.near("INBOX")), before, "{run}");
    assert!(!pair.far("Other").exists(), "{run}");
    // 20 % are too few, 80 % enough.
    pair.sync().arg("--max-delete").arg("20%").run().expect(82);
    assert_eq!(held(&pair.near("INBOX")).len(), 40);
    let run = pair.sync().arg("--max-delete").arg("80%").run().success();
    assert_eq!(held(&pair.near("INBOX")).len(), 10, "{run}");
    same(&pair.far("INBOX"), &pair.near("INBOX"), &run);
    assert_eq!(held(&pair.far("Other")).len(), 1, "{run}");
    pair.settled();

    // Ten are no more than is always allowed; but all of them at once are looked at twice.
    for path in mail::maildir_files(&pair.near("INBOX"))
        .into_iter()
        .chain(mail::maildir_files(&pair.near("Other")))
    {
        std::fs::remove_file(path).expect("a message can be deleted");
    }
    pair.sync().run().expect(82);
    assert_eq!(held(&pair.far("INBOX")).len(), 10);
}

#[test]
fn deleted_here_and_flagged_there_is_a_conflict_and_kept() {
    let test = "deleted_here_and_flagged_there_is_a_conflict_and_kept";
    let Some(pair) = Pair::start(test) else { return };
    let all = messages(71, 8);
    put(&pair.dovecot, "INBOX", &all);
    pair.sync().run().success();
    let mut other = pair.other();
    other.select("INBOX");
    // One each way, and one that both deleted.
    other.command("UID STORE 1,5 +FLAGS.SILENT (\\Deleted)");
    other.command("UID EXPUNGE 1,5");
    set_flags(&pair.near("INBOX"), &all[0], "F");
    for number in [1, 4] {
        let path = file_of(&pair.near("INBOX"), &all[number]);
        std::fs::remove_file(path).expect("a message can be deleted");
    }
    other.command("UID STORE 2 +FLAGS.SILENT (\\Flagged)");
    let run = pair.sync().run().expect(81);
    let conflicts: Vec<Value> =
        run.json_lines().into_iter().filter(|line| line["type"] == "conflict").collect();
    assert_eq!(conflicts.len(), 2, "{run}");
    assert_eq!(run.json_lines().last().map(|line| line["conflicts"].clone()), Some(json!(2)));
    let sides: Vec<&Value> = conflicts.iter().map(|line| &line["deleted"]).collect();
    assert!(sides.contains(&&json!("far")) && sides.contains(&&json!("near")), "{run}");
    same(&pair.far("INBOX"), &pair.near("INBOX"), &run);
    let kept = held(&pair.near("INBOX"));
    assert_eq!(kept.len(), 7, "{run}");
    for number in [0, 1] {
        let found = kept.iter().find(|(octets, ..)| *octets == all[number]);
        let flags = found.map(|(_, flags, _)| flags.as_str());
        assert!(flags.is_some_and(|flags| flags.contains('F')), "{flags:?}\n{run}");
    }
    pair.settled();
}

/// Every file below a folder with its content, to see that nothing changed.
fn snapshot(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path.clone());
                all.push((path, Vec::new()));
            } else {
                let content = std::fs::read(&path).expect("a file");
                all.push((path, content));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn a_missing_root_is_never_a_deletion() {
    let Some(pair) = Pair::start("a_missing_root_is_never_a_deletion") else { return };
    put(&pair.dovecot, "INBOX", &messages(81, 5));
    put(&pair.dovecot, "Work", &messages(82, 2));
    pair.sync().run().success();
    let (near, away) = (pair.home.path().join("near"), pair.home.path().join("away"));
    std::fs::rename(&near, &away).expect("a folder can be moved");
    let intact = |run: &Run| {
        assert_eq!(held(&pair.far("INBOX")).len(), 5, "{run}");
        assert_eq!(held(&pair.far("Work")).len(), 2, "{run}");
        assert!(!run.stderr.is_empty(), "{run}");
    };
    // Not there at all: and not made anew, where a disk may be mounted later.
    let run = pair.sync().run();
    assert!(matches!(run.code, Some(66 | 74 | 75)), "{run}");
    intact(&run);
    assert!(!near.exists(), "{run}");
    // The mount point of a disk that is not there.
    std::fs::create_dir(&near).expect("a folder can be made");
    let run = pair.sync().run();
    assert!(matches!(run.code, Some(66 | 74 | 75)), "{run}");
    intact(&run);
    assert!(snapshot(&near).is_empty(), "{run}");
    // A Maildir with nothing in it.
    for folder in ["tmp", "new", "cur"] {
        std::fs::create_dir(near.join(folder)).expect("a folder can be made");
    }
    let run = pair.sync().run();
    assert!(matches!(run.code, Some(75 | 82)), "{run}");
    intact(&run);
    // Back again: as if nothing had been.
    std::fs::remove_dir_all(&near).expect("an own folder can be removed");
    std::fs::rename(&away, &near).expect("a folder can be moved");
    pair.settled();

    // One folder of which only the place is left, as where a disk is not mounted, is left alone.
    let (work, elsewhere) = (pair.near("Work"), pair.home.path().join("work"));
    std::fs::rename(&work, &elsewhere).expect("a folder can be moved");
    std::fs::create_dir(&work).expect("a folder can be made");
    let run = pair.sync().run();
    assert_eq!(held(&pair.far("INBOX")).len(), 5, "{run}");
    assert_eq!(held(&pair.far("Work")).len(), 2, "{run}");
    assert_eq!(run.code, Some(81), "{run}");
    assert!(run.json_lines().iter().any(|line| line["type"] == "folder-gone"), "{run}");
    // One that was made anew, and holds nothing yet, is filled again.
    for folder in ["tmp", "new", "cur"] {
        std::fs::create_dir(work.join(folder)).expect("a folder can be made");
    }
    let run = pair.sync().run().success();
    assert_eq!(held(&pair.far("Work")).len(), 2, "{run}");
    same(&pair.far("Work"), &work, &run);
    // One that somebody has deleted is deleted.
    std::fs::remove_dir_all(&work).expect("an own folder can be removed");
    let run = pair.sync().run().success();
    assert_eq!(result(&run).0["removed"], 1, "{run}");
    assert!(!pair.far("Work").exists(), "{run}");
    pair.settled();
}

#[test]
fn a_dry_run_changes_nothing() {
    let Some(pair) = Pair::start("a_dry_run_changes_nothing") else { return };
    let all = messages(91, 6);
    put(&pair.dovecot, "INBOX", &all);
    let state = |pair: &Pair| snapshot(&pair.home.home().parent().expect("a root").join("state"));
    // Before the first run: neither a Maildir nor any state is made.
    let run = pair.sync().arg("--dry-run").run().success();
    let lines = run.json_lines();
    assert_eq!(lines[0]["type"], "plan", "{run}");
    assert_eq!(lines[0]["near"]["copied"], 6, "{run}");
    assert_eq!(lines.iter().filter(|line| line["type"] == "copy").count(), 6, "{run}");
    assert!(!pair.near("INBOX").exists(), "{run}");
    assert!(state(&pair).iter().all(|(path, _)| path.is_dir()), "{run}");

    pair.sync().run().success();
    let mut other = pair.other();
    other.select("INBOX");
    other.command("UID STORE 2 +FLAGS.SILENT (\\Draft)");
    other.command("UID STORE 3 +FLAGS.SILENT (\\Deleted)");
    other.command("UID EXPUNGE 3");
    deliver(&pair.near("New one"), &messages(92, 2));
    std::fs::write(pair.near("New one").join("maildirfolder"), "").expect("a marker");
    let names = |pair: &Pair| mail::all_maildir_files(&pair.far("INBOX"));
    let before = (snapshot(&pair.near("INBOX")), state(&pair), names(&pair));
    let run = pair.sync().arg("--dry-run").run().success();
    let after = (snapshot(&pair.near("INBOX")), state(&pair), names(&pair));
    assert!(before.0 == after.0, "the Maildir changed\n{run}");
    assert_eq!(before.2, after.2, "the server changed\n{run}");
    let files = |all: &[(PathBuf, Vec<u8>)]| -> Vec<PathBuf> {
        all.iter().map(|(path, _)| path.clone()).collect()
    };
    assert_eq!(files(&before.1), files(&after.1), "the state changed\n{run}");
    let kinds: Vec<String> = run
        .json_lines()
        .iter()
        .map(|line| {
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            format!("{} {}", text("type"), text("side"))
        })
        .collect();
    for kind in ["create far", "copy far", "flag near", "delete near"] {
        assert!(kinds.iter().any(|it| it == kind), "no {kind} in {kinds:?}\n{run}");
    }
    // What it said is what then is done.
    let plan = run.json_lines()[0].clone();
    let run = pair.sync().run().success();
    assert_eq!(result(&run), (plan["far"].clone(), plan["near"].clone()), "{run}");
    pair.settled();
}

#[test]
fn mbsync_finds_the_same_messages() {
    let test = "mbsync_finds_the_same_messages";
    if !needs(test, &["mbsync"]) {
        return;
    }
    let Some(pair) = Pair::start(test) else { return };
    // mbsync leaves out what has no empty line behind its header ("incomplete header").
    let messages = |seed: u64, count: usize| -> Vec<Vec<u8>> {
        let mut all = messages(seed, count);
        all.retain(|message| message.windows(2).any(|pair| pair == b"\n\n"));
        all
    };
    put(&pair.dovecot, "INBOX", &messages(101, 30));
    put(&pair.dovecot, "Lists.rust", &messages(102, 12));
    deliver(&pair.near("INBOX"), &messages(103, 7));
    deliver(&pair.near("Entw&APw-rfe"), &messages(104, 4));
    std::fs::write(pair.near("Entw&APw-rfe").join("maildirfolder"), "").expect("a marker");
    let run = pair.sync().run().success();
    let configuration = format!(
        "SyncState *\nIMAPAccount a\nHost localhost\nPort {}\nUser alice\nPassCmd \"echo secret\"\n\
         SSLType IMAPS\nCertificateFile {}\n\nIMAPStore far\nAccount a\n\n\
         MaildirStore near\nPath {root}/\nInbox {root}/INBOX\nSubFolders Verbatim\n\n\
         Channel c\nFar :far:\nNear :near:\nPatterns *\nCreate Near\nExpunge None\nSync Pull\n",
        pair.dovecot.imaps,
        pair.dovecot.ca().display(),
        root = pair.home.path().join("theirs").display()
    );
    let path = pair.home.write("mbsyncrc", configuration);
    std::fs::create_dir(pair.home.path().join("theirs")).expect("a folder can be made");
    pair.home.command("mbsync", args!["-q", "-c", path, "-a"]).run().success();
    let theirs = |folder: &str| -> Vec<(Vec<u8>, String)> {
        let mut all: Vec<_> = mail::maildir_files(&pair.home.path().join("theirs").join(folder))
            .iter()
            .map(|path| {
                let octets = std::fs::read(path).expect("a message");
                (mail::to_lf(&mail::without_tuid(&octets)), mail::maildir_flags(path))
            })
            .collect();
        all.sort();
        all
    };
    for (folder, ours, count) in [
        ("INBOX", "INBOX", 31),
        ("Lists/rust", "Lists.rust", 10),
        ("Entw&APw-rfe", "Entw&APw-rfe", 4),
    ] {
        let ours: Vec<(Vec<u8>, String)> =
            held(&pair.near(ours)).into_iter().map(|(octets, flags, _)| (octets, flags)).collect();
        let theirs = theirs(folder);
        assert_eq!((ours.len(), theirs.len()), (count, count), "{folder}\n{run}");
        assert!(ours == theirs, "{folder} differs\n{run}");
    }
}

/// Flags that change, messages that come and go at the server while the sync is at work are
/// neither lost nor undone.
#[test]
fn another_client_changes_things_during_a_run() {
    let Some(pair) = Pair::start("another_client_changes_things_during_a_run") else { return };
    put(&pair.dovecot, "INBOX", &messages(111, 150));
    let mut other = pair.other();
    other.select("INBOX");
    for round in 0..3_u64 {
        let running = pair.sync().spawn();
        for step in 0..20 {
            let uid = 1 + round * 40 + step * 2;
            other.command(&format!("UID STORE {uid} +FLAGS.SILENT (\\Draft)"));
            if step % 7 == 6 {
                let gone = uid + 1;
                other.command(&format!("UID STORE {gone} +FLAGS.SILENT (\\Deleted)"));
                other.command(&format!("UID EXPUNGE {gone}"));
                other.append("INBOX", "", &mail::generate(200 + round * 20 + step, 1)[0]);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        running.wait(PATIENCE).success();
    }
    let run = pair.sync().run().success();
    same(&pair.far("INBOX"), &pair.near("INBOX"), &run);
    let held = held(&pair.near("INBOX"));
    // As many came as went.
    assert_eq!(held.len(), 150, "{run}");
    let drafts = held.iter().filter(|(_, flags, _)| flags.contains('D')).count();
    assert_eq!(drafts, 60, "{run}");
    pair.settled();
}

/// An account of the configuration for a user of Dovecot.
fn account(dovecot: &Dovecot, name: &str, port: u16) -> String {
    format!(
        "[account.{name}]\nimap = \"imaps://alice@localhost:{port}\"\nca-file = {:?}\n\
         password-command = \"echo secret\"\n",
        dovecot.ca()
    )
}

#[test]
fn pairs_of_the_configuration_are_synced_by_name() {
    let Some(pair) = Pair::start("pairs_of_the_configuration_are_synced_by_name") else { return };
    put(&pair.dovecot, "INBOX", &messages(300, 4));
    put(&pair.dovecot, "Junk", &messages(301, 2));
    let closed = support::closed_port();
    let tables = [
        account(&pair.dovecot, "work", pair.dovecot.imaps),
        account(&pair.dovecot, "away", closed),
        "[sync.a]\nfar = \"away:\"\nnear = \"maildir:away\"\n".to_owned(),
        format!(
            "[sync.b]\nfar = \"work:\"\nnear = \"maildir:{}\"\n\
             options = [\"--exclude\", \"Junk\"]\n",
            pair.near("INBOX").display()
        ),
    ];
    pair.home.configure(&tables.concat());
    let sync = |words: &[&str]| {
        let mut words: Vec<&str> = words.to_vec();
        words.insert(0, "sync");
        pair.home.pillarbox(&words).run()
    };
    // The pair that fails does not keep the other from its turn.
    let run = sync(&["--all", "--json"]).expect(75).says(&["a: ", "localhost"]);
    let pairs: Vec<Value> =
        run.json_lines().into_iter().filter(|line| line["type"] == "pair").collect();
    assert_eq!(pairs.len(), 2, "{run}");
    assert_eq!((&pairs[1]["name"], &pairs[1]["far"]), (&json!("b"), &json!("work:")), "{run}");
    same(&pair.far("INBOX"), &pair.near("INBOX"), &run);
    assert!(!pair.near("Junk").exists(), "{run}");
    // By name; more options come on top.
    put(&pair.dovecot, "INBOX", &messages(302, 3));
    let dry = sync(&["b", "--dry-run"]).success();
    assert_eq!(dry.lines().iter().filter(|line| line.contains("copy")).count(), 3, "{dry}");
    let run = sync(&["b"]).success();
    same(&pair.far("INBOX"), &pair.near("INBOX"), &run);
    sync(&["b", "a"]).expect(75);
    sync(&["c"]).expect(78).says(&["no sync pair is called c", "known are a, b"]);
    sync(&["work:"]).expect(64).says(&["sync wants two"]);
    sync(&["b", "--far-user", "bob"]).expect(64).says(&["[sync.b]"]);
    sync(&["a", "b", "--state", "x"]).expect(64).says(&["--state"]);
    sync(&["b", "--all"]).expect(64);
    pair.home.configure(&tables.concat().replace("--exclude", "--exclud"));
    sync(&["b"]).expect(78).says(&["sync pair b", "--exclud"]);
}

/// The tables for an mbsyncrc that the real mbsync works by: a sync by them has the same mail.
#[test]
fn the_configuration_of_mbsync_is_taken_over() {
    const TEST: &str = "the_configuration_of_mbsync_is_taken_over";
    if !needs(TEST, &["mbsync"]) {
        return;
    }
    let Some(pair) = Pair::start(TEST) else { return };
    // mbsync leaves out a message whose header has no end.
    let mut whole = messages(310, 8);
    whole.retain(|message| message.windows(2).any(|pair| pair == b"\n\n"));
    whole.truncate(5);
    put(&pair.dovecot, "INBOX", &whole);
    put(&pair.dovecot, "Archive", &whole[..3]);
    put(&pair.dovecot, "Junk", &whole[3..]);
    let theirs = pair.home.path().join("theirs");
    std::fs::create_dir_all(&theirs).expect("a folder can be made");
    let rc = pair.home.write(
        "mbsyncrc",
        format!(
            "SyncState *\nExpunge Both\n\nIMAPAccount work\nHost localhost\nPort {port}\n\
             User alice\nPassCmd \"echo secret\"\nSSLType IMAPS\nSystemCertificates no\n\
             CertificateFile {ca}\n\nIMAPStore far\nAccount work\n\nMaildirStore near\n\
             Path {path}/\nInbox {path}/INBOX\nSubFolders Verbatim\n\nChannel mail\n\
             Far :far:\nNear :near:\nPatterns * !Junk\nCreate Near\n",
            port = pair.dovecot.imaps,
            ca = pair.dovecot.ca().display(),
            path = theirs.display(),
        ),
    );
    pair.home.command("mbsync", args!["-q", "-c", rc.clone(), "-a"]).run().success();
    let tables = pair.home.pillarbox(args!["sync", "--from-mbsyncrc", rc]).run().success();
    let ours = pair.home.path().join("ours");
    let text = tables.text().replace(&theirs.display().to_string(), &ours.display().to_string());
    pair.home.configure(&text);
    let run = pair.home.pillarbox(&["sync", "mail"]).run().success();
    let contents = |folder: &Path| -> Vec<Vec<u8>> {
        let mut all: Vec<Vec<u8>> = mail::maildir_files(folder)
            .iter()
            .map(|path| mail::without_tuid(&mail::to_lf(&std::fs::read(path).expect("a message"))))
            .collect();
        all.sort();
        all
    };
    assert_eq!(contents(&theirs.join("INBOX")).len(), 5);
    assert!(contents(&theirs.join("INBOX")) == contents(&ours), "{run}");
    let archive = mail::maildir_files(&ours.join(".Archive"));
    assert_eq!(archive.len(), 3, "{run}");
    assert!(!ours.join(".Junk").exists() && !ours.join("Junk").exists(), "{run}");
    let wrong = pair.home.write("wrong", "Channel x\nFar :nowhere:\nNear :near:\n");
    pair.home.pillarbox(args!["sync", "--from-mbsyncrc", wrong]).run().expect(65);
    pair.home.pillarbox(args!["sync", "--from-mbsyncrc", "gone"]).run().expect(66);
}

#[test]
fn verify_finds_what_differs() {
    let Some(pair) = Pair::start("verify_finds_what_differs") else { return };
    put(&pair.dovecot, "INBOX", &messages(400, 6));
    put(&pair.dovecot, "Archive", &messages(401, 3));
    pair.sync().run().success();
    let verify = || {
        let url = pair.dovecot.url("imaps", "alice");
        let run = pair.home.pillarbox(args!["sync", "verify", url, "maildir:near", "--json"]);
        run.arg("--ca-file").arg(pair.dovecot.ca()).password("secret").run()
    };
    let run = verify().success();
    let last = run.json_lines().pop().expect("a result");
    assert_eq!((&last["messages"], &last["differences"]), (&json!(9), &json!(0)), "{run}");
    // One flag, one message gone, one changed in place.
    let all = messages(400, 6);
    let mut other = pair.other();
    other.select("INBOX");
    other.command("UID STORE 1 FLAGS.SILENT (\\Draft)");
    std::fs::remove_file(file_of(&pair.near("Archive"), &messages(401, 3)[1])).expect("a file");
    let changed = file_of(&pair.near("INBOX"), &all[4]);
    let mut octets = std::fs::read(&changed).expect("a file");
    octets.extend_from_slice(b"tampered\n");
    std::fs::write(&changed, octets).expect("written");
    let run = verify().expect(81);
    let of = |kind: &str, side: &str| {
        let lines = run.json_lines();
        lines.iter().filter(|line| line["type"] == kind && line["side"] == side).count()
    };
    assert_eq!((of("only", "far"), of("only", "near")), (2, 1), "{run}");
    let flags = run.json_lines().iter().filter(|line| line["type"] == "flags").count();
    assert_eq!(flags, 1, "{run}");
}
