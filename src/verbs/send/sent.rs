//! The copy that the sender keeps: the message as it left, its Bcc fields with it, put into a
//! folder by the store's own means once a server has taken it.

use anyhow::Result;
use async_trait::async_trait;

use super::plan::Plan;
use super::spooled::{Keeper, Spooled};
use crate::base::dot::{Encoder, LineEnds};
use crate::base::location::Location;
use crate::message::headers;
use crate::open::{self, Context, Create, EndpointOptions};
use crate::store::{self, Body, Flags, Id, Meta, Received, Source};
use crate::ui::Failure;

/// Puts the copy into `location`, seen already.
///
/// # Errors
/// The store's; the message has left all the same.
pub async fn keep(location: &Location, plan: &mut Plan, context: &Context) -> Result<()> {
    let message = copy(plan)?;
    let now = open::now();
    let meta = Meta {
        id: Id::new(""),
        size: Some(message.len()),
        flags: Some(["\\Seen"].into_iter().collect::<Flags>()),
        received: Some(Received { seconds: now.seconds, offset_seconds: now.offset_seconds }),
    };
    let endpoint = EndpointOptions::default();
    let mut opened = open::open_mail(location, &endpoint, Create::Yes, context).await?;
    let folder = opened.folder.clone().unwrap_or_else(|| "INBOX".to_owned());
    let store = opened
        .store()
        .ok_or_else(|| Failure::usage(format!("{location} keeps no mail that is put into it")))?;
    store.append(&folder, &mut One { message, meta: Some(meta) }).await?;
    opened.spool().finish().await?;
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
