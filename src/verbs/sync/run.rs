//! From the command line to a pass.

use anyhow::Result;

use super::args::{Args, What};
use super::diff::Both;
use super::pass::pass;
use super::verify::verify;
use super::{doctor, fleet, mbsyncrc, places, planfile, watch};
use crate::base::location::Location;
use crate::config;
use crate::open::{self, Context};
use crate::ui::{Exit, Failure, Format, Output, report};

/// Makes two places equal, or each pair of the configuration that was named.
///
/// # Errors
/// A [`Failure`] for wrong arguments, a pair that another run works on (75), the brake (82), a
/// server that wants to be left alone (83); else the stores'.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    run_one(&args, context, out).await.map_err(throttled)
}

async fn run_one(args: &Args, context: &Context, out: &mut Output) -> Result<Exit> {
    if let Some(path) = &args.from_mbsyncrc {
        mbsyncrc::print(path, out)?;
        return Ok(Exit::Ok);
    }
    let is_doctor = args.places.first().is_some_and(|word| word == "doctor");
    if let Some(option) = args.doctor.first_given().filter(|_| !is_doctor) {
        let failure = Failure::usage(format!("{option} is for `sync doctor`"));
        return Err(failure.hint("pillarbox sync doctor FAR NEAR").into());
    }
    if let Some(path) = &args.apply {
        return planfile::apply(path, &args.what, context, out).await;
    }
    if let Some(path) = &args.fleet {
        return fleet::run(path, args, context, out).await;
    }
    let pairs: Vec<&config::Pair> = match args.places.as_slice() {
        _ if args.all => context.config.pairs().collect(),
        [doctor, words @ ..] if doctor == "doctor" => {
            let (places, what) = doctor_of(words, &args.what, context)?;
            return doctor::run(places, &what, &args.doctor, context, out).await;
        }
        [verify, far, near] if verify == "verify" => {
            let places = Both { far: Location::parse(far)?, near: Location::parse(near)? };
            let (stores, scope) = places::existing(places, &args.what, context).await?;
            return self::verify(stores, &scope, context.progress, out).await;
        }
        [far, near] if !are_pairs(&args.places, &context.config)? => {
            let places = Both { far: Location::parse(far)?, near: Location::parse(near)? };
            return sync(places, &args.what, args.watch, context, out).await;
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
    if pairs.len() > 1 && args.watch {
        return Err(Failure::usage("--watch is for one pair").into());
    }
    // All are read before the first is begun.
    let mut work = Vec::new();
    for pair in pairs {
        work.push((pair, options_of(pair, &args.what)?));
    }
    let alone = work.len() == 1;
    let mut worst = Exit::Ok;
    for (pair, what) in work {
        begin(pair, context, out)?;
        let places = Both { far: pair.far.clone(), near: pair.near.clone() };
        let done = sync(places, &what, args.watch, context, out).await.map_err(throttled);
        let exit = match done {
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

/// The options of a pair with those of the command line over them.
fn options_of(pair: &config::Pair, given: &What) -> Result<What, Failure> {
    let name = &pair.name;
    let own = What::of_words(&pair.options).map_err(|wrong| {
        Failure::new(Exit::Config, format!("the options of the sync pair {name}: {wrong}"))
    })?;
    own.under(given).map_err(|option| {
        let hint = format!("write it into `options` of [sync.{name}]");
        Failure::usage(format!("--{option} with a pair of the configuration")).hint(hint)
    })
}

/// What doctor looks at: two places, the name of a pair, or the near place of a pair.
fn doctor_of(words: &[String], given: &What, context: &Context) -> Result<(Both<Location>, What)> {
    match words {
        [far, near] => {
            let places = Both { far: Location::parse(far)?, near: Location::parse(near)? };
            Ok((places, given.clone()))
        }
        [one] => {
            let mut pairs = context.config.pairs();
            let pair = match context.config.pair(one) {
                Ok(pair) => pair,
                Err(_) => {
                    let wanted = Location::parse(one)?;
                    let found = pairs.find(|pair| places::are_same(&pair.near, &wanted));
                    found.ok_or_else(|| {
                        let message = format!("no pair of the configuration has {one} near");
                        let hint = "name both places: pillarbox sync doctor FAR NEAR";
                        Failure::usage(message).hint(hint)
                    })?
                }
            };
            let places = Both { far: pair.far.clone(), near: pair.near.clone() };
            Ok((places, options_of(pair, given)?))
        }
        _ => {
            let failure = Failure::usage("doctor wants two places, or a pair of the configuration");
            Err(failure.hint("pillarbox sync doctor FAR NEAR").into())
        }
    }
}

/// Makes two places equal, once or from now on.
async fn sync(
    places: Both<Location>,
    what: &What,
    watch: bool,
    context: &Context,
    out: &mut Output,
) -> Result<Exit> {
    if watch {
        return watch::watch(&places, what, context, out).await;
    }
    let mut ready = places::ready(places, what, context).await?;
    pass(ready.stores, &mut ready.state, &ready.job, Some(&ready.more), out).await
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
