//! Delivers messages to a Maildir in batches, so that a crash loses nothing of what was
//! confirmed and leaves nothing half-written.
//!
//! The order, for a batch: every message into a new file of mode 0600 in `tmp`, its date
//! set; the data of all flushed to the disk; every file renamed into `new` or `cur`, never
//! over another; those two directories flushed; and only then [`Writer::commit`] answers.
//! What was not committed is taken out of `tmp` again.

use std::fs::{File, FileTimes};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use rustix::fs::AtFlags;
use tokio::task::JoinHandle;

use super::folder::{Dirs, Sub, id_of, is_keyword, place};
use super::keywords::{Extra, Keywords};
use super::layout::text;
use super::name::{Info, Names, is_token, system_letter};
use crate::store::durable::{
    Durability, SINGLE_FLUSHES, create_new, flush_files, flush_folder, rename_new,
};
use crate::store::line_ends::{Converter, LineEnds};
use crate::store::local::system_time;
use crate::store::{Error, Flag, Flags, Id, Meta, Result, Sink};

/// A message up to this size is written with one call of the system, in octets.
const BUFFER_OCTETS: usize = 256 * 1024;

/// Writes batches of messages into one folder. Writing goes to the system's cache and so
/// seldom waits; the waiting for the disk is in [`Writer::commit`].
///
/// It is a [`Sink`] too: a spool can push into it.
pub struct Writer {
    dirs: Arc<Dirs>,
    durability: Durability,
    line_ends: LineEnds,
    names: Names,
    open: Option<Open>,
    batch: Batch,
    /// A batch that is on its way to its places.
    settling: Option<JoinHandle<Result<Vec<Id>>>>,
    /// The messages of batches that have come there since the last commit.
    settled: Vec<Id>,
    /// Converted octets of the open message that are not yet written.
    buffer: Vec<u8>,
}

/// A message on its way into `tmp`.
struct Open {
    name: String,
    converter: Converter,
    file: Option<File>,
    written: u64,
    flags: Flags,
    received: Option<i64>,
}

/// A message that is whole in `tmp`.
struct Whole {
    name: String,
    octets: u64,
    flags: Flags,
}

/// Messages in `tmp` that wait for the commit.
struct Batch {
    dirs: Arc<Dirs>,
    durability: Durability,
    messages: Vec<Whole>,
    /// How many of them have left `tmp`.
    placed: usize,
    /// The first few, still open, so that they can be flushed one by one.
    files: Vec<File>,
}

impl Writer {
    pub(super) fn new(dirs: Arc<Dirs>, durability: Durability, line_ends: LineEnds) -> Self {
        let batch = Batch::new(Arc::clone(&dirs), durability);
        let names = Names::here();
        Self {
            dirs,
            durability,
            line_ends,
            names,
            open: None,
            batch,
            settling: None,
            settled: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// Begins a message with the flags and the date of `meta`; one that was not ended is
    /// given up. `token` goes into the unique name, where [`super::token`] finds it again
    /// after a crash.
    ///
    /// # Errors
    /// [`Error::Name`] for a token that [`super::is_token`] refuses.
    pub fn start(&mut self, meta: &Meta, token: Option<&str>) -> Result<()> {
        self.give_up();
        if let Some(wrong) = token.filter(|token| !is_token(token)) {
            let reason = "a token has 1 to 64 letters, digits, '-', '_' and '.'";
            return Err(Error::Name { name: wrong.to_owned(), reason });
        }
        self.open = Some(Open {
            name: self.names.next(SystemTime::now(), token),
            converter: Converter::new(self.line_ends),
            file: None,
            written: 0,
            flags: meta.flags.clone().unwrap_or_default(),
            received: meta.received.map(|received| received.seconds),
        });
        Ok(())
    }

    /// The next octets of the message. Without a message that was started, nothing happens.
    ///
    /// # Errors
    /// The disk's; then the message is given up.
    pub fn write(&mut self, octets: &[u8]) -> Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.converter.push(octets, &mut self.buffer);
        if self.buffer.len() >= BUFFER_OCTETS {
            let spilled = open.spill(&self.dirs, &mut self.buffer);
            self.checked(spilled)?;
        }
        Ok(())
    }

    /// The message is whole, and waits in `tmp` for the commit.
    ///
    /// # Errors
    /// The disk's; then the message is given up.
    pub fn close(&mut self) -> Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.converter.finish(&mut self.buffer);
        let closed = open.spill(&self.dirs, &mut self.buffer).and_then(|()| {
            match (&open.file, open.received.and_then(system_time)) {
                (Some(file), Some(time)) => file.set_times(FileTimes::new().set_modified(time)),
                _ => Ok(()),
            }
        });
        self.checked(closed)?;
        if let Some(open) = self.open.take() {
            self.batch.add(open);
        }
        Ok(())
    }

