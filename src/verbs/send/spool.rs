//! A spool without a daemon: `--spool` stores durably and returns, `--flush` delivers what is due.
//!
//! Each message is two files: `NAME.eml`, which never changes, and `NAME.json` with what is still
//! to be done, which is replaced whole; a message is there once its second file is. Whoever
//! delivers one holds a lock on the first, so that two flushes at once never send twice. What
//! fails for now is tried again, each time later, for five days (RFC 5321 section 4.5.4.1); what
//! fails for good, ran out of time, or is unknown, is reported to the sender (RFC 3464).

mod files;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use self::files::{names, read, remove, reserve, settled, sweep, write};
use super::args::{EnvelopeOptions, Extensions, Returned};
use super::deliver::Told;
use super::esmtp::Wishes;
use super::plan::Plan;
use super::spooled::Spooled;
use super::{outcome, report as bounce};
use crate::base::dot::LineEnds;
use crate::message::compose::base32;
use crate::net::Stop;
use crate::open::{self, Context};
use crate::sasl::system_random;
use crate::state;
use crate::store::{Delivery, Envelope, Fate};
use crate::ui::{Exit, Failure, Output, report};

/// The first pause behind a failed attempt, in seconds (RFC 5321 section 4.5.4.1: at least 30
/// minutes), and the longest; each is twice the one before.
const FIRST_PAUSE: i64 = 30 * 60;
const LONGEST_PAUSE: i64 = 4 * 60 * 60;

/// Characters that are kept of what a server said, and how many octets one recipient's fate takes
/// at most: a character has up to six in JSON.
const TEXT_CHARACTERS: usize = 200;
const FATE_OCTETS: usize = 2048;

/// After so many seconds a message is given up.
const LIFE: i64 = 5 * 24 * 60 * 60;

/// The spool.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Spool")]
pub struct Spooling {
    /// Store the message in the folder DIR and return; `send --flush` delivers it
    #[arg(long, value_name = "DIR")]
    #[arg(conflicts_with_all = ["pipe", "sent", "input"])]
    pub spool: Option<PathBuf>,

    /// Deliver what is due in the --spool folder, or in the usual one
    #[arg(long, conflicts_with_all = ["pipe", "sent", "input", "merge"])]
    pub flush: bool,
}

impl Spooling {
    /// The folder.
    ///
    /// # Errors
    /// [`state::Error::NoPlace`] for the usual one without a home.
    pub fn folder(&self) -> state::Result<PathBuf> {
        match &self.spool {
            Some(folder) => Ok(folder.clone()),
            None => usual_folder(),
        }
    }

    /// The folder, to deliver from. One that is named has to be there: an empty queue and a
    /// mistyped name would look the same.
    ///
    /// # Errors
    /// [`state::Error::NoPlace`], and [`Failure`] (66) where it is not there.
    pub fn folder_to_flush(&self) -> Result<PathBuf> {
        match &self.spool {
            Some(folder) if !folder.is_dir() => {
                let message = format!("{}: no such spool", folder.display());
                let hint = "send --spool makes the folder with the first message";
                Err(Failure::new(Exit::NoInput, message).hint(hint).into())
            }
            _ => Ok(self.folder()?),
        }
    }
}

/// The folder that is used where none is named.
///
/// # Errors
/// [`state::Error::NoPlace`] without a home.
pub fn usual_folder() -> state::Result<PathBuf> {
    Ok(state::folder()?.join("spool"))
}

/// What is still to be done with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The reverse-path.
    pub sender: String,
    /// Those who do not have it yet.
    pub recipients: Vec<String>,
    /// Those who will never have it, and of whom the sender does not know yet.
    #[serde(default)]
    unreported: Vec<Unreported>,
    /// When it was stored, in seconds since 1970.
    pub created: i64,
    /// When it is tried next.
    pub due: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it is still here; empty: it was not tried yet.
    pub reason: String,
    /// `--via`, where it was given.
    pub via: Option<String>,
    /// `--direct`.
    pub direct: bool,
    /// Options about the envelope, as words of a command line.
    pub options: Vec<String>,
    line_ends: Ends,
}

/// A fate that a report is still to be made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Unreported {
    recipient: String,
    /// Nobody knows whether it was delivered.
    is_unknown: bool,
    code: Option<u16>,
    enhanced: Option<String>,
    text: String,
}

impl Unreported {
    fn of(delivery: &Delivery) -> Self {
        Self {
            recipient: delivery.recipient.clone(),
            is_unknown: delivery.state == Fate::Unknown,
            code: delivery.code,
            enhanced: delivery.enhanced.clone(),
            text: short(&delivery.text),
        }
    }

