//! The two places of a pair: what their locations mean, where the state lies, and both sides
//! opened, with what the options put around them.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Result;

use super::args::What;
use super::around::{Around, Pace};
use super::diff::{Both, Mode, Side};
use super::names::Names;
use super::pair::Pair;
use super::pass::Job;
use super::plan::Scope;
use super::planfile::Origin;
use super::state::State;
use crate::base::location::Location;
use crate::open::{self, Ahead, Context, Create, EndpointOptions, Mail};
use crate::state;
use crate::store::memory::{Account, Memory};
use crate::store::{Store, system_clock};
use crate::ui::Failure;

/// Connections to each server where nothing else was asked for.
const CONNECTIONS: usize = 2;

/// A pair that is ready to be synchronised.
pub struct Ready<'c> {
    /// Both sides, connected.
    pub stores: Both<Box<dyn Store>>,
    /// What is remembered of them, locked.
    pub state: State,
    /// What is to be done.
    pub job: Job,
    /// What it takes to open both sides once more.
    pub more: More<'c>,
}

/// What it takes to open both sides of a pair once more, so that several folders can be worked
/// on at a time.
pub struct More<'c> {
    locations: Both<Location>,
    options: Both<EndpointOptions>,
    around: Both<Around>,
    connections: usize,
    context: &'c Context,
}

impl More<'_> {
    /// How often each side may be open, with the first time.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Which sides are servers.
    pub fn remote(&self) -> Both<bool> {
        Both { far: !self.locations.far.is_local(), near: !self.locations.near.is_local() }
    }

    /// Opens both sides.
    ///
    /// # Errors
    /// The stores', such as that of a server that allows no more connections.
    pub async fn open(&self) -> Result<Pair> {
        let open = async |side: Side| -> Result<Box<dyn Store>> {
            let (location, options) = (self.locations.of(side), self.options.of(side));
            let opening = Opening::Existing;
            let ahead = Ahead::Nothing;
            let (store, _) =
                open_side(location, options, (opening, ahead), false, self.context).await?;
            Ok(self.around.of(side).wrap(store))
        };
        let (far, near) = tokio::try_join!(open(Side::Far), open(Side::Near))?;
        Ok(Pair::new(Both { far, near }))
    }
}

/// Both locations as they are meant: a path with nothing there is a Maildir to be.
pub fn located(places: Both<Location>) -> Both<Location> {
    Both { far: as_maildir(places.far), near: as_maildir(places.near) }
}

/// What both locations are called in the state.
///
/// # Errors
/// A [`Failure`] (64) where they are the same.
pub fn identities(locations: &Both<Location>) -> Result<Both<String>, Failure> {
    let names = Both { far: identity(&locations.far), near: identity(&locations.near) };
    if names.far == names.near {
        return Err(Failure::usage("both locations are the same"));
    }
    Ok(names)
}

/// Opens both sides and the state of a pair.
///
/// # Errors
/// A [`Failure`] for options that do not fit; the state's and the stores'.
pub async fn ready<'c>(
    places: Both<Location>,
    what: &What,
    context: &'c Context,
) -> Result<Ready<'c>> {
    let locations = located(places);
    let options = options(what, &locations)?;
    let names = identities(&locations)?;
    let state = open_state(what, &names, context)?;
    // What was there before and is not there now is missing, and not made again.
    let is_new = state.folders()?.is_empty();
    let opening = match (is_new, what.dry_run) {
        (false, _) => Opening::Existing,
        (true, false) => Opening::Made,
        (true, true) => Opening::Imagined,
    };
    let (stores, only, around) = sides(&locations, &options, what, opening, context).await?;
    let job = Job {
        scope: Scope { names: around.near.names.clone(), ..scope(what, only)? },
        dry_run: what.dry_run,
        max_delete: what.max_delete,
        progress: context.progress,
        quiet: context.quiet,
        origin: Origin { from: names.far, to: names.near, options: what.words() },
    };
    let connections = what.selection.connections.unwrap_or(CONNECTIONS);
    let more = More { locations, options, around, connections, context };
    Ok(Ready { stores, state, job, more })
}

/// Opens two places that are there, without any state.
///
/// # Errors
/// A [`Failure`] for options that do not fit; the stores'.
pub async fn existing(
    places: Both<Location>,
    what: &What,
    context: &Context,
) -> Result<(Both<Box<dyn Store>>, Scope)> {
    let options = options(what, &places)?;
    let (stores, only, around) = sides(&places, &options, what, Opening::Existing, context).await?;
    Ok((stores, Scope { names: around.near.names, ..scope(what, only)? }))
}

