//! One message to its server: in as many transactions as the server's limits ask for, and the
//! fate of every recipient put together again.
//!
//! RFC 9422 (LIMITS), RFC 5321 section 4.5.3.1.10 (452 for too many recipients).

use std::collections::HashSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::esmtp::{self, Wishes};
use super::fit::{self, Route};
use super::plan::Plan;
use super::signing;
use crate::open::{self, Reached};
use crate::smtp::client::outcome::Phases;
use crate::smtp::client::{Client, Submission};
use crate::smtp::syntax::ehlo::{Capabilities, Limits};
use crate::store::{Body as _, Delivery, Fate};
use crate::ui::{Exit, Failure};

/// One recipient's fate, and what else is told of it.
#[derive(Debug, Clone)]
pub struct Told {
    /// The fate.
    pub delivery: Delivery,
    /// The name that the server gave the message.
    pub queue_id: Option<String>,
    /// How long it took; `None` when it did not come so far.
    pub times: Option<Times>,
    /// The exchanger that it was given to; `None`: a server that was named.
    pub reached: Option<Rc<Reached>>,
}

/// How long the parts of a delivery took.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// From the first attempt to connect to a session that takes mail.
    pub session: Duration,
    /// The transaction.
    pub phases: Phases,
}

/// What keeps a message that every hop has to protect from this one (RFC 8689 section 4.2.1).
#[derive(Debug, thiserror::Error)]
#[error("--require-tls")]
pub struct Unprotected {
    /// The enhanced status code of the report.
    pub enhanced: &'static str,
    /// Why, and how the program ends.
    #[source]
    why: Failure,
}

impl Unprotected {
    /// There is no TLS, or none with the server that was meant.
    pub fn no_tls(why: impl Into<String>) -> Self {
        Self { enhanced: "5.7.10", why: Failure::new(Exit::Tls, why) }
    }

    /// The server cannot promise anything for the hops behind it.
    pub fn unsupported() -> Self {
        let why = "the server does not offer REQUIRETLS";
        Self { enhanced: "5.7.30", why: Failure::new(Exit::Unavailable, why) }
    }
}

/// Makes the message fit the server, signs it, and says what is asked for these recipients.
///
/// # Errors
/// [`Failure`]: 65 for a message that cannot be made fit, 69 for what the server's numbers rule
/// out. [`Unprotected`] for what `--require-tls` rules out.
pub fn submission(
    plan: &mut Plan,
    wishes: &Wishes,
    recipients: &[String],
    client: &Client,
) -> Result<Submission> {
    let server: &Capabilities = client.capabilities();
    if wishes.needs_tls() && !client.wire().is_encrypted() {
        return Err(Unprotected::no_tls("this connection has no TLS").into());
    }
    // RFC 8689 section 5: a report is not to be lost by it.
    let is_report = plan.envelope.sender.is_empty();
    if wishes.needs_tls() && !server.require_tls && !is_report {
        return Err(Unprotected::unsupported().into());
    }
    let needs_utf8 = esmtp::needs_smtputf8(&plan.envelope.sender, recipients);
    let route = Route::of(server);
    signing::take_off(plan);
    let route = Route { utf8_header: route.utf8_header || needs_utf8, ..route };
    let fitted = fit::fit_to_sign(plan, route, wishes.signers())?;
    let sender = &plan.envelope.sender;
    let mut submission =
        wishes.submission(sender, recipients, fitted.body, fitted.utf8_header, server)?;
    submission.parameters.require_tls &= server.require_tls;
    submission.line_ends = plan.line_ends;
    signing::sign(plan, wishes.signers())?;
    // RFC 1870 section 6: with the line ends that it leaves with.
    submission.parameters.size = Some(plan.message.wire_octets(plan.line_ends));
    Ok(submission)
}

/// Sessions with one server, one after the other: made when they are needed, kept for the next
/// message.
pub struct Sessions<F> {
    open: F,
    current: Option<Session>,
    is_down: bool,
}

/// A session that is kept from one message to the next.
pub struct Session {
    client: Client,
    /// Transactions so far.
    transactions: u32,
    /// How long it took to get there.
    took: Duration,
}

impl Session {
    /// Messages that it has taken so far.
    pub fn transactions(&self) -> u32 {
        self.transactions
    }

    /// Says goodbye.
    pub async fn finish(self) {
        if self.client.is_open() {
            // Every message has its answer: a goodbye that fails changes nothing.
            let _ = self.client.quit().await;
        }
    }
}

