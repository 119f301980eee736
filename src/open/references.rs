//! References from the command line and from standard input: what is opened for each, and
//! which message of it is meant.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::base::location::{Location, Reference};
use crate::store::{Id, maildir};
use crate::ui::{Exit, Failure};

/// Octets of standard input that are read as references.
const STDIN_OCTETS: u64 = 256 * 1024 * 1024;

/// One message: what is opened, and its name in there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What is opened: the folder, maildrop or file that the message is in.
    pub location: Location,
    /// The UIDVALIDITY that the reference relies on.
    pub uid_validity: Option<u32>,
    /// The message in it.
    pub id: Id,
}

impl Place {
    /// The place that a reference names.
    ///
    /// # Errors
    /// None at present; a reference of a new kind may have no place.
    pub fn of(reference: &Reference) -> Result<Self> {
        let (id, uid_validity) = match reference {
            Reference::Imap(imap) => (imap.message.uid.to_string(), imap.uid_validity),
            Reference::Pop(pop) => (pop.uidl.clone(), None),
            Reference::MaildirFile(file) => (maildir::id_of(file.unique()).0.to_string(), None),
            Reference::Mbox(message) => {
                let digest = message.digest.as_ref().map(|digest| format!(";digest={digest}"));
                (format!("offset={}{}", message.offset, digest.unwrap_or_default()), None)
            }
            Reference::Eml(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                (name, None)
            }
            Reference::Nntp(article) => (article.article.to_string(), None),
            Reference::News(article) => (format!("<{}>", article.message_id), None),
        };
        let location = match reference {
            // Messages of one folder belong together.
            Reference::Eml(path) if path.extension().is_some_and(|ending| ending == "eml") => {
                Location::Eml(parent(path))
            }
            other => other.container(),
        };
        Ok(Self { location, uid_validity, id: Id::new(id) })
    }
}

/// Messages of one folder, each once, in the order in which they were named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What is opened.
    pub location: Location,
    /// The UIDVALIDITY that the references rely on.
    pub uid_validity: Option<u32>,
    /// The messages.
    pub ids: Vec<Id>,
}

/// Groups the references among `words`, and those on `input` where a word is `-`, by the
/// folder that they are in. `nul`: on `input`, NUL ends each instead of a line feed.
///
/// # Errors
/// [`Failure`] or a location's error: 64 on the command line, 65 on standard input. A part of
/// a message is none.
pub fn grouped(words: &[String], input: &mut dyn Read, nul: bool) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    for word in words {
        let references =
            if word == "-" { read(input, nul)? } else { vec![Reference::parse(word)?] };
        for reference in &references {
            if let Reference::Imap(imap) = reference
                && (imap.section().is_some() || imap.partial().is_some())
            {
                return Err(Failure::usage(format!("{reference}: this is a part of a message"))
                    .hint("leave out what stands behind the UID")
                    .into());
            }
            let Place { location, uid_validity, id } = Place::of(reference)?;
            let same = groups
                .iter_mut()
                .find(|group| group.location == location && group.uid_validity == uid_validity);
            match same {
                Some(group) => group.ids.push(id),
                None => groups.push(Group { location, uid_validity, ids: vec![id] }),
            }
        }
    }
    for group in &mut groups {
        let mut seen = HashSet::new();
        group.ids.retain(|id| seen.insert(id.clone()));
    }
    Ok(groups)
}

/// Reads the references on standard input, one a line, or each ended by NUL.
///
/// # Errors
/// [`Failure`]: 65 for a line that is no reference, with its number, and 74 when reading
/// fails.
pub fn read(input: &mut dyn Read, nul: bool) -> Result<Vec<Reference>> {
    let mut octets = Vec::new();
    input.take(STDIN_OCTETS + 1).read_to_end(&mut octets).map_err(|error| {
        Failure::new(Exit::Io, format!("cannot read references from standard input: {error}"))
    })?;
    if octets.len() as u64 > STDIN_OCTETS {
        let message = format!("more than {STDIN_OCTETS} octets of references on standard input");
        return Err(Failure::new(Exit::Data, message).into());
    }
    let end = if nul { b'\0' } else { b'\n' };
    let mut references = Vec::new();
    for (index, line) in octets.split(|&octet| octet == end).enumerate() {
        let line = if nul { line } else { line.strip_suffix(b"\r").unwrap_or(line) };
        if line.is_empty() {
            continue;
        }
        let number = index + 1;
        references.push(Reference::parse_octets(line).map_err(|error| {
            Failure::new(Exit::Data, format!("standard input, line {number}: {error}"))
                .hint("- wants references, one a line, as `pillarbox search` prints them")
        })?);
    }
    Ok(references)
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(words: &[&str], input: &str, nul: bool) -> Result<Vec<(String, Vec<String>)>> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let groups = grouped(&words, &mut input.as_bytes(), nul)?;
        Ok(groups
            .into_iter()
            .map(|group| {
                (
                    group.location.to_string(),
                    group.ids.into_iter().map(|id| id.0.to_string()).collect(),
                )
            })
            .collect())
    }

    #[test]
    fn messages_of_a_folder_come_together() {
        let inbox = "imap://u@h/INBOX;UIDVALIDITY=7";
        let other = "imap://u@h/Sent;UIDVALIDITY=8";
        let input = format!("{inbox}/;UID=3\r\n\n{other}/;UID=1\n{inbox}/;UID=2\n");
        let first = format!("{inbox}/;UID=2");
        let found = groups(&[&first, "-"], &input, false).expect("references");
        let wanted = [
            (inbox.to_owned(), vec!["2".to_owned(), "3".to_owned()]),
            (other.to_owned(), vec!["1".to_owned()]),
        ];
        assert_eq!(found, wanted);
        let with_nul = input.replace("\r\n", "\0").replace('\n', "\0");
        assert_eq!(groups(&[&first, "-"], &with_nul, true).expect("references"), wanted);
    }

    #[test]
    fn folders_made_anew_stay_apart() {
        let found = groups(
            &["imap://u@h/a;UIDVALIDITY=1/;UID=1", "imap://u@h/a;UIDVALIDITY=2/;UID=1"],
            "",
            false,
        );
        assert_eq!(found.expect("references").len(), 2);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let error = groups(&["-"], "imap://u@h/a/;UID=1\nalice\n", false).expect_err("no message");
        let failure = error.downcast_ref::<Failure>().expect("a failure");
        assert_eq!(failure.exit, Exit::Data);
        assert!(failure.message.contains("line 2"), "{}", failure.message);
    }
}
