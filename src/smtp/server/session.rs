//! A session: what may come when, and what is answered. No sockets.
//!
//! RFC 5321 sections 3, 4.1.4 and 4.3, RFC 2033, RFC 3030, RFC 3207, RFC 4954, RFC 6531, RFC
//! 6409. Every command that was decoded, or could not be, has one [`Answer`]; what follows a
//! 354 or a BDAT is given as a whole to [`Session::message`].

use std::rc::Rc;

use super::{Delivery, Envelope, Message, Mode, Peer, Settings};
use crate::base::decode::Malformed;
use crate::base::dot::Bare;
use crate::sasl::{self, Channel, Mechanism};
use crate::smtp::syntax::command::{CLIENT_NAME, Command};
use crate::smtp::syntax::ehlo::Capabilities;
use crate::smtp::syntax::parameter::{BodyType, Hold, MailParameters, Parameter, RcptParameters};
use crate::smtp::syntax::path::{ForwardPath, ReversePath};
use crate::smtp::syntax::reply::Reply;

mod login;

/// What to say, and what to read next.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// `None`: nothing before the chunk has been read.
    pub reply: Option<Reply>,
    /// What comes next.
    pub then: Then,
}

/// What is read next.
#[derive(Debug, PartialEq, Eq)]
pub enum Then {
    /// A command line.
    Command,
    /// A line of an authentication, for [`Session::auth_response`].
    AuthResponse,
    /// Message data up to its dot, for [`Session::message`].
    Data,
    /// So many octets, and then perhaps [`Session::message`].
    Chunk {
        /// Octets of the chunk.
        octets: u64,
        /// It is the first of its message: what came before it is forgotten.
        first: bool,
        /// It is the last.
        last: bool,
        /// The replies to give once it has been read and dropped; `None`: it is wanted.
        refused: Option<Vec<Reply>>,
    },
    /// The TLS handshake, then [`Session::secured`].
    StartTls,
    /// Nothing: the connection ends.
    Close,
}

/// What a client sent as a message.
#[derive(Debug)]
pub struct Received {
    /// The octets, as far as they were kept.
    pub message: Message,
    /// Why they cannot be taken, whoever they are for.
    pub fault: Option<Fault>,
}

/// What is wrong with message data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is larger than [`Settings::message_octets`].
    TooLarge,
    /// DATA held a bare CR or LF, which other servers may take for a line end.
    Bare(Bare),
    /// It could not be spooled.
    Storage,
}

/// Characters of a client's words that come back in a reply, which has at most 512 octets a line
/// (RFC 5321 section 4.5.3.1.5): a domain's 255 (section 4.5.3.1.2) fit, with our own name.
const ECHOED: usize = 200;

/// One session.
pub struct Session {
    settings: Rc<Settings>,
    delivery: Rc<dyn Delivery>,
    peer: Peer,
    channel: Channel,
    /// The name in the client's certificate.
    subject: Option<String>,
    /// It said EHLO, LHLO or HELO.
    is_greeted: bool,
    /// What it was told then.
    offered: Capabilities,
    transaction: Option<Transaction>,
    exchange: Option<Box<dyn sasl::Server>>,
    /// Whom the exchange has proved, while its last challenge waits for the empty answer.
    proved: Option<String>,
    bad_commands: u32,
    messages: u32,
}

struct Transaction {
    from: ReversePath,
    parameters: MailParameters,
    recipients: Vec<(ForwardPath, RcptParameters)>,
    /// A chunk came already.
    is_chunked: bool,
    /// A chunk was refused: only RSET helps (RFC 3030 section 4.2).
    has_failed: bool,
}

impl Session {
    /// A session over a new connection; [`Session::secured`] follows at once under implicit TLS.
    pub fn new(settings: Rc<Settings>, delivery: Rc<dyn Delivery>, peer: Peer) -> Self {
        let host = settings.name.clone();
        let service = if settings.mode == Mode::Lmtp { "lmtp" } else { "smtp" };
        Self {
            settings,
            delivery,
            peer,
            channel: Channel { encrypted: false, bindings: Vec::new(), host, port: 0, service },
            subject: None,
            is_greeted: false,
            offered: Capabilities::default(),
            transaction: None,
            exchange: None,
            proved: None,
            bad_commands: 0,
            messages: 0,
        }
    }

