//! What a session knows: it is told of every response, asked for or not.
//!
//! No I/O: [`State::note`] is the one place where unsolicited data are understood.

use crate::base::backoff;
use crate::base::limits;
use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use super::Reply;
use crate::imap::syntax::code::{Code, Word};
use crate::imap::syntax::flag::Flag;
use crate::imap::syntax::response::{Condition, Data, Response, StatusText};
use crate::imap::syntax::search::Update;
use crate::imap::syntax::{ModSeq, Uid, UidValidity};
use crate::store::Flags;

/// What the server says it can do; names compare without case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    names: Vec<String>,
}

impl Capabilities {
    fn from_atoms<'a>(atoms: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let name = |atom: &[u8]| String::from_utf8_lossy(atom).to_ascii_uppercase();
        Self { names: atoms.into_iter().map(name).collect() }
    }

    /// Whether a capability is there.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|each| each.eq_ignore_ascii_case(name))
    }

    /// What stands behind `prefix` (such as `AUTH=`) in all that begin with it.
    pub fn values(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.names.iter().filter_map(move |name| {
            let (head, value) = name.split_at_checked(prefix.len())?;
            head.eq_ignore_ascii_case(prefix).then_some(value)
        })
    }

    /// All of them in capitals, in the server's order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Octets of the largest message that APPEND takes everywhere (RFC 7889); `None` where the
    /// server does not say.
    pub fn append_limit(&self) -> Option<u64> {
        self.values("APPENDLIMIT=").find_map(|value| value.parse().ok())
    }
}

/// The mailbox that is selected, as far as the server has told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// Its name on the wire.
    pub mailbox: Vec<u8>,
    /// Whether it cannot be changed.
    pub read_only: bool,
    /// Number of messages now.
    pub exists: u32,
    /// UIDVALIDITY; 0 where the server did not tell, or said 0.
    pub uid_validity: UidValidity,
    /// The UID that comes next, at least; `None` where the server did not tell.
    pub uid_next: Option<Uid>,
    /// The highest mod-sequence when it was selected; `None` where it keeps none.
    pub highest_modseq: Option<ModSeq>,
    /// Flags that can be changed for good; `None`: all.
    pub permanent_flags: Option<Flags>,
    /// Whether new keywords can be made.
    pub any_keyword: bool,
    /// Its identity (RFC 8474).
    pub mailbox_id: Option<String>,
    /// Whether the server has told of a change since it was selected.
    pub is_stale: bool,
}

/// Name spaces, as the server names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Namespaces {
    /// Prefix and delimiter of the first personal one.
    pub personal: Option<(Vec<u8>, Option<u8>)>,
    /// Prefixes of all others.
    pub others: Vec<Vec<u8>>,
}

