//! The IMAP client and store against Dovecot, a server that is not ours.

mod support;

use std::time::Duration;

use async_trait::async_trait;
use pillarbox::base::secret::Secret;
use pillarbox::imap::client::{Client, Login, Options, StartTls};
use pillarbox::imap::store::Account;
use pillarbox::imap::syntax::search::{Day, Field, Key, SortKey, Word};
use pillarbox::net::Wire;
use pillarbox::net::tls::{Connector, Settings, Verify, read_pem_certificates};
use pillarbox::sasl::{Credential, CredentialSecret, Mechanism};
use pillarbox::store::{
    Body, Deleted, Flags, Id, Meta, PeerError, Received, Result, Since, Sink, Source, Spool, Store,
    What,
};

use support::{Dovecot, USERS};

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

async fn wire(port: u16) -> Wire {
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    stream.set_nodelay(true).expect("a socket");
    Wire::new(Box::new(stream))
}

fn connector(dovecot: &Dovecot) -> Connector {
    let pem = std::fs::read(dovecot.ca()).expect("a certificate");
    let verify = Verify::Roots(read_pem_certificates(&pem).expect("certificates"));
    Connector::new("localhost", &Settings { verify, ..Settings::default() }).expect("TLS")
}

async fn session(
    dovecot: &Dovecot,
    password: &str,
    mechanism: Option<Mechanism>,
    starttls: bool,
) -> std::result::Result<Client, pillarbox::imap::client::Error> {
    let credential = Credential {
        user: USERS[0].0.to_owned(),
        authorize_as: None,
        secret: CredentialSecret::Password(Secret::new(password)),
    };
    let connector = connector(dovecot);
    let options = Options {
        starttls: if starttls { StartTls::Required(&connector) } else { StartTls::Never },
        login: Some(Login {
            credential: &credential,
            mechanism,
            allow_cleartext: true,
            host: "localhost",
            port: dovecot.imap,
        }),
        ..Options::default()
    };
    Client::open(wire(dovecot.imap).await, &options).await
}

async fn account(dovecot: &Dovecot) -> Account {
    let client = session(dovecot, USERS[0].1, None, false).await.expect("a session");
    Account::new(client).await.expect("an account")
}

struct Given {
    messages: Vec<(Meta, Vec<u8>)>,
    next: usize,
    read: usize,
}

impl Given {
    fn new(bodies: Vec<Vec<u8>>) -> Self {
        let messages = bodies.into_iter().enumerate().map(|(i, body)| {
            let flags: Flags = match i % 3 {
                0 => ["\\Seen"].iter().collect(),
                1 => ["\\Flagged", "$Work"].iter().collect(),
                _ => Flags::new(),
            };
            let received = Received { seconds: 1_000_000_000 + i as i64, offset_seconds: 3600 };
            let meta = Meta {
                id: Id::new(""),
                size: Some(body.len() as u64),
                flags: Some(flags),
                received: Some(received),
            };
            (meta, body)
        });
        Self { messages: messages.collect(), next: 0, read: 0 }
    }
}

#[async_trait(?Send)]
impl Source for Given {
    async fn next(&mut self) -> Result<Option<Meta>> {
        self.read = 0;
        self.next += 1;
        Ok(self.messages.get(self.next - 1).map(|(meta, _)| meta.clone()))
    }

    fn body(&mut self) -> &mut dyn Body {
        self
    }
}

#[async_trait(?Send)]
impl Body for Given {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let rest = &self.messages[self.next - 1].1[self.read..];
        let taken = rest.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&rest[..taken]);
        self.read += taken;
        Ok(taken)
    }

    fn len(&self) -> u64 {
        self.messages[self.next - 1].1.len() as u64
    }

    fn rewind(&mut self) -> Result<()> {
        self.read = 0;
        Ok(())
    }
}

#[derive(Default)]
struct Collected(Vec<(Meta, Vec<u8>)>);

#[async_trait(?Send)]
impl Sink for Collected {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.0.push((message.clone(), Vec::new()));
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.0.last_mut().expect("begun").1.extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        self.0.last_mut().expect("begun").0 = message.clone();
        Ok(())
    }
}

/// Messages with LF, of all sizes, some beyond what is held in memory.
fn bodies(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|i| {
            let lines = match i % 50 {
                7 => 20_000,
                3 => 3_000,
                n => n,
            };
            let mut body = format!("From: a@example.test\nSubject: number {i}\n\n").into_bytes();
            for line in 0..lines {
                body.extend_from_slice(format!("line {line} of {i} {{5}}\n").as_bytes());
            }
            body
        })
        .collect()
}

fn crlf(body: &[u8]) -> Vec<u8> {
    String::from_utf8(body.to_vec()).expect("ASCII").replace('\n', "\r\n").into_bytes()
}

