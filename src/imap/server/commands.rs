//! The commands themselves, each handed to the file that knows it.

use std::borrow::Cow;
use std::sync::Arc;

use super::append::Appending;
use super::outcome::{Outcome, Voice};
use super::replies::Outlet;
use super::searches::Asking;
use super::session::{Needs, Session, needs};
use super::view::Selected;
use super::{
    append, fetch, labels, list, mailbox, metadata, news, quota, rights, searches, select, status,
    urlauth,
};
use super::{notify, store as storing};
use crate::imap::syntax::code::{Code, Word as CodeWord};
use crate::imap::syntax::command::{Command, SelectParameter, StoreValue, Tagged, Word};
use crate::imap::syntax::mailbox::{Mailbox, StatusItem};
use crate::imap::syntax::response::{Condition, Data};
use crate::net;
use crate::store::memory::Shared;

impl Session {
    /// Handles a command that needs nothing of the wire.
    ///
    /// # Errors
    /// The outlet's.
    pub(super) async fn execute(
        &mut self,
        tagged: &Tagged<'_>,
        literals: Vec<Arc<[u8]>>,
        out: &mut dyn Outlet,
    ) -> Result<Outcome, net::Error> {
        match &tagged.command {
            Command::Word(Word::Capability) => {
                let names = self.capabilities();
                self.voice.data(Data::Capability(names));
                return Ok(Outcome::ok("that is all"));
            }
            Command::Word(Word::Noop) => return Ok(Outcome::ok("nothing was done")),
            Command::Id(_) => {
                self.voice.data(Data::Id(Some(vec![
                    (b"name".as_slice().into(), Some(b"Pillarbox".as_slice().into())),
                    (
                        b"version".as_slice().into(),
                        Some(env!("CARGO_PKG_VERSION").as_bytes().into()),
                    ),
                ])));
                return Ok(Outcome::ok("pleased to meet you"));
            }
            Command::Login { user, password } => return Ok(self.login(user, password)),
            Command::Language(wanted) => return Ok(language(&mut self.voice, wanted)),
            _ => {}
        }
        let Some(account) = self.account.clone() else {
            return Ok(Outcome::bad("log in first"));
        };
        if self.voice.enabled.uid_only && counts(&tagged.command) {
            return Ok(Outcome::uid_required());
        }
        if needs(&tagged.command) != Needs::Mailbox {
            let outcome = self.with_account(&account, &tagged.tag, &tagged.command, literals);
            return Ok(outcome.unwrap_or_else(|outcome| outcome));
        }
        let Some(mut selected) = self.selected.take() else {
            return Ok(Outcome::bad("select a mailbox first"));
        };
        let own = account;
        let account = self.news.clone().unwrap_or_else(|| own.clone());
        let closes = matches!(&tagged.command, Command::Word(Word::Close | Word::Unselect));
        let outcome = match &tagged.command {
            Command::Fetch { uid, set, items, changed_since, vanished } => {
                let request = fetch::Request {
                    uid: *uid,
                    set,
                    items,
                    changed_since: *changed_since,
                    vanished: *vanished,
                    gmail: self.server.settings.gmail,
                    user: &self.user,
                };
                selected.fetch(&mut self.voice, &account, request, out).await?
            }
            command => {
                let tag = &tagged.tag;
                let outcome = match (command, &self.news) {
                    (Command::Copy { uid, set, mailbox }, Some(group)) => {
                        self.voice.name(mailbox).and_then(|name| {
                            news::copy(&selected, (group, &own), &self.user, (set, *uid), &name)
                        })
                    }
                    _ => {
                        let given = (tag.as_ref(), command, literals);
                        self.with_mailbox(&account, &mut selected, given, out).await
                    }
                };
                outcome.unwrap_or_else(|outcome| outcome)
            }
        };
        if closes {
            self.news = None;
        } else {
            self.selected = Some(selected);
        }
        Ok(outcome)
    }

