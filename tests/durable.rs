//! The order in which messages become durable, read from strace: a kill cannot prove it, since
//! the system keeps what a killed process wrote.
//!
//! Into a Maildir: a file made with `O_EXCL` in `tmp`, written, its date set; the data of the
//! whole batch stable; then renamed without replacing; then each directory flushed; and only
//! then a confirmation: the state's commit, a change at the source, the goodbye, exit code 0.

mod support;

use std::path::{Path, PathBuf};

use support::{Dovecot, Home, Run, Scratch, Stored, args, mail, steps};

/// What a run did to files and said to servers, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Deed {
    MakeFolder(PathBuf),
    Create { path: PathBuf, is_exclusive: bool },
    Write(PathBuf),
    SetTimes(PathBuf),
    Flush(PathBuf),
    FlushAll,
    Place { from: PathBuf, to: PathBuf, is_careful: bool },
    Remove(PathBuf),
    Say(String),
    Exit(i32),
}

/// A deed with the places in the trace where its call began and where it had ended: those of
/// several threads overlap.
#[derive(Clone, Debug)]
struct Event {
    deed: Deed,
    begin: usize,
    end: usize,
}

/// The calls that are looked at.
const CALLS: &str = "trace=mkdir,mkdirat,openat,write,writev,pwrite64,sendto,sendmsg,utimensat,\
                     fsync,fdatasync,syncfs,sync,rename,renameat,renameat2,link,linkat,unlink,\
                     unlinkat,exit_group";

/// Takes apart what `strace -f -y -o FILE` wrote. Calls that failed are left out.
fn events(trace: &str) -> Vec<Event> {
    let mut unfinished: Vec<(&str, usize, String)> = Vec::new();
    let mut found = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            unfinished.retain(|(other, ..)| *other != thread);
            unfinished.push((thread, number, start.to_owned()));
            // A program that exits never comes back from the call.
            if let Some(deed) = start.strip_prefix("exit_group(").and_then(|code| code.parse().ok())
            {
                found.push(Event { deed: Deed::Exit(deed), begin: number, end: number });
            }
            continue;
        }
        let (call, begin) = match rest.strip_prefix("<... ") {
            Some(resumed) => {
                let Some(at) = unfinished.iter().position(|(other, ..)| *other == thread) else {
                    continue;
                };
                let (_, begin, start) = unfinished.remove(at);
                let end = resumed.split_once(" resumed>").map_or("", |(_, end)| end);
                (format!("{start}{end}"), begin)
            }
            None => (rest.to_owned(), number),
        };
        found.extend(deed(&call).map(|deed| Event { deed, begin, end: number }));
    }
    found.sort_by_key(|event| event.begin);
    found
}

/// What one call did; `None` for a call that failed or does not matter.
fn deed(call: &str) -> Option<Deed> {
    let (name, rest) = call.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().strip_suffix(')')?;
    if result.starts_with('-') {
        return None;
    }
    let arguments = arguments_of(arguments);
    let argument = |at: usize| arguments.get(at).map_or("", String::as_str);
    let at = |folder: usize| opened(argument(folder)).join(quoted(argument(folder + 1)));
    let told = |at: usize| -> Deed {
        let path = opened(argument(at));
        if path.to_string_lossy().starts_with("socket:") {
            Deed::Say(argument(at + 1).to_owned())
        } else {
            Deed::Write(path)
        }
    };
    Some(match name {
        "mkdir" => Deed::MakeFolder(quoted(argument(0)).into()),
        "mkdirat" => Deed::MakeFolder(at(0)),
        "openat" if argument(2).contains("O_CREAT") => {
            Deed::Create { path: at(0), is_exclusive: argument(2).contains("O_EXCL") }
        }
        "write" | "writev" | "pwrite64" | "sendto" | "sendmsg" => told(0),
        "utimensat" => Deed::SetTimes(opened(argument(0))),
        "fsync" | "fdatasync" => Deed::Flush(opened(argument(0))),
        "syncfs" | "sync" => Deed::FlushAll,
        "rename" | "link" => Deed::Place {
            from: quoted(argument(0)).into(),
            to: quoted(argument(1)).into(),
            is_careful: name == "link",
        },
        "renameat" => Deed::Place { from: at(0), to: at(2), is_careful: false },
        "renameat2" => {
            let is_careful = argument(4).contains("RENAME_NOREPLACE");
            Deed::Place { from: at(0), to: at(2), is_careful }
        }
        "linkat" => Deed::Place { from: at(0), to: at(2), is_careful: true },
        "unlink" => Deed::Remove(quoted(argument(0)).into()),
        "unlinkat" => Deed::Remove(at(0)),
        "exit_group" => Deed::Exit(argument(0).parse().ok()?),
        _ => return None,
    })
}

