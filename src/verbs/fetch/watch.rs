//! `--watch`: what comes is brought as it comes, over connections that break and servers that
//! restart.
//!
//! One folder is waited for by IDLE. Of several, the server tells over one connection (NOTIFY,
//! RFC 5465); without that, the first few have a connection each and IDLE, and the others are
//! looked at each minute. A maildrop is asked each minute. No event is lost: what is told while
//! a folder is looked at makes the next wait end at once, every look lists the folder anew, and
//! what the record knows is not brought again. Where a pattern or a whole account is watched, a
//! folder that is new among those meant makes a new session, which has it: at once where the
//! server tells of its mail, else when the folders are listed again.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::folders::{self, Meant};
use super::plan::{Errand, Wanted};
use super::run::{Job, finish, open_all};
use super::targets::Taken;
use crate::imap::syntax::mailbox::Mailbox;
use crate::open::{self, Create, Mail, Opened};
use crate::store;
use crate::ui::{Exit, Failure, Output, report};

/// How often a source that tells of nothing is asked, and a message tried again that a target
/// did not take.
const POLL: Duration = Duration::from_secs(60);

/// How long a session waits before it makes sure that the other side is still there.
const ASSURE: Duration = Duration::from_secs(5 * 60);

/// Waits before a server that tells of folders is asked whether it has told all, since a look.
/// Dovecot 2.3 says nothing of a message that comes to the selected mailbox in the moment of its
/// selection, until something is asked.
const ASKED: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// How often the folders of local mail are listed again, where new ones are watched too. Those
/// of a server are so with each [`POLL`].
const LOCAL_LOOK: Duration = Duration::from_secs(2);

/// The longest wait before a server is tried again that could not be reached.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Connections that one source on a server may take: servers allow some ten for a user and an
/// address, and there are other programs.
const CONNECTIONS: usize = 5;

/// Folders of local mail that are looked at by themselves.
const LOCAL_FOLDERS: usize = 256;

/// A folder of a source, by the source's number.
type Spot = (usize, Option<String>);

/// How changes of a source are learnt of.
enum Watch {
    /// By waiting for its only folder.
    One(Option<String>),
    /// By what the server tells of these folders, and of new ones that are meant.
    Told(Vec<Option<String>>, Option<Meant>),
    /// By looking from time to time.
    Looked(Vec<Option<String>>),
}

/// Brings what comes, until something ends it that trying again cannot mend.
///
/// # Errors
/// [`Failure`] (64) where messages are named one by one; what a target or a source refuses for
/// good.
pub async fn watch(job: &mut Job<'_>, out: &mut Output) -> Result<Exit> {
    if job.errands.iter().any(|errand| errand.wanted != Wanted::All) {
        return Err(Failure::usage("--watch wants folders, not single messages").into());
    }
    let asked = job.errands.clone();
    let mut pause = Duration::ZERO;
    loop {
        job.errands = asked.clone();
        let Err(error) = session(job, &mut pause, out).await else { continue };
        let state = error.downcast_ref::<crate::state::Error>();
        let is_held = state.is_some_and(crate::state::Error::is_in_use);
        let is_over = job.context.net.stop.cause().is_some();
        if is_over || is_held || open::verdict(&error).exit != Exit::TempFail {
            return Err(error);
        }
        pause = (pause * 2).clamp(Duration::from_secs(1), LONGEST_PAUSE);
        if !job.context.quiet {
            let text = job.context.redacted(&format!("{error:#}"));
            report::note(&format!("{text}; trying again in {} s", pause.as_secs()));
        }
        job.context.net.stop.sleep(pause).await;
        job.context.net.stop.check()?;
    }
}

