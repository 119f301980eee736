//! NOTIFY (RFC 5465), and the names of groups of mailboxes that it shares with ESEARCH (RFC
//! 7377).

use std::borrow::Cow;

use super::encode::Encoder;
use super::fetch::Item;
use super::mailbox::Mailbox;
use super::token::{Cursor, Parse};

/// `filter-mailboxes`: which mailboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter<'a> {
    /// The selected one.
    Selected,
    /// The selected one, with expunges told only where a command allows them.
    SelectedDelayed,
    /// Those that mail is delivered to.
    Inboxes,
    /// All of the user's own.
    Personal,
    /// Those subscribed to.
    Subscribed,
    /// These and all below them.
    Subtree(Vec<Mailbox<'a>>),
    /// These and those directly below them (RFC 7377).
    SubtreeOne(Vec<Mailbox<'a>>),
    /// These.
    Mailboxes(Vec<Mailbox<'a>>),
}

const FILTERS: [(&str, Filter<'static>); 5] = [
    ("SELECTED", Filter::Selected),
    ("SELECTED-DELAYED", Filter::SelectedDelayed),
    ("INBOXES", Filter::Inboxes),
    ("PERSONAL", Filter::Personal),
    ("SUBSCRIBED", Filter::Subscribed),
];

impl<'a> Filter<'a> {
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Filter<'a>> {
        let start = cursor.at();
        let name = cursor.word()?;
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if let Some((_, filter)) = FILTERS.iter().find(|(known, _)| is(known)) {
            return Ok(filter.clone());
        }
        let with: fn(Vec<Mailbox<'a>>) -> Filter<'a> = if is("SUBTREE") {
            Filter::Subtree
        } else if is("SUBTREE-ONE") {
            Filter::SubtreeOne
        } else if is("MAILBOXES") {
            Filter::Mailboxes
        } else {
            cursor.set_at(start);
            return cursor.bad("filter-mailboxes");
        };
        cursor.sp()?;
        Ok(with(match cursor.peek()? {
            b'(' => cursor.list1(Mailbox::parse)?,
            _ => vec![Mailbox::parse(cursor)?],
        }))
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        let (name, mailboxes) = match self {
            Filter::Subtree(mailboxes) => ("SUBTREE ", mailboxes),
            Filter::SubtreeOne(mailboxes) => ("SUBTREE-ONE ", mailboxes),
            Filter::Mailboxes(mailboxes) => ("MAILBOXES ", mailboxes),
            other => {
                let known = FILTERS.iter().find(|(_, filter)| filter == other);
                return out.raw(known.map_or("", |(name, _)| name));
            }
        };
        out.raw(name);
        if mailboxes.is_empty() {
            out.refuse("empty list of mailboxes");
        }
        out.list(mailboxes, |out, mailbox| mailbox.encode(out));
    }
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// MessageNew, and what to fetch of a new message; only of the selected mailbox.
    MessageNew(Vec<Item<'a>>),
    /// MessageExpunge
    MessageExpunge,
    /// FlagChange
    FlagChange,
    /// AnnotationChange
    AnnotationChange,
    /// MailboxName
    MailboxName,
    /// SubscriptionChange
    SubscriptionChange,
    /// MailboxMetadataChange
    MailboxMetadataChange,
    /// ServerMetadataChange
    ServerMetadataChange,
    /// One that we do not know.
    Other(Cow<'a, [u8]>),
}

const EVENTS: [(&str, Event<'static>); 7] = [
    ("MessageExpunge", Event::MessageExpunge),
    ("FlagChange", Event::FlagChange),
    ("AnnotationChange", Event::AnnotationChange),
    ("MailboxName", Event::MailboxName),
    ("SubscriptionChange", Event::SubscriptionChange),
    ("MailboxMetadataChange", Event::MailboxMetadataChange),
    ("ServerMetadataChange", Event::ServerMetadataChange),
];

impl<'a> Event<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Parse<Event<'a>> {
        let name = cursor.atom()?;
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if let Some((_, event)) = EVENTS.iter().find(|(known, _)| is(known)) {
            return Ok(event.clone());
        }
        if !is("MessageNew") {
            return Ok(Event::Other(Cow::Borrowed(name)));
        }
        let mut ahead = cursor.clone();
        let mut items = Vec::new();
        if ahead.eat(b' ')? && ahead.peek()? == b'(' {
            items = ahead.list1(Item::parse)?;
            cursor.set_at(ahead.at());
        }
        Ok(Event::MessageNew(items))
    }

    fn encode(&self, out: &mut Encoder) {
        match self {
            Event::MessageNew(items) => {
                out.raw("MessageNew");
                if !items.is_empty() {
                    out.sp();
                    out.list(items, |out, item| item.encode(out));
                }
            }
            Event::Other(name) => {
                // What we know has a name of its own.
                let known = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
                if known("MessageNew") || EVENTS.iter().any(|(name, _)| known(name)) {
                    out.refuse("event");
                }
                out.atom(name, "event");
            }
            other => {
                let known = EVENTS.iter().find(|(_, event)| event == other);
                out.raw(known.map_or("", |(name, _)| name));
            }
        }
    }
}

/// The arguments of NOTIFY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notify<'a> {
    /// NONE: nothing is told.
    None,
    /// SET
    Set {
        /// Whether STATUS responses tell at once how the mailboxes stand.
        status: bool,
        /// Groups of mailboxes, and the events told of each; none of them for NONE.
        groups: Vec<(Filter<'a>, Vec<Event<'a>>)>,
    },
}

impl<'a> Notify<'a> {
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Notify<'a>> {
        if cursor.eat_word("NONE")? {
            return Ok(Notify::None);
        }
        if !cursor.eat_word("SET")? {
            return cursor.bad("SET or NONE");
        }
        cursor.sp()?;
        let status = cursor.eat_word("STATUS")?;
        if status {
            cursor.sp()?;
        }
        let mut groups = Vec::new();
        loop {
            cursor.expect(b'(', "event-group")?;
            let filter = Filter::parse(cursor)?;
            cursor.sp()?;
            let events = match cursor.peek()? {
                b'(' => cursor.list1(Event::parse)?,
                _ if cursor.eat_word("NONE")? => Vec::new(),
                _ => return cursor.bad("events"),
            };
            cursor.expect(b')', ")")?;
            groups.push((filter, events));
            if !cursor.eat(b' ')? {
                return Ok(Notify::Set { status, groups });
            }
        }
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        let Notify::Set { status, groups } = self else { return out.raw("NONE") };
        out.raw("SET ");
        if *status {
            out.raw("STATUS ");
        }
        if groups.is_empty() {
            out.refuse("empty list of event groups");
        }
        out.spaced(groups, |out, (filter, events)| {
            out.raw("(");
            filter.encode(out);
            out.sp();
            match events.is_empty() {
                true => out.raw("NONE"),
                false => out.list(events, |out, event| event.encode(out)),
            }
            out.raw(")");
        });
    }
}
