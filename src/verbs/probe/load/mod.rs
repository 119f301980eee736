//! `probe load`: how many messages or commands a second a server takes, bounded in number,
//! time and connections.
//!
//! Each connection says one thing after the other and waits for each answer. With a recipient
//! SMTP delivers messages to it; without, and for IMAP and POP3, the commands are ones that
//! change nothing (NOOP, CAPA).

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use super::catalogue::LOAD_ANSWERED;
use super::conform::{Fault, Step, Talk, Words};
use super::facts::Protocol;
use super::part::{Report, Shape};
use super::raw::Site;
use super::render::text::labelled;
use super::timing::nearest_rank;
use crate::open::{Common, Context, Endpoint, Own};
use crate::ui::{Exit, Failure, Output};

/// Measure how many messages or commands a second a server takes
///
/// URL is an smtp, submission, lmtp, imap or pop3 URL (or their forms with TLS), or an account.
/// With --to, messages are delivered to that address by SMTP or LMTP; otherwise each connection
/// says NOOP (POP3 without a user: CAPA) and waits for the answer, logged in where there is a
/// user. It ends after --count or --time, whichever comes first. Load is of the intrusive tier:
/// --intrusive has to say that it is meant. JSON Lines: one of `type` load
/// (`unit`, `done`, `errors`, `seconds`, `per_second`, `connections`, `p50_ms`, `p90_ms`,
/// `p99_ms`, `max_ms`), then `finding` and `summary`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The server
    #[arg(value_name = "URL")]
    pub url: String,

    /// Say that the server may be loaded: nothing is done without
    #[arg(long)]
    pub intrusive: bool,

    /// Deliver messages to this address
    #[arg(long, value_name = "ADDRESS")]
    pub to: Option<String>,

    /// Octets of each message
    #[arg(long, value_name = "OCTETS", default_value_t = 1024, requires = "to",
        value_parser = clap::value_parser!(u32).range(200..=10_000_000))]
    pub size: u32,

    /// Messages or commands in all
    #[arg(long, value_name = "N", default_value_t = 1000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub count: u32,

    /// Begin nothing more after that long: 10s, 2m
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = crate::open::span)]
    pub time: Duration,

    /// Connections at once
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(1..=100))]
    pub connections: u32,

    /// How the report is printed.
    #[command(flatten)]
    pub shape: Shape,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

const EXAMPLES: &str = "\
Examples:
  Commands a second over eight connections:
    pillarbox probe load \"$IMAPS_URL\" --intrusive --connections 8 --count 400
  Messages a second, as a number:
    pillarbox probe load \"$SMTP_URL\" --intrusive --to bob@example.test --count 50 \\
      --json | jq 'select(.type == \"load\") | .per_second'";

/// Longest run, whatever was asked for.
const LONGEST: Duration = Duration::from_secs(600);

/// What all connections share.
struct Work {
    left: Cell<u32>,
    end: Instant,
    times: RefCell<Vec<Duration>>,
    errors: Cell<u32>,
    first_error: RefCell<Option<String>>,
}

impl Work {
    fn failed(&self, why: String) {
        self.errors.set(self.errors.get() + 1);
        self.first_error.borrow_mut().get_or_insert(why);
    }

    /// Takes one more thing to do; not when all is done, or the time is over.
    fn take(&self) -> bool {
        if self.left.get() == 0 || Instant::now() >= self.end {
            return false;
        }
        self.left.set(self.left.get() - 1);
        true
    }
}

