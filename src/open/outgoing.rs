//! The way out for mail: an account's server, or the one that a URL names.

use anyhow::{Context as _, Result};

use super::again::patiently;
use super::args::EndpointOptions;
use super::context::Context;
use super::peer::{Peer, ProxyHeader};
use crate::base::location::{Location, SmtpEndpoint, SmtpScheme, SmtpUrl};
use crate::config::Account;
use crate::config::msmtprc::Msmtprc;
use crate::message::address::{self, Mailbox};
use crate::net::Endpoint;
use crate::net::tls::{Connector, Mode};
use crate::sasl::Mechanism;
use crate::smtp::client::{self, Client, Login, Options, Stage, StartTls};
use crate::store::{self, PeerError as _};
use crate::ui::{Exit, Failure};

/// Where a message is handed over.
pub struct Outgoing {
    url: SmtpUrl,
    account: Option<Account>,
}

/// How the dialogue with a server goes, where it is not as usual.
#[derive(Debug, Clone, Default)]
pub struct Dialogue {
    /// The name to say in EHLO; `None`: this machine's.
    pub name: Option<String>,
    /// What XCLIENT says: attribute, upper case, and value; empty: nothing.
    pub xclient: Vec<(String, String)>,
    /// What comes before everything else.
    pub proxy: Option<ProxyHeader>,
    /// The session is led this far only; `None`: until it takes mail.
    pub last: Option<Stage>,
}

/// An SMTP client's error, as every store's error is told.
pub fn smtp_error(error: client::Error) -> store::Error {
    store::Error::Peer(Box::new(error))
}

impl Outgoing {
    /// Finds the way: `via` where it is given, else the account that writes from `from`, else
    /// the default account.
    ///
    /// # Errors
    /// [`Failure`] when there is none, or the location takes no mail.
    pub fn new(via: Option<&str>, from: Option<&str>, context: &Context) -> Result<Self> {
        let location = via.map(Location::parse).transpose()?;
        if let Some(Location::Smtp(url)) = &location {
            let account = context.config.account_of(&Location::Smtp(url.clone()))?.cloned();
            return Ok(Self { url: url.clone(), account });
        }
        let theirs;
        let account = match &location {
            Some(location @ Location::Account { account, folder: None, .. }) => {
                match context.config.account_of(location) {
                    Ok(account) => account,
                    Err(unknown) => {
                        theirs = Msmtprc::load()?;
                        Some(theirs.account(account).ok_or(unknown)?)
                    }
                }
            }
            Some(Location::Account { .. }) => {
                return Err(Failure::usage("--via wants an account, not a folder in it").into());
            }
            Some(other) => {
                return Err(Failure::usage(format!("{other} takes no mail"))
                    .hint("--via wants an account, or a submissions://, submission://, smtps://, smtp://, lmtp:// or nntp:// URL")
                    .into());
            }
            None => {
                let from = from.and_then(|from| address::mailbox(from.as_bytes()).ok());
                let ours = &context.config;
                let by_author = from.as_ref().and_then(|it| ours.account_of_address(&it.addr));
                match by_author.or_else(|| ours.default_account()) {
                    Some(account) => Some(account),
                    // msmtp's users have an account already.
                    None => {
                        theirs = Msmtprc::load()?;
                        let by_author =
                            from.as_ref().and_then(|it| theirs.account_of_address(&it.addr));
                        by_author.or_else(|| theirs.default_account())
                    }
                }
            }
        };
        let account = account.cloned().ok_or_else(|| {
            Failure::new(Exit::Config, "no server to send by: no account is configured")
                .hint("give --via submission://USER@HOST, or put an account into the configuration")
        })?;
        let url = account.smtp.clone().ok_or_else(|| {
            Failure::new(Exit::Config, format!("the account {} has no `smtp`", account.name))
        })?;
        context.debug(|| format!("sent by the account {}", account.name));
        Ok(Self { url, account: Some(account) })
    }

    /// Who writes by this way, where the configuration tells.
    pub fn author(&self) -> Option<Mailbox> {
        mailbox_of(self.account.as_ref()?)
    }

    /// Whether anybody could be at the other end: options or account say not to verify.
    pub fn is_unverified(&self, options: &EndpointOptions) -> bool {
        let of_account = self.account.as_ref().and_then(|account| account.tls.insecure);
        options.insecure || of_account == Some(true)
    }