    fn delivery(self) -> Delivery {
        Delivery {
            recipient: self.recipient,
            state: if self.is_unknown { Fate::Unknown } else { Fate::Permanent },
            stage: "body",
            code: self.code,
            enhanced: self.enhanced,
            text: self.text,
        }
    }
}

/// What a server said, short enough to be written down whatever the disk has left.
fn short(text: &str) -> String {
    text.chars().take(TEXT_CHARACTERS).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Ends {
    Canonical,
    Verbatim,
    VerbatimUnsafe,
}

/// The options that are kept with a message.
#[derive(Debug, clap::Parser)]
#[command(no_binary_name = true)]
pub struct Kept {
    /// About the envelope.
    #[command(flatten)]
    pub envelope: EnvelopeOptions,
    /// About extensions.
    #[command(flatten)]
    pub extensions: Extensions,
}

impl Item {
    /// The options that were kept.
    ///
    /// # Errors
    /// [`Failure`] (65) for what no version of this program has written.
    pub fn kept(&self) -> Result<Kept, Failure> {
        use clap::Parser as _;
        Kept::try_parse_from(&self.options)
            .map_err(|error| Failure::new(Exit::Data, format!("options of a message: {error}")))
    }
}

/// The words that give these options again.
pub fn words(envelope: &EnvelopeOptions, extensions: &Extensions) -> Vec<String> {
    let mut words = Vec::new();
    let mut value = |name: &str, value: Option<String>| {
        words.extend(value.map(|value| format!("--{name}={value}")));
    };
    value("notify", envelope.notify.clone());
    value("return", envelope.returned.map(|it| it.word().to_owned()));
    value("envid", envelope.envid.clone());
    value("hold-for", extensions.hold_for.map(|it| it.to_string()));
    value("hold-until", extensions.hold_until.map(|it| it.to_string()));
    value("priority", extensions.priority.map(|it| it.to_string()));
    value("deliver-by", extensions.deliver_by.clone());
    words.extend(envelope.orcpt.iter().map(|it| format!("--orcpt={it}")));
    for (given, name) in [
        (envelope.all_or_none, "all-or-none"),
        (extensions.require_tls, "require-tls"),
        (extensions.prdr, "prdr"),
    ] {
        if given {
            words.push(format!("--{name}"));
        }
    }
    words
}

/// Stores a message durably, and gives its name.
///
/// # Errors
/// [`Failure`] (73) when that is not possible; then nothing of it is there.
pub fn store(
    folder: &Path,
    plan: &mut Plan,
    via: Option<&str>,
    direct: bool,
    options: Vec<String>,
) -> Result<String> {
    let now = open::now().seconds;
    let mut random = [0; 10];
    system_random(&mut random);
    let name = format!("{now}.{}", base32(&random));
    let item = Item {
        sender: plan.envelope.sender.clone(),
        recipients: plan.envelope.recipients.clone(),
        unreported: Vec::new(),
        created: now,
        due: now,
        attempts: 0,
        reason: String::new(),
        via: via.map(str::to_owned),
        direct,
        options,
        line_ends: match plan.line_ends {
            LineEnds::Canonical => Ends::Canonical,
            LineEnds::Verbatim => Ends::Verbatim,
            LineEnds::VerbatimUnsafe => Ends::VerbatimUnsafe,
        },
    };
    write(folder, &name, plan, &item).map_err(|error| {
        Failure::new(Exit::CantCreate, format!("cannot spool into {}: {error}", folder.display()))
    })?;
    Ok(name)
}

/// Lists what waits, as `mailq` does.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn list(folder: &Path, out: &mut Output) -> Result<Exit> {
    let names = names(folder)?;
    if names.is_empty() {
        out.line("Mail queue is empty")?;
    }
    for name in names {
        let Some(item) = read(folder, &name)? else { continue };
        let octets =
            fs::metadata(folder.join(format!("{name}.eml"))).map_or(0, |found| found.len());
        let date = |seconds| {
            crate::base::date::Zoned { seconds, offset_seconds: open::now().offset_seconds }
                .message()
        };
        if out.format() == crate::ui::Format::Json {
            out.json(&serde_json::json!({
                "name": name,
                "octets": octets,
                "sender": item.sender,
                "recipients": item.recipients,
                "created": item.created,
                "due": item.due,
                "attempts": item.attempts,
                "reason": item.reason,
            }))?;
            continue;
        }
        out.line(&format!("{name} {octets} {} {}", date(item.created), sender(&item)))?;
        if !item.reason.is_empty() {
            out.line(&format!("    ({}; next try {})", item.reason, date(item.due)))?;
        }
        for recipient in &item.recipients {
            out.line(&format!("    {recipient}"))?;
        }
    }
    Ok(Exit::Ok)
}

