//! What mail has to have come when all is over (`--expect`).
//!
//! ```text
//! expectation = query and any of "count:" number, "count:" [number] ".." [number],
//!               "within:" span, "never"
//! ```
//!
//! These three stand between the terms of the query, outside of parentheses. Without `count:`
//! at least one message is expected.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::accepted::{Accepted, Log, with_envelope};
use super::faults::span;
use crate::query::{self, Context, Expr};

/// Messages that the explanation of one expectation shows.
const SHOWN: usize = 10;

/// One expectation.
#[derive(Debug, Clone)]
pub struct Expectation {
    text: String,
    /// As it is evaluated.
    expr: Expr,
    /// What has to be true at once, each as it is written and as it is evaluated.
    terms: Vec<(String, Expr)>,
    least: u64,
    /// `None`: any number above.
    most: Option<u64>,
    within: Duration,
}

/// How an expectation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nothing that may come has to be waited for.
    Met,
    /// It is met unless more comes.
    MetSoFar,
    /// More has to come.
    Lacking,
    /// Too much came.
    Exceeded,
}

impl FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (query, words) = divide(text);
        let context = Context { now: Timestamp::now(), zone: TimeZone::system() };
        let expr = query::parse(&query, &context)
            .map_err(|error| format!("\n{}", error.render(&query)))?;
        let mut count = None;
        let mut within = None;
        for (offset, word) in words {
            let wrong = |wanted: &str| {
                let before = text.get(..offset).map_or(0, |before| before.chars().count());
                let (blank, mark) = (" ".repeat(before), "^".repeat(word.len()));
                let line: String =
                    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                format!("\n{line}\n{blank}{mark}\nexpected {wanted}")
            };
            if let Some(value) = word.strip_prefix("within:") {
                let span = span(value).ok_or_else(|| wrong("a time, as in within:5s"))?;
                if within.replace(span).is_some() {
                    return Err(wrong("only one within:"));
                }
                continue;
            }
            let range = match word.strip_prefix("count:") {
                Some(value) => {
                    range(value).ok_or_else(|| wrong("a number, as in count:1 or count:2.."))?
                }
                None => (0, Some(0)),
            };
            if count.replace(range).is_some() {
                return Err(wrong("only one of count: and never"));
            }
        }
        let (least, most) = count.unwrap_or((1, None));
        let parts = match &expr {
            Expr::All => Vec::new(),
            Expr::And(list) => list.clone(),
            one => vec![one.clone()],
        };
        let terms = parts.into_iter().map(|part| (part.to_string(), with_envelope(part)));
        Ok(Self {
            text: text.to_owned(),
            terms: terms.collect(),
            expr: with_envelope(expr),
            least,
            most,
            within: within.unwrap_or_default(),
        })
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The query with blanks where our own words stood, and those with their offsets.
fn divide(text: &str) -> (String, Vec<(usize, &str)>) {
    let mut query = text.to_owned();
    let mut words = Vec::new();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(c) = text[at..].chars().next() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c.is_whitespace() || c == '(' || c == ')' {
            at += c.len_utf8();
            continue;
        }
        let rest = &text[at..];
        let length =
            rest.find(|c: char| c.is_whitespace() || c == '(' || c == ')').unwrap_or(rest.len());
        let word = &rest[..length];
        if let Some(end) = enclosed_end(rest, word) {
            at += end;
            continue;
        }
        let is_ours = word == "never" || word.starts_with("count:") || word.starts_with("within:");
        if depth == 0 && is_ours {
            words.push((at, word));
            query.replace_range(at..at + length, &" ".repeat(length));
        }
        at += length;
    }
    (query, words)
}

/// Where the phrase or regular expression ends that begins in this word, behind its colon.
fn enclosed_end(rest: &str, word: &str) -> Option<usize> {
    let octets = word.as_bytes();
    let start = (0..octets.len()).find(|&at| {
        matches!(octets[at], b'"' | b'/')
            && (at == 0 || octets[at - 1] == b':' || (at == 1 && octets[0] == b'-'))
    })?;
    let mark = octets[start];
    let mut is_escaped = false;
    let end = rest.bytes().enumerate().skip(start + 1).find(|(_, octet)| {
        let ends = *octet == mark && !is_escaped;
        is_escaped = *octet == b'\\' && !is_escaped;
        ends
    });
    end.map(|(at, _)| at + 1)
}