/// The arguments of a call: commas count outside of strings and brackets alone.
fn arguments_of(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for letter in text.chars() {
        if in_string {
            in_string = is_escaped || letter != '"';
            is_escaped = !is_escaped && letter == '\\';
        } else {
            match letter {
                '"' => in_string = true,
                '<' | '[' | '{' | '(' => depth += 1,
                '>' | ']' | '}' | ')' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    all.push(String::new());
                    continue;
                }
                _ => {}
            }
        }
        if let Some(last) = all.last_mut() {
            last.push(letter);
        }
    }
    all.iter().map(|argument| argument.trim().to_owned()).collect()
}

/// The path that strace shows behind a descriptor: `7</a/b>`.
fn opened(argument: &str) -> PathBuf {
    let inside = argument.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>'));
    inside.map_or_else(PathBuf::new, |(path, _)| path.into())
}

fn quoted(argument: &str) -> &str {
    argument.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(argument)
}

fn is_state(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".db") || name.ends_with(".db-wal") || name.ends_with(".db-journal")
}

/// The name of the directory that a file is in.
fn part(path: &Path) -> &str {
    path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default()
}

/// Whether a message gets its name here.
fn is_delivery(deed: &Deed) -> bool {
    matches!(deed, Deed::Place { from, to, .. }
        if part(from) == "tmp" && matches!(part(to), "new" | "cur"))
}

/// Words by which a server is told that its messages are taken, or may go.
const LAST_WORDS: [&str; 8] =
    ["DELE ", "QUIT", "LOGOUT", "STORE ", "EXPUNGE", "APPEND ", "MOVE ", "CLOSE"];

/// Whether somebody is told here that all before it is safe.
fn is_confirmation(deed: &Deed) -> bool {
    match deed {
        Deed::Exit(code) => *code == 0,
        Deed::Write(path) | Deed::Flush(path) => is_state(path),
        Deed::Say(text) => LAST_WORDS.iter().any(|word| text.contains(word)),
        Deed::Remove(path) => matches!(part(path), "new" | "cur"),
        _ => false,
    }
}

/// Whether the source tells when a message was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dates {
    Kept,
    /// POP3 has none.
    Unknown,
}

