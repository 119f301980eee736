//! What the tests of this room share: an account, users, and a client that speaks lines.

use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;

use super::replies::{Outlet, Replies};
use super::session::{Next, Session};
use super::{Accounts, Server, Settings};
use crate::base::decode::Decoded;
use crate::base::secret::Secret;
use crate::imap::syntax::command;
use crate::net;
use crate::sasl::{Channel, Secrets};
use crate::store::Received;
use crate::store::memory::{Account, NewMessage, Shared};

/// The tests' clock: 2024-01-10 12:00:00 UTC.
pub(super) const NOW: i64 = 1_704_888_000;

/// One user, `ann` with the password `secret`.
pub(super) struct Users(pub Shared);

impl Accounts for Users {
    fn account(&self, user: &str) -> Option<Shared> {
        (user == "ann").then(|| self.0.clone())
    }
}

/// The passwords of the users.
pub(super) struct Passwords;

impl Secrets for Passwords {
    fn password(&self, user: &str) -> Option<Secret> {
        (user == "ann").then(|| Secret::new("secret"))
    }

    fn token_is_valid(&self, _user: &str, _token: &[u8]) -> bool {
        false
    }

    fn external_identity(&self) -> Option<String> {
        None
    }

    fn may_act_as(&self, _user: &str, _authorize_as: &str) -> bool {
        false
    }
}

/// An account whose first mailbox has UIDVALIDITY 7.
pub(super) fn account() -> Shared {
    Account::shared(7, Rc::new(|| Received { seconds: NOW, offset_seconds: 0 }))
}

/// A server of that account, without TLS, that takes passwords in the clear.
pub(super) fn server(account: &Shared) -> Rc<Server> {
    let settings = Settings { allow_cleartext: true, ..Settings::default() };
    server_with(account, settings)
}

/// A server of that account with settings of its own.
pub(super) fn server_with(account: &Shared, settings: Settings) -> Rc<Server> {
    Rc::new(Server { accounts: Rc::new(Users(account.clone())), acceptor: None, settings })
}

/// Puts messages into a mailbox, with these flags.
pub(super) fn fill(account: &Shared, mailbox: &str, messages: &[(&str, &[&str])]) {
    let mut account = account.borrow_mut();
    let id = account.find(mailbox).expect("the mailbox exists");
    let batch = messages
        .iter()
        .map(|(octets, flags)| NewMessage {
            flags: flags.iter().collect(),
            received: None,
            octets: octets.as_bytes().into(),
        })
        .collect();
    account.append(id, batch).expect("there is room");
}

/// Keeps what is said.
#[derive(Default)]
pub(super) struct Heard(pub Vec<u8>);

#[async_trait(?Send)]
impl Outlet for Heard {
    async fn send(&mut self, replies: &mut Replies) -> Result<(), net::Error> {
        for reply in replies.iter() {
            self.0.extend_from_slice(&reply.to_octets());
        }
        replies.clear();
        Ok(())
    }
}

/// A client and its session.
pub(super) struct Talk {
    pub session: Session,
    pub next: Next,
    tags: u32,
}

/// Runs a future to its end.
pub(super) fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

impl Talk {
    /// A session that nobody has logged into.
    pub fn new(server: &Rc<Server>) -> Self {
        let channel = Channel {
            encrypted: false,
            bindings: Vec::new(),
            host: String::new(),
            port: 0,
            service: "imap",
        };
        let session = Session::new(server.clone(), Rc::new(Passwords), channel);
        Self { session, next: Next::Command, tags: 0 }
    }

    /// A session of ann.
    pub fn ann(server: &Rc<Server>) -> Self {
        let mut talk = Self::new(server);
        let said = talk.say("LOGIN ann secret");
        assert!(said.starts_with("1 OK [CAPABILITY "), "{said}");
        talk
    }

    /// A session of ann with INBOX selected.
    pub fn inbox(server: &Rc<Server>) -> Self {
        let mut talk = Self::ann(server);
        let said = talk.say("SELECT INBOX");
        assert!(said.contains("OK [READ-WRITE]"), "{said}");
        talk
    }

    /// Says a command without its tag and its line end; gives all that is answered. Tags
    /// count from 1.
    pub fn say(&mut self, command: &str) -> String {
        self.say_with(command.as_bytes(), Vec::new())
    }

    /// The same with octets, and with literals that were streamed.
    pub fn say_with(&mut self, command: &[u8], literals: Vec<Arc<[u8]>>) -> String {
        self.tags += 1;
        let mut octets = format!("{} ", self.tags).into_bytes();
        octets.extend_from_slice(command);
        octets.extend_from_slice(b"\r\n");
        let mut heard = Heard::default();
        let session = &mut self.session;
        self.next = run(async {
            match command::decode(&octets) {
                Ok(Decoded::Done { value, used }) => {
                    assert_eq!(used, octets.len());
                    session.command(&value, literals, &mut heard).await
                }
                Ok(Decoded::More) => panic!("not whole: {}", octets.escape_ascii()),
                Err(malformed) => session.malformed(&octets, &malformed, &mut heard).await,
            }
        })
        .expect("the outlet takes all");
        String::from_utf8_lossy(&heard.0).into_owned()
    }

    /// Says a command and gives the untagged lines; the tagged one has to be OK.
    pub fn ask(&mut self, command: &str) -> Vec<String> {
        let said = self.say(command);
        let tag = format!("{} ", self.tags);
        let mut lines: Vec<String> = said.split_terminator("\r\n").map(str::to_owned).collect();
        let last = lines.pop().unwrap_or_default();
        assert!(last.starts_with(&format!("{tag}OK")), "{command}: {said}");
        lines
    }

    /// The words of the tagged response: condition and code.
    pub fn end(&mut self, command: &str) -> String {
        let said = self.say(command);
        let last = said.trim_end().rsplit("\r\n").next().unwrap_or_default();
        let (_, rest) = last.split_once(' ').unwrap_or_default();
        match (rest.split_once(' '), rest.split_once(']')) {
            (Some((_, text)), Some((code, _))) if text.starts_with('[') => format!("{code}]"),
            (Some((condition, _)), _) => condition.to_owned(),
            _ => rest.to_owned(),
        }
    }

    /// Says a line that is no command.
    pub fn line(&mut self, line: &str) -> String {
        let mut heard = Heard::default();
        let session = &mut self.session;
        let next = self.next;
        let line = format!("{line}\r\n").into_bytes();
        self.next = run(async {
            match next {
                Next::Challenge => session.challenge_line(&line, &mut heard).await,
                Next::Idle => session.idle_line(&line, &mut heard).await,
                other => panic!("no line is awaited: {other:?}"),
            }
        })
        .expect("the outlet takes all");
        String::from_utf8_lossy(&heard.0).into_owned()
    }

    /// What is told while the client idles.
    pub fn idle(&mut self) -> String {
        let mut heard = Heard::default();
        run(self.session.idle_update(&mut heard)).expect("the outlet takes all");
        String::from_utf8_lossy(&heard.0).into_owned()
    }
}
