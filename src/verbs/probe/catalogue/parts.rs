//! Findings of the parts: a message's header, a round trip, load, a transcript.

use super::BLANK;
use crate::verbs::probe::findings::{Entry, Severity};

/// All of them.
pub static PARTS: &[&Entry] = &[
    &TRACE_PRESENT,
    &TRACE_ORDER,
    &TRACE_DELAY,
    &TRACE_TLS,
    &MSG_FROM,
    &MSG_DATE,
    &MSG_ID,
    &MSG_ONCE,
    &MSG_LINES,
    &MSG_HEADER,
    &SIG_PRESENT,
    &SIG_VALID,
    &SIG_ALIGNED,
    &SIG_KEY,
    &SIG_HASH,
    &SIG_WHOLE,
    &RES_SPF,
    &RES_DKIM,
    &RES_DMARC,
    &RES_AGREES,
    &RES_ALIGNED,
    &RES_SENDER,
    &ARC_VALID,
    &TRIP_SENT,
    &TRIP_ARRIVED,
    &TRIP_FAST,
    &TRIP_CLEAN,
    &LOAD_ANSWERED,
    &SES_KNOWN,
    &SES_SECRET,
    &SES_ENHANCED,
    &SES_CODE,
    &SES_OFFERED,
    &SES_ONE,
    &SES_AGAIN,
    &SES_BARE,
    &SES_REFUSED,
];

/// The message shows its way (Received).
pub static TRACE_PRESENT: Entry = Entry {
    id: "TRACE-001",
    severity: Severity::Info,
    title: "the message shows its way (Received)",
    why: "Without Received fields nobody can tell where a message was held up, or by whom it was sent.",
    rfc: "RFC 5321 section 4.4",
    other: "nothing, for a message that was never sent; a gateway that removes them should not",
    ..BLANK
};

/// The times on the way do not run backwards.
pub static TRACE_ORDER: Entry = Entry {
    id: "TRACE-002",
    severity: Severity::Warn,
    title: "the times on the way do not run backwards",
    why: "The clock of one of the hosts is wrong, or a field was forged.",
    rfc: "RFC 5321 section 4.4",
    other: "run an NTP client on the host that is named",
    ..BLANK
};

/// No hop takes longer than five minutes.
pub static TRACE_DELAY: Entry = Entry {
    id: "TRACE-003",
    severity: Severity::Warn,
    title: "no hop takes longer than five minutes",
    why: "A queue, greylisting, a scanner or a dead exchanger before a live one holds mail up.",
    rfc: "RFC 5321 section 4.5.4.1",
    other: "look into the queue and the log of the host that took so long",
    ..BLANK
};

/// Every hop between hosts is encrypted.
pub static TRACE_TLS: Entry = Entry {
    id: "TRACE-004",
    severity: Severity::Info,
    title: "every hop between hosts is encrypted",
    why: "What crosses the network in the clear can be read on the way.",
    rfc: "RFC 3848 section 2; RFC 8314 section 3",
    postfix: "smtpd_tls_security_level = may, and smtp_tls_security_level = may",
    exim: "tls_advertise_hosts = *; Exim uses STARTTLS by itself where it is offered",
    other: "offer STARTTLS where mail is taken, and use it where it is sent",
    ..BLANK
};

/// There is one From with an address.
pub static MSG_FROM: Entry = Entry {
    id: "MSG-001",
    severity: Severity::Fail,
    title: "there is one From with an address",
    why: "Readers and filters differ in whom they take for the author; large receivers refuse such mail.",
    rfc: "RFC 5322 section 3.6.2",
    other: "let the program that writes the message set exactly one From",
    ..BLANK
};

/// There is one Date that can be read.
pub static MSG_DATE: Entry = Entry {
    id: "MSG-002",
    severity: Severity::Fail,
    title: "there is one Date that can be read",
    why: "Mail without a date is sorted anywhere, and counts as spam.",
    rfc: "RFC 5322 section 3.6.1",
    other: "let the program that writes the message set a Date, such as Tue, 3 Mar 2026 11:00:00 +0100",
    ..BLANK
};

/// There is one Message-ID.
pub static MSG_ID: Entry = Entry {
    id: "MSG-003",
    severity: Severity::Warn,
    title: "there is one Message-ID",
    why: "Threads and searches for duplicates hang by it; filters count its absence.",
    rfc: "RFC 5322 section 3.6.4",
    other: "let the program that writes the message set Message-ID: <UNIQUE@YOUR.DOMAIN>",
    ..BLANK
};

