//! `serve-test wait`, `list`, `clear`, `stop` and `release`: what a running test server is asked through
//! its control socket.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::accepted::Told;
use super::control::{Request, Response, Trouble};
use super::extract::Extract;
use super::faults::span;
use super::release::{Release, no_such_message};
use super::replay::Replay;
use super::run::Ended;
use crate::query::{self, Expr, Field, Pattern, Term};
use crate::ui::{Exit, Failure, Output};

// No doc comment here nor on `Server`: clap would take it for the help of what it is part of.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Control {
    Wait(Box<Wait>),
    List(List),
    /// Forget all messages, and empty all mailboxes
    Clear(Server),
    Release(Box<Release>),
    Replay(Box<Replay>),
    /// End the server, as SIGTERM does; with a wrapped command, that is sent the signal
    Stop(Server),
}

#[derive(Debug, Clone, clap::Args)]
pub struct Server {
    /// The control socket of the running server
    #[arg(long, env = "PILLARBOX_CONTROL", hide_env_values = true, value_name = "PATH")]
    pub control: Option<PathBuf>,
}

/// Wait for a message, and print it or a part of it
///
/// It is the newest message that fits, also one that came before. Exit code 1: none came in
/// time; 65: it has nothing of what was to be extracted.
#[derive(Debug, Clone, clap::Args)]
pub struct Wait {
    /// A recipient, or what the To field holds
    #[arg(long, value_name = "TEXT", value_parser = pattern)]
    pub to: Option<Pattern>,

    /// The sender, or what the From field holds
    #[arg(long, value_name = "TEXT", value_parser = pattern)]
    pub from: Option<Pattern>,

    /// What the subject holds; a /regular expression/ here and above
    #[arg(long, value_name = "TEXT", value_parser = pattern)]
    pub subject: Option<Pattern>,

    /// How long to wait
    #[arg(long, value_name = "SPAN", default_value = "5s", value_parser = time)]
    pub within: Duration,

    /// Print only this: link, otp (a code of digits), body, or header:NAME
    #[arg(long, value_name = "WHAT")]
    pub extract: Option<Extract>,

    /// No later wait is given the same message
    #[arg(long)]
    pub take: bool,

    /// Print the message as a line of JSON
    #[arg(long, conflicts_with = "extract")]
    pub json: bool,

    #[command(flatten)]
    server: Server,

    /// What else has to be true of it, as in `pillarbox search`
    #[arg(value_name = "QUERY", value_parser = expr)]
    pub query: Option<Expr>,
}

/// Print the messages that came
#[derive(Debug, Clone, clap::Args)]
pub struct List {
    /// Print each message as a line of JSON
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    server: Server,

    /// Only those that this asks for, as in `pillarbox search`
    #[arg(value_name = "QUERY", value_parser = expr)]
    pub query: Option<Expr>,
}

fn pattern(text: &str) -> Result<Pattern, String> {
    match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        Some(source) => Pattern::regex(source).map_err(|error| error.to_string()),
        None => Ok(Pattern::text(text)),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    span(text).ok_or_else(|| "want a time such as 5s or 200ms".to_owned())
}

fn expr(text: &str) -> Result<Expr, String> {
    let context = query::Context { now: Timestamp::now(), zone: TimeZone::system() };
    query::parse(text, &context).map_err(|error| format!("\n{}", error.render(text)))
}

impl Wait {
    fn query(&self) -> Expr {
        let fields =
            [(Field::To, &self.to), (Field::From, &self.from), (Field::Subject, &self.subject)];
        let terms = fields.into_iter().filter_map(|(field, pattern)| {
            pattern.clone().map(|pattern| Expr::Term(Term::Match(field, pattern)))
        });
        Expr::And(terms.chain(self.query.clone()).collect())
    }
}

