//! What all connections of a run share: the messages that wait, the rates, the journal, and the
//! count of fates.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::deliver::{self, Told};
use super::super::esmtp::{self, Wishes};
use super::super::outcome;
use super::super::plan::{Author, Given, Plan};
use super::super::spooled::{Keeper, Spooled};
use super::{Bulk, Rate, Shown, Source};
use crate::open::{self, Context, Create, EndpointOptions, Opened};
use crate::state::sent::{self, Sent};
use crate::store::{self, Body as _, Delivery, Fate, Id, Meta, Sink, What};
use crate::ui::{Exit, report};

/// Messages that wait to be sent, taken in ahead, and how many octets they may have together; one
/// may always wait.
const AHEAD: usize = 64;
const AHEAD_OCTETS: u64 = 4 * 1024 * 1024;
/// How long the journal may be ahead of the disk.
const UNSYNCED: Duration = Duration::from_secs(1);

/// A message on its way.
pub(super) struct Item {
    /// Its name in the journal.
    pub(super) key: String,
    pub(super) plan: Rc<RefCell<Plan>>,
    /// Those who still have to have it.
    pub(super) recipients: Vec<String>,
    pub(super) attempts: u32,
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
pub(super) struct Engine<'a> {
    pub(super) options: &'a Bulk,
    pub(super) wishes: &'a Wishes,
    pub(super) context: &'a Context,
    pub(super) inspect: &'a dyn Fn(&Plan) -> Result<()>,
    pub(super) waiting: RefCell<VecDeque<Item>>,
    pub(super) is_over: Cell<bool>,
    /// Messages taken out of `waiting` and not yet told of.
    pub(super) under_way: Cell<usize>,
    pub(super) changed: Notify,
    pub(super) rates: RefCell<Rates>,
    pub(super) journal: RefCell<Option<(Sent, Instant)>>,
    /// Connections that are open or being opened.
    pub(super) alive: Cell<usize>,
    pub(super) tally: RefCell<Tally>,
    pub(super) failed: RefCell<Option<anyhow::Error>>,
}

/// When the next message may go.
#[derive(Default)]
pub(super) struct Rates {
    pub(super) next: Option<Instant>,
    pub(super) of_domain: HashMap<String, Instant>,
}

/// How many recipients had which fate.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) messages: u64,
    pub(super) delivered: u64,
    pub(super) temporary: u64,
    pub(super) permanent: u64,
    pub(super) unknown: u64,
    /// Left out, since the journal has their fate.
    pub(super) known: u64,
    /// Messages that are none.
    pub(super) bad: u64,
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

    pub(super) fn exit(self) -> Exit {
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
pub(super) enum Pick {
    Item(Item),
    /// Nothing before that time.
    Later(Instant),
    /// Nothing until something changes.
    Nothing,
    /// Nothing any more.
    Over,
}

impl Engine<'_> {
    // ---- what comes in

    pub(super) async fn feed(
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
            if self.failed.borrow().is_some() || self.alive.get() == 0 || self.is_stopped() {
                // Nobody takes messages any more.
                return Ok(());
            }
            if self.has_room_for(&plan) {
                break;
            }
            tokio::select! {
                () = changed => {}
                _ = self.context.net.stop.stopped() => {}
            }
        }
        let item = Item { key, plan: Rc::new(RefCell::new(plan)), recipients, attempts: 0 };
        self.waiting.borrow_mut().push_back(item);
        self.changed.notify_waiters();
        Ok(())
    }

    /// Whether one more message may wait.
    fn has_room_for(&self, plan: &Plan) -> bool {
        let waiting = self.waiting.borrow();
        let octets: u64 = waiting.iter().map(|item| item.plan.borrow().message.len()).sum();
        waiting.is_empty() || waiting.len() < AHEAD && octets + plan.message.len() <= AHEAD_OCTETS
    }

    // ---- what goes out

    /// The next message that may go now.
    pub(super) fn pick(&self) -> Pick {
        if self.is_stopped() {
            return Pick::Over;
        }
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
    pub(super) fn again(&self, item: Item) {
        self.under_way.set(self.under_way.get() - 1);
        self.waiting.borrow_mut().push_front(item);
        self.changed.notify_waiters();
    }

    /// Waits for something to do; `false`: there is nothing any more.
    pub(super) async fn next(&self) -> Option<Item> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.pick() {
                Pick::Item(item) => return Some(item),
                Pick::Over => return None,
                Pick::Nothing => {
                    tokio::select! {
                        () = changed => {}
                        _ = self.context.net.stop.stopped() => {}
                    }
                }
                Pick::Later(time) => {
                    tokio::select! {
                        () = changed => {}
                        () = tokio::time::sleep_until(time) => {}
                        _ = self.context.net.stop.stopped() => {}
                    }
                }
            }
        }
    }

    /// Whether the run is to end: nothing more begins then.
    pub(super) fn is_stopped(&self) -> bool {
        self.context.net.stop.cause().is_some()
    }

    /// A turn that was taken and given back.
    pub(super) fn unrate(&self) {
        let mut rates = self.rates.borrow_mut();
        rates.next = None;
        if let Some(item) = self.waiting.borrow().front() {
            for domain in item.domains() {
                rates.of_domain.remove(&domain);
            }
        }
    }

    /// The last that is said of a message.
    pub(super) fn told(&self, item: &Item, told: Vec<Told>, shown: &Shown<'_>) -> Result<()> {
        self.record(item, &told, shown)?;
        self.tally.borrow_mut().messages += 1;
        self.under_way.set(self.under_way.get() - 1);
        self.changed.notify_waiters();
        let (_, progress) = &mut *shown.borrow_mut();
        progress.advance(1, 0);
        Ok(())
    }

    /// Writes fates down, and then prints them.
    pub(super) fn record(&self, item: &Item, told: &[Told], shown: &Shown<'_>) -> Result<()> {
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

pub(super) fn all_failed(recipients: &[String], error: &anyhow::Error) -> Vec<Told> {
    recipients.iter().map(|recipient| deliver::failed(recipient, error)).collect()
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
