//! `account`: shows the accounts of the configuration, and whether their servers let them in.
//!
//! It changes nothing, neither in the configuration nor on a server.

use anyhow::Result;
use serde::Serialize;

use crate::base::location::Location;
use crate::config;
use crate::net::Wire;
use crate::open::{self, Common, Context, Create, EndpointOptions, Mail, Outgoing};
use crate::ui::{Exit, Failure, Format, Output, report};

/// Show the configured accounts, and test whether their servers let them in
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true,
          subcommand_value_name = "ACTION", subcommand_help_heading = "Actions")]
pub struct Args {
    /// What is done.
    #[command(subcommand)]
    pub action: Action,
}

const EXAMPLES: &str = "\
Examples:
  The names of all accounts:
    pillarbox account list
  Everything about them but the secrets:
    pillarbox account list --json
  Whether the servers of one let us in:
    pillarbox account test alice";

/// What is done with accounts.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Action {
    /// List the accounts of the configuration
    List(List),
    /// Connect to the servers of accounts, log in, and leave again
    ///
    /// One line a service: how TLS is spoken and how the login was made, or what went wrong.
    /// The exit code is 0 when all are good, else that of the first error.
    Test(Test),
}

/// How accounts are listed.
#[derive(Debug, Clone, clap::Args)]
pub struct List {
    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

/// What is tested.
#[derive(Debug, Clone, clap::Args)]
pub struct Test {
    /// The accounts (default: all)
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

impl Args {
    /// The options of every verb.
    pub fn common(&self) -> &Common {
        match &self.action {
            Action::List(list) => &list.common,
            Action::Test(test) => &test.common,
        }
    }
}

/// Does what is asked.
///
/// # Errors
/// An account that is not configured (78). What a tested server says is no error, but an exit
/// code.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    match args.action {
        Action::List(_) => list(context, out),
        Action::Test(args) => test(&args, context, out).await,
    }
}

/// One account as JSON.
#[derive(Debug, Serialize)]
struct Told<'a> {
    name: &'a str,
    default: bool,
    email: &'a [String],
    imap: Option<String>,
    pop: Option<String>,
    smtp: Option<String>,
    nntp: Option<String>,
}

fn list(context: &Context, out: &mut Output) -> Result<Exit> {
    let default = context.config.default_account().map(|account| account.name.as_str());
    for account in context.config.accounts() {
        let is_default = default == Some(account.name.as_str());
        match out.format() {
            Format::Lines => out.line(&account.name)?,
            Format::Human => {
                let mark = if is_default { " (default)" } else { "" };
                out.line(&format!("{}{mark}  {}", account.name, account.emails.join(", ")))?;
                for service in services(account) {
                    out.line(&format!("  {} {}", service.name, service.url))?;
                }
            }
            Format::Json => out.json(&Told {
                name: &account.name,
                default: is_default,
                email: &account.emails,
                imap: account.imap.as_ref().map(ToString::to_string),
                pop: account.pop.as_ref().map(ToString::to_string),
                smtp: account.smtp.as_ref().map(ToString::to_string),
                nntp: account.nntp.as_ref().map(ToString::to_string),
            })?,
        }
    }
    Ok(Exit::Ok)
}

/// One server of an account.
struct Service {
    /// The key of the configuration.
    name: &'static str,
    /// Its URL, without a password.
    url: String,
    /// What is opened; `None`: mail goes out by it.
    location: Option<Location>,
}

fn services(account: &config::Account) -> Vec<Service> {
    let mut services = Vec::new();
    if let Some(url) = &account.imap {
        let location =
            Location::Account { account: account.name.clone(), folder: None, whole: true };
        services.push(Service { name: "imap", url: url.to_string(), location: Some(location) });
    }
    if let Some(url) = &account.pop {
        // The user makes it a URL of this account, with its secrets and its TLS.
        let mut of_user = url.clone();
        of_user.server.user = account.user_at(&url.server).map(str::to_owned);
        let location = Some(Location::Pop(of_user));
        services.push(Service { name: "pop", url: url.to_string(), location });
    }
    if let Some(url) = &account.smtp {
        services.push(Service { name: "smtp", url: url.to_string(), location: None });
    }
    if let Some(url) = &account.nntp {
        let mut of_user = url.clone();
        of_user.server.user = url.server.user.clone().or_else(|| account.user.clone());
        let location = Some(Location::Nntp(of_user));
        services.push(Service { name: "nntp", url: url.to_string(), location });
    }
    services
}

