//! From the command line and standard input to a message with its envelope.

use std::io::Read;

use anyhow::Result;

use super::args::Args;
use super::compose;
use super::resend;
use super::spooled::Spooled;
use crate::base::dot::LineEnds;
use crate::config::aliases::Aliases;
use crate::message::address::{self, Mailbox};
use crate::message::compose::message_id;
use crate::message::envelope::{self, Source};
use crate::message::headers::{self, Place};
use crate::message::words;
use crate::open;
use crate::sasl::system_random;
use crate::store::Envelope;
use crate::ui::{Exit, Failure};

/// One message that leaves: what the ways out of `send`, one by one or in bulk, are given.
pub struct Plan {
    /// The envelope, addresses as they were given.
    pub envelope: Envelope,
    /// The message, headers completed and Bcc removed.
    pub message: Spooled,
    /// The Bcc fields that were removed, for the copy that the sender keeps.
    pub blind: Vec<u8>,
    /// What was changed, in words, for `--explain` and `--strict`.
    pub changes: Vec<String>,
    /// Octets of our own signatures at the start of its header.
    pub signatures: usize,
    /// What happens to its line ends; with anything but canonical ones it is not to be touched.
    pub line_ends: LineEnds,
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

/// What is known of the envelope beside the message.
#[derive(Debug, Default, Clone)]
pub struct Given<'a> {
    /// Recipients of the command line, qualified; empty: the message names them.
    pub recipients: Vec<String>,
    /// The reverse-path of the command line.
    pub sender: Option<&'a str>,
    /// Who is put into a From that is missing, and sends when nobody is named.
    pub from: Option<Mailbox>,
    /// The recipients of the message are added to those given (`sendmail -t`).
    pub also_named: bool,
}

impl Plan {
    /// No message at all, to hold a place.
    pub fn empty() -> Self {
        Self {
            envelope: Envelope::default(),
            message: Spooled::of(Vec::new()),
            blind: Vec::new(),
            changes: Vec::new(),
            signatures: 0,
            line_ends: LineEnds::Canonical,
        }
    }

    /// Makes the plan of a single message. `original`: the message that is answered or passed
    /// on.
    ///
    /// # Errors
    /// [`Failure`] with 64 for the command line, 65 for the message, 66 for none.
    pub fn make(
        args: &Args,
        author: &Author,
        original: Option<&[u8]>,
        input: &mut dyn Read,
    ) -> Result<Self> {
        let given = Given {
            recipients: recipients(&args.recipients, author)?,
            sender: args.envelope.envelope_from.as_deref(),
            from: from(args.composing.from.as_deref(), author)?,
            also_named: args.persona.as_ref().is_some_and(|persona| persona.takes_header),
        };
        let composing = &args.composing;
        if args.conversion.raw {
            let unsafe_too = args.conversion.raw_unsafe;
            return Self::raw(Spooled::take(input)?, given, author, unsafe_too);
        }
        if composing.resend {
            let mut message = Spooled::take(input)?.with_header_lines()?;
            check(&message)?;
            let from = given.from.clone().ok_or_else(|| {
                Failure::usage("--resend needs to know who sends the message on")
                    .hint("give --from, or `email` in the account's table")
            })?;
            let to = resend::insert(&mut message, composing, &from, &given.recipients)?;
            let given = match given.recipients.is_empty() {
                true => Given { recipients: recipients(&to, author)?, ..given },
                false => given,
            };
            return Self::of(message, given, author);
        }
        if composing.composes() {
            let from = given.from.clone().ok_or_else(|| {
                Failure::usage("a composed message needs an author")
                    .hint("give --from, or `email` in the account's table")
            })?;
            let octets = compose::message(composing, from, &given.recipients, original, input)?;
            let mut plan = Self::of(Spooled::of(octets), given, author)?;
            // It was made here: nothing of it was changed.
            plan.changes.clear();
            return Ok(plan);
        }
        Self::of(Spooled::take(input)?, given, author)
    }

