//! Wildmats: patterns of newsgroup names, RFC 3977 section 4.
//!
//! ```text
//! wildmat = wildmat-pattern *("," ["!"] wildmat-pattern)
//! wildmat-pattern = 1*wildmat-item
//! wildmat-item = wildmat-exact / "*" / "?"
//! ```

/// A list of patterns, the last that fits decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wildmat(String);

impl Wildmat {
    /// Reads a wildmat; `None` for text that is none.
    pub fn new(text: &str) -> Option<Self> {
        let mut patterns = text.split(',');
        let is_pattern =
            |item: &str| !item.is_empty() && item.chars().all(|c| is_exact(c) || "*?".contains(c));
        let first = patterns.next().is_some_and(is_pattern);
        let rest = patterns.all(|item| is_pattern(item.strip_prefix('!').unwrap_or(item)));
        (first && rest).then(|| Self(text.to_owned()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one name and no pattern.
    pub fn is_name(&self) -> bool {
        !self.0.contains(['*', '?', ','])
    }

    /// Whether the rightmost pattern that fits the name does not begin with `!`.
    pub fn matches(&self, name: &str) -> bool {
        for item in self.0.rsplit(',') {
            let (pattern, is_wanted) = match item.strip_prefix('!') {
                Some(pattern) => (pattern, false),
                None => (item, true),
            };
            if fits(pattern, name) {
                return is_wanted;
            }
        }
        false
    }
}

impl std::fmt::Display for Wildmat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a character stands for itself in a wildmat: all but blanks, controls and
/// ``! * , ? [ \ ]``.
pub fn is_exact(char: char) -> bool {
    char > ' ' && char != '\u{7f}' && !"!*,?[\\]".contains(char)
}

/// One pattern against a name, `*` any characters and `?` one. Goes back to the last star only,
/// so that no pattern takes longer than the product of both lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    // Behind the last star: what follows it, and where the name may be tried again.
    let mut star = None;
    loop {
        match (pattern.next(), name.clone().next()) {
            (Some('*'), _) => star = Some((pattern.clone(), name.clone())),
            (Some('?'), Some(_)) => {
                name.next();
            }
            (Some(wanted), Some(found)) if wanted == found => {
                name.next();
            }
            (None, None) => return true,
            _ => {
                let Some((behind, mut from)) = star.take() else { return false };
                if from.next().is_none() {
                    return false;
                }
                pattern = behind.clone();
                name = from.clone();
                star = Some((behind, from));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(wildmat: &str, name: &str) -> bool {
        Wildmat::new(wildmat).expect(wildmat).matches(name)
    }

    #[test]
    fn the_examples_of_rfc_3977_section_4_4() {
        // In the RFC's table: "a*,!*b,*c*".
        for (name, is) in [("aaa", true), ("abb", false), ("ccb", true), ("xxx", false)] {
            assert_eq!(matches("a*,!*b,*c*", name), is, "{name}");
        }
        assert!(matches("comp.lang.*,!*.c", "comp.lang.rust"));
        assert!(!matches("comp.lang.*,!*.c", "comp.lang.c"));
        assert!(matches("*?.", "ab."));
        assert!(!matches("a?", "a"));
        assert!(matches("a?", "aö"));
        assert!(matches("*", ""));
        assert!(matches("**a**b", "xaxb"));
    }

    #[test]
    fn what_is_no_wildmat() {
        for text in ["", ",", "a,", "!a", "a,!", "a b", "[a]", "a\\b", "a,!!b", "a\u{1}"] {
            assert_eq!(Wildmat::new(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn stars_that_are_filled_in_match(parts in proptest::collection::vec("[a-c.]{0,3}", 1..5),
                                          fills in proptest::collection::vec("[a-d.]{0,4}", 5)) {
            let pattern = parts.join("*");
            prop_assume!(!pattern.is_empty());
            let name: String = parts.iter().enumerate().fold(String::new(), |name, (at, part)| {
                let fill = if at == 0 { "" } else { fills[at].as_str() };
                name + fill + part
            });
            prop_assert!(matches(&pattern, &name), "{} {}", pattern, name);
        }

        #[test]
        fn a_long_name_takes_no_time(stars in 1usize..40) {
            let pattern = "*a".repeat(stars) + "b";
            prop_assert!(!matches(&pattern, &"a".repeat(4_000)));
        }
    }
}
