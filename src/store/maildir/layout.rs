//! How folders of a tree become directories, and back.
//!
//! A folder's name is data that a server may have chosen: every level of it becomes exactly
//! one harmless path component, and every component turns back into the same level. What
//! cannot stand in a component is written as `\` and two hexadecimal digits, the way of
//! Dovecot's listescape; an empty level is `\-`.
//!
//! | layout | folder `Lists/ré.x` is |
//! |---|---|
//! | Maildir++ | `.Lists.r&AOk-\2ex`: modified UTF-7, `.` between levels, INBOX is the root |
//! | nested | `Lists/ré.x`: UTF-8, directories in each other |

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::limits::NESTING;
use crate::base::mailbox_name;
use crate::store::pattern::canonical;
use crate::store::{Error, Result};

/// Longest name of a directory entry, in octets (`NAME_MAX` of every common file system).
const COMPONENT_OCTETS: usize = 255;

/// Names that mean something in a Maildir, and so are no folder's in the nested layout.
const RESERVED: [&str; 12] = [
    "cur",
    "new",
    "tmp",
    "maildirfolder",
    "subscriptions",
    "subscriptions.lock",
    "courierimapsubscribed",
    "dovecot-keywords",
    "dovecot-uidlist",
    "dovecot-uidlist.lock",
    "dovecot-uidvalidity",
    super::keywords::SIDECAR,
];

/// How the folders of a tree lie on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One folder, INBOX: the root itself.
    Flat,
    /// INBOX is the root; the others are directories in it whose names begin with `.`.
    MaildirPlusPlus,
    /// Folders are directories in each other; INBOX is the root where that is a Maildir,
    /// else the directory `INBOX`.
    Nested,
}

/// One folder of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Place {
    /// Its directory.
    pub path: PathBuf,
    /// Whether that is a Maildir, or only a level above others.
    pub selectable: bool,
}

