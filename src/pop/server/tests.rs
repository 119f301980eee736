//! The server word for word, against our client, and against Python's poplib where it is there.

use std::cell::{Cell, RefCell};

use super::*;
use crate::base::secret::Secret;
use crate::net::hook::{Hook, Verdict};
use crate::net::tls::{Acceptor, Connector, Settings as TlsSettings, Version};
use crate::net::{Error, Wire};
use crate::pop::client::{self, Client, Method, StartTls};
use crate::pop::spool::Maildrop;
use crate::sasl::{Credential, CredentialSecret, Mechanism};
use crate::store::{self, Deleted, Id, Listed, Meta, Sink, What};

/// One user's messages, locked while a session has them.
#[derive(Default)]
struct Messages {
    all: RefCell<Vec<(Id, Vec<u8>)>>,
    is_locked: Cell<bool>,
    cannot_delete: Cell<bool>,
}

struct Locked(Rc<Messages>);

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.is_locked.set(false);
    }
}

#[async_trait(?Send)]
impl Spool for Locked {
    async fn list(&mut self) -> store::Result<Vec<Listed>> {
        let all = self.0.all.borrow();
        // Every second size is for the server to count.
        let listed = all.iter().enumerate().map(|(place, (id, octets))| Listed {
            id: id.clone(),
            size: (place % 2 == 0).then_some(octets.len() as u64),
            flags: None,
        });
        Ok(listed.collect())
    }

    async fn read(&mut self, ids: &[Id], _: &What, sink: &mut dyn Sink) -> store::Result<()> {
        for wanted in ids {
            let found = self.0.all.borrow().iter().find(|(id, _)| id == wanted).cloned();
            let Some((id, octets)) = found else { continue };
            let meta = Meta { id, size: None, flags: None, received: None };
            sink.begin(&meta).await?;
            for chunk in octets.chunks(10_000) {
                sink.chunk(chunk).await?;
            }
            sink.end(&meta).await?;
        }
        Ok(())
    }

    async fn delete(&mut self, ids: &[Id]) -> store::Result<Deleted> {
        if self.0.cannot_delete.get() {
            return Err(store::Error::Unknown("disk".into()));
        }
        self.0.all.borrow_mut().retain(|(id, _)| !ids.contains(id));
        Ok(Deleted::Gone)
    }

    async fn finish(&mut self) -> store::Result<()> {
        Ok(())
    }
}

struct OneUser;

impl Secrets for OneUser {
    fn password(&self, user: &str) -> Option<Secret> {
        (user == "ann").then(|| Secret::new("secret word"))
    }

    fn token_is_valid(&self, _: &str, _: &[u8]) -> bool {
        false
    }

    fn external_identity(&self) -> Option<String> {
        None
    }

    fn may_act_as(&self, _: &str, _: &str) -> bool {
        false
    }
}

struct Drops(Rc<Messages>);

#[async_trait(?Send)]
impl Maildrops for Drops {
    async fn open(&self, user: &str) -> Result<Box<dyn Spool>, Unavailable> {
        assert_eq!(user, "ann");
        if self.0.is_locked.replace(true) {
            return Err(Unavailable::InUse);
        }
        Ok(Box::new(Locked(self.0.clone())))
    }

    fn secrets(&self, _: Option<&str>) -> Option<Rc<dyn Secrets>> {
        Some(Rc::new(OneUser))
    }
}

struct Fixture {
    service: Service,
    messages: Rc<Messages>,
}

fn fixture(change: impl FnOnce(&mut Settings)) -> Fixture {
    let mechanisms = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"];
    let mut settings = Settings::new("h", &mechanisms);
    settings.allow_cleartext = true;
    change(&mut settings);
    let messages = Rc::new(Messages::default());
    for (id, text) in
        [("a", "Subject: 1\r\n\r\n.dot\r\nend\r\n"), ("b", "Subject: 2\n\nlf\n"), ("c", "x\r\n")]
    {
        messages.all.borrow_mut().push((Id::new(id), text.into()));
    }
    let maildrops: Rc<dyn Maildrops> = Rc::new(Drops(messages.clone()));
    let service = Service { settings: Rc::new(settings), maildrops, acceptor: None };
    Fixture { service, messages }
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime").block_on(
        async { tokio::time::timeout(Duration::from_secs(20), future).await.expect("in time") },
    )
}

/// Says all of `said` at once, and gives all that the server says until it closes.
fn converse(fixture: &Fixture, said: &str, hook: Option<Box<dyn Hook>>) -> String {
    run(async {
        let (near, mut far) = Wire::duplex(1 << 16);
        let server = serve(near, &fixture.service, hook);
        let client = async {
            far.queue(said.as_bytes());
            let mut heard = String::new();
            loop {
                let ended = far.fill().await.is_err();
                heard.push_str(&String::from_utf8_lossy(far.buffered()));
                let all = far.buffered().len();
                far.consume(all);
                if ended {
                    return heard;
                }
            }
        };
        let (_, heard) = tokio::join!(server, client);
        heard
    })
}

