//! `--keep-last`: messages that leave the near side and stay on the far one.
//!
//! A message that is gone from near looks like one that was deleted there. So it is written
//! down first that it is to leave; while that stands, its absence is never carried over. What
//! is written down is crossed out, together with the message's row, once it is gone: then the
//! far message is one that near never had.

use std::collections::HashSet;

use super::diff::{Action, Side};
use super::pair::Pair;
use super::plan::Plan;
use super::scan::FolderPlan;
use super::state::State;
use crate::store::{Deleted, Id};
use crate::ui::report;

/// Messages in one command and one transaction.
const BATCH: usize = 1000;

/// Takes what an earlier run has begun to let go out of the merge: such a message is let go
/// for good, or is still there and goes now.
///
/// # Errors
/// The state's.
pub fn take_up(state: &State, folder: &mut FolderPlan) -> crate::state::Result<()> {
    let Some(known) = folder.known.as_ref().filter(|_| !folder.rows.is_empty()) else {
        return Ok(());
    };
    let leaving: HashSet<i64> = state.leaving(known.key)?.into_iter().collect();
    if leaving.is_empty() {
        return Ok(());
    }
    let rows = &folder.rows;
    let is_leaving = |row: usize| rows[row].key.is_some_and(|key| leaving.contains(&key));
    let mut present: HashSet<usize> = (0..rows.len()).filter(|at| is_leaving(*at)).collect();
    let mut kept = HashSet::new();
    for action in &mut folder.outcome.actions {
        let (row, is_gone) = match action {
            Action::Delete { side: Side::Far, row: Some(row), .. } => (*row, true),
            Action::Copy { to: Side::Near, row: Some(row), id, .. } => {
                // It was changed far since: no conflict, for nobody has deleted it.
                if is_leaving(*row) {
                    kept.insert(id.clone());
                }
                (*row, true)
            }
            Action::Delete { row: Some(row), .. } | Action::Forget { row } => (*row, false),
            Action::Copy { row: Some(row), .. } => {
                present.remove(row);
                continue;
            }
            _ => continue,
        };
        if is_leaving(row) {
            present.remove(&row);
            if is_gone {
                *action = Action::Forget { row };
            }
        }
    }
    folder.outcome.conflicts.retain(|conflict| !kept.contains(&conflict.kept));
    let mut present: Vec<usize> = present.into_iter().collect();
    present.sort_unstable();
    folder.expired.extend(present);
    Ok(())
}

/// Lets go of what the plan names; how many messages. All copies are made by now.
///
/// # Errors
/// The stores' and the state's.
pub async fn expire(pair: &mut Pair, state: &mut State, plan: &Plan) -> anyhow::Result<usize> {
    let mut gone = 0;
    for folder in plan.folders.iter().filter(|folder| !folder.expired.is_empty()) {
        let found = pair.select(Side::Near, &folder.names.near, true).await?;
        if folder.status.near.is_some_and(|status| status.uid_validity != found.uid_validity) {
            continue;
        }
        let doomed: Vec<(i64, Id)> = folder
            .expired
            .iter()
            .filter_map(|at| {
                let row = folder.rows.get(*at)?;
                Some((row.key?, row.ids.near.clone()))
            })
            .collect();
        for batch in doomed.chunks(BATCH) {
            let (keys, ids): (Vec<i64>, Vec<Id>) = batch.iter().cloned().unzip();
            state.let_go(&keys)?;
            match pair.store(Side::Near).delete(&ids).await? {
                Deleted::Gone => {
                    state.forget(&keys)?;
                    gone += ids.len();
                }
                Deleted::Marked | Deleted::AtFinish => report::warning(&format!(
                    "{} messages of {} on the near side are marked as deleted, but could not be \
                     expunged without those of others",
                    ids.len(),
                    folder.name
                )),
            }
        }
    }
    Ok(gone)
}
