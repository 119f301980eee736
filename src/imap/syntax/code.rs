//! Response codes: what a status response says in brackets (RFC 9051 section 7.1, RFC 5530, and
//! the extensions' own). One that we do not know, or whose arguments we cannot read, is kept as
//! raw octets.

use std::borrow::Cow;

use super::encode::Encoder;
use super::flag::Flags;
use super::set::SequenceSet;
use super::token::{Cursor, Fail, Manner, Parse};
use super::{ModSeq, SeqNum, Uid, UidValidity};

/// A response code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code<'a> {
    /// A code that is only a name.
    Word(Word),
    /// APPENDUID (RFC 4315): the UIDs given to what was appended.
    AppendUid {
        /// UIDVALIDITY of the mailbox appended to.
        validity: UidValidity,
        /// One UID per message, in order.
        uids: SequenceSet,
    },
    /// BADCHARSET: the charsets the server knows; empty where it does not say.
    BadCharset(Vec<Cow<'a, [u8]>>),
    /// CAPABILITY, as in the response of the same name.
    Capability(Vec<Cow<'a, [u8]>>),
    /// COPYUID (RFC 4315).
    CopyUid {
        /// UIDVALIDITY of the mailbox copied to.
        validity: UidValidity,
        /// UIDs of the originals.
        source: SequenceSet,
        /// UIDs of the copies, in the order of the originals.
        destination: SequenceSet,
    },
    /// HIGHESTMODSEQ (RFC 7162).
    HighestModSeq(ModSeq),
    /// MAILBOXID (RFC 8474).
    MailboxId(Cow<'a, [u8]>),
    /// MODIFIED (RFC 7162): messages that a conditional STORE left alone.
    Modified(SequenceSet),
    /// PERMANENTFLAGS.
    PermanentFlags(Flags<'a>),
    /// REFERRAL (RFC 2193): the URL.
    Referral(Cow<'a, [u8]>),
    /// UIDNEXT.
    UidNext(Uid),
    /// UIDVALIDITY.
    UidValidity(UidValidity),
    /// UNSEEN (RFC 3501): the first message without \Seen.
    Unseen(SeqNum),
    /// Anything else.
    Unknown {
        /// The atom.
        name: Cow<'a, [u8]>,
        /// What follows its SP up to the bracket, raw.
        arguments: Option<Cow<'a, [u8]>>,
    },
}

macro_rules! words {
    ($($(#[$doc:meta])* $variant:ident $text:literal)*) => {
        /// A response code without arguments.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Word { $($(#[$doc])* $variant),* }

        impl Word {
            /// All of them.
            pub const ALL: &'static [Word] = &[$(Word::$variant),*];

            /// The name as it goes over the wire.
            pub fn name(self) -> &'static str {
                match self { $(Word::$variant => $text),* }
            }
        }
    };
}

words! {
    /// The text is for the user's eyes.
    Alert "ALERT"
    /// The mailbox exists already (RFC 5530).
    AlreadyExists "ALREADYEXISTS"
    /// The credentials are wrong (RFC 5530).
    AuthenticationFailed "AUTHENTICATIONFAILED"
    /// Authenticated, but not allowed to be who was asked for (RFC 5530).
    AuthorizationFailed "AUTHORIZATIONFAILED"
    /// The operation can never work on this (RFC 5530).
    Cannot "CANNOT"
    /// The client is at fault (RFC 5530).
    ClientBug "CLIENTBUG"
    /// The mailbox selected before is now closed (RFC 7162).
    Closed "CLOSED"
    /// Compression is on already (RFC 4978).
    CompressionActive "COMPRESSIONACTIVE"
    /// The user should call for help (RFC 5530).
    ContactAdmin "CONTACTADMIN"
    /// The server's data are damaged (RFC 5530).
    Corruption "CORRUPTION"
    /// The credentials have expired (RFC 5530).
    Expired "EXPIRED"
    /// Someone expunged the messages (RFC 5530).
    ExpungeIssued "EXPUNGEISSUED"
    /// The mailbox has children and cannot go (RFC 9051).
    HasChildren "HASCHILDREN"
    /// Someone else holds what is needed (RFC 5530).
    InUse "INUSE"
    /// A limit was passed (RFC 5530).
    Limit "LIMIT"
    /// The mailbox does not exist (RFC 5530).
    NonExistent "NONEXISTENT"
    /// The mailbox keeps no mod-sequences (RFC 7162).
    NoModSeq "NOMODSEQ"
    /// Not permitted (RFC 5530).
    NoPerm "NOPERM"
    /// NOTIFY cannot keep up (RFC 5465).
    NotificationOverflow "NOTIFICATIONOVERFLOW"
    /// The search result was not saved (RFC 5182).
    NotSaved "NOTSAVED"
    /// The user is over quota (RFC 5530).
    OverQuota "OVERQUOTA"
    /// The message could not be parsed.
    Parse "PARSE"
    /// Encryption is needed first (RFC 5530).
    PrivacyRequired "PRIVACYREQUIRED"
    /// The mailbox is read-only.
    ReadOnly "READ-ONLY"
    /// The mailbox is read-write.
    ReadWrite "READ-WRITE"
    /// The server is at fault (RFC 5530).
    ServerBug "SERVERBUG"
    /// The message is too big (RFC 4469, RFC 7889).
    TooBig "TOOBIG"
    /// The mailbox does not exist, but could be created.
    TryCreate "TRYCREATE"
    /// UIDs do not persist (RFC 4315).
    UidNotSticky "UIDNOTSTICKY"
    /// A backend is down; later may be better (RFC 5530).
    Unavailable "UNAVAILABLE"
    /// Sequence numbers cannot be used (RFC 9586).
    UidRequired "UIDREQUIRED"
    /// The content transfer encoding cannot be undone (RFC 3516).
    UnknownCte "UNKNOWN-CTE"
    /// The special use cannot be given (RFC 6154).
    UseAttr "USEATTR"
}

impl<'a> Code<'a> {
    /// Reads a code from a line's rest that begins with its `[`; the octets used, bracket
    /// included, or `None` where no `]` ends it.
    pub(super) fn split(line: &'a [u8]) -> Option<(Code<'a>, usize)> {
        // The end of input within this line can only be bad: nothing more will come.
        let mut cursor = Cursor::new(line, Manner::Liberal);
        if let Ok(code) = Self::parse(&mut cursor) {
            return Some((code, cursor.at()));
        }
        let end = memchr::memchr(b']', line)?;
        let inner = &line[1..end];
        let name_len = memchr::memchr(b' ', inner).unwrap_or(inner.len());
        let arguments = inner.get(name_len + 1..).map(Cow::Borrowed);
        Some((Code::Unknown { name: Cow::Borrowed(&inner[..name_len]), arguments }, end + 1))
    }

    fn parse(cursor: &mut Cursor<'a>) -> Parse<Code<'a>> {
        cursor.expect(b'[', "[")?;
        let name = cursor.word()?;
        let code = match Self::parse_arguments(name, cursor)? {
            Some(code) => code,
            None => match Word::ALL.iter().find(|word| is(name, word.name())) {
                Some(&word) => Code::Word(word),
                None => return cursor.bad("a known response code"),
            },
        };
        cursor.skip_spaces()?;
        cursor.expect(b']', "]")?;
        Ok(code)
    }

    /// The arguments of the codes that have some.
    fn parse_arguments(name: &[u8], cursor: &mut Cursor<'a>) -> Parse<Option<Code<'a>>> {
        if is(name, "CAPABILITY") {
            let mut capabilities = Vec::new();
            while cursor.peek()? == b' ' {
                cursor.sp()?;
                if cursor.peek()? == b']' {
                    break;
                }
                capabilities.push(Cow::Borrowed(cursor.atom()?));
            }
            return Ok(Some(Code::Capability(capabilities)));
        }
        if is(name, "BADCHARSET") {
            let mut charsets = Vec::new();
            if cursor.peek()? == b' ' {
                cursor.sp()?;
                charsets = cursor.list(Cursor::astring)?;
            }
            return Ok(Some(Code::BadCharset(charsets)));
        }
        if cursor.peek()? != b' ' {
            return Ok(None);
        }
        let before = cursor.at();
        cursor.sp()?;
        Ok(Some(if is(name, "UIDNEXT") {
            Code::UidNext(Uid(cursor.number32()?))
        } else if is(name, "UIDVALIDITY") {
            Code::UidValidity(UidValidity(cursor.number32()?))
        } else if is(name, "UNSEEN") {
            Code::Unseen(SeqNum(cursor.number32()?))
        } else if is(name, "HIGHESTMODSEQ") {
            Code::HighestModSeq(ModSeq(cursor.number()?))
        } else if is(name, "PERMANENTFLAGS") {
            Code::PermanentFlags(Flags::parse(cursor)?)
        } else if is(name, "APPENDUID") {
            let validity = UidValidity(cursor.number32()?);
            cursor.sp()?;
            Code::AppendUid { validity, uids: SequenceSet::parse(cursor)? }
        } else if is(name, "COPYUID") {
            let validity = UidValidity(cursor.number32()?);
            cursor.sp()?;
            let source = SequenceSet::parse(cursor)?;
            cursor.sp()?;
            Code::CopyUid { validity, source, destination: SequenceSet::parse(cursor)? }
        } else if is(name, "MODIFIED") {
            Code::Modified(SequenceSet::parse(cursor)?)
        } else if is(name, "MAILBOXID") {
            cursor.expect(b'(', "(")?;
            let id = cursor.atom()?;
            cursor.expect(b')', ")")?;
            Code::MailboxId(Cow::Borrowed(id))
        } else if is(name, "REFERRAL") {
            let rest = cursor.rest();
            let Some(end) = memchr::memchr(b']', rest) else { return Err(Fail::More) };
            cursor.set_at(cursor.at() + end);
            Code::Referral(Cow::Borrowed(&rest[..end]))
        } else {
            cursor.set_at(before);
            return Ok(None);
        }))
    }

    /// The same code without the borrow.
    pub fn into_owned(self) -> Code<'static> {
        let own = |text: Cow<'a, [u8]>| Cow::Owned(text.into_owned());
        match self {
            Code::Word(word) => Code::Word(word),
            Code::AppendUid { validity, uids } => Code::AppendUid { validity, uids },
            Code::BadCharset(list) => Code::BadCharset(list.into_iter().map(own).collect()),
            Code::Capability(list) => Code::Capability(list.into_iter().map(own).collect()),
            Code::CopyUid { validity, source, destination } => {
                Code::CopyUid { validity, source, destination }
            }
            Code::HighestModSeq(modseq) => Code::HighestModSeq(modseq),
            Code::MailboxId(id) => Code::MailboxId(own(id)),
            Code::Modified(set) => Code::Modified(set),
            Code::PermanentFlags(flags) => Code::PermanentFlags(flags.into_owned()),
            Code::Referral(url) => Code::Referral(own(url)),
            Code::UidNext(uid) => Code::UidNext(uid),
            Code::UidValidity(validity) => Code::UidValidity(validity),
            Code::Unseen(seq) => Code::Unseen(seq),
            Code::Unknown { name, arguments } => {
                Code::Unknown { name: own(name), arguments: arguments.map(own) }
            }
        }
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        out.raw("[");
        match self {
            Code::Word(word) => out.raw(word.name()),
            Code::AppendUid { validity, uids } => {
                out.raw("APPENDUID ");
                out.number(u64::from(validity.0));
                out.sp();
                uids.encode(out);
            }
            Code::BadCharset(charsets) => {
                out.raw("BADCHARSET");
                if !charsets.is_empty() {
                    out.sp();
                    out.list(charsets, |out, charset| {
                        // A literal cannot stand in a status response.
                        if !charset.is_ascii() || charset.len() > 100 {
                            out.refuse("charset");
                        }
                        out.line_astring(charset, "charset");
                    });
                }
            }
            Code::Capability(capabilities) => {
                out.raw("CAPABILITY");
                for capability in capabilities {
                    out.sp();
                    out.atom(capability, "capability");
                }
            }
            Code::CopyUid { validity, source, destination } => {
                out.raw("COPYUID ");
                out.number(u64::from(validity.0));
                out.sp();
                source.encode(out);
                out.sp();
                destination.encode(out);
            }
            Code::HighestModSeq(modseq) => numbered(out, "HIGHESTMODSEQ", modseq.0),
            Code::MailboxId(id) => {
                out.raw("MAILBOXID (");
                out.atom(id, "mailbox id");
                out.raw(")");
            }
            Code::Modified(set) => {
                out.raw("MODIFIED ");
                set.encode(out);
            }
            Code::PermanentFlags(flags) => {
                out.raw("PERMANENTFLAGS ");
                flags.encode(out);
            }
            Code::Referral(url) => {
                out.raw("REFERRAL ");
                bracketed(out, url);
            }
            Code::UidNext(uid) => numbered(out, "UIDNEXT", u64::from(uid.0)),
            Code::UidValidity(validity) => numbered(out, "UIDVALIDITY", u64::from(validity.0)),
            Code::Unseen(seq) => numbered(out, "UNSEEN", u64::from(seq.0)),
            Code::Unknown { name, arguments } => {
                out.atom(name, "response code");
                if let Some(arguments) = arguments {
                    out.sp();
                    bracketed(out, arguments);
                }
            }
        }
        out.raw("]");
    }
}

fn is(name: &[u8], known: &str) -> bool {
    name.eq_ignore_ascii_case(known.as_bytes())
}

fn numbered(out: &mut Encoder, name: &str, value: u64) {
    out.raw(name);
    out.sp();
    out.number(value);
}

/// Text that the closing bracket has to end.
fn bracketed(out: &mut Encoder, text: &[u8]) {
    if text.contains(&b']') {
        out.refuse("argument of a response code");
    }
    out.text(text, "argument of a response code");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_and_words() {
        let (code, used) = Code::split(b"[COPYUID 38505 304,319:320 3956:3958] Done").unwrap();
        assert_eq!(used, 37);
        let Code::CopyUid { validity, source, destination } = code else { panic!("not COPYUID") };
        assert_eq!(validity, UidValidity(38505));
        assert_eq!(source.count(0), 3);
        assert_eq!(destination.to_text(), "3956:3958");
        assert_eq!(Code::split(b"[read-write] x").unwrap().0, Code::Word(Word::ReadWrite));
        assert_eq!(Code::split(b"[UIDVALIDITY 0] x").unwrap().0, Code::UidValidity(UidValidity(0)));
    }

    #[test]
    fn what_cannot_be_read_is_kept() {
        let unknown = |name: &'static [u8], arguments: Option<&'static [u8]>| Code::Unknown {
            name: Cow::Borrowed(name),
            arguments: arguments.map(Cow::Borrowed),
        };
        assert_eq!(Code::split(b"[XFOO a (b)] x").unwrap(), (unknown(b"XFOO", Some(b"a (b)")), 12));
        assert_eq!(Code::split(b"[UIDNEXT x]").unwrap().0, unknown(b"UIDNEXT", Some(b"x")));
        assert_eq!(Code::split(b"[ALERT x]").unwrap().0, unknown(b"ALERT", Some(b"x")));
        assert_eq!(Code::split(b"[] x").unwrap().0, unknown(b"", None));
        assert_eq!(Code::split(b"[ALERT x"), None);
    }
}
