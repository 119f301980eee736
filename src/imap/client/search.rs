//! SEARCH, SORT and THREAD (RFC 9051 section 6.4.4, RFC 4731, RFC 5256).
//!
//! How a query becomes keys is decided elsewhere; this module knows keys.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use super::state::number_of;
use super::{Client, Error, Selected};
use crate::imap::syntax::Uid;
use crate::imap::syntax::command::Command;
use crate::imap::syntax::encode::Literals;
use crate::imap::syntax::fetch::{Fetch, Item};
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::response::Data;
use crate::imap::syntax::search::{
    Esearch, Key, Return, Search, Sort, SortKey, Thread, ThreadBy, Word,
};
use crate::imap::syntax::set::SequenceSet;
use crate::net::deadline;

/// Results expanded from one ESEARCH set: what a mailbox can hold. A set that claims more is a
/// server's mistake or malice.
const RESULTS: u64 = 50_000_000;

/// What is asked of one mailbox in a [`Client::flight`].
#[derive(Debug, Clone)]
pub struct Asking {
    /// Examined first; `None`: the mailbox that is selected.
    pub mailbox: Option<Mailbox<'static>>,
    /// Searches, in this order.
    pub searches: Vec<Inquiry>,
    /// What is fetched after them; `$` is the result that a search was told to save.
    pub fetches: Vec<SequenceSet>,
    /// The items that are fetched, UID among them.
    pub items: Vec<Item<'static>>,
    /// The threads of all its messages are asked for, too (RFC 5256, REFERENCES), where the
    /// server knows that.
    pub threads: bool,
}

/// One search of an [`Asking`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// All of these have to match; at least one.
    pub keys: Vec<Key<'static>>,
    /// What to return, where the server knows that; empty for a plain SEARCH or SORT response.
    pub returns: Vec<Return<'static>>,
    /// The order of the answer; empty: ascending.
    pub criteria: Vec<(bool, SortKey)>,
}

/// What was answered for one mailbox.
#[derive(Debug, Default)]
pub struct Answered {
    /// UIDVALIDITY; 0 where the server did not tell.
    pub uid_validity: u32,
    /// Number of messages in the mailbox.
    pub exists: u32,
    /// The answer to each search that was asked.
    pub results: Vec<Matches>,
    /// The threads of all its messages, by UID; `None`: they were not asked for.
    pub threads: Option<Vec<Thread>>,
}

/// What a search has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    /// The UIDs, ascending or in the order that was asked for.
    pub uids: Vec<u32>,
    /// How many there are, where that was asked for.
    pub count: Option<u32>,
}

impl Matches {
    pub(super) fn take(&mut self, data: &Data<'_>) {
        match data {
            Data::Search { numbers, .. } | Data::Sort { numbers, .. } => {
                self.uids.extend_from_slice(numbers);
            }
            Data::Esearch(result) => self.take_extended(result),
            _ => {}
        }
    }

    fn take_extended(&mut self, result: &Esearch<'_>) {
        self.count = result.count.or(self.count);
        self.uids.extend(expanded(result.all.as_ref()));
        if let Some((_, set)) = &result.partial {
            self.uids.extend(expanded(set.as_ref()));
        }
    }
}

/// What a command of a flight is for.
enum Purpose {
    Examine(Vec<u8>),
    Search { sorted: bool },
    Thread,
    Fetch,
}

