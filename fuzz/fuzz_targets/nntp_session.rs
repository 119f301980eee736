//! Whole sessions of the NNTP server: whatever a client says, in whatever pieces, every answer
//! begins with a status, and nothing is posted without POST.

#![no_main]

use std::cell::Cell;
use std::rc::Rc;

use async_trait::async_trait;
use libfuzzer_sys::fuzz_target;
use pillarbox::base::secret::Secret;
use pillarbox::net::Wire;
use pillarbox::nntp::server::{Group, Newsroom, Service, Settings, Stored, serve};
use pillarbox::nntp::syntax::listing::{Active, Status};
use pillarbox::sasl::Secrets;

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

/// One group, of which the article in the middle is gone.
#[derive(Default)]
struct Room {
    posted: Cell<usize>,
}

fn stored(number: u64) -> Stored {
    let text = format!("Subject: {number}\r\nMessage-ID: <{number}@x>\r\n\r\n.dot\r\nline\r\n");
    Stored { id: format!("<{number}@x>"), octets: text.into_bytes().into() }
}

#[async_trait(?Send)]
impl Newsroom for Room {
    fn groups(&self) -> Vec<Group> {
        let active =
            Active { name: "a.b".into(), count: Some(2), low: 1, high: 3, status: Status::Open };
        vec![Group { active, description: "All of it".into(), created: 930_000_000 }]
    }

    fn group(&self, name: &str) -> Option<Group> {
        self.groups().into_iter().find(|group| group.active.name == name)
    }

    fn numbers(&self, group: &str) -> Vec<u64> {
        if group == "a.b" { vec![1, 3] } else { Vec::new() }
    }

    fn article(&self, group: &str, number: u64) -> Option<Stored> {
        self.numbers(group).contains(&number).then(|| stored(number))
    }

    fn by_id(&self, id: &str) -> Option<Stored> {
        [1, 3].into_iter().map(stored).find(|stored| stored.id == id)
    }

    fn since(&self, _: i64) -> Vec<(Vec<String>, String)> {
        vec![(vec!["a.b".into()], "<1@x>".into())]
    }

    async fn post(&self, article: Vec<u8>, _: Option<&str>) -> Result<String, String> {
        assert!(article.len() <= 1000, "an article beyond the limit");
        self.posted.set(self.posted.get() + 1);
        if article.is_empty() { Err("nothing".into()) } else { Ok("<new@x>".into()) }
    }

    fn secrets(&self, _: Option<&str>) -> Option<Rc<dyn Secrets>> {
        Some(Rc::new(OneUser))
    }
}

fuzz_target!(|data: &[u8]| {
    let [how, said @ ..] = data else { return };
    let mechanisms = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"];
    let mut settings = Settings::new("h", &mechanisms);
    settings.allow_cleartext = true;
    settings.line_octets = 600;
    settings.article_octets = 1000;
    let room = Rc::new(Room::default());
    let service = Service { settings: Rc::new(settings), newsroom: room.clone(), acceptor: None };
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
    assert!(heard.starts_with(b"200 "), "{}", heard.escape_ascii());
    assert!(heard.ends_with(b"\r\n"), "{}", heard.escape_ascii());
    let posts = said.to_ascii_uppercase().windows(4).filter(|window| *window == b"POST").count();
    assert!(room.posted.get() <= posts, "posted without POST");
});
