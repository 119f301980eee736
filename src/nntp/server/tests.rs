//! Whole sessions, as a client sees them.

use std::cell::RefCell;

use super::*;
use crate::base::secret::Secret;
use crate::net::Wire;
use crate::nntp::syntax::listing::Status;
use crate::store::Received;

/// One group of three articles, of which the second is gone.
struct Room {
    posted: RefCell<Vec<Vec<u8>>>,
}

fn stored(number: u64) -> Stored {
    let text = format!(
        "Subject: number {number}\r\nFrom: a@b\r\nMessage-ID: <{number}@x>\r\nXref: h a.b:{number}\
         \r\n\r\n.dot\r\nline\r\n"
    );
    Stored { id: format!("<{number}@x>"), octets: text.into_bytes().into() }
}

struct Passwords;

impl Secrets for Passwords {
    fn password(&self, user: &str) -> Option<Secret> {
        (user == "ann").then(|| Secret::new("pw"))
    }

    fn token_is_valid(&self, _: &str, _: &[u8]) -> bool {
        false
    }

    fn external_identity(&self) -> Option<String> {
        None
    }

    fn may_act_as(&self, user: &str, authorize_as: &str) -> bool {
        user == authorize_as
    }
}

#[async_trait(?Send)]
impl Newsroom for Room {
    fn groups(&self) -> Vec<Group> {
        let group = |name: &str, count, low, high| Group {
            active: Active {
                name: name.into(),
                count: Some(count),
                low,
                high,
                status: Status::Open,
            },
            description: "All of it".into(),
            created: 930_000_000,
        };
        vec![group("a.b", 2, 3, 5), group("empty", 0, 1, 0)]
    }

    fn group(&self, name: &str) -> Option<Group> {
        self.groups().into_iter().find(|group| group.active.name == name)
    }

    fn numbers(&self, group: &str) -> Vec<u64> {
        if group == "a.b" { vec![3, 5] } else { Vec::new() }
    }

    fn article(&self, group: &str, number: u64) -> Option<Stored> {
        self.numbers(group).contains(&number).then(|| stored(number))
    }

    fn by_id(&self, id: &str) -> Option<Stored> {
        [3, 5].into_iter().map(stored).find(|stored| stored.id == id)
    }

    fn since(&self, seconds: i64) -> Vec<(Vec<String>, String)> {
        let all = [(100, "<3@x>"), (200, "<5@x>")];
        let new = all.into_iter().filter(|(when, _)| *when >= seconds);
        new.map(|(_, id)| (vec!["a.b".into()], id.into())).collect()
    }

    async fn post(&self, article: Vec<u8>, user: Option<&str>) -> Result<String, String> {
        self.posted.borrow_mut().push(article);
        match user {
            Some(_) => Ok("<new@x>".into()),
            None => Err("who are you?".into()),
        }
    }

    fn secrets(&self, _: Option<&str>) -> Option<Rc<dyn Secrets>> {
        Some(Rc::new(Passwords))
    }
}

fn settings() -> Settings {
    let mut settings = Settings::new("news.test", &["PLAIN", "SCRAM-SHA-256"]);
    settings.clock = Rc::new(|| Received { seconds: 930_146_184, offset_seconds: 0 });
    settings.allow_cleartext = true;
    settings
}

