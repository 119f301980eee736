//! What is in the selected mailbox, and what has changed in it since.
//!
//! RFC 7162 (CONDSTORE, QRESYNC). Where the server keeps mod-sequences, only what changed
//! travels; else everything is listed.

use super::state::to_flags;
use super::{Client, Error};
use crate::imap::syntax::command::Command;
use crate::imap::syntax::fetch::Item;
use crate::imap::syntax::response::Data;
use crate::imap::syntax::search::{Key, Return, Search, Word as SearchWord};
use crate::imap::syntax::set::SequenceSet;
use crate::imap::syntax::{ModSeq, Uid};
use crate::store::Flags;

/// A message of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its UID.
    pub uid: u32,
    /// Its flags.
    pub flags: Flags,
    /// RFC822.SIZE in octets, where asked for and told: a hint.
    pub size: Option<u64>,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changed {
    /// Messages that are new or whose flags changed.
    pub messages: Vec<Message>,
    /// Of the UIDs that were known, those that are gone.
    pub vanished: Vec<u32>,
}

impl Client {
    /// Every message of the selected mailbox by ascending UID, with flags; with sizes where
    /// asked for, which may make a server open every message.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn list_messages(&mut self, with_sizes: bool) -> Result<Vec<Message>, Error> {
        let mut messages = Vec::new();
        if self.selected().ok_or(Error::NothingSelected)?.exists == 0 {
            return Ok(messages);
        }
        let command = listing(with_sizes, None, false);
        self.run(command, &mut |data| take_message(data, &mut messages)).await?;
        let messages = in_order(messages);
        self.set_listed(messages.iter().map(|message| message.uid).collect());
        Ok(messages)
    }

    /// The UIDs of all messages of the selected mailbox, in ascending order: less than
    /// [`Client::list_messages`] to hold, and as sure (some servers leave messages out of
    /// searches).
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn list_uids(&mut self) -> Result<Vec<u32>, Error> {
        let mut uids = Vec::new();
        if self.selected().ok_or(Error::NothingSelected)?.exists == 0 {
            return Ok(uids);
        }
        let command = listing(false, None, false);
        self.run(command, &mut |data| {
            if let Data::Fetch(fetch) = data
                && let (Some(Uid(uid)), Some(_)) = (fetch.uid, &fetch.flags)
            {
                uids.push(uid);
            }
        })
        .await?;
        uids.sort_unstable();
        uids.dedup();
        self.set_listed(uids.clone());
        Ok(uids)
    }

    fn set_listed(&mut self, uids: Vec<u32>) {
        let Some(selected) = &self.state.selected else { return };
        let (mailbox, uid_validity) = (selected.mailbox.clone(), selected.uid_validity);
        self.present = super::sets::Present { mailbox, uid_validity, uids };
    }

    /// What changed in the selected mailbox since `modseq`; `known` are the UIDs known then, in
    /// ascending order.
    ///
    /// # Errors
    /// [`Error::Missing`] where the mailbox keeps no mod-sequences; [`Error::Refused`], and the
    /// connection's errors.
    pub async fn changed_since(&mut self, modseq: ModSeq, known: &[u32]) -> Result<Changed, Error> {
        let selected = self.selected().ok_or(Error::NothingSelected)?;
        if selected.highest_modseq.is_none() {
            return Err(Error::Missing("CONDSTORE"));
        }
        let qresync = self.has_qresync();
        let mut commands = vec![listing(false, Some(modseq), qresync)];
        if !qresync && !known.is_empty() {
            let extended = self.capabilities().has("ESEARCH");
            commands.push(Command::Search(
                true,
                Search {
                    returns: extended.then(|| vec![Return::All]),
                    charset: None,
                    keys: vec![Key::Word(SearchWord::All)],
                },
            ));
        }
        let mut messages = Vec::new();
        let (mut gone, mut present) = (Vec::new(), Vec::new());
        self.run_all(commands, &mut |data| match data {
            Data::Vanished { uids, .. } => gone.push(uids.clone()),
            Data::Search { numbers, .. } => present.extend_from_slice(numbers),
            Data::Esearch(result) => {
                if let Some(all) = &result.all {
                    // No more than a mailbox can hold: see `search`.
                    present.extend(all.numbers(0).take(50_000_000));
                }
            }
            _ => take_message(data, &mut messages),
        })
        .await?;
        let vanished = if qresync {
            // A set may claim any number of UIDs: only those that were known count.
            let ranges = gone.iter().filter_map(SequenceSet::ranges).flatten();
            let mut ranges: Vec<(u32, u32)> = ranges.map(|range| range.resolve(0)).collect();
            ranges.sort_unstable();
            within(known, &ranges)
        } else {
            present.sort_unstable();
            known.iter().copied().filter(|uid| present.binary_search(uid).is_err()).collect()
        };
        Ok(Changed { messages: in_order(messages), vanished })
    }
}

/// Of ascending numbers, those within sorted ranges, which may overlap.
pub fn within(numbers: &[u32], ranges: &[(u32, u32)]) -> Vec<u32> {
    let mut found = Vec::new();
    let (mut at, mut reach) = (0, 0);
    for &number in numbers {
        while at < ranges.len() && ranges[at].0 <= number {
            reach = reach.max(ranges[at].1);
            at += 1;
        }
        if at > 0 && number <= reach {
            found.push(number);
        }
    }
    found
}

/// The FETCH that lists a mailbox, or what changed in it.
pub(super) fn listing(
    with_sizes: bool,
    changed_since: Option<ModSeq>,
    vanished: bool,
) -> Command<'static> {
    let mut items = vec![Item::Uid, Item::Flags];
    if with_sizes {
        items.push(Item::Size);
    }
    Command::Fetch { uid: true, set: SequenceSet::all(), items, changed_since, vanished }
}

pub(super) fn take_message(data: &Data<'_>, messages: &mut Vec<Message>) {
    if let Data::Fetch(fetch) = data
        && let (Some(Uid(uid)), Some(flags)) = (fetch.uid, &fetch.flags)
    {
        messages.push(Message { uid, flags: to_flags(flags), size: fetch.size });
    }
}

/// By ascending UID; of several answers for one message, the last one holds, with the size that
/// any of them told.
pub(super) fn in_order(mut messages: Vec<Message>) -> Vec<Message> {
    messages.sort_by_key(|message| message.uid);
    messages.dedup_by(|later, kept| {
        let same = later.uid == kept.uid;
        if same {
            kept.flags = std::mem::take(&mut later.flags);
            kept.size = later.size.or(kept.size);
        }
        same
    });
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_may_overlap() {
        assert_eq!(within(&[1, 3, 5, 9], &[(0, 1), (2, 8), (3, 4)]), [1, 3, 5]);
        assert_eq!(within(&[1, 2], &[]), [] as [u32; 0]);
        assert_eq!(within(&[0, u32::MAX], &[(5, u32::MAX)]), [u32::MAX]);
    }

    #[test]
    fn the_last_answer_holds() {
        let message = |uid, flag: &str, size| Message { uid, flags: [flag].iter().collect(), size };
        let all = vec![message(7, "a", Some(3)), message(2, "b", None), message(7, "c", None)];
        assert_eq!(in_order(all), [message(2, "b", None), message(7, "c", Some(3))]);
    }
}
