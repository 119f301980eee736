//! From the command line to a pass: what the locations mean, where the state lies.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::args::Args;
use super::diff::{Both, Side};
use super::pass::{Job, pass};
use super::plan::Scope;
use super::state::State;
use crate::base::location::Location;
use crate::open::{self, Context, Create, EndpointOptions};
use crate::state;
use crate::store::memory::{Account, Memory};
use crate::store::{Store, system_clock};
use crate::ui::{Exit, Failure, Output};

/// Makes two places equal.
///
/// # Errors
/// A [`Failure`] for wrong arguments, a pair that another run works on (75), the brake (82);
/// else the stores'.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    let locations = Both {
        far: as_maildir(Location::parse(&args.far)?),
        near: as_maildir(Location::parse(&args.near)?),
    };
    let options = options(&args, &locations)?;
    let names = Both { far: identity(&locations.far), near: identity(&locations.near) };
    if names.far == names.near {
        return Err(Failure::usage("both locations are the same").into());
    }
    let mut state = open_state(&args, &names)?;
    // What was there before and is not there now is missing, and not made again.
    let is_new = state.folders()?.is_empty();
    let opening = match (is_new, args.dry_run) {
        (false, _) => Opening::Existing,
        (true, false) => Opening::Made,
        (true, true) => Opening::Imagined,
    };
    let (far, far_folder) = open_side(&locations.far, &options.far, opening, context).await?;
    let (near, near_folder) = open_side(&locations.near, &options.near, opening, context).await?;
    let job = Job {
        scope: Scope {
            mode: args.way.mode(),
            only: Both { far: far_folder, near: near_folder },
            patterns: args.folder.clone(),
            exclude: args.exclude.clone(),
        },
        dry_run: args.dry_run,
        max_delete: args.max_delete,
        progress: context.progress,
        quiet: context.quiet,
    };
    pass(Both { far, near }, &mut state, &job, out).await
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

/// Opens one side; the folder that its location names.
async fn open_side(
    location: &Location,
    options: &EndpointOptions,
    opening: Opening,
    context: &Context,
) -> Result<(Box<dyn Store>, Option<String>)> {
    if let Location::Maildir(path) | Location::Mbox(path) = location
        && opening == Opening::Imagined
        && is_nothing(&open::local_path(path))
    {
        return Ok((Box::new(Memory::new(Account::shared(1, system_clock()))?), None));
    }
    let create = if opening == Opening::Made { Create::Yes } else { Create::No };
    let opened = open::open_mail(location, options, create, context).await?;
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
fn open_state(args: &Args, names: &Both<String>) -> state::Result<State> {
    let path = match &args.state {
        Some(path) => path.clone(),
        None => State::usual_path(names)?,
    };
    if args.dry_run && !path.exists() {
        return State::in_memory(names);
    }
    State::open(&path, names)
}

/// Each side's endpoint options: unprefixed ones are those of the only server.
fn options(args: &Args, locations: &Both<Location>) -> Result<Both<EndpointOptions>> {
    let mut options =
        Both { far: args.far_server.options.clone(), near: args.near_server.options.clone() };
    for side in Side::BOTH {
        if let Some(name) = options.of(side).first_given()
            && locations.of(side).is_local()
        {
            let message = format!("--{side}-{name}: the {side} side is not a server");
            return Err(Failure::usage(message).into());
        }
    }
    let Some(name) = args.server.options.first_given() else { return Ok(options) };
    let mut servers = Side::BOTH.into_iter().filter(|side| !locations.of(*side).is_local());
    match (servers.next(), servers.next()) {
        (Some(side), None) => {
            if let Some(other) = options.of(side).first_given() {
                let message = format!("--{name} and --{side}-{other} are for the same server");
                return Err(Failure::usage(message).into());
            }
            *options.of_mut(side) = args.server.options.clone();
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
