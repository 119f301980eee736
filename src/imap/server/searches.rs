//! SEARCH, SORT, THREAD (RFC 9051 section 6.4.4, RFC 5256), contexts of theirs (RFC 5267), and
//! ESEARCH over several mailboxes (RFC 7377).

use std::borrow::Cow;

use super::context::{CONTEXTS, Context};
use super::filter::Group;
use super::outcome::{Outcome, Voice};
use super::replies::Outlet;
use super::results::{self, Found};
use super::view::Selected;
use super::{rights, search, select, sort, thread};
use crate::imap::syntax::UidValidity;
use crate::imap::syntax::code::{Code, Word as CodeWord};
use crate::imap::syntax::notify::Filter;
use crate::imap::syntax::response::{Condition, Data, StatusText};
use crate::imap::syntax::search::{Key, Return, Search, Sort, SortKey, ThreadBy};
use crate::store::memory::{Mailbox, Shared};

/// Who searches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a> {
    /// The command's tag.
    pub tag: &'a [u8],
    /// Whether results are UIDs.
    pub uid: bool,
    /// Whether Gmail's keys are offered.
    pub gmail: bool,
}

/// What a search found, as results are told.
fn found(candidates: &[search::Candidate<'_>]) -> Vec<Found> {
    let found = |candidate: &search::Candidate<'_>| Found {
        number: candidate.number,
        uid: candidate.message.uid,
        modseq: candidate.message.modseq,
    };
    candidates.iter().map(found).collect()
}

/// The messages at these places that are still there.
fn at<'m>(
    selected: &Selected,
    mailbox: &'m Mailbox,
    places: &[usize],
) -> Vec<search::Candidate<'m>> {
    places.iter().filter_map(|place| search::candidate(selected, mailbox, *place)).collect()
}

