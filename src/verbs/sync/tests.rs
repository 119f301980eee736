//! Whole passes over mail in memory, and what becomes of a pass that is killed at each of its
//! steps.

mod model;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;

use super::brake::MaxDelete;
use super::diff::{Both, Mode, Side};
use super::pair::Pair;
use super::pass::{Job, pass};
use super::plan::Scope;
use super::state::State;
use super::{apply, plan};
use crate::state::testing::Dir;
use crate::store::memory::{Account, FlagOperation, Memory, NewMessage, Shared};
use crate::store::{
    Body, Changes, Deleted, Error, Flag, FlagChange, Flags, Folder, Id, Keeps, Listed, Meta,
    Received, Result, Since, Sink, Source, Spool, Status, Store, What,
};
use crate::ui::progress::Show;
use crate::ui::{Exit, Failure, Format, Output, Progress};

/// Runs a future to its end on a runtime of its own.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts")
        .block_on(future)
}

/// What a step of a run finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Burnt {
    /// Nothing is wrong.
    Not,
    /// The run is killed at this step.
    Now,
    /// The run was killed before.
    Long,
}

/// Counts the steps of a run, and kills it at one of them.
#[derive(Debug)]
pub(super) struct Fuse {
    steps: Cell<u32>,
    last: u32,
}

impl Fuse {
    fn new(last: u32) -> Rc<Self> {
        Rc::new(Self { steps: Cell::new(0), last })
    }

    fn never() -> Rc<Self> {
        Self::new(u32::MAX)
    }

    pub(super) fn burn(&self) -> Burnt {
        let step = self.steps.get() + 1;
        self.steps.set(step);
        match step.cmp(&self.last) {
            std::cmp::Ordering::Less => Burnt::Not,
            std::cmp::Ordering::Equal => Burnt::Now,
            std::cmp::Ordering::Greater => Burnt::Long,
        }
    }

    fn has_burnt(&self) -> bool {
        self.steps.get() >= self.last
    }
}

/// How far the step comes at which the run is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// It does not begin.
    Before,
    /// Its first half is done.
    Halfway,
    /// It is done, and nobody hears of it.
    After,
}

/// What a store is like.
#[derive(Debug, Clone, Copy)]
struct Kind {
    /// Whether it tells where an appended message is (UIDPLUS).
    tells_places: bool,
    /// Whether it has mod-sequences.
    has_history: bool,
    /// Whether it keeps keywords.
    keeps_keywords: bool,
    /// Whether it tells which flags it keeps.
    tells_flags: bool,
    /// Whether it gives every message that it is asked for.
    gives_all: bool,
}

const PLAIN: Kind = Kind {
    tells_places: true,
    has_history: true,
    keeps_keywords: true,
    tells_flags: true,
    gives_all: true,
};

const SYSTEM: [&str; 5] = ["\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen"];

/// A store that can die.
struct Mortal {
    inner: Memory,
    kind: Kind,
    fuse: Rc<Fuse>,
    death: Death,
}

fn dead<T>() -> Result<T> {
    Err(Error::Unknown("killed".into()))
}

impl Mortal {
    /// Whether the step begins, and how it ends: `None` when it is never begun.
    fn step(&self) -> Option<Burnt> {
        match (self.fuse.burn(), self.death) {
            (Burnt::Not, _) => Some(Burnt::Not),
            (Burnt::Now, Death::Halfway | Death::After) => Some(Burnt::Now),
            (Burnt::Now, Death::Before) | (Burnt::Long, _) => None,
        }
    }

    /// How many of so many are done in a step that ends like this.
    fn part(&self, end: Burnt, count: usize) -> usize {
        if end == Burnt::Now && self.death == Death::Halfway { count / 2 } else { count }
    }

    /// As IMAP tells it.
    fn keeps(&self) -> Keeps {
        match self.kind.keeps_keywords {
            true => Keeps::All,
            false => Keeps::These { flags: SYSTEM.iter().collect(), may_make: false },
        }
    }

    fn without_history(&self, mut status: Status) -> Status {
        if !self.kind.has_history {
            status.highest_modseq = None;
        }
        status
    }
}

