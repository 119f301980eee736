//! Looks at folders on both sides, and says what has to be done in them. Nothing is changed
//! here, neither in a store nor in the state.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::bind;
use super::diff::{Action, Both, Mode, Outcome, Picture, Row, Side, diff};
use super::pair::{Pair, Seat};
use super::spool::Batch;
use super::state::{Intent, Known, KnownFolder, Opening, State};
use crate::store::{Changes, Error, Flag, Flags, Folder, Id, Keeps, Since, Status};

/// What becomes of a folder as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fate {
    /// It stays as it is.
    #[default]
    Stays,
    /// It is created on this side.
    Created(Side),
    /// It was deleted on the other side, and is removed from this one, unless there is
    /// something new in it.
    Removed(Side),
    /// It was deleted on this side, and is created there again, as there is something new in
    /// it on the other one.
    Restored(Side),
}

/// A folder to look at.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name in the state.
    pub name: String,
    /// Its name on each side.
    pub names: Both<String>,
    /// What each side's listing says; `None`: it is not there.
    pub listed: Both<Option<Folder>>,
    /// What is known of it.
    pub known: Option<KnownFolder>,
    /// What becomes of it.
    pub fate: Fate,
}

/// What has to be done in one folder.
#[derive(Debug)]
pub struct FolderPlan {
    /// Its name in the state.
    pub name: String,
    /// Its name on each side.
    pub names: Both<String>,
    /// What becomes of it as a whole.
    pub fate: Fate,
    /// What is known of it.
    pub known: Option<KnownFolder>,
    /// Its key in the state, once the run has begun to work in it.
    pub key: Option<i64>,
    /// Its identity on each side, where that is told.
    pub mailbox_ids: Both<Option<String>>,
    /// How each side stands; `None`: it has to be created, or stays away.
    pub status: Both<Option<Status>>,
    /// What was known, of which the actions speak by place.
    pub rows: Vec<Row>,
    /// What has to be written before anything is changed.
    pub opening: Opening,
    /// What to do.
    pub outcome: Outcome,
    /// Sizes as announced, where they were, of messages of which nothing was known.
    pub sizes: Both<HashMap<Id, u64>>,
    /// Messages on each side.
    pub messages: Both<usize>,
    /// Known messages that are gone from each side, with those whose ids became void.
    pub missing: Both<usize>,
    /// How many messages were known.
    pub known_messages: usize,
    /// Whether the ids of a side are of another generation than those known.
    pub is_new_generation: Both<bool>,
    /// Copies that were made but cannot be found, by their ids at the source.
    pub lost: Vec<(Side, Id)>,
    /// Messages that a side does not take.
    pub oversized: Vec<(Side, Id)>,
    /// Messages, by their side, that the other side has refused, and in which words.
    pub refused: Vec<(Side, Id, String)>,
    /// Messages of which no row knew.
    pub unknown: Both<Vec<Id>>,
    /// Messages that the run has put there.
    pub taken: Both<Vec<Id>>,
    /// Places of rows whose messages leave the near side, and stay far.
    pub expired: Vec<usize>,
    /// Messages that go to each side and were read already.
    pub gathered: Both<Option<Batch>>,
}

/// What was seen of one side.
#[derive(Default)]
pub struct Seen {
    /// How it stands; `None`: it is not there.
    pub status: Option<Status>,
    /// Its messages.
    pub picture: Picture,
    sizes: HashMap<Id, u64>,
    /// The ids are of another generation than those known.
    pub is_new_generation: bool,
    /// The messages that the store spoke of; `None`: all. Of the others it is only known
    /// that nothing has changed.
    told: Option<HashSet<Id>>,
    /// The store has a history (mod-sequences), and what it says of deletions is no guess.
    has_history: bool,
    /// Which flags it keeps.
    pub keeps: Keeps,
}

impl Seen {
    /// Whether the store spoke of this message, and did not only leave it out as unchanged.
    pub fn was_told_of(&self, id: &Id) -> bool {
        self.told.as_ref().is_none_or(|told| told.contains(id))
    }
}

