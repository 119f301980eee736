//! News servers: a newsgroup to read, a server to post to.

use anyhow::{Context as _, Result};

use super::args::EndpointOptions;
use super::context::Context;
use super::mail::in_session;
use super::peer::Peer;
use crate::base::location::{
    Location, NewsReference, NewsWhat, NntpReference, NntpUrl, Reference, Server,
};
use crate::config::Account;
use crate::net::Endpoint;
use crate::net::tls::Mode;
use crate::nntp::client::{Client, Login, Options, StartTls};
use crate::nntp::syntax::wildmat::Wildmat;
use crate::store::{self, Id, PeerError as _};
use crate::ui::{Exit, Failure};

/// The variable that names a news server, `HOST` or `HOST:PORT`.
const SERVER_VARIABLE: &str = "NNTPSERVER";

/// Where news is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewsPlace {
    /// The server, and its group, if one is meant.
    pub url: NntpUrl,
    /// The location named no server: the account's, or the environment's, was taken.
    pub is_default: bool,
    /// The groups that a location means which names several; `None`: all.
    pub groups: Option<Wildmat>,
}

impl NewsPlace {
    /// What a location says.
    ///
    /// # Errors
    /// [`Failure`]: 78 where no server is known, 64 for groups that are no wildmat.
    pub fn of(location: &Location, context: &Context) -> Result<Self> {
        let of_url = |url: &NntpUrl| Self { url: url.clone(), is_default: false, groups: None };
        let news = match location {
            Location::Nntp(url) => return Ok(of_url(url)),
            Location::News(news) => news,
            Location::Account { account, folder, .. } => {
                let account = context.config.account(account)?;
                let Some(url) = self::of_account(account) else {
                    let message = format!("the account {} has no `nntp`", account.name);
                    return Err(Failure::new(Exit::Config, message).into());
                };
                let group = folder.clone().or_else(|| url.group.clone());
                return Ok(of_url(&NntpUrl { group, article: None, ..url }));
            }
            other => return Err(Failure::usage(format!("{other} is no news server")).into()),
        };
        let (url, is_default) = match &news.server {
            Some(server) => (of_server(server, context), false),
            None => (default_server(context)?, true),
        };
        let mut place = Self { url, is_default, groups: None };
        match &news.what {
            NewsWhat::Article(_) => {}
            NewsWhat::Groups(name) if name == "*" => {}
            NewsWhat::Groups(name) => {
                let wildmat = Wildmat::new(name)
                    .ok_or_else(|| Failure::usage(format!("{name:?} is no newsgroup")))?;
                match wildmat.is_name() {
                    true => place.url.group = Some(name.clone()),
                    false => place.groups = Some(wildmat),
                }
            }
        }
        Ok(place)
    }

    /// The account whose login and TLS settings this server uses: one with the same server where
    /// the same user, or nobody, logs in.
    pub fn account<'c>(&self, context: &'c Context) -> Option<&'c Account> {
        let mut all = context.config.default_account().into_iter().chain(context.config.accounts());
        all.find(|account| {
            account.nntp.as_ref().is_some_and(|url| {
                url.port() == self.url.port()
                    && url.server.host.eq_ignore_ascii_case(&self.url.server.host)
                    && user_of(account) == self.url.server.user
            })
        })
    }

    /// Which groups are listed: those that the location names, or all.
    ///
    /// # Errors
    /// The name, where it can be no newsgroup's.
    pub fn wanted(&self) -> Result<Option<Wildmat>, &str> {
        match &self.url.group {
            None => Ok(self.groups.clone()),
            Some(name) => Wildmat::new(name).map(Some).ok_or(name),
        }
    }

    /// The reference of an article: by its message-id, or by its number in the group.
    pub fn reference(&self, id: &Id) -> Option<Reference> {
        if let Some(inner) = id.0.strip_prefix('<').and_then(|id| id.strip_suffix('>')) {
            let server = (!self.is_default)
                .then(|| Server { port: Some(self.url.port()), ..self.url.server.clone() });
            let message_id = inner.to_owned();
            return Some(Reference::News(NewsReference { server, message_id }));
        }
        Some(Reference::Nntp(NntpReference {
            implicit_tls: self.url.implicit_tls,
            server: self.url.server.clone(),
            group: self.url.group.clone()?,
            article: id.0.parse().ok()?,
        }))
    }
}

