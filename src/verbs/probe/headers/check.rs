//! From a message's header to findings: pure functions.

use super::proof::{Chain, Checked, Proof};
use super::received::{Hop, delays};
use super::results::Results;
use crate::base::date::Zoned;
use crate::message::address;
use crate::message::headers::{self, LINE_OCTETS};
use crate::message::signature::Algorithm;
use crate::verbs::probe::catalogue::{
    ARC_VALID, MSG_DATE, MSG_FROM, MSG_HEADER, MSG_ID, MSG_LINES, MSG_ONCE, RES_AGREES,
    RES_ALIGNED, RES_DKIM, RES_DMARC, RES_SENDER, RES_SPF, SIG_ALIGNED, SIG_HASH, SIG_KEY,
    SIG_PRESENT, SIG_VALID, SIG_WHOLE, TRACE_DELAY, TRACE_ORDER, TRACE_PRESENT, TRACE_TLS,
};
use crate::verbs::probe::findings::{Entry, Finding};
use crate::verbs::probe::policy::sender::{Outcome, Sender};

/// A hop that takes longer is worth a word, in seconds.
const LONG_HOP: i64 = 300;

/// Seconds by which two clocks may differ.
const CLOCK_SLACK: i64 = 30;

/// Fields that stand at most once (RFC 5322 section 3.6).
const ONCE: [&str; 11] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Subject",
    "Date",
];

/// What is known of one message.
#[derive(Debug)]
pub struct Letter<'m> {
    /// What it is called in the report.
    pub on: &'m str,
    /// The message, with CRLF line ends.
    pub message: &'m [u8],
    /// Its way.
    pub hops: Vec<Hop>,
    /// What receivers found.
    pub results: Vec<Results>,
    /// Its DKIM signatures.
    pub signatures: Vec<Checked>,
    /// Its ARC chain.
    pub chain: Option<Chain>,
    /// Who may speak for the author.
    pub alignment: Alignment,
    /// Who sent it, and what SPF says of that; `None` where nobody can tell who did.
    pub sender: Option<Sent>,
}

/// What SPF says of the sender.
#[derive(Debug)]
pub struct Sent {
    /// Who it is.
    pub sender: Sender,
    /// What the record says.
    pub outcome: Outcome,
    /// The term that decides; empty where none does.
    pub by: String,
}

/// Who may speak for the author (RFC 7489 section 3.1).
#[derive(Debug, Default)]
pub struct Alignment {
    /// The domain of the author's organization, which may, and so may all below it; empty where
    /// there is no author.
    pub organization: String,
    /// Only a signature of the author's domain itself counts (`adkim=s`).
    pub is_dkim_strict: bool,
    /// Only a sender of the author's domain itself counts (`aspf=s`).
    pub is_spf_strict: bool,
}

impl Letter<'_> {
    /// Whether a domain speaks for the author's.
    fn is_aligned(&self, domain: &str, is_strict: bool) -> bool {
        match is_strict {
            true => author(self.message).as_deref() == Some(domain),
            false => is_of(domain, &self.alignment.organization),
        }
    }

    fn signs(&self, domain: &str) -> bool {
        self.is_aligned(domain, self.alignment.is_dkim_strict)
    }
}

/// The sender's domain for which the last receiver found SPF passed, in lower case.
pub fn envelope(results: &[Results]) -> Option<String> {
    let found = results.first()?.findings.iter();
    found.filter(|found| found.method == "spf" && found.result == "pass").find_map(|found| {
        let from = found.property("smtp.mailfrom").or(found.property("smtp.mail"))?;
        Some(from.rsplit('@').next().unwrap_or(from).to_ascii_lowercase())
    })
}

/// The domain of the author; `None` where there is not one From with one.
pub fn author(message: &[u8]) -> Option<String> {
    let from = headers::find(message, "From")?;
    let mailboxes = address::mailboxes(&from.unfolded()).ok()?;
    mailboxes.first()?.domain().map(str::to_ascii_lowercase)
}

