//! Says what a search would ask of whom, and what it would find out itself.
//!
//! A server is logged in to, since what it is asked depends on what it knows, and its folders are
//! listed; nothing is searched there, and no local mail is opened.

use std::fmt::Write as _;

use anyhow::Result;
use serde::Serialize;

use super::args::Args;
use super::found::Results;
use super::plan::{self, Plan, Target};
use super::run as searching;
use super::rungs::one_command;
use super::server::{Folder, How, Only, Place, Session};
use crate::imap::client::search::Asking;
use crate::imap::search_keys::{Asked, map};
use crate::imap::syntax::search::{Field as In, Key, Measure, Return};
use crate::open::Context;
use crate::query::{DateKeyword, Expr, Field, Term};
use crate::store::{self, Spool as _};
use crate::ui::{Exit, Format, Output};

/// Most folders that a line names.
const NAMED: usize = 12;

/// Prints the plan: a paragraph or an object for each place, and on a server for the folders that
/// are asked the same.
///
/// # Errors
/// The output's. A server that cannot be asked what it knows is told, and the exit code is 2.
pub async fn print(plan: &Plan, args: &Args, context: &Context, out: &mut Output) -> Result<Exit> {
    if out.format() != Format::Json {
        out.line(&format!("query: {}", plan.expr))?;
    }
    let mut exit = Exit::Ok;
    for target in &plan.targets {
        let told = match explained(target, plan, args, context, out).await {
            Ok(told) => told,
            Err(error) => {
                Results::new(out, false, None, None, plan.zone.clone()).fail(&error);
                exit = Exit::Two;
                continue;
            }
        };
        for explained in told {
            if out.format() == Format::Json {
                out.json(&explained)?;
            } else {
                for line in explained.to_string().lines() {
                    out.line(line)?;
                }
            }
        }
    }
    Ok(exit)
}

/// What happens at one place, or in some of its folders.
#[derive(Debug, Serialize)]
struct Explained {
    query: String,
    place: String,
    /// The folders of a server that are asked the same; `None` for what is no server.
    folders: Option<Vec<String>>,
    /// Folders that `folder:` and `account:` rule out.
    not_searched: Vec<String>,
    /// Commands; none for what is not on a server.
    asks: Vec<String>,
    /// What is evaluated here; `None`: nothing is left.
    rest: Option<String>,
    /// What is read for that.
    needs: Vec<&'static str>,
    text_by: Option<&'static str>,
    /// Extensions that matter to this search.
    ladder: Vec<Rung>,
}

/// One extension of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Rung {
    extension: &'static str,
    /// The server says that it knows it.
    offered: bool,
    /// This search makes use of it.
    used: bool,
    /// What comes of that.
    why: &'static str,
}

async fn explained(
    target: &Target,
    plan: &Plan,
    args: &Args,
    context: &Context,
    out: &mut Output,
) -> Result<Vec<Explained>> {
    plan::can_answer(target, &plan.expr)?;
    Ok(match target {
        Target::Server(place) => on_server(place, plan, args, context, out).await?,
        Target::Place(location, _) => vec![here(location.to_string(), plan)],
        Target::Files(paths) => vec![here(format!("{} files", paths.len()), plan)],
        Target::Message(_) => vec![here("the message on standard input".into(), plan)],
        Target::Mbox(_) => vec![here("the mbox on standard input".into(), plan)],
    })
}

fn here(place: String, plan: &Plan) -> Explained {
    let expr = &plan.expr;
    Explained {
        query: expr.to_string(),
        place,
        folders: None,
        not_searched: Vec::new(),
        asks: Vec::new(),
        rest: (*expr != Expr::All).then(|| expr.to_string()),
        needs: needs(expr, false),
        text_by: plan::text_by(expr, false),
        ladder: Vec::new(),
    }
}

