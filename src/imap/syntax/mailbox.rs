//! Mailbox names (RFC 9051 section 5.1, RFC 3501 section 5.1.3), LIST (RFC 9051 sections 6.3.9
//! and 7.3.1, RFC 5258, RFC 5819, RFC 6154), STATUS and NAMESPACE.
//!
//! On the wire a name is octets: modified UTF-7, or UTF-8 after ENABLE IMAP4rev2 or
//! UTF8=ACCEPT. This module turns names into text and back; it does not map hierarchies.

use std::borrow::Cow;

use super::encode::Encoder;
use super::token::{Cursor, Parse};
use super::{ModSeq, Pair, Uid, UidValidity};
use crate::base::mailbox_name;

/// A mailbox name as it goes over the wire. `INBOX` compares without case, all else exactly.
#[derive(Debug, Clone)]
pub struct Mailbox<'a>(pub Cow<'a, [u8]>);

impl<'a> Mailbox<'a> {
    /// The name for this text: modified UTF-7, or UTF-8 where `utf8` has been enabled.
    pub fn from_name(name: &str, utf8: bool) -> Mailbox<'static> {
        let name = if utf8 { name.to_owned() } else { mailbox_name::encode(name) };
        Mailbox(Cow::Owned(name.into_bytes()))
    }

    /// The name as text; `None` where the octets are neither valid in the encoding that holds
    /// nor UTF-8, which some servers send where modified UTF-7 was due.
    pub fn name(&self, utf8: bool) -> Option<String> {
        let plain = || std::str::from_utf8(&self.0).ok().map(str::to_owned);
        if utf8 || !self.0.is_ascii() {
            return plain();
        }
        mailbox_name::decode_any(&self.0).ok().or_else(plain)
    }

    /// Whether this is INBOX, in any case.
    pub fn is_inbox(&self) -> bool {
        self.0.eq_ignore_ascii_case(b"INBOX")
    }

    /// The same name without the borrow.
    pub fn into_owned(self) -> Mailbox<'static> {
        Mailbox(Cow::Owned(self.0.into_owned()))
    }

    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Mailbox<'a>> {
        if cursor.is_strict() {
            return cursor.astring().map(Mailbox);
        }
        // Servers have listed names with wildcards and 8-bit octets without quotes.
        cursor.list_mailbox().map(Mailbox)
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.line_astring(&self.0, "mailbox");
    }
}

impl PartialEq for Mailbox<'_> {
    fn eq(&self, other: &Mailbox<'_>) -> bool {
        self.0 == other.0 || (self.is_inbox() && other.is_inbox())
    }
}

impl Eq for Mailbox<'_> {}

/// One LIST or LSUB response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<'a> {
    /// Attributes with their backslash, such as `\Noselect`; see [`List::has`].
    pub attributes: Vec<Cow<'a, [u8]>>,
    /// The hierarchy delimiter; `None` where the name space is flat.
    pub delimiter: Option<u8>,
    /// The name.
    pub mailbox: Mailbox<'a>,
    /// Extended data (RFC 5258): tag, and the value between its parentheses as raw octets.
    pub extended: Vec<Pair<'a>>,
}

impl<'a> List<'a> {
    /// Whether `attribute` (with its backslash) is there, in any case.
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|each| each.eq_ignore_ascii_case(attribute.as_bytes()))
    }

    /// `mailbox-list = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox
    /// [SP mbox-list-extended]`
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<List<'a>> {
        let attributes = cursor.list(|cursor| cursor.raw_value().map(Cow::Borrowed))?;
        cursor.sp()?;
        let delimiter = parse_delimiter(cursor)?;
        cursor.sp()?;
        let mailbox = Mailbox::parse(cursor)?;
        cursor.skip_spaces()?;
        let mut extended = Vec::new();
        if cursor.peek()? == b'(' {
            extended = cursor.list(|cursor| {
                let tag = cursor.astring()?;
                cursor.sp()?;
                Ok((tag, Cow::Borrowed(cursor.raw_value()?)))
            })?;
        }
        Ok(List { attributes, delimiter, mailbox, extended })
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.list(&self.attributes, |out, attribute| {
            let name = attribute.strip_prefix(b"\\").unwrap_or(attribute);
            out.raw(&attribute[..attribute.len() - name.len()]);
            out.atom(name, "mailbox attribute");
        });
        out.sp();
        encode_delimiter(self.delimiter, out);
        out.sp();
        self.mailbox.encode(out);
        if !self.extended.is_empty() {
            out.sp();
            out.list(&self.extended, |out, (tag, value)| {
                out.line_astring(tag, "extended data tag");
                out.sp();
                out.text(value, "extended data");
            });
        }
    }
}