#[test]
fn every_mechanism_logs_in_and_a_wrong_password_does_not() {
    let Some(dovecot) = Dovecot::start("every_mechanism_logs_in_and_a_wrong_password_does_not")
    else {
        return;
    };
    run(async {
        let mechanisms = [
            None,
            Some(Mechanism::Plain),
            Some(Mechanism::Login),
            Some(Mechanism::CramMd5),
            Some(Mechanism::ScramSha1),
            Some(Mechanism::ScramSha256),
        ];
        for starttls in [false, true] {
            for mechanism in mechanisms {
                let client = session(&dovecot, USERS[0].1, mechanism, starttls).await;
                let mut client = client.unwrap_or_else(|e| panic!("{mechanism:?}: {e}"));
                assert_eq!(client.wire().is_encrypted(), starttls);
                assert!(client.capabilities().has("UIDPLUS") && client.has_qresync());
                client.logout().await.expect("goodbye");
            }
            let error = session(&dovecot, "wrong", None, starttls).await.err().expect("refused");
            assert!(error.is_auth() && !error.is_protocol(), "{error}");
        }
    });
}

#[test]
fn what_is_appended_comes_back() {
    for separator in ['/', '.'] {
        let options = support::dovecot::Options { separator, ..Default::default() };
        let Some(dovecot) = Dovecot::with("what_is_appended_comes_back", &options) else { return };
        run(async {
            let mut account = account(&dovecot).await;
            let folder = "Entwürfe/日本語 & co";
            account.create(&[folder.into(), folder.into()]).await.expect("created");
            account.subscribe(&[folder.into()], true).await.expect("subscribed");
            let bodies = bodies(300);
            let ids =
                account.append(folder, &mut Given::new(bodies.clone())).await.expect("stored");
            let ids: Vec<Id> = ids.into_iter().map(|id| id.expect("UIDPLUS")).collect();
            assert_eq!(ids.len(), 300);

            let folders = account.folders(&["Entw*".into()]).await.expect("folders");
            let ours = folders.iter().find(|f| f.name == folder).expect("our folder");
            assert_eq!(ours.subscribed, Some(true));
            assert_eq!(ours.status.expect("LIST-STATUS").messages, 300);
            let sent = account.folders(&["Sent".into()]).await.expect("folders");
            assert!(sent.iter().all(|folder| folder.special_use == ["\\Sent"]));

            let status = account.select(folder, false).await.expect("selected");
            assert_eq!(status.messages, 300);
            assert!(status.uid_validity > 0 && status.highest_modseq.is_some());
            let listed = account.list().await.expect("a listing");
            assert_eq!(listed.iter().map(|m| m.id.clone()).collect::<Vec<_>>(), ids);
            let mut sink = Collected::default();
            account.read(&ids, &What::Whole, &mut sink).await.expect("bodies");
            assert_eq!(sink.0.len(), 300);
            for (i, ((meta, body), original)) in sink.0.iter().zip(&bodies).enumerate() {
                assert!(*body == crlf(original), "message {i} came back changed");
                assert_eq!(meta.id, ids[i]);
                assert_eq!(listed[i].size, Some(body.len() as u64));
                let flags = meta.flags.as_ref().expect("flags");
                assert_eq!(flags.has("\\Seen"), i % 3 == 0);
                assert_eq!(flags.has("$work"), i % 3 == 1);
                let received = meta.received.expect("a date");
                assert_eq!(received.seconds, 1_000_000_000 + i as i64);
            }
            let mut sink = Collected::default();
            let fields = What::HeaderFields(vec!["Subject".into()]);
            account.read(&ids[5..6], &fields, &mut sink).await.expect("fields");
            assert_eq!(sink.0[0].1, b"Subject: number 5\r\n\r\n");
            let part = What::Partial { section: "TEXT".into(), offset: 5, octets: Some(9) };
            let mut sink = Collected::default();
            account.read(&ids[5..6], &part, &mut sink).await.expect("a range");
            assert_eq!(sink.0[0].1, b"0 of 5 {5");
            account.finish().await.expect("goodbye");
        });
    }
}

