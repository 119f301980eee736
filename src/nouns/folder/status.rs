//! `folder status`: how folders stand.

use anyhow::Result;
use serde::Serialize;

use super::{Named, grouped, no_folders};
use crate::imap::client;
use crate::open::{self, Context, Create, Mail, Opened};
use crate::store::{self, Status};
use crate::ui::{Exit, Format, Output};

/// How a folder stands, as it is told.
#[derive(Debug, Serialize)]
struct Standing<'s> {
    folder: &'s str,
    messages: u64,
    unseen: Option<u64>,
    uidvalidity: Option<u32>,
    uidnext: Option<u32>,
    highestmodseq: Option<u64>,
    size: Option<u64>,
    comment: Option<String>,
}

impl<'s> Standing<'s> {
    fn of(folder: &'s str, status: &Status) -> Self {
        Self {
            folder,
            messages: status.messages,
            unseen: status.unseen,
            // Zero is no value of either (RFC 9051 section 9): the store does not know.
            uidvalidity: Some(status.uid_validity).filter(|value| *value > 0),
            uidnext: Some(status.uid_next).filter(|value| *value > 0),
            highestmodseq: status.highest_modseq,
            size: status.size,
            comment: None,
        }
    }

    /// `alice:INBOX messages=3 unseen=1 ...`, without what is not known.
    fn line(&self) -> String {
        let numbers = [
            ("messages", Some(self.messages)),
            ("unseen", self.unseen),
            ("uidvalidity", self.uidvalidity.map(u64::from)),
            ("uidnext", self.uidnext.map(u64::from)),
            ("highestmodseq", self.highestmodseq),
            ("size", self.size),
        ];
        let mut line = self.folder.to_owned();
        for (name, value) in numbers {
            if let Some(value) = value {
                line.push_str(&format!(" {name}={value}"));
            }
        }
        if let Some(comment) = &self.comment {
            line.push_str(&format!(" comment={comment:?}"));
        }
        line
    }
}

/// `folder status`.
///
/// # Errors
/// The stores' and the output's.
pub async fn status(args: &Named, context: &Context, out: &mut Output) -> Result<Exit> {
    for group in grouped(&args.folders)? {
        let mut opened =
            open::open_mail(&group.store, &args.server.options, Create::No, context).await?;
        let store = opened.store().ok_or_else(|| no_folders(&group.store))?;
        let folders = store.folders(&[]).await?;
        for location in &group.folders {
            let name =
                opened.folder_of(location, context).await?.unwrap_or_else(|| "INBOX".to_owned());
            let Some(mut status) = opened.select_folder(&name, true).await? else {
                return Err(no_folders(location).into());
            };
            let listed = folders.iter().find(|folder| folder.name == name);
            if let Some(listed) = listed.and_then(|folder| folder.status) {
                status.unseen = status.unseen.or(listed.unseen);
                status.size = status.size.or(listed.size);
                status.highest_modseq = status.highest_modseq.or(listed.highest_modseq);
            }
            if status.unseen.is_none() {
                status.unseen = count_unseen(&mut opened).await?;
            }
            let shown = location.to_string();
            let comment = comment(&mut opened, &name).await?;
            let standing = Standing { comment, ..Standing::of(&shown, &status) };
            match out.format() {
                Format::Human | Format::Lines => out.line(&standing.line())?,
                Format::Json => out.json(&standing)?,
            }
        }
        opened.spool().finish().await?;
    }
    Ok(Exit::Ok)
}

/// What somebody has noted of a folder; `None` where nobody has, or nothing keeps it.
async fn comment(opened: &mut Opened, folder: &str) -> Result<Option<String>> {
    let Mail::Imap(account, _) = &mut opened.mail else { return Ok(None) };
    if !account.client().capabilities().has("METADATA") {
        return Ok(None);
    }
    let mailbox = account.names().to_mailbox(folder)?;
    match account.client().comment(&mailbox).await {
        // It keeps none for this folder or this user.
        Err(client::Error::Refused { .. }) => Ok(None),
        found => Ok(found.map_err(store::Error::from)?),
    }
}

/// Counts the unseen messages of the selected folder; `None` where there are no flags.
async fn count_unseen(opened: &mut Opened) -> Result<Option<u64>> {
    let mut unseen = 0;
    for message in opened.spool().list().await? {
        let Some(flags) = message.flags else { return Ok(None) };
        unseen += u64::from(!flags.has("\\Seen"));
    }
    Ok(Some(unseen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out() {
        let status = Status { messages: 2, uid_validity: 7, ..Status::default() };
        assert_eq!(Standing::of("a:b", &status).line(), "a:b messages=2 uidvalidity=7");
    }
}
