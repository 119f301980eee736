//! The client against scripted servers, word for word.

use super::*;
use crate::base::secret::Secret;
use crate::net::script::{run, with_server};
use crate::nntp::spool::Newsgroup;
use crate::sasl::{Credential, CredentialSecret, Mechanism};
use crate::store::{self, Body, Id, Meta, Result as StoreResult, Sink, Spool as _, What};

fn password() -> Credential {
    Credential {
        user: "test".into(),
        authorize_as: None,
        secret: CredentialSecret::Password(Secret::new("1234")),
    }
}

fn login(credential: &Credential, allow_cleartext: bool) -> Options<'_> {
    let login = Login { credential, mechanism: None, allow_cleartext, host: "h", port: 119 };
    Options { login: Some(login), ..Options::default() }
}

/// What a reader's server says first.
const READER: &str = "S: 200 ready\nC: CAPABILITIES\nS: 101 list~VERSION 2~READER~OVER~POST~\
    LIST ACTIVE OVERVIEW.FMT~.\n";

async fn opened(wire: Wire) -> Client {
    Client::open(wire, &Options::default()).await.expect("opens")
}

#[derive(Default)]
struct Collected(Vec<(Id, Vec<u8>)>);

#[async_trait::async_trait(?Send)]
impl Sink for Collected {
    async fn begin(&mut self, message: &Meta) -> StoreResult<()> {
        self.0.push((message.id.clone(), Vec::new()));
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> StoreResult<()> {
        self.0.last_mut().expect("begun").1.extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self, message: &Meta) -> StoreResult<()> {
        assert_eq!(self.0.last().expect("begun").0, message.id);
        Ok(())
    }
}

impl Collected {
    fn text(&self) -> Vec<(String, String)> {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        self.0.iter().map(|(id, octets)| (id.0.to_string(), text(octets))).collect()
    }
}

struct Given(Vec<u8>, usize);

#[async_trait::async_trait(?Send)]
impl Body for Given {
    async fn read(&mut self, buffer: &mut [u8]) -> StoreResult<usize> {
        let rest = &self.0[self.1..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.1 += count;
        Ok(count)
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn rewind(&mut self) -> StoreResult<()> {
        self.1 = 0;
        Ok(())
    }
}

fn ids(words: &[&str]) -> Vec<Id> {
    words.iter().map(|word| Id::new((*word).to_owned())).collect()
}

#[test]
fn a_session_begins_with_what_the_server_can() {
    run(with_server(READER, async |wire| {
        let client = opened(wire).await;
        assert!(client.may_post() && client.capabilities().over.is_some());
    }));
}

#[test]
fn a_server_of_two_modes_is_switched() {
    let script = "S: 201 transit\nC: CAPABILITIES\nS: 101 x~VERSION 2~IHAVE~MODE-READER~.\n\
        C: MODE READER\nS: 200 reader\nC: CAPABILITIES\nS: 101 x~VERSION 2~READER~.\n";
    run(with_server(script, async |wire| {
        let client = opened(wire).await;
        assert!(client.may_post() && client.capabilities().reader);
    }));
    // One from before RFC 3977.
    let old = "S: 200 old\nC: CAPABILITIES\nS: 500 what?\nC: MODE READER\nS: 201 no posts\n\
        C: CAPABILITIES\nS: 500 what?\n";
    run(with_server(old, async |wire| assert!(!opened(wire).await.may_post())));
}

#[test]
fn a_password_crosses_only_where_it_may() {
    let credential = password();
    let offers = "S: 200 x\nC: CAPABILITIES\nS: 101 x~VERSION 2~READER~AUTHINFO USER~.\n";
    let clear = format!(
        "{offers}C: AUTHINFO USER test\nS: 381 more\nC: AUTHINFO PASS 1234\nS: 281 ok\n\
         C: CAPABILITIES\nS: 101 x~VERSION 2~READER~.\n"
    );
    run(with_server(&clear, async |wire| {
        let client = Client::open(wire, &login(&credential, true)).await.expect("opens");
        assert_eq!(client.login_method(), Some(Method::User));
    }));
    run(with_server(offers, async |wire| {
        let error = Client::open(wire, &login(&credential, false)).await.err().expect("refused");
        assert!(matches!(error, Error::Cleartext { .. }) && error.is_auth(), "{error}");
    }));
    let wrong =
        format!("{offers}C: AUTHINFO USER test\nS: 381 x\nC: AUTHINFO PASS 1234\nS: 481 no\n");
    run(with_server(&wrong, async |wire| {
        let error = Client::open(wire, &login(&credential, true)).await.err().expect("refused");
        assert!(error.is_auth() && !error.is_transient(), "{error}");
    }));
}

#[test]
fn sasl_comes_before_user_and_pass() {
    let credential = password();
    let script = "S: 200 x\nC: CAPABILITIES\n\
        S: 101 x~VERSION 2~READER~AUTHINFO USER SASL~SASL PLAIN~.\n\
        C: AUTHINFO SASL PLAIN AHRlc3QAMTIzNA==\nS: 281 ok\n\
        C: CAPABILITIES\nS: 101 x~VERSION 2~READER~.\n";
    run(with_server(script, async |wire| {
        let client = Client::open(wire, &login(&credential, true)).await.expect("opens");
        assert_eq!(client.login_method(), Some(Method::Sasl(Mechanism::Plain)));
    }));
}

#[test]
fn what_a_server_will_not_do_has_its_meaning() {
    let open = async |script: &str, options: Options<'_>| {
        with_server(script, async |wire| {
            Client::open(wire, &options).await.err().expect("an error")
        })
        .await
    };
    run(async {
        let error = open("S: 400 later\n", Options::default()).await;
        assert!(error.is_transient(), "{error}");
        let error = open("S: 502 go away\n", Options::default()).await;
        assert!(error.is_auth(), "{error}");
        let error = open("S: 340 what\n", Options::default()).await;
        assert!(error.is_protocol(), "{error}");
        let error = open("S: hello\n", Options::default()).await;
        assert!(error.is_protocol(), "{error}");
        let connector = Connector::new("localhost", &net::tls::Settings::insecure()).expect("TLS");
        let options = Options { starttls: StartTls::Required(&connector), ..Options::default() };
        let error = open(READER, options).await;
        assert!(matches!(error, Error::NoStartTls) && error.is_tls(), "{error}");
        let options = Options { starttls: StartTls::Required(&connector), ..Options::default() };
        let injected = "S: 200 x\nC: CAPABILITIES\nS: 101 x~VERSION 2~READER~STARTTLS~.\n\
            C: STARTTLS\nS: 382 go~281 injected\n";
        let error = open(injected, options).await;
        assert!(matches!(error, Error::Network { stage: Stage::StartTls, .. }), "{error}");
    });
}

#[test]
fn a_group_is_listed_and_read() {
    let script = format!(
        "{READER}C: LISTGROUP a.b\nS: 211 3 3 9 a.b list~3~4~9~.\n\
         C: ARTICLE 3\nC: ARTICLE 4\nC: ARTICLE 9\n\
         S: 220 3 <3@x> article~Subject: a~~..dots~.~423 gone~220 9 <9@x> x~~.\n\
         C: HEAD 3\nC: HEAD <1@x>\nS: 221 3 <3@x>~Subject: a~.~430 no\n\
         C: QUIT\n"
    );
    run(with_server(&script, async |wire| {
        let mut group = Newsgroup::new(opened(wire).await, Some("a.b".into()));
        let listed = group.list().await.expect("listed");
        let names: Vec<Id> = listed.into_iter().map(|listed| listed.id).collect();
        assert_eq!(names, ids(&["3", "4", "9"]));
        let mut sink = Collected::default();
        group.read(&names, &What::Whole, &mut sink).await.expect("read");
        let text = sink.text();
        assert_eq!(text[0], ("3".into(), "Subject: a\r\n\r\n.dots\r\n".into()));
        assert_eq!(text[1], ("9".into(), "\r\n".into()));
        assert_eq!(text.len(), 2);
        let mut sink = Collected::default();
        group.read(&ids(&["3", "<1@x>"]), &What::Headers, &mut sink).await.expect("read");
        assert_eq!(sink.text(), [("3".into(), "Subject: a\r\n\r\n".into())]);
        assert!(group.delete(&names).await.is_err());
        group.finish().await.expect("ends");
    }));
}

#[test]
fn header_fields_come_out_of_the_overview() {
    let script = format!(
        "{READER}C: GROUP a.b\nS: 211 3 3 900 a.b\n\
         C: LIST OVERVIEW.FMT\n\
         S: 215 x~Subject:~From:~Date:~Message-ID:~References:~Bytes:~Lines:~Xref:full~.\n\
         C: OVER 3-4\nC: OVER 900-900\n\
         S: 224 x~3\tone\ta@b\tdate\t<3@x>\t\t10\t1~4\ttwo~.~423 none\n\
         C: HEAD 3\nS: 221 3 <3@x>~Subject: one~To: c~ d~.\n"
    );
    run(with_server(&script, async |wire| {
        let mut group = Newsgroup::new(opened(wire).await, Some("a.b".into()));
        let what = What::HeaderFields(vec!["from".into(), "Subject".into()]);
        let mut sink = Collected::default();
        group.read(&ids(&["3", "4", "900"]), &what, &mut sink).await.expect("read");
        assert_eq!(
            sink.text(),
            [
                ("3".into(), "From: a@b\r\nSubject: one\r\n\r\n".into()),
                ("4".into(), "Subject: two\r\n\r\n".into()),
            ]
        );
        // What no overview has comes out of the header.
        let mut sink = Collected::default();
        let what = What::HeaderFields(vec!["To".into()]);
        group.read(&ids(&["3"]), &what, &mut sink).await.expect("read");
        assert_eq!(sink.text(), [("3".into(), "To: c\r\n d\r\n\r\n".into())]);
    }));
}

#[test]
fn the_last_articles_need_no_whole_listing() {
    let script = format!(
        "{READER}C: GROUP a.b\nS: 211 900 1 1000 a.b\n\
         C: LISTGROUP a.b 999-\nS: 211 x~1000~.\n\
         C: LISTGROUP a.b 745-\nS: 211 900 1 1000 a.b~800~1000~.\n"
    );
    run(with_server(&script, async |wire| {
        let mut group = Newsgroup::new(opened(wire).await, Some("a.b".into()));
        let listed = group.list_last(2).await.expect("listed");
        let names: Vec<Id> = listed.into_iter().map(|listed| listed.id).collect();
        assert_eq!(names, ids(&["800", "1000"]));
    }));
    let empty = format!("{READER}C: GROUP a.b\nS: 211 0 1 0 a.b\n");
    run(with_server(&empty, async |wire| {
        let mut group = Newsgroup::new(opened(wire).await, Some("a.b".into()));
        assert!(group.list_last(5).await.expect("listed").is_empty());
    }));
}

#[test]
fn a_group_that_is_not_there_is_no_folder() {
    let script = format!("{READER}C: LISTGROUP a.b\nS: 411 no such group\n");
    run(with_server(&script, async |wire| {
        let mut group = Newsgroup::new(opened(wire).await, Some("a.b".into()));
        assert!(matches!(group.list().await, Err(store::Error::NoFolder(_))));
    }));
    let odd = format!("{READER}C: LISTGROUP a.b\nS: 211 1 1 1 a.b~one~.\n");
    run(with_server(&odd, async |wire| {
        let mut group = Newsgroup::new(opened(wire).await, Some("a.b".into()));
        assert!(matches!(group.list().await, Err(store::Error::Peer(peer)) if peer.is_protocol()));
    }));
}

#[test]
fn an_article_is_posted_with_its_dots() {
    let script = format!(
        "{READER}C: POST\nS: 340 send\nC: Subject: x\nC: \nC: ..\nC: ..dot\nC: .\nS: 240 got <1@x>\n"
    );
    run(with_server(&script, async |wire| {
        let mut client = opened(wire).await;
        let mut article = Given(b"Subject: x\n\n.\n.dot".to_vec(), 0);
        assert_eq!(client.post(&mut article).await.expect("posted").code, 240);
    }));
    for (script, code) in [
        ("C: POST\nS: 440 not here\n", Some(440)),
        ("C: POST\nS: 340 send\nC: x\nC: .\nS: 441 no\n", Some(441)),
        ("C: POST\nS: 340 send\nC: x\nC: .\nclose", None),
    ] {
        run(with_server(&format!("{READER}{script}"), async |wire| {
            let mut client = opened(wire).await;
            let error = client.post(&mut Given(b"x".to_vec(), 0)).await.expect_err("refused");
            assert_eq!(error.reply().map(|reply| reply.code), code, "{error}");
            assert_eq!(matches!(error, Error::Unknown), code.is_none(), "{error}");
        }));
    }
}

#[test]
fn groups_are_listed_with_their_counts_where_the_server_has_them() {
    let script = "S: 200 x\nC: CAPABILITIES\nS: 101 x~VERSION 2~READER~LIST ACTIVE COUNTS~.\n\
        C: LIST COUNTS a.*\nS: 215 x~a.b 9 3 2 y~odd~.\n";
    run(with_server(script, async |wire| {
        let mut group = Newsgroup::new(opened(wire).await, None);
        let wanted = crate::nntp::syntax::wildmat::Wildmat::new("a.*");
        let groups = group.groups(wanted.as_ref()).await.expect("listed");
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].status.map(|status| status.messages), Some(2));
    }));
}
