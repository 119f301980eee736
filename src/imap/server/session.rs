//! One client's session: states, commands, and who may do what when (RFC 9051 section 3).
//!
//! A session is given decoded commands and puts its responses into an [`Outlet`]. It knows
//! no socket: what has to happen on the wire (STARTTLS, IDLE, the lines of AUTHENTICATE) it
//! asks for by [`Next`].

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use super::auth::{self, Answer, Exchange};
use super::notify::Watch;
use super::outcome::{Outcome, Voice};
use super::replies::Outlet;
use super::view::Selected;
use super::{Server, append, capability, metadata};
use crate::base::decode::Malformed;
use crate::base::secret::Secret;
use crate::imap::syntax::code::{Code, Word as CodeWord};
use crate::imap::syntax::command::{self, Command, Tagged, Word};
use crate::imap::syntax::response::{Condition, Data, StatusText};
use crate::net;
use crate::sasl::{self, Channel, Mechanism, Secrets};
use crate::store::memory::Shared;

/// What the connection has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Read a command.
    Command,
    /// Read a line and give it to [`Session::challenge_line`].
    Challenge,
    /// Wait for changes, and for the line that ends it: [`Session::idle_update`],
    /// [`Session::idle_line`].
    Idle,
    /// Make sure that nothing unread is buffered, and call [`Session::start_tls`].
    StartTls,
    /// The same with [`Session::compress`].
    Compress,
    /// Send what there is, and close.
    Close,
}

/// A session.
pub struct Session {
    pub(super) server: Rc<Server>,
    secrets: Rc<dyn Secrets>,
    channel: Channel,
    pub(super) voice: Voice,
    pub(super) account: Option<Shared>,
    /// Who has logged in; empty before.
    pub(super) user: String,
    /// What NOTIFY asks for.
    pub(super) watch: Option<Watch>,
    pub(super) selected: Option<Selected>,
    /// The account of the newsgroups, while one of them is open.
    pub(super) news: Option<Shared>,
    exchange: Option<Exchange>,
    /// The tag of the command that [`Next`] has interrupted.
    tag: Vec<u8>,
    /// Whether DEFLATE lies over the connection (RFC 4978).
    pub(super) compressed: bool,
    bad_commands: u32,
    failed_logins: u32,
}

impl Session {
    /// A session that nobody has logged into. `channel` tells what protects it.
    pub fn new(server: Rc<Server>, secrets: Rc<dyn Secrets>, channel: Channel) -> Self {
        Self {
            server,
            secrets,
            channel,
            voice: Voice::new(),
            account: None,
            user: String::new(),
            watch: None,
            selected: None,
            news: None,
            exchange: None,
            tag: Vec::new(),
            compressed: false,
            bad_commands: 0,
            failed_logins: 0,
        }
    }

    /// Says the greeting.
    ///
    /// # Errors
    /// The outlet's, as in all calls here.
    pub async fn greet(&mut self, out: &mut dyn Outlet) -> Result<(), net::Error> {
        let capabilities = self.capabilities();
        self.voice.note(Code::Capability(capabilities), "Pillarbox is ready");
        out.send(&mut self.voice.replies).await
    }

    /// The account of the open mailbox, else of the user who is logged in; `None` before.
    pub fn account(&self) -> Option<&Shared> {
        self.news.as_ref().or(self.account.as_ref())
    }

    /// Whether a literal of this size may be sent with the command that begins so; the
    /// answer to the command where it may not. Small ones may always.
    pub(super) fn refuses_literal(&self, head: &[u8], octets: u64) -> Option<Outcome> {
        let mut words = head.split(|octet| *octet == b' ');
        let mut name = words.nth(1).unwrap_or_default();
        if name.eq_ignore_ascii_case(b"UID") {
            name = words.next().unwrap_or_default();
        }
        let stores = name.eq_ignore_ascii_case(b"APPEND") || name.eq_ignore_ascii_case(b"REPLACE");
        if self.account.is_some() && name.eq_ignore_ascii_case(b"SETMETADATA") {
            return Some(metadata::too_long());
        }
        if self.account.is_none() || !stores {
            return Some(Outcome::bad("no literal as large as that belongs here"));
        }
        (octets > self.server.settings.append_limit).then(append::too_big)
    }

