//! Carries the plan out: records first, then each endpoint, then judgement and report.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;

use super::args::{Args, Form, Level};
use super::budget::Budget;
use super::endpoint::{Manner, measure};
use super::facts::{Domain, Exchangers, Facts, Knock, Known, Outcome, Taken};
use super::findings::{self, Finding, Verdict};
use super::names::Names;
use super::part::Part;
use super::plan::{PORTS, Subject, Target, Tier};
use super::policy::{self, Wishes, scheme_of, web::Web};
use super::render::{self, text};
use super::together::together;
use super::{baseline, checks, watch};
use crate::net;
use crate::open::{self, Context, Peer};
use crate::ui::{Exit, Failure, Output, report};

/// How long a server may make no progress without `--timeout`: the deadlines of a mail
/// transfer are minutes, which nobody wants to wait here.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Examines what the arguments name, and prints the report.
///
/// # Errors
/// Arguments that lead nowhere, settings that cannot be followed, and output that cannot be
/// written. What a server does wrong is no error but a finding, and in the exit code.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    if let Some(part) = args.part {
        return part.run(context, out).await;
    }
    if let Some(id) = &args.explain {
        if args.common.json {
            out.json(&render::json::Explained::of(findings::entry(id)?))?;
            return Ok(Exit::Ok);
        }
        for line in text::explanation(findings::entry(id)?) {
            out.line(&line)?;
        }
        return Ok(Exit::Ok);
    }
    let what = args.what.as_deref().ok_or_else(|| Failure::usage("nothing to examine"))?;
    Part::check_word(what)?;
    let fail_on: Vec<Verdict> = args.fail_on.iter().copied().map(Level::verdict).collect();
    if let Some(every) = args.watch {
        return watch::watch(what, &args, every, context, out).await;
    }
    let before = args.baseline.as_deref().map(baseline::read).transpose()?;
    let facts = examine(what, &args, context).await?;
    let findings = checks::all(&facts);
    if let Some(path) = &args.save {
        baseline::write(path, &facts, &findings)?;
    }
    match before {
        None => print(&facts, &findings, form(&args), out)?,
        Some(before) => {
            let changes = baseline::changes(&before, &findings);
            baseline::print(&changes, args.common.json, out)?;
            return Ok(baseline::exit(&changes, &fail_on));
        }
    }
    Ok(findings::exit(&findings, &fail_on))
}

/// Finds out all there is.
///
/// # Errors
/// As [`run`].
pub async fn examine(what: &str, args: &Args, context: &Context) -> Result<Facts> {
    let net = net::Options {
        timeout: Some(context.net.timeout.unwrap_or(PATIENCE)),
        ..context.net.clone()
    };
    let tier = match (args.intrusive, args.active) {
        (true, _) => Tier::Intrusive,
        (false, true) => Tier::Active,
        (false, false) => Tier::Safe,
    };
    let budget = Budget::new(args.budget);
    let names = Names::new(&net);
    let (mut domain, targets) = match Subject::of(what, &context.config)? {
        Subject::Servers(targets) => (None, targets),
        Subject::Domain(name) if tier > Tier::Safe => {
            return Err(Failure::usage(format!(
                "{name} names no server, and active checks go only to servers that are named"
            ))
            .hint(format!("name one: pillarbox probe smtp://mx.{name} --active"))
            .into());
        }
        Subject::Domain(name) => {
            let tls = open::tls_settings(&args.server.options)?;
            let wishes = Wishes {
                selectors: &args.selector,
                dns_lists: &args.dnsbl,
                web: Web { net: &net, tls: &tls, budget: &budget },
            };
            let resolver = names.resolver().await.map_err(|why| Failure::new(Exit::Config, why))?;
            let found = policy::gather(&name, resolver, &wishes).await;
            let targets = servers(&found);
            (Some(found), targets)
        }
    };
    if !context.quiet {
        let servers = match targets.len() {
            1 => "1 server".to_owned(),
            count => format!("{count} servers"),
        };
        report::note(&format!("{servers}, at most {} connections", budget.limit()));
    }
    let measured = together(targets.iter().map(async |target| {
        let peer = Peer::new(
            target.endpoint.clone(),
            target.server.as_ref(),
            target.mode,
            target.account.as_ref(),
            &args.server.options,
            &context.config,
        )?;
        let net = peer.network(&net);
        let manner = Manner {
            net: &net,
            budget: &budget,
            repeat: args.repeat,
            ciphers: args.ciphers,
            tier,
            names: &names,
            context,
        };
        measure(target, &peer, &manner).await
    }))
    .await;
    let mut endpoints = Vec::new();
    for (target, found) in targets.iter().zip(measured) {
        let found = found?;
        if let (true, Some(domain)) = (target.is_guess, &mut domain) {
            domain.knocks.push(Knock { at: target.url.clone(), taken: knocked(&found) });
            if !is_reached(&found) {
                continue;
            }
        }
        endpoints.push(found);
    }
    Ok(Facts {
        subject: what.to_owned(),
        time: open::now().seconds,
        domain,
        endpoints,
        connections: budget.used(),
        budget: budget.limit(),
    })
}