    /// How many messages wait for the commit.
    pub fn pending(&self) -> usize {
        self.batch.messages.len()
    }

    /// Octets of the messages that wait for the commit, as they are stored.
    pub fn pending_octets(&self) -> u64 {
        self.batch.messages.iter().map(|message| message.octets).sum()
    }

    /// Begins to deliver the messages that wait, and lets more be written meanwhile. When it
    /// answers, those of the call before are there to stay.
    ///
    /// # Errors
    /// The disk's, for the messages of the call before: some of them may be there, and the
    /// others are not. Those that wait go on waiting.
    pub async fn begin_commit(&mut self) -> Result<()> {
        self.settled().await?;
        let fresh = Batch::new(Arc::clone(&self.dirs), self.durability);
        let batch = std::mem::replace(&mut self.batch, fresh);
        if !batch.messages.is_empty() {
            self.settling = Some(tokio::task::spawn_blocking(move || batch.settle()));
        }
        Ok(())
    }

    /// Delivers the messages that wait; the ids of all since the last commit, in the order in
    /// which they were closed. When it answers, they are there to stay. A message that is
    /// still open is given up.
    ///
    /// Not cancel-safe: the batch is delivered all the same, and nobody learns its ids.
    ///
    /// # Errors
    /// The disk's; then some of the messages may be there, and the others are not.
    pub async fn commit(&mut self) -> Result<Vec<Id>> {
        self.give_up();
        self.begin_commit().await?;
        self.settled().await?;
        Ok(std::mem::take(&mut self.settled))
    }

    /// Waits for the batch that is on its way.
    async fn settled(&mut self) -> Result<()> {
        let Some(settling) = self.settling.take() else { return Ok(()) };
        match settling.await {
            Ok(ids) => self.settled.extend(ids?),
            Err(lost) => {
                return Err(Error::Unknown(format!("delivery to the maildir: {lost}")));
            }
        }
        Ok(())
    }

    /// Gives up the open message when something failed, and says where it failed.
    fn checked(&mut self, outcome: io::Result<()>) -> Result<()> {
        outcome.map_err(|error| {
            self.give_up();
            Error::file(&self.dirs.path.join("tmp"), error)
        })
    }

    /// Takes the open message out of `tmp`.
    fn give_up(&mut self) {
        self.buffer.clear();
        if let Some(open) = self.open.take()
            && open.file.is_some()
        {
            remove(&self.dirs, &open.name);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl Open {
    /// Writes what waits, into a file that is made at the first time.
    fn spill(&mut self, dirs: &Dirs, buffer: &mut Vec<u8>) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => create_new(&dirs.tmp, &self.name)?,
        };
        let outcome = file.write_all(buffer);
        self.file = Some(file);
        outcome?;
        self.written += buffer.len() as u64;
        buffer.clear();
        Ok(())
    }
}

/// Takes a file out of `tmp`. Where that does not work, it is swept later.
fn remove(dirs: &Dirs, name: &str) {
    let _ = rustix::fs::unlinkat(&dirs.tmp, name, AtFlags::empty());
}

impl Batch {
    fn new(dirs: Arc<Dirs>, durability: Durability) -> Self {
        Self { dirs, durability, messages: Vec::new(), placed: 0, files: Vec::new() }
    }

    fn add(&mut self, open: Open) {
        self.messages.push(Whole { name: open.name, octets: open.written, flags: open.flags });
        if self.durability == Durability::Durable && self.messages.len() <= SINGLE_FLUSHES {
            self.files.extend(open.file);
        } else {
            self.files.clear();
        }
    }

