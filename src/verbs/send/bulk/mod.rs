//! Many messages: over several connections, at a limited rate, with a journal that a later run
//! takes up.
//!
//! Messages come from folders and references, or from a merge. Each connection is kept and has as
//! many messages in flight as the server's extensions allow; one that the server ends before it
//! had the whole of a message (421, or without a word) is opened again, and the message goes once
//! more. What was lost behind the final dot is unknown, and never goes again. A fate is in the
//! journal before it is printed.

mod connection;
mod engine;

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::engine::Engine;
use super::esmtp::Wishes;
use super::plan::{Author, Given, Plan};
use super::run::ended;
use crate::base::location::Location;
use crate::open::references::{self, Group};
use crate::open::{Context, Direct, EndpointOptions, signals};
use crate::smtp::client::Client;
use crate::state::sent::Sent;
use crate::ui::{Exit, Failure, Output, Progress, report};

/// How many messages, and how fast.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Bulk")]
pub struct Bulk {
    /// Send every message of LOCATION, each to those whom it names or to the recipients given; `-`
    /// for references on standard input; repeatable
    #[arg(long, value_name = "LOCATION", conflicts_with_all = ["merge", "sent", "resend"])]
    pub input: Vec<String>,

    /// Speak over so many connections at once
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub connections: Option<u16>,

    /// Open a new connection after so many messages
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub messages_per_connection: Option<u32>,

    /// Send no faster than that in all: 10/s, 100/m or 1000/h
    #[arg(long, value_name = "RATE")]
    pub rate: Option<Rate>,

    /// Send no faster than that to any one domain
    #[arg(long, value_name = "RATE")]
    pub rate_per_domain: Option<Rate>,

    /// Keep the fate of every recipient in FILE; a run with the same FILE goes on where the last
    /// one ended, and sends nothing again that was delivered, refused for good, or unknown
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
}

impl Bulk {
    /// Whether anything of it was asked for.
    pub fn is_wanted(&self) -> bool {
        !self.input.is_empty()
            || self.connections.is_some()
            || self.messages_per_connection.is_some()
            || self.rate.is_some()
            || self.rate_per_domain.is_some()
            || self.journal.is_some()
    }
}

/// So much time for each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(Duration);

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "want a number and /s, /m or /h".to_owned();
        let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
        let seconds = match unit {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        match number.parse::<f64>() {
            Ok(number) if number > 0.0 && (1e-6..1e9).contains(&number) => {
                Ok(Self(Duration::from_secs_f64(seconds / number)))
            }
            _ => Err(wrong()),
        }
    }
}

/// Whether a journal may be at that place: in a mistyped folder it would be a new one, and all
/// would go again.
///
/// # Errors
/// [`Failure`] (66) for a folder that is not there, or for a folder itself.
fn check_journal(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    if path.is_dir() {
        let message = format!("--journal {shown}: this is a folder");
        return Err(Failure::new(Exit::NoInput, message).hint("name a file in it"));
    }
    match path.parent() {
        Some(folder) if folder != Path::new("") && !folder.is_dir() => {
            let message = format!("--journal {shown}: there is no folder {}", folder.display());
            Err(Failure::new(Exit::NoInput, message).hint("make the folder first"))
        }
        _ => Ok(()),
    }
}

/// Where messages come from.
pub enum Source<'a> {
    /// Folders, files, and references.
    Inputs(Vec<Group>, Vec<Location>),
    /// A merge.
    Plans(Box<dyn Iterator<Item = Result<Plan>> + 'a>),
}

impl Source<'_> {
    /// What `--input` names; references on `input` where one is `-`.
    ///
    /// # Errors
    /// Those of locations and references.
    pub fn inputs(words: &[String], input: &mut dyn std::io::Read, nul: bool) -> Result<Self> {
        let (mut places, mut folders) = (Vec::new(), Vec::new());
        for word in words {
            if word == "-" {
                places.push(word.clone());
            } else {
                folders.push(Location::parse(word)?);
            }
        }
        Ok(Self::Inputs(references::grouped(&places, input, nul)?, folders))
    }
}

/// The way out.
pub enum Way<'a> {
    /// Sessions with a server.
    Server(&'a dyn Opener),
    /// The exchangers of each domain.
    Direct(&'a Direct, Option<&'a str>),
}

