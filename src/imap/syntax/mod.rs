//! The syntax of IMAP in both directions: commands and responses, decoded and encoded.
//!
//! RFC 3501 and RFC 9051 in full, with LITERAL+ and LITERAL- (RFC 7888), UIDPLUS (RFC 4315),
//! MOVE (RFC 6851), CONDSTORE and QRESYNC (RFC 7162), ESEARCH (RFC 4731), SEARCHRES (RFC 5182),
//! ENABLE (RFC 5161), IDLE (RFC 2177), NAMESPACE (RFC 2342), ID (RFC 2971), LIST-EXTENDED
//! (RFC 5258), LIST-STATUS (RFC 5819), SPECIAL-USE (RFC 6154), STATUS=SIZE (RFC 8438), SASL-IR
//! (RFC 4959), UNSELECT (RFC 3691), BINARY (RFC 3516), COMPRESS (RFC 4978), OBJECTID (RFC 8474),
//! SORT and THREAD (RFC 5256), MULTIAPPEND (RFC 3502), QUOTA (RFC 9208), ACL (RFC 4314),
//! METADATA (RFC 5464), SAVEDATE (RFC 8514), PREVIEW (RFC 8970), WITHIN (RFC 5032), NOTIFY
//! (RFC 5465), CONTEXT (RFC 5267), CATENATE (RFC 4469), URLAUTH (RFC 4467), multimailbox
//! ESEARCH (RFC 7377), REPLACE (RFC 8508), UIDONLY (RFC 9586), UNAUTHENTICATE (RFC 8437),
//! LANGUAGE (RFC 5255) and Gmail's X-GM-EXT-1.
//!
//! Decoders borrow from the buffer and are liberal towards servers and strict towards clients.
//! What a response says that we do not know is kept as raw octets and is never an error.
//! [`frame`] finds where a response or command ends; a literal above
//! [`crate::base::limits::INLINE_LITERAL_OCTETS`] is left out of the text that decoders see, so
//! that it can stream past them.
//!
//! This module does no I/O and knows nothing of sessions.

pub mod append;
pub mod body;
pub mod code;
pub mod command;
pub mod date;
pub mod encode;
pub mod fetch;
pub mod flag;
pub mod frame;
pub mod mailbox;
pub mod notify;
pub mod number;
pub mod response;
#[cfg(test)]
mod roundtrip;
pub mod search;
pub mod set;
mod token;
pub mod url;

use std::borrow::Cow;

pub use number::{ModSeq, SeqNum, Uid, UidValidity};
pub use token::Octets;

/// Two strings that belong together: a name and its value, an entry and its type.
pub type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// A name and its value, which may be NIL.
pub type NilPair<'a> = (Cow<'a, [u8]>, Option<Cow<'a, [u8]>>);