/// One set of sessions, up to where they have to be opened anew.
async fn session(job: &mut Job<'_>, pause: &mut Duration, out: &mut Output) -> Result<()> {
    let mut sources = open_all(&job.errands, job.args, job.context).await?;
    let outlooks = outlooks(job, &mut sources).await?;
    let watches = spread(job, &mut sources, &outlooks).await?;
    let look = outlooks.iter().zip(&job.errands).filter(|(outlook, _)| outlook.is_some());
    let look = look.map(|(_, errand)| if errand.location.is_local() { LOCAL_LOOK } else { POLL });
    let look = look.min();
    let mut looked = Instant::now();
    let mut only: Option<Vec<Spot>> = None;
    loop {
        let tally = job.pass(&mut sources, only.as_deref(), out).await?;
        out.flush()?;
        *pause = Duration::ZERO;
        let is_kept = tally.worst != Taken::Yes;
        if tally.is_other_session {
            // Nobody has asked it to tell of anything: all begins anew.
            return Ok(());
        }
        if sources.iter_mut().any(|source| source.store().is_none()) {
            // A POP3 session sees nothing that comes behind its start.
            finish(&mut sources).await?;
            job.context.net.stop.sleep(POLL).await;
            job.context.net.stop.check()?;
            return Ok(());
        }
        let limit = if is_kept { POLL } else { ASSURE };
        let limit = look.map_or(limit, |look| limit.min(look));
        only = loop {
            let changed = changed(&mut sources, &watches, limit);
            let changed = job.context.net.stop.unless::<_, anyhow::Error>(changed).await?;
            let is_known = |(number, folder): &Spot| {
                let folders = job.errands[*number].folders.as_ref();
                folders.is_none_or(|folders| folders.contains(folder))
            };
            if !changed.iter().all(is_known) {
                return Ok(());
            }
            if look.is_some_and(|look| looked.elapsed() >= look) {
                if has_new_folder(job, &mut sources, &outlooks).await? {
                    return Ok(());
                }
                looked = Instant::now();
            }
            match (changed.is_empty(), is_kept) {
                // What was kept may be anywhere.
                (_, true) => break None,
                (false, false) => break Some(changed),
                (true, false) => {}
            }
        };
    }
}

/// Finds out the folders of each source; what is meant of it where new ones may be.
async fn outlooks(job: &mut Job<'_>, sources: &mut [Opened]) -> Result<Vec<Option<Meant>>> {
    let mut outlooks = Vec::with_capacity(sources.len());
    for (source, errand) in sources.iter_mut().zip(&mut job.errands) {
        outlooks.push(Meant::of(source, errand, job.args.recursive));
        errand.folders = Some(folders::of(source, errand, job.args.recursive).await?);
    }
    Ok(outlooks)
}