/// All findings.
pub fn all(letter: &Letter<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    way(letter, &mut out);
    form(letter, &mut out);
    signatures(letter, &mut out);
    of_results(letter.on, &letter.results, &mut out);
    agreement(letter, &mut out);
    if let Some(sent) = &letter.sender {
        out.push(of_sender(letter.on, sent));
    }
    if let Some(chain) = &letter.chain {
        out.push(proven(&ARC_VALID, letter.on, &chain.proof, &chain.domains.join(", ")));
    }
    out
}

fn way(letter: &Letter<'_>, out: &mut Vec<Finding>) {
    let on = letter.on;
    let hops = &letter.hops;
    if hops.is_empty() {
        out.push(TRACE_PRESENT.bad(on, "there is no Received field"));
        return;
    }
    out.push(TRACE_PRESENT.pass(on, format!("{} hops", hops.len())));
    let delays = delays(hops);
    let told = |want: &dyn Fn(i64) -> bool| -> Vec<String> {
        hops.iter()
            .zip(&delays)
            .filter_map(|(hop, delay)| Some((hop, (*delay).filter(|delay| want(*delay))?)))
            .map(|(hop, delay)| format!("{delay} s at {}", hop.by.as_deref().unwrap_or("a host")))
            .collect()
    };
    judge(&TRACE_ORDER, on, &told(&|delay| delay < -CLOCK_SLACK), "no time runs backwards", out);
    judge(&TRACE_DELAY, on, &told(&|delay| delay > LONG_HOP), "no hop took long", out);
    let clear: Vec<String> =
        hops.iter().filter(|hop| hop.is_encrypted() == Some(false)).map(Hop::text).collect();
    judge(&TRACE_TLS, on, &clear, "no hop is known to be in the clear", out);
}

/// It holds where there is nothing in the list.
fn judge(entry: &'static Entry, on: &str, bad: &[String], good: &str, out: &mut Vec<Finding>) {
    out.push(match bad.is_empty() {
        true => entry.pass(on, good),
        false => entry.bad(on, bad.join("; ")),
    });
}

fn form(letter: &Letter<'_>, out: &mut Vec<Finding>) {
    let (on, message) = (letter.on, letter.message);
    let count = |name: &str| headers::fields(message).filter(|field| field.is(name)).count();
    let from = headers::find(message, "From").map(|field| field.unfolded().into_owned());
    let author = author(message);
    out.push(match (count("From"), &author) {
        (1, Some(domain)) => MSG_FROM.pass(on, domain.clone()),
        (1, None) => {
            let shown = String::from_utf8_lossy(&from.unwrap_or_default()).into_owned();
            MSG_FROM.bad(on, format!("From: {shown}"))
        }
        (number, _) => MSG_FROM.bad(on, format!("{number} From fields")),
    });
    let date = headers::find(message, "Date").map(|field| field.unfolded().into_owned());
    let shown = String::from_utf8_lossy(date.as_deref().unwrap_or_default()).into_owned();
    let can_be_read = date.as_deref().is_some_and(|date| Zoned::parse_message(date).is_ok());
    out.push(match count("Date") {
        1 => MSG_DATE.check(can_be_read, on, format!("Date: {shown}")),
        number => MSG_DATE.bad(on, format!("{number} Date fields")),
    });
    let number = count("Message-ID");
    out.push(MSG_ID.check(number == 1, on, format!("{number} Message-ID fields")));
    let twice: Vec<String> = ONCE
        .iter()
        .map(|name| (name, count(name)))
        .filter(|(_, number)| *number > 1)
        .map(|(name, number)| format!("{number} {name} fields"))
        .collect();
    judge(&MSG_ONCE, on, &twice, "each stands once", out);
    let longest = message
        .split(|octet| *octet == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line).len())
        .max()
        .unwrap_or_default();
    out.push(MSG_LINES.check(
        longest <= LINE_OCTETS,
        on,
        format!("the longest line has {longest} octets"),
    ));
    let header = &message[..headers::fields_end(message).min(message.len())];
    let evidence = match std::str::from_utf8(header) {
        Ok(_) => "it is".to_owned(),
        Err(error) => format!("an octet that is neither at offset {}", error.valid_up_to()),
    };
    out.push(MSG_HEADER.check(std::str::from_utf8(header).is_ok(), on, evidence));
}

