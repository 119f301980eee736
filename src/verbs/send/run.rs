//! Carries the plan out.

use std::io::Read;

use anyhow::Result;

use super::args::{Args, Conversion};
use super::bulk::{self, Opener, Source};
use super::deliver::{self, Sessions, Told};
use super::direct::Pool;
use super::esmtp::Wishes;
use super::fit::{self, Route};
use super::merge::Merge;
use super::persona::Mode;
use super::plan::{self, Author, Given, Plan};
use super::sent::Copies;
use super::spool::{self, Courier, Item};
use super::{compose, direct, news, outcome, persona, pipe, signing, stages, stdio, together};
use crate::base::apart::apart;
use crate::base::dot::{Encoder, LineEnds};
use crate::base::location::{Location, Reference};
use crate::config::aliases::Aliases;
use crate::net::stop::Cause;
use crate::open::references::Place;
use crate::open::{self, Context, Create, Dialogue, EndpointOptions, ProxyHeader, signals};
use crate::smtp::syntax::ehlo::Capabilities;
use crate::store::{self, Delivery, Envelope, Fate, Meta, Sink, What};
use crate::ui::{Exit, Failure, Format, Output, report};

/// Sends one message, or one to each person of a table.
///
/// # Errors
/// Whatever kept the message from being handed over at all; a recipient's own fate is no
/// error, but in the exit code.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    let news = news::server(args.via.as_deref())?;
    together::check(&args, news.is_some())?;
    if let Some(location) = news {
        return apart(|| news::post(&args, &location, context, out)).await;
    }
    let exit = match prepare(&args, context, out).await {
        Err(error) if args.persona.is_some() => return Err(persona::error(error)),
        exit => exit?,
    };
    Ok(if args.persona.is_some() { persona::exit(exit) } else { exit })
}

async fn prepare(args: &Args, context: &Context, out: &mut Output) -> Result<Exit> {
    match args.persona.as_ref().map(|persona| persona.mode) {
        Some(Mode::Print) => {
            return spool::list(&args.spooling.folder()?, out);
        }
        Some(Mode::Flush) => return apart(|| flush(args, context, out)).await,
        None if args.spooling.flush => return apart(|| flush(args, context, out)).await,
        Some(Mode::Smtp | Mode::Message) | None => {}
    }
    if let Some(name) = &args.diagnosis.ehlo {
        check_ehlo(name)?;
    }
    let wishes = Wishes::new(&args.envelope, &args.extensions)?;
    let wishes = wishes.signed_by(args.signing.signers()?);
    let sent = args.sent.as_deref().map(Location::parse).transpose()?;
    let way = Way::new(args, context).await?;
    let author = author(args, &way, context)?;
    if args.persona.as_ref().is_some_and(|persona| persona.mode == Mode::Smtp) {
        let Way::Server(route) = way else {
            return Err(Failure::usage("-bs needs a server to send by").into());
        };
        return apart(|| stdio::serve(*route, args.clone(), author, context)).await;
    }
    if let (Some(last), Way::Server(route)) = (args.diagnosis.quit_after, &way) {
        return apart(|| stages::run(args, last, route, &author, &wishes, context, out)).await;
    }
    let mut sender = Sender { args, way, wishes, sent, context };
    if let (Some(table), Some(template)) = (&args.composing.merge, &args.composing.template) {
        let given = Given {
            recipients: plan::recipients(&args.recipients, &author)?,
            sender: args.envelope.envelope_from.as_deref(),
            from: plan::from(args.composing.from.as_deref(), &author)?,
            also_named: false,
        };
        let plans = Merge::new(table, template, given.clone(), &author)?;
        if args.bulk.is_wanted() && !args.conversion.dry_run {
            let source = Source::Plans(Box::new(plans));
            return apart(|| sender.bulk(source, &given, &author, out)).await;
        }
        return apart(|| sender.all(plans, out)).await;
    }
    if args.bulk.is_wanted() {
        let given = Given {
            recipients: plan::recipients(&args.recipients, &author)?,
            sender: args.envelope.envelope_from.as_deref(),
            from: plan::from(args.composing.from.as_deref(), &author)?,
            also_named: false,
        };
        let nul = args.common.nul;
        let source =
            Source::inputs(&args.bulk.input, &mut open::Stdin::new(&context.net.stop), nul)?;
        return apart(|| sender.bulk(source, &given, &author, out)).await;
    }
    let named = args.composing.reply.as_deref().or(args.composing.forward.as_deref());
    let original = match named {
        Some(named) => Some(apart(|| original(named, context)).await?),
        None => None,
    };
    let mut input = open::Stdin::new(&context.net.stop);
    let input: &mut dyn Read = &mut input;
    let plan = match &args.persona {
        Some(persona) => {
            Plan::make(args, &author, original.as_deref(), &mut *persona.input(input)?)?
        }
        None => Plan::make(args, &author, original.as_deref(), input)?,
    };
    sender.wishes.check(&plan.envelope.recipients)?;
    sender.one(plan, out).await
}