fn ended<T>(end: Burnt, value: T) -> Result<T> {
    if end == Burnt::Not { Ok(value) } else { dead() }
}

/// Only the first messages of a source, and not all of their flags.
struct Part<'a> {
    source: &'a mut dyn Source,
    left: usize,
    keeps_keywords: bool,
}

#[async_trait(?Send)]
impl Source for Part<'_> {
    async fn next(&mut self) -> Result<Option<Meta>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let meta = self.source.next().await?;
        Ok(meta.map(|mut meta| {
            meta.flags = meta.flags.map(|flags| kept(&flags, self.keeps_keywords));
            meta
        }))
    }

    fn body(&mut self) -> &mut dyn Body {
        self.source.body()
    }
}

fn kept(flags: &Flags, keeps_keywords: bool) -> Flags {
    let fits = |flag: &&Flag| keeps_keywords || flag.is_system();
    flags.iter().filter(fits).map(Flag::name).collect()
}

#[async_trait(?Send)]
impl Spool for Mortal {
    async fn list(&mut self) -> Result<Vec<Listed>> {
        let Some(end) = self.step() else { return dead() };
        let listed = self.inner.list().await?;
        ended(end, listed)
    }

    async fn read(&mut self, ids: &[Id], what: &What, sink: &mut dyn Sink) -> Result<()> {
        let Some(end) = self.step() else { return dead() };
        let withheld = usize::from(!self.kind.gives_all && *what == What::Whole);
        let count = self.part(end, ids.len()).saturating_sub(withheld);
        self.inner.read(&ids[..count], what, sink).await?;
        ended(end, ())
    }

    async fn delete(&mut self, ids: &[Id]) -> Result<Deleted> {
        let Some(end) = self.step() else { return dead() };
        let deleted = self.inner.delete(&ids[..self.part(end, ids.len())]).await?;
        ended(end, deleted)
    }

    async fn finish(&mut self) -> Result<()> {
        self.inner.finish().await
    }
}

#[async_trait(?Send)]
impl Store for Mortal {
    async fn folders(&mut self, patterns: &[String]) -> Result<Vec<Folder>> {
        let Some(end) = self.step() else { return dead() };
        let mut folders = self.inner.folders(patterns).await?;
        for folder in &mut folders {
            folder.status = folder.status.map(|status| self.without_history(status));
        }
        ended(end, folders)
    }

    async fn create(&mut self, folders: &[String]) -> Result<()> {
        let Some(end) = self.step() else { return dead() };
        self.inner.create(&folders[..self.part(end, folders.len())]).await?;
        ended(end, ())
    }

