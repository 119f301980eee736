//! From the greeting to the transaction state: CAPA, STLS, and the login.
//!
//! RFC 1939 sections 4 and 7, RFC 2449, RFC 2595 section 4, RFC 5034, RFC 6856 section 2.

use super::{Client, Error, Login, Method, Options, Stage, StartTls};
use crate::base::decode::{Decoded, Malformed};
use crate::base::limits;
use crate::net::tls::Connector;
use crate::net::{self, Exchange, Wire};
use crate::pop::syntax::capability::Capabilities;
use crate::pop::syntax::command::{AuthResponse, Command};
use crate::pop::syntax::multiline::Line;
use crate::pop::syntax::reply::{Reply, Text};
use crate::sasl::{self, Attempts, CredentialSecret, Mechanism};

/// Longest AUTH line with its CRLF: RFC 5034 section 4 counts the initial response into the 255
/// octets of RFC 2449 section 4; a longer one waits for the server's go-ahead.
const COMMAND_LINE_OCTETS: usize = 255;

/// Challenges answered in one exchange; no mechanism has more than a few.
const CHALLENGES: usize = 16;

impl Client {
    /// Takes a connection, on which nothing was said yet, as far as `options` want.
    ///
    /// # Errors
    /// [`Error`], with the stage; the connection is closed then.
    pub async fn open(wire: Wire, options: &Options<'_>) -> Result<Self, Error> {
        let mut client = Self {
            wire,
            greeting: Text::default(),
            capabilities: Capabilities::default(),
            pipelining: options.pipelining,
            method: None,
            has_deleted: false,
            is_broken: false,
        };
        client.set_deadline(options.timeout);
        client.greeting = client.ok(Stage::Greeting).await?;
        client.learn().await?;
        client.secure(options).await?;
        if let Some(login) = &options.login {
            let user = &login.credential.user;
            if client.capabilities.utf8.is_some() && (options.utf8 || !user.is_ascii()) {
                // A server may say no to it (RFC 6856 section 2.1).
                match client.ask(&Command::Utf8, Stage::Other).await {
                    Ok(_) | Err(Error::Refused { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            client.method = Some(client.login(login).await?);
        }
        Ok(client)
    }

    /// CAPA; a server that does not know it offers nothing.
    ///
    /// # Errors
    /// The connection's errors.
    pub async fn learn(&mut self) -> Result<(), Error> {
        self.capabilities = Capabilities::default();
        self.queue(&Command::Capa)?;
        match self.ok(Stage::Capabilities).await {
            Ok(_) => {}
            Err(Error::Refused { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        let mut all = Capabilities::default();
        self.lines(Stage::Capabilities, |line| all.add(line)).await?;
        self.capabilities = all;
        Ok(())
    }

    /// Hands each line of a multi-line response to `each`, up to the dot.
    ///
    /// # Errors
    /// The connection's errors.
    pub async fn lines(&mut self, stage: Stage, mut each: impl FnMut(&[u8])) -> Result<(), Error> {
        let mut told = 0;
        loop {
            match Line::decode(self.wire.buffered()) {
                Ok(Decoded::Done { value: Line::Text(_), .. }) if told >= limits::LISTED => {
                    let expected = "an end of the listing";
                    return Err(self.protocol(stage, Malformed { offset: 0, expected }));
                }
                Ok(Decoded::Done { value: Line::Text(line), used }) => {
                    told += 1;
                    each(line);
                    self.wire.consume(used);
                }
                Ok(Decoded::Done { value: Line::End, used }) => {
                    self.wire.consume(used);
                    return Ok(());
                }
                Ok(Decoded::More) => self.fill(stage).await?,
                Err(malformed) => return Err(self.protocol(stage, malformed)),
            }
        }
    }

    async fn secure(&mut self, options: &Options<'_>) -> Result<(), Error> {
        let (connector, is_required) = match options.starttls {
            _ if self.wire.is_encrypted() => return Ok(()),
            StartTls::Never => return Ok(()),
            StartTls::IfOffered(connector) => (connector, false),
            StartTls::Required(connector) => (connector, true),
        };
        if !self.capabilities.stls {
            return if is_required { Err(Error::NoStartTls) } else { Ok(()) };
        }
        match self.start_tls(connector).await {
            Err(Error::Refused { .. }) if !is_required => Ok(()),
            Err(error) => Err(error),
            Ok(()) => self.learn().await,
        }
    }

    /// STLS and the handshake, after which nothing is known of the server any more: CAPA has to
    /// follow. The timestamp of the greeting is forgotten too: it came in the clear.
    ///
    /// # Errors
    /// [`Error::Refused`] where the session goes on in the clear; any other ends it.
    pub async fn start_tls(&mut self, connector: &Connector) -> Result<(), Error> {
        self.ask(&Command::Stls, Stage::StartTls).await?;
        self.capabilities = Capabilities::default();
        self.greeting = Text::default();
        if let Err(source) = self.wire.start_tls(connector).await {
            self.is_broken = true;
            return Err(Error::Network { stage: Stage::StartTls, source });
        }
        Ok(())
    }

    /// Logs in by the way that was asked for, else by the strongest that both sides have: AUTH,
    /// then APOP on a connection in the clear, then USER and PASS.
    ///
    /// # Errors
    /// [`Error::LoginRefused`], [`Error::Sasl`], [`Error::NoMethod`], [`Error::Cleartext`], and
    /// the connection's errors.
    pub async fn login(&mut self, login: &Login<'_>) -> Result<Method, Error> {
        let offered: Vec<Mechanism> =
            self.capabilities.sasl.iter().filter_map(|name| Mechanism::from_name(name)).collect();
        let forced = match login.method {
            Some(Method::Apop) => return self.apop(login).await,
            Some(Method::User) => return self.user(login).await,
            Some(Method::Sasl(mechanism)) => Some(mechanism),
            None => None,
        };
        let has_password = matches!(login.credential.secret, CredentialSecret::Password(_));
        // USER and APOP have no place for an identity to act as.
        let acts_as = login.credential.authorize_as.as_ref().is_some_and(|who| !who.is_empty());
        let may_fall_back = forced.is_none() && has_password && !acts_as;
        match self.sasl(offered, forced, login).await {
            Err(Error::Sasl(error)) if may_fall_back && is_before_exchange(&error) => {}
            done => return done,
        }
        let is_encrypted = self.wire.is_encrypted();
        if self.greeting.timestamp().is_some() && !is_encrypted {
            return self.apop(login).await;
        }
        self.user(login).await
    }

    async fn sasl(
        &mut self,
        offered: Vec<Mechanism>,
        forced: Option<Mechanism>,
        login: &Login<'_>,
    ) -> Result<Method, Error> {
        let channel = net::channel(&self.wire, "pop", login.host, login.port);
        let credential = login.credential;
        let mut attempts =
            Attempts::new(offered, forced, credential, channel, login.allow_cleartext);
        let mut exchange = Exchange::new(attempts.begin()?);
        loop {
            let mechanism = exchange.mechanism();
            let method = Method::Sasl(mechanism);
            let text = match self.exchange(&mut exchange).await? {
                Reply::Ok(_) => {
                    exchange.finish()?;
                    return Ok(method);
                }
                Reply::Err(text) => text,
                Reply::Continue(_) => Text::default(),
            };
            // A server may list what it has no data for (CRAM-MD5 without plain passwords), and
            // POP3 has no code that says so: the next one is tried only when the server says
            // that it is not about the password (RFC 3206 section 6).
            let is_about_us = !text.has_code("SYS/PERM");
            let client = exchange.client()?;
            let again = attempts.next_binding(client)
                || (!is_about_us && attempts.next_mechanism(mechanism));
            let refused = Error::LoginRefused { method, text, detail: attempts.detail(client) };
            match attempts.begin() {
                Ok(client) if again => exchange = Exchange::new(client),
                _ => return Err(refused),
            }
        }
    }

    /// One AUTH from its command to the line that is no challenge.
    async fn exchange(&mut self, exchange: &mut Exchange) -> Result<Reply, Error> {
        let mechanism = exchange.mechanism().name().to_owned();
        let mut initial = exchange.initial().await?;
        let octets = initial.as_ref().map_or(0, |it| it.len().div_ceil(3) * 4);
        let fits = "AUTH  \r\n".len() + mechanism.len() + octets <= COMMAND_LINE_OCTETS;
        let sent = if fits { initial.take() } else { None };
        self.queue(&Command::Auth { mechanism, initial: sent })?;
        for _ in 0..CHALLENGES {
            let challenge = match self.reply(Stage::Login).await? {
                Reply::Continue(challenge) => challenge,
                reply => return Ok(reply),
            };
            let answer = match initial.take() {
                // The go-ahead for an initial response that did not fit on the command line.
                Some(initial) => Ok(initial),
                None => exchange.step(&challenge).await,
            };
            let mut line = Vec::new();
            match answer {
                Ok(answer) => {
                    AuthResponse::Data(answer).encode(&mut line);
                    self.wire.queue_secret(&line);
                }
                Err(error) => {
                    AuthResponse::Cancel.encode(&mut line);
                    self.wire.queue(&line);
                    self.reply(Stage::Login).await?;
                    return Err(error.into());
                }
            }
        }
        self.reply(Stage::Login).await
    }

    async fn apop(&mut self, login: &Login<'_>) -> Result<Method, Error> {
        let method = Method::Apop;
        let no = |reason| Error::NoMethod { method, reason };
        let CredentialSecret::Password(secret) = &login.credential.secret else {
            return Err(no("it needs a password"));
        };
        let timestamp = self.greeting.timestamp().and_then(|it| std::str::from_utf8(it).ok());
        let timestamp = timestamp.ok_or_else(|| no("the greeting has no timestamp"))?;
        let digest = sasl::apop(timestamp, secret);
        let command = Command::Apop { user: login.credential.user.clone(), digest };
        self.logged_in(&command, method).await
    }

    async fn user(&mut self, login: &Login<'_>) -> Result<Method, Error> {
        let method = Method::User;
        let CredentialSecret::Password(secret) = &login.credential.secret else {
            return Err(Error::NoMethod { method, reason: "it needs a password" });
        };
        if !self.wire.is_encrypted() && !login.allow_cleartext {
            return Err(Error::Cleartext { method });
        }
        let (user, pass) =
            (Command::User(login.credential.user.clone()), Command::Pass(secret.clone()));
        if !self.pipelines() {
            self.logged_in(&user, method).await?;
            return self.logged_in(&pass, method).await;
        }
        // RFC 2449 section 6.6 names these two: they go in one flight. Nothing goes behind a
        // login: a server that hands the connection to another program then may lose what the
        // first one has read, and both sides would wait.
        self.queue(&user)?;
        self.queue(&pass)?;
        let (user, pass) = (self.answered(method).await, self.answered(method).await);
        user.and(pass)
    }

    async fn logged_in(&mut self, command: &Command, method: Method) -> Result<Method, Error> {
        self.queue(command)?;
        self.answered(method).await
    }

    async fn answered(&mut self, method: Method) -> Result<Method, Error> {
        match self.ok(Stage::Login).await {
            Ok(_) => Ok(method),
            Err(Error::Refused { text, .. }) => {
                Err(Error::LoginRefused { method, text, detail: None })
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether no mechanism could even begin. After one has, the password must not follow it in the
/// clear: a server that failed to prove itself would get it for the asking.
fn is_before_exchange(error: &sasl::Error) -> bool {
    matches!(
        error,
        sasl::Error::NoCommonMechanism { .. }
            | sasl::Error::NoChannelBinding { .. }
            | sasl::Error::Cleartext { .. }
            | sasl::Error::Unprepared { .. }
            | sasl::Error::Unencodable { .. }
    )
}
