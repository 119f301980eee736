//! Folder patterns: RFC 9051 section 6.3.9, with `/` between the levels.
//!
//! It knows no server's delimiter; names are UTF-8 and compared octet for octet, but for
//! `INBOX`, which has no case.

/// Whether `name` fits `pattern`: `*` stands for any octets, `%` for any but `/`, all else
/// for itself.
pub fn matches(pattern: &str, name: &str) -> bool {
    let inbox_octets = if is_inbox(first_level(name)) { "INBOX".len() } else { 0 };
    let name = name.as_bytes();
    // fits[i]: the part of the pattern seen so far fits the first i octets of the name.
    // Plain tables, as backtracking takes exponential time on `*a*a*a`.
    let mut fits = vec![false; name.len() + 1];
    fits[0] = true;
    for wanted in pattern.bytes() {
        let mut next = vec![false; name.len() + 1];
        match wanted {
            b'*' | b'%' => {
                next[0] = fits[0];
                for i in 0..name.len() {
                    let extends = next[i] && (wanted == b'*' || name[i] != b'/');
                    next[i + 1] = fits[i + 1] || extends;
                }
            }
            _ => {
                for i in 0..name.len() {
                    let equal = wanted == name[i]
                        || (i < inbox_octets && wanted.eq_ignore_ascii_case(&name[i]));
                    next[i + 1] = fits[i] && equal;
                }
            }
        }
        fits = next;
    }
    fits[name.len()]
}

/// Whether `name` fits one of `patterns`, or there are none.
pub fn matches_any(patterns: &[String], name: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, name))
}

/// The name up to its first `/`.
fn first_level(name: &str) -> &str {
    name.split_once('/').map_or(name, |(first, _)| first)
}

fn is_inbox(name: &str) -> bool {
    name.eq_ignore_ascii_case("INBOX")
}

/// `name` with its first level written `INBOX` where it is that in any case
/// (RFC 9051 section 5.1: the name has no case).
pub fn canonical(name: &str) -> String {
    let first = first_level(name);
    if is_inbox(first) { format!("INBOX{}", &name[first.len()..]) } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_cross_levels_and_percents_do_not() {
        assert!(matches("*", "a/b/c"));
        assert!(matches("%", "a"));
        assert!(!matches("%", "a/b"));
        assert!(matches("a/%", "a/b"));
        assert!(!matches("a/%", "a/b/c"));
        assert!(matches("a/*", "a/b/c"));
        assert!(matches("%/c", "b/c"));
        assert!(matches("*c", "a/b/c"));
        assert!(!matches("a", "a/b"));
        assert!(matches("", ""));
        assert!(!matches("", "a"));
        assert!(matches("a**b", "ab"));
    }

    #[test]
    fn inbox_has_no_case_and_others_have() {
        assert!(matches("inbox", "INBOX"));
        assert!(matches("inBox/Sub", "INBOX/Sub"));
        assert!(!matches("inbox/sub", "INBOX/Sub"));
        assert!(!matches("sent", "Sent"));
        assert_eq!(canonical("inbox/Sub"), "INBOX/Sub");
        assert_eq!(canonical("inboxes"), "inboxes");
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "*a".repeat(60) + "b";
        assert!(!matches(&pattern, &"a".repeat(900)));
    }
}
