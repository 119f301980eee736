//! Findings about an endpoint: connections, TLS, logins, and each protocol.

use super::BLANK;
use crate::verbs::probe::findings::{Entry, Severity};

/// The endpoint takes connections.
pub static NET_REACHABLE: Entry = Entry {
    id: "NET-001",
    severity: Severity::Fail,
    title: "the endpoint takes connections",
    why: "Mail and clients cannot get through. A refused connection is a fault; silence may be a firewall between here and there, and is unknown.",
    rfc: "RFC 5321 section 4.5.4.1",
    postfix: "inet_interfaces = all",
    exim: "local_interfaces = <; ::0 ; 0.0.0.0",
    dovecot: "listen = *, ::",
    other: "start the server, open the port in the firewall, or take the host out of the MX, SRV or client configuration",
    ..BLANK
};

/// Every address family answers.
pub static NET_FAMILIES: Entry = Entry {
    id: "NET-002",
    severity: Severity::Warn,
    title: "every address family answers",
    why: "A client that prefers the dead family waits before it tries the other one, or gives up.",
    rfc: "RFC 8305 section 3",
    postfix: "inet_protocols = all",
    exim: "local_interfaces = <; ::0 ; 0.0.0.0",
    dovecot: "listen = *, ::",
    dns: "take the A or AAAA record of the dead address away, or make the server listen on it",
    ..BLANK
};

/// STARTTLS is offered.
pub static TLS_STARTTLS: Entry = Entry {
    id: "TLS-001",
    severity: Severity::Fail,
    title: "STARTTLS is offered",
    why: "Without it everything crosses the network in the clear, passwords too.",
    rfc: "RFC 3207 section 4; RFC 9051 section 6.2.1; RFC 2595 section 4; RFC 8314 section 3",
    postfix: "smtpd_tls_security_level = may (submission: encrypt), with smtpd_tls_chain_files = /path/key.pem, /path/chain.pem",
    exim: "tls_advertise_hosts = *, with tls_certificate and tls_privatekey",
    dovecot: "ssl = required, with ssl_server_cert_file and ssl_server_key_file (2.3: ssl_cert = </path, ssl_key = </path)",
    ..BLANK
};

/// The TLS handshake succeeds.
pub static TLS_HANDSHAKE: Entry = Entry {
    id: "TLS-002",
    severity: Severity::Fail,
    title: "the TLS handshake succeeds",
    why: "A server that promises TLS and does not speak it gets no mail from senders that insist, and clients show an error.",
    rfc: "RFC 3207 section 4; RFC 8446 section 4.1",
    postfix: "look for \"TLS library problem\" in the log; check smtpd_tls_chain_files, and that smtpd_tls_protocols = >=TLSv1.2",
    exim: "check tls_certificate, tls_privatekey and tls_require_ciphers; the main log has the reason",
    dovecot: "check ssl_server_cert_file, ssl_server_key_file and ssl_min_protocol; `doveadm log errors` has the reason",
    ..BLANK
};

/// The certificate comes from a trusted authority.
pub static TLS_TRUSTED: Entry = Entry {
    id: "TLS-003",
    severity: Severity::Fail,
    title: "the certificate comes from a trusted authority",
    why: "Clients warn or refuse. Senders that verify (MTA-STS) do not deliver; between mail servers without such a policy it only means that nobody can tell who answers.",
    rfc: "RFC 5280 section 6; RFC 7817 section 3; RFC 8461 section 4.1",
    postfix: "smtpd_tls_chain_files = key.pem, fullchain.pem: the whole chain but the root",
    exim: "tls_certificate = /path/fullchain.pem: the whole chain but the root",
    dovecot: "ssl_server_cert_file = /path/fullchain.pem (2.3: ssl_cert = </path/fullchain.pem)",
    other: "get a certificate from a public authority, such as Let's Encrypt by ACME (RFC 8555)",
    ..BLANK
};

