//! Findings about what else a domain says: signatures, DKIM, DMARC's details, MTA-STS policies,
//! DANE, CAA, BIMI, DNS lists, and the services of its users.

use super::BLANK;
use crate::verbs::probe::findings::{Entry, Severity};

/// The MX records are signed (DNSSEC).
pub static DNS_SIGNED: Entry = Entry {
    id: "DNS-002",
    severity: Severity::Info,
    title: "the MX records are signed (DNSSEC)",
    why: "Without signatures a forged answer can lead mail anywhere, and DANE does not count.",
    rfc: "RFC 4033 section 3; RFC 7672 section 2.2.1",
    dns: "sign the zone, and have its DS record put into the parent zone",
    ..BLANK
};

/// No more than two names that SPF asks for have no answer.
pub static SPF_VOIDS: Entry = Entry {
    id: "SPF-008",
    severity: Severity::Warn,
    title: "no more than two names that SPF asks for have no answer",
    why: "Receivers may stop at the third and take the record for an error (void lookups).",
    rfc: "RFC 7208 section 4.6.4",
    dns: "take the names out that do not exist any more",
    ..BLANK
};

/// No mx of SPF leads to more than ten hosts.
pub static SPF_CROWD: Entry = Entry {
    id: "SPF-009",
    severity: Severity::Fail,
    title: "no mx of SPF leads to more than ten hosts",
    why: "Receivers take the record for an error.",
    rfc: "RFC 7208 section 4.6.4",
    dns: "replace the mx by ip4: and ip6: networks",
    ..BLANK
};

/// A DKIM key is found.
pub static DKIM_PRESENT: Entry = Entry {
    id: "DKIM-001",
    severity: Severity::Warn,
    title: "a DKIM key is found",
    why: "Without DKIM, DMARC does not survive forwarding. Keys can only be found by their selectors: where none of the common ones is used, name yours by --selector.",
    rfc: "RFC 6376 section 3.6.2; RFC 7489 section 3",
    dns: "SELECTOR._domainkey.example.org. IN TXT \"v=DKIM1; k=rsa; p=...\"",
    ..BLANK
};

/// Every DKIM key that is found can be read.
pub static DKIM_VALID: Entry = Entry {
    id: "DKIM-002",
    severity: Severity::Fail,
    title: "every DKIM key that is found can be read",
    why: "Receivers take signatures by it for wrong.",
    rfc: "RFC 6376 sections 3.6.1 and 6.1.2",
    dns: "publish the key as the signer prints it: one TXT record of tags, p= in base64 without line ends",
    ..BLANK
};

/// Every DKIM key of RSA has at least 2048 bits.
pub static DKIM_SIZE: Entry = Entry {
    id: "DKIM-003",
    severity: Severity::Warn,
    title: "every DKIM key of RSA has at least 2048 bits",
    why: "Keys of 1024 bits are in reach of the well-off, and receivers pass over smaller ones.",
    rfc: "RFC 8301 section 3.2",
    dns: "a new selector with a key of 2048 bits, and the old one revoked (p=) some days later",
    ..BLANK
};

/// No DKIM key that is found was revoked.
pub static DKIM_REVOKED: Entry = Entry {
    id: "DKIM-004",
    severity: Severity::Info,
    title: "no DKIM key that is found was revoked",
    why: "A revoked key (p=) is how an old selector should end. Where a signer still uses it, its signatures fail.",
    rfc: "RFC 6376 section 3.6.1",
    dns: "nothing, unless mail is still signed by that selector",
    ..BLANK
};

/// No DKIM key is being tested (t=y), or good for SHA-1 only.
pub static DKIM_TESTING: Entry = Entry {
    id: "DKIM-005",
    severity: Severity::Warn,
    title: "no DKIM key is being tested (t=y), or good for SHA-1 only",
    why: "Receivers treat mail signed by such a key as if it were not signed.",
    rfc: "RFC 6376 section 3.6.1; RFC 8301 section 3.1",
    dns: "take t=y and h=sha1 out of the record",
    ..BLANK
};

/// Names below are no less protected (sp).
pub static DMARC_SUBDOMAINS: Entry = Entry {
    id: "DMARC-006",
    severity: Severity::Warn,
    title: "names below are no less protected (sp)",
    why: "Whoever forges mail takes a name below the domain instead.",
    rfc: "RFC 7489 section 6.3",
    dns: "take sp=none out of the DMARC record, or make it sp=reject",
    ..BLANK
};

