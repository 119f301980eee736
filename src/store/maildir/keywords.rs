//! Keywords of a folder: small letters in the file names, and what they mean.
//!
//! As Dovecot keeps them: the file `dovecot-keywords` has a line `NUMBER NAME` for each,
//! 0 is the letter `a`, and it is changed only while `dovecot-uidlist.lock` is held. After
//! 26 keywords there are no letters left: those beyond stand in a file of our own,
//! `pillarbox-keywords`, with a line `KEYWORD KEYWORD...<TAB>UNIQUE` for each message.
//!
//! Letters are never given back: another program may be about to use one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::store::durable::{Durability, replace};
use crate::store::lock::DotLock;
use crate::store::{Error, Flags, Result};

/// Dovecot's file.
pub(super) const FILE: &str = "dovecot-keywords";

/// Our own, for what has no letter.
pub(super) const SIDECAR: &str = "pillarbox-keywords";

/// The lock under which both are changed.
const LOCK: &str = "dovecot-uidlist.lock";

/// How long another program may hold the lock before we give up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The keywords of one folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Keywords {
    /// By number, up to 26; `None` for a number that is not given.
    letters: Vec<Option<String>>,
    /// Keywords without a letter, by unique name.
    extra: BTreeMap<String, BTreeSet<String>>,
}

/// A change of the keywords without letters of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extra {
    /// The message.
    pub unique: String,
    /// Keywords to set.
    pub add: Vec<String>,
    /// Keywords to clear.
    pub remove: Vec<String>,
}

impl Keywords {
    /// Reads both files; one that is not there is empty.
    pub(super) fn load(folder: &Path) -> Result<Self> {
        let mut keywords = Self::default();
        for line in lines(&folder.join(FILE))? {
            let Some((number, name)) = line.split_once(' ') else { continue };
            let Ok(number) = number.parse::<usize>() else { continue };
            if number < 26 && !name.is_empty() {
                if keywords.letters.len() <= number {
                    keywords.letters.resize(number + 1, None);
                }
                keywords.letters[number] = Some(name.to_owned());
            }
        }
        for line in lines(&folder.join(SIDECAR))? {
            let Some((names, unique)) = line.split_once('\t') else { continue };
            let names = names.split(' ').filter(|name| !name.is_empty()).map(str::to_owned);
            keywords.extra.entry(unique.to_owned()).or_default().extend(names);
        }
        Ok(keywords)
    }

    /// What a letter means; `None` for one that is not given.
    pub(super) fn name(&self, letter: u8) -> Option<&str> {
        let number = usize::from(letter.checked_sub(b'a')?);
        self.letters.get(number)?.as_deref()
    }

    /// The letter of a keyword, if it has one.
    pub(super) fn letter(&self, keyword: &str) -> Option<u8> {
        let same = |name: &Option<String>| {
            name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(keyword))
        };
        let number = self.letters.iter().position(same)?;
        Some(b'a' + u8::try_from(number).ok()?)
    }

    /// Adds the keywords of a message that have no letter.
    pub(super) fn add_extra(&self, unique: &str, flags: &mut Flags) {
        for keyword in self.extra.get(unique).into_iter().flatten() {
            flags.insert(keyword);
        }
    }

    /// Whether the message has keywords without letters.
    pub(super) fn has_extra(&self, unique: &str) -> bool {
        self.extra.contains_key(unique)
    }

    /// Gives letters to those of `wanted` that have none, as long as there are letters.
    /// Nothing is written when all have one already, or none is left.
    ///
    /// # Errors
    /// [`Error::Name`] for a keyword that is no IMAP atom; the files' errors.
    pub(super) fn allocate<'a>(
        &mut self,
        folder: &Path,
        wanted: impl Iterator<Item = &'a str>,
        durability: Durability,
    ) -> Result<()> {
        let mut missing: Vec<&str> = Vec::new();
        for keyword in wanted {
            if !is_atom(keyword) {
                let reason = "a keyword is an IMAP atom";
                return Err(Error::Name { name: keyword.to_owned(), reason });
            }
            let known = missing.iter().any(|other| other.eq_ignore_ascii_case(keyword));
            if !known && self.letter(keyword).is_none() {
                missing.push(keyword);
            }
        }
        if missing.is_empty() || self.free().is_none() {
            return Ok(());
        }
        let _lock = lock(folder)?;
        // Another program may have given letters since.
        *self = Self::load(folder)?;
        let mut changed = false;
        for keyword in missing {
            if self.letter(keyword).is_some() {
                continue;
            }
            let Some(number) = self.free() else { break };
            if self.letters.len() <= number {
                self.letters.resize(number + 1, None);
            }
            self.letters[number] = Some(keyword.to_owned());
            changed = true;
        }
        if changed {
            let mut content = String::new();
            for (number, name) in self.letters.iter().enumerate() {
                if let Some(name) = name {
                    content.push_str(&format!("{number} {name}\n"));
                }
            }
            write(folder, FILE, &content, durability)?;
        }
        Ok(())
    }

    /// The lowest number that is not given.
    fn free(&self) -> Option<usize> {
        let hole = self.letters.iter().position(Option::is_none);
        let number = hole.unwrap_or(self.letters.len());
        (number < 26).then_some(number)
    }

    /// Changes keywords without letters of several messages. What is kept for messages that
    /// `is_there` no longer knows is dropped.
    pub(super) fn change_extra(
        &mut self,
        folder: &Path,
        changes: &[Extra],
        is_there: &dyn Fn(&str) -> bool,
        durability: Durability,
    ) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let _lock = lock(folder)?;
        *self = Self::load(folder)?;
        let before = self.extra.clone();
        for change in changes {
            let names = self.extra.entry(change.unique.clone()).or_default();
            let gone = |name: &String| change.remove.iter().any(|r| r.eq_ignore_ascii_case(name));
            names.retain(|name| !gone(name));
            for keyword in &change.add {
                if !names.iter().any(|name| name.eq_ignore_ascii_case(keyword)) {
                    names.insert(keyword.clone());
                }
            }
        }
        let is_changed = |unique: &str| changes.iter().any(|change| change.unique == unique);
        self.extra.retain(|unique, names| {
            // A tab or a line end in a foreign file name could not be read back.
            let writable = !unique.contains(['\t', '\n']);
            !names.is_empty() && writable && (is_changed(unique) || is_there(unique))
        });
        if self.extra == before {
            return Ok(());
        }
        let mut content = String::new();
        for (unique, names) in &self.extra {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            content.push_str(&format!("{}\t{unique}\n", names.join(" ")));
        }
        write(folder, SIDECAR, &content, durability)
    }
}

