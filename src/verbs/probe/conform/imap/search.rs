//! Cases of SEARCH and the strings that it takes (RFC 9051 sections 4.3 and 6.4.4).

use crate::verbs::probe::conform::script::Start::Selected;
use crate::verbs::probe::conform::script::Step::{Count, Do, Has, Is, Literal, Raw, Until};
use crate::verbs::probe::conform::script::{Case, must, should};

/// In the order of their ids.
pub static CASES: &[Case] = &[
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
];
