//! How long a peer may take, per state, in one table.
//!
//! A deadline here is for *progress*: the clock starts again whenever octets arrive or leave.

use std::time::Duration;

/// Reaching one address. Happy eyeballs starts the next address long before this.
pub const CONNECT: Duration = Duration::from_secs(30);

/// All that a proxy does until the server is reached through it.
pub const PROXY: Duration = Duration::from_secs(60);

/// Between two connection attempts of happy eyeballs, RFC 8305 section 8.
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// A TLS handshake.
pub const HANDSHAKE: Duration = Duration::from_secs(60);

/// The SMTP greeting, RFC 5321 section 4.5.3.2.1.
pub const SMTP_GREETING: Duration = Duration::from_secs(300);

/// The reply to MAIL, RFC 5321 section 4.5.3.2.2; also for EHLO, AUTH and the rest.
pub const SMTP_COMMAND: Duration = Duration::from_secs(300);

/// The reply to RCPT, RFC 5321 section 4.5.3.2.3.
pub const SMTP_RCPT: Duration = Duration::from_secs(300);

/// The reply to DATA, RFC 5321 section 4.5.3.2.4.
pub const SMTP_DATA: Duration = Duration::from_secs(120);

/// A block of the message leaving, RFC 5321 section 4.5.3.2.5.
pub const SMTP_BLOCK: Duration = Duration::from_secs(180);

/// The reply to the final dot, RFC 5321 section 4.5.3.2.6.
pub const SMTP_FINAL: Duration = Duration::from_secs(600);

/// An IMAP or POP3 answer. Large SEARCHes and THREADs take servers minutes.
pub const COMMAND: Duration = Duration::from_secs(300);

/// A silent client at our own servers, RFC 9051 section 5.4 (at least 30 minutes) and
/// RFC 5321 section 4.5.3.2.7 (at least 5 minutes).
pub const SERVER_IDLE: Duration = Duration::from_secs(30 * 60);

/// Octets a second below which a client's message is no progress, however often one comes: a
/// modem of 1990 sends more.
pub const CONTENT_OCTETS_PER_SECOND: u64 = 128;

/// IDLE is renewed before servers give up on it, RFC 2177 section 3.
pub const IDLE_RENEW: Duration = Duration::from_secs(28 * 60);

/// One HTTP request with its answer, all of it. RFC 8461 section 3.3 suggests a minute for a
/// policy of MTA-STS.
pub const HTTP: Duration = Duration::from_secs(60);
