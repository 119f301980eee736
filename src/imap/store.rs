//! An IMAP account as a [`Store`]: messages named by their UIDs in decimal.
//!
//! Ids hold as long as the folder's UIDVALIDITY. Folder names are the user's, with `/` between
//! levels; [`Names`] maps them. What a server cannot do is done another way where that loses
//! nothing.

use async_trait::async_trait;

use crate::imap::client::append::Appended;
use crate::imap::client::changes::Message;
use crate::imap::client::fetch::Wanted;
use crate::imap::client::folders::{Listing, Names};
use crate::imap::client::gather::Part;
use crate::imap::client::messages::FlagUpdate;
use crate::imap::client::survey::{Point, Surveyed};
use crate::imap::client::{self, Client, Selected};
use crate::imap::syntax::command::Action;
use crate::imap::syntax::fetch::{Section, SectionText};
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::{ModSeq, UidValidity};
use crate::store::{
    Changes, Deleted, Error, FlagChange, Folder, Id, Keeps, Listed, Result, Since, Sink, Source,
    Spool, Status, Store, What, pattern,
};

/// Attributes of the base RFC, which are no special use.
const PLAIN_ATTRIBUTES: [&str; 10] = [
    "\\Noselect",
    "\\NonExistent",
    "\\Noinferiors",
    "\\HasChildren",
    "\\HasNoChildren",
    "\\Marked",
    "\\Unmarked",
    "\\Subscribed",
    "\\Remote",
    "\\Recent",
];

/// An account of one session.
pub struct Account {
    client: Client,
    names: Names,
    with_sizes: bool,
}

impl Account {
    /// Takes a session that is logged in, and asks how the server names folders.
    ///
    /// # Errors
    /// The connection's errors.
    pub async fn new(mut client: Client) -> std::result::Result<Self, client::Error> {
        let names = client.names().await?;
        Ok(Self { client, names, with_sizes: true })
    }

    /// The same without asking: folders are named as the server names them, with `/`.
    #[cfg(test)]
    pub(crate) fn over(client: Client) -> Self {
        Self { client, names: Names::new("", Some('/'), false), with_sizes: true }
    }

    /// Whether listings ask for sizes. A server may have to open every message for that.
    pub fn set_with_sizes(&mut self, with_sizes: bool) {
        self.with_sizes = with_sizes;
    }

    /// The session, for what only IMAP can do.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// The ids of all messages of the selected folder, oldest first.
    ///
    /// # Errors
    /// The connection's errors.
    pub async fn ids(&mut self) -> Result<Vec<Id>> {
        Ok(self.client.list_uids().await?.into_iter().map(id).collect())
    }

    /// How folder names are mapped.
    pub fn names(&self) -> &Names {
        &self.names
    }

    fn no_folder(folder: &str, error: client::Error) -> Error {
        if error.is_no_mailbox() { Error::NoFolder(folder.to_owned()) } else { error.into() }
    }

    /// Why a folder could not be selected: Dovecot has no code (RFC 5530) for one that is not
    /// there, so the list of folders decides.
    async fn unselected(
        &mut self,
        folder: &str,
        mailbox: &Mailbox<'_>,
        error: client::Error,
    ) -> Error {
        let is_unexplained =
            matches!(&error, client::Error::Refused { reply, .. } if reply.code.is_none());
        if is_unexplained
            && let Ok(listed) = self.client.list().await
            && listed.iter().all(|listing| *listing.mailbox.0 != *mailbox.0)
        {
            return Error::NoFolder(folder.to_owned());
        }
        Self::no_folder(folder, error)
    }

    fn status(&self) -> Result<Status> {
        Ok(status(self.client.selected().ok_or(client::Error::NothingSelected)?))
    }

    fn folder(&self, listing: &Listing) -> Option<Folder> {
        let special_use = listing
            .attributes
            .iter()
            .filter(|attribute| !PLAIN_ATTRIBUTES.iter().any(|p| attribute.eq_ignore_ascii_case(p)))
            .cloned();
        Some(Folder {
            name: self.names.to_folder(&listing.mailbox)?,
            special_use: special_use.collect(),
            selectable: !listing.has("\\Noselect") && !listing.has("\\NonExistent"),
            subscribed: listing.subscribed,
            status: listing.status,
            mailbox_id: listing.mailbox_id.clone(),
            stamp: None,
        })
    }
}