/// Whether the text is an atom, which keywords are (RFC 9051 section 9, flag-keyword).
fn is_atom(text: &str) -> bool {
    let special = |octet| matches!(octet, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']');
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic() && !special(octet))
}

fn lock(folder: &Path) -> Result<DotLock> {
    let path = folder.join(LOCK);
    DotLock::take(&path, PATIENCE).map_err(|error| Error::file(&path, error))
}

fn write(folder: &Path, file: &str, content: &str, durability: Durability) -> Result<()> {
    let path = folder.join(file);
    let temporary = folder.join(format!("{file}.{}.tmp", std::process::id()));
    // We hold the lock: what has this name is a leftover of a process that had our number.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::file(&temporary, error));
        }
        _ => {}
    }
    replace(&path, &temporary, content.as_bytes(), durability)
        .map_err(|error| Error::file(&path, error))
}

/// The lines of a file that are text; none where there is no such file.
fn lines(path: &Path) -> Result<Vec<String>> {
    match std::fs::read(path) {
        Ok(octets) => Ok(octets
            .split(|octet| *octet == b'\n')
            .filter_map(|line| std::str::from_utf8(line).ok())
            .map(|line| line.trim_end_matches('\r').to_owned())
            .collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::file(path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Dir;
    use super::*;

    const FAST: Durability = Durability::Fast;

    #[test]
    fn dovecots_file_is_read_and_extended() {
        let dir = Dir::new();
        std::fs::write(dir.path().join(FILE), "0 Junk\n2 $Label1\nnonsense\n99 x\n")
            .expect("written");
        let mut keywords = Keywords::load(dir.path()).expect("readable");
        assert_eq!(keywords.name(b'a'), Some("Junk"));
        assert_eq!(keywords.name(b'b'), None);
        assert_eq!(keywords.letter("$label1"), Some(b'c'));
        assert_eq!(keywords.name(b'S'), None);
        let wanted = ["junk", "New", "NEW", "Other"];
        keywords.allocate(dir.path(), wanted.into_iter(), FAST).expect("room");
        let text = std::fs::read_to_string(dir.path().join(FILE)).expect("there");
        assert_eq!(text, "0 Junk\n1 New\n2 $Label1\n3 Other\n");
        assert_eq!(Keywords::load(dir.path()).expect("readable"), keywords);
        assert!(!dir.path().join(LOCK).exists());
    }

    #[test]
    fn the_27th_keyword_goes_to_the_sidecar() {
        let dir = Dir::new();
        let mut keywords = Keywords::default();
        let names: Vec<String> = (0..28).map(|number| format!("k{number}")).collect();
        keywords.allocate(dir.path(), names.iter().map(String::as_str), FAST).expect("written");
        assert_eq!(keywords.letter("k25"), Some(b'z'));
        assert_eq!(keywords.letter("k26"), None);
        let change = |unique: &str, add: &[&str], remove: &[&str]| Extra {
            unique: unique.into(),
            add: add.iter().map(|name| (*name).to_owned()).collect(),
            remove: remove.iter().map(|name| (*name).to_owned()).collect(),
        };
        let both = [change("u1", &["k26", "k27"], &[]), change("u2", &["k26"], &[])];
        keywords.change_extra(dir.path(), &both, &|_| true, FAST).expect("written");
        let mut flags = Flags::new();
        Keywords::load(dir.path()).expect("readable").add_extra("u1", &mut flags);
        assert!(flags.has("k26") && flags.has("K27"));
        // u2 has vanished meanwhile, and what was kept for it goes too.
        let one = [change("u1", &[], &["K26"])];
        keywords.change_extra(dir.path(), &one, &|unique| unique == "u1", FAST).expect("written");
        let text = std::fs::read_to_string(dir.path().join(SIDECAR)).expect("there");
        assert_eq!(text, "k27\tu1\n");
    }

    #[test]
    fn keywords_are_atoms() {
        let dir = Dir::new();
        for wrong in ["", "a b", "a\n0 b", "(x)", "\\Seen", "ü", "a]"] {
            let mut keywords = Keywords::default();
            let refused = keywords.allocate(dir.path(), [wrong].into_iter(), FAST);
            assert!(refused.is_err(), "{wrong:?}");
        }
        assert!(!dir.path().join(FILE).exists());
    }
}
