//! The command line of `probe`.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::findings::Verdict;
use super::part::Part;
use crate::open::{Common, Endpoint, Own};

/// Examine a mail server or a domain: phases, TLS, capabilities, policy records
///
/// A domain or an address leads to its records (MX, SPF, DKIM, DMARC, MTA-STS, TLS-RPT, DANE,
/// CAA, BIMI, SRV, autoconfig, autodiscover) and to the mail ports of its MX hosts and services; a URL (smtp,
/// smtps, submission, submissions, imap, imaps, pop3, pop3s, lmtp), a HOST:PORT or an account
/// leads to those servers alone. Where a user is named (in the URL, by --user or an account),
/// that user is logged in; no message is sent, but by --intrusive. The exit code is 0 when all is
/// well, 1 for warnings, 2 for failures, 3 when something could not be told.
///
/// Of the JSON Lines, those of `type` `finding` have `id`, `verdict` (`pass`, `warn`, `fail`,
/// `unknown`), `holds` (true, false, or null where nobody can tell: what does not hold may be no
/// fault), `severity` (at worst), `on` (a URL or domain), `title`, `evidence`, `why`, `rfc`, and
/// `fix` (what to do, by program). The last line is the `summary`: `subject`, `time` (seconds since
/// 1970), `result`, `counts` (by verdict), `connections` made of those in the `budget`. What was
/// measured stands before them. Whatever could not be told is an object with `unknown`: the reason.
///
/// An `endpoint` has `url`, `service` (`protocol`, `role`, `tls`), `host`, `loopback`, `addresses`
/// (`address`, `ip`, `outcome`), `session` (`phases` with `phase` and `ms`; `greeting`; `before` and
/// `after` TLS: `extended`, `name`, `lines`, `starttls`, `mechanisms`, `login`; `go_ahead`; `tls`: `version`,
/// `cipher`, `group`, `chain`; `stop`: `phase`, `kind`, `detail`), `verification` (`state`, `fault`,
/// `detail`), `spoken` (`versions`, `weak`, `post_quantum`, `suites`, `groups`, `chain`; lists are in
/// `found`), `percentiles` (`phase`, `runs`, `p50_ms`, `p90_ms`, `p99_ms`, `max_ms`), `failed_runs`,
/// `trials` (`trial`, `state`, `detail`) and `offered_to_user`. A certificate of a chain has
/// `subject`, `issuer`, `names`, `not_before`, `not_after`, `key`, `key_bits`, `signature`,
/// `self_signed` and `pin`.
///
/// A `domain` has `domain`, `mx` (`state`, `hosts` with `preference`, `host`, `alias`, `addresses`),
/// `spf` (`records`, `reading`: `lookups`, `fault`, `all`, `open`, `ptr`, `leads_to`, `asks_for`,
/// `voids`, `crowds`), `dmarc` (`name`, `walk`, `records`), `mta_sts`, `sts_policy` (`mode`,
/// `max_age`, `patterns`, `fault`, `unlisted`), `tls_rpt`, `signed`, `dkim` (`selector`, `is_named`,
/// `record`), `report_hosts`, `caa`, `host_caa` (`host`, `records`), `bimi`, `dns_lists` (`zone`, `address`, `codes`), `offered`
/// (`name`, `hosts` with `port`), `autoconfig` (`url`, `servers`, `fault`), `autodiscover` (`url`,
/// `servers`, `wants_login`, `elsewhere`, `fault`) and `knocks` (`at`, `state`, `detail`). --format
/// json is one object of `summary`, `domain`, `endpoints` and `findings`. --explain with --json is
/// an object of `type` `entry` with `id`, `severity`, `title`, `why`, `rfc` and `fix`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
pub struct Args {
    // Another way to examine a server, or what a server has left behind.
    #[command(subcommand)]
    pub part: Option<Part>,

    /// What to examine: a domain, an address, a host, HOST:PORT, a URL or an account
    #[arg(value_name = "WHAT", required_unless_present = "explain")]
    pub what: Option<String>,

    /// How to print the report (--json is short for jsonl)
    #[arg(long, value_name = "FORM", conflicts_with = "json")]
    pub format: Option<Form>,

