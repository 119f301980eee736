//! NOTIFY (RFC 5465): events told at any time, of other mailboxes too.
//!
//! What a client has been told is kept as a picture of its mailboxes, which is compared with
//! what is there whenever something changes: events that follow each other quickly become
//! one.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::filter::Group;
use super::outcome::{Outcome, Voice};
use super::{flags, rights};
use crate::imap::syntax::code::Code;
use crate::imap::syntax::fetch::Item;
use crate::imap::syntax::mailbox::{List, Mailbox as Name, Status};
use crate::imap::syntax::notify::{Event, Notify};
use crate::imap::syntax::response::Data;
use crate::imap::syntax::{ModSeq, Uid, UidValidity};
use crate::store::memory::{Account, Mailbox, MailboxId};

/// The events that are offered; AnnotationChange needs an extension that is not.
const OFFERED: &str = "(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange \
     MailboxMetadataChange ServerMetadataChange)";

/// Which events are told of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Events {
    messages: bool,
    flags: bool,
    names: bool,
    subscriptions: bool,
    metadata: bool,
    server_metadata: bool,
}

/// Which events are told of the selected mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OfSelected {
    /// New messages and expunges.
    pub messages: bool,
    /// Changes of flags.
    pub flags: bool,
    /// Whether expunges wait for a command that allows them.
    pub delayed: bool,
    /// What is fetched of new messages.
    pub items: Vec<Item<'static>>,
}

/// What the client has been told of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    name: String,
    messages: usize,
    uid_next: u32,
    uid_validity: u32,
    modseq: u64,
    unseen: usize,
    metadata: BTreeMap<String, Vec<u8>>,
}

/// What a session wants to be told.
#[derive(Debug)]
pub(super) struct Watch {
    groups: Vec<(Group, Events)>,
    /// Of the selected mailbox; nothing where it was not named.
    pub selected: OfSelected,
    seen: BTreeMap<MailboxId, Seen>,
    subscriptions: BTreeSet<String>,
    server_metadata: BTreeMap<String, Vec<u8>>,
    version: u64,
}

/// # Errors
/// BAD and NO by RFC 5465 sections 3.1, 5 and 8.
fn read(voice: &Voice, notify: &Notify<'_>) -> Result<Watch, Outcome> {
    let mut watch = Watch {
        groups: Vec::new(),
        selected: OfSelected::default(),
        seen: BTreeMap::new(),
        subscriptions: BTreeSet::new(),
        server_metadata: BTreeMap::new(),
        version: 0,
    };
    let Notify::Set { groups, .. } = notify else { return Ok(watch) };
    let mut has_selected = false;
    for (filter, wanted) in groups {
        let group = Group::new(voice, filter)?;
        let (mut new, mut expunge, mut flag) = (false, false, false);
        let mut events = Events::default();
        let mut items = Vec::new();
        for event in wanted {
            match event {
                Event::MessageNew(fetched) => {
                    new = true;
                    items = fetched.iter().map(|item| item.clone().into_owned()).collect();
                }
                Event::MessageExpunge => expunge = true,
                Event::FlagChange => flag = true,
                Event::MailboxName => events.names = true,
                Event::SubscriptionChange => events.subscriptions = true,
                Event::MailboxMetadataChange => events.metadata = true,
                Event::ServerMetadataChange => events.server_metadata = true,
                Event::AnnotationChange | Event::Other(_) => {
                    let code = Code::Unknown {
                        name: Cow::Borrowed(b"BADEVENT"),
                        arguments: Some(Cow::Borrowed(OFFERED.as_bytes())),
                    };
                    return Err(Outcome::no("there is no such event").with(code));
                }
            }
        }
        if new != expunge || (flag && !new) {
            return Err(Outcome::bad("MessageNew and MessageExpunge go together, and with flags"));
        }
        if let Group::Selected { delayed } = group {
            if has_selected || events != Events::default() {
                return Err(Outcome::bad("the selected mailbox has message events, and once"));
            }
            has_selected = true;
            watch.selected = OfSelected { messages: new, flags: flag, delayed, items };
            continue;
        }
        if !items.is_empty() {
            return Err(Outcome::bad("only of the selected mailbox new messages are fetched"));
        }
        events.messages = new;
        events.flags = flag;
        watch.groups.push((group, events));
    }
    Ok(watch)
}