/// No field stands twice that may stand once.
pub static MSG_ONCE: Entry = Entry {
    id: "MSG-004",
    severity: Severity::Fail,
    title: "no field stands twice that may stand once",
    why: "Which of the two counts differs from program to program; forgers use that.",
    rfc: "RFC 5322 section 3.6",
    other: "remove the field that was added",
    ..BLANK
};

/// No line is longer than 998 octets.
pub static MSG_LINES: Entry = Entry {
    id: "MSG-005",
    severity: Severity::Fail,
    title: "no line is longer than 998 octets",
    why: "Servers cut or break such lines, which breaks signatures, or refuse the message.",
    rfc: "RFC 5322 section 2.1.1",
    other: "fold header fields, and encode the body as quoted-printable or base64",
    ..BLANK
};

/// The header is ASCII, or UTF-8.
pub static MSG_HEADER: Entry = Entry {
    id: "MSG-006",
    severity: Severity::Warn,
    title: "the header is ASCII, or UTF-8",
    why: "Octets of other charsets show as garbage.",
    rfc: "RFC 6532 section 3.2",
    other: "encode words by RFC 2047",
    ..BLANK
};

/// The message has a DKIM signature.
pub static SIG_PRESENT: Entry = Entry {
    id: "SIG-001",
    severity: Severity::Warn,
    title: "the message has a DKIM signature",
    why: "Large receivers want one; without it a forwarded message cannot pass DMARC.",
    rfc: "RFC 6376 section 5",
    postfix: "smtpd_milters = inet:localhost:11332 (rspamd) or OpenDKIM's socket",
    exim: "dkim_domain = example.org, dkim_selector = s1, dkim_private_key = /path in the transport",
    other: "sign where mail leaves, or with pillarbox send --dkim-key",
    ..BLANK
};

/// Every DKIM signature is valid.
pub static SIG_VALID: Entry = Entry {
    id: "SIG-002",
    severity: Severity::Fail,
    title: "every DKIM signature is valid",
    why: "A signature that does not hold counts as none, and for some as a sign of forgery.",
    rfc: "RFC 6376 section 6.1",
    other: "sign last, behind everything that changes messages (footers, conversions); see that the key in DNS is that of the signer",
    ..BLANK
};

/// A signature is of the author's domain.
pub static SIG_ALIGNED: Entry = Entry {
    id: "SIG-003",
    severity: Severity::Warn,
    title: "a signature is of the author's domain",
    why: "DMARC counts only a signature whose domain is the author's, or shares its organization.",
    rfc: "RFC 7489 section 3.1.1",
    other: "sign with d= the domain in From",
    ..BLANK
};

/// The keys have 2048 bits or more.
pub static SIG_KEY: Entry = Entry {
    id: "SIG-004",
    severity: Severity::Warn,
    title: "the keys have 2048 bits or more",
    why: "1024 bits can be broken by those who have much to spend.",
    rfc: "RFC 8301 section 3.2",
    other: "make a key of 2048 bits, publish it under a new selector, then sign with that",
    ..BLANK
};

/// No signature is by SHA-1.
pub static SIG_HASH: Entry = Entry {
    id: "SIG-005",
    severity: Severity::Fail,
    title: "no signature is by SHA-1",
    why: "Receivers treat such a signature as none.",
    rfc: "RFC 8301 section 3.1",
    other: "sign with rsa-sha256",
    ..BLANK
};

/// The signatures cover the whole body.
pub static SIG_WHOLE: Entry = Entry {
    id: "SIG-006",
    severity: Severity::Warn,
    title: "the signatures cover the whole body",
    why: "Behind the part that is signed (l=) anybody can add what he likes.",
    rfc: "RFC 6376 section 8.2",
    other: "sign without l=",
    ..BLANK
};

/// The receiver found SPF passed.
pub static RES_SPF: Entry = Entry {
    id: "RES-001",
    severity: Severity::Warn,
    title: "the receiver found SPF passed",
    why: "The host that sent the message is not among those that the envelope's domain names.",
    rfc: "RFC 8601 section 2.7.2; RFC 7208 section 8",
    other: "add the host to the SPF record of the domain, or send by one that is in it",
    ..BLANK
};