    /// Brings all messages to their places. It blocks.
    fn settle(mut self) -> Result<Vec<Id>> {
        let dirs = Arc::clone(&self.dirs);
        let durable = self.durability == Durability::Durable;
        let failed = |error| Error::file(&dirs.path, error);
        let mut keywords = self.allocate()?;
        if durable {
            let names: Vec<&str> = self.messages.iter().map(|m| m.name.as_str()).collect();
            flush_files(&dirs.tmp, &self.files, &names).map_err(failed)?;
        }
        self.files.clear();
        let (places, extras): (Vec<_>, Vec<_>) = self
            .messages
            .iter()
            .map(|message| {
                let unique = format!("{},S={}", message.name, message.octets).into_bytes();
                let (info, extra) = info(&message.flags, &unique, &keywords);
                (place(&unique, &info, Sub::New), extra)
            })
            .unzip();
        let extras: Vec<Extra> = extras.into_iter().flatten().collect();
        // All that is kept for others stays: this batch does not know who is there.
        keywords.change_extra(&dirs.path, &extras, &|_| true, self.durability)?;
        let mut ids = Vec::with_capacity(places.len());
        let (mut in_new, mut in_cur) = (false, false);
        for located in &places {
            let name = &self.messages[self.placed].name;
            let target = dirs.sub(located.sub);
            rename_new(&dirs.tmp, Path::new(name), target, Path::new(&located.file))
                .map_err(failed)?;
            self.placed += 1;
            in_new |= located.sub == Sub::New;
            in_cur |= located.sub == Sub::Cur;
            ids.push(id_of(&located.file));
        }
        for (wanted, folder) in [(in_new, &dirs.new), (in_cur, &dirs.cur)] {
            if wanted && durable {
                flush_folder(folder).map_err(failed)?;
            }
        }
        Ok(ids)
    }

    /// The folder's keywords, with letters for all that the batch needs.
    fn allocate(&self) -> Result<Keywords> {
        let flags = self.messages.iter().flat_map(|message| message.flags.iter());
        let wanted: Vec<&str> = flags.filter(|flag| is_keyword(flag)).map(Flag::name).collect();
        if wanted.is_empty() {
            return Ok(Keywords::default());
        }
        let mut keywords = Keywords::load(&self.dirs.path)?;
        keywords.allocate(&self.dirs.path, wanted.into_iter(), self.durability)?;
        Ok(keywords)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        for message in &self.messages[self.placed..] {
            remove(&self.dirs, &message.name);
        }
    }
}

/// The info of a message with these flags, and the keywords that found no letter.
fn info(flags: &Flags, unique: &[u8], keywords: &Keywords) -> (Info, Option<Extra>) {
    let mut info = Info::default();
    let mut add = Vec::new();
    for flag in flags.iter() {
        match system_letter(flag).or_else(|| keywords.letter(flag.name())) {
            Some(letter) => info.set(letter, true),
            None if flag.is_system() => {}
            None => add.push(flag.name().to_owned()),
        }
    }
    let extra = Extra { unique: text(unique), add, remove: Vec::new() };
    (info, Some(extra).filter(|extra| !extra.add.is_empty()))
}

#[async_trait(?Send)]
impl Sink for Writer {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.start(message, None)
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.write(octets)
    }

