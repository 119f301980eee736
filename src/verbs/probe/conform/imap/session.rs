//! Cases of before a login and in any state: greeting, capabilities, TLS, logins, tags and
//! commands (RFC 9051 sections 2.2, 5.5, 6.1 and 6.2).

use crate::verbs::probe::conform::script::Start::{Clear, Greeting, Ready, Secured};
use crate::verbs::probe::conform::script::Step::{
    Closed, Do, GoAhead, Has, Inject, Is, Lacks, Raw, Tls, Until, Wait,
};
use crate::verbs::probe::conform::script::{Case, must, should};

/// In the order of their ids.
pub static CASES: &[Case] = &[
    must(
        "CIMAP-001",
        "RFC 9051 section 7.1",
        "the greeting is OK, PREAUTH or BYE",
        Greeting,
        &[Wait("* OK*|* PREAUTH*|* BYE*")],
    ),
    must(
        "CIMAP-002",
        "RFC 9051 section 6.1.1",
        "CAPABILITY names the protocol's revision",
        Secured,
        &[Do("CAPABILITY"), Is("OK"), Has("* CAPABILITY *IMAP4rev*|* CAPABILITY IMAP4rev*")],
    ),
    must(
        "CIMAP-003",
        "RFC 9051 section 6.2.1",
        "STARTTLS is not offered under TLS",
        Secured,
        &[Do("CAPABILITY"), Is("OK"), Lacks("* CAPABILITY*STARTTLS*")],
    )
    .needs(&["@tls"]),
    must(
        "CIMAP-004",
        "RFC 9051 section 6.2.1",
        "what was said before TLS is not obeyed after it",
        Clear,
        &[
            Wait("* OK*"),
            Inject("s1 STARTTLS\r\ns2 CAPABILITY\r\n", "OK"),
            Tls,
            Do("NOOP"),
            Is("OK"),
            Lacks("s2 *"),
        ],
    ),
    must(
        "CIMAP-005",
        "RFC 9051 section 6.1.2",
        "NOOP is taken before a login",
        Secured,
        &[Do("NOOP"), Is("OK")],
    ),
    must(
        "CIMAP-006",
        "RFC 9051 section 6.1.3",
        "LOGOUT is answered with BYE, then OK, then the end",
        Secured,
        &[Do("LOGOUT"), Is("OK"), Has("* BYE*"), Closed],
    ),
    must(
        "CIMAP-007",
        "RFC 9051 section 6.2.3",
        "LOGIN with a wrong password is answered with NO",
        Secured,
        &[Do("LOGIN {user} pillarbox-no-password"), Is("NO")],
    )
    .needs(&["@user"]),
    should(
        "CIMAP-008",
        "RFC 5530 section 3",
        "a wrong password has the code AUTHENTICATIONFAILED",
        Secured,
        &[Do("LOGIN {user} pillarbox-no-password"), Is("NO [AUTHENTICATIONFAILED]")],
    )
    .needs(&["@user"]),
    must(
        "CIMAP-009",
        "RFC 9051 section 3.1",
        "SELECT before a login is refused",
        Secured,
        &[Do("SELECT INBOX"), Is("NO|BAD")],
    ),
    must(
        "CIMAP-010",
        "RFC 9051 section 7.1.3",
        "an unknown command is answered with a tagged BAD",
        Secured,
        &[Do("XPILLARBOX"), Is("BAD"), Do("NOOP"), Is("OK")],
    ),
    must(
        "CIMAP-011",
        "RFC 9051 section 7.1.3",
        "LOGIN without arguments is answered with BAD",
        Secured,
        &[Do("LOGIN"), Is("BAD")],
    ),
    must(
        "CIMAP-012",
        "RFC 9051 section 9",
        "NOOP with an argument is answered with BAD",
        Secured,
        &[Do("NOOP nothing"), Is("BAD")],
    ),
    must(
        "CIMAP-013",
        "RFC 9051 section 6.2.2",
        "an unknown SASL mechanism is refused",
        Secured,
        &[Do("AUTHENTICATE X-PILLARBOX"), Is("NO|BAD")],
    ),
    must(
        "CIMAP-014",
        "RFC 9051 section 6.2.2",
        "a login cancelled with * is answered with BAD",
        Secured,
        &[Raw("s1 AUTHENTICATE PLAIN\r\n"), GoAhead, Raw("*\r\n"), Until("s1"), Is("BAD")],
    )
    .needs(&["AUTH=PLAIN"]),
    must(
        "CIMAP-015",
        "RFC 9051 section 2.2.1",
        "any tag of the grammar comes back as it was",
        Secured,
        &[Raw("a.B-c_1 NOOP\r\n"), Until("a.B-c_1"), Is("OK")],
    ),
    must(
        "CIMAP-016",
        "RFC 9051 section 9",
        "commands are read in any case",
        Secured,
        &[Do("cApAbIlItY"), Is("OK"), Has("* CAPABILITY *")],
    ),
    must(
        "CIMAP-017",
        "RFC 9051 section 5.5",
        "commands ahead of answers are all answered",
        Ready,
        &[
            Raw("p1 NOOP\r\np2 LIST \"\" \"\"\r\np3 CAPABILITY\r\n"),
            Until("p1"),
            Is("OK"),
            Until("p2"),
            Is("OK"),
            Has("* LIST*"),
            Until("p3"),
            Is("OK"),
            Has("* CAPABILITY *"),
        ],
    ),
    must(
        "CIMAP-018",
        "RFC 9051 section 5.1",
        "INBOX is found in any case",
        Ready,
        &[Do("EXAMINE iNbOx"), Is("OK"), Has("* * EXISTS")],
    ),
];
