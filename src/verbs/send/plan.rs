//! From the command line and standard input to a message with its envelope.

use std::io::Read;

use anyhow::Result;

use super::args::{Args, Composing};
use super::compose;
use super::spooled::Spooled;
use crate::config::aliases::Aliases;
use crate::message::address::{self, Mailbox};
use crate::message::compose::message_id;
use crate::message::envelope::{self, Source};
use crate::message::headers::{self, Place};
use crate::open;
use crate::sasl::system_random;
use crate::store::Envelope;
use crate::ui::{Exit, Failure};

/// What will leave.
pub struct Plan {
    /// The envelope.
    pub envelope: Envelope,
    /// The message, headers completed and Bcc removed.
    pub message: Spooled,
}

/// Who we are where the message does not say: the account's address and name.
#[derive(Debug, Default)]
pub struct Author {
    /// `email` and `name` of the account.
    pub mailbox: Option<Mailbox>,
    /// Added to addresses without a domain.
    pub qualify_domain: Option<String>,
    /// What names without a domain stand for.
    pub aliases: Option<Aliases>,
}

impl Plan {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`Failure`] with 64 for the command line, 65 for the message, 66 for none.
    pub fn make(args: &Args, author: &Author, input: &mut dyn Read) -> Result<Self> {
        let positional = recipients(&args.recipients, author)?;
        let from = match &args.composing.from {
            Some(from) => Some(
                address::mailbox(from.as_bytes())
                    .map_err(|error| Failure::usage(format!("--from {from:?}: {error}")))?,
            ),
            None => author.mailbox.clone(),
        };
        let mut message = if args.composing.composes() {
            let from = from.clone().ok_or_else(|| {
                Failure::usage("a composed message needs an author")
                    .hint("give --from, or `email` in the account's table")
            })?;
            Spooled::of(compose::message(&args.composing, from, &positional, input)?)
        } else {
            refuse_compose_options(&args.composing)?;
            Spooled::take(input)?
        };
        check(&message)?;
        let named = envelope::from_header(&message.header, source(&message.header));
        complete(&mut message, from.as_ref())?;
        let (header, _) = headers::remove(&message.header, &["Bcc", "Resent-Bcc"]);
        message.header = header;

        let named = match named {
            Ok(named) => named,
            // Its addresses are only needed where the command line does not give them.
            Err(_) if !positional.is_empty() && args.envelope.envelope_from.is_some() => {
                envelope::Envelope::default()
            }
            Err(error) => {
                return Err(Failure::new(
                    Exit::Data,
                    format!("{error}: {}, at octet {}", error.source, error.offset),
                )
                .hint("give the recipients and --envelope-from on the command line")
                .into());
            }
        };
        let recipients = if positional.is_empty() {
            self::recipients(&named.recipients, author)?
        } else {
            positional
        };
        if recipients.is_empty() {
            return Err(Failure::usage("no recipient")
                .hint("name recipients on the command line or by --to, or in the message's To, Cc or Bcc")
                .into());
        }
        let sender = match args.envelope.envelope_from.as_deref() {
            Some("<>" | "") => String::new(),
            Some(sender) => sender.trim_start_matches('<').trim_end_matches('>').to_owned(),
            None => named.sender.or_else(|| from.map(|mailbox| mailbox.addr)).ok_or_else(|| {
                Failure::usage("no sender: the message has no From")
                    .hint("give --from or --envelope-from")
            })?,
        };
        let sender = qualified(sender, author)?;
        Ok(Self {
            envelope: Envelope { sender, recipients: envelope::unique(recipients) },
            message,
        })
    }
}

/// Resent fields, where there are any, name the envelope (RFC 5322 section 3.6.6).
fn source(header: &[u8]) -> Source {
    let resent = ["Resent-To", "Resent-Cc", "Resent-Bcc"]
        .iter()
        .any(|name| headers::find(header, name).is_some());
    if resent { Source::Resent } else { Source::Original }
}