/// What the session knows.
#[derive(Debug, Default)]
pub(super) struct State {
    pub capabilities: Capabilities,
    /// Whether capabilities were told since this was last set to false.
    pub capabilities_told: bool,
    pub banner: String,
    pub server_id: Vec<(String, String)>,
    /// What NAMESPACE has told last.
    pub namespaces: Option<Namespaces>,
    pub alerts: Vec<String>,
    /// Untagged responses, and numbers in them, since the last command ended.
    pub told: u64,
    /// ALERT counts only where nobody can have put it in (RFC 9051 section 11.3).
    pub trusts_alerts: bool,
    pub utf8: bool,
    pub condstore: bool,
    pub qresync: bool,
    pub selected: Option<Selected>,
    /// The server was asked to tell of changes in other mailboxes, too (RFC 5465).
    pub is_notified: bool,
    /// That the selected mailbox has changed is among what was taken.
    is_stale_told: bool,
    /// The mailbox that is left by a SELECT under way, and how often a number of messages was
    /// told since: up to CLOSED what is told is of that one.
    leaving: Option<(Vec<u8>, u32)>,
    /// Mailboxes of which it has told since somebody looked.
    news: BTreeSet<Vec<u8>>,
    pub bye: Option<Reply>,
    /// Commands that have not ended, oldest first: tag and name.
    pub pending: VecDeque<(u32, &'static str)>,
    /// Commands that have ended and were not asked about yet.
    done: Vec<(u32, &'static str, Reply)>,
    /// Until when the server asked to be left alone.
    pub rest: Option<Instant>,
    /// What followed the last `+`.
    pub go_ahead: Option<Vec<u8>>,
    /// The search whose result the server is to keep live (RFC 5267), by its tag.
    followed: Option<u32>,
    /// What it has told of that result, in its order.
    updates: Vec<Update>,
    tag: u32,
}

impl State {
    pub fn next_tag(&mut self) -> u32 {
        self.tag += 1;
        self.tag
    }

    /// Another mailbox is selected from now on. What the server told of the one before, and
    /// nobody has looked at, is not forgotten.
    pub fn enter(&mut self, selected: Selected) {
        self.note_stale();
        let before = self.selected.take().map(|before| before.mailbox);
        let before = before.filter(|before| self.is_notified && *before != selected.mailbox);
        self.leaving = before.map(|before| (before, 0));
        self.selected = Some(selected);
        self.is_stale_told = false;
    }

    /// The mailbox that was entered is selected: what is told from here on is of it.
    pub fn entered(&mut self) {
        self.leaving = None;
        if let Some(selected) = &mut self.selected {
            selected.is_stale = false;
        }
    }

    /// The server has told of a change in the mailbox that is being left, as far as anyone can
    /// tell: it is looked at once too often rather than not at all.
    fn note_left(&mut self) {
        if let Some((left, _)) = self.leaving.take() {
            self.news.insert(left);
        }
    }

    /// A number of messages is told: the first that is told in a SELECT may be of its mailbox.
    fn note_exists(&mut self) {
        if let Some((_, told)) = &mut self.leaving {
            *told += 1;
            if *told > 1 {
                self.note_left();
            }
        }
    }

    fn note_stale(&mut self) {
        if let Some(selected) = &self.selected
            && self.is_notified
            && selected.is_stale
            && !self.is_stale_told
        {
            self.news.insert(selected.mailbox.clone());
            self.is_stale_told = true;
        }
    }

    /// The mailboxes of which the server has told since the last call; the selected one counts
    /// once, until it is selected again.
    pub fn take_news(&mut self) -> Vec<Vec<u8>> {
        self.note_stale();
        std::mem::take(&mut self.news).into_iter().collect()
    }

    /// The result of the next command is kept live; its tag.
    pub fn follow_next(&mut self) -> u32 {
        self.updates.clear();
        self.followed = Some(self.tag + 1);
        self.tag + 1
    }

    /// Whether the server still keeps the result of this command live.
    pub fn is_followed(&self, tag: u32) -> bool {
        self.followed == Some(tag)
    }

    /// Whether no command was sent after this one.
    pub fn is_last(&self, tag: u32) -> bool {
        self.tag == tag
    }

    /// Whether something was told of the live result that nobody has taken.
    pub fn has_updates(&self) -> bool {
        !self.updates.is_empty()
    }

    /// What was told of the live result.
    pub fn take_updates(&mut self) -> Vec<Update> {
        std::mem::take(&mut self.updates)
    }

    /// The command that waits longest.
    pub fn during(&self) -> &'static str {
        self.pending.front().map_or("session", |(_, name)| name)
    }

    /// A command that has ended, and not with OK: its name, and what the server said.
    pub fn take_refused(&mut self) -> Option<(&'static str, Reply)> {
        let at = self.done.iter().position(|(.., reply)| reply.condition != Condition::Ok)?;
        let (_, name, reply) = self.done.remove(at);
        Some((name, reply))
    }

    /// The end of a command, if it has come.
    pub fn take_done(&mut self, tag: u32) -> Option<(&'static str, Reply)> {
        let at = self.done.iter().position(|(done, ..)| *done == tag)?;
        let (_, name, reply) = self.done.swap_remove(at);
        Some((name, reply))
    }

    /// Forgets what was learnt before TLS (RFC 9051 section 6.2.1).
    pub fn forget(&mut self) {
        self.capabilities = Capabilities::default();
        self.capabilities_told = false;
        self.alerts.clear();
        self.server_id.clear();
        self.namespaces = None;
        (self.utf8, self.condstore, self.qresync) = (false, false, false);
        self.go_ahead = None;
        self.bye = None;
    }

    pub fn note(&mut self, response: &Response<'_>) {
        match response {
            Response::Continue { text } => self.go_ahead = Some(text.to_vec()),
            Response::Tagged { tag, status } => {
                self.told = 0;
                self.note_end(tag, status);
            }
            Response::Untagged(data) => {
                self.told += match data {
                    Data::Search { numbers, .. } => 1 + numbers.len() as u64,
                    _ => 1,
                };
                self.note_data(data);
            }
        }
    }

    fn note_end(&mut self, tag: &[u8], status: &StatusText<'_>) {
        let reply = self.note_status(status);
        // Exchange says so in the text of an OK, too.
        if let Some(wait) = backoff::suggested(&reply.text) {
            self.rest = Some(Instant::now() + wait.min(backoff::LONGEST));
        }
        let number = number_of(tag);
        let at = self.pending.iter().position(|(tag, _)| Some(*tag) == number);
        // An answer to nothing that was asked is a server's mistake that harms nobody; but a
        // BAD that bears no tag of ours must not leave us waiting.
        let at =
            at.or((status.condition == Condition::Bad && !self.pending.is_empty()).then_some(0));
        if let Some((tag, name)) = at.and_then(|at| self.pending.remove(at)) {
            self.done.push((tag, name, reply));
        }
    }

    fn note_status(&mut self, status: &StatusText<'_>) -> Reply {
        let reply = reply(status);
        match &status.code {
            Some(Code::Capability(names)) => self.note_capabilities(names),
            Some(Code::Word(Word::NotificationOverflow)) => {
                // From here on it tells of nothing.
                self.is_notified = false;
                self.news.insert(Vec::new());
            }
            Some(Code::Word(Word::Alert))
                if self.trusts_alerts && self.alerts.len() < limits::ALERTS =>
            {
                self.alerts.push(String::from_utf8_lossy(&status.text).into_owned());
            }
            // RFC 7162 section 3.2.11: what came before was of the mailbox selected until now.
            Some(Code::Word(Word::Closed)) => match self.leaving.take() {
                Some((left, told)) if told > 0 => drop(self.news.insert(left)),
                _ => {}
            },
            // RFC 5267 section 4.3.2: it keeps no more results live, or this one no longer.
            Some(Code::Unknown { name, arguments }) if name.eq_ignore_ascii_case(b"NOUPDATE") => {
                let tag = arguments.as_deref().unwrap_or_default();
                let tag = tag.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
                if tag.and_then(number_of).is_some_and(|tag| self.is_followed(tag)) {
                    self.followed = None;
                }
            }
            _ => {}
        }
        let Some(selected) = &mut self.selected else { return reply };
        match &status.code {
            Some(Code::UidValidity(validity)) => selected.uid_validity = *validity,
            Some(Code::UidNext(uid)) => selected.uid_next = Some(*uid),
            Some(Code::HighestModSeq(modseq)) if modseq.0 > 0 => {
                selected.highest_modseq = Some(*modseq);
            }
            Some(Code::Word(Word::NoModSeq)) => selected.highest_modseq = None,
            Some(Code::Word(Word::ReadOnly)) => selected.read_only = true,
            Some(Code::Word(Word::ReadWrite)) => selected.read_only = false,
            Some(Code::MailboxId(id)) => {
                selected.mailbox_id = Some(String::from_utf8_lossy(id).into_owned());
            }
            Some(Code::PermanentFlags(flags)) => {
                selected.any_keyword = flags.contains(&Flag::Any);
                selected.permanent_flags = Some(to_flags(flags));
            }
            _ => {}
        }
        reply
    }

    fn note_capabilities(&mut self, names: &[std::borrow::Cow<'_, [u8]>]) {
        self.capabilities = Capabilities::from_atoms(names.iter().map(|name| &**name));
        self.capabilities_told = true;
    }

    fn note_data(&mut self, data: &Data<'_>) {
        match data {
            Data::Status(status) => {
                let reply = self.note_status(status);
                if status.condition == Condition::Bye {
                    self.bye = Some(reply);
                }
            }
            Data::Capability(names) => self.note_capabilities(names),
            Data::Enabled(names) => {
                let has =
                    |name: &str| names.iter().any(|n| n.eq_ignore_ascii_case(name.as_bytes()));
                self.utf8 |= has("UTF8=ACCEPT") || has("IMAP4rev2");
                self.qresync |= has("QRESYNC");
                self.condstore |= has("CONDSTORE") || has("QRESYNC");
            }
            Data::Namespace(told) => {
                let mut personal = told.personal.iter();
                let first = personal.next().map(|one| (one.prefix.to_vec(), one.delimiter));
                let others = personal.chain(&told.other_users).chain(&told.shared);
                let others = others.map(|entry| entry.prefix.to_vec()).collect();
                self.namespaces = Some(Namespaces { personal: first, others });
            }
            Data::Id(Some(fields)) => {
                let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
                self.server_id = fields
                    .iter()
                    .filter_map(|(name, value)| Some((text(name), text(value.as_deref()?))))
                    .collect();
            }
            Data::Exists(count) => {
                self.note_exists();
                if let Some(selected) = &mut self.selected {
                    selected.is_stale |= selected.exists != *count;
                    selected.exists = *count;
                }
            }
            Data::MailboxStatus(status) if self.is_notified && !self.awaits_status() => {
                // Names without end must not fill memory: then anything may have changed.
                let is_full = self.news.len() >= limits::NEWS;
                let name = if is_full { Vec::new() } else { status.mailbox.0.to_vec() };
                self.news.insert(name);
            }
            Data::Expunge(_) => {
                self.note_left();
                if let Some(selected) = &mut self.selected {
                    selected.exists = selected.exists.saturating_sub(1);
                    selected.is_stale = true;
                }
            }
            Data::Vanished { earlier: false, uids } => {
                self.note_left();
                if let Some(selected) = &mut self.selected {
                    let gone = u32::try_from(uids.count(0)).unwrap_or(u32::MAX);
                    selected.exists = selected.exists.saturating_sub(gone);
                    selected.is_stale = true;
                }
            }
            Data::Esearch(result) if !result.updates.is_empty() => {
                let tag = result.tag.as_deref().and_then(number_of);
                if tag.is_some_and(|tag| self.is_followed(tag)) {
                    self.updates.extend_from_slice(&result.updates);
                }
            }
            // Flags that nobody asked for: another session changed them.
            Data::Fetch(fetch) if fetch.flags.is_some() && !self.awaits_fetch() => {
                self.note_left();
                self.note_change();
            }
            _ => {}
        }
    }

    fn awaits_status(&self) -> bool {
        self.pending.iter().any(|(_, name)| matches!(*name, "STATUS" | "LIST"))
    }

    fn awaits_fetch(&self) -> bool {
        self.pending.iter().any(|(_, name)| matches!(*name, "UID FETCH" | "UID STORE"))
    }

    /// Notes that flags came without a body where bodies were asked for.
    pub fn note_change(&mut self) {
        if let Some(selected) = &mut self.selected {
            selected.is_stale = true;
        }
    }
}

/// The number in a tag of ours.
pub(super) fn number_of(tag: &[u8]) -> Option<u32> {
    std::str::from_utf8(tag.strip_prefix(b"a")?).ok()?.parse().ok()
}

/// What the server said, in text.
pub(super) fn reply(status: &StatusText<'_>) -> Reply {
    let text = String::from_utf8_lossy(&status.text).into_owned();
    let code = status.code.clone().map(Code::into_owned);
    let text = match &code {
        Some(Code::Word(word)) => format!("[{}] {text}", word.name()),
        Some(Code::Unknown { name, arguments }) => {
            let name = String::from_utf8_lossy(name);
            match arguments {
                None => format!("[{name}] {text}"),
                Some(more) => format!("[{name} {}] {text}", String::from_utf8_lossy(more)),
            }
        }
        _ => text,
    };
    Reply { condition: status.condition, code: code.map(Box::new), text }
}

/// Flags as stores know them. A keyword that is not UTF-8 is no keyword and is left out, and so
/// is `\*`.
pub(super) fn to_flags(flags: &crate::imap::syntax::flag::Flags<'_>) -> Flags {
    let mut all = Flags::new();
    for flag in flags.iter().filter(|flag| *flag != Flag::Any) {
        if let Ok(name) = String::from_utf8(flag.to_text()) {
            all.insert(&name);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::decode::Decoded;
    use crate::imap::syntax::response;

    #[test]
    fn nothing_said_before_tls_is_believed_behind_it() {
        let mut state = State::default();
        for line in [
            "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n",
            "* ENABLED UTF8=ACCEPT QRESYNC\r\n",
            "* BYE not yet\r\n",
            "+ go on\r\n",
        ] {
            let Ok(Decoded::Done { value, .. }) = response::decode(line.as_bytes()) else {
                panic!("{line}");
            };
            state.note(&value);
        }
        assert!(state.utf8 && state.condstore && state.qresync);
        assert!(state.bye.is_some() && state.go_ahead.is_some());
        state.forget();
        assert!(!state.utf8 && !state.condstore && !state.qresync);
        assert!(state.bye.is_none() && state.go_ahead.is_none());
        assert!(state.capabilities.is_empty() && !state.capabilities_told);
    }
}
