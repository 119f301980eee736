//! Autodiscover, by which Outlook finds the servers of a user: its documents by HTTPS (Microsoft's
//! MS-OXDSCLI: POST of an address, "plain old XML"), the newer questions by JSON, and the SRV
//! record that leads to both (MS-OXDISCO section 3.1.5.5).
//!
//! No password is ever sent: a server that asks for one is there, and has said all that it says
//! to anybody. Redirects are told and not followed, since they lead to hosts that nobody asked
//! for.

use super::web::{Web, asked_later};
use crate::config::autoconfig;
use crate::net::dns::{Answer, Resolver};
use crate::net::http::{Request, Response, Url};
use crate::verbs::probe::facts::{Autodiscover, Known, Stop};

/// Largest answer, in octets.
const ANSWER_OCTETS: usize = 256 * 1024;

/// A place where it may be.
struct Place {
    host: String,
    port: u16,
    /// DNS says that it is there: the domain's own web server says nothing by being one.
    is_told: bool,
}

impl Place {
    fn url(&self, target: &str) -> Result<Url, String> {
        let port = if self.port == 443 { String::new() } else { format!(":{}", self.port) };
        let url = format!("https://{}{port}{target}", self.host);
        url.parse().map_err(|error: crate::net::http::Error| error.to_string())
    }
}

/// Asks where it may be, the SRV record's host first; `None`: nowhere.
pub async fn autodiscover(
    domain: &str,
    resolver: &Resolver,
    web: &Web<'_>,
) -> Known<Option<Autodiscover>> {
    let (mut unknown, mut unknown_elsewhere) = (None, None);
    let mut told = None;
    for place in places(domain, resolver, &mut unknown).await {
        let fault = match ask(&place, domain, web).await {
            Ok(Some(found)) => return Known::Is(Some(found)),
            Ok(None) => "neither POST nor JSON is answered".to_owned(),
            Err(stop) if stop.is_certain() => stop.detail,
            Err(stop) => {
                let why = format!("{}: {}", place.host, stop.detail);
                let of_its_kind = if place.is_told { &mut unknown } else { &mut unknown_elsewhere };
                of_its_kind.get_or_insert(why);
                continue;
            }
        };
        if place.is_told {
            let url = format!("https://{}:{}/", place.host, place.port);
            told.get_or_insert(Autodiscover { fault: Some(fault), ..Autodiscover::at(url) });
        }
    }
    // That the domain's own web server is silent takes nothing from what is told by name.
    match (unknown, told, unknown_elsewhere) {
        (Some(why), ..) | (None, None, Some(why)) => Known::unknown(why),
        (None, told, _) => Known::Is(told),
    }
}

async fn places(domain: &str, resolver: &Resolver, unknown: &mut Option<String>) -> Vec<Place> {
    let mut places = Vec::new();
    let name = format!("_autodiscover._tcp.{domain}");
    match resolver.srv(&name).await {
        Answer::Found(list) => {
            if let Some(first) = list.iter().find(|service| service.host != ".") {
                let host = first.host.trim_end_matches('.').to_owned();
                places.push(Place { host, port: first.port, is_told: true });
            }
        }
        Answer::NoName | Answer::NoRecord => {}
        Answer::Unknown(why) => *unknown = Some(format!("{name}: {why}")),
    }
    for (host, is_told) in [(format!("autodiscover.{domain}"), true), (domain.to_owned(), false)] {
        if places.iter().any(|place: &Place| place.host == host && place.port == 443) {
            continue;
        }
        match resolver.vouched_addresses(&host).await.answer {
            Answer::Found(_) => places.push(Place { host, port: 443, is_told }),
            Answer::NoName | Answer::NoRecord => {}
            Answer::Unknown(why) => *unknown = Some(format!("{host}: {why}")),
        }
    }
    places
}

/// What a place says; `None`: it knows nothing of autodiscover.
async fn ask(place: &Place, domain: &str, web: &Web<'_>) -> Result<Option<Autodiscover>, Stop> {
    let address = format!("postmaster@{domain}");
    let Ok(url) = place.url("/autodiscover/autodiscover.xml") else { return Ok(None) };
    let shown = format!("https://{}:{}/autodiscover/autodiscover.xml", place.host, place.port);
    let request = Request::post(url, "text/xml; charset=utf-8", question(&address));
    let response = web.send(&place.host, request.at_most(ANSWER_OCTETS)).await?;
    asked_later(&response)?;
    // The domain's own web server may send everybody elsewhere, or want a login for all it has.
    let says_so = place.is_told || response.status == 200;
    if let Some(found) = of_xml(&response, shown, &address).filter(|_| says_so) {
        return Ok(Some(found));
    }
    let target = format!(
        "/autodiscover/autodiscover.json?Email=postmaster%40{domain}&Protocol=AutodiscoverV1"
    );
    let Ok(url) = place.url(&target) else { return Ok(None) };
    let response = web.send(&place.host, Request::get(url).at_most(ANSWER_OCTETS)).await?;
    asked_later(&response)?;
    let shown = format!("https://{}:{}/autodiscover/autodiscover.json", place.host, place.port);
    Ok(of_json(&response, shown))
}

/// The question of MS-OXDSCLI section 4.1. The address is one of host names, which need no
/// escaping.
fn question(address: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\">\
         <Request><EMailAddress>{address}</EMailAddress>\
         <AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>\
         </Request></Autodiscover>\n"
    )
}

fn of_xml(response: &Response, shown: String, address: &str) -> Option<Autodiscover> {
    let found = Autodiscover::at(shown);
    match response.status {
        401 => Some(Autodiscover { wants_login: true, ..found }),
        300..=399 => response
            .field("Location")
            .map(|location| Autodiscover { elsewhere: Some(location.to_owned()), ..found }),
        200 => {
            let read = std::str::from_utf8(&response.body)
                .map_err(|_| "it is not UTF-8".to_owned())
                .and_then(|text| {
                    autoconfig::discovered(text, address).map_err(|error| error.to_string())
                });
            match read {
                Ok(answer) => {
                    let servers = super::web::urls(&answer.servers);
                    let is_idle = servers.is_empty() && answer.elsewhere.is_none();
                    let fault =
                        answer.error.or(is_idle.then(|| "it names no server with TLS".to_owned()));
                    Some(Autodiscover { servers, fault, elsewhere: answer.elsewhere, ..found })
                }
                // A web server that has a page for everything knows nothing of it.
                Err(_) if !response.media_type().ends_with("xml") => None,
                Err(fault) => Some(Autodiscover { fault: Some(fault), ..found }),
            }
        }
        _ => None,
    }
}

fn of_json(response: &Response, shown: String) -> Option<Autodiscover> {
    if response.status != 200 || response.media_type() != "application/json" {
        return None;
    }
    let found = Autodiscover::at(shown);
    let told: Option<serde_json::Value> = serde_json::from_slice(&response.body).ok();
    match told.as_ref().and_then(|told| told["Url"].as_str()) {
        Some(url) => Some(Autodiscover { elsewhere: Some(url.to_owned()), ..found }),
        None => Some(Autodiscover { fault: Some("it has no Url".into()), ..found }),
    }
}