    async fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let Some(end) = self.step() else { return dead() };
        self.inner.rename(from, to).await?;
        ended(end, ())
    }

    async fn remove(&mut self, folders: &[String]) -> Result<()> {
        let Some(end) = self.step() else { return dead() };
        self.inner.remove(&folders[..self.part(end, folders.len())]).await?;
        ended(end, ())
    }

    async fn subscribe(&mut self, folders: &[String], subscribed: bool) -> Result<()> {
        let Some(end) = self.step() else { return dead() };
        self.inner.subscribe(&folders[..self.part(end, folders.len())], subscribed).await?;
        ended(end, ())
    }

    async fn select(&mut self, folder: &str, read_only: bool) -> Result<Status> {
        let Some(end) = self.step() else { return dead() };
        let status = self.inner.select(folder, read_only).await?;
        ended(end, self.without_history(status))
    }

    async fn changes(&mut self, since: Option<&Since>) -> Result<Changes> {
        let Some(end) = self.step() else { return dead() };
        let mut changes = self.inner.changes(since).await?;
        changes.status = self.without_history(changes.status);
        changes.keeps = match self.kind.tells_flags {
            true => self.keeps(),
            false => Keeps::Untold,
        };
        ended(end, changes)
    }

    async fn append(&mut self, folder: &str, source: &mut dyn Source) -> Result<Vec<Option<Id>>> {
        let Some(end) = self.step() else { return dead() };
        // Half of what is always more than there is would be everything.
        let left = if end == Burnt::Now && self.death == Death::Halfway { 1 } else { usize::MAX };
        let mut part = Part { source, left, keeps_keywords: self.kind.keeps_keywords };
        let mut places = self.inner.append(folder, &mut part).await?;
        if !self.kind.tells_places {
            places.fill(None);
        }
        ended(end, places)
    }

    async fn flag(&mut self, changes: &[FlagChange]) -> Result<()> {
        let Some(end) = self.step() else { return dead() };
        let mut changes = changes[..self.part(end, changes.len())].to_vec();
        for change in &mut changes {
            change.add = kept(&change.add, self.kind.keeps_keywords);
        }
        self.inner.flag(&changes).await?;
        ended(end, ())
    }

    async fn copy(&mut self, ids: &[Id], folder: &str) -> Result<Vec<Option<Id>>> {
        self.inner.copy(ids, folder).await
    }

    async fn move_to(&mut self, ids: &[Id], folder: &str) -> Result<Vec<Option<Id>>> {
        let Some(end) = self.step() else { return dead() };
        let mut places = self.inner.move_to(&ids[..self.part(end, ids.len())], folder).await?;
        if !self.kind.tells_places {
            places.fill(None);
        }
        ended(end, places)
    }

    async fn wait(&mut self, limit: Duration) -> Result<bool> {
        self.inner.wait(limit).await
    }
}

/// One message as a user sees it: its octets, flags and date.
type Seen = (String, Vec<String>, i64);

/// Two accounts that outlive every run.
struct World {
    accounts: Both<Shared>,
    kinds: Both<Kind>,
}

impl World {
    fn new(far: Kind, near: Kind) -> Self {
        let clock = || Rc::new(|| Received { seconds: 5, offset_seconds: 0 });
        let accounts =
            Both { far: Account::shared(100, clock()), near: Account::shared(200, clock()) };
        Self { accounts, kinds: Both { far, near } }
    }

