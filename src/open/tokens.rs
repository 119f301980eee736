//! An account's OAuth tokens: what its table and the environment say, as `oauth` wants it.

use anyhow::Result;

use super::peer::roots;
use crate::base::secret::Secret;
use crate::config::{Account, credentials};
use crate::keyring::Keyring;
use crate::net;
use crate::net::tls::{self, Verify};
use crate::oauth::{CLIENT_ID_VARIABLE, CLIENT_SECRET_VARIABLE, Flow, Settings, Source};
use crate::ui::{Exit, Failure};

/// How connections of an account that are no mail server's are made: by its proxy where no other
/// was asked for.
pub fn network(account: &Account, options: &net::Options) -> net::Options {
    let mut options = options.clone();
    if options.proxies.chosen.is_none() {
        options.proxies.chosen.clone_from(&account.proxy);
    }
    options
}

/// How TLS is spoken with an account's provider: one that is named by its URL is trusted by the
/// account's `ca-file`, if it has one, as its servers are; those known by name by the system's
/// roots alone.
///
/// # Errors
/// [`Failure`] for a file that cannot be read (66) or holds no certificates (78).
pub fn trust(account: &Account) -> Result<tls::Settings> {
    let provider = account.oauth.as_ref().and_then(|keys| keys.provider.as_deref());
    let own =
        account.tls.ca_file.as_ref().filter(|_| provider.is_some_and(|it| it.contains("://")));
    let verify = own.map(|path| roots(path)).transpose()?;
    Ok(tls::Settings {
        backend: account.tls.backend.unwrap_or_default(),
        verify: verify.unwrap_or(Verify::System),
        ..tls::Settings::default()
    })
}

/// Where the tokens of an account come from. `user`: whose mail it is.
///
/// # Errors
/// [`Failure`] (78) where its `oauth` table lacks what it needs, or is not there.
pub fn source(account: &Account, user: Option<&str>) -> Result<Source> {
    let keys = account.oauth.clone().unwrap_or_default();
    let lacks = |key: &str| {
        Failure::new(Exit::Config, format!("the account {} has no oauth.{key}", account.name))
            .hint("see OAUTH in pillarbox-config(5)")
    };
    if keys.provider.is_none() {
        return Err(lacks("provider").into());
    }
    let by_key = keys.flow == Some(Flow::ServiceAccount);
    if by_key && keys.key_file.is_none() {
        return Err(lacks("key-file").into());
    }
    let in_environment = || std::env::var(CLIENT_ID_VARIABLE).ok().filter(|id| !id.is_empty());
    let client_id = match keys.client_id.clone().or_else(in_environment) {
        Some(client_id) => client_id,
        None if by_key => String::new(),
        None => {
            let message = format!("no OAuth client id is known for the account {}", account.name);
            return Err(Failure::new(Exit::Config, message)
                .hint(format!(
                    "register a client with the provider, and put its id into oauth.client-id or \
                     {CLIENT_ID_VARIABLE}"
                ))
                .into());
        }
    };
    let (name, command) = (account.name.clone(), keys.client_secret_command.clone());
    let settings = Settings {
        account: account.name.clone(),
        keys,
        client_id,
        client_secret: Box::new(move || match &command {
            Some(command) => Ok(Some(credentials::first_line(&name, command)?)),
            None => Ok(std::env::var(CLIENT_SECRET_VARIABLE).ok().map(Secret::new)),
        }),
        user: user.map(str::to_owned),
    };
    let keyring = Keyring::of_user()?;
    Ok(Source::new(settings, keyring))
}
