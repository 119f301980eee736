//! Carries the plan out.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;

use super::args::Args;
use super::explain;
use super::files::{self, Kind, MailFile};
use super::found::{Found, Results};
use super::plan::{self, Plan, Target};
use super::server::{self, Place};
use super::spooled;
use crate::base::location::{Location, MaildirFile};
use crate::open::{self, Context, Create, Mail, Opened};
use crate::query::{Attributes, Expr, Local};
use crate::store::maildir::{Maildir, MessageFile};
use crate::store::{Id, Spool as _, Store as _};
use crate::ui::{Exit, Failure, Output};

/// Searches.
///
/// # Errors
/// A query or a location that cannot be read, and the output's. A place that cannot be
/// searched is told, the others are searched all the same, and the exit code is 2.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    let plan = Plan::make(&args, &context.config, &mut std::io::stdin().lock())?;
    if args.explain {
        explain::print(&plan, args.exact, out)?;
        return Ok(Exit::Ok);
    }
    let mut results = Results::new(out, args.count, args.limit, args.sort, plan.zone.clone())
        .text_by(plan::text_by(&plan.expr, false));
    for target in &plan.targets {
        if results.is_full() {
            break;
        }
        if let Err(error) = search(target, &plan.expr, &args, context, &mut results).await {
            if open::verdict(&error).output_closed {
                return Err(error);
            }
            results.fail(&error);
        }
        results.flush()?;
    }
    results.finish()
}

async fn search(
    target: &Target,
    expr: &Expr,
    args: &Args,
    context: &Context,
    results: &mut Results<'_>,
) -> Result<()> {
    match target {
        Target::Server(place) => on_server(place, expr, args, context, results).await,
        Target::Place(location, only) => {
            let options = &args.server.options;
            let opened = open::open_mail(location, options, Create::No, context).await?;
            in_place(opened, location, only.as_deref(), expr, results).await
        }
        Target::Files(paths) => {
            files::search(&named(paths), &plan::narrowed(expr, None, None), results).await
        }
        Target::Message(octets) => one_message(octets, expr, results),
    }
}

async fn on_server(
    place: &Place,
    expr: &Expr,
    args: &Args,
    context: &Context,
    results: &mut Results<'_>,
) -> Result<()> {
    let options = &args.server.options;
    let opened = open::open_mail(&place.location, options, Create::No, context).await?;
    let Mail::Imap(mut session, url) = opened.mail else {
        return Err(Failure::usage(format!("{} is no IMAP server", place.location)).into());
    };
    server::search(&mut session, place, &url, expr, args.exact, results).await?;
    session.finish().await?;
    Ok(())
}

/// A source that `open` has opened. `only` names messages of a source without folders.
async fn in_place(
    mut opened: Opened,
    location: &Location,
    only: Option<&[Id]>,
    expr: &Expr,
    results: &mut Results<'_>,
) -> Result<()> {
    let account = match location {
        Location::Account { account, .. } => Some(account.as_str()),
        _ => None,
    };
    match &mut opened.mail {
        Mail::Maildir(maildir) => return in_maildir(maildir, expr, results).await,
        Mail::Eml(eml, path) => {
            let of_folder = path.is_dir();
            let list = eml.list().await?.into_iter().map(|listed| MailFile {
                path: if of_folder { path.join(&listed.id.0) } else { path.clone() },
                kind: Kind::Eml,
                folder: None,
                flags: None,
                size: listed.size,
            });
            let list: Vec<MailFile> = list.collect();
            return files::search(&list, &plan::narrowed(expr, None, None), results).await;
        }
        _ => {}
    }
    let narrowed = plan::narrowed(expr, None, account);
    opened.select(None, true).await?;
    let listed = match (&opened.mail, only) {
        // Articles are found by their names; what else is in their group is not asked.
        (Mail::News(..), Some(_)) => Vec::new(),
        _ => opened.spool().list().await?,
    };
    let wanted: Vec<Id> = match only {
        Some(ids) => ids.to_vec(),
        None => listed.iter().map(|listed| listed.id.clone()).collect(),
    };
    let names: HashMap<Id, String> = wanted
        .iter()
        .filter_map(|id| Some((id.clone(), opened.reference(id)?.to_string())))
        .collect();
    let name = |id: &Id| names.get(id).cloned();
    spooled::search(opened.spool(), listed, only, &narrowed, &name, results).await?;
    opened.spool().finish().await?;
    Ok(())
}

