//! Reads the transcript, follows it, and prints the report.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use super::judge::Seen;
use super::read::{Event, Side, Spoken, Transcript, transcript};
use super::{imap, pop, smtp};
use crate::open::{self, Common, Context};
use crate::ui::{Exit, Failure, Output};
use crate::verbs::probe::catalogue::SES_KNOWN;
use crate::verbs::probe::checks;
use crate::verbs::probe::facts::{
    Address, Endpoint, Facts, Outcome, Protocol, Role, Service, Start,
};
use crate::verbs::probe::findings::Finding;
use crate::verbs::probe::part::{Report, Shape};
use crate::verbs::probe::render::text::labelled;

/// Largest transcript that is looked at, in octets.
const TRANSCRIPT_OCTETS: u64 = 64 * 1024 * 1024;

/// Findings of a probe that a transcript can show, by the beginning of their ids.
const SHOWN: [&str; 6] = ["SMTP-", "IMAP-", "POP-", "AUTH-", "TLS-001", "TLS-002"];

/// Judge a dialogue that was pasted: what the server offers, and what went wrong
///
/// The transcript is read from FILE or standard input: what swaks, curl -v, telnet, openssl
/// s_client or pillarbox -v printed, or the file of pillarbox --trace, of SMTP, IMAP or POP3.
/// Nothing is asked of any server. JSON Lines have `type`: `session` (`format`, `protocol`,
/// `encrypted`, `lines`), `finding` and `summary`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The transcript (default: standard input)
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
  What went wrong in a session of swaks:
    swaks --server localhost --port \"$SMTP_PORT\" --to bob@example.test 2>&1 | \\
      pillarbox probe session || test $? -le 2
  A session of this program, judged as JSON:
    pillarbox probe load \"$IMAP_URL\" --intrusive --count 3 --connections 1 \\
      --trace session.jsonl && \\
      pillarbox probe session session.jsonl --json || test $? -le 2";

/// Judges the transcript.
///
/// # Errors
/// A transcript that cannot be read (66).
pub fn run(args: Args, _: &Context, out: &mut Output) -> Result<Exit> {
    let name = match &args.file {
        Some(path) => path.display().to_string(),
        None => "the session".to_owned(),
    };
    let mut octets = Vec::new();
    let read = match &args.file {
        Some(path) => std::fs::File::open(path)
            .and_then(|file| file.take(TRANSCRIPT_OCTETS + 1).read_to_end(&mut octets)),
        None => std::io::stdin().lock().take(TRANSCRIPT_OCTETS + 1).read_to_end(&mut octets),
    };
    let count =
        read.map_err(|error| Failure::new(Exit::NoInput, format!("cannot read {name}: {error}")))?;
    if count as u64 > TRANSCRIPT_OCTETS {
        return Err(Failure::new(Exit::Data, "the transcript is larger than 64 MiB").into());
    }
    let transcript = transcript(&String::from_utf8_lossy(&octets));
    report(&name, &transcript).print(&args.shape, args.common.json, out)
}

