//! `account`: shows the accounts of the configuration and whether their servers let them in,
//! logs them in and out, finds the servers of new ones and writes them down.

mod add;
mod login;
mod test;

use anyhow::Result;
use serde::Serialize;

use crate::open::{Common, Context, Endpoint, Own};
use crate::ui::{Exit, Format, Output};

/// Find, show, test, log in and remove accounts
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
    pillarbox account test alice
  Forget the tokens and the password of one:
    pillarbox account logout alice";

/// What is done with accounts.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Action {
    /// Find the servers of an address, and write its account into the configuration
    ///
    /// SRV records are asked first (RFC 6186, RFC 8314), then the autoconfig document of the
    /// domain, then the names that servers usually have. The table is shown before it is
    /// written; options of the server go into it. Everything else in the file stays.
    Add(Box<Add>),
    /// Take an account out of the configuration, and delete its tokens
    Remove(Remove),
    /// List the accounts of the configuration
    List(List),
    /// Connect to the servers of accounts, log in, and leave again
    ///
    /// One line a service: how TLS is spoken and how the login was made, or what went wrong.
    /// The exit code is 0 when all are good, else that of the first error.
    Test(Test),
    /// Come by the tokens of an account, or keep its password, for good
    ///
    /// An account with an `oauth` table gets its tokens by the device flow, by a browser on this
    /// machine, or by what the table says. Any other is asked for its password, which
    /// `PILLARBOX_PASSWORD` can say too. Both are kept in the keyring of the desktop (the Secret
    /// Service, by secret-tool), or in an encrypted file where there is none.
    Login(Named),
    /// Forget the tokens and the password of an account
    ///
    /// A provider that can be told revokes the tokens.
    Logout(Named),
    /// Print an OAuth access token of an account that is valid now
    ///
    /// For programs that take one. It is renewed where it has run out.
    Token(Named),
}

/// What is added.
#[derive(Debug, Clone, clap::Args)]
pub struct Add {
    /// The address, as ann@example.org
    pub address: String,

    /// Call the account NAME (default: its address)
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,

    /// Write without asking
    #[arg(long)]
    pub yes: bool,

    /// Ask Thunderbird's database of providers too, which tells it the domain
    #[arg(long)]
    pub ispdb: bool,

    /// Options of the server, which go into the table.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

/// What is removed.
#[derive(Debug, Clone, clap::Args)]
pub struct Remove {
    /// The account
    pub name: String,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

/// One account.
#[derive(Debug, Clone, clap::Args)]
pub struct Named {
    /// The account
    pub name: String,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
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
            Action::Add(add) => &add.common,
            Action::Remove(remove) => &remove.common,
            Action::List(list) => &list.common,
            Action::Test(test) => &test.common,
            Action::Login(named) | Action::Logout(named) | Action::Token(named) => &named.common,
        }
    }
}

/// Does what is asked.
///
/// # Errors
/// An account that is not configured (78), a login that does not come about (77). What a tested server says is no error, but an exit
/// code.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    match args.action {
        Action::Add(args) => add::add(&args, context, out).await,
        Action::Remove(args) => add::remove(&args, context),
        Action::List(_) => list(context, out),
        Action::Test(args) => test::test(&args, context, out).await,
        Action::Login(named) => login::login(&named.name, context).await,
        Action::Logout(named) => login::logout(&named.name, context).await,
        Action::Token(named) => login::token(&named.name, context, out).await,
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
                for service in test::services(account) {
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
