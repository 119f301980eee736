//! STORE of Gmail's labels (X-GM-EXT-1): a message gets a label by being copied to its
//! mailbox, and loses it with the copy.

use std::borrow::Cow;

use super::identity::{Labels, mailbox_of};
use super::outcome::{Outcome, Voice};
use super::view::Selected;
use crate::base::mailbox_name;
use crate::imap::syntax::Uid;
use crate::imap::syntax::command::Action;
use crate::imap::syntax::fetch::{Extra, Fetch};
use crate::store::Flags;
use crate::store::memory::{Account, FlagOperation, MailboxId, Shared};

/// The arguments of STORE.
pub(super) struct Request<'s> {
    /// The messages.
    pub set: &'s crate::imap::syntax::set::SequenceSet,
    /// Whether the set holds UIDs.
    pub uid: bool,
    /// Replace, add or remove.
    pub action: Action,
    /// Whether `.SILENT` was said.
    pub silent: bool,
    /// The labels.
    pub labels: &'s [Cow<'s, [u8]>],
}

fn texts(labels: &[Cow<'_, [u8]>]) -> Result<Vec<String>, Outcome> {
    let text = |label: &Cow<'_, [u8]>| {
        let text = std::str::from_utf8(label).ok().filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| Outcome::bad("that is no label"))
    };
    labels.iter().map(text).collect()
}

/// Gives a message a label.
fn add(account: &mut Account, from: MailboxId, uid: u32, label: &str) -> Result<(), Outcome> {
    if label.eq_ignore_ascii_case("\\Starred") {
        let flags: Flags = std::iter::once("\\Flagged").collect();
        account.store_flags(from, &[uid], FlagOperation::Add, &flags, None)?;
        return Ok(());
    }
    let to = match mailbox_of(account, label) {
        Some(id) => id,
        None if label.starts_with('\\') => {
            return Err(Outcome::bad("there is no such system label"));
        }
        None => {
            let name =
                mailbox_name::decode_any(label.as_bytes()).map_err(|_| Outcome::bad_name())?;
            account.create(&name, &[])?
        }
    };
    let id = account.mailbox(from).and_then(|mailbox| mailbox.message(uid));
    let Some(email) = id.map(|message| message.email_id.clone()) else { return Ok(()) };
    let has = |mailbox: &crate::store::memory::Mailbox| {
        mailbox.messages().iter().any(|message| message.email_id == email)
    };
    if !account.mailbox(to).is_some_and(has) {
        account.copy(from, &[uid], to)?;
    }
    Ok(())
}

/// Takes a label from a message.
fn remove(account: &mut Account, from: MailboxId, uid: u32, label: &str) -> Result<(), Outcome> {
    if label.eq_ignore_ascii_case("\\Starred") {
        let flags: Flags = std::iter::once("\\Flagged").collect();
        account.store_flags(from, &[uid], FlagOperation::Remove, &flags, None)?;
        return Ok(());
    }
    let id = account.mailbox(from).and_then(|mailbox| mailbox.message(uid));
    let Some(email) = id.map(|message| message.email_id.clone()) else { return Ok(()) };
    let Some(to) = mailbox_of(account, label) else { return Ok(()) };
    let Some(mailbox) = account.mailbox(to) else { return Ok(()) };
    let copies: Vec<u32> = mailbox
        .messages()
        .iter()
        .filter(|message| message.email_id == email)
        .map(|message| message.uid)
        .collect();
    account.expunge(to, &copies)?;
    Ok(())
}

impl Selected {
    /// STORE X-GM-LABELS.
    ///
    /// # Errors
    /// What to answer where it went wrong; labels before the wrong one are stored.
    pub fn store_labels(
        &mut self,
        voice: &mut Voice,
        account: &Shared,
        request: &Request<'_>,
    ) -> Result<Outcome, Outcome> {
        let labels = texts(request.labels)?;
        let places = self.resolve(request.set, request.uid)?;
        if self.read_only {
            return Err(Outcome::read_only());
        }
        for place in &places {
            let uid = self.view[*place].uid;
            let mut account = account.borrow_mut();
            let before = Labels::new(&account, self.id);
            let own = account.mailbox(self.id).and_then(|mailbox| mailbox.message(uid));
            let before = own.map(|message| before.of(message)).unwrap_or_default();
            if request.action == Action::Replace {
                for label in before {
                    let label = String::from_utf8_lossy(&label).into_owned();
                    if !labels.iter().any(|wanted| wanted.eq_ignore_ascii_case(&label)) {
                        remove(&mut account, self.id, uid, &label)?;
                    }
                }
            }
            for label in &labels {
                match request.action {
                    Action::Remove => remove(&mut account, self.id, uid, label)?,
                    Action::Add | Action::Replace => add(&mut account, self.id, uid, label)?,
                }
            }
        }
        if !request.silent {
            let account = account.borrow();
            let now = Labels::new(&account, self.id);
            for place in places {
                let uid = self.view[place].uid;
                let mailbox = account.mailbox(self.id);
                let Some(message) = mailbox.and_then(|mailbox| mailbox.message(uid)) else {
                    continue;
                };
                let fetch = Fetch {
                    seq: Self::number(place),
                    uid: request.uid.then_some(Uid(uid)),
                    extras: vec![Extra::GmLabels(now.of(message))],
                    ..Fetch::default()
                };
                voice.fetch(uid, fetch, Vec::new());
            }
        }
        Ok(Outcome::ok("labelled"))
    }
}
