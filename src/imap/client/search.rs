//! SEARCH, SORT and THREAD (RFC 9051 section 6.4.4, RFC 4731, RFC 5256).
//!
//! How a query becomes keys is decided elsewhere; this module knows keys.

use std::borrow::Cow;

use super::{Client, Error};
use crate::imap::syntax::command::Command;
use crate::imap::syntax::response::Data;
use crate::imap::syntax::search::{Key, Return, Search, Sort, SortKey, Thread, ThreadBy};
use crate::imap::syntax::set::SequenceSet;

/// Results expanded from one ESEARCH set: what a mailbox can hold. A set that claims more is a
/// server's mistake or malice.
const RESULTS: u64 = 50_000_000;

impl Client {
    fn charset(&self, keys: &[Key<'_>]) -> Option<Cow<'static, [u8]>> {
        // RFC 6855 section 3: no CHARSET once UTF-8 is on.
        let needed = !self.is_utf8() && keys.iter().any(Key::needs_charset);
        needed.then_some(Cow::Borrowed(b"UTF-8"))
    }

    /// UIDs of the messages that match all keys, in ascending order. ESEARCH is used where it
    /// is offered, and a server that answers with SEARCH all the same is understood.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn search(&mut self, keys: Vec<Key<'_>>) -> Result<Vec<u32>, Error> {
        let charset = self.charset(&keys);
        let capabilities = self.capabilities();
        let extended = capabilities.has("ESEARCH") || capabilities.has("IMAP4rev2");
        let returns = extended.then(|| vec![Return::All]);
        let mut uids = Vec::new();
        self.run(
            Command::Search(true, Search { returns, charset, keys }),
            &mut |data| match data {
                Data::Search { numbers, .. } => uids.extend_from_slice(numbers),
                Data::Esearch(result) => uids.extend(expanded(result.all.as_ref())),
                _ => {}
            },
        )
        .await?;
        uids.sort_unstable();
        uids.dedup();
        Ok(uids)
    }

    /// UIDs of the messages that match all keys, in the order of the criteria.
    ///
    /// # Errors
    /// [`Error::Missing`] without SORT (or SORT=DISPLAY for its keys); as [`Client::search`].
    pub async fn sort(
        &mut self,
        criteria: Vec<(bool, SortKey)>,
        keys: Vec<Key<'_>>,
    ) -> Result<Vec<u32>, Error> {
        let display = [SortKey::DisplayFrom, SortKey::DisplayTo];
        if !self.capabilities().has("SORT") {
            return Err(Error::Missing("SORT"));
        }
        if criteria.iter().any(|(_, key)| display.contains(key))
            && !self.capabilities().has("SORT=DISPLAY")
        {
            return Err(Error::Missing("SORT=DISPLAY"));
        }
        let mut uids = Vec::new();
        let charset = Cow::Borrowed(&b"UTF-8"[..]);
        let sort = Sort { returns: None, criteria, charset, keys };
        self.run(Command::Sort(true, sort), &mut |data| match data {
            Data::Sort { numbers, .. } => uids.extend_from_slice(numbers),
            Data::Esearch(result) => uids.extend(expanded(result.all.as_ref())),
            _ => {}
        })
        .await?;
        Ok(uids)
    }

    /// Threads of the messages that match all keys, by UID.
    ///
    /// # Errors
    /// [`Error::Missing`] where the algorithm is not offered; as [`Client::search`].
    pub async fn thread(
        &mut self,
        algorithm: &'static str,
        keys: Vec<Key<'_>>,
    ) -> Result<Vec<Thread>, Error> {
        if !self.capabilities().has(&format!("THREAD={algorithm}")) {
            return Err(Error::Missing("THREAD"));
        }
        let mut threads = Vec::new();
        let thread = ThreadBy {
            algorithm: Cow::Borrowed(algorithm.as_bytes()),
            charset: Cow::Borrowed(b"UTF-8"),
            keys,
        };
        self.run(Command::Thread(true, thread), &mut |data| {
            if let Data::Thread(found) = data {
                threads.extend_from_slice(found);
            }
        })
        .await?;
        Ok(threads)
    }
}

/// The numbers of a result's set.
fn expanded(set: Option<&SequenceSet>) -> Vec<u32> {
    match set {
        Some(set) if set.count(0) <= RESULTS => set.numbers(0).collect(),
        _ => Vec::new(),
    }
}
