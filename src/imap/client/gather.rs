//! Whole messages of many mailboxes, asked for in one flight: a few here and a few there cost
//! no round trip each.
//!
//! RFC 9051 section 5.5 (commands in progress): as in [`super::survey`], what comes before the
//! end of a SELECT is of no mailbox that was asked for. Nothing is changed.

use async_trait::async_trait;

use super::fetch::Wanted;
use super::{Client, Error, Selected};
use crate::imap::syntax::UidValidity;
use crate::imap::syntax::command::Command;
use crate::imap::syntax::encode::Literals;
use crate::imap::syntax::mailbox::Mailbox;
use crate::net::deadline;
use crate::store::{self, Meta, Sink};

/// Mailboxes asked for in one flight.
const IN_FLIGHT: usize = 32;

/// The messages of one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// The mailbox.
    pub mailbox: Mailbox<'a>,
    /// The generation that the UIDs are of.
    pub uid_validity: UidValidity,
    /// Which messages, best sorted.
    pub uids: Vec<u32>,
}

/// Takes what nobody wants.
struct Nowhere;

#[async_trait(?Send)]
impl Sink for Nowhere {
    async fn begin(&mut self, _message: &Meta) -> store::Result<()> {
        Ok(())
    }

    async fn chunk(&mut self, _octets: &[u8]) -> store::Result<()> {
        Ok(())
    }

    async fn end(&mut self, _message: &Meta) -> store::Result<()> {
        Ok(())
    }
}

impl Client {
    /// Pushes the messages of each part to the sink in its place; whether that was done. A part
    /// of which a command was refused, or whose mailbox is of another generation, is not, and
    /// what its sink was given may lack some. None of the mailboxes stays selected for others.
    ///
    /// # Errors
    /// The connection's errors; [`Error::Caller`] for a sink's.
    pub async fn gather(
        &mut self,
        parts: &[Part<'_>],
        sinks: &mut [&mut dyn Sink],
    ) -> Result<Vec<bool>, Error> {
        let mut done = Vec::with_capacity(parts.len());
        // Who waits for a go-ahead hears what others have asked for, and would lose it.
        let at_once = if self.literals() == Literals::Synchronising { 1 } else { IN_FLIGHT };
        let mut sinks = sinks.iter_mut();
        for flight in parts.chunks(at_once) {
            self.deadline(deadline::COMMAND);
            let mut asked = Vec::with_capacity(flight.len());
            for part in flight {
                let select = Command::Select {
                    mailbox: part.mailbox.clone(),
                    // One that is examined would take no APPEND afterwards (Courier).
                    read_only: false,
                    parameters: Vec::new(),
                };
                let select = self.send(select).await?;
                let mut fetches = Vec::new();
                for set in Self::batches(&part.uids, usize::MAX) {
                    let items = Wanted::whole().items();
                    let (changed_since, vanished) = (None, false);
                    let fetch = Command::Fetch { uid: true, set, items, changed_since, vanished };
                    fetches.push(self.send(fetch).await?);
                }
                asked.push((select, fetches));
                self.ease().await?;
            }
            for ((select, fetches), part) in asked.into_iter().zip(flight) {
                let mut nowhere = Nowhere;
                let sink: &mut dyn Sink = match sinks.next() {
                    Some(sink) => &mut **sink,
                    None => &mut nowhere,
                };
                done.push(self.hear_part(part, select, fetches, sink).await?);
            }
        }
        self.state.selected = None;
        Ok(done)
    }

    /// Takes the answers for one part.
    async fn hear_part(
        &mut self,
        part: &Part<'_>,
        select: u32,
        fetches: Vec<u32>,
        sink: &mut dyn Sink,
    ) -> Result<bool, Error> {
        let mailbox = part.mailbox.0.to_vec();
        self.state.selected = Some(Selected { mailbox, ..Selected::default() });
        let is_selected = match self.wait(select, &mut |_| {}).await {
            Ok(_) => true,
            Err(Error::Refused { .. }) => false,
            Err(error) => return Err(error),
        };
        let validity = self.state.selected.as_ref().map(|selected| selected.uid_validity);
        let mut is_right = is_selected && validity == Some(part.uid_validity);
        let mut nowhere = Nowhere;
        let sink: &mut dyn Sink = if is_right { sink } else { &mut nowhere };
        for tag in fetches {
            is_right &= self.take_bodies(tag, &part.uids, sink).await?;
        }
        Ok(is_right)
    }
}
