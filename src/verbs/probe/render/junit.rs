//! JUnit XML, as continuous integration reads it: a test suite for each server and domain, a
//! test case for each finding. A failure is a failure; a warning is a failure of that type; what
//! nobody can tell is an error.

use crate::ui::sanitize;
use crate::verbs::probe::facts::Facts;
use crate::verbs::probe::findings::{Finding, Verdict};

/// The document, a line each.
pub fn lines(facts: &Facts, findings: &[Finding]) -> Vec<String> {
    let count = |of: &[&Finding], wanted: &[Verdict]| {
        of.iter().filter(|finding| wanted.contains(&finding.verdict)).count()
    };
    let all: Vec<&Finding> = findings.iter().collect();
    let numbers = |of: &[&Finding]| {
        format!(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\"",
            of.len(),
            count(of, &[Verdict::Fail, Verdict::Warn]),
            count(of, &[Verdict::Unknown])
        )
    };
    let mut out = vec!["<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned()];
    let name = attribute(&format!("probe {}", facts.subject));
    out.push(format!("<testsuites name=\"{name}\" {}>", numbers(&all)));
    let mut places: Vec<&str> = Vec::new();
    for finding in findings {
        if !places.contains(&finding.on.as_str()) {
            places.push(&finding.on);
        }
    }
    let day = super::stamp(facts.time);
    for place in places {
        let here: Vec<&Finding> = findings.iter().filter(|finding| finding.on == place).collect();
        let name = attribute(place);
        out.push(format!("  <testsuite name=\"{name}\" {} timestamp=\"{day}\">", numbers(&here)));
        for finding in here {
            case(&mut out, finding);
        }
        out.push("  </testsuite>".into());
    }
    out.push("</testsuites>".into());
    out
}

fn case(out: &mut Vec<String>, finding: &Finding) {
    let entry = finding.entry;
    let head = format!(
        "    <testcase classname=\"{}\" name=\"{}\"",
        attribute(&finding.on),
        attribute(&format!("{} {}", entry.id, entry.title))
    );
    let (element, kind) = match finding.verdict {
        Verdict::Pass => {
            out.push(format!("{head}/>"));
            return;
        }
        Verdict::Warn => ("failure", "warn"),
        Verdict::Fail => ("failure", "fail"),
        Verdict::Unknown => ("error", "unknown"),
    };
    out.push(format!("{head}>"));
    out.push(format!(
        "      <{element} type=\"{kind}\" message=\"{}\">{} ({})",
        attribute(&finding.evidence),
        text(entry.why),
        text(entry.rfc)
    ));
    for (place, fix) in entry.fixes() {
        out.push(format!("{place}: {}", text(fix)));
    }
    out.push(format!("      </{element}>"));
    out.push("    </testcase>".into());
}

/// Text that may stand in an element; without what XML 1.0 cannot hold.
fn text(text: &str) -> String {
    sanitize::line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn attribute(value: &str) -> String {
    text(value).replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::probe::catalogue;
    use crate::verbs::probe::render::json::tests::{findings, report};

    #[test]
    fn a_document_as_continuous_integration_reads_it() {
        let all = lines(&report(), &findings());
        assert_eq!(
            all[..6],
            [
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
                "<testsuites name=\"probe imaps://mail.example\" tests=\"4\" failures=\"1\" errors=\"1\">",
                "  <testsuite name=\"imaps://mail.example:993\" tests=\"4\" failures=\"1\" errors=\"1\" timestamp=\"2026-11-14T12:00:00Z\">",
                "    <testcase classname=\"imaps://mail.example:993\" name=\"IMAP-001 the server greets with OK or PREAUTH\"/>",
                "    <testcase classname=\"imaps://mail.example:993\" name=\"TLS-004 the certificate is for the name that clients connect to\">",
                "      <failure type=\"fail\" message=\"the certificate is not for mail.example but for other.example\">Anybody who has some certificate could answer in its place; clients warn or refuse, and MTA-STS senders do not deliver. (RFC 6125 section 6; RFC 7817 section 3; RFC 8461 section 4.1)",
            ]
        );
        assert_eq!(all.last().map(String::as_str), Some("</testsuites>"));
    }

    #[test]
    fn nothing_of_a_server_becomes_markup() {
        let found = catalogue::SMTP_EHLO.bad("x", "</failure><&\"\u{1b}[1m\u{0}");
        let all = lines(&report(), &[found]).join("\n");
        assert!(all.contains("message=\"&lt;/failure&gt;&lt;&amp;&quot;"), "{all}");
        assert!(!all.contains('\u{1b}') && !all.contains('\u{0}'));
    }
}