fn sender(item: &Item) -> &str {
    if item.sender.is_empty() { "<>" } else { &item.sender }
}

/// Delivers.
pub trait Courier {
    /// Hands a message over, and gives the fate of each recipient.
    async fn carry(&mut self, item: &Item, plan: &mut Plan) -> Result<Vec<Told>>;
}

/// Delivers all that is due, and prints the fates.
///
/// # Errors
/// A folder that cannot be read or written, and a message that cannot be read, once all others
/// had their turn. What keeps one from being delivered is its recipients' fate.
pub async fn flush(
    folder: &Path,
    courier: &mut impl Courier,
    context: &Context,
    out: &mut Output,
) -> Result<Exit> {
    let mut fates: Vec<Delivery> = Vec::new();
    let mut broken: Option<anyhow::Error> = None;
    let mut was_stopped = false;
    for name in names(folder)? {
        if let Some(cause) = context.net.stop.cause() {
            report::warning(&format!("{cause}: what is not told of here waits as before"));
            was_stopped = true;
            break;
        }
        // Whatever noting them came to, who has it is told.
        let (told, settled) = match deliver(folder, &name, courier, &context.net.stop).await {
            Ok(delivered) => delivered,
            Err(error) => (Vec::new(), Err(error)),
        };
        if let Err(error) = settled
            && let Some(before) = broken.replace(error)
        {
            let causes: Vec<String> = before.chain().map(ToString::to_string).collect();
            report::warning(&report::joined(&causes));
        }
        if context.quiet && out.format() != crate::ui::Format::Json {
            outcome::tell_failures(&told);
        } else {
            outcome::print(&told, out)?;
        }
        fates.extend(told.into_iter().map(|it| it.delivery));
    }
    sweep(folder);
    out.flush()?;
    match broken {
        Some(error) => Err(error),
        // There may be more that is due.
        None if was_stopped && fates.iter().all(|it| it.state == Fate::Delivered) => {
            Ok(Exit::TempFail)
        }
        // Nothing was due.
        None if fates.is_empty() => Ok(Exit::Ok),
        None => Ok(outcome::exit(fates.iter())),
    }
}

/// What became of one message's recipients, and whether that could be noted.
type Delivered = (Vec<Told>, Result<()>);

/// Delivers one message, where it is due and nobody else is at it.
async fn deliver(
    folder: &Path,
    name: &str,
    courier: &mut impl Courier,
    stop: &Stop,
) -> Result<Delivered> {
    let path = folder.join(format!("{name}.eml"));
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok((Vec::new(), Ok(())));
        }
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    match file.try_lock() {
        Ok(()) => {}
        // Another flush has it.
        Err(TryLockError::WouldBlock) => return Ok((Vec::new(), Ok(()))),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| path.display().to_string());
        }
    }
    // Now nobody else changes it; what it was before does not count.
    let Some(mut item) = read(folder, name)? else { return Ok((Vec::new(), Ok(()))) };
    let now = open::now().seconds;
    if item.due > now {
        return Ok((Vec::new(), Ok(())));
    }
    let mut plan = Plan::empty();
    plan.envelope = Envelope { sender: item.sender.clone(), recipients: item.recipients.clone() };
    plan.message = Spooled::take(&mut &file)?;
    plan.line_ends = match item.line_ends {
        Ends::Canonical => LineEnds::Canonical,
        Ends::Verbatim => LineEnds::Verbatim,
        Ends::VerbatimUnsafe => LineEnds::VerbatimUnsafe,
    };
    let reserved = reserve(folder, name, &item).map_err(|error| {
        let place = folder.display();
        let message = format!("{name} is not tried: {place} has no room to note it: {error}");
        Failure::new(Exit::Io, message)
    })?;
    let mut told = Vec::new();
    if !item.recipients.is_empty() {
        told = courier.carry(&item, &mut plan).await.unwrap_or_else(|error| {
            let recipients = item.recipients.iter();
            recipients.map(|recipient| super::deliver::failed(recipient, &error)).collect()
        });
    }
    // A try that was stopped is not the last one.
    let is_over = now - item.created >= LIFE && stop.cause().is_none();
    let settled = settle(folder, name, &mut item, &mut plan, &told, &reserved, (now, is_over));
    Ok((told, settled))
}

