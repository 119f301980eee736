//! What becomes of folders as a whole: which are new, which were renamed or deleted on one
//! side, and which are subscribed to.
//!
//! A folder that was renamed is known by its identity (MAILBOXID, the directory of a Maildir);
//! where a server tells none, by UIDVALIDITY and by its messages. That a folder was deleted is
//! believed only when it is missing from two listings, and never of INBOX.

use std::collections::{BTreeMap, HashSet};

use super::diff::{Both, Mode, Side};
use super::find::contents;
use super::pair::Pair;
use super::plan::{Gone, Scope, list};
use super::scan::{Fate, Wanted};
use super::state::{KnownFolder, State};
use crate::store::{Folder, Id, What};

/// Messages by whose headers a folder is known again.
const SAMPLE: usize = 8;

/// The folders of both sides, by name.
pub type Listed = Both<BTreeMap<String, Folder>>;

/// A folder that gets another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// Where that has to be done; `None`: both sides have done it, and only the state has not.
    pub side: Option<Side>,
    /// Key of the folder in the state.
    pub key: i64,
    /// Its name until now.
    pub from: String,
    /// Its name from now on.
    pub to: String,
}

/// Folders that were renamed on one side since they were last seen, in the order of their old
/// names: a folder comes before those below it.
///
/// # Errors
/// The stores' and the state's.
pub async fn renamed(
    pair: &mut Pair,
    state: &State,
    listed: &Listed,
    known: &BTreeMap<String, KnownFolder>,
    mode: Mode,
) -> anyhow::Result<Vec<Rename>> {
    let has =
        |side: Side, name: &str| listed.of(side).get(name).is_some_and(|folder| folder.selectable);
    let mut found: Both<BTreeMap<&str, String>> = Both::default();
    for side in Side::BOTH {
        let mut fresh: Vec<(&String, &Folder)> = listed
            .of(side)
            .iter()
            .filter(|(name, folder)| folder.selectable && !known.contains_key(*name))
            .collect();
        for (name, folder) in known {
            if has(side, name) || name == "INBOX" || fresh.is_empty() {
                continue;
            }
            let at = match folder.mailbox_ids.of(side) {
                Some(id) => fresh.iter().position(|(_, one)| one.mailbox_id.as_ref() == Some(id)),
                None => by_content(pair, state, side, folder, &fresh).await?,
            };
            if let Some(at) = at {
                found.of_mut(side).insert(name, fresh.swap_remove(at).0.clone());
            }
        }
    }
    let mut renames = Vec::new();
    for (name, folder) in known {
        let (far, near) = (found.far.get(name.as_str()), found.near.get(name.as_str()));
        let can = |side: Side, to: &str| mode.changes(side) && mode != Mode::Copy && !has(side, to);
        let of = |side: Option<Side>, from: &str, to: &str| Rename {
            side,
            key: folder.key,
            from: from.to_owned(),
            to: to.to_owned(),
        };
        renames.extend(match (far, near) {
            (Some(far), Some(near)) if far == near => Some(of(None, name, far)),
            // Both have given it a name: far's is taken, where near can have it.
            (Some(far), Some(near)) if can(Side::Near, far) => {
                Some(of(Some(Side::Near), near, far))
            }
            (Some(far), Some(near)) if can(Side::Far, near) => Some(of(Some(Side::Far), far, near)),
            (Some(to), None) if has(Side::Near, name) && can(Side::Near, to) => {
                Some(of(Some(Side::Near), name, to))
            }
            (None, Some(to)) if has(Side::Far, name) && can(Side::Far, to) => {
                Some(of(Some(Side::Far), name, to))
            }
            _ => None,
        });
    }
    Ok(renames)
}

