//! The copy that the sender keeps: the message as it left, its Bcc fields with it, put into a
//! folder by the store's own means once a server has taken it.

use std::time::{Duration, Instant};

use anyhow::Result;
use async_trait::async_trait;

use super::plan::Plan;
use super::spooled::{Keeper, Spooled};
use crate::base::dot::{Encoder, LineEnds};
use crate::base::location::Location;
use crate::message::headers;
use crate::open::{self, Context, Create, EndpointOptions, Mail, Opened};
use crate::store::{self, Body, Flags, Id, Meta, Received, Source};
use crate::ui::{Exit, Failure};

/// A session that was not used for so long is not relied on.
const IDLE: Duration = Duration::from_secs(60);

/// Where copies go: looked at before anything is sent, and kept open for the first of them.
pub struct Copies {
    location: Location,
    opened: Option<(Opened, Instant)>,
}

impl Copies {
    /// Nothing is looked at yet.
    pub fn new(location: Location) -> Self {
        Self { location, opened: None }
    }

    /// The place.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Makes sure that there is such a place.
    ///
    /// # Errors
    /// The store's, and [`Failure`] (64) for what keeps no mail that is put into it.
    pub async fn look(&mut self, context: &Context) -> Result<()> {
        self.opened(context).await.map(drop)
    }

    /// Puts the copy there, seen already.
    ///
    /// # Errors
    /// The store's; the message has left all the same.
    pub async fn keep(&mut self, plan: &mut Plan, context: &Context) -> Result<()> {
        let message = copy(plan)?;
        self.opened(context).await?;
        // Behind an error nobody relies on the session.
        let Some((mut opened, _)) = self.opened.take() else { return Ok(()) };
        put(&mut opened, message).await?;
        self.opened = Some((opened, Instant::now()));
        Ok(())
    }

    /// Says goodbye.
    pub async fn finish(&mut self) {
        if let Some((mut opened, _)) = self.opened.take() {
            // All that was put there is confirmed.
            let _ = opened.spool().finish().await;
        }
    }

    async fn opened(&mut self, context: &Context) -> Result<()> {
        if self.opened.as_ref().is_some_and(|(_, since)| since.elapsed() < IDLE) {
            return Ok(());
        }
        self.finish().await;
        let location = &self.location;
        let endpoint = EndpointOptions::default();
        let mut opened = open::open_mail(location, &endpoint, Create::Yes, context).await?;
        if opened.store().is_none() {
            let message = format!("--sent: {location} keeps no mail that is put into it");
            return Err(Failure::usage(message).into());
        }
        if matches!(opened.mail, Mail::Imap(..)) {
            opened.select(None, true).await.map_err(|error| {
                // Not every server says that there is no such folder in words of the protocol.
                match open::verdict(&error).exit {
                    Exit::Unavailable => {
                        let message =
                            format!("--sent: no copy can be kept in {location}: {error:#}");
                        Failure::new(Exit::NoInput, message).into()
                    }
                    _ => error,
                }
            })?;
        }
        self.opened = Some((opened, Instant::now()));
        Ok(())
    }
}

async fn put(opened: &mut Opened, message: Spooled) -> Result<()> {
    let now = open::now();
    let meta = Meta {
        id: Id::new(""),
        size: Some(message.len()),
        flags: Some(["\\Seen"].into_iter().collect::<Flags>()),
        received: Some(Received { seconds: now.seconds, offset_seconds: now.offset_seconds }),
    };
    let folder = opened.folder.clone().unwrap_or_else(|| "INBOX".to_owned());
    if let Some(store) = opened.store() {
        store.append(&folder, &mut One { message, meta: Some(meta) }).await?;
    }
    Ok(())
}

/// The message with CRLF line ends, and with the fields that nobody else was to see.
fn copy(plan: &mut Plan) -> Result<Spooled, Failure> {
    let mut keeper = Keeper::default();
    let mut encoder = Encoder::counted(match plan.line_ends {
        LineEnds::Canonical => LineEnds::Canonical,
        LineEnds::Verbatim | LineEnds::VerbatimUnsafe => LineEnds::VerbatimUnsafe,
    });
    let mut out = Vec::new();
    let end = headers::fields_end(&plan.message.header);
    let blind = plan.blind.clone();
    let mut is_header = true;
    plan.message.each(|octets| {
        out.clear();
        let (before, behind) = octets.split_at(if is_header { end } else { 0 });
        let between = if is_header { blind.as_slice() } else { b"" };
        is_header = false;
        for piece in [before, between, behind] {
            encoder.push(piece, &mut out).expect("nothing is refused here");
        }
        keeper.push(&out)
    })?;
    out.clear();
    encoder.finish(&mut out).expect("nothing is refused here");
    keeper.push(&out)?;
    keeper.finish()
}

struct One {
    message: Spooled,
    meta: Option<Meta>,
}

#[async_trait(?Send)]
impl Source for One {
    async fn next(&mut self) -> store::Result<Option<Meta>> {
        Ok(self.meta.take())
    }

    fn body(&mut self) -> &mut dyn Body {
        &mut self.message
    }
}
