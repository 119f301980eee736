//! A first look at a message's raw octets, which says "no" where that is certain, so that
//! nothing has to be decoded.
//!
//! A word that the query cannot do without, and that stands nowhere in the octets, is not in
//! the decoded text either, as long as nothing was encoded. So the look gives up, and says
//! "perhaps", on the first sign of an encoding: base64, quoted-printable, encoded words, HTML,
//! charsets whose octets are not ASCII's, and any octet beyond ASCII, for what folds to ASCII.
//! Looking through base64 and quoted-printable is left to the evaluation.

use aho_corasick::AhoCorasick;

use crate::query::{Expr, Field, Pattern, Term};

/// Signs in a whole message that text is not as it stands: encodings, HTML, and charsets in
/// which ASCII has other octets, by their names and by the NUL and ESC that they need.
const ENCODED: [&str; 15] = [
    "base64",
    "quoted-printable",
    "=?",
    "html",
    "utf-7",
    "utf_7",
    "utf7",
    "utf-16",
    "utf_16",
    "utf16",
    "unicode",
    "ucs",
    "charset*",
    "\0",
    "\u{1b}",
];

/// Signs in a header block.
const ENCODED_HEADER: [&str; 1] = ["=?"];

/// Shortest word that is worth a look, in octets.
const SHORTEST: usize = 2;

/// Most words of which one has to be there.
const ALTERNATIVES: usize = 64;

/// Which octets are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The header block.
    Header,
    /// The whole message.
    Whole,
}

/// Knows what a message must have in it.
#[derive(Debug, Clone)]
pub struct Look {
    automaton: AhoCorasick,
}

impl Look {
    /// What every message that the query asks for has in these octets; `None` where no word is
    /// needed for sure.
    pub fn new(expr: &Expr, extent: Extent) -> Option<Look> {
        let words = needed(expr, extent)?;
        let signs: &[&str] = match extent {
            Extent::Header => &ENCODED_HEADER,
            Extent::Whole => &ENCODED,
        };
        let patterns = signs.iter().map(|sign| (*sign).to_owned()).chain(words);
        // Too large an automaton: then there is no first look.
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(patterns).ok()?;
        Some(Look { automaton })
    }

    /// `false`: the query does not ask for the message that these octets are of.
    pub fn may_match(&self, octets: &[u8]) -> bool {
        !octets.is_ascii() || self.automaton.is_match(octets)
    }
}

/// Words of which at least one stands in every message that the query asks for.
fn needed(expr: &Expr, extent: Extent) -> Option<Vec<String>> {
    match expr {
        Expr::All | Expr::Not(_) => None,
        Expr::Or(list) => {
            let mut words = Vec::new();
            for part in list {
                words.extend(needed(part, extent)?);
            }
            (!words.is_empty() && words.len() <= ALTERNATIVES).then_some(words)
        }
        // The longest words are the rarest, as a rule.
        Expr::And(list) => list
            .iter()
            .filter_map(|part| needed(part, extent))
            .max_by_key(|words| words.iter().map(String::len).min()),
        Expr::Term(term) => word_of(term, extent).map(|word| vec![word]),
    }
}

/// The longest part of a term's value that stands in one piece in the raw octets.
fn word_of(term: &Term, extent: Extent) -> Option<String> {
    let pattern = match term {
        Term::Match(field, pattern) => match field {
            Field::From | Field::To | Field::Cc | Field::Bcc | Field::Subject | Field::List => {
                pattern
            }
            Field::Body | Field::Text if extent == Extent::Whole => pattern,
            // Ids lose their folds, parameters have encodings of their own, and the rest is
            // not in the octets.
            _ => return None,
        },
        Term::Header(_, pattern) => pattern,
        _ => return None,
    };
    let Pattern::Text(value) = pattern else { return None };
    // A fold or a line's end stands where a blank is; the colon behind a field's name, and
    // with it the blank that we put there, may stand otherwise.
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_@/+".contains(c);
    let words = value.as_str().split(|c| !plain(c));
    let word = words.max_by_key(|word| word.len())?;
    (word.len() >= SHORTEST).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Attributes, Context, Local, parse};
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn expr(query: &str) -> Expr {
        let now = "2026-03-15T12:00:00Z".parse().expect("a time");
        parse(query, &Context { now, zone: TimeZone::UTC }).expect(query)
    }

    #[test]
    fn what_cannot_be_done_without() {
        for (query, header, whole) in [
            ("budget", None, Some("budget")),
            ("from:ann body:\"quarterly report\"", Some("ann"), Some("quarterly")),
            ("from:ann OR subject:bob", Some("ann bob"), Some("ann bob")),
            ("from:ann OR is:unread", None, None),
            ("-from:ann", None, None),
            ("subject:/x+/", None, None),
            ("subject:東京", None, None),
            ("id:a@b.c", None, None),
            ("from:a", None, None),
        ] {
            let words = |extent| needed(&expr(query), extent).map(|words| words.join(" "));
            assert_eq!(words(Extent::Header).as_deref(), header, "{query}");
            assert_eq!(words(Extent::Whole).as_deref(), whole, "{query}");
        }
    }

    #[test]
    fn a_look_is_certain_or_says_perhaps() {
        let look = Look::new(&expr("budget"), Extent::Whole).expect("a word");
        assert!(!look.may_match(b"Subject: x\n\nnothing here\n"));
        assert!(look.may_match(b"Subject: x\n\nthe BUDGET\n"));
        assert!(look.may_match(b"Content-Transfer-Encoding: Base64\n\nYnVkZ2V0\n"));
        assert!(look.may_match(b"Subject: =?utf-8?q?b=75dget?=\n\n"));
        assert!(look.may_match(b"Content-Type: text/HTML\n\nbud<b></b>get"));
        assert!(look.may_match("Subject: gr\u{fc}n\n\n".as_bytes()));
    }

    proptest! {
        #[test]
        fn no_match_is_lost(
            words in prop::collection::vec("[a-c]{1,3}", 0..4),
            body in "[a-cA-C =\n]{0,40}",
            subject in "[a-c ]{0,12}",
            encoding in prop::sample::select(vec!["7bit", "quoted-printable", "base64"]),
        ) {
            let query = words.join(" ");
            let message = format!(
                "Subject: {subject}\nContent-Transfer-Encoding: {encoding}\n\n{body}"
            );
            let expr = expr(&query);
            let matches = Local::new(message.as_bytes(), Attributes::default()).matches(&expr);
            if let Some(look) = Look::new(&expr, Extent::Whole) {
                prop_assert!(!matches || look.may_match(message.as_bytes()));
            }
        }
    }

    #[test]
    fn no_real_match_is_lost() {
        for (path, octets) in crate::message::corpus("literal") {
            for query in ["test", "body:hello", "from:com", "subject:re OR body:lorem"] {
                let expr = expr(query);
                let local = Local::new(&octets, Attributes::default());
                let look = Look::new(&expr, Extent::Whole).expect("a word");
                let matches = local.matches(&expr);
                assert!(!matches || look.may_match(&octets), "{query} in {}", path.display());
            }
        }
    }
}