/// What one transaction brought.
struct Round {
    batch: Vec<usize>,
    rest: Vec<usize>,
    fates: Vec<Told>,
}

impl<F: AsyncFn() -> Result<Client>> Sessions<F> {
    /// `open` makes a session.
    pub fn new(open: F) -> Self {
        Self { open, current: None, is_down: false }
    }

    /// Whether the last attempt to make a session failed.
    pub fn is_down(&self) -> bool {
        self.is_down
    }

    /// Begins with a session that another one of these has kept.
    pub fn adopt(&mut self, session: Session) {
        self.current = Some(session);
    }

    /// The session, where it takes another message: whoever has it says goodbye.
    pub fn release(&mut self) -> Option<Session> {
        self.current.take_if(|session| session.client.has_room())
    }

    /// Says goodbye.
    pub async fn finish(&mut self) {
        if let Some(session) = self.current.take() {
            session.finish().await;
        }
    }

    /// Hands the message over, and gives the fate of each recipient in the order of the
    /// envelope. `inspect` sees the message as it will leave, before it does; `is_last`: no
    /// message follows.
    ///
    /// # Errors
    /// What kept the message from being handed over at all.
    pub async fn hand_over(
        &mut self,
        plan: &mut Plan,
        wishes: &Wishes,
        is_last: bool,
        inspect: impl Fn(&Plan) -> Result<()>,
    ) -> Result<Vec<Told>> {
        let all = plan.envelope.recipients.clone();
        let mut told: Vec<Option<Told>> = vec![None; all.len()];
        let mut waiting: Vec<usize> = (0..all.len()).collect();
        let mut is_first = true;
        while !waiting.is_empty() {
            let inspect = |plan: &Plan| if is_first { inspect(plan) } else { Ok(()) };
            let round = self.round(plan, wishes, &waiting, is_last, inspect).await;
            let Round { batch, mut rest, fates } = match round {
                Ok(round) => round,
                Err(error) if is_first => return Err(error),
                // Some have it already: what keeps it from the others is their fate.
                Err(error) => {
                    for at in waiting {
                        told[at] = Some(failed(&all[at], &error));
                    }
                    break;
                }
            };
            let has_progress = fates.iter().any(|it| it.delivery.state == Fate::Delivered);
            for (at, fate) in batch.into_iter().zip(fates) {
                if has_progress && !wishes.all_or_none() && is_too_many(&fate.delivery) {
                    rest.push(at);
                } else {
                    told[at] = Some(fate);
                }
            }
            rest.sort_unstable();
            waiting = rest;
            is_first = false;
        }
        Ok(told.into_iter().flatten().collect())
    }

    async fn session(&mut self) -> Result<Session> {
        if let Some(session) = self.current.take_if(|session| session.client.has_room()) {
            return Ok(session);
        }
        self.finish().await;
        let begun = Instant::now();
        self.is_down = true;
        let client = (self.open)().await?;
        self.is_down = false;
        Ok(Session { client, transactions: 0, took: begun.elapsed() })
    }

    /// One transaction.
    async fn round(
        &mut self,
        plan: &mut Plan,
        wishes: &Wishes,
        waiting: &[usize],
        is_last: bool,
        inspect: impl Fn(&Plan) -> Result<()>,
    ) -> Result<Round> {
        let mut session = self.session().await?;
        let limits = session.client.capabilities().limits.clone().unwrap_or_default();
        let all = &plan.envelope.recipients;
        let (batch, rest) = batch(waiting, all, &limits);
        let names: Vec<String> = batch.iter().map(|at| all[*at].clone()).collect();
        let ready = match wishes.all_or_none() && !rest.is_empty() {
            true => {
                let message = format!(
                    "the server takes {} recipients at once, and --all-or-none has {}",
                    batch.len(),
                    waiting.len()
                );
                Err(Failure::new(Exit::Unavailable, message).into())
            }
            false => submission(plan, wishes, &names, &session.client)
                .and_then(|submission| inspect(plan).map(|()| submission)),
        };
        let submission = match ready {
            Ok(submission) => submission,
            Err(error) => {
                self.current = Some(session);
                if is_last {
                    self.finish().await;
                }
                return Err(error);
            }
        };
        let is_spent = limits.mail_max.is_some_and(|most| session.transactions + 1 >= most);
        if rest.is_empty() && (is_last || is_spent) {
            // QUIT leaves with the end of the message, which saves a round trip.
            session.client.quit_behind();
        }
        plan.message.rewind()?;
        let submitted = session.client.submit(submission, &mut plan.message).await;
        let times = |phases| Times { session: session.took, phases };
        let fates = submitted.map_err(open::smtp_error).map(|outcome| {
            let times = times(outcome.phases);
            outcome
                .recipients
                .into_iter()
                .zip(names)
                .map(|(fate, name)| {
                    let queue_id = fate.queue_id();
                    // As it was given, not as it stood on the wire.
                    let delivery = Delivery { recipient: name, ..fate.into_delivery() };
                    Told { delivery, queue_id, times: Some(times), reached: None }
                })
                .collect()
        });
        session.transactions += 1;
        self.current = Some(session);
        if is_spent || rest.is_empty() && is_last {
            self.finish().await;
        }
        Ok(Round { batch, rest, fates: fates? })
    }
}