impl Client {
    /// Asks several mailboxes in one flight: every command is on its way before the first answer
    /// is waited for, so that all of it takes one round trip (RFC 9051 section 5.5: each command
    /// that could be ambiguous stands behind the one that settles it). Only where a literal
    /// has to wait for its go-ahead, what was asked before is waited for first. What is fetched
    /// goes to `on` with the number of its [`Asking`].
    ///
    /// Each mailbox has an answer or a refusal of its own; a refused fetch counts as one that
    /// gave nothing.
    ///
    /// # Errors
    /// The connection's errors.
    pub async fn flight(
        &mut self,
        asking: &[Asking],
        on: &mut dyn FnMut(usize, u32, &Fetch<'_>),
    ) -> Result<Vec<Result<Answered, Error>>, Error> {
        self.deadline(deadline::COMMAND);
        let mut answers: Vec<Result<Answered, Error>> =
            asking.iter().map(|_| Ok(Answered::default())).collect();
        let mut under_way: VecDeque<(usize, Purpose, u32)> = VecDeque::new();
        for (number, one) in asking.iter().enumerate() {
            for (purpose, command, can_wait) in self.commands(one) {
                if can_wait {
                    self.land(&mut under_way, &mut answers, on).await?;
                }
                match self.send(command).await {
                    Ok(tag) => under_way.push_back((number, purpose, tag)),
                    // A literal that the server did not want: the command has ended already.
                    Err(refused @ Error::Refused { .. }) => answers[number] = Err(refused),
                    Err(error) => return Err(error),
                }
                self.ease().await?;
            }
        }
        self.land(&mut under_way, &mut answers, on).await?;
        Ok(answers)
    }

    /// The searches, thread and fetches of one mailbox as they would go over the wire, each on a
    /// line or more without its tag and its last line end; EXAMINE is left out.
    ///
    /// # Errors
    /// [`Error::Unencodable`] for what cannot be sent.
    pub fn planned(&self, asking: &Asking) -> Result<Vec<Vec<u8>>, Error> {
        let commands = self.commands(asking).into_iter();
        let asked = commands.filter(|(purpose, ..)| !matches!(purpose, Purpose::Examine(_)));
        asked.map(|(_, command, _)| self.written(command)).collect()
    }

    /// The command of one search over many mailboxes (RFC 7377), in the same form.
    ///
    /// # Errors
    /// As [`Client::planned`].
    pub fn planned_in(
        &self,
        mailboxes: &[Mailbox<'static>],
        inquiry: &Inquiry,
    ) -> Result<Vec<u8>, Error> {
        self.written(self.command_in(mailboxes, inquiry))
    }

    /// The commands of one mailbox, and whether each may have to wait for a go-ahead.
    fn commands(&self, asking: &Asking) -> Vec<(Purpose, Command<'static>, bool)> {
        let mut commands = Vec::new();
        if let Some(mailbox) = &asking.mailbox {
            let waits = self.literals() == Literals::Synchronising
                && !mailbox.0.iter().all(u8::is_ascii_graphic);
            let command = Command::Select {
                mailbox: mailbox.clone(),
                read_only: true,
                parameters: Vec::new(),
            };
            commands.push((Purpose::Examine(mailbox.0.to_vec()), command, waits));
        }
        for inquiry in &asking.searches {
            let (keys, sorted) = (inquiry.keys.clone(), !inquiry.criteria.is_empty());
            let waits = self.literals() != Literals::Plus && keys.iter().any(Key::needs_charset);
            let returns = (!inquiry.returns.is_empty()).then(|| inquiry.returns.clone());
            let command = if sorted {
                let charset = Cow::Borrowed(&b"UTF-8"[..]);
                let criteria = inquiry.criteria.clone();
                Command::Sort(true, Sort { returns, criteria, charset, keys })
            } else {
                let charset = self.charset(&keys);
                Command::Search(true, Search { returns, charset, keys })
            };
            commands.push((Purpose::Search { sorted }, command, waits));
        }
        if asking.threads && self.capabilities().has("THREAD=REFERENCES") {
            let command = Command::Thread(
                true,
                ThreadBy {
                    algorithm: Cow::Borrowed(b"REFERENCES"),
                    charset: Cow::Borrowed(b"UTF-8"),
                    keys: vec![Key::Word(Word::All)],
                },
            );
            commands.push((Purpose::Thread, command, false));
        }
        for set in &asking.fetches {
            let command = Command::Fetch {
                uid: true,
                set: set.clone(),
                items: asking.items.clone(),
                changed_since: None,
                vanished: false,
            };
            commands.push((Purpose::Fetch, command, false));
        }
        commands
    }

    /// Waits for all that is under way, in its order.
    async fn land(
        &mut self,
        under_way: &mut VecDeque<(usize, Purpose, u32)>,
        answers: &mut [Result<Answered, Error>],
        on: &mut dyn FnMut(usize, u32, &Fetch<'_>),
    ) -> Result<(), Error> {
        // Where nothing is ambiguous a server may answer one command before the last has ended
        // (Dovecot does).
        let mut early: HashMap<u32, Matches> = HashMap::new();
        let mut threads: HashMap<usize, Vec<Thread>> = HashMap::new();
        while let Some((number, purpose, tag)) = under_way.pop_front() {
            let mut matches = early.remove(&tag).unwrap_or_default();
            if let Purpose::Examine(mailbox) = &purpose {
                let mailbox = mailbox.clone();
                let selected = Selected { mailbox, read_only: true, ..Selected::default() };
                self.state.enter(selected);
            }
            let ended = self
                .wait(tag, &mut |data| match (&purpose, data) {
                    (_, Data::Thread(found)) => {
                        threads.entry(number).or_default().extend_from_slice(found);
                    }
                    (_, Data::Esearch(result)) => match result.tag.as_deref().and_then(number_of) {
                        Some(other) if other != tag => {
                            if under_way.iter().any(|(.., tag)| *tag == other) {
                                early.entry(other).or_default().take(data);
                            }
                        }
                        _ => matches.take(data),
                    },
                    (Purpose::Search { .. }, data) => matches.take(data),
                    (Purpose::Fetch, Data::Fetch(fetch)) => {
                        if let Some(Uid(uid)) = fetch.uid {
                            on(number, uid, fetch);
                        }
                    }
                    _ => {}
                })
                .await;
            let refused = match ended {
                Ok(_) => None,
                Err(refused @ Error::Refused { .. }) => Some(refused),
                Err(error) => return Err(error),
            };
            if matches!((&purpose, &refused), (Purpose::Examine(_), Some(_))) {
                self.state.selected = None;
            }
            let Ok(answered) = &mut answers[number] else { continue };
            match (purpose, refused) {
                (Purpose::Fetch, _) | (Purpose::Thread, Some(_)) => {}
                (Purpose::Thread, None) => {
                    answered.threads = Some(threads.remove(&number).unwrap_or_default());
                }
                (_, Some(refused)) => answers[number] = Err(refused),
                (Purpose::Examine(_), None) => {
                    if let Some(selected) = &mut self.state.selected {
                        selected.is_stale = false;
                    }
                }
                (Purpose::Search { sorted }, None) => {
                    if !sorted {
                        matches.uids.sort_unstable();
                        matches.uids.dedup();
                    }
                    answered.results.push(matches);
                }
            }
            if let (Ok(answered), Some(selected)) = (&mut answers[number], &self.state.selected) {
                answered.uid_validity = selected.uid_validity.0;
                answered.exists = selected.exists;
            }
        }
        Ok(())
    }

    /// Sets of these UIDs, each short enough for one command; `uids` are best sorted.
    pub fn sets(uids: &[u32]) -> Vec<SequenceSet> {
        Self::batches(uids, usize::MAX)
    }

    pub(super) fn charset(&self, keys: &[Key<'_>]) -> Option<Cow<'static, [u8]>> {
        // RFC 6855 section 3: no CHARSET once UTF-8 is on.
        let needed = !self.is_utf8() && keys.iter().any(Key::needs_charset);
        needed.then_some(Cow::Borrowed(b"UTF-8"))
    }

    /// UIDs of the messages that match all keys, in ascending order. ESEARCH is used where it
    /// is offered, and a server that answers with SEARCH all the same is understood.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn search(&mut self, keys: Vec<Key<'_>>) -> Result<Vec<u32>, Error> {
        let charset = self.charset(&keys);
        let capabilities = self.capabilities();
        let extended = capabilities.has("ESEARCH") || capabilities.has("IMAP4rev2");
        let returns = extended.then(|| vec![Return::All]);
        let mut uids = Vec::new();
        self.run(
            Command::Search(true, Search { returns, charset, keys }),
            &mut |data| match data {
                Data::Search { numbers, .. } => uids.extend_from_slice(numbers),
                Data::Esearch(result) => uids.extend(expanded(result.all.as_ref())),
                _ => {}
            },
        )
        .await?;
        uids.sort_unstable();
        uids.dedup();
        Ok(uids)
    }

    /// UIDs of the messages that match all keys, in the order of the criteria.
    ///
    /// # Errors
    /// [`Error::Missing`] without SORT (or SORT=DISPLAY for its keys); as [`Client::search`].
    pub async fn sort(
        &mut self,
        criteria: Vec<(bool, SortKey)>,
        keys: Vec<Key<'_>>,
    ) -> Result<Vec<u32>, Error> {
        let display = [SortKey::DisplayFrom, SortKey::DisplayTo];
        if !self.capabilities().has("SORT") {
            return Err(Error::Missing("SORT"));
        }
        if criteria.iter().any(|(_, key)| display.contains(key))
            && !self.capabilities().has("SORT=DISPLAY")
        {
            return Err(Error::Missing("SORT=DISPLAY"));
        }
        let mut uids = Vec::new();
        let charset = Cow::Borrowed(&b"UTF-8"[..]);
        let sort = Sort { returns: None, criteria, charset, keys };
        self.run(Command::Sort(true, sort), &mut |data| match data {
            Data::Sort { numbers, .. } => uids.extend_from_slice(numbers),
            Data::Esearch(result) => uids.extend(expanded(result.all.as_ref())),
            _ => {}
        })
        .await?;
        Ok(uids)
    }

    /// Threads of the messages that match all keys, by UID.
    ///
    /// # Errors
    /// [`Error::Missing`] where the algorithm is not offered; as [`Client::search`].
    pub async fn thread(
        &mut self,
        algorithm: &'static str,
        keys: Vec<Key<'_>>,
    ) -> Result<Vec<Thread>, Error> {
        if !self.capabilities().has(&format!("THREAD={algorithm}")) {
            return Err(Error::Missing("THREAD"));
        }
        let mut threads = Vec::new();
        let thread = ThreadBy {
            algorithm: Cow::Borrowed(algorithm.as_bytes()),
            charset: Cow::Borrowed(b"UTF-8"),
            keys,
        };
        self.run(Command::Thread(true, thread), &mut |data| {
            if let Data::Thread(found) = data {
                threads.extend_from_slice(found);
            }
        })
        .await?;
        Ok(threads)
    }
}

/// The numbers of a result's set.
pub(super) fn expanded(set: Option<&SequenceSet>) -> Vec<u32> {
    match set {
        Some(set) if set.count(0) <= RESULTS => set.numbers(0).collect(),
        _ => Vec::new(),
    }
}
