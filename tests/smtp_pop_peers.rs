//! The SMTP, LMTP and POP3 clients against Postfix and Dovecot, servers that are not ours.

mod support;

use async_trait::async_trait;
use pillarbox::base::secret::Secret;
use pillarbox::net::Wire;
use pillarbox::net::tls::{Connector, Settings, Verify, read_pem_certificates};
use pillarbox::pop::client as pop;
use pillarbox::pop::spool::Maildrop;
use pillarbox::sasl::{Credential, CredentialSecret, Mechanism};
use pillarbox::smtp::client as smtp;
use pillarbox::smtp::client::{Fate, Stage, Submission};
use pillarbox::store::{Body, Envelope, Id, Meta, PeerError, Result, Sink, Spool, What};

use support::{Authority, Dovecot, Postfix, Stored, USERS};

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

fn connector(authority: &Authority) -> Connector {
    let pem = std::fs::read(authority.certificate()).expect("a certificate");
    let verify = Verify::Roots(read_pem_certificates(&pem).expect("certificates"));
    Connector::new("localhost", &Settings { verify, ..Settings::default() }).expect("TLS")
}

fn alice(password: &str) -> Credential {
    Credential {
        user: USERS[0].0.to_owned(),
        authorize_as: None,
        secret: CredentialSecret::Password(Secret::new(password)),
    }
}

/// A message in memory.
struct Text(Vec<u8>, usize);

#[async_trait(?Send)]
impl Body for Text {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = buffer.len().min(self.0.len() - self.1);
        buffer[..count].copy_from_slice(&self.0[self.1..self.1 + count]);
        self.1 += count;
        Ok(count)
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn rewind(&mut self) -> Result<()> {
        self.1 = 0;
        Ok(())
    }
}

/// Collects what is pushed.
#[derive(Default)]
struct Collected(Vec<(Id, Vec<u8>)>);

#[async_trait(?Send)]
impl Sink for Collected {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        self.0.push((message.id.clone(), Vec::new()));
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        self.0.last_mut().expect("a message has begun").1.extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self, _: &Meta) -> Result<()> {
        Ok(())
    }
}

fn submission(recipients: &[&str]) -> Submission {
    Submission::plain(&Envelope {
        sender: "alice@example.test".into(),
        recipients: recipients.iter().map(|it| (*it).to_owned()).collect(),
    })
    .expect("addresses")
}

/// A message with everything that a line may do to a transport.
fn awkward(number: usize, octets: usize) -> Vec<u8> {
    let mut text = format!("Subject: {number}\n\n.\n..\n.dot\nFrom x\n\n\n").into_bytes();
    while text.len() < octets {
        text.extend_from_slice(b".0123456789 0123456789 0123456789 0123456789 0123456789\n");
    }
    text
}

fn fates(outcome: &smtp::Outcome) -> Vec<(Fate, Stage, Option<u16>)> {
    outcome
        .recipients
        .iter()
        .map(|it| (it.fate, it.stage, it.reply.as_ref().map(|reply| reply.code())))
        .collect()
}

#[test]
fn postfix_stores_what_was_sent_by_data_and_by_bdat() {
    let Some(postfix) = Postfix::start("postfix_stores_what_was_sent_by_data_and_by_bdat") else {
        return;
    };
    let connector = connector(&postfix.authority);
    let sizes = [0, 100, 70_000, 1_000_000];
    let mut count = 0;
    for (without_chunking, without_pipelining) in
        [(false, false), (true, false), (false, true), (true, true)]
    {
        run(async {
            let options = smtp::Options {
                name: "client.example.test".into(),
                starttls: smtp::StartTls::Required(&connector),
                without_chunking,
                without_pipelining,
                ..smtp::Options::default()
            };
            let mut client = smtp::Client::open(wire(postfix.smtp).await, &options).await.unwrap();
            assert!(client.wire().is_encrypted() && client.capabilities().chunking);
            // Pushed as far as there is room, with refusals in between.
            let mut waiting: Vec<_> = sizes.iter().enumerate().rev().collect();
            let mut outcomes = 0;
            while outcomes < sizes.len() {
                if client.has_room()
                    && let Some((number, octets)) = waiting.pop()
                {
                    let to = ["gone@example.test", "bob@example.test", "full@example.test"];
                    let text = Text(awkward(number, *octets), 0);
                    client.push(submission(&to), Box::new(text)).await.unwrap();
                    continue;
                }
                let outcome = client.outcome().await.unwrap();
                assert!(outcome.error.is_none(), "{outcome:?}");
                assert_eq!(
                    fates(&outcome),
                    [
                        (Fate::Permanent, Stage::Rcpt, Some(550)),
                        (Fate::Delivered, Stage::Body, Some(250)),
                        (Fate::Temporary, Stage::Rcpt, Some(452)),
                    ]
                );
                assert!(outcome.recipients[1].queue_id().is_some(), "{outcome:?}");
                outcomes += 1;
            }
            let nobody = client
                .submit(submission(&["gone@example.test"]), &mut Text(b"x\n".to_vec(), 0))
                .await
                .unwrap();
            assert_eq!(fates(&nobody), [(Fate::Permanent, Stage::Rcpt, Some(550))]);
            client.noop().await.expect("the session goes on");
            client.quit().await.unwrap();
        });
        count += sizes.len();
    }
    let mut stored = postfix.messages("bob", count);
    stored.sort();
    let mut sent: Vec<Vec<u8>> = sizes
        .iter()
        .enumerate()
        .flat_map(|(number, octets)| vec![awkward(number, *octets); 4])
        .collect();
    sent.sort();
    assert!(stored == sent, "what Postfix stored is not what was sent");
}

