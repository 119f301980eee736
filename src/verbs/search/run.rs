//! Carries the plan out.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use jiff::Timestamp;

use super::args::{Args, Sort};
use super::files::{self, Kind, MailFile, Manner};
use super::found::{Details, Found, Results};
use super::plan::{self, Plan, Target};
use super::server::{self, How, Place, Scope};
use super::{explain, index, one, piped, spooled, threads, watch};
use crate::base::location::{ImapUrl, Location, MaildirFile};
use crate::imap::store::Account;
use crate::message::documents::QUIET;
use crate::open::{self, Context, Create, Mail, Opened};
use crate::query::{self, Expr};
use crate::store::maildir::{Maildir, MessageFile};
use crate::store::{Id, Spool as _};
use crate::ui::{Exit, Failure, Output, report};

/// Searches.
///
/// # Errors
/// A query or a location that cannot be read, and the output's. A place that cannot be
/// searched is told, the others are searched all the same, and the exit code is 2.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    let plan = Plan::make(&args, &context.config, &mut crate::open::Stdin::new(&context.net.stop))?;
    if args.explain {
        return explain::print(&plan, &args, context, out).await;
    }
    if args.attachments_text {
        keep_readers_quiet();
    }
    if args.watch {
        return watch::run(&plan, &args, context, out).await;
    }
    if args.thread {
        return in_threads(&plan, &args, context, out).await;
    }
    let mut results = Results::new(out, args.count, args.limit, args.sort, plan.zone.clone())
        .fields(&args.fields)
        .text_by(plan::text_by(&plan.expr, false))
        .uids(args.uids);
    everywhere((&plan.targets, plan.now), &plan.expr, &args, context, &mut results).await?;
    results.finish()
}

/// Whether text on a server has our meaning.
pub fn is_exact(args: &Args) -> bool {
    args.exact || args.verify || args.attachments_text
}

/// The readers of documents are other people's, and may panic over a broken one: that costs the
/// text of the document, and is nothing to tell.
fn keep_readers_quiet() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(QUIET) {
            told(panic);
        }
    }));
}

/// Searches each place; what cannot be searched is told.
///
/// # Errors
/// The output's.
async fn everywhere(
    (targets, now): (&[Target], Timestamp),
    expr: &Expr,
    args: &Args,
    context: &Context,
    results: &mut Results<'_>,
) -> Result<()> {
    for target in targets {
        if results.is_full() {
            break;
        }
        let order = args.sort.filter(|_| targets.len() == 1);
        if let Err(error) = search(target, expr, args, (order, now), context, results).await {
            if open::verdict(&error).output_closed {
                return Err(error);
            }
            results.fail(&error);
        }
        results.flush()?;
    }
    Ok(())
}

/// What the query asks for, and then all that is there, put into threads.
async fn in_threads(plan: &Plan, args: &Args, context: &Context, out: &mut Output) -> Result<Exit> {
    let zone = || plan.zone.clone();
    if let [Target::Server(place)] = plan.targets.as_slice()
        && place.scope != Scope::All
    {
        let threads = in_threads_of_server(place, plan, args, context, out).await;
        let mut results = Results::new(out, false, None, None, zone())
            .text_by(plan::text_by(&plan.expr, !is_exact(args)))
            .fields(&args.fields);
        return match threads {
            Ok((threads, failed)) => results.finish_with(threads, failed),
            Err(error) if open::verdict(&error).output_closed => Err(error),
            Err(error) => {
                results.fail(&error);
                results.finish_with(Vec::new(), true)
            }
        };
    }
    let mut results = Results::new(out, false, None, None, zone()).keeping(Details::None);
    everywhere((&plan.targets, plan.now), &plan.expr, args, context, &mut results).await?;
    results.tell_gone();
    let (matched, failed) = results.into_kept();
    let matched: HashSet<String> = matched.into_iter().map(|found| found.reference).collect();
    let mut threads = Vec::new();
    if !matched.is_empty() {
        let mut results = Results::new(out, false, None, None, zone()).keeping(Details::Thread);
        everywhere((&plan.targets, plan.now), &Expr::All, args, context, &mut results).await?;
        threads = threads::whole(results.into_kept().0, &matched);
    }
    let by_server = plan.targets.iter().any(|target| matches!(target, Target::Server(_)));
    let results = Results::new(out, false, None, None, zone())
        .text_by(plan::text_by(&plan.expr, by_server && !is_exact(args)))
        .fields(&args.fields);
    results.finish_with(threads, failed)
}

