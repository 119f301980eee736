//! The `subscriptions` file in the root of a tree, as Dovecot keeps it.
//!
//! A name a line, as the layout writes it: modified UTF-7 and `.` between the levels for
//! Maildir++, UTF-8 and `/` for nested. Dovecot's second version begins with `V<TAB>2` and an
//! empty line, and has tabs between the levels. A file keeps the version it has; a new one
//! gets the first.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::layout::Layout;
use crate::store::durable::{Durability, replace};
use crate::store::lock::DotLock;
use crate::store::pattern::canonical;
use crate::store::{Error, Result};

const FILE: &str = "subscriptions";

const SECOND_VERSION: &str = "V\t2";

/// How long another program may hold the lock.
const PATIENCE: Duration = Duration::from_secs(30);

/// The folders subscribed to; those that do not exist too.
pub(super) fn load(root: &Path, layout: Layout) -> Result<BTreeSet<String>> {
    let text = read(root)?;
    let (version, names) = lines(&text);
    Ok(names.map(|line| layout.subscription_name(line, version.delimiter(layout))).collect())
}

/// Subscribes to folders or unsubscribes from them.
pub(super) fn change(
    root: &Path,
    layout: Layout,
    folders: &[String],
    subscribed: bool,
    durability: Durability,
) -> Result<()> {
    let path = root.join(FILE);
    let failed = |error| Error::file(&path, error);
    let _lock = DotLock::take(&root.join("subscriptions.lock"), PATIENCE).map_err(failed)?;
    let text = read(root)?;
    let (version, names) = lines(&text);
    let delimiter = version.delimiter(layout);
    let mut kept: Vec<String> = names.map(str::to_owned).collect();
    let before = kept.len();
    let mut changed = false;
    for folder in folders {
        let name = canonical(folder);
        if subscribed {
            let line = layout.subscription_line(&name, delimiter);
            if !kept.contains(&line) {
                kept.push(line);
            }
        } else {
            kept.retain(|line| layout.subscription_name(line, delimiter) != name);
        }
        changed |= kept.len() != before;
    }
    if !changed {
        return Ok(());
    }
    let mut content = String::new();
    if version == Version::Second {
        content.push_str(SECOND_VERSION);
        content.push_str("\n\n");
    }
    for line in kept {
        content.push_str(&line);
        content.push('\n');
    }
    let temporary = root.join(format!("{FILE}.{}.tmp", std::process::id()));
    // We hold the lock: what has this name is a leftover of a process that had our number.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    replace(&path, &temporary, content.as_bytes(), durability).map_err(failed)
}

/// How the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    First,
    Second,
}

impl Version {
    fn delimiter(self, layout: Layout) -> char {
        match (self, layout) {
            (Version::Second, _) => '\t',
            (Version::First, Layout::Nested) => '/',
            (Version::First, Layout::Flat | Layout::MaildirPlusPlus) => '.',
        }
    }
}

fn read(root: &Path) -> Result<String> {
    let path = root.join(FILE);
    match std::fs::read(&path) {
        Ok(octets) => Ok(super::layout::text(&octets)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Error::file(&path, error)),
    }
}

fn lines(text: &str) -> (Version, impl Iterator<Item = &str>) {
    let first = text.lines().next().unwrap_or_default();
    let second = first == SECOND_VERSION;
    let version = if second { Version::Second } else { Version::First };
    let names = text.lines().skip(usize::from(second)).filter(|line| !line.is_empty());
    (version, names)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Dir;
    use super::*;

    fn subscribe(dir: &Dir, layout: Layout, names: &[&str], subscribed: bool) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        change(dir.path(), layout, &names, subscribed, Durability::Fast).expect("written");
    }

    fn content(dir: &Dir) -> String {
        std::fs::read_to_string(dir.path().join(FILE)).expect("there")
    }

    #[test]
    fn names_come_and_go() {
        for (layout, written) in [
            (Layout::MaildirPlusPlus, "Lists.r&AOk-\\2ex\nINBOX\n"),
            (Layout::Nested, "Lists/ré.x\nINBOX\n"),
        ] {
            let dir = Dir::new();
            assert!(load(dir.path(), layout).expect("no file is no error").is_empty());
            subscribe(&dir, layout, &["Lists/ré.x", "inbox", "INBOX"], true);
            assert_eq!(content(&dir), written);
            let names = load(dir.path(), layout).expect("readable");
            assert_eq!(names.iter().collect::<Vec<_>>(), ["INBOX", "Lists/ré.x"]);
            subscribe(&dir, layout, &["Inbox", "other"], false);
            assert_eq!(load(dir.path(), layout).expect("readable").len(), 1);
            assert!(!dir.path().join("subscriptions.lock").exists());
        }
    }

    #[test]
    fn the_second_version_stays_what_it_is() {
        let dir = Dir::new();
        std::fs::write(dir.path().join(FILE), "V\t2\n\na\tb\nx.y\n").expect("written");
        let layout = Layout::MaildirPlusPlus;
        let names = load(dir.path(), layout).expect("readable");
        assert_eq!(names.iter().collect::<Vec<_>>(), ["a/b", "x.y"]);
        subscribe(&dir, layout, &["c/d"], true);
        assert_eq!(content(&dir), "V\t2\n\na\tb\nx.y\nc\td\n");
    }

    #[test]
    fn a_name_is_one_line() {
        let dir = Dir::new();
        subscribe(&dir, Layout::Nested, &["a\nINBOX", "\t"], true);
        assert_eq!(content(&dir).lines().count(), 2);
        let names = load(dir.path(), Layout::Nested).expect("readable");
        assert!(names.contains("a\nINBOX") && names.contains("\t"));
    }
}
