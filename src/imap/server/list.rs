//! LIST (RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC 8440, RFC 9590), LSUB (RFC 3501 section
//! 6.3.9) and NAMESPACE (RFC 2342).
//!
//! There is the user's own name space, with `/` between levels, and that of [`news`].

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::outcome::{Outcome, Voice};
use super::{metadata, news, rights, status};
use crate::base::mailbox_name;
use crate::imap::syntax::command::{List, ListReturn};
use crate::imap::syntax::mailbox::{self, Mailbox as Name, Namespace, NamespaceEntry, StatusItem};
use crate::imap::syntax::response::{Condition, Data};
use crate::store::memory::{Account, Mailbox, Shared};
use crate::store::pattern;

const DELIMITER: u8 = b'/';

/// What LIST is to select and to return.
#[derive(Debug, Default)]
struct Options<'l> {
    subscribed: bool,
    recursive: bool,
    special_use: bool,
    return_subscribed: bool,
    my_rights: bool,
    metadata: Option<Vec<Cow<'l, [u8]>>>,
    status: Option<&'l [StatusItem<'l>]>,
}

impl<'l> Options<'l> {
    /// # Errors
    /// BAD for options that we do not know, or that RFC 5258 section 3 forbids.
    fn read(list: &'l List<'l>) -> Result<Self, Outcome> {
        let mut options = Self::default();
        for option in list.select.iter().flatten() {
            let is = |known: &str| option.eq_ignore_ascii_case(known.as_bytes());
            if is("SUBSCRIBED") {
                options.subscribed = true;
            } else if is("RECURSIVEMATCH") {
                options.recursive = true;
            } else if is("SPECIAL-USE") {
                options.special_use = true;
            } else if !is("REMOTE") {
                return Err(Outcome::bad("there is no such selection option"));
            }
        }
        if options.recursive && !options.subscribed && !options.special_use {
            return Err(Outcome::bad("RECURSIVEMATCH needs another selection option"));
        }
        options.return_subscribed = options.subscribed;
        for option in list.returns.iter().flatten() {
            match option {
                ListReturn::Status(items) => {
                    status::check(items)?;
                    options.status = Some(items.as_slice());
                }
                ListReturn::Word(word) => {
                    let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
                    if is("SUBSCRIBED") {
                        options.return_subscribed = true;
                    } else if is("MYRIGHTS") {
                        options.my_rights = true;
                    } else if !is("CHILDREN") && !is("SPECIAL-USE") {
                        // The attributes of both are always told.
                        return Err(Outcome::bad("there is no such return option"));
                    }
                }
                ListReturn::Metadata(entries) => options.metadata = Some(entries.clone()),
                ListReturn::Other(..) => {
                    return Err(Outcome::bad("there is no such return option"));
                }
            }
        }
        Ok(options)
    }

    /// Whether the selection options choose a name.
    fn choose(&self, account: &Account, name: &str) -> bool {
        let mailbox = account.find(name).and_then(|id| account.mailbox(id));
        (!self.subscribed || account.is_subscribed(name))
            && (!self.special_use || mailbox.is_some_and(|found| !found.special_use().is_empty()))
    }

    /// The selection options as CHILDINFO names them.
    fn criteria(&self) -> &'static [u8] {
        match (self.subscribed, self.special_use) {
            (true, true) => b"(\"SUBSCRIBED\" \"SPECIAL-USE\")",
            (false, true) => b"(\"SPECIAL-USE\")",
            (_, false) => b"(\"SUBSCRIBED\")",
        }
    }
}

/// The text of a pattern: wildcards stay what they are.
fn pattern_text(voice: &Voice, octets: &[u8]) -> Option<String> {
    if voice.is_utf8() {
        std::str::from_utf8(octets).ok().map(str::to_owned)
    } else {
        mailbox_name::decode_any(octets).ok()
    }
}

/// Whether any of the patterns fits.
fn fits(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|each| pattern::matches(each, name))
}

/// Reference and patterns put together. A pattern that is not rightly encoded names nothing.
fn patterns(voice: &Voice, reference: &Name<'_>, given: &[Cow<'_, [u8]>]) -> Vec<String> {
    let Some(reference) = pattern_text(voice, &reference.0) else { return Vec::new() };
    let whole =
        |each: &Cow<'_, [u8]>| pattern_text(voice, each).map(|each| format!("{reference}{each}"));
    given.iter().filter_map(whole).collect()
}