/// Who writes, and what names stand for.
fn author(args: &Args, way: &Way, context: &Context) -> Result<Author> {
    let aliases = match &context.config.aliases {
        Some(path) => Some(
            Aliases::load(path).map_err(|error| Failure::new(Exit::Config, error.to_string()))?,
        ),
        None => None,
    };
    let qualify_domain = context.config.qualify_domain.clone();
    let mailbox = match way {
        Way::Server(route) => route.author(),
        Way::Direct(_) | Way::Pipe(_) | Way::Spool(_) => {
            open::author(args.composing.from.as_deref(), context)
        }
    };
    let mailbox = match &args.persona {
        Some(persona) => persona.author(mailbox, qualify_domain.as_deref()),
        None => mailbox,
    };
    Ok(Author { mailbox, qualify_domain, aliases })
}

/// Where messages go.
enum Way {
    Server(Box<open::Outgoing>),
    Direct(Box<open::Direct>),
    Pipe(String),
    /// Nowhere yet: to a folder.
    Spool(std::path::PathBuf),
}

impl Way {
    async fn new(args: &Args, context: &Context) -> Result<Self> {
        if let Some(folder) = &args.spooling.spool {
            return Ok(Self::Spool(folder.clone()));
        }
        if args.direct {
            let direct = apart(|| open::Direct::new(&args.server.options, context)).await?;
            return Ok(Self::Direct(Box::new(direct)));
        }
        match &args.pipe {
            Some(command) => Ok(Self::Pipe(command.clone())),
            None => {
                let from = args.composing.from.as_deref();
                Ok(Self::Server(Box::new(open::Outgoing::new(args.via.as_deref(), from, context)?)))
            }
        }
    }
}

/// Whether a name can stand behind EHLO: one word of printable ASCII that a line holds (RFC 5321
/// sections 4.1.1.1 and 4.5.3.1.2). That it is a name by DNS's rules, or ours, is not asked: a
/// server's answer to a wrong one may be what is looked for.
fn check_ehlo(name: &str) -> Result<(), Failure> {
    let wrong = |what: &str| Err(Failure::usage(format!("--ehlo {name:?}: {what}")));
    if name.is_empty() || name.len() > 255 {
        return wrong("want 1 to 255 octets");
    }
    match name.chars().find(|it| !it.is_ascii_graphic()) {
        None => Ok(()),
        Some(other) if !other.is_ascii() => wrong("a name in EHLO is ASCII: write it as xn--…"),
        Some(_) => wrong("a name has no blank and no control character in it"),
    }
}

/// What the options say of the dialogue with the server.
///
/// # Errors
/// [`Failure`] (64) for an attribute that is none.
pub fn dialogue(args: &Args) -> Result<Dialogue, Failure> {
    let options = &args.diagnosis;
    let mut xclient = Vec::new();
    for attribute in &options.xclient {
        let (name, value) = attribute.split_once('=').ok_or_else(|| {
            Failure::usage(format!("--xclient {attribute:?}: want ATTRIBUTE=VALUE"))
        })?;
        xclient.push((name.to_ascii_uppercase(), value.to_owned()));
    }
    Ok(Dialogue {
        name: options.ehlo.clone(),
        xclient,
        proxy: options
            .proxy_protocol
            .map(|version| ProxyHeader { version, client: options.proxy_client }),
        last: None,
    })
}

