//! From the greeting to a session that can select.

use super::*;
use crate::imap::client::{Login, Options};

fn credential() -> Credential {
    Credential {
        user: "ann".into(),
        authorize_as: None,
        secret: CredentialSecret::Password(crate::base::secret::Secret::new("se\"cret")),
    }
}

fn open_with(script: Vec<Step>, allow_cleartext: bool) -> Result<Client, Error> {
    run(async {
        let (near, far) = Wire::duplex(1 << 16);
        let credential = credential();
        let options = Options {
            login: Some(Login {
                credential: &credential,
                mechanism: None,
                allow_cleartext,
                host: "localhost",
                port: 143,
            }),
            ..Options::default()
        };
        let ours = client_within(Client::open(near, &options));
        // The server may be left in the middle of its script by a client that gives up.
        tokio::select! {
            client = ours => client,
            () = async { play(far, script).await; std::future::pending().await } => {
                unreachable!("the server stays")
            }
        }
    })
}

#[test]
fn login_by_sasl_ir_then_id_and_enable_in_one_flight() {
    let client = open_with(
        vec![
            say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello"),
            Hear("a1 AUTHENTICATE PLAIN AGFubgBzZSJjcmV0"),
            say("* CAPABILITY IMAP4rev1 ID ENABLE CONDSTORE QRESYNC"),
            say("a1 OK done"),
            Hear(concat!(
                "a2 ID (\"name\" \"pillarbox\" \"version\" \"",
                env!("CARGO_PKG_VERSION"),
                "\")"
            )),
            Hear("a3 ENABLE QRESYNC"),
            say("* ID (\"name\" \"Dovecot\")"),
            say("a2 OK done"),
            say("* ENABLED QRESYNC"),
            say("a3 OK done"),
        ],
        true,
    )
    .expect("a session");
    assert!(client.has_qresync());
    assert_eq!(client.server_id(), [("name".to_owned(), "Dovecot".to_owned())]);
}

#[test]
fn login_without_sasl_ir_waits_for_the_go_ahead() {
    let client = open_with(
        vec![
            say("* OK hello"),
            Hear("a1 CAPABILITY"),
            say("* CAPABILITY IMAP4rev1 AUTH=PLAIN"),
            say("a1 OK done"),
            Hear("a2 AUTHENTICATE PLAIN"),
            say("+ "),
            Hear("AGFubgBzZSJjcmV0"),
            say("a2 OK [CAPABILITY IMAP4rev1] done"),
        ],
        true,
    );
    assert!(client.expect("a session").capabilities().has("imap4rev1"));
}

#[test]
fn login_command_where_sasl_has_no_way() {
    let client = open_with(
        vec![
            say("* OK [CAPABILITY IMAP4rev1] hello"),
            Hear("a1 LOGIN ann \"se\\\"cret\""),
            say("a1 OK [CAPABILITY IMAP4rev1 IDLE] done"),
        ],
        true,
    );
    assert!(client.expect("a session").capabilities().has("IDLE"));
}

#[test]
fn no_password_crosses_in_the_clear_or_where_login_is_disabled() {
    for greeting in ["* OK [CAPABILITY IMAP4rev1] x", "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] x"] {
        let error = open_with(vec![say(greeting)], false).err().expect("refused");
        assert!(matches!(&error, Error::Sasl(error) if error.is_cleartext()), "{error}");
    }
    let script = vec![say("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] x")];
    let error = open_with(script, true).err().expect("refused");
    assert!(error.is_auth() && matches!(error, Error::LoginDisabled));
}

#[test]
fn what_a_server_says_of_a_login_is_kept() {
    let error = open_with(
        vec![
            say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] x"),
            Hear("a1 AUTHENTICATE PLAIN AGFubgBzZSJjcmV0"),
            say("a1 NO [AUTHENTICATIONFAILED] wrong password"),
        ],
        true,
    )
    .err()
    .expect("refused");
    assert!(error.is_auth() && !error.is_transient());
    assert_eq!(
        error.to_string(),
        "the server refused PLAIN: NO [AUTHENTICATIONFAILED] wrong password"
    );
    let error = open_with(vec![say("* BYE [UNAVAILABLE] later")], true).err().expect("refused");
    assert!(error.is_transient());
    assert_eq!(error.to_string(), "the server ended the session: BYE [UNAVAILABLE] later");
}

