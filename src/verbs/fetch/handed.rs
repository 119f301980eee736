//! Targets that take each message for themselves: a command, a server that delivers it, a
//! folder of another account.

use std::collections::HashMap;
use std::process::Stdio;

use async_trait::async_trait;
use tokio::io::AsyncWriteExt;

use super::targets::{Taken, Target};
use crate::config::credentials::hide_password;
use crate::message::{address, headers};
use crate::open::{Context, EndpointOptions, Opened, Outgoing, busy};
use crate::smtp::client::Client;
use crate::store::held::{Held, HeldBatch};
use crate::store::{Body as _, Envelope, Error, Fate, Id, Meta, Result, Sink, Transport};
use crate::ui::{Exit, Failure, report};

/// References of the messages that pass, by id: what commands and warnings call them.
pub type References = HashMap<Id, String>;

fn name_of(references: &References, id: &Id) -> String {
    references.get(id).cloned().unwrap_or_else(|| id.0.to_string())
}

fn stop(failure: Failure) -> Error {
    Error::Caller(Box::new(failure))
}

/// A shell command for each message, which it reads on stdin; `PILLARBOX_REFERENCE` names it.
///
/// It starts once the message is whole: half of one that a connection broke in would look like a
/// message to it. Exit code 0 means taken, 75 means that the message is kept for another run, 99
/// that nobody wants it (it counts as taken); any other ends the run.
pub struct IntoCommand {
    command: String,
    references: References,
    held: Option<Held>,
    taken: Taken,
}

/// Octets that a command is given at once.
const PIECE_OCTETS: usize = 64 * 1024;

impl IntoCommand {
    /// For messages with these references.
    pub fn new(command: &str, references: References) -> Self {
        Self { command: command.to_owned(), references, held: None, taken: Taken::Yes }
    }
}

/// Starts a shell command that reads a message.
///
/// # Errors
/// A shell that does not start.
pub fn start(command: &str, reference: &str) -> Result<tokio::process::Child> {
    let mut shell = tokio::process::Command::new("sh");
    shell.arg("-c").arg(command).env("PILLARBOX_REFERENCE", reference);
    shell.stdin(Stdio::piped()).kill_on_drop(true);
    hide_password(shell.as_std_mut());
    shell.spawn().map_err(|error| {
        stop(Failure::new(
            Exit::Software,
            format!("the command {command:?} does not start: {error}"),
        ))
    })
}

/// Gives octets to a command. One that reads no more is no error: its exit code decides.
///
/// # Errors
/// The pipe's.
pub async fn feed(child: &mut tokio::process::Child, octets: &[u8]) -> Result<()> {
    let Some(stdin) = &mut child.stdin else { return Ok(()) };
    match stdin.write_all(octets).await {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            child.stdin = None;
            Ok(())
        }
        written => written.map_err(|error| Error::Caller(Box::new(error))),
    }
}

/// Ends a command's input and waits for its exit code; `None`: a signal ended it.
///
/// # Errors
/// The system's.
pub async fn ended(mut child: tokio::process::Child) -> Result<Option<i32>> {
    drop(child.stdin.take());
    let status = child.wait().await.map_err(|error| Error::Caller(Box::new(error)))?;
    Ok(status.code())
}

/// The end of a run because of how a command ended.
pub fn stopped(command: &str, code: Option<i32>, reference: &str) -> Error {
    let how = code.map_or_else(|| "by a signal".to_owned(), |code| format!("with status {code}"));
    let message = format!("{reference}: the command {command:?} ended {how}");
    stop(Failure::new(Exit::Unavailable, message))
}

#[async_trait(?Send)]
impl Sink for IntoCommand {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.held = Some(Held::new(message.clone()));
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        match &mut self.held {
            Some(held) => held.write(octets),
            None => Ok(()),
        }
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        let Some(mut held) = self.held.take() else { return Ok(()) };
        let mut child = start(&self.command, &name_of(&self.references, &message.id))?;
        let mut buffer = vec![0; PIECE_OCTETS];
        loop {
            let read = held.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            feed(&mut child, &buffer[..read]).await?;
        }
        self.taken = match ended(child).await? {
            Some(0 | 99) => Taken::Yes,
            Some(75) => Taken::Later,
            code => {
                return Err(stopped(&self.command, code, &name_of(&self.references, &message.id)));
            }
        };
        Ok(())
    }
}

#[async_trait(?Send)]
impl Target for IntoCommand {
    async fn commit(&mut self) -> Result<()> {
        Ok(())
    }

    fn taken(&self) -> Taken {
        self.taken
    }

    fn acts_at_once(&self) -> bool {
        true
    }
}

/// Whom a delivered message goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipients {
    /// This one.
    One(String),
    /// Those in the first field of this name.
    OfHeader(String),
}

/// A server that delivers messages: LMTP, SMTP, submission. The sender is that of Return-Path,
/// else the null path.
pub struct IntoServer<'c> {
    route: Outgoing,
    options: EndpointOptions,
    context: &'c Context,
    recipients: Recipients,
    references: References,
    client: Option<Client>,
    held: Option<Held>,
    taken: Taken,
}

/// Octets of a message that are looked into for its header.
const HEADER_OCTETS: usize = 256 * 1024;