impl Layout {
    /// The layout that the directory shows by what it holds; `None` where it holds no
    /// Maildir or does not exist. A lone Maildir can grow into a Maildir++ tree, so that is
    /// what it is said to be.
    ///
    /// # Errors
    /// What the system says of reading the directory.
    pub fn detect(root: &Path) -> io::Result<Option<Layout>> {
        let entries = match std::fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            entries => entries?,
        };
        let mut nested = false;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let hidden = name.as_encoded_bytes().starts_with(b".");
            if hidden && is_maildir(&entry.path()) {
                return Ok(Some(Layout::MaildirPlusPlus));
            }
            let inside = name == "cur" || name == "new" || name == "tmp";
            nested |= !hidden && !inside && holds_maildir(&entry.path(), 3);
        }
        if nested {
            Ok(Some(Layout::Nested))
        } else {
            Ok(is_maildir(root).then_some(Layout::MaildirPlusPlus))
        }
    }

    /// The directory that a folder of this name gets below `root`; never outside of it.
    ///
    /// # Errors
    /// [`Error::Name`] for an empty name, a level too long for the disk, and any folder but
    /// INBOX in a flat Maildir.
    pub fn directory(self, root: &Path, name: &str) -> Result<PathBuf> {
        let name = canonical(name);
        let refused = |reason| Err(Error::Name { name: name.clone(), reason });
        if name.is_empty() {
            return refused("it is empty");
        }
        let inbox = name == "INBOX";
        let path = match self {
            Layout::Flat if inbox => root.to_owned(),
            Layout::Flat => return refused("a flat Maildir has one folder, INBOX"),
            Layout::MaildirPlusPlus if inbox => root.to_owned(),
            Layout::MaildirPlusPlus => {
                let levels: Vec<String> = name.split('/').map(encode_plus_plus).collect();
                root.join(format!(".{}", levels.join(".")))
            }
            Layout::Nested if inbox && is_maildir(root) => root.to_owned(),
            Layout::Nested => {
                let mut path = root.to_owned();
                for level in name.split('/') {
                    path.push(encode_nested(level));
                }
                path
            }
        };
        let below = path.strip_prefix(root).unwrap_or(&path);
        if below.components().any(|part| part.as_os_str().len() > COMPONENT_OCTETS) {
            return refused("it is too long for the name of a directory");
        }
        Ok(path)
    }

    /// All folders below `root` by name, the levels above them too.
    ///
    /// # Errors
    /// What the system says of reading the directories.
    pub(in crate::store) fn folders(self, root: &Path) -> Result<BTreeMap<String, Place>> {
        self.readable_folders(root, &mut Err)
    }

    /// The same; a directory below `root` that cannot be looked into is given to `unreadable`,
    /// which says whether to go on.
    ///
    /// # Errors
    /// What the system says of reading the root, and what `unreadable` makes of the others.
    pub(in crate::store) fn readable_folders(
        self,
        root: &Path,
        unreadable: &mut dyn FnMut(Error) -> Result<()>,
    ) -> Result<BTreeMap<String, Place>> {
        let mut found = BTreeMap::new();
        if look_for_maildir(root).map_err(|error| Error::file(root, error))? {
            found.insert("INBOX".to_owned(), Place { path: root.to_owned(), selectable: true });
        }
        match self {
            Layout::Flat => {}
            Layout::MaildirPlusPlus => self.list_plus_plus(root, &mut found, unreadable)?,
            Layout::Nested => {
                let mut above = Vec::new();
                let entries = std::fs::read_dir(root).map_err(|error| Error::file(root, error))?;
                let mut tree = Tree { layout: self, root, found: &mut found, unreadable };
                tree.list(root, entries, None, &mut above)?;
            }
        }
        let names: Vec<String> = found.keys().cloned().collect();
        for name in names {
            for (end, _) in name.match_indices('/') {
                let level = &name[..end];
                // A name that begins with a slash has nothing above its first level.
                if !level.is_empty() && !found.contains_key(level) {
                    // Where a level has no directory of its own, this is where it would be.
                    let path = self.directory(root, level)?;
                    found.insert(level.to_owned(), Place { path, selectable: false });
                }
            }
        }
        Ok(found)
    }

    /// A folder's name as a line of the `subscriptions` file.
    pub(super) fn subscription_line(self, name: &str, delimiter: char) -> String {
        let encode = match self {
            Layout::Nested => encode_nested,
            Layout::Flat | Layout::MaildirPlusPlus => encode_plus_plus,
        };
        let levels: Vec<String> = name.split('/').map(encode).collect();
        levels.join(delimiter.to_string().as_str())
    }

    /// The folder that a line of the `subscriptions` file names.
    pub(super) fn subscription_name(self, line: &str, delimiter: char) -> String {
        let decode = match self {
            Layout::Nested => decode_nested,
            Layout::Flat | Layout::MaildirPlusPlus => decode_plus_plus,
        };
        let levels: Vec<String> = line.split(delimiter).map(decode).collect();
        canonical(&levels.join("/"))
    }

    fn list_plus_plus(
        self,
        root: &Path,
        found: &mut BTreeMap<String, Place>,
        unreadable: &mut dyn FnMut(Error) -> Result<()>,
    ) -> Result<()> {
        for entry in std::fs::read_dir(root).map_err(|error| Error::file(root, error))? {
            let entry = entry.map_err(|error| Error::file(root, error))?;
            let file_name = text(entry.file_name().as_encoded_bytes());
            let Some(levels) = file_name.strip_prefix('.') else { continue };
            let path = entry.path();
            if levels.is_empty() {
                continue;
            }
            let name = || {
                let levels: Vec<String> = levels.split('.').map(decode_plus_plus).collect();
                canonical(&levels.join("/"))
            };
            match look_for_maildir(&path) {
                Ok(true) => self.note(root, name(), path, found),
                Ok(false) if is_empty_directory(&path) => {
                    found.entry(name()).or_insert(Place { path, selectable: false });
                }
                Ok(false) => {}
                Err(error) => unreadable(Error::file(&path, error))?,
            }
        }
        Ok(())
    }

    /// Enters a folder that was found. Where two directories decode to one name, the one
    /// that we would have made ourselves has it.
    fn note(self, root: &Path, name: String, path: PathBuf, found: &mut BTreeMap<String, Place>) {
        let ours = self.directory(root, &name).is_ok_and(|directory| directory == path);
        if ours || !found.contains_key(&name) {
            found.insert(name, Place { path, selectable: true });
        }
    }
}

