//! Runs the cases that apply, and keeps the score.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::json;

use super::scratch::{Scratch, offered};
use super::script::{Case, Start, Step};
use super::talk::{Fault, Talk, Words};
use super::{imap, pop, smtp};
use crate::net;
use crate::net::Wire;
use crate::open::{Common, Context, Endpoint, Own, own_name};
use crate::ui::{Exit, Failure, Output, report};
use crate::verbs::probe::facts::{Protocol, Role};
use crate::verbs::probe::findings::{Entry, Finding, Verdict};
use crate::verbs::probe::part::{Report, Shape};
use crate::verbs::probe::raw::Site;
use crate::verbs::probe::render::text::labelled;
use crate::verbs::probe::run::PATIENCE;

/// Connections that fail one behind the other before a server is left alone.
const FAILURES: u32 = 3;

/// Try a server against the RFCs: scripted cases, and a score per RFC
///
/// URL is an imap, imaps, pop3, pop3s, smtp, smtps, submission or submissions URL, or an
/// account. Each case is a dialogue on a connection of its own, and has the section of the RFC
/// that it is taken from. IMAP's cases run in a folder with a random name, which is made first
/// and removed last; nothing else is changed. Nothing is removed from a POP3 maildrop, and SMTP
/// delivers nothing but to the address of --to. Cases that need a login are left out without a
/// user. JSON Lines have `type` (finding, skipped, score, summary); a score has `rfc`, `passed`
/// and `cases`; one that was skipped `id` and `needs`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The server
    #[arg(value_name = "URL")]
    pub url: String,

    /// SMTP: deliver messages to this address, in the cases that need one
    #[arg(long, value_name = "ADDRESS")]
    pub to: Option<String>,

    /// How the report is printed.
    #[command(flatten)]
    pub shape: Shape,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

const EXAMPLES: &str = "\
Examples:
  How well an IMAP server keeps to the RFCs:
    pillarbox probe conform \"$IMAPS_URL\"
  The cases of SMTP that fail, with messages delivered to bob:
    pillarbox probe conform \"$SMTP_URL\" --to bob@example.test --json | \\
      jq -r 'select(.verdict == \"fail\") | .id, .evidence'
  What a case is about:
    pillarbox probe --explain CIMAP-055";

/// Every case of every protocol.
fn all() -> impl Iterator<Item = &'static Case> {
    imap::cases().chain(pop::CASES).chain(smtp::CASES)
}

/// Every case as an entry of the catalogue.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    all().map(|case| &case.entry)
}

/// A server under trial.
struct Trial<'a> {
    site: &'a Site<'a>,
    to: Option<&'a str>,
    offered: Vec<String>,
    is_encrypted: bool,
    has_mail: bool,
    limit: Option<u64>,
    scratch: Option<Scratch>,
    /// The connection that keeps the scratch folder.
    keeper: Option<Wire>,
    /// Connections in a row that came to nothing, and why.
    failures: (u32, String),
}

/// Runs every case that applies.
///
/// # Errors
/// A server that cannot be reached at all, arguments that cannot be followed.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    let context = &Context {
        had: context.had.clone(),
        config: context.config.clone(),
        net: net::Options {
            timeout: Some(context.net.timeout.unwrap_or(PATIENCE)),
            ..context.net.clone()
        },
        progress: context.progress,
        quiet: context.quiet,
        verbose: context.verbose,
    };
    let site = Site::new(&args.url, &args.server.options, context)?;
    let cases: Vec<&'static Case> = match site.protocol {
        Protocol::Imap => imap::cases().collect(),
        Protocol::Pop3 => pop::CASES.iter().collect(),
        Protocol::Smtp => smtp::CASES.iter().collect(),
        Protocol::Lmtp => {
            return Err(Failure::usage("there are no cases for LMTP").into());
        }
    };
    if args.to.is_some() && site.protocol != Protocol::Smtp {
        return Err(Failure::usage("--to is for SMTP").into());
    }
    let mut trial = Trial::begin(&site, args.to.as_deref()).await?;
    let mut findings = Vec::new();
    let mut skipped = Vec::new();
    for case in cases.iter().copied() {
        match trial.lacks(case) {
            Some(what) => skipped.push((case, what)),
            None => findings.push(trial.judge(case).await),
        }
    }
    if let Some(scratch) = trial.scratch.take()
        && let Err(left) = scratch.remove(&mut trial.keeper).await
    {
        report::warning(&format!("left on the server: {}", left.join(", ")));
    }
    let report = score(&site, findings, &skipped, &cases);
    report.print(&args.shape, args.common.json, out)
}

