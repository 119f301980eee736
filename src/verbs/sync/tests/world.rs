//! Two accounts in memory that outlive every run, and runs over them.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use super::super::diff::{Both, Mode, Side};
use super::super::pass::{Job, pass};
use super::super::plan::Scope;
use super::super::state::State;
use super::mortal::{Death, Fuse, Kind, Mortal};
use super::run;
use crate::store::memory::{Account, FlagOperation, Memory, NewMessage, Shared};
use crate::store::{Flags, Received, Store};
use crate::ui::{Exit, Failure, Format, Output};

/// One message as a user sees it: its octets, flags and date.
pub(super) type Seen = (String, Vec<String>, i64);

/// Two accounts that outlive every run.
pub(super) struct World {
    pub(super) accounts: Both<Shared>,
    pub(super) kinds: Both<Kind>,
}

impl World {
    pub(super) fn new(far: Kind, near: Kind) -> Self {
        let clock = || Rc::new(|| Received { seconds: 5, offset_seconds: 0 });
        let accounts =
            Both { far: Account::shared(100, clock()), near: Account::shared(200, clock()) };
        Self { accounts, kinds: Both { far, near } }
    }

    pub(super) fn add(&self, side: Side, folder: &str, text: &str, flags: &[&str]) {
        let mut account = self.accounts.of(side).borrow_mut();
        let found = account.find(folder);
        let id = match found {
            Some(id) => id,
            None => account.create(folder, &[]).expect("a folder's name"),
        };
        let message = NewMessage {
            flags: flags.iter().collect(),
            received: Some(Received { seconds: text.len() as i64, offset_seconds: 0 }),
            octets: text.as_bytes().into(),
        };
        account.append(id, vec![message]).expect("room");
    }

    pub(super) fn uid(&self, side: Side, folder: &str, text: &str) -> u32 {
        let account = self.accounts.of(side).borrow();
        let id = account.find(folder).expect("the folder is there");
        let mailbox = account.mailbox(id).expect("the folder is there");
        let found =
            mailbox.messages().iter().find(|message| message.octets[..] == *text.as_bytes());
        found.expect("the message is there").uid
    }

    pub(super) fn flag(
        &self,
        side: Side,
        folder: &str,
        text: &str,
        operation: FlagOperation,
        flag: &str,
    ) {
        let uid = self.uid(side, folder, text);
        let mut account = self.accounts.of(side).borrow_mut();
        let id = account.find(folder).expect("the folder is there");
        let flags: Flags = [flag].iter().collect();
        account.store_flags(id, &[uid], operation, &flags, None).expect("it is there");
    }

    pub(super) fn delete(&self, side: Side, folder: &str, text: &str) {
        let uid = self.uid(side, folder, text);
        let mut account = self.accounts.of(side).borrow_mut();
        let id = account.find(folder).expect("the folder is there");
        account.expunge(id, &[uid]).expect("it is there");
    }

    /// Moves a message to another folder, which is made where it is not there.
    pub(super) fn shift(&self, side: Side, from: &str, text: &str, to: &str) {
        let uid = self.uid(side, from, text);
        let mut account = self.accounts.of(side).borrow_mut();
        let source = account.find(from).expect("the folder is there");
        let target = account.find(to);
        let target = target.unwrap_or_else(|| account.create(to, &[]).expect("a good name"));
        account.move_messages(source, &[uid], target).expect("it is there");
    }

    /// All that is on a side, without the ids.
    pub(super) fn seen(&self, side: Side) -> BTreeMap<String, Vec<Seen>> {
        let account = self.accounts.of(side).borrow();
        let one = |message: &crate::store::memory::Message| {
            let text = String::from_utf8_lossy(&message.octets).into_owned();
            let flags = message.flags.iter().map(|flag| flag.name().to_owned()).collect();
            (text, flags, message.received.seconds)
        };
        account
            .mailboxes()
            .map(|(name, mailbox)| {
                let mut messages: Vec<Seen> = mailbox.messages().iter().map(one).collect();
                messages.sort();
                (name.to_owned(), messages)
            })
            .collect()
    }

    pub(super) fn both(&self) -> (BTreeMap<String, Vec<Seen>>, BTreeMap<String, Vec<Seen>>) {
        (self.seen(Side::Far), self.seen(Side::Near))
    }

    /// Counts every change, so that a run that changes nothing is known.
    pub(super) fn version(&self) -> (u64, u64) {
        (self.accounts.far.borrow().version(), self.accounts.near.borrow().version())
    }

