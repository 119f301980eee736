//! Reads the message, asks DNS for its keys, and prints the report.

use std::io::Read as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::check::{self, Alignment, Letter, Sent, author};
use super::{proof, received, results};
use crate::message::headers;
use crate::net;
use crate::net::dns::Resolver;
use crate::open::{self, Common, Context};
use crate::store::line_ends;
use crate::ui::{Exit, Failure, Output};
use crate::verbs::probe::facts::Known;
use crate::verbs::probe::part::{Report, Shape};
use crate::verbs::probe::policy::sender::Sender;
use crate::verbs::probe::policy::{self, tags};
use crate::verbs::probe::render::text::labelled;
use crate::verbs::probe::run::PATIENCE;

/// Largest message that is looked at, in octets.
const MESSAGE_OCTETS: u64 = 256 * 1024 * 1024;

/// Judge a message by its header: its way, signatures, and what its receiver found
///
/// The message is read from FILE or standard input. Keys of DKIM and ARC signatures are looked
/// up in DNS (--resolver), and so are the author's DMARC record and the SPF records of the sender
/// (Return-Path); nothing else is asked. JSON Lines have `type`: `hop` (`from`, `by`,
/// `with`, `time`, `delay_s`, `encrypted`), `signature` (`domain`, `selector`, `algorithm`,
/// `bits`, `partial`, `proof`), `results` (`server`, `findings`), `finding` and `summary`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The message (default: standard input)
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// How the report is printed.
    #[command(flatten)]
    pub shape: Shape,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

const EXAMPLES: &str = "\
Examples:
  Which way a message came, and where it was held up:
    pillarbox search subject:today alice | pillarbox fetch - | \\
      pillarbox probe headers || test $? -le 3
  The hops of a message as JSON:
    pillarbox probe headers examples/hello.eml --json | jq -c 'select(.type == \"hop\")'";

/// Judges the message.
///
/// # Errors
/// A message that cannot be read (66), settings that cannot be followed.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    let message = read(args.file.as_deref())?;
    let message = line_ends::crlf(&message);
    let net = net::Options {
        timeout: Some(context.net.timeout.unwrap_or(PATIENCE)),
        ..context.net.clone()
    };
    let resolver = Resolver::new(&net)?;
    let now = open::now().seconds;
    let author = author(&message);
    let signatures = proof::signatures(&message, &resolver, now).await;
    let results = results::all(&message);
    let mut others =
        signatures.iter().map(|one| one.domain.clone()).chain(check::envelope(&results));
    let has_other = others.any(|other| Some(&other) != author.as_ref());
    let alignment = match &author {
        // Nobody else needs to know whose it is.
        Some(domain) if has_other => alignment(domain, &resolver).await,
        Some(domain) => Alignment { organization: domain.clone(), ..Alignment::default() },
        None => Alignment::default(),
    };
    let hops = received::path(&message);
    let sender = match sender(&message, &hops, &results) {
        Some(sender) => {
            let (outcome, by) = sender.check(&resolver).await;
            Some(Sent { sender, outcome, by })
        }
        None => None,
    };
    let on = match &args.file {
        Some(path) => path.display().to_string(),
        None => "the message".to_owned(),
    };
    let letter = Letter {
        on: &on,
        message: &message,
        hops,
        results,
        chain: proof::chain(&message, &resolver, now).await,
        signatures,
        alignment,
        sender,
    };
    report(&letter).print(&args.shape, args.common.json, out)
}

