//! Messages that only their source can read: an mbox, a POP3 maildrop. Asked for in batches,
//! first their headers, then, where that does not decide, all of them.

use std::collections::HashMap;

use anyhow::Result;
use jiff::Timestamp;
use rayon::prelude::*;

use super::fields;
use super::files::Manner;
use super::found::{Details, Found, Results};
use crate::message::facts::Header;
use crate::query::{Attributes, Expr, Gathered, Local, Need, Term, Verdict, eval, relevance};
use crate::store::each::Each;
use crate::store::{self, Flag, Id, Listed, Meta, Spool, What};

/// Messages whose headers are asked for at once.
const BATCH: usize = 512;

/// Octets of whole messages that are held at once, unless one alone is larger.
const HELD_OCTETS: u64 = 64 * 1024 * 1024;

/// What a message whose size is not known is taken for.
const UNKNOWN_OCTETS: u64 = 64 * 1024;

/// Looks at the messages of a source, which has listed them, or at those of `only`, in their
/// order. `name` gives the reference of a message.
///
/// # Errors
/// The source's and the output's.
pub async fn search(
    spool: &mut dyn Spool,
    listed: Vec<Listed>,
    only: Option<&[Id]>,
    expr: &Expr,
    manner: Manner,
    name: &dyn Fn(&Id) -> Option<String>,
    results: &mut Results<'_>,
) -> Result<()> {
    let listed: Vec<Listed> = match only {
        None => listed,
        Some(ids) => selected(listed, ids),
    };
    for batch in listed.chunks(BATCH) {
        if results.is_full() {
            break;
        }
        let mut messages: Vec<Message> =
            batch.iter().map(|listed| Message::new(listed, manner.stored)).collect();
        // What has to come over the network for its size alone, an article, comes only where that
        // was asked for by name.
        let size = if manner.stored { results.wants_size() } else { results.names_size() };
        let wanted = Wanted { details: results.details(), size };
        evaluate(spool, &mut messages, expr, manner, wanted).await?;
        for message in messages {
            let Some(reference) = name(&message.id) else { continue };
            if message.verdict == Verdict::Yes {
                results.add(message.found(reference))?;
            } else if message.gone && only.is_some() {
                results.gone(reference);
            }
        }
        results.flush()?;
    }
    Ok(())
}

/// The messages of these ids. An id without digest, or of a file that was rewritten, is for
/// the source to find: it stands for itself, and nothing is known of it.
fn selected(listed: Vec<Listed>, ids: &[Id]) -> Vec<Listed> {
    let mut known: HashMap<Id, Listed> =
        listed.into_iter().map(|listed| (listed.id.clone(), listed)).collect();
    ids.iter()
        .map(|id| known.remove(id).unwrap_or(Listed { id: id.clone(), size: None, flags: None }))
        .collect()
}

/// What is wanted of a message that matches.
#[derive(Clone, Copy)]
struct Wanted {
    details: Details,
    /// The size with CRLF line ends, whatever that takes.
    size: bool,
}

/// One message on its way to a verdict.
struct Message {
    id: Id,
    gathered: Gathered,
    /// What is known beside the message; told to the query once the date is known, too.
    attributes: Attributes,
    verdict: Verdict,
    score: Option<f64>,
    /// The source did not give it out when it was asked to.
    gone: bool,
}

impl Message {
    fn new(listed: &Listed, is_stored: bool) -> Self {
        let attributes = Attributes {
            flags: listed.flags.as_ref().map(names),
            size: listed.size.filter(|_| !is_stored),
            stored: listed.size.filter(|_| is_stored),
            ..Attributes::default()
        };
        // The date of arrival comes with the header, so that nothing is certain before.
        let verdict = Verdict::Needs(Need::Attributes);
        let (id, gathered) = (listed.id.clone(), Gathered::default());
        Self { id, gathered, attributes, verdict, score: None, gone: false }
    }

