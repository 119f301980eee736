//! The client over a connection in memory, with servers that follow a script.

mod append;
mod bodies;
mod open;

use std::future::Future;
use std::time::Duration;

use super::fetch::Wanted;
use super::messages::FlagUpdate;
use super::{Client, Error, Options};
use crate::base::backoff::Busy;
use crate::imap::store::Account;
use crate::imap::syntax::ModSeq;
use crate::imap::syntax::command::Action;
use crate::imap::syntax::mailbox::Mailbox;
use crate::net::Wire;
use crate::sasl::{Credential, CredentialSecret};
use crate::store::testing::{Collected, Given, run};
use crate::store::{Deleted, Id, PeerError, Since, Spool, Store, What};

/// A line of a server's script.
enum Step {
    /// What the server says.
    Say(Vec<u8>),
    /// A line that the client has to send.
    Hear(&'static str),
}
use Step::Hear;

fn say(line: impl AsRef<str>) -> Step {
    Step::Say(format!("{}\r\n", line.as_ref()).into_bytes())
}

/// Plays a server to its script's end, and stays until the client has gone.
async fn play(mut wire: Wire, script: Vec<Step>) {
    wire.set_timeout(Duration::from_secs(10));
    for step in script {
        match step {
            Step::Say(octets) => {
                wire.queue(&octets);
                wire.flush().await.expect("the client listens");
            }
            Hear(expected) => {
                let len = wire
                    .line(1 << 20)
                    .await
                    .unwrap_or_else(|error| panic!("no line where {expected:?} was due: {error}"));
                let line = String::from_utf8_lossy(&wire.buffered()[..len - 2]).into_owned();
                assert_eq!(line, expected);
                wire.consume(len);
            }
        }
    }
    while wire.fill().await.is_ok() {}
}

const PLAIN: &str = "IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL+ UIDPLUS MOVE IDLE ESEARCH UNSELECT";

/// Runs a client against a script that begins behind the login.
fn session<T, F: Future<Output = T>>(
    capabilities: &str,
    script: Vec<Step>,
    talk: impl FnOnce(Client) -> F,
) -> T {
    run(async {
        let (near, far) = Wire::duplex(1 << 16);
        let mut all = vec![say(format!("* PREAUTH [CAPABILITY {capabilities}] hello"))];
        all.extend(script);
        let ours = async {
            let client = Client::open(near, &Options::default()).await.expect("a session");
            client_within(talk(client)).await
        };
        let (result, ()) = tokio::join!(ours, play(far, all));
        result
    })
}

async fn client_within<T>(client: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), client).await.expect("the client ends")
}

/// A script's start: the mailbox is selected.
fn selected(exists: u32, more: &[&str]) -> Vec<Step> {
    let mut script = vec![
        Hear("a1 SELECT INBOX"),
        say(format!("* {exists} EXISTS")),
        say("* FLAGS (\\Seen)"),
        say("* OK [UIDVALIDITY 7] x"),
        say("* OK [UIDNEXT 100] x"),
    ];
    script.extend(more.iter().map(say));
    script.push(say("a1 OK [READ-WRITE] done"));
    script
}

async fn inbox(client: &mut Client) {
    client.select(&Mailbox(b"INBOX"[..].into()), false).await.expect("INBOX");
}

#[test]
fn what_changes_mail_is_not_repeated() {
    let mut script = selected(2, &[]);
    script.extend([
        Hear("a2 UID COPY 1 Away"),
        say("a2 NO [UNAVAILABLE] Suggested Backoff Time: 1 ms"),
        Hear("a3 NOOP"),
        say("a3 OK done"),
    ]);
    session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        let refused = client.copy(&[1], &Mailbox::from_name("Away", false)).await;
        assert!(matches!(refused, Err(Error::Refused { .. })));
        client.noop().await.expect("the session goes on");
    });
}

