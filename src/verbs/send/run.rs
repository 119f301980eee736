//! Carries the plan out.

use std::io::Read;

use anyhow::Result;

use super::args::Args;
use super::plan::{Author, Plan};
use super::{news, outcome};
use crate::config::aliases::Aliases;
use crate::open::{self, Context};
use crate::smtp::client::Submission;
use crate::store::{Delivery, Fate};
use crate::ui::{Exit, Failure, Format, Output, report};

/// Octets shown of a message at a time by a dry run.
const BLOCK_OCTETS: usize = 64 * 1024;

/// Sends one message.
///
/// # Errors
/// Whatever kept the message from being handed over at all; a recipient's own fate is no
/// error, but in the exit code.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    if let Some(location) = news::server(args.via.as_deref())? {
        return news::post(&args, &location, context, out).await;
    }
    let route = open::Outgoing::new(args.via.as_deref(), args.composing.from.as_deref(), context)?;
    let aliases = match &context.config.aliases {
        Some(path) => Some(
            Aliases::load(path).map_err(|error| Failure::new(Exit::Config, error.to_string()))?,
        ),
        None => None,
    };
    let qualify_domain = context.config.qualify_domain.clone();
    let author = Author { mailbox: route.author(), qualify_domain, aliases };
    let mut input = std::io::stdin().lock();
    let input: &mut dyn Read = &mut input;
    let mut plan = Plan::make(&args, &author, input)?;
    if args.diagnosis.dry_run {
        return show(&mut plan, out).await;
    }
    match hand_over(&args, &route, &mut plan, context).await {
        Ok(deliveries) => {
            if !context.quiet || out.format() == Format::Json {
                outcome::print(&deliveries, out)?;
            } else {
                outcome::tell_failures(&deliveries);
            }
            log(context, &plan, &deliveries);
            let deliveries: Vec<Delivery> =
                deliveries.into_iter().map(|(delivery, _)| delivery).collect();
            Ok(outcome::exit(&deliveries))
        }
        Err(error) => {
            log(context, &plan, &not_handed_over(&plan, &error));
            if out.format() == Format::Json {
                outcome::print(&not_handed_over(&plan, &error), out)?;
                out.flush()?;
            }
            Err(error)
        }
    }
}

async fn hand_over(
    args: &Args,
    route: &open::Outgoing,
    plan: &mut Plan,
    context: &Context,
) -> Result<Vec<(Delivery, Option<String>)>> {
    let mut submission = Submission::plain(&plan.envelope).map_err(open::smtp_error)?;
    submission.all_or_none = args.envelope.all_or_none;
    if plan.message.scan.eight_bit {
        submission.parameters.body = Some(crate::smtp::syntax::parameter::BodyType::EightBitMime);
    }
    if !plan.message.header.is_ascii() {
        // RFC 6531 section 3.6: UTF-8 in the header travels under SMTPUTF8 only.
        submission.parameters.smtputf8 |= std::str::from_utf8(&plan.message.header).is_ok();
    }
    let mut client =
        route.open(&args.server.options, args.diagnosis.ehlo.as_deref(), context).await?;
    // One message a session: QUIT leaves with its end, which saves a round trip.
    client.quit_behind();
    let outcome = client.submit(submission, &mut plan.message).await.map_err(open::smtp_error)?;
    let deliveries = outcome
        .recipients
        .into_iter()
        .map(|recipient| {
            let queue_id = recipient.queue_id();
            (recipient.into_delivery(), queue_id)
        })
        .collect();
    if client.is_open() {
        // The message is with the server: a goodbye that fails changes nothing.
        let _ = client.quit().await;
    }
    Ok(deliveries)
}

/// Adds a line per recipient to the configured logfile. The message has left by now: a log
/// that cannot be written is told, and changes nothing.
pub fn log(context: &Context, plan: &Plan, deliveries: &[(Delivery, Option<String>)]) {
    use std::io::Write as _;
    let Some(path) = &context.config.logfile else { return };
    let date = open::now().message();
    let lines: String = deliveries
        .iter()
        .map(|(delivery, _)| outcome::log_line(&date, &plan.envelope.sender, delivery))
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
pub fn not_handed_over(plan: &Plan, error: &anyhow::Error) -> Vec<(Delivery, Option<String>)> {
    let verdict = open::verdict(error);
    let state = match verdict.exit {
        Exit::TempFail | Exit::Protocol => Fate::Temporary,
        _ => Fate::Permanent,
    };
    let text = error.chain().map(ToString::to_string).collect::<Vec<_>>();
    let text = crate::ui::report::joined(&text);
    plan.envelope
        .recipients
        .iter()
        .map(|recipient| {
            let delivery = Delivery {
                recipient: recipient.clone(),
                state,
                stage: "connect",
                code: None,
                enhanced: None,
                text: text.clone(),
            };
            (delivery, None)
        })
        .collect()
}

/// The envelope and the exact octets, as they would leave.
async fn show(plan: &mut Plan, out: &mut Output) -> Result<Exit> {
    use crate::store::Body as _;
    if out.format() == Format::Json {
        out.json(&serde_json::json!({
            "sender": plan.envelope.sender,
            "recipients": plan.envelope.recipients,
            "octets": plan.message.len(),
        }))?;
        return Ok(Exit::Ok);
    }
    let mut lines = format!("MAIL FROM:<{}>\n", plan.envelope.sender);
    for recipient in &plan.envelope.recipients {
        lines.push_str(&format!("RCPT TO:<{recipient}>\n"));
    }
    lines.push_str("DATA\n");
    out.content(lines.as_bytes())?;
    let mut block = vec![0; BLOCK_OCTETS];
    loop {
        let count = plan.message.read(&mut block).await?;
        if count == 0 {
            return Ok(Exit::Ok);
        }
        out.content(&block[..count])?;
    }
}
