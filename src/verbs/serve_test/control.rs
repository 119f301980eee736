//! The running server's side of `serve-test wait`, `list`, `clear`, `release` and `stop`: JSON Lines on a
//! Unix socket that only its owner reaches.
//!
//! A connection carries one [`Request`] and the [`Response`]s to it, the last of which is
//! `done` or `error`.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::accepted::{Accepted, Log, Told, with_envelope};
use super::extract::Extract;
use super::users::Users;
use crate::query::{self, Expr};

/// Octets of a request.
const REQUEST_OCTETS: u64 = 64 * 1024;

/// Nobody waits longer.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Request {
    /// For a message, once it is there.
    Wait {
        /// In the query language; empty is any.
        query: String,
        /// How long to wait for it, in milliseconds.
        within_ms: u64,
        /// What to take out of it, as `--extract` has it.
        extract: Option<String>,
        /// No later request is to be given the same.
        take: bool,
    },
    /// For all messages there are.
    List {
        /// In the query language; empty is any.
        query: String,
    },
    /// For one message, whole.
    Get {
        /// Its number.
        id: u64,
    },
    /// To forget all messages, and to empty all mailboxes.
    Clear,
    /// To end.
    Stop,
}

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Response {
    /// A message.
    Message(Told),
    /// What was taken out of it.
    Value(String),
    /// A message with all its octets.
    Whole {
        /// The reverse-path.
        from: String,
        /// The recipients that it went to.
        to: Vec<String>,
        /// The octets.
        base64: String,
    },
    /// All was said; so many messages it was about.
    Done(u64),
    /// It cannot be.
    Error {
        /// What kind of thing is wrong.
        kind: Trouble,
        /// In words.
        text: String,
    },
}

/// Kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trouble {
    /// No such message came in time.
    Timeout,
    /// The message came, and has none of what was to be taken out of it.
    Nothing,
    /// The request cannot be understood.
    Request,
}

/// What requests are about.
pub struct Control {
    /// The messages.
    pub log: Rc<Log>,
    /// The mailboxes.
    pub users: Rc<Users>,
    /// Told when somebody wants the end.
    pub stop: Rc<Notify>,
}

impl Control {
    /// Answers on a socket from now on.
    ///
    /// # Errors
    /// A path where no socket can be made.
    pub fn listen(self, path: &Path) -> Result<()> {
        let listener = UnixListener::bind(path)
            .with_context(|| format!("cannot listen on {}", path.display()))?;
        let control = Rc::new(self);
        tokio::task::spawn_local(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let control = control.clone();
                        tokio::task::spawn_local(async move {
                            // A client that went away needs no answer.
                            let _ = control.serve(stream).await;
                        });
                    }
                    // Out of descriptors: those in use have to be given back first.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
        Ok(())
    }

    async fn serve(&self, stream: UnixStream) -> std::io::Result<()> {
        let (reading, mut writing) = stream.into_split();
        let mut reader = BufReader::new(reading.take(REQUEST_OCTETS));
        let mut line = String::new();
        reader.read_line(&mut line).await?;
        let request = serde_json::from_str(&line);
        let stops = matches!(request, Ok(Request::Stop));
        let responses = match request {
            Ok(request) => tokio::select! {
                biased;
                responses = self.answer(request) => responses,
                // Nothing more is to be said: that is the client's going.
                _ = reader.fill_buf() => return Ok(()),
            },
            Err(error) => vec![Response::Error { kind: Trouble::Request, text: error.to_string() }],
        };
        let mut text = String::new();
        for response in responses {
            text.push_str(&serde_json::to_string(&response)?);
            text.push('\n');
        }
        let written = writing.write_all(text.as_bytes()).await;
        if stops {
            self.stop.notify_one();
        }
        written
    }

    async fn answer(&self, request: Request) -> Vec<Response> {
        let answered = match request {
            Request::Wait { query, within_ms, extract, take } => {
                self.wait(&query, Duration::from_millis(within_ms), extract.as_deref(), take).await
            }
            Request::List { query } => self.list(&query),
            Request::Get { id } => Ok(vec![self.whole(id), Response::Done(1)]),
            Request::Clear => {
                self.log.clear();
                Ok(vec![Response::Done(self.users.clear())])
            }
            Request::Stop => Ok(vec![Response::Done(0)]),
        };
        answered.unwrap_or_else(|(kind, text)| vec![Response::Error { kind, text }])
    }

    fn whole(&self, id: u64) -> Response {
        let Some(message) = self.log.all().into_iter().find(|message| message.id == id) else {
            let text = format!("no message #{id}");
            return Response::Error { kind: Trouble::Nothing, text };
        };
        Response::Whole {
            from: message.from.clone(),
            to: message.recipients.clone(),
            base64: STANDARD.encode(&message.octets),
        }
    }

    fn list(&self, query: &str) -> Result<Vec<Response>, (Trouble, String)> {
        let expr = parsed(query)?;
        let all = self.log.all();
        let found = all.iter().filter(|message| message.matches(&expr));
        let mut responses: Vec<Response> =
            found.map(|message| Response::Message(message.told())).collect();
        responses.push(Response::Done(responses.len() as u64));
        Ok(responses)
    }

