//! What a server knows of messages without giving them out: flags, size, date of arrival, and
//! what their parts are (RFC 9051 section 7.5.2).

use std::collections::HashMap;

use super::state::to_flags;
use super::{Client, Error};
use crate::imap::part_facts::part_facts;
use crate::imap::syntax::fetch::{Fetch, Item};
use crate::message::facts::PartFacts;
use crate::store::{Flags, Received};

/// What to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// FLAGS, RFC822.SIZE and INTERNALDATE.
    Attributes,
    /// BODYSTRUCTURE.
    Structure,
}

/// What was told of one message; `None` where it was not asked for or not told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Its flags.
    pub flags: Option<Flags>,
    /// RFC822.SIZE in octets: a hint.
    pub size: Option<u64>,
    /// INTERNALDATE.
    pub received: Option<Received>,
    /// Its parts, the message itself first.
    pub parts: Option<Vec<PartFacts>>,
}

impl Told {
    /// Takes one response; a server may tell of a message in several.
    fn take(&mut self, fetch: &Fetch<'_>) {
        if let Some(flags) = &fetch.flags {
            self.flags = Some(to_flags(flags));
        }
        self.size = fetch.size.or(self.size);
        if let Some(date) = fetch.internal_date {
            self.received = Some(Received {
                seconds: date.epoch_seconds,
                offset_seconds: i32::from(date.offset_minutes) * 60,
            });
        }
        if let Some(body) = &fetch.body_structure {
            self.parts = Some(part_facts(body));
        }
    }
}

impl Client {
    /// Facts of messages of the selected mailbox, by UID, all commands in one flight. `uids`
    /// are best sorted. A message that has vanished is left out.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn facts(&mut self, uids: &[u32], asked: Asked) -> Result<HashMap<u32, Told>, Error> {
        let items: &[Item<'static>] = match asked {
            Asked::Attributes => &[Item::Uid, Item::Flags, Item::Size, Item::InternalDate],
            Asked::Structure => &[Item::Uid, Item::BodyStructure],
        };
        let mut told: HashMap<u32, Told> = HashMap::new();
        self.fetch_items(uids, items, &mut |uid, fetch| {
            told.entry(uid).or_default().take(fetch);
        })
        .await?;
        told.retain(|_, told| match asked {
            Asked::Attributes => told.size.is_some() || told.received.is_some(),
            Asked::Structure => told.parts.is_some(),
        });
        Ok(told)
    }
}
