//! Starts the servers, tells that they are ready, runs the command or waits to be stopped.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitStatus;
use std::rc::Rc;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::accepted::Log;
use super::args::{Args, Store};
use super::certificates::{Certificates, Preset, system_roots_pem};
use super::client;
use super::control::Control;
use super::environment::{Facts, Scratch};
use super::expect::{Expectation, settle};
use super::faults::{Faults, Rule, random_seed};
use super::hidden;
use super::limits::Limits;
use super::listeners::{Listeners, Serve};
use super::news::News;
use super::pipes::Pipes;
use super::post::Office;
use super::proxy::Upstream;
use super::record::Recorder;
use super::replay::{Player, Recording, Replay};
use super::seed;
use super::service::{Parts, Services, mechanisms};
use super::users::{Keep, Users};
use crate::base::secret::Secret;
use crate::config::credentials::hide_password;
use crate::net::tls::{self, read_pem_certificates};
use crate::net::transcript::{Redactor, Transcript};
use crate::open::Context;
use crate::sasl::Mechanism;
use crate::store::memory::Budget;
use crate::ui::{Exit, Failure, report, trace};

/// How `serve-test` ends: its own exit code, or the wrapped command's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Ours.
    Own(Exit),
    /// The command's.
    Command(u8),
}

/// Serves until the command ends, or a signal comes; or asks a server that runs already.
///
/// # Errors
/// Whatever keeps the servers or the command from starting.
pub async fn run(args: Args, context: &Context) -> Result<Ended> {
    if let Some(control) = &args.control {
        return client::run(control).await;
    }
    let local = tokio::task::LocalSet::new();
    local.run_until(serve(args, context)).await
}

/// Serves a recording.
///
/// # Errors
/// Whatever keeps the recording from being read, the servers or the command from starting.
pub async fn replay(args: &Replay) -> Result<Ended> {
    let local = tokio::task::LocalSet::new();
    local.run_until(serve_again(args)).await
}

async fn serve_again(args: &Replay) -> Result<Ended> {
    let recording = Recording::read(&args.file)?;
    let scratch = Scratch::new()?;
    let certificates = Certificates::new(Preset::Valid, &[])?;
    let authority = scratch.write("ca.pem", &certificates.authority_pem)?;
    let bundle =
        scratch.write("bundle.pem", &(system_roots_pem() + "\n" + &certificates.authority_pem))?;
    let lmtp = scratch.path().join("lmtp.sock");
    let address = std::net::Ipv4Addr::LOCALHOST.into();
    let listeners = Listeners::bind(address, &args.ports, &lmtp).await?;
    let (ports, config) = (listeners.ports(), scratch.path().join("config.toml"));
    let facts = Facts {
        ports: &ports,
        address,
        users: &default_users(),
        domain: "example.test",
        lmtp: &lmtp,
        control: &scratch.path().join("control.sock"),
        authority: &authority,
        bundle: &bundle,
        config: &config,
    };
    scratch.write("config.toml", &facts.configuration())?;
    let player: Rc<dyn Serve> =
        Rc::new(Player { recording: recording.clone(), acceptor: certificates.implicit });
    listeners.serve(&player);
    let mut signals = Signals::new(Rc::new(Notify::new()))?;
    if args.command.is_empty() || args.ready_fd.is_some() {
        tell_ready(&facts, args.ready_fd)?;
    }
    let ended = if args.command.is_empty() {
        while !recording.is_over() {
            tokio::select! {
                () = recording.over.notified() => {}
                _ = signals.next() => break,
            }
        }
        Ended::Own(Exit::Ok)
    } else {
        command(&args.command, &facts, &mut signals).await?
    };
    let left = recording.left();
    if left > 0 {
        report::error(&[format!("{left} of the recorded connections were not made")], None);
    }
    let is_same = left == 0 && recording.differences.borrow().is_empty();
    Ok(match ended {
        Ended::Own(Exit::Ok) | Ended::Command(0) if !is_same => Ended::Own(Exit::None),
        ended => ended,
    })
}

fn default_users() -> Vec<(String, String)> {
    ["alice", "bob"].map(|name| (name.to_owned(), "secret".to_owned())).to_vec()
}

/// What is not listed. A recording can be played again only without mechanisms whose server
/// has to answer with the client's own nonce.
fn hidden_names(args: &Args, mechanisms: &[Mechanism]) -> Vec<String> {
    let mut all = args.hide.clone();
    if args.record.is_some() {
        let names = mechanisms.iter().map(|mechanism| mechanism.name());
        let is_scram = |name: &&str| name.starts_with("SCRAM-");
        all.extend(names.filter(is_scram).map(|name| format!("AUTH={name}")));
    }
    all
}

