//! From the command line to a pass: what the locations mean, where the state lies.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::args::Args;
use super::diff::{Both, Side};
use super::pass::{Job, pass};
use super::plan::Scope;
use super::state::State;
use crate::base::location::{Location, expand_home};
use crate::open::{self, Context, EndpointOptions};
use crate::state;
use crate::ui::{Exit, Failure, Output, report};

/// Makes two places equal.
///
/// # Errors
/// A [`Failure`] for wrong arguments, a pair that another run works on (75), the brake (82);
/// else the stores'.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    let locations = Both { far: Location::parse(&args.far)?, near: Location::parse(&args.near)? };
    let options = options(&args, &locations)?;
    let job = Job {
        scope: Scope {
            mode: args.way.mode(),
            only: Both {
                far: folder_of(&locations.far, Side::Far)?,
                near: folder_of(&locations.near, Side::Near)?,
            },
            patterns: args.folder.clone(),
            exclude: args.exclude.clone(),
        },
        dry_run: args.dry_run,
        max_delete: args.max_delete,
        progress: context.progress,
        quiet: context.quiet,
    };
    let names = Both { far: identity(&locations.far), near: identity(&locations.near) };
    if names.far == names.near {
        return Err(Failure::usage("both locations are the same").into());
    }
    let mut state = open_state(&args, &names).map_err(|error| with_exit(error.into()))?;
    let stores = Both {
        far: open::store(&locations.far, &options.far, context).await?,
        near: open::store(&locations.near, &options.near, context).await?,
    };
    pass(stores, &mut state, &job, out).await.map_err(with_exit)
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

/// Says how the program ends where its state is in the way; leaves other errors alone.
fn with_exit(error: anyhow::Error) -> anyhow::Error {
    let Some(cause) = error.chain().find_map(|cause| cause.downcast_ref::<state::Error>()) else {
        return error;
    };
    let exit = match cause {
        state::Error::InUse { .. } => Exit::TempFail,
        state::Error::Newer { .. } | state::Error::NoPlace => Exit::Config,
        state::Error::Foreign { .. } => Exit::Data,
        state::Error::File { .. } => Exit::CantCreate,
        state::Error::Sqlite { .. } => Exit::Io,
    };
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let failure = Failure::new(exit, report::joined(&causes));
    if cause.is_in_use() {
        return failure.hint("wait until the other sync of this pair has ended").into();
    }
    failure.into()
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

/// The folder that a location names; `None`: all of them.
fn folder_of(location: &Location, side: Side) -> Result<Option<String>> {
    match location {
        Location::Account { folder, .. } => Ok(folder.clone()),
        Location::Imap(url) => match &url.mailbox {
            None => Ok(None),
            Some(mailbox) => match String::from_utf8(mailbox.name.clone()) {
                Ok(name) => Ok(Some(name)),
                Err(_) => {
                    let message = format!("the {side} side's folder name is not UTF-8");
                    Err(Failure::usage(message).into())
                }
            },
        },
        Location::Maildir(_) | Location::Mbox(_) | Location::Eml(_) | Location::Path(_) => Ok(None),
        Location::Pop(_)
        | Location::Smtp(_)
        | Location::Nntp(_)
        | Location::News(_)
        | Location::MboxMessage(_)
        | Location::Stdio => {
            let message = format!("{location} has no folders to sync");
            let hint = "sync wants an account, an IMAP URL or local mail on both sides";
            Err(Failure::usage(message).hint(hint).into())
        }
    }
}

/// What a location is called in the state: the same however a path was spelled.
fn identity(location: &Location) -> String {
    match location {
        // A Maildir is one whether its scheme was written or found out.
        Location::Maildir(path) => Location::Maildir(absolute(path)).to_string(),
        Location::Path(path) => {
            let home = etcetera::home_dir().ok();
            let path = expand_home(path, home.as_deref());
            Location::Maildir(absolute(&path)).to_string()
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
    fn a_location_names_a_folder_or_all() {
        let folder = |word: &str| folder_of(&location(word), Side::Far).ok();
        assert_eq!(folder("work:Lists/a"), Some(Some("Lists/a".to_owned())));
        assert_eq!(folder("work:"), Some(None));
        assert_eq!(folder("imaps://h/INBOX"), Some(Some("INBOX".to_owned())));
        assert_eq!(folder("imaps://h/"), Some(None));
        assert_eq!(folder("maildir:x"), Some(None));
        assert_eq!(folder("pop3s://h"), None);
        assert_eq!(folder("-"), None);
    }
}
