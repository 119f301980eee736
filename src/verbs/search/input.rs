//! Standard input: references, one a line, or one message, or an mbox of many.

use std::collections::HashSet;
use std::fs::File;
use std::hash::Hash;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;

use super::plan::Target;
use super::server::{Only, Place, Scope};
use crate::base::location::{ImapUrl, Location, MboxReference, Reference};
use crate::config::Config;
use crate::open;
use crate::store::{Id, mbox, scratch};
use crate::ui::{Exit, Failure};

/// Octets of standard input that are read, unless it is an mbox.
const STDIN_OCTETS: u64 = 256 * 1024 * 1024;

/// What standard input is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// References; none when there was nothing to read.
    References(Vec<Reference>),
    /// One message.
    Message(Vec<u8>),
    /// An mbox.
    Mbox(Piped),
}

/// What came through a pipe and is read more than once: a file without a name.
#[derive(Debug, Clone)]
pub struct Piped(pub Arc<File>);

impl PartialEq for Piped {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Piped {}

/// Reads standard input. What begins with a From_ line is an mbox (RFC 4155). Else the first line
/// decides: it is a reference, which it never is in a message, or all is one message.
///
/// # Errors
/// [`Failure`] for a later line that is no reference, and for input that cannot be read.
pub fn read(input: &mut dyn Read, nul: bool) -> Result<Input> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Io, format!("standard input cannot be read: {error}"))
    };
    let mut octets = Vec::new();
    let begin = mbox::BEGIN.len() as u64;
    (&mut *input).take(begin).read_to_end(&mut octets).map_err(failed)?;
    if octets == mbox::BEGIN {
        let kept = scratch::nameless().and_then(|mut file| {
            file.write_all(&octets)?;
            std::io::copy(input, &mut file)?;
            Ok(file)
        });
        return Ok(Input::Mbox(Piped(Arc::new(kept.map_err(failed)?))));
    }
    input.take(STDIN_OCTETS + 1 - begin).read_to_end(&mut octets).map_err(failed)?;
    if octets.len() as u64 > STDIN_OCTETS {
        return Err(Failure::new(Exit::Data, "standard input is larger than 256 MiB").into());
    }
    if octets.is_empty() {
        return Ok(Input::References(Vec::new()));
    }
    let end = if nul { b'\0' } else { b'\n' };
    let mut lines = octets.split(|octet| *octet == end);
    let first = lines.find(|line| !matches!(*line, b"" | b"\r")).unwrap_or_default();
    let first = if nul { first } else { first.strip_suffix(b"\r").unwrap_or(first) };
    match Reference::parse_octets(first) {
        Ok(_) => open::references::read(&mut octets.as_slice(), nul).map(Input::References),
        Err(_) => Ok(Input::Message(octets)),
    }
}

/// References put together by the place that is opened for them, in the order in which the
/// places come.
///
/// # Errors
/// [`Failure`] for a reference that cannot be searched.
pub fn targets(references: &[Reference], config: &Config) -> Result<Vec<Target>> {
    let mut targets: Vec<Target> = Vec::new();
    for reference in references {
        match reference {
            Reference::Imap(imap) => {
                let mut url = ImapUrl::from(imap.clone());
                url.mailbox = None;
                let location = Location::Imap(url);
                let account = config.account_of(&location)?.map(|account| account.name.clone());
                let only = Only { uid_validity: imap.uid_validity, uids: Some(Vec::new()) };
                let scope = Scope::Mailbox(imap.mailbox.clone(), only);
                let place = Target::Server(Place { account, location, scope });
                if let Target::Server(Place { scope: Scope::Mailbox(_, only), .. }) =
                    same_or_new(&mut targets, place)
                    && let Some(uids) = &mut only.uids
                {
                    uids.push(imap.message.uid.get());
                }
            }
            Reference::Pop(pop) => {
                add_id(&mut targets, reference.container(), Id::new(pop.uidl.clone()));
            }
            Reference::Mbox(message) => {
                add_id(&mut targets, reference.container(), mbox_id(message));
            }
            Reference::MaildirFile(file) => add_file(&mut targets, file.path()),
            Reference::Eml(path) => add_file(&mut targets, &open::local_path(path)),
            Reference::Nntp(article) => {
                add_id(&mut targets, reference.container(), Id::new(article.article.to_string()));
            }
            Reference::News(article) => {
                let id = Id::new(format!("<{}>", article.message_id));
                add_id(&mut targets, reference.container(), id);
            }
        }
    }
    for target in &mut targets {
        match target {
            Target::Server(Place { scope: Scope::Mailbox(_, only), .. }) => {
                if let Some(uids) = &mut only.uids {
                    uids.sort_unstable();
                    uids.dedup();
                }
            }
            Target::Place(_, Some(ids)) => keep_first(ids),
            Target::Files(paths) => keep_first(paths),
            Target::Server(_) | Target::Place(_, None) | Target::Message(_) | Target::Mbox(_) => {}
        }
    }
    Ok(targets)
}

/// The last target if it is the same, else the new one.
fn same_or_new(targets: &mut Vec<Target>, new: Target) -> &mut Target {
    let at = match targets.iter().position(|target| is_same_place(target, &new)) {
        Some(at) => at,
        None => {
            targets.push(new);
            targets.len() - 1
        }
    };
    &mut targets[at]
}