/// The whole message that a reference names.
async fn original(reference: &str, context: &Context) -> Result<Vec<u8>> {
    let place = Place::of(&Reference::parse(reference)?)?;
    let endpoint = EndpointOptions::default();
    let mut opened = open::open_mail(&place.location, &endpoint, Create::No, context).await?;
    opened.select(place.uid_validity, true).await?;
    let mut whole = Whole::default();
    opened.spool().read(std::slice::from_ref(&place.id), &What::Whole, &mut whole).await?;
    opened.spool().finish().await?;
    whole.octets.ok_or_else(|| {
        Failure::new(Exit::NoInput, format!("{reference}: there is no such message")).into()
    })
}

/// Keeps one message in memory.
#[derive(Default)]
struct Whole {
    octets: Option<Vec<u8>>,
}

#[async_trait::async_trait(?Send)]
impl Sink for Whole {
    async fn begin(&mut self, _: &Meta) -> store::Result<()> {
        self.octets = Some(Vec::new());
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        let whole = self.octets.get_or_insert_default();
        whole.extend_from_slice(octets);
        if whole.len() as u64 > compose::ORIGINAL_OCTETS {
            let message = format!("the message has more than {} octets", compose::ORIGINAL_OCTETS);
            return Err(store::Error::Caller(Box::new(Failure::new(Exit::Data, message))));
        }
        Ok(())
    }

    async fn end(&mut self, _: &Meta) -> store::Result<()> {
        Ok(())
    }
}

/// What every message of a run shares.
struct Sender<'a> {
    args: &'a Args,
    way: Way,
    wishes: Wishes,
    sent: Option<Location>,
    context: &'a Context,
}

