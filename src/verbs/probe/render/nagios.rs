//! One status line with performance data, and a line for each finding that does not hold:
//! what monitoring plugins print (their guidelines, section "Plugin Output for Nagios").

use crate::ui::sanitize;
use crate::verbs::probe::facts::Facts;
use crate::verbs::probe::findings::{Counts, Finding, Verdict, worst};

/// The lines.
pub fn lines(facts: &Facts, findings: &[Finding]) -> Vec<String> {
    let counts = Counts::of(findings);
    let status = match worst(findings) {
        Verdict::Pass => "OK",
        Verdict::Warn => "WARNING",
        Verdict::Fail => "CRITICAL",
        Verdict::Unknown => "UNKNOWN",
    };
    let mut first = format!(
        "PROBE {status} - {}: {} fail, {} unknown, {} warn, {} pass",
        clean(&facts.subject),
        counts.fail,
        counts.unknown,
        counts.warn,
        counts.pass
    );
    let data = performance(facts);
    if !data.is_empty() {
        first.push_str(" | ");
        first.push_str(&data.join(" "));
    }
    let mut lines = vec![first];
    lines.extend(findings.iter().filter(|finding| finding.verdict != Verdict::Pass).map(
        |finding| {
            format!(
                "{} {} {}: {}",
                finding.verdict.name(),
                finding.entry.id,
                clean(&finding.on),
                clean(&finding.evidence)
            )
        },
    ));
    lines
}

/// Seconds of each phase of each endpoint; the median where there were several runs.
fn performance(facts: &Facts) -> Vec<String> {
    let mut data = Vec::new();
    for endpoint in &facts.endpoints {
        let mut add = |phase: String, seconds: f64| {
            // A quote inside a quoted label is doubled, and = may not stand in it.
            let label = format!("{} {phase}", clean(&endpoint.url)).replace('\'', "''");
            data.push(format!("'{}'={seconds:.6}s;;;0", label.replace('=', "_")));
        };
        if endpoint.percentiles.is_empty() {
            for timing in &endpoint.session.phases {
                add(timing.phase.to_string(), timing.took.as_secs_f64());
            }
        } else {
            for phase in &endpoint.percentiles {
                add(phase.phase.to_string(), phase.p50.as_secs_f64());
            }
        }
    }
    data
}

/// Text without what ends a line or begins performance data.
fn clean(text: &str) -> String {
    sanitize::line(text).replace('|', "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::probe::render::json::tests::{findings, report};

    #[test]
    fn a_status_line_as_monitoring_reads_it() {
        let all = lines(&report(), &findings());
        assert_eq!(
            all,
            [
                "PROBE CRITICAL - imaps://mail.example: 1 fail, 1 unknown, 0 warn, 2 pass | \
                 'imaps://mail.example:993 DNS'=0.030000s;;;0 \
                 'imaps://mail.example:993 TCP'=0.010000s;;;0 \
                 'imaps://mail.example:993 TLS'=0.010000s;;;0",
                "fail TLS-004 imaps://mail.example:993: \
                 the certificate is not for mail.example but for other.example",
                "unknown TLS-009 imaps://mail.example:993: no answer within 15 s",
            ]
        );
    }

    #[test]
    fn nothing_of_a_server_can_be_taken_for_performance_data() {
        let found = crate::verbs::probe::catalogue::SMTP_EHLO.bad("x", "a | b=1\nc");
        let all = lines(&report(), &[found]);
        assert_eq!(all[1], "fail SMTP-003 x: a / b=1c");
    }
}
