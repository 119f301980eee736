//! A store in memory that can die at each of its steps, half-way through it too.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;

use crate::store::memory::Memory;
use crate::store::{
    Body, Changes, Deleted, Error, Flag, FlagChange, Flags, Folder, Id, Keeps, Listed, Meta,
    Result, Since, Sink, Source, Spool, Stamp, Status, Store, What,
};

/// What a step of a run finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::verbs::sync) enum Burnt {
    /// Nothing is wrong.
    Not,
    /// The run is killed at this step.
    Now,
    /// The run was killed before.
    Long,
}

/// Counts the steps of a run, and kills it at one of them.
#[derive(Debug)]
pub(in crate::verbs::sync) struct Fuse {
    steps: Cell<u32>,
    last: u32,
}

impl Fuse {
    pub(super) fn new(last: u32) -> Rc<Self> {
        Rc::new(Self { steps: Cell::new(0), last })
    }

    pub(super) fn never() -> Rc<Self> {
        Self::new(u32::MAX)
    }

    pub(in crate::verbs::sync) fn burn(&self) -> Burnt {
        let step = self.steps.get() + 1;
        self.steps.set(step);
        match step.cmp(&self.last) {
            std::cmp::Ordering::Less => Burnt::Not,
            std::cmp::Ordering::Equal => Burnt::Now,
            std::cmp::Ordering::Greater => Burnt::Long,
        }
    }

    /// How many steps there were.
    pub(super) fn steps(&self) -> u32 {
        self.steps.get()
    }

    pub(super) fn has_burnt(&self) -> bool {
        self.steps.get() >= self.last
    }
}

/// How far the step comes at which the run is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Death {
    /// It does not begin.
    Before,
    /// Its first half is done.
    Halfway,
    /// It is done, and nobody hears of it.
    After,
}

/// What a store is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// Whether it tells where an appended message is (UIDPLUS).
    pub(super) tells_places: bool,
    /// Whether it has mod-sequences.
    pub(super) has_history: bool,
    /// Whether a folder of a store without mod-sequences has a stamp.
    pub(super) has_stamps: bool,
    /// Whether it keeps keywords.
    pub(super) keeps_keywords: bool,
    /// Whether it tells which flags it keeps.
    pub(super) tells_flags: bool,
    /// Whether it gives every message that it is asked for.
    pub(super) gives_all: bool,
}

pub(super) const PLAIN: Kind = Kind {
    tells_places: true,
    has_history: true,
    has_stamps: false,
    keeps_keywords: true,
    tells_flags: true,
    gives_all: true,
};

const SYSTEM: [&str; 5] = ["\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen"];

/// A store that can die.
pub(super) struct Mortal {
    pub(super) inner: Memory,
    pub(super) kind: Kind,
    pub(super) fuse: Rc<Fuse>,
    pub(super) death: Death,
}

fn dead<T>() -> Result<T> {
    Err(Error::Unknown("killed".into()))
}

impl Mortal {
    /// Whether the step begins, and how it ends: `None` when it is never begun.
    fn step(&self) -> Option<Burnt> {
        match (self.fuse.burn(), self.death) {
            (Burnt::Not, _) => Some(Burnt::Not),
            (Burnt::Now, Death::Halfway | Death::After) => Some(Burnt::Now),
            (Burnt::Now, Death::Before) | (Burnt::Long, _) => None,
        }
    }

    /// How many of so many are done in a step that ends like this.
    fn part(&self, end: Burnt, count: usize) -> usize {
        if end == Burnt::Now && self.death == Death::Halfway { count / 2 } else { count }
    }

    /// As IMAP tells it.
    fn keeps(&self) -> Keeps {
        match self.kind.keeps_keywords {
            true => Keeps::All,
            false => Keeps::These { flags: SYSTEM.iter().collect(), may_make: false },
        }
    }

    /// As a Maildir has it: another one after each change.
    fn stamp(&self, status: &Status) -> Option<Stamp> {
        if self.kind.has_history || !self.kind.has_stamps {
            return None;
        }
        let mut stamp = [0; 16];
        let modseq = status.highest_modseq.expect("memory has a history");
        stamp[..8].copy_from_slice(&modseq.to_be_bytes());
        stamp[8..12].copy_from_slice(&status.uid_validity.to_be_bytes());
        stamp[12..].copy_from_slice(&status.uid_next.to_be_bytes());
        Some(Stamp(stamp))
    }

    fn without_history(&self, mut status: Status) -> Status {
        if !self.kind.has_history {
            status.stamp = self.stamp(&status);
            status.highest_modseq = None;
        }
        status
    }
}

fn ended<T>(end: Burnt, value: T) -> Result<T> {
    if end == Burnt::Not { Ok(value) } else { dead() }
}

/// Only the first messages of a source, and not all of their flags.
struct Part<'a> {
    source: &'a mut dyn Source,
    left: usize,
    pub(super) keeps_keywords: bool,
}

