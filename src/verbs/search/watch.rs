//! A result that is kept live: what comes to match is printed as it comes.
//!
//! One folder of a server that decides the query alone and keeps results live (CONTEXT=SEARCH,
//! RFC 5267) is followed: it tells what came to match and what matches no longer, and only that is
//! asked for. Otherwise a folder of a server is waited for by IDLE, several by NOTIFY (RFC 5465) or
//! else by looking every ten seconds; local mail by what the system tells of its folders. After
//! each change the places that changed are searched again, and the difference is what goes out,
//! so that a change that was missed costs time and no message.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::args::Args;
use super::found::{Details, Found, Results};
use super::one;
use super::plan::{self, Plan, Target};
use super::run as searching;
use super::server::{self, Scope};
use crate::base::location::{ImapUrl, Location, MaildirFile};
use crate::imap::client::context::{self, Change};
use crate::imap::client::{self, Client};
use crate::imap::store::Account;
use crate::imap::syntax::search::Key;
use crate::open::{self, Context};
use crate::ui::{Exit, Failure, Format, Output};

/// Between two looks at many folders: not all servers tell of all changes, or at once.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Longest wait where somebody does: a look now and then finds what was not told.
const AT_LEAST_EVERY: Duration = Duration::from_secs(15 * 60);

/// Changes come in swarms: so long after the first the folders are read.
const SWARM: Duration = Duration::from_millis(50);

/// A place that is watched.
enum Live<'p> {
    Server(Box<Remote<'p>>),
    Local { target: &'p Target, changes: mpsc::Receiver<()>, _watcher: RecommendedWatcher },
}

/// A place on a server.
struct Remote<'p> {
    place: &'p server::Place,
    session: Box<Account>,
    url: Box<ImapUrl>,
    /// The server tells of changes by itself.
    pushed: bool,
    /// What decides which messages of the one folder match; `None`: the server cannot say, or
    /// does not keep results live.
    keys: Option<Vec<Key<'static>>>,
    /// The result that the server keeps live now.
    live: Option<context::Live>,
}

/// What may have changed.
enum News {
    /// Anything.
    Anything,
    /// This, and nothing else.
    Changes(Vec<Change>),
}

/// Searches, and goes on until its reader goes away or it is told to end.
///
/// # Errors
/// A place that cannot be watched, a lost connection, and the output's.
pub async fn run(plan: &Plan, args: &Args, context: &Context, out: &mut Output) -> Result<Exit> {
    let mut places = Vec::new();
    for target in &plan.targets {
        places.push(opened(target, plan, args, context).await?);
    }
    let mut known: Vec<HashMap<String, Found>> = places.iter().map(|_| HashMap::new()).collect();
    let mut changed: Vec<(usize, News)> =
        (0..places.len()).map(|number| (number, News::Anything)).collect();
    loop {
        for (number, news) in std::mem::take(&mut changed) {
            let (place, known) = (&mut places[number], &mut known[number]);
            let mut changes = match news {
                News::Changes(changes) => Some(changes),
                News::Anything => {
                    let list = searched(place, plan, args, context, out).await?;
                    print(difference(known, list), plan, args, out)?;
                    None
                }
            };
            if let Live::Server(remote) = place {
                if changes.is_none() {
                    changes = remote.follow(known).await?;
                }
                if let Some(changes) = changes {
                    let news = remote.apply(known, &changes, plan, out).await?;
                    print(news, plan, args, out)?;
                }
            }
        }
        let waits = places
            .iter_mut()
            .enumerate()
            .map(|(number, place)| Box::pin(async move { (number, waited(place).await) }));
        let (number, news) = first_of(waits.collect()).await;
        changed.push((number, news?));
    }
}

/// The first of several to be ready; the others are dropped, which loses nothing: each is
/// searched again only when it tells again, and what it told is kept where it waits.
async fn first_of<T>(mut waits: Vec<std::pin::Pin<Box<impl Future<Output = T>>>>) -> T {
    std::future::poll_fn(move |task| {
        for wait in &mut waits {
            if let std::task::Poll::Ready(value) = wait.as_mut().poll(task) {
                return std::task::Poll::Ready(value);
            }
        }
        std::task::Poll::Pending
    })
    .await
}

async fn opened<'p>(
    target: &'p Target,
    plan: &Plan,
    args: &Args,
    context: &Context,
) -> Result<Live<'p>> {
    let path = match target {
        Target::Server(place) => {
            let (mut session, url) = searching::connect(place, args, context).await?;
            let is_whole = place.scope == Scope::All;
            let pushed = is_whole && session.client().capabilities().has("NOTIFY");
            if pushed {
                session.client().notify_of_all().await.map_err(crate::store::Error::from)?;
            }
            let (url, pushed) = (Box::new(url), pushed || !is_whole);
            let mut keys = None;
            if session.client().capabilities().has("CONTEXT=SEARCH") {
                let how = searching::how(args, plan.now);
                keys = one::final_keys(&mut session, place, &plan.expr, how)?;
            }
            let live = None;
            return Ok(Live::Server(Box::new(Remote { place, session, url, pushed, keys, live })));
        }
        Target::Place(
            Location::Path(path)
            | Location::Maildir(path)
            | Location::Eml(path)
            | Location::Mbox(path),
            None,
        ) => open::local_path(path),
        _ => {
            let message = "only folders can be watched: no maildrop, no single messages";
            return Err(Failure::new(Exit::Two, message).into());
        }
    };
    let (watcher, changes) = watcher(&path)?;
    Ok(Live::Local { target, changes, _watcher: watcher })
}

