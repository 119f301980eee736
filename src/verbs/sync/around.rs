//! A side of a pair with what the options put around it: other names for folders, a trash
//! instead of deletion, and a pace that is kept.

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::names::Names;
use crate::store::pattern::{canonical, matches_any};
use crate::store::{
    Body, Changes, Deleted, Error, FlagChange, Folder, Id, Listed, Meta, Result, Since, Sink,
    Source, Spool, Status, Store, What,
};

/// What is put around a side.
#[derive(Clone, Default)]
pub struct Around {
    /// The side is the near one, and called by the far one's names.
    pub names: Option<Rc<Names>>,
    /// Where messages go that are deleted, by the name that the pair has for it.
    pub trash: Option<String>,
    /// How fast messages go.
    pub pace: Option<Rc<Pace>>,
}

impl Around {
    /// The side with all that around it; as it is where that is nothing.
    pub fn wrap(&self, store: Box<dyn Store>) -> Box<dyn Store> {
        if self.names.is_none() && self.trash.is_none() && self.pace.is_none() {
            return store;
        }
        Box::new(Wrapped { inner: store, around: self.clone(), selected: None })
    }
}

/// So many octets a second, over all connections that share it.
pub struct Pace {
    octets_per_second: u64,
    /// When what has passed until now is paid for.
    free_at: std::cell::Cell<Option<Instant>>,
}

impl Pace {
    /// A pace of that many octets a second.
    pub fn new(octets_per_second: u64) -> Self {
        Self { octets_per_second: octets_per_second.max(1), free_at: std::cell::Cell::new(None) }
    }

    /// Lets that many octets pass, once it is their turn.
    async fn pass(&self, octets: u64) {
        let now = Instant::now();
        let start = self.free_at.get().map_or(now, |at| at.max(now));
        let seconds = octets as f64 / self.octets_per_second as f64;
        self.free_at.set(Some(start + Duration::from_secs_f64(seconds)));
        tokio::time::sleep_until(start).await;
    }
}

struct Wrapped {
    inner: Box<dyn Store>,
    around: Around,
    selected: Option<String>,
}

impl Wrapped {
    fn name(&self, folder: &str) -> String {
        match &self.around.names {
            Some(names) => names.near_of(folder),
            None => folder.to_owned(),
        }
    }

    fn names(&self, folders: &[String]) -> Vec<String> {
        folders.iter().map(|folder| self.name(folder)).collect()
    }

    /// An error speaks of folders as the pair does.
    fn told<T>(&self, folder: &str, result: Result<T>) -> Result<T> {
        match result {
            Err(Error::NoFolder(name)) if name == self.name(folder) => {
                Err(Error::NoFolder(folder.to_owned()))
            }
            other => other,
        }
    }
}

#[async_trait(?Send)]
impl Spool for Wrapped {
    async fn list(&mut self) -> Result<Vec<Listed>> {
        self.inner.list().await
    }

    async fn read(&mut self, ids: &[Id], what: &What, sink: &mut dyn Sink) -> Result<()> {
        match &self.around.pace {
            Some(pace) if *what == What::Whole => {
                let mut paced = PacedSink { pace: pace.clone(), inner: sink };
                self.inner.read(ids, what, &mut paced).await
            }
            _ => self.inner.read(ids, what, sink).await,
        }
    }

    async fn delete(&mut self, ids: &[Id]) -> Result<Deleted> {
        let Some(trash) = &self.around.trash else { return self.inner.delete(ids).await };
        let is_there = self.selected.as_ref().is_some_and(|it| canonical(it) == canonical(trash));
        if is_there {
            return self.inner.delete(ids).await;
        }
        let name = self.name(trash);
        // A move of what is gone already is none, so it may be made again.
        match self.inner.move_to(ids, &name).await {
            Err(Error::NoFolder(_)) => {
                self.inner.create(std::slice::from_ref(&name)).await?;
                if let Some(selected) = self.selected.clone() {
                    let selected = self.name(&selected);
                    self.inner.select(&selected, false).await?;
                }
                self.inner.move_to(ids, &name).await?;
            }
            moved => drop(moved?),
        }
        Ok(Deleted::Gone)
    }

    async fn finish(&mut self) -> Result<()> {
        self.inner.finish().await
    }
}

#[async_trait(?Send)]
impl Store for Wrapped {
    async fn folders(&mut self, patterns: &[String]) -> Result<Vec<Folder>> {
        let Some(names) = self.around.names.clone() else {
            return self.inner.folders(patterns).await;
        };
        let listed = self.inner.folders(&[]).await?;
        let named = listed.into_iter().filter_map(|folder| {
            let name = names.far_of(&folder.name)?;
            matches_any(patterns, &name).then_some(Folder { name, ..folder })
        });
        Ok(named.collect())
    }

    async fn create(&mut self, folders: &[String]) -> Result<()> {
        let names = self.names(folders);
        self.inner.create(&names).await
    }

