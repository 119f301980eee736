//! One pass over two connected stores: plan, brake, apply, result.

use serde::Serialize;

use super::apply;
use super::brake::MaxDelete;
use super::diff::{Both, Side};
use super::expire;
use super::pair::Pair;
use super::places::More;
use super::plan::{self, Plan, Scope};
use super::planfile::Origin;
use super::record::{self, Counts};
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
    /// What was asked for, for a plan that is to be carried out later.
    pub origin: Origin,
}

/// What a pass came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// What was done to the far side.
    pub far: Counts,
    /// What was done to the near side.
    pub near: Counts,
    /// Decisions that the user should know of.
    pub conflicts: usize,
    /// Messages that `--max-bytes` has left for a later run.
    #[serde(skip_serializing_if = "record::is_none")]
    pub left: usize,
}

impl Done {
    /// How the run ends.
    ///
    /// # Errors
    /// A [`Failure`] with [`Exit::Throttled`] where something is left.
    pub fn exit(&self) -> Result<Exit, Failure> {
        if self.left > 0 {
            let message = format!("{} messages are left, for --max-bytes was reached", self.left);
            let hint = "run sync again once more may pass: it goes on where it stopped";
            return Err(Failure::new(Exit::Throttled, message).hint(hint));
        }
        Ok(if self.conflicts > 0 { Exit::Conflicts } else { Exit::Ok })
    }

    /// Whether nothing was done.
    pub fn is_nothing(&self) -> bool {
        self.far.is_empty() && self.near.is_empty()
    }

    /// Prints it, as JSON; people have been told before.
    ///
    /// # Errors
    /// The output's.
    pub fn print(&self, out: &mut Output) -> anyhow::Result<()> {
        #[derive(Serialize)]
        struct Outcome {
            r#type: &'static str,
            #[serde(flatten)]
            done: Done,
        }
        if out.format() == Format::Json {
            out.json(&Outcome { r#type: "result", done: *self })?;
        }
        Ok(())
    }
}

/// Makes two stores equal as far as the job wants it, and ends their sessions. `more` opens
/// them once more, where that helps.
///
/// # Errors
/// The stores', the state's and the output's; a [`Failure`] where the brake or a
/// missing root stopped it. What was done until then is recorded.
pub async fn pass(
    stores: Both<Box<dyn Store>>,
    state: &mut State,
    job: &Job,
    more: Option<&More<'_>>,
    out: &mut Output,
) -> anyhow::Result<Exit> {
    let mut pair = Pair::new(stores);
    let done = over(&mut pair, state, job, more, out).await?;
    if !job.dry_run {
        done.print(out)?;
    }
    pair.finish().await?;
    Ok(done.exit()?)
}

/// As [`pass`], over sessions that go on, and without printing what it came to.
///
/// # Errors
/// As [`pass`].
pub async fn over(
    pair: &mut Pair,
    state: &mut State,
    job: &Job,
    more: Option<&More<'_>>,
    out: &mut Output,
) -> anyhow::Result<Done> {
    let plan = look(pair, state, job).await?;
    if job.dry_run {
        plan.print(&job.origin, out)?;
        if let Err(failure) = plan.brake(job.max_delete) {
            report::warning(&format!("the run itself would stop: {failure}"));
        }
        return Ok(Done::default());
    }
    carry_out(pair, state, plan, job, more, out).await
}

/// Looks at both sides, and plans.
///
/// # Errors
/// The stores' and the state's; a [`Failure`] where a root is missing.
pub async fn look(pair: &mut Pair, state: &mut State, job: &Job) -> anyhow::Result<Plan> {
    if !job.dry_run {
        state.choose(&job.scope.choice.mark)?;
    }
    let plan = plan::plan(pair, state, &job.scope, !job.dry_run).await?;
    if !job.dry_run && !job.scope.is_one_folder() {
        // What is made in this run, too, is looked for under this name from then on.
        let made = Side::BOTH.into_iter().flat_map(|side| plan.create.of(side));
        let made = made.chain(plan.rename.iter().map(|rename| &rename.to));
        let known = state.folders()?;
        let names = known.keys().chain(made).map(|far| (far.clone(), job.scope.near_of(far)));
        let names = names.filter(|(far, near)| far != near).collect();
        state.call(&names)?;
    }
    Ok(plan)
}

/// Does what a plan says.
///
/// # Errors
/// The stores', the state's and the output's; a [`Failure`] where the brake stopped it before
/// anything was changed.
pub async fn carry_out(
    pair: &mut Pair,
    state: &mut State,
    mut plan: Plan,
    job: &Job,
    more: Option<&More<'_>>,
    out: &mut Output,
) -> anyhow::Result<Done> {
    plan.brake(job.max_delete)?;
    tell(&plan, job, out);
    let total: usize = Side::BOTH.iter().map(|side| plan.counts(*side).copied).sum();
    let mut progress = Progress::new(job.progress, "sync", Some(total as u64));
    let done = apply::apply(pair, more, state, &mut plan, &mut progress).await;
    progress.finish();
    let Both { far, mut near } = done?;
    near.expired = expire::expire(pair, state, &plan).await?;
    plan.print_conflicts(out)?;
    Ok(Done { far, near, conflicts: plan.conflicts(), left: plan.left })
}

/// Says to people what is about to be changed.
fn tell(plan: &Plan, job: &Job, out: &Output) {
    let is_nothing = Side::BOTH.iter().all(|side| plan.counts(*side).is_empty());
    if !job.quiet && !is_nothing && out.format() != Format::Json {
        report::note(&plan.words());
    }
}
