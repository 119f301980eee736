//! From words to what is asked of which source.

use std::collections::HashSet;
use std::io::Read;
use std::path::PathBuf;

use anyhow::Result;

use super::args::Args;
use crate::base::location::{ImapSelect, Location, Partial, Reference};
use crate::store::{Id, What};
use crate::ui::{Exit, Failure};

/// Octets of standard input that are read to tell references from a message.
const STDIN_OCTETS: u64 = 256 * 1024 * 1024;

/// One source, opened once, and what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// What is opened.
    pub location: Location,
    /// The UIDVALIDITY that the references rely on.
    pub uid_validity: Option<u32>,
    /// Which messages.
    pub wanted: Wanted,
    /// Which octets of them.
    pub what: What,
}

/// Which messages of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All, or the last so many.
    All,
    /// These.
    These(Vec<Id>),
}

/// Makes errands of the sources, references to one source and the same octets together.
///
/// # Errors
/// [`Failure`] or a location's error: 64 on the command line, 65 on standard input.
pub fn errands(args: &Args, input: &mut dyn Read) -> Result<Vec<Errand>> {
    let what = asked(args);
    let mut errands: Vec<Errand> = Vec::new();
    for source in &args.sources {
        if source == "-" {
            for word in words(input, args.common.nul)? {
                let reference = Reference::parse(&word.text).map_err(|error| {
                    Failure::new(Exit::Data, format!("standard input, line {}: {error}", word.line))
                        .hint("- wants references, one a line, as `pillarbox search` prints them")
                })?;
                add_reference(&mut errands, &reference, &what)?;
            }
        } else {
            add(&mut errands, source, &what)?;
        }
    }
    for errand in &mut errands {
        // A message that was named twice is fetched once.
        if let Wanted::These(ids) = &mut errand.wanted {
            let mut named = HashSet::new();
            ids.retain(|id| named.insert(id.clone()));
        }
    }
    Ok(errands)
}

fn asked(args: &Args) -> What {
    match (&args.headers, &args.section) {
        (Some(names), _) => {
            let names: Vec<String> =
                names.iter().filter(|name| !name.is_empty()).cloned().collect();
            if names.is_empty() { What::Headers } else { What::HeaderFields(names) }
        }
        (None, Some(section)) => What::Section(section.to_ascii_uppercase()),
        (None, None) => What::Whole,
    }
}

fn add(errands: &mut Vec<Errand>, word: &str, what: &What) -> Result<()> {
    let location = Location::parse(word)?;
    let is_message = match &location {
        Location::Imap(url) => url.message().is_some(),
        Location::Pop(url) => url.uidl.is_some(),
        Location::MboxMessage(_) => true,
        Location::Path(path) => is_maildir_file(path),
        _ => false,
    };
    if is_message {
        return add_reference(errands, &Reference::parse(word)?, what);
    }
    if matches!(location, Location::Smtp(_)) {
        return Err(Failure::usage(format!("{word}: mail is sent there, not fetched")).into());
    }
    if let Location::Imap(url) = &location
        && let Some(mailbox) = &url.mailbox
        && let ImapSelect::Search(_) = &mailbox.select
    {
        return Err(Failure::usage(format!("{word}: fetch does not search"))
            .hint("pillarbox search finds the messages, and `| pillarbox fetch -` gets them")
            .into());
    }
    let uid_validity = match &location {
        Location::Imap(url) => url.mailbox.as_ref().and_then(|mailbox| mailbox.uid_validity),
        _ => None,
    };
    errands.push(Errand { location, uid_validity, wanted: Wanted::All, what: what.clone() });
    Ok(())
}

fn is_maildir_file(path: &std::path::Path) -> bool {
    path.parent()
        .and_then(std::path::Path::file_name)
        .is_some_and(|place| place == "cur" || place == "new")
        && !path.is_dir()
}