/// How a service let us in.
struct Entered {
    /// In words (`TLS 1.3`); `None`: in the clear.
    tls: Option<String>,
    /// How the login was made; `None`: nobody logged in.
    login: Option<String>,
}

impl Entered {
    fn new(wire: &Wire, login: Option<String>) -> Self {
        let tls = wire.tls().map(|session| {
            if session.version.is_empty() { "TLS".to_owned() } else { session.version.clone() }
        });
        Self { tls, login }
    }

    fn words(&self) -> String {
        let tls = self.tls.as_deref().unwrap_or("no TLS");
        match &self.login {
            Some(login) => format!("{tls}, logged in by {login}"),
            None => format!("{tls}, not logged in"),
        }
    }
}

/// One tested service as JSON.
#[derive(Debug, Serialize)]
struct Tested<'t> {
    account: &'t str,
    service: &'t str,
    url: &'t str,
    ok: bool,
    tls: Option<String>,
    login: Option<String>,
    error: Option<String>,
    hint: Option<String>,
}

async fn test(args: &Test, context: &Context, out: &mut Output) -> Result<Exit> {
    let accounts: Vec<&config::Account> = if args.names.is_empty() {
        context.config.accounts().collect()
    } else {
        let mut named = Vec::with_capacity(args.names.len());
        for name in &args.names {
            named.push(context.config.account(name)?);
        }
        named
    };
    let mut first_error = None;
    let mut count = 0;
    for account in accounts {
        for service in services(account) {
            count += 1;
            let entered = enter(account, &service, context).await;
            let place = format!("{} {} {}", account.name, service.name, service.url);
            let verdict = entered.as_ref().err().map(open::verdict);
            let error = entered.as_ref().err().map(|error| {
                let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
                report::joined(&causes)
            });
            if let Some(verdict) = &verdict {
                first_error = first_error.or(Some(verdict.exit));
            }
            match (out.format(), entered) {
                (Format::Json, entered) => {
                    let entered = entered.ok();
                    out.json(&Tested {
                        account: &account.name,
                        service: service.name,
                        url: &service.url,
                        ok: entered.is_some(),
                        tls: entered.as_ref().and_then(|entered| entered.tls.clone()),
                        login: entered.and_then(|entered| entered.login),
                        error,
                        hint: verdict.and_then(|verdict| verdict.hint),
                    })?;
                }
                (_, Ok(entered)) => out.line(&format!("{place}: ok, {}", entered.words()))?,
                (_, Err(_)) => {
                    out.line(&format!("{place}: failed, {}", error.unwrap_or_default()))?;
                }
            }
        }
    }
    if count == 0 {
        return Err(Failure::new(Exit::Config, "no account with a server to test")
            .hint("see pillarbox-config(5) for how accounts are configured")
            .into());
    }
    Ok(first_error.unwrap_or(Exit::Ok))
}

/// Connects, logs in where a user is known, and leaves.
async fn enter(account: &config::Account, service: &Service, context: &Context) -> Result<Entered> {
    let options = EndpointOptions::default();
    let Some(location) = &service.location else {
        let outgoing = Outgoing::new(Some(&account.name), None, context)?;
        let client = outgoing.open(&options, None, context).await?;
        let login = client.login_mechanism().map(|mechanism| mechanism.to_string());
        let entered = Entered::new(client.wire(), login);
        client.quit().await.map_err(open::smtp_error)?;
        return Ok(entered);
    };
    let mut opened = open::open_mail(location, &options, Create::No, context).await?;
    let entered = match &mut opened.mail {
        Mail::Imap(session, _) => {
            let client = session.client();
            Entered::new(client.wire(), client.login_method().map(str::to_owned))
        }
        Mail::Pop(maildrop, _) => {
            let client = maildrop.client();
            Entered::new(client.wire(), client.login_method().map(|method| method.to_string()))
        }
        Mail::News(newsgroup, _) => {
            let client = newsgroup.client();
            Entered::new(client.wire(), client.login_method().map(|method| method.to_string()))
        }
        Mail::Maildir(_) | Mail::Mbox(..) | Mail::Eml(..) => Entered { tls: None, login: None },
    };
    opened.spool().finish().await?;
    Ok(entered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_entered_is_told() {
        let entered = Entered { tls: Some("TLS 1.3".into()), login: Some("PLAIN".into()) };
        assert_eq!(entered.words(), "TLS 1.3, logged in by PLAIN");
        let open = Entered { tls: None, login: None };
        assert_eq!(open.words(), "no TLS, not logged in");
    }
}
