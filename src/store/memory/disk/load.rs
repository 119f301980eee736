//! A tree read at the start: what the ledger and the indexes say, put right by what is there.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::records::{Head, Kept, Ledger, Record, VERSION};
use super::{
    DOOMED, Disk, Filed, Folder, INDEX, LEDGER, file_name, head, kept_messages, list, make_folder,
};
use crate::store::line_ends::crlf;
use crate::store::maildir::Layout;
use crate::store::maildir::layout::is_maildir;
use crate::store::maildir::name::{Info, by_delivery, split};
use crate::store::memory::account::MailboxId;
use crate::store::memory::mailbox::{Mailbox, Message};
use crate::store::{Flags, Received};

/// What a tree holds.
#[derive(Debug)]
pub(in super::super) struct Loaded {
    /// The tree.
    pub disk: Disk,
    /// Its ledger.
    pub ledger: Ledger,
    /// Whether it had no ledger, and held no Maildir either.
    pub is_new: bool,
    /// The mailboxes that hold messages, by name; those that the ledger knows have its
    /// number, UIDVALIDITY and name.
    pub mailboxes: Vec<(String, Mailbox)>,
}

/// An index as it was read.
#[derive(Debug, Default)]
struct Read {
    head: Head,
    messages: BTreeMap<u32, Kept>,
}

impl Disk {
    /// Opens the tree at `root`; one that is not there is made. `next_email` numbers
    /// messages that other programs have delivered.
    ///
    /// # Errors
    /// `WouldBlock` where another server has it open; `InvalidData` for files of ours that
    /// cannot be read; what the system says.
    pub(in super::super) fn open(
        root: &Path,
        now: Received,
        mut email: impl FnMut() -> String,
        first_uid_validity: u32,
    ) -> io::Result<Loaded> {
        let is_new = !root.join(LEDGER).exists() && !is_maildir(root);
        let mut disk = Self::lock(root)?;
        sweep(root)?;
        let mut ledger = read_ledger(&root.join(LEDGER))?;
        ledger.next_uid_validity = ledger.next_uid_validity.max(first_uid_validity);
        disk.finish_renames(&ledger)?;
        let mut mailboxes = Vec::new();
        let folders = Layout::MaildirPlusPlus.folders(root).map_err(io::Error::other)?;
        for (name, place) in folders {
            if !place.selectable || !is_maildir(&place.path) {
                continue;
            }
            make_folder(&place.path)?;
            let read = read_index(&place.path.join(INDEX))?;
            let known = ledger.mailboxes.iter().find(|entry| entry.name == name);
            let (id, uid_validity) = match (&read, known) {
                (_, Some(entry)) => (entry.id, entry.uid_validity),
                (Some(read), None) if !taken(&ledger, read.head.id) => {
                    (read.head.id, read.head.uid_validity)
                }
                _ => {
                    ledger.next_mailbox += 1;
                    ledger.next_uid_validity += 1;
                    (ledger.next_mailbox - 1, ledger.next_uid_validity - 1)
                }
            };
            ledger.next_mailbox = ledger.next_mailbox.max(id + 1);
            ledger.next_uid_validity = ledger.next_uid_validity.max(uid_validity.saturating_add(1));
            // The index of another mailbox speaks of other UIDs.
            let read = read.filter(|read| read.head.id == id);
            let id = MailboxId::from_number(id);
            let (mailbox, folder) = open_folder(
                &place.path,
                id,
                uid_validity,
                read.unwrap_or_default(),
                now,
                &mut email,
            )?;
            disk.folders.insert(id, folder);
            mailboxes.push((name, mailbox));
        }
        Ok(Loaded { disk, ledger, mailboxes, is_new })
    }

    /// Renames folders to the names that the ledger has for their mailboxes.
    fn finish_renames(&self, ledger: &Ledger) -> io::Result<()> {
        let mut places: HashMap<u64, PathBuf> = HashMap::new();
        for (_, place) in Layout::MaildirPlusPlus.folders(&self.root).map_err(io::Error::other)? {
            if let Some(read) = read_index(&place.path.join(INDEX))? {
                places.insert(read.head.id, place.path);
            }
        }
        for entry in ledger.mailboxes.iter().filter(|entry| entry.selectable) {
            let expected = self.directory(&entry.name)?;
            if let Some(path) = places.get(&entry.id)
                && *path != expected
                && *path != self.root
                && !expected.exists()
            {
                std::fs::rename(path, expected)?;
            }
        }
        Ok(())
    }
}

/// Takes folders away whose deletion was interrupted.
fn sweep(root: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(DOOMED.as_bytes()) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn taken(ledger: &Ledger, id: u64) -> bool {
    id == 0 || ledger.mailboxes.iter().any(|entry| entry.id == id)
}

fn invalid(path: &Path, why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.display()))
}

fn read_ledger(path: &Path) -> io::Result<Ledger> {
    let content = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Ledger { version: VERSION, next_mailbox: 1, ..Ledger::default() });
        }
        content => content?,
    };
    let ledger: Ledger = serde_json::from_slice(&content).map_err(|error| invalid(path, error))?;
    if ledger.version > VERSION {
        return Err(invalid(path, "it was written by a newer version"));
    }
    Ok(ledger)
}

