//! Carries the errands out.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use async_trait::async_trait;

use super::args::Args;
use super::attachments::{self, Which};
use super::decide::Decider;
use super::handed::References;
use super::memory::{Memory, Place};
use super::plan::{self, Errand, Wanted};
use super::targets::{All, Lacking, Taken};
use super::then::{self, Then};
use super::watch;
use super::ways::Ways;
use crate::open::{self, Context, Create, Mail, Opened};
use crate::state::seen::Seen;
use crate::store::{self, Id, Meta, Sink, What};
use crate::ui::progress::Show;
use crate::ui::{Exit, Failure, Output, Progress, report};

/// Messages that are fetched before the source is changed, where it is to be changed.
const SLICE_MESSAGES: usize = 1024;

/// Messages that wait for a commit at the most; one `syncfs` makes them all stable.
const BATCH_MESSAGES: usize = 1024;

/// Octets that wait for a commit at the most.
const BATCH_OCTETS: u64 = 128 * 1024 * 1024;

/// What is wanted of one source.
struct Work {
    place: Place,
    /// Every message that was found or named.
    listed: Vec<Id>,
    /// Those of them that are wanted, with the targets that lack them.
    wanted: Vec<(Id, Lacking)>,
    /// Those that are deleted without being fetched.
    unwanted: Vec<Id>,
}

impl Work {
    /// How many messages some target lacks.
    fn count(&self) -> usize {
        self.wanted.iter().filter(|(_, lacking)| *lacking != Lacking::NONE).count()
    }
}

/// What a pass over all sources came to, in messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    total: usize,
    missing: usize,
    withheld: usize,
    empty: usize,
    pub(super) worst: Taken,
}

/// Fetches.
///
/// # Errors
/// The first that any source or target has. What was confirmed before stays.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    let ways = Ways::of(&args, context)?;
    let errands = plan::errands(&args, &mut std::io::stdin().lock())?;
    ways.check(&args, &errands)?;
    if let Some(span) = &args.delete_after {
        long_ago(span)?;
    }
    if let Some(word) = &args.attachments {
        let sources = open_all(&errands, &args, context).await?;
        return save_attachments(sources, &errands, word, &args, &ways, context, out).await;
    }
    let memory = match args.remembers() {
        true => Some(Memory::open(&Seen::usual_path()?, ways.names())?),
        false => None,
    };
    let mut job = Job { args: &args, errands, ways, memory, context };
    if args.watch {
        return watch::watch(&mut job, out).await;
    }
    let mut sources = open_all(&job.errands, &args, context).await?;
    let tally = job.pass(&mut sources, out).await?;
    finish(&mut sources).await?;
    if tally.empty > 0 && job.errands.iter().any(|errand| is_section(&errand.what)) {
        let Tally { total, empty, .. } = tally;
        report::warning(&format!("{empty} of {total} messages have nothing in that section"));
        if empty == total {
            return Ok(Exit::Data);
        }
    }
    Ok(tally.tell())
}

impl Tally {
    /// Says what did not come; the exit code.
    fn tell(self) -> Exit {
        let Self { total, missing, withheld, worst, .. } = self;
        if missing > 0 {
            report::warning(&format!("{missing} of {total} messages were not there any more"));
        }
        if withheld > 0 {
            report::warning(&format!("{withheld} of {total} messages were listed and not given"));
        }
        match worst {
            Taken::Yes => ending(total, missing, withheld),
            Taken::Later => Exit::TempFail,
            Taken::Refused => Exit::Unavailable,
        }
    }
}

/// Opens the sources of all errands, in their order.
pub(super) async fn open_all(
    errands: &[Errand],
    args: &Args,
    context: &Context,
) -> Result<Vec<Opened>> {
    let mut sources = Vec::with_capacity(errands.len());
    for errand in errands {
        let options = &args.server.options;
        sources.push(open::open_mail(&errand.location, options, Create::No, context).await?);
    }
    Ok(sources)
}

