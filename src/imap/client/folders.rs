//! Mailboxes: LIST, STATUS, SELECT and the commands that make, name and remove them.
//!
//! RFC 9051 sections 6.3.1 to 6.3.11, RFC 5258 (LIST-EXTENDED), RFC 5819 (LIST-STATUS), RFC 6154
//! (SPECIAL-USE), RFC 7162 (CONDSTORE). Names here are the server's own; [`Names`] maps them.

use std::borrow::Cow;

use super::{Client, Error, Reply, Selected};
use crate::imap::syntax::command::{
    Command, List as ListCommand, ListReturn, SelectParameter, Word,
};
use crate::imap::syntax::mailbox::{Mailbox, StatusItem};
use crate::imap::syntax::response::{Condition, Data};
use crate::imap::syntax::{ModSeq, UidValidity};
use crate::store;

/// One mailbox of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The name on the wire.
    pub mailbox: Mailbox<'static>,
    /// The hierarchy delimiter; `None` where the name space is flat.
    pub delimiter: Option<u8>,
    /// Attributes with their backslash.
    pub attributes: Vec<String>,
    /// Whether it is subscribed to, where known.
    pub subscribed: Option<bool>,
    /// How it stands, where the listing told.
    pub status: Option<store::Status>,
    /// Its identity (RFC 8474), where the listing told.
    pub mailbox_id: Option<String>,
}

impl Listing {
    /// Whether `attribute` (with its backslash) is there, in any case.
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|each| each.eq_ignore_ascii_case(attribute))
    }
}

/// What is told in answer to [`Client::listing`].
#[derive(Default)]
pub(super) struct Listed {
    extended: bool,
    listings: Vec<Listing>,
    subscribed: Vec<Mailbox<'static>>,
    statuses: Vec<(Mailbox<'static>, (store::Status, Option<String>))>,
}

impl Listed {
    pub(super) fn new(extended: bool) -> Self {
        Self { extended, ..Self::default() }
    }

    pub(super) fn take(&mut self, data: &Data<'_>) {
        match data {
            Data::List(list) => self.listings.push(Listing {
                mailbox: list.mailbox.clone().into_owned(),
                delimiter: list.delimiter,
                attributes: list
                    .attributes
                    .iter()
                    .map(|each| String::from_utf8_lossy(each).into_owned())
                    .collect(),
                subscribed: self.extended.then(|| list.has("\\Subscribed")),
                status: None,
                mailbox_id: None,
            }),
            Data::Lsub(list) => self.subscribed.push(list.mailbox.clone().into_owned()),
            Data::MailboxStatus(status) => {
                let id = status.mailbox_id.as_deref();
                let id = id.map(|id| String::from_utf8_lossy(id).into_owned());
                self.statuses.push((status.mailbox.clone().into_owned(), (to_status(status), id)));
            }
            _ => {}
        }
    }

    /// The mailboxes; `results`: how the commands ended.
    pub(super) fn finish(self, results: Vec<Result<Reply, Error>>) -> Result<Vec<Listing>, Error> {
        let Self { extended, mut listings, subscribed, statuses } = self;
        for (i, result) in results.into_iter().enumerate() {
            // LSUB may be refused: subscriptions are then not known.
            let knows_subscriptions = result.is_ok() && !extended && i == 1;
            if i == 0 {
                result?;
            }
            if knows_subscriptions {
                for listing in &mut listings {
                    listing.subscribed = Some(subscribed.contains(&listing.mailbox));
                }
            }
        }
        // Sorted, as a server may list many thousand mailboxes and tell their status apart.
        let key = |mailbox: &Mailbox<'_>| match mailbox.is_inbox() {
            true => b"INBOX".to_vec(),
            false => mailbox.0.to_vec(),
        };
        let statuses: std::collections::HashMap<_, _> =
            statuses.into_iter().map(|(mailbox, status)| (key(&mailbox), status)).collect();
        for listing in &mut listings {
            if let Some((status, id)) = statuses.get(&key(&listing.mailbox)) {
                (listing.status, listing.mailbox_id) = (Some(*status), id.clone());
            }
        }
        Ok(listings)
    }
}