    /// One run, as a process of its own would do it.
    pub(super) fn sync(
        &self,
        state: &Path,
        job: &Job,
        fuse: &Rc<Fuse>,
        death: Death,
    ) -> anyhow::Result<(Exit, String)> {
        let names = Both { far: "far".to_owned(), near: "near".to_owned() };
        let mut state = State::open(state, &names)?;
        state.fuse = Some(fuse.clone());
        let store = |side: Side| -> Box<dyn Store> {
            let account = self.accounts.of(side).clone();
            Box::new(Mortal {
                inner: Memory::new(account).expect("an INBOX"),
                kind: *self.kinds.of(side),
                fuse: fuse.clone(),
                death,
            })
        };
        let stores = Both { far: store(Side::Far), near: store(Side::Near) };
        let text = Rc::new(std::cell::RefCell::new(Vec::new()));
        let mut out = Output::to(Box::new(Written(text.clone())), Format::Json, false);
        let exit = run(pass(stores, &mut state, job, None, &mut out))?;
        out.flush()?;
        let text = String::from_utf8(text.borrow().clone()).expect("JSON is UTF-8");
        Ok((exit, text))
    }

    pub(super) fn sync_whole(&self, state: &Path, job: &Job) -> (Exit, String) {
        self.sync(state, job, &Fuse::never(), Death::Before).expect("it ends well")
    }

    pub(super) fn failure(&self, state: &Path, job: &Job) -> Failure {
        let error = self.sync(state, job, &Fuse::never(), Death::Before).expect_err("it stops");
        error.downcast::<Failure>().expect("it says how it ends")
    }
}

/// Where an [`Output`] of these tests goes.
struct Written(Rc<std::cell::RefCell<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(super) fn job(mode: Mode) -> Job {
    Job { scope: Scope { mode, ..Scope::default() }, quiet: true, ..Job::default() }
}

pub(super) fn mail(name: &str) -> String {
    format!("Message-ID: <{name}@example.org>\r\nSubject: {name}\r\n\r\nbody of {name}\r\n")
}

/// Messages of every kind on both sides, and nothing known of them.
pub(super) fn begin(world: &World) {
    world.add(Side::Far, "INBOX", &mail("one"), &["\\Seen", "work"]);
    world.add(Side::Far, "INBOX", &mail("two"), &[]);
    world.add(Side::Far, "INBOX", "no header at all", &["\\Flagged"]);
    world.add(Side::Far, "INBOX", &mail("twin"), &[]);
    world.add(Side::Far, "INBOX", &mail("twin"), &[]);
    world.add(Side::Far, "Lists/a", &mail("list"), &[]);
    world.add(Side::Near, "INBOX", &mail("three"), &["\\Answered"]);
    world.add(Side::Near, "INBOX", &mail("shared"), &["\\Seen"]);
    world.add(Side::Far, "INBOX", &mail("shared"), &["\\Flagged"]);
    world.add(Side::Near, "Drafts", &mail("draft"), &["\\Draft"]);
}

/// Changes of every kind on both sides.
pub(super) fn go_on(world: &World) {
    world.add(Side::Far, "INBOX", &mail("four"), &[]);
    world.add(Side::Far, "INBOX", &mail("twin"), &[]);
    world.add(Side::Near, "INBOX", &mail("five"), &["\\Seen", "work"]);
    world.add(Side::Near, "New", &mail("six"), &[]);
    world.flag(Side::Far, "INBOX", &mail("two"), FlagOperation::Add, "\\Seen");
    world.flag(Side::Near, "INBOX", &mail("two"), FlagOperation::Add, "\\Flagged");
    world.flag(Side::Near, "INBOX", &mail("one"), FlagOperation::Remove, "\\Seen");
    world.delete(Side::Far, "INBOX", "no header at all");
    world.delete(Side::Near, "Drafts", &mail("draft"));
    world.add(Side::Near, "Drafts", &mail("draft again"), &[]);
    // A conflict in each direction.
    world.delete(Side::Far, "INBOX", &mail("three"));
    world.flag(Side::Near, "INBOX", &mail("three"), FlagOperation::Add, "\\Seen");
    world.delete(Side::Near, "Lists/a", &mail("list"));
    world.flag(Side::Far, "Lists/a", &mail("list"), FlagOperation::Add, "\\Flagged");
}