    fn add(&self, side: Side, folder: &str, text: &str, flags: &[&str]) {
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

    fn uid(&self, side: Side, folder: &str, text: &str) -> u32 {
        let account = self.accounts.of(side).borrow();
        let id = account.find(folder).expect("the folder is there");
        let mailbox = account.mailbox(id).expect("the folder is there");
        let found =
            mailbox.messages().iter().find(|message| message.octets[..] == *text.as_bytes());
        found.expect("the message is there").uid
    }

    fn flag(&self, side: Side, folder: &str, text: &str, operation: FlagOperation, flag: &str) {
        let uid = self.uid(side, folder, text);
        let mut account = self.accounts.of(side).borrow_mut();
        let id = account.find(folder).expect("the folder is there");
        let flags: Flags = [flag].iter().collect();
        account.store_flags(id, &[uid], operation, &flags, None).expect("it is there");
    }

    fn delete(&self, side: Side, folder: &str, text: &str) {
        let uid = self.uid(side, folder, text);
        let mut account = self.accounts.of(side).borrow_mut();
        let id = account.find(folder).expect("the folder is there");
        account.expunge(id, &[uid]).expect("it is there");
    }

    /// Moves a message to another folder, which is made where it is not there.
    fn shift(&self, side: Side, from: &str, text: &str, to: &str) {
        let uid = self.uid(side, from, text);
        let mut account = self.accounts.of(side).borrow_mut();
        let source = account.find(from).expect("the folder is there");
        let target = account.find(to);
        let target = target.unwrap_or_else(|| account.create(to, &[]).expect("a good name"));
        account.move_messages(source, &[uid], target).expect("it is there");
    }

    /// All that is on a side, without the ids.
    fn seen(&self, side: Side) -> BTreeMap<String, Vec<Seen>> {
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

    fn both(&self) -> (BTreeMap<String, Vec<Seen>>, BTreeMap<String, Vec<Seen>>) {
        (self.seen(Side::Far), self.seen(Side::Near))
    }

    /// Counts every change, so that a run that changes nothing is known.
    fn version(&self) -> (u64, u64) {
        (self.accounts.far.borrow().version(), self.accounts.near.borrow().version())
    }

    /// One run, as a process of its own would do it.
    fn sync(
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

    fn sync_whole(&self, state: &Path, job: &Job) -> (Exit, String) {
        self.sync(state, job, &Fuse::never(), Death::Before).expect("it ends well")
    }

    fn failure(&self, state: &Path, job: &Job) -> Failure {
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

fn job(mode: Mode) -> Job {
    Job { scope: Scope { mode, ..Scope::default() }, quiet: true, ..Job::default() }
}

fn mail(name: &str) -> String {
    format!("Message-ID: <{name}@example.org>\r\nSubject: {name}\r\n\r\nbody of {name}\r\n")
}

/// Messages of every kind on both sides, and nothing known of them.
fn begin(world: &World) {
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
fn go_on(world: &World) {
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

#[test]
fn two_ways_make_both_sides_equal_and_a_second_run_does_nothing() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    begin(&world);
    let job = job(Mode::TwoWay);
    let (exit, text) = world.sync_whole(&state, &job);
    assert_eq!(exit, Exit::Ok, "{text}");
    let (far, near) = world.both();
    assert_eq!(far, near);
    assert_eq!(far["INBOX"].len(), 7);
    let shared = far["INBOX"].iter().find(|message| message.0 == mail("shared"));
    assert_eq!(shared.expect("once").1, ["\\Flagged", "\\Seen"]);
    let before = world.version();
    world.sync_whole(&state, &job);
    assert_eq!(world.version(), before, "a second run changes nothing");

    go_on(&world);
    let (exit, text) = world.sync_whole(&state, &job);
    assert_eq!(exit, Exit::Conflicts, "{text}");
    assert_eq!(text.matches("\"type\":\"conflict\"").count(), 2, "{text}");
    let (far, near) = world.both();
    assert_eq!(far, near);
    let of = |name: &str| far["INBOX"].iter().find(|message| message.0 == mail(name));
    assert_eq!(of("two").expect("kept").1, ["\\Flagged", "\\Seen"]);
    assert_eq!(of("one").expect("kept").1, ["work"]);
    assert_eq!(of("three").expect("kept").1, ["\\Answered", "\\Seen"]);
    assert!(!far["INBOX"].iter().any(|message| message.0 == "no header at all"));
    assert_eq!(far["INBOX"].iter().filter(|message| message.0 == mail("twin")).count(), 3);
    assert_eq!(far["Drafts"].len(), 1);
    assert_eq!(far["Lists/a"][0].1, ["\\Flagged"]);
    assert_eq!(far["New"].len(), 1);
    let before = world.version();
    let (exit, text) = world.sync_whole(&state, &job);
    assert_eq!(exit, Exit::Ok, "{text}");
    assert_eq!(world.version(), before, "a second run changes nothing");
}

/// Kills a run at every step, in every way of dying, and each time lets another run go on.
fn killed_everywhere(kinds: Both<Kind>, mode: Mode, later: bool) {
    let prepare = |state: &Path| {
        let world = World::new(kinds.far, kinds.near);
        begin(&world);
        if later {
            world.sync_whole(state, &job(Mode::TwoWay));
            go_on(&world);
        }
        world
    };
    let dir = Dir::new();
    let job = Job { max_delete: Some(MaxDelete::Messages(100)), ..job(mode) };
    let whole = dir.path().join("whole.db");
    let world = prepare(&whole);
    world.sync_whole(&whole, &job);
    let wanted = world.both();
    for death in [Death::Before, Death::Halfway, Death::After] {
        let mut last = 0;
        loop {
            last += 1;
            let state = dir.path().join(format!("{death:?}-{last}.db"));
            let world = prepare(&state);
            let fuse = Fuse::new(last);
            let outcome = world.sync(&state, &job, &fuse, death);
            assert_eq!(outcome.is_err(), fuse.has_burnt(), "{death:?} at {last}");
            world.sync_whole(&state, &job);
            assert_eq!(world.both(), wanted, "{death:?} at {last}");
            let before = world.version();
            world.sync_whole(&state, &job);
            assert_eq!(world.version(), before, "{death:?} at {last}: a further run does nothing");
            if outcome.is_ok() {
                break;
            }
        }
        assert!(last > 15, "there are more steps than {last}");
    }
}

#[test]
fn a_first_run_killed_anywhere_is_taken_up() {
    killed_everywhere(Both { far: PLAIN, near: PLAIN }, Mode::TwoWay, false);
}

#[test]
fn a_later_run_killed_anywhere_is_taken_up() {
    let near = Kind { has_history: false, ..PLAIN };
    killed_everywhere(Both { far: PLAIN, near }, Mode::TwoWay, true);
}

#[test]
fn stores_that_tell_no_places_are_searched() {
    let silent = Kind { tells_places: false, ..PLAIN };
    killed_everywhere(Both { far: silent, near: silent }, Mode::TwoWay, false);
}

#[test]
fn a_mirror_killed_anywhere_is_taken_up() {
    killed_everywhere(Both { far: PLAIN, near: PLAIN }, Mode::Mirror, true);
}

#[test]
fn one_way_changes_one_side() {
    for (mode, changed) in [
        (Mode::Pull, Side::Near),
        (Mode::Push, Side::Far),
        (Mode::Mirror, Side::Near),
        (Mode::Copy, Side::Near),
    ] {
        let dir = Dir::new();
        let state = dir.path().join("s.db");
        let world = World::new(PLAIN, PLAIN);
        begin(&world);
        world.sync_whole(&state, &job(Mode::TwoWay));
        go_on(&world);
        let untouched = world.seen(changed.other());
        let job = Job { max_delete: Some(MaxDelete::Messages(100)), ..job(mode) };
        world.sync_whole(&state, &job);
        assert_eq!(world.seen(changed.other()), untouched, "{mode:?}");
        let before = world.version();
        world.sync_whole(&state, &job);
        assert_eq!(world.version(), before, "{mode:?}: a second run changes nothing");
        let (far, near) = world.both();
        let has = |side: &BTreeMap<String, Vec<Seen>>, folder: &str, name: &str| {
            side.get(folder).is_some_and(|messages| messages.iter().any(|m| m.0 == mail(name)))
        };
        assert!(
            has(&far, "INBOX", "four") && has(&near, "INBOX", "five") != (mode == Mode::Mirror)
        );
        assert_eq!(has(&near, "INBOX", "four"), mode != Mode::Push);
        assert_eq!(has(&far, "INBOX", "five"), mode == Mode::Push);
        assert_eq!(has(&far, "New", "six"), mode == Mode::Push);
        if mode == Mode::Mirror {
            for (name, messages) in &far {
                assert_eq!(near.get(name), Some(messages), "{name}");
            }
        }
        // What was left is still known: a run in both directions carries it over.
        world.sync_whole(&state, &super::tests::job(Mode::TwoWay));
        let (far, near) = world.both();
        assert_eq!(far, near, "after {mode:?}");
    }
}

#[test]
fn the_brake_stops_a_run_before_anything_is_changed() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    for at in 0..40 {
        world.add(Side::Far, "INBOX", &mail(&at.to_string()), &[]);
    }
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    for at in 0..11 {
        world.delete(Side::Far, "INBOX", &mail(&at.to_string()));
    }
    world.add(Side::Far, "INBOX", &mail("new"), &[]);
    let before = world.version();
    let failure = world.failure(&state, &usual);
    assert_eq!(failure.exit, Exit::Brake, "{failure}");
    assert_eq!(world.version(), before);
    let tighter = Job { max_delete: Some(MaxDelete::Percent(20)), ..usual.clone() };
    assert_eq!(world.failure(&state, &tighter).exit, Exit::Brake);
    let dry = Job { dry_run: true, ..usual.clone() };
    let (exit, text) = world.sync_whole(&state, &dry);
    assert_eq!(exit, Exit::Ok);
    assert_eq!(text.matches("\"type\":\"delete\"").count(), 11, "{text}");
    assert_eq!(text.matches("\"type\":\"copy\"").count(), 1, "{text}");
    assert!(text.starts_with("{\"type\":\"plan\",\"mode\":\"two-way\""), "{text}");
    assert_eq!(world.version(), before);
    let wider = Job { max_delete: Some(MaxDelete::Messages(11)), ..usual };
    world.sync_whole(&state, &wider);
    assert_eq!(world.seen(Side::Near)["INBOX"].len(), 30);
    assert_eq!(world.seen(Side::Near), world.seen(Side::Far));
}

#[test]
fn a_side_that_has_lost_everything_is_not_believed() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    world.add(Side::Far, "INBOX", &mail("one"), &[]);
    world.add(Side::Far, "INBOX", &mail("two"), &[]);
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    world.delete(Side::Near, "INBOX", &mail("one"));
    world.delete(Side::Near, "INBOX", &mail("two"));
    assert_eq!(world.failure(&state, &usual).exit, Exit::Brake);
    assert_eq!(world.seen(Side::Far)["INBOX"].len(), 2);
    let meant = Job { max_delete: Some(MaxDelete::Messages(2)), ..usual };
    world.sync_whole(&state, &meant);
    assert!(world.seen(Side::Far)["INBOX"].is_empty());
}

#[test]
fn a_new_generation_is_bound_again_and_deletes_nothing() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    for name in ["one", "two", "twin", "twin"] {
        world.add(Side::Far, "Work", &mail(name), &["\\Seen"]);
    }
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    // The far folder is made anew: other ids, one message less, one flag more.
    world.accounts.far.borrow_mut().delete("Work").expect("there");
    for name in ["twin", "one", "twin"] {
        world.add(Side::Far, "Work", &mail(name), &["\\Seen"]);
    }
    world.flag(Side::Far, "Work", &mail("one"), FlagOperation::Add, "\\Flagged");
    world.flag(Side::Near, "Work", &mail("one"), FlagOperation::Remove, "\\Seen");
    let (exit, text) = world.sync_whole(&state, &usual);
    assert_eq!(exit, Exit::Ok, "{text}");
    let (far, near) = world.both();
    assert_eq!(far, near);
    assert_eq!(far["Work"].len(), 4);
    let one = far["Work"].iter().find(|message| message.0 == mail("one")).expect("kept");
    assert_eq!(one.1, ["\\Flagged"]);
    let before = world.version();
    world.sync_whole(&state, &usual);
    assert_eq!(world.version(), before);
}

#[test]
fn a_generation_that_begins_behind_the_plan_loses_nothing() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    world.add(Side::Far, "Alpha", &mail("old"), &[]);
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    world.delete(Side::Near, "Alpha", &mail("old"));
    // The last folder that is looked at is another one.
    world.add(Side::Far, "Work", &mail("work"), &[]);
    let names = Both { far: "far".to_owned(), near: "near".to_owned() };
    let mut state = State::open(&state, &names).expect("the state");
    let store = |side: Side| -> Box<dyn Store> {
        Box::new(Memory::new(world.accounts.of(side).clone()).expect("an INBOX"))
    };
    let mut pair = Pair::new(Both { far: store(Side::Far), near: store(Side::Near) });
    let error = run(async {
        let mut plan = plan::plan(&mut pair, &state, &usual.scope, true).await.expect("a plan");
        assert_eq!(plan.counts(Side::Far).deleted, 1);
        world.accounts.far.borrow_mut().delete("Alpha").expect("there");
        world.add(Side::Far, "Alpha", &mail("new"), &[]);
        let mut progress = Progress::new(Show::None, "sync", None);
        apply::apply(&mut pair, None, &mut state, &mut plan, &mut progress).await
    })
    .expect_err("it stops");
    let failure = error.downcast::<Failure>().expect("it says how it ends");
    assert_eq!(failure.exit, Exit::TempFail);
    assert_eq!(world.seen(Side::Far)["Alpha"][0].0, mail("new"));
}

#[test]
fn a_folder_that_was_deleted_is_deleted_unless_something_is_new_in_it() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    world.add(Side::Far, "INBOX", &mail("one"), &[]);
    for folder in ["Work", "Play", "Old"] {
        world.add(Side::Far, folder, &mail(folder), &[]);
    }
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    world.sync_whole(&state, &usual);
    for folder in ["Work", "Play", "Old"] {
        world.accounts.near.borrow_mut().delete(folder).expect("there");
    }
    world.add(Side::Far, "Work", &mail("new"), &[]);
    world.flag(Side::Far, "Play", &mail("Play"), FlagOperation::Add, "\\Flagged");
    let (exit, text) = world.sync_whole(&state, &usual);
    assert_eq!(exit, Exit::Conflicts);
    assert_eq!(text.matches("\"type\":\"folder-kept\"").count(), 2, "{text}");
    let (far, near) = world.both();
    assert_eq!(far, near);
    assert_eq!((far["Work"].len(), far["Play"].len()), (2, 1));
    assert!(!far.contains_key("Old"));
    let (exit, _) = world.sync_whole(&state, &usual);
    assert_eq!(exit, Exit::Ok);
    // A mirror makes it again.
    world.accounts.near.borrow_mut().delete("Work").expect("there");
    let (exit, _) = world.sync_whole(&state, &job(Mode::Mirror));
    assert_eq!(exit, Exit::Ok);
    assert_eq!(world.seen(Side::Near), world.seen(Side::Far));
}

#[test]
fn what_was_moved_is_moved_and_keeps_what_both_sides_did_to_it() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, Kind { has_history: false, ..PLAIN });
    for name in ["one", "two", "three"] {
        world.add(Side::Far, "INBOX", &mail(name), &["\\Seen"]);
    }
    world.add(Side::Far, "Archive", &mail("old"), &[]);
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    world.sync_whole(&state, &usual);
    world.shift(Side::Far, "INBOX", &mail("one"), "Archive");
    world.flag(Side::Far, "Archive", &mail("one"), FlagOperation::Add, "\\Flagged");
    world.flag(Side::Near, "INBOX", &mail("one"), FlagOperation::Add, "\\Answered");
    world.shift(Side::Near, "INBOX", &mail("two"), "New");
    let (exit, text) = world.sync_whole(&state, &usual);
    assert_eq!(exit, Exit::Ok, "{text}");
    let result = text.lines().last().expect("a result");
    assert_eq!(result.matches("\"moved\":1").count(), 2, "{result}");
    assert_eq!(result.matches("\"copied\":0,\"flagged\":1,\"deleted\":0").count(), 2, "{result}");
    let (far, near) = world.both();
    assert_eq!(far, near);
    assert_eq!(far["INBOX"].len(), 1);
    let one = far["Archive"].iter().find(|message| message.0 == mail("one")).expect("moved");
    assert_eq!(one.1, ["\\Answered", "\\Flagged", "\\Seen"]);
    assert_eq!(far["New"].len(), 1);
    let before = world.version();
    world.sync_whole(&state, &usual);
    assert_eq!(world.version(), before);
}