fn report(name: &str, transcript: &Transcript) -> Report {
    let mut lines = vec![name.to_owned()];
    let said = |side: Side| {
        let is_it = |event: &&Event| matches!(event, Event::Line(of, _) if *of == side);
        transcript.events.iter().filter(is_it).count()
    };
    let (client, server) = (said(Side::Client), said(Side::Server));
    let Some(spoken) = transcript.spoken else {
        let why = "neither the form of the transcript nor the protocol is known";
        return Report {
            subject: name.to_owned(),
            lines,
            findings: vec![SES_KNOWN.unknown(name, why)],
            ..Report::default()
        };
    };
    let protocol = match spoken {
        Spoken::Smtp => "SMTP",
        Spoken::Imap => "IMAP",
        Spoken::Pop3 => "POP3",
    };
    let mut seen = Seen::default();
    match spoken {
        Spoken::Smtp => smtp::follow(&transcript.events, &mut seen),
        Spoken::Imap => imap::follow(&transcript.events, &mut seen),
        Spoken::Pop3 => pop::follow(&transcript.events, &mut seen),
    }
    let read = format!("{protocol} by {}", transcript.format);
    labelled(&mut lines, "read as", &read);
    labelled(&mut lines, "lines", &format!("{client} of the client, {server} of the server"));
    let tls = match (seen.is_encrypted, seen.is_implicit) {
        (false, _) => "none",
        (true, true) => "from the start",
        (true, false) => "begun by a command",
    };
    labelled(&mut lines, "TLS", tls);
    let object = json!({
        "type": "session",
        "format": transcript.format,
        "protocol": protocol.to_lowercase(),
        "encrypted": seen.is_encrypted,
        "lines": client + server,
    });
    let mut findings = vec![SES_KNOWN.pass(name, read)];
    findings.extend(seen.findings(name, transcript));
    findings.extend(offered(name, spoken, seen));
    Report { subject: name.to_owned(), lines, objects: vec![object], findings, connections: 0 }
}