    /// Asks for a literal.
    ///
    /// # Errors
    /// The outlet's.
    pub(super) async fn go_on(&mut self, out: &mut dyn Outlet) -> Result<(), net::Error> {
        self.voice.go_on(b"OK");
        out.send(&mut self.voice.replies).await
    }

    /// Answers a command with this and no more.
    ///
    /// # Errors
    /// The outlet's.
    pub(super) async fn answer(
        &mut self,
        tag: Option<&[u8]>,
        outcome: &Outcome,
        out: &mut dyn Outlet,
    ) -> Result<Next, net::Error> {
        match tag {
            Some(tag) => self.voice.tagged(tag, outcome),
            None => self.voice.data(Data::Status(StatusText {
                condition: outcome.condition,
                code: None,
                text: Cow::Borrowed(outcome.text.as_bytes()),
            })),
        }
        let next = self.count(outcome);
        out.send(&mut self.voice.replies).await?;
        Ok(next)
    }

    /// Answers octets that are no command.
    ///
    /// # Errors
    /// The outlet's.
    pub async fn malformed(
        &mut self,
        octets: &[u8],
        why: &Malformed,
        out: &mut dyn Outlet,
    ) -> Result<Next, net::Error> {
        let outcome = Outcome::bad(match why.expected {
            "command" => "there is no such command",
            "CRLF" => "more stands there than the command takes",
            _ => "that is not how the command is written",
        });
        self.answer(command::tag(octets), &outcome, out).await
    }

    /// Says goodbye to a client that was silent for too long, or that has to go.
    ///
    /// # Errors
    /// The outlet's.
    pub async fn bye(
        &mut self,
        text: &'static str,
        out: &mut dyn Outlet,
    ) -> Result<(), net::Error> {
        self.voice.bye(text);
        out.send(&mut self.voice.replies).await
    }

    /// Handles a command. `literals` are those that were streamed past the decoder, in their
    /// order. Not cancel-safe: a session is of no use after a cancelled call.
    ///
    /// # Errors
    /// The outlet's.
    pub async fn command(
        &mut self,
        tagged: &Tagged<'_>,
        literals: Vec<Arc<[u8]>>,
        out: &mut dyn Outlet,
    ) -> Result<Next, net::Error> {
        if let Err(outcome) = self.admit(&tagged.command) {
            return self.answer(Some(&tagged.tag), &outcome, out).await;
        }
        self.tag = tagged.tag.to_vec();
        // What others did until now is told as such; what this command does is not news to
        // its client (RFC 5465 section 5).
        self.tell_events();
        match &tagged.command {
            Command::Word(Word::Unauthenticate) => {
                return self.unauthenticate(&tagged.tag, out).await;
            }
            Command::Word(Word::StartTls) => return Ok(Next::StartTls),
            Command::Compress(algorithm)
                if algorithm.eq_ignore_ascii_case(b"DEFLATE") && !self.compressed =>
            {
                return Ok(Next::Compress);
            }
            Command::Word(Word::Idle) => {
                self.update(true);
                self.voice.go_on(b"idling");
                out.send(&mut self.voice.replies).await?;
                return Ok(Next::Idle);
            }
            Command::Authenticate { mechanism, initial } => {
                let answer = self.begin_exchange(mechanism, initial.as_ref());
                return self.answer_exchange(answer, out).await;
            }
            Command::Word(Word::Logout) => {
                self.voice.bye("goodbye");
                self.voice.tagged(&tagged.tag, &Outcome::ok("logged out"));
                out.send(&mut self.voice.replies).await?;
                return Ok(Next::Close);
            }
            _ => {}
        }
        let outcome = self.execute(tagged, literals, out).await?;
        if outcome.condition != Condition::Bad {
            self.update(allows_expunges(&tagged.command));
        }
        self.look();
        self.voice.tagged(&tagged.tag, &outcome);
        let next = self.count(&outcome);
        out.send(&mut self.voice.replies).await?;
        Ok(next)
    }

