//! The conversation with one server up to where a login would begin: greeting, capabilities,
//! the go-ahead for TLS. One straight line for SMTP, LMTP, IMAP and POP3.
//!
//! RFC 5321 sections 3.1 and 3.2, RFC 2033, RFC 3207; RFC 9051 sections 6.1.1 and 6.2.1;
//! RFC 1939 section 4, RFC 2449, RFC 2595. Nothing here judges; a server that says no ends the
//! conversation with a [`Stop`] that holds its words.

use crate::base::decode::{Decoded, Malformed};
use crate::imap::syntax::frame::{Framer, Step};
use crate::imap::syntax::response::{self, Condition, Data, Response, StatusText};
use crate::net::Wire;
use crate::net::tls::Connector;
use crate::open::own_name;
use crate::pop::syntax::multiline::Line;
use crate::pop::syntax::{capability, command as pop, reply as pop_reply};
use crate::smtp::syntax::command as smtp;
use crate::smtp::syntax::ehlo;
use crate::smtp::syntax::reply as smtp_reply;
use crate::ui::sanitize;

use super::facts::{Offer, Protocol, Stop, StopKind};
use super::timing::Phase;

/// Octets of nonsense that a stop shows.
const SHOWN_OCTETS: usize = 60;

/// One conversation.
pub struct Dialogue {
    wire: Wire,
    protocol: Protocol,
    tag: u32,
}

/// One response of an IMAP server, as far as it matters here.
enum Imap {
    Capability(Vec<String>),
    Status(Condition, String),
    Tagged(Condition, String),
    Other,
}

impl Dialogue {
    /// A conversation on a connection where nothing was said yet, TLS aside.
    pub fn new(wire: Wire, protocol: Protocol) -> Self {
        Self { wire, protocol, tag: 0 }
    }

    /// What is spoken.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The connection, where TLS is to begin by other means.
    pub fn into_wire(self) -> Wire {
        self.wire
    }

    /// The connection, to look at.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Waits for the greeting, and gives it as it was on the wire.
    ///
    /// # Errors
    /// [`Stop`] for a greeting that turns us away, and the connection's errors.
    pub async fn greeting(&mut self) -> Result<String, Stop> {
        let phase = Phase::Banner;
        match self.protocol {
            Protocol::Smtp | Protocol::Lmtp => {
                let reply = self.smtp_reply(phase).await?;
                smtp_verdict(phase, &reply, reply.code() == 220)?;
                Ok(reply.to_string())
            }
            Protocol::Imap => loop {
                match self.imap_response(phase).await? {
                    Imap::Status(Condition::Ok | Condition::Preauth, line) => return Ok(line),
                    Imap::Status(_, line) | Imap::Tagged(_, line) => {
                        // RFC 9051 section 7.1.5: a BYE as the greeting is about this
                        // connection: too many, too fast, not now.
                        return Err(Stop { phase, kind: StopKind::Later, detail: line });
                    }
                    Imap::Capability(_) | Imap::Other => {}
                }
            },
            Protocol::Pop3 => {
                let reply = self.pop_reply(phase).await?;
                pop_verdict(phase, &reply)?;
                Ok(reply.to_string())
            }
        }
    }

    /// Asks what the server can do.
    ///
    /// # Errors
    /// [`Stop`] when it does not say, and the connection's errors. A server without
    /// extensions is no error.
    pub async fn offer(&mut self, phase: Phase) -> Result<Offer, Stop> {
        match self.protocol {
            Protocol::Smtp => self.smtp_offer(phase, smtp::Command::Ehlo(own_name())).await,
            Protocol::Lmtp => self.smtp_offer(phase, smtp::Command::Lhlo(own_name())).await,
            Protocol::Imap => self.imap_offer(phase).await,
            Protocol::Pop3 => self.pop_offer(phase).await,
        }
    }

    /// Says STARTTLS or STLS, and gives the answer that lets TLS begin.
    ///
    /// # Errors
    /// [`Stop`] for any other answer, for plaintext behind it (RFC 3207 section 6,
    /// CVE-2011-0411), and the connection's errors.
    pub async fn go_ahead(&mut self) -> Result<String, Stop> {
        let phase = Phase::Starttls;
        let line = match self.protocol {
            Protocol::Smtp | Protocol::Lmtp => {
                let reply = self.smtp_ask(phase, &smtp::Command::StartTls).await?;
                smtp_verdict(phase, &reply, reply.code() == 220)?;
                reply.to_string()
            }
            Protocol::Imap => {
                let (condition, line, _) = self.imap_ask(phase, "STARTTLS").await?;
                imap_verdict(phase, condition, &line)?;
                line
            }
            Protocol::Pop3 => {
                self.pop_say(phase, &pop::Command::Stls).await?;
                let reply = self.pop_reply(phase).await?;
                pop_verdict(phase, &reply)?;
                reply.to_string()
            }
        };
        match self.wire.buffered().len() {
            0 => Ok(line),
            octets => {
                let error = crate::net::Error::PlaintextBehindTls { octets };
                Err(Stop::of(phase, &error))
            }
        }
    }

