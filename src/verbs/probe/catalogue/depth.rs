//! Findings that take more than one conversation: names of addresses, what raw hellos show of
//! TLS and its known holes, what SMTP stands by, logins, and what the active tiers ask.

use super::BLANK;
use crate::verbs::probe::findings::{Entry, Severity};

/// The address has a name (PTR).
pub static NET_REVERSE: Entry = Entry {
    id: "NET-003",
    severity: Severity::Warn,
    title: "the address has a name (PTR)",
    why: "Many receivers refuse mail from an address without a name, and a server that takes mail mostly sends some, too.",
    rfc: "RFC 1912 section 2.1; RFC 8601 section 3",
    dns: "1.2.0.192.in-addr.arpa. IN PTR mail.example.org. (the owner of the network has to set it)",
    ..BLANK
};

/// The name of the address leads back to it.
pub static NET_CONFIRMED: Entry = Entry {
    id: "NET-004",
    severity: Severity::Warn,
    title: "the name of the address leads back to it",
    why: "A PTR record alone can claim any name; filters believe only one that is confirmed.",
    rfc: "RFC 1912 section 2.1; RFC 8601 section 3",
    dns: "give the name in the PTR record an A or AAAA record with that address",
    ..BLANK
};

/// Greeting and EHLO have the name that the address points to.
pub static NET_GREETED: Entry = Entry {
    id: "NET-005",
    severity: Severity::Info,
    title: "greeting and EHLO have the name that the address points to",
    why: "Filters score senders whose names differ. It only matters where the server also sends.",
    rfc: "RFC 5321 sections 4.1.4 and 4.3.1",
    postfix: "myhostname = the name in the PTR record",
    exim: "primary_hostname = the name in the PTR record",
    dovecot: "hostname = the name in the PTR record (submission service)",
    dns: "let the PTR record name what the server calls itself",
    ..BLANK
};

/// No mail is taken from users without TLS.
pub static TLS_REQUIRED: Entry = Entry {
    id: "TLS-016",
    severity: Severity::Warn,
    title: "no mail is taken from users without TLS",
    why: "A client that is talked out of TLS sends its mail in the clear.",
    rfc: "RFC 8314 section 3.3; RFC 3207 section 4",
    postfix: "smtpd_tls_security_level = encrypt for the submission service in master.cf",
    exim: "deny condition = ${if eq{$received_port}{587}{${if !def:tls_in_cipher}}} in acl_smtp_mail",
    dovecot: "ssl = required",
    ..BLANK
};

/// Nothing is carried from the clear into TLS.
pub static TLS_INJECTION: Entry = Entry {
    id: "TLS-017",
    severity: Severity::Fail,
    title: "nothing is carried from the clear into TLS",
    why: "Whoever is between can put commands in front of those of a user, and have them done with the user's rights (CVE-2011-0411 and kin).",
    rfc: "RFC 3207 section 6; RFC 9051 section 11.2; RFC 2595 section 4",
    postfix: "update to 2.8.3 or newer",
    exim: "update; look for a proxy in between that speaks TLS for it",
    dovecot: "update to 2.3.14.1 or newer",
    other: "take the proxy or the old server out; servers have to forget what they buffered",
    ..BLANK
};

/// Nobody strikes STARTTLS out of the answer.
pub static TLS_MASKED: Entry = Entry {
    id: "TLS-018",
    severity: Severity::Fail,
    title: "nobody strikes STARTTLS out of the answer",
    why: "A firewall or a provider on the way has masked it (XXXXXXXA and the like): everything crosses in the clear.",
    rfc: "RFC 3207 section 6; RFC 8314 section 3",
    postfix: "submissions (port 465) in master.cf with smtpd_tls_wrappermode = yes, which cannot be masked",
    exim: "daemon_smtp_ports = 25 : 465 : 587, with tls_on_connect_ports = 465",
    dovecot: "ssl = required, and let users connect to 993 and 995, which cannot be masked",
    other: "switch \"SMTP fixup\", \"inspection\" or \"ALG\" off in the firewall; offer port 465 (submissions), which cannot be masked",
    ..BLANK
};