impl Sender<'_> {
    /// Sends one message.
    async fn one(&mut self, mut plan: Plan, out: &mut Output) -> Result<Exit> {
        if self.args.conversion.dry_run {
            return show(&mut plan, &self.args.conversion, &self.wishes, out);
        }
        if let Way::Spool(folder) = &self.way {
            self.store(folder, &mut plan, out)?;
            return Ok(Exit::Ok);
        }
        let mut copies = self.look().await?;
        signals::listen(&self.context.net.stop)?;
        let mut sessions = Sessions::new(async || self.open().await);
        let handed = self.hand_over(&mut sessions, &mut Pool::none(), &mut plan, true).await;
        match handed {
            Ok(told) => {
                self.tell(&told, out)?;
                log(self.context, &plan, &told);
                let is_kept = self.keep(&mut copies, &mut plan, &told, out).await?;
                finish(copies).await;
                let exit = with_copy(outcome::exit(told.iter().map(|it| &it.delivery)), is_kept);
                Ok(ended(exit, self.context.net.stop.cause()))
            }
            Err(error) => {
                let told = not_handed_over(&plan, &error);
                log(self.context, &plan, &told);
                if out.format() == Format::Json {
                    outcome::print(&told, out)?;
                    out.flush()?;
                }
                Err(error)
            }
        }
    }

    /// Sends one message after the other. What keeps one from being sent is its recipients'
    /// fate; a server that cannot be reached ends the run for all that follow.
    async fn all(
        &mut self,
        plans: impl Iterator<Item = Result<Plan>>,
        out: &mut Output,
    ) -> Result<Exit> {
        let mut copies = match self.args.conversion.dry_run {
            true => None,
            false => self.look().await?,
        };
        let mut sessions = Sessions::new(async || self.open().await);
        let mut pool = Pool::new(None);
        let mut fates: Vec<Delivery> = Vec::new();
        let mut down: Option<anyhow::Error> = None;
        let mut plans = plans.peekable();
        let mut is_kept = true;
        signals::listen(&self.context.net.stop)?;
        while let Some(plan) = plans.next() {
            if let Some(cause) = self.context.net.stop.cause() {
                report::warning(&format!("{cause}: what is not told of here was not sent"));
                // Those behind have not been tried.
                sessions.finish().await;
                pool.finish().await;
                finish(copies).await;
                let exit = match outcome::exit(fates.iter()) {
                    Exit::Ok => Exit::TempFail,
                    exit => exit,
                };
                return Ok(ended(exit, Some(cause)));
            }
            let mut plan = plan?;
            if self.args.conversion.dry_run {
                show(&mut plan, &self.args.conversion, &self.wishes, out)?;
                continue;
            }
            if let Way::Spool(folder) = &self.way {
                self.store(folder, &mut plan, out)?;
                continue;
            }
            let is_last = plans.peek().is_none();
            let told = match &down {
                Some(error) => not_handed_over(&plan, error),
                None => match self.hand_over(&mut sessions, &mut pool, &mut plan, is_last).await {
                    Ok(told) => told,
                    Err(error) => {
                        let told = not_handed_over(&plan, &error);
                        if sessions.is_down() {
                            down = Some(error);
                        }
                        told
                    }
                },
            };
            self.tell(&told, out)?;
            log(self.context, &plan, &told);
            is_kept &= self.keep(&mut copies, &mut plan, &told, out).await?;
            fates.extend(told.into_iter().map(|it| it.delivery));
        }
        sessions.finish().await;
        pool.finish().await;
        finish(copies).await;
        if fates.is_empty() {
            // Only shown or stored, or a table of nobody.
            return Ok(Exit::Ok);
        }
        let exit = with_copy(outcome::exit(fates.iter()), is_kept);
        Ok(ended(exit, self.context.net.stop.cause()))
    }

    /// Sends many messages.
    async fn bulk(
        &self,
        source: Source<'_>,
        given: &Given<'_>,
        author: &Author,
        out: &mut Output,
    ) -> Result<Exit> {
        let way = match &self.way {
            Way::Server(_) => bulk::Way::Server(self),
            Way::Direct(direct) => bulk::Way::Direct(direct, self.args.diagnosis.ehlo.as_deref()),
            Way::Pipe(_) | Way::Spool(_) => {
                let message = "--pipe and --spool take one message at a time";
                return Err(Failure::usage(message).into());
            }
        };
        let inspect = |plan: &Plan| inspect(plan, &self.args.conversion);
        let endpoint = &self.args.server.options;
        let Self { args, wishes, context, .. } = self;
        bulk::run(&args.bulk, source, given, author, way, wishes, &inspect, endpoint, context, out)
            .await
    }

    async fn hand_over<F: AsyncFn() -> Result<crate::smtp::client::Client>>(
        &self,
        sessions: &mut Sessions<F>,
        pool: &mut Pool,
        plan: &mut Plan,
        is_last: bool,
    ) -> Result<Vec<Told>> {
        let conversion = &self.args.conversion;
        let inspect = |plan: &Plan| inspect(plan, conversion);
        match &self.way {
            Way::Pipe(command) => {
                let (signers, stop) = (self.wishes.signers(), &self.context.net.stop);
                apart(|| pipe::hand_over(command, plan, signers, inspect, stop)).await
            }
            Way::Direct(way) => {
                let way = direct::Way {
                    direct: way,
                    ehlo: self.args.diagnosis.ehlo.as_deref(),
                    wishes: &self.wishes,
                    context: self.context,
                };
                apart(|| direct::hand_over(&way, plan, pool, inspect)).await
            }
            Way::Server(_) => sessions.hand_over(plan, &self.wishes, is_last, inspect).await,
            Way::Spool(_) => Err(Failure::new(Exit::Software, "a spool has no fates").into()),
        }
    }

    async fn open(&self) -> Result<crate::smtp::client::Client> {
        match &self.way {
            Way::Server(route) => {
                let dialogue = dialogue(self.args)?;
                let options = &self.args.server.options;
                if self.wishes.needs_tls() && route.is_unverified(options) {
                    // RFC 8689 section 2: by a trust chain or by DANE, or not at all.
                    let why = "the server's certificate is not to be verified";
                    return Err(deliver::Unprotected::no_tls(why).into());
                }
                route.open_by(options, &dialogue, self.context).await
            }
            Way::Direct(_) | Way::Pipe(_) | Way::Spool(_) => {
                Err(Failure::new(Exit::Software, "there is no server to open").into())
            }
        }
    }

    /// Stores a message in the spool, and says under which name.
    fn store(&self, folder: &std::path::Path, plan: &mut Plan, out: &mut Output) -> Result<()> {
        inspect(plan, &self.args.conversion)?;
        let args = self.args;
        let options = spool::words(&args.envelope, &args.extensions);
        let name = spool::store(folder, plan, args.via.as_deref(), args.direct, options)?;
        if out.format() == Format::Json {
            let recipients = &plan.envelope.recipients;
            out.json(&serde_json::json!({ "spooled": name, "recipients": recipients }))?;
        } else if !self.context.quiet && args.persona.is_none() {
            out.line(&name)?;
        }
        Ok(())
    }

    /// Prints the fates. `sendmail` says only what went wrong.
    fn tell(&self, told: &[Told], out: &mut Output) -> Result<()> {
        let is_quiet = self.context.quiet || self.args.persona.is_some();
        if !is_quiet || out.format() == Format::Json {
            outcome::print(told, out)?;
        } else {
            outcome::tell_failures(told);
        }
        Ok(())
    }

    /// Looks at the place for copies, before anything is sent.
    async fn look(&self) -> Result<Option<Copies>> {
        let Some(location) = &self.sent else { return Ok(None) };
        let mut copies = Copies::new(location.clone());
        apart(|| copies.look(self.context)).await?;
        Ok(Some(copies))
    }

    /// Puts the copy away, once somebody has the message, and says whether one is where it
    /// belongs. That it fails is told, and is no reason to send anything again.
    async fn keep(
        &self,
        copies: &mut Option<Copies>,
        plan: &mut Plan,
        told: &[Told],
        out: &mut Output,
    ) -> Result<bool> {
        let Some(copies) = copies else { return Ok(true) };
        if !told.iter().any(|it| it.delivery.state == Fate::Delivered) {
            return Ok(true);
        }
        let Err(error) = apart(|| copies.keep(plan, self.context)).await else { return Ok(true) };
        let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        let causes = report::joined(&causes);
        let location = copies.location();
        report::warning(&format!("the message was sent, and no copy is in {location}: {causes}"));
        if out.format() == Format::Json {
            out.json(&serde_json::json!({
                "copy": location.to_string(),
                "kept": false,
                "text": causes,
            }))?;
        }
        Ok(false)
    }
}

