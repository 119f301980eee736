//! Whole sessions of the SMTP server: whatever a client says, in whatever pieces, is answered
//! by replies alone; what is delivered stays within the limits; and a client that goes ends it.

#![no_main]

use std::cell::Cell;
use std::rc::Rc;

use async_trait::async_trait;
use libfuzzer_sys::fuzz_target;
use pillarbox::base::decode::Decoded;
use pillarbox::base::secret::Secret;
use pillarbox::net::Wire;
use pillarbox::sasl::Secrets;
use pillarbox::smtp::server::{Delivery, Envelope, Message, Mode, Peer, Service, Settings, serve};
use pillarbox::smtp::syntax::path::ForwardPath;
use pillarbox::smtp::syntax::reply::Reply;

const OCTETS: u64 = 2_000;
const RECIPIENTS: u32 = 5;

struct Kept(Cell<u32>);

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

#[async_trait(?Send)]
impl Delivery for Kept {
    fn recipient(&self, _: &Peer, to: &ForwardPath) -> Result<(), Reply> {
        match to.to_string().starts_with("no") {
            true => Err(Reply::enhanced(550, (5, 1, 1), "no such user")),
            false => Ok(()),
        }
    }

    async fn deliver(&self, envelope: Envelope, message: Message) -> Vec<Reply> {
        assert!(message.octets() <= OCTETS);
        assert!((1..=RECIPIENTS as usize).contains(&envelope.recipients.len()));
        // What stands in a Received field is one field.
        let received = envelope.received("h", "1", "Mon, 23 Nov 2026 05:00:00 +0000");
        let lines: Vec<&str> = received.split_terminator("\r\n").collect();
        assert!(lines[1..].iter().all(|line| line.starts_with('\t')), "{received:?}");
        assert!(!received.replace("\r\n", "").contains(['\r', '\n', '\0']), "{received:?}");
        self.0.set(self.0.get() + 1);
        vec![Reply::enhanced(250, (2, 0, 0), "taken"); envelope.recipients.len()]
    }

    fn secrets(&self, _: Option<&str>) -> Option<Rc<dyn Secrets>> {
        Some(Rc::new(OneUser))
    }
}

fuzz_target!(|data: &[u8]| {
    let [how, said @ ..] = data else { return };
    let mode = match how % 3 {
        0 => Mode::Smtp,
        1 => Mode::Submission,
        _ => Mode::Lmtp,
    };
    let mut settings = Settings::new("h", mode, &["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"]);
    settings.allow_cleartext = true;
    settings.message_octets = OCTETS;
    settings.recipients = RECIPIENTS;
    settings.line_octets = 600;
    let kept = Rc::new(Kept(Cell::new(0)));
    let service = Service { settings: Rc::new(settings), delivery: kept.clone(), acceptor: None };
    let piece = 1 + usize::from(how / 3) * 7;
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
            // Behind this the server reads the end of the stream.
            let _ = far.shutdown().await;
            while far.fill().await.is_ok() {}
            far.buffered().to_vec()
        };
        let (_, heard) = tokio::join!(serve(near, &service, Peer::default(), None), client);
        heard
    });
    let mut rest = &heard[..];
    let mut replies = 0;
    while !rest.is_empty() {
        match Reply::decode(rest) {
            Ok(Decoded::Done { used, .. }) => rest = &rest[used..],
            other => panic!("{other:?}: {}", rest.escape_ascii()),
        }
        replies += 1;
    }
    assert!(replies > kept.0.get());
});