/// An OCSP response is stapled to the certificate.
pub static TLS_STAPLE: Entry = Entry {
    id: "TLS-019",
    severity: Severity::Info,
    title: "an OCSP response is stapled to the certificate",
    why: "Without it a client cannot learn of a revocation, or has to ask the authority who its users speak with.",
    rfc: "RFC 6066 section 8; RFC 9325 section 7.5",
    postfix: "Postfix does not staple: a proxy in front of it can",
    exim: "tls_ocsp_file = /path/response.der",
    dovecot: "Dovecot does not staple: a proxy in front of it can",
    other: "authorities without OCSP have short-lived certificates instead",
    ..BLANK
};

/// The stapled OCSP response says that the certificate is good.
pub static TLS_STAPLE_GOOD: Entry = Entry {
    id: "TLS-035",
    severity: Severity::Fail,
    title: "the stapled OCSP response says that the certificate is good",
    why: "A client that looks at the response refuses a certificate that was revoked, and one that must be stapled (RFC 7633) where the response is old.",
    rfc: "RFC 6066 section 8; RFC 6960 section 4.2.1",
    postfix: "Postfix does not staple: look for the proxy in front of it",
    exim: "tls_ocsp_file = /path/response.der, fetched anew before its next update: openssl ocsp -issuer chain.pem -cert cert.pem -url URL -respout /path/response.der",
    dovecot: "Dovecot does not staple: look for the proxy in front of it",
    other: "a certificate that was revoked has to be replaced, with a new key where the old one is known to others",
    ..BLANK
};

/// A client that names no host is shown the same certificate.
pub static TLS_NAMELESS: Entry = Entry {
    id: "TLS-020",
    severity: Severity::Info,
    title: "a client that names no host is shown the same certificate",
    why: "Old senders do not name the host (SNI), and are shown another certificate, or refused.",
    rfc: "RFC 6066 section 3; RFC 7672 section 8.1",
    postfix: "the first of smtpd_tls_chain_files is for clients without a name; tls_server_sni_maps for the others",
    exim: "tls_certificate without $tls_in_sni in it is for all",
    dovecot: "ssl_server_cert_file outside of local_name { }",
    ..BLANK
};

/// A client that wants another protocol is refused (ALPN).
pub static TLS_ALPN: Entry = Entry {
    id: "TLS-021",
    severity: Severity::Info,
    title: "a client that wants another protocol is refused (ALPN)",
    why: "A server that passes the wish over can be made to answer for a web server of the same name (ALPACA).",
    rfc: "RFC 7301 section 3.2; RFC 9325 section 3.7",
    postfix: "Postfix passes ALPN over: use a certificate that no web server shares",
    exim: "hosts_require_alpn = * from 4.96 on (tls_alpn = smtp)",
    dovecot: "use a certificate that no web server shares",
    ..BLANK
};

/// Sessions are resumed.
pub static TLS_RESUMPTION: Entry = Entry {
    id: "TLS-022",
    severity: Severity::Info,
    title: "sessions are resumed",
    why: "Without resumption every connection pays for a whole handshake.",
    rfc: "RFC 8446 section 2.2; RFC 5077",
    postfix: "smtpd_tls_session_cache_timeout = 3600s, and not NO_TICKET in tls_ssl_options",
    exim: "tls_resumption_hosts = *",
    dovecot: "ssl_options without no_ticket",
    ..BLANK
};

/// TLS does not compress.
pub static TLS_COMPRESSION: Entry = Entry {
    id: "TLS-023",
    severity: Severity::Warn,
    title: "TLS does not compress",
    why: "Compressed secrets can be guessed by their length (CRIME).",
    rfc: "RFC 9325 section 3.3; RFC 7457 section 2.6",
    postfix: "tls_ssl_options = NO_COMPRESSION",
    exim: "openssl_options = +no_compression",
    dovecot: "ssl_options = no_compression",
    ..BLANK
};

/// Renegotiation is secure.
pub static TLS_RENEGOTIATION: Entry = Entry {
    id: "TLS-024",
    severity: Severity::Fail,
    title: "renegotiation is secure",
    why: "Whoever is between can put words of its own in front of those of a user (CVE-2009-3555).",
    rfc: "RFC 5746 section 3.6; RFC 9325 section 3.5",
    postfix: "update OpenSSL to 0.9.8m or newer",
    exim: "update OpenSSL or GnuTLS",
    dovecot: "update OpenSSL",
    ..BLANK
};

