//! Which messages of a source are wanted: `--query`, and the options that say the same in few
//! words. An IMAP server is asked first; what it cannot answer, and what other sources hold, is
//! found out here of the least that decides it.

use std::collections::HashMap;

use anyhow::Result;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::args::Args;
use crate::base::date::Zoned;
use crate::imap::client::{Client, decide};
use crate::imap::search_keys::Manner;
use crate::message::facts::{self, Header};
use crate::open::{Mail, Opened};
use crate::query::{
    self, Attributes, Expr, Gathered, Is, Need, SizeRange, Term, Verdict, eval, span,
};
use crate::store::each::Each;
use crate::store::{self, Flag, Id, Listed, Meta, What};
use crate::ui::Failure;

/// Messages of which something is found out at once.
const BATCH: usize = 512;

/// What the messages have to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    expr: Expr,
    now: Timestamp,
}

/// Where the messages are, as `folder:` and `account:` ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// The folder by our name.
    pub folder: Option<String>,
    /// The account.
    pub account: Option<String>,
}

impl Selection {
    /// What the options say; `None`: every message.
    ///
    /// # Errors
    /// [`Failure`] (64) for a query, a date or a size that cannot be read.
    pub fn of(args: &Args) -> Result<Option<Self>> {
        let now = Timestamp::now();
        let context = query::Context { now, zone: TimeZone::system() };
        let mut all = Vec::new();
        if let Some(text) = &args.query {
            all.push(query::parse(text, &context).map_err(|error| {
                let shown = error.render(text).replace('\n', "\n  ");
                Failure::usage(format!("--query: the query cannot be read\n  {shown}"))
                    .hint("see pillarbox-query(7) for the language")
            })?);
        }
        if let Some(set) = &args.uid {
            all.push(one_term("uid", set, &context).ok_or_else(|| {
                Failure::usage(format!("--uid {set:?}: want UIDs such as 1:9,12,20:*"))
            })?);
        }
        if let Some(when) = &args.since {
            all.push(one_term("since", when, &context).ok_or_else(|| {
                Failure::usage(format!(
                    "--since {when:?}: want a span such as 2d or 12h, or a date such as 2026-03-01"
                ))
            })?);
        }
        if args.unseen {
            all.push(Expr::Term(Term::Is(Is::Unread)));
        }
        if let Some(size) = &args.max_size {
            let most = span::size(size).ok_or_else(|| {
                Failure::usage(format!("--max-size {size:?}: want octets such as 500K or 10M"))
            })?;
            all.push(Expr::Term(Term::Size(SizeRange { least: None, most: Some(most) })));
        }
        Ok((!all.is_empty()).then_some(Self { expr: Expr::And(all), now }))
    }

    /// Those of the messages of the selected folder that are wanted, oldest first; of `only`,
    /// where given.
    ///
    /// # Errors
    /// The source's; [`Failure`] (64) for UIDs of a source that has none.
    pub async fn among(
        &self,
        source: &mut Opened,
        only: Option<&[Id]>,
        place: &Whereabouts,
    ) -> Result<Vec<Id>> {
        let has_uids = self.expr.terms().iter().any(|term| matches!(term, Term::Uid(_)));
        if let Mail::Imap(account, _) = &mut source.mail {
            return self.asked(account.client(), only, place).await;
        }
        if has_uids {
            return Err(Failure::usage("only messages of an IMAP server have UIDs").into());
        }
        let mut listed = source.spool().list().await?;
        if let Some(only) = only {
            listed = named(listed, only);
        }
        let mut candidates: Vec<Candidate> = listed.iter().map(Candidate::of).collect();
        for some in candidates.chunks_mut(BATCH) {
            settle(source, some, &self.expr, place).await?;
        }
        let wanted = candidates.into_iter().filter(|one| one.verdict == Verdict::Yes);
        Ok(wanted.map(|one| one.id).collect())
    }

