//! `--watch`: what comes is brought as it comes, by IDLE where the source tells of changes, else
//! by asking each minute; over connections that break and servers that restart.
//!
//! No event is lost: every round lists the source anew, and what the record knows is not brought
//! again.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use anyhow::Result;

use super::plan::Wanted;
use super::run::{Job, finish, open_all};
use super::targets::Taken;
use crate::open::{self, Opened};
use crate::store;
use crate::ui::{Exit, Failure, Output, report};

/// How often a source that tells of nothing is asked, and a message tried again that a target
/// did not take.
const POLL: Duration = Duration::from_secs(60);

/// How long a session waits before it makes sure that the other side is still there.
const ASSURE: Duration = Duration::from_secs(5 * 60);

/// The longest wait before a server is tried again that could not be reached.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Brings what comes, until something ends it that trying again cannot mend.
///
/// # Errors
/// [`Failure`] (64) where messages are named one by one; what a target or a source refuses for
/// good.
pub async fn watch(job: &mut Job<'_>, out: &mut Output) -> Result<Exit> {
    if job.errands.iter().any(|errand| errand.wanted != Wanted::All) {
        return Err(Failure::usage("--watch wants folders, not single messages").into());
    }
    let mut pause = Duration::ZERO;
    loop {
        let Err(error) = session(job, &mut pause, out).await else { continue };
        if open::verdict(&error).exit != Exit::TempFail {
            return Err(error);
        }
        pause = (pause * 2).clamp(Duration::from_secs(1), LONGEST_PAUSE);
        if !job.context.quiet {
            let text = job.context.redacted(&format!("{error:#}"));
            report::note(&format!("{text}; trying again in {} s", pause.as_secs()));
        }
        tokio::time::sleep(pause).await;
    }
}

/// One set of sessions, up to where they have to be opened anew.
async fn session(job: &mut Job<'_>, pause: &mut Duration, out: &mut Output) -> Result<()> {
    let mut sources = open_all(&job.errands, job.args, job.context).await?;
    loop {
        let tally = job.pass(&mut sources, out).await?;
        out.flush()?;
        *pause = Duration::ZERO;
        let is_kept = tally.worst != Taken::Yes;
        if sources.iter_mut().any(|source| source.store().is_none()) {
            // A POP3 session sees nothing that comes behind its start.
            finish(&mut sources).await?;
            tokio::time::sleep(POLL).await;
            return Ok(());
        }
        while !changed(&mut sources, if is_kept { POLL } else { ASSURE }).await? && !is_kept {}
    }
}

/// Waits until one of the sources has changed; `false`: none has in that time.
async fn changed(sources: &mut [Opened], limit: Duration) -> store::Result<bool> {
    type Wait<'s> = Pin<Box<dyn Future<Output = store::Result<bool>> + 's>>;
    let mut waits: Vec<Wait<'_>> = sources
        .iter_mut()
        .filter_map(|source| source.store())
        .map(|store| -> Wait<'_> { store.wait(limit) })
        .collect();
    std::future::poll_fn(|cx| {
        let mut at = 0;
        while let Some(wait) = waits.get_mut(at) {
            match wait.as_mut().poll(cx) {
                // Asked again, it would have to answer again.
                Poll::Ready(Ok(false)) => drop(waits.swap_remove(at)),
                Poll::Ready(ended) => return Poll::Ready(ended),
                Poll::Pending => at += 1,
            }
        }
        if waits.is_empty() { Poll::Ready(Ok(false)) } else { Poll::Pending }
    })
    .await
}
