//! The texts of messages, for what only they can decide: by BODYSTRUCTURE the parts that have
//! text in them, and of each message those alone, so that what is attached stays where it is.
//!
//! Small parts of many messages come in one flight; a large one comes as a stream, one in memory
//! at a time. A message that the server cannot take apart comes whole.

use std::collections::HashMap;

use super::{Message, Selection, Unit, Wish, by_uid, learn, select, uids};
use crate::base::limits::INLINE_LITERAL_OCTETS;
use crate::imap::client::fetch::Wanted;
use crate::imap::client::search::Asking;
use crate::imap::client::{Client, Error};
use crate::imap::syntax::Octets;
use crate::imap::syntax::fetch::{Item, Section, Which};
use crate::imap::text_parts::TextPart;
use crate::message::apart::{self, Held};
use crate::message::facts;
use crate::query::Need;

/// Octets of parts that are held at once, unless those of one message alone are more.
const HELD_OCTETS: u64 = 16 * 1024 * 1024;

/// What a header is taken for, of which no size is told.
const HEADER_OCTETS: u64 = 4096;

/// Most parts of one message that are asked for by themselves; one with more comes whole.
const PARTS: usize = 100;

/// The octets of parts that came, by unit and UID.
type Told = HashMap<(usize, u32), Vec<(Section<'static>, Vec<u8>)>>;

/// One message, by its unit and its place there, and its parts that are wanted.
struct Job {
    unit: usize,
    place: usize,
    uid: u32,
    parts: Vec<TextPart>,
}

/// Reads the texts of the messages that want them, and decides and rates by those. A message of
/// which nothing comes is as it was.
pub(super) async fn read(
    client: &mut Client,
    units: &mut [Unit<'_>],
    wish: Wish,
    documents: bool,
    wanted: &dyn Fn(&Message) -> bool,
) -> Result<(), Error> {
    let mut needs = vec![Need::Structure];
    if wish == Wish::Score {
        needs.push(Need::Header);
    }
    let unknown =
        |message: &Message| wanted(message) && needs.iter().any(|need| message.lacks(*need));
    learn(client, units, &needs, wish, &unknown).await?;
    let mut jobs = Vec::new();
    for (number, unit) in units.iter_mut().enumerate() {
        for (place, message) in unit.messages.iter_mut().enumerate() {
            if !wanted(message) {
                continue;
            }
            // One that cannot be taken apart comes whole; one that is gone is asked for in vain.
            let Some(mut parts) = message.text_parts.take() else { continue };
            parts.retain(|part| documents || !matches!(part.held, Held::Document { .. }));
            if parts.is_empty() {
                message.settle(Vec::new(), (unit.expr, unit.rest), wish);
            } else if parts.len() <= PARTS {
                jobs.push(Job { unit: number, place, uid: message.uid, parts });
            }
        }
    }
    let mut left = jobs.as_slice();
    while !left.is_empty() {
        let mut octets = 0_u64;
        let mut end = 0;
        while end < left.len() && (octets < HELD_OCTETS || end == 0) {
            // A server may tell any size.
            octets = left[end].parts.iter().map(expected).fold(octets, u64::saturating_add);
            end += 1;
        }
        let (now, later) = left.split_at(end);
        read_parts(client, units, now, wish, documents).await?;
        left = later;
    }
    for unit in units.iter_mut() {
        read_whole(client, unit, wanted, wish, documents).await?;
    }
    Ok(())
}

fn expected(part: &TextPart) -> u64 {
    if part.held == Held::Header { HEADER_OCTETS } else { part.octets }
}

fn is_small(part: &TextPart) -> bool {
    part.octets <= INLINE_LITERAL_OCTETS as u64
}

/// Reads what is wanted of some messages, and decides those of which all came.
async fn read_parts(
    client: &mut Client,
    units: &mut [Unit<'_>],
    jobs: &[Job],
    wish: Wish,
    documents: bool,
) -> Result<(), Error> {
    let mut told = Told::new();
    small(client, units, jobs, &mut told).await?;
    large(client, units, jobs, &mut told).await?;
    for job in jobs {
        let Some(came) = told.remove(&(job.unit, job.uid)) else { continue };
        let parts: Option<Vec<(&Held, &[u8])>> = job
            .parts
            .iter()
            .map(|part| {
                let (_, octets) = came.iter().find(|(section, _)| *section == part.section)?;
                Some((&part.held, octets.as_slice()))
            })
            .collect();
        if let Some(parts) = parts {
            let texts = apart::texts(parts, documents);
            let unit = &mut units[job.unit];
            unit.messages[job.place].settle(texts, (unit.expr, unit.rest), wish);
        }
    }
    Ok(())
}

/// The small parts, in one flight: one command for all messages of which the same is wanted.
async fn small(
    client: &mut Client,
    units: &[Unit<'_>],
    jobs: &[Job],
    told: &mut Told,
) -> Result<(), Error> {
    let mut groups: Vec<(usize, Vec<&Section<'static>>, Vec<u32>)> = Vec::new();
    for job in jobs {
        let small = job.parts.iter().filter(|part| is_small(part));
        let sections: Vec<&Section<'static>> = small.map(|part| &part.section).collect();
        if sections.is_empty() {
            continue;
        }
        match groups.iter_mut().find(|(unit, same, _)| *unit == job.unit && *same == sections) {
            Some((.., uids)) => uids.push(job.uid),
            None => groups.push((job.unit, sections, vec![job.uid])),
        }
    }
    let mut selected = Selection::of(client);
    let asking: Vec<Asking> = groups
        .iter_mut()
        .map(|(unit, sections, uids)| {
            uids.sort_unstable();
            let sections = sections.iter().map(|section| Item::Section {
                section: (*section).clone(),
                peek: true,
                partial: None,
            });
            Asking {
                mailbox: selected.change_to(units[*unit].mailbox),
                searches: Vec::new(),
                fetches: Client::sets(uids),
                items: std::iter::once(Item::Uid).chain(sections).collect(),
                threads: false,
            }
        })
        .collect();
    if asking.is_empty() {
        return Ok(());
    }
    client
        .flight(&asking, &mut |number, uid, fetch| {
            // Of one mailbox: a server answers what is in flight there in an order of its own
            // (Dovecot does).
            let (unit, ..) = groups[number];
            for section in &fetch.sections {
                if let (Which::Section(which), Some(Octets::Inline(octets))) =
                    (&section.which, &section.data)
                {
                    let came = told.entry((unit, uid)).or_default();
                    came.push((which.clone().into_owned(), octets.to_vec()));
                }
            }
        })
        .await
        .map(drop)
}

/// The parts that are too large to be held with a response, and those of which another size was
/// told, one section after the other.
async fn large(
    client: &mut Client,
    units: &[Unit<'_>],
    jobs: &[Job],
    told: &mut Told,
) -> Result<(), Error> {
    let mut asked: Vec<(usize, &Section<'static>, Vec<u32>)> = Vec::new();
    for job in jobs {
        let came = told.get(&(job.unit, job.uid));
        // What vanished between two commands is not asked for again.
        if came.is_none() && job.parts.iter().any(is_small) {
            continue;
        }
        let has = |part: &TextPart| {
            came.is_some_and(|came| came.iter().any(|(section, _)| *section == part.section))
        };
        for part in job.parts.iter().filter(|part| !has(part)) {
            let same = asked
                .iter_mut()
                .find(|(unit, section, _)| *unit == job.unit && **section == part.section);
            match same {
                Some((.., uids)) => uids.push(job.uid),
                None => asked.push((job.unit, &part.section, vec![job.uid])),
            }
        }
    }
    for (unit, section, mut uids) in asked {
        uids.sort_unstable();
        select(client, &units[unit]).await?;
        let wanted = Wanted { section: section.clone(), with_meta: false, ..Wanted::whole() };
        let mut reading = by_uid(|uid, octets| {
            told.entry((unit, uid)).or_default().push((section.clone(), octets.to_vec()));
        });
        match client.fetch(&uids, &wanted, &mut reading).await {
            // What it does not give by itself comes with the whole of the message.
            Err(Error::Refused { .. }) => {}
            other => other?,
        }
    }
    Ok(())
}

/// Reads whole messages, one in memory at a time, and decides by each.
async fn read_whole(
    client: &mut Client,
    unit: &mut Unit<'_>,
    wanted: &dyn Fn(&Message) -> bool,
    wish: Wish,
    documents: bool,
) -> Result<(), Error> {
    let uids = uids(unit, wanted);
    if uids.is_empty() {
        return Ok(());
    }
    select(client, unit).await?;
    let places = unit.messages.iter().enumerate().map(|(place, message)| (message.uid, place));
    let places: HashMap<u32, usize> = places.collect();
    let mut reading = by_uid(|uid, octets| {
        let Some(place) = places.get(&uid) else { return };
        let message = &mut unit.messages[*place];
        let facts = facts::Facts::new(octets).with_documents(documents);
        message.gathered.header = Some(facts.header().clone());
        message.gathered.parts = Some(facts.parts().to_vec());
        message.settle(facts.texts().to_vec(), (unit.expr, unit.rest), wish);
    });
    let whole = Wanted { with_meta: false, ..Wanted::whole() };
    client.fetch(&uids, &whole, &mut reading).await
}