    /// The 220 at the start.
    pub fn greeting(&self) -> Reply {
        let protocol = if self.settings.mode == Mode::Lmtp { "LMTP" } else { "ESMTP" };
        Reply::new(220, &format!("{} {protocol} pillarbox", self.settings.name))
    }

    /// Who is at the other end, as far as it has told.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// TLS has begun: everything that was said before is forgotten (RFC 3207 section 4.2).
    /// `tls` says in words what was negotiated, `subject` is the name in the client's
    /// certificate.
    pub fn secured(
        &mut self,
        tls: String,
        bindings: Vec<sasl::ChannelBinding>,
        subject: Option<String>,
    ) {
        self.peer = Peer { address: self.peer.address, tls: Some(tls), ..Peer::default() };
        self.channel.encrypted = true;
        self.channel.bindings = bindings;
        self.subject = subject;
        self.is_greeted = false;
        self.transaction = None;
    }

    /// Answers one command line, or one that could not be read.
    pub fn command(&mut self, command: Result<Command, Malformed>) -> Answer {
        let answer = match command {
            Ok(command) => self.known(command),
            Err(Malformed { offset: 0, expected: "a command" }) => {
                self.no(500, (5, 5, 2), "that is no command")
            }
            // RFC 4954 section 4.
            Err(Malformed { expected: "base64", .. }) => {
                self.no(501, (5, 5, 2), "that is not base64")
            }
            Err(Malformed { expected: CLIENT_NAME, .. }) => {
                answer(Reply::new(501, "syntax error: that is no name of a client"))
            }
            Err(malformed) => self.no(501, (5, 5, 4), &format!("syntax error: {malformed}")),
        };
        // A recipient that is not known here is no fault of the client's.
        let is_bad = answer.reply.as_ref().is_some_and(|reply| (500..505).contains(&reply.code()));
        self.bad_commands += u32::from(is_bad);
        if is_bad && self.bad_commands > self.settings.bad_commands {
            return self.goodbye(421, (4, 7, 0), "too many errors");
        }
        answer
    }

    /// The answer to a line without an end within the limit.
    pub fn line_too_long(&mut self) -> Answer {
        self.bad_commands += 1;
        let is_exchange = self.exchange.is_some();
        self.forget_exchange();
        match is_exchange {
            true => self.no(500, (5, 5, 6), "authentication exchange line is too long"),
            false => self.no(500, (5, 5, 2), "line too long"),
        }
    }

    /// The last words to a client that was silent for too long.
    pub fn timed_out(&self) -> Reply {
        self.reply(421, (4, 4, 2), &format!("{} idle for too long", self.settings.name))
    }

    /// The last words of a server that is to end (RFC 5321 section 3.8).
    pub fn ending(&self) -> Reply {
        self.reply(421, (4, 3, 2), "ending now")
    }

    fn known(&mut self, command: Command) -> Answer {
        match command {
            Command::Ehlo(_) | Command::Helo(_) if self.settings.mode == Mode::Lmtp => {
                // RFC 2034 section 4: no enhanced code in any answer to these.
                answer(Reply::new(500, "this is LMTP: LHLO"))
            }
            Command::Lhlo(_) if self.settings.mode != Mode::Lmtp => {
                answer(Reply::new(500, "this is not LMTP: EHLO"))
            }
            Command::Ehlo(name) | Command::Lhlo(name) => self.hello(name, false),
            Command::Helo(name) => self.hello(name, true),
            Command::Mail(from, parameters) => self.mail(from, parameters),
            Command::Rcpt(to, parameters) => self.rcpt(to, parameters),
            Command::Data => self.data(),
            Command::Bdat { octets, last } => self.chunk(octets, last),
            Command::Rset => {
                self.transaction = None;
                self.yes(250, (2, 0, 0), "reset")
            }
            Command::Noop(_) => self.yes(250, (2, 0, 0), "ok"),
            Command::Help(_) => self.yes(
                214,
                (2, 0, 0),
                "HELO EHLO LHLO MAIL RCPT DATA BDAT RSET NOOP HELP VRFY QUIT STARTTLS AUTH",
            ),
            Command::Vrfy(text) => {
                let known = self.delivery.verify(&text);
                let unknown = "send some mail, and see";
                answer(match known {
                    Some(reply) => self.told(reply),
                    None => self.reply(252, (2, 0, 0), unknown),
                })
            }
            Command::Expn(_) => self.no(502, (5, 5, 1), "there are no lists here"),
            Command::Quit => self.goodbye(221, (2, 0, 0), "goodbye"),
            Command::StartTls => self.start_tls(),
            Command::Auth { mechanism, initial } => self.auth(&mechanism, initial),
            Command::Xclient(attributes) => self.xclient(attributes),
            Command::Unknown { verb, .. } => {
                let verb: String = verb.chars().take(ECHOED).collect();
                self.no(500, (5, 5, 1), &format!("{verb} is not known here"))
            }
        }
    }

