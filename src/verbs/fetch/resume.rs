//! Reading that goes on where a connection broke: what has come is not asked for again, and of
//! a message that was under way only the rest (RFC 9051 section 6.4.5, `<partial>`). Of a giant
//! that a run before did not get whole, the rest too.
//!
//! Only IMAP can that: POP3 gives a message from its start, or the first lines of it. A source
//! that breaks before anything came is not tried again: that is for who calls us to decide.

use std::collections::HashSet;
use std::io::Read as _;
use std::time::Duration;

use async_trait::async_trait;

use super::parts::{PROOF_OCTETS, Part, Parts};
use crate::base::location::Location;
use crate::open::{self, Context, Create, EndpointOptions, Mail, Opened};
use crate::store::{Error, Id, Meta, Result, Sink, What};
use crate::ui::{Failure, report};

/// Waits before a source is opened again, since something came last.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(8),
];

/// Octets of an earlier run that are handed on at once.
const PIECE_OCTETS: usize = 64 * 1024;

/// How a source is opened again.
pub struct Again<'a> {
    /// What is opened.
    pub location: &'a Location,
    /// The options of its server.
    pub options: &'a EndpointOptions,
    /// The run's.
    pub context: &'a Context,
    /// The folder that was selected; `None`: the one that the location means.
    pub folder: Option<&'a str>,
    /// What the record calls it.
    pub place: &'a str,
    /// Its UIDVALIDITY.
    pub generation: u32,
    /// It is selected to be read only.
    pub read_only: bool,
}

impl Again<'_> {
    async fn open(&self) -> anyhow::Result<Opened> {
        let create = Create::No;
        let mut opened = open::open_mail(self.location, self.options, create, self.context).await?;
        let expected = (self.generation > 0).then_some(self.generation);
        match self.folder {
            None => opened.select(expected, self.read_only).await?,
            Some(folder) => {
                let status = opened.select_folder(folder, self.read_only).await?;
                let found = status.map_or(0, |status| status.uid_validity);
                if let Some(wanted) = expected
                    && wanted != found
                {
                    return Err(Error::OtherGeneration { wanted, found }.into());
                }
                status
            }
        };
        Ok(opened)
    }
}

/// As [`crate::store::Spool::read`], over as many sessions as it takes; whether `source` is
/// another session now, which knows nothing of what was asked of the first.
///
/// # Errors
/// The source's, once it gives nothing more; the first of the sink.
pub async fn read(
    source: &mut Opened,
    again: &Again<'_>,
    ids: &[Id],
    what: &What,
    sink: &mut dyn Sink,
) -> Result<bool> {
    if !matches!(source.mail, Mail::Imap(..)) {
        return source.spool().read(ids, what, sink).await.map(|()| false);
    }
    let parts = Parts::of(again.place, again.generation, what);
    let mut following = Following::new(sink, parts, ids);
    let mut lost = match following.read(source, again, ids, what).await {
        Err(error) if is_break(&error) && following.octets > 0 => error,
        ended => return ended.map(|()| false),
    };
    let mut pauses = PAUSES.iter();
    loop {
        let Some(pause) = pauses.next() else { return Err(lost) };
        if !again.context.quiet {
            let text = again.context.redacted(&format!("{lost}; going on where it broke"));
            report::note(&text);
        }
        again.context.net.stop.sleep(*pause).await;
        again.context.net.stop.check().map_err(|error| stored(error.into()))?;
        match again.open().await {
            Ok(opened) => *source = opened,
            Err(error) if open::verdict(&error).exit == crate::ui::Exit::TempFail => {
                lost = stored(error);
                continue;
            }
            Err(error) => return Err(stored(error)),
        }
        let before = following.octets;
        match following.go_on(source, ids, what).await {
            Err(error) if is_break(&error) => lost = error,
            ended => return ended.map(|()| true),
        }
        if following.octets == before {
            return Err(lost);
        }
        pauses = PAUSES.iter();
    }
}

