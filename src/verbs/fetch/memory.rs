//! What earlier runs have brought, for `--new`: by UIDL, or by UIDVALIDITY and UID, never by
//! `\Seen`.
//!
//! A message is written down only after every target has confirmed it, so that a run that is
//! broken off fetches it again rather than never.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::base::location::Location;
use crate::open::local_path;
use crate::state::seen::{Delivered, Seen};
use crate::store::Id;

/// The record, and the targets of this run.
pub struct Memory {
    seen: Seen,
    targets: Vec<String>,
}

/// One folder or maildrop as the record knows it.
pub struct Place {
    /// Its location, without a password.
    pub source: String,
    /// Its UIDVALIDITY; 0 where it has none.
    pub generation: u32,
}

impl Memory {
    /// Opens the record at `path`; `targets` are the words of `--to`, none standing for stdout.
    ///
    /// # Errors
    /// Another run that holds it, and the disk's.
    pub fn open(path: &Path, targets: &[String]) -> Result<Self> {
        let mut names = Vec::new();
        for word in targets {
            names.push(name(&Location::parse(word)?));
        }
        if names.is_empty() {
            names.push("-".to_owned());
        }
        Ok(Self { seen: Seen::open(path)?, targets: names })
    }

    /// Leaves those of a whole listing that some target has not got yet, and forgets what has
    /// left the source.
    ///
    /// # Errors
    /// The record's.
    pub fn keep_new(&mut self, place: &Place, ids: &mut Vec<Id>) -> Result<()> {
        let present: BTreeSet<String> = ids.iter().map(|id| id.0.clone()).collect();
        self.seen.keep_only(&place.source, place.generation, &present)?;
        let known = self.seen.deliveries(&place.source, place.generation)?;
        ids.retain(|id| {
            let reached = known.get(&id.0);
            !self.targets.iter().all(|target| reached.is_some_and(|it| it.contains_key(target)))
        });
        Ok(())
    }

    /// Writes down that every target has these messages.
    ///
    /// # Errors
    /// The record's.
    pub fn record(&mut self, place: &Place, ids: &[Id], now: i64) -> Result<()> {
        let batch: Vec<Delivered> = ids
            .iter()
            .flat_map(|id| {
                self.targets
                    .iter()
                    .map(|target| Delivered { message: id.0.clone(), target: target.clone() })
            })
            .collect();
        Ok(self.seen.record(&place.source, place.generation, &batch, now)?)
    }
}

/// A target's name, the same from whatever folder it is spelled.
fn name(location: &Location) -> String {
    let absolute = |path: &Path| {
        let path = local_path(path);
        std::path::absolute(&path).unwrap_or(path)
    };
    match location {
        Location::Maildir(path) => Location::Maildir(absolute(path)).to_string(),
        Location::Mbox(path) => Location::Mbox(absolute(path)).to_string(),
        Location::Eml(path) => Location::Eml(absolute(path)).to_string(),
        Location::Path(path) => absolute(path).display().to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(words: &[&str]) -> Vec<Id> {
        words.iter().map(|word| Id((*word).to_owned())).collect()
    }

    #[test]
    fn only_what_every_target_has_is_old() {
        let dir = crate::state::testing::Dir::new();
        let path = dir.path().join("seen.db");
        let place = Place { source: "pop3s://ann@h".into(), generation: 0 };
        let maildir = ["maildir:/m".to_owned()];
        let both = ["maildir:/m".to_owned(), "mbox:/b".to_owned()];
        let mut memory = Memory::open(&path, &maildir).expect("opens");
        let mut all = ids(&["a", "b"]);
        memory.keep_new(&place, &mut all).expect("asked");
        assert_eq!(all, ids(&["a", "b"]));
        memory.record(&place, &ids(&["a"]), 1).expect("recorded");
        memory.keep_new(&place, &mut all).expect("asked");
        assert_eq!(all, ids(&["b"]));
        drop(memory);
        let mut memory = Memory::open(&path, &both).expect("opens");
        let mut all = ids(&["a", "b"]);
        memory.keep_new(&place, &mut all).expect("asked");
        assert_eq!(all, ids(&["a", "b"]), "the mbox has none of them");
    }
}