/// How many messages were delivered to Maildirs, every one in the right order.
///
/// # Errors
/// The first that was not, and what is wrong with it.
fn delivered(events: &[Event], dates: Dates) -> Result<usize, String> {
    let mut count = 0;
    for (at, event) in events.iter().enumerate() {
        let Deed::Place { from, to, is_careful } = &event.deed else { continue };
        if !is_delivery(&event.deed) {
            continue;
        }
        let wrong = |what: &str| Err(format!("{}: {what}", to.display()));
        if !is_careful {
            return wrong("renamed so that it could replace another");
        }
        let before = &events[..at];
        let made = Deed::Create { path: from.clone(), is_exclusive: true };
        if !before.iter().any(|event| event.deed == made) {
            return wrong("was not made with O_EXCL in tmp");
        }
        let written = Deed::Write(from.clone());
        let Some(written) = before.iter().rfind(|event| event.deed == written) else {
            return wrong("was not written");
        };
        let times = Deed::SetTimes(from.clone());
        let dated = before.iter().find(|event| event.deed == times && event.begin > written.end);
        if dates == Dates::Kept && dated.is_none() {
            return wrong("its date was not set after the last octet");
        }
        let dated = dated.unwrap_or(written);
        // The batch: what was renamed without a new file or a flush between.
        let is_break = |event: &&Event| {
            matches!(event.deed, Deed::Create { .. } | Deed::Flush(_) | Deed::FlushAll)
        };
        let start = before.iter().rfind(is_break).map_or(0, |event| event.begin);
        let first = before
            .iter()
            .find(|event| event.begin > start && matches!(event.deed, Deed::Place { .. }))
            .unwrap_or(event);
        let flush = Deed::Flush(from.clone());
        if !before.iter().any(|event| {
            (event.deed == flush || event.deed == Deed::FlushAll)
                && event.begin > dated.end
                && event.end < first.begin
        }) {
            return wrong("its data was not stable before the first rename of its batch");
        }
        let after = &events[at..];
        let Some(told) =
            after.iter().find(|other| other.begin > event.end && is_confirmation(&other.deed))
        else {
            return wrong("nobody was ever told of it");
        };
        let folder = to.parent().unwrap_or(Path::new("/"));
        let is_flushed = |folder: &Path, since: &Event| {
            let flush = Deed::Flush(folder.to_owned());
            events.iter().any(|other| {
                other.deed == flush && other.begin > since.end && other.end < told.begin
            })
        };
        if !is_flushed(folder, event) {
            return Err(format!(
                "{}: {:?} came before its directory was flushed",
                to.display(),
                told.deed
            ));
        }
        for other in events {
            if let Deed::MakeFolder(made) = &other.deed
                && to.starts_with(made)
                && !is_flushed(made.parent().unwrap_or(Path::new("/")), other)
            {
                return Err(format!(
                    "{}: the new directory {} could be lost with it",
                    to.display(),
                    made.display()
                ));
            }
        }
        count += 1;
    }
    Ok(count)
}

/// That a new mbox became durable before anybody was told.
///
/// # Errors
/// What is wrong.
fn appended(events: &[Event], mbox: &Path) -> Result<(), String> {
    let written = Deed::Write(mbox.to_owned());
    let Some(first) = events.iter().find(|event| event.deed == written) else {
        return Err("was not written".to_owned());
    };
    let last = events.iter().rfind(|event| event.deed == written).unwrap_or(first);
    let lock = PathBuf::from(format!("{}.lock", mbox.display()));
    let locked = Deed::Create { path: lock.clone(), is_exclusive: true };
    if !events.iter().any(|event| event.deed == locked && event.end < first.begin) {
        return Err("was written without its lock".to_owned());
    }
    let flush = Deed::Flush(mbox.to_owned());
    let Some(flush) = events.iter().find(|event| event.deed == flush && event.begin > last.end)
    else {
        return Err("was not flushed after the last octet".to_owned());
    };
    let folder = Deed::Flush(mbox.parent().unwrap_or(Path::new("/")).to_owned());
    let Some(folder) = events.iter().find(|event| event.deed == folder && event.begin > first.end)
    else {
        return Err("its directory was not flushed".to_owned());
    };
    let safe = flush.end.max(folder.end);
    let is_told = |deed: &Deed| is_confirmation(deed) || *deed == Deed::Remove(lock.clone());
    match events.iter().find(|event| event.begin > first.begin && is_told(&event.deed)) {
        Some(told) if told.begin > safe => Ok(()),
        Some(told) => Err(format!("{:?} came before it was stable", told.deed)),
        None => Err("nobody was ever told of it".to_owned()),
    }
}

