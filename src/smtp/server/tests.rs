//! The server word for word, against our client, and against Python's smtplib where it is there.

use std::cell::RefCell;

use super::*;
use crate::base::secret::Secret;
use crate::net::hook::{Hook, Verdict};
use crate::net::tls::{Acceptor, Connector, Settings as TlsSettings, Version};
use crate::net::{Error, Wire};
use crate::sasl::{Credential, CredentialSecret, Mechanism};
use crate::smtp::client::{self, Client, StartTls, Submission};

/// Takes mail for everybody but `full` and `nobody`, and keeps it.
#[derive(Default)]
struct Kept {
    messages: RefCell<Vec<(Envelope, Vec<u8>)>>,
    /// Recipients that are refused only once the message is there.
    late: bool,
}

struct OneUser;

impl Secrets for OneUser {
    fn password(&self, user: &str) -> Option<Secret> {
        (user == "ann").then(|| Secret::new("secret"))
    }

    fn token_is_valid(&self, user: &str, token: &[u8]) -> bool {
        user == "ann" && token == b"token"
    }

    fn external_identity(&self) -> Option<String> {
        None
    }

    fn may_act_as(&self, _: &str, _: &str) -> bool {
        false
    }
}

#[async_trait(?Send)]
impl Delivery for Kept {
    fn recipient(&self, _: &Peer, to: &ForwardPath) -> Result<(), Reply> {
        match to.to_string() {
            name if name.starts_with("nobody") => {
                Err(Reply::enhanced(550, (5, 1, 1), "no such user"))
            }
            name if name.starts_with("full") && !self.late => {
                Err(Reply::enhanced(452, (4, 2, 2), "mailbox full"))
            }
            _ => Ok(()),
        }
    }

    async fn deliver(&self, envelope: Envelope, message: Message) -> Vec<Reply> {
        let fate = |(to, _): &(ForwardPath, RcptParameters)| match to.to_string() {
            name if name.starts_with("full") => Reply::enhanced(452, (4, 2, 2), "mailbox full"),
            name => Reply::enhanced(250, (2, 0, 0), &format!("{name}: queued as 1")),
        };
        let replies = envelope.recipients.iter().map(fate).collect();
        let octets = message.into_octets().expect("is read");
        self.messages.borrow_mut().push((envelope, octets));
        replies
    }

    fn secrets(&self, _: Option<&str>) -> Option<Rc<dyn Secrets>> {
        Some(Rc::new(OneUser))
    }
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime").block_on(
        async { tokio::time::timeout(Duration::from_secs(20), future).await.expect("in time") },
    )
}

fn certificate() -> (Acceptor, Vec<u8>) {
    let key = rcgen::KeyPair::generate().expect("key");
    let params = rcgen::CertificateParams::new(vec!["h".to_owned()]).expect("names");
    let certificate = params.self_signed(&key).expect("certificate");
    let der = certificate.der().to_vec();
    let acceptor = Acceptor::new(vec![der.clone()], key.serialize_der(), Version::Tls12, &[]);
    (acceptor.expect("acceptor"), der)
}

struct Fixture {
    service: Service,
    kept: Rc<Kept>,
}

fn fixture(mode: Mode, change: impl FnOnce(&mut Settings), late: bool) -> Fixture {
    let mut settings = Settings::new("h", mode, &["PLAIN", "SCRAM-SHA-256", "XOAUTH2"]);
    settings.offer.size = Some(1000);
    settings.message_octets = 1000;
    change(&mut settings);
    let kept = Rc::new(Kept { late, ..Kept::default() });
    let delivery: Rc<dyn Delivery> = kept.clone();
    let service = Service { settings: Rc::new(settings), delivery, acceptor: None };
    Fixture { service, kept }
}

