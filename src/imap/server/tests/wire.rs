//! A server on a wire: literals, pipelining, TLS, compression, IDLE, limits, and a hook.

use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;

use super::super::testing::*;
use super::super::{Server, Settings, serve};
use crate::net::Wire;
use crate::net::deflate::Deflate;
use crate::net::hook::{Hook, Verdict};
use crate::net::tls::{self, Acceptor, Connector, Version};
use crate::sasl::Secrets;
use crate::store::memory::Shared;

/// Runs a client's side against a served connection.
fn with_client<F, T>(account: &Shared, settings: Settings, client: F)
where
    F: FnOnce(Client) -> T,
    T: Future<Output = ()>,
{
    with_server(server_with(account, settings), None, client);
}

fn with_server<F, T>(server: Rc<Server>, hook: Option<Box<dyn Hook>>, client: F)
where
    F: FnOnce(Client) -> T,
    T: Future<Output = ()>,
{
    run(async {
        let (near, far) = Wire::duplex(16 * 1024);
        let mut wire = near;
        wire.set_timeout(Duration::from_secs(20));
        let secrets = |_: Option<&str>| -> Rc<dyn Secrets> { Rc::new(Passwords) };
        let served = serve(far, server, &secrets, hook);
        let both = async { tokio::join!(served, client(Client { wire })) };
        let both = tokio::time::timeout(Duration::from_secs(60), both).await;
        let (served, ()) = both.expect("an end in time");
        served.expect("an ordinary end");
    });
}

fn cleartext() -> Settings {
    Settings { allow_cleartext: true, ..Settings::default() }
}

struct Client {
    wire: Wire,
}

impl Client {
    async fn send(&mut self, octets: &[u8]) {
        self.wire.queue(octets);
        self.wire.flush().await.expect("the server reads");
    }

    async fn line(&mut self) -> String {
        let len = self.wire.line(1 << 20).await.expect("a line");
        let line = String::from_utf8_lossy(&self.wire.buffered()[..len]).into_owned();
        self.wire.consume(len);
        line
    }

    /// Lines up to the tagged one.
    async fn until(&mut self, tag: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            let last = line.starts_with(&format!("{tag} "));
            lines.push(line);
            if last {
                return lines;
            }
        }
    }

    async fn login(&mut self) {
        assert!(self.line().await.starts_with("* OK "));
        self.send(b"l LOGIN ann {6}\r\n").await;
        assert!(self.line().await.starts_with("+ "));
        self.send(b"secret\r\n").await;
        assert!(self.line().await.starts_with("l OK"));
    }

    async fn closed(&mut self) {
        loop {
            match self.wire.fill().await {
                Ok(_) => {}
                Err(error) => return assert!(error.is_closed(), "{error}"),
            }
        }
    }
}

#[test]
fn pipelined_commands_are_answered_in_order() {
    with_client(&account(), cleartext(), |mut client| async move {
        client.login().await;
        client.send(b"1 NOOP\r\n2 SELECT INBOX\r\n3 NONSENSE\r\n4 LOGOUT\r\n").await;
        assert!(client.until("1").await[0].starts_with("1 OK"));
        assert!(client.until("2").await.len() > 5);
        assert!(client.until("3").await[0].starts_with("3 BAD"));
        assert!(client.until("4").await[0].starts_with("* BYE"));
        client.closed().await;
    });
}

#[test]
fn literals_of_all_sizes() {
    with_client(&account(), cleartext(), |mut client| async move {
        client.login().await;
        for (len, plus) in [(10, false), (10, true), (70_000, false), (3_000_000, true)] {
            let body = vec![b'x'; len];
            let plus_sign = if plus { "+" } else { "" };
            client.send(format!("a APPEND INBOX {{{len}{plus_sign}}}\r\n").as_bytes()).await;
            if !plus {
                assert!(client.line().await.starts_with("+ "));
            }
            client.send(&body).await;
            client.send(b"\r\n").await;
            assert!(client.until("a").await[0].starts_with("a OK [APPENDUID 7 "));
        }
        client.send(b"b SELECT INBOX\r\nc FETCH 4 RFC822.SIZE\r\n").await;
        client.until("b").await;
        assert_eq!(client.line().await, "* 4 FETCH (RFC822.SIZE 3000000)\r\n");
        client.until("c").await;
        client.send(b"d UID FETCH 3:4 BODY.PEEK[]\r\n").await;
        let mut octets = 0;
        for _ in 0..2 {
            let head = client.line().await;
            let (_, size) = head.rsplit_once('{').expect("a literal");
            let size: usize = size.trim_end_matches("}\r\n").parse().expect("its size");
            let mut left = size;
            while left > 0 {
                if client.wire.buffered().is_empty() {
                    client.wire.fill().await.expect("more of it");
                }
                let count = client.wire.buffered().len().min(left);
                client.wire.consume(count);
                left -= count;
            }
            octets += size;
            assert_eq!(client.line().await, ")\r\n");
        }
        assert_eq!(octets, 3_070_000);
        client.until("d").await;
        client.send(b"e LOGOUT\r\n").await;
        client.closed().await;
    });
}

