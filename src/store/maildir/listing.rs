//! A folder as its directory shows it: for who reads the files himself, on many cores at once.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Maildir;
use super::folder::{Located, Sub};
use super::keywords::Keywords;
use super::name::{by_delivery, size, split};
use crate::store::{Error, Result};

/// One message of a folder, its file not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageFile {
    /// The directory of its file, shared by those that lie in it.
    pub directory: Arc<Path>,
    /// Its file now; its flags may give it another name at any time.
    pub name: OsString,
    /// The names of its flags, by the file's name and the folder's keywords.
    pub flags: Arc<[String]>,
    /// Octets, where the file's name tells them.
    pub size: Option<u64>,
}

impl MessageFile {
    /// Where its file is now.
    pub fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }
}

impl Maildir {
    /// The folders that messages can be in, by name, and what of the tree could not be looked
    /// into: for who had rather see the rest than nothing.
    ///
    /// # Errors
    /// The root's.
    pub fn readable_folders(&self) -> Result<(Vec<String>, Vec<Error>)> {
        let mut unreadable = Vec::new();
        let found = self.layout.readable_folders(&self.root, &mut |error| {
            unreadable.push(error);
            Ok(())
        })?;
        let selectable = found.into_iter().filter(|(_, place)| place.selectable);
        Ok((selectable.map(|(name, _)| name).collect(), unreadable))
    }

    /// The messages of a folder in the order of their delivery, without a call of the system
    /// for each.
    ///
    /// # Errors
    /// [`crate::store::Error::NoFolder`], and the disk's.
    pub fn files(&self, folder: &str) -> Result<Vec<MessageFile>> {
        let mut opened = self.folder(folder)?;
        let mut listed = Vec::new();
        opened.each_file(&mut |located| {
            let seconds = leading_number(located.file.as_bytes());
            listed.push((seconds, located));
        })?;
        listed.sort_by(|(a, one), (b, other)| match (a, b) {
            (Some(a), Some(b)) if a != b => a.cmp(b),
            _ => in_order(one, other),
        });
        listed.dedup_by(|(a, later), (b, earlier)| {
            let unique = |located: &Located| split(located.file.as_bytes()).0.len();
            let is_same = a == b && {
                let (one, other) = (unique(later), unique(earlier));
                later.file.as_bytes()[..one] == earlier.file.as_bytes()[..other]
            };
            if is_same {
                std::mem::swap(later, earlier);
            }
            is_same
        });
        opened.keywords = Keywords::load(&opened.path)?;
        let directory = |sub: Sub| -> Arc<Path> { opened.path.join(sub.name()).into() };
        let (new, cur) = (directory(Sub::New), directory(Sub::Cur));
        // Few sets of flags are many messages' flags.
        let mut sets: HashMap<Vec<u8>, Arc<[String]>> = HashMap::new();
        let file = |(_, located): (Option<u64>, Located)| {
            let (unique, info) = split(located.file.as_bytes());
            let names = || -> Arc<[String]> {
                opened.flags(&located).iter().map(|flag| flag.name().to_owned()).collect()
            };
            let flags = match info {
                _ if opened.keywords.has_extra(&String::from_utf8_lossy(unique)) => names(),
                info => {
                    let info = info.unwrap_or_default();
                    match sets.get(info) {
                        Some(known) => Arc::clone(known),
                        None => Arc::clone(sets.entry(info.to_vec()).or_insert_with(names)),
                    }
                }
            };
            let size = std::str::from_utf8(unique).ok().and_then(size);
            let directory = Arc::clone(if located.sub == Sub::New { &new } else { &cur });
            MessageFile { directory, name: located.file, flags, size }
        };
        Ok(listed.into_iter().map(file).collect())
    }
}

/// The number at the start of a name, when it was delivered as a rule; `None`: there is none, or
/// none that fits.
fn leading_number(name: &[u8]) -> Option<u64> {
    let mut number: Option<u64> = None;
    for octet in name {
        if !octet.is_ascii_digit() {
            break;
        }
        number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(u64::from(octet - b'0'))?);
    }
    number
}

fn in_order(one: &Located, other: &Located) -> Ordering {
    let (a, b) = (split(one.file.as_bytes()).0, split(other.file.as_bytes()).0);
    match (std::str::from_utf8(a), std::str::from_utf8(b)) {
        (Ok(a), Ok(b)) => by_delivery(a, b),
        _ => by_delivery(&String::from_utf8_lossy(a), &String::from_utf8_lossy(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, is_maildir};
    use super::*;
    use crate::store::testing::Dir;

    #[test]
    fn files_with_what_their_names_tell() {
        let dir = Dir::new();
        let options = Options { create: true, ..Options::default() };
        let maildir = Maildir::open(dir.path(), options).expect("made");
        assert!(is_maildir(dir.path()));
        for name in ["cur/10.M1.h,S=4:2,FS", "new/9.M1.h", "cur/.hidden"] {
            std::fs::write(dir.path().join(name), b"a: b").expect("written");
        }
        let files = maildir.files("INBOX").expect("listed");
        let told: Vec<_> = files.iter().map(|file| (file.flags.len(), file.size)).collect();
        assert_eq!(told, [(0, None), (2, Some(4))]);
        assert_eq!(*files[1].flags, ["\\Flagged", "\\Seen"]);
        assert!(files[0].path().ends_with("new/9.M1.h"));
        assert!(maildir.files("None").is_err());
    }
    #[test]
    fn the_order_is_that_of_the_store() {
        let dir = Dir::new();
        let options = Options { create: true, ..Options::default() };
        let mut maildir = Maildir::open(dir.path(), options).expect("made");
        let names = [
            "new/10.M2.h",
            "cur/10.M2.h:2,S",
            "cur/10.M10.h:2,",
            "cur/9.h:2,T",
            "cur/09.h:2,",
            "cur/x.h:2,",
            "cur/99999999999999999999999.h:2,",
            "cur/1.h:1,x",
            "cur/1.h2",
        ];
        for name in names {
            std::fs::write(dir.path().join(name), b"a: b").expect("written");
        }
        let files = maildir.files("INBOX").expect("listed");
        let unique = |path: &PathBuf| {
            let name = path.file_name().expect("a name");
            String::from_utf8_lossy(split(name.as_bytes()).0).into_owned()
        };
        let uniques: Vec<String> = files.iter().map(|file| unique(&file.path())).collect();
        use crate::store::{Spool as _, Store as _};
        let stored = crate::store::testing::run(async {
            maildir.select("INBOX", true).await.expect("selected");
            maildir.list().await.expect("listed")
        });
        let stored: Vec<String> =
            stored.into_iter().map(|listed| listed.id.0.to_string()).collect();
        assert_eq!(uniques, stored);
        let seen = files.iter().find(|file| unique(&file.path()) == "10.M2.h").expect("there");
        assert!(seen.path().ends_with("cur/10.M2.h:2,S"), "the later one is right");
    }
}
