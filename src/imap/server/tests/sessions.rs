//! Greeting, login, states, and what a client may not do.

use super::super::Settings;
use super::super::session::Next;
use super::super::testing::*;
use crate::sasl;

#[test]
fn the_greeting_tells_what_can_be_done() {
    let server = server_with(&account(), Settings::default());
    let mut talk = Talk::new(&server);
    let mut heard = Heard::default();
    run(talk.session.greet(&mut heard)).expect("the outlet takes all");
    let said = String::from_utf8(heard.0).expect("ASCII");
    assert!(said.starts_with("* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR"), "{said}");
    assert!(said.contains(" LOGINDISABLED ") && !said.contains("STARTTLS"), "{said}");
    assert_eq!(talk.end("LOGIN ann secret"), "NO [PRIVACYREQUIRED]");
    assert_eq!(talk.end("AUTHENTICATE PLAIN"), "NO [PRIVACYREQUIRED]");
    assert_eq!(talk.end("AUTHENTICATE NONSENSE"), "NO [CANNOT]");
    assert_eq!(talk.end("STARTTLS"), "");
    assert_eq!(talk.next, Next::StartTls);
}

#[test]
fn login_and_its_states() {
    let server = server(&account());
    let mut talk = Talk::new(&server);
    assert_eq!(talk.end("SELECT INBOX"), "BAD");
    assert_eq!(talk.end("LOGIN ann wrong"), "NO [AUTHENTICATIONFAILED]");
    assert_eq!(talk.end("LOGIN bob secret"), "NO [AUTHENTICATIONFAILED]");
    let said = talk.say("login \"ann\" {6}\r\nsecret");
    assert!(said.contains("UIDPLUS") && !said.contains("AUTH="), "{said}");
    assert_eq!(talk.end("LOGIN ann secret"), "BAD");
    assert_eq!(talk.end("FETCH 1 FLAGS"), "BAD");
    assert_eq!(talk.end("NONSENSE"), "BAD");
    assert_eq!(talk.end("NOOP x"), "BAD");
    let said = talk.say("LOGOUT");
    assert!(said.starts_with("* BYE ") && said.contains("OK"), "{said}");
    assert_eq!(talk.next, Next::Close);
}

#[test]
fn authenticate_with_and_without_an_initial_response() {
    let server = server(&account());
    let plain = sasl::encode(b"\0ann\0secret");
    let mut talk = Talk::new(&server);
    assert_eq!(talk.end(&format!("AUTHENTICATE PLAIN {plain}"))[..14], *"OK [CAPABILITY");
    let mut talk = Talk::new(&server);
    assert_eq!(talk.say("AUTHENTICATE PLAIN"), "+ \r\n");
    assert_eq!(talk.next, Next::Challenge);
    assert!(talk.line(&plain).starts_with("1 OK [CAPABILITY "));
    assert_eq!(talk.next, Next::Command);
    let mut talk = Talk::new(&server);
    talk.say("AUTHENTICATE PLAIN");
    assert!(talk.line("*").starts_with("1 BAD "));
    talk.say("AUTHENTICATE LOGIN");
    assert!(talk.line("!").starts_with("2 BAD "));
    assert_eq!(talk.end("AUTHENTICATE PLAIN =="), "BAD");
}

#[test]
fn too_many_mistakes_end_it() {
    let settings = Settings { bad_commands: 3, allow_cleartext: true, ..Settings::default() };
    let server = server_with(&account(), settings);
    let mut talk = Talk::ann(&server);
    talk.say("X");
    talk.say("X");
    talk.say("NOOP");
    talk.say("X");
    talk.say("X");
    assert_eq!(talk.next, Next::Command);
    assert!(talk.say("X").contains("* BYE "));
    assert_eq!(talk.next, Next::Close);
    let settings = Settings { failed_logins: 2, allow_cleartext: true, ..Settings::default() };
    let mut talk = Talk::new(&server_with(&account(), settings));
    talk.say("LOGIN ann a");
    assert!(talk.say("LOGIN ann b").contains("* BYE "));
    assert_eq!(talk.next, Next::Close);
}

#[test]
fn id_namespace_capability_and_enable() {
    let mut talk = Talk::ann(&server(&account()));
    assert!(talk.ask("ID NIL")[0].starts_with("* ID (\"name\" \"Pillarbox\" \"version\" "));
    assert_eq!(talk.ask("NAMESPACE"), ["* NAMESPACE ((\"\" \"/\")) NIL NIL"]);
    assert!(talk.ask("CAPABILITY")[0].starts_with("* CAPABILITY IMAP4rev1 "));
    let enabled = talk.ask("ENABLE QRESYNC X-NONE utf8=accept IMAP4REV2");
    assert_eq!(enabled, ["* ENABLED QRESYNC UTF8=ACCEPT IMAP4rev2"]);
    assert_eq!(talk.ask("ENABLE X-NONE"), ["* ENABLED"]);
    assert_eq!(talk.end("COMPRESS LZ4"), "NO [CANNOT]");
    assert_eq!(talk.ask("GETQUOTA \"\""), ["* QUOTA \"\" ()"]);
}

#[test]
fn idle_tells_at_once() {
    let account = account();
    let server = server(&account);
    let mut talk = Talk::inbox(&server);
    assert_eq!(talk.say("IDLE"), "+ idling\r\n");
    assert_eq!(talk.next, Next::Idle);
    fill(&account, "INBOX", &[("x", &[])]);
    assert_eq!(talk.idle(), "* 1 EXISTS\r\n* 1 RECENT\r\n");
    let mut other = Talk::inbox(&server);
    other.ask("STORE 1 +FLAGS.SILENT (\\Deleted)");
    assert_eq!(talk.idle(), "* 1 FETCH (UID 1 FLAGS (\\Deleted \\Recent))\r\n");
    other.ask("EXPUNGE");
    assert_eq!(talk.idle(), "* 1 EXPUNGE\r\n");
    assert!(talk.line("DONE").starts_with("3 OK"));
    talk.say("IDLE");
    assert!(talk.line("NOOP").starts_with("4 BAD"));
    assert_eq!(talk.next, Next::Command);
}