#[async_trait(?Send)]
impl Source for Part<'_> {
    async fn next(&mut self) -> Result<Option<Meta>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let meta = self.source.next().await?;
        Ok(meta.map(|mut meta| {
            meta.flags = meta.flags.map(|flags| kept(&flags, self.keeps_keywords));
            meta
        }))
    }

    fn body(&mut self) -> &mut dyn Body {
        self.source.body()
    }
}

pub(super) fn kept(flags: &Flags, keeps_keywords: bool) -> Flags {
    let fits = |flag: &&Flag| keeps_keywords || flag.is_system();
    flags.iter().filter(fits).map(Flag::name).collect()
}

#[async_trait(?Send)]
impl Spool for Mortal {
    async fn list(&mut self) -> Result<Vec<Listed>> {
        let Some(end) = self.step() else { return dead() };
        let listed = self.inner.list().await?;
        ended(end, listed)
    }

    async fn read(&mut self, ids: &[Id], what: &What, sink: &mut dyn Sink) -> Result<()> {
        let Some(end) = self.step() else { return dead() };
        let withheld = usize::from(!self.kind.gives_all && *what == What::Whole);
        let count = self.part(end, ids.len()).saturating_sub(withheld);
        self.inner.read(&ids[..count], what, sink).await?;
        ended(end, ())
    }

    async fn delete(&mut self, ids: &[Id]) -> Result<Deleted> {
        let Some(end) = self.step() else { return dead() };
        let deleted = self.inner.delete(&ids[..self.part(end, ids.len())]).await?;
        ended(end, deleted)
    }

    async fn finish(&mut self) -> Result<()> {
        self.inner.finish().await
    }
}

#[async_trait(?Send)]
impl Store for Mortal {
    async fn folders(&mut self, patterns: &[String]) -> Result<Vec<Folder>> {
        let Some(end) = self.step() else { return dead() };
        let mut folders = self.inner.folders(patterns).await?;
        for folder in &mut folders {
            folder.stamp = folder.status.as_ref().and_then(|status| self.stamp(status));
            folder.status = match folder.stamp {
                Some(_) => None,
                None => folder.status.map(|status| self.without_history(status)),
            };
        }
        ended(end, folders)
    }

    async fn create(&mut self, folders: &[String]) -> Result<()> {
        let Some(end) = self.step() else { return dead() };
        self.inner.create(&folders[..self.part(end, folders.len())]).await?;
        ended(end, ())
    }

    async fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let Some(end) = self.step() else { return dead() };
        self.inner.rename(from, to).await?;
        ended(end, ())
    }

    async fn remove(&mut self, folders: &[String]) -> Result<()> {
        let Some(end) = self.step() else { return dead() };
        self.inner.remove(&folders[..self.part(end, folders.len())]).await?;
        ended(end, ())
    }

    async fn subscribe(&mut self, folders: &[String], subscribed: bool) -> Result<()> {
        let Some(end) = self.step() else { return dead() };
        self.inner.subscribe(&folders[..self.part(end, folders.len())], subscribed).await?;
        ended(end, ())
    }

    async fn select(&mut self, folder: &str, read_only: bool) -> Result<Status> {
        let Some(end) = self.step() else { return dead() };
        let status = self.inner.select(folder, read_only).await?;
        ended(end, self.without_history(status))
    }

    async fn changes(&mut self, since: Option<&Since>) -> Result<Changes> {
        let Some(end) = self.step() else { return dead() };
        let mut changes = self.inner.changes(since).await?;
        changes.status = self.without_history(changes.status);
        changes.keeps = match self.kind.tells_flags {
            true => self.keeps(),
            false => Keeps::Untold,
        };
        ended(end, changes)
    }

    async fn append(&mut self, folder: &str, source: &mut dyn Source) -> Result<Vec<Option<Id>>> {
        let Some(end) = self.step() else { return dead() };
        // Half of what is always more than there is would be everything.
        let left = if end == Burnt::Now && self.death == Death::Halfway { 1 } else { usize::MAX };
        let mut part = Part { source, left, keeps_keywords: self.kind.keeps_keywords };
        let mut places = self.inner.append(folder, &mut part).await?;
        if !self.kind.tells_places {
            places.fill(None);
        }
        ended(end, places)
    }

    async fn flag(&mut self, changes: &[FlagChange]) -> Result<()> {
        let Some(end) = self.step() else { return dead() };
        let mut changes = changes[..self.part(end, changes.len())].to_vec();
        for change in &mut changes {
            change.add = kept(&change.add, self.kind.keeps_keywords);
        }
        self.inner.flag(&changes).await?;
        ended(end, ())
    }

    async fn copy(&mut self, ids: &[Id], folder: &str) -> Result<Vec<Option<Id>>> {
        self.inner.copy(ids, folder).await
    }

    async fn move_to(&mut self, ids: &[Id], folder: &str) -> Result<Vec<Option<Id>>> {
        let Some(end) = self.step() else { return dead() };
        let mut places = self.inner.move_to(&ids[..self.part(end, ids.len())], folder).await?;
        if !self.kind.tells_places {
            places.fill(None);
        }
        ended(end, places)
    }

    async fn wait(&mut self, limit: Duration) -> Result<bool> {
        self.inner.wait(limit).await
    }
}