/// NOTIFY. The caller keeps what this gives; it has to say how the selected mailbox stands.
///
/// # Errors
/// What to answer where nothing was changed.
pub(super) fn notify(
    voice: &mut Voice,
    account: &Account,
    user: &str,
    selected: Option<MailboxId>,
    wanted: &Notify<'_>,
) -> Result<Watch, Outcome> {
    let mut watch = read(voice, wanted)?;
    watch.look(account, user);
    if let Notify::Set { status: true, .. } = wanted {
        for (id, seen) in &watch.seen {
            let events = watch.events(account, &seen.name);
            if (events.messages || events.flags) && selected != Some(*id) {
                let told = Told { counts: events.messages, modseq: events.flags, unseen: false };
                tell_status(voice, seen, told);
            }
        }
    }
    Ok(watch)
}

/// What a STATUS response tells beside UIDVALIDITY.
#[derive(Debug, Clone, Copy)]
struct Told {
    counts: bool,
    modseq: bool,
    unseen: bool,
}

fn tell_status(voice: &mut Voice, seen: &Seen, told: Told) {
    let number = |number: usize| Some(u32::try_from(number).unwrap_or(u32::MAX));
    let mut status = Status::new(voice.mailbox(&seen.name));
    if told.counts {
        status.messages = number(seen.messages);
        status.uid_next = Some(Uid(seen.uid_next));
    }
    if told.unseen {
        status.unseen = number(seen.unseen);
    }
    if told.modseq {
        status.highest_modseq = Some(ModSeq(seen.modseq));
    }
    status.uid_validity = Some(UidValidity(seen.uid_validity));
    voice.data(Data::MailboxStatus(status));
}

impl Seen {
    fn new(name: &str, mailbox: &Mailbox) -> Self {
        let unseen = |message: &&crate::store::memory::Message| !flags::has(message, "\\Seen");
        Self {
            name: name.to_owned(),
            messages: mailbox.messages().len(),
            uid_next: mailbox.uid_next(),
            uid_validity: mailbox.uid_validity(),
            modseq: mailbox.highest_modseq(),
            unseen: mailbox.messages().iter().filter(unseen).count(),
            metadata: mailbox.annotations().clone(),
        }
    }
}

/// The names of entries that are other than before.
fn changed(
    before: &BTreeMap<String, Vec<u8>>,
    now: &BTreeMap<String, Vec<u8>>,
) -> Vec<Cow<'static, [u8]>> {
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let differs = |name: &&&String| before.get(**name) != now.get(**name);
    let owned = |name: &String| Cow::Owned(name.clone().into_bytes());
    names.iter().filter(differs).map(|name| owned(name)).collect()
}

impl Watch {
    /// Whether anything of other mailboxes is wanted.
    fn is_idle(&self) -> bool {
        self.groups.is_empty()
    }

    /// What is told of a name: by any group that it is in.
    fn events(&self, account: &Account, name: &str) -> Events {
        let mut all = Events::default();
        for (_, events) in self.groups.iter().filter(|(group, _)| group.has(account, name)) {
            all.messages |= events.messages;
            all.flags |= events.flags;
            all.names |= events.names;
            all.subscriptions |= events.subscriptions;
            all.metadata |= events.metadata;
        }
        all
    }

    /// Takes what is there now for told.
    pub fn look(&mut self, account: &Account, user: &str) {
        if self.is_idle() {
            return;
        }
        self.version = account.version();
        let visible =
            |(_, mailbox): &(&str, &Mailbox)| rights::has(account, mailbox.id(), user, 'l');
        self.seen = account
            .mailboxes()
            .filter(visible)
            .map(|(name, mailbox)| (mailbox.id(), Seen::new(name, mailbox)))
            .collect();
        self.subscriptions = account.subscriptions().map(str::to_owned).collect();
        self.server_metadata = account.annotations().clone();
    }

    /// Tells what has changed since the last look, the messages of the selected mailbox
    /// aside.
    pub fn tell(
        &mut self,
        voice: &mut Voice,
        account: &Account,
        user: &str,
        selected: Option<MailboxId>,
    ) {
        if self.is_idle() || self.version == account.version() {
            return;
        }
        let seen = std::mem::take(&mut self.seen);
        let subscriptions = std::mem::take(&mut self.subscriptions);
        let server_metadata = std::mem::take(&mut self.server_metadata);
        self.look(account, user);
        self.tell_names(voice, account, &seen);
        for name in subscriptions.symmetric_difference(&self.subscriptions) {
            if self.events(account, name).subscriptions {
                tell_list(voice, account, name, None);
            }
        }
        for (id, now) in &self.seen {
            let Some(before) = seen.get(id) else { continue };
            let events = self.events(account, &now.name);
            if selected != Some(*id) {
                self.tell_messages(voice, before, now, events);
            }
            let entries = changed(&before.metadata, &now.metadata);
            if events.metadata && !entries.is_empty() {
                let mailbox = voice.mailbox(&now.name);
                voice.data(Data::MetadataChanged { mailbox, entries });
            }
        }
        let entries = changed(&server_metadata, &self.server_metadata);
        if self.groups.iter().any(|(_, events)| events.server_metadata) && !entries.is_empty() {
            let mailbox = Name(Cow::Borrowed(b""));
            voice.data(Data::MetadataChanged { mailbox, entries });
        }
    }