    /// Flags and date that came behind the body count.
    async fn end(&mut self, message: &Meta) -> Result<()> {
        if let Some(open) = &mut self.open {
            if let Some(flags) = &message.flags {
                open.flags = flags.clone();
            }
            if let Some(received) = message.received {
                open.received = Some(received.seconds);
            }
        }
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::super::super::testing::{Dir, run};
    use super::super::folder::create;
    use super::super::token;
    use super::*;
    use crate::store::Received;

    fn meta(flags: &[&str], seconds: i64) -> Meta {
        Meta {
            id: Id::new("source"),
            size: None,
            flags: Some(flags.iter().collect()),
            received: Some(Received { seconds, offset_seconds: 3600 }),
        }
    }

    fn writer(dir: &Dir, durability: Durability) -> Writer {
        create(dir.path(), durability).expect("made");
        let dirs = Dirs::open(dir.path()).expect("a maildir");
        Writer::new(Arc::new(dirs), durability, LineEnds::Lf)
    }

    fn names(dir: &Dir, sub: &str) -> Vec<String> {
        let entries = std::fs::read_dir(dir.path().join(sub)).expect("there");
        let mut names: Vec<String> = entries
            .map(|entry| text(entry.expect("read").file_name().as_encoded_bytes()))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_batch_appears_at_the_commit_and_not_before() {
        for durability in [Durability::Durable, Durability::Fast] {
            run(async {
                let dir = Dir::new();
                let mut writer = writer(&dir, durability);
                for number in 0..10 {
                    let flags: &[&str] = if number == 3 { &["\\Seen", "\\Recent"] } else { &[] };
                    writer.start(&meta(flags, 1_000 + number), None).expect("started");
                    writer.write(b"a\r").expect("written");
                    writer.write(b"\nb").expect("written");
                    writer.close().expect("closed");
                }
                assert_eq!(writer.pending(), 10);
                assert_eq!(writer.pending_octets(), 30);
                assert_eq!(names(&dir, "tmp").len(), 10);
                assert!(names(&dir, "new").is_empty());
                let ids = writer.commit().await.expect("delivered");
                assert_eq!(ids.len(), 10);
                assert!(names(&dir, "tmp").is_empty());
                assert_eq!(names(&dir, "new").len(), 9);
                let cur = names(&dir, "cur");
                assert_eq!(cur, [format!("{}:2,S", ids[3])]);
                assert!(cur[0].contains(",S=3:2,"), "{cur:?}");
                let path = dir.path().join("new").join(&*ids[9].0);
                assert_eq!(std::fs::read(&path).expect("there"), b"a\nb");
                let metadata = std::fs::metadata(&path).expect("there");
                assert_eq!(metadata.mtime(), 1_009);
                assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
                assert!(writer.commit().await.expect("nothing to do").is_empty());
            });
        }
    }

    #[test]
    fn batches_are_delivered_while_more_is_written() {
        run(async {
            let dir = Dir::new();
            let mut writer = writer(&dir, Durability::Durable);
            for number in 0..25 {
                writer.start(&meta(&[], 1_000 + number), None).expect("started");
                writer.write(number.to_string().as_bytes()).expect("written");
                writer.close().expect("closed");
                if number % 10 == 9 {
                    writer.begin_commit().await.expect("begun");
                    // What was begun before is there when the next begins.
                    assert!(names(&dir, "new").len() + 10 > number as usize);
                    assert_eq!(writer.pending(), 0);
                }
            }
            let ids = writer.commit().await.expect("delivered");
            let read = |id: &Id| {
                std::fs::read_to_string(dir.path().join("new").join(&*id.0)).expect("there")
            };
            let texts: Vec<String> = ids.iter().map(read).collect();
            assert_eq!(texts, (0..25).map(|number| number.to_string()).collect::<Vec<_>>());
            assert!(names(&dir, "tmp").is_empty());
            assert!(writer.commit().await.expect("nothing to do").is_empty());
        });
    }

    #[test]
    fn what_is_not_committed_leaves_nothing() {
        run(async {
            let dir = Dir::new();
            let mut writer = writer(&dir, Durability::Durable);
            writer.start(&meta(&[], 0), None).expect("started");
            writer.write(&vec![b'x'; BUFFER_OCTETS + 1]).expect("written");
            assert_eq!(names(&dir, "tmp").len(), 1);
            // Begun anew without an end: the first one is given up.
            writer.start(&meta(&[], 0), None).expect("started");
            assert!(names(&dir, "tmp").is_empty());
            writer.close().expect("closed");
            assert_eq!(names(&dir, "tmp").len(), 1);
            drop(writer);
            assert!(names(&dir, "tmp").is_empty() && names(&dir, "new").is_empty());
        });
    }

    #[test]
    fn tokens_and_keywords_are_in_the_name() {
        run(async {
            let dir = Dir::new();
            let mut writer = writer(&dir, Durability::Fast);
            writer.start(&meta(&["$Junk", "\\Flagged"], 0), Some("run7.12")).expect("started");
            writer.close().expect("closed");
            assert!(writer.start(&meta(&[], 0), Some("a/b")).is_err());
            let ids = writer.commit().await.expect("delivered");
            assert_eq!(token(&ids[0]), Some("run7.12"));
            assert_eq!(names(&dir, "cur"), [format!("{}:2,Fa", ids[0])]);
            let keywords = std::fs::read_to_string(dir.path().join("dovecot-keywords"));
            assert_eq!(keywords.expect("there"), "0 $Junk\n");
        });
    }

    #[test]
    fn a_large_message_streams() {
        run(async {
            let dir = Dir::new();
            let mut writer = writer(&dir, Durability::Fast);
            writer.start(&meta(&[], 0), None).expect("started");
            let line = [b'y'; 998];
            for _ in 0..3_000 {
                writer.write(&line).expect("written");
                writer.write(b"\r\n").expect("written");
                assert!(writer.buffer.len() < BUFFER_OCTETS + 1_000);
            }
            writer.close().expect("closed");
            let ids = writer.commit().await.expect("delivered");
            let path = dir.path().join("new").join(&*ids[0].0);
            assert_eq!(std::fs::metadata(path).expect("there").len(), 999 * 3_000);
        });
    }
}
