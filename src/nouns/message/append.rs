//! `message append`: messages from files or from standard input into a folder.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::Result;
use async_trait::async_trait;

use super::args::Append;
use super::{Done, messages, new_names, no_store};
use crate::base::date::Zoned;
use crate::base::location::Location;
use crate::open::{self, Context, Create};
use crate::store::{self, Body, Flags, Id, Meta, Received, Source, scratch};
use crate::ui::{Exit, Failure, Format, Output};

/// Appends.
pub async fn run(args: &Append, context: &Context, out: &mut Output) -> Result<Exit> {
    let location = Location::parse(&args.to)?;
    let mut given = Given {
        inputs: inputs(&args.files)?,
        next: 0,
        current: Reading { name: String::new(), file: None, octets: 0, left: 0 },
        flags: flags_of(&args.flags)?,
        received: args.date.as_deref().map(date).transpose()?,
    };
    let mut opened = open::open_mail(&location, &args.server.options, Create::No, context).await?;
    let folder = opened.folder.clone().unwrap_or_else(|| "INBOX".to_owned());
    let store = opened.store().ok_or_else(|| no_store(&location))?;
    let places = store.append(&folder, &mut given).await?;
    let new = new_names(&mut opened, &folder, &places, out).await?;
    for (new, input) in new.into_iter().zip(&given.inputs) {
        match (out.format(), new) {
            (Format::Json, new) => {
                let file = input.path().map(|path| path.display().to_string());
                out.json(&Done { action: "appended", file, reference: None, new })?;
            }
            (Format::Lines, Some(new)) => out.line(&new)?,
            (Format::Lines, None) | (Format::Human, _) => {}
        }
    }
    if out.format() == Format::Human {
        out.line(&format!("appended {} to {location}", messages(given.inputs.len())))?;
    }
    opened.spool().finish().await?;
    Ok(Exit::Ok)
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

/// Looks at every file before anything is sent.
fn inputs(files: &[PathBuf]) -> Result<Vec<Input>> {
    if files.is_empty() {
        let mut kept = scratch::nameless().map_err(store::Error::scratch)?;
        std::io::copy(&mut std::io::stdin().lock(), &mut kept).map_err(|error| {
            let message = format!("cannot read the message from standard input: {error}");
            Failure::new(Exit::Io, message)
        })?;
        check("standard input", &mut kept)?;
        return Ok(vec![Input::Stdin(kept)]);
    }
    let mut inputs = Vec::with_capacity(files.len());
    for path in files {
        let mut file = File::open(path).map_err(|error| store::Error::file(path, error))?;
        let facts = file.metadata().map_err(|error| store::Error::file(path, error))?;
        if !facts.is_file() {
            let message = format!("{}: not a file", path.display());
            return Err(Failure::new(Exit::NoInput, message).into());
        }
        check(&path.display().to_string(), &mut file)?;
        inputs.push(Input::Path(path.clone()));
    }
    Ok(inputs)
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
            .hint("sync copies the messages of an mbox to a folder")
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
            id: Id(String::new()),
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
