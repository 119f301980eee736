//! FETCH of bodies: batches in flight, streams, what a busy server or a failing sink leaves.

use super::*;

#[test]
fn bodies_inline_and_unasked_data_anywhere() {
    let mut script = selected(2, &[]);
    script.extend([
        Hear("a2 UID FETCH 1:3 (UID FLAGS INTERNALDATE BODY.PEEK[])"),
        say("* 1 FETCH (UID 1 FLAGS (\\Seen) BODY[] {3}\r\na\r\n)"),
        say("* 3 EXISTS"),
        say("* 2 FETCH (FLAGS (\\Deleted))"),
        say("* OK [ALERT] going down"),
        say("* 2 FETCH (BODY[] \"b\" INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" UID 3)"),
        say("a2 OK done"),
    ]);
    let (collected, alerts, stale) = session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        let mut sink = Collected::default();
        client.fetch(&[1, 2, 3], &Wanted::whole(), &mut sink).await.expect("bodies");
        let stale = client.selected().expect("selected").is_stale;
        (sink, client.take_alerts(), stale)
    });
    assert_eq!(collected.bodies(), [&b"a\r\n"[..], b"b"]);
    assert!(collected.messages[0].0.flags.as_ref().expect("flags").has("\\Seen"));
    assert_eq!(collected.messages[1].0.received.expect("date").offset_seconds, -7 * 3600);
    assert_eq!(alerts, ["going down"]);
    assert!(stale);
}

#[test]
fn large_bodies_stream_whether_the_uid_comes_before_or_behind() {
    let large = |c: u8, len: usize| vec![c; len];
    let (one, other) = (large(b'x', 300_000), large(b'y', 70_000));
    let mut script = selected(2, &[]);
    script.push(Hear("a2 UID FETCH 8:9 (UID FLAGS INTERNALDATE BODY.PEEK[])"));
    let said = [
        &b"* 1 FETCH (UID 8 BODY[] {300000}\r\n"[..],
        &one,
        b" FLAGS (\\Seen))\r\n* 2 FETCH (BODY[] {70000}\r\n",
        &other,
        b" UID 9)\r\na2 OK done\r\n",
    ]
    .concat();
    script.push(Step::Say(said));
    let collected = session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        let mut sink = Collected::default();
        client.fetch(&[8, 9], &Wanted::whole(), &mut sink).await.expect("bodies");
        sink
    });
    assert_eq!(collected.bodies(), [&one[..], &other]);
    assert!(collected.messages[0].0.flags.as_ref().expect("flags").has("\\Seen"));
    assert_eq!(collected.messages[1].0.id, Id("9".into()));
}

#[test]
fn a_server_that_is_busy_is_asked_again_for_what_it_has_not_given() {
    let mut script = selected(2, &[]);
    script.extend([
        Hear("a2 UID FETCH 1:2 (UID BODY.PEEK[HEADER])"),
        say("* 1 FETCH (UID 1 BODY[HEADER] \"a\")"),
        say("a2 NO Server is throttled. Suggested Backoff Time: 20 milliseconds"),
        Hear("a3 UID FETCH 2 (UID BODY.PEEK[HEADER])"),
        say("* 2 FETCH (UID 2 BODY[HEADER] \"b\")"),
        say("a3 OK done. Suggested Backoff Time: 30 milliseconds"),
        Hear("a4 NOOP"),
        say("a4 NO [UNAVAILABLE] not now, try again in 7 minutes"),
    ]);
    let (bodies, waited, error) = session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        let mut sink = Collected::default();
        let wanted = Wanted { with_meta: false, ..Wanted::headers() };
        let begun = std::time::Instant::now();
        client.fetch(&[1, 2], &wanted, &mut sink).await.expect("both");
        let error = client.noop().await.expect_err("longer than anybody waits");
        (sink.bodies().concat(), begun.elapsed(), error)
    });
    assert_eq!(bodies, b"ab");
    assert!(waited >= Duration::from_millis(50), "{waited:?}");
    assert_eq!(error.busy(), Some(Busy::For(Duration::from_secs(420))));
}

#[test]
fn batches_are_in_flight_together_and_lines_stay_short() {
    let mut script = selected(1000, &[]);
    script.extend([
        Hear("a2 UID FETCH 1:256 (UID BODY.PEEK[])"),
        Hear("a3 UID FETCH 257:512 (UID BODY.PEEK[])"),
        Hear("a4 UID FETCH 513:600 (UID BODY.PEEK[])"),
        say("a2 OK done"),
        say("a3 NO [SERVERBUG] busy"),
        say("a4 OK done"),
    ]);
    let error = session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        let uids: Vec<u32> = (1..=600).collect();
        let wanted = Wanted { with_meta: false, ..Wanted::whole() };
        client.fetch(&uids, &wanted, &mut Collected::default()).await.expect_err("refused")
    });
    assert!(error.is_transient());
    assert_eq!(error.to_string(), "the server answered UID FETCH with NO [SERVERBUG] busy");
    let odd: Vec<u32> = (0..5000).map(|n| 100_001 + 2 * n).collect();
    let sets = Client::batches(&odd, usize::MAX);
    assert!(sets.iter().all(|set| set.to_text().len() <= 800));
    assert!(sets.iter().rev().skip(1).all(|set| set.to_text().len() > 700));
    assert_eq!(sets.iter().flat_map(|set| set.numbers(0)).collect::<Vec<_>>(), odd);
    assert!(Client::batches(&[], 9).is_empty());
    // Where the listing shows that nothing lies between, a range runs over the gap.
    let next = |uid: u32| odd.iter().copied().find(|other| *other > uid);
    let one = Client::batches_over(&odd, usize::MAX, next);
    assert_eq!(one.iter().map(|set| set.to_text()).collect::<Vec<_>>(), ["100001:109999"]);
    let some: Vec<u32> = odd.iter().copied().filter(|uid| *uid != 100_009).collect();
    let two = Client::batches_over(&some, usize::MAX, next);
    let texts = two.iter().map(|set| set.to_text()).collect::<Vec<_>>();
    assert_eq!(texts, ["100001:100007,100011:109999"]);
    let all: Vec<u32> = (u32::MAX - 9..=u32::MAX).collect();
    let texts = Client::batches(&all, 4).iter().map(|set| set.to_text()).collect::<Vec<_>>();
    assert_eq!(texts, ["4294967286:4294967289", "4294967290:4294967293", "4294967294:4294967295"]);
}

