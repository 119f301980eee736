//! A search whose result the server keeps live (CONTEXT=SEARCH, RFC 5267): it tells what comes
//! to match and what matches no longer, while the mailbox stays selected.

use std::time::Duration;

use tokio::time::Instant;

use super::search::expanded;
use super::{Client, Error};
use crate::imap::syntax::command::Command;
use crate::imap::syntax::response::Data;
use crate::imap::syntax::search::{Key, Return, Search, Update};

/// What has changed in a result, in the order in which it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These UIDs match now.
    Added(Vec<u32>),
    /// These no longer do, or are gone.
    Removed(Vec<u32>),
}

/// A result that is kept live, by the tag of the command that asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live(u32);

impl Client {
    /// Searches the selected mailbox and has the server tell of changes in the result from now
    /// on: the UIDs that match, ascending, and the name of the result; `None` in place of a name
    /// where the server keeps no more results live (NOUPDATE).
    ///
    /// # Errors
    /// [`Error::Missing`] without CONTEXT=SEARCH; [`Error::Refused`], and the connection's
    /// errors.
    pub async fn follow(
        &mut self,
        keys: Vec<Key<'static>>,
    ) -> Result<(Vec<u32>, Option<Live>), Error> {
        if !self.capabilities().has("CONTEXT=SEARCH") {
            return Err(Error::Missing("CONTEXT=SEARCH"));
        }
        let charset = self.charset(&keys);
        let returns = Some(vec![Return::Update(Vec::new()), Return::All]);
        self.settle().await?;
        // What was told of another result is of no use to anybody.
        let tag = self.state.follow_next();
        let mut uids = Vec::new();
        self.run(Command::Search(true, Search { returns, charset, keys }), &mut |data| {
            if let Data::Esearch(result) = data {
                uids.extend(expanded(result.all.as_ref()));
            }
        })
        .await?;
        uids.sort_unstable();
        uids.dedup();
        // The command was sent again where the server was busy: then the tag is another one, and
        // its changes are not told apart.
        let is_live = self.state.is_last(tag) && self.state.is_followed(tag);
        Ok((uids, is_live.then_some(Live(tag))))
    }

    /// Waits until the server tells of a change in a live result, or `limit` has passed: then
    /// there is none. `None`: the result is live no longer. Cancel-safe, as
    /// [`Client::wait_for_change`] is: what was told is kept.
    ///
    /// # Errors
    /// [`Error::NothingSelected`], [`Error::Refused`], and the connection's errors.
    pub async fn wait_for_update(
        &mut self,
        live: Live,
        limit: Duration,
    ) -> Result<Option<Vec<Change>>, Error> {
        let end = Instant::now() + limit;
        loop {
            if !self.state.is_followed(live.0) {
                return Ok(None);
            }
            let told = self.state.take_updates();
            if !told.is_empty() {
                return Ok(Some(told.into_iter().map(change).collect()));
            }
            if Instant::now() >= end {
                return Ok(Some(Vec::new()));
            }
            self.idle(end, &|state| state.has_updates() || !state.is_followed(live.0)).await?;
        }
    }
}

fn change(told: Update) -> Change {
    let uids = |places: Vec<_>| {
        places.into_iter().flat_map(|(_, set)| expanded(Some(&set))).collect::<Vec<u32>>()
    };
    match told {
        Update::Add(places) => Change::Added(uids(places)),
        Update::Remove(places) => Change::Removed(uids(places)),
    }
}
