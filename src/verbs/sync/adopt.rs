//! Taking over a tree that another program has kept, with what that program remembers of it:
//! which message is which on the far side, and the flags that both last had. Nothing is fetched,
//! and nothing is changed in the tree or in the other program's files.
//!
//! What the other program remembers of a folder counts only for the generation (UIDVALIDITY)
//! that the folder still has. A folder that it does not know, or knows otherwise, is bound by
//! content at the next run, like any other that was never synchronised.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use super::args::What;
use super::diff::{Both, Row};
use super::names::Names;
use super::state::{Opening, State};
use crate::base::location::Location;
use crate::open::{self, Context, Create, EndpointOptions, Mail};
use crate::store::maildir::token;
use crate::store::pattern::{canonical, matches, matches_any};
use crate::store::{Flags, Id, Spool as _, Store as _};
use crate::ui::{Exit, Failure, Format, Output};

mod mbsync;
mod offlineimap;

/// Programs whose trees can be taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Program {
    /// isync's mbsync.
    Mbsync,
    /// OfflineIMAP.
    Offlineimap,
}

/// A message that the other program knows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    /// Its UID at the server.
    far: u32,
    /// The number in its file's name (`,U=`).
    near: u32,
    /// The flags that both sides had.
    flags: Flags,
}

/// What the other program knows of a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Memory {
    /// The generation of the far UIDs.
    far_uid_validity: u32,
    /// Its messages.
    messages: Vec<Known>,
}

/// A folder of the tree, as the other program has to find it.
#[derive(Debug)]
struct Place<'a> {
    /// Its name in the tree.
    folder: &'a str,
    /// Its directory.
    directory: &'a Path,
    /// Numbers in the names of its files.
    numbers: &'a HashMap<u32, Id>,
    /// The far folder's generation now.
    far_uid_validity: u32,
    /// Where the other program keeps what it remembers, where that was said.
    state: Option<&'a Path>,
}

/// What became of one folder.
#[derive(Debug, Serialize)]
struct Adopted<'a> {
    r#type: &'static str,
    folder: &'a str,
    messages: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<String>,
}

