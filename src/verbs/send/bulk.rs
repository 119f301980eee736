//! Many messages: over several connections, at a limited rate, with a journal that a later run
//! takes up.
//!
//! Messages come from folders and references, or from a merge. Each connection is kept and has as
//! many messages in flight as the server's extensions allow; one that the server ends before it
//! had the whole of a message (421, or without a word) is opened again, and the message goes once
//! more. What was lost behind the final dot is unknown, and never goes again. A fate is in the
//! journal before it is printed.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::deliver::{self, Times, Told};
use super::esmtp::{self, Wishes};
use super::plan::{Author, Given, Plan};
use super::spooled::{Keeper, Spooled};
use super::{direct, outcome};
use crate::base::location::Location;
use crate::open::references::{self, Group};
use crate::open::{self, Context, Create, Direct, EndpointOptions, Opened};
use crate::smtp::client::Client;
use crate::state::sent::{self, Sent};
use crate::store::{self, Body, Delivery, Fate, Id, Meta, Sink, What};
use crate::ui::{Exit, Failure, Output, Progress, report};

/// Messages that wait to be sent, taken in ahead.
const AHEAD: usize = 64;

/// How often a message goes again because its session ended before the server had it.
const ATTEMPTS: u32 = 4;

/// How often a session is tried to be opened in a row, and how long it waits the first time; each
/// time after that twice as long.
const OPENINGS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How long the journal may be ahead of the disk.
const UNSYNCED: Duration = Duration::from_secs(1);

/// How many messages, and how fast.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Bulk")]
pub struct Bulk {
    /// Send every message of LOCATION, each to those whom it names or to the recipients given; `-`
    /// for references on standard input; repeatable
    #[arg(long, value_name = "LOCATION", conflicts_with_all = ["merge", "sent", "resend"])]
    pub input: Vec<String>,

    /// Speak over so many connections at once
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub connections: Option<u16>,

    /// Open a new connection after so many messages
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub messages_per_connection: Option<u32>,

    /// Send no faster than that in all: 10/s, 100/m or 1000/h
    #[arg(long, value_name = "RATE")]
    pub rate: Option<Rate>,

    /// Send no faster than that to any one domain
    #[arg(long, value_name = "RATE")]
    pub rate_per_domain: Option<Rate>,

    /// Keep the fate of every recipient in FILE; a run with the same FILE goes on where the last
    /// one ended, and sends nothing again that was delivered, refused for good, or unknown
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
}

impl Bulk {
    /// Whether anything of it was asked for.
    pub fn is_wanted(&self) -> bool {
        !self.input.is_empty()
            || self.connections.is_some()
            || self.messages_per_connection.is_some()
            || self.rate.is_some()
            || self.rate_per_domain.is_some()
            || self.journal.is_some()
    }
}

/// So much time for each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(Duration);

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "want a number and /s, /m or /h".to_owned();
        let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
        let seconds = match unit {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        match number.parse::<f64>() {
            Ok(number) if number > 0.0 && (1e-6..1e9).contains(&number) => {
                Ok(Self(Duration::from_secs_f64(seconds / number)))
            }
            _ => Err(wrong()),
        }
    }
}

/// Where messages come from.
pub enum Source<'a> {
    /// Folders, files, and references.
    Inputs(Vec<Group>, Vec<Location>),
    /// A merge.
    Plans(Box<dyn Iterator<Item = Result<Plan>> + 'a>),
}

impl Source<'_> {
    /// What `--input` names; references on `input` where one is `-`.
    ///
    /// # Errors
    /// Those of locations and references.
    pub fn inputs(words: &[String], input: &mut dyn std::io::Read, nul: bool) -> Result<Self> {
        let (mut places, mut folders) = (Vec::new(), Vec::new());
        for word in words {
            if word == "-" {
                places.push(word.clone());
            } else {
                folders.push(Location::parse(word)?);
            }
        }
        Ok(Self::Inputs(references::grouped(&places, input, nul)?, folders))
    }
}

/// The way out.
pub enum Way<'a> {
    /// Sessions with a server.
    Server(&'a dyn Opener),
    /// The exchangers of each domain.
    Direct(&'a Direct, Option<&'a str>),
}