/// As Dovecot does: the tagged replies come together, behind all that was asked for.
#[test]
fn search_by_esearch_or_without() {
    use crate::imap::syntax::search::{Field, Key, Word};
    let mut script = selected(9, &[]);
    script.extend([
        Hear("a2 UID SEARCH RETURN (ALL) CHARSET UTF-8 UNSEEN SUBJECT {2+}"),
        Hear("\u{e4}"),
        say("* ESEARCH (TAG \"a2\") UID ALL 9,2:4"),
        say("a2 OK done"),
        Hear("a3 UID SEARCH RETURN (ALL) ALL"),
        say("* SEARCH 5 4 "),
        say("a3 OK done"),
        Hear("a4 UID SEARCH RETURN (ALL) ALL"),
        say("* ESEARCH (TAG \"a4\") UID"),
        say("a4 OK done"),
    ]);
    session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        let text = Key::Text(Field::Subject, "ä".as_bytes().into());
        let keys = vec![Key::Word(Word::Unseen), text];
        assert_eq!(client.search(keys).await.expect("found"), [2, 3, 4, 9]);
        let all = || vec![Key::Word(Word::All)];
        assert_eq!(client.search(all()).await.expect("found"), [4, 5]);
        assert_eq!(client.search(all()).await.expect("found"), [] as [u32; 0]);
    });
}

#[test]
fn only_ours_are_expunged_without_uidplus() {
    for (deleted, outcome) in [("2 5", Deleted::Marked), ("5", Deleted::Gone)] {
        let mut script = selected(9, &[]);
        script.extend([
            Hear("a2 UID STORE 5:6 +FLAGS.SILENT (\\Deleted)"),
            say("a2 OK done"),
            Hear("a3 UID SEARCH DELETED"),
            say(format!("* SEARCH {deleted}")),
            say("a3 OK done"),
        ]);
        if outcome == Deleted::Gone {
            script.extend([Hear("a4 EXPUNGE"), say("* 1 EXPUNGE"), say("a4 OK done")]);
        }
        let found = session("IMAP4rev1", script, async |mut client| {
            inbox(&mut client).await;
            client.expunge(&[5, 6]).await.expect("expunged")
        });
        assert_eq!(found, outcome);
    }
    let mut script = selected(9, &[]);
    script.extend([
        Hear("a2 UID STORE 5:6 +FLAGS.SILENT (\\Deleted)"),
        Hear("a3 UID EXPUNGE 5:6"),
        say("a2 OK done"),
        say("a3 OK done"),
    ]);
    session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        assert_eq!(client.expunge(&[5, 6]).await.expect("expunged"), Deleted::Gone);
    });
}

#[test]
fn copyuid_wherever_it_stands() {
    let mut script = selected(9, &[]);
    script.extend([
        Hear("a2 UID MOVE 5:7 Old"),
        say("* OK [COPYUID 3 5,7 21:22] moved"),
        say("* 5 EXPUNGE"),
        say("a2 OK done"),
        Hear("a3 UID COPY 5 Old"),
        say("* [COPYUID 3 5 30]"),
        say("a3 OK done"),
    ]);
    session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        let old = Mailbox(b"Old"[..].into());
        let (places, _) = client.move_to(&[5, 6, 7], &old).await.expect("moved");
        let uids: Vec<_> = places.iter().map(|place| place.map(|place| place.uid)).collect();
        assert_eq!(uids, [Some(21), None, Some(22)]);
        let places = client.copy(&[5], &old).await.expect("copied");
        assert_eq!(places[0].expect("told").uid, 30);
    });
}