    /// Whether the source has told of it: its flags are all that there are.
    fn is_listed(&self) -> bool {
        self.octets().is_some() || self.attributes.flags.is_some()
    }

    /// As its source counts them.
    fn octets(&self) -> Option<u64> {
        self.attributes.size.or(self.attributes.stored)
    }

    /// Takes what came along with the octets.
    fn learn(&mut self, meta: &Meta) {
        if let Some(flags) = &meta.flags {
            self.attributes.flags = Some(names(flags));
        }
        self.attributes.received =
            meta.received.and_then(|received| Timestamp::from_second(received.seconds).ok());
    }

    fn found(self, reference: String) -> Found {
        let Attributes { flags, received, size, .. } = self.attributes;
        let found = Found { reference, flags, size, score: self.score, ..Found::default() };
        match &self.gathered.header {
            Some(header) => found.with_header(header, received),
            None => found,
        }
    }
}

fn names(flags: &store::Flags) -> Vec<String> {
    flags.iter().map(Flag::name).map(str::to_owned).collect()
}

async fn evaluate(
    spool: &mut dyn Spool,
    messages: &mut [Message],
    expr: &Expr,
    manner: Manner,
    wanted: Wanted,
) -> Result<()> {
    let mut terms = expr.terms().into_iter();
    let dates_matter =
        terms.any(|term| matches!(term, Term::Date(date) if !date.keyword.is_sent()));
    if !dates_matter {
        for message in messages.iter_mut().filter(|message| message.is_listed()) {
            message.gathered.attributes = Some(message.attributes.clone());
            message.verdict = eval(expr, &message.gathered);
        }
    }
    let wants_header = |message: &Message| match message.verdict {
        Verdict::Needs(_) => true,
        Verdict::Yes => wanted.details != Details::None,
        Verdict::No => false,
    };
    let ids: Vec<Id> = ids_of(messages, wants_header);
    let mut headers = collect(spool, &ids, &fields::asked(expr, wanted.details)).await?;
    for message in messages.iter_mut().filter(|message| wants_header(message)) {
        let Some((meta, octets)) = headers.remove(&message.id) else {
            (message.verdict, message.gone) = (Verdict::No, true);
            continue;
        };
        message.learn(&meta);
        message.gathered.attributes = Some(message.attributes.clone());
        message.gathered.header = Some(Header::new(&octets));
        message.verdict = eval(expr, &message.gathered);
    }
    let mut rest: &mut [Message] = messages;
    while !rest.is_empty() {
        let mut octets = 0;
        let mut end = 0;
        while end < rest.len() && (octets < HELD_OCTETS || end == 0) {
            if rest[end].verdict != Verdict::No {
                octets += rest[end].octets().unwrap_or(UNKNOWN_OCTETS);
            }
            end += 1;
        }
        let (now, later) = std::mem::take(&mut rest).split_at_mut(end);
        evaluate_whole(spool, now, expr, manner, wanted).await?;
        rest = later;
    }
    Ok(())
}

/// Decides all that is not decided by the whole of the messages.
async fn evaluate_whole(
    spool: &mut dyn Spool,
    messages: &mut [Message],
    expr: &Expr,
    manner: Manner,
    wanted: Wanted,
) -> Result<()> {
    let undecided = |message: &Message| match message.verdict {
        Verdict::Needs(_) => true,
        Verdict::Yes => {
            wanted.details == Details::Score || (wanted.size && message.attributes.size.is_none())
        }
        Verdict::No => false,
    };
    let ids = ids_of(messages, undecided);
    if ids.is_empty() {
        return Ok(());
    }
    let bodies = collect(spool, &ids, &What::Whole).await?;
    messages.par_iter_mut().filter(|message| undecided(message)).for_each(|message| {
        let Some((_, octets)) = bodies.get(&message.id) else {
            (message.verdict, message.gone) = (Verdict::No, true);
            return;
        };
        let local = Local::new(octets, message.attributes.clone()).with_documents(manner.documents);
        let matches = message.verdict == Verdict::Yes || local.matches(expr);
        message.verdict = if matches { Verdict::Yes } else { Verdict::No };
        if matches && wanted.details == Details::Score {
            message.score = Some(relevance::score(expr, local.content()));
        }
        if matches && wanted.size {
            message.attributes.size = message.attributes.size.or(Some(local.content().size()));
        }
    });
    Ok(())
}