/// The directories of a nested tree, on the way to its folders.
struct Tree<'t> {
    layout: Layout,
    root: &'t Path,
    found: &'t mut BTreeMap<String, Place>,
    unreadable: &'t mut dyn FnMut(Error) -> Result<()>,
}

impl Tree<'_> {
    fn list(
        &mut self,
        directory: &Path,
        entries: std::fs::ReadDir,
        above: Option<&str>,
        ancestors: &mut Vec<(u64, u64)>,
    ) -> Result<()> {
        let identity = std::fs::metadata(directory).map(|m| (m.dev(), m.ino()));
        let identity = identity.map_err(|error| Error::file(directory, error))?;
        // A symbolic link to a directory above would never end.
        if ancestors.contains(&identity) || ancestors.len() >= NESTING {
            return Ok(());
        }
        ancestors.push(identity);
        for entry in entries {
            let entry = entry.map_err(|error| Error::file(directory, error))?;
            let file_name = text(entry.file_name().as_encoded_bytes());
            let path = entry.path();
            let is_own = matches!(file_name.as_str(), "cur" | "new" | "tmp");
            if is_own || file_name.starts_with('.') || !is_directory(&entry) {
                continue;
            }
            let level = decode_nested(&file_name);
            let name = match above {
                Some(above) => format!("{above}/{level}"),
                None => level,
            };
            let inside = look_for_maildir(&path)
                .and_then(|is_maildir| Ok((is_maildir, std::fs::read_dir(&path)?)));
            let (is_maildir, inside) = match inside {
                Ok(looked) => looked,
                Err(error) => {
                    (self.unreadable)(Error::file(&path, error))?;
                    continue;
                }
            };
            if is_maildir {
                self.layout.note(self.root, canonical(&name), path.clone(), self.found);
            } else if is_empty_directory(&path) {
                let place = Place { path: path.clone(), selectable: false };
                self.found.entry(canonical(&name)).or_insert(place);
            }
            self.list(&path, inside, Some(&name), ancestors)?;
        }
        ancestors.pop();
        Ok(())
    }
}

/// Whether it is a directory, or a link to one; what it is that cannot be looked at is not said.
fn is_directory(entry: &std::fs::DirEntry) -> bool {
    entry
        .file_type()
        .is_ok_and(|kind| kind.is_dir() || (kind.is_symlink() && entry.path().is_dir()))
}