#[test]
fn flags_change_in_one_flight_and_all_answers_are_heard() {
    let mut script = selected(9, &[]);
    script.extend([
        Hear("a2 UID STORE 1:2 +FLAGS.SILENT ($x \\Seen)"),
        Hear("a3 UID STORE 3 -FLAGS.SILENT (\\Flagged)"),
        say("a3 OK done"),
        say("a2 NO [NOPERM] no"),
        Hear("a4 NOOP"),
        say("a4 OK done"),
    ]);
    session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        let update = |uids: &[u32], action, flags: &[&str]| FlagUpdate {
            uids: uids.to_vec(),
            action,
            flags: flags.iter().collect(),
        };
        let updates = [
            update(&[1, 2], Action::Add, &["\\Seen", "$x"]),
            update(&[3], Action::Remove, &["\\Flagged"]),
            update(&[4], Action::Add, &[]),
        ];
        let error = client.store(&updates).await.expect_err("refused");
        assert!(error.is_auth());
        client.noop().await.expect("the session goes on");
    });
}

#[test]
fn idle_ends_when_something_is_told_and_at_its_limit() {
    let mut script = selected(9, &[]);
    script.extend([
        Hear("a2 IDLE"),
        say("+ idling"),
        say("* OK still here"),
        say("* 10 EXISTS"),
        Hear("DONE"),
        say("a2 OK done"),
        Hear("a3 SELECT INBOX"),
        say("* 10 EXISTS"),
        say("a3 OK done"),
        Hear("a4 IDLE"),
        say("+ idling"),
        Hear("DONE"),
        say("a4 OK done"),
    ]);
    session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        assert!(client.wait_for_change(Duration::from_secs(9)).await.expect("told"));
        // Nothing new is waited for until it was looked at.
        assert!(client.wait_for_change(Duration::from_secs(9)).await.expect("told"));
        client.reselect().await.expect("selected");
        assert!(!client.wait_for_change(Duration::from_millis(30)).await.expect("quiet"));
    });
}

#[test]
fn a_cancelled_wait_is_ended_by_the_next_command() {
    let mut script = selected(9, &[]);
    script.extend([
        Hear("a2 IDLE"),
        say("+ idling"),
        Hear("DONE"),
        say("a2 OK done"),
        Hear("a3 NOOP"),
        say("a3 OK done"),
    ]);
    session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        let wait = client.wait_for_change(Duration::from_secs(9));
        assert!(tokio::time::timeout(Duration::from_millis(50), wait).await.is_err());
        client.noop().await.expect("the session goes on");
    });
}

#[test]
fn changes_by_qresync_by_condstore_and_by_listing() {
    let since = |modseq| Since {
        uid_validity: 7,
        modseq,
        known: ["1", "2", "5"].into_iter().map(|uid| Id(uid.into())).collect(),
    };
    let gone = |changes: &crate::store::Changes| {
        changes.vanished.iter().map(|id| id.0.clone()).collect::<Vec<_>>()
    };
    // QRESYNC, with a set that claims all UIDs there are.
    let capabilities = "IMAP4rev1 ENABLE CONDSTORE QRESYNC";
    let script = vec![
        Hear("a1 ENABLE QRESYNC"),
        say("* ENABLED QRESYNC"),
        say("a1 OK done"),
        Hear("a2 LIST \"\" \"\""),
        say("* LIST (\\Noselect) \"/\" \"\""),
        say("a2 OK done"),
        Hear("a3 SELECT INBOX"),
        say("* 2 EXISTS"),
        say("* OK [UIDVALIDITY 7] x"),
        say("* OK [HIGHESTMODSEQ 30] x"),
        say("a3 OK done"),
        Hear("a4 UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 20 VANISHED)"),
        say("* VANISHED (EARLIER) 2:4294967295"),
        say("* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (25))"),
        say("a4 OK done"),
    ];
    session(capabilities, script, async |client| {
        let mut account = Account::new(client).await.expect("an account");
        assert_eq!(account.select("INBOX", false).await.expect("INBOX").highest_modseq, Some(30));
        let changes = account.changes(Some(&since(Some(20)))).await.expect("changes");
        assert_eq!(gone(&changes), ["2", "5"].map(std::sync::Arc::from));
        assert!(!changes.complete && changes.changed.len() == 1);
        // Nothing happened since: nothing is asked.
        let changes = account.changes(Some(&since(Some(30)))).await.expect("changes");
        assert!(changes.changed.is_empty() && changes.vanished.is_empty());
    });
    // CONDSTORE without QRESYNC.
    let script = vec![
        Hear("a1 SELECT INBOX (CONDSTORE)"),
        say("* 2 EXISTS"),
        say("* OK [UIDVALIDITY 7] x"),
        say("* OK [HIGHESTMODSEQ 30] x"),
        say("a1 OK done"),
        Hear("a2 UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 20)"),
        Hear("a3 UID SEARCH ALL"),
        say("a2 OK done"),
        say("* SEARCH 1 5 9"),
        say("a3 OK done"),
    ];
    session("IMAP4rev1 CONDSTORE", script, async |mut client| {
        inbox(&mut client).await;
        let changed = client.changed_since(ModSeq(20), &[1, 2, 5]).await.expect("changes");
        assert_eq!(changed.vanished, [2]);
    });
    // Neither.
    let mut script = selected(2, &[]);
    script.extend([
        Hear("a2 UID FETCH 1:* (UID FLAGS)"),
        say("* 2 FETCH (UID 5 FLAGS (\\Seen))"),
        say("* 1 FETCH (UID 1 FLAGS ())"),
        say("a2 OK done"),
    ]);
    session("IMAP4rev1", script, async |mut client| {
        inbox(&mut client).await;
        let all = client.list_messages(false).await.expect("a listing");
        assert_eq!(all.iter().map(|message| message.uid).collect::<Vec<_>>(), [1, 5]);
    });
}