/// What a server says to these lines, its greeting first, and what was posted.
fn dialogue(settings: Settings, lines: &str) -> (String, Vec<Vec<u8>>) {
    let room = Rc::new(Room { posted: RefCell::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let said = runtime.expect("runtime").block_on(async {
        let (mut near, far) = Wire::duplex(1 << 20);
        let service =
            Service { settings: Rc::new(settings), newsroom: room.clone(), acceptor: None };
        let client = async {
            near.queue(lines.replace('\n', "\r\n").as_bytes());
            near.queue(b"QUIT\r\n");
            while near.fill().await.is_ok() {}
            String::from_utf8_lossy(near.buffered()).replace("\r\n", "\n")
        };
        let (served, said) = tokio::join!(serve(far, &service, None), client);
        served.expect("served");
        said
    });
    let said = said.strip_suffix("205 goodbye\n").expect("a goodbye").to_owned();
    (said, room.posted.take())
}

/// As [`dialogue`], without the greeting.
fn said(lines: &str) -> String {
    let (said, _) = dialogue(settings(), lines);
    said.strip_prefix("200 news.test pillarbox NNTP server ready\n").expect("a greeting").to_owned()
}

#[test]
fn capabilities_are_those_of_the_moment() {
    assert_eq!(
        said("CAPABILITIES\n"),
        "101 capabilities follow\nVERSION 2\nIMPLEMENTATION pillarbox\nREADER\nPOST\nNEWNEWS\n\
         HDR\nOVER MSGID\nLIST ACTIVE ACTIVE.TIMES COUNTS HEADERS NEWSGROUPS OVERVIEW.FMT\n\
         STARTTLS\nAUTHINFO USER SASL\nSASL PLAIN SCRAM-SHA-256\n.\n"
    );
    let after = said("AUTHINFO USER ann\nAUTHINFO PASS pw\nCAPABILITIES\n");
    assert!(after.starts_with("381 the password, please\n281 welcome\n101 "), "{after}");
    assert!(!after.contains("AUTHINFO") && !after.contains("STARTTLS"), "{after}");
    let closed = Settings { allow_cleartext: false, ..settings() };
    let (said, _) = dialogue(closed, "CAPABILITIES\nAUTHINFO USER ann\nAUTHINFO SASL PLAIN\n");
    assert!(said.contains("\nAUTHINFO SASL\nSASL SCRAM-SHA-256\n"), "{said}");
    assert_eq!(said.matches("\n483 ").count(), 2, "{said}");
}

#[test]
fn groups_and_their_current_article() {
    assert_eq!(
        said("GROUP a.b\nSTAT\nNEXT\nNEXT\nLAST\nLAST\nGROUP no.such\nSTAT\n"),
        "211 2 3 5 a.b\n223 3 <3@x>\n223 5 <5@x> is current\n421 no next article\n\
         223 3 <3@x> is current\n422 no previous article\n411 no such newsgroup\n223 3 <3@x>\n"
    );
    assert_eq!(
        said("STAT\nLISTGROUP\nLISTGROUP a.b 4-\nLISTGROUP\nGROUP empty\nSTAT\nNEXT\n"),
        "412 no newsgroup is selected\n412 no newsgroup is selected\n\
         211 2 3 5 a.b list follows\n5\n.\n211 2 3 5 a.b list follows\n3\n5\n.\n\
         211 0 1 0 empty\n420 no article is current\n420 no article is current\n"
    );
}

#[test]
fn articles_by_number_and_by_id() {
    assert_eq!(
        said("ARTICLE <5@x>\nHEAD 3\nGROUP a.b\nHEAD 5\nBODY\nBODY 4\nSTAT <9@x>\nARTICLE x\n"),
        "220 0 <5@x>\nSubject: number 5\nFrom: a@b\nMessage-ID: <5@x>\nXref: h a.b:5\n\n..dot\n\
         line\n.\n412 no newsgroup is selected\n211 2 3 5 a.b\n\
         221 5 <5@x>\nSubject: number 5\nFrom: a@b\nMessage-ID: <5@x>\nXref: h a.b:5\n.\n\
         222 5 <5@x>\n..dot\nline\n.\n423 no article of that number\n\
         430 no article of that message-id\n\
         501 syntax error: expected article number or message-id at octet 8\n"
    );
}

#[test]
fn overviews_and_fields() {
    let octets = stored(3).octets.len();
    assert_eq!(
        said("OVER 3\nGROUP a.b\nOVER 1-3\nOVER 4\nXOVER 4\nHDR Subject 3-\nXHDR Cc 5\nHDR :x\n"),
        format!(
            "412 no newsgroup is selected\n211 2 3 5 a.b\n224 overview follows\n\
             3\tnumber 3\ta@b\t\t<3@x>\t\t{octets}\t2\tXref: h a.b:3\n.\n\
             423 no articles in that range\n224 overview follows\n.\n\
             225 headers follow\n3 number 3\n5 number 5\n.\n221 Cc fields follow\n5 (none)\n.\n\
             503 no such metadata here\n"
        )
    );
    assert_eq!(said("HDR :lines <5@x>\n"), "225 headers follow\n0 2\n.\n");
}

#[test]
fn lists_and_news() {
    assert_eq!(
        said("LIST\nLIST COUNTS a.*\nLIST NEWSGROUPS !x\nLIST ACTIVE.TIMES empty\nLIST MOTD\n"),
        "215 newsgroups follow\na.b 5 3 y\nempty 0 1 y\n.\n\
         215 newsgroups follow\na.b 5 3 2 y\n.\n\
         501 syntax error: expected wildmat at octet 5\n\
         215 times follow\nempty 930000000 news.test\n.\n503 no such list here\n"
    );
    // RFC 3977 sections 3.2.1 and 7.6.2.
    assert_eq!(
        said("LIST FROBNICATE\nLIST OVERVIEW.FMT x\nMODE STREAM\nAUTHINFO GENERIC x\n")
            .lines()
            .map(|line| &line[..3])
            .collect::<Vec<_>>(),
        ["501", "501", "501", "501"]
    );
    assert_eq!(
        said("DATE\nNEWGROUPS 19990624 000000 GMT\nNEWNEWS * 19700101 000200 GMT\n"),
        "111 19990623135624\n231 new newsgroups follow\n.\n230 new articles follow\n<5@x>\n.\n"
    );
    assert_eq!(
        said("LIST OVERVIEW.FMT\nMODE READER\nFROBNICATE x\n"),
        "215 overview format follows\nSubject:\nFrom:\nDate:\nMessage-ID:\nReferences:\n:bytes\n\
         :lines\nXref:full\n.\n200 reader mode\n500 that is not known here\n"
    );
}

#[test]
fn posts_are_taken_with_their_dots() {
    let post = "POST\nSubject: x\n\n..\n..dot\n.\n";
    let (said, posted) = dialogue(settings(), post);
    assert!(said.ends_with("340 send the article\n441 who are you?\n"), "{said}");
    assert_eq!(posted, [b"Subject: x\r\n\r\n.\r\n.dot\r\n"]);
    let (said, _) = dialogue(settings(), &format!("AUTHINFO USER ann\nAUTHINFO PASS pw\n{post}"));
    assert!(said.ends_with("\n240 article received <new@x>\n"), "{said}");
    let small = Settings { article_octets: 8, ..settings() };
    let (said, posted) = dialogue(small, post);
    assert!(said.ends_with("441 the article is too large\n") && posted.is_empty(), "{said}");
    let mut closed = settings();
    closed.offer.post = false;
    let (said, _) = dialogue(closed, "POST\n");
    assert!(said.starts_with("201 ") && said.ends_with("\n440 posting is not permitted\n"));
}

#[test]
fn logins_go_their_way() {
    assert_eq!(
        said("AUTHINFO PASS pw\nAUTHINFO USER ann\nAUTHINFO PASS no\nAUTHINFO SASL X\n"),
        "482 AUTHINFO USER comes first\n381 the password, please\n481 invalid credentials\n\
         503 that mechanism is not offered here\n"
    );
    assert_eq!(
        said("AUTHINFO SASL PLAIN AGFubgBwdw==\nAUTHINFO USER ann\nSTARTTLS\n"),
        "281 welcome\n502 somebody has logged in already\n502 TLS cannot begin now\n"
    );
    assert_eq!(
        said("AUTHINFO SASL PLAIN\n*\nAUTHINFO SASL PLAIN\n!\nDATE\n"),
        "383 =\n481 authentication cancelled\n383 =\n504 that is not base64\n111 19990623135624\n"
    );
    // RFC 4643 section 2.4.2.
    let mut settings = settings();
    settings.offer.sasl = vec!["CRAM-MD5".into(), "PLAIN".into()];
    let (said, _) = dialogue(settings, "AUTHINFO SASL CRAM-MD5 AAAA\nAUTHINFO SASL PLAIN =AAA\n");
    assert!(said.contains("\n482 ") && said.contains("\n504 that is not base64\n"), "{said}");
}

#[test]
fn limits_hold() {
    let long = format!("{}\n", "x".repeat(20_000));
    assert_eq!(said(&long), "501 line too long\n");
    let room = Rc::new(Room { posted: RefCell::default() });
    let mut session = Session::new(Rc::new(Settings { bad_commands: 2, ..settings() }), room);
    let unknown = || Ok(crate::nntp::syntax::command::Command::Compress("X".into()));
    let ends: Vec<bool> =
        (0..3).map(|_| session.command(unknown()).then == session::Then::Close).collect();
    assert_eq!(ends, [false, false, true]);
}
