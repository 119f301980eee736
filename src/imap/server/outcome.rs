//! How a command ended: the tagged response without its tag, and a session's voice.

use std::borrow::Cow;

use super::replies::{Outlet, Replies, Slice};
use crate::base::mailbox_name;
use crate::imap::syntax::code::{Code, Word};
use crate::imap::syntax::fetch::Fetch;
use crate::imap::syntax::mailbox::Mailbox;
use crate::imap::syntax::response::{Condition, Data, Response, StatusText};
use crate::imap::syntax::{ModSeq, SeqNum};
use crate::net;
use crate::store::memory::Refused;

/// Octets of responses that a session gathers before it hands them on.
const BATCH_OCTETS: usize = 64 * 1024;

/// The end of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// OK, NO or BAD.
    pub condition: Condition,
    /// The response code.
    pub code: Option<Code<'static>>,
    /// The words.
    pub text: &'static str,
}

impl Outcome {
    /// Done.
    pub fn ok(text: &'static str) -> Self {
        Self { condition: Condition::Ok, code: None, text }
    }

    /// It could not be done.
    pub fn no(text: &'static str) -> Self {
        Self { condition: Condition::No, code: None, text }
    }

    /// It was not understood, or came at the wrong time.
    pub fn bad(text: &'static str) -> Self {
        Self { condition: Condition::Bad, code: None, text }
    }

    /// The same with a response code.
    pub fn with(self, code: Code<'static>) -> Self {
        Self { code: Some(code), ..self }
    }

    /// The same with a response code that has no arguments.
    pub fn word(self, word: Word) -> Self {
        self.with(Code::Word(word))
    }

    /// Whether all is well.
    pub fn is_ok(&self) -> bool {
        self.condition == Condition::Ok
    }

    /// A mailbox that is not there.
    pub fn nonexistent() -> Self {
        Self::no("no such mailbox").word(Word::NonExistent)
    }

    /// A name that is not what the encoding of names allows.
    pub fn bad_name() -> Self {
        Self::no("the mailbox name is not rightly encoded").word(Word::Cannot)
    }

    /// A string with octets that are not UTF-8, or that need UTF8=ACCEPT.
    pub fn bad_octets() -> Self {
        Self::bad("the octets above 127 are not text here")
    }

    /// Messages that the client knows are gone, and it has not been told yet.
    pub fn expunge_issued() -> Self {
        Self::no("some of the messages are no longer there").word(Word::ExpungeIssued)
    }

    /// The mailbox was opened by EXAMINE.
    pub fn read_only() -> Self {
        Self::no("the mailbox is open for reading only").word(Word::ReadOnly)
    }
}

impl From<Refused> for Outcome {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoMailbox(_) => Self::nonexistent(),
            Refused::Exists(_) => Self::no("the mailbox exists already").word(Word::AlreadyExists),
            Refused::Name { reason, .. } => Self::no(reason).word(Word::Cannot),
            Refused::HasChildren(_) => {
                Self::no("the mailbox has others below it").word(Word::HasChildren)
            }
            Refused::NotSelectable(_) => {
                Self::no("the mailbox cannot hold messages").word(Word::Cannot)
            }
            Refused::Inbox => Self::no("INBOX cannot be deleted").word(Word::Cannot),
            Refused::OverQuota => Self::no("the quota is used up").word(Word::OverQuota),
            Refused::Disk(_) => Self::no("the disk cannot keep it").word(Word::Unavailable),
            Refused::Full => Self::no("the mailbox has no UIDs left").word(Word::Limit),
        }
    }
}

/// What the client has enabled (RFC 5161).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Enabled {
    /// CONDSTORE (RFC 7162): FETCH responses carry MODSEQ.
    pub condstore: bool,
    /// QRESYNC (RFC 7162): VANISHED in place of EXPUNGE.
    pub qresync: bool,
    /// UTF8=ACCEPT (RFC 6855).
    pub utf8: bool,
    /// IMAP4rev2 (RFC 9051).
    pub rev2: bool,
    /// UIDONLY (RFC 9586): no sequence numbers.
    pub uid_only: bool,
}

/// Responses of a session, in the dialect that its client understands.
#[derive(Debug)]
pub(super) struct Voice {
    /// What was said and not yet sent.
    pub replies: Replies,
    /// What the client has enabled.
    pub enabled: Enabled,
}

impl Voice {
    /// Says nothing yet.
    pub fn new() -> Self {
        Self { replies: Replies::new(false), enabled: Enabled::default() }
    }

    /// Forgets what the client has enabled.
    pub fn forget(&mut self) {
        self.enabled = Enabled::default();
        self.replies.set_utf8(false);
    }

