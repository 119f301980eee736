//! `--dedupe`: a target gets no copy of what it has got, wherever that came from.
//!
//! Copies are told by the digest of their octets, line ends aside. It is written down for each
//! target along with the delivery, in runs with `--dedupe`.

use std::collections::HashSet;

use super::targets::Lacking;
use crate::message::digest::{Digest, Digester};
use crate::state::seen::Seen;
use crate::store::held::Held;
use crate::store::{Meta, Result};

/// A message that is held until it is known who lacks it, and the copies of this run.
pub struct Copies {
    targets: Vec<String>,
    held: Option<(Held, Digester)>,
    /// What was given since the last commit.
    given: Vec<(usize, Digest)>,
    /// What was given in this run, too.
    known: HashSet<(usize, Digest)>,
}

impl Copies {
    /// For targets of these names.
    pub fn new(targets: Vec<String>) -> Self {
        Self { targets, held: None, given: Vec::new(), known: HashSet::new() }
    }

    /// A message begins.
    pub fn begin(&mut self, message: &Meta) {
        self.held = Some((Held::new(message.clone()), Digester::new()));
    }

    /// Octets of it.
    ///
    /// # Errors
    /// The disk's, for a large message.
    pub fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        match &mut self.held {
            Some((held, digester)) => {
                digester.update(octets);
                held.write(octets)
            }
            None => Ok(()),
        }
    }

    /// The message is whole: it, its digest, and those of `wanted` that have no copy of it.
    ///
    /// # Errors
    /// The record's.
    pub fn end(
        &mut self,
        wanted: Lacking,
        seen: &Seen,
    ) -> crate::state::Result<Option<(Held, Digest, Lacking)>> {
        let Some((held, digester)) = self.held.take() else { return Ok(None) };
        let digest = digester.finish();
        let mut lacking = Lacking::NONE;
        for (number, target) in self.targets.iter().enumerate() {
            let has = self.known.contains(&(number, digest))
                || seen.has_content(target, digest.as_octets())?;
            if wanted.has(number) && !has {
                lacking = lacking.with(number);
            }
        }
        Ok(Some((held, digest, lacking)))
    }

    /// These targets have taken it.
    pub fn taken(&mut self, digest: Digest, by: Lacking) {
        for number in (0..self.targets.len()).filter(|number| by.has(*number)) {
            self.given.push((number, digest));
            self.known.insert((number, digest));
        }
    }

    /// Writes down what was given and is confirmed.
    ///
    /// # Errors
    /// The record's.
    pub fn record(&mut self, seen: &mut Seen) -> crate::state::Result<()> {
        let given = std::mem::take(&mut self.given);
        let contents = given.iter().map(|(number, digest)| {
            (self.targets[*number].as_str(), digest.as_octets().as_slice())
        });
        seen.record_contents(&contents.collect::<Vec<_>>())
    }
}