/// Which flags a mailbox keeps. Where it cannot be changed at all, nothing is told of that:
/// Dovecot answers EXAMINE with an empty list.
fn keeps(selected: &Selected) -> Keeps {
    match &selected.permanent_flags {
        Some(flags) if !selected.read_only => {
            Keeps::These { flags: flags.clone(), may_make: selected.any_keyword }
        }
        _ => Keeps::Untold,
    }
}

fn status(selected: &Selected) -> Status {
    Status {
        messages: u64::from(selected.exists),
        unseen: None,
        uid_validity: selected.uid_validity.0,
        uid_next: selected.uid_next.map_or(0, |uid| uid.0),
        highest_modseq: selected.highest_modseq.map(|modseq| modseq.0),
        size: None,
        stamp: None,
    }
}

/// UIDs in ascending order, without repetition; an id that never was one here is left out.
fn uids(ids: &[Id]) -> Vec<u32> {
    let mut uids = in_order(ids);
    uids.sort_unstable();
    uids.dedup();
    uids
}

fn in_order(ids: &[Id]) -> Vec<u32> {
    ids.iter().filter_map(|id| id.0.parse().ok()).filter(|uid| *uid > 0).collect()
}

fn id(uid: u32) -> Id {
    Id::number(uid.into())
}

/// What a survey of one folder means to who knew it before.
fn changes_of(surveyed: Surveyed, since: Option<&Since>) -> Changes {
    let Surveyed { selected, messages, vanished, present } = surveyed;
    let (status, keeps) = (status(&selected), keeps(&selected));
    let since = since.filter(|since| since.uid_validity == status.uid_validity);
    let known = since.map(|since| uids(&since.known)).unwrap_or_default();
    let complete = vanished.is_none() && present.is_none();
    let gone = match (vanished, present) {
        (Some(ranges), _) => client::changes::within(&known, &ranges),
        (None, Some(present)) => {
            known.into_iter().filter(|uid| present.binary_search(uid).is_err()).collect()
        }
        (None, None) => {
            let is_here = |uid: &u32| messages.binary_search_by_key(uid, |m| m.uid).is_ok();
            known.into_iter().filter(|uid| !is_here(uid)).collect()
        }
    };
    Changes {
        status,
        changed: messages.into_iter().map(listed).collect(),
        vanished: gone.into_iter().map(id).collect(),
        complete,
        keeps,
    }
}

fn listed(message: Message) -> Listed {
    Listed { id: id(message.uid), size: message.size, flags: Some(message.flags) }
}

/// The new ids in the order of the ids that were asked for.
fn places(ids: &[Id], asked: &[u32], found: &[Option<Appended>]) -> Vec<Option<Id>> {
    ids.iter()
        .map(|id| {
            let uid: u32 = id.0.parse().ok()?;
            let at = asked.binary_search(&uid).ok()?;
            found.get(at).copied().flatten().map(|place| self::id(place.uid))
        })
        .collect()
}

/// What to fetch.
fn wanted(what: &What) -> Result<Wanted> {
    let of_section = |section: Section<'static>| Wanted { section, ..Wanted::whole() };
    Ok(match what {
        What::Whole => Wanted::whole(),
        What::Headers => Wanted::headers(),
        What::HeaderFields(names) => of_section(Section {
            part: Vec::new(),
            text: SectionText::HeaderFields(
                names.iter().map(|name| name.as_bytes().to_vec().into()).collect(),
            ),
        }),
        What::Section(text) => of_section(section(text)?),
        What::Partial { section: text, offset, octets } => Wanted {
            // RFC 9051 has no way to say "to the end": its largest number does.
            partial: Some((*offset, octets.unwrap_or(u64::from(u32::MAX)).max(1))),
            ..of_section(section(text)?)
        },
    })
}

/// A section from its text, such as `1.2.MIME`.
fn section(text: &str) -> Result<Section<'static>> {
    Section::from_text(text)
        .ok_or(Error::Unsupported { store: "an IMAP server", operation: "read that section" })
}

#[async_trait(?Send)]
impl Spool for Account {
    async fn list(&mut self) -> Result<Vec<Listed>> {
        let messages = self.client.list_messages(self.with_sizes).await?;
        Ok(messages.into_iter().map(listed).collect())
    }