    fn tell_messages(&self, voice: &mut Voice, before: &Seen, now: &Seen, events: Events) {
        let counts = before.messages != now.messages
            || before.uid_next != now.uid_next
            || before.uid_validity != now.uid_validity;
        let flags = before.modseq != now.modseq && !counts;
        let unseen = before.unseen != now.unseen;
        if events.messages && counts {
            let told = Told { counts: true, modseq: voice.enabled.condstore, unseen: false };
            tell_status(voice, now, told);
        } else if events.flags && flags && (voice.enabled.condstore || unseen) {
            tell_status(
                voice,
                now,
                Told { counts: false, modseq: voice.enabled.condstore, unseen },
            );
        }
    }

    fn tell_names(&self, voice: &mut Voice, account: &Account, before: &BTreeMap<MailboxId, Seen>) {
        let mut parents = BTreeSet::new();
        let parent = |name: &str| name.rsplit_once('/').map(|(above, _)| above.to_owned());
        let renamed: BTreeSet<&str> = self
            .seen
            .iter()
            .filter_map(|(id, now)| Some((before.get(id)?, now)))
            .filter(|(old, now)| old.name != now.name)
            .map(|(old, _)| old.name.as_str())
            .collect();
        for (id, now) in &self.seen {
            match before.get(id) {
                None => {
                    if self.events(account, &now.name).names {
                        tell_list(voice, account, &now.name, None);
                        parents.extend(parent(&now.name));
                    }
                }
                Some(old) if old.name != now.name => {
                    // RFC 5465 section 5.4: nothing is told of what stands below.
                    let with_parent =
                        parent(&old.name).is_some_and(|p| renamed.contains(p.as_str()));
                    let wanted = self.events(account, &now.name).names
                        || self.events(account, &old.name).names;
                    if wanted && !with_parent {
                        tell_list(voice, account, &now.name, Some(&old.name));
                    }
                }
                Some(_) => {}
            }
        }
        for (_, old) in before.iter().filter(|(id, _)| !self.seen.contains_key(id)) {
            let replaced = account.find(&old.name).is_some();
            if self.events(account, &old.name).names && !replaced {
                tell_list(voice, account, &old.name, None);
                parents.extend(parent(&old.name));
            }
        }
        for name in parents {
            if self.events(account, &name).names {
                tell_list(voice, account, &name, None);
            }
        }
    }
}

/// A LIST response with all that is true of a name.
fn tell_list(voice: &mut Voice, account: &Account, name: &str, old: Option<&str>) {
    let mailbox = account.find(name).and_then(|id| account.mailbox(id));
    let mut attributes: Vec<Cow<'static, [u8]>> = Vec::new();
    match mailbox {
        None => attributes.push(Cow::Borrowed(b"\\NonExistent")),
        Some(mailbox) if !mailbox.is_selectable() => {
            attributes.push(Cow::Borrowed(b"\\Noselect"));
        }
        Some(_) => {}
    }
    if account.is_subscribed(name) {
        attributes.push(Cow::Borrowed(b"\\Subscribed"));
    }
    if mailbox.is_some() {
        let level: &[u8] =
            if account.has_children(name) { b"\\HasChildren" } else { b"\\HasNoChildren" };
        attributes.push(Cow::Borrowed(level));
    }
    let extended = match old {
        None => Vec::new(),
        Some(old) => {
            let mut value = b"(".to_vec();
            value.extend_from_slice(&quoted(&voice.mailbox(old).0));
            value.push(b')');
            vec![(Cow::Borrowed(&b"OLDNAME"[..]), Cow::Owned(value))]
        }
    };
    let mailbox = voice.mailbox(name);
    voice.data(Data::List(List { attributes, delimiter: Some(b'/'), mailbox, extended }));
}

/// A name within extended data, as a quoted string.
fn quoted(name: &[u8]) -> Vec<u8> {
    let mut out = b"\"".to_vec();
    for octet in name {
        if matches!(octet, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*octet);
    }
    out.push(b'"');
    out
}