fn is_reached(found: &super::facts::Endpoint) -> bool {
    found.addresses.iter().any(|address| matches!(address.outcome, Outcome::Connected { .. }))
}

/// Whether there is something at a port that was only guessed.
fn knocked(found: &super::facts::Endpoint) -> Taken {
    match &found.session.stop {
        _ if is_reached(found) => Taken::Yes { detail: "connected".into() },
        Some(stop) if stop.is_certain() => Taken::No { detail: stop.detail.clone() },
        Some(stop) => Taken::Unknown { detail: stop.detail.clone() },
        None => Taken::Unknown { detail: "it was not tried".into() },
    }
}

fn form(args: &Args) -> Form {
    match args.format {
        Some(form) => form,
        None if args.common.json => Form::Jsonl,
        None => Form::Text,
    }
}

/// The servers that a domain leads to: its exchangers, the services of its users, and every
/// other mail port of those hosts.
fn servers(domain: &Domain) -> Vec<Target> {
    let mut targets = exchangers(domain);
    for target in &mut targets {
        target.domain = Some(domain.domain.clone());
    }
    let mut told: Vec<(String, String, u16)> = Vec::new();
    for service in &domain.offered {
        let (Some(scheme), Known::Is(hosts)) = (scheme_of(&service.name), &service.hosts) else {
            continue;
        };
        told.extend(hosts.iter().map(|it| (scheme.to_owned(), it.host.clone(), it.port)));
    }
    if let Known::Is(Some(document)) = &domain.autoconfig {
        told.extend(document.servers.iter().filter_map(|url| parts(url)));
    }
    if let Known::Is(Some(answer)) = &domain.autodiscover {
        told.extend(answer.servers.iter().filter_map(|url| parts(url)));
    }
    for (scheme, host, port) in told {
        add(&mut targets, &scheme, &host, port, &domain.domain, false);
    }
    let hosts: BTreeSet<String> =
        targets.iter().map(|target| target.endpoint.host().to_owned()).collect();
    for host in hosts {
        for (port, scheme) in PORTS.iter().filter(|(_, scheme)| *scheme != "lmtp") {
            add(&mut targets, scheme, &host, *port, &domain.domain, true);
        }
    }
    targets
}

/// Scheme, host and port of a URL that has all of them.
fn parts(url: &str) -> Option<(String, String, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let (host, port) = rest.rsplit_once(':')?;
    Some((scheme.to_owned(), host.to_owned(), port.parse().ok()?))
}

/// Adds a server unless its host and port are there already, or are nothing that a URL can
/// have.
fn add(
    targets: &mut Vec<Target>,
    scheme: &str,
    host: &str,
    port: u16,
    domain: &str,
    is_guess: bool,
) {
    let endpoint = net::Endpoint::tcp(host, port);
    if targets.iter().any(|target| target.endpoint == endpoint) {
        return;
    }
    if let Ok(target) = Target::found(scheme, host, port, domain, is_guess) {
        targets.push(target);
    }
}

/// The servers that take the domain's mail, as far as they can be reached by name.
fn exchangers(domain: &Domain) -> Vec<Target> {
    match &domain.mx {
        Known::Is(Exchangers::Found { hosts }) => hosts
            .iter()
            .filter(|exchanger| {
                let is_dangling =
                    matches!(&exchanger.addresses, Known::Is(list) if list.is_empty());
                !exchanger.host.is_empty()
                    && exchanger.host.parse::<IpAddr>().is_err()
                    && !is_dangling
            })
            .map(|exchanger| Target::exchanger(&exchanger.host))
            .collect(),
        // RFC 5321 section 5.1: without MX records the domain's own address takes the mail.
        Known::Is(Exchangers::None { addresses: Known::Is(list) }) if !list.is_empty() => {
            vec![Target::exchanger(&domain.domain)]
        }
        Known::Is(Exchangers::None { .. } | Exchangers::NoDomain) | Known::Unknown { .. } => {
            Vec::new()
        }
    }
}

