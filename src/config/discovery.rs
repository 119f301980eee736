//! Finding the servers of an address: SRV records (RFC 6186, RFC 8314 section 5.1), then the
//! autoconfig document of its domain, then the names that servers usually have.
//!
//! Each kind of server is taken from the first of these that has it. Documents are fetched by
//! HTTPS only. Usual names count when a server answers there with a certificate that is good
//! for the name. What is found is a proposal: SRV records are not signed, and may lead to
//! another domain (RFC 6186 section 6); whoever asked decides.

use std::time::Duration;

use crate::config::autoconfig;
use crate::net::dns::{Answer, Resolver, Service};
use crate::net::http::{self, Request, Url};
use crate::net::tls::{Connector, Settings};
use crate::net::{self, Endpoint};
use crate::smtp::client;

/// How long a server at a usual name may take.
const GUESS: Duration = Duration::from_secs(6);

/// Largest autoconfig document, in octets.
const DOCUMENT_OCTETS: usize = 256 * 1024;

/// A server that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS from the start; else STARTTLS.
    pub implicit_tls: bool,
    /// The login name, where it was said.
    pub user: Option<String>,
    /// Whether it is said to take OAuth tokens.
    pub oauth: bool,
    /// Who said so: the name of a record, a URL, `its name`.
    pub source: String,
}

/// What was found for an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// IMAP.
    pub imap: Option<Server>,
    /// POP3.
    pub pop: Option<Server>,
    /// Submission.
    pub smtp: Option<Server>,
    /// Why some questions have no answer, in words.
    pub troubles: Vec<String>,
    /// Whether one of them may have an answer later.
    pub may_come: bool,
    /// Services that the domain says it does not have (`.` as the target).
    absent: Vec<&'static str>,
}

/// The three kinds, with the services that their SRV records are for, the best first.
const KINDS: [(&str, [(&str, bool); 2]); 3] = [
    ("imap", [("_imaps", true), ("_imap", false)]),
    ("pop3", [("_pop3s", true), ("_pop3", false)]),
    ("smtp", [("_submissions", true), ("_submission", false)]),
];

/// Usual names and ports of each kind.
const USUAL: [(&str, &[(&str, u16)]); 3] = [
    ("imap", &[("imap", 993), ("mail", 993)]),
    ("pop3", &[("pop", 995), ("mail", 995)]),
    ("smtp", &[("smtp", 465), ("mail", 465), ("smtp", 587), ("mail", 587)]),
];

impl Found {
    fn slot(&mut self, kind: &str) -> &mut Option<Server> {
        match kind {
            "imap" => &mut self.imap,
            "pop3" => &mut self.pop,
            _ => &mut self.smtp,
        }
    }

    fn lacks(&mut self, kind: &'static str) -> bool {
        !self.absent.contains(&kind) && self.slot(kind).is_none()
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.imap.is_none() && self.pop.is_none() && self.smtp.is_none()
    }

    /// Mail can be read and sent. POP3 is for those who have no IMAP.
    fn is_enough(&mut self) -> bool {
        (!self.lacks("imap") || self.pop.is_some()) && !self.lacks("smtp")
    }
}

/// Looks for the servers of `address` (in ASCII). `with_ispdb`: Thunderbird's database is asked
/// too, which then knows the domain.
///
/// # Errors
/// [`net::Error::Setting`] where DNS cannot be asked at all; what is not found is no error.
pub async fn discover(
    address: &str,
    with_ispdb: bool,
    options: &net::Options,
    tls: &Settings,
) -> Result<Found, net::Error> {
    let domain = address.rsplit_once('@').map_or(address, |(_, domain)| domain);
    let mut found = Found::default();
    by_srv(domain, &Resolver::new(options)?, &mut found).await;
    let mut places = vec![
        (
            format!("autoconfig.{domain}"),
            format!("/mail/config-v1.1.xml?emailaddress={}", net_form(address)),
        ),
        (domain.to_owned(), "/.well-known/autoconfig/mail/config-v1.1.xml".to_owned()),
    ];
    if with_ispdb {
        places.push(("autoconfig.thunderbird.net".to_owned(), format!("/v1.1/{domain}")));
    }
    for (host, target) in places {
        if !found.is_enough() {
            by_document(&host, &target, address, options, tls, &mut found).await;
        }
    }
    if !found.is_enough() {
        by_name(domain, options, tls, &mut found).await;
    }
    Ok(found)
}