async fn serve(args: Args, context: &Context) -> Result<Ended> {
    let scratch = Scratch::new()?;
    let named = if args.users.is_empty() { default_users() } else { args.users.clone() };
    let mechanisms = mechanisms(args.any_user, args.keytab.is_some());
    if let Some(name) = hidden::unknown(&args.hide, &mechanisms) {
        return Err(Failure::usage(format!("--hide {name}: no server here lists that")).into());
    }
    if !args.listen.is_loopback() {
        report::warning(
            "a test server listens beyond this machine: anybody who reaches it can use it",
        );
    }
    let redactor = Rc::new(Redactor::default());
    for (_, password) in &named {
        redactor.learn(&Secret::new(password.as_bytes()));
    }
    let client_roots = match &args.client_ca {
        None => Vec::new(),
        Some(path) => {
            let no_input =
                |what: String| Failure::new(Exit::NoInput, format!("{}: {what}", path.display()));
            let pem = std::fs::read(path).map_err(|error| no_input(error.to_string()))?;
            read_pem_certificates(&pem).map_err(no_input)?
        }
    };
    let certificates = Certificates::new(args.tls, &client_roots)?;
    let authority = scratch.write("ca.pem", &certificates.authority_pem)?;
    let bundle =
        scratch.write("bundle.pem", &(system_roots_pem() + "\n" + &certificates.authority_pem))?;
    let lmtp = scratch.path().join("lmtp.sock");
    let listeners = Listeners::bind(args.listen, &args.ports, &lmtp).await?;
    let limits = Limits(&args.limits);
    if args.max_memory.is_some() && args.store != Store::Memory {
        let why = "--max-memory drops mail, and --store maildir keeps it: choose one";
        return Err(Failure::usage(why).into());
    }
    let budget = args.max_memory.map(Budget::new);
    let folder = match &args.store {
        Store::Memory => None,
        Store::Maildir(folder) => Some(folder.as_path()),
    };
    let users = Users::new(
        &named,
        args.any_user,
        args.catch_all.as_deref(),
        args.like,
        limits.login_delay(),
        args.keytab.as_deref(),
        Keep { folder, budget: budget.clone() },
    )?;
    if let Some(budget) = budget {
        let users = users.clone();
        tokio::task::spawn_local(async move { users.make_room(&budget).await });
    }
    if let Some(name) = &args.catch_all
        && users.mail(name).is_none()
    {
        return Err(Failure::usage(format!("--catch-all {name}: no such user")).into());
    }
    for path in &args.seed_mail {
        seed::mail(&users, path, context).await?;
    }
    let log = Log::new(args.max_memory);
    let news = News::new("localhost", users.clone(), log.clone());
    for path in &args.seed_news {
        news.seed(path, context).await?;
    }
    let stop = Rc::new(Notify::new());
    let control = scratch.path().join("control.sock");
    Control { log: log.clone(), users: users.clone(), stop: stop.clone() }.listen(&control)?;
    let trust = trust(&args)?;
    let upstream = match &args.proxy {
        Some(url) => Some(Upstream::new(url, &trust, &context.net)?),
        None => None,
    };
    let office = Office::new("localhost", users.clone(), log.clone());
    let own = Services::new(Parts {
        host: "localhost".into(),
        users,
        office: office.clone(),
        news,
        implicit: certificates.implicit.clone(),
        starttls: certificates.starttls.clone(),
        allow_cleartext: args.allow_cleartext,
        hidden: hidden_names(&args, &mechanisms),
        mechanisms,
        like: args.like,
        limits,
        upstream,
        faults: faults(&args),
        transcript: transcript(&args)?,
        redactor,
    });
    let services: Rc<dyn Serve> = own.clone();
    let ports = listeners.ports();
    let config = scratch.path().join("config.toml");
    let facts = Facts {
        ports: &ports,
        address: args.listen,
        users: &named,
        domain: &args.domain,
        lmtp: &lmtp,
        control: &control,
        authority: &authority,
        bundle: &bundle,
        config: &config,
    };
    scratch.write("config.toml", &facts.configuration())?;
    let webhook = args.webhook.as_ref().map(|url| (url, &trust));
    let variables = facts.variables();
    let pipes = Pipes::start(&log, args.emit, args.exec.as_deref(), webhook, &variables);
    raise_descriptors();
    tokio::task::spawn_local(keep_a_timer());
    listeners.serve(&services);
    let mut signals = Signals::new(stop)?;
    if args.command.is_empty() || args.ready_fd.is_some() {
        tell_ready(&facts, args.ready_fd)?;
    }
    let ended = if args.command.is_empty() {
        signals.next().await;
        Ended::Own(Exit::Ok)
    } else {
        command(&args.command, &facts, &mut signals).await?
    };
    let is_met = expected(&args.expectations, &log, &mut signals).await;
    own.end().await;
    office.deliver_held();
    log.end();
    tokio::select! {
        () = pipes.finish() => {}
        _ = signals.next() => {}
    }
    Ok(match ended {
        Ended::Own(Exit::Ok) | Ended::Command(0) if !is_met => Ended::Own(Exit::None),
        ended => ended,
    })
}

/// Waits for what is expected, explains what is not met, and tells whether all is. A signal
/// ends the waiting.
async fn expected(expectations: &[Expectation], log: &Log, signals: &mut Signals) -> bool {
    tokio::select! {
        () = settle(expectations, log) => {}
        _ = signals.next() => {}
    }
    let mut is_met = true;
    for lines in expectations.iter().filter_map(|expectation| expectation.unmet(log)) {
        is_met = false;
        let mut lines = lines.into_iter();
        if let Some(verdict) = lines.next() {
            report::error(&[verdict], None);
        }
        for line in lines {
            report::note(&line);
        }
    }
    is_met
}

