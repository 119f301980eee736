//! What a domain says by HTTPS: its MTA-STS policy (RFC 8461 section 3.3), and its autoconfig
//! document; for autodiscover see [`super::autodiscover`].
//!
//! Redirects are not followed: they lead to hosts that nobody asked for, and for MTA-STS they
//! are forbidden.

use crate::config::autoconfig;
use crate::net::dns::{Answer, Resolver};
use crate::net::http::{Error, Request, Response, Url};
use crate::net::{self, tls};
use crate::route::mta_sts::{Mode, Policy};
use crate::verbs::probe::budget::Budget;
use crate::verbs::probe::facts::{Autoconfig, Known, Stop, StopKind, StsPolicy};
use crate::verbs::probe::timing::Phase;

/// Largest policy that is taken, in octets (RFC 8461 section 3.3 suggests 64 KiB).
const POLICY_OCTETS: usize = 64 * 1024;

/// Largest autoconfig document, in octets.
const DOCUMENT_OCTETS: usize = 256 * 1024;

/// How HTTPS is asked.
pub struct Web<'a> {
    /// How connections are made.
    pub net: &'a net::Options,
    /// How TLS is spoken.
    pub tls: &'a tls::Settings,
    /// How many connections may be made.
    pub budget: &'a Budget,
}

impl Web<'_> {
    async fn get(&self, host: &str, target: &str, octets: usize) -> Result<Response, Stop> {
        let ours = |detail: String| Stop { phase: Phase::Tcp, kind: StopKind::Ours, detail };
        let url = Url::https(host, target).map_err(|error| ours(error.to_string()))?;
        self.send(host, Request::get(url).at_most(octets)).await
    }

    /// Makes a request of a host, within the budget; redirects are not followed.
    ///
    /// # Errors
    /// [`Stop`]: no answer of HTTP has come.
    pub async fn send(&self, host: &str, request: Request) -> Result<Response, Stop> {
        let _permit = self.budget.take(host, false).await?;
        let request = request.following(0);
        request.send(self.tls, self.net).await.map_err(|error| match &error {
            Error::Network(network) => Stop::of(Phase::Tcp, network),
            other => {
                Stop { phase: Phase::Tcp, kind: StopKind::Protocol, detail: other.to_string() }
            }
        })
    }
}

/// The policy of a domain, and which of its exchangers it does not cover.
pub async fn sts_policy(domain: &str, hosts: &[&str], web: &Web<'_>) -> Known<StsPolicy> {
    let response =
        web.get(&format!("mta-sts.{domain}"), "/.well-known/mta-sts.txt", POLICY_OCTETS).await;
    let faulty = |fault: String| {
        Known::Is(StsPolicy {
            mode: String::new(),
            max_age: 0,
            patterns: Vec::new(),
            fault: Some(fault),
            unlisted: Vec::new(),
        })
    };
    let response = match response {
        Ok(response) => response,
        // A web server that is not there, or not trusted, is as good as no policy.
        Err(stop) if stop.is_certain() => return faulty(stop.detail),
        Err(stop) => return Known::unknown(stop.detail),
    };
    if response.status != 200 {
        return faulty(format!("the web server answers with {}", response.status));
    }
    let media = response.media_type();
    if media != "text/plain" {
        return faulty(format!("it is sent as {media:?}, and not as text/plain"));
    }
    match Policy::parse(&response.body) {
        Err(why) => faulty(why),
        Ok(policy) => Known::Is(StsPolicy {
            mode: match policy.mode {
                Mode::Enforce => "enforce",
                Mode::Testing => "testing",
                Mode::None => "none",
            }
            .to_owned(),
            max_age: policy.max_age,
            unlisted: hosts
                .iter()
                .filter(|host| !policy.lists(host))
                .map(|host| (*host).to_owned())
                .collect(),
            patterns: policy.patterns,
            fault: None,
        }),
    }
}

/// The autoconfig document at one of its two places; hosts that do not exist are not asked.
pub async fn autoconfig(
    domain: &str,
    resolver: &Resolver,
    web: &Web<'_>,
) -> Known<Option<Autoconfig>> {
    let address = format!("postmaster@{domain}");
    let places = [
        (format!("autoconfig.{domain}"), format!("/mail/config-v1.1.xml?emailaddress={address}")),
        (domain.to_owned(), "/.well-known/autoconfig/mail/config-v1.1.xml".to_owned()),
    ];
    let mut unknown = None;
    for (host, target) in places {
        match resolver.vouched_addresses(&host).await.answer {
            Answer::Found(_) => {}
            Answer::NoName | Answer::NoRecord => continue,
            Answer::Unknown(why) => {
                unknown = Some(format!("{host}: {why}"));
                continue;
            }
        }
        let url = format!("https://{host}{}", target.split('?').next().unwrap_or_default());
        let asked = web.get(&host, &target, DOCUMENT_OCTETS).await;
        let asked = asked.and_then(|response| asked_later(&response).map(|()| response));
        let text = match asked {
            Ok(response) if response.is_success() => response.body,
            Ok(_) => continue,
            Err(stop) if stop.is_certain() => continue,
            Err(stop) => {
                unknown = Some(format!("{url}: {}", stop.detail));
                continue;
            }
        };
        let read =
            std::str::from_utf8(&text).map_err(|_| "it is not UTF-8".to_owned()).and_then(|text| {
                autoconfig::servers(text, &address).map_err(|error| error.to_string())
            });
        return Known::Is(Some(match read {
            Err(fault) => Autoconfig { url, servers: Vec::new(), fault: Some(fault) },
            Ok(servers) => Autoconfig { url, servers: urls(&servers), fault: None },
        }));
    }
    match unknown {
        Some(why) => Known::unknown(why),
        None => Known::Is(None),
    }
}

/// Servers as URLs.
pub fn urls(servers: &[autoconfig::Server]) -> Vec<String> {
    let url = |server: &autoconfig::Server| {
        let scheme = match (server.kind.as_str(), server.implicit_tls) {
            ("imap", true) => "imaps",
            ("imap", false) => "imap",
            ("pop3", true) => "pop3s",
            ("pop3", false) => "pop3",
            (_, true) => "submissions",
            (_, false) => "submission",
        };
        format!("{scheme}://{}:{}", server.host, server.port)
    };
    servers.iter().map(url).collect()
}

/// A server in trouble, or one that has had enough of us, says nothing of what it has.
///
/// # Errors
/// [`StopKind::Later`].
pub fn asked_later(response: &Response) -> Result<(), Stop> {
    match response.status {
        408 | 429 | 500 | 502..=504 => Err(Stop {
            phase: Phase::Tcp,
            kind: StopKind::Later,
            detail: format!("HTTP {}", response.status),
        }),
        _ => Ok(()),
    }
}