    /// The same at a server, whose SEARCH is asked first.
    async fn asked(
        &self,
        client: &mut Client,
        only: Option<&[Id]>,
        place: &Whereabouts,
    ) -> Result<Vec<Id>> {
        let (folder, account) = (place.folder.as_deref(), place.account.as_deref());
        let expr = query::narrowed(&self.expr, folder, account);
        let is_gm = |term: &&Term| matches!(term, Term::Gmail(_));
        if expr.terms().iter().any(is_gm) && !client.capabilities().has("X-GM-EXT-1") {
            return Err(Failure::usage("gm: is Gmail's own, and this server is not Gmail").into());
        }
        let uids = only.map(|ids| {
            let mut uids: Vec<u32> = ids.iter().filter_map(|id| id.0.parse().ok()).collect();
            uids.sort_unstable();
            uids
        });
        // iCloud finds everything larger than anything: sizes are looked at.
        let conjuncts = match &expr {
            Expr::And(list) => list.as_slice(),
            other => std::slice::from_ref(other),
        };
        let speaks_of_size = |part: &&Expr| {
            let terms = part.terms();
            !terms.is_empty() && terms.iter().all(|term| matches!(term, Term::Size(_)))
        };
        let again = Expr::And(conjuncts.iter().filter(speaks_of_size).cloned().collect());
        let manner = Manner::of(client.capabilities(), false, false, self.now);
        let found = decide::find(client, &expr, &again, uids.as_deref(), manner).await;
        let found = found.map_err(store::Error::from)?;
        Ok(found.into_iter().map(|uid| Id::number(uid.into())).collect())
    }
}

/// One term of the language, written behind an option.
fn one_term(keyword: &str, value: &str, context: &query::Context) -> Option<Expr> {
    let is_word = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '"');
    let expr = is_word.then(|| query::parse(&format!("{keyword}:{value}"), context).ok())??;
    matches!(expr, Expr::Term(Term::Uid(_) | Term::Date(_))).then_some(expr)
}

/// The listed messages of these ids, in the order of the ids; one that is not listed stands for
/// itself.
fn named(listed: Vec<Listed>, ids: &[Id]) -> Vec<Listed> {
    let mut known: HashMap<Id, Listed> =
        listed.into_iter().map(|listed| (listed.id.clone(), listed)).collect();
    ids.iter()
        .map(|id| known.remove(id).unwrap_or(Listed { id: id.clone(), size: None, flags: None }))
        .collect()
}

/// One message on its way to a verdict.
#[derive(Debug)]
struct Candidate {
    id: Id,
    /// What the listing told; complete only once the date of arrival is known.
    attributes: Attributes,
    gathered: Gathered,
    verdict: Verdict,
}

impl Candidate {
    fn of(listed: &Listed) -> Self {
        let attributes = Attributes {
            flags: listed.flags.as_ref().map(names),
            size: listed.size,
            ..Attributes::default()
        };
        let (id, gathered) = (listed.id.clone(), Gathered::default());
        Self { id, attributes, gathered, verdict: Verdict::Needs(Need::Attributes) }
    }

    /// Learns all there is to know of it from the whole of it, and decides.
    fn decide(
        &mut self,
        meta: &Meta,
        octets: &[u8],
        (expr, need): (&Expr, Need),
        place: &Whereabouts,
    ) {
        self.attributes.size = self.attributes.size.or(Some(octets.len() as u64));
        if self.gathered.attributes.is_none() {
            self.learn(meta, octets, place);
        }
        let facts = facts::Facts::new(octets);
        self.gathered.header = Some(facts.header().clone());
        self.gathered.parts = Some(facts.parts().to_vec());
        if need == Need::Body {
            self.gathered.texts = Some(facts.texts().to_vec());
            self.verdict = eval(expr, &self.gathered);
            // Text takes room: it has said what it had to say.
            self.gathered.texts = None;
        }
    }

    /// Takes what came along with the header; a source that tells no date of arrival has those
    /// of the message.
    fn learn(&mut self, meta: &Meta, header: &[u8], place: &Whereabouts) {
        if let Some(flags) = &meta.flags {
            self.attributes.flags = Some(names(flags));
        }
        let told = meta.received.and_then(|received| Timestamp::from_second(received.seconds).ok());
        let header = Header::new(header);
        self.attributes.received = told.or_else(|| arrived(&header));
        self.gathered.header = Some(header);
        self.is_complete(place);
    }

    fn is_complete(&mut self, place: &Whereabouts) {
        self.gathered.attributes = Some(Attributes {
            folder: place.folder.clone(),
            account: place.account.clone(),
            ..self.attributes.clone()
        });
    }
}

/// When a message came, by its own words: the last server's Received field, else Date.
fn arrived(header: &Header) -> Option<Timestamp> {
    let by_server = header.values("Received").find_map(|value| {
        let (_, date) = value.rsplit_once(';')?;
        Zoned::parse_message(date.trim().as_bytes()).ok()
    });
    match by_server {
        Some(date) => Timestamp::from_second(date.seconds).ok(),
        None => header.date(),
    }
}

fn names(flags: &store::Flags) -> Vec<String> {
    flags.iter().map(Flag::name).map(str::to_owned).collect()
}

