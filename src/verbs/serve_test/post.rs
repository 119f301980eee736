//! Where accepted mail goes: to mailboxes, now or later, and back to its sender as a report.
//!
//! Nothing is relayed. A report whose reader has no mailbox here goes nowhere.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::accepted::{Arrival, Log};
use super::faults::Magic;
use super::users::{Users, arrive, logins};
use crate::base::date::Zoned;
use crate::sasl::Secrets;
use crate::smtp::server::report::{Action, Fate, Report};
use crate::smtp::server::{Delivery, Envelope, Message, Peer};
use crate::smtp::syntax::parameter::{DeliverBy, Hold};
use crate::smtp::syntax::path::{ForwardPath, Mailbox, ReversePath};
use crate::smtp::syntax::reply::Reply;
use crate::store::memory::{NewMessage, Shared};
use crate::store::{Body as _, Flags, Received};

/// What all listeners deliver through.
pub struct Office {
    /// The name of this server in Received fields and reports.
    host: String,
    users: Rc<Users>,
    log: Rc<Log>,
    /// Sets the ids of this run apart from those of another.
    start: i64,
    taken: Cell<u64>,
    /// What has been taken and is not in its mailbox yet.
    held: RefCell<Vec<Rc<Held>>>,
    /// The date in words, and the second that it is of.
    date: RefCell<(Zoned, String)>,
}

/// One listener's way into the [`Office`].
pub struct Post {
    /// Shared by all listeners.
    pub office: Rc<Office>,
    /// `smtp`, `submission` or `lmtp`.
    pub protocol: &'static str,
}

/// A message that was taken.
struct Letter {
    id: String,
    envelope: Envelope,
    octets: Arc<[u8]>,
    arrival: Zoned,
}

/// A message on its way to a mailbox.
struct Held {
    letter: Rc<Letter>,
    mail: Shared,
}

/// What is to become of one recipient's copy.
enum Way {
    /// Into a mailbox, after so long.
    Mailbox(Shared, Duration),
    /// Nowhere.
    Failed(Reply),
}

impl Office {
    /// Delivers to these users, and tells the log.
    pub fn new(host: &str, users: Rc<Users>, log: Rc<Log>) -> Rc<Self> {
        let now = crate::open::now();
        Rc::new(Self {
            host: host.to_owned(),
            users,
            log,
            start: now.seconds,
            taken: Cell::new(0),
            held: RefCell::default(),
            date: RefCell::new((now, now.message())),
        })
    }

    fn next_id(&self) -> String {
        self.taken.set(self.taken.get() + 1);
        format!("{:x}-{}", self.start, self.taken.get())
    }

    /// Now, and in words.
    fn now(&self) -> (Zoned, String) {
        let mut date = self.date.borrow_mut();
        let now = crate::open::now();
        if now != date.0 {
            *date = (now, now.message());
        }
        date.clone()
    }

    fn way(&self, to: &ForwardPath, hold: Duration) -> Way {
        let magic = Magic::of(&to.to_string());
        match (magic, self.users.of_recipient(to)) {
            (Some(Magic::Bounced(code)), _) => {
                let text = format!("{code} as the address asks");
                Way::Failed(Reply::new(550, &text))
            }
            (Some(Magic::Late(late)), Some(mail)) => Way::Mailbox(mail, hold + late),
            (_, Some(mail)) => Way::Mailbox(mail, hold),
            (_, None) => Way::Failed(Reply::enhanced(550, (5, 1, 1), "no such user here any more")),
        }
    }

    /// Puts a letter into one mailbox, and gives the reply.
    fn put(&self, letter: &Letter, mail: &Shared) -> Reply {
        let Zoned { seconds, offset_seconds } = letter.arrival;
        let message = NewMessage {
            flags: Flags::new(),
            received: Some(Received { seconds, offset_seconds }),
            octets: letter.octets.clone(),
        };
        match arrive(&self.users, mail, message) {
            Some(()) => Reply::enhanced(250, (2, 0, 0), &format!("taken; queued as {}", letter.id)),
            None => Reply::enhanced(452, (4, 2, 2), "the mailbox cannot take it"),
        }
    }

    /// Delivers at once what still waits: the server ends, and what was taken is not lost.
    pub fn deliver_held(&self) {
        for held in self.held.take() {
            self.put(&held.letter, &held.mail);
        }
    }

    /// Takes a message off those that wait; `false`: it has been delivered meanwhile.
    fn release(&self, held: &Rc<Held>) -> bool {
        let mut all = self.held.borrow_mut();
        let before = all.len();
        all.retain(|one| !Rc::ptr_eq(one, held));
        all.len() < before
    }

