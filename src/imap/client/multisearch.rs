//! One search over many mailboxes by one command (RFC 7377, ESEARCH).
//!
//! It selects nothing, and what was selected stays so. Which mailboxes there are, and what to do
//! about those that the server passes over, is for the caller to know.

use super::search::{Answered, Inquiry, Matches};
use super::{Client, Error};
use crate::imap::syntax::code::{Code, Word};
use crate::imap::syntax::command::Command;
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::notify::Filter;
use crate::imap::syntax::response::Data;
use crate::imap::syntax::search::Search;

impl Client {
    /// Searches these mailboxes, each named once, and gives an answer for each in their order;
    /// one in which nothing was found, or that cannot be searched, has an empty answer. `None`:
    /// the server says that its answer is not whole, or does not want to give one, and the
    /// mailboxes have to be asked one by one (RFC 7377 section 2.4).
    ///
    /// # Errors
    /// [`Error::Missing`] without MULTISEARCH, and the connection's errors.
    pub async fn search_in(
        &mut self,
        mailboxes: &[Mailbox<'static>],
        inquiry: &Inquiry,
    ) -> Result<Option<Vec<Answered>>, Error> {
        if !self.capabilities().has("MULTISEARCH") {
            return Err(Error::Missing("MULTISEARCH"));
        }
        let mut answers: Vec<Answered> = mailboxes.iter().map(|_| Answered::default()).collect();
        let command = self.command_in(mailboxes, inquiry);
        let ended = self
            .run(command, &mut |data| {
                let Data::Esearch(result) = data else { return };
                let Some((mailbox, uid_validity)) = &result.mailbox else { return };
                let at = mailboxes.iter().position(|each| is_same(each, mailbox));
                if let Some(answer) = at.and_then(|at| answers.get_mut(at)) {
                    let mut matches = Matches::default();
                    matches.take(data);
                    matches.uids.sort_unstable();
                    matches.uids.dedup();
                    answer.uid_validity = uid_validity.0;
                    // How many are in it is not told: as many as match at least.
                    let found = u32::try_from(matches.uids.len()).unwrap_or(u32::MAX);
                    answer.exists = matches.count.unwrap_or(found);
                    answer.results = vec![matches];
                }
            })
            .await;
        match ended {
            Ok(reply) if is_limited(reply.code.as_deref()) => Ok(None),
            Ok(_) => Ok(Some(answers)),
            Err(Error::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn command_in(
        &self,
        mailboxes: &[Mailbox<'static>],
        inquiry: &Inquiry,
    ) -> Command<'static> {
        let search = Search {
            returns: Some(inquiry.returns.clone()),
            charset: self.charset(&inquiry.keys),
            keys: inquiry.keys.clone(),
        };
        Command::MultiSearch(vec![Filter::Mailboxes(mailboxes.to_vec())], search)
    }
}

fn is_limited(code: Option<&Code<'_>>) -> bool {
    matches!(code, Some(Code::Word(Word::Limit)))
}

/// Only INBOX is the same in any case.
fn is_same(one: &Mailbox<'_>, other: &Mailbox<'_>) -> bool {
    one.0 == other.0
        || (one.0.eq_ignore_ascii_case(b"INBOX") && other.0.eq_ignore_ascii_case(b"INBOX"))
}