/// Prints facts and findings in any form.
///
/// # Errors
/// Output that cannot be written.
pub fn print(facts: &Facts, findings: &[Finding], form: Form, out: &mut Output) -> Result<()> {
    match form {
        Form::Jsonl => {
            for line in render::json::lines(facts, findings) {
                out.json(&line)?;
            }
        }
        form => {
            let lines = match form {
                Form::Text | Form::Jsonl => text::lines(facts, findings),
                Form::Nagios => render::nagios::lines(facts, findings),
                Form::Junit => render::junit::lines(facts, findings),
                Form::Sarif => render::sarif::lines(findings)?,
                Form::Prometheus => render::prometheus::lines(facts, findings),
                Form::Markdown => render::markdown::lines(facts, findings),
                Form::Json => serde_json::to_string_pretty(&render::json::report(facts, findings))?
                    .lines()
                    .map(str::to_owned)
                    .collect(),
            };
            for line in lines {
                out.line(&line)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::probe::facts::{Autoconfig, Exchanger, Host, Offered};

    fn domain(mx: Known<Exchangers>) -> Domain {
        Domain { domain: "example.org".into(), mx, ..Domain::default() }
    }

    #[test]
    fn a_domain_leads_to_the_servers_that_take_its_mail() {
        let address: IpAddr = [192, 0, 2, 1].into();
        let exchanger = |host: &str, addresses| Exchanger {
            preference: 10,
            host: host.into(),
            alias: Known::Is(None),
            addresses,
        };
        let hosts = vec![
            exchanger("mx.example.org", Known::Is(vec![address])),
            exchanger("slow.example.org", Known::unknown("timeout")),
            exchanger("gone.example.org", Known::Is(Vec::new())),
            exchanger("192.0.2.1", Known::Is(Vec::new())),
            exchanger("", Known::Is(Vec::new())),
        ];
        let urls = |mx| -> Vec<String> {
            exchangers(&domain(mx)).into_iter().map(|target| target.url).collect()
        };
        assert_eq!(
            urls(Known::Is(Exchangers::Found { hosts })),
            ["smtp://mx.example.org:25", "smtp://slow.example.org:25"]
        );
        let own = Exchangers::None { addresses: Known::Is(vec![address]) };
        assert_eq!(urls(Known::Is(own)), ["smtp://example.org:25"]);
        assert!(urls(Known::Is(Exchangers::NoDomain)).is_empty());
        assert!(urls(Known::unknown("SERVFAIL")).is_empty());
    }

    #[test]
    fn services_are_added_once_and_every_mail_port_of_each_host() {
        let host = |host: &str, port| Host {
            host: host.into(),
            port,
            alias: Known::Is(None),
            addresses: Known::Is(Vec::new()),
        };
        let offered = |name: &str, hosts| Offered { name: name.into(), hosts: Known::Is(hosts) };
        let mut domain = domain(Known::Is(Exchangers::None {
            addresses: Known::Is(vec![[192, 0, 2, 1].into()]),
        }));
        domain.offered = vec![
            offered("_imaps._tcp.example.org", vec![host("mail.example.org", 9993)]),
            offered("_pop3s._tcp.example.org", Vec::new()),
        ];
        domain.autoconfig = Known::Is(Some(Autoconfig {
            url: "https://x".into(),
            servers: vec![
                "imaps://mail.example.org:9993".into(),
                "submissions://mail.example.org:465".into(),
            ],
            fault: None,
        }));
        let targets = servers(&domain);
        let told: Vec<&str> =
            targets.iter().filter(|it| !it.is_guess).map(|it| it.url.as_str()).collect();
        assert_eq!(
            told,
            [
                "smtp://example.org:25",
                "imaps://mail.example.org:9993",
                "submissions://mail.example.org:465"
            ]
        );
        let guessed: Vec<&str> =
            targets.iter().filter(|it| it.is_guess).map(|it| it.url.as_str()).collect();
        assert_eq!(guessed.len(), 2 * 7 - 2, "{guessed:?}");
        assert!(guessed.contains(&"imaps://mail.example.org:993"));
        assert!(guessed.contains(&"submissions://example.org:465"));
        assert!(targets.iter().all(|it| it.domain.as_deref() == Some("example.org")));
    }
}
