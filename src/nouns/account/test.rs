//! Whether the servers of accounts let us in: one line a service.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use super::Test;
use crate::base::location::Location;
use crate::config;
use crate::net::{self, Wire};
use crate::open::{self, Context, Create, EndpointOptions, Mail, Outgoing};
use crate::ui::{Exit, Failure, Format, Output, report};

/// Capabilities that a person wants to know of; JSON has all.
const NOTABLE: [&str; 26] = [
    "IMAP4REV2",
    "IDLE",
    "CONDSTORE",
    "QRESYNC",
    "MOVE",
    "UIDPLUS",
    "ESEARCH",
    "SORT",
    "THREAD=REFERENCES",
    "SPECIAL-USE",
    "QUOTA",
    "ACL",
    "NOTIFY",
    "COMPRESS=DEFLATE",
    "OBJECTID",
    "UTF8=ACCEPT",
    "UIDL",
    "TOP",
    "PIPELINING",
    "SIZE",
    "8BITMIME",
    "SMTPUTF8",
    "CHUNKING",
    "DSN",
    "POST",
    "OVER",
];

/// One server of an account.
pub(super) struct Service {
    /// The key of the configuration.
    pub(super) name: &'static str,
    /// Its URL, without a password.
    pub(super) url: String,
    /// What is opened; `None`: mail goes out by it.
    location: Option<Location>,
}

pub(super) fn services(account: &config::Account) -> Vec<Service> {
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
#[derive(Debug, Default)]
struct Entered {
    /// In words (`TLS 1.3`); `None`: in the clear.
    tls: Option<String>,
    /// How the login was made; `None`: nobody logged in.
    login: Option<String>,
    /// What the server offers to who is logged in, in the protocol's words.
    offers: Vec<String>,
}

impl Entered {
    fn new(wire: &Wire, login: Option<String>, offers: Vec<String>) -> Self {
        let tls = wire.tls().map(|session| {
            if session.version.is_empty() { "TLS".to_owned() } else { session.version.clone() }
        });
        Self { tls, login, offers }
    }

    fn words(&self) -> String {
        let tls = self.tls.as_deref().unwrap_or("no TLS");
        let login = match &self.login {
            Some(login) => format!("logged in by {login}"),
            None => "not logged in".to_owned(),
        };
        let notable: Vec<&str> = NOTABLE
            .into_iter()
            .filter(|name| {
                self.offers.iter().any(|offer| {
                    let bare = offer.split([' ', '=']).next().unwrap_or_default();
                    offer.eq_ignore_ascii_case(name) || bare.eq_ignore_ascii_case(name)
                })
            })
            .collect();
        let offers = match notable[..] {
            [] => String::new(),
            _ => format!(", offers {}", notable.join(" ")),
        };
        format!("{tls}, {login}{offers}")
    }
}

/// One tested service as JSON.
#[derive(Debug, Serialize)]
struct Tested<'t> {
    account: &'t str,
    service: &'t str,
    url: &'t str,
    ok: bool,
    reached: bool,
    milliseconds: u64,
    tls: Option<String>,
    login: Option<String>,
    offers: Vec<String>,
    error: Option<String>,
    hint: Option<String>,
}

pub(super) async fn test(args: &Test, context: &Context, out: &mut Output) -> Result<Exit> {
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
            let begun = Instant::now();
            let ended = enter(account, &service, context).await;
            if let Err(error) = &ended {
                first_error = first_error.or(Some(open::verdict(error).exit));
            }
            tell(account, &service, ended, begun.elapsed(), out)?;
        }
    }
    if count == 0 {
        return Err(Failure::new(Exit::Config, "no account with a server to test")
            .hint("see pillarbox-config(5) for how accounts are configured")
            .into());
    }
    Ok(first_error.unwrap_or(Exit::Ok))
}

