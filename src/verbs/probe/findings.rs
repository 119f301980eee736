//! Verdicts, findings, and what follows from them for the exit code.

use super::{catalogue, conform};
use crate::base::nearest::nearest;
use crate::ui::{Exit, Failure};

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It holds; or it does not, and that is no fault.
    Pass,
    /// It should hold and does not.
    Warn,
    /// Nobody can tell.
    Unknown,
    /// It must hold and does not.
    Fail,
}

impl Verdict {
    /// In a word, as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }
}

/// How bad it is when a check does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Should be mended.
    Warn,
    /// Must be mended.
    Fail,
}

impl Severity {
    fn verdict(self) -> Verdict {
        match self {
            Self::Info => Verdict::Pass,
            Self::Warn => Verdict::Warn,
            Self::Fail => Verdict::Fail,
        }
    }
}

/// One entry of the catalogue: all that can be said of a check beforehand.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name for ever: an entry may go, its id is never given to another.
    pub id: &'static str,
    /// How bad it is at worst.
    pub severity: Severity,
    /// What should hold.
    pub title: &'static str,
    /// What happens where it does not.
    pub why: &'static str,
    /// Where it is written.
    pub rfc: &'static str,
    /// The line for Postfix; empty where Postfix has nothing to do with it.
    pub postfix: &'static str,
    /// The line for Exim, or empty.
    pub exim: &'static str,
    /// The line for Dovecot, or empty.
    pub dovecot: &'static str,
    /// The DNS record, or empty.
    pub dns: &'static str,
    /// What to do elsewhere, or empty.
    pub other: &'static str,
}

impl Entry {
    /// What to do about it: where, and how. Never empty.
    pub fn fixes(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        [
            ("Postfix", self.postfix),
            ("Exim", self.exim),
            ("Dovecot", self.dovecot),
            ("DNS", self.dns),
            ("else", self.other),
        ]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
    }

    /// It holds.
    pub fn pass(&'static self, on: &str, evidence: impl Into<String>) -> Finding {
        self.finding(on, (Some(true), Verdict::Pass), evidence)
    }

    /// It does not hold.
    pub fn bad(&'static self, on: &str, evidence: impl Into<String>) -> Finding {
        self.finding(on, (Some(false), self.severity.verdict()), evidence)
    }

    /// It does not hold, and that counts for no more than `at_most` here.
    pub fn bad_at_most(
        &'static self,
        at_most: Severity,
        on: &str,
        evidence: impl Into<String>,
    ) -> Finding {
        self.finding(on, (Some(false), self.severity.min(at_most).verdict()), evidence)
    }

    /// Nobody can tell, because of `why`.
    pub fn unknown(&'static self, on: &str, why: impl Into<String>) -> Finding {
        self.finding(on, (None, Verdict::Unknown), why)
    }

    /// It holds, or it does not.
    pub fn check(&'static self, holds: bool, on: &str, evidence: impl Into<String>) -> Finding {
        if holds { self.pass(on, evidence) } else { self.bad(on, evidence) }
    }

    fn finding(
        &'static self,
        on: &str,
        (holds, verdict): (Option<bool>, Verdict),
        evidence: impl Into<String>,
    ) -> Finding {
        Finding { entry: self, on: on.to_owned(), holds, verdict, evidence: evidence.into() }
    }
}

/// An entry of the catalogue, found at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked.
    pub entry: &'static Entry,
    /// The URL of the endpoint, or the domain.
    pub on: String,
    /// Whether it holds; `None`: nobody can tell.
    pub holds: Option<bool>,
    /// How it went: what does not hold may be no fault.
    pub verdict: Verdict,
    /// The line of the wire or the record that shows it.
    pub evidence: String,
}

/// How many findings have each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Those that hold.
    pub pass: usize,
    /// Warnings.
    pub warn: usize,
    /// Failures.
    pub fail: usize,
    /// Those that nobody can tell.
    pub unknown: usize,
}

