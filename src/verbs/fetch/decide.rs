//! `--decide`: a command that sees each header before the body travels.

use std::collections::HashSet;

use async_trait::async_trait;

use super::handed::{References, ended, feed, start, stopped};
use crate::store::{Id, Meta, Result, Sink};

/// Shows headers to a command: its exit code 0 means that the message is fetched, 1 that it is
/// left where it is, 99 that it is deleted without having been fetched; any other ends the run.
pub struct Decider<'a> {
    command: &'a str,
    references: References,
    child: Option<tokio::process::Child>,
    keep: HashSet<Id>,
    delete: Vec<Id>,
}

impl<'a> Decider<'a> {
    /// For messages with these references.
    pub fn new(command: &'a str, references: References) -> Self {
        Self { command, references, child: None, keep: HashSet::new(), delete: Vec::new() }
    }

    /// The messages to fetch, and those to delete.
    pub fn decided(self) -> (HashSet<Id>, Vec<Id>) {
        (self.keep, self.delete)
    }

    fn name(&self, id: &Id) -> String {
        self.references.get(id).cloned().unwrap_or_else(|| id.0.to_string())
    }
}

#[async_trait(?Send)]
impl Sink for Decider<'_> {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.child = Some(start(self.command, &self.name(&message.id))?);
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        match &mut self.child {
            Some(child) => feed(child, octets).await,
            None => Ok(()),
        }
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        let Some(child) = self.child.take() else { return Ok(()) };
        match ended(child).await? {
            Some(0) => {
                self.keep.insert(message.id.clone());
            }
            Some(1) => {}
            Some(99) => self.delete.push(message.id.clone()),
            code => return Err(stopped(self.command, code, &self.name(&message.id))),
        }
        Ok(())
    }
}