impl<'a> Trial<'a> {
    /// Learns what the server offers, and makes the scratch folder.
    async fn begin(site: &'a Site<'a>, to: Option<&'a str>) -> Result<Self> {
        let wire = site.secured().await?;
        let mut trial = Self {
            site,
            to,
            offered: Vec::new(),
            is_encrypted: wire.is_encrypted(),
            has_mail: false,
            limit: None,
            scratch: None,
            keeper: None,
            failures: (0, String::new()),
        };
        let words = trial.words("");
        let mut talk = Talk::new(wire, site.protocol, &words, None);
        let asked = match site.protocol {
            Protocol::Imap => talk.step(&Step::Do("CAPABILITY")).await,
            Protocol::Pop3 => talk.step(&Step::Lines("CAPA")).await,
            Protocol::Smtp | Protocol::Lmtp => talk.step(&Step::Do("EHLO {name}")).await,
        };
        asked.map_err(|fault| broken(site, fault))?;
        trial.offered = match site.protocol {
            Protocol::Imap => offered(talk.lines()),
            Protocol::Pop3 => talk.lines().iter().skip(1).cloned().collect(),
            Protocol::Smtp | Protocol::Lmtp => {
                talk.lines().iter().filter_map(|line| Some(line.get(4..)?.to_owned())).collect()
            }
        };
        talk.leave().await;
        trial.limit = trial
            .offered
            .iter()
            .find_map(|line| line.strip_prefix("SIZE ")?.trim().parse().ok())
            .filter(|limit| *limit > 0);
        if !site.has_user() {
            return Ok(trial);
        }
        match site.protocol {
            Protocol::Imap => {
                trial.keeper = Some(site.ready().await?);
                let (scratch, offered) =
                    Scratch::make(&mut trial.keeper).await.map_err(|fault| broken(site, fault))?;
                trial.scratch = Some(scratch);
                trial.offered.extend(offered);
            }
            Protocol::Pop3 => {
                let words = trial.words("");
                let mut talk = Talk::new(site.ready().await?, site.protocol, &words, None);
                talk.step(&Step::Do("STAT")).await.map_err(|fault| broken(site, fault))?;
                trial.has_mail = talk.status().split(' ').nth(1).is_some_and(|count| count != "0");
                // QUIT, or the maildrop may stay locked for the next.
                let _ = talk.step(&Step::Do("QUIT")).await;
                talk.leave().await;
            }
            Protocol::Smtp | Protocol::Lmtp => {}
        }
        Ok(trial)
    }

    fn words(&self, mailbox: &str) -> Words {
        let (root, separator) = match &self.scratch {
            Some(scratch) => (scratch.root.clone(), scratch.separator.clone()),
            None => Default::default(),
        };
        let user = match self.site.user() {
            "" => "pillarbox",
            user => user,
        };
        Words(vec![
            ("{box}", mailbox.to_owned()),
            ("{root}", root),
            ("{sep}", separator),
            ("{user}", user.to_owned()),
            ("{to}", self.to.unwrap_or("postmaster").to_owned()),
            ("{from}", self.to.unwrap_or_default().to_owned()),
            ("{name}", own_name()),
            ("{filler}", "x".repeat(505)),
            ("{large}", self.limit.unwrap_or_default().saturating_add(1).to_string()),
        ])
    }

