//! What became of each recipient, when the server or the connection goes, and by LMTP and PRDR.

use super::*;

#[test]
fn a_connection_lost_behind_the_dot_is_unknown_and_the_next_is_not() {
    let script = format!(
        "{HELLO}C: MAIL FROM:<s@x> SIZE=2
        C: RCPT TO:<a@y>
        C: RCPT TO:<b@y>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 550 no
        S: 354 go
        C: hi
        C: .
        close"
    );
    run(with_server(&script, async |wire| {
        let mut client = Client::open(wire, &options()).await.unwrap();
        for to in [&["a@y", "b@y"][..], &["c@y"]] {
            client.push(submission(to), Box::new(Memory::new("hi"))).await.unwrap();
        }
        let outcome = client.outcome().await.unwrap();
        assert_eq!(
            fates(&outcome),
            [(Fate::Unknown, Stage::Body, None), (Fate::Permanent, Stage::Rcpt, Some(550))]
        );
        assert!(matches!(outcome.error, Some(Error::Network { stage: Stage::Body, .. })));
        assert!(!client.is_open() && !client.has_room());
        let outcome = client.outcome().await.unwrap();
        assert_eq!(fates(&outcome), [(Fate::Temporary, Stage::Mail, None)]);
        assert!(matches!(outcome.error, Some(Error::Ended)));
    }));
}

#[test]
fn a_message_begun_late_is_unknown_too_when_its_answer_is_lost() {
    let script = format!(
        "{CHUNKING}C: MAIL FROM:<s@x>
        C: RCPT TO:<a@y>
        S: 250 ok
        S: 550 no
        C: RSET
        C: MAIL FROM:<s@x>
        C: RCPT TO:<b@y>
        C: BDAT 4 LAST
        C: hi
        S: 250 reset
        S: 250 ok
        S: 250 ok
        close"
    );
    run(with_server(&script, async |wire| {
        let mut client = Client::open(wire, &options()).await.unwrap();
        // Too large to leave at once: what is behind it waits, and is begun after its refusal.
        for (to, text) in [("a@y", "x".repeat(100_000)), ("b@y", "hi".to_owned())] {
            client.push(submission(&[to]), Box::new(Memory::new(text))).await.unwrap();
        }
        let outcome = client.outcome().await.unwrap();
        assert_eq!(fates(&outcome), [(Fate::Permanent, Stage::Rcpt, Some(550))]);
        let outcome = client.outcome().await.unwrap();
        assert_eq!(fates(&outcome), [(Fate::Unknown, Stage::Body, None)]);
    }));
}

#[test]
fn a_server_that_goes_with_421_answers_for_all() {
    let script = format!(
        "{HELLO}C: MAIL FROM:<s@x> SIZE=2
        C: RCPT TO:<a@y>
        C: RCPT TO:<b@y>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 421 4.3.2 shutting down
        close"
    );
    run(with_server(&script, async |wire| {
        let (outcome, client) = send(wire, options(), submission(&["a@y", "b@y"]), "hi").await;
        assert_eq!(fates(&outcome), [(Fate::Temporary, Stage::Rcpt, Some(421)); 2]);
        assert!(!client.is_open());
    }));
}

/// A server that refuses and closes while our octets lie unread resets the connection behind its
/// answer: which of the two is noticed first depends on the moment, and the answer counts.
#[test]
fn a_refusal_in_the_midst_is_heard_through_the_reset_behind_it() {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let server = std::thread::spawn(move || {
        for taken in 0..60 {
            let (stream, _) = listener.accept().expect("a client");
            let mut input = BufReader::new(stream.try_clone().expect("the same"));
            let answer = |text: &str| (&stream).write_all(text.as_bytes()).expect("is taken");
            let mut line = String::new();
            answer("220 h ESMTP\r\n");
            for said in ["250-h\r\n250 PIPELINING\r\n", "", "", "250 ok\r\n250 ok\r\n354 go\r\n"] {
                input.read_line(&mut line).expect("a line");
                answer(said);
            }
            input.read_exact(&mut vec![0; 1000 * taken]).expect("a part of the message");
            answer("550 5.7.1 none of this\r\n");
        }
    });
    run(async {
        for _ in 0..60 {
            let stream = tokio::net::TcpStream::connect(address).await.expect("connects");
            let mut client =
                Client::open(Wire::new(Box::new(stream)), &options()).await.expect("opens");
            let large = Memory::new("0123456789abcdef\n".repeat(100_000));
            let outcome = client.submit(submission(&["a@y"]), &mut { large }).await.expect("goes");
            assert_eq!(fates(&outcome), [(Fate::Permanent, Stage::Body, Some(550))]);
        }
    });
    server.join().expect("the server is content");
}