/// The certificate is for the name that clients connect to.
pub static TLS_NAME: Entry = Entry {
    id: "TLS-004",
    severity: Severity::Fail,
    title: "the certificate is for the name that clients connect to",
    why: "Anybody who has some certificate could answer in its place; clients warn or refuse, and MTA-STS senders do not deliver.",
    rfc: "RFC 6125 section 6; RFC 7817 section 3; RFC 8461 section 4.1",
    postfix: "smtpd_tls_chain_files = key.pem, fullchain.pem of a certificate for every name; tls_server_sni_maps for one each",
    exim: "tls_certificate = /path/$tls_in_sni.pem, or one for every name",
    dovecot: "ssl_server_cert_file of a certificate for every name, or local_name NAME { } for each",
    dns: "let the MX, SRV or client configuration name a host that is in the certificate",
    other: "issue the certificate for every name that the server is reached by",
};

/// The certificate is in its time.
pub static TLS_TIME: Entry = Entry {
    id: "TLS-005",
    severity: Severity::Fail,
    title: "the certificate is in its time",
    why: "Clients refuse an expired certificate, and so do senders under MTA-STS.",
    rfc: "RFC 5280 section 4.1.2.5; RFC 8461 section 4.1",
    postfix: "renew it, and `postfix reload` after that",
    exim: "renew it; Exim reads it anew for each connection",
    dovecot: "renew it, and `doveadm reload` after that",
    other: "check the clock of this machine first",
    ..BLANK
};

/// The certificate is good for more than 14 days.
pub static TLS_EXPIRY: Entry = Entry {
    id: "TLS-006",
    severity: Severity::Warn,
    title: "the certificate is good for more than 14 days",
    why: "A renewal that has not happened by now will perhaps not happen in time.",
    rfc: "RFC 5280 section 4.1.2.5",
    postfix: "a deploy hook: postfix reload",
    exim: "nothing: Exim reads it anew",
    dovecot: "a deploy hook: doveadm reload",
    other: "see whether the renewal works: `certbot renew --dry-run`, or that of your ACME client",
    ..BLANK
};

/// SSL 3.0 is not spoken.
pub static TLS_NO_SSL: Entry = Entry {
    id: "TLS-007",
    severity: Severity::Fail,
    title: "SSL 3.0 is not spoken",
    why: "What it protects can be read by anybody between (POODLE).",
    rfc: "RFC 7568 section 3",
    postfix: "smtpd_tls_protocols = >=TLSv1.2, and the same for smtpd_tls_mandatory_protocols",
    exim: "openssl_options = +no_sslv2 +no_sslv3 +no_tlsv1 +no_tlsv1_1",
    dovecot: "ssl_min_protocol = TLSv1.2",
    ..BLANK
};

/// TLS 1.0 and TLS 1.1 are not spoken.
pub static TLS_NO_OLD: Entry = Entry {
    id: "TLS-008",
    severity: Severity::Warn,
    title: "TLS 1.0 and TLS 1.1 are not spoken",
    why: "Both rest on MD5 and SHA-1 and must not be used any more. Between mail servers, old TLS is at least more than none.",
    rfc: "RFC 8996 sections 4 and 5; RFC 9325 section 3.1.1",
    postfix: "smtpd_tls_protocols = >=TLSv1.2, and the same for smtpd_tls_mandatory_protocols",
    exim: "openssl_options = +no_sslv2 +no_sslv3 +no_tlsv1 +no_tlsv1_1",
    dovecot: "ssl_min_protocol = TLSv1.2",
    ..BLANK
};

/// TLS 1.3 is spoken.
pub static TLS_13: Entry = Entry {
    id: "TLS-009",
    severity: Severity::Warn,
    title: "TLS 1.3 is spoken",
    why: "Older versions show more of the handshake, take a round trip longer, and have no post-quantum key exchange.",
    rfc: "RFC 8446; RFC 9325 section 3.1.1",
    postfix: "smtpd_tls_protocols = >=TLSv1.2 with OpenSSL 1.1.1 or newer",
    exim: "build with OpenSSL 1.1.1 or GnuTLS 3.6.5 or newer, and do not set +no_tlsv1_3",
    dovecot: "ssl_min_protocol = TLSv1.2 with OpenSSL 1.1.1 or newer",
    ..BLANK
};

