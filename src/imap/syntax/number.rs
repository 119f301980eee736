//! The numbers of IMAP, each with a type of its own (RFC 9051 section 2.3.1, RFC 7162).

/// A unique identifier of a message in one mailbox under one UIDVALIDITY.
///
/// Zero stands in no valid mailbox, but servers have sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uid(pub u32);

/// A message sequence number: valid only in this session, until the next EXPUNGE.
///
/// Zero is not valid, but Courier has sent `* 0 FETCH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SeqNum(pub u32);

/// A modification sequence (RFC 7162); zero means that the server keeps none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ModSeq(pub u64);

/// The value that tells whether UIDs learnt earlier still hold. Zero is not valid, but is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UidValidity(pub u32);

macro_rules! shown_as_its_number {
    ($($name:ident)*) => { $(
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )* };
}
shown_as_its_number!(Uid SeqNum ModSeq UidValidity);
