//! A POP3 maildrop as a [`Spool`]: messages named by their unique-ids.
//!
//! RFC 1939 section 7 (UIDL). Message-numbers never leave this file: they end with the session.

use std::collections::HashMap;

use async_trait::async_trait;

use crate::pop::client::{Client, Wanted};
use crate::store::cutter::{Cut, Cutter};
use crate::store::{Deleted, Error, Id, Listed, Meta, Result, Sink, Spool, What};

/// The maildrop of one session.
pub struct Maildrop {
    client: Client,
    /// Number and octets of each message by its name; `None` before the first listing.
    messages: Option<HashMap<Id, (u32, u64)>>,
}

impl Maildrop {
    /// Takes a session in the transaction state.
    pub fn new(client: Client) -> Self {
        Self { client, messages: None }
    }

    /// The session.
    pub fn client(&self) -> &Client {
        &self.client
    }

    async fn numbers(&mut self) -> Result<&HashMap<Id, (u32, u64)>> {
        if self.messages.is_none() {
            self.list().await?;
        }
        Ok(self.messages.get_or_insert_default())
    }
}

#[async_trait(?Send)]
impl Spool for Maildrop {
    async fn list(&mut self) -> Result<Vec<Listed>> {
        let all = self.client.list().await?;
        let mut messages = HashMap::with_capacity(all.len());
        let mut listed = Vec::with_capacity(all.len());
        for (number, octets, id) in all {
            let Some(id) = id else {
                let store = "a POP3 server without UIDL";
                return Err(Error::Unsupported { store, operation: "name its messages" });
            };
            let id = Id::new(match String::from_utf8(id) {
                Ok(id) => id,
                Err(odd) => odd.into_bytes().escape_ascii().to_string(),
            });
            // RFC 1939 section 7 lets only copies of one message share their name. Some servers
            // give it to others too: so that none is lost, a later one's name has its number.
            let id = match messages.contains_key(&id) {
                true => Id::new(format!("{id};{number}")),
                false => id,
            };
            messages.insert(id.clone(), (number, octets));
            listed.push(Listed { id, size: Some(octets), flags: None });
        }
        self.messages = Some(messages);
        Ok(listed)
    }

    async fn read(&mut self, ids: &[Id], what: &What, sink: &mut dyn Sink) -> Result<()> {
        let has_top = self.client.capabilities().top;
        let cut = Cut::of(what).ok_or(Error::Unsupported {
            store: "a POP3 server",
            operation: "give one section of a message",
        })?;
        let is_header = matches!(what, What::Headers | What::HeaderFields(_));
        let lines = (is_header && has_top).then_some(0);
        let numbers = self.numbers().await?;
        let wanted: Vec<Wanted> = ids
            .iter()
            .filter_map(|id| {
                let (number, _) = *numbers.get(id)?;
                // The size of a listing is a hint only, and what travels has CRLF and dots gone.
                let meta = Meta { id: id.clone(), size: None, flags: None, received: None };
                Some(Wanted { number, lines, meta })
            })
            .collect();
        match cut {
            None => self.client.retrieve(&wanted, sink).await?,
            Some(cut) => self.client.retrieve(&wanted, &mut Cutter::new(sink, cut)).await?,
        }
        Ok(())
    }

    async fn delete(&mut self, ids: &[Id]) -> Result<Deleted> {
        let known = self.numbers().await?;
        let numbers: Vec<u32> =
            ids.iter().filter_map(|id| known.get(id)).map(|(number, _)| *number).collect();
        self.client.delete(&numbers).await?;
        Ok(Deleted::AtFinish)
    }

    async fn finish(&mut self) -> Result<()> {
        Ok(self.client.quit().await?)
    }
}
