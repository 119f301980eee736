//! Groups of mailboxes as NOTIFY (RFC 5465 section 6) and ESEARCH (RFC 7377) name them.

use super::outcome::{Outcome, Voice};
use crate::imap::syntax::mailbox::Mailbox as Name;
use crate::imap::syntax::notify::Filter;
use crate::store::memory::{Account, MailboxId};
use crate::store::pattern::canonical;

/// A group whose names are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Group {
    /// The selected mailbox.
    Selected {
        /// Whether expunges wait for a command that allows them.
        delayed: bool,
    },
    /// INBOX, which mail is delivered to.
    Inboxes,
    /// All.
    Personal,
    /// Those subscribed to.
    Subscribed,
    /// These and all below.
    Subtree(Vec<String>),
    /// These and those directly below.
    SubtreeOne(Vec<String>),
    /// These.
    Mailboxes(Vec<String>),
}

impl Group {
    /// # Errors
    /// Where a name is not rightly encoded.
    pub fn new(voice: &Voice, filter: &Filter<'_>) -> Result<Self, Outcome> {
        let names = |names: &[Name<'_>]| -> Result<Vec<String>, Outcome> {
            names.iter().map(|name| Ok(canonical(&voice.name(name)?))).collect()
        };
        Ok(match filter {
            Filter::Selected => Self::Selected { delayed: false },
            Filter::SelectedDelayed => Self::Selected { delayed: true },
            Filter::Inboxes => Self::Inboxes,
            Filter::Personal => Self::Personal,
            Filter::Subscribed => Self::Subscribed,
            Filter::Subtree(given) => Self::Subtree(names(given)?),
            Filter::SubtreeOne(given) => Self::SubtreeOne(names(given)?),
            Filter::Mailboxes(given) => Self::Mailboxes(names(given)?),
        })
    }

    /// Whether a name is in it; never for the selected mailbox, which is no matter of names.
    pub fn has(&self, account: &Account, name: &str) -> bool {
        let below = |top: &String| name.strip_prefix(top.as_str())?.strip_prefix('/');
        match self {
            Self::Selected { .. } => false,
            Self::Inboxes => name == "INBOX",
            Self::Personal => true,
            Self::Subscribed => account.is_subscribed(name),
            Self::Subtree(tops) => tops.iter().any(|top| top == name || below(top).is_some()),
            Self::SubtreeOne(tops) => tops
                .iter()
                .any(|top| top == name || below(top).is_some_and(|rest| !rest.contains('/'))),
            Self::Mailboxes(names) => names.iter().any(|each| each == name),
        }
    }

    /// The mailboxes in it that hold messages, with their names, in their order.
    pub fn mailboxes(
        &self,
        account: &Account,
        selected: Option<MailboxId>,
    ) -> Vec<(String, MailboxId)> {
        let mut found = Vec::new();
        for (name, mailbox) in account.mailboxes().filter(|(_, mailbox)| mailbox.is_selectable()) {
            let is_selected =
                matches!(self, Self::Selected { .. }) && selected == Some(mailbox.id());
            if is_selected || self.has(account, name) {
                found.push((name.to_owned(), mailbox.id()));
            }
        }
        found
    }
}