#[test]
fn folders_with_all_that_one_round_trip_tells() {
    let capabilities = "IMAP4rev1 NAMESPACE LIST-EXTENDED LIST-STATUS SPECIAL-USE";
    let script = vec![
        Hear("a1 NAMESPACE"),
        say("* NAMESPACE ((\"INBOX.\" \".\")) NIL ((\"shared.\" \".\"))"),
        say("a1 OK done"),
        Hear(
            "a2 LIST \"\" * RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES UNSEEN UIDNEXT UIDVALIDITY))",
        ),
        say("* LIST (\\Subscribed) \".\" inbox"),
        say("* STATUS INBOX (MESSAGES 3 UNSEEN 1 UIDNEXT 9 UIDVALIDITY 7)"),
        say("* LIST (\\Sent \\HasNoChildren) \".\" INBOX.Entw&APw-rfe"),
        say("* LIST (\\Noselect) \".\" shared"),
        say("a2 OK done"),
        Hear("a3 CREATE INBOX.a.b"),
        Hear("a4 CREATE INBOX.a"),
        say("a3 OK done"),
        say("a4 NO it is there"),
        Hear("a5 LIST \"\" INBOX.a"),
        say("* LIST () \".\" INBOX.a"),
        say("a5 OK done"),
        Hear("a6 SELECT INBOX.none"),
        say("a6 NO [NONEXISTENT] no such mailbox"),
    ];
    session(capabilities, script, async |client| {
        let mut account = Account::new(client).await.expect("an account");
        let folders = account.folders(&[]).await.expect("folders");
        let names: Vec<_> = folders.iter().map(|folder| folder.name.as_str()).collect();
        assert_eq!(names, ["INBOX", "Entwürfe", "shared"]);
        assert_eq!(folders[0].status.expect("told").messages, 3);
        assert_eq!(folders[1].special_use, ["\\Sent"]);
        assert!(!folders[2].selectable);
        account.create(&["a/b".into(), "a".into()]).await.expect("created");
        let error = account.select("none", false).await.expect_err("no folder");
        assert!(matches!(error, crate::store::Error::NoFolder(name) if name == "none"));
    });
}

