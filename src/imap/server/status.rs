//! STATUS (RFC 9051 section 6.3.11), with SIZE (RFC 8438), APPENDLIMIT (RFC 7889),
//! DELETED-STORAGE (RFC 9208), HIGHESTMODSEQ (RFC 7162) and MAILBOXID (RFC 8474).

use super::flags;
use super::outcome::{Outcome, Voice};
use crate::imap::syntax::mailbox::{Status, StatusItem};
use crate::imap::syntax::{ModSeq, Uid, UidValidity};
use crate::store::memory::Mailbox;

/// Whether every item is one that we know.
///
/// # Errors
/// BAD for one that we do not.
pub(super) fn check(items: &[StatusItem<'_>]) -> Result<(), Outcome> {
    if items.iter().any(|item| matches!(item, StatusItem::Other(_))) {
        return Err(Outcome::bad("there is no such status item"));
    }
    Ok(())
}

/// How a mailbox stands.
pub(super) fn of_mailbox(
    voice: &Voice,
    name: &str,
    mailbox: &Mailbox,
    items: &[StatusItem<'_>],
    append_limit: u64,
) -> Status<'static> {
    let messages = mailbox.messages();
    let count = |wanted: &dyn Fn(&crate::store::memory::Message) -> bool| {
        let found = messages.iter().filter(|message| wanted(message)).count();
        Some(u32::try_from(found).unwrap_or(u32::MAX))
    };
    let mut status = Status::new(voice.mailbox(name));
    for item in items {
        match item {
            StatusItem::Messages => status.messages = count(&|_| true),
            StatusItem::Recent => {
                let from = mailbox.recent_from();
                status.recent = count(&|message| message.uid >= from);
            }
            StatusItem::UidNext => status.uid_next = Some(Uid(mailbox.uid_next())),
            StatusItem::UidValidity => {
                status.uid_validity = Some(UidValidity(mailbox.uid_validity()));
            }
            StatusItem::Unseen => status.unseen = count(&|message| !flags::has(message, "\\Seen")),
            StatusItem::Deleted => {
                status.deleted = count(&|message| flags::has(message, "\\Deleted"));
            }
            StatusItem::Size => {
                status.size = Some(messages.iter().map(|m| m.octets.len() as u64).sum());
            }
            StatusItem::HighestModSeq => {
                status.highest_modseq = Some(ModSeq(mailbox.highest_modseq()));
            }
            StatusItem::AppendLimit => status.append_limit = Some(Some(append_limit)),
            StatusItem::MailboxId => {
                status.mailbox_id = Some(mailbox.id().to_string().into_bytes().into());
            }
            StatusItem::DeletedStorage => {
                let deleted = messages.iter().filter(|message| flags::has(message, "\\Deleted"));
                let octets: u64 = deleted.map(|message| message.octets.len() as u64).sum();
                status.deleted_storage = Some(octets.div_ceil(1024));
            }
            // `check` has refused it.
            StatusItem::Other(_) => {}
        }
    }
    status
}