/// Whether the connection went, and nothing was refused.
fn is_break(error: &Error) -> bool {
    match error {
        Error::Peer(peer) => peer.network().is_some_and(crate::net::Error::is_closed),
        _ => false,
    }
}

/// An error of opening as one of a store.
fn stored(error: anyhow::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(other) => {
            let exit = open::verdict(&other).exit;
            Error::Caller(Box::new(Failure::new(exit, format!("{other:#}"))))
        }
    }
}

/// Passes messages on and knows how far that has come.
struct Following<'s> {
    sink: &'s mut dyn Sink,
    left: HashSet<Id>,
    /// The message that has begun and not ended, and the octets of it that have come.
    under_way: Option<(Meta, u64)>,
    /// All octets that have come from the source.
    octets: u64,
    /// Where giants are kept.
    parts: Option<Parts>,
    /// The giant that is under way.
    part: Option<Part>,
}

impl<'s> Following<'s> {
    fn new(sink: &'s mut dyn Sink, parts: Option<Parts>, ids: &[Id]) -> Self {
        let left = ids.iter().cloned().collect();
        Self { sink, left, under_way: None, octets: 0, parts, part: None }
    }

    /// Reads all, those first of which an earlier run has got a part.
    async fn read(
        &mut self,
        source: &mut Opened,
        again: &Again<'_>,
        ids: &[Id],
        what: &What,
    ) -> Result<()> {
        for id in ids {
            let part = self.parts.as_ref().and_then(|parts| parts.take_up(id));
            let Some(part) = part else { continue };
            let Some(meta) = proven(source, id, what, &part).await? else {
                part.remove();
                continue;
            };
            if !again.context.quiet {
                let Part { come, total, .. } = part;
                let text = format!("message {id}: going on behind octet {come} of {total}");
                report::note(&text);
            }
            self.replay(&meta, part).await?;
            let gone_on = self.go_on(source, std::slice::from_ref(id), what).await;
            if let Err(Error::Unknown(_)) = &gone_on
                && let Some(part) = self.part.take()
            {
                // Another run would meet the same again.
                part.remove();
            }
            gone_on?;
        }
        let left = self.left(ids);
        source.spool().read(&left, what, self).await
    }

    /// Gives the sink what an earlier run has got of a message.
    async fn replay(&mut self, meta: &Meta, part: Part) -> Result<()> {
        self.under_way = Some((meta.clone(), 0));
        self.sink.begin(meta).await?;
        let mut reader = part.reader().map_err(Error::scratch)?;
        let mut piece = vec![0; PIECE_OCTETS];
        loop {
            let read = reader.read(&mut piece).map_err(Error::scratch)?;
            if read == 0 {
                break;
            }
            self.sink.chunk(&piece[..read]).await?;
            if let Some((_, come)) = &mut self.under_way {
                *come += read as u64;
            }
        }
        self.part = Some(part);
        Ok(())
    }

    fn left(&self, ids: &[Id]) -> Vec<Id> {
        ids.iter().filter(|id| self.left.contains(id)).cloned().collect()
    }

    async fn go_on(&mut self, source: &mut Opened, ids: &[Id], what: &What) -> Result<()> {
        if let Some((meta, come)) = self.under_way.clone() {
            let unfinished =
                || Error::Unknown(format!("message {} did not come whole, and has gone", meta.id));
            let size = meta.size.ok_or_else(unfinished)?;
            if come < size {
                let rest = rest(what, come, size - come).ok_or_else(unfinished)?;
                let mut tail = Tail { of: self, left: size - come };
                let ids = std::slice::from_ref(&meta.id);
                let read = source.spool().read(ids, &rest, &mut tail).await;
                let left = tail.left;
                read?;
                if left > 0 {
                    return Err(unfinished());
                }
            }
            self.end(&meta).await?;
        }
        let left = self.left(ids);
        source.spool().read(&left, what, self).await
    }
}