/// That the state was on disk before the first message had a name, and was again after the
/// directories were; so that a crash between finds the intent.
///
/// # Errors
/// What is wrong.
fn recorded(events: &[Event]) -> Result<(), String> {
    let is_place = |event: &&Event| is_delivery(&event.deed);
    let is_commit = |event: &&Event| matches!(&event.deed, Deed::Flush(path) if is_state(path));
    let Some(first) = events.iter().find(is_place) else {
        return Err("no message was placed".to_owned());
    };
    let last = events.iter().rfind(is_place).unwrap_or(first);
    let is_to_be_placed = |path: &PathBuf| {
        events.iter().any(|event| {
            is_delivery(&event.deed)
                && matches!(&event.deed, Deed::Place { from, .. } if from == path)
        })
    };
    let made = events
        .iter()
        .find(|event| matches!(&event.deed, Deed::Create { path, .. } if is_to_be_placed(path)));
    let since = made.unwrap_or(first);
    let intent = events.iter().rfind(|event| is_commit(event) && event.end < since.begin);
    let Some(intent) = intent else {
        return Err("the intent was not written down before the first file".to_owned());
    };
    // Nothing that the intent consists of may still have been on its way.
    if let Some(late) = events.iter().find(|event| {
        matches!(&event.deed, Deed::Write(path) if is_state(path))
            && event.begin > intent.begin
            && event.begin < first.begin
    }) {
        return Err(format!("{:?} was not flushed before the first rename", late.deed));
    }
    let exit = events.iter().find(|event| event.deed == Deed::Exit(0));
    let Some(exit) = exit else { return Err("it did not end well".to_owned()) };
    if !events
        .iter()
        .any(|event| is_commit(&event) && event.begin > last.end && event.end < exit.begin)
    {
        return Err("the result was never written down".to_owned());
    }
    Ok(())
}

/// Runs `pillarbox ARGUMENTS` under strace; what it came to and what it did.
fn traced(home: &Home, dovecot: &Dovecot, arguments: &[std::ffi::OsString]) -> (Run, Vec<Event>) {
    let trace = home.home().join("trace");
    let mut strace =
        home.command("strace", args!["-f", "-y", "-s", "120", "-e", CALLS, "-o", &trace]);
    strace = strace.arg(support::binary::BINARY);
    for argument in arguments {
        strace = strace.arg(argument);
    }
    let run = strace
        .arg("--ca-file")
        .arg(dovecot.ca())
        .arg("--allow-cleartext-password")
        .password("secret")
        .run()
        .success();
    let trace = std::fs::read(&trace).expect("strace writes its file");
    let events = events(&String::from_utf8_lossy(&trace));
    assert!(events.iter().any(|event| event.deed == Deed::Exit(0)), "not a whole trace:\n{run}");
    (run, events)
}

/// Without TLS, so that the trace shows what is said.
fn clear(dovecot: &Dovecot, scheme: &str) -> String {
    let url = dovecot.url(scheme, "alice");
    url.replace("//alice@", "//alice;AUTH=*@")
}

fn fill(dovecot: &Dovecot, mailbox: &str, count: usize) {
    let originals: Vec<Vec<u8>> =
        mail::generate(11, count).iter().map(|message| mail::to_lf(message)).collect();
    let stored: Vec<Stored<'_>> = originals
        .iter()
        .enumerate()
        .map(|(number, octets)| Stored {
            octets,
            flags: if number % 3 == 0 { "S" } else { "" },
            received: 1_772_532_000 + number as u64,
        })
        .collect();
    dovecot.put("alice", mailbox, &stored);
}