/// Opens sessions.
#[async_trait(?Send)]
pub trait Opener {
    /// One more session.
    async fn open(&self) -> Result<Client>;
}

/// A message on its way.
struct Item {
    /// Its name in the journal.
    key: String,
    plan: Rc<RefCell<Plan>>,
    /// Those who still have to have it.
    recipients: Vec<String>,
    attempts: u32,
}

impl Item {
    fn domains(&self) -> Vec<String> {
        let mut domains: Vec<String> = self.recipients.iter().map(|it| esmtp::domain(it)).collect();
        domains.sort();
        domains.dedup();
        domains
    }
}

/// What all connections share.
pub struct Engine<'a> {
    options: &'a Bulk,
    wishes: &'a Wishes,
    context: &'a Context,
    inspect: &'a dyn Fn(&Plan) -> Result<()>,
    waiting: RefCell<VecDeque<Item>>,
    is_over: Cell<bool>,
    /// Messages taken out of `waiting` and not yet told of.
    under_way: Cell<usize>,
    changed: Notify,
    rates: RefCell<Rates>,
    journal: RefCell<Option<(Sent, Instant)>>,
    /// Connections that are open or being opened.
    alive: Cell<usize>,
    tally: RefCell<Tally>,
    failed: RefCell<Option<anyhow::Error>>,
}

/// When the next message may go.
#[derive(Default)]
struct Rates {
    next: Option<Instant>,
    of_domain: HashMap<String, Instant>,
}

/// How many recipients had which fate.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    messages: u64,
    delivered: u64,
    temporary: u64,
    permanent: u64,
    unknown: u64,
    /// Left out, since the journal has their fate.
    known: u64,
    /// Messages that are none.
    bad: u64,
}

impl Tally {
    fn count(&mut self, state: Fate) {
        *match state {
            Fate::Delivered => &mut self.delivered,
            Fate::Temporary => &mut self.temporary,
            Fate::Permanent => &mut self.permanent,
            Fate::Unknown => &mut self.unknown,
        } += 1;
    }