#[test]
fn a_broken_server_is_told_from_a_broken_network() {
    let script = vec![Hear("a1 NOOP"), say("* 1 FETCH (UID x)")];
    let error = session(PLAIN, script, async |mut client| {
        let error = client.noop().await.expect_err("nonsense");
        assert!(!client.is_open());
        error
    });
    assert!(error.is_protocol() && !error.is_transient());
    assert_eq!(
        error.to_string(),
        "NOOP: the server broke the protocol: expected number at octet 15, in \"* 1 FETCH (UID x)\\r\\n\""
    );
    let script = vec![Hear("a1 NOOP"), say("* BYE [UNAVAILABLE] going down")];
    run(async {
        let (near, far) = Wire::duplex(1 << 16);
        let mut all = vec![say("* PREAUTH [CAPABILITY IMAP4rev1] x")];
        all.extend(script);
        let theirs = async {
            // Says goodbye and hangs up.
            tokio::time::timeout(Duration::from_millis(100), play(far, all)).await.ok();
        };
        let ours = async {
            let mut client = Client::open(near, &Options::default()).await.expect("a session");
            client.noop().await.expect_err("gone")
        };
        let (error, ()) = tokio::join!(ours, theirs);
        assert!(matches!(&error, Error::Bye { .. }), "{error}");
    });
}

#[test]
fn items_and_raw_commands() {
    use crate::imap::syntax::fetch::Item;
    let mut script = selected(9, &[]);
    let large = vec![b'z'; 70_000];
    script.extend([
        Hear("a2 UID FETCH 4:5 (UID ENVELOPE BODYSTRUCTURE)"),
        say("* 4 FETCH (UID 4 ENVELOPE (NIL \"x\" NIL NIL NIL NIL NIL NIL NIL NIL))"),
        say("* 5 FETCH (FLAGS (\\Seen))"),
        say("a2 OK done"),
        Hear("a3 UID FETCH 4 BODY[]"),
        Step::Say(
            [&b"* 4 FETCH (UID 4 BODY[] {70000}\r\n"[..], &large, b")\r\na3 NO odd\r\n"].concat(),
        ),
    ]);
    session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        let mut subjects = Vec::new();
        let items = [Item::Envelope, Item::BodyStructure];
        client
            .fetch_items(&[4, 5], &items, &mut |uid, fetch| {
                let subject = fetch.envelope.as_ref().and_then(|e| e.subject.clone());
                subjects.push((uid, subject.map(|s| s.into_owned())));
            })
            .await
            .expect("envelopes");
        assert_eq!(subjects, [(4, Some(b"x".to_vec()))]);
        let mut told = Vec::new();
        let reply = client
            .raw(b"UID FETCH 4 BODY[]", &mut |octets| told.extend_from_slice(octets))
            .await
            .expect("an answer");
        assert_eq!(reply.to_string(), "NO odd");
        assert!(told.starts_with(b"* 4 FETCH") && told.ends_with(b"a3 NO odd\r\n"));
        assert!(told.len() > 70_000);
        assert!(client.raw(b"NOOP\r\nx", &mut |_| {}).await.is_err());
    });
}

/// RFC 5464 section 4.2: values are strings of any kind, and one that is not set is NIL.
#[test]
fn a_comment_is_ones_own_or_that_of_all() {
    let asked = Hear("a2 GETMETADATA (MAXSIZE 4096) INBOX (/private/comment /shared/comment)");
    let mut script = selected(0, &[]);
    script.extend([
        asked,
        say("* METADATA Other (/private/comment x)"),
        say("* METADATA INBOX (/shared/comment \"Shared comment\" /private/comment {3}"),
        say("own)"),
        say("a2 OK done"),
        Hear("a3 GETMETADATA (MAXSIZE 4096) INBOX (/private/comment /shared/comment)"),
        say("* METADATA \"INBOX\" (/private/comment NIL /shared/comment \"Shared comment\")"),
        say("a3 OK [METADATA LONGENTRIES 2199] done"),
    ]);
    let capabilities = format!("{PLAIN} METADATA");
    session(&capabilities, script, async |mut client| {
        inbox(&mut client).await;
        let mailbox = Mailbox(b"INBOX"[..].into());
        for wanted in ["own", "Shared comment"] {
            let found = client.comment(&mailbox).await.expect("an answer");
            assert_eq!(found.as_deref(), Some(wanted));
        }
    });
}