/// A folder that was looked at on both sides, before anything is decided.
pub struct Looked {
    /// Which one.
    pub wanted: Wanted,
    /// What is known of its messages.
    pub rows: Vec<Row>,
    /// Each side.
    pub seen: Both<Seen>,
    /// What has to be written before anything is changed.
    pub opening: Opening,
    /// Copies that were made but cannot be found, by their ids at the source.
    pub lost: Vec<(Side, Id)>,
    /// Places of rows whose message is in another folder now, and is moved there.
    pub moved: HashSet<usize>,
    /// How many messages were known before ids became void.
    pub known_messages: usize,
    /// Rows whose ids became void and were not found again.
    pub unbound: Both<usize>,
    /// Messages of one Message-ID that are not the same, though their folder is new.
    pub contradictions: Vec<Both<Id>>,
    /// Keywords of which it is not known that a side keeps them.
    pub unsure: Both<Flags>,
    intents: Vec<Intent>,
    keywords: (Both<Flags>, Both<Flags>),
    /// Neither side has changed, and the rows were not even read.
    is_unchanged: bool,
}

/// So long nothing has come from a connection that has ended when no more is expected of it.
const QUIET: Duration = Duration::from_millis(1500);

/// Others may write into the folder all the time.
const MOST_SETTLING: Duration = Duration::from_secs(30);

/// How often the folder is looked at until then.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How a side of a folder can be looked at.
enum View {
    /// It is not there, or will be made anew.
    Absent,
    /// The listing says that it is as it was known.
    Unchanged(Status),
    /// It has to be asked; with what is known.
    Ask(Option<Since>),
}

