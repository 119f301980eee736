//! From the greeting to a session that can select: STARTTLS, login, ENABLE, ID.
//!
//! RFC 9051 sections 6.1.1, 6.2 and 7.1, RFC 4959 (SASL-IR), RFC 5161 (ENABLE), RFC 2971 (ID).

use std::borrow::Cow;

use super::folders::Listed;
use super::state::reply;
use super::{Client, Error, Login, Options, StartTls, protocol};
use crate::base::decode::Malformed;
use crate::base::secret::Secret;
use crate::imap::syntax::command::{Command, Word};
use crate::imap::syntax::response::{Condition, Data};
use crate::net::tls::Connector;
use crate::net::{self, Exchange, Wire, deadline};
use crate::sasl::{self, Attempts, CredentialSecret, Mechanism};

/// Challenges answered in one exchange; no mechanism has more than a few.
const CHALLENGES: usize = 16;

impl Client {
    /// Takes a connection, on which nothing was said yet, to a session ready for mail.
    ///
    /// # Errors
    /// [`Error`]; the connection is of no use then.
    pub async fn open(wire: Wire, options: &Options<'_>) -> Result<Self, Error> {
        let mut client = Self::new(wire, options.timeout);
        let is_preauth = client.greet().await?;
        client.secure(options, is_preauth).await?;
        client.state.trusts_alerts = client.wire.is_encrypted();
        if let Some(login) = &options.login
            && !is_preauth
        {
            client.login(login).await?;
        }
        client.state.trusts_alerts = true;
        if is_preauth || options.login.is_some() {
            client.introduce(options).await?;
            if options.compress && client.state.capabilities.has("COMPRESS=DEFLATE") {
                client.compress().await?;
            }
        }
        Ok(client)
    }

    /// Waits for the greeting; whether it is PREAUTH.
    async fn greet(&mut self) -> Result<bool, Error> {
        self.deadline(deadline::COMMAND);
        let mut greeting = None;
        while greeting.is_none() {
            self.receive(&mut |data| {
                if let Data::Status(status) = data {
                    greeting = Some(reply(status));
                }
            })
            .await?;
            if let Some(text) = self.state.go_ahead.take() {
                // `+OK` of a POP3 server, say.
                self.is_broken = true;
                return Err(Error::Protocol {
                    during: "greeting",
                    malformed: Malformed { offset: 0, expected: "an IMAP greeting" },
                    octets: format!("+ {}", text.escape_ascii()),
                });
            }
        }
        match greeting {
            Some(reply) if reply.condition == Condition::Bye => {
                self.is_broken = true;
                Err(Error::Bye { reply })
            }
            Some(reply) => {
                self.state.banner = reply.text;
                Ok(reply.condition == Condition::Preauth)
            }
            None => Ok(false),
        }
    }

    /// CAPABILITY, unless the server has told already.
    ///
    /// # Errors
    /// [`Error::Refused`], and the connection's errors.
    pub async fn ask_capabilities(&mut self) -> Result<(), Error> {
        if !self.state.capabilities_told {
            self.run(Command::Word(Word::Capability), &mut |_| {}).await?;
        }
        Ok(())
    }

    async fn secure(&mut self, options: &Options<'_>, is_preauth: bool) -> Result<(), Error> {
        let (connector, is_required) = match options.starttls {
            _ if self.wire.is_encrypted() => return self.ask_capabilities().await,
            StartTls::Never => return self.ask_capabilities().await,
            StartTls::IfOffered(connector) => (connector, false),
            StartTls::Required(connector) => (connector, true),
        };
        if is_preauth {
            return if is_required {
                Err(Error::PreauthInTheClear)
            } else {
                self.ask_capabilities().await
            };
        }
        self.ask_capabilities().await?;
        if !self.state.capabilities.has("STARTTLS") {
            return if is_required { Err(Error::NoStartTls) } else { Ok(()) };
        }
        match self.start_tls(connector).await {
            Err(Error::Refused { .. }) if !is_required => return Ok(()),
            done => done?,
        }
        self.ask_capabilities().await
    }

    /// STARTTLS and the handshake, after which nothing is known of the server any more.
    ///
    /// # Errors
    /// [`Error::Refused`] where the session goes on in the clear; any other ends it.
    pub async fn start_tls(&mut self, connector: &Connector) -> Result<(), Error> {
        self.run(Command::Word(Word::StartTls), &mut |_| {}).await?;
        self.state.forget();
        if let Err(source) = self.wire.start_tls(connector).await {
            self.is_broken = true;
            return Err(Error::Network { during: "STARTTLS", source });
        }
        Ok(())
    }

