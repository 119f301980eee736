//! One pass over two connected stores: plan, brake, apply, result.

use serde::Serialize;

use super::apply;
use super::brake::MaxDelete;
use super::diff::{Both, Side};
use super::expire;
use super::pair::Pair;
use super::plan::{self, Plan, Scope};
use super::record::Counts;
use super::state::State;
use crate::store::Store;
use crate::ui::progress::Show;
use crate::ui::{Exit, Failure, Format, Output, Progress, report};

/// What a pass is asked for.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// Which folders, and which way.
    pub scope: Scope,
    /// Print the plan, and change nothing.
    pub dry_run: bool,
    /// How many deletions are allowed; `None`: the greater of 10 messages and 5 %.
    pub max_delete: Option<MaxDelete>,
    /// How progress is shown.
    pub progress: Show,
    /// Say nothing but errors and warnings.
    pub quiet: bool,
}

/// What a pass came to, as JSON.
#[derive(Debug, Serialize)]
struct Outcome {
    r#type: &'static str,
    far: Counts,
    near: Counts,
    conflicts: usize,
    /// Messages that `--max-bytes` has left for a later run.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<usize>,
}

/// Makes two stores equal as far as the job wants it.
///
/// # Errors
/// The stores', the state's and the output's; a [`crate::ui::Failure`] where the brake or a
/// missing root stopped it. What was done until then is recorded.
pub async fn pass(
    stores: Both<Box<dyn Store>>,
    state: &mut State,
    job: &Job,
    out: &mut Output,
) -> anyhow::Result<Exit> {
    let mut pairs = vec![Pair::new(stores)];
    let pair = &mut pairs[0];
    if !job.dry_run {
        state.choose(&job.scope.choice.mark)?;
    }
    let mut plan = plan::plan(pair, state, &job.scope, !job.dry_run).await?;
    if job.dry_run {
        plan.print(out)?;
        if let Err(failure) = plan.brake(job.max_delete) {
            report::warning(&format!("the run itself would stop: {failure}"));
        }
        pair.finish().await?;
        return Ok(Exit::Ok);
    }
    plan.brake(job.max_delete)?;
    tell(&plan, job, out);
    let total: usize = Side::BOTH.iter().map(|side| plan.counts(*side).copied).sum();
    let mut progress = Progress::new(job.progress, "sync", Some(total as u64));
    let done = apply::apply(&mut pairs, state, &mut plan, &mut progress).await;
    progress.finish();
    let mut done = done?;
    done.near.expired = expire::expire(&mut pairs[0], state, &plan).await?;
    plan.print_conflicts(out)?;
    let conflicts = plan.conflicts();
    if out.format() == Format::Json {
        let (far, near) = (done.far, done.near);
        let left = Some(plan.left).filter(|left| *left > 0);
        out.json(&Outcome { r#type: "result", far, near, conflicts, left })?;
    }
    for pair in &mut pairs {
        pair.finish().await?;
    }
    if plan.left > 0 {
        let message = format!("{} messages are left, for --max-bytes was reached", plan.left);
        let hint = "run sync again once more may pass: it goes on where it stopped";
        return Err(Failure::new(Exit::Throttled, message).hint(hint).into());
    }
    Ok(if conflicts > 0 { Exit::Conflicts } else { Exit::Ok })
}

/// Says to people what is about to be changed.
fn tell(plan: &Plan, job: &Job, out: &Output) {
    let is_nothing = Side::BOTH.iter().all(|side| plan.counts(*side).is_empty());
    if !job.quiet && !is_nothing && out.format() != Format::Json {
        report::note(&plan.words());
    }
}