/// Says all of `said` at once, and gives all that the server says until it closes.
fn converse(fixture: &Fixture, said: &[u8], hook: Option<Box<dyn Hook>>) -> String {
    run(async {
        let (near, mut far) = Wire::duplex(1 << 16);
        let server = serve(near, &fixture.service, Peer::default(), hook);
        let client = async {
            far.queue(said);
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

fn codes(heard: &str) -> Vec<&str> {
    let is_last = |line: &&str| line.as_bytes().get(3) == Some(&b' ');
    heard.lines().filter(is_last).map(|line| &line[..3]).collect()
}

/// All but the greeting and the reply to EHLO.
fn answers(heard: &str) -> Vec<&str> {
    codes(heard).split_off(2)
}

#[test]
fn a_pipelined_session_is_answered_in_order() {
    let fixture = fixture(Mode::Smtp, |_| {}, false);
    let heard = converse(
        &fixture,
        b"EHLO me\r\nMAIL FROM:<a@b> SIZE=10 BODY=8BITMIME\r\nRCPT TO:<bob@h> NOTIFY=NEVER\r\n\
          RCPT TO:<nobody@h>\r\nRCPT TO:<full@h>\r\nDATA\r\n..dot\r\nline\r\n.\r\n\
          MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nRSET\r\nNOOP\r\nVRFY bob\r\nHELP\r\nQUIT\r\n",
        None,
    );
    assert_eq!(
        answers(&heard),
        ["250", "250", "550", "452", "354", "250", "250", "250", "250", "250", "252", "214", "221"]
    );
    let kept = fixture.kept.messages.borrow();
    let (envelope, octets) = &kept[0];
    assert_eq!(octets, b".dot\r\nline\r\n");
    assert_eq!(envelope.from.to_string(), "a@b");
    assert_eq!(envelope.recipients.len(), 1);
    assert!(envelope.recipients[0].1.notify.is_some());
    let line = envelope.received("h", "1", "Mon, 23 Nov 2026 05:00:00 +0000");
    assert_eq!(
        line,
        "Received: from me\r\n\tby h with ESMTP id 1;\r\n\tMon, 23 Nov 2026 05:00:00 +0000\r\n"
    );
}

#[test]
fn commands_out_of_place_are_refused() {
    let fixture = fixture(Mode::Smtp, |_| {}, false);
    for (said, codes) in [
        ("MAIL FROM:<a@b>\r\nQUIT\r\n", vec!["503", "221"]),
        ("HELO x\r\nMAIL FROM:<a@b> SIZE=1\r\nQUIT\r\n", vec!["250", "555", "221"]),
        ("EHLO x\r\nRCPT TO:<a@b>\r\nDATA\r\nQUIT\r\n", vec!["250", "503", "503", "221"]),
        (
            "EHLO x\r\nMAIL FROM:<a@b>\r\nDATA\r\nMAIL FROM:<a@b>\r\n",
            vec!["250", "250", "554", "503"],
        ),
        ("EHLO x\r\nMAIL FROM:<a@b> SIZE=1001\r\nQUIT\r\n", vec!["250", "552", "221"]),
        (
            "EHLO x\r\nMAIL FROM:<a@b> X=1\r\nMAIL FROM:<a@b> REQUIRETLS\r\n",
            vec!["250", "555", "555"],
        ),
        (
            "EHLO x\r\nMAIL FROM:<\u{e4}@b>\r\nMAIL FROM:<\u{e4}@b> SMTPUTF8\r\n",
            vec!["250", "550", "250"],
        ),
        ("LHLO x\r\nWHAT\r\n\r\nMAIL\r\nEXPN a\r\n", vec!["500", "500", "500", "501", "502"]),
        (
            "EHLO x\r\nAUTH PLAIN AGFubgBzZWNyZXQ=\r\nAUTH X\r\nSTARTTLS now\r\n",
            vec!["250", "504", "504", "501"],
        ),
        ("EHLO x\r\nXCLIENT NAME=a\r\nXCLIENT X=a\r\n", vec!["250", "220", "501"]),
        (
            "EHLO x\r\nMAIL FROM:<a@b> BODY=BINARYMIME\r\nRCPT TO:<a@b>\r\nDATA\r\n",
            vec!["250", "250", "250", "503"],
        ),
    ] {
        let heard = converse(&fixture, format!("{said}QUIT\r\n").as_bytes(), None);
        let heard = self::codes(&heard).split_off(1);
        assert_eq!(heard[..codes.len()], codes, "{said}");
    }
    let fixture = self::fixture(Mode::Submission, |it| it.bad_commands = 2, false);
    let heard = converse(&fixture, b"EHLO x\r\nMAIL FROM:<a@b>\r\nX\r\nX\r\nX\r\nNOOP\r\n", None);
    assert_eq!(answers(&heard), ["530", "500", "500", "421"]);
}

/// Replies of which the RFCs name both codes.
#[test]
fn replies_have_the_codes_of_the_rfcs() {
    let mut settings = Settings::new("h", Mode::Smtp, &["PLAIN", "CRAM-MD5"]);
    settings.allow_cleartext = true;
    let fixture = fixture(Mode::Smtp, |it| *it = settings, false);
    let long = format!("NOOP {}", "x".repeat(20_000));
    let long_response = format!("AUTH CRAM-MD5\r\n{}", "A".repeat(20_000));
    for (said, wanted) in [
        // RFC 4954 section 4.
        ("AUTH CRAM-MD5 AAAA", "501 5.7.0 "),
        ("AUTH PLAIN !", "501 5.5.2 "),
        ("AUTH PLAIN AAAA", "535 5.7.8 "),
        ("AUTH CRAM-MD5\r\n*", "501 5.7.0 "),
        ("AUTH CRAM-MD5\r\n!", "501 5.5.2 "),
        ("AUTH NTLM", "504 5.5.4 "),
        (&long_response, "500 5.5.6 "),
        (&long, "500 5.5.2 "),
        // RFC 1870 section 6: twenty digits, of any value.
        ("MAIL FROM:<a@b> SIZE=99999999999999999999", "552 5.3.4 "),
        ("MAIL FROM:<a@b> SIZE=999999999999999999999", "501 5.5.4 "),
        // RFC 5321 sections 3.5.3, 4.1.1 and 4.2.4, RFC 6531 section 3.7.4.2.
        ("VRFY bob", "252 2.0.0 "),
        ("VRFY bob SMTPUTF8", "252 2.0.0 "),
        ("EXPN list", "502 5.5.1 "),
        ("DATA x", "501 5.5.4 "),
        ("RSET x", "501 5.5.4 "),
        ("SEND FROM:<a@b>", "500 5.5.1 "),
        ("TURN", "500 5.5.1 "),
        // RFC 3461 section 4.
        ("MAIL FROM:<a@b>\r\nRCPT TO:<a@b> NOTIFY=NEVER,SUCCESS", "501 5.5.4 "),
        ("MAIL FROM:<a@b> RET=SOME", "501 5.5.4 "),
        // RFC 4954 section 5.
        ("MAIL FROM:<a@b> AUTH=e+3Dmc2@example.com", "250 2.1.0 "),
        // RFC 8689 section 4.2.1: only under TLS.
        ("MAIL FROM:<a@b> REQUIRETLS", "555 5.5.4 "),
    ] {
        let said = format!("EHLO me\r\n{said}\r\n");
        let heard = converse(&fixture, format!("{said}QUIT\r\n").as_bytes(), None);
        let last = heard.lines().rev().nth(1).unwrap_or_default();
        assert!(last.starts_with(wanted), "{said:.60}: {last}");
    }
    // Before a client has said what it can read, it reads ASCII.
    let heard = converse(&fixture, "EHLO m\u{e4}\r\nQUIT\r\n".as_bytes(), None);
    assert!(heard.is_ascii() && heard.contains("\r\n250-h\r\n"), "{heard}");
    let fixture = self::fixture(Mode::Smtp, |it| it.offer.auth.clear(), false);
    let heard = converse(&fixture, b"EHLO me\r\nMAIL FROM:<a@b> AUTH=<>\r\nQUIT\r\n", None);
    assert_eq!(answers(&heard), ["555", "221"]);
}

#[test]
fn smuggled_messages_are_refused_and_read_to_their_true_end() {
    for smuggled in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r\n", "\r\n.\r", "\r.\r"] {
        let fixture = fixture(Mode::Smtp, |_| {}, false);
        let said = format!(
            "EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<bob@h>\r\nDATA\r\nx{smuggled}\
             MAIL FROM:<evil@b>\r\nRCPT TO:<bob@h>\r\nDATA\r\nevil\r\n.\r\nQUIT\r\n"
        );
        let heard = converse(&fixture, said.as_bytes(), None);
        assert_eq!(answers(&heard), ["250", "250", "354", "550", "221"], "{smuggled:?}");
        assert!(fixture.kept.messages.borrow().is_empty());
    }
}

#[test]
fn chunks_make_a_message_and_may_hold_anything() {
    let fixture = fixture(Mode::Smtp, |_| {}, false);
    let heard = converse(
        &fixture,
        b"EHLO me\r\nMAIL FROM:<a@b> BODY=BINARYMIME\r\nRCPT TO:<bob@h>\r\n\
          BDAT 4\r\na\nb\0BDAT 3 LAST\r\n.\r\n\
          MAIL FROM:<a@b>\r\nRCPT TO:<nobody@h>\r\n\
          BDAT 6 LAST\r\nQUIT\r\nBDAT 1\r\nxRSET\r\n\
          MAIL FROM:<a@b>\r\nRCPT TO:<bob@h>\r\nBDAT 2\r\nxxRSET\r\n\
          MAIL FROM:<a@b>\r\nRCPT TO:<bob@h>\r\nBDAT 1 LAST\r\nyQUIT\r\n",
        None,
    );
    assert_eq!(
        answers(&heard),
        [
            "250", "250", "250", "250", "250", "550", "554", "554", "250", "250", "250", "250",
            "250", "250", "250", "250", "221"
        ]
    );
    let kept = fixture.kept.messages.borrow();
    assert_eq!(kept[0].1, b"a\nb\0.\r\n");
    assert_eq!(kept[1].1, b"y");
    assert_eq!(kept.len(), 2);
}

#[test]
fn what_is_too_large_is_read_and_refused() {
    let fixture = fixture(Mode::Smtp, |_| {}, false);
    let large = "x".repeat(998) + "\r\n";
    for (text, code) in [(large.clone(), "250"), (large + "y\r\n", "552")] {
        let said = format!(
            "EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<bob@h>\r\nDATA\r\n{text}.\r\n\
             MAIL FROM:<a@b>\r\nRCPT TO:<bob@h>\r\nBDAT {}\r\n{text}BDAT 0 LAST\r\nQUIT\r\n",
            text.len()
        );
        let chunk = if code == "250" { ["250", "250"] } else { ["552", "503"] };
        let wanted = [&["250", "250", "354", code, "250", "250"][..], &chunk, &["221"]].concat();
        assert_eq!(answers(&converse(&fixture, said.as_bytes(), None)), wanted);
    }
    let line = format!("EHLO me\r\nNOOP {}\r\nNOOP\r\nQUIT\r\n", "x".repeat(20_000));
    assert_eq!(answers(&converse(&fixture, line.as_bytes(), None)), ["500", "250", "221"]);
}

#[test]
fn lmtp_and_prdr_answer_for_each_recipient() {
    let fixture = fixture(Mode::Lmtp, |_| {}, true);
    let heard = converse(
        &fixture,
        b"EHLO me\r\nLHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<full>\r\nRCPT TO:<bob>\r\n\
          RCPT TO:<nobody>\r\nDATA\r\nx\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<nobody>\r\nDATA\r\n\
          QUIT\r\n",
        None,
    );
    assert_eq!(
        codes(&heard).split_off(1),
        ["500", "250", "250", "250", "250", "550", "354", "452", "250", "250", "550", "503", "221"]
    );
    // RFC 2033 section 4.3: so it is with the last chunk, whatever became of those before; where
    // no recipient was accepted, there is no reply at all.
    let large = "x".repeat(1001);
    let chunks = format!(
        "LHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<bob>\r\nRCPT TO:<ann>\r\nBDAT 1001\r\n{large}\
         BDAT 1 LAST\r\nxRSET\r\nMAIL FROM:<a@b>\r\nRCPT TO:<nobody>\r\nBDAT 1 LAST\r\nx\
         RSET\r\nMAIL FROM:<a@b>\r\nRCPT TO:<bob>\r\nRCPT TO:<full>\r\nBDAT 1 LAST\r\nxQUIT\r\n"
    );
    assert_eq!(
        answers(&converse(&fixture, chunks.as_bytes(), None)),
        [
            "250", "250", "250", "552", "503", "503", "250", "250", "550", "250", "250", "250",
            "250", "250", "452", "221"
        ]
    );
    let fixture = self::fixture(Mode::Smtp, |it| it.offer.prdr = true, true);
    let heard = converse(
        &fixture,
        b"EHLO me\r\nMAIL FROM:<a@b> PRDR\r\nRCPT TO:<full@h>\r\nRCPT TO:<bob@h>\r\nDATA\r\nx\r\n\
          .\r\nQUIT\r\n",
        None,
    );
    assert_eq!(answers(&heard), ["250", "250", "250", "354", "353", "452", "250", "250", "221"]);
}

#[test]
fn a_silent_client_is_told_and_left() {
    let fixture = fixture(Mode::Smtp, |it| it.idle = Duration::from_millis(30), false);
    let heard = converse(&fixture, b"EHLO me\r\nNOO", None);
    assert_eq!(answers(&heard), ["421"]);
}

/// Refuses RCPT in the session's place, and closes in the middle of the reply to QUIT.
struct Disturbing;

#[async_trait(?Send)]
impl Hook for Disturbing {
    async fn instead(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        match command {
            b"." => Some(b"451 4.0.0 not now\r\n".to_vec()),
            _ if command.starts_with(b"RCPT TO:<c") => Some(b"452 4.2.2 full\r\n".to_vec()),
            _ if command.starts_with(b"BDAT") => Some(b"450 no chunk\r\n".to_vec()),
            _ => None,
        }
    }

    async fn before_write(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Verdict {
        if command != b"QUIT" {
            return Verdict::Send;
        }
        answer.truncate(4);
        Verdict::Close
    }
}

#[test]
fn a_hook_answers_and_disturbs() {
    let fixture = fixture(Mode::Smtp, |_| {}, false);
    let heard = converse(
        &fixture,
        b"EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@h>\r\nRCPT TO:<bob@h>\r\nBDAT 6\r\nNOOP\r\n\
          BDAT 1 LAST\r\nxRSET\r\nMAIL FROM:<a@b>\r\nRCPT TO:<bob@h>\r\nDATA\r\nx\r\n.\r\nMAIL FROM:<a@b>\r\nQUIT\r\n",
        Some(Box::new(Disturbing)),
    );
    // Every BDAT is disturbed here; the data of both are passed over.
    let wanted =
        ["250", "452", "250", "450", "450", "250", "250", "250", "354", "451", "250", "221"];
    assert_eq!(answers(&heard), wanted);
    assert!(heard.ends_with("221 "));
    assert!(fixture.kept.messages.borrow().is_empty());
}

/// Our client and our server together, over TLS, with every mechanism that they can have.
#[test]
fn login_over_starttls_and_a_large_message() {
    let (acceptor, _) = certificate();
    let connector = Connector::new("h", &TlsSettings::insecure()).expect("connector");
    let mechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "LOGIN", "CRAM-MD5"];
    for forced in mechanisms.iter().map(|name| Mechanism::from_name(name)).chain([None]) {
        let mut fixture = fixture(
            Mode::Submission,
            |it| {
                it.offer.auth = mechanisms.iter().map(|name| (*name).to_owned()).collect();
                it.offer.size = None;
                it.message_octets = 10_000_000;
                it.require_tls = true;
            },
            false,
        );
        fixture.service.acceptor = Some(acceptor.clone());
        for (password, is_right) in [("secret", true), ("wrong", false)] {
            let (near, far) = Wire::duplex(1 << 16);
            let client = async {
                let credential = Credential {
                    user: "ann".into(),
                    authorize_as: None,
                    secret: CredentialSecret::Password(Secret::new(password)),
                };
                let login = client::Login {
                    credential: &credential,
                    mechanism: forced,
                    allow_cleartext: false,
                    host: "h",
                    port: 587,
                };
                let options = client::Options {
                    name: "me".into(),
                    starttls: StartTls::Required(&connector),
                    login: Some(login),
                    ..client::Options::default()
                };
                let mut client = match Client::open(far, &options).await {
                    Ok(client) if is_right => client,
                    Err(error) if !is_right => {
                        assert!(crate::store::PeerError::is_auth(&error), "{error}");
                        return;
                    }
                    Ok(_) => panic!("logged in with a wrong password"),
                    Err(error) => panic!("{forced:?}: {error}"),
                };
                assert!(client.wire().is_encrypted());
                let envelope = crate::store::Envelope {
                    sender: "ann@h".into(),
                    recipients: vec!["bob@h".into(), "nobody@h".into()],
                };
                for line in [3, 300_000] {
                    let mut body = Message::from_octets(b"0123456789abcde\n".repeat(line));
                    let outcome = client
                        .submit(Submission::plain(&envelope).expect("addresses"), &mut body)
                        .await
                        .expect("is sent");
                    assert_eq!(outcome.recipients[0].queue_id().as_deref(), Some("1"));
                    assert_eq!(outcome.recipients[1].fate, client::Fate::Permanent);
                }
                client.quit().await.expect("quits");
            };
            let server = serve(near, &fixture.service, Peer::default(), None);
            let (server, ()) = run(async { tokio::join!(server, client) });
            server.expect("ends well");
        }
        let kept = fixture.kept.messages.borrow();
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[1].1, b"0123456789abcde\r\n".repeat(300_000));
        assert_eq!(kept[0].0.peer.user.as_deref(), Some("ann"));
        assert!(kept[0].0.received("h", "1", "d").contains("with ESMTPSA id 1"));
    }
}

#[test]
fn plaintext_behind_starttls_ends_the_session() {
    let (acceptor, _) = certificate();
    let mut fixture = fixture(Mode::Smtp, |_| {}, false);
    fixture.service.acceptor = Some(acceptor);
    let (near, mut far) = Wire::duplex(1 << 16);
    run(async {
        let client = async {
            far.queue(b"EHLO me\r\nSTARTTLS\r\nMAIL FROM:<evil@b>\r\n");
            while far.fill().await.is_ok() {}
        };
        let server = serve(near, &fixture.service, Peer::default(), None);
        let (ended, ()) = tokio::join!(server, client);
        assert!(matches!(ended, Err(Error::PlaintextBehindTls { .. })), "{ended:?}");
    });
}

/// Python's smtplib is a peer that was not written here.
#[test]
fn smtplib_logs_in_and_sends() {
    let script = r#"
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=20)
s.ehlo()
assert s.has_extn("SMTPUTF8") and s.has_extn("PIPELINING"), s.esmtp_features
s.login("ann", "secret")
refused = s.sendmail("ann@h", ["bob@h", "nobody@h"], "Subject: x\n\n.dot\nend\n")
assert list(refused) == ["nobody@h"] and refused["nobody@h"][0] == 550, refused
s.sendmail("ann@h", ["ä@h"], "Subject: ü\r\n\r\nx\r\n".encode(), mail_options=["SMTPUTF8", "BODY=8BITMIME"])
assert s.verify("bob")[0] == 252
s.quit()
"#;
    let fixture = fixture(Mode::Submission, |it| it.allow_cleartext = true, false);
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
        let (stream, address) = listener.accept().await.expect("accepts");
        let peer = Peer { address: Some(address), ..Peer::default() };
        serve(Wire::new(Box::new(stream)), &fixture.service, peer, None).await.expect("serves");
        assert!(child.wait().await.expect("ends").success());
        true
    });
    if !ended {
        println!("skipped: python3 is not installed");
        return;
    }
    let kept = fixture.kept.messages.borrow();
    assert_eq!(kept[0].1, b"Subject: x\r\n\r\n.dot\r\nend\r\n");
    assert!(kept[1].0.parameters.smtputf8);
    assert!(kept[0].0.received("h", "1", "d").contains("([127.0.0.1])"));
}