/// Asks, and prints the answer.
///
/// # Errors
/// No server, or its refusal.
pub async fn run(control: &Control) -> Result<Ended> {
    let exit = match control {
        Control::Release(args) => super::release::run(args).await,
        Control::Replay(args) => return super::run::replay(args).await,
        Control::Wait(args) => {
            let request = Request::Wait {
                query: args.query().to_string(),
                within_ms: u64::try_from(args.within.as_millis()).unwrap_or(u64::MAX),
                extract: args.extract.as_ref().map(ToString::to_string),
                take: args.take,
            };
            ask(&args.server, &request, args.json)
        }
        Control::List(args) => {
            let query = args.query.as_ref().map(ToString::to_string).unwrap_or_default();
            ask(&args.server, &Request::List { query }, args.json)
        }
        Control::Clear(server) => ask(server, &Request::Clear, false),
        Control::Stop(server) => ask(server, &Request::Stop, false),
    };
    exit.map(Ended::Own)
}

/// A caught message: its sender, its recipients, its octets.
///
/// # Errors
/// No server, and no such message.
pub fn get(server: &Server, id: u64) -> Result<(String, Vec<String>, Vec<u8>)> {
    let mut lines = say(server, &Request::Get { id })?;
    let line =
        lines.next().context("the control socket's answer")?.context("the control socket")?;
    match serde_json::from_str(&line).context("the control socket's answer")? {
        Response::Whole { from, to, base64 } => {
            let octets = STANDARD.decode(base64).context("the control socket's answer")?;
            Ok((from, to, octets))
        }
        _ => Err(no_such_message(id).into()),
    }
}

/// Sends a request, and gives the lines of the answer.
fn say(server: &Server, request: &Request) -> Result<std::io::Lines<BufReader<UnixStream>>> {
    let Some(path) = &server.control else {
        return Err(Failure::usage("which server? PILLARBOX_CONTROL is not set")
            .hint("run this below serve-test -- CMD, or see `control` in its line of JSON")
            .into());
    };
    let mut stream = UnixStream::connect(path).map_err(|error| {
        let text = format!("no test server at {}: {error}", path.display());
        Failure::new(Exit::Unavailable, text)
    })?;
    let mut line = serde_json::to_string(request).context("a request")?;
    line.push('\n');
    stream.write_all(line.as_bytes()).context("the control socket")?;
    Ok(BufReader::new(stream).lines())
}

fn ask(server: &Server, request: &Request, json: bool) -> Result<Exit> {
    let mut out = Output::stdout(json, false);
    for line in say(server, request)? {
        let line = line.context("the control socket")?;
        match serde_json::from_str(&line).context("the control socket's answer")? {
            Response::Message(told) => print(&mut out, &told, json)?,
            Response::Value(value) => {
                for line in value.lines() {
                    out.line(line)?;
                }
            }
            // Only what is asked for is told.
            Response::Whole { .. } => {}
            Response::Done(_) => {
                out.flush()?;
                return Ok(Exit::Ok);
            }
            Response::Error { kind, text } => {
                let exit = match kind {
                    Trouble::Timeout => Exit::None,
                    Trouble::Nothing => Exit::Data,
                    Trouble::Request => Exit::Usage,
                };
                return Err(Failure::new(exit, text).into());
            }
        }
    }
    Err(Failure::new(Exit::Unavailable, "the test server ended before it had answered").into())
}

fn print(out: &mut Output, told: &Told, json: bool) -> Result<()> {
    if json {
        out.json(told)?;
    } else {
        out.line(&told.summary())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(subcommand)]
        control: Control,
    }

    fn wait(arguments: &[&str]) -> Wait {
        let line = ["serve-test", "wait"].into_iter().chain(arguments.iter().copied());
        match Line::try_parse_from(line).unwrap_or_else(|error| panic!("{error}")).control {
            Control::Wait(wait) => *wait,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_become_one_query() {
        let all = wait(&["--to", "bob", "--subject", "/^two words/", "--within", "1min", "a OR b"]);
        assert_eq!(all.query().to_string(), "to:bob subject:/^two words/ (a OR b)");
        assert_eq!(all.within, Duration::from_secs(60));
        let again = expr(&all.query().to_string()).expect("a query");
        assert_eq!(again, all.query());
        assert_eq!(wait(&[]).query().to_string(), "");
        assert_eq!(
            wait(&["--extract", "header:X-Id"]).extract.map(|it| it.to_string()).as_deref(),
            Some("header:X-Id")
        );
    }
}