/// What the server tells between the SELECT that is sent and the mailbox that it leaves is of
/// that mailbox, and is news of it.
#[test]
fn news_of_a_mailbox_that_is_being_left_are_not_lost() {
    let notify = "NOTIFY SET (SELECTED (MessageNew MessageExpunge)) \
                  (MAILBOXES (INBOX Other) (MessageNew MessageExpunge))";
    let notify: &'static str = Box::leak(format!("a2 {notify}").into_boxed_str());
    for (told, is_news) in [
        (&["* 3 EXISTS", "* OK [CLOSED] x", "* 1 EXISTS"][..], true),
        (&["* 1 EXPUNGE", "* OK [CLOSED] x", "* 1 EXISTS"], true),
        (&["* OK [CLOSED] x", "* 1 EXISTS", "* 2 EXISTS"], false),
        (&["* 1 EXISTS"], false),
        // Without CLOSED it may be of either.
        (&["* 3 EXISTS", "* 1 EXISTS"], true),
    ] {
        let mut script = selected(2, &[]);
        script.extend([Hear(notify), say("a2 OK done"), Hear("a3 EXAMINE Other")]);
        script.extend(told.iter().map(say));
        script.push(say("a3 OK done"));
        let capabilities = format!("{PLAIN} NOTIFY");
        let news = session(&capabilities, script, async |mut client| {
            inbox(&mut client).await;
            let other = Mailbox(b"Other"[..].into());
            let both = [Mailbox(b"INBOX"[..].into()), other.clone()];
            client.notify(&both, false).await.expect("set");
            client.select(&other, true).await.expect("Other");
            client.wait_for_news(Duration::from_millis(50)).await.expect("news")
        });
        let expected: &[Vec<u8>] = if is_news { &[b"INBOX".to_vec()] } else { &[] };
        assert_eq!(news, expected, "{told:?}");
    }
}

/// A server that refuses and closes while our octets lie unread resets the connection behind its
/// answer: which of the two is noticed first depends on the moment, and the answer counts.
#[test]
fn a_refusal_in_the_midst_is_heard_through_the_reset_behind_it() {
    use std::io::{BufRead, BufReader, Read, Write};
    const ROUNDS: usize = 40;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let answer_of = |round: usize| match round % 2 {
        0 => "a1 NO [OVERQUOTA] full\r\n",
        _ => "* BYE [UNAVAILABLE] going\r\n",
    };
    let server = std::thread::spawn(move || {
        for round in 0..ROUNDS {
            let (stream, _) = listener.accept().expect("a client");
            let mut input = BufReader::new(stream.try_clone().expect("the same"));
            let greeting = b"* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+] hello\r\n";
            (&stream).write_all(greeting).expect("is taken");
            input.read_line(&mut String::new()).expect("APPEND");
            input.read_exact(&mut vec![0; 1000 * round]).expect("a part of the message");
            (&stream).write_all(answer_of(round).as_bytes()).expect("is taken");
        }
    });
    run(async {
        for round in 0..ROUNDS {
            let stream = tokio::net::TcpStream::connect(address).await.expect("connects");
            let wire = Wire::new(Box::new(stream));
            let mut client = Client::open(wire, &Options::default()).await.expect("a session");
            let large = "0123456789abcdef\n".repeat(100_000);
            let mut given = Given::one(large.as_bytes(), &[], 837_596_665);
            let appended = client.append(&Mailbox(b"INBOX"[..].into()), &mut given).await;
            let error = appended.expect_err("refused");
            match round % 2 {
                0 => assert!(matches!(error, Error::Refused { command: "APPEND", .. }), "{error}"),
                _ => assert!(matches!(error, Error::Bye { .. }), "{error}"),
            }
        }
    });
    server.join().expect("the server is content");
}
