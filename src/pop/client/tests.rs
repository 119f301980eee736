//! The client against scripted servers, word for word, and against Dovecot where it is there.

use super::*;
use crate::base::secret::Secret;
use crate::net::script::{run, with_server};
use crate::pop::spool::Maildrop;
use crate::sasl::{Credential, CredentialSecret, Mechanism};
use crate::store::{Deleted, Id, Meta, Result as StoreResult, Sink, Spool as _, What};

fn password() -> Credential {
    Credential {
        user: "mrose".into(),
        authorize_as: None,
        secret: CredentialSecret::Password(Secret::new("tanstaaf")),
    }
}

fn login(credential: &Credential, method: Option<Method>) -> Options<'_> {
    let login = Login { credential, method, allow_cleartext: true, host: "h", port: 110 };
    Options { login: Some(login), ..Options::default() }
}

/// Collects what is pushed.
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

    async fn end(&mut self, _: &Meta) -> StoreResult<()> {
        Ok(())
    }
}

/// RFC 1939 section 7's own example, digest and all.
#[test]
fn apop_as_in_the_rfc() {
    let script = "S: +OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>
        C: CAPA
        S: -ERR what
        C: APOP mrose c4c9334bac560ecc979e58001b3e22fb
        S: +OK maildrop has 1 message (369 octets)
        C: STAT
        S: +OK 1 369
        C: DELE 1
        S: +OK message 1 deleted
        C: QUIT
        S: +OK bye";
    run(with_server(script, async |wire| {
        let mut client = Client::open(wire, &login(&password(), None)).await.expect("opens");
        assert_eq!(client.stat().await.expect("stat"), (1, 369));
        client.delete(&[1]).await.expect("marks");
        client.quit().await.expect("quits");
        assert!(matches!(client.quit().await, Err(Error::Unknown)));
    }));
}

#[test]
fn sasl_comes_before_apop_and_apop_before_user() {
    let script = "S: +OK <1.2@h>
        C: CAPA
        S: +OK~SASL PLAIN~USER~.
        C: AUTH PLAIN AG1yb3NlAHRhbnN0YWFm
        S: +OK in";
    run(with_server(script, async |wire| {
        Client::open(wire, &login(&password(), None)).await.expect("opens");
    }));
    // Without leave for cleartext PLAIN is no way, and APOP is.
    let script = "S: +OK <1.2@h>
        C: CAPA
        S: +OK~SASL PLAIN~USER~.
        C: APOP mrose b3bcf54d1a8041d43ae6e4ea50c8cfe7
        S: -ERR [AUTH] wrong";
    let digest = sasl::apop("<1.2@h>", &Secret::new("tanstaaf"));
    let script = script.replace("b3bcf54d1a8041d43ae6e4ea50c8cfe7", &digest);
    run(with_server(&script, async |wire| {
        let credential = password();
        let mut options = login(&credential, None);
        if let Some(login) = &mut options.login {
            login.allow_cleartext = false;
        }
        let error = Client::open(wire, &options).await.err().expect("refused");
        assert!(error.is_auth() && !error.is_transient(), "{error}");
    }));
    let script = "S: +OK hello
        C: CAPA
        S: +OK~USER~.";
    run(with_server(script, async |wire| {
        let credential = password();
        let mut options = login(&credential, None);
        if let Some(login) = &mut options.login {
            login.allow_cleartext = false;
        }
        let error = Client::open(wire, &options).await.err().expect("refused");
        assert!(matches!(error, Error::Cleartext { method: Method::User }), "{error}");
    }));
}

#[test]
fn codes_say_what_kind_of_no_it_is() {
    for (text, is_transient, is_auth) in [
        ("[IN-USE] locked", true, false),
        ("[LOGIN-DELAY] slowly", true, false),
        ("[SYS/TEMP] disk", true, false),
        ("[SYS/PERM] corrupt", false, false),
        ("[AUTH] wrong", false, true),
        ("wrong", false, true),
    ] {
        let script = format!(
            "S: +OK hello
            C: CAPA
            S: -ERR no
            C: USER mrose
            S: +OK
            C: PASS tanstaaf
            S: -ERR {text}"
        );
        run(with_server(&script, async |wire| {
            let credential = password();
            let options = login(&credential, Some(Method::User));
            let error = Client::open(wire, &options).await.err().expect("refused");
            assert_eq!((error.is_transient(), error.is_auth()), (is_transient, is_auth), "{text}");
            assert!(!format!("{error} {error:?}").contains("tanstaaf"));
        }));
    }
}

