//! What earlier runs have brought, for `--new`: by UIDL, or by UIDVALIDITY and UID, never by
//! `\Seen`.
//!
//! A message is written down only after every target has confirmed it, so that a run that is
//! broken off fetches it again rather than never.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::targets::Lacking;
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
    /// Opens the record at `path`; `targets` are what the targets of the run are called, in
    /// their order.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(path: &Path, targets: Vec<String>) -> Result<Self> {
        Ok(Self { seen: Seen::open(path)?, targets })
    }

    /// The record itself.
    pub fn seen(&mut self) -> &mut Seen {
        &mut self.seen
    }

    /// Which targets have not got each of these messages yet. `is_whole`: they are the whole
    /// listing, and what has left the source is forgotten.
    ///
    /// # Errors
    /// The record's.
    pub fn lacking(
        &mut self,
        place: &Place,
        ids: Vec<Id>,
        is_whole: bool,
    ) -> Result<Vec<(Id, Lacking)>> {
        if is_whole {
            let present: BTreeSet<String> = ids.iter().map(|id| id.0.to_string()).collect();
            self.seen.keep_only(&place.source, place.generation, &present)?;
        }
        let known = self.seen.deliveries(&place.source, place.generation)?;
        let of = |id: &Id| {
            let reached = known.get(&*id.0);
            self.targets.iter().enumerate().fold(Lacking::NONE, |lacking, (number, target)| {
                let has = reached.is_some_and(|reached| reached.contains_key(target));
                if has { lacking } else { lacking.with(number) }
            })
        };
        Ok(ids.into_iter().map(|id| (of(&id), id)).map(|(lacking, id)| (id, lacking)).collect())
    }

    /// Those of these messages that every target has got, the first of them at `before` or
    /// earlier, in seconds since 1970.
    ///
    /// # Errors
    /// The record's.
    pub fn old(&self, place: &Place, ids: &[Id], before: i64) -> Result<Vec<Id>> {
        let known = self.seen.deliveries(&place.source, place.generation)?;
        let is_old = |id: &&Id| {
            known.get(&*id.0).is_some_and(|reached| {
                let first = reached.values().min().is_some_and(|time| *time <= before);
                first && self.targets.iter().all(|target| reached.contains_key(target))
            })
        };
        Ok(ids.iter().filter(is_old).cloned().collect())
    }

    /// Writes down which targets have taken these messages.
    ///
    /// # Errors
    /// The record's.
    pub fn record(&mut self, place: &Place, taken: &[(Id, Lacking)], now: i64) -> Result<()> {
        let mut batch = Vec::with_capacity(taken.len());
        for (id, by) in taken {
            for (number, target) in self.targets.iter().enumerate() {
                if by.has(number) {
                    batch.push(Delivered { message: id.0.to_string(), target: target.clone() });
                }
            }
        }
        Ok(self.seen.record(&place.source, place.generation, &batch, now)?)
    }
}

/// A target's name, the same from whatever folder it is spelled.
pub fn name(location: &Location) -> String {
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
        words.iter().map(|word| Id::new((*word).to_owned())).collect()
    }

    #[test]
    fn each_target_is_remembered_for_itself() {
        let dir = crate::state::testing::Dir::new();
        let path = dir.path().join("seen.db");
        let place = Place { source: "pop3s://ann@h".into(), generation: 0 };
        let (maildir, mbox) = ("maildir:/m".to_owned(), "mbox:/b".to_owned());
        let mut memory = Memory::open(&path, vec![maildir.clone()]).expect("opens");
        let first = Lacking::NONE.with(0);
        let lacking = memory.lacking(&place, ids(&["a", "b"]), true).expect("asked");
        assert_eq!(lacking, [(Id::new("a"), first), (Id::new("b"), first)]);
        memory.record(&place, &[(Id::new("a"), first)], 10).expect("recorded");
        let lacking = memory.lacking(&place, ids(&["a", "b"]), true).expect("asked");
        assert_eq!(lacking, [(Id::new("a"), Lacking::NONE), (Id::new("b"), first)]);
        assert_eq!(memory.old(&place, &ids(&["a", "b"]), 10).expect("asked"), ids(&["a"]));
        assert_eq!(memory.old(&place, &ids(&["a", "b"]), 9).expect("asked"), ids(&[]));
        drop(memory);
        let mut memory = Memory::open(&path, vec![mbox, maildir]).expect("opens");
        let lacking = memory.lacking(&place, ids(&["a", "b"]), true).expect("asked");
        let both = Lacking::all(2);
        assert_eq!(lacking, [(Id::new("a"), first), (Id::new("b"), both)]);
        assert_eq!(memory.old(&place, &ids(&["a"]), 10).expect("asked"), ids(&[]));
        // What has left the source is forgotten.
        memory.lacking(&place, ids(&["b"]), true).expect("asked");
        let lacking = memory.lacking(&place, ids(&["a"]), false).expect("asked");
        assert_eq!(lacking, [(Id::new("a"), both)]);
    }
}
