//! APPEND (RFC 9051 section 6.3.12), of several messages (RFC 3502), as literal8 (RFC 3516),
//! with UTF-8 headers (RFC 6855), and with a limit (RFC 7889).

use std::sync::Arc;

use super::copy::destination;
use super::flags;
use super::outcome::{Outcome, Voice};
use crate::imap::syntax::code::{Code, Word};
use crate::imap::syntax::command::{AppendKind, AppendMessage};
use crate::imap::syntax::set::SequenceSet;
use crate::imap::syntax::{Octets, UidValidity};
use crate::store::Received;
use crate::store::memory::{NewMessage, Shared};

/// APPEND; `literals` are the streamed ones, in their order.
///
/// # Errors
/// What to answer where nothing was stored.
pub(super) fn append(
    voice: &Voice,
    account: &Shared,
    name: &str,
    messages: &[AppendMessage<'_>],
    literals: Vec<Arc<[u8]>>,
    limit: u64,
) -> Result<Outcome, Outcome> {
    let to = destination(account, name)?;
    let mut literals = literals.into_iter();
    let mut batch = Vec::with_capacity(messages.len());
    for message in messages {
        if message.kind == AppendKind::Utf8 && !voice.is_utf8() {
            return Err(Outcome::bad("UTF8 needs ENABLE UTF8=ACCEPT"));
        }
        if message.octets.is_empty() {
            // RFC 3502 section 6.3.11: an error that fails the whole append.
            return Err(Outcome::no("a message without octets cannot be stored"));
        }
        if message.octets.len() > limit {
            return Err(too_big());
        }
        let octets: Arc<[u8]> = match &message.octets {
            Octets::Inline(octets) => Arc::from(&**octets),
            Octets::Streamed { len } => match literals.next() {
                Some(octets) if octets.len() as u64 == *len => octets,
                _ => return Err(Outcome::no("a literal was lost").word(Word::ServerBug)),
            },
        };
        if message.kind == AppendKind::Literal && memchr::memchr(0, &octets).is_some() {
            return Err(Outcome::bad("NUL can stand in a literal8 only"));
        }
        let received = message.date.map(|date| Received {
            seconds: date.epoch_seconds,
            offset_seconds: i32::from(date.offset_minutes) * 60,
        });
        let flags = match &message.flags {
            Some(given) => flags::given(given)?,
            None => crate::store::Flags::new(),
        };
        batch.push(NewMessage { flags, received, octets });
    }
    let uids = account.borrow_mut().append(to, batch)?;
    let validity = account.borrow().mailbox(to).map_or(0, |mailbox| mailbox.uid_validity());
    Ok(Outcome::ok("stored").with(Code::AppendUid {
        validity: UidValidity(validity),
        uids: SequenceSet::from_numbers(uids),
    }))
}

/// A message above the limit.
pub(super) fn too_big() -> Outcome {
    Outcome::no("the message is larger than APPENDLIMIT").word(Word::TooBig)
}