/// A client cannot ask for one handshake after the other.
pub static TLS_AGAIN: Entry = Entry {
    id: "TLS-036",
    severity: Severity::Warn,
    title: "a client cannot ask for one handshake after the other",
    why: "Each costs the server many times what it costs the client: one connection can keep a processor busy (CVE-2011-1473).",
    rfc: "RFC 5246 section 7.2.2; RFC 7457 section 2.13",
    postfix: "tls_ssl_options = NO_RENEGOTIATION",
    exim: "openssl_options = +no_renegotiation",
    dovecot: "update to OpenSSL 3.0 or newer, which grants it only where it is told to",
    other: "proxies in front: HAProxy and nginx never grant it, stunnel has renegotiation = no",
    ..BLANK
};

/// The server chooses among suites by its own order.
pub static TLS_ORDER: Entry = Entry {
    id: "TLS-025",
    severity: Severity::Info,
    title: "the server chooses among suites by its own order",
    why: "With the order of the client, an old client gets an old suite where both have a better one. Where all suites are good it does not matter.",
    rfc: "RFC 9325 section 4.2.1",
    postfix: "tls_preempt_cipherlist = yes",
    exim: "openssl_options = +cipher_server_preference",
    dovecot: "ssl_server_prefer_ciphers = server (2.3: ssl_prefer_server_ciphers = yes)",
    ..BLANK
};

/// Finite-field Diffie-Hellman has at least 2048 bits.
pub static TLS_PRIME: Entry = Entry {
    id: "TLS-026",
    severity: Severity::Warn,
    title: "finite-field Diffie-Hellman has at least 2048 bits",
    why: "Smaller groups can be broken, the common ones of 1024 bits once for all (LOGJAM).",
    rfc: "RFC 9325 section 4.4; RFC 7919",
    postfix: "smtpd_tls_dh1024_param_file = auto (3.1 and newer), or a file of 2048 bits",
    exim: "tls_dhparam = historic gives way to tls_dhparam = ffdhe2048",
    dovecot: "ssl_server_dh_file = /path/dh.pem of 2048 bits or more (2.3: ssl_dh = </path/dh.pem), or no DHE suites",
    ..BLANK
};

/// Heartbeats give away no memory (Heartbleed).
pub static TLS_HEARTBLEED: Entry = Entry {
    id: "TLS-027",
    severity: Severity::Fail,
    title: "heartbeats give away no memory (Heartbleed)",
    why: "Keys, passwords and mail can be read out of the memory of the server by anybody (CVE-2014-0160).",
    rfc: "RFC 6520 section 4",
    postfix: "update OpenSSL to 1.0.1g or newer, then postfix stop and postfix start: a reload keeps the old library",
    exim: "update OpenSSL to 1.0.1g or newer, or use a build with GnuTLS, and restart Exim",
    dovecot: "update OpenSSL to 1.0.1g or newer, and doveadm stop, then dovecot: a reload keeps the old library",
    other: "then make new keys, and change every password: both may have been read",
    ..BLANK
};

/// Keys are not made too early (CCS injection).
pub static TLS_EARLY_CHANGE: Entry = Entry {
    id: "TLS-028",
    severity: Severity::Fail,
    title: "keys are not made too early (CCS injection)",
    why: "Whoever is between can make both sides use keys that it knows (CVE-2014-0224).",
    rfc: "RFC 5246 section 7.1",
    postfix: "update OpenSSL to 0.9.8za, 1.0.0m, 1.0.1h or newer, then postfix stop and postfix start: a reload keeps the old library",
    exim: "update OpenSSL to 0.9.8za, 1.0.0m, 1.0.1h or newer, or use a build with GnuTLS, and restart Exim",
    dovecot: "update OpenSSL to 0.9.8za, 1.0.0m, 1.0.1h or newer, and doveadm stop, then dovecot: a reload keeps the old library",
    other: "update what ends TLS in front of the server, too",
    ..BLANK
};

/// The padding of RSA is told to nobody (ROBOT).
pub static TLS_ROBOT: Entry = Entry {
    id: "TLS-029",
    severity: Severity::Fail,
    title: "the padding of RSA is told to nobody (ROBOT)",
    why: "By enough questions recorded sessions can be decrypted, and signatures made with the server's key (CVE-2017-13099 and kin).",
    rfc: "RFC 5246 section 7.4.7.1; RFC 9325 section 4.1",
    postfix: "smtpd_tls_exclude_ciphers = kRSA",
    exim: "tls_require_ciphers = HIGH:!kRSA:!aNULL",
    dovecot: "ssl_cipher_list = HIGH:!kRSA:!aNULL",
    other: "update the TLS library or the load balancer",
    ..BLANK
};