/// The receiver found a valid DKIM signature.
pub static RES_DKIM: Entry = Entry {
    id: "RES-002",
    severity: Severity::Warn,
    title: "the receiver found a valid DKIM signature",
    why: "See SIG-002; where it is valid here, the message was changed on the way, or the key was not found then.",
    rfc: "RFC 8601 section 2.7.1",
    other: "compare the message at the sender with that at the receiver",
    ..BLANK
};

/// The receiver found DMARC passed.
pub static RES_DMARC: Entry = Entry {
    id: "RES-003",
    severity: Severity::Fail,
    title: "the receiver found DMARC passed",
    why: "Neither SPF nor DKIM speaks for the author's domain: by its policy the message is filed as spam or refused.",
    rfc: "RFC 8601 section 2.7; RFC 7489 section 6.6.2",
    other: "sign by DKIM with the domain in From, or send with an envelope of that domain",
    ..BLANK
};

/// What the receiver found is what is found here.
pub static RES_AGREES: Entry = Entry {
    id: "RES-004",
    severity: Severity::Warn,
    title: "what the receiver found is what is found here",
    why: "The message was changed after it had arrived, or the results were not written by the receiver.",
    rfc: "RFC 8601 section 5",
    other: "let the receiver remove Authentication-Results of its own name that come from outside",
    ..BLANK
};

/// SPF or DKIM speaks for the author's domain.
pub static RES_ALIGNED: Entry = Entry {
    id: "RES-005",
    severity: Severity::Warn,
    title: "SPF or DKIM speaks for the author's domain",
    why: "Only that makes DMARC pass, whatever else passes.",
    rfc: "RFC 7489 section 3.1",
    other: "sign with d= the domain in From, or use an envelope of that domain",
    ..BLANK
};

/// SPF of the sender's domain allows the address that the message came from.
pub static RES_SENDER: Entry = Entry {
    id: "RES-006",
    severity: Severity::Warn,
    title: "SPF of the sender's domain allows the address that the message came from",
    why: "Receivers refuse it, or trust it less: it may be forged, or was forwarded by a host that kept the sender.",
    rfc: "RFC 7208 sections 2.6 and 8",
    dns: "example.org. IN TXT \"v=spf1 ip4:192.0.2.1 -all\" for the hosts that send for the domain",
    other: "a forwarder takes a sender of its own domain (SRS)",
    ..BLANK
};

/// The ARC chain is whole and valid.
pub static ARC_VALID: Entry = Entry {
    id: "ARC-001",
    severity: Severity::Warn,
    title: "the ARC chain is whole and valid",
    why: "A receiver cannot trust what hosts on the way found before they changed the message.",
    rfc: "RFC 8617 section 5.2",
    other: "look at the last host that sealed: it has to seal after it has changed anything",
    ..BLANK
};

/// The message is taken.
pub static TRIP_SENT: Entry = Entry {
    id: "TRIP-001",
    severity: Severity::Fail,
    title: "the message is taken",
    why: "Nobody can send by this server.",
    rfc: "RFC 6409 section 3",
    other: "see what the server says; its log says more",
    ..BLANK
};

/// The message arrives.
pub static TRIP_ARRIVED: Entry = Entry {
    id: "TRIP-002",
    severity: Severity::Fail,
    title: "the message arrives",
    why: "Mail that was taken is held up or lost.",
    rfc: "RFC 5321 section 6.1",
    other: "look into the queue of the server that took it, then for a bounce, then into the spam folder",
    ..BLANK
};

/// It arrives in the time that was given.
pub static TRIP_FAST: Entry = Entry {
    id: "TRIP-003",
    severity: Severity::Warn,
    title: "it arrives in the time that was given",
    why: "Users take mail for immediate; a queue grows, or something on the way is slow.",
    rfc: "RFC 5321 section 4.5.4.1",
    other: "see which hop took the time, and look into its queue and log",
    ..BLANK
};

/// It was removed again.
pub static TRIP_CLEAN: Entry = Entry {
    id: "TRIP-004",
    severity: Severity::Warn,
    title: "it was removed again",
    why: "Messages of this kind heap up in the mailbox.",
    rfc: "RFC 9051 section 6.4.3; RFC 1939 section 5",
    other: "give the user the right to delete, or remove the message by hand",
    ..BLANK
};

