//! The cases of SMTP and submission: RFC 5321, and extensions where offered.
//!
//! Nothing is delivered unless a recipient was named: transactions without one end before DATA.

use super::script::Start::{Clear, Greeting, Ready, Secured};
use super::script::Step::{Answer, Closed, Count, Do, Inject, Is, Lacks, Raw, Tls};
use super::script::{Case, must, should};

/// All of them.
pub static CASES: &[Case] = &[
    must("CSMTP-001", "RFC 5321 section 4.2", "the greeting is a 220", Greeting, &[Answer, Is("220")]),
    should("CSMTP-002", "RFC 5321 section 4.2", "the greeting names the server", Greeting, &[Answer, Is("220 *.*|220 localhost*|220-*")]),
    must("CSMTP-003", "RFC 5321 section 4.1.1.1", "EHLO is answered with 250", Secured, &[Do("EHLO {name}"), Is("250")]),
    must("CSMTP-004", "RFC 5321 section 4.1.1.1", "HELO is answered with 250", Secured, &[Do("HELO {name}"), Is("250"), Count(1, "*")]),
    must("CSMTP-005", "RFC 5321 section 4.1.3", "EHLO takes an address literal", Secured, &[Do("EHLO [127.0.0.1]"), Is("250")]),
    must("CSMTP-006", "RFC 5321 section 2.4", "commands are read in any case", Secured, &[Do("eHlO {name}"), Is("250"), Do("noop"), Is("250")]),
    must("CSMTP-007", "RFC 5321 section 4.1.1.1", "EHLO without a name is refused", Secured, &[Do("EHLO"), Is("501")]),
    must("CSMTP-008", "RFC 5321 section 4.1.1.9", "NOOP is answered with 250", Ready, &[Do("NOOP"), Is("250")]),
    must("CSMTP-009", "RFC 5321 section 4.1.1.9", "NOOP takes an argument and passes it over", Ready, &[Do("NOOP nothing"), Is("250")]),
    must("CSMTP-010", "RFC 5321 section 4.1.1.5", "RSET is answered with 250", Ready, &[Do("RSET"), Is("250")]),
    must("CSMTP-011", "RFC 5321 section 3.5.3", "VRFY is answered without a lie", Ready, &[Do("VRFY postmaster"), Is("250|251|252|550|502|553|454|554")]),
    must("CSMTP-012", "RFC 5321 section 3.5.3", "EXPN is answered", Ready, &[Do("EXPN staff"), Is("250|252|550|502|500|554")]),
    must("CSMTP-013", "RFC 5321 section 4.1.1.8", "HELP is answered", Ready, &[Do("HELP"), Is("211|214|502|500")]),
    must("CSMTP-014", "RFC 5321 section 4.2.4", "an unknown command is answered with 500", Ready, &[Do("XPILLARBOX"), Is("500"), Do("NOOP"), Is("250")]),
    must("CSMTP-015", "RFC 5321 section 4.1.1.10", "QUIT is answered with 221, and the connection ends", Secured, &[Do("QUIT"), Is("221"), Closed]),
    must("CSMTP-016", "RFC 5321 section 4.1.1.10", "QUIT ends a transaction that was begun", Ready, &[Do("MAIL FROM:<{from}>"), Is("250"), Do("QUIT"), Is("221"), Closed]),
    must("CSMTP-017", "RFC 5321 section 4.1.4", "RCPT before MAIL is refused with 503", Ready, &[Do("RCPT TO:<{to}>"), Is("503")]),
    must("CSMTP-018", "RFC 5321 section 3.3", "DATA before MAIL is refused with 503", Ready, &[Do("DATA"), Is("503")]),
    must("CSMTP-019", "RFC 5321 section 3.3", "DATA without a recipient is refused", Ready, &[Do("MAIL FROM:<{from}>"), Is("250"), Do("DATA"), Is("503|554")]),
    must("CSMTP-020", "RFC 5321 section 4.1.4", "MAIL within a transaction is refused with 503", Ready, &[
        Do("MAIL FROM:<{from}>"), Is("250"), Do("MAIL FROM:<{from}>"), Is("503"),
    ]),
    must("CSMTP-021", "RFC 5321 section 4.5.5", "the null reverse-path is taken", Ready, &[Do("MAIL FROM:<>"), Is("250")]),
    must("CSMTP-022", "RFC 5321 section 4.5.1", "mail for postmaster is taken", Ready, &[
        Do("MAIL FROM:<{from}>"), Is("250"), Do("RCPT TO:<postmaster>"), Is("250|251"), Do("RSET"), Is("250"),
    ]),
    must("CSMTP-023", "RFC 5321 section 2.4", "MAIL and RCPT are read in any case", Ready, &[
        Do("mail from:<{from}>"), Is("250"), Do("rcpt to:<{to}>"), Is("250|251"), Do("rset"), Is("250"),
    ]),
    must("CSMTP-024", "RFC 5321 section 4.1.2", "a path without its end is refused", Ready, &[Do("MAIL FROM:<x@example.org"), Is("501|553|550|500")]),
    must("CSMTP-025", "RFC 5321 section 4.1.2", "a quoted local-part is taken", Ready, &[Do("MAIL FROM:<\"a b\"@example.org>"), Is("250")]),
    must("CSMTP-026", "RFC 5321 section 4.1.2", "a source route is taken and passed over", Ready, &[
        Do("MAIL FROM:<{from}>"), Is("250"), Do("RCPT TO:<@relay.example.org:{to}>"), Is("250|251"),
    ]).needs(&["@to"]),
    must("CSMTP-027", "RFC 5321 section 4.1.1.11", "an unknown parameter of MAIL is refused with 555", Ready, &[Do("MAIL FROM:<{from}> X-PILLARBOX=1"), Is("555")]),
    must("CSMTP-028", "RFC 5321 section 4.1.1.11", "an unknown parameter of RCPT is refused with 555", Ready, &[
        Do("MAIL FROM:<{from}>"), Is("250"), Do("RCPT TO:<{to}> X-PILLARBOX=1"), Is("555"),
    ]),
    must("CSMTP-029", "RFC 5321 section 4.1.4", "RSET ends the transaction", Ready, &[
        Do("MAIL FROM:<{from}>"), Is("250"), Do("RSET"), Is("250"), Do("RCPT TO:<{to}>"), Is("503"),
    ]),
    must("CSMTP-030", "RFC 5321 section 4.1.4", "EHLO ends the transaction as RSET does", Ready, &[
        Do("MAIL FROM:<{from}>"), Is("250"), Do("EHLO {name}"), Is("250"), Do("RCPT TO:<{to}>"), Is("503"),
    ]),
    should("CSMTP-031", "RFC 5321 section 4.1.1", "blanks at the end of a command are passed over", Ready, &[Do("RSET "), Is("250"), Do("MAIL FROM:<{from}> "), Is("250")]),
    must("CSMTP-032", "RFC 5321 section 4.5.3.1.4", "a command line of 512 octets is taken", Ready, &[
        Do("NOOP {filler}"), Is("250"),
    ]),
    must("CSMTP-033", "RFC 2920 section 3.2", "commands in one packet are all answered, in their order", Ready, &[
        Raw("MAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nRSET\r\nXPILLARBOX\r\nNOOP\r\n"),
        Answer, Is("250"), Answer, Is("250|251"), Answer, Is("250"), Answer, Is("500"), Answer, Is("250"),
    ]).needs(&["PIPELINING"]),
    must("CSMTP-034", "RFC 2920 section 3.2", "DATA behind a refused MAIL in one packet is refused", Ready, &[
        Raw("MAIL FROM:<{from}> X-PILLARBOX=1\r\nRCPT TO:<{to}>\r\nDATA\r\nNOOP\r\n"),
        Answer, Is("5"), Answer, Is("5"), Answer, Is("5"), Answer, Is("250"),
    ]).needs(&["PIPELINING"]),
    must("CSMTP-035", "RFC 1870 section 6.1", "SIZE within the limit is taken", Ready, &[Do("MAIL FROM:<{from}> SIZE=1000"), Is("250")]).needs(&["SIZE"]),
    must("CSMTP-036", "RFC 1870 section 6.1", "SIZE above the limit is refused with 552", Ready, &[Do("MAIL FROM:<{from}> SIZE={large}"), Is("552")]).needs(&["@limit"]),
    must("CSMTP-037", "RFC 1870 section 6.1", "a SIZE that is no number is refused", Ready, &[Do("MAIL FROM:<{from}> SIZE=much"), Is("501|555")]).needs(&["SIZE"]),
    must("CSMTP-038", "RFC 6152 section 3", "BODY=8BITMIME and BODY=7BIT are taken", Ready, &[
        Do("MAIL FROM:<{from}> BODY=8BITMIME"), Is("250"), Do("RSET"), Do("MAIL FROM:<{from}> BODY=7BIT"), Is("250"),
    ]).needs(&["8BITMIME"]),
    must("CSMTP-039", "RFC 6152 section 3", "a BODY that nobody knows is refused", Ready, &[Do("MAIL FROM:<{from}> BODY=X-PILLARBOX"), Is("501|504|555")]).needs(&["8BITMIME"]),
    must("CSMTP-040", "RFC 6531 section 3.4", "SMTPUTF8 is taken, with an address in UTF-8", Ready, &[Do("MAIL FROM:<gr\u{fc}\u{df}e@example.org> SMTPUTF8"), Is("250")]).needs(&["SMTPUTF8"]),
    must("CSMTP-041", "RFC 6531 section 3.4", "an address in UTF-8 without SMTPUTF8 is refused", Ready, &[
        Do("MAIL FROM:<gr\u{fc}\u{df}e@example.org>"), Is("550|553|501|555"),
    ]),
    must("CSMTP-042", "RFC 2034 section 4", "answers to MAIL, RCPT and mistakes have enhanced codes", Ready, &[
        Do("MAIL FROM:<{from}>"), Is("250 2.*"), Do("RCPT TO:<{to}>"), Is("250 2.*|251 2.*"), Do("RSET"),
        Do("MAIL FROM:<{from}> X-PILLARBOX=1"), Is("555 5.*|5* 5.*"), Do("RCPT TO:<{to}>"), Is("503 5.*"),
    ]).needs(&["ENHANCEDSTATUSCODES"]),
    should("CSMTP-043", "RFC 2034 section 4", "EHLO and the greeting have no enhanced codes", Ready, &[Do("EHLO {name}"), Lacks("250?2.*|250-2.* *")]).needs(&["ENHANCEDSTATUSCODES"]),
    must("CSMTP-044", "RFC 3207 section 4.2", "STARTTLS is not offered under TLS", Ready, &[Do("EHLO {name}"), Is("250"), Lacks("250?STARTTLS|250-STARTTLS|250 STARTTLS")]).needs(&["@tls"]),
    must("CSMTP-045", "RFC 3207 section 4", "STARTTLS under TLS is refused", Ready, &[Do("STARTTLS"), Is("5")]).needs(&["@tls"]),
    must("CSMTP-046", "RFC 3207 section 4", "STARTTLS with an argument is refused with 501", Clear, &[Answer, Do("EHLO {name}"), Is("250"), Do("STARTTLS now"), Is("501")]),
    must("CSMTP-047", "RFC 3207 section 4.2", "what was said before TLS is not obeyed after it", Clear, &[
        Answer, Do("EHLO {name}"), Is("250"), Inject("STARTTLS\r\nHELP\r\n", "220"), Tls, Do("QUIT"), Is("221"), Count(1, "*"),
    ]),
    must("CSMTP-048", "RFC 3207 section 4.2", "the transaction begun before TLS is forgotten", Clear, &[
        Answer, Do("EHLO {name}"), Do("MAIL FROM:<{from}>"), Do("STARTTLS"), Is("220|503"), Tls, Do("EHLO {name}"), Is("250"),
        Do("RCPT TO:<{to}>"), Is("503"),
    ]),
    must("CSMTP-049", "RFC 4954 section 4", "an unknown SASL mechanism is refused with 504", Secured, &[Do("EHLO {name}"), Do("AUTH X-PILLARBOX"), Is("504")]).needs(&["AUTH"]),
    must("CSMTP-050", "RFC 4954 section 4", "a login cancelled with * is refused with 501", Secured, &[Do("EHLO {name}"), Do("AUTH PLAIN"), Is("334"), Do("*"), Is("501")]).needs(&["AUTH PLAIN"]),
    must("CSMTP-051", "RFC 4954 section 4", "a wrong password is refused with 535", Secured, &[
        Do("EHLO {name}"), Do("AUTH PLAIN AHBpbGxhcmJveABwaWxsYXJib3gtbm8tcGFzc3dvcmQ="), Is("535"),
    ]).needs(&["AUTH PLAIN"]),
    must("CSMTP-052", "RFC 4954 section 4", "what is no base64 is refused with 501", Secured, &[Do("EHLO {name}"), Do("AUTH PLAIN !!!!"), Is("501")]).needs(&["AUTH PLAIN"]),
    must("CSMTP-053", "RFC 4954 section 4", "a second login is refused with 503", Ready, &[Do("AUTH PLAIN"), Is("503")]).needs(&["AUTH PLAIN", "@user"]),
    must("CSMTP-054", "RFC 4954 section 4", "AUTH within a transaction is refused with 503", Secured, &[
        Do("EHLO {name}"), Do("MAIL FROM:<{from}>"), Is("250|530"), Do("AUTH PLAIN"), Is("503|334"),
    ]).needs(&["AUTH PLAIN", "@user"]),
    must("CSMTP-055", "RFC 3030 section 2", "BDAT without a recipient is refused", Ready, &[Raw("BDAT 2 LAST\r\nx\n"), Answer, Is("503|554"), Do("NOOP"), Is("250")]).needs(&["CHUNKING"]),
    must("CSMTP-056", "RFC 3030 section 2", "a BDAT without a number is refused", Ready, &[Do("MAIL FROM:<{from}>"), Do("BDAT much"), Is("5")]).needs(&["CHUNKING"]),
    must("CSMTP-057", "RFC 3030 section 2", "DATA behind a BDAT is refused with 503", Ready, &[
        Do("MAIL FROM:<{from}>"), Do("RCPT TO:<{to}>"), Is("250|251"), Raw("BDAT 3\r\nA:b"), Answer, Is("250"), Do("DATA"), Is("503"), Do("RSET"), Is("250"),
    ]).needs(&["CHUNKING"]),
    must("CSMTP-058", "RFC 3461 section 4.3", "RET and ENVID are taken", Ready, &[Do("MAIL FROM:<{from}> RET=HDRS ENVID=pillarbox"), Is("250")]).needs(&["DSN"]),
    must("CSMTP-059", "RFC 3461 section 4.1", "NOTIFY and ORCPT are taken", Ready, &[
        Do("MAIL FROM:<{from}>"), Do("RCPT TO:<{to}> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;postmaster@example.org"), Is("250|251"), Do("RSET"),
    ]).needs(&["DSN"]),
    must("CSMTP-060", "RFC 3461 section 4.3", "a RET that nobody knows is refused with 501", Ready, &[Do("MAIL FROM:<{from}> RET=SOME"), Is("501")]).needs(&["DSN"]),
    must("CSMTP-061", "RFC 3461 section 4.1", "NOTIFY=NEVER stands alone", Ready, &[
        Do("MAIL FROM:<{from}>"), Do("RCPT TO:<{to}> NOTIFY=NEVER,FAILURE"), Is("501"),
    ]).needs(&["DSN"]),
    must("CSMTP-062", "RFC 8689 section 4", "REQUIRETLS is taken under TLS", Ready, &[Do("MAIL FROM:<{from}> REQUIRETLS"), Is("250")]).needs(&["REQUIRETLS", "@tls"]),
    must("CSMTP-063", "RFC 5321 section 4.1.1.4", "a message is taken", Ready, &[
        Do("MAIL FROM:<{from}>"), Is("250"), Do("RCPT TO:<{to}>"), Is("250"), Do("DATA"), Is("354"),
        Raw("From: <{to}>\r\nTo: <{to}>\r\nSubject: conformance\r\n\r\n..A line with a dot.\r\n.\r\n"), Answer, Is("250"), Do("NOOP"), Is("250"),
    ]).needs(&["@to"]),
    must("CSMTP-064", "RFC 5321 section 3.3", "a second transaction follows the first", Ready, &[
        Do("MAIL FROM:<{from}>"), Do("RCPT TO:<{to}>"), Is("250"), Do("DATA"), Is("354"), Raw("Subject: one\r\n\r\none\r\n.\r\n"), Answer, Is("250"),
        Do("RCPT TO:<{to}>"), Is("503"), Do("MAIL FROM:<{from}>"), Is("250"), Do("RCPT TO:<{to}>"), Is("250"), Do("DATA"), Is("354"),
        Raw("Subject: two\r\n\r\ntwo\r\n.\r\n"), Answer, Is("250"),
    ]).needs(&["@to"]),
    must("CSMTP-065", "RFC 3030 section 2", "a message in chunks is taken", Ready, &[
        Do("MAIL FROM:<{from}>"), Do("RCPT TO:<{to}>"), Is("250"), Raw("BDAT 16\r\nSubject: chunk\r\n"), Answer, Is("250"),
        Raw("BDAT 6 LAST\r\n\r\nok\r\n"), Answer, Is("250"), Do("NOOP"), Is("250"),
    ]).needs(&["@to", "CHUNKING"]),
    must("CSMTP-066", "RFC 5321 section 4.1.1.4", "a dot between bare line feeds does not end a message", Ready, &[
        Do("MAIL FROM:<{from}>"), Do("RCPT TO:<{to}>"), Is("250"), Do("DATA"), Is("354"),
        Raw("Subject: line feeds\r\n\r\none\n.\nNOOP\r\n.\r\n"), Answer, Is("2|5"), Do("QUIT"), Is("221"),
    ]).needs(&["@to"]),
    must("CSMTP-067", "RFC 5321 section 4.1.1.4", "a dot behind a bare line feed does not end a message", Ready, &[
        Do("MAIL FROM:<{from}>"), Do("RCPT TO:<{to}>"), Is("250"), Do("DATA"), Is("354"),
        Raw("Subject: line feeds\r\n\r\none\n.\r\nNOOP\r\n.\r\n"), Answer, Is("2|5"), Do("QUIT"), Is("221"),
    ]).needs(&["@to"]),
    must("CSMTP-068", "RFC 5321 section 4.1.1.4", "a dot before a bare carriage return does not end a message", Ready, &[
        Do("MAIL FROM:<{from}>"), Do("RCPT TO:<{to}>"), Is("250"), Do("DATA"), Is("354"),
        Raw("Subject: returns\r\n\r\none\r.\rNOOP\r\n.\r\n"), Answer, Is("2|5"), Do("QUIT"), Is("221"),
    ]).needs(&["@to"]),
];