fn add_reference(errands: &mut Vec<Errand>, reference: &Reference, what: &What) -> Result<()> {
    let (id, uid_validity) = match reference {
        Reference::Imap(imap) => (imap.message.uid.to_string(), imap.uid_validity),
        Reference::Pop(pop) => (pop.uidl.clone(), None),
        Reference::MaildirFile(file) => (file.unique().to_string_lossy().into_owned(), None),
        Reference::Mbox(message) => {
            let digest = message.digest.as_ref().map(|digest| format!(";digest={digest}"));
            (format!("offset={}{}", message.offset, digest.unwrap_or_default()), None)
        }
        Reference::Eml(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, None)
        }
        Reference::Nntp(_) | Reference::News(_) => {
            return Err(Failure::usage(format!("{reference}: news cannot be read yet")).into());
        }
    };
    let location = match reference {
        // Messages of one folder are one errand.
        Reference::Eml(path) if path.extension().is_some_and(|ending| ending == "eml") => {
            Location::Eml(parent(path))
        }
        other => other.container(),
    };
    let errand = Errand {
        location,
        uid_validity,
        wanted: Wanted::These(vec![Id(id.clone())]),
        what: match reference {
            Reference::Imap(imap) => narrowed(what, imap.section(), imap.partial()),
            _ => what.clone(),
        },
    };
    let same = errands.iter_mut().find(|before| {
        before.location == errand.location
            && before.what == errand.what
            && before.uid_validity == errand.uid_validity
            && matches!(before.wanted, Wanted::These(_))
    });
    match same {
        Some(Errand { wanted: Wanted::These(ids), .. }) => ids.push(Id(id)),
        _ => errands.push(errand),
    }
    Ok(())
}

fn parent(path: &std::path::Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// What a reference itself says goes before the options, since it names a part already.
fn narrowed(what: &What, section: Option<&str>, partial: Option<Partial>) -> What {
    match (section, partial) {
        (section, Some(partial)) => What::Partial {
            section: section.unwrap_or_default().to_owned(),
            offset: partial.offset,
            octets: partial.octets.map(std::num::NonZeroU64::get),
        },
        (Some(section), None) => What::Section(section.to_owned()),
        (None, None) => what.clone(),
    }
}

struct Word {
    text: String,
    line: usize,
}

/// The lines of standard input that are not empty.
fn words(input: &mut dyn Read, nul: bool) -> Result<Vec<Word>> {
    let mut octets = Vec::new();
    input.take(STDIN_OCTETS + 1).read_to_end(&mut octets).map_err(|error| {
        Failure::new(Exit::Io, format!("cannot read references from standard input: {error}"))
    })?;
    if octets.len() as u64 > STDIN_OCTETS {
        let message = format!("more than {STDIN_OCTETS} octets of references on standard input");
        return Err(Failure::new(Exit::Data, message).into());
    }
    let end = if nul { b'\0' } else { b'\n' };
    let mut words = Vec::new();
    for (index, line) in octets.split(|&octet| octet == end).enumerate() {
        let line = if nul { line } else { line.strip_suffix(b"\r").unwrap_or(line) };
        if line.is_empty() {
            continue;
        }
        let text = String::from_utf8(line.to_vec()).map_err(|_| {
            Failure::new(Exit::Data, format!("standard input, line {}: not UTF-8", index + 1))
        })?;
        words.push(Word { text, line: index + 1 });
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_message_named_twice_is_wanted_once() {
        let first = "imap://ann@h/INBOX;UIDVALIDITY=7/;UID=2";
        let second = "imap://ann@h/INBOX;UIDVALIDITY=7/;UID=1";
        let line = Line::parse_from(["fetch", first, second, "-"]);
        let input = format!("{second}\n{first}\n");
        let errands = errands(&line.args, &mut input.as_bytes()).expect("references");
        assert_eq!(errands.len(), 1);
        let ids = ["2", "1"].map(|id| Id(id.to_owned())).to_vec();
        assert_eq!(errands[0].wanted, Wanted::These(ids));
    }
}