#[test]
fn literals_that_are_refused() {
    let settings = Settings { append_limit: 100_000, ..cleartext() };
    with_client(&account(), settings, |mut client| async move {
        assert!(client.line().await.starts_with("* OK "));
        client.send(b"a LOGIN ann {99999}\r\n").await;
        assert!(client.line().await.starts_with("a BAD "));
        client.send(b"l LOGIN ann secret\r\n").await;
        assert!(client.line().await.starts_with("l OK"));
        client.send(b"b APPEND INBOX {100001}\r\n").await;
        assert!(client.line().await.starts_with("b NO [TOOBIG]"));
        client.send(b"c APPEND INBOX {100001+}\r\n").await;
        client.send(&vec![b'x'; 100_001]).await;
        client.send(b"\r\nd NOOP\r\n").await;
        assert!(client.line().await.starts_with("c NO [TOOBIG]"));
        assert!(client.line().await.starts_with("d OK"));
        client.send(b"e LOGOUT\r\n").await;
        client.closed().await;
    });
}

#[test]
fn idle_hears_of_changes_at_once() {
    let account = account();
    let other = account.clone();
    with_client(&account, cleartext(), |mut client| async move {
        client.login().await;
        client.send(b"a SELECT INBOX\r\nb IDLE\r\n").await;
        client.until("a").await;
        assert!(client.line().await.starts_with("+ "));
        fill(&other, "INBOX", &[("x", &[])]);
        assert_eq!(client.line().await, "* 1 EXISTS\r\n");
        assert_eq!(client.line().await, "* 1 RECENT\r\n");
        client.send(b"done\r\nc LOGOUT\r\n").await;
        assert!(client.line().await.starts_with("b OK"));
        client.closed().await;
    });
}

#[test]
fn the_silent_are_sent_away() {
    let settings = Settings { login_timeout: Duration::from_millis(50), ..cleartext() };
    with_client(&account(), settings, |mut client| async move {
        assert!(client.line().await.starts_with("* OK "));
        assert!(client.line().await.starts_with("* BYE "));
        client.closed().await;
    });
}

#[test]
fn lines_without_end_are_not_held() {
    with_client(&account(), cleartext(), |mut client| async move {
        client.login().await;
        client.wire.queue(b"a NOOP ");
        client.wire.queue(&vec![b'x'; 17 * 1024 * 1024]);
        client.send(b"\r\nb NOOP\r\n").await;
        assert!(client.line().await.starts_with("a BAD [LIMIT] "));
        assert!(client.line().await.starts_with("b OK "));
    });
}

#[test]
fn starttls_makes_passwords_welcome() {
    let key = rcgen::KeyPair::generate().expect("a key");
    let names = rcgen::CertificateParams::new(vec!["h".to_owned()]).expect("a name");
    let certificate = names.self_signed(&key).expect("a certificate");
    let chain = vec![certificate.der().to_vec()];
    let acceptor = Acceptor::new(chain, key.serialize_der(), Version::Tls12, &[]);
    let server = Server {
        accounts: Rc::new(Users(account())),
        acceptor: Some(acceptor.expect("rustls takes it")),
        settings: Settings::default(),
    };
    with_server(Rc::new(server), None, |mut client| async move {
        let greeting = client.line().await;
        assert!(greeting.contains(" STARTTLS LOGINDISABLED AUTH="), "{greeting}");
        client.send(b"a LOGIN ann secret\r\n").await;
        assert!(client.line().await.starts_with("a NO [PRIVACYREQUIRED]"));
        // A command behind STARTTLS could be an injected one.
        client.send(b"b STARTTLS\r\nc NOOP\r\n").await;
        assert!(client.line().await.starts_with("b BAD "));
        assert!(client.line().await.starts_with("c OK "));
        client.send(b"d STARTTLS\r\n").await;
        assert!(client.line().await.starts_with("d OK "));
        let connector = Connector::new("h", &tls::Settings::insecure()).expect("a connector");
        client.wire.start_tls(&connector).await.expect("a handshake");
        client.send(b"e CAPABILITY\r\nf STARTTLS\r\ng LOGIN ann secret\r\nh LOGOUT\r\n").await;
        let names = client.line().await;
        assert!(names.contains(" AUTH=SCRAM-SHA-256-PLUS ") && names.contains(" AUTH=PLAIN"));
        assert!(!names.contains("STARTTLS") && !names.contains("LOGINDISABLED"), "{names}");
        assert!(client.line().await.starts_with("e OK "));
        assert!(client.line().await.starts_with("f BAD "));
        assert!(client.line().await.starts_with("g OK "));
        client.closed().await;
    });
}