/// Writes down what became of a message: it goes, or waits for its next turn, and its sender
/// hears of those who will not get it. `is_over`: it is not tried again.
fn settle(
    folder: &Path,
    name: &str,
    item: &mut Item,
    plan: &mut Plan,
    told: &[Told],
    reserved: &File,
    (now, is_over): (i64, bool),
) -> Result<()> {
    let mut failed: Vec<Delivery> =
        std::mem::take(&mut item.unreported).into_iter().map(Unreported::delivery).collect();
    let mut waiting = Vec::new();
    for Told { delivery, .. } in told {
        match delivery.state {
            Fate::Delivered => {}
            Fate::Temporary if !is_over => {
                item.reason = format!("{}: {}", delivery.recipient, short(&delivery.text));
                waiting.push(delivery.recipient.clone());
            }
            Fate::Temporary | Fate::Permanent | Fate::Unknown => failed.push(delivery.clone()),
        }
    }
    let spool = |error: std::io::Error| {
        Failure::new(Exit::Io, format!("cannot change {name} in {}: {error}", folder.display()))
    };
    if !failed.is_empty()
        // First of all, and on disk: a crash now may report twice, never not at all.
        && let Err(error) = complain(folder, item, plan, &failed)
    {
        report::warning(&format!("{name}: its sender hears of it with the next flush: {error:#}"));
        item.unreported = failed.iter().map(Unreported::of).collect();
    }
    if waiting.is_empty() && item.unreported.is_empty() {
        return remove(folder, name).map_err(|error| spool(error).into());
    }
    let pause = FIRST_PAUSE.saturating_mul(1 << item.attempts.min(16)).min(LONGEST_PAUSE);
    item.attempts += 1;
    // The last try is when its time runs out.
    item.due = (now + pause).min((item.created + LIFE).max(now + FIRST_PAUSE));
    item.recipients = waiting;
    settled(folder, name, item, reserved).map_err(|error| spool(error).into())
}

/// Spools a report to the sender, who may have none (a report itself) or not want one.
fn complain(folder: &Path, item: &Item, plan: &mut Plan, failed: &[Delivery]) -> Result<()> {
    let kept = item.kept()?;
    let is_unwanted = kept
        .envelope
        .notify
        .as_deref()
        .is_some_and(|when| !when.to_ascii_lowercase().contains("failure"));
    if item.sender.is_empty() || is_unwanted {
        report::warning(&format!(
            "nobody is told that a message of {} was not delivered",
            sender(item)
        ));
        return Ok(());
    }
    let protected = kept.extensions.require_tls;
    // RFC 8689 section 5: of such a message the header only comes back, and not in the clear.
    let wants_all = kept.envelope.returned == Some(Returned::Full) && !protected;
    let message = if wants_all { bounce::whole(plan)? } else { None };
    let wishes = Wishes::new(&kept.envelope, &kept.extensions).unwrap_or_default();
    let octets = bounce::compose(
        &item.sender,
        item.created,
        kept.envelope.envid.as_deref(),
        match &message {
            Some(message) => bounce::Returned::Whole(message),
            None => bounce::Returned::Header(&plan.message.header),
        },
        &|recipient| wishes.original(recipient),
        failed,
    );
    let mut report = Plan::empty();
    report.envelope = Envelope { sender: String::new(), recipients: vec![item.sender.clone()] };
    report.message = Spooled::of(octets);
    let options = if protected { vec!["--require-tls".to_owned()] } else { Vec::new() };
    store(folder, &mut report, item.via.as_deref(), item.direct, options).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_back_as_they_went() {
        let options =
            ["--notify=failure,delay", "--return=headers", "--envid=a b", "--orcpt=x@y", "--prdr"]
                .map(str::to_owned)
                .to_vec();
        let item = Item {
            sender: "a@x".into(),
            recipients: vec!["b@y".into()],
            unreported: vec![Unreported::of(&Delivery {
                recipient: "c@z".into(),
                state: Fate::Unknown,
                stage: "body",
                code: None,
                enhanced: None,
                text: "x".repeat(1000),
            })],
            created: 1,
            due: 1,
            attempts: 0,
            reason: String::new(),
            via: None,
            direct: false,
            options,
            line_ends: Ends::Canonical,
        };
        let kept = item.kept().expect("options");
        let mut again = words(&kept.envelope, &kept.extensions);
        again.sort();
        let mut wanted = item.options.clone();
        wanted.sort();
        assert_eq!(again, wanted);
        let text = serde_json::to_string(&item).expect("JSON");
        assert_eq!(serde_json::from_str::<Item>(&text).expect("its own"), item);
    }
}