    /// Commands that need no open mailbox; either way, how they ended.
    fn with_account(
        &mut self,
        account: &Shared,
        tag: &[u8],
        command: &Command<'_>,
        literals: Vec<Arc<[u8]>>,
    ) -> Result<Outcome, Outcome> {
        let limit = self.server.settings.append_limit;
        let gmail = self.server.settings.gmail;
        let selected = self.selected.as_ref().map(|selected| selected.id);
        let user = self.user.clone();
        let user = user.as_str();
        let newsgroups = self.server.accounts.news();
        if newsgroups.is_some() {
            news::refuse_changes(&self.voice, command)?;
        }
        let voice = &mut self.voice;
        Ok(match command {
            Command::Select { mailbox, read_only, parameters } => {
                return self.select(account, mailbox, *read_only, parameters);
            }
            Command::Create { mailbox, special_use } => {
                mailbox::create(account, user, &voice.new_name(mailbox)?, special_use)?
            }
            Command::Delete(mailbox) => {
                let outcome = mailbox::delete(account, user, &voice.name(mailbox)?)?;
                self.leave_deleted(account);
                outcome
            }
            Command::Rename { from, to } => {
                mailbox::rename(account, user, &voice.name(from)?, &voice.new_name(to)?)?
            }
            Command::Subscribe(mailbox) => mailbox::subscribe(account, &voice.name(mailbox)?, true),
            Command::Unsubscribe(mailbox) => {
                mailbox::subscribe(account, &voice.name(mailbox)?, false)
            }
            Command::List(wanted) => {
                list::list(voice, (account, newsgroups.as_ref()), user, wanted, limit)
            }
            Command::Lsub(reference, pattern) => list::lsub(voice, account, reference, pattern),
            Command::Word(Word::Namespace) => list::namespace(voice, newsgroups.is_some()),
            Command::Status(mailbox, items) => {
                status::check(items)?;
                let name = voice.name(mailbox)?;
                return match newsgroups.filter(|_| news::is_news(&name)) {
                    Some(newsgroups) => self.status(&newsgroups, &name, items),
                    None => self.status(account, &name, items),
                };
            }
            Command::Append { mailbox, messages } => {
                let name = voice.name(mailbox)?;
                let literals = literals.into_iter();
                let appending = Appending { voice, account, user, selected, literals, limit };
                append::append(appending, &name, messages)?
            }
            Command::Enable(names) => self.enable(account, names),
            Command::SetAcl(mailbox, who, given) => {
                rights::set(account, user, &voice.name(mailbox)?, who, given)?
            }
            Command::DeleteAcl(mailbox, who) => {
                rights::delete(account, user, &voice.name(mailbox)?, who)?
            }
            Command::GetAcl(mailbox) => {
                let name = voice.name(mailbox)?;
                rights::get(voice, account, user, &name)?
            }
            Command::ListRights(mailbox, who) => {
                let name = voice.name(mailbox)?;
                rights::list(voice, account, user, &name, who)?
            }
            Command::MyRights(mailbox) => {
                let name = voice.name(mailbox)?;
                match newsgroups.filter(|_| news::is_news(&name)) {
                    Some(newsgroups) => news::ask(voice, &newsgroups, &name, command)?,
                    None => rights::mine(voice, account, user, &name)?,
                }
            }
            Command::GetQuota(root) => quota::get(voice, account, root)?,
            Command::GetQuotaRoot(mailbox) => {
                let name = voice.name(mailbox)?;
                match newsgroups.filter(|_| news::is_news(&name)) {
                    Some(newsgroups) => news::ask(voice, &newsgroups, &name, command)?,
                    None => quota::get_root(voice, account, &name)?,
                }
            }
            Command::SetQuota(root, limits) => quota::set(voice, account, root, limits)?,
            Command::GetMetadata { depth, max_size, mailbox, entries } => {
                let name = voice.name(mailbox)?;
                let (depth, max_size) = (*depth, *max_size);
                let request = metadata::Request { depth, max_size, name: &name, entries };
                let newsgroups = newsgroups.filter(|_| news::is_news(&name));
                metadata::get(voice, newsgroups.as_ref().unwrap_or(account), user, request)?
            }
            Command::SetMetadata(mailbox, entries) => {
                metadata::set(account, user, &voice.name(mailbox)?, entries)?
            }
            Command::GenUrlAuth(urls) => urlauth::generate(voice, account, user, urls)?,
            Command::UrlFetch(urls) => {
                let now = account.borrow().now().seconds;
                urlauth::fetch(voice, &*self.server.accounts, user, now, urls)
            }
            Command::ResetKey(wanted) => urlauth::reset(voice, account, user, wanted.as_ref())?,
            Command::MultiSearch(sources, wanted) => {
                let asking = Asking { tag, uid: true, gmail };
                let open = self.selected.as_ref();
                searches::multi_search(voice, account, user, open, asking, (sources, wanted))?
            }
            Command::Notify(wanted) => {
                let watch = notify::notify(voice, &account.borrow(), user, selected, wanted)?;
                fetch::check(&watch.selected.items, gmail)?;
                self.watch = Some(watch);
                Outcome::ok("you will hear of it")
            }
            Command::Compress(_) => {
                if self.compressed {
                    Outcome::no("the connection is compressed already")
                        .word(CodeWord::CompressionActive)
                } else {
                    Outcome::no("only DEFLATE is offered").word(CodeWord::Cannot)
                }
            }
            _ => Outcome::bad("that is not offered"),
        })
    }

