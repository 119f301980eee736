//! From the greeting to a session that reads: CAPABILITIES, MODE READER, STARTTLS, AUTHINFO.
//!
//! RFC 3977 sections 5.1 to 5.3, RFC 4642 section 2.2, RFC 4643 section 2.

use super::{Client, Error, Login, Method, Options, Stage, StartTls};
use crate::net::tls::Connector;
use crate::net::{self, Exchange, Wire};
use crate::nntp::syntax::capability::Capabilities;
use crate::nntp::syntax::command::{Command, SaslResponse};
use crate::nntp::syntax::reply::Reply;
use crate::sasl::{self, Attempts, CredentialSecret, Mechanism};

/// Longest command line with its CRLF (RFC 3977 section 3.1); an initial response that does not
/// fit waits for the server's go-ahead.
const COMMAND_LINE_OCTETS: usize = 512;

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
            capabilities: Capabilities::default(),
            may_post: false,
            method: None,
            is_broken: false,
        };
        client.set_deadline(options.timeout);
        let greeting = client.expect(Stage::Greeting, &[200, 201]).await?;
        client.may_post = greeting.code == 200;
        let knows = client.learn().await?;
        // RFC 3977 section 5.3: a server that does not say whether it needs MODE READER may.
        // It comes before TLS (RFC 4642 section 2.2.2).
        if client.capabilities.mode_reader || !knows {
            client.mode_reader().await?;
        }
        client.secure(options).await?;
        if let Some(login) = &options.login {
            client.method = Some(client.login(login).await?);
            // RFC 4643 section 2.2: what the server offers may be other now.
            client.learn().await?;
        }
        Ok(client)
    }

    /// CAPABILITIES; whether the server knows it.
    async fn learn(&mut self) -> Result<bool, Error> {
        self.capabilities = Capabilities::default();
        self.queue(&Command::Capabilities(None))?;
        match self.expect(Stage::Capabilities, &[101]).await {
            Ok(_) => {}
            Err(Error::Refused { reply, .. }) if reply.code != 400 => return Ok(false),
            Err(error) => return Err(error),
        }
        let mut all = Capabilities::default();
        self.lines(Stage::Capabilities, |line| all.add(line)).await?;
        self.capabilities = all;
        Ok(true)
    }

    async fn mode_reader(&mut self) -> Result<(), Error> {
        let stage = Stage::Capabilities;
        match self.ask(&Command::ModeReader, stage, &[200, 201]).await {
            Ok(reply) => self.may_post = reply.code == 200,
            // An old server that needs none, or wants a login first.
            Err(Error::Refused { reply, .. }) if matches!(reply.code, 480 | 483 | 500 | 501) => {}
            Err(error) => return Err(error),
        }
        self.learn().await.map(drop)
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
            // 580: the server cannot begin TLS now, and goes on in the clear.
            Err(Error::Refused { .. }) if !is_required => Ok(()),
            Err(error) => Err(error),
            Ok(()) => self.learn().await.map(drop),
        }
    }

    /// STARTTLS and the handshake, after which nothing is known of the server any more.
    async fn start_tls(&mut self, connector: &Connector) -> Result<(), Error> {
        self.ask(&Command::StartTls, Stage::StartTls, &[382]).await?;
        self.capabilities = Capabilities::default();
        if let Err(source) = self.wire.start_tls(connector).await {
            self.is_broken = true;
            return Err(Error::Network { stage: Stage::StartTls, source });
        }
        Ok(())
    }

    /// Logs in by the mechanism that was asked for, else by the strongest that both sides have,
    /// else by USER and PASS.
    async fn login(&mut self, login: &Login<'_>) -> Result<Method, Error> {
        let offers_sasl = self.capabilities.authinfo.is_none_or(|it| it.sasl);
        let offered: Vec<Mechanism> = match offers_sasl {
            true => self
                .capabilities
                .sasl
                .iter()
                .filter_map(|name| Mechanism::from_name(name))
                .collect(),
            false => Vec::new(),
        };
        let has_password = matches!(login.credential.secret, CredentialSecret::Password(_));
        let acts_as = login.credential.authorize_as.as_ref().is_some_and(|who| !who.is_empty());
        let may_fall_back = login.mechanism.is_none() && has_password && !acts_as;
        match self.sasl(offered, login).await {
            Err(Error::Sasl(error)) if may_fall_back && is_before_exchange(&error) => {
                self.user(login).await
            }
            // INN lists the mechanisms of a library that may know none of its users. Under TLS
            // the password goes to a server that could have asked for it outright.
            Err(Error::LoginRefused { reply, .. })
                if may_fall_back
                    && reply.code != 400
                    && self.wire.is_encrypted()
                    && self.capabilities.authinfo.is_some_and(|it| it.user) =>
            {
                self.user(login).await
            }
            done => done,
        }
    }

    async fn sasl(&mut self, offered: Vec<Mechanism>, login: &Login<'_>) -> Result<Method, Error> {
        let channel = net::channel(&self.wire, "nntp", login.host, login.port);
        let (forced, credential) = (login.mechanism, login.credential);
        let mut attempts =
            Attempts::new(offered, forced, credential, channel, login.allow_cleartext);
        loop {
            let mut exchange = Exchange::new(attempts.begin()?);
            match self.attempt(&mut exchange).await {
                Err(Error::LoginRefused { method, reply, .. }) => {
                    let client = exchange.client()?;
                    if !attempts.next_binding(client) {
                        let detail = attempts.detail(client);
                        return Err(Error::LoginRefused { method, reply, detail });
                    }
                }
                done => return done,
            }
        }
    }

    /// One login by one mechanism.
    async fn attempt(&mut self, exchange: &mut Exchange) -> Result<Method, Error> {
        let method = Method::Sasl(exchange.mechanism());
        let reply = self.exchange(exchange).await?;
        match reply.code {
            281 => {}
            // What the server proves itself with comes with the success (RFC 4643 section 2.4.2).
            283 => {
                let data = reply.challenge().map_err(|malformed| Error::Protocol {
                    stage: Stage::Login,
                    malformed,
                    octets: reply.to_string(),
                })?;
                exchange.step(&data).await?;
            }
            _ => return Err(Error::LoginRefused { method, reply, detail: None }),
        }
        exchange.finish()?;
        Ok(method)
    }

    /// One AUTHINFO SASL from its command to the response that is no challenge.
    async fn exchange(&mut self, exchange: &mut Exchange) -> Result<Reply, Error> {
        let mechanism = exchange.mechanism().name().to_owned();
        let mut initial = exchange.initial().await?;
        let octets = initial.as_ref().map_or(0, |it| it.len().div_ceil(3) * 4);
        let fits = "AUTHINFO SASL  \r\n".len() + mechanism.len() + octets <= COMMAND_LINE_OCTETS;
        let sent = if fits { initial.take() } else { None };
        self.queue(&Command::AuthInfoSasl { mechanism, initial: sent })?;
        let mut answered_by_nothing: Option<Vec<u8>> = None;
        for _ in 0..CHALLENGES {
            let reply = self.reply(Stage::Login).await?;
            if reply.code != 383 {
                return Ok(reply);
            }
            // INN 2.7.1 takes the `=` that RFC 4643 section 2.4.2 has for an answer of no octets
            // for base64 with more to come, and says its challenge again (GSSAPI). It
            // understands an empty line.
            if let Some(challenge) = answered_by_nothing.take()
                && reply.challenge().is_ok_and(|again| again == challenge)
            {
                self.wire.queue(b"\r\n");
                continue;
            }
            let answer = match initial.take() {
                // The go-ahead for an initial response that did not fit on the command line.
                Some(initial) => Ok(initial),
                None => match reply.challenge() {
                    Ok(challenge) => exchange.step(&challenge).await,
                    Err(malformed) => {
                        let octets = reply.to_string();
                        return Err(Error::Protocol { stage: Stage::Login, malformed, octets });
                    }
                },
            };
            let mut line = Vec::new();
            match answer {
                Ok(answer) => {
                    if answer.is_empty() {
                        answered_by_nothing = reply.challenge().ok();
                    }
                    SaslResponse::Data(answer).encode(&mut line);
                    self.wire.queue_secret(&line);
                }
                Err(error) => {
                    SaslResponse::Cancel.encode(&mut line);
                    self.wire.queue(&line);
                    self.reply(Stage::Login).await?;
                    return Err(error.into());
                }
            }
        }
        self.reply(Stage::Login).await
    }

    async fn user(&mut self, login: &Login<'_>) -> Result<Method, Error> {
        let method = Method::User;
        let CredentialSecret::Password(secret) = &login.credential.secret else {
            return Err(Error::NoPassword { method });
        };
        if !self.wire.is_encrypted() && !login.allow_cleartext {
            return Err(Error::Cleartext { method });
        }
        self.queue(&Command::AuthInfoUser(login.credential.user.clone()))?;
        let reply = self.reply(Stage::Login).await?;
        let reply = match reply.code {
            381 => {
                self.queue(&Command::AuthInfoPass(secret.clone()))?;
                self.reply(Stage::Login).await?
            }
            _ => reply,
        };
        match reply.code {
            281 => Ok(method),
            _ => Err(Error::LoginRefused { method, reply, detail: None }),
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