    /// Does the handshake.
    ///
    /// # Errors
    /// As [`Wire::start_tls`]. The connection is of no use then.
    pub async fn start_tls(&mut self, connector: &Connector) -> Result<(), crate::net::Error> {
        self.wire.start_tls(connector).await
    }

    /// Takes leave; a server that has gone already is no error.
    pub async fn leave(mut self) {
        let line: String = match self.protocol {
            Protocol::Imap => format!("{} LOGOUT\r\n", self.next_tag()),
            Protocol::Smtp | Protocol::Lmtp | Protocol::Pop3 => "QUIT\r\n".into(),
        };
        self.wire.queue(line.as_bytes());
        // Whatever a server does now, all that was to be learnt is known.
        let _ = self.wire.flush().await;
        let _ = self.wire.shutdown().await;
    }

    async fn fill(&mut self, phase: Phase) -> Result<(), Stop> {
        self.wire.fill().await.map(|_| ()).map_err(|error| Stop::of(phase, &error))
    }

    async fn flush(&mut self, phase: Phase) -> Result<(), Stop> {
        self.wire.flush().await.map_err(|error| Stop::of(phase, &error))
    }

    fn nonsense(&self, phase: Phase, malformed: &Malformed) -> Stop {
        let held = self.wire.buffered();
        let shown = sanitize::octets(&held[..held.len().min(SHOWN_OCTETS)]);
        Stop { phase, kind: StopKind::Protocol, detail: format!("{malformed}, in {shown:?}") }
    }

    async fn smtp_ask(
        &mut self,
        phase: Phase,
        command: &smtp::Command,
    ) -> Result<smtp_reply::Reply, Stop> {
        let mut line = Vec::new();
        command.encode(&mut line).map_err(|error| ours(phase, &error))?;
        self.wire.queue(&line);
        self.flush(phase).await?;
        self.smtp_reply(phase).await
    }

    /// Says lines of SMTP as they stand, in one go, and waits for so many replies.
    ///
    /// # Errors
    /// [`Stop`] for a 421, for what is no reply, and the connection's errors; how many replies
    /// came before is lost.
    pub async fn say(
        &mut self,
        phase: Phase,
        lines: &[u8],
        replies: usize,
    ) -> Result<Vec<smtp_reply::Reply>, Stop> {
        self.wire.queue(lines);
        self.flush(phase).await?;
        let mut all = Vec::new();
        for _ in 0..replies {
            let reply = self.smtp_reply(phase).await?;
            if reply.code() == 421 {
                // RFC 5321 section 3.8: whatever was asked, the server is about to go.
                smtp_verdict(phase, &reply, false)?;
            }
            all.push(reply);
        }
        Ok(all)
    }

    async fn smtp_reply(&mut self, phase: Phase) -> Result<smtp_reply::Reply, Stop> {
        loop {
            match smtp_reply::Reply::decode(self.wire.buffered()) {
                Ok(Decoded::Done { value, used }) => {
                    self.wire.consume(used);
                    return Ok(value);
                }
                Ok(Decoded::More) => self.fill(phase).await?,
                Err(malformed) => return Err(self.nonsense(phase, &malformed)),
            }
        }
    }

    async fn smtp_offer(&mut self, phase: Phase, hello: smtp::Command) -> Result<Offer, Stop> {
        let reply = self.smtp_ask(phase, &hello).await?;
        if reply.is_permanent() && self.protocol == Protocol::Smtp {
            // RFC 5321 section 3.2: an old server answers EHLO with an error, and HELO may do.
            let reply = self.smtp_ask(phase, &smtp::Command::Helo(own_name())).await?;
            smtp_verdict(phase, &reply, reply.is_positive())?;
            return Ok(Offer { login: Some(false), ..Offer::default() });
        }
        smtp_verdict(phase, &reply, reply.is_positive())?;
        let capabilities = ehlo::Capabilities::from_reply(&reply);
        Ok(Offer {
            extended: true,
            name: reply.lines().next().and_then(first_word),
            lines: reply.lines().skip(1).map(lossy).collect(),
            starttls: capabilities.starttls,
            mechanisms: capabilities.auth,
            login: Some(false),
        })
    }

