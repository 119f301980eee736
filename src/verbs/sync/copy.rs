//! Copies messages of one folder: read in one stream from the one side, cut into batches, and
//! written to the other while the next ones come in.
//!
//! Of each batch the intents are written down before it is written, and its rows after.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::apply::{Shop, select};
use super::bind::ids_of;
use super::diff::{Action, Both, Side};
use super::find;
use super::pair::{Pair, Seat};
use super::scan::FolderPlan;
use super::spool::Batch;
use super::state::{Intent, Made};
use crate::store::{Error, Flags, Id, Meta, Result, Sink, What};

/// Messages in one batch of copies.
const BATCH_MESSAGES: usize = 256;

/// Octets in one batch of copies.
const BATCH_OCTETS: u64 = 8 * 1024 * 1024;

/// Batches that are read and wait to be written.
const WAITING: usize = 1;

/// Messages of one folder that are gathered with those of other folders, and of all of them.
const GATHERED_OF_ONE: usize = 64;
const GATHERED: usize = 512;

/// A store that refuses so many messages one behind the other takes none.
const MOST_REFUSED: usize = 32;

/// What becomes of a message that is read.
struct Wanted {
    flags: Flags,
    row: Option<usize>,
}

/// Cuts what a store gives into batches.
struct Cutter<'w> {
    wanted: &'w HashMap<Id, Wanted>,
    batch: Batch,
    octets: u64,
    given: usize,
    full: mpsc::Sender<Batch>,
}

impl Cutter<'_> {
    /// Hands on what has come in.
    async fn pass(&mut self) -> Result<()> {
        self.octets = 0;
        let mut batch = std::mem::take(&mut self.batch);
        batch.set_flags(|meta| self.wanted.get(&meta.id).map(|message| message.flags.clone()));
        if batch.messages().is_empty() {
            return Ok(());
        }
        self.given += batch.messages().len();
        // The writer has failed, and says why itself.
        self.full.send(batch).await.map_err(|_| Error::Caller("nobody takes the messages".into()))
    }
}

#[async_trait(?Send)]
impl Sink for Cutter<'_> {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.batch.begin(message).await
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.octets += octets.len() as u64;
        self.batch.chunk(octets).await
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        self.batch.end(message).await?;
        if self.batch.messages().len() >= BATCH_MESSAGES || self.octets >= BATCH_OCTETS {
            self.pass().await?;
        }
        Ok(())
    }
}

/// Reads what goes to one side from folders in which that is little, of all of them at once:
/// some here and some there would cost a round trip or two each.
///
/// # Errors
/// The store's that is read.
pub async fn gather(pair: &mut Pair, folders: &mut [FolderPlan], to: Side) -> anyhow::Result<()> {
    let from = to.other();
    let mut places = Vec::new();
    let mut asked: Vec<(String, u32, Vec<Id>)> = Vec::new();
    let mut count = 0;
    for (at, folder) in folders.iter().enumerate() {
        let copied = |action: &Action| match action {
            Action::Copy { to: side, id, .. } if *side == to => Some(id.clone()),
            _ => None,
        };
        let ids: Vec<Id> = folder.outcome.actions.iter().filter_map(copied).collect();
        let (Some(source), Some(_)) = (folder.status.of(from), folder.status.of(to)) else {
            continue;
        };
        if ids.is_empty() || ids.len() > GATHERED_OF_ONE || count + ids.len() > GATHERED {
            continue;
        }
        count += ids.len();
        places.push(at);
        asked.push((folder.names.of(from).clone(), source.uid_validity, ids));
    }
    if asked.len() < 2 {
        return Ok(());
    }
    let mut batches: Vec<Batch> = asked.iter().map(|_| Batch::default()).collect();
    let mut sinks: Vec<&mut dyn Sink> =
        batches.iter_mut().map(|batch| batch as &mut dyn Sink).collect();
    pair.seat(from).forget();
    let read = pair.store(from).gather(&asked, &mut sinks).await?;
    drop(sinks);
    for ((at, batch), is_read) in places.into_iter().zip(batches).zip(read) {
        if is_read {
            *folders[at].gathered.of_mut(to) = Some(batch);
        }
    }
    Ok(())
}