/// All folders of a tree, INBOX first.
async fn in_maildir(maildir: &mut Maildir, expr: &Expr, results: &mut Results<'_>) -> Result<()> {
    let mut folders = maildir.folders(&[]).await?;
    folders.retain(|folder| folder.selectable);
    folders.sort_by(|a, b| (a.name != "INBOX", &a.name).cmp(&(b.name != "INBOX", &b.name)));
    for folder in folders {
        if results.is_full() {
            break;
        }
        let narrowed = plan::narrowed(expr, Some(&folder.name), None);
        if plan::is_nothing(&narrowed) {
            continue;
        }
        let name: Arc<str> = folder.name.as_str().into();
        let list: Vec<MailFile> = maildir
            .files(&folder.name)?
            .into_iter()
            .map(|file| maildir_file(file, Some(Arc::clone(&name))))
            .collect();
        files::search(&list, &narrowed, results).await?;
    }
    Ok(())
}

/// Files that references or locations name. The flags of a Maildir's file stand in its name as
/// it is now, and their meaning in its folder, which is read once for all of its files. What
/// has gone is left out.
fn named(paths: &[PathBuf]) -> Vec<MailFile> {
    let mut folders: HashMap<PathBuf, HashMap<OsString, MessageFile>> = HashMap::new();
    let mut list = Vec::with_capacity(paths.len());
    for path in paths {
        let Some(file) = MaildirFile::new(path.clone()) else {
            let kind = Kind::Eml;
            list.push(MailFile { path: path.clone(), kind, folder: None, flags: None, size: None });
            continue;
        };
        let known = folders
            .entry(file.folder().to_owned())
            .or_insert_with_key(|folder| messages_of(folder));
        if let Some(message) = known.get(file.unique()) {
            list.push(maildir_file(message.clone(), None));
        }
    }
    list
}

/// The messages of one Maildir by their unique names; none where there is no Maildir.
fn messages_of(folder: &Path) -> HashMap<OsString, MessageFile> {
    let here = Path::new(".");
    let folder = if folder.as_os_str().is_empty() { here } else { folder };
    let files = Maildir::open(folder, Default::default())
        .and_then(|maildir| maildir.files("INBOX"))
        .unwrap_or_default();
    files
        .into_iter()
        .filter_map(|file| {
            let named = MaildirFile::new(file.path.clone())?;
            Some((named.unique().to_owned(), file))
        })
        .collect()
}

fn maildir_file(file: MessageFile, folder: Option<Arc<str>>) -> MailFile {
    MailFile {
        path: file.path,
        kind: Kind::Maildir,
        folder,
        flags: Some(file.flags.iter().map(|flag| flag.name().to_owned()).collect()),
        size: file.size,
    }
}

/// The message on standard input, whose reference is `-`.
fn one_message(octets: &[u8], expr: &Expr, results: &mut Results<'_>) -> Result<()> {
    let attributes = Attributes { size: Some(octets.len() as u64), ..Attributes::default() };
    let dated = Local::new(octets, Attributes::default());
    let received = dated.content().header().date();
    let message = Local::new(octets, Attributes { received, ..attributes });
    if message.matches(&plan::narrowed(expr, None, None)) {
        let found =
            Found { reference: "-".into(), size: Some(octets.len() as u64), ..Found::default() };
        results.add(found.with_header(message.content().header(), received))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