/// Who sent the message: the newest address on its way that is not a private one, and the
/// reverse-path that was kept at delivery (RFC 5321 section 4.4), or that the receiver found.
fn sender(message: &[u8], hops: &[received::Hop], results: &[results::Results]) -> Option<Sender> {
    let is_public = |address: IpAddr| match address {
        IpAddr::V4(address) => {
            !(address.is_loopback() || address.is_private() || address.is_link_local())
        }
        IpAddr::V6(address) => {
            !(address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local())
        }
    };
    let (hop, address) = hops
        .iter()
        .rev()
        .find_map(|hop| Some((hop, hop.address.filter(|address| is_public(*address))?)))?;
    let hello = hop.from.clone().unwrap_or_default();
    let path = match headers::find(message, "Return-Path") {
        Some(field) => String::from_utf8_lossy(&field.unfolded()).into_owned(),
        None => {
            let mut found = results.first()?.findings.iter().filter(|it| it.method == "spf");
            found.find_map(|found| found.property("smtp.mailfrom"))?.to_owned()
        }
    };
    let path = path.trim().trim_start_matches('<').trim_end_matches('>');
    let (local, domain) = match path.rsplit_once('@') {
        Some((local, domain)) => (local, domain),
        // RFC 7208 section 2.4: of a bounce, the name in EHLO counts.
        None if path.is_empty() => ("postmaster", hello.as_str()),
        None => ("postmaster", path),
    };
    let is_name = !domain.is_empty()
        && domain.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-_".contains(&octet));
    is_name.then(|| Sender {
        address,
        local: local.to_owned(),
        domain: domain.to_ascii_lowercase(),
        hello: hello.clone(),
    })
}

/// Who may speak for a domain, by its DMARC record.
async fn alignment(domain: &str, resolver: &Resolver) -> Alignment {
    let Known::Is(Some(found)) = policy::dmarc_of(domain, resolver).await else {
        return Alignment { organization: domain.to_owned(), ..Alignment::default() };
    };
    let read = found.records.first().and_then(|record| tags::dmarc(record).ok());
    Alignment {
        organization: found.name.strip_prefix("_dmarc.").unwrap_or(domain).to_owned(),
        is_dkim_strict: read.as_ref().is_some_and(|read| read.is_dkim_strict),
        is_spf_strict: read.as_ref().is_some_and(|read| read.is_spf_strict),
    }
}

fn report(letter: &Letter<'_>) -> Report {
    let mut lines = vec![letter.on.to_owned()];
    let mut objects = Vec::new();
    way(&letter.hops, &mut lines, &mut objects);
    for one in &letter.signatures {
        let text = format!("{} by {}: {}", one.domain, one.selector, one.proof.text());
        labelled(&mut lines, "DKIM", &text);
        objects.push(one.json());
    }
    if let Some(chain) = &letter.chain {
        labelled(
            &mut lines,
            "ARC",
            &format!("{}: {}", chain.domains.join(", "), chain.proof.text()),
        );
    }
    for results in &letter.results {
        let words: Vec<String> = results
            .findings
            .iter()
            .map(|found| format!("{}={}", found.method, found.result))
            .collect();
        labelled(&mut lines, "results", &format!("{}: {}", results.server, words.join(", ")));
        objects.push(results.json());
    }
    Report {
        subject: letter.on.to_owned(),
        lines,
        objects,
        findings: check::all(letter),
        connections: 0,
    }
}

/// The hops, for people and for programs.
pub fn way(hops: &[received::Hop], lines: &mut Vec<String>, objects: &mut Vec<serde_json::Value>) {
    for (hop, delay) in hops.iter().zip(received::delays(hops)) {
        let delay_text = delay.map(|delay| format!("after {delay} s: ")).unwrap_or_default();
        labelled(lines, "hop", &format!("{delay_text}{}", hop.text()));
        objects.push(hop.json(delay));
    }
}

fn read(path: Option<&Path>) -> Result<Vec<u8>> {
    let cannot = |error: std::io::Error| {
        let name = path.map_or("standard input".into(), |path| path.display().to_string());
        Failure::new(Exit::NoInput, format!("cannot read {name}: {error}"))
    };
    let mut message = Vec::new();
    let count = match path {
        Some(path) => std::fs::File::open(path)
            .and_then(|file| file.take(MESSAGE_OCTETS + 1).read_to_end(&mut message)),
        None => std::io::stdin().lock().take(MESSAGE_OCTETS + 1).read_to_end(&mut message),
    }
    .map_err(cannot)?;
    if count as u64 > MESSAGE_OCTETS {
        return Err(Failure::new(Exit::Data, "the message is larger than 256 MiB").into());
    }
    if message.is_empty() {
        return Err(Failure::new(Exit::Data, "there is no message: the input is empty").into());
    }
    Ok(message)
}