#[test]
fn compressed_both_ways() {
    let account = account();
    fill(&account, "INBOX", &[("x", &[])]);
    with_client(&account, cleartext(), |mut client| async move {
        client.login().await;
        client.send(b"a COMPRESS DEFLATE\r\nb NOOP\r\n").await;
        assert!(client.line().await.starts_with("a BAD "));
        assert!(client.line().await.starts_with("b OK "));
        client.send(b"c COMPRESS DEFLATE\r\n").await;
        assert!(client.line().await.starts_with("c OK "));
        let layer = client.wire.layer(|below, ahead| Box::new(Deflate::new(below, ahead)));
        layer.await.expect("a layer");
        client.send(b"d SELECT INBOX\r\ne FETCH 1 UID\r\nf COMPRESS DEFLATE\r\n").await;
        assert!(client.until("d").await.len() > 5);
        assert_eq!(client.line().await, "* 1 FETCH (UID 1)\r\n");
        assert!(client.line().await.starts_with("e OK "));
        assert!(client.line().await.starts_with("f NO [COMPRESSIONACTIVE]"));
        client.send(b"g LOGOUT\r\n").await;
        client.until("g").await;
    });
}

/// Answers STATUS itself, and hangs up within the answer to the second NOOP.
#[derive(Default)]
struct Disturb {
    noops: u32,
}

#[async_trait(?Send)]
impl Hook for Disturb {
    async fn instead(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        command.starts_with(b"s STATUS").then(|| b"s NO not today\r\n".to_vec())
    }

    async fn before_write(&mut self, command: &[u8], answer: &mut Vec<u8>) -> Verdict {
        if command.ends_with(b"NOOP") {
            self.noops += 1;
        }
        if self.noops < 2 {
            return Verdict::Send;
        }
        answer.truncate(4);
        Verdict::Close
    }
}

#[test]
fn a_hook_disturbs() {
    let hook: Box<dyn Hook> = Box::new(Disturb::default());
    let server = server_with(&account(), cleartext());
    with_server(server, Some(hook), |mut client| async move {
        client.login().await;
        client.send(b"s STATUS INBOX (MESSAGES)\r\na NOOP\r\nb NOOP\r\n").await;
        assert_eq!(client.line().await, "s NO not today\r\n");
        assert!(client.line().await.starts_with("a OK "));
        client.closed().await;
        assert_eq!(client.wire.buffered(), b"b OK");
    });
}

#[test]
fn lines_have_a_limit_of_their_own() {
    let settings = Settings { line_octets: 64, ..cleartext() };
    with_client(&account(), settings, |mut client| async move {
        client.login().await;
        let long = "x".repeat(100);
        client.send(format!("a NOOP {long}\r\nb NOOP\r\n").as_bytes()).await;
        assert!(client.line().await.starts_with("a BAD [LIMIT] "));
        assert!(client.line().await.starts_with("b OK "));
        // Literals do not count, and what stands between them does.
        client.send(format!("c SUBSCRIBE {{100+}}\r\n{long}\r\n").as_bytes()).await;
        assert!(client.line().await.starts_with("c "));
        let parts = format!("{{1+}}\r\nx {{1+}}\r\ny {}", &long[..50]);
        client.send(format!("d RENAME {parts}\r\ne NOOP\r\n").as_bytes()).await;
        assert!(client.line().await.starts_with("d BAD [LIMIT] "));
        assert!(client.line().await.starts_with("e OK "));
        // In an exchange or an IDLE there is no tag to answer by.
        client.send(b"f IDLE\r\n").await;
        assert!(client.line().await.starts_with("+ "));
        client.send(long.as_bytes()).await;
        assert!(client.line().await.starts_with("* BYE the line is too long"));
        client.closed().await;
    });
}

#[test]
fn authenticate_with_what_cannot_come_first() {
    with_client(&account(), cleartext(), |mut client| async move {
        assert!(client.line().await.starts_with("* OK "));
        client.send(b"a AUTHENTICATE CRAM-MD5 AAAA\r\nb NOOP\r\n").await;
        assert!(client.line().await.starts_with("a BAD "), "RFC 4959 section 3");
        assert!(client.line().await.starts_with("b OK "));
    });
}

#[test]
fn authenticate_in_two_lines() {
    with_client(&account(), cleartext(), |mut client| async move {
        assert!(client.line().await.starts_with("* OK "));
        client.send(b"a AUTHENTICATE PLAIN\r\n").await;
        assert_eq!(client.line().await, "+ \r\n");
        client.send(format!("{}\r\n", crate::sasl::encode(b"\0ann\0secret")).as_bytes()).await;
        assert!(client.line().await.starts_with("a OK "));
        client.send(b"b LOGOUT\r\n").await;
        client.closed().await;
    });
}