#[test]
fn folders_are_renamed_and_subscribed_to() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    for name in ["INBOX", "Work", "Work/a", "Play"] {
        world.add(Side::Far, name, &mail(name), &[]);
    }
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    world.sync_whole(&state, &usual);
    world.accounts.far.borrow_mut().rename("Work", "Labour").expect("there");
    world.add(Side::Far, "Labour/a", &mail("new"), &[]);
    world.accounts.near.borrow_mut().rename("Play", "Games").expect("there");
    world.accounts.near.borrow_mut().set_subscribed("Games", true).expect("there");
    let (exit, text) = world.sync_whole(&state, &usual);
    assert_eq!(exit, Exit::Ok, "{text}");
    let result = text.lines().last().expect("a result");
    assert!(
        result.contains(
            "\"near\":{\"created\":0,\"copied\":1,\"flagged\":0,\"deleted\":0,\"renamed\":2"
        ),
        "{result}"
    );
    assert!(result.contains("\"renamed\":1"), "{result}");
    let (far, near) = world.both();
    assert_eq!(far, near);
    assert_eq!(far.keys().collect::<Vec<_>>(), ["Games", "INBOX", "Labour", "Labour/a"]);
    assert!(world.accounts.far.borrow().is_subscribed("Games"));
    let before = world.version();
    world.sync_whole(&state, &usual);
    assert_eq!(world.version(), before);
    world.accounts.far.borrow_mut().set_subscribed("Games", false).expect("there");
    world.sync_whole(&state, &usual);
    assert!(!world.accounts.near.borrow().is_subscribed("Games"));
}

