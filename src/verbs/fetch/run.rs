//! Carries the errands out.

use std::collections::HashMap;

use anyhow::Result;

use super::args::Args;
use super::attachments::{self, Which};
use super::copies::Copies;
use super::decide::Decider;
use super::folders;
use super::handed::References;
use super::links::Follow;
use super::memory::{Memory, Place};
use super::passing::Passing;
use super::plan::{self, Errand, Wanted};
use super::raw;
use super::resume::Again;
use super::select::{Selection, Whereabouts};
use super::show::{self, Shown};
use super::targets::{All, Lacking, Taken};
use super::then::{self, Then};
use super::watch;
use super::ways::Ways;
use crate::open::{self, Ahead, Context, Create, Mail, Opened, signals};
use crate::state::seen::Seen;
use crate::store::{self, Id, Listed, Status, What};
use crate::ui::progress::Show;
use crate::ui::{Exit, Failure, Output, Progress, report};

/// Messages that are fetched before the source is changed, where it is to be changed.
const SLICE_MESSAGES: usize = 1024;

/// What is wanted of one folder of a source.
struct Work {
    /// The source, by its number.
    source: usize,
    /// The folder; `None`: the one that the location means.
    folder: Option<String>,
    place: Place,
    /// Every message that was found or named, where the old ones of them are deleted.
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
    /// A source is another session than it was: its connection broke.
    pub(super) is_other_session: bool,
    pub(super) worst: Taken,
}

/// Fetches.
///
/// # Errors
/// The first that any source or target has. What was confirmed before stays.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    for (option, command) in [("exec", &args.exec), ("decide", &args.decide)] {
        // A shell that is told nothing takes every message.
        if command.as_ref().is_some_and(|command| command.trim().is_empty()) {
            return Err(Failure::usage(format!("--{option}: no command")).into());
        }
    }
    let ways = Ways::of(&args, context)?;
    let selection = Selection::of(&args)?;
    let errands = plan::errands(&args, &mut crate::open::Stdin::new(&context.net.stop))?;
    ways.check(&args, &errands)?;
    if let Some(span) = &args.delete_after {
        long_ago(span)?;
    }
    let looked = match (&args.attachments, Shown::of(&args)?) {
        (Some(word), _) => Some(Looked::Attachments(Which::of(word)?)),
        (None, Some(shown)) => Some(Looked::Shown(shown)),
        (None, None) if args.follow => {
            let message = "--follow goes with --attachments";
            return Err(Failure::usage(message).into());
        }
        (None, None) => None,
    };
    if let Some(looked) = looked {
        let sources = open_all(&errands, &args, context).await?;
        let job = Job { args: &args, errands, selection, ways, memory: None, context };
        return job.look(sources, looked, out).await;
    }
    let mut memory = match args.remembers() {
        true => Some(Memory::open(&Seen::usual_path()?, ways.names())?),
        false => None,
    };
    if let (true, Some(memory)) = (args.dedupe, &mut memory) {
        // Two runs that look for copies at one target would each miss what the other brings.
        for target in ways.names() {
            memory.seen().hold(&target)?;
        }
    }
    // What has come is confirmed and written down when a signal ends the run, not brought again.
    signals::listen(&context.net.stop)?;
    let mut job = Job { args: &args, errands, selection, ways, memory, context };
    if args.watch {
        return watch::watch(&mut job, out).await;
    }
    let mut sources = open_all(&job.errands, &args, context).await?;
    let tally = job.pass(&mut sources, None, out).await?;
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
        // As `folders::of` and `select` will have it.
        let ahead = match args.recursive || errand.folders.is_some() {
            true => Ahead::Nothing,
            false => Ahead::Folder { read_only: !args.changes() },
        };
        let location = &errand.location;
        sources.push(open::open_mail_and(location, options, Create::No, ahead, context).await?);
    }
    Ok(sources)
}

/// Whether one folder cannot be looked at, and others may.
fn is_about_folder(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<store::Error>()
        .is_some_and(|error| error.is_refusal() || matches!(error, store::Error::File { .. }))
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
    selection: Option<Selection>,
    ways: Ways,
    memory: Option<Memory>,
    pub(super) context: &'a Context,
}

/// What is looked at in place of messages that go to targets.
enum Looked {
    Attachments(Which),
    Shown(Shown),
}

