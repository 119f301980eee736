//! Delivery to the exchangers of each recipient's domain, and what becomes of each recipient on
//! the way from one exchanger to the next.
//!
//! RFC 5321 section 5.1: exchangers are tried by preference; what fails for now at one is tried
//! at the next, what was delivered, refused for good or lost behind the final dot is not.
//! RFC 8689 section 4.2.1: REQUIRETLS wants an exchanger that is verified and offers it, and a
//! message for which there is none is given back and does not wait.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::deliver::{Session, Sessions, Told, Unprotected, failed};
use super::esmtp::{self, Wishes};
use super::plan::Plan;
use crate::open::{self, Context, Direct, NoMore, Reached, Tried};
use crate::route::{self, Destination};
use crate::store::Fate;
use crate::ui::{Exit, Failure, report};

/// Sessions that wait for the next message, at most.
const IDLE_SESSIONS: usize = 20;

/// How long one waits: servers end it after five minutes (RFC 5321 section 4.5.3.2.7), and some
/// long before.
const IDLE: Duration = Duration::from_secs(30);

/// How messages reach exchangers, the same for all of a run.
pub struct Way<'a> {
    /// Finds them, and opens sessions.
    pub direct: &'a Direct,
    /// The name to say in EHLO; `None`: our own.
    pub ehlo: Option<&'a str>,
    /// What is asked for.
    pub wishes: &'a Wishes,
    /// How much is told.
    pub context: &'a Context,
}

/// Sessions with exchangers, kept from one message to the next: per domain, since that says how
/// TLS is verified.
pub struct Pool {
    most: usize,
    messages: Option<u32>,
    idle: VecDeque<Idle>,
}

struct Idle {
    domain: String,
    host: String,
    session: Session,
    reached: Rc<Reached>,
    since: Instant,
}

impl Pool {
    /// Keeps sessions; each takes at most so many messages (`None`: any number).
    pub fn new(messages: Option<u32>) -> Self {
        Self { most: IDLE_SESSIONS, messages, idle: VecDeque::new() }
    }

    /// Keeps none.
    pub fn none() -> Self {
        Self { most: 0, messages: None, idle: VecDeque::new() }
    }

    fn take(&mut self, domain: &str, host: &str) -> Option<Idle> {
        let is_it = |idle: &Idle| idle.domain == domain && idle.host == host;
        let found = self.idle.remove(self.idle.iter().position(is_it)?)?;
        (found.since.elapsed() < IDLE).then_some(found)
    }

    async fn put(&mut self, idle: Idle) {
        if self.messages.is_some_and(|most| idle.session.transactions() >= most) {
            return idle.session.finish().await;
        }
        self.idle.push_back(idle);
        if self.idle.len() > self.most
            && let Some(oldest) = self.idle.pop_front()
        {
            oldest.session.finish().await;
        }
    }

    /// Says goodbye to all.
    pub async fn finish(self) {
        for idle in self.idle {
            idle.session.finish().await;
        }
    }
}

/// Recipients of one domain, and where they stand among all.
struct Group {
    domain: String,
    places: Vec<usize>,
}

/// Delivers a message to all its recipients, domain by domain, and gives the fate of each in
/// the order of the envelope. `inspect` sees the message as it will leave, before it does.
///
/// # Errors
/// What is wrong with the message itself.
pub async fn hand_over(
    way: &Way<'_>,
    plan: &mut Plan,
    pool: &mut Pool,
    inspect: impl Fn(&Plan) -> Result<()>,
) -> Result<Vec<Told>> {
    let all = plan.envelope.recipients.clone();
    let mut run = Run { way, pool, told: vec![None; all.len()], all };
    let groups = groups(&run.all);
    if way.wishes.all_or_none() && groups.len() > 1 {
        return Err(Failure::usage("--all-or-none cannot hold for several domains").into());
    }
    for group in groups {
        let done = run.group(&group, plan, &inspect).await;
        plan.envelope.recipients.clone_from(&run.all);
        done?;
    }
    Ok(run.told.into_iter().flatten().collect())
}

fn groups(recipients: &[String]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (place, recipient) in recipients.iter().enumerate() {
        let domain = esmtp::domain(recipient);
        match groups.iter_mut().find(|group| group.domain == domain) {
            Some(group) => group.places.push(place),
            None => groups.push(Group { domain, places: vec![place] }),
        }
    }
    groups
}

