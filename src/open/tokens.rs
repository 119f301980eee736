//! An account's OAuth tokens: what its table and the environment say, as `oauth` wants it.

use anyhow::Result;

use crate::base::secret::Secret;
use crate::config::{Account, credentials};
use crate::keyring::Keyring;
use crate::net;
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
