//! The cases of IMAP: RFC 9051 (and what RFC 3501 says alike), and extensions where offered.
//!
//! The mailbox of a case holds three messages: 1 is plain text and has no flags; 2 is
//! multipart/mixed of text/plain and text/html and is \Seen; 3 is plain text and \Flagged.

use super::script::Case;

mod changes;
mod mailboxes;
mod messages;
mod search;
mod session;

/// The three messages: flags, INTERNALDATE, content.
pub const MESSAGES: [(&str, &str, &str); 3] = [
    (
        "",
        "02-Mar-2026 10:00:00 +0000",
        "From: Ann Archer <ann@example.org>\r\n\
         To: bob@example.org\r\n\
         Subject: first lighthouse\r\n\
         Date: Mon, 2 Mar 2026 11:00:00 +0100\r\n\
         Message-ID: <first@example.org>\r\n\
         \r\n\
         The lamp is lit.\r\n",
    ),
    (
        "\\Seen",
        "03-Mar-2026 10:00:00 +0000",
        "From: bob@example.org\r\n\
         To: Ann Archer <ann@example.org>\r\n\
         Cc: cid@example.org\r\n\
         Subject: Re: first lighthouse\r\n\
         Date: Tue, 3 Mar 2026 11:00:00 +0100\r\n\
         Message-ID: <second@example.org>\r\n\
         In-Reply-To: <first@example.org>\r\n\
         References: <first@example.org>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"b\"\r\n\
         \r\n\
         --b\r\n\
         Content-Type: text/plain; charset=us-ascii\r\n\
         \r\n\
         Seen from the sea.\r\n\
         --b\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         Content-Transfer-Encoding: base64\r\n\
         \r\n\
         PGI+ZmF0PC9iPg==\r\n\
         --b--\r\n",
    ),
    (
        "\\Flagged",
        "04-Mar-2026 10:00:00 +0000",
        "From: cid@example.org\r\n\
         To: bob@example.org\r\n\
         Subject: another matter\r\n\
         Date: Wed, 4 Mar 2026 11:00:00 +0100\r\n\
         Message-ID: <third@example.org>\r\n\
         \r\n\
         Nothing about lamps, but much more about the weather and the tide of the day.\r\n",
    ),
];

/// All of them, in the order of their ids.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [session::CASES, mailboxes::CASES, messages::CASES, search::CASES, changes::CASES]
        .into_iter()
        .flatten()
}
