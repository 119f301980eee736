//! The command line collected: verbs and nouns, dispatch, exit codes.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args as _, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::net::stop::{Cause, GRACE};
use crate::open::{self, Context};
use crate::ui::{Exit, Failure, Output, report};
use crate::{nouns, verbs};

pub mod generate;
mod pages;

/// Mail utilities for the shell: send, fetch, search, sync, probe, and a test server.
#[derive(Parser)]
#[command(
    name = "pillarbox",
    version,
    propagate_version = false,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// [`Cli`] without its verbs, of which a run needs one: to define the options of all takes longer
/// than to hand over a message.
#[derive(Parser)]
#[command(
    name = "pillarbox",
    version,
    propagate_version = false,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
struct Root {}

/// The command line for arguments that begin with this word: with that one verb alone where it
/// is one that does mail's work, and without any for the version.
fn command(first: Option<&std::ffi::OsStr>) -> clap::Command {
    let name = first.and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    let augment = match name {
        "send" => verbs::send::Args::augment_args,
        "fetch" => verbs::fetch::Args::augment_args,
        "search" => verbs::search::Args::augment_args,
        "sync" => verbs::sync::Args::augment_args,
        "probe" => verbs::probe::Args::augment_args,
        "serve-test" => verbs::serve_test::Args::augment_args,
        "folder" => nouns::folder::Args::augment_args,
        "message" => nouns::message::Args::augment_args,
        "account" => nouns::account::Args::augment_args,
        "--version" | "-V" => return Root::command(),
        _ => return Cli::command(),
    };
    Root::command().subcommand(augment(clap::Command::new(name.to_owned())))
}

/// Reads a command line, the program's own name first.
fn read(arguments: Vec<OsString>) -> Result<(String, Verb), clap::Error> {
    let command = command(arguments.get(1).map(OsString::as_os_str));
    let matches = command.try_get_matches_from(arguments)?;
    let name = matches.subcommand_name().unwrap_or_default().to_owned();
    Ok((name, Cli::from_arg_matches(&matches)?.verb))
}

#[derive(Subcommand)]
enum Verb {
    Send(Box<verbs::send::Args>),
    Fetch(Box<verbs::fetch::Args>),
    Search(Box<verbs::search::Args>),
    Sync(Box<verbs::sync::Args>),
    Probe(Box<verbs::probe::Args>),
    ServeTest(Box<verbs::serve_test::Args>),
    Folder(Box<nouns::folder::Args>),
    Message(Box<nouns::message::Args>),
    Account(Box<nouns::account::Args>),
    /// Print a shell's completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page
    Man {
        /// The page: `pillarbox`, a verb or noun such as `send`, or `config`, `location`, `query`
        #[arg(default_value = "pillarbox")]
        page: String,
    },
}

/// Runs the program on these arguments (the first is its own name).
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter().peekable();
    if arguments.peek().is_some_and(|name| verbs::send::persona::is_called(name)) {
        return sendmail(arguments.skip(1));
    }
    let (name, verb) = match read(arguments.collect()) {
        Ok(read) => read,
        Err(error) => return usage(&error),
    };
    match dispatch(verb) {
        Ok(code) => code,
        Err(error) => failed(&name, &error),
    }
}

/// Runs the program as `sendmail`, on arguments without its name.
fn sendmail(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let sent = verbs::send::persona::translate(arguments).map_err(anyhow::Error::from).and_then(
        |(arguments, persona)| {
            // The words are this program's own, but for the recipients.
            let (_, verb) = read(arguments).map_err(|error| {
                let text = error.render().to_string();
                let text = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
                anyhow::Error::from(Failure::usage(text))
            })?;
            match verb {
                Verb::Send(mut args) => {
                    args.persona = Some(persona);
                    dispatch(Verb::Send(args))
                }
                other => dispatch(other),
            }
        },
    );
    sent.unwrap_or_else(|error| failed("send", &error))
}

fn dispatch(verb: Verb) -> anyhow::Result<ExitCode> {
    let exit = match verb {
        Verb::ServeTest(args) => return serve_test(*args),
        Verb::Send(args) => {
            let common = args.common.clone();
            let work = async |context: &_, out: &mut _| verbs::send::run(*args, context, out).await;
            // A message that is out must not be forgotten.
            run_and(&common, AtDeadline::Tell, work)
        }
        Verb::Fetch(args) => {
            let common = args.common.clone();
            let work =
                async |context: &_, out: &mut _| verbs::fetch::run(*args, context, out).await;
            // What has come must not come again.
            run_and(&common, AtDeadline::Tell, work)
        }
        Verb::Search(args) => {
            let common = args.common.clone();
            run(&common, async |context, out| verbs::search::run(*args, context, out).await)
        }
        Verb::Sync(args) => {
            let mut common = args.common.clone();
            if args.watch {
                // A connection that is dead has to be noticed before somebody waits for mail.
                common.timeout.get_or_insert(std::time::Duration::from_secs(30));
            }
            run(&common, async |context, out| verbs::sync::run(*args, context, out).await)
        }
        Verb::Probe(args) => {
            let common = args.common().clone();
            run(&common, async |context, out| verbs::probe::run(*args, context, out).await)
        }
        Verb::Folder(args) => {
            let common = args.common().clone();
            run(&common, async |context, out| nouns::folder::run(*args, context, out).await)
        }
        Verb::Message(args) => {
            let common = args.common().clone();
            run(&common, async |context, out| nouns::message::run(*args, context, out).await)
        }
        Verb::Account(args) => {
            let common = args.common().clone();
            run(&common, async |context, out| nouns::account::run(*args, context, out).await)
        }
        Verb::Completions { shell } => generate::completions(shell),
        Verb::Man { page } => generate::man_page(&page),
    }?;
    Ok(ExitCode::from(exit.code()))
}