/// No broken cipher suite is taken (NULL, export, RC4, single DES).
pub static TLS_BROKEN_SUITES: Entry = Entry {
    id: "TLS-010",
    severity: Severity::Fail,
    title: "no broken cipher suite is taken (NULL, export, RC4, single DES)",
    why: "What they protect can be read, today, by anybody between; an attacker can talk the two sides into them.",
    rfc: "RFC 7465; RFC 9325 section 4.1",
    postfix: "smtpd_tls_exclude_ciphers = aNULL, eNULL, EXPORT, RC4, DES, 3DES, and smtpd_tls_ciphers = medium",
    exim: "tls_require_ciphers = HIGH:!aNULL:!eNULL:!EXPORT:!RC4:!DES:!3DES",
    dovecot: "ssl_cipher_list = HIGH:!aNULL:!eNULL:!EXPORT:!RC4:!DES:!3DES",
    ..BLANK
};

/// No anonymous cipher suite is taken.
pub static TLS_ANONYMOUS: Entry = Entry {
    id: "TLS-011",
    severity: Severity::Warn,
    title: "no anonymous cipher suite is taken",
    why: "Anybody between can be the server. A mail exchanger may take them from senders that verify nothing anyway, and there it is no more than worth knowing.",
    rfc: "RFC 9325 section 4.1; RFC 7672 section 8.2",
    postfix: "smtpd_tls_exclude_ciphers = aNULL (submission: smtpd_tls_mandatory_exclude_ciphers = aNULL)",
    exim: "tls_require_ciphers = HIGH:!aNULL",
    dovecot: "ssl_cipher_list = HIGH:!aNULL",
    ..BLANK
};

/// No cipher of 64-bit blocks is taken (3DES, IDEA).
pub static TLS_SMALL_BLOCKS: Entry = Entry {
    id: "TLS-012",
    severity: Severity::Warn,
    title: "no cipher of 64-bit blocks is taken (3DES, IDEA)",
    why: "Long connections can be read after some hours of traffic (SWEET32).",
    rfc: "RFC 9325 section 4.1",
    postfix: "smtpd_tls_exclude_ciphers = 3DES, IDEA",
    exim: "tls_require_ciphers = HIGH:!3DES:!IDEA",
    dovecot: "ssl_cipher_list = HIGH:!3DES:!IDEA",
    ..BLANK
};

/// A post-quantum key exchange is taken.
pub static TLS_POST_QUANTUM: Entry = Entry {
    id: "TLS-013",
    severity: Severity::Info,
    title: "a post-quantum key exchange is taken",
    why: "What is recorded today could be read once there are quantum computers. X25519MLKEM768 prevents that and costs little.",
    rfc: "RFC 8446 section 4.2.7",
    postfix: "tls_config_file with Groups = X25519MLKEM768:X25519, and OpenSSL 3.5 or newer",
    exim: "tls_eccurve = X25519MLKEM768:X25519, and OpenSSL 3.5 or newer",
    dovecot: "ssl_curve_list = X25519MLKEM768:X25519, and OpenSSL 3.5 or newer",
    ..BLANK
};

/// Every key of the chain is long enough.
pub static TLS_KEY_SIZE: Entry = Entry {
    id: "TLS-014",
    severity: Severity::Warn,
    title: "every key of the chain is long enough",
    why: "A key of RSA below 2048 bits, or of an elliptic curve below 224, can be broken with enough money.",
    rfc: "RFC 9325 section 4.5",
    postfix: "smtpd_tls_chain_files = new-key.pem, fullchain.pem",
    exim: "tls_privatekey = /path/new-key.pem, with tls_certificate = /path/fullchain.pem",
    dovecot: "ssl_server_key_file = /path/new-key.pem, with ssl_server_cert_file (2.3: ssl_key = </path, ssl_cert = </path)",
    other: "make a new key (`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`) and have it certified",
    ..BLANK
};

