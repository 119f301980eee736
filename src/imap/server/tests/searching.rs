//! SEARCH, SORT and THREAD.

use super::super::testing::*;
use crate::store::memory::{NewMessage, Shared};
use crate::store::{Flags, Received};

fn put(account: &Shared, day: i64, octets: &str) {
    let mut account = account.borrow_mut();
    let inbox = account.find("INBOX").expect("INBOX exists");
    let received = Some(Received { seconds: NOW - day * 86_400, offset_seconds: 0 });
    let message = NewMessage { flags: Flags::new(), received, octets: octets.as_bytes().into() };
    account.append(inbox, vec![message]).expect("there is room");
}

/// Three messages, received 9, 5 and 1 days ago.
fn mail() -> Shared {
    let account = account();
    put(
        &account,
        9,
        "From: Zoe <zoe@x>\r\nTo: ann@x\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
         Date: Mon, 1 Jan 2024 23:30:00 -0800\r\nMessage-ID: <1@x>\r\n\r\nhello world\r\n",
    );
    put(
        &account,
        5,
        "From: bob@x\r\nTo: ann@x\r\nCc: carl@x\r\nSubject: Re: plan\r\n\
         Date: Fri, 5 Jan 2024 10:00:00 +0000\r\nMessage-ID: <2@x>\r\nIn-Reply-To: <3@x>\r\n\r\n\
         Hello\r\n",
    );
    put(
        &account,
        1,
        "From: ann@x\r\nSubject: plan\r\nDate: Thu, 4 Jan 2024 10:00:00 +0000\r\n\
         Message-ID: <3@x>\r\nX-Mark:\r\nContent-Transfer-Encoding: base64\r\n\r\naGlkZGVu\r\n",
    );
    account
}

#[test]
fn every_kind_of_key() {
    let account = mail();
    let mut talk = Talk::inbox(&server(&account));
    talk.ask("STORE 1 +FLAGS.SILENT (\\Seen $Work)");
    let cases = [
        ("ALL", "1 2 3"),
        ("SEEN", "1"),
        ("UNSEEN", "2 3"),
        ("KEYWORD $work", "1"),
        ("UNKEYWORD $work", "2 3"),
        ("NEW", "2 3"),
        ("OLD", ""),
        ("RECENT", "1 2 3"),
        ("FROM zoe", "1"),
        ("TO ANN", "1 2"),
        ("CC carl", "2"),
        ("BCC x", ""),
        ("SUBJECT plan", "2 3"),
        ("BODY hello", "1 2"),
        ("BODY hidden", "3"),
        ("TEXT zoe", "1"),
        ("TEXT hidden", "3"),
        ("HEADER X-Mark \"\"", "3"),
        ("HEADER Subject re:", "2"),
        ("BEFORE 5-Jan-2024", "1"),
        ("ON 5-Jan-2024", "2"),
        ("SINCE 5-Jan-2024", "2 3"),
        // Its own day, not that of UTC.
        ("SENTON 1-Jan-2024", "1"),
        ("SENTSINCE 5-Jan-2024", "2"),
        ("SENTBEFORE 5-Jan-2024", "1 3"),
        ("SAVEDON 10-Jan-2024", "1 2 3"),
        ("SAVEDATESUPPORTED", "1 2 3"),
        ("YOUNGER 86400", "3"),
        ("OLDER 86400", "1 2 3"),
        ("OLDER 86401", "1 2"),
        ("LARGER 1", "1 2 3"),
        ("SMALLER 1", ""),
        ("2:*", "2 3"),
        ("UID 3,9", "3"),
        ("EMAILID M2", "2"),
        ("THREADID T2", ""),
        ("NOT SEEN", "2 3"),
        ("OR SEEN SUBJECT re:", "1 2"),
        ("(UNSEEN) (FROM bob)", "2"),
        ("UNSEEN NOT FROM bob", "3"),
    ];
    for (keys, expected) in cases {
        let expected = format!("* SEARCH {expected}").trim_end().to_owned();
        assert_eq!(talk.ask(&format!("SEARCH {keys}")), [expected], "{keys}");
    }
    assert_eq!(talk.ask("UID SEARCH 3"), ["* SEARCH 3"]);
}

#[test]
fn charsets() {
    let account = mail();
    let mut talk = Talk::inbox(&server(&account));
    let key = "SEARCH CHARSET utf-8 SUBJECT {7}\r\ngr\u{fc}\u{df}E";
    assert_eq!(talk.ask(key), ["* SEARCH 1"]);
    let refused = talk.end("SEARCH CHARSET X-NONE ALL");
    assert!(refused.starts_with("NO [BADCHARSET (US-ASCII UTF-8 ISO-8859-1 "), "{refused}");
    assert_eq!(talk.end("SEARCH CHARSET US-ASCII SUBJECT {2}\r\n\u{fc}"), "BAD");
    talk.ask("ENABLE UTF8=ACCEPT");
    assert_eq!(talk.ask("SEARCH SUBJECT \"gr\u{fc}\""), ["* SEARCH 1"]);
    assert_eq!(talk.end("SEARCH CHARSET UTF-8 ALL"), "BAD");
}