#[test]
fn more_is_asked_for_as_messages_come_not_as_commands_end() {
    let mut script = selected(2000, &[]);
    script.extend([
        Hear("a2 UID FETCH 1:256 (UID BODY.PEEK[])"),
        Hear("a3 UID FETCH 257:512 (UID BODY.PEEK[])"),
        Hear("a4 UID FETCH 513:768 (UID BODY.PEEK[])"),
        Hear("a5 UID FETCH 769:1024 (UID BODY.PEEK[])"),
        say("* 1 FETCH (UID 1 BODY[] {1}\r\nx)"),
        Hear("a6 UID FETCH 1025:1280 (UID BODY.PEEK[])"),
    ]);
    script.extend((2..=257).map(|n| say(format!("* {n} FETCH (UID {n} BODY[] {{1}}\r\nx)"))));
    script.push(Hear("a7 UID FETCH 1281:1400 (UID BODY.PEEK[])"));
    script.extend((258..=1400).map(|n| say(format!("* {n} FETCH (UID {n} BODY[] {{1}}\r\nx)"))));
    script.extend((2..=7).map(|tag| say(format!("a{tag} OK done"))));
    session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        let uids: Vec<u32> = (1..=1400).collect();
        let wanted = Wanted { with_meta: false, ..Wanted::whole() };
        let mut got = Collected::default();
        client.fetch(&uids, &wanted, &mut got).await.expect("all");
        assert_eq!(got.messages.len(), 1400);
    });
}

#[test]
fn sections_and_ranges() {
    let mut script = selected(9, &[]);
    script.extend([
        Hear("a2 UID FETCH 4 (UID FLAGS INTERNALDATE BODY.PEEK[1.2.MIME])"),
        say("* 4 FETCH (UID 4 BODY[1.2.MIME] NIL)"),
        say("a2 OK done"),
        Hear("a3 UID FETCH 4 (UID FLAGS INTERNALDATE BODY.PEEK[]<10.5>)"),
        say("* 4 FETCH (UID 4 BODY[]<10> \"abcde\")"),
        say("a3 OK done"),
        Hear("a4 UID FETCH 4 (UID FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (From To)])"),
        say("* 4 FETCH (UID 4 BODY[HEADER.FIELDS (\"FROM\" \"TO\")] {2}\r\n\r\n)"),
        say("a4 OK done"),
    ]);
    let collected = session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        let mut sink = Collected::default();
        let mut account = Account::over(client);
        let ids = [Id("4".into())];
        account.read(&ids, &What::Section("1.2.MIME".into()), &mut sink).await.expect("read");
        let range = What::Partial { section: String::new(), offset: 10, octets: Some(5) };
        account.read(&ids, &range, &mut sink).await.expect("read");
        let fields = What::HeaderFields(vec!["From".into(), "To".into()]);
        account.read(&ids, &fields, &mut sink).await.expect("read");
        assert!(account.read(&ids, &What::Section("1.x".into()), &mut sink).await.is_err());
        sink
    });
    assert_eq!(collected.bodies(), [&b""[..], b"abcde", b"\r\n"]);
}

/// Fails at the second piece of a body.
struct Failing(u32);

#[async_trait::async_trait(?Send)]
impl crate::store::Sink for Failing {
    async fn begin(&mut self, _message: &crate::store::Meta) -> crate::store::Result<()> {
        Ok(())
    }

    async fn chunk(&mut self, _octets: &[u8]) -> crate::store::Result<()> {
        self.0 += 1;
        if self.0 > 1 { Err(crate::store::Error::OutputClosed) } else { Ok(()) }
    }

    async fn end(&mut self, _message: &crate::store::Meta) -> crate::store::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_that_fails_leaves_the_session_whole() {
    let mut script = selected(1, &[]);
    let said =
        [&b"* 1 FETCH (UID 1 BODY[] {500000}\r\n"[..], &[b'x'; 500_000], b")\r\na2 OK done\r\n"];
    script.extend([
        Hear("a2 UID FETCH 1 (UID FLAGS INTERNALDATE BODY.PEEK[])"),
        Step::Say(said.concat()),
        Hear("a3 NOOP"),
        say("a3 OK done"),
    ]);
    session(PLAIN, script, async |mut client| {
        inbox(&mut client).await;
        let failed = client.fetch(&[1], &Wanted::whole(), &mut Failing(0)).await;
        assert!(matches!(failed, Err(Error::Caller(crate::store::Error::OutputClosed))));
        client.noop().await.expect("the session goes on");
    });
}
