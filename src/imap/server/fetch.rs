//! FETCH and UID FETCH (RFC 9051 section 6.4.5), with CHANGEDSINCE and VANISHED (RFC 7162),
//! BINARY (RFC 3516), OBJECTID (RFC 8474), SAVEDATE (RFC 8514) and PREVIEW (RFC 8970).

use std::borrow::Cow;

use super::identity::{self, Labels};
use super::outcome::{Outcome, Voice};
use super::replies::{Outlet, Slice};
use super::section::{self, UnknownEncoding};
use super::select::vanished;
use super::view::{Ranges, Selected};
use super::{body, flags, rights};
use crate::imap::syntax::code::Word;
use crate::imap::syntax::date::DateTime;
use crate::imap::syntax::fetch::{Extra, Fetch, Item, Section, SectionData, SectionText, Which};
use crate::imap::syntax::response::Data;
use crate::imap::syntax::set::SequenceSet;
use crate::imap::syntax::{ModSeq, Octets, Uid};
use crate::message::facts::Facts;
use crate::message::structure::Envelope;
use crate::net;
use crate::store::memory::{Account, FlagOperation, Message, Shared};

/// Messages that are marked as seen with one change.
const SEEN_AT_ONCE: usize = 64;

/// Characters of a preview (RFC 8970 section 4.1: no more than 256).
const PREVIEW_CHARACTERS: usize = 200;

/// The arguments of FETCH.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'f> {
    /// Whether the set holds UIDs.
    pub uid: bool,
    /// The messages.
    pub set: &'f SequenceSet,
    /// What is asked for.
    pub items: &'f [Item<'f>],
    /// CHANGEDSINCE.
    pub changed_since: Option<ModSeq>,
    /// VANISHED.
    pub vanished: bool,
    /// Whether Gmail's items are offered.
    pub gmail: bool,
    /// Who asks.
    pub user: &'f str,
}

/// What a whole FETCH asks of every message.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// UID is told.
    uid: bool,
    /// FLAGS are told.
    flags: bool,
    /// MODSEQ is told.
    modseq: bool,
    /// `\Seen` is set.
    seen: bool,
    /// Messages that have not changed since are passed over; 0: none are.
    since: u64,
}