    /// Completes a whole message, and reads its envelope.
    ///
    /// # Errors
    /// [`Failure`]: 65 for a message that is none, 64 when nobody is named.
    pub fn of(message: Spooled, given: Given<'_>, author: &Author) -> Result<Self> {
        let mut message = message.with_header_lines()?;
        check(&message)?;
        let named = envelope::from_header(&message.header, source(&message.header));
        let mut changes = complete(&mut message, given.from.as_ref())?;
        let (header, removed) = headers::remove(
            &message.header,
            // RFC 5321 section 4.4: who sends a message does not say where its delivery came from.
            &["Bcc", "Resent-Bcc", "Return-Path"],
        );
        let mut blind = Vec::new();
        for field in headers::fields(&message.header).filter(|field| field.is("Bcc")) {
            blind.extend_from_slice(&message.header[field.start..field.end]);
        }
        message.header = header;
        changes.extend(removed.iter().map(|name| format!("removed {name}")));
        if message.scan.has_mixed_line_ends() {
            changes.push("made all line ends CRLF".into());
        }
        let envelope = envelope_of(named, given, author)?;
        let line_ends = LineEnds::Canonical;
        Ok(Self { envelope, message, blind, changes, signatures: 0, line_ends })
    }

    /// A message that is sent as it is.
    fn raw(message: Spooled, given: Given<'_>, author: &Author, unsafe_too: bool) -> Result<Self> {
        let named = envelope::from_header(&message.header, source(&message.header));
        let envelope = envelope_of(named, given, author)?;
        let line_ends = if unsafe_too { LineEnds::VerbatimUnsafe } else { LineEnds::Verbatim };
        let mut plan = Self {
            envelope,
            message,
            blind: Vec::new(),
            changes: Vec::new(),
            signatures: 0,
            line_ends,
        };
        // Before anybody is connected to: a line end that may not be changed.
        let mut encoder = crate::base::dot::Encoder::counted(line_ends);
        let mut out = Vec::new();
        let bare = |bare: crate::base::dot::Bare| {
            Failure::new(Exit::Data, format!("the message has {bare}, and --raw changes nothing"))
                .hint("without --raw line ends are made right; --raw-unsafe lets them pass")
        };
        plan.message.each(|octets| {
            out.clear();
            encoder.push(octets, &mut out).map_err(bare)
        })?;
        out.clear();
        encoder.finish(&mut out).map_err(bare)?;
        Ok(plan)
    }
}