#[test]
fn search_sort_copy_move_and_delete() {
    let Some(dovecot) = Dovecot::start("search_sort_copy_move_and_delete") else { return };
    run(async {
        let mut account = account(&dovecot).await;
        let ids = account.append("INBOX", &mut Given::new(bodies(30))).await.expect("stored");
        let ids: Vec<Id> = ids.into_iter().map(|id| id.expect("UIDPLUS")).collect();
        account.create(&["Old".into()]).await.expect("created");
        account.select("INBOX", false).await.expect("selected");
        let client = account.client();
        let subject = Key::Text(Field::Subject, b"number 1"[..].into());
        let found = client.search(vec![subject]).await.expect("found");
        assert_eq!(found.len(), 11);
        let odd = Key::Text(Field::Subject, "ä\"\\".as_bytes().into());
        assert!(client.search(vec![odd]).await.expect("found").is_empty());
        let seen = || vec![Key::Not(Box::new(Key::Word(Word::Unseen)))];
        assert_eq!(client.search(seen()).await.expect("found").len(), 10);
        let day = Key::Date(Day::On, jiff::civil::date(2001, 9, 9));
        assert_eq!(client.search(vec![day]).await.expect("found").len(), 30);
        let sorted = client.sort(vec![(true, SortKey::Arrival)], seen()).await.expect("sorted");
        assert_eq!(sorted.first().map(u32::to_string), Some(ids[27].0.to_string()));
        client.thread("REFERENCES", seen()).await.expect("threads");

        let copied = account.copy(&ids[..3], "Old").await.expect("copied");
        assert!(copied.iter().all(Option::is_some));
        let moved = account.move_to(&ids[3..5], "Old").await.expect("moved");
        assert!(moved.iter().all(Option::is_some));
        let error = account.copy(&ids[..1], "nowhere").await.expect_err("no folder");
        assert!(matches!(error, pillarbox::store::Error::NoFolder(_)), "{error}");
        assert_eq!(account.delete(&ids[10..12]).await.expect("deleted"), Deleted::Gone);
        assert_eq!(account.list().await.expect("a listing").len(), 26);
        account.rename("Old", "Older").await.expect("renamed");
        assert_eq!(account.select("Older", true).await.expect("selected").messages, 5);
        account.remove(&["Older".into()]).await.expect("removed");
        assert!(account.select("Older", true).await.is_err());
    });
}

#[test]
fn changes_by_another_session_are_told_and_waited_for() {
    let Some(dovecot) = Dovecot::start("changes_by_another_session_are_told_and_waited_for") else {
        return;
    };
    run(async {
        let (mut near, mut far) = (account(&dovecot).await, account(&dovecot).await);
        let ids = near.append("INBOX", &mut Given::new(bodies(9))).await.expect("stored");
        let ids: Vec<Id> = ids.into_iter().flatten().collect();
        let status = near.select("INBOX", false).await.expect("selected");
        let first = near.changes(None).await.expect("changes");
        assert!(first.complete && first.changed.len() == 9);
        let since = Since {
            uid_validity: status.uid_validity,
            modseq: status.highest_modseq,
            known: ids.clone(),
        };
        assert!(!near.wait(Duration::from_millis(200)).await.expect("quiet"));

        far.select("INBOX", false).await.expect("selected");
        let act = async {
            far.delete(&ids[2..4]).await.expect("deleted");
            let change = pillarbox::store::FlagChange {
                ids: vec![ids[0].clone()],
                add: ["\\Answered"].iter().collect(),
                remove: ["\\Seen"].iter().collect(),
            };
            far.flag(&[change]).await.expect("flagged");
            far.append("INBOX", &mut Given::new(bodies(1))).await.expect("stored");
        };
        let (told, ()) = tokio::join!(near.wait(Duration::from_secs(20)), act);
        assert!(told.expect("told"));
        let changes = near.changes(Some(&since)).await.expect("changes");
        assert_eq!(changes.vanished, ids[2..4]);
        assert!(!changes.complete);
        assert_eq!(changes.changed.len(), 2, "{:?}", changes.changed);
        let flags = changes.changed[0].flags.as_ref().expect("flags");
        assert!(flags.has("\\Answered") && !flags.has("\\Seen"));
        let other = Since { uid_validity: since.uid_validity + 1, ..since };
        assert!(near.changes(Some(&other)).await.expect("changes").complete);
    });
}

#[test]
fn a_compressed_session() {
    let options = support::dovecot::Options {
        extra: "mail_plugins = zlib\nprotocol imap {\n  mail_plugins = zlib imap_zlib\n}\n".into(),
        ..Default::default()
    };
    let Some(dovecot) = Dovecot::with("a_compressed_session", &options) else { return };
    run(async {
        let mut client = session(&dovecot, USERS[0].1, None, false).await.expect("a session");
        client.compress().await.expect("COMPRESS=DEFLATE");
        let mut account = Account::new(client).await.expect("an account");
        let bodies = bodies(60);
        let ids = account.append("INBOX", &mut Given::new(bodies.clone())).await.expect("stored");
        let ids: Vec<Id> = ids.into_iter().flatten().collect();
        account.select("INBOX", true).await.expect("selected");
        let mut sink = Collected::default();
        account.read(&ids, &What::Whole, &mut sink).await.expect("bodies");
        assert!(sink.0.iter().zip(&bodies).all(|((_, got), given)| *got == crlf(given)));
        let (received, sent) = account.client().wire().traffic();
        assert!(sent > received / 2 && received > 500_000, "{received} {sent}");
        account.finish().await.expect("goodbye");
    });
}