#[test]
fn a_message_that_was_not_given_is_asked_for_again() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let mut world = World::new(Kind { gives_all: false, ..PLAIN }, PLAIN);
    world.add(Side::Far, "INBOX", &mail("one"), &[]);
    world.add(Side::Far, "INBOX", &mail("two"), &[]);
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    assert_eq!(world.seen(Side::Near)["INBOX"].len(), 1);
    world.kinds.far = PLAIN;
    world.sync_whole(&state, &usual);
    assert_eq!(world.seen(Side::Near), world.seen(Side::Far));
}

#[test]
fn a_source_folder_that_is_not_there_empties_nothing() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    world.add(Side::Far, "INBOX", &mail("one"), &[]);
    world.add(Side::Near, "INBOX", &mail("two"), &[]);
    for mode in [Mode::Mirror, Mode::Pull, Mode::Copy] {
        let mut wrong = job(mode);
        wrong.scope.only = Both { far: Some("Typo".into()), near: Some("INBOX".into()) };
        assert_eq!(world.failure(&state, &wrong).exit, Exit::NoInput, "{mode:?}");
    }
    assert_eq!(world.seen(Side::Near)["INBOX"].len(), 1);
}

#[test]
fn keywords_survive_a_side_that_cannot_keep_them() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let near = Kind { keeps_keywords: false, has_history: false, ..PLAIN };
    let world = World::new(PLAIN, near);
    world.add(Side::Far, "INBOX", &mail("one"), &["work"]);
    world.add(Side::Far, "INBOX", &mail("two"), &["\\Seen"]);
    let usual = job(Mode::TwoWay);
    for _ in 0..3 {
        world.sync_whole(&state, &usual);
    }
    assert_eq!(world.seen(Side::Far)["INBOX"][0].1, ["work"]);
    world.flag(Side::Near, "INBOX", &mail("one"), FlagOperation::Add, "\\Seen");
    world.flag(Side::Far, "INBOX", &mail("two"), FlagOperation::Add, "work");
    for _ in 0..3 {
        world.sync_whole(&state, &usual);
    }
    let far = world.seen(Side::Far);
    assert_eq!(far["INBOX"][0].1, ["\\Seen", "work"]);
    assert_eq!(far["INBOX"][1].1, ["\\Seen", "work"]);
    let before = world.version();
    world.sync_whole(&state, &usual);
    assert_eq!(world.version(), before);
}

#[test]
fn an_unchanged_side_with_a_history_is_not_even_selected() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    for at in 0..20 {
        world.add(Side::Far, &format!("folder {at}"), &mail("one"), &[]);
    }
    let usual = job(Mode::TwoWay);
    world.sync_whole(&state, &usual);
    // One more run to see what the first has done.
    world.sync_whole(&state, &usual);
    let fuse = Fuse::never();
    world.sync(&state, &usual, &fuse, Death::Before).expect("it ends well");
    assert_eq!(fuse.steps.get(), 2, "two listings, whatever the number of folders");
}

#[test]
fn a_large_message_and_many_small_ones_arrive_whole() {
    let dir = Dir::new();
    let state = dir.path().join("s.db");
    let world = World::new(PLAIN, PLAIN);
    let large = mail("large") + &"0123456789abcde\r\n".repeat(20_000);
    world.add(Side::Far, "INBOX", &large, &[]);
    for at in 0..300 {
        world.add(Side::Far, "INBOX", &mail(&at.to_string()), &[]);
    }
    world.sync_whole(&state, &job(Mode::Pull));
    let (far, near) = world.both();
    assert_eq!(far, near);
}