/// `DQUOTE QUOTED-CHAR DQUOTE / nil`; a backslash that a server forgot to escape is taken.
fn parse_delimiter(cursor: &mut Cursor<'_>) -> Parse<Option<u8>> {
    if !cursor.is_strict() && cursor.rest().starts_with(b"\"\\\" ") {
        cursor.set_at(cursor.at() + 3);
        return Ok(Some(b'\\'));
    }
    Ok(cursor.nstring()?.and_then(|text| text.first().copied()))
}

fn encode_delimiter(delimiter: Option<u8>, out: &mut Encoder) {
    out.nstring(delimiter.as_ref().map(std::slice::from_ref), "hierarchy delimiter");
}

/// One name space (RFC 9051 section 6.3.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceEntry<'a> {
    /// What names in it begin with.
    pub prefix: Cow<'a, [u8]>,
    /// Its hierarchy delimiter; `None` where it is flat.
    pub delimiter: Option<u8>,
    /// Extensions: a name and the raw list of its values.
    pub extensions: Vec<Pair<'a>>,
}

/// The NAMESPACE response; an empty list where the server said NIL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Namespace<'a> {
    /// The user's own.
    pub personal: Vec<NamespaceEntry<'a>>,
    /// Other users'.
    pub other_users: Vec<NamespaceEntry<'a>>,
    /// Shared.
    pub shared: Vec<NamespaceEntry<'a>>,
}

impl<'a> Namespace<'a> {
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Namespace<'a>> {
        let personal = Self::parse_kind(cursor)?;
        cursor.sp()?;
        let other_users = Self::parse_kind(cursor)?;
        cursor.sp()?;
        let shared = Self::parse_kind(cursor)?;
        Ok(Namespace { personal, other_users, shared })
    }

    /// `namespace = nil / "(" 1*namespace-descr ")"`
    fn parse_kind(cursor: &mut Cursor<'a>) -> Parse<Vec<NamespaceEntry<'a>>> {
        let mut entries = Vec::new();
        if cursor.nil()? {
            return Ok(entries);
        }
        cursor.expect(b'(', "namespace")?;
        cursor.skip_spaces()?;
        while !cursor.eat(b')')? {
            cursor.expect(b'(', "namespace-descr")?;
            let prefix = cursor.nstring()?.unwrap_or_default();
            cursor.sp()?;
            let delimiter = parse_delimiter(cursor)?;
            let mut extensions = Vec::new();
            while !cursor.eat(b')')? {
                cursor.sp()?;
                if cursor.eat(b')')? {
                    break;
                }
                let name = cursor.string()?;
                cursor.sp()?;
                extensions.push((name, Cow::Borrowed(cursor.raw_value()?)));
            }
            entries.push(NamespaceEntry { prefix, delimiter, extensions });
            cursor.skip_spaces()?;
        }
        Ok(entries)
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.spaced([&self.personal, &self.other_users, &self.shared], |out, kind| {
            if kind.is_empty() {
                out.raw("NIL");
                return;
            }
            out.raw("(");
            for entry in kind {
                out.raw("(");
                out.string(&entry.prefix, "namespace prefix");
                out.sp();
                encode_delimiter(entry.delimiter, out);
                for (name, values) in &entry.extensions {
                    out.sp();
                    out.string(name, "namespace extension");
                    out.sp();
                    out.text(values, "namespace extension");
                }
                out.raw(")");
            }
            out.raw(")");
        });
    }
}