/// The DMARC policy is for all mail (pct, t).
pub static DMARC_PART: Entry = Entry {
    id: "DMARC-007",
    severity: Severity::Warn,
    title: "the DMARC policy is for all mail (pct, t)",
    why: "Forged mail passes by chance, or always.",
    rfc: "RFC 7489 section 6.6.4",
    dns: "take pct= and t=y out of the DMARC record once the reports look well",
    ..BLANK
};

/// Only mail of the very domain is aligned.
pub static DMARC_ALIGNED: Entry = Entry {
    id: "DMARC-009",
    severity: Severity::Info,
    title: "only mail of the very domain is aligned (adkim=s, aspf=s)",
    why: "With relaxed alignment whoever signs or sends for any name below the domain speaks for the domain itself. That is right where such names are the domain's own mailers.",
    rfc: "RFC 7489 sections 3.1 and 10.4",
    dns: "add adkim=s; aspf=s to the DMARC record, once all mail is signed and sent by the domain itself",
    ..BLANK
};

/// Reports of DMARC are wanted where they go.
pub static DMARC_CONSENT: Entry = Entry {
    id: "DMARC-008",
    severity: Severity::Warn,
    title: "reports of DMARC are wanted where they go",
    why: "Reporters do not send to a domain that has not agreed.",
    rfc: "RFC 7489 section 7.1",
    dns: "example.org._report._dmarc.reports.example.net. IN TXT \"v=DMARC1\", in the zone of the receiver of the reports",
    ..BLANK
};

/// The MTA-STS policy can be fetched and read.
pub static STS_POLICY: Entry = Entry {
    id: "STS-003",
    severity: Severity::Fail,
    title: "the MTA-STS policy can be fetched and read",
    why: "Senders that look at MTA-STS do as if there were none, or keep to an old one.",
    rfc: "RFC 8461 sections 3.2 and 3.3",
    other: "serve https://mta-sts.example.org/.well-known/mta-sts.txt as text/plain, with status 200 and a certificate for that name: version: STSv1, mode: enforce, mx: mail.example.org, max_age: 604800",
    ..BLANK
};

/// The MTA-STS policy covers every MX host.
pub static STS_COVERS: Entry = Entry {
    id: "STS-004",
    severity: Severity::Fail,
    title: "the MTA-STS policy covers every MX host",
    why: "Senders do not deliver to a host that the policy does not name.",
    rfc: "RFC 8461 section 4.1",
    dns: "or take the host out of the MX records",
    other: "add a line \"mx: HOST\" to the policy, and change the id of the record",
    ..BLANK
};

/// The MTA-STS policy is enforced.
pub static STS_ENFORCE: Entry = Entry {
    id: "STS-005",
    severity: Severity::Info,
    title: "the MTA-STS policy is enforced",
    why: "In testing mode mail is delivered in the clear all the same; reports (TLS-RPT) tell of it.",
    rfc: "RFC 8461 section 5",
    other: "mode: enforce, and max_age: of weeks, once the reports look well",
    ..BLANK
};

/// There are TLSA records for the host, signed and usable.
pub static DANE_PRESENT: Entry = Entry {
    id: "DANE-001",
    severity: Severity::Info,
    title: "there are TLSA records for the host, signed and usable",
    why: "Senders that know DANE verify the host by them, without any authority.",
    rfc: "RFC 7672 section 3; RFC 7671 section 5.1",
    dns: "_25._tcp.mail.example.org. IN TLSA 3 1 1 DIGEST: SHA-256 of the public key; the zone has to be signed",
    ..BLANK
};

/// The certificate is one that the TLSA records vouch for.
pub static DANE_MATCH: Entry = Entry {
    id: "DANE-002",
    severity: Severity::Fail,
    title: "the certificate is one that the TLSA records vouch for",
    why: "Senders that know DANE do not deliver.",
    rfc: "RFC 7672 sections 2.2 and 3.1",
    postfix: "smtpd_tls_chain_files has to hold the key that the record is of",
    dns: "publish TLSA 3 1 1 of the new key beside the old one, some days before the key is changed",
    ..BLANK
};

/// CAA records say who may issue certificates.
pub static CAA_PRESENT: Entry = Entry {
    id: "CAA-001",
    severity: Severity::Info,
    title: "CAA records say who may issue certificates",
    why: "Without them any authority may, for whoever convinces it.",
    rfc: "RFC 8659 section 3",
    dns: "example.org. IN CAA 0 issue \"letsencrypt.org\"",
    ..BLANK
};

/// CAA records say so for every MX host.
pub static CAA_HOSTS: Entry = Entry {
    id: "CAA-002",
    severity: Severity::Info,
    title: "CAA records say so for every MX host",
    why: "The certificate that senders see is issued for the host, whose name may be of another domain.",
    rfc: "RFC 8659 section 3",
    dns: "mail.example.org. IN CAA 0 issue \"letsencrypt.org\" (or the same at the domain of the host)",
    ..BLANK
};