/// Both sides, the folder that each one's location names, and what was put around them.
type Sides = (Both<Box<dyn Store>>, Both<Option<String>>, Both<Around>);

/// Opens both sides.
async fn sides(
    locations: &Both<Location>,
    options: &Both<EndpointOptions>,
    what: &What,
    opening: Opening,
    context: &Context,
) -> Result<Sides> {
    let weighs = what.selection.weighs();
    let opening = (opening, Ahead::Folders);
    let (far, far_folder) =
        open_side(&locations.far, &options.far, opening, weighs, context).await?;
    let (near, near_folder) =
        open_side(&locations.near, &options.near, opening, weighs, context).await?;
    let mut stores = Both { far, near };
    let around = around(&mut stores, what).await?;
    let stores = Both { far: around.far.wrap(stores.far), near: around.near.wrap(stores.near) };
    Ok((stores, Both { far: far_folder, near: near_folder }, around))
}

/// Which folders and messages, and which way.
fn scope(what: &What, only: Both<Option<String>>) -> Result<Scope> {
    let mode = what.way.mode();
    if only.near.is_some() && what.selection.renames() {
        let message = "a near folder that is named has its name: --rename and --special-use \
                       are for whole accounts";
        return Err(Failure::usage(message).into());
    }
    let mut exclude = what.exclude.clone();
    if mode == Mode::Mirror {
        // What was thrown away near is not far, and shall not be thrown away from there.
        exclude.extend(what.selection.trash.clone());
    }
    let choice = what.selection.choice(mode)?;
    Ok(Scope { mode, only, patterns: what.folder.clone(), exclude, choice, names: None })
}

/// What the options put around both sides.
async fn around(stores: &mut Both<Box<dyn Store>>, what: &What) -> Result<Both<Around>> {
    let selection = &what.selection;
    let names = if selection.renames() {
        let (far, near) = (stores.far.folders(&[]).await?, stores.near.folders(&[]).await?);
        Some(Rc::new(Names::new(&selection.rename, selection.special_use, &far, &near)?))
    } else {
        None
    };
    // What is read far is written near: once over the line is enough to be counted.
    let pace = selection.rate.map(|rate| Rc::new(Pace::new(rate)));
    let trash = selection.trash.clone();
    let far = Around { names: None, trash: trash.clone(), pace };
    let near = Around { names, trash, pace: None };
    Ok(Both { far, near })
}

/// What becomes of a local place that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// It is an error.
    Existing,
    /// It is made.
    Made,
    /// A dry run goes on as if it were made.
    Imagined,
}

/// Opens one side; the folder that its location names. `weighs`: the sizes of messages count.
async fn open_side(
    location: &Location,
    options: &EndpointOptions,
    (opening, ahead): (Opening, Ahead),
    weighs: bool,
    context: &Context,
) -> Result<(Box<dyn Store>, Option<String>)> {
    if let Location::Maildir(path) | Location::Mbox(path) = location
        && opening == Opening::Imagined
        && is_nothing(&open::local_path(path))
    {
        return Ok((Box::new(Memory::new(Account::shared(1, system_clock()))?), None));
    }
    let create = if opening == Opening::Made { Create::Yes } else { Create::No };
    let mut opened = open::open_mail_and(location, options, create, ahead, context).await?;
    if let Mail::Imap(account, _) = &mut opened.mail {
        account.set_with_sizes(weighs);
    }
    let folder = opened.folder.clone();
    match opened.into_store() {
        Some(store) => Ok((store, folder)),
        None => {
            let hint = "sync wants an account with `imap`, an IMAP URL, a Maildir or an mbox";
            let message = format!("{location} has no folders and flags");
            Err(Failure::usage(message).hint(hint).into())
        }
    }
}

/// Whether there is no file, and no folder with anything in it.
fn is_nothing(path: &Path) -> bool {
    match path.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !path.exists(),
    }
}

/// A path with nothing there becomes a Maildir: no other local mail has folders and flags.
fn as_maildir(location: Location) -> Location {
    match location {
        Location::Path(path) if is_nothing(&open::local_path(&path)) => Location::Maildir(path),
        other => other,
    }
}