pub fn refuse_compose_options(args: &Composing) -> Result<(), Failure> {
    let given = [
        (!args.to.is_empty(), "--to"),
        (!args.cc.is_empty(), "--cc"),
        (!args.bcc.is_empty(), "--bcc"),
        (!args.reply_to.is_empty(), "--reply-to"),
        (!args.header.is_empty(), "--header"),
    ];
    match given.iter().find(|(given, _)| *given) {
        Some((_, option)) => Err(Failure::usage(format!(
            "{option} is for a composed message, and standard input is a whole one"
        ))
        .hint("add --subject, --body, --html or --attach to compose; recipients of a whole message are named without an option")),
        None => Ok(()),
    }
}

pub fn check(message: &Spooled) -> Result<(), Failure> {
    if !headers::begins_with_header(&message.header) {
        return Err(Failure::new(
            Exit::Data,
            "the message has no header: its first line is no header field",
        )
        .hint("for a plain text, give --subject or --body to have a message composed around it"));
    }
    if let Some(offset) = message.scan.nul {
        return Err(Failure::new(
            Exit::Data,
            format!("the message has a NUL at octet {offset}, which no mail server has to keep"),
        )
        .hint("encode it: a file goes by --attach"));
    }
    Ok(())
}

/// Date, Message-ID, From and MIME-Version where they are missing (RFC 5322 section 3.6).
pub fn complete(message: &mut Spooled, from: Option<&Mailbox>) -> Result<()> {
    // What mbox files begin with is no header field.
    if message.header.starts_with(b"From ") {
        let end = memchr::memchr(b'\n', &message.header).map_or(message.header.len(), |at| at + 1);
        message.header.drain(..end);
    }
    let data = |error: headers::Error| Failure::new(Exit::Data, error.to_string());
    let missing = |header: &[u8], name: &str| headers::find(header, name).is_none();
    if missing(&message.header, "From")
        && let Some(from) = from
    {
        let value = match &from.name {
            Some(name) if name.is_ascii() && !name.contains(['"', '\\']) => {
                format!("\"{name}\" <{}>", from.addr)
            }
            _ => from.addr.clone(),
        };
        message.header =
            headers::insert(&message.header, Place::Last, "From", &value).map_err(data)?;
    }
    if missing(&message.header, "Date") {
        message.header =
            headers::insert(&message.header, Place::Last, "Date", &open::now().message())
                .map_err(data)?;
    }
    if missing(&message.header, "Message-ID") {
        let mut random = [0u8; 20];
        system_random(&mut random);
        let id = message_id(&random, from.and_then(Mailbox::domain));
        message.header =
            headers::insert(&message.header, Place::Last, "Message-ID", &format!("<{id}>"))
                .map_err(data)?;
    }
    let is_mime = headers::find(&message.header, "Content-Type").is_some()
        || headers::find(&message.header, "Content-Transfer-Encoding").is_some();
    if is_mime && missing(&message.header, "MIME-Version") {
        message.header =
            headers::insert(&message.header, Place::Last, "MIME-Version", "1.0").map_err(data)?;
    }
    Ok(())
}

fn recipients(words: &[String], author: &Author) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for word in words {
        if let Some(bad) = word.chars().find(|c| c.is_control()) {
            let message = format!("recipient {word:?} has the control character {bad:?} in it");
            return Err(Failure::usage(message).into());
        }
        let found = address::mailboxes(word.as_bytes())
            .map_err(|error| Failure::usage(format!("recipient {word:?}: {error}")))?;
        for mailbox in found {
            let addresses = match &author.aliases {
                Some(aliases) => aliases
                    .expand(&mailbox.addr)
                    .map_err(|error| Failure::new(Exit::Config, error.to_string()))?,
                None => vec![mailbox.addr],
            };
            for address in addresses {
                all.push(qualified(address, author)?);
            }
        }
    }
    Ok(all)
}

/// An address with a domain, where one is known to add. `<>` and `postmaster` stay as they
/// are.
fn qualified(address: String, author: &Author) -> Result<String> {
    if let Some(bad) = address.chars().find(|c| c.is_control()) {
        return Err(Failure::usage(format!("{address:?} has the control character {bad:?}")).into());
    }
    if address.is_empty() || address.contains('@') || address.eq_ignore_ascii_case("postmaster") {
        return Ok(address);
    }
    match &author.qualify_domain {
        Some(domain) => Ok(format!("{address}@{domain}")),
        None => Ok(address),
    }
}