    fn next_tag(&mut self) -> String {
        self.tag += 1;
        format!("p{}", self.tag)
    }

    /// Says a command that is only a word; gives how it ended, the line that said so, and
    /// the capabilities that came with it.
    async fn imap_ask(
        &mut self,
        phase: Phase,
        word: &str,
    ) -> Result<(Condition, String, Vec<String>), Stop> {
        let tag = self.next_tag();
        self.wire.queue(format!("{tag} {word}\r\n").as_bytes());
        self.flush(phase).await?;
        let mut capabilities = Vec::new();
        loop {
            match self.imap_response(phase).await? {
                Imap::Capability(list) => capabilities = list,
                Imap::Tagged(condition, line) => return Ok((condition, line, capabilities)),
                Imap::Status(Condition::Bye, line) => {
                    return Err(Stop { phase, kind: StopKind::Later, detail: line });
                }
                Imap::Status(..) | Imap::Other => {}
            }
        }
    }

    async fn imap_response(&mut self, phase: Phase) -> Result<Imap, Stop> {
        let mut framer = Framer::responses();
        let length = loop {
            match framer.step(self.wire.buffered()) {
                Ok(Step::Complete { len }) => break len,
                Ok(Step::More) => self.fill(phase).await?,
                Ok(Step::Literal { .. } | Step::Continue { .. }) => {
                    let malformed = Malformed { offset: 0, expected: "a response without mail" };
                    return Err(self.nonsense(phase, &malformed));
                }
                Err(malformed) => return Err(self.nonsense(phase, &malformed)),
            }
        };
        let read = match response::decode(&self.wire.buffered()[..length]) {
            Ok(Decoded::Done { value, .. }) => match value {
                Response::Untagged(Data::Capability(list)) => {
                    Imap::Capability(list.iter().map(lossy).collect())
                }
                Response::Untagged(Data::Status(status)) => {
                    Imap::Status(status.condition, self.line_of("*", &status, length))
                }
                Response::Tagged { tag, status } => {
                    let line = self.line_of(&lossy(&tag), &status, length);
                    Imap::Tagged(status.condition, line)
                }
                Response::Continue { .. } | Response::Untagged(_) => Imap::Other,
            },
            Ok(Decoded::More) => {
                let malformed = Malformed { offset: length, expected: "a whole response" };
                return Err(self.nonsense(phase, &malformed));
            }
            Err(malformed) => return Err(self.nonsense(phase, &malformed)),
        };
        self.wire.consume(length);
        Ok(read)
    }

    /// A status line as it stands on the wire, response code and all; what a repaired
    /// response means where it holds other octets than a line.
    fn line_of(&self, start: &str, status: &StatusText<'_>, length: usize) -> String {
        let line = self.wire.buffered()[..length].trim_ascii_end();
        match std::str::from_utf8(line) {
            Ok(line) if !line.contains(['\r', '\n']) => line.to_owned(),
            _ => format!("{start} {} {}", status.condition.name(), lossy(&status.text)),
        }
    }

    async fn imap_offer(&mut self, phase: Phase) -> Result<Offer, Stop> {
        let (condition, line, lines) = self.imap_ask(phase, "CAPABILITY").await?;
        imap_verdict(phase, condition, &line)?;
        let mechanisms = lines
            .iter()
            .filter_map(|word| word.split_once('='))
            .filter(|(name, _)| name.eq_ignore_ascii_case("AUTH"))
            .map(|(_, mechanism)| mechanism.to_ascii_uppercase())
            .collect();
        let says = |wanted: &str| lines.iter().any(|word| word.eq_ignore_ascii_case(wanted));
        Ok(Offer {
            extended: true,
            name: None,
            starttls: says("STARTTLS"),
            login: Some(!says("LOGINDISABLED")),
            mechanisms,
            lines,
        })
    }

    async fn pop_say(&mut self, phase: Phase, command: &pop::Command) -> Result<(), Stop> {
        let mut line = Vec::new();
        command.encode(&mut line).map_err(|error| ours(phase, &error))?;
        self.wire.queue(&line);
        self.flush(phase).await
    }

    async fn pop_reply(&mut self, phase: Phase) -> Result<pop_reply::Reply, Stop> {
        loop {
            match pop_reply::Reply::decode(self.wire.buffered()) {
                Ok(Decoded::Done { value, used }) => {
                    self.wire.consume(used);
                    return Ok(value);
                }
                Ok(Decoded::More) => self.fill(phase).await?,
                Err(malformed) => return Err(self.nonsense(phase, &malformed)),
            }
        }
    }