fn tell(
    account: &config::Account,
    service: &Service,
    ended: Result<Entered>,
    took: Duration,
    out: &mut Output,
) -> Result<()> {
    let place = format!("{} {} {}", account.name, service.name, service.url);
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let error = ended.as_ref().err().map(|error| {
        let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        report::joined(&causes)
    });
    let reached = ended.as_ref().err().is_none_or(was_reached);
    if out.format() == Format::Json {
        let hint = ended.as_ref().err().and_then(|error| open::verdict(error).hint);
        let ok = ended.is_ok();
        let entered = ended.unwrap_or_default();
        out.json(&Tested {
            account: &account.name,
            service: service.name,
            url: &service.url,
            ok,
            reached,
            milliseconds,
            tls: entered.tls,
            login: entered.login,
            offers: entered.offers,
            error,
            hint,
        })?;
        return Ok(());
    }
    match ended {
        Ok(entered) => {
            out.line(&format!("{place}: ok, reached in {milliseconds} ms, {}", entered.words()))?;
        }
        Err(_) => {
            let reached = if reached { "reached" } else { "not reached" };
            out.line(&format!("{place}: failed, {reached}, {}", error.unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// Whether the server was spoken to before it went wrong.
fn was_reached(error: &anyhow::Error) -> bool {
    let is_before = |error: &net::Error| {
        matches!(
            error,
            net::Error::NotFound { .. }
                | net::Error::Lookup { .. }
                | net::Error::Connect { .. }
                | net::Error::Unix { .. }
                | net::Error::Proxy { .. }
                | net::Error::Setting(_)
        )
    };
    // No server was asked for a connection where no secret could be had for it.
    let is_own = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<Failure>()
            || cause.is::<config::credentials::Error>()
            || cause.is::<crate::oauth::Error>()
            || cause.is::<crate::keyring::Error>()
    };
    !error
        .chain()
        .any(|cause| cause.downcast_ref::<net::Error>().is_some_and(is_before) || is_own(cause))
}

/// Connects, logs in where a user is known, and leaves.
async fn enter(account: &config::Account, service: &Service, context: &Context) -> Result<Entered> {
    let options = EndpointOptions::default();
    let Some(location) = &service.location else {
        let outgoing = Outgoing::new(Some(&account.name), None, context)?;
        let client = outgoing.open(&options, None, context).await?;
        let login = client.login_mechanism().map(|mechanism| mechanism.to_string());
        let entered = Entered::new(client.wire(), login, smtp_offers(client.capabilities()));
        client.quit().await.map_err(open::smtp_error)?;
        return Ok(entered);
    };
    let mut opened = open::open_mail(location, &options, Create::No, context).await?;
    let entered = match &mut opened.mail {
        Mail::Imap(session, _) => {
            let client = session.client();
            let offers = client.capabilities().values("").map(str::to_owned).collect();
            Entered::new(client.wire(), client.login_method().map(str::to_owned), offers)
        }
        Mail::Pop(maildrop, _) => {
            let client = maildrop.client();
            let login = client.login_method().map(|method| method.to_string());
            Entered::new(client.wire(), login, pop_offers(client.capabilities()))
        }
        Mail::News(newsgroup, _) => {
            let client = newsgroup.client();
            let login = client.login_method().map(|method| method.to_string());
            Entered::new(client.wire(), login, nntp_offers(client.capabilities()))
        }
        Mail::Maildir(_) | Mail::Mbox(..) | Mail::Eml(..) => Entered::default(),
    };
    opened.spool().finish().await?;
    Ok(entered)
}

fn smtp_offers(found: &crate::smtp::syntax::ehlo::Capabilities) -> Vec<String> {
    let mut offers = Vec::new();
    if let Some(size) = found.size {
        offers.push(if size == 0 { "SIZE".to_owned() } else { format!("SIZE {size}") });
    }
    let words = [
        ("PIPELINING", found.pipelining),
        ("8BITMIME", found.eight_bit_mime),
        ("SMTPUTF8", found.smtputf8),
        ("CHUNKING", found.chunking),
        ("BINARYMIME", found.binary_mime),
        ("DSN", found.dsn),
        ("REQUIRETLS", found.require_tls),
    ];
    offers.extend(words.into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_owned()));
    offers.extend(found.auth.iter().map(|mechanism| format!("AUTH={mechanism}")));
    offers
}

fn pop_offers(found: &crate::pop::syntax::capability::Capabilities) -> Vec<String> {
    let words = [
        ("TOP", found.top),
        ("USER", found.user),
        ("UIDL", found.uidl),
        ("PIPELINING", found.pipelining),
        ("RESP-CODES", found.resp_codes),
        ("AUTH-RESP-CODE", found.auth_resp_code),
    ];
    let named = words.into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_owned());
    named.chain(found.sasl.iter().map(|mechanism| format!("AUTH={mechanism}"))).collect()
}

fn nntp_offers(found: &crate::nntp::syntax::capability::Capabilities) -> Vec<String> {
    let words = [
        ("READER", found.reader),
        ("POST", found.post),
        ("NEWNEWS", found.newnews),
        ("HDR", found.hdr),
        ("OVER", found.over.is_some()),
    ];
    let named = words.into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_owned());
    named.chain(found.sasl.iter().map(|mechanism| format!("AUTH={mechanism}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_entered_is_told() {
        let entered = Entered {
            tls: Some("TLS 1.3".into()),
            login: Some("PLAIN".into()),
            offers: ["SIZE 1000", "AUTH=PLAIN", "DSN", "XOTHER"].map(str::to_owned).to_vec(),
        };
        assert_eq!(entered.words(), "TLS 1.3, logged in by PLAIN, offers SIZE DSN");
        assert_eq!(Entered::default().words(), "no TLS, not logged in");
    }
}
