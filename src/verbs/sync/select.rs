//! Which of the changes that the merge has found are carried over: messages that the options
//! leave out stay where they are, messages beyond the last N leave the near side, and one side
//! decides where both have.
//!
//! Only messages that were never carried over are left out. One that both sides have goes on
//! being kept equal, whatever the options say: a message that falls out of a choice must never
//! look like a deletion.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use jiff::Timestamp;

use super::diff::{Action, Mode, Side};
use super::pair::Pair;
use super::scan::FolderPlan;
use crate::query::{Attributes, Expr, Local, Need, Verdict};
use crate::store::{Id, Meta, Result, Sink, What};

/// Octets of one message that are looked at for a query; the rest of a larger one is not.
const QUERY_OCTETS: usize = 64 * 1024 * 1024;

/// Messages whose headers are asked for at once.
const BATCH: usize = 1000;

/// What is carried over.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// No messages at all.
    pub folders_only: bool,
    /// The most octets of a new message; `None`: any number.
    pub max_size: Option<u64>,
    /// When the first new message may have arrived, in seconds since 1970; `None`: ever.
    pub since: Option<i64>,
    /// What a new message has to match; `None`: nothing.
    pub query: Option<Expr>,
    /// A message that was left out once is left out for as long as it does not change: no
    /// query says otherwise.
    pub is_timeless: bool,
    /// How many messages of a folder are kept near; `None`: all.
    pub keep_last: Option<usize>,
    /// Who decides where a message was deleted on one side and changed on the other; `None`:
    /// it is kept, and told of.
    pub prefer: Option<Side>,
    /// Octets that one run may carry over; `None`: any number.
    pub max_bytes: Option<u64>,
    /// What the choice depends on, as text; another text is another choice.
    pub mark: String,
}

impl Choice {
    /// Whether new messages have to be looked at one by one.
    fn asks(&self) -> bool {
        self.max_size.is_some() || self.since.is_some() || self.query.is_some()
    }

    /// Takes out of a folder's plan what is not carried over, and adds what has to leave near.
    ///
    /// # Errors
    /// The stores': headers and dates of new messages may have to be read.
    pub async fn trim(&self, pair: &mut Pair, folder: &mut FolderPlan, mode: Mode) -> Result<()> {
        if let Some(side) = self.prefer {
            prefer(folder, side, mode);
        }
        if let Some(count) = self.keep_last {
            keep_last(folder, count);
        }
        for to in Side::BOTH {
            let new: Vec<Id> = new_messages(folder, to).cloned().collect();
            if new.is_empty() || !(self.asks() || self.max_bytes.is_some()) {
                continue;
            }
            let from = to.other();
            self.weigh(pair, folder, from, &new).await?;
            if self.asks() {
                let left_out = self.left_out(pair, folder, from, &new).await?;
                drop_copies(folder, to, &left_out);
                // A query may speak of the time that has passed: who knows what it says later.
                if !left_out.is_empty() && !self.is_timeless {
                    *folder.outcome.pending.of_mut(from) = true;
                }
            }
        }
        Ok(())
    }

    /// Learns the sizes of new messages, where the listing did not tell them and they count.
    async fn weigh(
        &self,
        pair: &mut Pair,
        folder: &mut FolderPlan,
        from: Side,
        new: &[Id],
    ) -> Result<()> {
        let is_asked = self.max_size.is_some() || self.max_bytes.is_some() || self.query.is_some();
        if !is_asked || new.iter().all(|id| folder.sizes.of(from).contains_key(id)) {
            return Ok(());
        }
        pair.select(from, folder.names.of(from), false).await?;
        let wanted: HashSet<&Id> = new.iter().collect();
        for message in pair.store(from).list().await? {
            if let Some(size) = message.size.filter(|_| wanted.contains(&message.id)) {
                folder.sizes.of_mut(from).insert(message.id, size);
            }
        }
        Ok(())
    }