/// The same in one folder of a server, which is asked for its threads along with the search, so
/// that only what is in the right ones has to come (RFC 5256); where it does not know that, all
/// headers come, and the threads are put together here. The threads, and whether something could
/// not be searched.
async fn in_threads_of_server(
    place: &Place,
    plan: &Plan,
    args: &Args,
    context: &Context,
    out: &mut Output,
) -> Result<(Vec<Found>, bool)> {
    let (mut session, url) = connect(place, args, context).await?;
    let how = How { threads: true, ..how(args, plan.now) };
    let zone = || plan.zone.clone();
    let mut results = Results::new(out, false, None, None, zone()).keeping(Details::None);
    let told = server::search(&mut session, place, &url, &plan.expr, how, &mut results).await?;
    results.tell_gone();
    let (matched, failed) = results.into_kept();
    let threads = match told {
        _ if matched.is_empty() => Vec::new(),
        Some(told) => {
            let matched: HashSet<u32> = matched.iter().filter_map(|found| found.uid).collect();
            let uids = threads::uids(&told, &matched);
            let mut results = Results::new(out, false, None, None, zone()).keeping(Details::Shown);
            one::describe(&mut session, place, &url, &uids, &mut results).await?;
            let found = results.into_kept().0.into_iter();
            let found = found.filter_map(|found| Some((found.uid?, found))).collect();
            threads::told(&told, found, &matched)
        }
        None => {
            let matched: HashSet<String> =
                matched.into_iter().map(|found| found.reference).collect();
            let mut results = Results::new(out, false, None, None, zone()).keeping(Details::Thread);
            let how = How { threads: false, verify: false, ..how };
            server::search(&mut session, place, &url, &Expr::All, how, &mut results).await?;
            threads::whole(results.into_kept().0, &matched)
        }
    };
    session.finish().await?;
    Ok((threads, failed))
}

async fn search(
    target: &Target,
    expr: &Expr,
    args: &Args,
    (order, now): (Option<Sort>, Timestamp),
    context: &Context,
    results: &mut Results<'_>,
) -> Result<()> {
    plan::can_answer(target, expr)?;
    match target {
        Target::Server(place) => {
            let (mut session, url) = connect(place, args, context).await?;
            let how = How { order, ..how(args, now) };
            server::search(&mut session, place, &url, expr, how, results).await?;
            session.finish().await?;
            Ok(())
        }
        Target::Place(location, only) => {
            let options = &args.server.options;
            let opened = open::open_mail(location, options, Create::No, context).await?;
            in_place(opened, location, only.as_deref(), expr, manner(args), results).await
        }
        Target::Files(paths) => {
            let expr = query::narrowed(expr, None, None);
            let manner = Manner { named: true, ..manner(args) };
            files::search(&named(paths, results), &expr, manner, results).await
        }
        Target::Message(octets) => piped::message(octets, expr, manner(args), results),
        Target::Mbox(piped) => piped::mbox(piped, expr, manner(args), results),
    }
}

/// How a server is searched, as the command line says.
pub fn how(args: &Args, now: Timestamp) -> How {
    let (exact, verify) = (is_exact(args), args.verify);
    let (documents, fuzzy) = (args.attachments_text, args.fuzzy);
    How { now, exact, verify, documents, fuzzy, threads: false, order: None }
}

fn manner(args: &Args) -> Manner {
    Manner { documents: args.attachments_text, index: args.index, ..Manner::default() }
}

/// A session with a server.
///
/// # Errors
/// Network, TLS and login errors.
pub async fn connect(
    place: &Place,
    args: &Args,
    context: &Context,
) -> Result<(Box<Account>, ImapUrl)> {
    let options = &args.server.options;
    let opened = open::open_mail(&place.location, options, Create::No, context).await?;
    match opened.mail {
        Mail::Imap(session, url) => Ok((session, url)),
        _ => Err(Failure::usage(format!("{} is no IMAP server", place.location)).into()),
    }
}

/// Searches a place that is no server's.
///
/// # Errors
/// As [`run`].
pub async fn in_one_place(
    target: &Target,
    expr: &Expr,
    args: &Args,
    context: &Context,
    results: &mut Results<'_>,
) -> Result<()> {
    search(target, expr, args, (None, Timestamp::now()), context, results).await
}