/// The rules; a seed that nobody gave is told, so that it can be given.
fn faults(args: &Args) -> Rc<Faults> {
    let seed = args.seed.unwrap_or_else(|| {
        let seed = random_seed();
        if args.faults.iter().any(Rule::is_random) {
            report::note(&format!("faults left to chance: --seed {seed} has them again"));
        }
        seed
    });
    Faults::new(&args.faults, seed, args.like, Limits(&args.limits).commands())
}

/// How to trust servers that we speak to ourselves.
fn trust(args: &Args) -> Result<tls::Settings> {
    let Some(path) = &args.ca_file else { return Ok(tls::Settings::default()) };
    let pem = std::fs::read(path)
        .map_err(|error| Failure::new(Exit::NoInput, format!("{}: {error}", path.display())))?;
    let roots = tls::read_pem_certificates(&pem)
        .map_err(|error| Failure::new(Exit::Config, format!("{}: {error}", path.display())))?;
    Ok(tls::Settings { verify: tls::Verify::Roots(roots), ..tls::Settings::default() })
}

/// Keeps the runtime's clock wound: when no timer is set, the first one of a new connection has
/// to wake the clock by a system call, and the wake has to be heard by another.
async fn keep_a_timer() {
    loop {
        tokio::time::sleep(TIMER).await;
    }
}

/// Shorter than what connections wait for, which is minutes.
const TIMER: std::time::Duration = std::time::Duration::from_secs(60);

/// Lets the process have as many connections as the system allows: the usual 1,024 are for
/// programs that wait with select(2).
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where that is not allowed, fewer clients are served at a time.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

fn transcript(args: &Args) -> Result<Option<Rc<dyn Transcript>>> {
    let mut all: Vec<Rc<dyn Transcript>> = Vec::new();
    if args.verbose {
        all.push(Rc::new(trace::Printed::server()));
    }
    if let Some(path) = &args.trace {
        let file = trace::private_file(path).map_err(|error| {
            Failure::new(Exit::CantCreate, format!("cannot make {}: {error}", path.display()))
        })?;
        all.push(Rc::new(trace::Traced::new(Box::new(file))));
    }
    if let Some(path) = &args.record {
        let file = trace::private_file(path).map_err(|error| {
            Failure::new(Exit::CantCreate, format!("cannot make {}: {error}", path.display()))
        })?;
        all.push(Rc::new(Recorder::new(file)));
    }
    Ok(match all.len() {
        0 => None,
        _ => Some(Rc::new(trace::All(all))),
    })
}

fn tell_ready(facts: &Facts<'_>, descriptor: Option<i32>) -> Result<()> {
    let line = format!("{}\n", facts.ready());
    match descriptor {
        None => {
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).context("stdout")
        }
        Some(number) => std::fs::File::options()
            .write(true)
            .open(format!("/dev/fd/{number}"))
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(|error| {
                Failure::usage(format!("--ready-fd {number}: cannot be written: {error}")).into()
            }),
    }
}

async fn command(line: &[OsString], facts: &Facts<'_>, signals: &mut Signals) -> Result<Ended> {
    let mut command = tokio::process::Command::new(&line[0]);
    command.args(&line[1..]).envs(facts.variables()).kill_on_drop(true);
    hide_password(command.as_std_mut());
    // The same program under its usual name, for scripts that call it.
    if let Ok(own) = std::env::current_exe()
        && let Some(folder) = own.parent()
    {
        let mut path = vec![folder.to_owned()];
        if let Some(inherited) = std::env::var_os("PATH") {
            path.extend(std::env::split_paths(&inherited));
        }
        if let Ok(path) = std::env::join_paths(path) {
            command.env("PATH", path);
        }
    }
    let mut child = command.spawn().map_err(|error| {
        let name = line[0].to_string_lossy();
        Failure::new(Exit::Wrapper, format!("cannot run {name}: {error}"))
    })?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.context("the command")?,
            kind = signals.next() => {
                if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok())
                    && let Some(pid) = rustix::process::Pid::from_raw(pid)
                    && let Some(kind) = rustix::process::Signal::from_named_raw(kind.as_raw_value())
                {
                    // It may have ended this moment.
                    let _ = rustix::process::kill_process(pid, kind);
                }
            }
        }
    };
    Ok(Ended::Command(code(status)))
}

/// As a shell tells it: 128 and the signal for a command that one ended.
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(255)
}

/// The signals that end us, or that are passed on.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    /// Somebody asks for the end over the control socket.
    stop: Rc<Notify>,
}

impl Signals {
    fn new(stop: Rc<Notify>) -> Result<Self> {
        Ok(Self {
            stop,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            () = self.stop.notified() => SignalKind::terminate(),
            _ = self.hangup.recv() => SignalKind::hangup(),
        }
    }
}