/// SSL 3.0 does not take suites of block ciphers (POODLE).
pub static TLS_POODLE: Entry = Entry {
    id: "TLS-030",
    severity: Severity::Fail,
    title: "SSL 3.0 does not take suites of block ciphers (POODLE)",
    why: "What such a session protects can be read octet by octet by whoever is between (CVE-2014-3566).",
    rfc: "RFC 7568 section 3",
    postfix: "smtpd_tls_protocols = >=TLSv1.2, and the same for smtpd_tls_mandatory_protocols",
    exim: "openssl_options = +no_sslv2 +no_sslv3 +no_tlsv1 +no_tlsv1_1",
    dovecot: "ssl_min_protocol = TLSv1.2",
    ..BLANK
};

/// SSL 2.0 is not spoken (DROWN).
pub static TLS_DROWN: Entry = Entry {
    id: "TLS-031",
    severity: Severity::Fail,
    title: "SSL 2.0 is not spoken (DROWN)",
    why: "Sessions of any newer version, with any server of the same key, can be decrypted by its help (CVE-2016-0800).",
    rfc: "RFC 6176 section 3",
    postfix: "smtpd_tls_protocols = >=TLSv1.2, and the same for smtpd_tls_mandatory_protocols",
    exim: "openssl_options = +no_sslv2 +no_sslv3 +no_tlsv1 +no_tlsv1_1",
    dovecot: "ssl_min_protocol = TLSv1.2",
    ..BLANK
};

/// No RSA key of export grade is used (FREAK).
pub static TLS_FREAK: Entry = Entry {
    id: "TLS-032",
    severity: Severity::Fail,
    title: "no RSA key of export grade is used (FREAK)",
    why: "Whoever is between can talk both sides into keys of 512 bits, which are broken in hours (CVE-2015-0204).",
    rfc: "RFC 9325 section 4.1; RFC 7457 section 2.9",
    postfix: "smtpd_tls_exclude_ciphers = EXPORT",
    exim: "tls_require_ciphers = HIGH:!EXPORT",
    dovecot: "ssl_cipher_list = HIGH:!EXPORT",
    ..BLANK
};

/// No Diffie-Hellman of export grade is used (LOGJAM).
pub static TLS_LOGJAM: Entry = Entry {
    id: "TLS-033",
    severity: Severity::Fail,
    title: "no Diffie-Hellman of export grade is used (LOGJAM)",
    why: "Whoever is between can talk both sides into groups of 512 bits, which are broken in minutes (CVE-2015-4000).",
    rfc: "RFC 9325 section 4.1; RFC 7457 section 2.9",
    postfix: "smtpd_tls_exclude_ciphers = EXPORT",
    exim: "tls_require_ciphers = HIGH:!EXPORT",
    dovecot: "ssl_cipher_list = HIGH:!EXPORT",
    ..BLANK
};

/// Both TLS libraries come to the same verdict on the certificate.
pub static TLS_BACKENDS: Entry = Entry {
    id: "TLS-034",
    severity: Severity::Warn,
    title: "both TLS libraries come to the same verdict on the certificate",
    why: "Clients differ in what they take: some users will see an error and others not. Mostly a certificate between is missing, or a root is in one store only.",
    rfc: "RFC 5280 section 6.1; RFC 8446 section 4.4.2",
    postfix: "smtpd_tls_chain_files = key.pem, fullchain.pem: the whole chain but the root",
    exim: "tls_certificate = /path/fullchain.pem: the whole chain but the root",
    dovecot: "ssl_server_cert_file = /path/fullchain.pem (2.3: ssl_cert = </path/fullchain.pem)",
    ..BLANK
};

/// The user can log in.
pub static AUTH_LOGIN: Entry = Entry {
    id: "AUTH-003",
    severity: Severity::Fail,
    title: "the user can log in",
    why: "The user, or a program in the user's name, does not get to the mail.",
    rfc: "RFC 4954 section 4; RFC 9051 section 6.2; RFC 5034 section 4",
    postfix: "look for \"SASL\" in the log; smtpd_sasl_path has to lead to the server of passwords",
    exim: "the main log has the authenticator and its reason",
    dovecot: "auth_verbose = yes, and `doveadm auth test USER`",
    other: "check user, password and mechanism; a provider may want an app password or a token",
    ..BLANK
};