/// Copies what goes to one side; how many messages.
///
/// # Errors
/// The stores' and the state's.
pub async fn copy(
    shop: &Shop<'_>,
    pair: &mut Pair,
    folder: &mut FolderPlan,
    key: i64,
    to: Side,
) -> anyhow::Result<usize> {
    let from = to.other();
    let mut ids = Vec::new();
    let mut wanted = HashMap::new();
    for action in &folder.outcome.actions {
        if let Action::Copy { to: side, id, flags, row } = action
            && *side == to
        {
            ids.push(id.clone());
            wanted.insert(id.clone(), Wanted { flags: flags.clone(), row: *row });
        }
    }
    if ids.is_empty() {
        return Ok(0);
    }
    if let Some(mut batch) = folder.gathered.of_mut(to).take() {
        batch.set_flags(|meta| wanted.get(&meta.id).map(|message| message.flags.clone()));
        if batch.messages().len() < wanted.len() {
            // Gone meanwhile.
            folder.outcome.pending = Both { far: true, near: true };
        }
        let (copied, made) = write(shop, pair.seat(to), folder, key, to, &wanted, batch).await?;
        // A few here and a few there: one commit for all.
        shop.keep(key, made);
        return Ok(copied);
    }
    // One that is examined takes no APPEND (Courier), and has to be selected again for others.
    select(pair, folder, from, changes(folder, from)).await?;
    let (full, mut waiting) = mpsc::channel(WAITING);
    let (source, target) = pair.split(from);
    let wanted_here = &wanted;
    let reader = async move {
        let (batch, octets) = (Batch::default(), 0);
        let mut cutter = Cutter { wanted: wanted_here, batch, octets, given: 0, full };
        source.store().read(&ids, &What::Whole, &mut cutter).await?;
        cutter.pass().await?;
        Ok::<usize, Error>(cutter.given)
    };
    let writer = async {
        let mut copied = 0;
        while let Some(batch) = waiting.recv().await {
            let (count, made) = write(shop, target, folder, key, to, &wanted, batch).await?;
            shop.state().record(key, &made)?;
            copied += count;
        }
        drop(waiting);
        anyhow::Ok(copied)
    };
    // Either ends when the other has failed: the channel is closed then.
    let (given, copied) = tokio::join!(reader, writer);
    let copied = copied?;
    if given? < wanted.len() {
        // Gone meanwhile, or not given: a history up to here would never speak of it again.
        folder.outcome.pending.far = true;
        folder.outcome.pending.near = true;
    }
    Ok(copied)
}

/// Whether a side of a folder is changed, too.
fn changes(folder: &FolderPlan, side: Side) -> bool {
    folder.outcome.actions.iter().any(|action| match action {
        Action::Copy { to, .. } => *to == side,
        Action::Flag { edits, .. } => !edits.of(side).is_empty(),
        Action::Delete { side: at, .. } => *at == side,
        Action::Forget { .. } => false,
    })
}

/// Writes one batch; how many messages, and what has to be recorded of them.
async fn write(
    shop: &Shop<'_>,
    target: &mut Seat,
    folder: &mut FolderPlan,
    key: i64,
    to: Side,
    wanted: &HashMap<Id, Wanted>,
    mut batch: Batch,
) -> anyhow::Result<(usize, Vec<Made>)> {
    leave_oversized(target, folder, to, &mut batch);
    if batch.messages().is_empty() {
        return Ok((0, Vec::new()));
    }
    let uid_next = folder.status.of(to).map_or(0, |status| status.uid_next);
    let row_of = |id: &Id| wanted.get(id).and_then(|message| message.row);
    let mut intents = Vec::with_capacity(batch.messages().len());
    for message in batch.messages() {
        intents.push(Intent {
            key: None,
            to,
            source: message.meta.id.clone(),
            row: row_of(&message.meta.id).and_then(|at| folder.rows[at].key),
            flags: message.meta.flags.clone().unwrap_or_default(),
            moved: None,
            digest: message.content.whole,
            header: Some(message.content.header),
            message_id: message.content.message_id.clone(),
            uid_next,
            stored: false,
        });
    }
    let keywords = keywords(to, intents.iter().map(|intent| &intent.flags));
    shop.state().intend(key, &mut intents, &keywords)?;
    batch.set_tokens(intents.iter().map(Intent::token));

    let name = folder.names.of(to).clone();
    let appended = target.store().append(&name, &mut batch.source()).await;
    let (mut places, refused) = match appended {
        Ok(places) => (places, HashSet::new()),
        Err(error) if is_about_messages(&error) => {
            match one_by_one(target, folder, to, &intents, &batch).await {
                // What is no answer ends the session: then it is what has to be told.
                Err(_) if matches!(&error, Error::Peer(peer) if peer.is_protocol()) => {
                    return Err(error.into());
                }
                rest => rest?,
            }
        }
        Err(error) => return Err(error.into()),
    };
    places.resize(intents.len(), None);
    let is_unplaced = |at: usize, place: &Option<Id>| place.is_none() && !refused.contains(&at);
    if places.iter().enumerate().any(|(at, place)| is_unplaced(at, place)) {
        let mut stored = Vec::new();
        for (at, (intent, place)) in intents.iter_mut().zip(&places).enumerate() {
            if is_unplaced(at, place) {
                intent.stored = true;
                stored.extend(intent.key);
            }
        }
        shop.state().stored(&stored)?;
        find_places(target, folder, to, &intents, &mut places).await?;
    }
    let not_made: Vec<i64> = refused.iter().filter_map(|at| intents[*at].key).collect();
    if !not_made.is_empty() {
        shop.state().not_made(&not_made)?;
    }
    let mut made = Vec::with_capacity(intents.len());
    let mut octets = 0;
    let written = intents.iter().zip(places).zip(batch.messages()).enumerate();
    for (_, ((intent, place), message)) in written.filter(|(at, _)| !refused.contains(at)) {
        octets += message.octets();
        let at = row_of(&intent.source);
        let (Some(place), Some(intent_key)) = (place, intent.key) else {
            folder.lost.push((to.other(), intent.source.clone()));
            folder.outcome.pending.far = true;
            folder.outcome.pending.near = true;
            continue;
        };
        let ids = ids_of(to, place, intent.source.clone());
        // The place is taken now: nothing else may be found there.
        match at {
            Some(at) => folder.rows[at].ids = ids.clone(),
            None => folder.taken.of_mut(to).push(ids.of(to).clone()),
        }
        let row = at.and_then(|at| folder.rows[at].key);
        let (flags, marks) = (intent.flags.clone(), intent.marks());
        made.push(Made { intent: intent_key, row, ids, flags, marks, moved: None });
    }
    shop.progress().advance(made.len() as u64, octets);
    Ok((made.len(), made))
}

