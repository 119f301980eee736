//! The commands themselves, each handed to the file that knows it.

use std::borrow::Cow;
use std::sync::Arc;

use super::outcome::{Outcome, Voice};
use super::replies::Outlet;
use super::results::{self, Found};
use super::session::{Needs, Session, needs};
use super::view::Selected;
use super::{append, fetch, list, mailbox, search, select, sort, status};
use super::{store as storing, thread as threading};
use crate::imap::syntax::code::{Code, Word as CodeWord};
use crate::imap::syntax::command::{Command, SelectParameter, Tagged, Word};
use crate::imap::syntax::mailbox::{Mailbox, StatusItem};
use crate::imap::syntax::response::{Condition, Data};
use crate::imap::syntax::search::{Key, Search, Sort, ThreadBy};
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
            _ => {}
        }
        let Some(account) = self.account.clone() else {
            return Ok(Outcome::bad("log in first"));
        };
        if needs(&tagged.command) != Needs::Mailbox {
            let outcome = self.with_account(&account, &tagged.command, literals);
            return Ok(outcome.unwrap_or_else(|outcome| outcome));
        }
        let Some(mut selected) = self.selected.take() else {
            return Ok(Outcome::bad("select a mailbox first"));
        };
        let closes = matches!(&tagged.command, Command::Word(Word::Close | Word::Unselect));
        let outcome = match &tagged.command {
            Command::Fetch { uid, set, items, changed_since, vanished } => {
                let request = fetch::Request {
                    uid: *uid,
                    set,
                    items,
                    changed_since: *changed_since,
                    vanished: *vanished,
                };
                selected.fetch(&mut self.voice, &account, request, out).await?
            }
            command => {
                let outcome = self.with_mailbox(&account, &mut selected, &tagged.tag, command);
                outcome.unwrap_or_else(|outcome| outcome)
            }
        };
        if !closes {
            self.selected = Some(selected);
        }
        Ok(outcome)
    }

    /// Commands that need no open mailbox; either way, how they ended.
    fn with_account(
        &mut self,
        account: &Shared,
        command: &Command<'_>,
        literals: Vec<Arc<[u8]>>,
    ) -> Result<Outcome, Outcome> {
        let limit = self.server.settings.append_limit;
        let voice = &mut self.voice;
        Ok(match command {
            Command::Select { mailbox, read_only, parameters } => {
                return self.select(account, mailbox, *read_only, parameters);
            }
            Command::Create { mailbox, special_use } => {
                mailbox::create(account, &voice.name(mailbox)?, special_use)
            }
            Command::Delete(mailbox) => {
                let outcome = mailbox::delete(account, &voice.name(mailbox)?);
                self.leave_deleted(account);
                outcome
            }
            Command::Rename { from, to } => {
                mailbox::rename(account, &voice.name(from)?, &voice.name(to)?)
            }
            Command::Subscribe(mailbox) => mailbox::subscribe(account, &voice.name(mailbox)?, true),
            Command::Unsubscribe(mailbox) => {
                mailbox::subscribe(account, &voice.name(mailbox)?, false)
            }
            Command::List(wanted) => list::list(voice, account, wanted, limit),
            Command::Lsub(reference, pattern) => list::lsub(voice, account, reference, pattern),
            Command::Word(Word::Namespace) => list::namespace(voice),
            Command::Status(mailbox, items) => {
                status::check(items)?;
                let name = voice.name(mailbox)?;
                return self.status(account, &name, items);
            }
            Command::Append { mailbox, messages } => {
                let name = voice.name(mailbox)?;
                append::append(voice, account, &name, messages, literals, limit)?
            }
            Command::Enable(names) => self.enable(account, names),
            Command::Compress(_) => {
                Outcome::no("compression is not offered").word(CodeWord::Cannot)
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
        // What was open is closed even where this fails (RFC 9051 section 6.3.2).
        if self.selected.take().is_some() {
            self.voice.note(Code::Word(CodeWord::Closed), "the mailbox before is closed");
        }
        let name = self.voice.name(mailbox).map_err(|_| Outcome::nonexistent())?;
        let voice = &mut self.voice;
        let (selected, outcome) = select::select(voice, account, &name, read_only, parameters)?;
        self.selected = Some(selected);
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
            }
        }
        self.voice.data(Data::Enabled(enabled));
        if self.voice.is_utf8() {
            self.voice.replies.allow_utf8();
        }
        Outcome::ok("enabled")
    }

    /// Commands on the open mailbox but FETCH; either way, how they ended.
    fn with_mailbox(
        &mut self,
        account: &Shared,
        selected: &mut Selected,
        tag: &[u8],
        command: &Command<'_>,
    ) -> Result<Outcome, Outcome> {
        let voice = &mut self.voice;
        Ok(match command {
            Command::Word(Word::Check) => Outcome::ok("checked"),
            Command::Word(Word::Unselect) => Outcome::ok("closed, nothing expunged"),
            Command::Word(Word::Close) => {
                if !selected.read_only {
                    // Where the mailbox is gone, so are its messages.
                    selected.take_deleted(account, None).unwrap_or_default();
                }
                Outcome::ok("closed")
            }
            Command::Word(Word::Expunge) => selected.expunge(voice, account, None),
            Command::UidExpunge(set) => selected.expunge(voice, account, Some(set)),
            Command::Copy { uid, set, mailbox } => {
                selected.copy(account, set, *uid, &voice.name(mailbox)?)?
            }
            Command::Move { uid, set, mailbox } => {
                let name = voice.name(mailbox)?;
                selected.move_messages(voice, account, set, *uid, &name)?
            }
            Command::Store { uid, set, unchanged_since, action, silent, value } => {
                let request = storing::Request {
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
                search_mailbox(voice, account, selected, tag, *uid, wanted)?
            }
            Command::Sort(uid, wanted) => {
                sort_mailbox(voice, account, selected, tag, *uid, wanted)?
            }
            Command::Thread(uid, wanted) => thread_mailbox(voice, account, selected, *uid, wanted)?,
            _ => Outcome::bad("that is not offered"),
        })
    }
}

/// What a search found, as results are told.
fn found(candidates: &[search::Candidate<'_>]) -> Vec<Found> {
    let found = |candidate: &search::Candidate<'_>| Found {
        number: candidate.number,
        uid: candidate.message.uid,
        modseq: candidate.message.modseq,
    };
    candidates.iter().map(found).collect()
}

/// Makes a program of keys; a key that speaks of mod-sequences turns CONDSTORE on.
fn program(
    voice: &mut Voice,
    account: &Shared,
    selected: &Selected,
    charset: Option<&[u8]>,
    keys: &[Key<'_>],
) -> Result<search::Program, Outcome> {
    let program = search::program(selected, account, charset, keys)?;
    if program.modseq {
        voice.enable_condstore(Some(selected.highest_modseq(account)));
    }
    Ok(program)
}

fn search_mailbox(
    voice: &mut Voice,
    account: &Shared,
    selected: &mut Selected,
    tag: &[u8],
    uid: bool,
    wanted: &Search<'_>,
) -> Result<Outcome, Outcome> {
    results::check(wanted.returns.as_deref())?;
    if wanted.charset.is_some() && voice.enabled.utf8 {
        // RFC 6855 section 3.
        return Err(Outcome::bad("CHARSET cannot be given once UTF8=ACCEPT is enabled"));
    }
    let charset = wanted.charset.as_deref();
    let program = match program(voice, account, selected, charset, &wanted.keys) {
        Ok(program) => program,
        Err(outcome) => {
            if outcome.condition == Condition::No {
                // RFC 5182 section 2.1: a search that ends with NO leaves nothing.
                selected.saved.clear();
            }
            return Err(outcome);
        }
    };
    let found = {
        let account = account.borrow();
        let mailbox = account.mailbox(selected.id);
        mailbox.map(|mailbox| found(&program.run(selected, mailbox))).unwrap_or_default()
    };
    let request = results::Request {
        tag,
        uid,
        sorted: false,
        returns: wanted.returns.as_deref(),
        modseq: program.modseq,
    };
    results::tell(voice, selected, request, &found);
    Ok(Outcome::ok("searched"))
}

fn sort_mailbox(
    voice: &mut Voice,
    account: &Shared,
    selected: &mut Selected,
    tag: &[u8],
    uid: bool,
    wanted: &Sort<'_>,
) -> Result<Outcome, Outcome> {
    results::check(wanted.returns.as_deref())?;
    let program = program(voice, account, selected, Some(&wanted.charset), &wanted.keys)?;
    let found = {
        let account = account.borrow();
        match account.mailbox(selected.id) {
            Some(mailbox) => found(&sort::sort(program.run(selected, mailbox), &wanted.criteria)?),
            None => Vec::new(),
        }
    };
    let request = results::Request {
        tag,
        uid,
        sorted: true,
        returns: wanted.returns.as_deref(),
        modseq: program.modseq,
    };
    results::tell(voice, selected, request, &found);
    Ok(Outcome::ok("sorted"))
}

fn thread_mailbox(
    voice: &mut Voice,
    account: &Shared,
    selected: &Selected,
    uid: bool,
    wanted: &ThreadBy<'_>,
) -> Result<Outcome, Outcome> {
    let program = program(voice, account, selected, Some(&wanted.charset), &wanted.keys)?;
    let threads = {
        let account = account.borrow();
        let found = account
            .mailbox(selected.id)
            .map(|mailbox| program.run(selected, mailbox))
            .unwrap_or_default();
        threading::threads(&wanted.algorithm, &found, uid)?
    };
    voice.data(Data::Thread(threads));
    Ok(Outcome::ok("threaded"))
}