/// Commands sent together are answered, each in its turn.
pub static SMTP_REPLIES: Entry = Entry {
    id: "SMTP-008",
    severity: Severity::Warn,
    title: "commands sent together are answered, each in its turn",
    why: "Senders pipeline where it is offered. Where an answer is lost, mail is, or comes twice.",
    rfc: "RFC 2920 sections 3.1 and 3.2",
    postfix: "take PIPELINING out by smtpd_discard_ehlo_keywords while a proxy in between loses commands",
    exim: "pipelining_advertise_hosts = : while a proxy in between loses commands",
    other: "look for a proxy or a firewall that speaks SMTP in between",
    ..BLANK
};

/// Replies have the enhanced codes that are offered.
pub static SMTP_ENHANCED: Entry = Entry {
    id: "SMTP-009",
    severity: Severity::Info,
    title: "replies have the enhanced codes that are offered",
    why: "Senders turn them into words for their users; without one they have to guess.",
    rfc: "RFC 2034 section 4; RFC 3463",
    postfix: "Postfix does so by itself: look for a milter or a policy service that answers without one",
    exim: "write \"5.7.1 ...\" in the message of each ACL",
    other: "look for a proxy that speaks SMTP in between",
    ..BLANK
};

/// What is above SIZE is refused before it is sent.
pub static SMTP_SIZE_KEPT: Entry = Entry {
    id: "SMTP-019",
    severity: Severity::Info,
    title: "what is above SIZE is refused before it is sent",
    why: "A sender that asks beforehand is told that the message fits, sends all of it, and learns only then that it does not.",
    rfc: "RFC 1870 sections 6.1 and 6.2",
    postfix: "message_size_limit decides; take a proxy filter out that answers MAIL by itself (smtpd_proxy_filter)",
    exim: "message_size_limit = 50M; look for an ACL that accepts before it",
    other: "look for a proxy that speaks SMTP in between",
    ..BLANK
};

/// BODY=8BITMIME is taken as it is offered.
pub static SMTP_8BIT_TAKEN: Entry = Entry {
    id: "SMTP-010",
    severity: Severity::Warn,
    title: "BODY=8BITMIME is taken as it is offered",
    why: "Mail of 8 bits bounces where the server does not stand by its word.",
    rfc: "RFC 6152 section 2",
    postfix: "smtpd_discard_ehlo_keywords = 8bitmime, or mend the proxy that refuses it",
    exim: "accept_8bitmime = true",
    ..BLANK
};

/// SMTPUTF8 is taken as it is offered.
pub static SMTP_UTF8_TAKEN: Entry = Entry {
    id: "SMTP-011",
    severity: Severity::Warn,
    title: "SMTPUTF8 is taken as it is offered",
    why: "Mail to addresses in other scripts bounces where the server does not stand by its word.",
    rfc: "RFC 6531 section 3.1",
    postfix: "smtputf8_enable = no, or mend the proxy that refuses it",
    exim: "smtputf8_advertise_hosts = :",
    ..BLANK
};

/// Chunks (BDAT) are taken where CHUNKING is offered.
pub static SMTP_CHUNKING_TAKEN: Entry = Entry {
    id: "SMTP-012",
    severity: Severity::Warn,
    title: "chunks (BDAT) are taken where CHUNKING is offered",
    why: "Senders that use BDAT do not get their mail through.",
    rfc: "RFC 3030 section 2",
    postfix: "smtpd_discard_ehlo_keywords = chunking",
    exim: "chunking_advertise_hosts = :",
    ..BLANK
};

/// REQUIRETLS is taken as it is offered.
pub static SMTP_REQUIRETLS: Entry = Entry {
    id: "SMTP-013",
    severity: Severity::Warn,
    title: "REQUIRETLS is taken as it is offered",
    why: "Mail that must not travel in the clear bounces where the server does not stand by its word.",
    rfc: "RFC 8689 section 4.2",
    postfix: "smtpd_discard_ehlo_keywords = requiretls (3.11 and newer)",
    exim: "Exim does not offer REQUIRETLS: look for a proxy that does",
    other: "mend the proxy that refuses the parameter",
    ..BLANK
};

