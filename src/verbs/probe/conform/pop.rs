//! The cases of POP3: RFC 1939, and extensions where offered.
//!
//! A maildrop has no folder to try things out in: nothing is removed. A message that a case
//! marks is unmarked again, and the connection ends without the QUIT that would make it count.

use super::script::Start::{Clear, Greeting, Ready, Secured};
use super::script::Step::{Answer, Closed, Do, Has, Inject, Is, Lacks, Lines, Raw, Tls};
use super::script::{Case, must, should};

/// All of them.
pub static CASES: &[Case] = &[
    must(
        "CPOP-001",
        "RFC 1939 section 4",
        "the greeting is positive",
        Greeting,
        &[Answer, Is("+OK")],
    ),
    must(
        "CPOP-002",
        "RFC 2449 section 5",
        "CAPA lists capabilities",
        Secured,
        &[Lines("CAPA"), Is("+OK")],
    ),
    should(
        "CPOP-003",
        "RFC 2449 section 6.8",
        "CAPA tells that UIDL is there",
        Secured,
        &[Lines("CAPA"), Is("+OK"), Has("UIDL")],
    ),
    should(
        "CPOP-004",
        "RFC 2449 section 6.1",
        "CAPA tells that TOP is there",
        Secured,
        &[Lines("CAPA"), Is("+OK"), Has("TOP")],
    ),
    must(
        "CPOP-005",
        "RFC 1939 section 3",
        "commands are read in any case",
        Secured,
        &[Lines("cApA"), Is("+OK")],
    ),
    must(
        "CPOP-006",
        "RFC 1939 section 3",
        "an unknown command is answered with -ERR",
        Secured,
        &[Do("XPIL"), Is("-ERR"), Lines("CAPA"), Is("+OK")],
    ),
    must(
        "CPOP-007",
        "RFC 1939 section 3",
        "STAT before a login is refused",
        Secured,
        &[Do("STAT"), Is("-ERR")],
    ),
    must(
        "CPOP-008",
        "RFC 1939 section 3",
        "RETR before a login is refused",
        Secured,
        &[Do("RETR 1"), Is("-ERR")],
    ),
    must(
        "CPOP-009",
        "RFC 1939 section 7",
        "PASS before USER is refused",
        Secured,
        &[Do("PASS pillarbox-no-password"), Is("-ERR")],
    )
    .needs(&["USER"]),
    must(
        "CPOP-010",
        "RFC 1939 section 7",
        "a wrong password is refused",
        Secured,
        &[Do("USER {user}"), Is("+OK|-ERR"), Do("PASS pillarbox-no-password"), Is("-ERR")],
    )
    .needs(&["USER", "@user"]),
    must(
        "CPOP-011",
        "RFC 3206 section 4",
        "a wrong password has the code AUTH",
        Secured,
        &[Do("USER {user}"), Do("PASS pillarbox-no-password"), Is("-ERR [AUTH]")],
    )
    .needs(&["USER", "@user", "AUTH-RESP-CODE"]),
    must(
        "CPOP-012",
        "RFC 5034 section 4",
        "an unknown SASL mechanism is refused",
        Secured,
        &[Do("AUTH X-PILLARBOX"), Is("-ERR")],
    ),
    must(
        "CPOP-013",
        "RFC 5034 section 4",
        "a login cancelled with * is refused",
        Secured,
        &[Do("AUTH PLAIN"), Is("+"), Do("*"), Is("-ERR")],
    )
    .needs(&["SASL PLAIN"]),
    must(
        "CPOP-014",
        "RFC 1939 section 5",
        "QUIT before a login is answered, and the connection ends",
        Secured,
        &[Do("QUIT"), Is("+OK"), Closed],
    ),
    must(
        "CPOP-015",
        "RFC 2595 section 4",
        "STLS is not offered under TLS",
        Secured,
        &[Lines("CAPA"), Is("+OK"), Lacks("STLS")],
    )
    .needs(&["@tls"]),
    must(
        "CPOP-016",
        "RFC 2595 section 4",
        "STLS under TLS is refused",
        Secured,
        &[Do("STLS"), Is("-ERR")],
    )
    .needs(&["@tls"]),
    must(
        "CPOP-017",
        "RFC 2595 section 4",
        "what was said before TLS is not obeyed after it",
        Clear,
        &[Answer, Inject("STLS\r\nCAPA\r\n", "+OK"), Tls, Do("QUIT"), Is("+OK"), Closed],
    ),
    must(
        "CPOP-018",
        "RFC 1939 section 5",
        "STAT tells two numbers",
        Ready,
        &[Do("STAT"), Is("+OK * *")],
    ),
    must(
        "CPOP-019",
        "RFC 1939 section 5",
        "LIST tells every message",
        Ready,
        &[Lines("LIST"), Is("+OK")],
    ),
    must(
        "CPOP-020",
        "RFC 1939 section 7",
        "UIDL tells every message",
        Ready,
        &[Lines("UIDL"), Is("+OK")],
    )
    .needs(&["UIDL"]),
    must("CPOP-021", "RFC 1939 section 5", "NOOP is answered", Ready, &[Do("NOOP"), Is("+OK")]),
    must("CPOP-022", "RFC 1939 section 5", "RSET is answered", Ready, &[Do("RSET"), Is("+OK")]),
    must(
        "CPOP-023",
        "RFC 2449 section 5",
        "CAPA is answered after the login, too",
        Ready,
        &[Lines("CAPA"), Is("+OK")],
    ),
    must(
        "CPOP-024",
        "RFC 1939 section 5",
        "a message that is not there cannot be listed",
        Ready,
        &[Do("LIST 4000000"), Is("-ERR")],
    ),
    must(
        "CPOP-025",
        "RFC 1939 section 5",
        "message 0 is refused",
        Ready,
        &[Do("LIST 0"), Is("-ERR"), Do("RETR 0"), Is("-ERR")],
    ),
    must(
        "CPOP-026",
        "RFC 1939 section 5",
        "a message number that is none is refused",
        Ready,
        &[Do("RETR x"), Is("-ERR"), Do("RETR -1"), Is("-ERR"), Do("RETR"), Is("-ERR")],
    ),
    must(
        "CPOP-027",
        "RFC 1939 section 5",
        "a message that is not there cannot be had or removed",
        Ready,
        &[Do("RETR 4000000"), Is("-ERR"), Do("DELE 4000000"), Is("-ERR"), Do("NOOP"), Is("+OK")],
    ),
    must(
        "CPOP-028",
        "RFC 1939 section 7",
        "TOP and UIDL of a message that is not there are refused",
        Ready,
        &[Do("TOP 4000000 0"), Is("-ERR"), Do("UIDL 4000000"), Is("-ERR")],
    )
    .needs(&["TOP", "UIDL"]),
    must(
        "CPOP-029",
        "RFC 1939 section 4",
        "USER after the login is refused",
        Ready,
        &[Do("USER {user}"), Is("-ERR")],
    ),
    must(
        "CPOP-030",
        "RFC 1939 section 6",
        "QUIT after the login is answered, and the connection ends",
        Ready,
        &[Do("QUIT"), Is("+OK"), Closed],
    ),
    must(
        "CPOP-031",
        "RFC 2449 section 6.6",
        "commands in one packet are all answered, in their order",
        Ready,
        &[
            Raw("NOOP\r\nSTAT\r\nXPIL\r\nNOOP\r\n"),
            Answer,
            Is("+OK"),
            Answer,
            Is("+OK * *"),
            Answer,
            Is("-ERR"),
            Answer,
            Is("+OK"),
        ],
    )
    .needs(&["PIPELINING"]),
    must(
        "CPOP-032",
        "RFC 6856 section 2",
        "UTF8 is taken before the login",
        Secured,
        &[Do("UTF8"), Is("+OK")],
    )
    .needs(&["UTF8"]),
    must(
        "CPOP-033",
        "RFC 6856 section 3",
        "LANG lists languages",
        Secured,
        &[Lines("LANG"), Is("+OK")],
    )
    .needs(&["LANG"]),
    must(
        "CPOP-034",
        "RFC 1939 section 5",
        "LIST of one message is one line",
        Ready,
        &[Do("LIST 1"), Is("+OK 1 *"), Do("NOOP"), Is("+OK")],
    )
    .needs(&["@mail"]),
    must(
        "CPOP-035",
        "RFC 1939 section 7",
        "UIDL of one message is one line",
        Ready,
        &[Do("UIDL 1"), Is("+OK 1 *"), Do("NOOP"), Is("+OK")],
    )
    .needs(&["@mail", "UIDL"]),
    must(
        "CPOP-036",
        "RFC 1939 section 5",
        "RETR gives a message up to its dot",
        Ready,
        &[Lines("RETR 1"), Is("+OK"), Has("*: *"), Has(""), Do("NOOP"), Is("+OK")],
    )
    .needs(&["@mail"]),
    must(
        "CPOP-037",
        "RFC 1939 section 7",
        "TOP gives the header and its empty line",
        Ready,
        &[Lines("TOP 1 0"), Is("+OK"), Has("*: *"), Has(""), Do("NOOP"), Is("+OK")],
    )
    .needs(&["@mail", "TOP"]),
    must(
        "CPOP-038",
        "RFC 1939 section 7",
        "TOP without a number of lines is refused",
        Ready,
        &[Do("TOP 1"), Is("-ERR")],
    )
    .needs(&["@mail", "TOP"]),
    must(
        "CPOP-039",
        "RFC 1939 section 5",
        "a message that is marked is out of reach, until RSET",
        Ready,
        &[
            Do("DELE 1"),
            Is("+OK"),
            Do("RETR 1"),
            Is("-ERR"),
            Do("LIST 1"),
            Is("-ERR"),
            Lines("LIST"),
            Is("+OK"),
            Lacks("1 *"),
            Do("RSET"),
            Is("+OK"),
            Do("LIST 1"),
            Is("+OK 1 *"),
        ],
    )
    .needs(&["@mail"]),
    must(
        "CPOP-040",
        "RFC 1939 section 5",
        "a message cannot be marked twice",
        Ready,
        &[Do("DELE 1"), Is("+OK"), Do("DELE 1"), Is("-ERR"), Do("RSET"), Is("+OK")],
    )
    .needs(&["@mail"]),
    must(
        "CPOP-041",
        "RFC 1939 section 7",
        "a message that is marked is not in UIDL",
        Ready,
        &[
            Do("DELE 1"),
            Is("+OK"),
            Lines("UIDL"),
            Is("+OK"),
            Lacks("1 *"),
            Do("UIDL 1"),
            Is("-ERR"),
            Do("RSET"),
            Is("+OK"),
        ],
    )
    .needs(&["@mail", "UIDL"]),
];