async fn on_server(
    place: &Place,
    plan: &Plan,
    args: &Args,
    context: &Context,
    out: &mut Output,
) -> Result<Vec<Explained>> {
    let (mut account, url) = searching::connect(place, args, context).await?;
    let is_one_folder = place.scope != super::server::Scope::All;
    let order = args.sort.filter(|_| plan.targets.len() == 1 && is_one_folder);
    let threads = args.thread && is_one_folder;
    let how = How { order, threads, ..searching::how(args, plan.now) };
    plan::is_gmail(
        &plan.expr,
        place.account.as_deref(),
        account.client().capabilities(),
        &url.server.host,
    )?;
    let nothing = Only::default();
    let (session, folders, not_searched) =
        Session::open(&mut account, place, &url, &plan.expr, how, &nothing).await?;
    let results = Results::new(out, args.count, args.limit, args.sort, plan.zone.clone());
    let results = results.fields(&args.fields);
    let found = in_folders(&session, &folders, place, plan, not_searched, &results)?;
    account.finish().await?;
    Ok(found)
}

fn in_folders(
    session: &Session<'_>,
    folders: &[Folder],
    place: &Place,
    plan: &Plan,
    not_searched: Vec<String>,
    results: &Results<'_>,
) -> Result<Vec<Explained>> {
    let server = place.account.clone().unwrap_or_else(|| place.location.to_string());
    let empty = |folders: Vec<String>| Explained {
        query: plan.expr.to_string(),
        place: server.clone(),
        folders: Some(folders),
        not_searched: Vec::new(),
        asks: Vec::new(),
        rest: None,
        needs: Vec::new(),
        text_by: plan::text_by(&plan.expr, session.manner.bodies),
        ladder: Vec::new(),
    };
    let mut asking: Vec<Asking> = Vec::new();
    let mut found: Vec<Explained> = Vec::new();
    let mut expressions: Vec<Option<&Expr>> = Vec::new();
    for folder in folders {
        // All that are asked the same stand together.
        let known = expressions.iter().position(|known| *known == Some(&folder.expr));
        let mapping = map(&folder.expr, session.manner);
        let keys = match &mapping.asked {
            Asked::Keys(keys) => Some(keys.clone()),
            Asked::Nothing => None,
        };
        let one = keys.map(|keys| session.asking(&folder.mailbox, keys, &mapping, results));
        if let Some(at) = known {
            found[at].folders.get_or_insert_default().push(folder.name.clone());
        } else {
            let mut explained = empty(vec![folder.name.clone()]);
            if let Some(one) = &one {
                let commands = session.client.planned(one).map_err(store::Error::from)?;
                explained.asks = commands.iter().map(|octets| line(octets)).collect();
            }
            explained.needs = needs(&mapping.rest, true);
            explained.rest = (mapping.rest != Expr::All).then(|| mapping.rest.to_string());
            found.push(explained);
            expressions.push(Some(&folder.expr));
        }
        asking.extend(one);
    }
    let by_one = one_command(&session.capabilities, &asking);
    if let Some((mailboxes, inquiry)) = &by_one {
        let command = session.client.planned_in(mailboxes, inquiry).map_err(store::Error::from)?;
        for explained in &mut found {
            explained.asks = vec![line(&command)];
        }
    }
    let ladder = ladder(session, plan, &asking, by_one.is_some(), results);
    if found.is_empty() {
        found.push(empty(Vec::new()));
    }
    for explained in &mut found {
        explained.ladder = ladder.clone();
    }
    if let Some(last) = found.last_mut() {
        last.not_searched = not_searched;
    }
    Ok(found)
}

fn line(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).replace("\r\n", " ")
}