fn proven(entry: &'static Entry, on: &str, proof: &Proof, what: &str) -> Finding {
    let evidence = format!("{what}: {}", proof.text());
    match proof {
        Proof::Valid => entry.pass(on, evidence),
        Proof::Invalid(_) => entry.bad(on, evidence),
        Proof::Unknown(_) => entry.unknown(on, evidence),
    }
}

fn signatures(letter: &Letter<'_>, out: &mut Vec<Finding>) {
    let on = letter.on;
    let all = &letter.signatures;
    if all.is_empty() {
        out.push(SIG_PRESENT.bad(on, "there is no DKIM-Signature field"));
        return;
    }
    out.push(SIG_PRESENT.pass(on, format!("{} signatures", all.len())));
    for one in all {
        let name = format!("{} by {}", one.domain, one.selector);
        out.push(proven(&SIG_VALID, on, &one.proof, &name));
    }
    let domains: Vec<&str> = all.iter().map(|one| one.domain.as_str()).collect();
    if !letter.alignment.organization.is_empty() {
        let is_aligned = domains.iter().any(|domain| letter.signs(domain));
        out.push(SIG_ALIGNED.check(is_aligned, on, domains.join(", ")));
    }
    let weak: Vec<String> = all
        .iter()
        .filter_map(|one| Some((one, one.bits.filter(|bits| *bits < 2048)?)))
        .map(|(one, bits)| format!("{} has {bits} bits", one.domain))
        .collect();
    // Where no key was found, SIG-002 says so.
    if all.iter().any(|one| one.bits.is_some()) {
        judge(&SIG_KEY, on, &weak, "they have", out);
    }
    let old: Vec<String> = all
        .iter()
        .filter(|one| one.algorithm == Some(Algorithm::RsaSha1))
        .map(|one| format!("{} signs with rsa-sha1", one.domain))
        .collect();
    judge(&SIG_HASH, on, &old, "all are by SHA-256", out);
    let partial: Vec<String> = all
        .iter()
        .filter(|one| one.is_partial)
        .map(|one| format!("{} signs a part", one.domain))
        .collect();
    judge(&SIG_WHOLE, on, &partial, "they do", out);
}

/// Findings of what the last receiver says that it found; nothing where it says nothing.
pub fn of_results(on: &str, results: &[Results], out: &mut Vec<Finding>) {
    let Some(newest) = results.first() else { return };
    for (method, entry) in [("spf", &RES_SPF), ("dkim", &RES_DKIM), ("dmarc", &RES_DMARC)] {
        let found: Vec<&str> = newest
            .findings
            .iter()
            .filter(|found| found.method == method)
            .map(|found| found.result.as_str())
            .collect();
        if found.is_empty() {
            continue;
        }
        let evidence = format!("{} says {method}={}", newest.server, found.join(", "));
        let is_pending = found.iter().all(|result| *result == "temperror");
        out.push(match (found.contains(&"pass"), is_pending) {
            (true, _) => entry.pass(on, evidence),
            (false, true) => entry.unknown(on, evidence),
            (false, false) => entry.bad(on, evidence),
        });
    }
}

