//! Carries the plan out: records first, then each endpoint, then judgement and report.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;

use super::args::{Args, Form, Level};
use super::budget::Budget;
use super::endpoint::{Manner, measure};
use super::facts::{Domain, Exchangers, Facts, Known};
use super::findings::{self, Finding, Verdict};
use super::part::Part;
use super::plan::{Subject, Target, check_options};
use super::render::{json, nagios, text};
use super::{checks, policy};
use crate::net;
use crate::net::dns::Resolver;
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
        for line in text::explanation(findings::entry(id)?) {
            out.line(&line)?;
        }
        return Ok(Exit::Ok);
    }
    let what = args.what.as_deref().ok_or_else(|| Failure::usage("nothing to examine"))?;
    Part::check_word(what)?;
    check_options(&args.server.options)?;
    let net = net::Options {
        timeout: Some(context.net.timeout.unwrap_or(PATIENCE)),
        ..context.net.clone()
    };
    let (domain, targets) = match Subject::of(what, &context.config)? {
        Subject::Servers(targets) => (None, targets),
        Subject::Domain(name) => {
            let found = policy::gather(&name, &Resolver::new(&net)?).await;
            let targets = exchangers(&found);
            (Some(found), targets)
        }
    };
    let budget = Budget::new(args.budget);
    if !context.quiet {
        let servers = match targets.len() {
            1 => "1 server".to_owned(),
            count => format!("{count} servers"),
        };
        report::note(&format!("{servers}, at most {} connections", budget.limit()));
    }
    let mut facts = Facts {
        subject: what.to_owned(),
        time: open::now().seconds,
        domain,
        endpoints: Vec::new(),
        connections: 0,
        budget: budget.limit(),
    };
    for target in &targets {
        let peer = Peer::new(
            target.endpoint.clone(),
            target.server.as_ref(),
            target.mode,
            target.account.as_ref(),
            &args.server.options,
            &context.config,
        )?;
        let net = peer.network(&net);
        let manner =
            Manner { net: &net, budget: &budget, repeat: args.repeat, ciphers: args.ciphers };
        facts.endpoints.push(measure(target, &peer, &manner).await?);
    }
    facts.connections = budget.used();

    let findings = checks::all(&facts);
    print(&facts, &findings, form(&args), out)?;
    let fail_on: Vec<Verdict> = args.fail_on.iter().copied().map(Level::verdict).collect();
    Ok(findings::exit(&findings, &fail_on))
}

fn form(args: &Args) -> Form {
    match args.format {
        Some(form) => form,
        None if args.common.json => Form::Jsonl,
        None => Form::Text,
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
        Form::Text => {
            for line in text::lines(facts, findings) {
                out.line(&line)?;
            }
        }
        Form::Nagios => {
            for line in nagios::lines(facts, findings) {
                out.line(&line)?;
            }
        }
        Form::Jsonl => {
            for line in json::lines(facts, findings) {
                out.json(&line)?;
            }
        }
        Form::Json => {
            let whole = serde_json::to_string_pretty(&json::report(facts, findings))?;
            for line in whole.lines() {
                out.line(line)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::probe::facts::Exchanger;

    fn domain(mx: Known<Exchangers>) -> Domain {
        Domain {
            domain: "example.org".into(),
            mx,
            spf: Known::unknown("not asked"),
            dmarc: Known::Is(None),
            mta_sts: Known::Is(Vec::new()),
            tls_rpt: Known::Is(Vec::new()),
        }
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
}
