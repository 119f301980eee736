//! From the command line to a pass: what the locations mean, where the state lies.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Result;

use super::args::{Args, What};
use super::around::{Around, Pace};
use super::diff::{Both, Mode, Side};
use super::mbsyncrc;
use super::names::Names;
use super::pass::{Job, pass};
use super::plan::Scope;
use super::state::State;
use super::verify::verify;
use crate::base::location::Location;
use crate::config;
use crate::open::{self, Context, Create, EndpointOptions};
use crate::state;
use crate::store::memory::{Account, Memory};
use crate::store::{Store, system_clock};
use crate::ui::{Exit, Failure, Format, Output, report};

/// Makes two places equal, or each pair of the configuration that was named.
///
/// # Errors
/// A [`Failure`] for wrong arguments, a pair that another run works on (75), the brake (82), a
/// server that wants to be left alone (83); else the stores'.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    if let Some(path) = &args.from_mbsyncrc {
        mbsyncrc::print(path, out)?;
        return Ok(Exit::Ok);
    }
    let pairs: Vec<&config::Pair> = match args.places.as_slice() {
        _ if args.all => context.config.pairs().collect(),
        [verify, far, near] if verify == "verify" => {
            let places = Both { far: Location::parse(far)?, near: Location::parse(near)? };
            return compare(places, &args.what, context, out).await.map_err(throttled);
        }
        [far, near] if !are_pairs(&args.places, &context.config)? => {
            let places = Both { far: Location::parse(far)?, near: Location::parse(near)? };
            return sync(places, &args.what, context, out).await.map_err(throttled);
        }
        names => {
            let found = names.iter().map(|name| context.config.pair(name));
            found.collect::<Result<_, _>>().map_err(|error| not_a_pair(error, names))?
        }
    };
    if pairs.is_empty() {
        let failure = Failure::new(Exit::Config, "no sync pair is configured");
        return Err(failure.hint("see [sync.NAME] in pillarbox-config(5)").into());
    }
    if pairs.len() > 1 && args.what.state.is_some() {
        return Err(Failure::usage("--state is for one pair").into());
    }
    // All are read before the first is begun.
    let mut work = Vec::new();
    for pair in pairs {
        let name = &pair.name;
        let own = What::of_words(&pair.options).map_err(|wrong| {
            Failure::new(Exit::Config, format!("the options of the sync pair {name}: {wrong}"))
        })?;
        let what = own.under(&args.what).map_err(|option| {
            let hint = format!("write it into `options` of [sync.{name}]");
            Failure::usage(format!("--{option} with a pair of the configuration")).hint(hint)
        })?;
        work.push((pair, what));
    }
    let alone = work.len() == 1;
    let mut worst = Exit::Ok;
    for (pair, what) in work {
        begin(pair, context, out)?;
        let places = Both { far: pair.far.clone(), near: pair.near.clone() };
        let exit = match sync(places, &what, context, out).await.map_err(throttled) {
            Ok(exit) => exit,
            Err(error) if alone => return Err(error),
            Err(error) => {
                let verdict = open::verdict(&error);
                if verdict.output_closed {
                    return Err(error);
                }
                let mut causes = vec![pair.name.clone()];
                causes.extend(error.chain().map(|cause| context.redacted(&cause.to_string())));
                report::error(&causes, verdict.hint.as_deref());
                verdict.exit
            }
        };
        if worst == Exit::Ok {
            worst = exit;
        }
    }
    Ok(worst)
}

/// Whether the two words are names of pairs. A word that also names an account is the account.
fn are_pairs(words: &[String], config: &config::Config) -> Result<bool> {
    let is_pair = |word: &String| config.pair(word).is_ok();
    let is_account = |word: &String| config.account(word).is_ok();
    match (words.iter().all(is_pair), words.iter().any(is_account)) {
        (true, false) => Ok(true),
        (true, true) => {
            let message = "these words name sync pairs, and accounts too";
            let hint = "write `NAME:` for an account, or name the pairs one by one";
            Err(Failure::usage(message).hint(hint).into())
        }
        (false, _) => Ok(false),
    }
}

/// A single word that looks like a place is a place without the other.
fn not_a_pair(error: config::Error, names: &[String]) -> anyhow::Error {
    match names {
        [one] if one.contains([':', '/']) => {
            let failure = Failure::usage(format!("{one} is one place; sync wants two"));
            failure.hint("pillarbox sync FAR NEAR").into()
        }
        _ => error.into(),
    }
}

/// Says which pair comes now.
fn begin(pair: &config::Pair, context: &Context, out: &mut Output) -> Result<()> {
    let config::Pair { name, far, near, .. } = pair;
    if out.format() == Format::Json {
        out.json(&serde_json::json!({
            "type": "pair", "name": name, "far": far.to_string(), "near": near.to_string(),
        }))?;
    } else if !context.quiet {
        report::note(&format!("{name}: {far} and {near}"));
    }
    Ok(())
}

/// A server that is too busy has an exit code of its own here.
fn throttled(error: anyhow::Error) -> anyhow::Error {
    let Some(busy) = open::busy(&error) else { return error };
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let failure = Failure::new(Exit::Throttled, report::joined(&causes));
    failure.hint(open::patience(busy)).into()
}

/// Compares two places by what they hold.
async fn compare(
    places: Both<Location>,
    what: &What,
    context: &Context,
    out: &mut Output,
) -> Result<Exit> {
    let options = options(what, &places)?;
    let opening = Opening::Existing;
    let (far, far_folder) = open_side(&places.far, &options.far, opening, context).await?;
    let (near, near_folder) = open_side(&places.near, &options.near, opening, context).await?;
    let scope = scope(what, Both { far: far_folder, near: near_folder })?;
    let stores = dressed(Both { far, near }, what).await?;
    verify(stores, &scope, context.progress, out).await
}

/// Makes two places equal.
async fn sync(
    places: Both<Location>,
    what: &What,
    context: &Context,
    out: &mut Output,
) -> Result<Exit> {
    let locations = Both { far: as_maildir(places.far), near: as_maildir(places.near) };
    let options = options(what, &locations)?;
    let names = Both { far: identity(&locations.far), near: identity(&locations.near) };
    if names.far == names.near {
        return Err(Failure::usage("both locations are the same").into());
    }
    let mut state = open_state(what, &names, context)?;
    // What was there before and is not there now is missing, and not made again.
    let is_new = state.folders()?.is_empty();
    let opening = match (is_new, what.dry_run) {
        (false, _) => Opening::Existing,
        (true, false) => Opening::Made,
        (true, true) => Opening::Imagined,
    };
    let (far, far_folder) = open_side(&locations.far, &options.far, opening, context).await?;
    let (near, near_folder) = open_side(&locations.near, &options.near, opening, context).await?;
    let job = Job {
        scope: scope(what, Both { far: far_folder, near: near_folder })?,
        dry_run: what.dry_run,
        max_delete: what.max_delete,
        progress: context.progress,
        quiet: context.quiet,
    };
    let stores = dressed(Both { far, near }, what).await?;
    pass(stores, &mut state, &job, out).await
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
    Ok(Scope { mode, only, patterns: what.folder.clone(), exclude, choice })
}

/// Both sides with what the options put around them.
async fn dressed(mut stores: Both<Box<dyn Store>>, what: &What) -> Result<Both<Box<dyn Store>>> {
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
    Ok(Both { far: far.wrap(stores.far), near: near.wrap(stores.near) })
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
fn open_state(what: &What, names: &Both<String>, context: &Context) -> state::Result<State> {
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
fn options(what: &What, locations: &Both<Location>) -> Result<Both<EndpointOptions>> {
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