    fn hello(&mut self, name: String, is_old: bool) -> Answer {
        self.peer.name = name;
        self.peer.is_old = is_old;
        self.is_greeted = true;
        self.transaction = None;
        // RFC 6531 section 3.7.1: nothing but ASCII before a client has said SMTPUTF8.
        let is_short = self.peer.name.len() <= ECHOED;
        let greeting = match self.peer.name.is_ascii() && is_short {
            true => format!("{} greets {}", self.settings.name, self.peer.name),
            false => self.settings.name.clone(),
        };
        self.offered = self.offer();
        if is_old {
            return answer(Reply::new(250, &greeting));
        }
        answer(Capabilities { greeting, ..self.offered.clone() }.to_reply())
    }

    /// What the session can have at this moment.
    fn offer(&self) -> Capabilities {
        let mut offer = match self.peer.is_old {
            true => Capabilities::default(),
            false => self.settings.offer.clone(),
        };
        let is_encrypted = self.channel.encrypted;
        offer.starttls &= !is_encrypted;
        offer.require_tls &= is_encrypted;
        offer.binary_mime &= offer.chunking;
        // RFC 6531 section 3.1, item 8.
        offer.smtputf8 &= offer.eight_bit_mime;
        offer.auth.retain(|name| self.may_use(name));
        // Who may say where mail comes from has to be trusted.
        if self.peer.address.is_some_and(|address| !address.ip().to_canonical().is_loopback()) {
            offer.xclient.clear();
        }
        if let Some(release) = &mut offer.future_release {
            let now = jiff::Timestamp::now().as_second();
            let latest = jiff::Timestamp::from_second(now + i64::from(release.max_seconds));
            release.max_time = latest.unwrap_or(jiff::Timestamp::MAX);
        }
        offer
    }

    fn may_use(&self, name: &str) -> bool {
        let Some(mechanism) = Mechanism::from_name(name) else { return false };
        let is_safe =
            self.channel.encrypted || self.settings.allow_cleartext || !mechanism.is_cleartext();
        let is_bound = !mechanism.is_channel_bound() || !self.channel.bindings.is_empty();
        let has_subject = mechanism != Mechanism::External || self.subject.is_some();
        is_safe && is_bound && has_subject && self.peer.user.is_none()
    }

    fn mail(&mut self, from: ReversePath, mut parameters: MailParameters) -> Answer {
        if !self.is_greeted {
            return self.no(503, (5, 5, 1), "say hello first");
        }
        if self.transaction.is_some() {
            return self.no(503, (5, 5, 1), "nested MAIL");
        }
        if self.settings.require_tls && !self.channel.encrypted {
            return self.no(530, (5, 7, 0), "STARTTLS comes first");
        }
        if self.settings.mode == Mode::Submission && self.peer.user.is_none() {
            return self.no(530, (5, 7, 0), "authentication required");
        }
        let most = self.settings.offer.limits.as_ref().and_then(|limits| limits.mail_max);
        if most.is_some_and(|most| self.messages >= most) {
            return self.no(451, (4, 7, 0), "enough messages for one session");
        }
        let takes_logins = !self.peer.is_old && !self.settings.offer.auth.is_empty();
        if parameters.auth.is_some() && !takes_logins {
            return self.no(555, (5, 5, 4), "AUTH is not offered here");
        }
        if let Some(keyword) = unoffered(&parameters, &self.offered) {
            let text = format!("{keyword} is not offered here");
            return self.no(555, (5, 5, 4), &text);
        }
        if parameters.size.is_some_and(|size| size > self.settings.message_octets) {
            return self.no(552, (5, 3, 4), "the message is too large");
        }
        if let Some(text) = self.impossible_time(&parameters) {
            return self.no(501, (5, 5, 4), text);
        }
        if from.needs_smtputf8() && !parameters.smtputf8 {
            // RFC 6531 section 3.5: 550 here, 553 for RCPT.
            return self.no(550, (5, 6, 7), "that address needs SMTPUTF8");
        }
        if self.settings.mode == Mode::Submission && matches!(from, ReversePath::Local(_)) {
            // RFC 6409 section 4.2.
            return self.no(554, (5, 1, 7), "the sender's address needs a domain");
        }
        if let Err(reply) = self.delivery.sender(&self.peer, &from) {
            return answer(self.told(reply));
        }
        // RFC 6710 section 4.1: nobody unknown comes before others.
        let is_lowered = self.settings.mode == Mode::Smtp
            && self.peer.user.is_none()
            && parameters.priority.is_some_and(|priority| priority > 0);
        if is_lowered {
            parameters.priority = Some(0);
        }
        self.transaction = Some(Transaction {
            from,
            parameters,
            recipients: Vec::new(),
            is_chunked: false,
            has_failed: false,
        });
        match is_lowered {
            true => self.yes(250, (2, 3, 6), "0 is the priority of those who have not logged in"),
            false => self.yes(250, (2, 1, 0), "sender ok"),
        }
    }