/// The test server: its exit code can be the wrapped command's.
fn serve_test(args: verbs::serve_test::Args) -> anyhow::Result<ExitCode> {
    let wraps = args.wraps();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(verbs::serve_test::run(args, &Context::alone()));
    runtime.shutdown_background();
    match ended {
        Ok(verbs::serve_test::Ended::Own(exit)) => Ok(ExitCode::from(exit.code())),
        Ok(verbs::serve_test::Ended::Command(code)) => Ok(ExitCode::from(code)),
        Err(error) if wraps => {
            tell(&error);
            Ok(ExitCode::from(Exit::Wrapper.code()))
        }
        Err(error) => Err(error),
    }
}

/// What becomes of a verb that has not ended when `--deadline` says so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtDeadline {
    /// It is dropped where it stands.
    Drop,
    /// It is asked to end, and dropped only where it does not.
    Tell,
}

/// Sets the world up for a verb and runs it on a runtime of its own.
fn run(
    common: &open::Common,
    verb: impl AsyncFnOnce(&Context, &mut Output) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    run_and(common, AtDeadline::Drop, verb)
}

fn run_and(
    common: &open::Common,
    at_deadline: AtDeadline,
    verb: impl AsyncFnOnce(&Context, &mut Output) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let context = Context::new(common)?;
    let mut out = Output::stdout(common.json, common.nul);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let exit = runtime.block_on(async {
        let work = verb(&context, &mut out);
        let ended = match common.deadline {
            Some(limit) => {
                context.net.stop.limit(limit);
                let over = async {
                    tokio::time::sleep(limit).await;
                    if at_deadline == AtDeadline::Tell {
                        context.net.stop.ask(Cause::Deadline(limit));
                        tokio::time::sleep(GRACE).await;
                    }
                };
                tokio::select! {
                    done = work => done,
                    () = over => Err(crate::net::Error::Timeout { after: limit }.into()),
                }
            }
            None => work.await,
        };
        match (ended, context.net.stop.input_was_late()) {
            // Whoever read it knows only that there was no more to read.
            (Err(_), Some(after)) => {
                let late = crate::net::Error::Timeout { after };
                Err(anyhow::Error::from(late).context("standard input"))
            }
            (ended, _) => ended,
        }
    });
    // A lookup that hangs in getaddrinfo must not keep the program.
    runtime.shutdown_background();
    let exit = exit.map_err(|error| redacted(error, &context))?;
    out.flush()?;
    Ok(exit)
}

/// An error without the secrets of this run: a server can echo a password in its reply.
fn redacted(error: anyhow::Error, context: &Context) -> anyhow::Error {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let text = report::joined(&causes);
    let Some(clean) = context.net.redactor.blot(text.as_bytes()) else { return error };
    let verdict = open::verdict(&error);
    let message = String::from_utf8_lossy(&clean).into_owned();
    Failure { exit: verdict.exit, message, hint: verdict.hint }.into()
}

/// clap's own answer: help and version are no errors, all else is usage.
fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind as Kind;
    // Nothing can be done about a stderr or stdout that is gone.
    let _ = error.print();
    match error.kind() {
        Kind::DisplayHelp | Kind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(usage_code(std::env::args_os().nth(1).as_deref()).code()),
    }
}

/// The exit code of a usage error, which two verbs have for themselves.
fn usage_code(verb: Option<&std::ffi::OsStr>) -> Exit {
    match verb.and_then(std::ffi::OsStr::to_str) {
        Some("search") => Exit::Two,
        Some("probe") => Exit::Three,
        _ => Exit::Usage,
    }
}

fn failed(verb: &str, error: &anyhow::Error) -> ExitCode {
    let verdict = open::verdict(error);
    if verdict.output_closed {
        return ExitCode::SUCCESS;
    }
    tell(error);
    let exit = match verb {
        "search" => Exit::Two,
        "probe" => Exit::Three,
        _ => verdict.exit,
    };
    ExitCode::from(exit.code())
}

fn tell(error: &anyhow::Error) {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    report::error(&causes, open::verdict(error).hint.as_deref());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command line with one verb reads and says what the whole one does.
    #[test]
    fn one_verb_alone_is_the_same() {
        let mut whole = Cli::command();
        whole.build();
        for verb in whole.get_subcommands() {
            let name = verb.get_name();
            let mut alone = command(Some(name.as_ref()));
            alone.build();
            let alone = alone.find_subcommand(name).expect("it is there").clone();
            let help = |command: &clap::Command| command.clone().render_long_help().to_string();
            assert_eq!(help(&alone), help(verb), "{name}");
            let usage = |command: &clap::Command| command.clone().render_usage().to_string();
            assert_eq!(usage(&alone), usage(verb), "{name}");
        }
    }

    #[test]
    fn what_is_no_verb_is_told_by_the_whole() {
        let wrong = |words: &[&str]| {
            let words = ["pillarbox"].iter().chain(words).map(OsString::from).collect();
            read(words).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(wrong(&["sned"]).contains("send"), "a tip");
        assert!(wrong(&["send", "--no-such"]).contains("--no-such"));
        assert!(wrong(&[]).contains("serve-test"), "all verbs are listed");
        assert!(wrong(&["--version", "send"]).starts_with("pillarbox "), "nothing but the version");
    }
}
