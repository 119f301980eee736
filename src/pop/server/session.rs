//! A session: what may come when, and what is answered. No sockets.
//!
//! RFC 1939 sections 3 to 7, RFC 2449, RFC 2595 section 4, RFC 5034, RFC 6856.

use std::rc::Rc;

use async_trait::async_trait;

use super::serve::{holds_header, surrogate};
use super::{Maildrops, Settings, Unavailable};
use crate::base::decode::Malformed;
use crate::pop::syntax::capability::Capabilities;
use crate::pop::syntax::command::{AuthResponse, Command};
use crate::pop::syntax::multiline::{Encoder, Line, LineEnds};
use crate::pop::syntax::reply::Reply;
use crate::sasl::{self, Channel, Mechanism, Step};
use crate::store::{Id, Meta, Result as StoreResult, Sink, Spool, What};

/// What to say, and what to read or send next.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status line; of a [`Then::Body`], the one to send when the message is gone.
    pub reply: Reply,
    /// The lines behind it, ready for the wire, their dot included.
    pub listing: Option<Vec<u8>>,
    /// What comes next.
    pub then: Then,
}

/// What is read or sent next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// A command line is read.
    Command,
    /// A line of an authentication is read, for [`Session::auth_response`].
    AuthResponse,
    /// A message of [`Session::maildrop`] is sent, and then a command is read.
    Body {
        /// Its place in the maildrop, from 0.
        place: usize,
        /// Only the header and so many lines of the body; `None`: all of it.
        lines: Option<u32>,
    },
    /// The TLS handshake, then [`Session::secured`].
    StartTls,
    /// Nothing: the connection ends.
    Close,
}

/// One session.
pub struct Session {
    settings: Rc<Settings>,
    maildrops: Rc<dyn Maildrops>,
    channel: Channel,
    /// The name in the client's certificate.
    subject: Option<String>,
    /// With angle brackets; empty without APOP.
    timestamp: String,
    /// The argument of USER.
    user: Option<String>,
    /// UTF8 was said.
    is_utf8: bool,
    exchange: Option<Box<dyn sasl::Server>>,
    /// Whom the exchange has proved, while its last challenge waits for the empty answer.
    proved: Option<String>,
    /// The transaction state.
    opened: Option<Opened>,
    bad_commands: u32,
}

/// A maildrop that is open and locked.
pub struct Opened {
    spool: Box<dyn Spool>,
    messages: Vec<Listed>,
}

struct Listed {
    id: Id,
    octets: u64,
    is_deleted: bool,
}

impl Opened {
    /// The maildrop, and the name of the message at a place of it.
    pub fn message(&mut self, place: usize) -> Option<(&mut dyn Spool, &Id, u64)> {
        let listed = self.messages.get(place)?;
        Some((&mut *self.spool, &listed.id, listed.octets))
    }

    /// How many messages are not marked, and their octets.
    fn stat(&self) -> (usize, u64) {
        let kept = self.messages.iter().filter(|message| !message.is_deleted);
        kept.fold((0, 0), |(count, octets), message| (count + 1, octets + message.octets))
    }

    /// The place of a message-number, unless it is marked or there is none.
    fn place(&self, number: u32) -> Option<usize> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        self.messages.get(place).filter(|message| !message.is_deleted).map(|_| place)
    }
}

impl Session {
    /// A session over a new connection; [`Session::secured`] follows at once under implicit TLS.
    pub fn new(settings: Rc<Settings>, maildrops: Rc<dyn Maildrops>) -> Self {
        let mut random = [0; 12];
        sasl::system_random(&mut random);
        let unique: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
        let timestamp = match settings.apop {
            true => format!("<{unique}@{}>", settings.name),
            false => String::new(),
        };
        let host = settings.name.clone();
        Self {
            settings,
            maildrops,
            channel: Channel {
                encrypted: false,
                bindings: Vec::new(),
                host,
                port: 0,
                service: "pop",
            },
            subject: None,
            timestamp,
            user: None,
            is_utf8: false,
            exchange: None,
            proved: None,
            opened: None,
            bad_commands: 0,
        }
    }