#[test]
fn sasl_with_challenges_and_a_long_initial_response() {
    let token = "x".repeat(400);
    let credential =
        Credential { secret: CredentialSecret::Token(Secret::new(&*token)), ..password() };
    let initial = sasl::encode(format!("user=mrose\x01auth=Bearer {token}\x01\x01").as_bytes());
    let blob = sasl::encode(br#"{"status":"401"}"#);
    let script = format!(
        "S: +OK hello
        C: CAPA
        S: +OK~SASL XOAUTH2~.
        C: AUTH XOAUTH2
        S: +\x20
        C: {initial}
        S: + {blob}
        C:\x20
        S: -ERR [AUTH] bad token"
    );
    run(with_server(&script, async |wire| {
        let method = Some(Method::Sasl(Mechanism::XOauth2));
        let error = Client::open(wire, &login(&credential, method)).await.err().expect("refused");
        assert!(error.is_auth() && error.is_expired_token(), "{error}");
    }));
}

const READY: &str = "S: +OK hello
    C: CAPA
    S: +OK~PIPELINING~TOP~UIDL~.
    ";

#[test]
fn a_maildrop_is_listed_read_and_emptied_in_flights() {
    let script = format!(
        "{READY}C: LIST
        C: UIDL
        S: +OK~1 120~2 200~4 10~.~+OK~1 aa~2 bb~4 dd~.
        C: RETR 4
        C: RETR 1
        C: RETR 2
        S: +OK~..dot~.~+OK~a~~b~.~-ERR no such message
        C: TOP 1 0
        S: +OK~Subject: x~~.
        C: DELE 1
        C: DELE 2
        S: +OK~-ERR already
        C: QUIT
        close"
    );
    run(with_server(&script, async |wire| {
        let client = Client::open(wire, &Options::default()).await.expect("opens");
        let mut drop = Maildrop::new(client);
        let listed = drop.list().await.expect("lists");
        let ids: Vec<Id> = listed.iter().map(|it| it.id.clone()).collect();
        assert_eq!(ids, ["aa", "bb", "dd"].map(Id::new));
        assert_eq!(listed[1].size, Some(200));
        let mut sink = Collected::default();
        let wanted = [ids[2].clone(), ids[0].clone(), Id::new("gone"), ids[1].clone()];
        drop.read(&wanted, &What::Whole, &mut sink).await.expect("reads");
        assert_eq!(
            sink.0,
            [(ids[2].clone(), b".dot\r\n".to_vec()), (ids[0].clone(), b"a\r\n\r\nb\r\n".to_vec())]
        );
        let mut sink = Collected::default();
        drop.read(&ids[..1], &What::Headers, &mut sink).await.expect("reads");
        assert_eq!(sink.0[0].1, b"Subject: x\r\n\r\n");
        assert_eq!(drop.delete(&ids[..2]).await.expect("marks"), Deleted::AtFinish);
        let error = drop.finish().await.expect_err("no answer to QUIT");
        assert!(matches!(error, crate::store::Error::Unknown(_)), "{error}");
    }));
}

/// RFC 2449 section 6.6: USER and PASS may go in one flight, and a name that is refused takes the
/// password down with it.
#[test]
fn user_and_pass_go_in_one_flight() {
    for (answers, is_in) in
        [("+OK~+OK welcome", true), ("-ERR [AUTH] never heard of mrose~-ERR USER first", false)]
    {
        let script = format!(
            "S: +OK hello
            C: CAPA
            S: +OK~USER~PIPELINING~.
            C: USER mrose
            C: PASS tanstaaf
            S: {answers}"
        );
        run(with_server(&script, async |wire| {
            let credential = password();
            match Client::open(wire, &login(&credential, Some(Method::User))).await {
                Ok(_) => assert!(is_in),
                Err(error) => {
                    let text = error.to_string();
                    assert!(!is_in && error.is_auth() && text.contains("never heard"), "{text}");
                }
            }
        }));
    }
}

#[test]
fn a_server_without_proof_does_not_get_the_password() {
    run(async {
        let (near, mut far) = Wire::duplex(1 << 20);
        let server = async {
            far.queue(b"+OK hello\r\n");
            for answer in ["+OK\r\nSASL SCRAM-SHA-256\r\nUSER\r\n.\r\n", "+OK welcome\r\n"] {
                let length = far.line(1 << 20).await.expect("the client speaks");
                far.consume(length);
                far.queue(answer.as_bytes());
            }
            // SCRAM is over without a signature: nothing more is said, USER least of all.
            far.line(1 << 20).await.expect_err("the client goes");
        };
        let credential = password();
        let options = login(&credential, None);
        let ((), opened) = tokio::join!(server, Client::open(near, &options));
        let error = opened.err().expect("no session");
        assert!(matches!(error, Error::Sasl(sasl::Error::Unproven { .. })), "{error}");
    });
}

#[test]
fn the_two_listings_may_differ_in_order() {
    let script = format!(
        "{READY}C: LIST
        C: UIDL
        S: +OK~1 10~2 20~3 30~.~+OK~3 cc~2 bb~9 zz~1 aa~.
        C: QUIT
        close"
    );
    run(with_server(&script, async |wire| {
        let mut client = Client::open(wire, &Options::default()).await.expect("opens");
        let id = |text: &str| Some(text.as_bytes().to_vec());
        let all = client.list().await.expect("lists");
        assert_eq!(all, [(1, 10, id("aa")), (2, 20, id("bb")), (3, 30, id("cc"))]);
        // Nothing was deleted: the answer would say nothing.
        client.quit().await.expect("no answer to QUIT is wanted");
    }));
}

#[test]
fn parts_are_cut_where_the_server_cannot() {
    let script = "S: +OK hello
        C: CAPA
        S: -ERR no
        C: LIST
        S: +OK~1 120~.
        C: UIDL
        S: +OK~1 aa~.
        C: RETR 1
        S: +OK~A: 1~B: 2~ 3~~body~.
        C: RETR 1
        S: +OK~A: 1~B: 2~ 3~~body~.
        C: RETR 1
        S: +OK~A: 1~B: 2~ 3~~body~.
        C: RETR 1
        S: -ERR [SYS/TEMP] disk";
    run(with_server(script, async |wire| {
        let client = Client::open(wire, &Options::default()).await.expect("opens");
        let mut drop = Maildrop::new(client);
        let ids = [Id::new("aa")];
        let range = |offset, octets| What::Partial { section: String::new(), offset, octets };
        for (what, wanted) in [
            (What::Headers, "A: 1\r\nB: 2\r\n 3\r\n\r\n"),
            (What::HeaderFields(vec!["b".into()]), "B: 2\r\n 3\r\n\r\n"),
            (range(3, Some(6)), "1\r\nB: "),
        ] {
            let mut sink = Collected::default();
            drop.read(&ids, &what, &mut sink).await.expect("reads");
            assert_eq!(String::from_utf8_lossy(&sink.0[0].1), wanted);
        }
        let section = What::Section("1".into());
        assert!(drop.read(&ids, &section, &mut Collected::default()).await.is_err());
        let mut sink = Collected::default();
        let error = drop.read(&ids, &What::Whole, &mut sink).await.expect_err("not just gone");
        assert!(matches!(&error, crate::store::Error::Peer(error) if error.is_transient()));
    }));
}

#[test]
fn a_quit_that_left_some_is_told() {
    let script = "S: +OK hello
        C: CAPA
        S: -ERR no
        C: DELE 1
        S: +OK
        C: QUIT
        S: -ERR some deleted messages not removed";
    run(with_server(script, async |wire| {
        let mut client = Client::open(wire, &Options::default()).await.expect("opens");
        client.delete(&[1]).await.expect("marks");
        assert!(matches!(client.quit().await, Err(Error::Refused { stage: Stage::Quit, .. })));
    }));
}

#[test]
fn tls_that_is_required_is_never_done_without() {
    let connector = Connector::new("h", &crate::net::tls::Settings::insecure()).expect("made");
    let script = "S: +OK hello
        C: CAPA
        S: +OK~USER~.";
    run(with_server(script, async |wire| {
        let starttls = StartTls::Required(&connector);
        let error = Client::open(wire, &Options { starttls, ..Options::default() }).await;
        assert!(error.err().expect("refused").is_tls());
    }));
    let script = "S: +OK hello
        C: CAPA
        S: +OK~STLS~.
        C: STLS
        S: +OK go~+OK injected";
    run(with_server(script, async |wire| {
        let starttls = StartTls::IfOffered(&connector);
        let error = Client::open(wire, &Options { starttls, ..Options::default() }).await;
        let error = error.err().expect("refused");
        assert!(error.is_protocol() || error.is_tls(), "{error}");
    }));
}