/// Everything is answered under load.
pub static LOAD_ANSWERED: Entry = Entry {
    id: "LOAD-001",
    severity: Severity::Fail,
    title: "everything is answered under load",
    why: "Clients see errors when there are many of them.",
    rfc: "RFC 5321 section 4.5.3.2",
    other: "raise the server's limits of processes and connections, or its resources; see what the errors say",
    ..BLANK
};

/// The dialogue can be read.
pub static SES_KNOWN: Entry = Entry {
    id: "SES-001",
    severity: Severity::Warn,
    title: "the dialogue can be read",
    why: "What cannot be read cannot be judged.",
    rfc: "RFC 5321 section 3; RFC 9051 section 3; RFC 1939 section 3",
    other: "paste what swaks, curl -v, openssl s_client, telnet or pillarbox -v printed, both sides",
    ..BLANK
};

/// No password crosses the network in the clear.
pub static SES_SECRET: Entry = Entry {
    id: "SES-002",
    severity: Severity::Fail,
    title: "no password crosses the network in the clear",
    why: "Anybody on the way can read it, and use it.",
    rfc: "RFC 8314 section 3; RFC 4954 section 4; RFC 9051 section 6.2.3",
    other: "begin TLS first, and let the server refuse logins before that",
    ..BLANK
};

/// Answers have enhanced codes where these are offered.
pub static SES_ENHANCED: Entry = Entry {
    id: "SES-003",
    severity: Severity::Warn,
    title: "answers have enhanced codes where these are offered",
    why: "Programs that tell users what went wrong go by them.",
    rfc: "RFC 2034 section 4",
    other: "give each reply to MAIL, RCPT, DATA and the message its code",
    ..BLANK
};

/// Each answer is one that its command can have.
pub static SES_CODE: Entry = Entry {
    id: "SES-004",
    severity: Severity::Fail,
    title: "each answer is one that its command can have",
    why: "Clients that go by the RFC take the wrong turn.",
    rfc: "RFC 5321 section 4.3.2; RFC 9051 section 7.1; RFC 1939 section 3",
    other: "mend the server, or the proxy in front of it",
    ..BLANK
};

/// Only what is offered is used.
pub static SES_OFFERED: Entry = Entry {
    id: "SES-005",
    severity: Severity::Warn,
    title: "only what is offered is used",
    why: "A server without the extension refuses the command, or misreads it.",
    rfc: "RFC 5321 section 2.2.1; RFC 9051 section 6.1.1; RFC 2449 section 5",
    other: "let the client look at what EHLO, CAPABILITY or CAPA says",
    ..BLANK
};

/// There is one answer for each command.
pub static SES_ONE: Entry = Entry {
    id: "SES-006",
    severity: Severity::Fail,
    title: "there is one answer for each command",
    why: "Who answers more than was asked has read a command where there was none: mail can be smuggled in.",
    rfc: "RFC 5321 section 4.1.1.4",
    other: "Postfix: smtpd_forbid_bare_newline = normalize; elsewhere take only CRLF dot CRLF for the end of a message",
    ..BLANK
};

/// EHLO, CAPABILITY or CAPA is asked again under TLS.
pub static SES_AGAIN: Entry = Entry {
    id: "SES-007",
    severity: Severity::Warn,
    title: "EHLO, CAPABILITY or CAPA is asked again under TLS",
    why: "What was offered in the clear may have been forged, and is not to be believed.",
    rfc: "RFC 3207 section 4.2; RFC 9051 section 6.2.1; RFC 2595 section 4",
    other: "let the client ask again after the handshake",
    ..BLANK
};

/// Lines end with CRLF.
pub static SES_BARE: Entry = Entry {
    id: "SES-008",
    severity: Severity::Fail,
    title: "lines end with CRLF",
    why: "Who takes a bare line feed for a line end, and who does not, see different messages.",
    rfc: "RFC 5321 section 2.3.8",
    other: "let the client make CRLF of every line end before it sends",
    ..BLANK
};

/// Nothing was refused.
pub static SES_REFUSED: Entry = Entry {
    id: "SES-009",
    severity: Severity::Warn,
    title: "nothing was refused",
    why: "Something that the client wanted did not happen.",
    rfc: "RFC 5321 section 4.2.1; RFC 9051 section 7.1; RFC 1939 section 3",
    other: "the answer says why",
    ..BLANK
};
