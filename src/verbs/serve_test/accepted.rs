//! The messages that came by SMTP, submission or LMTP, each once, however many mailboxes it
//! went to and whatever clients do to those.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use crate::message::facts::{Facts, Header};
use crate::message::headers;
use crate::query::{Attributes, Expr, Field, Gathered, Need, Term, Verdict, eval};
use crate::ui::report;

/// Octets of messages that are remembered; beyond, the oldest are forgotten.
const KEPT_OCTETS: usize = 512 * 1024 * 1024;

/// One message and its envelope.
#[derive(Debug)]
pub struct Accepted {
    /// Counts from 1.
    pub id: u64,
    /// When it was taken.
    pub time: Timestamp,
    /// `smtp`, `submission` or `lmtp`.
    pub protocol: &'static str,
    /// Who had logged in.
    pub user: Option<String>,
    /// The reverse-path, without angle brackets; empty when it is null.
    pub from: String,
    /// The forward-paths that it went to, without angle brackets.
    pub recipients: Vec<String>,
    /// The message as it stands in the mailboxes, Return-Path and Received in front.
    pub octets: Arc<[u8]>,
    header: OnceCell<Header>,
}

impl Accepted {
    /// The decoded header, with a Delivered-To for each recipient in front.
    pub fn header(&self) -> &Header {
        self.header.get_or_init(|| {
            let mut block = Vec::new();
            for recipient in &self.recipients {
                block.extend_from_slice(format!("Delivered-To: {recipient}\r\n").as_bytes());
            }
            let end = headers::body_offset(&self.octets).unwrap_or(self.octets.len());
            block.extend_from_slice(&self.octets[..end]);
            Header::new(&block)
        })
    }

    /// Whether a query, prepared by [`with_envelope`], asks for it.
    pub fn matches(&self, expr: &Expr) -> bool {
        let content = Facts::new(&self.octets);
        let mut known = Gathered {
            attributes: Some(Attributes {
                size: Some(self.octets.len() as u64),
                received: Some(self.time),
                ..Attributes::default()
            }),
            header: Some(self.header().clone()),
            ..Gathered::default()
        };
        loop {
            match eval(expr, &known) {
                Verdict::Yes => return true,
                Verdict::No => return false,
                Verdict::Needs(Need::Structure) if known.parts.is_none() => {
                    known.parts = Some(content.parts().to_vec());
                }
                Verdict::Needs(Need::Body) if known.texts.is_none() => {
                    known.texts = Some(content.texts().to_vec());
                }
                // What a server of mail would have to tell is not known of these.
                Verdict::Needs(_) => return false,
            }
        }
    }

    /// What lists tell of it.
    pub fn told(&self) -> Told {
        Told {
            id: self.id,
            time: self.time.to_string(),
            protocol: self.protocol.to_owned(),
            user: self.user.clone(),
            from: self.from.clone(),
            to: self.recipients.clone(),
            subject: self.header().subject().map(str::to_owned),
            message_id: self.header().message_id(),
            size: self.octets.len() as u64,
        }
    }
}

/// What lists and waits tell of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Counts from 1.
    pub id: u64,
    /// When it was taken, by RFC 3339.
    pub time: String,
    /// `smtp`, `submission` or `lmtp`.
    pub protocol: String,
    /// Who had logged in.
    pub user: Option<String>,
    /// The reverse-path; empty when it is null.
    pub from: String,
    /// The recipients that it went to.
    pub to: Vec<String>,
    /// The subject, decoded.
    pub subject: Option<String>,
    /// The Message-ID without its angle brackets.
    pub message_id: Option<String>,
    /// Octets, with the fields that the server added.
    pub size: u64,
}

impl Told {
    /// The message in one line.
    pub fn summary(&self) -> String {
        let to: Vec<String> = self.to.iter().map(|to| format!("<{to}>")).collect();
        let user = self.user.as_ref().map(|user| format!(" by {user}")).unwrap_or_default();
        format!(
            "#{} {}{user} from <{}> to {}: {}",
            self.id,
            self.protocol,
            self.from,
            to.join(" "),
            self.subject.as_deref().unwrap_or("(no subject)")
        )
    }
}

/// The query with `to:` and `from:` finding the envelope's addresses too.
pub fn with_envelope(expr: Expr) -> Expr {
    let all = |list: Vec<Expr>| list.into_iter().map(with_envelope).collect();
    match expr {
        Expr::And(list) => Expr::And(all(list)),
        Expr::Or(list) => Expr::Or(all(list)),
        Expr::Not(inner) => Expr::Not(Box::new(with_envelope(*inner))),
        Expr::Term(Term::Match(field @ (Field::To | Field::From), pattern)) => {
            let name = if field == Field::To { "Delivered-To" } else { "Return-Path" };
            Expr::Or(vec![
                Expr::Term(Term::Header(name.to_owned(), pattern.clone())),
                Expr::Term(Term::Match(field, pattern)),
            ])
        }
        other => other,
    }
}

/// A message that came, not yet in the log.
pub struct Arrival {
    /// `smtp`, `submission` or `lmtp`.
    pub protocol: &'static str,
    /// Who had logged in.
    pub user: Option<String>,
    /// The reverse-path.
    pub from: String,
    /// Whom it went to.
    pub recipients: Vec<String>,
    /// The message.
    pub octets: Arc<[u8]>,
}

