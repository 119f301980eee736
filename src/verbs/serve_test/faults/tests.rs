//! Rules at work, without sockets.

use super::*;

fn faults(rules: &[&str]) -> Rc<Faults> {
    let rules: Vec<Rule> = rules
        .iter()
        .map(|text| text.parse().unwrap_or_else(|error| panic!("{text}:\n{error}")))
        .collect();
    Faults::new(&rules, 7, None, None)
}

/// A connection that has been greeted.
async fn connection(faults: &Rc<Faults>, protocol: Protocol) -> Box<dyn Hook> {
    let mut hook = faults.hook(protocol, None).expect("something to disturb");
    let mut greeting = b"hello\r\n".to_vec();
    hook.before_write(b"", &mut greeting).await;
    hook
}

/// What a client sees of this command, which the server answers with `answer`, and whether
/// the connection goes on.
async fn said(hook: &mut Box<dyn Hook>, command: &str, answer: &str) -> (String, bool) {
    let instead = hook.instead(command.as_bytes()).await;
    let mut octets = instead.unwrap_or_else(|| answer.as_bytes().to_vec());
    let verdict = hook.before_write(command.as_bytes(), &mut octets).await;
    (String::from_utf8_lossy(&octets).into_owned(), verdict == Verdict::Send)
}

fn goes_on(text: &str) -> (String, bool) {
    (text.to_owned(), true)
}

fn ends(text: &str) -> (String, bool) {
    (text.to_owned(), false)
}

#[tokio::test(flavor = "current_thread")]
async fn a_reply_stands_in_for_the_servers() {
    let faults = faults(&["rcpt to:/full/ => 452 4.2.2 full", "rset => 421 4.3.2 bye"]);
    let mut smtp = connection(&faults, Protocol::Smtp).await;
    assert_eq!(said(&mut smtp, "RCPT TO:<bob@x>", "250 ok\r\n").await, goes_on("250 ok\r\n"));
    let full = said(&mut smtp, "RCPT TO:<full@x>", "250 ok\r\n").await;
    assert_eq!(full, goes_on("452 4.2.2 full\r\n"));
    assert_eq!(said(&mut smtp, "RSET", "250 ok\r\n").await, ends("421 4.3.2 bye\r\n"));
    assert!(faults.hook(Protocol::Imap, None).is_none());
}

#[tokio::test(flavor = "current_thread")]
async fn imap_has_its_tags() {
    let faults = faults(&["fetch => NO not now", "done => BAD no", "noop => BYE gone"]);
    let mut imap = connection(&faults, Protocol::Imap).await;
    let fetched = said(&mut imap, "a7 UID FETCH 1 FLAGS", "a7 OK\r\n").await;
    assert_eq!(fetched, goes_on("a7 NO not now\r\n"));
    assert_eq!(said(&mut imap, "a8 IDLE", "+ idling\r\n").await, goes_on("+ idling\r\n"));
    assert_eq!(said(&mut imap, "DONE", "a8 OK\r\n").await, goes_on("a8 BAD no\r\n"));
    assert_eq!(said(&mut imap, "a9 NOOP", "a9 OK\r\n").await, ends("* BYE gone\r\n"));
}

#[tokio::test(flavor = "current_thread")]
async fn matches_are_counted_over_connections() {
    let faults = faults(&["pop3 stat#2 => -ERR [SYS/TEMP] later", "stat#3+ => close"]);
    let mut first = connection(&faults, Protocol::Pop).await;
    assert_eq!(said(&mut first, "STAT", "+OK 0 0\r\n").await, goes_on("+OK 0 0\r\n"));
    let mut second = connection(&faults, Protocol::Pop).await;
    let later = said(&mut second, "stat", "+OK 0 0\r\n").await;
    assert_eq!(later, goes_on("-ERR [SYS/TEMP] later\r\n"));
    assert_eq!(said(&mut first, "STAT", "+OK 0 0\r\n").await, ends(""));
    assert_eq!(said(&mut second, "STAT", "+OK 0 0\r\n").await, ends(""));
}

#[tokio::test(flavor = "current_thread")]
async fn a_drop_counts_octets_from_its_command_on() {
    let faults = faults(&["imap fetch => drop after 9"]);
    let mut imap = connection(&faults, Protocol::Imap).await;
    assert_eq!(said(&mut imap, "a NOOP", "a OK done\r\n").await, goes_on("a OK done\r\n"));
    assert_eq!(said(&mut imap, "b FETCH 1", "b OK\r\n").await, goes_on("b OK\r\n"));
    assert_eq!(said(&mut imap, "c NOOP", "c OK\r\n").await, ends("c O"));
}

