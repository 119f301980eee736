//! Whole sessions of the POP3 server: whatever a client says, in whatever pieces, every answer
//! begins with a status, and only QUIT in the transaction state deletes anything.

#![no_main]

use std::rc::Rc;

use async_trait::async_trait;
use libfuzzer_sys::fuzz_target;
use pillarbox::base::secret::Secret;
use pillarbox::net::Wire;
use pillarbox::pop::server::{Maildrops, Service, Settings, Unavailable, serve};
use pillarbox::sasl::Secrets;
use pillarbox::store::memory::{Account, Memory, NewMessage, Shared};
use pillarbox::store::{Flags, Spool, Store};

struct OneUser;

impl Secrets for OneUser {
    fn password(&self, user: &str) -> Option<Secret> {
        (user == "ann").then(|| Secret::new("secret"))
    }

    fn token_is_valid(&self, _: &str, token: &[u8]) -> bool {
        token == b"token"
    }

    fn external_identity(&self) -> Option<String> {
        None
    }

    fn may_act_as(&self, _: &str, _: &str) -> bool {
        false
    }
}

struct Drops(Shared);

#[async_trait(?Send)]
impl Maildrops for Drops {
    async fn open(&self, _: &str) -> Result<Box<dyn Spool>, Unavailable> {
        let mut inbox = Memory::new(self.0.clone()).expect("an account");
        inbox.select("INBOX", false).await.expect("an INBOX");
        Ok(Box::new(inbox))
    }

    fn secrets(&self, _: Option<&str>) -> Option<Rc<dyn Secrets>> {
        Some(Rc::new(OneUser))
    }
}

fuzz_target!(|data: &[u8]| {
    let [how, said @ ..] = data else { return };
    let account = Account::shared(7, pillarbox::store::system_clock());
    let inbox = account.borrow().find("INBOX").expect("an INBOX");
    for text in ["Subject: one\r\n\r\n.dot\r\n", "", "bare\n\nlines\r\n..\r\n"] {
        let message = NewMessage {
            flags: Flags::new(),
            received: None,
            octets: text.as_bytes().into(),
        };
        account.borrow_mut().append(inbox, vec![message]).expect("room");
    }
    let mut settings = Settings::new("h", &["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"]);
    settings.allow_cleartext = true;
    settings.line_octets = 600;
    let maildrops = Rc::new(Drops(account.clone()));
    let service = Service { settings: Rc::new(settings), maildrops, acceptor: None };
    let piece = 1 + usize::from(*how) * 3;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let heard = runtime.expect("a runtime").block_on(async {
        let (near, mut far) = Wire::duplex(4096);
        let client = async {
            for piece in said.chunks(piece) {
                far.queue(piece);
                if far.flush().await.is_err() {
                    break;
                }
            }
            let _ = far.shutdown().await;
            while far.fill().await.is_ok() {}
            far.buffered().to_vec()
        };
        let (_, heard) = tokio::join!(serve(near, &service, None), client);
        heard
    });
    assert!(heard.starts_with(b"+OK "), "{}", heard.escape_ascii());
    assert!(heard.ends_with(b"\r\n"), "{}", heard.escape_ascii());
    let left = account.borrow().mailbox(inbox).map_or(0, |inbox| inbox.messages().len());
    let has_quit = said.to_ascii_uppercase().windows(4).any(|window| window == b"QUIT");
    assert!(left == 3 || has_quit, "deleted without QUIT");
});