/// Makes a program of keys; a key that speaks of mod-sequences turns CONDSTORE on.
fn program(
    voice: &mut Voice,
    account: &Shared,
    selected: &Selected,
    asking: Asking<'_>,
    charset: Option<&[u8]>,
    keys: &[Key<'_>],
) -> Result<search::Program, Outcome> {
    if voice.enabled.uid_only && keys.iter().any(search::names_numbers) {
        return Err(Outcome::uid_required());
    }
    let program = search::program(selected, account, charset, keys, asking.gmail)?;
    if program.modseq {
        voice.enable_condstore(Some(selected.highest_modseq(account)));
    }
    Ok(program)
}

/// SEARCH.
///
/// # Errors
/// What to answer where nothing was looked for.
pub(super) async fn search(
    voice: &mut Voice,
    account: &Shared,
    selected: &mut Selected,
    asking: Asking<'_>,
    wanted: &Search<'_>,
    out: &mut dyn Outlet,
) -> Result<Outcome, Outcome> {
    results::check(wanted.returns.as_deref())?;
    if wanted.charset.is_some() && voice.enabled.utf8 {
        // RFC 6855 section 3.
        return Err(Outcome::bad("CHARSET cannot be given once UTF8=ACCEPT is enabled"));
    }
    let charset = wanted.charset.as_deref();
    let program = match program(voice, account, selected, asking, charset, &wanted.keys) {
        Ok(program) => program,
        Err(outcome) => return Err(lose_saved(selected, wanted.returns.as_deref(), outcome)),
    };
    let places = program.sift(selected, account, out).await;
    let found = {
        let account = account.borrow();
        let mailbox = account.mailbox(selected.id);
        mailbox.map(|mailbox| found(&at(selected, mailbox, &places))).unwrap_or_default()
    };
    let request = results::Request {
        tag: asking.tag,
        uid: asking.uid,
        sorted: false,
        returns: wanted.returns.as_deref(),
        modseq: program.modseq,
        mailbox: None,
    };
    results::tell(voice, selected, request, &found);
    keep(voice, selected, asking, wanted.returns.as_deref(), None, program, &found);
    Ok(Outcome::ok("searched"))
}

/// SORT.
///
/// # Errors
/// What to answer where nothing was looked for.
pub(super) async fn sort(
    voice: &mut Voice,
    account: &Shared,
    selected: &mut Selected,
    asking: Asking<'_>,
    wanted: &Sort<'_>,
    out: &mut dyn Outlet,
) -> Result<Outcome, Outcome> {
    results::check(wanted.returns.as_deref())?;
    let charset = Some(&*wanted.charset);
    let program = match program(voice, account, selected, asking, charset, &wanted.keys) {
        Ok(program) => program,
        Err(outcome) => return Err(lose_saved(selected, wanted.returns.as_deref(), outcome)),
    };
    let places = program.sift(selected, account, out).await;
    let found = {
        let account = account.borrow();
        match account.mailbox(selected.id) {
            Some(mailbox) => found(&sort::sort(at(selected, mailbox, &places), &wanted.criteria)?),
            None => Vec::new(),
        }
    };
    let request = results::Request {
        tag: asking.tag,
        uid: asking.uid,
        sorted: true,
        returns: wanted.returns.as_deref(),
        modseq: program.modseq,
        mailbox: None,
    };
    results::tell(voice, selected, request, &found);
    let criteria = Some(wanted.criteria.clone());
    keep(voice, selected, asking, wanted.returns.as_deref(), criteria, program, &found);
    Ok(Outcome::ok("sorted"))
}

/// A search with SAVE that ends with NO leaves nothing saved (RFC 5182 section 2.1).
fn lose_saved(
    selected: &mut Selected,
    returns: Option<&[Return<'_>]>,
    outcome: Outcome,
) -> Outcome {
    if outcome.condition == Condition::No && returns.is_some_and(|all| all.contains(&Return::Save))
    {
        selected.saved.clear();
    }
    outcome
}

/// Watches a result where UPDATE asks for it.
fn keep(
    voice: &mut Voice,
    selected: &mut Selected,
    asking: Asking<'_>,
    returns: Option<&[Return<'_>]>,
    criteria: Option<Vec<(bool, SortKey)>>,
    program: search::Program,
    found: &[Found],
) {
    let items = returns.unwrap_or_default().iter().find_map(|option| match option {
        Return::Update(items) => Some(items),
        _ => None,
    });
    let Some(items) = items else { return };
    if selected.contexts.len() >= CONTEXTS {
        let mut tag = b"\"".to_vec();
        tag.extend_from_slice(asking.tag);
        tag.push(b'"');
        let code =
            Code::Unknown { name: Cow::Borrowed(b"NOUPDATE"), arguments: Some(Cow::Owned(tag)) };
        voice.data(Data::Status(StatusText {
            condition: Condition::No,
            code: Some(code),
            text: Cow::Borrowed(b"too many results are watched"),
        }));
        return;
    }
    selected.contexts.retain(|context| context.tag != asking.tag);
    selected.contexts.push(Context {
        tag: asking.tag.to_vec(),
        uid: asking.uid,
        criteria,
        program,
        items: items.iter().map(|item| item.clone().into_owned()).collect(),
        result: found.iter().map(|found| found.uid).collect(),
    });
}

/// CANCELUPDATE.
pub(super) fn cancel(selected: &mut Selected, tags: &[Cow<'_, [u8]>]) -> Outcome {
    let known = |tag: &Cow<'_, [u8]>| selected.contexts.iter().any(|c| c.tag == **tag);
    if !tags.iter().all(known) {
        return Outcome::no("there is no such search");
    }
    selected.contexts.retain(|context| !tags.iter().any(|tag| **tag == context.tag));
    Outcome::ok("they are watched no more")
}

/// THREAD.
///
/// # Errors
/// What to answer where nothing was looked for.
pub(super) async fn thread(
    voice: &mut Voice,
    account: &Shared,
    selected: &Selected,
    asking: Asking<'_>,
    wanted: &ThreadBy<'_>,
    out: &mut dyn Outlet,
) -> Result<Outcome, Outcome> {
    let charset = Some(&*wanted.charset);
    let program = program(voice, account, selected, asking, charset, &wanted.keys)?;
    let places = program.sift(selected, account, out).await;
    let threads = {
        let account = account.borrow();
        let found = account
            .mailbox(selected.id)
            .map(|mailbox| at(selected, mailbox, &places))
            .unwrap_or_default();
        thread::threads(&wanted.algorithm, &found, asking.uid)?
    };
    voice.data(Data::Thread(threads));
    Ok(Outcome::ok("threaded"))
}

/// ESEARCH: one response for each mailbox in which something was found, in UIDs.
///
/// # Errors
/// What to answer where nothing was looked for.
pub(super) fn multi_search(
    voice: &mut Voice,
    account: &Shared,
    user: &str,
    selected: Option<&Selected>,
    asking: Asking<'_>,
    (sources, wanted): (&[Filter<'_>], &Search<'_>),
) -> Result<Outcome, Outcome> {
    results::check(wanted.returns.as_deref())?;
    let refused = |option: &Return<'_>| {
        matches!(option, Return::Save | Return::Update(_) | Return::Context | Return::Partial(..))
    };
    if wanted.returns.iter().flatten().any(refused) {
        // RFC 7377 section 2.1: a result of several mailboxes cannot be kept.
        return Err(Outcome::bad("the results of several mailboxes cannot be kept"));
    }
    if wanted.keys.iter().any(search::names_numbers) {
        return Err(Outcome::bad("numbers have no meaning in several mailboxes"));
    }
    let default = [Filter::Selected];
    let sources = if sources.is_empty() { &default } else { sources };
    let open = selected.map(|selected| selected.id);
    let mut mailboxes = Vec::new();
    for source in sources {
        if *source == Filter::SelectedDelayed {
            return Err(Outcome::bad("SELECTED-DELAYED is for NOTIFY"));
        }
        let group = Group::new(voice, source)?;
        if matches!(group, Group::Selected { .. }) && open.is_none() {
            return Err(Outcome::bad("no mailbox is selected"));
        }
        for found in group.mailboxes(&account.borrow(), open) {
            let may = |right| rights::has(&account.borrow(), found.1, user, right);
            if !mailboxes.contains(&found) && may('l') && may('r') {
                mailboxes.push(found);
            }
        }
    }
    for (name, id) in mailboxes {
        let mut view = select::look(account, id)?;
        let charset = wanted.charset.as_deref();
        let program = program(voice, account, &view, asking, charset, &wanted.keys)?;
        let (found, validity) = {
            let account = account.borrow();
            let Some(mailbox) = account.mailbox(id) else { continue };
            (found(&program.run(&view, mailbox)), mailbox.uid_validity())
        };
        if found.is_empty() {
            continue;
        }
        let none: &[Return<'_>] = &[];
        let request = results::Request {
            tag: asking.tag,
            uid: true,
            sorted: false,
            returns: Some(wanted.returns.as_deref().unwrap_or(none)),
            modseq: program.modseq,
            mailbox: Some((voice.mailbox(&name), UidValidity(validity))),
        };
        results::tell(voice, &mut view, request, &found);
    }
    Ok(Outcome::ok("searched"))
}

impl Outcome {
    /// A sequence number of a client that wanted none (RFC 9586 section 3).
    pub(super) fn uid_required() -> Self {
        Self::bad("sequence numbers are not used").word(CodeWord::UidRequired)
    }
}