/// A source that `open` has opened. `only` names messages of a source without folders.
async fn in_place(
    mut opened: Opened,
    location: &Location,
    only: Option<&[Id]>,
    expr: &Expr,
    manner: Manner,
    results: &mut Results<'_>,
) -> Result<()> {
    let account = match location {
        Location::Account { account, .. } => Some(account.as_str()),
        _ => None,
    };
    match &mut opened.mail {
        Mail::Maildir(maildir) => return in_maildir(maildir, expr, manner, results).await,
        Mail::Eml(eml, path) => {
            without_index(manner, location, "no Maildir");
            let of_folder = path.is_dir();
            let directory: Arc<Path> = path.as_path().into();
            let list = eml.list().await?.into_iter().map(|listed| {
                let file = MailFile { size: listed.size, ..MailFile::at(path, Kind::Eml) };
                match of_folder {
                    true => {
                        let directory = Arc::clone(&directory);
                        MailFile { directory, name: String::from(&*listed.id.0).into(), ..file }
                    }
                    false => file,
                }
            });
            let list: Vec<MailFile> = list.collect();
            return files::search(&list, &query::narrowed(expr, None, None), manner, results).await;
        }
        _ => {}
    }
    let (kind, stored) = match &opened.mail {
        Mail::Mbox(..) => ("an mbox", true),
        Mail::Pop(..) => ("a POP3 maildrop", false),
        _ => ("no Maildir", false),
    };
    without_index(manner, location, kind);
    let manner = Manner { stored, ..manner };
    let narrowed = query::narrowed(expr, None, account);
    opened.select(None, true).await?;
    let listed = match (&opened.mail, only) {
        // Articles are found by their names; what else is in their group is not asked.
        (Mail::News(..), Some(_)) => Vec::new(),
        _ => opened.spool().list().await?,
    };
    // In an mbox that was rewritten a message has another place, and with it another name.
    let moved: Option<Vec<Id>> = match (&opened.mail, only) {
        (Mail::Mbox(mbox, _), Some(ids)) => {
            Some(ids.iter().map(|id| mbox.current(id).unwrap_or_else(|| id.clone())).collect())
        }
        _ => None,
    };
    let only = moved.as_deref().or(only);
    let wanted: Vec<Id> = match only {
        Some(ids) => ids.to_vec(),
        None => listed.iter().map(|listed| listed.id.clone()).collect(),
    };
    let names: HashMap<Id, String> = wanted
        .iter()
        .filter_map(|id| Some((id.clone(), opened.reference(id)?.to_string())))
        .collect();
    let name = |id: &Id| names.get(id).cloned();
    spooled::search(opened.spool(), listed, only, &narrowed, manner, &name, results).await?;
    opened.spool().finish().await?;
    Ok(())
}

/// Warns that an index that is asked for is not kept there.
fn without_index(manner: Manner, location: &Location, kind: &str) {
    if manner.index {
        let place = location.to_string();
        report::warning(&format!("{place} is {kind}, and is searched without an index"));
    }
}

/// All folders of a tree, INBOX first.
async fn in_maildir(
    maildir: &mut Maildir,
    expr: &Expr,
    manner: Manner,
    results: &mut Results<'_>,
) -> Result<()> {
    let (mut folders, unreadable) = maildir.readable_folders()?;
    // One folder that cannot be read keeps nobody from the others.
    for error in unreadable {
        results.fail(&error.into());
    }
    folders.sort_by(|a, b| (a != "INBOX", a).cmp(&(b != "INBOX", b)));
    for folder in folders {
        if results.is_full() {
            break;
        }
        let narrowed = query::narrowed(expr, Some(&folder), None);
        if query::is_nothing(&narrowed) {
            continue;
        }
        let name: Arc<str> = folder.as_str().into();
        let list = match manner.index {
            true => index::candidates(maildir, &name, &narrowed, manner),
            false => index::list(maildir, &name),
        };
        match list {
            Ok(list) => files::search(&list, &narrowed, manner, results).await?,
            Err(error) => results.fail(&error.into()),
        }
    }
    Ok(())
}

/// Files that references or locations name. The flags of a Maildir's file stand in its name as
/// it is now, and their meaning in its folder, which is read once for all of its files. What
/// has gone is told to `results`.
fn named(paths: &[PathBuf], results: &mut Results<'_>) -> Vec<MailFile> {
    let mut folders: HashMap<PathBuf, HashMap<OsString, MessageFile>> = HashMap::new();
    let mut list = Vec::with_capacity(paths.len());
    for path in paths {
        let Some(file) = MaildirFile::new(path.clone()) else {
            list.push(MailFile::at(path, Kind::Eml));
            continue;
        };
        let known = folders
            .entry(file.folder().to_owned())
            .or_insert_with_key(|folder| messages_of(folder));
        match known.get(file.unique()) {
            Some(message) => list.push(maildir_file(message.clone(), None)),
            None => results.gone(path.display().to_string()),
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
            let named = MaildirFile::new(file.path())?;
            Some((named.unique().to_owned(), file))
        })
        .collect()
}

fn maildir_file(file: MessageFile, folder: Option<Arc<str>>) -> MailFile {
    MailFile {
        directory: file.directory,
        name: file.name,
        kind: Kind::Maildir,
        folder,
        flags: Some(file.flags),
        size: file.size,
    }
}

#[cfg(test)]
mod tests;
