//! `message append`: messages from files, from standard input or from local mail into a folder.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::Result;
use async_trait::async_trait;

use super::args::Append;
use super::{Done, messages, new_names, no_store};
use crate::base::date::Zoned;
use crate::base::location::Location;
use crate::open::{self, Context, Create, Opened, local_path};
use crate::store::held::{Held, HeldBatch};
use crate::store::mbox::{Reader, Variety};
use crate::store::{self, Body, Flags, Id, Meta, Received, Sink, Source, What, scratch};
use crate::ui::{Exit, Failure, Format, Output};

/// Messages of local mail that are read before they are sent.
const BATCH_MESSAGES: usize = 64;

/// Octets of local mail after which no more is read before it is sent.
const BATCH_OCTETS: u64 = 8 * 1024 * 1024;

/// Appends.
pub async fn run(args: &Append, context: &Context, out: &mut Output) -> Result<Exit> {
    let location = Location::parse(&args.to)?;
    let flags = flags_of(&args.flags)?;
    let received = args.date.as_deref().map(date).transpose()?;
    // Every source is looked at before anything is sent.
    let Inputs { files: inputs, mut mail, mbox } = inputs(args, context).await?;
    let mut opened = open::open_mail(&location, &args.server.options, Create::No, context).await?;
    let folder = opened.folder.clone().unwrap_or_else(|| "INBOX".to_owned());
    let mut count = 0;
    if !inputs.is_empty() {
        let current = Reading { name: String::new(), file: None, octets: 0, left: 0 };
        let mut given = Given { inputs, next: 0, current, flags: flags.clone(), received };
        let store = opened.store().ok_or_else(|| no_store(&location))?;
        let places = store.append(&folder, &mut given).await?;
        count += given.inputs.len();
        let files = given.inputs.iter().map(|input| {
            let file = input.path().map(|path| path.display().to_string());
            Done { action: "appended", file, reference: None, new: None }
        });
        print(&mut opened, &folder, files.collect(), &places, out).await?;
    }
    if let Some(mbox) = mbox {
        let places = (&location, folder.as_str());
        count += of_mbox(mbox, &flags, received, &mut opened, places, out).await?;
    }
    for local in &mut mail {
        count += all_of(local, &flags, received, &mut opened, (&location, &folder), out).await?;
    }
    if out.format() == Format::Human {
        out.line(&format!("appended {} to {location}", messages(count)))?;
    }
    opened.spool().finish().await?;
    Ok(Exit::Ok)
}

/// Says where messages went.
async fn print(
    opened: &mut Opened,
    folder: &str,
    what: Vec<Done<'_>>,
    places: &[Option<Id>],
    out: &mut Output,
) -> Result<()> {
    let new = new_names(opened, folder, places, out).await?;
    for (done, new) in what.into_iter().zip(new) {
        match (out.format(), new) {
            (Format::Json, new) => out.json(&Done { new, ..done })?,
            (Format::Lines, Some(new)) => out.line(&new)?,
            (Format::Lines, None) | (Format::Human, _) => {}
        }
    }
    Ok(())
}

/// Appends all messages of local mail, in batches; how many there were.
async fn all_of(
    local: &mut Opened,
    flags: &Flags,
    received: Option<Received>,
    opened: &mut Opened,
    (location, folder): (&Location, &str),
    out: &mut Output,
) -> Result<usize> {
    let ids: Vec<Id> = local.spool().list().await?.into_iter().map(|message| message.id).collect();
    let mut count = 0;
    for some in ids.chunks(BATCH_MESSAGES) {
        let mut left = some;
        while !left.is_empty() {
            let mut taking = Taking { flags, received, held: None, batch: Vec::new(), octets: 0 };
            // One after the other: a batch ends where it is large enough.
            while taking.octets < BATCH_OCTETS
                && let Some((first, rest)) = left.split_first()
            {
                let first = std::slice::from_ref(first);
                local.spool().read(first, &What::Whole, &mut taking).await?;
                left = rest;
            }
            let what: Vec<Done<'_>> = taking
                .batch
                .iter()
                .map(|message| {
                    let reference = local.reference(&message.meta.id);
                    let reference = reference.map(|reference| reference.to_string());
                    Done { action: "appended", file: None, reference, new: None }
                })
                .collect();
            count += what.len();
            send(taking.batch, what, opened, (location, folder), out).await?;
        }
    }
    Ok(count)
}