/// No certificate of the chain is signed by way of SHA-1 or MD5.
pub static TLS_SIGNATURE: Entry = Entry {
    id: "TLS-015",
    severity: Severity::Fail,
    title: "no certificate of the chain is signed by way of SHA-1 or MD5",
    why: "Such signatures can be forged, and clients of today refuse them.",
    rfc: "RFC 9155 section 2; RFC 9325 section 4.4",
    postfix: "smtpd_tls_chain_files = key.pem, fullchain.pem of the new certificate",
    exim: "tls_certificate = /path/fullchain.pem of the new certificate",
    dovecot: "ssl_server_cert_file = /path/fullchain.pem of the new certificate (2.3: ssl_cert = </path)",
    other: "have the certificate issued anew; every authority signs with SHA-256 or better by now",
    ..BLANK
};

/// No password is asked for before TLS.
pub static AUTH_BEFORE_TLS: Entry = Entry {
    id: "AUTH-001",
    severity: Severity::Fail,
    title: "no password is asked for before TLS",
    why: "A client that is talked out of TLS sends its password for anybody between to read. Servers are to refuse cleartext logins on unprotected connections.",
    rfc: "RFC 4954 section 4; RFC 9051 section 11.1; RFC 8314 section 3; RFC 2595 section 2.3",
    postfix: "smtpd_tls_auth_only = yes",
    exim: "server_advertise_condition = ${if def:tls_in_cipher} in each authenticator",
    dovecot: "ssl = required, or auth_allow_cleartext = no (2.3: disable_plaintext_auth = yes)",
    ..BLANK
};

/// Users can log in under TLS.
pub static AUTH_OFFERED: Entry = Entry {
    id: "AUTH-002",
    severity: Severity::Warn,
    title: "users can log in under TLS",
    why: "A server for users that offers no login is of no use to them, or hides it from this client.",
    rfc: "RFC 6409 section 4.3; RFC 4954 section 4; RFC 9051 section 6.2.2; RFC 5034 section 4",
    postfix: "smtpd_sasl_auth_enable = yes for the submission services in master.cf",
    exim: "an authenticator with server_advertise_condition",
    dovecot: "auth_mechanisms = plain login",
    ..BLANK
};

/// The server greets with 220.
pub static SMTP_GREETING: Entry = Entry {
    id: "SMTP-001",
    severity: Severity::Fail,
    title: "the server greets with 220",
    why: "Senders take a 554 as \"no service here\" and anything else as a broken server.",
    rfc: "RFC 5321 sections 3.1 and 4.2",
    postfix: "see the log of postscreen and of smtpd_client_restrictions for why this client is turned away",
    exim: "see the log for acl_smtp_connect",
    dovecot: "see the log of the submission or LMTP service",
    ..BLANK
};

/// The greeting names the host by its full name.
pub static SMTP_BANNER: Entry = Entry {
    id: "SMTP-002",
    severity: Severity::Warn,
    title: "the greeting names the host by its full name",
    why: "The first word behind 220 is the name of the server; some filters compare it with the reverse DNS name.",
    rfc: "RFC 5321 sections 3.1 and 4.2",
    postfix: "myhostname = mail.example.org, and smtpd_banner = $myhostname ESMTP",
    exim: "primary_hostname = mail.example.org",
    dovecot: "hostname = mail.example.org",
    ..BLANK
};

/// EHLO is answered with the list of extensions.
pub static SMTP_EHLO: Entry = Entry {
    id: "SMTP-003",
    severity: Severity::Fail,
    title: "EHLO is answered with the list of extensions",
    why: "Without EHLO there is no STARTTLS, no SIZE, no 8BITMIME.",
    rfc: "RFC 5321 sections 2.2.1 and 4.1.1.1",
    postfix: "do not put `ehlo` into smtpd_discard_ehlo_keywords; look for a firewall that rewrites SMTP (asterisks in the banner)",
    exim: "helo_allow_chars and acl_smtp_helo decide over EHLO",
    other: "switch \"SMTP fixup\" or \"inspection\" off in the firewall",
    ..BLANK
};