const LOGIN: &str = "USER ann\r\nPASS secret word\r\n";

/// What the server says behind greeting and login.
fn answers(fixture: &Fixture, said: &str) -> String {
    let heard = converse(fixture, &format!("{LOGIN}{said}"), None);
    heard.splitn(4, "\r\n").nth(3).expect("logged in").to_owned()
}

#[test]
fn the_transaction_state_as_in_the_rfc() {
    let fixture = fixture(|_| {});
    let heard = answers(
        &fixture,
        "STAT\r\nLIST\r\nLIST 2\r\nLIST 4\r\nUIDL\r\nUIDL 3\r\nRETR 1\r\nTOP 1 0\r\nTOP 1 1\r\n\
         RETR 2\r\nDELE 1\r\nDELE 1\r\nRETR 1\r\nSTAT\r\nLIST\r\nRSET\r\nNOOP\r\nUSER x\r\nDELE 3\r\n\
         QUIT\r\n",
    );
    assert_eq!(
        heard,
        "+OK 3 46\r\n\
         +OK 3 messages (46 octets)\r\n1 25\r\n2 18\r\n3 3\r\n.\r\n\
         +OK 2 18\r\n-ERR no such message\r\n\
         +OK unique-ids\r\n1 a\r\n2 b\r\n3 c\r\n.\r\n+OK 3 c\r\n\
         +OK 25 octets\r\nSubject: 1\r\n\r\n..dot\r\nend\r\n.\r\n\
         +OK the top of it\r\nSubject: 1\r\n\r\n.\r\n\
         +OK the top of it\r\nSubject: 1\r\n\r\n..dot\r\n.\r\n\
         +OK 18 octets\r\nSubject: 2\r\n\r\nlf\r\n.\r\n\
         +OK message 1 is marked\r\n-ERR no such message\r\n-ERR no such message\r\n\
         +OK 2 21\r\n+OK 2 messages (21 octets)\r\n2 18\r\n3 3\r\n.\r\n\
         +OK 3 messages (46 octets)\r\n+OK still here\r\n-ERR logged in already\r\n\
         +OK message 3 is marked\r\n+OK goodbye (1 messages deleted)\r\n"
    );
    assert_eq!(fixture.messages.all.borrow().len(), 2);
}

#[test]
fn only_quit_deletes_and_it_says_when_it_could_not() {
    let fixture = fixture(|it| it.idle = Duration::from_millis(50));
    answers(&fixture, "DELE 1\r\nWHAT\r\n");
    assert_eq!(fixture.messages.all.borrow().len(), 3);
    assert!(!fixture.messages.is_locked.get());
    fixture.messages.cannot_delete.set(true);
    let heard = answers(&fixture, "DELE 1\r\nQUIT\r\n");
    assert!(heard.ends_with("-ERR some deleted messages not removed\r\n"), "{heard}");
}

#[test]
fn logins_that_fail_say_why() {
    let fixture = fixture(|_| {});
    let heard = converse(
        &fixture,
        "STAT\r\nPASS x\r\nUSER ann\r\nPASS wrong\r\nAPOP ann 00000000000000000000000000000000\r\n\
         AUTH X\r\nAUTH CRAM-MD5\r\n*\r\nAUTH CRAM-MD5\r\n!\r\nAUTH PLAIN AGFubgB4\r\nNOOP\r\nLANG\r\nLANG de\r\nQUIT\r\n",
        None,
    );
    let kinds: Vec<&str> = heard.lines().map(|line| line.split(' ').next().unwrap_or("")).collect();
    assert_eq!(
        kinds,
        [
            "+OK", "-ERR", "-ERR", "+OK", "-ERR", "-ERR", "-ERR", "+", "-ERR", "+", "-ERR", "-ERR",
            "-ERR", "+OK", "en", ".", "-ERR", "+OK"
        ],
        "{heard}"
    );
    assert_eq!(heard.matches("[AUTH]").count(), 3, "{heard}");
    fixture.messages.is_locked.set(true);
    let heard = converse(&fixture, &format!("{LOGIN}QUIT\r\n"), None);
    assert!(heard.contains("-ERR [IN-USE] "), "{heard}");
    let fixture = self::fixture(|it| it.allow_cleartext = false);
    let heard = converse(&fixture, "CAPA\r\nUSER ann\r\nAUTH PLAIN AGFubgB4\r\nQUIT\r\n", None);
    assert!(heard.contains("\r\nSASL CRAM-MD5 SCRAM-SHA-256\r\n"), "{heard}");
    assert!(!heard.contains("\r\nUSER\r\n"), "{heard}");
    assert_eq!(heard.matches("-ERR").count(), 2, "{heard}");
    let fixture = self::fixture(|it| it.bad_commands = 1);
    let heard = converse(&fixture, "A\r\nB\r\nC\r\n", None);
    assert_eq!(heard.matches("-ERR").count(), 2, "{heard}");
}