#[test]
fn extended_results() {
    let account = mail();
    let mut talk = Talk::inbox(&server(&account));
    assert_eq!(
        talk.ask("SEARCH RETURN (MIN MAX COUNT ALL) ALL"),
        ["* ESEARCH (TAG \"3\") MIN 1 MAX 3 COUNT 3 ALL 1:3"]
    );
    assert_eq!(talk.ask("UID SEARCH RETURN () SEEN"), ["* ESEARCH (TAG \"4\") UID"]);
    assert_eq!(
        talk.ask("UID SEARCH RETURN (PARTIAL -1:-2) ALL"),
        ["* ESEARCH (TAG \"5\") UID PARTIAL (-1:-2 2:3)"]
    );
    assert_eq!(talk.end("SEARCH RETURN (NONSENSE) ALL"), "BAD");
    let said = talk.ask("SEARCH MODSEQ 1");
    assert!(said[0].starts_with("* OK [HIGHESTMODSEQ "), "{said:?}");
    assert_eq!(said[1], "* SEARCH 1 2 3 (MODSEQ 4)");
    assert_eq!(talk.ask("SEARCH RETURN (MIN) MODSEQ 1"), ["* ESEARCH (TAG \"8\") MIN 1 MODSEQ 2"]);
}

#[test]
fn the_saved_result() {
    let account = mail();
    let mut talk = Talk::inbox(&server(&account));
    assert_eq!(talk.ask("FETCH $ UID"), [""; 0]);
    assert_eq!(talk.ask("SEARCH RETURN (SAVE) UNSEEN 2:3"), [""; 0]);
    assert_eq!(talk.ask("FETCH $ UID"), ["* 2 FETCH (UID 2)", "* 3 FETCH (UID 3)"]);
    assert_eq!(talk.ask("SEARCH $ FROM bob"), ["* SEARCH 2"]);
    assert_eq!(talk.ask("UID SEARCH RETURN (SAVE MAX) ALL"), ["* ESEARCH (TAG \"7\") UID MAX 3"]);
    assert_eq!(talk.ask("FETCH $ UID"), ["* 3 FETCH (UID 3)"]);
    talk.ask("STORE $ +FLAGS.SILENT (\\Deleted)");
    assert_eq!(talk.ask("UID EXPUNGE $"), ["* 3 EXPUNGE"]);
    assert_eq!(talk.ask("FETCH $ UID"), [""; 0]);
    talk.ask("SEARCH RETURN (SAVE) ALL");
    // RFC 5182 section 2.1: without SAVE it stays.
    talk.say("SEARCH CHARSET X-NONE ALL");
    assert_eq!(talk.ask("FETCH $ UID").len(), 2);
    talk.say("SEARCH RETURN (SAVE) CHARSET X-NONE ALL");
    assert_eq!(talk.ask("FETCH $ UID"), [""; 0]);
}

#[test]
fn sorted() {
    let account = mail();
    let mut talk = Talk::inbox(&server(&account));
    let cases = [
        ("ARRIVAL", "1 2 3"),
        ("REVERSE ARRIVAL", "3 2 1"),
        ("DATE", "1 3 2"),
        ("FROM", "3 2 1"),
        ("DISPLAYFROM", "3 2 1"),
        ("CC", "1 3 2"),
        ("TO", "3 1 2"),
        ("SUBJECT DATE", "1 3 2"),
        ("SUBJECT REVERSE DATE", "1 2 3"),
    ];
    for (criteria, expected) in cases {
        let said = talk.ask(&format!("SORT ({criteria}) UTF-8 ALL"));
        assert_eq!(said, [format!("* SORT {expected}")], "{criteria}");
    }
    assert_eq!(
        talk.ask("UID SORT RETURN (ALL COUNT) (REVERSE ARRIVAL) UTF-8 UNSEEN"),
        ["* ESEARCH (TAG \"12\") UID COUNT 3 ALL 3,2,1"]
    );
    assert_eq!(talk.end("SORT (RELEVANCY) UTF-8 ALL"), "BAD");
    assert!(talk.end("SORT (DATE) X-NONE ALL").starts_with("NO [BADCHARSET (US-ASCII UTF-8 "));
}

#[test]
fn threaded() {
    let account = mail();
    let mut talk = Talk::inbox(&server(&account));
    assert_eq!(talk.ask("THREAD REFERENCES UTF-8 ALL"), ["* THREAD (1)(3 2)"]);
    assert_eq!(talk.ask("UID THREAD ORDEREDSUBJECT UTF-8 ALL"), ["* THREAD (1)(3 2)"]);
    put(&account, 0, "Subject: re: plan\r\nDate: Sat, 6 Jan 2024 10:00:00 +0000\r\n\r\nx");
    talk.ask("NOOP");
    assert_eq!(talk.ask("THREAD ORDEREDSUBJECT UTF-8 ALL"), ["* THREAD (1)(3 (2)(4))"]);
    assert_eq!(talk.ask("THREAD REFERENCES UTF-8 SUBJECT none"), ["* THREAD"]);
    assert_eq!(talk.end("THREAD NONSENSE UTF-8 ALL"), "BAD");
}

#[test]
fn the_empty_string_is_in_every_message_and_no_interval_is_empty() {
    let account = account();
    put(
        &account,
        1,
        "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n",
    );
    let mut talk = Talk::inbox(&server(&account));
    for key in ["BODY \"\"", "TEXT \"\"", "YOUNGER 100000"] {
        assert_eq!(talk.ask(&format!("SEARCH {key}")), ["* SEARCH 1"], "{key}");
    }
    for key in ["YOUNGER 0", "OLDER 0"] {
        assert_eq!(talk.end(&format!("SEARCH {key}")), "BAD", "RFC 5032 section 5: {key}");
    }
}

#[test]
fn a_sort_that_is_refused_leaves_nothing_saved() {
    let account = account();
    fill(&account, "INBOX", &[("a", &[]), ("b", &[])]);
    let mut talk = Talk::inbox(&server(&account));
    talk.ask("SEARCH RETURN (SAVE) ALL");
    assert_eq!(talk.ask("FETCH $ UID").len(), 2);
    assert!(talk.end("SORT RETURN (SAVE) (DATE) X-NONE ALL").starts_with("NO [BADCHARSET"));
    assert_eq!(talk.ask("FETCH $ UID"), [""; 0]);
}