#[test]
fn postfix_and_dovecot_check_passwords() {
    let test = "postfix_and_dovecot_check_passwords";
    let Some(dovecot) = Dovecot::start(test) else { return };
    let Some(postfix) = Postfix::before(test, &dovecot) else { return };
    let connector = connector(&postfix.authority);
    for (password, is_right) in [("secret", true), ("wrong", false)] {
        for mechanism in [None, Some(Mechanism::Plain), Some(Mechanism::Login)] {
            run(async {
                let credential = alice(password);
                let login = smtp::Login {
                    credential: &credential,
                    mechanism,
                    allow_cleartext: false,
                    host: "localhost",
                    port: postfix.submission,
                };
                let options = smtp::Options {
                    name: "client.example.test".into(),
                    starttls: smtp::StartTls::Required(&connector),
                    login: Some(login),
                    ..smtp::Options::default()
                };
                match smtp::Client::open(wire(postfix.submission).await, &options).await {
                    Ok(client) if is_right => client.quit().await.unwrap(),
                    Err(error) if !is_right => assert!(error.is_auth(), "{error}"),
                    Ok(_) => panic!("logged in with a wrong password"),
                    Err(error) => panic!("{mechanism:?}: {error}"),
                }
            });
        }
    }
}

#[test]
fn dovecot_takes_mail_by_lmtp_recipient_by_recipient() {
    let Some(dovecot) = Dovecot::start("dovecot_takes_mail_by_lmtp_recipient_by_recipient") else {
        return;
    };
    for without_chunking in [false, true] {
        run(async {
            let options = smtp::Options { is_lmtp: true, without_chunking, ..Default::default() };
            let mut client = smtp::Client::open(wire(dovecot.lmtp).await, &options).await.unwrap();
            let to = submission(&["alice", "nobody-here", "bob"]);
            let mut text = Text(awkward(1, 100_000), 0);
            let outcome = client.submit(to, &mut text).await.unwrap();
            assert_eq!(
                fates(&outcome),
                [
                    (Fate::Delivered, Stage::Body, Some(250)),
                    (Fate::Permanent, Stage::Rcpt, Some(550)),
                    (Fate::Delivered, Stage::Body, Some(250)),
                ]
            );
            client.quit().await.unwrap();
        });
    }
    assert_eq!(dovecot.messages("alice", "INBOX").len(), 2);
    assert!(dovecot.messages("bob", "INBOX")[0].ends_with(&awkward(1, 100_000)));
}

#[test]
fn dovecot_gives_its_maildrop_and_takes_deletions() {
    let Some(dovecot) = Dovecot::start("dovecot_gives_its_maildrop_and_takes_deletions") else {
        return;
    };
    let texts: Vec<Vec<u8>> =
        (0..300).map(|number| awkward(number, if number == 7 { 3_000_000 } else { 500 })).collect();
    let stored: Vec<Stored<'_>> = texts
        .iter()
        .zip(1_700_000_000..)
        .map(|(octets, received)| Stored { octets, flags: "", received })
        .collect();
    dovecot.put("alice", "INBOX", &stored);
    let connector = connector(&dovecot.authority);
    let open = async |password: &str, method, pipelining| {
        let credential = alice(password);
        let login = pop::Login {
            credential: &credential,
            method,
            allow_cleartext: false,
            host: "localhost",
            port: dovecot.pop3,
        };
        let options = pop::Options {
            starttls: pop::StartTls::Required(&connector),
            login: Some(login),
            pipelining,
            ..pop::Options::default()
        };
        pop::Client::open(wire(dovecot.pop3).await, &options).await
    };
    run(async {
        let error = open("wrong", None, pop::Pipelining::IfOffered).await.err().expect("refused");
        assert!(error.is_auth() && !error.is_transient(), "{error}");
        for (method, pipelining) in [
            (None, pop::Pipelining::IfOffered),
            (Some(pop::Method::User), pop::Pipelining::Never),
            (Some(pop::Method::Sasl(Mechanism::Plain)), pop::Pipelining::Always),
        ] {
            let mut maildrop = Maildrop::new(open("secret", method, pipelining).await.unwrap());
            let ids: Vec<Id> = maildrop.list().await.unwrap().into_iter().map(|it| it.id).collect();
            assert_eq!(ids.len(), texts.len());
            let mut sink = Collected::default();
            maildrop.read(&ids, &What::Whole, &mut sink).await.unwrap();
            assert_eq!(sink.0.len(), texts.len());
            for ((_, octets), text) in sink.0.iter().zip(&texts) {
                let wire = String::from_utf8(text.clone()).unwrap().replace('\n', "\r\n");
                assert!(octets == wire.as_bytes());
            }
            let mut sink = Collected::default();
            maildrop.read(&ids[..2], &What::Headers, &mut sink).await.unwrap();
            assert_eq!(sink.0[1].1, b"Subject: 1\r\n\r\n");
            maildrop.finish().await.unwrap();
        }
        let mut maildrop =
            Maildrop::new(open("secret", None, pop::Pipelining::IfOffered).await.unwrap());
        let ids: Vec<Id> = maildrop.list().await.unwrap().into_iter().map(|it| it.id).collect();
        maildrop.delete(&ids[..299]).await.unwrap();
        maildrop.finish().await.unwrap();
    });
    assert_eq!(dovecot.messages("alice", "INBOX"), texts[299..]);
}
