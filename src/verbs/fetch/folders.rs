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
    let is_whole = matches!(errand.location, Location::Account { whole: true, .. });
    // The path of a URL is a mailbox's own name, whatever is in it.
    let is_url = matches!(errand.location, Location::Imap(_));
    let folder = source.folder.clone();
    let is_pattern = folder.as_ref().is_some_and(|name| !is_url && name.contains(['*', '%']));
    let Some(store) = source.store().filter(|_| is_whole || is_pattern || recursive) else {
        return Ok(vec![None]);
    };
    let folders = store.folders(&[]).await?;
    let is_wanted = |name: &str| match &folder {
        None => true,
        Some(wanted) if is_pattern => {
            store::pattern::matches(wanted, name)
                || recursive && store::pattern::matches(&format!("{wanted}/*"), name)
        }
        Some(wanted) => name == wanted || name.starts_with(&format!("{wanted}/")),
    };
    let mut wanted: Vec<String> = folders
        .into_iter()
        .filter(|it| it.selectable && is_wanted(&it.name))
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
