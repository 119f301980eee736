//! One connection of a run: a session with the server, or with the exchangers of each domain, and
//! the messages that are on their way by it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use tokio::time::Instant;

use super::super::deliver::{self, Times, Told};
use super::super::direct;
use super::super::plan::Plan;
use super::engine::{Engine, Item, Pick, all_failed};
use super::{Bulk, Opener, Shown, Way};
use crate::open::{self, Direct};
use crate::smtp::client::Client;
use crate::store::{self, Body, Delivery, Fate};
use crate::ui::{Exit, Failure};

/// How often a message goes again because its session ended before the server had it.
const ATTEMPTS: u32 = 4;

/// How often a session is tried to be opened in a row, and how long it waits the first time; each
/// time after that twice as long.
const OPENINGS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// A message that was pushed.
struct Pushed {
    item: Item,
    /// Recipients of this transaction; the others of the item follow.
    batch: Vec<usize>,
}

impl Engine<'_> {
    pub(super) async fn connection(&self, way: &Way<'_>, shown: &Shown<'_>) -> Result<()> {
        let done = match way {
            Way::Server(opener) => self.with_server(*opener, shown).await,
            Way::Direct(direct, ehlo) => self.with_exchangers(direct, *ehlo, shown).await,
        };
        self.alive.set(self.alive.get() - 1);
        self.changed.notify_waiters();
        done
    }

    async fn with_exchangers(
        &self,
        direct: &Direct,
        ehlo: Option<&str>,
        shown: &Shown<'_>,
    ) -> Result<()> {
        let mut pool = direct::Pool::new(self.options.messages_per_connection);
        while let Some(item) = self.next().await {
            // Nobody else has the message while it is under way.
            let mut plan = self.taken(&item);
            let way = direct::Way { direct, ehlo, wishes: self.wishes, context: self.context };
            let done = direct::hand_over(&way, &mut plan, &mut pool, self.inspect).await;
            let told = done.unwrap_or_else(|error| all_failed(&item.recipients, &error));
            self.told(&item, told, shown)?;
        }
        pool.finish().await;
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
            self.context.net.stop.sleep(pause).await;
            if self.is_stopped() {
                return Err(error);
            }
            pause *= 2;
        }
        Err(Failure::new(Exit::TempFail, "no session").into())
    }

    /// This connection ends for good; the last one takes all messages with it.
    fn give_up(&self, error: anyhow::Error, shown: &Shown<'_>) -> Result<()> {
        // What waits when the run ends was never begun.
        if self.alive.get() > 1 || self.is_stopped() {
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
                && item.attempts < ATTEMPTS
                && !self.is_stopped();
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