    /// Whether a command may come now.
    fn admit(&self, command: &Command<'_>) -> Result<(), Outcome> {
        let logged_in = self.account.is_some();
        match needs(command) {
            Needs::Nothing => Ok(()),
            Needs::NoLogin if logged_in => Err(Outcome::bad("you are logged in already")),
            Needs::NoLogin => Ok(()),
            _ if !logged_in => Err(Outcome::bad("log in first")),
            Needs::Mailbox if self.selected.is_none() => {
                Err(Outcome::bad("select a mailbox first"))
            }
            Needs::Login | Needs::Mailbox => Ok(()),
        }
    }

    /// Counts what goes wrong; too much of it ends the session.
    fn count(&mut self, outcome: &Outcome) -> Next {
        if !outcome.is_ok() && self.failed_logins >= self.server.settings.failed_logins {
            self.voice.bye("too many failed logins");
            return Next::Close;
        }
        if outcome.condition != Condition::Bad {
            self.bad_commands = 0;
            return Next::Command;
        }
        self.bad_commands += 1;
        if self.bad_commands < self.server.settings.bad_commands {
            return Next::Command;
        }
        self.voice.bye("too many bad commands");
        Next::Close
    }

    /// Tells what has changed in the open mailbox.
    fn update(&mut self, expunges: bool) {
        let account = self.news.as_ref().or(self.account.as_ref());
        let (Some(selected), Some(account)) = (&mut self.selected, account) else { return };
        match &self.watch {
            None => selected.update(&mut self.voice, account, expunges),
            Some(watch) => {
                selected.update_only(&mut self.voice, account, expunges, &watch.selected);
            }
        }
    }

    /// Tells what has changed elsewhere.
    fn tell_events(&mut self) {
        let selected = self.selected.as_ref().map(|selected| selected.id);
        if let (Some(watch), Some(account)) = (&mut self.watch, &self.account) {
            watch.tell(&mut self.voice, &account.borrow(), &self.user, selected);
        }
    }

    /// Takes what has changed elsewhere for told.
    fn look(&mut self) {
        if let (Some(watch), Some(account)) = (&mut self.watch, &self.account) {
            watch.look(&account.borrow(), &self.user);
        }
    }

    /// Whether events are to be told while no command is in progress (RFC 5465).
    pub(super) fn is_watching(&self) -> bool {
        self.watch.is_some()
    }

    /// Tells events while no command is in progress.
    ///
    /// # Errors
    /// The outlet's.
    pub async fn watch_update(&mut self, out: &mut dyn Outlet) -> Result<(), net::Error> {
        let expunges = self.watch.as_ref().is_some_and(|watch| !watch.selected.delayed);
        self.update(expunges);
        self.tell_events();
        out.send(&mut self.voice.replies).await
    }

    /// UNAUTHENTICATE (RFC 8437): as after the greeting, TLS and compression aside.
    async fn unauthenticate(
        &mut self,
        tag: &[u8],
        out: &mut dyn Outlet,
    ) -> Result<Next, net::Error> {
        self.account = None;
        self.user.clear();
        self.watch = None;
        self.selected = None;
        self.voice.forget();
        let outcome =
            Outcome::ok("nobody is logged in").with(Code::Capability(self.capabilities()));
        self.answer(Some(tag), &outcome, out).await
    }

    pub(super) fn capabilities(&self) -> Vec<Cow<'static, [u8]>> {
        let settings = &self.server.settings;
        let tls = self.server.acceptor.is_some() && !self.channel.encrypted;
        let offered = self.account.is_none().then(|| self.mechanisms());
        capability::list(settings, &self.channel, tls, self.compressed, offered.as_deref())
    }

    fn mechanisms(&self) -> Vec<Mechanism> {
        let certificate = self.secrets.external_identity().is_some();
        capability::mechanisms(&self.server.settings, &self.channel, certificate)
    }
}

/// What has to be before a command may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    NoLogin,
    Login,
    Mailbox,
}