/// # Errors
/// BAD for items that cannot be asked of us.
pub(super) fn check(items: &[Item<'_>], gmail: bool) -> Result<(), Outcome> {
    for item in items {
        match item {
            Item::GmMessageId | Item::GmThreadId | Item::GmLabels if !gmail => {
                return Err(Outcome::bad("X-GM-EXT-1 is not offered"));
            }
            Item::Section { section: Section { text, .. }, .. } => {
                if let SectionText::HeaderFields(names) | SectionText::HeaderFieldsNot(names) = text
                    && names.iter().any(|name| !is_field_name(name))
                {
                    return Err(Outcome::bad("that is no header field name"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// `ftext` of RFC 5322 section 3.6.8: only such a name comes back in a response.
fn is_field_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|c| (33..=126).contains(c) && *c != b':')
}

/// Whether the item sets `\Seen`.
fn sets_seen(item: &Item<'_>) -> bool {
    matches!(
        item,
        Item::Rfc822
            | Item::Rfc822Text
            | Item::Section { peek: false, .. }
            | Item::Binary { peek: false, .. }
    )
}

impl Selected {
    /// FETCH, handing responses to `out` as they grow.
    ///
    /// # Errors
    /// The outlet's.
    pub async fn fetch(
        &mut self,
        voice: &mut Voice,
        account: &Shared,
        request: Request<'_>,
        out: &mut dyn Outlet,
    ) -> Result<Outcome, net::Error> {
        let (places, plan) = match self.prepare(voice, account, request) {
            Ok(prepared) => prepared,
            Err(outcome) => return Ok(outcome),
        };
        let labels = request.items.contains(&Item::GmLabels);
        let labels = labels.then(|| Labels::new(&account.borrow(), self.id));
        let (mut missing, mut unknown) = (false, false);
        for some in places.chunks(SEEN_AT_ONCE) {
            let seen = self.mark_seen(account, some, plan);
            for place in some {
                let asked = Asked { items: request.items, plan, labels: labels.as_ref() };
                match self.fetch_one(voice, &account.borrow(), *place, asked, &seen) {
                    Fetched::Told => {}
                    Fetched::Missing => missing = true,
                    Fetched::UnknownEncoding => unknown = true,
                }
                voice.ease(out).await?;
            }
        }
        Ok(if unknown {
            Outcome::no("the transfer encoding is not known").word(Word::UnknownCte)
        } else if missing && !request.uid {
            // RFC 2180 section 4.1.2.
            Outcome::expunge_issued()
        } else {
            Outcome::ok("fetched")
        })
    }

    fn prepare(
        &self,
        voice: &mut Voice,
        account: &Shared,
        request: Request<'_>,
    ) -> Result<(Vec<usize>, Plan), Outcome> {
        check(request.items, request.gmail)?;
        if request.vanished && !(request.uid && request.changed_since.is_some()) {
            return Err(Outcome::bad("VANISHED needs UID FETCH and CHANGEDSINCE"));
        }
        if request.vanished && !voice.enabled.qresync {
            return Err(Outcome::bad("QRESYNC has not been enabled"));
        }
        let places = self.resolve(request.set, request.uid)?;
        let has = |wanted: &Item<'_>| request.items.iter().any(|item| item == wanted);
        let modseq = has(&Item::ModSeq) || request.changed_since.is_some();
        if modseq {
            voice.enable_condstore(Some(self.highest_modseq(account)));
        }
        if request.vanished {
            self.tell_vanished(voice, account, request);
        }
        let plan = Plan {
            uid: request.uid || has(&Item::Uid),
            flags: has(&Item::Flags),
            modseq,
            seen: !self.read_only
                && request.items.iter().any(sets_seen)
                && rights::has(&account.borrow(), self.id, request.user, 's'),
            since: request.changed_since.map_or(0, |modseq| modseq.0),
        };
        Ok((places, plan))
    }

    /// VANISHED (EARLIER) for the UIDs asked about (RFC 7162 section 3.2.6).
    fn tell_vanished(&self, voice: &mut Voice, account: &Shared, request: Request<'_>) {
        let since = request.changed_since.map_or(0, |modseq| modseq.0);
        let account = account.borrow();
        let Some(mailbox) = account.mailbox(self.id) else { return };
        let asked = Ranges::new(request.set, mailbox.uid_next().saturating_sub(1));
        // What the view still holds will be told by the update behind the command.
        let wanted = |uid: u32| asked.contains(uid) && self.index_of(uid).is_none();
        let gone = vanished(mailbox, since, wanted);
        if !gone.is_empty() {
            let uids = SequenceSet::from_numbers(gone);
            voice.data(Data::Vanished { earlier: true, uids });
        }
    }

    /// Sets `\Seen` where the plan says so; the UIDs of messages that did not have it,
    /// ascending.
    fn mark_seen(&self, account: &Shared, places: &[usize], plan: Plan) -> Vec<u32> {
        if !plan.seen {
            return Vec::new();
        }
        let unseen: Vec<u32> = {
            let account = account.borrow();
            let Some(mailbox) = account.mailbox(self.id) else { return Vec::new() };
            let messages = places.iter().filter_map(|place| mailbox.message(self.view[*place].uid));
            messages
                .filter(|message| message.modseq > plan.since && !flags::has(message, "\\Seen"))
                .map(|message| message.uid)
                .collect()
        };
        if unseen.is_empty() {
            return unseen;
        }
        let flags = std::iter::once("\\Seen").collect();
        let stored =
            account.borrow_mut().store_flags(self.id, &unseen, FlagOperation::Add, &flags, None);
        stored.map(|stored| stored.changed).unwrap_or_default()
    }

    fn fetch_one(
        &mut self,
        voice: &mut Voice,
        account: &Account,
        place: usize,
        asked: Asked<'_>,
        seen: &[u32],
    ) -> Fetched {
        let Asked { items, plan, labels } = asked;
        let known = self.view[place];
        // What is gone has not changed: VANISHED tells of it (RFC 7162 section 3.2.6).
        let message = account.mailbox(self.id).and_then(|mailbox| match plan.since {
            0 => mailbox.shown(known.uid),
            _ => mailbox.message(known.uid),
        });
        let Some(message) = message else { return Fetched::Missing };
        if message.modseq <= plan.since {
            return Fetched::Told;
        }
        let newly_seen = seen.binary_search(&known.uid).is_ok();
        let flags = plan.flags || newly_seen;
        if flags {
            self.tell_keywords(voice, message);
            self.view[place].modseq = message.modseq;
        }
        let mut fetch = Fetch {
            seq: Self::number(place),
            uid: plan.uid.then_some(Uid(message.uid)),
            flags: flags.then(|| flags::of_message(message, self.shows_recent(place, voice))),
            modseq: (plan.modseq || (flags && voice.enabled.condstore))
                .then_some(ModSeq(message.modseq)),
            ..Fetch::default()
        };
        let mut slices = Vec::new();
        let facts = Facts::new(&message.octets);
        let mut fetched = Fetched::Told;
        for item in items {
            if add(&mut fetch, &mut slices, item, message, &facts, labels).is_err() {
                fetched = Fetched::UnknownEncoding;
                // A response with nothing in it could not be written.
                fetch.uid = Some(Uid(message.uid));
            }
        }
        voice.fetch(message.uid, fetch, slices);
        fetched
    }

    /// Says of the messages from a place on what the client wants to know of new ones, by
    /// NOTIFY (`items`) or by a search that found them (RFC 5465 sections 5.2 and 7).
    pub fn tell_new(
        &mut self,
        voice: &mut Voice,
        account: &Shared,
        from: usize,
        items: &[Item<'_>],
    ) {
        let contexts = std::mem::take(&mut self.contexts);
        if from < self.view.len()
            && (!items.is_empty() || contexts.iter().any(|context| !context.items.is_empty()))
        {
            let account = account.borrow();
            for place in from..self.view.len() {
                let uid = self.view[place].uid;
                let found = contexts.iter().filter(|context| context.result.contains(&uid));
                let more = found.flat_map(|context| context.items.iter());
                let mut all: Vec<Item<'_>> = Vec::new();
                for item in items.iter().chain(more) {
                    if !all.contains(item) {
                        all.push(item.clone());
                    }
                }
                if all.is_empty() {
                    continue;
                }
                let has = |wanted: &Item<'_>| all.contains(wanted);
                let plan = Plan {
                    uid: has(&Item::Uid),
                    flags: has(&Item::Flags),
                    modseq: has(&Item::ModSeq),
                    seen: false,
                    since: 0,
                };
                let asked = Asked { items: &all, plan, labels: None };
                self.fetch_one(voice, &account, place, asked, &[]);
            }
        }
        self.contexts = contexts;
    }
}

/// What is asked of every message.
#[derive(Debug, Clone, Copy)]
struct Asked<'f> {
    items: &'f [Item<'f>],
    plan: Plan,
    labels: Option<&'f Labels>,
}

/// What became of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fetched {
    /// It was told, or did not have to be.
    Told,
    /// It is gone.
    Missing,
    /// One part of it could not be decoded; the rest was told.
    UnknownEncoding,
}

/// Adds what an item asks for. UID, FLAGS and MODSEQ are there already.
fn add<'f>(
    fetch: &mut Fetch<'f>,
    slices: &mut Vec<Slice>,
    item: &Item<'f>,
    message: &'f Message,
    facts: &Facts<'_>,
    labels: Option<&Labels>,
) -> Result<(), UnknownEncoding> {
    let structure =
        |extended| Some(Box::new(body::body(facts.message(), facts.structure(), 0, extended)));
    let legacy = |text| Section { part: Vec::new(), text };
    match item {
        Item::Uid | Item::Flags | Item::ModSeq => {}
        Item::InternalDate => fetch.internal_date = Some(internal_date(message)),
        Item::Size => fetch.size = Some(message.octets.len() as u64),
        Item::Envelope => {
            let found = Envelope::from_header(facts.message());
            fetch.envelope = Some(Box::new(body::envelope(&found)));
        }
        Item::BodyNonExtensible => fetch.body = structure(false),
        Item::BodyStructure => fetch.body_structure = structure(true),
        Item::Rfc822 => {
            let found = section::find(facts, &legacy(SectionText::All));
            add_octets(fetch, slices, Which::Rfc822, found, message, None);
        }
        Item::Rfc822Header => {
            let found = section::find(facts, &legacy(SectionText::Header));
            add_octets(fetch, slices, Which::Rfc822Header, found, message, None);
        }
        Item::Rfc822Text => {
            let found = section::find(facts, &legacy(SectionText::Text));
            add_octets(fetch, slices, Which::Rfc822Text, found, message, None);
        }
        Item::Section { section, partial, .. } => {
            let found = section::find(facts, section);
            add_octets(fetch, slices, Which::Section(section.clone()), found, message, *partial);
        }
        Item::Binary { part, partial, .. } => {
            let found = section::find_binary(facts, part)?;
            add_octets(fetch, slices, Which::Binary(part.clone()), found, message, *partial);
        }
        Item::BinarySize(part) => {
            let found = section::find_binary(facts, part)?;
            let size = found.map_or(0, |found| found.len() as u64);
            fetch.extras.push(Extra::BinarySize(part.clone(), size));
        }
        Item::EmailId => {
            fetch.extras.push(Extra::EmailId(Cow::Borrowed(message.email_id.as_bytes())));
        }
        Item::ThreadId => {
            let id = identity::thread_id(message, facts).into_bytes();
            fetch.extras.push(Extra::ThreadId(Some(id.into())));
        }
        Item::SaveDate => {
            fetch.extras.push(Extra::SaveDate(Some(DateTime::utc(message.saved))));
        }
        Item::Preview { .. } => {
            let preview = preview(&facts.readable_text()).into_bytes();
            fetch.extras.push(Extra::Preview(Some(preview.into())));
        }
        Item::GmMessageId => {
            fetch.extras.push(Extra::GmMessageId(identity::message_number(message)));
        }
        Item::GmThreadId => {
            fetch.extras.push(Extra::GmThreadId(identity::thread_number(message, facts)));
        }
        Item::GmLabels => {
            let of = labels.map(|labels| labels.of(message)).unwrap_or_default();
            fetch.extras.push(Extra::GmLabels(of));
        }
    }
    Ok(())
}

fn add_octets<'f>(
    fetch: &mut Fetch<'f>,
    slices: &mut Vec<Slice>,
    which: Which<'f>,
    found: Option<section::Found>,
    message: &Message,
    partial: Option<(u64, u64)>,
) {
    let is_binary = matches!(which, Which::Binary(_));
    let mut literal8 = false;
    let data = found.map(|found| {
        let (octets, slice) = found.cut(&message.octets, partial);
        // RFC 3516 section 4.3: what holds no NUL is a plain literal.
        literal8 = is_binary
            && match (&octets, &slice) {
                (Octets::Inline(octets), _) => octets.contains(&0),
                (Octets::Streamed { .. }, slice) => slice
                    .as_ref()
                    .is_some_and(|slice| slice.octets[slice.range.clone()].contains(&0)),
            };
        slices.extend(slice);
        octets
    });
    let origin = partial.map(|(first, _)| first);
    fetch.sections.push(SectionData { which, origin, data, literal8 });
}

/// INTERNALDATE with the zone that it came with.
fn internal_date(message: &Message) -> DateTime {
    let minutes = message.received.offset_seconds / 60;
    DateTime {
        epoch_seconds: message.received.seconds,
        offset_minutes: i16::try_from(minutes).unwrap_or(0),
    }
}

/// The start of a text as one line.
fn preview(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let mut line = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > PREVIEW_CHARACTERS * 4 {
            break;
        }
    }
    line.chars().take(PREVIEW_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_are_short_lines() {
        assert_eq!(preview(" a\r\n\tb\0c "), "a b c");
        assert_eq!(preview(&"\u{e9}".repeat(500)).chars().count(), PREVIEW_CHARACTERS);
        assert_eq!(preview(""), "");
    }

    #[test]
    fn names_that_could_break_a_line_are_no_names() {
        assert!(is_field_name(b"X-Y"));
        assert!(!is_field_name(b"a\r\nb") && !is_field_name(b"") && !is_field_name(b"a:b"));
    }
}