impl Counts {
    /// Counts them.
    pub fn of(findings: &[Finding]) -> Self {
        let count = |verdict| findings.iter().filter(|found| found.verdict == verdict).count();
        Self {
            pass: count(Verdict::Pass),
            warn: count(Verdict::Warn),
            fail: count(Verdict::Fail),
            unknown: count(Verdict::Unknown),
        }
    }
}

/// The worst verdict: fail before unknown before warn. No finding at all is unknown: nothing
/// was learnt.
pub fn worst(findings: &[Finding]) -> Verdict {
    findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Unknown)
}

/// The exit code of the monitoring plugins: 0 ok, 1 warn, 2 fail, 3 unknown; 2 as well where
/// there is a verdict of `fail_on`.
pub fn exit(findings: &[Finding], fail_on: &[Verdict]) -> Exit {
    if findings.iter().any(|finding| fail_on.contains(&finding.verdict)) {
        return Exit::Two;
    }
    match worst(findings) {
        Verdict::Pass => Exit::Ok,
        Verdict::Warn => Exit::None,
        Verdict::Fail => Exit::Two,
        Verdict::Unknown => Exit::Three,
    }
}

/// The entry of this id, in any case.
///
/// # Errors
/// A [`Failure`] that names the nearest id.
pub fn entry(id: &str) -> Result<&'static Entry, Failure> {
    let mut known =
        catalogue::ALL.iter().chain(catalogue::PARTS).copied().chain(conform::entries());
    if let Some(entry) = known.find(|entry| entry.id.eq_ignore_ascii_case(id)) {
        return Ok(entry);
    }
    let ids = catalogue::ALL.iter().chain(catalogue::PARTS).map(|entry| entry.id);
    let failure = Failure::usage(format!("there is no finding {id:?}"));
    Err(match nearest(id, ids.clone()) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint(format!("there are {}", ids.collect::<Vec<_>>().join(", "))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(verdicts: &[Verdict]) -> Vec<Finding> {
        verdicts
            .iter()
            .map(|verdict| catalogue::TLS_TRUSTED.finding("x", (None, *verdict), "y"))
            .collect()
    }

    #[test]
    fn fail_wins_over_unknown_over_warn() {
        use Verdict::{Fail, Pass, Unknown, Warn};
        let cases: [(&[Verdict], &[Verdict], Exit); 10] = [
            (&[Pass, Pass], &[], Exit::Ok),
            (&[Pass, Warn], &[], Exit::None),
            (&[Unknown, Warn], &[], Exit::Three),
            (&[Unknown, Fail, Warn], &[], Exit::Two),
            (&[], &[], Exit::Three),
            (&[Pass, Warn], &[Warn], Exit::Two),
            (&[Unknown, Warn], &[Warn], Exit::Two),
            (&[Pass, Unknown], &[Warn], Exit::Three),
            (&[Pass, Unknown], &[Unknown], Exit::Two),
            (&[Pass], &[Warn, Fail, Unknown], Exit::Ok),
        ];
        for (verdicts, fail_on, want) in cases {
            assert_eq!(exit(&with(verdicts), fail_on), want, "{verdicts:?} {fail_on:?}");
        }
    }

    #[test]
    fn severities_become_verdicts() {
        let trusted = &catalogue::TLS_TRUSTED;
        assert_eq!(trusted.bad("x", "y").verdict, Verdict::Fail);
        assert_eq!(trusted.bad_at_most(Severity::Warn, "x", "y").verdict, Verdict::Warn);
        assert_eq!(catalogue::TLS_POST_QUANTUM.bad("x", "y").verdict, Verdict::Pass);
        let counts = Counts::of(&with(&[Verdict::Pass, Verdict::Fail, Verdict::Fail]));
        assert_eq!(counts, Counts { pass: 1, fail: 2, ..Counts::default() });
    }

    #[test]
    fn an_entry_is_found_by_its_id() {
        assert_eq!(entry("tls-004").expect("found").id, "TLS-004");
        let failure = entry("TLS-0004").expect_err("none such");
        assert_eq!(failure.hint.as_deref(), Some("did you mean TLS-004?"));
    }
}
