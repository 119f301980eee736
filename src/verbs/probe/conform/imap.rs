//! The cases of IMAP: RFC 9051 (and what RFC 3501 says alike), and extensions where offered.
//!
//! The mailbox of a case holds three messages: 1 is plain text and has no flags; 2 is
//! multipart/mixed of text/plain and text/html and is \Seen; 3 is plain text and \Flagged.

use super::script::Start::{Clear, Filled, Greeting, Ready, Secured, Selected};
use super::script::Step::{
    Closed, Count, Do, GoAhead, Has, Inject, Is, Lacks, Literal, Raw, Second, Tls, Until, Wait,
};
use super::script::{Case, must, should};

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

/// All of them.
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
    must(
        "CIMAP-019",
        "RFC 9051 section 6.3.2",
        "SELECT tells FLAGS, EXISTS, UIDVALIDITY and UIDNEXT",
        Filled,
        &[
            Do("SELECT {box}"),
            Is("OK [READ-WRITE]"),
            Has("* FLAGS (*)"),
            Has("* 3 EXISTS"),
            Has("* OK [UIDVALIDITY *]*"),
            Has("* OK [UIDNEXT *]*"),
        ],
    ),
    must(
        "CIMAP-020",
        "RFC 9051 section 6.3.2",
        "a mailbox that is not there is answered with NO",
        Ready,
        &[Do("SELECT {box}"), Is("NO")],
    ),
    must(
        "CIMAP-021",
        "RFC 9051 section 6.3.2",
        "a SELECT that fails leaves no mailbox selected",
        Selected,
        &[Do("SELECT {box}-not"), Is("NO"), Do("FETCH 1 FLAGS"), Is("BAD|NO")],
    ),
    must(
        "CIMAP-022",
        "RFC 9051 section 6.3.3",
        "EXAMINE is read-only",
        Filled,
        &[
            Do("EXAMINE {box}"),
            Is("OK [READ-ONLY]"),
            Do("FETCH 1 BODY[]"),
            Is("OK"),
            Do("FETCH 1 FLAGS"),
            Lacks("*\\Seen*"),
        ],
    ),
    must(
        "CIMAP-023",
        "RFC 9051 section 6.3.3",
        "STORE is refused in a mailbox that is examined",
        Filled,
        &[Do("EXAMINE {box}"), Do("STORE 1 +FLAGS (\\Answered)"), Is("NO|BAD")],
    ),
    must(
        "CIMAP-024",
        "RFC 9051 section 6.3.4",
        "CREATE makes a mailbox that LIST shows",
        Ready,
        &[Do("CREATE {box}"), Is("OK"), Do("LIST \"\" {box}"), Is("OK"), Count(1, "* LIST *")],
    ),
    must(
        "CIMAP-025",
        "RFC 9051 section 6.3.4",
        "CREATE of INBOX is refused",
        Ready,
        &[Do("CREATE INBOX"), Is("NO")],
    ),
    must(
        "CIMAP-026",
        "RFC 9051 section 6.3.4",
        "CREATE of a mailbox that is there is refused",
        Ready,
        &[Do("CREATE {box}"), Is("OK"), Do("CREATE {box}"), Is("NO")],
    ),
    must(
        "CIMAP-027",
        "RFC 9051 section 6.3.5",
        "DELETE removes a mailbox",
        Ready,
        &[
            Do("CREATE {box}"),
            Is("OK"),
            Do("DELETE {box}"),
            Is("OK"),
            Do("LIST \"\" {box}"),
            Is("OK"),
            Count(0, "* LIST *"),
            Do("DELETE {box}"),
            Is("NO"),
        ],
    ),
    must(
        "CIMAP-028",
        "RFC 9051 section 6.3.6",
        "RENAME moves a mailbox with its messages",
        Filled,
        &[
            Do("RENAME {box} {box}-new"),
            Is("OK"),
            Do("STATUS {box}-new (MESSAGES)"),
            Is("OK"),
            Has("* STATUS * (MESSAGES 3)"),
            Do("SELECT {box}"),
            Is("NO"),
        ],
    ),
    must(
        "CIMAP-029",
        "RFC 9051 section 6.3.6",
        "RENAME to a name that is taken is refused",
        Ready,
        &[Do("CREATE {box}"), Do("CREATE {box}-new"), Do("RENAME {box} {box}-new"), Is("NO")],
    ),
    must(
        "CIMAP-030",
        "RFC 9051 section 6.3.6",
        "RENAME of a mailbox that is not there is refused",
        Ready,
        &[Do("RENAME {box} {box}-new"), Is("NO")],
    ),
    must(
        "CIMAP-031",
        "RFC 3501 section 6.3.9",
        "LSUB shows what is subscribed, and no longer what is not",
        Ready,
        &[
            Do("CREATE {box}"),
            Do("SUBSCRIBE {box}"),
            Is("OK"),
            Do("LSUB \"\" {box}"),
            Is("OK"),
            Count(1, "* LSUB *"),
            Do("UNSUBSCRIBE {box}"),
            Is("OK"),
            Do("LSUB \"\" {box}"),
            Count(0, "* LSUB *"),
        ],
    )
    .needs(&["IMAP4rev1"]),
    must(
        "CIMAP-032",
        "RFC 5258 section 3.4",
        "LIST RETURN (SUBSCRIBED) tells subscriptions",
        Ready,
        &[
            Do("CREATE {box}"),
            Do("SUBSCRIBE {box}"),
            Do("LIST \"\" {box} RETURN (SUBSCRIBED)"),
            Is("OK"),
            Has("* LIST (*\\Subscribed*) *"),
            Do("UNSUBSCRIBE {box}"),
            Is("OK"),
        ],
    )
    .needs(&["LIST-EXTENDED"]),
    must(
        "CIMAP-033",
        "RFC 5258 section 3.5",
        "LIST RETURN (CHILDREN) tells who has children",
        Ready,
        &[
            Do("CREATE {box}"),
            Do("CREATE {box}{sep}kid"),
            Do("LIST \"\" {box} RETURN (CHILDREN)"),
            Is("OK"),
            Has("* LIST (*\\HasChildren*) *"),
        ],
    )
    .needs(&["LIST-EXTENDED"]),
    must(
        "CIMAP-034",
        "RFC 9051 section 6.3.9",
        "LIST of nothing tells the hierarchy delimiter",
        Ready,
        &[Do("LIST \"\" \"\""), Is("OK"), Count(1, "* LIST (*) * *")],
    ),
    must(
        "CIMAP-035",
        "RFC 9051 section 6.3.9",
        "% does not go below a level, and * does",
        Ready,
        &[
            Do("CREATE {box}"),
            Do("CREATE {box}{sep}kid"),
            Is("OK"),
            Do("LIST \"\" {root}{sep}%"),
            Is("OK"),
            Lacks("*{sep}kid*"),
            Do("LIST \"\" {root}{sep}*"),
            Is("OK"),
            Has("*{sep}kid*"),
        ],
    ),
    must(
        "CIMAP-036",
        "RFC 9051 section 6.3.11",
        "STATUS counts messages",
        Filled,
        &[
            Do("STATUS {box} (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)"),
            Is("OK"),
            Has("* STATUS * (*MESSAGES 3*)"),
            Has("* STATUS * (*UNSEEN 2*)"),
            Has("* STATUS * (*UIDNEXT *)"),
            Has("* STATUS * (*UIDVALIDITY *)"),
        ],
    ),
    must(
        "CIMAP-037",
        "RFC 9051 section 6.3.11",
        "STATUS of a mailbox that is not there is refused",
        Ready,
        &[Do("STATUS {box} (MESSAGES)"), Is("NO")],
    ),
    must(
        "CIMAP-038",
        "RFC 9051 section 6.3.12",
        "APPEND keeps flags and INTERNALDATE",
        Selected,
        &[
            Do("FETCH 3 (FLAGS INTERNALDATE)"),
            Is("OK"),
            Has("* 3 FETCH (*\\Flagged*)"),
            Do("FETCH 1:3 INTERNALDATE"),
            Count(3, "* * FETCH (*INTERNALDATE \"*-Mar-2026 *)"),
        ],
    ),
    must(
        "CIMAP-039",
        "RFC 9051 section 6.3.12",
        "APPEND to a mailbox that is not there is answered with TRYCREATE",
        Ready,
        &[Literal("APPEND {box}", "Subject: x\r\n\r\nx\r\n"), Is("NO [TRYCREATE]")],
    ),
    must(
        "CIMAP-040",
        "RFC 9051 section 6.3.12",
        "APPEND to the selected mailbox tells EXISTS at once",
        Selected,
        &[Literal("APPEND {box}", "Subject: x\r\n\r\nx\r\n"), Is("OK"), Has("* 4 EXISTS")],
    ),
    must(
        "CIMAP-041",
        "RFC 4315 section 3",
        "APPEND tells the UID",
        Ready,
        &[
            Do("CREATE {box}"),
            Literal("APPEND {box}", "Subject: x\r\n\r\nx\r\n"),
            Is("OK [APPENDUID * *]*"),
        ],
    )
    .needs(&["UIDPLUS"]),
    must(
        "CIMAP-042",
        "RFC 2342 section 5",
        "NAMESPACE tells three lists",
        Ready,
        &[Do("NAMESPACE"), Is("OK"), Has("* NAMESPACE *(*) *")],
    )
    .needs(&["NAMESPACE"]),
    must(
        "CIMAP-043",
        "RFC 5161 section 3.1",
        "ENABLE of what nobody knows is taken",
        Ready,
        &[Do("ENABLE X-PILLARBOX"), Is("OK"), Lacks("* ENABLED *PILLARBOX*")],
    )
    .needs(&["ENABLE"]),
    must(
        "CIMAP-044",
        "RFC 5161 section 3.2",
        "ENABLE tells what it enabled",
        Ready,
        &[Do("ENABLE CONDSTORE"), Is("OK"), Has("* ENABLED*CONDSTORE*")],
    )
    .needs(&["ENABLE", "CONDSTORE"]),
    must(
        "CIMAP-045",
        "RFC 2971 section 3.1",
        "ID NIL is answered with ID",
        Ready,
        &[Do("ID NIL"), Is("OK"), Has("* ID *")],
    )
    .needs(&["ID"]),
    must(
        "CIMAP-046",
        "RFC 3691 section 2",
        "UNSELECT removes nothing",
        Selected,
        &[
            Do("STORE 1 +FLAGS.SILENT (\\Deleted)"),
            Is("OK"),
            Do("UNSELECT"),
            Is("OK"),
            Do("STATUS {box} (MESSAGES)"),
            Has("* STATUS * (MESSAGES 3)"),
        ],
    )
    .needs(&["UNSELECT"]),
    must(
        "CIMAP-047",
        "RFC 9051 section 6.4.1",
        "CLOSE removes what is \\Deleted, without a word",
        Selected,
        &[
            Do("STORE 1 +FLAGS.SILENT (\\Deleted)"),
            Do("CLOSE"),
            Is("OK"),
            Lacks("* * EXPUNGE"),
            Do("STATUS {box} (MESSAGES)"),
            Has("* STATUS * (MESSAGES 2)"),
            Do("FETCH 1 FLAGS"),
            Is("BAD|NO"),
        ],
    ),
    must(
        "CIMAP-048",
        "RFC 9051 section 6.4.3",
        "EXPUNGE tells each message that it removes",
        Selected,
        &[
            Do("STORE 1:2 +FLAGS.SILENT (\\Deleted)"),
            Do("EXPUNGE"),
            Is("OK"),
            Count(2, "* * EXPUNGE"),
            Do("STATUS {box} (MESSAGES)"),
            Has("* STATUS * (MESSAGES 1)"),
        ],
    ),
    must(
        "CIMAP-049",
        "RFC 4315 section 2.1",
        "UID EXPUNGE removes only what it names",
        Selected,
        &[
            Do("STORE 1:3 +FLAGS.SILENT (\\Deleted)"),
            Do("UID EXPUNGE 2"),
            Is("OK"),
            Count(1, "* 2 EXPUNGE"),
            Count(1, "* * EXPUNGE"),
            Do("STATUS {box} (MESSAGES)"),
            Has("* STATUS * (MESSAGES 2)"),
        ],
    )
    .needs(&["UIDPLUS"]),
    must(
        "CIMAP-050",
        "RFC 9051 section 6.4.6",
        "STORE +FLAGS adds, and tells all flags",
        Selected,
        &[
            Do("STORE 2 +FLAGS (\\Answered)"),
            Is("OK"),
            Has("* 2 FETCH (*FLAGS (*\\Seen*)*)"),
            Has("* 2 FETCH (*FLAGS (*\\Answered*)*)"),
        ],
    ),
    must(
        "CIMAP-051",
        "RFC 9051 section 6.4.6",
        "STORE -FLAGS takes away",
        Selected,
        &[
            Do("STORE 2 -FLAGS (\\Seen)"),
            Is("OK"),
            Do("FETCH 2 FLAGS"),
            Lacks("* 2 FETCH (*\\Seen*)"),
        ],
    ),
    must(
        "CIMAP-052",
        "RFC 9051 section 6.4.6",
        "STORE FLAGS replaces",
        Selected,
        &[
            Do("STORE 3 FLAGS (\\Draft)"),
            Is("OK"),
            Do("FETCH 3 FLAGS"),
            Has("* 3 FETCH (*\\Draft*)"),
            Lacks("* 3 FETCH (*\\Flagged*)"),
        ],
    ),
    should(
        "CIMAP-053",
        "RFC 9051 section 6.4.6",
        "STORE .SILENT says nothing of what was asked for",
        Selected,
        &[
            Do("STORE 1 +FLAGS.SILENT (\\Flagged)"),
            Is("OK"),
            Lacks("* 1 FETCH (*FLAGS*)"),
            Do("FETCH 1 FLAGS"),
            Has("* 1 FETCH (*\\Flagged*)"),
        ],
    ),
    must(
        "CIMAP-054",
        "RFC 9051 section 2.3.2",
        "a keyword is kept where PERMANENTFLAGS allow any",
        Filled,
        &[
            Do("SELECT {box}"),
            Has("* OK [PERMANENTFLAGS (*\\**)]*"),
            Do("STORE 1 +FLAGS ($Pillarbox)"),
            Is("OK"),
            Do("SELECT {box}"),
            Do("FETCH 1 FLAGS"),
            Has("* 1 FETCH (*$Pillarbox*)"),
        ],
    ),
    must(
        "CIMAP-055",
        "RFC 9051 section 6.4.5",
        "FETCH BODY[] sets \\Seen",
        Selected,
        &[
            Do("FETCH 1 BODY[]"),
            Is("OK"),
            Has("* 1 FETCH (*BODY[] {*}*The lamp is lit.*)"),
            Do("FETCH 1 FLAGS"),
            Has("* 1 FETCH (*\\Seen*)"),
        ],
    ),
    must(
        "CIMAP-056",
        "RFC 9051 section 6.4.5",
        "FETCH BODY.PEEK[] does not set \\Seen",
        Selected,
        &[
            Do("FETCH 1 BODY.PEEK[]"),
            Is("OK"),
            Has("* 1 FETCH (*BODY[] {*}*The lamp is lit.*)"),
            Do("FETCH 1 FLAGS"),
            Lacks("*\\Seen*"),
        ],
    ),
    must(
        "CIMAP-057",
        "RFC 9051 section 6.4.5",
        "FETCH ALL is FLAGS, INTERNALDATE, RFC822.SIZE and ENVELOPE",
        Selected,
        &[
            Do("FETCH 1 ALL"),
            Is("OK"),
            Has("* 1 FETCH (*FLAGS (*)*)"),
            Has("* 1 FETCH (*INTERNALDATE \"*)"),
            Has("* 1 FETCH (*RFC822.SIZE *)"),
            Has("* 1 FETCH (*ENVELOPE (*)*)"),
        ],
    ),
    must(
        "CIMAP-058",
        "RFC 9051 section 7.5.2",
        "an ENVELOPE has the author for the missing Sender and Reply-To",
        Selected,
        &[
            Do("FETCH 1 ENVELOPE"),
            Is("OK"),
            Has(
                "* 1 FETCH (ENVELOPE (* \"first lighthouse\" ((\"Ann Archer\" NIL \"ann\" \"example.org\")) ((\"Ann Archer\" NIL \"ann\" \"example.org\")) ((\"Ann Archer\" NIL \"ann\" \"example.org\")) ((NIL NIL \"bob\" \"example.org\")) NIL NIL NIL \"<first@example.org>\"))",
            ),
        ],
    ),
    must(
        "CIMAP-059",
        "RFC 9051 section 7.5.2",
        "a BODYSTRUCTURE shows the parts",
        Selected,
        &[
            Do("FETCH 2 BODYSTRUCTURE"),
            Is("OK"),
            Has(
                "* 2 FETCH (BODYSTRUCTURE ((\"text\" \"plain\" *)(\"text\" \"html\" *\"base64\" *) \"mixed\" *))",
            ),
        ],
    ),
    must(
        "CIMAP-060",
        "RFC 9051 section 6.4.5",
        "BODY without a section shows the parts without extensions",
        Selected,
        &[
            Do("FETCH 2 BODY"),
            Is("OK"),
            Has("* 2 FETCH (BODY ((\"text\" \"plain\" *)(\"text\" \"html\" *) \"mixed\"))"),
        ],
    ),
    must(
        "CIMAP-061",
        "RFC 9051 section 6.4.5.1",
        "a part is fetched by its number",
        Selected,
        &[
            Do("FETCH 2 BODY.PEEK[1]"),
            Is("OK"),
            Has("* 2 FETCH (*BODY[1] *Seen from the sea.*)"),
            Lacks("*us-ascii*"),
        ],
    ),
    must(
        "CIMAP-062",
        "RFC 9051 section 6.4.5.1",
        "a part's MIME header is fetched",
        Selected,
        &[
            Do("FETCH 2 BODY.PEEK[2.MIME]"),
            Is("OK"),
            Has("* 2 FETCH (*BODY[2.MIME] *text/html*base64*)"),
        ],
    ),
    must(
        "CIMAP-063",
        "RFC 9051 section 6.4.5.1",
        "HEADER.FIELDS gives those fields and an empty line",
        Selected,
        &[
            Do("FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]"),
            Is("OK"),
            Has("* 1 FETCH (*BODY[HEADER.FIELDS (*SUBJECT*)] {29}*Subject: first lighthouse*)"),
            Lacks("*Message-ID*"),
        ],
    ),
    must(
        "CIMAP-064",
        "RFC 9051 section 6.4.5.1",
        "HEADER.FIELDS.NOT gives the others",
        Selected,
        &[
            Do("FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT)]"),
            Is("OK"),
            Has("* 1 FETCH (*Message-ID*)"),
            Lacks("*first lighthouse*"),
        ],
    ),
    must(
        "CIMAP-065",
        "RFC 9051 section 6.4.5.1",
        "TEXT is the message without its header",
        Selected,
        &[
            Do("FETCH 1 BODY.PEEK[TEXT]"),
            Is("OK"),
            Has("* 1 FETCH (*BODY[TEXT] *The lamp is lit.*)"),
            Lacks("*Subject:*"),
        ],
    ),
    must(
        "CIMAP-066",
        "RFC 9051 section 6.4.5",
        "a partial FETCH gives as much as was asked for",
        Selected,
        &[
            Do("FETCH 1 BODY.PEEK[TEXT]<4.4>"),
            Is("OK"),
            Has("* 1 FETCH (*BODY[TEXT]<4> *lamp*)"),
            Lacks("*is lit*"),
        ],
    ),
    must(
        "CIMAP-067",
        "RFC 9051 section 6.4.5",
        "a partial FETCH behind the end is empty",
        Selected,
        &[
            Do("FETCH 1 BODY.PEEK[TEXT]<9999.10>"),
            Is("OK"),
            Has("* 1 FETCH (*BODY[TEXT]<9999> \"\"*)|* 1 FETCH (*BODY[TEXT]<9999> {0}*)"),
        ],
    ),
    must(
        "CIMAP-068",
        "RFC 9051 section 6.4.9",
        "UID FETCH tells the UID",
        Selected,
        &[Do("UID FETCH 1:* FLAGS"), Is("OK"), Count(3, "* * FETCH (*UID *)")],
    ),
    must(
        "CIMAP-069",
        "RFC 9051 section 6.4.9",
        "UID FETCH of what is not there is taken, and empty",
        Selected,
        &[Do("UID FETCH 4000000000:4000000001 FLAGS"), Is("OK"), Lacks("* 1 FETCH *")],
    ),
    must(
        "CIMAP-070",
        "RFC 9051 section 9",
        "* is the last message, and a range goes both ways",
        Selected,
        &[
            Do("FETCH *:2 UID"),
            Is("OK"),
            Count(2, "* * FETCH *"),
            Do("FETCH * UID"),
            Has("* 3 FETCH *"),
            Count(1, "* * FETCH *"),
        ],
    ),
    must(
        "CIMAP-071",
        "RFC 9051 section 2.3.1.1",
        "UIDs and UIDVALIDITY stay",
        Selected,
        &[
            Do("UID FETCH 3 FLAGS"),
            Has("* 3 FETCH (*UID 3*)"),
            Do("STORE 1 +FLAGS.SILENT (\\Deleted)"),
            Do("EXPUNGE"),
            Do("SELECT {box}"),
            Do("UID FETCH 3 FLAGS"),
            Has("* 2 FETCH (*UID 3*)"),
        ],
    ),
    must(
        "CIMAP-072",
        "RFC 9051 section 2.3.1.1",
        "UIDNEXT is never given twice",
        Selected,
        &[
            Do("STORE 3 +FLAGS.SILENT (\\Deleted)"),
            Do("EXPUNGE"),
            Do("STATUS {box} (UIDNEXT)"),
            Has("* STATUS * (UIDNEXT 4)"),
        ],
    ),
    must(
        "CIMAP-073",
        "RFC 9051 section 6.4.4",
        "SEARCH by flags",
        Selected,
        &[
            Do("SEARCH SEEN"),
            Is("OK"),
            Has("* SEARCH 2|* SEARCH 2 "),
            Do("SEARCH UNSEEN FLAGGED"),
            Has("* SEARCH 3|* SEARCH 3 "),
        ],
    )
    .needs(&["IMAP4rev1"]),
    must(
        "CIMAP-074",
        "RFC 9051 section 6.4.4",
        "SEARCH by header fields is for a part of them, in any case",
        Selected,
        &[
            Do("SEARCH SUBJECT LIGHTHOUSE"),
            Is("OK"),
            Has("* SEARCH 1 2"),
            Do("SEARCH FROM archer"),
            Has("* SEARCH 1"),
            Do("SEARCH HEADER in-reply-to first@"),
            Has("* SEARCH 2"),
        ],
    )
    .needs(&["IMAP4rev1"]),
    must(
        "CIMAP-075",
        "RFC 9051 section 6.4.4",
        "SEARCH joins by NOT, OR and brackets",
        Selected,
        &[
            Do("SEARCH NOT SEEN"),
            Has("* SEARCH 1 3"),
            Do("SEARCH OR SEEN FLAGGED"),
            Has("* SEARCH 2 3"),
            Do("SEARCH OR (SEEN FLAGGED) (UNSEEN UNFLAGGED)"),
            Has("* SEARCH 1"),
        ],
    )
    .needs(&["IMAP4rev1"]),
    must(
        "CIMAP-076",
        "RFC 9051 section 6.4.4",
        "SEARCH by text looks into bodies, and into decoded ones",
        Selected,
        &[
            Do("SEARCH BODY lamp"),
            Is("OK"),
            Has("* SEARCH 1 3"),
            Do("SEARCH TEXT lighthouse"),
            Has("* SEARCH 1 2"),
        ],
    )
    .needs(&["IMAP4rev1"]),
    must(
        "CIMAP-077",
        "RFC 9051 section 6.4.4",
        "SEARCH by dates",
        Selected,
        &[
            Do("SEARCH SENTSINCE 3-Mar-2026"),
            Is("OK"),
            Has("* SEARCH 2 3"),
            Do("SEARCH SENTON 3-Mar-2026"),
            Has("* SEARCH 2"),
            Do("SEARCH BEFORE 1-Jan-2020"),
            Has("* SEARCH|* SEARCH "),
        ],
    )
    .needs(&["IMAP4rev1"]),
    must(
        "CIMAP-078",
        "RFC 9051 section 6.4.4",
        "SEARCH by sizes and by UIDs",
        Selected,
        &[
            Do("SEARCH LARGER 400"),
            Is("OK"),
            Has("* SEARCH 2"),
            Do("SEARCH UID 2:3"),
            Has("* SEARCH 2 3"),
        ],
    )
    .needs(&["IMAP4rev1"]),
    must(
        "CIMAP-079",
        "RFC 9051 section 6.4.4",
        "SEARCH in a charset that nobody knows is refused",
        Selected,
        &[Do("SEARCH CHARSET X-PILLARBOX SUBJECT x"), Is("NO")],
    ),
    should(
        "CIMAP-080",
        "RFC 9051 section 6.4.4",
        "a charset that nobody knows has the code BADCHARSET",
        Selected,
        &[Do("SEARCH CHARSET X-PILLARBOX SUBJECT x"), Is("NO [BADCHARSET*")],
    ),
    must(
        "CIMAP-081",
        "RFC 9051 section 4.3",
        "quotes and backslashes can be quoted",
        Selected,
        &[Do("SEARCH SUBJECT \"\\\"no\\\\such\\\"\""), Is("OK"), Do("NOOP"), Is("OK")],
    ),
    must(
        "CIMAP-082",
        "RFC 9051 section 4.3",
        "a literal stands wherever a string can",
        Selected,
        &[Literal("SEARCH SUBJECT", "another"), Is("OK"), Has("* SEARCH 3*|* ESEARCH * ALL 3")],
    ),
    must(
        "CIMAP-083",
        "RFC 7888 section 4",
        "a non-synchronising literal is taken",
        Selected,
        &[
            Raw("n1 SEARCH SUBJECT {7+}\r\nanother\r\n"),
            Until("n1"),
            Is("OK"),
            Has("* SEARCH 3*|* ESEARCH * ALL 3"),
        ],
    )
    .needs(&["LITERAL+|LITERAL-"]),
    must(
        "CIMAP-084",
        "RFC 4731 section 3.1",
        "SEARCH RETURN tells MIN, MAX and COUNT",
        Selected,
        &[
            Do("SEARCH RETURN (MIN MAX COUNT) ALL"),
            Is("OK"),
            Has("* ESEARCH (TAG \"*\")*MIN 1*"),
            Has("* ESEARCH *MAX 3*"),
            Has("* ESEARCH *COUNT 3*"),
        ],
    )
    .needs(&["ESEARCH"]),
    must(
        "CIMAP-085",
        "RFC 4731 section 3.1",
        "SEARCH RETURN ALL tells a set",
        Selected,
        &[Do("UID SEARCH RETURN (ALL) ALL"), Is("OK"), Has("* ESEARCH (TAG \"*\") UID ALL 1:3")],
    )
    .needs(&["ESEARCH"]),
    must(
        "CIMAP-086",
        "RFC 5182 section 2.1",
        "a search that was saved stands for its messages",
        Selected,
        &[
            Do("SEARCH RETURN (SAVE) UNSEEN"),
            Is("OK"),
            Do("FETCH $ UID"),
            Is("OK"),
            Count(2, "* * FETCH *"),
        ],
    )
    .needs(&["SEARCHRES"]),
    must(
        "CIMAP-087",
        "RFC 9051 section 6.4.7",
        "COPY keeps the flags",
        Selected,
        &[
            Do("CREATE {box}-new"),
            Do("COPY 2:3 {box}-new"),
            Is("OK"),
            Do("SELECT {box}-new"),
            Has("* 2 EXISTS"),
            Do("FETCH 1:2 FLAGS"),
            Has("* 1 FETCH (*\\Seen*)"),
            Has("* 2 FETCH (*\\Flagged*)"),
        ],
    ),
    must(
        "CIMAP-088",
        "RFC 4315 section 3",
        "COPY tells the UIDs",
        Selected,
        &[Do("CREATE {box}-new"), Do("COPY 2:3 {box}-new"), Is("OK [COPYUID * 2:3 *]*")],
    )
    .needs(&["UIDPLUS"]),
    must(
        "CIMAP-089",
        "RFC 9051 section 6.4.7",
        "COPY to a mailbox that is not there is answered with TRYCREATE",
        Selected,
        &[Do("COPY 1 {box}-new"), Is("NO [TRYCREATE]")],
    ),
    must(
        "CIMAP-090",
        "RFC 6851 section 3.1",
        "MOVE takes the messages away",
        Selected,
        &[
            Do("CREATE {box}-new"),
            Do("MOVE 1:2 {box}-new"),
            Is("OK"),
            Count(2, "* * EXPUNGE"),
            Do("STATUS {box}-new (MESSAGES)"),
            Has("* STATUS * (MESSAGES 2)"),
        ],
    )
    .needs(&["MOVE"]),
    must(
        "CIMAP-091",
        "RFC 2177 section 3",
        "IDLE tells of new messages, and ends with DONE",
        Selected,
        &[
            Raw("i1 IDLE\r\n"),
            GoAhead,
            Second(&[Literal("APPEND {box}", "Subject: x\r\n\r\nx\r\n"), Is("OK")]),
            Wait("* 4 EXISTS"),
            Raw("DONE\r\n"),
            Until("i1"),
            Is("OK"),
        ],
    )
    .needs(&["IDLE"]),
    must(
        "CIMAP-092",
        "RFC 9051 section 6.1.2",
        "NOOP tells what others did",
        Selected,
        &[
            Second(&[Literal("APPEND {box}", "Subject: x\r\n\r\nx\r\n"), Is("OK")]),
            Do("NOOP"),
            Is("OK"),
            Has("* 4 EXISTS"),
        ],
    ),
    must(
        "CIMAP-093",
        "RFC 9051 section 7.5.1",
        "no EXPUNGE comes during FETCH",
        Selected,
        &[
            Second(&[
                Do("SELECT {box}"),
                Do("STORE 1 +FLAGS.SILENT (\\Deleted)"),
                Do("EXPUNGE"),
                Is("OK"),
            ]),
            Do("FETCH 2:3 UID"),
            Lacks("* * EXPUNGE"),
            Do("NOOP"),
            Is("OK"),
            Has("* 1 EXPUNGE"),
        ],
    ),
    must(
        "CIMAP-094",
        "RFC 9051 section 7.1.3",
        "a bad command leaves the mailbox selected",
        Selected,
        &[
            Do("FETCH 1"),
            Is("BAD"),
            Do("FETCH 1 (X-PILLARBOX)"),
            Is("BAD"),
            Do("FETCH 1 UID"),
            Is("OK"),
            Has("* 1 FETCH *"),
        ],
    ),
    must(
        "CIMAP-095",
        "RFC 7162 section 3.1.2.1",
        "SELECT tells HIGHESTMODSEQ",
        Filled,
        &[
            Do("SELECT {box} (CONDSTORE)"),
            Is("OK"),
            Has("* OK [HIGHESTMODSEQ *]*|* OK [NOMODSEQ]*"),
        ],
    )
    .needs(&["CONDSTORE"]),
    must(
        "CIMAP-096",
        "RFC 7162 section 3.1.3",
        "STORE with an old mod-sequence changes nothing",
        Selected,
        &[
            Do("STORE 1 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Answered)"),
            Is("OK [MODIFIED 1]|NO [MODIFIED 1]"),
            Do("FETCH 1 FLAGS"),
            Lacks("* 1 FETCH (*\\Answered*)"),
        ],
    )
    .needs(&["CONDSTORE"]),
    must(
        "CIMAP-097",
        "RFC 7162 section 3.1.4",
        "FETCH CHANGEDSINCE tells MODSEQ",
        Selected,
        &[Do("FETCH 1:* (FLAGS) (CHANGEDSINCE 1)"), Is("OK"), Count(3, "* * FETCH (*MODSEQ (*)*)")],
    )
    .needs(&["CONDSTORE"]),
    must(
        "CIMAP-098",
        "RFC 7162 section 3.2.10",
        "VANISHED tells what was removed once QRESYNC is enabled",
        Filled,
        &[
            Do("ENABLE QRESYNC"),
            Is("OK"),
            Do("SELECT {box}"),
            Do("STORE 2 +FLAGS.SILENT (\\Deleted)"),
            Do("EXPUNGE"),
            Is("OK"),
            Has("* VANISHED 2"),
            Lacks("* * EXPUNGE"),
        ],
    )
    .needs(&["QRESYNC"]),
    must(
        "CIMAP-099",
        "RFC 5256 section 3",
        "SORT by date backwards",
        Selected,
        &[Do("SORT (REVERSE DATE) UTF-8 ALL"), Is("OK"), Has("* SORT 3 2 1")],
    )
    .needs(&["SORT"]),
    must(
        "CIMAP-100",
        "RFC 5256 section 3",
        "THREAD by references",
        Selected,
        &[Do("THREAD REFERENCES UTF-8 ALL"), Is("OK"), Has("* THREAD (1 2)(3)")],
    )
    .needs(&["THREAD=REFERENCES"]),
    must(
        "CIMAP-101",
        "RFC 5819 section 2",
        "LIST RETURN STATUS tells STATUS with it",
        Filled,
        &[
            Do("LIST \"\" {box} RETURN (STATUS (MESSAGES))"),
            Is("OK"),
            Has("* LIST *"),
            Has("* STATUS * (MESSAGES 3)"),
        ],
    )
    .needs(&["LIST-STATUS"]),
    must(
        "CIMAP-102",
        "RFC 3516 section 4.2",
        "BINARY gives a part decoded",
        Selected,
        &[Do("FETCH 2 BINARY.PEEK[2]"), Is("OK"), Has("* 2 FETCH (*BINARY[2] *<b>fat</b>*)")],
    )
    .needs(&["BINARY"]),
    must(
        "CIMAP-103",
        "RFC 8474 section 4",
        "EMAILID is told, and stays the same for a copy",
        Selected,
        &[Do("FETCH 1 (EMAILID)"), Is("OK"), Has("* 1 FETCH (*EMAILID (*)*)")],
    )
    .needs(&["OBJECTID"]),
    must(
        "CIMAP-104",
        "RFC 8438 section 3",
        "STATUS tells SIZE",
        Filled,
        &[Do("STATUS {box} (SIZE)"), Is("OK"), Has("* STATUS * (SIZE *)")],
    )
    .needs(&["STATUS=SIZE"]),
    must(
        "CIMAP-105",
        "RFC 8970 section 3.1",
        "PREVIEW gives the beginning of the text, or NIL",
        Selected,
        &[
            Do("FETCH 1 (PREVIEW)"),
            Is("OK"),
            Has("* 1 FETCH (*PREVIEW *The lamp is lit.*)|* 1 FETCH (*PREVIEW NIL*)"),
        ],
    )
    .needs(&["PREVIEW"]),
    must(
        "CIMAP-106",
        "RFC 3502 section 4",
        "several messages in one APPEND",
        Ready,
        &[
            Do("CREATE {box}"),
            Raw("m1 APPEND {box} {8+}\r\nA: x\r\n\r\n {8+}\r\nB: y\r\n\r\n\r\n"),
            Until("m1"),
            Is("OK"),
            Do("STATUS {box} (MESSAGES)"),
            Has("* STATUS * (MESSAGES 2)"),
        ],
    )
    .needs(&["MULTIAPPEND", "LITERAL+|LITERAL-"]),
];