/// The text of each reply behind the one to EHLO, on one line.
fn texts(heard: &str) -> Vec<&str> {
    let is_last = |line: &&str| line.as_bytes().get(3) == Some(&b' ');
    heard.lines().filter(is_last).skip(2).collect()
}

#[test]
fn a_chunk_that_is_written_wrongly_brings_no_commands_in() {
    let fixture = fixture(Mode::Smtp, |_| {}, false);
    let said = b"EHLO me\r\nBDAT 6 FOO\r\nNOOP\r\nBDAT 6LAST\r\nNOOP\r\nRSET\r\nQUIT\r\n";
    assert_eq!(answers(&converse(&fixture, said, None)), ["501", "501", "250", "221"]);
    let said = b"EHLO me\r\nBDAT x\r\nNOOP\r\nQUIT\r\n";
    assert_eq!(answers(&converse(&fixture, said, None)), ["501"]);
}

#[test]
fn answers_to_hello_have_no_enhanced_code() {
    let fixture = fixture(Mode::Smtp, |_| {}, false);
    let heard = converse(&fixture, b"EHLO\r\nHELO\r\nLHLO x\r\nQUIT\r\n", None);
    let lines: Vec<&str> = heard.lines().collect();
    assert!(lines[1].starts_with("501 syntax") && lines[2].starts_with("501 syntax"), "{heard}");
    assert!(lines[3].starts_with("500 this"), "{heard}");
}