/// Tells of each change below a folder, or of a file, which programs replace: so its folder is
/// watched.
fn watcher(path: &Path) -> Result<(RecommendedWatcher, mpsc::Receiver<()>)> {
    let (sender, changes) = mpsc::channel(1);
    let file: Option<PathBuf> = path.is_file().then(|| path.to_owned());
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let is_change = match &event {
            Ok(event) => {
                is_change(event.kind)
                    && file.as_ref().is_none_or(|file| {
                        event.paths.iter().any(|path| path.file_name() == file.file_name())
                    })
            }
            // Something was lost: a look shows what.
            Err(_) => true,
        };
        if is_change {
            // One that waits says it all.
            let _ = sender.try_send(());
        }
    })?;
    match path.parent().filter(|_| path.is_file()) {
        Some(parent) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            watcher.watch(parent, RecursiveMode::NonRecursive)?;
        }
        None => watcher.watch(path, RecursiveMode::Recursive)?,
    }
    Ok((watcher, changes))
}

/// Reading changes nothing.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

async fn searched(
    place: &mut Live<'_>,
    plan: &Plan,
    args: &Args,
    context: &Context,
    out: &mut Output,
) -> Result<Vec<Found>> {
    let details = details(out);
    let mut results = Results::new(out, false, None, None, plan.zone.clone())
        .text_by(plan::text_by(&plan.expr, false))
        .keeping(details);
    match place {
        Live::Server(remote) => {
            let Remote { place, session, url, live, .. } = &mut **remote;
            // The folder is selected anew, and with that nothing is live any longer.
            *live = None;
            let how = searching::how(args, plan.now);
            server::search(session, place, url, &plan.expr, how, &mut results).await?;
        }
        Live::Local { target, .. } => {
            searching::in_one_place(target, &plan.expr, args, context, &mut results).await?;
        }
    }
    Ok(results.into_kept().0)
}

fn details(out: &Output) -> Details {
    match out.format() {
        Format::Lines => Details::None,
        Format::Human | Format::Json => Details::Shown,
    }
}

impl Remote<'_> {
    /// Has the server keep the result live from now on, where it can; what has changed since
    /// `known` was found out.
    async fn follow(&mut self, known: &HashMap<String, Found>) -> Result<Option<Vec<Change>>> {
        let Some(keys) = &self.keys else { return Ok(None) };
        let client = self.session.client();
        if client.selected().is_none() {
            return Ok(None);
        }
        let (uids, live) = match client.follow(keys.clone()).await {
            Ok(followed) => followed,
            Err(client::Error::Refused { .. }) => {
                self.keys = None;
                return Ok(None);
            }
            Err(error) => return Err(crate::store::Error::from(error).into()),
        };
        self.live = live;
        let now: BTreeSet<u32> = uids.into_iter().collect();
        let before: BTreeSet<u32> = known.values().filter_map(|found| found.uid).collect();
        Ok(Some(vec![
            Change::Removed(before.difference(&now).copied().collect()),
            Change::Added(now.difference(&before).copied().collect()),
        ]))
    }

    /// What is new by these changes, and what matches no longer; it is known from now on.
    async fn apply(
        &mut self,
        known: &mut HashMap<String, Found>,
        changes: &[Change],
        plan: &Plan,
        out: &mut Output,
    ) -> Result<Vec<Found>> {
        let names: HashMap<u32, String> =
            known.iter().filter_map(|(key, found)| Some((found.uid?, key.clone()))).collect();
        let before: HashSet<u32> = names.keys().copied().collect();
        let (come, gone) = net(&before, changes);
        let mut news = Vec::new();
        if !come.is_empty() {
            let details = details(out);
            let mut results = Results::new(out, false, None, None, plan.zone.clone())
                .text_by(plan::text_by(&plan.expr, true))
                .keeping(details);
            let (session, place, url) = (&mut self.session, self.place, &self.url);
            one::describe(session, place, url, &come, &mut results).await?;
            for found in results.into_kept().0 {
                known.insert(key(&found.reference), found.clone());
                news.push(Found { event: Some("found"), ..found });
            }
        }
        let gone = gone.iter().filter_map(|uid| known.remove(names.get(uid)?));
        news.extend(gone.map(|found| Found { event: Some("gone"), ..found }));
        Ok(news)
    }

    /// Waits until something may have changed.
    async fn waited(&mut self) -> Result<News> {
        let is_one = self.place.scope != Scope::All;
        let client: &mut Client = self.session.client();
        if let Some(live) = self.live {
            let told = client.wait_for_update(live, AT_LEAST_EVERY).await;
            return match told.map_err(crate::store::Error::from)? {
                Some(changes) if !changes.is_empty() => Ok(News::Changes(changes)),
                Some(_) => Ok(News::Anything),
                None => {
                    // It has no room for another one: from now on by a look at each change.
                    (self.live, self.keys) = (None, None);
                    Ok(News::Anything)
                }
            };
        }
        if is_one && client.selected().is_some() {
            client.wait_for_change(AT_LEAST_EVERY).await.map_err(crate::store::Error::from)?;
        } else if self.pushed {
            client.wait_for_any(LOOK_EVERY).await.map_err(crate::store::Error::from)?;
        } else {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(News::Anything)
    }
}

