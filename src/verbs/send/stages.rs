//! A dialogue taken to a stage and no further, for diagnosis: what the server answers, and no
//! message.

use anyhow::Result;
use serde::Serialize;

use super::args::Args;
use super::esmtp::Wishes;
use super::plan::{self, Author};
use crate::message::address::Mailbox;
use crate::open::{self, Context, Dialogue};
use crate::smtp::client::Stage;
use crate::smtp::syntax::command::Command;
use crate::smtp::syntax::reply::Reply;
use crate::ui::{Exit, Failure, Format, Output};

/// Where a dialogue ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum QuitAfter {
    /// Behind the server's greeting
    Greeting,
    /// Behind the answer to EHLO
    Ehlo,
    /// Once TLS is there
    Starttls,
    /// Once logged in
    Auth,
    /// Behind the answer to MAIL
    Mail,
    /// Behind the answers to RCPT
    Rcpt,
}

impl QuitAfter {
    fn stage(self) -> Stage {
        match self {
            Self::Greeting => Stage::Greeting,
            Self::Ehlo => Stage::Ehlo,
            Self::Starttls => Stage::StartTls,
            Self::Auth => Stage::Auth,
            Self::Mail => Stage::Mail,
            Self::Rcpt => Stage::Rcpt,
        }
    }
}

/// One answer as JSON Lines have it.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    stage: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enhanced: Option<String>,
    text: String,
}

/// Speaks up to the stage, prints each answer, and says goodbye.
///
/// # Errors
/// What ended the dialogue before. A refusal is none, but in the exit code.
pub async fn run(
    args: &Args,
    last: QuitAfter,
    route: &open::Outgoing,
    author: &Author,
    wishes: &Wishes,
    context: &Context,
    out: &mut Output,
) -> Result<Exit> {
    let recipients = plan::recipients(&args.recipients, author)?;
    if last == QuitAfter::Rcpt && recipients.is_empty() {
        return Err(Failure::usage("--quit-after rcpt: name recipients on the command line").into());
    }
    let dialogue = Dialogue { last: Some(last.stage()), ..super::run::dialogue(args)? };
    let mut client = route.open_by(&args.server.options, &dialogue, context).await?;
    let greeting = Answer {
        stage: "greeting",
        recipient: None,
        code: Some(220),
        enhanced: None,
        text: client.banner().to_owned(),
    };
    print(&greeting, out)?;
    if last >= QuitAfter::Ehlo {
        let offered = client.capabilities().to_reply();
        for (at, line) in offered.lines().enumerate() {
            let text = match at {
                0 => client.capabilities().greeting.clone(),
                _ => String::from_utf8_lossy(line).into_owned(),
            };
            let code = Some(250);
            print(&Answer { stage: "ehlo", recipient: None, code, enhanced: None, text }, out)?;
        }
    }
    if last >= QuitAfter::Starttls
        && let Some(session) = client.wire().tls()
    {
        let text = session.to_string();
        let answer =
            Answer { stage: "starttls", recipient: None, code: None, enhanced: None, text };
        print(&answer, out)?;
    }
    if last >= QuitAfter::Auth
        && let Some(mechanism) = client.login_mechanism()
    {
        let text = format!("logged in by {mechanism}");
        let answer = Answer { stage: "auth", recipient: None, code: None, enhanced: None, text };
        print(&answer, out)?;
    }
    let mut exits = Vec::new();
    if last >= QuitAfter::Mail {
        let sender = match (
            &args.envelope.envelope_from,
            plan::from(args.composing.from.as_deref(), author)?,
        ) {
            (Some(sender), _) => sender.trim_matches(['<', '>']).to_owned(),
            (None, Some(Mailbox { addr, .. })) => addr,
            (None, None) => String::new(),
        };
        let server = client.capabilities().clone();
        let submission = wishes.submission(&sender, &recipients, None, false, &server)?;
        client.check(&submission, 0).map_err(open::smtp_error)?;
        let mail = Command::Mail(submission.from, submission.parameters);
        let reply = client.command(&mail).await.map_err(open::smtp_error)?;
        exits.push(told("mail", None, &reply, out)?);
        if last >= QuitAfter::Rcpt && reply.is_positive() {
            for (recipient, name) in submission.recipients.into_iter().zip(&recipients) {
                let rcpt = Command::Rcpt(recipient.path, recipient.parameters);
                let reply = client.command(&rcpt).await.map_err(open::smtp_error)?;
                exits.push(told("rcpt", Some(name), &reply, out)?);
                if !client.is_open() {
                    break;
                }
            }
        }
    }
    if client.is_open() {
        // All that was asked for has been answered.
        let _ = client.quit().await;
    }
    let worst = [Exit::Unavailable, Exit::TempFail].into_iter().find(|exit| exits.contains(exit));
    Ok(worst.unwrap_or(Exit::Ok))
}

fn told(stage: &str, recipient: Option<&str>, reply: &Reply, out: &mut Output) -> Result<Exit> {
    let enhanced = reply.enhanced_code().map(|code| code.to_string());
    print(
        &Answer { stage, recipient, code: Some(reply.code()), enhanced, text: reply.text() },
        out,
    )?;
    Ok(match reply.code() {
        200..300 => Exit::Ok,
        400..500 => Exit::TempFail,
        _ => Exit::Unavailable,
    })
}

fn print(answer: &Answer<'_>, out: &mut Output) -> Result<()> {
    if out.format() == Format::Json {
        out.json(answer)?;
        return Ok(());
    }
    let code = answer.code.map_or_else(String::new, |code| code.to_string());
    let text = super::outcome::one_line(&answer.text);
    let recipient = answer.recipient.unwrap_or_default();
    if out.format() == Format::Human {
        let words = [answer.stage, recipient, &code, &text];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        out.line(&words.join(" "))?;
    } else {
        let enhanced = answer.enhanced.as_deref().unwrap_or_default();
        out.line(&format!("{}\t{recipient}\t{code}\t{enhanced}\t{text}", answer.stage))?;
    }
    Ok(())
}
