//! From the greeting to a session that takes mail: EHLO, STARTTLS, AUTH, XCLIENT.
//!
//! RFC 5321 sections 3.1, 3.2 and 4.5.3.2, RFC 2033 section 4.1, RFC 3207, RFC 4954.

use std::net::IpAddr;
use std::time::Duration;

use super::flight::Scratch;
use super::{Client, Error, Login, Options, Stage, StartTls, positive};
use crate::net::tls::Connector;
use crate::net::{self, Exchange, Wire, deadline};
use crate::sasl::{Attempts, Mechanism};
use crate::smtp::syntax::command::{AuthResponse, Command, challenge};
use crate::smtp::syntax::ehlo::Capabilities;
use crate::smtp::syntax::reply::Reply;

/// Longest command line with its CRLF, RFC 5321 section 4.5.3.1.4: a longer initial response
/// waits for the server's go-ahead (RFC 4954 section 4).
const COMMAND_LINE_OCTETS: usize = 512;

/// So long the answer to a QUIT behind an error is waited for.
const GOODBYE: Duration = Duration::from_secs(2);

/// Challenges answered in one exchange; no mechanism has more than a few.
const CHALLENGES: usize = 16;

impl Client {
    /// Takes a connection, on which nothing was said yet, to a session ready for mail.
    ///
    /// # Errors
    /// [`Error`], with the stage; the connection is closed then.
    pub async fn open(wire: Wire, options: &Options<'_>) -> Result<Self, Error> {
        let mut client = Self::greet(wire, options).await?;
        match client.lead(options).await {
            Ok(()) => Ok(client),
            Err(error) => {
                client.leave().await;
                Err(error)
            }
        }
    }

    /// From behind the greeting to where `options` want it.
    async fn lead(&mut self, options: &Options<'_>) -> Result<(), Error> {
        let is_over = |stage: Stage| options.last.is_some_and(|last| last <= stage);
        if is_over(Stage::Greeting) {
            return Ok(());
        }
        self.ehlo(&options.name).await?;
        if is_over(Stage::Ehlo) {
            return Ok(());
        }
        self.secure(options).await?;
        if is_over(Stage::StartTls) {
            return Ok(());
        }
        if let Some(login) = &options.login {
            self.mechanism = Some(self.login(login).await?);
        }
        if !options.xclient.is_empty() {
            self.xclient(&options.xclient, &options.name).await?;
        }
        Ok(())
    }

    /// QUIT behind an error, where the session can still be spoken in: RFC 5321 section 4.1.1.10
    /// has the connection closed behind it only, whatever was answered before. What the server
    /// makes of it changes nothing, and is not waited for long.
    async fn leave(&mut self) {
        if self.is_broken {
            return;
        }
        self.wire.set_patient(false);
        self.deadline(GOODBYE);
        if self.ask(&Command::Quit, Stage::Other).await.is_ok() {
            let _ = self.wire.shutdown().await;
        }
    }

    /// Waits for the greeting, and does nothing more.
    ///
    /// # Errors
    /// [`Error::Refused`] for a greeting that is no 220, and the connection's errors.
    pub async fn greet(wire: Wire, options: &Options<'_>) -> Result<Self, Error> {
        let mut client = Self {
            wire,
            capabilities: Capabilities::default(),
            banner: String::new(),
            is_lmtp: options.is_lmtp,
            chunking_allowed: !options.without_chunking,
            pipelining_allowed: !options.without_pipelining,
            timeout: options.timeout,
            mechanism: None,
            flight: std::collections::VecDeque::new(),
            needs_reset: false,
            quits: false,
            has_quit: false,
            is_broken: false,
            scratch: Scratch::default(),
        };
        client.deadline(deadline::SMTP_GREETING);
        let reply = client.reply(Stage::Greeting).await?;
        match positive(reply, Stage::Greeting) {
            Ok(reply) => {
                client.banner = reply.text();
                Ok(client)
            }
            Err(error) => {
                client.leave().await;
                Err(error)
            }
        }
    }

    /// EHLO (LHLO on LMTP), and HELO for a server that does not know it; everything that was
    /// learnt before is forgotten. `name` empty: the address literal of our end (RFC 5321 section
    /// 4.1.3), or `localhost` where there is none.
    ///
    /// # Errors
    /// [`Error::Refused`] when both are refused, and the connection's errors.
    pub async fn ehlo(&mut self, name: &str) -> Result<(), Error> {
        self.capabilities = Capabilities::default();
        self.deadline(deadline::SMTP_COMMAND);
        let name = match (name, self.wire.own_address()) {
            ("", Some(IpAddr::V4(address))) => format!("[{address}]"),
            ("", Some(IpAddr::V6(address))) => format!("[IPv6:{address}]"),
            ("", None) => "localhost".to_owned(),
            (name, _) => name.to_owned(),
        };
        let hello = match self.is_lmtp {
            true => Command::Lhlo(name.clone()),
            false => Command::Ehlo(name.clone()),
        };
        let reply = self.ask(&hello, Stage::Ehlo).await?;
        if reply.is_positive() {
            self.capabilities = Capabilities::from_reply(&reply);
            return Ok(());
        }
        // RFC 5321 section 3.2: an old server answers EHLO with an error, and HELO may do.
        if self.is_lmtp || !reply.is_permanent() {
            return Err(Error::Refused { stage: Stage::Ehlo, reply });
        }
        let reply = positive(self.ask(&Command::Helo(name), Stage::Ehlo).await?, Stage::Ehlo)?;
        self.capabilities.greeting = reply.text();
        Ok(())
    }