/// A server may still be storing what the last run had sent when it was ended: what it is about to
/// store would be sent again, and be there twice. Waits until nothing has come for [`QUIET`] into
/// the folders of servers for which copies were begun and not recorded.
///
/// # Errors
/// The stores'.
async fn let_arrive(pair: &mut Pair, looked: &[Looked]) -> anyhow::Result<()> {
    for side in Side::BOTH {
        if !pair.store(side).may_store_late() {
            continue;
        }
        let begun = |looked: &&Looked| {
            let is_begun = |intent: &Intent| intent.to == side && !intent.stored;
            looked.intents.iter().any(is_begun)
        };
        let names: Vec<&String> =
            looked.iter().filter(begun).map(|looked| looked.wanted.names.of(side)).collect();
        let start = Instant::now();
        let (mut last, mut since) = (Vec::new(), start);
        while !names.is_empty() && since.elapsed() < QUIET && start.elapsed() < MOST_SETTLING {
            let mut now = Vec::with_capacity(names.len());
            for name in &names {
                now.push(match pair.select_anew(side, name, false).await {
                    Ok(status) => Some((status.uid_next, status.messages)),
                    // What has gone since is seen by the look that follows.
                    Err(Error::NoFolder(_)) => None,
                    Err(error) => return Err(error.into()),
                });
            }
            if now != last {
                (last, since) = (now, Instant::now());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        if !names.is_empty() {
            pair.seat(side).forget();
        }
    }
    Ok(())
}

/// Looks. `writable` says that the run will change something.
///
/// # Errors
/// The stores', and the state's.
pub async fn look(
    pair: &mut Pair,
    state: &State,
    wanted: Vec<Wanted>,
    writable: bool,
) -> anyhow::Result<Vec<Looked>> {
    let mut looked = Vec::with_capacity(wanted.len());
    let mut views: Vec<Both<View>> = Vec::with_capacity(wanted.len());
    let unsettled = state.unsettled()?;
    for wanted in wanted {
        let key = wanted.known.as_ref().map(|known| known.key);
        let unsettled = key.filter(|key| unsettled.contains(key));
        let intents = unsettled.map_or(Ok(Vec::new()), |key| state.intents(key))?;
        // With something to look for, the listing's word that nothing changed is not enough.
        let is_unchanged = unsettled.is_none()
            && wanted.fate == Fate::Stays
            && Side::BOTH.into_iter().all(|side| unchanged(&wanted, side).is_some());
        let (rows, keywords) = match key {
            Some(key) if !is_unchanged => (state.rows(key)?, state.keywords(key)?),
            _ => Default::default(),
        };
        let view = |side: Side| view(&wanted, side, &rows, intents.is_empty());
        views.push(Both { far: view(Side::Far), near: view(Side::Near) });
        looked.push(Looked {
            known_messages: rows.len(),
            wanted,
            rows,
            seen: Both::default(),
            opening: Opening::default(),
            lost: Vec::new(),
            moved: HashSet::new(),
            unbound: Both::default(),
            contradictions: Vec::new(),
            unsure: Both::default(),
            intents,
            keywords,
            is_unchanged,
        });
    }
    let_arrive(pair, &looked).await?;
    let requests = |side: Side| -> Vec<(String, Option<Since>)> {
        let asked = views.iter().zip(&looked).filter_map(|(views, looked)| {
            let View::Ask(since) = views.of(side) else { return None };
            Some((looked.wanted.names.of(side).clone(), since.clone()))
        });
        asked.collect()
    };
    let asked = Both { far: requests(Side::Far), near: requests(Side::Near) };
    let (far, near) = pair.split(Side::Far);
    let (far, near) =
        tokio::try_join!(survey(far, &asked.far, !writable), survey(near, &asked.near, !writable))?;
    drop(asked);
    let mut answers = Both { far: far.into_iter(), near: near.into_iter() };
    for (looked, views) in looked.iter_mut().zip(views) {
        for (side, view) in [(Side::Far, views.far), (Side::Near, views.near)] {
            *looked.seen.of_mut(side) = match view {
                View::Absent => Seen {
                    // What will be made in its place has other ids.
                    is_new_generation: looked.wanted.known.is_some()
                        && matches!(looked.wanted.fate, Fate::Created(_)),
                    ..Seen::default()
                },
                View::Unchanged(status) => Seen {
                    status: Some(status),
                    picture: match looked.is_unchanged {
                        true => Picture::default(),
                        false => Picture::new(as_known(&looked.rows, side)),
                    },
                    told: Some(HashSet::new()),
                    has_history: true,
                    ..Seen::default()
                },
                View::Ask(since) => {
                    let changes = answers.of_mut(side).next().unwrap_or_default();
                    seen(looked, side, changes, since.is_some())
                }
            };
        }
        if !looked.is_unchanged {
            settle(pair, looked).await?;
        }
    }
    Ok(looked)
}

async fn survey(
    seat: &mut Seat,
    asked: &[(String, Option<Since>)],
    read_only: bool,
) -> crate::store::Result<Vec<Changes>> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    seat.forget();
    seat.store().survey(asked, read_only).await
}

/// Whether a side's listing has a folder of another identity than the one known.
fn is_other_mailbox(wanted: &Wanted, side: Side) -> bool {
    let before = wanted.known.as_ref().and_then(|known| known.mailbox_ids.of(side).as_ref());
    let now = wanted.listed.of(side).as_ref().and_then(|listed| listed.mailbox_id.as_ref());
    matches!((before, now), (Some(before), Some(now)) if before != now)
}

/// How a side stands, where its listing says that it is as it was known.
fn unchanged(wanted: &Wanted, side: Side) -> Option<Status> {
    let known = wanted.known.as_ref().map(|known| *known.sides.of(side))?;
    let listed = wanted.listed.of(side).as_ref()?;
    if listed.stamp.is_some() && listed.stamp == known.stamp && !is_other_mailbox(wanted, side) {
        let Known { uid_validity, uid_next, messages, stamp, .. } = known;
        return Some(Status { uid_validity, uid_next, messages, stamp, ..Status::default() });
    }
    let status = listed.status?;
    let is_same = known.modseq.is_some()
        && known.modseq == status.highest_modseq
        && known.uid_validity == status.uid_validity
        && known.uid_next == status.uid_next
        && known.messages == status.messages
        && !is_other_mailbox(wanted, side);
    is_same.then_some(status)
}

fn view(wanted: &Wanted, side: Side, rows: &[Row], may_trust_listing: bool) -> View {
    if wanted.listed.of(side).is_none() {
        return View::Absent;
    }
    if may_trust_listing && let Some(status) = unchanged(wanted, side) {
        return View::Unchanged(status);
    }
    let known = wanted.known.as_ref().map(|known| *known.sides.of(side));
    View::Ask(known.filter(|_| !is_other_mailbox(wanted, side)).map(|known| Since {
        uid_validity: known.uid_validity,
        modseq: known.modseq,
        known: rows.iter().map(|row| row.ids.of(side).clone()).collect(),
    }))
}

fn as_known(rows: &[Row], side: Side) -> impl Iterator<Item = (Id, Flags)> {
    rows.iter().map(move |row| (row.ids.of(side).clone(), row.flags.clone()))
}

/// What a store's answer shows.
fn seen(looked: &Looked, side: Side, changes: Changes, was_known: bool) -> Seen {
    let known = looked.wanted.known.as_ref().map(|known| *known.sides.of(side));
    let is_same =
        was_known && known.is_some_and(|known| known.uid_validity == changes.status.uid_validity);
    let rows: HashSet<&Id> = looked.rows.iter().map(|row| row.ids.of(side)).collect();
    let mut sizes = HashMap::new();
    let mut picture = Picture::default();
    let mut told = None;
    if !changes.complete && is_same {
        let vanished: HashSet<&Id> = changes.vanished.iter().collect();
        let left = as_known(&looked.rows, side).filter(|(id, _)| !vanished.contains(id));
        picture = Picture::new(left);
        told = Some(changes.changed.iter().map(|message| message.id.clone()).collect());
    }
    for message in changes.changed {
        // How large a message is that both sides have does not matter any more.
        if let Some(size) = message.size.filter(|_| !rows.contains(&message.id)) {
            sizes.insert(message.id.clone(), size);
        }
        picture.insert(message.id, message.flags.unwrap_or_default());
    }
    Seen {
        status: Some(changes.status),
        picture,
        sizes,
        is_new_generation: known.is_some() && !is_same,
        told,
        has_history: changes.status.highest_modseq.is_some(),
        keeps: changes.keeps,
    }
}

/// Brings what is known together with what was seen: copies that were begun, ids that became
/// void, messages that both sides have, and files that were missed.
async fn settle(pair: &mut Pair, looked: &mut Looked) -> anyhow::Result<()> {
    let intents = std::mem::take(&mut looked.intents);
    let is_new = Side::BOTH.into_iter().any(|side| looked.seen.of(side).is_new_generation);
    if is_new {
        // The ids in intents are void too; their copies are found by content like all others.
        looked.opening.dropped_intents = intents.iter().filter_map(|intent| intent.key).collect();
        bind::void_generations(looked);
    } else {
        bind::take_up(pair, looked, &intents).await?;
    }
    for side in Side::BOTH {
        look_again(pair, looked, side).await?;
    }
    bind::pair_up(pair, looked).await?;
    bind::drop_void(looked);
    let (refused, unconfirmed) = std::mem::take(&mut looked.keywords);
    for side in Side::BOTH {
        let (refused, unconfirmed) = (refused.of(side), unconfirmed.of(side));
        let Looked { rows, seen, opening, unsure, .. } = looked;
        let mut now = bind::confirm(side, rows, seen.of(side), refused, unconfirmed, opening);
        bind::add_unkept(side, rows, seen, &mut now);
        let keeps = &seen.of(side).keeps;
        let unconfirmed = unconfirmed.iter().filter(|flag| keeps.keeps(flag.name()) != Some(true));
        *unsure.of_mut(side) = now.iter().chain(unconfirmed).map(Flag::name).collect();
        seen.of_mut(side).picture.refused = now;
    }
    for (side, id) in &looked.lost {
        looked.seen.of_mut(*side).picture.held.insert(id.clone());
    }
    Ok(())
}

/// A message that is missing from a store without a history is looked for again: a file that
/// is being renamed can be missed by one look.
async fn look_again(pair: &mut Pair, looked: &mut Looked, side: Side) -> anyhow::Result<()> {
    let Looked { wanted, rows, seen, .. } = looked;
    let seen = seen.of_mut(side);
    let is_missing = |row: &Row| {
        let id = row.ids.of(side);
        !bind::is_void(id) && !seen.picture.has(id)
    };
    if seen.has_history || seen.status.is_none() || !rows.iter().any(is_missing) {
        return Ok(());
    }
    pair.select(side, wanted.names.of(side), false).await?;
    for message in pair.store(side).list().await? {
        if !seen.picture.has(&message.id) {
            seen.picture.insert(message.id, message.flags.unwrap_or_default());
        }
    }
    Ok(())
}

impl Looked {
    /// The messages of a side of which no row knows, and which are not spoken for.
    pub fn unknown(&self, side: Side) -> Vec<Id> {
        if self.is_unchanged {
            return Vec::new();
        }
        let known: HashSet<&Id> = self.rows.iter().map(|row| row.ids.of(side)).collect();
        let picture = &self.seen.of(side).picture;
        let ids = picture.iter().map(|(id, _)| id);
        ids.filter(|id| !known.contains(id) && !picture.held.contains(*id)).cloned().collect()
    }

    /// Whether a side has something that the other, from which the folder is gone, has never
    /// seen.
    pub fn has_news(&self, side: Side) -> bool {
        let picture = &self.seen.of(side).picture;
        let is_edited = |(at, row): (usize, &Row)| {
            let now = picture.flags(row.ids.of(side));
            !self.moved.contains(&at)
                && now.is_some_and(|now| super::diff::is_edited(&row.flags, now, &picture.refused))
        };
        !self.unknown(side).is_empty() || self.rows.iter().enumerate().any(is_edited)
    }

    /// Decides. What was put into [`Looked::moved`] and `held` by then is left out.
    pub fn decide(mut self, mode: Mode) -> FolderPlan {
        let unknown = Both { far: self.unknown(Side::Far), near: self.unknown(Side::Near) };
        if let Fate::Restored(_) = self.wanted.fate {
            // Nothing that is left is known any more: all of it goes back.
            self.opening.dropped_rows.extend(self.rows.iter().filter_map(|row| row.key));
            self.rows.clear();
        }
        let pictures = Both {
            far: std::mem::take(&mut self.seen.far.picture),
            near: std::mem::take(&mut self.seen.near.picture),
        };
        let mut outcome = diff(&self.rows, &pictures, &self.moved, mode);
        if !self.lost.is_empty() {
            outcome.pending = Both { far: true, near: true };
        }
        let rows = &self.rows;
        let missing = |side: Side| {
            let gone = |(at, row): &(usize, &Row)| {
                !self.moved.contains(at) && !pictures.of(side).has(row.ids.of(side))
            };
            rows.iter().enumerate().filter(gone).count() + self.unbound.of(side)
        };
        let messages = |side: Side| match (self.is_unchanged, self.seen.of(side).status) {
            (true, Some(status)) => usize::try_from(status.messages).unwrap_or(usize::MAX),
            _ => pictures.of(side).len(),
        };
        let mailbox_id = |side: Side| self.wanted.listed.of(side).as_ref()?.mailbox_id.clone();
        FolderPlan {
            status: Both { far: self.seen.far.status, near: self.seen.near.status },
            mailbox_ids: Both { far: mailbox_id(Side::Far), near: mailbox_id(Side::Near) },
            messages: Both { far: messages(Side::Far), near: messages(Side::Near) },
            missing: Both { far: missing(Side::Far), near: missing(Side::Near) },
            known_messages: self.known_messages,
            is_new_generation: Both {
                far: self.seen.far.is_new_generation,
                near: self.seen.near.is_new_generation,
            },
            key: None,
            name: self.wanted.name,
            names: self.wanted.names,
            fate: self.wanted.fate,
            known: self.wanted.known,
            opening: self.opening,
            outcome,
            sizes: Both { far: self.seen.far.sizes, near: self.seen.near.sizes },
            unknown,
            taken: Both::default(),
            oversized: Vec::new(),
            refused: Vec::new(),
            expired: Vec::new(),
            gathered: Both::default(),
            rows: self.rows,
            lost: self.lost,
        }
    }
}

impl FolderPlan {
    /// How many messages are deleted on a side.
    pub fn deletions(&self, side: Side) -> usize {
        let on_side =
            |action: &&Action| matches!(action, Action::Delete { side: at, .. } if *at == side);
        self.outcome.actions.iter().filter(on_side).count()
    }
}