    /// The `+OK` at the start.
    pub fn greeting(&self) -> Reply {
        Reply::ok(format!("pillarbox POP3 server ready {}", self.timestamp).trim_end())
    }

    /// TLS has begun: everything that was said before is forgotten (RFC 2595 section 4).
    pub fn secured(&mut self, bindings: Vec<sasl::ChannelBinding>, subject: Option<String>) {
        self.channel.encrypted = true;
        self.channel.bindings = bindings;
        self.subject = subject;
        (self.user, self.is_utf8) = (None, false);
    }

    /// Whether a header in UTF-8 has to be sent as one in ASCII (RFC 6856 section 2.1): the
    /// client could have said UTF8, and has not.
    pub fn wants_ascii(&self) -> bool {
        self.settings.offer.utf8.is_some() && !self.is_utf8
    }

    /// The maildrop, in the transaction state.
    pub fn maildrop(&mut self) -> Option<&mut Opened> {
        self.opened.as_mut()
    }

    /// Answers one command line, or one that could not be read.
    pub async fn command(&mut self, command: Result<Command, Malformed>) -> Answer {
        let answer = match command {
            Ok(command) => self.known(command).await,
            Err(malformed) => err(&format!("syntax error: {malformed}")),
        };
        self.bad_commands += u32::from(!answer.reply.is_ok() && answer.then == Then::Command);
        if self.bad_commands > self.settings.bad_commands {
            return Answer { then: Then::Close, ..err("too many errors") };
        }
        answer
    }

    /// The answer to a line without an end within the limit.
    pub fn line_too_long(&mut self) -> Answer {
        self.bad_commands += 1;
        (self.exchange, self.proved) = (None, None);
        err("line too long")
    }

    async fn known(&mut self, command: Command) -> Answer {
        match command {
            Command::Capa => {
                let offer = self.offered();
                ok_with("capabilities", offer.lines().iter().map(String::as_bytes))
            }
            Command::Quit => self.quit().await,
            Command::Lang(tag) if self.settings.offer.lang => lang(tag.as_deref()),
            Command::Noop if self.opened.is_some() => ok("still here"),
            command if self.opened.is_some() => self.transaction(command),
            command => self.authorization(command).await,
        }
    }

    /// What the session can have at this moment.
    fn offered(&self) -> Capabilities {
        let mut offer = self.settings.offer.clone();
        let is_open = self.opened.is_some();
        offer.stls &= !self.channel.encrypted && !is_open;
        offer.user &= self.may_send_password();
        offer.sasl.retain(|name| self.may_use(name));
        offer
    }

    fn may_send_password(&self) -> bool {
        self.channel.encrypted || self.settings.allow_cleartext
    }

    fn may_use(&self, name: &str) -> bool {
        let Some(mechanism) = Mechanism::from_name(name) else { return false };
        (self.may_send_password() || !mechanism.is_cleartext())
            && (!mechanism.is_channel_bound() || !self.channel.bindings.is_empty())
            && (mechanism != Mechanism::External || self.subject.is_some())
    }

