//! Messages on their way from a source to the targets: what has come, what waits for a target's
//! confirmation, what has been confirmed and is written down.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use async_trait::async_trait;

use super::copies::Copies;
use super::memory::{Memory, Place};
use super::resume::{self, Again};
use super::targets::{All, Lacking, Taken};
use crate::net::Stop;
use crate::open::{self, Opened};
use crate::store::held::Held;
use crate::store::{self, Body as _, Id, Meta, Sink, What};
use crate::ui::{Failure, Progress};

/// Messages that are settled at once: one `syncfs` makes them all stable, while the next come.
const BATCH_MESSAGES: usize = 256;

/// Octets that are settled at once, at the least.
const BATCH_OCTETS: u64 = 32 * 1024 * 1024;

/// Messages on their way: what has come, what waits for its targets' confirmation, what has
/// been confirmed.
pub struct Passing<'t, 'p> {
    /// All targets.
    pub targets: All<'t>,
    /// The record; `None`: nothing is written down.
    pub memory: &'p mut Option<Memory>,
    /// Holds messages back until it is known who has a copy.
    pub copies: Option<Copies>,
    /// What the record calls the source.
    pub place: &'p Place,
    /// What the user is shown.
    pub progress: &'p mut Progress,
    /// Messages that came.
    pub done: usize,
    /// The source is another session than at the start.
    pub is_other_session: bool,
    /// Whether the run is to end.
    pub stop: &'p Stop,
    /// Messages of which nothing came.
    pub empty: usize,
    /// The worst that a target did with one.
    pub worst: Taken,
    /// Octets of the message that comes.
    pub octets: u64,
    /// What was taken, by which targets, and is being made stable.
    pub settling: Vec<(Id, Lacking)>,
    /// What was taken since then.
    pub waiting: Vec<(Id, Lacking)>,
    /// Octets of it.
    pub waiting_octets: u64,
    /// What is confirmed.
    pub reached: HashMap<Id, Lacking>,
}

