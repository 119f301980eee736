//! APPEND, one by one and many at once.

use super::*;

#[test]
fn appends_pipeline_with_literal_plus() {
    let script = vec![
        Hear("a1 APPEND Sent (\\Seen) \"17-Jul-1996 09:44:25 +0000\" {6+}"),
        Hear("a"),
        Hear("b"),
        Hear(""),
        say("* 1 EXISTS"),
        say("a1 OK [APPENDUID 7 42] done"),
    ];
    let places = session(PLAIN, script, async |mut client| {
        let mut given = Given::one(b"a\nb\n", &["\\Seen"], 837_596_665);
        client.append(&Mailbox(b"Sent"[..].into()), &mut given).await.expect("stored")
    });
    assert_eq!(places[0].expect("told").uid, 42);
}

#[test]
fn appends_wait_where_the_server_has_to_agree() {
    let script = vec![
        Hear("a1 APPEND Sent {3}"),
        say("+ go on"),
        Hear("x"),
        Hear(""),
        say("a1 OK done"),
        Hear("a2 APPEND Sent {3}"),
        say("a2 NO [OVERQUOTA] full"),
    ];
    let error = session("IMAP4rev1", script, async |mut client| {
        let mut given = Given::new(&[b"x\n", b"y\n"]);
        client.append(&Mailbox(b"Sent"[..].into()), &mut given).await.expect_err("refused")
    });
    assert!(error.is_transient(), "{error}");
}

#[test]
fn multiappend_takes_all_in_one_command() {
    let script = vec![
        Hear("a1 APPEND Sent {3+}"),
        Hear("x"),
        Hear(" {3+}"),
        Hear("y"),
        Hear(""),
        say("a1 OK [APPENDUID 7 42:43] done"),
    ];
    let places = session("IMAP4rev1 LITERAL+ MULTIAPPEND", script, async |mut client| {
        let mut given = Given::new(&[b"x\n", b"y\r\n"]);
        client.append(&Mailbox(b"Sent"[..].into()), &mut given).await.expect("stored")
    });
    assert_eq!(places.iter().map(|place| place.expect("told").uid).collect::<Vec<_>>(), [42, 43]);
}

#[test]
fn a_long_append_is_read_twice_and_streams() {
    run(async {
        let body: Vec<u8> = b"line\n".repeat(80_000);
        let (near, mut far) = Wire::duplex(4096);
        let expected = b"line\r\n".repeat(80_000);
        let ours = async {
            let mut client = Client::open(near, &Options::default()).await.expect("a session");
            let mut given = Given::new(&[&body]);
            client.append(&Mailbox(b"x"[..].into()), &mut given).await.expect("stored")
        };
        let theirs = async {
            far.queue(b"* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+] x\r\n");
            let len = far.line(1000).await.expect("a line");
            assert_eq!(&far.buffered()[..len], b"a1 APPEND x {480000+}\r\n");
            far.consume(len);
            while far.buffered().len() < 480_002 {
                far.fill().await.expect("the message");
            }
            assert!(far.buffered()[..480_000] == expected);
            far.queue(b"a1 OK done\r\n");
            far.flush().await.expect("the client listens");
        };
        let (places, ()) = tokio::join!(ours, theirs);
        assert_eq!(places, [None]);
    });
}