#[async_trait::async_trait(?Send)]
impl Opener for Sender<'_> {
    async fn open(&self) -> Result<crate::smtp::client::Client> {
        Sender::open(self).await
    }
}

/// Says goodbye to the place for copies.
async fn finish(copies: Option<Copies>) {
    if let Some(mut copies) = copies {
        copies.finish().await;
    }
}

/// How a run ends where a copy is missing: what was delivered is not to be sent again, so that
/// none of the codes will do that ask for it.
fn with_copy(exit: Exit, is_kept: bool) -> Exit {
    if exit == Exit::Ok && !is_kept { Exit::Mixed } else { exit }
}

/// How a run ends that was asked to end before its work was done (`cause`): what is unknown or
/// was delivered all the same is told by its own code.
pub fn ended(exit: Exit, cause: Option<Cause>) -> Exit {
    match (exit, cause) {
        (Exit::Ok | Exit::Unknown, _) | (_, None) => exit,
        (exit, Some(Cause::Deadline(_))) => exit,
        (_, Some(cause)) => open::stopped(cause),
    }
}

/// Delivers what is due in the spool.
async fn flush(args: &Args, context: &Context, out: &mut Output) -> Result<Exit> {
    let folder = args.spooling.folder_to_flush()?;
    signals::listen(&context.net.stop)?;
    let mut carrier = Carrier { args, context };
    let exit = spool::flush(&folder, &mut carrier, context, out).await?;
    Ok(ended(exit, context.net.stop.cause()))
}

/// Delivers spooled messages, each by its own way; what the command line says goes before that.
struct Carrier<'a> {
    args: &'a Args,
    context: &'a Context,
}

impl Courier for Carrier<'_> {
    async fn carry(&mut self, item: &Item, plan: &mut Plan) -> Result<Vec<Told>> {
        let kept = item.kept()?;
        let mut args = self.args.clone();
        args.spooling.spool = None;
        args.direct = args.direct || item.direct && args.via.is_none();
        if !args.direct {
            args.via = args.via.or_else(|| item.via.clone());
        }
        if args.composing.from.is_none() && !item.sender.is_empty() {
            // The account is chosen by who writes.
            args.composing.from = Some(item.sender.clone());
        }
        let wishes = Wishes::new(&kept.envelope, &kept.extensions)?;
        let Some(wishes) = wishes.later(open::now().seconds - item.created) else {
            // RFC 2852 section 4.1.3: no further attempt.
            let over = "--deliver-by: its time ran out";
            let mut told = not_handed_over(plan, &Failure::new(Exit::Unavailable, over).into());
            told.iter_mut().for_each(|it| it.delivery.enhanced = Some("5.4.7".to_owned()));
            log(self.context, plan, &told);
            return Ok(told);
        };
        let wishes = wishes.signed_by(args.signing.signers()?);
        wishes.check(&item.recipients)?;
        let way = Way::new(&args, self.context).await?;
        let sender = Sender { args: &args, way, wishes, sent: None, context: self.context };
        let mut sessions = Sessions::new(async || sender.open().await);
        let told = sender.hand_over(&mut sessions, &mut Pool::none(), plan, true).await?;
        log(self.context, plan, &told);
        Ok(told)
    }
}

