//! Facts and findings in the forms that people and programs read.

pub mod json;
pub mod junit;
pub mod markdown;
pub mod nagios;
pub mod prometheus;
pub mod sarif;
pub mod text;

use crate::base::date::Zoned;

/// An instant as RFC 3339 has it, in UTC.
pub fn stamp(seconds: i64) -> String {
    let day = Zoned::utc(seconds).day();
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
        day.year(),
        day.month(),
        day.day()
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::time::Duration;

    use serde_json::Value;

    use super::json::tests::{findings, report};
    use super::*;
    use crate::verbs::probe::checks::pairs;
    use crate::verbs::probe::facts::{Facts, Protocol, Stop, StopKind};
    use crate::verbs::probe::timing::{Percentiles, Phase};

    /// One server and a domain.
    fn facts() -> Facts {
        Facts { domain: Some(pairs::domain()), ..report() }
    }

    /// Each form as it is committed in `tests/snapshots/probe`; `UPDATE=1` writes them anew.
    #[test]
    fn each_form_is_as_it_was() {
        let (facts, findings) = (facts(), findings());
        let object = |value: &json::Report<'_>| serde_json::to_string_pretty(value);
        let jsonl: Vec<String> = json::lines(&facts, &findings)
            .iter()
            .map(|line| serde_json::to_string(line).expect("it serializes"))
            .collect();
        let json = object(&json::report(&facts, &findings)).expect("it serializes");
        let forms: [(&str, Vec<String>); 8] = [
            ("report.txt", text::lines(&facts, &findings)),
            ("report.json", vec![json]),
            ("report.jsonl", jsonl),
            ("report.xml", junit::lines(&facts, &findings)),
            ("report.sarif", sarif::lines(&findings).expect("it serializes")),
            ("report.prom", prometheus::lines(&facts, &findings)),
            ("report.nagios", nagios::lines(&facts, &findings)),
            ("report.md", markdown::lines(&facts, &findings)),
        ];
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/probe");
        for (name, lines) in forms {
            let text = lines.join("\n") + "\n";
            let path = folder.join(name);
            if std::env::var_os("UPDATE").is_some() {
                std::fs::create_dir_all(&folder).expect("a folder of this repository");
                std::fs::write(&path, &text).expect("a file of this repository");
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(kept == text, "{name} is not as it was (UPDATE=1 writes it anew):\n{text}");
        }
    }

    fn keys(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Array(list) => list.iter().for_each(|value| keys(value, into)),
            Value::Object(map) => {
                for (key, value) in map {
                    into.insert(key.clone());
                    // What is in it are names of programs.
                    if key != "fix" {
                        keys(value, into);
                    }
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_field_is_in_the_manual() {
        let mut facts = facts();
        let mut full = pairs::good(Protocol::Smtp);
        let time = Duration::from_millis(1);
        full.percentiles = vec![Percentiles {
            phase: Phase::Tcp,
            runs: 1,
            p50: time,
            p90: time,
            p99: time,
            max: time,
        }];
        full.session.stop =
            Some(Stop { phase: Phase::Tls, kind: StopKind::HungUp, detail: "why".into() });
        facts.endpoints.push(full);
        let findings = findings();
        let mut found = BTreeSet::new();
        for line in json::lines(&facts, &findings) {
            keys(&serde_json::to_value(line).expect("it serializes"), &mut found);
        }
        keys(
            &serde_json::to_value(json::report(&facts, &findings)).expect("it serializes"),
            &mut found,
        );
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/pillarbox-probe.1");
        let page = std::fs::read_to_string(page).expect("a file of this repository");
        let words: BTreeSet<&str> =
            page.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        let missing: Vec<&String> =
            found.iter().filter(|key| !words.contains(key.as_str())).collect();
        assert!(found.len() > 80 && missing.is_empty(), "{missing:?}");
    }
}