    /// Delivers what has to wait, and tells the sender what the sender wants to know.
    fn deliver_later(
        self: &Rc<Self>,
        letter: Rc<Letter>,
        place: usize,
        mail: Shared,
        span: Duration,
    ) {
        let office = self.clone();
        let held = Rc::new(Held { letter: letter.clone(), mail: mail.clone() });
        self.held.borrow_mut().push(held.clone());
        tokio::task::spawn_local(async move {
            let by = letter.envelope.parameters.by;
            let is_held = hold(&letter.envelope, letter.arrival) >= span;
            let fate = |action, reply| Fate { recipient: place, action, reply };
            let due = by.map(|by| (by.is_return, seconds(&by)));
            match due {
                Some((is_return, due)) if due < span => {
                    tokio::time::sleep(due).await;
                    // RFC 2852 sections 4.1.4.1 and 4.1.4.2.
                    if is_return {
                        office.release(&held);
                        let reply = Reply::enhanced(550, (5, 4, 7), "delivery time expired");
                        office.report(&letter, &[fate(Action::Failed, reply)], span);
                        return;
                    }
                    let reply = Reply::enhanced(451, (4, 4, 7), "delivery time expired");
                    office.report(&letter, &[fate(Action::Delayed, reply)], span);
                    tokio::time::sleep(span - due).await;
                }
                _ => {
                    if !is_held {
                        let reply = Reply::enhanced(451, (4, 2, 0), "delivery takes its time");
                        office.report(&letter, &[fate(Action::Delayed, reply)], span);
                    }
                    tokio::time::sleep(span).await;
                }
            }
            if !office.release(&held) {
                return;
            }
            let reply = office.put(&letter, &mail);
            let action = if reply.is_positive() { Action::Delivered } else { Action::Failed };
            office.report(&letter, &[fate(action, reply)], span);
        });
    }

    /// Sends a report to the sender, where one is wanted; `span` is how long delivery takes.
    fn report(&self, letter: &Letter, fates: &[Fate], span: Duration) {
        let to = match &letter.envelope.from {
            ReversePath::Null => return,
            ReversePath::Mailbox(mailbox) => ForwardPath::Mailbox(mailbox.clone()),
            ReversePath::Local(local) => ForwardPath::Local(local.clone()),
        };
        let (now, _) = self.now();
        let span = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        let until = Zoned { seconds: letter.arrival.seconds.saturating_add(span), ..now };
        let id = self.next_id();
        let report = Report {
            envelope: &letter.envelope,
            message: &letter.octets,
            by: &self.host,
            id: &id,
            arrival: letter.arrival,
            now,
            retry_until: Some(until),
        };
        let Some(octets) = report.write(fates) else { return };
        let Some(mail) = self.users.of_recipient(&to) else { return };
        let octets: Arc<[u8]> = [b"Return-Path: <>\r\n", &octets[..]].concat().into();
        let message = NewMessage {
            flags: Flags::new(),
            received: Some(Received { seconds: now.seconds, offset_seconds: now.offset_seconds }),
            octets: octets.clone(),
        };
        if arrive(&self.users, &mail, message).is_some() {
            self.log.add(Arrival {
                protocol: "report",
                user: None,
                from: String::new(),
                recipients: vec![to.to_string()],
                octets,
            });
        }
    }
}

/// How long the sender wants a message held back.
fn hold(envelope: &Envelope, arrival: Zoned) -> Duration {
    match &envelope.parameters.hold {
        None => Duration::ZERO,
        Some(Hold::For(seconds)) => Duration::from_secs(u64::from(*seconds)),
        Some(Hold::Until(time)) => {
            let seconds = time.as_second().saturating_sub(arrival.seconds);
            Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
        }
    }
}

/// The time until `BY=`, nothing where it is over.
fn seconds(by: &DeliverBy) -> Duration {
    Duration::from_secs(u64::try_from(by.seconds).unwrap_or(0))
}

#[async_trait(?Send)]
impl Delivery for Post {
    fn recipient(&self, _: &Peer, to: &ForwardPath) -> Result<(), Reply> {
        let is_taken = || Magic::of(&to.to_string()).is_some();
        match self.office.users.of_recipient(to) {
            Some(_) => Ok(()),
            None if is_taken() => Ok(()),
            None => Err(Reply::enhanced(550, (5, 1, 1), "no such user here")),
        }
    }

