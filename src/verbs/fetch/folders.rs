//! Which folders of a source are meant: one, those that a pattern names (`work:Lists/*`), those
//! below (`--recursive`), or all (`work:`).

use anyhow::Result;

use super::plan::{Errand, Wanted};
use crate::base::location::{ImapMailbox, ImapSelect, ImapUrl, Location};
use crate::open::{Mail, Opened};
use crate::store;
use crate::ui::{Exit, Failure, report};

/// The folders of an open source that an errand means, the INBOX first; `None` for what is
/// opened without naming any: an INBOX, a source without folders.
///
/// # Errors
/// The source's; [`Failure`] (66) where a pattern names no folder.
pub async fn of(
    source: &mut Opened,
    errand: &Errand,
    recursive: bool,
) -> Result<Vec<Option<String>>> {
    if let Some(folders) = &errand.folders {
        return Ok(folders.clone());
    }
    if errand.wanted != Wanted::All {
        return Ok(vec![None]);
    }
    if let Mail::News(newsgroup, place) = &mut source.mail {
        if place.groups.is_none() && (place.url.group.is_some() || !recursive) {
            return Ok(vec![None]);
        }
        let groups = newsgroup.groups(place.groups.as_ref()).await?;
        return named(groups.into_iter().map(|group| group.name).collect(), errand);
    }
    let Some(meant) = Meant::of(source, errand, recursive) else { return Ok(vec![None]) };
    let Some(store) = source.store() else { return Ok(vec![None]) };
    let folders = store.folders(&[]).await?;
    let mut wanted: Vec<String> = folders
        .into_iter()
        .filter(|it| it.selectable && meant.has(&it.name))
        .map(|folder| folder.name)
        .collect();
    if let Mail::Imap(account, _) = &source.mail {
        wanted.retain(|name| match account.names().to_mailbox(name) {
            Ok(_) => true,
            Err(error) => {
                report::warning(&format!("{error}: the folder is left out"));
                false
            }
        });
    }
    named(wanted, errand)
}

/// The folders of a store that an errand means, those that are there and those to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    /// The folder or pattern that is named; `None`: all.
    folder: Option<String>,
    is_pattern: bool,
    /// With those below.
    recursive: bool,
}

impl Meant {
    /// Those of an errand; `None` where it means one, or a source without folders.
    pub fn of(source: &mut Opened, errand: &Errand, recursive: bool) -> Option<Self> {
        let is_whole = matches!(errand.location, Location::Account { whole: true, .. });
        // The path of a URL is a mailbox's own name, whatever is in it.
        let is_url = matches!(errand.location, Location::Imap(_));
        let folder = source.folder.clone();
        let is_pattern = folder.as_ref().is_some_and(|name| !is_url && name.contains(['*', '%']));
        let is_open = errand.wanted == Wanted::All && (is_whole || is_pattern || recursive);
        (is_open && source.store().is_some()).then_some(Self { folder, is_pattern, recursive })
    }

    /// Whether a folder of this name is among them.
    pub fn has(&self, name: &str) -> bool {
        match &self.folder {
            None => true,
            Some(wanted) if self.is_pattern => {
                store::pattern::matches(wanted, name)
                    || self.recursive && store::pattern::matches(&format!("{wanted}/*"), name)
            }
            Some(wanted) => name == wanted || name.starts_with(&format!("{wanted}/")),
        }
    }
}

fn named(mut names: Vec<String>, errand: &Errand) -> Result<Vec<Option<String>>> {
    if names.is_empty() {
        let message = format!("{}: no such folder", errand.location);
        return Err(Failure::new(Exit::NoInput, message).into());
    }
    names.sort_by(|a, b| (a != "INBOX", a).cmp(&(b != "INBOX", b)));
    Ok(names.into_iter().map(Some).collect())
}

/// What the record calls a folder: the location that names it alone.
pub fn name(source: &Opened, errand: &Errand, folder: Option<&str>) -> String {
    let Some(folder) = folder else { return errand.location.to_string() };
    match (&errand.location, &source.mail) {
        (Location::Account { account, .. }, _) => {
            let (account, folder) = (account.clone(), Some(folder.to_owned()));
            Location::Account { account, folder, whole: false }.to_string()
        }
        (Location::Imap(url), Mail::Imap(account, _)) => {
            let name = account.names().to_url(folder).unwrap_or_else(|_| folder.to_owned());
            let select = ImapSelect::All;
            let mailbox = ImapMailbox { name: name.into_bytes(), uid_validity: None, select };
            ImapUrl { mailbox: Some(mailbox), ..url.clone() }.to_string()
        }
        (location, _) => format!("{location}#{folder}"),
    }
}