/// Appends some messages, and says where they went.
async fn send(
    messages: Vec<Held>,
    what: Vec<Done<'_>>,
    opened: &mut Opened,
    (location, folder): (&Location, &str),
    out: &mut Output,
) -> Result<()> {
    let mut batch = HeldBatch::default();
    messages.into_iter().for_each(|message| batch.push(message));
    let store = opened.store().ok_or_else(|| no_store(location))?;
    let places = store.append(folder, &mut batch).await?;
    print(opened, folder, what, &places, out).await
}

/// Appends all messages of an mbox that came on standard input; how many there were.
async fn of_mbox(
    mbox: File,
    flags: &Flags,
    received: Option<Received>,
    opened: &mut Opened,
    place: (&Location, &str),
    out: &mut Output,
) -> Result<usize> {
    let mut reader = Reader::new(mbox, Variety::Auto, "standard input");
    let mut count = 0;
    let mut octets = Vec::new();
    loop {
        let mut taking = Taking { flags, received, held: None, batch: Vec::new(), octets: 0 };
        while taking.octets < BATCH_OCTETS
            && taking.batch.len() < BATCH_MESSAGES
            && let Some(head) = reader.next_message()?
        {
            let id = Id::new(head.offset.to_string());
            let mut meta = Meta { id, size: None, flags: None, received: head.received };
            taking.begin(&meta).await?;
            while reader.read(&mut octets)? {
                taking.chunk(&octets).await?;
                octets.clear();
            }
            meta.flags = Some(reader.flags());
            taking.end(&meta).await?;
        }
        if taking.batch.is_empty() {
            return Ok(count);
        }
        let done = || Done { action: "appended", file: None, reference: None, new: None };
        let what: Vec<Done<'_>> = taking.batch.iter().map(|_| done()).collect();
        count += what.len();
        send(taking.batch, what, opened, place, out).await?;
    }
}

/// Holds messages of local mail with the flags and dates that they are to have.
struct Taking<'f> {
    flags: &'f Flags,
    received: Option<Received>,
    held: Option<Held>,
    batch: Vec<Held>,
    octets: u64,
}

#[async_trait(?Send)]
impl Sink for Taking<'_> {
    async fn begin(&mut self, message: &Meta) -> store::Result<()> {
        self.held = Some(Held::new(message.clone()));
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        match &mut self.held {
            Some(held) => held.write(octets),
            None => Ok(()),
        }
    }

    async fn end(&mut self, message: &Meta) -> store::Result<()> {
        let Some(mut held) = self.held.take() else { return Ok(()) };
        let mut flags = message.flags.clone().unwrap_or_default();
        self.flags.iter().for_each(|flag| flags.insert(flag.name()));
        held.meta.flags = Some(flags);
        held.meta.received = self.received.or(message.received);
        self.octets += held.len();
        self.batch.push(held);
        Ok(())
    }
}

fn flags_of(names: &[String]) -> Result<Flags> {
    let mut flags = Flags::new();
    for name in names {
        flags.insert(&open::flags::flag(name)?);
    }
    Ok(flags)
}

fn date(text: &str) -> Result<Received> {
    let Zoned { seconds, offset_seconds } =
        Zoned::parse_message(text.as_bytes()).map_err(|error| {
            Failure::usage(format!("{text:?} is no date: {error}"))
                .hint("a date is written as in a Date field: 3 Mar 2026 10:00:00 +0100")
        })?;
    Ok(Received { seconds, offset_seconds })
}

/// Where one message comes from.
enum Input {
    Path(PathBuf),
    /// Standard input, kept in a file without a name.
    Stdin(File),
}

impl Input {
    fn path(&self) -> Option<&Path> {
        match self {
            Input::Path(path) => Some(path),
            Input::Stdin(_) => None,
        }
    }
}

/// What is appended.
#[derive(Default)]
struct Inputs {
    /// One message each.
    files: Vec<Input>,
    /// Local mail, open.
    mail: Vec<Opened>,
    /// An mbox from standard input.
    mbox: Option<File>,
}

