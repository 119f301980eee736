//! What a regular expression cannot match without: words of which one is in every text that it
//! matches, for whoever looks before it reads in full.
//!
//! The words are right up to case, as the expression itself is. It finds what is plain to see,
//! not all that could be known.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

use crate::base::limits::NESTING;

/// Most words that are alternatives of each other.
const ALTERNATIVES: usize = 32;

/// The literals of which one is in every text that the expression matches; `None` where there
/// are none.
pub(super) fn needed(source: &str) -> Option<Vec<String>> {
    let hir = ParserBuilder::new()
        .nest_limit(u32::try_from(NESTING).unwrap_or(u32::MAX))
        .multi_line(true)
        .crlf(true)
        .build()
        .parse(source)
        .ok()?;
    of(&hir).filter(|list| list.len() <= ALTERNATIVES)
}

fn of(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) => None,
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            (!text.trim().is_empty()).then(|| vec![text.to_owned()])
        }
        HirKind::Repetition(repeated) => (repeated.min > 0).then(|| of(&repeated.sub)).flatten(),
        HirKind::Capture(group) => of(&group.sub),
        // The longest are the rarest, as a rule.
        HirKind::Concat(list) => list.iter().filter_map(of).max_by_key(|words| rarity(words)),
        HirKind::Alternation(list) => {
            let each: Option<Vec<Vec<String>>> = list.iter().map(of).collect();
            each.map(|words| words.concat()).filter(|words| words.len() <= ALTERNATIVES)
        }
    }
}

fn rarity(words: &[String]) -> usize {
    words.iter().map(String::len).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Pattern, fold};
    use proptest::prelude::*;

    #[test]
    fn what_is_plain_to_see() {
        for (source, words) in [
            ("INV-[0-9]{6}", Some("INV-")),
            ("never there [0-9]+ times", Some("never there ")),
            ("colou?r", Some("colo")),
            ("(invoice|bill) *[0-9]", Some("invoice|bill")),
            ("(?:ab)+c{2,}", Some("ab")),
            (r"example\.org$", Some("example.org")),
            (r"\bbudget\b", Some("budget")),
            ("(?-i)Ann", Some("Ann")),
            ("東京|大阪", Some("東京|大阪")),
            ("(a|[0-9]+)", None),
            ("x*", None),
            ("[ab]c?", None),
            ("", None),
            ("(?i)ann", None),
            (r"\s+", None),
        ] {
            assert_eq!(needed(source).map(|list| list.join("|")).as_deref(), words, "{source}");
        }
    }

    #[test]
    fn what_is_the_same_letter_to_an_expression_is_folded_to_the_same() {
        use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};
        for c in '\0'..=char::MAX {
            let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
            class.case_fold_simple();
            let same = class.iter().flat_map(|range| range.start()..=range.end());
            for other in same {
                assert_eq!(fold(&c.to_string()), fold(&other.to_string()), "{c} {other}");
            }
        }
    }

    proptest! {
        #[test]
        fn one_is_in_every_text_that_matches(
            source in "([abskAK]|ſ|ß|\\(a\\|b\\)|\\(ab\\|[ks]+\\)|b\\?|a\\*|k\\+|[a-c]|\\.|\\^|\\$){1,5}",
            text in "([abckAKS]|ſ|ß|\u{212a}|\n){0,12}",
        ) {
            let Ok(pattern) = Pattern::regex(&source) else { return Ok(()) };
            if let Some(words) = needed(&source) && pattern.matches(&text) {
                let text = fold(&text).into_owned();
                let has = |word: &String| text.contains(fold(word).as_ref());
                prop_assert!(words.iter().any(has), "{source} in {text:?}: {words:?}");
            }
        }
    }
}
