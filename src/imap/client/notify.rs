//! Being told of changes in many mailboxes over one connection: NOTIFY (RFC 5465).
//!
//! What is told while something else is asked is kept, so that between a look and a wait
//! nothing is lost. Which mailboxes are watched, and what is done about a change, is decided
//! elsewhere.

use std::time::Duration;

use tokio::time::Instant;

use super::{Client, Error};
use crate::imap::syntax::command::Command;
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::notify::{Event, Filter, Notify};
use crate::net::deadline;

/// Most octets of names that are sent; with more, changes of all personal mailboxes are asked
/// for.
const NAMES_OCTETS: usize = 4000;

impl Client {
    /// Asks the server to tell of messages that come to these mailboxes and go; with
    /// `and_personal`, of all personal ones too, also those that are made later. So it is too
    /// where none is given or there are too many for one command.
    ///
    /// # Errors
    /// [`Error::Missing`] without NOTIFY; [`Error::Refused`], and the connection's errors.
    pub async fn notify(
        &mut self,
        mailboxes: &[Mailbox<'_>],
        and_personal: bool,
    ) -> Result<(), Error> {
        if !self.capabilities().has("NOTIFY") {
            return Err(Error::Missing("NOTIFY"));
        }
        let octets: usize = mailboxes.iter().map(|mailbox| mailbox.0.len() + 3).sum();
        let are_named = !mailboxes.is_empty() && octets <= NAMES_OCTETS;
        let mut filters = Vec::new();
        if are_named {
            filters.push(Filter::Mailboxes(mailboxes.to_vec()));
        }
        if and_personal || !are_named {
            filters.push(Filter::Personal);
        }
        self.ask_to_notify(filters, &[Event::MessageNew(Vec::new()), Event::MessageExpunge]).await
    }

    /// Asks the server to tell of all changes in all personal mailboxes.
    ///
    /// # Errors
    /// As [`Client::notify`].
    pub async fn notify_of_all(&mut self) -> Result<(), Error> {
        let events = [Event::MessageNew(Vec::new()), Event::MessageExpunge, Event::FlagChange];
        self.ask_to_notify(vec![Filter::Personal], &events).await
    }

    async fn ask_to_notify(
        &mut self,
        filters: Vec<Filter<'_>>,
        events: &[Event<'static>],
    ) -> Result<(), Error> {
        let filters = std::iter::once(Filter::Selected).chain(filters);
        let groups = filters.map(|filter| (filter, events.to_vec())).collect();
        // What is told from here on is news, also what comes before the answer.
        self.state.is_notified = true;
        let command = Command::Notify(Notify::Set { status: false, groups });
        self.run(command, &mut |_| {}).await.map(drop)
    }

    /// Waits until the server tells of changes, or `limit` has passed (then there are none): the
    /// names of the mailboxes on the wire. What was told since the last call counts at once; of
    /// the selected mailbox nothing more is told until it is selected again. Where the server
    /// could not keep up, an empty name is among them: anything may have changed, and it may
    /// tell no more.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    /// The connection's errors.
    pub async fn wait_for_news(&mut self, limit: Duration) -> Result<Vec<Vec<u8>>, Error> {
        self.settle().await?;
        let end = Instant::now() + limit;
        self.wire.set_timeout(limit + deadline::COMMAND);
        loop {
            let news = self.state.take_news();
            if !news.is_empty() {
                return Ok(news);
            }
            match tokio::time::timeout_at(end, self.receive(&mut |_| {})).await {
                Ok(received) => received?,
                Err(_) => return Ok(Vec::new()),
            }
        }
    }

    /// As [`Client::wait_for_news`]: whether anything has changed.
    ///
    /// # Errors
    /// The connection's errors.
    pub async fn wait_for_any(&mut self, limit: Duration) -> Result<bool, Error> {
        Ok(!self.wait_for_news(limit).await?.is_empty())
    }
}