/// What STATUS can be asked for (RFC 9051 section 6.3.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusItem<'a> {
    /// Number of messages.
    Messages,
    /// Number of messages with \Recent (RFC 3501).
    Recent,
    /// The next UID.
    UidNext,
    /// UIDVALIDITY.
    UidValidity,
    /// Number of messages without \Seen.
    Unseen,
    /// Number of messages with \Deleted.
    Deleted,
    /// Octets in all (RFC 8438).
    Size,
    /// Highest mod-sequence (RFC 7162).
    HighestModSeq,
    /// Largest message that APPEND takes, in octets (RFC 7889).
    AppendLimit,
    /// The mailbox's identity (RFC 8474).
    MailboxId,
    /// Octets of messages with \Deleted, in units of 1024 (RFC 9208).
    DeletedStorage,
    /// An item that we do not know.
    Other(Cow<'a, [u8]>),
}

const STATUS_ITEMS: [(&str, StatusItem<'static>); 11] = [
    ("DELETED-STORAGE", StatusItem::DeletedStorage),
    ("MESSAGES", StatusItem::Messages),
    ("RECENT", StatusItem::Recent),
    ("UIDNEXT", StatusItem::UidNext),
    ("UIDVALIDITY", StatusItem::UidValidity),
    ("UNSEEN", StatusItem::Unseen),
    ("DELETED", StatusItem::Deleted),
    ("SIZE", StatusItem::Size),
    ("HIGHESTMODSEQ", StatusItem::HighestModSeq),
    ("APPENDLIMIT", StatusItem::AppendLimit),
    ("MAILBOXID", StatusItem::MailboxId),
];

impl<'a> StatusItem<'a> {
    pub(super) fn from_atom(atom: &'a [u8]) -> StatusItem<'a> {
        let known =
            |(name, _): &&(&str, StatusItem<'static>)| atom.eq_ignore_ascii_case(name.as_bytes());
        match STATUS_ITEMS.iter().find(known) {
            Some((_, item)) => item.clone(),
            None => StatusItem::Other(Cow::Borrowed(atom)),
        }
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        if let StatusItem::Other(name) = self {
            return out.atom(name, "status item");
        }
        if let Some((name, _)) = STATUS_ITEMS.iter().find(|(_, item)| item == self) {
            out.raw(name);
        }
    }
}

/// A STATUS response; `None` where the server did not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status<'a> {
    /// The mailbox it speaks of.
    pub mailbox: Mailbox<'a>,
    /// Number of messages.
    pub messages: Option<u32>,
    /// Number of messages with \Recent.
    pub recent: Option<u32>,
    /// The next UID.
    pub uid_next: Option<Uid>,
    /// UIDVALIDITY.
    pub uid_validity: Option<UidValidity>,
    /// Number of messages without \Seen.
    pub unseen: Option<u32>,
    /// Number of messages with \Deleted.
    pub deleted: Option<u32>,
    /// Octets in all.
    pub size: Option<u64>,
    /// Highest mod-sequence.
    pub highest_modseq: Option<ModSeq>,
    /// Largest message that APPEND takes, in octets; `Some(None)`: no limit is known.
    pub append_limit: Option<Option<u64>>,
    /// The mailbox's identity.
    pub mailbox_id: Option<Cow<'a, [u8]>>,
    /// Octets of messages with \Deleted, in units of 1024.
    pub deleted_storage: Option<u64>,
    /// What else there was: name and raw value.
    pub others: Vec<Pair<'a>>,
}

impl<'a> Status<'a> {
    /// A response that tells nothing yet.
    pub fn new(mailbox: Mailbox<'a>) -> Self {
        Self {
            mailbox,
            messages: None,
            recent: None,
            uid_next: None,
            uid_validity: None,
            unseen: None,
            deleted: None,
            size: None,
            highest_modseq: None,
            append_limit: None,
            mailbox_id: None,
            deleted_storage: None,
            others: Vec::new(),
        }
    }

    /// `mailbox SP "(" [status-att-list] ")"`
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Status<'a>> {
        let mailbox = Mailbox::parse(cursor)?;
        cursor.sp()?;
        let mut status = Status::new(mailbox);
        cursor.list(|cursor| {
            let name = cursor.word()?;
            cursor.sp()?;
            match StatusItem::from_atom(name) {
                StatusItem::Messages => status.messages = Some(cursor.number32()?),
                StatusItem::Recent => status.recent = Some(cursor.number32()?),
                StatusItem::UidNext => status.uid_next = Some(Uid(cursor.number32()?)),
                StatusItem::UidValidity => {
                    status.uid_validity = Some(UidValidity(cursor.number32()?));
                }
                StatusItem::Unseen => status.unseen = Some(cursor.number32()?),
                StatusItem::Deleted => status.deleted = Some(cursor.number32()?),
                StatusItem::Size => status.size = Some(cursor.number()?),
                StatusItem::HighestModSeq => {
                    status.highest_modseq = Some(ModSeq(cursor.number()?));
                }
                StatusItem::AppendLimit => {
                    let none = cursor.nil()?;
                    status.append_limit = Some(if none { None } else { Some(cursor.number()?) });
                }
                StatusItem::MailboxId => {
                    cursor.expect(b'(', "(")?;
                    status.mailbox_id = Some(cursor.astring()?);
                    cursor.expect(b')', ")")?;
                }
                StatusItem::DeletedStorage => {
                    status.deleted_storage = Some(cursor.number()?);
                }
                StatusItem::Other(name) => {
                    status.others.push((name, Cow::Borrowed(cursor.raw_value()?)));
                }
            }
            Ok(())
        })?;
        Ok(status)
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        self.mailbox.encode(out);
        out.raw(" (");
        let numbers = [
            ("MESSAGES", self.messages.map(u64::from)),
            ("RECENT", self.recent.map(u64::from)),
            ("UIDNEXT", self.uid_next.map(|uid| u64::from(uid.0))),
            ("UIDVALIDITY", self.uid_validity.map(|validity| u64::from(validity.0))),
            ("UNSEEN", self.unseen.map(u64::from)),
            ("DELETED", self.deleted.map(u64::from)),
            ("SIZE", self.size),
            ("HIGHESTMODSEQ", self.highest_modseq.map(|modseq| modseq.0)),
            ("APPENDLIMIT", self.append_limit.flatten()),
            ("DELETED-STORAGE", self.deleted_storage),
        ];
        let mut first = true;
        let mut item = |out: &mut Encoder, name: &[u8]| {
            if !std::mem::take(&mut first) {
                out.sp();
            }
            out.raw(name);
            out.sp();
        };
        for (name, value) in numbers {
            if let Some(value) = value {
                item(out, name.as_bytes());
                out.number(value);
            }
        }
        if self.append_limit == Some(None) {
            item(out, b"APPENDLIMIT");
            out.raw("NIL");
        }
        if let Some(id) = &self.mailbox_id {
            item(out, b"MAILBOXID");
            out.raw("(");
            out.atom(id, "mailbox id");
            out.raw(")");
        }
        for (name, value) in &self.others {
            item(out, name);
            out.text(value, "status value");
        }
        out.raw(")");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_modified_utf7_or_utf8() {
        let name = "~peter/mail/台北/日本語";
        assert_eq!(&*Mailbox::from_name(name, false).0, b"~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        assert_eq!(&*Mailbox::from_name(name, true).0, name.as_bytes());
        assert_eq!(Mailbox::from_name(name, false).name(false).as_deref(), Some(name));
        assert_eq!(Mailbox::from_name(name, true).name(true).as_deref(), Some(name));
        // A spelling that RFC 3501 forbids, as servers have sent it.
        assert_eq!(Mailbox(Cow::Borrowed(b"&AGE-")).name(false).as_deref(), Some("a"));
    }

    #[test]
    fn a_malformed_name_is_taken_as_it_is() {
        let odd = Mailbox(Cow::Borrowed(b"R&D"));
        assert_eq!(odd.name(false).as_deref(), Some("R&D"));
        assert_eq!(Mailbox(Cow::Borrowed("Entwürfe".as_bytes())).name(false).unwrap(), "Entwürfe");
        assert_eq!(Mailbox(Cow::Borrowed(b"\xff")).name(false), None);
    }

    #[test]
    fn only_inbox_has_no_case() {
        assert_eq!(Mailbox(Cow::Borrowed(b"inBox")), Mailbox(Cow::Borrowed(b"INBOX")));
        assert_ne!(Mailbox(Cow::Borrowed(b"Sent")), Mailbox(Cow::Borrowed(b"sent")));
    }
}