/// Loads the server, and prints what it made of that.
///
/// # Errors
/// Arguments that cannot be followed; a server that cannot be reached is a finding.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    if !args.intrusive {
        let failure = Failure::usage("load may keep others from the server: it wants --intrusive");
        return Err(failure.hint("load only servers that are your own to load").into());
    }
    let site = Site::new(&args.url, &args.server.options, context)?;
    let is_mail = matches!(site.protocol, Protocol::Smtp | Protocol::Lmtp);
    if args.to.is_some() && !is_mail {
        return Err(Failure::usage("--to is for SMTP and LMTP").into());
    }
    if args.time > LONGEST {
        return Err(Failure::usage("--time can be ten minutes at the most").into());
    }
    let work = Rc::new(Work {
        left: Cell::new(args.count),
        end: Instant::now() + args.time,
        times: RefCell::default(),
        errors: Cell::new(0),
        first_error: RefCell::default(),
    });
    let words = words(&args);
    let begun = Instant::now();
    let mut all: Vec<_> = (0..args.connections.min(args.count))
        .map(|_| Box::pin(one(&site, &args, &words, &work)))
        .collect();
    // Each is polled whenever any of them can go on; there are a hundred at the most.
    std::future::poll_fn(|context| {
        all.retain_mut(|one| one.as_mut().poll(context).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    drop(all);
    let took = begun.elapsed();
    report(&site, &args, &work, took).print(&args.shape, args.common.json, out)
}

fn words(args: &Args) -> Words {
    let to = args.to.clone().unwrap_or_default();
    let head = format!("From: <{to}>\r\nTo: <{to}>\r\nSubject: pillarbox load\r\n\r\n");
    let size = usize::try_from(args.size).unwrap_or(usize::MAX);
    let mut message = head;
    while message.len() < size {
        let room = (size - message.len()).min(78);
        message.push_str(&"x".repeat(room.saturating_sub(2).max(1)));
        message.push_str("\r\n");
    }
    Words(vec![("{to}", to), ("{message}", message)])
}

/// One connection, until there is nothing left to do.
async fn one(site: &Site<'_>, args: &Args, words: &Words, work: &Work) {
    let is_mail = matches!(site.protocol, Protocol::Smtp | Protocol::Lmtp);
    let wire = match site.has_user() || is_mail {
        true => site.ready().await,
        false => site.secured().await,
    };
    let wire = match wire {
        Ok(wire) => wire,
        Err(error) => return work.failed(format!("{error:#}")),
    };
    let steps: &[Step] = match (site.protocol, &args.to) {
        (Protocol::Smtp | Protocol::Lmtp, Some(_)) => &[
            Step::Do("MAIL FROM:<{to}>"),
            Step::Is("250"),
            Step::Do("RCPT TO:<{to}>"),
            Step::Is("25"),
            Step::Do("DATA"),
            Step::Is("354"),
            Step::Raw("{message}.\r\n"),
            Step::Answer,
            Step::Is("250"),
        ],
        (Protocol::Smtp | Protocol::Lmtp, None) => &[Step::Do("NOOP"), Step::Is("250")],
        (Protocol::Imap, _) => &[Step::Do("NOOP"), Step::Is("OK")],
        (Protocol::Pop3, _) if site.has_user() => &[Step::Do("NOOP"), Step::Is("+OK")],
        (Protocol::Pop3, _) => &[Step::Lines("CAPA"), Step::Is("+OK")],
    };
    let mut talk = Talk::new(wire, site.protocol, words, None);
    while work.take() {
        let begun = Instant::now();
        for step in steps {
            if let Err(Fault::Unmet(why) | Fault::Unknown(why)) = talk.step(step).await {
                return work.failed(why);
            }
        }
        work.times.borrow_mut().push(begun.elapsed());
    }
    let leave = if site.protocol == Protocol::Imap { "LOGOUT" } else { "QUIT" };
    // All is measured; how the server takes leave changes nothing.
    let _ = talk.step(&Step::Do(leave)).await;
    talk.leave().await;
}

fn report(site: &Site<'_>, args: &Args, work: &Work, took: Duration) -> Report {
    let mut times = work.times.borrow().clone();
    times.sort_unstable();
    let unit = if args.to.is_some() { "message" } else { "command" };
    let (done, errors) = (times.len(), work.errors.get());
    let rate = done as f64 / took.as_secs_f64().max(1e-6);
    let of = |percent| nearest_rank(&times, percent).unwrap_or_default().as_secs_f64() * 1e3;
    let [p50, p90, p99, max] = [of(50), of(90), of(99), of(100)];
    let mut lines = vec![site.url.clone()];
    let seconds = took.as_secs_f64();
    labelled(&mut lines, "done", &format!("{done} {unit}s in {seconds:.2} s: {rate:.0} a second"));
    labelled(&mut lines, "connections", &site.connections().to_string());
    labelled(
        &mut lines,
        "each took",
        &format!("p50 {p50:.1} ms, p90 {p90:.1} ms, p99 {p99:.1} ms, max {max:.1} ms"),
    );
    let object = json!({
        "type": "load",
        "unit": unit,
        "done": done,
        "errors": errors,
        "seconds": seconds,
        "per_second": rate,
        "connections": site.connections(),
        "p50_ms": p50,
        "p90_ms": p90,
        "p99_ms": p99,
        "max_ms": max,
    });
    let finding = match work.first_error.borrow().as_ref() {
        None => LOAD_ANSWERED.pass(&site.url, format!("{done} of {done}")),
        Some(why) => LOAD_ANSWERED.bad(&site.url, format!("{errors} connections failed: {why}")),
    };
    Report {
        subject: site.url.clone(),
        lines,
        objects: vec![object],
        findings: vec![finding],
        connections: site.connections(),
    }
}