/// Ends the sessions; a POP3 server deletes now what is to be deleted.
pub(super) async fn finish(sources: &mut [Opened]) -> Result<()> {
    for source in sources {
        source.spool().finish().await?;
    }
    Ok(())
}

/// What a run is about, whatever its sessions.
pub(super) struct Job<'a> {
    pub(super) args: &'a Args,
    pub(super) errands: Vec<Errand>,
    ways: Ways,
    memory: Option<Memory>,
    pub(super) context: &'a Context,
}

impl Job<'_> {
    /// Goes over all sources once, and leaves them open.
    pub(super) async fn pass(&mut self, sources: &mut [Opened], out: &mut Output) -> Result<Tally> {
        let Self { args, errands, ways, memory, context } = self;
        // All sources are listed before the first message moves: only then it is known whether
        // standard output gets one message or several.
        let mut works = Vec::new();
        for (source, errand) in sources.iter_mut().zip(errands.iter()) {
            works.push(looked_at(source, errand, args, ways, memory, context).await?);
        }
        let total: usize = works.iter().map(Work::count).sum();
        let show = if args.watch { Show::None } else { context.progress };
        let mut progress = Progress::new(show, "fetch", Some(total as u64));
        let mut tally = Tally { total, missing: 0, withheld: 0, empty: 0, worst: Taken::Yes };
        for ((work, source), errand) in works.iter().zip(sources).zip(errands.iter()) {
            let ids: Vec<Id> = work.wanted.iter().map(|(id, _)| id.clone()).collect();
            let references = names(source, &ids, ways, out);
            let as_mbox = (total > 1 || args.watch) && errand.what == What::Whole;
            let targets = match work.count() {
                0 => Vec::new(),
                _ => ways.open(args, as_mbox, references, context, out).await?,
            };
            let mut passing = Passing {
                targets: All { targets, wanted: Lacking::NONE },
                memory,
                place: &work.place,
                progress: &mut progress,
                done: 0,
                empty: 0,
                worst: Taken::Yes,
                octets: 0,
                waiting: Vec::new(),
                waiting_octets: 0,
                reached: HashMap::new(),
            };
            let slice = if args.changes() { SLICE_MESSAGES } else { usize::MAX };
            for some in work.wanted.chunks(slice) {
                passing.bring(source, &errand.what, some).await?;
                if let Some(then) = &args.then {
                    let everywhere: Vec<Id> = some
                        .iter()
                        .filter(|(id, lacking)| {
                            let reached = passing.reached.get(id).copied().unwrap_or(Lacking::NONE);
                            lacking.without(reached) == Lacking::NONE
                        })
                        .map(|(id, _)| id.clone())
                        .collect();
                    then.act(source, &everywhere).await?;
                }
                passing.reached.clear();
            }
            passing.targets.finish().await?;
            let without = work.count().saturating_sub(passing.done);
            tally.worst = tally.worst.max(passing.worst);
            // RFC 1939 section 3: nobody else takes a message out of a maildrop during a session.
            match (&source.mail, &errand.wanted) {
                (Mail::Pop(..), Wanted::All) => tally.withheld += without,
                _ => tally.missing += without,
            }
            tally.empty += passing.empty;
            drop(passing);
            if let (Some(span), Some(memory)) = (&args.delete_after, &memory) {
                let old = memory.old(&work.place, &work.listed, long_ago(span)?)?;
                then::delete(source, &old).await?;
            }
            then::delete(source, &work.unwanted).await?;
        }
        progress.finish();
        Ok(tally)
    }
}