/// `3`, `2..`, `2..5`, `..5`.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let number = |text: &str| -> Option<u64> {
        text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok()).flatten()
    };
    let Some((least, most)) = text.split_once("..") else {
        let exact = number(text)?;
        return Some((exact, Some(exact)));
    };
    match (least, most) {
        ("", "") => None,
        (least, "") => Some((number(least)?, None)),
        ("", most) => Some((0, Some(number(most)?))),
        (least, most) => {
            let (least, most) = (number(least)?, number(most)?);
            (least <= most).then_some((least, Some(most)))
        }
    }
}

impl Expectation {
    fn standing(&self, log: &Log) -> Standing {
        let count = log.count(&self.expr);
        if self.most.is_some_and(|most| count > most) {
            Standing::Exceeded
        } else if count < self.least {
            Standing::Lacking
        } else if self.least == 0 {
            Standing::MetSoFar
        } else {
            Standing::Met
        }
    }

    /// What keeps it from being met, for people, the first line being the verdict; `None`
    /// when it is met.
    pub fn unmet(&self, log: &Log) -> Option<Vec<String>> {
        let standing = self.standing(log);
        if matches!(standing, Standing::Met | Standing::MetSoFar) {
            return None;
        }
        let all = log.all();
        let (matching, others): (Vec<_>, Vec<_>) =
            all.iter().partition(|message| message.matches(&self.expr));
        let came = match matching.len() {
            1 => "1 message came".to_owned(),
            count => format!("{count} messages came"),
        };
        let mut lines = vec![format!("not as expected: {self}: {came}, not {}", self.wanted())];
        for message in matching.iter().take(SHOWN) {
            lines.push(format!("+ {}", message.told().summary()));
        }
        if standing == Standing::Exceeded {
            lines.extend(left_out(matching.len()));
            return Some(lines);
        }
        if all.is_empty() {
            lines.push("- no mail came at all".to_owned());
        }
        // The nearest first: what only one term kept out is what was meant, probably.
        let mut others: Vec<(Vec<&str>, &Accepted)> =
            others.into_iter().map(|message| (self.lacking(message), &**message)).collect();
        others.sort_by_key(|(lacking, message)| (lacking.len(), std::cmp::Reverse(message.id)));
        for (lacking, message) in others.iter().take(SHOWN) {
            lines.push(format!("- {}", message.told().summary()));
            lines.push(format!("    is not {}", lacking.join(", nor ")));
        }
        lines.extend(left_out(others.len()));
        Some(lines)
    }

    /// The terms that are not true of a message.
    fn lacking(&self, message: &Accepted) -> Vec<&str> {
        let terms = self.terms.iter();
        terms.filter(|(_, expr)| !message.matches(expr)).map(|(text, _)| text.as_str()).collect()
    }

    fn wanted(&self) -> String {
        match (self.least, self.most) {
            (_, Some(0)) => "none".to_owned(),
            (least, None) => format!("{least} or more"),
            (0, Some(most)) => format!("{most} at most"),
            (least, Some(most)) if least == most => least.to_string(),
            (least, Some(most)) => format!("{least} to {most}"),
        }
    }
}

fn left_out(count: usize) -> Option<String> {
    (count > SHOWN).then(|| format!("  and {} more", count - SHOWN))
}