fn agreement(letter: &Letter<'_>, out: &mut Vec<Finding>) {
    let on = letter.on;
    let newest = letter.results.first();
    let of = |method: &'static str| {
        let all = newest.map(|newest| newest.findings.as_slice()).unwrap_or_default();
        all.iter().filter(move |found| found.method == method)
    };
    // Only domains of which both sides speak.
    let differs: Vec<String> = of("dkim")
        .filter_map(|found| {
            let domain = found.property("header.d")?.to_ascii_lowercase();
            let ours: Vec<&Checked> =
                letter.signatures.iter().filter(|one| one.domain == domain).collect();
            let is_known = ours.iter().any(|one| !matches!(one.proof, Proof::Unknown(_)));
            let is_valid = ours.iter().any(|one| one.proof == Proof::Valid);
            (is_known && is_valid != (found.result == "pass"))
                .then(|| format!("{domain}: {} there", found.result))
        })
        .collect();
    if of("dkim").next().is_some() && !letter.signatures.is_empty() {
        judge(&RES_AGREES, on, &differs, "it is", out);
    }
    let organization = &letter.alignment.organization;
    if organization.is_empty() {
        return;
    }
    let by_signature =
        letter.signatures.iter().find(|one| one.proof == Proof::Valid && letter.signs(&one.domain));
    let by_envelope = envelope(&letter.results)
        .filter(|domain| letter.is_aligned(domain, letter.alignment.is_spf_strict));
    let is_open = letter.signatures.iter().any(|one| matches!(one.proof, Proof::Unknown(_)));
    out.push(match (by_signature, by_envelope) {
        (Some(one), _) => RES_ALIGNED.pass(on, format!("DKIM of {}", one.domain)),
        (None, Some(domain)) => RES_ALIGNED.pass(on, format!("SPF of {domain}")),
        (None, None) if is_open => RES_ALIGNED.unknown(on, "a key could not be looked up"),
        (None, None) => RES_ALIGNED.bad(on, format!("nothing speaks for {organization}")),
    });
}

fn of_sender(on: &str, sent: &Sent) -> Finding {
    let Sent { sender, outcome, by } = sent;
    let by = if by.is_empty() { String::new() } else { format!(" by {by}") };
    let name = outcome.name();
    let evidence = format!("{} for {}: {name}{by}", sender.address, sender.domain);
    match outcome {
        Outcome::Pass => RES_SENDER.pass(on, evidence),
        Outcome::TempError => RES_SENDER.unknown(on, evidence),
        Outcome::None
        | Outcome::Neutral
        | Outcome::Fail
        | Outcome::SoftFail
        | Outcome::PermError => RES_SENDER.bad(on, evidence),
    }
}