/// Who logs in at an account's news server: only somebody who is named, since many servers know
/// nobody.
fn user_of(account: &Account) -> Option<String> {
    let of_url = account.nntp.as_ref().and_then(|url| url.server.user.clone());
    of_url.or_else(|| account.user.clone())
}

/// An account's server, with its user; `None` for an account without one.
fn of_account(account: &Account) -> Option<NntpUrl> {
    let mut url = account.nntp.clone()?;
    url.server.user = user_of(account);
    Some(url)
}

/// The server of a `news://` URL; TLS from the start where an account says so of it, or by its
/// port.
fn of_server(server: &Server, context: &Context) -> NntpUrl {
    let port = server.port.unwrap_or(119);
    let mut known = context.config.accounts().filter_map(|account| account.nntp.as_ref());
    let implicit_tls = known
        .find(|url| url.port() == port && url.server.host.eq_ignore_ascii_case(&server.host))
        .map_or(port == 563, |url| url.implicit_tls);
    NntpUrl { implicit_tls, server: server.clone(), group: None, article: None }
}

/// The default account's server, else the one of the environment, else the only one configured.
fn default_server(context: &Context) -> Result<NntpUrl> {
    let bare = |url: NntpUrl| NntpUrl { group: None, article: None, ..url };
    if let Some(url) = context.config.default_account().and_then(of_account) {
        return Ok(bare(url));
    }
    if let Ok(name) = std::env::var(SERVER_VARIABLE)
        && !name.is_empty()
    {
        return match Location::parse(&format!("nntp://{name}")) {
            Ok(Location::Nntp(url)) if url.group.is_none() => Ok(url),
            _ => {
                let message = format!("{SERVER_VARIABLE}={name:?} is no news server");
                Err(Failure::new(Exit::Config, message).hint("want HOST or HOST:PORT").into())
            }
        };
    }
    let mut known = context.config.accounts().filter_map(of_account);
    match (known.next(), known.next()) {
        (Some(url), None) => Ok(bare(url)),
        _ => Err(Failure::new(Exit::Config, "no news server is known")
            .hint("put `nntp` into an account, set NNTPSERVER, or write nntp://HOST/GROUP")
            .into()),
    }
}

/// Opens a session with a news server. Somebody logs in only where a user is named: by the URL,
/// by `--user`, or by `user` of the account; many news servers know nobody.
///
/// # Errors
/// Network, TLS, login and protocol errors.
pub async fn open_news(
    place: &NewsPlace,
    options: &EndpointOptions,
    context: &Context,
) -> Result<Client> {
    let url = &place.url;
    let account = place.account(context);
    let endpoint = Endpoint::tcp(url.server.host.clone(), url.port());
    let mode = if url.implicit_tls { Mode::Implicit } else { Mode::Starttls };
    let peer = Peer::new(endpoint, Some(&url.server), mode, account, options, &context.config)?;
    let is_named = options.user.is_some() || options.admin.is_some() || url.server.user.is_some();
    let connector = in_session(&peer)?;
    let client = loop {
        let credential = if is_named { peer.credential(context).await? } else { None };
        let client_options = Options {
            starttls: match (&connector, peer.mode) {
                (Some(connector), Mode::Opportunistic) => StartTls::IfOffered(connector),
                (Some(connector), _) => StartTls::Required(connector),
                (None, _) => StartTls::Never,
            },
            login: credential.as_ref().map(|credential| Login {
                credential,
                mechanism: peer.mechanism,
                allow_cleartext: peer.allow_cleartext,
                host: peer.endpoint.host(),
                port: peer.port,
            }),
            timeout: context.net.timeout,
        };
        match Client::open(peer.connect(context).await?, &client_options).await {
            Err(error) if error.is_auth() && peer.renews() => {}
            opened => {
                break opened
                    .map_err(store::Error::from)
                    .with_context(|| peer.endpoint.to_string())?;
            }
        }
    };
    let method = client.login_method().map(|method| method.to_string());
    context.debug(|| match &method {
        Some(method) => format!("{}: logged in by {method}", peer.endpoint),
        None => format!("{}: nobody logs in", peer.endpoint),
    });
    Ok(client)
}