    fn exit(self) -> Exit {
        let refused = self.permanent + self.bad > 0;
        match (self.unknown > 0, self.delivered > 0, refused, self.temporary > 0) {
            (true, ..) => Exit::Unknown,
            (_, _, false, false) => Exit::Ok,
            (_, true, ..) => Exit::Mixed,
            (_, false, true, _) => Exit::Unavailable,
            (_, false, false, true) => Exit::TempFail,
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} messages, {} delivered", self.messages, self.delivered)?;
        for (count, what) in [
            (self.temporary, "failed for now"),
            (self.permanent, "refused"),
            (self.unknown, "unknown"),
            (self.known, "known from before"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        if self.bad > 0 {
            write!(f, "; {} are no messages that can be sent", self.bad)?;
        }
        Ok(())
    }
}

/// What a connection can take now.
enum Pick {
    Item(Item),
    /// Nothing before that time.
    Later(Instant),
    /// Nothing until something changes.
    Nothing,
    /// Nothing any more.
    Over,
}

/// A message that was pushed.
struct Pushed {
    item: Item,
    /// Recipients of this transaction; the others of the item follow.
    batch: Vec<usize>,
}

/// Sends all messages of `source`.
///
/// # Errors
/// A source that cannot be read, a server that cannot be had at all, a journal that cannot be
/// written. What became of single messages is no error.
#[expect(clippy::too_many_arguments, reason = "what a run of send consists of")]
pub async fn run(
    options: &Bulk,
    source: Source<'_>,
    given: &Given<'_>,
    author: &Author,
    way: Way<'_>,
    wishes: &Wishes,
    inspect: &dyn Fn(&Plan) -> Result<()>,
    endpoint: &EndpointOptions,
    context: &Context,
    out: &mut Output,
) -> Result<Exit> {
    let journal = match &options.journal {
        Some(path) => Some((Sent::open(path)?, Instant::now())),
        None => None,
    };
    let engine = Engine {
        options,
        wishes,
        context,
        inspect,
        waiting: RefCell::default(),
        is_over: Cell::new(false),
        under_way: Cell::new(0),
        changed: Notify::new(),
        rates: RefCell::default(),
        journal: RefCell::new(journal),
        alive: Cell::new(usize::from(options.connections.unwrap_or(1))),
        tally: RefCell::default(),
        failed: RefCell::new(None),
    };
    let shown = RefCell::new((out, Progress::new(context.progress, "send", None)));
    let workers = (0..engine.alive.get()).map(|_| engine.connection(&way, &shown));
    let workers = futures_of(workers.collect());
    let feeding = async {
        let fed = engine.feed(source, given, author, endpoint).await;
        engine.is_over.set(true);
        engine.changed.notify_waiters();
        fed
    };
    let (fed, worked) = tokio::join!(feeding, workers);
    let (out, progress) = shown.into_inner();
    progress.finish();
    if let Some((journal, _)) = engine.journal.borrow_mut().as_mut() {
        journal.sync()?;
    }
    out.flush()?;
    worked?;
    fed?;
    let tally = *engine.tally.borrow();
    if !context.quiet {
        report::note(&tally.to_string());
    }
    match engine.failed.into_inner() {
        Some(error) if tally.delivered + tally.unknown + tally.permanent == 0 => Err(error),
        Some(error) => {
            let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
            report::error(&causes, None);
            Ok(tally.exit())
        }
        None => Ok(tally.exit()),
    }
}

/// All of them at once; the first error, once all have ended.
async fn futures_of<F: Future<Output = Result<()>>>(futures: Vec<F>) -> Result<()> {
    let mut futures: Vec<_> = futures.into_iter().map(|it| Some(Box::pin(it))).collect();
    let mut first = Ok(());
    std::future::poll_fn(|context| {
        for place in &mut futures {
            if let Some(future) = place
                && let std::task::Poll::Ready(done) = future.as_mut().poll(context)
            {
                *place = None;
                if first.is_ok() {
                    first = done;
                }
            }
        }
        match futures.iter().all(Option::is_none) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    first
}

type Shown<'a> = RefCell<(&'a mut Output, Progress)>;

impl Engine<'_> {
    // ---- what comes in

    async fn feed(
        &self,
        source: Source<'_>,
        given: &Given<'_>,
        author: &Author,
        endpoint: &EndpointOptions,
    ) -> Result<()> {
        let (groups, folders) = match source {
            Source::Plans(plans) => {
                // Rows may move within a table: a message is known by its recipients.
                let mut seen: HashMap<String, u32> = HashMap::new();
                for plan in plans {
                    let plan = plan?;
                    let to = plan.envelope.recipients.join(",");
                    let count = seen.entry(to.clone()).or_default();
                    *count += 1;
                    self.offer(format!("merge:{to}#{count}"), plan).await?;
                }
                return Ok(());
            }
            Source::Inputs(groups, folders) => (groups, folders),
        };
        let wanted = folders
            .into_iter()
            .map(|location| (location, None, None))
            .chain(groups.into_iter().map(|it| (it.location, it.uid_validity, Some(it.ids))));
        for (location, uid_validity, ids) in wanted {
            let mut opened = open::open_mail(&location, endpoint, Create::No, self.context).await?;
            let status = opened.select(uid_validity, true).await?;
            let ids = match ids {
                Some(ids) => ids,
                None => listed(&mut opened).await?,
            };
            let generation = status.map_or(0, |status| status.uid_validity);
            let mut sink = Feeder {
                engine: self,
                keeper: Keeper::default(),
                place: format!("{location};{generation};"),
                given,
                author,
                read: 0,
            };
            opened.spool().read(&ids, &What::Whole, &mut sink).await?;
            let missing = ids.len() - sink.read.min(ids.len());
            if missing > 0 {
                report::warning(&format!("{location}: {missing} messages were not there"));
                self.tally.borrow_mut().bad += missing as u64;
            }
            opened.spool().finish().await?;
        }
        Ok(())
    }

    /// Takes in a message, as soon as there is room.
    async fn offer(&self, key: String, mut plan: Plan) -> Result<()> {
        let mut recipients = plan.envelope.recipients.clone();
        if let Some((journal, _)) = self.journal.borrow().as_ref() {
            let known = journal.states(&key)?;
            let before = recipients.len();
            recipients.retain(|it| known.get(it).is_none_or(|state| state == "temporary"));
            self.tally.borrow_mut().known += (before - recipients.len()) as u64;
        }
        if recipients.is_empty() {
            return Ok(());
        }
        self.wishes.check(&recipients)?;
        plan.envelope.recipients.clone_from(&recipients);
        loop {
            let changed = self.changed.notified();
            if self.failed.borrow().is_some() || self.alive.get() == 0 {
                // Nobody takes messages any more.
                return Ok(());
            }
            if self.waiting.borrow().len() < AHEAD {
                break;
            }
            changed.await;
        }
        let item = Item { key, plan: Rc::new(RefCell::new(plan)), recipients, attempts: 0 };
        self.waiting.borrow_mut().push_back(item);
        self.changed.notify_waiters();
        Ok(())
    }

    // ---- what goes out

    /// The next message that may go now.
    fn pick(&self) -> Pick {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            let is_over = self.is_over.get() && self.under_way.get() == 0;
            return if is_over { Pick::Over } else { Pick::Nothing };
        }
        let (all, each) = (self.options.rate, self.options.rate_per_domain);
        let mut found = 0;
        if all.is_some() || each.is_some() {
            let now = Instant::now();
            let rates = &mut *self.rates.borrow_mut();
            if let Some(next) = rates.next.filter(|next| *next > now) {
                return Pick::Later(next);
            }
            if let Some(Rate(pause)) = each {
                let at = |item: &Item| {
                    let times = item.domains().into_iter();
                    times.filter_map(|domain| rates.of_domain.get(&domain).copied()).max()
                };
                let times: Vec<Option<Instant>> = waiting.iter().map(at).collect();
                match times.iter().position(|time| time.is_none_or(|time| time <= now)) {
                    Some(at) => found = at,
                    None => {
                        let soonest = times.into_iter().flatten().min().unwrap_or(now);
                        return Pick::Later(soonest);
                    }
                }
                for domain in waiting[found].domains() {
                    rates.of_domain.insert(domain, now + pause);
                }
            }
            if let Some(Rate(pause)) = all {
                // What was not used is not made up for by a burst.
                let earliest = now.checked_sub(pause).unwrap_or(now);
                rates.next = Some(rates.next.map_or(now, |next| next.max(earliest)) + pause);
            }
        }
        match waiting.remove(found) {
            Some(item) => {
                self.under_way.set(self.under_way.get() + 1);
                drop(waiting);
                self.changed.notify_waiters();
                Pick::Item(item)
            }
            None => Pick::Nothing,
        }
    }

    /// Puts a message back to go once more.
    fn again(&self, item: Item) {
        self.under_way.set(self.under_way.get() - 1);
        self.waiting.borrow_mut().push_front(item);
        self.changed.notify_waiters();
    }

    async fn connection(&self, way: &Way<'_>, shown: &Shown<'_>) -> Result<()> {
        let done = match way {
            Way::Server(opener) => self.with_server(*opener, shown).await,
            Way::Direct(direct, ehlo) => self.with_exchangers(direct, *ehlo, shown).await,
        };
        self.alive.set(self.alive.get() - 1);
        self.changed.notify_waiters();
        done
    }

    /// Waits for something to do; `false`: there is nothing any more.
    async fn next(&self) -> Option<Item> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.pick() {
                Pick::Item(item) => return Some(item),
                Pick::Over => return None,
                Pick::Nothing => changed.await,
                Pick::Later(time) => {
                    tokio::select! {
                        () = changed => {}
                        () = tokio::time::sleep_until(time) => {}
                    }
                }
            }
        }
    }

    async fn with_exchangers(
        &self,
        direct: &Direct,
        ehlo: Option<&str>,
        shown: &Shown<'_>,
    ) -> Result<()> {
        while let Some(item) = self.next().await {
            // Nobody else has the message while it is under way.
            let mut plan = self.taken(&item);
            let done =
                direct::hand_over(direct, &mut plan, self.wishes, ehlo, self.context, self.inspect)
                    .await;
            let told = done.unwrap_or_else(|error| all_failed(&item.recipients, &error));
            self.told(&item, told, shown)?;
        }
        Ok(())
    }

    /// The plan itself, out of the cell that it came in.
    fn taken(&self, item: &Item) -> Plan {
        let nothing = Plan::empty();
        let mut plan = item.plan.replace(nothing);
        plan.envelope.recipients.clone_from(&item.recipients);
        plan
    }

    async fn with_server(&self, opener: &dyn Opener, shown: &Shown<'_>) -> Result<()> {
        let mut session: Option<Session> = None;
        loop {
            // As much as the session takes, as long as there is something to take.
            let mut nothing_yet = None;
            while session.as_ref().is_none_or(|it| it.has_room(self.options)) {
                let item = match self.pick() {
                    Pick::Item(item) => item,
                    other => {
                        nothing_yet = Some(other);
                        break;
                    }
                };
                let opened = match &mut session {
                    Some(session) => session,
                    empty => match self.open(opener, &item).await {
                        Ok(opened) => empty.insert(opened),
                        Err(error) => {
                            self.again(item);
                            return self.give_up(error, shown);
                        }
                    },
                };
                self.push(opened, item, shown).await?;
            }
            if let Some(open) = &mut session {
                if matches!(nothing_yet, Some(Pick::Over)) {
                    open.client.quit_behind();
                }
                if let Some(pushed) = open.pushed.pop_front() {
                    self.outcome(open, pushed, shown).await?;
                    continue;
                }
                let is_spent = !open.has_room(self.options);
                if is_spent || matches!(nothing_yet, Some(Pick::Over)) {
                    if let Some(open) = session.take()
                        && open.client.is_open()
                    {
                        // Every message has its answer: a goodbye that fails changes nothing.
                        let _ = open.client.quit().await;
                    }
                    if is_spent {
                        continue;
                    }
                }
            }
            match nothing_yet {
                Some(Pick::Over) => return Ok(()),
                _ => match self.next().await {
                    Some(item) => {
                        self.under_way.set(self.under_way.get() - 1);
                        // Its turn was counted already: it goes first.
                        self.waiting.borrow_mut().push_front(item);
                        self.unrate();
                    }
                    None => self.changed.notify_waiters(),
                },
            }
        }
    }

    /// A turn that was taken and given back.
    fn unrate(&self) {
        let mut rates = self.rates.borrow_mut();
        rates.next = None;
        if let Some(item) = self.waiting.borrow().front() {
            for domain in item.domains() {
                rates.of_domain.remove(&domain);
            }
        }
    }

    async fn open(&self, opener: &dyn Opener, item: &Item) -> Result<Session> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let begun = Instant::now();
            let error = match opener.open().await {
                Ok(client) => {
                    return Ok(Session {
                        client,
                        pushed: VecDeque::new(),
                        begun: 0,
                        took: begun.elapsed(),
                    });
                }
                Err(error) => error,
            };
            let is_transient = open::verdict(&error).exit == Exit::TempFail;
            // Others go on: this server takes so many connections and no more.
            let is_needless = self.alive.get() > 1 && self.tally.borrow().messages > 0;
            if !is_transient || is_needless || attempt == OPENINGS {
                return Err(error);
            }
            self.context.debug(|| format!("{}: waits {pause:?}: {error:#}", item.key));
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(Failure::new(Exit::TempFail, "no session").into())
    }

    /// This connection ends for good; the last one takes all messages with it.
    fn give_up(&self, error: anyhow::Error, shown: &Shown<'_>) -> Result<()> {
        if self.alive.get() > 1 {
            return Ok(());
        }
        loop {
            let item = self.waiting.borrow_mut().pop_front();
            let Some(item) = item else { break };
            self.under_way.set(self.under_way.get() + 1);
            let told = all_failed(&item.recipients, &error);
            self.told(&item, told, shown)?;
        }
        *self.failed.borrow_mut() = Some(error);
        Ok(())
    }

    async fn push(&self, session: &mut Session, mut item: Item, shown: &Shown<'_>) -> Result<()> {
        item.attempts += 1;
        session.begun += 1;
        let limits = session.client.capabilities().limits.clone().unwrap_or_default();
        let all: Vec<usize> = (0..item.recipients.len()).collect();
        let (batch, _) = deliver::batch(&all, &item.recipients, &limits);
        let names: Vec<String> = batch.iter().map(|at| item.recipients[*at].clone()).collect();
        let submission = {
            let mut plan = item.plan.borrow_mut();
            deliver::submission(&mut plan, self.wishes, &names, &session.client)
                .and_then(|submission| (self.inspect)(&plan).map(|()| submission))
        };
        let pushed = match submission {
            Ok(submission) => {
                let body = Box::new(Shared { plan: Rc::clone(&item.plan), read: 0 });
                session.client.push(submission, body).await.map_err(open::smtp_error)
            }
            Err(error) => {
                let told = all_failed(&item.recipients, &error);
                return self.told(&item, told, shown);
            }
        };
        match pushed {
            Ok(()) => session.pushed.push_back(Pushed { item, batch }),
            Err(error) => {
                let told = all_failed(&item.recipients, &error.into());
                self.told(&item, told, shown)?;
            }
        }
        Ok(())
    }

    /// Waits for the fate of the oldest message pushed.
    async fn outcome(
        &self,
        session: &mut Session,
        pushed: Pushed,
        shown: &Shown<'_>,
    ) -> Result<()> {
        let Pushed { mut item, batch } = pushed;
        let Some(outcome) = session.client.outcome().await else { return Ok(()) };
        let times = Times { session: session.took, phases: outcome.phases };
        let is_lost = !session.client.is_open();
        let mut told = Vec::with_capacity(batch.len());
        // Those who get no fate now: of later transactions, and those whom a session that ended
        // has left without one.
        let mut left: Vec<String> = Vec::new();
        let mut fates = outcome.recipients.into_iter();
        for (at, recipient) in std::mem::take(&mut item.recipients).into_iter().enumerate() {
            if !batch.contains(&at) {
                left.push(recipient);
                continue;
            }
            let Some(fate) = fates.next() else { continue };
            let queue_id = fate.queue_id();
            let delivery = Delivery { recipient, ..fate.into_delivery() };
            let was_cut_off = is_lost
                && delivery.state == Fate::Temporary
                && matches!(delivery.code, None | Some(421))
                && item.attempts < ATTEMPTS;
            if was_cut_off {
                left.push(delivery.recipient);
            } else {
                told.push(Told { delivery, queue_id, times: Some(times), reached: None });
            }
        }
        if left.is_empty() {
            return self.told(&item, told, shown);
        }
        if !told.is_empty() {
            self.record(&item, &told, shown)?;
        }
        item.recipients = left;
        self.again(item);
        Ok(())
    }

    /// The last that is said of a message.
    fn told(&self, item: &Item, told: Vec<Told>, shown: &Shown<'_>) -> Result<()> {
        self.record(item, &told, shown)?;
        self.tally.borrow_mut().messages += 1;
        self.under_way.set(self.under_way.get() - 1);
        self.changed.notify_waiters();
        let (_, progress) = &mut *shown.borrow_mut();
        progress.advance(1, 0);
        Ok(())
    }

    /// Writes fates down, and then prints them.
    fn record(&self, item: &Item, told: &[Told], shown: &Shown<'_>) -> Result<()> {
        if let Some((journal, synced)) = self.journal.borrow_mut().as_mut() {
            let fates: Vec<sent::Fate> = told.iter().map(|it| fate(&it.delivery)).collect();
            journal.record(&item.key, &fates, open::now().seconds)?;
            if synced.elapsed() > UNSYNCED {
                journal.sync()?;
                *synced = Instant::now();
            }
        }
        let mut tally = self.tally.borrow_mut();
        for it in told {
            tally.count(it.delivery.state);
        }
        drop(tally);
        let (out, _) = &mut *shown.borrow_mut();
        if self.context.quiet && out.format() != crate::ui::Format::Json {
            outcome::tell_failures(told);
        } else {
            outcome::print(told, out)?;
        }
        Ok(())
    }
}