    fn select(
        &mut self,
        account: &Shared,
        mailbox: &Mailbox<'_>,
        read_only: bool,
        parameters: &[SelectParameter<'_>],
    ) -> Result<Outcome, Outcome> {
        // What is BAD changes nothing.
        let resync = select::read_parameters(&mut self.voice, parameters)?;
        let name = match self.voice.name(mailbox) {
            Err(outcome) if outcome.condition == Condition::Bad => return Err(outcome),
            name => name.map_err(|_| Outcome::nonexistent()),
        };
        // What was open is closed even where this fails (RFC 9051 section 6.3.2).
        if self.selected.take().is_some() {
            self.voice.note(Code::Word(CodeWord::Closed), "the mailbox before is closed");
        }
        self.news = None;
        let name = name?;
        let newsgroups = self.server.accounts.news().filter(|_| news::is_news(&name));
        let (account, read_only) = match &newsgroups {
            Some(newsgroups) => (newsgroups, true),
            None => (account, read_only),
        };
        let voice = &mut self.voice;
        let (selected, outcome) =
            select::select(voice, account, &self.user, &name, read_only, resync)?;
        self.selected = Some(selected);
        self.news = newsgroups;
        Ok(outcome)
    }

    fn status(
        &mut self,
        account: &Shared,
        name: &str,
        items: &[StatusItem<'_>],
    ) -> Result<Outcome, Outcome> {
        if items.contains(&StatusItem::HighestModSeq) {
            let highest = self.selected.as_ref().map(|open| open.highest_modseq(account));
            self.voice.enable_condstore(highest);
        }
        let limit = self.server.settings.append_limit;
        let account = account.borrow();
        let found = account.find(name).and_then(|id| account.mailbox(id));
        let mailbox = found.ok_or_else(Outcome::nonexistent)?;
        if !mailbox.is_selectable() {
            return Err(Outcome::no("the mailbox holds no messages").word(CodeWord::Cannot));
        }
        rights::need(&account, mailbox.id(), &self.user, 'r')?;
        let name = account.name(mailbox.id()).unwrap_or(name);
        let status = status::of_mailbox(&self.voice, name, mailbox, items, limit);
        self.voice.data(Data::MailboxStatus(status));
        Ok(Outcome::ok("that is how it stands"))
    }

    /// Closes the open mailbox where it was just deleted by this very session.
    fn leave_deleted(&mut self, account: &Shared) {
        let gone = self
            .selected
            .as_ref()
            .is_some_and(|selected| account.borrow().mailbox(selected.id).is_none());
        if gone {
            self.selected = None;
            self.voice.note(Code::Word(CodeWord::Closed), "the open mailbox was deleted");
        }
    }

    fn enable(&mut self, account: &Shared, names: &[Cow<'_, [u8]>]) -> Outcome {
        let mut enabled: Vec<Cow<'static, [u8]>> = Vec::new();
        let highest = self.selected.as_ref().map(|open| open.highest_modseq(account));
        for name in names {
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            if is("CONDSTORE") {
                self.voice.enable_condstore(highest);
                enabled.push(Cow::Borrowed(b"CONDSTORE"));
            } else if is("QRESYNC") {
                self.voice.enable_condstore(highest);
                self.voice.enabled.qresync = true;
                enabled.push(Cow::Borrowed(b"QRESYNC"));
            } else if is("UTF8=ACCEPT") {
                self.voice.enabled.utf8 = true;
                enabled.push(Cow::Borrowed(b"UTF8=ACCEPT"));
            } else if is("IMAP4rev2") {
                self.voice.enabled.rev2 = true;
                enabled.push(Cow::Borrowed(b"IMAP4rev2"));
            } else if is("UIDONLY") {
                self.voice.enabled.uid_only = true;
                enabled.push(Cow::Borrowed(b"UIDONLY"));
            } else if is("METADATA") || is("METADATA-SERVER") {
                // Changes are told by NOTIFY.
                enabled.push(Cow::Owned(name.to_ascii_uppercase()));
            }
        }
        self.voice.data(Data::Enabled(enabled));
        if self.voice.is_utf8() {
            self.voice.replies.set_utf8(true);
        }
        Outcome::ok("enabled")
    }

    /// Commands on the open mailbox but FETCH; either way, how they ended.
    async fn with_mailbox(
        &mut self,
        account: &Shared,
        selected: &mut Selected,
        (tag, command, literals): (&[u8], &Command<'_>, Vec<Arc<[u8]>>),
        out: &mut dyn Outlet,
    ) -> Result<Outcome, Outcome> {
        let limit = self.server.settings.append_limit;
        let gmail = self.server.settings.gmail;
        let user = self.user.as_str();
        let voice = &mut self.voice;
        let asking = |uid: &bool| Asking { tag, uid: *uid, gmail };
        Ok(match command {
            Command::Word(Word::Check) => Outcome::ok("checked"),
            Command::Word(Word::Unselect) => Outcome::ok("closed, nothing expunged"),
            Command::Word(Word::Close) => {
                let may = rights::has(&account.borrow(), selected.id, user, 'e');
                if !selected.read_only && may {
                    // Where the mailbox is gone, so are its messages.
                    selected.take_deleted(account, None).unwrap_or_default();
                }
                Outcome::ok("closed")
            }
            Command::Word(Word::Expunge) => selected.expunge(voice, account, user, None),
            Command::UidExpunge(set) => selected.expunge(voice, account, user, Some(set)),
            Command::Copy { uid, set, mailbox } => {
                selected.copy(account, user, set, *uid, &voice.name(mailbox)?)?
            }
            Command::Move { uid, set, mailbox } => {
                let name = voice.name(mailbox)?;
                selected.move_messages(voice, account, user, set, *uid, &name)?
            }
            Command::Replace { uid, set, mailbox, message } => {
                let name = voice.name(mailbox)?;
                let literals = literals.into_iter();
                let open = Some(selected.id);
                let appending = Appending { voice, account, user, selected: open, literals, limit };
                let ready = selected.prepare_replace(appending, *uid, set, &name, message)?;
                selected.replace(voice, account, user, ready)?
            }
            Command::CancelUpdate(tags) => searches::cancel(selected, tags),
            Command::Store {
                uid,
                set,
                action,
                silent,
                value: StoreValue::GmLabels(labels),
                ..
            } if gmail => {
                let (uid, action, silent) = (*uid, *action, *silent);
                let request = labels::Request { set, uid, action, silent, labels };
                selected.store_labels(voice, account, &request)?
            }
            Command::Store { uid, set, unchanged_since, action, silent, value } => {
                let request = storing::Request {
                    user,
                    uid: *uid,
                    set,
                    unchanged_since: *unchanged_since,
                    action: *action,
                    silent: *silent,
                    value,
                };
                selected.store(voice, account, request)
            }
            Command::Search(uid, wanted) => {
                searches::search(voice, account, selected, asking(uid), wanted, out).await?
            }
            Command::Sort(uid, wanted) => {
                searches::sort(voice, account, selected, asking(uid), wanted, out).await?
            }
            Command::Thread(uid, wanted) => {
                searches::thread(voice, account, selected, asking(uid), wanted, out).await?
            }
            _ => Outcome::bad("that is not offered"),
        })
    }
}

/// Whether a command names messages by sequence numbers (RFC 9586 section 3).
fn counts(command: &Command<'_>) -> bool {
    match command {
        Command::Fetch { uid, .. }
        | Command::Store { uid, .. }
        | Command::Copy { uid, .. }
        | Command::Move { uid, .. }
        | Command::Replace { uid, .. }
        | Command::Search(uid, _)
        | Command::Sort(uid, _)
        | Command::Thread(uid, _) => !uid,
        _ => false,
    }
}

/// LANGUAGE (RFC 5255 section 3): what is said to people is in plain English only.
fn language(voice: &mut Voice, wanted: &[Cow<'_, [u8]>]) -> Outcome {
    const KNOWN: [&str; 3] = ["en", "i-default", "default"];
    let told = |voice: &mut Voice, names: &[&'static str]| {
        voice.data(Data::Language(names.iter().map(|name| name.as_bytes().into()).collect()));
    };
    if wanted.is_empty() {
        told(voice, &KNOWN[..2]);
        return Outcome::ok("those are the languages");
    }
    let fits = |tag: &Cow<'_, [u8]>| {
        let is = |known: &str| tag.eq_ignore_ascii_case(known.as_bytes());
        KNOWN.into_iter().any(is) || tag.get(..3).is_some_and(|t| t.eq_ignore_ascii_case(b"en-"))
    };
    if !wanted.iter().any(fits) {
        return Outcome::no("that language is not spoken here");
    }
    told(voice, &["en"]);
    Outcome::ok("it is English")
}