    async fn authorization(&mut self, command: Command) -> Answer {
        match command {
            Command::User(_) | Command::Pass(_) if !self.settings.offer.user => {
                err("USER and PASS are not offered here")
            }
            Command::User(_) | Command::Pass(_) if !self.may_send_password() => {
                err("a password needs TLS: STLS comes first")
            }
            Command::User(name) => {
                self.user = Some(name);
                // RFC 1939 section 7 lets a server hide whether the user exists.
                ok("the password, please")
            }
            Command::Pass(password) => {
                let Some(user) = self.user.take() else { return err("USER comes first") };
                let mut response = format!("\0{user}\0").into_bytes();
                response.extend_from_slice(password.expose());
                self.auth(Mechanism::Plain, Some(response)).await
            }
            Command::Apop { user, digest } => self.apop(&user, &digest).await,
            Command::Auth { mechanism, initial } => {
                let is_listed = |offered: &String| offered.eq_ignore_ascii_case(&mechanism);
                let is_listed = self.settings.offer.sasl.iter().any(is_listed);
                match Mechanism::from_name(&mechanism) {
                    Some(known) if is_listed && self.may_use(&mechanism) => {
                        self.auth(known, initial).await
                    }
                    Some(known) if is_listed && known.is_cleartext() => {
                        err("that mechanism needs TLS: STLS comes first")
                    }
                    _ => err("that mechanism is not offered here"),
                }
            }
            // Clients from before RFC 5034 ask so for the mechanisms.
            Command::Unknown { verb, argument } if verb == "AUTH" && argument.is_empty() => {
                ok_with("mechanisms", self.offered().sasl.iter().map(String::as_bytes))
            }
            Command::Stls if self.channel.encrypted => err("TLS is there already"),
            Command::Stls if self.settings.offer.stls => {
                Answer { then: Then::StartTls, ..ok("go ahead") }
            }
            Command::Utf8 if self.settings.offer.utf8.is_some() => {
                self.is_utf8 = true;
                ok("UTF-8 it is")
            }
            Command::Unknown { .. } => err("that command is not known here"),
            Command::Stls | Command::Utf8 | Command::Lang(_) => err("that is not offered here"),
            Command::Stat
            | Command::List(_)
            | Command::Uidl(_)
            | Command::Retr(_)
            | Command::Top { .. }
            | Command::Dele(_)
            | Command::Noop
            | Command::Rset => err("log in first"),
            Command::Capa | Command::Quit => err("that cannot be"),
        }
    }

    async fn apop(&mut self, user: &str, digest: &str) -> Answer {
        if !self.settings.apop {
            return err("APOP is not offered here");
        }
        let secrets = self.maildrops.secrets(self.subject.as_deref());
        let proved = secrets
            .and_then(|secrets| sasl::apop_proves(&self.timestamp, secrets.as_ref(), user, digest));
        match proved {
            Some(user) => self.open(&user).await,
            None => self.wrong("wrong user or digest"),
        }
    }

    async fn auth(&mut self, mechanism: Mechanism, initial: Option<Vec<u8>>) -> Answer {
        let Some(secrets) = self.maildrops.secrets(self.subject.as_deref()) else {
            return self.unavailable(&Unavailable::Temporary("nobody can log in now".into()));
        };
        if initial.is_some() && !mechanism.takes_initial_response() {
            return err("that mechanism has no initial response");
        }
        let mut channel = self.channel.clone();
        channel.keep_bindings(&self.settings.offer.sasl);
        let mut exchange = sasl::server(mechanism, secrets, &channel, &mut sasl::system_random);
        let step = exchange.step(initial.as_deref());
        self.exchange = Some(exchange);
        self.stepped(step).await
    }

    /// Answers a line of an authentication.
    pub async fn auth_response(&mut self, response: Result<AuthResponse, Malformed>) -> Answer {
        let exchange = self.exchange.take();
        let proved = self.proved.take();
        let response = match response {
            Ok(AuthResponse::Data(response)) => response,
            Ok(AuthResponse::Cancel) => return err("authentication cancelled"),
            Err(_) => return err("that is not base64"),
        };
        match (proved, exchange) {
            (Some(user), _) if response.is_empty() => self.open(&user).await,
            (None, Some(mut exchange)) => {
                let step = exchange.step(Some(&response));
                self.exchange = Some(exchange);
                self.stepped(step).await
            }
            _ => err("an empty response was expected"),
        }
    }

    async fn stepped(&mut self, step: Step) -> Answer {
        let challenge = |octets| Answer {
            reply: Reply::Continue(octets),
            listing: None,
            then: Then::AuthResponse,
        };
        match step {
            Step::Challenge(octets) => challenge(octets),
            Step::Done { user, additional: Some(octets) } => {
                self.proved = Some(user);
                challenge(octets)
            }
            Step::Done { user, additional: None } => {
                self.exchange = None;
                self.open(&user).await
            }
            Step::Failed { reason } => {
                self.exchange = None;
                self.wrong(&reason)
            }
        }
    }

    fn wrong(&self, reason: &str) -> Answer {
        match self.settings.offer.auth_resp_code {
            true => err(&format!("[AUTH] {reason}")),
            false => err(reason),
        }
    }