    /// Opens a session: TLS as the location asks, logged in where a user is known.
    ///
    /// # Errors
    /// Network, TLS, login and protocol errors.
    pub async fn open(
        &self,
        options: &EndpointOptions,
        ehlo: Option<&str>,
        context: &Context,
    ) -> Result<Client> {
        let dialogue = Dialogue { name: ehlo.map(str::to_owned), ..Dialogue::default() };
        self.open_by(options, &dialogue, context).await
    }

    /// As [`Outgoing::open`], with a dialogue of its own kind.
    ///
    /// # Errors
    /// As [`Outgoing::open`].
    pub async fn open_by(
        &self,
        options: &EndpointOptions,
        dialogue: &Dialogue,
        context: &Context,
    ) -> Result<Client> {
        let is_lmtp = self.url.scheme == SmtpScheme::Lmtp;
        let endpoint = match &self.url.endpoint {
            SmtpEndpoint::Tcp(server) => {
                let port = server.port.unwrap_or(self.url.scheme.default_port());
                Endpoint::tcp(server.host.clone(), port)
            }
            SmtpEndpoint::Unix(path) => Endpoint::Unix(path.clone()),
        };
        let mode = match (&endpoint, self.url.scheme.implicit_tls()) {
            (Endpoint::Unix(_), _) => Mode::None,
            (_, true) => Mode::Implicit,
            (tcp, false) if is_lmtp && tcp.is_loopback() => Mode::Opportunistic,
            _ => Mode::Starttls,
        };
        let account = self.account.as_ref();
        let peer = Peer::new(endpoint, self.url.server(), mode, account, options, &context.config)?;
        let connector: Option<Connector> = match peer.mode {
            Mode::Starttls | Mode::Opportunistic => Some(peer.connector()?),
            Mode::Implicit | Mode::None => None,
        };
        let client = patiently(&peer.endpoint, context, async || {
            loop {
                // Everything that can be wrong here is wrong before the server is spoken to.
                let credential = peer.credential(context).await?;
                let starttls = match (&connector, peer.mode) {
                    (Some(connector), Mode::Opportunistic) => StartTls::IfOffered(connector),
                    (Some(connector), _) => StartTls::Required(connector),
                    (None, _) => StartTls::Never,
                };
                let client_options = Options {
                    name: dialogue.name.clone().or_else(own_domain).unwrap_or_default(),
                    xclient: dialogue.xclient.clone(),
                    last: dialogue.last,
                    is_lmtp,
                    starttls,
                    login: credential.as_ref().map(|credential| Login {
                        credential,
                        mechanism: peer.mechanism,
                        allow_cleartext: peer.allow_cleartext,
                        host: peer.endpoint.host(),
                        port: peer.port,
                    }),
                    timeout: context.net.timeout,
                    ..Options::default()
                };
                let wire = peer.connect_behind(dialogue.proxy, context).await?;
                match Client::open(wire, &client_options).await {
                    Err(error) if error.is_auth() && peer.renews() => {}
                    opened => {
                        return opened
                            .map_err(smtp_error)
                            .with_context(|| peer.endpoint.to_string());
                    }
                }
            }
        })
        .await?;
        context.debug(|| match client.login_mechanism() {
            Some(mechanism) => format!("{}: logged in by {mechanism}", peer.endpoint),
            None => format!("{}: nobody logs in", peer.endpoint),
        });
        peer.tell_weak(client.login_mechanism().map_or("", Mechanism::name), context);
        Ok(client)
    }
}

/// Who writes where no server is involved: the owner of the account that writes from `from`, or
/// of the default account; `None` where nobody is configured.
pub fn author(from: Option<&str>, context: &Context) -> Option<Mailbox> {
    mailbox_of(account_of_author(from, context)?)
}

fn account_of_author<'a>(from: Option<&str>, context: &'a Context) -> Option<&'a Account> {
    let by_author = from
        .and_then(|from| address::mailbox(from.as_bytes()).ok())
        .and_then(|from| context.config.account_of_address(&from.addr));
    by_author.or_else(|| context.config.default_account())
}

fn mailbox_of(account: &Account) -> Option<Mailbox> {
    let addr = account.emails.first()?.clone();
    Some(Mailbox { name: account.full_name.clone(), addr })
}

/// This machine's name where it is one that EHLO can say (RFC 5321 section 4.1.1.1), or
/// `localhost`.
pub fn own_name() -> String {
    own_domain().unwrap_or_else(|| "localhost".to_owned())
}

/// This machine's name where it is that of a domain.
pub(super) fn own_domain() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let is_domain = name.contains('.')
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-'));
    is_domain.then_some(name)
}
