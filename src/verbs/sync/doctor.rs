//! `sync doctor`: looks after what is remembered of a pair, takes over other programs' trees,
//! and finds messages that a folder has twice.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::adopt::adopt;
use super::args::{Doctor, What};
use super::diff::{Action, Both, Side};
use super::pair::Pair;
use super::places;
use super::plan::{self, Scope};
use super::state::State;
use super::verify::{Held, contents};
use crate::base::location::Location;
use crate::open::Context;
use crate::state;
use crate::store::pattern::canonical;
use crate::store::{Deleted, FlagChange, Flags, Id};
use crate::ui::{Exit, Format, Output, Progress, report};

pub use super::adopt::Program;

/// What was mended, as JSON.
#[derive(Debug, Serialize)]
struct Mended<'a> {
    r#type: &'static str,
    /// The folder; left out for what is about the whole state.
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<&'a str>,
    text: String,
}

/// A message that is in its folder twice, as JSON.
#[derive(Debug, Serialize)]
struct Duplicate<'a> {
    r#type: &'static str,
    side: Side,
    folder: &'a str,
    message: &'a str,
    of: &'a str,
    deleted: bool,
}

/// Looks after a pair.
///
/// # Errors
/// A [`crate::ui::Failure`] for options that do not fit; the state's, the stores' and the
/// output's.
pub async fn run(
    places: Both<Location>,
    what: &What,
    doctor: &Doctor,
    context: &Context,
    out: &mut Output,
) -> Result<Exit> {
    let locations = places::located(Both { far: places.far.clone(), near: places.near.clone() });
    let options = places::options(what, &locations)?;
    let names = places::identities(&locations)?;
    let mut state = sound_state(what, &names, context, out)?;
    if let Some(program) = doctor.adopt {
        let from = doctor.adopt_state.as_deref();
        return adopt(program, from, (&locations, &options), what, &mut state, context, out).await;
    }
    let (stores, scope) = places::existing(locations, what, context).await?;
    let mut pair = Pair::new(stores);
    let exit = if doctor.dedupe {
        let mut progress = Progress::new(context.progress, "read", None);
        let exit = dedupe(&mut pair, &state, &scope, doctor.force, &mut progress, out).await;
        progress.finish();
        exit?
    } else {
        mend(&mut pair, &mut state, &scope, out).await?
    };
    pair.finish().await?;
    Ok(exit)
}

/// The state of the pair. One that is no state any more is put aside, and begun anew: then both
/// sides are bound together by what they hold.
fn sound_state(
    what: &What,
    names: &Both<String>,
    context: &Context,
    out: &mut Output,
) -> Result<State> {
    let path = match &what.state {
        Some(path) => path.clone(),
        None => State::usual_path(names)?,
    };
    let opened = places::open_state(what, names, context)
        .and_then(|mut state| state.check().map(|doubled| (state, doubled)));
    let error = match opened {
        Ok((state, doubled)) => {
            if doubled > 0 {
                let text = format!("{doubled} rows were for a message that had one: forgotten");
                tell(out, None, text)?;
            }
            return Ok(state);
        }
        Err(error) => error,
    };
    if !is_damage(&error) || is_of_another_pair(&path) {
        return Err(error.into());
    }
    let aside = put_aside(&path).with_context(|| format!("cannot put {} aside", path.display()))?;
    let text = format!("{error}: put aside as {}, and begun anew", aside.display());
    tell(out, None, text)?;
    Ok(places::open_state(what, names, context)?)
}

/// Whether the file itself is what is wrong.
fn is_damage(error: &state::Error) -> bool {
    use rusqlite::ErrorCode as Code;
    match error {
        state::Error::Foreign { .. } => true,
        state::Error::Sqlite { source, .. } => {
            matches!(source.sqlite_error_code(), Some(Code::DatabaseCorrupt | Code::NotADatabase))
        }
        _ => false,
    }
}

/// Whether the file is a state, or something else that is whole: not ours to put aside.
fn is_of_another_pair(path: &Path) -> bool {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    rusqlite::Connection::open_with_flags(path, flags)
        .and_then(|db| db.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0)))
        .is_ok_and(|verdict| verdict == "ok")
}