/// RFC 6856 section 2.1: what is not ASCII comes as it is only behind UTF8, which a session has
/// to say before it logs in.
#[test]
fn headers_in_utf_8_have_a_surrogate() {
    let fixture = fixture(|_| {});
    let put = |place: usize, text: &[u8]| fixture.messages.all.borrow_mut()[place].1 = text.into();
    put(0, "From: Jos\u{e9} <jose@h>\r\nSubject: Gr\u{fc}\u{df}e\r\n\r\n\u{e4}\r\n".as_bytes());
    put(1, "From: jos\u{e9}@h\r\n\r\nx\r\n".as_bytes());
    put(2, b"Subject: Gr\xfc\xdfe\r\n\r\nlatin-1\r\n");
    let heard = answers(&fixture, "TOP 1 0\r\nRETR 1\r\nTOP 2 0\r\nRETR 2\r\nNOOP\r\nQUIT\r\n");
    let header = "From: =?utf-8?B?Sm9zw6k=?= <jose@h>\r\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\r\n\r\n";
    assert_eq!(heard.matches(header).count(), 2, "{heard}");
    assert!(heard.contains("\r\n\r\n\u{e4}\r\n.\r\n"), "{heard}");
    assert_eq!(heard.matches("\r\n-ERR [UTF8] ").count(), 2, "{heard}");
    assert!(heard.contains("\r\n+OK still here\r\n"), "{heard}");
    let latin = answers(&fixture, "RETR 3\r\nQUIT\r\n");
    assert!(latin.contains("Subject: Gr\u{fffd}\u{fffd}e\r\n"), "no surrogate of it: {latin}");
    let heard =
        converse(&fixture, &format!("UTF8\r\n{LOGIN}RETR 1\r\nRETR 2\r\nUTF8\r\nQUIT\r\n"), None);
    assert!(heard.contains("Subject: Gr\u{fc}\u{df}e\r\n"), "{heard}");
    assert!(heard.contains("From: jos\u{e9}@h\r\n"), "{heard}");
    assert!(heard.contains("\r\n-ERR logged in already\r\n"), "{heard}");
    // Who cannot say UTF8 cannot be asked to.
    let fixture = self::fixture(|it| it.offer.utf8 = None);
    fixture.messages.all.borrow_mut()[0].1 = "Subject: \u{fc}\r\n\r\n".into();
    assert!(answers(&fixture, "RETR 1\r\nQUIT\r\n").contains("Subject: \u{fc}\r\n"));
}

/// Cuts a body short, and answers STAT in the session's place.
struct Disturbing;

#[async_trait(?Send)]
impl Hook for Disturbing {
    async fn instead(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        (command == b"STAT").then(|| b"+OK 99 1\r\n".to_vec())
    }