/// All messages that came, the oldest first.
pub struct Log {
    kept: RefCell<VecDeque<Rc<Accepted>>>,
    kept_octets: Cell<usize>,
    most_octets: usize,
    has_forgotten: Cell<bool>,
    /// Those that no wait is given any more.
    taken: RefCell<BTreeSet<u64>>,
    listeners: RefCell<Vec<UnboundedSender<Rc<Accepted>>>>,
    changes: watch::Sender<u64>,
}

impl Log {
    /// Nothing came yet; no more than `most` octets are remembered.
    pub fn new(most: Option<u64>) -> Rc<Self> {
        let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(KEPT_OCTETS);
        Rc::new(Self::with_room(most.min(KEPT_OCTETS)))
    }

    fn with_room(most_octets: usize) -> Self {
        Self {
            kept: RefCell::default(),
            kept_octets: Cell::new(0),
            most_octets,
            has_forgotten: Cell::new(false),
            taken: RefCell::default(),
            listeners: RefCell::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Remembers a message, and wakes who waits for one.
    pub fn add(&self, arrival: Arrival) {
        let Arrival { protocol, user, from, recipients, octets } = arrival;
        let id = *self.changes.borrow() + 1;
        self.kept_octets.set(self.kept_octets.get() + octets.len());
        let mut kept = self.kept.borrow_mut();
        let message = Rc::new(Accepted {
            id,
            time: Timestamp::now(),
            protocol,
            user,
            from,
            recipients,
            octets,
            header: OnceCell::new(),
        });
        for listener in self.listeners.borrow().iter() {
            // One that listens no more misses nothing.
            let _ = listener.send(message.clone());
        }
        kept.push_back(message);
        while self.kept_octets.get() > self.most_octets && kept.len() > 1 {
            let Some(oldest) = kept.pop_front() else { break };
            self.kept_octets.set(self.kept_octets.get() - oldest.octets.len());
            self.taken.borrow_mut().remove(&oldest.id);
            if !self.has_forgotten.replace(true) {
                report::warning("so much mail came that the oldest is no longer looked at");
            }
        }
        drop(kept);
        self.changes.send_replace(id);
    }

    /// Those that are remembered, the oldest first.
    pub fn all(&self) -> Vec<Rc<Accepted>> {
        self.kept.borrow().iter().cloned().collect()
    }

    /// Gives every message from now on, and its end after [`Log::end`].
    pub fn listen(&self) -> UnboundedReceiver<Rc<Accepted>> {
        let (sender, receiver) = unbounded_channel();
        self.listeners.borrow_mut().push(sender);
        receiver
    }

    /// Tells the listeners that they have heard all.
    pub fn end(&self) {
        self.listeners.borrow_mut().clear();
    }

    /// Wakes at every message; the value is the number of the newest.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The newest message that was not taken and the query asks for.
    pub fn newest(&self, expr: &Expr) -> Option<Rc<Accepted>> {
        let mut all = self.all();
        all.retain(|message| !self.taken.borrow().contains(&message.id));
        all.into_iter().rev().find(|message| message.matches(expr))
    }

    /// Keeps a message from being the [`Log::newest`] again.
    pub fn take(&self, id: u64) {
        self.taken.borrow_mut().insert(id);
    }

    /// Forgets all messages; numbers go on.
    pub fn clear(&self) {
        self.kept.borrow_mut().clear();
        self.kept_octets.set(0);
        self.taken.borrow_mut().clear();
    }

    /// How many messages the query asks for.
    pub fn count(&self, expr: &Expr) -> u64 {
        self.all().iter().filter(|message| message.matches(expr)).count() as u64
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::query::{Context, parse};
    use jiff::tz::TimeZone;

    /// A query, prepared.
    pub fn query(text: &str) -> Expr {
        let context = Context { now: Timestamp::now(), zone: TimeZone::UTC };
        with_envelope(parse(text, &context).expect(text))
    }

    /// A log that a message of this subject, to these recipients, is added to.
    pub fn add(log: &Log, recipients: &[&str], subject: &str, rest: &str) {
        let octets = format!(
            "Return-Path: <app@example.test>\r\nFrom: App <noreply@example.test>\r\n\
             To: list@example.test\r\nSubject: {subject}\r\n{rest}"
        );
        log.add(Arrival {
            protocol: "smtp",
            user: None,
            from: "app@example.test".into(),
            recipients: recipients.iter().map(|to| (*to).to_owned()).collect(),
            octets: octets.into_bytes().into(),
        });
    }

    #[test]
    fn queries_see_the_envelope() {
        let log = Log::new(None);
        add(&log, &["bob@example.test", "carol@example.test"], "Welcome", "\r\nhello there\r\n");
        for (text, count) in [
            ("to:bob", 1),
            ("to:list", 1),
            ("to:dave", 0),
            ("-to:carol", 0),
            ("from:app@", 1),
            ("from:noreply subject:/^wel/ body:there", 1),
            ("header:To:bob", 0),
            ("to:bob OR to:dave", 1),
            ("has:pdf", 0),
            ("is:unread newer:1h", 1),
            ("uid:1", 0),
        ] {
            assert_eq!(log.count(&query(text)), count, "{text}");
        }
        assert_eq!(
            log.all()[0].told().summary(),
            "#1 smtp from <app@example.test> to <bob@example.test> <carol@example.test>: Welcome"
        );
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let log = Log::with_room(1_000);
        for _ in 0..5 {
            add(&log, &["bob@example.test"], "x", &format!("\r\n{}\r\n", "y".repeat(300)));
        }
        let ids: Vec<u64> = log.all().iter().map(|message| message.id).collect();
        assert_eq!(ids, [4, 5]);
        assert_eq!(*log.changes().borrow(), 5);
    }
}