/// What has come and what has gone in the end, each once and ascending.
fn net(before: &HashSet<u32>, changes: &[Change]) -> (Vec<u32>, Vec<u32>) {
    let mut now = before.clone();
    for change in changes {
        match change {
            Change::Added(uids) => now.extend(uids),
            Change::Removed(uids) => now.retain(|uid| !uids.contains(uid)),
        }
    }
    let sorted = |one: &HashSet<u32>, other: &HashSet<u32>| {
        let mut uids: Vec<u32> = one.difference(other).copied().collect();
        uids.sort_unstable();
        uids
    };
    (sorted(&now, before), sorted(before, &now))
}

/// Waits until something may have changed.
async fn waited(place: &mut Live<'_>) -> Result<News> {
    match place {
        Live::Server(remote) => return remote.waited().await,
        Live::Local { changes, .. } => {
            let told = tokio::time::timeout(AT_LEAST_EVERY, changes.recv()).await;
            if told.is_ok() {
                tokio::time::sleep(SWARM).await;
                while changes.try_recv().is_ok() {}
            }
        }
    }
    Ok(News::Anything)
}

/// What is new in a list, and what is no longer in it; the list is known from now on.
fn difference(known: &mut HashMap<String, Found>, list: Vec<Found>) -> Vec<Found> {
    let mut now = HashMap::with_capacity(list.len());
    let mut news = Vec::new();
    for found in list {
        let key = key(&found.reference);
        if known.remove(&key).is_none() {
            news.push(Found { event: Some("found"), ..found.clone() });
        }
        now.insert(key, found);
    }
    let mut gone: Vec<Found> = std::mem::replace(known, now).into_values().collect();
    gone.sort_by(|a, b| a.reference.cmp(&b.reference));
    news.extend(gone.into_iter().map(|found| Found { event: Some("gone"), ..found }));
    news
}

/// What stays the same of a reference: the flags of a Maildir's file change its name.
fn key(reference: &str) -> String {
    match MaildirFile::new(PathBuf::from(reference)) {
        Some(file) => file.folder().join(file.unique()).to_string_lossy().into_owned(),
        None => reference.to_owned(),
    }
}

fn print(mut news: Vec<Found>, plan: &Plan, args: &Args, out: &mut Output) -> Result<()> {
    if out.format() != Format::Json {
        news.retain(|found| found.event == Some("found"));
    }
    let results = Results::new(out, false, None, None, plan.zone.clone()).fields(&args.fields);
    results.finish_with(news, false)?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differences_are_news() {
        let mut known = HashMap::new();
        let list = |names: &[&str]| -> Vec<Found> {
            let found = |name: &&str| Found { reference: (*name).to_owned(), ..Found::default() };
            names.iter().map(found).collect()
        };
        let mut told = |names: &[&str]| -> Vec<String> {
            let news = difference(&mut known, list(names));
            let line = |found: Found| format!("{} {}", found.event.unwrap_or(""), found.reference);
            news.into_iter().map(line).collect()
        };
        assert_eq!(told(&["/m/new/1.a", "imap://x/1"]), ["found /m/new/1.a", "found imap://x/1"]);
        assert_eq!(told(&["/m/cur/1.a:2,S", "imap://x/1"]), [] as [&str; 0]);
        assert_eq!(
            told(&["/m/cur/2.b:2,"]),
            ["found /m/cur/2.b:2,", "gone /m/cur/1.a:2,S", "gone imap://x/1"]
        );
    }

    #[test]
    fn changes_one_after_another_are_summed() {
        let before: HashSet<u32> = [1, 2, 3].into();
        let changes = [
            Change::Added(vec![4, 5, 2]),
            Change::Removed(vec![1, 5]),
            Change::Added(vec![1]),
            Change::Removed(vec![3, 9]),
        ];
        assert_eq!(net(&before, &changes), (vec![4], vec![3]));
    }

    #[test]
    fn reading_is_no_change() {
        use notify::event::{CreateKind, RemoveKind};
        assert!(!is_change(EventKind::Access(AccessKind::Open(AccessMode::Any))));
        assert!(!is_change(EventKind::Access(AccessKind::Close(AccessMode::Read))));
        assert!(is_change(EventKind::Access(AccessKind::Close(AccessMode::Write))));
        assert!(is_change(EventKind::Create(CreateKind::File)));
        assert!(is_change(EventKind::Remove(RemoveKind::File)));
    }
}