/// Writes attachments to files.
async fn save_attachments(
    mut sources: Vec<Opened>,
    errands: &[Errand],
    word: &str,
    args: &Args,
    ways: &Ways,
    context: &Context,
    out: &mut Output,
) -> Result<Exit> {
    let which = Which::of(word)?;
    let folder = args.output.clone().unwrap_or_else(|| ".".into());
    let mut count = 0;
    for (source, errand) in sources.iter_mut().zip(errands) {
        if errand.what != What::Whole {
            let message = format!("{}: names a part already", errand.location);
            return Err(Failure::usage(message).hint("leave out --attachments").into());
        }
        let work = looked_at(source, errand, args, ways, &mut None, context).await?;
        let ids: Vec<Id> = work.wanted.iter().map(|(id, _)| id.clone()).collect();
        count += attachments::save(source, &ids, &which, &folder, out).await?;
    }
    finish(&mut sources).await?;
    if count == 0 && !context.quiet {
        report::note("no attachments");
    }
    Ok(Exit::Ok)
}

/// Lists a source, and says which of its messages are wanted.
async fn looked_at(
    source: &mut Opened,
    errand: &Errand,
    args: &Args,
    ways: &Ways,
    memory: &mut Option<Memory>,
    context: &Context,
) -> Result<Work> {
    let status = source.select(errand.uid_validity, !args.changes()).await?;
    if matches!(args.then, Some(Then::Move(_) | Then::Mark { .. })) && source.store().is_none() {
        return Err(then::plain_source().into());
    }
    let place = Place {
        source: errand.location.to_string(),
        generation: status.map_or(0, |status| status.uid_validity),
    };
    let listed: Vec<Id> = match &errand.wanted {
        Wanted::These(ids) => ids.clone(),
        Wanted::All => {
            let listed = match (&mut source.mail, args.last, memory.is_none()) {
                // A group may hold more articles than any maildrop holds messages.
                (Mail::News(newsgroup, _), Some(last), true) => newsgroup.list_last(last).await?,
                _ => source.spool().list().await?,
            };
            listed.into_iter().map(|it| it.id).collect()
        }
    };
    let is_whole = errand.wanted == Wanted::All;
    let mut wanted = match memory {
        Some(memory) => memory.lacking(&place, listed.clone(), is_whole)?,
        None => listed.iter().map(|id| (id.clone(), ways.all())).collect(),
    };
    if args.then.is_none() {
        wanted.retain(|(_, lacking)| *lacking != Lacking::NONE);
    }
    if let (Some(last), Wanted::All) = (args.last, &errand.wanted) {
        wanted.drain(..wanted.len().saturating_sub(last));
    }
    let mut unwanted = Vec::new();
    if let Some(command) = &args.decide {
        let asked: Vec<Id> = wanted
            .iter()
            .filter(|(_, lacking)| *lacking != Lacking::NONE)
            .map(|(id, _)| id.clone())
            .collect();
        let references =
            asked.iter().filter_map(|id| Some((id.clone(), source.reference(id)?.to_string())));
        let references: References = references.collect();
        let mut decider = Decider::new(command, references);
        source.spool().read(&asked, &What::Headers, &mut decider).await?;
        let (keep, delete) = decider.decided();
        wanted.retain(|(id, lacking)| *lacking == Lacking::NONE || keep.contains(id));
        unwanted = delete;
        context.debug(|| format!("{}: {} to fetch", place.source, keep.len()));
    }
    Ok(Work { place, listed, wanted, unwanted })
}

/// The time so long ago, in seconds since 1970.
fn long_ago(text: &str) -> Result<i64> {
    use crate::query::span;
    let now = jiff::Timestamp::now();
    let moment = span::moment(text, &span::Context { now, zone: jiff::tz::TimeZone::UTC });
    let moment = moment.filter(|_| text.starts_with(|c: char| c.is_ascii_digit()));
    let moment = moment.ok_or_else(|| {
        Failure::usage(format!("--delete-after {text:?}: want a span such as 14d, 12h or 3m"))
    })?;
    Ok(moment.exact.as_second())
}

/// How the program ends when so many messages of `total` were gone, or were listed by a server
/// that then did not give them.
fn ending(total: usize, missing: usize, withheld: usize) -> Exit {
    match (missing, withheld) {
        (_, 1..) => Exit::Unavailable,
        (1.., 0) if missing == total => Exit::NoInput,
        _ => Exit::Ok,
    }
}

