//! Against the test server: it shares the syntax, and compares text as we do; other servers
//! are for the tests of the whole program.

use std::rc::Rc;

use super::super::testing::{expr, printed};
use super::*;
use crate::base::location::Location;
use crate::base::secret::Secret;
use crate::imap::client::{Login, Options};
use crate::imap::server::{Accounts, Server, Settings, serve};
use crate::net::Wire;
use crate::query::{Attributes, Local};
use crate::sasl::{Credential, CredentialSecret, Secrets};
use crate::store::Received;
use crate::store::memory::{self, NewMessage, Shared};
use crate::ui::Exit;

/// One user, `ann`, with the password `secret`.
struct Ann(Shared);

impl Accounts for Ann {
    fn account(&self, user: &str) -> Option<Shared> {
        (user == "ann").then(|| self.0.clone())
    }
}

impl Secrets for Ann {
    fn password(&self, user: &str) -> Option<Secret> {
        (user == "ann").then(|| Secret::new("secret"))
    }

    fn token_is_valid(&self, _user: &str, _token: &[u8]) -> bool {
        false
    }

    fn external_identity(&self) -> Option<String> {
        None
    }

    fn may_act_as(&self, _user: &str, _authorize_as: &str) -> bool {
        false
    }
}

/// A day of March 2026, ten in the morning, in a zone.
fn march(day: i64, offset_seconds: i32) -> Received {
    Received { seconds: 1_772_359_200 + (day - 1) * 86_400, offset_seconds }
}

const REPORT: &str = "From: Ann Lee <ann@x.org>\r\nTo: bob@x.org\r\n\
Subject: The  q3\r\n report\r\nDate: Mon, 02 Mar 2026 09:00:00 +0100\r\n\
Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee the budget\r\n--b\r\n\
Content-Type: application/pdf; name=q3.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n\
JVBE\r\n--b--\r\n";
const GREETING: &str = "From: =?utf-8?Q?J=C3=B6rg?= <joerg@x.org>\r\n\
Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nList-Id: <rust.x.org>\r\n\r\nThe Budget again\r\n";
const PLAIN: &str = "From: bob@x.org\r\nSubject: plain words\r\nMessage-ID: <one@x.org>\r\n\
\r\nnothing\r\n";

fn mail() -> Shared {
    let clock = Rc::new(|| march(15, 0));
    let account = memory::Account::shared(7, clock);
    let messages: [(&str, &str, &[&str], Received); 4] = [
        ("INBOX", REPORT, &["\\Seen", "Work"], march(2, 3600)),
        ("INBOX", GREETING, &["\\Flagged"], march(4, -39_600)),
        ("INBOX", PLAIN, &[], march(10, 0)),
        ("Lists/rust", GREETING, &[], march(12, 0)),
    ];
    let mut borrowed = account.borrow_mut();
    borrowed.create("Lists/rust", &[]).expect("created");
    for (folder, octets, flags, received) in messages {
        let id = borrowed.find(folder).expect("a folder");
        let message = NewMessage {
            flags: flags.iter().collect(),
            received: Some(received),
            octets: octets.as_bytes().into(),
        };
        borrowed.append(id, vec![message]).expect("there is room");
    }
    drop(borrowed);
    account
}

fn url() -> ImapUrl {
    match Location::parse("imap://ann@h.test/") {
        Ok(Location::Imap(url)) => url,
        other => panic!("{other:?}"),
    }
}

/// What a search in a scope finds: folder and UID of each.
fn found(mail: &Shared, scope: Scope, query: &str, exact: bool) -> (Vec<String>, Exit) {
    let users = Rc::new(Ann(mail.clone()));
    let settings = Settings { allow_cleartext: true, ..Settings::default() };
    let server = Rc::new(Server { accounts: users.clone(), acceptor: None, settings });
    let expr = expr(query);
    let how = How {
        now: "2026-03-15T12:00:00Z".parse().expect("a time"),
        exact,
        verify: false,
        documents: false,
        fuzzy: false,
        threads: false,
        order: None,
    };
    let (account, url) = (Some("work".into()), url());
    let place = Place { account, location: Location::Imap(url.clone()), scope };
    let (lines, exit) = printed(async |results| {
        let (near, far) = Wire::duplex(1 << 16);
        let talk = async {
            let credential = Credential {
                user: "ann".into(),
                authorize_as: None,
                secret: CredentialSecret::Password(Secret::new("secret")),
            };
            let login = Login {
                credential: &credential,
                mechanism: None,
                allow_cleartext: true,
                host: "localhost",
                port: 143,
            };
            let options = Options { login: Some(login), ..Options::default() };
            let client = Client::open(near, &options).await.expect("a session");
            let mut account = Account::new(client).await.expect("an account");
            if let Err(error) = search(&mut account, &place, &url, &expr, how, results).await {
                results.fail(&error);
            }
        };
        // The server hangs up when the client has gone.
        let secrets = |_: Option<&str>| -> Rc<dyn Secrets> { users.clone() };
        let (served, ()) = tokio::join!(serve(far, server.clone(), &secrets, None), talk);
        served.expect("served");
    });
    let short = |line: &String| {
        line.trim_start_matches("imap://ann@h.test/")
            .replace(";UIDVALIDITY=", " ")
            .replace("/;UID=", " ")
    };
    (lines.iter().map(short).collect(), exit)
}