/// Maps the user's folder names (UTF-8, `/` between levels, no prefix) to the server's.
///
/// A `/` within a level becomes `%2F`, and a `%` that would look like that becomes `%25`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// What the names of personal mailboxes begin with, in text, such as `INBOX.`.
    prefix: String,
    /// What the names of other users' and shared mailboxes begin with.
    others: Vec<String>,
    /// The hierarchy delimiter; `None`: flat.
    delimiter: Option<char>,
    utf8: bool,
}

impl Names {
    /// Names below a personal name space. `utf8`: as [`Client::is_utf8`].
    pub fn new(prefix: &str, delimiter: Option<char>, utf8: bool) -> Self {
        Self { prefix: prefix.to_owned(), others: Vec::new(), delimiter, utf8 }
    }

    /// The same, with other name spaces that begin with these prefixes.
    pub fn with_others(mut self, prefixes: Vec<String>) -> Self {
        self.others = prefixes;
        self.others.retain(|prefix| !prefix.is_empty());
        self
    }

    /// Whether a name on the server is of another name space than the personal one.
    fn is_other(&self, name: &str) -> bool {
        self.others.iter().any(|prefix| {
            name.starts_with(prefix.as_str())
                || prefix.strip_suffix(self.delimiter.unwrap_or('\0')) == Some(name)
        })
    }

    /// The user's name for a mailbox; `None` where its octets are no text.
    pub fn to_folder(&self, mailbox: &Mailbox<'_>) -> Option<String> {
        if mailbox.is_inbox() {
            return Some("INBOX".to_owned());
        }
        let name = mailbox.name(self.utf8)?;
        let name = match name.strip_prefix(&self.prefix) {
            // `INBOX.Sent` is the user's `Sent`, unless that would read as another name.
            Some(rest)
                if !rest.is_empty()
                    && !is_inbox_or_below(rest, self.delimiter)
                    && !self.is_other(rest) =>
            {
                rest
            }
            _ => &name,
        };
        let escape = |level: &str| {
            if self.delimiter == Some('/') {
                return level.to_owned();
            }
            level.replace("%25", "%2525").replace("%2F", "%252F").replace('/', "%2F")
        };
        Some(match self.delimiter {
            Some(delimiter) => name.split(delimiter).map(escape).collect::<Vec<_>>().join("/"),
            None => escape(name),
        })
    }

    /// The user's name for what a URL calls a mailbox: the server's own name as text (RFC 5092
    /// section 6); `None` where it cannot be one.
    pub fn of_url(&self, name: &str) -> Option<String> {
        self.to_folder(&Mailbox::from_name(name, self.utf8))
    }

    /// What a URL calls the mailbox of a user's name.
    ///
    /// # Errors
    /// As [`Names::to_mailbox`].
    pub fn to_url(&self, folder: &str) -> store::Result<String> {
        let mailbox = self.to_mailbox(folder)?;
        let reason = "its octets are no text";
        mailbox.name(self.utf8).ok_or(store::Error::Name { name: folder.to_owned(), reason })
    }

