//! Where mail is read from, where it lives, and what takes it away: three traits that every
//! protocol and every local format stands behind.
//!
//! Every call is for many messages at once, and every body is a stream: a link with 40 ms
//! latency is fast only when nothing asks for one message where it could ask for all, and
//! memory stays bounded only when no body has to be whole. Bodies are *pushed* into a
//! [`Sink`] so that a connection can hand out slices of its own buffer.
//!
//! This module does not know any protocol; `imap::store`, `pop::spool` and the files beside
//! this one implement it.

use async_trait::async_trait;

pub mod cutter;
pub mod durable;
pub mod each;
pub mod eml;
pub mod held;
pub mod line_ends;
mod local;
pub mod lock;
pub mod maildir;
pub mod mbox;
pub mod memory;
pub mod part;
pub mod pattern;
pub mod scratch;
#[cfg(test)]
pub(crate) mod testing;
pub mod types;
pub mod watch;

pub use types::*;

/// Tells the time; given from outside so that tests can set it.
pub type Clock = std::rc::Rc<dyn Fn() -> Received>;

/// The system's time, in UTC.
pub fn system_clock() -> Clock {
    std::rc::Rc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seconds = since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        Received { seconds, offset_seconds: 0 }
    })
}

/// A source that can be listed, read and emptied: a POP3 maildrop, a newsgroup, any store.
///
/// Ids are opaque text that stays valid for as long as the source says so (UIDs with their
/// UIDVALIDITY, UIDLs, Maildir unique names, mbox offsets with digest).
#[async_trait(?Send)]
pub trait Spool {
    /// What is there, oldest first. Sizes are hints: servers are known to announce wrong ones.
    ///
    /// # Errors
    /// Network and protocol errors; not cancel-safe (drop the spool after cancelling).
    async fn list(&mut self) -> Result<Vec<Listed>>;

    /// Pushes `what` of each message into `sink`, in an order of the source's choosing.
    ///
    /// A message that has vanished meanwhile is left out and is not an error: the sink just
    /// never hears of it.
    ///
    /// # Errors
    /// The source's errors, or the first error of the sink, after which the source has to be
    /// considered broken.
    async fn read(&mut self, ids: &[Id], what: &What, sink: &mut dyn Sink) -> Result<()>;

    /// Asks for these messages to be deleted, where others' deletions are never expunged.
    /// On POP3 nothing is deleted before [`Spool::finish`].
    async fn delete(&mut self, ids: &[Id]) -> Result<Deleted>;

    /// Ends the session; on POP3 this is QUIT, and only its `+OK` makes deletions count.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the connection went before the answer came.
    async fn finish(&mut self) -> Result<()>;
}

/// A place of folders and flags, where messages live: IMAP, Maildir, mbox, memory.
#[async_trait(?Send)]
pub trait Store: Spool {
    /// All folders that match one of `patterns` (UTF-8, `/` between levels, `*` any octets,
    /// `%` any but `/`; empty slice: all). One call, whatever their number.
    async fn folders(&mut self, patterns: &[String]) -> Result<Vec<Folder>>;

    /// Creates these folders with their parents; one that exists is no error.
    async fn create(&mut self, folders: &[String]) -> Result<()>;

    /// As [`Store::create`], of folders with their special use (`\Sent`, RFC 6154), which a
    /// store that keeps none leaves out.
    async fn create_for(&mut self, folders: &[(String, Option<String>)]) -> Result<()> {
        let names: Vec<String> = folders.iter().map(|(name, _)| name.clone()).collect();
        self.create(&names).await
    }

    /// Renames one folder.
    async fn rename(&mut self, from: &str, to: &str) -> Result<()>;

    /// Deletes these folders with their messages.
    async fn remove(&mut self, folders: &[String]) -> Result<()>;

    /// Subscribes to these folders, or unsubscribes from them.
    async fn subscribe(&mut self, folders: &[String], subscribed: bool) -> Result<()>;

    /// Selects the folder that `list`, `read`, `delete` and all below speak of, and says how
    /// it stands. `read_only` promises that nothing in it will be changed.
    async fn select(&mut self, folder: &str, read_only: bool) -> Result<Status>;

    /// Every message of the selected folder with its flags, and what can be said about the
    /// time since `since` (`None`: everything is new).
    async fn changes(&mut self, since: Option<&Since>) -> Result<Changes>;

