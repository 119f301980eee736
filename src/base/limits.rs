//! Every limit of the house in one table: octets and counts that a peer or a file may make
//! us hold. Deadlines stand beside them in `net::deadline`.

/// Longest line a peer may send before we give up on it, in octets, line end included,
/// where the protocol has no smaller limit. RFC 5321 section 4.5.3.1.5 says 512 for replies;
/// real servers send more, so this is a guard and not a grammar.
pub const LINE_OCTETS: usize = 64 * 1024;

/// Largest IMAP literal held in memory; a larger one streams to its sink.
pub const INLINE_LITERAL_OCTETS: usize = 64 * 1024;

/// Longest IMAP response or command held in memory, inline literals included.
pub const IMAP_FRAME_OCTETS: usize = 16 * 1024 * 1024;

/// Lines in one SMTP reply.
pub const REPLY_LINES: usize = 512;

/// Entries of one listing (messages, folders, UIDs): a server that sends more, without ever
/// coming to an end, is not listened to any further.
pub const LISTED: u64 = 5_000_000;

/// Alerts of one IMAP session that are kept to be shown.
pub const ALERTS: usize = 32;

/// Mailboxes of one IMAP session that wait to be looked at after a change.
pub const NEWS: usize = 10_000;

/// Depth of nesting that any recursive grammar follows (lists, MIME, search keys).
pub const NESTING: usize = 64;

/// Output that waits in a connection before the writer has to wait too, in octets.
pub const OUTPUT_HIGH_WATER: usize = 256 * 1024;
