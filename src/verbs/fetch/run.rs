//! Carries the errands out.

use anyhow::Result;
use async_trait::async_trait;

use super::args::Args;
use super::memory::{Memory, Place};
use super::plan::{self, Errand, Wanted};
use super::targets::{
    All, AsJson, AsMbox, IntoEml, IntoMaildir, IntoMbox, OutputWriter, Raw, Target, at_target,
};
use crate::base::location::Location;
use crate::open::{self, Context, Create, Mail, Opened};
use crate::state::seen::Seen;
use crate::store::line_ends::LineEnds;
use crate::store::{self, Id, Meta, Sink, What, eml, mbox};
use crate::ui::{Exit, Failure, Format, Output, Progress, report};

/// Fetches.
///
/// # Errors
/// The first that any source or target has. What was confirmed before stays.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    let errands = plan::errands(&args, &mut std::io::stdin().lock())?;
    let (mut missing, mut withheld, mut empty) = (0, 0, 0);
    let mut opened: Vec<(Opened, Errand)> = Vec::new();
    for errand in errands {
        let source =
            open::open_mail(&errand.location, &args.server.options, Create::No, context).await?;
        opened.push((source, errand));
    }
    // All sources are listed before the first message moves: only then it is known whether
    // standard output gets one message or several.
    let mut memory = match args.new {
        true => Some(Memory::open(&Seen::usual_path()?, &args.to)?),
        false => None,
    };
    let mut wanted: Vec<Vec<Id>> = Vec::new();
    let mut places: Vec<Place> = Vec::new();
    for (source, errand) in &mut opened {
        let status = source.select(errand.uid_validity, true).await?;
        places.push(Place {
            source: errand.location.to_string(),
            generation: status.map_or(0, |status| status.uid_validity),
        });
        wanted.push(match &errand.wanted {
            Wanted::These(ids) => ids.clone(),
            Wanted::All => {
                let mut ids: Vec<Id> =
                    source.spool().list().await?.into_iter().map(|listed| listed.id).collect();
                if let (Some(memory), Some(place)) = (&mut memory, places.last()) {
                    memory.keep_new(place, &mut ids)?;
                }
                if let Some(last) = args.last {
                    ids.drain(..ids.len().saturating_sub(last));
                }
                ids
            }
        });
    }
    let total: usize = wanted.iter().map(Vec::len).sum();
    let mut progress = Progress::new(context.progress, "fetch", Some(total as u64));
    for (((source, errand), ids), place) in opened.iter_mut().zip(&wanted).zip(&places) {
        let several = total > 1;
        let references = names(source, ids, &args, out);
        let targets = targets(&args, &errand.what, several, references, context, out).await?;
        let mut counted =
            Counted { targets, progress: &mut progress, done: Vec::new(), empty: 0, octets: 0 };
        let read = source.spool().read(ids, &errand.what, &mut counted).await;
        // What is whole is made stable, whatever became of the rest.
        let committed = counted.targets.commit().await;
        if let (Some(memory), Ok(())) = (&mut memory, &committed) {
            memory.record(place, &counted.done, open::now().seconds)?;
        }
        let without = ids.len() - counted.done.len().min(ids.len());
        // RFC 1939 section 3: nobody else takes a message out of a maildrop during a session.
        match (&source.mail, &errand.wanted) {
            (Mail::Pop(..), Wanted::All) => withheld += without,
            _ => missing += without,
        }
        empty += counted.empty;
        read?;
        committed?;
    }
    progress.finish();
    for (source, _) in &mut opened {
        source.spool().finish().await?;
    }
    if empty > 0 && asks_for_section(&opened) {
        report::warning(&format!("{empty} of {total} messages have nothing in that section"));
        if empty == total {
            return Ok(Exit::Data);
        }
    }
    if missing > 0 {
        report::warning(&format!("{missing} of {total} messages were not there any more"));
    }
    if withheld > 0 {
        report::warning(&format!("{withheld} of {total} messages were listed and not given"));
    }
    Ok(ending(total, missing, withheld))
}

/// How the program ends when so many messages of `total` were gone, or were listed by a server
/// that then did not give them.
fn ending(total: usize, missing: usize, withheld: usize) -> Exit {
    match (missing, withheld) {
        (_, 1..) => Exit::Unavailable,
        (1.., 0) if missing == total => Exit::NoInput,
        _ => Exit::Ok,
    }
}

/// Whether a part of messages was asked for, which may not be there.
fn asks_for_section(opened: &[(Opened, Errand)]) -> bool {
    opened.iter().any(|(_, errand)| match &errand.what {
        What::Section(_) => true,
        What::Partial { section, .. } => !section.is_empty(),
        What::Whole | What::Headers | What::HeaderFields(_) => false,
    })
}