/// Waits until nothing that may still come could change what is to be said, or the times of
/// all expectations are over. Cancel-safe.
pub async fn settle(expectations: &[Expectation], log: &Log) {
    let start = Instant::now();
    let mut changes = log.changes();
    loop {
        // Before looking, so that no message is missed between looking and waiting.
        changes.borrow_and_update();
        let now = start.elapsed();
        let deadline = expectations
            .iter()
            .filter(|expectation| expectation.within > now)
            .filter(|expectation| {
                matches!(expectation.standing(log), Standing::Lacking | Standing::MetSoFar)
            })
            .map(|expectation| expectation.within)
            .max();
        let Some(deadline) = deadline else { return };
        // A log that is gone brings nothing more: then only the time is waited for.
        let next = async {
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let _ = tokio::time::timeout_at(start + deadline, next).await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::accepted::tests::add;
    use super::*;

    fn expectation(text: &str) -> Expectation {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn own_words_stand_between_the_terms() {
        let all = expectation("to:bob subject:/Welcome to/ count:1 within:5s");
        assert_eq!((all.least, all.most), (1, Some(1)));
        assert_eq!(all.within, Duration::from_secs(5));
        let terms: Vec<&str> = all.terms.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(terms, ["to:bob", "subject:/Welcome to/"]);

        let never = expectation("never to:carol");
        assert_eq!((never.least, never.most), (0, Some(0)));
        let any = expectation("within:200ms");
        assert_eq!((any.least, any.most, any.terms.len()), (1, None, 0));
        assert_eq!(expectation("count:2.. x").most, None);
        assert_eq!(expectation("count:..3 x").most, Some(3));
        // Within a phrase, a regular expression or parentheses they are the query's.
        for text in [
            "subject:\"count:9 never\"",
            "subject:/never count:9/",
            "(\"never\" OR x)",
            "-\"a never b\"",
            "header:X-A:\"b count:7\"",
        ] {
            let (query, words) = divide(text);
            assert_eq!((query.as_str(), words.len()), (text, 0));
        }
    }

    #[test]
    fn mistakes_are_shown_where_they_are() {
        for (text, place, wanted) in [
            ("to:bob count:x", "       ^^^^^^^", "a number"),
            ("to:bob count:3..2", "       ^^^^^^^^^^", "a number"),
            ("within:soon", "^^^^^^^^^^^", "a time"),
            ("never count:1", "      ^^^^^^^", "only one"),
            ("count:1 tp:bob", "        ^^^", "to:"),
        ] {
            let error = text.parse::<Expectation>().expect_err(text);
            let lines: Vec<&str> = error.lines().skip(2).collect();
            assert_eq!(lines[0], place, "{text}: {error}");
            assert!(lines[1].contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_unmet_is_explained() {
        let log = Log::new(None);
        let lacking = expectation("to:bob subject:welcome count:2");
        let lines = lacking.unmet(&log).expect("nothing came");
        assert_eq!(lines[0], format!("not as expected: {lacking}: 0 messages came, not 2"));
        assert_eq!(lines[1..], ["- no mail came at all"]);

        add(&log, &["carol@example.test"], "Hello", "\r\nx\r\n");
        add(&log, &["bob@example.test"], "Welcome", "\r\nx\r\n");
        add(&log, &["bob@example.test"], "Goodbye", "\r\nx\r\n");
        let lines = lacking.unmet(&log).expect("only one came");
        assert!(lines[0].ends_with(": 1 message came, not 2"), "{lines:?}");
        assert_eq!(
            lines[1..],
            [
                "+ #2 smtp from <app@example.test> to <bob@example.test>: Welcome",
                "- #3 smtp from <app@example.test> to <bob@example.test>: Goodbye",
                "    is not subject:welcome",
                "- #1 smtp from <app@example.test> to <carol@example.test>: Hello",
                "    is not to:bob, nor subject:welcome",
            ]
        );
        let exceeded = expectation("to:bob never").unmet(&log).expect("two came");
        assert_eq!(exceeded[0], "not as expected: to:bob never: 2 messages came, not none");
        assert_eq!(exceeded.len(), 3);
        for met in ["to:bob count:2", "to:bob", "to:dave never", "count:3", "count:2..4"] {
            assert_eq!(expectation(met).unmet(&log), None, "{met}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn waiting_ends_with_the_message_or_the_time() {
        let log = Log::new(None);
        let start = std::time::Instant::now();
        settle(&[expectation("to:bob")], &log).await;
        let patient = [expectation("to:bob within:1min"), expectation("to:carol never")];
        tokio::join!(settle(&patient, &log), async {
            tokio::task::yield_now().await;
            add(&log, &["bob@example.test"], "x", "\r\n");
        });
        assert!(start.elapsed() < Duration::from_secs(30));
        let start = std::time::Instant::now();
        settle(&[expectation("to:dave never within:40ms")], &log).await;
        assert!(start.elapsed() >= Duration::from_millis(40));
    }
}