/// RFC 9051 sections 6.1 to 6.4.
pub(super) fn needs(command: &Command<'_>) -> Needs {
    match command {
        Command::Word(Word::Capability | Word::Noop | Word::Logout)
        | Command::Id(_)
        | Command::Language(_) => Needs::Nothing,
        Command::Word(Word::StartTls) | Command::Login { .. } | Command::Authenticate { .. } => {
            Needs::NoLogin
        }
        Command::Word(Word::Check | Word::Close | Word::Expunge | Word::Unselect)
        | Command::UidExpunge(_)
        | Command::Copy { .. }
        | Command::Move { .. }
        | Command::Fetch { .. }
        | Command::Store { .. }
        | Command::Replace { .. }
        | Command::CancelUpdate(_)
        | Command::Search(..)
        | Command::Sort(..)
        | Command::Thread(..) => Needs::Mailbox,
        _ => Needs::Login,
    }
}

/// RFC 9051 section 7.5.1, RFC 5256: not while FETCH, STORE, SEARCH, SORT or THREAD without
/// UID is answered.
fn allows_expunges(command: &Command<'_>) -> bool {
    !matches!(
        command,
        Command::Fetch { uid: false, .. }
            | Command::Store { uid: false, .. }
            | Command::Search(false, _)
            | Command::Sort(false, _)
            | Command::Thread(false, _)
    )
}

// Logging in.
impl Session {
    pub(super) fn login(&mut self, user: &[u8], password: &Secret) -> Outcome {
        if !self.channel.encrypted && !self.server.settings.allow_cleartext {
            return Outcome::no("no password in the clear").word(CodeWord::PrivacyRequired);
        }
        let plain = self.mechanism(Mechanism::Plain);
        match auth::login(plain, user, password) {
            Some(user) => self.admit_user(&user),
            None => self.refuse_login(
                Outcome::no("the login was refused").word(CodeWord::AuthenticationFailed),
            ),
        }
    }

    fn mechanism(&self, mechanism: Mechanism) -> Box<dyn sasl::Server> {
        let secrets = self.secrets.clone();
        sasl::server(mechanism, secrets, &self.channel, &mut sasl::system_random)
    }

    /// Opens the mail of a user who has proved to be that.
    fn admit_user(&mut self, user: &str) -> Outcome {
        match self.server.accounts.account(user) {
            Some(account) => {
                self.account = Some(account);
                self.user = user.to_lowercase();
                Outcome::ok("logged in").with(Code::Capability(self.capabilities()))
            }
            None => self.refuse_login(
                Outcome::no("there is no mail for that user").word(CodeWord::AuthorizationFailed),
            ),
        }
    }

    fn refuse_login(&mut self, outcome: Outcome) -> Outcome {
        self.failed_logins += 1;
        outcome
    }

    fn begin_exchange(&mut self, name: &[u8], initial: Option<&Secret>) -> Answer {
        let named = std::str::from_utf8(name).ok().and_then(Mechanism::from_name);
        let Some(mechanism) = named else {
            return Answer::Refused(
                Outcome::no("the mechanism is not known").word(CodeWord::Cannot),
            );
        };
        if !self.mechanisms().contains(&mechanism) {
            let outcome = Outcome::no("the mechanism is not offered here");
            let private = self.channel.encrypted || !mechanism.is_cleartext();
            return Answer::Refused(if private {
                outcome.word(CodeWord::Cannot)
            } else {
                outcome.word(CodeWord::PrivacyRequired)
            });
        }
        if initial.is_some() && !mechanism.takes_initial_response() {
            // RFC 4959 section 3.
            let outcome = Outcome::bad("the mechanism has no initial response");
            return Answer::Refused(outcome);
        }
        let (exchange, answer) = Exchange::begin(self.mechanism(mechanism), initial);
        self.exchange = Some(exchange);
        answer
    }

