//! Findings about a domain: MX, SPF, DMARC, MTA-STS, TLS-RPT.

use super::BLANK;
use crate::verbs::probe::findings::{Entry, Severity};

/// The domain exists.
pub static DNS_DOMAIN: Entry = Entry {
    id: "DNS-001",
    severity: Severity::Fail,
    title: "the domain exists",
    why: "No mail can be sent to it, and no receiver takes mail from it.",
    rfc: "RFC 5321 section 5.1",
    dns: "register the domain, or renew it; check the delegation at the parent zone",
    ..BLANK
};

/// The domain has an MX record.
pub static MX_PRESENT: Entry = Entry {
    id: "MX-001",
    severity: Severity::Warn,
    title: "the domain has an MX record",
    why: "Senders fall back to the address of the domain, often a web server; a domain without mail says so by a null MX.",
    rfc: "RFC 5321 section 5.1; RFC 7505 section 3",
    dns: "example.org. IN MX 10 mail.example.org. (or, for no mail at all: example.org. IN MX 0 .)",
    ..BLANK
};

/// The domain takes mail (no null MX).
pub static MX_NULL: Entry = Entry {
    id: "MX-002",
    severity: Severity::Info,
    title: "the domain takes mail (no null MX)",
    why: "A null MX says that this domain takes no mail. That is right for a domain that only has a web site.",
    rfc: "RFC 7505 section 3",
    dns: "to take mail, put example.org. IN MX 10 mail.example.org. in its place",
    ..BLANK
};

/// A null MX stands alone.
pub static MX_NULL_ALONE: Entry = Entry {
    id: "MX-003",
    severity: Severity::Fail,
    title: "a null MX stands alone",
    why: "A null MX beside others contradicts itself; senders differ in what they make of it.",
    rfc: "RFC 7505 section 3",
    dns: "remove either the null MX (MX 0 .) or the others",
    ..BLANK
};

/// No MX names an alias (CNAME).
pub static MX_ALIAS: Entry = Entry {
    id: "MX-004",
    severity: Severity::Fail,
    title: "no MX names an alias (CNAME)",
    why: "Some senders refuse such an exchanger, and loop detection does not work.",
    rfc: "RFC 2181 section 10.3; RFC 5321 section 5.1",
    dns: "let the MX name the host that the CNAME leads to, or give the name A and AAAA records of its own",
    ..BLANK
};

/// No MX names an IP address.
pub static MX_LITERAL: Entry = Entry {
    id: "MX-005",
    severity: Severity::Fail,
    title: "no MX names an IP address",
    why: "An MX holds a name. An address there is looked up as a name, and is not found.",
    rfc: "RFC 5321 section 5.1; RFC 1035 section 3.3.9",
    dns: "mail.example.org. IN A 192.0.2.1, and example.org. IN MX 10 mail.example.org.",
    ..BLANK
};

/// Every MX has an address.
pub static MX_ADDRESS: Entry = Entry {
    id: "MX-006",
    severity: Severity::Fail,
    title: "every MX has an address",
    why: "Mail for the domain waits or bounces whenever a sender picks that exchanger; whoever registers a dangling name gets the mail.",
    rfc: "RFC 5321 section 5.1",
    dns: "give the exchanger A and AAAA records, or remove the MX",
    ..BLANK
};

/// The domain has an SPF record.
pub static SPF_PRESENT: Entry = Entry {
    id: "SPF-001",
    severity: Severity::Warn,
    title: "the domain has an SPF record",
    why: "Receivers cannot tell who may send for it; large ones refuse or file such mail as spam.",
    rfc: "RFC 7208 section 3",
    dns: "example.org. IN TXT \"v=spf1 mx -all\" (a domain that sends no mail: \"v=spf1 -all\")",
    ..BLANK
};

/// The domain has only one SPF record.
pub static SPF_ONE: Entry = Entry {
    id: "SPF-002",
    severity: Severity::Fail,
    title: "the domain has only one SPF record",
    why: "With two, receivers use neither: the result is an error for every message.",
    rfc: "RFC 7208 sections 3.2 and 4.5",
    dns: "join the records into one: one v=spf1, then all mechanisms, then one all",
    ..BLANK
};

/// The SPF record and those it includes can be read.
pub static SPF_VALID: Entry = Entry {
    id: "SPF-003",
    severity: Severity::Fail,
    title: "the SPF record and those it includes can be read",
    why: "A receiver that cannot read one of them takes the whole for an error.",
    rfc: "RFC 7208 sections 4.6 and 5.2",
    dns: "mend the term that is named, or remove the include of a domain that has no record any more",
    ..BLANK
};

/// The SPF record does not allow the whole world.
pub static SPF_ALL: Entry = Entry {
    id: "SPF-004",
    severity: Severity::Fail,
    title: "the SPF record does not allow the whole world",
    why: "With +all anybody may send for the domain, and be taken for it.",
    rfc: "RFC 7208 section 5.1",
    dns: "end the record with -all or ~all",
    ..BLANK
};

/// The SPF record needs no more than 10 lookups.
pub static SPF_LOOKUPS: Entry = Entry {
    id: "SPF-005",
    severity: Severity::Fail,
    title: "the SPF record needs no more than 10 lookups",
    why: "Receivers stop at the eleventh, and take the whole for an error.",
    rfc: "RFC 7208 section 4.6.4",
    dns: "drop includes that are not needed, and put ip4 and ip6 in place of a, mx and include",
    ..BLANK
};

