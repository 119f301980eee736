//! SARIF 2.1.0 (OASIS), as code scanning takes it: a rule for each entry of the catalogue that
//! was looked at, a result for each finding.

use serde::Serialize;

use crate::verbs::probe::findings::{Entry, Finding, Severity, Verdict};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
struct Run<'a> {
    tool: Tool,
    results: Vec<SarifResult<'a>>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Message<'static>,
    full_description: Message<'static>,
    help: Message<'static>,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    text: std::borrow::Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'a> {
    rule_id: &'static str,
    rule_index: usize,
    kind: &'static str,
    level: &'static str,
    message: Message<'a>,
    locations: [Location<'a>; 1],
    partial_fingerprints: Fingerprints,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    physical_location: Physical<'a>,
    logical_locations: [Logical<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical<'a> {
    artifact_location: Artifact<'a>,
}

#[derive(Serialize)]
struct Artifact<'a> {
    uri: std::borrow::Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Logical<'a> {
    fully_qualified_name: &'a str,
}

#[derive(Serialize)]
struct Fingerprints {
    #[serde(rename = "finding/v1")]
    finding: String,
}

/// The document, a line each.
///
/// # Errors
/// None in practice: everything in it has a form in JSON.
pub fn lines(findings: &[Finding]) -> serde_json::Result<Vec<String>> {
    let mut entries: Vec<&'static Entry> = Vec::new();
    for finding in findings {
        if !entries.iter().any(|known| known.id == finding.entry.id) {
            entries.push(finding.entry);
        }
    }
    let place = |entry: &Entry| entries.iter().position(|known| known.id == entry.id);
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "pillarbox probe",
                    version: env!("CARGO_PKG_VERSION"),
                    rules: entries.iter().map(|entry| rule(entry)).collect(),
                },
            },
            results: findings
                .iter()
                .filter_map(|finding| Some(result(finding, place(finding.entry)?)))
                .collect(),
        }],
    };
    Ok(serde_json::to_string_pretty(&log)?.lines().map(str::to_owned).collect())
}

fn rule(entry: &'static Entry) -> Rule {
    let text = |text: &'static str| Message { text: text.into() };
    let fixes: Vec<String> = entry.fixes().map(|(place, fix)| format!("{place}: {fix}")).collect();
    Rule {
        id: entry.id,
        short_description: text(entry.title),
        full_description: text(entry.why),
        help: Message { text: format!("{}\n{}", entry.rfc, fixes.join("\n")).into() },
        default_configuration: Configuration {
            level: match entry.severity {
                Severity::Info => "note",
                Severity::Warn => "warning",
                Severity::Fail => "error",
            },
        },
    }
}

fn result(finding: &Finding, rule_index: usize) -> SarifResult<'_> {
    // Section 3.27.9: a kind other than fail has the level none.
    let (kind, level) = match finding.verdict {
        Verdict::Pass => ("pass", "none"),
        Verdict::Warn => ("fail", "warning"),
        Verdict::Fail => ("fail", "error"),
        Verdict::Unknown => ("open", "none"),
    };
    let uri = match finding.on.contains("://") {
        true => finding.on.as_str().into(),
        false => format!("dns:{}", finding.on).into(),
    };
    SarifResult {
        rule_id: finding.entry.id,
        rule_index,
        kind,
        level,
        message: Message { text: format!("{}: {}", finding.entry.title, finding.evidence).into() },
        locations: [Location {
            physical_location: Physical { artifact_location: Artifact { uri } },
            logical_locations: [Logical { fully_qualified_name: &finding.on }],
        }],
        partial_fingerprints: Fingerprints {
            finding: format!("{} {}", finding.entry.id, finding.on),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::probe::render::json::tests::findings;

    #[test]
    fn a_log_as_code_scanning_takes_it() {
        let text = lines(&findings()).expect("serializes").join("\n");
        let log: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"].as_array().map(Vec::len), Some(4));
        let results = run["results"].as_array().expect("a list");
        let of = |at: usize| (results[at]["kind"].clone(), results[at]["level"].clone());
        assert_eq!(of(0), ("pass".into(), "none".into()));
        assert_eq!(of(1), ("fail".into(), "error".into()));
        assert_eq!(of(2), ("open".into(), "none".into()));
        assert_eq!(results[1]["ruleId"], "TLS-004");
        assert_eq!(
            results[1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            "imaps://mail.example:993"
        );
    }
}