    /// Whether mailbox names are UTF-8 and strings may be.
    pub fn is_utf8(&self) -> bool {
        self.enabled.utf8 || self.enabled.rev2
    }

    /// Says an untagged response.
    pub fn data(&mut self, data: Data<'_>) {
        self.replies.push(&Response::Untagged(data));
    }

    /// Says an untagged response whose streamed literals are `slices`.
    pub fn data_with(&mut self, data: Data<'_>, slices: Vec<Slice>) {
        self.replies.push_with(&Response::Untagged(data), slices);
    }

    /// Says a FETCH response, or where the client wants no sequence numbers a UIDFETCH
    /// response. `uid` is the message's.
    pub fn fetch(&mut self, uid: u32, mut fetch: Fetch<'_>, slices: Vec<Slice>) {
        if self.enabled.uid_only {
            fetch.seq = SeqNum(uid);
            fetch.uid = None;
            self.data_with(Data::UidFetch(fetch), slices);
        } else {
            self.data_with(Data::Fetch(fetch), slices);
        }
    }

    /// Whether expunges are told by VANISHED.
    pub fn tells_vanished(&self) -> bool {
        self.enabled.qresync || self.enabled.uid_only
    }

    /// Says an untagged OK with a response code.
    pub fn note(&mut self, code: Code<'_>, text: &'static str) {
        let text = Cow::Borrowed(text.as_bytes());
        let status = StatusText { condition: Condition::Ok, code: Some(code), text };
        self.data(Data::Status(status));
    }

    /// Says goodbye.
    pub fn bye(&mut self, text: &'static str) {
        let text = Cow::Borrowed(text.as_bytes());
        self.data(Data::Status(StatusText { condition: Condition::Bye, code: None, text }));
    }

    /// Ends a command.
    pub fn tagged(&mut self, tag: &[u8], outcome: &Outcome) {
        let status = StatusText {
            condition: outcome.condition,
            code: outcome.code.clone(),
            text: Cow::Borrowed(outcome.text.as_bytes()),
        };
        self.replies.push(&Response::Tagged { tag: Cow::Borrowed(tag), status });
    }

    /// Asks the client to go on; `text` may be a challenge in base64.
    pub fn go_on(&mut self, text: &[u8]) {
        self.replies.push(&Response::Continue { text: Cow::Borrowed(text) });
    }

    /// Marks the client as one that knows CONDSTORE. `selected` is the highest mod-sequence
    /// of the mailbox that is open: the first such command has to tell it (RFC 7162 section
    /// 3.1).
    pub fn enable_condstore(&mut self, selected: Option<u64>) {
        if !std::mem::replace(&mut self.enabled.condstore, true)
            && let Some(highest) = selected
        {
            self.note(Code::HighestModSeq(ModSeq(highest)), "CONDSTORE is on");
        }
    }

    /// The text of a name that the client sent.
    ///
    /// # Errors
    /// What to answer, where it is not rightly encoded (RFC 3501 section 5.1.3, RFC 9051
    /// section 5.1).
    pub fn name(&self, mailbox: &Mailbox<'_>) -> Result<String, Outcome> {
        let name = if self.is_utf8() {
            std::str::from_utf8(&mailbox.0).ok().map(str::to_owned)
        } else {
            mailbox_name::decode_any(&mailbox.0).ok()
        };
        // RFC 6855 section 3, RFC 3501 section 9: octets that no string holds in this dialect.
        let refused = if mailbox.0.is_ascii() { Outcome::bad_name } else { Outcome::bad_octets };
        name.ok_or_else(refused)
    }

    /// The text of a name that is to come into being: spelt as RFC 3501 section 5.1.3 wants it,
    /// without superfluous shifts.
    ///
    /// # Errors
    /// As [`Voice::name`].
    pub fn new_name(&self, mailbox: &Mailbox<'_>) -> Result<String, Outcome> {
        let name = self.name(mailbox)?;
        if !self.is_utf8() && mailbox_name::encode(&name).as_bytes() != &*mailbox.0 {
            return Err(Outcome::bad_name());
        }
        Ok(name)
    }

    /// A name as the client understands it.
    pub fn mailbox(&self, name: &str) -> Mailbox<'static> {
        Mailbox::from_name(name, self.is_utf8())
    }

    /// Hands responses on once there are many.
    ///
    /// # Errors
    /// The outlet's.
    pub async fn ease(&mut self, out: &mut dyn Outlet) -> Result<(), net::Error> {
        if self.replies.size() < BATCH_OCTETS {
            return Ok(());
        }
        out.send(&mut self.replies).await
    }
}