fn fate(delivery: &Delivery) -> sent::Fate {
    sent::Fate {
        recipient: delivery.recipient.clone(),
        state: outcome::state(delivery.state).to_owned(),
        code: delivery.code,
        text: delivery.text.clone(),
    }
}

fn all_failed(recipients: &[String], error: &anyhow::Error) -> Vec<Told> {
    recipients.iter().map(|recipient| deliver::failed(recipient, error)).collect()
}

/// One connection.
struct Session {
    client: Client,
    pushed: VecDeque<Pushed>,
    /// Messages begun.
    begun: u32,
    took: Duration,
}

impl Session {
    fn has_room(&self, options: &Bulk) -> bool {
        let of_server = self.client.capabilities().limits.as_ref().and_then(|it| it.mail_max);
        let most = [of_server, options.messages_per_connection].into_iter().flatten().min();
        self.client.has_room() && most.is_none_or(|most| self.begun < most.max(1))
    }
}

/// The message of a plan that may be needed again.
struct Shared {
    plan: Rc<RefCell<Plan>>,
    read: u64,
}

#[async_trait(?Send)]
impl Body for Shared {
    async fn read(&mut self, buffer: &mut [u8]) -> store::Result<usize> {
        let count = self.plan.borrow_mut().message.read_at(self.read, buffer)?;
        self.read += count as u64;
        Ok(count)
    }