fn net_form(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

async fn by_srv(domain: &str, resolver: &Resolver, found: &mut Found) {
    for (kind, services) in KINDS {
        for (service, implicit_tls) in services {
            let name = format!("{service}._tcp.{domain}");
            match resolver.srv(&name).await {
                Answer::Found(list) => {
                    let targets: Vec<Service> =
                        list.into_iter().filter(|found| found.host != ".").collect();
                    if targets.is_empty() {
                        found.absent.push(kind);
                    }
                    let good = targets.into_iter().find_map(|found| {
                        let host = found.host.trim_end_matches('.').to_owned();
                        (autoconfig::is_host(&host) && found.port != 0)
                            .then_some((host, found.port))
                    });
                    if let Some((host, port)) = good
                        && found.slot(kind).is_none()
                    {
                        let source = format!("SRV {name}");
                        *found.slot(kind) = Some(Server {
                            host,
                            port,
                            implicit_tls,
                            user: None,
                            oauth: false,
                            source,
                        });
                    }
                }
                Answer::NoName | Answer::NoRecord => {}
                Answer::Unknown(words) => {
                    found.may_come = true;
                    found.troubles.push(format!("{name}: {words}"));
                }
            }
        }
        // No TLS is one thing, and no service another.
        if found.slot(kind).is_some() {
            found.absent.retain(|absent| *absent != kind);
        }
    }
}

async fn by_document(
    host: &str,
    target: &str,
    address: &str,
    options: &net::Options,
    tls: &Settings,
    found: &mut Found,
) {
    let Ok(url) = Url::https(host, target) else { return };
    let place = format!("https://{host}{}", target.split('?').next().unwrap_or_default());
    let request = Request::get(url).at_most(DOCUMENT_OCTETS).following(3);
    let text = match request.send(tls, options).await {
        Ok(response) if response.is_success() => String::from_utf8(response.body),
        // That there is no such document is the usual case.
        Ok(_) => return,
        Err(error) => {
            // Most domains have no such host, and one that does not answer is as good as none.
            let is_lookup = matches!(&error, http::Error::Network(net::Error::Lookup { .. }));
            found.may_come |= is_lookup;
            if error.is_tls() || is_lookup {
                found.troubles.push(format!("{place}: {error}"));
            }
            return;
        }
    };
    let servers = match text.ok().map(|text| autoconfig::servers(&text, address)) {
        Some(Ok(servers)) => servers,
        Some(Err(error)) => return found.troubles.push(format!("{place}: {error}")),
        None => return found.troubles.push(format!("{place}: not UTF-8")),
    };
    for server in servers {
        let Some(&(kind, _)) = KINDS.iter().find(|(kind, _)| *kind == server.kind) else {
            continue;
        };
        if found.lacks(kind) {
            *found.slot(kind) = Some(Server {
                host: server.host,
                port: server.port,
                implicit_tls: server.implicit_tls,
                user: server.user.filter(|user| user != address),
                oauth: server.oauth,
                source: place.clone(),
            });
        }
    }
}

async fn by_name(domain: &str, options: &net::Options, tls: &Settings, found: &mut Found) {
    let limit = options.deadline(GUESS).min(GUESS);
    let options = net::Options { timeout: Some(limit), ..options.clone() };
    for (kind, places) in USUAL {
        // POP3 is looked for only where there is no IMAP.
        if !found.lacks(kind) || (kind == "pop3" && found.imap.is_some()) {
            continue;
        }
        for (name, port) in places {
            let host = format!("{name}.{domain}");
            let implicit_tls = *port != 587;
            let answers = tokio::time::timeout(limit, answers(&host, *port, tls, &options)).await;
            if answers.is_ok_and(|answers| answers) {
                *found.slot(kind) = Some(Server {
                    host,
                    port: *port,
                    implicit_tls,
                    user: None,
                    oauth: false,
                    source: "its usual name".to_owned(),
                });
                break;
            }
        }
    }
}

/// Whether a server answers there, with a certificate that is good for the name.
async fn answers(host: &str, port: u16, tls: &Settings, options: &net::Options) -> bool {
    let Ok(connector) = Connector::new(host, tls) else { return false };
    let Ok(mut connected) = net::connect(&Endpoint::tcp(host, port), options).await else {
        return false;
    };
    if port != 587 {
        return connected.wire.start_tls(&connector).await.is_ok();
    }
    let client_options = client::Options {
        starttls: client::StartTls::Required(&connector),
        timeout: options.timeout,
        ..client::Options::default()
    };
    client::Client::open(connected.wire, &client_options).await.is_ok()
}
