//! What has changed in many mailboxes, asked in one flight: a round trip does not grow with
//! their number.
//!
//! RFC 7162 (QRESYNC in SELECT; CONDSTORE), RFC 9051 section 5.5 (commands in progress): the
//! server carries commands out in order, so that what comes before the end of a SELECT is of
//! its mailbox. Nothing that changes anything is ever sent ahead like that.

use super::changes::{Message, in_order, listing, take_message};
use super::{Client, Error, Selected};
use crate::imap::syntax::code::{Code, Word as CodeWord};
use crate::imap::syntax::command::{Command, SelectParameter};
use crate::imap::syntax::encode::Literals;
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::response::Data;
use crate::imap::syntax::search::{Key, Return, Search, Word as SearchWord};
use crate::imap::syntax::set::SequenceSet;
use crate::imap::syntax::{ModSeq, UidValidity};
use crate::net::deadline;

/// Mailboxes asked about in one flight: what a server answers meanwhile is held.
const IN_FLIGHT: usize = 32;

/// The point of a mailbox's history up to which all is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Generation of the UIDs.
    pub uid_validity: UidValidity,
    /// Mod-sequence up to which all is known.
    pub modseq: ModSeq,
}

/// What was told of one mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surveyed {
    /// How it stood when it was selected.
    pub selected: Selected,
    /// Its messages by ascending UID: those that changed since the point, or all.
    pub messages: Vec<Message>,
    /// Sorted ranges of UIDs that went since the point, where the server tells that.
    pub vanished: Option<Vec<(u32, u32)>>,
    /// The UIDs of all messages in ascending order, where only those that changed were listed
    /// and the server does not tell what went.
    pub present: Option<Vec<u32>>,
}

/// The way in which a mailbox is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// SELECT with QRESYNC tells all.
    Resync(Point),
    /// What changed, and what there is.
    Since(Point),
    /// Everything.
    All,
}

/// A mailbox's commands on the wire.
struct Asked {
    select: u32,
    more: Vec<u32>,
    way: Way,
}

impl Client {
    /// Selects each of these mailboxes (EXAMINE where `read_only`) and lists what changed in it
    /// since the point; all of it where there is no point, or the server has another
    /// generation. `None` for one that has to be asked about by itself. The last one stays
    /// selected.
    ///
    /// # Errors
    /// The connection's errors.
    pub async fn survey(
        &mut self,
        wanted: &[(Mailbox<'_>, Option<Point>)],
        read_only: bool,
    ) -> Result<Vec<Option<Surveyed>>, Error> {
        let mut found = Vec::with_capacity(wanted.len());
        // Who waits for a go-ahead hears what others have asked for, and would lose it.
        let at_once = if self.literals() == Literals::Synchronising { 1 } else { IN_FLIGHT };
        for flight in wanted.chunks(at_once) {
            self.deadline(deadline::COMMAND);
            let mut asked = Vec::with_capacity(flight.len());
            for (mailbox, point) in flight {
                asked.push(self.ask(mailbox, *point, read_only).await?);
                self.ease().await?;
            }
            for (asked, (mailbox, _)) in asked.into_iter().zip(flight) {
                let selected =
                    Selected { mailbox: mailbox.0.to_vec(), read_only, ..Selected::default() };
                self.state.enter(selected);
                found.push(self.hear(asked).await?);
            }
        }
        Ok(found)
    }

    /// Sends the commands for one mailbox.
    async fn ask(
        &mut self,
        mailbox: &Mailbox<'_>,
        point: Option<Point>,
        read_only: bool,
    ) -> Result<Asked, Error> {
        let capabilities = self.capabilities();
        let has_modseq = capabilities.has("CONDSTORE") || capabilities.has("QRESYNC");
        let way = match point.filter(|_| has_modseq) {
            Some(point) if self.has_qresync() => Way::Resync(point),
            Some(point) => Way::Since(point),
            None => Way::All,
        };
        let parameters = match way {
            Way::Resync(Point { uid_validity: validity, modseq }) => {
                vec![SelectParameter::Qresync { validity, modseq, known: None, matched: None }]
            }
            _ if has_modseq && !self.state.condstore => vec![SelectParameter::CondStore],
            _ => Vec::new(),
        };
        let extended = capabilities.has("ESEARCH");
        let mailbox = mailbox.clone();
        let select = self.send(Command::Select { mailbox, read_only, parameters }).await?;
        let mut more = Vec::new();
        match way {
            Way::Resync(_) => {}
            Way::Since(Point { modseq, .. }) => {
                more.push(self.send(listing(false, Some(modseq), false)).await?);
                let search = Search {
                    returns: extended.then(|| vec![Return::All]),
                    charset: None,
                    keys: vec![Key::Word(SearchWord::All)],
                };
                more.push(self.send(Command::Search(true, search)).await?);
            }
            Way::All => more.push(self.send(listing(false, None, false)).await?),
        }
        Ok(Asked { select, more, way })
    }

    /// Takes the answers of one mailbox.
    async fn hear(&mut self, asked: Asked) -> Result<Option<Surveyed>, Error> {
        let Asked { select, more, way } = asked;
        let mut heard = Heard::default();
        let mut is_refused = match self.wait(select, &mut |data| heard.take(data)).await {
            Ok(_) => false,
            Err(Error::Refused { .. }) => true,
            Err(error) => return Err(error),
        };
        // Flags that came along are what was asked for.
        self.state.entered();
        let selected = match &self.state.selected {
            Some(selected) if !is_refused => selected.clone(),
            _ => Selected::default(),
        };
        if is_refused {
            self.state.selected = None;
        }
        for tag in more {
            match self.wait(tag, &mut |data| heard.take(data)).await {
                Ok(_) => {}
                Err(Error::Refused { .. }) => is_refused = true,
                Err(error) => return Err(error),
            }
        }
        let is_other = match way {
            Way::Resync(point) | Way::Since(point) => {
                point.uid_validity != selected.uid_validity || selected.highest_modseq.is_none()
            }
            Way::All => false,
        };
        if is_refused || is_other {
            return Ok(None);
        }
        let Heard { messages, gone, mut present } = heard;
        let messages = in_order(messages);
        Ok(Some(match way {
            Way::All => Surveyed { selected, messages, ..Surveyed::default() },
            Way::Since(_) => {
                present.sort_unstable();
                Surveyed { selected, messages, present: Some(present), vanished: None }
            }
            Way::Resync(_) => {
                let ranges = gone.iter().filter_map(SequenceSet::ranges).flatten();
                let mut ranges: Vec<(u32, u32)> = ranges.map(|range| range.resolve(0)).collect();
                ranges.sort_unstable();
                Surveyed { selected, messages, vanished: Some(ranges), present: None }
            }
        }))
    }
}

/// What was told since a SELECT was begun.
#[derive(Default)]
struct Heard {
    messages: Vec<Message>,
    gone: Vec<SequenceSet>,
    present: Vec<u32>,
}

impl Heard {
    fn take(&mut self, data: &Data<'_>) {
        match data {
            // What came before this was of the mailbox that was selected until now.
            Data::Status(status) if matches!(status.code, Some(Code::Word(CodeWord::Closed))) => {
                *self = Self::default();
            }
            Data::Vanished { uids, .. } => self.gone.push(uids.clone()),
            Data::Search { numbers, .. } => self.present.extend_from_slice(numbers),
            Data::Esearch(result) => {
                if let Some(all) = &result.all {
                    // No more than a mailbox can hold: see `search`.
                    self.present.extend(all.numbers(0).take(50_000_000));
                }
            }
            _ => take_message(data, &mut self.messages),
        }
    }
}