    async fn create_for(&mut self, folders: &[(String, Option<String>)]) -> Result<()> {
        let named: Vec<_> = folders
            .iter()
            .map(|(name, special_use)| (self.name(name), special_use.clone()))
            .collect();
        self.inner.create_for(&named).await
    }

    async fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let renamed = self.inner.rename(&self.name(from), &self.name(to)).await;
        self.told(from, renamed)
    }

    async fn remove(&mut self, folders: &[String]) -> Result<()> {
        let names = self.names(folders);
        self.inner.remove(&names).await
    }

    async fn subscribe(&mut self, folders: &[String], subscribed: bool) -> Result<()> {
        let names = self.names(folders);
        self.inner.subscribe(&names, subscribed).await
    }

    async fn select(&mut self, folder: &str, read_only: bool) -> Result<Status> {
        let name = self.name(folder);
        let selected = self.inner.select(&name, read_only).await;
        let status = self.told(folder, selected)?;
        self.selected = Some(folder.to_owned());
        Ok(status)
    }

    async fn changes(&mut self, since: Option<&Since>) -> Result<Changes> {
        self.inner.changes(since).await
    }

    async fn survey(
        &mut self,
        folders: &[(String, Option<Since>)],
        read_only: bool,
    ) -> Result<Vec<Changes>> {
        self.selected = None;
        let named: Vec<_> =
            folders.iter().map(|(name, since)| (self.name(name), since.clone())).collect();
        self.inner.survey(&named, read_only).await
    }

    async fn gather(
        &mut self,
        folders: &[(String, u32, Vec<Id>)],
        sinks: &mut [&mut dyn Sink],
    ) -> Result<Vec<bool>> {
        if self.around.pace.is_some() {
            // One behind the other, each at its pace.
            return Ok(vec![false; folders.len()]);
        }
        self.selected = None;
        let named: Vec<_> = folders
            .iter()
            .map(|(name, uid_validity, ids)| (self.name(name), *uid_validity, ids.clone()))
            .collect();
        self.inner.gather(&named, sinks).await
    }

    fn may_store_late(&self) -> bool {
        self.inner.may_store_late()
    }

    fn append_limit(&self) -> Option<u64> {
        self.inner.append_limit()
    }

    async fn append(&mut self, folder: &str, messages: &mut dyn Source) -> Result<Vec<Option<Id>>> {
        let name = self.name(folder);
        let appended = match &self.around.pace {
            Some(pace) => {
                let mut paced = PacedSource { pace: pace.clone(), inner: messages, length: 0 };
                self.inner.append(&name, &mut paced).await
            }
            None => self.inner.append(&name, messages).await,
        };
        self.told(folder, appended)
    }

    async fn flag(&mut self, changes: &[FlagChange]) -> Result<()> {
        self.inner.flag(changes).await
    }

    async fn copy(&mut self, ids: &[Id], folder: &str) -> Result<Vec<Option<Id>>> {
        let name = self.name(folder);
        let copied = self.inner.copy(ids, &name).await;
        self.told(folder, copied)
    }

    async fn move_to(&mut self, ids: &[Id], folder: &str) -> Result<Vec<Option<Id>>> {
        let name = self.name(folder);
        let moved = self.inner.move_to(ids, &name).await;
        self.told(folder, moved)
    }

    async fn wait(&mut self, limit: Duration) -> Result<bool> {
        self.inner.wait(limit).await
    }
}

/// A sink that is not filled faster than that.
struct PacedSink<'s> {
    pace: Rc<Pace>,
    inner: &'s mut dyn Sink,
}

#[async_trait(?Send)]
impl Sink for PacedSink<'_> {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.inner.begin(message).await
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.pace.pass(octets.len() as u64).await;
        self.inner.chunk(octets).await
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        self.inner.end(message).await
    }
}

/// A source that gives no faster than that.
struct PacedSource<'s> {
    pace: Rc<Pace>,
    inner: &'s mut dyn Source,
    /// Octets of the message that was announced last.
    length: u64,
}

#[async_trait(?Send)]
impl Source for PacedSource<'_> {
    async fn next(&mut self) -> Result<Option<Meta>> {
        let next = self.inner.next().await?;
        // Asked now, because the source is lent to whoever reads the body.
        self.length = if next.is_some() { self.inner.body().len() } else { 0 };
        Ok(next)
    }

    fn body(&mut self) -> &mut dyn Body {
        self
    }

    fn token(&self) -> Option<String> {
        self.inner.token()
    }
}

#[async_trait(?Send)]
impl Body for PacedSource<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let octets = self.inner.body().read(buffer).await?;
        self.pace.pass(octets as u64).await;
        Ok(octets)
    }

    fn len(&self) -> u64 {
        self.length
    }

    fn rewind(&mut self) -> Result<()> {
        self.inner.body().rewind()
    }
}