/// A BIMI record names a logo.
pub static BIMI_PRESENT: Entry = Entry {
    id: "BIMI-001",
    severity: Severity::Info,
    title: "a BIMI record names a logo",
    why: "Some providers show it beside mail that passes DMARC with p=quarantine or reject.",
    rfc: "RFC 7489 section 6.3",
    dns: "default._bimi.example.org. IN TXT \"v=BIMI1; l=https://example.org/logo.svg; a=https://example.org/vmc.pem\"",
    ..BLANK
};

/// The BIMI record can be read.
pub static BIMI_VALID: Entry = Entry {
    id: "BIMI-002",
    severity: Severity::Warn,
    title: "the BIMI record can be read",
    why: "The logo is not shown.",
    rfc: "RFC 7489 section 6.3",
    dns: "\"v=BIMI1; l=https://...\": l leads to an SVG by HTTPS, a to a certificate, or is empty",
    ..BLANK
};

/// No MX address is on a DNS list that was asked.
pub static LIST_CLEAR: Entry = Entry {
    id: "LIST-001",
    severity: Severity::Fail,
    title: "no MX address is on a DNS list that was asked",
    why: "Receivers that use the list refuse mail from there.",
    rfc: "RFC 5782 section 2.1; RFC 6471 section 3.2",
    other: "find out what was sent, stop it, and ask for removal on the web site of the list",
    ..BLANK
};

/// SRV records offer mail services to users.
pub static SRV_PRESENT: Entry = Entry {
    id: "SRV-001",
    severity: Severity::Info,
    title: "SRV records offer mail services to users",
    why: "Programs for mail find the servers by them.",
    rfc: "RFC 6186 section 3; RFC 8314 section 5.1",
    dns: "_imaps._tcp.example.org. IN SRV 0 1 993 mail.example.org. and _submissions._tcp.example.org. IN SRV 0 1 465 mail.example.org.",
    ..BLANK
};

/// Every SRV record leads to a host with an address of its own.
pub static SRV_HOSTS: Entry = Entry {
    id: "SRV-002",
    severity: Severity::Warn,
    title: "every SRV record leads to a host with an address of its own",
    why: "Programs that go by the record find nothing.",
    rfc: "RFC 2782; RFC 6186 section 3",
    dns: "let the record name a host that has A or AAAA records, and no alias",
    ..BLANK
};

/// There is an autoconfig document.
pub static AUTOCONFIG: Entry = Entry {
    id: "CONF-001",
    severity: Severity::Info,
    title: "there is an autoconfig document",
    why: "Thunderbird and its kin find the servers by it.",
    rfc: "RFC 6186 section 1",
    dns: "autoconfig.example.org. IN CNAME www.example.org.",
    other: "serve https://autoconfig.example.org/mail/config-v1.1.xml",
    ..BLANK
};

/// The autoconfig document can be read, and names a server with TLS.
pub static AUTOCONFIG_VALID: Entry = Entry {
    id: "CONF-002",
    severity: Severity::Warn,
    title: "the autoconfig document can be read, and names a server with TLS",
    why: "Programs that go by it find nothing, or no TLS.",
    rfc: "RFC 8314 section 3",
    other: "a clientConfig with incomingServer and outgoingServer, each with hostname, port and socketType SSL or STARTTLS",
    ..BLANK
};

/// Autodiscover is offered.
pub static AUTODISCOVER: Entry = Entry {
    id: "CONF-003",
    severity: Severity::Info,
    title: "autodiscover is offered",
    why: "Outlook finds the servers by it.",
    rfc: "RFC 6186 section 1",
    dns: "_autodiscover._tcp.example.org. IN SRV 0 1 443 mail.example.org.",
    other: "serve https://autodiscover.example.org/autodiscover/autodiscover.xml",
    ..BLANK
};

/// Autodiscover answers.
pub static AUTODISCOVER_VALID: Entry = Entry {
    id: "CONF-004",
    severity: Severity::Warn,
    title: "autodiscover answers, and its answer can be read",
    why: "Outlook waits, then asks its user for servers and ports.",
    rfc: "RFC 8314 section 3",
    dns: "take the SRV record or the name autodiscover away, if there is nothing behind it",
    other: "serve POST of https://autodiscover.example.org/autodiscover/autodiscover.xml, with Protocol elements of Type IMAP and SMTP, each with Server, Port and SSL on",
    ..BLANK
};