struct Run<'a> {
    way: &'a Way<'a>,
    pool: &'a mut Pool,
    all: Vec<String>,
    told: Vec<Option<Told>>,
}

impl Run<'_> {
    async fn group(
        &mut self,
        group: &Group,
        plan: &mut Plan,
        inspect: &impl Fn(&Plan) -> Result<()>,
    ) -> Result<()> {
        let destination = match self.way.direct.destination(&group.domain).await {
            Ok(destination) => destination,
            Err(error) => {
                self.fail(&group.places, &error.into());
                return Ok(());
            }
        };
        for note in &destination.notes {
            report::warning(note);
        }
        let mut open = group.places.clone();
        for (_, host) in &destination.exchangers.hosts {
            if open.is_empty() {
                break;
            }
            let tried = RefCell::default();
            while !open.is_empty() {
                plan.envelope.recipients = open.iter().map(|at| self.all[*at].clone()).collect();
                match self.exchanger(&destination, host, &tried, plan, inspect).await {
                    Ok(told) => {
                        for (place, told) in open.iter().zip(told) {
                            self.told[*place] = Some(told);
                        }
                        open.retain(|place| self.is_open(*place));
                    }
                    Err(error) if error.is::<NoMore>() => break,
                    Err(error) if is_about_message(&error) => return Err(error),
                    Err(error) => {
                        let domain = &destination.domain;
                        self.way.context.debug(|| format!("{domain}: {host}: {error:#}"));
                        self.fail(&open, &error);
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives the message to one exchanger, by the session that was kept or by a new one. Where a
    /// kept one turns out to have ended, a new one follows.
    async fn exchanger(
        &mut self,
        destination: &Destination,
        host: &str,
        tried: &RefCell<Tried>,
        plan: &mut Plan,
        inspect: &impl Fn(&Plan) -> Result<()>,
    ) -> Result<Vec<Told>> {
        let Way { direct, ehlo, wishes, context } = self.way;
        let reached = RefCell::new(None);
        let mut sessions = Sessions::new(async || {
            let (client, by) = direct.open(destination, host, tried, *ehlo, context).await?;
            if wishes.needs_tls() && !by.is_verified {
                return Err(not_verified(&by).into());
            }
            if !context.quiet && reached.borrow().is_none() {
                report::note(&format!("{}: {by}", destination.domain));
            }
            reached.replace(Some(Rc::new(by)));
            Ok(client)
        });
        let is_last = self.pool.most == 0;
        let mut is_kept = false;
        if let Some(idle) = self.pool.take(&destination.domain, host) {
            sessions.adopt(idle.session);
            reached.replace(Some(idle.reached));
            is_kept = true;
        }
        let mut told = sessions.hand_over(plan, wishes, is_last, inspect).await;
        if is_kept && told.as_ref().is_ok_and(|told| told.iter().all(was_cut_off)) {
            told = sessions.hand_over(plan, wishes, is_last, inspect).await;
        }
        let left = sessions.release();
        sessions.finish().await;
        drop(sessions);
        let reached: Option<Rc<Reached>> = reached.into_inner();
        if let Some(reached) = &reached {
            tried.borrow_mut().add(reached.address);
        }
        if let (Some(session), Some(reached)) = (left, &reached) {
            let (domain, host) = (destination.domain.clone(), host.to_owned());
            let reached = Rc::clone(reached);
            self.pool.put(Idle { domain, host, session, reached, since: Instant::now() }).await;
        }
        Ok(told?.into_iter().map(|told| Told { reached: reached.clone(), ..told }).collect())
    }

    /// Whether the recipient may still be tried elsewhere.
    fn is_open(&self, place: usize) -> bool {
        self.told[place].as_ref().is_none_or(|told| told.delivery.state == Fate::Temporary)
    }

    /// Tells that recipients could not be reached. What a server itself has said of one stays:
    /// it says more than that another one is down. Only when no exchanger will ever do is there
    /// no use in trying later.
    fn fail(&mut self, places: &[usize], error: &anyhow::Error) {
        let (state, enhanced) = fate(error, self.way.wishes.needs_tls());
        for place in places {
            if let Some(before) = &self.told[*place]
                && (before.reached.is_some()
                    || before.delivery.state == Fate::Temporary
                    || before.delivery.enhanced.as_deref() == Some("5.7.30"))
            {
                continue;
            }
            let mut told = failed(&self.all[*place], error);
            told.delivery.state = state;
            told.delivery.enhanced = enhanced.map(str::to_owned);
            self.told[*place] = Some(told);
        }
    }
}

/// Whether a session had ended before the server had the message (421, or without a word).
fn was_cut_off(told: &Told) -> bool {
    told.delivery.state == Fate::Temporary && matches!(told.delivery.code, None | Some(421))
}

/// REQUIRETLS at an exchanger that may be anybody.
fn not_verified(reached: &Reached) -> Unprotected {
    let why = match &reached.tls {
        Some(_) => "its domain has neither DANE nor MTA-STS to verify it by",
        None => "it speaks no TLS",
    };
    Unprotected::no_tls(format!("{} is not verified: {why}", reached.host))
}

/// Whether an error would meet the message at every server.
fn is_about_message(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Failure>().is_some_and(|failure| {
        matches!(failure.exit, Exit::Data | Exit::Usage | Exit::Io | Exit::CantCreate)
    })
}

/// What an error on the way to an exchanger means for the recipient; `needs_tls`: of a message
/// with REQUIRETLS.
fn fate(error: &anyhow::Error, needs_tls: bool) -> (Fate, Option<&'static str>) {
    if let Some(unprotected) = error.downcast_ref::<Unprotected>() {
        return (Fate::Permanent, Some(unprotected.enhanced));
    }
    if let Some(error) = error.chain().find_map(|cause| cause.downcast_ref::<route::Error>()) {
        let state = if error.is_transient() { Fate::Temporary } else { Fate::Permanent };
        return (state, Some(error.enhanced()));
    }
    match open::verdict(error).exit {
        Exit::Tls if needs_tls => (Fate::Permanent, Some("5.7.10")),
        // TLS that is missing or wrong may be mended: RFC 7672 section 2.2, RFC 8461 section 5.
        Exit::Tls => (Fate::Temporary, Some("4.7.5")),
        Exit::TempFail
        | Exit::Protocol
        | Exit::NoHost
        | Exit::Io
        | Exit::HungUp
        | Exit::Interrupted
        | Exit::Terminated => (Fate::Temporary, None),
        _ => (Fate::Permanent, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_grouped_by_domain_in_their_order() {
        let recipients = ["a@x.test", "b@y.test", "c@X.TEST", "d"].map(str::to_owned);
        let groups = groups(&recipients);
        let found: Vec<(&str, &[usize])> =
            groups.iter().map(|group| (group.domain.as_str(), &group.places[..])).collect();
        assert_eq!(found, [("x.test", &[0, 2][..]), ("y.test", &[1]), ("", &[3])]);
    }

    #[test]
    fn the_way_s_own_errors_decide() {
        let of = |error: route::Error| fate(&error.into(), false);
        let domain = || "a.test".to_owned();
        assert_eq!(
            of(route::Error::NullMx { domain: domain() }),
            (Fate::Permanent, Some("5.1.10"))
        );
        let lookup = route::Error::Lookup { name: domain(), detail: "SERVFAIL".into() };
        assert_eq!(of(lookup), (Fate::Temporary, Some("4.4.3")));
    }

    /// RFC 8689 section 4.2.1 names the codes.
    #[test]
    fn what_has_to_be_protected_does_not_wait() {
        let of = |error: anyhow::Error| fate(&error, true);
        assert_eq!(of(Unprotected::unsupported().into()), (Fate::Permanent, Some("5.7.30")));
        assert_eq!(of(Unprotected::no_tls("x").into()), (Fate::Permanent, Some("5.7.10")));
        let tls = || Failure::new(Exit::Tls, "x").into();
        assert_eq!(of(tls()), (Fate::Permanent, Some("5.7.10")));
        assert_eq!(fate(&tls(), false), (Fate::Temporary, Some("4.7.5")));
        let down = Failure::new(Exit::TempFail, "x").into();
        assert_eq!(of(down), (Fate::Temporary, None), "it may have it");
    }
}