    /// The mailbox that a user's name means.
    ///
    /// # Errors
    /// [`store::Error::Name`] for a name that this server cannot have.
    pub fn to_mailbox(&self, folder: &str) -> store::Result<Mailbox<'static>> {
        let refuse = |reason| store::Error::Name { name: folder.to_owned(), reason };
        if folder.eq_ignore_ascii_case("INBOX") {
            return Ok(Mailbox(Cow::Borrowed(b"INBOX")));
        }
        if folder.is_empty() || folder.chars().any(char::is_control) {
            return Err(refuse("it is empty or has control characters"));
        }
        let mut name = String::with_capacity(folder.len());
        for (i, level) in folder.split('/').enumerate() {
            match self.delimiter {
                Some(delimiter) => {
                    if i > 0 {
                        name.push(delimiter);
                    }
                    let level = if delimiter == '/' {
                        level.to_owned()
                    } else {
                        level.replace("%2F", "/").replace("%25", "%")
                    };
                    if level.is_empty() {
                        return Err(refuse("it has an empty level"));
                    }
                    if level.contains(delimiter) {
                        return Err(refuse(
                            "it has the character that separates this server's levels",
                        ));
                    }
                    name.push_str(&level);
                }
                None if i > 0 => return Err(refuse("this server has no levels of folders")),
                None => name.push_str(&level.replace("%2F", "/").replace("%25", "%")),
            }
        }
        let is_personal = !is_inbox_or_below(&name, self.delimiter) && !self.is_other(&name);
        if is_personal || self.prefix.is_empty() {
            name.insert_str(0, &self.prefix);
        }
        Ok(Mailbox::from_name(&name, self.utf8))
    }
}

/// Whether the first level of a name on the server is INBOX, in any case.
fn is_inbox_or_below(name: &str, delimiter: Option<char>) -> bool {
    let first = delimiter.and_then(|delimiter| name.split(delimiter).next()).unwrap_or(name);
    first.eq_ignore_ascii_case("INBOX")
}