/// The recipients of the next transaction, and those behind it.
pub(super) fn batch(
    waiting: &[usize],
    all: &[String],
    limits: &Limits,
) -> (Vec<usize>, Vec<usize>) {
    let most = limits.rcpt_max.map_or(usize::MAX, |most| most.max(1) as usize);
    let most_domains = limits.rcpt_domain_max.map_or(usize::MAX, |most| most.max(1) as usize);
    let mut domains = HashSet::new();
    let (mut batch, mut rest) = (Vec::new(), Vec::new());
    for &at in waiting {
        let domain = esmtp::domain(&all[at]);
        let has_room =
            batch.len() < most && (domains.contains(&domain) || domains.len() < most_domains);
        if has_room {
            domains.insert(domain);
            batch.push(at);
        } else {
            rest.push(at);
        }
    }
    (batch, rest)
}

/// Whether a recipient was refused because the transaction has enough of them: 452, and by old
/// servers 552 (RFC 5321 section 4.5.3.1.10). A mailbox that is full has 4.2.2.
fn is_too_many(delivery: &Delivery) -> bool {
    delivery.stage == "rcpt"
        && matches!(delivery.code, Some(452 | 552))
        && matches!(delivery.enhanced.as_deref(), None | Some("4.5.3" | "5.5.3"))
}

/// The fate of a recipient whose turn did not come.
pub fn failed(recipient: &str, error: &anyhow::Error) -> Told {
    let verdict = open::verdict(error);
    let state = match verdict.exit {
        Exit::TempFail | Exit::Protocol | Exit::HungUp | Exit::Interrupted | Exit::Terminated => {
            Fate::Temporary
        }
        _ => Fate::Permanent,
    };
    let enhanced = error.downcast_ref::<Unprotected>().map(|it| it.enhanced.to_owned());
    let text: Vec<String> = error.chain().map(ToString::to_string).collect();
    let delivery = Delivery {
        recipient: recipient.to_owned(),
        state,
        stage: "connect",
        code: None,
        enhanced,
        text: crate::ui::report::joined(&text),
    };
    Told { delivery, queue_id: None, times: None, reached: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_divide_the_recipients() {
        let all: Vec<String> =
            ["a@x", "b@y", "c@X", "d@z", "e@x"].iter().map(ToString::to_string).collect();
        let waiting: Vec<usize> = (0..all.len()).collect();
        let of = |rcpt_max, rcpt_domain_max| {
            batch(&waiting, &all, &Limits { rcpt_max, rcpt_domain_max, mail_max: None })
        };
        assert_eq!(of(None, None), (vec![0, 1, 2, 3, 4], vec![]));
        assert_eq!(of(Some(2), None), (vec![0, 1], vec![2, 3, 4]));
        assert_eq!(of(None, Some(1)), (vec![0, 2, 4], vec![1, 3]));
        assert_eq!(of(Some(2), Some(1)), (vec![0, 2], vec![1, 3, 4]));
        // A limit of nothing would never end.
        assert_eq!(of(Some(0), None).0, [0]);
    }

    #[test]
    fn a_full_mailbox_is_not_too_many() {
        let of = |code, enhanced: Option<&str>| {
            is_too_many(&Delivery {
                recipient: String::new(),
                state: Fate::Temporary,
                stage: "rcpt",
                code: Some(code),
                enhanced: enhanced.map(str::to_owned),
                text: String::new(),
            })
        };
        assert!(of(452, None) && of(452, Some("4.5.3")) && of(552, Some("5.5.3")));
        assert!(!of(452, Some("4.2.2")) && !of(450, None) && !of(552, Some("5.2.2")));
    }
}
