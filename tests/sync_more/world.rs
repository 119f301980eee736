//! A server and a Maildir that were made equal, with changes of every kind on both sides since:
//! it can be put back to where it was, and a run that was broken off somewhere is followed by
//! one that is not, after which all must be as if the first had come to its end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::{
    Dovecot, Home, Invocation, OtherClient, PATIENCE, Run, Scratch, args, mail, wait_for,
};
use super::{letters, nothing, put};

/// What a side holds: each folder with its messages (content and flags), sorted.
type Held = BTreeMap<String, Vec<(String, String)>>;

pub struct World {
    pub dovecot: Dovecot,
    pub home: Home,
    kept: Scratch,
    wanted: Held,
    /// What the near folders are known by, by their places.
    identities: BTreeMap<PathBuf, String>,
}

/// What the folders of a Maildir are known by, however they are called: another one after they
/// were put back.
fn identities(root: &Path) -> BTreeMap<PathBuf, String> {
    use std::os::unix::fs::MetadataExt as _;
    let places = std::fs::read_dir(root).expect("a tree").flatten().map(|entry| entry.path());
    places
        .chain([root.to_owned()])
        .filter_map(|place| {
            let metadata = std::fs::metadata(place.join("cur")).ok()?;
            let born = metadata
                .created()
                .ok()
                .and_then(|time| Some(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos()));
            Some((place, format!("{:x}-{:x}", metadata.ino(), born.unwrap_or(0))))
        })
        .collect()
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(done.is_ok_and(|status| status.success()), "{} to {}", from.display(), to.display());
}

/// What a Maildir++ tree holds.
fn held(root: &Path) -> Held {
    let mut held = Held::new();
    let mut add = |name: String, place: &Path| {
        let mut messages: Vec<(String, String)> = mail::maildir_files(place)
            .iter()
            .map(|path| {
                let octets = mail::to_lf(&std::fs::read(path).expect("a message"));
                let flags =
                    mail::maildir_flags(path).chars().filter(char::is_ascii_uppercase).collect();
                (String::from_utf8_lossy(&octets).into_owned(), flags)
            })
            .collect();
        messages.sort();
        held.insert(name, messages);
    };
    add("INBOX".to_owned(), root);
    for entry in std::fs::read_dir(root).expect("a tree").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(name) = name.strip_prefix('.')
            && entry.path().join("cur").is_dir()
        {
            add(name.to_owned(), &entry.path());
        }
    }
    held
}

fn brief(held: &Held) -> String {
    let mut text = String::new();
    for (folder, messages) in held {
        text.push_str(&format!("  {folder}:"));
        for (octets, flags) in messages {
            let subject = octets.lines().find_map(|line| line.strip_prefix("Subject: "));
            text.push_str(&format!(" [{} {flags}]", subject.unwrap_or("-")));
        }
        text.push('\n');
    }
    text
}

/// Delivers into a folder of a Maildir.
fn deliver(folder: &Path, messages: &[Vec<u8>]) {
    for part in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(folder.join(part)).expect("a Maildir");
    }
    for (number, message) in messages.iter().enumerate() {
        let name = format!("1772600000.M{number}P{}.other", message.len());
        std::fs::write(folder.join("new").join(name), message).expect("a message");
    }
}

impl World {
    /// `None`: there is no Dovecot, and the skip has been printed.
    pub fn begin(test: &str) -> Option<World> {
        let dovecot = Dovecot::start(test)?;
        let (home, kept) = (Home::new(), Scratch::new());
        let mut world =
            World { dovecot, home, kept, wanted: Held::new(), identities: BTreeMap::new() };
        put(&world.dovecot, "alice", "INBOX", &letters("inbox", 9));
        put(&world.dovecot, "alice", "Work", &letters("work", 3));
        put(&world.dovecot, "alice", "Old", &letters("old", 2));
        put(&world.dovecot, "alice", "Gone", &letters("gone", 1));
        world.sync().run().success();
        nothing(&world.sync().run().success());
        world.change();
        world.settle();
        world.identities = identities(&world.near());
        copy(&world.far(), &world.kept.path().join("far"));
        copy(&world.near(), &world.kept.path().join("near"));
        copy(&world.home.state(), &world.kept.path().join("state"));
        // What it comes to when nothing is in the way.
        world.sync().run().success();
        nothing(&world.sync().run().success());
        world.settle();
        world.wanted = held(&world.far());
        let near = held(&world.near());
        assert!(near == world.wanted, "far:\n{}near:\n{}", brief(&world.wanted), brief(&near));
        let names: Vec<&str> = world.wanted.keys().map(String::as_str).collect();
        assert_eq!(names, ["FarNew", "INBOX", "NearNew", "Older", "Work"]);
        assert_eq!(world.wanted["INBOX"].len(), 9, "{}", brief(&world.wanted));
        Some(world)
    }

    pub fn far(&self) -> PathBuf {
        self.dovecot.maildir("alice", "INBOX")
    }