    /// Logs in by the strongest mechanism that both sides have, else by LOGIN.
    ///
    /// # Errors
    /// [`Error::Sasl`], [`Error::LoginRefused`], [`Error::LoginDisabled`], and the connection's
    /// errors.
    pub async fn login(&mut self, login: &Login<'_>) -> Result<(), Error> {
        let offered: Vec<Mechanism> =
            self.state.capabilities.values("AUTH=").filter_map(Mechanism::from_name).collect();
        let channel = net::channel(&self.wire, "imap", login.host, login.port);
        let (forced, credential) = (login.mechanism, login.credential);
        let mut attempts =
            Attempts::new(offered, forced, credential, channel, login.allow_cleartext);
        loop {
            let mut exchange = match attempts.begin() {
                Ok(client) => Exchange::new(client),
                Err(error) => match self.login_password(login, error)? {
                    Some(password) => return self.login_plainly(login, password).await,
                    None => return Err(Error::LoginDisabled),
                },
            };
            self.state.capabilities_told = false;
            let refused = match self.authenticate(&mut exchange).await {
                Ok(()) => {
                    exchange.finish()?;
                    self.method = Some(exchange.mechanism().name());
                    return self.ask_capabilities().await;
                }
                Err(Error::Refused { reply, .. }) => reply,
                Err(error) => return Err(error),
            };
            self.state.capabilities_told = true;
            let mechanism = exchange.mechanism();
            let client = exchange.client()?;
            if attempts.next_binding(client) {
                continue;
            }
            // BAD: offered and yet not known. The next one may do.
            if refused.condition != Condition::Bad || !attempts.next_mechanism(mechanism) {
                let detail = attempts.detail(client).map(Box::new);
                return Err(Error::LoginRefused {
                    mechanism: mechanism.name(),
                    reply: refused,
                    detail,
                });
            }
        }
    }