fn is_same_place(one: &Target, other: &Target) -> bool {
    match (one, other) {
        (Target::Server(one), Target::Server(other)) => {
            let folder = |place: &Place| match &place.scope {
                Scope::Mailbox(name, only) => Some((name.clone(), only.uid_validity)),
                Scope::All | Scope::Folder(_) => None,
            };
            one.location == other.location && folder(one).is_some() && folder(one) == folder(other)
        }
        (Target::Place(one, Some(_)), Target::Place(other, Some(_))) => one == other,
        (Target::Files(_), Target::Files(_)) => true,
        _ => false,
    }
}

fn add_id(targets: &mut Vec<Target>, location: Location, id: Id) {
    let new = Target::Place(location, Some(Vec::new()));
    if let Target::Place(_, Some(ids)) = same_or_new(targets, new) {
        ids.push(id);
    }
}

fn add_file(targets: &mut Vec<Target>, path: &Path) {
    let new = Target::Files(Vec::new());
    if let Target::Files(paths) = same_or_new(targets, new) {
        paths.push(path.to_owned());
    }
}

/// Drops repetitions.
fn keep_first<T: Clone + Eq + Hash>(list: &mut Vec<T>) {
    let mut seen = HashSet::new();
    list.retain(|item| seen.insert(item.clone()));
}

/// The id under which an mbox knows a message.
pub fn mbox_id(message: &MboxReference) -> Id {
    Id::new(match &message.digest {
        Some(digest) => format!("offset={};digest={digest}", message.offset),
        None => format!("offset={}", message.offset),
    })
}

/// Whether a path names one message of a Maildir.
pub fn is_maildir_file(path: &Path) -> bool {
    let path: PathBuf = open::local_path(path);
    let place = path.parent().and_then(Path::file_name);
    place.is_some_and(|place| place == "cur" || place == "new") && !path.is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::parse(Path::new("config.toml"), "", None).expect("a configuration")
    }

    fn references(text: &str) -> Vec<Reference> {
        match read(&mut text.as_bytes(), false).expect("read") {
            Input::References(references) => references,
            other => panic!("references, not {other:?}"),
        }
    }

    #[test]
    fn references_or_a_message() {
        assert!(references("").is_empty());
        assert_eq!(references("/m/cur/1.a:2,S\r\n\r\n/m/x.eml\n").len(), 2);
        for message in ["Subject: x\n\nbody\n", "From: a\n", "\n", "Received: by x\n y\n\n"] {
            let input = read(&mut message.as_bytes(), false).expect("read");
            assert_eq!(input, Input::Message(message.as_bytes().to_vec()), "{message:?}");
        }
        let error = read(&mut b"/m/cur/1.a:2,S\nimap://\n".as_slice(), false).expect_err("no");
        assert!(error.to_string().starts_with("standard input, line 2: "), "{error}");
        let nul = read(&mut b"/m/x.eml\0/m/y\nz.eml\0".as_slice(), true).expect("read");
        assert!(matches!(nul, Input::References(found) if found.len() == 2));
        // A path of any octets is one, and a field of any octets none.
        let path = read(&mut b"/m/caf\xe9.eml\n".as_slice(), false).expect("read");
        assert!(matches!(path, Input::References(found) if found.len() == 1));
        let field = b"Subject: caf\xe9 and/or tea\n\nbody\n";
        let read_field = read(&mut field.as_slice(), false).expect("read");
        assert_eq!(read_field, Input::Message(field.to_vec()));
        let mbox = read(&mut b"From a@x Mon Mar  2 10:00:00 2026\n\n".as_slice(), false);
        assert!(matches!(mbox.expect("read"), Input::Mbox(_)));
    }

    #[test]
    fn one_place_is_opened_once() {
        let list = references(
            "imap://a@h/INBOX;UIDVALIDITY=7/;UID=9\n\
             /m/cur/1.a:2,S\n\
             imap://a@h/INBOX;UIDVALIDITY=7/;UID=3\n\
             imap://a@h/Sent;UIDVALIDITY=7/;UID=3\n\
             mbox:/m/old;offset=20;digest=ab\n\
             /m/x.eml\n\
             mbox:/m/old;offset=5\n\
             /m/x.eml\n",
        );
        let targets = targets(&list, &config()).expect("targets");
        let uids = |target: &Target| match target {
            Target::Server(Place { scope: Scope::Mailbox(_, only), .. }) => only.uids.clone(),
            _ => None,
        };
        assert_eq!(targets.len(), 4);
        assert_eq!(uids(&targets[0]), Some(vec![3, 9]));
        let files = ["/m/cur/1.a:2,S", "/m/x.eml"].map(PathBuf::from).to_vec();
        assert_eq!(targets[1], Target::Files(files));
        assert_eq!(uids(&targets[2]), Some(vec![3]));
        let ids = ["offset=20;digest=ab", "offset=5"].map(Id::new).to_vec();
        assert_eq!(targets[3], Target::Place(Location::Mbox("/m/old".into()), Some(ids)));
    }
}