/// The extensions that make a difference to this search.
fn ladder(
    session: &Session<'_>,
    plan: &Plan,
    asking: &[Asking],
    by_one: bool,
    results: &Results<'_>,
) -> Vec<Rung> {
    let has = |name: &str| session.capabilities.has(name);
    let searches = || asking.iter().flat_map(|one| &one.searches);
    let returns =
        |test: fn(&Return<'_>) -> bool| searches().any(|one| one.returns.iter().any(test));
    let keys = |test: &dyn Fn(&Key<'_>) -> bool| {
        searches().any(|one| one.keys.iter().any(|key| any(key, test)))
    };
    let mut ladder = Vec::new();
    let mut rung = |extension, offered: bool, used: bool, with, without| {
        // What is not used for want of it, and what is of no use here.
        let why = if used { with } else { without };
        ladder.push(Rung { extension, offered, used, why });
    };
    let rev2 = has("IMAP4rev2");
    rung(
        "ESEARCH",
        has("ESEARCH") || rev2,
        searches().any(|one| !one.returns.is_empty()),
        "answers come as ranges or as a number",
        "answers come as a list of numbers",
    );
    let saves = returns(|item| *item == Return::Save);
    rung(
        "SEARCHRES",
        has("SEARCHRES") || rev2,
        saves,
        "what is found is fetched in the same flight",
        "nothing is fetched along with the answer",
    );
    if asking.len() > 1 {
        rung(
            "MULTISEARCH",
            has("MULTISEARCH"),
            by_one,
            "all folders are asked by one command",
            "folders are asked one by one, all in one flight",
        );
    }
    let terms = plan.expr.terms();
    let is_span = |term: &&Term| match term {
        Term::Date(date) => {
            date.is_span() && matches!(date.keyword, DateKeyword::Older | DateKeyword::Newer)
        }
        _ => false,
    };
    if terms.iter().any(is_span) {
        let of_span =
            |key: &Key<'_>| matches!(key, Key::Number(Measure::Older | Measure::Younger, _));
        rung(
            "WITHIN",
            has("WITHIN"),
            keys(&of_span),
            "the server compares by the second",
            "the server is asked for days, and the rest is found out here",
        );
    }
    let asks = |wanted: fn(&Term) -> bool| terms.iter().any(|term| wanted(term));
    if asks(|term| matches!(term, Term::Date(date) if date.keyword == DateKeyword::Saved)) {
        rung(
            "SAVEDATE",
            has("SAVEDATE"),
            session.manner.saved,
            "the server keeps when a message was put into its folder",
            "the date of arrival stands for that of saving",
        );
    }
    if asks(|term| matches!(term, Term::Gmail(_))) {
        let used = keys(&|key| matches!(key, Key::Text(In::GmRaw, _)));
        rung("X-GM-EXT-1", has("X-GM-EXT-1"), used, "Gmail answers gm:", "gm: has no answer");
    }
    if keys(&|key| key.needs_charset()) {
        let utf8 = session.client.is_utf8();
        rung(
            "UTF8=ACCEPT",
            has("UTF8=ACCEPT") || has("UTF8=ONLY") || rev2,
            utf8,
            "text beyond ASCII is sent as it is",
            "text beyond ASCII is sent with CHARSET UTF-8; where that is refused, without it",
        );
    }
    if let Some(sort) = results.sort() {
        let sorts = searches().any(|one| !one.criteria.is_empty());
        let (with, without) = ("the server puts it in order", "it is put in order here");
        rung("SORT", has("SORT"), sorts, with, without);
        if sort == super::args::Sort::From {
            rung("SORT=DISPLAY", has("SORT=DISPLAY"), sorts, with, without);
        }
    }
    if results.limit().is_some() {
        let partial = returns(|item| matches!(item, Return::Partial(..)));
        let offered = has("PARTIAL") || has("CONTEXT=SEARCH") || has("CONTEXT=SORT");
        rung(
            "PARTIAL",
            offered,
            partial,
            "only the first of what is found are told",
            "all that is found is told, and cut here",
        );
    }
    if session.how.threads {
        let used = has("THREAD=REFERENCES");
        rung(
            "THREAD=REFERENCES",
            used,
            used,
            "the server puts threads together",
            "all headers come, and threads are put together here",
        );
    }
    if session.how.fuzzy {
        rung(
            "SEARCH=FUZZY",
            has("SEARCH=FUZZY"),
            keys(&|key| matches!(key, Key::Fuzzy(_))),
            "the server matches body: and text: by sense",
            "body: and text: mean what they always do",
        );
    }
    ladder
}

/// Whether a key is one, or has one in it.
fn any(key: &Key<'_>, test: &dyn Fn(&Key<'_>) -> bool) -> bool {
    test(key)
        || match key {
            Key::Not(inner) | Key::Fuzzy(inner) => any(inner, test),
            Key::Or(one, other) => any(one, test) || any(other, test),
            Key::And(list) => list.iter().any(|key| any(key, test)),
            _ => false,
        }
}