impl Client {
    /// The mapping of names for this server, from NAMESPACE or, without it, from LIST.
    ///
    /// # Errors
    /// The connection's errors.
    pub async fn names(&mut self) -> Result<Names, Error> {
        let utf8 = self.is_utf8();
        let has = self.capabilities().has("NAMESPACE") || self.capabilities().has("IMAP4rev2");
        if has && self.state.namespaces.is_none() {
            ignore_refusal(self.run(Command::Word(Word::Namespace), &mut |_| {}).await)?;
        }
        let told = self.state.namespaces.clone().unwrap_or_default();
        let text = |prefix: Vec<u8>| Mailbox(prefix.into()).name(utf8).unwrap_or_default();
        let others = told.others.into_iter().map(text).collect();
        let mut found = told.personal.map(|(prefix, delimiter)| (text(prefix), delimiter));
        if found.is_none() {
            // RFC 9051 section 6.3.9: an empty pattern asks for the delimiter alone.
            let list = basic_list("", b"");
            let mut on = |data: &Data<'_>| {
                if let Data::List(list) = data {
                    found = Some((String::new(), list.delimiter));
                }
            };
            ignore_refusal(self.run(Command::List(list), &mut on).await)?;
        }
        let (prefix, delimiter) = found.unwrap_or_default();
        Ok(Names::new(&prefix, delimiter.map(char::from), utf8).with_others(others))
    }

    /// All mailboxes, with what the server tells along with them in one round trip: special
    /// uses, subscriptions and, where it has LIST-STATUS, how they stand.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn list(&mut self) -> Result<Vec<Listing>, Error> {
        if let Some(listed) = self.listed.take() {
            return Ok(listed);
        }
        let extended = self.is_extended();
        match self.list_as(extended).await {
            // Proton Mail Bridge offers what it then takes for a mistake.
            Err(Error::Refused { reply, .. }) if extended && reply.condition == Condition::Bad => {
                self.list_as(false).await
            }
            listed => listed,
        }
    }

    async fn list_as(&mut self, extended: bool) -> Result<Vec<Listing>, Error> {
        let mut listed = Listed::new(extended);
        let commands = self.listing(extended);
        let results = self.try_all(commands, &mut |data| listed.take(data)).await?;
        listed.finish(results)
    }

    /// Whether LIST can be told what to return.
    pub(super) fn is_extended(&self) -> bool {
        self.capabilities().has("IMAP4rev2") || self.capabilities().has("LIST-EXTENDED")
    }

    /// The commands that list all mailboxes.
    pub(super) fn listing(&self, extended: bool) -> Vec<Command<'static>> {
        let capabilities = self.capabilities();
        let rev2 = capabilities.has("IMAP4rev2");
        let special = rev2 || capabilities.has("SPECIAL-USE");
        let with_status = rev2 || capabilities.has("LIST-STATUS");
        let mut returns = Vec::new();
        let word = |name: &'static str| ListReturn::Word(Cow::Borrowed(name.as_bytes()));
        if extended {
            returns.push(word("SUBSCRIBED"));
            returns.push(word("CHILDREN"));
        }
        if extended && special {
            returns.push(word("SPECIAL-USE"));
        }
        if extended && with_status {
            let mut items = self.status_items();
            // Cyrus 3.6 answers with octets that have nothing to do with the mailbox.
            let name = self.server_id().iter().find(|(field, _)| field == "name");
            let is_cyrus = name.is_some_and(|(_, name)| name.starts_with("Cyrus"));
            if capabilities.has("OBJECTID") && !is_cyrus {
                items.push(StatusItem::MailboxId);
            }
            returns.push(ListReturn::Status(items));
        }
        let mut commands = vec![Command::List(ListCommand {
            returns: extended.then_some(returns),
            ..basic_list("", b"*")
        })];
        if !extended {
            commands.push(Command::Lsub(Mailbox(Cow::Borrowed(b"")), Cow::Borrowed(b"*")));
        }
        commands
    }

    fn status_items(&self) -> Vec<StatusItem<'static>> {
        let capabilities = self.capabilities();
        let mut items = vec![
            StatusItem::Messages,
            StatusItem::Unseen,
            StatusItem::UidNext,
            StatusItem::UidValidity,
        ];
        if capabilities.has("CONDSTORE") || capabilities.has("QRESYNC") {
            items.push(StatusItem::HighestModSeq);
        }
        if capabilities.has("STATUS=SIZE") || capabilities.has("IMAP4rev2") {
            items.push(StatusItem::Size);
        }
        items
    }

    /// How mailboxes stand, all asked in one flight; `None` for one that the server refused.
    ///
    /// # Errors
    /// The connection's errors.
    pub async fn status(
        &mut self,
        mailboxes: &[Mailbox<'_>],
    ) -> Result<Vec<Option<store::Status>>, Error> {
        let items = self.status_items();
        let mut found = vec![None; mailboxes.len()];
        let commands =
            mailboxes.iter().map(|mailbox| Command::Status(mailbox.clone(), items.clone()));
        self.try_all(commands, &mut |data| {
            if let Data::MailboxStatus(status) = data
                && let Some(at) = mailboxes.iter().position(|mailbox| *mailbox == status.mailbox)
            {
                found[at] = Some(to_status(status));
            }
        })
        .await?;
        Ok(found)
    }

    /// Selects a mailbox (SELECT, or EXAMINE where `read_only`).
    ///
    /// # Errors
    /// [`Error::Refused`], after which none is selected, and the connection's errors.
    pub async fn select(
        &mut self,
        mailbox: &Mailbox<'_>,
        read_only: bool,
    ) -> Result<&Selected, Error> {
        let is_same = |selected: &&Selected| {
            selected.mailbox == *mailbox.0 && selected.read_only == read_only
        };
        if std::mem::take(&mut self.is_selected_ahead)
            && self.state.selected.as_ref().is_some_and(|selected| is_same(&selected))
        {
            return self.state.selected.as_ref().ok_or(Error::NothingSelected);
        }
        self.settle().await?;
        let command = self.enter(mailbox, read_only, self.state.condstore);
        let ended = self.run(command, &mut |_| {}).await;
        self.entered(ended.is_ok());
        ended?;
        self.state.selected.as_ref().ok_or(Error::NothingSelected)
    }

    /// The command that selects a mailbox, which is the selected one from now on. CONDSTORE is
    /// asked for with it where it is offered and not enabled.
    pub(super) fn enter(
        &mut self,
        mailbox: &Mailbox<'_>,
        read_only: bool,
        is_condstore: bool,
    ) -> Command<'static> {
        let capabilities = self.capabilities();
        let condstore = capabilities.has("CONDSTORE") || capabilities.has("QRESYNC");
        let parameters = match condstore && !is_condstore {
            true => vec![SelectParameter::CondStore],
            false => Vec::new(),
        };
        let mailbox = Mailbox(mailbox.0.to_vec().into());
        let selected = Selected { mailbox: mailbox.0.to_vec(), read_only, ..Selected::default() };
        self.state.enter(selected);
        Command::Select { mailbox, read_only, parameters }
    }

    /// SELECT has ended, well or not.
    pub(super) fn entered(&mut self, is_in: bool) {
        self.state.entered();
        if !is_in {
            self.state.selected = None;
        }
    }

    /// Selects the selected mailbox again, for a fresh HIGHESTMODSEQ and UIDNEXT.
    ///
    /// # Errors
    /// As [`Client::select`], and [`Error::NothingSelected`].
    pub async fn reselect(&mut self) -> Result<&Selected, Error> {
        let selected = self.selected().ok_or(Error::NothingSelected)?;
        let (mailbox, read_only) = (Mailbox(selected.mailbox.clone().into()), selected.read_only);
        self.select(&mailbox, read_only).await
    }

    /// Leaves the selected mailbox without expunging: UNSELECT, or the SELECT of nothing that
    /// can be (RFC 3691).
    ///
    /// # Errors
    /// The connection's errors.
    pub async fn unselect(&mut self) -> Result<(), Error> {
        if self.state.selected.is_none() {
            return Ok(());
        }
        let capabilities = self.capabilities();
        if capabilities.has("UNSELECT") || capabilities.has("IMAP4rev2") {
            self.run(Command::Word(Word::Unselect), &mut |_| {}).await?;
        } else {
            let command = Command::Select {
                mailbox: Mailbox(Cow::Borrowed(b"\"")),
                read_only: true,
                parameters: Vec::new(),
            };
            ignore_refusal(self.run(command, &mut |_| {}).await)?;
        }
        self.state.selected = None;
        Ok(())
    }

    /// Creates mailboxes in one flight, with a special use where given; one that exists is no
    /// error.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn create(&mut self, mailboxes: &[(Mailbox<'_>, Option<&str>)]) -> Result<(), Error> {
        let can_mark = self.capabilities().has("CREATE-SPECIAL-USE");
        let commands = mailboxes.iter().map(|(mailbox, special_use)| Command::Create {
            mailbox: mailbox.clone(),
            special_use: special_use
                .filter(|_| can_mark)
                .map(|attribute| Cow::Owned(attribute.as_bytes().to_vec()))
                .into_iter()
                .collect(),
        });
        let results = self.try_all(commands, &mut |_| {}).await?;
        for (result, (mailbox, _)) in results.into_iter().zip(mailboxes) {
            match result {
                Ok(_) => {}
                Err(error) if self.exists(mailbox, &error).await? => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether a CREATE was refused because the mailbox is there: by its code, or by looking.
    async fn exists(&mut self, mailbox: &Mailbox<'_>, error: &Error) -> Result<bool, Error> {
        use crate::imap::syntax::code::Word::AlreadyExists;
        if error.reply().is_some_and(|reply| reply.is(AlreadyExists)) {
            return Ok(true);
        }
        let mut found = false;
        let list = basic_list("", &mailbox.0);
        self.run(Command::List(list), &mut |data| {
            if let Data::List(list) = data {
                found |= list.mailbox == *mailbox && !list.has("\\NonExistent");
            }
        })
        .await?;
        Ok(found)
    }

    /// Deletes mailboxes with their messages, in one flight.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn delete(&mut self, mailboxes: &[Mailbox<'_>]) -> Result<(), Error> {
        let commands = mailboxes.iter().map(|mailbox| Command::Delete(mailbox.clone()));
        self.run_all(commands, &mut |_| {}).await.map(drop)
    }

    /// Renames a mailbox.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn rename(&mut self, from: &Mailbox<'_>, to: &Mailbox<'_>) -> Result<(), Error> {
        let command = Command::Rename { from: from.clone(), to: to.clone() };
        self.run(command, &mut |_| {}).await.map(drop)
    }

    /// Subscribes to mailboxes, or unsubscribes from them, in one flight.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn subscribe(
        &mut self,
        mailboxes: &[Mailbox<'_>],
        subscribed: bool,
    ) -> Result<(), Error> {
        let commands = mailboxes.iter().map(|mailbox| match subscribed {
            true => Command::Subscribe(mailbox.clone()),
            false => Command::Unsubscribe(mailbox.clone()),
        });
        self.run_all(commands, &mut |_| {}).await.map(drop)
    }
}

