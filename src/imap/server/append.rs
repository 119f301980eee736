//! APPEND (RFC 9051 section 6.3.12), of several messages (RFC 3502), as literal8 (RFC 3516),
//! with UTF-8 headers (RFC 6855), put together from parts (RFC 4469), and with a limit (RFC
//! 7889).

use std::sync::Arc;

use super::copy::destination;
use super::outcome::{Outcome, Voice};
use super::{flags, rights, urlauth};
use crate::imap::syntax::append::{AppendData, AppendKind, AppendMessage, Part};
use crate::imap::syntax::code::{Code, Word};
use crate::imap::syntax::set::SequenceSet;
use crate::imap::syntax::url::Url;
use crate::imap::syntax::{Octets, UidValidity};
use crate::store::Received;
use crate::store::memory::{MailboxId, NewMessage, Shared};

/// Who appends, and what a message may be made of.
pub(super) struct Appending<'a> {
    /// What the client has enabled.
    pub voice: &'a Voice,
    /// The user's mail.
    pub account: &'a Shared,
    /// The user.
    pub user: &'a str,
    /// The selected mailbox, for URLs that have none.
    pub selected: Option<MailboxId>,
    /// The streamed literals that are left, in their order.
    pub literals: std::vec::IntoIter<Arc<[u8]>>,
    /// Largest message, in octets.
    pub limit: u64,
}

/// APPEND.
///
/// # Errors
/// What to answer where nothing was stored.
pub(super) fn append(
    mut appending: Appending<'_>,
    name: &str,
    messages: &[AppendMessage<'_>],
) -> Result<Outcome, Outcome> {
    let account = appending.account;
    let to = destination(account, appending.user, name)?;
    let mut batch = Vec::with_capacity(messages.len());
    for message in messages {
        batch.push(appending.message(message)?);
    }
    let uids = account.borrow_mut().append(to, batch)?;
    let outcome = Outcome::ok("stored");
    Ok(match append_uid(account, appending.user, to, uids) {
        Some(code) => outcome.with(code),
        None => outcome,
    })
}

/// APPENDUID; `None` for a mailbox that the user cannot select (RFC 4315 section 3).
pub(super) fn append_uid(
    account: &Shared,
    user: &str,
    to: MailboxId,
    uids: Vec<u32>,
) -> Option<Code<'static>> {
    let account = account.borrow();
    rights::need(&account, to, user, 'r').ok()?;
    let validity = UidValidity(account.mailbox(to)?.uid_validity());
    Some(Code::AppendUid { validity, uids: SequenceSet::from_numbers(uids) })
}

impl Appending<'_> {
    /// A message as it will be stored.
    ///
    /// # Errors
    /// What to answer where it cannot be.
    pub fn message(&mut self, message: &AppendMessage<'_>) -> Result<NewMessage, Outcome> {
        let octets = match &message.data {
            AppendData::Octets(AppendKind::Utf8, _) if !self.voice.is_utf8() => {
                return Err(Outcome::bad("UTF8 needs ENABLE UTF8=ACCEPT"));
            }
            AppendData::Octets(kind, octets) => {
                let octets = self.octets(octets)?;
                if *kind == AppendKind::Literal && memchr::memchr(0, &octets).is_some() {
                    return Err(Outcome::bad("NUL can stand in a literal8 only"));
                }
                octets
            }
            AppendData::Catenate(parts) => self.catenate(parts)?,
        };
        // RFC 6855 section 4 would have us refuse 8-bit header fields from a client that has not
        // enabled UTF8=ACCEPT. We take them, as other servers do: old mail and spam have such
        // fields, and a client that copies a mailbox here would lose the message.
        if octets.is_empty() {
            // RFC 3502 section 6.3.11: an error that fails the whole append.
            return Err(Outcome::no("a message without octets cannot be stored"));
        }
        let received = message.date.map(|date| Received {
            seconds: date.epoch_seconds,
            offset_seconds: i32::from(date.offset_minutes) * 60,
        });
        let flags = match &message.flags {
            Some(given) => flags::given(given)?,
            None => crate::store::Flags::new(),
        };
        Ok(NewMessage { flags, received, octets })
    }

    /// The octets that a client has sent.
    fn octets(&mut self, octets: &Octets<'_>) -> Result<Arc<[u8]>, Outcome> {
        if octets.len() > self.limit {
            return Err(too_big());
        }
        match octets {
            Octets::Inline(octets) => Ok(Arc::from(&**octets)),
            Octets::Streamed { len } => match self.literals.next() {
                Some(octets) if octets.len() as u64 == *len => Ok(octets),
                _ => Err(Outcome::no("a literal was lost").word(Word::ServerBug)),
            },
        }
    }

    /// The parts one behind the other.
    fn catenate(&mut self, parts: &[Part<'_>]) -> Result<Arc<[u8]>, Outcome> {
        let mut whole = Vec::new();
        for part in parts {
            match part {
                Part::Text(octets) => whole.extend_from_slice(&self.octets(octets)?),
                Part::Url(text) => {
                    let url = Url::parse(text).ok_or_else(|| urlauth::bad_url(text))?;
                    let foreign = url
                        .user
                        .as_ref()
                        .is_some_and(|user| !user.eq_ignore_ascii_case(self.user.as_bytes()));
                    let account = self.account.borrow();
                    let found = urlauth::octets(&account, self.user, &url, self.selected);
                    let slice = found.filter(|_| !foreign).ok_or_else(|| urlauth::bad_url(text))?;
                    whole.extend_from_slice(slice.as_octets());
                }
            }
            if whole.len() as u64 > self.limit {
                return Err(too_big());
            }
        }
        Ok(whole.into())
    }
}

/// A message above the limit.
pub(super) fn too_big() -> Outcome {
    Outcome::no("the message is larger than APPENDLIMIT").word(Word::TooBig)
}