#[tokio::test(flavor = "current_thread")]
async fn the_same_seed_garbles_the_same() {
    let answer = "+OK 12 messages, and a line that is long enough\r\n";
    let mut garbled = Vec::new();
    for _ in 0..2 {
        let faults = faults(&["retr => garble", "uidl %50 => -ERR no"]);
        let mut pop = connection(&faults, Protocol::Pop).await;
        let mut seen = vec![said(&mut pop, "RETR 1", answer).await.0];
        for _ in 0..20 {
            seen.push(said(&mut pop, "UIDL", "+OK\r\n").await.0);
        }
        assert_ne!(seen[0], answer);
        assert!(seen[0].ends_with("\r\n"));
        assert_eq!(said(&mut pop, "STAT", answer).await, goes_on(answer));
        garbled.push(seen);
    }
    assert_eq!(garbled[0], garbled[1]);
    for answer in ["+OK\r\n", "-ERR no\r\n"] {
        assert!(garbled[0].iter().any(|seen| seen == answer), "{answer}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_greeting_is_disturbed_too() {
    let faults = faults(&["lmtp greeting#2 => 554 5.3.2 no", "greeting => drop after 3"]);
    let greet = async || {
        let mut hook = faults.hook(Protocol::Lmtp, None).expect("a hook");
        let mut greeting = b"220 hello\r\n".to_vec();
        let verdict = hook.before_write(b"", &mut greeting).await;
        (String::from_utf8_lossy(&greeting).into_owned(), verdict == Verdict::Send)
    };
    assert_eq!(greet().await, ends("220"));
    assert_eq!(greet().await, goes_on("554 5.3.2 no\r\n"));
}

#[tokio::test(flavor = "current_thread")]
async fn lmtp_answers_for_every_recipient() {
    let faults = faults(&[". => 452 4.2.2 full"]);
    let mut lmtp = connection(&faults, Protocol::Lmtp).await;
    said(&mut lmtp, "MAIL FROM:<a@x>", "250 ok\r\n").await;
    for answer in ["250 ok\r\n", "550 no\r\n", "250 ok\r\n"] {
        said(&mut lmtp, "RCPT TO:<b@x>", answer).await;
    }
    let twice = "452 4.2.2 full\r\n452 4.2.2 full\r\n";
    assert_eq!(said(&mut lmtp, ".", "").await, goes_on(twice));
}

#[tokio::test(flavor = "current_thread")]
async fn delays_take_their_time() {
    let faults = faults(&["noop => delay 30ms, throttle 200/s"]);
    let mut smtp = connection(&faults, Protocol::Smtp).await;
    assert_eq!(smtp.pace(), None);
    let start = std::time::Instant::now();
    assert_eq!(said(&mut smtp, "NOOP", "250 ok\r\n").await, goes_on("250 ok\r\n"));
    assert!(start.elapsed() >= Duration::from_millis(30), "{:?}", start.elapsed());
    // The wire is what takes its time.
    assert_eq!(smtp.pace(), Some(200));
    assert_eq!(said(&mut smtp, "RSET", "250 ok\r\n").await, goes_on("250 ok\r\n"));
    assert_eq!(smtp.pace(), None);
}

#[tokio::test(flavor = "current_thread")]
async fn addresses_ask_for_faults() {
    let faults = faults(&[]);
    let mut smtp = connection(&faults, Protocol::Submission).await;
    for (command, seen) in [
        ("RCPT TO:<550-5.1.1@fault.test>", "550 5.1.1 as the address asks\r\n"),
        ("mail from:<451@FAULT.test> SIZE=3", "451 as the address asks\r\n"),
        ("RCPT TO:<250-2.1.5@fault.test>", "250 ok\r\n"),
        ("RCPT TO:<550-x@fault.test>", "250 ok\r\n"),
        ("RCPT TO:<550-5.1.1@example.test>", "250 ok\r\n"),
        ("RCPT TO:<delay-1ms@fault.test>", "250 ok\r\n"),
        ("VRFY <550-5.1.1@fault.test>", "250 ok\r\n"),
    ] {
        assert_eq!(said(&mut smtp, command, "250 ok\r\n").await, goes_on(seen), "{command}");
    }
    let closed = said(&mut smtp, "RCPT TO:<close@fault.test>", "250 ok\r\n").await;
    assert_eq!(closed, ends(""));
    let is_delayed = |address| Magic::of(address) == Some(Magic::Delayed);
    assert!(is_delayed("delay-3s@fault.test") && !is_delayed("delay-3s@example.test"));
    assert_eq!(Magic::of("late-2s@fault.test"), Some(Magic::Late(Duration::from_secs(2))));
    assert!(matches!(Magic::of("bounce-5.1.1@Fault.Test"), Some(Magic::Bounced(_))));
    assert!(matches!(Magic::of("bounce@fault.test"), Some(Magic::Bounced(_))));
    assert_eq!(Magic::of("bounce-4.1.1@fault.test"), None);
}
