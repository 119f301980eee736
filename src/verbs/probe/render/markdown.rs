//! Tables in Markdown (GitHub's), for tickets and wikis.

use crate::ui::sanitize;
use crate::verbs::probe::facts::Facts;
use crate::verbs::probe::findings::{Counts, Finding, Verdict, worst};

/// The report, a line each: what does not hold with what to do, then what does.
pub fn lines(facts: &Facts, findings: &[Finding]) -> Vec<String> {
    let counts = Counts::of(findings);
    let mut out = vec![
        format!("# {}: {}", clean(&facts.subject), worst(findings).name()),
        String::new(),
        format!(
            "{}: {} fail, {} unknown, {} warn, {} pass; {} of {} connections",
            super::stamp(facts.time),
            counts.fail,
            counts.unknown,
            counts.warn,
            counts.pass,
            facts.connections,
            facts.budget
        ),
    ];
    let mut places: Vec<&str> = Vec::new();
    for finding in findings {
        if !places.contains(&finding.on.as_str()) {
            places.push(&finding.on);
        }
    }
    for place in places {
        let here = || findings.iter().filter(|finding| finding.on == place);
        out.extend([String::new(), format!("## {}", clean(place)), String::new()]);
        out.push("| verdict | finding | evidence | what to do |".into());
        out.push("| --- | --- | --- | --- |".into());
        let rank = |finding: &&Finding| match finding.verdict {
            Verdict::Fail => 0,
            Verdict::Unknown => 1,
            Verdict::Warn => 2,
            Verdict::Pass => 3,
        };
        let mut sorted: Vec<&Finding> = here().collect();
        sorted.sort_by_key(rank);
        for finding in sorted {
            let entry = finding.entry;
            let fixes: Vec<String> = match finding.verdict {
                Verdict::Fail | Verdict::Warn => {
                    entry.fixes().map(|(place, fix)| format!("{place}: {}", clean(fix))).collect()
                }
                Verdict::Pass | Verdict::Unknown => Vec::new(),
            };
            out.push(format!(
                "| {} | {} {} | {} | {} |",
                finding.verdict.name(),
                entry.id,
                clean(entry.title),
                clean(&finding.evidence),
                fixes.join("<br>")
            ));
        }
    }
    out
}

/// Text that is nothing but text: no table, no link, no HTML.
fn clean(text: &str) -> String {
    let mut out = String::new();
    for letter in sanitize::line(text).chars() {
        match letter {
            '|' | '[' | ']' | '*' | '_' | '`' | '\\' | '~' => out.extend(['\\', letter]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::probe::catalogue;
    use crate::verbs::probe::render::json::tests::{findings, report};

    #[test]
    fn tables_with_the_worst_first() {
        let all = lines(&report(), &findings());
        assert_eq!(all[0], "# imaps://mail.example: fail");
        assert_eq!(
            all[2],
            "2026-11-14T12:00:00Z: 1 fail, 1 unknown, 0 warn, 2 pass; 9 of 60 connections"
        );
        assert_eq!(all[4], "## imaps://mail.example:993");
        assert!(all[8].starts_with(
            "| fail | TLS-004 the certificate is for the name that clients connect to | the certificate is not for mail.example but for other.example | Postfix: "
        ));
        assert!(all[9].starts_with("| unknown | TLS-009 "));
        assert!(all[10].starts_with("| pass | IMAP-001 ") && all[10].ends_with(" |  |"));
    }

    #[test]
    fn nothing_of_a_server_becomes_markup() {
        let found = catalogue::SMTP_EHLO.bad("x", "a | [b](javascript:c) <img>");
        let all = lines(&report(), &[found]);
        assert!(all.iter().any(|line| line.contains("a \\| \\[b\\](javascript:c) &lt;img&gt;")));
    }
}