    async fn answer_exchange(
        &mut self,
        answer: Answer,
        out: &mut dyn Outlet,
    ) -> Result<Next, net::Error> {
        let outcome = match answer {
            Answer::Challenge(text) => {
                self.voice.go_on(text.as_bytes());
                out.send(&mut self.voice.replies).await?;
                return Ok(Next::Challenge);
            }
            Answer::Proved(user) => self.admit_user(&user),
            Answer::Refused(outcome) => self.refuse_login(outcome),
        };
        self.exchange = None;
        let tag = std::mem::take(&mut self.tag);
        self.voice.tagged(&tag, &outcome);
        let next = self.count(&outcome);
        out.send(&mut self.voice.replies).await?;
        Ok(next)
    }

    /// Takes the client's line after [`Next::Challenge`], its end included.
    ///
    /// # Errors
    /// The outlet's.
    pub async fn challenge_line(
        &mut self,
        line: &[u8],
        out: &mut dyn Outlet,
    ) -> Result<Next, net::Error> {
        let answer = match &mut self.exchange {
            Some(exchange) => exchange.line(line),
            None => Answer::Refused(Outcome::bad("no login is in progress")),
        };
        self.answer_exchange(answer, out).await
    }

    /// Answers STARTTLS after [`Next::StartTls`]: whether TLS begins now. `clean`: nothing
    /// stands unread behind the command, which could be an injected one (RFC 9051 section
    /// 11.1).
    ///
    /// # Errors
    /// The outlet's.
    pub async fn start_tls(
        &mut self,
        clean: bool,
        out: &mut dyn Outlet,
    ) -> Result<bool, net::Error> {
        let outcome = if self.channel.encrypted {
            Outcome::bad("TLS is active already")
        } else if self.server.acceptor.is_none() {
            Outcome::bad("TLS is not offered")
        } else if !clean {
            Outcome::bad("octets stand behind STARTTLS").word(CodeWord::ClientBug)
        } else {
            Outcome::ok("begin TLS now")
        };
        let tag = std::mem::take(&mut self.tag);
        self.voice.tagged(&tag, &outcome);
        out.send(&mut self.voice.replies).await?;
        Ok(outcome.is_ok())
    }

    /// TLS protects the connection from now on; `secrets` know of the client's certificate.
    pub fn secured(&mut self, channel: Channel, secrets: Rc<dyn Secrets>) {
        self.channel = channel;
        self.secrets = secrets;
    }

    /// Answers COMPRESS after [`Next::Compress`]: whether the layer begins now. `clean`:
    /// nothing stands unread behind the command, which could be neither the one nor the
    /// other.
    ///
    /// # Errors
    /// The outlet's.
    pub async fn compress(
        &mut self,
        clean: bool,
        out: &mut dyn Outlet,
    ) -> Result<bool, net::Error> {
        let outcome = if clean {
            Outcome::ok("DEFLATE begins now")
        } else {
            Outcome::bad("octets stand behind COMPRESS").word(CodeWord::ClientBug)
        };
        self.compressed = clean;
        let tag = std::mem::take(&mut self.tag);
        self.voice.tagged(&tag, &outcome);
        out.send(&mut self.voice.replies).await?;
        Ok(clean)
    }

    /// Forgets a login in progress: its client was told something else.
    pub(super) fn cancel_exchange(&mut self) {
        self.exchange = None;
    }

    /// Tells what has changed while the client idles.
    ///
    /// # Errors
    /// The outlet's.
    pub async fn idle_update(&mut self, out: &mut dyn Outlet) -> Result<(), net::Error> {
        self.update(true);
        self.tell_events();
        out.send(&mut self.voice.replies).await
    }

    /// Takes the line that ends IDLE, its end included.
    ///
    /// # Errors
    /// The outlet's.
    pub async fn idle_line(
        &mut self,
        line: &[u8],
        out: &mut dyn Outlet,
    ) -> Result<Next, net::Error> {
        self.update(true);
        let outcome = if command::is_done(line) {
            Outcome::ok("idled")
        } else {
            Outcome::bad("DONE ends IDLE")
        };
        let tag = std::mem::take(&mut self.tag);
        self.answer(Some(&tag), &outcome, out).await
    }
}