    async fn secure(&mut self, options: &Options<'_>) -> Result<(), Error> {
        let (connector, is_required) = match options.starttls {
            _ if self.wire.is_encrypted() => return Ok(()),
            StartTls::Never => return Ok(()),
            StartTls::IfOffered(connector) => (connector, false),
            StartTls::Required(connector) => (connector, true),
        };
        if !self.capabilities.starttls {
            return if is_required { Err(Error::NoStartTls) } else { Ok(()) };
        }
        match self.start_tls(connector).await {
            // RFC 3207 section 4: a 454 leaves the session as it was.
            Err(Error::Refused { .. }) if !is_required && !self.is_broken => return Ok(()),
            done => done?,
        }
        self.ehlo(&options.name).await
    }

    /// STARTTLS and the handshake, after which nothing is known of the server any more: EHLO
    /// has to follow.
    ///
    /// # Errors
    /// [`Error::Refused`] where the session goes on in the clear; any other ends it.
    pub async fn start_tls(&mut self, connector: &Connector) -> Result<(), Error> {
        self.deadline(deadline::SMTP_COMMAND);
        let reply = self.ask(&Command::StartTls, Stage::StartTls).await?;
        positive(reply, Stage::StartTls)?;
        self.capabilities = Capabilities::default();
        if let Err(source) = self.wire.start_tls(connector).await {
            self.is_broken = true;
            return Err(Error::Network { stage: Stage::StartTls, source });
        }
        Ok(())
    }

    /// XCLIENT: speaks for another client, where the server allows it; then EHLO again.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Refused`], and the connection's errors.
    pub async fn xclient(
        &mut self,
        attributes: &[(String, String)],
        name: &str,
    ) -> Result<(), Error> {
        if self.capabilities.xclient.is_empty() {
            return Err(Error::Missing("XCLIENT"));
        }
        self.deadline(deadline::SMTP_COMMAND);
        let reply = self.ask(&Command::Xclient(attributes.to_vec()), Stage::Xclient).await?;
        positive(reply, Stage::Xclient)?;
        self.ehlo(name).await
    }

    /// AUTH, by the strongest mechanism that both sides have; one that the server turns out not
    /// to know (504) gives way to the next.
    ///
    /// # Errors
    /// [`Error::NoAuth`], [`Error::Sasl`], [`Error::LoginRefused`], and the connection's errors.
    pub async fn login(&mut self, login: &Login<'_>) -> Result<Mechanism, Error> {
        if self.capabilities.auth.is_empty() {
            return Err(Error::NoAuth);
        }
        let offered: Vec<Mechanism> =
            self.capabilities.auth.iter().filter_map(|name| Mechanism::from_name(name)).collect();
        // RFC 2033 section 4.2 and RFC 4954 section 3 name the services.
        let service = if self.is_lmtp { "lmtp" } else { "smtp" };
        let channel = net::channel(&self.wire, service, login.host, login.port);
        let (forced, credential) = (login.mechanism, login.credential);
        let mut attempts =
            Attempts::new(offered, forced, credential, channel, login.allow_cleartext);
        loop {
            let mut exchange = Exchange::new(attempts.begin()?);
            let mechanism = exchange.mechanism();
            let reply = self.exchange(&mut exchange).await?;
            if reply.is_positive() {
                exchange.finish()?;
                return Ok(mechanism);
            }
            let client = exchange.client()?;
            if !reply.is_transient() && attempts.next_binding(client) {
                continue;
            }
            if reply.code() != 504 || !attempts.next_mechanism(mechanism) {
                let detail = attempts.detail(client);
                return Err(Error::LoginRefused { mechanism, reply, detail });
            }
        }
    }

    /// One AUTH from its command to the reply that is no 334.
    async fn exchange(&mut self, exchange: &mut Exchange) -> Result<Reply, Error> {
        self.deadline(deadline::SMTP_COMMAND);
        let mechanism = exchange.mechanism().name().to_owned();
        let mut initial = exchange.initial().await?;
        // Two octets of base64 padding and the CRLF are in the estimate.
        let octets = initial.as_ref().map_or(0, |it| it.len().div_ceil(3) * 4);
        let fits = "AUTH  \r\n".len() + mechanism.len() + octets <= COMMAND_LINE_OCTETS;
        let sent = if fits { initial.take() } else { None };
        let mut reply = self.ask(&Command::Auth { mechanism, initial: sent }, Stage::Auth).await?;
        for _ in 0..CHALLENGES {
            if reply.code() != 334 {
                return Ok(reply);
            }
            let text = reply.lines().last().unwrap_or_default();
            let answer = match (initial.take(), challenge(text)) {
                // The go-ahead for an initial response that did not fit on the command line.
                (Some(initial), _) => Ok(initial),
                (None, Ok(challenge)) => exchange.step(&challenge).await.map_err(Error::Sasl),
                (None, Err(malformed)) => {
                    let octets = String::from_utf8_lossy(text).into_owned();
                    Err(Error::Protocol { stage: Stage::Auth, malformed, octets })
                }
            };
            let mut line = Vec::new();
            match answer {
                Ok(answer) => AuthResponse::Data(answer).encode(&mut line),
                Err(error) => {
                    AuthResponse::Cancel.encode(&mut line);
                    self.wire.queue(&line);
                    self.flush(Stage::Auth).await?;
                    self.reply(Stage::Auth).await?;
                    return Err(error);
                }
            }
            self.wire.queue_secret(&line);
            self.flush(Stage::Auth).await?;
            reply = self.reply(Stage::Auth).await?;
        }
        self.is_broken = true;
        Err(Error::Refused { stage: Stage::Auth, reply })
    }
}