    /// What is wrong with when the message is to be released and delivered (RFC 4865 sections 4
    /// and 5.2.2, RFC 2852 section 4).
    fn impossible_time(&self, parameters: &MailParameters) -> Option<&'static str> {
        let now = jiff::Timestamp::now();
        let hold = match (&parameters.hold, &self.offered.future_release) {
            (Some(Hold::For(seconds)), Some(offered)) if *seconds > offered.max_seconds => {
                return Some("the message cannot be held for so long");
            }
            (Some(Hold::Until(time)), Some(offered)) if *time > offered.max_time => {
                return Some("the message cannot be held until then");
            }
            (Some(Hold::For(seconds)), _) => i64::from(*seconds),
            (Some(Hold::Until(time)), _) => time.as_second() - now.as_second(),
            (None, _) => 0,
        };
        let by = parameters.by.as_ref()?;
        let least = self.offered.deliver_by.unwrap_or(0);
        let is_over = by.is_return && by.seconds <= 0;
        let is_short = by.is_return && i64::from(by.seconds) < i64::from(least);
        match () {
            () if is_over => Some("BY=...;R needs a time that is not over"),
            () if is_short => Some("BY=...;R needs more time than that"),
            () if hold > i64::from(by.seconds) && hold > 0 => {
                Some("the message would be released behind its delivery")
            }
            () => None,
        }
    }

    fn rcpt(&mut self, to: ForwardPath, parameters: RcptParameters) -> Answer {
        let Some(transaction) = &self.transaction else {
            return self.no(503, (5, 5, 1), "MAIL comes first");
        };
        if transaction.is_chunked {
            return self.no(503, (5, 5, 1), "BDAT has begun");
        }
        if (parameters.notify.is_some() || parameters.orcpt.is_some()) && !self.offered.dsn {
            return self.no(555, (5, 5, 4), "DSN is not offered here");
        }
        if let Some(Parameter { keyword, .. }) = parameters.other.first() {
            let text = format!("{keyword} is not offered here");
            return self.no(555, (5, 5, 4), &text);
        }
        if to.needs_smtputf8() && !transaction.parameters.smtputf8 {
            return self.no(553, (5, 6, 7), "that address needs SMTPUTF8");
        }
        let is_bare = matches!(to, ForwardPath::Local(_)) && !to.is_postmaster();
        if self.settings.mode == Mode::Submission && is_bare {
            // RFC 6409 section 4.2.
            return self.no(554, (5, 1, 3), "the recipient's address needs a domain");
        }
        if transaction.recipients.len() >= self.settings.recipients as usize {
            // RFC 5321 section 4.5.3.1.10.
            return self.no(452, (4, 5, 3), "too many recipients");
        }
        if let Err(reply) = self.delivery.recipient(&self.peer, &to) {
            return answer(self.told(reply));
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.recipients.push((to, parameters));
        }
        self.yes(250, (2, 1, 5), "recipient ok")
    }

    /// Why no message may come now.
    fn no_message(&self) -> Option<Reply> {
        match &self.transaction {
            None => Some(self.reply(503, (5, 5, 1), "MAIL comes first")),
            // RFC 2033 section 4.2 has 503, where RFC 5321 section 3.3 allows 554 too.
            Some(transaction) if transaction.recipients.is_empty() => {
                let code = if self.settings.mode == Mode::Lmtp { 503 } else { 554 };
                Some(self.reply(code, (5, 5, 1), "no valid recipients"))
            }
            Some(transaction) if transaction.has_failed => {
                Some(self.reply(503, (5, 5, 1), "a chunk failed: RSET"))
            }
            Some(_) => None,
        }
    }

    fn data(&mut self) -> Answer {
        if let Some(reply) = self.no_message() {
            return answer(reply);
        }
        let is_binary = self.transaction.as_ref().is_some_and(|transaction| {
            transaction.is_chunked || transaction.parameters.body == Some(BodyType::BinaryMime)
        });
        if is_binary {
            return self.no(503, (5, 5, 1), "BDAT and BINARYMIME forbid DATA");
        }
        let reply = Reply::new(354, "end the message with a dot on a line by itself");
        Answer { reply: Some(reply), then: Then::Data }
    }

    fn chunk(&mut self, octets: u64, last: bool) -> Answer {
        let refused = match self.offered.chunking || !self.is_greeted {
            false => Some(self.reply(502, (5, 5, 1), "CHUNKING is not offered here")),
            true => self.no_message(),
        };
        let mut first = true;
        if let Some(transaction) = &mut self.transaction {
            first = !std::mem::replace(&mut transaction.is_chunked, true);
            transaction.has_failed |= refused.is_some();
        }
        // RFC 2033 section 4.3: the end of the message has a reply for each recipient.
        // None at all where no RCPT was accepted; outside a transaction something has to be said.
        let recipients = self.transaction.as_ref().map_or(1, |it| it.recipients.len());
        let count = if last && self.settings.mode == Mode::Lmtp { recipients } else { 1 };
        let refused = refused.map(|reply| vec![reply; count]);
        Answer { reply: None, then: Then::Chunk { octets, first, last, refused } }
    }

    /// A chunk was answered by another than this session, and its octets are gone: every later
    /// one is refused.
    pub fn chunk_lost(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            (transaction.is_chunked, transaction.has_failed) = (true, true);
        }
    }

    /// The reply to a chunk that is not the last, once it was read; with a fault, the
    /// transaction is spoilt and every later chunk is refused.
    pub fn chunk_read(&mut self, octets: u64, fault: Option<Fault>) -> Reply {
        match fault {
            None => self.reply(250, (2, 0, 0), &format!("{octets} octets received")),
            Some(fault) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.has_failed = true;
                }
                self.fault(fault)
            }
        }
    }

    /// Delivers a message that has come whole, and gives the replies to it: one, or one for
    /// each recipient (LMTP), or a 353 with one for each recipient and one for all (PRDR).
    pub async fn message(&mut self, received: Received) -> Vec<Reply> {
        let Some(transaction) = self.transaction.take() else {
            return vec![self.reply(503, (5, 5, 1), "MAIL comes first")];
        };
        let is_lmtp = self.settings.mode == Mode::Lmtp;
        let count = transaction.recipients.len();
        if let Some(fault) = received.fault {
            let reply = self.fault(fault);
            return if is_lmtp { vec![reply; count] } else { vec![reply] };
        }
        self.messages += 1;
        let prdr = transaction.parameters.prdr;
        let envelope = Envelope {
            peer: self.peer.clone(),
            is_lmtp,
            from: transaction.from,
            parameters: transaction.parameters,
            recipients: transaction.recipients,
        };
        let replies = self.delivery.deliver(envelope, received.message).await;
        let mut replies: Vec<Reply> = replies.into_iter().map(|reply| self.told(reply)).collect();
        let missing = || self.reply(451, (4, 3, 0), "nobody says what became of it");
        replies.resize_with(count, missing);
        if is_lmtp {
            return replies;
        }
        let first = replies.iter().position(Reply::is_positive).unwrap_or(0);
        let whole = replies.get(first).cloned().unwrap_or_else(missing);
        if !prdr {
            return vec![whole];
        }
        replies.insert(0, Reply::new(353, "content is judged for each recipient"));
        replies.push(whole);
        replies
    }

    fn fault(&self, fault: Fault) -> Reply {
        match fault {
            Fault::TooLarge => self.reply(552, (5, 3, 4), "the message is too large"),
            // RFC 5321 section 2.3.8; refusing is what stops SMTP smuggling.
            Fault::Bare(bare) => {
                self.reply(550, (5, 5, 2), &format!("{bare} of the message is not allowed"))
            }
            Fault::Storage => self.reply(452, (4, 3, 1), "no room to keep the message"),
        }
    }

    fn start_tls(&mut self) -> Answer {
        if self.channel.encrypted {
            return self.no(503, (5, 5, 1), "TLS is there already");
        }
        if !self.settings.offer.starttls {
            return self.no(502, (5, 5, 1), "STARTTLS is not offered here");
        }
        Answer { then: Then::StartTls, ..self.yes(220, (2, 0, 0), "go ahead") }
    }

    fn xclient(&mut self, attributes: Vec<(String, String)>) -> Answer {
        let offer = self.offer().xclient;
        if offer.is_empty() {
            return self.no(502, (5, 5, 1), "XCLIENT is not offered here");
        }
        if self.transaction.is_some() {
            return self.no(503, (5, 5, 1), "XCLIENT stands before MAIL");
        }
        if attributes.iter().any(|(name, _)| !offer.contains(name)) {
            return self.no(501, (5, 5, 4), "that attribute is not offered here");
        }
        let told = |name: &str| {
            let value = attributes.iter().find(|(told, _)| told == name).map(|(_, value)| value);
            value.filter(|value| !value.starts_with('[')).cloned()
        };
        if let Some(user) = told("LOGIN") {
            self.peer.user = Some(user);
        }
        if let Some(address) = told("ADDR") {
            let address = address.strip_prefix("IPV6:").unwrap_or(&address).parse();
            let port = told("PORT").and_then(|port| port.parse().ok()).unwrap_or(0);
            self.peer.address = address.ok().map(|ip| std::net::SocketAddr::new(ip, port));
        }
        if let Some(name) = told("HELO") {
            self.peer.name = name;
        }
        self.peer.attributes = attributes;
        self.is_greeted = false;
        answer(self.greeting())
    }

    fn yes(&self, code: u16, enhanced: (u8, u16, u16), text: &str) -> Answer {
        answer(self.reply(code, enhanced, text))
    }

    fn no(&self, code: u16, enhanced: (u8, u16, u16), text: &str) -> Answer {
        answer(self.reply(code, enhanced, text))
    }

    fn goodbye(&self, code: u16, enhanced: (u8, u16, u16), text: &str) -> Answer {
        let text = format!("{} {text}", self.settings.name);
        Answer { reply: Some(self.reply(code, enhanced, &text)), then: Then::Close }
    }

    /// What the delivery says, as this server says it: without an enhanced code where none is
    /// offered.
    fn told(&self, reply: Reply) -> Reply {
        match reply.enhanced_code() {
            Some(_) if !self.settings.offer.enhanced_status_codes => {
                Reply::new(reply.code(), &reply.text())
            }
            _ => reply,
        }
    }

    fn reply(&self, code: u16, enhanced: (u8, u16, u16), text: &str) -> Reply {
        match self.settings.offer.enhanced_status_codes {
            true => Reply::enhanced(code, enhanced, text),
            false => Reply::new(code, text),
        }
    }
}

