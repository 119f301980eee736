//! `--watch`: changes of either side are carried over as they come.
//!
//! Each side has ears beside the sessions that do the work: NOTIFY (RFC 5465) for a whole
//! account and IDLE for its INBOX, else IDLE for a few folders, and what the system tells of
//! local files. An ear
//! only says that something has happened; then a pass looks at both sides, as every run does. So
//! a change that an ear has missed comes late, and is never lost: now and then a pass is made
//! without a word, which also shows whether the other side is still there. After a connection
//! broke, or the machine slept, everything is opened anew.

use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use super::args::What;
use super::diff::{Both, Side};
use super::pair::Pair;
use super::pass;
use super::places::{self, Ready};
use crate::base::backoff::Busy;
use crate::base::location::Location;
use crate::imap::store::Account;
use crate::open::{self, Context, Create, EndpointOptions, Mail};
use crate::store::pattern::canonical;
use crate::store::watch::Watched;
use crate::store::{self, Store as _};
use crate::ui::{Exit, Format, Output, report};

/// Without a word from any ear, so long until both sides are looked at; also how long it takes
/// at most until a dead connection is noticed, besides the time that an answer may take.
const ASSURE: Duration = Duration::from_secs(60);

/// The same where there are folders that nobody listens to.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Changes come in swarms: so long after the first both sides are looked at.
const SWARM: Duration = Duration::from_millis(50);

/// Folders of a server without NOTIFY that are listened to, each by a connection.
const EARS: usize = 3;

/// The longest wait before a server is tried again that could not be reached.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often the clock is looked at, and how much time may be missing then: more, and the
/// machine or this process has slept.
const TICK: Duration = Duration::from_secs(1);
const SLEPT: Duration = Duration::from_secs(10);

/// Carries changes over until something ends it that trying again cannot mend.
///
/// # Errors
/// What a single run can end with, but for a server that cannot be reached just now.
pub async fn watch(
    locations: &Both<Location>,
    what: &What,
    context: &Context,
    out: &mut Output,
) -> Result<Exit> {
    let mut pause = Duration::ZERO;
    let mut has_worked = false;
    loop {
        let places = Both { far: locations.far.clone(), near: locations.near.clone() };
        let ended = session(places, what, context, &mut has_worked, &mut pause, out).await;
        // It has slept: everything is opened anew.
        let Err(error) = ended else { continue };
        let verdict = open::verdict(&error);
        let busy = open::busy(&error);
        let may_pass = match verdict.exit {
            Exit::TempFail => true,
            // Without a network there are no names either.
            Exit::NoHost => has_worked,
            _ => busy.is_some(),
        };
        if verdict.output_closed || !may_pass {
            return Err(error);
        }
        pause = (pause * 2).clamp(Duration::from_secs(1), LONGEST_PAUSE);
        if let Some(Busy::For(asked)) = busy {
            pause = pause.max(asked);
        }
        if !context.quiet {
            let text = context.redacted(&format!("{error:#}"));
            report::note(&format!("{text}; trying again in {} s", pause.as_secs()));
        }
        tokio::time::sleep(pause).await;
    }
}

/// Sessions of both sides, until the machine has slept.
async fn session(
    locations: Both<Location>,
    what: &What,
    context: &Context,
    has_worked: &mut bool,
    pause: &mut Duration,
    out: &mut Output,
) -> Result<()> {
    let Ready { stores, mut state, job, more } = places::ready(
        Both { far: locations.far.clone(), near: locations.near.clone() },
        what,
        context,
    )
    .await?;
    let mut pair = Pair::new(stores);
    let locations = places::located(locations);
    let options = places::options(what, &locations)?;
    let mut ears = Vec::new();
    for side in Side::BOTH {
        let only = job.scope.only.of(side).clone();
        ears.extend(listen(locations.of(side), options.of(side), only, context).await?);
    }
    let assure = ASSURE.min(context.net.timeout.map_or(ASSURE, |timeout| timeout * 2));
    let every = if ears.iter().any(|ear| matches!(ear, Ear::Deaf)) {
        LOOK_EVERY.min(assure)
    } else {
        assure
    };
    let mut is_first = true;
    loop {
        // What comes from now on, even while the pass is made, is told again.
        for ear in &mut ears {
            ear.forget().await?;
        }
        pair.begin();
        let done = pass::over(&mut pair, &mut state, &job, Some(&more), out).await?;
        if std::mem::take(&mut is_first) || !done.is_nothing() || done.conflicts > 0 {
            done.print(out)?;
            out.flush()?;
        }
        *has_worked = true;
        *pause = Duration::ZERO;
        match wait(&mut ears, every).await? {
            Woken::Told => tokio::time::sleep(SWARM).await,
            Woken::Untold => {
                for ear in &mut ears {
                    ear.assure().await?;
                }
            }
            Woken::Slept => {
                if !context.quiet && out.format() != Format::Json {
                    report::note("this machine or process has slept: connecting anew");
                }
                return Ok(());
            }
        }
    }
}

/// What hears of changes.
enum Ear {
    /// A session that is told of everything in an account.
    Account(Box<Account>),
    /// A session that is told of one folder.
    Folder(Box<Account>, String),
    /// What the system tells of files.
    Files(Watched),
    /// Nothing: there are folders that no ear is for.
    Deaf,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// An ear has told of a change.
    Told,
    /// None has, in the time that was given.
    Untold,
    /// Time is missing.
    Slept,
}

