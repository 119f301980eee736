//! `--admin`: an administrator logs in for the user who is meant, as when the mail of many is
//! moved from one server to another.
//!
//! Whether a server lets one user act for another is its own business; where it does, the
//! authorization identity (RFC 4422 section 2) says for whom. A programme that has a token for
//! everybody, by client credentials or a service account, needs no administrator's name: there
//! the token is the user's.

use anyhow::Result;

use super::args::EndpointOptions;
use crate::base::location::Server;
use crate::config::{Account, Config};
use crate::ui::Failure;

/// Whose settings count, and the options that say who logs in for whom; what was given where
/// `--admin` was not.
///
/// # Errors
/// [`Failure`] (64) where nobody says for whom, or two options do; (78) for an account without
/// a user.
pub(super) fn administered<'a>(
    account: Option<&'a Account>,
    server: Option<&Server>,
    options: &EndpointOptions,
    config: &'a Config,
) -> Result<(Option<&'a Account>, EndpointOptions)> {
    let Some(admin) = &options.admin else { return Ok((account, options.clone())) };
    if options.authorize_as.is_some() {
        return Err(Failure::usage("--admin and --authorize-as both say who acts for whom")
            .hint("give --admin with a URL that names the user, or --user with --authorize-as")
            .into());
    }
    let of_account = || account.and_then(|account| account.user_at(server?));
    let in_url = || server.and_then(|server| server.user.as_deref());
    let whom = options.user.as_deref().or_else(in_url).or_else(of_account);
    let Some(whom) = whom.map(str::to_owned) else {
        return Err(Failure::usage(format!("--admin {admin}: for whom?"))
            .hint("name the user in the URL (imaps://USER@host/), or by --user")
            .into());
    };
    let mut options = options.clone();
    let Ok(administrator) = config.account(admin) else {
        options.user = Some(admin.clone());
        options.authorize_as = Some(whom);
        return Ok((account, options));
    };
    let for_everybody = administrator
        .oauth
        .as_ref()
        .is_some_and(|keys| keys.flow.is_some_and(|flow| !flow.wants_person()));
    if for_everybody {
        options.user = Some(whom);
    } else {
        let own = administrator.servers().find_map(|(server, _)| administrator.user_at(server));
        let own = own.or(administrator.user.as_deref()).ok_or_else(|| {
            Failure::new(
                crate::ui::Exit::Config,
                format!("the account {admin} has no user to log in"),
            )
        })?;
        options.user = Some(own.to_owned());
        options.authorize_as = Some(whom);
    }
    Ok((Some(administrator), options))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[account.root]\nimap = \"imaps://chief@old.test\"\n\
        [account.robot]\nimap = \"imaps://old.test\"\n[account.robot.oauth]\n\
        provider = \"google\"\nflow = \"service-account\"\n";

    fn who(options: EndpointOptions, user: Option<&str>) -> Result<(String, Option<String>)> {
        let config = crate::config::tests::config(CONFIG);
        let mut server = config.account("robot")?.imap.clone().expect("a server").server;
        server.user = user.map(str::to_owned);
        let (_, options) = administered(None, Some(&server), &options, &config)?;
        Ok((options.user.unwrap_or_default(), options.authorize_as))
    }

    fn by(admin: &str) -> EndpointOptions {
        EndpointOptions { admin: Some(admin.into()), ..EndpointOptions::default() }
    }

    #[test]
    fn an_administrator_acts_for_the_user_of_the_url() {
        let for_bob = Some("bob".to_owned());
        let of_url = |admin| who(by(admin), Some("bob")).expect("said");
        assert_eq!(of_url("boss"), ("boss".into(), for_bob.clone()));
        assert_eq!(of_url("root"), ("chief".into(), for_bob.clone()));
        // Its token is for everybody.
        assert_eq!(of_url("robot"), ("bob".into(), None));
        let named = EndpointOptions { user: Some("ann".into()), ..by("boss") };
        assert_eq!(who(named, Some("bob")).expect("said"), ("boss".into(), Some("ann".into())));
        assert!(who(by("boss"), None).is_err());
        let twice = EndpointOptions { authorize_as: Some("ann".into()), ..by("boss") };
        assert!(who(twice, Some("bob")).is_err());
    }
}