    /// What a case needs and there is not; `None`: it applies.
    fn lacks(&self, case: &Case) -> Option<&'static str> {
        match case.start {
            Start::Clear if !self.site.begins_by_command() => {
                return Some("TLS that begins by a command");
            }
            Start::Ready | Start::Filled | Start::Selected => {
                let wants_user =
                    self.site.protocol != Protocol::Smtp || self.site.role == Role::Submission;
                if wants_user && !self.site.has_user() {
                    return Some("a user");
                }
            }
            Start::Clear | Start::Greeting | Start::Secured => {}
        }
        case.needs.iter().copied().find(|need| !need.split('|').any(|one| self.has(one)))
    }

    fn has(&self, need: &str) -> bool {
        match need {
            "@tls" => self.is_encrypted,
            "@user" => self.site.has_user(),
            "@to" => self.to.is_some(),
            "@mail" => self.has_mail,
            "@limit" => self.limit.is_some(),
            _ => {
                let mut words = need.split(' ');
                let (name, value) = (words.next().unwrap_or_default(), words.next());
                self.offered.iter().any(|line| {
                    let mut of_line = line.split(' ');
                    of_line.next().is_some_and(|first| first.eq_ignore_ascii_case(name))
                        && value.is_none_or(|value| {
                            of_line.any(|word| word.eq_ignore_ascii_case(value))
                        })
                })
            }
        }
    }

    async fn judge(&mut self, case: &'static Case) -> Finding {
        let on = self.site.url.clone();
        let done = if self.failures.0 >= FAILURES {
            Err(Fault::Unknown(format!("not tried any more: {}", self.failures.1)))
        } else {
            self.perform(case).await
        };
        match done {
            Ok(evidence) => case.entry.pass(&on, evidence),
            Err(Fault::Unmet(evidence)) => case.entry.bad(&on, evidence),
            Err(Fault::Unknown(why)) => case.entry.unknown(&on, why),
        }
    }

    /// One case on a connection of its own; what the server said last.
    async fn perform(&mut self, case: &'static Case) -> Result<String, Fault> {
        let mailbox =
            self.scratch.as_ref().map(|scratch| scratch.mailbox(case.entry.id)).unwrap_or_default();
        if let (Start::Filled | Start::Selected, Some(scratch)) = (case.start, &self.scratch) {
            scratch.fill(&mut self.keeper, &mailbox).await?;
        }
        let connected = match case.start {
            Start::Greeting | Start::Clear => self.site.plain().await,
            Start::Secured => self.site.secured().await,
            Start::Ready | Start::Filled | Start::Selected => self.site.ready().await,
        };
        let wire = match connected {
            Ok(wire) => {
                self.failures.0 = 0;
                wire
            }
            Err(error) => {
                self.failures = (self.failures.0 + 1, format!("{error:#}"));
                return Err(Fault::Unknown(format!("{error:#}")));
            }
        };
        let connector = self.site.connector();
        let words = self.words(&mailbox);
        let mut talk = Talk::new(wire, self.site.protocol, &words, connector);
        if case.start == Start::Selected {
            talk.step(&Step::Do("SELECT {box}")).await?;
            talk.step(&Step::Is("OK")).await?;
        }
        for step in case.steps {
            if let Step::Second(steps) = step {
                let wire = self.site.ready().await;
                let wire = wire.map_err(|error| Fault::Unknown(format!("{error:#}")))?;
                let mut second = Talk::new(wire, self.site.protocol, &words, connector);
                for step in *steps {
                    second.step(step).await?;
                }
                second.leave().await;
            }
            talk.step(step).await?;
            if talk.is_over() {
                break;
            }
        }
        let evidence = talk.status().to_owned();
        talk.leave().await;
        Ok(if evidence.is_empty() { "as it should".into() } else { evidence })
    }
}

fn broken(site: &Site<'_>, fault: Fault) -> anyhow::Error {
    let (Fault::Unmet(text) | Fault::Unknown(text)) = fault;
    anyhow::anyhow!("{}: {text}", site.url)
}