    /// Enters the transaction state.
    async fn open(&mut self, user: &str) -> Answer {
        let opened = match self.maildrops.open(user).await {
            Ok(mut spool) => listed(&mut *spool, self.wants_ascii())
                .await
                .map(|messages| Opened { spool, messages }),
            Err(unavailable) => return self.unavailable(&unavailable),
        };
        match opened {
            Ok(opened) => {
                let (count, octets) = opened.stat();
                self.opened = Some(opened);
                ok(&format!("{count} messages ({octets} octets)"))
            }
            Err(error) => self.unavailable(&Unavailable::Temporary(error.to_string())),
        }
    }

    fn unavailable(&self, why: &Unavailable) -> Answer {
        let (code, text) = match why {
            Unavailable::InUse => ("IN-USE", "another session holds the maildrop"),
            Unavailable::TooSoon => ("LOGIN-DELAY", "so soon again"),
            Unavailable::Temporary(reason) => ("SYS/TEMP", reason.as_str()),
            Unavailable::Permanent(reason) => ("SYS/PERM", reason.as_str()),
        };
        let text = text.replace(['\r', '\n', '\0'], " ");
        match self.settings.offer.resp_codes {
            true => err(&format!("[{code}] {text}")),
            false => err(&text),
        }
    }

    fn transaction(&mut self, command: Command) -> Answer {
        let Some(opened) = &mut self.opened else { return err("log in first") };
        let offer = &self.settings.offer;
        let none = || err("no such message");
        match command {
            Command::Stat => {
                let (count, octets) = opened.stat();
                ok(&format!("{count} {octets}"))
            }
            Command::List(Some(number)) => match opened.place(number) {
                Some(place) => ok(&format!("{number} {}", opened.messages[place].octets)),
                None => none(),
            },
            Command::List(None) => {
                let (count, octets) = opened.stat();
                let text = format!("{count} messages ({octets} octets)");
                scan(&text, opened, |message| message.octets.to_string())
            }
            Command::Uidl(_) if !offer.uidl => err("UIDL is not offered here"),
            Command::Uidl(Some(number)) => match opened.place(number) {
                Some(place) => ok(&format!("{number} {}", opened.messages[place].id)),
                None => none(),
            },
            Command::Uidl(None) => scan("unique-ids", opened, |message| message.id.to_string()),
            Command::Retr(number) => match opened.place(number) {
                Some(place) => Answer { then: Then::Body { place, lines: None }, ..none() },
                None => none(),
            },
            Command::Top { .. } if !offer.top => err("TOP is not offered here"),
            Command::Top { number, lines } => match opened.place(number) {
                Some(place) => Answer { then: Then::Body { place, lines: Some(lines) }, ..none() },
                None => none(),
            },
            Command::Dele(number) => match opened.place(number) {
                Some(place) => {
                    opened.messages[place].is_deleted = true;
                    ok(&format!("message {number} is marked"))
                }
                None => none(),
            },
            Command::Rset => {
                for message in &mut opened.messages {
                    message.is_deleted = false;
                }
                let (count, octets) = opened.stat();
                ok(&format!("{count} messages ({octets} octets)"))
            }
            Command::Unknown { .. } => err("that command is not known here"),
            _ => err("logged in already"),
        }
    }

    /// The update state: what was marked is deleted, and the maildrop is let go.
    async fn quit(&mut self) -> Answer {
        let Some(Opened { mut spool, messages }) = self.opened.take() else {
            return Answer { then: Then::Close, ..ok("goodbye") };
        };
        let marked: Vec<Id> = messages
            .into_iter()
            .filter(|message| message.is_deleted)
            .map(|message| message.id)
            .collect();
        let deleted = match marked.is_empty() {
            true => Ok(()),
            false => spool.delete(&marked).await.map(drop),
        };
        let ended = spool.finish().await;
        let answer = match deleted.and(ended) {
            Ok(()) => ok(&format!("goodbye ({} messages deleted)", marked.len())),
            Err(_) => err("some deleted messages not removed"),
        };
        Answer { then: Then::Close, ..answer }
    }
}