/// What the checks of a probe say of what the server offered.
fn offered(name: &str, spoken: Spoken, seen: Seen) -> Vec<Finding> {
    if seen.session.greeting.is_none() {
        return Vec::new();
    }
    let (protocol, role) = match spoken {
        Spoken::Smtp if seen.has_login => (Protocol::Smtp, Role::Submission),
        Spoken::Smtp => (Protocol::Smtp, Role::Mx),
        Spoken::Imap => (Protocol::Imap, Role::Access),
        Spoken::Pop3 => (Protocol::Pop3, Role::Access),
    };
    let has_asked = seen.session.offer().is_some();
    let tls = if seen.is_implicit { Start::Implicit } else { Start::Starttls };
    let facts = Facts {
        subject: name.to_owned(),
        time: open::now().seconds,
        domain: None,
        endpoints: vec![Endpoint {
            url: name.to_owned(),
            service: Service { protocol, role, tls },
            host: String::new(),
            loopback: false,
            addresses: vec![Address {
                address: "the transcript".into(),
                ip: None,
                outcome: Outcome::Connected { took: std::time::Duration::ZERO },
            }],
            session: seen.session,
            verification: None,
            spoken: None,
            percentiles: Vec::new(),
            failed_runs: 0,
            trials: Vec::new(),
            offered_to_user: None,
        }],
        connections: 0,
        budget: 0,
    };
    checks::all(&facts)
        .into_iter()
        .filter(|found| SHOWN.iter().any(|start| found.entry.id.starts_with(start)))
        // Without EHLO, CAPABILITY or CAPA nobody knows what is offered.
        .filter(|found| has_asked || found.entry.title.contains("greet"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::probe::findings::Verdict;

    fn verdict(text: &str, id: &str) -> Option<Verdict> {
        let report = report("x", &transcript(text));
        report.findings.iter().find(|found| found.entry.id == id).map(|found| found.verdict)
    }

    const GOOD: &str = "S: 220 mx.example.org ESMTP\nC: EHLO me\nS: 250-mx.example.org\n\
S: 250-PIPELINING\nS: 250-SIZE 1000\nS: 250-STARTTLS\nS: 250-ENHANCEDSTATUSCODES\nS: 250 8BITMIME\n\
C: STARTTLS\nS: 220 2.0.0 go\n*: encrypted by TLS\nC: EHLO me\nS: 250-mx.example.org\n\
S: 250-PIPELINING\nS: 250-SIZE 1000\nS: 250-ENHANCEDSTATUSCODES\nS: 250-AUTH PLAIN\nS: 250 8BITMIME\n\
C: AUTH PLAIN\nS: 334 \nC: [redacted]\nS: 235 2.7.0 in\n\
C: MAIL FROM:<a@b> SIZE=10\nC: RCPT TO:<c@d>\nC: DATA\nS: 250 2.1.0 ok\nS: 250 2.1.5 ok\nS: 354 go\n\
C: Subject: x\nC: \nC: .\nS: 250 2.0.0 queued\nC: QUIT\nS: 221 2.0.0 bye\n";

    #[test]
    fn a_good_session_has_no_fault() {
        let report = report("x", &transcript(GOOD));
        for found in &report.findings {
            assert_eq!(found.verdict, Verdict::Pass, "{}: {}", found.entry.id, found.evidence);
        }
        assert!(report.findings.len() >= 10, "{:?}", report.findings);
    }

    #[test]
    fn each_fault_is_found() {
        use Verdict::{Fail, Unknown, Warn};
        let cases: &[(&str, &str, &str, Verdict)] = &[
            ("*: encrypted by TLS\n", "", "SES-002", Fail),
            ("S: 250 2.1.5 ok", "S: 250 ok", "SES-003", Warn),
            ("S: 250 2.1.0 ok", "S: 220 2.1.0 ok", "SES-004", Fail),
            ("SIZE=10", "SMTPUTF8", "SES-005", Warn),
            ("S: 250 2.0.0 queued", "S: 250 2.0.0 queued\nS: 250 2.1.0 ok", "SES-006", Fail),
            ("TLS\nC: EHLO me", "TLS\nC: NOOP\nS: 250 2.0.0 ok\nC: EHLO me", "SES-007", Warn),
            ("S: 250 2.1.5 ok", "S: 550 5.1.1 nobody", "SES-009", Warn),
        ];
        for (from, to, id, want) in cases {
            assert!(GOOD.contains(from), "{from}");
            assert_eq!(verdict(&GOOD.replace(from, to), id), Some(*want), "{id}");
        }
        assert_eq!(verdict("hello", "SES-001"), Some(Unknown));
        let trace = |text: &str| {
            let event = |direction: &str, text: &str| {
                json!({"event": "octets", "direction": direction, "text": text, "connection": 1})
                    .to_string()
            };
            format!("{}\n{}\n", event("received", "220 h.example ESMTP\r\n"), event("sent", text))
        };
        assert_eq!(verdict(&trace("EHLO x\n"), "SES-008"), Some(Fail));
        assert_eq!(verdict(&trace("EHLO x\r\n"), "SES-008"), Some(Verdict::Pass));
    }

    #[test]
    fn dialogues_of_imap_and_pop() {
        use Verdict::{Fail, Pass, Warn};
        let imap = "S: * OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready\n\
C: a1 LOGIN ann secret\nS: a1 OK in\nC: a2 FETCH 1 BODY[]\nS: * 1 FETCH (BODY[] {9}\nS: a2 NO x\n\
S: )\nS: a2 OK done\nC: a3 MOVE 1 x\nS: a3 BAD no\nC: a4 LOGOUT\nS: * BYE\nS: a4 OK bye\n";
        for (id, want) in [
            ("SES-002", Fail),
            ("SES-005", Warn),
            ("SES-006", Pass),
            ("SES-009", Warn),
            ("AUTH-001", Fail),
        ] {
            assert_eq!(verdict(imap, id), Some(want), "{id}");
        }
        let extra = format!("{imap}S: a9 OK who asked\n");
        assert_eq!(verdict(&extra, "SES-006"), Some(Fail));
        let pop = "S: +OK ready\nC: CAPA\nS: +OK\nS: USER\nS: UIDL\nS: .\nC: USER ann\nS: +OK\n\
C: PASS x\nS: +OK in\nC: TOP 1 0\nS: +OK\nS: Subject: x\nS: .\nC: QUIT\nS: +OK bye\n";
        for (id, want) in
            [("SES-002", Fail), ("SES-005", Warn), ("SES-006", Pass), ("SES-009", Pass)]
        {
            assert_eq!(verdict(pop, id), Some(want), "{id}");
        }
    }
}