fn basic_list(reference: &'static str, pattern: &[u8]) -> ListCommand<'static> {
    ListCommand {
        select: None,
        reference: Mailbox(Cow::Borrowed(reference.as_bytes())),
        patterns: vec![Cow::Owned(pattern.to_vec())],
        returns: None,
    }
}

fn ignore_refusal(ended: Result<Reply, Error>) -> Result<(), Error> {
    match ended {
        Ok(_) | Err(Error::Refused { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn to_status(status: &crate::imap::syntax::mailbox::Status<'_>) -> store::Status {
    store::Status {
        messages: status.messages.map_or(0, u64::from),
        unseen: status.unseen.map(u64::from),
        uid_validity: status.uid_validity.map_or(0, |UidValidity(n)| n),
        uid_next: status.uid_next.map_or(0, |uid| uid.0),
        highest_modseq: status.highest_modseq.map(|ModSeq(n)| n).filter(|n| *n > 0),
        size: status.size,
        stamp: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> Mailbox<'static> {
        Mailbox::from_name(text, false)
    }

    #[test]
    fn prefixes_and_delimiters() {
        let names = Names::new("INBOX.", Some('.'), false).with_others(vec!["#shared.".into()]);
        assert_eq!(names.to_folder(&name("INBOX.Lists.rust")).unwrap(), "Lists/rust");
        assert_eq!(names.to_mailbox("Lists/rust").unwrap(), name("INBOX.Lists.rust"));
        assert_eq!(names.to_mailbox("inbox").unwrap(), name("INBOX"));
        assert_eq!(names.to_folder(&name("#shared.x")).unwrap(), "#shared/x");
        assert_eq!(names.to_mailbox("#shared/x").unwrap(), name("#shared.x"));
        assert_eq!(names.to_mailbox("inbox-old").unwrap(), name("INBOX.inbox-old"));
        assert_eq!(names.to_folder(&name("INBOX.a/b")).unwrap(), "a%2Fb");
        assert_eq!(names.to_mailbox("a%2Fb").unwrap(), name("INBOX.a/b"));
        assert!(names.to_mailbox("a.b").is_err() && names.to_mailbox("a//b").is_err());
        let names = Names::new("", Some('/'), false);
        assert_eq!(names.to_folder(&name("Entwürfe/50%2F")).unwrap(), "Entwürfe/50%2F");
        let flat = Names::new("", None, true);
        assert!(flat.to_mailbox("a/b").is_err());
        assert!(flat.to_mailbox("a\nb").is_err());
    }

    proptest! {
        #[test]
        fn what_a_server_lists_can_be_named(
            levels in proptest::collection::vec("[a-zA-Z0-9%/ äF25-]{1,6}", 1..4),
            delimiter in proptest::sample::select(vec!['.', '\\', '^']),
            prefix in proptest::sample::select(vec!["", "INBOX"]),
        ) {
            let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}{delimiter}") };
            let names = Names::new(&prefix, Some(delimiter), false);
            let mailbox = name(&format!("{prefix}{}", levels.join(&delimiter.to_string())));
            let folder = names.to_folder(&mailbox).unwrap();
            prop_assert_eq!(names.to_mailbox(&folder).unwrap(), mailbox);
        }
    }
}