    /// Which of the new messages of a side are not wanted.
    async fn left_out(
        &self,
        pair: &mut Pair,
        folder: &FolderPlan,
        from: Side,
        new: &[Id],
    ) -> Result<HashSet<Id>> {
        let sizes = folder.sizes.of(from);
        let mut left_out = HashSet::new();
        let mut open: Vec<Id> = Vec::new();
        for id in new {
            let is_too_large =
                self.max_size.is_some_and(|most| sizes.get(id).is_some_and(|size| *size > most));
            if is_too_large {
                left_out.insert(id.clone());
            } else {
                open.push(id.clone());
            }
        }
        if self.since.is_none() && self.query.is_none() || open.is_empty() {
            return Ok(left_out);
        }
        pair.select(from, folder.names.of(from), false).await?;
        let flags = flags_of_new(folder, from.other());
        let mut unsure = Vec::new();
        for (most, what) in [(Need::Header, What::Headers), (Need::Body, What::Whole)] {
            let asked = match most {
                Need::Header => std::mem::take(&mut open),
                _ => std::mem::take(&mut unsure),
            };
            for batch in asked.chunks(BATCH) {
                let mut looking = Looking {
                    choice: self,
                    folder: &folder.name,
                    sizes,
                    flags: &flags,
                    most,
                    octets: Vec::new(),
                    left_out: &mut left_out,
                    unsure: &mut unsure,
                };
                pair.store(from).read(batch, &what, &mut looking).await?;
            }
        }
        Ok(left_out)
    }
}

/// Looks at messages as they come.
struct Looking<'l> {
    choice: &'l Choice,
    folder: &'l str,
    sizes: &'l HashMap<Id, u64>,
    flags: &'l HashMap<Id, Vec<String>>,
    most: Need,
    octets: Vec<u8>,
    left_out: &'l mut HashSet<Id>,
    unsure: &'l mut Vec<Id>,
}

impl Looking<'_> {
    fn verdict(&self, message: &Meta) -> Verdict {
        let received = message.received.map(|received| received.seconds);
        if self.choice.since.is_some_and(|since| received.is_some_and(|at| at < since)) {
            return Verdict::No;
        }
        let Some(query) = &self.choice.query else { return Verdict::Yes };
        let attributes = Attributes {
            flags: self.flags.get(&message.id).cloned(),
            size: self.sizes.get(&message.id).copied(),
            received: received.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            uid: message.id.0.parse().ok(),
            folder: Some(self.folder.to_owned()),
            stored: None,
            saved: None,
            account: None,
            thread: None,
            gmail: Vec::new(),
        };
        Local::new(&self.octets, attributes).answer(query, self.most)
    }
}

#[async_trait(?Send)]
impl Sink for Looking<'_> {
    async fn begin(&mut self, _: &Meta) -> Result<()> {
        self.octets.clear();
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        let room = QUERY_OCTETS.saturating_sub(self.octets.len());
        self.octets.extend_from_slice(&octets[..octets.len().min(room)]);
        Ok(())
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        match self.verdict(message) {
            Verdict::Yes => {}
            Verdict::Needs(_) if self.most < Need::Body => self.unsure.push(message.id.clone()),
            Verdict::No | Verdict::Needs(_) => {
                self.left_out.insert(message.id.clone());
            }
        }
        Ok(())
    }
}

/// The messages that go to a side and that it never had, by their ids where they come from.
fn new_messages(folder: &FolderPlan, to: Side) -> impl Iterator<Item = &Id> {
    folder.outcome.actions.iter().filter_map(move |action| match action {
        Action::Copy { to: side, id, row: None, .. } if *side == to => Some(id),
        _ => None,
    })
}

fn flags_of_new(folder: &FolderPlan, to: Side) -> HashMap<Id, Vec<String>> {
    let new = folder.outcome.actions.iter().filter_map(|action| match action {
        Action::Copy { to: side, id, flags, row: None } if *side == to => {
            Some((id.clone(), flags.iter().map(|flag| flag.name().to_owned()).collect()))
        }
        _ => None,
    });
    new.collect()
}

fn drop_copies(folder: &mut FolderPlan, to: Side, left_out: &HashSet<Id>) {
    folder.outcome.actions.retain(|action| match action {
        Action::Copy { to: side, id, row: None, .. } => *side != to || !left_out.contains(id),
        _ => true,
    });
}