/// PIPELINING is offered.
pub static SMTP_PIPELINING: Entry = Entry {
    id: "SMTP-004",
    severity: Severity::Warn,
    title: "PIPELINING is offered",
    why: "Without it each recipient costs a round trip.",
    rfc: "RFC 2920 section 3",
    postfix: "take `pipelining` out of smtpd_discard_ehlo_keywords",
    exim: "pipelining_advertise_hosts = *",
    other: "switch \"SMTP fixup\" or \"inspection\" off in the firewall",
    ..BLANK
};

/// 8BITMIME is offered.
pub static SMTP_8BITMIME: Entry = Entry {
    id: "SMTP-005",
    severity: Severity::Warn,
    title: "8BITMIME is offered",
    why: "Senders have to encode such messages anew, which breaks DKIM signatures, or bounce them.",
    rfc: "RFC 6152 section 2; RFC 6376 section 5.3",
    postfix: "take `8bitmime` out of smtpd_discard_ehlo_keywords",
    exim: "accept_8bitmime = true",
    ..BLANK
};

/// SIZE is offered.
pub static SMTP_SIZE: Entry = Entry {
    id: "SMTP-006",
    severity: Severity::Info,
    title: "SIZE is offered",
    why: "With it a sender learns before the transfer that a message is too large.",
    rfc: "RFC 1870 section 3",
    postfix: "message_size_limit = 52428800",
    exim: "message_size_limit = 50M",
    ..BLANK
};

/// SMTPUTF8 is offered.
pub static SMTP_UTF8: Entry = Entry {
    id: "SMTP-007",
    severity: Severity::Info,
    title: "SMTPUTF8 is offered",
    why: "Without it there is no mail to or from addresses in other scripts.",
    rfc: "RFC 6531 section 3.1",
    postfix: "smtputf8_enable = yes",
    exim: "smtputf8_advertise_hosts = *",
    ..BLANK
};

/// The server greets with OK or PREAUTH.
pub static IMAP_GREETING: Entry = Entry {
    id: "IMAP-001",
    severity: Severity::Fail,
    title: "the server greets with OK or PREAUTH",
    why: "A client does not get past the greeting.",
    rfc: "RFC 9051 section 7.1; RFC 3501 section 7.1",
    dovecot: "see `doveadm log errors`; mail_max_userip_connections and the login service limits turn clients away",
    ..BLANK
};

/// IMAP4rev1 or IMAP4rev2 is spoken.
pub static IMAP_REVISION: Entry = Entry {
    id: "IMAP-002",
    severity: Severity::Fail,
    title: "IMAP4rev1 or IMAP4rev2 is spoken",
    why: "Clients of today speak nothing older.",
    rfc: "RFC 9051 section 6.1.1; RFC 3501 section 6.1.1",
    dovecot: "imap_capability must not replace the list; leave it empty, or begin it with +",
    ..BLANK
};

/// The server greets with +OK.
pub static POP_GREETING: Entry = Entry {
    id: "POP-001",
    severity: Severity::Fail,
    title: "the server greets with +OK",
    why: "A client does not get past the greeting.",
    rfc: "RFC 1939 section 4",
    dovecot: "protocols = imap pop3, and see `doveadm log errors`",
    ..BLANK
};

/// CAPA is understood.
pub static POP_CAPA: Entry = Entry {
    id: "POP-002",
    severity: Severity::Warn,
    title: "CAPA is understood",
    why: "A client cannot learn of STLS and SASL, and falls back to a password in the clear.",
    rfc: "RFC 2449 section 5",
    dovecot: "Dovecot answers CAPA by itself: look for a proxy in between",
    ..BLANK
};

/// UIDL is offered.
pub static POP_UIDL: Entry = Entry {
    id: "POP-003",
    severity: Severity::Warn,
    title: "UIDL is offered",
    why: "A client that leaves mail on the server cannot tell which messages it has.",
    rfc: "RFC 1939 section 7; RFC 2449 section 6.8",
    dovecot: "pop3_uidl_format = %{uidvalidity | hex(8)}%{uid | hex(8)} (2.3: %08Xu%08Xv)",
    ..BLANK
};