/// What is read to evaluate an expression, the cheapest first.
fn needs(expr: &Expr, on_server: bool) -> Vec<&'static str> {
    let of_term = |term: &Term| match term {
        Term::Is(is) if is.flag().is_none() => 2,
        Term::Is(_) | Term::Flag(_) | Term::Size(_) | Term::Uid(_) => 0,
        Term::Date(date) if date.keyword.is_sent() => 1,
        Term::Date(_) | Term::Gmail(_) | Term::Extra(_) => 0,
        Term::Match(Field::Folder | Field::Account, _) => 0,
        Term::Match(Field::FileName | Field::Type | Field::Charset, _) | Term::Has(_) => 2,
        Term::Match(Field::Body | Field::Text, _) => 3,
        Term::Match(..) | Term::Header(..) | Term::Thread(_) => 1,
    };
    let names = if on_server {
        ["flags, size and date", "header fields", "BODYSTRUCTURE", "the parts with text in them"]
    } else {
        ["flags, size and date", "headers", "whole messages", "whole messages"]
    };
    let mut steps: Vec<usize> = expr.terms().into_iter().map(of_term).collect();
    steps.sort_unstable();
    let mut found: Vec<&'static str> = steps.into_iter().map(|step| names[step]).collect();
    found.dedup();
    found
}

impl std::fmt::Display for Explained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = self.place.clone();
        match &self.folders {
            Some(folders) if folders.is_empty() => text.push_str(", no folder"),
            Some(folders) => write!(text, ", {}", named(folders))?,
            None => {}
        }
        text.push('\n');
        if !self.not_searched.is_empty() {
            writeln!(text, "  not searched: {}", named(&self.not_searched))?;
        }
        for ask in &self.asks {
            writeln!(text, "  asks the server: {ask}")?;
        }
        match &self.rest {
            Some(rest) => {
                writeln!(text, "  finds out here: {rest}")?;
                writeln!(text, "  of: {}", self.needs.join("; "))?;
            }
            None => writeln!(text, "  finds out here: nothing more")?,
        }
        match self.text_by {
            Some("server") => {
                writeln!(text, "  text is matched as the server understands it (see --exact)")?;
            }
            Some(_) => writeln!(text, "  text is matched here, decoded")?,
            None => {}
        }
        for rung in &self.ladder {
            let state = match (rung.offered, rung.used) {
                (true, true) => "used",
                (true, false) => "offered, not used",
                (false, _) => "not offered",
            };
            writeln!(text, "  {}: {state}: {}", rung.extension, rung.why)?;
        }
        f.write_str(&text)
    }
}

/// How many folders these are, and what the first of them are called.
fn named(folders: &[String]) -> String {
    let first = folders.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if folders.len() > NAMED { ", ..." } else { "" };
    match folders.len() {
        1 => format!("folder {first}"),
        count => format!("{count} folders: {first}{more}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expr;
    use super::*;

    #[test]
    fn what_is_read_for_each_term() {
        for (query, on_server, steps) in [
            ("is:read larger:1k", true, "flags, size and date"),
            ("from:ann has:pdf", true, "header fields; BODYSTRUCTURE"),
            ("date:2026 body:x", true, "header fields; the parts with text in them"),
            ("from:ann has:pdf budget", false, "headers; whole messages"),
            ("", false, ""),
        ] {
            assert_eq!(needs(&expr(query), on_server).join("; "), steps, "{query}");
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..14).map(|number| number.to_string()).collect();
        assert_eq!(named(&names[..1]), "folder 0");
        assert_eq!(named(&names[..2]), "2 folders: 0, 1");
        assert!(named(&names).ends_with("10, 11, ..."));
    }
}