    /// The password for the LOGIN command where SASL has no way; `None` where LOGIN is not
    /// allowed either.
    fn login_password<'l>(
        &self,
        login: &'l Login<'_>,
        error: sasl::Error,
    ) -> Result<Option<&'l Secret>, Error> {
        let CredentialSecret::Password(password) = &login.credential.secret else {
            return Err(error.into());
        };
        let fits = match (&error, login.mechanism) {
            (_, Some(Mechanism::Login)) => matches!(error, sasl::Error::NotOffered { .. }),
            (sasl::Error::NoCommonMechanism { .. }, None) => true,
            _ => false,
        };
        if !fits || login.credential.authorize_as.as_ref().is_some_and(|who| !who.is_empty()) {
            return Err(error.into());
        }
        if self.state.capabilities.has("LOGINDISABLED") {
            return Ok(None);
        }
        if !self.wire.is_encrypted() && !login.allow_cleartext {
            return Err(sasl::Error::Cleartext { mechanism: Mechanism::Login }.into());
        }
        Ok(Some(password))
    }

    async fn login_plainly(&mut self, login: &Login<'_>, password: &Secret) -> Result<(), Error> {
        self.state.capabilities_told = false;
        let command = Command::Login {
            user: Cow::Borrowed(login.credential.user.as_bytes()),
            password: password.clone(),
        };
        match self.run(command, &mut |_| {}).await {
            Err(Error::Refused { reply, .. }) => {
                self.state.capabilities_told = true;
                Err(Error::LoginRefused { mechanism: "LOGIN", reply, detail: None })
            }
            ended => {
                ended?;
                self.method = Some("LOGIN");
                self.ask_capabilities().await
            }
        }
    }

    /// One AUTHENTICATE from its command to its end.
    async fn authenticate(&mut self, exchange: &mut Exchange) -> Result<(), Error> {
        self.deadline(deadline::COMMAND);
        let name = exchange.mechanism().name();
        let mut initial = exchange.initial().await?;
        let mut sent = None;
        if self.state.capabilities.has("SASL-IR") || self.state.capabilities.has("IMAP4rev2") {
            sent = initial.take().map(|octets| Secret::new(sasl::encode_initial(&octets)));
        }
        let mechanism = Cow::Borrowed(name.as_bytes());
        let tag = self.send(Command::Authenticate { mechanism, initial: sent }).await?;
        for _ in 0..CHALLENGES {
            let challenge = loop {
                if let Some(text) = self.state.go_ahead.take() {
                    break text;
                }
                if let Some((command, reply)) = self.state.take_done(tag) {
                    return match reply.condition {
                        Condition::Ok => Ok(()),
                        _ => Err(Error::Refused { command, reply }),
                    };
                }
                self.receive(&mut |_| {}).await?;
            };
            let answer = match (initial.take(), sasl::decode(&challenge)) {
                // The go-ahead for the initial response of a server without SASL-IR.
                (Some(initial), _) => Ok(initial),
                (None, Some(challenge)) => exchange.step(&challenge).await.map_err(Error::Sasl),
                (None, None) => {
                    let malformed = Malformed { offset: 0, expected: "base64" };
                    Err(protocol("AUTHENTICATE", malformed, &challenge))
                }
            };
            match answer {
                Ok(answer) => {
                    let line = sasl::encode(&answer);
                    self.wire.queue_secret(format!("{line}\r\n").as_bytes());
                }
                Err(error) => {
                    self.wire.queue(b"*\r\n");
                    // The server answers BAD to the cancellation (RFC 9051 section 6.2.2); why
                    // we cancelled is the error.
                    match self.wait(tag, &mut |_| {}).await {
                        Ok(_) | Err(Error::Refused { .. }) => return Err(error),
                        Err(worse) => return Err(worse),
                    }
                }
            }
        }
        self.is_broken = true;
        let malformed = Malformed { offset: 0, expected: "an end of the challenges" };
        Err(protocol("AUTHENTICATE", malformed, b""))
    }

    /// ID, ENABLE and NAMESPACE, in one flight, and LIST or SELECT where that is wanted.
    async fn introduce(&mut self, options: &Options<'_>) -> Result<(), Error> {
        let capabilities = &self.state.capabilities;
        let (mut commands, mut is_condstore) = (Vec::new(), false);
        if capabilities.has("ID") {
            let field = |name: &'static str, value: &'static str| {
                (Cow::Borrowed(name.as_bytes()), Some(Cow::Borrowed(value.as_bytes())))
            };
            commands.push(Command::Id(Some(vec![
                field("name", "pillarbox"),
                field("version", env!("CARGO_PKG_VERSION")),
            ])));
        }
        if !options.without_enable && (capabilities.has("ENABLE") || capabilities.has("IMAP4rev2"))
        {
            // IMAP4rev2 implies UTF-8 names, and QRESYNC implies CONDSTORE.
            let choices: [&[&'static str]; 2] =
                [&["IMAP4rev2", "UTF8=ACCEPT"], &["QRESYNC", "CONDSTORE"]];
            let wanted: Vec<Cow<'static, [u8]>> = choices
                .into_iter()
                .filter_map(|names| names.iter().find(|name| capabilities.has(name)))
                .map(|name| Cow::Borrowed(name.as_bytes()))
                .collect();
            is_condstore =
                wanted.iter().any(|name| choices[1].iter().any(|c| c.as_bytes() == &**name));
            if !wanted.is_empty() {
                commands.push(Command::Enable(wanted));
            }
        }
        if capabilities.has("NAMESPACE") {
            commands.push(Command::Word(Word::Namespace));
        }
        if let Some((mailbox, read_only)) = &options.select {
            commands.push(self.enter(mailbox, *read_only, is_condstore));
            let mut results = self.try_all(commands, &mut |_| {}).await?;
            // What was refused is asked for again by whoever wants it, and so is what CONDSTORE
            // turned out not to be enabled for.
            let is_in = results.pop().is_some_and(|ended| ended.is_ok());
            self.entered(is_in);
            self.is_selected_ahead = is_in && is_condstore == self.state.condstore;
            return Ok(());
        }
        // How OBJECTID is used depends on what the server is.
        if !options.list || capabilities.has("OBJECTID") {
            // A server that refuses an introduction still serves.
            return self.try_all(commands, &mut |_| {}).await.map(drop);
        }
        let (first, mut listed) = (commands.len(), Listed::new(self.is_extended()));
        commands.extend(self.listing(self.is_extended()));
        let mut results = self.try_all(commands, &mut |data| listed.take(data)).await?;
        self.listed = listed.finish(results.split_off(first)).ok();
        Ok(())
    }
}