    /// As [`Store::select`] and [`Store::changes`] of each of these folders, in as few round
    /// trips as the store can; what is selected afterwards is not said.
    async fn survey(
        &mut self,
        folders: &[(String, Option<Since>)],
        read_only: bool,
    ) -> Result<Vec<Changes>> {
        let mut found = Vec::with_capacity(folders.len());
        for (folder, since) in folders {
            self.select(folder, read_only).await?;
            found.push(self.changes(since.as_ref()).await?);
        }
        Ok(found)
    }

    /// Pushes whole messages of each of these folders, whose ids are of the generation that
    /// stands with them, to the sink in its place, in as few round trips as the store can;
    /// whether that was done. What is selected afterwards is not said. Where it was not done,
    /// the sink may have been given some of them, and it has to be done by
    /// [`Store::select`] and [`Spool::read`]: so it is by stores to which no way is long.
    async fn gather(
        &mut self,
        folders: &[(String, u32, Vec<Id>)],
        sinks: &mut [&mut dyn Sink],
    ) -> Result<Vec<bool>> {
        let _ = sinks;
        Ok(vec![false; folders.len()])
    }

    /// Octets of the largest message that [`Store::append`] takes; `None` where no limit is
    /// known.
    fn append_limit(&self) -> Option<u64> {
        None
    }

    /// Whether messages may still be stored that were given to a session that has ended: a server
    /// has them before it has looked at them.
    fn may_store_late(&self) -> bool {
        false
    }

    /// Adds messages to `folder` in one batch; each has its place in the answer.
    /// A message whose place could not be learnt has `None` there, and is stored all the same.
    async fn append(&mut self, folder: &str, messages: &mut dyn Source) -> Result<Vec<Option<Id>>>;

    /// Changes flags of many messages in as few commands as the groups allow.
    async fn flag(&mut self, changes: &[FlagChange]) -> Result<()>;

    /// Copies messages of the selected folder; the new ids in order where the store tells.
    async fn copy(&mut self, ids: &[Id], folder: &str) -> Result<Vec<Option<Id>>>;

    /// Moves messages of the selected folder; the new ids in order where the store tells.
    async fn move_to(&mut self, ids: &[Id], folder: &str) -> Result<Vec<Option<Id>>>;

    /// Waits until the selected folder has changed, or `limit` has passed (`false`).
    /// Cancel-safe.
    async fn wait(&mut self, limit: std::time::Duration) -> Result<bool>;
}

/// What takes mail away: SMTP, LMTP, a command, stdout.
#[async_trait(?Send)]
pub trait Transport {
    /// Delivers one message to all recipients of `envelope`; one outcome per recipient, in
    /// their order. One refused recipient never stops the others.
    ///
    /// `body` gives the message with LF, CRLF or CR line ends; the transport makes them
    /// right for its wire.
    ///
    /// # Errors
    /// Only when nothing can be said per recipient.
    async fn deliver(&mut self, envelope: &Envelope, body: &mut dyn Body) -> Result<Vec<Delivery>>;

    /// Ends the session politely.
    async fn finish(&mut self) -> Result<()>;
}

/// Takes the bodies that a [`Spool`] pushes. For each message: `begin`, any number of
/// `chunk`s, `end`. Messages do not interleave.
#[async_trait(?Send)]
pub trait Sink {
    /// A message begins. Flags, date and size are `None` where the source did not tell.
    async fn begin(&mut self, message: &Meta) -> Result<()>;

    /// Octets of the message, as the source has them (CRLF line ends from a network source).
    async fn chunk(&mut self, octets: &[u8]) -> Result<()>;

    /// The message is whole. Metadata that came behind the body is in `message` too.
    async fn end(&mut self, message: &Meta) -> Result<()>;
}

/// Gives messages to [`Store::append`] one after the other.
#[async_trait(?Send)]
pub trait Source {
    /// The next message, or `None` at the end. The one before it has been read to its end.
    async fn next(&mut self) -> Result<Option<Meta>>;

    /// The body of the message that `next` announced.
    fn body(&mut self) -> &mut dyn Body;

    /// A word by which the copy of that message shall be found again, should nobody hear of
    /// its place: stores that name messages themselves put it into the name.
    fn token(&self) -> Option<String> {
        None
    }
}

/// A message's octets as a stream that can be read again from its start.
#[async_trait(?Send)]
pub trait Body {
    /// The next octets into `buffer`; 0 is the end.
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize>;

    /// Octets in all, exactly as `read` gives them.
    fn len(&self) -> u64;

    /// Back to the first octet.
    fn rewind(&mut self) -> Result<()>;

    /// Whether there is nothing in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