/// Decides messages, the cheapest facts first.
async fn settle(
    source: &mut Opened,
    candidates: &mut [Candidate],
    expr: &Expr,
    place: &Whereabouts,
) -> Result<()> {
    let terms = expr.terms();
    let wants_arrival =
        terms.iter().any(|term| matches!(term, Term::Date(date) if !date.keyword.is_sent()));
    let wants_size = terms.iter().any(|term| matches!(term, Term::Size(_)));
    for one in candidates.iter_mut() {
        // A listing tells all that is asked for, unless that is a date or it left out a size.
        if !wants_arrival && (!wants_size || one.attributes.size.is_some()) {
            one.is_complete(place);
        }
        one.verdict = eval(expr, &one.gathered);
    }
    loop {
        let needs = candidates.iter().filter_map(|one| match one.verdict {
            Verdict::Needs(need) => Some(need),
            Verdict::Yes | Verdict::No => None,
        });
        let Some(need) = needs.min() else { return Ok(()) };
        let is_open = |one: &Candidate| one.verdict == Verdict::Needs(need);
        let open: Vec<Id> =
            candidates.iter().filter(|one| is_open(one)).map(|one| one.id.clone()).collect();
        let places: HashMap<Id, usize> =
            candidates.iter().enumerate().map(|(at, one)| (one.id.clone(), at)).collect();
        if matches!(need, Need::Attributes | Need::Header)
            && (!wants_size || all_sized(candidates, need))
        {
            let mut headers = Each::new(|meta, octets| {
                if let Some(at) = places.get(&meta.id) {
                    let one = &mut candidates[*at];
                    one.learn(meta, octets, place);
                }
            });
            source.spool().read(&open, &What::Headers, &mut headers).await?;
        } else {
            let mut whole = Each::new(|meta, octets| {
                if let Some(at) = places.get(&meta.id) {
                    let one = &mut candidates[*at];
                    one.decide(meta, octets, (expr, need), place);
                }
            });
            source.spool().read(&open, &What::Whole, &mut whole).await?;
        }
        for one in candidates.iter_mut().filter(|one| is_open(one)) {
            let verdict = eval(expr, &one.gathered);
            // What is as open as before is gone, or nobody tells.
            one.verdict = if verdict == one.verdict { Verdict::No } else { verdict };
        }
    }
}

/// Whether the sizes of all messages are known that are open.
fn all_sized(candidates: &[Candidate], need: Need) -> bool {
    let mut open = candidates.iter().filter(|one| one.verdict == Verdict::Needs(need));
    open.all(|one| one.attributes.size.is_some())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn selection(words: &[&str]) -> Result<Option<Selection>> {
        let words = ["fetch", "alice"].iter().chain(words).copied();
        Selection::of(&Line::try_parse_from(words)?.args)
    }

    #[test]
    fn options_say_what_the_language_says() {
        assert_eq!(selection(&[]).expect("nothing"), None);
        let terms = |words: &[&str]| {
            let selection = selection(words).expect("readable").expect("some");
            let terms = selection.expr.terms().into_iter().map(ToString::to_string);
            terms.collect::<Vec<_>>()
        };
        assert_eq!(terms(&["--uid", "1:9,12"]), ["uid:1:9,12"]);
        assert_eq!(terms(&["--unseen", "--max-size", "2K"]), ["is:unread", "size:<=2048"]);
        assert_eq!(terms(&["--since", "2d", "--query", "-from:ann"]), ["from:ann", "since:2d"]);
        for wrong in [
            &["--uid", "1:x"][..],
            &["--uid", "1 OR from:ann"],
            &["--since", "yesterdays"],
            &["--since", ""],
            &["--max-size", "much"],
            &["--query", "size:"],
        ] {
            assert!(selection(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_message_says_when_it_came() {
        let header = Header::new(
            b"Received: from a by b; Tue, 3 Mar 2026 10:00:00 +0100\r\n\
              Received: from c by a; Mon, 2 Mar 2026 10:00:00 +0100\r\n\
              Date: Sun, 1 Mar 2026 10:00:00 +0100\r\n\r\n",
        );
        assert_eq!(arrived(&header).map(Timestamp::as_second), Some(1_772_528_400));
        let dated = Header::new(b"Date: Sun, 1 Mar 2026 10:00:00 +0100\r\n\r\n");
        assert_eq!(arrived(&dated).map(Timestamp::as_second), Some(1_772_355_600));
        assert_eq!(arrived(&Header::new(b"Subject: x\r\n\r\n")), None);
    }
}