impl Passing<'_, '_> {
    /// Brings these messages to the targets that lack them; what is whole is confirmed and
    /// recorded, whatever became of the rest.
    ///
    /// # Errors
    /// The source's, a target's, the record's.
    pub async fn bring(
        &mut self,
        source: &mut Opened,
        again: &Again<'_>,
        what: &What,
        messages: &[(Id, Lacking)],
    ) -> Result<()> {
        let mut by_targets: BTreeMap<Lacking, Vec<Id>> = BTreeMap::new();
        for (id, lacking) in messages {
            if *lacking != Lacking::NONE {
                by_targets.entry(*lacking).or_default().push(id.clone());
            }
        }
        for (lacking, ids) in by_targets {
            self.targets.wanted = lacking;
            let read = resume::read(source, again, &ids, what, self).await;
            let committed = self.commit().await;
            self.is_other_session |= read?;
            committed?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> store::Result<()> {
        self.targets.commit().await?;
        self.waiting_octets = 0;
        let mut taken = std::mem::take(&mut self.settling);
        taken.append(&mut self.waiting);
        self.record(taken)
    }

    /// Has what came made stable while more comes; what was before it is, and is recorded.
    async fn settle(&mut self) -> store::Result<()> {
        if self.copies.is_some() {
            // Their digests are recorded all at once.
            return self.commit().await;
        }
        self.targets.settle().await?;
        self.waiting_octets = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let settled = std::mem::replace(&mut self.settling, waiting);
        self.record(settled)
    }

    fn record(&mut self, taken: Vec<(Id, Lacking)>) -> store::Result<()> {
        if taken.is_empty() {
            return Ok(());
        }
        if let (Some(memory), Some(copies)) = (&mut self.memory, &mut self.copies) {
            copies.record(memory.seen()).map_err(of_record)?;
        }
        self.write_down(&taken)?;
        if self.memory.is_some() {
            self.reached.extend(taken);
        }
        Ok(())
    }

    fn write_down(&mut self, taken: &[(Id, Lacking)]) -> store::Result<()> {
        let Some(memory) = &mut self.memory else { return Ok(()) };
        memory
            .record(self.place, taken, open::now().seconds)
            .map_err(|error| store::Error::Caller(error.into()))
    }

    /// Notes a message that some targets took before one failed: they do not get it again. What
    /// they have to make stable is made so by the commit at the end.
    fn note_half(&mut self, id: &Id, ended: Lacking) -> store::Result<()> {
        let at_once = self.targets.at_once(ended);
        if at_once != Lacking::NONE && self.copies.is_none() {
            self.write_down(&[(id.clone(), at_once)])?;
        }
        if ended != Lacking::NONE {
            self.waiting.push((id.clone(), ended));
        }
        Ok(())
    }

    /// Gives a message that was held back to those that lack a copy of it; those that have it
    /// now.
    async fn give(&mut self, message: &Meta) -> store::Result<(Lacking, Taken)> {
        let wanted = self.targets.wanted;
        let (Some(copies), Some(memory)) = (&mut self.copies, &mut self.memory) else {
            return Ok((wanted, Taken::Yes));
        };
        let held = copies.end(wanted, memory.seen()).map_err(of_record)?;
        let Some((mut held, digest, lacking)) = held else { return Ok((wanted, Taken::Yes)) };
        if lacking == Lacking::NONE {
            return Ok((wanted, Taken::Yes));
        }
        self.targets.wanted = lacking;
        let given = hand_over(&mut held, message, &mut self.targets).await;
        let (taken, worst) = self.targets.taken();
        self.targets.wanted = wanted;
        if let Err(error) = given {
            let ended = self.targets.ended;
            copies.taken(digest, ended);
            self.note_half(&message.id, ended)?;
            return Err(error);
        }
        copies.taken(digest, taken);
        // Who has a copy counts as one that took it.
        let refused = lacking.without(taken);
        Ok((wanted.without(refused), worst))
    }
}

fn of_record(error: crate::state::Error) -> store::Error {
    store::Error::Caller(Box::new(error))
}

/// Octets that are handed over at once.
const PIECE_OCTETS: usize = 64 * 1024;

async fn hand_over(held: &mut Held, message: &Meta, sink: &mut dyn Sink) -> store::Result<()> {
    sink.begin(message).await?;
    let mut buffer = vec![0; PIECE_OCTETS];
    loop {
        let read = held.read(&mut buffer).await?;
        if read == 0 {
            return sink.end(message).await;
        }
        sink.chunk(&buffer[..read]).await?;
    }
}

#[async_trait(?Send)]
impl Sink for Passing<'_, '_> {
    async fn begin(&mut self, message: &Meta) -> store::Result<()> {
        if let Some(cause) = self.stop.cause() {
            // Sources that are no servers, and commands that take their time, do not hear of it.
            let failure = Failure::new(open::stopped(cause), cause.to_string());
            return Err(store::Error::Caller(Box::new(failure)));
        }
        self.octets = 0;
        match &mut self.copies {
            Some(copies) => {
                copies.begin(message);
                Ok(())
            }
            None => self.targets.begin(message).await,
        }
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        self.octets += octets.len() as u64;
        self.progress.advance(0, octets.len() as u64);
        match &mut self.copies {
            Some(copies) => copies.chunk(octets),
            None => self.targets.chunk(octets).await,
        }
    }

    async fn end(&mut self, message: &Meta) -> store::Result<()> {
        let (taken, worst) = if self.copies.is_some() {
            self.give(message).await?
        } else {
            if let Err(error) = self.targets.end(message).await {
                let ended = self.targets.ended;
                self.note_half(&message.id, ended)?;
                return Err(error);
            }
            self.targets.taken()
        };
        self.worst = self.worst.max(worst);
        // Killed from here on, the run after this one does not hand it over again.
        let at_once = self.targets.at_once(taken);
        let is_acted_on = at_once != Lacking::NONE;
        if is_acted_on && self.copies.is_none() {
            self.write_down(&[(message.id.clone(), at_once)])?;
        }
        self.waiting.push((message.id.clone(), taken));
        self.waiting_octets += self.octets;
        self.done += 1;
        self.empty += usize::from(self.octets == 0);
        self.progress.advance(1, 0);
        if is_acted_on && self.copies.is_some() {
            return self.commit().await;
        }
        if self.waiting.len() >= BATCH_MESSAGES || self.waiting_octets >= BATCH_OCTETS {
            self.settle().await?;
        }
        Ok(())
    }
}