/// Tells what was changed, where that is asked for, and refuses it where it is not wanted.
fn inspect(plan: &Plan, conversion: &Conversion) -> Result<()> {
    if conversion.explain {
        for change in &plan.changes {
            report::note(change);
        }
    }
    if conversion.strict && !plan.changes.is_empty() {
        let message =
            format!("--strict: the message would be changed: {}", plan.changes.join("; "));
        return Err(Failure::new(Exit::Data, message).into());
    }
    Ok(())
}

/// Adds a line per recipient to the configured logfile. The message has left by now: a log
/// that cannot be written is told, and changes nothing.
pub fn log(context: &Context, plan: &Plan, told: &[Told]) {
    use std::io::Write as _;
    let Some(path) = &context.config.logfile else { return };
    let date = open::now().message();
    let lines: String = told
        .iter()
        .map(|it| outcome::log_line(&date, &plan.envelope.sender, &it.delivery))
        .collect();
    let mut options = std::fs::File::options();
    options.append(true).create(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(lines.as_bytes()));
    if let Err(error) = written {
        report::warning(&format!("the logfile {} cannot be written: {error}", path.display()));
    }
}

/// Every recipient's fate when the session did not come as far as the message.
pub fn not_handed_over(plan: &Plan, error: &anyhow::Error) -> Vec<Told> {
    plan.envelope.recipients.iter().map(|recipient| deliver::failed(recipient, error)).collect()
}

/// The envelope and the exact octets, as they would leave.
fn show(
    plan: &mut Plan,
    conversion: &Conversion,
    wishes: &Wishes,
    out: &mut Output,
) -> Result<Exit> {
    let fitted = fit::fit_to_sign(plan, Route::OPEN, wishes.signers())?;
    let Envelope { sender, recipients } = &plan.envelope;
    let nobody = Capabilities::default();
    let submission =
        wishes.submission(sender, recipients, fitted.body, fitted.utf8_header, &nobody)?;
    let sender = submission.from.to_string();
    let recipients: Vec<String> =
        submission.recipients.iter().map(|recipient| recipient.path.to_string()).collect();
    inspect(plan, conversion)?;
    signing::sign(plan, wishes.signers())?;
    let mut encoder = Encoder::counted(match plan.line_ends {
        LineEnds::Canonical => LineEnds::Canonical,
        LineEnds::Verbatim | LineEnds::VerbatimUnsafe => LineEnds::VerbatimUnsafe,
    });
    let mut encoded = Vec::new();
    if out.format() == Format::Json {
        let mut octets = 0;
        plan.message.each(|piece| {
            encoder.push(piece, &mut encoded).expect("nothing is refused here");
            octets += encoded.len();
            encoded.clear();
            Ok(())
        })?;
        encoder.finish(&mut encoded).expect("nothing is refused here");
        out.json(&serde_json::json!({
            "sender": sender,
            "recipients": recipients,
            "octets": octets + encoded.len(),
            "changes": plan.changes,
        }))?;
        return Ok(Exit::Ok);
    }
    let mut lines = format!("MAIL FROM:<{sender}>\n");
    for recipient in &recipients {
        lines.push_str(&format!("RCPT TO:<{recipient}>\n"));
    }
    lines.push_str("DATA\n");
    out.content(lines.as_bytes())?;
    let mut written = Ok(());
    plan.message.each(|piece| {
        encoder.push(piece, &mut encoded).expect("nothing is refused here");
        if written.is_ok() {
            written = out.content(&encoded);
        }
        encoded.clear();
        Ok(())
    })?;
    written?;
    encoder.finish(&mut encoded).expect("nothing is refused here");
    out.content(&encoded)?;
    Ok(Exit::Ok)
}