/// A session that is opened with a mailbox selected ahead, and what is done in it.
fn ahead(script: Vec<Step>, name: &'static [u8], read_only: bool) -> (Result<u32, Error>, Client) {
    run(async {
        let (near, far) = Wire::duplex(1 << 16);
        let select = Some((Mailbox(b"INBOX"[..].into()), true));
        let options = Options { select, ..Options::default() };
        let ours = client_within(async {
            let mut client = Client::open(near, &options).await.expect("a session");
            let selected = client.select(&Mailbox(name.into()), read_only).await;
            (selected.map(|selected| selected.exists), client)
        });
        tokio::select! {
            done = ours => done,
            () = async { play(far, script).await; std::future::pending().await } => {
                unreachable!("the server stays")
            }
        }
    })
}

#[test]
fn a_mailbox_is_selected_in_the_flight_behind_the_login() {
    let opened = |more: Vec<Step>| {
        let mut script = vec![
            say("* PREAUTH [CAPABILITY IMAP4rev1 ENABLE CONDSTORE NAMESPACE] hello"),
            Hear("a1 ENABLE CONDSTORE"),
            Hear("a2 NAMESPACE"),
            Hear("a3 EXAMINE INBOX"),
            say("* ENABLED CONDSTORE"),
            say("a1 OK done"),
            say("* NAMESPACE ((\"\" \"/\")) NIL NIL"),
            say("a2 OK done"),
            say("* 3 EXISTS"),
            say("* OK [UIDVALIDITY 7] x"),
            say("a3 OK [READ-ONLY] done"),
        ];
        script.extend(more);
        script
    };
    let (exists, mut client) = ahead(opened(vec![]), b"INBOX", true);
    assert_eq!(exists.expect("selected"), 3);
    assert_eq!(client.selected().expect("selected").uid_validity.0, 7);
    // Asked for again, it is looked at again; nothing answers any more.
    let again = run(async { client.select(&Mailbox(b"INBOX"[..].into()), true).await.map(drop) });
    assert!(again.is_err());

    // To be changed, or another one: the server is asked.
    for (line, name, read_only) in
        [("a4 SELECT INBOX", &b"INBOX"[..], false), ("a4 EXAMINE Lists", &b"Lists"[..], true)]
    {
        let more = vec![Hear(line), say("* 4 EXISTS"), say("a4 OK done")];
        assert_eq!(ahead(opened(more), name, read_only).0.expect("selected"), 4);
    }
}

#[test]
fn what_cannot_be_selected_ahead_is_told_to_who_wants_it() {
    let script = vec![
        say("* PREAUTH [CAPABILITY IMAP4rev1] hello"),
        Hear("a1 EXAMINE INBOX"),
        say("a1 NO [NONEXISTENT] no such mailbox"),
        Hear("a2 EXAMINE INBOX"),
        say("a2 NO [NONEXISTENT] no such mailbox"),
    ];
    let (refused, client) = ahead(script, b"INBOX", true);
    assert!(refused.expect_err("refused").is_no_mailbox());
    assert!(client.selected().is_none());
    // CONDSTORE that was not enabled after all is asked for with the mailbox.
    let script = vec![
        say("* PREAUTH [CAPABILITY IMAP4rev1 ENABLE CONDSTORE] hello"),
        Hear("a1 ENABLE CONDSTORE"),
        Hear("a2 EXAMINE INBOX"),
        say("a1 BAD no"),
        say("* 3 EXISTS"),
        say("a2 OK [READ-ONLY] done"),
        Hear("a3 EXAMINE INBOX (CONDSTORE)"),
        say("* 3 EXISTS"),
        say("a3 OK [READ-ONLY] done"),
    ];
    assert_eq!(ahead(script, b"INBOX", true).0.expect("selected"), 3);
}