/// LIST.
pub(super) fn list(
    voice: &mut Voice,
    (account, newsgroups): (&Shared, Option<&Shared>),
    user: &str,
    list: &List<'_>,
    append_limit: u64,
) -> Outcome {
    let options = match Options::read(list) {
        Ok(options) => options,
        Err(outcome) => return outcome,
    };
    let unreadable = |text: &[u8]| !text.is_ascii() && pattern_text(voice, text).is_none();
    if unreadable(&list.reference.0) || list.patterns.iter().any(|each| unreadable(each)) {
        return Outcome::bad_octets();
    }
    let basic = list.select.is_none() && list.returns.is_none();
    if basic && matches!(list.patterns.as_slice(), [only] if only.is_empty()) {
        let reference = pattern_text(voice, &list.reference.0).unwrap_or_default();
        let attributes = vec![Cow::Borrowed(&b"\\Noselect"[..])];
        if newsgroups.is_some() && news::is_news(&reference) {
            news::tell(voice, attributes, news::PREFIX);
        } else {
            tell(voice, attributes, "", Vec::new());
        }
        return Outcome::ok("the delimiter was told");
    }
    let patterns = patterns(voice, &list.reference, &list.patterns);
    let mut listed = Vec::new();
    let shared = account;
    let account = shared.borrow();
    let names = candidates(&account, options.subscribed);
    for name in names.iter().filter(|name| fits(&patterns, name)) {
        let chosen = options.choose(&account, name);
        // RFC 5258 section 3.5: what the client sees anyway is not worth a CHILDINFO.
        let counts =
            |other: &String| options.choose(&account, other) && (chosen || !fits(&patterns, other));
        let below = options.recursive && children(&names, name).any(counts);
        if (!chosen && !below) || !may_see(&account, name, user) {
            continue;
        }
        let mailbox = account.find(name).and_then(|id| account.mailbox(id));
        let attributes = attributes(&account, name, user, options.return_subscribed);
        let extended = if below {
            vec![(Cow::Borrowed(&b"CHILDINFO"[..]), Cow::Borrowed(options.criteria()))]
        } else {
            Vec::new()
        };
        tell(voice, attributes, name, extended);
        if let (Some(items), Some(mailbox)) = (options.status, mailbox)
            && may_select(&account, mailbox, user)
        {
            let status = status::of_mailbox(voice, name, mailbox, items, append_limit);
            voice.data(Data::MailboxStatus(status));
        }
        if let Some(mailbox) = mailbox.filter(|_| options.my_rights) {
            rights::tell_mine(voice, &account, mailbox.id(), user, name);
        }
        listed.extend(mailbox.map(|_| name.clone()));
    }
    drop(account);
    if let Some(newsgroups) = newsgroups
        && !options.subscribed
        && !options.special_use
    {
        let status = options.status.map(|items| (items, append_limit));
        news::list(voice, newsgroups, &patterns, options.my_rights, status);
    }
    if let Some(entries) = options.metadata {
        for name in listed {
            let request =
                metadata::Request { depth: None, max_size: None, name: &name, entries: &entries };
            if let Err(outcome) = metadata::get(voice, shared, user, request)
                && outcome.condition == Condition::Bad
            {
                return outcome;
            }
        }
    }
    Outcome::ok("listed")
}

/// The attributes of a name, `\Subscribed` only where that is asked for.
pub(super) fn attributes(
    account: &Account,
    name: &str,
    user: &str,
    subscribed: bool,
) -> Vec<Cow<'static, [u8]>> {
    let mailbox = account.find(name).and_then(|id| account.mailbox(id));
    let mut attributes: Vec<Cow<'static, [u8]>> = Vec::new();
    match mailbox {
        None => attributes.push(Cow::Borrowed(b"\\NonExistent")),
        Some(mailbox) if !may_select(account, mailbox, user) => {
            attributes.push(Cow::Borrowed(b"\\Noselect"));
        }
        Some(_) => {}
    }
    if subscribed && account.is_subscribed(name) {
        attributes.push(Cow::Borrowed(b"\\Subscribed"));
    }
    let level: &[u8] =
        if account.has_children(name) { b"\\HasChildren" } else { b"\\HasNoChildren" };
    attributes.push(Cow::Borrowed(level));
    for special_use in mailbox.map(|mailbox| mailbox.special_use()).unwrap_or_default() {
        attributes.push(Cow::Owned(special_use.clone().into_bytes()));
    }
    attributes
}

