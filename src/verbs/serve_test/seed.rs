//! Mail that is there from the start.

use std::path::Path;

use anyhow::Result;
use async_trait::async_trait;

use super::users::{Users, put};
use crate::base::location::Location;
use crate::open::{self, Context, Create};
use crate::store::line_ends::crlf;
use crate::store::memory::{NewMessage, Shared};
use crate::store::{self, Id, Meta, Sink, What};
use crate::ui::Failure;

/// Puts the messages at `path` (an mbox, a Maildir, a folder of .eml files or one message)
/// into the first user's INBOX.
///
/// # Errors
/// A path that cannot be read; [`Failure`] when there is no user.
pub async fn mail(users: &Users, path: &Path, context: &Context) -> Result<()> {
    let Some((_, mail)) = users.all().into_iter().next() else {
        return Err(Failure::usage("--seed-mail needs a user").into());
    };
    let location = Location::Path(path.to_owned());
    let mut opened = open::open_mail(&location, &Default::default(), Create::No, context).await?;
    opened.select(None, true).await?;
    let listed = opened.spool().list().await?;
    let ids: Vec<Id> = listed.into_iter().map(|listed| listed.id).collect();
    let mut into = Into { mail, octets: Vec::new() };
    opened.spool().read(&ids, &What::Whole, &mut into).await?;
    Ok(())
}

/// Appends what is pushed to an INBOX, with the line ends of the wire.
struct Into {
    mail: Shared,
    octets: Vec<u8>,
}

#[async_trait(?Send)]
impl Sink for Into {
    async fn begin(&mut self, _: &Meta) -> store::Result<()> {
        self.octets.clear();
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        self.octets.extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self, message: &Meta) -> store::Result<()> {
        let message = NewMessage {
            flags: message.flags.clone().unwrap_or_default(),
            received: message.received,
            octets: crlf(&self.octets).into(),
        };
        put(&self.mail, "INBOX", message).ok_or_else(|| store::Error::NoFolder("INBOX".into()))
    }
}