impl Job<'_> {
    /// Goes over all sources once, and leaves them open; of the folders in `only` alone, where
    /// given.
    pub(super) async fn pass(
        &mut self,
        sources: &mut [Opened],
        only: Option<&[(usize, Option<String>)]>,
        out: &mut Output,
    ) -> Result<Tally> {
        // All sources are listed before the first message moves: only then it is known whether
        // standard output gets one message or several.
        let mut works = Vec::new();
        let mut worst = Taken::Yes;
        for (number, source) in sources.iter_mut().enumerate() {
            let (recursive, errand) = (self.args.recursive, &self.errands[number]);
            let is_listed = folders::Meant::of(source, errand, recursive).is_some();
            for folder in folders::of(source, errand, recursive).await? {
                let spot = (number, folder);
                if only.is_some_and(|only| !only.contains(&spot)) {
                    continue;
                }
                let name = spot.1.clone().unwrap_or_default();
                match self.looked_at(source, spot).await {
                    Ok(work) => works.push(work),
                    // Nobody asked for this one by name, and it keeps nobody from the others.
                    Err(error) if is_listed && is_about_folder(&error) => {
                        report::warning(&format!("folder {name} is passed over: {error:#}"));
                        worst = Taken::Refused;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        let Self { args, errands, ways, memory, context, .. } = self;
        let total: usize = works.iter().map(Work::count).sum();
        // On a terminal that gets the messages themselves a bar would stand between them.
        let is_shown = out.is_terminal() && ways.has_stdout();
        let is_silent = args.watch || total == 0 || is_shown;
        let show = if is_silent { Show::None } else { context.progress };
        let mut progress = Progress::new(show, "fetch", Some(total as u64));
        let mut tally =
            Tally { total, missing: 0, withheld: 0, empty: 0, is_other_session: false, worst };
        for (at, work) in works.iter().enumerate() {
            let errand = &errands[work.source];
            let source = &mut sources[work.source];
            // The folder that was listed last is selected.
            let is_last = works[at + 1..].iter().all(|later| later.source != work.source);
            let is_first = works[..at].iter().all(|before| before.source != work.source);
            if !(is_first && is_last) {
                select_again(source, work, !args.changes()).await?;
            }
            let references = names(source, &work.wanted, ways, out);
            let as_mbox = (total > 1 || args.watch) && errand.what == What::Whole;
            let targets = match work.count() {
                0 => Vec::new(),
                _ => {
                    let folder = work.folder.as_deref();
                    ways.open(args, as_mbox, folder, references, context, out).await?
                }
            };
            let copies = args.dedupe.then(|| Copies::new(ways.names()));
            let mut passing = Passing {
                targets: All { targets, wanted: Lacking::NONE, ended: Lacking::NONE },
                memory,
                copies,
                place: &work.place,
                stop: &context.net.stop,
                progress: &mut progress,
                done: 0,
                is_other_session: false,
                empty: 0,
                worst: Taken::Yes,
                octets: 0,
                settling: Vec::new(),
                waiting: Vec::new(),
                waiting_octets: 0,
                reached: HashMap::new(),
            };
            let again = Again {
                location: &errand.location,
                options: &args.server.options,
                context,
                folder: work.folder.as_deref(),
                place: &work.place.source,
                generation: work.place.generation,
                read_only: !args.changes(),
            };
            let slice = if args.changes() { SLICE_MESSAGES } else { usize::MAX };
            for some in work.wanted.chunks(slice) {
                passing.bring(source, &again, &errand.what, some).await?;
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
            tally.is_other_session |= passing.is_other_session;
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

    /// Shows or saves what the messages have in them, and ends the sessions.
    async fn look(
        mut self,
        mut sources: Vec<Opened>,
        looked: Looked,
        out: &mut Output,
    ) -> Result<Exit> {
        let (mut count, mut total) = (0, 0);
        let target = self.args.output.clone().unwrap_or_else(|| ".".into());
        for (number, source) in sources.iter_mut().enumerate() {
            let errand = self.errands[number].clone();
            if errand.what != What::Whole {
                let message = format!("{}: names a part already", errand.location);
                let hint = "leave out --attachments, --part and their like";
                return Err(Failure::usage(message).hint(hint).into());
            }
            for folder in folders::of(source, &errand, self.args.recursive).await? {
                if let Looked::Shown(Shown::Raw(command)) = &looked {
                    select(source, &errand, folder.as_deref(), false).await?;
                    raw::raw(source, command, out).await?;
                    continue;
                }
                let work = self.looked_at(source, (number, folder)).await?;
                let ids: Vec<Id> = work.wanted.into_iter().map(|(id, _)| id).collect();
                total += ids.len();
                count += match &looked {
                    Looked::Attachments(which) => {
                        let options = &self.args.server.options;
                        let follow =
                            self.args.follow.then_some(Follow { options, context: self.context });
                        attachments::save(source, &ids, which, &target, follow, out).await?
                    }
                    Looked::Shown(shown) => show::show(source, &ids, shown, out).await?,
                };
            }
        }
        finish(&mut sources).await?;
        match looked {
            Looked::Attachments(_) if count == 0 && !self.context.quiet => {
                report::note("no attachments");
            }
            Looked::Shown(Shown::Part(section)) if count < total => {
                let without = total - count;
                report::warning(&format!("{without} of {total} messages have no part {section}"));
                if count == 0 {
                    return Ok(Exit::Data);
                }
            }
            Looked::Shown(_) if count < total => {
                let missing = total - count;
                report::warning(&format!("{missing} of {total} messages were not there any more"));
                return Ok(ending(total, missing, 0));
            }
            Looked::Attachments(_) | Looked::Shown(_) => {}
        }
        Ok(Exit::Ok)
    }

    /// Lists a folder of a source, and says which of its messages are wanted.
    async fn looked_at(
        &mut self,
        source: &mut Opened,
        (number, folder): (usize, Option<String>),
    ) -> Result<Work> {
        let Self { args, errands, selection, ways, memory, context } = self;
        let errand = &errands[number];
        let status = select(source, errand, folder.as_deref(), !args.changes()).await?;
        let loses = args.then.is_some() || args.delete_after.is_some();
        if loses && matches!(source.mail, Mail::News(..)) {
            let message =
                format!("{}: a newsgroup cannot lose articles to a reader", errand.location);
            let hint = "leave out --then and --delete-after";
            return Err(Failure::usage(message).hint(hint).into());
        }
        if matches!(args.then, Some(Then::Move(_) | Then::Mark { .. })) && source.store().is_none()
        {
            return Err(then::plain_source().into());
        }
        let place = Place {
            source: folders::name(source, errand, folder.as_deref()),
            generation: status.map_or(0, |status| status.uid_validity),
        };
        if let Some(memory) = memory {
            memory.seen().hold(&place.source)?;
        }
        let found = match &errand.wanted {
            Wanted::Found(program) => Some(found(source, program).await?),
            Wanted::These(_) | Wanted::All => None,
        };
        let named = match &errand.wanted {
            Wanted::These(ids) => Some(ids.as_slice()),
            Wanted::All | Wanted::Found(_) => found.as_deref(),
        };
        let listed: Vec<Id> = match (named, &*selection) {
            (named, Some(selection)) => {
                let own = source.folder.clone().or_else(|| source.store().map(|_| "INBOX".into()));
                let account = context.config.account_of(&errand.location)?;
                let whereabouts = Whereabouts {
                    folder: folder.clone().or(own),
                    account: account.map(|account| account.name.clone()),
                };
                selection.among(source, named, &whereabouts).await?
            }
            (Some(ids), None) => ids.to_vec(),
            (None, None) => {
                let ids = |listed: Vec<Listed>| listed.into_iter().map(|it| it.id).collect();
                match (&mut source.mail, args.last, memory.is_none()) {
                    // A group may hold more articles than any maildrop holds messages.
                    (Mail::News(newsgroup, _), Some(last), true) => {
                        ids(newsgroup.list_last(last).await?)
                    }
                    (Mail::Imap(account, _), ..) => account.ids().await?,
                    _ => ids(source.spool().list().await?),
                }
            }
        };
        let is_whole = errand.wanted == Wanted::All && selection.is_none();
        let kept = if args.delete_after.is_some() { listed.clone() } else { Vec::new() };
        let mut wanted = match memory {
            Some(memory) => memory.lacking(&place, listed, is_whole)?,
            None => listed.into_iter().map(|id| (id, ways.all())).collect(),
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
        Ok(Work { source: number, folder, place, listed: kept, wanted, unwanted })
    }
}

/// What the server's SEARCH finds in the selected folder.
async fn found(source: &mut Opened, program: &[u8]) -> Result<Vec<Id>> {
    let line = plan::search_line(program);
    let (Mail::Imap(account, _), Some(keys)) = (&mut source.mail, plan::keys(&line)) else {
        return Ok(Vec::new());
    };
    let uids = account.client().search(keys).await.map_err(store::Error::from)?;
    Ok(uids.into_iter().map(|uid| Id::number(uid.into())).collect())
}

/// Selects a folder of a source, or the one that its location means.
async fn select(
    source: &mut Opened,
    errand: &Errand,
    folder: Option<&str>,
    read_only: bool,
) -> Result<Option<Status>> {
    let selected = match folder {
        None => source.select(errand.uid_validity, read_only).await,
        Some(folder) => source.select_folder(folder, read_only).await,
    };
    selected.map_err(|error| match error.downcast_ref() {
        // Of several sources, this one.
        Some(store::Error::OtherGeneration { .. } | store::Error::NoFolder(_)) => {
            error.context(errand.location.to_string())
        }
        _ => error,
    })
}

/// Selects the folder that was listed; another one of its name has other messages.
async fn select_again(source: &mut Opened, work: &Work, read_only: bool) -> Result<()> {
    let Some(folder) = &work.folder else { return Ok(()) };
    let status = source.select_folder(folder, read_only).await?;
    let found = status.map_or(0, |status| status.uid_validity);
    let wanted = work.place.generation;
    if wanted != found {
        return Err(store::Error::OtherGeneration { wanted, found }.into());
    }
    Ok(())
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
fn names(source: &mut Opened, messages: &[(Id, Lacking)], ways: &Ways, out: &Output) -> References {
    if !ways.names_messages(out) {
        return References::new();
    }
    let ids = messages.iter().map(|(id, _)| id);
    ids.filter_map(|id| Some((id.clone(), source.reference(id)?.to_string()))).collect()
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