fn ok(text: &str) -> Answer {
    Answer { reply: Reply::ok(text), listing: None, then: Then::Command }
}

fn err(text: &str) -> Answer {
    Answer { reply: Reply::err(text), listing: None, then: Then::Command }
}

fn ok_with<T: AsRef<[u8]>>(text: &str, lines: impl IntoIterator<Item = T>) -> Answer {
    let mut listing = Vec::new();
    for line in lines {
        // A line that cannot be written is left out rather than cut.
        let _ = Line::Text(line.as_ref()).encode(&mut listing);
    }
    listing.extend_from_slice(b".\r\n");
    Answer { listing: Some(listing), ..ok(text) }
}

/// A line with its number for each message that is not marked.
fn scan(text: &str, opened: &Opened, of: impl Fn(&Listed) -> String) -> Answer {
    let kept = opened.messages.iter().enumerate().filter(|(_, message)| !message.is_deleted);
    ok_with(text, kept.map(|(place, message)| format!("{} {}", place + 1, of(message))))
}

/// RFC 6856 section 3: English is all there is.
fn lang(tag: Option<&str>) -> Answer {
    match tag {
        None => ok_with("languages", ["en English"]),
        Some("*") => ok("en as it was"),
        Some(tag) if tag.eq_ignore_ascii_case("en") || tag.eq_ignore_ascii_case("i-default") => {
            ok("en it is")
        }
        Some(_) => err("no such language here"),
    }
}

/// The messages of a maildrop, with their octets as they will be sent: counted where the spool
/// does not know, as surrogates where the header has to be ASCII (RFC 6856 section 2.1).
async fn listed(spool: &mut dyn Spool, wants_ascii: bool) -> StoreResult<Vec<Listed>> {
    let all = spool.list().await?;
    let mut listed = Vec::with_capacity(all.len());
    for message in all {
        let octets = match message.size {
            Some(octets) => octets,
            None => {
                let mut count = Count { wants_ascii, ..Count::default() };
                spool.read(std::slice::from_ref(&message.id), &What::Whole, &mut count).await?;
                count.octets
            }
        };
        listed.push(Listed { id: message.id, octets, is_deleted: false });
    }
    Ok(listed)
}

/// Counts the octets of a message as they will be sent, every line end as two (RFC 1939 section
/// 11), and keeps nothing else.
#[derive(Default)]
struct Count {
    encoder: Option<Encoder>,
    scratch: Vec<u8>,
    octets: u64,
    /// A header in UTF-8 counts as the one that is sent in its place.
    wants_ascii: bool,
    /// What has come of such a header; `None`: it is over, or counts as it is.
    header: Option<Vec<u8>>,
}

impl Count {
    fn pass(&mut self, octets: &[u8]) {
        self.scratch.clear();
        if let Some(encoder) = &mut self.encoder {
            // Canonical encoding refuses nothing.
            let _ = encoder.push(octets, &mut self.scratch);
        }
        self.octets += self.scratch.len() as u64;
    }

    /// Counts the header that was held back; one that has no form in ASCII is not sent at all.
    fn pass_header(&mut self) {
        let Some(held) = self.header.take() else { return };
        let (header, body) = surrogate(&held);
        self.pass(header.as_deref().unwrap_or(&held[..held.len() - body.len()]));
        self.pass(body);
    }
}

#[async_trait(?Send)]
impl Sink for Count {
    async fn begin(&mut self, _: &Meta) -> StoreResult<()> {
        self.octets = 0;
        self.encoder = Some(Encoder::counted(LineEnds::Canonical));
        self.header = self.wants_ascii.then(Vec::new);
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> StoreResult<()> {
        let Some(header) = &mut self.header else {
            self.pass(octets);
            return Ok(());
        };
        if holds_header(header, octets) {
            self.pass_header();
        }
        Ok(())
    }

    async fn end(&mut self, _: &Meta) -> StoreResult<()> {
        self.pass_header();
        self.scratch.clear();
        if let Some(encoder) = self.encoder.take() {
            let _ = encoder.finish(&mut self.scratch);
        }
        self.octets += self.scratch.len() as u64;
        Ok(())
    }
}
