//! A new account: its servers are found, its table is shown, and then written; and the way back.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use super::{Add, Remove};
use crate::base::location::is_account_name;
use crate::config::discovery::{self, Found, Server};
use crate::config::edit::{self, EditError, Keys, Said};
use crate::keyring::{Item, Keyring};
use crate::open::{self, Context, EndpointOptions};
use crate::ui::{Exit, Failure, Format, Output, report};

/// A proposed account as JSON.
#[derive(Debug, Serialize)]
struct Proposal<'p> {
    account: &'p str,
    email: &'p str,
    imap: Option<Proposed>,
    pop: Option<Proposed>,
    smtp: Option<Proposed>,
    table: &'p str,
    file: String,
    written: bool,
}

#[derive(Debug, Serialize)]
struct Proposed {
    url: String,
    source: String,
    oauth: bool,
}

pub(super) async fn add(args: &Add, context: &Context, out: &mut Output) -> Result<Exit> {
    let address = address(&args.address)?;
    let name = args.name.as_deref().unwrap_or(&args.address);
    if !is_account_name(name) || crate::base::location::is_scheme(name) {
        return Err(Failure::usage(format!("{name:?} can be no account's name"))
            .hint("give one of letters, digits and . - _ @ + with --as")
            .into());
    }
    let path = file(args.common.config.as_deref())?;
    if context.config.accounts().any(|account| account.name == name) {
        return Err(Failure::new(Exit::CantCreate, format!("there is an account {name} already"))
            .hint("give another name with --as, or remove it first")
            .into());
    }
    let options = &args.server.options;
    let tls = open::tls_settings(options)?;
    let found = discovery::discover(&address, args.ispdb, &context.net, &tls).await?;
    if found.is_empty() {
        return Err(nothing(&address, &found).into());
    }
    let keys = keys(&args.address, &found, options)?;
    let table = edit::table(name, &keys);
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_json = out.format() == Format::Json;
    if !is_json {
        for line in table.lines() {
            out.line(line)?;
        }
        out.flush()?;
        if !context.quiet {
            tell(&found, domain);
        }
    }
    let is_agreed = args.yes || (!is_json && agreed(&path)?);
    if is_agreed {
        edit::add_account(&path, name, &keys).map_err(failure)?;
    }
    if is_json {
        let proposed = |server: &Option<Server>, schemes| {
            server.as_ref().map(|server| Proposed {
                url: url(server, schemes),
                source: server.source.clone(),
                oauth: server.oauth,
            })
        };
        out.json(&Proposal {
            account: name,
            email: &args.address,
            imap: proposed(&found.imap, IMAP),
            pop: proposed(&found.pop, POP),
            smtp: proposed(&found.smtp, SMTP),
            table: &table,
            file: path.display().to_string(),
            written: is_agreed,
        })?;
    }
    if !context.quiet {
        if is_agreed {
            report::note(&format!(
                "written to {}; next: pillarbox account login {name}, pillarbox account test {name}",
                path.display()
            ));
        } else {
            report::note(&format!("nothing was written to {}", path.display()));
        }
    }
    Ok(Exit::Ok)
}

/// Schemes with TLS from the start, and with STARTTLS.
const IMAP: (&str, &str) = ("imaps", "imap");
const POP: (&str, &str) = ("pop3s", "pop3");
const SMTP: (&str, &str) = ("submissions", "submission");

/// The port of a scheme that needs not be written.
fn usual_port(scheme: &str) -> u16 {
    match scheme {
        "imaps" => 993,
        "imap" => 143,
        "pop3s" => 995,
        "pop3" => 110,
        "submissions" => 465,
        _ => 587,
    }
}

fn url(server: &Server, schemes: (&str, &str)) -> String {
    let scheme = if server.implicit_tls { schemes.0 } else { schemes.1 };
    if server.port == usual_port(scheme) {
        format!("{scheme}://{}", server.host)
    } else {
        format!("{scheme}://{}:{}", server.host, server.port)
    }
}