    async fn read(&mut self, ids: &[Id], what: &What, sink: &mut dyn Sink) -> Result<()> {
        Ok(self.client.fetch(&uids(ids), &wanted(what)?, sink).await?)
    }

    async fn delete(&mut self, ids: &[Id]) -> Result<Deleted> {
        Ok(self.client.expunge(&uids(ids)).await?)
    }

    async fn finish(&mut self) -> Result<()> {
        Ok(self.client.logout().await?)
    }
}

#[async_trait(?Send)]
impl Store for Account {
    async fn folders(&mut self, patterns: &[String]) -> Result<Vec<Folder>> {
        if self.client.selected().is_some() {
            // Of the selected mailbox a session is told what it has seen itself (Dovecot: a
            // STATUS beside another client's APPEND): so it looks first.
            self.client.noop().await?;
        }
        let listings = self.client.list().await?;
        let folders = listings.iter().filter_map(|listing| self.folder(listing));
        Ok(folders.filter(|folder| pattern::matches_any(patterns, &folder.name)).collect())
    }

    async fn create(&mut self, folders: &[String]) -> Result<()> {
        let mut mailboxes = Vec::with_capacity(folders.len());
        for folder in folders {
            mailboxes.push((self.names.to_mailbox(folder)?, None));
        }
        Ok(self.client.create(&mailboxes).await?)
    }

    async fn create_for(&mut self, folders: &[(String, Option<String>)]) -> Result<()> {
        let mut mailboxes = Vec::with_capacity(folders.len());
        for (folder, special_use) in folders {
            mailboxes.push((self.names.to_mailbox(folder)?, special_use.as_deref()));
        }
        match self.client.create(&mailboxes).await {
            // A use that the server has no place for: the folders count more.
            Err(client::Error::Refused { .. }) if folders.iter().any(|(_, it)| it.is_some()) => {
                let names: Vec<String> = folders.iter().map(|(name, _)| name.clone()).collect();
                self.create(&names).await
            }
            made => Ok(made?),
        }
    }