    async fn before_write(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Verdict {
        if !command.starts_with(b"RETR") || answer.starts_with(b"+OK") {
            return Verdict::Send;
        }
        answer.truncate(7);
        Verdict::Close
    }
}

#[test]
fn a_hook_answers_and_disturbs() {
    let said = format!("{LOGIN}STAT\r\nRETR 1\r\nNOOP\r\n");
    let heard = converse(&fixture(|_| {}), &said, Some(Box::new(Disturbing)));
    assert!(heard.ends_with("+OK 99 1\r\n+OK 25 octets\r\nSubject"), "{heard}");
}

fn certificate() -> Acceptor {
    let key = rcgen::KeyPair::generate().expect("key");
    let params = rcgen::CertificateParams::new(vec!["h".to_owned()]).expect("names");
    let certificate = params.self_signed(&key).expect("certificate");
    let chain = vec![certificate.der().to_vec()];
    Acceptor::new(chain, key.serialize_der(), Version::Tls12, &[]).expect("acceptor")
}

/// Collects what is pushed.
#[derive(Default)]
struct Collected(Vec<Vec<u8>>);

#[async_trait(?Send)]
impl Sink for Collected {
    async fn begin(&mut self, _: &Meta) -> store::Result<()> {
        self.0.push(Vec::new());
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        self.0.last_mut().expect("begun").extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self, _: &Meta) -> store::Result<()> {
        Ok(())
    }
}

/// Our client and our server together, over TLS, by every way to log in.
#[test]
fn our_client_reads_and_deletes_over_tls() {
    let acceptor = certificate();
    let connector = Connector::new("h", &TlsSettings::insecure()).expect("connector");
    let sasl = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]
        .map(|name| Mechanism::from_name(name).map(Method::Sasl));
    for method in sasl.into_iter().chain([Some(Method::User), None]) {
        let mut fixture = fixture(|it| it.allow_cleartext = false);
        fixture.service.acceptor = Some(acceptor.clone());
        let large = b"0123456789abcde\r\n".repeat(100_000);
        fixture.messages.all.borrow_mut().push((Id::new("large"), large.clone()));
        for (password, is_right) in [("wrong", false), ("secret word", true)] {
            let (near, far) = Wire::duplex(1 << 16);
            let client = async {
                let credential = Credential {
                    user: "ann".into(),
                    authorize_as: None,
                    secret: CredentialSecret::Password(Secret::new(password)),
                };
                let login = client::Login {
                    credential: &credential,
                    method,
                    allow_cleartext: false,
                    host: "h",
                    port: 110,
                };
                let options = client::Options {
                    starttls: StartTls::Required(&connector),
                    login: Some(login),
                    ..client::Options::default()
                };
                let client = match Client::open(far, &options).await {
                    Ok(client) if is_right => client,
                    Err(error) if !is_right => {
                        assert!(store::PeerError::is_auth(&error), "{error}");
                        return;
                    }
                    Ok(_) => panic!("logged in with a wrong password"),
                    Err(error) => panic!("{method:?}: {error}"),
                };
                assert!(client.wire().is_encrypted());
                let mut maildrop = Maildrop::new(client);
                let ids: Vec<Id> =
                    maildrop.list().await.expect("lists").into_iter().map(|it| it.id).collect();
                let mut sink = Collected::default();
                let many: Vec<Id> = ids.iter().cycle().take(40).cloned().collect();
                maildrop.read(&many, &What::Whole, &mut sink).await.expect("reads");
                assert_eq!(sink.0.len(), 40);
                assert!(sink.0[39] == large && sink.0[0].ends_with(b".dot\r\nend\r\n"));
                maildrop.delete(&ids[..3]).await.expect("marks");
                maildrop.finish().await.expect("quits");
            };
            let server = serve(near, &fixture.service, None);
            let (server, ()) = run(async { tokio::join!(server, client) });
            server.expect("ends well");
        }
        assert_eq!(fixture.messages.all.borrow().len(), 1);
    }
}

#[test]
fn plaintext_behind_stls_ends_the_session() {
    let mut fixture = fixture(|_| {});
    fixture.service.acceptor = Some(certificate());
    let (near, mut far) = Wire::duplex(1 << 16);
    run(async {
        let client = async {
            far.queue(b"STLS\r\nUSER ann\r\n");
            while far.fill().await.is_ok() {}
        };
        let (ended, ()) = tokio::join!(serve(near, &fixture.service, None), client);
        assert!(matches!(ended, Err(Error::PlaintextBehindTls { .. })), "{ended:?}");
    });
}

/// Python's poplib is a peer that was not written here.
#[test]
fn poplib_reads_and_deletes() {
    let script = r#"
import poplib, sys
p = poplib.POP3("127.0.0.1", int(sys.argv[1]), timeout=20)
assert "UIDL" in p.capa() and "PIPELINING" in p.capa(), p.capa()
p.apop("ann", "secret word")
assert p.stat() == (3, 46), p.stat()
assert p.list()[1] == [b"1 25", b"2 18", b"3 3"], p.list()
assert p.uidl()[1] == [b"1 a", b"2 b", b"3 c"], p.uidl()
assert p.retr(1)[1] == [b"Subject: 1", b"", b".dot", b"end"], p.retr(1)
assert p.top(1, 1)[1] == [b"Subject: 1", b"", b".dot"], p.top(1, 1)
p.dele(1)
p.rset()
p.dele(2)
p.quit()
"#;
    let fixture = fixture(|_| {});
    let ended = run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let port = listener.local_addr().expect("address").port().to_string();
        let Ok(mut child) = tokio::process::Command::new("python3")
            .args(["-c", script, &port])
            .kill_on_drop(true)
            .spawn()
        else {
            return false;
        };
        let (stream, _) = listener.accept().await.expect("accepts");
        serve(Wire::new(Box::new(stream)), &fixture.service, None).await.expect("serves");
        assert!(child.wait().await.expect("ends").success());
        true
    });
    if !ended {
        println!("skipped: python3 is not installed");
        return;
    }
    assert_eq!(fixture.messages.all.borrow().len(), 2);
}
