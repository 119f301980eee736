//! From words to what is asked of which source.

use std::collections::HashSet;
use std::io::Read;

use anyhow::Result;

use super::args::Args;
use crate::base::decode::Decoded;
use crate::base::location::{ImapSelect, Location, NewsWhat, Partial, Reference};
use crate::imap::syntax::command::{self, Command, Tagged};
use crate::imap::syntax::search::{Key, Search};
use crate::open::references::{self, Place};
use crate::store::{Id, What};
use crate::ui::Failure;

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
    /// The folders, where they have been found out already.
    pub folders: Option<Vec<Option<String>>>,
}

/// Which messages of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All, or the last so many.
    All,
    /// These.
    These(Vec<Id>),
    /// What the server's SEARCH finds by this program (RFC 5092 section 6.2.2).
    Found(Vec<u8>),
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
            for reference in references::read(input, args.common.nul)? {
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
    if let Some(range) = args.range {
        return What::Partial {
            section: args.section.clone().unwrap_or_default().to_ascii_uppercase(),
            offset: range.first,
            octets: range.count,
        };
    }
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
        Location::Nntp(url) => url.article.is_some(),
        Location::News(url) => matches!(url.what, NewsWhat::Article(_)),
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
    let mut location = location;
    let mut wanted = Wanted::All;
    if let Location::Imap(url) = &mut location
        && let Some(mailbox) = &mut url.mailbox
        && let ImapSelect::Search(program) = &mut mailbox.select
    {
        let program = std::mem::take(program);
        let line = search_line(&program);
        if keys(&line).is_none() {
            let text = String::from_utf8_lossy(&program).into_owned();
            let hint = "behind the ? of a URL stands what IMAP's SEARCH takes: FROM%20bob";
            let message = format!("{word}: {text:?} is no search program");
            return Err(Failure::usage(message).hint(hint).into());
        }
        mailbox.select = ImapSelect::All;
        wanted = Wanted::Found(program);
    }
    let uid_validity = match &location {
        Location::Imap(url) => url.mailbox.as_ref().and_then(|mailbox| mailbox.uid_validity),
        _ => None,
    };
    errands.push(Errand { location, uid_validity, wanted, what: what.clone(), folders: None });
    Ok(())
}

/// The command that a search program stands in.
pub fn search_line(program: &[u8]) -> Vec<u8> {
    [b"a UID SEARCH ", program, b"\r\n"].concat()
}

/// The keys of that command, and nothing else: what a URL says is never sent as it stands.
pub fn keys(line: &[u8]) -> Option<Vec<Key<'_>>> {
    match command::decode(line) {
        Ok(Decoded::Done {
            value: Tagged { command: Command::Search(true, search), .. },
            used,
        }) if used == line.len() && search.returns.is_none() && is_utf8(&search) => {
            Some(search.keys)
        }
        _ => None,
    }
}

/// Texts go to the server in UTF-8, so they have to be that.
fn is_utf8(search: &Search<'_>) -> bool {
    let is_one_of = |name: &[u8]| {
        [&b"UTF-8"[..], b"US-ASCII"].iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    search.charset.as_deref().is_none_or(is_one_of)
}

fn is_maildir_file(path: &std::path::Path) -> bool {
    path.parent()
        .and_then(std::path::Path::file_name)
        .is_some_and(|place| place == "cur" || place == "new")
        && !path.is_dir()
}

fn add_reference(errands: &mut Vec<Errand>, reference: &Reference, what: &What) -> Result<()> {
    let Place { location, uid_validity, id } = Place::of(reference)?;
    let errand = Errand {
        location,
        uid_validity,
        wanted: Wanted::These(vec![id.clone()]),
        what: match reference {
            Reference::Imap(imap) => narrowed(what, imap.section(), imap.partial()),
            _ => what.clone(),
        },
        folders: None,
    };
    let same = errands.iter_mut().find(|before| {
        before.location == errand.location
            && before.what == errand.what
            && before.uid_validity == errand.uid_validity
            && matches!(before.wanted, Wanted::These(_))
    });
    match same {
        Some(Errand { wanted: Wanted::These(ids), .. }) => ids.push(id),
        _ => errands.push(errand),
    }
    Ok(())
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
    fn a_search_in_a_url_is_keys_and_no_other_command() {
        let is_search = |program: &str| keys(&search_line(program.as_bytes())).is_some();
        assert!(is_search("SUBJECT report NOT SEEN"));
        assert!(is_search("CHARSET UTF-8 FROM \"a b\""));
        for other in [
            "",
            "CHARSET KOI8-R FROM x",
            "NOSUCHKEY",
            "SEEN\r\nb DELETE x",
            "SEEN\r\n",
            "RETURN (SAVE) SEEN",
        ] {
            assert!(!is_search(other), "{other:?}");
        }
    }

    #[test]
    fn a_message_named_twice_is_wanted_once() {
        let first = "imap://ann@h/INBOX;UIDVALIDITY=7/;UID=2";
        let second = "imap://ann@h/INBOX;UIDVALIDITY=7/;UID=1";
        let line = Line::parse_from(["fetch", first, second, "-"]);
        let input = format!("{second}\n{first}\n");
        let errands = errands(&line.args, &mut input.as_bytes()).expect("references");
        assert_eq!(errands.len(), 1);
        let ids = ["2", "1"].map(|id| Id::new(id.to_owned())).to_vec();
        assert_eq!(errands[0].wanted, Wanted::These(ids));
    }
}