    /// Exit with 2 when there is a finding of this level; repeatable
    #[arg(long, value_name = "LEVEL")]
    pub fail_on: Vec<Level>,

    /// Speak with each server N times and show percentiles
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeat: u32,

    /// List every cipher suite and key exchange group that the server takes
    #[arg(long)]
    pub ciphers: bool,

    /// Make no more than N connections in all; what is left over is unknown
    #[arg(long, value_name = "N", default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..))]
    pub budget: u32,

    /// Also try what may be taken for an attack: relaying, VRFY and EXPN, commands behind
    /// STARTTLS, speaking before the greeting
    ///
    /// Only servers that are named on the command line are asked so; a domain alone names none.
    #[arg(long)]
    pub active: bool,

    /// Also try to smuggle ends of messages, which may leave test messages with the
    /// server's postmaster; implies --active
    #[arg(long)]
    pub intrusive: bool,

    /// Ask for this DKIM selector instead of the common ones; repeatable
    #[arg(long, value_name = "NAME")]
    pub selector: Vec<String>,

    /// Ask this DNS list (such as zen.spamhaus.org) for the addresses of the MX hosts;
    /// repeatable
    #[arg(long, value_name = "ZONE")]
    pub dnsbl: Vec<String>,

    /// Write the findings to FILE, to compare with later
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Print only what changed since FILE was saved, and exit by that
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "watch"])]
    pub baseline: Option<PathBuf>,

    /// Examine again each SECONDS, and print a line with the time of each run, until
    /// interrupted
    #[arg(long, value_name = "SECONDS", value_parser = interval, conflicts_with_all = ["format", "save"])]
    pub watch: Option<Duration>,

    /// Explain a finding, such as TLS-004, and examine nothing
    #[arg(long, value_name = "ID", conflicts_with_all = ["what", "format"])]
    pub explain: Option<String>,

    /// Options of the server.
    #[command(flatten)]
    pub server: Endpoint<Own>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

impl Args {
    /// The options of every verb, wherever they stand.
    pub fn common(&self) -> &Common {
        self.part.as_ref().map_or(&self.common, Part::common)
    }
}

/// A form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people, within 80 columns
    Text,
    /// One JSON object
    Json,
    /// JSON Lines: an object for each endpoint, domain and finding, and a summary
    Jsonl,
    /// A status line with performance data for monitoring
    Nagios,
    /// JUnit XML: a test suite for each server and domain
    Junit,
    /// SARIF 2.1.0, as code scanning takes it
    Sarif,
    /// Metrics in the text format of Prometheus
    Prometheus,
    /// Tables in Markdown
    Markdown,
}

/// A level of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Warnings
    Warn,
    /// Failures
    Fail,
    /// What could not be told
    Unknown,
}

impl Level {
    /// The verdict of that level.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Warn => Verdict::Warn,
            Self::Fail => Verdict::Fail,
            Self::Unknown => Verdict::Unknown,
        }
    }
}

/// `60`, `60s`, `5m`: how long there is between two runs.
fn interval(text: &str) -> Result<Duration, String> {
    let (digits, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(digits) => (digits, text.as_bytes()[digits.len()]),
        None => (text, b's'),
    };
    let factor = match unit {
        b'm' => 60,
        b'h' => 3600,
        _ => 1,
    };
    match digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)) {
        Some(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("want seconds (60, 60s), minutes (5m) or hours (1h), at most a day".into()),
    }
}

const EXAMPLES: &str = "\
Examples:
  Examine an IMAP server, with the time of each phase over five runs:
    pillarbox probe \"$IMAPS_URL\" --repeat 5
  The failures of an SMTP server as JSON, with what to do about each:
    pillarbox probe \"$SMTP_URL\" --json | jq -r 'select(.verdict == \"fail\") | .id, .fix'
  Save what is found, to compare with another time (--baseline base.json):
    pillarbox probe \"$IMAPS_URL\" --save base.json --quiet >/dev/null
  What a finding means, offline:
    pillarbox probe --explain TLS-004";