#[test]
fn no_line_of_a_reply_is_too_long() {
    let fixture = fixture(Mode::Smtp, |_| {}, false);
    let long = "b".repeat(9000);
    let said = format!("EHLO {long}\r\n{long}\r\nMAIL FROM:<a@{long}>\r\nQUIT\r\n");
    let heard = converse(&fixture, said.as_bytes(), None);
    assert!(heard.lines().all(|line| line.len() <= 510), "{heard}");
}

#[test]
fn priorities_and_addresses_are_those_of_who_may_have_them() {
    let fixture = fixture(Mode::Smtp, |it| it.offer.eight_bit_mime = false, false);
    let said = b"EHLO me\r\nMAIL FROM:<a@b> MT-PRIORITY=9\r\nRSET\r\n\
        MAIL FROM:<a@b> MT-PRIORITY=-2\r\nRSET\r\nMAIL FROM:<a@b> SMTPUTF8\r\nQUIT\r\n";
    let heard = converse(&fixture, said, None);
    let told = texts(&heard);
    assert!(told[0].starts_with("250 2.3.6 0 "), "{heard}");
    assert!(told[2].starts_with("250 2.1.0 "), "{heard}");
    // RFC 6531 section 3.1, item 8: no SMTPUTF8 without 8BITMIME.
    assert!(told[4].starts_with("555 "), "{heard}");
    assert!(!heard.contains("FUTURERELEASE"), "{heard}");
    let fixture = self::fixture(Mode::Submission, |it| it.allow_cleartext = true, false);
    let said =
        b"EHLO me\r\nAUTH PLAIN AGFubgBzZWNyZXQ=\r\nMAIL FROM:<ann>\r\nMAIL FROM:<ann@h>\r\n\
        RCPT TO:<bob>\r\nRCPT TO:<postmaster>\r\nRCPT TO:<bob@h>\r\nQUIT\r\n";
    let heard = converse(&fixture, said, None);
    assert_eq!(answers(&heard), ["235", "554", "250", "554", "250", "250", "221"]);
    assert!(heard.contains("FUTURERELEASE"), "{heard}");
}