/// The address with its domain in ASCII, as DNS wants it.
fn address(text: &str) -> Result<String> {
    let wrong = || Failure::usage(format!("{text:?} is no address")).hint("want ann@example.org");
    let (local, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
    let domain = idna::domain_to_ascii(domain).map_err(|_| wrong())?;
    let is_odd = |c: char| c.is_control() || c.is_whitespace();
    if local.is_empty() || local.contains(is_odd) || !crate::config::autoconfig::is_host(&domain) {
        return Err(wrong().into());
    }
    Ok(format!("{local}@{domain}"))
}

/// The file that is written: the one that is named, else the user's.
fn file(named: Option<&Path>) -> Result<PathBuf> {
    match named {
        Some(path) => Ok(path.to_owned()),
        None => crate::config::user_file().ok_or_else(|| {
            Failure::new(Exit::Config, "no home folder is known to write the configuration to")
                .into()
        }),
    }
}

fn nothing(address: &str, found: &Found) -> Failure {
    let domain = address.rsplit_once('@').map_or(address, |(_, domain)| domain);
    let mut message = format!("no mail servers of {domain} are found");
    if !found.troubles.is_empty() {
        message = format!("{message}: {}", found.troubles.join("; "));
    }
    let exit = if found.may_come { Exit::TempFail } else { Exit::NoHost };
    Failure::new(exit, message)
        .hint("write the account into the configuration yourself: see pillarbox-config(5)")
}

/// What will stand in the table: what was found, and what the options say.
fn keys(email: &str, found: &Found, options: &EndpointOptions) -> Result<Keys> {
    use clap::ValueEnum as _;
    if options.password_fd.is_some() {
        return Err(Failure::usage("--password-fd cannot be kept in the configuration")
            .hint("run `pillarbox account login NAME` afterwards")
            .into());
    }
    let mut keys: Keys = vec![("email", Said::Text(email.to_owned()))];
    let servers =
        [("imap", &found.imap, IMAP), ("pop", &found.pop, POP), ("smtp", &found.smtp, SMTP)];
    let mut user = options.user.clone();
    for (key, server, schemes) in servers {
        // One way to read mail is enough.
        let Some(server) = server.as_ref().filter(|_| key != "pop" || found.imap.is_none()) else {
            continue;
        };
        keys.push((key, Said::Text(url(server, schemes))));
        user = user.or_else(|| server.user.clone());
    }
    let text = |text: &Option<String>| text.clone().map(Said::Text);
    let path = |path: &Option<PathBuf>| -> Result<Option<Said>> {
        let Some(path) = path else { return Ok(None) };
        let absolute = std::path::absolute(path)?;
        let text = absolute.to_str().ok_or_else(|| {
            Failure::usage(format!("{}: the path is not UTF-8", absolute.display()))
        })?;
        Ok(Some(Said::Text(text.to_owned())))
    };
    let word = |value: Option<clap::builder::PossibleValue>| {
        value.map(|value| Said::Text(value.get_name().to_owned()))
    };
    let flag = |flag: bool| flag.then_some(Said::Flag(true));
    let pins = (!options.pins.is_empty()).then(|| Said::Texts(options.pins.clone()));
    let all = [
        ("user", text(&user)),
        ("auth", text(&options.auth)),
        ("authorize-as", text(&options.authorize_as)),
        ("password-command", text(&options.password_command)),
        ("token-command", text(&options.token_command)),
        ("tls", word(options.tls.and_then(|mode| mode.to_possible_value()))),
        ("tls-min", word(options.tls_min.and_then(|version| version.to_possible_value()))),
        ("tls-backend", word(options.tls_backend.and_then(|backend| backend.to_possible_value()))),
        ("ca-file", path(&options.ca_file)?),
        ("client-cert", path(&options.client_cert)?),
        ("client-key", path(&options.client_key)?),
        ("pin", pins),
        ("insecure", flag(options.insecure)),
        ("allow-cleartext-password", flag(options.allow_cleartext_password)),
    ];
    keys.extend(all.into_iter().filter_map(|(key, said)| Some((key, said?))));
    Ok(keys)
}

/// Says where each server comes from, and what to look at twice.
fn tell(found: &Found, domain: &str) {
    let servers = [("imap", &found.imap), ("pop", &found.pop), ("smtp", &found.smtp)];
    for (key, server) in servers {
        let Some(server) = server else {
            if key != "pop" {
                report::note(&format!("{key}: none was found"));
            }
            continue;
        };
        let host = server.host.to_ascii_lowercase();
        let is_own = host == domain || host.ends_with(&format!(".{domain}"));
        let elsewhere = if is_own { "" } else { " - not a host of that domain" };
        let oauth = if server.oauth { ", takes OAuth tokens" } else { "" };
        report::note(&format!("{key}: {} (by {}{oauth}){elsewhere}", server.host, server.source));
    }
    for trouble in &found.troubles {
        report::warning(trouble);
    }
}

/// Asks whether to write.
fn agreed(path: &Path) -> Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::usage("nothing was written: there is no terminal to ask on")
            .hint("give --yes to have it written")
            .into());
    }
    let mut stderr = std::io::stderr();
    // A question that cannot be shown is answered by its default.
    let _ = write!(stderr, "Write this to {}? [y/N] ", path.display());
    let _ = stderr.flush();
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn failure(error: EditError) -> anyhow::Error {
    let exit = match &error {
        EditError::File { .. } | EditError::Exists { .. } => Exit::CantCreate,
        EditError::Config(_) | EditError::Syntax { .. } | EditError::Missing { .. } => Exit::Config,
    };
    Failure::new(exit, error.to_string()).into()
}

pub(super) fn remove(args: &Remove, context: &Context) -> Result<Exit> {
    let name = &args.name;
    context.config.account(name)?;
    let path = file(args.common.config.as_deref())?;
    edit::remove_account(&path, name).map_err(failure)?;
    // Its tokens are of no use to anybody any more; passwords may be another account's too.
    Keyring::of_user()?.delete(&Item::Tokens { account: name.clone() })?;
    if !context.quiet {
        report::note(&format!("removed from {}", path.display()));
    }
    Ok(Exit::Ok)
}