/// Gives a file, and what SQLite keeps beside it, a name that is free.
fn put_aside(path: &Path) -> std::io::Result<PathBuf> {
    let with = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let mut number = 1;
    let ending = loop {
        let ending = format!(".broken-{number}");
        if !with(&ending).exists() {
            break ending;
        }
        number += 1;
    };
    std::fs::rename(path, with(&ending))?;
    for beside in ["-wal", "-shm", "-journal"] {
        match std::fs::rename(with(beside), with(&format!("{ending}{beside}"))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(with(&ending))
}

fn tell(out: &mut Output, folder: Option<&str>, text: String) -> Result<()> {
    match (out.format(), folder) {
        (Format::Json, folder) => out.json(&Mended { r#type: "mended", folder, text })?,
        (_, Some(folder)) => out.line(&format!("{folder}: {text}"))?,
        (_, None) => out.line(&text)?,
    }
    Ok(())
}

/// Brings what is remembered of each folder to what both sides hold: messages are bound to each
/// other by content, copies that were begun are taken up, and what neither side has is
/// forgotten. No message is touched.
async fn mend(pair: &mut Pair, state: &mut State, scope: &Scope, out: &mut Output) -> Result<Exit> {
    let mut plan = plan::plan(pair, state, scope, false).await?;
    let mut mended = 0;
    for folder in &mut plan.folders {
        let (Some(far), Some(near)) = (folder.status.far, folder.status.near) else { continue };
        let opening = std::mem::take(&mut folder.opening);
        let (dropped, begun) = (opening.dropped_rows.len(), opening.dropped_intents.len());
        let bound = opening.changed_rows.len();
        if !opening.is_empty() {
            let generations = Both { far: far.uid_validity, near: near.uid_validity };
            let (name, ids) = (&folder.name, &folder.mailbox_ids);
            state.open_folder(name, generations, ids, &opening, &mut folder.rows)?;
        }
        let forgotten: Vec<i64> = folder
            .outcome
            .actions
            .iter()
            .filter_map(|action| match action {
                Action::Forget { row } => folder.rows[*row].key,
                _ => None,
            })
            .collect();
        state.forget(&forgotten)?;
        for (count, text) in [
            (bound, "messages bound to each other"),
            (dropped + forgotten.len(), "messages forgotten that are gone"),
            (begun, "copies settled that a run had begun"),
        ] {
            if count > 0 {
                mended += 1;
                tell(out, Some(&folder.name), format!("{count} {text}"))?;
            }
        }
    }
    if mended == 0 && out.format() != Format::Json {
        out.line("the state is sound")?;
    }
    Ok(Exit::Ok)
}

/// Lists, and with `force` deletes, what a folder has more than once: the same content, octet by
/// octet but for line ends. The one that was synchronised first stays, and gets the flags of
/// all.
async fn dedupe(
    pair: &mut Pair,
    state: &State,
    scope: &Scope,
    force: bool,
    progress: &mut Progress,
    out: &mut Output,
) -> Result<Exit> {
    let listed = plan::list(pair, scope).await?;
    let known = state.folders()?;
    let mut count = 0;
    for wanted in plan::choose(&listed, &BTreeMap::new(), scope) {
        let rows = match known.get(&canonical(&wanted.name)) {
            Some(folder) => state.rows(folder.key)?,
            None => Vec::new(),
        };
        for side in Side::BOTH {
            if wanted.listed.of(side).is_none() {
                continue;
            }
            let order: HashMap<&Id, usize> =
                rows.iter().enumerate().map(|(at, row)| (row.ids.of(side), at)).collect();
            pair.select(side, wanted.names.of(side), force).await?;
            let found = contents(pair.store(side), progress).await?;
            let mut doomed: Vec<Id> = Vec::new();
            let mut changes: Vec<FlagChange> = Vec::new();
            for mut same in found.into_values().filter(|same| same.len() > 1) {
                same.sort_by_key(|held| {
                    let number = held.id.0.parse().unwrap_or(u32::MAX);
                    (order.get(&held.id).copied().unwrap_or(usize::MAX), number, held.id.clone())
                });
                let Some((kept, others)) = same.split_first() else { continue };
                changes.extend(gathered(kept, others));
                for other in others {
                    count += 1;
                    print(out, side, &wanted.name, &other.id, &kept.id, force)?;
                    doomed.push(other.id.clone());
                }
            }
            if force && !doomed.is_empty() {
                pair.store(side).flag(&changes).await?;
                if pair.store(side).delete(&doomed).await? != Deleted::Gone {
                    report::warning(&format!(
                        "{} on the {side} side: the messages are marked as deleted, but could \
                         not be expunged without those of others",
                        wanted.name
                    ));
                }
            }
        }
    }
    if out.format() != Format::Json {
        let what = if force { "deleted" } else { "would be deleted: --force does it" };
        match count {
            0 => out.line("no message is in a folder twice")?,
            count => out.line(&format!("{count} messages {what}"))?,
        }
    }
    Ok(Exit::Ok)
}

/// What the copy that stays has to get from the others.
fn gathered(kept: &Held, others: &[Held]) -> Option<FlagChange> {
    let mut add = Flags::new();
    for flag in others.iter().flat_map(|other| other.flags.iter()) {
        if !kept.flags.has(flag.name()) && !flag.name().eq_ignore_ascii_case("\\Deleted") {
            add.insert(flag.name());
        }
    }
    let change = FlagChange { ids: vec![kept.id.clone()], add, remove: Flags::new() };
    (!change.add.is_empty()).then_some(change)
}

fn print(
    out: &mut Output,
    side: Side,
    folder: &str,
    message: &Id,
    of: &Id,
    deleted: bool,
) -> Result<()> {
    match out.format() {
        Format::Json => {
            let (message, of) = (&message.0, &of.0);
            out.json(&Duplicate { r#type: "duplicate", side, folder, message, of, deleted })?;
        }
        _ => out.line(&format!("duplicate {side} {folder} {message} of {of}"))?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_that_stays_gets_the_flags_of_all() {
        let held = |id: &str, flags: &[&str]| Held {
            id: Id::new(id.to_owned()),
            flags: flags.iter().collect(),
        };
        let others = [held("2", &["\\Flagged", "\\Deleted"]), held("3", &["work"])];
        let change = gathered(&held("1", &["\\Seen", "Work"]), &others).expect("a change");
        let names: Vec<&str> = change.add.iter().map(crate::store::Flag::name).collect();
        assert_eq!((&*change.ids[0].0, names), ("1", vec!["\\Flagged"]));
        assert_eq!(gathered(&held("1", &["\\Seen"]), &[held("2", &["\\seen"])]), None);
    }

    #[test]
    fn a_file_is_put_aside_under_a_free_name() {
        let dir = crate::state::testing::Dir::new();
        let path = dir.path().join("a.db");
        for number in [1, 2] {
            std::fs::write(&path, "x").expect("written");
            std::fs::write(dir.path().join("a.db-wal"), "y").expect("written");
            let aside = put_aside(&path).expect("moved");
            assert_eq!(aside, dir.path().join(format!("a.db.broken-{number}")));
            assert!(!path.exists() && !dir.path().join("a.db-wal").exists());
        }
    }
}