/// A client that speaks before the greeting is turned away.
pub static SMTP_EARLY: Entry = Entry {
    id: "SMTP-014",
    severity: Severity::Info,
    title: "a client that speaks before the greeting is turned away",
    why: "Programs that send spam do not wait; turning them away costs nobody else anything.",
    rfc: "RFC 5321 section 3.1; RFC 5321 section 4.3.1",
    postfix: "postscreen with postscreen_greet_action = enforce",
    exim: "smtp_enforce_sync = true, with a delay in acl_smtp_connect",
    ..BLANK
};

/// VRFY does not tell who is there.
pub static SMTP_VRFY: Entry = Entry {
    id: "SMTP-015",
    severity: Severity::Warn,
    title: "VRFY does not tell who is there",
    why: "Senders of spam collect addresses by it.",
    rfc: "RFC 5321 sections 3.5 and 7.3",
    postfix: "disable_vrfy_command = yes",
    exim: "acl_smtp_vrfy without accept (the default refuses)",
    ..BLANK
};

/// EXPN does not tell who is on a list.
pub static SMTP_EXPN: Entry = Entry {
    id: "SMTP-016",
    severity: Severity::Warn,
    title: "EXPN does not tell who is on a list",
    why: "Senders of spam collect addresses by it.",
    rfc: "RFC 5321 sections 3.5 and 7.3",
    postfix: "Postfix does not know EXPN: look for another server at this address",
    exim: "acl_smtp_expn without accept (the default refuses)",
    ..BLANK
};

/// Mail for others is refused (no open relay).
pub static SMTP_RELAY: Entry = Entry {
    id: "SMTP-017",
    severity: Severity::Fail,
    title: "mail for others is refused (no open relay)",
    why: "Anybody can send spam by this server; within hours somebody will, and it will be on every list.",
    rfc: "RFC 5321 section 7.9; RFC 2505 section 2.1",
    postfix: "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
    exim: "require verify = recipient and domains = +local_domains : +relay_to_domains in acl_smtp_rcpt",
    dovecot: "submission_relay_host needs a login: do not open the service to the network without",
    ..BLANK
};

/// Only CRLF . CRLF ends a message.
pub static SMTP_SMUGGLING: Entry = Entry {
    id: "SMTP-018",
    severity: Severity::Fail,
    title: "only CRLF . CRLF ends a message",
    why: "Another message, with any sender, can be smuggled past the checks of a server that sees the end elsewhere (CVE-2023-51764 and kin).",
    rfc: "RFC 5321 sections 2.3.8 and 4.1.1.4",
    postfix: "smtpd_forbid_bare_newline = normalize (3.9; 3.5.23, 3.6.13, 3.7.9, 3.8.4 and newer)",
    exim: "update to 4.97.1 or newer",
    other: "update the server, and every proxy in front of it",
    ..BLANK
};

/// The server tells its namespaces.
pub static IMAP_NAMESPACE: Entry = Entry {
    id: "IMAP-003",
    severity: Severity::Info,
    title: "the server tells its namespaces",
    why: "Clients guess where folders of the user go, and which are shared.",
    rfc: "RFC 9051 section 6.3.10; RFC 2342 section 5",
    dovecot: "imap_capability must not replace the list; namespaces stand in namespace { }",
    ..BLANK
};

/// UIDVALIDITY stays as it is.
pub static IMAP_UIDVALIDITY: Entry = Entry {
    id: "IMAP-004",
    severity: Severity::Fail,
    title: "UIDVALIDITY stays as it is",
    why: "A client fetches all mail again whenever it changes, and may do so twice.",
    rfc: "RFC 9051 section 2.3.1.1",
    dovecot: "mail_location on a file system that keeps dovecot-uidlist, and the same for every server of a cluster",
    ..BLANK
};

/// IDLE tells of new mail.
pub static IMAP_IDLE: Entry = Entry {
    id: "IMAP-005",
    severity: Severity::Warn,
    title: "IDLE tells of new mail",
    why: "Clients have to ask again and again, and see mail late.",
    rfc: "RFC 9051 section 6.3.13; RFC 2177 section 3",
    dovecot: "imap_capability must not replace the list; take proxies away that do not know IDLE",
    ..BLANK
};