#[async_trait(?Send)]
impl Sink for Following<'_> {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.under_way = Some((message.clone(), 0));
        self.part = self.parts.as_ref().and_then(|parts| parts.begin(&message.id, message.size));
        self.sink.begin(message).await
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.octets += octets.len() as u64;
        if let Some((_, come)) = &mut self.under_way {
            *come += octets.len() as u64;
        }
        if let Some(part) = &mut self.part
            && part.write(octets).is_err()
            && let Some(part) = self.part.take()
        {
            // It was for another run: this one goes on without.
            part.remove();
        }
        self.sink.chunk(octets).await
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        self.left.remove(&message.id);
        self.under_way = None;
        self.sink.end(message).await?;
        if let Some(part) = self.part.take() {
            part.remove();
        }
        Ok(())
    }
}

/// What the source tells of a message, when the end of what has come of it is what the source
/// has there; `None` where it is not, or where the message has gone.
async fn proven(source: &mut Opened, id: &Id, what: &What, part: &Part) -> Result<Option<Meta>> {
    let Ok(expected) = part.proof() else { return Ok(None) };
    let from = part.come - PROOF_OCTETS;
    let Some(piece) = rest(what, from, PROOF_OCTETS) else { return Ok(None) };
    let mut proof = Proof::default();
    source.spool().read(std::slice::from_ref(id), &piece, &mut proof).await?;
    let Proof { meta, octets } = proof;
    let meta = meta.filter(|_| octets == expected);
    Ok(meta.map(|meta| Meta { size: Some(part.total), ..meta }))
}

/// A few octets of one message.
#[derive(Default)]
struct Proof {
    meta: Option<Meta>,
    octets: Vec<u8>,
}

#[async_trait(?Send)]
impl Sink for Proof {
    async fn begin(&mut self, _: &Meta) -> Result<()> {
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        if self.octets.len() as u64 <= PROOF_OCTETS {
            self.octets.extend_from_slice(octets);
        }
        Ok(())
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        self.meta = Some(message.clone());
        Ok(())
    }
}

/// The rest of a message that has begun.
struct Tail<'f, 's> {
    of: &'f mut Following<'s>,
    left: u64,
}

#[async_trait(?Send)]
impl Sink for Tail<'_, '_> {
    async fn begin(&mut self, _: &Meta) -> Result<()> {
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.left = self.left.checked_sub(octets.len() as u64).ok_or_else(|| {
            Error::Unknown("the server gives more of a message than it announced".to_owned())
        })?;
        self.of.chunk(octets).await
    }

    async fn end(&mut self, _: &Meta) -> Result<()> {
        Ok(())
    }
}

/// The octets of what was asked for that have not come.
fn rest(what: &What, come: u64, left: u64) -> Option<What> {
    let (section, offset) = match what {
        What::Whole => (String::new(), come),
        What::Headers => ("HEADER".to_owned(), come),
        What::Section(section) => (section.clone(), come),
        What::Partial { section, offset, .. } => (section.clone(), offset.checked_add(come)?),
        What::HeaderFields(_) => return None,
    };
    Some(What::Partial { section, offset, octets: Some(left) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_what_was_asked_for() {
        let partial = |section: &str, offset| {
            Some(What::Partial { section: section.to_owned(), offset, octets: Some(5) })
        };
        assert_eq!(rest(&What::Whole, 10, 5), partial("", 10));
        assert_eq!(rest(&What::Headers, 10, 5), partial("HEADER", 10));
        assert_eq!(rest(&What::Section("1.2".into()), 10, 5), partial("1.2", 10));
        let range = What::Partial { section: "2".into(), offset: 100, octets: None };
        assert_eq!(rest(&range, 10, 5), partial("2", 110));
        assert_eq!(rest(&What::HeaderFields(Vec::new()), 1, 1), None);
    }
}