impl<'c> IntoServer<'c> {
    /// Opens no connection before the first message.
    pub fn new(
        route: Outgoing,
        options: EndpointOptions,
        context: &'c Context,
        recipients: Recipients,
        references: References,
    ) -> Self {
        let (client, held, taken) = (None, None, Taken::Yes);
        Self { route, options, context, recipients, references, client, held, taken }
    }

    fn envelope(&self, held: &Held) -> Result<std::result::Result<Envelope, String>> {
        let start = held.start(HEADER_OCTETS)?;
        let sender = headers::find(&start, "Return-Path")
            .map(|field| String::from_utf8_lossy(&field.unfolded()).trim().to_owned())
            .map(|path| path.trim_start_matches('<').trim_end_matches('>').to_owned())
            .unwrap_or_default();
        let recipients = match &self.recipients {
            Recipients::One(recipient) => vec![recipient.clone()],
            Recipients::OfHeader(name) => {
                let field = headers::find(&start, name);
                let found = field.and_then(|field| address::mailboxes(&field.unfolded()).ok());
                let found: Vec<String> =
                    found.unwrap_or_default().into_iter().map(|mailbox| mailbox.addr).collect();
                if found.is_empty() {
                    return Ok(Err(format!("no recipient in its {name}")));
                }
                found
            }
        };
        Ok(Ok(Envelope { sender, recipients }))
    }
}

#[async_trait(?Send)]
impl Sink for IntoServer<'_> {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.held = Some(Held::new(message.clone()));
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        match &mut self.held {
            Some(held) => held.write(octets),
            None => Ok(()),
        }
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        let Some(mut held) = self.held.take() else { return Ok(()) };
        let reference = name_of(&self.references, &message.id);
        let envelope = match self.envelope(&held)? {
            Ok(envelope) => envelope,
            Err(why) => {
                report::warning(&format!("{reference}: {why}; it stays where it is"));
                self.taken = Taken::Refused;
                return Ok(());
            }
        };
        if self.client.as_ref().is_none_or(|client| !client.is_open()) {
            let opened = self.route.open(&self.options, None, self.context).await;
            self.client = Some(opened.map_err(|error| {
                // The text alone would lose what the error is.
                match error.downcast::<Error>() {
                    Ok(error) => error,
                    Err(other) => {
                        let is_busy = busy(&other).is_some();
                        let exit = if is_busy {
                            Exit::TempFail
                        } else {
                            crate::open::verdict(&other).exit
                        };
                        stop(Failure::new(exit, format!("{other:#}")))
                    }
                }
            })?);
        }
        let Some(client) = &mut self.client else { return Ok(()) };
        self.taken = Taken::Yes;
        for delivery in client.deliver(&envelope, &mut held).await? {
            let worse = match delivery.state {
                Fate::Delivered => continue,
                Fate::Permanent => Taken::Refused,
                Fate::Temporary | Fate::Unknown => Taken::Later,
            };
            let recipient = &delivery.recipient;
            let code = delivery.code.map(|code| format!("{code} ")).unwrap_or_default();
            report::warning(&format!(
                "{reference}: <{recipient}> at {}: {code}{}; it stays where it is",
                delivery.stage, delivery.text
            ));
            self.taken = self.taken.max(worse);
        }
        Ok(())
    }
}

#[async_trait(?Send)]
impl Target for IntoServer<'_> {
    async fn commit(&mut self) -> Result<()> {
        Ok(())
    }

    fn taken(&self) -> Taken {
        self.taken
    }

    fn acts_at_once(&self) -> bool {
        true
    }

    async fn finish(&mut self) -> Result<()> {
        match &mut self.client {
            Some(client) => Transport::finish(client).await,
            None => Ok(()),
        }
    }
}

/// Messages that wait for one APPEND at the most.
const BATCH_MESSAGES: usize = 64;

/// Octets that wait for one APPEND at the most.
const BATCH_OCTETS: u64 = 8 * 1024 * 1024;

/// A folder of another store: flags and date travel along.
pub struct IntoStore {
    opened: Box<Opened>,
    folder: String,
    held: Option<Held>,
    batch: HeldBatch,
}

impl IntoStore {
    /// Into this folder of an open store.
    pub fn new(opened: Opened, folder: String) -> Self {
        Self { opened: Box::new(opened), folder, held: None, batch: HeldBatch::default() }
    }
}

#[async_trait(?Send)]
impl Sink for IntoStore {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.held = Some(Held::new(message.clone()));
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        match &mut self.held {
            Some(held) => held.write(octets),
            None => Ok(()),
        }
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        if let Some(mut held) = self.held.take() {
            held.meta.flags = message.flags.clone();
            held.meta.received = message.received;
            self.batch.push(held);
        }
        if self.batch.len() >= BATCH_MESSAGES || self.batch.octets() >= BATCH_OCTETS {
            self.commit().await?;
        }
        Ok(())
    }
}

#[async_trait(?Send)]
impl Target for IntoStore {
    async fn commit(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut self.batch);
        match self.opened.store() {
            Some(store) => store.append(&self.folder, &mut batch).await.map(drop),
            None => Ok(()),
        }
    }

    async fn finish(&mut self) -> Result<()> {
        self.opened.spool().finish().await
    }
}