    async fn pop_offer(&mut self, phase: Phase) -> Result<Offer, Stop> {
        self.pop_say(phase, &pop::Command::Capa).await?;
        let reply = self.pop_reply(phase).await?;
        if !reply.is_ok() {
            // RFC 2449 section 5: a server without CAPA does not say what it takes.
            return Ok(Offer::default());
        }
        let mut capabilities = capability::Capabilities::default();
        let mut lines = Vec::new();
        loop {
            match Line::decode(self.wire.buffered()) {
                Ok(Decoded::Done { value: Line::Text(text), used }) => {
                    capabilities.add(text);
                    lines.push(lossy(text));
                    self.wire.consume(used);
                }
                Ok(Decoded::Done { value: Line::End, used }) => {
                    self.wire.consume(used);
                    break;
                }
                Ok(Decoded::More) => self.fill(phase).await?,
                Err(malformed) => return Err(self.nonsense(phase, &malformed)),
            }
        }
        Ok(Offer {
            extended: true,
            name: None,
            lines,
            starttls: capabilities.stls,
            mechanisms: capabilities.sasl,
            login: Some(capabilities.user),
        })
    }
}

fn lossy(octets: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(octets.as_ref()).into_owned()
}

fn first_word(line: &[u8]) -> Option<String> {
    line.split(u8::is_ascii_whitespace).find(|word| !word.is_empty()).map(lossy)
}

fn ours(phase: Phase, error: &dyn std::error::Error) -> Stop {
    Stop { phase, kind: StopKind::Ours, detail: error.to_string() }
}

/// What a reply means that should be positive. RFC 5321 section 3.8: a 421 is about now, and
/// so is any 4yz.
fn smtp_verdict(phase: Phase, reply: &smtp_reply::Reply, is_good: bool) -> Result<(), Stop> {
    let kind = if is_good {
        return Ok(());
    } else if reply.is_transient() {
        StopKind::Later
    } else if reply.is_permanent() {
        StopKind::Refused
    } else {
        StopKind::Protocol
    };
    Err(Stop { phase, kind, detail: reply.to_string() })
}

fn imap_verdict(phase: Phase, condition: Condition, line: &str) -> Result<(), Stop> {
    let kind = match condition {
        Condition::Ok => return Ok(()),
        // RFC 5530: these codes are about now.
        _ if ["[UNAVAILABLE]", "[LIMIT]", "[INUSE]", "[SERVERBUG]"]
            .iter()
            .any(|code| line.contains(code)) =>
        {
            StopKind::Later
        }
        _ => StopKind::Refused,
    };
    Err(Stop { phase, kind, detail: line.to_owned() })
}

