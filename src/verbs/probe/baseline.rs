//! Findings kept in a file, and what changed since.
//!
//! A finding is known by its id and where it was found. Only verdicts are compared: evidence
//! holds times and counters, which change by themselves.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::findings::{self, Finding, Verdict};
use crate::ui::{Exit, Failure, Output, sanitize};

/// The form of the file.
const FORM: u32 = 1;

/// Largest file that is read, in octets.
const FILE_OCTETS: u64 = 64 << 20;

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Saved {
    form: u32,
    subject: String,
    /// Seconds since 1970-01-01T00:00:00Z.
    time: i64,
    findings: Vec<Kept>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    id: String,
    on: String,
    verdict: String,
    evidence: String,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The finding's id.
    id: String,
    /// Where it is.
    on: String,
    /// What should hold; empty for an entry that is in the catalogue no more.
    title: &'static str,
    /// Its verdict then; `None`: it was not there.
    before: Option<String>,
    /// Its verdict now; `None`: it is not there any more.
    after: Option<&'static str>,
    /// What shows it now, or showed it then.
    evidence: String,
    #[serde(skip)]
    verdict: Option<Verdict>,
}

/// Writes the file whole or not at all.
///
/// # Errors
/// [`Failure`] when it cannot be written.
pub fn write(path: &Path, facts: &Facts, findings: &[Finding]) -> Result<()> {
    let saved = Saved {
        form: FORM,
        subject: facts.subject.clone(),
        time: facts.time,
        findings: findings
            .iter()
            .map(|finding| Kept {
                id: finding.entry.id.to_owned(),
                on: finding.on.clone(),
                verdict: finding.verdict.name().to_owned(),
                evidence: finding.evidence.clone(),
            })
            .collect(),
    };
    let mut octets = serde_json::to_vec_pretty(&saved)?;
    octets.push(b'\n');
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let beside =
        path.with_file_name(format!(".{}.{}", name.unwrap_or_default(), std::process::id()));
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(&octets).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        // What was begun is of no use; that it cannot be removed changes nothing.
        let _ = fs::remove_file(&beside);
        Failure::new(Exit::CantCreate, format!("cannot write {}: {error}", path.display())).into()
    })
}

/// Reads a file that [`write`] wrote.
///
/// # Errors
/// [`Failure`] where it cannot be read, or is another file.
pub fn read(path: &Path) -> Result<Saved> {
    use std::io::Read as _;
    let mut octets = Vec::new();
    fs::File::open(path).and_then(|file| file.take(FILE_OCTETS).read_to_end(&mut octets)).map_err(
        |error| Failure::new(Exit::NoInput, format!("cannot read {}: {error}", path.display())),
    )?;
    let other = |why: String| {
        Failure::new(Exit::Data, format!("{} is no saved probe: {why}", path.display()))
            .hint("write one by --save")
    };
    let saved: Saved = serde_json::from_slice(&octets).map_err(|error| other(error.to_string()))?;
    if saved.form != FORM {
        return Err(other(format!("its form is {}, and not {FORM}", saved.form)).into());
    }
    Ok(saved)
}

/// What changed: verdicts that are others, findings that came and went.
pub fn changes(before: &Saved, now: &[Finding]) -> Vec<Change> {
    let key = |id: &str, on: &str| (id.to_owned(), on.to_owned());
    let old: BTreeMap<(String, String), &Kept> =
        before.findings.iter().map(|kept| (key(&kept.id, &kept.on), kept)).collect();
    let mut changes = Vec::new();
    let mut seen = Vec::new();
    for finding in now {
        let place = key(finding.entry.id, &finding.on);
        let kept = old.get(&place);
        let verdict = finding.verdict.name();
        if kept.is_none_or(|kept| kept.verdict != verdict) {
            changes.push(Change {
                kind: "change",
                id: place.0.clone(),
                on: place.1.clone(),
                title: finding.entry.title,
                before: kept.map(|kept| kept.verdict.clone()),
                after: Some(verdict),
                evidence: finding.evidence.clone(),
                verdict: Some(finding.verdict),
            });
        }
        seen.push(place);
    }
    for (place, kept) in old {
        if !seen.contains(&place) {
            changes.push(Change {
                kind: "change",
                title: findings::entry(&kept.id).map_or("", |entry| entry.title),
                id: place.0,
                on: place.1,
                before: Some(kept.verdict.clone()),
                after: None,
                evidence: kept.evidence.clone(),
                verdict: None,
            });
        }
    }
    changes
}

/// Prints them, a line each.
///
/// # Errors
/// Output that cannot be written.
pub fn print(changes: &[Change], json: bool, out: &mut Output) -> Result<()> {
    for change in changes {
        if json {
            out.json(change)?;
            continue;
        }
        out.line(&format!(
            "{} -> {}  {} {}: {}: {}",
            sanitize::line(change.before.as_deref().unwrap_or("none")),
            change.after.unwrap_or("none"),
            sanitize::line(&change.id),
            sanitize::line(&change.on),
            change.title,
            sanitize::line(&change.evidence)
        ))?;
    }
    if changes.is_empty() && !json {
        out.line("nothing changed")?;
    }
    Ok(())
}

/// The exit code: 0 where nothing changed for the worse, else that of what it changed to.
pub fn exit(changes: &[Change], fail_on: &[Verdict]) -> Exit {
    let now: Vec<Verdict> = changes.iter().filter_map(|change| change.verdict).collect();
    if now.iter().any(|verdict| fail_on.contains(verdict)) {
        return Exit::Two;
    }
    match now.into_iter().max() {
        None | Some(Verdict::Pass) => Exit::Ok,
        Some(Verdict::Warn) => Exit::None,
        Some(Verdict::Fail) => Exit::Two,
        Some(Verdict::Unknown) => Exit::Three,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::probe::catalogue;

    fn kept(id: &str, verdict: &str) -> Kept {
        Kept { id: id.into(), on: "x".into(), verdict: verdict.into(), evidence: "then".into() }
    }

    #[test]
    fn what_changed_is_told_and_counts() {
        let before = Saved {
            form: FORM,
            subject: "x".into(),
            time: 0,
            findings: vec![
                kept("TLS-009", "warn"),
                kept("TLS-004", "pass"),
                kept("SPF-001", "pass"),
                kept("OLD-001", "fail"),
            ],
        };
        let now = [
            catalogue::TLS_13.pass("x", "now"),
            catalogue::TLS_NAME.bad("x", "now"),
            catalogue::SPF_PRESENT.pass("x", "now"),
            catalogue::SMTP_SIZE.pass("x", "now"),
        ];
        let changes = changes(&before, &now);
        let words: Vec<(&str, Option<&str>, Option<&str>)> =
            changes.iter().map(|it| (it.id.as_str(), it.before.as_deref(), it.after)).collect();
        assert_eq!(
            words,
            [
                ("TLS-009", Some("warn"), Some("pass")),
                ("TLS-004", Some("pass"), Some("fail")),
                ("SMTP-006", None, Some("pass")),
                ("OLD-001", Some("fail"), None),
            ]
        );
        assert_eq!(exit(&changes, &[]), Exit::Two);
        assert_eq!(exit(&changes[..1], &[]), Exit::Ok);
        assert_eq!(exit(&[], &[Verdict::Warn]), Exit::Ok);
    }
}
