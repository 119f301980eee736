//! Messages of the selected mailbox: flags, copies, moves, and their end.
//!
//! RFC 9051 sections 6.4.3, 6.4.6 to 6.4.9, RFC 4315 (UIDPLUS), RFC 6851 (MOVE), RFC 7162
//! (UNCHANGEDSINCE). Only messages that were named are ever expunged.

use std::collections::HashMap;

use super::append::{Appended, to_syntax};
use super::{Client, Error};
use crate::imap::syntax::code::Code;
use crate::imap::syntax::command::{Action, Command, StoreValue, Word};
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::response::Data;
use crate::imap::syntax::search::{Key, Word as SearchWord};
use crate::store::{Deleted, Flags};

/// One change of flags on many messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagUpdate {
    /// The messages' UIDs, best sorted.
    pub uids: Vec<u32>,
    /// Whether the flags are added, removed, or take the place of all others.
    pub action: Action,
    /// The flags.
    pub flags: Flags,
}

impl Client {
    /// Changes flags, all commands in one flight.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn store(&mut self, updates: &[FlagUpdate]) -> Result<(), Error> {
        let mut commands = Vec::new();
        for FlagUpdate { uids, action, flags } in updates {
            if flags.is_empty() && *action != Action::Replace {
                continue;
            }
            for set in Self::batches(uids, usize::MAX) {
                commands.push(Command::Store {
                    uid: true,
                    set,
                    unchanged_since: None,
                    action: *action,
                    silent: true,
                    value: StoreValue::Flags(to_syntax(flags)),
                });
            }
        }
        self.run_all(commands, &mut |_| {}).await.map(drop)
    }

    /// Copies messages; where each went, in order, as far as the server tells (UIDPLUS).
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn copy(
        &mut self,
        uids: &[u32],
        mailbox: &Mailbox<'_>,
    ) -> Result<Vec<Option<Appended>>, Error> {
        let commands = Self::batches(uids, usize::MAX).into_iter().map(|set| Command::Copy {
            uid: true,
            set,
            mailbox: mailbox.clone(),
        });
        self.transfer(uids, commands.collect()).await
    }

    /// Moves messages: MOVE, or without it COPY and then [`Client::expunge`]. Where each went,
    /// and what became of the originals.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn move_to(
        &mut self,
        uids: &[u32],
        mailbox: &Mailbox<'_>,
    ) -> Result<(Vec<Option<Appended>>, Deleted), Error> {
        let capabilities = self.capabilities();
        if !capabilities.has("MOVE") && !capabilities.has("IMAP4rev2") {
            let places = self.copy(uids, mailbox).await?;
            return Ok((places, self.expunge(uids).await?));
        }
        let commands = Self::batches(uids, usize::MAX).into_iter().map(|set| Command::Move {
            uid: true,
            set,
            mailbox: mailbox.clone(),
        });
        Ok((self.transfer(uids, commands.collect()).await?, Deleted::Gone))
    }

    /// Runs copies or moves, and collects COPYUID from wherever the server puts it: MOVE has it
    /// in an untagged OK, Exchange without any condition.
    async fn transfer(
        &mut self,
        uids: &[u32],
        commands: Vec<Command<'_>>,
    ) -> Result<Vec<Option<Appended>>, Error> {
        let mut codes = Vec::new();
        let replies = self
            .run_all(commands, &mut |data| {
                if let Data::Status(status) = data {
                    codes.extend(status.code.clone().map(Code::into_owned));
                }
            })
            .await?;
        codes.extend(replies.into_iter().filter_map(|reply| reply.code).map(|code| *code));
        let mut places = HashMap::new();
        for code in codes {
            if let Code::CopyUid { validity, source, destination } = code
                && source.count(0) == destination.count(0)
                && source.count(0) <= uids.len() as u64
            {
                let pairs = source.numbers(0).zip(destination.numbers(0));
                places.extend(
                    pairs.map(|(from, uid)| (from, Appended { uid_validity: validity, uid })),
                );
            }
        }
        Ok(uids.iter().map(|uid| places.get(uid).copied()).collect())
    }

    /// Marks messages with \Deleted and expunges them, and no others: with UID EXPUNGE, or,
    /// without UIDPLUS, by EXPUNGE where a search shows that no other message carries
    /// \Deleted.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn expunge(&mut self, uids: &[u32]) -> Result<Deleted, Error> {
        if uids.is_empty() {
            return Ok(Deleted::Gone);
        }
        let capabilities = self.capabilities();
        let uid_plus = capabilities.has("UIDPLUS") || capabilities.has("IMAP4rev2");
        let sets = Self::batches(uids, usize::MAX);
        let mut commands: Vec<Command<'_>> = Vec::new();
        for set in &sets {
            commands.push(Command::Store {
                uid: true,
                set: set.clone(),
                unchanged_since: None,
                action: Action::Add,
                silent: true,
                value: StoreValue::Flags(to_syntax(&["\\Deleted"].iter().collect())),
            });
        }
        if uid_plus {
            commands.extend(sets.into_iter().map(Command::UidExpunge));
            self.run_all(commands, &mut |_| {}).await?;
            return Ok(Deleted::Gone);
        }
        self.run_all(commands, &mut |_| {}).await?;
        let deleted = self.search(vec![Key::Word(SearchWord::Deleted)]).await?;
        // Ours that are gone already do not matter; others' do.
        if deleted.iter().any(|uid| !uids.contains(uid)) {
            return Ok(Deleted::Marked);
        }
        self.run(Command::Word(Word::Expunge), &mut |_| {}).await?;
        Ok(Deleted::Gone)
    }
}