/// The place, among new folders, of one that has most of the messages of a folder that is gone.
async fn by_content(
    pair: &mut Pair,
    state: &State,
    side: Side,
    gone: &KnownFolder,
    fresh: &[(&String, &Folder)],
) -> anyhow::Result<Option<usize>> {
    let rows = state.rows(gone.key)?;
    let known = gone.sides.of(side);
    if rows.is_empty() || known.uid_validity == 0 {
        return Ok(None);
    }
    for (at, (name, folder)) in fresh.iter().enumerate() {
        let told = folder.status.map(|status| status.uid_validity);
        if folder.mailbox_id.is_some() || told.is_some_and(|told| told != known.uid_validity) {
            continue;
        }
        let status = pair.select_anew(side, name, false).await?;
        if status.uid_validity != known.uid_validity {
            continue;
        }
        let there: HashSet<Id> =
            pair.store(side).list().await?.into_iter().map(|message| message.id).collect();
        let held: Vec<_> = rows.iter().filter(|row| there.contains(row.ids.of(side))).collect();
        if held.is_empty() || held.len() * 2 < rows.len() {
            continue;
        }
        // Numbers alone prove nothing: many folders have a message 1.
        let step = held.len().div_ceil(SAMPLE);
        let sample: Vec<_> = held.into_iter().step_by(step).collect();
        let keys: Vec<i64> = sample.iter().filter_map(|row| row.key).collect();
        let marks = state.marks(&keys)?;
        let ids: Vec<Id> = sample.iter().map(|row| row.ids.of(side).clone()).collect();
        let headers = contents(pair.seat(side), &ids, &What::Headers).await?;
        let is_same = headers.len() == marks.len()
            && headers.iter().zip(&marks).all(|((_, now), then)| then.header == Some(now.header));
        if is_same {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Says what becomes of each folder, and leaves out those with which nothing is to be done.
/// The second list has those that are left alone though a side has lost them, the third the
/// keys of folders that no side has any more.
///
/// # Errors
/// The stores', where a folder is looked for again.
pub async fn decide(
    pair: &mut Pair,
    scope: &Scope,
    wanted: Vec<Wanted>,
) -> anyhow::Result<(Vec<Wanted>, Vec<Gone>, Vec<i64>)> {
    let mode = scope.mode;
    let is_one_folder = scope.only.far.is_some() || scope.only.near.is_some();
    let (mut kept, mut gone, mut forgotten) = (Vec::new(), Vec::new(), Vec::new());
    let mut again: Option<Listed> = None;
    for mut one in wanted {
        let is_missing =
            |side: Side| one.listed.of(side).as_ref().is_none_or(|folder| !folder.selectable);
        let side = match (is_missing(Side::Far), is_missing(Side::Near)) {
            (false, false) => {
                kept.push(one);
                continue;
            }
            (true, true) => {
                forgotten.extend(one.known.map(|known| known.key).filter(|_| !is_one_folder));
                continue;
            }
            (true, false) => Side::Far,
            (false, true) => Side::Near,
        };
        // A directory where nothing is any more, as where a disk is not mounted.
        let is_hollow = one.listed.of(side).is_some();
        *one.listed.of_mut(side) = None;
        let other = side.other();
        let is_known = one.known.is_some();
        one.fate = match mode {
            Mode::Mirror if side == Side::Near => Fate::Created(side),
            Mode::Mirror if is_one_folder || one.name == "INBOX" => Fate::Stays,
            Mode::Mirror => Fate::Removed(other),
            _ if !is_known && mode.changes(side) => Fate::Created(side),
            _ if !is_known => continue,
            _ if mode == Mode::Copy
                || !mode.changes(other)
                || is_one_folder
                || is_hollow
                || one.name == "INBOX" =>
            {
                gone.push(Gone { folder: one.name, from: side });
                continue;
            }
            _ => Fate::Removed(other),
        };
        if is_known && matches!(one.fate, Fate::Removed(_)) {
            if again.is_none() {
                again = Some(list(pair, scope).await?);
            }
            let second = again.as_ref().and_then(|all| all.of(side).get(one.names.of(side)));
            if let Some(second) = second.filter(|folder| folder.selectable) {
                *one.listed.of_mut(side) = Some(second.clone());
                one.fate = Fate::Stays;
            }
        }
        kept.push(one);
    }
    Ok((kept, gone, forgotten))
}

/// Whether a folder is subscribed to from now on, and what to change where. `known`: what both
/// sides had; a side that is `None` does not tell.
pub fn subscription(
    known: Option<bool>,
    now: Both<Option<bool>>,
    mode: Mode,
) -> (Both<Option<bool>>, Option<bool>) {
    let wanted = match (now.far, now.near, known) {
        (None, None, _) => return (Both::default(), None),
        (Some(one), None, _) | (None, Some(one), _) => one,
        (Some(far), Some(_), _) if mode == Mode::Mirror => far,
        (Some(far), Some(near), None) => far || near,
        (Some(far), Some(near), Some(known)) => {
            if far != known {
                far
            } else {
                near
            }
        }
    };
    let mut change: Both<Option<bool>> = Both::default();
    let mut is_same = true;
    for side in Side::BOTH {
        if now.of(side).is_none_or(|now| now == wanted) {
            continue;
        }
        if mode.changes(side) && (mode != Mode::Copy || wanted) {
            *change.of_mut(side) = Some(wanted);
        } else {
            is_same = false;
        }
    }
    (change, is_same.then_some(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_merge_like_flags() {
        let both = |far, near| Both { far: Some(far), near: Some(near) };
        let two = |known, now| subscription(known, now, Mode::TwoWay);
        assert_eq!(two(None, both(true, false)).0, Both { far: None, near: Some(true) });
        assert_eq!(two(Some(true), both(false, true)).0, Both { far: None, near: Some(false) });
        assert_eq!(two(Some(false), both(false, true)).0, Both { far: Some(true), near: None });
        assert_eq!(two(Some(true), both(true, true)), (Both::default(), Some(true)));
        // A side that keeps no subscriptions changes nothing on the other.
        let silent = Both { far: Some(true), near: None };
        assert_eq!(two(Some(false), silent), (Both::default(), Some(true)));
        // What a pull does not carry over is not forgotten.
        assert_eq!(
            subscription(Some(false), both(false, true), Mode::Pull),
            (Both::default(), None)
        );
        assert_eq!(
            subscription(Some(true), both(false, true), Mode::Copy),
            (Both::default(), None)
        );
    }
}