/// Looks at every source before anything is sent.
async fn inputs(args: &Append, context: &Context) -> Result<Inputs> {
    if args.sources.is_empty() {
        let mut kept = scratch::nameless().map_err(store::Error::scratch)?;
        std::io::copy(&mut open::Stdin::new(&context.net.stop), &mut kept).map_err(|error| {
            let message = format!("cannot read the message from standard input: {error}");
            Failure::new(Exit::Io, message)
        })?;
        if args.mbox {
            kept.seek(SeekFrom::Start(0)).map_err(store::Error::scratch)?;
            return Ok(Inputs { mbox: Some(kept), ..Inputs::default() });
        }
        check("standard input", &mut kept)?;
        return Ok(Inputs { files: vec![Input::Stdin(kept)], ..Inputs::default() });
    }
    let mut inputs = Inputs::default();
    for word in &args.sources {
        // A word without a colon or a slash is a file here, and no account.
        let path = local_path(Path::new(word));
        let location = match path.is_file() {
            true => Location::Path(path.clone()),
            false => Location::parse(word)?,
        };
        match location {
            Location::Path(_) if path.is_file() => {
                let mut file =
                    File::open(&path).map_err(|error| store::Error::file(&path, error))?;
                if is_mbox(&mut file).map_err(|error| store::Error::file(&path, error))? {
                    inputs.mail.push(local(&Location::Mbox(path), args, context).await?);
                    continue;
                }
                check(&path.display().to_string(), &mut file)?;
                inputs.files.push(Input::Path(path));
            }
            location if location.is_local() => {
                inputs.mail.push(local(&location, args, context).await?);
            }
            Location::Account { account, folder: None, .. } => {
                let message = format!("{account}: no such file or folder");
                return Err(Failure::new(Exit::NoInput, message).into());
            }
            location => {
                return Err(Failure::usage(format!("{location}: messages are added from here"))
                    .hint("`pillarbox fetch SOURCE --to TARGET` copies from one server to another")
                    .into());
            }
        }
    }
    Ok(inputs)
}

/// Local mail, open and selected.
async fn local(location: &Location, args: &Append, context: &Context) -> Result<Opened> {
    let mut opened = open::open_mail(location, &args.server.options, Create::No, context).await?;
    opened.select(None, true).await?;
    Ok(opened)
}

fn is_mbox(file: &mut File) -> std::io::Result<bool> {
    let mut start = Vec::new();
    file.take(5).read_to_end(&mut start)?;
    Ok(start == b"From ")
}

/// Refuses what is no message by its first octets.
fn check(name: &str, file: &mut File) -> Result<()> {
    let unreadable =
        |error: std::io::Error| Failure::new(Exit::Io, format!("cannot read {name}: {error}"));
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut start = Vec::new();
    file.take(5).read_to_end(&mut start).map_err(unreadable)?;
    if start.is_empty() {
        return Err(Failure::new(Exit::Data, format!("{name}: no message, it is empty")).into());
    }
    if start == b"From " {
        return Err(Failure::new(Exit::Data, format!("{name}: an mbox, not one message"))
            .hint("--mbox takes it for one")
            .into());
    }
    Ok(())
}

/// The messages, one after the other.
struct Given {
    inputs: Vec<Input>,
    next: usize,
    current: Reading,
    flags: Flags,
    received: Option<Received>,
}

#[async_trait(?Send)]
impl Source for Given {
    async fn next(&mut self) -> store::Result<Option<Meta>> {
        let Some(input) = self.inputs.get(self.next) else { return Ok(None) };
        self.next += 1;
        let (name, file) = match input {
            Input::Path(path) => (path.display().to_string(), File::open(path)),
            Input::Stdin(file) => ("standard input".to_owned(), file.try_clone()),
        };
        let fault = |source| store::Error::File { path: name.clone(), source };
        let file = file.map_err(fault)?;
        let octets = file.metadata().map_err(fault)?.len();
        self.current = Reading { name, file: Some(file), octets, left: octets };
        self.current.rewind()?;
        Ok(Some(Meta {
            id: Id::new(""),
            size: Some(octets),
            flags: Some(self.flags.clone()),
            received: self.received,
        }))
    }

    fn body(&mut self) -> &mut dyn Body {
        &mut self.current
    }
}

/// The message that is read now.
struct Reading {
    name: String,
    file: Option<File>,
    octets: u64,
    /// Octets still to come: a file that grows meanwhile gives no more than was announced.
    left: u64,
}

#[async_trait(?Send)]
impl Body for Reading {
    async fn read(&mut self, buffer: &mut [u8]) -> store::Result<usize> {
        let Some(file) = &mut self.file else { return Ok(0) };
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = file
            .read(&mut buffer[..most])
            .map_err(|source| store::Error::File { path: self.name.clone(), source })?;
        self.left -= count as u64;
        Ok(count)
    }

    fn len(&self) -> u64 {
        self.octets
    }

    fn rewind(&mut self) -> store::Result<()> {
        self.left = self.octets;
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(0))
                .map_err(|source| store::Error::File { path: self.name.clone(), source })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_a_date_field() {
        let read = date("Tue, 3 Mar 2026 10:00:00 +0100").expect("a date");
        assert_eq!(read, Received { seconds: 1_772_528_400, offset_seconds: 3600 });
        assert!(date("yesterday").is_err());
    }

    #[test]
    fn files_are_looked_at_first() {
        let mut empty = scratch::nameless().expect("a file");
        assert!(check("x", &mut empty).is_err());
    }
}