#[test]
fn received_names_nobody_by_what_is_no_name() {
    let envelope = |name: &str, is_old| Envelope {
        peer: Peer {
            address: Some("192.0.2.1:25".parse().expect("address")),
            name: name.to_owned(),
            is_old,
            tls: Some("TLS 1.3".to_owned()),
            ..Peer::default()
        },
        is_lmtp: false,
        from: ReversePath::Null,
        parameters: MailParameters::default(),
        recipients: Vec::new(),
    };
    let received = |name, is_old| envelope(name, is_old).received("h", "1", "now");
    assert!(received("me.test", false).starts_with("Received: from me.test ([192.0.2.1])\r\n"));
    assert!(received("[192.0.2.7]", false).starts_with("Received: from [192.0.2.7] ([192"));
    for name in [";);(x", "()", "[1.2.3]", "b\u{fc}cher.test", ""] {
        let line = received(name, false);
        assert!(line.starts_with("Received: from [192.0.2.1] ([192.0.2.1])\r\n"), "{line}");
    }
    assert!(received("me.test", false).contains(" with ESMTPS id"));
    assert!(received("me.test", true).contains(" with SMTP id"));
}

#[test]
fn a_limit_for_lines_leaves_room_to_log_in() {
    let change = |it: &mut Settings| {
        it.allow_cleartext = true;
        it.line_octets = 64;
    };
    let fixture = fixture(Mode::Submission, change, false);
    let long = "x".repeat(12_000);
    let said = format!("EHLO me\r\nNOOP {long}\r\nAUTH PLAIN {long}\r\nQUIT\r\n");
    let heard = converse(&fixture, said.as_bytes(), None);
    assert!(texts(&heard)[0].contains("too long"), "{heard}");
    assert!(!texts(&heard)[1].contains("too long"), "{heard}");
    let said = format!("EHLO me\r\nAUTH PLAIN\r\n{long}\r\nQUIT\r\n");
    let heard = converse(&fixture, said.as_bytes(), None);
    assert!(!heard.contains("too long"), "{heard}");
}

#[test]
fn no_enhanced_code_comes_where_none_is_offered() {
    let fixture = fixture(Mode::Smtp, |it| it.offer.enhanced_status_codes = false, false);
    let said = b"EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<nobody>\r\nRCPT TO:<bob@h>\r\nDATA\r\n\
        x\r\n.\r\nQUIT\r\n";
    let heard = converse(&fixture, said, None);
    let told = texts(&heard);
    assert_eq!(told[1], "550 no such user", "{heard}");
    assert!(told[4].starts_with("250 bob@h: queued"), "{heard}");
}