/// Whether a source has a folder that is meant, and that no session knows.
async fn has_new_folder(
    job: &Job<'_>,
    sources: &mut [Opened],
    outlooks: &[Option<Meant>],
) -> Result<bool> {
    for (number, outlook) in outlooks.iter().enumerate() {
        if outlook.is_none() {
            continue;
        }
        let location = &job.errands[number].location;
        let same = job.errands.iter().filter(|errand| errand.location == *location);
        let known: Vec<&Option<String>> =
            same.filter_map(|errand| errand.folders.as_ref()).flatten().collect();
        let asked = Errand { folders: None, ..job.errands[number].clone() };
        let now = folders::of(&mut sources[number], &asked, job.args.recursive).await?;
        if now.iter().any(|folder| !known.contains(&folder)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Decides how the folders of each source are watched; where a server does not tell
/// of many folders, more sessions are opened and the errands divided among them.
async fn spread(
    job: &mut Job<'_>,
    sources: &mut Vec<Opened>,
    outlooks: &[Option<Meant>],
) -> Result<Vec<Watch>> {
    let mut watches = Vec::with_capacity(sources.len());
    for number in 0..job.errands.len() {
        let errand = job.errands[number].clone();
        let source = &mut sources[number];
        let mut names = folders::of(source, &errand, job.args.recursive).await?;
        let is_local = errand.location.is_local();
        if names.len() == 1 || source.store().is_none() {
            watches.push(match names.as_slice() {
                [only] => Watch::One(only.clone()),
                _ => Watch::Looked(names.clone()),
            });
            job.errands[number].folders = Some(names);
            continue;
        }
        if let Mail::Imap(account, _) = &mut source.mail
            && account.client().capabilities().has("NOTIFY")
        {
            let mut mailboxes = Vec::with_capacity(names.len());
            for name in names.iter().flatten() {
                mailboxes.push(account.names().to_mailbox(name)?);
            }
            let outlook = outlooks[number].clone();
            let client = account.client();
            client.notify(&mailboxes, outlook.is_some()).await.map_err(store::Error::from)?;
            watches.push(Watch::Told(names.clone(), outlook));
            job.errands[number].folders = Some(names);
            continue;
        }
        let most = if is_local { LOCAL_FOLDERS } else { CONNECTIONS };
        let alone = if names.len() > most { most - 1 } else { names.len() };
        let rest = names.split_off(alone);
        let mut own = names.into_iter();
        let first = if rest.is_empty() { own.next().into_iter().collect() } else { rest };
        watches.push(match first.as_slice() {
            [only] => Watch::One(only.clone()),
            _ => Watch::Looked(first.clone()),
        });
        job.errands[number].folders = Some(first);
        for name in own {
            let options = &job.args.server.options;
            let opened =
                open::open_mail(&errand.location, options, Create::No, job.context).await?;
            sources.push(opened);
            job.errands.push(Errand { folders: Some(vec![name]), ..errand.clone() });
        }
    }
    // The sessions that came last have one folder each.
    for errand in &job.errands[watches.len()..] {
        let folder = errand.folders.as_ref().and_then(|folders| folders.first());
        watches.push(Watch::One(folder.cloned().flatten()));
    }
    Ok(watches)
}

/// Waits until a source has changed; its folders that may have. None: nothing has in that time.
async fn changed(sources: &mut [Opened], watches: &[Watch], limit: Duration) -> Result<Vec<Spot>> {
    type Wait<'s> = Pin<Box<dyn Future<Output = store::Result<Vec<Spot>>> + 's>>;
    let mut waits: Vec<Wait<'_>> = sources
        .iter_mut()
        .zip(watches)
        .enumerate()
        .map(|(number, (source, watch))| -> Wait<'_> {
            Box::pin(async move {
                let folders = wait(source, watch, limit).await?;
                Ok(folders.into_iter().map(|folder| (number, folder)).collect())
            })
        })
        .collect();
    std::future::poll_fn(|cx| {
        let mut at = 0;
        while let Some(wait) = waits.get_mut(at) {
            match wait.as_mut().poll(cx) {
                // Asked again, it would have to answer again.
                Poll::Ready(Ok(spots)) if spots.is_empty() => drop(waits.swap_remove(at)),
                Poll::Ready(ended) => return Poll::Ready(Ok(ended?)),
                Poll::Pending => at += 1,
            }
        }
        if waits.is_empty() { Poll::Ready(Ok(Vec::new())) } else { Poll::Pending }
    })
    .await
}

/// Waits until one source has changed. Cancel-safe.
async fn wait(
    source: &mut Opened,
    watch: &Watch,
    limit: Duration,
) -> store::Result<Vec<Option<String>>> {
    match (watch, &mut source.mail) {
        (Watch::One(folder), _) => {
            let Some(store) = source.store() else { return Ok(Vec::new()) };
            let has_changed = store.wait(limit).await?;
            Ok(if has_changed { vec![folder.clone()] } else { Vec::new() })
        }
        (Watch::Told(folders, meant), Mail::Imap(account, _)) => {
            let end = Instant::now() + limit;
            let mut asked = ASKED.iter();
            let news = loop {
                let left = end.saturating_duration_since(Instant::now());
                let pause = asked.next().map_or(left, |pause| left.min(*pause));
                let news = account.client().wait_for_news(pause).await?;
                if !news.is_empty() || left.is_zero() {
                    break news;
                }
                account.client().noop().await?;
            };
            if news.iter().any(Vec::is_empty) {
                // It could not keep up, and has to be asked anew.
                let names = account.names().clone();
                let mailboxes: store::Result<Vec<Mailbox<'static>>> =
                    folders.iter().flatten().map(|name| names.to_mailbox(name)).collect();
                account.client().notify(&mailboxes?, meant.is_some()).await?;
                return Ok(folders.clone());
            }
            let names = account.names();
            let told = news.into_iter().map(|name| names.to_folder(&Mailbox(name.into())));
            let is_new = |folder: &Option<String>| match (folder, meant) {
                (Some(name), Some(meant)) => meant.has(name),
                _ => false,
            };
            Ok(told.filter(|folder| folders.contains(folder) || is_new(folder)).collect())
        }
        (Watch::Looked(folders), _) => {
            tokio::time::sleep(limit.min(POLL)).await;
            Ok(folders.clone())
        }
        (Watch::Told(..), _) => Ok(Vec::new()),
    }
}
