//! `serve-test release`: passes a message on that a running server has caught.

use anyhow::{Context as _, Result};

use super::client::Server;
use crate::open::{Common, Context, Endpoint, Outgoing, Own, smtp_error};
use crate::smtp::client::{Fate, Submission};
use crate::smtp::server::Message;
use crate::smtp::syntax::parameter::BodyType;
use crate::store::Envelope;
use crate::ui::{Exit, Failure, Output};

/// Pass a caught message on for real
///
/// Its sender and its recipients are those of its envelope. The exit code is that of
/// `pillarbox send`.
#[derive(Debug, Clone, clap::Args)]
pub struct Release {
    /// The message, by the number that `serve-test list` shows
    #[arg(value_name = "REF", value_parser = number)]
    pub id: u64,

    /// The server or account to give it to, as smtp://mx.example.org
    #[arg(long, value_name = "LOCATION")]
    pub via: String,

    #[command(flatten)]
    pub(super) server: Server,

    #[command(flatten)]
    pub endpoint: Endpoint<Own>,

    #[command(flatten)]
    pub common: Common,
}

fn number(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    digits.parse().map_err(|_| "want the number of a message, as 3 or #3".to_owned())
}

/// Hands the message over, and tells what became of it for each recipient.
///
/// # Errors
/// No such message, and whatever keeps the server from being spoken to.
pub async fn run(args: &Release) -> Result<Exit> {
    let context = Context::new(&args.common)?;
    let (from, to, octets) = super::client::get(&args.server, args.id)?;
    let envelope = Envelope { sender: from, recipients: to };
    let mut submission = Submission::plain(&envelope).map_err(smtp_error)?;
    let content = without_return_path(&octets);
    if !content.is_ascii() {
        submission.parameters.body = Some(BodyType::EightBitMime);
    }
    let outgoing = Outgoing::new(Some(&args.via), Some(&envelope.sender), &context)?;
    let mut client = outgoing.open(&args.endpoint.options, None, &context).await?;
    let mut body = Message::from_octets(content.to_vec());
    let outcome =
        client.submit(submission, &mut body).await.map_err(smtp_error).context(args.via.clone())?;
    // The message is given already: a goodbye that fails changes nothing.
    let _ = client.quit().await;
    let mut out = Output::stdout(args.common.json, args.common.nul);
    let mut fates = Vec::new();
    for recipient in outcome.recipients {
        fates.push(recipient.fate);
        let delivery = recipient.into_delivery();
        if args.common.json {
            out.json(&serde_json::json!({
                "recipient": delivery.recipient,
                "state": delivery.state.word(),
                "code": delivery.code,
                "text": delivery.text,
            }))?;
        } else {
            let code = delivery.code.map(|code| format!(" {code}")).unwrap_or_default();
            let state = delivery.state.word();
            out.line(&format!("{}: {state}:{code} {}", delivery.recipient, delivery.text))?;
        }
    }
    out.flush()?;
    Ok(exit(&fates))
}

/// The exit code of `send`.
fn exit(fates: &[Fate]) -> Exit {
    let has = |fate| fates.contains(&fate);
    match () {
        () if has(Fate::Unknown) => Exit::Unknown,
        () if fates.iter().all(|fate| *fate == Fate::Delivered) => Exit::Ok,
        () if has(Fate::Delivered) => Exit::Mixed,
        () if has(Fate::Permanent) => Exit::Unavailable,
        () => Exit::TempFail,
    }
}

/// The message without the field that only its last server writes (RFC 5321 section 4.4).
fn without_return_path(octets: &[u8]) -> &[u8] {
    let has = octets.get(..12).is_some_and(|start| start.eq_ignore_ascii_case(b"Return-Path:"));
    match memchr::memchr(b'\n', octets) {
        Some(at) if has => &octets[at + 1..],
        _ => octets,
    }
}

/// The error for a number that no message has.
pub fn no_such_message(id: u64) -> Failure {
    Failure::new(Exit::NoInput, format!("no message #{id} was caught, or it is forgotten"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_servers_field_stays_here() {
        assert_eq!(without_return_path(b"Return-Path: <a@b>\r\nX: y\r\n\r\n"), b"X: y\r\n\r\n");
        assert_eq!(without_return_path(b"X: y\r\n\r\n"), b"X: y\r\n\r\n");
        assert_eq!((number("#3"), number("3")), (Ok(3), Ok(3)));
        assert!(number("x").is_err());
    }

    #[test]
    fn exits_are_those_of_send() {
        use Fate::{Delivered, Permanent, Temporary, Unknown};
        for (fates, wanted) in [
            (vec![Delivered, Delivered], Exit::Ok),
            (vec![Delivered, Permanent], Exit::Mixed),
            (vec![Temporary, Permanent], Exit::Unavailable),
            (vec![Temporary], Exit::TempFail),
            (vec![Unknown, Delivered], Exit::Unknown),
        ] {
            assert_eq!(exit(&fates), wanted, "{fates:?}");
        }
    }
}