/// Whether a part of messages was asked for, which may not be there.
fn is_section(what: &What) -> bool {
    match what {
        What::Section(_) => true,
        What::Partial { section, .. } => !section.is_empty(),
        What::Whole | What::Headers | What::HeaderFields(_) => false,
    }
}

/// The references of messages that somebody is told, by id.
fn names(source: &mut Opened, ids: &[Id], ways: &Ways, out: &Output) -> References {
    if !ways.names_messages(out) {
        return References::new();
    }
    ids.iter().filter_map(|id| Some((id.clone(), source.reference(id)?.to_string()))).collect()
}

/// Messages on their way: what has come, what waits for its targets' confirmation, what has
/// been confirmed.
struct Passing<'t, 'p> {
    targets: All<'t>,
    memory: &'p mut Option<Memory>,
    place: &'p Place,
    progress: &'p mut Progress,
    /// Messages that came.
    done: usize,
    /// Messages of which nothing came.
    empty: usize,
    /// The worst that a target did with one.
    worst: Taken,
    /// Octets of the message that comes.
    octets: u64,
    /// What was taken since the last commit, and by which targets.
    waiting: Vec<(Id, Lacking)>,
    waiting_octets: u64,
    /// What is confirmed.
    reached: HashMap<Id, Lacking>,
}

impl Passing<'_, '_> {
    /// Brings these messages to the targets that lack them; what is whole is confirmed and
    /// recorded, whatever became of the rest.
    async fn bring(
        &mut self,
        source: &mut Opened,
        what: &What,
        messages: &[(Id, Lacking)],
    ) -> Result<()> {
        let mut by_targets: BTreeMap<Lacking, Vec<Id>> = BTreeMap::new();
        for (id, lacking) in messages {
            if *lacking != Lacking::NONE {
                by_targets.entry(*lacking).or_default().push(id.clone());
            }
        }
        for (lacking, ids) in by_targets {
            self.targets.wanted = lacking;
            let read = source.spool().read(&ids, what, self).await;
            let committed = self.commit().await;
            read?;
            committed?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> store::Result<()> {
        self.targets.commit().await?;
        let taken = std::mem::take(&mut self.waiting);
        self.waiting_octets = 0;
        if let Some(memory) = &mut self.memory {
            memory
                .record(self.place, &taken, open::now().seconds)
                .map_err(|error| store::Error::Caller(error.into()))?;
            self.reached.extend(taken);
        }
        Ok(())
    }
}

#[async_trait(?Send)]
impl Sink for Passing<'_, '_> {
    async fn begin(&mut self, message: &Meta) -> store::Result<()> {
        self.octets = 0;
        self.targets.begin(message).await
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        self.octets += octets.len() as u64;
        self.progress.advance(0, octets.len() as u64);
        self.targets.chunk(octets).await
    }

    async fn end(&mut self, message: &Meta) -> store::Result<()> {
        self.targets.end(message).await?;
        let (taken, worst) = self.targets.taken();
        self.worst = self.worst.max(worst);
        self.waiting.push((message.id.clone(), taken));
        self.waiting_octets += self.octets;
        self.done += 1;
        self.empty += usize::from(self.octets == 0);
        self.progress.advance(1, 0);
        if self.waiting.len() >= BATCH_MESSAGES || self.waiting_octets >= BATCH_OCTETS {
            self.commit().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_gone_is_no_failure_and_one_that_is_withheld_is() {
        assert_eq!(ending(3, 0, 0), Exit::Ok);
        assert_eq!(ending(0, 0, 0), Exit::Ok);
        assert_eq!(ending(3, 2, 0), Exit::Ok);
        assert_eq!(ending(3, 3, 0), Exit::NoInput);
        assert_eq!(ending(3, 0, 1), Exit::Unavailable);
        assert_eq!(ending(3, 2, 1), Exit::Unavailable);
    }
}
