//! What people have noted of a mailbox: METADATA (RFC 5464), as far as it is read.
//!
//! Entries are never set here.

use super::{Client, Error};
use crate::imap::syntax::command::Command;
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::response::Data;

/// Octets of a value that is asked for: a note, not a document.
const MOST_OCTETS: u64 = 4096;

/// A comment of one's own, and the one that all see (RFC 5464 section 6.2.1).
const COMMENTS: [&str; 2] = ["/private/comment", "/shared/comment"];

impl Client {
    /// The comment on a mailbox, one's own before the one that all see; `None` where there is
    /// none, or none that is short.
    ///
    /// # Errors
    /// [`Error::Missing`] without METADATA; [`Error::Refused`], and the connection's errors.
    pub async fn comment(&mut self, mailbox: &Mailbox<'_>) -> Result<Option<String>, Error> {
        if !self.capabilities().has("METADATA") {
            return Err(Error::Missing("METADATA"));
        }
        let command = Command::GetMetadata {
            depth: None,
            max_size: Some(MOST_OCTETS),
            mailbox: mailbox.clone(),
            entries: COMMENTS.map(|entry| entry.as_bytes().into()).to_vec(),
        };
        let mut found = [None, None];
        self.run(command, &mut |data| {
            let Data::Metadata { mailbox: of, entries } = data else { return };
            if of != mailbox {
                return;
            }
            for (entry, value) in entries {
                let is = |name: &&str| entry.eq_ignore_ascii_case(name.as_bytes());
                if let (Some(at), Some(value)) = (COMMENTS.iter().position(is), value) {
                    found[at] = Some(String::from_utf8_lossy(value).into_owned());
                }
            }
        })
        .await?;
        let [own, shared] = found;
        Ok(own.or(shared).filter(|comment| !comment.is_empty()))
    }
}