fn ids_of(messages: &[Message], wanted: impl Fn(&Message) -> bool) -> Vec<Id> {
    messages.iter().filter(|message| wanted(message)).map(|message| message.id.clone()).collect()
}

/// Messages with what came along, by their ids.
type Collected = HashMap<Id, (Meta, Vec<u8>)>;

/// Reads messages and holds them all.
async fn collect(spool: &mut dyn Spool, ids: &[Id], what: &What) -> store::Result<Collected> {
    let mut found = Collected::new();
    let mut each = Each::new(|meta: &Meta, octets: &mut Vec<u8>| {
        found.insert(meta.id.clone(), (meta.clone(), std::mem::take(octets)));
    });
    spool.read(ids, what, &mut each).await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Dir, expr, printed, run, write};
    use super::*;
    use crate::store::mbox::{self, Mbox};
    use crate::ui::Exit;

    const MBOX: &[u8] = b"From ann@x.org Mon Mar  2 10:00:00 2026\n\
From: Ann <ann@x.org>\nSubject: first\nStatus: RO\nDate: Sun, 1 Mar 2026 10:00:00 +0000\n\n\
the budget\n\n\
From bob@x.org Tue Mar  3 10:00:00 2026\n\
From: Bob <bob@x.org>\nSubject: second\n\nanother body\n\n\
From bob@x.org Wed Mar  4 10:00:00 2026\n\
From: Bob <bob@x.org>\nSubject: third\nContent-Type: application/pdf\n\nJVBE\n";

    /// Which of the messages are found, by their place in the file.
    fn found(query: &str, only: Option<&[usize]>) -> Vec<usize> {
        let dir = Dir::new();
        let path = write(&dir, "old.mbox", MBOX);
        let mut mbox =
            Mbox::open(&path, mbox::Options::default(), store::system_clock()).expect("opened");
        let listed = run(mbox.list()).expect("listed");
        let only: Option<Vec<Id>> =
            only.map(|places| places.iter().map(|at| listed[*at].id.clone()).collect());
        let name = |id: &Id| {
            let at = listed.iter().position(|listed| listed.id == *id)?;
            Some(at.to_string())
        };
        let expr = expr(query);
        let (lines, exit) = printed(async |results| {
            let manner = Manner { stored: true, ..Manner::default() };
            search(&mut mbox, listed.clone(), only.as_deref(), &expr, manner, &name, results)
                .await
                .expect("searched");
        });
        assert_eq!(exit, if lines.is_empty() { Exit::None } else { Exit::Ok });
        lines.iter().map(|line| line.parse().expect("a number")).collect()
    }

    #[test]
    fn each_kind_of_fact_decides() {
        for (query, expected) in [
            ("", vec![0, 1, 2]),
            ("is:read", vec![0]),
            ("is:unread from:bob", vec![1, 2]),
            ("since:2026-03-03", vec![1, 2]),
            ("on:2026-03-02", vec![0]),
            ("date:2026-03-01", vec![0]),
            ("budget", vec![0]),
            ("body:body OR has:pdf", vec![1, 2]),
            ("has:pdf is:unread", vec![2]),
            ("from:carol", vec![]),
            // 86 octets and 5 line ends, without the Status.
            ("size:91", vec![0]),
            ("size:<=90", vec![1, 2]),
        ] {
            assert_eq!(found(query, None), expected, "{query}");
        }
    }

    #[test]
    fn only_those_that_are_named() {
        assert_eq!(found("is:unread", Some(&[0, 2])), [2]);
        assert_eq!(found("body:body", Some(&[1])), [1]);
    }
}