/// Whether SELECT would open a mailbox: it holds messages, and the user may read it (RFC 5819
/// section 2).
fn may_select(account: &Account, mailbox: &Mailbox, user: &str) -> bool {
    mailbox.is_selectable() && rights::has(account, mailbox.id(), user, 'r')
}

/// Whether the user has the right to look a name up.
fn may_see(account: &Account, name: &str, user: &str) -> bool {
    account.find(name).is_none_or(|id| rights::has(account, id, user, 'l'))
}

/// Names that may be listed, in order: mailboxes, and with `subscribed` also names that are
/// subscribed to and have no mailbox, or that stand above such.
fn candidates(account: &Account, subscribed: bool) -> BTreeSet<String> {
    let mut names: BTreeSet<String> =
        account.mailboxes().map(|(name, _)| name.to_owned()).collect();
    if subscribed {
        for name in account.subscriptions() {
            let levels = name.match_indices('/').map(|(at, _)| name[..at].to_owned());
            names.extend(levels);
            names.insert(name.to_owned());
        }
    }
    names
}

/// The names below a name.
fn children<'n>(names: &'n BTreeSet<String>, name: &str) -> impl Iterator<Item = &'n String> {
    let prefix = format!("{name}/");
    names.range(prefix.clone()..).take_while(move |below| below.starts_with(&prefix))
}

/// An item of LIST's extended data: its tag and its value (RFC 5258 section 6).
type Extended = (Cow<'static, [u8]>, Cow<'static, [u8]>);

pub(super) fn tell(
    voice: &mut Voice,
    attributes: Vec<Cow<'static, [u8]>>,
    name: &str,
    extended: Vec<Extended>,
) {
    let mailbox = voice.mailbox(name);
    let delimiter = Some(DELIMITER);
    voice.data(Data::List(mailbox::List { attributes, delimiter, mailbox, extended }));
}

/// LSUB: names subscribed to; where the pattern ends in `%` and fits only a level above
/// such, that level with `\Noselect` (RFC 3501 section 6.3.9).
pub(super) fn lsub(
    voice: &mut Voice,
    account: &Shared,
    reference: &Name<'_>,
    pattern: &[u8],
) -> Outcome {
    let patterns = patterns(voice, reference, &[Cow::Borrowed(pattern)]);
    let account = account.borrow();
    let mut names: BTreeSet<(String, bool)> = BTreeSet::new();
    for name in account.subscriptions() {
        if fits(&patterns, name) {
            names.insert((name.to_owned(), true));
        } else if pattern.ends_with(b"%") {
            let above = name.match_indices('/').map(|(at, _)| &name[..at]);
            for level in above.filter(|level| fits(&patterns, level)) {
                if !account.is_subscribed(level) {
                    names.insert((level.to_owned(), false));
                }
            }
        }
    }
    for (name, subscribed) in names {
        let id = account.find(&name);
        let selectable =
            id.and_then(|id| account.mailbox(id)).is_some_and(|mailbox| mailbox.is_selectable());
        let attributes = if subscribed && (selectable || id.is_none()) {
            Vec::new()
        } else {
            vec![Cow::Borrowed(&b"\\Noselect"[..])]
        };
        let mailbox = voice.mailbox(&name);
        let delimiter = Some(DELIMITER);
        let extended = Vec::new();
        voice.data(Data::Lsub(mailbox::List { attributes, delimiter, mailbox, extended }));
    }
    Outcome::ok("listed")
}

/// NAMESPACE.
pub(super) fn namespace(voice: &mut Voice, has_news: bool) -> Outcome {
    let own = NamespaceEntry {
        prefix: Cow::Borrowed(b""),
        delimiter: Some(DELIMITER),
        extensions: Vec::new(),
    };
    let shared = if has_news { vec![news::entry()] } else { Vec::new() };
    let all = Namespace { personal: vec![own], shared, ..Namespace::default() };
    voice.data(Data::Namespace(all));
    Outcome::ok("the name space was told")
}