/// The SPF record ends with a decision (-all or ~all).
pub static SPF_END: Entry = Entry {
    id: "SPF-006",
    severity: Severity::Warn,
    title: "the SPF record ends with a decision (-all or ~all)",
    why: "Without it, mail from anywhere else is neither allowed nor refused: the record forbids nothing.",
    rfc: "RFC 7208 sections 4.7 and 5.1",
    dns: "end the record with -all or ~all, or with redirect=",
    ..BLANK
};

/// The SPF record does without ptr.
pub static SPF_PTR: Entry = Entry {
    id: "SPF-007",
    severity: Severity::Warn,
    title: "the SPF record does without ptr",
    why: "The mechanism is slow, burdens others, and is not to be used any more; some receivers ignore it.",
    rfc: "RFC 7208 section 5.5",
    dns: "put a, mx, ip4 or ip6 in place of ptr",
    ..BLANK
};

/// The domain has a DMARC record, or one above it has.
pub static DMARC_PRESENT: Entry = Entry {
    id: "DMARC-001",
    severity: Severity::Warn,
    title: "the domain has a DMARC record, or one above it has",
    why: "Receivers have no word on forged mail, and you get no reports; large receivers ask for one.",
    rfc: "RFC 7489 section 6.1",
    dns: "_dmarc.example.org. IN TXT \"v=DMARC1; p=none; rua=mailto:dmarc@example.org\", and p=reject later",
    ..BLANK
};

/// There is only one DMARC record.
pub static DMARC_ONE: Entry = Entry {
    id: "DMARC-002",
    severity: Severity::Fail,
    title: "there is only one DMARC record",
    why: "With two, receivers act as if there were none.",
    rfc: "RFC 7489 section 6.6.3",
    dns: "remove all but one TXT record at _dmarc",
    ..BLANK
};

/// The DMARC record can be read.
pub static DMARC_VALID: Entry = Entry {
    id: "DMARC-003",
    severity: Severity::Fail,
    title: "the DMARC record can be read",
    why: "A receiver that cannot read it acts as if there were none.",
    rfc: "RFC 7489 sections 6.3 and 6.4",
    dns: "_dmarc.example.org. IN TXT \"v=DMARC1; p=quarantine; rua=mailto:dmarc@example.org\": v first, then p",
    ..BLANK
};

/// The DMARC policy acts (quarantine or reject).
pub static DMARC_POLICY: Entry = Entry {
    id: "DMARC-004",
    severity: Severity::Warn,
    title: "the DMARC policy acts (quarantine or reject)",
    why: "With p=none forged mail is delivered like any other; it is meant for the time in which the reports are read.",
    rfc: "RFC 7489 section 6.3",
    dns: "p=quarantine, and p=reject when the reports show only mail of yours",
    ..BLANK
};

/// DMARC reports are asked for (rua).
pub static DMARC_REPORTS: Entry = Entry {
    id: "DMARC-005",
    severity: Severity::Info,
    title: "DMARC reports are asked for (rua)",
    why: "Without reports nobody learns who sends in the name of the domain, or which mail of its own fails.",
    rfc: "RFC 7489 sections 6.3 and 7.2",
    dns: "add rua=mailto:dmarc@example.org to the record",
    ..BLANK
};

/// The domain has MTA-STS.
pub static MTA_STS_PRESENT: Entry = Entry {
    id: "STS-001",
    severity: Severity::Info,
    title: "the domain has MTA-STS",
    why: "Without it (or DANE) a sender can be talked out of TLS by anybody between.",
    rfc: "RFC 8461 section 3.1",
    dns: "_mta-sts.example.org. IN TXT \"v=STSv1; id=20260101\", and the policy at https://mta-sts.example.org/.well-known/mta-sts.txt",
    ..BLANK
};

/// The MTA-STS record can be read.
pub static MTA_STS_VALID: Entry = Entry {
    id: "STS-002",
    severity: Severity::Fail,
    title: "the MTA-STS record can be read",
    why: "Senders that cannot read it act as if there were none.",
    rfc: "RFC 8461 section 3.1",
    dns: "exactly one TXT record at _mta-sts: \"v=STSv1; id=\" and 1 to 32 letters or digits, new for each new policy",
    ..BLANK
};

/// TLS reports are asked for (TLS-RPT).
pub static TLS_RPT_PRESENT: Entry = Entry {
    id: "RPT-001",
    severity: Severity::Info,
    title: "TLS reports are asked for (TLS-RPT)",
    why: "Without reports nobody learns that senders cannot deliver for reasons of TLS.",
    rfc: "RFC 8460 section 3",
    dns: "_smtp._tls.example.org. IN TXT \"v=TLSRPTv1; rua=mailto:tls-reports@example.org\"",
    ..BLANK
};

/// The TLS-RPT record can be read.
pub static TLS_RPT_VALID: Entry = Entry {
    id: "RPT-002",
    severity: Severity::Warn,
    title: "the TLS-RPT record can be read",
    why: "Nobody sends reports to what cannot be read.",
    rfc: "RFC 8460 section 3",
    dns: "exactly one TXT record at _smtp._tls: \"v=TLSRPTv1; rua=mailto:...\" or rua=https://...",
    ..BLANK
};