fn envelope_of(
    named: Result<envelope::Envelope, envelope::Error>,
    given: Given<'_>,
    author: &Author,
) -> Result<Envelope> {
    let named = match named {
        Ok(named) => named,
        // Its addresses are only needed where the command line does not give them.
        Err(_) if !given.recipients.is_empty() && given.sender.is_some() && !given.also_named => {
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
    let mut recipients = given.recipients;
    if recipients.is_empty() || given.also_named {
        recipients.extend(self::recipients(&named.recipients, author)?);
    }
    if recipients.is_empty() {
        return Err(Failure::usage("no recipient")
            .hint(
                "name recipients on the command line or by --to, or in the message's To, Cc or Bcc",
            )
            .into());
    }
    let sender = match given.sender {
        Some("<>" | "") => String::new(),
        Some(sender) => sender.trim_start_matches('<').trim_end_matches('>').to_owned(),
        None => {
            named.sender.or_else(|| given.from.map(|mailbox| mailbox.addr)).ok_or_else(|| {
                Failure::usage("no sender: the message has no From")
                    .hint("give --from or --envelope-from")
            })?
        }
    };
    let sender = qualified(sender, author)?;
    Ok(Envelope { sender, recipients: envelope::unique(recipients) })
}

/// The author: the option's, else the account's.
///
/// # Errors
/// [`Failure`] (64) for what is no single address.
pub fn from(option: Option<&str>, author: &Author) -> Result<Option<Mailbox>> {
    match option {
        Some(from) => {
            compose::without_control("--from", from)?;
            Ok(Some(
                address::mailbox(from.as_bytes())
                    .map_err(|error| Failure::usage(format!("--from {from:?}: {error}")))?,
            ))
        }
        None => Ok(author.mailbox.clone()),
    }
}

/// Resent fields, where there are any, name the envelope (RFC 5322 section 3.6.6).
fn source(header: &[u8]) -> Source {
    let resent = ["Resent-To", "Resent-Cc", "Resent-Bcc"]
        .iter()
        .any(|name| headers::find(header, name).is_some());
    if resent { Source::Resent } else { Source::Original }
}

pub fn check(message: &Spooled) -> Result<(), Failure> {
    if !headers::begins_with_header(&message.header) {
        return Err(Failure::new(
            Exit::Data,
            "the message has no header: its first line is no header field",
        )
        .hint("for a plain text, give --subject or --body to have a message composed around it"));
    }
    if let Some(offset) = message.scan.nul
        && !super::fit::is_binary(message)
    {
        return Err(Failure::new(
            Exit::Data,
            format!("the message has a NUL at octet {offset}, which no mail server has to keep"),
        )
        .hint("encode it: a file goes by --attach"));
    }
    Ok(())
}

/// Date, Message-ID, From and MIME-Version where they are missing (RFC 5322 section 3.6); what
/// was added, in words.
pub fn complete(message: &mut Spooled, from: Option<&Mailbox>) -> Result<Vec<String>> {
    let mut changes = Vec::new();
    // What mbox files begin with is no header field.
    let mbox_line = headers::mbox_line(&message.header);
    if mbox_line > 0 {
        message.header.drain(..mbox_line);
        changes.push("removed the mbox line at the start".to_owned());
    }
    let missing = |header: &[u8], name: &str| headers::find(header, name).is_none();
    let mut add = |message: &mut Spooled, name: &str, value: &str| -> Result<(), Failure> {
        message.header = headers::insert(&message.header, Place::Last, name, value)
            .map_err(|error| Failure::new(Exit::Data, error.to_string()))?;
        changes.push(format!("added {name}"));
        Ok(())
    };
    if missing(&message.header, "From")
        && let Some(from) = from
    {
        add(message, "From", &written(from))?;
    }
    if missing(&message.header, "Date") {
        add(message, "Date", &open::now().message())?;
    }
    if missing(&message.header, "Message-ID") {
        let author = headers::find(&message.header, "From")
            .and_then(|field| address::mailboxes(field.value).ok()?.into_iter().next());
        let id = new_message_id(author.as_ref());
        add(message, "Message-ID", &format!("<{id}>"))?;
    }
    let is_mime = headers::find(&message.header, "Content-Type").is_some()
        || headers::find(&message.header, "Content-Transfer-Encoding").is_some();
    if is_mime && missing(&message.header, "MIME-Version") {
        add(message, "MIME-Version", "1.0")?;
    }
    Ok(changes)
}

/// A Message-ID without angle brackets that no other message has.
pub fn new_message_id(from: Option<&Mailbox>) -> String {
    let mut random = [0u8; 20];
    system_random(&mut random);
    message_id(&random, from.and_then(Mailbox::domain))
}

/// A mailbox as a header field has it, in ASCII where the address is.
pub fn written(mailbox: &Mailbox) -> String {
    match &mailbox.name {
        Some(name) if !name.is_ascii() => format!("{} <{}>", words::encode(name), mailbox.addr),
        _ => mailbox.to_string(),
    }
}

/// The addresses that words of the command line or of a header name: aliases opened, domains
/// added.
///
/// # Errors
/// [`Failure`]: 64 for what is no address, 78 for aliases that cannot be followed.
pub fn recipients(words: &[String], author: &Author) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for word in words {
        if let Some(bad) = word.chars().find(|c| c.is_control()) {
            let message = format!("recipient {word:?} has the control character {bad:?} in it");
            return Err(Failure::usage(message).into());
        }
        let found = address::mailboxes(word.as_bytes())
            .map_err(|error| Failure::usage(format!("recipient {word:?}: {error}")))?;
        if found.iter().all(|mailbox| mailbox.addr.is_empty()) {
            return Err(Failure::usage(format!("recipient {word:?} names nobody")).into());
        }
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
