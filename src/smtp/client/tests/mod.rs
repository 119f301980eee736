//! The client against scripted servers, word for word: transactions here, what leads to them in
//! [`opening`], what became of them in [`fates`]; and against smtp-sink where it is there.

mod fates;
mod opening;
mod sink;

use super::*;
use crate::base::dot::LineEnds;
use crate::base::secret::Secret;
use crate::net::script::{run, with_server};
use crate::sasl::{Credential, CredentialSecret, Mechanism};
use crate::smtp::syntax::parameter::{BodyType, MailParameters};
use crate::store::{Body, Envelope};

/// A message in memory, given in small pieces.
struct Memory {
    octets: Vec<u8>,
    at: usize,
    announced: u64,
}

impl Memory {
    fn new(octets: impl Into<Vec<u8>>) -> Self {
        let octets = octets.into();
        let announced = octets.len() as u64;
        Self { octets, at: 0, announced }
    }
}

#[async_trait::async_trait(?Send)]
impl Body for Memory {
    async fn read(&mut self, buffer: &mut [u8]) -> StoreResult<usize> {
        let count = buffer.len().min(self.octets.len() - self.at).min(40_000);
        buffer[..count].copy_from_slice(&self.octets[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }

    fn len(&self) -> u64 {
        self.announced
    }

    fn rewind(&mut self) -> StoreResult<()> {
        self.at = 0;
        Ok(())
    }
}

fn submission(recipients: &[&str]) -> Submission {
    Submission::plain(&Envelope {
        sender: "s@x".into(),
        recipients: recipients.iter().map(|it| (*it).to_owned()).collect(),
    })
    .expect("addresses")
}

fn options() -> Options<'static> {
    Options { name: "me".into(), ..Options::default() }
}

/// Opens, sends one message, and drops the connection.
async fn send(wire: Wire, options: Options<'_>, to: Submission, text: &str) -> (Outcome, Client) {
    let mut client = Client::open(wire, &options).await.expect("opens");
    let outcome = client.submit(to, &mut Memory::new(text)).await.expect("is submitted");
    (outcome, client)
}

fn fates(outcome: &Outcome) -> Vec<(Fate, Stage, Option<u16>)> {
    let each = |it: &RecipientOutcome| (it.fate, it.stage, it.reply.as_ref().map(Reply::code));
    outcome.recipients.iter().map(each).collect()
}

const HELLO: &str = "S: 220 h ESMTP
    C: EHLO me
    S: 250-h
    S: 250-PIPELINING
    S: 250 SIZE 1000000
    ";

/// RFC 5321 section 4.5.3.2: 5 minutes for MAIL and RCPT, 2 for DATA, 10 for the final dot; a
/// `--timeout` is a cap.
#[test]
fn each_state_has_its_own_patience() {
    let dialogue = [
        ("S: 220 h\nC: EHLO me\nS: 250 h\n", ""),
        ("C: MAIL FROM:<s@x>\n", "S: 250 ok\n"),
        ("C: RCPT TO:<a@x>\n", "S: 250 ok\n"),
        ("C: DATA\n", "S: 354 go\n"),
        ("C: A: b\nC: \nC: x\nC: .\n", "S: 250 ok\n"),
    ];
    for (last, seconds) in [(1, 300), (2, 300), (3, 120), (4, 600)] {
        let mut script = String::new();
        for (index, (said, answered)) in dialogue.iter().enumerate().take(last + 1) {
            script.push_str(said);
            if index < last {
                script.push_str(answered);
            }
        }
        script.push_str("close");
        for cap in [None, Some(Duration::from_secs(7))] {
            let options = Options { timeout: cap, ..options() };
            let (outcome, client) = run(with_server(&script, async |wire| {
                send(wire, options, submission(&["a@x"]), "A: b\r\n\r\nx\r\n").await
            }));
            assert!(outcome.error.is_some(), "{script}");
            let wanted = cap.unwrap_or(Duration::from_secs(seconds));
            assert_eq!(client.wire().timeout(), wanted, "{script}");
        }
    }
}

#[test]
fn an_old_server_is_spoken_to_step_by_step() {
    let script = "S: 220-old
        S: 220 server
        C: EHLO me
        S: 502 what
        C: HELO me
        S: 250
        C: MAIL FROM:<s@x>
        S: 250 ok
        C: RCPT TO:<a@y>
        S: 250 ok
        C: RCPT TO:<b@y>
        S: 550 5.1.1 no
        C: DATA
        S: 354 go
        C: hello
        C: ..
        C: .
        S: 250 2.0.0 Ok: queued as ABC
        C: QUIT
        S: 221 bye";
    run(with_server(script, async |wire| {
        let (outcome, client) =
            send(wire, options(), submission(&["a@y", "b@y"]), "hello\n.\n").await;
        assert_eq!(
            fates(&outcome),
            [(Fate::Delivered, Stage::Body, Some(250)), (Fate::Permanent, Stage::Rcpt, Some(550))]
        );
        assert_eq!(outcome.recipients[0].queue_id().as_deref(), Some("ABC"));
        client.quit().await.expect("quits");
    }));
}

#[test]
fn pipelining_takes_two_round_trips() {
    let script = format!(
        "{HELLO}C: MAIL FROM:<s@x> SIZE=2
        C: RCPT TO:<a@y>
        C: RCPT TO:<b@y>
        C: DATA
        S: 250 ok
        S: 450 4.2.0 later
        S: 250 ok
        S: 354 go
        C: hi
        C: .
        S: 250 done"
    );
    run(with_server(&script, async |wire| {
        let (outcome, _) = send(wire, options(), submission(&["a@y", "b@y"]), "hi").await;
        assert_eq!(
            fates(&outcome),
            [(Fate::Temporary, Stage::Rcpt, Some(450)), (Fate::Delivered, Stage::Body, Some(250))]
        );
    }));
}

#[test]
fn a_data_granted_for_nobody_gets_a_lone_dot() {
    let script = format!(
        "{HELLO}C: MAIL FROM:<s@x> SIZE=2
        C: RCPT TO:<a@y>
        C: DATA
        S: 250 ok
        S: 550 no
        S: 354 go
        C: .
        S: 554 no valid recipients
        C: NOOP
        S: 250 ok"
    );
    run(with_server(&script, async |wire| {
        let (outcome, mut client) = send(wire, options(), submission(&["a@y"]), "hi").await;
        assert_eq!(fates(&outcome), [(Fate::Permanent, Stage::Rcpt, Some(550))]);
        client.noop().await.expect("alive");
    }));
}

#[test]
fn a_refused_data_is_reset_before_the_next_mail() {
    let script = format!(
        "{HELLO}C: MAIL FROM:<s@x> SIZE=2
        C: RCPT TO:<a@y>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 451 4.3.0 no disk
        C: RSET
        C: MAIL FROM:<s@x> SIZE=2
        C: RCPT TO:<b@y>
        C: DATA
        S: 250 reset
        S: 550 not you
        S: 503 no mail
        S: 503 no mail"
    );
    run(with_server(&script, async |wire| {
        let (outcome, mut client) = send(wire, options(), submission(&["a@y"]), "hi").await;
        assert_eq!(fates(&outcome), [(Fate::Temporary, Stage::Data, Some(451))]);
        let outcome = client.submit(submission(&["b@y"]), &mut Memory::new("hi")).await.unwrap();
        assert_eq!(fates(&outcome), [(Fate::Permanent, Stage::Mail, Some(550))]);
    }));
}

#[test]
fn the_next_mail_leaves_with_the_end_of_the_data() {
    let script = format!(
        "{HELLO}C: MAIL FROM:<s@x> SIZE=2
        C: RCPT TO:<a@y>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: hi
        C: .
        C: MAIL FROM:<s@x> SIZE=2
        C: RCPT TO:<b@y>
        C: DATA
        S: 250 first
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: ho
        C: .
        S: 250 second"
    );
    run(with_server(&script, async |wire| {
        let mut client = Client::open(wire, &options()).await.unwrap();
        for (to, text) in [("a@y", "hi"), ("b@y", "ho")] {
            assert!(client.has_room());
            client.push(submission(&[to]), Box::new(Memory::new(text))).await.unwrap();
        }
        assert!(!client.has_room());
        for text in ["first", "second"] {
            let outcome = client.outcome().await.unwrap();
            assert!(outcome.is_delivered());
            assert_eq!(outcome.recipients[0].reply, Some(Reply::new(250, text)));
        }
        assert!(client.outcome().await.is_none());
    }));
}

#[test]
fn quit_leaves_with_the_last_message() {
    for (offer, end) in [
        ("PIPELINING", "C: DATA\nS: 250 ok~250 ok~354 go\nC: hi\nC: ."),
        ("CHUNKING", "C: BDAT 4 LAST\nC: hi"),
    ] {
        let replies = if offer == "CHUNKING" { "250 ok~250 ok~" } else { "" };
        let script = format!(
            "S: 220 h
            C: EHLO me
            S: 250-h~250-PIPELINING~250 {offer}
            C: MAIL FROM:<s@x>
            C: RCPT TO:<a@y>
            {end}
            C: QUIT
            S: {replies}250 done~221 bye"
        );
        run(with_server(&script, async |wire| {
            let mut client = Client::open(wire, &options()).await.expect("opens");
            client.quit_behind();
            let outcome = client.submit(submission(&["a@y"]), &mut Memory::new("hi")).await;
            assert!(outcome.expect("is submitted").is_delivered());
            assert!(!client.has_room());
            client.quit().await.expect("quits");
        }));
    }
}

const CHUNKING: &str = "S: 220 h ESMTP
    C: EHLO me
    S: 250-h
    S: 250-PIPELINING
    S: 250 CHUNKING
    ";

#[test]
fn small_messages_leave_whole_by_bdat() {
    let script = format!(
        "{CHUNKING}C: MAIL FROM:<s@x>
        C: RCPT TO:<a@y>
        C: BDAT 4 LAST
        C: hi
        C: RSET
        C: MAIL FROM:<s@x>
        C: RCPT TO:<b@y>
        C: BDAT 3 LAST
        C: .
        S: 250 ok
        S: 550 no
        S: 554 no valid recipients
        S: 250 reset
        S: 250 ok
        S: 250 ok
        S: 250 done"
    );
    run(with_server(&script, async |wire| {
        let mut client = Client::open(wire, &options()).await.unwrap();
        for (to, text) in [("a@y", "hi"), ("b@y", ".")] {
            client.push(submission(&[to]), Box::new(Memory::new(text))).await.unwrap();
        }
        let outcome = client.outcome().await.unwrap();
        assert_eq!(fates(&outcome), [(Fate::Permanent, Stage::Rcpt, Some(550))]);
        assert!(client.outcome().await.unwrap().is_delivered());
    }));
}

#[test]
fn a_large_message_waits_for_its_recipients_and_stops_at_a_refusal() {
    let text = "x".repeat(99_998) + "\r\n";
    let large = text.repeat(4);
    let script = format!(
        "{CHUNKING}C: MAIL FROM:<s@x>
        C: RCPT TO:<a@y>
        S: 250 ok
        S: 250 ok
        C: BDAT 280000
        C: {0}
        C: {0}
        ",
        "x".repeat(99_998)
    );
    run(async {
        let (near, mut far) = Wire::duplex(1 << 20);
        let client = async {
            let (outcome, mut client) = send(near, options(), submission(&["a@y"]), &large).await;
            assert_eq!(fates(&outcome), [(Fate::Permanent, Stage::Body, Some(552))]);
            let outcome =
                client.submit(submission(&["b@y"]), &mut Memory::new("hi")).await.unwrap();
            assert!(outcome.is_delivered());
        };
        let server = async {
            // The blocks are of 40,000 octets: seven of them fill the first chunk.
            for line in script.lines().map(str::trim_start) {
                match line.split_once(": ") {
                    Some(("S", text)) => {
                        far.queue(format!("{text}\r\n").as_bytes());
                        far.flush().await.unwrap();
                    }
                    Some(("C", text)) => {
                        let length = far.line(1 << 20).await.unwrap();
                        let start = &far.buffered()[..length];
                        assert!(start == format!("{text}\r\n").as_bytes());
                        far.consume(length);
                    }
                    _ => {}
                }
            }
            far.queue(b"552 too much\r\n");
            far.flush().await.unwrap();
            while memchr::memmem::find(far.buffered(), b"hi\r\n").is_none() {
                let fed = far.fill().await.unwrap();
                let seen = far.buffered();
                if memchr::memmem::find(seen, b"LAST\r\n")
                    .is_some_and(|at| memchr::memmem::find(&seen[..at], b"BDAT 120000 ").is_some())
                {
                    // The whole message was under way before the refusal was read.
                    far.queue(b"503 failed before\r\n");
                    far.flush().await.unwrap();
                    let at = memchr::memmem::find(far.buffered(), b"LAST\r\n").unwrap();
                    far.consume(at + 6);
                }
                assert!(fed > 0);
            }
            let rest = String::from_utf8_lossy(far.buffered()).into_owned();
            let at = rest.find("RSET\r\n").expect("RSET behind a failed BDAT");
            assert_eq!(
                &rest[at..],
                "RSET\r\nMAIL FROM:<s@x>\r\nRCPT TO:<b@y>\r\nBDAT 4 LAST\r\nhi\r\n"
            );
            far.queue(b"250 reset\r\n250 ok\r\n250 ok\r\n250 done\r\n");
            far.flush().await.unwrap();
        };
        tokio::join!(client, server);
    });
}

#[test]
fn what_the_server_lacks_is_said_before_anything_is_sent() {
    run(with_server(HELLO, async |wire| {
        let client = Client::open(wire, &options()).await.unwrap();
        let with = |parameters: MailParameters| Submission { parameters, ..submission(&["a@y"]) };
        let eight = MailParameters { body: Some(BodyType::EightBitMime), ..Default::default() };
        assert!(matches!(client.check(&with(eight), 1), Err(Error::Missing("8BITMIME"))));
        let envid = MailParameters { envid: Some("x".into()), ..Default::default() };
        assert!(matches!(client.check(&with(envid), 1), Err(Error::Missing("DSN"))));
        assert!(matches!(client.check(&submission(&["ä@y"]), 1), Err(Error::Missing("SMTPUTF8"))));
        assert!(matches!(
            client.check(&submission(&["a@y"]), 1_000_001),
            Err(Error::TooLarge { limit: 1_000_000, .. })
        ));
        assert!(client.check(&submission(&["a@y"]), 1_000_000).is_ok());
    }));
}

#[test]
fn bare_line_ends_are_refused_in_verbatim_messages() {
    let script = format!("{CHUNKING}C: NOOP\nS: 250 ok");
    run(with_server(&script, async |wire| {
        let mut client = Client::open(wire, &options()).await.unwrap();
        let to = Submission { line_ends: LineEnds::Verbatim, ..submission(&["a@y"]) };
        let error = client.submit(to, &mut Memory::new("a\nb")).await.unwrap_err();
        assert!(matches!(error, Error::Bare(_)));
        client.noop().await.expect("nothing was sent");
    }));
}
