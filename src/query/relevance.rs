//! How much of what is looked for is in a message, for `--sort relevance`.
//!
//! Each text term that is not negated counts where it stands: most in the subject, then in
//! addresses, then in the text, where more hits count for less and less, and for less in a long
//! text than in a short one. The number means nothing by itself.

use super::ast::{Expr, Field, Term};
use super::pattern::Pattern;
use crate::message::facts::{Facts, Header};

/// Most hits of one term that are counted.
const HITS: usize = 100;

/// Length of an ordinary text, in octets.
const ORDINARY_OCTETS: f64 = 4096.0;

/// The score of a message that the query asks for.
pub fn score(expr: &Expr, facts: &Facts<'_>) -> f64 {
    of(expr, facts.header(), &|| facts.texts())
}

/// The same, of a message whose header and texts came one by one.
pub fn score_of(expr: &Expr, header: &Header, texts: &[String]) -> f64 {
    of(expr, header, &|| texts)
}

fn of<'t>(expr: &Expr, header: &Header, texts: &dyn Fn() -> &'t [String]) -> f64 {
    let mut terms = Vec::new();
    wanted(expr, &mut terms);
    terms.into_iter().map(|(field, pattern)| of_term(field, pattern, header, texts)).sum()
}

/// The text terms that a message had better have.
fn wanted<'e>(expr: &'e Expr, terms: &mut Vec<(Field, &'e Pattern)>) {
    match expr {
        Expr::All | Expr::Not(_) => {}
        Expr::And(list) | Expr::Or(list) => list.iter().for_each(|part| wanted(part, terms)),
        Expr::Term(Term::Match(field, pattern)) if *pattern != Pattern::Present => {
            terms.push((*field, pattern));
        }
        Expr::Term(_) => {}
    }
}

fn of_term<'t>(
    field: Field,
    pattern: &Pattern,
    header: &Header,
    texts: &dyn Fn() -> &'t [String],
) -> f64 {
    let in_field = |name: &str, weight: f64| {
        let hits: usize = header.values(name).map(|text| pattern.count(text, HITS)).sum();
        weight * saturated(hits, 0)
    };
    match field {
        Field::Text => {
            in_field("Subject", 4.0)
                + ["From", "To", "Cc"].iter().map(|name| in_field(name, 2.0)).sum::<f64>()
                + in_text(pattern, texts())
        }
        Field::Body => in_text(pattern, texts()),
        Field::Subject => in_field("Subject", 4.0),
        _ => field.header_name().map_or(0.0, |name| in_field(name, 2.0)),
    }
}

fn in_text(pattern: &Pattern, texts: &[String]) -> f64 {
    let hits: usize = texts.iter().map(|text| pattern.count(text, HITS)).sum();
    saturated(hits, texts.iter().map(String::len).sum())
}

/// Between 0 and 1: hits in a text of so many octets (after Robertson's BM25, k = 1.2, b = 0.75).
fn saturated(hits: usize, octets: usize) -> f64 {
    let number = |n: usize| u32::try_from(n).map_or(f64::from(u32::MAX), f64::from);
    let length = number(octets) / ORDINARY_OCTETS;
    let hits = number(hits);
    hits / (hits + 1.2 * (0.25 + 0.75 * length))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::super::{Context, parse};
    use super::*;

    fn expr(query: &str) -> Expr {
        parse(query, &Context { now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC }).expect(query)
    }

    #[test]
    fn the_better_match_has_the_higher_score() {
        let score =
            |query: &str, message: &str| score(&expr(query), &Facts::new(message.as_bytes()));
        let once = "Subject: x\n\nbudget\n";
        let twice = "Subject: x\n\nbudget budget\n";
        let subject = "Subject: budget\n\nbudget\n";
        let long = format!("Subject: x\n\nbudget {}\n", "word ".repeat(10_000));
        assert!(score("budget", subject) > score("budget", twice));
        assert!(score("budget", twice) > score("budget", once));
        assert!(score("budget", once) > score("budget", &long));
        assert_eq!(score("-budget", once), 0.0);
        assert_eq!(score("is:read", once), 0.0);
        assert!(score("budget x", once) > score("budget", once));
    }
}