fn answer(reply: Reply) -> Answer {
    Answer { reply: Some(reply), then: Then::Command }
}

/// The keyword of a parameter whose extension is not offered.
fn unoffered<'a>(asks: &'a MailParameters, has: &Capabilities) -> Option<&'a str> {
    let wants_dsn = asks.ret.is_some() || asks.envid.is_some();
    [
        (asks.size.is_some(), has.size.is_some(), "SIZE"),
        (
            matches!(asks.body, Some(BodyType::SevenBit | BodyType::EightBitMime)),
            has.eight_bit_mime,
            "BODY",
        ),
        (asks.body == Some(BodyType::BinaryMime), has.binary_mime, "BODY=BINARYMIME"),
        (asks.smtputf8, has.smtputf8, "SMTPUTF8"),
        (wants_dsn, has.dsn, "DSN"),
        (asks.require_tls, has.require_tls, "REQUIRETLS"),
        (asks.hold.is_some(), has.future_release.is_some(), "FUTURERELEASE"),
        (asks.priority.is_some(), has.mt_priority.is_some(), "MT-PRIORITY"),
        (asks.by.is_some(), has.deliver_by.is_some(), "DELIVERBY"),
        (asks.prdr, has.prdr, "PRDR"),
    ]
    .into_iter()
    .find_map(|(asked, offered, keyword)| (asked && !offered).then_some(keyword))
    .or_else(|| asks.other.first().map(|parameter| parameter.keyword.as_str()))
}
