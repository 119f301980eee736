//! An IMAP server becomes an account of one session.

use anyhow::Result;

use super::args::EndpointOptions;
use super::context::Context;
use super::peer::Peer;
use crate::base::location::ImapUrl;
use crate::config;
use crate::imap::client::{Client, Login, Options, StartTls};
use crate::imap::store::Account;
use crate::net::Endpoint;
use crate::net::tls::Mode;
use crate::store;
use crate::ui::report;

/// Connects and logs in. The URL that comes back names the user who did, and has no password:
/// references are made of it.
///
/// # Errors
/// Network, TLS and login errors.
pub async fn open_imap(
    url: &ImapUrl,
    account: Option<&config::Account>,
    options: &EndpointOptions,
    context: &Context,
) -> Result<(Account, ImapUrl)> {
    let endpoint = Endpoint::tcp(url.server.host.clone(), url.port());
    let mode = if url.implicit_tls { Mode::Implicit } else { Mode::Starttls };
    let peer = Peer::new(endpoint, Some(&url.server), mode, account, options)?;
    let credential = peer.credential(context)?.ok_or_else(|| peer.no_user())?;
    let connector = match peer.mode {
        Mode::Starttls | Mode::Opportunistic => Some(peer.connector()?),
        Mode::Implicit | Mode::None => None,
    };
    let wire = peer.connect(context).await?;
    let options = Options {
        starttls: match (&connector, peer.mode) {
            (Some(connector), Mode::Opportunistic) => StartTls::IfOffered(connector),
            (Some(connector), _) => StartTls::Required(connector),
            (None, _) => StartTls::Never,
        },
        login: Some(Login {
            credential: &credential,
            mechanism: peer.mechanism,
            allow_cleartext: peer.allow_cleartext,
            host: peer.endpoint.host(),
            port: peer.port,
        }),
        timeout: context.net.timeout,
        ..Options::default()
    };
    let mut client = Client::open(wire, &options).await.map_err(store::Error::from)?;
    for alert in client.take_alerts() {
        report::warning(&format!("{}: the server says: {alert}", peer.endpoint));
    }
    let mut url = url.clone();
    (url.server.user, url.server.password) = (peer.user.clone(), None);
    Ok((Account::new(client).await.map_err(store::Error::from)?, url))
}