    async fn wait(
        &self,
        query: &str,
        within: Duration,
        extract: Option<&str>,
        take: bool,
    ) -> Result<Vec<Response>, (Trouble, String)> {
        let expr = parsed(query)?;
        let extract: Option<Extract> =
            extract.map(str::parse).transpose().map_err(|error| (Trouble::Request, error))?;
        let Some(message) = self.newest(&expr, within).await else {
            let count = self.log.all().len();
            let text = format!("no such message within {within:?}; {count} others are there");
            return Err((Trouble::Timeout, text));
        };
        if take {
            self.log.take(message.id);
        }
        let told = match extract {
            None => Response::Message(message.told()),
            Some(extract) => match extract.of(&message.octets) {
                Some(value) => Response::Value(value),
                None => {
                    let text = format!("no {extract} in {}", message.told().summary());
                    return Err((Trouble::Nothing, text));
                }
            },
        };
        Ok(vec![told, Response::Done(1)])
    }

    /// The newest message that nobody took and the query asks for, once there is one.
    async fn newest(&self, expr: &Expr, within: Duration) -> Option<Rc<Accepted>> {
        let deadline = Instant::now() + within.min(LONGEST_WAIT);
        let mut changes = self.log.changes();
        loop {
            // Before looking, so that no message is missed between looking and waiting.
            changes.borrow_and_update();
            if let Some(message) = self.log.newest(expr) {
                return Some(message);
            }
            match timeout_at(deadline, changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return None,
            }
        }
    }
}

fn parsed(text: &str) -> Result<Expr, (Trouble, String)> {
    let context = query::Context { now: Timestamp::now(), zone: TimeZone::system() };
    query::parse(text, &context)
        .map(with_envelope)
        .map_err(|error| (Trouble::Request, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::accepted::tests::add;
    use super::super::users::Keep;
    use super::*;

    fn control() -> Control {
        let users = [("bob".to_owned(), "secret".to_owned())];
        Control {
            log: Log::new(None),
            users: Users::new(&users, false, None, None, Duration::ZERO, None, Keep::default())
                .expect("memory needs no disk"),
            stop: Rc::new(Notify::new()),
        }
    }

    fn wait(query: &str, extract: Option<&str>, take: bool) -> Request {
        let extract = extract.map(str::to_owned);
        Request::Wait { query: query.to_owned(), within_ms: 20, extract, take }
    }

    fn kind(responses: &[Response]) -> Option<Trouble> {
        match responses {
            [Response::Error { kind, .. }] => Some(*kind),
            _ => None,
        }
    }

    #[test]
    fn requests_are_lines_of_json() {
        let line =
            r#"{"do":"wait","query":"to:bob","within_ms":5000,"extract":"link","take":false}"#;
        let request: Request = serde_json::from_str(line).expect("a request");
        assert_eq!(serde_json::to_string(&request).expect("JSON"), line);
        let stop: Request = serde_json::from_str(r#"{"do":"stop"}"#).expect("a request");
        assert_eq!(stop, Request::Stop);
        let done = serde_json::to_string(&Response::Done(3)).expect("JSON");
        assert_eq!(done, r#"{"done":3}"#);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_wait_ends_with_its_message() {
        let control = control();
        let late = Request::Wait {
            query: "to:bob".into(),
            within_ms: 60_000,
            extract: Some("header:Subject".into()),
            take: false,
        };
        let (responses, ()) = tokio::join!(control.answer(late), async {
            tokio::task::yield_now().await;
            add(&control.log, &["carol@example.test"], "Other", "\r\n");
            tokio::task::yield_now().await;
            add(&control.log, &["bob@example.test"], "One", "\r\nhttps://x.test/1\r\n");
        });
        assert_eq!(responses, [Response::Value("One".into()), Response::Done(1)]);
        add(&control.log, &["bob@example.test"], "Two", "\r\nno link\r\n");
        let newest = control.answer(wait("to:bob", None, false)).await;
        let [Response::Message(told), Response::Done(1)] = &newest[..] else {
            panic!("{newest:?}");
        };
        assert_eq!((told.id, told.subject.as_deref()), (3, Some("Two")));
        let nothing = control.answer(wait("to:bob", Some("link"), true)).await;
        assert_eq!(kind(&nothing), Some(Trouble::Nothing));
        // The newest was taken: there is the other one.
        let link = control.answer(wait("to:bob", Some("link"), true)).await;
        assert_eq!(link, [Response::Value("https://x.test/1".into()), Response::Done(1)]);
        let none = control.answer(wait("to:bob", None, false)).await;
        assert_eq!(kind(&none), Some(Trouble::Timeout));
        for wrong in [wait("tp:bob", None, false), wait("", Some("links"), false)] {
            assert_eq!(kind(&control.answer(wrong).await), Some(Trouble::Request));
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn lists_and_clears() {
        let control = control();
        for subject in ["One", "Two"] {
            add(&control.log, &["bob@example.test"], subject, "\r\n");
        }
        let list = |query: &str| Request::List { query: query.to_owned() };
        assert_eq!(control.answer(list("")).await.len(), 3);
        assert_eq!(control.answer(list("subject:two")).await.len(), 2);
        assert_eq!(control.answer(Request::Clear).await, [Response::Done(0)]);
        assert_eq!(control.answer(list("")).await, [Response::Done(0)]);
    }
}