/// What a server was told, for messages.
fn said(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match &event.deed {
            Deed::Say(text) => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

/// Few messages are flushed one by one, many by one syncfs.
const COUNTS: [usize; 2] = [3, 40];

#[test]
fn fetch_into_a_maildir() {
    let test = "fetch_into_a_maildir";
    if !steps::can_trace(test) {
        return;
    }
    for count in COUNTS {
        let Some(dovecot) = Dovecot::start(test) else { return };
        fill(&dovecot, "INBOX", count);
        let kinds = [("imap", "LOGOUT", Dates::Kept), ("pop3", "QUIT", Dates::Unknown)];
        for (scheme, goodbye, dates) in kinds {
            // With --new, what was brought is written down after it is stable.
            for (target, new) in [("maildir:box", false), ("maildir:deep/down/box", true)] {
                let home = Home::new();
                let source = clear(&dovecot, scheme);
                let mut arguments =
                    args!["fetch", source, "--tls", "none", "--to", target].to_vec();
                if new {
                    arguments.push("--new".into());
                }
                let (run, events) = traced(&home, &dovecot, &arguments);
                let context = format!("{scheme} to {target}\n{:?}\n{run}", said(&events));
                assert!(said(&events).iter().any(|text| text.contains(goodbye)), "{context}");
                let events = absolute(&home, events);
                assert_eq!(delivered(&events, dates), Ok(count), "{context}");
                let goodbye = events
                    .iter()
                    .find(|event| matches!(&event.deed, Deed::Say(text) if text.contains(goodbye)))
                    .map_or(0, |event| event.begin);
                assert_eq!(committed_between(&events, goodbye).is_ok(), new, "{context}");
            }
        }
    }
}

#[test]
fn fetch_into_an_mbox() {
    let test = "fetch_into_an_mbox";
    if !steps::can_trace(test) {
        return;
    }
    let Some(dovecot) = Dovecot::start(test) else { return };
    fill(&dovecot, "INBOX", 20);
    for (scheme, goodbye) in [("imap", "LOGOUT"), ("pop3", "QUIT")] {
        let home = Home::new();
        let source = clear(&dovecot, scheme);
        let arguments = args!["fetch", source, "--tls", "none", "--to", "mbox:all.mbox"];
        let (run, events) = traced(&home, &dovecot, arguments);
        assert!(said(&events).iter().any(|text| text.contains(goodbye)), "{run}");
        let path = home.path().join("all.mbox");
        assert_eq!(appended(&absolute(&home, events), &path), Ok(()), "{scheme}\n{run}");
    }
}

#[test]
fn sync_pulls_then_records_then_deletes() {
    let test = "sync_pulls_then_records_then_deletes";
    if !steps::can_trace(test) {
        return;
    }
    let Some(dovecot) = Dovecot::start(test) else { return };
    let count = 12;
    fill(&dovecot, "INBOX", count);
    let home = Home::new();
    let source = clear(&dovecot, "imap");
    let sync = args!["sync", source, "maildir:near", "--tls", "none"];

    let pull: Vec<_> = sync.iter().cloned().chain(["--pull".into()]).collect();
    let (run, events) = traced(&home, &dovecot, &pull);
    let events = absolute(&home, events);
    assert_eq!(delivered(&events, Dates::Kept), Ok(count), "{run}");
    assert_eq!(recorded(&events), Ok(()), "{run}");
    let changes = ["STORE ", "EXPUNGE", "APPEND ", "MOVE ", "CREATE ", "DELETE "];
    for text in said(&events) {
        assert!(!changes.iter().any(|word| text.contains(word)), "a pull said {text}\n{run}");
    }

    // Two messages come to one folder at the server and two leave another: the new ones are
    // stored and recorded before the others are deleted.
    let inbox = dovecot.maildir("alice", "INBOX");
    let moved: Vec<PathBuf> = mail::maildir_files(&inbox).into_iter().take(2).collect();
    let octets: Vec<Vec<u8>> =
        mail::generate(12, 2).iter().map(|message| mail::to_lf(message)).collect();
    let stored: Vec<Stored<'_>> = octets
        .iter()
        .map(|octets| Stored { octets, flags: "S", received: 1_772_532_000 })
        .collect();
    dovecot.put("alice", "Archive", &stored);
    for path in &moved {
        std::fs::remove_file(path).expect("a message can be removed");
    }
    let (run, events) = traced(&home, &dovecot, sync);
    let events = absolute(&home, events);
    assert_eq!(delivered(&events, Dates::Kept), Ok(2), "{run}");
    assert_eq!(recorded(&events), Ok(()), "{run}");
    let near = home.path().join("near");
    let removed: Vec<&Event> = events
        .iter()
        .filter(|event| {
            matches!(&event.deed, Deed::Remove(path)
                if path.starts_with(&near) && matches!(part(path), "new" | "cur"))
        })
        .collect();
    assert_eq!(removed.len(), 2, "{run}");
    assert_eq!(committed_between(&events, removed[0].begin), Ok(()), "{run}");
}

/// That between the last message placed and the place `until` in the trace the state was
/// committed.
///
/// # Errors
/// It was not.
fn committed_between(events: &[Event], until: usize) -> Result<(), String> {
    let placed = events
        .iter()
        .filter(|event| is_delivery(&event.deed) && event.begin < until)
        .map(|event| event.end)
        .max();
    let Some(placed) = placed else { return Err("nothing was placed before".to_owned()) };
    let is_there = events.iter().any(|event| {
        matches!(&event.deed, Deed::Flush(path) if is_state(path))
            && event.begin > placed
            && event.end < until
    });
    if is_there { Ok(()) } else { Err("the state was not committed in between".to_owned()) }
}

/// A push: what is taken away at the server goes only after the copies are there and the
/// state says so.
#[test]
fn sync_pushes_then_records_then_expunges() {
    let test = "sync_pushes_then_records_then_expunges";
    if !steps::can_trace(test) {
        return;
    }
    let Some(dovecot) = Dovecot::start(test) else { return };
    fill(&dovecot, "INBOX", 6);
    fill(&dovecot, "Archive", 1);
    let home = Home::new();
    let source = clear(&dovecot, "imap");
    let sync = args!["sync", source, "maildir:near", "--tls", "none"];
    traced(&home, &dovecot, sync);
    let near = home.path().join("near");
    for path in mail::maildir_files(&near).into_iter().take(2) {
        let name = path.file_name().expect("a file").to_owned();
        let mut octets = std::fs::read(&path).expect("a message");
        octets.extend_from_slice(b"and more\n");
        std::fs::write(near.join(".Archive/cur").join(name), octets).expect("written");
        std::fs::remove_file(&path).expect("an own file can be removed");
    }
    let (run, events) = traced(&home, &dovecot, sync);
    let all = said(&events).join("\n");
    let find = |word: &str, from_end: bool| {
        let is_it = |event: &&Event| matches!(&event.deed, Deed::Say(t) if t.contains(word));
        if from_end { events.iter().rfind(is_it) } else { events.iter().find(is_it) }
    };
    let append = find("APPEND ", true).unwrap_or_else(|| panic!("no APPEND:\n{all}\n{run}"));
    let gone = find("STORE ", false).unwrap_or_else(|| panic!("no STORE:\n{all}\n{run}"));
    assert!(append.end < gone.begin, "deleted before it was copied:\n{all}");
    let is_commit = |event: &&Event| matches!(&event.deed, Deed::Flush(path) if is_state(path));
    assert!(
        events.iter().any(|event| is_commit(&event) && event.end < append.begin),
        "no intent before APPEND:\n{all}"
    );
    assert!(
        events.iter().any(|event| {
            is_commit(&event) && event.begin > append.end && event.end < gone.begin
        }),
        "no record between APPEND and STORE:\n{all}"
    );
    assert_eq!(dovecot.messages("alice", "INBOX").len(), 4, "{run}");
    assert_eq!(dovecot.messages("alice", "Archive").len(), 3, "{run}");

    // What is only moved is moved: the intent before, the record after, and nothing goes up.
    for path in mail::maildir_files(&near).into_iter().take(2) {
        let name = path.file_name().expect("a file").to_owned();
        std::fs::rename(&path, near.join(".Archive/cur").join(name)).expect("moved");
    }
    let (run, events) = traced(&home, &dovecot, sync);
    let all = said(&events).join("\n");
    assert!(!all.contains("APPEND "), "{all}\n{run}");
    let is_move = |event: &&Event| matches!(&event.deed, Deed::Say(t) if t.contains("UID MOVE "));
    let moved = events.iter().find(is_move).unwrap_or_else(|| panic!("no MOVE:\n{all}\n{run}"));
    assert!(
        events.iter().any(|event| is_commit(&event) && event.end < moved.begin)
            && events.iter().any(|event| is_commit(&event) && event.begin > moved.end),
        "no intent before MOVE, or no record behind it:\n{all}"
    );
    assert_eq!(dovecot.messages("alice", "INBOX").len(), 2, "{run}");
    assert_eq!(dovecot.messages("alice", "Archive").len(), 5, "{run}");
}

/// Paths that the run gave relative to its folder, from the root.
fn absolute(home: &Home, events: Vec<Event>) -> Vec<Event> {
    let root = home.path();
    let whole = |path: PathBuf| root.join(path);
    events
        .into_iter()
        .map(|event| {
            let deed = match event.deed {
                Deed::MakeFolder(path) => Deed::MakeFolder(whole(path)),
                Deed::Create { path, is_exclusive } => {
                    Deed::Create { path: whole(path), is_exclusive }
                }
                Deed::Place { from, to, is_careful } => {
                    Deed::Place { from: whole(from), to: whole(to), is_careful }
                }
                Deed::Remove(path) => Deed::Remove(whole(path)),
                other => other,
            };
            Event { deed, ..event }
        })
        .collect()
}

/// A trace as it should be, two messages in a batch; pulled by a sync.
const GOOD: &[&str] = &[
    r#"7 mkdir("/m", 0700) = 0"#,
    r#"7 mkdir("/m/new", 0700) = 0"#,
    r#"7 fsync(3</m>) = 0"#,
    r#"7 fsync(3</>) = 0"#,
    r#"7 pwrite64(4</s/x.db-wal>, "intent", 6, 0) = 6"#,
    r#"7 fsync(4</s/x.db-wal>) = 0"#,
    r#"7 openat(5</m/tmp>, "a", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600) = 6</m/tmp/a>"#,
    r#"7 write(6</m/tmp/a>, "text, with = and \") = 0", 12) = 12"#,
    r#"7 utimensat(6</m/tmp/a>, NULL, [UTIME_OMIT, {tv_sec=1, tv_nsec=0}], 0) = 0"#,
    r#"7 openat(5</m/tmp>, "b", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600) = 7</m/tmp/b>"#,
    r#"7 write(7</m/tmp/b>, "text", 4) = 4"#,
    r#"7 utimensat(7</m/tmp/b>, NULL, [UTIME_OMIT, {tv_sec=1, tv_nsec=0}], 0) = 0"#,
    r#"8 fsync(6</m/tmp/a>) = 0"#,
    r#"8 fsync(7</m/tmp/b> <unfinished ...>"#,
    r#"7 write(5<anon_inode:[eventfd]>, "\1", 8) = 8"#,
    r#"8 <... fsync resumed>) = 0"#,
    r#"8 renameat2(5</m/tmp>, "a", 8</m/new>, "a", RENAME_NOREPLACE) = -1 EINVAL (Invalid argument)"#,
    r#"8 renameat2(5</m/tmp>, "a", 8</m/new>, "a", RENAME_NOREPLACE) = 0"#,
    r#"8 renameat2(5</m/tmp>, "b", 8</m/new>, "b", RENAME_NOREPLACE) = 0"#,
    r#"8 fsync(8</m/new>)               = 0"#,
    r#"7 pwrite64(4</s/x.db-wal>, "result", 6, 6) = 6"#,
    r#"7 fsync(4</s/x.db-wal>) = 0"#,
    r#"7 sendto(9<socket:[1]>, "a4 LOGOUT\r\n", 11, MSG_NOSIGNAL, NULL, 0) = 11"#,
    r#"7 exit_group(0) = ?"#,
];

fn judge(lines: &[&str]) -> Result<usize, String> {
    let events = events(&lines.join("\n"));
    let count = delivered(&events, Dates::Kept)?;
    recorded(&events).map(|()| count)
}

/// The trace with the line that begins so put in front of the one that begins otherwise.
fn reordered(line: &str, before: &str) -> Vec<&'static str> {
    let mut lines = GOOD.to_vec();
    let at = |lines: &[&str], start: &str| {
        lines.iter().position(|line| line[2..].starts_with(start)).expect("a line of the trace")
    };
    let from = at(&lines, line);
    let taken = lines.remove(from);
    let to = at(&lines, before);
    lines.insert(to, taken);
    lines
}

#[test]
fn the_judge_accepts_the_right_order_and_no_other() {
    assert_eq!(judge(GOOD), Ok(2));
    // One syncfs does for all.
    let mut lines: Vec<&str> = GOOD.to_vec();
    lines.retain(|line| !line[2..].starts_with("fsync(6") && !line.contains("fsync resumed"));
    for line in &mut lines {
        if line.contains("unfinished") {
            *line = "8 syncfs(5</m/tmp>) = 0";
        }
    }
    assert_eq!(judge(&lines), Ok(2));

    let last_rename = r#"renameat2(5</m/tmp>, "b""#;
    let wrong = [
        // Renamed before the data of the whole batch was stable.
        reordered(last_rename, "fsync(6"),
        reordered(last_rename, "fsync(7"),
        reordered(last_rename, "<... fsync"),
        // Written, or dated, after the flush.
        reordered("write(6", "renameat2"),
        reordered("utimensat(7", "renameat2"),
        reordered("utimensat(6", "write(6"),
        // The directory before the last rename, or after the record.
        reordered("fsync(8", last_rename),
        reordered("pwrite64(4", "openat"),
        reordered("sendto", "fsync(8"),
        reordered("exit_group", "fsync(8"),
        // The intent after the fact.
        reordered("fsync(4", "pwrite64(4"),
        // The new directory is not yet safe.
        reordered("mkdir(\"/m\"", "pwrite64"),
    ];
    for (number, lines) in wrong.iter().enumerate() {
        assert!(judge(lines).is_err(), "wrong order {number} was accepted: {lines:#?}");
    }
    // Every call but those that may be missing.
    for at in 0..GOOD.len() {
        let mut lines = GOOD.to_vec();
        let line = lines.remove(at);
        let may_be_missing = ["mkdir", "eventfd", "EINVAL", "sendto", "x.db-wal>, \""]
            .iter()
            .any(|word| line.contains(word));
        assert!(may_be_missing || judge(&lines) != Ok(2), "not missed: {line}");
    }
    for (from, to) in
        [("RENAME_NOREPLACE", "0"), ("|O_EXCL", ""), ("exit_group(0)", "exit_group(74)")]
    {
        let text = GOOD.join("\n").replace(from, to);
        assert!(judge(&[&text]).is_err(), "{from} was not missed");
    }
}

#[test]
fn the_judge_of_an_mbox_accepts_the_right_order_and_no_other() {
    let good = [
        r#"7 openat(AT_FDCWD</w>, "m.lock", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</w/m.lock>"#,
        r#"7 openat(AT_FDCWD</w>, "m", O_RDWR|O_CREAT, 0600) = 4</w/m>"#,
        r#"7 write(4</w/m>, "From ", 5) = 5"#,
        r#"7 fsync(4</w/m>) = 0"#,
        r#"7 fsync(5</w>) = 0"#,
        r#"7 unlink("/w/m.lock") = 0"#,
        r#"7 sendto(9<socket:[1]>, "QUIT\r\n", 6, 0, NULL, 0) = 6"#,
        r#"7 exit_group(0) = ?"#,
    ];
    let judge = |lines: &[&str]| appended(&events(&lines.join("\n")), Path::new("/w/m"));
    assert_eq!(judge(&good), Ok(()));
    for (from, to) in [(2, 3), (5, 4), (6, 3), (7, 4), (0, 3)] {
        let mut lines = good.to_vec();
        let line = lines.remove(from);
        lines.insert(to, line);
        assert!(judge(&lines).is_err(), "line {from} at {to} was accepted");
    }
}

#[test]
fn a_trace_is_taken_apart() {
    let scratch = Scratch::new();
    let path = scratch.path().join("x");
    let line = format!("9 openat(AT_FDCWD</w>, {path:?}, O_RDONLY) = 3<{}>", path.display());
    assert!(events(&line).is_empty(), "what is only read does not matter");
    assert_eq!(
        deed(r#"linkat(3</a/tmp>, "x", 4</a/new>, "y", 0) = 0"#),
        Some(Deed::Place { from: "/a/tmp/x".into(), to: "/a/new/y".into(), is_careful: true })
    );
    assert_eq!(
        deed(r#"sendto(9<socket:[77]>, "a, \"b\"", 6, 0, NULL, 0) = 6"#),
        Some(Deed::Say(r#""a, \"b\"""#.to_owned()))
    );
    assert_eq!(deed(r#"fsync(3</a>) = -1 EIO (Input/output error)"#), None);
}
