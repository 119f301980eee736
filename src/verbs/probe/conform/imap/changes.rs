//! Cases of COPY and MOVE, what others did, and extensions where they are offered.

use crate::verbs::probe::conform::script::Start::{Filled, Ready, Selected};
use crate::verbs::probe::conform::script::Step::{
    Count, Do, GoAhead, Has, Is, Lacks, Literal, Raw, Second, Until, Wait,
};
use crate::verbs::probe::conform::script::{Case, must};

/// In the order of their ids.
pub static CASES: &[Case] = &[
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