/// The ears of one side.
async fn listen(
    location: &Location,
    options: &EndpointOptions,
    only: Option<String>,
    context: &Context,
) -> Result<Vec<Ear>> {
    if let Location::Maildir(path) | Location::Mbox(path) | Location::Path(path) = location {
        return Ok(vec![Ear::Files(Watched::new(&open::local_path(path))?)]);
    }
    let mut account = session_of(location, options, context).await?;
    let folders = match only {
        Some(only) => vec![only],
        None if account.client().capabilities().has("NOTIFY") => {
            account.client().notify_of_all().await.map_err(store::Error::from)?;
            // Dovecot tells by NOTIFY what its index of mailboxes shows, and keeps none as long
            // as there is only an INBOX: the mailbox that matters most is heard by IDLE.
            let mut inbox = session_of(location, options, context).await?;
            inbox.select("INBOX", true).await?;
            return Ok(vec![Ear::Account(account), Ear::Folder(inbox, "INBOX".to_owned())]);
        }
        None => important(account.folders(&[]).await?),
    };
    let mut ears = Vec::new();
    let mut session = Some(account);
    for folder in folders.iter().take(EARS) {
        let mut account = match session.take() {
            Some(account) => account,
            None => session_of(location, options, context).await?,
        };
        account.select(folder, true).await?;
        ears.push(Ear::Folder(account, folder.clone()));
    }
    if folders.len() > EARS || ears.is_empty() {
        ears.push(Ear::Deaf);
    }
    Ok(ears)
}

/// A session of its own.
async fn session_of(
    location: &Location,
    options: &EndpointOptions,
    context: &Context,
) -> Result<Box<Account>> {
    match open::open_mail(location, options, Create::No, context).await?.mail {
        Mail::Imap(account, _) => Ok(account),
        _ => Err(anyhow::anyhow!("{location} cannot be listened to")),
    }
}

/// Folders to select, those first in which something happens soonest: INBOX, then those with a
/// special use, then the others by name.
fn important(folders: Vec<store::Folder>) -> Vec<String> {
    let mut folders: Vec<_> = folders.into_iter().filter(|folder| folder.selectable).collect();
    folders.sort_by_key(|folder| {
        let name = canonical(&folder.name);
        (name != "INBOX", folder.special_use.is_empty(), name)
    });
    folders.into_iter().map(|folder| folder.name).collect()
}

impl Ear {
    /// Waits for a change; `false`: there was none in that time. Cancel-safe.
    async fn told(&mut self, limit: Duration) -> store::Result<bool> {
        match self {
            Ear::Account(account) => Ok(account.client().wait_for_any(limit).await?),
            Ear::Folder(account, _) => account.wait(limit).await,
            Ear::Files(watched) => Ok(tokio::time::timeout(limit, watched.changed()).await.is_ok()),
            Ear::Deaf => {
                tokio::time::sleep(limit).await;
                Ok(false)
            }
        }
    }

    /// Makes sure that the other side is still there, where waiting does not.
    async fn assure(&mut self) -> store::Result<()> {
        if let Ear::Account(account) = self {
            account.client().noop().await?;
        }
        Ok(())
    }

    /// What was told until now is about to be looked at.
    async fn forget(&mut self) -> store::Result<()> {
        match self {
            Ear::Account(account) => while account.client().wait_for_any(Duration::ZERO).await? {},
            Ear::Folder(account, folder) => {
                if account.client().selected().is_some_and(|selected| selected.is_stale) {
                    account.select(folder, true).await?;
                }
            }
            Ear::Files(watched) => watched.forget(),
            Ear::Deaf => {}
        }
        Ok(())
    }
}

/// Waits for the first ear to tell of something.
async fn wait(ears: &mut [Ear], limit: Duration) -> store::Result<Woken> {
    type Waiting<'e> = Pin<Box<dyn Future<Output = store::Result<Woken>> + 'e>>;
    let mut waiting: Vec<Waiting<'_>> = Vec::with_capacity(ears.len() + 1);
    waiting.push(Box::pin(async {
        slept().await;
        Ok(Woken::Slept)
    }));
    for ear in ears {
        waiting.push(Box::pin(async move {
            Ok(if ear.told(limit).await? { Woken::Told } else { Woken::Untold })
        }));
    }
    std::future::poll_fn(|task| {
        let mut at = 0;
        while let Some(one) = waiting.get_mut(at) {
            match one.as_mut().poll(task) {
                // The others are waited for until their time, too, has come.
                Poll::Ready(Ok(Woken::Untold)) if waiting.len() > 2 => {
                    drop(waiting.swap_remove(at))
                }
                Poll::Ready(ended) => return Poll::Ready(ended),
                Poll::Pending => at += 1,
            }
        }
        Poll::Pending
    })
    .await
}

/// Ends when the clock has gone on much more than it should have.
async fn slept() {
    let mut before = SystemTime::now();
    loop {
        tokio::time::sleep(TICK).await;
        let now = SystemTime::now();
        // A clock that was set back says nothing.
        if now.duration_since(before).is_ok_and(|passed| passed > TICK + SLEPT) {
            return;
        }
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_most_is_heard_first() {
        let folder = |name: &str, special: &str, selectable: bool| store::Folder {
            name: name.into(),
            special_use: (!special.is_empty()).then(|| special.to_owned()).into_iter().collect(),
            selectable,
            ..store::Folder::default()
        };
        let folders = vec![
            folder("Archive", "", true),
            folder("Lists", "", false),
            folder("Sent", "\\Sent", true),
            folder("inbox", "", true),
        ];
        assert_eq!(important(folders), ["inbox", "Sent", "Archive"]);
    }
}