/// Whether a store refuses messages, and not the folder, the person or the time.
fn is_about_messages(error: &Error) -> bool {
    match error {
        Error::Peer(peer) => peer.network().is_none() && !peer.is_transient() && !peer.is_auth(),
        _ => false,
    }
}

/// Appends what a refusal has left of a batch, each message by itself, so that one that is refused
/// keeps no other from its copy. Where each is, and which are refused.
///
/// # Errors
/// The store's; its refusal, where it refuses [`MOST_REFUSED`] in a row.
async fn one_by_one(
    target: &mut Seat,
    folder: &mut FolderPlan,
    to: Side,
    intents: &[Intent],
    batch: &Batch,
) -> anyhow::Result<(Vec<Option<Id>>, HashSet<usize>)> {
    let name = folder.names.of(to).clone();
    let mut places = vec![None; intents.len()];
    // Without MULTIAPPEND those before the refused one are there.
    find_places(target, folder, to, intents, &mut places).await?;
    let mut refused = HashSet::new();
    let mut in_a_row = 0;
    for (at, place) in places.iter_mut().enumerate().filter(|(_, place)| place.is_none()) {
        match target.store().append(&name, &mut batch.one(at)).await {
            Ok(told) => {
                *place = told.into_iter().next().flatten();
                in_a_row = 0;
            }
            Err(error) if is_about_messages(&error) && in_a_row < MOST_REFUSED => {
                folder.refused.push((to.other(), intents[at].source.clone(), error.to_string()));
                folder.outcome.pending = Both { far: true, near: true };
                refused.insert(at);
                in_a_row += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((places, refused))
}

/// Takes out what is larger than the target takes: one such message would have all refused
/// that go with it.
fn leave_oversized(target: &mut Seat, folder: &mut FolderPlan, to: Side, batch: &mut Batch) {
    let Some(limit) = target.store().append_limit() else { return };
    let large: HashSet<Id> = batch
        .messages()
        .iter()
        .filter(|message| message.octets() > limit)
        .map(|message| message.meta.id.clone())
        .collect();
    if large.is_empty() {
        return;
    }
    batch.set_flags(|meta| meta.flags.clone().filter(|_| !large.contains(&meta.id)));
    folder.outcome.pending.far = true;
    folder.outcome.pending.near = true;
    folder.oversized.extend(large.into_iter().map(|id| (to.other(), id)));
}

/// The target has taken messages, and did not tell of some where they are: looks for them.
///
/// # Errors
/// The store's.
pub async fn find_places(
    target: &mut Seat,
    folder: &FolderPlan,
    to: Side,
    intents: &[Intent],
    places: &mut [Option<Id>],
) -> anyhow::Result<()> {
    target.select_anew(folder.names.of(to), true).await?;
    let listed = target.store().list().await?;
    let taken: HashSet<&Id> = folder
        .rows
        .iter()
        .map(|row| row.ids.of(to))
        .chain(folder.taken.of(to))
        .chain(folder.unknown.of(to))
        .chain(places.iter().flatten())
        .collect();
    let candidates: Vec<Id> =
        listed.into_iter().map(|message| message.id).filter(|id| !taken.contains(id)).collect();
    let unplaced: Vec<usize> = (0..intents.len()).filter(|at| places[*at].is_none()).collect();
    let sought: Vec<&Intent> = unplaced.iter().map(|at| &intents[*at]).collect();
    let found = find::copies(target, &sought, &candidates).await?;
    for (at, place) in unplaced.into_iter().zip(found) {
        places[at] = place;
    }
    Ok(())
}

/// The keywords among flags that a side gets, each once.
pub fn keywords<'a>(side: Side, flags: impl Iterator<Item = &'a Flags>) -> Vec<(Side, String)> {
    let mut all = Flags::new();
    for flag in flags.flat_map(Flags::iter).filter(|flag| !flag.is_system()) {
        all.insert(flag.name());
    }
    all.iter().map(|flag| (side, flag.name().to_owned())).collect()
}