    async fn deliver(&self, envelope: Envelope, mut message: Message) -> Vec<Reply> {
        let office = &self.office;
        let id = office.next_id();
        let (arrival, date) = office.now();
        let mut octets = format!("Return-Path: <{}>\r\n", envelope.from).into_bytes();
        let received = envelope.received(&office.host, &id, &date);
        let rest = usize::try_from(message.octets()).unwrap_or_default();
        octets.reserve_exact(received.len() + rest);
        octets.extend_from_slice(received.as_bytes());
        let is_read = match message.in_memory() {
            Some(content) => {
                octets.extend_from_slice(content);
                true
            }
            None => append(&mut message, &mut octets).await,
        };
        if !is_read {
            let reply = Reply::enhanced(451, (4, 3, 0), "the message could not be kept");
            return vec![reply; envelope.recipients.len()];
        }
        let letter = Rc::new(Letter { id, envelope, octets: octets.into(), arrival });
        let envelope = &letter.envelope;
        let hold = hold(envelope, arrival);
        let mut fates = Vec::new();
        let mut recipients = Vec::new();
        let mut replies = Vec::with_capacity(envelope.recipients.len());
        for (place, (to, _)) in envelope.recipients.iter().enumerate() {
            let reply = match office.way(to, hold) {
                Way::Failed(reply) => {
                    fates.push(Fate {
                        recipient: place,
                        action: Action::Failed,
                        reply: reply.clone(),
                    });
                    reply
                }
                Way::Mailbox(mail, Duration::ZERO) => {
                    let reply = office.put(&letter, &mail);
                    let is_there = reply.is_positive();
                    let action = if is_there { Action::Delivered } else { Action::Failed };
                    fates.push(Fate { recipient: place, action, reply: reply.clone() });
                    reply
                }
                Way::Mailbox(mail, span) => {
                    office.deliver_later(letter.clone(), place, mail, span);
                    Reply::enhanced(250, (2, 0, 0), &format!("taken; queued as {}", letter.id))
                }
            };
            if reply.is_positive() {
                recipients.push(to.to_string());
            }
            replies.push(reply);
        }
        // Mail that only bounces is taken all the same, unless each recipient has its own reply.
        let is_told = envelope.is_lmtp || envelope.parameters.prdr;
        if !is_told {
            for (reply, (to, _)) in replies.iter_mut().zip(&envelope.recipients) {
                if matches!(Magic::of(&to.to_string()), Some(Magic::Bounced(_))) {
                    let text = format!("taken; queued as {}", letter.id);
                    *reply = Reply::enhanced(250, (2, 0, 0), &text);
                    recipients.push(to.to_string());
                }
            }
        }
        let is_taken = replies.iter().any(Reply::is_positive);
        if is_taken {
            office.log.add(Arrival {
                protocol: self.protocol,
                user: envelope.peer.user.clone(),
                from: envelope.from.to_string(),
                recipients,
                octets: letter.octets.clone(),
            });
        }
        // Who was told of a failure by a reply needs no report of it.
        fates.retain(|fate| fate.action != Action::Failed || (is_taken && !is_told));
        if !fates.is_empty() {
            office.report(&letter, &fates, hold);
        }
        replies
    }

    /// RFC 5321 section 3.5: who has a mailbox here, by user name or address.
    fn verify(&self, text: &str) -> Option<Reply> {
        let users = &self.office.users;
        if !users.tells_of_users() {
            return None;
        }
        // RFC 6531 section 3.7.4.2.
        let name = text.strip_suffix(" SMTPUTF8").unwrap_or(text).trim();
        let name = name.strip_prefix('<').and_then(|name| name.strip_suffix('>')).unwrap_or(name);
        let to = match Mailbox::parse(name.as_bytes()) {
            Ok(mailbox) => ForwardPath::Mailbox(mailbox),
            Err(_) => ForwardPath::Local(name.to_owned()),
        };
        if users.of_recipient(&to).is_none() {
            return Some(Reply::enhanced(550, (5, 1, 1), "no such user here"));
        }
        let address = match &to {
            ForwardPath::Mailbox(mailbox) => mailbox.to_string(),
            ForwardPath::Local(local) => format!("{local}@{}", self.office.host),
        };
        Some(Reply::enhanced(250, (2, 1, 5), &format!("<{address}>")))
    }

    fn secrets(&self, subject: Option<&str>) -> Option<Rc<dyn Secrets>> {
        Some(logins(&self.office.users, subject))
    }
}

/// Appends a message that is not in memory; `false` when it cannot be read.
async fn append(message: &mut Message, octets: &mut Vec<u8>) -> bool {
    let mut block = [0; 64 * 1024];
    loop {
        match message.read(&mut block).await {
            Ok(0) => return true,
            Ok(count) => octets.extend_from_slice(&block[..count]),
            Err(_) => return false,
        }
    }
}