/// Decides every conflict of a folder as one side did.
fn prefer(folder: &mut FolderPlan, side: Side, mode: Mode) {
    for conflict in std::mem::take(&mut folder.outcome.conflicts) {
        let (deleted, kept) = (conflict.deleted, conflict.deleted.other());
        if side != deleted || !mode.changes(kept) {
            // It is kept, which is what the side did that has it.
            continue;
        }
        for action in &mut folder.outcome.actions {
            let row = match action {
                Action::Copy { row: Some(row), id, to, .. }
                    if *to == deleted && *id == conflict.kept =>
                {
                    *row
                }
                Action::Forget { row } if *folder.rows[*row].ids.of(kept) == conflict.kept => *row,
                _ => continue,
            };
            *action = Action::Delete { side: kept, id: conflict.kept.clone(), row: Some(row) };
        }
    }
}

/// Only the last messages of the far folder are wanted near: others are not copied, and leave
/// near where they are there. Messages that near alone has are newer than all of them.
fn keep_last(folder: &mut FolderPlan, count: usize) {
    let mut busy: HashSet<usize> = folder.expired.iter().copied().collect();
    let mut gone: HashSet<usize> = HashSet::new();
    let mut new = Vec::new();
    for action in &folder.outcome.actions {
        match action {
            Action::Delete { row: Some(row), .. } | Action::Forget { row } => {
                gone.insert(*row);
            }
            Action::Copy { row: Some(row), .. } => {
                busy.insert(*row);
            }
            Action::Copy { to: Side::Near, id, row: None, .. } => new.push(id.clone()),
            _ => {}
        }
    }
    // The order of arrival: that of UIDs, or else that in which they became known.
    let rows = folder.rows.iter().enumerate().filter(|(at, _)| !gone.contains(at));
    let mut all: Vec<(Id, Option<usize>)> =
        rows.map(|(at, row)| (row.ids.far.clone(), Some(at))).collect();
    all.extend(new.into_iter().map(|id| (id, None)));
    all.sort_by_cached_key(|(id, _)| id.0.parse::<u32>().unwrap_or(u32::MAX));
    let last = all.len().saturating_sub(count);
    let mut left_out = HashSet::new();
    for (id, row) in all.into_iter().take(last) {
        match row {
            Some(row) if !busy.contains(&row) => folder.expired.push(row),
            Some(_) => {}
            None => {
                left_out.insert(id);
            }
        }
    }
    drop_copies(folder, Side::Near, &left_out);
}