#[test]
fn all_or_none_asks_before_it_gives() {
    let script = format!(
        "{HELLO}C: MAIL FROM:<s@x> SIZE=2
        C: RCPT TO:<a@y>
        C: RCPT TO:<b@y>
        S: 250 ok
        S: 250 ok
        S: 550 no
        C: RSET
        S: 250 reset"
    );
    run(with_server(&script, async |wire| {
        let to = Submission { all_or_none: true, ..submission(&["a@y", "b@y"]) };
        let (outcome, mut client) = send(wire, options(), to, "hi").await;
        assert_eq!(fates(&outcome), [(Fate::Permanent, Stage::Rcpt, Some(550)); 2]);
        client.reset().await.unwrap();
    }));
}

#[test]
fn lmtp_answers_for_each_accepted_recipient() {
    let script = "S: 220 h LMTP
        C: LHLO me
        S: 250-h
        S: 250 PIPELINING
        C: MAIL FROM:<s@x>
        C: RCPT TO:<a>
        C: RCPT TO:<b@y>
        C: RCPT TO:<c@y>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 550 5.1.1 no
        S: 250 ok
        S: 354 go
        C: hi
        C: .
        S: 250 2.1.5 a
        S: 452 4.2.2 c is full";
    run(with_server(script, async |wire| {
        let options = Options { is_lmtp: true, ..options() };
        let (outcome, _) = send(wire, options, submission(&["a", "b@y", "c@y"]), "hi").await;
        assert_eq!(
            fates(&outcome),
            [
                (Fate::Delivered, Stage::Body, Some(250)),
                (Fate::Permanent, Stage::Rcpt, Some(550)),
                (Fate::Temporary, Stage::Body, Some(452))
            ]
        );
    }));
}

/// RFC 2033 section 4.3: a BDAT LAST that follows no accepted RCPT has no reply at all, though
/// some servers give one. Nobody has to know which if it is never sent.
#[test]
fn lmtp_has_no_chunk_for_nobody() {
    let script = "S: 220 h LMTP
        C: LHLO me
        S: 250-h
        S: 250-PIPELINING
        S: 250 CHUNKING
        C: MAIL FROM:<s@x>
        C: RCPT TO:<a@y>
        C: RCPT TO:<b@y>
        S: 250 ok
        S: 550 5.1.1 no
        S: 550 5.1.1 no
        C: RSET
        C: MAIL FROM:<s@x>
        C: RCPT TO:<a@y>
        C: RCPT TO:<b@y>
        S: 250 ok
        S: 250 ok
        S: 250 ok
        S: 250 ok
        C: BDAT 4 LAST
        C: hi
        S: 452 4.2.2 a is full
        S: 250 2.0.0 b has it";
    run(with_server(script, async |wire| {
        let options = Options { is_lmtp: true, ..options() };
        let mut client = Client::open(wire, &options).await.expect("opens");
        for _ in 0..2 {
            let body = Box::new(Memory::new("hi\r\n"));
            client.push(submission(&["a@y", "b@y"]), body).await.expect("is pushed");
        }
        let refused = client.outcome().await.expect("the first");
        assert_eq!(fates(&refused), [(Fate::Permanent, Stage::Rcpt, Some(550)); 2]);
        let taken = client.outcome().await.expect("the second");
        assert_eq!(
            fates(&taken),
            [(Fate::Temporary, Stage::Body, Some(452)), (Fate::Delivered, Stage::Body, Some(250))]
        );
    }));
}

#[test]
fn prdr_answers_for_each_and_for_all() {
    let script = "S: 220 h
        C: EHLO me
        S: 250-h
        S: 250-PIPELINING
        S: 250 PRDR
        C: MAIL FROM:<s@x> PRDR
        C: RCPT TO:<a@y>
        C: RCPT TO:<b@y>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: hi
        C: .
        S: 353 content analysis has started
        S: 250 a takes it
        S: 550 b does not
        S: 250 done";
    run(with_server(script, async |wire| {
        let mut to = submission(&["a@y", "b@y"]);
        to.parameters.prdr = true;
        let (outcome, _) = send(wire, options(), to, "hi").await;
        assert_eq!(
            fates(&outcome),
            [(Fate::Delivered, Stage::Body, Some(250)), (Fate::Permanent, Stage::Body, Some(550))]
        );
    }));
}

#[test]
fn a_message_that_turns_out_short_is_never_ended() {
    let script = format!(
        "{HELLO}C: MAIL FROM:<s@x> SIZE=9
        C: RCPT TO:<a@y>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go"
    );
    let near = run(with_server(&script, async |wire| {
        let mut client = Client::open(wire, &options()).await.unwrap();
        let mut body = Memory { announced: 9, ..Memory::new("hi\r\n") };
        let outcome = client.submit(submission(&["a@y"]), &mut body).await.unwrap();
        assert_eq!(fates(&outcome), [(Fate::Temporary, Stage::Body, None)]);
        assert!(matches!(outcome.error, Some(Error::Body(_))));
        client.is_open()
    }));
    assert!(!near);
}
