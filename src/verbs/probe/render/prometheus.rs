//! Metrics in the text format of Prometheus, version 0.0.4, for a textfile collector.

use std::fmt::Write as _;

use crate::verbs::probe::facts::Facts;
use crate::verbs::probe::findings::{Counts, Finding, Verdict, worst};

/// Names of the results, and the number of each in `pillarbox_probe_result`.
const RESULTS: [Verdict; 4] = [Verdict::Pass, Verdict::Warn, Verdict::Fail, Verdict::Unknown];

/// The metrics, a line each.
pub fn lines(facts: &Facts, findings: &[Finding]) -> Vec<String> {
    let mut out = Metrics { lines: Vec::new() };
    let subject = ("subject", facts.subject.as_str());
    out.family("pillarbox_probe_time_seconds", "When the probe ran, since 1970.");
    out.sample("pillarbox_probe_time_seconds", &[subject], facts.time as f64);

    out.family("pillarbox_probe_result", "1 for what the probe came to, 0 for the others.");
    let result = worst(findings);
    for verdict in RESULTS {
        let labels = [subject, ("result", verdict.name())];
        out.sample("pillarbox_probe_result", &labels, f64::from(u8::from(verdict == result)));
    }

    out.family("pillarbox_probe_findings", "Findings of each verdict.");
    let counts = Counts::of(findings);
    for (verdict, count) in [
        (Verdict::Pass, counts.pass),
        (Verdict::Warn, counts.warn),
        (Verdict::Fail, counts.fail),
        (Verdict::Unknown, counts.unknown),
    ] {
        let labels = [subject, ("verdict", verdict.name())];
        out.sample("pillarbox_probe_findings", &labels, count as f64);
    }

    out.family("pillarbox_probe_connections", "Connections that were made.");
    out.sample("pillarbox_probe_connections", &[subject], f64::from(facts.connections));

    out.family(
        "pillarbox_probe_finding",
        "Each finding: 0 pass, 1 warn, 2 fail, 3 unknown, as the exit code has it.",
    );
    for finding in findings {
        let labels = [("on", finding.on.as_str()), ("id", finding.entry.id)];
        let value = match finding.verdict {
            Verdict::Pass => 0.0,
            Verdict::Warn => 1.0,
            Verdict::Fail => 2.0,
            Verdict::Unknown => 3.0,
        };
        out.sample("pillarbox_probe_finding", &labels, value);
    }

    out.family(
        "pillarbox_probe_phase_seconds",
        "How long each phase of the conversation took; the median of several runs.",
    );
    for endpoint in &facts.endpoints {
        let mut phase = |phase: String, seconds: f64| {
            let labels = [("on", endpoint.url.as_str()), ("phase", phase.as_str())];
            out.sample("pillarbox_probe_phase_seconds", &labels, seconds);
        };
        if endpoint.percentiles.is_empty() {
            for timing in &endpoint.session.phases {
                phase(timing.phase.to_string(), timing.took.as_secs_f64());
            }
        } else {
            for timing in &endpoint.percentiles {
                phase(timing.phase.to_string(), timing.p50.as_secs_f64());
            }
        }
    }

    out.family(
        "pillarbox_probe_certificate_not_after_seconds",
        "When the server's certificate expires, since 1970.",
    );
    for endpoint in &facts.endpoints {
        let leaf = endpoint.session.tls.as_ref().and_then(|tls| tls.chain.first());
        if let Some(leaf) = leaf {
            let labels = [("on", endpoint.url.as_str())];
            let name = "pillarbox_probe_certificate_not_after_seconds";
            out.sample(name, &labels, leaf.not_after as f64);
        }
    }
    out.lines
}

struct Metrics {
    lines: Vec<String>,
}

impl Metrics {
    fn family(&mut self, name: &str, help: &str) {
        self.lines.push(format!("# HELP {name} {help}"));
        self.lines.push(format!("# TYPE {name} gauge"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let mut line = format!("{name}{{{}}} ", labels.join(","));
        // Writing to a String cannot fail.
        let _ = write!(line, "{value}");
        self.lines.push(line);
    }
}

/// A label's value: backslash, quote and line feed are escaped, nothing else is special.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::probe::catalogue;
    use crate::verbs::probe::render::json::tests::{findings, report};

    #[test]
    fn metrics_as_prometheus_reads_them() {
        let all = lines(&report(), &findings());
        for line in [
            "# TYPE pillarbox_probe_time_seconds gauge",
            "pillarbox_probe_time_seconds{subject=\"imaps://mail.example\"} 1794657600",
            "pillarbox_probe_result{subject=\"imaps://mail.example\",result=\"fail\"} 1",
            "pillarbox_probe_result{subject=\"imaps://mail.example\",result=\"pass\"} 0",
            "pillarbox_probe_findings{subject=\"imaps://mail.example\",verdict=\"pass\"} 2",
            "pillarbox_probe_finding{on=\"imaps://mail.example:993\",id=\"TLS-004\"} 2",
            "pillarbox_probe_finding{on=\"imaps://mail.example:993\",id=\"TLS-009\"} 3",
            "pillarbox_probe_phase_seconds{on=\"imaps://mail.example:993\",phase=\"DNS\"} 0.03",
        ] {
            assert!(all.iter().any(|it| it == line), "{line} is not in {all:#?}");
        }
    }

    #[test]
    fn a_label_ends_where_it_should() {
        let found = catalogue::SMTP_EHLO.bad("a\"} 1\nb\\", "x");
        let all = lines(&report(), &[found]);
        assert!(all.iter().any(|it| {
            it == "pillarbox_probe_finding{on=\"a\\\"} 1\\nb\\\\\",id=\"SMTP-003\"} 2"
        }));
    }
}