/// Opens sessions.
#[async_trait(?Send)]
pub trait Opener {
    /// One more session.
    async fn open(&self) -> Result<Client>;
}

/// Sends all messages of `source`.
///
/// # Errors
/// A source that cannot be read, a server that cannot be had at all, a journal that cannot be
/// written. What became of single messages is no error.
#[expect(clippy::too_many_arguments, reason = "what a run of send consists of")]
pub async fn run(
    options: &Bulk,
    source: Source<'_>,
    given: &Given<'_>,
    author: &Author,
    way: Way<'_>,
    wishes: &Wishes,
    inspect: &dyn Fn(&Plan) -> Result<()>,
    endpoint: &EndpointOptions,
    context: &Context,
    out: &mut Output,
) -> Result<Exit> {
    options.journal.as_deref().map_or(Ok(()), check_journal)?;
    let journal = match &options.journal {
        Some(path) => Some((Sent::open(path)?, Instant::now())),
        None => None,
    };
    let engine = Engine {
        options,
        wishes,
        context,
        inspect,
        waiting: RefCell::default(),
        is_over: Cell::new(false),
        under_way: Cell::new(0),
        changed: Notify::new(),
        rates: RefCell::default(),
        journal: RefCell::new(journal),
        alive: Cell::new(usize::from(options.connections.unwrap_or(1))),
        tally: RefCell::default(),
        failed: RefCell::new(None),
    };
    signals::listen(&context.net.stop)?;
    let shown = RefCell::new((out, Progress::new(context.progress, "send", None)));
    let workers = (0..engine.alive.get()).map(|_| engine.connection(&way, &shown));
    let workers = futures_of(workers.collect());
    let feeding = async {
        let fed = engine.feed(source, given, author, endpoint).await;
        engine.is_over.set(true);
        engine.changed.notify_waiters();
        fed
    };
    let (fed, worked) = tokio::join!(feeding, workers);
    let (out, progress) = shown.into_inner();
    progress.finish();
    if let Some((journal, _)) = engine.journal.borrow_mut().as_mut() {
        journal.sync()?;
    }
    out.flush()?;
    worked?;
    let tally = *engine.tally.borrow();
    if let Some(cause) = context.net.stop.cause() {
        if !context.quiet {
            report::note(&tally.to_string());
        }
        report::warning(&format!("{cause}: what is not told of here was not sent"));
        let exit = match tally.exit() {
            // More may have waited.
            Exit::Ok => Exit::TempFail,
            exit => exit,
        };
        return Ok(ended(exit, Some(cause)));
    }
    fed?;
    if !context.quiet {
        report::note(&tally.to_string());
    }
    match engine.failed.into_inner() {
        Some(error) if tally.delivered + tally.unknown + tally.permanent == 0 => Err(error),
        Some(error) => {
            let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
            report::error(&causes, None);
            Ok(tally.exit())
        }
        None => Ok(tally.exit()),
    }
}

/// All of them at once; the first error, once all have ended.
async fn futures_of<F: Future<Output = Result<()>>>(futures: Vec<F>) -> Result<()> {
    let mut futures: Vec<_> = futures.into_iter().map(|it| Some(Box::pin(it))).collect();
    let mut first = Ok(());
    std::future::poll_fn(|context| {
        for place in &mut futures {
            if let Some(future) = place
                && let std::task::Poll::Ready(done) = future.as_mut().poll(context)
            {
                *place = None;
                if first.is_ok() {
                    first = done;
                }
            }
        }
        match futures.iter().all(Option::is_none) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    first
}

type Shown<'a> = RefCell<(&'a mut Output, Progress)>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_numbers_and_units() {
        let of = |text: &str| text.parse::<Rate>().map(|rate| rate.0);
        assert_eq!(of("10/s"), Ok(Duration::from_millis(100)));
        assert_eq!(of("30/m"), Ok(Duration::from_secs(2)));
        assert_eq!(of("0.5/s"), Ok(Duration::from_secs(2)));
        assert_eq!(of("3600/h"), Ok(Duration::from_secs(1)));
        for wrong in ["10", "0/s", "-1/s", "x/s", "1/d", "nan/s", "inf/s"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