/// Whether `domain` is the organization's, or below it (relaxed alignment).
fn is_of(domain: &str, organization: &str) -> bool {
    domain == organization
        || domain.strip_suffix(organization).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::super::{received, results};
    use super::*;
    use crate::verbs::probe::findings::Verdict;

    const GOOD: &str = "Authentication-Results: mx; spf=pass smtp.mailfrom=ann@example.org;\r\n dkim=pass header.d=example.org; dmarc=pass\r\n\
Received: from a by b with ESMTPS id 1; Tue, 3 Mar 2026 10:00:05 +0000\r\n\
Received: from c by a with ESMTPSA id 2; Tue, 3 Mar 2026 10:00:00 +0000\r\n\
From: ann@example.org\r\nDate: Tue, 3 Mar 2026 10:00:00 +0000\r\n\
Message-ID: <1@example.org>\r\nSubject: x\r\n\r\nx\r\n";

    fn signed() -> Checked {
        Checked {
            domain: "example.org".into(),
            selector: "s".into(),
            algorithm: Some(Algorithm::RsaSha256),
            bits: Some(2048),
            is_partial: false,
            proof: Proof::Valid,
        }
    }

    fn found(message: &str, signatures: Vec<Checked>, chain: Option<Chain>) -> Vec<Finding> {
        let octets = message.as_bytes();
        all(&Letter {
            on: "message",
            message: octets,
            hops: received::path(octets),
            results: results::all(octets),
            signatures,
            chain,
            alignment: Alignment {
                organization: author(octets).unwrap_or_default(),
                ..Alignment::default()
            },
            sender: None,
        })
    }

    fn verdict(found: &[Finding], entry: &Entry) -> Option<Verdict> {
        found.iter().find(|one| one.entry.id == entry.id).map(|one| one.verdict)
    }

    #[test]
    fn a_good_message_has_no_fault() {
        let chain = Chain { domains: vec!["a".into()], proof: Proof::Valid };
        let found = found(GOOD, vec![signed()], Some(chain));
        for one in &found {
            assert_eq!(one.verdict, Verdict::Pass, "{}: {}", one.entry.id, one.evidence);
        }
        assert_eq!(found.len(), 22, "{found:?}");
    }

    #[test]
    fn each_fault_is_found() {
        let with = |from: &str, to: &str| found(&GOOD.replace(from, to), vec![signed()], None);
        let cases: &[(&str, &str, &Entry, Verdict)] = &[
            ("10:00:05", "09:00:05", &TRACE_ORDER, Verdict::Warn),
            ("10:00:05", "10:10:05", &TRACE_DELAY, Verdict::Warn),
            ("ESMTPS id 1", "ESMTP id 1", &TRACE_TLS, Verdict::Pass),
            ("From: ann@example.org\r\n", "", &MSG_FROM, Verdict::Fail),
            ("Date: Tue, 3 Mar 2026", "Date: nonsense", &MSG_DATE, Verdict::Fail),
            ("Message-ID: <1@example.org>\r\n", "", &MSG_ID, Verdict::Warn),
            ("Subject: x", "Subject: x\r\nSubject: y", &MSG_ONCE, Verdict::Fail),
            ("spf=pass", "spf=fail", &RES_SPF, Verdict::Warn),
            ("spf=pass", "spf=temperror", &RES_SPF, Verdict::Unknown),
            ("dkim=pass", "dkim=fail", &RES_DKIM, Verdict::Warn),
            ("dkim=pass", "dkim=fail", &RES_AGREES, Verdict::Warn),
            ("dmarc=pass", "dmarc=fail", &RES_DMARC, Verdict::Fail),
        ];
        for (from, to, entry, want) in cases {
            assert_eq!(verdict(&with(from, to), entry), Some(*want), "{}", entry.id);
        }
        let bare = "Subject: x\r\n\r\nx\r\n";
        assert_eq!(verdict(&found(bare, Vec::new(), None), &TRACE_PRESENT), Some(Verdict::Pass));
        assert_eq!(verdict(&found(bare, Vec::new(), None), &SIG_PRESENT), Some(Verdict::Warn));
        let long = format!("{GOOD}{}\r\n", "x".repeat(999));
        assert_eq!(verdict(&found(&long, Vec::new(), None), &MSG_LINES), Some(Verdict::Fail));
    }

    #[test]
    fn each_fault_of_a_signature_is_found() {
        let with = |change: fn(&mut Checked), entry: &Entry| {
            let mut one = signed();
            change(&mut one);
            verdict(&found(GOOD, vec![one], None), entry)
        };
        use Verdict::{Fail, Unknown, Warn};
        assert_eq!(with(|it| it.proof = Proof::Invalid("x".into()), &SIG_VALID), Some(Fail));
        assert_eq!(with(|it| it.proof = Proof::Unknown("x".into()), &SIG_VALID), Some(Unknown));
        assert_eq!(with(|it| it.domain = "other.example".into(), &SIG_ALIGNED), Some(Warn));
        assert_eq!(with(|it| it.bits = Some(1024), &SIG_KEY), Some(Warn));
        assert_eq!(with(|it| it.algorithm = Some(Algorithm::RsaSha1), &SIG_HASH), Some(Fail));
        assert_eq!(with(|it| it.is_partial = true, &SIG_WHOLE), Some(Warn));
        let alone = GOOD.replace("spf=pass", "spf=fail");
        let mut other = signed();
        other.domain = "other.example".into();
        assert_eq!(verdict(&found(&alone, vec![other], None), &RES_ALIGNED), Some(Warn));
        let chain = Chain { domains: Vec::new(), proof: Proof::Invalid("x".into()) };
        assert_eq!(verdict(&found(GOOD, Vec::new(), Some(chain)), &ARC_VALID), Some(Warn));
        let mut header = GOOD.as_bytes().to_vec();
        header.splice(0..0, *b"X: \xff\r\n");
        let letter = Letter {
            on: "x",
            message: &header,
            hops: Vec::new(),
            results: Vec::new(),
            signatures: Vec::new(),
            chain: None,
            alignment: Alignment::default(),
            sender: None,
        };
        assert_eq!(verdict(&all(&letter), &MSG_HEADER), Some(Warn));
    }

    #[test]
    fn alignment_is_by_organization() {
        assert!(is_of("example.org", "example.org") && is_of("mail.example.org", "example.org"));
        assert!(!is_of("badexample.org", "example.org") && !is_of("org", "example.org"));
    }
}