    pub fn near(&self) -> PathBuf {
        self.home.path().join("near")
    }

    /// The words of a run, without TLS so that what is said can be seen and cut.
    pub fn words(&self) -> Vec<std::ffi::OsString> {
        let url = self.dovecot.url("imap", "alice").replace("//alice@", "//alice;AUTH=PLAIN@");
        args!["sync", url, "maildir:near", "--json", "--tls", "none", "--allow-cleartext-password"]
            .to_vec()
    }

    pub fn sync(&self) -> Invocation {
        self.home.pillarbox(&self.words()).password("secret")
    }

    /// Somebody is at work on both sides: what is new, flagged, moved, deleted; and folders that
    /// come, get another name, and go.
    fn change(&self) {
        let mut other = OtherClient::login(self.dovecot.imap, "alice", "secret");
        for text in letters("far", 2) {
            other.append("INBOX", "\\Seen", &mail::to_crlf(&text));
        }
        other.select("INBOX");
        other.command("UID STORE 1 +FLAGS (\\Flagged)");
        other.command("UID STORE 2 -FLAGS (\\Seen)");
        other.command("UID MOVE 3 Work");
        other.command("UID STORE 4 +FLAGS (\\Deleted)");
        other.command("UID EXPUNGE 4");
        other.command("CREATE FarNew");
        other.append("FarNew", "", &mail::to_crlf(&letters("farnew", 1)[0]));
        other.command("RENAME Old Older");
        other.command("LOGOUT");
        let near = self.near();
        deliver(&near, &letters("near", 2));
        let file = |subject: &str| {
            mail::maildir_files(&near)
                .into_iter()
                .find(|path| {
                    std::fs::read_to_string(path)
                        .is_ok_and(|text| text.contains(&format!("Subject: {subject}\n")))
                })
                .unwrap_or_else(|| panic!("no {subject}"))
        };
        let name = |path: &Path| path.file_name().unwrap_or_default().to_owned();
        let flagged = file("inbox 5");
        let text = name(&flagged).to_string_lossy().into_owned();
        let unique = text.split(":2,").next().unwrap_or_default();
        std::fs::rename(&flagged, near.join("cur").join(format!("{unique}:2,FRS")))
            .expect("flagged");
        let moved = file("inbox 6");
        std::fs::rename(&moved, near.join(".Work/cur").join(name(&moved))).expect("moved");
        std::fs::remove_file(file("inbox 7")).expect("deleted");
        let folder = near.join(".NearNew");
        deliver(&folder, &letters("nearnew", 1));
        std::fs::write(folder.join("maildirfolder"), "").expect("a marker");
        std::fs::remove_dir_all(near.join(".Gone")).expect("removed");
    }

    /// Waits until the server has ended all sessions: what they were told they do to the end.
    pub fn settle(&self) {
        let ended = || {
            let log = self.dovecot.log();
            let count = |word: &str| log.lines().filter(|line| line.contains(word)).count();
            let begun = count("imap-login: Info: Login:");
            let over = log
                .lines()
                .filter(|line| {
                    line.contains("imap(alice)")
                        && (line.contains(": Info: Disconnected")
                            || line.contains(": Info: Logged out"))
                })
                .count();
            (begun == over).then_some(())
        };
        wait_for("the end of all sessions", PATIENCE, ended);
    }

    /// Puts everything back to where both sides had changed.
    pub fn restore(&self) {
        self.settle();
        copy(&self.kept.path().join("far"), &self.far());
        copy(&self.kept.path().join("near"), &self.near());
        copy(&self.kept.path().join("state"), &self.home.state());
        let now = identities(&self.near());
        let folder = self.home.state().join("pillarbox/sync");
        for entry in std::fs::read_dir(folder).expect("what is remembered").flatten() {
            if entry.path().extension().is_none_or(|extension| extension != "db") {
                continue;
            }
            let database = rusqlite::Connection::open(entry.path()).expect("a state");
            for (place, before) in &self.identities {
                let update = "UPDATE folders SET near_mailbox_id = ?2 WHERE near_mailbox_id = ?1";
                let changed = database.execute(update, [before, &now[place]]);
                assert!(changed.is_ok(), "{changed:?}");
            }
        }
    }

    /// Runs again, and looks whether all is as if the run before had come to its end; `how`
    /// says what became of that.
    #[track_caller]
    pub fn resumed(&self, how: &str, broken: &Run) {
        self.settle();
        let run = self.sync().run();
        assert!(matches!(run.code, Some(0 | 81)), "{how}\n{broken}\n{run}");
        let again = self.sync().run();
        assert_eq!(again.code, Some(0), "{how}\n{broken}\n{run}\n{again}");
        for (side, root) in [("far", self.far()), ("near", self.near())] {
            let is = held(&root);
            assert!(
                is == self.wanted,
                "{how}: {side} is\n{}and not\n{}\n{broken}\n{run}",
                brief(&is),
                brief(&self.wanted)
            );
        }
        nothing(&again);
    }
}
