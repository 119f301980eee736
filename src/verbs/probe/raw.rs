//! A server to hold a raw conversation with: connected, under TLS, logged in, and from there
//! on whatever the caller says.

use std::cell::Cell;

use anyhow::{Context as _, Result};

use super::dialogue::Dialogue;
use super::facts::{Protocol, Role, Stop};
use super::plan::Target;
use super::timing::Phase;
use crate::base::location::Location;
use crate::imap::client as imap;
use crate::net::Wire;
use crate::net::tls::{Connector, Mode};
use crate::open::{Context, EndpointOptions, Peer, own_name, smtp_error};
use crate::pop::client as pop;
use crate::smtp::client as smtp;
use crate::store;
use crate::ui::Failure;

/// A server.
pub struct Site<'a> {
    /// Its URL, without secrets.
    pub url: String,
    /// What is spoken.
    pub protocol: Protocol,
    /// What for.
    pub role: Role,
    peer: Peer,
    connector: Option<Connector>,
    context: &'a Context,
    connections: Cell<u32>,
}

impl<'a> Site<'a> {
    /// The server of a URL or an account.
    ///
    /// # Errors
    /// [`Failure`] for what is no mail server, and options that cannot be followed.
    pub fn new(url: &str, options: &EndpointOptions, context: &'a Context) -> Result<Self> {
        let location = Location::parse(url)?;
        let account = context.config.account_of(&location)?.cloned();
        let location = match (&location, &account) {
            (Location::Account { .. }, Some(account)) => account
                .imap
                .clone()
                .map(Location::Imap)
                .or_else(|| account.pop.clone().map(Location::Pop))
                .or_else(|| account.smtp.clone().map(Location::Smtp))
                .ok_or_else(|| Failure::usage(format!("{url} has no server to speak with")))?,
            _ => location,
        };
        let target = Target::of(&location, account)?;
        let peer = Peer::new(
            target.endpoint.clone(),
            target.server.as_ref(),
            target.mode,
            target.account.as_ref(),
            options,
            &context.config,
        )?;
        let connector = match peer.mode {
            Mode::Starttls | Mode::Opportunistic => Some(peer.connector()?),
            Mode::Implicit | Mode::None => None,
        };
        let (url, protocol, role) = (target.url, target.protocol, target.role);
        let connections = Cell::new(0);
        Ok(Self { url, protocol, role, peer, connector, context, connections })
    }

    /// Whether TLS begins by a command.
    pub fn begins_by_command(&self) -> bool {
        self.connector.is_some()
    }

    /// TLS that begins by a command.
    pub fn connector(&self) -> Option<&Connector> {
        self.connector.as_ref()
    }

    /// Whether somebody can log in.
    pub fn has_user(&self) -> bool {
        self.peer.user.is_some()
    }

    /// Who logs in.
    pub fn user(&self) -> &str {
        self.peer.user.as_deref().unwrap_or_default()
    }

    /// Connections made so far.
    pub fn connections(&self) -> u32 {
        self.connections.get()
    }

    /// A connection as it begins: under TLS only where that begins at once. Nothing was read.
    ///
    /// # Errors
    /// Network and TLS errors.
    pub async fn plain(&self) -> Result<Wire> {
        self.connections.set(self.connections.get() + 1);
        self.peer.connect(self.context).await
    }

    /// A connection under TLS (where the URL has any), its greeting read.
    ///
    /// # Errors
    /// Network and TLS errors, and a server that turns us away.
    pub async fn secured(&self) -> Result<Wire> {
        let mut talk = Dialogue::new(self.plain().await?, self.protocol);
        talk.greeting().await.map_err(|stop| self.stopped(&stop))?;
        let Some(connector) = &self.connector else { return Ok(talk.into_wire()) };
        // RFC 3207 section 4.1: STARTTLS is an extension, which EHLO has to show first.
        let offer = talk.offer(Phase::Hello).await.map_err(|stop| self.stopped(&stop))?;
        if self.peer.mode == Mode::Opportunistic && !offer.starttls {
            return Ok(talk.into_wire());
        }
        talk.go_ahead().await.map_err(|stop| self.stopped(&stop))?;
        talk.start_tls(connector).await?;
        Ok(talk.into_wire())
    }

    /// A connection under TLS on which somebody has logged in; SMTP without a user: on which
    /// EHLO was said.
    ///
    /// # Errors
    /// Network, TLS, protocol and login errors.
    pub async fn ready(&self) -> Result<Wire> {
        let credential = self.peer.credential(self.context).await?;
        let timeout = self.context.net.timeout;
        let wire = self.plain().await?;
        let (host, port) = (self.peer.endpoint.host(), self.peer.port);
        let is_optional = self.peer.mode == Mode::Opportunistic;
        let allow_cleartext = self.peer.allow_cleartext;
        let mechanism = self.peer.mechanism;
        let wire = match self.protocol {
            Protocol::Imap => {
                let credential = credential.ok_or_else(|| self.peer.no_user())?;
                let options = imap::Options {
                    starttls: match &self.connector {
                        Some(connector) if is_optional => imap::StartTls::IfOffered(connector),
                        Some(connector) => imap::StartTls::Required(connector),
                        None => imap::StartTls::Never,
                    },
                    login: Some(imap::Login {
                        credential: &credential,
                        mechanism,
                        allow_cleartext,
                        host,
                        port,
                    }),
                    without_enable: true,
                    timeout,
                    ..imap::Options::default()
                };
                let opened = imap::Client::open(wire, &options).await;
                opened.map_err(store::Error::from).with_context(|| self.url.clone())?.into_wire()
            }
            Protocol::Pop3 => {
                let credential = credential.ok_or_else(|| self.peer.no_user())?;
                let method = match (self.peer.apop, mechanism) {
                    (true, _) => Some(pop::Method::Apop),
                    (false, mechanism) => mechanism.map(pop::Method::Sasl),
                };
                let options = pop::Options {
                    starttls: match &self.connector {
                        Some(connector) if is_optional => pop::StartTls::IfOffered(connector),
                        Some(connector) => pop::StartTls::Required(connector),
                        None => pop::StartTls::Never,
                    },
                    login: Some(pop::Login {
                        credential: &credential,
                        method,
                        allow_cleartext,
                        host,
                        port,
                    }),
                    timeout,
                    ..pop::Options::default()
                };
                let opened = pop::Client::open(wire, &options).await;
                opened.map_err(store::Error::from).with_context(|| self.url.clone())?.into_wire()
            }
            Protocol::Smtp | Protocol::Lmtp => {
                let options = smtp::Options {
                    name: own_name(),
                    is_lmtp: self.protocol == Protocol::Lmtp,
                    starttls: match &self.connector {
                        Some(connector) if is_optional => smtp::StartTls::IfOffered(connector),
                        Some(connector) => smtp::StartTls::Required(connector),
                        None => smtp::StartTls::Never,
                    },
                    login: credential.as_ref().map(|credential| smtp::Login {
                        credential,
                        mechanism,
                        allow_cleartext,
                        host,
                        port,
                    }),
                    timeout,
                    ..smtp::Options::default()
                };
                let opened = smtp::Client::open(wire, &options).await;
                opened.map_err(smtp_error).with_context(|| self.url.clone())?.into_wire()
            }
        };
        Ok(wire)
    }

    fn stopped(&self, stop: &Stop) -> anyhow::Error {
        anyhow::anyhow!("{}: {}: {}", self.url, stop.phase, stop.detail)
    }
}