/// The state of the pair; a dry run of a pair that has none yet leaves none behind.
///
/// # Errors
/// The state's.
pub fn open_state(what: &What, names: &Both<String>, context: &Context) -> state::Result<State> {
    let path = match &what.state {
        Some(path) => path.clone(),
        None => State::usual_path(names)?,
    };
    context.debug(|| format!("what was done is remembered in {}", path.display()));
    if what.dry_run && !path.exists() {
        return State::in_memory(names);
    }
    State::open(&path, names)
}

/// Each side's endpoint options: unprefixed ones are those of the only server.
///
/// # Errors
/// A [`Failure`] (64) for options of a side that is no server.
pub fn options(what: &What, locations: &Both<Location>) -> Result<Both<EndpointOptions>> {
    let mut options =
        Both { far: what.far_server.options.clone(), near: what.near_server.options.clone() };
    for side in Side::BOTH {
        if let Some(name) = options.of(side).first_given()
            && locations.of(side).is_local()
        {
            let message = format!("--{side}-{name}: the {side} side is not a server");
            return Err(Failure::usage(message).into());
        }
    }
    let Some(name) = what.server.options.first_given() else { return Ok(options) };
    let mut servers = Side::BOTH.into_iter().filter(|side| !locations.of(*side).is_local());
    match (servers.next(), servers.next()) {
        (Some(side), None) => {
            if let Some(other) = options.of(side).first_given() {
                let message = format!("--{name} and --{side}-{other} are for the same server");
                return Err(Failure::usage(message).into());
            }
            *options.of_mut(side) = what.server.options.clone();
            Ok(options)
        }
        (Some(_), Some(_)) => {
            let message = format!("--{name} could mean either side");
            let hint = format!("write --far-{name} or --near-{name}");
            Err(Failure::usage(message).hint(hint).into())
        }
        (None, _) => Err(Failure::usage(format!("--{name}: neither side is a server")).into()),
    }
}

/// Whether two locations are the same place.
pub fn are_same(one: &Location, other: &Location) -> bool {
    identity(one) == identity(other)
}

/// What a location is called in the state: the same however a path was spelled.
fn identity(location: &Location) -> String {
    let absolute = |path: &Path| absolute(&open::local_path(path));
    match location {
        // A Maildir is one whether its scheme was written or found out.
        Location::Maildir(path) | Location::Path(path) => {
            Location::Maildir(absolute(path)).to_string()
        }
        Location::Mbox(path) => Location::Mbox(absolute(path)).to_string(),
        Location::Eml(path) => Location::Eml(absolute(path)).to_string(),
        other => other.to_string(),
    }
}

/// The path from the root, without symbolic links as far as it exists: it has to be the same
/// before and after the first run has made it.
fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    for ancestor in path.ancestors() {
        if let Ok(found) = ancestor.canonicalize()
            && let Ok(rest) = path.strip_prefix(ancestor)
        {
            // Joining nothing would add a slash.
            return if rest.as_os_str().is_empty() { found } else { found.join(rest) };
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(word: &str) -> Location {
        Location::parse(word).expect("a location")
    }

    #[test]
    fn a_path_has_one_identity() {
        let spelled = identity(&location("maildir:no-such-folder-here"));
        assert_eq!(identity(&location("./no-such-folder-here")), spelled);
        assert_ne!(identity(&location("mbox:no-such-folder-here")), spelled);
        assert_eq!(identity(&location("work:Lists/a")), "work:Lists/a");
    }

    #[test]
    fn a_path_is_the_same_before_and_after_it_exists() {
        let dir = crate::state::testing::Dir::new();
        let real = dir.path().join("real");
        std::fs::create_dir(&real).expect("made");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        let before = absolute(&link.join("mail"));
        std::fs::create_dir(real.join("mail")).expect("made");
        assert_eq!(absolute(&link.join("mail")), before);
        assert_eq!(absolute(&real.join("mail")), before);
    }

    #[test]
    fn a_path_with_nothing_there_is_a_maildir() {
        let dir = crate::state::testing::Dir::new();
        let path = dir.path().join("mail");
        let of = || as_maildir(Location::Path(path.clone()));
        assert_eq!(of(), Location::Maildir(path.clone()));
        std::fs::create_dir(&path).expect("made");
        assert_eq!(of(), Location::Maildir(path.clone()));
        std::fs::write(path.join("x"), "x").expect("written");
        assert_eq!(of(), Location::Path(path.clone()));
        std::fs::remove_dir_all(&path).expect("gone");
        std::fs::write(&path, "").expect("written");
        assert_eq!(of(), Location::Path(path.clone()));
    }
}