    fn len(&self) -> u64 {
        self.plan.borrow().message.len()
    }

    fn rewind(&mut self) -> store::Result<()> {
        self.read = 0;
        Ok(())
    }
}

async fn listed(opened: &mut Opened) -> Result<Vec<Id>> {
    Ok(opened.spool().list().await?.into_iter().map(|listed| listed.id).collect())
}

/// Makes plans of the messages that a store gives.
struct Feeder<'a, 'e> {
    engine: &'e Engine<'a>,
    keeper: Keeper,
    place: String,
    given: &'e Given<'e>,
    author: &'e Author,
    read: usize,
}

#[async_trait(?Send)]
impl Sink for Feeder<'_, '_> {
    async fn begin(&mut self, _: &Meta) -> store::Result<()> {
        self.keeper = Keeper::default();
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        self.keeper.push(octets).map_err(|error| store::Error::Caller(Box::new(error)))
    }

    async fn end(&mut self, meta: &Meta) -> store::Result<()> {
        self.read += 1;
        let key = format!("{}{}", self.place, meta.id);
        let spooled: Result<Spooled> =
            std::mem::take(&mut self.keeper).finish().map_err(Into::into);
        let plan = spooled.and_then(|spooled| Plan::of(spooled, self.given.clone(), self.author));
        let offered = match plan {
            Ok(plan) => self.engine.offer(key, plan).await,
            Err(error) => {
                let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
                report::warning(&format!("{key}: not sent: {}", report::joined(&causes)));
                self.engine.tally.borrow_mut().bad += 1;
                Ok(())
            }
        };
        offered.map_err(|error| store::Error::Caller(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_numbers_and_units() {
        let of = |text: &str| text.parse::<Rate>().map(|rate| rate.0);
        assert_eq!(of("10/s"), Ok(Duration::from_millis(100)));
        assert_eq!(of("30/m"), Ok(Duration::from_secs(2)));
        assert_eq!(of("0.5/s"), Ok(Duration::from_secs(2)));
        assert_eq!(of("3600/h"), Ok(Duration::from_secs(1)));
        for wrong in ["10", "0/s", "-1/s", "x/s", "1/d", "nan/s", "inf/s"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn exit_codes_follow_the_table() {
        let of = |delivered, temporary, permanent, unknown| {
            Tally { delivered, temporary, permanent, unknown, ..Tally::default() }.exit()
        };
        assert_eq!(of(0, 0, 0, 0), Exit::Ok);
        assert_eq!(of(2, 0, 0, 0), Exit::Ok);
        assert_eq!(of(2, 1, 0, 0), Exit::Mixed);
        assert_eq!(of(0, 1, 0, 0), Exit::TempFail);
        assert_eq!(of(0, 1, 1, 0), Exit::Unavailable);
        assert_eq!(of(2, 0, 0, 1), Exit::Unknown);
    }
}
