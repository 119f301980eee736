//! Logging in and out: tokens and passwords come to rest, and go.

use anyhow::Result;

use crate::base::secret::Secret;
use crate::config::credentials::{Credentials, Surroundings, Whereabouts};
use crate::config::{Account, credentials};
use crate::keyring::{Item, Keyring};
use crate::net;
use crate::oauth::{Source, Web};
use crate::open::{Context, tokens};
use crate::ui::{Exit, Failure, Output, report};

/// The tokens of an account that has an `oauth` table, and how its provider is reached.
fn source(account: &Account, context: &Context) -> Result<(Source, net::Options)> {
    let user = account.imap.as_ref().and_then(|url| account.user_at(&url.server));
    let user = user.or(account.user.as_deref()).or(account.emails.first().map(String::as_str));
    Ok((tokens::source(account, user)?, tokens::network(account, &context.net)))
}

fn web<'o>(account: &Account, options: &'o net::Options) -> Result<Web<'o>> {
    Ok(Web { options, tls: tokens::trust(account)? })
}

pub(super) async fn login(name: &str, context: &Context) -> Result<Exit> {
    let account = context.config.account(name)?;
    let place = if let Some(keys) = &account.oauth {
        let (source, options) = source(account, context)?;
        source.login(keys.flow, &web(account, &options)?, &mut |words| report::note(words)).await?
    } else {
        keep_password(account)?
    };
    if !context.quiet {
        report::note(&format!("{name} is logged in; kept in {place}"));
    }
    Ok(Exit::Ok)
}

/// Users and hosts at which an account logs in, each once.
fn logins(account: &Account) -> Vec<Item> {
    let mut items = Vec::new();
    for (server, _) in account.servers() {
        let Some(user) = account.user_at(server) else { continue };
        let item = Item::Password { user: user.to_owned(), host: server.host.clone() };
        if !items.contains(&item) {
            items.push(item);
        }
    }
    items
}

fn keep_password(account: &Account) -> Result<String> {
    let items = logins(account);
    let Some(Item::Password { user, host }) = items.first() else {
        return Err(Failure::new(
            Exit::Config,
            format!("the account {} has no server with a user to log in", account.name),
        )
        .into());
    };
    let whereabouts =
        Whereabouts { user: user.clone(), host: host.clone(), ..Whereabouts::default() };
    // The places where it may be already are not asked: it is to be a new one.
    let surroundings = Surroundings { netrc: None, keyring: None, ..Surroundings::of_process() };
    let secret: Secret = Credentials::new(whereabouts, surroundings).secret()?.secret;
    let keyring = Keyring::of_user()?;
    let mut place = String::new();
    for item in &items {
        place = keyring.store(item, &secret)?;
    }
    Ok(place)
}

pub(super) async fn logout(name: &str, context: &Context) -> Result<Exit> {
    let account = context.config.account(name)?;
    let mut was_in = false;
    if account.oauth.is_some() {
        let (source, options) = source(account, context)?;
        was_in |= source.logout(&web(account, &options)?).await?;
    }
    let keyring = Keyring::of_user()?;
    for item in logins(account) {
        was_in |= keyring.delete(&item)?;
    }
    if !context.quiet {
        let words = if was_in { "is logged out" } else { "was not logged in" };
        report::note(&format!("{name} {words}"));
    }
    Ok(Exit::Ok)
}

pub(super) async fn token(name: &str, context: &Context, out: &mut Output) -> Result<Exit> {
    let account = context.config.account(name)?;
    let secret = if account.oauth.is_some() {
        let (source, options) = source(account, context)?;
        source.token(None, &web(account, &options)?).await?.secret
    } else if let Some(command) = &account.token_command {
        credentials::first_line(&account.name, command)?
    } else {
        return Err(Failure::new(Exit::Config, format!("the account {name} has no oauth table"))
            .hint("see OAUTH in pillarbox-config(5)")
            .into());
    };
    let text = secret.expose_str().unwrap_or_default();
    match out.format() {
        crate::ui::Format::Json => out.json(&serde_json::json!({ "token": text }))?,
        _ => out.line(text)?,
    }
    Ok(Exit::Ok)
}
