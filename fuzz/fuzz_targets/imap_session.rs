//! Whole IMAP sessions over a connection: two clients of one mailbox send whatever they like.
//! The server must neither panic nor stall, every response must be one that a client can read,
//! and message numbers must stay within what EXISTS and EXPUNGE have told.

#![no_main]

use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use pillarbox::base::decode::Decoded;
use pillarbox::base::secret::Secret;
use pillarbox::imap::server::{Accounts, Server, Settings, serve};
use pillarbox::imap::syntax::frame::{Framer, Step};
use pillarbox::imap::syntax::response::{self, Data, Response};
use pillarbox::net::Wire;
use pillarbox::sasl::Secrets;
use pillarbox::store::Received;
use pillarbox::store::memory::{Account, NewMessage, Shared};

const MESSAGES: [&str; 4] = [
    "From: a@x\r\nTo: b@x\r\nSubject: one\r\nMessage-ID: <1@x>\r\n\r\nbody\r\n",
    "From: c@x\r\nSubject: Re: one\r\nReferences: <1@x>\r\nContent-Type: multipart/mixed; \
     boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nTo: d@x\r\n\r\ny\r\n\
     --b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n",
    "\r\n",
    "Subject: =?utf-8?q?=C3=A9?=\r\nDate: Mon, 7 Feb 1994 21:52:25 -0800\r\n\r\n\u{e9}",
];

struct Users(Shared);

impl Accounts for Users {
    fn account(&self, _: &str) -> Option<Shared> {
        Some(self.0.clone())
    }
}

struct Anybody;

impl Secrets for Anybody {
    fn password(&self, _: &str) -> Option<Secret> {
        Some(Secret::new("b"))
    }

    fn token_is_valid(&self, _: &str, _: &[u8]) -> bool {
        true
    }

    fn external_identity(&self) -> Option<String> {
        None
    }

    fn may_act_as(&self, _: &str, _: &str) -> bool {
        true
    }
}

/// What a client knows of its mailbox.
#[derive(Default)]
struct Known {
    exists: u32,
    /// Whether numbers say nothing any more: expunges are told as UIDs, or octets are
    /// compressed.
    blind: bool,
}

impl Known {
    fn hear(&mut self, octets: &[u8]) {
        match response::decode(octets) {
            Ok(Decoded::Done { value: Response::Untagged(data), used }) => {
                assert_eq!(used, octets.len(), "{}", octets.escape_ascii());
                match data {
                    Data::Exists(exists) => self.exists = exists,
                    Data::Expunge(number) => {
                        assert!(self.blind || number.0 <= self.exists, "{number:?}");
                        self.exists = self.exists.saturating_sub(1);
                    }
                    Data::Fetch(fetch) => {
                        assert!(self.blind || fetch.seq.0 <= self.exists, "{:?}", fetch.seq);
                    }
                    _ => {}
                }
            }
            Ok(Decoded::Done { .. }) => {}
            other => panic!("{other:?} of {}", octets.escape_ascii()),
        }
    }
}

async fn client(mut wire: Wire, octets: Vec<u8>) {
    let upper = octets.to_ascii_uppercase();
    let has = |word: &[u8]| upper.windows(word.len()).any(|part| part == word);
    let compressed = has(b"COMPRESS");
    let mut known = Known { blind: has(b"ENABLE"), ..Known::default() };
    wire.queue(&octets);
    if wire.flush().await.is_err() {
        return;
    }
    // The server reads to this end and leaves.
    drop(wire.shutdown().await);
    let mut heard = Vec::new();
    while wire.fill().await.is_ok() {
        heard.extend_from_slice(wire.buffered());
        let len = wire.buffered().len();
        wire.consume(len);
    }
    if compressed {
        return;
    }
    let mut framer = Framer::responses();
    let mut rest = heard.as_slice();
    while let Ok(step) = framer.step(rest) {
        match step {
            Step::Complete { len } => {
                known.hear(&rest[..len]);
                rest = &rest[len..];
            }
            // What streams past a decoder is the other target's to try.
            _ => break,
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let clock = Rc::new(|| Received { seconds: 1_704_888_000, offset_seconds: 0 });
        let account = Account::shared(7, clock);
        let inbox = account.borrow().find("INBOX").expect("INBOX");
        let message = |text: &&str| NewMessage {
            flags: ["\\Seen", "$a"].iter().collect(),
            received: None,
            octets: text.as_bytes().into(),
        };
        let all = MESSAGES.iter().map(message).collect();
        account.borrow_mut().append(inbox, all).expect("room");
        let server = Rc::new(Server {
            accounts: Rc::new(Users(account)),
            acceptor: None,
            settings: Settings {
                allow_cleartext: true,
                gmail: true,
                append_limit: 100_000,
                ..Settings::default()
            },
        });
        let mut both = [Vec::new(), Vec::new()];
        for (number, part) in data.split(|octet| *octet == 0xff).enumerate() {
            both[number % 2].extend_from_slice(part);
        }
        let secrets = |_: Option<&str>| -> Rc<dyn Secrets> { Rc::new(Anybody) };
        let talk = async |octets: &[u8]| {
            let mut whole = b"l LOGIN a b\r\ns SELECT INBOX\r\n".to_vec();
            whole.extend_from_slice(octets);
            let (near, far) = Wire::duplex(64 * 1024);
            let (_, ()) = tokio::join!(serve(far, server.clone(), &secrets, None), client(near, whole));
        };
        tokio::join!(talk(&both[0]), talk(&both[1]));
    });
});