/// Takes over the tree at the near place. `from`: where the other program keeps what it
/// remembers; `None`: where it does by itself.
///
/// # Errors
/// A [`Failure`]: 64 for places that cannot be such a pair, 65 where the pair has a state
/// already, 66 where the other program has left nothing; else the stores' and the state's.
pub async fn adopt(
    program: Program,
    from: Option<&Path>,
    places: (&Both<Location>, &Both<EndpointOptions>),
    what: &What,
    state: &mut State,
    context: &Context,
    out: &mut Output,
) -> Result<Exit> {
    let (locations, options) = places;
    if !state.folders()?.is_empty() {
        let message = "the pair has been synchronised before: nothing was taken over";
        let hint = format!("to begin anew, remove {}", state.path());
        return Err(Failure::new(Exit::Data, message).hint(hint).into());
    }
    let opened = open::open_mail(&locations.near, &options.near, Create::No, context).await?;
    let Mail::Maildir(mut near) = opened.mail else {
        return Err(Failure::usage(format!("{} is no Maildir", locations.near)).into());
    };
    let opened = open::open_mail(&locations.far, &options.far, Create::No, context).await?;
    let Mail::Imap(mut far, _) = opened.mail else {
        return Err(Failure::usage(format!("{} is no IMAP account", locations.far)).into());
    };
    let (there, here) = (far.folders(&[]).await?, near.folders(&[]).await?);
    let selection = &what.selection;
    let names = Names::new(&selection.rename, selection.special_use, &there, &here)?;
    let (mut folders, mut messages) = (0, 0);
    for folder in here.iter().filter(|folder| folder.selectable) {
        let Some(name) = names.far_of(&folder.name) else { continue };
        let is_wanted = matches_any(&what.folder, &name)
            && !what.exclude.iter().any(|pattern| matches(pattern, &name));
        if !is_wanted {
            continue;
        }
        let is_there = there.iter().any(|it| it.selectable && canonical(&it.name) == name);
        let taken = if is_there {
            let generation = far.select(&name, true).await?.uid_validity;
            let own = near.select(&folder.name, true).await?.uid_validity;
            let ids = near.list().await?.into_iter().map(|message| message.id);
            let numbers: HashMap<u32, Id> =
                ids.filter_map(|id| Some((token(&id)?.parse().ok()?, id))).collect();
            let directory = near.directory(&folder.name)?;
            let place = Place {
                folder: &folder.name,
                directory: &directory,
                numbers: &numbers,
                far_uid_validity: generation,
                state: from,
            };
            match remembered(program, &place)? {
                Ok(memory) => {
                    let mut rows = rows(memory, &numbers);
                    let changed_rows = (0..rows.len()).collect();
                    let opening = Opening { changed_rows, ..Opening::default() };
                    let generations = Both { far: generation, near: own };
                    state.open_folder(&name, generations, &Both::default(), &opening, &mut rows)?;
                    Ok(rows.len())
                }
                Err(why) => Err(why),
            }
        } else {
            let dotted = name.replace('.', "/");
            let is_dotted = there.iter().any(|it| canonical(&it.name) == dotted);
            let hint = if is_dotted { ": with --rename '/=.' it would be this one" } else { "" };
            Err(format!("the far side has no such folder{hint}"))
        };
        folders += usize::from(taken.is_ok());
        let count = *taken.as_ref().unwrap_or(&0);
        messages += count;
        match (out.format(), taken.err()) {
            (Format::Json, left) => {
                out.json(&Adopted { r#type: "adopted", folder: &name, messages: count, left })?;
            }
            (_, None) => out.line(&format!("{name}: {count} messages are taken over"))?,
            (_, Some(left)) => out.line(&format!("{name}: left as it is: {left}"))?,
        }
    }
    far.finish().await?;
    if folders == 0 {
        let message = "nothing was found that could be taken over";
        let hint = "--adopt-state names the place where the other program keeps what it remembers";
        return Err(Failure::new(Exit::NoInput, message).hint(hint).into());
    }
    if out.format() != Format::Json {
        out.line(&format!("{messages} messages in {folders} folders"))?;
    }
    Ok(Exit::Ok)
}

/// What the other program remembers of a folder, if that still counts; else why not.
fn remembered(program: Program, place: &Place<'_>) -> Result<Result<Memory, String>> {
    let memory = match program {
        Program::Mbsync => mbsync::memory(place)?,
        Program::Offlineimap => offlineimap::memory(place)?,
    };
    Ok(memory.and_then(|memory| {
        if memory.far_uid_validity == place.far_uid_validity {
            return Ok(memory);
        }
        Err(format!(
            "it was made anew since: its uidvalidity is {}, and was {}",
            place.far_uid_validity, memory.far_uid_validity
        ))
    }))
}

/// Rows of the state. A message whose file is gone was deleted since: it keeps a name that no
/// file has, so that the next run finds it missing, as the other program would have.
fn rows(memory: Memory, numbers: &HashMap<u32, Id>) -> Vec<Row> {
    let of = |known: Known| Row {
        key: None,
        ids: Both {
            far: Id::new(known.far.to_string()),
            near: match numbers.get(&known.near) {
                Some(id) => id.clone(),
                None => Id::new(format!("gone,U={}", known.near)),
            },
        },
        flags: known.flags,
    };
    memory.messages.into_iter().map(of).collect()
}

/// Flags from the letters of a Maildir's file name; others mean nothing here.
fn flags(letters: &str) -> Flags {
    let name = |letter| match letter {
        'D' => Some("\\Draft"),
        'F' => Some("\\Flagged"),
        'P' => Some("$Forwarded"),
        'R' => Some("\\Answered"),
        'S' => Some("\\Seen"),
        'T' => Some("\\Deleted"),
        _ => None,
    };
    letters.chars().filter_map(name).collect()
}

/// A folder of the user's home.
fn home(below: &str) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    Some(PathBuf::from(home).join(below))
}

/// What a file says; `None` where there is none.
fn text(path: &Path) -> Result<Option<String>> {
    match std::fs::read(path) {
        Ok(octets) => Ok(Some(String::from_utf8_lossy(&octets).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let message = format!("cannot read {}: {error}", path.display());
            Err(Failure::new(Exit::NoInput, message).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_gone_is_missing_and_not_forgotten() {
        let known = |far, near, letters: &str| Known { far, near, flags: flags(letters) };
        let memory =
            Memory { far_uid_validity: 1, messages: vec![known(7, 1, "FS"), known(8, 2, "")] };
        let numbers = HashMap::from([(1, Id::new("a,U=1"))]);
        let rows = rows(memory, &numbers);
        assert_eq!((&*rows[0].ids.far.0, &*rows[0].ids.near.0), ("7", "a,U=1"));
        assert!(rows[0].flags.has("\\Flagged") && rows[0].flags.has("\\Seen"));
        assert_eq!(&*rows[1].ids.near.0, "gone,U=2");
    }
}