    async fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let (old, new) = (self.names.to_mailbox(from)?, self.names.to_mailbox(to)?);
        self.client.rename(&old, &new).await.map_err(|error| Self::no_folder(from, error))
    }

    async fn remove(&mut self, folders: &[String]) -> Result<()> {
        let mailboxes = folders
            .iter()
            .map(|folder| self.names.to_mailbox(folder))
            .collect::<Result<Vec<_>>>()?;
        if let Some(selected) = self.client.selected()
            && mailboxes.iter().any(|mailbox| *mailbox.0 == *selected.mailbox)
        {
            self.client.unselect().await?;
        }
        let result = self.client.delete(&mailboxes).await;
        result.map_err(|error| match folders {
            [folder] => Self::no_folder(folder, error),
            _ => error.into(),
        })
    }

    async fn subscribe(&mut self, folders: &[String], subscribed: bool) -> Result<()> {
        let mailboxes = folders
            .iter()
            .map(|folder| self.names.to_mailbox(folder))
            .collect::<Result<Vec<_>>>()?;
        Ok(self.client.subscribe(&mailboxes, subscribed).await?)
    }

    async fn select(&mut self, folder: &str, read_only: bool) -> Result<Status> {
        let mailbox = self.names.to_mailbox(folder)?;
        match self.client.select(&mailbox, read_only).await {
            Ok(_) => self.status(),
            Err(error) => Err(self.unselected(folder, &mailbox, error).await),
        }
    }

    async fn changes(&mut self, since: Option<&Since>) -> Result<Changes> {
        // HIGHESTMODSEQ is of the moment of selection, and so is UIDNEXT.
        if self.client.selected().is_some_and(|selected| selected.is_stale) {
            self.client.reselect().await?;
        }
        let status = self.status()?;
        let keeps = self.client.selected().map(keeps).unwrap_or_default();
        let since = since.filter(|since| since.uid_validity == status.uid_validity);
        if let Some(since) = since
            && let (Some(modseq), Some(highest)) = (since.modseq, status.highest_modseq)
        {
            let known = uids(&since.known);
            // Nothing has happened, and nothing has to be asked: an expunge counts as a change
            // under QRESYNC; without it, the number of messages tells.
            let same_count = known.len() as u64 == status.messages;
            if highest == modseq && (same_count || self.client.has_qresync()) {
                return Ok(Changes { status, keeps, ..Changes::default() });
            }
            let changed = self.client.changed_since(ModSeq(modseq), &known).await?;
            return Ok(Changes {
                status,
                changed: changed.messages.into_iter().map(listed).collect(),
                vanished: changed.vanished.into_iter().map(id).collect(),
                complete: false,
                keeps,
            });
        }
        let messages = self.client.list_messages(false).await?;
        let is_here = |uid: &u32| messages.binary_search_by_key(uid, |m| m.uid).is_ok();
        let known = since.map(|since| uids(&since.known)).unwrap_or_default();
        let vanished = known.into_iter().filter(|uid| !is_here(uid)).map(id).collect();
        let changed = messages.into_iter().map(listed).collect();
        Ok(Changes { status, changed, vanished, complete: true, keeps })
    }

    async fn survey(
        &mut self,
        folders: &[(String, Option<Since>)],
        read_only: bool,
    ) -> Result<Vec<Changes>> {
        let mut wanted = Vec::with_capacity(folders.len());
        for (folder, since) in folders {
            let point = since.as_ref().and_then(|since| {
                let modseq = ModSeq(since.modseq?);
                Some(Point { uid_validity: UidValidity(since.uid_validity), modseq })
            });
            wanted.push((self.names.to_mailbox(folder)?, point));
        }
        let mut found = Vec::with_capacity(folders.len());
        for (surveyed, (folder, since)) in
            self.client.survey(&wanted, read_only).await?.into_iter().zip(folders)
        {
            found.push(match surveyed {
                Some(surveyed) => changes_of(surveyed, since.as_ref()),
                // One that did not answer as the others did is asked by itself.
                None => {
                    self.select(folder, read_only).await?;
                    self.changes(since.as_ref()).await?
                }
            });
        }
        Ok(found)
    }

    async fn gather(
        &mut self,
        folders: &[(String, u32, Vec<Id>)],
        sinks: &mut [&mut dyn Sink],
    ) -> Result<Vec<bool>> {
        let mut parts = Vec::with_capacity(folders.len());
        for (folder, uid_validity, ids) in folders {
            let (mailbox, uids) = (self.names.to_mailbox(folder)?, uids(ids));
            parts.push(Part { mailbox, uid_validity: UidValidity(*uid_validity), uids });
        }
        Ok(self.client.gather(&parts, sinks).await?)
    }

    fn may_store_late(&self) -> bool {
        true
    }

    fn append_limit(&self) -> Option<u64> {
        self.client.capabilities().append_limit()
    }

    async fn append(&mut self, folder: &str, messages: &mut dyn Source) -> Result<Vec<Option<Id>>> {
        let mailbox = self.names.to_mailbox(folder)?;
        let places = self.client.append(&mailbox, messages).await;
        let places = places.map_err(|error| Self::no_folder(folder, error))?;
        Ok(places.into_iter().map(|place| place.map(|place| id(place.uid))).collect())
    }

    async fn flag(&mut self, changes: &[FlagChange]) -> Result<()> {
        let mut updates = Vec::with_capacity(changes.len());
        for FlagChange { ids, add, remove } in changes {
            for (action, flags) in [(Action::Add, add), (Action::Remove, remove)] {
                updates.push(FlagUpdate { uids: uids(ids), action, flags: flags.clone() });
            }
        }
        Ok(self.client.store(&updates).await?)
    }

    async fn copy(&mut self, ids: &[Id], folder: &str) -> Result<Vec<Option<Id>>> {
        let (mailbox, asked) = (self.names.to_mailbox(folder)?, uids(ids));
        let found = self.client.copy(&asked, &mailbox).await;
        let found = found.map_err(|error| Self::no_folder(folder, error))?;
        Ok(places(ids, &asked, &found))
    }

    async fn move_to(&mut self, ids: &[Id], folder: &str) -> Result<Vec<Option<Id>>> {
        let (mailbox, asked) = (self.names.to_mailbox(folder)?, uids(ids));
        let found = self.client.move_to(&asked, &mailbox).await;
        let (found, _) = found.map_err(|error| Self::no_folder(folder, error))?;
        Ok(places(ids, &asked, &found))
    }

    async fn wait(&mut self, limit: std::time::Duration) -> Result<bool> {
        Ok(self.client.wait_for_change(limit).await?)
    }
}