/// UIDs in INBOX.
fn uids(query: &str, exact: bool) -> Vec<u32> {
    let (lines, _) = found(&mail(), Scope::Folder("INBOX".into()), query, exact);
    lines.iter().map(|line| line.rsplit(' ').next().expect("a UID").parse().expect("one")).collect()
}

#[test]
fn each_kind_of_term() {
    for (query, expected) in [
        ("", vec![1, 2, 3]),
        ("is:unread", vec![2, 3]),
        ("flag:work", vec![1]),
        ("from:ann", vec![1]),
        ("from:\"ann lee\"", vec![1]),
        ("subject:\"q3 report\"", vec![1]),
        ("subject:grüße", vec![2]),
        ("subject:GRÜSSE", vec![2]),
        ("from:jörg list:rust", vec![2]),
        ("-list:*", vec![1, 3]),
        ("has:pdf", vec![1]),
        ("-has:attachment", vec![2, 3]),
        ("filename:q3", vec![1]),
        ("budget", vec![1, 2]),
        ("body:budget -is:flagged", vec![1]),
        ("body:/bud.et again/", vec![2]),
        ("has:pdf OR body:nothing", vec![1, 3]),
        ("on:2026-03-02", vec![1]),
        ("-on:2026-03-02", vec![2, 3]),
        ("since:2026-03-04 before:2026-03-10", vec![2]),
        ("newer:6d", vec![3]),
        ("date:2026-03-02", vec![1]),
        ("size:<120", vec![3]),
        ("uid:2:9", vec![2, 3]),
        ("id:<one@x.org>", vec![3]),
        ("thread:<one@x.org>", vec![3]),
        ("folder:INBOX account:work is:read", vec![1]),
        ("folder:Sent", vec![]),
        ("gm:anything is:read", vec![]),
    ] {
        assert_eq!(uids(query, false), expected, "{query}");
    }
}

#[test]
fn all_folders_and_their_references() {
    let (lines, exit) = found(&mail(), Scope::All, "subject:grüße", false);
    assert_eq!((lines.len(), exit), (2, Exit::Ok));
    assert!(lines[0].starts_with("INBOX 7 "), "{lines:?}");
    assert!(lines[1].starts_with("Lists/rust "), "{lines:?}");
    let (lines, exit) = found(&mail(), Scope::All, "folder:Lists/* is:read", false);
    assert_eq!((lines.len(), exit), (0, Exit::None));
}

#[test]
fn only_the_messages_that_are_named() {
    let only = |uid_validity, uids: &[u32]| {
        let only = Only { uid_validity, uids: Some(uids.to_vec()) };
        found(&mail(), Scope::Mailbox(b"INBOX".to_vec(), only), "is:unread", false)
    };
    assert_eq!(only(Some(7), &[1, 2]).0, ["INBOX 7 2"]);
    assert_eq!(only(None, &[3]).0, ["INBOX 7 3"]);
    assert_eq!(only(Some(8), &[2]), (vec![], Exit::Two));
    let many: Vec<u32> = (1..4000).step_by(2).collect();
    assert_eq!(only(Some(7), &many).0, ["INBOX 7 3"]);
}

#[test]
fn a_folder_that_is_not_there() {
    let (lines, exit) = found(&mail(), Scope::Folder("None".into()), "", false);
    assert_eq!((lines.len(), exit), (0, Exit::Two));
}

/// The same query gives the same messages on a server and in a copy of it.
#[test]
fn exact_is_what_a_local_copy_gives() {
    let account = memory::Account::shared(7, Rc::new(|| march(15, 0)));
    let real = crate::message::corpus("server");
    let messages: Vec<Vec<u8>> = real
        .into_iter()
        .map(|(_, octets)| octets)
        .filter(|octets| octets.len() < 100_000)
        .take(60)
        .collect();
    let flags = |at: usize| if at.is_multiple_of(3) { vec!["\\Seen"] } else { vec!["Odd"] };
    {
        let mut account = account.borrow_mut();
        let inbox = account.find("INBOX").expect("INBOX");
        let batch = messages.iter().enumerate().map(|(at, octets)| NewMessage {
            flags: flags(at).iter().collect(),
            received: Some(march(i64::try_from(at % 14).expect("small") + 1, 0)),
            octets: octets.as_slice().into(),
        });
        account.append(inbox, batch.collect()).expect("there is room");
    }
    for query in [
        "test",
        "body:hello OR subject:re",
        "from:com -is:read",
        "has:attachment since:2026-03-05",
        "-(to:org OR has:image)",
        "header:MIME-Version:1.0 flag:odd",
        "subject:/[0-9]/ before:2026-03-09",
        "text:/\\bthe\\b/ -has:pdf",
        "size:>2k date:..2012",
        "list:* OR cc:*",
    ] {
        let expr = expr(query);
        let here: Vec<String> = messages
            .iter()
            .enumerate()
            .filter(|(at, octets)| {
                let received = march(i64::try_from(at % 14).expect("small") + 1, 0);
                let attributes = Attributes {
                    flags: Some(flags(*at).into_iter().map(str::to_owned).collect()),
                    size: Some(octets.len() as u64),
                    received: Timestamp::from_second(received.seconds).ok(),
                    ..Attributes::default()
                };
                Local::new(octets, attributes).matches(&expr)
            })
            .map(|(at, _)| format!("INBOX 7 {}", at + 1))
            .collect();
        assert_eq!(found(&account, Scope::All, query, true).0, here, "{query}");
    }
}