fn pop_verdict(phase: Phase, reply: &pop_reply::Reply) -> Result<(), Stop> {
    let kind = match reply {
        pop_reply::Reply::Ok(_) => return Ok(()),
        // RFC 2449 section 8.1.1 and RFC 3206 section 4: these codes are about now.
        pop_reply::Reply::Err(text)
            if ["SYS/TEMP", "IN-USE", "LOGIN-DELAY"].iter().any(|code| text.has_code(code)) =>
        {
            StopKind::Later
        }
        pop_reply::Reply::Err(_) => StopKind::Refused,
        pop_reply::Reply::Continue(_) => StopKind::Protocol,
    };
    Err(Stop { phase, kind, detail: reply.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dialogue with a server that says `greeting`, then for each line that it reads the
    /// next of `answers`.
    async fn with<T>(
        protocol: Protocol,
        greeting: &str,
        answers: &[&str],
        talk: impl AsyncFnOnce(&mut Dialogue) -> T,
    ) -> T {
        let (client, mut server) = Wire::duplex(64 * 1024);
        let serve = async {
            server.queue(greeting.as_bytes());
            for answer in answers {
                if server.flush().await.is_err() {
                    return;
                }
                let Ok(length) = server.line(1000).await else { return };
                server.consume(length);
                server.queue(answer.as_bytes());
            }
            // The last answer goes out, and the server hangs up.
            let _ = server.shutdown().await;
        };
        let mut dialogue = Dialogue::new(client, protocol);
        let (value, ()) = tokio::join!(talk(&mut dialogue), serve);
        value
    }

    #[tokio::test(flavor = "current_thread")]
    async fn smtp_says_what_it_can_do_and_lets_tls_begin() {
        let answers = [
            "250-mx.example\r\n250-SIZE 1000\r\n250-AUTH plain LOGIN\r\n250 STARTTLS\r\n",
            "220 go\r\n",
        ];
        with(Protocol::Smtp, "220 mx.example ESMTP\r\n", &answers, async |talk| {
            assert_eq!(talk.greeting().await.expect("greeting"), "220 mx.example ESMTP");
            let offer = talk.offer(Phase::Hello).await.expect("offer");
            assert!(offer.extended && offer.starttls && offer.has("SIZE"));
            assert_eq!(offer.cleartext(), ["AUTH PLAIN", "AUTH LOGIN"]);
            assert_eq!(talk.go_ahead().await.expect("go"), "220 go");
        })
        .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_a_server_refuses_is_told_from_what_it_puts_off() {
        async fn stop(protocol: Protocol, greeting: &str) -> Stop {
            with(protocol, greeting, &[], async |talk| talk.greeting().await.expect_err("a stop"))
                .await
        }
        for (protocol, greeting, kind) in [
            (Protocol::Smtp, "554 no service\r\n", StopKind::Refused),
            (Protocol::Smtp, "421 4.7.0 too many\r\n", StopKind::Later),
            (Protocol::Smtp, "HTTP/1.1 400 Bad\r\n", StopKind::Protocol),
            (Protocol::Smtp, "220 cut o", StopKind::HungUp),
            (Protocol::Imap, "* BYE too many connections\r\n", StopKind::Later),
            (Protocol::Pop3, "-ERR [SYS/TEMP] later\r\n", StopKind::Later),
            (Protocol::Pop3, "-ERR no\r\n", StopKind::Refused),
        ] {
            assert_eq!(stop(protocol, greeting).await.kind, kind, "{greeting:?}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_old_server_and_an_injected_one() {
        let answers = ["500 what?\r\n", "250 hello\r\n"];
        with(Protocol::Smtp, "220 mx.example\r\n", &answers, async |talk| {
            talk.greeting().await.expect("greeting");
            let offer = talk.offer(Phase::Hello).await.expect("HELO will do");
            assert!(!offer.extended && offer.lines.is_empty());
        })
        .await;
        let answers = ["250-mx.example\r\n250 STARTTLS\r\n", "220 go\r\n250 injected\r\n"];
        with(Protocol::Smtp, "220 mx.example\r\n", &answers, async |talk| {
            talk.greeting().await.expect("greeting");
            talk.offer(Phase::Hello).await.expect("offer");
            let stop = talk.go_ahead().await.expect_err("an injection");
            assert_eq!(stop.kind, StopKind::Protocol);
            assert!(stop.detail.contains("14 octets"), "{}", stop.detail);
        })
        .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn imap_says_what_it_can_do() {
        let answers = [
            "* CAPABILITY IMAP4rev1 STARTTLS AUTH=plain LOGINDISABLED\r\np1 OK done\r\n",
            "p2 BAD [ALERT] no\r\n",
        ];
        with(Protocol::Imap, "* OK [CAPABILITY IMAP4rev1] hi\r\n", &answers, async |talk| {
            assert_eq!(talk.greeting().await.expect("greeting"), "* OK [CAPABILITY IMAP4rev1] hi");
            let offer = talk.offer(Phase::Hello).await.expect("offer");
            assert!(offer.starttls && offer.has("IMAP4rev1"));
            assert_eq!((offer.login, offer.cleartext()), (Some(false), vec!["AUTH PLAIN".into()]));
            let stop = talk.go_ahead().await.expect_err("refused");
            assert_eq!((stop.kind, stop.detail.as_str()), (StopKind::Refused, "p2 BAD [ALERT] no"));
        })
        .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn pop_says_what_it_can_do_or_nothing() {
        let answers = ["+OK\r\nUSER\r\nSTLS\r\nSASL PLAIN\r\n.\r\n", "+OK begin\r\n"];
        with(Protocol::Pop3, "+OK ready\r\n", &answers, async |talk| {
            assert_eq!(talk.greeting().await.expect("greeting"), "+OK ready");
            let offer = talk.offer(Phase::Hello).await.expect("offer");
            assert_eq!(offer.cleartext(), ["AUTH PLAIN", "the login command"]);
            assert_eq!(talk.go_ahead().await.expect("go"), "+OK begin");
        })
        .await;
        with(Protocol::Pop3, "+OK ready\r\n", &["-ERR what\r\n"], async |talk| {
            talk.greeting().await.expect("greeting");
            let offer = talk.offer(Phase::Hello).await.expect("an answer");
            assert_eq!((offer.extended, offer.login), (false, None));
        })
        .await;
    }
}