/// Reads an index; `None` where there is none. What stands behind the last line end was not
/// told to anybody.
fn read_index(path: &Path) -> io::Result<Option<Read>> {
    let content = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        content => content?,
    };
    let mut read = Read::default();
    let mut lines = content.split_inclusive(|octet| *octet == b'\n').enumerate();
    let whole = |line: &[u8]| line.ends_with(b"\n");
    for (number, line) in lines.by_ref().take_while(|(_, line)| whole(line)) {
        let record = serde_json::from_slice(line)
            .map_err(|error| invalid(path, format_args!("line {}: {error}", number + 1)))?;
        read.apply(record);
    }
    if read.head.version > VERSION {
        return Err(invalid(path, "it was written by a newer version"));
    }
    Ok((read.head.version > 0).then_some(read))
}

impl Read {
    fn apply(&mut self, record: Record) {
        let head = &mut self.head;
        match record {
            Record::Folder(first) => *head = first,
            Record::Add(messages) => {
                for message in messages {
                    head.uid_next = head.uid_next.max(message.uid.saturating_add(1));
                    head.modseq = head.modseq.max(message.modseq);
                    self.messages.insert(message.uid, message);
                }
            }
            Record::Flags(marked) => {
                for marked in marked {
                    head.modseq = head.modseq.max(marked.modseq);
                    if let Some(message) = self.messages.get_mut(&marked.uid) {
                        message.modseq = marked.modseq;
                        message.flags = marked.flags;
                    }
                }
            }
            Record::Gone { modseq, uids } => {
                head.modseq = head.modseq.max(modseq);
                for (first, last) in uids {
                    head.vanished.push((modseq, first, last));
                    let gone: Vec<u32> =
                        self.messages.range(first..=last.max(first)).map(|(uid, _)| *uid).collect();
                    for uid in gone {
                        self.messages.remove(&uid);
                    }
                }
            }
            Record::Recent(from) => head.recent_from = from,
        }
    }
}

/// Puts index and files together: what is in the index and in neither place is expunged,
/// what is in `tmp` is brought to `cur`, and what no index knows gets a UID.
fn open_folder(
    path: &Path,
    id: MailboxId,
    uid_validity: u32,
    read: Read,
    now: Received,
    email: &mut impl FnMut() -> String,
) -> io::Result<(Mailbox, Folder)> {
    let mut there = list(path, &["new", "cur"])?;
    let unfinished = list(path, &["tmp"])?;
    let mut mailbox = Mailbox::restored(id, uid_validity, &read.head);
    let mut files = HashMap::new();
    let mut gone = Vec::new();
    let mut renamed = Vec::new();
    for kept in read.messages.into_values() {
        let mut flags: Flags = kept.flags.iter().collect();
        let found = match (there.remove(&kept.file), unfinished.get(&kept.file)) {
            (Some(found), _) => found,
            (None, Some(from)) => {
                let to = file_name(&kept.file, None, &flags);
                std::fs::rename(path.join(from), path.join(&to))?;
                to
            }
            (None, None) => {
                gone.push(kept.uid);
                continue;
            }
        };
        let told = letters(&found).system_flags();
        let mut changed = false;
        for letter in ["\\Draft", "\\Flagged", "$Forwarded", "\\Answered", "\\Seen", "\\Deleted"] {
            if told.has(letter) != flags.has(letter) {
                changed = true;
                if told.has(letter) { flags.insert(letter) } else { flags.remove(letter) }
            }
        }
        if changed {
            renamed.push(kept.uid);
        }
        let octets = read_message(&path.join(&found), kept.foreign)?;
        mailbox.restore(Message {
            uid: kept.uid,
            modseq: kept.modseq,
            flags,
            received: Received { seconds: kept.received, offset_seconds: kept.offset },
            saved: kept.saved,
            email_id: kept.email,
            octets: octets.into(),
        });
        files.insert(kept.uid, Filed { unique: kept.file, path: found, foreign: kept.foreign });
    }
    mailbox.restore_changes(&renamed, &gone);
    let mut strangers: Vec<(String, PathBuf)> = there.into_iter().collect();
    strangers.sort_by(|one, other| by_delivery(&one.0, &other.0));
    let mut adopted = Vec::with_capacity(strangers.len());
    for (unique, found) in strangers {
        let file = path.join(&found);
        let octets = read_message(&file, true)?;
        let received = seconds(std::fs::metadata(&file)?.modified()?, now);
        adopted.push((
            Message {
                uid: 0,
                modseq: 0,
                flags: letters(&found).system_flags(),
                received,
                saved: now.seconds,
                email_id: email(),
                octets: octets.into(),
            },
            Filed { unique, path: found, foreign: true },
        ));
    }
    let (messages, filed): (Vec<Message>, Vec<Filed>) = adopted.into_iter().unzip();
    if mailbox.has_room(messages.len()) {
        for (uid, filed) in mailbox.add(messages).into_iter().zip(filed) {
            files.insert(uid, filed);
        }
    }
    let messages = kept_messages(mailbox.messages(), &files);
    let folder = Folder::snapshot(path, head(&mailbox), &messages, files)?;
    Ok((mailbox, folder))
}

fn letters(path: &Path) -> Info {
    let name = path.file_name().unwrap_or_default();
    Info::parse(split(name.as_encoded_bytes()).1)
}

/// A message; the line ends of one that another program delivered are made CRLF.
fn read_message(path: &Path, foreign: bool) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut octets = Vec::new();
    io::Read::read_to_end(&mut file, &mut octets)?;
    Ok(if foreign { crlf(&octets) } else { octets })
}

/// A file's time as a message's date.
fn seconds(time: SystemTime, now: Received) -> Received {
    let since = time.duration_since(UNIX_EPOCH).ok();
    let seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok());
    Received { seconds: seconds.unwrap_or(now.seconds), offset_seconds: 0 }
}