/// Takes copies out of the plan, from the last folder on, until no more than `most` octets are
/// left to be carried over; how many messages stay behind. What could be deleted may have been
/// moved to where it is not copied now, so that nothing is deleted either.
pub fn cut(folders: &mut [FolderPlan], most: u64) -> usize {
    let mut octets = 0u64;
    let mut left = 0;
    for folder in folders.iter_mut() {
        let sizes = &folder.sizes;
        let mut pending = folder.outcome.pending;
        folder.outcome.actions.retain(|action| {
            let Action::Copy { to, id, .. } = action else { return true };
            let size = sizes.of(to.other()).get(id).copied().unwrap_or(0);
            // One message goes in any case, or a large one would never come.
            let fits = octets.saturating_add(size) <= most || octets == 0 && left == 0;
            if fits && left == 0 {
                octets = octets.saturating_add(size);
                return true;
            }
            left += 1;
            *pending.of_mut(to.other()) = true;
            false
        });
        folder.outcome.pending = pending;
    }
    if left > 0 {
        for folder in folders {
            let before = folder.outcome.actions.len();
            folder.outcome.actions.retain(|action| !matches!(action, Action::Delete { .. }));
            if folder.outcome.actions.len() < before {
                folder.outcome.pending = super::diff::Both { far: true, near: true };
            }
            folder.expired.clear();
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::super::diff::{Both, Conflict, Outcome, Row};
    use super::super::state::Opening;
    use super::*;
    use crate::store::Flags;

    fn id(text: impl ToString) -> Id {
        Id::new(text.to_string())
    }

    fn folder(rows: &[(&str, &str)], actions: Vec<Action>) -> FolderPlan {
        let rows = rows.iter().enumerate().map(|(at, (far, near))| Row {
            key: i64::try_from(at).ok(),
            ids: Both { far: id(far), near: id(near) },
            flags: Flags::new(),
        });
        FolderPlan {
            name: "INBOX".into(),
            names: Both { far: "INBOX".into(), near: "INBOX".into() },
            fate: super::super::scan::Fate::Stays,
            known: None,
            key: None,
            mailbox_ids: Both::default(),
            known_messages: 0,
            is_new_generation: Both::default(),
            oversized: Vec::new(),
            refused: Vec::new(),
            status: Both::default(),
            rows: rows.collect(),
            opening: Opening::default(),
            outcome: Outcome { actions, ..Outcome::default() },
            sizes: Both::default(),
            messages: Both::default(),
            missing: Both::default(),
            lost: Vec::new(),
            unknown: Both::default(),
            taken: Both::default(),
            expired: Vec::new(),
            gathered: Both::default(),
        }
    }

    fn copy(to: Side, name: &str, row: Option<usize>) -> Action {
        Action::Copy { to, id: id(name), flags: Flags::new(), row }
    }

    #[test]
    fn the_last_messages_by_number_stay() {
        let new = vec![
            copy(Side::Near, "9", None),
            copy(Side::Near, "12", None),
            copy(Side::Near, "2", None),
            copy(Side::Far, "x", None),
            Action::Forget { row: 2 },
        ];
        let mut plan = folder(&[("3", "a"), ("10", "b"), ("11", "c")], new);
        keep_last(&mut plan, 2);
        // Of 2, 3, 9, 10 and 12 the last two are 10 and 12.
        assert_eq!(plan.expired, [0]);
        let left =
            [copy(Side::Near, "12", None), copy(Side::Far, "x", None), Action::Forget { row: 2 }];
        assert_eq!(plan.outcome.actions, left);
    }

    #[test]
    fn one_side_decides() {
        let conflicts = vec![
            Conflict { deleted: Side::Far, kept: id("a"), restored: true },
            Conflict { deleted: Side::Near, kept: id("2"), restored: true },
        ];
        let actions = vec![copy(Side::Far, "a", Some(0)), copy(Side::Near, "2", Some(1))];
        let of = |side: Side| {
            let mut plan = folder(&[("1", "a"), ("2", "b")], actions.clone());
            plan.outcome.conflicts = conflicts.clone();
            prefer(&mut plan, side, Mode::TwoWay);
            assert!(plan.outcome.conflicts.is_empty());
            plan.outcome.actions
        };
        let gone = Action::Delete { side: Side::Near, id: id("a"), row: Some(0) };
        assert_eq!(of(Side::Far), [gone, copy(Side::Near, "2", Some(1))]);
        let gone = Action::Delete { side: Side::Far, id: id("2"), row: Some(1) };
        assert_eq!(of(Side::Near), [copy(Side::Far, "a", Some(0)), gone]);
    }

    #[test]
    fn a_plan_is_cut_to_what_may_pass_and_deletes_nothing_then() {
        let actions = vec![
            copy(Side::Near, "1", None),
            copy(Side::Near, "2", None),
            copy(Side::Near, "3", None),
            Action::Delete { side: Side::Far, id: id("9"), row: Some(0) },
        ];
        let of = |most: u64| {
            let mut plan = folder(&[("9", "z")], actions.clone());
            let sizes = [("1", 50), ("2", 60), ("3", 1)].map(|(name, size)| (id(name), size));
            plan.sizes.far = sizes.into_iter().collect();
            let left = cut(std::slice::from_mut(&mut plan), most);
            (left, plan.outcome.actions.len(), plan.outcome.pending.far)
        };
        assert_eq!(of(111), (0, 4, false));
        assert_eq!(of(110), (1, 2, true));
        assert_eq!(of(60), (2, 1, true));
        assert_eq!(of(1), (2, 1, true), "one message goes in any case");
    }
}