/// The references of messages that JSON tells of, by id.
fn names(
    source: &mut Opened,
    ids: &[Id],
    args: &Args,
    out: &Output,
) -> std::collections::HashMap<Id, String> {
    if !args.to.is_empty() || out.format() != Format::Json {
        return std::collections::HashMap::new();
    }
    ids.iter().filter_map(|id| Some((id.clone(), source.reference(id)?.to_string()))).collect()
}

async fn targets<'o>(
    args: &Args,
    what: &What,
    several: bool,
    references: std::collections::HashMap<Id, String>,
    context: &Context,
    out: &'o mut Output,
) -> Result<All<'o>> {
    let mut all: Vec<Box<dyn Target + 'o>> = Vec::new();
    let words: Vec<&str> = match args.to.as_slice() {
        [] => vec!["-"],
        given => given.iter().map(String::as_str).collect(),
    };
    let is_headers = matches!(what, What::Headers | What::HeaderFields(_));
    let mut stdout = Some(out);
    for word in words {
        let location = Location::parse(word)?;
        if location == Location::Stdio {
            let Some(out) = stdout.take() else {
                return Err(Failure::usage("standard output can be a target once").into());
            };
            all.push(match (out.format(), several && *what == What::Whole) {
                (Format::Json, _) => {
                    let references = references.clone();
                    let name = move |id: &Id| references.get(id).cloned().unwrap_or_default();
                    Box::new(AsJson::new(out, Box::new(name), is_headers))
                }
                (_, true) => {
                    let clock = store::system_clock();
                    Box::new(AsMbox(mbox::Writer::new(OutputWriter(out), LineEnds::Lf, clock)))
                }
                (_, false) => Box::new(Raw(out)),
            });
            continue;
        }
        all.push(local_target(&location, args, context).await?);
    }
    Ok(All(all))
}

async fn local_target<'o>(
    location: &Location,
    args: &Args,
    context: &Context,
) -> Result<Box<dyn Target + 'o>> {
    if matches!(location, Location::Imap(_) | Location::Pop(_) | Location::Smtp(_)) {
        return Err(Failure::usage(format!("{location}: a server is no target of fetch"))
            .hint("sync copies between servers, and send hands messages over")
            .into());
    }
    let opened = open::open_mail(location, &Default::default(), Create::Yes, context)
        .await
        .map_err(|error| match error.downcast::<store::Error>() {
            Ok(error) => anyhow::Error::from(at_target(error)),
            Err(other) => other,
        })?;
    let line_ends = if args.crlf { LineEnds::AsIs } else { LineEnds::Lf };
    match opened.mail {
        Mail::Maildir(maildir) => {
            Ok(Box::new(IntoMaildir(maildir.writer_with("INBOX", line_ends)?)))
        }
        Mail::Mbox(mbox, _) => Ok(Box::new(IntoMbox(mbox.appender_with(line_ends)))),
        Mail::Eml(_, path) => Ok(Box::new(IntoEml(eml::Writer::new(&path, Default::default())?))),
        Mail::Imap(..) | Mail::Pop(..) => {
            Err(Failure::usage(format!("{location}: is no target of fetch")).into())
        }
    }
}

/// Counts what passes.
struct Counted<'t, 'p> {
    targets: All<'t>,
    progress: &'p mut Progress,
    /// Messages that are whole.
    done: Vec<Id>,
    /// Messages of which nothing came.
    empty: usize,
    /// Octets of the message that comes.
    octets: u64,
}

#[async_trait(?Send)]
impl Sink for Counted<'_, '_> {
    async fn begin(&mut self, message: &Meta) -> store::Result<()> {
        self.octets = 0;
        self.targets.begin(message).await
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        self.octets += octets.len() as u64;
        self.progress.advance(0, octets.len() as u64);
        self.targets.chunk(octets).await
    }

    async fn end(&mut self, message: &Meta) -> store::Result<()> {
        self.targets.end(message).await?;
        self.done.push(message.id.clone());
        self.empty += usize::from(self.octets == 0);
        self.progress.advance(1, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_gone_is_no_failure_and_one_that_is_withheld_is() {
        assert_eq!(ending(3, 0, 0), Exit::Ok);
        assert_eq!(ending(0, 0, 0), Exit::Ok);
        assert_eq!(ending(3, 2, 0), Exit::Ok);
        assert_eq!(ending(3, 3, 0), Exit::NoInput);
        assert_eq!(ending(3, 0, 1), Exit::Unavailable);
        assert_eq!(ending(3, 2, 1), Exit::Unavailable);
    }
}