/// As [`is_maildir`]; an error where that cannot be known.
fn look_for_maildir(path: &Path) -> io::Result<bool> {
    match std::fs::metadata(path.join("cur")) {
        Ok(told) => Ok(told.is_dir()),
        Err(error) if is_absence(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an error says that there is nothing of that name, and not only that nobody can tell.
fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
        || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// Whether the directory is a Maildir: it has a `cur` in it.
pub(in crate::store) fn is_maildir(path: &Path) -> bool {
    path.join("cur").is_dir()
}

/// Whether the directory has nothing in it, as one has where a disk is not mounted.
fn is_empty_directory(path: &Path) -> bool {
    std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Whether a Maildir is in this directory, or down to `depth` levels below.
fn holds_maildir(path: &Path, depth: usize) -> bool {
    if is_maildir(path) {
        return true;
    }
    if depth == 0 {
        return false;
    }
    let Ok(entries) = std::fs::read_dir(path) else { return false };
    entries.flatten().any(|entry| {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        !hidden && directory && holds_maildir(&entry.path(), depth - 1)
    })
}

/// A file name as text; octets that are no UTF-8 are shown as `\xNN`.
pub(super) fn text(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.escape_ascii().to_string(),
    }
}

/// A level as one component of a Maildir++ name: printable ASCII without `.` and `/`.
fn encode_plus_plus(level: &str) -> String {
    if level.is_empty() {
        return "\\-".to_owned();
    }
    let mut escaped = String::with_capacity(level.len());
    for character in level.chars() {
        match character {
            '.' => escaped.push_str("\\2e"),
            '\\' => escaped.push_str("\\5c"),
            other => escaped.push(other),
        }
    }
    mailbox_name::encode(&escaped)
}

fn decode_plus_plus(component: &str) -> String {
    let escaped = mailbox_name::decode(component);
    // Some programs write UTF-8 here: then it is taken as it stands.
    let level = unescape(escaped.as_deref().unwrap_or(component));
    if encode_plus_plus(&level) == component { level } else { readable(component) }
}

/// A level as a directory of its own: any text but control characters, nothing hidden and
/// nothing that a Maildir keeps for itself.
fn encode_nested(level: &str) -> String {
    if level.is_empty() {
        return "\\-".to_owned();
    }
    let reserved = level.starts_with('.') || RESERVED.contains(&level);
    let mut escaped = String::with_capacity(level.len());
    for (at, character) in level.char_indices() {
        if character == '\\' || character.is_ascii_control() || (at == 0 && reserved) {
            escaped.push_str(&format!("\\{:02x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

fn decode_nested(component: &str) -> String {
    let level = unescape(component);
    if encode_nested(&level) == component { level } else { component.to_owned() }
}

/// A component that another program wrote, and that is no spelling of ours. Its modified
/// UTF-7 is read where it can be.
fn readable(component: &str) -> String {
    match mailbox_name::decode(component) {
        Ok(level) if !level.contains('/') => level,
        _ => component.to_owned(),
    }
}

/// Turns `\2e` into `.` and so on; a `\` that begins no such thing stays.
fn unescape(component: &str) -> String {
    if component == "\\-" {
        return String::new();
    }
    let mut level = String::with_capacity(component.len());
    let mut rest = component;
    while let Some(at) = rest.find('\\') {
        level.push_str(&rest[..at]);
        let digits = rest.get(at + 1..at + 3);
        let code = digits.filter(|pair| pair.bytes().all(|octet| octet.is_ascii_hexdigit()));
        match code.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(u8::is_ascii) {
            Some(octet) => {
                level.push(char::from(octet));
                rest = &rest[at + 3..];
            }
            None => {
                level.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    level.push_str(rest);
    level
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use proptest::prelude::*;

    use super::super::super::testing::Dir;
    use super::*;

    const HOSTILE: [&str; 22] = [
        "..",
        ".",
        "../..",
        "../../etc/passwd",
        "/etc/passwd",
        "//",
        "a/../../b",
        "a\0b",
        "a\nb",
        "cur",
        "new",
        "tmp",
        "a/cur",
        "cur/cur",
        ".hidden",
        "a.b",
        "a\\2eb",
        "\\-",
        "~root",
        "dovecot-uidlist",
        "a/",
        "INBOX/../x",
    ];

    fn component(layout: Layout, name: &str) -> PathBuf {
        let path = layout.directory(Path::new("/root"), name).expect("a name that fits");
        path.strip_prefix("/root").expect("below the root").to_owned()
    }

    #[test]
    fn ordinary_names_look_ordinary() {
        let plus = |name| component(Layout::MaildirPlusPlus, name);
        assert_eq!(plus("Lists/rust"), Path::new(".Lists.rust"));
        assert_eq!(plus("Réunion"), Path::new(".R&AOk-union"));
        assert_eq!(plus("a.b/c"), Path::new(".a\\2eb.c"));
        assert_eq!(plus("inbox"), Path::new(""));
        assert_eq!(plus("INBOX/x"), Path::new(".INBOX.x"));
        let nested = |name| component(Layout::Nested, name);
        assert_eq!(nested("Lists/ré.x"), Path::new("Lists/ré.x"));
        assert_eq!(nested("Lists/cur"), Path::new("Lists/\\63ur"));
        assert_eq!(nested("../x"), Path::new("\\2e./x"));
        assert_eq!(nested("Inbox"), Path::new("INBOX"));
    }

    #[test]
    fn hostile_names_stay_inside() {
        for layout in [Layout::MaildirPlusPlus, Layout::Nested] {
            for name in HOSTILE {
                let relative = component(layout, name);
                for part in relative.components() {
                    assert!(matches!(part, Component::Normal(_)), "{name:?} is {relative:?}");
                    let part = part.as_os_str().to_str().expect("UTF-8");
                    assert!(!["cur", "new", "tmp"].contains(&part), "{name:?} is {relative:?}");
                    assert!(!part.bytes().any(|octet| octet.is_ascii_control()), "{name:?}");
                }
                assert!(relative.components().count() >= 1, "{name:?} is the root");
                let levels = name.split('/').count();
                let depth = if layout == Layout::Nested { levels } else { 1 };
                assert_eq!(relative.components().count(), depth, "{name:?} is {relative:?}");
            }
        }
        assert!(Layout::Flat.directory(Path::new("/r"), "x").is_err());
        assert!(Layout::Nested.directory(Path::new("/r"), "").is_err());
        assert!(Layout::Nested.directory(Path::new("/r"), &"x".repeat(300)).is_err());
    }

    #[test]
    fn hostile_names_are_listed_as_they_were() {
        for layout in [Layout::MaildirPlusPlus, Layout::Nested] {
            let dir = Dir::new();
            let root = dir.path().join("root");
            for name in HOSTILE {
                let path = layout.directory(&root, name).expect("a name that fits");
                std::fs::create_dir_all(path.join("cur")).expect("a good path");
            }
            let found = layout.folders(&root).expect("listed");
            for name in HOSTILE {
                assert!(found.get(name).is_some_and(|place| place.selectable), "{name:?}");
            }
            // Nothing came to lie beside the root.
            assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 1);
        }
    }

    #[test]
    fn layouts_are_told_by_what_is_there() {
        let dir = Dir::new();
        let detect = || Layout::detect(dir.path()).expect("readable");
        assert_eq!(Layout::detect(&dir.path().join("none")).expect("no error"), None);
        assert_eq!(detect(), None);
        std::fs::create_dir_all(dir.path().join("a/b/cur")).expect("made");
        assert_eq!(detect(), Some(Layout::Nested));
        std::fs::create_dir_all(dir.path().join(".x/cur")).expect("made");
        assert_eq!(detect(), Some(Layout::MaildirPlusPlus));
        let lone = Dir::new();
        std::fs::create_dir_all(lone.path().join("cur")).expect("made");
        let found = Layout::detect(lone.path()).expect("readable");
        assert_eq!(found, Some(Layout::MaildirPlusPlus));
    }

    #[test]
    fn foreign_spellings_and_missing_levels_are_listed() {
        let dir = Dir::new();
        for name in [".Été", ".a.b.c", ".x\\zz", ".INBOX"] {
            std::fs::create_dir_all(dir.path().join(name).join("cur")).expect("made");
        }
        std::fs::create_dir_all(dir.path().join("cur")).expect("made");
        let found = Layout::MaildirPlusPlus.folders(dir.path()).expect("listed");
        let names: Vec<(&str, bool)> =
            found.iter().map(|(name, place)| (name.as_str(), place.selectable)).collect();
        let expected = [
            ("INBOX", true),
            ("a", false),
            ("a/b", false),
            ("a/b/c", true),
            ("x\\zz", true),
            ("Été", true),
        ];
        assert_eq!(names, expected);
        assert_eq!(found["INBOX"].path, dir.path());
    }

    #[test]
    fn a_link_upward_ends() {
        let dir = Dir::new();
        std::fs::create_dir_all(dir.path().join("a/cur")).expect("made");
        std::os::unix::fs::symlink(dir.path(), dir.path().join("a/up")).expect("linked");
        let found = Layout::Nested.folders(dir.path()).expect("listed");
        assert_eq!(found.keys().collect::<Vec<_>>(), ["a"]);
    }

    proptest! {
        #[test]
        fn levels_come_back(level in "[^/]*") {
            prop_assert_eq!(decode_plus_plus(&encode_plus_plus(&level)), level.clone());
            prop_assert_eq!(decode_nested(&encode_nested(&level)), level);
        }
    }
}