/// The report: what was passed of each RFC.
fn score(
    site: &Site<'_>,
    findings: Vec<Finding>,
    skipped: &[(&'static Case, &'static str)],
    cases: &[&'static Case],
) -> Report {
    let mut scores: BTreeMap<u32, (&'static str, usize, usize)> = BTreeMap::new();
    for finding in &findings {
        let Some(case) = cases.iter().find(|case| case.entry.id == finding.entry.id) else {
            continue;
        };
        let number = case.rfc().trim_start_matches("RFC ").parse().unwrap_or(u32::MAX);
        let (_, passed, all) = scores.entry(number).or_insert((case.rfc(), 0, 0));
        *all += 1;
        *passed += usize::from(finding.verdict == Verdict::Pass);
    }
    let passed = findings.iter().filter(|finding| finding.verdict == Verdict::Pass).count();
    let mut lines = vec![format!(
        "{}: {passed} of {} cases pass; {} do not apply; {} connections",
        site.url,
        findings.len(),
        skipped.len(),
        site.connections()
    )];
    let mut objects = Vec::new();
    for (rfc, passed, all) in scores.values() {
        labelled(&mut lines, rfc, &format!("{passed} of {all}"));
        objects.push(json!({"type": "score", "rfc": rfc, "passed": passed, "cases": all}));
    }
    for (case, needs) in skipped {
        labelled(&mut lines, "not applicable", &format!("{} needs {}", case.entry.id, told(needs)));
        objects.push(json!({"type": "skipped", "id": case.entry.id, "needs": told(needs)}));
    }
    Report { subject: site.url.clone(), lines, objects, findings, connections: site.connections() }
}

/// A need in words.
fn told(need: &str) -> &str {
    match need {
        "@tls" => "TLS",
        "@user" => "a user",
        "@to" => "an address to deliver to (--to)",
        "@mail" => "a message in the maildrop",
        "@limit" => "a SIZE with a number",
        extension => extension,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::verbs::probe::catalogue;

    #[test]
    fn every_case_is_whole_and_has_an_id_of_its_own() {
        let mut ids: HashSet<&str> = catalogue::ALL.iter().map(|entry| entry.id).collect();
        let mut titles = HashSet::new();
        for case in all() {
            let entry = &case.entry;
            assert!(ids.insert(entry.id), "{} twice", entry.id);
            assert!(titles.insert((entry.id.split('-').next(), entry.title)), "{}", entry.title);
            assert!(
                entry.rfc.starts_with("RFC ") && entry.rfc.contains(" section "),
                "{}",
                entry.id
            );
            assert!(!entry.title.ends_with('.') && !case.steps.is_empty(), "{}", entry.id);
            // Something is expected: a case can fail.
            let judges = case.steps.iter().any(|step| {
                !matches!(step, Step::Do(_) | Step::Raw(_) | Step::Lines(_) | Step::Literal(..))
            });
            assert!(judges, "{}", entry.id);
        }
        assert!(imap::cases().count() >= 60 && pop::CASES.len() >= 25 && smtp::CASES.len() >= 40);
    }

    #[test]
    fn only_what_has_a_recipient_sends_a_message() {
        for case in smtp::CASES {
            let sends = case.steps.iter().any(|step| match step {
                Step::Raw(text) => text.contains("\r\n.\r\n") || text.contains("LAST"),
                _ => false,
            });
            let has_recipient = case
                .steps
                .iter()
                .any(|step| matches!(step, Step::Do(line) if line.starts_with("RCPT")));
            if sends && has_recipient {
                assert!(case.needs.contains(&"@to"), "{}", case.entry.id);
            }
        }
    }

    #[test]
    fn no_case_names_a_mailbox_that_is_not_its_own() {
        for case in imap::cases() {
            for step in case.steps.iter().flat_map(|step| match step {
                Step::Second(steps) => steps.iter().collect::<Vec<_>>(),
                step => vec![step],
            }) {
                let (Step::Do(line) | Step::Literal(line, _)) = step else { continue };
                let verb = line.split(' ').next().unwrap_or_default();
                let changes =
                    ["CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "APPEND", "SELECT"];
                if changes.contains(&verb) {
                    let own = line.contains("{box}")
                        || *line == "CREATE INBOX"
                        || *line == "SELECT INBOX";
                    assert!(own, "{}: {line}", case.entry.id);
                }
            }
        }
    }
}
